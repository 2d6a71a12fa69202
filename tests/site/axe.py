"""axe, as a page runs it: the same rules and the same findings, in half the time.

Most of its time on a long page goes into colours. It keeps the private fields of each in weak maps, and reads the same
few texts, such as ``rgb(0, 0, 0)``, tens of thousands of times. Here the fields are kept with the objects they belong
to, and a colour that has been read is known. `test_access` compares what it finds with what axe finds as it comes.
"""

from __future__ import annotations

from importlib.resources import files
from itertools import product

from ..examples import WEEKLY

PLAIN = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

# A page is looked at in both widths and both themes; once a week in each width and theme.
LOOKS = list(product((1280, 375), ("light", "dark"))) if WEEKLY else [(1280, "light"), (375, "dark")]

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
