"""The book's chapters run in process: what each cell gives, the names it leaves, the explorers it shows."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import random
import sys
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import nbformat

from marginlab import Explorer

BOOK = Path(__file__).parents[1] / "book"
NAMES = sorted(path.stem for path in BOOK.glob("*.ipynb"))


@cache
def notebook_of(name: str) -> Any:
    """Return a notebook of the book as it is stored. Shared: not to be changed."""
    return nbformat.read(BOOK / f"{name}.ipynb", as_version=4)


@cache
def code_of(name: str) -> dict[int, str]:
    """Return the source of every code cell by the cell's place in the notebook."""
    return {i: cell.source for i, cell in enumerate(notebook_of(name).cells) if cell.cell_type == "code"}


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
    return by_name


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
