"""One account in both margin modes, side by side: now, after shocks, and through the real events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats
from ..formatting import Table, as_amount, as_csv, as_leverage, as_move, as_price, as_ratio, as_size, listed, percent
from ..margin.account import Account
from ..margin.next_order import WhatIf, what_if
from ..margin.open_orders import Order
from ..margin.rules import Rules
from ..markets.events import ORDERS, event_names
from ..markets.venues import Venue, venue_key
from ..markets.venues import venue as venue_of
from ..portfolio.portfolio import Portfolio, what_a_star_means
from ..portfolio.reconciled import Reconciliation, reconcile
from .findings import Finding, findings
from .modes import MODE_COLUMNS, Snapshot, columns_of, names_of
from .needs import MOVE, RATE, Needs, needs_of
from .scenarios import Replay, StressMap, replays, stress_map
from .switching import Switching, switching_of

# The columns of results as CSV, and the figures of a position and of the account among them.
RESULTS = ("part", "column", "of", "figure", "value")
OF_POSITIONS = (
    *("liquidation_price", "other_liquidation_price", "bankruptcy_price", "distance", "margin_used"),
    *("effective_leverage", "margin_ratio", "fall", "rise"),
)
OF_COLLATERAL = ("collateral_worth", "collateral_counted")
# What a table of needs says of each position, after the account and its name.
OF_SURVIVAL = ("account", "position", "margin to add", "size to close")
OF_ROOM = ("account", "position", "largest to add", "may be taken out")
OF_FUNDING = ("account", "position", "payments")
OF_ACCOUNT = ("equity", "free_margin", "worst_margin_ratio", "account_leverage", "first_fall", "first_rise")
# One row of them; a value is a number, or text.
ResultRow = tuple[str, str, str, str, object]


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
    reconciled
        What the venue itself says of it, beside what we say; ``None`` where it was not asked.
    """

    account: Account
    marks: Floats
    venue: Venue
    columns: tuple[Snapshot, ...]
    reconciled: Reconciliation | None = None

    def column(self, name: str) -> Snapshot:
        """Return one column by its name.

        Parameters
        ----------
        name
            ``"as entered"``, ``"all cross"`` or ``"all isolated"``.

        Returns
        -------
        Snapshot
            The account in that mode.

        Raises
        ------
        ArgumentError
            For another name.
        """
        return self.columns[MODE_COLUMNS.index(_checks.one_of("name", name, MODE_COLUMNS))]

    @property
    def symbols(self) -> tuple[str, ...]:
        """What the positions are in."""
        return tuple(contract.symbol for contract in self.account.contracts)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each position is called, with its side where its symbol is held more than once."""
        return tuple(names_of(self.account))

    @property
    def currency(self) -> str:
        """What the money is in."""
        return self.account.currency

    @property
    def rules(self) -> Rules:
        """How the venue liquidates what the positions are in."""
        return self.venue.rules_for(self.symbols)

    @property
    def accounts(self) -> dict[str, Account]:
        """The account of each column, by its name."""
        return {one.name: one.account for one in self.columns}

    @cached_property
    def stress(self) -> StressMap:
        """What is left after shocks to BTC and to the rest."""
        return stress_map(self.accounts, self.marks, rules=self.rules)

    @property
    def replays(self) -> tuple[Replay, ...]:
        """The real events, in order of time, the low of each candle first."""
        self._go_through(event_names(), ORDERS[:1])
        return tuple(self._replayed[name, ORDERS[0]] for name in event_names())

    def replayed(self, event: str, *, order: str = "low first") -> Replay:
        """Return one of the real events.

        Parameters
        ----------
        event
            One of :func:`~marginlab.event_names`.
        order
            Which is taken first within a candle: ``"low first"`` or ``"high first"``.

        Returns
        -------
        Replay
            The same as in `replays`, where its order is that.

        Raises
        ------
        ArgumentError
            For another event or order.
        """
        asked = _checks.one_of("event", event, event_names()), _checks.one_of("order", order, ORDERS)
        if asked not in self._replayed:
            self._go_through([event], ORDERS)
        return self._replayed[asked]

    @cached_property
    def _replayed(self) -> dict[tuple[str, str], Replay]:
        """What has been replayed so far, by event and order."""
        return {}

    def _go_through(self, names: Sequence[str], orders: Sequence[str]) -> None:
        """Replay these events in these orders, all at once, where one of them has not been replayed yet."""
        missing = [order for order in orders if any((name, order) not in self._replayed for name in names)]
        if missing:
            along = partial(replays, self.accounts, self.marks, rules=self.rules, venue=self.venue)
            for one in along(names=names, orders=missing):
                self._replayed.setdefault((one.event, one.order), one)

    @cached_property
    def first_findings(self) -> tuple[Finding, ...]:
        """The findings that wait for no real event, of how the account stands and of made-up moves."""
        return findings(self.columns, (), self.rules)

    @cached_property
    def switching(self) -> tuple[Switching, ...]:
        """What it would take to hold everything in cross, and everything isolated."""
        return switching_of(self.columns, self.venue)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Which mode loses less, by how much, and what it gives up."""
        return findings(self.columns, self.replays, self.rules)

    def needs(self, *, move: float = MOVE, rate: float = RATE) -> tuple[Needs, ...]:
        """Return what it would take in each mode, and what there is room for.

        Parameters
        ----------
        move
            The common move to last through, above -1.
        rate
            Of each funding payment, a fraction of notional that longs pay where it is positive.

        Returns
        -------
        tuple of Needs
            One a column, in their order.

        Raises
        ------
        ArgumentError
            For a move of -1 or below, and numbers that are not finite.
        """
        if _checks.single("move", move) <= -1:
            raise ArgumentError("move", f"must be above -1, so that all prices stay above 0, not {move!r}")
        return needs_of(self.columns, self.rules, move=move, rate=_checks.single("rate", rate))

    def what_if(self, order: Order, *, position: int) -> tuple[WhatIf, ...]:
        """Return what an order in one of the positions does in each mode.

        Parameters
        ----------
        order
            In the contract of the position. Its mode is that of the column.
        position
            Which position, from 0.

        Returns
        -------
        tuple of WhatIf
            One a column, in their order.

        Raises
        ------
        ArgumentError
            For a position that there is not, and as in :func:`~marginlab.what_if`.
        """
        _checks.instance("order", order, Order)
        _checks.count("position", position, 0, len(self.account.contracts) - 1)
        return tuple(
            what_if(
                one.account,
                replace(order, mode=one.account.mode[position]),
                self.marks,
                position=position,
                rules=self.rules,
            )
            for one in self.columns
        )

    @property
    def need_table(self) -> Table:
        """What every position would need, and has room for, in every column."""
        return _needs_table(self)

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
        """The loss in every real event, in every column; in the other order too where that makes a difference."""
        self._go_through(event_names(), ORDERS)
        rows = [
            (each.title, *(self._lost(each, self.replayed(each.event, order=ORDERS[1]), name) for name in MODE_COLUMNS))
            for each in self.replays
        ]
        head = ("loss in the real events", *MODE_COLUMNS)
        return Table("What each event would have cost, and how many positions", head, rows, names=head[:1])

    def _lost(self, one: Replay, other: Replay, column: str) -> str:
        first, second = (f"{as_amount(each.loss(column))} ({each.lost(column)} lost)" for each in (one, other))
        return first if first == second else f"{first}, {other.order} {second}"

    @property
    def finding_table(self) -> Table:
        """Which mode loses less, by how much, what it gives up, and the claim behind it."""
        head = ("which mode loses less?", "cross", "isolated", "better", "by", "gives up", "claim")
        rows = [one.shown() for one in self.findings]
        caption = "Which mode loses less, by how much, and what it gives up"
        return Table(caption, head, rows, names=(head[0], "better", "gives up", "claim"))

    @property
    def _sources(self) -> list[str]:
        return [f"  {each.title}: {each.taken_from}" for each in self.replays]

    def __str__(self) -> str:
        refused = [f"  {column.name}: {refusal}" for column in self.columns for refusal in column.refusals]
        parts = (
            _head(self),
            *([] if self.reconciled is None else [self.reconciled]),
            self.position_table,
            self.account_table,
            self.need_table,
            "\n".join(["What the venue would refuse:", *(refused or ["  nothing"])]),
            self.event_table,
            "\n".join(["What the events are replayed from:", *self._sources]),
            self.finding_table,
        )
        return "\n\n".join(map(str, parts))


