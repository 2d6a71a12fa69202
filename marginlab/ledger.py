"""What happened to one account, entry by entry, each with what was there before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import overload

from . import words

COLUMNS = (
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


@dataclass(frozen=True)
class Balance:
    """How things stand: the wallet, one position, what its fate hangs on, and the insurance fund.

    `equity` and `requirement` are the position's own if it is isolated, those of the cross pool if it
    is not, and those of the whole account in an entry that belongs to no position.
    """

    wallet: float
    margin: float
    size: float
    equity: float
    requirement: float
    fund: float


@dataclass(frozen=True)
class LedgerEntry:
    """One thing that happened.

    Attributes
    ----------
    step
        Which step of the prices.
    kind
        ``"funding"``, ``"opened"``, ``"closed"``, ``"margin added"``, ``"margin removed"``,
        ``"switched"``, ``"refused"``, ``"topped up"``; by force ``"reduced"`` (in part), ``"liquidated"``
        (in the market), ``"taken over"``, ``"auto-deleveraged"``; between account and venue ``"fund
        received"``, ``"fund paid"``, ``"uncovered"``.
    position, symbol
        Number of the position, ``None`` where it concerns the whole account; and its symbol, ``""``.
    size
        Change of its signed size.
    price
        The mark, or the fill where it was closed in the market by force; ``None`` without a position.
    amount
        Money: funding received, profit realised before fee and impact, margin moved, or what the
        fund received or paid, what was taken from a winner, what nobody covered.
    fee, impact
        What closing cost.
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

    def __init__(self, entries: Sequence[LedgerEntry] = ()) -> None:
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

    def append(self, entry: LedgerEntry) -> None:
        """Write down what happened last."""
        self._entries.append(entry)

    def rewind(self, length: int) -> None:
        """Strike out everything after so many entries."""
        del self._entries[length:]

    def of(self, *kinds: str) -> Ledger:
        """Return the entries of these kinds."""
        return Ledger([entry for entry in self if entry.kind in kinds])

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        if not self._entries:
            return "Nothing happened."
        return words.aligned(COLUMNS, map(_cells, self), names=("what", "position"))

    def _repr_html_(self) -> str:
        if not self._entries:
            return "<p>Nothing happened.</p>"
        head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
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
        "" if entry.price is None else words.amount(entry.price),
        words.amount(entry.amount),
        words.amount(entry.fee + entry.impact) if entry.fee or entry.impact else "",
        *(
            _moved(getattr(before, name), getattr(after, name))
            for name in ("wallet", "margin", "equity", "requirement", "fund")
        ),
    )


def _moved(before: float, after: float) -> str:
    shown, now = words.amount(before), words.amount(after)
    return now if shown == now else f"{shown} → {now}"
