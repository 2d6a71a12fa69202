"""Reading what was entered: field by field, and everything that is wrong at once."""

from __future__ import annotations

import pytest

from marginlab import ArgumentError, _checks
from marginlab.portfolio import EntryError, Problem
from marginlab.portfolio.reading import Asked, as_number, as_text, json_of, refused


def asked(**given):
    """Return what asks these fields of the third position, and the list of what is wrong."""
    problems = []
    return Asked(2, given, problems), problems


def test_what_is_wrong_is_noted_with_its_position_and_the_rest_is_read():
    ask, problems = asked(size="many", entry="60000", mode="both")
    assert ask.number("size", _checks.positive) is None
    assert ask.number("entry", _checks.positive) == 60_000
    assert ask.word("mode", ("cross", "isolated")) is None
    assert ask.number("leverage", _checks.positive, needed=False) is None
    assert [str(one) for one in problems] == [
        "position 3, size must be a number such as 1500 or 0.25, without separators, not 'many'",
        "position 3, mode must be one of 'cross', 'isolated', not 'both'",
    ]


def test_nothing_is_what_is_empty_or_only_spaces():
    ask, problems = asked(size="  ", mode="")
    assert ask.given("size") is None
    assert ask.word("mode", ("cross", "isolated"), "cross") == "cross"
    assert ask.number("size", _checks.positive) is None
    assert problems == [Problem(2, "size", "must be given")]


def test_a_refusal_belongs_to_the_field_it_names():
    ask, problems = asked()
    ask.tried("size", lambda: _checks.positive("leverage", 0))
    assert problems == [Problem(2, "leverage", "must be greater than 0, not 0.0")]


def test_a_refusal_of_what_is_no_field_is_told_whole_beside_the_field_asked_for():
    ask, problems = asked()
    ask.tried("size", lambda: _checks.positive("price", 0))
    assert problems == [Problem(2, "size", "price must be greater than 0, not 0.0")]


@pytest.mark.parametrize(("text", "number"), [("1500", 1500), ("+.5", 0.5), ("2e3", 2000), ("-7.", -7)])
def test_a_number_is_read_from_text(text, number):
    assert as_number("size", text) == number


@pytest.mark.parametrize("text", ["1,500", "1 500", "0x10", "nan", "inf", "1e", "--1", "½"])
def test_text_that_is_no_plain_number_is_refused(text):
    with pytest.raises(ArgumentError, match=r"^size must be a number such as 1500"):
        as_number("size", text)


@pytest.mark.parametrize("number", [1500.0, 0.1, 1 / 3, -2e-9])
def test_a_number_as_it_is_entered_reads_as_the_same_number(number):
    assert as_number("size", as_text(number)) == number


def test_a_field_that_is_given_twice_is_refused():
    assert json_of('{"size": 1}') == {"size": 1}
    with pytest.raises(EntryError, match=r"^size must be given once$"):
        json_of('{"size": 1, "size": 2}')


def test_one_thing_that_is_wrong_with_an_account_is_an_error_of_its_own():
    assert refused("file", "must be text, not 7").problems == (Problem(None, "file", "must be text, not 7"),)
