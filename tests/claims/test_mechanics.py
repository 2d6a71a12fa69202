"""Chapter 2: claims 2-1 to 2-5, what its explorers say, and its exercises."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    FOUR_HOURS_PER_YEAR,
    HOURS_PER_YEAR,
    MODES,
    Account,
    Contract,
    Deleverage,
    Diffusion,
    MeanReversion,
    Position,
    Rules,
    Tiers,
    TopUp,
    event,
    event_names,
    event_record,
    liquidation_price,
    simulate,
    venue,
)

from ..chapters import explorers_of, notebook_of, states_of
from .by_hand import slice_by_slice

BINANCE = venue("binance")
COUNTING = BINANCE.convention.value
BTC, ETH = BINANCE.contract("BTCUSDT"), BINANCE.contract("ETHUSDT")
MARKS = event("rally-aug-2026").close[-1]
SIDES = {"both long": np.array([1, 1]), "long BTC, short ETH": np.array([1, -1])}
# The account of the book; what its positions are worth, short below 0; and the smaller one that some falls leave alive.
BALANCE, VALUES = 30_000.0, MARKS * [1, 30]
PAIRS = {"both long": VALUES, "long BTC, short ETH": MARKS * [1, -15]}
SHORT = 15 * MARKS[1]
STAKE, LIGHTER = 10_000.0, np.array([30_000.0, 15_000.0])
VOLATILITY, ALIKE = np.array([0.47, 0.68]), 0.88
MONTH, PER_DAY = 180, 6
RATE = 0.004  # of the first bracket of BTC and ETH, up to 300,000 USDT


def opened(mode, leverage, pair, values=None, balance=BALANCE):
    """Return the account of the book, or one with positions of other values, short where negative."""
    rows = zip((BTC, ETH), (PAIRS[pair] if values is None else values) / MARKS, MARKS, strict=True)
    positions = [Position(c, size, price, mode=mode, leverage=leverage) for c, size, price in rows]
    return Account.open(positions, balance=balance, convention=COUNTING)


def lighter(mode, pair):
    """Return the smaller account of the first claim."""
    return opened(mode, 10, pair, SIDES[pair] * LIGHTER, STAKE)


def states(name, count=10):
    """Return start, corners and some other states of an explorer, each with the sentence said there."""
    explorer = explorers_of("mechanics")[name]
    return [(state, explorer.draw(**state)[1]) for state in states_of(explorer, count)]


def number(text):
    return float(text.replace(",", "").replace("−", "-").rstrip("%"))


def numbers(text):
    """Return every number of a sentence, in order; percentages as they are written."""
    return [number(found) for found in re.findall(r"[+−]?\d[\d,]*(?:\.\d+)?%?", text)]


def rest(state, said, opening):
    """Return what a sentence says after its opening."""
    assert said.startswith(opening), (state, said)
    return said.removeprefix(opening)


# --- accounts -------------------------------------------------------------------------------------------------

notionals = st.tuples(st.floats(1_000, 5_000_000), st.floats(1_000, 5_000_000))
leverages = st.sampled_from([3, 5, 10, 20])
moves = st.tuples(st.floats(0.3, 2.5), st.floats(0.3, 2.5)).map(np.array)
accounts = st.tuples(notionals, st.sampled_from(list(SIDES)), leverages, st.floats(0.01, 1.5))


def both(drawn):
    """Return the same positions out of the same balance in both modes."""
    notional, pair, leverage, spare = drawn
    found = []
    for mode in MODES:
        rows = zip((BTC, ETH), SIDES[pair] * notional / MARKS, MARKS, strict=True)
        positions = [Position(c, size, price, mode=mode, leverage=leverage) for c, size, price in rows]
        balance = sum(notional) / leverage * (1 + spare)
        found.append(Account.open(positions, balance=balance, convention=COUNTING))
    return found


def walk(seed, paths=300, steps=100, volatility=1.5, correlation=0.6):
    model = Diffusion(
        MARKS, volatility_per_year=volatility, correlation=correlation, steps_per_year=FOUR_HOURS_PER_YEAR
    )
    return model.sample(np.random.default_rng(seed), paths=paths, steps=steps)


def first_loss(outcome, never):
    return np.where(outcome.survived, never, outcome.liquidated).min(axis=1)


# --- 2-1: a pool delays the first liquidation -----------------------------------------------------------------


@given(accounts, moves)
def test_claim_2_1_a_pool_never_fails_while_every_isolated_position_lives(drawn, move):
    # Summed up, what isolated positions have beyond their requirement is the pool's, less the wallet beside them.
    cross, isolated = both(drawn)
    assume(cross.liquidatable(MARKS * move).any())
    assert isolated.liquidatable(MARKS * move).any()


@pytest.mark.parametrize("pair", SIDES)
@pytest.mark.parametrize("close", ["takeover", "market"])
def test_claim_2_1_on_the_way_the_first_isolated_loss_comes_no_later_than_the_pools(pair, close):
    prices = walk(1)
    cross, isolated = (simulate(lighter(mode, pair), prices, rules=Rules(close=close)) for mode in MODES)
    first, fails = (first_loss(one, 10**6) for one in (isolated, cross))
    assert (fails < 10**6).any()
    assert (first <= fails).all()
    assert (first < fails).mean() > 0.5


def test_claim_2_1_a_position_that_would_live_alone_can_go_down_with_the_pool():
    # The condition: ETH falls by four fifths, BTC stands still.
    marks = MARKS * [1, 0.2]
    cross, isolated = (opened(mode, 10, "both long", np.array([15_000.0, 15_000.0]), STAKE) for mode in MODES)
    assert cross.liquidatable(marks)[0]
    assert not isolated.liquidatable(marks)[0]


@given(accounts, moves)
def test_claim_2_1_what_others_win_or_lose_backs_a_cross_position_at_once_and_an_isolated_one_never(drawn, move):
    cross, isolated = both(drawn)
    before, after = cross.backing(MARKS)[0], cross.backing(MARKS * [1, move[1]])[0]
    others = cross.unrealized_pnl(MARKS * move)[1]
    asked = np.diff([cross.maintenance_margin(MARKS * by)[1] for by in (1, move)])[0]
    assert after - before == pytest.approx(others - asked, abs=1e-9 * cross.notional(MARKS * (1 + move)).sum())
    assert isolated.backing(MARKS)[0] == isolated.backing(MARKS * move)[0]


@given(accounts, moves, st.floats(0, 1e6))
def test_claim_2_1_the_requirement_follows_prices_and_not_equity(drawn, move, more):
    cross, _ = both(drawn)
    richer = Account(cross.wallet + more, cross.contracts, cross.size, cross.entry, convention=COUNTING)
    assert (richer.position_requirement(MARKS * move) == cross.position_requirement(MARKS * move)).all()


@pytest.mark.parametrize("close", ["takeover", "market"])
def test_claim_2_1_where_two_longs_fail_in_both_modes_the_pool_never_costs_less(close):
    # The trap. All that is lost: the balance, or all but the maintenance left when it is closed.
    prices = walk(2, correlation=1.0)
    cross, isolated = (simulate(lighter(mode, "both long"), prices, rules=Rules(close=close)) for mode in MODES)
    failed = ~cross.survived.all(axis=1)
    assert failed.sum() > 30
    assert (cross.profit[failed] < isolated.profit[failed]).all()
    assert (cross.profit[failed] <= -STAKE + RATE * LIGHTER.sum()).all()


@cache
def marks_of(name):
    """Return the marks of BTC and ETH in an event, as they are taken."""
    return event_record(name).price_path(["BTC", "ETH"])


def straight_way(name):
    """Yield known prices of an event and the next, with their hours."""
    path = marks_of(name)
    hours = (path.times - path.times[0]) / np.timedelta64(1, "h")
    return zip(path.prices, path.prices[1:], hours, hours[1:], strict=False)


def hour_of_failure(name, spare):
    """Return the hour at which equity less requirement, a line between two known prices, first falls below 0."""
    for before, after, start, end in straight_way(name):
        had, has = spare(before), spare(after)
        if has < 0:
            return start + (end - start) * had / (had - has)
    return None


def spare_of(entry, sides, backing):
    """Return what a unit has beyond its requirement, by hand: each notional is in the first bracket."""

    def spare(prices):
        notional = LIGHTER * prices / entry
        return backing + (sides * (notional - LIGHTER) - RATE * notional * (sides != 0)).sum()

    return spare


@cache
def told_by_hand(name, pair, leverage):
    """Return the hours at which BTC, ETH and the pool are lost, and what is left of isolated and of cross."""
    entry, end, sides = marks_of(name).prices[0], marks_of(name).prices[-1], SIDES[pair]
    profits, margins = sides * LIGHTER * (end / entry - 1), LIGHTER / leverage
    alone = [hour_of_failure(name, spare_of(entry, sides * np.eye(2)[i], margins[i])) for i in range(2)]
    pool = hour_of_failure(name, spare_of(entry, sides, STAKE))
    left = STAKE + sum(-margins[i] if alone[i] is not None else profits[i] for i in range(2))
    return (*alone, pool, left, 0.0 if pool is not None else STAKE + profits.sum())


def test_claim_2_1_the_explorer_of_the_delay_tells_hours_and_ends():
    names = {f"{event(name).times[0].item():%B %Y}": name for name in event_names()}
    for state, said in states("delay"):
        btc, eth, pool, left, pooled = told_by_hand(names[state["month"]], state["pair"], state["leverage"])
        told = rest(state, said, f"{state['month']}, {state['pair']}, {state['leverage']}x: ")
        for symbol, hour in (("BTC", btc), ("ETH", eth)):
            found = re.search(rf"{symbol} after (\d+) hours?", told)
            assert bool(found) == (hour is not None), (state, said)
            # The chapter takes a step every ten minutes at most: so late may it be.
            assert not found or abs(int(found[1]) - hour) < 0.5 + 79 / 8 / 60
        found = re.search(r"cross loses both after (\d+) hours?, (\d+) hours? after the first", told)
        assert bool(found) == (pool is not None), (state, said)
        if found:
            first = min(hour for hour in (btc, eth) if hour is not None)
            assert abs(int(found[1]) - pool) < 0.5 + 79 / 8 / 60
            assert abs(int(found[2]) - (pool - first)) < 1 + 79 / 8 / 60
        assert numbers(told)[-2:] == pytest.approx([left, pooled], abs=0.51)


def test_claim_2_1_the_explorer_of_the_price_tells_counts_and_averages():
    for state, said in states("price-of-time"):
        pair, leverage, market = state["pair"], state["leverage"], state["rule"] == "closed in the market"
        rows = [told_by_hand(name, pair, leverage) for name in event_names()]
        isolated = np.array([any(hour is not None for hour in row[:2]) for row in rows])
        cross = np.array([row[2] is not None for row in rows])
        told = rest(state, said, f"{pair[0].upper()}{pair[1:]}, {leverage}x, {state['rule']}: ")
        expected = [len(rows), isolated.sum(), cross.sum()]
        for which in (cross, isolated & ~cross):
            if which.any():
                expected += [np.mean([row[4] - STAKE for row, at in zip(rows, which, strict=True) if at])]
                expected += [np.mean([row[3] - STAKE for row, at in zip(rows, which, strict=True) if at])]
        # In the market up to the maintenance margin is kept.
        assert numbers(told) == pytest.approx(expected, abs=RATE * LIGHTER.sum() if market else 0.51), (state, said)


# --- 2-2: an isolated position falls alone --------------------------------------------------------------------


@given(accounts, moves, st.booleans())
def test_claim_2_2_what_happens_to_an_isolated_position_leaves_the_other_as_it_was(drawn, move, falls):
    # One market moves, the other stands still: its position, margin and the wallet are untouched.
    _, isolated = both(drawn)
    i = int(falls)
    prices = np.array(MARKS)
    prices[i] *= move[i]
    outcome = simulate(isolated, [prices])
    other = 1 - i
    assert outcome.size[other] == isolated.size[other]
    assert outcome.margin[other] == isolated.margin[other]
    assert outcome.wallet == isolated.wallet


@pytest.mark.parametrize("fund", [np.inf, 1_000.0, 0.0])
def test_claim_2_2_whoever_bears_an_isolated_loss_it_is_not_ones_own_winner(fund):
    # At 10x a fall of 30 % loses three times the margin of BTC; the short ETH wins 30 % of its value and keeps them.
    account, missing = opened("isolated", 10, "long BTC, short ETH"), 0.2 * VALUES[0]
    outcome = simulate(account, [MARKS * 0.7], rules=Rules(fund=fund))
    assert (outcome.size[1], outcome.margin[1]) == (account.size[1], account.margin[1])
    assert (outcome.fund_paid, outcome.uncovered) == (
        pytest.approx(min(fund, missing)),
        pytest.approx(max(missing - fund, 0)),
    )
    assert outcome.equity == pytest.approx(BALANCE - 0.1 * VALUES[0] + 0.3 * SHORT)


@given(st.floats(0.02, 0.18), st.floats(0.2, 0.4), st.sampled_from(["cross", "isolated"]), st.floats(0.1, 1))
def test_claim_2_2_others_losses_can_end_ones_winning_leg_in_either_mode(at, further, mode, share):
    # The condition. ADL takes the short's profit no further than where it comes; the long is left with less against it.
    account = opened(mode, 5, "long BTC, short ETH")
    way = [MARKS * (1 - at), MARKS * (1 - at - further)]
    hedged = simulate(account, way)
    bare = simulate(account, way, actions=[Deleverage(step=0, position=1, share=share)])
    assert bare.size[1] == pytest.approx((1 - share) * account.size[1] if bare.survived[1] else 0, abs=1e-9)
    assert bare.forgone[1] == 0
    assert bare.equity < hedged.equity
    if bare.survived[1]:
        # Missed is what the short would still have made, as long as nothing else is lost for it.
        assert hedged.equity - bare.equity == pytest.approx(share * SHORT * further)


@given(st.floats(1_000, 50_000_000), st.floats(1.5, 20), st.floats(0.01, 1))
def test_claim_2_2_leverage_and_added_margin_set_the_liquidation_price(value, leverage, added):
    size, margin = value / MARKS[0], value / leverage
    prices = liquidation_price(BTC, size, MARKS[0], margin * np.array([1, 1 + added]), convention=COUNTING)
    near, far = np.nan_to_num(prices)
    assert far < near < MARKS[0]
    assume(far > 0)
    # At the price the margin is used up but for the maintenance that each bracket asks of its slice.
    assert margin + size * (near - MARKS[0]) == pytest.approx(slice_by_slice(BTC.tiers, size * near), abs=1e-9 * value)


def test_claim_2_2_a_larger_position_is_liquidated_sooner_at_the_same_leverage():
    values = np.array([30e3, 3e6, 30e6, 150e6])
    prices = liquidation_price(BTC, values / MARKS[0], MARKS[0], values / 10, convention=COUNTING)
    assert (np.diff(prices) > 0).all()


def blow_by_hand(move, leverage, mode, fund):
    """Return what BTC and ETH are worth that are still held, who paid for what, and what is left."""
    values = np.abs(PAIRS["long BTC, short ETH"])
    margins, profits, need = values / leverage, PAIRS["long BTC, short ETH"] * move, RATE * values * (1 + move)
    if mode == "cross":
        assert BALANCE + profits.sum() > need.sum()  # the hedge carries it at every move of the explorer
        return values, 0.0, 0.0, BALANCE + profits.sum()
    lost = margins + profits < need
    missing = np.maximum(-(margins + profits), 0)[lost].sum()
    left = BALANCE - margins[lost].sum() + profits[~lost].sum()
    by_fund = missing if fund == "pays what is missing" else 0.0
    return np.where(lost, 0.0, values), by_fund, missing - by_fund, left


def test_claim_2_2_the_explorer_of_the_blow_tells_what_is_held_and_who_paid():
    for state, said in states("blow"):
        cross, isolated = re.search(r"(In cross, .*?\.) (In isolated, .*\.)$", said).groups()
        for mode, told in (("cross", cross), ("isolated", isolated)):
            held, fund, others, left = blow_by_hand(state["move"], state["leverage"], mode, state["fund"])
            for symbol, value in zip(("BTC", "ETH"), held, strict=True):
                fate = "untouched" if value else "gone"
                assert re.search(rf"{symbol} is {fate}|BTC and ETH are {fate}", told), (state, said)
            for who, amount in (("the fund pays", fund), ("others bear", others)):
                found = re.search(rf"{who} ([\d,]+) USDT", told)
                assert (number(found[1]) if found else 0) == pytest.approx(amount, abs=0.51), (state, said)
            assert number(re.search(r"and ([\d,]+) USDT are left", told)[1]) == pytest.approx(left, abs=0.51)


def hedge_by_hand(mode, fall, at):
    """Return the fall at which BTC is lost, or none, and what is left, along a straight fall by thousandths."""
    wallet, margin = (BALANCE, 0.0) if mode == "cross" else (BALANCE - VALUES[0] / 5, VALUES[0] / 5)
    for now in np.arange(round(1000 * fall) + 1) / 1000:
        behind = wallet + SHORT * min(now, at) if mode == "cross" else margin
        need = VALUES[0] + (SHORT if mode == "cross" and now < at else 0.0)
        if behind - VALUES[0] * now <= RATE * need * (1 - now):
            return now, 0.0 if mode == "cross" else wallet + SHORT * min(fall, at)
    return None, wallet + margin + SHORT * min(fall, at) - VALUES[0] * fall


def test_claim_2_2_the_explorer_of_the_broken_hedge_tells_what_is_left_of_it():
    for state, said in states("broken", count=40):
        fall, at = state["fall"], state["at"]
        made = f"at {at:.0%} your short ETH was auto-deleveraged and made {SHORT * at:,.0f} USDT"
        assert (made if fall >= at else f"before {at:.0%} ADL has not come yet") in said
        for mode in ("Cross", "Isolated"):
            told = re.search(rf"{mode} (.*?), and ([\d,]+) USDT are left; with the hedge ([\d,]+)\.", said)
            lost, left = hedge_by_hand(mode.lower(), fall, at)
            assert told[1] == ("still holds BTC" if lost is None else f"loses BTC at {lost:.1%}"), (state, said)
            assert number(told[2]) == pytest.approx(left, abs=0.51), (state, said)
            assert number(told[3]) == pytest.approx(hedge_by_hand(mode.lower(), fall, 1)[1], abs=0.51)


def fall_by_halving(value, margin):
    """Return the fall at which what is left of the margin meets the maintenance there."""
    near, far = 0.0, 1.0
    for _ in range(60):
        middle = (near + far) / 2
        alive = margin - value * middle > slice_by_slice(BTC.tiers, value * (1 - middle))
        near, far = (middle, far) if alive else (near, middle)
    return near


def test_claim_2_2_the_explorer_of_the_settings_tells_the_fall_or_the_refusal():
    worth = {"30 thousand USDT": 30e3, "2 million USDT": 2e6, "30 million USDT": 30e6, "150 million USDT": 150e6}
    limits = {"30 thousand USDT": 150, "2 million USDT": 75, "30 million USDT": 25, "150 million USDT": 10}
    for state, said in states("settings", count=20):
        value, leverage, added = worth[state["worth"]], state["leverage"], state["added"]
        if leverage > limits[state["worth"]]:
            assert said == (
                f"A position of {state['worth']} may be opened with {limits[state['worth']]}x at most: "
                f"{leverage}x is refused."
            )
            continue
        margin = value / leverage * (1 + added)
        fall = fall_by_halving(value, margin)
        need = slice_by_slice(BTC.tiers, value * (1 - fall)) / (value * (1 - fall))
        told = rest(state, said, f"{state['worth']} of BTC at {leverage}x, {added:.0%} added: ")
        assert numbers(told) == pytest.approx([round(margin), 100 * fall, 100 * need], abs=0.00501), (state, said)


# --- 2-3: offsetting positions, sideways markets --------------------------------------------------------------


def survival(correlation, pair, mode, leverage=10):
    """Return the share of months in which nothing is liquidated, and what one in twenty ends with at most."""
    outcome = simulate(opened(mode, leverage, pair, SIDES[pair] * VALUES), of_months(correlation))
    return outcome.survived.all(axis=1).mean(), np.quantile(outcome.equity, 0.05)


@cache
def of_months(correlation):
    model = Diffusion(
        MARKS, volatility_per_year=VOLATILITY, correlation=correlation, steps_per_year=FOUR_HOURS_PER_YEAR
    )
    return model.sample(np.random.default_rng(23), paths=2_000, steps=MONTH)


@pytest.mark.parametrize(("pair", "sign"), [("long BTC, short ETH", 1), ("both long", -1)])
def test_claim_2_3_a_pool_lives_the_longer_the_more_its_positions_offset_each_other(pair, sign):
    kept = [survival(sign * correlation, pair, "cross")[0] for correlation in (-0.9, -0.3, 0.3, 0.9)]
    assert kept == sorted(kept)
    assert kept[-1] - kept[0] > 0.15


def test_claim_2_3_a_hedge_does_not_keep_isolated_positions_alive():
    assert survival(0.9, "long BTC, short ETH", "isolated")[0] < survival(-0.9, "long BTC, short ETH", "isolated")[0]
    assert survival(0.9, "long BTC, short ETH", "isolated")[0] < 0.2 < survival(0.9, "long BTC, short ETH", "cross")[0]


def test_claim_2_3_without_an_offset_the_pools_worst_twentieth_has_nothing_left():
    # The condition.
    assert survival(0.9, "both long", "cross")[1] == 0
    assert survival(0.9, "both long", "isolated")[1] >= BALANCE - VALUES.sum() / 10


def spare(contract, sizes, price, stake):
    """Return what positions entered at 1 and their stake have beyond what is required."""
    required = sum(slice_by_slice(contract.tiers, abs(size) * price) for size in sizes)
    return stake + sum(sizes) * (price - 1) - required


def fails_at(contract, sizes, step, stake=STAKE):
    """Return the first price from 1 on, going by this factor, at which nothing is left to spare; nan for none."""
    here = 1.0
    while 1e-3 < here < 1e8:
        there = here * step
        if spare(contract, sizes, there, stake) <= 0:
            for _ in range(60):
                middle = (here + there) / 2
                here, there = (here, middle) if spare(contract, sizes, middle, stake) <= 0 else (middle, there)
            return there
        here = there
    return np.nan


SIDED = {"BTC": BTC, "WIF": BINANCE.contract("WIFUSDT")}


@given(st.sampled_from(list(SIDED)), st.floats(0.05, 1.2), st.floats(10_000, 80_000))
def test_claim_2_3_both_sides_of_a_market_fail_at_the_same_prices_down_and_up(name, short, worth):
    contract, sizes = SIDED[name], (worth, -short * worth)
    pool = Account.of([Position(contract, size, 1.0) for size in sizes], wallet=STAKE, convention=COUNTING)
    for way, step in (("down", 0.98), ("up", 1.02)):
        expected = fails_at(contract, sizes, step)
        if np.isnan(expected):
            # Beyond what was tried there may be one.
            assert not (1e-3 < pool.liquidation_price([1.0, 1.0], toward=way)[0] < 1e8)
        else:
            assert pool.liquidation_price([1.0, 1.0], toward=way) == pytest.approx([expected] * 2, rel=1e-9)


def test_claim_2_3_the_explorer_of_both_sides_tells_where_the_pool_and_the_isolated_sides_fail():
    for state, said in states("both-sides", count=30):
        contract, short, market = SIDED[state["market"]], state["short"], state["market"]
        held = f"short {short:.0%} of that" if short else "not short at all"
        told = rest(state, said, f"{market}: long 80,000 USDT and {held}, with 10,000 behind it. ")
        pool, apart = told.split(" Isolated at 20x, ")
        sizes = [80_000.0, -short * 80_000.0][: 2 if short else 1]
        ways = [price for step in (0.98, 1.02) if (price := fails_at(contract, sizes, step)) > 0]
        assert numbers(pool) == pytest.approx(ways, abs=0.0051, rel=1e-3), (state, said)
        # A twentieth of what it is worth is set aside for each.
        single = [fails_at(contract, [size], 0.99 if size > 0 else 1.01, abs(size) / 20) for size in sizes]
        assert numbers(apart) == pytest.approx(single, abs=0.0051), (state, said)


@cache
def market(name):
    common = {"volatility_per_year": VOLATILITY, "correlation": ALIKE, "steps_per_year": FOUR_HOURS_PER_YEAR}
    back = {"drawn back within a day": 1, "drawn back within three days": 3, "drawn back within ten days": 10}
    growth = {"no direction": 1.0, "down by a fifth": 0.8, "up by a fifth": 1.2}
    if name in back:
        model = MeanReversion(MARKS, level=MARKS, speed_per_year=np.log(2) / (back[name] / 365), **common)
    else:
        # So much in thirty days: in a year as often again as a year has such months.
        model = Diffusion(MARKS, drift_per_year=np.log(growth[name]) / (30 / 365), **common)
    return model.sample(np.random.default_rng(23), paths=2_000, steps=MONTH)


def lasting(name, mode, leverage, pair):
    outcome = simulate(opened(mode, leverage, pair), market(name))
    return outcome.survived.all(axis=1).mean(), np.median(outcome.equity), np.quantile(outcome.equity, 0.05)


@pytest.mark.parametrize("pair", SIDES)
def test_claim_2_3_the_sooner_prices_are_drawn_back_the_more_live_on_in_either_mode(pair):
    order = ["drawn back within a day", "drawn back within three days", "drawn back within ten days", "no direction"]
    for mode in MODES:
        kept = [lasting(name, mode, 10, pair)[0] for name in order]
        assert kept == sorted(kept, reverse=True)
        assert kept[0] > kept[-1] or mode == "cross"


def test_claim_2_3_a_pool_sits_a_swing_out_and_loses_more_in_a_trend():
    sideways, down = "drawn back within three days", "down by a fifth"
    assert lasting(sideways, "cross", 10, "both long")[0] > lasting(sideways, "isolated", 10, "both long")[0] + 0.3
    assert lasting(sideways, "cross", 10, "both long")[1] > lasting(sideways, "isolated", 10, "both long")[1]
    assert lasting(down, "cross", 10, "both long")[1] < lasting(down, "isolated", 10, "both long")[1]


def test_claim_2_3_the_explorer_of_the_offset_tells_survival_and_the_worst():
    for state, said in states("offset"):
        pair, leverage, correlation = state["pair"], state["leverage"], state["correlation"]
        shown = f"{correlation:.1f}".replace("-", "−")
        told = rest(state, said, f"{pair[0].upper()}{pair[1:]}, correlation {shown}, {leverage}x. ")
        results = [survival(correlation, pair, mode, leverage) for mode in MODES]
        expected = [value for kept, worst in results for value in (100 * kept, worst)]
        assert numbers(told) == pytest.approx(expected, abs=0.51), (state, said)
        assert numbers(told)[::2] == pytest.approx(expected[::2], abs=0.051), (state, said)


def test_claim_2_3_the_explorer_of_markets_tells_survival_median_and_worst():
    for state, said in states("sideways"):
        name, pair, leverage = state["market"], state["pair"], state["leverage"]
        told = rest(state, said, f"Market: {name}; {pair}, {leverage}x. ")
        results = [lasting(name, mode, leverage, pair) for mode in MODES]
        expected = [value for kept, *ends in results for value in (100 * kept, *ends)]
        assert numbers(told) == pytest.approx(expected, abs=0.51), (state, said)
        assert numbers(told)[::3] == pytest.approx(expected[::3], abs=0.051), (state, said)


# Correlation of hourly returns before and in six crashes, with the lower end of its 95 % interval: facts, in order.
BEFORE = [0.82, 0.81, 0.91, 0.89, 0.80, 0.89]
DURING = [0.96, 0.89, 0.96, 0.92, 0.73, 0.92]
LOWER = [0.93, 0.76, 0.94, 0.85, 0.56, 0.86]


def test_claim_2_3_the_explorer_of_correlations_counts_the_crashes():
    ((_, said),) = states("to-one", count=0)
    rose = sum(now > then for then, now in zip(BEFORE, DURING, strict=True))
    beyond = sum(low > then for then, low in zip(BEFORE, LOWER, strict=True))
    expected = [rose, 6, beyond, min(DURING), max(DURING), min(BEFORE), max(BEFORE)]
    assert numbers(said) == expected
    assert (rose, beyond) == (5, 2)


def test_claim_2_3_our_own_four_hour_candles_agree_with_hourly_correlations():
    figure, _ = explorers_of("mechanics")["to-one"].draw()
    slow = figure["data"][2]["x"]
    crashes = ("covid-2020", "may-2021", "luna-2022", "ftx-2022", "oct-2025", "feb-2026")
    for name, shown in zip(crashes, slow, strict=True):
        btc, eth = np.diff(np.log(event(name).close), axis=0).T
        btc, eth = btc - btc.mean(), eth - eth.mean()
        assert shown == pytest.approx((btc @ eth) / np.sqrt((btc @ btc) * (eth @ eth)))
    assert np.abs(np.array(slow) - DURING).max() < 0.12


# --- 2-4: who does not look loses -----------------------------------------------------------------------------

WEEK = 168 * 4


@cache
def weeks():
    model = Diffusion(MARKS, volatility_per_year=VOLATILITY, correlation=ALIKE, steps_per_year=4 * HOURS_PER_YEAR)
    return model.sample(np.random.default_rng(24), paths=1_000, steps=WEEK)


@cache
def pool_fails(pair):
    """Return the step at which the pool fails on each path, found without the engine."""
    failing = opened("cross", 10, pair).liquidatable(weeks())[..., 0]
    return np.where(failing.any(axis=1), failing.argmax(axis=1), WEEK)


def premature(pair, leverage, hours):
    """Return the share of weeks with a loss the pool would have lived through, the account's equity then, how many."""
    policy = TopUp(every=4 * hours, target=1 / leverage)
    first = first_loss(simulate(opened("isolated", leverage, pair), weeks(), top_up=policy), WEEK)
    early = np.flatnonzero(first < pool_fails(pair))
    # Nothing has been lost before, so the account is worth its stake and what its positions have made.
    profits = PAIRS[pair] * (weeks()[early, first[early]] / MARKS - 1)
    equity = BALANCE + profits.sum(axis=1)
    return early.size / first.size, np.median(equity) if early.size else None, early.size


