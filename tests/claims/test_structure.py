"""Structure, what backs a position: the five claims as properties, and the chapter's numbers worked out anew."""

from __future__ import annotations

import re
from functools import cache
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    FOUR_HOURS_PER_YEAR,
    HOURS_PER_YEAR,
    MODES,
    Account,
    AutoMargin,
    Contract,
    JumpDiffusion,
    Position,
    Rules,
    Stop,
    Tiers,
    TopUp,
    event,
    simulate,
    venue,
)

from ..chapters import explorers_of, notebook_of, states_of
from ..examples import examples
from ..strategies import shares

# --- accounts -------------------------------------------------------------------------------------------------

BINANCE = venue("binance")
COUNTING = BINANCE.convention.value
BTC, ETH = BINANCE.contract("BTCUSDT"), BINANCE.contract("ETHUSDT")
sides = st.sampled_from([1.0, -1.0])
# From a hundredth of a bitcoin to brackets of 25x; leverage within what every such bracket allows.
notionals = st.floats(1_000, 20_000_000)
leverages = st.sampled_from([2, 3, 5, 10, 20, 25])
entries = st.tuples(st.floats(3_000, 120_000), st.floats(80, 5_000))
spare = st.floats(0, 2)


class Trade:
    """A long or short in BTC and one in ETH, to be opened in either mode out of the same balance."""

    def __init__(self, entry, notional, side, leverage, spare):
        self.entry = np.array(entry)
        self.size = np.array(side) * notional / self.entry
        self.leverage = leverage
        self.balance = float(sum(value / by for value, by in zip(notional, leverage, strict=True)) * (1 + spare))

    def opened(self, mode, leverage=None):
        rows = zip((BTC, ETH), self.size, self.entry, leverage or self.leverage, strict=True)
        positions = [Position(c, size, entry, mode=mode, leverage=by) for c, size, entry, by in rows]
        return Account.open(positions, balance=self.balance, convention=COUNTING)


trades = st.builds(
    Trade,
    entry=entries,
    notional=st.tuples(notionals, notionals),
    side=st.tuples(sides, sides),
    leverage=st.tuples(leverages, leverages),
    spare=spare,
)
btc_alone = st.builds(
    lambda entry, notional, side, leverage: Account.open(
        [Position(BTC, side * notional / entry, entry, mode="isolated", leverage=leverage)],
        balance=notional,
        convention=COUNTING,
    ),
    entry=st.floats(3_000, 120_000),
    notional=notionals,
    side=sides,
    leverage=leverages,
)


def far(price, side):
    """Return how far down (for a long) or up (for a short) a liquidation price lies, as something that only grows.

    No price, ``nan``: a long so well backed that it outlives a price of 0, or a short that fails at every price.
    """
    return -side * np.nan_to_num(price, nan=0.0)


# --- 1-1: a healthy position carries a sick one ---------------------------------------------------------------


@given(trades)
def test_claim_1_1_on_opening_both_modes_tie_up_and_leave_free_the_same(trade):
    cross, isolated = (trade.opened(mode) for mode in MODES)
    assert cross.initial_margin(trade.entry) == pytest.approx(isolated.initial_margin(trade.entry), rel=1e-12)
    assert cross.free_margin(trade.entry) == pytest.approx(isolated.free_margin(trade.entry), abs=1e-9 * trade.balance)


@given(trades, st.floats(0.3, 3))
def test_claim_1_1_a_gain_frees_margin_in_cross_and_none_in_isolated(trade, move):
    cross, isolated = (trade.opened(mode) for mode in MODES)
    marks = trade.entry * [1, move]
    rise, size, leverage = trade.entry[1] * (move - 1), trade.size[1], trade.leverage[1]
    # What a larger position ties up comes off the gain: at 2x and more, never more than half of it.
    gain, tied = size * rise, abs(size) * rise / leverage
    freed = cross.free_margin(marks) - cross.free_margin(trade.entry)
    assert freed == pytest.approx(gain - tied, abs=1e-9 * cross.notional(marks).sum())
    assert freed * gain >= 0
    assert isolated.free_margin(marks) == isolated.free_margin(trade.entry)


@given(trades, st.floats(0.3, 3), st.floats(0.3, 3))
def test_claim_1_1_the_more_one_position_gains_the_further_the_others_cross_liquidation_price(trade, one, other):
    cross, sides = trade.opened("cross"), np.sign(trade.size)
    better, worse = sorted((one, other), key=lambda move: -sides[1] * move)
    assume(abs(one - other) > 1e-6)
    lucky, unlucky = (far(cross.liquidation_price(trade.entry * [1, move])[0], sides[0]) for move in (better, worse))
    # Strictly, unless both moves leave BTC without any price that liquidates it.
    assert lucky > unlucky or lucky == unlucky == 0


@given(trades, st.floats(0.3, 3))
def test_claim_1_1_no_position_moves_the_others_isolated_liquidation_price(trade, move):
    isolated = trade.opened("isolated")
    before, after = (isolated.liquidation_price(trade.entry * [1, by])[0] for by in (1, move))
    assert before == after


