"""The file of test vectors: up to date, answered again in exact fractions, explained, and able to fail an engine."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import pytest

from marginlab import venue, venue_names

from .. import oracle, oracle_collateral
from . import evaluator, make

TEXT = make.FILE.read_text(encoding="utf-8")
FILE = evaluator.read(TEXT)
VECTORS = FILE["vectors"]
KINDS = ("published", "brackets", "account", "collateral", "rules")


def wrong(vector):
    """Return what the exact evaluator answers otherwise than the file: quantity, answer, expected."""
    found = zip(evaluator.answers(vector, FILE), vector["expected"], strict=True)
    return [(one["quantity"], answer, one["value"]) for answer, one in found if not evaluator.agrees(answer, one, FILE)]


@pytest.mark.long
def test_the_file_is_what_the_package_and_the_published_examples_make_of_it():
    assert make.text() == TEXT, "run `make vectors`"


@pytest.mark.long
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
    answered = {name for one in VECTORS for expected in one["expected"] for name in expected}
    assert answered == {name for names in FILE["expected"] for name in names.split(", ")}
    assert {name for one in VECTORS for name in one.get("rules", ())} <= set(FILE["rules"])
    assert {"venues", "conventions", "tables", "vectors"} == set(FILE["parts"])


def test_the_file_holds_numbers_that_every_language_reads():
    assert not re.search(r"\b(NaN|-?Infinity)\b", re.sub(r'"[^"]*"', "", TEXT))
    assert json.loads(TEXT)


def test_every_venue_with_its_convention_and_rules_and_every_table_is_cited():
    assert list(FILE["venues"]) == [venue(name).title for name in venue_names()]
    for name, one in zip(venue_names(), FILE["venues"].values(), strict=True):
        assert len(one["conventions_before"]) == len(venue(name).conventions) - 1
        for fact in (one["convention"], *one["conventions_before"], one["rules"]):
            assert all(fact[key] for key in ("source", "date", "confidence"))
    for table in FILE["tables"].values():
        assert all(table[key] for key in ("source", "date", "confidence"))
    known = {one.title for one in map(venue, venue_names()) if one.symbols}
    assert {table["venue"] for table in FILE["tables"].values()} == known


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
            size, mark, multiplier = (float(number) for number in (abs(row["size"]), row["mark"], table["multiplier"]))
            value = size * multiplier * mark if table["kind"] == "linear" else size * multiplier / mark
            assert float(counted) == (size if table["brackets"]["measured_in"] == "contracts" else value)


def prices(id_, toward=None):
    """Return the liquidation prices that a vector expects in a direction, of each of its positions."""
    (vector,) = [one for one in VECTORS if one["id"] == id_]
    asked = [one for one in vector["expected"] if one["quantity"] == "liquidation_price"]
    return [one["value"] for one in asked if one.get("toward") == toward]


# Worked out by hand; None for no such price.
@pytest.mark.parametrize(
    ("id_", "nearer", "down", "up"),
    [
        # 5,000 = 2 (0.5 % of P - 300)
        ("binance, an equal pair, at 60,000", 560_000, None, 560_000),
        # It has risen beyond that.
        ("binance, an equal pair, at 600,000", 560_000, None, 560_000),
        # 8,000 + 2 (P - 60,000) - (P - 61,000) = 0.4 % of 3 P
        ("a pair, more long than short", 51_000 / 0.988, 51_000 / 0.988, None),
        # 10,000 + (P - 80,000) - 0.6 (P - 81,000) = 0.4 % of 1.6 P; above, in the last bracket of the long
        ("binance, +1 from 80,000 and -0.6 from 81,000", 21_400 / 0.3936, 21_400 / 0.3936, 2_107_356_500),
        # At entry the short is the smaller side, and free: 0.4 P - 21,400 = 1 % of 80,000
        ("krakenfutures, +1 from 80,000 and -0.6 from 81,000", 55_500, 55_500, None),
    ],
)
def test_both_legs_of_a_market_are_expected_to_fail_at_its_one_price(id_, nearer, down, up):
    for toward, price in ((None, nearer), ("down", down), ("up", up)):
        assert prices(id_, toward) == [price if price is None else pytest.approx(price)] * 2


@pytest.mark.parametrize(
    ("id_", "price", "digits"),
    [
        # Today (E - E / L) / (1 - r), before 2 September 2025 E - E / L + r E
        ("bybit, IMXUSDT, isolated, 3x, today", 0.50370, 5e-6),
        ("bybit, IMXUSDT, isolated, 3x, 2025-09-01", 0.50566, 5e-6),
        ("bybit, IMXUSDT, isolated, 3x, 2023", 0.50566, 5e-6),
        ("bybit, BTCUSDT, isolated, 2x, today", 38_627.47, 5e-3),
        ("bybit, BTCUSDT, isolated, 10x, today", 69_529.45, 5e-3),
        # In cross with the fee beside it: (E - E / L + 0.055 % of (E - E / L)) / (1 - r)
        ("bybit, BTCUSDT, cross, 10x, today", 69_300 * 1.00055 / 0.9967, 1e-6),
        # 12,000 D, half or none of it in BTC at 95 %: (60,000 - D) / (0.996 + a), and in the second bracket less 50
        ("long of 1 BTC, 0% of 12,000 in BTC, at 95 %", 48_000 / 0.996, 1e-6),
        ("long of 1 BTC, 50% of 12,000 in BTC, at 95 %", 54_000 / 1.091, 1e-6),
        ("long of 1 BTC, 100% of 12,000 in BTC, at 95 %", 59_950 / 1.185, 1e-6),
        # -125 + 1.5 (P - 6,500 / 3) = 2 % of 1.5 P
        ("a margin of -125, long", 3_375 / 1.47, 1e-6),
    ],
)
def test_a_position_is_expected_to_fail_where_it_does_by_hand(id_, price, digits):
    assert prices(id_) == [pytest.approx(price, abs=digits)]


def test_profit_opens_where_the_venue_lets_it():
    opens = {
        one["id"]: expected["value"]
        for one in VECTORS
        for expected in one["expected"]
        if expected["quantity"] == "free_margin"
    }
    assert opens["at 60,000, profit opens, initial margin at mark"] == 1_400
    assert opens["at 60,000, profit does not open, initial margin at mark"] == 400


def test_a_short_against_as_many_coins_is_expected_to_fail_nowhere():
    assert prices("inverse -30,000 from 60,000, against 0.5 BTC") == [None]


# --- a wrong engine is found out ------------------------------------------------------------------------------


def broken(monkeypatch, name, other, where=oracle, kinds=("published", "brackets", "account")):
    """Return how many vectors of each of some kinds fail with a formula of the evaluator replaced."""
    monkeypatch.setattr(where, name, other)
    failed = [one["about"] for one in VECTORS if one["about"] in kinds and wrong(one)]
    return {kind: failed.count(kind) for kind in kinds}


@pytest.mark.long
def test_an_engine_that_puts_a_bound_into_the_bracket_above_fails_at_the_bounds(monkeypatch):
    def above(tiers, amount):
        return [bracket for bracket in oracle.brackets(tiers) if amount >= bracket[0]][-1]

    assert broken(monkeypatch, "bracket_of", above)["brackets"] > 100


@pytest.mark.long
def test_an_engine_that_forgets_the_deduction_fails(monkeypatch):
    right = oracle.brackets

    def without(tiers):
        return [(floor, upper, rate, Fraction(0)) for floor, upper, rate, _ in right(tiers)]

    failed = broken(monkeypatch, "brackets", without)
    assert failed["brackets"] > 100
    assert failed["account"] > 50


@pytest.mark.long
def test_an_engine_that_lets_no_other_market_of_the_pool_count_fails(monkeypatch):
    failed = broken(monkeypatch, "others", lambda *_: [], evaluator.State)
    assert failed["published"] > 2
    assert failed["account"] > 10


@pytest.mark.long
def test_an_engine_that_takes_each_leg_of_a_market_for_itself_fails(monkeypatch):
    def apart(state, row):
        return [other for other in state.pool() if other is not row]

    monkeypatch.setattr(evaluator.State, "market", lambda _, row: [row])
    assert broken(monkeypatch, "others", apart, evaluator.State)["account"] > 30


@pytest.mark.long
@pytest.mark.parametrize(
    ("field", "plain"), [("brackets_count", "leg"), ("charged", "each"), ("closing_fee_in", "both")]
)
def test_an_engine_that_knows_one_way_of_counting_legs_and_fees_fails(monkeypatch, field, plain):
    right = evaluator.State.__init__

    def counting_plainly(state, vector, file):
        right(state, vector, file)
        setattr(state.convention, field, plain)

    assert broken(monkeypatch, "__init__", counting_plainly, evaluator.State)["account"] > 5


@pytest.mark.long
def test_an_engine_that_forgets_the_fee_on_what_the_leverage_implies_fails(monkeypatch):
    assert broken(monkeypatch, "leverage_fee", lambda *_: Fraction(0))["account"] > 10


def test_an_engine_that_counts_collateral_in_full_fails(monkeypatch):
    def in_full(_ratio, amount, price):
        return amount * price

    assert broken(monkeypatch, "counted", in_full, oracle_collateral, ["collateral"])["collateral"] > 20


def test_an_engine_that_lets_coins_stand_still_while_their_market_moves_fails(monkeypatch):
    right = oracle_collateral.along

    def still(marks, speeds, t):
        return right(marks, [0] * len(speeds), t)

    assert broken(monkeypatch, "along", still, oracle_collateral, ["collateral"])["collateral"] > 20


@pytest.mark.long
def test_an_engine_that_takes_maintenance_elsewhere_fails(monkeypatch):
    right = oracle.liquidation_price

    def frozen(contract, size, entry, backing, mark, convention):
        other = evaluator.SimpleNamespace(**{**vars(convention), "maintenance_at": "entry"})
        return right(contract, size, entry, backing, mark, other)

    failed = broken(monkeypatch, "liquidation_price", frozen)
    assert failed["published"] > 20
    assert failed["account"] > 50
