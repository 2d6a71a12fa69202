"""What a page shows is what `draw` returns in Python: every trace, the layout, the sentence, in many states.

Both sides are compared at the precision that the page stores, five significant digits (`marginlab.display.page.DIGITS`;
that rounding keeps to it is tested in `tests/display/test_page.py`).
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from marginlab.display.page import rows_of, state_of

from ..chapters import explorers_of
from .reader import EXPLORERS, FIGURES, PARTS, address, arrived, of_one_chapter, shown

# Goes through addresses of states and returns what plotly, or the drawing, and the page hold in each. The page answers
# while the address is changed, unless it still waits for the frame that shows the state before.
VISIT = """async ([plot, words, table], addresses, partsOf) => {
  const seen = [];
  const frame = () => new Promise(requestAnimationFrame);
  const at = (address) => new Promise((done) => {
    addEventListener("hashchange", done, { once: true });
    location.hash = address;
  });
  const link = (one) => one.querySelector("a")?.getAttribute("href");
  const cell = (one) => (link(one) ? [one.textContent, link(one)] : one.textContent);
  const rows = () => table && [...table.tBodies[0].rows].map((row) => [...row.cells].map(cell));
  // From elsewhere: where the address stays as it is, nothing is said of it.
  await at(`#${Date.now()}`);
  await frame();
  for (const address of addresses) {
    await at(address);
    await frame();
    const held = plot.data ? { data: plot.data, layout: plot.layout } : { parts: partsOf(plot) };
    seen.push({ ...held, sentence: words.textContent, rows: rows() });
  }
  return JSON.parse(JSON.stringify(seen));
}"""


# That what is read from a file answers in the same way is tried in fewer states.
WAYS = [("path", 25), pytest.param("file", 5, marks=pytest.mark.further)]


@pytest.mark.parametrize(("way", "most"), WAYS)
@pytest.mark.parametrize(("chapter", "name"), EXPLORERS)
def test_the_page_shows_what_draw_returns(opened_once, chapter, name, way, most):
    explorer, page = explorers_of(chapter)[name], opened_once(chapter, way).page
    states = list(explorer.states())
    chosen = random.Random(name).sample(states, min(most, len(states)))
    figure = shown(page, name)
    parts = [figure.locator(part).element_handle() for part in (".explorer-plot", ".explorer-words")]
    parts.append(None if explorer.table is None else figure.locator(".explorer-table table").element_handle())
    seen = page.evaluate(
        f"([plot, words, table, addresses]) => ({VISIT})([plot, words, table], addresses, {PARTS})",
        [*parts, [address(explorer, values) for values in chosen]],
    )
    for values, shows in zip(chosen, seen, strict=True):
        expected = state_of(explorer.draw(**values))
        assert shows["sentence"] == expected["sentence"], values
        assert shows["rows"] == (None if explorer.table is None else rows_of(explorer.table(**values))), values
        assert shows.get("parts") == expected.get("parts"), values
        assert len(shows.get("data", ())) == len(expected.get("data", ()))
        for key in ("data", "layout") if "data" in expected else ():
            assert missing(expected[key], shows[key], key) == [], values


def missing(expected: Any, shows: Any, where: str) -> list[str]:
    """Return what is expected and not shown; plotly adds to what it is given, and the page sets colours of axes."""
    if isinstance(expected, dict):
        if not isinstance(shows, dict):
            return [where]
        if expected.get("autorange") == "reversed" and shows["range"][0] > shows["range"][1]:
            expected = expected | {"autorange": True}  # plotly turns an axis round, and says so by its range alone
        parts = [missing(part, shows.get(key), f"{where}.{key}") for key, part in expected.items()]
        return [one for found in parts for one in found if not themed(one)]
    if isinstance(expected, list):
        if not isinstance(shows, list) or len(shows) != len(expected):
            return [where]
        return [one for i, part in enumerate(expected) for one in missing(part, shows[i], f"{where}.{i}")]
    return [] if shows == expected else [f"{where}: {shows!r}, not {expected!r}"]


def themed(where: str) -> bool:
    """Whether a part is coloured by the page's theme rather than by the figure."""
    return where.startswith("layout.font.color")


@pytest.mark.parametrize("chapter", of_one_chapter())
def test_a_page_that_is_open_answers_without_a_network(chromium: Browser, below: str, chapter: str):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{below}book/{chapter}.html")
    page.mouse.move(200, 200)  # somebody reads
    if chapter in {one for one, _ in FIGURES}:
        arrived(page)
    context.set_offline(True)
    for name, explorer in explorers_of(chapter).items():
        figure = shown(page, name)
        last = {key: control.values[-1] for key, control in explorer.controls.items()}
        page.evaluate("hash => { location.hash = hash }", address(explorer, last))
        expect(figure.locator(".explorer-words")).to_have_text(explorer.draw(**last)[1])
    context.close()
