"""How far marks may move, one market or all together, before a position, or the whole pool, has nothing to spare.

Along a straight line of marks each notional, and with it equity and requirement, is a straight line too, kinked where
a position enters another bracket, or an asset another slice of its collateral ratio. Each straight piece is solved
exactly and the first failing one is taken. Where a rate grows without steps a piece bends down, so that it still meets
zero once at most from above: there it is halved until nothing is left.

Marks go as :math:`P_i (1 + b_i t)`, but of an account whose contracts are all inverse as :math:`P / (1 + b t)`: its
notionals are what goes straight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ROUNDING, ArgumentError, shown
from .._typing import Bools, Floats, Numbers
from .collateral import Assets
from .contracts import Contract
from .legs import TOWARD
from .rules import Convention

# Beyond this distance nothing is looked for, and as often as this it can be halved (by ratio) until nothing is left.
FAR, HALVINGS = 1e30, 60


class Held(Protocol):
    """What is asked of an :class:`~marginlab.Account`."""

    @property
    def contracts(self) -> Sequence[Contract]:
        """As there."""

    @property
    def convention(self) -> Convention:
        """As there."""

    @property
    def assets(self) -> Assets:
        """As there."""

    @property
    def amounts(self) -> Floats:
        """As there."""

    @property
    def size(self) -> Floats:
        """As there."""

    @property
    def entry(self) -> Floats:
        """As there."""

    @property
    def isolated(self) -> Bools:
        """As there."""

    @property
    def moving_together(self) -> list[list[int]]:
        """As there."""

    def as_marks(self, marks: ArrayLike) -> Floats:
        """As there."""

    def liquidatable(self, marks: Floats) -> Bools:
        """As there."""

    def bracket_amount(self, marks: Floats) -> Floats:
        """As there."""

    def notional(self, marks: Floats) -> Floats:
        """As there."""

    def unrealized_pnl(self, marks: Floats) -> Floats:
        """As there."""

    def backing(self, marks: Floats, *, requirement: Numbers | None = None) -> Floats:
        """As there."""

    def of_market(self, column: Floats) -> Floats:
        """As there."""

    def spare(
        self, marks: Floats, *, maintenance_at: Floats | None = None, bankrupt: bool = False, own: bool = False
    ) -> Floats:
        """As there."""

    def beside_pieces(self) -> Held:
        """As there."""


def liquidation_move(account: Held, marks: ArrayLike, *, beta: ArrayLike = 1.0, toward: str = "down") -> Floats:
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

    >>> from marginlab import Account, Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01))
    >>> account = Account.of([Position(btc, 0.2, 50_000, mode="isolated", margin=1_000)])
    >>> print(f"{liquidation_move(account, [50_000.0])[0]:.4%}")
    -9.0909%
    """
    if not hasattr(account, "moving_together"):
        raise ArgumentError("account", f"must be of the class Account, not {shown(account)}")
    _checks.one_of("toward", toward, TOWARD)
    marks, beta = account.as_marks(marks), _as_beta(account, beta)
    away = 1.0 if toward == "up" else -1.0
    # How fast each notional changes along the line. Where all contracts are inverse they fall as prices rise.
    inverse = account.assets.all_inverse
    slope = np.full(beta.shape, -away) if inverse else away * beta
    distance = first_failing(account, marks, slope)
    distance = np.where(account.liquidatable(marks), 0.0, distance)
    reached = np.isfinite(distance)
    distance = np.where(reached, distance, 0.0)
    move = -distance * slope / (1 + distance * slope) / beta if inverse else away * distance
    return np.where(reached & (account.size != 0), move + 0.0, np.nan)


def _as_beta(account: Held, given: ArrayLike) -> Floats:
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
    if account.assets.all_inverse and ((beta != beta[0]).any() or beta[0] <= 0):
        raise ArgumentError("beta", f"must be one positive number for inverse contracts, not {beta.tolist()}")
    return beta


