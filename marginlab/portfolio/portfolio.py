"""What somebody holds, as it is entered, kept in files and looked at: a venue, a wallet, positions and their marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import NamedTuple, cast

import numpy as np

from .. import _checks
from .._checks import ArgumentError
from ..formatting import position_names
from ..margin.account import Account, Position
from ..margin.contracts import Contract
from ..margin.open_orders import Order
from ..margin.opening import MARGIN_OR_LEVERAGE
from ..margin.tiers import Tiers
from ..markets.brackets import usual_currency
from ..markets.own_brackets import Brackets, is_text
from ..markets.venues import venue as venue_of
from ..markets.venues import venue_key
from .assets import DOLLARS, Asset, asked_assets, collateral_of
from .reading import FIELDS, MOST_TOLD, RATE, SIDES, TOLD, Asked, EntryError, Problem, as_text

# In a file and in a program; a form holds fewer.
MOST_POSITIONS = 500
# What a contract says whose brackets nobody knows: tables mark it with a star.
OWN_RATE = "one rate for every size, which the position itself tells: brackets are not known"
# Of an open order, as files call them.
ORDER_FIELDS = ("symbol", "side", "size", "price", "mode", "leverage", "reduce_only")


class Told(NamedTuple):
    """What the venue itself says of a position; ``None`` where it says nothing.

    Attributes
    ----------
    liquidation_price, maintenance_margin, margin_ratio
        Of the position, the last as requirement to equity.
    leverage
        The setting.
    """

    liquidation_price: float | None = None
    maintenance_margin: float | None = None
    margin_ratio: float | None = None
    leverage: float | None = None


@dataclass(frozen=True)
class Portfolio:
    """An account as it is entered: where it is held, what it holds, and at which marks.

    Parameters
    ----------
    venue
        Key of the venue, one of :func:`~marginlab.venue_names`: its brackets, its convention and its rules. ``"other"``
        for an exchange that is not among them.
    wallet
        Cash beside the margins of isolated positions, in the account's currency.
    positions
        One or more, up to ``MOST_POSITIONS``, in contracts of that venue that settle in one currency, or in an asset of
        the collateral.
    marks
        One mark price a position, the same for all positions in one symbol: a market has one price.
    date
        Of the bracket tables, and of how the venue counts; ``None`` for the newest of each symbol, and for today.
    title, note
        What it is, in words.
    brackets
        Brackets of one's own, which stand for the venue's where they have the symbol; ``None`` for none.
    orders
        Open orders, which tie up margin.
    collateral
        Other assets behind the cross positions. One whose ratio is not known counts for nothing.
    told
        What the venue itself says, one a position; empty where it says nothing.
    remarks
        How it was read, where that was not said plainly: what was assumed, worked out or passed over.

    Examples
    --------
    >>> row = {"symbol": "BTCUSDT", "side": "long", "size": 0.5, "entry": 60_000, "leverage": 10}
    >>> Portfolio.of_rows([row], venue="binance", wallet=5_000).account.liquidation_price()
    array([50200.80321285])
    >>> coins = {"BTC": {"amount": 0.1, "ratio": 0.95}}
    >>> Portfolio.of_rows([row], venue="binance", wallet=0, collateral=coins).account.liquidation_price()
    array([50590.21922428])
    """

    venue: str
    wallet: float
    positions: tuple[Position, ...]
    marks: tuple[float, ...]
    date: str | None = None
    title: str = ""
    note: str = ""
    brackets: Brackets | None = field(default=None, repr=False)
    orders: tuple[Order, ...] = field(default=(), repr=False)
    collateral: tuple[Asset, ...] = field(default=(), repr=False)
    told: tuple[Told, ...] = field(default=(), repr=False)
    remarks: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        _checks.keep(self)
        venue_key("venue", self.venue)
        _checks.single("wallet", self.wallet)
        marks = _checks.positive("marks", self.marks)
        object.__setattr__(self, "marks", tuple(np.atleast_1d(marks).tolist()))
        for name, kind in (
            ("positions", Position),
            ("orders", Order),
            ("collateral", Asset),
            ("told", Told),
            ("remarks", str),
        ):
            object.__setattr__(self, name, _checks.instances(name, getattr(self, name), kind))
        if not 1 <= len(self.positions) <= MOST_POSITIONS:
            raise ArgumentError("positions", f"must be 1 to {MOST_POSITIONS}, not {len(self.positions)}")
        if len(self.marks) != len(self.positions):
            raise ArgumentError("marks", f"must be one a position ({len(self.positions)}), not {len(self.marks)}")
        if self.told and len(self.told) != len(self.positions):
            raise ArgumentError("told", f"must be one a position ({len(self.positions)}), not {len(self.told)}")
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
        # What is no order, and orders in contracts that settle otherwise, are refused here.
        self.account.as_marks(self.marks)

    @property
    def account(self) -> Account:
        """The account as the venue counts it, or counted it at the date."""
        return _account(self.venue, self.date, self.wallet, self.positions, self.orders, self.collateral)

    @property
    def held(self) -> bool:
        """Whether the positions are there already, so that nothing is refused for what could not be opened today."""
        return all(position.held for position in self.positions)

    @property
    def currency(self) -> str:
        """What its wallet is in, which is what contracts settle in beside the collateral, or else dollars."""
        return _currency(self.positions, self.collateral)

    def rows(self) -> list[dict[str, str | float | None]]:
        """Return the positions as they would be entered.

        Returns
        -------
        list of dict
            One a position, with the keys of ``FIELDS`` but for the notional, and with those of ``TOLD`` that are told.
        """
        said = self.told or (Told(),) * len(self.positions)
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
                **{key: value for key, value in zip(TOLD, told, strict=True) if value is not None},
            }
            for one, mark, told in zip(self.positions, self.marks, said, strict=True)
        ]

    def order_rows(self) -> list[dict[str, str | float | bool | None]]:
        """Return the open orders as they would be entered.

        Returns
        -------
        list of dict
            One an order, with the keys of ``ORDER_FIELDS``.
        """
        return [
            {
                "symbol": one.contract.symbol,
                "side": "sell" if one.size < 0 else "buy",
                "size": abs(float(one.size)),
                "price": float(one.price),
                "mode": one.mode,
                "leverage": None if one.leverage is None else float(one.leverage),
                "reduce_only": one.reduce_only,
            }
            for one in self.orders
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
        held: bool = False,
        orders: Sequence[Order | Mapping[str, object]] = (),
        collateral: object = None,
        remarks: Sequence[str] = (),
    ) -> Portfolio:
        """Return what a form or a file holds, or refuse all of it.

        Parameters
        ----------
        rows
            One mapping a position, with keys out of ``FIELDS`` and ``TOLD``; numbers as numbers or as text, ``None`` or
            ``""`` where nothing was entered. Needed are ``symbol``, ``side`` (``"long"`` or ``"short"``), ``entry`` and
            one of ``size`` and ``notional`` (at the entry), both above 0. The ``mark`` may be left out where
            another row in the symbol tells it, or where it is the entry; all rows in a symbol must agree. The
            ``mode`` is ``"cross"`` if left out, the ``leverage`` the limit of the bracket, and an isolated position's
            ``margin`` its initial margin at entry; it may stand below 0, where profit was taken out. A ``rate`` makes
            a contract that nobody knows: that maintenance rate at every size, in what the venue's contracts settle in.
        venue, wallet, date, title, note
            Of the account.
        brackets
            Brackets of one's own: :class:`~marginlab.Brackets`, or what its `read` takes; ``None`` for none.
        held
            Whether the positions are there already: then nothing is refused for what could not be opened today.
        orders
            Open orders, or one mapping an order with keys out of ``ORDER_FIELDS``.
        collateral
            Other assets: a mapping from their names to amounts, or to mappings with ``amount`` and, where they are
            known, ``ratio`` (a number, or ``floors`` and ``ratios`` as `CollateralRatio` has them), ``price`` and
            ``quoted_in``; or a sequence of `Asset`. An amount alone counts for nothing.
        remarks
            How it was read.

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
        held_at = ask.tried("venue", lambda: venue_key("venue", ask.given("venue")))
        cash = ask.number("wallet", _checks.numbers)
        dated = cast(str | None, ask.given("date"))
        own = own_brackets(ask, brackets, held_at)
        read = _check_rows(ask, rows, remarks, title=title, note=note)
        asked = [Asked(i, row, problems) for i, row in enumerate(rows)]
        own = _with_rates(asked, own, held_at) if held_at else own
        entries = [_entered(one, held_at, dated, own, held) for one in asked]
        marks, said = _marks(asked, entries), _all_told(asked)
        kept = tuple(position for position in entries if position is not None)
        waiting = _orders(ask, orders, held_at, dated, own)
        behind = asked_assets(collateral, problems)
        if not problems:  # contracts of one kind and currency, or all that they settle in among the collateral
            what = "collateral" if collateral_of(behind) else "contracts"
            ask.tried(what, lambda: _account(venue, dated, cash or 0.0, kept, waiting, behind))
        if problems or cash is None:
            raise EntryError(problems)
        about = dated, title, note, own, waiting, behind, said, read
        return cls(venue, cash, kept, tuple(marks), *about)


