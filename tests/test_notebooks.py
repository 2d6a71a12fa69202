"""The notebooks: their form, their links, what is stored of their outputs, and every explorer at its extremes."""

from __future__ import annotations

import ast
import importlib.util
import random
import re
from itertools import pairwise, product

import nbformat
import plotly.graph_objects as go
import pytest

from marginlab.controls import Control

from .chapters import BOOK, NAMES, code_of, explorers_of, notebook_of, values_of

OUT_OF_SIGHT = {"hide-input", "remove-input", "hide-cell", "remove-cell"}
EXPLORERS = [(chapter, name) for chapter in NAMES for name in explorers_of(chapter)]
every_notebook = pytest.mark.parametrize("name", NAMES)
every_explorer = pytest.mark.parametrize(("chapter", "name"), EXPLORERS, ids=[name for _, name in EXPLORERS])


def tags(cell):
    return set(cell.metadata.get("tags", []))


def prose(name):
    """Return the text of a notebook's Markdown cells, without what is fenced off as code."""
    cells = [cell.source for cell in notebook_of(name).cells if cell.cell_type == "markdown"]
    return re.sub(r"^(```+|~~~+).*?^\1", "", "\n\n".join(cells), flags=re.MULTILINE | re.DOTALL)


def written(name):
    """Return all that a reader sees as Markdown: the prose, and what cells wrote."""
    outputs = [output for cell in notebook_of(name).cells for output in cell.get("outputs", [])]
    return "\n\n".join([prose(name), *(output.data["text/markdown"] for output in outputs if is_markdown(output))])


def is_markdown(output):
    return "text/markdown" in output.get("data", {})


def labels(path):
    """Return the labels a page can be entered at."""
    text = prose(path.stem) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    return re.findall(r"^\(([\w-]+)\)=\s*$", text, re.MULTILINE)


def states(explorer):
    """Return every corner of an explorer's controls, and up to 40 other states."""
    ends = [dict.fromkeys((control.values[0], control.values[-1])) for control in explorer.controls.values()]
    corners = [dict(zip(explorer.controls, values, strict=True)) for values in product(*ends)]
    others = [state for state in explorer.states() if state not in corners]
    return corners + random.Random(explorer.name).sample(others, min(40, len(others)))


def same_panel(figure):
    """Return the traces of each panel."""
    panels = {}
    for trace in figure["data"]:
        panels.setdefault(trace.get("yaxis", "y"), []).append(trace)
    return panels.values()


# --- form -----------------------------------------------------------------------------------------------------


@every_notebook
def test_a_notebook_has_one_title_and_skips_no_heading_level(name):
    levels = [len(marks) for marks in re.findall(r"^(#{1,6}) ", prose(name), re.MULTILINE)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(then <= now + 1 for now, then in pairwise(levels))


@every_notebook
def test_a_notebook_asks_for_the_kernel_that_every_reader_has(name):
    assert notebook_of(name).metadata.kernelspec.name == "python3"


@every_notebook
def test_a_notebook_is_valid_and_small(name):
    nbformat.validate(notebook_of(name))
    assert (BOOK / f"{name}.ipynb").stat().st_size < 100_000


@every_notebook
def test_what_a_notebook_stores_reads_as_text(name):
    # The saved state of one figure widget weighs five megabytes.
    assert "widgets" not in notebook_of(name).metadata
    for cell in notebook_of(name).cells:
        for output in cell.get("outputs", []):
            assert output.output_type in {"execute_result", "display_data", "stream"}
            assert set(output.get("data", {})) <= {"text/plain", "text/markdown"}


@every_notebook
def test_every_cell_has_been_run(name):
    for i, source in code_of(name).items():
        assert notebook_of(name).cells[i].execution_count is not None, source


@every_notebook
def test_code_in_sight_is_short(name):
    for i, source in code_of(name).items():
        if not tags(notebook_of(name).cells[i]) & OUT_OF_SIGHT:
            assert len(source.splitlines()) <= 25, source


@every_notebook
def test_code_that_the_page_hides_is_folded_in_jupyterlab_too(name):
    for cell in notebook_of(name).cells:
        if tags(cell) & {"hide-input", "remove-input"}:
            assert cell.metadata.get("jupyter", {}).get("source_hidden") is True, cell.source


@every_notebook
def test_every_relative_link_leads_to_a_file_and_a_label_in_it(name):
    text = written(name)
    targets = re.findall(r"\]\(\s*<?([^)>\s]+)", text) + re.findall(r"(?:href|src)=[\"']([^\"']+)", text)
    for target in targets:
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        file, _, fragment = target.partition("#")
        path = BOOK / file if file else BOOK / f"{name}.ipynb"
        assert path.is_file(), f"{name} links to {target}"
        assert not fragment or fragment in labels(path), f"{name} links to {target}"


@every_notebook
def test_a_label_is_set_once(name):
    found = labels(BOOK / f"{name}.ipynb")
    assert sorted(set(found)) == sorted(found)


@every_notebook
def test_the_stored_outputs_are_those_that_refreshing_keeps(name):
    spec = importlib.util.spec_from_file_location("refresh", BOOK / "refresh.py")
    refresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(refresh)
    # A copy of its own: what it strips, it strips in place.
    notebook = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
    before = nbformat.writes(notebook)
    assert nbformat.writes(refresh.as_text(notebook)) == before


def test_refreshing_strips_widgets_and_keeps_words():
    spec = importlib.util.spec_from_file_location("refresh", BOOK / "refresh.py")
    refresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(refresh)
    cell = nbformat.v4.new_code_cell("explore()", metadata={"tags": ["hide-input"], "scrolled": True})
    shown = {"text/plain": "A fall.", "application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    cell.outputs = [nbformat.v4.new_output("execute_result", shown, execution_count=1)]
    notebook = refresh.as_text(nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}}))
    assert notebook.cells[0].outputs[0].data == {"text/plain": "A fall."}
    assert notebook.cells[0].metadata == {"tags": ["hide-input"]}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@every_notebook
