"""How far the whole market may move before an account fails."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import Account, Contract, Convention, Growth, Position, Tiers, liquidation_move

from .. import oracle
from ..examples import examples
from ..refusals import assert_refused
from ..strategies import accounts, continuous_tables, conventions, growing_tables, moves, shares, smooth_tables

NAN, INF = float("nan"), float("inf")

# Rounding, as a share of the money involved.
TINY = 1e-10

BTC = Contract("BTCUSDT", Tiers.flat(0.01))
ETH = Contract("ETHUSDT", Tiers.flat(0.02))
COIN = Contract("BTCUSD", Tiers.flat(0.01), kind="inverse")
STEPS = Contract("BTCUSDT", Tiers([0, 50_000], [0.004, 0.01]))
JUMPS = Contract("BTCUSDT", Tiers([0, 50_000], [0.01, 0.1], 0))
# 1 %, and for every 10,000 of notional 1 % more, or at least that; and Deribit's, in coin
GROWING = Contract("BTCUSDT", Tiers.flat(0.01, growth=Growth(1e-6)))
OVERTAKEN = Contract("BTCUSDT", Tiers.flat(0.01, growth=Growth(1e-6, how="at least")))
GROWING_COIN = Contract("BTC-PERPETUAL", Tiers.flat(0.01, growth=Growth(0.00005)), kind="inverse")

towards = st.sampled_from(["down", "up"])
judged_at_marks = conventions(maintenance_at=["liquidation", "entry"])
no_fee_at_bankruptcy = conventions(
    maintenance_at=["liquidation", "entry"], closing_fee_at=["none", "liquidation", "margin"]
)
# One position, or isolated ones, in every convention; pools in those whose requirements follow the marks.
alone = accounts(legs=(1, 1))
apart = accounts(modes=["isolated"])
pools = accounts(conventions=no_fee_at_bankruptcy)
# The same without jumps, where a position fails at a price and not across one.
smooth = (
    accounts(tables=smooth_tables, conventions=judged_at_marks, legs=(1, 1))
    | accounts(tables=smooth_tables, conventions=judged_at_marks, modes=["isolated"])
    | accounts(tables=smooth_tables, conventions=no_fee_at_bankruptcy)
)


def betas(account):
    """Draw how far each market goes: any way for linear contracts, one and the same for inverse ones."""
    n = len(account.contracts)
    if account.contracts[0].kind == "inverse":
        return shares(0.2, 3).map(lambda beta: [beta] * n)
    return st.lists(shares(-1, 3), min_size=n, max_size=n)


def scale_at(account, marks):
    """Return the money involved at some marks, against which rounding is measured."""
    values = account.margin + account.notional(account.entry) + account.notional(marks)
    return float(np.abs(account.wallet) + values.sum())


def spare(account, marks):
    """Return what each position's backers have above what they need."""
    return account.position_equity(marks) - account.position_requirement(marks)


