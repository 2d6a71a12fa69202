"""What is traded: how a contract's price becomes notional, profit and margin.

Signed size throughout: long positive, short negative. Money is in the contract's
currency: the quote currency for linear contracts, the coin for inverse ones.
Every function takes numbers or arrays and broadcasts; numbers in, numbers out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats, Numbers
from .tiers import Tiers

KINDS = ("linear", "inverse")
# A symbol names the coin it follows before the currency it is quoted in: BTCUSDT, BTC-USD, BTC/USDT:USDT, BTC.
_SYMBOL = re.compile(r"(.+?)[-/_:]?(?:USDT|USDC|FDUSD|BUSD|USD|PERP)?(?:[-/_:].*)?")


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
    follows
        The coin whose price it follows, such as ``"BTC"``, where the symbol does not name it: see `underlying`.
    note
        What to know of its brackets, in words: of which date they are, and whether an older one was asked for.
        Contracts that differ in nothing else are equal.

    Examples
    --------
    What is a long of 0.5 BTC from 60,000 worth, and what has it made, at 63,000?

    >>> btc = Contract("BTCUSDT", Tiers.flat(0.004), currency="USDT")
    >>> btc.notional(0.5, 63_000), btc.unrealized_pnl(0.5, 60_000, 63_000)
    (31500.0, 1500.0)
    >>> btc.underlying
    'BTC'
    """

    symbol: str
    tiers: Tiers = field(repr=False)
    kind: str = "linear"
    multiplier: float = 1.0
    currency: str = ""
    follows: str = ""
    note: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.named("symbol", self.symbol)
        _checks.instance("tiers", self.tiers, Tiers)
        _checks.one_of("kind", self.kind, KINDS)
        _checks.single("multiplier", self.multiplier, _checks.positive)
        for name in ("currency", "follows"):
            told = getattr(self, name)
            if not isinstance(told, str) or told:
                _checks.named(name, told)
        _checks.words("note", self.note)
        if self.follows and self.follows == _named_in(self.symbol):
            object.__setattr__(self, "follows", "")  # the same contract, whether it says so or not

    @property
    def underlying(self) -> str:
        """The coin whose price it follows, as stated, or what its symbol says before a dollar or a separator."""
        return self.follows or _named_in(self.symbol)

    def notional(self, size: ArrayLike, price: ArrayLike) -> Numbers:
        """Return the value of a position at a price.

        Parameters
        ----------
        size
            Signed: long positive, short negative.
        price
            Above 0. Broadcasts against the size.

        Returns
        -------
        float or array
            0 or more, in the contract's currency, the arguments' common shape.

        Raises
        ------
        ArgumentError
            For a price of 0 or below, and for shapes that do not broadcast.
        """
        held, at = self._pair(size, price)
        return _checks.plain(value_of(self.kind, np.abs(held) * self.multiplier, at))

    def price_at(self, size: ArrayLike, notional: ArrayLike) -> Numbers:
        """Return the price at which a position has this notional; the inverse of `notional`.

        Parameters
        ----------
        size
            Signed.
        notional
            In the contract's currency. Broadcasts against the size.

        Returns
        -------
        float or array
            The arguments' common shape. ``nan`` where no positive price does: for a notional of 0 or less.
        """
        held, value = _checks.numbers("size", size), _checks.numbers("notional", notional)
        _checks.broadcastable(size=held.shape, notional=value.shape)
        return _checks.plain(price_of(self, held, value))

    def direction(self, size: ArrayLike) -> Numbers:
        """Return whether profit grows or shrinks as notional grows.

        A linear long and an inverse short gain with their notional. So profit and loss of
        either kind is ``direction * (notional - notional at entry)``.

        Parameters
        ----------
        size
            Signed.

        Returns
        -------
        float or array
            +1 where profit grows, -1 where it shrinks, 0 for no position; the size's shape.
        """
        return _checks.plain(np.sign(_checks.numbers("size", size)) * (1.0 if self.kind == "linear" else -1.0))

    def unrealized_pnl(self, size: ArrayLike, entry: ArrayLike, price: ArrayLike) -> Numbers:
        """Return the profit or loss of a position at a price.

        Parameters
        ----------
        size
            Signed.
        entry, price
            Average entry price and current price, above 0. All arguments broadcast.

        Returns
        -------
        float or array
            Profit positive, loss negative, in the contract's currency; the arguments' common shape.

        Raises
        ------
        ArgumentError
            For prices of 0 or below, and for shapes that do not broadcast.
        """
        held, at = self._pair(size, price)
        since = _checks.positive("entry", entry)
        _checks.broadcastable(size=held.shape, entry=since.shape, price=at.shape)
        return _checks.plain(profit_of(self.kind, held * self.multiplier, since, at))

    def maintenance_margin(self, size: ArrayLike, price: ArrayLike) -> Numbers:
        """Return the maintenance margin of a position at a price, from its bracket there.

        Parameters
        ----------
        size
            Signed.
        price
            Above 0. Broadcasts against the size.

        Returns
        -------
        float or array
            In the contract's currency, the arguments' common shape; 0 for no position.
        """
        return self.tiers.maintenance_margin(self.notional(size, price), contracts=np.abs(size))

    def initial_margin(self, size: ArrayLike, price: ArrayLike, leverage: ArrayLike) -> Numbers:
        """Return notional / leverage: what must be put up to open the position at a price.

        Parameters
        ----------
        size
            Signed.
        price, leverage
            Above 0. All arguments broadcast.

        Returns
        -------
        float or array
            In the contract's currency, the arguments' common shape.

        Raises
        ------
        ArgumentError
            For a price or leverage of 0 or below, and for shapes that do not broadcast.
        """
        value, times = self.notional(size, price), _checks.positive("leverage", leverage)
        _checks.broadcastable(positions=np.shape(value), leverage=times.shape)
        return _checks.plain(value / times)

    def bracket_amount(self, size: ArrayLike, price: ArrayLike) -> Numbers:
        """Return what decides the bracket: the notional, or the size where brackets count contracts.

        Parameters
        ----------
        size
            Signed.
        price
            Above 0. Broadcasts against the size.

        Returns
        -------
        float or array
            0 or more, the arguments' common shape.
        """
        held, at = self._pair(size, price)
        return np.abs(held) if self.tiers.measured_in == "contracts" else self.notional(held, at)

    def leverage_limit(self, size: ArrayLike, price: ArrayLike) -> Numbers:
        """Return the highest leverage the position may be opened with at a price.

        Parameters
        ----------
        size
            Signed.
        price
            Above 0. Broadcasts against the size.

        Returns
        -------
        float or array
            The arguments' common shape; ``inf`` where the bracket sets no limit.
        """
        return self.tiers.leverage_limit(self.bracket_amount(size, price))

    def funding_payment(self, size: ArrayLike, price: ArrayLike, rate: ArrayLike) -> Numbers:
        """Return what the position receives at a funding settlement.

        Parameters
        ----------
        size
            Signed.
        price
            Mark price, above 0.
        rate
            Fraction of notional per settlement; longs pay where it is positive. All arguments broadcast.

        Returns
        -------
        float or array
            Negative where the position pays, in the contract's currency; the arguments' common shape.

        Raises
        ------
        ArgumentError
            For a price of 0 or below, and for shapes that do not broadcast.
        """
        held, at = self._pair(size, price)
        value, due = value_of(self.kind, held * self.multiplier, at), _checks.numbers("rate", rate)
        _checks.broadcastable(positions=value.shape, rate=due.shape)
        return _checks.plain(-value * due)

    @staticmethod
    def _pair(size: ArrayLike, price: ArrayLike) -> tuple[Floats, Floats]:
        held, at = _checks.numbers("size", size), _checks.positive("price", price)
        _checks.broadcastable(size=held.shape, price=at.shape)
        return held, at


