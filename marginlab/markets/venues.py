"""How real venues do it: conventions, brackets, fees and switching, each with its source and date.

Figures are true at the date beside them. Confidence: A is the venue's own page, code or output,
B a faithful copy or an integration of the venue, C a hint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Generic, TypeVar

from .. import _checks
from ..margin.contracts import Contract
from ..margin.rules import Convention, Rules
from .brackets import BracketTable, history_of, symbols_of, table_of, tables_of

TOPICS = ("switching", "liquidation", "funding", "leverage", "trigger")


Value = TypeVar("Value")


@dataclass(frozen=True)
class Sourced(Generic[Value]):
    """Something a venue states: what, where it is said, when, and how sure it is.

    Attributes
    ----------
    value
        What it states.
    source, date, confidence
        Where it is said, when, and how sure it is.
    note
        What else to know of it.
    """

    value: Value
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
class Venue:
    """One venue.

    Attributes
    ----------
    name, title
        Its key here, and what it calls itself.
    convention
        How it counts: a :class:`~marginlab.Sourced` whose value is a :class:`Convention`.
    fees
        Value: the ``maker`` and ``taker`` rates of a new user, fractions of notional.
    switching
        Value: in words, whether the mode can be changed with a position open.
    rules
        How it liquidates: a :class:`~marginlab.Sourced` whose value is a :class:`Rules`. Its note
        says what a model leaves out or reads into the source. The trading fee is that of a taker.
    tables
        Bracket tables that were set out by hand, the newest of each symbol first. Those of all its other markets
        and dates are asked for by `table`.
    """

    name: str
    title: str
    convention: Sourced[Convention]
    fees: Sourced[dict[str, float]]
    switching: Sourced[str]
    rules: Sourced[Rules]
    tables: tuple[BracketTable, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """What there are brackets of, those in `tables` first; some are no longer traded.

        >>> len(venue("dydx").symbols), venue("dydx").symbols[:3]
        (33, ('BTC-USD', 'ETH-USD', 'LINK-USD'))
        """
        return symbols_of(self.name)

    def table(self, symbol: str, *, date: str | None = None) -> BracketTable:
        """Return the newest bracket table of a symbol, or the one in force at a date.

        Parameters
        ----------
        symbol
            One of `symbols`.
        date
            A day (``"2025-10-10"``), a month, which means its last day, or a year, likewise; ``None`` for the
            newest. Where no table is as old, it is the oldest, and both the table and its contract say so.

        Returns
        -------
        BracketTable
            With its contract.

        Raises
        ------
        ArgumentError
            For a symbol whose brackets are not known, for what is no date, and for a date at which the symbol was
            not listed.

        Examples
        --------
        What did Binance ask of BTC on the day of the crash of October 2025, and what of 2019 is known?

        >>> table = venue("binance").table("BTCUSDT", date="2025-10-10")
        >>> table.date, table.contract.tiers.floors[1], table.contract.tiers.rates[0]
        ('2025-08-21', 300000.0, 0.004)
        >>> venue("binance").contract("BTCUSDT", date="2019").note
        'Brackets of 2021-03-18. The oldest that are known; asked for were those of 2019.'
        """
        return table_of(self.name, symbol, date)

    def contract(self, symbol: str, *, date: str | None = None) -> Contract:
        """Return a symbol's contract with its newest brackets, or those in force at a date.

        Parameters
        ----------
        symbol
            One of `symbols`.
        date
            A day, a month or a year, as in `table`; ``None`` for the newest brackets.

        Returns
        -------
        Contract
            With the brackets of that table.

        Raises
        ------
        ArgumentError
            As in `table`.

        Examples
        --------
        >>> venue("binance").contract("BTCUSDT", date="2021-03-18").tiers.rates[:3]
        (0.004, 0.005, 0.01)
        """
        return self.table(symbol, date=date).contract

    def history(self, symbol: str) -> tuple[BracketTable, ...]:
        """Return all brackets that are known of a symbol.

        Parameters
        ----------
        symbol
            One of `symbols`.

        Returns
        -------
        tuple of BracketTable
            The oldest first; each holds until the next, as far as is known.

        Raises
        ------
        ArgumentError
            For a symbol whose brackets are not known.

        Examples
        --------
        What leverage did Binance allow on the smallest positions in FTT, the token of an exchange that failed?

        >>> [(table.date, table.contract.tiers.max_leverage[0]) for table in venue("binance").history("FTTUSDT")]
        [('2022-05-21', 25.0), ('2022-07-10', 25.0), ('2022-11-25', 8.0)]
        """
        return history_of(self.name, symbol)


def venue(name: str) -> Venue:
    """Return a venue by its key.

    Parameters
    ----------
    name
        One of `venue_names`.

    Returns
    -------
    Venue
        What is known of it.

    Raises
    ------
    ArgumentError
        For another name.
    """
    return _venues()[_checks.one_of("name", name, _venues())]


def venue_names() -> tuple[str, ...]:
    """Return the keys of all venues.

    Returns
    -------
    tuple of str
        What :func:`venue` takes.

    Examples
    --------
    >>> venue_names()
    ('binance', 'bybit', 'okx', 'hyperliquid', 'dydx')
    """
    return tuple(_venues())


def practices(topic: str) -> tuple[Practice, ...]:
    """Return what venues do about a topic.

    Parameters
    ----------
    topic
        One of ``TOPICS``.

    Returns
    -------
    tuple of Practice
        One a venue; on switching the venues with brackets come first.

    Raises
    ------
    ArgumentError
        For another topic.

    Examples
    --------
    Where is an isolated position's funding taken from?

    >>> [(one.venue, one.rule) for one in practices("funding") if one.rule == "margin"]
    [('AX', 'margin')]
    """
    _checks.one_of("topic", topic, TOPICS)
    own = [_on_switching(one) for one in _venues().values()] if topic == "switching" else []
    return tuple(own + [Practice(**row) for row in _data()["practices"] if row["topic"] == topic])


def _on_switching(one: Venue) -> Practice:
    said = one.switching
    rule = one.rules.value.switching
    return Practice("switching", one.title, said.value, rule, said.source, said.date, said.confidence)


@cache
def _data() -> dict[str, Any]:
    text = (resources.files(__package__) / "data" / "venues.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def _venues() -> dict[str, Venue]:
    return {row["name"]: _venue(row) for row in _data()["venues"]}


def _venue(row: dict[str, Any]) -> Venue:
    fees: Sourced[dict[str, float]] = Sourced(**row["fees"])
    rules = Rules(trading_fee=fees.value["taker"], **row["rules"]["value"])
    return Venue(
        name=row["name"],
        title=row["title"],
        convention=Sourced(**{**row["convention"], "value": Convention(**row["convention"]["value"])}),
        fees=fees,
        switching=Sourced(**row["switching"]),
        rules=Sourced(**{**row["rules"], "value": rules}),
        tables=tables_of(row["name"]),
    )