@pytest.mark.parametrize(
    ("positions", "wallet", "beta", "toward", "move"),
    [
        # Long 10,000 with 1,000: 1,000 + 10,000 s = 100 (1 + s), so s = −900 / 9,900
        ([Position(BTC, 1, 10_000)], 1_000, 1, "down", -900 / 9_900),
        # Short: 1,000 − 10,000 s = 100 (1 + s), so s = 900 / 10,100
        ([Position(BTC, -1, 10_000)], 1_000, 1, "up", 900 / 10_100),
        # Twice as fast, half as far
        ([Position(BTC, 1, 10_000)], 1_000, 2, "down", -450 / 9_900),
        # A market that goes the other way hurts a long when the others rise.
        ([Position(BTC, 1, 10_000)], 1_000, -1, "up", 900 / 9_900),
        # Long 10,000 BTC and 5,000 ETH which falls 1.5 times as far, 2,000 behind both:
        # 2,000 + 10,000 s + 7,500 s = 100 (1 + s) + 100 (1 + 1.5 s), so s = −1,800 / 17,250
        ([Position(BTC, 1, 10_000), Position(ETH, 10, 500)], 2_000, [1, 1.5], "down", -1_800 / 17_250),
        # Long BTC, short as much ETH: nothing is lost and the need rises, 1,000 = 100 (1 + s) + 200 (1 + s)
        ([Position(BTC, 1, 10_000), Position(ETH, -20, 500)], 1_000, 1, "up", 700 / 300),
        # Into the lower bracket: 60,000 with 20,000, 20,000 + 60,000 s = 0.4 % of 60,000 (1 + s)
        ([Position(STEPS, 1, 60_000)], 20_000, 1, "down", -19_760 / 59_760),
        # Into the upper one: 20,000 − 40,000 s = 400 (1 + s) − 300
        ([Position(STEPS, -1, 40_000)], 20_000, 1, "up", 19_900 / 40_400),
        # Through the jump at 50,000: just above it 5,000 are needed and 2,000 are there.
        ([Position(JUMPS, -1, 49_000)], 3_000, 1, "up", 1_000 / 49_000),
        # In coin: 10,000 USD long from 50,000 with 0.05: 0.05 + 0.2 − 0.2 x = 0.002 x, x = 0.25 / 0.202 = 50,000 / P
        ([Position(COIN, 10_000, 50_000)], 0.05, 1, "down", 0.202 / 0.25 - 1),
        # short: 0.05 − 0.2 + 0.2 x = 0.002 x, x = 0.15 / 0.198
        ([Position(COIN, -10_000, 50_000)], 0.05, 1, "up", 0.198 / 0.15 - 1),
    ],
)
def test_joint_moves_worked_out_by_hand(positions, wallet, beta, toward, move):
    account = Account.of(positions, wallet=wallet)
    found = liquidation_move(account, account.entry, beta=beta, toward=toward)
    assert found == pytest.approx([move] * len(positions), rel=1e-12)


@pytest.mark.parametrize(
    ("positions", "wallet", "toward", "move"),
    [
        # Liquidated at 20,000 and 970,000, from 21,000
        ([Position(GROWING, 1, 21_000)], 1_600, "down", -1 / 21),
        ([Position(GROWING, 1, 21_000)], 1_600, "up", 949 / 21),
        # A market as large beside it, and twice the money, change nothing.
        (
            [Position(GROWING, 1, 21_000), Position(dataclasses.replace(GROWING, symbol="ETH"), 10, 2_100)],
            3_200,
            "down",
            -1 / 21,
        ),
        # Beside as much at a flat 1 %: 2,800 − 2 × 1,000 = 600 + 200 at 20,000
        ([Position(GROWING, 1, 21_000), Position(BTC, 1, 21_000)], 2_800, "down", -1 / 21),
        # 100 BTC at 60,000, and 120 at 50,000
        ([Position(GROWING_COIN, 6_000_000, 60_000)], 21.92, "down", -1 / 6),
        # All of the value behind it
        ([Position(GROWING, 1, 10_000)], 10_000, "down", NAN),
        ([Position(GROWING, 1, 10_000)], 10_000, "up", 98),
        # 1 % up to 10,000, of 8,000 that is 80; and at 20,000 it has become 2 %, or 400
        ([Position(OVERTAKEN, 1, 18_000)], 10_080, "down", -10 / 18),
        ([Position(OVERTAKEN, -1, 18_000)], 2_400, "up", 1 / 9),
    ],
)
def test_joint_moves_of_rates_that_grow_worked_out_by_hand(positions, wallet, toward, move):
    account = Account.of(positions, wallet=wallet)
    found = liquidation_move(account, account.entry, toward=toward)
    assert found == pytest.approx([move] * len(positions), rel=1e-11, nan_ok=True)


