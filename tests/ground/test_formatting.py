"""How amounts, shares and tables are written for people."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import formatting

from ..refusals import assert_refused

amounts = st.floats(-1e12, 1e12)
shares = st.floats(-100, 100)
digits = st.integers(0, 3)
names = st.lists(st.from_regex(r"[A-Z]{1,5}", fullmatch=True), max_size=5)


def number(written):
    """Return the number that a reader takes from what is written."""
    return float(written.replace(formatting.MINUS, "-").replace(",", "").rstrip("%"))


# --- amounts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "written"),
    [(0, "0"), (0.4, "0"), (-0.4, "0"), (0.6, "1"), (-0.6, "−1"), (1234.4, "1,234"), (-1_000_000, "−1,000,000")],
)
def test_money_is_written_to_the_whole_unit_with_a_true_minus_sign(amount, written):
    assert formatting.money(amount) == written


@pytest.mark.parametrize(
    ("amount", "written"),
    [(1234.4, "+1,234"), (-1234.4, "−1,234"), (1_000_000, "+1,000,000"), (-7.9, "−8"), (0.0, "0"), (-0.3, "0")],
)
def test_amounts_are_written_with_their_sign(amount, written):
    assert formatting.signed(amount) == written


@given(amounts)
def test_what_is_written_is_the_amount_to_half_a_unit(amount):
    for write in (formatting.money, formatting.signed):
        assert abs(number(write(amount)) - amount) <= 0.5
        assert "-" not in write(amount)


@given(amounts)
def test_a_gain_has_a_plus_a_loss_a_minus_and_nothing_has_neither(amount):
    sign = formatting.signed(amount)[0]
    assert {"+": 1, formatting.MINUS: -1}.get(sign, 0) == (round(amount) > 0) - (round(amount) < 0)


# --- shares ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "places", "written"),
    [
        (0.125, 0, "12%"),
        (0.125, 1, "12.5%"),
        (-0.3, 0, "−30%"),
        (-0.001, 0, "0%"),
        (-0.0004, 1, "0.0%"),
        (0, 0, "0%"),
        (12.5, 0, "1250%"),
    ],
)
def test_a_share_is_written_as_a_percentage(share, places, written):
    assert formatting.percent(share, places) == written


@pytest.mark.parametrize(
    ("share", "places", "written"),
    [(0.2, 0, "+20%"), (-0.2, 0, "−20%"), (0.001, 0, "0%"), (-0.001, 0, "0%"), (0.001, 1, "+0.1%"), (0, 1, "0.0%")],
)
def test_a_move_is_written_with_its_sign_and_none_where_it_rounds_to_nothing(share, places, written):
    assert formatting.moved(share, places) == written


@given(shares, digits)
def test_what_is_written_is_the_share_to_half_of_its_last_digit(share, places):
    for write in (formatting.percent, formatting.moved):
        written = write(share, places)
        assert abs(number(written) - 100 * share) <= 0.5 * 10**-places * (1 + 1e-9)
        assert not re.match(r"[+−][0.]*%", written)


# --- lists ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_names", "written"),
    [([], ""), (["BTC"], "BTC"), (["BTC", "ETH"], "BTC and ETH"), (["BTC", "ETH", "SOL"], "BTC, ETH and SOL")],
)
def test_names_are_listed_as_in_a_sentence(given_names, written):
    assert formatting.listed(given_names) == written


@given(names, st.sampled_from(["and", "or"]))
def test_a_list_holds_every_name_in_its_order(given_names, last):
    assert re.split(rf", | {last} ", formatting.listed(given_names, last=last)) == (given_names or [""])


# --- tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "written"),
    [
        ([("BTC", 1), ("ETH", -1)], ["BTC", "ETH"]),
        ([("BTC", 1), ("ETH", -1), ("BTC", -2)], ["BTC long", "ETH", "BTC short"]),
        ([("BTC", -1), ("BTC", 1), ("BTC", -2)], ["BTC short 1", "BTC long", "BTC short 2"]),
    ],
)
def test_positions_are_named_by_their_symbol_and_by_more_where_that_is_not_enough(held, written):
    assert formatting.position_names(*zip(*held, strict=True)) == written


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from([-1.0, 2.0])), max_size=8))
def test_no_two_positions_have_one_name(held):
    found = formatting.position_names([symbol for symbol, _ in held], [size for _, size in held])
    assert len(set(found)) == len(found) == len(held)


def test_a_table_has_a_head_a_rule_and_a_line_a_row():
    assert formatting.table(["Mode", "Left"], [["cross", 0], ["isolated", 5]], numbers=["Left"]).splitlines() == [
        "| Mode | Left |",
        "|---|--:|",
        "| cross | 0 |",
        "| isolated | 5 |",
    ]


def test_a_bar_in_a_cell_does_not_end_the_cell():
    assert formatting.table(["a|b"], [["c|d"]]) == "| a\\|b |\n|---|\n| c\\|d |"


@given(st.integers(1, 4), st.integers(0, 4))
def test_every_line_of_a_table_has_as_many_cells_as_the_head(columns, rows):
    head = [f"column {i}" for i in range(columns)]
    lines = formatting.table(head, ([i] * columns for i in range(rows)), numbers=head[:1]).splitlines()
    assert len(lines) == rows + 2
    assert {line.count("|") for line in lines} == {columns + 1}


def test_a_row_of_another_length_is_refused():
    assert_refused(lambda: formatting.table(["Mode", "Left"], [["cross"]]), "row", "['cross']")


def test_a_column_of_numbers_that_is_not_there_is_refused():
    assert_refused(lambda: formatting.table(["Mode"], [], numbers=["Left"]), "numbers", "['Left']")
