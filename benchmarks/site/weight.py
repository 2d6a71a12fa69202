"""What a visit transfers, compressed."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator

from playwright.sync_api import Browser

from tests.site.conftest import HTML, transferred
from tests.site.reader import CHAPTERS
from tests.site.server import served
from tests.site.test_weight import FIRST, FURTHER, KB, PLOTLY, STATES, weight

from ..measure import Result
from .visit import Visit


def measure(visit: Visit) -> Iterator[Result]:
    """Yield the heaviest first visit, further chapter and explorer, beside a first visit of the stock page."""
    with served(HTML) as site:
        first = {chapter: asked(visit.browser, site, chapter) for chapter in CHAPTERS}
    further = {
        f"{one} to {other}": weight(first[other].keys() - first[one].keys())
        for one in CHAPTERS
        for other in CHAPTERS
        if one != other and PLOTLY in first[one]
    }
    firsts = {chapter: weight(files) for chapter, files in first.items()}
    yield _heaviest("a first visit to a chapter", firsts, FIRST, {"stock": visit.stock_weight()})
    yield _heaviest("a further chapter", further, FURTHER)
    yield _heaviest("the states of an explorer", states(), STATES)


def asked(browser: Browser, site: str, chapter: str) -> Counter[str]:
    """Return what one chapter asks for in a browser that has nothing yet."""
    context = browser.new_context()
    files = transferred(context.new_page(), f"{site}book/{chapter}.html", site)
    context.close()
    return files


def states() -> dict[str, int]:
    """Return the bytes of every explorer's states."""
    found = {}
    for chapter in CHAPTERS:
        text = (HTML / "book" / f"{chapter}.html").read_text(encoding="utf-8")
        pattern = r'<figure class="explorer" id="explorer-([^"]+)">.*?<script type="application/json">(.*?)</script>'
        for name, stored in re.findall(pattern, text, re.DOTALL):
            found[name] = len(gzip.compress(stored.encode()))
    return found


def _heaviest(what: str, sizes: dict[str, int], most: int, stock: dict[str, float] | None = None) -> Result:
    name = max(sizes, key=sizes.__getitem__)
    in_kb = {key: size / KB for key, size in sizes.items()} | (stock or {})
    return Result(f"{what}, the heaviest ({name})", sizes[name] / KB, "KB", most=most / KB, parts=in_kb)
