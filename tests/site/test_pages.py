"""The built pages in a real browser: every figure is drawn, every control answers, nothing leaves the host."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import plotly.offline
import pytest
from playwright.sync_api import Page

from marginlab.display.page import state_of

from ..chapters import controls_of, explorers_of, module_of
from .reader import DRAWINGS, EXPLORERS, FIGURES, HELD, opened, rest, sentence, settle, shown

every_figure = pytest.mark.parametrize(("chapter", "name"), FIGURES)
every_drawing = pytest.mark.parametrize(("chapter", "name"), DRAWINGS)
with_controls = pytest.mark.parametrize(
    ("chapter", "name"),
    [pair for pair in EXPLORERS if controls_of(pair[0])[pair[1]]],
    ids=lambda part: part,
)


def test_every_page_opens_without_complaint_and_every_link_in_the_book_leads_somewhere(open_tab, site, html):
    pages = {}
    for path in sorted(html.rglob("*.html")):
        if "_static" in path.parts or path == html / "index.html":
            continue  # templates the theme leaves behind, and the page that only sends on to the book
        pages[path] = open_tab()
        pages[path].goto(site + str(path.relative_to(html)))
    for path, page in pages.items():
        page.wait_for_load_state("networkidle")
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


@every_figure
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


# Moves each control of an explorer by a step from its start, and then to its ends or through the lines of a menu until
# the figure is another; returns what changed. That a keyboard moves them is tested in `test_anywhere`.
STEPS = """async (figure, [held]) => {
  const found = [];
  const words = () => figure.querySelector(".explorer-words").textContent;
  const shown = () => JSON.stringify(held(figure));
  const frame = () => new Promise(requestAnimationFrame);
  const to = async (field, value) => {
    field.value = value;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    await frame();
  };
  for (const field of figure.querySelectorAll("form [name]")) {
    figure.querySelector("form button[type=reset]").click();
    await frame();
    const before = shown(), said = words(), start = Number(field.value), last = Number(field.max);
    const lines = [...(field.options ?? [])].map(({ value }) => value);
    await to(field, field.options ? lines.find((one) => one !== field.value) : start < last ? start + 1 : start - 1);
    const word = words() !== said;
    let drawn = false;
    for (const value of field.options ? lines : [0, last]) {
      await to(field, value);
      if ((drawn = shown() !== before)) break;
    }
    found.push([field.name, word, drawn]);
  }
  return found;
}"""


@with_controls
def test_each_step_of_a_control_changes_the_sentence_and_some_change_the_figure(chapter_page, chapter, name):
    page = chapter_page(chapter)
    figure = shown(page, name)
    settle(page)
    moved = figure.evaluate(f"figure => ({STEPS})(figure, [{HELD}])")
    assert moved == [[control, True, True] for control in explorers_of(chapter)[name].controls]


@with_controls
def test_every_control_has_a_name_and_is_reached_by_keyboard(chapter_page, chapter, name):
    figure = shown(chapter_page(chapter), name)
    for control in explorers_of(chapter)[name].controls.values():
        field = figure.get_by_label(control.label, exact=True)
        field.focus()
        assert field.evaluate("field => field === document.activeElement")


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_their_window_and_figures_follow_the_theme(page, site, width, scheme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    figure = opened(page, site + "book/structure.html", "carry")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = figure.locator(".main-svg").first.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    ink = figure.locator(".xtick text").first.evaluate("text => getComputedStyle(text).fill")
    lightness = sum(json.loads(f"[{ink.removeprefix('rgb(').removesuffix(')')}]")) / 3
    assert (lightness > 128) == (scheme == "dark")


@pytest.mark.parametrize(("name", "text"), [("carry", ".xtick text"), ("pool", "svg text")])
def test_a_change_of_theme_recolours_figures_and_drawings_in_place(page, site, name, text):
    figure = opened(page, site + "book/structure.html", name)
    colour = "text => getComputedStyle(text).fill"
    before = figure.locator(text).first.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert figure.locator(text).first.evaluate(colour) != before


def test_quick_changes_draw_at_once_then_the_latest_and_never_twice_a_frame(page, site):
    figure = opened(page, site + "book/structure.html", "gap")
    drawn = page.evaluate(
        """async () => {
          const field = document.querySelector("#explorer-gap [name=jump]"), react = Plotly.react, drawn = [];
          const frame = () => new Promise(requestAnimationFrame), most = Number(field.max);
          let now = 0;
          Plotly.react = (...given) => (drawn.push([now, Number(field.value)]), react(...given));
          for (let place = 0; place <= most; place++) {
            field.value = place;
            field.dispatchEvent(new Event("input", { bubbles: true }));
          }
          for (now = 1; now < 5; now++) await frame();
          Plotly.react = react;
          return [drawn, most];
        }"""
    )
    (first, second), most = drawn
    assert first == [0, 0]
    assert second[0] > 0
    assert second[1] == most
    explorer = explorers_of("structure")["gap"]
    last = {key: control.values[-1] if key == "jump" else control.start for key, control in explorer.controls.items()}
    assert sentence(figure) == explorer.draw(**last)[1]


# --- drawings -------------------------------------------------------------------------------------------------


@every_drawing
def test_a_finger_on_a_drawing_moves_its_first_slider_as_far_as_itself(chapter_page, chapter, name):
    page = chapter_page(chapter)
    figure, explorer = shown(page, name), explorers_of(chapter)[name]
    figure.get_by_role("button", name="Reset").click()
    control, values = next(iter(explorer.controls.items()))
    plot = figure.locator(".explorer-drawing")
    plot.scroll_into_view_if_needed()
    box, steps = plot.bounding_box(), 2
    x, y = box["x"] + box["width"] / 2, box["y"] + 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - box["width"] * steps / (len(values.values) - 1), y, steps=4)
    page.mouse.up()
    page.mouse.move(x, y)
    settle(page)
    there = explorer.start | {control: values.values[values.start_index - steps]}
    assert sentence(figure) == explorer.draw(**there)[1]
    rest(page)
    assert f"{control}=" in page.url


@every_drawing
@pytest.mark.parametrize("width", [1280, 375])
def test_pictures_stand_side_by_side_where_there_is_room_and_never_over_the_edge(page, site, chapter, name, width):
    page.set_viewport_size({"width": width, "height": 800})
    figure = opened(page, f"{site}book/{chapter}.html", name)
    frame, first, second = (
        figure.bounding_box(),
        *(figure.locator(".explorer-drawing > svg").nth(i).bounding_box() for i in range(2)),
    )
    assert (first["y"] == second["y"]) == (width > 1000)
    for one in (first, second):
        assert frame["x"] <= one["x"]
        assert one["x"] + one["width"] <= frame["x"] + frame["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("motion", "seconds"), [("no-preference", 0.15), ("reduce", 0)])
def test_levels_move_smoothly_for_those_who_want_motion_alone(page: Page, site: str, motion: str, seconds: float):
    page.emulate_media(reduced_motion=motion)
    figure = opened(page, site + "book/structure.html", "pool")
    level = figure.locator("[data-part=cross-0-level]")
    assert level.evaluate("part => parseFloat(getComputedStyle(part).transitionDuration)") == seconds
