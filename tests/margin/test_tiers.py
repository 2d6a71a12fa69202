"""What a venue asks to be kept, by the size of the position."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import Contract, Growth, Tiers

from .. import oracle
from ..refusals import assert_refused
from ..strategies import (
    continuous_tables,
    contract_counting_tables,
    exact_scales,
    growing_tables,
    jumping_tables,
    tables,
)

NAN, INF = float("nan"), float("inf")

# Binance USD-M BTCUSDT, 2026-09, as shipped in freqtrade 2026.9 (binance_leverage_tiers.json, a dump of
# the venue's leverageBracket): floor in USDT, maintenance rate, maximum leverage, cumulative deduction.
BINANCE_BTCUSDT = (
    (0, 0.004, 150, 0),
    (300_000, 0.005, 100, 300),
    (800_000, 0.0065, 75, 1_500),
    (3_000_000, 0.01, 50, 12_000),
    (12_000_000, 0.02, 25, 132_000),
    (70_000_000, 0.025, 20, 482_000),
    (100_000_000, 0.05, 10, 2_982_000),
    (230_000_000, 0.1, 5, 14_482_000),
    (480_000_000, 0.125, 4, 26_482_000),
    (600_000_000, 0.15, 3, 41_482_000),
    (800_000_000, 0.25, 2, 121_482_000),
    (1_200_000_000, 0.5, 1, 421_482_000),
)
FLOORS, RATES, LIMITS, DEDUCTIONS = zip(*BINANCE_BTCUSDT, strict=True)
BINANCE = Tiers(FLOORS, RATES, max_leverage=LIMITS, cap=1_800_000_000)
TWO = Tiers([0, 50_000], [0.004, 0.005], max_leverage=[125, 100], cap=250_000)
JUMP = Tiers([0, 50_000], [0.004, 0.005], 0)
COUNTED = Tiers([0, 10], [0.01, 0.02], 0, max_leverage=[50, 25], cap=100, measured_in="contracts")


def test_derived_deductions_are_those_the_venue_states():
    assert BINANCE.deductions == pytest.approx(DEDUCTIONS, rel=1e-12)


@pytest.mark.parametrize(
    ("notional", "maintenance"),
    [
        (0, 0),
        # 100,000 × 0.4 %
        (100_000, 400),
        # At a bound the lower bracket still holds: 300,000 × 0.4 %
        (300_000, 1_200),
        # 500,000 × 0.5 % − 300 = 2,500 − 300; in slices: 1,200 + 200,000 × 0.5 %
        (500_000, 2_200),
        # 10,000,000 × 1 % − 12,000; in slices: 1,200 + 2,500 + 14,300 + 70,000
        (10_000_000, 88_000),
        # 2,000,000,000 × 50 % − 421,482,000: the last bracket has no end
        (2_000_000_000, 578_518_000),
    ],
)
def test_maintenance_in_a_real_table(notional, maintenance):
    assert BINANCE.maintenance_margin(notional) == pytest.approx(maintenance, rel=1e-12, abs=1e-9)


@given(continuous_tables(), st.floats(0, 5_000_000))
def test_maintenance_is_the_sum_of_marginal_slices(tiers, notional):
    slices = float(oracle.marginal_slices(tiers.floors, tiers.rates, notional))
    assert tiers.maintenance_margin(notional) == pytest.approx(slices, rel=1e-9, abs=1e-9)


@given(continuous_tables())
def test_derived_deductions_leave_no_jump_at_any_bound(tiers):
    floors, rates, deductions, _ = tiers.table
    below = rates[:-1] * floors[1:] - deductions[:-1]
    above = rates[1:] * floors[1:] - deductions[1:]
    np.testing.assert_allclose(above, below, rtol=1e-12, atol=1e-9)


@given(jumping_tables() | contract_counting_tables())
def test_without_full_deductions_maintenance_only_jumps_up(tiers):
    floors, rates, deductions, _ = tiers.table
    below = rates[:-1] * floors[1:] - deductions[:-1]
    above = rates[1:] * floors[1:] - deductions[1:]
    assert (above >= below - 1e-9 * floors[1:]).all()


def test_without_deductions_maintenance_jumps_by_the_floor_times_the_step_in_rates():
    # 50,000 × 0.4 % = 200 at the bound; just above it 50,000 × 0.5 % = 250.
    assert JUMP.maintenance_margin(50_000) == 200
    assert JUMP.maintenance_margin(50_000 * (1 + 1e-12)) == pytest.approx(250)


@given(tables, st.lists(st.floats(0, 5_000_000), min_size=2, max_size=2).map(sorted))
def test_more_notional_never_needs_less_maintenance(tiers, amounts):
    less, more = tiers.maintenance_margin(amounts, contracts=amounts)
    assert less <= more + 1e-9 * amounts[1]


@given(tables, exact_scales, st.floats(0.01, 5_000_000))
def test_a_table_in_other_money_asks_the_same_share(tiers, scale, notional):
    scaled = dataclasses.replace(
        tiers,
        floors=[floor * scale for floor in tiers.floors],
        deductions=[deduction * scale for deduction in tiers.deductions],
        max_leverage=None,
    )
    asked = scaled.maintenance_margin(notional * scale, contracts=notional * scale)
    assert asked == tiers.maintenance_margin(notional, contracts=notional) * scale


def test_brackets_in_contracts_do_not_move_with_the_price():
    contract = Contract("XBT", COUNTED)
    # 10 contracts pay 1 % and 11 pay 2 % of the whole, at any price.
    for price in (1, 1_000_000):
        assert contract.maintenance_margin([10, -11], price) == pytest.approx([0.1 * price, 0.22 * price])


@pytest.mark.parametrize(
    ("amount", "bracket", "limit"),
    [(0, 0, 125), (49_999, 0, 125), (50_000, 0, 125), (50_000.01, 1, 100), (1e12, 1, 100)],
)
def test_a_bound_belongs_to_the_bracket_below_it(amount, bracket, limit):
    assert TWO.bracket(amount) == bracket
    assert TWO.leverage_limit(amount) == limit


def test_without_a_limit_any_leverage_is_allowed():
    assert JUMP.leverage_limit([10, 60_000]).tolist() == [INF, INF]


@pytest.mark.parametrize(
    ("leverage", "largest"), [(1, 250_000), (100, 250_000), (100.5, 50_000), (125, 50_000), (126, 0)]
)
def test_less_leverage_allows_larger_positions(leverage, largest):
    assert TWO.largest(leverage) == largest


@given(st.floats(0.5, 160))
def test_the_largest_amount_at_a_leverage_is_allowed_that_leverage(leverage):
    largest = BINANCE.largest(leverage)
    assert largest == 0 or BINANCE.leverage_limit(largest) >= leverage
    assert largest == BINANCE.cap or BINANCE.leverage_limit(largest * (1 + 1e-9)) < leverage or largest == 0


def test_a_flat_table_has_one_bracket_for_every_size():
    tiers = Tiers.flat(0.01, deduction=3, max_leverage=20)
    assert (tiers.floors, tiers.rates, tiers.deductions, tiers.max_leverage) == ((0,), (0.01,), (3,), (20,))
    assert tiers.maintenance_margin([1_000, 1_000_000]).tolist() == [7, 9_997]


def test_one_limit_and_one_deduction_hold_for_all_brackets():
    tiers = Tiers([0, 10, 20], [0.01, 0.02, 0.03], 0.0, max_leverage=25)
    assert tiers.max_leverage == (25, 25, 25)
    assert tiers.deductions == (0, 0, 0)


def test_the_initial_margin_may_equal_the_maintenance_margin():
    assert Tiers([0], [0.05], max_leverage=20).leverage_limit(1) == 20


def test_tables_with_the_same_brackets_are_equal():
    assert Tiers([0, 10], [0.01, 0.02]) == Tiers(np.array([0.0, 10.0]), (0.01, 0.02), [0, 0.1])
    assert hash(Tiers.flat(0.01)) == hash(Tiers([0], [0.01], [0]))


def test_a_table_can_be_copied_with_another_cap():
    assert dataclasses.replace(JUMP, cap=100_000).cap == 100_000


def test_numbers_give_numbers_and_arrays_give_arrays():
    for question in (TWO.maintenance_margin, TWO.leverage_limit, TWO.largest):
        assert isinstance(question(5), float)
        assert question(np.ones((3, 4))).shape == (3, 4)
    assert TWO.bracket(np.ones((3, 4))).shape == (3, 4)
    assert COUNTED.maintenance_margin(np.ones(4), contracts=np.ones((3, 1))).shape == (3, 4)


# --- rates that grow without steps ----------------------------------------------------------------------------

# Deribit, BTC, since 2022-01-11 (support.deribit.com 25944826427293): initial 2 %, maintenance 1 %, and 0.005 % more
# of either for every BTC.
DERIBIT = Tiers.flat(0.01, max_leverage=50, growth=Growth(0.00005, initial=0.00005))
# Orderly, BTC, 2026-08-21 (OrderlyNetwork/documentation-public, margin-leverage-and-pnl.mdx at 3a6e561): initial 1 %
# and maintenance 0.6 %, but at least 9.1e-8 times the notional to the power of 0.8, and 0.6 of that.
ORDERLY = Tiers.flat(0.006, max_leverage=100, growth=Growth(0.6 * 9.1e-8, 0.8, "at least", initial=9.1e-8))


def orderly(base, base_initial, factor):
    """Return Orderly's schedule by the numbers it states."""
    growth = Growth(base / base_initial * factor, 0.8, "at least", initial=factor)
    return Tiers.flat(base, max_leverage=1 / base_initial, growth=growth)


