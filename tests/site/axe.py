"""axe, as a page runs it: the same rules and the same findings, in half the time.

Most of its time on a long page goes into colours. It keeps the private fields of each in weak maps, and reads the same
few texts, such as ``rgb(0, 0, 0)``, tens of thousands of times. Here the fields are kept with the objects they belong
to, and a colour that has been read is known. `test_access` compares what it finds with what axe finds as it comes.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page

from .reader import settle, until

PLAIN = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

# Each width and each theme, and once a week each width in each theme.
LOOKS = [
    pytest.param(375, "dark", id="dark phone"),
    pytest.param(1280, "light", id="light desk", marks=pytest.mark.further),
    pytest.param(375, "light", id="light phone", marks=pytest.mark.weekly),
    pytest.param(1280, "dark", id="dark desk", marks=pytest.mark.weekly),
]
in_each_look = pytest.mark.parametrize(("width", "scheme"), LOOKS)
# What the theme lets a keyboard scroll, where it is too large for its place; it looks some time after a change.
SCROLLED = (
    "pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon, .pst-scrollable-table-container"
)
LOOKED_AT = """(scrolled) => [...document.querySelectorAll(scrolled)].every((one) =>
  one.tabIndex === (one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight ? 0 : -1))"""

FIELDS = """
class Fields {
  #key = Symbol();
  constructor(pairs = []) { for (const [of, value] of pairs) this.set(of, value); }
  has(of) { return Object(of) === of && Object.hasOwn(of, this.#key); }
  get(of) { return this.has(of) ? of[this.#key] : undefined; }
  set(of, value) {
    Object.defineProperty(of, this.#key, { value, writable: true, configurable: true });
    return this;
  }
  add(of) { return this.set(of, true); }
  delete(of) { return this.has(of) && delete of[this.#key]; }
}
const WeakMap = Fields, WeakSet = Fields;
"""
KNOWN = """
const { prototype } = axe.commons.color.Color, read = prototype.parseString, known = new Map();
prototype.parseString = function (text) {
  if (known.has(text)) {
    [this.r, this.g, this.b, this.alpha] = known.get(text);
  } else {
    read.call(this, text);
    known.set(text, [this.r, this.g, this.b, this.alpha]);
  }
  return this;
};
"""
AXE = f"(() => {{{FIELDS}{PLAIN}{KNOWN}}})()"


def look(page: Page, width: int, scheme: str) -> None:
    """Have a page that is open in this width and this theme."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    # A page that leads nowhere has one theme.
    until(page, "scheme => [undefined, scheme].includes(document.documentElement.dataset.theme)", scheme)


def violations(page: Page, of: str = "document") -> list[dict[str, Any]]:
    """Return what axe, which the page has been given, finds against a part of it."""
    until(page, LOOKED_AT, SCROLLED)
    settle(page)
    found: list[dict[str, Any]] = page.evaluate(f"axe.run({of}, {{ resultTypes: ['violations'] }})")["violations"]
    return found
