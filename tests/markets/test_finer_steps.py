"""Marks timed by trades: how far is the mark's, when is the trades', and nothing is made up beyond the two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import ArgumentError, RecordedPath, event_record, timed_by_trades

from ..examples import examples
from .event_table import FIELDS, columns, impossible, summed

RECORD = event_record("oct-2025")
QUARTERS = {one.symbol: one for one in RECORD.paths if (one.kind, one.step) == ("last", "15m")}
MARKS = [one for one in RECORD.paths if (one.kind, one.step, one.venue) == ("mark", "1h", "binance")]


def path_of(candles, step="15m", kind="last", start="2025-10-10T20:00"):
    """Return candles, rows of open, high, low and close, as a path."""
    minutes = {"15m": 15, "1h": 60}[step]
    times = np.datetime64(start, "m") + np.arange(len(candles)) * np.timedelta64(minutes, "m")
    prices = dict(zip(FIELDS, np.array(candles, dtype=float).T, strict=True))
    return RecordedPath("BTC", "binance", kind, step, times, **prices, source="", confidence="B")


@st.composite
def candles(draw, number):
    """Draw so many candles."""
    prices = st.floats(1, 1_000)
    found = []
    for _ in range(number):
        open_, close, one, other = (draw(prices) for _ in range(4))
        found.append([open_, max(open_, close, one, other), min(open_, close, one, other), close])
    return found


@examples(1)
@given(candles(2), candles(8))
def test_added_up_again_they_are_the_marks(hours, quarters):
    marks = path_of(hours, "1h", "mark")
    timed = timed_by_trades(marks, path_of(quarters))
    assert impossible(timed.times, columns(timed)) == []
    assert list(summed(timed, "1h").values()) == hours


@examples(1)
@given(candles(2), candles(8))
def test_the_low_and_the_high_are_when_the_trades_had_theirs(hours, quarters):
    marks, trades = path_of(hours, "1h", "mark"), path_of(quarters)
    timed = timed_by_trades(marks, trades)
    for hour in range(2):
        own = slice(4 * hour, 4 * hour + 4)
        assert timed.low[own][trades.low[own].argmin()] == marks.low[hour]
        assert timed.high[own][trades.high[own].argmax()] == marks.high[hour]


def test_by_hand():
    # The trades go from 100 to 60 and back; the mark went no lower than 70, and no higher than 98.
    trades = path_of([[100, 101, 90, 92], [92, 93, 60, 75], [75, 85, 72, 84], [84, 96, 83, 95]])
    timed = timed_by_trades(path_of([[97, 98, 70, 94]], "1h", "mark"), trades)
    assert timed.open.tolist() == [97, 92, 75, 84]
    assert timed.high.tolist() == [98, 93, 85, 96]
    assert timed.low.tolist() == [90, 70, 72, 83]
    assert timed.close.tolist() == [92, 75, 84, 94]
    assert (timed.kind, timed.step, str(timed.times[-1])) == ("mark", "15m", "2025-10-10T20:45")
    assert timed.stands_in == "By 15m the mark is not on record: trades say when it was where."


def test_what_the_marks_stand_in_for_is_still_said():
    doge = timed_by_trades(RECORD.path("DOGE"), QUARTERS["DOGE"])
    assert doge.stands_in.startswith("Binance's mark is not on record in this step: OKX's stands in for it. By 15m")


@pytest.mark.parametrize("marks", MARKS, ids=lambda one: one.symbol)
def test_on_10_october_every_mark_keeps_its_hours(marks):
    timed = timed_by_trades(marks, QUARTERS[marks.symbol])
    # Three hours of four quarters; the half hour of trades after them is no whole candle.
    assert [str(timed.times[0]), str(timed.times[-1])] == ["2025-10-10T20:00", "2025-10-10T22:45"]
    hours = marks.times.tolist().index(timed.times[0].item())
    for hour in range(3):
        assert timed.low[4 * hour : 4 * hour + 4].min() == marks.low[hours + hour]
        assert timed.high[4 * hour : 4 * hour + 4].max() == marks.high[hours + hour]


def test_where_the_mark_is_on_record_in_finer_steps_the_stand_in_is_near_it():
    # BTC alone has one. Its lows of every quarter of an hour are met within a hundredth, that of the day exactly.
    timed = timed_by_trades(RECORD.path("BTC"), QUARTERS["BTC"])
    known = np.array([low for _, _, low, _ in summed(RECORD.path("BTC", step="5m"), "15m").values()])[: len(timed.low)]
    assert np.abs(timed.low / known - 1).max() < 0.01
    assert timed.low.min() == known.min()
    assert timed.low.argmin() == known.argmin()


@pytest.mark.parametrize(
    ("marks", "trades", "told"),
    [
        (RECORD.path("ETH"), QUARTERS["BTC"], "must be of ETH, as the marks are, not of BTC"),
        (RECORD.path("BTC"), RECORD.path("BTC", kind="last"), "must be in a step that is a part of 1h, not in 1h"),
        (QUARTERS["BTC"], RECORD.path("BTC", kind="last"), "must be in a step that is a part of 15m, not in 1h"),
        (replace(RECORD.path("BTC"), step="5m"), replace(QUARTERS["BTC"], step="4h"), "of 5m, not in 4h"),
        (path_of([[1, 1, 1, 1]], "1h"), path_of([[1, 1, 1, 1]] * 3), "must cover a whole candle of 1h of the marks"),
        (path_of([[1, 1, 1, 1]], "1h"), path_of([[1, 1, 1, 1]] * 4, start="2025-10-10T20:15"), "whole candle of 1h"),
    ],
)
def test_what_cannot_be_timed_is_refused_by_name(marks, trades, told):
    with pytest.raises(ArgumentError, match=told) as refused:
        timed_by_trades(marks, trades)
    assert refused.value.argument == "trades"
