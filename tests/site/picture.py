"""Take the picture of the book that the README shows (`make picture`)."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

from .browser import launch

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 960})
        page.goto((ROOT / "_build/html/book/volatility.html").as_uri())
        figure = page.locator("#explorer-replay")
        figure.scroll_into_view_if_needed()
        figure.locator(".main-svg").first.wait_for()
        page.evaluate("scrollTo(0, document.querySelector('#explorer-replay').offsetTop - 150)")
        page.wait_for_timeout(500)
        page.screenshot(path=ROOT / "book/images/book.png")
        browser.close()
