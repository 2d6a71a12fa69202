"""What may come in: arguments are checked once, and a refusal names them."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from numbers import Integral, Real
from typing import TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from ._typing import Bools, Floats, Numbers

Kind = TypeVar("Kind")

# What a number looks like as text. Thousands separators are not guessed at: 1,500 may be one and a half. Only the
# digits that everybody reads alike, and one way to match each: no text takes longer than its length.
AS_TEXT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONGEST_NUMBER = 400
# No price, size or money is larger, and no price smaller than the other: so that products of them stay numbers.
LARGEST, SMALLEST = 1e100, 1e-100
# So many letters of a refusal are told: whoever gave a million of them knows what they were.
TOLD = 600
# So long may the name of anything be, and so many things may come in a list: an iterator may have no end.
LONGEST_NAME, MANY = 100, 100_000
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
        self.argument, self.reason = cut(argument), cut(reason)

    def __str__(self) -> str:
        return f"{self.argument} {self.reason}"


class _Shown(reprlib.Repr):
    """What was given, as a refusal shows it: a large thing is cut before it is written out."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxarray = 20
        self.maxstring, self.maxlong, self.maxother = 200, 400, 200

    def repr_int(self, value: int, level: int) -> str:
        """Show a whole number; Python itself does not write out one of many thousand digits."""
        return super().repr_int(value, level) if abs(value) < 10**400 else "a whole number of more than 400 digits"


shown = _Shown().repr


def cut(text: str) -> str:
    """Return a text as far as it is told."""
    return text if len(text) <= TOLD else f"{text[:TOLD]} …"


def reads_as_number(text: str) -> bool:
    """Whether a text is a number as it is entered."""
    return len(text) <= LONGEST_NUMBER and AS_TEXT.fullmatch(text) is not None


def numbers(name: str, value: ArrayLike) -> Floats:
    """Return `value` as finite floats, or raise `ArgumentError` naming the argument."""
    array = floats(name, value)
    within = np.abs(array) <= LARGEST
    if not within.all():
        allowed = f"lie within {LARGEST:g} of 0" if np.isfinite(array).all() else "be finite"
        raise ArgumentError(name, f"must {allowed}, not {_first(array, ~within)}")
    return array


def single(name: str, value: ArrayLike, check: Callable[[str, ArrayLike], Floats] = numbers) -> float:
    """Return one number that passes `check`."""
    array = check(name, value)
    if array.ndim:
        raise ArgumentError(name, f"must be one number, not {shown(value)}")
    return float(array)


def positive(name: str, value: ArrayLike) -> Floats:
    """Return `value` as finite floats above zero."""
    array = numbers(name, value)
    large = array >= SMALLEST
    if not large.all():
        allowed = f"at least {SMALLEST:g}" if (array > 0).all() else "greater than 0"
        raise ArgumentError(name, f"must be {allowed}, not {_first(array, ~large)}")
    return array


def not_negative(name: str, value: ArrayLike) -> Floats:
    """Return `value` as finite floats of zero or more."""
    array = numbers(name, value)
    if not (array >= 0).all():
        raise ArgumentError(name, f"must be 0 or more, not {_first(array, array < 0)}")
    return array


def positive_or_endless(name: str, value: ArrayLike) -> Floats:
    """Return `value` as floats above zero, among which ``inf`` means that there is no limit."""
    array = floats(name, value)
    positive(name, np.where(array == np.inf, 1.0, array))
    return array


def between(
    name: str, value: ArrayLike, low: float, high: float, *, open_below: bool = False, open_above: bool = False
) -> float:
    """Return one number from low to high, the ends left out where they are open."""
    number = single(name, value, floats)
    above = number > low if open_below else number >= low
    below = number < high if open_above else number <= high
    if not (above and below):
        ends = f"{'(' if open_below else '['}{low:g}, {high:g}{')' if open_above else ']'}"
        raise ArgumentError(name, f"must lie in {ends}, not {shown(value)}")
    return number


