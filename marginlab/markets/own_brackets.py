"""Brackets of one's own: read from what a venue or ccxt returns, for markets and dates that nobody here knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from .. import _checks
from .._checks import ArgumentError, shown
from .._pasted import LONGEST, objects_of
from ..margin.contracts import KINDS, Contract
from ..margin.tiers import MEASURES, Growth, Tiers
from .brackets import size_named

Row = Mapping[str, object]
DEDUCTIONS = ("continuous", "none")
OF_YOUR_OWN = "Brackets of your own."
# BTC/USDT:USDT, which says what a contract settles in; a delivery date may follow.
_UNIFIED = re.compile(r"([^/]+)/([^:]+):([^-]+)(-.+)?")
_QUOTED = re.compile(r".+?[-_]?(USDT|USDC|BUSD|USD1|FDUSD)")
# A symbol and its rate.
_LINE = re.compile(r"([^\s,;:=]+)[\s,;:=]+([0-9.]+)")
# More markets than any venue has, and more brackets than any market.
MOST_MARKETS, MOST_BRACKETS = 5_000, 1_000
# Some lists count in whole numbers: the next bracket begins up to one above the last. In money that is next to nothing.
STEP, SHARE = 1.0, 1e-3
Result = TypeVar("Result")


class _Form(NamedTuple):
    """How a reply calls the bounds, the rate, the limit and the deduction of a bracket; ``""`` for what it lacks."""

    floor: str
    cap: str
    rate: str
    limit: str
    deduction: str = ""
    measured_in: str = "notional"
    deductions: str = "continuous"


CCXT = _Form("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage")
BINANCE = _Form("notionalFloor", "notionalCap", "maintMarginRatio", "initialLeverage", "cum")
BYBIT = _Form("", "riskLimitValue", "maintenanceMargin", "maxLeverage", "mmDeduction")
OKX = _Form("minSz", "maxSz", "mmr", "maxLever", measured_in="contracts", deductions="none")
HYPERLIQUID = _Form("lowerBound", "", "rate", "maxLeverage")
# What ccxt calls notional may be contracts, and the whole position may pay one rate.
WHOLE = CCXT._replace(deductions="none")
CONTRACTS = WHOLE._replace(measured_in="contracts")
# What tells in ``info`` where ccxt has it from, and how that venue counts.
INFO = {
    "cum": CCXT._replace(deduction="cum"),
    "mmDeduction": CCXT._replace(deduction="mmDeduction"),
    "minSz": CONTRACTS,
    "minRiskLimit": CONTRACTS,
    "riskBaseVol": CONTRACTS,
    "keepMarginRate": WHOLE,
}
# The same by the venue's name, where there is no ``info``. KuCoin's levels are contracts in what ccxt hands on; the
# example reply of its own library, which `all_brackets.json.gz` has, counts notional.
NAMED = {"okx": CONTRACTS, "kucoin": CONTRACTS, "kucoinfutures": CONTRACTS, "mexc": CONTRACTS, "bitget": WHOLE}


@dataclass(frozen=True)
class Brackets:
    """Contracts with brackets of one's own, by their symbols.

    Parameters
    ----------
    contracts
        One a symbol.

    Notes
    -----
    What `read` takes:

    ============ =============================================================================================
    from         what
    ============ =============================================================================================
    ccxt         ``fetch_leverage_tiers`` (a list a market) and ``fetch_market_leverage_tiers`` (one list)
    Binance      ``leverageBracket``: ``notionalFloor``, ``notionalCap``, ``maintMarginRatio``, ``initialLeverage``
    Bybit        ``risk-limit``: ``riskLimitValue``, ``maintenanceMargin``, ``maxLeverage``, ``mmDeduction``
    OKX          ``position-tiers``: ``minSz``, ``maxSz`` (in contracts), ``mmr``, ``maxLever``
    Hyperliquid  ``meta``: ``universe`` with ``marginTables``; maintenance is half the initial margin at the limit
    anybody      ``symbol`` and ``rate``, or ``symbol``, ``floors``, ``rates`` and the rest of :class:`Tiers` and
                 :class:`Contract`; or text with a symbol and a rate a line, ``NEWUSDT 0.02``
    ============ =============================================================================================

    A bound may be left out where the bracket before or after tells it, and a bracket that is empty is passed over.
    A limit of leverage that is left out is that of the bracket before, which it cannot be above.

    Examples
    --------
    A market that nobody here knows, by a symbol and a rate:

    >>> own = Brackets.read({"symbol": "NEWUSDT", "rate": 0.02})
    >>> own.contract("NEWUSDT").maintenance_margin(1_000, 0.5)
    10.0
    """

    contracts: tuple[Contract, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "contracts", _checks.instances("contracts", self.contracts, Contract))
        if len(set(self.symbols)) < len(self.contracts):
            twice = Counter(self.symbols).most_common(1)[0][0]
            raise ArgumentError("contracts", f"must have one of each symbol, not several of {shown(twice)}")

    @property
    def symbols(self) -> tuple[str, ...]:
        """What there are brackets of."""
        return tuple(contract.symbol for contract in self.contracts)

    def contract(self, symbol: str) -> Contract:
        """Return the contract of a symbol.

        Parameters
        ----------
        symbol
            One of `symbols`.

        Returns
        -------
        Contract
            With its brackets.
        """
        return self.contracts[self.symbols.index(_checks.one_of("symbol", symbol, self.symbols))]

    def rows(self) -> list[dict[str, object]]:
        """Return all contracts as `read` takes them, without loss.

        Returns
        -------
        list of dict
            One a contract, of what JSON can hold.
        """
        return [_row(contract) for contract in self.contracts]

    @classmethod
    def read(
        cls,
        payload: object,
        *,
        venue: str = "",
        symbol: str | None = None,
        currency: str | None = None,
        kind: str | None = None,
        multiplier: float | Mapping[str, float] | None = None,
        measured_in: str | None = None,
        deductions: str | None = None,
    ) -> Brackets:
        """Return the brackets that somebody has fetched, or refuse all of them.

        Parameters
        ----------
        payload
            What the class lists: as objects, as text (JSON, or as Python prints it), or the path
            of a file that holds it.
        venue
            ccxt's name of where it comes from. It decides how brackets count where the reply does not tell.
        symbol
            Of one market whose reply does not name it; otherwise ``None``.
        currency, kind
            What contracts settle in, and ``"linear"`` or ``"inverse"``; ``None`` reads it from the symbol.
        multiplier
            What one unit of size is worth (ccxt's ``contractSize``), for all or by symbol; ``None`` for 1, or where
            OKX's is known. Needed where brackets count contracts.
        measured_in
            ``"notional"`` or ``"contracts"``; ``None`` for contracts at OKX, KuCoin and MEXC, the notional elsewhere.
        deductions
            ``"continuous"`` (those that leave no jump) or ``"none"`` (one rate on the whole position) where the reply
            states none; ``None`` for none at OKX, KuCoin, MEXC and Bitget, continuous elsewhere.

        Returns
        -------
        Brackets
            One contract a market, in their order.

        Raises
        ------
        ArgumentError
            For what cannot be, by market, bracket and field; nothing is kept of it.

        Examples
        --------
        >>> tiers = [{"minNotional": 0, "maxNotional": 5_000, "maintenanceMarginRate": 0.01, "maxLeverage": 50},
        ...          {"minNotional": 5_000, "maxNotional": None, "maintenanceMarginRate": 0.02, "maxLeverage": 25}]
        >>> Brackets.read({"NEW/USDT:USDT": tiers}).contract("NEW/USDT:USDT").tiers.deductions
        (0.0, 50.0)
        """
        for name, word, allowed in (
            ("kind", kind, KINDS),
            ("measured_in", measured_in, MEASURES),
            ("deductions", deductions, DEDUCTIONS),
        ):
            if word is not None:
                _checks.one_of(name, word, allowed)
        for name, told in (("venue", venue), ("symbol", symbol), ("currency", currency)):
            if told is not None:
                _checks.words(name, told)
        asked = _Asked(venue, currency, kind, multiplier, measured_in, deductions)
        markets = list(islice(_markets(_said(payload), symbol, venue), MOST_MARKETS + 1))
        if len(markets) > MOST_MARKETS:
            raise ArgumentError("brackets", f"must be of at most {MOST_MARKETS:,} markets")
        contracts = [market.contract(asked) for market in markets]
        if not contracts:
            raise ArgumentError("brackets", "must be of one market or more, not of none")
        return cls(tuple(contracts))


class _Asked(NamedTuple):
    """What the caller says of all markets."""

    venue: str
    currency: str | None
    kind: str | None
    multiplier: float | Mapping[str, float] | None
    measured_in: str | None
    deductions: str | None


class _Market(NamedTuple):
    """One market of a reply: its brackets as they stand there, and how they read."""

    symbol: str
    rows: object
    form: _Form
    kind: str | None = None

    def contract(self, asked: _Asked) -> Contract:
        """Return the contract that the reply tells."""
        form = self.form._replace(
            measured_in=asked.measured_in or self.form.measured_in, deductions=asked.deductions or self.form.deductions
        )
        found = _Column(self.symbol, form).read(self.rows)
        kind, currency = _settled(self.symbol, asked.kind or self.kind)
        tiers = _of_market(self.symbol, partial(_tiers, found, form))
        multiplier = _multiplier(self.symbol, asked, form)
        return Contract(self.symbol, tiers, kind, multiplier, asked.currency or currency, note=OF_YOUR_OWN)


class _Bracket(NamedTuple):
    floor: float
    cap: float
    rate: float
    limit: float
    deduction: float | None


class _Column:
    """The brackets of one market, read from the first to the last."""

    def __init__(self, symbol: str, form: _Form) -> None:
        self.symbol, self.form = symbol, form
        self.found: list[_Bracket] = []

    def read(self, rows: object) -> list[_Bracket]:
        """Return the brackets that hold anything, or refuse them all."""
        if not isinstance(rows, list | tuple) or not rows:
            raise ArgumentError(f"{self.symbol}: brackets", f"must be a list of one or more, not {shown(rows):.60}")
        if len(rows) > MOST_BRACKETS:
            raise ArgumentError(f"{self.symbol}: brackets", f"must be at most {MOST_BRACKETS:,}, not {len(rows):,}")
        end = 0.0
        for i in range(len(rows)):
            end = self._next(rows, i, end)
        if not self.found:
            raise ArgumentError(f"{self.symbol}: brackets", "must not all be empty")
        return self.found

    def _named(self, rows: Sequence[object], i: int) -> tuple[str, Row]:
        """Return a bracket, and what it is called in a refusal."""
        where, row = f"{self.symbol}, bracket {i + 1}", rows[i]
        if not isinstance(row, Mapping):
            raise ArgumentError(where, f"must have named fields, not {shown(row):.60}")
        return where, row

    def _next(self, rows: Sequence[object], i: int, end: float) -> float:
        """Take in one bracket that begins where the last ended; return where it ends."""
        where, row = self._named(rows, i)
        form = self.form
        floor, cap = self._bound(where, row, form.floor), self._bound(where, row, form.cap)
        step = STEP if form.measured_in == "contracts" else min(STEP, SHARE * end)
        if floor is not None and not end <= floor <= end + step:
            raise ArgumentError(
                f"{where}: {form.floor}", f"must be {end:,.10g}, where the last one ends, not {floor!r}"
            )
        if cap is None and i + 1 < len(rows):
            cap = self._bound(*self._named(rows, i + 1), form.floor)
            if cap is None:
                raise ArgumentError(f"{where}: {form.cap}", "must be given, or the floor of the next bracket")
        if cap is not None and cap < (end if floor is None else floor):
            raise ArgumentError(f"{where}: {form.cap}", f"must not be below its floor, not {cap!r}")
        rate, limit, deduction = self._rate(where, row), self._limit(where, row), self._deduction(where, row)
        top = float("inf") if cap is None else cap
        if top > end:  # an empty bracket holds nothing
            self._fits(where, end, rate, limit, deduction)
            self.found.append(_Bracket(end, top, rate, limit, deduction))
        return top

    def _bound(self, where: str, row: Row, name: str) -> float | None:
        return _number(f"{where}: {name}", row.get(name)) if name else None

    def _rate(self, where: str, row: Row) -> float:
        name = f"{where}: {self.form.rate}"
        rate = _number(name, row.get(self.form.rate))
        if rate is None:
            raise ArgumentError(name, "must be given")
        if rate >= 1:
            raise ArgumentError(name, f"must be a fraction below 1, not {rate!r}")
        return rate

    def _limit(self, where: str, row: Row) -> float:
        """Return the highest leverage; where none is stated, that of the bracket before, which it cannot be above."""
        name = f"{where}: {self.form.limit}"
        limit = _number(name, row.get(self.form.limit))
        if limit is None:
            return self.found[-1].limit if self.found else float("inf")
        if limit == 0:
            raise ArgumentError(name, "must be above 0, not 0")
        return limit

    def _deduction(self, where: str, row: Row) -> float | None:
        """Return the deduction that a reply states, beside the bracket or in ``info``."""
        name = self.form.deduction
        inside = row.get("info")
        if not name:
            return None
        stated = row.get(name, inside.get(name) if isinstance(inside, Mapping) else None)
        return _number(f"{where}: {name}", stated)

    def _fits(self, where: str, floor: float, rate: float, limit: float, deduction: float | None) -> None:
        """Refuse what does not go on from the bracket before."""
        form = self.form
        if self.found and rate < self.found[-1].rate:
            raise ArgumentError(f"{where}: {form.rate}", f"must not be below that of the last bracket, not {rate!r}")
        if self.found and limit > self.found[-1].limit:
            raise ArgumentError(f"{where}: {form.limit}", f"must not be above that of the last bracket, not {limit!r}")
        if 1 / limit < rate and limit != float("inf"):
            raise ArgumentError(
                f"{where}: {form.limit}",
                f"must be at most 1 / {rate!r}, or the initial margin is below maintenance",
            )
        if deduction is not None and deduction > rate * floor * (1 + 1e-9):
            raise ArgumentError(
                f"{where}: {form.deduction}", f"must leave a maintenance margin, so be at most {rate * floor:,.10g}"
            )


def _tiers(found: Sequence[_Bracket], form: _Form) -> Tiers:
    """Return the brackets of a market."""
    stated = [one.deduction for one in found if one.deduction is not None]
    endless = all(one.limit == float("inf") for one in found)
    return Tiers(
        [one.floor for one in found],
        [one.rate for one in found],
        stated if len(stated) == len(found) else 0 if form.deductions == "none" else None,
        None if endless else [one.limit for one in found],
        cap=found[-1].cap,
        measured_in=form.measured_in,
    )


def _markets(said: object, symbol: str | None, venue: str) -> Iterator[_Market | _Kept]:
    """Tell which reply it is, and yield its markets."""
    if isinstance(said, list | tuple) and said and isinstance(said[0], Mapping) and "universe" in said[0]:
        said = said[0]  # with the state of the markets behind it
    if not isinstance(said, Mapping):
        yield from _listed(said, symbol, venue)
        return
    for key, read in (("universe", _hyperliquid), ("result", _bybit), ("data", _okx)):
        if key in said:
            yield from read(said)
            return
    if "symbol" in said:
        yield from _listed([said], symbol, venue)
        return
    for name, rows in said.items():
        yield _Market(_name(name), rows, _form(rows, venue))


def _listed(said: object, symbol: str | None, venue: str) -> Iterator[_Market | _Kept]:
    """Tell which list it is, and yield its markets."""
    first = said[0] if isinstance(said, list | tuple) and said else None
    if not isinstance(first, Mapping):
        raise ArgumentError("brackets", f"must be a reply of ccxt or of a venue, not {shown(said):.60}")
    rows = cast(Sequence[Row], said)
    if "brackets" in first:
        yield from (_Market(_name(_field(one, "symbol")), _field(one, "brackets"), BINANCE) for one in rows)
    elif "riskLimitValue" in first:
        yield from _grouped(rows, "symbol", BYBIT)
    elif "minSz" in first:
        yield from _okx({"data": rows})
    elif "rate" in first or "floors" in first:
        yield from map(_Kept, rows)
    else:
        named = symbol or first.get("symbol")
        if named is None:
            raise ArgumentError("symbol", "must be given, where the brackets do not name their market")
        yield _Market(_name(named), rows, _form(rows, venue))


def _form(rows: object, venue: str) -> _Form:
    """Tell how ccxt's brackets of a venue count, by what it hands on of the venue's reply."""
    first = rows[0] if isinstance(rows, list | tuple) and rows else None
    inside = first.get("info") if isinstance(first, Mapping) else None
    told = [form for key, form in INFO.items() if isinstance(inside, Mapping) and key in inside]
    return told[0] if told else NAMED.get(venue, CCXT)


def _grouped(rows: Sequence[object], name: str, form: _Form, kind: str | None = None) -> Iterator[_Market]:
    """Yield the markets of a list that names its market in every row."""
    markets: dict[str, list[object]] = {}
    for row in rows:
        markets.setdefault(_name(_field(row, name)), []).append(row)
    for symbol, own in markets.items():
        yield _Market(symbol, own, form, kind)


def _bybit(said: Row) -> Iterator[_Market]:
    result = said["result"]
    rows = _field(result, "list")
    if not isinstance(rows, list | tuple):
        raise ArgumentError("list", f"must be a list of brackets, not {shown(rows):.60}")
    inverse = cast(Row, result).get("category") == "inverse"
    yield from _grouped(rows, "symbol", BYBIT, "inverse" if inverse else None)


def _okx(said: Row) -> Iterator[_Market]:
    """Yield OKX's markets, whose reply leaves the name of a swap empty and says only what it follows."""
    rows = said["data"]
    if not isinstance(rows, list | tuple):
        raise ArgumentError("data", f"must be a list of brackets, not {shown(rows):.60}")
    named = []
    for row in rows:
        family = _field(row, "instId", "instFamily", "uly")
        swap = isinstance(family, str) and family.count("-") == 1
        named.append({**cast(Row, row), "instId": f"{family}-SWAP" if swap else family})
    yield from _grouped(named, "instId", OKX)


def _hyperliquid(said: Row) -> Iterator[_Market]:
    """Yield Hyperliquid's markets: the table of a number, or one bracket at the highest leverage."""
    tables: dict[int, object] = {}
    numbered = said.get("marginTables", ())
    if not isinstance(numbered, list | tuple):
        raise ArgumentError("marginTables", f"must be a list, not {shown(numbered):.60}")
    for pair in numbered:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], int):
            raise ArgumentError("marginTables", f"must be pairs of a number and a table, not {shown(pair):.60}")
        tables[pair[0]] = _field(pair[1], "marginTiers")
    universe = said["universe"]
    if not isinstance(universe, list | tuple):
        raise ArgumentError("universe", f"must be a list of markets, not {shown(universe):.60}")
    for market in universe:
        symbol = _name(_field(market, "name"))
        one, number = [{"lowerBound": 0.0, "maxLeverage": market.get("maxLeverage")}], market.get("marginTableId")
        rows = tables.get(number, one) if isinstance(number, int) else one
        yield _Market(symbol, _halved(symbol, rows), HYPERLIQUID)


