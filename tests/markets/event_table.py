"""The prices on record as `marginlab/markets/data/events` keeps them: how a row is written, and what is checked of it.

A file is one event. Its prices are whole ticks, each counted from the one before, as `PathRow` in
`marginlab.markets.events` says, which packs well.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from marginlab.markets.events import STEPS, RecordedPath

EVENTS = Path(__file__).parents[2] / "marginlab" / "markets" / "data" / "events"
FIELDS = ("open", "high", "low", "close")
# What tells one path, or the funding of one coin, from another.
PATH, FUNDING = ("symbol", "venue", "kind", "step"), ("symbol", "venue")

# When a candle opens, and its four prices as they are written.
Candle = tuple[str, Sequence[str]]


def path_row(candles: Sequence[Candle], **said: Any) -> dict[str, Any]:
    """Return prices as a file keeps them, or refuse candles that cannot be."""
    name = " ".join(said[field] for field in PATH)
    times = [np.datetime64(time, "m") for time, _ in candles]
    prices = [[Decimal(price) for price in four] for _, four in candles]
    found = gaps(times, said["step"]) + impossible(times, prices)
    if found:
        raise ValueError(f"{name}: {'; '.join(found)}")
    decimals = max(0, *(-price.normalize().as_tuple().exponent for four in prices for price in four))
    open_, high, low, close = np.array([[int(price.scaleb(decimals)) for price in four] for four in prices]).T
    moved = {
        "open": open_ - np.concatenate([[0], close[:-1]]),
        "high": high - np.maximum(open_, close),
        "low": np.minimum(open_, close) - low,
        "close": close - open_,
    }
    said = {key: value for key, value in said.items() if value not in (None, "")}
    return {**said, "start": str(times[0]), "decimals": decimals} | {key: one.tolist() for key, one in moved.items()}


def funding_row(settled: Sequence[tuple[str, str]], **said: Any) -> dict[str, Any]:
    """Return funding as a file keeps it, or refuse times that are not regular."""
    times = [np.datetime64(time, "m") for time, _ in settled]
    # How often it falls due follows from the first two times.
    step = next((step for step in STEPS if times[1:2] == [times[0] + length(step)]), None)
    found = gaps(times, step) if step else ["the first two settlements must lie a step apart"]
    if found:
        raise ValueError(f"{' '.join(said[field] for field in FUNDING)} funding: {'; '.join(found)}")
    return {**said, "start": str(times[0]), "step": step, "rates": [float(rate) for _, rate in settled]}


def length(step: str) -> np.timedelta64:
    """Return how long a step is."""
    return np.timedelta64(STEPS[step], "m")


def gaps(times: Sequence[np.datetime64], step: str) -> list[str]:
    """Return where the next time is not a step later."""
    return [f"{a} is followed by {b}" for a, b in pairwise(times) if b - a != length(step)]


def impossible(times: Iterable[np.datetime64], prices: Iterable[Sequence[Any]]) -> list[str]:
    """Return the candles whose open or close lies outside of low and high, or whose low is not above zero."""
    return [
        f"{time} has open {o}, high {h}, low {low}, close {c}"
        for time, (o, h, low, c) in zip(times, prices, strict=True)
        if not 0 < low <= min(o, c) <= max(o, c) <= h
    ]


def columns(path: RecordedPath) -> np.ndarray:
    """Return the four prices of each candle, one row a candle."""
    return np.stack([getattr(path, field) for field in FIELDS], axis=1)


def summed(path: RecordedPath, step: str) -> dict[np.datetime64, list[float]]:
    """Return a path in a coarser step, as far as its candles are whole."""
    part = STEPS[step] // STEPS[path.step]
    # A datetime64 in minutes counts them from 1970: where a coarser candle begins, the count is a multiple of it.
    starts = [i for i, time in enumerate(path.times) if time.astype(int) % STEPS[step] == 0]
    whole = [slice(i, i + part) for i in starts if i + part <= len(path.times)]
    return {
        path.times[one.start]: [
            float(path.open[one][0]),
            float(path.high[one].max()),
            float(path.low[one].min()),
            float(path.close[one][-1]),
        ]
        for one in whole
    }


def disagreements(paths: Sequence[RecordedPath]) -> list[str]:
    """Return every candle that its finer steps do not add up to."""
    found = []
    for fine in paths:
        for coarse in paths:
            same = all(getattr(fine, field) == getattr(coarse, field) for field in PATH[:3])
            if not same or STEPS[fine.step] >= STEPS[coarse.step]:
                continue
            of_finer, stated = summed(fine, coarse.step), columns(coarse).tolist()
            found += [
                f"{coarse.symbol} {coarse.venue} {coarse.kind} {time}: {four} in {coarse.step}, "
                f"{of_finer[time]} of {fine.step}"
                for time, four in zip(coarse.times, stated, strict=True)
                if of_finer.get(time, four) != four
            ]
    return found


def written(paths: Iterable[Any], funding: Iterable[Any], notes: Iterable[str]) -> bytes:
    """Return an event's file; the same rows give the same bytes."""
    text = json.dumps({"notes": list(notes), "paths": list(paths), "funding": list(funding)}, separators=(",", ":"))
    return gzip.compress(text.encode(), 9, mtime=0)


def rows_in(file: Path) -> dict[str, list[Any]]:
    """Return what is in an event's file, nothing where there is none yet."""
    if not file.exists():
        return {"notes": [], "paths": [], "funding": []}
    found: dict[str, list[Any]] = json.loads(gzip.decompress(file.read_bytes()))
    return found


def merged(there: Iterable[Any], new: Iterable[Any], key: Sequence[str]) -> list[Any]:
    """Return the rows there are, with those that are new in their places or behind them."""
    return list({tuple(row[field] for field in key): row for row in [*there, *new]}.values())
