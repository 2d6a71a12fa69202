"""From an input event to the painted figure, beside a bare `Plotly.react` of the same figure on the same page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from playwright.sync_api import Page

from marginlab.display import Explorer
from marginlab.display.page import state_of
from tests.chapters import drawings_of, explorers_of
from tests.site.conftest import HTML
from tests.site.reader import CHAPTERS, shown
from tests.site.server import served

from ..measure import Result
from .visit import Visit

MOST = 1.25
MOVES = 60

# Moves the first slider and draws the same state in a second plot, in turns, each timed until its frame is painted.
RACE = """async ([figure, states, moves]) => {
  const field = figure.querySelector("form [name]"), plot = figure.querySelector(".explorer-plot");
  const bare = document.createElement("div");
  bare.style.cssText = `width: ${plot.clientWidth}px`;
  plot.after(bare);
  const config = { displayModeBar: false, responsive: true };
  const painted = () => new Promise((done) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(0);
  }));
  const rest = () => new Promise((done) => setTimeout(done, 20 + 16 * Math.random()));
  const taken = { page: [], bare: [] };
  await Plotly.newPlot(bare, structuredClone(states[0].data), structuredClone(states[0].layout), config);
  for (let move = 0; move < moves + 5; move++) {
    const place = move % states.length, state = structuredClone(states[place]);
    await rest();
    const before = performance.now();
    field.value = place;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await painted();
    const between = performance.now();
    await rest();
    const again = performance.now();
    Plotly.react(bare, state.data, state.layout, config);
    await painted();
    if (move >= 5) {
      taken.page.push(between - before);
      taken.bare.push(performance.now() - again);
    }
  }
  bare.remove();
  return taken;
}"""


def measure(visit: Visit) -> Iterator[Result]:
    """Yield the 95th percentile of all explorers' moves over that of the bare drawings."""
    taken: dict[str, list[float]] = {"page": [], "bare": []}
    parts = {}
    with served(HTML) as site:
        for chapter in CHAPTERS:
            page = visit.browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{site}book/{chapter}.html")
            for name, explorer in explorers_of(chapter).items():
                # A drawing has no bare drawing of plotly's beside it.
                if explorer.controls and name not in drawings_of(chapter):
                    one = race(page, explorer)
                    parts[name] = p95(one["page"]) / p95(one["bare"])
                    for side, times in taken.items():
                        times += one[side]
            page.close()
    sides = {f"{side} p95, ms": p95(times) for side, times in taken.items()}
    name = "input to painted figure, p95 over a bare react's"
    yield Result(name, p95(taken["page"]) / p95(taken["bare"]), "times", most=MOST, parts=sides | parts)


def race(page: Page, explorer: Explorer) -> dict[str, list[float]]:
    """Return the milliseconds of the moves of an explorer's first control, on the page and bare."""
    figure = shown(page, explorer.name)
    name, control = next(iter(explorer.controls.items()))
    states: list[Any] = [state_of(explorer.draw(**explorer.start | {name: value})) for value in control.values]
    return page.evaluate(RACE, [figure.element_handle(), states, MOVES])


def p95(times: list[float]) -> float:
    """Return what 95 of 100 moves stay below."""
    return float(np.percentile(times, 95))