def compare(
    account: Account,
    marks: ArrayLike,
    *,
    venue: str,
    date: str | None = None,
    reconciled: Reconciliation | None = None,
) -> Comparison:
    """Return an account as it is, all cross and all isolated, side by side.

    Parameters
    ----------
    account
        One account, counted as its own convention says.
    marks
        Where prices are now, shape (n,).
    venue
        Key of the venue whose rules liquidate, one of :func:`~marginlab.venue_names`, or ``"other"``.
    date
        Of these rules; ``None`` for today's.
    reconciled
        What :func:`~marginlab.portfolio.reconcile` says of the same account, to stand beside the rest.

    Returns
    -------
    Comparison
        It prints as text.

    Raises
    ------
    ArgumentError
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

    >>> from marginlab.portfolio import preset
    >>> pair = preset("hedged-pair")
    >>> for column in compare(pair.account, pair.marks, venue=pair.venue, date=pair.date).columns:
    ...     print(column.name, column.distance.round(2))
    as entered [-0.38  0.54]
    all cross [-0.38  0.54]
    all isolated [-0.2  0.2]
    """
    _checks.instance("account", account, Account)
    if account.lead:
        raise ArgumentError("account", "must be one account, not an array of them")
    if not account.size.all():
        raise ArgumentError(
            "account", f"must hold open positions, each with a size other than 0, not {account.size.tolist()}"
        )
    where, at = venue_of(venue_key("venue", venue), date=date), account.as_marks(marks)
    if at.ndim > 1:
        raise ArgumentError("marks", f"must be one a position ({len(account.contracts)}), not of shape {at.shape}")
    if reconciled is not None:
        _checks.instance("reconciled", reconciled, Reconciliation)
    at = at.copy()
    return Comparison(account, at, where, columns_of(account, at, where), reconciled)