@given(trades, st.floats(0.3, 0.95))
def test_claim_1_1_what_one_position_loses_can_end_the_other_unmoved_in_cross_but_not_in_isolated(trade, move):
    # The condition of the verdict: long BTC stands still, long ETH falls.
    long = Trade(trade.entry, np.abs(trade.size) * trade.entry, (1, 1), trade.leverage, spare=0)
    marks = trade.entry * [1, move]
    cross, isolated = (long.opened(mode) for mode in MODES)
    assume(cross.equity(marks) < 0)
    assert cross.liquidatable(marks)[0]
    assert not isolated.liquidatable(marks)[0]


@given(trades, leverages)
def test_claim_1_1_leverage_leaves_a_cross_liquidation_price_alone(trade, leverage):
    # The same balance, so leverage must not rise beyond what it covers: it may only be set higher.
    higher = tuple(max(leverage, by) for by in trade.leverage)
    before, after = (trade.opened("cross", by).liquidation_price() for by in (trade.leverage, higher))
    assert np.array_equal(before, after, equal_nan=True)


@given(trades, leverages)
def test_claim_1_1_leverage_moves_an_isolated_liquidation_price_nearer(trade, leverage):
    higher = tuple(max(leverage, by) for by in trade.leverage)
    before, after = (trade.opened("isolated", by).liquidation_price() for by in (trade.leverage, higher))
    sides, raised = np.sign(trade.size), np.array(higher) > trade.leverage
    assert (far(after, sides) < far(before, sides))[raised].all()
    assert (after == before)[~raised].all()


# --- 1-2: isolated margin fixes the loss ----------------------------------------------------------------------


@examples(4)
@given(btc_alone, st.floats(0.01, 4))
def test_claim_1_2_an_isolated_position_never_costs_more_than_its_margin(account, move):
    marks = account.entry * move
    loss = -account.unrealized_pnl(marks)[0]
    # Taken over, it costs all of the margin; until then the loss has not reached it, by more than maintenance.
    cost = account.margin[0] if account.liquidatable(marks)[0] else loss
    assert cost <= account.margin[0]
    assert account.liquidatable(marks)[0] or loss <= account.margin[0] - account.maintenance_margin(marks)[0]


@examples(4)
@given(btc_alone, st.floats(1e-6, 0.99))
def test_claim_1_2_a_price_beyond_bankruptcy_leaves_exactly_the_rest_of_the_jump_unpaid(account, jump):
    side, bankruptcy = np.sign(account.size[0]), account.bankruptcy_price()[0]
    price = bankruptcy * (1 - side * jump)
    beyond = -account.unrealized_pnl([price])[0] - account.margin[0]
    assert account.liquidatable([price])[0]
    assert beyond > 0
    # Size times how far the price went past bankruptcy, and not a cent of maintenance.
    assert beyond == pytest.approx(
        abs(account.size[0]) * bankruptcy * jump, abs=1e-9 * account.notional(account.entry)[0]
    )


@examples(4)
@given(btc_alone, st.floats(0.001, 0.999))
def test_claim_1_2_between_liquidation_and_bankruptcy_the_margin_pays_all(account, share):
    liquidation, bankruptcy = account.liquidation_price()[0], account.bankruptcy_price()[0]
    price = liquidation + share * (bankruptcy - liquidation)
    assert account.liquidatable([price])[0]
    assert 0 < -account.unrealized_pnl([price])[0] < account.margin[0]


@given(btc_alone)
def test_claim_1_2_liquidation_comes_before_bankruptcy(account):
    side = np.sign(account.size[0])
    mark, liquidation, bankruptcy = side * np.array(
        [account.entry[0], account.liquidation_price()[0], account.bankruptcy_price()[0]]
    )
    assert mark > liquidation > bankruptcy


@given(trades, st.floats(0.01, 4))
def test_claim_1_2_what_an_isolated_position_loses_leaves_the_rest_of_the_account_alone(trade, move):
    isolated = trade.opened("isolated")
    marks = trade.entry * [1, move]
    assert isolated.wallet == pytest.approx(trade.balance - isolated.margin.sum())
    assert isolated.position_equity(marks)[0] == isolated.margin[0]
    assert not isolated.liquidatable(marks)[0]


@given(trades, st.floats(0.01, 4), st.floats(0.01, 4))
def test_claim_1_2_where_the_fund_is_empty_others_bear_the_gap_and_ones_other_position_keeps_what_it_has(
    trade, one, two
):
    isolated, marks = trade.opened("isolated"), trade.entry * [one, two]
    outcome = simulate(isolated, [marks], rules=Rules(fund=0.0))
    assert outcome.uncovered == outcome.shortfall
    alive = outcome.survived
    assert (outcome.size[alive] == isolated.size[alive]).all()
    assert (outcome.margin[alive] == isolated.margin[alive]).all()
    assert outcome.wallet == isolated.wallet


# --- 1-3: one bad position takes down good ones ---------------------------------------------------------------

longs = st.builds(
    Trade,
    entry=entries,
    # Within the first bracket, of one rate for both.
    notional=st.tuples(st.floats(1_000, 290_000), st.floats(1_000, 290_000)),
    side=st.just((1.0, 1.0)),
    leverage=st.tuples(leverages, leverages),
    spare=st.just(0.0),
)
RATE = 0.004


