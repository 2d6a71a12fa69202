"""The built pages in a real browser: every figure is drawn, every control answers, nothing leaves the host."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import plotly.offline
import pytest
from playwright.sync_api import Browser, Locator, Page

from marginlab import Explorer
from marginlab.island import state_of

from ..chapters import explorers_of, module_of
from .conftest import watch

CHAPTERS = ["structure", "mechanics", "volatility", "questions", "venues"]
EXPLORERS = [(chapter, name) for chapter in CHAPTERS for name in explorers_of(chapter)]
every_explorer = pytest.mark.parametrize(("chapter", "name"), EXPLORERS, ids=[name for _, name in EXPLORERS])
with_controls = pytest.mark.parametrize(
    ("chapter", "name"),
    [pair for pair in EXPLORERS if explorers_of(pair[0])[pair[1]].controls],
    ids=lambda part: part,
)


def opened(page: Page, address: str, name: str) -> Locator:
    """Open an address and return one of its explorers, drawn."""
    page.goto(address)
    return shown(page, name)


def shown(page: Page, name: str) -> Locator:
    """Return an explorer of the page that is open, drawn."""
    figure = page.locator(f"#explorer-{name}")
    figure.scroll_into_view_if_needed()
    figure.locator(".main-svg").first.wait_for()
    return figure


@pytest.fixture(scope="module")
def chapter_page(chromium: Browser, site: str) -> Iterator[Callable[[str], Page]]:
    """Return a function that gives a chapter's page, opened once; at the end none may have complained."""
    pages: dict[str, tuple[Page, list[str]]] = {}

    def opened_once(chapter: str) -> Page:
        if chapter not in pages:
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            pages[chapter] = page, watch(page, site)
            page.goto(f"{site}book/{chapter}.html")
        return pages[chapter][0]

    yield opened_once
    for page, troubles in pages.values():
        page.close()
        assert troubles == []


def traces(figure: Locator) -> Any:
    """Return what plotly holds of a figure's traces."""
    keys = ["type", "name", "x", "y", "mode"]
    script = f"plot => plot.data.map(trace => Object.fromEntries({keys}.map(key => [key, trace[key] ?? null])))"
    return figure.locator(".explorer-plot").evaluate(script)


def sentence(figure: Locator) -> str:
    return figure.locator(".explorer-words").inner_text()


