"""What it would take: to last through a common move, to hold more, to take money out, and for funding to end it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .._checks import ArgumentError
from .._typing import Floats, Numbers
from ..margin.account import Account
from ..margin.next_order import largest_additions
from ..margin.outflow import payments_to_liquidation, withdrawable
from ..margin.rules import Rules
from ..margin.surviving import margin_to_survive, size_to_close
from .modes import Snapshot

# The move and the funding rate that are asked about where nobody asks for others.
MOVE, RATE = -0.3, 0.0001


@dataclass(frozen=True, eq=False)
class Needs:
    """What an account would need, and what it has room for, in one of the three modes of holding it.

    Attributes
    ----------
    column
        How it is held.
    rules
        The venue's.
    move, rate
        The common move that it should last through, and the rate of the funding that it pays.
    """

    column: Snapshot
    rules: Rules
    move: float = MOVE
    rate: float = RATE

    @property
    def account(self) -> Account:
        """What is held."""
        return self.column.account

    @cached_property
    def margin_to_survive(self) -> Floats:
        """What must be added for each position to last through the move (n,), the same for all of a pool.

        Below 0 it is what there is too much.
        """
        return self._of_each(lambda row: margin_to_survive(*self._held, position=row, move=self.move))

    @cached_property
    def to_add(self) -> float:
        """What must be added in all, to the wallet and to the isolated margins."""
        return float(to_add_at(*self._held, self.move))

    @cached_property
    def size_to_close(self) -> Floats:
        """The order that closes as much of each position as it takes (n,); ``nan`` where closing it is no help."""

        def order(row: int) -> Numbers:
            if self.margin_to_survive[row] <= 0:
                return 0.0
            return size_to_close(*self._held, position=row, move=self.move, rules=self.rules)

        return self._of_each(_unless_refused(order, np.nan))

    @cached_property
    def largest_size(self) -> Floats:
        """How much can be added to each position on its side, at its leverage (n,); 0 where the venue refuses more."""
        return largest_additions(*self._held, rules=self.rules)

    @property
    def largest_notional(self) -> Floats:
        """What that is worth at the marks (n,)."""
        contracts = zip(self.account.contracts, self.largest_size, self.column.marks, strict=True)
        return np.array([contract.notional(size, mark) for contract, size, mark in contracts], dtype=float)

    @cached_property
    def withdrawable(self) -> Floats:
        """What may be taken out of each isolated position (n,); 0 in cross, where none is set aside."""
        isolated = self.account.isolated
        return self._of_each(
            lambda row: withdrawable(*self._held, position=row, rules=self.rules) if isolated[row] else 0.0
        )

    @property
    def wallet_withdrawable(self) -> float:
        """What may be taken out of the wallet."""
        return float(withdrawable(*self._held))

    @cached_property
    def payments_to_liquidation(self) -> Floats:
        """The funding payment with which each position is liquidated (n,); ``nan`` where that never happens."""
        return payments_to_liquidation(*self._held, self.rate, rules=self.rules)

    @property
    def _held(self) -> tuple[Account, Floats]:
        return self.account, self.column.marks

    def _of_each(self, question: Callable[[int], Numbers]) -> Floats:
        return np.array([question(row) for row in range(len(self.account.contracts))], dtype=float)


def to_add_at(account: Account, marks: Floats, moves: ArrayLike) -> Floats:
    """Return what must be added to an account in all for everything in it to last through each of the moves."""
    # What saves one position of a pool saves all of them.
    rows = [*np.flatnonzero(account.isolated).tolist(), *np.flatnonzero(~account.isolated)[:1].tolist()]
    lacking = [np.maximum(margin_to_survive(account, marks, position=row, move=moves), 0.0) for row in rows]
    return np.asarray(np.sum(lacking, axis=0))


def needs_of(columns: Sequence[Snapshot], rules: Rules, *, move: float = MOVE, rate: float = RATE) -> tuple[Needs, ...]:
    """Return what an account would need in each mode, worked out once where two columns are one account."""
    known: dict[int, Needs] = {}
    return tuple(known.setdefault(id(one.account), Needs(one, rules, move, rate)) for one in columns)


def _unless_refused(question: Callable[[int], Numbers], refused: float) -> Callable[[int], Numbers]:
    """Return the question with an answer where there is none."""

    def asked(row: int) -> Numbers:
        try:
            return question(row)
        except ArgumentError:
            return refused

    return asked
