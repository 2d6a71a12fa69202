"""A reader's own account on the page: it is answered as `compare` answers it, and nobody else hears of it."""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from marginlab.comparison.report import compared
from marginlab.display import screens
from marginlab.display.entry import Entry
from marginlab.display.fields import entry_of, portfolio_of
from marginlab.portfolio import Portfolio, from_json, preset, preset_names, to_csv, to_json

from ..chapters import module_of
from ..examples import WEEKLY
from .account import (
    IN_ORDER,
    KEPT,
    KEY,
    PATIENCE,
    PYTHON,
    answer_of,
    answered,
    drawn_at_random,
    filled,
    form_of,
    of_preset,
    plain,
    position,
    told_by_python,
    typed,
    words,
)
from .axe import AXE, in_each_look, look, violations
from .conftest import DESK, HTML, watch
from .reader import changes_said, until
from .server import compressed

FRONT, WORKBENCH, CHAPTER = "book/index.html", "book/workbench.html", "book/structure.html"
# Three positions whose every price is typed.
OWN = plain(
    {
        "venue": "binance",
        "wallet": "9000",
        "positions": [
            {"symbol": "BTCUSDT", "size": "0.5", "entry": "76000", "mark": "77000", "leverage": "10"},
            {"symbol": "ETHUSDT", "size": "12", "entry": "2500", "mark": "2400", "leverage": "10", "mode": "isolated"},
            {"symbol": "SOLUSDT", "side": "short", "size": "40", "entry": "70", "mark": "62", "leverage": "5"},
        ],
    }
)

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="this book was built without Python for its pages")


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One reader, whose browser keeps what it has fetched."""
    context = chromium.new_context(viewport=DESK)
    yield context
    context.close()


@pytest.fixture
def tab(context: BrowserContext, site: str) -> Iterator[Page]:
    """Open a tab of that reader's, which ends its test with a failure if it complained."""
    page = context.new_page()
    troubles = watch(page, site)
    yield page
    page.close()
    assert troubles == []


@pytest.fixture(scope="module")
def used_tabs(context: BrowserContext, site: str) -> Iterator[dict[str, tuple[Page, list[str]]]]:
    """Open a tab for each form, to be used again and again: where Python starts once, it takes its seconds once."""
    tabs = {path: context.new_page() for path in (FRONT, WORKBENCH)}
    used = {path: (page, watch(page, site)) for path, page in tabs.items()}
    yield used
    for page in tabs.values():
        page.close()
    assert [troubles for _, troubles in used.values() if troubles] == []


@pytest.fixture
def form_at(used_tabs: dict[str, tuple[Page, list[str]]], site: str) -> Iterator[Callable[[str], Page]]:
    """Return a function that gives a form as who opens its page finds it, but that Python may be there already.

    A test fails where the page complained in it.
    """

    def found(path: str) -> Page:
        page, _ = used_tabs[path]
        page.set_viewport_size(DESK)
        page.emulate_media(media="screen")
        if page.url != site + path:
            page.goto(site + path)
        again(page)
        return page

    yield found
    complaints = [complaint for _, troubles in used_tabs.values() for complaint in troubles]
    for _, troubles in used_tabs.values():
        troubles.clear()
    assert complaints == []


@pytest.fixture
def open_form(form_at: Callable[[str], Page]) -> Page:
    """Return the workbench's form, which has all fields."""
    return form_at(WORKBENCH)


@pytest.fixture
def short_form(form_at: Callable[[str], Page]) -> Page:
    """Return the front page's form."""
    return form_at(FRONT)


@pytest.fixture(scope="module")
def with_account(context: BrowserContext, site: str) -> Iterator[Page]:
    """Open a tab in which three positions have been entered."""
    page = context.new_page()
    troubles = watch(page, site)
    page.goto(site + FRONT)
    filled(page, OWN)
    yield page
    page.close()
    assert troubles == []


def entered(page: Page) -> None:
    """Enter three positions, and wait for the answer."""
    filled(page, OWN)
    answered(page)


def unfold(page: Page, what: str) -> None:
    """Open what is folded, and wait until the page has heard of it."""
    page.locator(what).evaluate_all(
        """boxes => Promise.all(boxes.filter((box) => !box.open).map((box) => new Promise((done) => {
          box.addEventListener("toggle", () => setTimeout(done), { once: true });
          box.open = true;
        })))"""
    )


def open_claim(box: Locator) -> None:
    """Open one by keyboard: what stands above it may still move it from under a pointer while the page is drawn."""
    box.locator("summary").press("Enter")


def kept(page: Page) -> list[str]:
    return page.evaluate("() => Object.keys(sessionStorage)")


