"""A page with nothing on it but the policy of one that has a form: what starts Python there is asked directly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from ..chapters import BOOK, module_of
from .conftest import HTML

RUNTIME = HTML / "runtime"
PLACE = "asking.html"
# What a module has fetched before it runs.
NAMED_AT_ITS_TOP = re.compile(r"""^import\b(?! *\()[^\n]*["']|^export\b.*\bfrom\b|[;}]import\b *[{*"']""", re.MULTILINE)
# Starts Python, and gives `ask`, which brings all that a message is answered until its end.
START = """async () => {
  const { start } = await import("./runtime/account-python.js?v=1");
  window.heard = [];
  window.listeners = new Set();
  window.begin = () => {
    window.python = start();
    python.onmessage = (one) => { heard.push(one); for (const listener of listeners) listener(one); };
  };
  window.until = (wanted) => new Promise((done) => {
    const listener = (one) => { if (wanted(one)) { listeners.delete(listener); done(one); } };
    listeners.add(listener);
  });
  window.ask = async (message) => {
    const from = heard.length;
    const end = until((one) => one.id === message.id ? one.done || (one.failed && !one.name) : one.failed && !one.id);
    python.send(message);
    await end;
    return heard.slice(from).filter((one) => one.id === message.id || one.failed);
  };
}"""
# Lets a test run Python of its own in the worker, and end it.
HOOK = """
addEventListener("message", ({ data }) => {
  if (data.ends) close();
});
addEventListener("message", async ({ data }) => {
  if (data.code === undefined) return;
  const { pyodide } = await begun;
  try {
    postMessage({ told: String(await pyodide.runPythonAsync(data.code)), id: data.id, done: true });
  } catch (reason) {
    postMessage({ told: reason.message, id: data.id, done: true });
  }
});
"""


# Lets a test end a worker from outside.
WORKERS = """
window.workers = [];
window.Worker = class extends Worker {
  constructor(...given) { super(...given); workers.push(this); }
};
"""


def policy() -> str:
    """Return the policy of a page that has a form."""
    return str(module_of("policy", BOOK / "theme").ACCOUNT_TAG.format(scripts=""))


@contextmanager
def asking(chromium: Browser, site: str, *, hooked: bool = False, begun: bool = True) -> Iterator[Page]:
    """Open such a page, below the site, and start Python there."""
    context = chromium.new_context()
    context.route(f"{site}{PLACE}", lambda route: route.fulfill(body=page_text(), content_type="text/html"))
    if hooked:
        hook(context)
    page = context.new_page()
    page.goto(site + PLACE)
    page.evaluate(START)
    if begun:
        page.evaluate("() => begin()")
    yield page
    context.close()


def page_text() -> str:
    """Return the page."""
    return f"<!doctype html><html lang='en'><head>{policy()}<title>Asking</title></head><body></body></html>"


def hook(context: BrowserContext) -> None:
    """Let the worker run what a test wants, and the page end it."""
    context.add_init_script(WORKERS)
    text = (RUNTIME / "account-worker.js").read_text(encoding="utf-8") + HOOK
    context.route("**/account-worker.js*", lambda route: route.fulfill(body=text, content_type="text/javascript"))


def ask(page: Page, **message: Any) -> list[dict[str, Any]]:
    """Return all that a message is answered; its end is left out."""
    said: list[dict[str, Any]] = page.evaluate("message => ask(message)", {"id": 7, **message})
    return [one for one in said if not one.get("done")]


def run(page: Page, code: str) -> str:
    """Run Python in a worker that a test has hooked, and return what came of it."""
    script = """async code => {
      const end = until((one) => one.told !== undefined);
      python.send({ id: 99, code });
      return (await end).told;
    }"""
    told: str = page.evaluate(script, code)
    return told
