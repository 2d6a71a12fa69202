"""Whoever builds the book gets the same: its notebooks, run once more, give what they gave for the pages.

What Sphinx makes of the same results is the same to the byte: `tests/test_theme.py`.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from ..chapters import BOOK, NAMES, island_of, module_of
from .conftest import HTML
from .reader import EXPLORERS

# As the build has run them.
RUN = HTML.parent / "jupyter_execute" / "book"


@pytest.mark.weekly
@pytest.mark.parametrize(("chapter", "name"), EXPLORERS)
def test_an_explorer_drawn_again_is_the_one_on_the_page_to_the_byte(chapter, name):
    # By another process, whose sets and hashes are in another order.
    drawn, page = island_of(chapter, name), (HTML / "book" / f"{chapter}.html").read_text(encoding="utf-8")
    _, _, rest = page.partition(drawn[: drawn.index("\n")])
    shown = drawn[: drawn.index("\n")] + rest[: len(drawn) - drawn.index("\n")]
    # Told by the first difference: the whole is some hundred thousand letters.
    first = next((i for i, (one, other) in enumerate(zip(drawn, shown, strict=False)) if one != other), None)
    assert first is None, f"{drawn[first - 80 : first + 80]!r} is on the page {shown[first - 80 : first + 80]!r}"
    assert len(shown) == len(drawn)


@pytest.mark.parametrize("name", NAMES)
def test_what_cells_wrote_for_the_page_is_what_is_stored(name):
    written = module_of("refresh").as_text(nbformat.read(RUN / f"{name}.ipynb", as_version=4))
    assert nbformat.writes(written) == nbformat.writes(nbformat.read(BOOK / f"{name}.ipynb", as_version=4))


def test_no_file_of_the_site_says_where_it_was_built():
    places = [str(place).encode() for place in (BOOK.parent, Path.home()) if len(place.parts) > 1]
    # What comes as it is from its makers may say where they built it.
    files = [path for path in HTML.rglob("*") if path.is_file() and not path.name.startswith("pyodide.")]
    assert [path for path in files if any(place + b"/" in path.read_bytes() for place in places)] == []