def settle(page: Page) -> None:
    """Wait until the frame after the next has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def elsewhere(figure: Locator, control: str) -> None:
    """Move a control by keyboard, or choose another line of a menu."""
    field = figure.locator(f"[name={control}]")
    if field.evaluate("field => field.tagName") == "SELECT":
        others = field.locator("option:not(:checked)")
        field.select_option(value=others.first.get_attribute("value"))
    else:
        field.focus()
        field.press("ArrowRight" if field.input_value() != field.get_attribute("max") else "ArrowLeft")


def test_every_page_opens_without_complaint_and_every_link_in_the_book_leads_somewhere(page, site, html):
    for path in sorted(html.rglob("*.html")):
        if "_static" in path.parts or path == html / "index.html":
            continue  # templates the theme leaves behind, and the page that only sends on to the book
        page.goto(site + str(path.relative_to(html)))
        links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
        for link in {link.split("#")[0].split("?")[0] for link in links if link.startswith(site)}:
            target = html / link.removeprefix(site)
            assert target.exists(), f"{path.name} links to {link}"


def test_every_link_to_a_place_leads_to_one_place(html):
    pages = {path: path.read_text(encoding="utf-8") for path in (html / "book").glob("*.html")}
    places = {path: Counter(re.findall(r'\sid="([^"]+)"', text)) for path, text in pages.items()}
    found = 0
    for path, text in pages.items():
        main = text[text.index("<main") : text.index("</main>")]
        for link in re.findall(r'href="([^"]*#[^"]+)"', main):
            target, fragment = link.split("#")
            if "://" in target:
                continue
            where = (path.parent / target).resolve() if target else path
            assert places[where][fragment] == 1, f"{path.name} links to {link}"
            found += 1
    assert found > 200


@pytest.mark.parametrize("claim", module_of("claims").all_claims(), ids=lambda claim: claim.id)
def test_a_claim_is_reached_from_the_front_page(html, claim):
    assert f'href="{claim.link.replace(".ipynb", ".html")}"' in (html / "book" / "index.html").read_text(
        encoding="utf-8"
    )


def test_every_page_says_in_its_head_what_it_is_about(html):
    told = {}
    for path in (html / "book").glob("*.html"):
        head = path.read_text(encoding="utf-8").partition("</head>")[0]
        (told[path.stem],) = re.findall(r'<meta name="description" content="([^"]*)"', head)
        assert f'<meta property="og:description" content="{told[path.stem]}"' in head
        assert re.search(r'<meta property="og:title" content="[^"]*Margin Lab"', head)
    # What search engines show of it.
    assert all(50 <= len(text) <= 160 for text in told.values()), told
    assert len(set(told.values())) == len(told) >= 12


def test_the_pages_draw_with_the_plotly_of_the_python_package(html):
    head = (html / "_static" / "plotly.min.js").read_text(encoding="utf-8")[:300]
    assert f"v{plotly.offline.get_plotlyjs_version()}\n" in head


def test_no_page_asks_for_the_script_that_draws_icons(page, site):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site + "book/structure.html")
    icon = page.locator(".sidebar-toggle .fa-bars, .fa-bars").first
    assert not [url for url in asked if "fontawesome.js" in url]
    # The font draws them.
    assert "Font Awesome" in icon.evaluate("icon => getComputedStyle(icon, '::before').fontFamily")


@every_explorer
def test_every_figure_has_drawn_marks(chapter_page, chapter, name):
    explorer = explorers_of(chapter)[name]
    figure = shown(chapter_page(chapter), name)
    drawn = figure.locator(".scatterlayer path, .barlayer path").evaluate_all(
        "paths => paths.filter(path => (path.getAttribute('d') || '').length > 10).length"
    )
    kept = [trace for trace in state_of(explorer.draw(**explorer.start))["data"] if any_number(trace)]
    assert drawn >= len(kept) / 2 > 0


def any_number(trace: dict[str, Any]) -> bool:
    """Whether a trace has anything to draw."""
    return any(
        isinstance(x, float | int | str) and isinstance(y, float | int | str)
        for x, y in zip(trace["x"], trace["y"], strict=True)
    )


@with_controls
def test_each_step_of_a_control_changes_the_sentence_and_some_change_the_figure(chapter_page, chapter, name):
    page = chapter_page(chapter)
    figure = shown(page, name)
    for control in explorers_of(chapter)[name].controls:
        figure.get_by_role("button", name="Reset").click()
        settle(page)
        before, said = traces(figure), sentence(figure)
        elsewhere(figure, control)
        settle(page)
        assert sentence(figure) != said, f"{control} changes no word"
        assert any(traces(figure) != before for _ in through(page, figure, control)), f"{control} changes no figure"


def through(page: Page, figure: Locator, control: str) -> Iterator[None]:
    """Take a control to its ends, or a menu to each of its lines."""
    field = figure.locator(f"[name={control}]")
    if field.evaluate("field => field.tagName") == "SELECT":
        for value in field.locator("option").evaluate_all("options => options.map(option => option.value)"):
            field.select_option(value=value)
            settle(page)
            yield
    else:
        for key in ("Home", "End"):
            field.press(key)
            settle(page)
            yield


@with_controls
def test_the_page_shows_what_draw_returns(chapter_page, chapter, name):
    explorer, page = explorers_of(chapter)[name], chapter_page(chapter)
    figure = shown(page, name)
    states = list(explorer.states())
    for values in random.Random(name).sample(states, min(5, len(states))):
        page.evaluate("address => { location.hash = address }", address(explorer, values))
        settle(page)
        expected = state_of(explorer.draw(**values))
        assert sentence(figure) == expected["sentence"]
        kept = traces(figure)
        assert [trace["y"] for trace in kept] == [trace["y"] for trace in expected["data"]]
        assert [trace["x"] for trace in kept] == [trace["x"] for trace in expected["data"]]


def address(explorer: Explorer, values: dict[str, Any]) -> str:
    return urlencode({f"{explorer.name}.{name}": value for name, value in values.items()})


def test_the_address_holds_the_values_and_back_undoes_a_change(page, site):
    figure = opened(page, site + "book/structure.html#jump=0.1", "gap")
    assert "A jump of 10%" in sentence(figure)
    field = figure.locator("[name=jump]")
    field.focus()
    field.press("ArrowRight")
    settle(page)
    assert "A jump of 12%" in sentence(figure)
    assert "jump=0.12" in page.url
    page.go_back()
    settle(page)
    assert "A jump of 10%" in sentence(figure)


def test_reset_returns_to_the_start_and_clears_the_address(page, site):
    explorer = explorers_of("structure")["gap"]
    figure = opened(page, site + "book/structure.html#jump=0.1&gap.leverage=50", "gap")
    figure.get_by_role("button", name="Reset").click()
    settle(page)
    assert sentence(figure) == repr(explorer)
    assert "jump" not in page.url


def test_the_address_of_a_section_leaves_the_controls_alone(page, site):
    figure = opened(page, site + "book/structure.html#jump=0.1", "gap")
    page.evaluate("location.hash = 'claim-1-1'")
    settle(page)
    assert "A jump of 10%" in sentence(figure)


@pytest.mark.parametrize(
    "bad", ["jump=", "jump=abc", "jump=1e999", "jump=-7", "gap.jump=%", "x=%E0%A4%A", "jump", "&&="]
)
def test_a_bad_address_never_breaks_the_page(page, site, bad):
    figure = opened(page, f"{site}book/structure.html#{bad}", "gap")
    assert "A jump of" in sentence(figure)


@with_controls
def test_every_control_has_a_name_and_is_reached_by_keyboard(chapter_page, chapter, name):
    figure = shown(chapter_page(chapter), name)
    for control in explorers_of(chapter)[name].controls.values():
        field = figure.get_by_label(control.label, exact=True)
        field.focus()
        assert field.evaluate("field => field === document.activeElement")


def test_a_reader_without_javascript_has_the_sentence_and_a_table(chromium, site):
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(site + "book/structure.html")
    figure = page.locator("#explorer-gap")
    assert "A jump of 30%" in sentence(figure)
    assert figure.locator("noscript").count() == 1
    assert figure.locator("table").is_visible()
    assert not figure.locator("form").is_visible()
    page.close()


def test_the_book_answers_from_a_file(chromium: Browser, html: Path):
    page = chromium.new_page()
    troubles = watch(page, html.as_uri())
    figure = opened(page, (html / "book" / "structure.html").as_uri(), "gap")
    elsewhere(figure, "jump")
    settle(page)
    assert "A jump of 32%" in sentence(figure)
    assert "jump=0.32" in page.url
    page.close()
    assert troubles == []


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_their_window_and_figures_follow_the_theme(chromium, site, width, scheme):
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    figure = opened(page, site + "book/structure.html", "carry")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = figure.locator(".main-svg").first.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    ink = figure.locator(".xtick text").first.evaluate("text => getComputedStyle(text).fill")
    lightness = sum(json.loads(f"[{ink.removeprefix('rgb(').removesuffix(')')}]")) / 3
    assert (lightness > 128) == (scheme == "dark")
    page.close()


def test_a_change_of_theme_recolours_figures_in_place(page, site):
    figure = opened(page, site + "book/structure.html", "carry")
    colour = "text => getComputedStyle(text).fill"
    before = figure.locator(".xtick text").first.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert figure.locator(".xtick text").first.evaluate(colour) != before