def edge(trade):
    """Return the marks at which the pool has just failed because ETH fell while BTC stood still, or give up."""
    price = trade.opened("cross").liquidation_price(trade.entry)[1]
    assume(price > 0.01 * trade.entry[1])
    return np.array([trade.entry[0], price * (1 - 1e-9)])


@given(longs)
def test_claim_1_3_a_pool_taken_over_ends_a_position_that_has_not_moved(trade):
    cross, isolated = (simulate(trade.opened(mode), [edge(trade)]) for mode in MODES)
    assert cross.liquidated.tolist() == [0, 0]
    assert cross.equity == 0
    assert isolated.liquidated[0] == -1
    # Whoever falls by as much as ends the pool has long lost an isolated margin.
    assert isolated.liquidated[1] == 0


@given(longs)
def test_claim_1_3_without_a_fee_selling_the_largest_loss_first_spares_the_position_that_stood_still(trade):
    outcome = simulate(trade.opened("cross"), [edge(trade)], rules=Rules(close="market", order="largest loss"))
    assert outcome.liquidated.tolist() == [-1, 0]
    # All that is left for it is about what it requires.
    required = RATE * abs(trade.size * edge(trade)).sum()
    assert outcome.equity == pytest.approx(required, rel=1e-6)


@given(longs)
def test_claim_1_3_in_an_order_nobody_documents_either_may_go_and_without_a_fee_only_one_does(trade):
    account, marks = trade.opened("cross"), edge(trade)
    one_is_enough = [RATE * trade.size[place] * marks[place] > 1e-6 * account.wallet for place in range(2)]
    assume(all(one_is_enough))
    prices = np.broadcast_to(marks, (64, 1, 2))
    survived = simulate(account, prices, rules=Rules(close="market", order="random")).survived
    assert {tuple(row) for row in survived.tolist()} == {(True, False), (False, True)}


@given(longs)
def test_claim_1_3_closed_all_at_once_nothing_is_held_and_what_was_left_is_kept(trade):
    account, marks = trade.opened("cross"), edge(trade)
    outcome = simulate(account, [marks], rules=Rules(close="market", order="all at once"))
    assert not outcome.survived.any()
    assert outcome.equity == pytest.approx(account.equity(marks), abs=1e-6)


@given(longs, st.sampled_from(["largest loss", "random", "as given"]), st.floats(0.05, 3))
def test_claim_1_3_a_fee_above_the_maintenance_rate_takes_all_and_one_below_it_only_the_first(trade, order, times):
    assume(abs(times - 1) > 0.01)
    rules = Rules(close="market", order=order, liquidation_fee=times * RATE)
    outcome = simulate(trade.opened("cross"), [edge(trade)], rules=rules)
    assert (outcome.liquidated >= 0).sum() == (2 if times > 1 else 1)


# --- 1-4: the worst case is known beforehand ------------------------------------------------------------------

jumpy = st.builds(
    lambda seed, fall, rise: np.cumprod(1 + np.random.default_rng(seed).uniform(-fall, rise, (40, 12, 2)), axis=1),
    seed=st.integers(0, 2**32 - 1),
    fall=st.floats(0.05, 0.9),
    rise=st.floats(0.0, 1.0),
)
rates = st.floats(-0.003, 0.003)


def cents(trade):
    return 1e-9 * (trade.balance + np.abs(trade.size * trade.entry).sum())


@given(trades, jumpy)
def test_claim_1_4_the_loss_of_isolated_positions_is_at_most_the_sum_of_what_was_set_aside(trade, moves):
    account = trade.opened("isolated")
    outcome = simulate(account, trade.entry * moves)
    assert (outcome.profit >= -account.margin.sum() - cents(trade)).all()
    # And all of it where both are lost.
    both = (outcome.liquidated >= 0).all(axis=-1)
    assert outcome.profit[both] == pytest.approx(-account.margin.sum(), abs=cents(trade))


@given(trades, jumpy)
def test_claim_1_4_the_worst_case_of_cross_is_known_as_well_the_wallet(trade, moves):
    outcome = simulate(trade.opened("cross"), trade.entry * moves)
    assert (outcome.equity >= -cents(trade)).all()
    assert (np.abs(outcome.equity[(outcome.liquidated >= 0).any(axis=-1)]) <= cents(trade)).all()


@given(trades, jumpy, rates)
def test_claim_1_4_funding_out_of_the_margin_leaves_the_worst_case_alone(trade, moves, rate):
    account = trade.opened("isolated")
    outcome = simulate(account, trade.entry * moves, funding=rate, rules=Rules(isolated_funding="margin"))
    assert (outcome.profit >= -account.margin.sum() - cents(trade)).all()


@given(trades, jumpy, rates)
def test_claim_1_4_funding_out_of_the_wallet_comes_on_top_of_what_was_set_aside(trade, moves, rate):
    account = trade.opened("isolated")
    outcome = simulate(account, trade.entry * moves, funding=rate, rules=Rules(isolated_funding="wallet"))
    on_top = outcome.wallet - account.wallet
    both = (outcome.liquidated >= 0).all(axis=-1)
    assert outcome.profit[both] == pytest.approx(on_top[both] - account.margin.sum(), abs=cents(trade))


