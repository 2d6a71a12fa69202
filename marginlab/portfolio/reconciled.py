"""What the venue says of an account beside what we say, and why they differ, as far as that can be tried.

A reason is given only where it was computed: the account is worked out anew as if the reason held, and what comes out
must be what the venue says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats
from ..formatting import Table, as_amount, moved, percent
from ..margin.account import Account
from ..margin.contracts import Contract
from ..margin.legs import TOWARD
from ..margin.rules import MAINTENANCE_AT, Convention
from ..margin.tiers import Tiers
from ..markets.venues import Venue
from ..markets.venues import venue as venue_of
from .assets import DOLLARS
from .portfolio import Portfolio, Told, marked_names, what_a_star_means

FIGURES = ("liquidation price", "maintenance margin", "margin ratio", "leverage")
# Differences up to this share are none.
WITHIN = 2e-3
# Wallets that follow from different figures are one if they are so near, as a share of what the pool holds.
SAME_WALLET = 2e-3
# So many older sets of brackets are tried of an account of up to so many positions, and fewer of a larger one.
DATES, POSITIONS = 40, 20
# A taker's fee where the venue's is not known.
USUAL_FEE = 5e-4
UNEXPLAINED = "nothing that was tried explains it"


@dataclass(frozen=True)
class Line:
    """One figure of one position, as the venue has it and as we do.

    Attributes
    ----------
    position
        Its number, from 0.
    name
        What it is called.
    figure
        One of ``FIGURES``.
    theirs, ours
        What the venue says, and what we say; ``nan`` for a liquidation price that does not exist.
    reason
        Why they differ; empty where they do not.
    """

    position: int
    name: str
    figure: str
    theirs: float
    ours: float
    reason: str = ""

    @property
    def difference(self) -> float:
        """By how much ours is above theirs, as a share of it; ``nan`` beside a price that does not exist."""
        return self.ours / self.theirs - 1

    @property
    def differs(self) -> bool:
        """Whether that is more than 0.2 %."""
        return not abs(self.difference) <= WITHIN

    def shown(self) -> tuple[str, ...]:
        """Return the row in words: position, figure, theirs, ours, difference, reason.

        Returns
        -------
        tuple of str
            A difference that counts has a mark before it.
        """
        off = "" if np.isnan(self.difference) else moved(self.difference, 2)
        mark = f"≠ {off}".strip() if self.differs else off
        return (
            self.name,
            self.figure,
            _shown(self.figure, self.theirs),
            _shown(self.figure, self.ours),
            mark,
            self.reason,
        )


@dataclass(frozen=True)
class Reconciliation:
    """What the venue says beside what we say, figure by figure; made by :func:`reconcile`.

    Attributes
    ----------
    lines
        One a figure that the venue tells, in order of the positions.
    note
        What the caption of the table adds.
    """

    lines: tuple[Line, ...]
    note: str = ""

    @property
    def differing(self) -> tuple[Line, ...]:
        """What differs by more than 0.2 %."""
        return tuple(line for line in self.lines if line.differs)

    @property
    def sentence(self) -> str:
        """How much agrees, in words."""
        if not self.lines:
            return "The venue says nothing of these positions that could be compared."
        n, off = len(self.lines), self.differing
        agree = f"{n - len(off)} of {n} figures that the venue tells agree with ours to within {percent(WITHIN, 1)}."
        if not off:
            return agree
        explained = sum(line.reason != UNEXPLAINED for line in off)
        return f"{agree} A likely reason was found for {explained} of the {len(off)} that differ."

    @property
    def table(self) -> Table:
        """Every figure, what differs marked with ≠."""
        head = ("position", "figure", "venue says", "we say", "difference", "likely reason")
        rows = [line.shown() for line in self.lines]
        return Table(
            f"What the venue says, and what we say{self.note}",
            head,
            rows,
            names=("position", "figure", "likely reason"),
        )

    def __str__(self) -> str:
        return f"{self.sentence}\n\n{self.table}" if self.lines else self.sentence


def reconcile(portfolio: Portfolio) -> Reconciliation:
    """Return what the venue says of each position beside what we say, with the likely reason where they differ.

    Parameters
    ----------
    portfolio
        With what the venue says (``told``), as :func:`from_ccxt` returns it.

    Returns
    -------
    Reconciliation
        It prints as text.

    Raises
    ------
    ArgumentError
        For anything but a portfolio.

    Notes
    -----
    A reason is the first of these as if which the account, worked out anew, gives what the venue says to within 0.2 %:
    the wallet holds the unrealized profit, or the isolated margins; other assets count beside it; the isolated margin
    holds the profit; a closing fee counts, or does not; maintenance is taken elsewhere; the venue's rules are older;
    the brackets are of another date; the maintenance rate is what the position itself tells; or the pool has another
    wallet, where two figures agree on which.

    Examples
    --------
    A wallet that was given with the profit of 1,000 in it:

    >>> from marginlab.portfolio import from_ccxt
    >>> position = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 0.2, "contractSize": 1.0,
    ...             "entryPrice": 60_000, "markPrice": 65_000, "marginMode": "cross", "liquidationPrice": 56_224.9}
    >>> (line,) = reconcile(from_ccxt([position], venue="binance", wallet=1_800)).lines
    >>> round(line.ours, 1), line.reason
    (51204.8, 'the wallet given holds the unrealized profit of 1,000.00')
    """
    _checks.instance("portfolio", portfolio, Portfolio)
    ours = _Figures(portfolio.account, np.asarray(portfolio.marks))
    names = marked_names(ours.account.contracts, ours.account.size.tolist())
    lines = [
        Line(i, names[i], figure, theirs, ours.nearest(figure, i, theirs))
        for i, told in enumerate(portfolio.told)
        for figure, theirs in zip(FIGURES, told, strict=True)
        if theirs is not None
    ]
    return Reconciliation(_with_reasons(lines, portfolio), what_a_star_means(ours.account.contracts))


class _Figures:
    """An account in figures, worked out as if something held; each figure once, when it is first asked for.

    Parameters
    ----------
    account, marks
        The account, and its marks.
    with_fee
        Whether the maintenance margin is told with the closing fee.
    """

    def __init__(self, account: Account, marks: Floats, with_fee: bool = False) -> None:
        self.account, self.marks, self.with_fee = account, marks, with_fee
        self.known: dict[str, list[Floats]] = {}

    def of(self, figure: str) -> list[Floats]:
        """Return a figure of each position, in all the ways that it may be told."""
        if figure not in self.known:
            self.known[figure] = self.worked_out(figure)
        return self.known[figure]

    def worked_out(self, figure: str) -> list[Floats]:
        """Work out a figure of each position."""
        account, marks = self.account, self.marks
        if figure == "liquidation price":
            plain = np.asarray(account.liquidation_price(marks))
            if all(len(rows) == 1 for rows in account.rows_of.values()):
                return [plain]
            return [plain, *(np.asarray(account.liquidation_price(marks, toward=way)) for way in TOWARD)]
        if figure == "maintenance margin":
            return [account.requirement(marks) if self.with_fee else account.maintenance_margin(marks)]
        if figure == "margin ratio":
            return [account.margin_ratio(marks)]
        held = zip(account.contracts, account.size, marks, strict=True)
        limits = np.array([contract.leverage_limit(size, mark) for contract, size, mark in held])
        return [np.minimum(account.leverage, limits)]

    def nearest(self, figure: str, i: int, theirs: float) -> float:
        """Return a figure of one position; of a pool that fails both ways the price that is nearer to theirs."""
        ways = np.array([way[i] for way in self.of(figure)])
        known = ways[np.isfinite(ways)]
        return float(known[np.argmin(np.abs(known - theirs))]) if known.size else np.nan

    def explains(self, line: Line) -> bool:
        """Whether a figure comes out as the venue has it, and not merely a little nearer than before.

        What cannot be worked out explains nothing.
        """
        try:
            as_if = replace(line, ours=self.nearest(line.figure, line.position, line.theirs))
        except ArgumentError:
            return False
        nearer = np.isnan(line.difference) or abs(as_if.difference) <= abs(line.difference) / 2
        return not as_if.differs and bool(nearer)


def _with_reasons(lines: Sequence[Line], portfolio: Portfolio) -> tuple[Line, ...]:
    """Return the lines, with a reason for each that differs."""
    left = {i for i, line in enumerate(lines) if line.differs}
    found = list(lines)
    for words, as_if in _tries(portfolio, [lines[i] for i in left]):
        for i in sorted(left):
            if as_if.explains(lines[i]):
                found[i] = replace(lines[i], reason=words)
        left = {i for i in left if not found[i].reason}
        if not left:
            break
    for i in left:
        told = _told_otherwise(portfolio, lines[i])
        found[i] = replace(lines[i], reason=told or UNEXPLAINED)
    return tuple(found)


def _tries(portfolio: Portfolio, off: Sequence[Line]) -> Iterator[tuple[str, _Figures]]:
    """Yield what might be, in words, and the account as if it were."""
    if not off:
        return
    account, marks = portfolio.account, np.asarray(portfolio.marks)
    venue = venue_of(portfolio.venue, date=portfolio.date)
    for tries in (
        _other_money(portfolio, account, marks),
        _other_conventions(account, venue),
        _other_brackets(portfolio, account, venue, off),
        _own_rates(portfolio, account, marks, off),
        _other_wallet(portfolio, account, marks),
    ):
        for words, as_if, *with_fee in tries:
            yield words, _Figures(as_if, marks, *with_fee)


Try = tuple[str, Account] | tuple[str, Account, bool]


def _other_money(portfolio: Portfolio, account: Account, marks: Floats) -> Iterator[Try]:
    """Yield the account with another wallet or other margins."""
    profit, alone = account.unrealized_pnl(marks), account.isolated
    pooled, margins = float(profit[~alone].sum()), float(account.margin.sum())
    for what, amount in (("unrealized profit", pooled), ("isolated margins", margins)):
        if amount and not alone.all():
            words = f"the wallet given holds the {what} of {as_amount(amount)}"
            yield words, replace(account, wallet=account.wallet - amount)
    beside = _worth(portfolio)
    if beside and not alone.all():
        words = f"the other assets, worth {as_amount(beside)}, count beside the wallet"
        yield words, replace(account, wallet=account.wallet + beside)
    if alone.any() and profit[alone].any():
        own = np.where(alone, profit, 0.0)
        yield "the margin given holds the unrealized profit", replace(account, margin=account.margin - own)
        yield "the margin given lacks the profit that was taken off", replace(account, margin=account.margin + own)


def _worth(portfolio: Portfolio) -> float:
    """Return what assets that do not count are worth, as far as that is known: dollars, and coins that have a mark."""
    held = zip(portfolio.account.contracts, portfolio.marks, strict=True)
    prices = {contract.underlying: mark for contract, mark in held if contract.kind == "linear"}
    prices |= dict.fromkeys(DOLLARS, 1.0) if portfolio.currency in DOLLARS else {}
    left = (one for one in portfolio.collateral if one.ratio is None)
    return float(sum(one.amount * prices.get(one.asset, 0.0) for one in left))


def _other_conventions(account: Account, venue: Venue) -> Iterator[Try]:
    """Yield the account counted in another way."""
    counts = account.convention
    taker = USUAL_FEE if venue.fees is None or "taker" not in venue.fees.value else venue.fees.value["taker"]
    if counts.closing_fee_at != "none":
        yield "no closing fee counts", replace(account, convention=replace(counts, closing_fee_at="none"))
    for where in ("liquidation", "bankruptcy"):
        fee = counts.closing_fee or taker
        other = replace(counts, closing_fee=fee, closing_fee_at=where, closing_fee_in="both")
        if other != counts:
            words = f"a closing fee of {percent(fee, 3)} at the {where} price counts"
            yield words, replace(account, convention=other), True
    if counts.closing_fee_at != "none":
        yield "the closing fee is told with the maintenance margin", account, True
    for where in MAINTENANCE_AT:
        if where != counts.maintenance_at:
            words = f"maintenance is taken at the {where} price"
            yield words, replace(account, convention=replace(counts, maintenance_at=where))
    for said in venue.conventions:
        if said.value != counts:
            words = f"by the venue's rules since {said.since}" if said.since else "by the venue's older rules"
            yield words, replace(account, convention=said.value)
    if counts != Convention():
        yield "by the plainest convention", replace(account, convention=Convention())


def _other_brackets(
    portfolio: Portfolio, account: Account, venue: Venue, off: Sequence[Line]
) -> Iterator[tuple[str, Account]]:
    """Yield the account with the brackets of other dates, the newest first."""
    symbols = {account.contracts[line.position].symbol for line in off} & set(venue.symbols)
    dates = {table.date for symbol in symbols for table in venue.history(symbol)}
    own = () if portfolio.brackets is None else portfolio.brackets.symbols
    few = max(DATES * POSITIONS // max(len(account.contracts), POSITIONS), 1)
    for date in islice(sorted(dates, reverse=True), few):
        contracts = [_dated(venue, contract, date) for contract in account.contracts]
        if contracts != list(account.contracts):
            words = f"{'the venue’s own ' if symbols & set(own) else ''}brackets of {date}"
            yield words, replace(account, contracts=contracts)


def _dated(venue: Venue, contract: Contract, date: str) -> Contract:
    """Return a contract as it was at a date, or as it is where nothing is known of that."""
    if contract.symbol not in venue.symbols:
        return contract
    try:
        return venue.contract(contract.symbol, date=date)
    except ArgumentError:
        return contract


def _own_rates(portfolio: Portfolio, account: Account, marks: Floats, off: Sequence[Line]) -> Iterator[Try]:
    """Yield the account with the maintenance rates that its positions tell; of maintenance that explains nothing."""
    if all(line.figure == "maintenance margin" for line in off):
        return
    needed = [told.maintenance_margin for told in portfolio.told]
    rates = {
        contract: rate
        for contract, margin, notional in zip(account.contracts, needed, account.notional(marks), strict=True)
        if margin is not None and 0 <= (rate := margin / float(notional)) < 1
    }
    if rates:
        contracts = [_flat(contract, rates.get(contract)) for contract in account.contracts]
        words = "the maintenance rate is another: what the positions tell of their maintenance margin fits"
        yield words, replace(account, contracts=contracts)


def _flat(contract: Contract, rate: float | None) -> Contract:
    return contract if rate is None else replace(contract, tiers=Tiers.flat(rate))


def _other_wallet(portfolio: Portfolio, account: Account, marks: Floats) -> Iterator[tuple[str, Account]]:
    """Yield the account with the wallet on which two figures of the pool agree."""
    wallets = _wallets(portfolio, account, marks)
    pool = ~account.isolated
    scale = SAME_WALLET * max(float(account.notional(marks)[pool].sum()), 1e-300)
    if wallets.size < 2 or np.ptp(wallets) > scale:
        return
    wallet = float(wallets.mean())
    more = wallet - float(account.wallet)
    what = "collateral that was not given" if more > 0 else "orders, loans or positions that were not given"
    words = f"{as_amount(abs(more))} {'more' if more > 0 else 'less'} stand behind the pool, such as {what}"
    yield words, replace(account, wallet=wallet)


def _wallets(portfolio: Portfolio, account: Account, marks: Floats) -> Floats:
    """Return the wallet that each figure of a cross position implies: one a market, and one a ratio."""
    seen: set[Contract] = set()
    told: list[tuple[int, Floats, float]] = []
    for i, said in enumerate(portfolio.told):
        contract = account.contracts[i]
        if account.isolated[i] or contract in seen:
            continue
        seen.add(contract)
        if said.liquidation_price is not None and said.liquidation_price > 0:
            there = marks.copy()
            there[account.rows_of[contract]] = said.liquidation_price
            told.append((i, there, 1.0))
        if said.margin_ratio is not None and said.margin_ratio > 0:
            told.append((i, marks, said.margin_ratio))
    if len(told) < 2:
        return np.zeros(0)
    # With that wallet the pool has this margin ratio at these marks.
    rows, columns = np.arange(len(told)), [i for i, _, _ in told]
    at = np.array([where for _, where, _ in told])
    needed, there = account.position_requirement(at)[rows, columns], account.position_equity(at)[rows, columns]
    return np.asarray(needed / np.array([ratio for *_, ratio in told]) - (there - account.wallet))


def _told_otherwise(portfolio: Portfolio, line: Line) -> str:
    """Return which other ratio a margin ratio is, ``""`` where it is none that is known."""
    if line.figure != "margin ratio":
        return ""
    account, marks, i = portfolio.account, np.asarray(portfolio.marks), line.position
    needed, there = account.maintenance_margin(marks)[i], account.position_equity(marks)[i]
    own = account.initial_margin(marks)[i] + account.unrealized_pnl(marks)[i]
    told: Told = portfolio.told[i]
    needs = [needed] if told.maintenance_margin is None else [needed, told.maintenance_margin]
    ways = {
        "it is told of this position alone: its maintenance to its initial margin and profit": own,
        "it is told of this position alone: its maintenance to the equity of the pool": there,
    }
    for words, equity in ways.items():
        if any(abs(one / equity / line.theirs - 1) <= WITHIN for one in needs):
            return words
    return "it is told as equity to requirement" if abs(line.ours * line.theirs - 1) <= WITHIN else ""


def _shown(figure: str, value: float) -> str:
    """Return a figure for people."""
    if np.isnan(value):
        return "none"
    if figure == "margin ratio":
        return percent(value, 2)
    return f"{value:,.4g}x" if figure == "leverage" else as_amount(value)