def forget(page: Page) -> None:
    form_of(page).get_by_role("button", name="Forget").click()


def again(page: Page) -> None:
    """Leave nothing of the account before, nor of what was opened or chosen for it."""
    forget(page)
    page.evaluate(
        """() => {
          for (const box of document.querySelectorAll(":is(#account, #account-answer) details")) box.open = false;
          for (const field of document.querySelectorAll(":is(.account-paste, #account-answer) [name]")) {
            const chosen = [...(field.options ?? [])].findIndex((one) => one.defaultSelected);
            if (field.options) field.selectedIndex = Math.max(chosen, 0);
            else field.value = field.defaultValue;
          }
        }"""
    )


# ---- What is answered.


@pytest.mark.parametrize("seed", range(200 if WEEKLY else 12))
def test_what_is_typed_is_answered_as_compare_answers_it(open_form: Page, seed: int):
    entry = drawn_at_random(seed)
    typed(open_form, entry)
    answered(open_form)
    (told,) = told_by_python(entry)
    if "sentence" not in told:
        assert open_form.locator("#account-answer .account-found").is_hidden()
        expect(open_form.locator("#account-answer .account-status")).to_contain_text("No answer yet")
        return
    kept = Portfolio.of_rows(entry["positions"], venue=entry["venue"], wallet=entry["wallet"])
    found = screens.summary(compared(kept))
    assert words(open_form) == found.sentence == told["sentence"]
    shown = open_form.locator("#account-answer [data-screen=summary] td").all_text_contents()
    assert shown == [str(cell) for row in found.table.rows for cell in row]


def test_most_of_the_accounts_drawn_are_answered():
    told = [told_by_python(drawn_at_random(seed))[0] for seed in range(40)]
    assert sum("sentence" in one for one in told) >= 25


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_to_start_from_is_answered_on_every_screen(open_form: Page, name: str):
    form_of(open_form).locator("[name=start]").select_option(name)
    answered(open_form)
    unfold(open_form, "[data-further]:not([hidden])")
    answered(open_form)
    found = compared(preset(name))
    assert words(open_form, "distances") == screens.distances(found).sentence
    assert words(open_form, "shocked") == screens.shocked(found, -0.3, -0.2).sentence
    assert words(open_form, "which_mode") == screens.which_mode(found).sentence
    assert words(open_form, "next_order") == screens.next_order(found, 1.0).sentence
    assert words(open_form, "room") == screens.room(found).sentence


def test_a_setting_of_a_screen_is_asked_with_and_a_ledger_stands_below_a_crash(short_form: Page):
    entered(short_form)
    box = short_form.locator("[data-further=crashed]")
    box.locator("summary").click()
    answered(short_form)
    box.locator("[name=event]").select_option("oct-2025")
    expect(box.locator(".account-words")).to_contain_text("October 2025", timeout=PATIENCE)
    answered(short_form)
    (told,) = told_by_python(OWN, {"name": "crashed", "settings": {"event": "oct-2025"}})
    assert words(short_form, "crashed") == told["sentence"]
    assert box.locator("td").count() > 7


