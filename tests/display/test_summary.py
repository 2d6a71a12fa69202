"""The first screen of an account: where it ends, what a switch takes, which mode loses less, what funding does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marginlab.comparison import compare
from marginlab.comparison.report import compared
from marginlab.display import screens
from marginlab.display.page import state_of
from marginlab.formatting import as_amount, as_move, as_price
from marginlab.portfolio import Portfolio, preset, preset_names

every_preset = pytest.mark.parametrize("name", preset_names())
FOUND = {name: compared(preset(name)) for name in preset_names()}
PAIR = preset("hedged-pair")


def rows(found):
    """Return the rows of the table by their first cells."""
    return {first: others for first, *others in screens.summary(found).table.rows}


def at(where):
    return compare(PAIR.account, PAIR.marks, venue=where)


@every_preset
def test_every_position_has_its_liquidation_price_in_each_mode(name):
    found, shown = FOUND[name], rows(FOUND[name])
    for i, position in enumerate(found.names):
        assert shown[position] == [as_price(one.liquidation_price[i]) for one in found.columns]


@every_preset
def test_the_common_moves_are_those_that_take_the_first_position(name):
    found, shown = FOUND[name], rows(FOUND[name])
    assert shown["common fall"] == [as_move(one.first_fall) for one in found.columns]
    assert shown["common rise"] == [as_move(one.first_rise) for one in found.columns]


@every_preset
def test_funding_takes_the_first_position_with_the_payment_that_the_library_says(name):
    shown = rows(FOUND[name])["funding of 0.01%"]
    counts = [need.payments_to_liquidation for need in FOUND[name].needs()]
    told = ["never" if np.isnan(one).all() else f"payment {np.nanmin(one):,.0f}" for one in counts]
    assert shown == told


@every_preset
def test_the_cases_are_all_but_the_real_events(name):
    found = FOUND[name]
    events = {one.title for one in found.replays}
    assert [one.question for one in found.first_findings] == [
        one.question for one in found.findings if one.question not in events
    ]
    cross = [one.better for one in found.first_findings].count("cross")
    assert rows(found)["better in"][:2] == [f"{len(found.first_findings)} cases", str(cross)]


@every_preset
def test_the_figure_is_that_of_the_distances_and_the_table_fits_a_phone(name):
    shown = screens.summary(FOUND[name])
    assert state_of(shown[:2])["data"] == state_of(screens.distances(FOUND[name])[:2])["data"]
    assert max(len(cell) for row in shown.table.rows for cell in row) <= 32


def test_no_real_event_is_replayed_for_it():
    found = compared(PAIR)
    screens.summary(found)
    assert "replays" not in vars(found)


def test_where_both_sides_of_a_market_are_held_both_prices_are_shown():
    legs = [
        {"symbol": "BTCUSDT", "side": side, "size": size, "entry": 60_000, "leverage": 20}
        for side, size in (("long", 1), ("short", 0.98))
    ]
    found = compared(Portfolio.of_rows(legs, venue="binance", wallet=500))
    entered = found.columns[0]
    both = f"{as_price(entered.liquidation_price[0])} or {as_price(entered.other_liquidation_price[0])}"
    assert rows(found)["BTCUSDT long"][0] == rows(found)["BTCUSDT short"][0] == both


def test_what_the_best_mode_gives_up_is_told():
    sentence = screens.summary(FOUND["hedged-pair"]).sentence
    assert f"all {as_amount(12_000)} stand behind every position" in sentence


def test_where_the_modes_do_not_differ_nothing_is_given_up():
    found = compared(PAIR)
    same = tuple(replace(one, better="neither") for one in found.first_findings)
    object.__setattr__(found, "first_findings", tuple(replace(one, gives_up="") for one in same))
    sentence = screens.summary(found).sentence
    assert "there is no difference" in sentence
    assert "gives up" not in sentence
    assert "largest difference" not in sentence


@pytest.mark.parametrize(
    ("where", "cell", "words"),
    [
        ("binance", "after closing", "To isolated, Binance USD-M switches after closing: closing and opening again"),
        ("bybit", "for the whole account", "To isolated, Bybit switches for the whole account; it sets aside"),
        ("bitmex", "with positions open", "To isolated, BitMEX switches with positions open; it sets aside"),
        ("bitget", "after closing, as assumed", "switches after closing, which is assumed and not known"),
        ("deribit", "never", "To isolated, Deribit does not switch: it has no such mode."),
    ],
)
def test_what_the_venue_lets_one_switch_is_told(where, cell, words):
    found = at(where)
    assert rows(found)["switching"] == ["", "as it is", cell]
    assert words in screens.summary(found).sentence


def test_what_a_switch_would_give_back_and_what_would_refuse_it_is_told():
    bet = preset("one-20x-bet")
    assert "it frees 1,541.69 USDT" in screens.summary(compared(bet)).sentence
    row = {"symbol": "BTCUSDT", "side": "long", "size": 1, "entry": 60_000, "mark": 54_200, "leverage": 10}
    found = compared(Portfolio.of_rows([row], venue="binance", wallet=30_000))
    assert "It would refuse it: BTCUSDT: is liquidated at once" in screens.summary(found).sentence


def test_where_the_fee_is_not_known_no_cost_is_told():
    found = at("binance")
    bare = replace(found, venue=replace(found.venue, fees=None))
    assert "closing and opening again" not in screens.summary(bare).sentence
