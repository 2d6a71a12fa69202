"""The built book, served on this machine, and a browser that notices what it should not do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from .browser import launch
from .server import served

HTML = Path(__file__).parents[2] / "_build" / "html"


@pytest.fixture(scope="session")
def html() -> Path:
    assert (HTML / "index.html").exists(), f"no built book in {HTML}: run `make book` first"
    return HTML


@pytest.fixture(scope="session")
def site(html: Path) -> Iterator[str]:
    """Serve the built book; the address ends with a slash."""
    with served(html) as address:
        yield address


@pytest.fixture(scope="session")
def below(html: Path) -> Iterator[str]:
    """Serve it below a path, as the pages of a project are."""
    with served(html, "/margin-lab/pages/") as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, site: str) -> Iterator[Page]:
    """Open a page that ends its test with a failure if it complained or asked for anything it should not."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    troubles = watch(page, site)
    yield page
    page.close()
    assert troubles == []


@pytest.fixture(scope="session")
def chapter_page(chromium: Browser, site: str) -> Iterator[Callable[[str], Page]]:
    """Return a function that gives a chapter's page, opened once; at the end none may have complained."""
    pages: dict[str, tuple[Page, list[str]]] = {}

    def opened_once(chapter: str) -> Page:
        if chapter not in pages:
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            pages[chapter] = page, watch(page, site)
            page.goto(f"{site}book/{chapter}.html")
        return pages[chapter][0]

    yield opened_once
    for page, troubles in pages.values():
        page.close()
        assert troubles == []


def watch(page: Page, site: str) -> list[str]:
    """Return a list that fills with console errors, page errors, failed requests and requests to other hosts."""
    troubles: list[str] = []
    own = (site, "file://", "data:", "blob:", "about:")
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url}"))
    page.on("request", lambda asked: None if asked.url.startswith(own) else troubles.append(f"left: {asked.url}"))
    page.on("response", lambda got: troubles.append(f"{got.status}: {got.url}") if got.status >= 400 else None)
    return troubles
