"""Taking times in turns, and what a benchmark says."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import process_time
from typing import Any

# Repetitions of each side.
TURNS = 9


@dataclass(frozen=True)
class Result:
    """One measured number beside its goal: at least `least`, at most `most`.

    `spread` holds the smallest and the largest of what `measured` is the median of; `parts` the times and
    numbers behind it.
    """

    name: str
    measured: float
    unit: str
    least: float | None = None
    most: float | None = None
    spread: tuple[float, float] | None = None
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return (self.least is None or self.measured >= self.least) and (self.most is None or self.measured <= self.most)

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.least is None:
            return f"at most {self.most:g}"
        return f"at least {self.least:g}" if self.most is None else f"{self.least:g} to {self.most:g}"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for a JSON file."""
        return {**asdict(self), "goal": self.goal, "met": self.met}


@dataclass(frozen=True)
class Turns:
    """Seconds that two pieces of work took, turn by turn."""

    first: list[float]
    second: list[float]

    def ratio(self, scale: float = 1.0) -> tuple[float, tuple[float, float]]:
        """Return the median of first / second times `scale`, and the smallest and largest."""
        ratios = [scale * a / b for a, b in zip(self.first, self.second, strict=True)]
        return statistics.median(ratios), (min(ratios), max(ratios))

    def medians(self, first: str, second: str) -> dict[str, float]:
        """Return the median seconds of both under these names."""
        return {first: statistics.median(self.first), second: statistics.median(self.second)}


def in_turns(
    first: Callable[[], Any],
    second: Callable[[], Any],
    *,
    turns: int = TURNS,
    clock: Callable[[], float] = process_time,
) -> Turns:
    """Return how long two pieces of work take, one after the other again and again, warmed up.

    The clock is that of this process, which stands still while others have the core; work that is spread over
    processes needs the one on the wall.
    """
    first(), second()
    taken = Turns([], [])
    for _ in range(turns):
        taken.first.append(_seconds(first, clock))
        taken.second.append(_seconds(second, clock))
    return taken


def _seconds(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return how long a piece of work takes, what it made thrown away within."""
    begin = clock()
    work()
    return clock() - begin


def machine_load() -> float:
    """Return how many programs have wanted a core in the last minute, this one among them; nan where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