def _check_rows(ask: Asked, rows: object, remarks: object, **words: object) -> tuple[str, ...]:
    """Return the remarks, words that are none noted; refuse at once no list of positions, too many or none of them."""
    read = ask.tried("remarks", lambda: _checks.instances("remarks", remarks, str)) or ()
    for name, said in words.items():
        ask.tried(name, partial(_checks.words, name, said))
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        ask.refuse("positions", f"must be a list of positions, not {_checks.shown(rows)}")
    elif not 1 <= len(rows) <= MOST_POSITIONS:
        ask.refuse("positions", f"must be 1 to {MOST_POSITIONS}, not {len(rows)}")
    if any(problem.field == "positions" for problem in ask.problems):
        raise EntryError(ask.problems)
    return read


def _account(
    venue: str,
    date: str | None,
    wallet: float,
    positions: Sequence[Position],
    orders: Sequence[Order],
    collateral: Sequence[Asset],
) -> Account:
    """Return the account as the venue counts it, or counted it at the date."""
    return Account.of(
        positions,
        wallet=wallet,
        convention=venue_of(venue, date=date).convention.value,
        orders=orders,
        collateral=collateral_of(collateral),
        currency=_currency(positions, collateral),
    )


def _currency(positions: Sequence[Position], collateral: Sequence[Asset]) -> str:
    """Return what contracts settle in that is not among the assets that count, or else dollars."""
    counted = [one.asset for one in collateral if one.ratio is not None]
    return next((one.contract.currency for one in positions if one.contract.currency not in counted), DOLLARS[0])


