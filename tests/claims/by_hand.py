"""What tests of several chapters hold and work out by hand: the four coins of chapter 3, and maintenance by slices."""

from __future__ import annotations

import numpy as np

from marginlab import Account, Contract, Position, Tiers, venue

BINANCE = venue("binance")
SYMBOLS = ("BTC", "ETH", "SOL", "DOGE")
RULES, COUNTING = BINANCE.rules_for(f"{coin}USDT" for coin in SYMBOLS), BINANCE.convention.value
FOUR = (
    BINANCE.contract("BTCUSDT"),
    BINANCE.contract("ETHUSDT"),
    Contract("SOLUSDT", Tiers.flat(0.005), currency="USDT"),
    Contract("DOGEUSDT", Tiers.flat(0.0065), currency="USDT"),
)
RATES = np.array([0.004, 0.004, 0.005, 0.0065])  # of the first bracket of each coin
STAKE, EACH = 10_000.0, 10_000.0
# 10 October 2025, last trades of Binance perpetuals (book/references.bib: binance-2025-10-10).
OPENS = np.array([121_579.4, 4_365.83, 220.81, 0.24843])


def four(mode, leverage=5, stake=STAKE):
    """Return the account of chapter 3: 10,000 USDT of each of four coins."""
    rows = zip(FOUR, EACH / OPENS, OPENS, strict=True)
    positions = [Position(c, size, mark, mode=mode, leverage=leverage) for c, size, mark in rows]
    return Account.open(positions, balance=stake, convention=COUNTING)


def slice_by_slice(tiers, notional):
    """Return the maintenance of a notional as the sum of what each bracket asks of the part within it."""
    bounds = zip(tiers.floors, [*tiers.floors[1:], float("inf")], tiers.rates, strict=True)
    return sum(rate * (min(notional, top) - floor) for floor, top, rate in bounds if notional > floor)
