"""Two processes beside one: what `run_many` gains from a second core.

The same 40,000 paths of 288 steps in chunks, by this process alone and by two workers of a process pool, which
send back what they found; the outcomes must be the same to the last bit. The workers are started, and have
imported everything, before the clock is. Wherever the machine has but one free core, this shows it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from time import perf_counter

import numpy as np

from marginlab import Outcome
from marginlab.simulation.ensembles import run_many

from . import case
from .measure import Result, in_turns

PATHS, CHUNK = 40_000, 5_000


def run(executor: Executor | None) -> Outcome:
    """Return what becomes of all paths."""
    account, model = case.account(), case.model(case.STEPS_PER_YEAR)
    return run_many(
        account, model, paths=PATHS, steps=case.STEPS, seed=0, chunk=CHUNK, executor=executor, progress=False
    )


def measure() -> Iterator[Result]:
    """Yield the time of one process over that of two."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        if not np.array_equal(run(None).equity, run(pool).equity):
            raise AssertionError("two processes find another equity than one")
        taken = in_turns(lambda: run(None), lambda: run(pool), clock=perf_counter)
    ratio, spread = taken.ratio()
    parts = taken.medians("one_seconds", "two_seconds")
    yield Result("run_many: 1 process / 2", ratio, "times", least=1.7, spread=spread, parts=parts)
