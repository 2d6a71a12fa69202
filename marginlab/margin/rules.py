"""What a venue does, as data: how it counts (`Convention`), and how it liquidates, charges and switches (`Rules`).

What *triggers* a liquidation belongs to how a venue counts: the maintenance margin, a closing fee beside it,
and whether equality is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Bools, Numbers

MODES = ("cross", "isolated")
MAINTENANCE_AT = ("liquidation", "entry", "mark")
CLOSING_FEE_AT = ("none", "liquidation", "bankruptcy", "leverage", "margin")
CLOSING_FEE_IN = ("both", "cross")
BRACKETS_COUNT = ("leg", "net", "larger", "both")
CHARGED = ("each", "net", "larger")
INITIAL_AT = ("mark", "entry")
ORDERS_TIE = ("both", "larger")
CLOSE = ("takeover", "market")
PARTS = ("whole", "share", "bracket", "restore")
CLOSING_ORDERS = ("largest loss", "random", "all at once", "as given")
ISOLATED_FUNDING = ("margin", "wallet")
SWITCHING = ("open", "flat", "account", "order")
WITHDRAWAL = ("initial", "maintenance", "zero", "profit", "none")
LEVERAGE_CHANGE = ("any", "raise", "none")
CONVERSION_ORDERS = ("proportional", "lowest haircut", "as given")
# What is closed a round, at least: a position is gone after a thousand of them.
LEAST_SHARE = 0.001


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
        includes it too. ``"leverage"``: on the notional at the bankruptcy price that the leverage implies,
        whatever stands behind the position. ``"margin"``: already inside the margin that was set aside.
    closing_fee_in
        ``"both"`` modes, or ``"cross"`` alone, where an isolated margin contains the fee and it cancels.
    at_equality
        Whether equity exactly equal to the requirement is liquidated.
    brackets_count
        What decides the bracket of a market's cross legs: each ``"leg"`` by its own notional, the ``"net"`` of long
        and short, the ``"larger"`` of the two, or ``"both"`` added up. An isolated leg stands for itself.
    charged
        What of a market's cross legs margin is charged on: ``"each"`` leg, the ``"net"``, or the ``"larger"``
        side alone.
    initial_at
        Where the initial margin of what is open is taken: at the ``"mark"`` or at its ``"entry"``.
    fee_in_initial
        Whether the initial margin of a cross position holds the closing fee as well.
    profit_opens
        Whether unrealized profit of cross positions backs new ones. Profit of an isolated position backs nothing else,
        and what leaves the wallet must be in it.
    orders_tie
        What open cross orders tie up: each of ``"both"`` sides its own, or of a market the ``"larger"`` side alone,
        what is held on it counted in.

    Examples
    --------
    >>> Convention(maintenance_at="noon")
    Traceback (most recent call last):
        ...
    marginlab.ArgumentError: maintenance_at must be one of 'liquidation', 'entry', 'mark', not 'noon'
    """

    maintenance_at: str = "liquidation"
    closing_fee: float = 0.0
    closing_fee_at: str = "none"
    at_equality: bool = True
    closing_fee_in: str = "both"
    brackets_count: str = "leg"
    charged: str = "each"
    initial_at: str = "mark"
    fee_in_initial: bool = False
    profit_opens: bool = True
    orders_tie: str = "both"

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.one_of("maintenance_at", self.maintenance_at, MAINTENANCE_AT)
        _checks.one_of("closing_fee_at", self.closing_fee_at, CLOSING_FEE_AT)
        _checks.one_of("closing_fee_in", self.closing_fee_in, CLOSING_FEE_IN)
        _checks.one_of("brackets_count", self.brackets_count, BRACKETS_COUNT)
        _checks.one_of("charged", self.charged, CHARGED)
        _checks.one_of("initial_at", self.initial_at, INITIAL_AT)
        _checks.truth("fee_in_initial", self.fee_in_initial)
        _checks.truth("profit_opens", self.profit_opens)
        _checks.one_of("orders_tie", self.orders_tie, ORDERS_TIE)
        if _checks.single("closing_fee", self.closing_fee, _checks.not_negative) >= 0.5:
            raise ArgumentError("closing_fee", f"must be a fraction below 0.5, not {shown(self.closing_fee)}")
        _checks.truth("at_equality", self.at_equality)

    @property
    def of_isolated(self) -> Convention:
        """The same as an isolated position meets it, without a closing fee where that counts in cross alone."""
        return self if self.closing_fee_in == "both" else replace(self, closing_fee_at="none", closing_fee_in="both")

    def fee_at(self, price: str) -> float:
        """Return the closing fee that is counted at a price.

        Parameters
        ----------
        price
            One of those of `closing_fee_at`.

        Returns
        -------
        float
            A fraction of notional; 0 where it is not counted there.
        """
        return self.closing_fee if self.closing_fee_at == _checks.one_of("price", price, CLOSING_FEE_AT) else 0.0

    def liquidates(self, equity: Numbers, requirement: Numbers) -> Bools:
        """Return whether equity is too little for the requirement.

        Parameters
        ----------
        equity, requirement
            In one currency, of shapes that broadcast.

        Returns
        -------
        array of bool
            Their common shape.
        """
        there, needed = np.asarray(equity), np.asarray(requirement)
        return np.asarray(there <= needed if self.at_equality else there < needed)