def _halved(symbol: str, rows: object) -> object:
    """Return brackets with their rate: half the initial margin at the highest leverage."""
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        return rows
    halved = []
    for i, row in enumerate(rows):
        name = f"{symbol}, bracket {i + 1}: maxLeverage"
        limit = _number(name, row.get("maxLeverage"))
        if not limit:
            raise ArgumentError(name, f"must be given and above 0, not {limit!r}")
        halved.append({**row, "rate": 0.5 / limit})
    return halved


class _Kept:
    """A market as `Brackets.rows` writes it."""

    KNOWN = (
        *("symbol", "rate", "floors", "rates", "deductions", "max_leverage", "cap", "measured_in", "cut_off", "growth"),
    )
    MORE = ("kind", "multiplier", "currency", "underlying", "note")

    def __init__(self, row: object) -> None:
        self.symbol = _name(_field(row, "symbol"))
        self.row = cast(Row, row)

    def contract(self, asked: _Asked) -> Contract:
        """Return the contract that is written."""
        row, symbol = self.row, self.symbol
        for name in row:
            if name not in (*self.KNOWN, *self.MORE):
                raise ArgumentError(
                    f"{symbol}: {name}", f"is no field: they are {', '.join((*self.KNOWN, *self.MORE))}"
                )
        if ("rate" in row) == ("floors" in row):
            raise ArgumentError(f"{symbol}: rate", "must be given, or floors and rates, and not both")
        tiers = _of_market(symbol, self._tiers)
        kind, currency = _settled(symbol, asked.kind or cast(str | None, row.get("kind")))
        multiplier = _number(f"{symbol}: multiplier", row.get("multiplier"))
        noted = row.get("note") or OF_YOUR_OWN
        words = (asked.currency or row.get("currency") or currency, row.get("underlying") or "", noted)
        for name, word in zip(("currency", "underlying", "note"), words, strict=True):
            if not isinstance(word, str):
                raise ArgumentError(f"{symbol}: {name}", f"must be a name, not {shown(word)}")
        worth = _multiplier(symbol, asked, OKX._replace(measured_in="notional")) if multiplier is None else multiplier
        currency, underlying, note = cast(tuple[str, str, str], words)
        return _of_market(
            symbol,
            lambda: Contract(symbol, tiers, kind, worth, currency, underlying, note),
        )

    def _tiers(self) -> Tiers:
        row = self.row
        one = "rate" in row
        limits = row.get("max_leverage")
        if isinstance(limits, list | tuple):
            limits = [float("inf") if limit is None else limit for limit in limits]
        given = {
            "floors": [0.0] if one else row["floors"],
            "rates": [_rate(row["rate"])] if one else row.get("rates"),
            "deductions": row.get("deductions", 0 if one else None),
            "max_leverage": limits,
            "cap": float("inf") if row.get("cap") is None else _cap(row["cap"]),
            "measured_in": row.get("measured_in", "notional"),
            "cut_off": row.get("cut_off", False),
            "growth": _growth(row.get("growth")),
        }
        return Tiers(**given)  # type: ignore[arg-type]  # whatever stands there: the table says what is wrong with it


