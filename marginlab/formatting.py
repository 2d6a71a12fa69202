"""How numbers, sentences and tables are written for people: in text, in Markdown, in HTML, and for spreadsheets."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import NamedTuple, TypeVar, cast

import numpy as np

from . import _checks
from ._checks import ArgumentError, one_of

Item = TypeVar("Item")

MINUS = "−"
# A float has not more of them.
MOST_DIGITS = 17
# What a spreadsheet takes for the beginning of a formula, and what keeps it from doing so.
FORMULA, AS_WORDS = ("=", "+", "-", "@", "\t", "\r"), "'"


def money(amount: float) -> str:
    """Return an amount of money to the whole unit.

    Parameters
    ----------
    amount
        In any currency.

    Returns
    -------
    str
        With commas; below 0 with a minus sign, unless it rounds to 0.

    Examples
    --------
    >>> money(1234.5), money(-0.2), money(-1234.5)
    ('1,234', '0', '−1,234')
    """
    return f"{round(_number('amount', amount)):,}".replace("-", MINUS)


def signed(amount: float) -> str:
    """Return an amount of money with its sign, 0 without one.

    Parameters
    ----------
    amount
        In any currency; what rounds to 0 counts as 0.

    Returns
    -------
    str
        To the whole unit.

    Examples
    --------
    >>> signed(-1234.5), signed(20), signed(0.2)
    ('−1,234', '+20', '0')
    """
    return f"+{money(amount)}" if round(_number("amount", amount)) > 0 else money(amount)


def amount(value: float) -> str:
    """Return an amount to two digits after the point, and to six where it is as small as those of a coin.

    Parameters
    ----------
    value
        In any currency; small is below 1 either way. What a bottomless fund holds is ``inf``.

    Returns
    -------
    str
        With commas; below 0 with a hyphen, unless all digits are 0.

    Examples
    --------
    >>> amount(-1234.567), amount(0.0125), amount(0)
    ('-1,234.57', '0.012500', '0.00')
    """
    number = _endless("value", value)
    digits = 2 if abs(number) >= 1 or number == 0 else 6
    shown = f"{number:,.{digits}f}"
    return shown if float(shown.replace(",", "")) else f"{0:.2f}"


def percent(share: float, digits: int = 0) -> str:
    """Return a fraction as a percentage.

    Parameters
    ----------
    share
        1 is 100%.
    digits
        How many after the point.

    Returns
    -------
    str
        Below 0 with a minus sign, unless all digits are 0.

    Examples
    --------
    >>> percent(0.125, 1), percent(-0.3)
    ('12.5%', '−30%')
    """
    after = _checks.count("digits", digits, least=0, most=MOST_DIGITS)
    shown = f"{_number('share', share):.{after}%}"
    return shown.lstrip("-") if _reads_as_zero(shown) else shown.replace("-", MINUS)


def moved(share: float, digits: int = 0) -> str:
    """Return a move as a percentage with its sign, 0 without one.

    Parameters
    ----------
    share
        Of the price moved from: 1 doubles it.
    digits
        How many after the point.

    Returns
    -------
    str
        Where all its digits are 0, without a sign.

    Examples
    --------
    >>> moved(0.2), moved(-0.2), moved(0)
    ('+20%', '−20%', '0%')
    """
    shown = percent(share, digits)
    return f"+{shown}" if share > 0 and not _reads_as_zero(shown) else shown


def as_amount(value: float) -> str:
    """Return an amount as `amount` does, with the minus sign that moves have.

    Parameters
    ----------
    value
        In any currency.

    Returns
    -------
    str
        To as many digits as `amount` shows.

    Examples
    --------
    >>> as_amount(-1234.567)
    '−1,234.57'
    """
    return amount(_number("value", value)).replace("-", MINUS)


def as_price(price: float) -> str:
    """Write a price that need not exist.

    Parameters
    ----------
    price
        ``nan`` for none.

    Returns
    -------
    str
        As `as_amount` writes it, or ``"none"``.

    Examples
    --------
    >>> as_price(54_221.1055), as_price(float("nan"))
    ('54,221.11', 'none')
    """
    number = _checks.single("price", price, _checks.floats)
    return "none" if np.isnan(number) else as_amount(_number("price", number))


def as_size(size: float) -> str:
    """Return a signed size, as many digits of it as it has, up to ten.

    Parameters
    ----------
    size
        Long positive, short negative.

    Returns
    -------
    str
        With its sign, and with commas.

    Examples
    --------
    >>> as_size(0.4), as_size(-9)
    ('+0.4', '−9')
    """
    return f"{_number('size', size):+,.10g}".replace("-", MINUS)


def as_move(move: float) -> str:
    """Return a move of all markets; ``nan`` is one that does not exist.

    Parameters
    ----------
    move
        As a share of the marks.

    Returns
    -------
    str
        A percentage with its sign; in words where there is no move, and above ten times the marks.

    Examples
    --------
    >>> as_move(-0.1599), as_move(float("nan")), as_move(20)
    ('−16.0%', 'never', 'above +1,000%')
    """
    share = _checks.single("move", move, _checks.floats)
    if np.isnan(share):
        return "never"
    return moved(share, 1) if share <= 10 else "above +1,000%"


def as_ratio(ratio: float) -> str:
    """Return a margin ratio; ``inf`` is that of a unit with nothing left.

    Parameters
    ----------
    ratio
        Requirement to equity.

    Returns
    -------
    str
        A percentage; in words above ten times the equity.

    Examples
    --------
    >>> as_ratio(0.918), as_ratio(float("inf"))
    ('91.8%', 'above 1,000%')
    """
    return "above 1,000%" if _endless("ratio", ratio) > 10 else percent(ratio, 1)


def as_leverage(leverage: float) -> str:
    """Return an effective leverage; ``inf`` is that of a unit with nothing left.

    Parameters
    ----------
    leverage
        Notional to equity.

    Returns
    -------
    str
        With an ``x``; in words above a thousand.

    Examples
    --------
    >>> as_leverage(24), as_leverage(float("inf"))
    ('24.0x', 'above 1,000x')
    """
    return "above 1,000x" if _endless("leverage", leverage) > 1_000 else f"{_number('leverage', leverage):.1f}x"


def day(time: np.datetime64) -> str:
    """Return the day of a time.

    Parameters
    ----------
    time
        In UTC.

    Returns
    -------
    str
        Such as ``"9 October 2025"``.

    Examples
    --------
    >>> day(np.datetime64("2025-10-09T04:00"))
    '9 October 2025'
    """
    date = time.astype("M8[D]").item() if isinstance(time, np.datetime64) else None
    if not isinstance(date, datetime.date):
        raise ArgumentError("time", f"must be a time of numpy's, not {_checks.shown(time)}")
    return f"{date:%d %B %Y}".lstrip("0")


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """Return words as a list in a sentence.

    Parameters
    ----------
    names
        In their order; any number of them.
    last
        The word before the last.

    Returns
    -------
    str
        Empty for no names.

    Examples
    --------
    >>> listed(["BTC"]), listed(["BTC", "ETH"]), listed(["BTC", "ETH", "SOL"], last="or")
    ('BTC', 'BTC and ETH', 'BTC, ETH or SOL')
    """
    names = _checks.instances("names", names, str)
    return f" {_checks.words('last', last)} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def position_names(symbols: Sequence[str], sizes: Iterable[float]) -> list[str]:
    """Return a name for each position: its symbol, and where that is held more than once, its side as well.

    Parameters
    ----------
    symbols
        One a position.
    sizes
        Signed, one a position.

    Returns
    -------
    list of str
        All different: several on one side of a symbol have a number.

    Examples
    --------
    >>> position_names(["BTCUSDT", "ETHUSDT", "BTCUSDT"], [1, 5, -1])
    ['BTCUSDT long', 'ETHUSDT', 'BTCUSDT short']
    >>> position_names(["BTCUSDT", "BTCUSDT"], [1, 2])
    ['BTCUSDT long 1', 'BTCUSDT long 2']
    """
    named = _checks.instances("symbols", symbols, str)
    signs = [_number("sizes", cast(float, size)) for size in _checks.listed("sizes", sizes, "of sizes", _checks.MANY)]
    if len(signs) != len(named):
        raise ArgumentError("sizes", f"must be one a symbol ({len(named)}), not {len(signs)}")
    sides = [f"{symbol} {'short' if size < 0 else 'long'}" for symbol, size in zip(named, signs, strict=True)]
    count = [f" {sides[: i + 1].count(side)}" if sides.count(side) > 1 else "" for i, side in enumerate(sides)]
    numbered = [side + number for side, number in zip(sides, count, strict=True)]
    return [name if named.count(symbol) > 1 else symbol for symbol, name in zip(named, numbered, strict=True)]


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    head
        The names of the columns.
    rows
        As many cells each as the head has, shown as ``str`` has them.
    numbers
        The columns that are set to the right.

    Returns
    -------
    str
        One line a row, without an end to the last; a ``|`` within a cell is escaped.

    Raises
    ------
    ArgumentError
        For a row that is not as long as the head, or a column of `numbers` that is not in the head.

    Examples
    --------
    >>> print(table(["Mode", "Left"], [["cross", 0], ["isolated", 5]], numbers=["Left"]))
    | Mode | Left |
    |---|--:|
    | cross | 0 |
    | isolated | 5 |
    """
    head, numbers = _head(head), _checks.instances("numbers", numbers, str)
    if unknown := set(numbers) - set(head):
        raise ArgumentError("numbers", f"must be among the columns {list(head)!r}, not {sorted(unknown)!r}")
    lines = [[str(cell).replace("|", "\\|") for cell in row] for row in [head, *_rows(rows)]]
    for line in lines:
        if len(line) != len(head):
            raise ArgumentError("rows", f"must be as long as the head ({len(head)}), not {len(line)}: {line!r}")
    rule = "".join(f"{'--:' if name in numbers else '---'}|" for name in head)
    return "\n".join([_row(lines[0]), f"|{rule}", *map(_row, lines[1:])])


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]], *, names: Sequence[str] = ()) -> str:
    """Return a table for a terminal.

    Parameters
    ----------
    head
        The names of the columns.
    rows
        As many cells each as the head has.
    names
        The columns that are set to the left; all others are set to the right.

    Returns
    -------
    str
        One line a row, without an end to the last, and without space at the ends of lines.

    Raises
    ------
    ValueError
        For rows that are not as long as the head.

    Examples
    --------
    >>> print(aligned(["mode", "left"], [["cross", "0"], ["isolated", "1,500"]], names=["mode"]))
    mode       left
    cross         0
    isolated  1,500
    """
    head, names = _head(head), _checks.instances("names", names, str)
    lines = [head, *(_checks.instances("rows", row, str) for row in _rows(rows))]
    if any(len(line) != len(head) for line in lines):
        raise ArgumentError("rows", f"must be as long as the head ({len(head)})")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in names else cell.rjust(width)
            for name, cell, width in zip(head, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def as_csv(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    r"""Return a table for a spreadsheet: all digits of a number, and nothing for one that is ``nan``.

    Parameters
    ----------
    head
        The names of the columns.
    rows
        Numbers and words.

    Returns
    -------
    str
        Comma-separated, as RFC 4180 has it; words as :func:`as_cell` has them.

    Examples
    --------
    >>> as_csv(["mode", "left"], [["cross", 0.1], ["isolated", float("nan")]])
    'mode,left\r\ncross,0.1\r\nisolated,\r\n'
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")  # as RFC 4180 has it; with less, a lone \r would not be quoted
    writer.writerow(map(as_cell, _head(head)))
    writer.writerows([_digits(value) for value in row] for row in _rows(rows))
    return out.getvalue()


def as_cell(words: str) -> str:
    """Return words as a cell of a spreadsheet, which must not take them for a formula and run it.

    Parameters
    ----------
    words
        Any text.

    Returns
    -------
    str
        With an apostrophe before what would begin a formula; :func:`of_cell` takes it away.

    Examples
    --------
    >>> as_cell("=1+1"), as_cell("BTC")
    ("'=1+1", 'BTC')
    """
    text = _checks.words("words", words)
    return AS_WORDS + text if text.lstrip(AS_WORDS).startswith(FORMULA) else text


def of_cell(cell: str) -> str:
    """Return the words of a cell that :func:`as_cell` wrote.

    Parameters
    ----------
    cell
        Any text.

    Returns
    -------
    str
        Without the apostrophe before what would begin a formula.

    Examples
    --------
    >>> of_cell("'=1+1"), of_cell("BTC"), of_cell(as_cell("'=1"))
    ('=1+1', 'BTC', "'=1")
    """
    text = _checks.words("cell", cell)
    return text.removeprefix(AS_WORDS) if as_cell(text) != text else text


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
        _checks.words("caption", self.caption)
        object.__setattr__(self, "head", _head(self.head))
        object.__setattr__(self, "rows", _rows(self.rows))
        _checks.instances("names", self.names, str)
        if unknown := set(self.names) - set(self.head):
            raise ArgumentError(
                "names",
                f"must be among the columns {list(self.head)!r}, not {sorted(unknown)!r}",
            )
        if len(set(self.head)) != len(self.head):
            raise ArgumentError("head", f"must name each column once, not {list(self.head)!r}")
        for row in self.rows:
            if len(row) != len(self.head):
                raise ArgumentError("rows", f"must be as long as the head ({len(self.head)}), not {len(row)}: {row!r}")

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers."""
        return [name not in self.names for name in self.head]

    def html(self, *, linked: bool = False) -> str:
        """Return the table as HTML.

        Parameters
        ----------
        linked
            Whether it is for a page of the built book, where links lead somewhere; elsewhere they are their text.

        Returns
        -------
        str
            One ``table`` with its caption; columns of numbers have the class ``number``.
        """
        kinds = [' class="number"' if number else "" for number in self.numeric]

        def line(tag: str, cells: Sequence[str]) -> str:
            parts = [f"<{tag}{kind}>{cell}</{tag[:2]}>" for kind, cell in zip(kinds, cells, strict=True)]
            return f"<tr>{''.join(parts)}</tr>"

        head = line('th scope="col"', [escape(name) for name in self.head])
        rows = "".join(line("td", [_cell(cell, linked) for cell in row]) for row in self.rows)
        return f"<table><caption>{escape(self.caption)}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"

    def with_links(self, column: str, links: Mapping[str, Link]) -> Table:
        """Return the table with links in one column, in place of the cells that say their keys.

        Parameters
        ----------
        column
            One of the head.
        links
            By what a cell says; cells that say anything else stay.

        Returns
        -------
        Table
            A new one.

        Raises
        ------
        ArgumentError
            For another column.

        Examples
        --------
        >>> found = Table("Why", ("claim",), [("1-4",)], names=("claim",))
        >>> found.with_links("claim", {"1-4": Link("1-4 (structure)", "structure.ipynb#claim-1-4")}).rows[0]
        (Link(text='1-4 (structure)', to='structure.ipynb#claim-1-4'),)
        """
        _checks.instance("links", links, Mapping)
        at = self.head.index(one_of("column", column, self.head))
        rows = [[links.get(str(cell), cell) if i == at else cell for i, cell in enumerate(row)] for row in self.rows]
        return replace(self, rows=rows)

    def __str__(self) -> str:
        rows = [[cell.text if isinstance(cell, Link) else cell for cell in row] for row in self.rows]
        return aligned(self.head, rows, names=self.names)


def _number(name: str, value: float) -> float:
    """Return a number that can be written out; what draws asks often, so that plain ones are not looked at long."""
    plain = isinstance(value, float) and abs(value) <= _checks.LARGEST
    return value if plain else _checks.single(name, value)


def _endless(name: str, value: float) -> float:
    """Return a number, which may be ``inf``."""
    number = _checks.single(name, value, _checks.floats)
    return number if number == np.inf else _number(name, number)


def _head(head: Iterable[str]) -> tuple[str, ...]:
    return _checks.instances("head", head, str)


def _rows(rows: Iterable[Iterable[Item]]) -> tuple[tuple[Item, ...], ...]:
    """Return rows that come in an order, each a list of cells."""
    taken = _checks.listed("rows", rows, "of rows", _checks.MANY)
    found = tuple(_checks.listed("rows", row, "of cells in each row", _checks.MANY) for row in taken)
    return cast(tuple[tuple[Item, ...], ...], found)


def _reads_as_zero(shown: str) -> bool:
    return not any(digit in shown for digit in "123456789")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, linked: bool) -> str:
    if not isinstance(cell, Link):
        return escape(cell)
    return f'<a href="{escape(cell.address)}">{escape(cell.text)}</a>' if linked else escape(cell.text)


def _digits(value: object) -> object:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else repr(float(value))
    return as_cell(value) if isinstance(value, str) else value
