"""A state is in the address: it can be shared, gone back to, and mistyped; and a shared page says what it is."""

from __future__ import annotations

import html
import random
import re
import string

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ..chapters import explorers_of
from .conftest import HTML
from .reader import CHAPTERS, address, elsewhere, of_one_chapter, opened, rest, sentence, settle, shown

STRUCTURE = "book/structure.html"


@pytest.mark.parametrize("chapter", of_one_chapter())
def test_an_address_with_values_opens_in_that_state_in_every_explorer(page, site, chapter):
    explorers = explorers_of(chapter)
    last = {name: {key: control.values[-1] for key, control in one.controls.items()} for name, one in explorers.items()}
    together = "&".join(filter(None, (address(explorers[name], values) for name, values in last.items())))
    page.goto(f"{site}book/{chapter}.html#{together}")
    for name, values in last.items():
        assert sentence(shown(page, name)) == explorers[name].draw(**values)[1]


def test_the_address_holds_the_values_and_back_and_forward_go_through_changes(page, site):
    figure = opened(page, site + STRUCTURE + "#jump=0.1", "gap")
    assert "A jump of 10%" in sentence(figure)
    elsewhere(figure, "jump")
    rest(page)
    assert "A jump of 12%" in sentence(figure)
    assert "jump=0.12" in page.url
    page.go_back()
    settle(page)
    assert "A jump of 10%" in sentence(figure)
    page.go_forward()
    settle(page)
    assert "A jump of 12%" in sentence(figure)


def test_quick_changes_are_one_step_back(page, site):
    figure = opened(page, site + STRUCTURE + "#jump=0.1", "gap")
    for _ in range(5):
        elsewhere(figure, "jump")
    rest(page)
    assert "A jump of 20%" in sentence(figure)
    page.go_back()
    settle(page)
    assert "A jump of 10%" in sentence(figure)


def test_reset_returns_to_the_start_and_clears_the_address(page, site):
    figure = opened(page, site + STRUCTURE + "#jump=0.1&gap.leverage=50", "gap")
    figure.get_by_role("button", name="Reset").click()
    rest(page)
    assert sentence(figure) == repr(explorers_of("structure")["gap"])
    assert "jump" not in page.url


def test_the_address_of_a_section_leaves_the_controls_alone(page, site):
    figure = opened(page, site + STRUCTURE + "#jump=0.1", "gap")
    page.evaluate("location.hash = 'claim-1-1'")
    settle(page)
    assert "A jump of 10%" in sentence(figure)


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_a_figure_is_saved_as_a_picture_without_asking_anybody(page, site, kind, begins):
    figure = opened(page, site + STRUCTURE, "gap")
    with page.expect_download() as saved:
        figure.get_by_role("button", name=f"Save as {kind.upper()}").click()
    assert saved.value.suggested_filename == f"gap.{kind}"
    assert saved.value.path().read_bytes().startswith(begins)


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_a_drawing_is_saved_as_a_picture_with_what_it_shows(page, site, kind, begins):
    figure = opened(page, site + STRUCTURE + "#pool.move=-0.1", "pool")
    with page.expect_download() as saved:
        figure.get_by_role("button", name=f"Save as {kind.upper()}").click()
    assert saved.value.suggested_filename == f"pool.{kind}"
    held = saved.value.path().read_bytes()
    assert held.startswith(begins)
    if kind == "svg":
        drawing, _ = explorers_of("structure")["pool"].draw(move=-0.1, follows="as far")
        said = [part.text for part in drawing.parts if part.text]
        assert [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]+)</text>", held.decode())] == said


@pytest.mark.parametrize(("given", "nearest"), [("0.101", "10%"), ("-7", "0%"), ("99", "60%"), ("1e-3", "0%")])
def test_a_number_that_no_control_has_becomes_the_nearest(page, site, given, nearest):
    figure = opened(page, f"{site}{STRUCTURE}#gap.jump={given}", "gap")
    assert f"A jump of {nearest}" in sentence(figure)


@pytest.mark.parametrize("given", ["", "abc", "1e999", "NaN", "0,1"])
def test_what_is_no_number_leaves_the_start(page, site, given):
    figure = opened(page, f"{site}{STRUCTURE}#gap.jump={given}", "gap")
    assert sentence(figure) == repr(explorers_of("structure")["gap"])


