"""The engine beside the same rules as compiled code: one loop over paths, steps and positions, by numba.

The loop knows one set of rules, in which whole positions and the whole pool are taken over; keeps no flows,
checks no input, and ends a path when nothing is open. One thread, like the engine. Compiling is not counted.
Both see the same prices in memory and must agree on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numba import njit

from marginlab import Account, simulate

from . import case
from .measure import Result, in_turns
from .plain import check

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function when it is first called."""
    made: Callable[P, R] = njit(function)
    return made


@compiled
def maintenance(notional: float, brackets: Any) -> float:
    """Return the maintenance margin of a notional: few brackets are searched fastest one by one."""
    floors, rates, deductions = brackets
    place = 0
    while place + 1 < floors.size and notional > floors[place + 1]:
        place += 1
    margin: float = rates[place] * notional - deductions[place]
    return margin


@compiled
def fails(equity: float, need: float, equal: bool) -> bool:
    """Return whether a position or the pool is liquidated."""
    return equity < need or (equal and equity == need)


@compiled
def end_pool(ended: Any, isolated: Any, step: int) -> int:
    """Mark all open cross positions as ended, and return how many there were."""
    count = 0
    for row in range(ended.size):
        if not isolated[row] and ended[row] < 0:
            ended[row] = step
            count += 1
    return count


@compiled
def follow(
    path: Any, wallet: float, size: Any, entry: Any, margin: Any, isolated: Any, equal: bool, brackets: Any, ended: Any
) -> float:
    """Return the equity at the end of a path, and write down at which steps positions ended."""
    left = size.size
    for step in range(len(path)):
        marks, pool, pool_need = path[step], wallet, 0.0
        for row in range(size.size):
            if ended[row] >= 0:
                continue
            profit = size[row] * (marks[row] - entry[row])
            need = maintenance(abs(size[row]) * marks[row], brackets)
            if not isolated[row]:
                pool, pool_need = pool + profit, pool_need + need
            elif fails(margin[row] + profit, need, equal):
                ended[row] = step
                left -= 1
        if pool_need > 0 and fails(pool, pool_need, equal):
            left -= end_pool(ended, isolated, step)
            wallet = 0.0
        if left == 0:
            break
    for row in range(size.size):
        if ended[row] < 0:
            wallet += margin[row] + size[row] * (path[-1][row] - entry[row])
    return wallet


@compiled
def follow_all(
    prices: Any, wallet: float, size: Any, entry: Any, margin: Any, isolated: Any, equal: bool, brackets: Any
) -> tuple[Any, Any]:
    """Return the equity at the end of each path, and the steps its positions were liquidated at or -1."""
    equity, ended = np.empty(len(prices)), np.full((len(prices), size.size), -1, np.int32)
    for path in range(len(prices)):
        equity[path] = follow(prices[path], wallet, size, entry, margin, isolated, equal, brackets, ended[path])
    return equity, ended


def arguments(account: Account) -> tuple[Any, ...]:
    """Return an account, all of whose contracts have the same brackets, as the compiled loop takes it."""
    columns = account.size, account.entry, account.margin, account.isolated
    brackets = account.contracts[0].tiers.table[:3]
    return account.wallet, *map(np.ascontiguousarray, columns), account.convention.at_equality, brackets


def measure() -> Iterator[Result]:
    """Yield the engine's time over that of the compiled loop."""
    account, prices = case.account(), case.prices(0)
    given = arguments(account)
    check(simulate(account, prices), *follow_all(prices, *given))
    taken = in_turns(lambda: simulate(account, prices), lambda: follow_all(prices, *given))
    ratio, spread = taken.ratio()
    parts = taken.medians("engine_seconds", "compiled_seconds")
    yield Result("engine / compiled loop", ratio, "times", most=6, spread=spread, parts=parts)
