"""Texts as somebody pastes them who means harm, or copies badly: a good one, changed in one place."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from marginlab import Brackets
from marginlab.portfolio import Portfolio, from_ccxt, from_csv, from_json, preset, to_csv, to_json

from .calls import SENT

# What a field may hold that is none of its business, as JSON has it.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1e-9, 1e9, 1e99, 1e300, -1e300, 1e-300, float("nan"), float("inf"), 10**60),
    *("", " ", "x", "1", "1e5", "1e400", "-1", "1,000", "0x10", "٣", "½", "nan", "inf", "1_000", "+1", "1" * 5_000),
    *("long", "cross", "BTCUSDT", "\ud800", "=HYPERLINK(1)", "<b>", "a\nb", "\0", "2020-13-45", "2021", "constructor"),
    *([], {}, [[]], [{}], [1], {"a": 1}, [None], [["x"]], "[]", "{}", "A 0.01", "A 0.01\nA 0.02"),
)
TIERS = {
    "ccxt": {
        "NEW/USDT:USDT": [
            {"minNotional": 0, "maxNotional": 5_000, "maintenanceMarginRate": 0.01, "maxLeverage": 50},
            {"minNotional": 5_000, "maxNotional": None, "maintenanceMarginRate": 0.02, "maxLeverage": 25},
        ]
    },
    "binance": [
        {
            "symbol": "NEWUSDT",
            "brackets": [
                {"notionalFloor": 0, "notionalCap": 5_000, "maintMarginRatio": 0.01, "initialLeverage": 50, "cum": 0},
                {
                    "notionalFloor": 5_000,
                    "notionalCap": 9_000,
                    "maintMarginRatio": 0.02,
                    "initialLeverage": 9,
                    "cum": 50,
                },
            ],
        }
    ],
    "bybit": {
        "result": {
            "category": "linear",
            "list": [
                {"symbol": "NEWUSDT", "riskLimitValue": "5000", "maintenanceMargin": "0.01", "maxLeverage": "50"},
                {"symbol": "NEWUSDT", "riskLimitValue": "9000", "maintenanceMargin": "0.02", "maxLeverage": "25"},
            ],
        }
    },
    "okx": {"data": [{"instFamily": "BTC-USDT", "minSz": "0", "maxSz": "9", "mmr": "0.01", "maxLever": "50"}]},
    "hyperliquid": {
        "universe": [{"name": "NEW", "maxLeverage": 20, "marginTableId": 1}],
        "marginTables": [[1, {"marginTiers": [{"lowerBound": "0", "maxLeverage": 20}]}]],
    },
    "own": [{"symbol": "NEWUSDT", "rate": 0.02}, {"symbol": "OLD", "floors": [0, 9], "rates": [0.1, 0.2], "cap": 99}],
}
ROW = {"symbol": "BTCUSDT", "side": "long", "size": "0.5", "entry": "60000", "mark": "61000", "mode": "isolated"}
ROW |= {"leverage": "10", "margin": "900"}
ACCOUNTS = [json.loads(to_json(preset(name))) for name in ("hedged-pair", "one-20x-bet", "funding-carry")]


def there_and_back(portfolio: Portfolio) -> str:
    """Return what is lost of an account that was taken, written out and read again."""
    lost = [name for name, read, write in WAYS if read(write(portfolio)) != portfolio]
    return f"lost in {lost}" if lost else ""


WAYS = (("json", from_json, to_json), ("csv", from_csv, to_csv))


def kept(own: Brackets) -> str:
    """Return what is lost of brackets that were taken, written out and read again."""
    return "" if Brackets.read(json.dumps(own.rows())) == own else "lost"


def changed(given: Any, rng: random.Random) -> Any:
    """Return a copy of nested fields with one of them replaced, left out, doubled, or renamed."""
    whole = [copy.deepcopy(given)]
    holder: Any = whole
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and (rng.random() < 0.85 or holder is whole):
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    way = rng.random()
    if way < 0.75:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    elif way < 0.85:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[rng.choice(["x", "", "__proto__", key + " "])] = holder[key]
    return whole[0] if whole else None


def damaged(text: str, rng: random.Random) -> str:
    """Return a text of which a piece is gone, doubled, or something else."""
    start = rng.randrange(len(text))
    end = min(len(text), start + rng.choice([1, 1, 1, 3, 30]))
    piece = rng.choice(["", text[start:end] * 2, *"'\"\\[]{}(),:;\n\r\t\0eE-.0x", "\ud800", "\ufeff", "None", "1e999"])
    return text[:start] + piece + text[end:]


def cells_changed(rng: random.Random) -> str:
    """Return an account as CSV with a cell that is something else."""
    rows = [*csv.reader(io.StringIO(to_csv(preset("hedged-pair")), newline=""))]
    row = rng.choice(rows)
    row[rng.randrange(len(row))] = str(rng.choice(VALUES))
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


def as_text(said: Any, rng: random.Random) -> str:
    """Return what JSON or Python prints of nested fields, sometimes damaged."""
    text = json.dumps(said) if rng.random() < 0.6 else repr(said)
    return damaged(text, rng) if rng.random() < 0.3 else text


# Each reader with what makes its texts, and what is asked of what it takes.
Reading = tuple[Callable[[], Any], Callable[[Any], str]]


def readings(rng: random.Random) -> Iterator[tuple[str, Reading]]:
    """Yield readings without end, one of each reader in turn."""
    while True:
        account, sent = as_text(changed(rng.choice(ACCOUNTS), rng), rng), changed([SENT, SENT], rng)
        payload = sent if rng.random() < 0.5 else as_text(sent, rng)
        table = damaged(cells_changed(rng), rng) if rng.random() < 0.3 else cells_changed(rng)
        venue = rng.choice(list(TIERS))
        tiers = changed(TIERS[venue], rng)
        reply = tiers if rng.random() < 0.5 else "[" + as_text(tiers, rng) + "]"
        row = changed([ROW], rng)
        yield "json", (lambda text=account: from_json(text), there_and_back)
        yield "csv", (lambda text=table: from_csv(text), there_and_back)
        yield "ccxt", (lambda said=payload: from_ccxt(said, venue="binance", wallet=4_000), there_and_back)
        yield "brackets", (lambda said=reply, venue=venue: Brackets.read(said, venue=venue), kept)
        yield "form", (lambda rows=row: Portfolio.of_rows(rows, venue="binance", wallet="5000"), there_and_back)
