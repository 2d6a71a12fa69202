"""Every reader: with a keyboard alone, with a screen reader, zoomed in, on paper, without a script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from ..chapters import explorers_of
from .axe import AXE, PLAIN, in_each_look, look, violations
from .conftest import DESK, HTML
from .reader import (
    CHAPTERS,
    DRAWN,
    arrived,
    changes_said,
    drawn_everywhere,
    of_one_chapter,
    opened,
    rest,
    sentence,
    settle,
    shown,
    until,
)

PAGES = sorted(
    str(path.relative_to(HTML)) for path in HTML.rglob("*.html") if path.name != "index.html" or path.parent != HTML
)
INSIDE = """([figure, drawn]) => {
  const box = document.querySelector(figure).getBoundingClientRect();
  const plot = document.querySelector(figure).querySelector(drawn).getBoundingClientRect();
  return plot.left >= box.left && plot.right <= box.right;
}"""
# The words of figures that go over the edge of their picture.
CUT_OFF = """() => [...document.querySelectorAll(".explorer-plot > svg, .explorer .main-svg")].flatMap((one) => {
  const edge = one.getBoundingClientRect();
  return [...one.querySelectorAll("text")].filter((text) => {
    const { left, right, width } = text.getBoundingClientRect();
    return width && (left < edge.left - 1 || right > edge.right + 1);
  }).map((text) => text.textContent);
})"""
# Whether each figure is as wide as its place.
FIT = """() => [...document.querySelectorAll("figure.explorer .js-plotly-plot")].every((plot) =>
  Math.abs(plot.clientWidth - plot.querySelector(".main-svg").getBoundingClientRect().width) < 2)"""
# Upstream, by rule: the theme's markup, which this book does not write. None is more than moderate.
KNOWN: dict[str, str] = {}


def test_every_page_of_the_book_is_looked_at():
    assert len(PAGES) >= 15
    assert "book/structure.html" in PAGES


@in_each_look
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(without_policy: BrowserContext, site: str, path: str, width: int, scheme: str):
    page = without_policy.new_page()
    look(page, width, scheme)
    page.goto(site + path)
    page.evaluate(AXE)
    drawn_everywhere(page)
    found = {}
    for violation in violations(page):
        nodes = [f"{node['html'][:120]}: {node['failureSummary'][:200]}" for node in violation["nodes"][:3]]
        found[violation["id"], violation["impact"]] = nodes
    page.close()
    assert {key: nodes for key, nodes in found.items() if key[0] not in KNOWN} == {}
    assert {impact for _, impact in found} <= {"minor", "moderate"}


@pytest.mark.parametrize(
    "path",
    [
        "book/verdicts.html",
        *(pytest.param(f"book/{one}.html", marks=pytest.mark.further) for one in ("venues", "glossary")),
    ],
)
def test_axe_made_quicker_finds_what_axe_finds(without_policy: BrowserContext, site: str, path: str):
    found = []
    for script in (PLAIN, AXE):
        page = without_policy.new_page()
        page.goto(site + path)
        drawn_everywhere(page)
        # A page with faults: faint text, and a ground that shows through.
        page.add_style_tag(content="main p { color: rgb(150, 160, 170) } main td { background: hsl(40 50% 50% / 0.6) }")
        page.evaluate(script)
        found.append(
            page.evaluate(
                """() => axe.run(document, { resultTypes: ["violations", "incomplete"] }).then((said) =>
                  ["violations", "incomplete"].map((kind) => said[kind].flatMap((rule) =>
                    rule.nodes.map((node) => [rule.id, node.target, node.failureSummary]))))"""
            )
        )
        page.close()
    plain, quick = found
    assert quick == plain
    assert "color-contrast" in {rule for rule, *_ in plain[0]}


@pytest.mark.parametrize("chapter", of_one_chapter())
def test_the_tab_key_goes_through_every_control_and_shows_where_it_is(chapter_page, chapter):
    page = chapter_page(chapter)
    wanted = page.locator("figure.explorer form :is(input, select, button, a)").evaluate_all(
        "fields => fields.map(field => [field.closest('figure').id, field.name || field.textContent])"
    )
    assert wanted
    page.locator("figure.explorer figcaption").first.scroll_into_view_if_needed()
    page.locator("figure.explorer form :is(input, select, button)").first.focus()
    # There by keyboard, whatever was done with a mouse before.
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    reached = []
    for _ in range(3 * len(wanted) + 400):
        here = page.evaluate(
            """() => {
              const field = document.activeElement, form = field.closest("figure.explorer form");
              if (!form) return null;
              const style = getComputedStyle(field);
              return [field.closest("figure").id, field.name || field.textContent, field.matches(":focus-visible"),
                style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
            }"""
        )
        if here:
            assert here[2:] == [True, True], f"{here[:2]} does not show that it has the focus"
            reached.append(here[:2])
        if len(reached) == len(wanted):
            break
        page.keyboard.press("Tab")
    assert reached == wanted


def test_the_buttons_answer_to_the_keyboard(page, site):
    figure = opened(page, site + "book/structure.html#gap.jump=0.1", "gap")
    figure.get_by_role("button", name="Reset").focus()
    page.keyboard.press("Enter")
    settle(page)
    assert sentence(figure) == repr(explorers_of("structure")["gap"])


def test_the_sentence_is_said_once_a_change_and_politely(page, site):
    figure = opened(page, site + "book/structure.html", "gap")
    changes_said(page)
    field = figure.locator("[name=jump]")
    field.focus()
    field.press("ArrowRight")
    rest(page)
    assert page.evaluate("said") == [["status", sentence(figure)]]


def test_a_drag_is_followed_by_the_words_on_the_page_and_said_once(page, site):
    figure = opened(page, site + "book/structure.html", "gap")
    changes_said(page)
    seen = page.evaluate(
        """async () => {
          const field = document.querySelector("#explorer-gap [name=jump]");
          const words = document.querySelector("#explorer-gap .explorer-words"), seen = new Set();
          for (let i = 0; i < 20; i++) {
            field.value = i;
            field.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise(requestAnimationFrame);
            seen.add(words.textContent);
          }
          field.dispatchEvent(new Event("change", { bubbles: true }));
          return seen.size;
        }"""
    )
    assert seen >= 15
    rest(page)
    assert page.evaluate("said") == [["status", sentence(figure)]]


def test_a_reader_who_wants_no_motion_gets_none(page: Page, site: str):
    page.emulate_media(reduced_motion="reduce")
    opened(page, site + "book/structure.html", "gap")
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((one) => {
          const style = getComputedStyle(one);
          return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none" ||
            style.scrollBehavior === "smooth";
        }).length"""
    )
    assert moving == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_begins_in_the_colours_that_the_reader_prefers(page: Page, site: str, scheme: str):
    page.emulate_media(color_scheme=scheme)
    # What the page looks like before its deferred scripts run.
    page.add_init_script(
        "document.addEventListener('readystatechange',"
        " () => { window.early ??= document.documentElement.dataset.theme })"
    )
    page.goto(site + "book/structure.html")
    assert page.evaluate("[window.early, document.documentElement.dataset.theme]") == [scheme, scheme]


