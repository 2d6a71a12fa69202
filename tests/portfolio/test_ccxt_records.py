"""The records of what ccxt returns: the values by hand are those of the raw examples, and fit each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .ccxt_parsers import Reader, stands

HERE = Path(__file__).parent
POSITIONS, BALANCES = (
    json.loads((HERE / f"ccxt_{name}.json").read_text(encoding="utf-8")) for name in ("positions", "balances")
)
RECORDS = [*POSITIONS["records"], *BALANCES["records"]]
PERPETUAL = [record for record in POSITIONS["records"] if record["kind"] == "perpetual"]
COUNTED = [record for record in PERPETUAL if "contradicts" not in record]
# What is left of the backing when a venue liquidates, as a share of the value: maintenance, and fees.
LEFT = (0.0039, 0.021)


def each(records):
    """Return a mark that runs a test for each record, under its name."""
    return pytest.mark.parametrize("record", records, ids=lambda record: record["id"])


def numbers(raw: object) -> Iterator[float]:
    """Yield all numbers of a raw example."""
    if isinstance(raw, dict | list):
        for value in raw.values() if isinstance(raw, dict) else raw:
            yield from numbers(value)
    elif isinstance(raw, str) and not raw.isalpha():
        try:
            yield abs(float(raw))
        except ValueError:
            return


def profit(record, price):
    """Return the profit of a position at a price."""
    size, entry = record["true"]["size"], record["true"]["entry"]
    return size * (1 / entry - 1 / price) if record["market"].get("inverse") else size * (price - entry)


def value(record, price):
    size = abs(record["true"]["size"])
    return size / price if record["market"].get("inverse") else size * price


def backing(record):
    """Return what backs a position alone, where the answer tells it."""
    return record["true"]["margin"] or record["true"].get("wallet")


def test_an_example_is_read_though_it_is_not_quite_json():
    comment = """ usdm
    {
        symbol: 'WLDUSDT',
        "size": -1.50, // below 0 for a short
        "isolated": False   # no comma
        currencies": [
            {"code": "USDT", "eq": "28 .5"},
            ... others
        ],
        "closed": null,
     coinm
    [ "tBTCUSD", 0E-18, None ]
    """
    first, second = Reader(comment).examples()
    held = {"code": "USDT", "eq": "28.5"}
    assert first == {"symbol": "WLDUSDT", "size": "-1.50", "isolated": False, "currencies": [held], "closed": None}
    assert second == ["tBTCUSD", "0E-18", None]


def test_an_example_stands_whole_or_in_parts_that_are_said_to_be_put_together():
    answer = {"data": [{"size": "1", "account": {"margin": "2"}}]}
    assert stands({"raw": {"margin": "2"}}, answer)
    assert not stands({"raw": {"size": "1", "margin": "2"}}, answer)
    assert stands({"raw": {"size": "1", "margin": "2"}, "put_together": "position and account"}, answer)
    assert not stands({"raw": {"size": "1", "margin": "3"}, "put_together": "position and account"}, answer)


def test_a_name_is_given_once():
    for file in (POSITIONS, BALANCES):
        names = [record["id"] for record in file["records"]]
        assert len(set(names)) == len(names)


@each(RECORDS)
def test_a_record_says_where_its_example_stands_and_what_came_of_it(record):
    versions = [version for at, _ in record["parsed"] for version in at]
    file = POSITIONS if record in POSITIONS["records"] else BALANCES
    assert bool(record["where"]) != ("reported" in record)
    assert len(set(versions)) == len(versions) > 0
    assert set(versions) <= set(file["versions"])
    found = [json.dumps(output, sort_keys=True) for _, output in record["parsed"]]
    assert len(set(found)) == len(found)


def test_what_is_no_perpetual_has_no_values_by_hand():
    assert [record["id"] for record in POSITIONS["records"] if "true" in record] == [one["id"] for one in PERPETUAL]


def test_most_examples_count():
    assert len(COUNTED) >= 95
    assert len({record["exchange"] for record in COUNTED}) >= 45


@each(COUNTED)
def test_a_value_by_hand_stands_in_the_raw_example_or_has_a_reason(record):
    true, stated = record["true"], list(numbers(record["raw"]))
    contracts = abs(true["size"]) / record["market"].get("contractSize", 1.0)
    assert "size" in record.get("why", {}) or pytest.approx(contracts, rel=1e-12) in stated
    for name in ("margin", "entry", "mark", "liquidation_price", "maintenance_margin", "leverage", "unrealized_pnl"):
        given = true[name]
        if given and name not in record.get("why", {}):
            assert pytest.approx(abs(given), rel=1e-9) in stated, name


@each(COUNTED)
def test_what_nothing_tells_has_a_reason(record):
    true, why = record["true"], record.get("why", {})
    assert true["entry"]
    assert true["mark"] or "mark" in why
    assert true["mode"] or true["mode_from"] == "account"
    assert true["mode_from"] == "raw" or "mode" in why
    assert true["mode"] != "isolated" or true["margin"] or "margin" in why
    assert true["mode"] != "cross" or true["margin"] is None


@each(PERPETUAL)
def test_a_size_below_zero_is_a_short(record):
    assert record["true"]["side"] == ("short" if record["true"]["size"] < 0 else "long")


@each([record for record in COUNTED if record["true"]["mark"] and "unrealized_pnl" not in record.get("why", {})])
def test_profit_is_what_the_mark_is_from_the_entry(record):
    told, mark = record["true"]["unrealized_pnl"], record["true"]["mark"]
    assert told == pytest.approx(profit(record, mark), abs=2e-4 * value(record, mark))


@each([one for one in COUNTED if one["true"]["liquidation_price"] and backing(one)])
def test_at_the_venues_own_liquidation_price_only_maintenance_is_left(record):
    true, price = record["true"], record["true"]["liquidation_price"]
    maintenance = (true["maintenance_margin"] or 0) / value(record, true["mark"] or true["entry"])
    left = (backing(record) + profit(record, price)) / value(record, price)
    assert LEFT[0] <= left <= max(LEFT[1], 1.1 * maintenance)


@each(BALANCES["records"])
def test_a_balance_by_hand_stands_in_the_raw_example_or_has_a_reason(record):
    stated = list(numbers(record["raw"]))
    for name in ("wallet", "equity"):
        given = record["true"][name]
        assert given is not None or "contradicts" in record or name in record["why"]
        if given and name not in record.get("why", {}):
            assert pytest.approx(given, rel=1e-12) in stated
    assert all(amount in stated for amount in record["true"]["other"].values())
