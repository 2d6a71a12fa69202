"""Ten megabytes of each kind: an answer within a second and two hundred megabytes, and a short one."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from marginlab import Brackets
from marginlab.portfolio import Portfolio, from_ccxt, from_csv, from_json, preset, to_json

from .calls import ROW, SENT

SIZE = 10_000_000
SECONDS, BYTES, LETTERS = 1.0, 200_000_000, 20_000
HEAD = "venue,wallet,symbol,side,size,entry\n"


def of_rows(**fields):
    """Enter a position with some fields changed."""
    return Portfolio.of_rows([{**ROW, **fields}], venue="binance", wallet=1_000)


def as_ccxt(text):
    return from_ccxt(text, venue="binance", wallet=1_000)


def times(part, size=SIZE):
    """Return a text as long as this, of one part again and again."""
    return part * (size // len(part))


def field(name, value):
    return json.dumps({**json.loads(to_json(preset("hedged-pair"))), name: value})


LARGE = {
    "an account as JSON of lists": (from_json, lambda: "[" + times("[],") + "[]]"),
    "an account as JSON of fields": (from_json, lambda: json.dumps({f"k{i}": 1 for i in range(SIZE // 12)})),
    "an account as JSON of positions": (from_json, lambda: field("positions", [ROW] * (SIZE // 100))),
    "an account with a long note": (from_json, lambda: field("note", times("x"))),
    "an account as CSV of rows": (from_csv, lambda: HEAD + times("binance,1,BTCUSDT,long,1,60000\n")),
    "an account as CSV of bad rows": (from_csv, lambda: HEAD + times("a,b\n", SIZE // 3)),
    "an account as CSV of columns": (from_csv, lambda: times("a,", SIZE // 3)),
    "an account as CSV of empty lines": (from_csv, lambda: HEAD + times("\n", SIZE // 3)),
    "an account as CSV of one cell": (from_csv, lambda: HEAD + '"' + times("x", SIZE // 3)),
    "a number of many digits": (lambda text: of_rows(size=text), lambda: times("1")),
    "a number of many digits and a letter": (lambda text: of_rows(entry=text), lambda: times("1") + "x"),
    "a whole number of many digits": (lambda one: of_rows(size=one), lambda: 1 << (SIZE * 3)),
    "a long symbol": (lambda text: of_rows(symbol=text), lambda: times("BTC-")),
    "many fields of a position": (lambda some: of_rows(**some), lambda: {f"k{i}": 1 for i in range(SIZE // 50)}),
    "many positions": (lambda rows: Portfolio.of_rows(rows, venue="x", wallet=""), lambda: [ROW] * (SIZE // 10)),
    "positions of ccxt as JSON": (as_ccxt, lambda: json.dumps([SENT] * (SIZE // 200))),
    "positions of ccxt as Python prints them": (as_ccxt, lambda: repr([SENT] * (SIZE // 200))),
    "lists as Python prints them": (as_ccxt, lambda: "[" + times("(),") + "]"),
    "brackets as JSON": (Brackets.read, lambda: json.dumps([{"symbol": "A", "rate": 0.01}] * (SIZE // 30))),
    "brackets as lines": (Brackets.read, lambda: "\n".join(f"A{i} 0.01" for i in range(SIZE // 12))),
    "brackets as half of a line": (Brackets.read, lambda: "NEWUSDT " + times("1") + "x"),
    "brackets of many markets": (Brackets.read, lambda: {f"k{i}": [] for i in range(SIZE // 60)}),
    "brackets of a market": (Brackets.read, lambda: {"A": [{"minNotional": 0}] * (SIZE // 20)}),
    "brackets deep inside": (Brackets.read, lambda: times("[")),
    "brackets in a string without end": (Brackets.read, lambda: "['" + times("\\'", SIZE // 3)),
}
# What is as long as text may be, and is read: twice the time, for it is honest work.
READ = {
    "lists in JSON": (from_json, lambda: "[" + times("[],", 4_900_000) + "[]]"),
    "lists as Python prints them": (as_ccxt, lambda: "[" + times("[],", 4_900_000) + "x]"),
}


@pytest.mark.parametrize("name", LARGE)
def test_ten_megabytes_are_refused_at_once(name):
    read, make = LARGE[name]
    given = make()
    begun = time.process_time()
    with pytest.raises(ValueError, match=r"must|is no") as refusal:
        read(given)
    assert time.process_time() - begun < SECONDS
    assert len(str(refusal.value)) < LETTERS
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"must|is no"):
            read(given)
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.long
@pytest.mark.parametrize("name", READ)
def test_as_much_as_is_read_has_bounds_too(name):
    read, make = READ[name]
    given = make()
    begun = time.process_time()
    with pytest.raises(ValueError, match="must"):
        read(given)
    # A second or two; a processor that does other things besides takes longer.
    assert time.process_time() - begun < 6 * SECONDS


def test_a_file_is_read_as_far_as_it_may_be_long(tmp_path):
    path = tmp_path / "brackets.txt"
    path.write_text(times("NEWUSDT 0.01\n"))
    for given in (path, str(path)):
        with pytest.raises(ValueError, match=r"^brackets must be text of at most 5,000,000 letters"):
            Brackets.read(given)
    for given in ("/dev/zero", str(tmp_path)):
        with pytest.raises(ValueError, match=r"^brackets must be objects, text that holds them, or a file"):
            Brackets.read(given)
