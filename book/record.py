"""What is on record of the crashes, coin by coin, as far as a mark is known, and what stands in where none is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from coins import BINANCE, COUNTING
from numpy.typing import NDArray

from marginlab import Account, Contract, Position, RecordedPath, event_names, event_record, timed_by_trades
from marginlab.markets.events import OF_ORDER, OHLC, STEPS, summed_up

Numbers = NDArray[np.float64]
Times = NDArray[np.datetime64]

# All events with prices by the hour; of the rally of August 2026 there are none.
EVENTS = tuple(name for name in event_names() if event_record(name).step == "1h")
# Contracts in which an account could hold a coin.
PERPETUALS = ("binance", "bybit", "okx")
EACH = 10_000.0
OCTOBER, DAY = "oct-2025", np.datetime64("2025-10-10T00:00")


@cache
def coins_of(name: str) -> tuple[str, ...]:
    """Return the coins of an event that have prices of a perpetual by the hour."""
    hourly = (one for one in event_record(name).paths if one.step == "1h" and one.venue in PERPETUALS)
    return tuple(dict.fromkeys(one.symbol for one in hourly))


@cache
def marks_of(name: str, coin: str) -> RecordedPath:
    """Return a coin's marks by the hour, or what stands in for them."""
    record = event_record(name)
    path = record.price_path([coin])
    (taken,) = path.followed
    open_, low, high, close = path.prices.reshape(-1, 4).T
    found = record.path(coin, kind=taken.kind, venue=taken.venue)
    return replace(found, open=open_, high=high, low=low, close=close, stands_in=taken.stands_in)


def contracts_of(name: str, coins: Sequence[str]) -> tuple[Contract, ...]:
    """Return contracts of the coins with the brackets in force when an event began, or the oldest on record."""
    day = str(event_record(name).paths[0].times[0])[:10]
    return tuple(BINANCE.contract(f"{coin}USDT", date=day) for coin in coins)


@dataclass(frozen=True)
class Tape:
    """Prices of some coins in the order in which they are taken: four steps a candle, the same for all coins.

    Attributes
    ----------
    coins
        One a column.
    begins, ends
        When each step's candle opens and closes, shape (T,).
    prices, funding
        Marks, and the rates that fall due at each step, shape (T, n); where none is on record, 0.
    """

    coins: tuple[str, ...]
    begins: Times
    ends: Times
    prices: Numbers
    funding: Numbers

    @property
    def times(self) -> Times:
        """When each step is, the four of a candle spread evenly over it."""
        return self.begins + np.arange(len(self.begins)) % 4 * ((self.ends - self.begins) / 4)

    def between(self, steps: NDArray[np.bool_]) -> Tape:
        """Return some of the steps."""
        return Tape(self.coins, self.begins[steps], self.ends[steps], self.prices[steps], self.funding[steps])

    def of(self, coins: Sequence[str]) -> Tape:
        """Return some of the coins."""
        columns = [self.coins.index(coin) for coin in coins]
        return replace(self, coins=tuple(coins), prices=self.prices[:, columns], funding=self.funding[:, columns])


@cache
def hours_of(name: str, order: str = "low first") -> Tape:
    """Return all coins of an event by the hour."""
    path = event_record(name).price_path(coins_of(name), order=order)
    begins = np.repeat(path.times[::4], 4)
    return Tape(coins_of(name), begins, begins + np.timedelta64(1, "h"), path.prices, path.funding)


@cache
def quarters(coin: str) -> RecordedPath:
    """Return a coin's marks on 10 October 2025 by the quarter of an hour, from eight in the evening to eleven.

    Those of BTC are on record, in still shorter steps. Of the others trades say when the mark of each hour was where.
    """
    record = event_record(OCTOBER)
    if coin == "BTC":
        return added_up(record.path(coin, step="5m"), "15m", whole="1h")
    return timed_by_trades(marks_of(OCTOBER, coin), record.path(coin, kind="last", step="15m"))


def added_up(path: RecordedPath, step: str, *, whole: str) -> RecordedPath:
    """Return a path in longer candles, from its first on, as many as are in whole candles of a still longer step."""
    parts, of = STEPS[step] // STEPS[path.step], STEPS[whole] // STEPS[path.step]
    length = len(path.times) // of * of
    longer = summed_up([getattr(path, field)[:length] for field in OHLC], parts)
    return replace(path, step=step, times=path.times[:length:parts], **dict(zip(OHLC, longer, strict=True)))


