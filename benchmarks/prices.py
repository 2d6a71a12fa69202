"""Liquidation prices in one call beside freqtrade's, which takes one position at a time.

freqtrade, a trading bot, works out Binance's liquidation price in ``Binance.dry_run_liquidation_price``; it is
called as the bot calls it, position after position, on numbers that already are Python's. Isolated positions
only, each below the first bound of Binance's brackets for BTCUSDT from its entry to its liquidation price:
freqtrade looks the bracket up by the margin, where the venue does it by the notional, so that elsewhere the two
would be right and wrong about different things. Measured with the whole table, as both would be used, and
with its first bracket alone, which spares both the search. Both must agree on every price.

The exchange is made without its constructor, which would ask the venue for its markets; what is left out here, the
method does not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from freqtrade.enums import MarginMode, RunMode, TradingMode
from freqtrade.exchange import Binance

from marginlab import Contract, Tiers, liquidation_price, venue

from .measure import Result, in_turns

COUNT = 100_000
PAIR = "BTC/USDT:USDT"


def exchange(tiers: Tiers) -> Binance:
    """Return freqtrade's Binance with these brackets and without a network."""
    binance = Binance.__new__(Binance)
    binance._exchange_ws = None
    binance._config = {"runmode": RunMode.BACKTEST, "dry_run": True}
    binance.trading_mode, binance.margin_mode = TradingMode.FUTURES, MarginMode.ISOLATED
    rows = zip(*(column.tolist() for column in tiers.table[:3]), strict=True)
    names = "minNotional", "maintenanceMarginRate", "maintAmt"
    binance._leverage_tiers = {PAIR: [dict(zip(names, row, strict=True)) for row in rows]}
    return binance


def positions(seed: int) -> tuple[Any, Any, Any]:
    """Return size, entry and margin of many longs and shorts."""
    rng = np.random.default_rng(seed)
    entry = rng.uniform(20_000, 100_000, COUNT)
    notional = rng.uniform(1_000, 240_000, COUNT)
    size = rng.choice([-1, 1], COUNT) * notional / entry
    return size, entry, notional / rng.uniform(5, 50, COUNT)


def one_by_one(binance: Binance, rows: list[tuple[float, bool, float, float, float]]) -> list[float | None]:
    """Return what freqtrade answers for each position."""
    ask = binance.dry_run_liquidation_price
    return [
        ask(
            pair=PAIR,
            open_rate=entry,
            is_short=short,
            amount=amount,
            stake_amount=margin,
            leverage=leverage,
            wallet_balance=margin,
            open_trades=[],
        )
        for entry, short, amount, margin, leverage in rows
    ]


def compare(contract: Contract, name: str) -> Result:
    """Return freqtrade's time over that of one call, for the same positions."""
    size, entry, margin = positions(0)
    columns = entry, size < 0, np.abs(size), margin, np.abs(size) * entry / margin
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    binance = exchange(contract.tiers)
    ours, theirs = liquidation_price(contract, size, entry, margin), np.array(one_by_one(binance, rows), dtype=float)
    if not np.allclose(ours, theirs, rtol=1e-9, atol=0):
        raise AssertionError("freqtrade finds other liquidation prices")
    if (np.abs(size) * np.maximum(entry, ours)).max() >= next(iter(contract.tiers.table[0][1:]), np.inf):
        raise AssertionError("positions must stay in the first bracket, where freqtrade's choice of it is right")
    taken = in_turns(lambda: one_by_one(binance, rows), lambda: liquidation_price(contract, size, entry, margin))
    ratio, spread = taken.ratio()
    medians = taken.medians("freqtrade_ns_per_position", "marginlab_ns_per_position")
    parts = {key: value / COUNT * 1e9 for key, value in medians.items()}
    return Result(f"freqtrade / liquidation_price, {name}", ratio, "times", least=200, spread=spread, parts=parts)


def measure() -> Iterator[Result]:
    """Yield freqtrade's time over ours, with all brackets and with one."""
    whole = venue("binance").contract("BTCUSDT")
    yield compare(whole, f"{len(whole.tiers.floors)} brackets")
    yield compare(Contract("BTCUSDT", Tiers.flat(whole.tiers.rates[0])), "1 bracket")