def compared(portfolio: Portfolio) -> Comparison:
    """Return what `compare` finds of an account as it was entered, beside what its venue says of it, if anything."""
    _checks.instance("portfolio", portfolio, Portfolio)
    return compare(
        portfolio.account,
        portfolio.marks,
        venue=portfolio.venue,
        date=portfolio.date,
        reconciled=reconcile(portfolio) if portfolio.told else None,
    )


def results_csv(comparison: Comparison) -> str:
    """Return what a comparison found as CSV, one figure a row.

    Parameters
    ----------
    comparison
        What :func:`compare` found.

    Returns
    -------
    str
        A value is empty where a price or a move does not exist. The part is ``position``, ``account``, ``refusal``,
        ``need``, ``event``, ``closing`` (by force), ``shock``, ``finding`` or ``reconciliation``.
    """
    return as_csv(RESULTS, results_rows(comparison))


def results_rows(comparison: Comparison) -> Iterator[ResultRow]:
    """Return what a comparison found, one figure a row.

    Parameters
    ----------
    comparison
        What :func:`compare` found.

    Returns
    -------
    iterator of tuple
        Each with part, column, of, figure and value, as in :func:`results_csv`.
    """
    _checks.instance("comparison", comparison, Comparison)
    parts = (_snapshots, _needs, _events, _shocks, _findings, _reconciled)
    return chain.from_iterable(part(comparison) for part in parts)


def _head(one: Comparison) -> str:
    n = len(one.symbols)
    held = f"{n} position{'s' if n > 1 else ''} at {one.venue.title}"
    star = what_a_star_means(one.account.contracts)
    return f"{held}, equity {as_amount(one.columns[0].equity)} {one.currency}{_behind(one)}{star}"


