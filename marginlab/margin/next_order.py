"""What the next order does: everything before it and after it, what the venue would refuse, and how large it may be.

An order is filled as the engine fills one at the mark: what is held against it is closed first, as far as it goes, and
the rest opened. Its market stands at its price as it is filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ROUNDING, ArgumentError
from .._typing import Bools, Floats, Integers, Numbers
from . import opening
from .account import Account
from .market_move import liquidation_move
from .open_orders import Order
from .rules import Rules
from .surviving import (
    any_row,
    at_stake,
    closed,
    last_holding,
    one_account,
    one_set,
    places_among,
    size_bounds,
    venue_rules,
)
from .tiers import Tiers

SIDES = {"long": 1.0, "short": -1.0}
# So many positions are asked about at once, those counted that stand beside each of them.
AT_ONCE = 400
# What the last digits of a sum may come to, as a share of it.
HAIR = 8 * np.finfo(float).eps


@dataclass(frozen=True)
class Standing:
    """How a position stands, and the account with it.

    Attributes
    ----------
    size, entry, margin
        Of the position: signed, the average entry price, and what is set aside for it. The entry of none is the price
        that is asked about.
    wallet, free_margin
        Of the account.
    liquidation_price
        The nearer one, the other markets standing still; ``nan`` for none.
    fall, rise
        The common moves at which it is liquidated; ``nan`` for none.
    margin_ratio, effective_leverage
        Of the position's unit, an isolated one alone or the pool.
    """

    size: float
    entry: float
    margin: float
    wallet: float
    free_margin: float
    liquidation_price: float
    fall: float
    rise: float
    margin_ratio: float
    effective_leverage: float

    @classmethod
    def of(cls, account: Account, marks: Floats, row: int) -> Standing:
        """Return how a position of one account stands at its marks.

        Parameters
        ----------
        account, marks
            One account; marks of shape (n,).
        row
            Which position.

        Returns
        -------
        Standing
            In plain numbers.
        """
        return cls(
            size=float(account.size[row]),
            entry=float(account.entry[row]),
            margin=float(account.margin[row]),
            wallet=float(account.wallet),
            free_margin=float(account.free_margin(marks)),
            liquidation_price=float(account.liquidation_price(marks)[row]),
            fall=float(liquidation_move(account, marks)[row]),
            rise=float(liquidation_move(account, marks, toward="up")[row]),
            margin_ratio=float(account.margin_ratio(marks)[row]),
            effective_leverage=float(account.effective_leverage(marks)[row]),
        )


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What an order would do.

    Attributes
    ----------
    order
        Which one.
    position
        Which position it fills, by its number in `account`.
    before, after
        How that stands before and after, both with its market at the order's price.
    account, marks
        Everything after it is filled, and the marks then, shape (n,). A contract that was not held comes last.
    refusals
        Why the venue would refuse it; then `after` is what it would have been.
    """

    order: Order
    position: int
    before: Standing
    after: Standing
    account: Account
    marks: Floats
    refusals: tuple[str, ...]