def test_claim_1_4_funding_out_of_the_wallet_makes_the_loss_larger_than_the_margin():
    # 0.1 BTC at 60,000 and 10x: 600 set aside. Funding of 0.1 % of 6,000 is 6, ten times.
    account = Account.open(
        [Position(BTC, 0.1, 60_000, mode="isolated", leverage=10)], balance=5_000, convention=COUNTING
    )
    path = [[60_000.0]] * 10 + [[50_000.0]]
    funding = [[0.001]] * 10 + [[0.0]]
    losses = {
        source: -simulate(account, path, funding=funding, rules=Rules(isolated_funding=source)).profit
        for source in ("margin", "wallet")
    }
    assert losses == {"margin": pytest.approx(600), "wallet": pytest.approx(600 + 10 * 6)}


@given(trades, jumpy, st.floats(0, 2))
def test_claim_1_4_what_is_added_raises_the_worst_case_by_as_much_and_no_more(trade, moves, share):
    account = trade.opened("isolated")
    budget = share * account.wallet
    outcome = simulate(account, trade.entry * moves, top_up=TopUp(every=1, target=0.2, budget=budget))
    assert (outcome.profit >= -account.margin.sum() - min(budget, account.wallet) - cents(trade)).all()


def test_claim_1_4_a_budget_is_lost_to_the_last_cent_in_a_fall_without_an_end():
    # 6,000 at 10x: 600 set aside; refilled to 10 % as often as 900 allow, on the way from 60,000 to 30,000.
    account = Account.open(
        [Position(BTC, 0.1, 60_000, mode="isolated", leverage=10)], balance=5_000, convention=COUNTING
    )
    path = np.linspace(60_000, 30_000, 200)[:, None]
    outcome = simulate(account, path, top_up=TopUp(every=1, target=0.1, budget=900.0))
    assert -outcome.profit == pytest.approx(1_500)


@given(st.sampled_from([2, 5, 10, 20]), st.floats(0.005, 0.6), sides)
def test_claim_1_4_without_a_gap_the_nearer_of_stop_and_liquidation_comes_first(leverage, away, side):
    # Steps of a ten-thousandth of the entry, so that nothing is passed by more than that.
    account = Account.open(
        [Position(BTC, side, 60_000, mode="isolated", leverage=leverage)], balance=40_000, convention=COUNTING
    )
    stop, price, step = 60_000 * (1 - side * away), account.liquidation_price()[0], 6.0
    assume(abs(stop - price) > 2 * step)
    path = 60_000 - side * step * np.arange(1, 7_000)[:, None]
    outcome = simulate(account, path, actions=[Stop(step=0, position=0, price=stop)])
    nearer = side * (stop - price) > 0
    assert outcome.survived[0] == nearer
    expected = -60_000 * away if nearer else -60_000 / leverage
    assert outcome.profit == pytest.approx(expected, abs=step)


@given(trades, jumpy, shares(0.001, 0.5))
def test_claim_1_4_a_stop_never_lets_an_isolated_loss_beyond_the_margin(trade, moves, away):
    account = trade.opened("isolated")
    stops = [
        Stop(step=0, position=i, price=entry * (1 - np.sign(size) * away))
        for i, (entry, size) in enumerate(zip(trade.entry, trade.size, strict=True))
    ]
    outcome = simulate(account, trade.entry * moves, actions=stops)
    assert (outcome.profit >= -account.margin.sum() - cents(trade)).all()


@given(trades, jumpy)
def test_claim_1_4_a_margin_that_replenishes_itself_may_cost_the_wallet_and_no_more(trade, moves):
    account = trade.opened("isolated")
    outcome = simulate(account, trade.entry * moves, auto_margin=AutoMargin())
    assert (outcome.equity >= -cents(trade)).all()
    alone = simulate(account, trade.entry * moves)
    assert (alone.wallet >= account.wallet - cents(trade)).all()


# --- 1-5: does cross multiply gains and risks -----------------------------------------------------------------


@given(trades, jumpy)
def test_claim_1_5_the_same_positions_earn_the_same_in_both_modes_where_nothing_is_liquidated(trade, moves):
    cross, isolated = (simulate(trade.opened(mode), trade.entry * moves) for mode in MODES)
    untouched = (cross.liquidated < 0).all(axis=-1) & (isolated.liquidated < 0).all(axis=-1)
    assert cross.profit[untouched] == pytest.approx(isolated.profit[untouched], abs=cents(trade))


@given(trades, jumpy, st.floats(1, 3))
def test_claim_1_5_gains_grow_with_the_size_where_nothing_is_liquidated(trade, moves, times):
    # Enough of a balance for either.
    values = np.abs(trade.size) * trade.entry
    small, large = (Trade(trade.entry, by * values, np.sign(trade.size), (20, 20), spare=30) for by in (1.0, times))
    small.balance = large.balance
    assume((values * times < 10_000_000).all())
    once, more = (simulate(one.opened("cross"), trade.entry * moves) for one in (small, large))
    untouched = (once.liquidated < 0).all(axis=-1) & (more.liquidated < 0).all(axis=-1)
    assert more.profit[untouched] == pytest.approx(times * once.profit[untouched], abs=1e-9 * large.balance)