@pytest.mark.parametrize("pair", SIDES)
@pytest.mark.parametrize("leverage", [10, 20, 50])
def test_claim_2_4_the_less_often_somebody_looks_the_more_positions_die_early(pair, leverage):
    shares = [premature(pair, leverage, hours)[0] for hours in (1, 4, 24, 72, 168)]
    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.2


def test_claim_2_4_positions_left_alone_die_while_the_account_is_healthy():
    share, equity, _ = premature("both long", 20, 168)
    assert share > 0.5
    assert equity > 0.7 * BALANCE


@given(st.floats(0.05, 0.6), st.sampled_from([1, 2, 4]))
def test_claim_2_4_refilling_without_a_limit_ends_where_cross_ends(fall, every):
    # The trap: a fall in a straight line, so slow that no look comes too late.
    cross, isolated = (one_long(mode) for mode in MODES)
    prices = MARKS[0] * (1 - fall * np.arange(1, 201) / 200)[:, None]
    refilled = simulate(isolated, prices, top_up=TopUp(every=every, target=0.05))
    pooled = simulate(cross, prices)
    assert refilled.profit == pytest.approx(pooled.profit, abs=1e-6)


@given(st.floats(0, 24_000), st.floats(0.4, 0.9))
def test_claim_2_4_with_a_limit_the_loss_is_the_margin_and_what_was_added(budget, fall):
    prices = MARKS[0] * (1 - fall * np.arange(1, 201) / 200)[:, None]
    refilled = simulate(one_long("isolated"), prices, top_up=TopUp(every=1, target=0.05, budget=budget))
    assert refilled.profit == pytest.approx(-VALUES[0] / 20 - budget)


