"""What a reader can set in an explorer: a list of values, how they are written, where it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import cast

from .. import _checks
from .._checks import ArgumentError, shown
from ..formatting import MINUS, Table

# What a control can be set to: a number, or a word.
Value = float | str
# So many values may a control have: a slider has no more places on a screen.
MOST_VALUES = 2_000
# What an explorer draws at some values, a figure of plotly's or a drawing and a sentence, and what it tabulates.
Draw = Callable[..., tuple[object, str]]
Tabulate = Callable[..., Table]


@dataclass(frozen=True)
class Control:
    """One setting with its values in order.

    Parameters
    ----------
    values
        Numbers (shown as a slider) or words (shown as a menu).
    label
        What the reader sees beside it; made from the argument's name if left out.
    start
        The value it starts with, one of `values`; the first if left out.
    form
        How a value is written, as a format string: ``"{:.0%}"``, ``"{:g}x"``.
    """

    values: tuple[Value, ...]
    label: str = ""
    start: Value = None  # type: ignore[assignment]  # the first of them, once that is known
    form: str = "{}"

    def __post_init__(self) -> None:
        values = _checks.listed("values", self.values, "of numbers or words", MOST_VALUES)
        object.__setattr__(self, "values", tuple(_value("values", value) for value in values))
        if not self.values or len(set(self.values)) != len(self.values):
            raise ArgumentError("values", f"must be one or more, each once, not {shown(list(self.values))}")
        object.__setattr__(self, "start", self.values[0] if self.start is None else _value("start", self.start))
        _checks.words("label", self.label)
        try:
            _ = self.written
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as wrong:
            raise ArgumentError("form", f"must be a format of the values such as '{{:g}}': {wrong}") from None
        if self.start not in self.values:
            raise ArgumentError("start", f"must be one of {shown(list(self.values))}, not {shown(self.start)}")

    @property
    def is_menu(self) -> bool:
        """Whether its values are words."""
        return any(isinstance(value, str) for value in self.values)

    @property
    def written(self) -> list[str]:
        """Every value as the reader sees it."""
        return [_written(self.form, value) for value in self.values]

    @property
    def start_index(self) -> int:
        """Where in `values` it starts."""
        return self.values.index(self.start)


def choices(values: Iterable[Value], *, label: str = "", start: Value | None = None, form: str = "{}") -> Control:
    """Return a control over the values given.

    Parameters
    ----------
    values
        Numbers or words, each once.
    label
        What the reader sees beside it; made from the argument's name if left out.
    start
        The value it starts with; the first if left out.
    form
        How a value is written, as a format string.

    Returns
    -------
    Control
        For :func:`explore`.

    Raises
    ------
    ArgumentError
        For no values, for one that comes twice, and for a start that is none of them.

    Examples
    --------
    >>> choices([1, 5, 20], form="{}x").written
    ['1x', '5x', '20x']
    """
    return Control(values, label, start, form)  # type: ignore[arg-type]


def steps(
    first: float, last: float, step: float, *, label: str = "", start: float | None = None, form: str = "{:g}"
) -> Control:
    """Return a control over evenly spaced numbers, both ends included and none off by rounding.

    Parameters
    ----------
    first, last, step
        The ends, and how far the values are apart.
    label, start, form
        As for :func:`choices`.

    Returns
    -------
    Control
        For :func:`explore`.

    Raises
    ------
    ArgumentError
        For steps that do not lead from the first to the last, and for a start that is none of the values.

    Examples
    --------
    >>> steps(0, 0.3, 0.1).values
    (0.0, 0.1, 0.2, 0.3)
    """
    given = {"first": first, "last": last, "step": step}
    low, high, by = (Decimal(str(_checks.single(name, number))) for name, number in given.items())
    if by <= 0 or high < low:
        raise ArgumentError("step", f"must be above 0 and last not below first, not {first}, {last}, {step}")
    if high - low > by * MOST_VALUES:
        raise ArgumentError("step", f"must lead to at most {MOST_VALUES:,} values, not {step} from {first} to {last}")
    if (high - low) % by:
        raise ArgumentError("step", f"must lead from first to last, not {step} from {first} to {last}")
    values = tuple(float(low + by * i) for i in range(int((high - low) / by) + 1))
    return Control(values, label, start, form)  # type: ignore[arg-type]


def _value(name: str, value: object) -> Value:
    """Return a word, or a plain number that is finite, whole where it was."""
    if isinstance(value, str):
        return _checks.words(name, value)
    return value if isinstance(value, int) else _checks.single(name, cast(float, value))


def _written(form: str, value: Value) -> str:
    """Return a value in its form; a number with the minus sign of the book's other numbers, and 0 without a sign."""
    text = form.format(value)
    if isinstance(value, str) or value > 0:
        return text
    return text.replace("-", MINUS, 1) if value < 0 else text.removeprefix("+")


def controls(given: Mapping[str, Control | Iterable[Value]]) -> dict[str, Control]:
    """Return the controls by argument name; plain lists become controls, and labels are filled in."""
    made = {name: value if isinstance(value, Control) else choices(value) for name, value in given.items()}
    return {
        name: Control(one.values, one.label or name.replace("_", " ").capitalize(), one.start, one.form)
        for name, one in made.items()
    }


def starts(controls: Mapping[str, Control]) -> dict[str, Value]:
    """Return the values that controls start with."""
    return {name: control.start for name, control in controls.items()}


def grid(controls: Mapping[str, Control]) -> Iterator[dict[str, Value]]:
    """Yield every combination of values, the last control moving fastest."""
    for values in product(*(control.values for control in controls.values())):
        yield dict(zip(controls, values, strict=True))
