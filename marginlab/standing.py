"""How an account stands in one margin mode or another, and what the venue would say to it.

Three columns of the same money: as it was entered, all cross, all isolated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .account import Account
from .checks import Floats
from .joint import liquidation_move
from .venues import Venue
from .words import amount

COLUMNS = ("as entered", "all cross", "all isolated")


@dataclass(frozen=True)
class Refusal:
    """What the venue would not do: with which position (``None``: the account as a whole), and why."""

    position: int | None
    symbol: str
    reason: str

    def __str__(self) -> str:
        return f"{self.symbol}: {self.reason}" if self.symbol else self.reason


@dataclass(frozen=True, eq=False)
class Standing:
    """One column: an account at its marks.

    Attributes
    ----------
    name
        One of ``COLUMNS``.
    account, marks
        What is held, of n positions, and the marks (n,).
    refusals
        What the venue would refuse, in order of the positions.
    """

    name: str
    account: Account
    marks: Floats
    refusals: tuple[Refusal, ...]

    @cached_property
    def liquidation_price(self) -> Floats:
        """Liquidation price of each position, the other marks standing still (n,); ``nan`` for none."""
        return np.asarray(self.account.liquidation_price(self.marks))

    @cached_property
    def bankruptcy_price(self) -> Floats:
        """Price at which each position has used up what stands behind it (n,); ``nan`` for none."""
        return np.asarray(self.account.bankruptcy_price(self.marks))

    @cached_property
    def distance(self) -> Floats:
        """How far each mark is from the liquidation price, as a share of the mark (n,); negative if lower."""
        return np.asarray(self.liquidation_price / self.marks - 1)

    @cached_property
    def margin_used(self) -> Floats:
        """What each position ties up (n,), the margin set aside or in cross the initial margin at the mark."""
        account = self.account
        return np.asarray(np.where(account.isolated, account.margin, account.initial_margin(self.marks)))

    @cached_property
    def effective_leverage(self) -> Floats:
        """Notional to equity of each position's unit (n,), an isolated one alone or the pool."""
        return np.asarray(self.account.effective_leverage(self.marks))

    @cached_property
    def margin_ratio(self) -> Floats:
        """Requirement to equity of each position's unit (n,); it is liquidated at 1."""
        return np.asarray(self.account.margin_ratio(self.marks))

    @property
    def worst_margin_ratio(self) -> float:
        """The margin ratio of the account, which is that of the unit nearest to its liquidation."""
        return float(self.margin_ratio.max())

    @property
    def equity(self) -> float:
        """What the whole account is worth; the same in all columns."""
        return float(self.account.equity(self.marks))

    @property
    def free_margin(self) -> float:
        """What is left to open with."""
        return float(self.account.free_margin(self.marks))

    @property
    def account_leverage(self) -> float:
        """Notional of all positions to equity of the whole account; ``inf`` where nothing is left."""
        return float(self.account.notional(self.marks).sum()) / self.equity if self.equity > 0 else np.inf

    @cached_property
    def fall(self) -> Floats:
        """The common fall of all marks that takes each position (n,), from -1 to 0; ``nan`` for none."""
        return np.asarray(liquidation_move(self.account, self.marks))

    @cached_property
    def rise(self) -> Floats:
        """The common rise of all marks that takes each position (n,), 0 or more; ``nan`` for none."""
        return np.asarray(liquidation_move(self.account, self.marks, toward="up"))

    @property
    def first_fall(self) -> float:
        """The smallest common fall that takes any position; ``nan`` where none does."""
        return float(np.nanmax(self.fall)) if np.isfinite(self.fall).any() else np.nan

    @property
    def first_rise(self) -> float:
        """The smallest common rise that takes any position; ``nan`` where none does."""
        return float(np.nanmin(self.rise)) if np.isfinite(self.rise).any() else np.nan

    @property
    def last_fall(self) -> float:
        """The common fall that has taken all positions; ``nan`` where one survives any."""
        return float(self.fall.min())

    @property
    def last_rise(self) -> float:
        """The common rise that has taken all positions; ``nan`` where one survives any."""
        return float(self.rise.max())


