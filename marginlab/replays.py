"""The real events, replayed on an account: what it would have lost, when, and in what order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .account import Account
from .checks import Floats
from .history import Times, event
from .outcome import Outcome
from .rules import Rules
from .stress import markets_of, outcomes_of

BY_FORCE = ("reduced", "liquidated", "taken over", "auto-deleveraged")


@dataclass(frozen=True)
class Loss:
    """One closing by force.

    Attributes
    ----------
    time
        When, UTC; the candle is known, the minute within its four hours is not.
    step
        Which step of the prices.
    position, symbol, kind, size, price
        As in the :class:`LedgerEntry`.
    amount
        What it cost, negative: profit or loss realised, less fee and impact.
    """

    time: np.datetime64
    step: int
    position: int
    symbol: str
    kind: str
    size: float
    price: float
    amount: float


@dataclass(frozen=True, eq=False)
class Replay:
    """One event on several accounts of the same positions.

    Attributes
    ----------
    event, title
        Its name, and what it is called.
    times, prices, funding
        Shape (T,), (T, n) and (T, n): the marks of today, moved as the event moved.
    start
        Equity before the first step, by name of the account.
    outcomes
        What became of each account, with its ledger and the equity after each step.
    """

    event: str
    title: str
    times: Times
    prices: Floats
    funding: Floats
    start: dict[str, float]
    outcomes: dict[str, Outcome]

    def losses(self, column: str) -> tuple[Loss, ...]:
        """Return what an account lost by force, in the order in which it happened."""
        ledger = self.outcomes[column].ledger or ()
        return tuple(
            Loss(
                time=self.times[entry.step],
                step=entry.step,
                position=int(entry.position or 0),
                symbol=entry.symbol,
                kind=entry.kind,
                size=entry.size,
                price=float(entry.price or np.nan),
                amount=entry.amount - entry.fee - entry.impact,
            )
            for entry in ledger
            if entry.kind in BY_FORCE
        )

    def loss(self, column: str) -> float:
        """Return by how much the account is worth less at the end than before; negative for a gain."""
        return self.start[column] - float(self.outcomes[column].equity)

    def lost(self, column: str) -> int:
        """Return how many positions were closed as a whole by force."""
        return int((~self.outcomes[column].survived).sum())


def replay(accounts: Mapping[str, Account], marks: ArrayLike, name: str, *, rules: Rules | None = None) -> Replay:
    """Return what an event would have done to accounts that hold the same positions.

    Each mark makes the moves that the event's market made, from its first open on, with the funding that fell
    due. Contracts whose symbol begins with BTC follow BTC; all others follow ETH, the only other market on record,
    which is kind to those that fell further. Prices are taken as in :meth:`Event.path`: the low of a candle first.

    Parameters
    ----------
    accounts
        Accounts of the same positions, by name.
    marks
        Where prices start, shape (n,).
    name
        One of :func:`event_names`.
    rules
        How the venue liquidates.

    Examples
    --------
    >>> from marginlab import preset
    >>> bet = preset("one-20x-bet")
    >>> covid = replay({"as entered": bet.account}, bet.marks, "covid-2020")
    >>> [(loss.symbol, loss.kind, str(loss.time)) for loss in covid.losses("as entered")]
    [('BTCUSDT', 'taken over', '2020-03-12T05:19')]
    """
    happened = event(name)
    path = happened.path()
    first = next(iter(accounts.values()))
    market = markets_of(first)
    marks = first.as_marks(marks)
    prices, funding = marks * (path.prices / path.prices[0])[:, market], path.funding[:, market]
    return Replay(
        event=name,
        title=happened.title,
        times=path.times,
        prices=prices,
        funding=funding,
        start={column: float(account.equity(marks)) for column, account in accounts.items()},
        outcomes=outcomes_of(accounts, prices, rules=rules, funding=funding, record=("equity",)),
    )
