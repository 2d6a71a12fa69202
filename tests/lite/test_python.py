"""From a page's button to Python in the browser: every chapter runs there, answers, and asks nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import marginlab
from marginlab.comparison import chances_of, compare
from marginlab.display import Explorer, screens
from marginlab.portfolio import preset

from ..chapters import BOOK, NAMES, controls_of, drawings_of, explorers_of
from ..published.evaluate import evaluate
from ..site.conftest import watch
from .conftest import SITE
from .first import asked_for

ANSWERING = [name for name in NAMES if controls_of(name)]
# Plotly lays out a figure that the notebook has not given its width yet, and draws it again when it has.
HARMLESS = "<g> attribute transform: Trailing garbage"
# What the outputs of a notebook in the page's own model hold that should not be there.
COMPLAINTS = """() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells.flatMap(
  cell => (cell.outputs ?? []).filter(one => one.output_type === "error" || one.name === "stderr"))"""
UNRUN = """() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells.filter(
  cell => cell.cell_type === "code" && cell.execution_count === null).length"""
RUN = """async code => {
  const future = jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code });
  let told = "";
  future.onIOPub = ({ content }) => { told += content.text ?? content.traceback?.join("\\n") ?? ""; };
  await future.done;
  return told;
}"""

# Puts code into a cell of its own below the last, and runs it.
WRITTEN = """async code => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.length - 1;
  await jupyterapp.commands.execute("notebook:insert-cell-below");
  notebook.activeCell.model.sharedModel.setSource(code);
  await jupyterapp.commands.execute("notebook:run-cell");
}"""


def opened(chromium: Browser, site: str, chapter: str) -> tuple[Page, list[str]]:
    """Follow a chapter's button in a page that reaches nothing but the site, and wait for the kernel."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.route(lambda address: not address.startswith((site, "data:", "blob:")), lambda route: route.abort())
    page = context.new_page()
    troubles = watch(page, site)
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    page.goto(f"{site}book/{chapter}.html")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Run in your browser").click()
    page.wait_for_url("**/python/**")
    troubles.clear()  # the page that was left may have begun to fetch the script that draws
    page.locator(".jp-Notebook h1").first.wait_for(timeout=120_000)
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady", timeout=120_000)
    return page, troubles


def run(page: Page) -> None:
    """Wait until all cells have run, which they do by themselves."""
    page.wait_for_function(f"({UNRUN})() === 0 || ({COMPLAINTS})().length", timeout=300_000)


@pytest.fixture(scope="module", params=NAMES)
def chapter(request: pytest.FixtureRequest, chromium: Browser, site: str) -> Iterator[tuple[str, Page]]:
    """Every notebook of the book in turn, opened by its button and run; at the end nothing was amiss."""
    page, troubles = opened(chromium, site, request.param)
    run(page)
    yield request.param, page
    assert page.locator(".jp-Dialog").count() == 0
    page.context.close()
    assert [one for one in troubles if HARMLESS not in one] == []


def test_a_chapter_runs_to_its_end_without_a_complaint(chapter):
    _, page = chapter
    assert page.evaluate(COMPLAINTS) == []


def moved(explorer: Explorer) -> tuple[str, dict[str, Any]] | None:
    """Return the first slider of an explorer, and the values after one step of it that changes the sentence."""
    for name, control in explorer.controls.items():
        place = control.start_index
        if control.is_menu or place + 1 == len(control.values):
            continue
        values = {**explorer.start, name: control.values[place + 1]}
        if explorer.draw(**values)[1] != explorer.draw(**explorer.start)[1]:
            return control.label, values
    return None


def test_a_slider_moves_figure_and_sentence(chapter):
    name, page = chapter
    # A figure of plotly's where there is one, else a drawing.
    found = sorted(explorers_of(name).values(), key=lambda one: one.name in drawings_of(name))
    explorer, step = next(((one, step) for one in found if (step := moved(one))), (None, None))
    if name not in ANSWERING:
        assert explorer is None
        return
    label, values = step
    box = page.locator(".widget-vbox", has=page.locator("strong", has_text=explorer.title)).last
    box.scroll_into_view_if_needed()
    drawing = explorer.name in drawings_of(name)
    figure = box.locator("[role=img]" if drawing else ".js-plotly-plot")
    figure.locator("[data-part]" if drawing else ".main-svg").first.wait_for(timeout=60_000)
    expect(box.locator("p").last).to_have_text(explorer.draw(**explorer.start)[1])
    traces = "plot => JSON.stringify(plot.data.map(({ x, y }) => [Array.from(x ?? []), Array.from(y ?? [])]))"
    drawn = "plot => plot.innerHTML" if drawing else traces
    before = figure.evaluate(drawn), figure.screenshot()
    box.locator(".widget-slider", has_text=label).locator(".noUi-handle").press("ArrowRight")
    expect(box.locator("p").last).to_have_text(explorer.draw(**values)[1], timeout=30_000)
    for _ in range(100):
        if figure.evaluate(drawn) != before[0] or figure.screenshot() != before[1]:
            return
        page.wait_for_timeout(100)
    pytest.fail("the figure did not change")


