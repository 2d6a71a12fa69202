"""Brackets: the maintenance tables of real markets, each with its source and the date it was in force.

Two files hold them: ``brackets.json``, set out by hand, and ``all_brackets.json.gz``, every market that could be had
with its history, which is opened only when a market is asked for. A symbol's tables of both stand in one row by date.
Confidence: A is the venue's own page, code or output, B a faithful copy or an integration of the venue, C a hint.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, replace
from datetime import date as calendar
from functools import cache
from importlib import resources
from typing import Any

from .._checks import LONGEST_NAME, ArgumentError, shown
from ..margin.contracts import Contract
from ..margin.tiers import Tiers

# So many symbols are listed where one is not known.
SHOWN = 12
# What two contracts of OKX were called here before they had the venue's own names.
FORMER = {"okx": {"ETHUSDT": "ETH-USDT-SWAP", "BTCUSD": "BTC-USD-SWAP"}}
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


@dataclass(frozen=True)
class BracketTable:
    """A contract with the brackets it had at a date.

    Attributes
    ----------
    contract
        What is traded, with its brackets.
    source, date, confidence
        Where they are stated, when they were in force (a table of a collection: the day it was first seen), and how
        sure it is.
    note
        What else to know of them.
    asked
        The older date that was asked for, where no table is as old and this is the oldest; ``None`` otherwise.
    """

    contract: Contract
    source: str
    date: str
    confidence: str
    note: str
    asked: str | None = None


# Of a venue that nothing was collected of.
NOTHING: dict[str, Any] = {
    "whole": False,
    "snapshots": [],
    "symbols": {},
    "inverse": [],
    "without": {},
    "sizes": {},
}
# From which day on which table counts, in order; None where the symbol is not listed from then.
History = tuple[tuple[str, BracketTable | None], ...]


@cache
def tables_of(venue: str) -> tuple[BracketTable, ...]:
    """Return the tables of a venue that were set out by hand, the newest of each symbol first."""
    return tuple(_by_hand(row) for row in _hand_made().get(venue, ()))


@cache
def symbols_of(venue: str) -> tuple[str, ...]:
    """Return what there are brackets of at a venue, those set out by hand first."""
    return tuple(dict.fromkeys([*(table.contract.symbol for table in tables_of(venue)), *_packed(venue)["symbols"]]))


def symbol_named(venue: str, unified: str) -> str | None:
    """Return the venue's symbol for a unified one such as ``"BTC/USDT:USDT"``, None where there is none."""
    return _unified(venue).get(unified)


def symbols_like(venue: str, coin: str) -> tuple[str, ...]:
    """Return the symbols of a venue that follow a coin and have no delivery date, those set out by hand first."""
    by_hand = [one.contract.symbol for one in tables_of(venue) if one.contract.underlying == coin]
    others = [symbol for name, symbol in _unified(venue).items() if name.split("/")[0] == coin and "-" not in name]
    return tuple(dict.fromkeys([*by_hand, *others]))


def size_named(venue: str, name: str) -> float | None:
    """Return what one contract of a symbol, the venue's own or a unified one, is worth in coins, None if not known."""
    sizes: dict[str, float] = _packed(venue)["sizes"]
    if "/" not in name:
        return sizes.get(name)
    base, _, rest = name.partition("/")
    return sizes.get(f"{base}-{rest.partition(':')[0]}-SWAP")


def usual_currency(venue: str) -> str:
    """Return what the linear contracts of a venue settle in, ``""`` where none is known."""
    by_hand = [table.contract.currency for table in tables_of(venue) if table.contract.kind == "linear"]
    if by_hand:
        return by_hand[0]
    packed = _packed(venue)
    return next((row[1] for symbol, row in packed["symbols"].items() if symbol not in packed["inverse"]), "")