@pytest.mark.parametrize(("size", "rate", "initial"), [(0, 0.01, 0.02), (25, 0.01125, 0.02125), (100, 0.015, 0.025)])
def test_deribit_s_rates_rise_by_as_much_with_every_coin(size, rate, initial):
    assert DERIBIT.maintenance_margin(size) == pytest.approx(rate * size, rel=1e-12)
    assert DERIBIT.leverage_limit(size) == pytest.approx(1 / initial, rel=1e-12)


def test_25_btc_at_100_000_need_what_deribit_publishes():
    # support.deribit.com 25944738177565, the linear perpetual, whose size is counted in BTC: 28,125 and initial 53,125
    tiers = Tiers([0], [0.01], measured_in="contracts", max_leverage=50, growth=DERIBIT.growth)
    linear = Contract("BTC_USDC", tiers, currency="USDC")
    assert linear.maintenance_margin(-25, 100_000) == pytest.approx(28_125, rel=1e-12)
    limit = linear.leverage_limit(25, 100_000)
    assert linear.initial_margin(25, 100_000, limit) == pytest.approx(53_125, rel=1e-12)
    # In coin contracts the size is in dollars, and 2,500,000 at 100,000 are as many BTC.
    inverse = Contract("BTC-PERPETUAL", DERIBIT, kind="inverse", currency="BTC")
    assert inverse.maintenance_margin(2_500_000, 100_000) == pytest.approx(0.28125, rel=1e-12)


