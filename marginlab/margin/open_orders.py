"""Open orders: what they tie up before they are filled. They are no equity, and nothing fails for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import _checks
from .._checks import ArgumentError
from .._typing import Numbers
from . import liquidation, opening
from .contracts import Contract
from .rules import MODES, Convention


@dataclass(frozen=True)
class Order:
    """An order that waits to be filled.

    Parameters
    ----------
    contract
        What is to be bought or sold.
    size
        Signed: a purchase positive, a sale negative.
    price
        At which it waits.
    mode
        ``"cross"``, or ``"isolated"`` if what it opens is to have a margin of its own.
    leverage
        The setting it was placed with; ``None`` takes the limit of the bracket.
    reduce_only
        Whether it can only close what is held: then it ties up nothing.

    Examples
    --------
    What does a bid for 0.5 BTC at 58,000 and 10x tie up?

    >>> from marginlab import Account, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=125))
    >>> bid = Order(btc, 0.5, 58_000, leverage=10)
    >>> Account.of([Position(btc, 0.5, 60_000, leverage=10)], wallet=10_000, orders=[bid]).order_margin([60_000])
    2900.0
    """

    contract: Contract
    size: float
    price: float
    mode: str = "cross"
    leverage: float | None = None
    reduce_only: bool = False

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.instance("contract", self.contract, Contract)
        if _checks.single("size", self.size) == 0:
            raise ArgumentError("size", "must not be 0")
        _checks.single("price", self.price, _checks.positive)
        _checks.one_of("mode", self.mode, MODES)
        if self.leverage is not None:
            _checks.single("leverage", self.leverage, _checks.positive)
        _checks.truth("reduce_only", self.reduce_only)

    def margin(self, convention: Convention) -> float:
        """Return what it ties up of its own: its initial margin at its price, and at least what it would require.

        Parameters
        ----------
        convention
            How the venue counts.

        Returns
        -------
        float
            In the contract's currency; 0 for one that can only reduce.

        Raises
        ------
        ArgumentError
            Where it has no leverage, and its bracket no limit.
        """
        _checks.instance("convention", convention, Convention)
        if self.reduce_only:
            return 0.0
        counts = convention.of_isolated if self.mode == "isolated" else convention
        held = self.size, self.price
        limit = float(self.contract.leverage_limit(*held))
        leverage = min(self.leverage or limit, limit)
        if leverage == float("inf"):
            raise ArgumentError("leverage", "must be given for an order where the brackets set no limit")
        value = float(self.contract.notional(*held))
        size, price, times = _checks.numbers("size", held[0]), _checks.numbers("price", held[1]), leverage
        fee = float(liquidation.leverage_fee(self.contract, size, price, _checks.numbers("leverage", times), counts))
        fee += counts.fee_at("liquidation") * value
        required = float(self.contract.maintenance_margin(*held)) + fee
        return float(opening.needed_to_open(value, leverage, limit, required, fee if counts.fee_in_initial else 0.0))


@dataclass(frozen=True)
class Waiting:
    """What the orders of an account tie up: each of its own, or by the larger side of a market.

    Attributes
    ----------
    apart
        What is tied up whatever is held.
    sides
        By contract what purchases and what sales would tie up, where the venue charges the larger side of positions
        and orders together.
    """

    apart: float
    sides: dict[Contract, tuple[float, float]]


def beyond(long: Numbers, short: Numbers, tied: Numbers, bought: float, sold: float) -> Numbers:
    """Return what the larger side of a market, with its orders, ties up beyond what its positions do.

    Parameters
    ----------
    long, short
        Initial margins of what is held on either side, each leg's own.
    tied
        What these positions tie up.
    bought, sold
        What the purchases and the sales would.

    Returns
    -------
    float or array
        0 or more.
    """
    return np.maximum(np.maximum(long + bought, short + sold) - tied, 0.0)


def waiting(orders: Sequence[Order], convention: Convention) -> Waiting:
    """Return what orders tie up, sorted by how the venue counts them.

    Parameters
    ----------
    orders
        Of one account.
    convention
        How it counts: in cross ``orders_tie``; an isolated order always ties up its own.

    Returns
    -------
    Waiting
        In the contracts' currency.

    Raises
    ------
    ArgumentError
        For an order without a leverage whose bracket has no limit.
    """
    apart, sides = 0.0, dict[Contract, tuple[float, float]]()
    for order in orders:
        needed = order.margin(convention)
        if order.mode == "isolated" or convention.orders_tie == "both":
            apart += needed
        else:
            bought, sold = sides.get(order.contract, (0.0, 0.0))
            sides[order.contract] = (bought + needed, sold) if order.size > 0 else (bought, sold + needed)
    return Waiting(apart, sides)
