"""Scenarios: what is left of an account after a shock to BTC and another to the rest, and after the real events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Bools, Floats, Times
from ..margin.account import Account
from ..margin.rules import Rules
from ..markets.events import event
from ..simulation.engine import simulate
from ..simulation.results import Outcome

SHOCK_GRID = tuple(round(0.1 * tenth, 1) for tenth in range(-6, 7))
# A shock is walked to in so many steps, so that what fails on the way is closed near the price at which it does.
SHOCK_STEPS = 32
# Entries of a ledger that are closings by force.
BY_FORCE = ("netted", "reduced", "liquidated", "taken over")


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
    liquidated: Bools


def stress_map(
    accounts: Mapping[str, Account],
    marks: ArrayLike,
    *,
    rules: Rules | None = None,
    btc: ArrayLike = SHOCK_GRID,
    rest: ArrayLike = SHOCK_GRID,
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
        Moves as shares of the marks, above -1. Contracts that follow BTC make the first, all others the second; an
        asset with a mark of its own stands still.

    Returns
    -------
    StressMap
        Prices go there in a straight line of 32 steps in the logarithm, without funding.

    Raises
    ------
    ArgumentError
        For moves of -1 or below, accounts that hold other positions than each other, and marks of another shape.

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
    first, start = _alike(accounts, marks)
    each, way = moves[:, markets_of(first)], np.arange(1, SHOCK_STEPS + 1) / SHOCK_STEPS
    paths = marks_along(first, start, np.exp(way[:, None] * np.log1p(each)[:, None, :]))
    outcomes = outcomes_of(accounts, paths, rules=rules).values()
    shape = (len(outcomes), btc.size, rest.size)
    return StressMap(
        btc=btc,
        rest=rest,
        columns=tuple(accounts),
        equity=np.stack([outcome.equity for outcome in outcomes]).reshape(shape),
        liquidated=np.stack([~outcome.survived for outcome in outcomes]).reshape(*shape, -1),
    )


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
        As in the :class:`~marginlab.LedgerEntry`.
    amount
        What it cost, negative: profit or loss realised, less fee and impact, in what the position settles in.
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
        """Return what an account lost by force, in the order in which it happened.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        tuple of Loss
            One a closing.
        """
        ledger = self._outcome(column).ledger or ()
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
        """Return by how much the account is worth less at the end than before; negative for a gain.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        float
            In the account's currency.
        """
        left = float(self._outcome(column).equity)
        return self.start[column] - left

    def lost(self, column: str) -> int:
        """Return how many positions were closed as a whole by force.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        int
            Of all its positions.
        """
        return int((~self._outcome(column).survived).sum())

    def _outcome(self, column: str) -> Outcome:
        return self.outcomes[_checks.one_of("column", column, self.outcomes)]


def replay(
    accounts: Mapping[str, Account],
    marks: ArrayLike,
    name: str,
    *,
    rules: Rules | None = None,
    lows: Mapping[str, float] | None = None,
) -> Replay:
    """Return what an event would have done to accounts that hold the same positions.

    Each mark makes the moves that the event's market made, from its first open on, with the funding that fell
    due. Contracts on BTC follow BTC; all others follow ETH, the only other market on record,
    which is kind to those that fell further. Prices are taken as in :meth:`~marginlab.Event.path`: the low of a
    candle first.

    Parameters
    ----------
    accounts
        Accounts of the same positions, by name.
    marks
        Where prices start, shape (n,).
    name
        One of :func:`~marginlab.event_names`.
    rules
        How the venue liquidates.
    lows
        Marks of assets that have one of their own, by name, at the step at which BTC is at its lowest; otherwise they
        stand still. Those that are on record are :attr:`~marginlab.Event.depegs`.

    Returns
    -------
    Replay
        With an outcome for each account.

    Raises
    ------
    ArgumentError
        For another name, accounts that hold other positions than each other, marks of another shape, and for lows of
        what has no mark of its own.

    Examples
    --------
    >>> from marginlab.portfolio import preset
    >>> bet = preset("one-20x-bet")
    >>> covid = replay({"as entered": bet.account}, bet.marks, "covid-2020")
    >>> [(loss.symbol, loss.kind, str(loss.time)) for loss in covid.losses("as entered")]
    [('BTCUSDT', 'taken over', '2020-03-12T05:19')]
    """
    lows = {} if lows is None else lows
    if not isinstance(lows, Mapping):
        raise ArgumentError("lows", f"must be marks by the names of assets, not {shown(lows)}")
    happened = event(name)
    path = happened.path()
    first, marks = _alike(accounts, marks)
    market = markets_of(first)
    prices, funding = marks_along(first, marks, (path.prices / path.prices[0])[:, market]), path.funding[:, market]
    for asset, low in lows.items():
        prices[path.prices[:, 0].argmin(), _column_of(first, asset)] = _checks.single("lows", low, _checks.positive)
    return Replay(
        event=name,
        title=happened.title,
        times=path.times,
        prices=prices,
        funding=funding,
        start={column: float(account.equity(marks)) for column, account in accounts.items()},
        outcomes=outcomes_of(accounts, prices, rules=rules, funding=funding, record=("equity",)),
    )


def _alike(accounts: Mapping[str, Account], marks: ArrayLike) -> tuple[Account, Floats]:
    """Return the first of accounts that hold the same positions, and one mark for each of these."""
    if not isinstance(accounts, Mapping) or not accounts:
        raise ArgumentError("accounts", f"must be one or more by name, not {shown(accounts)}")
    first, *others = _checks.instances("accounts", accounts.values(), Account)
    for name, one in accounts.items():
        if one.lead:
            raise ArgumentError("accounts", f"must each be one account, not an array of them as {shown(name)} is")
    for one in others:
        same = one.contracts == first.contracts and all(
            np.array_equal(getattr(one, column), getattr(first, column)) for column in ("size", "entry")
        )
        if not same:
            raise ArgumentError("accounts", "must hold the same positions in the same order")
    at = first.as_marks(marks)
    if at.ndim > 1:
        raise ArgumentError("marks", f"must be one a position ({len(first.contracts)}), not of shape {at.shape}")
    return first, at


def outcomes_of(
    accounts: Mapping[str, Account],
    prices: Floats,
    *,
    rules: Rules | None = None,
    funding: Floats | None = None,
    record: Sequence[str] = (),
) -> dict[str, Outcome]:
    """Return what becomes of each account along the same prices, as `simulate` finds; the same one is done once."""
    done = {
        id(account): simulate(account, prices, rules=rules, funding=funding, record=record)
        for account in accounts.values()
    }
    return {name: done[id(account)] for name, account in accounts.items()}


def marks_along(account: Account, marks: ArrayLike, moves: Floats) -> Floats:
    """Return marks that make the moves of their markets (..., n); assets with a mark of their own stand still."""
    prices = account.as_marks(marks)
    if not account.assets.own.size:
        return np.asarray(prices * moves)
    n = len(account.contracts)
    moved = prices[:n] * moves
    return np.concatenate([moved, np.broadcast_to(prices[n:], (*moved.shape[:-1], prices.size - n))], axis=-1)


def _column_of(account: Account, asset: str) -> int:
    """Return the column of an asset's own mark."""
    own, n = account.assets.coin_of[len(account.contracts) :], len(account.contracts)
    if asset not in own:
        listed = ", ".join(own) or "of none here"
        raise ArgumentError("lows", f"must be of assets with a mark of their own ({listed}), not of {shown(asset)}")
    return n + own.index(asset)


def markets_of(account: Account) -> list[int]:
    """Return which market each position follows: 0 for BTC, 1 for the rest."""
    return [0 if contract.underlying == "BTC" else 1 for contract in account.contracts]


def _above_minus_one(name: str, value: ArrayLike) -> Floats:
    moves = _checks.numbers(name, value)
    if moves.ndim > 1 or not moves.size:
        raise ArgumentError(name, f"must be one move or a list of them, not of shape {moves.shape}")
    if not (moves > -1).all():
        raise ArgumentError(name, f"must be above -1, the loss of everything, not {shown(float(moves.min()))}")
    return moves
