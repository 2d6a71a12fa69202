"""How far the whole market may move before each position, or the whole pool, is liquidated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ROUNDING, ArgumentError
from .._typing import Floats
from .account import Account
from .legs import TOWARD

# Beyond this distance nothing is looked for, and as often as this it can be halved (by ratio) until nothing is left.
FAR, HALVINGS = 1e30, 60


def liquidation_move(account: Account, marks: ArrayLike, *, beta: ArrayLike = 1.0, toward: str = "down") -> Floats:
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

    Raises
    ------
    ArgumentError
        For marks or betas of another shape, betas of inverse contracts that differ, and another direction.

    Notes
    -----
    Along the move each notional, and with it equity and requirement, is a straight line in *s* (in
    the inverse of the price for inverse contracts), kinked where a position enters another bracket.
    Each straight piece is solved exactly and the first failing one is taken. Where a rate grows without steps a piece
    bends down, so that it still meets zero once at most from above: there it is halved until nothing is left.

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
    marks = account.as_marks(marks)
    beta = _checks.numbers("beta", beta)
    if beta.ndim > 1:
        raise ArgumentError("beta", f"must be one number or one a position, not of shape {beta.shape}")
    _checks.one_each(len(account.contracts), beta=beta)
    beta = np.broadcast_to(beta, (len(account.contracts),))
    for rows in account.rows_of.values():
        if (beta[rows] != beta[rows[0]]).any():
            raise ArgumentError("beta", f"must be one for all legs of a market, not {beta[rows].tolist()}")
    inverse = account.contracts[0].kind == "inverse"
    if inverse and ((beta != beta[0]).any() or beta[0] <= 0):
        raise ArgumentError("beta", f"must be one positive number for inverse contracts, not {beta.tolist()}")
    away = 1.0 if toward == "up" else -1.0
    # How fast each notional changes along the line. Inverse notionals fall as prices rise.
    slope = np.full(beta.shape, -away) if inverse else away * beta
    distance = _first_failing(account, marks, slope)
    reached = np.isfinite(distance)
    distance = np.where(reached, distance, 0.0)
    move = -distance * slope / (1 + distance * slope) / beta if inverse else away * distance
    return np.where(reached & (account.size != 0), move + 0.0, np.nan)


def spare_on_the_way(account: Account, marks: Floats, slope: Floats, far: Floats) -> Floats:
    """Return what each position has to spare wherever that may be least on the way to a distance. Unchecked.

    Parameters
    ----------
    account, marks
        The account at the start; marks of shape (..., n).
    slope
        How fast each notional changes along the line, shape (n,); 0 for markets that stand still.
    far
        Up to which distance, shape (...), before any price ends.

    Returns
    -------
    array
        Shape (..., places, n): at both ends, and on either side of each edge between. Elsewhere it is not less, for
        from edge to edge it is straight, or bends down.
    """
    far = np.asarray(far)[..., None]
    edges = np.minimum(_edges(account, marks, slope)[0], far)
    within = ROUNDING * (1 + edges)
    places = np.concatenate([edges - within, edges + within, np.maximum(edges[..., :1], far)], axis=-1)
    return _spare(account, marks, slope, np.clip(places, 0.0, far))


def _first_failing(account: Account, marks: Floats, slope: Floats) -> Floats:
    """Return the first distance t >= 0 at which each position fails, ``inf`` if none does.

    Notionals go as :math:`1 + b_i t` with slope :math:`b_i`, while all stay above 0.
    """
    edges, end = _edges(account, marks, slope)
    start, stop = edges[..., :-1], edges[..., 1:]
    real = stop > start + ROUNDING * (1 + start)  # narrower pieces are one edge, met twice
    start = np.where(real, start, 0.0)
    width = np.where(real, stop, start + 1) - start
    # Two points of a piece give its line. Not too far along: a bracket may end at a billion times the price.
    near, far = (np.where(real, start + part * np.minimum(width, 1 + start), 0.0) for part in (0.25, 0.75))
    if account.convention.maintenance_at == "liquidation" and any(one.tiers.growth for one in account.contracts):
        first = _of_curves(account, marks, slope, start, start + width)
        first = np.where(real[..., None] & (first < end * (1 - ROUNDING)), first, np.inf)
        return np.where(account.liquidatable(marks), 0.0, first.min(axis=-2))
    spare_near, spare_far = (_spare(account, marks, slope, t) for t in (near, far))
    start, width, real = start[..., None], width[..., None], real[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = (spare_far - spare_near) / (far - near)[..., None]
        at_start = spare_near - steep * (near[..., None] - start)
        root = start - at_start / steep
        fails_by_stop = (steep < 0) & (at_start + steep * width <= 0)
    first = np.where(at_start <= 0, start, np.where(fails_by_stop, root, np.inf))
    first = np.where(real & (first < end * (1 - ROUNDING)), first, np.inf)
    first = np.where(account.liquidatable(marks)[..., None, :], 0.0, first)
    return np.asarray(first.min(axis=-2))


def _of_curves(account: Account, marks: Floats, slope: Floats, start: Floats, stop: Floats) -> Floats:
    """Return in each piece where each position's spare first is 0 or below, ``inf`` for nowhere: (..., pieces, n)."""
    pieces, n = start.shape[-1], len(account.contracts)

    def left(t: Floats) -> Floats:
        """Return what each position has to spare at a distance of its own."""
        spare = _spare(account, marks, slope, t.reshape(*t.shape[:-2], pieces * n))
        return np.diagonal(spare.reshape(*spare.shape[:-2], pieces, n, n), axis1=-2, axis2=-1)

    near = np.minimum(start, FAR)
    # Just inside: on an edge rounding would decide which bracket holds.
    low = np.broadcast_to((near + ROUNDING / 4 * (1 + near))[..., None], (*start.shape, n))
    high = np.minimum(stop, FAR * (1 + near))
    high = np.broadcast_to((high - ROUNDING / 4 * (1 + high))[..., None], low.shape)
    at_once, later = left(low) <= 0, left(high) <= 0
    for _ in range(HALVINGS):
        middle = np.sqrt(1 + low) * np.sqrt(1 + high) - 1
        fails = left(middle) <= 0
        low, high = np.where(fails, low, middle), np.where(fails, middle, high)
    found = np.where(at_once, start[..., None], np.where(later, high, np.inf))
    return np.where(start[..., None] < FAR, found, np.inf)