def _behind(one: Comparison) -> str:
    """Return in words which other assets stand behind the account, and what they count for."""
    found, entered = one.account.collateral, one.columns[0]
    if not found:
        return ""
    assets = listed([f"{as_size(float(each.amount)).removeprefix('+')} {each.asset}" for each in found])
    worth, counted = as_amount(entered.collateral_worth), as_amount(entered.collateral_counted)
    return f"; collateral {assets}, worth {worth} and counted {counted} {one.currency}"


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
            name,
            as_size(column.account.size[i]),
            as_amount(column.marks[i]),
            both(as_price, column.liquidation_price[i], column.other_liquidation_price[i]),
            both(as_move, column.distance[i], column.other_distance[i]),
            as_price(column.bankruptcy_price[i]),
            as_amount(column.margin_used[i]),
            as_leverage(column.effective_leverage[i]),
            as_ratio(column.margin_ratio[i]),
        )
        for column in one.columns
        for i, name in enumerate(one.names)
    ]
    caption = f"Every position, held in three ways{what_a_star_means(one.account.contracts)}"
    return Table(caption, head, rows, names=("account", "position"))


def _account(one: Comparison) -> Table:
    rows = [
        ("wallet", *(as_amount(column.wallet) for column in one.columns)),
        *_collateral(one),
        ("margins set aside", *(as_amount(column.margins) for column in one.columns)),
        ("free margin", *(as_amount(column.free_margin) for column in one.columns)),
        ("margin ratio", *(as_ratio(column.worst_margin_ratio) for column in one.columns)),
        ("leverage", *(as_leverage(column.account_leverage) for column in one.columns)),
        ("fall that takes the first", *(as_move(column.first_fall) for column in one.columns)),
        ("fall that takes all", *(as_move(column.last_fall) for column in one.columns)),
        ("rise that takes the first", *(as_move(column.first_rise) for column in one.columns)),
        ("rise that takes all", *(as_move(column.last_rise) for column in one.columns)),
        ("may be taken out", *(as_amount(need.wallet_withdrawable) for need in one.needs())),
    ]
    return Table("The account as a whole", ("account", *MODE_COLUMNS), rows, names=("account",))


def _collateral(one: Comparison) -> list[tuple[str, ...]]:
    """Return the rows of what other assets are worth and count for, where there are any."""
    if not one.account.collateral:
        return []
    return [
        ("collateral, worth", *(as_amount(column.collateral_worth) for column in one.columns)),
        ("collateral, counted", *(as_amount(column.collateral_counted) for column in one.columns)),
    ]


def _needs_table(one: Comparison) -> Table:
    needs = one.needs()
    parts = zip(*(rows(one, needs) for rows in (survival_rows, room_rows, funding_rows)), strict=True)
    caption = (
        f"What it takes to last through a common move of {as_move(MOVE)}, what there is room for, and the funding "
        f"payment at {percent(RATE, 2)} that liquidates"
    )
    return Table(
        caption,
        (*OF_SURVIVAL, *OF_ROOM[2:], *OF_FUNDING[2:]),
        [(*first, *room[2:], *paid[2:]) for first, room, paid in parts],
        names=OF_SURVIVAL[:2],
    )


def survival_rows(one: Comparison, needs: Sequence[Needs]) -> list[tuple[str, ...]]:
    """Return what it takes to last through a move: the rows of a table with the head `OF_SURVIVAL`."""
    return [
        (
            *_named(one, c, i),
            as_amount(need.margin_to_survive[i]),
            "no help" if np.isnan(need.size_to_close[i]) else _size(need.size_to_close[i]),
        )
        for c, need in enumerate(needs)
        for i in range(len(one.names))
    ]


def room_rows(one: Comparison, needs: Sequence[Needs]) -> list[tuple[str, ...]]:
    """Return what there is room for: the rows of a table with the head `OF_ROOM`."""
    return [
        (
            *_named(one, c, i),
            _size(need.largest_size[i]),
            as_amount(need.withdrawable[i]) if need.account.isolated[i] else "none set aside",
        )
        for c, need in enumerate(needs)
        for i in range(len(one.names))
    ]


