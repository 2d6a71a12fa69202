"""Reading: what was entered or pasted is asked field by field, and everything that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from numpy.typing import ArrayLike

from .. import _checks, _pasted
from .._checks import ArgumentError, cut, shown
from .._typing import Floats
from ..margin.rules import MODES

Result = TypeVar("Result")

# Of a position, as forms and files call them.
FIELDS = ("symbol", "side", "size", "notional", "entry", "mark", "mode", "leverage", "margin")
# Of a position in a contract that nobody knows: its maintenance rate.
RATE = "rate"
# Of a position, what the venue itself says of it.
TOLD = ("told_liquidation", "told_maintenance", "told_ratio", "told_leverage")
SIDES = ("long", "short")
# So many things that are wrong are told; whoever has more of them begins with these.
MOST_TOLD = 20
# What is said of the one way to back positions that is known and not computed.
PORTFOLIO_MARGIN = (
    "must be cross or isolated: portfolio margin is set by scenarios of the whole book, which only the venue knows, "
    "and cross in its place would be wrong"
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what was entered.

    Attributes
    ----------
    row
        Number of the position, from 0; ``None`` where it concerns the account as a whole.
    field
        Which field of it, as it is called where it was entered.
    reason
        What is allowed and what was given, to be read after the field's name.
    """

    row: int | None
    field: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("field", "reason"):
            object.__setattr__(self, name, cut(getattr(self, name)))

    def __str__(self) -> str:
        where = "" if self.row is None else f"position {self.row + 1}, "
        return f"{where}{self.field} {self.reason}"


class EntryError(ValueError):
    """What was entered is refused: all of it.

    Attributes
    ----------
    problems
        What is wrong, up to twenty things.
    more
        How many more things there are.
    """

    def __init__(self, problems: Iterable[Problem], more: int = 0) -> None:
        found = tuple(problems)
        self.problems, self.more = found[:MOST_TOLD], more + max(len(found) - MOST_TOLD, 0)
        super().__init__(self.problems)

    def told(self) -> list[str]:
        """Return what is wrong, a sentence each, and at last how much more there is.

        Returns
        -------
        list of str
            One or more.
        """
        return [*map(str, self.problems), *([f"and {self.more:,} more"] if self.more else [])]

    def __str__(self) -> str:
        return "; ".join(self.told())


def refused(field: str, reason: str) -> EntryError:
    """Return the error that says one thing that is wrong with the account as a whole."""
    return EntryError([Problem(None, field, reason)])


class Asked:
    """One mapping of what was entered, asked field by field; what is wrong is noted rather than raised.

    Parameters
    ----------
    row
        Number of the position, ``None`` for the account.
    given
        What was entered.
    problems
        Where to note what is wrong.
    """

    fields: tuple[str, ...] = (*FIELDS, RATE, *TOLD, "date")

    def __init__(self, row: int | None, given: Mapping[str, object], problems: list[Problem]) -> None:
        self.row, self.values, self.problems = row, given, problems

    def refuse(self, field: str, reason: str) -> None:
        """Note what is wrong."""
        self.problems.append(Problem(self.row, field, reason))

    def tried(self, field: str, call: Callable[[], Result]) -> Result | None:
        """Return what a call returns, or note why it refuses and return None.

        What is refused belongs to the field that the refusal names, or else to `field`.
        """
        try:
            return call()
        except ArgumentError as refusal:
            if refusal.argument in self.fields or refusal.argument == field:
                self.refuse(refusal.argument, refusal.reason)
            else:
                self.refuse(field, str(refusal))
            return None

    def given(self, field: str) -> object:
        """Return what was entered, None for nothing."""
        value = self.values.get(field)
        return value.strip() or None if isinstance(value, str) else value

    def word(self, field: str, allowed: Iterable[str], default: str | None = None) -> str | None:
        """Return one of the words allowed."""
        value = self.given(field)
        value = default if value is None else value
        return self.tried(field, lambda: _checks.one_of(field, value, allowed))

    def mode(self, field: str, default: str | None = None) -> str | None:
        """Return the margin mode; portfolio margin is refused by its name."""
        value = self.given(field)
        if isinstance(value, str) and value.lower().startswith("portfolio"):
            self.refuse(field, PORTFOLIO_MARGIN)
            return None
        return self.word(field, MODES, default)

    def number(self, field: str, check: Callable[[str, ArrayLike], Floats], *, needed: bool = True) -> float | None:
        """Return a number that passes a check, None where none is needed and none given."""
        value = self.given(field)
        if value is None:
            if needed:
                self.refuse(field, "must be given")
            return None
        return self.tried(field, lambda: _checks.single(field, as_number(field, value), check))


def as_number(field: str, value: object) -> ArrayLike:
    """Return a number that may stand there as text: digits with a point, no separators of thousands."""
    if not isinstance(value, str):
        return cast(ArrayLike, value)
    if not _checks.reads_as_number(value):
        raise ArgumentError(field, f"must be a number such as 1500 or 0.25, without separators, not {shown(value)}")
    return float(value)


def as_text(value: float | None) -> str:
    """Return a number as it is entered, all its digits and nothing for None.

    >>> as_text(1500.0), as_text(0.1), as_text(None)
    ('1500', '0.1', '')
    """
    return "" if value is None else repr(float(value)).removesuffix(".0")


def json_of(text: str, field: str = "file") -> object:
    """Return what is written in JSON, in which every field of an object stands once.

    Raises
    ------
    EntryError
        For a field that is given twice, and a text that is too long: that is refused as `field`.
    ValueError, RecursionError
        For text that is no JSON, or too deep.
    """
    try:
        return _pasted.json_of(field, text)
    except ArgumentError as refusal:
        raise refused(refusal.argument, refusal.reason) from None


def objects_of(text: str, field: str) -> object:
    """Return what is written in JSON or as Python prints it, or refuse it as `field`."""
    try:
        return _pasted.objects_of(field, text)
    except ArgumentError as refusal:
        raise refused(refusal.argument, refusal.reason) from None