def test_claim_1_5_a_pool_bears_the_same_fall_of_each_at_nearly_twice_the_size():
    # m = 1 %: isolated sets 0.25 + 0.0075 aside for each, the pool 0.25 + 0.0075 + 0.01 for the two of them.
    stake, fall, rate = 10_000.0, 0.25, 0.01
    tiers = Tiers.flat(rate, max_leverage=50)
    one, other = Contract("ONE", tiers), Contract("OTHER", tiers)
    isolated, cross = stake / (2 * (fall + rate * (1 - fall))), stake / (fall + rate * (1 - fall) + rate)
    apart = [Position(c, isolated, 1.0, mode="isolated", margin=stake / 2) for c in (one, other)]
    pool = [Position(c, cross, 1.0) for c in (one, other)]
    assert Account.of(apart).liquidation_price([1.0, 1.0]) == pytest.approx([0.75, 0.75])
    assert Account.of(pool, wallet=stake).liquidation_price([1.0, 1.0]) == pytest.approx([0.75, 0.75])
    assert 1.9 < cross / isolated < 2


def test_claim_1_5_the_best_months_grow_with_the_size_and_not_with_the_mode_and_ruin_with_both():
    ends = {name: simulate(account, ensemble(4_000, 0.1)).equity for name, account in compared().items()}
    best = {name: np.quantile(equity, 0.95) for name, equity in ends.items()}
    ruin = {name: (equity < 3_000).mean() for name, equity in ends.items()}
    assert best["all"] == pytest.approx(best["pool"], rel=0.02)
    assert best["tenth"] == pytest.approx(best["pool"], rel=0.05)
    assert best["twice"] > 1.5 * best["pool"]
    assert ruin["tenth"] == 0
    assert ruin["all"] < ruin["pool"] < 0.5 * ruin["twice"]


# --- what the chapter says ------------------------------------------------------------------------------------

MARKS, SIZES, BALANCE = np.array([77_084.5, 2_421.4]), np.array([1.0, 30.0]), 30_000.0
VALUES = SIZES * MARKS


def opened(mode, leverage, times=1.0):
    rows = zip((BTC, ETH), times * SIZES, MARKS, strict=True)
    return Account.open(
        [Position(*row, mode=mode, leverage=leverage) for row in rows], balance=BALANCE, convention=COUNTING
    )


def compared():
    """Return cross, isolated with a tenth and with all of the stake set aside, and cross of twice the size."""
    rows = zip((BTC, ETH), SIZES, MARKS, BALANCE * VALUES / VALUES.sum(), strict=True)
    everything = [Position(*row, mode="isolated", margin=margin) for *row, margin in rows]
    return {
        "pool": opened("cross", 10),
        "tenth": opened("isolated", 10),
        "all": Account.open(everything, balance=BALANCE, convention=COUNTING),
        "twice": opened("cross", 10, times=2),
    }


@cache
def ensemble(paths, jump, trend=0.0):
    """Return the random months of the chapter."""
    model = JumpDiffusion(
        MARKS,
        volatility_per_year=[0.5, 0.7],
        correlation=0.8,
        steps_per_year=FOUR_HOURS_PER_YEAR,
        drift_per_year=np.log1p(trend) * 365 / 30,
        common_jumps_per_year=6.0 if jump else 0.0,
        common_jump_mean=np.log1p(-jump),
        common_jump_deviation=0.05,
    )
    return model.sample(np.random.default_rng(14), paths=paths, steps=180)


def in_some_states(name):
    """Try what holds in a state of an explorer in some of them. The chapter runs when the test does, not before."""

    def tried(test):
        def in_each():
            for state in states_of(explorers_of("structure")[name]):
                try:
                    test(state)
                except Exception as error:
                    error.add_note(f"in the state {state}")
                    raise

        return in_each

    return tried


def said(name, **values):
    return explorers_of("structure")[name].draw(**values)[1]


def assert_says(sentence, *expected):
    """Compare the numbers of a sentence, in order, as precisely as they are written."""
    found = re.findall(r"([+−-]?)(\d[\d,]*)(\.\d+)?(%?)", sentence)
    assert len(found) == len(expected), (sentence, expected)
    for (sign, whole, part, unit), number in zip(found, expected, strict=True):
        scale = 0.01 if unit else 1.0
        value = float(whole.replace(",", "") + part) * scale * (-1 if sign in ("−", "-") else 1)
        half = 0.5 * 10.0 ** -max(len(part) - 1, 0) * scale
        assert value == pytest.approx(number, abs=half + 1e-6), (sentence, value, number)


@in_some_states("carry")
def test_carry_tells_the_liquidation_price_that_solves_wallet_plus_profits_equals_maintenance(state):
    move, leverage = state["eth_move"], state["leverage"]
    gain, needed = VALUES[1] * move, RATE * VALUES[1] * (1 + move)
    # wallet + gain + P - E = 0.004 P + needed, all below 300,000 USDT: the first bracket.
    price = (MARKS[0] - BALANCE - gain + needed) / (1 - RATE)
    apart = (MARKS[0] - MARKS[0] / leverage) / (1 - RATE)
    free = [BALANCE + gain - (VALUES.sum() + gain) / leverage, BALANCE - VALUES.sum() / leverage]
    cross = [] if price > MARKS[0] else [price, abs(1 - price / MARKS[0]), abs(free[0])]
    isolated = [apart, abs(1 - apart / MARKS[0]), abs(free[1])]
    sentence = said("carry", **state)
    assert ("missing" in sentence) == ((free[0] < 0 and price <= MARKS[0]) or free[1] < 0)
    assert ("already liquidated" in sentence) == (price > MARKS[0])
    assert_says(sentence, *([abs(move)] if move else []), *cross, leverage, *isolated)


