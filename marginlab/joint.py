"""How far the whole market may move before each position, or the whole pool, is liquidated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .account import Account
from .checks import Floats


def liquidation_move(account: Account, marks: ArrayLike, *, beta: ArrayLike = 1.0, toward: str = "down") -> Any:
    r"""Return the common move of all marks at which each position is liquidated.

    A liquidation price in cross mode holds the *other* marks still. This is its honest
    companion: the move *s* that takes every mark *i* to :math:`P_i (1 + \beta_i s)`.

    Parameters
    ----------
    account, marks
        The account now; marks of shape (..., n).
    beta
        How far each market goes when the common move is 1: shape (n,), or one for all. Inverse
        contracts settle in the coin they follow, so theirs must be one and the same.
    toward
        ``"down"`` for a falling market (answers from -1 to 0), ``"up"`` for a rising one.

    Returns
    -------
    array
        Shape (..., n). The cross positions share the answer of their pool. 0 where it is
        liquidatable already; ``nan`` where no such move, with all prices above 0, gets there.

    Notes
    -----
    Along the move each notional, and with it equity and requirement, is a straight line in *s* (in
    the inverse of the price for inverse contracts), kinked where a position enters another bracket.
    Each straight piece is solved exactly and the first failing one is taken.

    Examples
    --------
    1,000 of margin behind a long worth 10,000, at 1 % maintenance: how far may the price fall?

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01))
    >>> account = Account.of([Position(btc, 0.2, 50_000, mode="isolated", margin=1_000)])
    >>> print(f"{liquidation_move(account, [50_000.0])[0]:.4%}")
    -9.0909%
    """
    checks.one_of("toward", toward, ("down", "up"))
    marks = checks.positive("marks", marks)
    beta = np.broadcast_to(checks.numbers("beta", beta), (len(account.contracts),))
    inverse = account.contracts[0].kind == "inverse"
    if inverse and ((beta != beta[0]).any() or beta[0] <= 0):
        raise ValueError(f"beta must be one positive number for inverse contracts, not {beta.tolist()}")
    away = 1.0 if toward == "up" else -1.0
    # How fast each notional changes along the line. Inverse notionals fall as prices rise.
    slope = np.full(beta.shape, -away) if inverse else away * beta
    distance = _first_failing(account, marks, slope)
    move = -distance * slope / (1 + distance * slope) / beta if inverse else away * distance
    return np.where(np.isfinite(distance), move + 0.0, np.nan)


def _first_failing(account: Account, marks: Floats, slope: Floats) -> Floats:
    """Return the first distance t >= 0 at which each position fails, ``inf`` if none does.

    Notionals go as :math:`1 + b_i t` with slope :math:`b_i`, while all stay above 0.
    """
    edges, end = _bracket_edges(account, marks, slope)
    start, stop = edges[..., :-1], edges[..., 1:]
    real = start < stop
    start = np.where(real, start, 0.0)
    width = np.where(real & np.isfinite(stop), stop, start + 1) - start
    near, far = (np.where(real, start + part * width, 0.0) for part in (0.25, 0.75))
    spare_near, spare_far = (_spare(account, marks, slope, t) for t in (near, far))
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = (spare_far - spare_near) / (far - near)[..., None]
        at_start = spare_near - steep * (near - start)[..., None]
        at_stop = at_start + steep * width[..., None]
        root = start[..., None] - at_start / steep
    fails_by_stop = (at_stop <= 0) | np.isinf(stop)[..., None] & (steep < 0)
    first = np.where(at_start <= 0, start[..., None], np.where(fails_by_stop, root, np.inf))
    first = np.where(real[..., None] & (first < end), first, np.inf)
    first = np.where(account.liquidatable(marks)[..., None, :], 0.0, first)
    return np.asarray(first.min(axis=-2))


def _bracket_edges(account: Account, marks: Floats, slope: Floats) -> tuple[Floats, float]:
    """Return where some notional enters another bracket, from 0 to the end of the line."""
    end = float((-1 / slope[slope < 0]).min()) if (slope < 0).any() else np.inf
    notional = account.notional(marks)
    edges = [np.zeros(notional.shape[:-1]), np.full(notional.shape[:-1], end)]
    for i, contract in enumerate(account.contracts):
        if slope[i] == 0 or contract.tiers.measured_in == "contracts":
            continue
        for floor in contract.tiers.floors[1:]:
            with np.errstate(divide="ignore"):
                t = (floor / notional[..., i] - 1) / slope[i]
            edges.append(np.where((t > 0) & (t < end), t, end))
    return np.sort(np.stack(edges, axis=-1), axis=-1), end


def _spare(account: Account, marks: Floats, slope: Floats, t: Floats) -> Floats:
    """Return equity less requirement of each position's backers at distances t, shape (..., pieces, n)."""
    grown = 1 + slope * t[..., None]
    now = marks[..., None, :]
    moved = now / grown if account.contracts[0].kind == "inverse" else now * grown
    frozen = account.convention.maintenance_at == "mark"
    return np.asarray(account.position_equity(moved) - account.position_requirement(now if frozen else moved))