@cache
def october(order: str = "low first") -> Tape:
    """Return all coins from midnight to noon of the day after 10 October 2025, the crash by quarters of hours."""
    hours = hours_of(OCTOBER, order)
    paths = [quarters(coin) for coin in hours.coins]
    prices = np.array([[getattr(one, field) for field in OF_ORDER[order]] for one in paths])
    begins = np.repeat(paths[0].times, 4)
    ends = begins + np.timedelta64(15, "m")
    same = (hours.begins >= begins[0]) & (hours.begins < ends[-1])
    funding = np.zeros((len(begins), len(paths)))
    # What falls due, does so as an hour opens: the first of sixteen steps, and of four.
    funding[::16] = hours.funding[same][::4]
    crash = Tape(hours.coins, begins, ends, prices.transpose(2, 1, 0).reshape(funding.shape), funding)
    before = hours.between((hours.begins >= DAY) & (hours.begins < begins[0]))
    after = hours.between((hours.begins >= ends[-1]) & (hours.begins < DAY + np.timedelta64(36, "h")))
    pieces = [
        np.concatenate([getattr(one, field) for one in (before, crash, after)])
        for field in ("begins", "ends", "prices", "funding")
    ]
    return Tape(hours.coins, *pieces)


@cache
def gaps_of(name: str) -> dict[str, float]:
    """Return how far each coin's lowest trade lay from the lowest mark of the same venue, where both are on record."""
    found: dict[str, float] = {}
    hourly = [one for one in event_record(name).paths if one.step == "1h"]
    for mark in (one for one in hourly if one.kind == "mark"):
        for last in hourly:
            if (last.symbol, last.venue, last.kind) == (mark.symbol, mark.venue, "last"):
                found.setdefault(mark.symbol, float(last.low.min() / mark.low.min() - 1))
    return found


def longs(name: str, tape: Tape) -> Account:
    """Return longs of the same value in all coins, opened at the first price, with nothing behind them."""
    start = tape.prices[0]
    rows = zip(contracts_of(name, tape.coins), EACH / start, start, strict=True)
    return Account.of([Position(contract, size, mark) for contract, size, mark in rows], convention=COUNTING)


@dataclass(frozen=True)
class Need:
    """What had to stand behind longs in all coins for them to live through an event, as shares of their value.

    Attributes
    ----------
    coins
        One a long.
    each
        Of each alone: its deepest loss with the maintenance margin it needed there.
    pool
        Of all together.
    in_loss
        The share of the longs that were in loss when the pool needed most.
    """

    coins: tuple[str, ...]
    each: Numbers
    pool: float
    in_loss: float

    def broken(self, leverage: float) -> Numbers:
        """Return which isolated longs were lost that had been opened at this leverage."""
        return self.each > 1 / leverage


@cache
def need_of(name: str) -> Need:
    """Return what an event asked for; on 10 October 2025 by the quarter of an hour, else by the hour.

    Funding is left out, and lows of an hour are taken at the same moment: for the pool that is the worst case.
    """
    tape = october() if name == OCTOBER else hours_of(name)
    held = longs(name, tape)
    pnl = held.unrealized_pnl(tape.prices)
    lacking = (held.requirement(tape.prices) - pnl) / EACH
    together = lacking.mean(axis=1)
    worst = int(together.argmax())
    return Need(tape.coins, lacking.max(axis=0), float(together[worst]), float((pnl[worst] < 0).mean()))


@cache
def pairs_of(name: str) -> Numbers:
    """Return what a pool of a long in one coin and a short in another of the same value needed, of every two coins.

    Shape (n, n), the long first, as a share of the value of both; not a number where the two are the same.
    """
    tape = october() if name == OCTOBER else hours_of(name)
    held = longs(name, tape)
    required, pnl = held.requirement(tape.prices) / EACH, held.unrealized_pnl(tape.prices) / EACH
    lacking = (required - pnl)[:, :, None] + (required + pnl)[:, None, :]
    needed: Numbers = lacking.max(axis=0) / 2
    np.fill_diagonal(needed, np.nan)
    return needed


@dataclass(frozen=True)
class Alike:
    """How alike the coins of an event moved: the correlation of every two, by the hour.

    Attributes
    ----------
    before, during
        Of log returns from close to close: up to a day before the low of BTC, and within a day of it.
    falls_before, falls_during
        Of how far each hour went down from its open, which closes do not tell.
    hours
        How many hours there are before.
    """

    before: Numbers
    during: Numbers
    falls_before: Numbers
    falls_during: Numbers
    hours: int


@cache
def alike(name: str) -> Alike:
    """Return how alike the coins of an event moved, before its crash and in it."""
    paths = [marks_of(name, coin) for coin in coins_of(name)]
    low = int(marks_of(name, "BTC").low.argmin())
    first, last = low - 24, low + 25
    moves = np.array([np.log(one.close / np.concatenate([one.open[:1], one.close[:-1]])) for one in paths])
    falls = np.array([np.log(one.low / one.open) for one in paths])
    spans = slice(None, first), slice(first, last)
    return Alike(*(of_pairs(column[:, span]) for column in (moves, falls) for span in spans), hours=first)


def of_pairs(columns: Numbers) -> Numbers:
    """Return the correlation of every two rows."""
    return np.corrcoef(columns)[np.triu_indices(len(columns), 1)]
