"""How an account stands in one margin mode or another, and what the venue would say to it.

Three columns of the same money: as it was entered, all cross, all isolated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .._typing import Bools, Floats
from ..margin import opening
from ..margin.account import Account
from ..margin.legs import TOWARD
from ..margin.market_move import liquidation_move
from ..markets.venues import Venue
from ..portfolio.portfolio import marked_names

MODE_COLUMNS = ("as entered", "all cross", "all isolated")


@dataclass(frozen=True)
class Refusal:
    """What the venue would not do: with which position, by number and name (``None``, ``""``: the account), and why."""

    position: int | None
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.name else self.reason


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An account at its marks, in one of the three modes of holding it.

    What is told of a position is in what it settles in, what is told of the account in its currency.

    Attributes
    ----------
    name
        One of ``MODE_COLUMNS``.
    account, marks
        What is held, of n positions, and the marks: (n,), and after them those that assets have of their own.
    refusals
        What the venue would refuse, in order of the positions.
    """

    name: str
    account: Account
    marks: Floats
    refusals: tuple[Refusal, ...]

    @property
    def _of_positions(self) -> Floats:
        return self.marks[: len(self.account.contracts)]

    @cached_property
    def liquidation_price(self) -> Floats:
        """Liquidation price of each position, the other marks standing still (n,); ``nan`` for none.

        That of both sides of a market in cross is one, and where there are two prices, the nearer.
        """
        return np.asarray(self.account.liquidation_price(self.marks))

    @cached_property
    def other_liquidation_price(self) -> Floats:
        """Where a pool that holds both sides of a market fails as well, beyond its mark (n,); ``nan`` for nowhere."""
        if not self.account.collateral and all(len(rows) == 1 for rows in self.account.rows_of.values()):
            return np.full(self.marks.shape, np.nan)
        down, up = (self.account.liquidation_price(self.marks, toward=way) for way in TOWARD)
        return np.where(self.liquidation_price == down, up, down)

    @cached_property
    def bankruptcy_price(self) -> Floats:
        """Price at which each position has used up what stands behind it (n,); ``nan`` for none."""
        return np.asarray(self.account.bankruptcy_price(self.marks))

    @cached_property
    def distance(self) -> Floats:
        """How far each mark is from the liquidation price, as a share of the mark (n,); negative if lower."""
        return np.asarray(self.liquidation_price / self._of_positions - 1)

    @cached_property
    def other_distance(self) -> Floats:
        """How far each mark is from where the pool fails on its other side (n,); ``nan`` for nowhere."""
        return np.asarray(self.other_liquidation_price / self._of_positions - 1)

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
    def wallet(self) -> float:
        """Cash behind the cross positions."""
        return float(self.account.wallet)

    @property
    def collateral_worth(self) -> float:
        """What other assets behind the cross positions are worth, positions apart."""
        account = self.account
        if not account.collateral:
            return 0.0
        return float((account.amounts * account.assets.prices(account.as_marks(self.marks))).sum())

    @property
    def collateral_counted(self) -> float:
        """What of that counts, by their collateral ratios."""
        return float(self.account.pool_cash(self.marks)) - self.wallet

    @property
    def margins(self) -> float:
        """What is set aside for isolated positions, all together."""
        return worth_of(self, self.account.margin)

    @property
    def at_stake(self) -> float:
        """The wallet, and collateral at its price, which stand behind the cross positions."""
        account = self.account
        held = (account.amounts * account.assets.prices(self.marks)).sum() if account.collateral else 0.0
        return self.wallet + float(held)

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
        return worth_of(self, self.account.notional(self.marks)) / self.equity if self.equity > 0 else np.inf

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


def worth_of(one: Snapshot, column: Floats) -> float:
    """Return the sum of money in what the positions settle in (n,), in the account's currency."""
    return float((column * one.account.assets.settlement_prices(one.marks)).sum())


def names_of(account: Account) -> list[str]:
    """Return what each position is called where it must not be taken for another."""
    return marked_names(account.contracts, account.size.tolist())


