"""What Lighthouse says of every page, served compressed, as on a desk and as on a phone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.site.browser import QUIET, system_chromium
from tests.site.conftest import HTML
from tests.site.server import served

from ..measure import Result
from .visit import Visit

HERE = Path(__file__).parent
GOALS = {
    "desktop": {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100},
    "mobile": {"performance": 80},
}
# Lighthouse's own variance on one page is some points: the middle of so many runs counts.
RUNS = 3


def measure(visit: Visit) -> Iterator[Result]:
    """Yield the lowest score of all pages for each form and category, beside that of the stock page."""
    pages = [str(path.relative_to(HTML)) for path in sorted(HTML.rglob("*.html")) if path != HTML / "index.html"]
    for form, goals in GOALS.items():
        with served(HTML) as site:
            # A page for addresses that lead nowhere is for no search engine.
            found = {path: scores(visit, site + path, form) for path in pages if path != "404.html"}
        with served(visit.stock) as site:
            stock = scores(visit, site + "page.html", form)
        for category, least in goals.items():
            by_page = {path: found[path][category] for path in found}
            lowest = min(by_page, key=by_page.__getitem__)
            name = f"Lighthouse {form}, {category}, the lowest ({Path(lowest).stem})"
            parts = by_page | {"stock": stock[category]}
            yield Result(name, by_page[lowest], "of 100", least=least, parts=parts)


def scores(visit: Visit, address: str, form: str) -> dict[str, float]:
    """Return the score of each category; performance, which varies, as the middle of several runs if one is low."""
    first = _run(visit, address, form)
    if first["performance"] >= GOALS[form]["performance"]:
        return first
    runs = sorted([first, *(_run(visit, address, form) for _ in range(RUNS - 1))], key=lambda run: run["performance"])
    return runs[RUNS // 2]


def _run(visit: Visit, address: str, form: str) -> dict[str, float]:
    out = visit.folder / "lighthouse.json"
    command = [HERE / "node_modules/.bin/lighthouse", address, "--quiet", "--output=json", f"--output-path={out}"]
    flags = f"--chrome-flags=--headless {' '.join(QUIET)}"
    chrome = system_chromium() or visit.browser.browser_type.executable_path
    subprocess.run(
        [*command, flags, *(["--preset=desktop"] if form == "desktop" else [])],
        env={**os.environ, "CHROME_PATH": chrome},
        check=True,
        capture_output=True,
    )
    told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return {name: round(100 * category["score"]) for name, category in told["categories"].items()}