@pytest.mark.long
@given(
    accounts(
        tables=growing_tables() | smooth_tables,
        conventions=conventions(["liquidation"], ["none", "liquidation", "margin"]),
    )
)
def test_at_a_move_of_rates_that_grow_equity_is_the_requirement_and_up_to_it_nothing_fails(held):
    account, marks = held
    for toward, end in (("down", -1.0), ("up", 1e4)):
        move = liquidation_move(account, marks, toward=toward)
        for i in range(len(marks)):
            if move[i] != 0:
                last = end if np.isnan(move[i]) else move[i]
                part = np.linspace(0, 0.999, 30)[:, None] ** (4 if last > 1 else 1)
                assert not account.liquidatable(marks * (1 + last * part))[:, i].any()
            if np.isfinite(move[i]) and move[i] != 0:
                there = marks * (1 + move[i])
                assert abs(spare(account, there)[i]) <= 1e-11 * (held.scale + account.notional(there).sum())


@pytest.mark.long
@given(accounts(tables=growing_tables(), legs=(1, 1)), towards)
def test_alone_a_position_whose_rate_grows_is_moved_to_its_liquidation_price(held, toward):
    account, marks = held
    assume(not account.liquidatable(marks)[0] and account.convention.maintenance_at != "mark")
    move, price = (
        ask(marks, toward=toward)[0] for ask in (partial(liquidation_move, account), account.liquidation_price)
    )
    # Beyond a thousand times the mark neither is of use, and rounding is all.
    if 1e-3 < price / marks[0] < 1e3:
        assert marks[0] * (1 + move) == pytest.approx(price, rel=1e-9)


@pytest.mark.parametrize(
    ("positions", "wallet", "toward"),
    [
        # All of its value behind a long; twice its value behind a short that falls to 0; the same in coin.
        ([Position(BTC, 1, 10_000)], 10_000, "down"),
        ([Position(BTC, -1, 10_000)], 20_000, "down"),
        ([Position(COIN, -10_000, 50_000)], 0.2, "up"),
        ([Position(COIN, -10_000, 50_000)], 0.2, "down"),
        # The way it gains
        ([Position(BTC, 1, 10_000)], 1_000, "up"),
        ([Position(COIN, 10_000, 50_000)], 0.05, "up"),
        # Opposite sides of the same market: the need falls with the price, the loss is none.
        ([Position(BTC, 1, 10_000), Position(BTC, -1, 10_000)], 1_000, "down"),
    ],
)
def test_where_no_move_gets_there_the_answer_is_nan(positions, wallet, toward):
    account = Account.of(positions, wallet=wallet)
    assert np.isnan(liquidation_move(account, account.entry, toward=toward)).all()


@given(
    accounts(
        tables=continuous_tables(),
        modes=["cross"],
        conventions=conventions(["liquidation"], ["none", "bankruptcy"]),
    )
)
def test_what_gains_with_its_notional_and_is_backed_by_all_of_it_never_fails(held):
    # Linear longs down to a price of 0, inverse shorts up to any price: what is left is their notional, whatever
    # rounding says about the last of it.
    account, toward = held.account, "down" if held.account.contracts[0].kind == "linear" else "up"
    sizes = np.abs(account.size) * (1 if toward == "down" else -1)
    backed = dataclasses.replace(account, size=sizes, wallet=account.notional(account.entry).sum())
    assert np.isnan(liquidation_move(backed, account.entry, toward=toward)).all()


def test_inverse_shorts_backed_by_all_of_their_value_never_fail_though_a_fee_is_due_at_bankruptcy():
    convention = Convention(closing_fee=0.02, closing_fee_at="bankruptcy")
    dated = dataclasses.replace(COIN, symbol="BTCUSD-DATED")
    account = Account(1_620, [COIN, dated], [-100, -1_520 * 20.6], [1, 20.6], convention=convention)
    assert np.isnan(liquidation_move(account, [1, 20.6], toward="up")).all()