def _cap(value: object) -> float:
    return _checks.single("cap", cast(float, value), _checks.positive_or_endless)


def _rate(value: object) -> float:
    rate = _number("rate", value)
    if rate is None:
        raise ArgumentError("rate", "must be given")
    return rate


def _growth(said: object) -> Growth | None:
    """Return how a rate grows, as `_row` writes it; None for one that does not."""
    if said is None:
        return None
    names = {one.name for one in fields(Growth)}
    if not isinstance(said, Mapping) or "factor" not in said or not names.issuperset(said):
        raise ArgumentError("growth", f"must be a factor and may be {', '.join(sorted(names))}, not {shown(said):.60}")
    return _of_market("growth", partial(Growth, **said))


def _row(contract: Contract) -> dict[str, object]:
    """Return a contract as `_Kept` reads it: in full, or by symbol and rate where that says it all."""
    tiers = contract.tiers
    limits = [None if limit == float("inf") else limit for limit in tiers.max_leverage]  # type: ignore[union-attr]
    table: dict[str, object] = {
        "floors": list(tiers.floors),
        "rates": list(tiers.rates),
        "deductions": list(tiers.deductions),  # type: ignore[arg-type]  # one a bracket, once it is checked
        "max_leverage": limits,
        "cap": None if tiers.cap == float("inf") else tiers.cap,
        "measured_in": tiers.measured_in,
        "cut_off": tiers.cut_off,
    }
    if tiers == Tiers.flat(tiers.rates[0], growth=tiers.growth):
        table = {"rate": tiers.rates[0]}
    if tiers.growth is not None:
        table["growth"] = asdict(tiers.growth)
    more = {"kind": contract.kind, "multiplier": contract.multiplier, "currency": contract.currency}
    note = {} if contract.note in ("", OF_YOUR_OWN) else {"note": contract.note}
    return {"symbol": contract.symbol, **table, **more, "underlying": contract.underlying, **note}