def columns_of(account: Account, marks: Floats, venue: Venue) -> tuple[Standing, ...]:
    """Return the account as it was entered, all cross, and all isolated."""
    accounts = [account, all_cross(account), all_isolated(account)]
    for i, already in ((1, ~account.isolated), (2, account.isolated)):
        accounts[i] = account if already.all() else accounts[i]
    return tuple(
        Standing(name, one, marks, tuple(_refusals(one, marks, account, venue)))
        for name, one in zip(COLUMNS, accounts, strict=True)
    )


def all_cross(account: Account) -> Account:
    """Return the account with all margins back in the wallet, and all positions backed by it."""
    return replace(account, wallet=account.wallet + account.margin.sum(), mode="cross", margin=0.0)


def all_isolated(account: Account) -> Account:
    """Return the account with a margin set aside for every position.

    Isolated positions keep theirs. Each cross position gets its initial margin at entry, as if it had been opened
    isolated: notional / leverage, at the limit of its bracket where no leverage is set. Where the wallet does not
    hold that much, each gets the same part of it.
    """
    wanted = _initial_margins(account)
    share = min(1.0, max(account.wallet, 0.0) / wanted.sum()) if wanted.any() else 0.0
    return replace(
        account,
        wallet=account.wallet - share * wanted.sum(),
        mode="isolated",
        margin=account.margin + share * wanted,
    )


def _initial_margins(account: Account) -> Floats:
    """Return the initial margin at entry of each cross position, 0 for isolated ones."""
    return np.where(account.isolated, 0.0, account.initial_margin(account.entry))


def _refusals(account: Account, marks: Floats, entered: Account, venue: Venue) -> list[Refusal]:
    found = [
        Refusal(i, one.symbol, reason) for i, one in enumerate(account.contracts) for reason in _orders(account, i)
    ]
    failing = account.liquidatable(marks)
    need, left = account.position_requirement(marks), account.position_equity(marks)
    for i in np.flatnonzero(failing).tolist():
        reason = f"is liquidated at once: equity {amount(left[i])}, required {amount(need[i])}"
        found.append(Refusal(i, account.contracts[i].symbol, reason))
    return [*found, *(Refusal(None, "", reason) for reason in _of_account(account, entered, venue))]


def _orders(account: Account, i: int) -> list[str]:
    """Return why a position could not have been opened as it is."""
    contract, size, entry = account.contracts[i], account.size[i], account.entry[i]
    counted, tiers = contract.bracket_amount(size, entry), contract.tiers
    limit, leverage, found = contract.leverage_limit(size, entry), account.leverage[i], []
    if np.isfinite(leverage) and leverage > limit:
        found.append(f"leverage must be at most {limit:g} at this size, not {leverage:g}")
    if counted > tiers.cap:
        found.append(f"size must be at most {tiers.cap:,.10g} {tiers.measured_in}, not {counted:,.10g}")
    least = contract.maintenance_margin(size, entry)
    if account.isolated[i] and account.margin[i] < least:
        found.append(
            f"margin must be at least {amount(least)}, its maintenance margin, not {amount(account.margin[i])}"
        )
    return found


def _of_account(account: Account, entered: Account, venue: Venue) -> list[str]:
    """Return why the account as a whole could not have been opened, or brought to its modes, as it is."""
    found, switching = [], venue.rules.value.switching
    needed, there = _initial_margins(account).sum(), account.wallet
    if account.isolated.all():
        needed, there = _initial_margins(entered).sum(), entered.wallet
    if needed > there * (1 + 1e-12):
        found.append(f"the wallet must cover the initial margins ({amount(needed)}), not {amount(there)}")
    if switching == "account" and 0 < account.isolated.sum() < account.isolated.size:
        found.append(f"{venue.title} has one mode for the whole account")
    if switching in ("flat", "order") and (account.isolated != entered.isolated).any():
        found.append(f"{venue.title} does not switch the mode of an open position: close it first")
    return found