def test_a_market_that_does_not_move_liquidates_nobody():
    account = Account.of([Position(BTC, 1, 10_000)], wallet=1_000)
    assert np.isnan(liquidation_move(account, [9_500], beta=0)).all()
    # Not even from the very bound of a bracket, while the other market falls: 20,000 − 1,000 t = 200 + 20 (1 − t).
    still = Account.of([Position(STEPS, 1, 50_000), Position(ETH, 2, 500)], wallet=20_000)
    assert np.isnan(liquidation_move(still, [50_000, 500], beta=[0, 1])).all()


def test_cross_positions_share_the_answer_of_their_pool_and_isolated_ones_have_their_own():
    held = [Position(BTC, 1, 10_000), Position(ETH, 1, 500), Position(BTC, 1, 10_000, mode="isolated", margin=1_000)]
    found = liquidation_move(Account.of(held, wallet=1_000), [10_000, 500, 10_000])
    # 1,000 + 10,500 s = 100 (1 + s) + 10 (1 + s), so s = −890 / 10,390; isolated as above
    assert found == pytest.approx([-890 / 10_390, -890 / 10_390, -900 / 9_900])


def test_the_joint_move_of_a_pool_of_longs_is_nearer_than_each_liquidation_price():
    account = Account.of([Position(BTC, 1, 10_000), Position(ETH, 20, 500)], wallet=2_000)
    each = account.liquidation_price() / account.entry - 1
    assert (liquidation_move(account, account.entry) > each).all()


def test_one_position_takes_its_mark_as_a_number():
    account = Account.of([Position(BTC, 1, 10_000)], wallet=1_000)
    assert liquidation_move(account, 10_000) == pytest.approx([-900 / 9_900])


def test_a_closed_position_is_liquidated_by_no_move():
    account = Account(1_000, [BTC, BTC], [1, 0], [10_000, 10_000], ["cross", "isolated"])
    assert liquidation_move(account, [10_000, 10_000]) == pytest.approx([-900 / 9_900, NAN], nan_ok=True)
    empty = Account(0, [BTC], [0], [10_000])
    assert np.isnan(liquidation_move(empty, [10_000])).all()


@given(smooth, st.data(), towards)
def test_at_the_moved_marks_equity_equals_the_requirement(held, data, toward):
    account, marks = held
    beta = np.array(data.draw(betas(account)))
    found = liquidation_move(account, marks, beta=beta, toward=toward)
    failing = account.liquidatable(marks)
    for i in np.flatnonzero(~np.isnan(found)):
        moved = marks * (1 + beta * found[i])
        if failing[i]:
            assert found[i] == 0
        else:
            assert abs(spare(account, moved)[i]) <= TINY * scale_at(account, moved)


@examples(1)
@given(accounts(conventions=judged_at_marks, legs=(1, 1)) | pools, st.data(), towards)
def test_nothing_fails_before_the_joint_move_and_something_does_just_beyond(held, data, toward):
    account, marks = held
    beta = np.array(data.draw(betas(account)))
    found = liquidation_move(account, marks, beta=beta, toward=toward)
    # With no answer, all the way to where the first price reaches 0, or far up.
    limits = -1 / (beta[beta * (1 if toward == "up" else -1) < 0])
    nowhere = np.abs(limits).min(initial=1e4) * (1 if toward == "up" else -1)
    for i in np.flatnonzero(~account.liquidatable(marks)):
        end = nowhere if np.isnan(found[i]) else found[i]
        for share in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999):
            before = marks * (1 + beta * end * share)
            assert spare(account, before)[i] >= -TINY * scale_at(account, before)
        beyond = marks * (1 + beta * end * (1 + 1e-9))
        if not np.isnan(found[i]) and (beyond > 0).all():
            assert spare(account, beyond)[i] <= TINY * scale_at(account, beyond)


