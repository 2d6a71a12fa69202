"""What the trader does on the way: margin added or taken out, positions opened and closed, modes switched.

An action is carried out on all paths at once, and taken back on those where the venue would refuse it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import checks
from .contracts import value_of
from .positions import MODES
from .state import ROUNDING, Look, State, total

# Which paths refuse, and why.
Refusals = Iterator[tuple[Any, str]]


@dataclass(frozen=True, kw_only=True)
class Action(ABC):
    """Something the trader does at the beginning of a step, after funding."""

    step: int
    position: int | None

    def __post_init__(self) -> None:
        checks.count("step", self.step, least=0)
        if self.position is not None or isinstance(self, (AddMargin, Open, Close)):
            checks.count("position", self.position, least=0)

    def blocked(self, state: State, look: Look) -> Refusals:
        """Yield why it cannot even be tried."""
        yield from ()

    @abstractmethod
    def carry_out(self, state: State, look: Look) -> None:
        """Do it, on the paths looked at."""

    def refused(self, state: State, before: Look, look: Look) -> Refusals:
        """Yield why it has to be taken back, given how things stood and how they stand after it."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class AddMargin(Action):
    """Move money from the wallet to an isolated position's margin, or back if the amount is negative.

    No more can be added than the wallet can spare. What is taken out must leave the initial margin, losses
    deducted and profits not counted.

    Examples
    --------
    >>> AddMargin(step=3, position=0, amount=250.0)
    AddMargin(step=3, position=0, amount=250.0)
    """

    position: int
    amount: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if checks.single("amount", self.amount) == 0:
            raise ValueError("amount must be positive (to add) or negative (to take out), not 0")

    def blocked(self, state: State, look: Look) -> Refusals:
        """Refuse where there is no margin to move."""
        yield look.size[self.position] == 0, "the position must be open"
        yield ~look.isolated[self.position], "the position must be isolated: in cross the wallet backs it already"

    def carry_out(self, state: State, look: Look) -> None:
        """Move the margin."""
        before = state.standing(self.position, look)
        _set_aside(state, look, self.position, self.amount)
        kind = "margin added" if self.amount > 0 else "margin removed"
        state.note(kind, self.position, look, before, amount=abs(self.amount))

    def refused(self, state: State, before: Look, look: Look) -> Refusals:
        """Refuse to leave the wallet or the position short."""
        if self.amount > 0:
            yield _short(state, look), "the amount must be at most what the wallet can spare"
            return
        initial = state.initial_margin(look)[self.position]
        kept = look.margin[self.position] + np.minimum(look.pnl[self.position], 0.0)
        yield kept < initial * (1 - ROUNDING), "the margin left must cover the initial margin"


@dataclass(frozen=True, kw_only=True)
class Open(Action):
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

    position: int
    size: float
    leverage: float | None = None
    margin: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if checks.single("size", self.size) == 0:
            raise ValueError("size must not be 0")
        for name, check in (("leverage", checks.leverages), ("margin", checks.positive)):
            if getattr(self, name) is not None:
                checks.single(name, getattr(self, name), check)

    def blocked(self, state: State, look: Look) -> Refusals:
        """Refuse what goes against the position held, or beyond what its brackets allow."""
        row = self.position
        tiers = state.contracts[row].tiers
        setting, limit, amount = self._leverage(state, look)
        yield look.size[row] * self.size < 0, "the size must have the position's sign: close that first"
        yield amount > tiers.cap, f"the position must be at most {tiers.cap:,.10g} {tiers.measured_in}"
        yield np.isfinite(setting) & (setting > limit), "the leverage must be within the bracket's limit"
        if self.margin is None:
            endless = look.isolated[row] & np.isinf(np.minimum(setting, limit))
            yield endless, "margin or leverage must be given for an isolated position without a limit"
        else:
            yield ~look.isolated[row], "margin must be left out in cross mode, where none is set aside"

    def carry_out(self, state: State, look: Look) -> None:
        """Buy or sell, pay the fee, set margin aside."""
        row, paths = self.position, look.paths
        before, mark = state.standing(row, look), look.marks[row]
        setting, limit, _ = self._leverage(state, look)
        value = self._value(state, look)
        margin = value / np.minimum(setting, limit) if self.margin is None else np.full(value.shape, self.margin)
        margin = np.where(look.isolated[row], margin, 0.0)
        fee = state.rules.trading_fee * value
        held, entry = look.size[row], state.entry[row, paths]
        if state.kind == "linear":
            average = (held * entry + self.size * mark) / (held + self.size)
        else:
            average = (held + self.size) / (held / entry + self.size / mark)
        state.entry[row, paths] = np.where(held == 0, mark, average)  # to the last bit
        state.size[row, paths] = held + self.size
        state.leverage[row, paths] = setting
        _set_aside(state, look, row, margin)
        _charge(state, look, row, fee)
        state.note("opened", row, look, before, size=self.size, amount=margin, fee=fee)

    def refused(self, state: State, before: Look, look: Look) -> Refusals:
        """Refuse what the wallet cannot carry, and an isolated position that would fail at once."""
        yield _short(state, look), "its initial margin and fee must be at most what the wallet can spare"
        yield _under(look, self.position), "the margin must cover the requirement"

    def _value(self, state: State, look: Look) -> Any:
        return value_of(state.kind, abs(self.size) * state.multiplier[self.position, 0], look.marks[self.position])

    def _leverage(self, state: State, look: Look) -> tuple[Any, Any, Any]:
        """Return the setting, the bracket's limit and the amount that decides the bracket, once it is open."""
        row, tiers = self.position, state.contracts[self.position].tiers
        by_size = tiers.measured_in == "contracts"
        amount = abs(look.size[row] + self.size) if by_size else look.notional[row] + self._value(state, look)
        held = state.leverage[row, look.paths]
        setting = held if self.leverage is None else np.full(held.shape, float(self.leverage))
        return setting, tiers.table[3][tiers.place(amount)], amount