def table_of(venue: str, symbol: str, date: str | None = None) -> BracketTable:
    """Return the newest brackets of a symbol, or those in force at a date.

    Raises
    ------
    ArgumentError
        For a symbol whose brackets are not known, for what is no date, and for a date at which it was not listed.
    """
    symbol = _known(venue, symbol)
    history = _history(venue, symbol)
    if date is None:
        return _newest(history)
    last = last_day(date)
    for table in tables_of(venue):
        if (table.contract.symbol, table.date) == (symbol, date):
            return table
    earlier = [one for one in history if one[0] <= last]
    if not earlier:
        return _older(venue, history, date, last)
    since, found = earlier[-1]
    if found is None:
        raise ArgumentError("date", f"must be one at which {symbol} was listed: it had left by {since}, not {date!r}")
    return found


def history_of(venue: str, symbol: str) -> tuple[BracketTable, ...]:
    """Return all brackets that are known of a symbol, the oldest first.

    Raises
    ------
    ArgumentError
        For a symbol whose brackets are not known.
    """
    return tuple(table for _, table in _history(venue, _known(venue, symbol)) if table is not None)


def _newest(history: History) -> BracketTable:
    """Return the last table there is, which says so where the symbol has left the venue's list since."""
    day, last = history[-1]
    if last is not None:
        return last
    (*_, newest) = (table for _, table in history if table is not None)
    return _noted(newest, f"It had left the venue's list by {day}.")


def _older(venue: str, history: History, date: str, last: str) -> BracketTable:
    """Return the oldest table as the answer to an older date, which it says."""
    oldest = next(table for _, table in history if table is not None)
    words = f"The oldest that are known; asked for were those of {date}."
    packed = _packed(venue)
    if packed["whole"] and last >= packed["snapshots"][0][0]:
        words += " The venue's lists of that time do not have it."
    return replace(_noted(oldest, words), asked=date)


def _noted(table: BracketTable, words: str) -> BracketTable:
    """Return a table that says something more, as its contract does."""
    contract = replace(table.contract, note=f"{table.contract.note} {words}")
    return replace(table, contract=contract, note=f"{table.note} {words}".strip())


def last_day(date: object) -> str:
    """Return the last day of a year or a month, in the text that sorts as days do; a day as it is."""
    if isinstance(date, str) and _DATE.fullmatch(date):
        try:
            calendar.fromisoformat(date + "-01-01"[len(date) - 4 :])
        except ValueError:
            pass
        else:
            return date + {4: "-12-31", 7: "-31"}.get(len(date), "")
    raise ArgumentError("date", f"must be a day, a month or a year such as '2025-10-10' or '2025', not {shown(date)}")


def _known(venue: str, symbol: object) -> str:
    """Return a symbol that there are brackets of, or say what is nearest to it."""
    symbols = symbols_of(venue)
    if isinstance(symbol, str):
        symbol = FORMER.get(venue, {}).get(symbol, symbol)
        if symbol in symbols:
            return symbol
    for reason, others in _packed(venue)["without"].items():
        if isinstance(symbol, str) and symbol in others:
            raise ArgumentError("symbol", reason.format(symbol=symbol))
    if not symbols:
        raise ArgumentError("symbol", f"must be one of your own brackets: {venue} has none here, not {shown(symbol)}")
    raise ArgumentError("symbol", f"must be one of {_nearest(symbol, symbols)}, not {shown(symbol)}")