@given(alone | apart, st.data(), towards)
def test_for_a_position_on_its_own_the_joint_move_leads_to_its_liquidation_price(held, data, toward):
    account, marks = held
    beta = np.array(data.draw(betas(account)))
    assume((np.abs(beta) > 0.01).all())
    found = liquidation_move(account, marks, beta=beta, toward=toward)
    prices = account.liquidation_price(marks)
    exact = (prices / marks - 1) / beta
    sign = 1 if toward == "up" else -1
    for i in np.flatnonzero(~account.liquidatable(marks)):
        moved = marks * (1 + beta * exact[i])
        leads_there = not np.isnan(exact[i]) and exact[i] * sign > 0 and (moved > 1e-6 * marks).all()
        if leads_there:
            # Told as money: a move is as exact as the notional it makes.
            gap = np.abs(account.notional(marks)[i] * beta[i] * (found[i] - exact[i]))
            assert gap <= 1e-9 * scale_at(account, moved) * max(1, (prices[i] / marks[i]) ** 2)


@given(accounts(conventions=no_fee_at_bankruptcy, kinds=["linear"]), st.data(), towards, st.floats(0.1, 10))
def test_markets_that_go_so_many_times_as_far_have_to_move_less_by_as_much(held, data, toward, times):
    account, marks = held
    # Exactly at its requirement a pool fails or not by the last digit.
    assume((np.abs(spare(account, marks)) > 1e-9 * scale_at(account, marks)).all())
    beta = np.array(data.draw(betas(account)))
    slow = liquidation_move(account, marks, beta=beta, toward=toward)
    fast = liquidation_move(account, marks, beta=beta * times, toward=toward)
    np.testing.assert_allclose(fast * times, slow, rtol=1e-6, atol=1e-9)


@given(pools, towards)
def test_where_a_pool_is_liquidatable_already_the_move_is_nothing(held, toward):
    account, marks = held
    failing = account.liquidatable(marks)
    assert (liquidation_move(account, marks, toward=toward)[failing] == 0).all()


@given(accounts(), towards)
def test_a_falling_market_falls_by_at_most_everything_and_a_rising_one_rises(held, toward):
    account, marks = held
    found = liquidation_move(account, marks, toward=toward)
    found = found[~np.isnan(found)]
    assert ((found > -1) & (found <= 0)).all() if toward == "down" else ((found >= 0) & (found < INF)).all()


@examples(0.8)
@given(accounts(), shares(0, 1))
def test_a_larger_wallet_never_brings_the_failure_of_the_pool_nearer(held, more):
    account, marks = held
    assume(not account.convention.fee_at("bankruptcy"))
    richer = dataclasses.replace(account, wallet=account.wallet + more * held.scale)
    for toward in ("down", "up"):
        found, later = (
            np.nan_to_num(np.abs(liquidation_move(a, marks, toward=toward)), nan=INF) for a in (account, richer)
        )
        assert (later >= found * (1 - 1e-6) - 1e-9).all()


@pytest.mark.long
@examples(4)
@given(
    accounts(kinds=["linear"], modes=["cross"], conventions=no_fee_at_bankruptcy, legs=(1, 3)),
    st.data(),
    towards,
)
def test_the_oracle_agrees_on_the_joint_move_of_a_linear_pool(held, data, toward):
    account, marks = held
    beta = np.array(data.draw(betas(account)))
    # A market that hardly follows needs a move of millions, of which a float keeps too little near a price of 0.
    assume(((beta == 0) | (np.abs(beta) > 1e-3)).all())
    legs = list(zip(account.contracts, account.size.tolist(), account.entry.tolist(), strict=True))
    at = [*zip(legs, marks, strict=True), *zip(legs, account.entry, strict=True)]
    amounts = [(leg[0].tiers.floors[1:], leg[0].bracket_amount(leg[1], price)) for leg, price in at]
    assume(not any(np.isclose(amount, floors, rtol=1e-9).any() for floors, amount in amounts))
    found = liquidation_move(account, marks, beta=beta, toward=toward)
    exact = oracle.joint_move(account.wallet, legs, marks, beta, account.convention, toward)
    assert len(set(found.tolist())) == 1 or np.isnan(found).all()
    found, exact = float(found[0]), NAN if exact is None else float(exact)
    # Where lines cross at a small angle the place is less sure than the money: what is left over there decides.
    if np.isnan(found) == np.isnan(exact) and np.isclose(found, exact, rtol=1e-9, atol=1e-9, equal_nan=True):
        return
    for move in (found, exact):
        if not np.isnan(move):
            moved = marks * (1 + beta * move)
            assert abs(spare(account, moved)[0]) <= 1e-9 * scale_at(account, moved)


