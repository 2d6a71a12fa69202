"""Python on the page itself: from the touch of a form to the answer that is painted, and what that weighs.

Beside it stands a bare page that loads Pyodide as it is published, and numpy, visited in turns by a browser that has
nothing yet. The page here has nothing on it but what starts Python and what draws, so that it measures these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from marginlab.display.answers import SCREENS
from marginlab.display.fields import entry_of
from marginlab.portfolio import Portfolio, preset
from tests.site.conftest import HTML
from tests.site.python_page import PLACE, RUNTIME, START, page_text
from tests.site.server import compressed, served
from tests.site.test_weight import weight

from ..measure import Result
from .python import MB, TURNS, bare, compared, published, visited
from .speed import p95
from .visit import Visit

EDITS = 40
# Touches the form, and waits until words and figure are painted.
TOUCH = """async (message) => {
  const start = performance.now();
  begin();
  const answered = until((one) => one.name === "summary");
  python.send(message);
  const script = document.createElement("script");
  const drawing = new Promise((done) => { script.onload = done; });
  script.src = "_static/plotly.min.js";
  document.head.append(script);
  document.body.innerHTML = "<p></p><div style='width: 700px'></div>";
  window.paint = async ({ state }) => {
    document.querySelector("p").textContent = state.sentence;
    await Plotly.react(document.querySelector("div"), state.data, state.layout, { displayModeBar: false });
    await new Promise((done) => requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(0);
    }));
  };
  const answer = await answered;
  await drawing;
  await paint(answer);
  return performance.now() - start;
}"""
# Changes a size again and again: painted; answered and not painted; painted once more. Each is timed.
EDIT = """async ([message, edits]) => {
  const taken = { painted: [], worker: [], react: [] };
  let id = 1_000, answer;
  const ask = async (paints) => {
    id += 1;
    const changed = structuredClone({ ...message, id });
    changed.account.positions[0].size = String(0.1 + id / 1e6);
    const answered = until((one) => one.id === id && one.name === "summary");
    const start = performance.now();
    python.send(changed);
    answer = await answered;
    if (paints) await paint(answer);
    return performance.now() - start;
  };
  for (let edit = 0; edit < edits; edit += 1) {
    taken.painted.push(await ask(true));
    taken.worker.push(await ask(false));
    const start = performance.now();
    await paint(answer);
    taken.react.push(performance.now() - start);
  }
  return taken;
}"""
SCREEN = """async (message) => {
  const start = performance.now();
  await ask(message);
  return performance.now() - start;
}"""


def measure(visit: Visit) -> Iterator[Result]:
    """Yield the first answer beside the bare page, the second visit, what is transferred, an edit, and memory."""
    assert RUNTIME.exists(), "run `make book` where node and npm are found first"
    for path in HTML.rglob("*"):
        if path.is_file() and (RUNTIME in path.parents or path.name == "plotly.min.js"):
            compressed(path)  # not while a page waits for it
    folder, there = visit.folder / "published", visit.folder / "asking"
    if not folder.exists():
        published(folder)
    there.mkdir()
    for name in ("runtime", "_static"):
        (there / name).symlink_to(HTML / name)
    (there / PLACE).write_text(page_text(), encoding="utf-8")
    with served(there) as site:
        yield from _visits(visit, site, folder)
        context = visit.browser.new_context()
        page = opened(context, site)
        files: Counter[str] = Counter()
        page.on("request", lambda asked: files.update([asked.url] if asked.url.startswith(site) else []))
        page.evaluate(TOUCH, message_of(3))
        yield Result(
            "transferred after the touch",
            weight((url.removeprefix(site).split("?")[0] for url in files), there) / MB,
            "MB",
            most=7.5,
        )
        yield _edit(page)
        yield from _large(visit, page)
        context.close()


def _visits(visit: Visit, site: str, folder: Path) -> Iterator[Result]:
    """Yield the first visit beside the bare page, and the second beside the first."""
    taken: dict[str, list[float]] = {"first": [], "of a profile": [], "second": [], "bare": []}
    for _ in range(TURNS):
        with served(folder) as address:
            taken["bare"].append(bare(visit.browser, address, folder))
        visited(visit, taken, partial(touched, site=site))
    yield from compared(
        taken,
        ("touch to painted answer over a bare page", "first", "bare", 0.6),
        ("the same on a second visit, over the first", "second", "of a profile", 0.75),
    )


def _edit(page: Page) -> Result:
    """Return an edit's painted answer over what the worker and a bare drawing take."""
    taken: dict[str, list[float]] = page.evaluate(EDIT, [message_of(3), EDITS])
    parts = {f"{name} p95, ms": p95(times) for name, times in taken.items()}
    ratio = p95(taken["painted"]) / (p95(taken["worker"]) + p95(taken["react"]))
    return Result("an edit to its painted answer, p95", ratio, "times", most=1.25, parts=parts)


def _large(visit: Visit, page: Page) -> Iterator[Result]:
    """Yield the slowest screen of eight positions, and the memory of the tab after all screens of twenty."""
    parts = {name: page.evaluate(SCREEN, message_of(8, name)) / 1e3 for name in SCREENS}
    slowest = max(parts, key=parts.__getitem__)
    yield Result(f"the slowest screen of eight positions ({slowest})", parts[slowest], "s", most=0.6, parts=parts)
    for name in SCREENS:
        page.evaluate(SCREEN, message_of(20, name))
    if Path("/proc").exists():
        yield Result("memory of the tab with twenty positions", memory(visit, page) / MB, "MB", most=350)


def message_of(positions: int, screen: str = "summary") -> dict[str, Any]:
    """Return what asks for a screen of an account with so many longs."""
    one = preset("basket-of-longs")
    rows = [{**row, "size": float(row["size"] or 0) / 10} for row in one.rows()]
    held = [{**rows[i % len(rows)], "side": "short" if i % 3 == 2 else "long"} for i in range(positions)]
    account = Portfolio.of_rows(held, venue=one.venue, wallet=12_000)
    return {
        "id": f"{positions} {screen}",
        "kind": "answer",
        "account": entry_of(account),
        "screens": [{"name": screen}],
    }


def opened(context: BrowserContext, site: str) -> Page:
    """Return the page, with nothing of Python yet."""
    page = context.new_page()
    page.goto(site + PLACE)
    page.evaluate(START)
    page.wait_for_load_state("networkidle")
    return page


def touched(context: BrowserContext, site: str) -> float:
    """Return the seconds from a touch to the painted answer."""
    page = opened(context, site)
    taken: float = page.evaluate(TOUCH, message_of(3))
    return taken / 1e3


def memory(visit: Visit, page: Page) -> float:
    """Return what the process of a page holds, in bytes: that part of what is shared that is its own."""
    page.bring_to_front()
    session = visit.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    held = [_held(one["id"]) for one in processes if one["type"] == "renderer"]
    return max(held)


def _held(process: int) -> float:
    text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024.0 for line in text.splitlines() if line.startswith("Pss:"))
