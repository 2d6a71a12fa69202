"""What became of an account: what is left and what it lost to whom (`Outcome`), and every event of it (`Ledger`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from html import escape
from typing import Any, overload

import numpy as np

from .. import formatting
from .._typing import Bools, Floats, Integers, Numbers

# What may be recorded of every step.
RECORD = ("equity", "requirement", "size")
LEDGER_COLUMNS = (
    "step",
    "what",
    "position",
    "size",
    "price",
    "amount",
    "cost",
    "wallet",
    "margin",
    "equity",
    "required",
    "fund",
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What :func:`simulate` found, each figure of shape (...), or (..., n) for n positions.

    The leading shape is () for one path and (K,) for an ensemble. All money in the contracts' currency; with
    collateral, what is told of a position in what it settles in, and all else in the account's currency.

    Attributes
    ----------
    balance
        Wallet and margins put in at the start, with collateral at the prices of the first step (...).
    wallet, margin, size, entry, leverage, isolated
        What is held at the end; all but the wallet (..., n).
    assets
        What is held at the end of each asset of the collateral (..., m).
    equity
        What all that is worth at the last marks (...).
    liquidated
        The step at which each position was first closed as a whole by force, -1 for never (..., n); what ADL
        closes does not count.
    realized, funding, fees, impact
        Profit realised at the marks, funding received, trading and liquidation fees paid, and what
        closing in the market cost besides (..., n).
    forfeited
        What takeovers left to the insurance fund (...).
    shortfall
        By how much losses went beyond what backed them: the sum of the next two (...).
    fund_paid, uncovered
        Who bore it: the fund, or others, whether by ADL of who holds the other side or socialised (...).
    deleveraged, forgone
        What ADL closed of each position, a size without a sign, and the profit forgone by it: by how much the
        venue's price was worse than the mark (..., n).
    fund, fund_received
        The insurance fund at the end, and what it received (...).
    converted
        By how much conversions changed each asset, negative for what was sold (..., m).
    proceeds, conversion_cost
        What that brought to the wallet, and what it cost (...).
    refused
        Number of actions the venue refused (...).
    equity_path, requirement_path, size_path
        After each step, if asked for: (..., T), (..., T), (..., T, n).
    ledger
        Every event of a single path in order; ``None`` for an ensemble.

    Notes
    -----
    No money is lost: equity = balance + realised + unrealized at the end + funding - fees - impact
    - forfeited + shortfall - forgone, on every path. With collateral that holds of each asset, with what was
    converted; and what is held of it gains and loses besides with its price.
    """

    balance: Numbers
    wallet: Numbers
    margin: Floats
    size: Floats
    entry: Floats
    leverage: Floats
    isolated: Bools
    assets: Floats
    equity: Numbers
    liquidated: Integers
    realized: Floats
    funding: Floats
    fees: Floats
    impact: Floats
    forfeited: Numbers
    shortfall: Numbers
    fund_paid: Numbers
    uncovered: Numbers
    deleveraged: Floats
    forgone: Floats
    fund: Numbers
    fund_received: Numbers
    converted: Floats
    proceeds: Numbers
    conversion_cost: Numbers
    refused: int | Integers
    equity_path: Floats | None = None
    requirement_path: Floats | None = None
    size_path: Floats | None = None
    ledger: Ledger | None = None

    @property
    def profit(self) -> Numbers:
        """What the account made, equity at the end less what was put in; negative for a loss (...)."""
        return self.equity - self.balance

    @property
    def survived(self) -> Bools:
        """Whether each position was never closed as a whole by force (..., n)."""
        return self.liquidated < 0

    def __str__(self) -> str:
        paths = np.size(self.balance)
        n = self.size.shape[-1]
        head = f"{paths:,} path{'s' if paths > 1 else ''}, {n} position{'s' if n > 1 else ''}"
        own = [
            ("realised", self.realized.sum(axis=-1)),
            ("unrealised", self.equity - self.wallet - self.margin.sum(axis=-1)),
            ("funding", self.funding.sum(axis=-1)),
            ("fees and impact", -(self.fees + self.impact).sum(axis=-1)),
            ("forgone by ADL", -self.forgone.sum(axis=-1)),
        ]
        # What is in several assets has no sum.
        mixed = [("from collateral", self.proceeds), ("cost of that", -self.conversion_cost)]
        rows = [
            ("put in", self.balance),
            *(mixed if self.assets.shape[-1] else own),
            ("forfeited", -self.forfeited),
            ("borne by others", self.shortfall),
            ("left", self.equity),
        ]
        mean = "" if paths == 1 else " (means)"
        return "\n".join([head + mean, *(f"{name:16}{np.mean(value):>20,.2f}" for name, value in rows)])

    @classmethod
    def joined(cls, outcomes: Sequence[Outcome]) -> Outcome:
        """Return the outcomes of several ensembles as that of one.

        Parameters
        ----------
        outcomes
            One or more, of the same account and with the same recorded.

        Returns
        -------
        Outcome
            Of all their paths, in their order, without a ledger.
        """
        if len(outcomes) == 1:
            return outcomes[0]
        first = outcomes[0]
        joined: dict[str, Any] = {}
        for name in (one.name for one in fields(cls)):
            if getattr(first, name) is not None:
                joined[name] = np.concatenate([getattr(outcome, name) for outcome in outcomes])
        return replace(first, **joined)


