"""What a reader does on a page: open it, find an explorer, move a control, read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page

from marginlab.display import Explorer

from ..chapters import controls_of, drawings_of

CHAPTERS = ["index", "structure", "mechanics", "volatility", "october", "questions", "workbench", "venues"]
EXPLORERS = [(chapter, name) for chapter in CHAPTERS for name in controls_of(chapter)]
DRAWINGS = [(chapter, name) for chapter, name in EXPLORERS if name in drawings_of(chapter)]
FIGURES = [one for one in EXPLORERS if one not in DRAWINGS]


def of_one_chapter(*more: str) -> list[Any]:
    """Return the chapters for what is said of one at every run of the tests, and of the others where there is time."""
    return [
        pytest.param(chapter, *more, marks=[] if chapter == "structure" else pytest.mark.further)
        for chapter in CHAPTERS
    ]


# What is there once an explorer is drawn: by plotly, or from the start.
DRAWN = ".main-svg, .explorer-drawing > svg"


# What the parts of a drawing have, by their names, as `Drawing.state` says it.
PARTS = """plot => Object.fromEntries([...plot.querySelectorAll("[data-part]")].map((part) => [
  part.dataset.part,
  {
    ...Object.fromEntries(part.getAttributeNames().filter((key) => key !== "data-part")
      .map((key) => [key, part.getAttribute(key)])),
    ...(part.tagName === "text" ? { text: part.textContent } : {}),
  },
]))"""
# What plotly holds of the traces of a figure, or what the parts of a drawing have.
HELD = f"""figure => {{
  const keys = ["type", "name", "x", "y", "mode", "text"];
  const drawing = figure.querySelector(".explorer-drawing");
  if (drawing) return ({PARTS})(drawing);
  return figure.querySelector(".explorer-plot").data.map((trace) => keys.map((key) => trace[key] ?? null));
}}"""


def opened(page: Page, address: str, name: str) -> Locator:
    """Open an address and return one of its explorers, drawn."""
    page.goto(address)
    return shown(page, name)


def shown(page: Page, name: str) -> Locator:
    """Return an explorer of the page that is open, drawn."""
    figure = page.locator(f"#explorer-{name}")
    figure.scroll_into_view_if_needed()
    figure.locator(DRAWN).first.wait_for()
    return figure


def drawn_everywhere(page: Page) -> None:
    """Scroll through a page, so that every figure is there."""
    for figure in page.locator("figure.explorer").all():
        figure.scroll_into_view_if_needed()
        figure.locator(DRAWN).first.wait_for()


def sentence(figure: Locator) -> str:
    """Return the words below a figure."""
    return figure.locator(".explorer-words").inner_text()


def settle(page: Page) -> None:
    """Wait until the frame after the next has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def until(page: Page, holds: str, given: Any = None) -> None:
    """Wait until a function of JavaScript returns true; a page's policy allows no text to be run, only functions.

    It asks by a clock: to ask at every frame makes the browser paint each.
    """
    page.evaluate(
        f"""async (given) => {{
          for (let end = Date.now() + 30000; !({holds})(given); await new Promise((done) => setTimeout(done, 20)))
            if (Date.now() > end) throw new Error("in vain for 30 seconds");
        }}""",
        given,
    )


def arrived(page: Page) -> None:
    """Wait for the script that draws."""
    until(page, "() => window.Plotly")


def changes_said(page: Page) -> None:
    """Count from now on what a screen reader would be given to say."""
    page.evaluate(
        """() => {
          window.said = [];
          for (const live of document.querySelectorAll("[role=status], [role=alert], [aria-live]"))
            new MutationObserver(() => window.said.push([live.getAttribute("role"), live.textContent]))
              .observe(live, { childList: true, characterData: true, subtree: true });
        }"""
    )


def rest(page: Page) -> None:
    """Wait until a change has been taken into the address, and said."""
    page.wait_for_timeout(600)


# The first line of a menu that is not chosen, or whether a slider is at its end.
ELSEWHERE = """field => [
  [...(field.options ?? [])].find((line) => !line.selected)?.value ?? null,
  field.value === field.max,
]"""


def elsewhere(figure: Locator, control: str) -> None:
    """Move a control by keyboard, or choose another line of a menu."""
    field = figure.locator(f"[name={control}]")
    line, last = field.evaluate(ELSEWHERE)
    if line is None:
        field.press("ArrowLeft" if last else "ArrowRight")
    else:
        field.select_option(value=line)


def address(explorer: Explorer, values: dict[str, Any]) -> str:
    """Return what stands behind the # of a page's address for these values of an explorer."""
    return urlencode({f"{explorer.name}.{name}": value for name, value in values.items()})
