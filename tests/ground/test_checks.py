"""What may come in, and what a refusal says."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from marginlab import _checks

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("given", [3, 3.5, [1, 2], [[1], [2]], np.float32(2), np.arange(3)], ids=repr)
def test_numbers_come_back_as_floats_of_the_same_shape(given):
    array = _checks.numbers("price", given)
    assert array.dtype == float
    np.testing.assert_array_equal(array, given)


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (_checks.numbers, NAN, "price must be finite, not nan"),
        (_checks.numbers, -INF, "price must be finite, not -inf"),
        (_checks.numbers, None, "price must be a number or an array of numbers, not None"),
        (_checks.numbers, "dear", "price must be a number or an array of numbers, not 'dear'"),
        (_checks.numbers, True, "price must be a number or an array of numbers, not True"),
        (_checks.numbers, [False, True], "price must be a number or an array of numbers, not [False, True]"),
        (_checks.numbers, [[1, 2], [3]], "price must be a number or an array of numbers, not [[1, 2], [3]]"),
        (_checks.numbers, 10**309, f"price must be a number or an array of numbers, not {10**309}"),
        (_checks.numbers, [1, NAN, INF], "price must be finite, not nan (at index 1)"),
        (_checks.numbers, [[1, 2], [3, INF]], "price must be finite, not inf (at index (1, 1))"),
        (_checks.positive, 0, "price must be greater than 0, not 0.0"),
        (_checks.positive, -2, "price must be greater than 0, not -2.0"),
        (_checks.positive, [3, 0, -1], "price must be greater than 0, not 0.0 (at index 1)"),
        (_checks.positive, INF, "price must be finite, not inf"),
        (_checks.not_negative, -0.5, "price must be 0 or more, not -0.5"),
        (_checks.not_negative, [[0, 1], [-1, 2]], "price must be 0 or more, not -1.0 (at index (1, 0))"),
        (_checks.not_negative, NAN, "price must be finite, not nan"),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_refused_number_is_named_shown_and_placed(check, given, message):
    with pytest.raises(ValueError, match=r"^price must be") as refusal:
        check("price", given)
    assert str(refusal.value) == message


def test_nothing_at_all_is_not_negative_but_not_positive():
    assert _checks.not_negative("margin", 0) == 0
    with pytest.raises(ValueError, match="margin must be greater than 0"):
        _checks.positive("margin", 0)


def test_numbers_in_order_are_not_written_out():
    class Unwritten(np.ndarray):
        def __repr__(self):
            raise AssertionError("an array in order was written out, which takes longer than checking it")

    assert _checks.numbers("marks", np.ones(3).view(Unwritten)).tolist() == [1, 1, 1]


def test_no_numbers_are_numbers():
    assert _checks.positive("price", []).size == 0


def test_an_allowed_choice_comes_back():
    assert _checks.one_of("mode", "cross", ("cross", "isolated")) == "cross"


@pytest.mark.parametrize("given", ["both", "", None, 1, ["cross"], np.array(["cross", "cross"])], ids=repr)
def test_a_refused_choice_is_shown_beside_those_allowed(given):
    with pytest.raises(ValueError, match=r"^mode must be one of 'cross', 'isolated', not ") as refusal:
        _checks.one_of("mode", given, ("cross", "isolated"))
    assert repr(given) in str(refusal.value)


@pytest.mark.parametrize("given", [0, 0.0, 0.25, 1, np.float32(0.5), np.array(1), Fraction(1, 4)], ids=repr)
def test_a_number_between_two_ends_comes_back_as_a_float(given):
    number = _checks.between("share", given, 0, 1)
    assert type(number) is float
    assert number == given


@pytest.mark.parametrize(
    ("open_below", "open_above", "ends"),
    [
        (False, False, "[0, 0.5]"),
        (True, False, "(0, 0.5]"),
        (False, True, "[0, 0.5)"),
        (True, True, "(0, 0.5)"),
    ],
)
def test_an_end_belongs_to_what_is_allowed_unless_it_is_open(open_below, open_above, ends):
    def ask(given):
        return _checks.between("share", given, 0, 0.5, open_below=open_below, open_above=open_above)

    inside = [0.25, 1e-300, 0.4999999] + [0] * (not open_below) + [0.5] * (not open_above)
    outside = [-1e-300, 0.5000001, NAN, INF, -INF] + [0] * open_below + [0.5] * open_above
    assert [ask(given) for given in inside] == inside
    for given in outside:
        with pytest.raises(ValueError, match="share must lie in") as refusal:
            ask(given)
        assert str(refusal.value) == f"share must lie in {ends}, not {given!r}"


def test_infinity_may_be_an_end():
    assert _checks.between("fund", INF, 0, INF) == INF
    with pytest.raises(ValueError, match=r"restore_to must lie in \[1, inf\), not inf"):
        _checks.between("restore_to", INF, 1, INF, open_above=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0.5], "share must be one number, not [0.5]"),
        ("half", "share must be a number or an array of numbers, not 'half'"),
        (None, "share must be a number or an array of numbers, not None"),
    ],
    ids=repr,
)
def test_what_is_not_one_number_does_not_lie_between_two(given, message):
    with pytest.raises(ValueError, match="share must be") as refusal:
        _checks.between("share", given, 0, 1)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("given", "least"), [(1, 1), (np.int8(3), 1), (0, 0), (10**30, 5), (np.uint64(5), 5)], ids=repr
)
def test_a_count_comes_back_as_a_whole_number(given, least):
    number = _checks.count("rounds", given, least=least)
    assert type(number) is int
    assert number == given


def test_a_count_is_of_one_or_more_unless_told_otherwise():
    assert _checks.count("rounds", 1) == 1
    with pytest.raises(ValueError, match="rounds must be a whole number of 1 or more, not 0"):
        _checks.count("rounds", 0)


@pytest.mark.parametrize(
    "given",
    [1, -1, 2.0, np.float64(3), True, np.True_, "2", None, NAN, INF, [2], np.array([2]), Fraction(4, 2)],
    ids=repr,
)
def test_a_refused_count_is_shown_beside_the_least_allowed(given):
    with pytest.raises(ValueError, match="rounds must be") as refusal:
        _checks.count("rounds", given, least=2)
    assert str(refusal.value) == f"rounds must be a whole number of 2 or more, not {given!r}"


@pytest.mark.parametrize("given", [True, False, np.True_, np.False_], ids=repr)
def test_a_truth_is_no_count(given):
    with pytest.raises(ValueError, match="rounds must be a whole number of 0 or more, not ") as refusal:
        _checks.count("rounds", given, least=0)
    assert str(refusal.value).endswith(repr(given))


@pytest.mark.parametrize("given", [True, False, np.True_, np.False_], ids=repr)
def test_a_truth_comes_back_as_one(given):
    assert _checks.truth("net_first", given) is bool(given)


@pytest.mark.parametrize("given", [1, 0, 1.0, "True", "", None, [], np.array([True]), NAN], ids=repr)
def test_what_merely_counts_as_true_or_false_is_refused(given):
    with pytest.raises(ValueError, match="net_first must be") as refusal:
        _checks.truth("net_first", given)
    assert str(refusal.value) == f"net_first must be True or False, not {given!r}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([2, 0, 3], "depth must be greater than 0, not 0.0 (at index 1)"),
        (-INF, "depth must be finite, not -inf"),
        ([INF, NAN], "depth must be finite, not nan (at index 1)"),
    ],
    ids=repr,
)
def test_only_a_leverage_may_be_infinite(given, message):
    np.testing.assert_array_equal(_checks.positive_or_endless("depth", [1, INF]), np.array([1.0, INF]), strict=True)
    with pytest.raises(ValueError, match="depth must be") as refusal:
        _checks.positive_or_endless("depth", given)
    assert str(refusal.value) == message


def test_shapes_that_broadcast_have_a_common_one():
    assert _checks.broadcastable(size=(3,), price=(4, 1), entry=()) == (4, 3)


def test_shapes_that_do_not_broadcast_are_all_named():
    with pytest.raises(ValueError, match="shapes must broadcast") as refusal:
        _checks.broadcastable(size=(3,), price=(2,), entry=())
    assert str(refusal.value).endswith("not size (3,), price (2,), entry ()")


def test_one_number_comes_back_as_a_number_and_several_as_an_array():
    assert type(_checks.plain(np.float64(2.5))) is float
    assert type(_checks.plain(np.array(2))) is float
    np.testing.assert_array_equal(_checks.plain([2.5]), np.array([2.5]), strict=True)


def test_each_position_has_one_value_or_all_have_the_same():
    _checks.one_each(2, size=np.ones((3, 2)), entry=np.ones(2), leverage=np.array(5.0))
    for shape in ((3,), (2, 3), (2, 1)):
        with pytest.raises(
            ValueError, match=r"^entry must have one value a position in the last axis \(2\)"
        ) as refusal:
            _checks.one_each(2, size=np.ones(2), entry=np.ones(shape))
        assert str(refusal.value).endswith(f"not shape {shape}")
