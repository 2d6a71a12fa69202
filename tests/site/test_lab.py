"""Beside a kernel: a chapter in a real JupyterLab, where stock widgets move the figures that the page moves."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from marginlab.display import Explorer
from marginlab.display.page import plain, state_of

from ..chapters import BOOK, controls_of, drawings_of, explorers_of
from .conftest import DESK
from .reader import PARTS

pytestmark = pytest.mark.further

CHAPTER = "structure"
DRAWN = ".main-svg, [data-part]"
NEXT = """one => one.scrollTop + one.clientHeight < one.scrollHeight - 1 ? one.scrollBy(0, 400) : one.scrollTo(0, 0)"""
# What was in view while its cell ran may be there for a moment more, and far from the view.
SEEN = """(boxes, drawn) => boxes.some((one) => {
  const { top, bottom } = one.getBoundingClientRect();
  return bottom > 0 && top < innerHeight && one.querySelector(drawn);
})"""
# What plotly holds of each trace, with its packed numbers as lists.
HELD = """plot => plot.data.map(trace => Object.fromEntries(["type", "name", "x", "y", "mode"].map(
  key => [key, ArrayBuffer.isView(trace[key]) ? Array.from(trace[key]) : trace[key] ?? null])))"""

# A live figure, and its place.
WIDTHS = """box => [".main-svg", ".widget-vbox"].map((one) => {
  const plot = box.querySelector(".js-plotly-plot");
  return (one === ".main-svg" ? plot.querySelector(one) : plot.closest(one)).getBoundingClientRect().width;
})"""
FITS = f"box => Math.abs(({WIDTHS})(box).reduce((figure, place) => figure - place)) < 2"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a copy of the book's folder from a JupyterLab on this machine alone, with settings of its own."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(BOOK, home / "book")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "RUNTIME")}
    own |= {f"JUPYTERLAB_{kind}_DIR": str(home / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={home}",
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env={**os.environ, **own}, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}/"
            for _ in range(240):
                if server.poll() is not None or answers(address + "api/status"):
                    break
                time.sleep(0.5)
            assert server.poll() is None, (home / "log").read_text()
            yield address
        finally:
            server.terminate()
            server.wait(30)


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except URLError:
        return False


@pytest.fixture(scope="module")
def notebook(chromium: Browser, lab: str) -> Iterator[Page]:
    """Open a chapter and run all its cells."""
    page = chromium.new_page(viewport=DESK)
    page.goto(f"{lab}lab/tree/book/{CHAPTER}.ipynb")
    page.locator(".jp-Notebook h1").first.wait_for(timeout=120_000)
    # Its kernel may come later than the notebook: cells that run before that do nothing, and say that all is well.
    page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel", timeout=120_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=120_000)
    # The application's own promise: an indicator may be busy and idle again before anybody looks.
    assert page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')") is True
    yield page
    page.close()


def live(page: Page, explorer: Explorer) -> Locator:
    """Return the widgets of an explorer, once they have drawn."""
    # The notebook keeps what is far from the view out of sight: go down, and again from the top, until it is there.
    box = page.locator(".widget-vbox", has=page.locator("strong", has_text=explorer.title)).last
    scroller = page.locator(".jp-WindowedPanel-outer").first
    for _ in range(200):
        if box.evaluate_all(SEEN, DRAWN):
            break
        scroller.evaluate(NEXT)
        page.wait_for_timeout(250)
    box.scroll_into_view_if_needed()
    box.locator(DRAWN).first.wait_for()
    return box


def held(box: Locator) -> Any:
    """Return the traces of a live figure at the precision of the page, or the parts of a drawing."""
    if box.locator("[data-part]").count():
        return box.locator("[role=img]").evaluate(PARTS)
    return plain(json.loads(json.dumps(box.locator(".js-plotly-plot").evaluate(HELD)).replace("NaN", "null")))


def arrived(box: Locator, traces: Any) -> bool:
    """Return whether a live figure or drawing comes to these traces; it does so some messages after its sentence."""
    return any(held(box) == traces or box.page.wait_for_timeout(250) for _ in range(80))


def expected(explorer: Explorer, values: dict[str, Any]) -> Any:
    state = state_of(explorer.draw(**values))
    if explorer.name in drawings_of(CHAPTER):
        return state["parts"]
    traces = state["data"]
    return [{key: trace[key] for key in ("type", "name", "x", "y", "mode") if key in trace} for trace in traces]


@pytest.mark.parametrize("name", list(controls_of(CHAPTER)), ids=lambda name: f"{CHAPTER}-{name}")
def test_stock_widgets_move_the_figure_to_the_state_of_the_page(notebook: Page, name: str):
    explorer = explorers_of(CHAPTER)[name]
    box = live(notebook, explorer)
    assert arrived(box, expected(explorer, explorer.start))
    values = explorer.start
    for control, spec in explorer.controls.items():
        place = spec.values.index(values[control])
        values[control] = spec.values[place + 1 if place + 1 < len(spec.values) else place - 1]
        if spec.is_menu:
            box.get_by_label(spec.label, exact=True).select_option(
                label=spec.written[spec.values.index(values[control])]
            )
        else:
            slider = box.locator(".widget-slider", has_text=spec.label).locator(".noUi-handle")
            slider.press("ArrowRight" if place + 1 < len(spec.values) else "ArrowLeft")
        state = explorer.draw(**values)
        expect(box.locator("p").last).to_have_text(state[1])
        assert arrived(box, expected(explorer, values)), values


def test_a_live_figure_that_was_moved_has_the_width_of_its_place_without_a_sidebar_too(notebook: Page):
    widths = []
    for _ in range(2):
        box = live(notebook, explorers_of(CHAPTER)["carry"])
        assert any(box.evaluate(FITS) or notebook.wait_for_timeout(250) for _ in range(80)), box.evaluate(WIDTHS)
        widths.append(box.evaluate(WIDTHS)[0])
        for key in ("ArrowRight", "ArrowLeft"):
            box.locator(".noUi-handle").first.press(key)
        notebook.wait_for_timeout(1_000)
        notebook.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        notebook.wait_for_timeout(1_000)
    assert widths[0] + 100 < widths[1]


def test_what_can_be_opened_looks_like_it(notebook: Page):
    live(notebook, next(iter(explorers_of(CHAPTER).values())))
    summary = notebook.locator(".jp-Notebook summary", has_text="Show the answer").first
    looks = summary.evaluate("one => [getComputedStyle(one).listStyleType, getComputedStyle(one).cursor]")
    assert looks == ["disclosure-closed", "pointer"]
