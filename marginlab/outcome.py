"""What became of an account: what is left, what it lost to whom, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .ledger import Ledger
from .state import Look, State, total

RECORD = ("equity", "requirement", "size")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What :func:`simulate` found, each figure of shape (...), or (..., n) for n positions.

    The leading shape is () for one path and (K,) for an ensemble. All money in the contracts' currency.

    Attributes
    ----------
    balance
        Wallet and margins put in at the start (...).
    wallet, margin, size, entry, isolated
        What is held at the end; all but the wallet (..., n).
    equity
        What that is worth at the last marks (...).
    liquidated
        The step at which each position was first closed as a whole by force, -1 for never (..., n).
    realized, funding, fees, impact
        Profit realised at the marks, funding received, trading and liquidation fees paid, and what
        closing in the market cost besides (..., n).
    forfeited
        What takeovers left to the insurance fund (...).
    shortfall
        By how much losses went beyond what backed them: the sum of the next three (...).
    fund_paid, deleveraged, uncovered
        Who bore it: the fund, the account's winning positions by ADL, or nobody here (...).
    fund, fund_received
        The insurance fund at the end, and what it received (...).
    refused
        Number of actions the venue refused (...).
    equity_path, requirement_path, size_path
        After each step, if asked for: (..., T), (..., T), (..., T, n).
    ledger
        Every event of a single path in order; ``None`` for an ensemble.

    Notes
    -----
    No money is lost: equity = balance + realised + unrealized at the end + funding - fees - impact
    - forfeited + shortfall - deleveraged, on every path.
    """

    balance: Any
    wallet: Any
    margin: Any
    size: Any
    entry: Any
    isolated: Any
    equity: Any
    liquidated: Any
    realized: Any
    funding: Any
    fees: Any
    impact: Any
    forfeited: Any
    shortfall: Any
    fund_paid: Any
    deleveraged: Any
    uncovered: Any
    fund: Any
    fund_received: Any
    refused: Any
    equity_path: Any = None
    requirement_path: Any = None
    size_path: Any = None
    ledger: Ledger | None = None

    @property
    def profit(self) -> Any:
        """What the account made, equity at the end less what was put in; negative for a loss (...)."""
        return self.equity - self.balance

    @property
    def survived(self) -> Any:
        """Whether each position was never closed as a whole by force (..., n)."""
        return self.liquidated < 0

    def __str__(self) -> str:
        paths = np.size(self.balance)
        n = self.size.shape[-1]
        head = f"{paths:,} path{'s' if paths > 1 else ''}, {n} position{'s' if n > 1 else ''}"
        rows = [
            ("put in", self.balance),
            ("realised", self.realized.sum(axis=-1)),
            ("unrealised", self.equity - self.wallet - self.margin.sum(axis=-1)),
            ("funding", self.funding.sum(axis=-1)),
            ("fees and impact", -(self.fees + self.impact).sum(axis=-1)),
            ("forfeited", -self.forfeited),
            ("borne by others", self.shortfall - self.deleveraged),
            ("left", self.equity),
        ]
        mean = "" if paths == 1 else " (means)"
        return "\n".join([head + mean, *(f"{name:16}{np.mean(value):>20,.2f}" for name, value in rows)])

    @classmethod
    def of(cls, state: State, equity: Any, recorded: dict[str, Any], *, single: bool) -> Outcome:
        """Return what a state has come to, given what was recorded of each step, (T, K) or (T, n, K)."""
        columns = {name: getattr(state, name).T for name in _OF_STATE}
        columns["equity"] = equity
        for name, path in recorded.items():
            columns[f"{name}_path"] = np.moveaxis(path, -1, 0)
        if single:
            columns = {name: value[0] if value.ndim > 1 else value[0].item() for name, value in columns.items()}
        return cls(**columns, ledger=state.ledger)

    @classmethod
    def joined(cls, outcomes: Sequence[Outcome]) -> Outcome:
        """Return the outcomes of several ensembles as that of one."""
        if len(outcomes) == 1:
            return outcomes[0]
        columns: dict[str, Any] = {}
        for name in (f.name for f in fields(cls)):
            parts = [getattr(outcome, name) for outcome in outcomes]
            columns[name] = None if parts[0] is None else np.concatenate(parts)
        return cls(**columns)


_OF_STATE = [f.name for f in fields(Outcome) if f.name not in ("equity", "ledger") and not f.name.endswith("_path")]


def recorded_of(look: Look) -> dict[str, Any]:
    """Return what may be recorded of a step: shapes (K,), (K,) and (n, K)."""
    return {
        "equity": look.wallet + total(look.margin + look.pnl),
        "requirement": total(look.required),
        "size": look.size,
    }
