"""The engine beside making the prices: following an account costs less than drawing what it is followed through.

Both sides see the same 10,000 paths of 288 steps in four markets, in double precision, all in memory. The
prices are made with what numpy offers for it, in place, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from marginlab import simulate

from . import case
from .measure import Result, in_turns


def measure() -> Iterator[Result]:
    """Yield the engine's time over that of the prices."""
    account, prices = case.account(), case.prices(0)
    ended = (simulate(account, prices).liquidated >= 0).mean(axis=0)
    taken = in_turns(lambda: simulate(account, prices), lambda: case.prices(1))
    ratio, spread = taken.ratio()
    parts = taken.medians("engine_seconds", "prices_seconds")
    parts |= {f"liquidated_{row}": float(share) for row, share in enumerate(ended)}
    yield Result("engine / making the prices", ratio, "times", most=0.5, spread=spread, parts=parts)
