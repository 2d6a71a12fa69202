"""What stands behind the positions: the wallet, and assets beside it, from what ccxt's ``fetch_balance`` returns.

What ccxt calls ``total`` is the wallet at one exchange and the equity at another. The exchange's own reply, which it
hands on as ``info``, says more, and is asked first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from .. import _checks
from .._checks import ArgumentError
from .assets import Asset
from .exchanges import ACCOUNT_FIELDS, BALANCE, EQUITY, MONEY_FIELDS, TOTAL, Holds
from .reading import Asked, as_number
from .told import Exchange, Fields, Remarks

# How an exchange's reply names the currency of an entry.
_CURRENCY = ("asset", "coin", "ccy", "currency", "marginCoin", "margin_asset", "symbol")
# Beside the currencies, what ccxt's balance holds.
_NO_CURRENCY = ("info", "timestamp", "datetime", "free", "used", "total", "debt")
# So deep is a reply searched.
_DEEPEST = 6


class Positions(NamedTuple):
    """What the positions put beside the wallet: profit in cross, and margins and profit in isolated mode."""

    profit: float = 0.0
    isolated: float = 0.0
    isolated_profit: float = 0.0

    def and_one(self, said: Fields, margin: float | None) -> Positions:
        """Return these with one more, isolated where it has a margin."""
        profit = said.profit()
        if margin is None:
            return self._replace(profit=self.profit + profit)
        return self._replace(isolated=self.isolated + margin, isolated_profit=self.isolated_profit + profit)

    def wallet(self, amount: float, holds: Holds) -> float:
        """Return the wallet, given an amount and what it holds beside that."""
        return amount - sum(part for part, inside in zip(self, holds, strict=True) if inside)


def wallet_of(
    ask: Asked, currency: str, where: Exchange, positions: Positions, remarks: Remarks
) -> tuple[float, tuple[Asset, ...]] | None:
    """Return the wallet and the assets beside it, from ``balance``, ``wallet`` or ``equity``; noted, None."""
    given = [name for name in ("balance", "wallet", "equity") if ask.given(name) is not None]
    if len(given) != 1:
        extra = ", and not both" if given else ", what fetch_balance returns, or else wallet or equity"
        ask.refuse(given[0] if given else "balance", f"must be given{extra}")
        return None
    said = ask.given(given[0])
    if not isinstance(said, Mapping):
        number = ask.number(given[0], _checks.numbers)
        holds = EQUITY if given[0] == "equity" else Holds()
        return None if number is None else (positions.wallet(number, holds), ())
    if given[0] != "balance":
        ask.refuse(given[0], f"must be a number, not {said!r:.60}; what fetch_balance returns is balance")
        return None
    return ask.tried("balance", lambda: _read(said, currency, where, positions, remarks))


def _read(
    said: Mapping[str, object], currency: str, where: Exchange, positions: Positions, remarks: Remarks
) -> tuple[float, tuple[Asset, ...]]:
    """Return wallet and assets of what ``fetch_balance`` returns."""
    totals = _totals(said)
    others = tuple(Asset(name, amount) for name, amount in totals.items() if name != currency and amount)
    known = _known(said.get("info"), currency, where.venue.name)
    if known is None and currency in totals:
        known = totals[currency], TOTAL.get(where.id, TOTAL.get(where.venue.name, BALANCE))
        if where.venue.name not in (*MONEY_FIELDS, *ACCOUNT_FIELDS):
            what = "with" if known[1].profit else "without"
            remarks.add(None, f"balance: the total of {currency} is taken as it is {what} unrealized profit")
    if known is None:
        if not totals:
            raise ArgumentError("balance", f"must tell {currency}, in which the positions settle: it does not")
        remarks.add(None, f"balance: no {currency}, in which the positions settle, so the wallet is 0")
        known = 0.0, Holds()
    return positions.wallet(*known), others


def _totals(said: Mapping[str, object]) -> dict[str, float]:
    """Return the total of each currency."""
    total = said.get("total")
    if total is None:
        entries = {name: one for name, one in said.items() if name not in _NO_CURRENCY and isinstance(one, Mapping)}
        total = {name: one.get("total") for name, one in entries.items()}
    if not isinstance(total, Mapping):
        raise ArgumentError("balance", f"must have totals by currency, not {total!r:.60}")
    return {str(name): _amount(f"total of {name}", value) for name, value in total.items() if value is not None}


def _amount(name: str, value: object) -> float:
    """Return a number of the balance, or refuse the balance for it."""
    try:
        return _checks.single(name, as_number(name, value))
    except ArgumentError as wrong:
        raise ArgumentError("balance", f"is refused: {wrong}") from None


def _known(info: object, currency: str, venue: str) -> tuple[float, Holds] | None:
    """Return an amount that the exchange's own reply tells, and what it holds."""
    for path, holds in ACCOUNT_FIELDS.get(venue, {}).items():
        found = info
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        if found is not None:
            return _amount(f"info.{'.'.join(path)}", found), holds
    fields = MONEY_FIELDS.get(venue, {})
    for entry in _entries(info, currency):
        for name, holds in fields.items():
            if entry.get(name) not in (None, ""):
                return _amount(f"info.{name}", entry[name]), holds
    return None


def _entries(info: object, currency: str, depth: int = 0) -> Iterator[Mapping[str, object]]:
    """Yield what is said of a currency anywhere in a reply."""
    if depth > _DEEPEST:
        return
    if isinstance(info, Mapping):
        if any(info.get(name) == currency for name in _CURRENCY):
            yield cast(Mapping[str, object], info)
        for one in info.values():
            yield from _entries(one, currency, depth + 1)
    elif isinstance(info, list | tuple):
        for one in info:
            yield from _entries(one, currency, depth + 1)
