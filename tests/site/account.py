"""What a reader does with an account of their own on a page: enter it, read the answer."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

from playwright.sync_api import Locator, Page

from marginlab.display.answers import replies
from marginlab.display.fields import entry_of
from marginlab.markets.venues import venue, venue_names
from marginlab.portfolio import preset

from .conftest import HTML

# All that a page may keep, by its name. The theme keeps what the reader chose of its colours, that nothing was chosen,
# and, once a page is left, where its list of pages stood; a tab keeps the account that was entered in it.
KEY = "marginlab-account"
KEPT = {"localStorage": {"mode", "theme"}, "sessionStorage": {KEY, "sidebar-scroll-top"}}
PYTHON = HTML / "runtime" / "account-python.js"
IN_ORDER = ("symbol", "side", "mode", "size", "entry", "mark", "leverage", "margin")
PATIENCE = 60_000

Entry = dict[str, Any]


def told_by_python(entry: Entry, *screens: dict[str, Any]) -> list[Any]:
    """Return what Python outside of any page answers for an account: states, or what is wrong."""
    message = {"id": 1, "kind": "answer", "account": entry, "screens": list(screens) or [{"name": "summary"}]}
    answered = [json.loads(one) for one in replies(json.dumps(message)) if one]
    return [one.get("state") or one["problems"] for one in answered if "done" not in one]


def plain(entry: Entry) -> Entry:
    """Return an account as an empty form with only these fields filled has it."""
    blank = {"title": "", "date": "", "note": "", "brackets": "", "collateral": [], "orders": []}
    positions = [dict.fromkeys(IN_ORDER, "") | {"side": "long", "mode": "cross"} | one for one in entry["positions"]]
    return {**blank, **entry, "positions": positions}


def of_preset(name: str) -> Entry:
    return entry_of(preset(name))


@cache
def markets() -> list[tuple[str, tuple[str, ...]]]:
    return [(name, venue(name).symbols) for name in venue_names() if venue(name).symbols]


def drawn_at_random(seed: int) -> Entry:
    """Return an account at some venue: one to four markets, of all sizes, on both sides and in both modes."""
    draw = random.Random(seed)
    name, symbols = draw.choice(markets())
    rows = []
    for symbol in draw.sample(symbols, min(len(symbols), draw.choice([1, 2, 3, 4]))):
        mark = float(f"{10 ** draw.uniform(-1, 4.5):.4g}")
        entry = float(f"{mark * draw.uniform(0.9, 1.1):.5g}")
        mode = draw.choice(["cross", "isolated"])
        worth = 10 ** draw.uniform(2, 4)
        row = {"symbol": symbol, "side": draw.choice(["long", "short"]), "mode": mode}
        numbers = {"size": f"{worth / mark:.4g}", "entry": f"{entry:.10g}", "mark": f"{mark:.10g}"}
        rows.append({**row, **numbers, "leverage": draw.choice(["", "2", "3", "5"]), "margin": ""})
    return plain({"venue": name, "wallet": f"{10 ** draw.uniform(3, 5):.6g}", "positions": rows})


def form_of(page: Page) -> Locator:
    return page.locator("form#account")


def position(page: Page, i: int) -> Locator:
    return page.locator("form#account [data-position]").nth(i)


def answer_of(page: Page) -> Locator:
    return page.locator("#account-answer")


def answered(page: Page) -> Locator:
    """Return the answer, once it is that of the fields."""
    page.locator("#account-answer[aria-busy=false]:not([hidden])").wait_for(timeout=PATIENCE)
    page.locator(
        "#account-answer .account-status[hidden], #account-answer .account-status:text-matches('No answer')"
    ).wait_for(state="attached", timeout=PATIENCE)
    return answer_of(page)


def words(page: Page, screen: str = "summary") -> str:
    return page.locator(f"#account-answer [data-screen={screen}] .account-words").text_content()


def table(page: Page, screen: str = "summary") -> str:
    return page.locator(f"#account-answer [data-screen={screen}] .account-table").inner_html()


def typed(page: Page, entry: Entry) -> None:
    """Enter an account with the keyboard alone, from the venue on."""
    form = form_of(page)
    form.locator("[name=venue]").select_option(entry["venue"])
    form.locator("[name=wallet]").focus()
    page.keyboard.type(entry["wallet"])
    for i, row in enumerate(entry["positions"]):
        if i:
            form.get_by_role("button", name="Add a position").focus()
            page.keyboard.press("Enter")
        else:
            page.keyboard.press("Tab")
        for name in IN_ORDER:
            field = position(page, i).locator(f"[name={name}]")
            assert field.evaluate("field => field === document.activeElement"), f"Tab does not lead to {name}"
            if name in ("side", "mode"):
                page.keyboard.press(row[name][0])
            elif row[name]:
                page.keyboard.type(row[name])
            else:
                page.keyboard.press("Delete")
            page.keyboard.press("Tab")


def filled(page: Page, entry: Entry) -> None:
    """Enter an account at once, as a program would."""
    form = form_of(page)
    form.locator("[name=venue]").select_option(entry["venue"])
    form.locator("[name=wallet]").fill(entry["wallet"])
    for i, row in enumerate(entry["positions"]):
        if i:
            form.get_by_role("button", name="Add a position").click()
        for name in IN_ORDER:
            field = position(page, i).locator(f"[name={name}]")
            if name in ("side", "mode"):
                field.select_option(row[name])
            else:
                field.fill(row[name])
                field.dispatch_event("change")
