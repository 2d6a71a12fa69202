"""What a venue refuses: the same for an account that is opened, an order in the engine, and a comparison of modes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    Account,
    ArgumentError,
    Contract,
    Convention,
    Open,
    Position,
    Rules,
    Switch,
    Tiers,
    simulate,
    venue,
)
from marginlab.comparison import compare
from marginlab.margin import opening
from marginlab.margin.rules import MODES

from ..examples import examples
from ..strategies import any_contract, conventions, notionals, prices, sides, size_of

INF = float("inf")
# 1 % up to 50,000 and 2 % above, at most 50x and 25x, 200,000 in all.
BTC = Contract("BTCUSDT", Tiers([0, 50_000], [0.01, 0.02], max_leverage=[50, 25], cap=200_000), currency="USDT")
LOOSE = Contract("BTCUSDT", Tiers.flat(0.01), currency="USDT")
# 0.5 % of the notional to close it, on top of maintenance.
WITH_FEE = Convention(closing_fee=0.005, closing_fee_at="liquidation", at_equality=False)


def is_opened(contract, size, price, mode, leverage, margin, balance, convention):
    """Return whether `Account.open` takes an order."""
    try:
        Account.open([Position(contract, size, price, mode, leverage, margin)], balance=balance, convention=convention)
    except ArgumentError:
        return False
    return True


def is_ordered(contract, size, price, mode, leverage, margin, balance, convention):
    """Return whether the engine takes the same order from somebody who holds nothing."""
    flat = Account(balance, [contract], [0], [price], mode, convention=convention)
    order = Open(step=0, position=0, size=size, leverage=leverage, margin=margin)
    return simulate(flat, [[price]], actions=[order], on_refusal="record").refused == 0


def is_not_refused(contract, size, price, mode, leverage, margin, balance, convention):
    """Return whether a comparison finds nothing that the venue would refuse of the same account as it stands."""
    kept = contract.initial_margin(size, price, leverage) if margin is None else margin
    kept = kept if mode == "isolated" else 0.0
    held = Account(balance - kept, [contract], [size], [price], mode, [kept], [leverage], convention)
    return not compare(held, [price], venue="binance").columns[0].refusals


ORDERS = {
    "an order that fits": (1, 10_000, "cross", 10, None, 1_000, True),
    "an isolated order that fits": (1, 10_000, "isolated", 10, None, 1_000, True),
    "as large as the brackets allow": (20, 10_000, "cross", 25, None, 8_000, True),
    "larger than the brackets allow": (20.001, 10_000, "cross", 25, None, 9_000, False),
    "at the limit of its bracket": (5, 10_000, "isolated", 50, None, 1_000, True),
    "above the limit of its bracket": (5.001, 10_000, "isolated", 50, None, 1_001, False),
    "a balance one cent short": (1, 10_000, "cross", 10, None, 999.99, False),
    "a balance one cent short of the margin": (1, 10_000, "isolated", 10, None, 999.99, False),
    # 1 % and 0.5 % of 10,000: 150 must stand behind it.
    "a margin that covers maintenance and fee": (1, 10_000, "isolated", 10, 150, 150, True),
    "a margin that covers maintenance alone": (1, 10_000, "isolated", 10, 149, 149, False),
    # 10,000 / 50 covers the 150, and at 100x no bracket would.
    "a short that fits": (-1, 10_000, "isolated", 50, None, 200, True),
}


@pytest.mark.parametrize("asked", [is_opened, is_ordered, is_not_refused])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_account_engine_and_comparison_refuse_the_same_orders(asked, order):
    size, price, mode, leverage, margin, balance, taken = order
    assert asked(BTC, size, price, mode, leverage, margin, balance, WITH_FEE) == taken


@given(
    any_contract,
    sides,
    notionals,
    prices,
    st.sampled_from(MODES),
    st.floats(1, 200),
    st.none() | st.floats(0.001, 0.3),
    st.floats(0.001, 1.5),
    conventions(maintenance_at=["liquidation"]),
)
def test_whatever_is_ordered_is_refused_by_all_or_by_none(
    contract, side, notional, price, mode, leverage, margin, balance, convention
):
    size = side * size_of(contract, notional, price)
    assume(max(contract.tiers.rates) + convention.closing_fee < 1)
    margin = None if margin is None or mode == "cross" else margin * notional
    order = (contract, size, price, mode, leverage, margin, balance * notional, convention)
    asked = [one(*order) for one in (is_opened, is_ordered)]
    assert asked[0] == asked[1]
    # An account as it stands has its own currency, and may have no leverage that a limit stands in for.
    assert is_not_refused(*order) == asked[0]


def test_what_a_closing_fee_makes_liquidatable_at_once_is_refused_by_all():
    # 100 of maintenance and 50 of fee against an initial margin of 100.
    order = (LOOSE, 1, 10_000, "isolated", 100, None, 100, WITH_FEE)
    assert not any(asked(*order) for asked in (is_opened, is_ordered, is_not_refused))
    with pytest.raises(
        ArgumentError, match=r"must be at least 150.00, its maintenance margin and closing fee, not 100"
    ):
        Account.open([Position(LOOSE, 1, 10_000, "isolated", 100)], balance=100, convention=WITH_FEE)


def test_a_pool_that_its_closing_fees_would_end_at_once_is_not_opened():
    order = (LOOSE, 1, 10_000, "cross", 100, None, 149, WITH_FEE)
    assert not any(asked(*order) for asked in (is_opened, is_ordered, is_not_refused))


@pytest.mark.parametrize("at_equality", [True, False])
def test_what_just_covers_its_requirement_opens_where_equality_is_not_liquidated(at_equality):
    convention = Convention(at_equality=at_equality)
    order = (LOOSE, 1, 10_000, "isolated", 100, None, 100, convention)
    assert {asked(*order) for asked in (is_opened, is_ordered, is_not_refused)} == {not at_equality}


# --- reasons --------------------------------------------------------------------------------------------------


def test_a_refusal_says_why_for_each_entry_it_refuses_and_for_the_first_if_none_is_named():
    refusal = opening.leverage_refusal(
        np.array([10.0, 60.0, 70.0]), np.array([50.0, 50.0, 25.0]), np.full(3, 1_000.0), np.full(3, 10.0)
    )
    assert refusal.where.tolist() == [False, True, True]
    assert refusal.argument == "leverage"
    assert refusal.reason() == refusal.reason(1) == "must be at most 50 at this size, not 60"
    assert refusal.reason(2) == "must be at most 25 at this size, not 70"


def test_a_leverage_is_held_against_the_bracket_and_against_maintenance():
    above = opening.leverage_refusal(101.0, INF, 10_000.0, 100.0)
    assert above.reason() == "must be at most 100 at this size, not 101"
    assert not opening.leverage_refusal(100.0, INF, 10_000.0, 100.0).where
    # Nothing set takes the limit, and nothing to maintain sets none.
    assert not opening.leverage_refusal(INF, 5.0, 10_000.0, 100.0).where
    assert not opening.leverage_refusal(1e6, INF, 10_000.0, 0.0).where


def test_a_size_is_refused_in_what_its_brackets_count():
    assert opening.size_refusal(12.0, 10.0, "contracts").reason() == "must be at most 10 contracts, not 12"
    assert not opening.size_refusal(10.0, 10.0, "contracts").where


@pytest.mark.parametrize(
    ("switching", "moved", "mixed", "said"),
    [
        ("open", True, True, []),
        ("flat", True, True, ["does not switch the mode of an open position: close it first"]),
        ("order", True, False, ["does not switch the mode of an open position: close it first"]),
        ("account", True, True, ["has one mode for the whole account"]),
        ("flat", False, True, []),
        ("account", True, False, []),
    ],
)
def test_modes_are_switched_as_the_venue_lets_them(switching, moved, mixed, said):
    found = opening.switch_refusals(switching, moved=np.array(moved), mixed=np.array(mixed))
    assert [one.reason() for one in found if one.where] == said


def test_an_action_and_a_comparison_give_the_same_reason_for_a_mode_that_is_not_switched():
    held = Account.open([Position(BTC, 1, 10_000, leverage=10)], balance=2_000)
    (refusal,) = compare(held, [10_000], venue="binance").columns[2].refusals
    reason = refusal.reason.removeprefix(venue("binance").title)
    with pytest.raises(ValueError, match=f"the venue{reason}"):
        simulate(held, [[10_000]], rules=Rules(switching="flat"), actions=[Switch(step=0, position=0, mode="isolated")])


def test_what_is_to_spare_is_that_of_the_rule_which_has_the_least_and_below_0_where_one_refuses():
    fits = opening.size_refusal(np.array([1.0, 3.0, 7.0]), 5.0, "contracts")
    paid = opening.wallet_refusal(np.array([90.0, 99.5, 90.0]), 100.0, at_stake=0.0)
    assert opening.spare([fits, paid]).tolist() == [4, 0.5, -2]
    assert opening.spare([paid]).tolist() == [10, 0.5, 10]


def test_nothing_to_spare_is_refused_only_where_equality_is():
    equal = np.array([50.0])
    for convention, refused in ((Convention(), True), (Convention(at_equality=False), False)):
        rule = opening.at_once_refusal(equal, equal, convention, at_stake=0.0)
        assert rule.where.tolist() == (opening.spare([rule]) < 0).tolist() == [refused]
    # A rule that is met or not, by no number.
    assert opening.spare(opening.switch_refusals("account", moved=equal > 0, mixed=equal > 0)).tolist() == [-1]


@examples(0.4)
@given(st.lists(st.tuples(notionals, notionals, notionals, st.booleans()), min_size=1, max_size=5), conventions())
def test_something_is_to_spare_exactly_where_nothing_is_refused(rows, convention):
    one, other, most, flag = (np.array(column) for column in zip(*rows, strict=True))
    rules = [
        opening.leverage_refusal(np.where(flag, INF, one / other), most / other, one, other / 100),
        opening.size_refusal(one, np.where(flag, INF, most), "contracts"),
        opening.margin_refusal(one, other, most, convention, at_stake=most),
        opening.at_once_refusal(one, other, convention, at_stake=0.0),
        opening.wallet_refusal(one, np.where(flag, one, other), at_stake=most),
        *opening.withdrawal_refusals(
            Rules(withdrawal="maintenance"), one, other - most, initial=most, maintenance=other, notional=one
        ),
        *opening.withdrawal_refusals(Rules(), one, other - most, initial=most, maintenance=other, notional=one),
        opening.closing_refusal(one, other, share=0.5, isolated=flag),
    ]
    refused = np.any([rule.where for rule in rules], axis=0)
    assert ((opening.spare(rules) < 0) == refused).all()
    for rule in rules:
        assert ((opening.spare([rule]) < 0) == rule.where).all()
