"""The account that is measured, and the prices it is followed through.

A day in steps of five minutes at 80 % volatility a year, 4.2 % a day. Two isolated positions at 20x and 15x,
long and short, of which about a quarter and an eighth are liquidated within the day; two cross positions, a
long and a smaller short, whose pool fails on about one path in twelve. So all that the engine does in a
simple run happens: most paths go quietly, many end, and prices pass bracket bounds on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from marginlab import Account, Position, venue
from marginlab.markets.price_models import Diffusion

PATHS, STEPS, POSITIONS = 10_000, 288, 4
START, VOLATILITY_PER_YEAR, CORRELATION = 60_000.0, 0.8, 0.7
STEPS_PER_YEAR = 365 * STEPS


def account() -> Account:
    """Return four positions in markets that all have Binance's brackets for BTCUSDT."""
    btc = venue("binance").contract("BTCUSDT")
    positions = [
        Position(btc, 1.0, START, mode="isolated", leverage=20),
        Position(btc, -2.0, START, mode="isolated", leverage=15),
        Position(btc, 4.0, START, leverage=20),
        Position(btc, -1.0, START, leverage=20),
    ]
    return Account.open(positions, balance=26_500)


def root() -> Any:
    """Return the root of the four markets' correlation, (n, n)."""
    return np.linalg.cholesky(np.where(np.eye(POSITIONS) == 1, 1.0, CORRELATION))


def prices(seed: int, paths: int = PATHS, steps: int = STEPS) -> Any:
    """Return correlated geometric Brownian motion in plain numpy, shape (K, T, n)."""
    rng = np.random.default_rng(seed)
    deviation = VOLATILITY_PER_YEAR / np.sqrt(STEPS_PER_YEAR)
    logs = rng.standard_normal((paths, steps, POSITIONS)) @ root().T
    logs *= deviation
    logs -= deviation**2 / 2
    np.cumsum(logs, axis=1, out=logs)
    np.exp(logs, out=logs)
    logs *= START
    return logs


def stream(seed: int, paths: int, steps: int, *, steps_per_year: float) -> Iterator[Any]:
    """Yield prices of the same kind step after step, each (K, n), none of them kept."""
    rng = np.random.default_rng(seed)
    deviation = VOLATILITY_PER_YEAR / np.sqrt(steps_per_year)
    shock = deviation * root()
    logs, drawn, moved = np.zeros((3, POSITIONS, paths))
    for _ in range(steps):
        np.matmul(shock, rng.standard_normal(out=drawn), out=moved)
        logs += moved
        logs -= deviation**2 / 2
        np.exp(logs, out=moved)
        moved *= START
        yield moved.T


def model(steps_per_year: float) -> Diffusion:
    """Return the same markets as a model that `run_many` draws from."""
    return Diffusion(
        [START] * POSITIONS,
        volatility_per_year=VOLATILITY_PER_YEAR,
        correlation=CORRELATION,
        steps_per_year=steps_per_year,
    )
