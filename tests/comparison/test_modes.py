"""One account in three columns: the same positions and the same money, backed differently."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import Account, Contract, Convention, Position, Tiers, liquidation_move, venue, venue_names
from marginlab.comparison import Refusal
from marginlab.comparison.modes import MODE_COLUMNS, all_cross, all_isolated, columns_of
from marginlab.portfolio import preset, preset_names

from ..strategies import accounts, continuous_tables

BTC = Contract("BTC", Tiers([0, 100_000], [0.01, 0.02], max_leverage=[50, 25], cap=1_000_000))
ETH = Contract("ETH", Tiers.flat(0.01, max_leverage=50))
STEEP = Tiers([0, 300_000, 900_000, 2_000_000], [0.005, 0.02, 0.1, 0.3], max_leverage=[50, 20, 5, 2])
MARKS = np.array([10_000.0, 1_000.0])
BINANCE = venue("binance")


def held(*positions, wallet=1_000.0, **convention):
    return Account.of(positions, wallet=wallet, convention=Convention(**convention))


def long(mode="cross", size=1, entry=10_000, leverage=10, margin=None):
    return Position(BTC, size, entry, mode, leverage, margin)


def short(mode="cross", size=-5, entry=1_000, leverage=5, margin=None):
    return Position(ETH, size, entry, mode, leverage, margin)


def columns(account, marks=MARKS, where="binance"):
    return columns_of(account, np.asarray(marks, dtype=float)[: len(account.contracts)], venue(where))


def said(standing):
    return [str(refusal) for refusal in standing.refusals]


# --- the columns ----------------------------------------------------------------------------------------------


def test_the_columns_are_as_entered_all_cross_and_all_isolated():
    account = held(long("isolated"), short(), wallet=3_000)
    entered, cross, isolated = columns(account)
    assert (entered.name, cross.name, isolated.name) == MODE_COLUMNS
    assert entered.account is account
    assert (cross.account.mode, isolated.account.mode) == (("cross",) * 2, ("isolated",) * 2)


def test_an_account_that_is_all_of_one_mode_is_its_own_column():
    cross, isolated = held(long(), short()), held(long("isolated"), short("isolated"))
    assert columns(cross)[1].account is cross
    assert columns(isolated)[2].account is isolated
    assert columns(cross)[2].account is not cross


def test_isolated_positions_keep_their_margin_and_cross_ones_get_their_initial_margin_at_entry():
    # The short has moved from 1,000 to 900 and still gets 5 x 1,000 / 5.
    account = all_isolated(held(long("isolated", margin=700), short(), wallet=3_000))
    assert account.margin.tolist() == [700, 1_000]
    assert account.wallet == 2_000


def test_a_wallet_that_does_not_hold_the_initial_margins_is_spread_over_them():
    # 1,000 and 1,000 are wanted, 1,500 are there.
    account = all_isolated(held(long(), short(), wallet=1_500))
    assert account.margin.tolist() == [750, 750]
    assert account.wallet == 0


def test_an_empty_wallet_leaves_nothing_to_set_aside():
    account = all_isolated(held(long(), short(), wallet=-200))
    assert account.margin.tolist() == [0, 0]
    assert account.wallet == -200


def test_where_no_leverage_is_set_the_limit_of_the_bracket_counts():
    assert all_isolated(held(long(leverage=None), wallet=500)).margin.tolist() == [10_000 / 50]


def test_margins_go_back_to_the_wallet_in_cross():
    account = all_cross(held(long("isolated", margin=700), short(), wallet=3_000))
    assert (account.wallet, account.margin.tolist()) == (3_700, [0, 0])


@pytest.mark.long
@given(accounts(tables=continuous_tables(), kinds=["linear"]))
def test_all_columns_hold_the_same_money_and_the_same_positions(case):
    account, marks = case
    account = Account(account.wallet, account.contracts, account.size, account.entry, account.mode, account.margin, 7.0)
    for standing in columns_of(account, marks, BINANCE):
        assert np.isclose(standing.equity, account.equity(marks), rtol=1e-12, atol=1e-9 * case.scale)
        assert (standing.account.size == account.size).all()
        # Nobody is made to owe a margin; one that stands below 0 stays there.
        assert (standing.account.margin >= np.minimum(account.margin, 0)).all()


# --- both sides of a market -----------------------------------------------------------------------------------


def of_binance(*legs, wallet, mark=60_000.0):
    """Return the columns of an account of BTC at Binance, each leg as (size, entry)."""
    btc = BINANCE.contract("BTCUSDT")
    account = Account.of(
        [Position(btc, size, entry, leverage=25) for size, entry in legs],
        wallet=wallet,
        convention=BINANCE.convention.value,
    )
    return columns_of(account, np.full(len(legs), mark), BINANCE)


def test_a_fully_hedged_pair_fails_nowhere_below_and_at_one_price_above():
    cross, _, isolated = of_binance((1, 60_000), (-1, 60_000), wallet=5_000)
    # Both legs are then in the second bracket: 5,000 = 2 (0.005 P - 300).
    assert cross.liquidation_price.tolist() == [560_000, 560_000]
    assert np.isnan(cross.other_liquidation_price).all()
    # Alone, each has 2,400 behind it, a 25th of what it is worth.
    assert isolated.liquidation_price == pytest.approx([57_600 / 0.996, 62_400 / 1.004])
    assert np.isnan(isolated.other_liquidation_price).all()


def test_where_a_pool_fails_both_ways_the_nearer_price_comes_first_for_both_legs():
    cross, _, isolated = of_binance((1, 60_000), (-0.99, 58_000), wallet=2_500)
    # 2,500 - 2,580 + 0.01 P less 0.4 % of 1.99 P, and above the bracket from 300,000 on: less 0.5 %, and 300 twice.
    below = 80 / (0.01 - 0.004 * 1.99)
    assert cross.liquidation_price == pytest.approx([below] * 2)
    assert cross.distance == pytest.approx([below / 60_000 - 1] * 2)
    pool = cross.account
    (above,) = set(cross.other_liquidation_price.tolist())
    assert above > 800_000
    assert pool.equity([above] * 2) == pytest.approx(pool.requirement([above] * 2).sum())
    assert cross.other_distance == pytest.approx([above / 60_000 - 1] * 2)
    assert np.isnan(isolated.other_distance).all()


def test_where_the_upper_price_is_the_nearer_the_lower_is_the_other():
    (cross, *_) = of_binance((1, 60_000), (-0.99, 58_000), wallet=2_500, mark=900_000.0)
    (below,) = set(cross.other_liquidation_price.tolist())
    assert below == pytest.approx(80 / (0.01 - 0.004 * 1.99))
    assert 900_000 < cross.liquidation_price[0] < 2 * 900_000


def test_both_legs_of_a_long_that_is_hedged_in_part_have_one_price():
    cross, _, _ = of_binance((0.2, 64_000), (-0.15, 58_000), wallet=3_000)
    # 3,000 - 4,100 + 0.05 P = 0.004 x 0.35 P
    assert cross.liquidation_price == pytest.approx([1_100 / (0.05 - 0.0014)] * 2)
    assert cross.fall == pytest.approx(cross.distance)


amounts = st.floats(0.01, 20)
entries = st.floats(40_000, 80_000)


@given(amounts, amounts, entries, entries, st.floats(-5, 5), st.floats(0, 200_000), st.sampled_from(venue_names()))
def test_at_each_price_given_the_pool_fails_and_before_it_does_not(size, other, entry, theirs, eth, wallet, name):
    btc, ether = (Contract(one, STEEP, currency="USDT") for one in ("BTC", "ETH"))
    legs = [Position(btc, size, entry), Position(btc, -other, theirs), *([Position(ether, eth, 3_000)] if eth else [])]
    pool = Account.of(legs, wallet=wallet, convention=venue(name).convention.value)
    marks = np.array([60_000.0, 60_000.0, 3_000.0][: len(legs)])
    assume(not pool.liquidatable(marks)[0])
    cross = columns_of(pool, marks, venue(name))[0]
    prices = np.array([cross.liquidation_price, cross.other_liquidation_price])[:, :2]
    assert np.array_equal(prices[:, 0], prices[:, 1], equal_nan=True)
    near, far = prices[:, 0]
    assert np.isnan(far) or ((near < 60_000) != (far < 60_000) and abs(near - 60_000) <= abs(far - 60_000))
    for price in prices[~np.isnan(prices[:, 0]), 0]:
        there = np.where(np.arange(len(legs)) < 2, price, marks)
        left, scale = pool.position_equity(there) - pool.position_requirement(there), pool.notional(there).sum()
        if pool.convention.maintenance_at == "liquidation":
            assert abs(left[0]) <= 1e-9 * (scale + wallet)
        way = np.linspace(60_000, price, 50, endpoint=False)
        on_the_way = np.where(np.arange(len(legs)) < 2, way[:, None], marks)
        assert pool.convention.maintenance_at == "mark" or not pool.liquidatable(on_the_way).any()


@pytest.mark.parametrize("charged", ["each", "larger", "net"])
def test_isolated_each_leg_gets_a_margin_of_its_own_however_the_pool_is_charged(charged):
    account = Account.of(
        [Position(BTC, 1, 10_000, leverage=10), Position(BTC, -0.5, 10_000, leverage=5)],
        wallet=3_000,
        convention=Convention(charged=charged),
    )
    isolated = all_isolated(account)
    assert (isolated.margin.tolist(), isolated.wallet) == ([1_000, 1_000], 1_000)


# --- its figures ----------------------------------------------------------------------------------------------


def test_figures_of_one_isolated_long_are_those_worked_out_by_hand():
    _, _, standing = columns(held(long("isolated"), wallet=500), [9_500])
    # Margin 1,000, PnL -500. Liquidated where 1,000 + P - 10,000 = 0.01 P.
    assert standing.liquidation_price == pytest.approx([9_000 / 0.99])
    assert standing.bankruptcy_price == pytest.approx([9_000])
    assert standing.distance == pytest.approx([9_000 / 0.99 / 9_500 - 1])
    assert standing.margin_used.tolist() == [1_000]
    assert standing.effective_leverage.tolist() == [9_500 / 500]
    assert standing.margin_ratio.tolist() == [95 / 500]
    assert (standing.worst_margin_ratio, standing.equity, standing.free_margin) == (95 / 500, 1_000, 500)
    assert standing.account_leverage == 9.5
    assert standing.fall == pytest.approx(standing.distance)
    assert (standing.first_fall, standing.last_fall) == (standing.fall[0], standing.fall[0])
    assert np.isnan([standing.rise[0], standing.first_rise, standing.last_rise]).all()


def test_in_cross_the_margin_used_is_the_initial_margin_at_the_mark():
    _, standing, _ = columns(held(long(), wallet=1_500), [9_000])
    assert standing.margin_used.tolist() == [900]
    # 1,500 - 1,000 - 900
    assert standing.free_margin == -400


def test_the_worst_margin_ratio_is_that_of_the_unit_nearest_to_its_end():
    _, cross, isolated = columns(held(long(), short(), wallet=3_000), [9_500, 1_000])
    assert cross.worst_margin_ratio == (95 + 50) / 2_500
    # The long has 500 left of its margin for 95, the short 1,000 for 50.
    assert isolated.margin_ratio.tolist() == [0.19, 0.05]
    assert isolated.worst_margin_ratio == 0.19


def test_first_and_last_moves_are_of_the_position_that_goes_first_and_of_the_one_that_goes_last():
    _, cross, isolated = columns(held(long(), long(leverage=5), wallet=5_000), [10_000, 10_000])
    assert isolated.first_fall == isolated.fall[0] > isolated.fall[1] == isolated.last_fall
    assert cross.first_fall == cross.last_fall


def test_a_position_that_survives_any_fall_means_that_no_fall_takes_all():
    _, _, isolated = columns(held(long(), short(), wallet=3_000))
    assert np.isfinite([isolated.first_fall, isolated.first_rise]).all()
    assert np.isnan([isolated.last_fall, isolated.last_rise]).all()


def test_leverage_of_an_account_with_nothing_left_is_endless():
    _, cross, _ = columns(held(long(), wallet=1_000), [9_000])
    assert cross.account_leverage == np.inf


@pytest.mark.parametrize("name", preset_names())
def test_the_moves_are_those_of_the_joint_solver(name):
    one = preset(name)
    for standing in columns_of(one.account, np.array(one.marks), venue(one.venue)):
        for way, moves in (("down", standing.fall), ("up", standing.rise)):
            expected = liquidation_move(standing.account, one.marks, toward=way)
            assert np.array_equal(moves, expected, equal_nan=True)


# --- what the venue would refuse ------------------------------------------------------------------------------


def test_a_sound_account_is_refused_nothing_as_it_is_entered():
    assert columns(held(long("isolated"), short(), wallet=3_000))[0].refusals == ()


def test_leverage_size_and_margin_beyond_the_brackets_are_refused_with_their_bounds():
    account = Account(1e6, [BTC] * 3, [1, 120, 1], 10_000, ["cross", "cross", "isolated"], [0, 0, 50], [80, 10, 10])
    assert said(columns(account, [10_000] * 3)[0]) == [
        "BTC long 1: leverage must be at most 50 at this size, not 80",
        "BTC long 2: size must be at most 1,000,000 notional, not 1,200,000",
        "BTC long 3: margin must be more than 100.00, its maintenance margin, not 50.00",
        "BTC long 3: is liquidated at once: equity 50.00, required 100.00",
    ]
    assert [one.position for one in columns(account, [10_000] * 3)[0].refusals] == [0, 1, 2, 2]


def test_what_is_just_within_the_bounds_is_not_refused():
    # At the limit of 50x, at the cap, with the maintenance margin, and a wallet of just the initial margins.
    account = Account(
        10_000 / 50 + 1_000_000 / 25,
        [BTC] * 3,
        [1, 100, 1],
        10_000,
        ["cross", "cross", "isolated"],
        [0, 0, 100],
        [50, 25, 50],
        Convention(at_equality=False),
    )
    assert columns(account, [10_000] * 3)[0].refusals == ()


def test_a_wallet_too_small_for_the_initial_margins_is_named_in_every_column_that_needs_it():
    account = held(long(), short(), wallet=1_500)
    entered, cross, isolated = map(said, columns(account))
    assert entered == cross == ["the wallet must cover the initial margins (2,000.00), not 1,500.00"]
    assert isolated[0] == entered[0]


def test_a_wallet_too_small_to_isolate_with_is_named_there_alone():
    account = held(long("isolated"), short(), wallet=600)
    entered, cross, isolated = map(said, columns(account))
    assert entered == ["the wallet must cover the initial margins (1,000.00), not 600.00"]
    # With the margin of the long the wallet has 1,600 of the 2,000 that both need.
    assert cross[0] == "the wallet must cover the initial margins (2,000.00), not 1,600.00"
    assert isolated[0] == entered[0]


@pytest.mark.parametrize(
    ("where", "refused"),
    [
        ("binance", "Binance USD-M does not switch the mode of an open position: close it first"),
        ("okx", "OKX does not switch the mode of an open position: close it first"),
    ],
)
def test_a_venue_that_does_not_switch_open_positions_refuses_the_other_columns(where, refused):
    entered, cross, isolated = columns(held(long("isolated"), short(), wallet=3_000), where=where)
    assert entered.refusals == ()
    assert cross.refusals == isolated.refusals == (Refusal(None, "", refused),)


def test_a_venue_with_one_mode_for_the_account_refuses_the_mix_and_allows_the_switch():
    entered, cross, isolated = columns(held(long("isolated"), short(), wallet=3_000), where="bybit")
    assert said(entered) == ["Bybit has one mode for the whole account"]
    assert cross.refusals == isolated.refusals == ()


def test_positions_that_fail_already_are_named_with_what_they_have_and_need():
    _, cross, isolated = columns(held(long(), short(), wallet=2_000), [8_100, 1_000])
    # 2,000 - 1,900 = 100 against 81 + 50; the long alone has 1,000 - 1,900.
    assert said(cross) == [f"{name}: is liquidated at once: equity 100.00, required 131.00" for name in ("BTC", "ETH")]
    assert said(isolated)[0] == "BTC: is liquidated at once: equity -900.00, required 81.00"
