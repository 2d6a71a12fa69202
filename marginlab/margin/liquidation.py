r"""At which price backing no longer covers maintenance: one formula for every case.

Everything is solved in notional *V* rather than in price, because profit and loss is
linear in it for both kinds of contract: :math:`\delta (V - V_E)`, with :math:`\delta = +1`
where profit grows with notional (a linear long, an inverse short) and -1 elsewhere. A position
is liquidated where

.. math:: B + \delta (V - V_E) = r_n V - c_n + \varphi V
   \quad\Rightarrow\quad V = \frac{\delta V_E - B - c_n}{\delta - r_n - \varphi}

with backing *B*, bracket rate and deduction :math:`r_n, c_n` and closing fee :math:`\varphi`.
The margin modes differ in *B* and in nothing else. Where the rate grows with *V* without steps, it is solved as that
of a market of one leg: see `legs`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Floats, Integers, Numbers
from . import legs
from .contracts import Columns, Contract, price_of
from .rules import Convention


def liquidation_price(
    contract: Contract,
    size: ArrayLike,
    entry: ArrayLike,
    backing: ArrayLike,
    *,
    mark: ArrayLike | None = None,
    leverage: ArrayLike | None = None,
    convention: Convention | None = None,
    toward: str | None = None,
) -> Numbers:
    """Return the price at which a position's backing plus its profit meets its requirement.

    Parameters
    ----------
    contract, size, entry
        The position; size signed, entry a price above 0.
    backing
        What stands behind it, in the contract's currency: the margin set aside for an
        isolated position, ``Account.backing`` for a cross one. Any sign.
    mark
        Current price; entry if left out. It decides where maintenance frozen at the mark is
        taken and, for brackets without deductions, which of two solutions is met first. One that
        fails already is given the boundary that it has crossed.
    leverage
        Its setting: needed where the venue takes the closing fee on the value which that implies.
    convention
        How the venue counts.
    toward
        ``"down"`` or ``"up"``, if only that is asked for. A long fails as the price falls and a short as it rises;
        where the rate grows without steps it may fail both ways, and the nearer price is told by default.

    Returns
    -------
    float or array
        The arguments' common shape. ``nan`` means that no positive price solves the equation:
        the position cannot be liquidated by its own price (or, with a backing so negative
        that it could never be met, is liquidatable at every price).

    Raises
    ------
    ArgumentError
        For prices of 0 or below, numbers that are not finite, shapes that do not broadcast, and a closing fee that
        leaves nothing beside the maintenance rate, another direction.

    Examples
    --------
    One BTC bought at 20,000 with 400 of margin and 0.5 % maintenance:

    >>> from marginlab import Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.005))
    >>> round(liquidation_price(btc, 1, 20_000, 400), 2)
    19698.49
    >>> liquidation_price(btc, 1, 20_000, 400, convention=Convention(maintenance_at="entry"))
    19700.0
    """
    convention = _of(contract, convention)
    size, entry = _checks.numbers("size", size), _checks.positive("entry", entry)
    backing = _checks.numbers("backing", backing)
    mark = entry if mark is None else _checks.positive("mark", mark)
    _checks.broadcastable(size=size.shape, entry=entry.shape, backing=backing.shape, mark=mark.shape)
    size, entry, backing, mark = np.broadcast_arrays(size, entry, backing, mark)
    _check_fee(contract, convention)
    backing = backing - bankruptcy_fee(contract, size, entry, backing, convention)
    if convention.fee_at("leverage"):
        if leverage is None:
            raise ArgumentError("leverage", "must be given where the closing fee is on the value that it implies")
        times = _checks.positive("leverage", leverage)
        _checks.broadcastable(positions=size.shape, leverage=times.shape)
        backing = backing - leverage_fee(contract, size, entry, times, convention)
        size, entry, backing, mark = np.broadcast_arrays(size, entry, backing, mark)
    way = legs.way_of(toward)
    fee = convention.fee_at("liquidation")
    if convention.maintenance_at == "liquidation":
        if contract.tiers.growth is not None:
            alone = legs.Market(contract, size[..., None], entry[..., None], backing, mark, convention)
            return _checks.plain(alone.liquidation_price(way))
        notional = _first_failing(contract, size, entry, backing, mark, fee)
    else:
        frozen_at = entry if convention.maintenance_at == "entry" else mark
        frozen = contract.maintenance_margin(size, frozen_at)
        notional = _solve(contract, size, entry, backing, 0.0, -frozen, fee)
    price = price_of(contract, size, notional)
    return _checks.plain(legs.if_that_way(way, size, price))


def bankruptcy_price(
    contract: Contract,
    size: ArrayLike,
    entry: ArrayLike,
    backing: ArrayLike,
    *,
    convention: Convention | None = None,
) -> Numbers:
    """Return the price at which a position has used up its whole backing.

    The liquidation formula without maintenance; where the venue charges the closing fee on
    the bankruptcy value, with that fee.

    Parameters
    ----------
    contract, size, entry, backing, convention
        As in :func:`liquidation_price`.

    Returns
    -------
    float or array
        As in :func:`liquidation_price`, with ``nan`` for the same reason.

    Raises
    ------
    ArgumentError
        For an entry of 0 or below, numbers that are not finite, and shapes that do not broadcast.

    Examples
    --------
    >>> from marginlab import Tiers
    >>> round(bankruptcy_price(Contract("BTCUSD", Tiers.flat(0.005), kind="inverse"), 100, 100, 0.01), 4)
    99.0099
    """
    convention = _of(contract, convention)
    size, entry = _checks.numbers("size", size), _checks.positive("entry", entry)
    backing = _checks.numbers("backing", backing)
    _checks.broadcastable(size=size.shape, entry=entry.shape, backing=backing.shape)
    notional = _bankruptcy_notional(contract, size, entry, backing, convention)
    return _checks.plain(price_of(contract, size, notional))


def _of(contract: Contract, convention: Convention | None) -> Convention:
    """Return how the venue counts; refuse what is no contract and no convention."""
    _checks.instance("contract", contract, Contract)
    return Convention() if convention is None else _checks.instance("convention", convention, Convention)


def bankruptcy_fee(
    contract: Contract | Columns, size: Floats, entry: Floats, backing: Floats, convention: Convention
) -> Numbers:
    """Return the closing fee on the value at the bankruptcy price; 0 where it is not charged there. Unchecked."""
    fee = convention.fee_at("bankruptcy")
    if not fee:
        return 0.0
    notional = _bankruptcy_notional(contract, size, entry, backing, convention)
    return fee * np.where(np.asarray(size) != 0, np.maximum(notional, 0.0), 0.0)


def leverage_fee(
    contract: Contract | Columns, size: Floats, entry: Floats, leverage: Floats, convention: Convention
) -> Floats:
    r"""Return the closing fee on the value at the bankruptcy price that the leverage implies; 0 where that is none.

    With nothing but its initial margin :math:`V_E / L` behind it a position is used up at the notional
    :math:`V_E (1 - \delta / L)`. Unchecked.
    """
    share = np.where(np.asarray(size) != 0, np.maximum(1 - contract.direction(size) / leverage, 0.0), 0.0)
    return np.asarray(convention.fee_at("leverage") * contract.notional(size, entry) * share)


def _check_fee(contract: Contract, convention: Convention) -> None:
    """Refuse a closing fee that leaves nothing beside the maintenance rate."""
    if max(contract.tiers.rates) + convention.fee_at("liquidation") >= 1:
        raise ArgumentError(
            "closing_fee", f"must leave it below 1 with the maintenance rate, not {shown(convention.closing_fee)}"
        )


def _solve(
    contract: Contract | Columns,
    size: Floats,
    entry: Floats,
    backing: Floats,
    rate: Numbers,
    deduction: Numbers,
    fee: float,
) -> Floats:
    """Return the notional that solves the equation in one bracket."""
    at_entry = contract.direction(size) * contract.notional(size, entry)
    left = at_entry - backing - deduction
    # A backing that is the whole value, less rounding, leaves nothing to lose.
    rounding = 8 * np.finfo(float).eps * (np.abs(at_entry) + np.abs(backing) + np.abs(deduction))
    left = np.where(np.abs(left) <= rounding, 0.0, left)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(left, contract.direction(size) - rate - fee)


def _bankruptcy_notional(
    contract: Contract | Columns, size: Floats, entry: Floats, backing: Floats, convention: Convention
) -> Floats:
    return _solve(contract, size, entry, backing, 0.0, 0.0, convention.fee_at("bankruptcy"))


def _first_failing(
    contract: Contract, size: Floats, entry: Floats, backing: Floats, mark: Floats, fee: float
) -> Floats:
    """Return the first failing notional met from the mark; where it fails there, the first that does not."""
    floors, rates, deductions, _ = contract.tiers.table
    if contract.tiers.measured_in == "contracts":
        bracket = contract.tiers.bracket(np.abs(size))
        return _solve(contract, size, entry, backing, rates[bracket], deductions[bracket], fee)
    if contract.tiers.without_jumps:
        bracket = _failing_bracket(contract, size, entry, backing, fee)
        return _solve(contract, size, entry, backing, rates[bracket], deductions[bracket], fee)
    upper = np.append(floors[1:], np.inf)
    sizes, entries, backings = (np.asarray(value, dtype=float)[..., None] for value in (size, entry, backing))
    solved = _solve(contract, sizes, entries, backings, rates, deductions, fee)
    # Losing as the notional falls: each bracket fails from its floor up to the solution.
    fails_up_to = np.where(solved > floors, np.minimum(solved, upper), -np.inf)
    start = np.asarray(contract.notional(size, mark))[..., None]
    failing_now = ((floors < start) & (start <= fails_up_to)).any(axis=-1)
    last_failing = np.where(floors < start, fails_up_to, -np.inf).max(axis=-1)
    first_safe = np.where((upper > start) & (solved < upper), np.maximum(solved, floors), np.inf).min(axis=-1)
    falling = np.where(failing_now, first_safe, last_failing)
    # Losing as the notional rises: it fails from the solution, or from a jump at the floor, upwards.
    rising = np.where(solved <= upper, np.maximum(solved, floors), np.inf).min(axis=-1)
    return np.asarray(np.where(contract.direction(size) > 0, falling, rising))


def _failing_bracket(contract: Contract, size: Floats, entry: Floats, backing: Floats, fee: float) -> Integers:
    """Return the bracket of the failing notional: without jumps there is but one, whatever the mark.

    Notional less (short: plus) the requirement rises with it, so its values at the floors tell the bracket.
    """
    floors, rates, deductions, _ = contract.tiers.table
    if floors.size == 1:
        return np.zeros((), dtype=int)
    direction = contract.direction(size)
    sought = contract.notional(size, entry) - direction * backing
    long, short = (floors * (1 - way * (rates + fee)) + way * deductions for way in (1, -1))
    above = np.where(direction > 0, np.searchsorted(long, sought), np.searchsorted(short, sought))
    return np.asarray(np.maximum(above - 1, 0))
