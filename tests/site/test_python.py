"""Python in a worker of a page: it answers as the library does, reaches nobody else, and comes back when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, Route

from lite.runtime import BRACKETS
from marginlab.display.answers import PASTED, SCREENS, replies
from marginlab.display.fields import entry_of
from marginlab.markets import event_names
from marginlab.portfolio import preset, preset_names, to_json

from ..chapters import BOOK
from .python_page import NAMED_AT_ITS_TOP, PLACE, RUNTIME, ask, asking, policy, run
from .server import another_host

pytestmark = pytest.mark.skipif(not RUNTIME.exists(), reason="the book was built without node or npm")

PAIR = entry_of(preset("hedged-pair"))
ALL = [{"name": name} for name in SCREENS]
FIRST = [{"name": "summary"}]
MODES = [{"name": "which_mode"}]
WORKLOAD = (BOOK.parent / "lite" / "lean.py").read_text(encoding="utf-8")
# Waits until it can answer, or says why it never will.
READY = "async () => (await until((one) => one.ready || one.failed)).failed ?? 'ready'"


def said(**message: Any) -> list[dict[str, Any]]:
    """Return what the library says here."""
    told = [json.loads(one) for one in replies(json.dumps({"id": 7, **message})) if one]
    return [one for one in told if not one.get("done")]


@pytest.fixture(scope="module")
def python(chromium: Browser, site: str) -> Iterator[Page]:
    """Open a page whose Python is there, and in which a test can run its own."""
    with asking(chromium, site, hooked=True) as page:
        ask(page, kind="markets", venue="dydx")
        yield page


class Begun(NamedTuple):
    """A page, and what it had asked for before Python was started there, and until it was ready."""

    page: Page
    before: list[str]
    asked: list[str]


@pytest.fixture(scope="module")
def begun(chromium: Browser, site: str) -> Iterator[Begun]:
    """Open a page and start Python there, of which nothing is wanted yet."""
    with asking(chromium, site, begun=False) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(500)
        before = [*asked]
        page.evaluate("() => begin()")
        assert page.evaluate(READY) == "ready"
        yield Begun(page, before, [*asked])


# --- answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_every_screen_of_a_preset_is_to_the_byte_what_the_library_shows(python, name):
    message = {"kind": "answer", "account": entry_of(preset(name)), "screens": ALL}
    assert ask(python, **message) == said(**message)


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "answer", "account": {**PAIR, "wallet": "much", "positions": [{}]}, "screens": FIRST},
        {"kind": "answer", "account": {**PAIR, "venue": "bybit", "date": "2024"}, "screens": FIRST},
        {"kind": "answer", "account": PAIR, "screens": [{"name": "shocked", "settings": {"btc": "0.15"}}, *FIRST]},
        {"kind": "read", "way": "JSON", "text": to_json(preset("market-maker")), "account": PAIR},
        {"kind": "read", "way": PASTED, "text": "[{'symbol': 'BTC/USDT:USDT'}]", "account": PAIR},
        {"kind": "read", "way": "CSV", "text": "<b>", "account": PAIR},
        {"kind": "markets", "venue": "okx"},
        {"kind": "chance", "account": PAIR, "settings": {"days": "2", "paths": "10000"}},
        {"kind": "think"},
    ],
    ids=lambda message: message["kind"],
)
def test_whatever_is_asked_is_answered_as_the_library_does(python, message):
    assert ask(python, **message) == said(**message)


def test_files_are_those_that_the_library_writes(python):
    (told,), (here,) = (one(kind="files", account=PAIR) for one in (partial(ask, python), said))
    mine, theirs = (one["files"].pop("results.csv").splitlines() for one in (told, here))
    assert told == here
    # Whole numbers of them have all their digits, of which the last are those of a machine's logarithms.
    for one, other in zip(mine, theirs, strict=True):
        *names, value = one.rsplit(",", 1)
        assert names == other.rsplit(",", 1)[:-1]
        assert value == other.rsplit(",", 1)[-1] or float(value) == pytest.approx(
            float(other.rsplit(",", 1)[-1]), abs=1e-6
        )


def test_nothing_that_a_page_can_ask_wants_a_module_that_is_not_there(python):
    # Its list of modules was made by the same questions, in another Python: what is new since is missing here.
    assert run(python, f"{WORKLOAD}\nHOME = '/nowhere/'\nlisted()") == '{"always": [], "by chance": []}'


def test_files_of_events_are_fetched_when_python_looks_at_them(chromium: Browser, site: str):
    # Of its own: in another page screens may have looked at them before.
    with asking(chromium, site, hooked=True) as page:
        ask(page, kind="markets", venue="dydx")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        code = "from marginlab import event_record\nlen(event_record('oct-2025').paths)"
        many = run(page, code)
        assert many.isdigit()
        assert [url for url in asked if "events/oct-2025" in url]
        asked.clear()
        assert run(page, code) == many
        assert asked == []


def test_the_files_that_a_screen_looks_at_come_together(chromium: Browser, site: str):
    with asking(chromium, site) as page:
        ask(page, kind="markets", venue="dydx")
        # Where each is fetched when Python looks at it, the second is asked for when the first has come.
        held: list[Route] = []
        page.context.route("**/events/*", lambda route: held.append(route))
        message = {"kind": "answer", "account": PAIR, "screens": MODES}
        page.evaluate("message => { python.send(message); }", {"id": 8, **message})
        for _ in range(500):
            if len(held) == len(event_names()):
                break
            page.wait_for_timeout(20)
        for route in held:
            route.continue_()
        assert ask(page, **message) == said(**message)
        assert len(held) == len(event_names())


# --- loading --------------------------------------------------------------------------------------------------


def test_nothing_of_python_is_fetched_before_it_is_started(begun: Begun):
    assert begun.before == []
    told = begun.page.evaluate("heard.map(({ loading }) => loading).filter(Boolean)")
    assert all(one["words"] in ("Python is loading", "Python is starting") for one in told)
    loaded = [one["loaded"] for one in told]
    assert loaded == sorted(loaded)
    assert loaded[-1] == told[-1]["total"]
    # What few need is left for later.
    assert begun.asked
    assert not [url for url in begun.asked if "random.data" in url or "events/" in url]
    assert len(begun.asked) == len(set(begun.asked))


def test_what_is_asked_while_it_loads_is_answered_when_it_is_there_below_a_path_too(chromium: Browser, below: str):
    with asking(chromium, below) as page:
        assert page.url == below + PLACE
        message = {"kind": "answer", "account": PAIR, "screens": FIRST}
        assert ask(page, **message) == said(**message)


def test_a_page_that_has_python_answers_offline(begun: Begun):
    page = begun.page
    page.context.set_offline(True)
    message = {"kind": "answer", "account": entry_of(preset("funding-carry")), "screens": FIRST}
    assert ask(page, **message) == said(**message)
    # What is still to come says so, and Python goes on.
    refused = ask(page, kind="chance", account=PAIR, settings={})
    assert "random.data was not to be had" in refused[-1]["failed"]
    page.context.set_offline(False)
    assert "chance" in ask(page, kind="chance", account=PAIR, settings={"days": 1, "paths": 5_000})[-1]


def test_where_a_part_does_not_come_that_is_said_and_it_can_be_tried_again(chromium: Browser, site: str):
    parts = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python.data", BRACKETS)
    with asking(chromium, site, begun=False) as page:
        for part in parts:
            page.context.route(f"**/{part}*", lambda route: route.fulfill(status=404, body="no"))
            told = page.evaluate(f"() => {{ begin(); return ({READY})(); }}")
            assert part in told or "dynamically imported module" in told
            page.context.unroute(f"**/{part}*")
        page.context.route("**/pyodide.asm.wasm*", lambda route: route.fulfill(body="no", content_type="text/html"))
        assert "pyodide.asm.wasm cannot be run" in page.evaluate(f"() => {{ begin(); return ({READY})(); }}")
        page.context.unroute("**/pyodide.asm.wasm*")
        assert ask(page, kind="markets", venue="dydx") == said(kind="markets", venue="dydx")


# --- newer, stopped, ended ------------------------------------------------------------------------------------


def test_a_newer_account_makes_the_answer_for_an_older_one_out_of_date(python):
    script = """async ([older, newer]) => {
      const from = heard.length, end = until((one) => one.id === 2 && one.done);
      python.send(older);
      await until((one) => one.id === 1);
      python.send(newer);
      await end;
      return heard.slice(from).map(({ id, name, done }) => [id, name ?? done]);
    }"""
    older = {"id": 1, "kind": "answer", "account": PAIR, "screens": ALL}
    newer = {"id": 2, "kind": "answer", "account": entry_of(preset("one-20x-bet")), "screens": FIRST}
    told = python.evaluate(script, [older, newer])
    assert [2, "summary"] in told
    assert [1, True] not in told
    assert len([one for one in told if one[0] == 1]) < len(ALL)
    assert ask(python, kind="markets", venue="dydx") == said(kind="markets", venue="dydx")


def test_chance_stops_when_it_is_told(python):
    script = """async (message) => {
      const from = heard.length, end = until((one) => one.id === message.id && one.done);
      python.send(message);
      await until((one) => one.chance);
      python.send({ kind: "stop", id: message.id });
      await end;
      return heard.slice(from).filter((one) => one.chance).map((one) => one.chance.done);
    }"""
    message = {"id": 3, "kind": "chance", "account": PAIR, "settings": {"days": 30}}
    drawn = python.evaluate(script, message)
    assert drawn[0] == 5_000
    assert len(drawn) < 4


KILLED = """async (message) => {
  const from = heard.length, before = workers.length, end = until((one) => one.id === message.id && one.done);
  python.send(message);
  await until((one) => one.id === message.id);
  workers.at(-1).terminate();
  await end;
  const mine = heard.slice(from).filter((one) => one.id === message.id && one.name);
  return [workers.length - before, mine.map(({ name, state }) => [name, state])];
}"""


def test_a_worker_that_is_killed_in_the_middle_comes_back_and_answers(python):
    # An account that it has not worked out before, for which it has still to work when the first answer comes.
    asked = [*FIRST, *MODES, {"name": "room"}]
    message = {"id": 7, "kind": "answer", "account": {**PAIR, "wallet": "12345"}, "screens": asked}
    more, states = python.evaluate(KILLED, message)
    assert more == 1
    assert states[-3:] == [[one["name"], one["state"]] for one in said(**message)]


def test_what_ends_every_worker_is_given_up(python):
    message = {"kind": "markets", "venue": "dydx"}
    assert ask(python, **message, ends=True) == [{"id": 7, "failed": "Python ended twice while it worked on this"}]
    assert ask(python, **message) == said(**message)


# --- policy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(RUNTIME.rglob("*.*js")), ids=lambda path: path.name)
def test_no_module_of_the_worker_needs_another_before_it_runs(path: Path):
    # To Firefox the other is a worker of its own, and of workers the policy allows none but those from blobs.
    assert not NAMED_AT_ITS_TOP.search(path.read_text(encoding="utf-8"))


ATTEMPTS = {
    "fetch": "from pyodide.http import pyfetch\nawait pyfetch(OTHER)",
    "a request that waits": "one = js.XMLHttpRequest.new()\none.open('GET', OTHER, False)\none.send()",
    "a socket": "js.WebSocket.new(OTHER.replace('http', 'ws'))",
    "a stream of events": "js.EventSource.new(OTHER)",
    "a module": "await js.Function('address', 'return import(address)')(OTHER)",
    "a worker from a blob": "js.Worker.new(js.URL.createObjectURL(js.Blob.new([f'fetch({OTHER!r})'])))",
    "a worker from an address": "js.Worker.new(HERE + 'reaching.js')",
    "what opens an address": "import urllib.request\nurllib.request.urlopen(OTHER)",
}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    with another_host() as other:
        yield other


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_python_reaches_no_other_host(python, site, elsewhere, attempt):
    other, asked = elsewhere
    python.context.route(
        f"{site}reaching.js", lambda route: route.fulfill(body=f"fetch('{other}')", content_type="text/javascript")
    )
    asked.clear()
    told = run(python, f"import js\nOTHER, HERE = {other!r}, {site!r}\n{ATTEMPTS[attempt]}")
    python.wait_for_timeout(500)
    assert asked == [], told


def test_the_other_host_could_be_reached(chromium: Browser, elsewhere):
    other, asked = elsewhere
    asked.clear()
    page = chromium.new_page()
    page.evaluate("async (address) => (await fetch(address)).status", other)
    page.close()
    assert asked == ["/"]


def test_the_policy_lets_in_no_more_than_python_needs():
    rules = dict(rule.strip().split(" ", 1) for rule in policy().split('content="')[1].split('"')[0].split(";"))
    assert rules["script-src"].split() == ["'self'", "'wasm-unsafe-eval'"]
    assert rules["worker-src"] == "blob:"
    assert rules["connect-src"] == "'self'"
    assert rules["default-src"] == "'none'"
