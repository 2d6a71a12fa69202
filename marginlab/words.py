"""How amounts, shares and tables are written for people: in sentences, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MINUS = "−"


def money(amount: float) -> str:
    """Return an amount of money to the whole unit.

    >>> money(1234.5), money(-0.2), money(-1234.5)
    ('1,234', '0', '−1,234')
    """
    return f"{round(amount):,}".replace("-", MINUS)


def signed(amount: float) -> str:
    """Return an amount of money with its sign, 0 without one.

    >>> signed(-1234.5), signed(20), signed(0.2)
    ('−1,234', '+20', '0')
    """
    return f"+{money(amount)}" if round(amount) > 0 else money(amount)


def amount(value: float) -> str:
    """Return an amount to two digits after the point, and to six where it is as small as those of a coin.

    >>> amount(-1234.567), amount(0.0125), amount(0)
    ('-1,234.57', '0.012500', '0.00')
    """
    digits = 2 if abs(value) >= 1 or value == 0 else 6
    shown = f"{value:,.{digits}f}"
    return shown if float(shown.replace(",", "")) else f"{0:.2f}"


def percent(share: float, digits: int = 0) -> str:
    """Return a fraction as a percentage.

    >>> percent(0.125, 1), percent(-0.3)
    ('12.5%', '−30%')
    """
    shown = f"{share:.{digits}%}"
    return shown.lstrip("-") if _reads_as_zero(shown) else shown.replace("-", MINUS)


def moved(share: float, digits: int = 0) -> str:
    """Return a move as a percentage with its sign, 0 without one.

    >>> moved(0.2), moved(-0.2), moved(0)
    ('+20%', '−20%', '0%')
    """
    shown = percent(share, digits)
    return f"+{shown}" if share > 0 and not _reads_as_zero(shown) else shown


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """Return words as a list in a sentence.

    >>> listed(["BTC"]), listed(["BTC", "ETH"]), listed(["BTC", "ETH", "SOL"], last="or")
    ('BTC', 'BTC and ETH', 'BTC, ETH or SOL')
    """
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> str:
    """Return a Markdown table; the columns named in `numbers` are set to the right.

    Raises
    ------
    ValueError
        For a row that is not as long as the head, or a column of `numbers` that is not in the head.

    Examples
    --------
    >>> print(table(["Mode", "Left"], [["cross", 0], ["isolated", 5]], numbers=["Left"]))
    | Mode | Left |
    |---|--:|
    | cross | 0 |
    | isolated | 5 |
    """
    if unknown := set(numbers) - set(head):
        raise ValueError(f"numbers must be among the columns {list(head)!r}, not {sorted(unknown)!r}")
    lines = [[str(cell).replace("|", "\\|") for cell in row] for row in [head, *rows]]
    for line in lines:
        if len(line) != len(head):
            raise ValueError(f"a row must have as many cells as the head ({len(head)}), not {len(line)}: {line!r}")
    rule = "".join(f"{'--:' if name in numbers else '---'}|" for name in head)
    return "\n".join([_row(lines[0]), f"|{rule}", *map(_row, lines[1:])])


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]], *, names: Sequence[str] = ()) -> str:
    """Return a table for a terminal; the columns in `names` are set to the left, all others to the right.

    >>> print(aligned(["mode", "left"], [["cross", "0"], ["isolated", "1,500"]], names=["mode"]))
    mode       left
    cross         0
    isolated  1,500
    """
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in names else cell.rjust(width)
            for name, cell, width in zip(head, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _reads_as_zero(shown: str) -> bool:
    return not any(digit in shown for digit in "123456789")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
