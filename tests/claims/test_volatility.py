"""Chapter 3, first half: claims 3-1 and 3-2, and the replay of real events."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    HOURS_PER_YEAR,
    MODES,
    Account,
    FlashCrash,
    Position,
    Rules,
    event_names,
    event_record,
    liquidation_move,
    simulate,
)

from ..chapters import explorers_of, namespace_of, states_of
from .by_hand import BINANCE, COUNTING, EACH, OPENS, RATES, RULES, STAKE, SYMBOLS, four, slice_by_slice

# Lows and closes of 10 October 2025, as the opens.
LOWS = np.array([101_516.5, 3_400.0, 141.28, 0.08385])
CLOSES = np.array([112_714.9, 3_819.99, 187.65, 0.19312])

falls = st.lists(st.floats(0, 0.6), min_size=4, max_size=4).map(np.array)
leverages = st.sampled_from([4, 5, 10, 20, 50])


def after(account, move, rules=RULES):
    """Return the outcome of one step in which each price falls by its share."""
    return simulate(account, [OPENS * (1 - move)], rules=rules)


def fate(account, prices):
    """Return which positions are lost along paths (K, T, n) and what is left, without the engine.

    Closed by force is closed as a whole here: the fee takes more than the maintenance it frees.
    """
    lost = account.liquidatable(prices).any(axis=-2)
    kept = np.where(lost, 0.0, account.margin + account.unrealized_pnl(prices[..., -1, :])).sum(axis=-1)
    broken = lost[..., 0] & ~account.isolated[0]
    return lost, np.where(broken, 0.0, account.wallet + kept)


def numbers(text):
    """Return the numbers of a sentence; a percentage as a fraction."""
    found = re.findall(r"([+−]?)(\d[\d,]*(?:\.\d+)?)(%?)", text)
    return [(-1 if sign == "−" else 1) * float(n.replace(",", "")) / (100 if of else 1) for sign, n, of in found]


def said(name, **state):
    return explorers_of("volatility")[name].draw(**state)[1]


# --- 3-1: one crash, many positions ---------------------------------------------------------------------------


@given(falls)
def test_claim_3_1_the_pool_is_lost_as_a_whole_or_not_at_all(move):
    survived = after(four("cross"), move).survived
    assert survived.all() or not survived.any()


@given(falls, st.floats(0, 1), st.floats(0, 1))
def test_claim_3_1_the_more_the_others_follow_the_sooner_the_pool_breaks(move, one, other):
    less, more = (np.append(move[0], move[1:] * share) for share in sorted((one, other)))
    kept, gone = (after(four("cross"), at) for at in (less, more))
    assert kept.survived.all() or not gone.survived.any()
    assert gone.equity <= kept.equity + 1e-6


def test_claim_3_1_the_higher_the_correlation_the_more_often_the_pool_breaks():
    broken = []
    for correlation in (0, 0.5, 0.9, 1):
        prices = crash_paths(0.3, correlation, 500)
        broken.append((~simulate(four("cross"), prices, rules=RULES).survived).all(axis=1).mean())
    assert broken == sorted(broken)
    assert broken[0] == 0
    assert 0.05 < broken[1] < 0.25
    assert broken[2] > 0.9


@given(st.integers(0, 3), st.floats(0.2, 0.9), leverages.filter(lambda by: by > 4))
def test_claim_3_1_while_the_others_stand_still_the_pool_outlives_the_isolated_position(coin, fall, leverage):
    # The condition: a loss of at most 9,000 of the pool's 10,000, but more than an isolated margin of 2,000 or less.
    move = np.where(np.arange(4) == coin, fall, 0)
    assert after(four("cross"), move).survived.all()
    assert (after(four("isolated", leverage), move).survived == (np.arange(4) != coin)).all()


@given(falls, leverages)
def test_claim_3_1_where_the_pool_breaks_some_isolated_position_is_lost_too(move, leverage):
    # If every isolated position covers its maintenance, so do all of them together with the wallet.
    cross, isolated = after(four("cross"), move), after(four("isolated", leverage), move)
    assert cross.survived.all() or not isolated.survived.all()


@given(falls, leverages)
def test_claim_3_1_a_broken_pool_leaves_nothing_and_isolated_at_least_its_wallet(move, leverage):
    cross, account = after(four("cross"), move), four("isolated", leverage)
    assume(not cross.survived.any())
    assert cross.equity == 0
    assert after(account, move).equity >= account.wallet - 1e-9


CLOSED_ONE_BY_ONE = ("largest loss", "random", "as given")


@given(st.floats(1e-5, 0.003))
def test_claim_3_1_without_a_fee_a_closing_takes_nothing_from_the_others(beyond):
    pool = four("cross")
    marks = OPENS * (1 + liquidation_move(pool, OPENS)[0] - beyond)
    for order in CLOSED_ONE_BY_ONE:
        outcome = simulate(pool, [marks], rules=Rules(close="market", part="restore", order=order))
        assert outcome.survived.any()
        assert outcome.equity == pytest.approx(pool.equity(marks), abs=1e-6)


@given(st.floats(1e-5, 0.003), st.floats(0.0065, 0.02))
def test_claim_3_1_a_fee_above_every_maintenance_rate_makes_one_closing_lead_to_all(beyond, fee):
    pool = four("cross")
    marks = OPENS * (1 + liquidation_move(pool, OPENS)[0] - beyond)
    for order in CLOSED_ONE_BY_ONE:
        rules = Rules(close="market", part="restore", order=order, liquidation_fee=fee)
        assert not simulate(pool, [marks], rules=rules).survived.any()


@given(falls, st.integers(0, 10))
def test_claim_3_1_at_binance_which_documents_no_order_none_changes_a_number(move, seed):
    prices = np.broadcast_to(OPENS * (1 - move), (16, 1, 4))
    assert np.ptp(simulate(four("cross"), prices, rules=replace(RULES, order="random"), seed=seed).equity) == 0


def crash_paths(fall, correlation, paths):
    """Return the hourly paths of the chapter: the log price of the others falls by the correlation's share."""
    log = np.log1p(-fall) * np.array([1, correlation, correlation, correlation])
    model = FlashCrash(
        OPENS,
        fall=-np.expm1(log),
        at_step=0,
        down_steps=12,
        volatility_per_year=1,
        correlation=correlation,
        steps_per_year=HOURS_PER_YEAR,
    )
    return model.sample(np.random.default_rng(31), paths=paths, steps=24)


