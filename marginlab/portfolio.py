"""What somebody holds, as it is entered, kept in files and looked at: a venue, a wallet, positions and their marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import checks
from .account import Account
from .contracts import Contract, check_alike
from .positions import MODES, Position
from .venues import venue as venue_of
from .venues import venue_names

FIELDS = ("symbol", "side", "size", "notional", "entry", "mark", "mode", "leverage", "margin")
SIDES = ("long", "short")
MOST_POSITIONS = 8
# What a number looks like in a form or a file. Thousands separators are not guessed at: 1,500 may be one and a half.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what was entered.

    Attributes
    ----------
    row
        Number of the position, from 0; ``None`` where it concerns the account as a whole.
    field
        Which field of it, as it is called where it was entered.
    reason
        What is allowed and what was given, to be read after the field's name.
    """

    row: int | None
    field: str
    reason: str

    def __str__(self) -> str:
        where = "" if self.row is None else f"position {self.row + 1}, "
        return f"{where}{self.field} {self.reason}"


class EntryError(ValueError):
    """What was entered is refused: all of it, with everything that is wrong in `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


@dataclass(frozen=True)
class Portfolio:
    """An account as it is entered: where it is held, what it holds, and at which marks.

    Parameters
    ----------
    venue
        Key of the venue, one of :func:`venue_names`: its brackets, its convention and its rules.
    wallet
        Cash beside the margins of isolated positions, in the contracts' currency.
    positions
        One to eight, in contracts of that venue that settle in one currency.
    marks
        One mark price a position.
    date
        Of the bracket tables; ``None`` for the newest of each symbol.
    title, note
        What it is, in words.

    Examples
    --------
    >>> row = {"symbol": "BTCUSDT", "side": "long", "size": 0.5, "entry": 60_000, "leverage": 10}
    >>> Portfolio.of_rows([row], venue="binance", wallet=5_000).account.liquidation_price()
    array([50200.80321285])
    """

    venue: str
    wallet: float
    positions: tuple[Position, ...]
    marks: tuple[float, ...]
    date: str | None = None
    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        checks.one_of("venue", self.venue, venue_names())
        checks.single("wallet", self.wallet)
        for name, kept in (("positions", tuple(self.positions)), ("marks", tuple(self.marks))):
            object.__setattr__(self, name, kept)
        if not 1 <= len(self.positions) <= MOST_POSITIONS:
            raise ValueError(f"positions must be 1 to {MOST_POSITIONS}, not {len(self.positions)}")
        if len(self.marks) != len(self.positions):
            raise ValueError(f"marks must be one a position ({len(self.positions)}), not {len(self.marks)}")
        checks.positive("marks", self.marks)
        for name, words in (("title", self.title), ("note", self.note)):
            if not isinstance(words, str):
                raise ValueError(f"{name} must be text, not {words!r}")
        for position in self.positions:
            if not isinstance(position, Position):
                raise ValueError(f"positions must be Position objects, not {position!r}")
            symbol = position.contract.symbol
            if position.contract != venue_of(self.venue).contract(symbol, date=self.date):
                raise ValueError(f"positions must be in contracts of {self.venue}, which {symbol} as given is not")
        _ = self.account

    @property
    def account(self) -> Account:
        """The account as the venue counts it."""
        return Account.of(self.positions, wallet=self.wallet, convention=venue_of(self.venue).convention.value)

    @property
    def currency(self) -> str:
        """What its money is in."""
        return self.positions[0].contract.currency

    def rows(self) -> list[dict[str, Any]]:
        """Return the positions as they would be entered, one mapping of ``FIELDS`` (without the notional) each."""
        return [
            {
                "symbol": one.contract.symbol,
                "side": SIDES[one.size < 0],
                "size": abs(float(one.size)),
                "entry": float(one.entry),
                "mark": float(mark),
                "mode": one.mode,
                "leverage": None if one.leverage is None else float(one.leverage),
                "margin": None if one.margin is None else float(one.margin),
            }
            for one, mark in zip(self.positions, self.marks, strict=True)
        ]

    @classmethod
    def of_rows(
        cls,
        rows: Sequence[Mapping[str, Any]],
        *,
        venue: str,
        wallet: Any,
        date: str | None = None,
        title: str = "",
        note: str = "",
    ) -> Portfolio:
        """Return what a form or a file holds, or refuse all of it.

        Parameters
        ----------
        rows
            One mapping a position, with keys out of ``FIELDS``; numbers as numbers or as text, ``None`` or ``""``
            where nothing was entered. Needed are ``symbol``, ``side`` (``"long"`` or ``"short"``), ``entry`` and
            one of ``size`` and ``notional`` (at the entry), both above 0. The ``mark`` is the entry if left out, the
            ``mode`` ``"cross"``, the ``leverage`` the limit of the bracket, and an isolated position's ``margin``
            its initial margin at entry.
        venue, wallet, date, title, note
            Of the account.

        Raises
        ------
        EntryError
            With everything that is wrong.
        """
        problems: list[Problem] = []
        ask = Asked(None, {"venue": venue, "wallet": wallet, "date": date}, problems)
        held_at = ask.word("venue", venue_names())
        cash, date = ask.number("wallet", checks.numbers), ask.given("date")
        if not 1 <= len(rows) <= MOST_POSITIONS:
            ask.refuse("positions", f"must be 1 to {MOST_POSITIONS}, not {len(rows)}")
        entries = [_entered(Asked(i, row, problems), held_at, date) for i, row in enumerate(rows)]
        held = [entry for entry in entries if entry is not None]
        if not problems:
            ask.tried("contracts", lambda: check_alike([position.contract for position, _ in held]))
        if problems:
            raise EntryError(problems)
        positions, marks = zip(*held, strict=True)
        return cls(venue, cash, positions, marks, date, title, note)


class Asked:
    """One mapping of what was entered, asked field by field; what is wrong is noted rather than raised."""

    def __init__(self, row: int | None, given: Mapping[str, Any], problems: list[Problem]) -> None:
        self.row, self.values, self.problems = row, given, problems

    def refuse(self, field: str, reason: str) -> None:
        """Note what is wrong."""
        self.problems.append(Problem(self.row, field, reason))

    def tried(self, field: str, call: Callable[[], Any]) -> Any:
        """Return what a call returns, or note why it refuses and return None."""
        try:
            return call()
        except ValueError as refusal:
            first, _, reason = str(refusal).partition(" ")
            named = first in (*FIELDS, "date")
            self.refuse(first if named else field, reason if named or first == field else str(refusal))
            return None

    def given(self, field: str) -> Any:
        """Return what was entered, None for nothing."""
        value = self.values.get(field)
        value = value.strip() if isinstance(value, str) else value
        return None if value == "" else value

    def word(self, field: str, allowed: Iterable[str], default: str | None = None) -> Any:
        """Return one of the words allowed."""
        value = self.given(field)
        value = default if value is None else value
        return self.tried(field, lambda: checks.one_of(field, value, allowed))

    def number(self, field: str, check: Callable[[str, Any], Any], *, needed: bool = True) -> Any:
        """Return a number that passes a check, None where none is needed and none given."""
        value = self.given(field)
        if value is None:
            if needed:
                self.refuse(field, "must be given")
            return None
        return self.tried(field, lambda: checks.single(field, number(field, value), check))


def number(field: str, value: Any) -> Any:
    """Return a number that may stand there as text: digits with a point, no separators of thousands."""
    if not isinstance(value, str):
        return value
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{field} must be a number such as 1500 or 0.25, without separators, not {value!r}")
    return float(value)


def _entered(ask: Asked, venue: str | None, date: str | None) -> tuple[Position, float] | None:
    """Return a position and its mark, or None with what is wrong noted."""
    before = len(ask.problems)
    if not isinstance(ask.values, Mapping):
        ask.refuse("position", f"must have named fields, not {ask.values!r}")
        return None
    for name in ask.values:
        if name not in FIELDS:
            ask.refuse(str(name), f"is no field: they are {', '.join(FIELDS)}")
    symbol = ask.given("symbol")
    contract = None if venue is None else ask.tried("symbol", lambda: venue_of(venue).contract(symbol, date=date))
    side, mode = ask.word("side", SIDES), ask.word("mode", MODES, "cross")
    entry = ask.number("entry", checks.positive)
    mark = ask.number("mark", checks.positive, needed=False)
    leverage = ask.number("leverage", checks.positive, needed=False)
    margin = ask.number("margin", checks.not_negative, needed=False)
    size = _size(ask, contract, entry)
    if len(ask.problems) > before or contract is None:
        return None
    if mode == "isolated" and margin is None and leverage is None:
        leverage = float(contract.leverage_limit(size, entry))
        if leverage == float("inf"):
            ask.refuse("margin", "must be given, or the leverage, where the brackets set no limit")
            return None
    signed = size if side == "long" else -size
    position = ask.tried("size", lambda: Position(contract, signed, entry, mode, leverage, margin))
    return None if position is None else (position, entry if mark is None else mark)


def _size(ask: Asked, contract: Contract | None, entry: float | None) -> Any:
    """Return the size, or that which is worth the notional at entry."""
    size = ask.number("size", checks.positive, needed=False)
    notional = ask.number("notional", checks.positive, needed=False)
    given = [name for name in ("size", "notional") if ask.given(name) is not None]
    if len(given) != 1:
        ask.refuse("size", "must be given, or the notional" + (", and not both" if given else ""))
    if size is None and notional is not None and contract is not None and entry is not None:
        return notional / contract.notional(1.0, entry)
    return size
