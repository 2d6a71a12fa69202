"""Prices that were: real events, as the record of many coins in hours and finer steps, and as four-hour candles.

:func:`marginlab.event_record` is everything on record of an event: marks beside last trades, coin by coin, hour by
hour, and around the lows by the minute where that is known. Its :meth:`~marginlab.EventRecord.price_path` is what the
replays take: each coin by its own marks, or by what stands in for them, which it says. :func:`marginlab.event` is the
same event in few and even steps: four-hour candles of last trades of BTC and ETH at Binance. Prices are in USDT, times
are UTC, and a candle is labelled by its open.

Source of the four-hour candles: the venue's record by way of the public collection BTspaceC/crypto-swing-backtest,
compared with second copies; those of August 2024 are summed up from the record's hours. In the record each path names
its own source.

What to know before reading a low:

* **Liquidation looks at the mark, not at the last trade.** The perpetual at times fell below its mark: on 19 May 2021
  ETH traded at 1,400.73 while the lowest mark was 1,764.26. Of the four-hour candles a path with ``price="mark"``
  never goes below the lowest marks of the older events (``data/marks.csv``); of the events since 2024 it is the last
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
  Where a venue's is not on record, another venue's stands in for it, or last trades, and the path says which.
* A coin that is not on record follows ETH, which is kind to it where it fell further.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from typing import NotRequired, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats, Times
from ..formatting import day
from .brackets import unpacked

SYMBOLS = ("BTC", "ETH")
# In which order the prices of a candle are taken.
OF_ORDER = {"low first": ("open", "low", "high", "close"), "high first": ("open", "high", "low", "close")}
ORDERS = tuple(OF_ORDER)
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
# What a coin follows that is not on record.
STANDS_FOR_OTHERS = "ETH"
# Where prices of the record are from, and which venue is taken where none is asked for: the first that has them.
VENUES = {
    "binance": "Binance",
    "bybit": "Bybit",
    "okx": "OKX",
    "binance-spot": "Binance's spot market",
    "binance-coin-m": "Binance COIN-M",
}
WITH_PERPETUALS = ("binance", "bybit", "okx")
NO_PERPETUAL = "No perpetual is on record: trades of the spot market stand in for it."
OHLC = ("open", "high", "low", "close")
# How long a candle may be, and how far apart settlements may lie, in minutes.
STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "8h": 480}
CANDLES_FROM = "Binance (BTspaceC/crypto-swing-backtest)"


@dataclass(frozen=True)
class Followed:
    """What the prices of a coin are taken from.

    Attributes
    ----------
    coin
        What was asked for.
    symbol
        Whose prices these are: its own, or those of the market that stands in for it.
    venue, kind, step, source, confidence
        As of the `RecordedPath`.
    stands_in
        What is not on record, and what stands in for it; ``""`` where it is the coin's own mark at the venue asked for.
    funding
        The venue whose funding is paid; ``""`` where none is on record, and none is paid.
    """

    coin: str
    symbol: str
    venue: str
    kind: str
    step: str
    source: str
    confidence: str
    stands_in: str
    funding: str


@dataclass(frozen=True, eq=False)
class PricePath:
    """Prices in the order they are taken.

    Attributes
    ----------
    prices
        Shape (T, n): four steps a candle, one column a symbol.
    times
        Shape (T,): the steps of a candle spread evenly over its length.
    candle
        Shape (T,): which candle each step belongs to.
    taken
        Shape (T,): ``"open"``, ``"low"``, ``"high"`` or ``"close"``.
    funding
        Shape (T, n): the rate that falls due at each step, 0 at most of them; longs pay a positive one.
    order, price
        As asked for.
    followed
        What each column is taken from; nothing of the four-hour candles of an `Event`.
    """

    prices: Floats
    times: Times
    candle: NDArray[np.int_]
    taken: NDArray[np.str_]
    funding: Floats
    order: str
    price: str
    followed: tuple[Followed, ...] = ()


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
        settled = np.zeros((4 * len(self.times), len(self.symbols)))
        taken = _in_turn(self.times, "4h", [self.open, high, low, self.close], order)
        settled[np.searchsorted(taken.times, self.funding_times)] = self.funding
        return replace(taken, funding=settled, price=price)

    @property
    def depegs(self) -> dict[str, float]:
        """The lowest recorded prices of assets that lost their peg, in USD, by name.

        On 10 October 2025 USDe fell to about 0.65 at Binance, which counted it as collateral, and stayed between 0.97
        and 1 elsewhere. Two staked coins, WBETH and BNSOL, fell too; how far is not known.

        >>> event("oct-2025").depegs, event("may-2021").depegs
        ({'USDe': 0.65}, {})
        """
        return {row["asset"]: float(row["low"]) for row in _rows("depegs.csv") if row["event"] == self.name}

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
    """Return the names of all events.

    Returns
    -------
    tuple of str
        What :func:`event` and :func:`event_record` take, in order of time.
    """
    return tuple(TITLES)


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

    @property
    def step(self) -> str:
        """The step of its prices from the first to the last day, an hour, or four where none is finer."""
        return "1h" if any(one.step == "1h" for one in self.paths) else "4h"

    def price_path(self, coins: Sequence[str], *, venue: str = "binance", order: str = "low first") -> PricePath:
        """Return the prices of several coins in the order they are taken, with the funding that fell due.

        Of each coin its mark at the venue is taken; where that is not on record, its mark at another one, then its
        last trades. A coin that is not on record follows ETH and pays its funding; one that is on record for some
        hours alone follows it before and after these. Where its trading ended, the last price stands.

        Parameters
        ----------
        coins
            One a column, as Binance writes them.
        venue
            Whose marks come first: ``"binance"``, ``"bybit"`` or ``"okx"``.
        order
            ``"low first"``: open, low, high, close; ``"high first"``: open, high, low, close.

        Returns
        -------
        PricePath
            What each column is taken from is `PricePath.followed`.

        Raises
        ------
        ArgumentError
            For no coins, and for another venue or order.

        Examples
        --------
        >>> path = event_record("oct-2025").price_path(["ADA", "DOGE", "MKR"])
        >>> path.prices.shape, [float(round(fall, 2)) for fall in path.prices.min(axis=0) / path.prices[0] - 1]
        ((384, 3), [-0.67, -0.66, -0.24])
        >>> for one in path.followed:
        ...     print(one.symbol, one.venue, one.kind, one.stands_in or "its own")
        ADA binance mark its own
        DOGE okx mark Binance's mark is not on record: OKX's stands in for it.
        ETH binance mark Not on record: ETH stands in for it.
        """
        asked = _checks.listed("coins", coins, "of coins such as 'BTC'", _checks.MANY)
        named = [_checks.named("coins", coin) for coin in asked]
        if not named:
            raise ArgumentError("coins", "must be one or more, not none")
        _checks.one_of("venue", venue, WITH_PERPETUALS)
        _checks.one_of("order", order, ORDERS)
        chosen = [self._chosen(coin, venue) for coin in named]
        times = self._best(STANDS_FOR_OTHERS, venue).times
        prices = [np.stack([_lasting(one, field, len(times)) for one, *_ in chosen], axis=1) for field in OHLC]
        taken = _in_turn(times, self.step, prices, order)
        settled = np.zeros(taken.prices.shape)
        for i, (_, paid, _) in enumerate(chosen):
            if paid is not None:
                settled[np.searchsorted(taken.times, paid.times), i] = paid.rates
        followed = tuple(_followed(coin, *one) for coin, one in zip(named, chosen, strict=True))
        return replace(taken, funding=settled, followed=followed)

    def _chosen(self, coin: str, venue: str) -> tuple[RecordedPath, RecordedFunding | None, str]:
        """Return the prices of what a coin follows, its funding if that is on record, and what stands in for what."""
        # Of some coins a contract is a thousand.
        known = f"1000{coin.removeprefix('k')}"
        name = known if known in self.symbols else coin
        path = self._best(name if name in self._whole else STANDS_FOR_OTHERS, venue)
        paid = [one for one in self.fundings if one.symbol == path.symbol]
        settled = min(paid, key=lambda one: (one.venue != path.venue, one.venue != venue), default=None)
        parts = [one for one in self.paths if one.symbol == name and one.venue in WITH_PERPETUALS]
        if name in self._whole:
            return _above_lowest_mark(path), settled, _what_stands_in(path, venue)
        if not parts:
            return path, settled, f"Not on record: {path.symbol} stands in for it."
        pieced = _pieced(path, max(parts, key=lambda one: STEPS[one.step]))
        return pieced, settled, pieced.stands_in

    @cached_property
    def _whole(self) -> dict[str, list[RecordedPath]]:
        """The prices of each coin from the first day on, in the step of them all."""
        found: dict[str, list[RecordedPath]] = {}
        for one in self.paths:
            if one.step == self.step:
                found.setdefault(one.symbol, []).append(one)
        return found

    def _best(self, coin: str, venue: str) -> RecordedPath:
        """Return the mark of a coin at a venue, or what comes nearest to that."""
        return min(self._whole[coin], key=lambda one: (one.kind != "mark", one.venue != venue))


def event_record(name: str) -> EventRecord:
    """Return everything on record of an event: marks and last trades of its coins, and their funding.

    Parameters
    ----------
    name
        One of `event_names`.

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
        return NO_PERPETUAL
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
    candles, funding = (tuple(_rows(file)) for file in ("candles.csv", "funding.csv"))
    return {name: _event(name, TITLES[name], candles, funding) for name in event_names()}