def test_the_crash_explorer_says_what_was_lost_and_left():
    for state in states_of(explorers_of("volatility")["crash"]):
        fall, correlation, leverage = state["fall"], state["correlation"], state["leverage"]
        prices = crash_paths(fall, correlation, 1_000)
        (cross, left), (isolated, apart) = (fate(four(mode, leverage), prices) for mode in MODES)
        counts = [lost.sum(axis=1) for lost in (cross, isolated)]
        hand = [
            fall,
            correlation,
            *(counts[0].mean(), leverage, counts[1].mean()),
            *((n == 4).mean() for n in counts),
            *(STAKE, left.mean(), apart.mean()),
        ]
        digits = [5e-4, 0, 0.0051, 0, 0.0051, 0.0051, 0.0051, 0, 0.51, 0.51]
        for told, found, within in zip(numbers(said("crash", **state)), hand, digits, strict=True):
            assert told == pytest.approx(found, abs=within + 1e-9), state


def cured(beyond, fee, queue):
    """Close by hand until the pool is cured: positions closed as a whole, share of value closed, what is left."""
    move = liquidation_move(four("cross"), OPENS)[0] - beyond
    value, equity, whole, closed = np.full(4, EACH * (1 + move)), STAKE + 4 * EACH * move, 0, 0.0
    while value.any() and equity < RATES @ value:
        # Closing x of a position frees x rate V and costs x fee V.
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(fee < RATES, (RATES @ value - equity) / ((RATES - fee) * value), np.inf)
        share = np.where((share < 1) & (value > 0), share, 1.0)
        # In part before as a whole, and then as the queue says.
        first = min(np.flatnonzero(value), key=lambda place: (share[place] == 1, queue[place]))
        closed += share[first] * value[first]
        equity = max(equity - share[first] * value[first] * fee, 0.0)
        whole += share[first] == 1
        value[first] *= 1 - share[first]
        if share[first] < 1 or equity == 0:
            break
    if equity == 0:
        whole, closed = 4, 4 * EACH * (1 + move)
    return whole, closed / (4 * EACH * (1 + move)), equity


