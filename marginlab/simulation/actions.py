"""What the trader does on the way: margin added or taken out, positions opened and closed, modes switched.

An action is carried out on all paths at once, and taken back on those where the venue would refuse it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Bools, Floats, Numbers
from ..margin import opening
from ..margin.contracts import value_of
from ..margin.rules import MODES
from .state import State, Valuation


@dataclass(frozen=True, kw_only=True)
class Action(ABC):
    """Something the trader does at the beginning of a step, after funding."""

    step: int
    position: int | None

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.count("step", self.step, least=0)
        if self.position is not None or isinstance(self, OfPosition):
            _checks.count("position", self.position, least=0)

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Yield why it cannot even be tried."""
        yield from ()

    @abstractmethod
    def carry_out(self, state: State, valued: Valuation) -> None:
        """Do it, on the paths looked at."""

    def refused(self, state: State, before: Valuation, valued: Valuation) -> Iterator[opening.Refusals]:
        """Yield why it has to be taken back, given how things stood and how they stand after it."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class OfPosition(Action):
    """Something done with one position, which must be named."""

    position: int


@dataclass(frozen=True, kw_only=True)
class AddMargin(OfPosition):
    """Move money from the wallet to an isolated position's margin, or back if the amount is negative.

    No more can be added than the wallet can spare. How much must stay when some is taken out is the venue's
    rule, `withdrawal` of :class:`~marginlab.Rules`.

    Examples
    --------
    >>> AddMargin(step=3, position=0, amount=250.0)
    AddMargin(step=3, position=0, amount=250.0)
    """

    amount: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if _checks.single("amount", self.amount) == 0:
            raise ArgumentError("amount", "must be positive (to add) or negative (to take out), not 0")

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse where there is no margin to move."""
        yield not_open(valued, self.position)
        in_cross = ~valued.isolated[self.position]
        yield _refusal(in_cross, "position", "must be isolated: in cross the wallet backs it already")

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Move the margin."""
        before = state.balance_of(self.position, valued)
        set_aside(state, valued, self.position, self.amount)
        kind = "margin added" if self.amount > 0 else "margin removed"
        state.note(kind, self.position, valued, before, amount=abs(self.amount))

    def refused(self, state: State, before: Valuation, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse to leave the wallet or the position short."""
        if self.amount > 0:
            yield _refusal(_short(state, valued, self.position), "amount", "must be at most what the wallet can spare")
            return
        row = self.position
        yield from opening.withdrawal_refusals(
            state.rules,
            valued.margin[row],
            valued.pnl[row],
            initial=state.needed_to_open(valued)[row],
            maintenance=valued.maintenance[row],
            notional=valued.notional[row],
        )


@dataclass(frozen=True, kw_only=True)
class AtTheMark(OfPosition):
    """A purchase or sale at the mark: its signed size, and the leverage and margin of what it opens."""

    size: float
    leverage: float | None = None
    margin: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if _checks.single("size", self.size) == 0:
            raise ArgumentError("size", "must not be 0")
        for name, check in (("leverage", _checks.positive_or_endless), ("margin", _checks.positive)):
            if getattr(self, name) is not None:
                _checks.single(name, getattr(self, name), check)