def _event(name: str, title: str, candles: Sequence[dict[str, str]], funding: Sequence[dict[str, str]]) -> Event:
    candles, funding = ([row for row in rows if row["event"] == name] for rows in (candles, funding))
    if not candles:
        return _summed(name, title)
    prices = {field: _by_symbol(candles, field) for field in OHLC}
    return Event(
        name=name,
        title=title,
        symbols=SYMBOLS,
        times=_times(candles),
        funding_times=_times(funding),
        funding=_by_symbol(funding, "rate"),
        **prices,
    )


def _summed(name: str, title: str) -> Event:
    """Return an event of which the record has hours, four of them a candle."""
    record, four = _record(name), STEPS["4h"] // STEPS["1h"]
    paths = [record.path(symbol, kind="last") for symbol in SYMBOLS]
    settled = [record.funding(symbol) for symbol in SYMBOLS]
    hours = [np.stack([getattr(one, field) for one in paths], axis=-1) for field in OHLC]
    return Event(
        name=name,
        title=title,
        symbols=SYMBOLS,
        times=paths[0].times[::four],
        **dict(zip(OHLC, map(_kept, summed_up(hours, four)), strict=True)),
        funding_times=settled[0].times,
        funding=_kept(np.stack([one.rates for one in settled], axis=-1)),
    )


