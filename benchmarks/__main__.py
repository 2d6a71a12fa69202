"""Run the benchmarks: print one table, and write all numbers as JSON.

Which of them, by name, and where to: ``python -m benchmarks engine plain --json results.json``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .measure import Result, machine_load

NAMES = ("engine", "replays", "screens", "plain", "compiled", "prices", "memory", "processes")
PACKAGES = ("numpy", "numba", "freqtrade")
RESULTS = Path("_build/bench.json")


def main() -> None:
    """Measure what was asked for, by default everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"what to measure: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where to write all numbers (%(default)s)")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"name must be one of {', '.join(NAMES)}, not {', '.join(sorted(unknown))}")
    told: dict[str, Any] = {"machine": machine(), "results": []}
    print(", ".join(f"{key} {value}" for key, value in told["machine"].items()), end="\n\n")
    print(line("", "measured", "smallest", "largest", "goal", "", "load"))
    for name in given.names or NAMES:
        for result in importlib.import_module(f".{name}", __package__).measure():
            load = machine_load()
            told["results"].append({"benchmark": name, **result.as_dict(), "load": load})
            print(row(result, load), flush=True)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    missed = [result["name"] for result in told["results"] if not result["met"]]
    print(f"\n{len(told['results']) - len(missed)} of {len(told['results'])} goals met; all numbers in {given.json}")


def machine() -> dict[str, Any]:
    """Return what the numbers were taken on."""
    here = {"Python": platform.python_version(), "system": platform.system(), "processor": platform.machine()}
    return here | {"cores": os.cpu_count()} | {name: version(name) for name in PACKAGES}


def row(result: Result, load: float) -> str:
    """Return a result as a line of the table."""
    measured, least, most = (f"{value:.2f}" for value in (result.measured, *(result.spread or (result.measured,) * 2)))
    met = "met" if result.met else "missed"
    return line(result.name, measured, least, most, f"{result.goal} {result.unit}", met, f"{load:.1f}")


def line(name: str, measured: str, least: str, most: str, goal: str, met: str, load: str) -> str:
    """Return a line of the table."""
    return f"{name:<46}{measured:>9}{least:>9}{most:>9}  {goal:<20}{met:<8}{load:>4}"


if __name__ == "__main__":
    main()
