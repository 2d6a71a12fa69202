r"""A market has one price: what its legs need together in cross, and at which price they fail together.

Long and short of one contract move as one. In *x*, the price (of an inverse contract: one over it), every notional
and every profit is a straight line, so that what the pool has to spare is

.. math:: B + \sum_i \delta_i a_i (x - x_i) - \sum_i \left( r_i \hat a_i x - c_i s_i \right) - \varphi \sum_i a_i x

with what stands behind the market *B*, amounts :math:`a_i` (size times multiplier), entries :math:`x_i`, the amount
:math:`\hat a_i` that maintenance is charged on, its share :math:`s_i` of what the bracket counts, and rate and
deduction of that bracket. Between the bounds of brackets it is straight; a pool may fail below, above, or both.

Where the rate grows without steps, by :math:`f (\hat v_i x)^p` with what counts of a leg :math:`\hat v_i x`, a piece is

.. math:: c + s x - k x^{1 + p}, \qquad k = \sum_i f \hat a_i \hat v_i^p

which rises up to :math:`x = (s / ((1 + p) k))^{1/p}` and falls from there on. On either side it meets zero once at
most, and Newton's steps from outside never go beyond that: the curve lies below each of its tangents.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import _checks
from .._checks import ArgumentError
from .._typing import Bools, Floats, Integers
from .contracts import Contract
from .rules import Convention
from .tiers import Tiers

TOWARD = ("down", "up")
# More than Newton's steps ever take, which halve what is missing where a curve just touches zero.
STEPS = 100
# Beyond this nothing is looked for, which no price comes near.
END = 1e100


def counted(how: str, size: Floats, column: Floats) -> Floats:
    """Return what counts of a column of legs, for each leg, shape (..., legs).

    Parameters
    ----------
    how
        One of those of ``Convention.brackets_count``.
    size
        Signed, shape (..., legs).
    column
        Notionals or sizes without signs, of that shape.

    Returns
    -------
    array
        Each leg's own, or what they are together.
    """
    if how == "leg":
        return column
    long, short = _sides(size, column)
    both = {"net": np.abs(long - short), "larger": np.maximum(long, short), "both": long + short}[how]
    return np.broadcast_to(both, column.shape)


def charged(how: str, size: Floats, column: Floats) -> Floats:
    """Return what of each leg margin is charged on, shape (..., legs).

    Parameters
    ----------
    how
        One of those of ``Convention.charged``.
    size, column
        As `counted` takes them.

    Returns
    -------
    array
        The column, as far as it is charged; 0 on a side that is not.
    """
    if how == "each":
        return column
    long, short = _sides(size, column)
    larger = np.where(np.where(long >= short, size > 0, size < 0), column, 0.0)
    if how == "larger":
        return larger
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.abs(long - short) / np.maximum(long, short)
    return np.where(larger > 0, larger * part, 0.0)


def charge(size: Floats, column: Floats, convention: Convention) -> tuple[Floats, Floats]:
    """Return what each leg is charged on, and what share that is of what its bracket counts, shapes (..., legs)."""
    on, whole = charged(convention.charged, size, column), counted(convention.brackets_count, size, column)
    return on, np.divide(on, whole, out=np.zeros(np.broadcast_shapes(on.shape, whole.shape)), where=whole > 0)


def maintenance_margin(contract: Contract, size: Floats, notional: Floats, convention: Convention) -> Floats:
    """Return the maintenance margin of each cross leg of one market, in the bracket that the venue counts.

    Parameters
    ----------
    contract
        What all legs are in.
    size, notional
        Of each leg, shape (..., legs).
    convention
        How the venue counts.

    Returns
    -------
    array
        Shape (..., legs), in the contract's currency: *r V - c* of what the bracket counts, as large a part of it as
        the leg is charged.
    """
    amount = np.abs(size) if contract.tiers.measured_in == "contracts" else notional
    rate, deduction = contract.tiers.terms_unchecked(counted(convention.brackets_count, size, amount))
    on, share = charge(size, notional, convention)
    return np.where(on > 0, rate * on - deduction * share, 0.0)


@dataclass(frozen=True, eq=False)
class Market:
    """The cross legs of one contract, and what stands behind them.

    Attributes
    ----------
    contract
        What all legs are in.
    size, entry
        Shape (..., legs).
    backing
        Wallet, and what the other markets add or need, less what the legs must hold whatever the price;
        shape (...).
    mark
        Their one price now, shape (...).
    convention
        How the venue counts.
    """

    contract: Contract
    size: Floats
    entry: Floats
    backing: Floats
    mark: Floats
    convention: Convention

    def liquidation_price(self, toward: str | None = None) -> Floats:
        """Return the price at which the pool fails, down, up, or the nearer of the two; ``nan`` for none.

        Where it fails already it is the boundary that was crossed: falling, the one above.
        """
        at = self.convention.maintenance_at
        slope = self._net - self.convention.fee_at("liquidation") * self._amount.sum(axis=-1)
        if at != "liquidation":
            notional = self._amount * self._x(self.entry if at == "entry" else self.mark[..., None])
            frozen = maintenance_margin(self.contract, self.size, notional, self.convention)
            return self._of_one_piece(toward, self._at_zero - frozen.sum(axis=-1), slope)
        edges, bracket = self._pieces()
        on, share = charge(self.size, self._amount, self.convention)
        _, rates, deductions, _ = self.contract.tiers.table
        constant = self._at_zero[..., None] + (deductions[bracket] * share[..., None, :]).sum(axis=-1)
        slopes = slope[..., None] - (rates[bracket] * on[..., None, :]).sum(axis=-1)
        curve = self._curve(bracket, on)
        if self.contract.tiers.measured_in == "contracts":
            slopes, curve = slopes - curve, np.zeros(())  # the price does not move it
        return self._asked(toward, edges[..., :-1], edges[..., 1:], constant, slopes, curve)

    def bankruptcy_price(self, toward: str | None = None) -> Floats:
        """Return the price at which nothing is left behind the legs, as `liquidation_price` does.

        It is the net of them that uses it up: where a fee on both sides would outweigh what the net brings, no move
        of this market does.
        """
        slope = self._net - self.convention.fee_at("bankruptcy") * self._amount.sum(axis=-1)
        return self._of_one_piece(toward, self._at_zero, np.where(slope * self._net > 0, slope, 0.0))

    def bankruptcy_fee(self) -> Floats:
        """Return the closing fee of each leg on its value at the bankruptcy price, 0 where there is none."""
        price = self.bankruptcy_price()[..., None]
        value = self._amount * self._x(np.where(np.isnan(price), self.mark[..., None], price))
        return np.where(np.isnan(price), 0.0, self.convention.fee_at("bankruptcy") * value)

    @cached_property
    def _amount(self) -> Floats:
        return np.abs(self.size) * self.contract.multiplier

    @cached_property
    def _net(self) -> Floats:
        """What a step of *x* brings to all legs together."""
        return np.asarray((np.asarray(self.contract.direction(self.size)) * self._amount).sum(axis=-1))

    @cached_property
    def _at_zero(self) -> Floats:
        """What would be left at *x* = 0."""
        at_entry = np.asarray(self.contract.direction(self.size)) * self._amount * self._x(self.entry)
        return np.asarray(self.backing - at_entry.sum(axis=-1))

    def _x(self, price: Floats) -> Floats:
        return price if self.contract.kind == "linear" else 1 / price

    def _pieces(self) -> tuple[Floats, Integers]:
        """Return where the brackets of the legs change, shape (..., pieces + 1), and those inside each piece."""
        tiers, how = self.contract.tiers, self.convention.brackets_count
        if tiers.measured_in == "contracts":
            edges = np.broadcast_to(np.array([0.0, np.inf]), (*self._amount.shape[:-1], 2))
            return edges, tiers.bracket_unchecked(counted(how, self.size, np.abs(self.size))[..., None, :])
        amount = counted(how, self.size, self._amount)
        edges = _edges(tiers, amount)
        return edges, tiers.bracket_unchecked(_inside(edges)[..., None] * amount[..., None, :])

    def _curve(self, bracket: Integers, on: Floats) -> Floats:
        """Return in each piece what a rate that grows adds up to over the legs, *k* above; 0 where it stands still."""
        tiers = self.contract.tiers
        if tiers.growth is None:
            return np.zeros(())
        amount = np.abs(self.size) if tiers.measured_in == "contracts" else self._amount
        counts = counted(self.convention.brackets_count, self.size, amount)[..., None, :]
        return np.asarray((tiers.factors[bracket] * on[..., None, :] * counts**tiers.growth.power).sum(axis=-1))

    def _of_one_piece(self, toward: str | None, constant: Floats, slope: Floats) -> Floats:
        """Return the price asked for where nothing but the price changes."""
        whole = np.zeros((*constant.shape, 1))
        return self._asked(toward, whole, whole + np.inf, constant[..., None], slope[..., None], np.zeros(()))

    def _asked(
        self, toward: str | None, start: Floats, stop: Floats, constant: Floats, slope: Floats, curve: Floats
    ) -> Floats:
        """Return the price asked for, given the pieces in which what is spare is c + s *x*, less k *x*^(1 + p)."""
        money = np.abs(self.backing) + (self._amount * self._x(self.entry)).sum(axis=-1)
        # A backing that is the whole value, less rounding, leaves nothing to lose.
        left = np.where(np.abs(constant) <= 8 * np.finfo(float).eps * money[..., None], 0.0, constant)
        growth = self.contract.tiers.growth
        if growth is not None and curve.any():
            start, stop, root, rises = _curved(start, stop, left, slope, curve, growth.power)
        else:
            root, rises = _straight(left, slope), slope > 0
        lower, upper = _boundaries(self._x(self.mark)[..., None], start, stop, root, rises)
        with np.errstate(divide="ignore"):
            down, up = (lower, upper) if self.contract.kind == "linear" else (1 / upper, 1 / lower)
        down, up = (np.where((price > 0) & (price < np.inf), price, np.nan) for price in (down, up))
        if toward is not None:
            return down if toward == "down" else up
        nearer = np.isnan(up) | (np.abs(down - self.mark) <= np.abs(up - self.mark))
        return np.where(nearer, down, up)


def way_of(toward: str | None) -> str | None:
    """Return the direction asked for, checked."""
    return toward if toward is None else _checks.one_of("toward", toward, TOWARD)


def if_that_way(way: str | None, size: Floats, price: Floats) -> Floats:
    """Return the prices of lone legs that lie in a direction: a long fails as the price falls, a short as it rises."""
    return price if way is None else np.where((size > 0) == (way == "down"), price, np.nan)


def one_mark(size: Floats, marks: Floats) -> Floats:
    """Return the one price of the open legs of a market, shape (...); a closed leg has no say in it."""
    held, prices = np.broadcast_arrays(size != 0, marks)
    first = np.take_along_axis(prices, held.argmax(axis=-1)[..., None], axis=-1)
    other = held & (prices != first)
    if other.any():
        two = np.broadcast_to(first, prices.shape)[other][0], prices[other][0]
        raise ArgumentError("marks", f"must be one for all legs of a market, not {two[0]:,.10g} and {two[1]:,.10g}")
    return np.asarray(first[..., 0])


def _sides(size: Floats, column: Floats) -> tuple[Floats, Floats]:
    """Return the sums over the long and over the short legs, shape (..., 1)."""
    long, short = (np.where(side, column, 0.0).sum(axis=-1, keepdims=True) for side in (size > 0, size < 0))
    return long, short


def _edges(tiers: Tiers, amount: Floats) -> Floats:
    """Return where a leg enters another bracket, in order, between 0 and ``inf``; shape (..., pieces + 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = np.where(amount[..., None] > 0, tiers.table[0][1:] / amount[..., None], np.inf)
    bounds = np.sort(bounds.reshape(*amount.shape[:-1], -1), axis=-1)
    ends = np.zeros((*bounds.shape[:-1], 1))
    return np.concatenate([ends, bounds, ends + np.inf], axis=-1)


def _inside(edges: Floats) -> Floats:
    """Return a place inside each piece, the last of which has no end."""
    start, stop = edges[..., :-1], edges[..., 1:]
    return np.where(np.isfinite(stop), (start + stop) / 2, np.where(np.isfinite(start), 2 * start + 1, 1.0))


def _straight(constant: Floats, slope: Floats) -> Floats:
    """Return where constant + slope *x* is 0; of a level one, all of which fails or nothing, ``-inf`` or ``inf``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(slope == 0, np.where(constant > 0, np.inf, -np.inf), -constant / slope)


def _curved(
    start: Floats, stop: Floats, constant: Floats, slope: Floats, curve: Floats, power: float
) -> tuple[Floats, Floats, Floats, Bools]:
    """Return the pieces of c + s *x* - k *x*^(1 + p) cut where they are highest: start, stop, root, which ones rise.

    A root of ``-inf`` or ``inf`` is that of a piece without one: it stands on one side of zero.
    """
    columns = np.broadcast_arrays(start, stop, constant, slope, curve)
    start, stop, constant, slope, curve = columns
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        top = np.where(slope > 0, (np.maximum(slope, 0.0) / ((1 + power) * curve)) ** (1 / power), 0.0)
        highest = np.clip(np.minimum(top, END), start, stop)
        # Beyond one of these no more is left than the curve takes.
        reach = np.where(
            slope < 0,
            np.fmin(constant / -slope, (np.maximum(constant, 0.0) / curve) ** (1 / (1 + power))),
            np.fmax(
                (2 * np.maximum(slope, 0.0) / curve) ** (1 / power),
                (2 * np.maximum(constant, 0.0) / curve) ** (1 / (1 + power)),
            ),
        )
    at_start, at_highest, at_stop = (_height(x, constant, slope, curve, power) for x in (start, highest, stop))
    far = np.clip(reach, highest, stop)
    climbs, sinks = (at_start < 0) & (at_highest >= 0), (at_highest > 0) & (at_stop <= 0) & (far < END)
    up = _newton(start, highest, climbs, constant, slope, curve, power)
    down = _newton(far, highest, sinks, constant, slope, curve, power)
    up = np.where(climbs, up, np.where(at_start >= 0, -np.inf, np.inf))
    down = np.where(sinks, down, np.where(at_highest <= 0, -np.inf, np.inf))
    rises = np.broadcast_to(np.repeat([True, False], start.shape[-1]), (*start.shape[:-1], 2 * start.shape[-1]))
    return (
        np.concatenate([start, highest], axis=-1),
        np.concatenate([highest, stop], axis=-1),
        np.concatenate([up, down], axis=-1),
        rises,
    )


def _height(x: Floats, constant: Floats, slope: Floats, curve: Floats, power: float) -> Floats:
    """Return c + s *x* - k *x*^(1 + p), at the end of the line too."""
    with np.errstate(invalid="ignore", over="ignore"):
        endless = np.where(curve > 0, -np.inf, np.where(slope != 0, np.sign(slope) * np.inf, constant))
        return np.where(np.isinf(x), endless, constant + x * (slope - curve * x**power))


def _newton(
    x: Floats, highest: Floats, active: Bools, constant: Floats, slope: Floats, curve: Floats, power: float
) -> Floats:
    """Return the root between *x*, where c + s *x* - k *x*^(1 + p) is below 0, and where it is highest."""
    x, c, s, k, toward = (column[active] for column in (x, constant, slope, curve, highest))
    way, moved, steps = np.sign(toward - x), True, 0
    while moved and steps < STEPS:
        with np.errstate(divide="ignore", invalid="ignore"):
            step = -(c + x * (s - k * x**power)) / (s - (1 + power) * k * x**power)
        # Only rounding could turn it round, or take it past the top.
        onward = np.where(step * way > 0, x + step, x)
        onward = np.where(way > 0, np.minimum(onward, toward), np.maximum(onward, toward))
        x, moved, steps = onward, bool((onward != x).any()), steps + 1
    root = np.empty(active.shape)
    root[active] = x
    return root


def _boundaries(now: Floats, start: Floats, stop: Floats, root: Floats, rises: Bools) -> tuple[Floats, Floats]:
    """Return where failing begins below and above `now`; where it fails now, the ends of that above and below."""
    real = start < stop
    # A piece that rises fails up to its root, one that falls from there on; a level one as a whole or nowhere.
    failing = (
        np.where(rises, start, np.maximum(root, start)),
        np.where(rises, np.minimum(root, stop), stop),
        real & np.where(rises, root > start, root <= stop),
    )
    safe = (
        np.where(rises, np.maximum(root, start), start),
        np.where(rises, stop, np.minimum(root, stop)),
        real & np.where(rises, root < stop, root > start),
    )
    fails = ((start < now) & (now <= stop) & failing[2] & (failing[0] <= now) & (now <= failing[1])).any(axis=-1)
    return (
        np.where(fails, _first_above(now, safe), _last_below(now, failing)),
        np.where(fails, _last_below(now, safe), _first_above(now, failing)),
    )


def _first_above(now: Floats, intervals: tuple[Floats, Floats, Bools]) -> Floats:
    """Return where the first of the intervals from `now` on begins, ``inf`` for none."""
    start, _, there = intervals
    return np.asarray(np.where(there & (start >= now), start, np.inf).min(axis=-1))


def _last_below(now: Floats, intervals: tuple[Floats, Floats, Bools]) -> Floats:
    """Return where the last of the intervals up to `now` ends, ``-inf`` for none."""
    _, stop, there = intervals
    return np.asarray(np.where(there & (stop <= now), stop, -np.inf).max(axis=-1))
