"""Auto-deleveraging: others of the opposite side are liquidated, and the venue closes a winner of yours against them.

Never one's own short for one's own long: ADL takes holders of the opposite side of the liquidated contract. So it is
no consequence of what an account does, but an event that is given, or drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Floats
from ..margin.account import Account
from ..margin.contracts import profit_of
from .actions import Action
from .state import State, Valuation


@dataclass(frozen=True, kw_only=True)
class Deleverage(Action):
    """ADL of a position: a share of it is closed without asking, without a fee, and its profit up to then paid out.

    It takes profitable holders only. Passed over, which is written into the ledger, is a position that is closed
    already, or not in profit at the mark, or has too little behind it for the price (as dYdX does it).
    An isolated position gives back the same share of its margin.

    Parameters
    ----------
    share
        The share of the position that is closed.
    price
        At which price: as a rule the bankruptcy price of those liquidated; ``None`` for the mark, as at OKX and
        Hyperliquid.
    paths
        Numbers of the paths on which it happens; ``None`` for all.

    Examples
    --------
    Others' longs were bankrupt at 8,100, so that a short is closed there, 100 above the mark:

    >>> from marginlab import Contract, Position, Tiers, simulate
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> account = Account.of([Position(btc, -1, 10_000, mode="isolated", margin=1_000)])
    >>> outcome = simulate(account, [[8_000.0]], actions=[Deleverage(step=0, position=0, price=8_100.0)])
    >>> outcome.equity, outcome.deleveraged, outcome.forgone
    (2900.0, array([1.]), array([100.]))
    """

    position: int
    share: float = 1.0
    price: float | None = None
    paths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.count("position", self.position, least=0)
        _checks.between("share", self.share, 0, 1, open_below=True)
        if self.price is not None:
            _checks.single("price", self.price, _checks.positive)
        if self.paths is not None:
            if not isinstance(self.paths, tuple):
                raise ArgumentError("paths", f"must be a tuple of numbers or None, not {shown(self.paths)}")
            for path in self.paths:
                _checks.count("paths", path, least=0)

    def check(self, paths: int) -> None:
        """Refuse paths that there are not."""
        if self.paths and max(self.paths) >= paths:
            raise ArgumentError("paths", f"must be of 0 to {paths - 1}, not {max(self.paths)}")

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Close what is in profit, and pay it out."""
        row = self.position
        if self.paths is not None:
            valued = valued.only(np.isin(state.number[valued.paths], self.paths))
        if not valued.paths.size:
            return
        size, pnl, before = valued.size[row], valued.pnl[row], state.balance_of(row, valued)
        if self.price is None:
            price, forgone = valued.marks[row], np.zeros(pnl.shape)
        else:
            price, entry = np.full(pnl.shape, float(self.price)), state.entry[row, valued.paths]
            kind, amount = state.contracts[row].kind, size * state.multiplier[row, 0]
            forgone = self.share * (pnl - profit_of(kind, amount, entry, price))
        # An isolated position pays with the margin that is set free, a cross one with all that the pool has.
        worth = np.where(valued.isolated[row], 1.0, state.pockets.price(row, valued.marks))
        backed = np.where(valued.isolated[row], self.share, 1.0) * valued.equity[row] >= forgone * worth
        taken = (size != 0) & (pnl > 0) & backed
        if not taken.all():
            state.note("passed over", row, valued.only(~taken), before)
        if taken.any():
            self._close(state, valued.only(taken), price[taken], forgone[taken])

    def _close(self, state: State, valued: Valuation, price: Floats, forgone: Floats) -> None:
        row, paths, before = self.position, valued.paths, state.balance_of(self.position, valued)
        size, profit, margin = valued.size[row], self.share * valued.pnl[row], self.share * valued.margin[row]
        left = np.zeros(paths.shape) if self.share == 1 else size * (1 - self.share)
        state.size[row, paths] = left
        state.margin[row, paths] -= margin
        state.pay(row, paths, margin + profit - forgone)
        state.realized[row, paths] += profit
        state.forgone[row, paths] += forgone
        state.deleveraged[row, paths] += np.abs(left - size)
        state.note(
            "auto-deleveraged", row, valued, before, size=left - size, price=price, amount=profit, impact=forgone
        )


