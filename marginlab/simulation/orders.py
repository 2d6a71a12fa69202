"""What a trader may leave to an order: a trade through zero, another leverage, a stop, margin that comes by itself.

A stop and the replenishment of a margin are standing orders: they are looked at whenever a price is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .. import _checks
from .._checks import ROUNDING, ArgumentError, shown
from .._typing import Bools, Floats
from ..margin import opening
from ..margin.contracts import value_of
from ..margin.next_order import parts_of
from .actions import (
    Added,
    AtTheMark,
    OfPosition,
    at_once,
    borrowed,
    close_part,
    not_carried,
    not_open,
    not_paid,
    set_aside,
)
from .state import State, Valuation


@dataclass(frozen=True, kw_only=True)
class Trade(AtTheMark):
    """Buy or sell at the mark, whatever is held: add to a position, reduce it, or go through zero.

    An order against the position closes it first, as far as it goes, and opens the rest the other way. All of it is
    refused where a part would be.

    Parameters
    ----------
    size
        Signed size of the order.
    leverage, margin
        Of what is opened, as in :class:`Open`.

    Examples
    --------
    Sold where one was held long, three leave a short of two:

    >>> Trade(step=0, position=1, size=-3, leverage=10)
    Trade(step=0, position=1, size=-3, leverage=10, margin=None)
    """

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse a closing that cannot be paid for, and an opening beyond what the brackets allow."""
        share, rest = self._parts(valued)
        yield _only(not_paid(state, valued, self.position, share), share > 0)
        # What the rest is added to: nothing, where what is held is closed first.
        closed = (state.rows == self.position) & (share > 0)
        emptied = {name: np.where(closed, 0.0, getattr(valued, name)) for name in ("size", "notional")}
        added = Added(self.position, rest, self.leverage, self.margin)
        for refusal in added.refusals(state, replace(valued, **emptied)):
            yield _only(refusal, rest != 0)

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Close what is held as far as the order goes against it, and open what is left of the order."""
        share, rest = self._parts(valued)
        if (share > 0).any():
            close_part(state, valued.only(share > 0), self.position, share[share > 0])
            valued = state.valuation(valued.paths, valued.marks, valued.step)
        if rest.any():
            opened = rest != 0
            Added(self.position, rest[opened], self.leverage, self.margin).carry_out(state, valued.only(opened))

    def refused(self, state: State, before: Valuation, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse an opening as :class:`Open` does."""
        opened = self._parts(before)[1] != 0
        row = self.position
        for refusal in (
            not_carried(state, before, valued, row),
            borrowed(state, valued, row),
            at_once(state, valued, row),
        ):
            yield _only(refusal, opened)

    def _parts(self, valued: Valuation) -> tuple[Floats, Floats]:
        """Return which share of the position is closed, and the signed size that is opened (k,)."""
        return parts_of(valued.size[self.position], np.asarray(self.size))


@dataclass(frozen=True, kw_only=True)
class SetLeverage(OfPosition):
    """Change the leverage of a position, open or not, where the venue lets it be changed.

    In cross nothing else moves: a lower leverage ties up more of the wallet, and is refused where that is short. An
    isolated position whose leverage is lowered gets from the wallet what its margin, losses deducted, lacks of the
    new initial margin at the mark; one whose leverage is raised keeps its margin.

    Parameters
    ----------
    leverage
        The setting from now on, ``inf`` for the limit of the bracket.

    Examples
    --------
    >>> SetLeverage(step=2, position=0, leverage=5)
    SetLeverage(step=2, position=0, leverage=5)
    """

    leverage: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.single("leverage", self.leverage, _checks.positive_or_endless)

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Ask the venue's rule, and its brackets."""
        row, limit, tiers = self.position, self._limit(state, valued), state.contracts[self.position].tiers
        old, new = self._effective(state, valued)
        opened = valued.size[row] != 0
        yield from opening.leverage_change_refusals(
            state.rules, isolated=valued.isolated[row], changed=opened & (new != old), lowered=opened & (new < old)
        )
        maintenance = tiers.maintenance_margin(valued.notional[row], contracts=np.abs(valued.size[row]))
        yield opening.leverage_refusal(self.leverage, limit, valued.notional[row], maintenance)
        more = self._more(state, valued)
        there, at_stake = state.backing(valued, row), state.money_of(valued)
        price = state.pockets.price(row, valued.marks) * state.pockets.owed[row]
        needed = opening.wallet_refusal(state.tied(valued) + more * price, there, at_stake=at_stake)
        yield _only(needed, more > 0)
        # A margin is not borrowed.
        short = opening.wallet_refusal(more, state.pocket(row, valued.paths), at_stake=at_stake, what="the margin")
        yield _only(short, (more > 0) & valued.isolated[row] & state.mixed)

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Change the setting, and set aside what a lower one asks for."""
        row, before = self.position, state.balance_of(self.position, valued)
        amount = np.where(valued.isolated[row], self._more(state, valued), 0.0)
        state.leverage[row, valued.paths] = self.leverage
        set_aside(state, valued, row, amount)
        state.note("leverage changed", row, valued, before, amount=amount)

    def _more(self, state: State, valued: Valuation) -> Floats:
        """Return what a lower leverage takes of the wallet, tied up in cross or set aside in isolated mode (k,)."""
        row, settings = self.position, state.leverage[:, valued.paths]
        old, new = (
            state.needed_to_open(valued, np.where(state.rows == row, leverage, settings))[row]
            for leverage in self._effective(state, valued)
        )
        lacking = new - valued.margin[row] - np.minimum(valued.pnl[row], 0.0)
        more = np.where(valued.isolated[row], np.maximum(lacking, 0.0), new - old)
        return np.where(new > old, more, 0.0)

    def _limit(self, state: State, valued: Valuation) -> Floats:
        counted = state.counted(valued.size, valued.isolated, valued.notional)
        return np.asarray(np.broadcast_to(state.limit(counted, valued.paths), counted.shape)[self.position])

    def _effective(self, state: State, valued: Valuation) -> tuple[Floats, Floats]:
        """Return the leverage that holds so far, and the one asked for, both within the bracket."""
        limit = self._limit(state, valued)
        return np.minimum(state.leverage[self.position, valued.paths], limit), np.minimum(self.leverage, limit)


@dataclass(frozen=True, kw_only=True)
class Stop(OfPosition):
    """Leave an order to close a position, or a share of it, once its mark has reached a price on the losing side.

    It is carried out at the first mark at or beyond its price, at that mark: a gap fills it worse. Where the
    position, or in cross its pool, is due for liquidation at that mark, the venue comes first. A position has
    one stop; a further one replaces it, and it goes when the position is closed.

    Parameters
    ----------
    step
        When it is placed.
    price
        Below the mark for a long and above it for a short, or it is carried out at once.
    share
        Of what is held then.

    Examples
    --------
    >>> Stop(step=0, position=0, price=55_000.0)
    Stop(step=0, position=0, price=55000.0, share=1.0)
    """

    price: float
    share: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.single("price", self.price, _checks.positive)
        _checks.between("share", self.share, 0, 1, open_below=True)

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:  # noqa: ARG002
        """Refuse where there is nothing to get out of."""
        yield not_open(valued, self.position)

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Place the order."""
        before = state.balance_of(self.position, valued)
        state.stop[self.position, valued.paths] = self.price
        state.stop_share[self.position, valued.paths] = self.share
        state.note("stop placed", self.position, valued, before, price=float(self.price))