def _orders(ask: Asked, given: object, venue: str | None, date: str | None, own: Brackets | None) -> tuple[Order, ...]:
    """Return the open orders that could be read; what is wrong with the others is noted."""
    listed = ask.tried("orders", lambda: _checks.listed("orders", given, "of orders", _checks.MANY)) or ()
    asked = (_order(i, one, venue, date, own, ask.problems) for i, one in enumerate(listed))
    return tuple(one for one in asked if one is not None)


class OrderAsked(Asked):
    """An order, asked as positions are; a refusal names it by its number."""

    def refuse(self, field: str, reason: str) -> None:
        """Note what is wrong."""
        self.problems.append(Problem(None, f"orders, {cast(int, self.row) + 1}: {field}", reason))


def _order(
    i: int,
    given: object,
    venue: str | None,
    date: str | None,
    own: Brackets | None,
    problems: list[Problem],
) -> Order | None:
    """Return an open order, None for one that is, noted, no order."""
    if isinstance(given, Order):
        return given
    ask, before = OrderAsked(i, cast("Mapping[str, object]", given), problems), len(problems)
    if not isinstance(given, Mapping):
        ask.refuse("order", f"must have named fields, not {_checks.shown(given)}")
        return None
    for name in given:
        if name not in ORDER_FIELDS:
            ask.refuse(str(name), f"is no field: they are {', '.join(ORDER_FIELDS)}")
    symbol, side = cast(str, ask.given("symbol")), ask.word("side", ("buy", "sell"))
    contract = None if venue is None else ask.tried("symbol", lambda: contract_of(venue, symbol, date, own))
    size, price = (ask.number(name, _checks.positive) for name in ("size", "price"))
    mode, leverage = ask.mode("mode", "cross"), ask.number("leverage", _checks.positive, needed=False)
    if contract is None or size is None or price is None or len(problems) > before:
        return None
    signed, reduce_only = size if side == "buy" else -size, ask.given("reduce_only") or False
    return ask.tried("order", lambda: Order(contract, signed, price, str(mode), leverage, cast(bool, reduce_only)))


