"""What is left of an account after a shock to BTC and another to everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks
from .account import Account
from .checks import Floats
from .engine import simulate
from .outcome import Outcome
from .rules import Rules

SHOCKS = tuple(round(0.1 * tenth, 1) for tenth in range(-6, 7))
# A shock is walked to in so many steps, so that what fails on the way is closed near the price at which it does.
STEPS = 32


@dataclass(frozen=True, eq=False)
class StressMap:
    """What is left after each pair of shocks.

    Attributes
    ----------
    btc, rest
        The shocks, shares of today's marks: shape (B,) and (R,).
    columns
        The C accounts compared.
    equity
        What each is worth after them, shape (C, B, R).
    liquidated
        Which positions were closed as a whole by force on the way, shape (C, B, R, n).
    """

    btc: Floats
    rest: Floats
    columns: tuple[str, ...]
    equity: Floats
    liquidated: NDArray[np.bool_]


def stress_map(
    accounts: Mapping[str, Account],
    marks: ArrayLike,
    *,
    rules: Rules | None = None,
    btc: ArrayLike = SHOCKS,
    rest: ArrayLike = SHOCKS,
) -> StressMap:
    """Return what becomes of accounts when BTC makes one move and all other markets another.

    Parameters
    ----------
    accounts
        Accounts of the same positions, by name.
    marks
        Where prices start, shape (n,).
    rules
        How the venue liquidates.
    btc, rest
        Moves as shares of the marks, above -1. Contracts whose symbol begins with BTC make the first, all others
        the second.

    Returns
    -------
    StressMap
        Prices go there in a straight line of 32 steps in the logarithm, without funding.

    Examples
    --------
    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> account = Account.of([Position(btc, 1, 10_000, mode="isolated", leverage=5)], wallet=500)
    >>> stress_map({"isolated": account}, [10_000.0], btc=[-0.1, -0.3], rest=[0]).equity.ravel()
    array([1500.,  500.])
    """
    btc, rest = (np.atleast_1d(_above_minus_one(name, value)) for name, value in (("btc", btc), ("rest", rest)))
    moves = np.stack(np.broadcast_arrays(btc[:, None], rest), axis=-1).reshape(-1, 2)
    each = moves[:, markets_of(next(iter(accounts.values())))]
    way = np.arange(1, STEPS + 1) / STEPS
    paths = np.asarray(marks) * np.exp(way[:, None] * np.log1p(each)[:, None, :])
    outcomes = outcomes_of(accounts, paths, rules=rules).values()
    shape = (len(outcomes), btc.size, rest.size)
    return StressMap(
        btc=btc,
        rest=rest,
        columns=tuple(accounts),
        equity=np.stack([outcome.equity for outcome in outcomes]).reshape(shape),
        liquidated=np.stack([~outcome.survived for outcome in outcomes]).reshape(*shape, -1),
    )


def outcomes_of(accounts: Mapping[str, Account], prices: Floats, **options: Any) -> dict[str, Outcome]:
    """Return what becomes of each account along the same prices; the same account is gone through once."""
    done = {id(account): simulate(account, prices, **options) for account in accounts.values()}
    return {name: done[id(account)] for name, account in accounts.items()}


def markets_of(account: Account) -> list[int]:
    """Return which market each position follows: 0 for BTC, 1 for the rest."""
    return [0 if is_btc(contract.symbol) else 1 for contract in account.contracts]


def is_btc(symbol: str) -> bool:
    """Whether a contract follows BTC, by its symbol."""
    return symbol.startswith("BTC")


def _above_minus_one(name: str, value: ArrayLike) -> Floats:
    moves = checks.numbers(name, value)
    if not (moves > -1).all():
        raise ValueError(f"{name} must be above -1, the loss of everything, not {float(moves.min())!r}")
    return moves