def one_long(mode):
    position = Position(BTC, VALUES[0] / MARKS[0], MARKS[0], mode=mode, leverage=20)
    return Account.open([position], balance=BALANCE, convention=COUNTING)


def test_claim_2_4_the_explorer_of_looking_tells_shares_and_equity():
    for state, said in states("watch"):
        hours, leverage, pair = state["hours"], state["leverage"], state["pair"]
        when = "once, at the start" if hours == 168 else f"every {hours} hour{'s' if hours > 1 else ''}"
        told = rest(state, said, f"{pair[0].upper()}{pair[1:]}, {leverage}x, looking {when}: ")
        share, equity, count = premature(pair, leverage, hours)
        failed = (pool_fails(pair) < WEEK).mean()
        expected = [100 * share, *([equity, BALANCE] if count >= 10 else []), 100 * failed]
        assert numbers(told) == pytest.approx(expected, abs=0.51), (state, said)
        assert numbers(told)[:1] + numbers(told)[-1:] == pytest.approx([100 * share, 100 * failed], abs=0.051)


def refilled_by_hand(fall, every, budget):
    """Walk a long through three days: refill, then see whether it is still above its maintenance."""
    value, margin, wallet = VALUES[0], VALUES[0] / 20, BALANCE - VALUES[0] / 20
    for hour in range(72):
        down = fall * (hour + 1) / 72
        notional, profit = value * (1 - down), -value * down
        if hour % every == 0:
            amount = max(min(0.05 * notional - margin - profit, budget, wallet), 0.0)
            margin, wallet, budget = margin + amount, wallet - amount, budget - amount
        if margin + profit < RATE * notional:
            return wallet - BALANCE
    return -value * fall