def test_setting_tells_the_falls_to_liquidation_by_leverage():
    apart = [1 - (1 - 1 / leverage) / (1 - RATE) for leverage in (5, 125)]
    pool = 1 - (MARKS[0] - BALANCE + RATE * VALUES[1]) / (1 - RATE) / MARKS[0]
    free = [BALANCE - VALUES.sum() / leverage for leverage in (5, 125)]
    assert_says(said("setting"), 5, 125, *apart, pool, *free)


@in_some_states("floor")
def test_floor_tells_the_profit_until_maintenance_is_met_and_the_backing_after_it(state):
    move, leverage = state["move"], state["leverage"]
    ends = []
    for backing in (BALANCE, MARKS[0] / leverage):
        profit = MARKS[0] * move
        ends.append(-backing if backing + profit < RATE * MARKS[0] * (1 + move) else profit)
    sentence = said("floor", **state)
    assert ("isolated has been liquidated" in sentence) == (ends[1] == -MARKS[0] / leverage)
    assert_says(sentence, move, leverage, *ends, MARKS[0] / leverage, BALANCE)


@in_some_states("gap")
def test_gap_tells_what_the_margin_pays_and_what_is_missing(state):
    jump, leverage = state["jump"], state["leverage"]
    loss, margin = MARKS[0] * jump, MARKS[0] / leverage
    lost = margin - loss < RATE * MARKS[0] * (1 - jump)
    missing = round(loss - margin) if lost and loss > margin else 0
    sentence = said("gap", **state)
    assert ("nobody else pays" in sentence) == (missing == 0)
    assert_says(sentence, jump, leverage, margin if lost else loss, *([missing] if missing else []))


def test_the_ticks_of_the_gap_are_the_worst_four_hours_of_every_event():
    (ticks,) = (
        trace for trace in explorers_of("structure")["gap"].draw(jump=0.3, leverage=10)[0]["data"] if "text" in trace
    )
    for name, tick in zip(ticks["text"], ticks["x"], strict=True):
        candles = event(name)
        assert tick == max(1 - low / first for low, first in zip(candles.low[:, 0], candles.open[:, 0], strict=True))
    assert len(ticks["text"]) == 9


NAMES = ["BTC", "ETH", "SOL", "DOGE"]
FOUR_VALUES = np.array([*VALUES, 40_000.0, 60_000.0])
FOUR_RATES = np.array([0.004, 0.004, 0.005, 0.0065])
# What each of the explorer's rules may come to: the orders, each a key by which the first to go is the smallest.
ANY = [np.array(order) for order in permutations(range(4))]


def pool_by_hand(order, falls, fee=0.0):
    """Let ETH fall and close by hand: which are closed, fall at the first, notional closed, equity left.

    `order` is a place in the queue for each, ``"largest loss"``, ``"all at once"`` or ``"pool taken over"``.
    """
    wallet, held, first, closed = BALANCE, np.full(4, True), None, np.zeros(4)
    for fall in falls:
        values = FOUR_VALUES * [1, 1 - fall, 1, 1]
        pnl = values - FOUR_VALUES
        while held.any() and wallet + pnl[held].sum() < (FOUR_RATES * values)[held].sum():
            first = fall if first is None else first
            equity = wallet + pnl[held].sum()
            rule = order if isinstance(order, str) else "in this order"
            if rule in ("all at once", "pool taken over") or equity <= 1e-9:
                going, wallet = np.flatnonzero(held), equity if rule == "all at once" else 0.0
            else:
                key = pnl if rule == "largest loss" else order
                going = [int(np.where(held, key, np.inf).argmin())]
                wallet += pnl[going[0]] - min(fee * values[going[0]], equity)
            closed[going], held[going] = values[going], False
        equity = wallet + pnl[held].sum()
    return ~held, first, closed, equity


def ends_by_hand(rule, falls, fee=0.0):
    """Return the columns of what a rule may come to: a row an order."""
    orders = ANY if rule in ("in any order", "any of them") else [rule.removeprefix("the ").removesuffix(" first")]
    gone, first, closed, equity = zip(*(pool_by_hand(order, falls, fee) for order in orders), strict=True)
    return np.array(gone), first[0], np.array(closed), np.array(equity)


def ends_of_range(numbers, digits=0):
    """Return the lowest and the highest as they are written, or the one that they are."""
    low, high = np.round(numbers.min(), digits), np.round(numbers.max(), digits)
    return [low] if low == high else [low, high]


