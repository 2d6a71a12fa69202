"""The notebooks: their form, their links, what is stored of their outputs, and every explorer at its extremes."""

from __future__ import annotations

import ast
import re
import sys
from copy import deepcopy
from html import escape
from itertools import pairwise

import ipywidgets
import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest

from marginlab.display import explore, figures
from marginlab.display.controls import Control
from marginlab.display.drawing import Drawing
from marginlab.display.page import state_of
from marginlab.display.widgets import scrolled

from ..chapters import (
    BOOK,
    NAMES,
    code_of,
    controls_of,
    drawings_of,
    explorers_of,
    module_of,
    notebook_of,
    states_of,
    values_of,
)
from .test_api import anchors
from .test_glossary import SOURCES, TERMS

OUT_OF_SIGHT = {"hide-input", "remove-input", "hide-cell", "remove-cell"}
EXPLORERS = [(chapter, name) for chapter in NAMES for name in controls_of(chapter)]
DRAWINGS = [(chapter, name) for chapter, name in EXPLORERS if name in drawings_of(chapter)]
FIGURES = [one for one in EXPLORERS if one not in DRAWINGS]
CHAPTERS = ["structure", "mechanics", "volatility", "questions"]
# The workbench tries accounts rather than claims, and has no exercises: your own account is one.
WITH_WORKBENCH = [*CHAPTERS, "workbench"]
every_notebook = pytest.mark.parametrize("name", NAMES)


def every_explorer(test):
    """Give a test every explorer of the book, each after its chapter has run."""
    return pytest.mark.long(pytest.mark.parametrize(("chapter", "name"), EXPLORERS)(test))


def every_figure(test):
    """Give a test every explorer whose figure is one of plotly's."""
    return pytest.mark.long(pytest.mark.parametrize(("chapter", "name"), FIGURES)(test))


def every_drawing(test):
    """Give a test every explorer whose figure is a drawing."""
    return pytest.mark.long(pytest.mark.parametrize(("chapter", "name"), DRAWINGS)(test))


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
    """Return the places a page can be entered at: labels, exercises, terms, functions and sources."""
    if path.suffix == ".ipynb":
        cells = "\n\n".join(cell.source for cell in notebook_of(path.stem).cells if cell.cell_type == "markdown")
        return re.findall(r"^\(([\w-]+)\)=\s*$", prose(path.stem), re.MULTILINE) + re.findall(
            r"^:label: ([\w-]+)$", cells, re.MULTILINE
        )
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"^\(([\w-]+)\)=\s*$", text, re.MULTILINE)
    if path.stem == "glossary":
        found += [f"term-{anchor(term)}" for term, _ in TERMS]
    if path.stem == "api":
        found += anchors()
    if path.stem == "references":
        found += SOURCES
    return found


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
    # Venues says all that is on record of twenty of them.
    assert (BOOK / f"{name}.ipynb").stat().st_size < (180_000 if name == "venues" else 140_000)


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
    refresh = module_of("refresh")
    # A copy of its own: what it strips, it strips in place.
    notebook = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
    before = nbformat.writes(notebook)
    assert nbformat.writes(refresh.as_text(notebook)) == before


def test_refreshing_strips_widgets_and_keeps_words():
    refresh = module_of("refresh")
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


# --- text -----------------------------------------------------------------------------------------------------

MONTH = "(January|February|March|April|May|June|July|August|September|October|November|December)"
DATE = rf"(\d{{1,2}} (and|to) )?\d{{1,2}} {MONTH}( \d{{4}})?|{MONTH} \d{{4}}"
# What is no statement about margin: code, formulas, labels, where links lead, HTML, and dates by name.
NO_STATEMENT = [r"\$\$.*?\$\$", r"\$[^$\n]+\$", r"`[^`\n]+`", r"^\([\w-]+\)=$", r"\]\([^)]*\)", r"<[^>]+>", DATE]
NUMBER = r"\d[\d,]*(?:\.\d+)?"