def test_the_first_screen_is_seen_without_scrolling_on_a_phone(short_form: Page):
    page = short_form
    page.set_viewport_size({"width": 375, "height": 812})
    filled(page, OWN)
    form_of(page).get_by_role("button", name="Show the answer").click()
    answered(page)
    page.wait_for_timeout(300)
    first, last = (page.locator(f"[data-screen=summary] .account-{part}").bounding_box() for part in ("table", "words"))
    assert first["y"] >= 0
    assert last["y"] + last["height"] <= 812
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_paper_and_at_twice_the_size_the_answer_is_whole(short_form: Page):
    page = short_form
    page.set_viewport_size({"width": 640, "height": 450})
    filled(page, OWN)
    form_of(page).get_by_role("button", name="Show the answer").click()
    answer = answered(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(media="print")
    assert form_of(page).is_hidden()
    found = answer.bounding_box()
    for part in ("table", "words"):
        box = answer.locator(f"[data-screen=summary] .account-{part}").bounding_box()
        assert found["x"] <= box["x"] < box["x"] + box["width"] <= found["x"] + found["width"]


def test_an_answer_that_is_overtaken_is_never_shown(open_form: Page):
    filled(open_form, OWN)
    answered(open_form)
    seen = open_form.evaluate(
        """async () => {
          const wallet = document.querySelector("#account [name=wallet]"), seen = [];
          const answer = document.getElementById("account-answer"), words = answer.querySelector(".account-words");
          for (let i = 1; i <= 20; i++) {
            wallet.value = 9000 + i;
            wallet.dispatchEvent(new Event("input", { bubbles: true }));
            if (answer.getAttribute("aria-busy") !== "true") seen.push("not said to be out of date");
            await new Promise((done) => setTimeout(done, 40 * (i % 8)));
            if (answer.getAttribute("aria-busy") === "false") seen.push([wallet.value, words.textContent]);
          }
          return seen;
        }"""
    )
    for wallet, sentence in seen:
        assert sentence == told_by_python({**OWN, "wallet": wallet})[0]["sentence"]
    answered(open_form)
    assert words(open_form) == told_by_python({**OWN, "wallet": "9020"})[0]["sentence"]


def test_it_is_entered_while_python_loads(tab: Page, site: str):
    tab.goto(site + FRONT)
    form_of(tab).locator("[name=wallet]").focus()
    status = tab.locator("#account-answer .account-status")
    expect(status).to_contain_text("Python")
    filled(tab, OWN)
    answered(tab)
    assert words(tab) == told_by_python(OWN)[0]["sentence"]


def test_it_says_how_many_megabytes_have_come(context: BrowserContext, site: str):
    page = context.new_page()
    page.route("**/pyodide.asm.wasm", lambda _: None)  # it never comes
    page.goto(site + FRONT)
    form_of(page).locator("[name=wallet]").focus()
    until(page, "() => /\\d\\.\\d of \\d\\.\\d MB/.test(document.querySelector('.account-status').textContent)")
    page.close()


def test_where_python_does_not_come_it_says_so_and_can_be_tried_again(context: BrowserContext, site: str):
    page = context.new_page()
    page.route("**/account-python.js*", lambda route: route.abort())
    page.goto(site + FRONT)
    form_of(page).locator("[name=wallet]").fill("9000")
    retry = page.get_by_role("button", name="Try again")
    retry.wait_for()
    expect(page.locator(".account-status")).to_contain_text("did not arrive")
    page.close()


def test_an_open_tab_works_offline(short_form: Page):
    entered(short_form)
    short_form.context.set_offline(True)
    try:
        form_of(short_form).locator("[name=wallet]").fill("11000")
        answered(short_form)
    finally:
        short_form.context.set_offline(False)
    assert words(short_form) == told_by_python({**OWN, "wallet": "11000"})[0]["sentence"]


# ---- What is wrong.


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(short_form: Page):
    entered(short_form)
    size = position(short_form, 0).locator("[name=size]")
    size.fill("-3")
    expect(size).to_have_attribute("aria-invalid", "true", timeout=PATIENCE)
    told = short_form.locator(f"[id='{size.get_attribute('aria-describedby')}']")
    assert told.text_content() == "must be greater than 0, not -3.0"
    assert short_form.locator(".account-found").is_hidden()
    assert position(short_form, 1).locator("[name=entry]").input_value() == "2500"
    size.fill("0.5")
    answered(short_form)
    expect(size).not_to_have_attribute("aria-invalid", "true")
    assert words(short_form) == told_by_python(OWN)[0]["sentence"]


def test_what_was_not_yet_come_to_is_no_error_until_the_button_is_pressed(short_form: Page):
    form_of(short_form).locator("[name=wallet]").fill("9000")
    expect(short_form.locator(".account-status")).to_contain_text("still to fill in", timeout=PATIENCE)
    assert short_form.locator("#account [aria-invalid]").count() == 0
    form_of(short_form).get_by_role("button", name="Show the answer").click()
    expect(position(short_form, 0).locator("[name=symbol]")).to_be_focused()
    assert short_form.locator("#account [aria-invalid]").count() >= 3


HOSTILE = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        "1,5",
        "0x10",
        "٣",
        "½",
        "1_000",
        "١٢",
        "true",
        "null",
        "x" * 3_000,
    ),
    *("<img src=x onerror=window.ran=1>", "</script><script>window.ran=1</script>", "\"'><b>", "&lt;i&gt;", "${1}"),
    *("__proto__", "constructor", "toString", "\u202e123", "\u0000", "9" * 400, "1e-320", "1e100", "🙂", "a\tb"),
)