@in_some_states("taken")
def test_taken_tells_what_closing_by_hand_closes_from_the_least_to_the_most_over_the_orders(state):
    fall, rule = state["fall"], state["rule"]
    gone, first, closed, equity = ends_by_hand(rule, np.arange(round(1000 * fall) + 1) / 1000)
    sentence = said("taken", **state)
    pool = ends_of_range(equity)
    if first is not None:
        count = [] if rule == "pool taken over" else [*ends_of_range(gone.sum(axis=1)), 4]
        pool = [*count, first, *ends_of_range(closed.sum(axis=1) - closed[:, 1]), *pool, BALANCE]
    # Isolated: E - E/10 = P (1 - 0.004), a fall of 9.64 %: met at 9.7 %, and a tenth of its value is gone.
    lost = fall > 0.0964
    apart = [0.097, BALANCE - VALUES[1] / 10] if lost else [BALANCE - VALUES[1] * fall]
    assert_says(sentence, fall, *pool, *apart)


def test_taken_draws_what_is_held_in_any_case_what_by_the_order_and_what_has_been_closed():
    figure, _ = explorers_of("structure")["taken"].draw(fall=0.44, rule="in any order")
    surely, by_order, gone, apart, none, lost = (np.array(trace["y"]) for trace in figure["data"])
    held, _, closed, _ = ends_by_hand("in any order", np.arange(441) / 1000)
    values = FOUR_VALUES * [1, 0.56, 1, 1] * ~held
    assert surely == pytest.approx(values.min(axis=0))
    assert surely + by_order == pytest.approx(values.max(axis=0))
    assert gone == pytest.approx(closed.min(axis=0))
    assert apart == pytest.approx([VALUES[0], 0, 40_000, 60_000])
    assert lost == pytest.approx([0, VALUES[1] * (1 - 0.097), 0, 0])
    assert not none.any()


@in_some_states("chain")
def test_chain_tells_what_the_first_closing_costs_and_how_many_follow(state):
    fee, first = state["fee"], state["first"]
    # wallet - V x = 0.004 V (1 - x) + the others' requirement.
    others = (FOUR_RATES * FOUR_VALUES).sum() - RATE * VALUES[1]
    fall = (BALANCE - others - RATE * VALUES[1]) / (VALUES[1] * (1 - RATE))
    fall += (1 - fall) * 1e-6
    gone, _, closed, _ = ends_by_hand(first, [fall], fee)
    values = FOUR_VALUES * [1, 1 - fall, 1, 1]
    places = [1] if first == "the largest loss" else [0, 1, 2, 3]
    costs = [*ends_of_range(fee * values[places]), *ends_of_range((FOUR_RATES * values)[places])]
    counts = [*ends_of_range(gone.sum(axis=1)), 4, *ends_of_range(closed.sum(axis=1) - closed[:, 1])]
    assert_says(said("chain", **state), fee, *costs, *counts)


@in_some_states("worst-case")
def test_worst_case_tells_the_worst_of_two_thousand_months_drawn_again(state):
    jump, leverage = state["jump"], state["leverage"]
    cross, isolated = (simulate(opened(mode, leverage), ensemble(2_000, jump)) for mode in MODES)
    aside = VALUES.sum() / leverage
    both = (isolated.liquidated >= 0).all(axis=-1).mean()
    gone = (cross.liquidated >= 0).any(axis=-1).mean()
    ends = [-isolated.profit.min(), aside, both, -cross.profit.min(), BALANCE, gone, isolated.shortfall.max()]
    assert_says(said("worst-case", **state), *([jump] if jump else []), 2_000, leverage, *ends)


@in_some_states("added")
def test_added_tells_the_worst_month_with_funding_and_refills_worked_out_again(state):
    budget, funding = state["budget"], state["funding"]
    settled = np.where(np.arange(180)[:, None] % 2, 0.0003, 0.0) * np.ones(2)
    outcome = simulate(
        opened("isolated", 10),
        ensemble(2_000, 0.1),
        funding=None if funding == "none" else settled,
        rules=Rules(isolated_funding="wallet" if funding == "out of the wallet" else "margin"),
        top_up=TopUp(every=6, target=0.1, budget=budget) if budget else None,
    )
    worst, aside = -outcome.profit.min(), VALUES.sum() / 10
    more = [worst - aside] if worst > aside + 0.5 else []
    beyond = (outcome.equity < BALANCE - aside - 0.5).mean()
    sentence = said("added", **state)
    assert ("just the" in sentence) == (not more)
    assert_says(sentence, budget, worst, *more, aside, beyond)


def stopped_by_hand(market, mode, leverage, below):
    """Return how often the venue ends BTC and how often its stop, and the result of one month in twenty."""
    prices, least = hourly(market) / MARKS, 1 - below
    cash, held = np.full(len(prices), BALANCE), np.full((len(prices), 2), True)
    forced, stopped = np.zeros((2, len(prices), 2), dtype=bool)
    for moved in prices.transpose(1, 0, 2):
        profit, need = held * VALUES * (moved - 1), held * RATE * VALUES * moved
        if mode == "cross":
            lost = (cash + profit.sum(axis=1) < need.sum(axis=1))[:, None] & held
            cash[lost.any(axis=1)] = 0
        else:
            lost = (VALUES / leverage + profit < need) & held
            cash -= (lost * VALUES / leverage).sum(axis=1)
        out = held & ~lost & (moved <= least)
        cash += (out * profit).sum(axis=1)
        forced, stopped, held = forced | lost, stopped | out, held & ~lost & ~out
    result = cash + (held * VALUES * (prices[:, -1] - 1)).sum(axis=1) - BALANCE
    return forced[:, 0].mean(), stopped[:, 0].mean(), np.quantile(result, 0.05)