def spare_on_the_way(account: Held, marks: Floats, slope: Floats, far: Floats) -> Floats:
    """Return what each position has to spare wherever that may be least on the way to a distance. Unchecked.

    Parameters
    ----------
    account, marks
        The account at the start; marks of shape (..., n).
    slope
        How fast each column of marks changes along the line; 0 for what stands still.
    far
        Up to which distance, shape (...), before any price ends.

    Returns
    -------
    array
        In what each settles in, that of the pool in the account's currency, shape (..., places, n): at both ends, and
        on either side of each edge between. Elsewhere it is not less, for from edge to edge it is straight, or bends
        down.
    """
    far = np.asarray(far)[..., None]
    edges = np.minimum(_edges(account, marks, slope, far)[0], far)
    within = ROUNDING * (1 + edges)
    places = np.concatenate([edges - within, edges + within, np.maximum(edges[..., :1], far)], axis=-1)
    each, now = account.beside_pieces(), marks[..., None, :]
    frozen = now if account.convention.maintenance_at == "mark" else None
    return each.spare(_moved(account, now, slope, np.clip(places, 0.0, far)), maintenance_at=frozen, own=True)


def first_failing(
    account: Held, marks: Floats, slope: Floats, *, bankrupt: bool = False, recovers: bool = False
) -> Floats:
    """Return the first distance t >= 0 at which each position has nothing to spare, ``inf`` if none does.

    Parameters
    ----------
    account
        What is held.
    marks
        All of them, shape (..., columns).
    slope
        How fast each moves, shape (columns,).
    bankrupt
        Whether nothing is required.
    recovers
        Look for the first distance at which there is something to spare instead.

    Returns
    -------
    array
        Shape (..., n).
    """
    edges, end = _edges(account, marks, slope)
    start, stop = edges[..., :-1], edges[..., 1:]
    real = stop > start + ROUNDING * (1 + start)  # narrower pieces are one edge, met twice
    start = np.where(real, start, 0.0)
    width = np.where(real, stop, start) - start
    sign = -1.0 if recovers else 1.0
    each, now = account.beside_pieces(), marks[..., None, :]

    def left(t: Floats) -> Floats:
        """Return what each position has to spare at distances t, (..., pieces, n)."""
        frozen = now if account.convention.maintenance_at == "mark" else None
        return sign * each.spare(_moved(account, now, slope, t), maintenance_at=frozen, bankrupt=bankrupt)

    grows = account.convention.maintenance_at == "liquidation" and any(one.tiers.growth for one in account.contracts)
    if grows and not bankrupt:
        first = _of_curves(left, start, start + width, len(account.contracts))
    else:
        first = _of_lines(left, start, width, strictly=recovers)
    first = np.where(real[..., None] & (first < end * (1 - ROUNDING)), first, np.inf)
    return np.asarray(first.min(axis=-2))