@dataclass(frozen=True)
class Conversion:
    """What a venue sells of the collateral where money is owed in one currency or another.

    When a pool is closed by force, that is done whatever is stated here, so that what the collateral is worth is
    lost before anybody else bears a loss.

    Parameters
    ----------
    above
        How much may be owed in one currency, in that of the account, before the venue converts by itself; ``inf``
        for any amount. Then all that is owed there is paid, as far as the collateral goes.
    with_losses
        Whether unrealized losses are owed too.
    order
        What is sold: of everything held the same part of its value, ``"proportional"``; what counts most of its
        value first, ``"lowest haircut"``; or one after the other ``"as given"``. What is held of the account's
        currency comes first.
    fee
        Which share of what is sold is lost.
    fees
        The same of some assets, by name.

    Examples
    --------
    >>> Conversion(above=10_000, fee=0.005, fees={"USDT": 0.0005}).fee_of("USDT")
    0.0005
    >>> Conversion(order="by name")
    Traceback (most recent call last):
        ...
    marginlab.ArgumentError: order must be one of 'proportional', 'lowest haircut', 'as given', not 'by name'
    """

    above: float = np.inf
    with_losses: bool = False
    order: str = "lowest haircut"
    fee: float = 0.0
    fees: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _checks.between("above", self.above, 0, np.inf)
        _checks.truth("with_losses", self.with_losses)
        _checks.one_of("order", self.order, CONVERSION_ORDERS)
        _checks.between("fee", self.fee, 0, 1, open_above=True)
        if not isinstance(self.fees, Mapping):
            raise ArgumentError("fees", f"must be a mapping from assets to numbers, not {_checks.shown(self.fees)}")
        for name, fee in self.fees.items():
            if not isinstance(name, str):
                raise ArgumentError("fees", f"must be by the name of an asset, not {_checks.shown(name)}")
            _checks.between("fees", fee, 0, 1, open_above=True)
        object.__setattr__(self, "fees", dict(self.fees))

    def __hash__(self) -> int:
        return hash((self.above, self.with_losses, self.order, self.fee, *sorted(self.fees.items())))

    def fee_of(self, asset: str) -> float:
        """Return which share is lost of what is sold of an asset.

        Parameters
        ----------
        asset
            Its name.

        Returns
        -------
        float
            That of its name, or of all.
        """
        return float(self.fees.get(_checks.words("asset", asset), self.fee))


