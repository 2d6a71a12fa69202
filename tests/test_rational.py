"""The referees' fractions are the standard library's."""

from __future__ import annotations

import operator
from copy import deepcopy
from fractions import Fraction as Standard
from math import inf, isnan

from hypothesis import given
from hypothesis import strategies as st

from .rational import Fraction

TWO = [operator.add, operator.sub, operator.mul, operator.truediv, operator.eq, operator.ne]
TWO += [operator.lt, operator.le, operator.gt, operator.ge]
ONE = [operator.neg, operator.abs, operator.pos, bool, float, int, hash, str, deepcopy]
# Of what is counted with: sizes and prices as they come, and what comes of dividing by them.
few = st.fractions(-9, 9, max_denominator=12) | st.floats(-1e9, 1e9).map(Standard) | st.sampled_from([Standard(0)])
others = few | st.integers(-9, 9) | st.floats(-1e9, 1e9) | st.sampled_from([inf, -inf])


def as_here(number):
    return Fraction(number) if isinstance(number, Standard) else number


def found(question, *numbers):
    """Return an answer, or that there is none."""
    try:
        return question(*numbers)
    except ZeroDivisionError:
        return ZeroDivisionError


def same(one, standard):
    """Return whether a number is the standard library's, to the letter, and a fraction of these where that is one."""
    if isinstance(standard, float) and isnan(standard):
        return isnan(one)
    kind = Fraction if type(standard) is Standard else type(standard)
    return one == standard and str(one) == str(standard) and type(one) is kind


@given(one=few, other=others)
def test_two_numbers_give_what_they_give_in_the_standard_library(one, other):
    for question in TWO:
        expected, turned = found(question, one, other), found(question, other, one)
        assert same(found(question, Fraction(one), as_here(other)), expected), question
        assert same(found(question, Fraction(one), other), expected), question
        assert same(found(question, as_here(other), Fraction(one)), turned), question
        assert same(found(question, other, Fraction(one)), turned), question


@given(one=few)
def test_one_number_gives_what_it_gives_in_the_standard_library(one):
    for question in ONE:
        assert same(question(Fraction(one)), question(one)), question


@given(one=few, exponent=st.integers(0, 5))
def test_whole_powers_are_those_of_the_standard_library(one, exponent):
    assert same(Fraction(one) ** exponent, one**exponent)


@given(one=few, other=few)
def test_whatever_makes_a_fraction_makes_one_here(one, other):
    for given_as in [(one,), (Fraction(one),), (float(one),), (int(one),), (str(one),), (one.numerator, 7), (one, 3)]:
        assert same(Fraction(*given_as), Standard(*given_as))
    assert found(Fraction, one, other) == found(Standard, one, other)