def test_what_cells_write_into_the_text_holds_no_number_that_is_none(name):
    for cell in notebook_of(name).cells:
        for output in filter(is_markdown, cell.get("outputs", [])):
            assert not re.search(r"\b(nan|None|inf)\b", output.data["text/markdown"])


# --- explorers ------------------------------------------------------------------------------------------------


@every_notebook
def test_every_explorer_that_is_made_is_shown(name):
    calls = [
        node
        for source in code_of(name).values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "explore"
    ]
    assert len(calls) == len(explorers_of(name))


@every_explorer
def test_an_explorers_title_is_a_question_and_its_controls_have_labels(chapter, name):
    explorer = explorers_of(chapter)[name]
    assert explorer.title.endswith("?")
    assert explorer.title[0].isupper()
    for control in explorer.controls.values():
        assert isinstance(control, Control)
        assert control.label
        assert len(set(control.written)) == len(control.values), f"{control.label}: two values are written alike"


@every_explorer
def test_what_is_stored_is_the_sentence_at_the_start(chapter, name):
    explorer = explorers_of(chapter)[name]
    (place,) = (i for i, value in values_of(chapter).items() if value is explorer)
    (output,) = notebook_of(chapter).cells[place].outputs
    assert output.data["text/plain"] == repr(explorer)


@every_explorer
def test_every_state_is_a_figure_with_named_axes_and_traces_as_long_as_they_should_be(chapter, name):
    explorer = explorers_of(chapter)[name]
    kinds = [trace["type"] for trace in explorer.draw(**explorer.start)[0]["data"]]
    for values in states(explorer):
        drawn, _ = explorer.draw(**values)
        figure = go.Figure(drawn)
        assert [trace.type for trace in figure.data] == kinds, values
        for trace in drawn["data"]:
            assert len(trace["x"]) == len(trace["y"]), (values, trace["name"])
        for axis in [*figure.select_xaxes(), *figure.select_yaxes()]:
            assert axis.title.text, values


@every_explorer
def test_every_state_is_said_in_whole_sentences(chapter, name):
    explorer = explorers_of(chapter)[name]
    for values in states(explorer):
        _, sentence = explorer.draw(**values)
        assert isinstance(sentence, str)
        assert sentence.endswith("."), values
        assert not re.search(r"\b(nan|None|inf)\b", sentence), (values, sentence)
        assert "  " not in sentence, (values, sentence)


@every_explorer
def test_the_same_values_are_drawn_the_same(chapter, name):
    explorer = explorers_of(chapter)[name]
    first, _, again = (explorer.draw(**values) for values in (explorer.start, states(explorer)[-1], explorer.start))
    assert go.Figure(first[0]) == go.Figure(again[0])
    assert first[1] == again[1]


@every_explorer
def test_lines_in_one_panel_can_be_told_apart_without_colour(chapter, name):
    explorer = explorers_of(chapter)[name]
    for panel in same_panel(explorer.draw(**explorer.start)[0]):
        lines = {(trace["line"]["dash"], trace["line"]["color"]) for trace in panel if trace["mode"] == "lines"}
        assert len({dash for dash, _ in lines}) == len(lines)
        marks = {(t["marker"]["symbol"], t["marker"]["color"]) for t in panel if t["mode"] == "markers"}
        assert len({symbol for symbol, _ in marks}) == len(marks)


@every_explorer
def test_the_legend_names_an_idea_once(chapter, name):
    explorer = explorers_of(chapter)[name]
    for values in states(explorer):
        named = [t["name"] for t in explorer.draw(**values)[0]["data"] if t.get("showlegend", True)]
        assert len(set(named)) == len(named), (values, named)