def count(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number that is not too small, and not too large where that is asked for."""
    whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if not whole or cast(int, value) < least or (most is not None and cast(int, value) > most):
        allowed = f"of {least} or more" if most is None else f"from {least} to {most:,}"
        raise ArgumentError(name, f"must be a whole number {allowed}, not {shown(value)}")
    return int(cast(int, value))


def truth(name: str, value: object) -> bool:
    """Return True or False, and nothing that merely counts as one of them."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(name, f"must be True or False, not {shown(value)}")
    return bool(value)


def one_of(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is among the words allowed."""
    known = list(allowed)
    if not isinstance(value, str) or value not in known:
        raise ArgumentError(name, f"must be one of {', '.join(map(repr, known))}, not {shown(value)}")
    return value


def instance(name: str, value: object, kind: type[Kind]) -> Kind:
    """Return `value` if it is of a class."""
    if not isinstance(value, kind):
        raise ArgumentError(name, f"must be of the class {kind.__name__}, not {shown(value)}")
    return value


def instances(name: str, value: object, kind: type[Kind]) -> tuple[Kind, ...]:
    """Return several of a class, which must come in an order: a set has none."""
    several = listed(name, value, f"of the class {kind.__name__}", MANY)
    return tuple(instance(name, one, kind) for one in several)


def listed(name: str, value: object, what: str, most: int) -> tuple[object, ...]:
    """Return things that come in an order, so no set, and with an end, so only as many of an iterator."""
    single = not isinstance(value, Iterable) or (isinstance(value, np.ndarray) and not value.ndim)
    if single or isinstance(value, str | bytes | set | frozenset):
        raise ArgumentError(name, f"must be a list {what}, not {shown(value)}")
    taken = tuple(islice(cast(Iterable[object], value), most + 1))
    if len(taken) > most:
        raise ArgumentError(name, f"must be at most {most:,}")
    return taken


def words(name: str, value: object) -> str:
    """Return text that can be written into a file, or raise `ArgumentError` naming the argument."""
    if not isinstance(value, str):
        raise ArgumentError(name, f"must be text, not {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ArgumentError(name, f"must be text of whole characters, not {shown(value)}") from None
    return value


def named(name: str, value: object) -> str:
    """Return what something may be called: text of one line without space around it, and not long."""
    if not isinstance(value, str) or words(name, value).strip().splitlines() != [value]:
        raise ArgumentError(name, f"must be a name, not {shown(value)}")
    if len(value) > LONGEST_NAME:
        raise ArgumentError(name, f"must be a name of up to {LONGEST_NAME} letters, not of {len(value):,}")
    return value


def function(name: str, value: object) -> None:
    """Refuse what cannot be called."""
    if not callable(value):
        raise ArgumentError(name, f"must be a function, not {shown(value)}")


def keep(record: object) -> None:
    """Let a frozen record keep plain numbers where it was given what somebody else can change, or an exact kind."""
    for name, value in vars(record).items():
        if isinstance(value, np.ndarray | np.generic) and not np.ndim(value) and not np.ma.is_masked(value):
            if value.dtype.kind in "biuf":
                object.__setattr__(record, name, value.item())
        elif isinstance(value, Fraction) or (isinstance(value, Decimal) and value.is_finite()):
            object.__setattr__(record, name, float(value))


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


def floats(name: str, value: ArrayLike) -> Floats:
    """Return `value` as floats, finite or not; what is no number is refused by name."""
    if np.ma.is_masked(value):
        raise ArgumentError(name, "must be numbers without a mask: what stands under one is no number")
    try:
        # Bytes are no numbers, though numpy reads them as such.
        if isinstance(value, bytes | bytearray | memoryview) or _holds_others(value):
            raise TypeError
        array = np.asarray(value)
        # None would become nan, and words and truths would become numbers.
        if array.dtype.kind not in "iuf" and not all(map(_is_number, array.ravel().tolist())):
            raise TypeError
        return np.asarray(array, dtype=float)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise ArgumentError(name, f"must be a number or an array of numbers, not {shown(value)}") from None


def _holds_others(value: object) -> bool:
    """Whether something in lists is no number, though numpy takes it for one among numbers: a truth, what is masked."""
    if not isinstance(value, list | tuple):
        return isinstance(value, np.ndarray) and value.dtype.kind == "b"
    kinds = set(map(type, value))
    if not kinds.isdisjoint((bool, np.bool_, type(np.ma.masked))):
        return True
    return not kinds.isdisjoint((list, tuple, np.ndarray)) and any(map(_holds_others, value))


def _is_number(one: object) -> bool:
    return isinstance(one, Real | Decimal) and not isinstance(one, bool)


def _first(array: Floats, bad: Bools) -> str:
    """Show the first refused number, and where it stands in an array."""
    if array.ndim == 0:
        return f"{float(array)!r}"
    index = tuple(int(axis[0]) for axis in np.nonzero(bad))
    return f"{float(array[index])!r} (at index {index[0] if array.ndim == 1 else index})"
