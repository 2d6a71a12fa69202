"""Controls: their values to the last digit, how they are written, and where they start."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab.display import choices, steps
from marginlab.display.controls import Control, controls

from ..examples import examples


def test_a_control_starts_with_its_first_value_if_nothing_else_is_said():
    assert (choices([5, 10, 20]).start, choices([5, 10, 20]).start_index) == (5, 0)
    assert (steps(-0.6, 0.6, 0.05).start, steps(-0.6, 0.6, 0.05).start_index) == (-0.6, 0)


def test_a_control_starts_where_it_is_told_to():
    assert choices([5, 10, 20], start=20).start_index == 2
    # 0.3 as it is typed: three tenths, not the sum of three times 0.1.
    assert steps(0, 1, 0.1, start=0.3).start_index == 3
    assert steps(-0.6, 0.6, 0.05, start=0).start_index == 12


@pytest.mark.parametrize(("start", "values"), [(0, [0, 1]), ("", ["", "some"]), (False, [True, False])])
def test_a_start_that_counts_as_nothing_is_still_a_start(start, values):
    assert choices(values, start=start).start == start
    assert choices(values[::-1], start=start).start_index == values[::-1].index(start)


def test_values_are_written_in_their_form():
    assert choices([1, 5, 20], form="{}x").written == ["1x", "5x", "20x"]
    assert steps(-0.5, 0.5, 0.5, form="{:+.0%}").written == ["−50%", "0%", "+50%"]
    assert steps(-1, 0, 1).written == ["−1", "0"]
    assert steps(0, 1, 0.25).written == ["0", "0.25", "0.5", "0.75", "1"]
    assert choices(["long", "short", "-"]).written == ["long", "short", "-"]


def test_words_are_a_menu_and_numbers_a_slider():
    assert choices(["long", "short"]).is_menu
    assert choices([1, "all"]).is_menu
    assert not choices([1, 2]).is_menu
    assert not steps(0, 1, 0.5).is_menu


def test_values_may_be_given_as_any_series():
    assert choices(range(3)).values == (0, 1, 2)
    assert choices(value for value in "ab").values == ("a", "b")
    assert choices(np.array([1.0, 2.0])).values == (1.0, 2.0)


def test_plain_lists_become_controls_and_labels_are_made_of_the_arguments_names():
    made = controls({"eth_move": [0, 1], "leverage": choices([1, 2], label="Leverage you chose", start=2, form="{}x")})
    assert list(made) == ["eth_move", "leverage"]
    assert (made["eth_move"].label, made["leverage"].label) == ("Eth move", "Leverage you chose")
    assert made["leverage"] == Control((1, 2), "Leverage you chose", 2, "{}x")


def test_no_settings_are_no_controls():
    assert controls({}) == {}


# --- steps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "step", "number"),
    [
        (0, 0.3, 0.1, 4),
        (-0.6, 0.6, 0.05, 25),
        (0.1, 0.7, 0.2, 4),
        (1e-4, 5e-4, 1e-4, 5),
        (1, 1, 0.5, 1),
        (0, 0.9, 0.02, 46),
    ],
)
def test_steps_include_both_ends(first, last, step, number):
    values = steps(first, last, step).values
    assert (values[0], values[-1], len(values)) == (first, last, number)


@examples(4)
@given(
    first=st.integers(-2_000, 2_000),
    by=st.integers(1, 500),
    number=st.integers(0, 60),
    digits=st.integers(0, 6),
)
def test_every_step_is_the_float_that_its_decimal_reads_as(first, by, number, digits):
    unit = Decimal(1).scaleb(-digits)
    exact = [unit * (first + by * i) for i in range(number + 1)]
    # The ends and the step as a reader would type them.
    control = steps(float(exact[0]), float(exact[-1]), float(unit * by))
    assert control.values == tuple(float(str(value)) for value in exact)


def test_the_middle_of_a_range_is_zero_without_a_sign():
    assert steps(-0.6, 0.6, 0.05, form="{:.0%}").written[12] == "0%"


def test_numpy_numbers_step_like_plain_ones():
    assert steps(np.float64(0), np.float64(0.3), np.float64(0.1)).values == (0.0, 0.1, 0.2, 0.3)


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[], [1, 1], [1, 1.0], ["long", "short", "long"]])
def test_no_values_or_a_value_twice_is_refused_with_the_values(values):
    with pytest.raises(ValueError, match="values must be one or more, each once") as refusal:
        choices(values)
    assert repr(values) in str(refusal.value)


@pytest.mark.parametrize("bad", [3, "5", 0.1 + 0.2])
def test_a_start_outside_the_values_is_refused_with_the_values(bad):
    values = [1, 5, 0.3]
    with pytest.raises(ValueError, match="start must be one of") as refusal:
        choices(values, start=bad)
    assert repr(values) in str(refusal.value)
    assert repr(bad) in str(refusal.value)


def test_a_start_between_two_steps_is_refused():
    with pytest.raises(ValueError, match="start must be one of"):
        steps(0, 1, 0.25, start=0.3)


@pytest.mark.parametrize(("first", "last", "step"), [(0, 1, 0), (0, 1, -0.1), (1, 0, 0.1)])
def test_a_step_that_leads_nowhere_is_refused(first, last, step):
    with pytest.raises(ValueError, match="step must be above 0 and last not below first") as refusal:
        steps(first, last, step)
    assert f"{first}, {last}, {step}" in str(refusal.value)


def test_a_step_that_misses_the_last_value_is_refused():
    # Both ends are included: a slider to 1 that ends at 0.9 would not say what its author asked for.
    with pytest.raises(ValueError, match="step"):
        steps(0, 1, 0.3)


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_steps_of_no_finite_number_are_refused(bad, place):
    given = [0.0, 1.0, 0.5]
    given[place] = bad
    with pytest.raises(ValueError, match="must be finite"):
        steps(*given)
