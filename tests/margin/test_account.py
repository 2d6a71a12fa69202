"""What an account's mode makes of every position in it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import Account, ArgumentError, Collateral, Contract, Convention, Position, Tiers, liquidation_price

from .. import oracle
from ..examples import examples
from ..refusals import assert_refused
from ..strategies import accounts, conventions, exact_scales, moves, shares, smooth_tables

NAN, INF = float("nan"), float("inf")

# Rounding, as a share of the money involved.
TINY = 1e-11

BTC = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=20), currency="USDT")
ETH = Contract("ETHUSDT", Tiers.flat(0.02, max_leverage=10), currency="USDT")
COIN = Contract("BTCUSD", Tiers.flat(0.01), kind="inverse", currency="BTC")
CAPPED = Contract("BTCUSDT", Tiers([0], [0.01], max_leverage=20, cap=50_000), currency="USDT")
COUNTED = Contract("XBT", Tiers([0], [0.01], 0, max_leverage=20, cap=10, measured_in="contracts"))
UNLIMITED = Contract("SOLUSDT", Tiers.flat(0.01), currency="USDT")

# Long 1 BTC from 10,000 and short 10 ETH from 500, cross; long 2 ETH from 500 on a margin of 200, isolated.
MIXED = Account.of(
    [Position(BTC, 1, 10_000), Position(ETH, -10, 500), Position(ETH, 2, 500, mode="isolated", margin=200)],
    wallet=1_000,
)
MARKS = np.array([9_500.0, 450.0, 450.0])

FEES = Convention(closing_fee=0.001, closing_fee_at="liquidation")
FEES_AT_BANKRUPTCY = Convention(closing_fee=0.001, closing_fee_at="bankruptcy")

# Where requirements move as the marks do, so that asking at the liquidation price is asking the same question.
judged_at_marks = conventions(maintenance_at=["liquidation", "entry"])
no_fee_at_bankruptcy = conventions(
    maintenance_at=["liquidation", "entry"], closing_fee_at=["none", "liquidation", "margin"]
)
alone = accounts(tables=smooth_tables, conventions=judged_at_marks, legs=(1, 1))
apart = accounts(tables=smooth_tables, conventions=judged_at_marks, modes=["isolated"])
pooled = accounts(tables=smooth_tables, conventions=no_fee_at_bankruptcy)

QUESTIONS = (
    "notional",
    "unrealized_pnl",
    "maintenance_margin",
    "requirement",
    "equity",
    "position_equity",
    "position_requirement",
    "backing",
    "margin_ratio",
    "effective_leverage",
    "liquidatable",
    "liquidation_price",
    "bankruptcy_price",
    "initial_margin",
    "free_margin",
)


def with_leverage(account, leverage=10.0):
    """Return the account with a leverage, so that it has initial margins."""
    return dataclasses.replace(account, leverage=leverage)


def scale_at(account, marks):
    """Return the money involved at some marks, against which rounding is measured."""
    money = np.abs(account.wallet) + (account.margin + account.notional(account.entry) + account.notional(marks)).sum()
    return float(money)


def values_at(account, prices):
    """Return the notionals at some prices, told 0 for `nan`: the price that is never reached."""
    return account.notional(np.where(np.isnan(prices), 1, prices)) * ~np.isnan(prices)


def each_moved_alone(marks, prices):
    """Return a row a position, in which only its own mark has gone to its price."""
    return np.where(np.eye(marks.size, dtype=bool), prices, marks)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("notional", [9_500, 4_500, 900]),
        # 1 × (9,500 − 10,000), −10 × (450 − 500), 2 × (450 − 500)
        ("unrealized_pnl", [-500, 500, -100]),
        # 1 % of 9,500, 2 % of 4,500, 2 % of 900
        ("maintenance_margin", [95, 90, 18]),
        ("requirement", [95, 90, 18]),
        # wallet 1,000 + margin 200 − 500 + 500 − 100
        ("equity", 1_100),
        # the pool 1,000 − 500 + 500; isolated 200 − 100
        ("position_equity", [1_000, 1_000, 100]),
        ("position_requirement", [185, 185, 18]),
        # 1,000 + 500 − 90; 1,000 − 500 − 95; the margin
        ("backing", [1_410, 405, 200]),
        ("margin_ratio", [0.185, 0.185, 0.18]),
        # (9,500 + 4,500) / 1,000; 900 / 100
        ("effective_leverage", [14, 14, 9]),
        ("liquidatable", [False, False, False]),
        # (10,000 − 1,410) / 0.99; (5,000 + 405) / 10.2; (1,000 − 200) / 1.96
        ("liquidation_price", [8_590 / 0.99, 5_405 / 10.2, 800 / 1.96]),
        # 10,000 − 1,500; 500 + 500 / 10; 500 − 200 / 2
        ("bankruptcy_price", [8_500, 550, 400]),
        # at the limits of the brackets, 20 and 10
        ("initial_margin", [475, 450, 90]),
        # 1,000 − 500 − 475 + 500 − 450
        ("free_margin", 75),
    ],
)
def test_a_mixed_account_worked_out_by_hand(question, answer):
    assert getattr(MIXED, question)(MARKS) == pytest.approx(answer, rel=1e-12)


def test_an_inverse_account_worked_out_by_hand():
    # In coin: long 10,000 USD from 50,000, short 5,000 USD from 40,000, at 40,000.
    account = Account.of([Position(COIN, 10_000, 50_000), Position(COIN, -5_000, 40_000)], wallet=0.5)
    marks = [40_000, 40_000]
    # 0.5 + 10,000 × (1/50,000 − 1/40,000) + 0
    assert account.equity(marks) == pytest.approx(0.45)
    # 1 % of 0.25 and of 0.125
    assert account.maintenance_margin(marks) == pytest.approx([0.0025, 0.00125])
    # (0.0025 + 0.00125) / 0.45
    assert account.margin_ratio(marks) == pytest.approx([1 / 120, 1 / 120])
    # There is no other market
    assert account.backing(marks) == pytest.approx([0.5, 0.5])
    # Both legs together: 0.5 + 0.2 − 0.125 = (10,000 − 5,000 + 1 % of 15,000) / P
    assert account.liquidation_price(marks) == pytest.approx([5_150 / 0.575] * 2)


def test_the_closing_fee_counts_on_the_notional_at_the_marks():
    account = dataclasses.replace(MIXED, convention=FEES)
    assert account.requirement(MARKS) == pytest.approx([95 + 9.5, 90 + 4.5, 18 + 0.9])
    # Behind BTC stand 1,000 + 500 − 94.5 and behind ETH 1,000 − 500 − 104.5: (10,000 − 1,405.5) / (1 − 0.01 − 0.001),
    # (5,000 + 395.5) / (10 × (1 + 0.02 + 0.001)) and (1,000 − 200) / (2 × (1 − 0.02 − 0.001))
    assert account.liquidation_price(MARKS) == pytest.approx([8_594.5 / 0.989, 5_395.5 / 10.21, 800 / 1.958])


def test_the_closing_fee_at_bankruptcy_counts_on_the_notional_there():
    account = dataclasses.replace(MIXED, convention=FEES_AT_BANKRUPTCY)
    # 0.1 % of 8,500 / 0.999, of 5,500 / 1.001 and of 800 / 0.999
    fees = [8.5 / 0.999, 5.5 / 1.001, 0.8 / 0.999]
    assert account.requirement(MARKS) == pytest.approx(np.array([95, 90, 18]) + fees)
    assert account.bankruptcy_price(MARKS) == pytest.approx([8_500 / 0.999, 550 / 1.001, 400 / 0.999])


def test_maintenance_frozen_at_entry_does_not_follow_the_marks():
    account = dataclasses.replace(MIXED, convention=Convention(maintenance_at="entry"))
    assert account.maintenance_margin(np.stack([MARKS, 2 * MARKS])) == pytest.approx(np.array([[100, 100, 20]] * 2))


def test_maintenance_frozen_at_the_mark_is_that_of_the_mark_when_asked():
    account = dataclasses.replace(MIXED, convention=Convention(maintenance_at="mark"))
    # 10,000 − 1,410 + 95; (5,000 + 405 − 90) / 10; (1,000 − 200 + 18) / 2
    assert account.liquidation_price(MARKS) == pytest.approx([8_685, 531.5, 409])


def test_an_account_keeps_a_contract_and_a_mode_for_each_position_and_its_wallet_as_numbers():
    account = Account([1_000, 2_000], [BTC, ETH], [1, 1], [10_000, 500], "isolated", [100, 50])
    assert account.contracts == (BTC, ETH)
    assert account.mode == ("isolated", "isolated")
    assert account.isolated.tolist() == [True, True]
    np.testing.assert_array_equal(account.equity([10_000, 500]), account.wallet + 150)
    assert isinstance(Account(1_000, [BTC], [1], [10_000]).wallet, float)


def test_an_account_of_two_positions_in_one_contract_asks_it_about_both():
    beside = Account.of([Position(BTC, 1, 10_000), Position(ETH, 1, 500), Position(BTC, -2, 9_000)])
    assert beside.unrealized_pnl([11_000, 400, 11_000]).tolist() == [1_000, -100, -4_000]


def test_an_account_cannot_be_changed_and_is_equal_to_itself_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MIXED.wallet = 2_000
    assert dataclasses.replace(MIXED) != MIXED
    assert {MIXED: "held"}[MIXED] == "held"


def test_by_default_an_account_is_cross_with_nothing_set_aside_and_the_leverage_of_its_brackets():
    account = Account(1_000, [BTC, ETH], [1, 1], [10_000, 500])
    assert account.mode == ("cross", "cross")
    assert account.margin.tolist() == [0, 0]
    assert account.leverage.tolist() == [INF, INF]
    assert account.convention == Convention()


def test_marks_left_out_are_the_entries():
    np.testing.assert_array_equal(MIXED.liquidation_price(), MIXED.liquidation_price(MIXED.entry))
    np.testing.assert_array_equal(MIXED.bankruptcy_price(), MIXED.bankruptcy_price(MIXED.entry))


def test_one_position_takes_its_mark_as_a_number():
    account = Account.of([Position(BTC, 1, 10_000)], wallet=1_000)
    for question in QUESTIONS:
        np.testing.assert_array_equal(getattr(account, question)(9_500), getattr(account, question)([9_500]))


@given(alone | apart | pooled)
def test_equity_equals_the_requirement_at_each_liquidation_price_while_the_other_marks_stand_still(held):
    account, marks = held
    prices = account.liquidation_price(marks)
    there = ~np.isnan(prices)
    moved = each_moved_alone(marks, np.where(there, prices, marks))
    gap = np.diagonal(account.position_equity(moved) - account.position_requirement(moved))[there]
    assert np.abs(gap).max(initial=0) <= TINY * max(scale_at(account, row) for row in moved)


@given(alone | apart | pooled)
def test_at_its_liquidation_price_a_position_s_margin_ratio_is_1(held):
    account, marks = held
    prices = account.liquidation_price(marks)
    for i in np.flatnonzero(~np.isnan(prices)):
        moved = each_moved_alone(marks, prices)[i]
        if account.position_requirement(moved)[i] > 1e-4 * scale_at(account, moved):
            assert account.margin_ratio(moved)[i] == pytest.approx(1, rel=1e-6)


@given(alone | apart | pooled)
def test_a_position_is_liquidatable_just_beyond_its_liquidation_price_and_not_just_before(held):
    account, marks = held
    prices = account.liquidation_price(marks)
    for i in np.flatnonzero(~np.isnan(prices)):
        step = 1e-6 * np.sign(account.size[i])
        before, beyond = (each_moved_alone(marks, prices * (1 + way))[i] for way in (step, -step))
        # Where the position is a speck beside the rest of the pool, such a step is lost in rounding.
        if account.notional(before)[i] > 1e-4 * scale_at(account, before):
            assert account.liquidatable(beyond)[i]
            assert not account.liquidatable(before)[i]


@given(accounts(tables=smooth_tables, modes=["cross"], legs=(1, 1)))
def test_cross_with_one_position_is_isolated_with_the_wallet_as_its_margin(held):
    account, marks = held
    assume(account.wallet >= 0)
    isolated = dataclasses.replace(account, mode="isolated", margin=account.wallet, wallet=0.0)
    close = {"rtol": 0, "atol": TINY * held.scale}
    for question in ("position_equity", "position_requirement", "backing", "equity"):
        np.testing.assert_allclose(getattr(isolated, question)(marks), getattr(account, question)(marks), **close)
    for question in ("liquidation_price", "bankruptcy_price"):
        prices = getattr(account, question)(marks), getattr(isolated, question)(marks)
        np.testing.assert_allclose(values_at(isolated, prices[1]), values_at(account, prices[0]), **close)


@pytest.mark.long
@given(accounts(), st.floats(1, 200))
def test_leverage_moves_no_liquidation_price(held, leverage):
    account, marks = held
    other = with_leverage(account, leverage)
    np.testing.assert_array_equal(account.liquidation_price(marks), other.liquidation_price(marks))


@given(accounts(), shares(0, 2))
def test_a_larger_wallet_moves_cross_liquidation_prices_away_and_isolated_ones_not_at_all(held, more):
    account, marks = held
    richer = dataclasses.replace(account, wallet=account.wallet + more * held.scale)
    values, further = (
        values_at(account, account.liquidation_price(marks)),
        values_at(account, richer.liquidation_price(marks)),
    )
    away = -np.array([contract.direction(size) for contract, size in zip(account.contracts, account.size, strict=True)])
    assert (away * further >= away * values - TINY * scale_at(richer, marks)).all()
    np.testing.assert_array_equal(further[account.isolated], values[account.isolated])


@given(accounts(), st.data())
def test_the_mark_of_an_isolated_position_is_nobody_else_s_business(held, data):
    account, marks = held
    assume(account.isolated.any())
    factors = data.draw(moves(account, ()))
    moved = np.where(account.isolated, marks * factors, marks)
    for question in ("position_equity", "position_requirement", "backing", "liquidation_price"):
        before, after = (getattr(account, question)(at)[~account.isolated] for at in (marks, moved))
        np.testing.assert_array_equal(after, before)


@given(accounts(modes=["cross"]), st.data())
def test_a_profit_elsewhere_in_the_pool_stands_behind_every_other_cross_position(held, data):
    account, marks = held
    moved = marks * data.draw(moves(account, ()))
    gained = account.unrealized_pnl(moved) - account.unrealized_pnl(marks)
    freed = account.requirement(marks) - account.requirement(moved)
    assume(not account.convention.fee_at("bankruptcy"))
    others = (gained + freed).sum() - (gained + freed)
    change = account.backing(moved) - account.backing(marks)
    np.testing.assert_allclose(change, others, rtol=0, atol=TINY * scale_at(account, moved))


@given(accounts(tables=smooth_tables, conventions=no_fee_at_bankruptcy), st.floats(0.2, 5))
def test_its_own_mark_does_not_move_a_liquidation_price(held, factor):
    account, marks = held
    prices = account.liquidation_price(marks)
    rows = each_moved_alone(marks, marks * factor)
    scale = max(scale_at(account, row) for row in rows)
    moved = np.diagonal(account.liquidation_price(rows))
    # Told in notional, whose rounding is that of the money involved.
    np.testing.assert_allclose(values_at(account, moved), values_at(account, prices), rtol=1e-9, atol=1e-9 * scale)


@given(accounts(tables=smooth_tables, conventions=conventions(["liquidation"], ["none", "liquidation", "margin"])))
def test_settling_profit_into_the_wallet_moves_no_liquidation_price(held):
    account, marks = held
    pnl = account.unrealized_pnl(marks)
    settled_margin = account.margin + np.where(account.isolated, pnl, 0)
    assume((settled_margin >= 0).all())
    settled = dataclasses.replace(
        account, wallet=account.wallet + pnl[~account.isolated].sum(), margin=settled_margin, entry=marks
    )
    before, after = (
        values_at(account, account.liquidation_price(marks)),
        values_at(account, settled.liquidation_price(marks)),
    )
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9 * held.scale)


@given(accounts(), st.randoms(use_true_random=False))
def test_the_order_of_positions_does_not_matter(held, random):
    account, marks = held
    order = list(range(len(marks)))
    random.shuffle(order)
    shuffled = Account(
        account.wallet,
        [account.contracts[i] for i in order],
        account.size[order],
        account.entry[order],
        [account.mode[i] for i in order],
        account.margin[order],
        convention=account.convention,
    )
    close = {"rtol": 0, "atol": TINY * held.scale}
    np.testing.assert_allclose(shuffled.backing(marks[order]), account.backing(marks)[order], **close)
    np.testing.assert_allclose(shuffled.position_equity(marks[order]), account.position_equity(marks)[order], **close)


@given(accounts(), exact_scales)
def test_an_account_so_many_times_as_large_has_the_same_liquidation_prices(held, scale):
    account, marks = held
    contracts = [
        dataclasses.replace(
            contract,
            tiers=Tiers(
                [floor * scale for floor in contract.tiers.floors],
                contract.tiers.rates,
                [deduction * scale for deduction in contract.tiers.deductions],
                measured_in=contract.tiers.measured_in,
            ),
        )
        for contract in account.contracts
    ]
    larger = dataclasses.replace(
        account,
        wallet=account.wallet * scale,
        contracts=contracts,
        size=account.size * scale,
        margin=account.margin * scale,
    )
    np.testing.assert_array_equal(larger.liquidation_price(marks), account.liquidation_price(marks))
    np.testing.assert_array_equal(larger.bankruptcy_price(marks), account.bankruptcy_price(marks))
    np.testing.assert_array_equal(larger.equity(marks), account.equity(marks) * scale)


@given(accounts(tables=smooth_tables, conventions=conventions(closing_fee_at=["none", "liquidation", "margin"])))
def test_at_each_bankruptcy_price_nothing_is_left_while_the_other_marks_stand_still(held):
    account, marks = held
    prices = account.bankruptcy_price(marks)
    there = ~np.isnan(prices)
    moved = each_moved_alone(marks, np.where(there, prices, marks))
    left = np.diagonal(account.position_equity(moved))[there]
    assert np.abs(left).max(initial=0) <= TINY * max(scale_at(account, row) for row in moved)


@given(accounts())
def test_cross_positions_share_one_fate(held):
    account, marks = held
    for question in ("liquidatable", "margin_ratio", "position_equity", "position_requirement", "effective_leverage"):
        assert len(set(getattr(account, question)(marks)[~account.isolated].tolist())) <= 1


@pytest.mark.parametrize("at_equality", [True, False])
def test_equity_exactly_at_the_requirement_is_liquidated_only_where_the_venue_says_so(at_equality):
    # 1 % of 10,000 is 100, and 100 is what there is.
    convention = Convention(at_equality=at_equality)
    account = Account.of([Position(BTC, 1, 10_000)], wallet=100, convention=convention)
    assert account.liquidatable([10_000]).tolist() == [at_equality]
    assert account.liquidatable([9_999]).tolist() == [True]
    assert account.liquidatable([10_001]).tolist() == [False]


@given(accounts())
def test_liquidatable_means_a_margin_ratio_of_1_or_more(held):
    account, marks = held
    ratio = account.margin_ratio(marks)
    assume((np.abs(ratio - 1) > 1e-9).all() and (account.position_requirement(marks) > 0).all())
    np.testing.assert_array_equal(account.liquidatable(marks), ratio > 1)


def test_what_has_nothing_left_has_an_infinite_ratio_and_leverage():
    account = Account.of([Position(BTC, 1, 10_000)], wallet=0)
    assert account.margin_ratio([[10_000], [9_000]]).tolist() == [[INF], [INF]]
    assert account.effective_leverage([[10_000], [9_000]]).tolist() == [[INF], [INF]]


@pytest.mark.parametrize("convention", [Convention(), Convention("entry"), FEES, FEES_AT_BANKRUPTCY])
@pytest.mark.parametrize("mode", ["cross", "isolated"])
@pytest.mark.parametrize("tiers", [Tiers.flat(0.01), Tiers.flat(0.01, deduction=5)], ids=["plain", "deducted"])
def test_a_closed_position_needs_nothing_and_changes_nothing_for_the_others(tiers, mode, convention):
    contract = Contract("BTCUSDT", tiers, currency="USDT")
    held = Account(1_000, [contract], [1], [10_000], convention=convention)
    beside = Account(1_000, [contract] * 2, [1, 0], [10_000, 10_000], ["cross", mode], convention=convention)
    assert beside.requirement([9_500, 9_000])[1] == 0
    for question in ("requirement", "position_requirement", "backing", "liquidatable", "liquidation_price"):
        there = getattr(beside, question)([9_500, 9_000])[0]
        assert there == getattr(held, question)([9_500])[0], question


def test_a_closed_position_is_not_liquidatable_and_has_no_price_that_would_liquidate_it():
    account = Account(-5, [BTC, BTC], [0, 0], [10_000, 10_000], ["cross", "isolated"])
    assert account.liquidatable([9_000, 9_000]).tolist() == [False, False]
    assert np.isnan(account.liquidation_price([9_000, 9_000])).all()


def test_where_nothing_is_held_nothing_is_needed():
    account = Account(1_000, [BTC], [0], [10_000])
    assert account.margin_ratio([9_000]).tolist() == [0]
    assert account.effective_leverage([9_000]).tolist() == [0]
    assert account.free_margin([9_000]) == 1_000
    unlimited = Account(1_000, [UNLIMITED], [0], [100])
    assert unlimited.initial_margin([90]).tolist() == [0]
    in_debt = dataclasses.replace(account, wallet=-1)
    assert in_debt.margin_ratio([9_000]).tolist() == [0]


def test_with_no_maintenance_asked_a_position_without_equity_has_an_infinite_ratio():
    account = Account(0, [Contract("BTCUSDT", Tiers.flat(0.0), currency="USDT")], [1], [10_000])
    marks = [[9_000], [10_000], [11_000]]
    assert account.margin_ratio(marks).tolist() == [[INF], [INF], [0]]
    assert account.liquidatable(marks).tolist() == [[True], [True], [False]]


def test_opening_takes_isolated_margins_out_of_the_balance():
    cross = Position(BTC, 0.1, 10_000, leverage=10)
    isolated = Position(BTC, -1, 10_000, mode="isolated", leverage=10)
    account = Account.open([cross, isolated], balance=2_000)
    assert account.wallet == 1_000
    assert account.margin.tolist() == [0, 1_000]
    assert account.equity([10_000, 10_000]) == 2_000


def test_a_balance_that_just_covers_the_initial_margins_is_enough():
    # 10,000 / 10 isolated and 1,000 / 20 cross, at the limit of the bracket
    positions = [Position(BTC, -1, 10_000, mode="isolated", leverage=10), Position(BTC, 0.1, 10_000)]
    assert Account.open(positions, balance=1_050).free_margin([10_000, 10_000]) == 0
    with pytest.raises(ValueError, match="balance must cover the initial margins"):
        Account.open(positions, balance=1_049.99)


def test_an_isolated_position_whose_margin_is_stated_opens_without_a_leverage():
    account = Account.open([Position(UNLIMITED, 1, 100, mode="isolated", margin=10)], balance=100)
    assert account.wallet == 90
    assert account.free_margin([100]) == 90


def test_an_isolated_position_opens_with_just_its_maintenance_where_equality_is_not_liquidated():
    just = [Position(BTC, 1, 10_000, mode="isolated", margin=100)]
    account = Account.open(just, balance=100, convention=Convention(at_equality=False))
    assert account.margin.tolist() == [100]
    with pytest.raises(ArgumentError, match=r"margin must be more than 100.00, its maintenance margin, not 100.00"):
        Account.open(just, balance=100)


def test_what_needs_no_margin_can_be_opened_with_a_balance_of_nothing():
    free = Contract("BTCUSDT", Tiers.flat(0.0), currency="USDT")
    needs_none = [Position(free, 1, 100, mode="isolated", margin=0)]
    account = Account.open(needs_none, balance=0, convention=Convention(at_equality=False))
    assert account.free_margin([100]) == 0


def test_an_account_counts_as_its_venue_does_from_the_opening_on():
    positions = [Position(BTC, 0.1, 10_000, leverage=10)]
    assert Account.open(positions, balance=1_000, convention=FEES).convention == FEES
    assert Account.open(positions, balance=1_000).convention == Convention()


def test_isolated_positions_stand_without_a_wallet():
    account = Account.of([Position(BTC, 1, 10_000, mode="isolated", margin=500)])
    assert account.wallet == 0
    assert account.equity([10_000]) == 500


def test_a_position_as_large_as_its_brackets_allow_can_be_opened():
    assert Account.open([Position(CAPPED, 5, 10_000, leverage=20)], balance=2_500).size.tolist() == [5]
    assert Account.open([Position(COUNTED, -10, 10_000, leverage=20)], balance=5_000).size.tolist() == [-10]


def test_an_account_as_it_stands_may_be_under_water():
    account = Account.of([Position(BTC, 1, 10_000)], wallet=-100)
    assert account.liquidatable([10_000]).tolist() == [True]
    assert account.equity([10_000]) == -100


def test_profit_that_was_taken_out_leaves_a_margin_below_0_and_the_liquidation_price_nearer():
    # Bought for 3,250, worth 3,750 now; of the profit of 500 there are 375 left.
    position = Position(ETH, 1.5, 3_250 / 1.5, mode="isolated", leverage=10, margin=-125)
    account = Account.of([position], wallet=1_000)
    # 3,375 / 1.5 / 0.98
    assert account.liquidation_price(2_500) == pytest.approx([2_295.918367], abs=5e-7)
    assert account.bankruptcy_price(2_500) == pytest.approx([2_250])
    assert account.position_equity(2_500) == pytest.approx([375])
    assert account.margin_ratio(2_500) == pytest.approx([75 / 375])
    assert account.effective_leverage(2_500) == pytest.approx([10])
    assert (account.free_margin(2_500), account.equity(2_500)) == (1_000, pytest.approx(1_375))
    assert account.liquidatable(2_295.9).all()
    assert not account.liquidatable(2_296).any()


def test_with_a_margin_below_0_nothing_can_be_opened():
    position = Position(ETH, 1.5, 2_000, mode="isolated", leverage=10, margin=-125)
    with pytest.raises(ArgumentError, match=r"margin must be more than 60\.00, its maintenance margin, not -125\.00"):
        Account.open([position], balance=1_000)


def test_a_leverage_of_infinity_takes_the_limit_of_the_bracket():
    account = Account(1_000, [BTC, ETH], [1, 1], [10_000, 500], leverage=[INF, 5])
    assert account.initial_margin([10_000, 500]).tolist() == [500, 100]


@examples(0.24)
@given(accounts(), st.data())
def test_a_path_and_an_ensemble_are_answered_like_each_of_their_rows(held, data):
    account = with_leverage(held.account)
    ensemble = held.marks * data.draw(moves(account, (2, 3)))
    for question in QUESTIONS:
        ask = getattr(account, question)
        answers = ask(ensemble)
        for k in range(2):
            np.testing.assert_array_equal(ask(ensemble[k]), answers[k])
            for t in range(3):
                np.testing.assert_array_equal(ask(ensemble[k, t]), answers[k, t])


@examples(0.24)
@given(accounts(), st.data())
def test_many_accounts_at_once_are_answered_like_each_of_them(held, data):
    account = with_leverage(held.account)
    factors = data.draw(moves(account, (3,)))
    wallets, sizes = account.wallet * factors[:, 0], account.size * factors
    entries, margins = account.entry * factors[::-1], account.margin * factors
    many = dataclasses.replace(account, wallet=wallets, size=sizes, entry=entries, margin=margins)
    rows = zip(wallets, sizes, entries, margins, strict=True)
    for k, (wallet, size, entry, margin) in enumerate(rows):
        one = dataclasses.replace(account, wallet=wallet, size=size, entry=entry, margin=margin)
        for question in QUESTIONS:
            np.testing.assert_array_equal(getattr(many, question)(held.marks)[k], getattr(one, question)(held.marks))
        np.testing.assert_array_equal(many.liquidation_price()[k], one.liquidation_price())


def test_answers_per_account_drop_the_last_axis_and_answers_per_position_keep_it():
    marks = np.ones((4, 5, 3)) * MARKS
    for question in QUESTIONS:
        shape = (4, 5) if question in ("equity", "free_margin") else (4, 5, 3)
        assert getattr(MIXED, question)(marks).shape == shape
    assert MIXED.liquidatable(MARKS).dtype == bool


def test_wallets_broadcast_against_a_path():
    account = dataclasses.replace(MIXED, wallet=[[1_000], [2_000]])
    path = np.stack([MARKS, MARKS * 1.1, MARKS * 0.9])
    assert account.equity(path).shape == (2, 3)
    assert account.liquidation_price(path).shape == (2, 3, 3)
    np.testing.assert_array_equal(account.equity(path)[1] - account.equity(path)[0], [1_000] * 3)


@given(accounts())
def test_nothing_but_a_price_that_does_not_exist_is_nan(held):
    account = with_leverage(held.account)
    for question in set(QUESTIONS) - {"liquidation_price", "bankruptcy_price"}:
        assert not np.isnan(getattr(account, question)(held.marks)).any(), question


def near_a_bound(account, prices):
    """Return whether a rounding could put some position into another bracket."""
    for contract, size, price in zip(account.contracts, account.size, prices, strict=True):
        if np.isclose(contract.bracket_amount(size, price), contract.tiers.floors[1:], rtol=1e-9).any():
            return True
    return False


@pytest.mark.long
@examples(2.4)
@given(accounts(conventions=conventions(closing_fee_at=["none", "liquidation", "margin"])))
def test_the_oracle_agrees_on_equity_requirements_and_backing(held):
    account, marks = held
    assume(not near_a_bound(account, marks) and not near_a_bound(account, account.entry))
    legs = list(zip(account.contracts, account.size.tolist(), account.entry.tolist(), strict=True))
    close = {"rel": 1e-9, "abs": 1e-9 * held.scale}
    exact = float(oracle.equity(account.wallet, legs, marks)) + account.margin.sum()
    assert account.equity(marks) == pytest.approx(exact, **close)
    need = [float(oracle.requirement([leg], [mark], account.convention)) for leg, mark in zip(legs, marks, strict=True)]
    assert account.requirement(marks) == pytest.approx(need, **close)
    # The oracle pools what it is given, so it is given the cross positions.
    cross = np.flatnonzero(~account.isolated)
    pool, at = [legs[i] for i in cross], [marks[i] for i in cross]
    exact = [float(oracle.backing(account.wallet, pool, at, account.convention, k)) for k in range(len(pool))]
    assert account.backing(marks)[cross] == pytest.approx(exact, **close)


@pytest.mark.long
@examples(2.4)
@given(accounts(tables=smooth_tables, conventions=conventions(closing_fee_at=["none", "liquidation", "margin"])))
def test_the_oracle_agrees_on_the_liquidation_prices_of_both_modes(held):
    account, marks = held
    assume(not near_a_bound(account, marks) and not near_a_bound(account, account.entry))
    legs = list(zip(account.contracts, account.size.tolist(), account.entry.tolist(), strict=True))
    cross = np.flatnonzero(~account.isolated).tolist()
    pool, at = [legs[i] for i in cross], [marks[i] for i in cross]
    found = values_at(account, account.liquidation_price(marks))
    for i, leg in enumerate(legs):
        behind = (
            oracle.backing(account.wallet, pool, at, account.convention, cross.index(i))
            if i in cross
            else account.margin[i]
        )
        exact = oracle.liquidation_price(*leg, behind, marks[i], account.convention)
        value = 0.0 if exact is None else float(oracle.notional(*leg[:2], exact))
        assert found[i] == pytest.approx(value, rel=1e-9, abs=1e-9 * held.scale)


@given(accounts(conventions=conventions(closing_fee_at=["none", "liquidation", "margin"])))
def test_a_liquidation_price_is_that_of_the_position_with_its_backing(held):
    account, marks = held
    rows = zip(account.contracts, account.size, account.entry, account.backing(marks), marks, strict=True)
    one_by_one = [liquidation_price(*row[:4], mark=row[4], convention=account.convention) for row in rows]
    np.testing.assert_array_equal(account.liquidation_price(marks), one_by_one)


ONE = ([BTC], [1], [10_000])
TWO = ([BTC, ETH], [1, 1], [10_000, 500])
OTHER = Contract("BTCUSDC", Tiers.flat(0.01), currency="USDC")

MALFORMED = {
    "no contracts": (lambda: Account(0, [], [], []), "contracts", "none"),
    "no positions": (lambda: Account.of([], wallet=1), "contracts", "none"),
    "contracts that are symbols": (lambda: Account(0, ["BTCUSDT"], [1], [1]), "contracts", "'BTCUSDT'"),
    "convention that is a word": (
        lambda: Account(0, *ONE, convention="entry"),
        "convention must be of the class Convention",
        "'entry'",
    ),
    "mixed kinds": (lambda: Account(0, [BTC, COIN], [1, 1], [1, 1]), "contracts", "BTCUSD (inverse, BTC)"),
    "mixed currencies": (lambda: Account(0, [BTC, OTHER], [1, 1], [1, 1]), "contracts", "BTCUSDC (linear, USDC)"),
    "a currency and none": (
        lambda: Account(0, [BTC, dataclasses.replace(BTC, currency="")], [1, 1], [1, 1]),
        "contracts",
        "BTCUSDT (linear, no currency)",
    ),
    "unknown mode": (
        lambda: Account(0, *ONE, mode="portfolio"),
        "mode must be one of 'cross', 'isolated'",
        "'portfolio'",
    ),
    "no mode": (lambda: Account(0, *ONE, mode=None), "mode must be one of 'cross', 'isolated'", "None"),
    "unknown mode among others": (
        lambda: Account(0, *TWO, mode=["cross", "crossed"]),
        "mode must be one of 'cross', 'isolated'",
        "'crossed'",
    ),
    "one mode too many": (lambda: Account(0, *TWO, mode=["cross"] * 3), "mode must be one, or one a contract (2)", "3"),
    "nan wallet": (lambda: Account(NAN, *ONE), "wallet must be finite", "nan"),
    "infinite wallet": (lambda: Account([1, INF], *ONE), "wallet must be finite", "inf (at index 1)"),
    "wallet that is a word": (lambda: Account("full", *ONE), "wallet must be a number", "'full'"),
    "wallets and sizes of different lengths": (lambda: Account([1, 2, 3], [BTC], [[1], [2]], [1]), "wallet", "(3,)"),
    "nan size": (lambda: Account(0, [BTC], [NAN], [1]), "size must be finite", "nan (at index 0)"),
    "one size too many": (
        lambda: Account(0, [BTC, ETH], [1, 2, 3], [1, 1]),
        "size must have one value a position in the last axis (2)",
        "(3,)",
    ),
    "sizes of three positions in one contract": (lambda: Account(0, [BTC], [1, 2, 3], [1]), "size", "(3,)"),
    "entry of 0": (lambda: Account(0, [BTC], [1], [0]), "entry must be greater than 0", "0.0 (at index 0)"),
    "one entry too many": (
        lambda: Account(0, [BTC, ETH], [1, 2], [1, 1, 1]),
        "entry must have one value a position in the last axis (2)",
        "(3,)",
    ),
    "endless margin": (
        lambda: Account(0, *TWO, mode="isolated", margin=[1, -INF]),
        "margin must be finite",
        "-inf (at index 1)",
    ),
    "margin below 0 for a cross position": (
        lambda: Account(1_000, *TWO, mode=["cross", "isolated"], margin=[-77, 50]),
        "margin must be 0 for cross positions",
        "[-77, 50]",
    ),
    "margin for a cross position": (
        lambda: Account(1_000, *TWO, mode=["cross", "isolated"], margin=[77, 50]),
        "margin must be 0 for cross positions",
        "[77, 50]",
    ),
    "one margin too many": (
        lambda: Account(0, *TWO, mode="isolated", margin=[1, 1, 1]),
        "margin must have one value a position in the last axis (2)",
        "(3,)",
    ),
    "leverage of 0": (lambda: Account(0, *ONE, leverage=0), "leverage must be greater than 0", "0.0"),
    "nan leverage": (lambda: Account(0, *TWO, leverage=[INF, NAN]), "leverage must be finite", "nan (at index 1)"),
    "leverage below 0": (lambda: Account(0, *ONE, leverage=-INF), "leverage must be finite", "-inf"),
    "leverage that is a word": (lambda: Account(0, *ONE, leverage="high"), "leverage must be a number", "'high'"),
    "mark of 0": (lambda: MIXED.equity([1, 0, 1]), "marks must be greater than 0", "0.0 (at index 1)"),
    "nan mark": (lambda: MIXED.liquidatable([1, 1, NAN]), "marks must be finite", "nan (at index 2)"),
    "mark below 0": (
        lambda: MIXED.liquidation_price([[1, 1, 1], [1, 1, -1]]),
        "marks must be greater than 0",
        "-1.0 (at index (1, 2))",
    ),
    "too few marks": (
        lambda: MIXED.equity([1, 1]),
        "marks must have one value a position in the last axis (3)",
        "(2,)",
    ),
    "one mark for three positions": (lambda: MIXED.equity(1), "marks", "()"),
    "one mark in a list for three positions": (lambda: MIXED.equity([1]), "marks", "(1,)"),
    "three marks for one position": (lambda: Account(0, *ONE).equity([1, 2, 3]), "marks", "(3,)"),
    "marks the other way round": (lambda: MIXED.backing(np.ones((3, 5))), "marks", "(3, 5)"),
    "paths and accounts of different lengths": (
        lambda: dataclasses.replace(MIXED, size=[[1, 1, 1], [2, 2, 2]]).notional(np.ones((5, 3))),
        "marks",
        "(5, 3)",
    ),
    "no leverage and no limit": (
        lambda: Account(0, [UNLIMITED], [1], [1]).initial_margin([1]),
        "leverage must be given",
        "no limit",
    ),
    "balance too small for cross": (
        lambda: Account.open([Position(BTC, 1, 10_000, leverage=10)], balance=999),
        "balance must cover the initial margins (1,000.00)",
        "not 999.00",
    ),
    "balance too small for isolated": (
        lambda: Account.open([Position(BTC, 1, 10_000, mode="isolated", leverage=10)], balance=999),
        "balance must cover the initial margins (1,000.00)",
        "not 999.00",
    ),
    "balance below 0": (
        lambda: Account.open([Position(BTC, 1, 1, leverage=1)], balance=-1),
        "balance must be 0 or more",
        "-1.0",
    ),
    "nan balance": (
        lambda: Account.open([Position(BTC, 1, 1, leverage=1)], balance=NAN),
        "balance must be finite",
        "nan",
    ),
    "several balances": (
        lambda: Account.open([Position(BTC, 1, 1, leverage=1)], balance=[1, 2]),
        "balance must be one number",
        "[1, 2]",
    ),
    "more than the brackets allow": (
        lambda: Account.open([Position(CAPPED, 6, 10_000, leverage=10)], balance=1e6),
        "size must be at most 50,000 notional",
        "not 60,000",
    ),
    "more contracts than the brackets allow": (
        lambda: Account.open([Position(COUNTED, -11, 1, leverage=10)], balance=1e6),
        "size must be at most 10 contracts",
        "not 11",
    ),
}


@pytest.mark.parametrize(("call", "says", "shown"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_input_is_refused_by_name_and_shown(call, says, shown):
    assert_refused(call, says, shown)


def test_opening_with_a_margin_below_maintenance_is_refused():
    # 1 % of 10,000 is 100: at 99 the position would be liquidated the moment it opens.
    position = Position(BTC, 1, 10_000, mode="isolated", margin=99)
    with pytest.raises(ValueError, match="margin"):
        Account.open([position], balance=1_000)


def test_other_numbers_in_an_account_are_those_of_a_new_one():
    btc, eth = (Contract(name, Tiers([0, 50_000], [0.01, 0.02], max_leverage=50)) for name in ("BTC", "ETH"))
    account = Account(5_000, [btc, eth], [1, -10], [60_000, 3_000], ["cross", "isolated"], [0, 4_000], [10, 5])
    marks = np.array([58_000.0, 3_100.0])
    others = {"wallet": np.array([4_000.0, 6_000.0]), "size": np.array([[2.0, -5.0], [0.5, -8.0]])}
    others |= {"entry": np.array([59_000.0, 3_050.0]), "margin": np.array([0.0, 3_000.0]), "leverage": np.ones(2)}
    changed, anew = account.changed(**others), dataclasses.replace(account, **others)
    for question in ("requirement", "position_equity", "free_margin", "liquidation_price", "bankruptcy_price"):
        np.testing.assert_array_equal(getattr(changed, question)(marks), getattr(anew, question)(marks))
    assert changed.lead == (2,)
    # The one it comes from stays as it is, and nobody changes the new one either.
    assert account.size.tolist() == [1, -10]
    for name, value in others.items():
        assert value.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            getattr(changed, name)[...] = 0
    for name in others:
        with pytest.raises(ArgumentError, match=f"^{name} must be"):
            account.changed(**{name: np.array([np.nan, 1.0])})


def test_the_pocket_of_each_position_is_told_for_one_and_for_several():
    held = [Collateral("BTC", 0.5)]
    account = Account(700, [ETH, COIN], [1, 100], [3_000, 60_000], collateral=held, currency="USDT")
    assert [account.pocket(position) for position in (0, 1)] == [700, 0.5]
    assert account.pocket(np.array([1, 0, 1])).tolist() == [0.5, 700, 0.5]


def test_what_size_and_price_make_together_may_be_beyond_all_numbers():
    account = Account(1.0, [BTC], [1e60], [1.0], leverage=[10.0])
    for question, what in (("maintenance_margin", "notional"), ("free_margin", "amount"), ("initial_margin", "amount")):
        with pytest.raises(ArgumentError, match=rf"^{what} must lie within 1e\+100 of 0"):
            getattr(account, question)([1e60])
