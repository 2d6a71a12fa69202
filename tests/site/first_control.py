"""How much a page has to read before there is something to touch; run as a script, say so of every chapter.

``python -m tests.site.first_control`` prints, for a desk and for a phone, the words and the pixels above the first
control of each page of the built book.
"""

from __future__ import annotations

from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright

from .browser import launch
from .conftest import HTML
from .reader import CHAPTERS
from .server import served

WIDTHS = {"desk": 1280, "phone": 375}
# Words that are seen: what is folded, or for screen readers alone, is not.
BEFORE = """() => {
  const article = document.querySelector("article");
  const shown = { visibilityProperty: true };
  const seen = (element) => element.checkVisibility(shown) && !element.closest(".visually-hidden");
  const first = [...article.querySelectorAll("input, select, textarea")].find(seen);
  if (!first) return null;
  const walk = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  let words = 0;
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    if (first.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING) break;
    const within = text.parentElement;
    if (seen(within) && !within.closest(".headerlink, script, style, noscript, svg"))
      words += text.textContent.split(/\\s+/).filter((word) => /[\\p{L}\\p{N}]/u.test(word)).length;
  }
  return [words, Math.round(first.getBoundingClientRect().top + scrollY)];
}"""


class Before(NamedTuple):
    """What stands above the first control of a page: how many words, and how many pixels."""

    words: int
    pixels: int


def before_first_control(page: Page) -> Before:
    """Return what stands above the first control of the page that is open."""
    return Before(*page.evaluate(BEFORE))


def main() -> None:
    """Print the table."""
    print(f"{'':12}" + "".join(f"{name:>8} words  pixels" for name in WIDTHS))
    with served(HTML) as site, sync_playwright() as playwright:
        browser = launch(playwright)
        for chapter in CHAPTERS:
            row = f"{chapter:12}"
            for width in WIDTHS.values():
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto(f"{site}book/{chapter}.html")
                found = page.evaluate(BEFORE)
                row += f"{found[0]:14}{found[1]:8}" if found else f"{'none':>14}{'':8}"
                page.close()
            print(row)
        browser.close()


if __name__ == "__main__":
    main()
