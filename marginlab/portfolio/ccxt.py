"""An account as an exchange returns it through ccxt: positions, balance and open orders in ccxt's unified structures.

ccxt fills in what an exchange tells, and leaves the rest ``None``. How a single position is read stands in `told`,
what exchanges mean by their fields in `exchanges`, and what stands behind the positions in `balances`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import NamedTuple, cast

from .. import _checks
from ..margin.contracts import Contract
from ..margin.open_orders import Order
from ..margin.tiers import Tiers
from ..markets.brackets import symbol_named
from ..markets.own_brackets import Brackets
from ..markets.venues import UNLISTED, Venue, venue_names
from ..markets.venues import venue as venue_of
from . import told
from .assets import DOLLARS, Asset, counted_at
from .balances import Positions, wallet_of
from .exchanges import filled, venue_named
from .portfolio import MOST_POSITIONS, OWN_RATE, OrderAsked, Portfolio, own_brackets
from .reading import Asked, EntryError, Problem, objects_of, refused
from .told import Exchange, Fields, Remarks

# So many rows are looked at: exchanges return those of all their markets, most of them closed.
MOST_ROWS = 10_000
# BTC/USDT:USDT, and BTC/USD:BTC-251226 for a contract with a delivery date.
_SYMBOL = re.compile(r"([^/:\s]+)/([^/:\s]+):([^/:\s-]+)(-\S+)?")
_SPOT = re.compile(r"[^/:\s]+/[^/:\s]+")
# What the fields of a position are called there.
_THEIRS = {
    "size": "contracts",
    "entry": "entryPrice",
    "mark": "markPrice",
    "mode": "marginMode",
    "margin": "positionMargin",
}
_BRACKETS_OR_RATE = "pass brackets=, as fetch_leverage_tiers returns them, where the position tells no maintenance rate"


def from_ccxt(
    positions: str | Sequence[Mapping[str, object]],
    *,
    venue: str,
    balance: object = None,
    wallet: float | str | None = None,
    equity: float | str | None = None,
    brackets: object = None,
    orders: str | Sequence[Mapping[str, object]] = (),
    margin_mode: str | None = None,
    marks: Mapping[str, float] | None = None,
    settle: str | None = None,
    multi_asset: bool = False,
    skip: Iterable[str | int] = (),
    date: str | None = None,
) -> Portfolio:
    """Return the account that an exchange has returned through ccxt, as it stands.

    Parameters
    ----------
    positions
        What ``fetch_positions`` returns: the list itself, or its text as JSON or as Python prints it. Positions of
        0 contracts are passed over; spot, options and contracts with a delivery date are passed over and counted.
    venue
        The exchange: ccxt's id of it, or one of :func:`~marginlab.venue_names`. One that is not listed here takes the
        plainest convention, and the tables say so; ``"other"`` stands for any.
    balance
        What ``fetch_balance`` returns, as an object or as text: the wallet is worked out of it, without unrealized
        profit and without what is set aside for isolated positions; other currencies become collateral. A plain
        number is the wallet. One of `balance`, `wallet` and `equity` must be given.
    wallet
        Cash beside isolated margins, without unrealized profit.
    equity
        What the whole account is worth, with margins and profits.
    brackets
        Brackets of one's own, as ``fetch_leverage_tiers`` returns them or in any way that
        :meth:`marginlab.Brackets.read` takes; ``None`` for none.
    orders
        What ``fetch_open_orders`` returns. Orders that wait for a trigger or have no price tie up nothing known, and
        are passed over and counted.
    margin_mode
        What to take where neither ``marginMode`` nor ``info`` tells it.
    marks
        Mark prices by symbol, for positions that do not tell theirs; without one, that is the entry.
    settle
        Of positions that settle in several currencies, those to take, such as ``"USDT"``; the others are passed over
        and counted.
    multi_asset
        Whether the venue counts several assets in one pool, as in a unified account or in multi-assets mode: then the
        other currencies of the balance count at the venue's ratio, where that and their price are known, and
        positions may settle in any of them.
    skip
        Positions to leave out on purpose: their symbols, or their numbers from 1, as refusals name them.
    date
        Of the bracket tables, and of how the venue counts; ``None`` for the newest, and for today.

    Returns
    -------
    Portfolio
        The open positions, in their order, with what the venue says of them (``told``) and how they were read
        (``remarks``). Nothing is refused of them for what could not be opened today.

    Raises
    ------
    EntryError
        With everything that is wrong, by position and field; nothing is kept of it.

    Notes
    -----
    ============ ==================================================================================================
    what         where it comes from
    ============ ==================================================================================================
    leverage     ``leverage``, or else ``initialMarginPercentage``, ``initialMargin``
    entry        ``entryPrice``, or else what mark and ``unrealizedPnl`` say of it
    mark         ``markPrice``, or else what ``notional`` or ``unrealizedPnl`` says of it; one for a market
    mode         ``marginMode``, or else ``info``, `margin_mode`, or the only one that the exchange has
    margin       ``positionMargin``, or else ``collateral``, with the profit in it or without, as the exchange means
                 it; another reading where that alone fits ``liquidationPrice``
    brackets     `brackets`, or else the venue's, or else one rate: the position's ``maintenanceMarginPercentage``
    ============ ==================================================================================================

    Examples
    --------
    >>> position = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 0.05, "contractSize": 1.0,
    ...             "entryPrice": 80_000.0, "markPrice": 80_000.0, "marginMode": "cross",
    ...             "initialMargin": 160.0, "initialMarginPercentage": 0.04}
    >>> held = from_ccxt([position], venue="binanceusdm", balance=700)
    >>> held.positions[0].leverage, held.remarks
    (25.0, ('leverage is not told: 25x follows from the initial margin (position 1).',))
    """
    problems: list[Problem] = []
    values = {"venue": venue, "wallet": wallet, "equity": equity, "margin_mode": margin_mode, "settle": settle}
    ask = Asked(None, {**values, "balance": _said("balance", balance)}, problems)
    where = _exchange(ask, date)
    given = _listed("positions", positions, "fetch_positions")
    own = _own_brackets(ask, brackets, where, given)
    if where is None:
        raise EntryError(problems)
    reader = _Reader(ask, _Markets(where.venue, date, own), where, _checks.truth("multi_asset", multi_asset))
    settled = None if settle is None else ask.tried("settle", lambda: _checks.words("settle", settle))
    reader.read(_marked(ask, given, marks), _skipped(ask, given, skip), settled)
    if problems:
        raise EntryError(problems)
    reader.check()
    cash = reader.money()
    waiting = reader.orders(_listed("orders", orders, "fetch_open_orders"))
    if problems or cash is None:
        raise EntryError(problems)
    return reader.portfolio(*cash, waiting)


class _Reader:
    """Reads positions, one after the other, and keeps what it found of them."""

    def __init__(self, ask: Asked, markets: _Markets, where: Exchange, multi_asset: bool) -> None:
        self.ask, self.markets, self.where, self.multi_asset = ask, markets, where, multi_asset
        self.remarks = Remarks()
        self.rows: list[told.Row] = []
        self.numbers: list[int] = []
        self.contracts: list[Contract] = []
        self.with_mark: list[bool] = []
        self.sizes: dict[object, float | None] = {}
        self.behind: dict[str, Positions] = {}

    def read(self, given: Sequence[Mapping[str, object]], skipped: set[int], settle: str | None) -> None:
        """Take in all positions that are open perpetuals; what is wrong with one is noted."""
        for i, one in enumerate(given):
            known = filled(one, self.where.id) if isinstance(one, Mapping) else one
            ask = Asked(i, known, self.ask.problems)
            if i in skipped:
                self.remarks.add(i, "left out, as skip says")
            elif not isinstance(one, Mapping):
                ask.refuse("position", f"must have named fields, not {_checks.shown(one)}")
            elif not self.passed_over(ask, settle):
                self.one(ask)

    def passed_over(self, ask: Asked, settle: str | None) -> bool:
        """Whether a row is no open perpetual, or settles in another currency than asked for."""
        symbol = ask.given("symbol")
        if _is_zero(ask.given("contracts")):
            return True
        found = _SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
        if isinstance(symbol, str) and _SPOT.fullmatch(symbol):
            self.remarks.add(ask.row, "passed over: spot")
        elif found and found.group(4):
            self.remarks.add(ask.row, "passed over: a delivery date or an option")
        elif found and settle is not None and found.group(3) != settle:
            self.remarks.add(ask.row, f"passed over: does not settle in {settle}")
        else:
            return False
        return True

    def one(self, ask: Asked) -> None:
        """Take in one position, or note all that is wrong with it."""
        before = len(ask.problems)
        contracts = told.number_of_contracts(ask)
        if contracts is None:
            return
        money = {name: ask.number(name, _checks.numbers, needed=False) for name in told.MONEY}
        market = self.markets.market(ask, told.own_rate(money))
        side = told.side_of(ask, contracts, money, self.where.id, self.remarks)
        for name, check in (("entryPrice", _checks.positive), ("markPrice", _checks.positive)):
            ask.number(name, check, needed=False)
        ask.number("contractSize", _checks.positive, needed=False)
        ask.number("leverage", _checks.not_negative, needed=False)
        if ask.given("marginMode") is not None:
            ask.mode("marginMode")
        if market is None or side is None or len(ask.problems) > before:
            return
        size = told.size_of(ask, market, contracts, self.remarks)
        said = told.prices_of(ask, Fields(market, -size if side == "short" else size, money), self.remarks)
        if said is not None:
            self.backed(ask, said, side)

    def backed(self, ask: Asked, said: Fields, side: str) -> None:
        """Take in one position whose size and prices are known, with what stands behind it."""
        before, where = len(ask.problems), self.where
        leverage, venue_says = told.leverage_of(ask, said, self.remarks), told.told_of(ask, said, where)
        fits = partial(told.isolated_fits, said, leverage, where, venue_says)
        mode, margin = told.mode_of(ask, where, fits, self.remarks), None
        if mode == "isolated":
            margin = told.margin_of(ask, said, leverage, where, venue_says, self.remarks)
            if leverage is None and margin is not None and margin > 0:
                opened = float(said.contract.notional(said.size, said.entry)) / margin
                leverage = told.implied_leverage(ask, opened, "the margin", self.remarks)
        if leverage is None:
            leverage = told.assumed_leverage(ask, said, self.remarks)
        if mode is not None and len(ask.problems) == before:
            self.keep(ask, said, told.row_of(said, side, mode, leverage, margin, venue_says))

    def keep(self, ask: Asked, said: Fields, row: told.Row) -> None:
        """Keep a position that was read."""
        if said.contract.note == OWN_RATE:
            words = "brackets are not known: one rate for every size, which the position itself tells (*)"
            self.remarks.add(ask.row, words)
        self.rows.append(row)
        self.numbers.append(cast(int, ask.row))
        self.contracts.append(said.contract)
        self.with_mark.append(ask.given("markPrice") is not None)
        self.sizes[ask.given("symbol")] = ask.number("contractSize", _checks.positive, needed=False)
        margin, currency = cast(float, row["margin"]) if row["mode"] == "isolated" else None, said.contract.currency
        self.behind[currency] = self.behind.get(currency, Positions()).and_one(said, margin)

    def check(self) -> None:
        """Refuse no position, more than there is room for, and what settles in several currencies."""
        _share_marks(self.rows, self.with_mark)
        self.markets = self.markets.with_rates(self.contracts)
        if not 1 <= len(self.rows) <= MOST_POSITIONS:
            over = "".join(f" ({words})" for words in self.remarks.lines() if words.startswith("passed over"))
            raise refused("positions", f"must hold 1 to {MOST_POSITIONS} open ones, not {len(self.rows)}{over}")
        settled: dict[str, int] = {}
        for one, number in zip(self.contracts, self.numbers, strict=True):
            settled.setdefault(one.currency, number)
        if len(settled) > 1 and not self.multi_asset:
            listed = ", ".join(f"{name} (position {number + 1})" for name, number in settled.items())
            either = "settle= says which to take, multi_asset=True that the venue counts them in one pool"
            raise refused("positions", f"must settle in one currency, not in {listed}: {either}")

    def money(self) -> tuple[float, tuple[Asset, ...]] | None:
        """Return the wallet and the assets beside it."""
        if not self.multi_asset:
            (currency,) = self.behind
            return wallet_of(self.ask, currency, self.where, self.behind[currency], self.remarks)
        # What prices are in comes first: that is what the pool is counted in.
        quoted = [one.currency for one in self.contracts if one.kind == "linear"]
        own = quoted[0] if quoted else DOLLARS[0]
        found = wallet_of(self.ask, own, self.where, self.behind.get(own, Positions()), self.remarks)
        if found is None:
            return None
        amounts = {one.asset: one.amount for one in found[1]}
        for currency, positions in self.behind.items():
            if currency != own:
                beside = wallet_of(self.ask, currency, self.where, positions, self.remarks)
                amounts[currency] = 0.0 if beside is None else beside[0]
        return found[0], tuple(self.counted(name, amount) for name, amount in amounts.items())

    def counted(self, name: str, amount: float) -> Asset:
        """Return an asset with what counts of it, where that and its price are known."""
        found, remark = counted_at(self.where.venue, name, amount, self.contracts)
        if remark:
            self.remarks.add(None, remark)
        return found

    def orders(self, given: Sequence[Mapping[str, object]]) -> list[Order]:
        """Return the open orders that tie up margin."""
        found = []
        for i, one in enumerate(given):
            ask = OrderAsked(i, one, self.ask.problems)
            if not isinstance(one, Mapping):
                ask.refuse("order", f"must have named fields, not {_checks.shown(one)}")
            elif not self.order_passed_over(ask):
                order = self.order(ask)
                found += [order] if order else []
        return found

    def order(self, ask: Asked) -> Order | None:
        """Return an open order: its mode and its leverage are those of what is held in its market."""
        before, contract = len(ask.problems), self.markets.market(ask)
        side, price = ask.word("side", ("buy", "sell")), ask.number("price", _checks.positive)
        left = "amount" if ask.given("remaining") is None else "remaining"
        amount = ask.number(left, _checks.not_negative)
        reduce_only = ask.given("reduceOnly") in (True, "true", "True")
        legs = {row["mode"]: row["leverage"] for row in self.rows if contract and row["symbol"] == contract.symbol}
        mode = ask.mode("marginMode", cast("str | None", next(iter(legs), self.where.margin_mode)) or "cross")
        if contract is None or price is None or not amount or len(ask.problems) > before:
            return None
        size_of_one = self.sizes.get(ask.given("symbol"))
        size = amount * (1.0 if size_of_one is None else size_of_one / contract.multiplier)
        signed, leverage = size if side == "buy" else -size, cast("float | None", legs.get(mode))
        return ask.tried("order", lambda: Order(contract, signed, price, str(mode), leverage, reduce_only))

    def order_passed_over(self, ask: Asked) -> bool:
        """Whether an order ties up nothing that is known here."""
        symbol = ask.given("symbol")
        match = _SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
        settled = match is not None and match.group(3) not in self.behind
        if (isinstance(symbol, str) and _SPOT.fullmatch(symbol)) or (match and match.group(4)) or settled:
            self.remarks.add(None, "orders that are no perpetual's, or settle otherwise, are passed over")
        elif ask.given("price") is None or ask.given("triggerPrice") or ask.given("stopPrice"):
            self.remarks.add(None, "orders that wait for a trigger or have no price are passed over")
        else:
            return False
        return True

    def portfolio(self, wallet: float, collateral: tuple[Asset, ...], orders: list[Order]) -> Portfolio:
        """Return the account; what is wrong with it as a whole is told of the positions as they came."""
        venue = self.where.venue.name
        if venue == UNLISTED:
            self.remarks.add(None, f"{self.where.id} is not listed here: it is counted by the plainest convention")
        try:
            return Portfolio.of_rows(
                self.rows,
                venue=venue,
                wallet=wallet,
                date=self.markets.date,
                brackets=self.markets.own,
                held=True,
                orders=orders,
                collateral=collateral,
                remarks=self.remarks.lines(),
            )
        except EntryError as refusal:
            raise EntryError(
                Problem(
                    None if one.row is None else self.numbers[one.row], _THEIRS.get(one.field, one.field), one.reason
                )
                for one in refusal.problems
            ) from None


class _Markets(NamedTuple):
    """Where contracts are looked for: brackets of one's own, and then the venue's."""

    venue: Venue
    date: str | None
    own: Brackets | None

    def market(self, ask: Asked, rate: float | None = None) -> Contract | None:
        """Return the contract of a unified symbol, by its brackets or else by the one rate that is told of it."""
        symbol = ask.given("symbol")
        match = _SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
        if not isinstance(symbol, str) or match is None:
            ask.refuse("symbol", f"must be a unified one such as 'BTC/USDT:USDT', not {_checks.shown(symbol)}")
            return None
        base, quote, settled, _ = match.groups()
        for contract in self.own.contracts if self.own else ():
            if contract.symbol == symbol or (contract.underlying, contract.currency) == (base, settled):
                return contract
        names = self.names(base, quote, settled)
        if names:
            return ask.tried("symbol", partial(self.dated, names))
        if rate is None:
            known = f"one whose brackets are known at {self.venue.title}"
            ask.refuse("symbol", f"must be {known}, not {_checks.shown(symbol)}: {_BRACKETS_OR_RATE}")
            return None
        if not (settled in (base, quote) or {quote, settled} <= set(DOLLARS)):
            ask.refuse("symbol", f"must settle in what it is quoted in, or in its coin, not {_checks.shown(symbol)}")
            return None
        kind = "inverse" if settled == base != quote else "linear"
        return ask.tried("symbol", lambda: Contract(symbol, Tiers.flat(rate), kind, 1.0, settled, base, OWN_RATE))

    def names(self, base: str, quote: str, settled: str) -> list[str]:
        """Return the venue's own names of a market."""
        # A venue may settle in a coin that stands for the dollar it quotes in.
        quotes = (settled, "USD")
        found = symbol_named(self.venue.name, f"{base}/{settled if quote in quotes else quote}:{settled}")
        alike = [table.contract for table in self.venue.tables]
        by_hand = [one.symbol for one in alike if (one.underlying, one.currency) == (base, settled)]
        return [*([found] if found else []), *(by_hand if quote in quotes else [])]

    def dated(self, names: Sequence[str]) -> Contract:
        """Return the contract of the first of some names that has brackets as old as the date."""
        tables = [self.venue.table(name, date=self.date) for name in names]
        return next((table for table in tables if table.asked is None), tables[0]).contract

    def with_rates(self, contracts: Sequence[Contract]) -> _Markets:
        """Return the same with those of positions that tell but a rate: the highest, of several."""
        rates: dict[str, Contract] = {}
        for one in contracts:
            before = rates.get(one.symbol)
            if one.note == OWN_RATE and (before is None or one.tiers.rates[0] > before.tiers.rates[0]):
                rates[one.symbol] = one
        known = () if self.own is None else self.own.contracts
        return self._replace(own=Brackets((*known, *rates.values()))) if rates else self