@pytest.mark.parametrize("seed", range(60 if WEEKLY else 6))
def test_hostile_entries_are_answered_for_themselves_or_refused_in_words(open_form: Page, seed: int):
    """Five at a time: what is shown belongs to what stands in the fields, and no text becomes markup."""
    draw = random.Random(seed)
    filled(open_form, OWN)
    for _ in range(5):
        field = draw.choice(["wallet", *IN_ORDER])
        place = form_of(open_form) if field == "wallet" else position(open_form, draw.randrange(3))
        one = place.locator(f"[name={field}]")
        if field in ("side", "mode"):
            one.select_option(index=draw.randrange(2))
        else:
            one.evaluate(
                "(one, text) => { one.value = text; one.dispatchEvent(new Event('input', { bubbles: true })); }",
                draw.choice(HOSTILE),
            )
        answered(open_form)
        entry = json.loads(open_form.evaluate(f"sessionStorage.getItem('{KEY}')"))
        (told,) = told_by_python(entry)
        if "sentence" in told:
            assert words(open_form) == told["sentence"]
        else:
            assert open_form.locator(".account-found").is_hidden()
            assert "No answer yet" in open_form.locator(".account-status").text_content()
    assert open_form.evaluate("window.ran ?? null") is None
    assert open_form.locator("form#account img, form#account b, #account-answer img, #account-answer b").count() == 0


@pytest.mark.parametrize(
    "text", ["", "e30", "bnVsbA", "W10", "%%%", "A" * 200_000, "eyJwb3NpdGlvbnMiOlsxXX0", "__proto__"]
)
def test_a_link_that_holds_no_account_says_so(tab: Page, site: str, text: str):
    tab.goto(f"{site}{FRONT}#account={text}")
    expect(tab.locator(".account-told")).to_have_text("The account in this link cannot be read.")
    assert kept(tab) == []


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", '{"positions": 3}', '{"positions": [null]}', "{", '{"positions": [], "orders": [7]}']
)
def test_what_else_a_tab_may_hold_under_that_name_is_no_account(tab: Page, site: str, text: str):
    tab.goto(f"{site}404.html")
    tab.evaluate("([key, text]) => sessionStorage.setItem(key, text)", [KEY, text])
    tab.goto(site + FRONT)
    expect(form_of(tab).locator("[name=wallet]")).to_have_value("")
    tab.goto(site + CHAPTER)
    box = tab.locator("details.account-claim").first
    open_claim(box)
    expect(box.locator(".account-whose")).to_contain_text("as long as you have entered nothing")


# ---- Markets, marks, rows.


def test_a_market_is_found_by_a_few_letters_and_its_mark_is_known_with_its_day(short_form: Page):
    form_of(short_form).locator("[name=wallet]").focus()
    until(short_form, "() => document.querySelectorAll('#account-markets option').length > 900")
    symbol, mark = (position(short_form, 0).locator(f"[name={name}]") for name in ("symbol", "mark"))
    symbol.fill("btc")
    symbol.press("Tab")
    expect(symbol).to_have_value("BTCUSDT")
    expect(mark).to_have_value("77084.5")
    expect(position(short_form, 0).locator(".account-hint")).to_have_text("Of 22 August 2026, not live")
    mark.fill("80000")
    expect(position(short_form, 0).locator(".account-hint")).to_be_hidden()
    # A mark of the reader's own stays; the market goes along to another venue.
    form_of(short_form).locator("[name=venue]").select_option("hyperliquid")
    expect(symbol).to_have_value("BTC", timeout=PATIENCE)
    expect(mark).to_have_value("80000")


def test_there_are_one_to_twenty_positions(open_form: Page):
    add = form_of(open_form).get_by_role("button", name="Add a position")
    assert position(open_form, 0).locator(".account-remove").is_hidden()
    for _ in range(19):
        add.press("Enter")
    assert open_form.locator("[data-position]").count() == 20
    expect(add).to_be_disabled()
    form_of(open_form).get_by_role("button", name="Remove position 7").click()
    assert open_form.locator("[data-position]").count() == 19
    assert position(open_form, 18).locator("legend").text_content() == "Position 19"
    expect(add).to_be_enabled()


# ---- In, out, and away.