@pytest.mark.parametrize(
    ("tiers", "notional", "rate"),
    [
        # Orderly's own tests (OrderlyNetwork/js-sdk, packages/perp/__test__/positions.test.ts at 0d1ae77)
        (orderly(0.006, 0.01, 1e-7), 50 * 90_000, 0.01261017929),
        (orderly(0.05, 0.1, 2.512e-7), 5_197.2, 0.05),
        (ORDERLY, 1_000_000, 0.006),
        # 10,000,000 to the power of 0.8 are 398,107.17: 0.6 × 9.1e-8 of that
        (ORDERLY, 10_000_000, 0.0217366515122),
    ],
)
def test_orderly_s_rate_is_at_least_what_the_notional_has_made_it(tiers, notional, rate):
    assert tiers.maintenance_margin(notional) / notional == pytest.approx(rate, rel=1e-9)


def test_a_rate_that_is_at_least_what_has_grown_begins_to_grow_where_that_is_more():
    tiers = Tiers.flat(0.01, growth=Growth(1e-6, how="at least"))
    assert tiers.maintenance_margin([5_000, 10_000, 20_000]) == pytest.approx([50, 100, 400])
    assert tiers.bracket([5_000, 10_000, 20_000]).tolist() == [0, 0, 1]
    assert tiers.without_jumps
    assert [one.factors.tolist() for one in (tiers, DERIBIT, TWO)] == [[0, 1e-6], [0.00005], [0, 0]]
    nothing = Tiers.flat(0, growth=Growth(1e-6, how="at least"))
    assert nothing.maintenance_margin([0, 20_000]) == pytest.approx([0, 400])