def draw_deleveraging(
    account: Account,
    prices: ArrayLike,
    *,
    position: int,
    chance: ArrayLike,
    most: float,
    others: ArrayLike | None = None,
    share: float = 1.0,
    seed: int,
) -> tuple[Deleverage, ...]:
    """Draw when the side of a position is deleveraged, and whether that reaches the position.

    Each time the venue goes down the queue of that side, through a share of it drawn evenly between 0 and `most`.
    The position stands in the queue by its profit times leverage: its unrealized profit as a share of the notional
    at entry, times its effective leverage. So the higher these are, the likelier it is taken.

    Parameters
    ----------
    account
        One account, as it is before the first step; what happens to it on the way does not count.
    prices
        Marks, of shape (T, n) or (K, T, n), as for :func:`simulate`.
    position
        Which position.
    chance
        Of that side's being deleveraged, a step: one number, or (T,), or (K, T).
    most
        Through how much of the side ADL goes at most, above 0 and up to 1.
    others
        Profit times leverage of the others on that side, in any order; ``None`` where the venue picks at random (dYdX).
    share
        What is closed of the position.
    seed
        Whole number of 0 or more. The first paths are drawn alike, however many follow.

    Returns
    -------
    tuple of Deleverage
        One a step in which it reaches the position on some path, naming these paths, at the mark.

    Raises
    ------
    ArgumentError
        For more than one account, shapes that do not fit, and numbers beyond their bounds.

    Examples
    --------
    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> account = Account.of([Position(btc, -1, 10_000, mode="isolated", margin=1_000)])
    >>> fall = [[9_000.0], [8_000.0], [7_000.0]]
    >>> others = [0.1, 0.2, 0.4, 0.8]
    >>> draw_deleveraging(account, fall, position=0, chance=0.5, most=1, others=others, seed=4)
    (Deleverage(step=1, position=0, share=1.0, price=None, paths=(0,)),)
    """
    _checks.instance("account", account, Account)
    n, marks = len(account.contracts), _checks.positive("prices", prices)
    if account.lead:
        raise ArgumentError("account", "must be one account, not an array of them")
    if marks.ndim not in (2, 3) or marks.shape[-1] not in (n, n + account.assets.own.size):
        raise ArgumentError("prices", f"must have shape (T, {n}) or (K, T, {n}), not {marks.shape}")
    if _checks.count("position", position, least=0) >= n:
        raise ArgumentError("position", f"must be one of 0 to {n - 1}, not {shown(position)}")
    _checks.between("most", most, 0, 1, open_below=True)
    chances = _checks.not_negative("chance", chance)
    if (chances > 1).any():
        raise ArgumentError("chance", f"must be at most 1, not {shown(float(chances.max()))}")
    marks = marks[None] if marks.ndim == 2 else marks
    if np.broadcast_shapes(_checks.broadcastable(chance=chances.shape, prices=marks.shape[:2])) != marks.shape[:2]:
        raise ArgumentError(
            "chance", f"must be one number, or go with prices of {marks.shape[:2]}, not {chances.shape}"
        )
    _checks.between("share", share, 0, 1, open_below=True)
    rng = np.random.default_rng(_checks.count("seed", seed, least=0))
    happens, through, at_random = np.moveaxis(rng.random((*marks.shape[:2], 3)), -1, 0)
    profit = account.unrealized_pnl(marks)[..., position]
    ahead = at_random if others is None else _ahead(account, marks, position, _checks.numbers("others", others))
    hit = (profit > 0) & (happens < chances) & (ahead < most * through)
    return tuple(
        Deleverage(step=step, position=position, share=share, paths=tuple(np.flatnonzero(hit[:, step]).tolist()))
        for step in np.flatnonzero(hit.any(axis=0)).tolist()
    )


def _ahead(account: Account, marks: Floats, position: int, others: Floats) -> Floats:
    """Return the share of the others that stand before a position in the queue, shape (K, T)."""
    if not others.size:
        raise ArgumentError("others", "must be one or more")
    at_entry = account.notional(account.entry)[position]
    profit, leverage = account.unrealized_pnl(marks)[..., position], account.effective_leverage(marks)[..., position]
    # Without profit there is no place in the queue, and leverage without equity has no bound.
    rank = np.where(profit > 0, profit, 0.0) / at_entry * np.where(profit > 0, leverage, 0.0)
    return np.asarray(1 - np.searchsorted(np.sort(others.ravel()), rank, side="right") / others.size)
