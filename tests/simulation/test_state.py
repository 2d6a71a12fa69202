"""The engine's workbench: it sees what an account sees, and what it does not look at cannot have failed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import Account, Contract, Convention, Growth, Position, Rules, Tiers, simulate
from marginlab.simulation.state import State, total

from ..refusals import assert_refused
from ..strategies import accounts, growing_tables, moves


def look_at(account, marks, rules=None):
    """Return a state of accounts (K, n) or (n,), and what is true of it at marks (n,) or (K, n)."""
    marks = np.atleast_2d(marks)
    state = State(account, rules or Rules(), len(marks))
    return state, state.valuation(np.arange(len(marks)), marks.T, np.zeros(len(marks), dtype=int))


def close(mine, theirs, scale):
    np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * scale)


@given(accounts() | accounts(tables=growing_tables()))
def test_a_look_sees_what_the_account_sees(held):
    account, marks = held
    _, look = look_at(account, marks)
    close(look.notional[:, 0], account.notional(marks), held.scale)
    close(look.pnl[:, 0], account.unrealized_pnl(marks), held.scale)
    close(look.maintenance[:, 0], account.maintenance_margin(marks), held.scale)
    close(look.required[:, 0], account.requirement(marks), held.scale)
    close(look.equity[:, 0], account.position_equity(marks), held.scale)
    close(look.need[:, 0], account.position_requirement(marks), held.scale)


@given(accounts())
def test_a_look_fails_what_the_account_would_liquidate(held):
    account, marks = held
    _, look = look_at(account, marks)
    np.testing.assert_array_equal(look.fails[:, 0], account.liquidatable(marks))


@pytest.mark.parametrize(("at_equality", "fails"), [(True, [True, True]), (False, [False, False])])
def test_equality_counts_where_the_convention_says_so(at_equality, fails):
    # Isolated: 15 - 8 = 7 = 56 / 8; the pool the same with its wallet.
    account = Account(
        wallet=15.0, contracts=[Contract("X", Tiers.flat(0.125))] * 2, size=[1.0, 1.0], entry=[64.0, 64.0],
        mode=["isolated", "cross"], margin=[15.0, 0.0], convention=Convention(at_equality=at_equality),
    )  # fmt: skip
    _, look = look_at(account, [56.0, 56.0])
    assert look.fails[:, 0].tolist() == fails


@given(accounts(), st.data())
def test_as_long_as_no_watched_price_is_passed_nothing_fails(held, data):
    account, marks = held
    state, look = look_at(account, marks)
    state.watch(look)
    low, high = state.low[:, 0], np.minimum(state.high[:, 0], 8 * marks)
    if look.fails.any() or (low > high).any():
        return  # looked at in any case
    shares = data.draw(moves(account, (64,))) % 1.0
    # Corners of the box as well as points inside it.
    shares[::2] = np.round(shares[::2])
    inside = np.maximum(low + shares * (high - low), 1e-6 * marks)
    _, looks = look_at(replace(account, wallet=np.full(64, account.wallet)), inside)
    assert not looks.fails.any()


@given(accounts(conventions=st.just(Convention()), legs=(1, 1), modes=["isolated"]))
def test_an_isolated_position_is_watched_up_to_its_liquidation_price_or_the_end_of_its_bracket(held):
    account, marks = held
    state, look = look_at(account, marks)
    state.watch(look)
    limit = account.liquidation_price(marks)[0]
    if look.fails.any() or np.isnan(limit):
        return
    adverse = state.low[0, 0] if limit < marks[0] else state.high[0, 0]
    contract = account.contracts[0]
    now, there = (contract.tiers.bracket(contract.bracket_amount(account.size[0], at)) for at in (marks[0], limit))
    if now == there:
        assert adverse == pytest.approx(limit, rel=1e-6, abs=1e-9 * marks[0])
    # Never beyond it.
    assert (adverse >= limit * (1 - 1e-9)) if limit < marks[0] else (adverse <= limit * (1 + 1e-9))


def test_a_pool_is_watched_by_shares_of_what_it_has_to_spare():
    # 1,000 to spare at 1 % maintenance of 10,000 + 30,000: 600. A quarter of it is 150 of 10,000's fall,
    # at 0.99 a unit of fall, three quarters are 450 of 30,000's: both may fall by 600 / 40,000 / 0.99.
    contracts = [Contract("BTC", Tiers.flat(0.01)), Contract("ETH", Tiers.flat(0.01))]
    account = Account(wallet=1_000.0, contracts=contracts, size=[0.2, -10.0], entry=[50_000.0, 3_000.0])
    state, look = look_at(account, account.entry)
    state.watch(look)
    assert state.low[0, 0] == pytest.approx(50_000 * (1 - 600 / 40_000 / 0.99))
    assert state.high[1, 0] == pytest.approx(3_000 * (1 + 600 / 40_000 / 1.01))
    assert (state.high[0, 0], state.low[1, 0]) == (np.inf, 0.0)


def test_isolated_and_closed_positions_take_nothing_of_what_a_pool_has_to_spare():
    # As above, beside an isolated long of 10,000 with 2,000 and a place where nothing is held.
    contracts = [Contract(name, Tiers.flat(0.01)) for name in ("BTC", "ETH", "SOL", "DOGE")]
    account = Account(
        wallet=1_000.0,
        contracts=contracts,
        size=[0.2, -10.0, 100.0, 0.0],
        entry=[50_000.0, 3_000.0, 100.0, 1.0],
        mode=["cross", "cross", "isolated", "cross"],
        margin=[0.0, 0.0, 2_000.0, 0.0],
    )
    state, look = look_at(account, account.entry)
    state.watch(look)
    assert state.low[:, 0] == pytest.approx([50_000 * (1 - 600 / 40_000 / 0.99), 0.0, 100 - 19 / 0.99, 0.0], rel=1e-10)
    assert state.high[:, 0] == pytest.approx([np.inf, 3_000 * (1 + 600 / 40_000 / 1.01), np.inf, np.inf], rel=1e-10)


def isolated(contract, size, entry, margin, **terms):
    """Return an account of one isolated position."""
    return Account(
        wallet=0.0, contracts=[contract], size=[size], entry=[entry], margin=[margin], mode="isolated", **terms
    )


SMOOTH = Tiers([0, 8_000], [0.01, 0.02])
COUNTING = Tiers([0, 5_000], [0.01, 0.02], 0, measured_in="contracts")
FROZEN = Convention(maintenance_at="entry", closing_fee=0.01, closing_fee_at="liquidation")
WATCHED = {
    # 2 % of 10,000 less 80 are required, 3,880 to spare: to 6,041, but below 8,000 another bracket begins.
    "a long above a bound": (isolated(Contract("X", SMOOTH), 1.0, 10_000.0, 4_000.0), 8_000.0, np.inf),
    # 3,940 to spare: to 9,901.
    "a short below a bound": (isolated(Contract("X", SMOOTH), -1.0, 6_000.0, 4_000.0), 0.0, 8_000.0),
    # 1,000 - 120 to spare at 98 cents a dollar of fall.
    "a long that fails before its bound": (
        isolated(Contract("X", SMOOTH), 1.0, 10_000.0, 1_000.0), 10_000 - 880 / 0.98, np.inf,
    ),
    # The price does not move the number of contracts: 8,000 - 200 to spare, and 4,000 - 40.
    "a long counted in contracts": (
        isolated(Contract("X", COUNTING), 10_000.0, 1.0, 8_000.0), 1 - 0.78 / 0.98, np.inf,
    ),
    "a short counted in contracts": (isolated(Contract("X", COUNTING), -4_000.0, 1.0, 4_000.0), 0.0, 1 + 0.99 / 1.01),
    # 4,000 - 120 - 100 to spare; what is required moves by the closing fee alone, whatever the bracket.
    "a long whose maintenance is frozen": (
        isolated(Contract("X", SMOOTH), 1.0, 10_000.0, 4_000.0, convention=FROZEN), 10_000 - 3_780 / 0.99, np.inf,
    ),
    # 100 coins and 10 to spare: an inverse long fails as its value rises, at 1.02 a coin of rise.
    "an inverse long": (
        isolated(Contract("X", Tiers.flat(0.02), kind="inverse", multiplier=10.0), 1_000.0, 100.0, 12.0),
        10_000 / (100 + 10 / 1.02), np.inf,
    ),
    "an inverse short": (
        isolated(Contract("X", Tiers.flat(0.02), kind="inverse", multiplier=10.0), -1_000.0, 100.0, 12.0),
        0.0, 10_000 / (100 - 10 / 0.98),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("account", "low", "high"), WATCHED.values(), ids=WATCHED)
def test_a_position_is_watched_as_far_as_its_own_bracket_tells(account, low, high):
    state, look = look_at(account, account.entry)
    state.watch(look)
    assert (state.low[0, 0], state.high[0, 0]) == (pytest.approx(low, rel=1e-10), pytest.approx(high, rel=1e-10))
    # By a little less, rather than more: what rounding may move is kept away from.
    assert low == 0 or state.low[0, 0] > low * (1 + 1e-13)
    assert high == np.inf or state.high[0, 0] < high * (1 - 1e-13)


def test_a_closed_position_is_not_watched():
    account = Account(wallet=1.0, contracts=[Contract("BTC", Tiers.flat(0.01))], size=[0.0], entry=[1.0])
    state, look = look_at(account, [1.0])
    state.watch(look)
    assert (state.low[0, 0], state.high[0, 0]) == (0.0, np.inf)


def test_where_the_fee_counts_at_bankruptcy_every_price_is_looked_at():
    convention = Convention(closing_fee=0.001, closing_fee_at="bankruptcy")
    account = Account(
        wallet=1e6, contracts=[Contract("BTC", Tiers.flat(0.01))], size=[1.0], entry=[1.0], convention=convention
    )
    state, look = look_at(account, [1.0])
    state.watch(look)
    assert state.low[0, 0] > state.high[0, 0]


def test_until_a_path_is_looked_at_any_price_is_one_to_look_at():
    account = Account(wallet=1.0, contracts=[Contract("BTC", Tiers.flat(0.01))], size=[1.0], entry=[1.0])
    state = State(account, Rules(), 3)
    assert (state.low > 1e300).all()


def test_a_million_paths_are_kept_row_by_row_and_steps_in_four_bytes():
    contracts = [Contract("BTC", Tiers.flat(0.01))] * 2
    account = Account(wallet=[1, 2, 3], contracts=contracts, size=[[1, -1]] * 3, entry=[[1, 2]] * 3)
    state = State(account, Rules(), 3)
    for rows in (state.size, state.entry, state.margin, state.leverage, state.isolated):
        assert rows.shape == (2, 3)
        assert rows.flags.c_contiguous
        assert rows.flags.writeable
    assert (state.liquidated.dtype, state.refused.dtype) == (np.int32, np.int32)
    assert (state.liquidated.tolist(), state.refused.tolist()) == ([[-1] * 3] * 2, [0] * 3)
    assert (state.wallet.dtype, state.balance.tolist()) == (np.float64, [1.0, 2.0, 3.0])


def test_what_the_wallet_can_spare_counts_losses_but_no_profits():
    # Initial margins: 10,000 / 10 and 6,000 / 5; wallet 3,000.
    contracts = [Contract(name, Tiers.flat(0.01, max_leverage=20)) for name in ("BTC", "ETH", "SOL")]
    account = Account(
        wallet=3_000.0,
        contracts=contracts,
        size=[0.2, -2.0, 5.0],
        entry=[50_000.0, 3_000.0, 100.0],
        mode=["cross", "cross", "isolated"],
        margin=[0.0, 0.0, 50.0],
        leverage=[10, 5, 10],
    )
    for marks, spare in (
        ([50_000.0, 3_000.0, 100.0], 800.0),
        # 500 gained, nothing counted; the initial margin grows with the notional to 1,050.
        ([52_500.0, 3_000.0, 100.0], 750.0),
        # 500 lost, 200 gained: 300 less; initial margins 950 and 1,160.
        ([47_500.0, 2_900.0, 1.0], 590.0),
    ):
        state, look = look_at(account, marks)
        assert state.spare(look, 0) == pytest.approx([spare])


@pytest.mark.parametrize(
    ("leverage", "limit", "rate", "initial"),
    [
        (10.0, 50, 0.01, 100.0),
        (np.inf, 50, 0.01, 20.0),
        # Neither a setting nor a limit: what it must hold in any case.
        (np.inf, None, 0.01, 10.0),
        # A setting beyond what the bracket allows now.
        (100.0, 50, 0.01, 20.0),
    ],
)
def test_an_initial_margin_goes_by_the_setting_the_limit_and_at_least_the_requirement(leverage, limit, rate, initial):
    contract = Contract("BTC", Tiers.flat(rate, max_leverage=limit))
    account = Account(wallet=0.0, contracts=[contract], size=[1.0], entry=[1_000.0], leverage=leverage)
    state, look = look_at(account, [1_000.0])
    assert state.needed_to_open(look)[0] == pytest.approx([initial])


def test_a_frozen_requirement_does_not_freeze_the_bracket_an_initial_margin_goes_by():
    tiers = Tiers([0, 1_000], [0.01, 0.02], max_leverage=[50, 10])
    account = Account(
        wallet=0.0, contracts=[Contract("X", tiers)], size=[1.0], entry=[900.0],
        convention=Convention(maintenance_at="entry"),
    )  # fmt: skip
    state, look = look_at(account, [1_100.0])
    assert state.needed_to_open(look)[0] == pytest.approx([110.0])
    assert look.maintenance[0] == pytest.approx([9.0])


def test_where_brackets_count_contracts_an_initial_margin_goes_by_the_size():
    tiers = Tiers([0, 5], [0.01, 0.02], 0, max_leverage=[50, 10], measured_in="contracts")
    account = Account(wallet=0.0, contracts=[Contract("X", tiers)] * 2, size=[4.0, -6.0], entry=[100.0, 1.0])
    state, look = look_at(account, account.entry)
    assert state.needed_to_open(look)[:, 0] == pytest.approx([400 / 50, 6 / 10])


def test_the_sum_over_positions_is_taken_in_order_whatever_the_number_of_paths():
    rows = np.random.default_rng(0).normal(size=(12, 5)) * 10.0 ** np.arange(-6, 6)[:, None]
    np.testing.assert_array_equal(total(rows)[2:3], total(rows[:, 2:3]))
    np.testing.assert_allclose(total(rows), rows.sum(axis=0))


@pytest.mark.parametrize("alike", [True, False])
def test_brackets_are_each_rows_own_whether_or_not_all_have_the_same(alike):
    one, other = Tiers([0, 1_000], [0.01, 0.02]), Tiers([0, 500, 2_000], [0.02, 0.03, 0.05])
    contracts = [Contract("X", one), Contract("Y", one if alike else other)]
    account = Account(wallet=1e6, contracts=contracts, size=[1.0, 1.0], entry=[900.0, 900.0])
    for marks in ([900.0, 1_500.0], [1_100.0, 400.0], [3_000.0, 2_500.0]):
        _, look = look_at(account, marks)
        np.testing.assert_allclose(look.maintenance[:, 0], account.maintenance_margin(marks), rtol=1e-14)


def test_some_of_the_paths_are_looked_at_without_touching_the_others():
    account = Account(wallet=[1.0, 2.0, 3.0], contracts=[Contract("X", Tiers.flat(0.01))], size=[1.0], entry=[1.0])
    _, look = look_at(account, [[1.0], [2.0], [4.0]])
    some = look.only(np.array([True, False, True]))
    some.pnl[:] = -7.0
    assert look.pnl.tolist() == [[0.0, 1.0, 3.0]]
    assert some.paths.tolist() == [0, 2]
    look.renew(np.array([True, False, True]), some)
    assert look.pnl.tolist() == [[-7.0, 1.0, -7.0]]
    assert look.only(np.full(3, True)) is look


# --- rates that grow without steps ----------------------------------------------------------------------------

# 1 %, and for every 10,000 of notional 1 % more: one of 21,000 with 1,600 behind it ends at 20,000, and at 970,000
GROWING = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50, growth=Growth(1e-6, initial=2e-6)))


@pytest.mark.parametrize("mode", ["cross", "isolated"])
@pytest.mark.parametrize(("prices", "step"), [([20_500, 20_001, 19_999], 2), ([500_000, 969_999, 970_001], 2)])
def test_what_grows_is_liquidated_where_its_price_says_downwards_and_upwards(mode, prices, step):
    terms = {"mode": mode, "margin": 1_600 if mode == "isolated" else None}
    account = Account.of([Position(GROWING, 1, 21_000, **terms)], wallet=0 if mode == "isolated" else 1_600)
    outcome = simulate(account, np.array(prices, dtype=float)[:, None])
    assert outcome.liquidated.tolist() == [step]
    assert simulate(account, np.array(prices[:2], dtype=float)[:, None]).liquidated.tolist() == [-1]


def test_frozen_at_entry_a_rate_that_grows_is_watched_like_any_other():
    # 210 + 441 are needed, whatever the price: 20,051
    frozen = Convention(maintenance_at="entry")
    account = Account.of([Position(GROWING, 1, 21_000, mode="isolated", margin=1_600)], convention=frozen)
    state, look = look_at(account, [21_000.0])
    state.watch(look)
    assert state.low[0, 0] == pytest.approx(20_051)
    assert simulate(account, [[900_000.0], [20_052.0], [20_050.0]]).liquidated.tolist() == [2]


def test_what_is_tied_up_goes_by_an_initial_rate_that_has_grown():
    # 2 % and 2 % for every 10,000: 60,000 at 14 % are 8,400; a setting of 5x asks for more, 12,000
    account = Account(20_000, [GROWING, replace(GROWING, symbol="ETHUSDT", tiers=Tiers.flat(0.01, max_leverage=50))],
                      [1, 1], [60_000, 60_000])  # fmt: skip
    state, look = look_at(account, [60_000.0, 60_000.0])
    assert state.needed_to_open(look)[:, 0] == pytest.approx([8_400, 1_200])
    state, look = look_at(replace(account, leverage=[5, 5]), [60_000.0, 60_000.0])
    assert state.needed_to_open(look)[:, 0] == pytest.approx([12_000, 12_000])


@pytest.mark.parametrize("part", ["bracket", "restore"])
def test_parts_that_go_by_brackets_are_refused_where_there_are_none(part):
    account = Account.of([Position(GROWING, 1, 21_000)], wallet=1_600)
    assert_refused(lambda: simulate(account, [[20_500.0]], rules=Rules(part=part)), "part", repr(part))