def test_positions_from_ccxt_are_pasted_and_what_the_venue_says_stands_beside(open_form: Page):
    held = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 0.2, "contractSize": 1.0, "entryPrice": 60_000.0}
    more = {"markPrice": 65_000.0, "marginMode": "cross", "leverage": 20, "liquidationPrice": 55_000.0}
    form = form_of(open_form)
    form.locator("[name=wallet]").fill("800")
    form.locator(".account-paste > summary").click()
    form.locator("[name=text]").fill(json.dumps([held | more]))
    form.get_by_role("button", name="Read it").click()
    expect(form.locator(".account-said")).to_contain_text("Taken over", timeout=PATIENCE)
    assert position(open_form, 0).locator("[name=symbol]").input_value() == "BTCUSDT"
    assert position(open_form, 0).locator("[name=size]").input_value() == "0.2"
    open_form.locator("[data-further=reconciled] > summary").click()
    answered(open_form)
    expect(open_form.locator("[data-screen=reconciled] .account-words")).to_contain_text("figures that the venue tells")
    # Of another size the venue said nothing, and at another venue nothing was said.
    position(open_form, 0).locator("[name=size]").fill("0.3")
    expect(open_form.locator("[data-further=reconciled]")).to_be_hidden()
    position(open_form, 0).locator("[name=size]").fill("0.2")
    expect(open_form.locator("[data-further=reconciled]")).to_be_visible()
    form.locator("[name=venue]").select_option("bybit")
    expect(open_form.locator("[data-further=reconciled]")).to_be_hidden()
    assert position(open_form, 0).locator("[name=symbol]").input_value() == "BTCUSDT"
    form.locator("[name=venue]").select_option("binance")
    position(open_form, 0).locator("[name=size]").fill("0.3")
    # What was there before comes back.
    form.locator("[name=text]").fill("nonsense")
    form.get_by_role("button", name="Read it").click()
    expect(form.locator(".account-said")).to_contain_text("Nothing is taken over", timeout=PATIENCE)
    assert position(open_form, 0).locator("[name=size]").input_value() == "0.3"


@pytest.mark.parametrize("where", [FRONT, WORKBENCH])
def test_an_account_moves_to_another_venue_as_beside_a_kernel(form_at: Callable[[str], Page], site: str, where: str):
    own = Portfolio.of_rows(
        preset("hedged-pair").rows(),
        venue="binance",
        wallet=9_000,
        orders=[{"symbol": "SOLUSDT", "side": "sell", "size": 5, "price": 200, "leverage": 5, "reduce_only": False}],
        collateral={"BTC": {"amount": 0.1, "ratio": 0.9}},
        remarks=["as it was read"],
    )
    beside = Entry(own, print)
    link = base64.urlsafe_b64encode(json.dumps(entry_of(own)).encode()).decode()
    page = form_at(where)
    page.goto(f"{site}{where}#account={link}")
    answered(page)
    for name in ("okx", "bybit"):
        form_of(page).locator("[name=venue]").select_option(name)
        beside.fields["venue"].input.value = name
        symbol = beside.rows[0].fields["symbol"].input.value
        expect(position(page, 0).locator("[name=symbol]")).to_have_value(symbol, timeout=PATIENCE)
        counted = position(page, 0).locator("[data-field=size] .account-hint:not([hidden])").all_text_contents()
        assert counted == [one for one in [beside.rows[0].fields["size"].hint.value] if one]
        until(page, "key => JSON.parse(sessionStorage.getItem(key)).remarks?.length === 0", KEY)
        answered(page)
        kept = portfolio_of(json.loads(page.evaluate("key => sessionStorage.getItem(key)", KEY)))
        assert kept == beside.portfolio
        assert words(page) == screens.summary(compared(kept)).sentence


@pytest.mark.parametrize("name", ["october-2025", "funding-carry"])
def test_files_are_saved_by_the_reader_and_come_back_as_they_were(open_form: Page, name: str, tmp_path: Path):
    form_of(open_form).locator("[name=start]").select_option(name)
    answered(open_form)
    saved = {}
    for file in ("account.json", "account.csv", "results.csv"):
        with open_form.expect_download() as coming:
            open_form.get_by_role("button", name=file).click()
        coming.value.save_as(tmp_path / file)
        saved[file] = (tmp_path / file).read_bytes().decode()
    assert saved["account.json"] == to_json(preset(name))
    assert saved["account.csv"] == to_csv(preset(name))
    assert saved["results.csv"].startswith("part,")
    again(open_form)
    form = form_of(open_form)
    form.locator(".account-paste > summary").click()
    form.locator("[name=way]").select_option("JSON")
    form.locator("[name=text]").fill(saved["account.json"])
    form.get_by_role("button", name="Read it").click()
    expect(form.locator(".account-said")).to_contain_text("Taken over", timeout=PATIENCE)
    answered(open_form)
    assert words(open_form) == screens.summary(compared(from_json(saved["account.json"]))).sentence


