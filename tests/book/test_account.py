"""What the build puts into pages for an account: its form, what stands below claims, and the files it is read from."""

from __future__ import annotations

import doctest
import json
import re

import pytest

from marginlab.comparison.report import compared
from marginlab.display import screens
from marginlab.display.answers import SCREENS
from marginlab.display.fields import MOST_IN_FORM
from marginlab.display.workbench import PLACE
from marginlab.markets.venues import UNLISTED, venue, venue_names
from marginlab.portfolio import preset, preset_names
from marginlab.portfolio.files import ACCOUNT
from marginlab.portfolio.portfolio import ORDER_FIELDS
from marginlab.portfolio.reading import FIELDS

from ..chapters import BOOK, module_of

THEME = BOOK / "theme"


@pytest.fixture(autouse=True)
def _beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the extension import its other half, as Sphinx does."""
    monkeypatch.syspath_prepend(str(THEME))


def html_of(whole: bool) -> str:
    return module_of("account_form", THEME).form(whole)


def names_in(html: str) -> set[str]:
    return set(re.findall(r'\sname="([^"]+)"', html))


@pytest.mark.parametrize("name", ["account", "account_form"])
def test_examples_hold(name):
    failed, tried = doctest.testmod(module_of(name, THEME))
    assert tried > 0
    assert failed == 0


def test_fields_are_called_what_they_are_called_in_files():
    form = module_of("account_form", THEME)
    assert set(form.POSITION) == set(FIELDS) - {"notional"}
    assert set(form.ORDER) < set(ORDER_FIELDS)
    assert set(form.COLLATERAL) == {"asset", "amount"}
    assert {*ACCOUNT, "brackets"} - {"note"} <= names_in(html_of(whole=True))
    short = names_in(html_of(whole=False))
    assert {"venue", "wallet"} <= short
    assert "balance" not in short


def test_every_field_has_a_label_and_is_hidden_until_the_script_runs():
    for whole in (True, False):
        html = html_of(whole)
        assert re.match(r'<form id="account" [^>]* hidden', html)
        labelled = re.findall(r"<label><span>[^<]+</span><(?:input|select|textarea) ", html)
        assert len(labelled) == len(re.findall(r"<(?:input|select|textarea) ", html)) > 10


def test_every_venue_can_be_chosen_those_with_markets_first():
    offered = [name for name, _ in module_of("account_form", THEME).venues()]
    assert sorted(offered) == sorted([*venue_names(), UNLISTED])
    known = [bool(name != UNLISTED and venue(name).symbols) for name in offered]
    assert known == sorted(known, reverse=True)


def test_every_screen_has_a_place_and_its_settings_start_as_python_has_them():
    html = module_of("account_form", THEME).answer()
    assert re.findall(r'data-screen="(\w+)"', html) == ["summary", *module_of("account_form", THEME).SETTINGS]
    assert set(re.findall(r'data-screen="(\w+)"', html)) == set(SCREENS)
    for name, shown in SCREENS.items():
        (part,) = re.findall(rf'data-screen="{name}">(.*?)<p class="account-words">', html, re.DOTALL)
        assert names_in(part) == set(shown.start)
        for key, value in shown.start.items():
            chosen = re.search(rf'<select name="{key}">.*?</select>', part, re.DOTALL)[0]
            first = (re.search(r'value="([^"]+)" selected', chosen) or re.search(r'value="([^"]+)"', chosen))[1]
            assert first == value or float(first) == value


def test_every_claim_has_a_screen_of_a_preset_that_python_answers():
    account = module_of("account", THEME)
    claims = account.claims()
    assert list(claims) == [claim.id for claim in module_of("claims").all_claims()]
    for one in claims.values():
        assert one["screen"] in SCREENS
        assert set(one["settings"]) == set(SCREENS[one["screen"]].start)
        assert one["preset"] in preset_names()


def test_what_stands_below_a_claim_is_the_screen_of_its_preset_to_the_letter():
    account = module_of("account", THEME)
    (state,) = account.states("october-2025", [{"name": "shocked", "settings": {"btc": "0.2", "rest": "0.2"}}])
    found = screens.shocked(compared(preset("october-2025")), 0.2, 0.2)
    assert state["sentence"] == found.sentence
    assert state["table"] == found.table.html()
    html = module_of("account_form", THEME).below_claim("1-5", "shocked", {"btc": "0.2"}, "Victim", "A & B.")
    assert "A &amp; B." in html
    assert 'data-settings="{&quot;btc&quot;:&quot;0.2&quot;}"' in html


def test_a_screen_that_python_refuses_stops_the_build():
    account = module_of("account", THEME)
    with pytest.raises(account.ExtensionError, match="one-20x-bet is not answered for"):
        account.states("one-20x-bet", [{"name": "shocked", "settings": {"btc": "0.123"}}])


def test_a_page_gets_the_form_where_it_has_a_place_and_presets_that_no_markup_ends():
    filled = module_of("account", THEME).filled
    assert filled("<p>Text.</p>") == "<p>Text.</p>"
    for place, kind in ((PLACE, "whole"), ('<div class="account-short"></div>', "short")):
        page = filled(f"<p>Before.</p>{place}")
        assert f'data-form="{kind}"' in page
        assert page.count('id="account-answer"') == 1
        (data,) = re.findall(r'id="account-starts">(.*?)</script>', page)
        assert list(json.loads(data)) == list(preset_names())
        assert "<" not in data


def test_each_claim_gets_its_own_below_its_own_verdict():
    page = "".join(f'<span id="claim-1-{i}"></span><p>x</p><p><strong>Verdict: so.</strong></p>' for i in (1, 2))
    put = module_of("account", THEME).with_claims(page, {"1-1": "<i>a</i>", "1-2": "<i>b</i>", "9-9": "<i>c</i>"})
    first, second = put.split('<span id="claim-1-2">')
    assert first.endswith("</p>\n<i>a</i>")
    assert second.endswith("</p>\n<i>b</i>")
    assert "<i>c</i>" not in put


def test_markets_are_all_that_the_venues_have_and_last_prices_are_of_the_last_year_with_their_day():
    found = module_of("account", THEME).markets()
    assert {name: tuple(one[0] for one in of) for name, of in found["venues"].items()} == {
        name: venue(name).symbols for name in venue_names()
    }
    assert ["BTCUSDT", "BTC", "USDT"] in found["venues"]["binance"]
    assert ["ETH-USDT-SWAP", "ETH", "USDT", "contracts of 0.1 ETH"] in found["venues"]["okx"]
    assert found["marks"]["BTC"] == ("77084.5", "22 August 2026")
    assert "LUNA" not in found["marks"]  # the last of it that is on record is of 2022
    assert all(price and day[-4:] in {"2025", "2026"} for price, day in found["marks"].values())


def test_the_script_allows_as_many_positions_as_python_does():
    script = (THEME / "static" / "account.js").read_text(encoding="utf-8")
    assert f"const MOST = {MOST_IN_FORM};" in script