def _nearest(symbol: object, symbols: tuple[str, ...]) -> str:
    """List all symbols, or of many those that are written most alike."""
    if len(symbols) <= SHOWN:
        return ", ".join(map(repr, symbols))
    from difflib import get_close_matches  # only ever needed for a refusal

    given = symbol[:LONGEST_NAME].upper() if isinstance(symbol, str) else ""
    alike = get_close_matches(given, symbols, SHOWN // 2)
    told = list(dict.fromkeys([*alike, *symbols[: SHOWN // 2]]))[:SHOWN]
    return f"{', '.join(map(repr, told))} and {len(symbols) - len(told):,} more"


@cache
def _history(venue: str, symbol: str) -> History:
    """Return a symbol's tables, each with the day from which it counts; None from when it was not listed."""
    packed = _packed(venue)
    history = packed["symbols"].get(symbol, (None, None, None, ()))[3]
    ends = [*(at for at, _ in history[1:]), len(packed["snapshots"])]
    # Of two tables of one day, that set out by hand comes later and so is the one that counts.
    found: list[tuple[str, int, BracketTable | None]] = [
        (
            last_day(packed["snapshots"][at][0]),
            0,
            None if index is None else _unpacked(venue, symbol, index, at, end - 1),
        )
        for (at, index), end in zip(history, ends, strict=bool(history))
    ]
    found += [(last_day(table.date), 1, table) for table in tables_of(venue) if table.contract.symbol == symbol]
    return tuple((day, table) for day, _, table in sorted(found, key=lambda one: one[:2]))


def _unpacked(venue: str, symbol: str, index: int, at: int, until: int) -> BracketTable:
    """Return one table of the collection: that of a number, seen from one snapshot until another."""
    packed = _packed(venue)
    unified, currency, multiplier, _ = packed["symbols"][symbol]
    date, source, confidence = packed["snapshots"][at]
    floors, rates, limits, cap = _all()["tables"][index]
    counted = "contracts" if symbol in packed["in_contracts"] else packed["measured_in"]
    tiers = Tiers(
        floors,
        rates,
        0 if packed["deductions"] == "none" else _without_jumps(floors, rates),
        limits,
        cap=float("inf") if cap is None else cap,
        measured_in=counted,
        cut_off=packed["cut_off"],
    )
    kind = "inverse" if symbol in packed["inverse"] else "linear"
    seen = f"{date}, seen until {packed['snapshots'][until][0]}" if packed["whole"] else date
    contract = Contract(symbol, tiers, kind, float(multiplier), currency, unified.split("/")[0], _dated(seen, tiers))
    said = [words for words, symbols in packed["said"].items() if symbol in symbols]
    return BracketTable(contract, source, date, confidence, " ".join([packed["note"], *said]).strip())


def _without_jumps(floors: list[float], rates: list[float]) -> list[float]:
    """Return the deductions that leave no jump, in decimals as venues state them."""
    from decimal import Decimal  # not before a table is unpacked

    found = [Decimal(0)]
    exact = [Decimal(str(rate)) for rate in rates]
    for n in range(1, len(rates)):
        found.append(found[-1] + Decimal(str(floors[n])) * (exact[n] - exact[n - 1]))
    return list(map(float, found))


def _dated(date: str, tiers: Tiers) -> str:
    """Return what a contract says of its brackets."""
    end = (
        f" They end at {tiers.cap:,.10g}: what the venue asks beyond is not known, but no less."
        if tiers.cut_off
        else ""
    )
    return f"Brackets of {date}.{end}"


@cache
def _hand_made() -> dict[str, list[dict[str, Any]]]:
    text = (resources.files(__package__) / "data" / "brackets.json").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found


def _by_hand(row: dict[str, Any]) -> BracketTable:
    cap = float("inf") if row["cap"] is None else row["cap"]
    tiers = Tiers(
        row["floors"],
        row["rates"],
        row["deductions"],
        row["max_leverage"],
        cap=cap,
        measured_in=row["measured_in"],
        cut_off=row.get("cut_off", False),
    )
    contract = Contract(
        row["symbol"],
        tiers,
        kind=row["kind"],
        multiplier=row["multiplier"],
        currency=row["currency"],
        note=_dated(row["date"], tiers),
    )
    return BracketTable(contract, row["source"], row["date"], row["confidence"], row["note"])


@cache
def _all() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpacked("all_brackets.json.gz"))
    return found


def unpacked(*place: str) -> str:
    """Return the text of one of the packed files among the data."""
    packed = resources.files(__package__).joinpath("data", *place).read_bytes()
    return zlib.decompress(packed, zlib.MAX_WBITS | 16).decode()  # 16: in gzip's wrapping


def _packed(venue: str) -> dict[str, Any]:
    found: dict[str, Any] = _all()["venues"].get(venue, NOTHING)
    return found


@cache
def _unified(venue: str) -> dict[str, str]:
    """Return the venue's symbols by their unified names."""
    return {row[0]: symbol for symbol, row in _packed(venue)["symbols"].items()}