@pytest.fixture
def twice_the_size(chapter_page: Callable[[str], Page]) -> Iterator[Callable[[str], Page]]:
    """Return a function that gives a chapter's page as a browser lays it out at 200 %: in half the width."""
    pages = []

    def halved(chapter: str) -> Page:
        pages.append(chapter_page(chapter))
        pages[-1].set_viewport_size({"width": 640, "height": 450})
        return pages[-1]

    yield halved
    for page in pages:
        page.set_viewport_size(DESK)


@pytest.mark.parametrize("chapter", of_one_chapter())
def test_figures_can_be_read_at_twice_the_size(twice_the_size, chapter):
    page = twice_the_size(chapter)
    until(page, "() => document.documentElement.scrollWidth <= innerWidth")
    for name in explorers_of(chapter):
        figure = shown(page, name)
        until(page, INSIDE, [f"#explorer-{name}", DRAWN])
        # As large as they are seen: a drawing is fitted to its place.
        sizes = figure.locator(".xtick text, .ytick text, .explorer-drawing text").evaluate_all(
            """texts => texts.map((text) => {
              const { a, b } = text.getScreenCTM();
              return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
            })"""
        )
        assert min(sizes) >= 10


@pytest.mark.parametrize("chapter", ["index", "structure", "workbench"])
def test_on_a_phone_no_word_of_a_figure_is_cut_off_and_figures_turn_with_it(page: Page, site: str, chapter: str):
    page.set_viewport_size({"width": 375, "height": 812})
    page.goto(f"{site}book/{chapter}.html")
    drawn_everywhere(page)
    assert page.evaluate(CUT_OFF) == []
    page.set_viewport_size({"width": 812, "height": 375})
    until(page, FIT)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_figure_has_the_width_of_its_place_and_its_own_height_after_a_sidebar_has_slid_away(page: Page, site: str):
    page.set_viewport_size({"width": 700, "height": 800})
    plot = opened(page, site + "book/structure.html", "carry").locator(".explorer-plot")
    height = plot.evaluate("plot => plot.layout.height")
    page.set_viewport_size({"width": 1311, "height": 800})
    until(page, FIT)
    assert plot.evaluate("plot => [plot.layout.height, plot._fullLayout.height]") == [height, height]
    assert height > 100


