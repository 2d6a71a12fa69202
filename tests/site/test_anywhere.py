"""From a host, below a path, from a file: pages ask nobody else, keep nothing unasked, and tell the browser so."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from ..chapters import explorers_of
from .account import KEPT
from .conftest import HTML
from .reader import CHAPTERS, elsewhere, of_one_chapter, sentence, settle, shown, until

RESET = "() => { for (const form of document.querySelectorAll('figure.explorer form')) form.reset(); }"
# Whether the address holds every control, with its explorer's name where another has a control of the same.
HELD = """(explorers) => {
  const held = new URLSearchParams(location.hash.slice(1)), all = Object.values(explorers).flat();
  const alone = (control) => all.filter((one) => one === control).length === 1;
  return Object.entries(explorers).every(([name, controls]) =>
    controls.every((control) => held.has(alone(control) ? control : `${name}.${control}`)));
}"""


# Every chapter from a host, and one from a file; the others too where there is time for it.
READ = [*((one, "path") for one in CHAPTERS), *of_one_chapter("file")]


@pytest.mark.parametrize(("chapter", "way"), READ)
def test_a_chapter_answers_shares_and_leads_on(opened_once, chapter, way):
    page = opened_once(chapter, way).page
    # What is at its start again after a move is not in the address.
    page.evaluate(RESET)
    settle(page)
    for name, explorer in explorers_of(chapter).items():
        figure = shown(page, name)
        for control in explorer.controls:
            before = sentence(figure)
            elsewhere(figure, control)
            expect(figure.locator(".explorer-words")).not_to_have_text(before)
    until(page, HELD, {name: list(explorer.controls) for name, explorer in explorers_of(chapter).items()})
    assert page.context.cookies() == []
    assert set(page.evaluate("Object.keys(localStorage)")) <= KEPT["localStorage"]
    assert page.evaluate("[sessionStorage.length, document.cookie]") == [0, ""]
    with page.context.expect_page() as another:
        page.locator(".prev-next-footer a").first.click(modifiers=["ControlOrMeta"])
    assert chapter not in another.value.url.rpartition("/")[2]
    another.value.locator("article h1").wait_for()
    another.value.close()


@pytest.mark.parametrize("path", sorted(path.name for path in (HTML / "book").glob("*.html")))
def test_a_pages_policy_forbids_other_hosts_and_scripts_that_it_does_not_name(path):
    head = (HTML / "book" / path).read_text(encoding="utf-8").partition("</head>")[0]
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', head)
    # Before anything that it governs.
    assert head.index(policy[0]) < min(head.index("<script"), head.index("<link"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    # Where Python answers for an account it may run, in a worker that has the page's policy; and nowhere else.
    answers = 'name="marginlab-account-python"' in head
    assert ("'wasm-unsafe-eval'" in rules["script-src"], rules.get("worker-src")) == (
        answers,
        "blob:" if answers else None,
    )
    known = ("'self'", "'none'", "'unsafe-hashes'", "data:", "blob:", *(["'wasm-unsafe-eval'"] if answers else []))
    assert all(
        source in known or source.startswith("'sha256-")
        for rule, sources in rules.items()
        for source in sources.split()
        if rule != "style-src"
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "fetch('https://elsewhere.example/')",
        "new Promise((_, no) => { const one = new Image(); one.onerror = no;"
        " one.src = 'https://elsewhere.example/a.png' })",
        "new Promise((_, no) => { const one = document.createElement('script'); one.onerror = no;"
        " one.src = 'https://elsewhere.example/a.js'; document.head.append(one) })",
    ],
    ids=["fetch", "picture", "script"],
)
def test_the_policy_is_in_force(chromium: Browser, site: str, attempt: str):
    page = chromium.new_page()
    page.goto(site + "book/structure.html")
    answered: list[str] = []
    page.on("response", lambda response: answered.append(response.url))
    page.evaluate("addEventListener('securitypolicyviolation', (event) => { window.stopped = event.blockedURI })")
    page.evaluate(f"{attempt}.catch(() => null)")
    assert page.evaluate("stopped").startswith("https://elsewhere.example")
    assert [url for url in answered if not url.startswith(site)] == []
    page.close()


def test_a_script_slipped_into_a_page_does_not_run(chromium: Browser, site: str):
    page = chromium.new_page()
    page.goto(site + "book/structure.html")
    page.evaluate(
        "() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
        " document.head.append(one) }"
    )
    assert page.evaluate("window.ran ?? null") is None
    page.close()


def test_the_theme_that_a_reader_chooses_stays_chosen(page: Page, site: str):
    page.emulate_media(color_scheme="light")
    page.goto(site + "book/structure.html")
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
        page.get_by_role("button", name="Color mode").first.click()
    page.goto(site + "book/mechanics.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
