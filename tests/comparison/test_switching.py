"""What it would take to switch: whether the venue does it with positions open, and what it sets aside or costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marginlab import venue
from marginlab.comparison import compare
from marginlab.comparison.switching import AT_ONCE, CLOSED, NEVER, OPEN
from marginlab.portfolio import Portfolio, preset


def held(where, *modes, fall=0):
    rows = [
        {
            "symbol": one,
            "side": "long",
            "size": size,
            "entry": price,
            "mark": price * (1 - fall),
            "leverage": 10,
            "mode": mode,
        }
        for (one, size, price), mode in zip([("BTCUSDT", 1, 60_000), ("ETHUSDT", 10, 2_000)], modes, strict=False)
    ]
    kept = Portfolio.of_rows(rows, venue=where, wallet=30_000)
    return compare(kept.account, kept.marks, venue=where)


def test_where_a_position_must_be_closed_first_it_costs_two_taker_fees():
    to_cross, to_isolated = held("binance", "cross", "isolated").switching
    fee = venue("binance").fees.value["taker"]
    assert (to_cross.to, to_cross.moved, to_cross.way) == ("cross", ("ETHUSDT",), CLOSED)
    assert to_cross.fee == pytest.approx(2 * fee * 20_000)
    assert (to_isolated.to, to_isolated.moved) == ("isolated", ("BTCUSDT",))
    assert to_isolated.fee == pytest.approx(2 * fee * 60_000)


def test_a_switch_sets_aside_the_initial_margin_or_gives_the_margin_back():
    to_cross, to_isolated = held("binance", "cross", "isolated").switching
    assert to_cross.set_aside == -2_000
    assert to_isolated.set_aside == 6_000


def test_where_all_are_in_a_mode_already_nothing_moves_and_nothing_is_paid():
    to_cross, to_isolated = held("binance", "cross").switching
    assert (to_cross.moved, to_cross.set_aside, to_cross.fee, to_cross.refusals) == ((), 0, 0, ())
    assert to_isolated.moved == ("BTCUSDT",)


def test_where_a_venue_has_one_mode_for_the_account_it_is_switched_as_a_whole():
    to_isolated = held("bybit", "cross", "cross").switching[1]
    assert (to_isolated.way, to_isolated.fee) == (AT_ONCE, 0)


def test_where_a_venue_switches_with_positions_open_it_costs_nothing():
    kept = preset("hedged-pair")
    to_isolated = compare(kept.account, kept.marks, venue="bitmex").switching[1]
    assert (to_isolated.way, to_isolated.fee, to_isolated.assumed) == (OPEN, 0, False)


def test_a_mode_that_a_venue_does_not_have_is_never_switched_to():
    kept = preset("hedged-pair")
    to_cross, to_isolated = compare(kept.account, kept.marks, venue="deribit").switching
    assert (to_isolated.way, to_isolated.assumed) == (NEVER, False)
    assert to_cross.way == OPEN  # where it is already


def test_what_the_venue_was_not_found_to_say_is_assumed():
    kept = preset("hedged-pair")
    assert compare(kept.account, kept.marks, venue="bitget").switching[1].assumed


def test_where_the_fee_is_not_known_neither_is_the_cost():
    found = held("binance", "cross")
    bare = replace(found, venue=replace(found.venue, fees=None))
    assert np.isnan(bare.switching[1].fee)


def test_what_else_stands_in_the_way_is_told_beside_the_switch():
    to_isolated = held("binance", "cross", fall=0.097).switching[1]
    (refused,) = to_isolated.refusals
    assert str(refused).startswith("BTCUSDT: is liquidated at once")