def funding_rows(one: Comparison, needs: Sequence[Needs]) -> list[tuple[str, ...]]:
    """Return how long funding takes: the rows of a table with the head `OF_FUNDING`."""
    return [
        (*_named(one, c, i), "never" if np.isnan(count) else f"{count:,.0f}")
        for c, need in enumerate(needs)
        for i, count in enumerate(need.payments_to_liquidation)
    ]


def _named(one: Comparison, column: int, row: int) -> tuple[str, str]:
    """Return how a row of a table begins: the account, said once, and the position."""
    return (one.columns[column].name if row == 0 else "", one.names[row])


def _size(size: float) -> str:
    """Write a size that was worked out, which nobody orders to its last digit."""
    return as_size(float(f"{size:.6g}")) if size else "nothing"


def both(shown: Callable[[float], str], nearer: float, other: float) -> str:
    """Write what may be in two directions."""
    return shown(nearer) if np.isnan(other) else f"{shown(nearer)} or {shown(other)}"


def _snapshots(found: Comparison) -> Iterator[ResultRow]:
    for one in found.columns:
        for i, position in enumerate(found.names):
            for name in OF_POSITIONS:
                yield "position", one.name, f"{i + 1} {position}", name, getattr(one, name)[i]
        for name in (*OF_ACCOUNT, *(OF_COLLATERAL if one.account.collateral else ())):
            yield "account", one.name, "", name, getattr(one, name)
        for refusal in one.refusals:
            yield "refusal", one.name, refusal.name, "reason", refusal.reason


def _needs(found: Comparison) -> Iterator[ResultRow]:
    for column, need in zip(found.columns, found.needs(), strict=True):
        for i, position in enumerate(found.names):
            of = f"{i + 1} {position}"
            yield "need", column.name, of, f"margin_to_survive at {need.move:+g}", need.margin_to_survive[i]
            yield "need", column.name, of, f"size_to_close at {need.move:+g}", need.size_to_close[i]
            yield "need", column.name, of, "largest_size", need.largest_size[i]
            yield "need", column.name, of, "withdrawable", need.withdrawable[i]
            yield "need", column.name, of, f"payments_to_liquidation at {need.rate:+g}", need.payments_to_liquidation[i]
        yield "need", column.name, "", "withdrawable", need.wallet_withdrawable


def _events(found: Comparison) -> Iterator[ResultRow]:
    for each in found.replays:
        for column in each.accounts:
            yield "event", column, each.title, "loss", each.loss(column)
            yield "event", column, each.title, "positions_lost", each.lost(column)
            other = found.replayed(each.event, order=ORDERS[1])
            yield "event", column, each.title, "loss_high_first", other.loss(column)
            yield "event", column, each.title, "positions_lost_high_first", other.lost(column)
            for loss in each.losses(column):
                yield (
                    "closing",
                    column,
                    each.title,
                    f"{loss.time} {loss.kind} {found.names[loss.position]}",
                    loss.amount,
                )


def _shocks(found: Comparison) -> Iterator[ResultRow]:
    stress = found.stress
    for (c, i, j), equity in np.ndenumerate(stress.equity):
        yield "shock", stress.columns[c], f"BTC {stress.btc[i]:+g}, rest {stress.rest[j]:+g}", "equity", equity


def _findings(found: Comparison) -> Iterator[ResultRow]:
    for finding in found.findings:
        for name in ("cross", "isolated", "by", "better", "gives_up", "claim"):
            yield "finding", "", finding.question, name, getattr(finding, name)


def _reconciled(found: Comparison) -> Iterator[ResultRow]:
    for line in found.reconciled.lines if found.reconciled else ():
        of = f"{line.position + 1} {line.name}"
        for column, value in (("venue", line.theirs), ("as entered", line.ours), ("likely reason", line.reason)):
            yield "reconciliation", column, of, line.figure, value