def _settled(symbol: str, kind: str | None) -> tuple[str, str]:
    """Return kind and currency, as far as a symbol tells them."""
    unified = _UNIFIED.fullmatch(symbol)
    if unified:
        base, quote, settled, _ = unified.groups()
        return kind or ("inverse" if settled == base != quote else "linear"), settled
    quoted = _QUOTED.match(symbol.replace("-SWAP", ""))
    if quoted:
        return kind or "linear", quoted.group(1)
    coin = re.match(r"(.+?)[-_]?USD", symbol)
    return kind or "linear", coin.group(1) if coin and kind == "inverse" else ""


def _multiplier(symbol: str, asked: _Asked, form: _Form) -> float:
    """Return what one unit of size is worth: as told, as known, or 1."""
    told = asked.multiplier
    stated = told.get(symbol) if isinstance(told, Mapping) else told
    if stated is None:
        stated = size_named("okx", symbol) if form.deductions == "none" and asked.venue in ("okx", "") else None
    if stated is None and form.measured_in == "contracts":
        raise ArgumentError(f"{symbol}: multiplier", "must be given, where brackets count contracts")
    return 1.0 if stated is None else _checks.single(f"{symbol}: multiplier", stated, _checks.positive)


def _of_market(symbol: str, make: Callable[[], Result]) -> Result:
    """Return what a call returns; what it refuses is refused of the market."""
    try:
        return make()
    except ArgumentError as refusal:
        raise ArgumentError(f"{symbol}: {refusal.argument}", refusal.reason) from None


