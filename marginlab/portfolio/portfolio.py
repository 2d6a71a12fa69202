"""What somebody holds, as it is entered, kept in files and looked at: a venue, a wallet, positions and their marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from .. import _checks
from .._checks import ArgumentError
from ..margin.account import MODES, Account, Position
from ..margin.contracts import Contract, check_alike
from ..margin.opening import MARGIN_OR_LEVERAGE
from ..markets.venues import venue as venue_of
from ..markets.venues import venue_names
from .reading import FIELDS, SIDES, Asked, EntryError, Problem

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
        _checks.one_of("venue", self.venue, venue_names())
        _checks.single("wallet", self.wallet)
        for name, kept in (("positions", tuple(self.positions)), ("marks", tuple(self.marks))):
            object.__setattr__(self, name, kept)
        if not 1 <= len(self.positions) <= MOST_POSITIONS:
            raise ArgumentError("positions", f"must be 1 to {MOST_POSITIONS}, not {len(self.positions)}")
        if len(self.marks) != len(self.positions):
            raise ArgumentError("marks", f"must be one a position ({len(self.positions)}), not {len(self.marks)}")
        _checks.positive("marks", self.marks)
        for name, words in (("title", self.title), ("note", self.note)):
            if not isinstance(words, str):
                raise ArgumentError(name, f"must be text, not {words!r}")
        for position in self.positions:
            _checks.instance("positions", position, Position)
            symbol = position.contract.symbol
            if position.contract != venue_of(self.venue).contract(symbol, date=self.date):
                raise ArgumentError(
                    "positions", f"must be in contracts of {self.venue}, which {symbol} as given is not"
                )
        _ = self.account

    @property
    def account(self) -> Account:
        """The account as the venue counts it."""
        return Account.of(self.positions, wallet=self.wallet, convention=venue_of(self.venue).convention.value)

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
        if not 1 <= len(rows) <= MOST_POSITIONS:
            ask.refuse("positions", f"must be 1 to {MOST_POSITIONS}, not {len(rows)}")
        entries = [_entered(Asked(i, row, problems), held_at, dated) for i, row in enumerate(rows)]
        held = [entry for entry in entries if entry is not None]
        if not problems:
            ask.tried("contracts", lambda: check_alike([position.contract for position, _ in held]))
        if problems or cash is None:
            raise EntryError(problems)
        positions, marks = zip(*held, strict=True)
        return cls(venue, cash, positions, marks, dated, title, note)


def _entered(ask: Asked, venue: str | None, date: str | None) -> tuple[Position, float] | None:
    """Return a position and its mark, or None with what is wrong noted."""
    before = len(ask.problems)
    if not isinstance(ask.values, Mapping):
        ask.refuse("position", f"must have named fields, not {ask.values!r}")
        return None
    for name in ask.values:
        if name not in FIELDS:
            ask.refuse(str(name), f"is no field: they are {', '.join(FIELDS)}")
    symbol = cast(str, ask.given("symbol"))
    contract = None if venue is None else ask.tried("symbol", lambda: venue_of(venue).contract(symbol, date=date))
    side, mode = ask.word("side", SIDES), ask.word("mode", MODES, "cross")
    entry = ask.number("entry", _checks.positive)
    mark = ask.number("mark", _checks.positive, needed=False)
    leverage = ask.number("leverage", _checks.positive, needed=False)
    margin = ask.number("margin", _checks.not_negative, needed=False)
    size = _size(ask, contract, entry)
    if len(ask.problems) > before or contract is None or size is None or entry is None or mode is None:
        return None
    if mode == "isolated" and margin is None and leverage is None:
        leverage = float(contract.leverage_limit(size, entry))
        if leverage == float("inf"):
            ask.refuse("margin", MARGIN_OR_LEVERAGE)
            return None
    signed = size if side == "long" else -size
    position = ask.tried("size", lambda: Position(contract, signed, entry, mode, leverage, margin))
    return None if position is None else (position, entry if mark is None else mark)


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