def test_claim_2_4_the_explorer_of_refilling_tells_three_losses():
    budgets = {"nothing": 0.0, "4,000 USDT": 4_000.0, "12,000 USDT": 12_000.0, "all there is": np.inf}
    for state, said in states("refill", count=20):
        fall, every, budget = state["fall"], state["every"], state["budget"]
        often = f"every {every} hour{'s' if every > 1 else ''}"
        opening = f"A fall of {fall:.0%}, refilling {often} with at most {budget}: "
        told = rest(state, said, opening)
        # In cross all is lost once balance − value f no longer covers 0.4 % of value (1 − f).
        pooled = -VALUES[0] * fall if BALANCE - VALUES[0] * fall >= RATE * VALUES[0] * (1 - fall) else -BALANCE
        expected = [refilled_by_hand(fall, every, budgets[budget]), refilled_by_hand(fall, 100, 0.0), pooled]
        assert numbers(told) == pytest.approx(expected, abs=0.51), (state, said)


# --- 2-5: strategies ------------------------------------------------------------------------------------------

SOL = Contract("SOLUSDT", Tiers.flat(0.005), currency="USDT")
DOGE = Contract("DOGEUSDT", Tiers.flat(0.0065), currency="USDT")
DATED = BINANCE.contract("BTCUSDT_261225")
STRATEGIES = {
    "hedged pair": ([BTC, ETH], [30e3, -22e3], [0.47, 0.68], 0.88, 0.0),
    "basket of four longs": ([BTC, ETH, SOL, DOGE], [12e3] * 4, [0.47, 0.68, 0.76, 0.82], 0.8, 0.0),
    "one bet on BTC": ([BTC], [50e3], [0.47], None, 0.0),
    "funding carry": ([DATED, BTC], [40e3, -40e3], [0.47, 0.47], 0.9995, 0.0001),
}