@examples(0.4)
@given(pools, st.data(), towards)
def test_a_path_and_an_ensemble_are_answered_like_each_of_their_rows(held, data, toward):
    account, marks = held
    beta = data.draw(betas(account))
    ensemble = marks * data.draw(moves(account, (2, 3)))
    answers = liquidation_move(account, ensemble, beta=beta, toward=toward)
    assert answers.shape == ensemble.shape
    for k in range(2):
        path = liquidation_move(account, ensemble[k], beta=beta, toward=toward)
        np.testing.assert_allclose(path, answers[k], rtol=1e-9)
        for t in range(3):
            one = liquidation_move(account, ensemble[k, t], beta=beta, toward=toward)
            np.testing.assert_allclose(one, answers[k, t], rtol=1e-9)


def test_many_accounts_at_once_are_answered_like_each_of_them():
    wallets, sizes = [1_000, 2_000], [[1, 10], [2, -10]]
    many = Account(wallets, [STEPS, ETH], sizes, [10_000, 500])
    answers = liquidation_move(many, [10_000, 500])
    for k in range(2):
        one = Account(wallets[k], [STEPS, ETH], sizes[k], [10_000, 500])
        assert answers[k] == pytest.approx(liquidation_move(one, [10_000, 500]))


def test_wallets_of_many_accounts_with_one_set_of_positions():
    many = Account([1_000, 2_000, 3_000], [BTC], [1], [10_000])
    # (W − 100) / 9,900 each
    assert liquidation_move(many, [10_000]) == pytest.approx(np.array([[-900], [-1_900], [-2_900]]) / 9_900)


def test_a_closing_fee_follows_the_notional_though_maintenance_is_frozen_at_the_mark():
    # 2,000 + 10,000 s = 100 + 1 % of 10,000 (1 + s), so s = −1,800 / 9,900
    convention = Convention(maintenance_at="mark", closing_fee=0.01, closing_fee_at="liquidation")
    account = Account.of([Position(BTC, 1, 10_000)], wallet=2_000, convention=convention)
    assert liquidation_move(account, [10_000]) == pytest.approx([-1_800 / 9_900])


def test_the_fee_at_bankruptcy_sets_in_once_a_position_can_go_bankrupt():
    # Two longs of 100 with 150 behind both: fallen by t, each is backed by 150 − 100 t. From t = 1/2 on it can be
    # bankrupt, at (100 t − 50) / 0.98, and pays 2 % of that: 150 − 200 t = 0.04 (100 t − 50) / 0.98, so t = 149 / 200.
    convention = Convention(closing_fee=0.02, closing_fee_at="bankruptcy")
    free = [Contract(symbol, Tiers.flat(0)) for symbol in ("X", "Y")]
    account = Account.of([Position(one, 1, 100) for one in free], wallet=150, convention=convention)
    assert liquidation_move(account, [100, 100]) == pytest.approx([-0.745, -0.745], rel=1e-12)


