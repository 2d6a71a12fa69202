"""What is held, at what entry, and how it is backed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import Contract, Position, Tiers

from ..refusals import assert_refused
from ..strategies import any_contract, notionals, positions, prices, shares, sides, size_of

NAN, INF = float("nan"), float("inf")

LIMITED = Contract("BTCUSDT", Tiers([0, 50_000], [0.004, 0.005], max_leverage=[125, 100]), currency="USDT")
UNLIMITED = Contract("BTCUSDT", Tiers.flat(0.01))
INVERSE = Contract("BTCUSD", Tiers.flat(0.005), kind="inverse", multiplier=100, currency="BTC")
COUNTED = Contract("XBT", Tiers([0, 10], [0.01, 0.02], 0, max_leverage=[50, 25], measured_in="contracts"))


@pytest.mark.parametrize(
    ("contract", "size", "entry", "leverage", "margin"),
    [
        # 0.5 × 60,000 / 10, whichever the side
        (LIMITED, 0.5, 60_000, 10, 3_000),
        (LIMITED, -0.5, 60_000, 10, 3_000),
        # 20 contracts of 100 USD: 2,000 / 50,000 / 5 coins
        (INVERSE, 20, 50_000, 5, 0.008),
    ],
)
def test_an_isolated_margin_left_out_is_the_initial_margin_at_entry(contract, size, entry, leverage, margin):
    position = Position(contract, size, entry, mode="isolated", leverage=leverage)
    assert position.margin == pytest.approx(margin)


def test_a_stated_isolated_margin_stands():
    assert Position(LIMITED, 0.5, 60_000, mode="isolated", leverage=10, margin=1).margin == 1
    assert Position(LIMITED, 0.5, 60_000, mode="isolated", margin=0).margin == 0
    assert Position(LIMITED, 0.5, 60_000, mode="isolated", margin=-1).margin == -1


def test_a_cross_position_sets_nothing_aside():
    assert Position(LIMITED, 0.5, 60_000, leverage=10).margin is None
    assert Position(LIMITED, 0.5, 60_000).mode == "cross"


def test_leverage_may_reach_the_limit_of_the_bracket():
    assert Position(LIMITED, 0.5, 60_000, leverage=125).leverage == 125
    assert Position(LIMITED, -1, 60_000, leverage=100).leverage == 100
    assert Position(COUNTED, 10, 60_000, leverage=50).leverage == 50


def test_leverage_may_reach_the_maintenance_rate_where_there_is_no_limit():
    # 1 / 100 is the maintenance rate itself.
    assert Position(UNLIMITED, 1, 60_000, leverage=100).leverage == 100


@given(any_contract, sides, notionals, prices, st.floats(0.5, 500))
def test_no_position_opens_with_less_than_its_maintenance(contract, side, notional, entry, leverage):
    size = side * size_of(contract, notional, entry)
    initial, maintenance = contract.notional(size, entry) / leverage, contract.maintenance_margin(size, entry)
    if initial >= maintenance:
        assert Position(contract, size, entry, mode="isolated", leverage=leverage).margin == pytest.approx(initial)
    else:
        with pytest.raises(ValueError, match="leverage must be at most"):
            Position(contract, size, entry, mode="isolated", leverage=leverage)


@given(any_contract, sides, notionals, prices, shares(1, 50), shares(1.01, 3))
def test_more_leverage_sets_less_aside(contract, side, notional, entry, leverage, times):
    size = side * size_of(contract, notional, entry)
    assume(notional / (leverage * times) > 1.001 * contract.maintenance_margin(size, entry))
    less, more = (Position(contract, size, entry, mode="isolated", leverage=x) for x in (leverage, leverage * times))
    assert more.margin < less.margin


@given(positions())
def test_a_position_can_be_copied_and_is_equal_to_its_copy(position):
    assert dataclasses.replace(position) == position
    assert dataclasses.replace(position, size=2 * position.size) != position


def test_a_position_does_not_change():
    position = Position(LIMITED, 0.5, 60_000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        position.size = 1


MALFORMED = {
    "contract that is a symbol": (lambda: Position("BTCUSDT", 1, 60_000), "contract", "'BTCUSDT'"),
    "size of 0": (lambda: Position(LIMITED, 0, 60_000), "size", "0"),
    "nan size": (lambda: Position(LIMITED, NAN, 60_000), "size", "nan"),
    "several sizes": (lambda: Position(LIMITED, [1, 2], 60_000), "size", "[1, 2]"),
    "entry of 0": (lambda: Position(LIMITED, 1, 0), "entry", "0.0"),
    "entry below 0": (lambda: Position(LIMITED, 1, -60_000), "entry", "-60000.0"),
    "infinite entry": (lambda: Position(LIMITED, 1, INF), "entry", "inf"),
    "several entries": (lambda: Position(LIMITED, 1, np.array([1.0, 2.0])), "entry", "[1., 2.]"),
    "unknown mode": (lambda: Position(LIMITED, 1, 60_000, mode="portfolio"), "mode", "'portfolio'"),
    "leverage of 0": (lambda: Position(LIMITED, 1, 60_000, leverage=0), "leverage", "0.0"),
    "leverage below 0": (lambda: Position(LIMITED, 1, 60_000, leverage=-5), "leverage", "-5.0"),
    "infinite leverage": (lambda: Position(UNLIMITED, 1, 60_000, leverage=INF), "leverage", "inf"),
    "several leverages": (lambda: Position(UNLIMITED, 1, 60_000, leverage=[5, 10]), "leverage", "[5, 10]"),
    "leverage above the limit": (lambda: Position(LIMITED, 0.5, 60_000, leverage=126), "at most 125", "not 126"),
    "leverage above the limit of a higher bracket": (
        lambda: Position(LIMITED, 1, 60_000, leverage=101),
        "leverage must be at most 100 at this size",
        "not 101",
    ),
    "leverage above the limit for so many contracts": (
        lambda: Position(COUNTED, 11, 1, leverage=26),
        "at most 25",
        "not 26",
    ),
    # 60,000 / 101 = 594.06 is less than 60,000 × 1 % = 600
    "initial margin below maintenance": (
        lambda: Position(UNLIMITED, 1, 60_000, leverage=101),
        "leverage must be at most 100 at this size",
        "not 101",
    ),
    "cross with a margin": (lambda: Position(LIMITED, 1, 60_000, margin=5), "margin", "not 5"),
    "isolated with neither margin nor leverage": (
        lambda: Position(LIMITED, 1, 60_000, mode="isolated"),
        "margin must be given",
        "or leverage",
    ),
    "endless margin": (lambda: Position(LIMITED, 1, 60_000, mode="isolated", margin=-INF), "margin", "-inf"),
    "nan margin": (lambda: Position(LIMITED, 1, 60_000, mode="isolated", margin=NAN), "margin", "nan"),
    "several margins": (lambda: Position(LIMITED, 1, 60_000, mode="isolated", margin=[5, 10]), "margin", "[5, 10]"),
}


@pytest.mark.parametrize(("call", "name", "shown"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_positions_are_refused_by_name_and_shown(call, name, shown):
    assert_refused(call, name, shown)