@cache
def played(strategy, wild, mode, balance=STAKE):
    """Return the outcome of a strategy in a mode."""
    contracts, values, volatility, correlation, rate = STRATEGIES[strategy]
    model = Diffusion(
        np.full(len(values), 100.0),
        volatility_per_year=wild * np.array(volatility),
        correlation=correlation,
        steps_per_year=FOUR_HOURS_PER_YEAR,
    )
    prices = model.sample(np.random.default_rng(25), paths=3_000, steps=MONTH)
    # Every eight hours is every second step; only the last position is a perpetual that pays.
    funding = np.array([[0.0] * (len(values) - 1) + [rate * (step % 2)] for step in range(MONTH)])
    rows = zip(contracts, values, strict=True)
    positions = [Position(c, value / 100, 100.0, mode=mode, leverage=10) for c, value in rows]
    return simulate(Account.open(positions, balance=balance, convention=COUNTING), prices, funding=funding), prices


def measured(strategy, wild, mode):
    outcome, _ = played(strategy, wild, mode)
    ruined = outcome.equity <= 1_000
    forced = ~outcome.survived.all(axis=1)
    return 100 * forced.mean(), 100 * ruined.mean(), np.median(outcome.equity), np.quantile(outcome.equity, 0.05)


@pytest.mark.parametrize("strategy", ["hedged pair", "funding carry"])
def test_claim_2_5_legs_that_offset_each_other_are_torn_apart_in_isolated_and_not_in_cross(strategy):
    cross, isolated = (measured(strategy, 1, mode) for mode in MODES)
    assert cross[0] < 1
    assert isolated[0] > 80
    assert cross[3] > isolated[3]


