"""One account in both margin modes, side by side: now, after shocks, and through the real events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from . import checks, words
from .account import Account
from .checks import Floats
from .history import event_names
from .recommendation import Finding, as_amount, as_move, as_size, findings
from .replays import Replay, replay
from .standing import COLUMNS, Standing, columns_of
from .stress import StressMap, stress_map
from .tables import Cell, Link, Table
from .venues import Venue, venue_names
from .venues import venue as venue_of


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found. What takes longer is worked out when it is first asked for.

    Attributes
    ----------
    account, marks
        As given.
    venue
        Whose convention and rules are used.
    columns
        The account as entered, all cross and all isolated, in this order.
    """

    account: Account
    marks: Floats
    venue: Venue
    columns: tuple[Standing, ...]

    def column(self, name: str) -> Standing:
        """Return one column by its name: ``"as entered"``, ``"all cross"`` or ``"all isolated"``."""
        return self.columns[COLUMNS.index(checks.one_of("name", name, COLUMNS))]

    @property
    def symbols(self) -> tuple[str, ...]:
        """What the positions are in."""
        return tuple(contract.symbol for contract in self.account.contracts)

    @property
    def currency(self) -> str:
        """What the money is in."""
        return self.account.contracts[0].currency

    @property
    def accounts(self) -> dict[str, Account]:
        """The account of each column, by its name."""
        return {one.name: one.account for one in self.columns}

    @cached_property
    def stress(self) -> StressMap:
        """What is left after shocks to BTC and to the rest."""
        return stress_map(self.accounts, self.marks, rules=self.venue.rules.value)

    @cached_property
    def replays(self) -> tuple[Replay, ...]:
        """The eight real events, in order of time."""
        return tuple(replay(self.accounts, self.marks, name, rules=self.venue.rules.value) for name in event_names())

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Which mode loses less, by how much, and what it gives up."""
        return findings(self.columns, self.replays, self.venue.rules.value)

    @property
    def position_table(self) -> Table:
        """Every position in every column."""
        return _positions(self)

    @property
    def account_table(self) -> Table:
        """The account as a whole in every column."""
        return _account(self)

    @property
    def event_table(self) -> Table:
        """The loss in every real event, in every column."""
        rows = [
            (each.title, *(f"{as_amount(each.loss(name))} ({each.lost(name)} lost)" for name in COLUMNS))
            for each in self.replays
        ]
        head = ("loss in the real events", *COLUMNS)
        return Table("What each event would have cost, and how many positions", head, rows, names=head[:1])

    @property
    def finding_table(self) -> Table:
        """Which mode loses less, by how much, what it gives up, and where the claim behind it is tried."""
        head = ("which mode loses less?", "cross", "isolated", "better", "by", "gives up", "claim")
        rows: list[list[Cell]] = [[*one.shown()[:-1], Link(one.shown()[-1], one.link)] for one in self.findings]
        caption = "Which mode loses less, by how much, and what it gives up"
        return Table(caption, head, rows, names=(head[0], "better", "gives up", "claim"))

    def __str__(self) -> str:
        refused = [f"  {column.name}: {refusal}" for column in self.columns for refusal in column.refusals]
        parts = (
            _head(self),
            self.position_table,
            self.account_table,
            "\n".join(["What the venue would refuse:", *(refused or ["  nothing"])]),
            self.event_table,
            self.finding_table,
        )
        return "\n\n".join(map(str, parts))


def compare(account: Account, marks: ArrayLike, *, venue: str) -> Comparison:
    """Return an account as it is, all cross and all isolated, side by side.

    Parameters
    ----------
    account
        One account, counted as its own convention says.
    marks
        Where prices are now, shape (n,).
    venue
        Key of the venue whose rules liquidate, one of :func:`venue_names`.

    Returns
    -------
    Comparison
        It prints as text.

    Raises
    ------
    ValueError
        For another shape than one account, a closed position in it, an unknown venue, or a position with neither a
        leverage nor a limit in its bracket.

    Notes
    -----
    All three columns hold the same positions and the same money. In *all isolated* every position that was in cross
    gets its initial margin at entry out of the wallet, as if it had been opened so; where the wallet does not hold
    that much, each gets the same part of it, and this is listed among what the venue would refuse.

    Examples
    --------
    How far is each position from its liquidation price, in each mode?

    >>> from marginlab import preset
    >>> pair = preset("hedged-pair")
    >>> for column in compare(pair.account, pair.marks, venue=pair.venue).columns:
    ...     print(column.name, column.distance.round(2))
    as entered [-0.38  0.54]
    all cross [-0.38  0.54]
    all isolated [-0.2  0.2]
    """
    if not isinstance(account, Account):
        raise ValueError(f"account must be of the class Account, not {account!r}")
    if np.ndim(account.wallet) or account.size.ndim > 1:
        raise ValueError("account must be one account, not an array of them")
    if not account.size.all():
        raise ValueError(
            f"account must hold open positions, each with a size other than 0, not {account.size.tolist()}"
        )
    where, at = venue_of(checks.one_of("venue", venue, venue_names())), account.as_marks(marks)
    if at.ndim > 1:
        raise ValueError(f"marks must be one a position ({len(account.contracts)}), not of shape {at.shape}")
    return Comparison(account, at, where, columns_of(account, at, where))


def _head(one: Comparison) -> str:
    n = len(one.symbols)
    held = f"{n} position{'s' if n > 1 else ''} at {one.venue.title}"
    return f"{held}, equity {as_amount(one.columns[0].equity)} {one.currency}"


def _positions(one: Comparison) -> Table:
    head = (
        "account",
        "position",
        "size",
        "mark",
        "liquidation",
        "distance",
        "bankruptcy",
        "margin",
        "leverage",
        "margin ratio",
    )
    rows = [
        (
            column.name if i == 0 else "",
            symbol,
            as_size(column.account.size[i]),
            as_amount(column.marks[i]),
            _price(column.liquidation_price[i]),
            as_move(column.distance[i]),
            _price(column.bankruptcy_price[i]),
            as_amount(column.margin_used[i]),
            f"{column.effective_leverage[i]:.1f}x",
            words.percent(column.margin_ratio[i], 1),
        )
        for column in one.columns
        for i, symbol in enumerate(one.symbols)
    ]
    return Table("Every position, held in three ways", head, rows, names=("account", "position"))


def _account(one: Comparison) -> Table:
    rows = [
        ("wallet", *(as_amount(column.account.wallet) for column in one.columns)),
        ("margins set aside", *(as_amount(column.account.margin.sum()) for column in one.columns)),
        ("free margin", *(as_amount(column.free_margin) for column in one.columns)),
        ("margin ratio", *(words.percent(column.worst_margin_ratio, 1) for column in one.columns)),
        ("leverage", *(f"{column.account_leverage:.1f}x" for column in one.columns)),
        ("fall that takes the first", *(as_move(column.first_fall) for column in one.columns)),
        ("fall that takes all", *(as_move(column.last_fall) for column in one.columns)),
        ("rise that takes the first", *(as_move(column.first_rise) for column in one.columns)),
        ("rise that takes all", *(as_move(column.last_rise) for column in one.columns)),
    ]
    return Table("The account as a whole", ("account", *COLUMNS), rows, names=("account",))


def _price(price: float) -> str:
    return "none" if np.isnan(price) else as_amount(price)