@dataclass(frozen=True, kw_only=True)
class Close(Action):
    """Close a share of a position at the mark; an isolated one gives back the same share of its margin.

    Examples
    --------
    >>> Close(step=5, position=0, share=0.5)
    Close(step=5, position=0, share=0.5)
    """

    position: int
    share: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.between("share", self.share, 0, 1, open_below=True)

    def blocked(self, state: State, look: Look) -> Refusals:
        """Refuse where nothing is open, or what backs it cannot pay for its loss and fee."""
        row = self.position
        yield look.size[row] == 0, "the position must be open"
        fee = state.rules.trading_fee * self.share * look.notional[row]
        # An isolated position pays with the margin that is set free, a cross one with all that the pool has.
        backed = np.where(look.isolated[row], self.share, 1.0) * look.equity[row]
        yield backed < fee, "its loss and fee must be at most what backs it"

    def carry_out(self, state: State, look: Look) -> None:
        """Sell or buy back, pay the fee, set margin free."""
        row, paths, before = self.position, look.paths, state.standing(self.position, look)
        profit, fee = self.share * look.pnl[row], state.rules.trading_fee * self.share * look.notional[row]
        left = np.zeros(paths.shape) if self.share == 1 else look.size[row] * (1 - self.share)
        state.size[row, paths] = left
        state.realized[row, paths] += profit
        state.wallet[paths] += profit
        _set_aside(state, look, row, -self.share * look.margin[row])
        _charge(state, look, row, fee)
        state.note("closed", row, look, before, size=left - look.size[row], amount=profit, fee=fee)


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
        checks.one_of("mode", self.mode, MODES)
        if self.margin is not None:
            checks.single("margin", self.margin, checks.positive)
            if self.position is None or self.mode == "cross":
                raise ValueError(f"margin must be left out but for one position made isolated, not {self.margin!r}")

    def blocked(self, state: State, look: Look) -> Refusals:
        """Ask the venue's rule."""
        concerned, rule = self._concerned(state, look), state.rules.switching
        yield ~concerned.any(axis=0), f"the mode must change, but is {self.mode} already"
        held = (concerned & (look.size != 0)).any(axis=0)
        if rule == "flat":
            yield held, "here a mode may only be switched without an open position: close it first"
        if rule == "order":
            yield held, "here the mode is chosen with each order, and a position keeps its own: close it first"
        if rule == "account" and self.position is not None:
            yield np.full(held.shape, True), "here the mode belongs to the whole account: position must be None"

    def carry_out(self, state: State, look: Look) -> None:
        """Set margins aside, or free."""
        concerned, initial = self._concerned(state, look), state.initial_margin(look)
        for row in np.flatnonzero(concerned.any(axis=1)).tolist():
            now = look.only(concerned[row])
            before = state.standing(row, now)
            if self.mode == "isolated":
                wanted = initial[row, concerned[row]] if self.margin is None else self.margin
                amount = np.where(now.size[row] != 0, wanted, 0.0)
            else:
                amount = -now.margin[row]
            _set_aside(state, now, row, amount)
            state.isolated[row, now.paths] = self.mode == "isolated"
            state.note("switched", row, now, before, amount=amount if self.mode == "isolated" else -amount)

    def refused(self, state: State, before: Look, look: Look) -> Refusals:
        """Refuse margins the wallet cannot spare, and a position that would fail at once."""
        if self.mode == "isolated":
            switched = self._concerned(state, before) & (look.size != 0)
            yield switched.any(axis=0) & _short(state, look), "the margins must be at most what the wallet can spare"
            for row in range(len(state.contracts)):
                yield switched[row] & _under(look, row), "the margin must cover the requirement"

    def _concerned(self, state: State, look: Look) -> Any:
        other = look.isolated != (self.mode == "isolated")
        return other if self.position is None else other & (state.rows == self.position)


def _set_aside(state: State, look: Look, row: int, amount: Any) -> None:
    """Move money from the wallet to a row's margin, back where it is negative."""
    state.wallet[look.paths] -= amount
    state.margin[row, look.paths] += amount


def _charge(state: State, look: Look, row: int, fee: Any) -> None:
    state.wallet[look.paths] -= fee
    state.fees[row, look.paths] += fee


def _short(state: State, look: Look) -> Any:
    """Return where the wallet has given away what the pool needs."""
    return state.spare(look) < -ROUNDING * (np.abs(look.wallet) + total(look.notional))


def _under(look: Look, row: int) -> Any:
    """Return where an isolated position does not cover its requirement."""
    spare = look.margin[row] + look.pnl[row] - look.required[row]
    return look.isolated[row] & (spare < -ROUNDING * (np.abs(look.margin[row]) + look.notional[row]))
