"""Makes the package's table of brackets out of collected ones, and what its tests expect of it.

``python -m tests.markets.make_brackets FOLDER STATED`` reads a folder of files, one a venue, whose schema its README
tells: snapshots, tables, and of each symbol which table it had from which snapshot on; and a file of tables that were
gathered apart from these, with deductions. It writes
``marginlab/markets/data/all_brackets.json.gz``, the same bytes whenever the files are the same, and
``tests/markets/expected_brackets.json``, worked out from the files by fractions.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKED = ROOT / "marginlab" / "markets" / "data" / "all_brackets.json.gz"
EXPECTED = Path(__file__).with_name("expected_brackets.json")

# What is to be known of a venue's tables, beside what the files say in figures.
ONE_RATE = "The source states no deduction; that the whole position pays the rate of its bracket is read into it."
NOTES = {
    "binance": "It may have come into force before it was first seen, since the list before.",
    "bybit": "From copies that hold a part of the venue's contracts.",
    "okx": "The whole position pays the rate of its bracket. Of BTC, brackets 38 to 49 and 94 to 99, of ETH 60 to 67 "
    "follow from the regular steps around them.",
    "hyperliquid": "Maintenance is half the initial margin at the highest leverage of the bracket.",
    "dydx": "The initial margin rises with open interest, which is left out here; maintenance does not.",
    "bitget": ONE_RATE,
    "mexc": ONE_RATE,
    "kucoin": ONE_RATE,
    "krakenfutures": ONE_RATE + " The list may be cut short.",
    "bitmex": "The base level alone: both rates rise with each step above it, by how much is not known.",
}
# Of single symbols.
SAID = {"Delisted.": "delisted", "Held in isolated margin only.": "only_isolated"}
# Lists of everything the venue has: what a list leaves out was not listed.
WHOLE = ("binance",)
# The parts of BitMEX's smallest unit, in which its limits count.
SMALLEST = {"XBt": ("BTC", 10**8), "USDt": ("USDT", 10**6)}
SIZES_ALONE = "must be one whose brackets are known: of {symbol} only the size of a contract is"
LIMITS_ALONE = "must be one whose maintenance rates are known: of {symbol} only the limits of leverage are"
QUANTO = "must be settled in what it is counted in: {symbol} is a quanto contract"
EXPIRED = "must be a perpetual: {symbol} has expired, or is a kind of its own"


def packed(folder: Path) -> dict[str, Any]:
    """Return all venues in one table, each list of brackets once."""
    tables: dict[str, int] = {}
    venues = {}
    for path in sorted(folder.glob("*.json")):
        if path.stem == "binance":  # its history ends with it
            continue
        read = json.loads(path.read_text(encoding="utf-8"))
        name = read["venue"]
        if name == "bitmex":
            read = in_common_columns(read)
        venues[name] = venue_of(read, tables)
    return {"venues": venues, "tables": [json.loads(text) for text in tables]}


def venue_of(read: Mapping[str, Any], tables: dict[str, int]) -> dict[str, Any]:
    """Return a venue as the package keeps it; lists of brackets that are new join the tables."""

    def number_of(index: int | None) -> int | None:
        return None if index is None else tables.setdefault(written(read["tables"][index]), len(tables))

    name, told = read["venue"], {key: dict(value) for key, value in read.get("without", {}).items()}
    symbols = {}
    if read["deductions"] == "unknown":
        told[LIMITS_ALONE] = {symbol: row[0] for symbol, row in read["symbols"].items()}
    else:
        symbols = {
            symbol: [ccxt, currency, multiplier, [[at, number_of(index)] for at, index in history]]
            for symbol, (ccxt, currency, multiplier, history) in read["symbols"].items()
        }
    sizes = {symbol: row[1] for symbol, row in read.get("contracts", {}).items()}
    if sizes:
        told[SIZES_ALONE] = {symbol: row[0] for symbol, row in read["contracts"].items() if symbol not in symbols}
    return {
        "title": read["title"],
        "note": NOTES.get(name, ""),
        "measured_in": read["measured_in"],
        "deductions": read["deductions"],
        "whole": name in WHOLE,
        "cut_off": read.get("cut_off", False),
        "inverse": read.get("inverse", []),
        "in_contracts": read.get("measured_in_contracts", []),
        "said": {words: read[key] for words, key in SAID.items() if key in read},
        "snapshots": [snapshot_of(read, one) for one in read["snapshots"]],
        "symbols": symbols,
        "without": told,
        "sizes": sizes,
    }


def snapshot_of(read: Mapping[str, Any], one: Mapping[str, str]) -> list[str]:
    """Return date, source and confidence of a snapshot."""
    source = one.get("source")
    if source is None:
        where = one["release"] if "release" in one else f"freqtrade (Roshan7869/algotrading @{one['commit']})"
        source = f"{where}, freqtrade/exchange/binance_leverage_tiers.json"
    return [one["date"], re.sub(r" \([^()@]*\)$", "", source), one.get("confidence") or read["confidence"]]


def in_common_columns(read: Mapping[str, Any]) -> dict[str, Any]:
    """Return BitMEX's base levels in the columns of the others: perpetuals that settle in what they count in."""
    tables, symbols = [], {}
    without: dict[str, dict[str, str]] = {QUANTO: {}, EXPIRED: {}}
    for symbol, row in read["symbols"].items():
        kind, settled, inverse, quanto, _, per_coin, initial, maintenance, limit, _ = row
        if quanto or kind != "FFWCSX" or symbol == "XBTEUR":
            without[QUANTO if quanto else EXPIRED][symbol] = ""
            continue
        currency, parts = SMALLEST[settled]
        tables.append([[0], [maintenance], [number(1 / Fraction(str(initial)))], number(Fraction(limit, parts))])
        multiplier = 1 if inverse else number(Fraction(1, per_coin))
        base = symbol.removesuffix("USDT").removesuffix("USD").replace("XBT", "BTC")  # as everybody else calls it
        quote = "USD" if inverse else "USDT"
        symbols[symbol] = [f"{base}/{quote}:{currency}", currency, multiplier, [[0, len(tables) - 1]]]
    common = {"kind": "linear", "measured_in": "notional", "deductions": "continuous", "cut_off": True}
    return {**read, **common, "inverse": ["XBTUSD"], "tables": tables, "symbols": symbols, "without": without}


