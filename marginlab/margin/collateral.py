"""What backs a pool besides the currency it is counted in: other assets, each at its price and its ratio.

An asset is worth its price; as collateral it counts at a ratio of that, which falls with the amount. Profit and loss
of what settles in an asset belongs to that asset, and what is owed in one counts in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats, Numbers
from .contracts import Contract

RATIO_MEASURES = ("amount", "value")


@dataclass(frozen=True)
class CollateralRatio:
    r"""How much of an asset's value counts as collateral: the larger the holding, the less of what is added.

    Of a holding *A* each slice between two floors counts at its own ratio, as slices of income are taxed:

    .. math:: g(A) = \sum_n \rho_n \left( \min(A, f_{n+1}) - f_n \right)^+

    What is owed, a holding below 0, counts in full, and so does what contracts that settle in the asset require; at a
    venue that converts with a buffer, by somewhat more.

    Parameters
    ----------
    floors
        Lower bound of each slice, the first 0, rising.
    ratios
        What counts of each slice, from 0 to 1, not rising.
    measured_in
        Whether floors are an ``"amount"`` of the asset, or its ``"value"`` in the account's currency.
    owed
        At how much of its price it counts what is owed or required in the asset, 1 or more.

    Examples
    --------
    Bybit's example of 2025: BTC counts at 98 % up to 10 coins, at 95 % up to 20. What counts of 15?

    >>> ratio = CollateralRatio((0, 10, 20), (0.98, 0.95, 0.90))
    >>> ratio.counted(15, 100_000)
    1455000.0
    >>> ratio.counted(-1, 100_000)
    -100000.0
    """

    floors: Sequence[float]
    ratios: Sequence[float]
    measured_in: str = "amount"
    owed: float = 1.0

    def __post_init__(self) -> None:
        for name in ("floors", "ratios"):
            column = _checks.numbers(name, getattr(self, name))
            if column.ndim != 1 or not column.size:
                told = _checks.shown(getattr(self, name))
                raise ArgumentError(name, f"must be a sequence of one or more numbers, not {told}")
            object.__setattr__(self, name, tuple(column.tolist()))
        if len(self.floors) != len(self.ratios):
            raise ArgumentError("ratios", f"must be one a floor ({len(self.floors)}), not {len(self.ratios)}")
        if self.floors[0] != 0 or any(low >= high for low, high in pairwise(self.floors)):
            raise ArgumentError("floors", f"must start at 0 and rise, not {list(self.floors)}")
        if not (max(self.ratios) <= 1 and min(self.ratios) >= 0) or any(a < b for a, b in pairwise(self.ratios)):
            raise ArgumentError("ratios", f"must lie in [0, 1] and not rise, not {list(self.ratios)}")
        _checks.one_of("measured_in", self.measured_in, RATIO_MEASURES)
        _checks.between("owed", self.owed, 1, np.inf, open_above=True)

    @classmethod
    def flat(cls, ratio: float) -> CollateralRatio:
        """Return one ratio for any amount.

        Parameters
        ----------
        ratio
            From 0 to 1.

        Returns
        -------
        CollateralRatio
            With one slice.

        Examples
        --------
        >>> CollateralRatio.flat(0.95).counted(2, 60_000)
        114000.0
        """
        return cls((0.0,), (_checks.between("ratio", ratio, 0, 1),))

    def counted(self, amount: Numbers, price: Numbers) -> Numbers:
        """Return what a holding counts.

        Parameters
        ----------
        amount
            Of the asset; below 0 for what is owed.
        price
            Above 0, in the account's currency. Broadcasts against the amount.

        Returns
        -------
        float or array
            In the account's currency, the arguments' common shape.

        Raises
        ------
        ArgumentError
            For a price of 0 or below, and numbers that are not finite.
        """
        held, at = _checks.numbers("amount", amount), _checks.positive("price", price)
        _checks.broadcastable(amount=held.shape, price=at.shape)
        return _checks.plain(self.counted_unchecked(held, at))

    def counted_unchecked(self, amount: Floats, price: Floats) -> Floats:
        """Return the same of arrays that are known to be right.

        Parameters
        ----------
        amount, price
            As there.

        Returns
        -------
        array
            Their common shape.
        """
        by_value = self.measured_in == "value"
        held, unit = (amount * price, 1.0) if by_value else (amount, price)
        uppers = (*self.floors[1:], np.inf)
        slices = (
            ratio * np.clip(held - floor, 0.0, upper - floor)
            for floor, upper, ratio in zip(self.floors, uppers, self.ratios, strict=True)
        )
        return np.asarray((sum(slices) + self.owed * np.minimum(held, 0.0)) * unit)


@dataclass(frozen=True, eq=False)
class Collateral:
    """An amount of an asset that backs a pool, beside the wallet.

    Parameters
    ----------
    asset
        Its name, such as ``"BTC"``. Contracts that settle in it pay into this amount and are paid from it.
    amount
        Signed: what is owed is below 0. Shape (...).
    ratio
        What counts of its value: a :class:`CollateralRatio`, or one number from 0 to 1.
    price
        A mark of its own. ``None`` where the account has a contract on it, whose mark it then follows.
    quoted_in
        What its own mark is in: the coin it follows, such as ``"ETH"`` for staked ether; the account's currency if
        left out.

    Examples
    --------
    >>> Collateral("BTC", 0.5, 0.95).ratio.counted(0.5, 60_000)
    28500.0
    >>> Collateral("USDE", 10_000, 1.2, price=1.0)
    Traceback (most recent call last):
        ...
    marginlab.ArgumentError: ratio must lie in [0, 1], not 1.2
    """

    asset: str
    amount: Numbers
    ratio: CollateralRatio = CollateralRatio((0.0,), (1.0,))
    price: float | None = None
    quoted_in: str = ""

    def __init__(
        self,
        asset: str,
        amount: Numbers,
        ratio: CollateralRatio | float = 1.0,
        *,
        price: float | None = None,
        quoted_in: str = "",
    ) -> None:
        if not isinstance(asset, str) or not asset:
            raise ArgumentError("asset", f"must be a name, not {_checks.shown(asset)}")
        if not isinstance(quoted_in, str):
            raise ArgumentError("quoted_in", f"must be the name of an asset, not {_checks.shown(quoted_in)}")
        if quoted_in and price is None:
            raise ArgumentError("price", f"must be given where it is quoted in {quoted_in}")
        own = None if price is None else _checks.single("price", price, _checks.positive)
        told = ratio if isinstance(ratio, CollateralRatio) else CollateralRatio.flat(ratio)
        held = _checks.plain(_checks.numbers("amount", amount).copy())
        for name, value in (
            ("asset", asset), ("amount", held), ("ratio", told), ("price", own), ("quoted_in", quoted_in),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def holding(self, amount: Numbers) -> Collateral:
        """Return the same asset with another amount.

        Parameters
        ----------
        amount
            Signed, shape (...).

        Returns
        -------
        Collateral
            With its ratio and price.
        """
        return Collateral(self.asset, amount, self.ratio, price=self.price, quoted_in=self.quoted_in)


class Assets:
    """Which assets an account has to do with, and how their prices follow from its marks.

    Marks stand in columns: one a contract, and one an asset with a mark of its own. The price of an asset is the
    product of some of these columns, of none for the account's own currency.

    Attributes
    ----------
    currency
        What the account is counted in.
    all_inverse
        Whether all contracts settle in the one coin that the account is counted in.
    names, ratios
        Of the collateral, in its order.
    own
        Marks of the assets that have one of their own, as they were given.
    columns
        Which marks make the price of each asset.
    settles_in
        Which asset each contract pays in: its number, -1 for the account's currency.
    owed
        At how much of that asset's price what each contract requires is counted.
    coin_of
        What each column of marks follows.
    """

    def __init__(self, contracts: Sequence[Contract], collateral: Sequence[Collateral], currency: str) -> None:
        self.currency = _currency_of(contracts, currency, mixed=bool(collateral))
        self.all_inverse = not collateral and contracts[0].kind == "inverse"
        self.names = tuple(one.asset for one in collateral)
        self.ratios = tuple(one.ratio for one in collateral)
        if len({*self.names, self.currency}) <= len(self.names):
            listed = ", ".join(self.names)
            raise ArgumentError("collateral", f"must name each asset once, and not {self.currency}, not {listed}")
        priced = [one for one in collateral if one.price is not None]
        self.own = np.array([one.price for one in priced], dtype=float)
        self._contracts, self._own = tuple(contracts), {one.asset: one for one in priced}
        self.settles_in = np.array([self.settlement(one) for one in contracts])
        self.columns = tuple(self._columns_of(one.asset, ()) for one in collateral)
        self.coin_of = (*(one.underlying for one in contracts), *(one.asset for one in priced))
        self.owed = np.array([1.0 if i < 0 else self.ratios[i].owed for i in self.settles_in.tolist()])

    @cached_property
    def of_asset(self) -> tuple[list[int], ...]:
        """Which contracts settle in each asset."""
        return tuple(np.flatnonzero(self.settles_in == i).tolist() for i in range(len(self.names)))

    def prices(self, marks: Floats) -> Floats:
        """Return the price of each asset in the account's currency, (..., assets), given all columns of marks."""
        return _products(marks, self.columns)

    def settlement_prices(self, marks: Floats) -> Floats:
        """Return the price of what each contract settles in, (..., contracts)."""
        return _products(marks, [() if i < 0 else self.columns[i] for i in self.settles_in.tolist()])

    def counted(self, amounts: Floats, prices: Floats) -> Floats:
        """Return what each asset counts, (..., assets)."""
        each = [ratio.counted_unchecked(amounts[..., i], prices[..., i]) for i, ratio in enumerate(self.ratios)]
        return np.stack(each, axis=-1)

    def moving(self, slope: Floats) -> Floats:
        """Return how fast each asset's price changes along a line, as a share of it, given that of the marks.

        Raises
        ------
        ArgumentError
            Where an asset's price moves in two ways at once, or moves while what settles in it does: no straight line.
        """
        speeds = np.zeros(len(self.names))
        for i, (name, columns) in enumerate(zip(self.names, self.columns, strict=True)):
            moves = [slope[column] for column in columns if slope[column]]
            if len(moves) > 1:
                raise ArgumentError("beta", f"must be 0 for {name} itself or for what its price is in: not both move")
            speeds[i] = sum(moves)
            for row in self.of_asset[i] if moves else ():
                one = self._contracts[row]
                if slope[row] and not (one.kind == "inverse" and slope[row] == speeds[i]):
                    raise ArgumentError("beta", f"must be 0 for {name} or for {one.symbol}, which settles in it")
        return speeds

    def _columns_of(self, asset: str, seen: tuple[str, ...]) -> tuple[int, ...]:
        """Return which columns of marks make an asset's price."""
        if asset == self.currency:
            return ()
        if asset in seen:
            raise ArgumentError("quoted_in", f"must not lead back to where it began: {' in '.join((*seen, asset))}")
        rows = [row for row, one in enumerate(self._contracts) if one.underlying == asset]
        if asset in self._own:
            if rows:
                symbol = self._contracts[rows[0]].symbol
                raise ArgumentError("price", f"must be left out for {asset}, whose price {symbol} tells")
            own = len(self._contracts) + list(self._own).index(asset)
            return (own, *self._columns_of(self._own[asset].quoted_in or self.currency, (*seen, asset)))
        if not rows:
            raise ArgumentError("price", f"must be given for {asset}, which no contract here follows")
        inverse = [row for row in rows if self._contracts[row].kind == "inverse"]
        told = [row for row in rows if self._contracts[row].currency == self.currency] + inverse
        if told:
            return (told[0],)
        return (rows[0], *self._columns_of(self._contracts[rows[0]].currency, (*seen, asset)))

    def settlement(self, contract: Contract) -> int:
        """Return the number of the asset a contract settles in, -1 for the account's currency."""
        if contract.currency == self.currency:
            return -1
        if contract.currency not in self.names:
            listed = ", ".join([self.currency or "no currency", *self.names])
            raise ArgumentError(
                "collateral",
                f"must hold what {contract.symbol} settles in ({contract.currency or 'no currency'}), be it 0 of it, "
                f"not only {listed}",
            )
        if (contract.kind == "inverse") != (contract.underlying == contract.currency):
            what = "the coin it follows" if contract.kind == "inverse" else "another currency than the coin it follows"
            raise ArgumentError("contracts", f"must settle in {what}: {contract.symbol} does in {contract.currency}")
        return self.names.index(contract.currency)


