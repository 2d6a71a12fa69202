"""The coins of the chapters: their contracts, prices and volatility, and accounts that hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marginlab import Account, Contract, Convention, Position, event, venue

Numbers = Sequence[float] | NDArray[np.float64]

# Where no venue is named, a coin is that of Binance, by its newest brackets and its way of counting.
BINANCE = venue("binance")
COUNTING: Convention = BINANCE.convention.value
NAMES = ("BTC", "ETH", "SOL", "DOGE")
COINS = BTC, ETH, SOL, DOGE = tuple(BINANCE.contract(f"{name}USDT") for name in NAMES)

# The last prices on record of BTC and ETH, and their day.
MARKS = event("rally-aug-2026").close[-1]
AS_OF = str(event("rally-aug-2026").times[-1])[:10]

# Of hourly log returns, a year, September 2025 to March 2026 (references: hourly-candles).
VOLATILITIES = (0.47, 0.68, 0.76, 0.82)

# Of each venue the brackets of BTC or ETH that go far enough for large positions.
TABLES = {
    "binance": BINANCE.table("BTCUSDT"),
    "bybit": venue("bybit").table("BTCUSDT", date="2025"),
    "okx": venue("okx").table("ETH-USDT-SWAP"),
    "hyperliquid": venue("hyperliquid").table("BTC"),
    "dydx": venue("dydx").table("BTC-USD"),
}


def open_account(
    mode: str,
    leverage: float,
    sizes: Numbers,
    marks: Numbers,
    *,
    balance: float,
    coins: Sequence[Contract] | None = None,
    convention: Convention = COUNTING,
) -> Account:
    """Return an account that opens these positions out of one balance, all in one mode and at one leverage.

    Parameters
    ----------
    sizes, marks
        One a position; a size below 0 is short.
    balance
        What there is, before anything is set aside.
    coins
        One a position; if left out, the first of `COINS`.
    """
    rows = zip(coins or COINS[: len(sizes)], sizes, marks, strict=True)
    positions = [Position(coin, size, mark, mode=mode, leverage=leverage) for coin, size, mark in rows]
    return Account.open(positions, balance=balance, convention=convention)


def mark_of(contract: Contract, marks: Numbers = MARKS) -> float:
    """Return the mark of a contract of BTC or ETH, out of the marks of both."""
    return float(marks[NAMES.index(contract.underlying)])


def long_at(name: str, value: float, leverage: float, *, mode: str = "isolated", marks: Numbers = MARKS) -> Account:
    """Return an account of a venue that holds one long of this value, by its brackets in `TABLES`, and nothing else.

    Its balance is just what the venue asks to open it.
    """
    contract, convention = TABLES[name].contract, venue(name).convention.value
    mark = mark_of(contract, marks)
    long = Position(contract, value / contract.notional(1.0, mark), mark, mode=mode, leverage=leverage)
    tied = Account.of([long], convention=convention).needed_to_open() if mode == "cross" else long.margin
    return Account.open([long], balance=tied, convention=convention)
