"""A million paths through one account: how much memory that takes, and whether time stays in step.

Each way is tried in a process of its own, which follows a million paths first and tells its peak of resident
memory, interpreter and numpy included; then it takes the time of a million and of ten times a hundred thousand in
turns, of the same length so that both see as much of what else the machine does.
Prices are streamed, in 48 steps of half an hour, and drawn as they are needed: in one call of `simulate`, and in chunks
by `run_many`. The time is that of everything, drawing included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from marginlab import Outcome, simulate
from marginlab.simulation.ensembles import run_many

from . import case
from .measure import Result, in_turns

MANY, FEW, STEPS = 1_000_000, 100_000, 48
TURNS = 7
GIBIBYTE = 2**30


def at_once(paths: int) -> Outcome:
    """Return what becomes of so many paths in one call."""
    return simulate(case.account(), case.stream(0, paths, STEPS, steps_per_year=365 * STEPS))


def in_chunks(paths: int) -> Outcome:
    """Return what becomes of so many paths in chunks, one after the other."""
    model = case.model(steps_per_year=365 * STEPS)
    return run_many(case.account(), model, paths=paths, steps=STEPS, seed=0, progress=False)


WAYS: dict[str, Callable[[int], Outcome]] = {"simulate": at_once, "run_many": in_chunks}


def peak() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose getrusage goes on counting from what the parent process had
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def tenths(way: Callable[[int], Outcome]) -> None:
    """Follow as many paths in ten parts, one after the other."""
    for _ in range(MANY // FEW):
        way(FEW)


def alone(way: Callable[[int], Outcome]) -> dict[str, Any]:
    """Return what this process, in which nothing else has run, says of one way."""
    begin = peak()
    way(MANY)
    most = peak()
    taken = in_turns(lambda: way(MANY), lambda: tenths(way), turns=TURNS)
    return {"begin": begin, "peak": most, "ratio": taken.ratio(), **taken.medians("million", "ten_tenths")}


def measure() -> Iterator[Result]:
    """Yield peak memory and linearity of each way."""
    for name in WAYS:
        run = subprocess.run([sys.executable, "-m", __name__, name], check=True, stdout=subprocess.PIPE)
        told = json.loads(run.stdout)
        parts = {"before_gibibytes": told["begin"] / GIBIBYTE}
        yield Result(f"{name}: peak of a million paths", told["peak"] / GIBIBYTE, "GiB", most=1.0, parts=parts)
        ratio, spread = told["ratio"]
        parts = {f"{key}_seconds": told[key] for key in ("million", "ten_tenths")}
        what = f"{name}: time a path, 1,000,000 / 100,000"
        yield Result(what, ratio, "times", least=0.85, most=1.15, spread=tuple(spread), parts=parts)


if __name__ == "__main__":
    print(json.dumps(alone(WAYS[sys.argv[1]])))
