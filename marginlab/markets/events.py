"""Prices that were: real events in BTC and ETH, as four-hour candles and funding.

Source: Binance USD-M perpetuals BTCUSDT and ETHUSDT, last-trade prices in USDT, UTC, candles
labelled by their open; by way of the public collection BTspaceC/crypto-swing-backtest, compared
with second copies of the venue's record.

What to know before reading a low:

* **Liquidation looks at the mark, not at the last trade.** These are last trades. The perpetual
  at times fell below its mark: on 19 May 2021 ETH traded at 1,400.73 while the lowest mark was
  1,764.26. The lowest marks of the older events are known (``data/marks.csv``); a path with
  ``price="mark"`` never goes below them. For the events since 2025 no marks are known, and it
  equals the last trade.
* ETH on 13 March 2020, 00:00: the record's high of 323.00 is a stray print. The table has
  124.62, the larger of open and close; a ``"mark"`` path has the mark's own high, 137.71.
* Assets that lost their peg (``data/depegs.csv``): Binance's notice of October 2025, in copies; accounts with them
  as collateral were liquidated there between 21:36 and 22:16 UTC.
* A candle does not say whether its high or its low came first. A path takes one order for all of
  them and says which. Lows (and highs) of the symbols are taken at the same moment, which is the
  worst case for an account that holds both on the same side.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from .. import _checks
from .._typing import Floats, Times

SYMBOLS = ("BTC", "ETH")
ORDERS = ("low first", "high first")
PRICES = ("mark", "last")
TITLES = {
    "covid-2020": "COVID crash, March 2020",
    "may-2021": "China ban, May 2021",
    "luna-2022": "Terra collapse, May 2022",
    "ftx-2022": "FTX collapse, November 2022",
    "oct-2025": "Largest liquidation day, October 2025",
    "feb-2026": "February 2026 fall",
    "jun-2026": "June 2026 fall",
    "rally-aug-2026": "August 2026 rally",
}


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
    return _events()[_checks.one_of("name", name, TITLES)]


def event_names() -> tuple[str, ...]:
    """Return the names of all events.

    Returns
    -------
    tuple of str
        What :func:`event` takes, in order of time.
    """
    return tuple(TITLES)


@cache
def _events() -> dict[str, Event]:
    return {name: _event(name, title) for name, title in TITLES.items()}


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
    values = np.array([[float(row[field]) for row in rows if row["symbol"] == symbol] for symbol in SYMBOLS]).T
    values.setflags(write=False)  # every caller gets the same array
    return values


def _times(rows: list[dict[str, str]]) -> Times:
    return np.array([_time(row["time_utc"]) for row in rows if row["symbol"] == SYMBOLS[0]])


def _time(text: str) -> np.datetime64:
    return np.datetime64(text.removesuffix("Z"), "m")