@pytest.mark.parametrize(
    ("chapter", "tall", "named"), [("index", 3_500, set()), ("workbench", 1_500, {"Venue: ", "Equity: "})]
)
def test_on_a_phone_a_table_of_words_is_read_row_by_row(
    page: Page, site: str, chapter: str, tall: int, named: set[str]
):
    page.set_viewport_size({"width": 375, "height": 812})
    page.goto(f"{site}book/{chapter}.html")
    table = page.locator("table.words").first
    box = table.bounding_box()
    assert box["height"] < tall
    assert box["width"] <= 375
    # Short cells say which column they are of, where no head does.
    assert set(table.locator(".column").all_text_contents()) == named
    assert table.locator("thead").is_hidden()
    page.set_viewport_size(DESK)
    assert table.locator("thead").is_visible()
    assert not table.locator(".column").first.is_visible()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_figure_is_seen_and_reached_before_the_code_that_draws_it(html: Path, chapter: str):
    text = (html / "book" / f"{chapter}.html").read_text(encoding="utf-8")
    assert ("Show code cell source" in text) == (chapter != "index")
    assert not re.search(r'</details>\s*<div class="cell_output', text)


# Of the code that is shown: how tall it is while it is far from the view, and how tall once it is laid out.
TALL = """() => [...document.querySelectorAll(".cell_input")]
  .filter((code) => code.checkVisibility() && code.getBoundingClientRect().top > 3 * innerHeight)
  .map((code) => {
    const far = code.offsetHeight;
    code.style.contentVisibility = "visible";
    return [far, code.offsetHeight];
  })"""


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("path", ["structure", "formulas"])
def test_a_page_does_not_become_longer_when_its_code_comes_near(page: Page, site: str, path: str, width: int):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{site}book/{path}.html")
    tall = page.evaluate(TALL)
    assert len(tall) > 3
    assert sum(abs(far - near) for far, near in tall) < 0.15 * sum(near for _, near in tall)


@pytest.mark.parametrize("chapter", of_one_chapter())
def test_a_printed_chapter_has_every_figure_whole_and_dark_on_light(page, site, chapter):
    page.emulate_media(color_scheme="dark")
    page.goto(f"{site}book/{chapter}.html")
    for scheme in ("dark", "light"):
        page.emulate_media(media="screen", color_scheme=scheme)
        until(page, "scheme => document.documentElement.dataset.theme === scheme", scheme)
        # At first with nothing scrolled to: the script that draws has not been asked for.
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print", color_scheme=scheme)
        paper = 718  # A4 within its margins, in pixels
        for plot in page.locator(".explorer-plot").all():
            assert plot.locator("> svg, .main-svg").first.bounding_box()["width"] <= paper
            text = plot.locator(".xtick text, .ytick text, > svg text").first
            ink = text.evaluate("text => getComputedStyle(text).fill")
            assert sum(int(part) for part in re.findall(r"\d+", ink)[:3]) / 3 < 128
        page.emulate_media(media="screen", color_scheme=scheme)
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        settle(page)
        assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_a_page_from_a_file_prints_its_figures_too(chromium: Browser):
    page = chromium.new_page()
    page.goto((HTML / "book" / "structure.html").as_uri())
    arrived(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    count = page.locator(".explorer-plot:not(.explorer-drawing)").count()
    assert page.locator(".explorer-plot:has(.main-svg)").count() == count > 5
    page.close()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_reader_without_javascript_has_the_sentence_and_a_table(chromium, site, chapter):
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{site}book/{chapter}.html")
    for name, explorer in explorers_of(chapter).items():
        figure = page.locator(f"#explorer-{name}")
        assert sentence(figure) == repr(explorer)
        assert not figure.locator("form").is_visible()
        tables = (bool(explorer.controls) + (explorer.table is not None)) * [True]
        assert [table.is_visible() for table in figure.locator("table").all()] == tables
    page.close()
