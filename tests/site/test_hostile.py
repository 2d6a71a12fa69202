"""Addresses and browsers that nobody expects: a page stays what it is, and on its own host."""

from __future__ import annotations

import random
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from ..book.test_glossary import NAMES
from ..examples import WEEKLY
from .conftest import watch

CHAPTER = "book/structure.html"
# What stands for the value of a control, or for its name.
PARTS = (
    *("", "0", "-1", "1e999", "NaN", "Infinity", "null", "undefined", "true", "x" * 5_000, "0x10", "1,5", "٣", "½"),
    *("constructor", "__proto__", "toString", "hasOwnProperty", "prototype.polluted", "<img src=x onerror=alert(1)>"),
    *(
        "javascript:alert(1)",
        "'\"><script>alert(1)</script>",
        "%",
        "%00",
        "%E0%A4%A",
        "+",
        " ",
        "\n",
        "\ud83d",
        "../..",
    ),
)


def fragments(names: list[str], count: int) -> list[str]:
    """Return what stands behind the # of an address: values and names that are none, one or several, encoded or not."""
    rng = random.Random(1)
    found = []
    for _ in range(count):
        pairs = []
        for _ in range(rng.randint(1, 3)):
            name = rng.choice([*names, *names, *PARTS])
            value = rng.choice(PARTS)
            text = f"{name}={value}".encode("utf-8", "replace").decode()
            pairs.append(quote(text, safe="=.") if rng.random() < 0.6 else text.replace("\n", ""))
        found.append("&".join(pairs))
    return found


def test_an_address_that_makes_no_sense_leaves_a_page_that_does(page: Page, site: str):
    page.goto(f"{site}{CHAPTER}")
    named = "() => [...document.querySelectorAll('figure.explorer form [name]')].map(field => field.name)"
    names = sorted(set(page.evaluate(named)))
    wrong = page.evaluate(
        """async (fragments) => {
          const wrong = [];
          const moment = () => new Promise((done) => setTimeout(done));
          for (const fragment of fragments) {
            location.hash = fragment;
            await moment();
            for (const figure of document.querySelectorAll("figure.explorer")) {
              const words = figure.querySelector(".explorer-words").textContent;
              const outside = [...figure.querySelectorAll("select, input[type=range]")].some(
                (one) => one.value === "" || (one.options && one.selectedIndex < 0));
              if (!words || /NaN|undefined|null/.test(words) || outside) wrong.push([fragment, words]);
            }
          }
          return wrong;
        }""",
        fragments(names, 700 if WEEKLY else 100),
    )
    assert wrong == []
    assert page.evaluate("() => ({}).polluted === undefined && document.querySelector('figure.explorer img') === null")


@pytest.mark.parametrize(
    "path", ["/elsewhere.example/book/x", "/elsewhere.example/book/", "\\elsewhere.example/book/x"]
)
def test_a_lost_address_leads_to_its_own_host(chromium: Browser, site: str, path: str):
    page = chromium.new_page()
    page.goto(f"{site}{path}")
    link = page.get_by_role("link").evaluate("link => link.href")
    assert link.startswith(site)
    assert link.endswith("/book/index.html")
    page.close()


def test_a_lost_address_leads_back_into_the_book(chromium: Browser, site: str):
    page = chromium.new_page()
    page.goto(f"{site}book/nothing/here.html?a=b#c")
    assert page.get_by_role("link").evaluate("link => link.href") == f"{site}book/index.html"
    page.close()


@pytest.mark.parametrize("word", ["constructor", "__proto__", "toString", "hasOwnProperty -constructor", "valueof"])
def test_a_search_for_what_every_object_has_finds_what_the_book_says_of_it(page: Page, site: str, word: str):
    page.goto(f"{site}search.html?q={quote(word)}")
    expect(page.locator("#search-results")).to_contain_text("did not match any documents")


def test_a_search_for_a_word_of_the_book_finds_it(page: Page, site: str):
    page.goto(f"{site}search.html?q=bankruptcy")
    expect(page.locator("#search-results li").first).to_be_visible()


@pytest.mark.parametrize(("name", "term"), NAMES.items())
def test_a_search_for_what_screens_call_a_term_leads_to_it_among_the_first(page: Page, site: str, name: str, term: str):
    page.goto(f"{site}search.html?q={quote(name)}")
    first = page.locator(f"#search-results li:nth-child(-n + 6) a[href*='glossary.html#term-{term.replace(' ', '-')}']")
    expect(first.first).to_be_visible()


@pytest.mark.parametrize("path", [CHAPTER, "search.html?q=margin", "404.html"])
def test_a_page_that_may_keep_nothing_works(chromium: Browser, site: str, path: str):
    page = chromium.new_page()
    troubles = watch(page, site)
    page.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {
          configurable: true, get() { throw new DOMException("denied", "SecurityError"); } });"""
    )
    page.goto(f"{site}{path}")
    page.wait_for_load_state("networkidle")
    if path == CHAPTER:
        before = page.evaluate("document.documentElement.dataset.theme")
        page.locator(".theme-switch-button").first.click()
        page.locator(".theme-switch-button").first.click()
        assert page.evaluate("document.documentElement.dataset.theme") in {"light", "dark"}
        assert before in {"light", "dark"}
    assert troubles == []
    page.close()
