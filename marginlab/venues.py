"""How real venues do it: conventions, brackets, fees and switching, each with its source and date.

Figures are true at the date beside them. Confidence: A is the venue's own page, code or output,
B a faithful copy or an integration of the venue, C a hint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from . import checks
from .contracts import Contract, Convention
from .rules import Rules
from .tiers import Tiers

TOPICS = ("switching", "liquidation", "funding", "leverage", "trigger")


@dataclass(frozen=True)
class Sourced:
    """Something a venue states: what, where it is said, when, and how sure it is."""

    value: Any
    source: str
    date: str
    confidence: str
    note: str = ""


@dataclass(frozen=True)
class Practice:
    """What one venue does about one topic, in words.

    Attributes
    ----------
    venue
        What the venue calls itself.
    topic
        One of ``TOPICS``.
    value
        In words.
    rule
        The same as one word, ``""`` where none is known: for ``"switching"`` as in :class:`Rules`; for
        ``"funding"`` which pocket pays for an isolated position (``"margin"``, ``"wallet"`` first, or at the
        ``"close"``); for ``"leverage"`` how the modes compare (``"same"``; ``"sum"``: cross adds long and short up;
        ``"net"``: cross charges the larger of the two; ``"isolated only"`` in some markets); for ``"trigger"`` which
        price is looked at.
    source, date, confidence
        Where it is said, when, and how sure it is.
    """

    topic: str
    venue: str
    value: str
    rule: str
    source: str
    date: str
    confidence: str


@dataclass(frozen=True)
class BracketTable:
    """A contract with the brackets it had at a date."""

    contract: Contract
    source: str
    date: str
    confidence: str
    note: str


@dataclass(frozen=True)
class Venue:
    """One venue.

    Attributes
    ----------
    name, title
        Its key here, and what it calls itself.
    convention
        How it counts: a :class:`~marginlab.venues.Sourced` whose value is a :class:`Convention`.
    fees
        Value: the ``maker`` and ``taker`` rates of a new user, fractions of notional.
    switching
        Value: in words, whether the mode can be changed with a position open.
    rules
        How it liquidates: a :class:`~marginlab.venues.Sourced` whose value is a :class:`Rules`. Its note
        says what a model leaves out or reads into the source. The trading fee is that of a taker.
    tables
        Bracket tables, the newest of each symbol first.
    """

    name: str
    title: str
    convention: Sourced
    fees: Sourced
    switching: Sourced
    rules: Sourced
    tables: tuple[BracketTable, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """What there are brackets of.

        >>> venue("dydx").symbols
        ('BTC-USD', 'ETH-USD')
        """
        return tuple(dict.fromkeys(table.contract.symbol for table in self.tables))

    def table(self, symbol: str, *, date: str | None = None) -> BracketTable:
        """Return the newest bracket table of a symbol, or the one of a date.

        Raises
        ------
        ValueError
            For a symbol or a date there is no table of, with those there are.
        """
        checks.one_of("symbol", symbol, self.symbols)
        own = {table.date: table for table in self.tables if table.contract.symbol == symbol}
        return own[next(iter(own)) if date is None else checks.one_of("date", date, own)]

    def contract(self, symbol: str, *, date: str | None = None) -> Contract:
        """Return a symbol's contract with its newest brackets, or those of a date.

        >>> venue("binance").contract("BTCUSDT", date="2021-03-18").tiers.rates[:3]
        (0.004, 0.005, 0.01)
        """
        return self.table(symbol, date=date).contract


def venue(name: str) -> Venue:
    """Return a venue by its key, one of `venue_names`."""
    return _venues()[checks.one_of("name", name, _venues())]


def venue_names() -> tuple[str, ...]:
    """Return the keys of all venues.

    >>> venue_names()
    ('binance', 'bybit', 'okx', 'hyperliquid', 'dydx')
    """
    return tuple(_venues())


def practices(topic: str) -> tuple[Practice, ...]:
    """Return what venues do about a topic, one of ``TOPICS``; on switching the venues with brackets come first.

    Raises
    ------
    ValueError
        For another topic.

    Examples
    --------
    Where is an isolated position's funding taken from?

    >>> [(one.venue, one.rule) for one in practices("funding") if one.rule == "margin"]
    [('AX', 'margin')]
    """
    checks.one_of("topic", topic, TOPICS)
    own = [_on_switching(one) for one in _venues().values()] if topic == "switching" else []
    return tuple(own + [Practice(**row) for row in _data()["practices"] if row["topic"] == topic])


def _on_switching(one: Venue) -> Practice:
    said = one.switching
    rule = one.rules.value.switching
    return Practice("switching", one.title, said.value, rule, said.source, said.date, said.confidence)


@cache
def _data() -> dict[str, Any]:
    text = (resources.files("marginlab") / "data" / "venues.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def _venues() -> dict[str, Venue]:
    return {row["name"]: _venue(row) for row in _data()["venues"]}


def _venue(row: dict[str, Any]) -> Venue:
    convention, fees, switching = (Sourced(**row[name]) for name in ("convention", "fees", "switching"))
    counted = replace(convention, value=Convention(**convention.value))
    said = Sourced(**row["rules"])
    rules = replace(said, value=Rules(trading_fee=fees.value["taker"], **said.value))
    return Venue(row["name"], row["title"], counted, fees, switching, rules, tuple(map(_table, row["tables"])))


def _table(row: dict[str, Any]) -> BracketTable:
    cap = float("inf") if row["cap"] is None else row["cap"]
    tiers = Tiers(
        row["floors"], row["rates"], row["deductions"], row["max_leverage"], cap=cap, measured_in=row["measured_in"]
    )
    contract = Contract(row["symbol"], tiers, kind=row["kind"], multiplier=row["multiplier"], currency=row["currency"])
    return BracketTable(contract, row["source"], row["date"], row["confidence"], row["note"])