def test_claim_2_5_a_basket_of_longs_ruins_a_pool_more_often_than_a_single_bet_does():
    # The condition: several positions that move as one are one.
    assert measured("basket of four longs", 1, "cross")[1] > measured("one bet on BTC", 1, "cross")[1] > 5
    assert measured("basket of four longs", 1, "isolated")[1] == 0


def test_claim_2_5_a_single_bet_is_limited_in_isolated_and_stopped_out_more_often():
    cross, isolated = (measured("one bet on BTC", 1, mode) for mode in MODES)
    assert isolated[1] == 0 < cross[1]
    assert isolated[0] > 3 * cross[0]
    assert isolated[3] == STAKE - 5_000


def test_claim_2_5_a_lone_isolated_position_is_a_small_cross_account():
    contracts, values, *_ = STRATEGIES["one bet on BTC"]
    isolated, prices = played("one bet on BTC", 2, "isolated")
    small = Account.open([Position(contracts[0], values[0] / 100, 100.0, leverage=10)], balance=5_000.0)
    assert simulate(small, prices).profit == pytest.approx(isolated.profit, abs=1e-6)


def held(strategy, wild):
    """Return what the stake comes to without any liquidation: profits at the end, and funding on the way."""
    _, values, _, _, rate = STRATEGIES[strategy]
    _, prices = played(strategy, wild, "cross")
    profits = (np.array(values) * (prices[:, -1] / 100 - 1)).sum(axis=1)
    received = -rate * values[-1] * (prices[:, 1::2, -1] / 100).sum(axis=1)
    return STAKE + profits + received