def what_if(
    account: Account,
    order: Order,
    marks: ArrayLike,
    *,
    position: int | None = None,
    rules: Rules | None = None,
) -> WhatIf:
    """Return what an order does when it is filled at its price, everything before and after.

    Parameters
    ----------
    account
        One account. If the order is among its open ones, it ties up nothing more once it is filled.
    order
        It adds to what is held, reduces it, closes it, or goes through zero; one that can only reduce goes as far as
        something is held.
    marks
        Where the other markets stand, shape (n,).
    position
        Which position it fills. If left out, the one in its contract and mode; where both sides are held, the one on
        its side, or for an order that can only reduce the one on the other.
    rules
        The venue's, whose trading fee is paid; :class:`~marginlab.Rules` as they stand if left out.

    Returns
    -------
    WhatIf
        Before and after, side by side.

    Raises
    ------
    ArgumentError
        For a position in another contract or mode, none that can be told, an order that could only reduce and has
        nothing to, and where neither a leverage nor a limit says what is tied up.

    Examples
    --------
    A short of 1 BTC where one long was held closes it and opens nothing; one of 3 goes through zero:

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> account = Account.of([Position(btc, 1, 60_000, leverage=10)], wallet=20_000)
    >>> sold = what_if(account, Order(btc, -3, 63_000, leverage=10), [63_000])
    >>> sold.before.size, sold.after.size, sold.after.entry, sold.after.wallet
    (1.0, -2.0, 63000.0, 23000.0)
    >>> round(sold.after.liquidation_price, 2)
    73762.38
    """
    _checks.instance("order", order, Order)
    held = _with_place(account, order, position)
    row = _row_of(held, order, position)
    at = one_set(account, marks)
    n = len(account.contracts)
    prices = np.insert(at, n, order.price) if len(held.contracts) > n else at.copy()
    prices[held.rows_of[order.contract]] = order.price
    fill = _Fill(held, prices, np.asarray(row), order.leverage, None, venue_rules(rules).trading_fee)
    size, waiting = np.asarray(_size_filled(held, order, row)), list(held.orders)
    if order in waiting:
        waiting.remove(order)
    after = replace(fill.after(size), orders=waiting)
    refusals = fill.refusals(size, after)
    return WhatIf(
        order=order,
        position=row,
        before=Standing.of(held, prices, row),
        after=Standing.of(after, prices, row),
        account=after,
        marks=prices,
        refusals=tuple(f"{one.argument} {one.reason()}" for one in refusals if one.where.any()),
    )


def ladder(
    account: Account, orders: Sequence[Order], marks: ArrayLike, *, rules: Rules | None = None
) -> tuple[WhatIf, ...]:
    """Return what a ladder of orders does, one filled after the other, each at its price.

    Parameters
    ----------
    account
        One account before the first is filled.
    orders
        In the order in which they are filled. One that the venue would refuse is not filled: the next is asked of the
        account as it was.
    marks
        Where the markets stand at the start, shape (n,). A market stays at the price of its last order.
    rules
        As in :func:`what_if`.

    Returns
    -------
    tuple of WhatIf
        One an order.

    Raises
    ------
    ArgumentError
        For no orders, and as in :func:`what_if`.

    Examples
    --------
    Two bids below a long: the average falls, and the liquidation price rises toward the mark.

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> account = Account.of([Position(btc, 1, 60_000, leverage=10)], wallet=25_000)
    >>> for fill in ladder(account, [Order(btc, 1, price, leverage=10) for price in (55_000, 50_000)], [60_000]):
    ...     print(fill.after.entry, round(fill.after.liquidation_price, 2))
    57500.0 45454.55
    55000.0 47138.05
    """
    one_account(account)
    rungs = _checks.instances("orders", orders, Order)
    if not rungs:
        raise ArgumentError("orders", f"must be one or more, not {_checks.shown(orders)}")
    fills: list[WhatIf] = []
    at = one_set(account, marks)
    for order in rungs:
        fill = what_if(account, order, at, rules=rules)
        fills.append(fill)
        if not fill.refusals:
            account, at = fill.account, fill.marks
        else:
            n = len(account.contracts)
            at = np.delete(fill.marks, n) if len(fill.marks) > at.size else fill.marks
    return tuple(fills)


