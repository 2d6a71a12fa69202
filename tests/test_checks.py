"""What may come in, and what a refusal says."""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import checks

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("given", [3, 3.5, [1, 2], [[1], [2]], np.float32(2), np.arange(3)], ids=repr)
def test_numbers_come_back_as_floats_of_the_same_shape(given):
    array = checks.numbers("price", given)
    assert array.dtype == float
    np.testing.assert_array_equal(array, given)


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (checks.numbers, NAN, "price must be finite, not nan"),
        (checks.numbers, -INF, "price must be finite, not -inf"),
        (checks.numbers, None, "price must be a number or an array of numbers, not None"),
        (checks.numbers, "dear", "price must be a number or an array of numbers, not 'dear'"),
        (checks.numbers, [[1, 2], [3]], "price must be a number or an array of numbers, not [[1, 2], [3]]"),
        (checks.numbers, [1, NAN, INF], "price must be finite, not nan (at index 1)"),
        (checks.numbers, [[1, 2], [3, INF]], "price must be finite, not inf (at index (1, 1))"),
        (checks.positive, 0, "price must be greater than 0, not 0.0"),
        (checks.positive, -2, "price must be greater than 0, not -2.0"),
        (checks.positive, [3, 0, -1], "price must be greater than 0, not 0.0 (at index 1)"),
        (checks.positive, INF, "price must be finite, not inf"),
        (checks.not_negative, -0.5, "price must be 0 or more, not -0.5"),
        (checks.not_negative, [[0, 1], [-1, 2]], "price must be 0 or more, not -1.0 (at index (1, 0))"),
        (checks.not_negative, NAN, "price must be finite, not nan"),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_refused_number_is_named_shown_and_placed(check, given, message):
    with pytest.raises(ValueError, match=r"^price must be") as refusal:
        check("price", given)
    assert str(refusal.value) == message


def test_nothing_at_all_is_not_negative_but_not_positive():
    assert checks.not_negative("margin", 0) == 0
    with pytest.raises(ValueError, match="margin must be greater than 0"):
        checks.positive("margin", 0)


def test_numbers_in_order_are_not_written_out():
    class Unwritten(np.ndarray):
        def __repr__(self):
            raise AssertionError("an array in order was written out, which takes longer than checking it")

    assert checks.numbers("marks", np.ones(3).view(Unwritten)).tolist() == [1, 1, 1]


def test_no_numbers_are_numbers():
    assert checks.positive("price", []).size == 0


def test_an_allowed_choice_comes_back():
    assert checks.one_of("mode", "cross", ("cross", "isolated")) == "cross"


@pytest.mark.parametrize("given", ["both", "", None, 1, ["cross"], np.array(["cross", "cross"])], ids=repr)
def test_a_refused_choice_is_shown_beside_those_allowed(given):
    with pytest.raises(ValueError, match=r"^mode must be one of 'cross', 'isolated', not ") as refusal:
        checks.one_of("mode", given, ("cross", "isolated"))
    assert repr(given) in str(refusal.value)


def test_shapes_that_broadcast_have_a_common_one():
    assert checks.broadcastable(size=(3,), price=(4, 1), entry=()) == (4, 3)


def test_shapes_that_do_not_broadcast_are_all_named():
    with pytest.raises(ValueError, match="shapes must broadcast") as refusal:
        checks.broadcastable(size=(3,), price=(2,), entry=())
    assert str(refusal.value).endswith("not size (3,), price (2,), entry ()")


def test_one_number_comes_back_as_a_number_and_several_as_an_array():
    assert type(checks.plain(np.float64(2.5))) is float
    assert type(checks.plain(np.array(2))) is float
    np.testing.assert_array_equal(checks.plain([2.5]), np.array([2.5]), strict=True)
