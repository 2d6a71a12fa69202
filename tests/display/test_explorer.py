"""Explorers: one call that is a widget beside a kernel, plain HTML on a page, and a sentence anywhere."""

from __future__ import annotations

import datetime
import html
import os
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pytest

from marginlab.display import Explorer, choices, explore, steps
from marginlab.display.controls import controls
from marginlab.display.page import PAGE_VARIABLE
from marginlab.display.widgets import OUTDATED, paragraph

WIDGET = "application/vnd.jupyter.widget-view+json"
TITLE = "What do leverage and a fall leave you?"


def left(fall, leverage, side="long"):
    sign = 1 if side == "long" else -1
    falls = [0.0, 0.1, 0.2]
    traces = [
        {"type": "scatter", "x": falls, "y": [1 - sign * leverage * f for f in falls], "name": "equity"},
        {"type": "bar", "x": [fall], "y": [1 - sign * leverage * fall], "name": "here"},
    ]
    layout = {"xaxis": {"title": {"text": "fall"}}, "yaxis": {"title": {"text": f"equity, {side}"}}}
    return {
        "data": traces,
        "layout": layout,
    }, f"A fall of {fall:.0%} at {leverage}x leaves {1 - sign * leverage * fall:.0%}."


def made(draw=left):
    return explore(
        draw,
        title=TITLE,
        fall=steps(0, 0.2, 0.1, label="Fall of the price", start=0.1, form="{:.0%}"),
        leverage=[1, 2, 5],
        side=choices(["long", "short"]),
    )


def still():
    return explore(lambda: ({"data": [{"type": "bar", "y": [1]}], "layout": {}}, "One bar."), title="How many bars?")


def parts(explorer):
    """Return what a live form consists of: title, inputs by argument, figure, words."""
    title, *inputs, place, words = explorer.widget.children
    return title, dict(zip(explorer.controls, inputs, strict=True)), place.children[0], words


def as_drawn(explorer, **values):
    """Return a state's traces and layout as plotly holds them."""
    import plotly.graph_objects as go

    figure = go.Figure(explorer.draw(**values)[0])
    return [trace.to_plotly_json() for trace in figure.data], figure.layout.to_plotly_json()


def as_shown(figure):
    # A widget keeps ids of its own on its traces.
    traces = [{key: value for key, value in trace.to_plotly_json().items() if key != "uid"} for trace in figure.data]
    return traces, figure.layout.to_plotly_json()


