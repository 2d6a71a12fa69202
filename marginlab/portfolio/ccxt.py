"""Positions as exchanges return them, in the unified structure of ccxt's ``fetch_positions``.

Read of each position: ``symbol``, ``side``, ``contracts``, ``contractSize``, ``entryPrice``, ``markPrice``,
``marginMode``, ``leverage``, and for the margin set aside ``positionMargin``, ``collateral``, ``unrealizedPnl`` and
``initialMargin``. ccxt fills in what a venue tells, and leaves the rest ``None``. Source: the parsers of ccxt 4.5 for
the venues listed here (read in November 2026), and its manual.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

from .. import _checks
from ..margin.contracts import Contract
from ..markets.brackets import symbol_named
from ..markets.own_brackets import Brackets
from ..markets.venues import Venue, venue_names
from ..markets.venues import venue as venue_of
from .portfolio import MOST_POSITIONS, Portfolio, own_brackets
from .reading import SIDES, Asked, EntryError, Problem, objects_of, refused

# BTC/USDT:USDT, and BTC/USD:BTC-251226 for a contract with a delivery date.
_SYMBOL = re.compile(r"(\w+)/(\w+):(\w+)(-.+)?")
# So far, as a share, may a mark be from another that follows from rounded money.
ROUNDED = 1e-4
_MONEY = ("notional", "unrealizedPnl", "positionMargin", "collateral", "initialMargin")
# What the fields of a position are called there.
_THEIRS = {
    "size": "contracts",
    "entry": "entryPrice",
    "mark": "markPrice",
    "mode": "marginMode",
    "margin": "positionMargin",
}


def from_ccxt(
    payload: str | Sequence[Mapping[str, object]],
    *,
    venue: str,
    wallet: float | str,
    margin_mode: str | None = None,
    date: str | None = None,
    brackets: object = None,
) -> Portfolio:
    """Return the account whose positions an exchange has returned through ccxt.

    Parameters
    ----------
    payload
        What ``fetch_positions`` returns: the list itself, or its text as JSON or as Python prints it. Positions of
        0 contracts are passed over.
    venue
        Key of the venue it comes from, one of :func:`~marginlab.venue_names`.
    wallet
        Cash beside isolated margins, which the positions do not tell: from ``fetch_balance``.
    margin_mode
        What to take where ``marginMode`` is ``None``, as it is at dYdX.
    date
        Of the bracket tables, and of how the venue counts; ``None`` for the newest, and for today.
    brackets
        Brackets of one's own, as ``fetch_leverage_tiers`` returns them or in any way that
        :meth:`marginlab.Brackets.read` takes; ``None`` for none.

    Returns
    -------
    Portfolio
        The open positions, in their order.

    Raises
    ------
    EntryError
        With everything that is wrong, by position and field; nothing is kept of it.

    Notes
    -----
    The margin set aside is ``positionMargin``, or else ``collateral`` less ``unrealizedPnl`` (collateral alone where
    it equals ``initialMargin``, which some venues report so), or else ``initialMargin``. The mark is ``markPrice``, or
    else what ``notional``, or at last ``unrealizedPnl``, says of it; of both sides of a market it is the same.

    Examples
    --------
    >>> position = {"symbol": "BTC/USDT:USDT", "side": "short", "contracts": 0.2, "contractSize": 1.0, "leverage": 5,
    ...             "entryPrice": 70_000.0, "markPrice": 69_000.0, "marginMode": "cross"}
    >>> from_ccxt([position], venue="binance", wallet=4_000).account.size
    array([-0.2])
    """
    problems: list[Problem] = []
    ask = Asked(None, {"venue": venue, "wallet": wallet, "margin_mode": margin_mode}, problems)
    held_at = ask.word("venue", venue_names())
    ask.number("wallet", _checks.numbers)
    if margin_mode is not None:
        ask.mode("margin_mode")
    given, own = _positions(payload), own_brackets(ask, brackets, held_at)
    rows, numbers = [], []
    at = None if held_at is None else _Markets(venue_of(held_at), date, own)
    for i, one in enumerate(given):
        row = _row(Asked(i, one, problems), at, margin_mode)
        if row is not None:
            rows.append(row)
            numbers.append(i)
    if problems:
        raise EntryError(problems)
    _share_marks(rows, [Asked(i, given[i], problems).given("markPrice") is not None for i in numbers])
    if not 1 <= len(rows) <= MOST_POSITIONS:
        raise refused("payload", f"must hold 1 to {MOST_POSITIONS} open positions, not {len(rows)}")
    try:
        return Portfolio.of_rows(rows, venue=venue, wallet=wallet, date=date, brackets=own)
    except EntryError as refusal:
        raise EntryError(
            Problem(None if one.row is None else numbers[one.row], _THEIRS.get(one.field, one.field), one.reason)
            for one in refusal.problems
        ) from None


def _positions(payload: str | Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
    """Return the list that was given, or that its text says."""
    said = objects_of(payload, "payload") if isinstance(payload, str) else payload
    if not isinstance(said, list | tuple):
        raise refused("payload", f"must be the list that fetch_positions returns, not {_checks.shown(said):.60}")
    return said


def _row(ask: Asked, at: _Markets | None, margin_mode: str | None) -> dict[str, object] | None:
    """Return a position as it would be entered, None for a closed one or, noted, for a bad one."""
    if not isinstance(ask.values, Mapping):
        ask.refuse("position", f"must have named fields, not {ask.values!r:.60}")
        return None
    contracts, before = ask.number("contracts", _checks.not_negative), len(ask.problems)
    if contracts is None or contracts == 0:
        return None
    contract = None if at is None else at.contract(ask)
    side = ask.word("side", SIDES)
    mode = ask.mode("marginMode", margin_mode)
    size_of_one = ask.number("contractSize", _checks.positive, needed=False)
    entry = ask.number("entryPrice", _checks.positive)
    leverage = ask.number("leverage", _checks.positive, needed=False)
    mark = ask.number("markPrice", _checks.positive, needed=False)
    money = {name: ask.number(name, _checks.numbers, needed=False) for name in _MONEY}
    if contract is None or entry is None or len(ask.problems) > before:
        return None
    size = contracts * (1.0 if size_of_one is None else size_of_one / contract.multiplier)
    if mark is None:
        mark = _mark(ask, contract, size if side == "long" else -size, entry, money)
    margin = _margin(ask, money) if mode == "isolated" else None
    return {
        "symbol": contract.symbol,
        "side": side,
        "size": size,
        "entry": entry,
        "mark": mark,
        "mode": mode,
        "leverage": leverage,
        "margin": margin,
    }


class _Markets(NamedTuple):
    """Where contracts are looked for: brackets of one's own, and then the venue's."""

    venue: Venue
    date: str | None
    own: Brackets | None

    def contract(self, ask: Asked) -> Contract | None:
        """Return the contract of a unified symbol."""
        symbol = ask.given("symbol")
        match = _SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
        if not isinstance(symbol, str) or match is None:
            ask.refuse("symbol", f"must be a unified one such as 'BTC/USDT:USDT', not {symbol!r}")
            return None
        base, quote, settled, delivery = match.groups()
        if delivery:
            ask.refuse("symbol", f"must be a perpetual, not one with a delivery date, {symbol!r}")
            return None
        for contract in self.own.contracts if self.own else ():
            if contract.symbol == symbol or (contract.underlying, contract.currency) == (base, settled):
                return contract
        names = self.names(base, quote, settled)
        if not names:
            ask.refuse("symbol", f"must be one whose brackets are known at {self.venue.title}, not {symbol!r}")
            return None
        return ask.tried("symbol", partial(self.dated, names))

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


def _mark(ask: Asked, contract: Contract, size: float, entry: float, money: Mapping[str, float | None]) -> float:
    """Return the mark that follows from the notional or the profit; refused, nan."""
    notional, profit = money["notional"], money["unrealizedPnl"]
    if not notional and profit is not None:
        notional = max(float(contract.notional(size, entry) + contract.direction(size) * profit), 0.0)
    if not notional:
        ask.refuse("markPrice", "must be given, or a notional or an unrealizedPnl that tells it")
    return float(contract.price_at(size, abs(notional or 0.0)))


def _share_marks(rows: Sequence[dict[str, object]], told: Sequence[bool]) -> None:
    """Let marks that were worked out be that of their market, from which only rounding keeps them."""
    for row, known in zip(rows, told, strict=True):
        market = [pair for pair in zip(told, rows, strict=True) if pair[1]["symbol"] == row["symbol"]]
        _, leg = max(market, key=lambda pair: (pair[0], cast(float, pair[1]["size"])))
        best = cast(float, leg["mark"])
        if not known and abs(cast(float, row["mark"]) - best) <= ROUNDED * best:
            row["mark"] = best


def _margin(ask: Asked, money: Mapping[str, float | None]) -> float | None:
    """Return what is set aside for an isolated position, without its profit."""
    margin = money["positionMargin"]
    collateral, initial = money["collateral"], money["initialMargin"]
    if margin is None and collateral is not None:
        margin = collateral if collateral == initial else collateral - (money["unrealizedPnl"] or 0.0)
    margin = initial if margin is None else margin
    if margin is None:
        ask.refuse("positionMargin", "must be given, or a collateral or an initialMargin that tells it")
    return margin
