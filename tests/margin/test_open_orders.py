"""Open orders tie up margin by the venue's rule, and are no equity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import Account, Contract, Convention, Open, Order, Position, Tiers, simulate

from ..refusals import assert_refused

TIERS = Tiers([0, 50_000], [0.004, 0.02], max_leverage=[100, 20], cap=1_000_000)
BTC, ETH = (Contract(symbol, TIERS, currency="USDT") for symbol in ("BTCUSDT", "ETHUSDT"))
COIN = Contract("BTCUSD", Tiers.flat(0.01, max_leverage=50), kind="inverse", currency="BTC")
UNLIMITED = Contract("X", Tiers.flat(0.004), currency="USDT")
LARGER = Convention(orders_tie="larger")
BID, ASK = Order(BTC, 0.2, 50_000, leverage=10), Order(BTC, -0.5, 60_000, leverage=10)


def waits(*orders, convention=None, size=0.1):
    """Return so much BTC from 50,000 at 10x with 5,000 behind it, and these orders."""
    return Account(5_000, [BTC], [size], [50_000], leverage=10, convention=convention or Convention(), orders=orders)


@pytest.mark.parametrize(
    ("account", "tied"),
    [
        (waits(), 0),
        # 10,000 / 10; 30,000 / 10; both
        (waits(BID), 1_000),
        (waits(ASK), 3_000),
        (waits(BID, ASK), 4_000),
        # The larger of 550 + 1,000 and 3,000, less the 550 that are tied up already
        (waits(BID, ASK, convention=LARGER), 2_450),
        (waits(BID, convention=LARGER), 1_000),
        # A sale of less than is held ties up nothing more: 0.05 at 60,000 are 300
        (waits(replace(ASK, size=-0.05), convention=LARGER), 0),
        # Of a short the sides are the other way round: 550 + 3,000 against 1,000
        (waits(BID, ASK, convention=LARGER, size=-0.1), 3_000),
        # What can only reduce is free, isolated or not
        (waits(replace(ASK, reduce_only=True)), 0),
        # An isolated order takes its own whatever is held
        (waits(replace(BID, mode="isolated"), ASK, convention=LARGER), 1_000 + 2_450),
        # Without a setting the bracket's limit, 100x; above 50,000 it is 20x, and 60,000 / 20
        (waits(replace(BID, leverage=None)), 100),
        (waits(replace(ASK, size=-1, leverage=50)), 3_000),
        # In a market where nothing is held
        (waits(Order(ETH, 1, 2_000, leverage=10), convention=LARGER), 200),
        # At least what it would require: 0.4 % and 1 % for closing, more than a hundredth
        (waits(replace(BID, leverage=100), convention=Convention("liquidation", 0.01, "liquidation")), 140),
        # The fee inside the initial margin: 1,000 and 0.1 % of the 9,000 that a 10x long leaves
        (waits(BID, convention=Convention("liquidation", 0.001, "leverage", fee_in_initial=True)), 1_009),
        (
            waits(
                replace(BID, mode="isolated"),
                convention=Convention("liquidation", 0.001, "leverage", closing_fee_in="cross", fee_in_initial=True),
            ),
            1_000,
        ),
    ],
)
def test_what_orders_tie_up_by_hand(account, tied):
    assert account.order_margin([55_000]) == pytest.approx(tied)
    plain = replace(account, orders=())
    assert account.free_margin([55_000]) == pytest.approx(plain.free_margin([55_000]) - tied)


def test_an_order_of_a_coin_contract_ties_up_coin():
    account = Account(1, [COIN], [0], [50_000], orders=[Order(COIN, 10_000, 40_000, leverage=5)])
    assert account.order_margin([50_000]) == pytest.approx(0.05)


@given(
    size=st.floats(-2, 2).map(lambda size: round(size, 3)),
    bought=st.floats(0.001, 2),
    sold=st.floats(0.001, 2),
    mark=st.floats(30_000, 90_000),
)
def test_the_larger_side_never_ties_up_more_than_both_and_orders_are_no_equity(size, bought, sold, mark):
    orders = [Order(BTC, bought, 50_000, leverage=10), Order(BTC, -sold, 60_000, leverage=10)]
    both, larger = waits(*orders, size=size), waits(*orders, convention=LARGER, size=size)
    assert 0 <= larger.order_margin([mark]) <= both.order_margin([mark]) * (1 + 1e-12)
    for question in ("equity", "liquidation_price", "margin_ratio", "liquidatable"):
        np.testing.assert_array_equal(
            getattr(both, question)([mark]), getattr(waits(size=size), question)([mark]), err_msg=question
        )


def test_along_a_path_the_larger_side_follows_the_position():
    account = waits(BID, ASK, convention=LARGER)
    path = np.array([[50_000.0], [60_000.0], [400_000.0]])
    # The long side is 500, 600 and 4,000 with 1,000 more, the short side 3,000
    assert account.order_margin(path).tolist() == pytest.approx([2_500, 2_400, 1_000])


def test_a_venue_opens_what_orders_leave_free():
    def opens(size, *orders, convention=None):
        held = Account(
            1_000,
            [BTC, ETH],
            [0.1, 0],
            [50_000, 2_000],
            leverage=10,
            convention=convention or Convention(),
            orders=orders,
        )
        order = Open(step=0, position=1, size=size)
        return simulate(held, [[50_000, 2_000]], actions=[order], on_refusal="record").refused == 0

    small = replace(BID, size=0.04)
    # 1,000 less 500: 2.5 ETH at 10x; 200 less with the order
    assert opens(2.5)
    assert not opens(2.51)
    assert opens(1.5, small)
    assert not opens(1.51, small)
    # Where the larger side counts, a sale of what is held leaves everything free
    sale = Order(BTC, -0.1, 50_000, leverage=10)
    assert opens(2.5, sale, convention=LARGER)
    assert not opens(2.5, sale)
    assert not opens(1.51, small, convention=LARGER)


REFUSED = {
    "no contract": (lambda: Order("BTCUSDT", 1, 1), "contract must be of the class Contract", "'BTCUSDT'"),
    "no size": (lambda: Order(BTC, 0, 1), "size must not be 0", "0"),
    "nan size": (lambda: Order(BTC, float("nan"), 1), "size must be finite", "nan"),
    "two sizes": (lambda: Order(BTC, [1, 2], 1), "size must be one number", "[1, 2]"),
    "price of 0": (lambda: Order(BTC, 1, 0), "price must be greater than 0", "0"),
    "price that is a word": (lambda: Order(BTC, 1, "high"), "price must be a number", "'high'"),
    "unknown mode": (
        lambda: Order(BTC, 1, 1, mode="portfolio"),
        "mode must be one of 'cross', 'isolated'",
        "'portfolio'",
    ),
    "leverage of 0": (lambda: Order(BTC, 1, 1, leverage=0), "leverage must be greater than 0", "0"),
    "endless leverage": (lambda: Order(BTC, 1, 1, leverage=float("inf")), "leverage must be finite", "inf"),
    "reduce_only that is 1": (lambda: Order(BTC, 1, 1, reduce_only=1), "reduce_only must be True or False", "1"),
    "an order that is a position": (
        lambda: Account(1, [BTC], [1], [1], orders=[Position(BTC, 1, 1)]),
        "orders must be of the class Order",
        "Position",
    ),
    "an order in another currency": (
        lambda: Account(1, [BTC], [1], [1], orders=[Order(COIN, 1, 1)]),
        "contracts must be one or more of one kind and currency",
        "BTCUSD (inverse, BTC)",
    ),
    "no leverage and no limit": (
        lambda: Account(1, [UNLIMITED], [0], [1], orders=[Order(UNLIMITED, 1, 1)]).order_margin([1]),
        "leverage must be given for an order",
        "no limit",
    ),
    "unknown way of tying up": (
        lambda: Convention(orders_tie="all"),
        "orders_tie must be one of 'both', 'larger'",
        "'all'",
    ),
}


@pytest.mark.parametrize(("call", "says", "shown"), REFUSED.values(), ids=REFUSED)
def test_malformed_orders_are_refused_by_name(call, says, shown):
    assert_refused(call, says, shown)


def test_a_smaller_side_that_is_held_counts_with_its_orders_where_the_larger_alone_is_charged():
    # Long 1 and short 0.6 at 10x tie up 6,000; with 0.5 more to be sold the short side comes to 6,600.
    one = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=100), currency="USDT")
    convention = Convention(charged="larger", orders_tie="larger")
    held = [Position(one, 1, 60_000, leverage=10), Position(one, -0.6, 60_000, leverage=10)]
    sale = Order(one, -0.5, 60_000, leverage=10)
    account = Account.of(held, wallet=50_000, convention=convention, orders=[sale])
    assert account.order_margin([60_000] * 2) == pytest.approx(600)
    assert account.free_margin([60_000] * 2) == pytest.approx(50_000 - 6_600)
    small = replace(account, orders=[replace(sale, size=-0.3)])
    assert small.order_margin([60_000] * 2) == 0


def test_orders_that_are_none_are_refused():
    assert_refused(lambda: Account.of([Position(BTC, 1, 1)], orders=5), "orders must be a list of the class Order", "5")
