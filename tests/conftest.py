"""How properties are tried, which tests are long, and which go to one worker."""

from __future__ import annotations

import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings
from hypothesis.internal.conjecture import providers

from .examples import PROFILE, WEEKLY

HERE = Path(__file__).parent
# They run chapters, and drive a browser.
LONG = {HERE / "claims", HERE / "site"}
# What takes seconds and is drawn once for many tests, by what stands in their names: chapters, and what fixtures give.
SHARED = {
    "site/test_weight": "structure",
    "test_screens": "workbench",
    "site/test_account": "account",
    "site/test_python": "account",
}
SHARED |= {name: name for name in ("structure", "mechanics", "volatility", "october", "questions", "workbench")}
SHARED |= {"tests/site/": "structure"}
SHARED |= {"test_reference": "scenarios", "test_invariants.py::test_engine_and_exact_referee": "scenarios"}
SHARED |= {"simulation/test_orders": "orders", "simulation/test_mixed": "mixed"}

# Derandomised, so that a run today and a run tomorrow ask the same. How fast a machine draws is no property.
settings.register_profile(
    "marginlab",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
# Once a week ten times as many, and others each time.
settings.register_profile(
    "weekly", settings.get_profile("marginlab"), max_examples=500, derandomize=False, print_blob=True
)
settings.load_profile(PROFILE)
if settings.default.derandomize:
    # It would try numbers out of the modules that happen to be loaded, and these depend on which tests ran before.
    providers._get_local_constants = providers.Constants


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is long because of where it is, or is a notebook; leave out what is for the weekly run alone."""
    for item in items:
        if _is_long(item.path):
            item.add_marker(pytest.mark.long)
    if not WEEKLY:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("weekly")])
        items[:] = [item for item in items if not item.get_closest_marker("weekly")]


@cache
def _is_long(path: Path) -> bool:
    return path.suffix == ".ipynb" or not LONG.isdisjoint(path.parents)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Count no branches while a property is tried: known values reach each, and counting takes as long as trying.

    The mark ``no_cover`` does less: a worker of xdist's has two of what counts, and it stops one.
    """
    counting = sys.gettrace()
    if counting is None or not is_hypothesis_test(getattr(item, "obj", None)):
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(counting)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give the tests of a chapter to one worker, with ``--dist loadscope``: it runs it and draws its states once.

    A test is a chapter's where its file or what it is given says so, else where `SHARED` does; the cells of a
    notebook go to one kernel. Marks for groups are lost between this xdist and this pytest:
    https://github.com/pytest-dev/pytest-xdist/issues/1386.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByChapter(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            if path.endswith(".ipynb"):
                return path
            return next((shared for part, shared in SHARED.items() if part in nodeid), nodeid)

    return ByChapter(config, log) if config.getvalue("dist") == "loadscope" else None