@dataclass(frozen=True)
class AutoMargin:
    """Let the venue replenish isolated margins: instead of a liquidation, one initial margin out of the wallet.

    Whenever an isolated position is due for liquidation, it gets its initial margin at entry once more, or what the
    wallet can spare if that is less; and again, until it is out of danger or the wallet can spare nothing.

    Parameters
    ----------
    positions
        Numbers of the positions for which it is switched on; ``None`` for all.

    Examples
    --------
    >>> AutoMargin(positions=[0])
    AutoMargin(positions=(0,))
    """

    positions: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.positions is None:
            return
        if isinstance(self.positions, str) or not isinstance(self.positions, Sequence):
            raise ArgumentError("positions", f"must be a sequence of numbers of positions, not {shown(self.positions)}")
        numbers = tuple(_checks.count("positions", one, least=0) for one in self.positions)
        object.__setattr__(self, "positions", numbers)


def replenish(state: State, valued: Valuation, auto: AutoMargin) -> Valuation:
    """Refill the margins of isolated positions that fail, one after the other, one initial margin at a time.

    Return how things stand after it.
    """
    rows = range(len(state.contracts)) if auto.positions is None else auto.positions
    for row in rows:
        while (failing := valued.fails[row] & valued.isolated[row]).any():
            spare = np.where(failing, state.spare(valued, row), 0.0)
            # What rounding leaves of a wallet that is used up is nothing.
            least = ROUNDING * state.money_of(valued) / state.pockets.price(row, valued.marks)
            spare = np.where(spare > least, spare, 0.0)
            amount = np.minimum(_initial_at_entry(state, valued, row), spare)
            if not amount.any():
                break
            helped = valued.only(amount > 0)
            before = state.balance_of(row, helped)
            set_aside(state, helped, row, amount[amount > 0])
            state.note("replenished", row, helped, before, amount=amount[amount > 0])
            valued = state.valuation(valued.paths, valued.marks, valued.step)
    return valued


def stop_out(state: State, valued: Valuation) -> Valuation:
    """Carry out the stops whose price is reached, unless the venue is due first or the loss cannot be paid.

    Return how things stand after it.
    """
    for row in range(len(state.contracts)):
        size, mark, stop = valued.size[row], valued.marks[row], state.stop[row, valued.paths]
        reached = np.where(size > 0, mark <= stop, mark >= stop) & (size != 0) & ~valued.fails[row]
        if not reached.any():
            continue
        share = state.stop_share[row, valued.paths]
        reached &= ~not_paid(state, valued, row, share).where
        if reached.any():
            now = valued.only(reached)
            state.stop[row, now.paths] = np.nan
            close_part(state, now, row, share[reached], kind="stopped")
            valued = state.valuation(valued.paths, valued.marks, valued.step)
    return valued


def _initial_at_entry(state: State, valued: Valuation, row: int) -> Floats:
    """Return what a position tied up when it was opened, and at least what it requires now (k,)."""
    entry, contract = state.entry[row, valued.paths], state.contracts[row]
    size = np.abs(valued.size[row])
    value = value_of(contract.kind, size * contract.multiplier, entry)
    limit = contract.tiers.limit_unchecked(size if state.by_size[row, 0] else value)
    return opening.needed_to_open(value, state.leverage[row, valued.paths], limit, valued.required[row])


def _only(refusal: opening.Refusals, where: Bools) -> opening.Refusals:
    """Return a refusal on some of the paths only."""
    return replace(refusal, where=refusal.where & where)
