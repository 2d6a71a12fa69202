"""Prices that were: real events, as four-hour candles of BTC and ETH and as the record of many coins in finer steps.

:func:`marginlab.event` is what the replays take: Binance USD-M perpetuals BTCUSDT and ETHUSDT, four-hour candles of
last trades. :func:`marginlab.event_record` is everything on record of an event: marks beside last trades, coin by
coin, hour by hour, and around the lows by the minute where that is known; August 2024 too. Prices are in USDT, times
are UTC, and a candle is labelled by its open.

Source of the four-hour candles: the venue's record by way of the public collection BTspaceC/crypto-swing-backtest,
compared with second copies. In the record each path names its own source.

What to know before reading a low:

* **Liquidation looks at the mark, not at the last trade.** The perpetual at times fell below its mark: on 19 May 2021
  ETH traded at 1,400.73 while the lowest mark was 1,764.26. Of the four-hour candles a path with ``price="mark"``
  never goes below the lowest marks of the older events (``data/marks.csv``); of the events since 2025 it is the last
  trade still, and hourly marks are in their record.
* ETH on 13 March 2020, 00:00: the record's high of 323.00 is a stray print. The four-hour table has
  124.62, the larger of open and close; a ``"mark"`` path has the mark's own high, 137.71. The hourly trades of the
  record have the print, and say so.
* Assets that lost their peg (``data/depegs.csv``): Binance's notice of October 2025, in copies; accounts with them
  as collateral were liquidated there between 21:36 and 22:16 UTC.
* A candle does not say whether its high or its low came first. A path takes one order for all of
  them and says which. Lows (and highs) of the symbols are taken at the same moment, which is the
  worst case for an account that holds both on the same side.
* **The mark is that of the venue where the account is.** At the lows, marks of the same coin were up to 6 % apart.
  Where Binance's is not on record, Bybit's or OKX's stands in for it, or last trades, and the path says which.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import NotRequired, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats, Times
from .brackets import unpacked

SYMBOLS = ("BTC", "ETH")
ORDERS = ("low first", "high first")
PRICES = ("mark", "last")
TITLES = {
    "covid-2020": "COVID crash, March 2020",
    "may-2021": "China ban, May 2021",
    "luna-2022": "Terra collapse, May 2022",
    "ftx-2022": "FTX collapse, November 2022",
    "aug-2024": "Yen carry unwind, August 2024",
    "oct-2025": "Largest liquidation day, October 2025",
    "feb-2026": "February 2026 fall",
    "jun-2026": "June 2026 fall",
    "rally-aug-2026": "August 2026 rally",
}
# On record in hourly steps alone, which the replays do not take.
WITHOUT_CANDLES = ("aug-2024",)
# Where prices of the record are from, and which venue is taken where none is asked for: the first that has them.
VENUES = {
    "binance": "Binance",
    "bybit": "Bybit",
    "okx": "OKX",
    "binance-spot": "Binance's spot market",
    "binance-coin-m": "Binance COIN-M",
}
# How long a candle may be, and how far apart settlements may lie, in minutes.
STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "8h": 480}
CANDLES_FROM = "Binance (BTspaceC/crypto-swing-backtest)"


@dataclass(frozen=True, eq=False)
class PricePath:
    """Prices in the order they are taken.

    Attributes
    ----------
    prices
        Shape (T, n): four steps a candle, one column a symbol.
    times
        Shape (T,): the steps of a candle spread evenly over its four hours.
    candle
        Shape (T,): which candle each step belongs to.
    taken
        Shape (T,): ``"open"``, ``"low"``, ``"high"`` or ``"close"``.
    funding
        Shape (T, n): the rate that falls due at each step, 0 at most of them; longs pay a positive one.
    order, price
        As asked for.
    """

    prices: Floats
    times: Times
    candle: NDArray[np.int_]
    taken: NDArray[np.str_]
    funding: Floats
    order: str
    price: str


@dataclass(frozen=True, eq=False)
class Event:
    """One event: candles of shape (candles, symbols), funding of shape (settlements, symbols).

    `times` and `funding_times` are UTC. Prices are last trades in USDT. `funding` is a fraction
    of notional per settlement; longs pay where it is positive.
    """

    name: str
    title: str
    symbols: tuple[str, ...]
    times: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    funding_times: Times
    funding: Floats

    def path(self, *, order: str = "low first", price: str = "mark") -> PricePath:
        """Return the candles as one path of prices, four steps a candle.

        Parameters
        ----------
        order
            ``"low first"``: open, low, high, close; ``"high first"``: open, high, low, close.
        price
            ``"mark"``: the last trades, kept within what is known of the mark; ``"last"``: the
            last trades as they are. See the module's notes.

        Returns
        -------
        PricePath
            With its funding.

        Raises
        ------
        ArgumentError
            For another order or price.
        """
        _checks.one_of("order", order, ORDERS)
        _checks.one_of("price", price, PRICES)
        low, high = (self.low, self.high) if price == "last" else self._within_mark()
        middle = [("low", low), ("high", high)]
        steps = [("open", self.open), *(middle if order == "low first" else middle[::-1]), ("close", self.close)]
        n = len(self.times)
        # A minute short of a third each, so that a close comes before the next open.
        times = (self.times[:, None] + np.arange(4) * np.timedelta64(79, "m")).reshape(-1)
        return PricePath(
            prices=np.stack([prices for _, prices in steps], axis=1).reshape(4 * n, -1),
            times=times,
            candle=np.repeat(np.arange(n), 4),
            taken=np.tile([name for name, _ in steps], n),
            funding=self._funding_at(times),
            order=order,
            price=price,
        )

    @property
    def depegs(self) -> dict[str, float]:
        """The lowest recorded prices of assets that lost their peg, in USD, by name.

        On 10 October 2025 USDe fell to about 0.65 at Binance, which counted it as collateral, and stayed between 0.97
        and 1 elsewhere. Two staked coins, WBETH and BNSOL, fell too; how far is not known.

        >>> event("oct-2025").depegs, event("may-2021").depegs
        ({'USDe': 0.65}, {})
        """
        return {row["asset"]: float(row["low"]) for row in _rows("depegs.csv") if row["event"] == self.name}

    def _funding_at(self, times: Times) -> Floats:
        """Return the rates settled at these times: all of them at the open of a candle."""
        funding = np.zeros((len(times), len(self.symbols)))
        funding[np.searchsorted(times, self.funding_times)] = self.funding
        return funding

    def _within_mark(self) -> tuple[Floats, Floats]:
        """Return lows no lower than the event's lowest mark, and the mark's high where a print is stray."""
        low, high = self.low.copy(), self.high.copy()
        for row in _rows("marks.csv"):
            if row["event"] != self.name:
                continue
            i, known = self.symbols.index(row["symbol"]), float(row["price"])
            if row["side"] == "low":
                low[:, i] = np.maximum(low[:, i], known)
            else:
                high[self.times == _time(row["from_utc"]), i] = known
        return low, high


def event(name: str) -> Event:
    """Return an event by its name.

    Parameters
    ----------
    name
        One of `event_names`.

    Returns
    -------
    Event
        Its candles and its funding.

    Raises
    ------
    ArgumentError
        For another name.
    """
    return _events()[_checks.one_of("name", name, event_names())]


def event_names() -> tuple[str, ...]:
    """Return the names of all events with four-hour candles.

    Returns
    -------
    tuple of str
        What :func:`event` takes, in order of time.
    """
    return tuple(name for name in TITLES if name not in WITHOUT_CANDLES)


@dataclass(frozen=True, eq=False)
class RecordedPath:
    """Prices of one coin at one venue, of one kind, in one step; all arrays have one value a candle.

    Attributes
    ----------
    symbol
        The coin, as Binance writes it: 1000PEPE is a thousand PEPE. ``"BTCUSD_PERP"`` is a contract of its own, in USD.
    venue
        Where: ``"binance"``, ``"bybit"`` and ``"okx"`` are their USDT perpetuals, ``"binance-spot"`` is no
        perpetual, ``"binance-coin-m"`` is settled in coin.
    kind
        ``"mark"``, which liquidates, or ``"last"``, the trades.
    step
        How long a candle is: ``"1m"``, ``"5m"``, ``"15m"``, ``"1h"`` or ``"4h"``.
    times
        When each candle opens, UTC, none missing in between.
    open, high, low, close
        As the venue published them.
    source, confidence
        The venue, and by way of what; how sure it is: A the venue's own, B a faithful copy, C a hint.
    note
        What else to know of these prices.
    stands_in
        What is not on record, and what this stands in for; ``""`` where nothing is missing.
    lowest_mark
        The event's lowest mark, where nothing else is on record of a mark; ``None`` otherwise.
    """

    symbol: str
    venue: str
    kind: str
    step: str
    times: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    source: str
    confidence: str
    note: str = ""
    stands_in: str = ""
    lowest_mark: float | None = None


@dataclass(frozen=True, eq=False)
class RecordedFunding:
    """What fell due on a coin at a venue.

    Attributes
    ----------
    symbol, venue, source, confidence
        As of a `RecordedPath`.
    times
        When it fell due, UTC: every eight hours, of some coins every four.
    rates
        A fraction of notional at each time; longs pay a positive one.
    """

    symbol: str
    venue: str
    times: Times
    rates: Floats
    source: str
    confidence: str


Recorded = TypeVar("Recorded", RecordedPath, RecordedFunding)


class PathRow(TypedDict):
    """Prices as an event's file keeps them, in whole ticks of which 10 to the power of `decimals` are one.

    `open` is counted from the close before, `close` from the open, `high` and `low` outwards from the two of them.
    """

    symbol: str
    venue: str
    kind: str
    step: str
    source: str
    confidence: str
    note: NotRequired[str]
    lowest_mark: NotRequired[float]
    start: str
    decimals: int
    open: list[int]
    high: list[int]
    low: list[int]
    close: list[int]


class FundingRow(TypedDict):
    """Funding as an event's file keeps it."""

    symbol: str
    venue: str
    source: str
    confidence: str
    start: str
    step: str
    rates: list[float]


