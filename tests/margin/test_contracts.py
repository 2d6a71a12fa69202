"""What is traded, and a venue's way of counting."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import Contract, Convention, Tiers
from marginlab.margin.contracts import check_alike

from .. import oracle
from ..refusals import assert_refused
from ..strategies import (
    contracts,
    notionals,
    prices,
    sides,
    size_of,
)

NAN, INF = float("nan"), float("inf")

TWO = Tiers([0, 50_000], [0.004, 0.005], max_leverage=[125, 100])
COUNTED = Contract("XBT", Tiers([0, 10], [0.01, 0.02], 0, max_leverage=[50, 25], measured_in="contracts"))
LINEAR = Contract("BTCUSDT", TWO, currency="USDT")
INVERSE = Contract("BTCUSD", Tiers.flat(0.005), kind="inverse", multiplier=100, currency="BTC")


@pytest.mark.parametrize(
    ("contract", "size", "entry", "price", "notional", "pnl"),
    [
        # 0.5 × 63,000; 0.5 × (63,000 − 60,000)
        (LINEAR, 0.5, 60_000, 63_000, 31_500, 1_500),
        (LINEAR, -0.5, 60_000, 63_000, 31_500, -1_500),
        # 20 contracts of 100 USD: 2,000 / 40,000 coins; 2,000 × (1/50,000 − 1/40,000) = 0.04 − 0.05
        (INVERSE, 20, 50_000, 40_000, 0.05, -0.01),
        (INVERSE, -20, 50_000, 40_000, 0.05, 0.01),
        (LINEAR, 0, 60_000, 63_000, 0, 0),
    ],
)
def test_notional_and_profit_of_known_positions(contract, size, entry, price, notional, pnl):
    assert contract.notional(size, price) == pytest.approx(notional)
    assert contract.unrealized_pnl(size, entry, price) == pytest.approx(pnl)


@given(contracts(), notionals, sides, prices, prices)
def test_profit_is_the_change_of_notional_in_the_direction_of_the_position(contract, notional, side, entry, price):
    size = side * size_of(contract, notional, entry)
    change = contract.notional(size, price) - contract.notional(size, entry)
    scale = notional + contract.notional(size, price)
    assert contract.unrealized_pnl(size, entry, price) == pytest.approx(
        contract.direction(size) * change, rel=0, abs=1e-12 * scale
    )


@given(contracts(), notionals, sides, prices, prices)
def test_what_a_long_wins_a_short_loses(contract, notional, side, entry, price):
    size = side * size_of(contract, notional, entry)
    assert contract.unrealized_pnl(size, entry, price) == -contract.unrealized_pnl(-size, entry, price)


@given(contracts(), notionals, prices)
def test_a_position_has_made_nothing_at_its_entry(contract, notional, entry):
    assert contract.unrealized_pnl(size_of(contract, notional, entry), entry, entry) == 0


@given(contracts(), notionals, sides, prices)
def test_the_price_of_a_notional_is_the_price_it_came_from(contract, notional, side, price):
    size = side * size_of(contract, notional, price)
    assert contract.price_at(size, contract.notional(size, price)) == pytest.approx(price)


@pytest.mark.parametrize("contract", [LINEAR, INVERSE])
def test_no_price_gives_a_notional_of_nothing_or_less(contract):
    np.testing.assert_array_equal(contract.price_at(1, [0, -1]), [NAN, NAN])
    np.testing.assert_array_equal(contract.price_at(0, [100, 0]), [NAN, NAN])


def test_a_price_beyond_all_numbers_is_none():
    assert np.isnan(LINEAR.price_at(1e-306, 1e4))


def test_a_notional_of_less_than_one_has_its_price_too():
    # 20 contracts of 100 USD are worth 0.5 coin at 4,000.
    assert INVERSE.price_at(20, 0.5) == pytest.approx(4_000)
    assert LINEAR.price_at(-2, 0.5) == pytest.approx(0.25)


@given(contracts(kinds=["inverse"]), notionals, prices, st.floats(0.01, 0.9))
def test_an_inverse_long_loses_more_coin_in_a_fall_than_it_gains_in_a_rise(contract, notional, entry, move):
    size = size_of(contract, notional, entry)
    lost = -contract.unrealized_pnl(size, entry, entry * (1 - move))
    assert lost > contract.unrealized_pnl(size, entry, entry * (1 + move))


@given(contracts(), notionals, sides, prices)
def test_the_oracle_agrees_on_notional_profit_and_maintenance(contract, notional, side, entry):
    size, price = side * size_of(contract, notional, entry), entry * 1.37
    near_a_bound = np.isclose(contract.bracket_amount(size, price), contract.tiers.floors, rtol=1e-9)
    assume(not near_a_bound.any())
    close = {"rel": 0, "abs": 1e-9 * notional}
    assert contract.notional(size, price) == pytest.approx(float(oracle.notional(contract, size, price)), **close)
    pnl = float(oracle.pnl(contract, size, entry, price))
    assert contract.unrealized_pnl(size, entry, price) == pytest.approx(pnl, **close)
    maintenance = float(oracle.maintenance(contract, size, price))
    assert contract.maintenance_margin(size, price) == pytest.approx(maintenance, **close)


@pytest.mark.parametrize(
    ("contract", "size", "direction"),
    [(LINEAR, 2, 1), (LINEAR, -2, -1), (INVERSE, 2, -1), (INVERSE, -2, 1), (LINEAR, 0, 0)],
)
def test_linear_longs_and_inverse_shorts_gain_with_their_notional(contract, size, direction):
    assert contract.direction(size) == direction


def test_the_initial_margin_is_the_notional_over_the_leverage():
    # 0.5 × 60,000 / 10; 2,000 USD / 50,000 / 10 in coin
    assert LINEAR.initial_margin(-0.5, 60_000, 10) == pytest.approx(3_000)
    assert INVERSE.initial_margin(20, 50_000, 10) == pytest.approx(0.004)


def test_the_bracket_decides_the_leverage_a_position_may_have():
    # 1 × 60,000 is in the second bracket, 0.5 × 60,000 in the first.
    assert LINEAR.leverage_limit([1, -0.5], 60_000).tolist() == [100, 125]
    assert COUNTED.leverage_limit([11, -10], 60_000).tolist() == [25, 50]


def test_what_counts_for_the_bracket_is_the_notional_or_the_contracts():
    assert LINEAR.bracket_amount(-0.5, 60_000) == 30_000
    assert COUNTED.bracket_amount(-0.5, 60_000) == 0.5


@pytest.mark.parametrize(
    ("contract", "size", "price", "rate", "received"),
    [
        # 0.5 × 60,000 × 0.01 %: longs pay shorts while the rate is positive
        (LINEAR, 0.5, 60_000, 0.0001, -3),
        (LINEAR, -0.5, 60_000, 0.0001, 3),
        (LINEAR, 0.5, 60_000, -0.0001, 3),
        # 2,000 USD / 50,000 × 0.01 % in coin
        (INVERSE, 20, 50_000, 0.0001, -0.000004),
        (LINEAR, 0, 60_000, 0.0001, 0),
        # More than a float of four bytes holds
        (LINEAR, np.float32(1.5), 1e50, 0.5, -7.5e49),
    ],
)
def test_longs_pay_positive_funding_to_shorts(contract, size, price, rate, received):
    assert contract.funding_payment(size, price, rate) == pytest.approx(received)


def test_numbers_give_numbers_and_arrays_give_arrays():
    answers = [
        LINEAR.notional(1, 5),
        LINEAR.price_at(1, 5),
        LINEAR.direction(1),
        LINEAR.unrealized_pnl(1, 5, 6),
        LINEAR.maintenance_margin(1, 5),
        LINEAR.initial_margin(1, 5, 2),
        LINEAR.leverage_limit(1, 5),
        LINEAR.funding_payment(1, 5, 0.1),
    ]
    assert all(isinstance(answer, float) for answer in answers)
    column, row = np.ones((3, 1)), np.arange(1.0, 5)
    assert LINEAR.notional(column, row).shape == (3, 4)
    assert LINEAR.maintenance_margin(column, row).shape == (3, 4)
    assert LINEAR.unrealized_pnl(column, 2, row).shape == (3, 4)
    assert LINEAR.initial_margin(column, 2, row).shape == (3, 4)
    assert LINEAR.funding_payment(column, 2, row).shape == (3, 4)
    assert COUNTED.maintenance_margin(column, row).shape == (3, 4)


@given(contracts(), st.lists(notionals, min_size=3, max_size=3), prices)
def test_an_array_is_answered_like_its_elements_one_by_one(contract, notionals, price):
    sizes = [side * size_of(contract, notional, price) for side, notional in zip((1, -1, 1), notionals, strict=True)]
    for question in (contract.notional, contract.maintenance_margin, contract.leverage_limit, contract.bracket_amount):
        assert question(sizes, price * 1.1).tolist() == [question(size, price * 1.1) for size in sizes]
    pnl = contract.unrealized_pnl(sizes, price, price * 1.1)
    assert pnl.tolist() == [contract.unrealized_pnl(size, price, price * 1.1) for size in sizes]


@pytest.mark.parametrize("place", ["none", "liquidation", "bankruptcy", "margin"])
def test_a_closing_fee_is_counted_in_one_place_only(place):
    convention = Convention(closing_fee=0.001, closing_fee_at=place)
    counted = {elsewhere: convention.fee_at(elsewhere) for elsewhere in ("liquidation", "bankruptcy")}
    assert counted == {elsewhere: 0.001 if elsewhere == place else 0 for elsewhere in counted}


def test_by_default_a_contract_is_linear_and_counts_one_for_one_in_no_currency():
    contract = Contract("BTC", TWO)
    assert (contract.kind, contract.multiplier, contract.currency) == ("linear", 1, "")


def test_by_default_equality_liquidates_and_no_fee_is_counted():
    convention = Convention()
    assert convention == Convention("liquidation", closing_fee=0, closing_fee_at="none", at_equality=True)
    assert convention.fee_at("liquidation") == 0


def test_a_contract_and_a_convention_stay_as_they_were_agreed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LINEAR.multiplier = 10
    with pytest.raises(dataclasses.FrozenInstanceError):
        Convention().closing_fee = 0.001


@pytest.mark.parametrize(
    ("symbol", "underlying"),
    [
        ("BTCUSDT", "BTC"),
        ("BTCUSDC", "BTC"),
        ("BTCUSD", "BTC"),
        ("BTC-USD", "BTC"),
        ("ETH-USDT-SWAP", "ETH"),
        ("BTCUSD_PERP", "BTC"),
        ("BTC/USDT:USDT", "BTC"),
        ("BTC", "BTC"),
        ("BTCDOMUSDT", "BTCDOM"),
        ("BTCFDUSD", "BTC"),
        ("USDT", "USDT"),
    ],
)
def test_a_contract_follows_the_coin_that_its_symbol_names(symbol, underlying):
    assert Contract(symbol, TWO).underlying == underlying


def test_a_contract_follows_the_coin_it_is_said_to():
    assert Contract("1000PEPEUSDT", TWO, follows="PEPE").underlying == "PEPE"
    assert Contract("BTCUSDT", TWO, follows="BTC") == Contract("BTCUSDT", TWO)
    assert dataclasses.replace(Contract("BTCUSDT", TWO), symbol="ETHUSDT").underlying == "ETH"


def test_a_contract_shows_itself_without_its_brackets():
    assert repr(LINEAR) == "Contract(symbol='BTCUSDT', kind='linear', multiplier=1.0, currency='USDT', follows='')"


MALFORMED = {
    "empty symbol": (lambda: Contract("", TWO), "symbol must be a name", "''"),
    "coin that is a number": (lambda: Contract("BTC", TWO, follows=5), "follows must be a name", "5"),
    "symbol that is a number": (lambda: Contract(7, TWO), "symbol must be a name", "7"),
    "tiers that are a rate": (lambda: Contract("BTC", 0.004), "tiers must be of the class Tiers", "0.004"),
    "unknown kind": (
        lambda: Contract("BTC", TWO, kind="quanto"),
        "kind must be one of 'linear', 'inverse'",
        "'quanto'",
    ),
    "multiplier of 0": (lambda: Contract("BTC", TWO, multiplier=0), "multiplier must be greater than 0", "0.0"),
    "infinite multiplier": (lambda: Contract("BTC", TWO, multiplier=INF), "multiplier must be finite", "inf"),
    "several multipliers": (lambda: Contract("BTC", TWO, multiplier=[1, 2]), "multiplier must be one number", "[1, 2]"),
    "nan size": (lambda: LINEAR.notional(NAN, 1), "size must be finite", "nan"),
    "price of 0": (lambda: LINEAR.notional(1, [1, 0]), "price must be greater than 0", "0.0 (at index 1)"),
    "price below 0": (lambda: INVERSE.maintenance_margin(1, -5), "price must be greater than 0", "-5.0"),
    "entry below 0": (lambda: LINEAR.unrealized_pnl(1, -1, 1), "entry must be greater than 0", "-1.0"),
    "infinite price": (lambda: LINEAR.unrealized_pnl(1, 1, INF), "price must be finite", "inf"),
    "sizes and prices of different lengths": (
        lambda: LINEAR.notional([1, 2], [1, 2, 3]),
        "size (2,), price (3,)",
        "(3,)",
    ),
    "nan size and a notional": (lambda: LINEAR.price_at([1, NAN], 1), "size must be finite", "nan (at index 1)"),
    "notional beyond all money": (lambda: LINEAR.price_at(1, 1e300), "notional must lie within", "1e+300"),
    "entries and prices of different lengths": (
        lambda: LINEAR.unrealized_pnl(1, [1, 2], [1, 2, 3]),
        "shapes must broadcast",
        "size (), entry (2,), price (3,)",
    ),
    "entries of another length": (lambda: LINEAR.unrealized_pnl([1, 2], [1, 2, 3], 1), "entry", "(3,)"),
    "leverage of 0 in a contract": (lambda: LINEAR.initial_margin(1, 1, 0), "leverage must be greater than 0", "0.0"),
    "leverages of another length": (lambda: LINEAR.initial_margin([1, 2], 1, [1, 2, 3]), "leverage", "(3,)"),
    "nan funding rate": (lambda: LINEAR.funding_payment(1, 1, NAN), "rate must be finite", "nan"),
    "funding rates of another length": (lambda: LINEAR.funding_payment([1, 2], 1, [0.1, 0.1, 0.1]), "rate", "(3,)"),
    "contracts that are symbols": (lambda: check_alike(["BTC"]), "contracts must be of the class Contract", "'BTC'"),
    "no contracts": (lambda: check_alike([]), "contracts must be one or more", "not none"),
    "contracts of two kinds": (
        lambda: check_alike([LINEAR, INVERSE]),
        "contracts must be one or more of one kind and currency",
        "not BTCUSDT (linear, USDT), BTCUSD (inverse, BTC)",
    ),
    "contracts in a currency and in none": (
        lambda: check_alike([LINEAR, Contract("ETHUSDT", TWO)]),
        "contracts must be one or more of one kind and currency",
        "ETHUSDT (linear, no currency)",
    ),
    "unknown place of maintenance": (
        lambda: Convention(maintenance_at="noon"),
        "maintenance_at must be one of 'liquidation', 'entry', 'mark'",
        "'noon'",
    ),
    "unknown place of the fee": (
        lambda: Convention(closing_fee_at="entry"),
        "closing_fee_at must be one of 'none', 'liquidation', 'bankruptcy', 'leverage', 'margin'",
        "'entry'",
    ),
    "fee below 0": (lambda: Convention(closing_fee=-0.1), "closing_fee must be 0 or more", "-0.1"),
    "fee of a half": (lambda: Convention(closing_fee=0.5), "closing_fee must be a fraction below 0.5", "0.5"),
    "nan fee": (lambda: Convention(closing_fee=NAN), "closing_fee must be finite", "nan"),
    "several fees": (lambda: Convention(closing_fee=[0.1, 0.2]), "closing_fee must be one number", "[0.1, 0.2]"),
    "equality that is a word": (lambda: Convention(at_equality="yes"), "at_equality must be True or False", "'yes'"),
}


@pytest.mark.parametrize(("call", "says", "shown"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_input_is_refused_by_name_and_shown(call, says, shown):
    assert_refused(call, says, shown)


def test_contracts_of_one_kind_and_currency_may_share_an_account():
    check_alike([LINEAR])
    check_alike([LINEAR, Contract("ETHUSDT", TWO, multiplier=0.01, currency="USDT")])