def largest_size(
    account: Account,
    marks: ArrayLike,
    *,
    position: int,
    side: str,
    leverage: float | None = None,
    margin: float | None = None,
    rules: Rules | None = None,
) -> float:
    """Return the largest size that can be opened at the mark, or added to what is held.

    As far as the venue lets it: the limit of the bracket on leverage, the largest position of its brackets, the wallet
    with what backs new positions there, less what positions and open orders tie up, the trading fee, and a position
    that would not be liquidated at once.

    Parameters
    ----------
    account
        One account; a size of 0 in it is a place for a position.
    marks
        Shape (n,).
    position
        Which place, from 0; its mode is what it is opened in.
    side
        ``"long"`` or ``"short"``.
    leverage
        The setting from then on, ``inf`` for the limit of the bracket; ``None`` leaves it as it is.
    margin
        What to set aside for it if isolated; ``None`` for notional / leverage.
    rules
        The venue's, whose trading fee is paid; :class:`~marginlab.Rules` as they stand if left out.

    Returns
    -------
    float
        Signed. The engine's :class:`~marginlab.Open` accepts it, and nothing above.

    Raises
    ------
    ArgumentError
        For what the venue would say to the smallest order, a position held on the other side, a size without end,
        and for a place, a side or a setting that there is not.

    Examples
    --------
    10,000 at 20x and a fee of 0.05 % open not quite 200,000 worth:

    >>> import numpy as np
    >>> from marginlab import Contract, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=125))
    >>> empty = Account(10_000, [btc], size=np.zeros(1), entry=np.array([50_000.0]))
    >>> rules = Rules(trading_fee=0.0005)
    >>> print(f"{largest_size(empty, 50_000, position=0, side='long', leverage=20, rules=rules):.6f}")
    3.960396
    """
    row, prices = any_row(account, position), one_set(account, marks)
    sign = SIDES[_checks.one_of("side", side, SIDES)]
    if account.size[row] * sign < 0:
        raise ArgumentError("side", f"must be that of the position held, not {side!r}: close that first")
    for name, value, check in (
        ("leverage", leverage, _checks.positive_or_endless),
        ("margin", margin, _checks.positive),
    ):
        if value is not None:
            _checks.single(name, value, check)
    if margin is not None and not account.isolated[row]:
        raise ArgumentError("margin", f"{opening.NO_MARGIN_IN_CROSS}, not {_checks.shown(margin)}")
    fill = _Fill(account, prices, np.array([[row]]), leverage, margin, venue_rules(rules).trading_fee)
    most, places = fill.largest(np.array([[sign]]))
    if np.isnan(most[0]):
        least = sign * places[:, :1]
        first = next(one for one in fill.refusals(least, fill.after(least), strict=True) if one.where.any())
        raise ArgumentError(first.argument, first.reason())
    if most[0] == places[0, -1]:
        raise ArgumentError("leverage", "must be given, or a limit of the bracket, for a size to have an end")
    return sign * float(most[0])