@dataclass(frozen=True)
class Rules:
    r"""How a venue liquidates, charges, and lets modes be switched.

    An isolated position is liquidated alone, the cross positions as one pool. While it fails,
    one closing follows another, and everything is worked out anew after each.

    Parameters
    ----------
    close
        How a position is closed as a whole. ``"takeover"``: the venue takes it over at the
        bankruptcy price, so the trader forfeits what is left of the margin; the insurance fund
        keeps it or pays what is missing. In cross that means the pool: all of its positions,
        the wallet and all collateral. ``"market"``: it is closed in the market, and the trader keeps what is left.
    part
        What is tried first, in the market. ``"whole"``: nothing. ``"share"``: `share` of the size
        held when this liquidation began, again and again. ``"bracket"``: down by `brackets`
        maintenance brackets. ``"restore"``: just so much that equity covers the requirement, impact
        left out. A position for which this would close everything is closed as a whole. The last two are
        refused where a maintenance rate grows without steps.
    share, share_above
        For ``"share"``: the fraction a round, at least a thousandth, and the notional up to which a position is not
        worth closing in parts.
    brackets
        For ``"bracket"``: how many brackets down a round goes.
    restore_to
        For ``"restore"``: the multiple of the requirement that equity is brought back to.
    rounds
        Most market closings of one position or pool in one step; ``None`` for no limit.
    order
        In cross, which position goes first: the one with the ``"largest loss"`` (BingX documents it); one drawn at
        ``"random"``, anew in each step (dYdX's is pseudo-random); or ``"as given"``. ``"all at once"``: all of
        them as a whole, one after the other at the same marks, without looking again (BitMEX). Most venues
        document none: then draw at random, and look at the spread.
    net_first
        Whether, when the pool fails, its long and short of one contract are closed against each other before
        anything else, as far as they overlap (BingX, MEXC, OKX, Bitget, HTX): at the mark, and as no order reaches
        the market, without impact. No fee for it is documented, so none is charged.
    takeover_below
        Equity at or below this share of the requirement is taken over even where `close` says market,
        and forfeited. At 0 or below a position is taken over in any case; with
        collateral, where nothing would be left if all of it were sold.
    liquidation_fee, fund_share
        Fee on notional closed by force, a fraction of it, never more than is left; and the share of
        the fee that goes to the insurance fund rather than to the venue.
    fund
        What the insurance fund holds at the start, for each path its own; ``inf`` for a bottomless one. What
        an empty one cannot pay is borne by others, by ADL or socialised, and recorded as uncovered. What
        others' liquidations do to this account is an event: :class:`~marginlab.Deleverage`.
    depth
        Notional that the order book takes within 1 % of the mark, on one side; one number or one
        a position. Selling *X* into a book of even depth *D* fills at :math:`X / (200 D)`
        below the mark on average, at most half of it. ``inf`` for no impact.
    isolated_funding
        Where an isolated position's funding is paid from: its ``"margin"``, or the ``"wallet"`` as
        far as that goes.
    trading_fee
        Fee on what the trader opens and closes, a fraction of notional.
    switching
        When the mode may be changed. ``"open"``: at any time. ``"flat"``: only without a position.
        ``"account"``: for the whole account at once. ``"order"``: chosen with each order, so a
        position keeps the mode it was opened with.
    flat_liquidation_fee
        Money charged for each closing by force, beside the fee on notional, and like it never more than is left.
    withdrawal
        What must stay when margin is taken out of an open isolated position. ``"initial"``: the initial margin at
        the mark, losses deducted and profits not counted. With the other words profits count towards the initial
        margin: ``"maintenance"``: the margin itself must hold the maintenance margin besides. ``"zero"``: it
        may go down to 0. ``"profit"``: below 0, so that profit is taken out. ``"none"``: nothing may be taken out.
    withdrawal_leaves
        The least that must stay, a share of notional, where that is more than the initial margin.
    leverage_in_cross, leverage_in_isolated
        How the leverage of an open position may be changed: ``"any"``, ``"raise"`` it only, or ``"none"``.
    conversion
        What is sold of collateral, and when. Where there is collateral, all money here is in the account's currency.

    Examples
    --------
    >>> Rules(part="restore", close="market", liquidation_fee=0.01).fund
    inf
    >>> Rules(close="gently")
    Traceback (most recent call last):
        ...
    marginlab.ArgumentError: close must be one of 'takeover', 'market', not 'gently'
    """

    close: str = "takeover"
    part: str = "whole"
    share: float = 0.25
    share_above: float = 0.0
    brackets: int = 1
    restore_to: float = 1.0
    rounds: int | None = None
    order: str = "largest loss"
    net_first: bool = False
    takeover_below: float = 0.0
    liquidation_fee: float = 0.0
    fund_share: float = 0.0
    fund: float = np.inf
    depth: float | Sequence[float] = np.inf
    isolated_funding: str = "margin"
    trading_fee: float = 0.0
    switching: str = "flat"
    flat_liquidation_fee: float = 0.0
    withdrawal: str = "initial"
    withdrawal_leaves: float = 0.0
    leverage_in_cross: str = "any"
    leverage_in_isolated: str = "any"
    conversion: Conversion = Conversion()

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.instance("conversion", self.conversion, Conversion)
        for name, allowed in (
            ("close", CLOSE),
            ("part", PARTS),
            ("order", CLOSING_ORDERS),
            ("isolated_funding", ISOLATED_FUNDING),
            ("switching", SWITCHING),
            ("withdrawal", WITHDRAWAL),
            ("leverage_in_cross", LEVERAGE_CHANGE),
            ("leverage_in_isolated", LEVERAGE_CHANGE),
        ):
            _checks.one_of(name, getattr(self, name), allowed)
        for name in ("liquidation_fee", "trading_fee"):
            _checks.between(name, getattr(self, name), 0, 0.5, open_above=True)
        for name in ("fund_share", "takeover_below", "withdrawal_leaves"):
            _checks.between(name, getattr(self, name), 0, 1)
        _checks.between("share", self.share, 0, 1, open_below=True)
        if self.part == "share":
            _checks.between("share", self.share, LEAST_SHARE, 1)
        _checks.between("restore_to", self.restore_to, 1, np.inf, open_above=True)
        for name in ("share_above", "flat_liquidation_fee"):
            _checks.single(name, getattr(self, name), _checks.not_negative)
        _checks.count("brackets", self.brackets)
        if self.rounds is not None:
            _checks.count("rounds", self.rounds)
        _checks.truth("net_first", self.net_first)
        _checks.between("fund", self.fund, 0, np.inf)
        depth = _checks.positive_or_endless("depth", self.depth)
        if depth.ndim > 1 or not depth.size:
            raise ArgumentError("depth", f"must be one number or one a position, not of shape {depth.shape}")
        object.__setattr__(self, "depth", tuple(depth.tolist()) if depth.ndim else float(depth))
