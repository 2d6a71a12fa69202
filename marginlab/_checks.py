"""What may come in: arguments are checked once, and a refusal names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ._typing import Bools, Floats, Numbers

Kind = TypeVar("Kind")

# What a number looks like as text. Thousands separators are not guessed at: 1,500 may be one and a half.
AS_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# What rounding may move, as a share of the numbers involved: differences below it decide nothing.
ROUNDING = 1e-12


class ArgumentError(ValueError):
    """An argument is refused.

    Parameters
    ----------
    argument
        Its name; of several that do not go together, their names in a list.
    reason
        What is allowed and what was given, to be read after the name.

    Examples
    --------
    >>> str(ArgumentError("size", "must not be 0"))
    'size must not be 0'
    """

    __module__ = "marginlab"  # where readers have it from

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(argument, reason)
        self.argument, self.reason = argument, reason

    def __str__(self) -> str:
        return f"{self.argument} {self.reason}"


def numbers(name: str, value: ArrayLike) -> Floats:
    """Return `value` as finite floats, or raise `ArgumentError` naming the argument."""
    array = _floats(name, value)
    if not np.isfinite(array).all():
        raise ArgumentError(name, f"must be finite, not {_first(array, ~np.isfinite(array))}")
    return array


def single(name: str, value: ArrayLike, check: Callable[[str, ArrayLike], Floats] = numbers) -> float:
    """Return one number that passes `check`."""
    array = check(name, value)
    if array.ndim:
        raise ArgumentError(name, f"must be one number, not {value!r}")
    return float(array)


def positive(name: str, value: ArrayLike) -> Floats:
    """Return `value` as finite floats above zero."""
    array = numbers(name, value)
    if not (array > 0).all():
        raise ArgumentError(name, f"must be greater than 0, not {_first(array, array <= 0)}")
    return array


def not_negative(name: str, value: ArrayLike) -> Floats:
    """Return `value` as finite floats of zero or more."""
    array = numbers(name, value)
    if not (array >= 0).all():
        raise ArgumentError(name, f"must be 0 or more, not {_first(array, array < 0)}")
    return array


def positive_or_endless(name: str, value: ArrayLike) -> Floats:
    """Return `value` as floats above zero, among which ``inf`` means that there is no limit."""
    array = _floats(name, value)
    positive(name, np.where(array == np.inf, 1.0, array))
    return array


def between(
    name: str, value: ArrayLike, low: float, high: float, *, open_below: bool = False, open_above: bool = False
) -> float:
    """Return one number from low to high, the ends left out where they are open."""
    number = single(name, value, _floats)
    above = number > low if open_below else number >= low
    below = number < high if open_above else number <= high
    if not (above and below):
        ends = f"{'(' if open_below else '['}{low:g}, {high:g}{')' if open_above else ']'}"
        raise ArgumentError(name, f"must lie in {ends}, not {value!r}")
    return number


def count(name: str, value: object, least: int = 1) -> int:
    """Return a whole number that is not too small."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < least:
        raise ArgumentError(name, f"must be a whole number of {least} or more, not {value!r}")
    return int(value)


def truth(name: str, value: object) -> bool:
    """Return True or False, and nothing that merely counts as one of them."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(name, f"must be True or False, not {value!r}")
    return bool(value)


def one_of(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is among the words allowed."""
    words = list(allowed)
    if not isinstance(value, str) or value not in words:
        raise ArgumentError(name, f"must be one of {', '.join(map(repr, words))}, not {value!r}")
    return value


def instance(name: str, value: object, kind: type[Kind]) -> Kind:
    """Return `value` if it is of a class."""
    if not isinstance(value, kind):
        raise ArgumentError(name, f"must be of the class {kind.__name__}, not {value!r}")
    return value


def broadcastable(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape of the named arguments, given their shapes."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ArgumentError("shapes", f"must broadcast against each other, not {listed}") from None


def one_each(n: int, **values: Floats) -> None:
    """Refuse arrays whose last axis does not hold one value for each of n positions."""
    for name, value in values.items():
        if value.ndim and value.shape[-1] != n:
            raise ArgumentError(name, f"must have one value a position in the last axis ({n}), not shape {value.shape}")


def plain(value: ArrayLike) -> Numbers:
    """Return an array, or a Python float where there is only one number."""
    array = np.asarray(value, dtype=float)
    return array if array.ndim else float(array)


def _floats(name: str, value: ArrayLike) -> Floats:
    try:
        array = np.asarray(value)
        # None would become nan, and words and truths would become numbers.
        if array.dtype.kind not in "iuf" and not all(map(_is_number, array.ravel().tolist())):
            raise ValueError
        return np.asarray(array, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(name, f"must be a number or an array of numbers, not {value!r}") from None


def _is_number(one: object) -> bool:
    return isinstance(one, Real) and not isinstance(one, bool)


def _first(array: Floats, bad: Bools) -> str:
    """Show the first refused number, and where it stands in an array."""
    if array.ndim == 0:
        return f"{float(array)!r}"
    index = tuple(int(axis[0]) for axis in np.nonzero(bad))
    return f"{float(array[index])!r} (at index {index[0] if array.ndim == 1 else index})"
