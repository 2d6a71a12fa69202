"""A browser to measure in, and the stock page to measure beside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from playwright.sync_api import Browser

from tests.site.conftest import transferred
from tests.site.server import served
from tests.site.test_weight import KB, weight

from . import stock


@dataclass
class Visit:
    """What all measurements share."""

    browser: Browser
    folder: Path

    @cached_property
    def stock(self) -> Path:
        """The stock page, built."""
        return stock.page(self.folder / "stock")

    def stock_weight(self) -> float:
        """Return what the stock page transfers of its own, in KB; what it asks of other hosts is cut off here."""
        context = self.browser.new_context()
        with served(self.stock) as site:
            context.route(lambda url: not url.startswith(site), lambda route: route.abort())
            files = transferred(context.new_page(), site + "page.html", site)
        context.close()
        return weight(files, self.stock) / KB