def marked_names(contracts: Sequence[Contract], sizes: Sequence[float]) -> list[str]:
    """Return what positions are called, all different; a star marks those of which brackets are not known."""
    return position_names([one.symbol + "*" * (one.note == OWN_RATE) for one in contracts], sizes)


def what_a_star_means(contracts: Iterable[Contract]) -> str:
    """Return what a caption adds where the names of some positions have a star; nothing where none has."""
    return f" (* {OWN_RATE})" if any(one.note == OWN_RATE for one in contracts) else ""


def contract_of(venue: str, symbol: str, date: str | None, brackets: Brackets | None) -> Contract:
    """Return the contract of a symbol by brackets of one's own, or else by the venue's."""
    if brackets is not None and symbol in brackets.symbols:
        return brackets.contract(symbol)
    return venue_of(venue).contract(symbol, date=date)


def own_brackets(
    ask: Asked, brackets: object, venue: str | None, multiplier: Mapping[str, float] | None = None
) -> Brackets | None:
    """Return brackets of one's own, in whatever way they were given, None for none or, noted, for bad ones."""
    if brackets is None or (isinstance(brackets, str) and not brackets):
        return None
    if isinstance(brackets, Brackets):
        return brackets
    if isinstance(brackets, str) and not is_text(brackets):
        ask.refuse("brackets", f"must be JSON, or a symbol and a rate a line, not {_checks.shown(brackets):.60}")
        return None
    try:
        found = Brackets.read(brackets, venue=venue or "", multiplier=multiplier)
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


def _all_told(asked: Sequence[Asked]) -> tuple[Told, ...]:
    """Return what the venue says, one a position; nothing where it says nothing of any."""
    told = tuple(_told(one) for one in asked)
    return told if any(one != Told() for one in told) else ()


def _told(ask: Asked) -> Told:
    """Return what the venue says of a position; what is no number is noted."""
    if not isinstance(ask.values, Mapping):
        return Told()
    return Told(*(ask.number(name, _checks.numbers, needed=False) for name in TOLD))


def _entered(ask: Asked, venue: str | None, date: str | None, own: Brackets | None, held: bool) -> Position | None:
    """Return a position, or None with what is wrong noted."""
    before = len(ask.problems)
    if not isinstance(ask.values, Mapping):
        ask.refuse("position", f"must have named fields, not {_checks.shown(ask.values)}")
        return None
    unknown = (name for name in ask.values if name not in (*FIELDS, RATE, *TOLD))
    for name in islice(unknown, MOST_TOLD + 1):
        ask.refuse(str(name), f"is no field: they are {', '.join((*FIELDS, RATE, *TOLD))}")
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
    return ask.tried("size", lambda: Position(contract, signed, entry, mode, leverage, margin, held))


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
