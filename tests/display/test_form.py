"""The form as a whole: what is entered is compared, what is pasted is taken whole or not at all, and can be saved."""

from __future__ import annotations

import base64
import json
import re
from html import unescape

import pytest

from marginlab.comparison import compare, results_csv
from marginlab.display import screens
from marginlab.display.form import PASTED, AccountForm
from marginlab.portfolio import from_csv, from_json, preset, preset_names, to_csv, to_json

POSITION = {
    "symbol": "BTC/USDT:USDT",
    "side": "long",
    "contracts": 0.3,
    "contractSize": 1.0,
    "entryPrice": 70_000.0,
    "markPrice": 71_000.0,
    "marginMode": None,
    "leverage": 5,
}


@pytest.fixture
def desk():
    return AccountForm(preset("october-2025"))


def files(html):
    """Return what the links save, by name."""
    found = re.findall(r'download="([^"]+)" href="data:[^"]*;base64,([^"]+)"', html)
    return {name: base64.b64decode(packed).decode() for name, packed in found}


def open_panel(desk, name):
    desk.tabs.selected_index = list(desk.panels).index(name)


def pasted(desk, way, text, mode=None):
    parts = desk.pasted
    parts["way"].value, parts["text"].value, parts["mode"].value = way, text, mode
    parts["read"].click()
    return unescape(parts["said"].value)


@pytest.mark.long
@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_chosen_and_compared(desk, name):
    desk.presets.value = name
    one = preset(name)
    assert desk.entry.portfolio == one
    assert str(desk.found) == str(compare(one.account, one.marks, venue=one.venue))


def test_what_cannot_be_is_said_and_the_last_account_that_could_stays(desk):
    before = desk.found
    desk.entry.rows[0].fields["entry"].input.value = "?"
    assert "the last account that could" in desk.status.value
    assert desk.found is before
    desk.entry.rows[0].fields["entry"].input.value = "120000"
    assert not desk.status.value
    assert desk.found is not before


def test_only_the_panel_in_sight_is_drawn(desk):
    assert [name for name, panel in desk.panels.items() if name != "Chance" and panel.lives] == ["In short"]
    open_panel(desk, "Crashes")
    assert desk.panels["Crashes"].lives


def test_a_panel_follows_its_inputs(desk):
    open_panel(desk, "Shocks")
    panel = desk.panels["Shocks"]
    panel.inputs["btc"].value = 0.1
    assert "BTC +10%" in panel.lives[0].words.value


@pytest.mark.long
def test_each_input_of_what_it_takes_moves_its_own_screen(desk):
    open_panel(desk, "What it takes")
    panel = desk.panels["What it takes"]
    before = [live.words.value for live in panel.lives]
    for i, (name, value) in {0: ("move", -0.1), 2: ("order", -1.0), 3: ("rate", 0.001)}.items():
        panel.inputs[name].value = value
        after = [live.words.value for live in panel.lives]
        assert [one != other for one, other in zip(before, after, strict=True)] == [j == i for j in range(4)]
        before = after
    panel.inputs["position"].value = 1
    assert "of ETHUSDT sold" in panel.lives[2].words.value
    # Where there are fewer, the last one is meant.
    panel.inputs["position"].value = 7
    assert "of ETHUSDT sold" in panel.lives[2].words.value


def test_the_first_panel_says_what_the_page_says_first(desk):
    assert screens.summary(desk.found).sentence in unescape(desk.panels["In short"].lives[0].words.value)


def test_figures_are_saved_as_the_reader_wants(desk):
    open_panel(desk, "Now")
    desk.picture.value = "svg"
    options = [live.figure._config["toImageButtonOptions"] for live in desk.panels["Now"].lives]
    assert [one["format"] for one in options] == ["svg", "svg"]


@pytest.mark.parametrize("name", preset_names())
def test_what_is_entered_is_saved_and_read_again(desk, name):
    desk.presets.value = name
    saved = files(desk.files.value)
    assert from_json(saved["account.json"]) == from_csv(saved["account.csv"]) == preset(name)


def test_results_are_made_when_they_are_asked_for_and_go_with_the_account(desk):
    assert not desk.results.value
    desk.make.click()
    assert files(desk.results.value)["results.csv"] == results_csv(desk.found)
    desk.presets.value = "hedged-pair"
    assert not desk.results.value


