"""There is something to touch before there is much to read."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from .first_control import WIDTHS, before_first_control
from .reader import CHAPTERS

WORDS, PIXELS = 120, 900


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("chapter", [one for one in CHAPTERS if one != "venues"])  # where things are looked up
def test_the_first_control_of_a_chapter_comes_soon(page: Page, site: str, chapter: str, width: int):
    page.set_viewport_size({"width": width, "height": PIXELS})
    page.goto(f"{site}book/{chapter}.html")
    before = before_first_control(page)
    assert before.words <= WORDS
    assert before.pixels <= PIXELS


def test_what_is_folded_or_for_screen_readers_alone_is_not_counted(page, site):
    page.goto(site + "book/structure.html")
    before = before_first_control(page)
    page.evaluate("document.querySelector('article details').open = true")
    opened = before_first_control(page)
    assert opened.words > before.words
    assert opened.pixels > before.pixels