@every_notebook
def test_every_number_in_the_text_comes_from_a_cell(name):
    text = prose(name)
    for pattern in NO_STATEMENT:
        text = re.sub(pattern, "", text, flags=re.MULTILINE | re.DOTALL)
    assert [line for line in text.splitlines() if re.search(r"\d", line)] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_says_what_it_is_for_and_ends_with_what_it_found_and_what_comes_next(name):
    text = prose(name)
    assert text.index("After this chapter you can") < text.index("You need to know") < text.index("(claim-")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[-2:] == ["Exercises", "Summary"]
    assert "**What comes next.**" in text.split("## Summary")[1]


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_says_where_to_read_what_the_models_leave_out(name):
    assert "](index.ipynb#disclaimer)" in prose(name).split("(claim-")[0]


@every_notebook
def test_every_picture_has_words_for_those_who_do_not_see_it(name):
    assert not re.search(r"!\[\s*\]\(", written(name))


# --- exercises ------------------------------------------------------------------------------------------------


SOLUTION = r"```\{solution-start\} \1\n:label: \1-solution\n:class: dropdown\n```$"
EXERCISE = rf"```\{{exercise\}} [^\n]+\n:label: ([\w-]+)\n(.*?)```\n\n{SOLUTION}"


def exercises(name):
    """Return a chapter's exercises: label, text, and the cells of the solution up to the one that ends it."""
    found, cells = [], notebook_of(name).cells
    for i, cell in enumerate(cells):
        for label, text in re.findall(EXERCISE, cell.source, re.DOTALL):
            end = next(j for j in range(i + 1, len(cells)) if "```{solution-end}\n```" in cells[j].source)
            found.append((label, text, cells[i + 1 : end + 1]))
    return found


def literals(source):
    return {float(node.value) for node in ast.walk(ast.parse(source)) if is_number(node)}


