"""Makes the package's record of events out of collected ones, and what its tests expect of it.

``python -m tests.markets.make_events FOLDER`` reads a folder of collected prices, whose schema its README tells:
``<event>_1h.csv``, ``<event>_fine.csv``, ``funding.csv``, ``lows.csv`` and ``checks.csv``. It writes
``marginlab/markets/data/events``, a file an event, the same bytes whenever the folder is the same, and
``tests/markets/expected_events.json``: the lows and what two venues were compared by, which were worked out when the
prices were collected, apart from this.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marginlab.markets.events import TITLES

from .event_table import EVENTS, FIELDS, funding_row, path_row, written

EXPECTED = Path(__file__).with_name("expected_events.json")
VENUES = {"B": "binance", "Y": "bybit", "O": "okx", "S": "binance-spot", "C": "binance-coin-m"}
# Whose record it is.
WHOSE = {"B": "Binance", "Y": "Bybit", "O": "OKX", "S": "Binance", "C": "Binance"}
ARCHIVES = "aaronwu2017/TheGlory @929fd9c: the venue's daily archives"
GENERAL = "Roshan7869/algotrading @db07ceb"
EARLY = "PixelAlpha-ai/MarketTrend @b29ecb0"
OF_2024 = "yagokhan/Varanus-Neo-Flow-Hybrid-Extended @ccee8ee"
QUARTERS = "nmtrong062000/crypto_signal_scanner @879876e"
SOLANA = "Saam0/freqtrade @d487785"
BNB_OF_2024 = "halitince7/algo_trade @bdca9ea"
BYBIT = "Dkotl/trade_bot @a792aae"
OKX = ("huckhuck12/freqtrade-futures-lab @e0b7618", "elvis-obondo/Pair_Trading @e5aa491")
SPOT = "misrori/binance_startegy @dbfa7fe"
MINUTES = "owlacar-dotcom/isda, August 2026"
MINUTES_OF_ETHER = "POZtrader/trading-data-crypto-triad @92892b6"

# What to know of an event beyond what its paths say of themselves.
NOTES = {
    "luna-2022": ["LUNA and UST end with their trading, on 13 May 2022 at 00:00. LUNA's perpetual is not on record."],
    "oct-2025": [
        "Below an hour only BTC's mark is on record. The order in which other coins fell within the hour comes from "
        "trades, and their marks did not go below the hourly low.",
    ],
    "jun-2026": [
        "Binance's prices are on record as four-hour trades of BTC and ETH only; hourly ones are of other venues."
    ],
    "rally-aug-2026": [
        "Only four-hour last trades of BTC and ETH are on record: no mark, no other coin, no finer step."
    ],
}
# Of single paths: event, symbol, kind, and venue or step where it is not all of them.
SAID = {
    (
        "covid-2020",
        "ETH",
        "last",
    ): "The high of 323 on 13 March at 02:00 is a stray print: the mark did not exceed 119.47 in that hour.",
    (
        "may-2021",
        "ETH",
        "last",
    ): "The low of 1,400.73 on 19 May belongs to one minute, 13:10, when the mark was at least "
    "1,764.26. From 13:15 on single minutes range over a tenth.",
    ("may-2021", "LTC", "last"): "The low of 129.6 on 19 May at 13:00 lies a tenth below the mark's of that hour.",
    (
        "ftx-2022",
        "SOL",
        "",
    ): "On 9 and 10 November perpetuals traded some 20 % below spot, and venues were up to 10 % apart.",
    ("aug-2024", "ETH", "mark"): "OKX's lowest mark was 2,081.51, in the same hour.",
    ("oct-2025", "SOL", ""): "Lowest marks: 143.83 at Binance, 143.04 at OKX, 152.02 at Bybit.",
    ("oct-2025", "ZEC", ""): "It had risen by more than a quarter before it fell.",
    ("oct-2025", "BTCUSD_PERP", "mark"): "A contract of its own, settled in coin: its lowest mark is not BTCUSDT's.",
}
BY_HAND = (
    "Copied page by page. Every quarter of an hour, five minutes or hour of another copy inside it is the same; "
    "the minutes within rest on the copying."
)
ADDED_UP = "Added up from candles of {} minutes."
ONE_LOW = "Of its mark only the lowest is on record, from the eight hours that began on {}."

Key = tuple[str, str, str, str]


def source_of(event: str, symbol: str, venue: str, kind: str, step: str) -> str:
    """Return by way of which public copy prices are known: the venue, then repository and commit."""
    fixed = {"Y": BYBIT, "S": SPOT, "C": ARCHIVES, "O": OKX[event == "jun-2026"]}
    return f"{WHOSE[venue]} ({fixed.get(venue) or copy_of(event, symbol, kind, step)})"


def copy_of(event: str, symbol: str, kind: str, step: str) -> str:
    """Return which copy of Binance's record prices or funding are from."""
    by_step = {
        ("last", "1m"): MINUTES_OF_ETHER if symbol == "ETH" else MINUTES,
        ("mark", "5m"): ARCHIVES,
        ("last", "15m"): SOLANA if event == "aug-2024" else QUARTERS,
    }
    if (kind, step) in by_step:
        return by_step[kind, step]
    if symbol == "SOL" and (event == "aug-2024" or kind == "mark"):
        return SOLANA
    if kind == "last" and step == "1h":
        if event[-4:] in ("2020", "2021", "2022") and symbol in ("BNB", "SOL", "DOGE", "AVAX", "LINK", "MATIC"):
            return EARLY
        if (event, symbol) in {("aug-2024", "DOGE"), ("aug-2024", "LINK"), ("aug-2024", "SUI"), ("feb-2026", "BNB")}:
            return OF_2024
        if (event, symbol) == ("oct-2025", "BNB"):
            return QUARTERS
    return BNB_OF_2024 if (event, symbol) == ("aug-2024", "BNB") else GENERAL