def _exchange(ask: Asked, date: str | None) -> Exchange | None:
    """Return where the positions come from, None, and noted, for what is no exchange."""
    said, mode = ask.given("venue"), None
    if ask.given("margin_mode") is not None:
        mode = ask.mode("margin_mode")
    name = venue_named(said)
    if name is None:
        words = ", ".join(map(repr, venue_names()))
        ask.refuse("venue", f"must be one of {words}, ccxt's id of an exchange, or 'other', not {_checks.shown(said)}")
        return None
    found = ask.tried("date", lambda: venue_of(name, date=date))
    return None if found is None else Exchange(str(said), found, mode)


def _said(field: str, payload: object) -> object:
    """Return what was given, or what its text says; a number as text stays as it is."""
    if not isinstance(payload, str) or _checks.AS_TEXT.fullmatch(payload.strip()):
        return payload
    return objects_of(payload, field)


def _listed(field: str, payload: object, called: str) -> Sequence[Mapping[str, object]]:
    """Return the list that was given, or that its text says."""
    said = _said(field, payload)
    if not isinstance(said, list | tuple):
        raise refused(field, f"must be the list that {called} returns, not {_checks.shown(said)}")
    if len(said) > MOST_ROWS:
        raise refused(field, f"must be at most {MOST_ROWS:,} rows, not {len(said):,}")
    return said