@pytest.mark.parametrize(
    ("size", "wallet", "fee", "mark"), [(-1.2, 26.8, 0.002, 100), (-1.5, 96.2, 0.01, 110), (-0.6, 15.6, 0.017, 120)]
)
def test_with_the_fee_at_bankruptcy_a_short_of_its_own_fails_at_its_liquidation_price(size, wallet, fee, mark):
    convention = Convention(closing_fee=fee, closing_fee_at="bankruptcy")
    account = Account.of([Position(Contract("X", Tiers.flat(0)), size, 100)], wallet=wallet, convention=convention)
    exact = account.liquidation_price([mark]) / mark - 1
    assert liquidation_move(account, [mark], toward="up") == pytest.approx(exact, rel=1e-9)


def test_a_bracket_that_is_far_away_costs_no_precision():
    # Short 1 with 0.1: 0.1 − s = 0.4 % of (1 + s), though the next bracket begins at 1,000,000,000.
    far = Contract("X", Tiers([0, 1e9], [0.004, 0.005]))
    account = Account.of([Position(far, -1, 1)], wallet=0.1)
    assert liquidation_move(account, [1], toward="up") == pytest.approx([0.096 / 1.004], rel=1e-12)


@pytest.mark.long
@given(
    accounts(
        tables=smooth_tables,
        modes=["cross"],
        conventions=conventions(["liquidation", "entry"], ["bankruptcy"], st.just(0.02)),
        legs=(2, 3),
    ),
    towards,
)
def test_with_the_fee_at_bankruptcy_the_pool_fails_at_its_joint_move_too(held, toward):
    account, marks = held
    found = liquidation_move(account, marks, toward=toward)[0]
    assume(not np.isnan(found) and not account.liquidatable(marks).any())
    moved = marks * (1 + found)
    assert abs(spare(account, moved)[0]) <= TINY * scale_at(account, moved)


LONG = Account.of([Position(BTC, 1, 10_000)], wallet=1_000)
PAIR = Account.of([Position(BTC, 1, 10_000), Position(ETH, 1, 500)], wallet=1_000)
DATED = dataclasses.replace(COIN, symbol="BTCUSD-DATED")
COINS = Account.of([Position(COIN, 100, 10_000), Position(DATED, 100, 10_000)], wallet=1)
AT = [10_000, 500]

MALFORMED = {
    "unknown direction": (lambda: liquidation_move(LONG, [10_000], toward="sideways"), "toward", "'sideways'"),
    "mark of 0": (lambda: liquidation_move(PAIR, [10_000, 0]), "marks", "0.0 (at index 1)"),
    "nan mark": (lambda: liquidation_move(PAIR, [NAN, 500]), "marks", "nan (at index 0)"),
    "one mark too many": (lambda: liquidation_move(PAIR, [10_000, 500, 20]), "marks", "(3,)"),
    "one mark for two positions": (lambda: liquidation_move(PAIR, 10_000), "marks", "()"),
    "nan beta": (lambda: liquidation_move(PAIR, AT, beta=[1, NAN]), "beta", "nan (at index 1)"),
    "infinite beta": (lambda: liquidation_move(PAIR, AT, beta=INF), "beta", "inf"),
    "one beta too many": (lambda: liquidation_move(PAIR, AT, beta=[1, 1, 1]), "beta", "(3,)"),
    "betas in two axes": (lambda: liquidation_move(PAIR, AT, beta=[[1, 1], [1, 1]]), "beta", "(2, 2)"),
    "beta that is a word": (lambda: liquidation_move(PAIR, AT, beta="high"), "beta", "'high'"),
    "different betas of one coin": (lambda: liquidation_move(COINS, AT, beta=[1, 2]), "beta", "[1.0, 2.0]"),
    "beta of 0 of a coin": (lambda: liquidation_move(COINS, AT, beta=0), "beta", "[0.0, 0.0]"),
    "negative beta of a coin": (lambda: liquidation_move(COINS, AT, beta=-1), "beta", "[-1.0, -1.0]"),
}


@pytest.mark.parametrize(("call", "name", "shown"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_input_is_refused_by_name_and_shown(call, name, shown):
    assert_refused(call, name, shown)
