"""Take the pictures of the book: for the README, and for where an address is shared (`make picture`)."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from .browser import launch

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "book/images"
# What sites that show a card ask for. An explorer fills it, its words large beside its figure.
CARD = {"width": 1200, "height": 630}
CARD_STYLE = """
  #explorer-replay { position: fixed; inset: 0; z-index: 9999; margin: 0; padding: 1.5rem; border: 0; border-radius: 0;
    background: var(--pst-color-background);
    display: grid; grid-template: auto auto 1fr / 24rem 1fr; column-gap: 2rem; }
  #explorer-replay > * { grid-column: 1; }
  #explorer-replay > .explorer-plot { grid-area: 1 / 2 / 4 / 3; min-width: 0; }
  .explorer-control { grid-template-columns: 6rem 1fr 2rem; }
  #explorer-replay figcaption { font-size: 1.6rem; line-height: 1.3; }
  #explorer-replay figcaption::before { content: "Margin Lab"; display: block; margin-bottom: 1rem; font-size: 1.2rem;
    color: var(--pst-color-primary); }
  .explorer-words { font-size: 1.3rem; }
  .explorer-tools { display: none !important; }
"""


def replay(page: Page) -> Locator:
    """Open the replay of real crashes, and wait until it has drawn."""
    page.goto((ROOT / "_build/html/book/volatility.html").as_uri())
    figure = page.locator("#explorer-replay")
    figure.scroll_into_view_if_needed()
    figure.locator(".main-svg").first.wait_for()
    return figure


if __name__ == "__main__":
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 960})
        replay(page).evaluate("figure => scrollTo(0, figure.offsetTop - 150)")
        page.wait_for_timeout(500)
        page.screenshot(path=IMAGES / "book.png")
        card = browser.new_page(viewport=CARD)
        # Before anything is drawn, so that the figure is laid out for its place on the card.
        card.add_init_script(
            "addEventListener('DOMContentLoaded', () => document.head.append("
            f"Object.assign(document.createElement('style'), {{ textContent: {json.dumps(CARD_STYLE)} }})))"
        )
        replay(card)
        card.wait_for_timeout(500)
        card.screenshot(path=IMAGES / "card.png")
        browser.close()