def test_collateral_and_open_orders_are_entered_on_the_workbench_and_go_along(tab: Page, site: str):
    tab.goto(site + WORKBENCH)
    entered(tab)
    form = form_of(tab)
    form.locator(".account-more > summary").click()
    form.get_by_role("button", name="Add an open order").click()
    order = form.locator("[data-order]")
    for name, value in {"symbol": "ETHUSDT", "size": "2", "price": "2300", "leverage": "10"}.items():
        order.locator(f"[name={name}]").fill(value)
    answered(tab)
    waiting = {"symbol": "ETHUSDT", "side": "buy", "size": "2", "price": "2300", "leverage": "10"}
    assert words(tab) == told_by_python({**OWN, "orders": [waiting]})[0]["sentence"]
    tab.goto(site + FRONT)
    expect(form.locator(".account-beyond")).to_contain_text("1 open order")
    answered(tab)
    position(tab, 0).locator("[name=size]").fill("0.6")
    answered(tab)
    own = {**OWN, "orders": [waiting], "positions": [{**OWN["positions"][0], "size": "0.6"}, *OWN["positions"][1:]]}
    assert words(tab) == told_by_python(own)[0]["sentence"]


def test_chance_shows_how_far_it_is_and_can_be_stopped(open_form: Page):
    entered(open_form)
    box = open_form.locator(".account-chance")
    box.locator("summary").click()
    box.locator("[name=paths]").select_option("20000")
    # Whoever is quick presses it at the first sign of progress.
    box.evaluate(
        """box => new MutationObserver((_, watch) => {
          watch.disconnect();
          box.querySelector(".account-stop").click();
        }).observe(box.querySelector(".account-words"), { childList: true })"""
    )
    box.get_by_role("button", name="Draw paths").click()
    expect(box.locator(".account-words")).to_contain_text("paths", timeout=PATIENCE)
    share = box.locator("progress").evaluate("one => one.value")
    assert 0 < share < 1
    open_form.wait_for_timeout(1500)
    assert box.locator("progress").evaluate("one => one.value") == share
    # Of another account these paths say nothing.
    position(open_form, 0).locator("[name=size]").fill("0.7")
    expect(box.locator(".account-words")).to_have_text("")


# ---- Carried through the book.


@pytest.mark.parametrize("chapter", ["structure", "mechanics", "volatility", "questions"])
def test_every_claim_of_a_chapter_is_answered_with_the_account(with_account: Page, site: str, chapter: str):
    own = {claim.id for claim in module_of("claims").all_claims() if claim.chapter == chapter}
    with_account.goto(f"{site}book/{chapter}.html")
    boxes = with_account.locator("details.account-claim")
    assert set(boxes.evaluate_all("boxes => boxes.map((box) => box.dataset.claim)")) == own
    for box in boxes.all():
        open_claim(box)
        expect(box).to_have_attribute("aria-busy", "false", timeout=PATIENCE)
        name = box.locator("[data-screen]").get_attribute("data-screen")
        (told,) = told_by_python(OWN, {"name": name, "settings": json.loads(box.get_attribute("data-settings"))})
        assert box.locator(".account-words").text_content() == told["sentence"]
        assert box.locator(".account-whose").text_content().startswith("For the account that you entered.")


def test_without_an_account_a_claim_shows_a_preset_and_says_so_and_nothing_is_kept(tab: Page, site: str):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(site + CHAPTER)
    box = tab.locator("details.account-claim").first
    before = [url for url in asked if "account-answers" in url]
    open_claim(box)
    box.locator(".main-svg").first.wait_for()
    assert before == []
    expect(box.locator(".account-whose")).to_contain_text("October 2025 victim")
    assert box.locator(".account-words").text_content() == screens.distances(compared(preset("october-2025"))).sentence
    assert box.locator("td").count() > 3
    assert kept(tab) == []
    assert not [url for url in asked if "/runtime/" in url]


def test_one_account_wherever_the_reader_goes_back_and_forth(tab: Page, site: str):
    tab.goto(site + FRONT)
    filled(tab, OWN)
    tab.goto(site + WORKBENCH)
    answered(tab)
    assert words(tab) == told_by_python(OWN)[0]["sentence"]
    form_of(tab).locator("[name=wallet]").fill("12000")
    answered(tab)
    tab.go_back()
    expect(form_of(tab).locator("[name=wallet]")).to_have_value("12000")
    answered(tab)
    assert words(tab) == told_by_python({**OWN, "wallet": "12000"})[0]["sentence"]
    tab.go_forward()
    expect(form_of(tab).locator("[name=wallet]")).to_have_value("12000")


def test_two_tabs_have_two_accounts(short_form: Page, tab: Page, site: str):
    entered(short_form)
    tab.goto(site + FRONT)
    assert form_of(tab).locator("[name=wallet]").input_value() == ""
    form_of(tab).locator("[name=start]").select_option("market-maker")
    answered(tab)
    short_form.reload()
    answered(short_form)
    assert words(short_form) == told_by_python(OWN)[0]["sentence"]
    assert words(tab) == told_by_python(of_preset("market-maker"))[0]["sentence"]


# ---- Private.


