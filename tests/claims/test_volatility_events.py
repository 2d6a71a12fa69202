"""Chapter 3, second half: claims 3-3 to 3-5, and what the crashes showed beyond prices."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    HOURS_PER_YEAR,
    MINUTES_PER_YEAR,
    MODES,
    Account,
    Collateral,
    Diffusion,
    JumpDiffusion,
    Open,
    Position,
    Rules,
    event,
    event_names,
    event_record,
    simulate,
    venue,
)

from ..book.test_glossary import SOURCES
from ..chapters import BOOK, explorers_of, namespace_of, notebook_of, states_of
from ..examples import examples
from .by_hand import BINANCE, COUNTING, EACH, FOUR, OPENS, RATES, RULES, STAKE, SYMBOLS, four, slice_by_slice

BTC, ETH = FOUR[:2]
# As the chapter assumes.
DEPTH, FEE = 20e6, 0.005
WAYS = {
    "taken over": Rules(),
    "at once": Rules(close="market", depth=DEPTH, liquidation_fee=FEE),
    "by quarters": Rules(close="market", part="share", share=0.25, rounds=1, depth=DEPTH, liquidation_fee=FEE),
    "by sixteenths": Rules(close="market", part="share", share=0.0625, rounds=1, depth=DEPTH, liquidation_fee=FEE),
    "just enough": Rules(close="market", part="restore", rounds=1, depth=DEPTH, liquidation_fee=FEE),
}
VOLATILITIES = {"the month before October 2025": 0.29, "19 May 2021": 3.15, "12 March 2020": 5.32}
# A table of each venue that goes far enough for large positions.
TABLES = {
    "binance": ("BTCUSDT", None),
    "bybit": ("BTCUSDT", "2025"),
    "okx": ("ETH-USDT-SWAP", None),
    "hyperliquid": ("BTC", None),
    "dydx": ("BTC-USD", None),
}

values = st.floats(50_000, 50_000_000)
ways = st.sampled_from(list(WAYS))
every_venue = pytest.mark.parametrize("name", TABLES)


def on_the_edge(mode, value, held=1):
    """Return longs of this value each at the opens, with exactly what they require behind them."""
    coins, marks = FOUR[:held], OPENS[:held]
    need = [slice_by_slice(coin.tiers, value) for coin in coins]
    positions = [
        Position(coin, value / mark, mark, mode=mode, margin=margin if mode == "isolated" else None)
        for coin, mark, margin in zip(coins, marks, need, strict=True)
    ]
    return Account.of(positions, wallet=sum(need) if mode == "cross" else 0.0, convention=COUNTING)


def long_of(name, mode, value, leverage=4):
    """Return a long alone in an account of a venue, backed by the same money in either mode."""
    symbol, date = TABLES[name]
    contract, convention = venue(name).contract(symbol, date=date), venue(name).convention.value
    mark = OPENS[1] if symbol.startswith("ETH") else OPENS[0]
    position = Position(contract, value / mark / contract.multiplier, mark, mode=mode, leverage=leverage)
    cash = value / leverage if mode == "cross" else 0.0
    return Account.of([position], wallet=cash, convention=convention)


def in_cross_alone(name):
    """Return the closing fee that a venue counts in cross and not in isolated, where the margin contains it."""
    convention = venue(name).convention.value
    return convention.closing_fee if convention.closing_fee_in == "cross" else 0.0


def share_left(name, mode, value, beyond=0.001):
    """Return how much of such a long is left once the price has gone so far beyond its liquidation price."""
    account = long_of(name, mode, value)
    outcome = simulate(account, [account.liquidation_price() * (1 - beyond)], rules=venue(name).rules.value)
    return outcome.size[0] / account.size[0]


def sentence(name, state):
    """Return what an explorer of the chapter says, with a plain minus and no thousands commas."""
    said = explorers_of("volatility")[name].draw(**state)[1].replace("−", "-")
    return re.sub(r"(?<=\d),(?=\d{3})", "", said)


def written(first):
    """Return the text that a cell wrote, without thousands commas, which begins so or has it in it."""
    outputs = [output for cell in notebook_of("volatility").cells for output in cell.get("outputs", [])]
    texts = [output.get("data", {}).get("text/markdown", "") for output in outputs]
    (found,) = (text for text in texts if first in text)
    return re.sub(r"(?<=\d),(?=\d{3})", "", found.replace("−", "-"))


def rows_of(first):
    """Return the head and the rows of the Markdown table that a cell wrote, given the first cell of its head."""
    lines = [line for line in written(f"| {first} |").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def printed(label):
    """Return what the solution of an exercise prints."""
    cells = notebook_of("volatility").cells
    (place,) = (i for i, cell in enumerate(cells) if f":label: {label}-solution" in cell.source)
    return "".join(output.get("text", "") for output in cells[place + 1].outputs).replace(",", "")


# --- 3-3: what a liquidation costs ----------------------------------------------------------------------------


@given(values, ways, st.lists(st.floats(0.95, 1.05), min_size=1, max_size=8))
def test_claim_3_3_the_same_position_under_the_same_rule_costs_the_same_in_both_modes(value, way, moves):
    prices = OPENS[:1] * np.array([1 - 1e-9, *moves])[:, None]
    cross, isolated = (simulate(on_the_edge(mode, value), prices, rules=WAYS[way]) for mode in MODES)
    for name in ("equity", "fees", "impact", "forfeited", "shortfall", "size"):
        assert getattr(cross, name) == pytest.approx(getattr(isolated, name), rel=1e-9, abs=1e-9 * value), name
    # Something was closed: none of this is equal for want of a liquidation.
    assert cross.size[0] < value / OPENS[0]


@every_venue
@examples(0.4)
@given(value=st.floats(10_000, 20_000_000), beyond=st.floats(1e-6, 0.3))
def test_claim_3_3_at_every_venue_a_lone_position_costs_the_same_in_both_modes(name, value, beyond):
    left = []
    for mode in MODES:
        account = long_of(name, mode, value)
        outcome = simulate(account, [account.liquidation_price() * (1 - beyond)], rules=venue(name).rules.value)
        left.append(outcome.equity)
    assert left[0] == pytest.approx(left[1], abs=1e-9 * value + in_cross_alone(name) * value)


@given(values)
def test_claim_3_3_a_takeover_of_a_pool_costs_what_all_of_its_positions_require(value):
    marks = OPENS[:2] * (1 - 1e-9)
    alone, both = (simulate(on_the_edge("cross", value, held), [marks[:held]], rules=Rules()) for held in (1, 2))
    assert (alone.equity, both.equity) == (0.0, 0.0)
    assert alone.balance == pytest.approx(slice_by_slice(BTC.tiers, value))
    assert both.balance == pytest.approx(slice_by_slice(BTC.tiers, value) + slice_by_slice(ETH.tiers, value))


@given(st.floats(1_000_000, 30_000_000), st.integers(2, 20))
def test_claim_3_3_where_prices_stand_still_parts_cost_less_than_all_at_once(value, parts):
    prices = np.tile(OPENS[:1] * (1 - 1e-9), (40, 1))
    in_parts = Rules(close="market", part="share", share=1 / parts, rounds=1, depth=DEPTH, liquidation_fee=FEE)
    once, apart = (simulate(on_the_edge("cross", value), prices, rules=rules) for rules in (WAYS["at once"], in_parts))
    assert apart.fees[0] + apart.impact[0] < once.fees[0] + once.impact[0]
    # By hand: the fee, and X / (200 D) of X, but no more than there was.
    cost = value * (FEE + value / (200 * DEPTH))
    assert once.fees[0] + once.impact[0] == pytest.approx(min(cost, slice_by_slice(BTC.tiers, value)), rel=1e-6)


@pytest.mark.parametrize("value", [1e6, 5e6, 2e7])
def test_claim_3_3_parts_cost_less_on_average_and_less_certainly_and_others_pay_for_some_of_it(value):
    model = Diffusion(OPENS[:1], volatility_per_year=3.15, steps_per_year=MINUTES_PER_YEAR)
    prices = model.sample(np.random.default_rng(1), paths=1_000, steps=60)
    prices *= OPENS[:1] / prices.mean(axis=0)
    prices[:, 0] = OPENS[:1] * (1 - 1e-9)
    found = [simulate(on_the_edge("cross", value), prices, rules=WAYS[way]) for way in list(WAYS)[1:4]]
    cost = [outcome.balance - outcome.equity for outcome in found]
    spread = [np.quantile(one, 0.95) - np.quantile(one, 0.05) for one in cost]
    others = [outcome.shortfall.mean() for outcome in found]
    assert cost[0].mean() > cost[1].mean() > cost[2].mean()
    assert spread[0] == pytest.approx(0, abs=1e-6 * value)
    assert spread[0] < spread[1] < spread[2]
    assert others[0] < others[1] < others[2]
    # You and the others together still pay less.
    assert cost[0].mean() > cost[2].mean() + others[2]
    # Never more than was there at the trigger.
    assert max(one.max() for one in cost) <= slice_by_slice(BTC.tiers, value) * (1 + 1e-9)


def test_the_explorer_of_costs_says_what_the_engine_finds():
    for state in states_of(explorers_of("volatility")["bill"], others=6):
        value, held = state["value"], 1 if state["pool"] == "BTC alone" else 2
        model = Diffusion(
            OPENS[:2],
            volatility_per_year=VOLATILITIES[state["market"]],
            correlation=0.89,
            steps_per_year=MINUTES_PER_YEAR,
        )
        prices = model.sample(np.random.default_rng(33), paths=1_000, steps=60)
        prices *= OPENS[:2] / prices.mean(axis=0)
        prices[:, 0] = OPENS[:2] * (1 - 1e-9)
        said = sentence("bill", state)
        for way, rules in WAYS.items():
            cross = simulate(on_the_edge("cross", value, held), prices[:, :, :held], rules=rules)
            isolated = simulate(on_the_edge("isolated", value), prices[:, :, :1], rules=rules)
            costs = [(one.balance - one.equity) / value for one in (cross, isolated)]
            told = [float(x) for x in re.search(rf"{way} (-?[\d.]+)% and (-?[\d.]+)%", said).groups()]
            assert told == pytest.approx([100 * cost.mean() for cost in costs], abs=0.0051), (state, way)
            if way == "by sixteenths":
                last = re.search(r"lie between (-?[\d.]+)% and (-?[\d.]+)%, and others bear ([\d.]+)%", said).groups()
                expected = [*np.quantile(costs[1], [0.05, 0.95]), isolated.shortfall.mean() / value]
                assert [float(x) for x in last] == pytest.approx([100 * x for x in expected], abs=0.0051), state


# --- 3-4: what an isolated liquidation leaves -----------------------------------------------------------------


@given(st.integers(0, 3), st.floats(0, 0.9), st.sampled_from([5, 10, 20, 50]))
def test_claim_3_4_an_isolated_liquidation_leaves_every_other_position_and_the_wallet_to_the_bit(row, fall, leverage):
    account, marks = four("isolated", leverage), OPENS.copy()
    marks[row] *= 1 - fall
    outcome, others = simulate(account, [marks], rules=RULES), np.arange(4) != row
    for name in ("size", "margin", "entry"):
        assert np.array_equal(getattr(outcome, name)[others], getattr(account, name)[others]), name
    assert outcome.wallet == account.wallet
    assert outcome.survived[others].all()
    assert {entry.position for entry in outcome.ledger} <= {row}
    if not outcome.survived[row]:
        assert outcome.equity == pytest.approx(STAKE - EACH / leverage)


@given(st.floats(0.25, 0.9), st.floats(100, 30_000), st.sampled_from([5, 10]))
def test_claim_3_4_afterwards_an_order_is_limited_by_the_wallet_and_by_nothing_else(fall, buy, leverage):
    marks = OPENS * [1, 1, 1, 1 - fall]
    order = Open(step=1, position=0, size=buy / OPENS[0])
    asked = simulate(four("isolated", leverage), [marks, marks], rules=RULES, actions=[order], on_refusal="record")
    assert not asked.survived[3]
    needed = buy / leverage + RULES.trading_fee * buy
    wallet = STAKE - 4 * EACH / leverage
    assume(abs(needed - wallet) > 1e-6)
    assert (asked.refused == 0) == (needed <= wallet)


@pytest.mark.parametrize("fall", [0.3, 0.45, 0.6])
def test_claim_3_4_the_same_fall_leaves_a_cross_account_alive_but_with_nothing_to_open_with(fall):
    marks = OPENS * [1, 1, 1, 1 - fall]
    outcome = simulate(
        four("cross", 5),
        [marks, marks],
        rules=RULES,
        actions=[Open(step=1, position=0, size=100 / OPENS[0])],
        on_refusal="record",
    )
    assert outcome.survived.all()
    assert outcome.refused == 1


@every_venue
def test_claim_3_4_a_large_position_may_be_closed_in_parts_and_a_small_one_never_in_either_mode(name):
    sizes = (1e4, 5e4, 2e5, 1e6, 5e6, 2e7)
    left = np.array([[share_left(name, mode, value) for value in sizes] for mode in MODES])
    assert left[0] == pytest.approx(left[1], abs=1e-12 + in_cross_alone(name))
    assert (left[:, :2] == 0).all()
    # The condition of the verdict: all venues here but dYdX leave something of the largest.
    assert (left[1, -1] > 0) == (name != "dydx")


def test_the_table_of_what_venues_leave_says_what_the_engine_finds():
    head, *rows = rows_of("Isolated, USDT")
    sizes = [float(size) for size in head[1:]]
    assert [row[0] for row in rows] == [venue(name).title for name in TABLES]
    for name, row in zip(TABLES, rows, strict=True):
        assert [float(cell.rstrip("%")) for cell in row[1:]] == pytest.approx(
            [100 * share_left(name, "isolated", value) for value in sizes], abs=0.51
        )


def left_by_hand(mode, doge, others, leverage):
    """Return which positions are lost, what is left and what is free of the chapter's account, in plain arithmetic.

    What fails is closed as a whole: the liquidation fee is more than the maintenance that closing a part frees.
    """
    falls = np.array([others, others, others, doge])
    loss, need = EACH * falls, RATES * EACH * (1 - falls)
    if mode == "cross":
        equity = STAKE - loss.sum()
        fails = equity < need.sum()
        return (
            np.full(4, fails),
            0.0 if fails else equity,
            0.0 if fails else equity - (EACH * (1 - falls)).sum() / leverage,
        )
    margin = EACH / leverage
    lost, wallet = margin - loss < need, STAKE - 4 * margin
    return lost, wallet + np.where(lost, 0.0, margin - loss).sum(), wallet


def test_the_explorer_of_what_is_left_says_what_can_be_worked_out_by_hand():
    for state in states_of(explorers_of("volatility")["rest"], others=20):
        doge, others, leverage = state["doge"], state["others"], state["leverage"]
        pattern = r"{} loses (.*?) and has (\d+) USDT left, (\d+) of it free: an order for 5000 of BTC (.*?)\."
        for mode in MODES:
            lost, equity, free = left_by_hand(mode, doge, others, leverage)
            said = re.search(pattern.format(mode.capitalize()), sentence("rest", state)).groups()
            names = [name for name, gone in zip(SYMBOLS, lost, strict=True) if gone]
            assert re.findall(r"[A-Z]+", said[0]) == names, (state, mode)
            assert [float(x) for x in said[1:3]] == pytest.approx([equity, max(free, 0)], abs=0.51), (state, mode)
            # The order needs its initial margin and the trading fee, at the fallen price.
            value = 5_000 * (1 - others)
            fits = value / leverage + RULES.trading_fee * value <= free
            assert (said[3] == "goes through") == fits, (state, mode)


# --- 3-5: black swans -----------------------------------------------------------------------------------------


def weeks(jump, whom, paths=2_000):
    """Return the weeks of the chapter: hours with a jump a month, in all four coins or in SOL alone."""
    kind, rate = ("common", 12) if whom == "all four" else ("own", (0, 0, 12, 0))
    size = np.log(1 - jump)
    model = JumpDiffusion(
        OPENS,
        volatility_per_year=(0.47, 0.68, 0.76, 0.82),
        correlation=0.8,
        beta=(1.0, 1.2, 1.4, 1.4),
        steps_per_year=HOURS_PER_YEAR,
        **{f"{kind}_jumps_per_year": rate, f"{kind}_jump_mean": size, f"{kind}_jump_deviation": -size / 4},
    )
    return model.sample(np.random.default_rng(35), paths=paths, steps=24 * 7)


@pytest.mark.parametrize("whom", ["all four", "SOL alone"])
@pytest.mark.parametrize("leverage", [5, 10, 50])
def test_claim_3_5_no_jump_takes_what_was_not_set_aside(leverage, whom):
    for jump in (0.1, 0.3, 0.5, 0.8):
        outcome = simulate(four("isolated", leverage), weeks(jump, whom, paths=300), rules=RULES)
        kept = STAKE - 4 * EACH / leverage
        assert outcome.equity.min() >= kept - 1e-6
        assert np.array_equal(outcome.wallet, np.full(300, four("isolated", leverage).wallet))
    assert outcome.shortfall.max() > 0


def test_claim_3_5_cross_can_lose_everything_and_isolated_then_keeps_its_wallet():
    prices = weeks(0.3, "all four", paths=600)
    cross, isolated = (simulate(four(mode, 10), prices, rules=RULES) for mode in MODES)
    gone = cross.equity == 0
    assert gone.mean() > 0.1
    assert isolated.equity[gone].min() >= STAKE - 4 * EACH / 10 - 1e-6


@given(st.floats(0.26, 0.6), st.sampled_from([5, 10, 50]))
def test_claim_3_5_compartments_that_fall_together_are_all_lost_together(fall, leverage):
    cross, isolated = (simulate(four(mode, leverage), [OPENS * (1 - fall)], rules=RULES) for mode in MODES)
    assert not cross.survived.any()
    assert not isolated.survived.any()
    assert (cross.equity, isolated.equity) == (0.0, pytest.approx(STAKE - 4 * EACH / leverage))
    # The condition of the verdict: at low leverage that is most of the account.
    assert (isolated.equity < STAKE / 2) == (leverage == 5)


@pytest.mark.parametrize("leverage", [5, 10])
def test_claim_3_5_isolated_loses_positions_more_often_and_others_pay_more_for_it(leverage):
    prices = weeks(0.3, "all four", paths=600)
    cross, isolated = (simulate(four(mode, leverage), prices, rules=RULES) for mode in MODES)
    assert (~isolated.survived).any(axis=1).mean() > (~cross.survived).any(axis=1).mean()
    assert isolated.shortfall.mean() > cross.shortfall.mean()


def test_the_explorer_of_black_swans_says_what_the_engine_finds():
    for state in states_of(explorers_of("volatility")["black"], others=4):
        said, prices = sentence("black", state), weeks(state["jump"], state["whom"])
        for mode, head in (("cross", "Cross"), ("isolated", f"Isolated at {state['leverage']}x")):
            # What cross loses does not depend on the leverage.
            outcome = simulate(four(mode, state["leverage"]), prices, rules=RULES)
            told = re.search(
                rf"{head} loses a position in ([\d.]+)% of all weeks, half of the account in ([\d.]+)%, "
                r"all of it in ([\d.]+)%; others pay (\d+) USDT",
                said,
            ).groups()
            expected = [
                100 * (outcome.liquidated >= 0).any(axis=1).mean(),
                100 * (outcome.equity <= STAKE / 2).mean(),
                100 * (outcome.equity < 1e-5).mean(),
            ]
            assert [float(x) for x in told[:3]] == pytest.approx(expected, abs=0.051), (state, mode)
            assert float(told[3]) == pytest.approx(outcome.shortfall.mean(), abs=0.51), (state, mode)


def test_the_table_of_the_largest_day_says_what_a_walk_through_its_candles_finds():
    head, *rows = rows_of("Times the stake")
    path = event_record("oct-2025").price_path(["BTC", "ETH"])
    entry = path.prices[0]
    for row in rows:
        mode, leverage = re.fullmatch(r"(\w+) at (\d+)x", row[0]).groups()
        for times, told in zip(head[1:], row[1:], strict=True):
            each = float(times) * STAKE / 2
            sizes, margin = each / entry, each / float(leverage)
            cash, held = np.full(2, margin), np.array([True, True])
            wallet = STAKE - 2 * margin
            if mode == "cross":
                wallet, cash = STAKE, np.zeros(2)
            for prices, rates in zip(path.prices, path.funding, strict=True):
                paid = held * sizes * prices * rates
                wallet, cash = (wallet - paid.sum(), cash) if mode == "cross" else (wallet, cash - paid)
                pnl = held * sizes * (prices - entry)
                need = held * [
                    slice_by_slice(coin.tiers, size * p)
                    for coin, size, p in zip((BTC, ETH), sizes, prices, strict=True)
                ]
                if mode == "cross" and wallet + pnl.sum() < need.sum():
                    wallet, held = 0.0, np.array([False, False])
                elif mode == "isolated":
                    fails = held & (cash + pnl < need)
                    cash, held = np.where(fails, 0.0, cash), held & ~fails
            left = wallet + cash.sum() + (held * sizes * (path.prices[-1] - entry)).sum()
            assert float(told) == pytest.approx(left, abs=0.51), (row[0], times)


# --- beyond prices --------------------------------------------------------------------------------------------

FACTS = list(csv.DictReader((BOOK / "facts.csv").read_text(encoding="utf-8").splitlines()))
HOURLY = {
    row["event"]: row for row in csv.DictReader((BOOK / "correlations.csv").read_text(encoding="utf-8").splitlines())
}
# How many hours each window of the hourly correlations has.
HOURS = {"covid-2020": 48, "may-2021": 24, "luna-2022": 96, "ftx-2022": 48, "oct-2025": 48, "feb-2026": 48}


def test_every_fact_has_a_time_a_number_a_source_and_says_how_sure_it_is():
    for row in FACTS:
        assert re.fullmatch(r"[A-Z][a-z]+ 20\d\d", row["when"]), row
        assert float(row["value"]) > 0, row
        assert row["source"] in SOURCES, row
        assert row["confidence"] in {"A", "B", "C"}, row
    assert len({(row["when"], row["what"]) for row in FACTS}) == len(FACTS)


def test_the_table_of_who_paid_shows_every_fact_with_its_source():
    # October 2025 has a page of its own, and there its table.
    _, *rows = rows_of("When")
    for row, known in zip(rows, (one for one in FACTS if one["when"] != "October 2025"), strict=True):
        assert row[:2] == [known["when"], known["what"]]
        assert float(row[2].split()[0].replace(",", "")) == float(known["value"])
        assert f"(references.md#{known['source']}), {known['confidence']}" in row[3]


@pytest.mark.parametrize("name", HOURS)
def test_the_interval_of_an_hourly_correlation_is_the_one_its_hours_give(name):
    # Fisher: artanh of a correlation is normal, with deviation 1 / sqrt(n - 3). Rounded to two digits, as on record.
    row, off = HOURLY[name], 1.96 / np.sqrt(HOURS[name] - 3)
    low, high = (np.tanh(np.arctanh(float(row["during"])) + sign * off) for sign in (-1, 1))
    assert (float(row["low"]), float(row["high"])) == (pytest.approx(low, abs=0.015), pytest.approx(high, abs=0.015))


def test_the_table_of_correlations_says_what_the_candles_and_the_facts_say():
    _, *rows = rows_of("BTC with ETH")
    for row, name in zip(rows, event_names(), strict=True):
        candles = event(name)
        moves = np.log(candles.close[1:] / candles.close[:-1])
        moves = np.vstack([np.log(candles.close[0] / candles.open[0]), moves])
        centred = moves - moves.mean(axis=0)
        own = (centred[:, 0] * centred[:, 1]).sum() / np.sqrt((centred**2).sum(axis=0).prod())
        assert float(row[1]) == pytest.approx(own, abs=0.0051)
        if row[2]:
            assert [float(x) for x in row[2:]] == [float(HOURLY[name][when]) for when in ("before", "during")]


def test_in_two_events_of_six_the_hourly_correlation_rose_by_more_than_chance_explains():
    rose, surely = 0, 0
    for name, row in HOURLY.items():
        before, now = float(row["before"]), float(row["during"])
        rose += now > before
        surely += np.arctanh(now) - np.arctanh(before) > 1.96 / np.sqrt(HOURS[name] - 3)
    assert f"In {rose} of 6 events it rose, in {surely} by more than chance explains" in written("| BTC with ETH |")
    assert (rose, surely) == (5, 2)


def test_in_the_worst_tenth_of_four_hour_returns_of_btc_eth_fell_as_well():
    closes = [np.vstack([event(name).open[:1], event(name).close]) for name in event_names()]
    moves = np.vstack([np.log(after[1:] / after[:-1]) for after in closes])
    worst = moves[np.argsort(moves[:, 0])[: round(len(moves) / 10)]]
    told = re.search(r"ETH fell in (\d+)%, by ([\d.]+) times as much on average", written("| BTC with ETH |"))
    assert float(told[1]) == pytest.approx(100 * (worst[:, 1] < 0).mean(), abs=0.51)
    assert float(told[2]) == pytest.approx(worst[:, 1].sum() / worst[:, 0].sum(), abs=0.0051)


def test_the_explorer_of_may_2021_says_when_a_walk_through_trades_and_marks_would_liquidate():
    record, contract = event_record("may-2021"), BINANCE.contract("ETHUSDT", date="2021")
    entry, rate = float(record.path("ETH").open[0]), contract.tiers.rates[0]
    # Below 10,000 USDT: the first bracket. Equity E / L + P - E meets the requirement r P.
    assert entry < contract.tiers.floors[1]
    for leverage in explorers_of("volatility")["spike"].controls["leverage"].values:
        said = sentence("spike", {"leverage": leverage})
        price = (entry - entry / leverage) / (1 - rate)
        assert float(re.search(r"liquidation price (\d+) USDT", said)[1]) == pytest.approx(price, abs=0.51)
        fates = re.search(r"by the last trades (.*?), by the mark (.*?)\. The lowest", said).groups()
        assert fates == tuple(fate(record, contract, entry, leverage, which) for which in ("last", "mark")), leverage


def fate(record, contract, entry, leverage, which):
    """Return in words when a long from the first mark is liquidated, walking through trades or marks hour by hour."""
    margin, hours, settled = entry / leverage, record.path("ETH", kind=which), record.funding("ETH")
    rates = dict(zip(settled.times, settled.rates, strict=True))
    for at, *prices in zip(hours.times, hours.open, hours.low, hours.high, hours.close, strict=True):
        margin -= prices[0] * rates.get(at, 0.0)
        if any(margin + price - entry < slice_by_slice(contract.tiers, price) for price in prices):
            return f"liquidated in the hour of {at.item():%d May %H:%M}"
    return "never liquidated"


def test_the_low_of_may_2021_was_a_trade_and_not_a_mark():
    said = sentence("spike", {"leverage": 1.75})
    assert said.endswith("The lowest trade was 1400.73, the lowest mark 1764.26.")
    assert "by the last trades liquidated" in said
    assert "by the mark never liquidated" in said


@examples(0.6)
@given(st.floats(0.1, 1), st.floats(0, 0.2), st.floats(0.3, 1), st.floats(0.5, 1))
def test_a_fall_of_the_collateral_takes_a_pool_with_its_positions_unmoved_and_no_isolated_position(
    share, fall, coin, ratio
):
    marks, cross, isolated = OPENS * (1 - fall), four("cross", 10), four("isolated", 10)
    behind = [Collateral("USDE", share * STAKE, ratio, price=1.0)]
    pool = replace(cross, wallet=(1 - share) * STAKE, collateral=behind, currency="USDT")
    need = (RATES * EACH).sum() * (1 - fall)
    margin = (1 - share) * STAKE + ratio * coin * share * STAKE - 4 * EACH * fall
    assume(abs(margin - need) > 1e-6)
    assert bool(pool.liquidatable([*marks, coin])[0]) == (margin < need)
    # An isolated position's fate does not ask for the pool.
    apart = replace(isolated, collateral=behind, currency="USDT")
    np.testing.assert_array_equal(apart.liquidatable([*marks, coin]), isolated.liquidatable(marks))


BACKED = (
    r"the pool counts (\d+), is liquidated at (\d+) if only BTC moves, and by a common move of ([-+\d.]+)%\. "
    r"All of it in dollars, that is (\d+) and ([-+\d.]+)%, all in the coin (\d+) and ([-+\d.]+)%\. "
    r"Isolated in dollars: (\d+)\."
)


def test_the_explorer_of_coins_behind_a_position_says_what_can_be_worked_out_by_hand():
    follows = {"a coin that moves half as far": 0.5, "BTC itself": 1, "a coin that moves 1.5 times as far": 1.5}
    for state in states_of(explorers_of("volatility")["backed"], others=40):
        side, beta = 1 if state["side"] == "long" else -1, follows[state["coin"]]
        said = sentence("backed", state)
        found = [float(x) for x in re.search(BACKED, said).groups()]
        counted = 12_000 * (1 - state["share"] * (1 - state["ratio"]))
        isolated = (60_000 - side * 12_000) / (1 - side * 0.004)
        ends = [by_hand(side, share, beta, state["ratio"]) for share in (state["share"], 0.0, 1.0)]
        prices, moves = zip(*ends, strict=True)
        assert [found[0], *found[1:7:2], found[7]] == pytest.approx([counted, *prices, isolated], abs=0.51), state
        assert found[2:7:2] == pytest.approx(moves, abs=0.051), state


def by_hand(side, share, beta, ratio):
    """Return where 1 BTC from 60,000 fails, and the common move in percent: equity is the requirement."""
    dollars, coins = 12_000 * (1 - share), 12_000 * share * ratio
    # dollars + coins (1 + beta s) + side 60,000 s = 0.4 % of 60,000 (1 + s)
    move = (240 - dollars - coins) / (beta * coins + side * 60_000 - 240)
    own = coins if beta == 1 else 0
    price = 60_000 * (1 + (240 - dollars - coins) / (own + side * 60_000 - 240))
    return price, 100 * move


def test_a_short_against_as_many_coins_is_worth_the_same_dollars_at_any_price():
    (cell,) = (cell for cell in notebook_of("volatility").cells if cell.source.startswith("for kind, share in"))
    told = cell.outputs[0].text.splitlines()
    assert [re.findall(r"[\d,]+\.\d\d", line)[:2] for line in told[:3]] == [
        ["48,192.77"] * 2,  # 48,000 / 0.996
        ["49,495.88"] * 2,  # 54,000 / 1.091
        ["50,590.22"] * 2,  # 60,000 / 1.186
    ]
    assert told[3] == "short of 1 BTC against 1 BTC: counts 57,000 and 57,000 and 57,000, liquidated at nan"


def test_the_explorer_of_the_depeg_says_which_pools_it_takes_by_hand():
    (low,) = (float(row["value"]) for row in FACTS if row["what"] == "lowest price of USDe at Binance")
    lows = event("oct-2025").low.min(axis=0)
    kept = lows / OPENS[:2]
    for state in states_of(explorers_of("volatility")["depeg"], others=60):
        share, each = state["share"], state["leverage"] * STAKE / 2

        def left(coin, kept_, share=share, each=each, state=state):
            counted = STAKE * (1 - share) + STAKE * share * state["ratio"] * coin - state["lost"] * STAKE
            need = sum(slice_by_slice(one.tiers, each * part) for one, part in zip(FOUR, kept_, strict=False))
            return counted + each * (sum(kept_) - 2) - need

        places = {"the depeg alone": (low, (1, 1)), "the market alone": (1, kept), "both": (low, kept)}
        fails = [name for name, at in places.items() if left(*at) < 0]
        said = sentence("depeg", state)
        told = re.search(r"it fails by (.*?)\. At the lows", said)[1]
        assert re.findall("the depeg alone|the market alone|both", told) == fails, state
        # Spare at the peg, over what a unit of the coin's price counts.
        edge = 1 - left(1, kept) / (STAKE * share * state["ratio"] or 1e-9)
        if edge >= 1:
            assert "it fails with the coin at its peg." in said
        elif edge <= 0:
            assert "it fails at no price of the coin." in said
        else:
            assert float(re.search(r"once the coin is at (\d\.\d+)", said)[1]) == pytest.approx(edge, abs=0.0051), state
        margins = np.array([STAKE / 2 * (1 - state["lost"]) + each * (part - 1) for part in kept])
        need = [slice_by_slice(one.tiers, each * part) for one, part in zip(FOUR, kept, strict=False)]
        gone = [name for name, one in zip(SYMBOLS, margins < need, strict=False) if one]
        assert re.findall(r"[A-Z]{3}\b", said.split("the market takes")[1]) == gone, state


def test_what_is_noticed_of_the_depeg_is_what_was_tried():
    tried = namespace_of("volatility")["TRIED_PEGS"]
    told = [int(x) for x in re.findall(r"\d+", written("**What to notice.** Of ").split("alone")[0])]
    assert told[0] == len(tried) == 60
    # Nothing lost before: at most 35 % and the haircut of what is there, and what is required is far less.
    assert not any(one["the depeg alone"] for one in tried[::3])


# --- exercises ------------------------------------------------------------------------------------------------


def test_the_exercise_on_impact_is_solved():
    # 4 million x 4 million / (200 x 10 million) at once; a quarter of that in four pieces.
    assert 4e6 * 4e6 / (200 * 10e6) == 8_000
    assert printed("volatility-impact").split() == ["in", "1:", "8000", "USDT", "in", "4:", "2000", "USDT"]
    sold = simulate(on_the_edge("cross", 4e6), [OPENS[:1] * (1 - 1e-9)], rules=Rules(close="market", depth=10e6))
    assert sold.impact[0] == pytest.approx(8_000)


def test_the_exercise_on_what_can_be_opened_is_solved():
    # 20,000 - 3 x 30,000 / 10 = 11,000 in the wallet before and after; five times that.
    assert printed("volatility-afterwards") == "wallet 11000 USDT next position up to 55000 USDT\n"


def test_the_exercise_on_a_coin_is_solved():
    # 10,000 - 20 % of 35,000 = 3,000; 1 % of 28,000 = 280; 2,720 of the 3,000 that the coin would cost in full.
    assert printed("volatility-coin") == "equity 3000 required 280 USDT: at most 90.7% in the coin\n"


def test_the_chapters_names_are_those_the_tests_speak_of():
    names = namespace_of("volatility")
    assert list(names["WAYS"]) == list(WAYS)
    assert names["TABLES"] == {name: venue(name).table(symbol, date=date) for name, (symbol, date) in TABLES.items()}
    assert [names["DEPTH"], names["FEE"]] == [DEPTH, FEE]