def test_the_largest_position_is_the_one_whose_limit_is_the_leverage():
    assert DERIBIT.largest([50, 25, 10, 60]) == pytest.approx([0, 400, 1_600, 0])
    # Up to 1 % any size; from there on (rate / factor) to the power of 1.25
    assert ORDERLY.largest(100) == pytest.approx((0.01 / 9.1e-8) ** 1.25)
    assert ORDERLY.largest(10) == pytest.approx((0.1 / 9.1e-8) ** 1.25)
    assert ORDERLY.largest(101) == 0
    assert dataclasses.replace(ORDERLY, cap=1_000_000).largest([100, 10]).tolist() == [1_000_000] * 2


def test_where_only_maintenance_grows_it_bounds_the_leverage():
    tiers = Tiers.flat(0.01, max_leverage=50, growth=Growth(0.0001))
    assert tiers.leverage_limit([0, 100, 300]) == pytest.approx([50, 50, 25])
    assert tiers.largest([50, 25, 51]) == pytest.approx([100, 300, 0])
    free = Tiers.flat(0, max_leverage=50, growth=Growth(0.0001))
    assert free.leverage_limit([0, 400]) == pytest.approx([50, 25])


def test_without_a_limit_growth_sets_none():
    tiers = Tiers.flat(0.01, growth=Growth(0.0001))
    assert tiers.leverage_limit([0, 100]).tolist() == [INF, INF]
    assert tiers.largest(10) == INF


@given(growing_tables(), st.floats(0, 2_000_000))
def test_what_grows_is_what_the_oracle_says(tiers, amount):
    exact = oracle.rate_at(tiers, amount) * oracle.Fraction(amount)
    assert tiers.maintenance_margin(amount, contracts=amount) == pytest.approx(float(exact), rel=1e-12)


@given(growing_tables(), st.lists(st.floats(0, 5_000_000), min_size=2, max_size=2).map(sorted))
def test_the_more_is_held_the_higher_is_a_rate_that_grows(tiers, amounts):
    less, more = tiers.maintenance_margin(amounts, contracts=amounts)
    assert less * amounts[1] <= more * amounts[0] * (1 + 1e-12) + 1e-300