def test_claim_2_5_the_explorer_of_strategies_tells_nothing_of_the_modes_before_the_guess():
    wilds = {"as of late": 1, "twice as wild": 2}
    for state, said in states("strategy-of"):
        strategy, guess, wild = state["strategy"], state["guess"], wilds[state["market"]]
        amounts = {abs(value) for value in STRATEGIES[strategy][1]}
        opening = f"{strategy[0].upper()}{strategy[1:]}, market {state['market']}: "
        about, told = re.fullmatch(r"(.*?)\. ((?:Never|You take).*)", rest(state, said, opening)).groups()
        assert set(numbers(about)) == amounts, (state, said)
        if guess == "not yet":
            assert told.endswith("Name your mode.")
            assert not re.search(r"cross|isolated", told, re.IGNORECASE)
            expected = [np.median(held(strategy, wild)), np.quantile(held(strategy, wild), 0.05)]
            assert numbers(told) == pytest.approx(expected, abs=0.51), (state, said)
            continue
        assert told.startswith(f"You take {guess}. Cross loses ")
        expected = [value for mode in MODES for value in measured(strategy, wild, mode)]
        assert numbers(told) == pytest.approx(expected, abs=0.51), (state, said)
        shares = [i for i in range(8) if i % 4 < 2]
        assert [numbers(told)[i] for i in shares] == pytest.approx([expected[i] for i in shares], abs=0.051)