def _of_lines(left: Callable[[Floats], Floats], start: Floats, width: Floats, *, strictly: bool) -> Floats:
    """Return where what is left first is 0 or below in each piece, or strictly below; ``inf`` for nowhere.

    Shape (..., pieces, n).
    """
    # Two points of a piece give its line. Not too far along: a bracket may end at a billion times the price.
    near, far = (start + part * np.minimum(width, 1 + start) for part in (0.25, 0.75))
    spare_near, spare_far = left(near), left(far)
    start, width = start[..., None], width[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = (spare_far - spare_near) / (far - near)[..., None]
        at_start = spare_near - steep * (near[..., None] - start)
        root = start - at_start / steep
        fails_by_stop = (steep < 0) & (at_start + steep * width <= 0)
    at_once = at_start < 0 if strictly else at_start <= 0
    return np.where(at_once, start, np.where(fails_by_stop, root, np.inf))


def _of_curves(left: Callable[[Floats], Floats], start: Floats, stop: Floats, n: int) -> Floats:
    """Return the same where pieces bend."""
    pieces = start.shape[-1]

    def apart(t: Floats) -> Floats:
        """Return what each position has to spare at a distance of its own."""
        spare = left(t.reshape(*t.shape[:-2], pieces * n))
        return np.diagonal(spare.reshape(*spare.shape[:-2], pieces, n, n), axis1=-2, axis2=-1)

    near = np.minimum(start, FAR)
    # Just inside: on an edge rounding would decide which bracket holds.
    low = np.broadcast_to((near + ROUNDING / 4 * (1 + near))[..., None], (*start.shape, n))
    high = np.minimum(stop, FAR * (1 + near))
    high = np.broadcast_to((high - ROUNDING / 4 * (1 + high))[..., None], low.shape)
    at_once, later = apart(low) <= 0, apart(high) <= 0
    for _ in range(HALVINGS):
        middle = np.sqrt(1 + low) * np.sqrt(1 + high) - 1
        fails = apart(middle) <= 0
        low, high = np.where(fails, low, middle), np.where(fails, middle, high)
    found = np.where(at_once, start[..., None], np.where(later, high, np.inf))
    return np.where(start[..., None] < FAR, found, np.inf)


def _edges(account: Held, marks: Floats, slope: Floats, far: Numbers = np.inf) -> tuple[Floats, float]:
    """Return where the spare has a kink or a jump, from 0 to the end of the line, in order, and that end.

    What lies beyond a distance `far` (..., 1) that is enough may be left out.
    """
    end = float((-1 / slope[slope < 0]).min()) if (slope < 0).any() else np.inf
    amount = account.bracket_amount(marks)
    kinks: list[Floats] = [np.full(amount.shape, end)]
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, contract in enumerate(account.contracts):
            if contract.tiers.measured_in == "notional":
                grown = contract.tiers.table[0][1:] / amount[..., i : i + 1]
                # Of a coin's own contract in a pool of several assets the notional falls as the price rises.
                grown = 1 / grown if contract.kind == "inverse" and not account.assets.all_inverse else grown
                kinks.append((grown - 1) / slope[i])
        if account.convention.fee_at("bankruptcy"):
            kinks.append(_bankruptcy_edges(account, marks, slope, end))
        kinks += _collateral_edges(account, marks, slope, end)
    shape = np.broadcast_shapes(*(kink.shape[:-1] for kink in kinks))
    every = np.concatenate([np.broadcast_to(kink, (*shape, kink.shape[-1])) for kink in kinks], axis=-1)
    within = (every > 0) & (every < end)
    # Most lie beyond: one of these is enough.
    most = int((within & (every < far)).sum(axis=-1).max(initial=0)) + 1
    every = np.sort(np.where(within, every, end), axis=-1)[..., :most]
    return np.concatenate([np.zeros((*shape, 1)), every], axis=-1), end


def _collateral_edges(account: Held, marks: Floats, slope: Floats, end: float) -> Iterator[Floats]:
    """Yield where what is held of each asset, profit and loss in it, enters another slice of its ratio.

    Its value is straight along the line, and so is what a floor is worth, be the floor an amount or a value.
    """
    assets = account.assets
    if not assets.names:
        return
    speed, far = assets.moving(slope), min(end, 2.0) / 2
    (value, price), (value_far, _) = (
        _held_of_assets(account, _moved(account, marks, slope, np.array(t))) for t in (0.0, far)
    )
    for i, ratio in enumerate(assets.ratios):
        floors = np.asarray(ratio.floors)
        by_value = ratio.measured_in == "value"
        worth = floors if by_value else floors * price[..., i : i + 1]
        rise = (value_far - value)[..., i : i + 1] / far - (0.0 if by_value else worth * speed[i])
        yield (worth - value[..., i : i + 1]) / rise


def _held_of_assets(account: Held, marks: Floats) -> tuple[Floats, Floats]:
    """Return the value of each asset with profit and loss in it, and its price, (..., assets)."""
    pnl, price = np.where(account.isolated, 0.0, account.unrealized_pnl(marks)), account.assets.prices(marks)
    gained = np.stack([pnl[..., rows].sum(axis=-1) for rows in account.assets.of_asset], axis=-1)
    return (account.amounts + gained) * price, price


def _bankruptcy_edges(account: Held, marks: Floats, slope: Floats, end: float) -> Floats:
    """Return where a position gets, or loses, a bankruptcy price, and with it the closing fee there."""
    far = min(end, 2.0) / 2
    near_backing, far_backing = (
        account.backing(_moved(account, marks, slope, np.array(t)), requirement=0.0) for t in (0.0, far)
    )
    contract = account.contracts[0]
    at_entry = account.of_market(contract.direction(account.size) * account.notional(account.entry))
    return np.asarray((at_entry - near_backing) / (far_backing - near_backing) * far)


def _moved(account: Held, marks: Floats, slope: Floats, t: Floats) -> Floats:
    """Return the marks at distances t."""
    grown = 1 + slope * t[..., None]
    return marks / grown if account.assets.all_inverse else marks * grown