def _currency_of(contracts: Sequence[Contract], currency: str, *, mixed: bool) -> str:
    """Return what an account is counted in: as it says, or what its contracts settle in."""
    if not isinstance(currency, str):
        raise ArgumentError("currency", f"must be the name of a currency, not {_checks.shown(currency)}")
    for contract in contracts:
        _checks.instance("contracts", contract, Contract)
    settled = sorted({contract.currency for contract in contracts})
    if not mixed:
        if currency and [currency] != settled:
            raise ArgumentError("currency", f"must be what the contracts settle in, {settled}, not {currency!r}")
        return settled[0] if len(settled) == 1 else ""
    if not contracts:
        raise ArgumentError("contracts", "must be one or more, not none")
    chosen = currency or (settled[0] if len(settled) == 1 else "")
    if not chosen:
        raise ArgumentError(
            "currency", f"must be named where collateral is given and contracts settle in {' and '.join(settled)!r}"
        )
    for contract in contracts:
        if contract.kind == "inverse" and contract.currency == chosen:
            raise ArgumentError(
                "currency",
                f"must be one that prices are in, such as 'USD', with {chosen} among the collateral, not {chosen!r}",
            )
    return chosen


def _products(marks: Floats, columns: Sequence[tuple[int, ...]]) -> Floats:
    """Return the products of some columns of marks, (..., products)."""
    shape = (*marks.shape[:-1], len(columns))
    result = np.ones(shape)
    for i, some in enumerate(columns):
        for column in some:
            result[..., i] *= marks[..., column]
    return result
