"""How far the whole market may move before each position, or the whole pool, is liquidated."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats
from .account import Account
from .along import first_failing
from .legs import TOWARD


def liquidation_move(account: Account, marks: ArrayLike, *, beta: ArrayLike = 1.0, toward: str = "down") -> Floats:
    r"""Return the common move of all marks at which each position is liquidated.

    A liquidation price in cross mode holds the *other* marks still. This is its honest
    companion: the move *s* that takes every mark *i* to :math:`P_i (1 + \beta_i s)`.

    Parameters
    ----------
    account, marks
        The account now; marks of shape (..., n).
    beta
        How far each market goes when the common move is 1: shape (n,), or one for all. Where all contracts are
        inverse it must be one and the same. Collateral goes with the market it follows. An asset with a mark of its
        own stands still, unless the betas have further columns, one an asset: [0, 1] asks how far it may fall alone.
    toward
        ``"down"`` for a falling market (answers from -1 to 0), ``"up"`` for a rising one.

    Returns
    -------
    array
        Shape (..., n). The cross positions share the answer of their pool. 0 where it is
        liquidatable already; ``nan`` where no such move, with all prices above 0, gets there.

    Raises
    ------
    ArgumentError
        For marks or betas of another shape, betas of inverse contracts or of one coin that differ, a move along which
        an asset's price and what settles in it both move, and another direction.

    Notes
    -----
    Along the move each notional, and with it equity and requirement, is a straight line in *s* (in
    the inverse of the price where all contracts are inverse), kinked where a position enters another bracket, or an
    asset another slice of its collateral ratio. Each straight piece is solved exactly and the first failing one is
    taken. Where a rate grows without steps a piece bends down, so that it still meets zero once at most from above:
    there it is halved until nothing is left.

    Examples
    --------
    1,000 of margin behind a long worth 10,000, at 1 % maintenance: how far may the price fall?

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01))
    >>> account = Account.of([Position(btc, 0.2, 50_000, mode="isolated", margin=1_000)])
    >>> print(f"{liquidation_move(account, [50_000.0])[0]:.4%}")
    -9.0909%
    """
    _checks.one_of("toward", toward, TOWARD)
    marks, beta = account.as_marks(marks), _as_beta(account, beta)
    away = 1.0 if toward == "up" else -1.0
    # How fast each notional changes along the line. Where all contracts are inverse they fall as prices rise.
    inverse = account.contracts[0].kind == "inverse" and not account.collateral
    slope = np.full(beta.shape, -away) if inverse else away * beta
    distance = first_failing(account, marks, slope)
    distance = np.where(account.liquidatable(marks), 0.0, distance)
    reached = np.isfinite(distance)
    distance = np.where(reached, distance, 0.0)
    move = -distance * slope / (1 + distance * slope) / beta if inverse else away * distance
    return np.where(reached & (account.size != 0), move + 0.0, np.nan)


def _as_beta(account: Account, given: ArrayLike) -> Floats:
    """Return how far each column of marks goes, checked: what follows one market goes together."""
    beta, n, own = _checks.numbers("beta", given), len(account.contracts), account.assets.own.size
    if beta.ndim > 1:
        raise ArgumentError("beta", f"must be one number or one a position, not of shape {beta.shape}")
    if beta.shape != (n + own,):
        _checks.one_each(n, beta=beta)
        beta = np.append(np.broadcast_to(beta, (n,)), np.zeros(own))
    for rows in account.moving_together:
        if (beta[rows] != beta[rows[0]]).any():
            raise ArgumentError("beta", f"must be one for all legs of a market, not {beta[rows].tolist()}")
    all_inverse = account.contracts[0].kind == "inverse" and not account.collateral
    if all_inverse and ((beta != beta[0]).any() or beta[0] <= 0):
        raise ArgumentError("beta", f"must be one positive number for inverse contracts, not {beta.tolist()}")
    return beta