def malformed(seed: int) -> str:
    """Return an address no page has written: known names and stray ones, odd values, broken escapes, repetitions."""
    chance = random.Random(seed)
    names = ["jump", "gap.jump", "gap.leverage", "leverage", "gap", "__proto__", "constructor", "toString", "", "x.y.z"]
    pieces = [
        "0.1",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        "%",
        "%E0%A4%A",
        "%00",
        "<script>",
        "'\"",
        "null",
        "🙂",
        "0x1F",
        "+",
    ]
    noise = "".join(chance.choices(string.printable.strip(), k=chance.randint(0, 12)))
    values = [*pieces, noise, "9" * chance.randint(1, 400)]
    parts = [
        chance.choice(names) + chance.choice(["=", "", "=="]) + chance.choice(values)
        for _ in range(chance.randint(1, 6))
    ]
    return chance.choice(["&", "&&", ";", "&#"]).join(parts)


# Changes the address of a page that is open, and returns what its explorer says after each change.
CHANGED = """async (typed) => {
  const said = [];
  for (const hash of typed) {
    location.hash = hash;
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    said.push(document.querySelector("#explorer-gap .explorer-words").innerText);
  }
  return said;
}"""


def test_two_hundred_malformed_addresses_never_break_the_page(page, site):
    gap = explorers_of("structure")["gap"]
    sentences = {gap.draw(**values)[1] for values in gap.states()}
    for first in range(0, 200, 10):
        opens, *further = [malformed(seed) for seed in range(first, first + 10)]
        page.goto("about:blank")
        figure = opened(page, f"{site}{STRUCTURE}#{opens}", "gap")
        assert sentence(figure) in sentences, opens
        said = page.evaluate(CHANGED, further)
        assert [typed for typed, words in zip(further, said, strict=True) if words not in sentences] == []
    figure.get_by_role("button", name="Reset").click()
    settle(page)
    assert sentence(figure) == repr(gap)


def copied(page: Page, figure: Locator) -> str:
    figure.get_by_role("button", name="Copy link").click()
    figure.get_by_role("button", name="Copied").wait_for()
    return page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("state", ["", "#gap.jump=0.1&gap.leverage=50&floor.move=-0.2"])
def test_a_copied_link_opens_the_explorer_in_its_state(chromium: Browser, site: str, state: str):
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    figure = opened(page, site + STRUCTURE + state, "gap")
    before, link = sentence(figure), copied(page, figure)
    assert "floor" not in link
    page.goto("about:blank")
    figure = opened(page, link, "gap")
    assert sentence(figure) == before
    assert figure.bounding_box()["y"] < page.viewport_size["height"]
    context.close()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_explorer_leads_to_its_page_in_python(chapter_page, below, html, chapter):
    page = chapter_page(chapter)
    for name in explorers_of(chapter):
        link = page.locator(f"#explorer-{name}").get_by_role("link", name="Open in Python")
        address = link.evaluate("link => link.href").split("?")[0]
        assert (html / address.removeprefix(below)).exists()
        assert f"{chapter}.ipynb" in link.get_attribute("href")


# --- what a page says of itself ------------------------------------------------------------------------------


def heads() -> dict[str, str]:
    paths = [
        path for path in sorted(HTML.glob("*.html")) + sorted(HTML.glob("book/*.html")) if path != HTML / "index.html"
    ]
    return {str(path.relative_to(HTML)): path.read_text(encoding="utf-8").partition("</head>")[0] for path in paths}


def test_every_page_says_in_its_head_what_it_is_about():
    told = {}
    for name, head in heads().items():
        (told[name],) = re.findall(r'<meta name="description" content="([^"]*)"', head)
        assert f'<meta property="og:description" content="{told[name]}"' in head
        assert re.search(r'<meta property="og:title" content="[^"]*Margin Lab"', head)
        (picture,) = re.findall(r'<meta property="og:image" content="([^"]*)"', head)
        assert (HTML / name).parent.joinpath(picture).resolve().is_file()
        assert "og:image:alt" in head
        (icon,) = re.findall(r'<link rel="icon"[^>]* href="([^"]*)"', head)
        # The page that is shown at any address brings its own.
        assert icon.startswith("data:") or (HTML / name).parent.joinpath(icon).resolve().is_file()
    # What search engines show of it.
    assert all(50 <= len(text) <= 160 for text in told.values()), told
    assert len(set(told.values())) == len(told) >= 15


def test_the_map_of_the_site_has_every_page_of_the_book(html):
    found = re.findall(r"<loc>(.*?)</loc>", (html / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(found) == sorted(f"book/{path.name}" for path in html.glob("book/*.html"))


@pytest.mark.parametrize("where", ["nowhere.html", "book/nowhere.html", "book/deep/er/x.html"])
def test_an_address_that_leads_nowhere_leads_to_the_book(chromium: Browser, below: str, where: str):
    page = chromium.new_page()
    page.goto(below + where)
    assert "no page at this address" in page.inner_text("h1")
    page.click("a")
    assert page.url == below + "book/index.html"
    expect(page).to_have_title(re.compile("Margin Lab"))
    page.close()
