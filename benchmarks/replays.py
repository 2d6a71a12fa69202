"""Real events on an account, all at once beside one after the other.

Eight positions at Binance, four of them isolated, as they are, all cross and all isolated, through all events hour by
hour, the low of each candle first and the high first: 54 paths. Both sides see the same accounts, prices and funding,
and find the same; `simulate` asked for one path keeps its ledger, as `replays` does of an event that is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from marginlab import Account, Position, simulate, venue
from marginlab.comparison import Replay, compare, replays
from marginlab.markets.events import ORDERS

from .measure import Result, in_turns

SYMBOLS = "BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT", "XRPUSDT", "ADAUSDT", "LINKUSDT", "AVAXUSDT"
MARKS = 77_000.0, 2_400.0, 180.0, 0.2, 2.2, 0.6, 18.0, 25.0
VALUE, WALLET, LEVERAGE = 6_000.0, 12_000.0, 5.0


def account() -> Account:
    """Return five longs and three shorts of the same value, every second one isolated."""
    binance = venue("binance")
    positions = [
        Position(
            binance.contract(symbol),
            (-1 if i % 3 == 2 else 1) * VALUE / mark,
            mark,
            mode="isolated" if i % 2 else "cross",
            leverage=LEVERAGE,
        )
        for i, (symbol, mark) in enumerate(zip(SYMBOLS, MARKS, strict=True))
    ]
    return Account.of(positions, wallet=WALLET, convention=binance.convention.value)


def one_by_one(found: tuple[Replay, ...]) -> list[float]:
    """Return what is left on each path, each gone through by itself."""
    return [
        float(simulate(held, one.prices, rules=one.rules, funding=one.funding).equity)
        for one in found
        for held in one.accounts.values()
    ]


def measure() -> Iterator[Result]:
    """Yield the time of all replays over that of one path after the other, and that of one event with its ledgers."""
    found = compare(account(), MARKS, venue="binance")
    asked = {"rules": found.rules, "venue": found.venue, "orders": ORDERS}
    known = replays(found.accounts, found.marks, **asked)
    left = [float(one.equity[name][-1]) for one in known for name in one.accounts]
    if not np.array_equal(left, one_by_one(known)):
        raise AssertionError("one by one the replays leave something else")
    taken = in_turns(lambda: replays(found.accounts, found.marks, **asked), lambda: one_by_one(known))
    ratio, spread = taken.ratio()
    parts = taken.medians("at_once_seconds", "one_by_one_seconds") | {"paths": float(len(left))}
    yield Result("all replays / one by one", ratio, "times", most=0.25, spread=spread, parts=parts)

    def looked_at() -> None:
        for one in replays(found.accounts, found.marks, names=["oct-2025"], **asked)[:1]:
            for name in one.accounts:
                one.losses(name)

    alone = in_turns(looked_at, lambda: None)
    seconds = sorted(alone.first)
    middle = seconds[len(seconds) // 2]
    yield Result("one event with its ledgers", middle, "seconds", most=0.15, spread=(seconds[0], seconds[-1]))