class Columns:
    """What several contracts are, in columns: what is worked out of size and price, for all of them at once. Unchecked.

    Parameters
    ----------
    contracts
        One or more.
    down
        Whether each has a row of its own, as in (n, 1), and not an entry, as in (n,).

    Attributes
    ----------
    linear, multiplier
        Of each contract.
    kind
        That of all of them; ``None`` where they are of both.
    """

    def __init__(self, contracts: Sequence[Contract], *, down: bool = False) -> None:
        shape = (-1, 1) if down else (-1,)
        self.linear = np.array([contract.kind == "linear" for contract in contracts]).reshape(shape)
        self.multiplier = np.array([contract.multiplier for contract in contracts]).reshape(shape)
        self.sign = np.where(self.linear, 1.0, -1.0)
        # Of one kind, as a rule: then nothing is worked out twice.
        self.kind = contracts[0].kind if self.linear.all() or not self.linear.any() else None

    def notional(self, size: Floats, price: Floats) -> Floats:
        """Return what `Contract.notional` does."""
        return self.value(np.abs(size) * self.multiplier, price)

    def unrealized_pnl(self, size: Floats, entry: Floats, price: Floats) -> Floats:
        """Return what `Contract.unrealized_pnl` does."""
        return self.profit(size * self.multiplier, entry, price)

    def direction(self, size: Floats) -> Floats:
        """Return what `Contract.direction` does."""
        return np.sign(size) * self.sign

    def value(self, amount: Floats, price: Floats) -> Floats:
        """Return the value of amounts (size times multiplier)."""
        return self._by_kind(value_of, amount, price)

    def profit(self, amount: Floats, entry: Floats, price: Floats) -> Floats:
        """Return the profit of signed amounts."""
        return self._by_kind(profit_of, amount, entry, price)

    def entry_after(self, held: Floats, entry: Floats, size: Floats, price: Floats) -> Floats:
        """Return the average entry prices of what is held and what is added to it at a price."""
        return self._by_kind(entry_after, held, entry, size, price)

    def _by_kind(self, question: Callable[..., Floats], *columns: Floats) -> Floats:
        if self.kind is not None:
            return question(self.kind, *columns)
        return np.where(self.linear, *(question(kind, *columns) for kind in KINDS))


