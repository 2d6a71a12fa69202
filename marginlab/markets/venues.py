"""How real venues do it: conventions, brackets, fees and switching, each with its source and date.

Figures are true at the date beside them, and between the days they are said to have held. Confidence: A is the venue's
own page, code or output, B a faithful copy or an integration of the venue, C a hint. What nobody was found to state is
left out of ``venues.json``: it is unknown, not "no", and what is assumed instead is named by `Sourced.assumed`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Generic, TypeVar

from .. import _checks
from .._checks import ArgumentError
from ..margin.collateral import CollateralRatio
from ..margin.contracts import Contract
from ..margin.rules import MODES, Convention, Conversion, Rules
from .brackets import BracketTable, history_of, last_day, symbols_of, table_of, tables_of

TOPICS = (
    "switching",
    "default mode",
    "isolated only",
    "cross only",
    "maintenance",
    "closing fee",
    "brackets",
    "hedge",
    "trigger",
    "liquidation",
    "order",
    "takeover",
    "fee",
    "fund",
    "ADL trigger",
    "ADL side",
    "funding",
    "cross funding",
    "leverage",
    "leverage change",
    "initial margin",
    "profit",
    "open orders",
    "withdrawal",
    "auto margin",
    "collateral",
)
# What a convention and rules are asked for; what is not stated of it is assumed.
ASKED = {
    Convention: ("maintenance_at", "closing_fee_at", "at_equality", "brackets_count", "charged"),
    Rules: ("close", "part", "order", "liquidation_fee", "isolated_funding", "switching"),
}
# A fee of all symbols that are not named.
EVERY = "*"
# An exchange that is not among the venues: nothing is known of it, and the plainest is assumed.
UNLISTED = "other"
_PLAINEST: dict[str, Any] = {
    "name": UNLISTED,
    "title": "an exchange that is not listed here (plainest convention assumed*)",
    "convention": [{"value": {}, "source": [], "date": "", "confidence": "C", "note": "Assumed."}],
    "rules": [{"value": {"switching": "open"}, "source": [], "date": "", "confidence": "C", "note": "Assumed."}],
    "states": {},
}

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
    since, until
        The first and the last day on which it held, or the month or year; ``""`` where that is not known, or where it
        still holds.
    assumed
        Of a convention or rules: the fields that no source was found for, which are as `value` has them by assumption.
    """

    value: Value
    source: str
    date: str
    confidence: str
    note: str = ""
    since: str = ""
    until: str = ""
    assumed: tuple[str, ...] = ()


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
        The same as one word, ``""`` where none is known or fits. For ``"switching"``, from isolated to cross, as in
        :class:`Rules`. For ``"funding"`` which pocket pays for an isolated position: ``"margin"``, ``"wallet"`` first,
        or at the ``"close"``. For ``"leverage"`` how the modes compare: ``"same"``; ``"sum"``: cross adds long and
        short up; ``"larger"``: cross charges the larger of the two; ``"isolated only"`` in some markets. For
        ``"trigger"`` which price is looked at. For ``"order"`` which cross position is closed first. For
        ``"ADL trigger"`` what begins it: an empty ``"fund"``, its fast ``"fall"`` too, negative ``"equity"``, orders
        that stay ``"unmatched"``; or the loss is ``"socialised"``, or the ``"pool"`` at its limit.
    source, date, confidence
        Where it is said, when, and how sure it is.
    back
        For ``"switching"``: the rule from cross to isolated.
    """

    topic: str
    venue: str
    value: str
    rule: str
    source: str
    date: str
    confidence: str
    back: str = ""


@dataclass(frozen=True)
class Venue:
    """One venue, as it is today or was at a date.

    Attributes
    ----------
    name, title
        Its key here, and what it calls itself.
    convention
        How it counts: a :class:`~marginlab.Sourced` whose value is a :class:`Convention`.
    fees
        Value: the ``maker`` and ``taker`` rates of a new user, fractions of notional. ``None`` where not known.
    switching
        Value: in words, whether the mode can be changed with a position open. ``None`` where not known.
    rules
        How it liquidates: a :class:`~marginlab.Sourced` whose value is a :class:`Rules`. Its note
        says what a model leaves out or reads into the source. The trading fee is that of a taker. Where the liquidation
        fee differs by symbol, ask `rules_for`.
    liquidation_fees
        Value: the liquidation fee by symbol, ``None`` where it is not known, ``"*"`` for all others. ``None`` where
        nothing is known of it by symbol.
    modes
        The margin modes that it has.
    out_of_service
        Value: in words, why it does not trade any more. ``None`` where it does.
    tables
        Bracket tables that were set out by hand, the newest of each symbol first. Those of all its other markets
        and dates are asked for by `table`.
    date
        The day that was asked for; ``None`` for today.
    """

    name: str
    title: str
    convention: Sourced[Convention]
    fees: Sourced[dict[str, float]] | None
    switching: Sourced[str] | None
    rules: Sourced[Rules]
    liquidation_fees: Sourced[dict[str, float | None]] | None
    modes: tuple[str, ...]
    out_of_service: Sourced[str] | None
    tables: tuple[BracketTable, ...]
    date: str | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """What there are brackets of, those in `tables` first; some are no longer traded.

        >>> len(venue("dydx").symbols), venue("dydx").symbols[:3]
        (33, ('BTC-USD', 'ETH-USD', 'LINK-USD'))
        """
        return symbols_of(self.name)

    @property
    def conventions(self) -> tuple[Sourced[Convention], ...]:
        """How it counts and counted before, the newest first.

        >>> [(said.value.maintenance_at, said.since) for said in venue("bybit").conventions]
        [('liquidation', '2025-09-02'), ('entry', '2024'), ('entry', '')]
        """
        return tuple(map(_convention, _row(self.name)["convention"]))

    def liquidation_fee(self, symbol: str) -> float | None:
        """Return the fee on what is closed by force in a symbol.

        Parameters
        ----------
        symbol
            As the venue writes it.

        Returns
        -------
        float or None
            A fraction of notional; None where it is not known.

        Examples
        --------
        >>> [venue("binance").liquidation_fee(symbol) for symbol in ("BTCUSDT", "SOLUSDT", "DOGEUSDT")]
        [0.0125, 0.015, None]
        """
        _checks.instance("symbol", symbol, str)
        fees = {} if self.liquidation_fees is None else self.liquidation_fees.value
        return fees.get(symbol, fees.get(EVERY))

    def rules_for(self, symbols: Iterable[str]) -> Rules:
        """Return how it liquidates positions in these symbols.

        Parameters
        ----------
        symbols
            What the positions are in. A pool pays one rate: where the fees of its symbols differ, the highest that is
            known; where none is, that of `rules`.

        Returns
        -------
        Rules
            With the liquidation fee of these symbols.

        Examples
        --------
        >>> venue("binance").rules_for(["BTCUSDT", "SOLUSDT"]).liquidation_fee
        0.015
        """
        held = _checks.instances("symbols", symbols, str)
        known = [fee for fee in map(self.liquidation_fee, held) if fee is not None]
        return replace(self.rules.value, liquidation_fee=max(known)) if known else self.rules.value

    @property
    def collateral_assets(self) -> tuple[str, ...]:
        """Assets of which it is known at which ratio they count as collateral, or once did.

        >>> venue("binance").collateral_assets
        ('BTC', 'ETH', 'BNB', 'USDT', 'USDC', 'FDUSD')
        """
        return tuple(dict.fromkeys(asset for row in _rows()[self.name].get("ratios", ()) for asset in row["assets"]))

    def collateral_ratio(self, asset: str) -> Sourced[CollateralRatio]:
        """Return how much of an asset counts as collateral, in cross, where several assets do.

        Parameters
        ----------
        asset
            One of `collateral_assets`, as the venue writes it.

        Returns
        -------
        Sourced
            Whose value is a :class:`~marginlab.CollateralRatio`, as it is today or was at the venue's date.

        Raises
        ------
        ArgumentError
            For an asset whose ratio is not known, or not of that date.

        Examples
        --------
        Five bitcoins in a pool at Bitget, and one at Binance: how much of 60,000 USDT each?

        >>> round(venue("bitget").collateral_ratio("BTC").value.counted(5, 60_000) / 5, 2)
        58300.0
        >>> venue("binance").collateral_ratio("BTC").value.counted(1, 60_000)
        57000.0
        """
        name = _checks.words("asset", asset)
        known = [row for row in _rows()[self.name].get("ratios", ()) if name in row["assets"]]
        if not known:
            listed = ", ".join(self.collateral_assets) or "of none"
            reason = f"must be one whose collateral ratio at {self.title} is known ({listed}), not {asset!r}"
            raise ArgumentError("asset", reason)
        last = None if self.date is None else last_day(self.date)
        said = _at(known, last, self.date)
        if said.get("until") and (last is None or last > said["until"]):
            raise ArgumentError("asset", f"must be one whose ratio is known: that of {asset} was until {said['until']}")
        value = CollateralRatio(**said["value"])
        found: Sourced[CollateralRatio] = _sourced({**said, "value": value})
        return found

    def table(self, symbol: str, *, date: str | None = None) -> BracketTable:
        """Return the newest bracket table of a symbol, or the one in force at a date.

        Parameters
        ----------
        symbol
            One of `symbols`.
        date
            A day (``"2025-10-10"``), a month, which means its last day, or a year, likewise; ``None`` for that of the
            venue, or else the newest. Where no table is as old, it is the oldest, and both the table and its contract
            say so.

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
        return table_of(self.name, symbol, self.date if date is None else date)

    def contract(self, symbol: str, *, date: str | None = None) -> Contract:
        """Return a symbol's contract with its newest brackets, or those in force at a date.

        Parameters
        ----------
        symbol
            One of `symbols`.
        date
            A day, a month or a year, as in `table`; ``None`` likewise.

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


def venue(name: str, *, date: str | None = None) -> Venue:
    """Return a venue by its key, as it is today or was at a date.

    Parameters
    ----------
    name
        One of `venue_names`; ``"other"`` for an exchange that is not among them, of which the plainest is assumed.
    date
        A day (``"2025-09-01"``), a month, which means its last day, or a year, likewise; ``None`` for today. Where
        nothing as old is known of its convention or rules, they are the oldest that are, and their note says so.

    Returns
    -------
    Venue
        What is known of it.

    Raises
    ------
    ArgumentError
        For another name, and for what is no date.

    Examples
    --------
    Bybit took maintenance at the entry price until September 2025:

    >>> venue("bybit", date="2025-08").convention.value.maintenance_at, venue("bybit").convention.value.maintenance_at
    ('entry', 'liquidation')
    """
    return _venue(venue_key("name", name), None if date is None else last_day(date), date)


def venue_key(argument: str, name: object) -> str:
    """Return a name that `venue` takes, or refuse it as the argument it was given for."""
    return UNLISTED if isinstance(name, str) and name == UNLISTED else _checks.one_of(argument, name, _rows())


def venue_names() -> tuple[str, ...]:
    """Return the keys of all venues.

    Returns
    -------
    tuple of str
        What :func:`venue` takes.

    Examples
    --------
    >>> venue_names()[:6]
    ('binance', 'bybit', 'okx', 'hyperliquid', 'dydx', 'bitget')
    """
    return tuple(_rows())


def practices(topic: str) -> tuple[Practice, ...]:
    """Return what venues do about a topic today.

    Parameters
    ----------
    topic
        One of ``TOPICS``.

    Returns
    -------
    tuple of Practice
        One a venue, those that :func:`venue` knows first; a venue that is not in it is not known to say anything.

    Raises
    ------
    ArgumentError
        For another topic.

    Examples
    --------
    Where is an isolated position's funding taken from?

    >>> [one.venue for one in practices("funding") if one.rule == "wallet"]
    ['Bybit', 'Toobit', 'ONUS']
    """
    _checks.one_of("topic", topic, TOPICS)
    rows = [*_data()["venues"], *_data()["others"]]
    return tuple(_practice(topic, row) for row in rows if topic in row["states"])


def _practice(topic: str, row: Mapping[str, Any]) -> Practice:
    """Return what a venue states of a topic; how it switches is what its rules say."""
    said = row["states"][topic]
    rule = said.get("rule")
    if topic == "switching" and rule is None:
        rule = row["rules"][0]["value"]["switching"]
    back = said.get("back", rule) if topic == "switching" else ""
    return Practice(
        topic, row["title"], said["value"], rule or "", _cited(said), said["date"], said["confidence"], back
    )


def _cited(said: Mapping[str, Any]) -> str:
    return "; ".join(_data()["sources"][key] for key in said["source"])


@cache
def _data() -> dict[str, Any]:
    text = (resources.files(__package__) / "data" / "venues.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def _rows() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in _data()["venues"]}


def _row(name: str) -> dict[str, Any]:
    return _PLAINEST if name == UNLISTED else _rows()[name]


@cache
def _venue(name: str, last: str | None, asked: str | None) -> Venue:
    row = _row(name)
    fees = _sourced(row.get("fees"))
    how = _sourced(_at(row["rules"], last, asked))
    taker = {} if fees is None else {"trading_fee": fees.value["taker"]}
    switching = row["states"].get("switching")
    return Venue(
        name=name,
        title=row["title"],
        convention=_convention(_at(row["convention"], last, asked)),
        fees=fees,
        switching=None if switching is None else _sourced({**switching, "rule": None}),
        rules=replace(how, value=_rules({**taker, **how.value}), assumed=_assumed(Rules, how.value)),
        liquidation_fees=_sourced(row.get("liquidation_fees")),
        modes=tuple(row.get("modes", MODES)),
        out_of_service=_sourced(row.get("out_of_service")),
        tables=tables_of(name),
        date=asked,
    )


def _at(periods: Sequence[Mapping[str, Any]], last: str | None, asked: str | None) -> Mapping[str, Any]:
    """Return what held on a day, of what is listed with the newest first; None for today."""
    for period in periods:
        if last is None or period.get("since", "") <= last:
            return period
    oldest = periods[-1]
    words = f"The oldest that is known; asked for was that of {asked}."
    return {**oldest, "note": f"{oldest.get('note', '')} {words}".strip()}


def _convention(period: Mapping[str, Any]) -> Sourced[Convention]:
    said = _sourced(period)
    return replace(said, value=Convention(**said.value), assumed=_assumed(Convention, said.value))


def _rules(stated: Mapping[str, Any]) -> Rules:
    """Return rules as they are stated, and of collateral what is."""
    return Rules(**{**stated, "conversion": Conversion(**stated.get("conversion", {}))})


def _sourced(said: Mapping[str, Any] | None) -> Any:
    """Return what is stated with its source in words, None for nothing."""
    if said is None:
        return None
    kept = {key: value for key, value in said.items() if key not in ("source", "rule", "back", "assets")}
    return Sourced(source=_cited(said), **kept)


def _assumed(kind: type, stated: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in ASKED[kind] if name not in stated)
