"""The standard library's fractions, faster: the referees do little else than add, multiply and compare them.

The numbers are the same. What is left out are the questions that each sum asks of what it is given, of which there
are millions: with anything but fractions and whole numbers they are asked as before.
"""

from __future__ import annotations

import fractions
from math import gcd

Standard = fractions.Fraction
_empty = object.__new__


class Fraction(Standard):
    """A fraction in its lowest terms."""

    __slots__ = ()

    def __new__(cls, numerator=0, denominator=None):
        if denominator is None:
            if type(numerator) is Fraction:
                return numerator
            if isinstance(numerator, float):
                return _made(*numerator.as_integer_ratio())
            if type(numerator) is int:
                return _made(numerator, 1)
        made = Standard(numerator, denominator)
        return _made(made.numerator, made.denominator)

    def __add__(self, other):
        kind = type(other)
        if kind is Fraction:
            return _sum(self._numerator, self._denominator, other._numerator, other._denominator)
        if kind is int:
            return _made(self._numerator + other * self._denominator, self._denominator)
        return _as_here(Standard.__add__(self, other))

    def __radd__(self, other):
        if type(other) is int:
            return _made(self._numerator + other * self._denominator, self._denominator)
        return _as_here(Standard.__radd__(self, other))

    def __sub__(self, other):
        kind = type(other)
        if kind is Fraction:
            return _sum(self._numerator, self._denominator, -other._numerator, other._denominator)
        if kind is int:
            return _made(self._numerator - other * self._denominator, self._denominator)
        return _as_here(Standard.__sub__(self, other))

    def __rsub__(self, other):
        if type(other) is int:
            return _made(other * self._denominator - self._numerator, self._denominator)
        return _as_here(Standard.__rsub__(self, other))

    def __mul__(self, other):
        kind = type(other)
        if kind is Fraction:
            return _product(self._numerator, self._denominator, other._numerator, other._denominator)
        if kind is int:
            return _product(self._numerator, self._denominator, other, 1)
        return _as_here(Standard.__mul__(self, other))

    def __rmul__(self, other):
        if type(other) is int:
            return _product(self._numerator, self._denominator, other, 1)
        return _as_here(Standard.__rmul__(self, other))

    def __truediv__(self, other):
        if type(other) is Fraction and other._numerator:
            over, under = other._denominator, other._numerator
            if under < 0:
                over, under = -over, -under
            return _product(self._numerator, self._denominator, over, under)
        return _as_here(Standard.__truediv__(self, other))

    def __rtruediv__(self, other):
        return _as_here(Standard.__rtruediv__(self, other))

    def __pow__(self, other):
        return _as_here(Standard.__pow__(self, other))

    def __pos__(self):
        return self

    def __neg__(self):
        return _made(-self._numerator, self._denominator)

    def __abs__(self):
        return self if self._numerator >= 0 else _made(-self._numerator, self._denominator)

    def __eq__(self, other):
        if type(other) is Fraction:
            return self._numerator == other._numerator and self._denominator == other._denominator
        return Standard.__eq__(self, other)

    __hash__ = Standard.__hash__

    def __lt__(self, other):
        kind = type(other)
        if kind is Fraction:
            return self._numerator * other._denominator < other._numerator * self._denominator
        return self._numerator < other * self._denominator if kind is int else Standard.__lt__(self, other)

    def __gt__(self, other):
        kind = type(other)
        if kind is Fraction:
            return self._numerator * other._denominator > other._numerator * self._denominator
        return self._numerator > other * self._denominator if kind is int else Standard.__gt__(self, other)

    def __le__(self, other):
        kind = type(other)
        if kind is Fraction:
            return self._numerator * other._denominator <= other._numerator * self._denominator
        return self._numerator <= other * self._denominator if kind is int else Standard.__le__(self, other)

    def __ge__(self, other):
        kind = type(other)
        if kind is Fraction:
            return self._numerator * other._denominator >= other._numerator * self._denominator
        return self._numerator >= other * self._denominator if kind is int else Standard.__ge__(self, other)


def _made(numerator, denominator):
    """Return a fraction of what is in its lowest terms."""
    made = _empty(Fraction)
    made._numerator, made._denominator = numerator, denominator
    return made


def _as_here(result):
    """Return what the standard library found: its fractions as these, anything else as it is."""
    return _made(result.numerator, result.denominator) if type(result) is Standard else result


def _sum(one, of, other, by):
    """Return one/of + other/by: in its lowest terms once the divisor that both had is out."""
    if (both := gcd(of, by)) == 1:
        return _made(one * by + other * of, of * by)
    rest = of // both
    top = one * (by // both) + other * rest
    if (both := gcd(top, both)) == 1:
        return _made(top, rest * by)
    return _made(top // both, rest * (by // both))


def _product(one, of, other, by):
    """Return one/of times other/by."""
    if (both := gcd(one, by)) > 1:
        one, by = one // both, by // both
    if (both := gcd(other, of)) > 1:
        other, of = other // both, of // both
    return _made(one * other, of * by)
