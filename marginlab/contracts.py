"""What is traded: contracts, and a venue's way of counting.

Signed size throughout: long positive, short negative. Money is in the contract's
currency: the quote currency for linear contracts, the coin for inverse ones.
Every function takes numbers or arrays and broadcasts; numbers in, numbers out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks
from .tiers import Tiers

KINDS = ("linear", "inverse")
MAINTENANCE_AT = ("liquidation", "entry", "mark")
CLOSING_FEE_AT = ("none", "liquidation", "bankruptcy", "margin")


@dataclass(frozen=True)
class Contract:
    r"""A perpetual or future: how price becomes notional, profit and margin.

    ========== ========================= =====================================
    kind       notional V(P)             profit and loss
    ========== ========================= =====================================
    linear     :math:`|q| m P`           :math:`q m (P - E)`
    inverse    :math:`|q| m / P`         :math:`q m (1/E - 1/P)`
    ========== ========================= =====================================

    Parameters
    ----------
    symbol
        The name positions are listed under.
    tiers
        Its maintenance brackets.
    kind
        ``"linear"`` (settled in the quote currency) or ``"inverse"`` (settled in the coin,
        size counted in the quote currency).
    multiplier
        What one unit of size is worth: *m* above.
    currency
        What it settles in. Contracts of one account must agree.

    Examples
    --------
    What is a long of 0.5 BTC from 60,000 worth, and what has it made, at 63,000?

    >>> btc = Contract("BTCUSDT", Tiers.flat(0.004), currency="USDT")
    >>> btc.notional(0.5, 63_000), btc.unrealized_pnl(0.5, 60_000, 63_000)
    (31500.0, 1500.0)
    """

    symbol: str
    tiers: Tiers = field(repr=False)
    kind: str = "linear"
    multiplier: float = 1.0
    currency: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.symbol, str) or not self.symbol:
            raise ValueError(f"symbol must be a name, not {self.symbol!r}")
        if not isinstance(self.tiers, Tiers):
            raise ValueError(f"tiers must be a Tiers table, not {self.tiers!r}")
        checks.one_of("kind", self.kind, KINDS)
        checks.single("multiplier", self.multiplier, checks.positive)

    def notional(self, size: ArrayLike, price: ArrayLike) -> Any:
        """Return the value of a position at a price, never negative."""
        size, price = self._pair(size, price)
        return checks.plain(value_of(self.kind, np.abs(size) * self.multiplier, price))

    def price_at(self, size: ArrayLike, notional: ArrayLike) -> Any:
        """Return the price at which a position has this notional; the inverse of `notional`.

        ``nan`` where no positive price does: for a notional of 0 or less.
        """
        size, notional = checks.numbers("size", size), np.asarray(notional, dtype=float)
        amount = np.abs(size) * self.multiplier
        with np.errstate(divide="ignore", invalid="ignore"):
            price = notional / amount if self.kind == "linear" else amount / notional
        return checks.plain(np.where((notional > 0) & (amount > 0), price, np.nan))

    def direction(self, size: ArrayLike) -> Any:
        """Return +1 where profit grows with notional, -1 where it shrinks, 0 for no position.

        A linear long and an inverse short gain with their notional. So profit and loss of
        either kind is ``direction * (notional - notional at entry)``.
        """
        return checks.plain(np.sign(size)) * (1.0 if self.kind == "linear" else -1.0)

    def unrealized_pnl(self, size: ArrayLike, entry: ArrayLike, price: ArrayLike) -> Any:
        """Return the profit (positive) or loss (negative) of a position at a price."""
        size, price = self._pair(size, price)
        entry = checks.positive("entry", entry)
        checks.broadcastable(size=size.shape, entry=entry.shape, price=price.shape)
        return checks.plain(profit_of(self.kind, size * self.multiplier, entry, price))

    def maintenance_margin(self, size: ArrayLike, price: ArrayLike) -> Any:
        """Return the maintenance margin of a position at a price, from its bracket there."""
        return self.tiers.maintenance_margin(self.notional(size, price), contracts=np.abs(size))

    def initial_margin(self, size: ArrayLike, price: ArrayLike, leverage: ArrayLike) -> Any:
        """Return notional / leverage: what must be put up to open the position at a price."""
        notional, leverage = self.notional(size, price), checks.positive("leverage", leverage)
        checks.broadcastable(positions=np.shape(notional), leverage=leverage.shape)
        return checks.plain(notional / leverage)

    def bracket_amount(self, size: ArrayLike, price: ArrayLike) -> Any:
        """Return what decides the bracket: the notional, or the size where brackets count contracts."""
        return np.abs(size) if self.tiers.measured_in == "contracts" else self.notional(size, price)

    def leverage_limit(self, size: ArrayLike, price: ArrayLike) -> Any:
        """Return the highest leverage the position may be opened with at a price."""
        return self.tiers.leverage_limit(self.bracket_amount(size, price))

    def funding_payment(self, size: ArrayLike, price: ArrayLike, rate: ArrayLike) -> Any:
        """Return what the position receives at a funding settlement, negative where it pays.

        Longs pay when the rate (a fraction of notional per settlement) is positive.
        """
        notional, rate = self.notional(size, price), checks.numbers("rate", rate)
        checks.broadcastable(positions=np.shape(notional), rate=rate.shape)
        return checks.plain(-np.sign(size) * notional * rate)

    @staticmethod
    def _pair(size: ArrayLike, price: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        size, price = checks.numbers("size", size), checks.positive("price", price)
        checks.broadcastable(size=size.shape, price=price.shape)
        return size, price


def value_of(kind: str, amount: Any, price: Any) -> Any:
    """Return the value of an amount (size times multiplier) at a price. Unchecked."""
    return amount * price if kind == "linear" else amount / price


def profit_of(kind: str, amount: Any, entry: Any, price: Any) -> Any:
    """Return the profit of a signed amount (size times multiplier) from entry to price. Unchecked."""
    return amount * (price - entry) if kind == "linear" else amount * (1 / entry - 1 / price)


def check_alike(contracts: Sequence[Any]) -> None:
    """Refuse contracts that cannot share an account: it has one kind of contract and one currency."""
    for contract in contracts:
        if not isinstance(contract, Contract):
            raise ValueError(f"contracts must be Contract objects, not {contract!r}")
    if len({(contract.kind, contract.currency) for contract in contracts}) != 1:
        listed = ", ".join(f"{c.symbol} ({c.kind}, {c.currency or 'no currency'})" for c in contracts) or "none"
        raise ValueError(f"contracts must be one or more of one kind and currency, not {listed}")


@dataclass(frozen=True)
class Convention:
    """How a venue counts. With the deductions of :class:`Tiers`, all that venues differ in.

    Parameters
    ----------
    maintenance_at
        Where the maintenance margin is taken when a liquidation price is worked out: at the
        ``"liquidation"`` price itself, or frozen at the ``"entry"`` or the current ``"mark"``.
    closing_fee
        Fee rate for closing, a fraction of notional.
    closing_fee_at
        ``"none"``: not counted. ``"liquidation"``: required on top of maintenance, on the
        notional there. ``"bankruptcy"``: on the notional at the bankruptcy price, which then
        includes it too. ``"margin"``: already inside the margin that was set aside.
    at_equality
        Whether equity exactly equal to the requirement is liquidated.

    Examples
    --------
    >>> Convention(maintenance_at="noon")
    Traceback (most recent call last):
        ...
    ValueError: maintenance_at must be one of 'liquidation', 'entry', 'mark', not 'noon'
    """

    maintenance_at: str = "liquidation"
    closing_fee: float = 0.0
    closing_fee_at: str = "none"
    at_equality: bool = True

    def __post_init__(self) -> None:
        checks.one_of("maintenance_at", self.maintenance_at, MAINTENANCE_AT)
        checks.one_of("closing_fee_at", self.closing_fee_at, CLOSING_FEE_AT)
        if checks.single("closing_fee", self.closing_fee, checks.not_negative) >= 0.5:
            raise ValueError(f"closing_fee must be a fraction below 0.5, not {self.closing_fee!r}")
        checks.truth("at_equality", self.at_equality)

    def fee_at(self, place: str) -> float:
        """Return the closing fee rate that is counted at a place, 0 where it is not."""
        return self.closing_fee if self.closing_fee_at == place else 0.0
