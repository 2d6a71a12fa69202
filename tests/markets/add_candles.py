"""Adds a venue's public candle files to the record of an event, once they are checked.

``python -m tests.markets.add_candles EVENT FIRST LAST FOLDER`` reads the files that Binance publishes of its USD-M
perpetuals at data.binance.vision, zipped or not: what lies in FOLDER below ``klines`` (last trades),
``markPriceKlines`` and ``fundingRate``, as the folders are called there. It keeps the days from FIRST to LAST. Nothing
is written where candles are missing or impossible, or where they differ from what is on record in another step; what
was on record of the same coin, kind and step is replaced. Of each path it says how far the price fell.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from marginlab.markets.events import STEPS, path_of

from .event_table import EVENTS, FUNDING, PATH, disagreements, funding_row, merged, path_row, rows_in, written

KINDS = {"klines": "last", "markPriceKlines": "mark"}
RATES = "fundingRate"
SAID = {"venue": "binance", "source": "Binance (data.binance.vision)", "confidence": "A"}
# Times from here on are in millionths of a second, as newer files of the venue have them.
MICROSECONDS = 10**14


def moment(text: str) -> str:
    """Return a time of the venue's: funding is settled some thousandths of a second late."""
    count = int(text)
    return str(np.datetime64(count // (60_000_000 if count >= MICROSECONDS else 60_000), "m"))


def rows_of(path: Path) -> Iterator[list[str]]:
    """Return the rows of a file without the heading, which older ones do not have."""
    text = path.read_text(encoding="utf-8") if path.suffix == ".csv" else unzipped(path)
    for row in csv.reader(io.StringIO(text)):
        if row and row[0].isdigit():
            yield row


def unzipped(path: Path) -> str:
    """Return the one file that is in an archive."""
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        return archive.read(name).decode()


def files_in(folder: Path) -> Iterator[tuple[str, str, str, Path]]:
    """Return what each file below a folder holds: the name of its kind at the venue, the coin, and the step."""
    for path in sorted(folder.rglob("*")):
        kinds = {*KINDS, RATES} & {*path.parts}
        if path.suffix not in (".csv", ".zip") or not kinds:
            continue
        market, step = path.name.split("-")[:2]
        if not market.endswith("USDT"):
            raise ValueError(f"{path.name} must be of a perpetual in USDT")
        kind = kinds.pop()
        if kind != RATES and step not in STEPS:
            raise ValueError(f"{path.name} must have a step among {', '.join(STEPS)}")
        yield kind, market.removesuffix("USDT"), step, path


def read(folder: Path, first: str, last: str) -> tuple[list[Any], list[Any]]:
    """Return the candles and the funding of some days, as an event's file keeps them."""
    found: dict[tuple[str, ...], dict[str, list[str]]] = defaultdict(dict)
    for kind, symbol, step, path in files_in(folder):
        key = (symbol,) if kind == RATES else (symbol, KINDS[kind], step)
        days = ((moment(row[0]), row) for row in rows_of(path))
        kept = {time: row for time, row in days if first <= time[:10] <= last}
        if kept:
            found[key] |= kept
    if not found:
        raise ValueError(f"there are no candles from {first} to {last} below {folder}")
    paths, funding = [], []
    for key, of in found.items():
        if len(key) == 1:
            rates = [(time, of[time][2]) for time in sorted(of)]
            funding.append(funding_row(rates, symbol=key[0], **SAID))
        else:
            candles = [(time, of[time][1:5]) for time in sorted(of)]
            paths.append(path_row(candles, symbol=key[0], kind=key[1], step=key[2], **SAID))
    return paths, funding


def add(file: Path, first: str, last: str, folder: Path, notes: list[str]) -> list[str]:
    """Put files into the record of an event, and return what was put; raise ValueError for what does not fit."""
    paths, funding = read(folder, first, last)
    there = rows_in(file)
    together = merged(there["paths"], paths, PATH)
    found = disagreements([path_of(row) for row in together])
    if found:
        raise ValueError("; ".join(found))
    settled = merged(there["funding"], funding, FUNDING)
    file.write_bytes(written(together, settled, dict.fromkeys([*there["notes"], *notes])))
    return [
        *(
            f"{one.symbol} {one.kind} {one.step}: {len(one.times)} candles from {one.times[0]}, "
            f"{one.low.min() / one.open[0] - 1:.1%} from first open to low"
            for one in map(path_of, paths)
        ),
        *(f"{row['symbol']} funding: {len(row['rates'])} from {row['start']}" for row in funding),
    ]


def main() -> None:
    """Read, check and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.markets.add_candles", description=__doc__)
    parser.add_argument("event", help="its name in TITLES of marginlab/markets/events.py")
    parser.add_argument("first", help="its first day, such as 2024-08-02")
    parser.add_argument("last", help="its last day")
    parser.add_argument("folder", type=Path, help="where the venue's files are")
    parser.add_argument("--note", action="append", default=[], help="what else to know of the event")
    given = parser.parse_args()
    try:
        done = add(EVENTS / f"{given.event}.json.gz", given.first, given.last, given.folder, given.note)
    except ValueError as refusal:
        sys.exit(f"Nothing was written: {refusal}")
    print("\n".join(done))


if __name__ == "__main__":
    main()