def test_the_chain_explorer_says_what_is_closed_and_left():
    for state in states_of(explorers_of("volatility")["chain"], 20):
        told = numbers(said("chain", **state))
        queues = [cured(state["beyond"], state["fee"], queue) for queue in permutations(range(4))]
        expected = [state["beyond"], state["fee"]]
        for column, digits in zip(zip(*queues, strict=True), (0, 2, 0), strict=True):
            expected += sorted({round(end, digits) for end in (min(column), max(column))})
        assert told == pytest.approx(expected, abs=6e-5), state


# --- 3-2: a circuit breaker -----------------------------------------------------------------------------------


@given(falls, leverages)
def test_claim_3_2_each_isolated_position_fails_alone(move, leverage):
    together = after(four("isolated", leverage), move)
    for coin in range(4):
        alone = after(four("isolated", leverage), np.where(np.arange(4) == coin, move, 0))
        assert alone.survived[coin] == together.survived[coin]
        assert alone.survived[np.arange(4) != coin].all()


@given(falls, leverages)
def test_claim_3_2_what_was_not_set_aside_and_what_survives_are_left_untouched(move, leverage):
    account = four("isolated", leverage)
    outcome = after(account, move)
    assert outcome.wallet == pytest.approx(account.wallet, abs=1e-9)
    kept = account.margin - EACH * move
    assert outcome.equity == pytest.approx(account.wallet + kept[outcome.survived].sum(), abs=1e-6)


@given(falls)
def test_claim_3_2_with_everything_set_aside_a_crash_of_everything_takes_everything(move):
    # The condition: 4x sets all 10,000 aside, and each position falls by more than its quarter.
    outcome = after(four("isolated", 4), 0.25 + move / 2)
    assert outcome.equity == 0
    assert not outcome.survived.any()


@given(falls, leverages.filter(lambda by: by > 4))
def test_claim_3_2_a_breaker_that_tripped_misses_the_way_back_and_a_pool_that_lived_does_not(move, leverage):
    back = [OPENS * (1 - move * share) for share in (*np.linspace(0, 1, 50), *np.linspace(1, 0, 50))]
    cross, isolated = (simulate(four(mode, leverage), back, rules=RULES) for mode in MODES)
    assume(cross.survived.all() and not isolated.survived.all())
    assert cross.equity == pytest.approx(STAKE)
    assert isolated.equity == pytest.approx(STAKE - (~isolated.survived).sum() * EACH / leverage, abs=1e-6)


def october(depth, recovery, ticks):
    """Return the straight way down and back in logs, one step after another."""
    low = 1 - depth * (1 - LOWS / OPENS)
    end = low + recovery * (1 - low)
    down = np.arange(1, ticks + 1)[:, None] / ticks
    return OPENS * np.concatenate([low**down, low ** (1 - down) * end**down])


WON_BACK = (CLOSES - LOWS) / (OPENS - LOWS)


def test_the_left_explorer_says_what_is_kept_position_by_position():
    for state in states_of(explorers_of("volatility")["left"]):
        prices = october(state["depth"], WON_BACK, 1_000)[: 1_000 if state["when"] == "at the low" else 2_000]
        sentence = said("left", **state)
        drops, rest = sentence.split(" at the low. ", 1)
        moves = [-state["depth"] * fall for fall in 1 - LOWS / OPENS]
        assert numbers(drops) == pytest.approx(moves, abs=0.0051)
        for mode in MODES:
            lost, left = fate(four(mode, state["leverage"]), prices[None])
            kept = [name for name, gone in zip(SYMBOLS, lost[0], strict=True) if not gone]
            names, amount = re.search(rf"{mode} keeps (.*?) and ([\d,]+) USDT", rest).groups()
            assert (re.findall(r"[A-Z]+", names) or []) == kept, state
            assert float(amount.replace(",", "")) == pytest.approx(left[0], abs=0.51), state
        assert numbers(rest)[-1] == pytest.approx(STAKE - 4 * EACH / state["leverage"], abs=0.51)