# --- exercises ------------------------------------------------------------------------------------------------


def solution(label):
    """Return what the solution of an exercise printed."""
    cells = notebook_of("mechanics").cells
    (place,) = (i for i, cell in enumerate(cells) if f"```{{solution-start}} mechanics-{label}\n" in cell.source)
    return "".join(output.text for output in cells[place + 1].outputs)


def test_the_exercise_on_a_large_position_has_the_price_and_bracket_found_by_hand():
    # Deductions: 300,000 x 0.1 % + 800,000 x 0.15 % + 3,000,000 x 0.35 % + 12,000,000 x 1 % = 132,000.
    # 200 P − 12,400,000 = 2 % x 200 P − 132,000 is a notional of 12,518,367: still above 12,000,000.
    price = (200 * 77_000 - 3_000_000 - 132_000) / (200 * 0.98)
    assert 200 * price > 12_000_000
    assert f"bracket from 12,000,000 USDT at 2.00%: liquidated at {price:,.2f} USDT" in solution("large")
    assert f"{price:,.2f} by the library" in solution("large")


def test_the_exercise_on_a_common_fall_has_the_fall_found_by_hand():
    # 10,000 − 45,000 s = 0.4 % x 45,000 (1 − s)
    fall = (10_000 - 180) / (45_000 - 180)
    assert solution("together").split() == ["by", "hand", f"{fall:.3%}", "by", "the", "library", f"{fall:.3%}"]


def test_the_exercise_on_looking_away_has_the_hours_found_by_hand():
    for leverage in (20, 10):
        # (1 − f) x 0.4 % = 1/L − f; then f = 0.68 x sqrt(h / 8760)
        fall = (1 / leverage - 0.004) / 0.996
        assert f"{leverage}x: {fall:.2%} away, {(fall / 0.68) ** 2 * 8760:.0f} hours" in solution("look-away")


def test_the_exercise_on_a_hedge_has_the_deviations_found_by_hand():
    # The best short leaves what the correlation does not explain: sqrt(1 − 0.88²) of the risk.
    assert f"standard deviation {25_000 * 0.47:,.0f} USDT" in solution("hedge")
    assert f"standard deviation {25_000 * np.sqrt(0.47**2 + 0.68**2 - 2 * 0.88 * 0.47 * 0.68):,.0f}" in solution(
        "hedge"
    )
    best = 25_000 * 0.88 * 0.47 / 0.68
    assert f"short {best:,.0f} USDT, standard deviation {25_000 * 0.47 * np.sqrt(1 - 0.88**2):,.0f}" in solution(
        "hedge"
    )
