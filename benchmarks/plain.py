"""The engine beside the same rules in plain Python: one path after another, one position after another.

Written as one would without numpy, and not slower than that: prices and brackets are lists of floats, the bracket
is found by bisection, closed positions are not looked at again, and a path ends when nothing is open. It
follows fewer paths than the engine, which needs many at a time to show what it can do; times are compared
per path and step. Both must agree on these paths.

Beside it the tests' referee, plain loops too, but with all rules, a ledger and exact fractions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from marginlab import Account, Outcome, Rules, simulate
from tests import reference

from . import case
from .measure import Result, in_turns

PATHS, REFEREED = 150, 1


@dataclass
class Brackets:
    """A venue's maintenance brackets."""

    floors: list[float]
    rates: list[float]
    deductions: list[float]

    def maintenance(self, notional: float) -> float:
        """Return the maintenance margin of a notional."""
        place = max(bisect_left(self.floors, notional) - 1, 0)
        return self.rates[place] * notional - self.deductions[place]


@dataclass
class Held:
    """One position."""

    size: float
    entry: float
    margin: float
    brackets: Brackets
    liquidated: int = -1

    def pnl(self, mark: float) -> float:
        """Return its profit at a mark."""
        return self.size * (mark - self.entry)

    def maintenance(self, mark: float) -> float:
        """Return its maintenance margin at a mark."""
        return self.brackets.maintenance(abs(self.size) * mark)


def held(account: Account) -> tuple[list[Held], list[bool]]:
    """Return the positions of an account, and which are isolated."""
    tables = [contract.tiers.table[:3] for contract in account.contracts]
    brackets = [Brackets(*(column.tolist() for column in table)) for table in tables]
    columns = account.size.tolist(), account.entry.tolist(), account.margin.tolist(), brackets
    return [Held(*row) for row in zip(*columns, strict=True)], account.isolated.tolist()


def follow(account: Account, path: list[list[float]]) -> tuple[float, list[int]]:
    """Return the equity at the end of one path (T, n), and the step each position was liquidated at or -1."""
    positions, isolated = held(account)
    wallet, equal = float(account.wallet), account.convention.at_equality
    alone = [row for row in range(len(positions)) if isolated[row]]
    pool = [row for row in range(len(positions)) if not isolated[row]]
    for step, marks in enumerate(path):
        for row in list(alone):
            position, mark = positions[row], marks[row]
            equity, need = position.margin + position.pnl(mark), position.maintenance(mark)
            if equity < need or (equal and equity == need):
                position.liquidated = step
                alone.remove(row)
        if pool:
            equity, need = wallet, 0.0
            for row in pool:
                equity += positions[row].pnl(marks[row])
                need += positions[row].maintenance(marks[row])
            if equity < need or (equal and equity == need):
                for row in pool:
                    positions[row].liquidated = step
                pool, wallet = [], 0.0
        if not alone and not pool:
            break
    marks = path[-1]
    equity = wallet + sum(positions[row].pnl(marks[row]) for row in pool)
    equity += sum(positions[row].margin + positions[row].pnl(marks[row]) for row in alone)
    return equity, [position.liquidated for position in positions]


def check(outcome: Outcome, equity: Any, liquidated: Any) -> None:
    """Refuse to compare times of what does not agree."""
    if not np.array_equal(outcome.liquidated, liquidated):
        raise AssertionError("the engine liquidates other positions, or at other steps")
    if not np.allclose(outcome.equity, equity, rtol=1e-9, atol=1e-9 * case.START):
        raise AssertionError("the engine finds another equity")


def measure() -> Iterator[Result]:
    """Yield the plain loop's time and the referee's over the engine's, per path and step."""
    account, prices = case.account(), case.prices(0)
    paths = prices[:PATHS].tolist()
    found = [follow(account, path) for path in paths]
    check(simulate(account, prices[:PATHS]), *(np.array(column) for column in zip(*found, strict=True)))
    taken = in_turns(lambda: [follow(account, path) for path in paths], lambda: simulate(account, prices))
    ratio, spread = taken.ratio(case.PATHS / PATHS)
    medians = taken.medians("plain_ns_per_path_step", "engine_ns_per_path_step")
    counts = {"plain_ns_per_path_step": PATHS, "engine_ns_per_path_step": case.PATHS}
    parts = {name: value / (counts[name] * case.STEPS) * 1e9 for name, value in medians.items()}
    yield Result("plain Python / engine", ratio, "times", least=300, spread=spread, parts=parts)
    refereed, rules = prices[:REFEREED], Rules()
    exact = [reference.run(account, path, rules) for path in refereed]
    columns = [float(one.equity) for one in exact], [one.liquidated for one in exact]
    check(simulate(account, refereed), *(np.array(column) for column in columns))
    taken = in_turns(
        lambda: [reference.run(account, path, rules) for path in refereed], lambda: simulate(account, prices)
    )
    ratio, spread = taken.ratio(case.PATHS / REFEREED)
    yield Result("exact referee / engine", ratio, "times", least=300, spread=spread)