@cache
def hourly(market):
    """Return a month of hours, a thousand times, with a fall of a tenth a month or without."""
    fall = {"without gaps": 0.0, "with gaps": 0.1}[market]
    jumps = {"common_jumps_per_year": 12 * bool(fall), "common_jump_mean": np.log1p(-fall)}
    model = JumpDiffusion(
        MARKS,
        volatility_per_year=[0.5, 0.7],
        correlation=0.8,
        steps_per_year=HOURS_PER_YEAR,
        common_jump_deviation=0.02,
        **jumps,
    )
    return model.sample(np.random.default_rng(14), paths=1_000, steps=720)


@in_some_states("comes-first")
def test_comes_first_tells_who_ends_a_position_and_what_a_bad_month_costs_worked_out_step_by_step(state):
    market, leverage, below = state["market"], state["leverage"], state["below"]
    cross, isolated = (stopped_by_hand(market, mode, leverage, below) for mode in MODES)
    sentence = said("comes-first", **state)
    assert sentence.startswith(market.capitalize())
    assert_says(sentence, below, *cross, leverage, *isolated)


def ends_of(equity):
    return [equity.mean(), *np.quantile(equity, [0.05, 0.95]), (equity < 3_000).mean()]


@in_some_states("wealth")
def test_wealth_tells_how_the_two_accounts_end_on_the_same_months_drawn_again(state):
    pair = {"same size, a tenth set aside": ("pool", "tenth"), "same size, all set aside": ("pool", "all")}
    names = pair.get(state["compare"], ("twice", "all"))
    accounts = compared()
    drawn = ensemble(4_000, 0.1, state["trend"])
    ends = [ends_of(simulate(accounts[name], drawn).equity) for name in names]
    assert_says(said("wealth", **state), state["trend"], *ends[0], *ends[1])


def test_amplified_tells_the_ends_at_the_same_and_at_twice_the_size():
    once, fixed, twice = (
        ends_of(simulate(compared()[name], ensemble(4_000, 0.1)).equity) for name in ("pool", "all", "twice")
    )
    assert_says(said("amplified"), once[2], fixed[2], twice[2], once[3], twice[3], fixed[3])


# --- exercises ------------------------------------------------------------------------------------------------


def solution(label):
    """Return what the cell of an exercise's solution has printed."""
    cells = notebook_of("structure").cells
    (place,) = (i for i, cell in enumerate(cells) if f"{{solution-start}} {label}\n" in cell.source)
    return "".join(output.text for output in cells[place + 1].outputs)


def test_the_exercise_on_two_lost_positions_is_solved_by_hand():
    # 20,000 - 2 x 5,000 + 20 (P - 2,000) = 0.01 (90,000 + 20 P), so 19.8 P = 30,900.
    assert f"{30_900 / 19.8:,.2f}" in solution("structure-both-lost")


def test_the_exercise_on_a_gap_is_solved_by_hand():
    # A loss of 7,000 against a margin of 60,000 / 20 = 3,000: 4,000 missing, of which the fund has 2,500.
    assert "you lose 3,000, the fund pays 2,500, left to others 1,500" in solution("structure-gap")


def test_the_exercise_on_the_chain_is_solved_by_hand():
    # It fails where 11,000 - 20 (2,500 - P) = 0.01 (50,000 + 20 P), so P = 39,500 / 19.8 = 1,994.9: the first tenth
    # below is 1,994.9. ETH sold: 898 left, less 0.5 % of 39,898, which is 199; BTC requires 500. At 2 %: 798, so 100.
    price = 1_994.9
    left = 11_000 - 20 * (2_500 - price) - 0.005 * 20 * price
    assert left > 500 > 11_000 - 20 * (2_500 - price) - 0.02 * 20 * price
    printed = solution("structure-chain")
    assert f"fee 0.5%, the largest loss first: BTC is kept, {left:,.0f} USDT are left" in printed
    # The fee on 50,000 would be 1,000: it takes what there is.
    assert "fee 2.0%, the largest loss first: BTC is closed, 0 USDT are left" in printed
    # BTC first costs 250. ETH fails where 10,750 - 20 (2,500 - P) = 0.2 P, so P = 1,982.3, and pays 0.5 % of 39,646.
    least = 10_750 - 20 * (2_500 - 1_982.3) - 0.005 * 20 * 1_982.3
    assert f"in any order: {least:,.0f} to {left:,.0f} USDT are left" in printed


def test_the_exercise_on_refilling_is_solved_by_hand():
    # 60,000 / 20 = 3,000 set aside and 4,500 added; the fall of 1 - 0.99^30 = 26 % costs 15,600 and more than both.
    assert 60_000 * (1 - 0.99**30) > 3_000 + 4_500
    assert "set aside 3,000, lost 7,500" in solution("structure-refill")


def test_the_exercise_on_twice_the_size_is_solved_by_hand():
    # Isolated: V (0.25 + 0.01 x 0.75) = 5,000. Cross: V (0.25 + 0.01 x 0.75 + 0.01) = 10,000.
    printed = solution("structure-twice")
    assert f"isolated {5_000 / 0.2575:,.0f} each, cross {10_000 / 0.2675:,.0f} each" in printed
    assert "fallen by 25.00%" in printed
