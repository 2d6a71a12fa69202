"""What a visit transfers, compressed, and when."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..chapters import controls_of
from .conftest import HTML, Opened
from .reader import CHAPTERS, DRAWINGS, arrived, sentence
from .server import compressed

KB = 1000
# A page of drawings alone does without it.
PLOTLY = "_static/plotly.min.js"
FIRST, FURTHER, STATES, DRAWING = 1600 * KB, 300 * KB, 150 * KB, 40 * KB
# Fetched by a page once its reader does something that needs them.
ASKED_FOR = {"plotly.min.js", "account-markets.json", "account-presets.js", "account-claims.js"}


@pytest.fixture
def first_visit(opened_once: Callable[[str, str], Opened]) -> Callable[[str], Counter[str]]:
    """Return a function that says what is transferred to somebody who comes to a chapter first."""
    return lambda chapter: opened_once(chapter, "path").asked


def weight(asked: Iterable[str], html: Path = HTML) -> int:
    return sum(len(compressed(html / path)) for path in asked)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_first_visit_is_light_and_a_further_chapter_lighter(first_visit, chapter):
    first = first_visit(chapter)
    assert set(first.values()) == {1}, "a file was asked for twice"
    assert weight(first) <= FIRST
    # What the first visits brought, a further one need not bring again.
    there = set(first)
    for other in CHAPTERS:
        if other != chapter:
            new = first_visit(other).keys() - there
            # The script that draws comes with the first page that has a figure; both are a first visit then.
            assert weight(new) <= (FURTHER if PLOTLY in there else FIRST - weight(there)), other
            there |= new


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_explorers_states_are_light(chapter):
    text = (HTML / "book" / f"{chapter}.html").read_text(encoding="utf-8")
    states = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    assert len(states) == len(controls_of(chapter))
    assert max(len(gzip.compress(one.encode())) for one in states) <= STATES


@pytest.mark.parametrize(("chapter", "name"), DRAWINGS)
def test_a_drawing_is_lighter_with_all_its_states(chapter, name):
    text = (HTML / "book" / f"{chapter}.html").read_text(encoding="utf-8")
    (figure,) = re.findall(rf'<figure class="explorer" id="explorer-{name}">.*?</figure>', text, re.DOTALL)
    assert len(gzip.compress(figure.encode())) <= DRAWING


def test_a_page_of_drawings_alone_never_asks_for_the_script_that_draws(first_visit):
    asked = first_visit("index")
    assert [path for path in asked if path.endswith("explorer.js")]
    assert PLOTLY not in asked


def test_a_page_can_be_read_before_the_script_that_draws_is_asked_for(chromium: Browser, site: str):
    page = chromium.new_page()
    page.route("**/plotly.min.js*", lambda _: None)  # it never comes
    page.goto(site + "book/structure.html")
    page.locator("article h1").wait_for()
    figure = page.locator("#explorer-gap")
    figure.scroll_into_view_if_needed()
    # Words and controls answer all the same.
    before = sentence(figure)
    figure.locator("[name=jump]").press("ArrowRight")
    expect(figure.locator(".explorer-words")).not_to_have_text(before)
    page.close()


def test_where_the_script_that_draws_does_not_come_the_figure_says_so(chromium: Browser, site: str):
    page = chromium.new_page()
    page.route("**/plotly.min.js*", lambda route: route.abort())
    page.goto(site + "book/structure.html")
    figure = page.locator("#explorer-gap")
    figure.scroll_into_view_if_needed()
    figure.get_by_text("did not arrive").wait_for()
    page.close()


def test_the_script_that_draws_waits_for_a_reader(page: Page, site: str):
    page.set_viewport_size({"width": 375, "height": 700})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site + "book/structure.html")
    page.wait_for_timeout(1500)
    assert not [url for url in asked if "plotly" in url]
    page.mouse.wheel(0, 300)
    arrived(page)


def test_the_site_holds_nothing_that_no_page_asks_for():
    files = [path for path in (HTML / "_static").rglob("*") if path.is_file()]
    assert not [path.name for path in files if re.search(r"thebe|fontawesome|\.map$|\.ttf$|brands|regular", path.name)]
    assert sum(len(compressed(path)) for path in files if path.name not in ASKED_FOR) <= 150 * KB


def test_no_page_uses_an_icon_that_the_font_lacks():
    from fontTools.ttLib import TTFont

    drawn = {chr(code) for code in TTFont(HTML / "_static" / "icons.woff2").getBestCmap()}
    style = (HTML / "_static" / "styles.css").read_text(encoding="utf-8")
    named = {
        name for path in HTML.rglob("*.html") for name in re.findall(r"\bfa-[a-z-]+", path.read_text(encoding="utf-8"))
    }
    icons = {
        name: found[1]
        for name in named
        if (found := re.search(rf"\.{name}::?before[^{{}}]*{{[^}}]*content: ?\"(.)\"", style))
    }
    assert len(icons) >= 10
    assert set(icons.values()) <= drawn
    assert not named & {"fa-brands", "fa-regular"}