def candles_of(folder: Path, event: str) -> dict[Key, list[Any]]:
    """Return the candles of every symbol, venue, kind and step."""
    found = defaultdict(list)
    for row in rows_of(folder / f"{event}_1h.csv"):
        for kind in ("mark", "last"):
            prices = tuple(row[f"{kind}_{field}"] for field in FIELDS)
            if all(prices):
                found[row["symbol"], row["venue"], kind, "1h"].append((moment(row), prices))
    for row in rows_of(folder / f"{event}_fine.csv"):
        key = (row["symbol"], row["venue"], row["kind"], row["step"])
        found[key].append((moment(row), tuple(row[field] for field in FIELDS)))
    return found


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """Return the rows of a file, none where there is no such file."""
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from csv.DictReader(lines)


def moment(row: dict[str, str]) -> str:
    """Return the time of a row as numpy reads it."""
    return row["time"].replace(" ", "T")


def paths_of(folder: Path, event: str) -> list[Any]:
    """Return all prices of an event as its file keeps them."""
    candles = candles_of(folder, event)
    lows = {
        row["symbol"]: row
        for row in rows_of(folder / "lows.csv")
        if (row["event"], row["venue"], row["mark_step"]) == (event, "B", "8h")
    }
    found = []
    for (symbol, venue, kind, step), prices in candles.items():
        low = lows.get(symbol) if (venue, kind, step) == ("B", "last", "1h") else None
        found.append(
            path_row(
                prices,
                symbol=symbol,
                venue=VENUES[venue],
                kind=kind,
                step=step,
                source=source_of(event, symbol, venue, kind, step),
                confidence="B",
                note=note_of(event, symbol, venue, kind, step, low),
                lowest_mark=float(low["mark_low"]) if low else None,
            )
        )
    return found


def note_of(event: str, symbol: str, venue: str, kind: str, step: str, low: dict[str, str] | None) -> str:
    """Return what to know of single prices."""
    finest = 30 if event == "jun-2026" and venue == "O" else 5
    said = [
        SAID.get((event, symbol, kind), SAID.get((event, symbol, ""), "")),
        BY_HAND if (venue, step) == ("B", "1m") else "",
        ADDED_UP.format(finest) if venue in "YO" and (kind, step) == ("last", "1h") else "",
        ONE_LOW.format(low["mark_low_time"].replace(" ", " at ")) if low else "",
    ]
    return " ".join(filter(None, said))


def fundings_of(folder: Path, event: str) -> list[Any]:
    """Return all funding of an event as its file keeps it."""
    found = defaultdict(list)
    for row in rows_of(folder / "funding.csv"):
        if row["event"] == event:
            found[row["symbol"], row["venue"]].append((moment(row), row["rate"]))
    return [
        funding_row(
            rates,
            symbol=symbol,
            venue=VENUES[venue],
            source=source_of(event, symbol, venue, "funding", ""),
            confidence="B",
        )
        for (symbol, venue), rates in found.items()
    ]


def expected(folder: Path) -> dict[str, Any]:
    """Return the lows of all hourly prices, and the comparisons of which the record has a side."""
    hourly = {
        (event, symbol, venue)
        for event in TITLES
        for symbol, venue, _, step in candles_of(folder, event)
        if step == "1h"
    }
    lows = [
        named(row, "venue")
        for row in rows_of(folder / "lows.csv")
        if (row["event"], row["symbol"], row["venue"]) in hourly
    ]
    checks = [
        named(row, "venue_a", "venue_b")
        for row in rows_of(folder / "checks.csv")
        if {(row["event"], row["symbol"], row[side]) for side in ("venue_a", "venue_b")} & hourly
    ]
    return {"lows": lows, "checks": checks}


def named(row: dict[str, str], *fields: str) -> dict[str, str]:
    """Return a row with its venues by the package's names."""
    return {**row, **{field: VENUES[row[field]] for field in fields}}


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(prog="python -m tests.markets.make_events", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the collected prices are")
    folder = parser.parse_args().folder
    EVENTS.mkdir(exist_ok=True)
    for event in TITLES:
        file = EVENTS / f"{event}.json.gz"
        file.write_bytes(written(paths_of(folder, event), fundings_of(folder, event), NOTES.get(event, ())))
        print(f"{file.name}: {file.stat().st_size:,} bytes")
    EXPECTED.write_text(json.dumps(expected(folder)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