MALFORMED = {
    "growth that is a number": (lambda: Tiers([0], [0.01], growth=0.1), "growth", "0.1"),
    "growth beside steps": (lambda: Tiers([0, 10], [0.01, 0.02], growth=Growth(0.1)), "growth", "2 brackets"),
    "growth with a deduction": (lambda: Tiers([0], [0.01], 5, growth=Growth(0.1)), "deductions", "5"),
    "growth with a deduction that is a word": (lambda: Tiers([0], [0.1], "x", growth=Growth(1)), "deductions", "'x'"),
    "growing initial rate without a limit": (
        lambda: Tiers.flat(0.01, growth=Growth(0.1, initial=0.1)),
        "max_leverage",
        "None",
    ),
    "factor of 0": (lambda: Growth(0), "factor", "0.0"),
    "two factors": (lambda: Growth([1, 2]), "factor", "[1, 2]"),
    "nan factor": (lambda: Growth(NAN), "factor", "nan"),
    "power of 0": (lambda: Growth(1, 0), "power", "0"),
    "power above 2": (lambda: Growth(1, 2.5), "power", "2.5"),
    "nan power": (lambda: Growth(1, NAN), "power", "nan"),
    "unknown way to grow": (lambda: Growth(1, how="times"), "how", "'times'"),
    "initial rate that grows more slowly": (lambda: Growth(1, initial=0.5), "initial", "0.5"),
    "initial rate that is a word": (lambda: Growth(1, initial="x"), "initial", "'x'"),
    "no brackets": (lambda: Tiers([], []), "floors", "[]"),
    "first floor not 0": (lambda: Tiers([1, 10], [0.01, 0.02]), "floors", "[1, 10]"),
    "floors that fall": (lambda: Tiers([0, 20, 10], [0.01, 0.02, 0.03]), "floors", "[0, 20, 10]"),
    "floors that repeat": (lambda: Tiers([0, 10, 10], [0.01, 0.02, 0.03]), "floors", "[0, 10, 10]"),
    "floors without an axis": (lambda: Tiers(0, 0.01), "floors", "0"),
    "floors in two axes": (lambda: Tiers([[0, 1]], [0.01]), "floors", "[[0, 1]]"),
    "nan floor": (lambda: Tiers([0, NAN], [0.01, 0.02]), "floors", "nan (at index 1)"),
    "infinite floor": (lambda: Tiers([0, INF], [0.01, 0.02]), "floors", "inf"),
    "floor below 0": (lambda: Tiers([0, -1], [0.01, 0.02]), "floors", "-1"),
    "one rate too few": (lambda: Tiers([0, 10], [0.01]), "rates", "(1,)"),
    "rate below 0": (lambda: Tiers([0], [-0.01]), "rates", "-0.01"),
    "rate of 1": (lambda: Tiers([0], [1]), "rates", "[1]"),
    "rates that fall": (lambda: Tiers([0, 10], [0.02, 0.01]), "rates", "[0.02, 0.01]"),
    "nan rate": (lambda: Tiers([0], [NAN]), "rates", "nan"),
    "rates that are words": (lambda: Tiers([0], ["low"]), "rates", "low"),
    "unknown measure": (lambda: Tiers([0], [0.01], measured_in="lots"), "measured_in", "'lots'"),
    "cap at the last floor": (lambda: Tiers([0, 10], [0.01, 0.02], cap=10), "cap", "10"),
    "nan cap": (lambda: Tiers([0], [0.01], cap=NAN), "cap", "nan"),
    "cap that is a word": (lambda: Tiers([0], [0.01], cap="much"), "cap", "much"),
    "cut off without a cap": (lambda: Tiers([0], [0.01], cut_off=True), "cut_off", "no cap"),
    "cut off by a word": (lambda: Tiers([0], [0.01], cap=5, cut_off="yes"), "cut_off", "'yes'"),
    "deduction below 0": (lambda: Tiers([0, 10], [0.01, 0.02], [0, -0.1]), "deductions", "-0.1 (at index 1)"),
    "one deduction too few": (lambda: Tiers([0, 10, 20], [0.01, 0.02, 0.03], [0, 1]), "deductions", "(2,)"),
    "no deductions in contracts": (
        lambda: Tiers([0, 10], [0.01, 0.02], measured_in="contracts"),
        "deductions",
        "contracts",
    ),
    "leverage limit of 0": (lambda: Tiers([0], [0.01], max_leverage=0), "max_leverage", "0.0"),
    "one leverage limit too many": (lambda: Tiers([0], [0.01], max_leverage=[20, 10]), "max_leverage", "(2,)"),
    "leverage limits that rise": (
        lambda: Tiers([0, 10], [0.01, 0.01], max_leverage=[50, 100]),
        "max_leverage",
        "[50, 100]",
    ),
    "initial margin below maintenance": (lambda: Tiers.flat(0.01, max_leverage=101), "max_leverage", "101"),
    "initial below maintenance in one bracket": (
        lambda: Tiers([0, 10], [0.01, 0.02], max_leverage=100),
        "max_leverage",
        "100",
    ),
    "amount below 0": (lambda: TWO.bracket(-1), "amount", "-1.0"),
    "amount of a leverage limit below 0": (lambda: TWO.leverage_limit([1, -1]), "amount", "-1.0 (at index 1)"),
    "notional below 0": (lambda: TWO.maintenance_margin(-1), "notional", "-1.0"),
    "nan notional": (lambda: TWO.maintenance_margin([0, NAN]), "notional", "nan (at index 1)"),
    "contracts not given": (lambda: COUNTED.maintenance_margin(1), "contracts", "None"),
    "contracts below 0": (lambda: COUNTED.maintenance_margin(1, contracts=-1), "contracts", "-1.0"),
    "leverage of 0": (lambda: TWO.largest([10, 0]), "leverage", "0.0 (at index 1)"),
    "nan leverage": (lambda: TWO.largest(NAN), "leverage", "nan"),
}


@pytest.mark.parametrize(("call", "name", "shown"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_input_is_refused_by_name_and_shown(call, name, shown):
    assert_refused(call, name, shown)