def test_the_left_explorer_draws_what_each_position_has_made():
    figure, _ = explorers_of("volatility")["left"].draw(depth=1.0, leverage=5, when="at the close")
    cross, isolated = (trace["y"] for trace in figure["data"])
    # BTC closes at 112,714.9 of 121,579.4; the others cost their margins of 2,000.
    assert isolated[:4] == pytest.approx([EACH * (CLOSES[0] / OPENS[0] - 1), -2_000, -2_000, -2_000], abs=2)
    assert isolated[4] == pytest.approx(sum(isolated[:4]), abs=5)
    assert cross[4] == -STAKE
    assert sum(cross[:4]) == pytest.approx(-STAKE, abs=30)


def test_the_recovery_explorer_says_what_both_modes_end_with():
    for state in states_of(explorers_of("volatility")["recovery"]):
        prices = october(state["depth"], state["back"], 20)[None]
        cross, isolated = (fate(four(mode, state["leverage"]), prices)[1][0] for mode in MODES)
        told = numbers(said("recovery", **state))
        assert told[:2] == pytest.approx([state["depth"], state["back"]])
        assert [told[2], told[5]] == pytest.approx([cross, isolated], abs=0.51), state
        better = "Cross" if cross > isolated else "Isolated"
        if abs(cross - isolated) > 1:
            assert f"{better} keeps" in said("recovery", **state)
            assert told[6] == pytest.approx(abs(cross - isolated), abs=0.51)


# --- the replay of real events --------------------------------------------------------------------------------

VALUE = 15_000.0
SIDES = {
    "long BTC, long ETH": (1, 1),
    "long BTC, short ETH": (1, -1),
    "short BTC, short ETH": (-1, -1),
}
# The newest table from before each event, or the oldest there is.
DATED = {
    "covid-2020": ("2021-03-18", "2021"),
    "may-2021": ("2021-03-18", "2021"),
    "luna-2022": ("2022-02-05", "2022-02-05"),
    "ftx-2022": ("2022-09-27", "2022-09-27"),
    "aug-2024": ("2024-05-30", "2024-05-30"),
    **dict.fromkeys(("oct-2025", "feb-2026", "jun-2026", "rally-aug-2026"), ("2025-08-21", "2025-08-21")),
}


@cache
def marks_of(name, order="low first"):
    """Return the marks of BTC and ETH in an event, and the funding that fell due."""
    return event_record(name).price_path(["BTC", "ETH"], order=order)


def walk(name, rows, cash):
    """Walk positions that share their cash through an event: the step they are lost at or -1, funding, what is left."""
    path = marks_of(name)
    start = path.prices[0]
    symbols = zip(("BTCUSDT", "ETHUSDT"), DATED[name], strict=True)
    tiers = [BINANCE.contract(symbol, date=date).tiers for symbol, date in symbols]
    sizes, funding = {i: side * VALUE / start[i] for i, side in rows.items()}, 0.0
    for step, prices in enumerate(path.prices):
        funding -= sum(q * prices[i] * path.funding[step, i] for i, q in sizes.items())
        equity = cash + funding + sum(q * (prices[i] - start[i]) for i, q in sizes.items())
        if equity < sum(slice_by_slice(tiers[i], abs(q) * prices[i]) for i, q in sizes.items()):
            return step, funding, 0.0
    return -1, funding, equity