def columns_of(account: Account, marks: Floats, venue: Venue) -> tuple[Snapshot, ...]:
    """Return the account as it was entered, all cross, and all isolated."""
    accounts = [account, all_cross(account), all_isolated(account)]
    for i, already in ((1, ~account.isolated), (2, account.isolated)):
        accounts[i] = account if already.all() else accounts[i]
    return tuple(
        Snapshot(name, one, marks, tuple(_refusals(one, marks, account, venue)))
        for name, one in zip(MODE_COLUMNS, accounts, strict=True)
    )


def all_cross(account: Account) -> Account:
    """Return the account with all margins back in what they came from, and all positions backed by that."""
    pockets, back = _pockets(account), account.margin
    given = [there + back[rows].sum() for there, rows in pockets]
    return _holding(account, given, mode="cross", margin=np.zeros(()))


def all_isolated(account: Account) -> Account:
    """Return the account with a margin set aside for every position.

    Isolated positions keep theirs. Each cross position gets its initial margin at entry, as if it had been opened
    isolated: notional / leverage, at the limit of its bracket where no leverage is set. Both sides of a market get
    one each. It comes out of what the position settles in; where there is not that much, each gets the same part of
    it. Collateral that is left backs nothing then.
    """
    wanted, margin, left = _initial_margins(account), account.margin.copy(), []
    for there, rows in _pockets(account):
        needed = wanted[rows].sum()
        share = min(1.0, max(there, 0.0) / needed) if needed else 0.0
        margin[rows] += share * wanted[rows]
        left.append(there - share * needed)
    return _holding(account, left, mode="isolated", margin=margin)


def _pockets(account: Account) -> list[tuple[float, Bools]]:
    """Return what there is in the wallet and of each asset, and which positions settle in it."""
    held = (account.wallet, *(one.amount for one in account.collateral))
    return [(float(there), account.assets.settles_in == i - 1) for i, there in enumerate(held)]


def _holding(account: Account, held: Sequence[float], *, mode: str, margin: Floats) -> Account:
    """Return the account with so much in its wallet and of each asset, in one mode."""
    collateral = [one.holding(amount) for one, amount in zip(account.collateral, held[1:], strict=True)]
    return replace(account, wallet=held[0], collateral=collateral, mode=mode, margin=margin)


def _initial_margins(account: Account) -> Floats:
    """Return what each cross position would tie up at entry if it stood alone, 0 for isolated ones."""
    alone = replace(account, mode="isolated")
    return np.where(account.isolated, 0.0, alone.initial_margin(alone.entry))


def _refusals(account: Account, marks: Floats, entered: Account, venue: Venue) -> Iterator[Refusal]:
    """Yield what the venue would refuse: of each position, and of the account as a whole."""
    orders = list(account.order_refusals())
    names = names_of(account)
    for i, name in enumerate(names):
        for one in orders:
            if one.where[i]:
                yield Refusal(i, name, f"{one.argument} {one.reason(i)}")
    at_once = account.at_once_refusal(marks)
    for i in np.flatnonzero(at_once.where).tolist():
        yield Refusal(i, names[i], at_once.reason(i))
    # All isolated, each position has what the wallet had: whether that was enough is asked of the account entered.
    paying = entered if account.isolated.all() else account
    there = paying.wallet
    if paying.collateral:
        there = there + paying.assets.counted(paying.amounts, paying.assets.prices(marks)).sum()
    wallet = opening.wallet_refusal(paying.needed_to_open(), there, at_stake=np.abs(there))
    if wallet.where:
        yield Refusal(None, "", f"the wallet {wallet.reason()}")
    yield from switch_refused(account, entered, venue)


def switch_refused(account: Account, entered: Account, venue: Venue) -> Iterator[Refusal]:
    """Yield why a venue would not make an account of the one entered by switching modes."""
    moved = np.asarray((account.isolated != entered.isolated).any())
    mixed = np.asarray(0 < account.isolated.sum() < account.isolated.size)
    for one in opening.switch_refusals(venue.rules.value.switching, moved=moved, mixed=mixed):
        if one.where:
            yield Refusal(None, "", f"{venue.title} {one.reason()}")
