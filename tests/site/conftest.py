"""The built book, served on this machine, and a browser that notices what it should not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, ViewportSize, sync_playwright

from .browser import launch_for_tests
from .reader import drawn_everywhere
from .server import served

DESK: ViewportSize = {"width": 1280, "height": 900}
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
        browser = launch_for_tests(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def at_a_desk(chromium: Browser, site: str) -> Iterator[BrowserContext]:
    """Return the browser of a reader who has been here before: what was fetched need not be fetched and read anew.

    A small page stays open, and with it the process that shows the others.
    """
    context = chromium.new_context(viewport=DESK)
    context.new_page().goto(f"{site}404.html")
    yield context
    context.close()


@pytest.fixture(scope="session")
def without_policy(chromium: Browser) -> Iterator[BrowserContext]:
    """Return the browser of a reader who wants no motion, in which a test may give pages a script of its own."""
    context = chromium.new_context(viewport=DESK, reduced_motion="reduce", bypass_csp=True)
    yield context
    context.close()


@pytest.fixture
def open_tab(at_a_desk: BrowserContext, site: str) -> Iterator[Callable[[], Page]]:
    """Return a function that opens a tab; a test fails if one complained or asked for anything it should not.

    A tab's own storage begins empty, and what is kept for all tabs is forgotten after each test.
    """
    tabs: list[tuple[Page, list[str]]] = []

    def another() -> Page:
        page = at_a_desk.new_page()
        tabs.append((page, watch(page, site)))
        return page

    yield another
    for page, _ in tabs:
        page.close()
    at_a_desk.clear_cookies()
    at_a_desk.pages[0].evaluate("localStorage.clear()")
    assert [one for _, troubles in tabs for one in troubles] == []


@pytest.fixture
def page(open_tab: Callable[[], Page]) -> Page:
    """Open one tab."""
    return open_tab()


class Opened(NamedTuple):
    """A chapter's page, drawn from its top to its end, and how often each file was asked for until then."""

    page: Page
    asked: Counter[str]


@pytest.fixture(scope="session")
def opened_once(chromium: Browser, below: str) -> Iterator[Callable[[str, str], Opened]]:
    """Return a function that opens a chapter once, below the path of a host or from a file; none may complain."""
    bases = {"path": below, "file": HTML.as_uri() + "/"}
    pages: dict[tuple[str, str], Opened] = {}
    troubles: list[tuple[str, list[str]]] = []

    def opened(chapter: str, way: str) -> Opened:
        if (chapter, way) not in pages:
            page = chromium.new_page(viewport=DESK)
            troubles.append((chapter, watch(page, bases[way])))
            asked = transferred(page, f"{bases[way]}book/{chapter}.html", bases[way])
            pages[chapter, way] = Opened(page, asked)
        return pages[chapter, way]

    yield opened
    for one in pages.values():
        one.page.close()
    assert [one for one in troubles if one[1]] == []


@pytest.fixture(scope="session")
def chapter_page(opened_once: Callable[[str, str], Opened]) -> Callable[[str], Page]:
    """Return a function that gives a chapter's page, opened once for all that ask."""
    return lambda chapter: opened_once(chapter, "path").page


def transferred(page: Page, address: str, site: str) -> Counter[str]:
    """Return how often each file was asked for, reading a page from its top to its end."""
    asked: Counter[str] = Counter()

    def count(response: Response) -> None:
        if response.url.startswith(site) and not response.request.timing["responseStart"] < 0:
            asked[response.url.removeprefix(site).split("?")[0]] += 1

    page.on("response", count)
    page.goto(address)
    drawn_everywhere(page)
    page.wait_for_load_state("networkidle")
    page.remove_listener("response", count)
    return asked


def watch(page: Page, site: str) -> list[str]:
    """Return a list that fills with console errors, page errors, failed requests and requests to other hosts."""
    troubles: list[str] = []

    def failed(request: Request) -> None:
        troubles.append(f"failed: {request.url} ({request.failure})")

    own = (site, "file://", "data:", "blob:", "about:")
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    # What is not waited for, because its page was left or closed, has not failed.
    page.on("requestfailed", lambda request: None if "ABORTED" in (request.failure or "") else failed(request))
    page.on("request", lambda asked: None if asked.url.startswith(own) else troubles.append(f"left: {asked.url}"))
    page.on("response", lambda got: troubles.append(f"{got.status}: {got.url}") if got.status >= 400 else None)
    return troubles