def _own_brackets(ask: Asked, brackets: object, where: Exchange | None, given: Sequence[object]) -> Brackets | None:
    """Return brackets of one's own: of ccxt's those of the markets that are held, with what a contract is worth."""
    said = _said("brackets", brackets) if isinstance(brackets, str) and brackets.strip()[:1] == "{" else brackets
    rows = [one for one in given if isinstance(one, Mapping) and isinstance(one.get("symbol"), str)]
    held = {str(one["symbol"]): one.get("contractSize") for one in rows}
    sizes = {name: size for name, size in held.items() if isinstance(size, int | float) and size > 0}
    if isinstance(said, Mapping):
        said = {name: tiers for name, tiers in said.items() if name in held or "/" not in str(name)} or None
    return own_brackets(ask, said, None if where is None else where.venue.name, sizes)


def _marked(ask: Asked, given: Sequence[Mapping[str, object]], marks: object) -> Sequence[Mapping[str, object]]:
    """Return positions with the marks that the caller knows, where they tell none."""
    if marks is None:
        return given
    if not isinstance(marks, Mapping):
        ask.refuse("marks", f"must be prices by symbol, not {_checks.shown(marks)}")
        return given
    return [
        {**one, "markPrice": marks.get(one.get("symbol"))}
        if isinstance(one, Mapping) and isinstance(one.get("symbol"), str) and one.get("markPrice") is None
        else one
        for one in given
    ]