def summed_up(candles: Sequence[Floats], parts: int) -> list[Floats]:
    """Return candles (open, high, low, close), each (T, ...), as longer ones of so many parts; a rest is left out."""
    whole = len(candles[0]) // parts
    open_, high, low, close = (one[: whole * parts].reshape(whole, parts, *one.shape[1:]) for one in candles)
    return [open_[:, 0], high.max(axis=1), low.min(axis=1), close[:, -1]]


def _in_turn(times: Times, step: str, candles: Sequence[Floats], order: str) -> PricePath:
    """Return candles (open, high, low, close) as one path of prices, four steps each and no funding yet."""
    of = dict(zip(OHLC, candles, strict=True))
    fields = OF_ORDER[order]
    n = len(times)
    # A minute short of a third each, so that a close comes before the next open.
    apart = np.timedelta64(STEPS[step] // 3 - 1, "m")
    prices = np.stack([of[field] for field in fields], axis=1).reshape(4 * n, -1)
    return PricePath(
        prices=prices,
        times=(times[:, None] + np.arange(4) * apart).reshape(-1),
        candle=np.repeat(np.arange(n), 4),
        taken=np.tile(fields, n),
        funding=np.zeros(prices.shape),
        order=order,
        price="mark",
    )


def _above_lowest_mark(path: RecordedPath) -> RecordedPath:
    """Return trades kept above the event's lowest mark, where that alone is on record of the mark."""
    if path.lowest_mark is None:
        return path
    return replace(path, **{field: np.maximum(getattr(path, field), path.lowest_mark) for field in OHLC})


def _what_stands_in(path: RecordedPath, venue: str) -> str:
    """Return what is not on record of a coin where its mark at a venue was asked for, and what stands in for it."""
    whose = VENUES[path.venue]
    if path.venue not in WITH_PERPETUALS:
        return NO_PERPETUAL
    if path.kind == "mark":
        return "" if path.venue == venue else f"{VENUES[venue]}'s mark is not on record: {whose}'s stands in for it."
    each = "" if path.step == "1h" else " of four hours each"
    known = "" if path.lowest_mark is None else f", kept above its lowest mark, {path.lowest_mark:g}"
    return f"The mark is not on record: last trades at {whose}{each} stand in for it{known}."


def _pieced(path: RecordedPath, known: RecordedPath) -> RecordedPath:
    """Return a coin that is on record for some hours: its own prices then, before and after the moves of another's."""
    part = STEPS[path.step] // STEPS[known.step]
    first, count = int(np.searchsorted(path.times, known.times[0])), len(known.times) // part
    last, own = first + count, summed_up([getattr(known, field) for field in OHLC], part)
    before, after = own[0][0] / path.open[first], own[3][-1] / path.close[last - 1]
    open_, high, low, close = (
        np.concatenate([before * moved[:first], mine, after * moved[last:]])
        for moved, mine in zip([getattr(path, field) for field in OHLC], own, strict=True)
    )
    begin, end = (at.item() for at in (path.times[first], path.times[last]))
    when = f"from {begin:%H:%M} to {end:%H:%M} UTC on {day(known.times[0])}"
    only = f"Only last trades at {VENUES[known.venue]} {when} are on record"
    words = f"{only}: before and after them {path.symbol} stands in for it."
    return replace(
        known,
        step=path.step,
        times=path.times,
        open=open_,
        high=high,
        low=low,
        close=close,
        stands_in=words,
    )


def _followed(coin: str, path: RecordedPath, paid: RecordedFunding | None, stands_in: str) -> Followed:
    return Followed(
        coin=coin,
        symbol=path.symbol,
        venue=path.venue,
        kind=path.kind,
        step=path.step,
        source=path.source,
        confidence=path.confidence,
        stands_in=stands_in,
        funding="" if paid is None else paid.venue,
    )


def _lasting(path: RecordedPath, field: str, count: int) -> Floats:
    """Return prices to the end of an event: where trading ended before it, the last one stands."""
    return np.append(getattr(path, field), np.full(count - len(path.times), path.close[-1]))


def _rows(file: str) -> Iterator[dict[str, str]]:
    with (resources.files(__package__) / "data" / file).open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def _by_symbol(rows: Sequence[dict[str, str]], field: str) -> Floats:
    return _kept(np.array([[float(row[field]) for row in rows if row["symbol"] == symbol] for symbol in SYMBOLS]).T)


def _times(rows: Sequence[dict[str, str]]) -> Times:
    return np.array([_time(row["time_utc"]) for row in rows if row["symbol"] == SYMBOLS[0]])


def _time(text: str) -> np.datetime64:
    return np.datetime64(text.removesuffix("Z"), "m")
