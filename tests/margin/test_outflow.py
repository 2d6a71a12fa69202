"""What may leave an account is what the engine lets go, and funding ends it with the payment that the engine says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import (
    Account,
    AddMargin,
    Contract,
    Convention,
    Order,
    Position,
    Rules,
    Tiers,
    payments_to_liquidation,
    simulate,
    withdrawable,
)
from marginlab.margin.rules import ISOLATED_FUNDING, WITHDRAWAL

from ..refusals import assert_refused_by_name
from ..strategies import accounts, hedged_accounts

BTC = Contract("BTC", Tiers.flat(0.0625, max_leverage=8))
COIN = Contract("COIN", Tiers.flat(0.0625, max_leverage=8), kind="inverse")
any_account = accounts() | hedged_accounts()


def isolated(size, entry, margin, contract=BTC, **terms):
    """Return an isolated position."""
    return Position(contract, size, entry, mode="isolated", margin=margin, **terms)


# What may be taken out


@pytest.mark.long
@given(any_account, st.data(), st.sampled_from(WITHDRAWAL), st.sampled_from([0.0, 0.1]), st.sampled_from([1.0, 4.0]))
def test_the_engine_lets_so_much_margin_go_and_no_more(held, data, rule, leaves, leverage):
    account, marks = held
    own = data.draw(st.integers(0, len(marks) - 1))
    account = replace(account, leverage=leverage)
    if not account.isolated[own]:
        return
    rules = Rules(withdrawal=rule, withdrawal_leaves=leaves)
    amount = withdrawable(account, marks, position=own, rules=rules)
    money = held.scale

    def refused(taken):
        action = AddMargin(step=0, position=own, amount=-taken)
        return bool(simulate(account, [marks], rules=rules, actions=[action], on_refusal="record").refused)

    assert amount == 0 or not refused(amount)
    assert refused(amount + 1e-9 * money)
    assert refused(2 * amount + money)


@pytest.mark.parametrize(
    ("rule", "expected"), [("initial", 8), ("maintenance", 16), ("zero", 20), ("profit", 20), ("none", 0)]
)
def test_what_must_stay_when_margin_is_taken_out_is_the_venue_s_rule(rule, expected):
    # A long of 1 from 96, now at 128, at 8x: its initial margin is 16, its maintenance margin 8; its profit is 32.
    margins = {"initial": 24, "maintenance": 24, "zero": 20, "profit": 4, "none": 24}
    account = Account.of([isolated(1, 96, margins[rule], leverage=8)])
    assert withdrawable(account, 128, position=0, rules=Rules(withdrawal=rule)) == pytest.approx(expected, abs=1e-9)


def test_a_venue_may_let_profit_go_until_what_is_left_covers_the_least_share_of_notional():
    account = Account.of([isolated(1, 96, 4, leverage=8)])
    rules = Rules(withdrawal="profit", withdrawal_leaves=0.25)
    assert withdrawable(account, [[128], [112], [96]], position=0, rules=rules) == pytest.approx([4, 0, 0], abs=1e-9)


def test_of_the_wallet_goes_what_losses_positions_and_orders_leave_and_no_profit():
    position, bid = Position(BTC, 1, 128, leverage=8), Order(BTC, 1, 64, leverage=4)
    account = Account.of([position], wallet=100, orders=[bid])
    # 100 less 16 for the bid, and 20 for a position of 160; less 14 for one of 112, which has lost 16
    assert withdrawable(account, [[160], [112]]).tolist() == [64, 54]
    assert withdrawable(account, 128) == 68
    assert withdrawable(replace(account, wallet=10), 128) == 0


@given(accounts(), st.sampled_from([True, False]))
def test_what_is_free_in_the_wallet_may_be_set_aside_and_no_more(held, profit_opens):
    account, marks = held
    convention = replace(account.convention, profit_opens=profit_opens)
    place = isolated(1, 100, 1_000, contract=replace(account.contracts[0], symbol="PLACE"))
    account = Account(
        account.wallet,
        [*account.contracts, place.contract],
        size=[*account.size, 1],
        entry=[*account.entry, 100],
        mode=[*account.mode, "isolated"],
        margin=[*account.margin, 1_000],
        leverage=4.0,
        convention=convention,
    )
    marks = np.append(marks, 100.0)
    free, money = withdrawable(account, marks), held.scale + 1_100

    def refused(amount):
        action = AddMargin(step=0, position=len(marks) - 1, amount=amount)
        return bool(simulate(account, [marks], actions=[action], on_refusal="record").refused)

    assert free == 0 or not refused(free)
    assert refused(free + 1e-9 * money)


# How long until funding alone liquidates


@pytest.mark.long
@given(any_account, st.data(), st.sampled_from(ISOLATED_FUNDING))
def test_with_this_payment_the_engine_liquidates(held, data, pocket):
    account, marks = held
    rates = st.sampled_from([-0.04, -0.01, 0.0, 0.02, 0.05])
    each = data.draw(st.lists(rates, min_size=len(marks), max_size=len(marks)))
    rules, steps, hair = Rules(isolated_funding=pocket), 30, 1e-9 * held.scale
    outcome = simulate(account, [marks] * steps, rules=rules, funding=each)
    expected = np.where(outcome.liquidated < 0, steps + 1.0, outcome.liquidated + 1.0)
    # A little less and a little more: how rounding goes in thirty payments decides nothing.
    less, more = (
        replace(account, wallet=account.wallet + one, margin=np.where(account.isolated, account.margin + one, 0.0))
        for one in (-hair, hair)
    )
    found = [payments_to_liquidation(one, marks, each, rules=rules) for one in (less, more)]
    # What is due now already is due without any payment; what then becomes of the others is another account's.
    due = less.liquidatable(marks)
    if due.any():
        np.testing.assert_array_equal(found[0] == 0, due)
        return
    earliest, latest = (np.fmin(np.where(np.isnan(one), np.inf, one), steps + 1.0) for one in found)
    assert (earliest <= expected).all()
    assert (expected <= latest).all()


def test_an_isolated_position_pays_out_of_its_margin_until_that_is_its_maintenance_margin():
    # 128 of notional, 8 of maintenance, 1 a payment: 24 down to 8, where equality is enough, and below it where not.
    account = Account.of([isolated(1, 128, 24)])
    assert payments_to_liquidation(account, 128, 1 / 128).tolist() == [16]
    strictly = replace(account, convention=Convention(at_equality=False))
    assert payments_to_liquidation(strictly, 128, 1 / 128).tolist() == [17]


def test_round_numbers_hit_equality_and_rounding_does_not_decide():
    # A tenth set aside, 0.4 % to be held, 0.01 % a payment: 960 of them leave just as much as is needed.
    tenth = Position(Contract("BTC", Tiers.flat(0.004)), 0.5, 123_237.4, mode="isolated", leverage=10)
    for at_equality, count in ((True, 960), (False, 961)):
        account = Account.of([tenth], convention=Convention(at_equality=at_equality))
        assert payments_to_liquidation(account, 123_237.4, 0.0001).tolist() == [count]


def test_where_the_wallet_pays_first_it_lasts_as_much_longer_as_that_is_worth():
    account = Account.of([isolated(1, 128, 24)], wallet=10.5)
    rules = Rules(isolated_funding="wallet")
    # Ten out of the wallet, the eleventh half and half, and 15.5 out of the margin
    assert payments_to_liquidation(account, 128, 1 / 128, rules=rules).tolist() == [27]
    assert payments_to_liquidation(account, 128, 1 / 128).tolist() == [16]


def test_who_receives_funding_is_never_liquidated_by_it():
    account = Account.of([isolated(-1, 128, 24), isolated(1, 128, 24, contract=replace(BTC, symbol="ETH"))])
    np.testing.assert_array_equal(payments_to_liquidation(account, [128, 128], [1 / 128, 0]), [np.nan, np.nan])


def test_what_one_receives_may_pay_for_another_for_ever():
    short, long = Position(BTC, -1, 128), isolated(0.5, 128, 24, contract=replace(BTC, symbol="ETH"))
    account = Account.of([short, long], wallet=20)
    rules = Rules(isolated_funding="wallet")
    assert np.isnan(payments_to_liquidation(account, [128, 128], 1 / 128, rules=rules)).all()


def test_what_one_receives_pays_for_a_part_of_another():
    free = Contract("FREE", Tiers.flat(0.0))
    held = [Position(free, -0.5, 128), isolated(1, 128, 24)]
    account = Account.of(held, wallet=20, convention=Convention(at_equality=False))
    rules = Rules(isolated_funding="wallet")
    found = payments_to_liquidation(account, [128, 128], 1 / 128, rules=rules)
    # Half a payment comes in each time, and the other half goes out of the wallet, 40 times; then out of the margin.
    np.testing.assert_array_equal(found, [np.nan, 40 + 33])


def test_a_pool_is_gone_with_its_wallet_and_the_others_pay_on():
    long, other = Position(BTC, 1, 128), isolated(1, 128, 24, contract=replace(BTC, symbol="ETH"))
    account = Account.of([long, other], wallet=28)
    rules = Rules(isolated_funding="wallet")
    # Two a payment out of 28, down to the 8 of the pool; then 16 of the margin.
    assert payments_to_liquidation(account, [128, 128], 1 / 128, rules=rules).tolist() == [10, 26]


def test_a_rate_that_takes_longer_than_anyone_lives_takes_that_many_payments():
    account = Account.of([isolated(1, 128, 24)])
    assert payments_to_liquidation(account, 128, 2.0**-47) == pytest.approx([2.0**44])
    assert np.isnan(payments_to_liquidation(account, 128, 1e-30)).all()


def test_a_fee_at_bankruptcy_that_grows_as_money_leaves_leaves_less():
    convention = Convention(closing_fee=1 / 128, closing_fee_at="bankruptcy", fee_in_initial=True)
    account = Account.of([Position(BTC, 1, 128, leverage=8)], wallet=100, convention=convention)
    found = withdrawable(account, [[128], [160]])
    for mark, amount in zip((128, 160), found, strict=True):
        left = replace(account, wallet=100 - amount, convention=replace(convention, profit_opens=False))
        assert left.free_margin(mark) == pytest.approx(0, abs=1e-9)


def test_what_is_due_now_is_due_before_any_payment():
    account = Account.of([isolated(1, 128, 4), isolated(1, 128, 24, contract=replace(BTC, symbol="ETH"))])
    assert payments_to_liquidation(account, [128, 128], 1 / 128).tolist() == [0, 16]


LONG, POOL = Account.of([isolated(1, 128, 24)]), Account.of([Position(BTC, 1, 128)], wallet=50)
EMPTY = replace(POOL, size=[0.0])
REFUSED = {
    "an account of another kind": (lambda: withdrawable(None, 128), "account", "None"),
    "several accounts": (lambda: withdrawable(replace(POOL, wallet=[1, 2]), 128), "account", "(2,)"),
    "marks for others": (lambda: withdrawable(POOL, [128, 128]), "marks", "(2,)"),
    "a cross position": (lambda: withdrawable(POOL, 128, position=0), "position", "isolated"),
    "a position that is not there": (lambda: withdrawable(LONG, 128, position=1), "position", "1"),
    "half a position": (lambda: withdrawable(LONG, 128, position=0.5), "position", "0.5"),
    "an empty place": (lambda: withdrawable(EMPTY, 128, position=0), "position", "0"),
    "rules in words": (lambda: withdrawable(LONG, 128, position=0, rules="binance"), "rules", "binance"),
    "several accounts that pay": (
        lambda: payments_to_liquidation(replace(POOL, wallet=[1, 2]), 128, 0.01),
        "account",
        "(2,)",
    ),
    "a path of marks": (lambda: payments_to_liquidation(POOL, [[128], [96]], 0.01), "marks", "(2, 1)"),
    "a rate that is no number": (lambda: payments_to_liquidation(POOL, 128, "high"), "rate", "high"),
    "a rate without end": (lambda: payments_to_liquidation(POOL, 128, np.inf), "rate", "inf"),
    "rates of two positions": (lambda: payments_to_liquidation(POOL, 128, [0.01, 0.01]), "rate", "(2,)"),
    "a path of rates": (lambda: payments_to_liquidation(POOL, 128, [[0.01]]), "rate", "(1, 1)"),
    "rules of another kind": (lambda: payments_to_liquidation(POOL, 128, 0.01, rules=8), "rules", "8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_by_name(case):
    call, argument, shown = REFUSED[case]
    assert_refused_by_name(call, argument, shown)
