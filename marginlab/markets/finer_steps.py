"""Marks in finer steps than they are on record in: how far they went is the mark's, when is that of the trades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import _checks
from .._checks import ArgumentError
from .events import STEPS, RecordedPath


def timed_by_trades(marks: RecordedPath, trades: RecordedPath) -> RecordedPath:
    """Return marks in the shorter candles of the trades: a stand-in for marks that are not on record.

    Of most coins the mark is known by the hour alone, and trades by the quarter of an hour. The mark is taken to have
    had its low and its high when the trades had theirs, and in between to have gone where the trades went, as far as
    that lies between the two.

    Parameters
    ----------
    marks
        What is on record of the mark, in long candles.
    trades
        Last trades of the same coin, in candles that are a part of those.

    Returns
    -------
    RecordedPath
        As far as whole candles of `marks` are covered. Its lowest and highest price in each of these, and the first and
        the last, are the mark's. `stands_in` says how it was made.

    Raises
    ------
    ArgumentError
        For another coin, a step that is no part of the longer one, and prices of which no whole candle is in common.

    Examples
    --------
    >>> from marginlab import event_record
    >>> record = event_record("oct-2025")
    >>> by_the_hour, trades = record.path("LINK"), record.path("LINK", kind="last", step="15m")
    >>> link = timed_by_trades(by_the_hour, trades)
    >>> str(link.times[link.low.argmin()]), float(link.low.min()), float(trades.low.min())
    ('2025-10-10T21:15', 8.10722182, 8.164)
    """
    long, short = _checks.instance("marks", marks, RecordedPath), _checks.instance("trades", trades, RecordedPath)
    if short.symbol != long.symbol:
        raise ArgumentError("trades", f"must be of {long.symbol}, as the marks are, not of {short.symbol}")
    parts, rest = divmod(STEPS[long.step], STEPS[short.step])
    if parts < 2 or rest:
        raise ArgumentError("trades", f"must be in a step that is a part of {long.step}, not in {short.step}")
    step = np.timedelta64(STEPS[short.step], "m")
    begins = np.intersect1d(long.times, short.times[: len(short.times) - parts + 1])
    if not begins.size:
        raise ArgumentError("trades", f"must cover a whole candle of {long.step} of the marks")
    held = np.searchsorted(long.times, begins)
    within = np.searchsorted(short.times, begins)[:, None] + np.arange(parts)
    least, most = long.low[held, None], long.high[held, None]
    open_, high, low, close = (
        np.clip(prices[within], least, most) for prices in (short.open, short.high, short.low, short.close)
    )
    open_[:, 0], close[:, -1] = long.open[held], long.close[held]
    row = np.arange(len(begins))
    low[row, short.low[within].argmin(axis=1)] = least[:, 0]
    high[row, short.high[within].argmax(axis=1)] = most[:, 0]
    # The mark's own first and last price may lie outside what was traded then.
    low, high = np.minimum(low, np.minimum(open_, close)), np.maximum(high, np.maximum(open_, close))
    return replace(
        long,
        step=short.step,
        times=(begins[:, None] + np.arange(parts) * step).ravel(),
        open=open_.ravel(),
        high=high.ravel(),
        low=low.ravel(),
        close=close.ravel(),
        stands_in=f"{long.stands_in} By {short.step} the mark is not on record: trades say when it was where.".strip(),
    )