def by_hand(name, sides, mode, leverage):
    """Return the step at which BTC and ETH are lost, what funding came to, and what is left."""
    both = dict(enumerate(SIDES[sides]))
    if mode == "cross":
        step, funding, left = walk(name, both, STAKE)
        return (step, step), funding, left
    margin = VALUE / leverage
    parts = [walk(name, {i: side}, margin) for i, side in both.items()]
    steps, funding, left = zip(*parts, strict=True)
    return steps, sum(funding), sum(left) + STAKE - 2 * margin


def test_the_replay_says_what_is_lost_when_in_which_order_and_what_is_left():
    named = {event_record(name).title: name for name in event_names()}
    for state in states_of(explorers_of("volatility")["replay"], 16):
        name = named[state["crash"]]
        path, told = marks_of(name), said("replay", **state)
        hours = 4 if name == "rally-aug-2026" else 1
        parts = re.fullmatch(r"Cross: (.*) USDT\. Isolated at \d+x: (.*) USDT\.", told).groups()
        for mode, text in zip(MODES, parts, strict=True):
            lost, funding, left = by_hand(name, state["sides"], mode, state["leverage"])
            losses, paid, end = text.split("; ")
            assert numbers(paid)[0] == pytest.approx(funding, abs=0.51), state
            assert numbers(end) == [STAKE, pytest.approx(left, abs=0.51)], state
            expected = []
            for step in sorted({step for step in lost if step >= 0}):
                begin = path.times[step - step % 4].item()
                names = " and ".join(s for s, at in zip(("BTC", "ETH"), lost, strict=True) if at == step)
                end = (begin.hour + hours) % 24
                expected.append(f"{names} lost on {begin.day} {begin:%B %Y %H:%M} to {end:02}:00 UTC")
            assert losses == (", then ".join(expected) or "nothing lost"), state


def test_the_replay_ends_every_line_at_the_loss_that_it_marks():
    explorer = explorers_of("volatility")["replay"]
    for state in states_of(explorer, 5):
        for row in ("y", "y2"):
            traces = [trace for trace in explorer.draw(**state)[0]["data"] if trace["yaxis"] == row]
            ends = [t["x"][0] for t in traces if t["name"] == "liquidated"]
            lines = [t for t in traces if t["name"] in ("cross pool", "isolated BTC", "isolated ETH")]
            for line, end in zip(lines, ends, strict=True):
                shown = np.asarray(line["x"])[~np.isnan(line["y"])]
                assert shown[-1] == (line["x"][-1] if end is None else min(end, shown[-1]))


def test_the_table_of_events_has_what_each_mode_ends_with():
    cell = namespace_of("volatility")["cell"]
    for name, (sides, mode) in product(event_names(), product(list(SIDES)[:2], MODES)):
        lost, _, left = by_hand(name, sides, mode, 5)
        kept = [symbol for symbol, step in zip(("BTC", "ETH"), lost, strict=True) if step < 0]
        shown, names = cell(event_record(name).title, sides, mode).split(", ")
        assert float(shown.replace(",", "")) == pytest.approx(left, abs=0.51)
        assert names == {0: "none", 1: kept[0] if kept else "", 2: "both"}[len(kept)]


def test_the_replay_takes_the_brackets_in_force_when_each_event_began():
    brackets = namespace_of("volatility")["brackets"]
    for name, dates in DATED.items():
        contracts, told = brackets(name)
        assert tuple(told) == dates
        named = zip(("BTCUSDT", "ETHUSDT"), dates, strict=True)
        assert contracts == tuple(BINANCE.contract(symbol, date=date) for symbol, date in named)


def test_the_order_within_a_candle_decides_nothing_here():
    for name in event_names():
        fates = []
        for order in ("low first", "high first"):
            path = marks_of(name, order)
            account = Account.of(
                [Position(BINANCE.contract(f"{SYMBOLS[i]}USDT"), VALUE / p, p) for i, p in enumerate(path.prices[0])],
                wallet=STAKE,
                convention=COUNTING,
            )
            fates.append(simulate(account, path.prices, rules=RULES, funding=path.funding).survived.tolist())
        assert fates[0] == fates[1]
