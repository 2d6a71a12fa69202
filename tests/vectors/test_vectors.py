"""The file of test vectors: up to date, answered again in exact fractions, explained, and able to fail an engine."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import pytest

from marginlab import venue, venue_names

from .. import oracle
from . import evaluator, make

TEXT = make.FILE.read_text(encoding="utf-8")
FILE = evaluator.read(TEXT)
VECTORS = FILE["vectors"]
KINDS = ("published", "brackets", "account", "rules")


def wrong(vector):
    """Return what the exact evaluator answers otherwise than the file: quantity, answer, expected."""
    found = zip(evaluator.answers(vector, FILE), vector["expected"], strict=True)
    return [(one["quantity"], answer, one["value"]) for answer, one in found if not evaluator.agrees(answer, one, FILE)]


def test_the_file_is_what_the_package_and_the_published_examples_make_of_it():
    assert make.text() == TEXT, "run `make vectors`"


@pytest.mark.parametrize("kind", KINDS)
def test_exact_fractions_give_every_expected_value(kind):
    vectors = [one for one in VECTORS if one["about"] == kind]
    assert vectors
    assert {one["id"]: wrong(one) for one in vectors if wrong(one)} == {}


def test_a_vector_has_a_name_of_its_own_and_says_what_it_is_about():
    assert len({one["id"] for one in VECTORS}) == len(VECTORS)
    assert {one["about"] for one in VECTORS} == set(KINDS) == set(FILE["kinds"])


def test_the_file_explains_every_field_and_quantity_that_it_uses():
    explained = {name for names in FILE["quantities"] for name in names.split(", ")}
    assert {one["quantity"] for vector in VECTORS for one in vector["expected"]} == explained
    assert {name for one in FILE["conventions"].values() for name in one} == set(FILE["convention"])
    assert {name for one in VECTORS for name in one["input"]} == set(FILE["input"])
    assert {name for one in VECTORS for name in one.get("rules", ())} <= set(FILE["rules"])
    assert {"venues", "conventions", "tables", "vectors"} == set(FILE["parts"])


def test_the_file_holds_numbers_that_every_language_reads():
    assert not re.search(r"\b(NaN|-?Infinity)\b", re.sub(r'"[^"]*"', "", TEXT))
    assert json.loads(TEXT)


def test_every_venue_with_its_convention_and_rules_and_every_table_is_cited():
    assert list(FILE["venues"]) == [venue(name).title for name in venue_names()]
    for one in FILE["venues"].values():
        for fact in one.values():
            assert all(fact[key] for key in ("source", "date", "confidence"))
    for table in FILE["tables"].values():
        assert all(table[key] for key in ("source", "date", "confidence"))
    assert {table["venue"] for table in FILE["tables"].values()} == set(FILE["venues"])


def test_every_bound_of_every_table_is_tried_from_both_sides():
    tried = {}
    for vector in (one for one in VECTORS if one["about"] == "brackets"):
        (row,) = vector["input"]["positions"]
        (bracket, *_) = (one["value"] for one in vector["expected"])
        tried.setdefault(row["table"], []).append(bracket)
    for name, table in FILE["tables"].items():
        number = len(table["brackets"]["floors"])
        if number > 1:
            # Below and at a bound it is the bracket below; above, the next.
            for n in range(number - 1):
                assert tried[name].count(n) >= 2, (name, n)
            assert set(tried[name]) == set(range(number))


def test_at_a_bound_means_exactly_at_it():
    for vector in VECTORS:
        if vector["about"] == "brackets" and ", at " in vector["id"]:
            (row,) = vector["input"]["positions"]
            table = FILE["tables"][row["table"]]
            (state,) = evaluator.State(vector, FILE).rows
            counted = oracle.notional(state.contract, state.size, state.mark)
            if table["brackets"]["measured_in"] == "contracts":
                counted = abs(state.size)
            ends = [*table["brackets"]["floors"], table["brackets"]["cap"]]
            assert counted in ends, vector["id"]
            # And so it is in doubles.
            assert float(counted) == float(abs(row["size"])) * (
                1.0 if table["brackets"]["measured_in"] == "contracts" else float(row["mark"] * table["multiplier"])
            )


# --- a wrong engine is found out ------------------------------------------------------------------------------


def broken(monkeypatch, name, other):
    """Return how many vectors of each kind fail with a formula of the evaluator replaced."""
    monkeypatch.setattr(oracle, name, other)
    failed = [one["about"] for one in VECTORS if wrong(one)]
    return {kind: failed.count(kind) for kind in KINDS}


def test_an_engine_that_puts_a_bound_into_the_bracket_above_fails_at_the_bounds(monkeypatch):
    def above(tiers, amount):
        return [bracket for bracket in oracle.brackets(tiers) if amount >= bracket[0]][-1]

    assert broken(monkeypatch, "bracket_of", above)["brackets"] > 100


def test_an_engine_that_forgets_the_deduction_fails(monkeypatch):
    def without(contract, size, price):
        return oracle.bracket_of(contract.tiers, oracle.notional(contract, size, price))[2] * oracle.notional(
            contract, size, price
        )

    failed = broken(monkeypatch, "maintenance", without)
    assert failed["brackets"] > 100
    assert failed["account"] > 50


def test_an_engine_that_lets_no_other_market_of_the_pool_count_fails(monkeypatch):
    failed = broken(monkeypatch, "backing", lambda wallet, *_: Fraction(wallet))
    assert failed["published"] > 2
    assert failed["account"] > 10


def test_an_engine_that_takes_maintenance_elsewhere_fails(monkeypatch):
    right = oracle.liquidation_price

    def frozen(contract, size, entry, backing, mark, convention):
        other = evaluator.SimpleNamespace(**{**vars(convention), "maintenance_at": "entry"})
        return right(contract, size, entry, backing, mark, other)

    failed = broken(monkeypatch, "liquidation_price", frozen)
    assert failed["published"] > 20
    assert failed["account"] > 50