def test_the_form_draws_paths_for_an_account_and_stops_when_it_is_told(chromium: Browser, site: str):
    page, troubles = opened(chromium, site, "workbench")
    run(page)
    bet = preset("one-20x-bet")
    found = compare(bet.account, bet.marks, venue=bet.venue)
    page.get_by_label("Start from").select_option(label=bet.title)
    standing = screens.summary(found).sentence
    page.locator(".widget-tab p", has_text=standing).wait_for(timeout=30_000)
    page.get_by_role("tab", name="Chance").click()
    draw = page.get_by_role("button", name="Draw paths")
    draw.click()
    known = screens.by_chance(found, chances_of(found))
    page.locator(".widget-tab p", has_text=known.sentence).wait_for(timeout=60_000)
    draw.click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("of the paths drawn so far").wait_for(timeout=30_000)
    page.get_by_label("Wallet").fill("much")
    page.get_by_label("Wallet").press("Tab")
    page.get_by_text("must be a number such as 1500 or 0.25, without separators, not 'much'").wait_for(timeout=30_000)
    page.context.close()
    assert [one for one in troubles if HARMLESS not in one] == []


@pytest.fixture(scope="module")
def kernel(chromium: Browser, site: str) -> Iterator[Page]:
    page, _ = opened(chromium, site, "structure")
    yield page
    page.context.close()


def test_the_library_there_is_that_of_this_book(kernel):
    assert kernel.evaluate(RUN, "import marginlab; print(marginlab.__version__)").strip() == marginlab.__version__


def test_published_figures_come_out_as_they_do_outside(kernel):
    published = BOOK.parent / "tests" / "published"
    examples = json.loads((published / "examples.json").read_text(encoding="utf-8"))
    source = (published / "evaluate.py").read_text(encoding="utf-8")
    told = kernel.evaluate(
        RUN,
        f"import json\n{source.replace('from __future__ import annotations', '')}\n"
        f"print(json.dumps([evaluate(one) for one in json.loads({json.dumps(json.dumps(examples))})]))",
    )
    inside = json.loads(told)
    assert len(inside) == len(examples) > 0
    for example, found in zip(examples, inside, strict=True):
        for one, other in zip(evaluate(example), found, strict=True):
            close = one["value"] if one["value"] is None else pytest.approx(one["value"], rel=1e-12)
            assert other == {**one, "value": close}


def test_a_start_asks_for_its_scripts_at_once_and_not_for_the_whole_of_plotly(chromium: Browser, site: str):
    asked: list[str] = []
    with chromium.new_context() as context:
        context.on("request", lambda request: asked.append(request.url))
        assert asked_for(context, site) == [], "run `make first`"
    assert any(address.endswith("/plotly-widget.js") for address in asked)
    assert not any("plotly-whole" in address for address in asked)


def test_on_a_phone_a_slider_has_room(kernel):
    run(kernel)
    wide = kernel.viewport_size
    kernel.set_viewport_size({"width": 375, "height": 800})
    track = kernel.locator(".widget-slider .slider-container").first
    kernel.wait_for_function("track => track.getBoundingClientRect().width > 200", arg=track.element_handle())
    kernel.set_viewport_size(wide)


def test_figures_of_every_kind_are_drawn(kernel):
    """The book's plotly knows lines and bars; for what else a reader tries the whole is fetched."""
    run(kernel)
    kernel.evaluate(
        WRITTEN, "from plotly import graph_objects as go\nfigure = go.FigureWidget(go.Bar(y=[1, 2]))\nfigure"
    )
    figure = kernel.locator(".jp-OutputArea .js-plotly-plot").last
    figure.locator(".bars .point").first.wait_for(timeout=30_000)
    kernel.evaluate(WRITTEN, "figure.add_heatmap(z=[[1, 2], [3, 4]]); figure.data[0].y = [3, 2, 1]")
    figure.locator(".hm image").wait_for(timeout=30_000)
    expect(figure.locator(".bars .point")).to_have_count(3)
    kernel.evaluate(WRITTEN, "go.FigureWidget(go.Violin(y=[1, 2, 3]))")
    kernel.locator(".jp-OutputArea .js-plotly-plot .violin").wait_for(timeout=30_000)


def test_once_loaded_it_works_without_a_network(chromium: Browser, site: str):
    page, _ = opened(chromium, site, "questions")
    run(page)
    page.context.set_offline(True)
    code = "from marginlab import venue; print(venue('okx').title)"
    assert page.evaluate(RUN, code).strip() == marginlab.venue("okx").title
    # Even what nobody has opened is there: files beside the notebooks.
    code = "from claims import all_claims; print(len(all_claims()))"
    assert page.evaluate(RUN, code).strip() == "19"
    explorer, (label, values) = next((one, step) for one in explorers_of("questions").values() if (step := moved(one)))
    box = page.locator(".widget-vbox", has=page.locator("strong", has_text=explorer.title)).last
    box.locator(".widget-slider", has_text=label).locator(".noUi-handle").press("ArrowRight")
    expect(box.locator("p").last).to_have_text(explorer.draw(**values)[1], timeout=30_000)
    # It asks in vain for an icon then, and does without it.
    assert page.evaluate(COMPLAINTS) == []
    page.context.close()


def test_any_static_file_server_will_do(chromium: Browser):
    """The standard library's knows nothing of compression or caches."""
    handler = partial(Quiet, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page, troubles = opened(chromium, f"http://127.0.0.1:{server.server_port}/", "verdicts")
        run(page)
        assert page.evaluate(COMPLAINTS) == []
        page.context.close()
        server.shutdown()
    assert troubles == []


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def test_code_that_is_wrong_is_told_as_such(kernel):
    """So that the tests above can fail."""
    assert "ZeroDivisionError" in kernel.evaluate(RUN, "1 / 0")