def _is_zero(value: object) -> bool:
    if isinstance(value, str):
        return bool(_checks.AS_TEXT.fullmatch(value)) and float(value) == 0
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def _skipped(ask: Asked, given: Sequence[Mapping[str, object]], skip: Iterable[str | int]) -> set[int]:
    """Return the places of the positions to leave out; what names none of them is noted."""
    symbols = [one.get("symbol") if isinstance(one, Mapping) else None for one in given]
    found: set[int] = set()
    several = isinstance(skip, Iterable) and not isinstance(skip, str) and getattr(skip, "ndim", 1) > 0
    for one in skip if several else [skip]:
        named = isinstance(one, str | Integral) and not isinstance(one, bool)
        places = [i for i, symbol in enumerate(symbols) if named and one in (i + 1, symbol)]
        if not places:
            ask.refuse("skip", f"must name positions by symbol, or by number from 1, not {_checks.shown(one)}")
        found.update(places)
    return found


def _share_marks(rows: Sequence[told.Row], given: Sequence[bool]) -> None:
    """Let marks that were worked out be that of their market, from which only rounding keeps them."""
    largest: dict[object, tuple[bool, float, float]] = {}
    for row, known in zip(rows, given, strict=True):
        own = known, cast(float, row["size"]), cast(float, row["mark"])
        largest[row["symbol"]] = max(largest.get(row["symbol"], own), own, key=lambda one: one[:2])
    for row, known in zip(rows, given, strict=True):
        best = largest[row["symbol"]][2]
        if not known and abs(cast(float, row["mark"]) - best) <= told.ROUNDED * best:
            row["mark"] = best