@dataclass(frozen=True)
class Balance:
    """How things stand: the wallet, one position, what its fate hangs on, the insurance fund, and the collateral.

    `equity` and `requirement` are the position's own if it is isolated, those of the cross pool if it
    is not, and those of the whole account in an entry that belongs to no position; collateral is in them as far as
    it counts. `assets` are its amounts.
    """

    wallet: float
    margin: float
    size: float
    equity: float
    requirement: float
    fund: float
    assets: tuple[float, ...] = ()


@dataclass(frozen=True)
class LedgerEntry:
    """One thing that happened.

    Attributes
    ----------
    step
        Which step of the prices.
    kind
        ``"funding"``, ``"opened"``, ``"closed"``, ``"margin added"``, ``"margin removed"``,
        ``"leverage changed"``, ``"switched"``, ``"stop placed"``, ``"stopped"``, ``"refused"``, ``"topped up"``,
        ``"replenished"``; by force ``"netted"`` (long against short), ``"reduced"`` (in part), ``"liquidated"`` (in
        the market), ``"taken over"``; when others are liquidated ``"auto-deleveraged"``, or ``"passed over"`` by
        ADL; ``"converted"`` (an asset of the collateral sold or bought); between account and venue
        ``"fund received"``, ``"fund paid"``, ``"uncovered"`` (borne by others).
    position, symbol
        Number of the position, ``None`` where it concerns the whole account; and its symbol, ``""``, or the asset
        that was converted.
    size
        Change of its signed size, or of the amount of the asset.
    price
        The mark, the fill where it was closed in the market by force, the price of ADL or of the asset, or where a
        stop was placed; ``None`` without one.
    amount
        Money: funding received, profit realised before fee and impact, margin moved, or what the
        fund received or paid, what others bear, what a conversion brought to the wallet. Of a position it is in
        what that settles in.
    fee, impact
        What closing or converting cost; of ADL, what its price was worse than the mark.
    before, after
        How things stood.
    """

    step: int
    kind: str
    position: int | None
    symbol: str
    size: float
    price: float | None
    amount: float
    fee: float
    impact: float
    before: Balance
    after: Balance


class Ledger(Sequence[LedgerEntry]):
    """The entries of one account in the order in which they happened, shown as a table."""

    def __init__(self, entries: Iterable[LedgerEntry] = ()) -> None:
        self._entries = list(entries)

    @overload
    def __getitem__(self, index: int) -> LedgerEntry: ...
    @overload
    def __getitem__(self, index: slice) -> Ledger: ...
    def __getitem__(self, index: int | slice) -> LedgerEntry | Ledger:
        return Ledger(self._entries[index]) if isinstance(index, slice) else self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self._entries)

    def of(self, *kinds: str) -> Ledger:
        """Return the entries of these kinds.

        Parameters
        ----------
        *kinds
            As in :class:`LedgerEntry`, such as ``"liquidated"``.

        Returns
        -------
        Ledger
            In the same order.
        """
        return Ledger([entry for entry in self if entry.kind in kinds])

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        if not self._entries:
            return "Nothing happened."
        return formatting.aligned(LEDGER_COLUMNS, map(_cells, self), names=("what", "position"))

    def _repr_html_(self) -> str:
        if not self._entries:
            return "<p>Nothing happened.</p>"
        head = "".join(f'<th scope="col">{name}</th>' for name in LEDGER_COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(entry)) + "</tr>" for entry in self
        )
        return f'<table class="ledger"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cells(entry: LedgerEntry) -> tuple[str, ...]:
    """Return an entry as words and numbers for people; amounts that moved read "before → after"."""
    before, after = entry.before, entry.after
    return (
        str(entry.step),
        entry.kind,
        entry.symbol,
        f"{entry.size:+,.10g}" if entry.size else "",
        "" if entry.price is None else formatting.amount(entry.price),
        formatting.amount(entry.amount),
        formatting.amount(entry.fee + entry.impact) if entry.fee or entry.impact else "",
        *(
            _moved(getattr(before, name), getattr(after, name))
            for name in ("wallet", "margin", "equity", "requirement", "fund")
        ),
    )


def _moved(before: float, after: float) -> str:
    shown, now = formatting.amount(before), formatting.amount(after)
    return now if shown == now else f"{shown} → {now}"
