"""What became of a market's maintenance rate: one position held against the brackets of each year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from coins import BINANCE, COUNTING
from numpy.typing import NDArray

from marginlab import formatting, liquidation_price
from marginlab.display import figures
from marginlab.markets import BracketTable

# Two that all look at, two that grew up, and two that were given room and lost it again.
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT", "WIFUSDT", "TRBUSDT")
NOTIONALS = (10_000, 50_000, 200_000, 1_000_000, 5_000_000, 20_000_000)
# Prices differ by market and year, rates do not depend on them: every position is opened here.
ENTRY = 100.0


def day_of(date: str) -> np.datetime64:
    """Return the day of a date; the last one of a month or a year."""
    return (np.datetime64(date) + 1).astype("datetime64[D]") - 1


# Until when brackets are on record.
END = max(day_of(BINANCE.history(symbol)[-1].date) for symbol in SYMBOLS)


@dataclass(frozen=True)
class Held:
    """A long of one size, held against the brackets of one time.

    Attributes
    ----------
    since
        The first day on which they were seen.
    rate, limit
        Maintenance rate of its bracket and the highest leverage there, ``inf`` where that is not on record.
    asked
        Its maintenance margin, a share of the position.
    fits
        Whether a position of its size could be opened at all.
    price
        Where it is liquidated, opened at `ENTRY`; nan where it could not be opened so.
    """

    since: np.datetime64
    rate: float
    limit: float
    asked: float
    fits: bool
    price: float

    @property
    def fall(self) -> float:
        """How far the price may fall, a share of the entry."""
        return 1 - self.price / ENTRY


def held(table: BracketTable, notional: float, leverage: float) -> Held:
    """Return what these brackets make of a long of so much, opened at so many times its margin."""
    contract, size = table.contract, notional / ENTRY
    bracket = contract.tiers.bracket(notional)
    limit, fits = contract.tiers.max_leverage[bracket], notional <= contract.tiers.cap
    asked, price = contract.maintenance_margin(size, ENTRY) / notional, np.nan
    # Where no limit is on record, the margin must at least be more than the maintenance.
    if fits and leverage <= limit and asked < 1 / leverage:
        price = liquidation_price(contract, size, ENTRY, notional / leverage, convention=COUNTING)
    return Held(day_of(table.date), contract.tiers.rates[bracket], limit, float(asked), fits, float(price))


def through(symbol: str, notional: float, leverage: float) -> list[Held]:
    """Return what became of a position, one after the other; brackets that change nothing for it are left out."""
    found: list[Held] = []
    for table in BINANCE.history(symbol):
        now = held(table, notional, leverage)
        if not found or row_of(found[-1])[1:] != row_of(now)[1:]:
            found.append(now)
    return found


def turned(notional: float) -> tuple[int, int, int]:
    """Count the markets with more than one table on record: all, those that ask less now than first, and more."""
    histories = [tables for symbol in BINANCE.symbols if len(tables := BINANCE.history(symbol)) > 1]
    ends = [[held(table, notional, 1).asked for table in (tables[0], tables[-1])] for tables in histories]
    return len(ends), sum(last < first for first, last in ends), sum(last > first for first, last in ends)


def stepped(rows: list[Held], values: list[float]) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Return a line that keeps each value until the next begins, and the last to the end of the record."""
    days = [one.since for one in rows]
    return np.repeat([*days, END], 2)[1:-1], np.repeat(np.array(values, dtype=float), 2)


def became(symbol: str, notional: int, leverage: int) -> tuple[figures.Figure, str]:
    """Draw what a position was asked for through the years, and how far it could fall."""
    rows = through(symbol, notional, leverage)
    days, asked = stepped(rows, [one.asked if one.fits else np.nan for one in rows])
    _, rate = stepped(rows, [one.rate if one.fits else np.nan for one in rows])
    _, fall = stepped(rows, [one.fall for one in rows])
    traces = [
        figures.line(figures.MEASURED, days, rate, "rate of its bracket", gaps=True),
        figures.line(figures.REQUIRED, days, asked, "asked of the position", gaps=True),
        figures.line(figures.ISOLATED, days, fall, "fall that liquidates, isolated", row=2, gaps=True),
    ]
    top = max([one.rate for one in rows if one.fits], default=0.01)
    figure = figures.panels(
        traces,
        x="day",
        top="maintenance",
        bottom=f"fall to liquidation, {leverage}x",
        top_form=".1%",
        bottom_form=".1%",
        xaxis={"type": "date", "range": ["2021-01-01", str(END)]},
        yaxis={"range": [0, 1.15 * top]},
        yaxis2={"range": [0, 1.1 / leverage]},
    )
    return figure, said(symbol, notional, leverage, rows)


def said(symbol: str, notional: int, leverage: int, rows: list[Held]) -> str:
    """Return what it was, what it is now, and what that does to the liquidation price."""
    first, last = rows[0], rows[-1]
    words = (
        f"A position of {notional:,} USDT in {symbol}. The oldest brackets on record, of {formatting.day(first.since)},"
    )
    words += f" {terms(first, 'asked', 'allowed')}; "
    if first is last:
        words += "for it nothing has changed since. "
    else:
        words += f"the newest, in force since {formatting.day(last.since)}, {terms(last, 'ask', 'allow')}. "
    most = max((one for one in rows if one.fits), key=lambda one: one.asked, default=last)
    if most.asked > max(first.asked, last.asked) + 1e-9:
        words += f"In between it was up to {formatting.percent(most.asked, 2)}, from {formatting.day(most.since)}. "
    return words + liquidated(leverage, first, last)


def terms(one: Held, asked: str, allowed: str) -> str:
    """Return what brackets ask of the position and allow, by a verb each."""
    if not one.fits:
        return f"{allowed} none as large"
    limit = f"{one.limit:g}x" if np.isfinite(one.limit) else "a leverage that is not on record"
    return f"{asked} {formatting.percent(one.asked, 2)} of it and {allowed} {limit}"


def liquidated(leverage: int, first: Held, last: Held) -> str:
    """Return where a long is liquidated by the first brackets and by the last."""
    opened, nearer = f"A long from {ENTRY:g} at {leverage}x", last.price - first.price
    if np.isnan([first.price, last.price]).all():
        return f"{opened} could not be opened then, and cannot be now."
    if np.isnan(first.price):
        return f"{opened} could not be opened then; now it is liquidated at {last.price:.2f}."
    if np.isnan(last.price):
        return f"{opened} was liquidated at {first.price:.2f} then; now it cannot be opened."
    how = f"{abs(nearer):.2f} {'sooner' if nearer > 0 else 'later'}" if abs(nearer) >= 0.005 else "as then"
    return f"{opened} was liquidated at {first.price:.2f} then; now at {last.price:.2f}, {how}."


def changes(symbol: str, notional: int, leverage: int) -> formatting.Table:
    """Return every change on record, a row each."""
    caption = "Every change on record"
    head = ("since", "rate of its bracket", "asked of it", "highest leverage", "liquidated at")
    return formatting.Table(caption, head, [row_of(one) for one in through(symbol, notional, leverage)], head[:1])


def row_of(one: Held) -> tuple[str, ...]:
    """Return what brackets of one time make of it, as text."""
    day = formatting.day(one.since)
    if not one.fits:
        return day, "too large", "too large", "too large", "too large"
    limit = f"{one.limit:g}x" if np.isfinite(one.limit) else "not on record"
    price = "not opened" if np.isnan(one.price) else f"{one.price:.2f}"
    return day, formatting.percent(one.rate, 2), formatting.percent(one.asked, 2), limit, price
