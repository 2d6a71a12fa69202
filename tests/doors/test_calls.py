"""What nobody expects, given to every public function: it is refused by name or taken rightly, and nothing else."""

from __future__ import annotations

import inspect
import random

import pytest

from ..examples import WEEKLY
from . import calls

DOORS = calls.doors()
# These draw, replay or simulate: each is asked a part of it, which is another one every week.
SLOW = {
    "chances_of": 20,
    "results_csv": 30,
    "run_many": 10,
    "stress_map": 3,
    "replay": 3,
    "replays": 3,
    "compare": 3,
    "workbench": 2,
}
every_door = pytest.mark.parametrize("name", DOORS)


def arguments_of(name):
    """Return what can be replaced."""
    wanted = inspect.signature(DOORS[name].call).parameters.values()
    return [one.name for one in wanted if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]


def replacements_of(name):
    """Return what a function is asked with: all there is, or of a slow one a part."""
    every = SLOW.get(name, 1)
    first = random.randrange(every) if WEEKLY else 0
    return calls.REPLACEMENTS[first::every]


def test_ten_thousand_calls_are_made():
    assert sum(len(arguments_of(name)) * len(replacements_of(name)) for name in DOORS) > 10_000


def test_the_doors_are_found_and_not_listed():
    assert {"liquidation_price", "Account", "Account.of", "Brackets.read", "simulate", "from_json"} <= DOORS.keys()
    assert {"compare", "explore", "line", "distances", "percent", "Table.html", "Diffusion"} <= DOORS.keys()
    assert not {"Outcome", "Finding", "ArgumentError", "Tiers.bracket_unchecked"} & DOORS.keys()


@every_door
def test_what_is_right_is_taken(name):
    door = DOORS[name]
    assert calls.sort(lambda: door.call(**door.arguments())) == calls.Sorted("taken", "")


@every_door
def test_an_argument_that_is_not_expected_is_refused_by_name_or_taken_rightly(name):
    faults = [
        (argument, found.told)
        for argument in arguments_of(name)
        for make in replacements_of(name)
        if (found := calls.knock(DOORS[name], argument, make())).kind == "fault"
    ]
    assert not faults


@every_door
def test_two_arguments_that_are_not_expected_are_refused_by_name_or_taken_rightly(name):
    rng, wanted, faults = random.Random(None if WEEKLY else name), arguments_of(name), []
    for _ in range((400 if WEEKLY else 20) // SLOW.get(name, 1) if wanted else 0):
        one, *others = rng.choices(wanted, k=2)
        changed = {other: rng.choice(calls.REPLACEMENTS)() for other in others if other != one}
        door = DOORS[name]._replace(right={**DOORS[name].right, **changed})
        found = calls.knock(door, one, rng.choice(calls.REPLACEMENTS)())
        if found.kind == "fault":
            faults.append((one, changed, found.told))
    assert not faults


def test_the_harness_tells_a_fault_from_a_refusal_and_from_an_answer():
    def asked(size, price=1.0):
        return {"raw": [][1:][0] if size == "raw" else 0}[size] if isinstance(size, str) else size * price

    door = calls.Door("asked", asked, {"size": 1.0})
    assert calls.knock(door, "size", 2.0) == ("taken", "")
    assert calls.knock(door, "size", "raw") == ("fault", "IndexError: list index out of range")
    assert calls.knock(door, "size", float("nan")) == ("fault", "answered nan")
    assert calls.knock(DOORS["Tiers.flat"], "rate", "x").kind == "refused"
    assert calls.sort(lambda: f"{float('inf'):.0%}", lambda one: "" if calls.is_finite(one) else "inf%").kind == "fault"