def is_number(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_three_to_five_exercises_with_folded_solutions_that_are_run(name):
    found = exercises(name)
    assert 3 <= len(found) <= 5
    assert sum(cell.source.count("```{exercise}") for cell in notebook_of(name).cells) == len(found)
    for label, _, (*code, end) in found:
        assert label.startswith(f"{name}-")
        assert [cell.cell_type for cell in code] == ["code"] * len(code)
        assert any(output.get("text", "").strip() for cell in code for output in cell.outputs), label
        assert end.source.split("```")[0].strip(), f"{label} has no words to its solution"


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_number_given_in_an_exercise_is_used_in_its_solution(name):
    for label, text, cells in exercises(name):
        used = set().union(*(literals(cell.source) for cell in cells if cell.cell_type == "code"))
        for pattern in NO_STATEMENT:
            text = re.sub(pattern, "", text, flags=re.MULTILINE | re.DOTALL)
        for number in re.findall(NUMBER, text):
            given = float(number.replace(",", ""))
            assert any(abs(given - one) < 1e-9 or abs(given / 100 - one) < 1e-9 for one in used), (label, number)


# --- the glossary ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_WORKBENCH)
def test_a_term_leads_to_the_glossary_where_a_chapter_first_uses_it(name):
    # What stands in headings, code and other links is no place for a link.
    text = re.sub(r"^#+ .*$|`[^`\n]+`|<summary>.*?</summary>|\$[^$\n]+\$", "", prose(name), flags=re.MULTILINE)
    text = re.sub(r"\[[^]]*\]\((?!glossary\.md#)[^)]*\)", "", text)
    for term in sorted((term for term, _ in TERMS), key=len, reverse=True):
        first = re.search(rf"\b{re.escape(term)}s?\b(?!\w)", text, re.IGNORECASE)
        if first:
            link = rf"\[[^]]*{re.escape(first.group())}[^]]*\]\(glossary\.md#term-{anchor(term)}\)"
            line = text[text.rfind("\n", 0, first.start()) + 1 :].split("\n")[0]
            assert re.search(link, line), f"{term}: {line}"
        # A shorter term within a longer one is another term.
        text = re.sub(rf"\[?\b{re.escape(term)}s?\b(\]\([^)]*\))?", "…", text, flags=re.IGNORECASE)


def anchor(term):
    return re.sub(r"[^A-Za-z0-9]+", "-", term).strip("-")


# --- explorers ------------------------------------------------------------------------------------------------


@pytest.mark.long
@every_notebook
def test_every_explorer_that_is_made_is_shown(name):
    calls = [
        node
        for source in code_of(name).values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "explore"
    ]
    assert len(calls) == len(explorers_of(name))
    # And by the names that the tests know it by.
    assert controls_of(name) == {one: list(explorer.controls) for one, explorer in explorers_of(name).items()}


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


@every_figure
def test_every_state_is_a_figure_with_named_axes_and_traces_as_long_as_they_should_be(chapter, name):
    explorer = explorers_of(chapter)[name]
    kinds = [trace["type"] for trace in explorer.draw(**explorer.start)[0]["data"]]
    made = set()
    for values in states_of(explorer, 40):
        drawn, _ = explorer.draw(**values)
        assert [trace["type"] for trace in drawn["data"]] == kinds, values
        for trace in drawn["data"]:
            assert np.shape(trace["x"]) == np.shape(trace["y"]) == (len(trace["x"]),), (values, trace["name"])
        # Plotly takes any row of numbers: of states that differ in theirs alone it is asked once.
        if (form := form_of(drawn)) in made:
            continue
        made.add(form)
        figure = go.Figure(drawn)
        assert [trace.type for trace in figure.data] == kinds, values
        for axis in [*figure.select_xaxes(), *figure.select_yaxes()]:
            assert axis.title.text, values


def form_of(drawn):
    """Return all that a figure is made of but the numbers and names along its axes, written out."""
    traces = [{key: part for key, part in trace.items() if key not in ("x", "y")} for trace in drawn["data"]]
    with np.printoptions(threshold=sys.maxsize):
        return repr((traces, drawn["layout"]))


@every_figure
def test_a_trace_holds_numbers_throughout_unless_it_may_break_off(chapter, name):
    explorer = explorers_of(chapter)[name]
    for values in states_of(explorer, 40):
        for trace in explorer.draw(**values)[0]["data"]:
            if trace.get("connectgaps") is not False:
                bar = trace.get("orientation") == "h"
                numbers = np.asarray(trace["x" if bar else "y"], dtype=float)
                assert np.isfinite(numbers).all(), (values, trace["name"])


@every_explorer
def test_every_state_is_said_in_whole_sentences(chapter, name):
    explorer = explorers_of(chapter)[name]
    for values in states_of(explorer, 40):
        _, sentence = explorer.draw(**values)
        assert isinstance(sentence, str)
        assert sentence.endswith("."), values
        assert not re.search(r"\b(nan|None|inf)\b", sentence), (values, sentence)
        assert "  " not in sentence, (values, sentence)


@every_explorer
def test_the_same_values_are_drawn_the_same(chapter, name):
    explorer = explorers_of(chapter)[name]
    # By itself: what it has drawn for others is remembered.
    draw = explorer.draw.__wrapped__
    first, _, again = (draw(**values) for values in (explorer.start, states_of(explorer, 40)[-1], explorer.start))
    # Copies: what a chapter keeps for itself is on its page too, and plotly takes apart what it is given.
    ones = [drawn if isinstance(drawn, Drawing) else go.Figure(deepcopy(drawn)) for drawn, _ in (first, again)]
    assert ones[0] == ones[1]
    assert first[1] == again[1]


@every_figure
def test_beside_a_kernel_moved_widgets_show_what_draw_returns(chapter, name):
    known = explorers_of(chapter)[name]
    # One of its own: what is moved stays moved.
    live = explore(known.draw, title=known.title, table=known.table, **known.controls)
    inputs = [child for child in live.widget.children if hasattr(child, "options")]
    (place,) = (child for child in live.widget.children if isinstance(child, ipywidgets.Box))
    shown = place.children[0]
    for values in states_of(known, 40)[-2:]:
        for field, value in zip(inputs, values.values(), strict=True):
            field.value = value
        figure, sentence = known.draw(**values)
        found, wanted = (state_of((one, sentence)) for one in (shown, go.Figure(figure)))
        for trace in found["data"]:
            trace.pop("uid")
        assert found == wanted, values
        words, *below = (child.value for child in live.widget.children[live.widget.children.index(place) + 1 :])
        assert escape(sentence) in words
        assert below == ([] if known.table is None else [scrolled(known.table(**values))])


@every_figure
def test_lines_in_one_panel_can_be_told_apart_without_colour(chapter, name):
    explorer = explorers_of(chapter)[name]
    for panel in same_panel(explorer.draw(**explorer.start)[0]):
        lines = {(t["line"]["dash"], t["line"]["color"]) for t in panel if t.get("mode") == "lines"}
        assert len({dash for dash, _ in lines}) == len(lines)
        marks = {(t["marker"]["symbol"], t["marker"]["color"]) for t in panel if t.get("mode") == "markers"}
        assert len({symbol for symbol, _ in marks}) == len(marks)
        bars = {(t["marker"]["pattern"]["shape"], t["marker"]["color"]) for t in panel if t["type"] == "bar"}
        assert len({pattern for pattern, _ in bars}) == len(bars)


@every_figure
def test_the_modes_and_liquidation_look_the_same_in_the_whole_book(chapter, name):
    looks = [look for look in vars(figures).values() if isinstance(look, dict) and "pattern" in look]
    ideas = {"cross": figures.CROSS, "isolated": figures.ISOLATED, "liquidated": figures.LIQUIDATION}
    explorer = explorers_of(chapter)[name]
    for trace in explorer.draw(**explorer.start)[0]["data"]:
        look = trace["line" if trace.get("mode") == "lines" else "marker"]
        assert look["color"] in {one["color"] for one in looks}, trace["name"]
        for idea, own in ideas.items():
            if trace["name"].lower().startswith(idea):
                assert look["color"] in {own["color"], figures.LIQUIDATION["color"]}, trace["name"]


@every_figure
def test_a_figure_has_no_title_of_its_own(chapter, name):
    explorer = explorers_of(chapter)[name]
    assert go.Figure(explorer.draw(**explorer.start)[0]).layout.title.text is None


@every_figure
def test_the_legend_names_an_idea_once(chapter, name):
    explorer = explorers_of(chapter)[name]
    for values in states_of(explorer, 40):
        named = [t["name"] for t in explorer.draw(**values)[0]["data"] if t.get("showlegend", True)]
        assert len(set(named)) == len(named), (values, named)


# --- drawings -------------------------------------------------------------------------------------------------


def test_a_chapter_begins_with_the_pool_drawn():
    assert {chapter for chapter, _ in DRAWINGS} == {"index", *WITH_WORKBENCH}
    assert all(EXPLORERS.index(one) == [chapter for chapter, _ in EXPLORERS].index(one[0]) for one in DRAWINGS)


@every_drawing
def test_every_state_of_a_drawing_is_made_of_the_same_parts(chapter, name):
    explorer = explorers_of(chapter)[name]
    first = explorer.draw(**explorer.start)[0]
    for values in states_of(explorer, 40):
        drawing, _ = explorer.draw(**values)
        assert isinstance(drawing, Drawing)
        assert drawing.kind == first.kind, values


@every_drawing
def test_a_drawing_has_the_colours_that_the_modes_and_liquidation_have_in_figures(chapter, name):
    explorer = explorers_of(chapter)[name]
    drawing, _ = explorer.draw(**explorer.start)
    used = [
        {part.attributes[key] for part in one.all for key in ("fill", "stroke") if key in part.attributes}
        for one in drawing.pictures
    ]
    shared = {figures.FREE["color"], figures.LIQUIDATION["color"], "currentColor", "none"}
    assert used == [{figures.CROSS["color"], *shared}, {figures.ISOLATED["color"], *shared}]


@every_drawing
def test_beside_a_kernel_moved_widgets_show_the_drawing(chapter, name):
    known = explorers_of(chapter)[name]
    live = explore(known.draw, title=known.title, **known.controls)
    _, *inputs, shown, words = live.widget.children
    for values in states_of(known, 40)[-2:]:
        for field, value in zip(inputs, values.values(), strict=True):
            field.value = value
        drawing, sentence = known.draw(**values)
        assert drawing.html() in shown.value, values
        assert escape(sentence) in words.value
        assert f'aria-label="{escape(sentence)}"' in shown.value