def cleaned(value):
    """Drop what is empty or set to nothing: plotly draws it as if it were not there."""
    if isinstance(value, dict):
        items = {key: cleaned(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not None and item != {} and item != []}
    return [cleaned(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.fixture
def on_a_page(monkeypatch):
    monkeypatch.setenv(PAGE_VARIABLE, "1")


@pytest.fixture
def beside_a_kernel(monkeypatch):
    monkeypatch.delenv(PAGE_VARIABLE, raising=False)


# --- what it is -----------------------------------------------------------------------------------------------


def test_an_explorer_is_named_after_its_function_as_an_address_would_write_it():
    def _who_pays_first():
        return {"data": [], "layout": {}}, "You."

    assert explore(_who_pays_first, title="Who?").name == "who-pays-first"
    assert made().name == "left"


def test_an_explorer_starts_with_the_start_of_every_control():
    assert made().start == {"fall": 0.1, "leverage": 1, "side": "long"}
    assert still().start == {}


def test_the_states_are_the_whole_grid_the_last_control_moving_fastest():
    states = list(made().states())
    assert len(states) == 3 * 3 * 2
    assert states[:3] == [
        {"fall": 0.0, "leverage": 1, "side": "long"},
        {"fall": 0.0, "leverage": 1, "side": "short"},
        {"fall": 0.0, "leverage": 2, "side": "long"},
    ]
    assert list(still().states()) == [{}]


def test_an_explorers_text_is_its_sentence_at_the_start():
    assert repr(made()) == "A fall of 10% at 1x leaves 90%."
    assert repr(still()) == "One bar."


# --- on a page ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_a_page")
@pytest.mark.parametrize("make", [made, still])
def test_on_a_page_it_is_html_and_text_and_no_widget(make):
    explorer = make()
    shown = explorer._repr_mimebundle_(include=None, exclude=None)
    assert set(shown) == {"text/plain", "text/html"}
    assert shown["text/plain"] == repr(explorer)
    assert html.escape(repr(explorer)) in shown["text/html"]
    assert "widget" not in vars(explorer)


def test_a_page_needs_neither_ipywidgets_nor_plotly():
    code = """if True:
        import sys
        from marginlab.display import explore
        def draw(number):
            return {"data": [{"type": "bar", "y": [number]}], "layout": {}}, f"It is {number}."
        shown = explore(draw, title="What is it?", number=[1, 2])._repr_mimebundle_()
        assert sorted(shown) == ["text/html", "text/plain"], sorted(shown)
        print(*sorted({"ipywidgets", "plotly", "anywidget"} & set(sys.modules)))
    """
    environment = {**os.environ, PAGE_VARIABLE: "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


# --- beside a kernel ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("beside_a_kernel")
@pytest.mark.parametrize("make", [made, still])
def test_beside_a_kernel_it_is_a_widget_and_the_same_text(make):
    explorer = make()
    shown = explorer._repr_mimebundle_(include=None, exclude=None)
    assert set(shown) == {"text/plain", WIDGET}
    assert shown["text/plain"] == repr(explorer)
    assert shown[WIDGET]["model_id"] == explorer.widget.model_id


@pytest.mark.usefixtures("beside_a_kernel")
@pytest.mark.parametrize("module", ["ipywidgets", "plotly.graph_objects"])
def test_where_no_widget_can_be_made_the_sentence_is_left(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    assert made()._repr_mimebundle_() == {"text/plain": repr(made())}


def test_the_live_form_shows_title_inputs_figure_and_words():
    explorer = made()
    title, inputs, figure, words = parts(explorer)
    assert TITLE in title.value
    assert [type(one).__name__ for one in inputs.values()] == ["SelectionSlider", "SelectionSlider", "Dropdown"]
    assert [one.description for one in inputs.values()] == ["Fall of the price", "Leverage", "Side"]
    assert [one.value for one in inputs.values()] == [0.1, 1, "long"]
    assert [label for label, _ in inputs["fall"].options] == ["0%", "10%", "20%"]
    assert as_shown(figure) == as_drawn(explorer, **explorer.start)
    assert repr(explorer) in words.value


def test_an_explorer_without_controls_lives_as_figure_and_words():
    explorer = still()
    _, inputs, figure, words = parts(explorer)
    assert inputs == {}
    assert as_shown(figure) == as_drawn(explorer)
    assert "One bar." in words.value


def test_the_live_form_is_made_once():
    explorer = made()
    assert explorer.widget is explorer.widget


def test_moving_a_control_changes_the_same_figure_in_place():
    explorer = made()
    _, inputs, figure, words = parts(explorer)
    traces = figure.data
    values = dict(explorer.start)
    for name, value in [("fall", 0.2), ("leverage", 5), ("side", "short"), ("fall", 0.0), ("side", "long")]:
        inputs[name].value = values[name] = value
        assert parts(explorer)[2] is figure
        assert all(now is then for now, then in zip(figure.data, traces, strict=True))
        assert as_shown(figure) == as_drawn(explorer, **values)
        assert explorer.draw(**values)[1] in words.value


def annotated(number):
    """Draw a figure some parts of which are there at 1 only: labels, a shape, an axis range, a title."""
    trace = {"type": "scatter", "x": [1, 2], "y": [number, number], "mode": "lines"}
    layout = {"yaxis": {"title": {"text": "number"}}}
    if number == 1:
        trace |= {"text": ["first", "second"], "line": {"dash": "dot"}}
        layout |= {"shapes": [{"type": "line", "x0": 0, "x1": 1, "y0": 0, "y1": 1}], "title": {"text": "One"}}
        layout["yaxis"]["range"] = [0, 1]
    return {"data": [trace], "layout": layout}, f"The number is {number}."


@pytest.mark.parametrize("numbers", [[1, 2], [2, 1]])
def test_what_a_state_does_not_have_is_gone_after_the_move(numbers):
    explorer = explore(annotated, title="Which number is it?", number=numbers)
    _, inputs, figure, _ = parts(explorer)
    for number in (numbers[1], numbers[0]):
        inputs["number"].value = number
        assert cleaned(list(as_shown(figure))) == cleaned(list(as_drawn(explorer, number=number)))


def more_bars(number):
    return {"data": [{"type": "bar", "y": [1]}] * number, "layout": {}}, f"{number} bars."


def other_kind(number):
    kind = "bar" if number == 1 else "scatter"
    return {"data": [{"type": kind, "y": [1]}], "layout": {}}, f"A {kind}."


@pytest.mark.parametrize("draw", [more_bars, other_kind])
def test_a_draw_that_changes_its_traces_is_refused(draw):
    _, inputs, figure, _ = parts(explore(draw, title="How many?", number=[1, 2]))
    before = deepcopy(as_shown(figure))
    with pytest.raises(ValueError, match=r"draw must return the same traces for all settings: first \['bar'\], now "):
        inputs["number"].value = 2
    assert as_shown(figure) == before


def test_a_figure_of_other_settings_says_that_it_is():
    def fails(**values):
        if values["leverage"] == 2:
            raise ZeroDivisionError
        return left(**values)

    _, inputs, _, words = parts(made(fails))
    with pytest.raises(ZeroDivisionError):
        inputs["leverage"].value = 2
    assert words.value == paragraph(OUTDATED)
    inputs["leverage"].value = 5
    assert words.value == paragraph(left(0.1, 5)[1])


def test_times_reach_the_browser_as_text():
    days = np.array(["2021-05-19T00:00", "2021-05-20T00:00"], dtype="M8[m]")
    shapes = [{"type": "line", "x0": datetime.datetime(2021, 5, 19), "x1": days[1], "y0": 0, "y1": 1}]

    def dated(number):
        return {"data": [{"type": "scatter", "x": days, "y": [number, 2]}], "layout": {"shapes": shapes}}, "Said."

    explorer = Explorer(dated, "When?", controls({"number": [1, 2]}))
    _, inputs, figure, _ = parts(explorer)
    for _ in range(2):
        assert list(figure.data[0].x) == ["2021-05-19T00:00", "2021-05-20T00:00"]
        assert figure.layout.shapes[0].x0 == "2021-05-19T00:00:00"
        inputs["number"].value = 2


def test_a_figure_of_plotlys_own_serves_as_well_as_its_plain_form():
    import plotly.graph_objects as go

    plain = made()
    explorer = made(lambda **values: (go.Figure(left(**values)[0]), left(**values)[1]))
    _, inputs, figure, words = parts(explorer)
    inputs["leverage"].value = 5
    assert as_shown(figure) == as_drawn(plain, **plain.start | {"leverage": 5})
    assert left(**plain.start | {"leverage": 5})[1] in words.value


def test_title_and_sentence_are_text_in_the_live_form_too():
    def draw(number):
        return {"data": [{"type": "bar", "y": [number]}], "layout": {}}, f"Free margin <b & {number} left."

    title, inputs, _, words = parts(explore(draw, title="Is margin <maintenance & gone?", number=[1, 2]))
    assert html.escape("Is margin <maintenance & gone?") in title.value
    for number in (2, 1):
        inputs["number"].value = number
        assert html.escape(f"Free margin <b & {number} left.") in words.value


# --- what is asked for ----------------------------------------------------------------------------------------


def test_a_title_must_be_given():
    with pytest.raises(TypeError, match="title"):
        explore(left, fall=[0.1], leverage=[1])


def test_bad_settings_are_refused_at_once():
    with pytest.raises(ValueError, match="values must be one or more"):
        explore(left, title=TITLE, fall=[], leverage=[1])


def test_explore_makes_an_explorer_without_drawing():
    def draw():
        raise AssertionError("drawn before it is shown")

    assert isinstance(explore(draw, title="Is it drawn?"), Explorer)