def largest_additions(account: Account, marks: ArrayLike, *, rules: Rules | None = None) -> Floats:
    """Return the largest size that can be added to each position on its side, at the leverage it has.

    Parameters
    ----------
    account
        One account; to a position of size 0 a short is added.
    marks
        Shape (n,).
    rules
        As in :func:`largest_size`.

    Returns
    -------
    array
        Signed, shape (n,), what :func:`largest_size` says of each; 0 where it would raise.

    Examples
    --------
    >>> from marginlab import Contract, Position, Tiers
    >>> btc, eth = (Contract(name, Tiers.flat(0.01, max_leverage=50)) for name in ("BTCUSDT", "ETHUSDT"))
    >>> positions = [Position(btc, 1, 60_000, leverage=10), Position(eth, -10, 3_000, leverage=10)]
    >>> account = Account.of(positions, wallet=12_000)
    >>> largest_additions(account, [60_000, 3_000]).round(6).tolist()
    [0.5, -10.0]
    """
    one_account(account)
    prices, fee = one_set(account, marks), venue_rules(rules).trading_fee

    def asked(rows: Integers) -> Floats:
        sides = np.where(account.size[rows] > 0, 1.0, -1.0)
        try:
            most, places = _Fill(account, prices, rows[:, None], None, None, fee).largest(sides[:, None])
        except ArgumentError:
            # What cannot be told of one cannot be told of all that are asked about with it.
            return np.zeros(1) if rows.size == 1 else np.concatenate([asked(row) for row in np.split(rows, rows.size)])
        return np.where(np.isnan(most) | (most == places[:, -1]), 0.0, sides * most)

    added = np.zeros(len(account.contracts))
    # Each has a column for all positions: many of many would not stay near the processor.
    some = max(1, AT_ONCE // len(added))
    for rows in (np.flatnonzero(account.isolated), np.flatnonzero(~account.isolated)):
        for first in range(0, rows.size, some):
            added[rows[first : first + some]] = asked(rows[first : first + some])
    return added


class _Fill(NamedTuple):
    """Orders of any size (...) that are filled at the mark of their row, a row each, all in one mode."""

    account: Account
    marks: Floats
    rows: Integers
    leverage: float | None
    margin: float | None
    fee: float

    def largest(self, sides: Floats) -> tuple[Floats, Floats]:
        """Return the largest size of each row (r, 1) that is not refused, ``nan`` for none, and where it was sought."""
        account, marks, each = self.account, self.marks, self.rows[:, 0].tolist()
        held = np.abs(account.size)
        places = [
            places_among(size_bounds(account, row, marks) - held[row], at_stake(account, row, marks)) for row in each
        ]
        most = max(len(one) for one in places)
        sought = np.stack([np.append(one, np.full(most - len(one), one[-1])) for one in places])

        def spare(sizes: Floats) -> Floats:
            return opening.spare(self.refusals(sides * sizes, self.after(sides * sizes), strict=True))

        return last_holding(spare, sought), sought

    @property
    def own(self) -> Bools:
        """Which column is that of the row, (..., n)."""
        return np.asarray(np.arange(len(self.account.contracts)) == self.rows[..., None])

    def of_row(self, column: Floats) -> Floats:
        """Return what stands in the row (...) of a column (..., n)."""
        return np.asarray(np.where(self.own, column, 0.0).sum(axis=-1))

    def after(self, sizes: Floats) -> Account:
        """Return the account after each."""
        share, rest = parts_of(self.account.size[self.rows], sizes)
        reduced = closed(self.account, self.marks, self.rows, share, self.fee)
        price, held, rest = self.marks[self.rows][..., None], reduced.size, np.where(self.own, rest[..., None], 0.0)
        setting = reduced.leverage if self.leverage is None else np.where(rest != 0, self.leverage, reduced.leverage)
        opened = reduced.changed(
            size=held + rest,
            entry=self.account.columns.entry_after(held, reduced.entry, rest, price),
            leverage=setting,
        )
        value = self.account.changed(size=rest).notional(self.marks)
        margin = np.where(self.account.isolated, self._margin(opened, value), 0.0)
        return opened.paid(-(margin + self.fee * value)).changed(margin=reduced.margin + margin)

    def refusals(self, sizes: Floats, after: Account, *, strict: bool = False) -> list[opening.Refusals]:
        """Return what the venue refuses, rule by rule; strictly, without the doubt that rounding has the benefit of."""
        account, marks, rows = self.account, self.marks, self.rows
        share, rest = parts_of(account.size[rows], sizes)
        fee = self.fee * share * account.in_unit(account.notional(marks), marks)[rows]
        equity, isolated = account.position_equity(marks)[rows], account.isolated[rows]
        unpaid = opening.closing_refusal(equity, fee, share=share, isolated=isolated)
        rules = (*self._of_brackets(after, strict), *self._of_money(after, strict))
        return [unpaid, *(replace(one, where=np.asarray(one.where & (rest != 0))) for one in rules)]

    def _of_brackets(self, after: Account, strict: bool) -> tuple[opening.Refusals, ...]:
        """Return what its brackets do not allow, and a margin that nothing tells."""
        # Whoever adds the values up in another order comes to no more than this.
        counted = after.bracket_amount(self.marks) * (1 + strict * HAIR)
        amount, limit = self.of_row(counted), self.of_row(after.in_tables(Tiers.limit_unchecked, counted))
        setting, notional = self.of_row(after.leverage), after.notional(self.marks)
        alone = after.in_tables(Tiers.maintenance_unchecked, notional, after.own_amount(notional))
        endless = np.isinf(np.minimum(setting, limit)) & after.isolated[self.rows] & (self.margin is None)
        tables = [contract.tiers for contract in after.contracts]
        cap, unit, cut_off = (
            np.array([getattr(one, name) for one in tables])[self.rows] for name in ("cap", "measured_in", "cut_off")
        )
        setting = setting * (1 + strict * ROUNDING)
        return (
            opening.size_refusal(amount, cap, unit, cut_off),
            opening.leverage_refusal(setting, limit, self.of_row(notional), self.of_row(alone)),
            opening.Refusals(np.asarray(endless), "margin", opening.MARGIN_OR_LEVERAGE.format),
        )

    def _of_money(self, after: Account, strict: bool) -> tuple[opening.Refusals, ...]:
        """Return where the wallet cannot carry it, and where it would be liquidated at once."""
        account, marks, isolated, counts = self.account, self.marks, self._isolated, after.convention
        equity, need = (self.of_row(of(marks)) for of in (after.position_equity, after.position_requirement))
        worth = after.notional(marks)
        money = np.abs(after.pool_cash(marks)) + after.in_unit(worth, marks).sum(axis=-1)
        own = np.abs(self.of_row(after.margin)) + self.of_row(worth) if isolated else money
        # A margin is not borrowed.
        borrowed = np.asarray(bool(after.collateral) & isolated & np.less(after.pocket(self.rows), 0.0))
        # Equality is refused with what lies as near as rounding.
        doubt = own * (1.0 if not strict else 2.0 if counts.at_equality else 0.0)
        if isolated:
            # What is set aside leaves the wallet, and profit is not in it.
            unbacked = replace(counts, profit_opens=False)
            account, after = (replace(one, convention=unbacked) for one in (account, after))
        there, free = account.opening_equity(marks), np.asarray(after.free_margin(marks))
        return (
            opening.wallet_refusal(there - free, there, at_stake=money * (not strict), what="the margins and the fee"),
            opening.Refusals(borrowed, "margin", "and the fee must be at most what there is of its currency".format),
            opening.at_once_refusal(equity, need, counts, at_stake=doubt),
        )

    @property
    def _isolated(self) -> bool:
        return bool(self.account.isolated[self.rows].all())

    def _margin(self, opened: Account, value: Floats) -> Floats:
        """Return what is set aside (..., n) for what is opened with this value."""
        if self.margin is not None:
            return np.where(value > 0, self.margin, 0.0)
        limit = opened.in_tables(Tiers.limit_unchecked, opened.bracket_amount(self.marks))
        return np.asarray(value / np.minimum(opened.leverage, limit))


def parts_of(held: Numbers, sizes: Floats) -> tuple[Floats, Floats]:
    """Return which share of what is held orders (...) close, and the signed size that they open."""
    against = held * sizes < 0
    left = held + sizes
    # What rounding leaves of a position that is closed to the last is nothing.
    left = np.where(against & (np.abs(left) <= ROUNDING * np.abs(held)), 0.0, left)
    reduced = against & (left * held > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(reduced, np.abs(sizes / held), np.where(against, 1.0, 0.0))
    return share, np.where(reduced, 0.0, np.where(against, left, sizes))


def _with_place(account: Account, order: Order, position: int | None) -> Account:
    """Return the account with a place for what an order opens, where it has none in that contract and mode."""
    row = any_row(account, 0 if position is None else position)
    if position is not None:
        if account.contracts[row] != order.contract or account.mode[row] != order.mode:
            raise ArgumentError("position", f"must be in the contract and the mode of the order, not {row}")
    elif not _rows_for(account, order):
        return replace(
            account,
            contracts=[*account.contracts, order.contract],
            size=np.append(account.size, 0.0),
            entry=np.append(account.entry, order.price),
            mode=[*account.mode, order.mode],
            margin=np.append(account.margin, 0.0),
            leverage=np.append(account.leverage, np.inf),
        )
    return account


def _rows_for(account: Account, order: Order) -> list[int]:
    """Return the positions in the contract and the mode of an order."""
    return [row for row in account.rows_of.get(order.contract, []) if account.mode[row] == order.mode]


def _row_of(account: Account, order: Order, position: int | None) -> int:
    """Return the position that an order fills."""
    rows = _rows_for(account, order)
    if position is not None or len(rows) == 1:
        return rows[0] if position is None else position
    side = -order.size if order.reduce_only else order.size
    for found in (
        [row for row in rows if account.size[row] * side > 0],
        [row for row in rows if account.size[row] == 0],
    ):
        if len(found) == 1:
            return found[0]
    raise ArgumentError("position", f"must be given where several could be meant ({rows}), not None")


def _size_filled(account: Account, order: Order, row: int) -> float:
    """Return how much of an order is filled: of one that can only reduce, what is held against it."""
    held = float(account.size[row])
    if not order.reduce_only:
        return order.size
    if held * order.size >= 0:
        raise ArgumentError("order", f"must have something to reduce, not {held:g} held and {order.size:g} ordered")
    return float(np.clip(order.size, -abs(held), abs(held)))