class EventFile(TypedDict):
    """All that is in an event's file."""

    notes: list[str]
    paths: list[PathRow]
    funding: list[FundingRow]


@dataclass(frozen=True, eq=False)
class EventRecord:
    """Everything on record of an event.

    Attributes
    ----------
    name, title
        Which event.
    paths
        All prices, those of Binance first.
    fundings
        All funding, that of Binance first.
    notes
        What is missing, and what else to know.
    """

    name: str
    title: str
    paths: tuple[RecordedPath, ...]
    fundings: tuple[RecordedFunding, ...]
    notes: tuple[str, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every coin of which there are prices, in whatever step.

        Examples
        --------
        >>> event_record("covid-2020").symbols
        ('BTC', 'ETH', 'XRP', 'LTC', 'ADA', 'BNB', 'LINK', 'BCH')
        """
        return tuple(dict.fromkeys(one.symbol for one in self.paths))

    def path(self, symbol: str, *, kind: str = "mark", step: str = "1h", venue: str | None = None) -> RecordedPath:
        """Return the prices of a coin.

        Parameters
        ----------
        symbol
            One of `symbols`.
        kind
            ``"mark"`` or ``"last"``.
        step
            ``"1m"``, ``"5m"``, ``"15m"``, ``"1h"`` or ``"4h"``.
        venue
            Where; by default Binance, and where its prices are not on record another venue, which `stands_in` says.

        Returns
        -------
        RecordedPath
            With its source.

        Raises
        ------
        ArgumentError
            For what is not on record, with what is.

        Examples
        --------
        >>> record = event_record("oct-2025")
        >>> btc = record.path("BTC")
        >>> str(btc.times[btc.low.argmin()]), float(btc.low.min())
        ('2025-10-10T21:00', 101877.68981743)
        >>> record.path("DOGE").stands_in
        "Binance's mark is not on record in this step: OKX's stands in for it."
        >>> record.path("BNB", venue="binance")
        Traceback (most recent call last):
        ...
        marginlab.ArgumentError: venue must be one of 'bybit' for BNB, mark, 1h in oct-2025, not 'binance'
        """
        asked = {"symbol": symbol, "kind": kind, "step": step}
        return _found(self.name, self.paths, asked if venue is None else {**asked, "venue": venue})

    def funding(self, symbol: str, *, venue: str | None = None) -> RecordedFunding:
        """Return the funding of a coin as it fell due.

        Parameters
        ----------
        symbol
            A coin whose funding is on record.
        venue
            Where; by default Binance, and where its funding is not on record another venue.

        Returns
        -------
        RecordedFunding
            With its source.

        Raises
        ------
        ArgumentError
            For what is not on record, with what is.

        Examples
        --------
        >>> len(event_record("oct-2025").funding("BTC").rates)  # every eight hours of four days
        12
        """
        asked = {"symbol": symbol}
        return _found(self.name, self.fundings, asked if venue is None else {**asked, "venue": venue})


def event_record(name: str) -> EventRecord:
    """Return everything on record of an event: marks and last trades of its coins, and their funding.

    Parameters
    ----------
    name
        One of `record_names`.

    Returns
    -------
    EventRecord
        Read from its file when it is first asked for.

    Raises
    ------
    ArgumentError
        For another name.

    Examples
    --------
    >>> record = event_record("may-2021")
    >>> [(one.kind, one.step) for one in record.paths if one.symbol == "ETH"]
    [('mark', '1h'), ('last', '1h'), ('last', '1m')]
    >>> eth = [record.path("ETH", kind=kind).low.min() for kind in ("mark", "last")]
    >>> print(f"{eth[1] / eth[0] - 1:.1%}")  # the lowest trade against the lowest mark
    -20.6%
    """
    return _record(_checks.one_of("name", name, TITLES))


def record_names() -> tuple[str, ...]:
    """Return the names of all events that are on record.

    Returns
    -------
    tuple of str
        What :func:`event_record` takes, in order of time.
    """
    return tuple(TITLES)


@cache
def _record(name: str) -> EventRecord:
    read: EventFile = json.loads(unpacked("events", f"{name}.json.gz"))
    paths = [path_of(row) for row in read["paths"]]
    fundings = [funding_of(row) for row in read["funding"]]
    if not any((one.venue, one.kind) == ("binance", "last") for one in paths):
        paths += _candles_of(event(name))
        fundings += _settlements_of(event(name))
    return EventRecord(
        name=name,
        title=TITLES[name],
        paths=_in_order([replace(one, stands_in=_stands_in(one, paths)) for one in paths]),
        fundings=_in_order(fundings),
        notes=tuple(read["notes"]),
    )


def path_of(row: PathRow) -> RecordedPath:
    """Return the prices of a file's row."""
    moves = np.array([row["open"], row["close"]], dtype=np.int64)
    walk = moves.T.cumsum(dtype=np.int64).reshape(-1, 2)
    high = walk.max(axis=1) + np.array(row["high"], dtype=np.int64)
    low = walk.min(axis=1) - np.array(row["low"], dtype=np.int64)
    # One division of two whole numbers gives the very float of the decimals that the venue wrote.
    ticks = float(10 ** row["decimals"])
    open_, high, low, close = (_kept(prices / ticks) for prices in (walk[:, 0], high, low, walk[:, 1]))
    return RecordedPath(
        symbol=row["symbol"],
        venue=row["venue"],
        kind=row["kind"],
        step=row["step"],
        times=_regular(row["start"], len(walk), row["step"]),
        open=open_,
        high=high,
        low=low,
        close=close,
        source=row["source"],
        confidence=row["confidence"],
        note=row.get("note", ""),
        lowest_mark=row.get("lowest_mark"),
    )


def funding_of(row: FundingRow) -> RecordedFunding:
    """Return the funding of a file's row."""
    return RecordedFunding(
        symbol=row["symbol"],
        venue=row["venue"],
        times=_regular(row["start"], len(row["rates"]), row["step"]),
        rates=_kept(np.array(row["rates"])),
        source=row["source"],
        confidence=row["confidence"],
    )


def _candles_of(known: Event) -> list[RecordedPath]:
    """Return four-hour candles as paths: where the venue's trades are on record in no finer step."""
    return [
        RecordedPath(
            symbol=symbol,
            venue="binance",
            kind="last",
            step="4h",
            times=known.times,
            open=known.open[:, i],
            high=known.high[:, i],
            low=known.low[:, i],
            close=known.close[:, i],
            source=CANDLES_FROM,
            confidence="B",
        )
        for i, symbol in enumerate(known.symbols)
    ]


def _settlements_of(known: Event) -> list[RecordedFunding]:
    return [
        RecordedFunding(symbol, "binance", known.funding_times, known.funding[:, i], CANDLES_FROM, "B")
        for i, symbol in enumerate(known.symbols)
    ]


def _stands_in(one: RecordedPath, paths: list[RecordedPath]) -> str:
    """Return what is missing where a path is not the mark of Binance's perpetual, and what stands in for it."""
    marks = {other.venue for other in paths if (other.symbol, other.step, other.kind) == (one.symbol, one.step, "mark")}
    whose = VENUES[one.venue]
    if one.venue == "binance-spot":
        return "No perpetual is on record: trades of the spot market stand in for it."
    if one.venue == "binance-coin-m" or (one.venue in marks and (one.kind == "last" or "binance" in marks)):
        return ""
    if one.kind == "mark":
        return f"Binance's mark is not on record in this step: {whose}'s stands in for it."
    others = [VENUES[venue] for venue in VENUES if venue in marks]
    return f"{whose}'s mark is not on record in this step: last trades stand in for it" + (
        f", or the mark of {' or '.join(others)}." if others else "."
    )


def _in_order(rows: list[Recorded]) -> tuple[Recorded, ...]:
    order = list(VENUES)
    return tuple(sorted(rows, key=lambda one: order.index(one.venue)))


def _found(event: str, rows: tuple[Recorded, ...], asked: dict[str, str]) -> Recorded:
    """Return the first of the rows that has what is asked for, field by field."""
    of: list[str] = []
    for field, value in asked.items():
        allowed = dict.fromkeys(getattr(row, field) for row in rows)
        if not isinstance(value, str) or value not in allowed:
            listed, what = ", ".join(map(repr, allowed)), f" for {', '.join(of)}" if of else ""
            raise ArgumentError(field, f"must be one of {listed}{what} in {event}, not {_checks.shown(value)}")
        rows = tuple(row for row in rows if getattr(row, field) == value)
        of.append(value)
    return rows[0]


def _regular(start: str, n: int, step: str) -> Times:
    times: Times = np.datetime64(start, "m") + np.arange(n) * np.timedelta64(STEPS[step], "m")
    times.setflags(write=False)
    return times


def _kept(values: Floats) -> Floats:
    values.setflags(write=False)  # every caller gets the same array
    return values


@cache
def _events() -> dict[str, Event]:
    return {name: _event(name, TITLES[name]) for name in event_names()}


def _event(name: str, title: str) -> Event:
    candles = [row for row in _rows("candles.csv") if row["event"] == name]
    funding = [row for row in _rows("funding.csv") if row["event"] == name]
    prices = {field: _by_symbol(candles, field) for field in ("open", "high", "low", "close")}
    return Event(
        name=name,
        title=title,
        symbols=SYMBOLS,
        times=_times(candles),
        funding_times=_times(funding),
        funding=_by_symbol(funding, "rate"),
        **prices,
    )


def _rows(file: str) -> Iterator[dict[str, str]]:
    with (resources.files(__package__) / "data" / file).open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def _by_symbol(rows: list[dict[str, str]], field: str) -> Floats:
    return _kept(np.array([[float(row[field]) for row in rows if row["symbol"] == symbol] for symbol in SYMBOLS]).T)


def _times(rows: list[dict[str, str]]) -> Times:
    return np.array([_time(row["time_utc"]) for row in rows if row["symbol"] == SYMBOLS[0]])


def _time(text: str) -> np.datetime64:
    return np.datetime64(text.removesuffix("Z"), "m")