@pytest.mark.parametrize("path", [FRONT, WORKBENCH, CHAPTER])
def test_an_untouched_page_keeps_nothing_and_fetches_nothing_of_python(tab: Page, site: str, path: str):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(site + path)
    tab.wait_for_timeout(1500)
    assert kept(tab) == []
    assert not [url for url in asked if "/runtime/" in url or "account-markets" in url or "account-presets" in url]


def test_no_request_carries_the_account(tab: Page, site: str):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(f"{request.url} {request.post_data} {request.all_headers()}"))
    secret = plain({**OWN, "wallet": "918273.645"})
    tab.goto(site + WORKBENCH)
    filled(tab, secret)
    answered(tab)
    tab.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    form_of(tab).get_by_role("button", name="Link with this account").click()
    link = tab.evaluate("copied")
    tab.goto(site + CHAPTER)
    open_claim(tab.locator("details.account-claim").first)
    expect(tab.locator("details.account-claim").first).to_have_attribute("aria-busy", "false", timeout=PATIENCE)
    tab.goto("about:blank")
    tab.goto(link)
    answered(tab)
    assert asked
    carried = base64.urlsafe_b64encode(b"918273.645").decode()[:8]
    assert not [one for one in asked if "918273" in one or carried in one or "account=" in one]


def test_a_link_contains_the_account_where_it_was_asked_for_and_says_so(short_form: Page, site: str, chromium: Browser):
    entered(short_form)
    assert short_form.url == site + FRONT
    short_form.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    form_of(short_form).get_by_role("button", name="Link with this account").click()
    expect(short_form.locator(".account-told")).to_contain_text("contains your account")
    other = chromium.new_page()
    other.goto(short_form.evaluate("copied"))
    answered(other)
    assert words(other) == told_by_python(OWN)[0]["sentence"]
    # It does not stay in the address, nor in what the browser remembers of it.
    assert other.url == site + FRONT
    expect(other.locator(".account-told")).to_have_text("This account came with the link.")
    other.close()


def test_a_tab_keeps_the_account_under_one_name_until_it_is_forgotten(short_form: Page):
    entered(short_form)
    assert KEY in kept(short_form)
    assert set(kept(short_form)) <= KEPT["sessionStorage"]
    assert set(short_form.evaluate("Object.keys(localStorage)")) <= KEPT["localStorage"]
    assert short_form.context.cookies() == []
    forget(short_form)
    assert KEY not in kept(short_form)
    assert answer_of(short_form).is_hidden()
    short_form.reload()
    assert form_of(short_form).locator("[name=wallet]").input_value() == ""
    assert KEY not in kept(short_form)


# ---- Wherever it is read.


def test_it_is_answered_below_a_path(context: BrowserContext, below: str):
    page = context.new_page()
    troubles = watch(page, below)
    page.goto(below + FRONT)
    entered(page)
    assert words(page) == told_by_python(OWN)[0]["sentence"]
    page.close()
    assert troubles == []


