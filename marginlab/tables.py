"""Tables beside figures: what is too many numbers for a sentence, on a page and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from . import words


class Link(NamedTuple):
    """A cell that leads to another page of the book, such as ``"volatility.ipynb#claim-3-1"``."""

    text: str
    to: str

    @property
    def address(self) -> str:
        """Where that page is once the book is built."""
        return self.to.replace(".ipynb", ".html")


Cell = str | Link


@dataclass(frozen=True)
class Table:
    """Rows under a head.

    Parameters
    ----------
    caption
        What the table shows.
    head
        The names of the columns, each once.
    rows
        As many cells each as the head has.
    names
        The columns that hold words; all others hold numbers.

    Examples
    --------
    >>> print(Table("What is left", ("mode", "left"), [("cross", "0"), ("isolated", "1,500")], names=("mode",)))
    mode       left
    cross         0
    isolated  1,500
    """

    caption: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := set(self.names) - set(self.head):
            raise ValueError(f"names must be among the columns {list(self.head)!r}, not {sorted(unknown)!r}")
        if len(set(self.head)) != len(self.head):
            raise ValueError(f"head must name each column once, not {list(self.head)!r}")
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"rows must be as long as the head ({len(self.head)}), not {len(row)}: {row!r}")

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers."""
        return [name not in self.names for name in self.head]

    def html(self, *, linked: bool = False) -> str:
        """Return the table as HTML; `linked`: on a page of the built book, where links lead somewhere."""
        kinds = [' class="number"' if number else "" for number in self.numeric]

        def line(tag: str, cells: Sequence[str]) -> str:
            parts = [f"<{tag}{kind}>{cell}</{tag[:2]}>" for kind, cell in zip(kinds, cells, strict=True)]
            return f"<tr>{''.join(parts)}</tr>"

        head = line('th scope="col"', [escape(name) for name in self.head])
        rows = "".join(line("td", [_cell(cell, linked) for cell in row]) for row in self.rows)
        return f"<table><caption>{escape(self.caption)}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"

    def __str__(self) -> str:
        rows = [[cell.text if isinstance(cell, Link) else cell for cell in row] for row in self.rows]
        return words.aligned(self.head, rows, names=self.names)


def _cell(cell: Cell, linked: bool) -> str:
    if not isinstance(cell, Link):
        return escape(cell)
    return f'<a href="{escape(cell.address)}">{escape(cell.text)}</a>' if linked else escape(cell.text)
