"""Measure the built pages: print one table, and write all numbers as JSON.

Which of them, by name: ``python -m benchmarks.site weight speed``. `make bench-site` measures all.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.site.browser import launch

from ..measure import Result, machine_load
from .visit import Visit

NAMES = ("weight", "speed", "builds", "lighthouse", "account", "python")
RESULTS = Path("_build/bench-site.json")


def main() -> None:
    """Measure what was asked for, by default everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.site", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"what to measure: {', '.join(NAMES)}")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"name must be one of {', '.join(NAMES)}, not {', '.join(sorted(unknown))}")
    told = []
    print(line("", "measured", "goal", "", "stock page", "load", "command"))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        visit = Visit(launch(playwright), Path(folder))
        for name in given.names or NAMES:
            for result in importlib.import_module(f".{name}", __package__).measure(visit):
                told.append({"benchmark": name, **result.as_dict(), "load": machine_load()})
                print(row(result, name), flush=True)
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    met = sum(result["met"] for result in told)
    print(f"\n{met} of {len(told)} goals met; all numbers in {RESULTS}")


def row(result: Result, command: str) -> str:
    """Return a result as a line of the table."""
    stock = f"{result.parts['stock']:,.0f}" if "stock" in result.parts else ""
    measured = f"{result.measured:,.2f}" if result.measured < 10 else f"{result.measured:,.0f}"
    met = "met" if result.met else "missed"
    goal = f"{result.goal} {result.unit}"
    return line(
        result.name, measured, goal, met, stock, f"{machine_load():.1f}", f"python -m benchmarks.site {command}"
    )


def line(name: str, measured: str, goal: str, met: str, stock: str, load: str, command: str) -> str:
    """Return a line of the table."""
    return f"{name:<62}{measured:>9}  {goal:<18}{met:<8}{stock:>10}{load:>6}  {command}"


if __name__ == "__main__":
    main()