def test_where_nothing_may_be_kept_it_is_answered_all_the_same(tab: Page, site: str):
    tab.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {
          configurable: true, get() { throw new DOMException("denied", "SecurityError"); } });"""
    )
    tab.goto(site + FRONT)
    entered(tab)
    assert words(tab) == told_by_python(OWN)[0]["sentence"]


def without_python(route: Route) -> None:
    """Give a page as it is built where neither node nor npm is found."""
    whole = route.fetch()
    route.fulfill(response=whole, body=re.sub(r'<meta name="marginlab-account-python".*?>', "", whole.text()))


WHY = {"a file": "from a file", "no WebAssembly": "WebAssembly", "no Python": "built without Python"}


@pytest.mark.parametrize("way", WHY)
def test_where_python_cannot_run_presets_answer_and_one_sentence_says_why(context: BrowserContext, site: str, way: str):
    page = context.new_page()
    own = HTML.as_uri() + "/" if way == "a file" else site
    troubles = watch(page, own)
    if way == "no WebAssembly":
        page.add_init_script("delete window.WebAssembly")
    if way == "no Python":
        page.route("**/book/*.html", without_python)
    page.goto(own + FRONT)
    expect(page.locator(".account-status")).to_contain_text(WHY[way])
    assert form_of(page).locator("[name=wallet]").is_hidden()
    assert page.locator("#account button:visible, #account-answer button:visible").count() == 0
    form_of(page).locator("[name=start]").select_option("one-20x-bet")
    expect(page.locator("[data-screen=summary] .account-words")).not_to_be_empty()
    assert words(page) == screens.summary(compared(preset("one-20x-bet"))).sentence
    page.locator("[data-further=crashed] > summary").click()
    page.locator("[data-screen=crashed] .main-svg").first.wait_for()
    page.goto(own + CHAPTER)
    box = page.locator("details.account-claim").first
    box.locator("summary").click()
    box.locator(".main-svg").first.wait_for()
    page.close()
    assert troubles == []


@pytest.mark.parametrize("path", [FRONT, WORKBENCH])
def test_without_scripts_one_sentence_says_why_and_a_claim_has_its_preset_in_words(
    chromium: Browser, site: str, path: str
):
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(site + path)
    assert form_of(page).is_hidden()
    (why,) = (one for one in page.locator("noscript p").all() if "needs JavaScript" in one.text_content())
    assert why.is_visible()
    page.goto(site + CHAPTER)
    box = page.locator("details.account-claim").first
    box.locator("summary").click()
    assert box.locator(".account-words").text_content() == screens.distances(compared(preset("october-2025"))).sentence
    page.close()


def test_a_page_weighs_little_more_for_it_before_it_is_touched():
    scripts = [HTML / "_static" / name for name in ("account-answers.js", "account.js", "explorer.js", "styles.css")]
    text = (HTML / FRONT).read_text(encoding="utf-8")
    form = text[text.index('<form id="account"') : text.index("</section>", text.index('id="account-starts"'))]
    with_form = compressed(HTML / FRONT)
    without = gzip.compress(text.replace(form, "").encode(), mtime=0)
    own = len(with_form) - len(without) + sum(len(compressed(path)) for path in scripts[:3])
    assert own <= 40_000


# ---- For everyone.


def test_an_answer_is_said_once_and_politely(open_form: Page):
    filled(open_form, OWN)
    answered(open_form)
    changes_said(open_form)
    form_of(open_form).locator("[name=wallet]").fill("9500")
    answered(open_form)
    open_form.wait_for_timeout(500)
    assert open_form.evaluate("said") == [["status", words(open_form)]]


@in_each_look
def test_axe_finds_nothing_in_a_form_with_an_error_or_an_answer(
    without_policy: BrowserContext, site: str, width: int, scheme: str
):
    page = without_policy.new_page()
    look(page, width, scheme)
    found = []

    def looked_at(parts: str) -> None:
        page.evaluate(AXE)
        for violation in violations(page, f"{{ include: {parts} }}"):  # of the rest, see `test_access`
            found.append([violation["id"], [node["html"][:150] for node in violation["nodes"][:3]]])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.goto(site + WORKBENCH)
    filled(page, OWN)
    answered(page)
    unfold(page, "#account > details, .account-further > details:not([hidden])")
    form_of(page).get_by_role("button", name="Add an asset").click()
    form_of(page).get_by_role("button", name="Add an open order").click()
    page.locator("#account [data-collateral] .account-remove").click()
    page.locator("#account [data-order] .account-remove").click()
    answered(page)
    page.locator("[data-screen=summary] .main-svg").first.wait_for()
    looked_at("['#account', '#account-answer']")
    position(page, 1).locator("[name=size]").fill("<b>")
    position(page, 1).locator("[name=leverage]").fill("x")
    answered(page)
    looked_at("['#account', '#account-answer']")
    page.goto(site + CHAPTER)
    open_claim(page.locator("details.account-claim").first)
    page.wait_for_timeout(500)
    looked_at("['details.account-claim[open]']")
    page.close()
    assert found == []


def test_targets_are_large_enough_for_a_finger(chromium: Browser, site: str):
    page = chromium.new_page(viewport={"width": 375, "height": 812}, has_touch=True)
    page.goto(site + FRONT)
    boxes = page.locator("#account :is(input, select, button):visible").evaluate_all(
        "fields => fields.map((field) => [field.name || field.textContent, field.getBoundingClientRect().height])"
    )
    assert len(boxes) > 10
    assert [name for name, height in boxes if height < 44] == []
    page.close()


def test_the_tab_key_goes_through_the_form_in_the_order_it_is_seen_and_shows_where_it_is(open_form: Page):
    form_of(open_form).locator("[name=start]").focus()
    reached = []
    for _ in range(30):
        here = open_form.evaluate(
            """() => {
              const field = document.activeElement, style = getComputedStyle(field);
              if (!field.closest("#account")) return null;
              const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
              return [field.name || field.textContent, seen];
            }"""
        )
        if here is None:
            break
        reached.append(here)
        open_form.keyboard.press("Tab")
    names = [name for name, _ in reached]
    assert names[:11] == ["start", "venue", "wallet", *IN_ORDER]
    assert "Show the answer" in names
    assert "Forget" in names
    assert all(seen for _, seen in reached[1:])