@dataclass(frozen=True, kw_only=True)
class Open(AtTheMark):
    """Open a position at the mark, or add to one; its entry becomes the average.

    Parameters
    ----------
    size
        Signed size to add.
    leverage
        The setting from now on, ``inf`` for the limit of the bracket; ``None`` leaves it.
    margin
        What to set aside if isolated; ``None`` for notional / leverage.

    Examples
    --------
    >>> Open(step=0, position=1, size=-0.5, leverage=10)
    Open(step=0, position=1, size=-0.5, leverage=10, margin=None)
    """

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse what goes against the position held, or beyond what its brackets allow."""
        against = valued.size[self.position] * self.size < 0
        yield _refusal(against, "size", "must have the position's sign: close that first")
        yield from self._added(valued).refusals(state, valued)

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Buy or sell, pay the fee, set margin aside."""
        self._added(valued).carry_out(state, valued)

    def refused(self, state: State, before: Valuation, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse what the wallet cannot carry, and an isolated position that would fail at once."""
        yield not_carried(state, before, valued, self.position)
        yield borrowed(state, valued, self.position)
        yield at_once(state, valued, self.position)

    def _added(self, valued: Valuation) -> Added:
        return Added(self.position, np.full(valued.paths.shape, self.size), self.leverage, self.margin)


@dataclass(frozen=True, kw_only=True)
class Close(OfPosition):
    """Close a share of a position at the mark; an isolated one gives back the same share of its margin.

    Examples
    --------
    >>> Close(step=5, position=0, share=0.5)
    Close(step=5, position=0, share=0.5)
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.between("share", self.share, 0, 1, open_below=True)

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse where nothing is open, or what backs it cannot pay for its loss and fee."""
        yield not_open(valued, self.position)
        yield not_paid(state, valued, self.position, self.share)

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Sell or buy back, pay the fee, set margin free."""
        close_part(state, valued, self.position, np.full(valued.paths.shape, self.share))


@dataclass(frozen=True, kw_only=True)
class Switch(Action):
    """Change the margin mode of a position, or with ``position=None`` of the whole account.

    Parameters
    ----------
    mode
        ``"cross"`` or ``"isolated"``.
    margin
        What to set aside for the one position that becomes isolated; ``None`` for its initial margin.

    Examples
    --------
    >>> Switch(step=2, position=0, mode="isolated")
    Switch(step=2, position=0, mode='isolated', margin=None)
    """

    position: int | None = None
    mode: str
    margin: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.one_of("mode", self.mode, MODES)
        if self.margin is not None:
            _checks.single("margin", self.margin, _checks.positive)
            if self.position is None or self.mode == "cross":
                raise ArgumentError(
                    "margin", f"must be left out but for one position made isolated, not {shown(self.margin)}"
                )

    def blocked(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Ask the venue's rule."""
        concerned = self._concerned(state, valued)
        yield _refusal(np.asarray(~concerned.any(axis=0)), "mode", f"must change, but is {self.mode} already")
        moved, alone = (concerned & (valued.size != 0)).any(axis=0), np.full(valued.paths.shape, True)
        mixed = alone if self.position is not None else ~alone
        yield from opening.switch_refusals(state.rules.switching, moved=moved, mixed=mixed)

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Set margins aside, or free."""
        concerned, initial = self._concerned(state, valued), state.needed_alone(valued)
        for row in np.flatnonzero(concerned.any(axis=1)).tolist():
            now = valued.only(concerned[row])
            before = state.balance_of(row, now)
            if self.mode == "isolated":
                wanted = initial[row, concerned[row]] if self.margin is None else self.margin
                amount = np.where(now.size[row] != 0, wanted, 0.0)
            else:
                amount = -now.margin[row]
            set_aside(state, now, row, amount)
            state.isolated[row, now.paths] = self.mode == "isolated"
            state.note("switched", row, now, before, amount=amount if self.mode == "isolated" else -amount)

    def refused(self, state: State, before: Valuation, valued: Valuation) -> Iterator[opening.Refusals]:
        """Refuse margins the wallet cannot spare, and a position that would fail at once."""
        if self.mode == "isolated":
            switched = self._concerned(state, before) & (valued.size != 0)
            for row in range(len(state.contracts)):
                short = switched[row] & _short(state, valued, row)
                yield _refusal(short, "margins", "must be at most what the wallet can spare")
            for row in range(len(state.contracts)):
                failing = at_once(state, valued, row)
                yield replace(failing, where=failing.where & switched[row])

    def _concerned(self, state: State, valued: Valuation) -> Bools:
        other = valued.isolated != (self.mode == "isolated")
        return np.asarray(other if self.position is None else other & (state.rows == self.position))


@dataclass(frozen=True)
class TopUp:
    """Refill isolated margins out of the wallet, as far as the cross positions leave it free.

    Parameters
    ----------
    every
        Looked at in steps 0, every, 2 every, ...
    target
        Equity to refill to, a fraction of notional: 0.1 keeps the effective leverage at 10 or less.
    budget
        Most that is added in all, over all positions.

    Examples
    --------
    >>> TopUp(every=6, target=0.1, budget=1_000)
    TopUp(every=6, target=0.1, budget=1000)
    """

    every: int
    target: float
    budget: float = np.inf

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.count("every", self.every)
        _checks.between("target", self.target, 0, 1, open_below=True)
        _checks.between("budget", self.budget, 0, np.inf)


class Added(NamedTuple):
    """What is bought or sold of a row on each path (k,), on the side that is held or from nothing."""

    row: int
    size: Floats
    leverage: float | None
    margin: float | None

    def refusals(self, state: State, valued: Valuation) -> Iterator[opening.Refusals]:
        """Yield what its brackets do not allow, and a margin that does not go with its mode."""
        row, tiers = self.row, state.contracts[self.row].tiers
        setting, limit, amount = self._leverage(state, valued)
        notional, size = valued.notional[row] + self._value(state, valued), np.abs(valued.size[row] + self.size)
        maintenance = tiers.maintenance_margin(notional, contracts=size)
        yield opening.size_refusal(amount, tiers.cap, tiers.measured_in, tiers.cut_off)
        yield opening.leverage_refusal(setting, limit, notional, maintenance)
        if self.margin is None:
            endless = valued.isolated[row] & np.isinf(np.minimum(setting, limit))
            yield _refusal(endless, "margin", opening.MARGIN_OR_LEVERAGE)
        else:
            in_cross = ~valued.isolated[row]
            yield _refusal(in_cross, "margin", opening.NO_MARGIN_IN_CROSS)

    def carry_out(self, state: State, valued: Valuation) -> None:
        """Buy or sell, pay the fee, set margin aside."""
        row, size, paths = self.row, self.size, valued.paths
        before, mark = state.balance_of(row, valued), valued.marks[row]
        setting, limit, _ = self._leverage(state, valued)
        value = self._value(state, valued)
        margin = value / np.minimum(setting, limit) if self.margin is None else np.full(value.shape, self.margin)
        margin = np.where(valued.isolated[row], margin, 0.0)
        fee = state.rules.trading_fee * value
        held, entry = valued.size[row], state.entry[row, paths]
        if state.contracts[row].kind == "linear":
            average = (held * entry + size * mark) / (held + size)
        else:
            average = (held + size) / (held / entry + size / mark)
        state.entry[row, paths] = np.where(held == 0, mark, average)  # to the last bit
        state.size[row, paths] = held + size
        state.leverage[row, paths] = setting
        set_aside(state, valued, row, margin)
        _charge(state, valued, row, fee)
        state.note("opened", row, valued, before, size=size, amount=margin, fee=fee)

    def _value(self, state: State, valued: Valuation) -> Floats:
        kind = state.contracts[self.row].kind
        return value_of(kind, np.abs(self.size) * state.multiplier[self.row, 0], valued.marks[self.row])

    def _leverage(self, state: State, valued: Valuation) -> tuple[Floats, Floats, Floats]:
        """Return the setting, the bracket's limit and the amount that decides the bracket, once it is open."""
        row, size, notional = self.row, valued.size.copy(), valued.notional.copy()
        size[row] += self.size
        notional[row] += self._value(state, valued)
        counted = state.counted(size, valued.isolated, notional)
        held = state.leverage[row, valued.paths]
        setting = held if self.leverage is None else np.full(held.shape, float(self.leverage))
        return setting, np.broadcast_to(state.limit(counted, valued.paths), counted.shape)[row], counted[row]


def close_part(state: State, valued: Valuation, row: int, share: Floats, kind: str = "closed") -> None:
    """Close a share (k,) of a row at the mark: pay the fee, set margin free."""
    paths, before = valued.paths, state.balance_of(row, valued)
    profit, fee = share * valued.pnl[row], state.rules.trading_fee * share * valued.notional[row]
    left = np.where(share == 1, 0.0, valued.size[row] * (1 - share))
    state.size[row, paths] = left
    if state.stops:
        state.stop[row, paths[share == 1]] = np.nan
    state.realized[row, paths] += profit
    state.pay(row, paths, profit)
    set_aside(state, valued, row, -share * valued.margin[row])
    _charge(state, valued, row, fee)
    state.note(kind, row, valued, before, size=left - valued.size[row], amount=profit, fee=fee)


def not_open(valued: Valuation, row: int) -> opening.Refusals:
    """Refuse where nothing is held."""
    return _refusal(valued.size[row] == 0, "position", "must be open")


def not_paid(state: State, valued: Valuation, row: int, share: Numbers) -> opening.Refusals:
    """Refuse to close a share of a row where what backs it cannot pay for its loss and fee."""
    fee = state.rules.trading_fee * share * valued.notional[row]
    # An isolated position pays with the margin that is set free, a cross one with all that the pool has.
    backed = np.where(valued.isolated[row], share, 1.0) * valued.equity[row]
    fee = fee * np.where(valued.isolated[row], 1.0, state.pockets.price(row, valued.marks))
    return _refusal(backed < fee, "position", "must have behind it what closing costs: its loss and the fee")


def not_carried(state: State, before: Valuation, valued: Valuation, row: int) -> opening.Refusals:
    """Refuse to open what there is too little for, given how things stood before."""
    there = state.backing(before, row)
    # What has left the wallet, for the margin and the fee, is part of what was needed.
    needed, what = state.tied(valued) + there - state.backing(valued, row), "the margins and the fee"
    return opening.wallet_refusal(needed, there, at_stake=state.money_of(valued), what=what)


def borrowed(state: State, valued: Valuation, row: int) -> opening.Refusals:
    """Refuse to take an isolated margin, or what its opening costs, out of collateral that there is none of."""
    coin = state.contracts[row].currency
    return _refusal(state.borrowed(valued, row), "margin", f"and the fee must be at most what there is of {coin}")


def _refusal(where: Bools, argument: str, reason: str) -> opening.Refusals:
    return opening.Refusals(where, argument, lambda: reason)


def _short(state: State, valued: Valuation, row: int) -> Bools:
    """Return where what a row was given is what the pool needs, or was not there."""
    short = opening.wallet_refusal(state.tied(valued), state.there(valued), at_stake=state.money_of(valued)).where
    return short | state.borrowed(valued, row)


def at_once(state: State, valued: Valuation, row: int) -> opening.Refusals:
    """Refuse where a row would be liquidated at once."""
    own = np.abs(valued.margin[row]) + valued.notional[row]
    at_stake = np.where(valued.isolated[row], own, state.money_of(valued))
    return opening.at_once_refusal(valued.equity[row], valued.need[row], state.convention, at_stake=at_stake)


def set_aside(state: State, valued: Valuation, row: int, amount: Floats | float) -> None:
    """Move money to a row's margin out of what it settles in, back where it is negative."""
    state.pay(row, valued.paths, -amount)
    state.margin[row, valued.paths] += amount


def _charge(state: State, valued: Valuation, row: int, fee: Floats) -> None:
    state.pay(row, valued.paths, -fee)
    state.fees[row, valued.paths] += fee