def _field(row: object, *names: str) -> object:
    """Return the first field of some that says anything."""
    if not isinstance(row, Mapping):
        raise ArgumentError(names[0], f"must be a field, in {shown(row):.60} there is none")
    for name in names:
        if row.get(name) not in (None, ""):
            return cast(object, row[name])
    raise ArgumentError(names[0], f"must be given, in {shown(dict(row)):.60} it is not")


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ArgumentError("symbol", f"must be a name, not {shown(value):.60}")
    return value


def _number(name: str, value: object) -> float | None:
    """Return a number of 0 or more, which may be text; None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        if not _checks.reads_as_number(value):
            raise ArgumentError(name, f"must be a number, not {shown(value):.60}")
        value = float(value)
    return _checks.single(name, cast(float, value), _checks.not_negative)


def is_text(payload: str) -> bool:
    """Whether a text holds brackets itself, rather than being the name of a file that does."""
    return payload.strip()[:1] in ("[", "{") or bool(_lines(payload))


def _lines(text: str) -> list[Row]:
    """Return what lines of a symbol and a rate say; nothing where there are other lines, or too many."""
    if len(text) > LONGEST:
        return []
    lines = [_LINE.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
    found: list[Row] = [{"symbol": line.group(1), "rate": line.group(2)} for line in lines if line]
    return found if len(found) == len(lines) else []


def _said(payload: object) -> object:
    """Return the objects themselves, or those that a text or a file tells."""
    if isinstance(payload, PathLike) or (isinstance(payload, str) and len(payload) <= LONGEST and not is_text(payload)):
        payload = _written(Path(cast(str, payload)))
    if not isinstance(payload, str):
        return payload
    return _lines(payload) or objects_of("brackets", payload)


def _written(path: Path) -> str:
    """Return the text of a file, as far as it may be long: what has no end is no file."""
    try:
        if not path.is_file():
            raise FileNotFoundError(f"no file: {shown(str(path))}")
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST + 1)
    except (OSError, ValueError) as wrong:
        raise ArgumentError("brackets", f"must be objects, text that holds them, or a file: {wrong}") from None
