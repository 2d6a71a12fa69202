"""Python in the browser: what it adds to the site, and how long it takes from a page's button to a widget that works.

Beside it stands a bare page that loads the same Pyodide as it is published and imports numpy; and one with the Pyodide
that the site carries, whose standard library is compiled before. The pages are visited in turns, each by a browser that
has nothing yet. A second visit is one by a browser that was closed since, with its profile on disk as readers have it:
what it keeps without one, as in a private window, does not include the scripts that it has compiled.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from playwright.sync_api import Browser, BrowserContext

from lite.assemble import FETCHED, STANDARD, file_of, sha256, unpack
from lite.site import SITE
from tests.lite.first import CHAPTER, WORKS
from tests.site.browser import kept
from tests.site.server import served

from ..measure import Result
from .visit import Visit

TURNS = 5
MB = 1e6
BARE = """<!doctype html><title>loading</title><script type="module">
import { loadPyodide } from "./pyodide.mjs";
const pyodide = await loadPyodide({ packages: ["numpy"] });
await pyodide.runPythonAsync("import numpy");
document.title = "ready";
</script>
"""


def measure(visit: Visit) -> Iterator[Result]:
    """Yield the added size, the first start beside a bare page's, and the second start beside the first."""
    assert (SITE / "python").exists(), "run `make site` first"
    added = sum(path.stat().st_size for path in (SITE / "python").rglob("*") if path.is_file())
    yield Result("Python in the browser adds to the site", added / MB, "MB", most=60)
    beside = {"the published": visit.folder / "published", "the site's": visit.folder / "own"}
    for folder in beside.values():
        if not folder.exists():
            published(folder)
    shutil.copy(SITE / "python" / "static" / "pyodide" / STANDARD, beside["the site's"])
    taken: dict[str, list[float]] = {name: [] for name in ("first", "of a profile", "second", *beside)}
    with served(SITE) as site:
        for _ in range(TURNS):
            for name, folder in beside.items():
                with served(folder) as address:
                    taken[name].append(bare(visit.browser, address, folder))
            visited(visit, taken, partial(to_widget, site=site))
    title = "click to first widget over a bare page with {} Pyodide"
    yield from compared(
        taken,
        *((title.format(name), "first", name, 1.6) for name in beside),
        ("a second start over the first", "second", "of a profile", 1),
    )


def visited(visit: Visit, taken: dict[str, list[float]], timed: Callable[[BrowserContext], float]) -> None:
    """Time a first visit, and two of one profile, of which the second finds what the one before has left."""
    context = visit.browser.new_context()
    taken["first"].append(timed(context))
    context.close()
    with TemporaryDirectory(dir=visit.folder) as profile:
        for name in ("of a profile", "second"):
            context = kept(visit.browser, profile)
            taken[name].append(timed(context))
            # It writes down in the background what it has compiled.
            context.pages[0].wait_for_timeout(2_000)
            context.close()


def compared(taken: dict[str, list[float]], *asked: tuple[str, str, str, float]) -> Iterator[Result]:
    """Yield the ratios of times that were taken in turn: title, the one, over the other, and the goal."""
    parts = {f"{name}, s": statistics.median(times) for name, times in taken.items()}
    for title, one, other, most in asked:
        ratios = [mine / its for mine, its in zip(taken[one], taken[other], strict=True)]
        spread = (min(ratios), max(ratios))
        yield Result(title, statistics.median(ratios), "times", most=most, spread=spread, parts=parts)


def published(folder: Path) -> None:
    """Put Pyodide and numpy in a folder as they are published."""
    folder.mkdir()
    unpack(FETCHED / file_of("pyodide"), folder)
    (wheel,) = FETCHED.glob("numpy-*.whl")
    shutil.copy(wheel, folder)
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    own = {"version": wheel.name.split("-")[1], "file_name": wheel.name, "sha256": sha256(wheel)}
    lock["packages"] = {"numpy": {**lock["packages"]["numpy"], **own}}
    (folder / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")


def bare(browser: Browser, address: str, folder: Path) -> float:
    """Return the seconds until a page of that folder, served there, has loaded Pyodide and numpy."""
    (folder / "bare.html").write_text(BARE, encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    start = perf_counter()
    page.goto(f"{address}bare.html")
    page.wait_for_function("document.title === 'ready'", polling=20, timeout=120_000)
    taken = perf_counter() - start
    context.close()
    return taken


def to_widget(context: BrowserContext, site: str) -> float:
    """Return the seconds from a click on a page's button to a slider and a figure that are there."""
    page = context.new_page()
    page.goto(f"{site}book/{CHAPTER}.html")
    page.wait_for_load_state("networkidle")
    start = perf_counter()
    page.get_by_role("link", name="Run in your browser").click()
    page.wait_for_url("**/python/**")
    page.wait_for_function(WORKS, polling=20, timeout=120_000)
    taken = perf_counter() - start
    page.close()
    return taken
