"""What somebody holds, as it is entered, kept in files and looked at: a venue, a wallet, positions and their marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import cast

import numpy as np

from .. import _checks
from .._checks import ArgumentError
from ..margin.account import Account, Position
from ..margin.contracts import Contract, check_alike
from ..margin.opening import MARGIN_OR_LEVERAGE
from ..margin.tiers import Tiers
from ..markets.brackets import usual_currency
from ..markets.own_brackets import Brackets, is_text
from ..markets.venues import venue as venue_of
from ..markets.venues import venue_names
from .reading import FIELDS, MOST_TOLD, RATE, SIDES, Asked, EntryError, Problem, as_text

MOST_POSITIONS = 8


@dataclass(frozen=True)
class Portfolio:
    """An account as it is entered: where it is held, what it holds, and at which marks.

    Parameters
    ----------
    venue
        Key of the venue, one of :func:`~marginlab.venue_names`: its brackets, its convention and its rules.
    wallet
        Cash beside the margins of isolated positions, in the contracts' currency.
    positions
        One or more, up to ``MOST_POSITIONS``, in contracts of that venue that settle in one currency.
    marks
        One mark price a position, the same for all positions in one symbol: a market has one price.
    date
        Of the bracket tables, and of how the venue counts; ``None`` for the newest of each symbol, and for today.
    title, note
        What it is, in words.
    brackets
        Brackets of one's own, which stand for the venue's where they have the symbol; ``None`` for none.

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
    brackets: Brackets | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.one_of("venue", self.venue, venue_names())
        _checks.single("wallet", self.wallet)
        marks = _checks.positive("marks", self.marks)
        object.__setattr__(self, "positions", _checks.instances("positions", self.positions, Position))
        object.__setattr__(self, "marks", tuple(np.atleast_1d(marks).tolist()))
        if not 1 <= len(self.positions) <= MOST_POSITIONS:
            raise ArgumentError("positions", f"must be 1 to {MOST_POSITIONS}, not {len(self.positions)}")
        if len(self.marks) != len(self.positions):
            raise ArgumentError("marks", f"must be one a position ({len(self.positions)}), not {len(self.marks)}")
        for name in ("title", "note"):
            _checks.words(name, getattr(self, name))
        if self.brackets is not None:
            _checks.instance("brackets", self.brackets, Brackets)
        for position in self.positions:
            symbol = position.contract.symbol
            if position.contract != contract_of(self.venue, symbol, self.date, self.brackets):
                raise ArgumentError(
                    "positions", f"must be in contracts of {self.venue}, which {symbol} as given is not"
                )
        self.account.as_marks(self.marks)

    @property
    def account(self) -> Account:
        """The account as the venue counts it, or counted it at the date."""
        counts = venue_of(self.venue, date=self.date).convention.value
        return Account.of(self.positions, wallet=self.wallet, convention=counts)

    @property
    def currency(self) -> str:
        """What its money is in."""
        return self.positions[0].contract.currency

    def rows(self) -> list[dict[str, str | float | None]]:
        """Return the positions as they would be entered.

        Returns
        -------
        list of dict
            One a position, with the keys of ``FIELDS`` but for the notional.
        """
        return [
            {
                "symbol": one.contract.symbol,
                "side": "short" if one.size < 0 else "long",
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
        rows: Sequence[Mapping[str, object]],
        *,
        venue: str,
        wallet: float | str,
        date: str | None = None,
        title: str = "",
        note: str = "",
        brackets: object = None,
    ) -> Portfolio:
        """Return what a form or a file holds, or refuse all of it.

        Parameters
        ----------
        rows
            One mapping a position, with keys out of ``FIELDS``; numbers as numbers or as text, ``None`` or ``""``
            where nothing was entered. Needed are ``symbol``, ``side`` (``"long"`` or ``"short"``), ``entry`` and
            one of ``size`` and ``notional`` (at the entry), both above 0. The ``mark`` may be left out where
            another row in the symbol tells it, or where it is the entry; all rows in a symbol must agree. The
            ``mode`` is ``"cross"`` if left out, the ``leverage`` the limit of the bracket, and an isolated position's
            ``margin`` its initial margin at entry; it may stand below 0, where profit was taken out. A ``rate`` makes
            a contract that nobody knows: that maintenance rate at every size, in what the venue's contracts settle in.
        venue, wallet, date, title, note
            Of the account.
        brackets
            Brackets of one's own: :class:`~marginlab.Brackets`, or what its `read` takes; ``None`` for none.

        Returns
        -------
        Portfolio
            The account, with the positions in their order.

        Raises
        ------
        EntryError
            With everything that is wrong.
        """
        problems: list[Problem] = []
        ask = Asked(None, {"venue": venue, "wallet": wallet, "date": date}, problems)
        held_at = ask.word("venue", venue_names())
        cash = ask.number("wallet", _checks.numbers)
        dated = cast(str | None, ask.given("date"))
        if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
            ask.refuse("positions", f"must be a list of positions, not {_checks.shown(rows)}")
        elif not 1 <= len(rows) <= MOST_POSITIONS:
            ask.refuse("positions", f"must be 1 to {MOST_POSITIONS}, not {len(rows)}")
        for name, told in (("title", title), ("note", note)):
            ask.tried(name, partial(_checks.words, name, told))
        own = own_brackets(ask, brackets, held_at)
        if any(problem.field == "positions" for problem in problems):
            raise EntryError(problems)
        asked = [Asked(i, row, problems) for i, row in enumerate(rows)]
        if held_at is not None:
            own = _with_rates(asked, own, held_at)
        entries = [_entered(one, held_at, dated, own) for one in asked]
        marks = _marks(asked, entries)
        held = [position for position in entries if position is not None]
        if not problems:
            ask.tried("contracts", lambda: check_alike([position.contract for position in held]))
        if problems or cash is None:
            raise EntryError(problems)
        made = ask.tried("positions", lambda: cls(venue, cash, tuple(held), tuple(marks), dated, title, note, own))
        if made is None:
            raise EntryError(problems)
        return made


def contract_of(venue: str, symbol: str, date: str | None, brackets: Brackets | None) -> Contract:
    """Return the contract of a symbol by brackets of one's own, or else by the venue's."""
    if brackets is not None and symbol in brackets.symbols:
        return brackets.contract(symbol)
    return venue_of(venue).contract(symbol, date=date)


def own_brackets(ask: Asked, brackets: object, venue: str | None) -> Brackets | None:
    """Return brackets of one's own, in whatever way they were given, None for none or, noted, for bad ones."""
    if brackets is None or (isinstance(brackets, str) and not brackets):
        return None
    if isinstance(brackets, Brackets):
        return brackets
    if isinstance(brackets, str) and not is_text(brackets):
        ask.refuse("brackets", f"must be JSON, or a symbol and a rate a line, not {_checks.shown(brackets):.60}")
        return None
    try:
        found = Brackets.read(brackets, venue=venue or "")
    except ArgumentError as refusal:
        ask.refuse("brackets", f"are refused: {refusal}")
        return None
    usual = "" if venue is None else usual_currency(venue)
    return Brackets(tuple(replace(one, currency=one.currency or usual) for one in found.contracts))


def _with_rates(asked: Sequence[Asked], own: Brackets | None, venue: str) -> Brackets | None:
    """Return brackets of one's own with those of the rows that tell a rate."""
    contracts = {contract.symbol: contract for contract in own.contracts} if own else {}
    known = len(contracts)
    currency = usual_currency(venue)
    for ask in asked:
        rate = ask.number(RATE, _checks.not_negative, needed=False) if isinstance(ask.values, Mapping) else None
        symbol = None if rate is None else ask.given("symbol")
        if rate is None or not isinstance(symbol, str):
            continue
        made = ask.tried(RATE, partial(_flat, symbol, rate, currency))
        if made is not None and contracts.setdefault(symbol, made) != made:
            ask.refuse(RATE, f"must be left out, or say what is said of {symbol} elsewhere")
    return own if len(contracts) == known else Brackets(tuple(contracts.values()))


def _flat(symbol: str, rate: float, currency: str) -> Contract:
    """Return a contract that has one rate at every size."""
    return Contract(symbol, Tiers.flat(rate), currency=currency, note="One rate of your own for every size.")


def _marks(asked: Sequence[Asked], entries: Sequence[Position | None]) -> list[float]:
    """Return a mark for each position that could be read, one for all in a symbol; what disagrees is noted."""
    rows = [(ask, one.contract.symbol, one.entry) for ask, one in zip(asked, entries, strict=True) if one is not None]
    given = [ask.number("mark", _checks.positive, needed=False) for ask, _, _ in rows]
    told = {symbol: mark for (_, symbol, _), mark in reversed([*zip(rows, given, strict=True)]) if mark is not None}
    known = {symbol: entry for _, symbol, entry in reversed(rows)} | told
    for (ask, symbol, entry), mark in zip(rows, given, strict=True):
        at = known[symbol]
        if mark is not None and mark != at:
            ask.refuse("mark", f"must be {as_text(at)}, as for the other position in {symbol}, not {as_text(mark)}")
        elif symbol not in told and entry != at:
            ask.refuse("mark", f"must be given, where {symbol} is held from more than one entry")
    return [known[symbol] for _, symbol, _ in rows]


def _entered(ask: Asked, venue: str | None, date: str | None, own: Brackets | None) -> Position | None:
    """Return a position, or None with what is wrong noted."""
    before = len(ask.problems)
    if not isinstance(ask.values, Mapping):
        ask.refuse("position", f"must have named fields, not {_checks.shown(ask.values)}")
        return None
    unknown = (name for name in ask.values if name not in (*FIELDS, RATE))
    for name in islice(unknown, MOST_TOLD + 1):
        ask.refuse(str(name), f"is no field: they are {', '.join((*FIELDS, RATE))}")
    symbol = cast(str, ask.given("symbol"))
    contract = None if venue is None else ask.tried("symbol", lambda: contract_of(venue, symbol, date, own))
    side, mode = ask.word("side", SIDES), ask.mode("mode", "cross")
    entry = ask.number("entry", _checks.positive)
    ask.number("mark", _checks.positive, needed=False)
    leverage = ask.number("leverage", _checks.positive, needed=False)
    margin = ask.number("margin", _checks.numbers, needed=False)
    size = _size(ask, contract, entry)
    if len(ask.problems) > before or contract is None or size is None or entry is None or mode is None:
        return None
    if mode == "isolated" and margin is None and leverage is None:
        leverage = float(contract.leverage_limit(size, entry))
        if leverage == float("inf"):
            ask.refuse("margin", MARGIN_OR_LEVERAGE)
            return None
    signed = size if side == "long" else -size
    return ask.tried("size", lambda: Position(contract, signed, entry, mode, leverage, margin))


def _size(ask: Asked, contract: Contract | None, entry: float | None) -> float | None:
    """Return the size, or that which is worth the notional at entry."""
    size = ask.number("size", _checks.positive, needed=False)
    notional = ask.number("notional", _checks.positive, needed=False)
    given = [name for name in ("size", "notional") if ask.given(name) is not None]
    if len(given) != 1:
        ask.refuse("size", "must be given, or the notional" + (", and not both" if given else ""))
    if size is None and notional is not None and contract is not None and entry is not None:
        return notional / float(contract.notional(1.0, entry))
    return size