def _edges(account: Account, marks: Floats, slope: Floats) -> tuple[Floats, float]:
    """Return where the requirement has a kink or a jump, from 0 to the end of the line, in order."""
    end = float((-1 / slope[slope < 0]).min()) if (slope < 0).any() else np.inf
    amount = account.bracket_amount(marks)
    kinks: list[Floats] = [np.full(amount.shape, end)]
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, contract in enumerate(account.contracts):
            if contract.tiers.measured_in == "notional":
                kinks += [(floor / amount[..., i : i + 1] - 1) / slope[i] for floor in contract.tiers.table[0][1:]]
        if account.convention.fee_at("bankruptcy"):
            kinks.append(_bankruptcy_edges(account, marks, slope, end))
    shape = np.broadcast_shapes(*(kink.shape[:-1] for kink in kinks))
    every = np.concatenate([np.broadcast_to(kink, (*shape, kink.shape[-1])) for kink in kinks], axis=-1)
    every = np.sort(np.where((every > 0) & (every < end), every, end), axis=-1)
    return np.concatenate([np.zeros((*shape, 1)), every], axis=-1), end


def _bankruptcy_edges(account: Account, marks: Floats, slope: Floats, end: float) -> Floats:
    """Return where a position gets, or loses, a bankruptcy price, and with it the closing fee there."""
    far = min(end, 2.0) / 2
    near_backing, far_backing = (
        account.backing(_moved(account, marks, slope, np.array(t)), requirement=0.0) for t in (0.0, far)
    )
    contract = account.contracts[0]
    at_entry = account.of_market(contract.direction(account.size) * account.notional(account.entry))
    return np.asarray((at_entry - near_backing) / (far_backing - near_backing) * far)


def _spare(account: Account, marks: Floats, slope: Floats, t: Floats) -> Floats:
    """Return equity less requirement of what each position hangs on, at distances t, shape (..., pieces, n)."""
    now = marks[..., None, :]
    moved = _moved(account, now, slope, t)
    each = _beside_pieces(account)
    frozen = account.convention.maintenance_at == "mark"
    need = each.maintenance_margin(now if frozen else moved) + each.closing_fee(moved)
    return np.asarray(each.position_equity(moved) - each.pooled(need))


def _moved(account: Account, marks: Floats, slope: Floats, t: Floats) -> Floats:
    """Return the marks at distances t."""
    grown = 1 + slope * t[..., None]
    return marks / grown if account.contracts[0].kind == "inverse" else marks * grown


def _beside_pieces(account: Account) -> Account:
    """Return the account with an axis for the pieces before that of the positions."""
    columns = {name: getattr(account, name)[..., None, :] for name in ("size", "entry", "margin", "leverage")}
    return replace(account, wallet=np.asarray(account.wallet)[..., None], **columns)
