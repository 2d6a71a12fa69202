"""The book's chapters run in process: what each cell gives, the names it leaves, the explorers it shows."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import random
import sys
from collections.abc import Iterator
from functools import cache, wraps
from itertools import product
from pathlib import Path
from typing import Any

import nbformat

from marginlab.display import Explorer
from marginlab.display.controls import Draw

BOOK = Path(__file__).parents[1] / "book"
NAMES = sorted(path.stem for path in BOOK.glob("*.ipynb"))
# What `explore` takes besides a control by each name.
NO_CONTROL = {"title", "table"}


@cache
def notebook_of(name: str) -> Any:
    """Return a notebook of the book as it is stored. Shared: not to be changed."""
    return nbformat.read(BOOK / f"{name}.ipynb", as_version=4)


@cache
def code_of(name: str) -> dict[int, str]:
    """Return the source of every code cell by the cell's place in the notebook."""
    return {i: cell.source for i, cell in enumerate(notebook_of(name).cells) if cell.cell_type == "code"}


@cache
def controls_of(name: str) -> dict[str, list[str]]:
    """Return the names of a chapter's explorers, each with those of its controls, as its source has them.

    Nothing is run: tests are collected from this in a moment.
    """
    calls = (node for source in code_of(name).values() for node in ast.walk(ast.parse(source)))
    return {
        ast.unparse(call.args[0]).replace("_", "-"): [one.arg for one in call.keywords if one.arg not in NO_CONTROL]
        for call in calls
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "explore"
    }


@cache
def drawings_of(name: str) -> set[str]:
    """Return the names of a chapter's explorers whose figure is a drawing, by its source, rather than plotly's."""
    functions = (node for source in code_of(name).values() for node in ast.walk(ast.parse(source)))
    return {
        one.name.replace("_", "-")
        for one in functions
        if isinstance(one, ast.FunctionDef)
        and any(isinstance(node, ast.Name) and node.id == "vessels" for node in ast.walk(one))
    } & controls_of(name).keys()


@cache
def values_of(name: str) -> dict[int, Any]:
    """Return what every code cell gives, ``None`` for those that end with a statement, by the cell's place."""
    return _run(name)[1]


@cache
def namespace_of(name: str) -> dict[str, Any]:
    """Return the names a chapter leaves behind. Shared: not to be changed."""
    return _run(name)[0]


@cache
def explorers_of(name: str) -> dict[str, Explorer]:
    """Return the explorers a chapter shows, by the name that their addresses and ids are made of."""
    shown = [value for value in values_of(name).values() if isinstance(value, Explorer)]
    by_name = {explorer.name: explorer for explorer in shown}
    assert len(by_name) == len(shown), f"explorers of {name} share a name: {[explorer.name for explorer in shown]}"
    for explorer in shown:
        explorer.draw = _remembered(explorer.draw)
    return by_name


@cache
def island_of(chapter: str, name: str) -> str:
    """Return what a page holds of an explorer, drawn here over all its values."""
    return explorers_of(chapter)[name].html()


def states_of(explorer: Explorer, others: int = 10) -> list[dict[str, Any]]:
    """Return where an explorer starts, every corner of its controls, and up to so many other states."""
    ends = [dict.fromkeys((control.values[0], control.values[-1])) for control in explorer.controls.values()]
    corners = [dict(zip(explorer.controls, values, strict=True)) for values in product(*ends)]
    found = [explorer.start, *(corner for corner in corners if corner != explorer.start)]
    left = [state for state in explorer.states() if state not in found]
    return found + random.Random(explorer.name).sample(left, min(others, len(left)))


def module_of(name: str, folder: Path = BOOK) -> Any:
    """Return a module of the book, or of a copy of it, afresh."""
    spec = importlib.util.spec_from_file_location(f"book_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    # Dataclasses look their module up while it runs.
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _remembered(draw: Draw) -> Draw:
    """Return a function that draws each state once, whoever asks for it. Its arrays are not to be changed."""
    known: dict[tuple[Any, ...], tuple[Any, str]] = {}

    @wraps(draw)
    def drawn(**values: Any) -> tuple[Any, str]:
        key = tuple(values.items())
        if key not in known:
            known[key] = draw(**values)
        figure, sentence = known[key]
        if isinstance(figure, dict):
            # A figure of plotly's takes the type out of the traces that it is made of.
            figure = {"data": [dict(trace) for trace in figure["data"]], "layout": dict(figure["layout"])}
        return figure, sentence

    return drawn


@cache
def _run(name: str) -> tuple[dict[str, Any], dict[int, Any]]:
    """Run a chapter's cells in order, where a kernel would: in the book's folder."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    values = {}
    with contextlib.chdir(BOOK), contextlib.redirect_stdout(io.StringIO()), _beside_the_notebook():
        for i, source in code_of(name).items():
            values[i] = _value(source, f"{name}.ipynb[{i}]", namespace)
    return namespace, values


@contextlib.contextmanager
def _beside_the_notebook() -> Iterator[None]:
    """Let cells import the modules of their folder, as a kernel does."""
    sys.path.insert(0, str(BOOK))
    try:
        yield
    finally:
        sys.path.remove(str(BOOK))


def _value(source: str, place: str, namespace: dict[str, Any]) -> Any:
    """Run one cell and return its last expression, as a notebook shows it."""
    tree = ast.parse(source, place)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, place, "exec"), namespace)
    return eval(compile(ast.Expression(last.value), place, "eval"), namespace) if last else None