@pytest.mark.parametrize(("way", "write"), [("JSON", to_json), ("CSV", to_csv)])
def test_an_account_is_pasted_as_it_was_saved(desk, way, write):
    assert pasted(desk, way, write(preset("market-maker"))) == "Taken over."
    assert desk.entry.portfolio == preset("market-maker")


def test_positions_of_an_exchange_are_pasted_beside_the_wallet_of_the_form(desk):
    said = pasted(desk, PASTED, json.dumps([POSITION]), "cross")
    assert said.startswith("Taken over.")
    assert "marginMode is not told: cross, as margin_mode says (position 1)." in said
    held = desk.entry.portfolio
    assert (held.venue, held.wallet, held.positions[0].size, held.marks) == ("binance", 9_000, 0.3, (71_000,))


def test_what_the_venue_says_stands_beside_what_we_say(desk):
    told = POSITION | {"marginMode": "cross", "liquidationPrice": 60_000.0, "maintenanceMargin": 85.2}
    desk.pasted["balance"].value = json.dumps({"total": {"USDT": 3_300.0}})
    assert pasted(desk, PASTED, json.dumps([told])) == "Taken over."
    # The total at Binance has the profit of 300 in it: (70,000 - 10,000) / 0.996.
    assert desk.entry.portfolio.wallet == 3_000
    open_panel(desk, "Venue says")
    words = desk.panels["Venue says"].lives[0].words.value
    assert "2 of 3 figures that the venue tells agree" in unescape(words)
    # Another figure that the venue tells is no longer compared once the position is another.
    desk.entry.rows[0].fields["size"].input.value = "0.2"
    assert "says nothing of these positions" in desk.panels["Venue says"].lives[0].words.value


def test_more_than_the_form_has_room_for_are_refused(desk):
    many = [POSITION | {"marginMode": "cross"}] * 21
    said = pasted(desk, PASTED, json.dumps(many))
    assert "positions must be 1 to 20 in the form, not 21; the library and the command line take more" in said


def test_both_sides_of_a_market_are_pasted_and_told_apart(desk):
    long = POSITION | {"contracts": 0.2, "marginMode": "cross", "markPrice": 60_000.0, "entryPrice": 64_000.0}
    short = long | {"side": "short", "contracts": 0.15, "entryPrice": 58_000.0}
    assert pasted(desk, PASTED, json.dumps([long, short])) == "Taken over."
    open_panel(desk, "Now")
    said = desk.panels["Now"].lives[0].words.value
    assert "in cross BTCUSDT long and BTCUSDT short are nearest to their liquidation" in said
    # A market has one mark: changed in one row, it is asked for in the other.
    desk.entry.rows[0].fields["mark"].input.value = "61000"
    assert "must be 61000, as for the other position in BTCUSDT" in desk.entry.rows[1].fields["mark"].wrong.value
    desk.entry.rows[1].fields["mark"].input.value = ""
    assert desk.entry.portfolio.marks == (61_000, 61_000)


def test_portfolio_margin_is_refused_by_its_name_where_it_is_pasted(desk):
    said = pasted(desk, PASTED, json.dumps([POSITION | {"marginMode": "portfolio"}]))
    assert "position 1, marginMode must be cross or isolated: portfolio margin is set by scenarios" in said


def test_what_is_wrong_with_what_is_pasted_is_said_by_row_and_field_and_nothing_is_taken(desk):
    before = desk.entry.portfolio
    said = pasted(desk, PASTED, json.dumps([POSITION, POSITION | {"side": "<b>", "marginMode": "cross"}]))
    assert "position 1, marginMode must be one of" in said
    assert "position 2, side must be one of 'long', 'short', not '<b>'" in said
    assert "<b>" not in desk.pasted["said"].value
    assert desk.entry.portfolio is before
    assert "file must be JSON" in pasted(desk, "JSON", "what?")


def test_the_form_says_that_nothing_leaves_the_machine(desk):
    assert "Nothing that you enter leaves" in desk.widget.children[0].value


def test_nothing_is_drawn_or_saved_of_no_account(desk):
    desk.found = None
    open_panel(desk, "Which mode")
    desk.make.click()
    assert not desk.panels["Which mode"].lives
    assert not desk.results.value