def number(value: Fraction) -> int | float:
    """Return a fraction as the shortest number that is written for it."""
    return int(value) if value.denominator == 1 else float(value)


def written(value: object) -> str:
    """Return JSON without a blank."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def expected(folder: Path, stated: Path) -> dict[str, Any]:
    """Return how much there is of each venue, the maintenance of five sizes and dates at each, and stated tables."""
    draw, found = random.Random(22), {}
    for path in sorted(folder.glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        if read.get("deductions", "unknown") == "unknown":
            continue
        cases = [case_of(read, draw) for _ in range(5)]
        pairs = sum(index is not None for row in read["symbols"].values() for _, index in row[3])
        found[path.stem] = {"symbols": len(read["symbols"]), "in_force": pairs, "cases": cases}
    tables = json.loads(stated.read_text(encoding="utf-8"))["venues"]
    return {**found, "stated": list(map(columns_of, filter(is_comparable, tables)))}


def is_comparable(table: Mapping[str, Any]) -> bool:
    """Say whether a stated table is one symbol's at Binance since its lists begin, with its deductions."""
    dated = re.match(r"\d{4}-\d\d", table["date"])
    whole = all("maintenance_amount" in row for row in table["tiers"])
    return table["venue"] == "Binance USD-M" and table["symbol"].isalnum() and bool(dated) and whole


def columns_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stated table in columns, with its day or month."""
    names = {"floors": "floor", "rates": "mmr", "max_leverage": "max_leverage", "deductions": "maintenance_amount"}
    columns = {name: [row[theirs] for row in table["tiers"]] for name, theirs in names.items()}
    return {"symbol": table["symbol"], "date": table["date"].split(" ")[0], **columns}


def case_of(read: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    """Return a size of a symbol at a day of its history, and its maintenance, as a fraction."""
    symbol = draw.choice(sorted(read["symbols"]))
    at, index = draw.choice([entry for entry in read["symbols"][symbol][3] if entry[1] is not None])
    floors, rates, _, cap = read["tables"][index]
    amount = round(draw.uniform(0, 1.0 if cap is None else cap) * (1 if cap else 2 * floors[-1] + 1e6), 2)
    price = Fraction(3, 2)
    multiplier = Fraction(str(read["symbols"][symbol][2]))
    inverse = symbol in read.get("inverse", ())
    counted = symbol in read.get("measured_in_contracts", ()) or read["measured_in"] == "contracts"
    size = Fraction(str(amount)) if counted else Fraction(str(amount)) / multiplier / price
    value = size * multiplier / price if inverse else size * multiplier * price
    within = [Fraction(str(floor)) for floor in floors if floor < amount]
    exact = [Fraction(str(rate)) for rate in rates]
    if read["deductions"] == "none":
        maintenance = exact[len(within) - 1] * value
    else:
        tops = [*within[1:], value]
        maintenance = sum(rate * (top - floor) for rate, floor, top in zip(exact, within, tops, strict=False))
    date = read["snapshots"][at]["date"]
    return {"symbol": symbol, "date": date, "size": str(size), "price": "3/2", "maintenance": str(maintenance)}


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(prog="python -m tests.markets.make_brackets", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files are")
    parser.add_argument("stated", type=Path, help="the file of tables gathered apart")
    given = parser.parse_args()
    folder = given.folder
    PACKED.write_bytes(gzip.compress(written(packed(folder)).encode(), mtime=0))
    EXPECTED.write_text(json.dumps(expected(folder, given.stated)) + "\n", encoding="utf-8")
    print(f"{PACKED.name}: {PACKED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