def _named_in(symbol: str) -> str:
    """Return the coin that a symbol names."""
    said = _SYMBOL.fullmatch(symbol)
    return said.group(1) if said else symbol


def value_of(kind: str, amount: Floats, price: Floats) -> Floats:
    """Return the value of an amount (size times multiplier) at a price. Unchecked."""
    return amount * price if kind == "linear" else amount / price


def price_of(contract: Contract, size: Floats, value: Floats) -> Floats:
    """Return the price at which a size has a notional of that value, nan for none. Unchecked."""
    amount = np.abs(size) * contract.multiplier
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        price = value / amount if contract.kind == "linear" else amount / value
    # Beyond all numbers there is no price either.
    return np.where((value > 0) & (amount > 0) & np.isfinite(price), price, np.nan)


def profit_of(kind: str, amount: Floats, entry: Floats, price: Floats) -> Floats:
    """Return the profit of a signed amount (size times multiplier) from entry to price. Unchecked."""
    return amount * (price - entry) if kind == "linear" else amount * (1 / entry - 1 / price)


def entry_after(kind: str, held: Floats, entry: Floats, size: Floats, price: Floats) -> Floats:
    """Return the average entry price of what is held and what is added to it at a price. Unchecked.

    Where nothing is held it is the price, and where nothing is added the entry there was, both to the last bit.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "linear":
            average = (held * entry + size * price) / (held + size)
        else:
            average = (held + size) / (held / entry + size / price)
    return np.where(size == 0, entry, np.where(held == 0, price, average))


def check_alike(contracts: Sequence[Contract]) -> None:
    """Refuse contracts that cannot share an account: it has one kind of contract and one currency."""
    _checks.instances("contracts", contracts, Contract)
    if len({(contract.kind, contract.currency) for contract in contracts}) != 1:
        listed = ", ".join(f"{c.symbol} ({c.kind}, {c.currency or 'no currency'})" for c in contracts) or "none"
        raise ArgumentError("contracts", f"must be one or more of one kind and currency, not {listed}")
