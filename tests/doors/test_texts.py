"""Texts that are changed in one place, read by every reader: refused by field, or taken and told back as given."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from marginlab import venue, venue_names
from marginlab.portfolio import Portfolio, from_csv, from_json, to_csv, to_json

from ..examples import WEEKLY
from . import calls, texts

PARTS, EACH = 20, 5_000 if WEEKLY else 250


@pytest.mark.parametrize("part", range(PARTS))
def test_a_text_that_is_changed_is_refused_by_field_or_taken_and_told_back(part):
    rng = random.Random(None if WEEKLY else part)
    count = Counter()
    for reader, (read, wrong) in islice(texts.readings(rng), EACH):
        found = calls.sort(read, wrong)
        assert found.kind != "fault", (reader, found.told, read.__defaults__)
        count[reader, found.kind] += 1
    # Both happen, of each: a harness that only ever meets refusals would find nothing.
    readers = {reader for reader, _ in count}
    assert all(count[reader, kind] for reader in readers for kind in ("refused", "taken"))


NUMBERS = ("size", "entry", "mark", "leverage", "margin")


def good_account(rng):
    """Return the rows of an account that somebody may hold, as a form has them, and its venue."""
    name = rng.choice([one for one in venue_names() if venue(one).symbols])
    first = venue(name).contract(rng.choice(venue(name).symbols))
    symbols = [one.symbol for one in (table.contract for table in venue(name).tables) if one.currency == first.currency]
    rows = []
    for symbol in rng.sample([first.symbol, *symbols], k=min(rng.randint(1, 4), len(symbols) + 1)):
        contract, price = venue(name).contract(symbol), round(10 ** rng.uniform(-3, 5), 6)
        size = round(10 ** rng.uniform(1, 4) / contract.notional(1, price), 8) or 1.0
        row = {"symbol": symbol, "side": rng.choice(["long", "short"]), "size": size, "entry": price}
        row |= {"mark": round(price * rng.uniform(0.8, 1.2), 8), "mode": rng.choice(["cross", "isolated"])}
        row |= {"leverage": min(rng.choice([1.0, 2.0, 5.0]), float(contract.leverage_limit(size, price)))}
        rows.append(row if row["symbol"] not in {other["symbol"] for other in rows} else {**row, "mark": price})
    marks = {row["symbol"]: row["mark"] for row in rows}
    return name, [{**row, "mark": marks[row["symbol"]]} for row in rows]


@pytest.mark.parametrize("part", range(PARTS))
def test_honest_accounts_are_taken_and_told_back_as_they_were_given(part):
    rng = random.Random(None if WEEKLY else part)
    for _ in range(500 if WEEKLY else 50):
        name, rows = good_account(rng)
        as_entered = [
            {field: value if isinstance(value, str) else repr(value) for field, value in row.items()} for row in rows
        ]
        kept = Portfolio.of_rows(
            as_entered, venue=name, wallet=repr(rng.uniform(-1e3, 1e6)), title="=1", note="ü\n'=\""
        )
        for given, row in zip(rows, kept.rows(), strict=True):
            assert {field: row[field] for field in given} == given
        assert from_json(to_json(kept)) == from_csv(to_csv(kept)) == kept
