"""Brackets: the maintenance tables of real markets, each with its source and the date it was in force.

Confidence: A is the venue's own page, code or output, B a faithful copy or an integration of the venue, C a hint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ..margin.contracts import Contract
from ..margin.tiers import Tiers


@dataclass(frozen=True)
class BracketTable:
    """A contract with the brackets it had at a date.

    Attributes
    ----------
    contract
        What is traded, with its brackets.
    source, date, confidence
        Where they are stated, when they were in force, and how sure it is.
    note
        What else to know of them.
    """

    contract: Contract
    source: str
    date: str
    confidence: str
    note: str


def tables_of(venue: str) -> tuple[BracketTable, ...]:
    """Return the tables of a venue, the newest of each symbol first."""
    return tuple(map(_table, _data()[venue]))


@cache
def _data() -> dict[str, list[dict[str, Any]]]:
    text = (resources.files(__package__) / "data" / "brackets.json").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found


def _table(row: dict[str, Any]) -> BracketTable:
    cap = float("inf") if row["cap"] is None else row["cap"]
    tiers = Tiers(
        row["floors"], row["rates"], row["deductions"], row["max_leverage"], cap=cap, measured_in=row["measured_in"]
    )
    contract = Contract(row["symbol"], tiers, kind=row["kind"], multiplier=row["multiplier"], currency=row["currency"])
    return BracketTable(contract, row["source"], row["date"], row["confidence"], row["note"])
