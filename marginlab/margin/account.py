"""What is true now: an account, and what its mode makes of every position in it.

An account is a handful of arrays, one entry a position. Every question broadcasts over
leading dimensions of the marks: one set of marks has shape (n,), a path (T, n), an
ensemble (K, T, n), for an account of n positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Bools, Floats, Integers, Numbers
from . import legs, liquidation, opening
from .collateral import Assets, Collateral
from .contracts import Columns, Contract, check_alike
from .market_move import first_failing
from .open_orders import Order, Waiting, beyond, waiting
from .rules import MODES, Convention
from .tiers import Tiers


@dataclass(frozen=True)
class Position:
    """One position and how it is backed.

    Parameters
    ----------
    contract
        What is held.
    size
        Signed: long positive, short negative.
    entry
        Average entry price.
    mode
        ``"cross"`` (backed by the wallet and the other cross positions) or ``"isolated"``
        (backed by its own margin).
    leverage
        The setting it was opened with; initial margin is notional / leverage.
    margin
        Isolated only: what is set aside now, without profit; below 0 where profit was taken out or funding paid from
        it. If left out, the initial margin at entry.
    held
        Whether it is there already: then nothing is refused of it for what could not be opened today, such as a
        leverage that its bracket allowed once.

    Examples
    --------
    >>> from marginlab import Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=125))
    >>> Position(btc, 0.5, 60_000, mode="isolated", leverage=10).margin
    3000.0
    >>> Position(btc, 0.5, 60_000, leverage=200)
    Traceback (most recent call last):
        ...
    marginlab.ArgumentError: leverage must be at most 125 at this size, not 200
    """

    contract: Contract
    size: float
    entry: float
    mode: str = "cross"
    leverage: float | None = None
    margin: float | None = None
    held: bool = field(default=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.instance("contract", self.contract, Contract)
        if _checks.single("size", self.size) == 0:
            raise ArgumentError("size", "must not be 0")
        _checks.single("entry", self.entry, _checks.positive)
        _checks.one_of("mode", self.mode, MODES)
        _checks.truth("held", self.held)
        if self.leverage is not None:
            _checks.single("leverage", self.leverage, _checks.positive)
        if self.leverage is not None and not self.held:
            _raise(opening.leverage_refusal(self.leverage, *self._limits()))
        if self.mode == "cross":
            if self.margin is not None:
                raise ArgumentError("margin", f"{opening.NO_MARGIN_IN_CROSS}, not {_checks.shown(self.margin)}")
        elif self.margin is not None:
            _checks.single("margin", self.margin)
        elif self.leverage is None:
            raise ArgumentError("margin", "must be given in isolated mode, or leverage to work it out from")
        else:
            initial = self.contract.initial_margin(self.size, self.entry, self.leverage)
            object.__setattr__(self, "margin", float(initial))

    def _limits(self) -> tuple[Numbers, Numbers, Numbers]:
        """Return what the leverage is held against: the bracket's limit, notional and maintenance at entry."""
        held = self.size, self.entry
        return (
            self.contract.leverage_limit(*held),
            self.contract.notional(*held),
            self.contract.maintenance_margin(*held),
        )


# What has one entry a position, and how that is checked.
COLUMN_CHECKS = {
    "size": _checks.numbers,
    "entry": _checks.positive,
    "margin": _checks.numbers,
    "leverage": _checks.positive_or_endless,
}


@dataclass(frozen=True, eq=False)
class Account:
    r"""A wallet and the positions it holds, as arrays with the position in the last axis.

    Made from positions by `Account.of` (a state) or `Account.open` (an order, refused where it does not fit).

    Parameters
    ----------
    wallet
        Cash behind the cross positions: realised, without unrealized profit and without the
        margins set aside for isolated positions. Shape (...), any sign.
    contracts
        One contract a position. All of one kind and one currency, unless there is collateral.
    size, entry
        Shape (..., n). A size of 0 is a closed position.
    mode
        ``"cross"`` or ``"isolated"``: one for all, or one a position.
    margin
        What is set aside for each isolated position, shape (..., n), any sign; 0 in cross.
    leverage
        Setting of each position for its initial margin; ``inf`` takes the limit of its bracket.
    convention
        How the venue counts.
    orders
        Open orders, which tie up margin and are no equity.
    collateral
        Other assets behind the cross positions, each once. Contracts may then settle in any of them, inverse ones in
        their coin, or in the account's currency.
    currency
        What the wallet is in, and what the pool is counted in; what the contracts settle in if left out.

    Notes
    -----
    With collateral, marks may have further columns, one an asset with a mark of its own, in their order; where these
    are left out it is `Collateral.price`. What is told of a position is in what it settles in; what is told of the
    pool or of the whole account, in the account's currency. A coin is one market: all that follows it, contracts and
    collateral, moves by the same factor. Dollars that inverse contracts are quoted in count as the account's currency.

    Raises
    ------
    ArgumentError
        For columns that do not hold one value a position, numbers that are not finite, prices of 0 or below, a
        margin in cross, an unknown mode, and contracts that cannot share an account.
    """

    wallet: Numbers
    contracts: Sequence[Contract]
    size: Floats
    entry: Floats
    mode: str | Sequence[str] = "cross"
    margin: Floats = 0.0  # type: ignore[assignment]  # one number for all; an array once it is checked
    leverage: Floats = np.inf  # type: ignore[assignment]
    convention: Convention = field(default_factory=Convention)
    orders: Sequence[Order] = ()
    collateral: Sequence[Collateral] = ()
    currency: str = ""
    isolated: Bools = field(init=False, repr=False)
    assets: Assets = field(init=False, repr=False)

    def __post_init__(self) -> None:
        assets, n = self._check_what_is_in_it(), len(self.contracts)
        modes = _modes(self.mode, n)
        isolated = np.array([mode == "isolated" for mode in modes])
        wallet = np.array(_checks.numbers("wallet", self.wallet))
        columns = {name: check(name, getattr(self, name)) for name, check in COLUMN_CHECKS.items()}
        _checks.one_each(n, **columns)
        held = {f"collateral in {one.asset}": np.shape(one.amount) for one in self.collateral}
        leads = {name: value.shape[:-1] for name, value in columns.items()}
        _checks.broadcastable(wallet=wallet.shape, **held, **leads)
        # Copied: nobody changes an account from outside.
        columns = {name: np.broadcast_to(value.copy(), (*value.shape[:-1], n)) for name, value in columns.items()}
        if columns["margin"][..., ~isolated].any():
            told = _checks.shown(self.margin)
            raise ArgumentError("margin", f"must be 0 for cross positions, which set none aside, not {told}")
        wallet.flags.writeable = isolated.flags.writeable = False
        set_to = {
            **columns,
            "wallet": _checks.plain(wallet),
            "mode": modes,
            "isolated": isolated,
            "currency": assets.currency,
            "assets": assets,
        }
        for name, value in set_to.items():
            object.__setattr__(self, name, value)

    def _check_what_is_in_it(self) -> Assets:
        """Refuse what cannot share an account; return its assets."""
        contracts = _checks.instances("contracts", self.contracts, Contract)
        orders = _checks.instances("orders", self.orders, Order)
        collateral = _checks.instances("collateral", self.collateral, Collateral)
        ordered = [order.contract for order in orders]
        if not collateral:
            check_alike([*contracts, *ordered])
        assets = Assets(contracts, collateral, self.currency)
        for contract in ordered:
            assets.settlement(contract)
        _checks.instance("convention", self.convention, Convention)
        if collateral and self.convention.closing_fee_at == "bankruptcy":
            raise ArgumentError("closing_fee_at", "must not be 'bankruptcy' where several assets back the pool")
        for name, value in (("contracts", contracts), ("orders", orders), ("collateral", collateral)):
            object.__setattr__(self, name, value)
        return assets

    @classmethod
    def of(
        cls,
        positions: Sequence[Position],
        *,
        wallet: ArrayLike = 0.0,
        convention: Convention | None = None,
        orders: Sequence[Order] = (),
        collateral: Sequence[Collateral] = (),
        currency: str = "",
    ) -> Account:
        """Return the account that holds these positions beside this wallet, as it stands.

        Nothing is refused for being under water: this is a state, not an order.

        Parameters
        ----------
        positions
            One or more, in contracts of one kind and currency.
        wallet
            Cash behind the cross positions, any sign; shape (...).
        convention
            How the venue counts; the default `Convention` if left out.
        orders
            Open orders.
        collateral, currency
            Other assets behind the cross positions, and what the account is counted in.

        Returns
        -------
        Account
            With one entry a position, in their order.

        Examples
        --------
        One BTC long from 60,000, backed by 4,000 USDT and 0.1 BTC that counts at 95 %. Where is it liquidated?

        >>> from marginlab import Tiers
        >>> btc = Contract("BTCUSDT", Tiers.flat(0.004), currency="USDT")
        >>> account = Account.of([Position(btc, 1, 60_000)], wallet=4_000, collateral=[Collateral("BTC", 0.1, 0.95)])
        >>> print(f"{account.liquidation_price([60_000])[0]:,.2f}")
        51,329.06
        """
        positions = _checks.instances("positions", positions, Position)
        return cls(
            wallet=_checks.numbers("wallet", wallet),
            contracts=[position.contract for position in positions],
            size=np.array([position.size for position in positions], dtype=float),
            entry=np.array([position.entry for position in positions], dtype=float),
            mode=[position.mode for position in positions],
            margin=np.array([position.margin or 0.0 for position in positions]),
            leverage=np.array([position.leverage or np.inf for position in positions]),
            convention=Convention() if convention is None else convention,
            orders=orders,
            collateral=collateral,
            currency=currency,
        )

    @classmethod
    def open(
        cls,
        positions: Sequence[Position],
        *,
        balance: float,
        convention: Convention | None = None,
        collateral: Sequence[Collateral] = (),
        currency: str = "",
    ) -> Account:
        """Return the account after opening positions at their entries out of one balance.

        Isolated margins leave the balance; what remains is the wallet, and must cover the
        initial margins of the cross positions.

        Parameters
        ----------
        positions
            One or more, in contracts of one kind and currency.
        balance
            Cash before they are opened, 0 or more.
        convention
            How the venue counts; the default `Convention` if left out.
        collateral, currency
            Other assets behind the cross positions before that, and what the account is counted in. The margin of an
            isolated position leaves what it settles in.

        Returns
        -------
        Account
            With what is left of the balance as its wallet.

        Raises
        ------
        ArgumentError
            For what a venue refuses: a position larger than its brackets allow, a margin that does not cover its
            requirement, a balance that does not cover the initial margins, and what would be liquidated at once.

        Examples
        --------
        >>> from marginlab import Tiers
        >>> btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=125))
        >>> Account.open([Position(btc, 1, 60_000, mode="isolated", leverage=10)], balance=10_000).wallet
        4000.0
        """
        cash = _checks.single("balance", balance, _checks.not_negative)
        before = cls.of(positions, wallet=cash, convention=convention, collateral=collateral, currency=currency)
        account = before._margins_taken()
        for refusal in account.order_refusals():
            _raise(refusal)
        set_aside = cash - account.wallet
        there = set_aside + account.pool_cash(account.entry) if account.collateral else cash
        needed = opening.wallet_refusal(set_aside + account.needed_to_open(), there, at_stake=np.abs(there) + cash)
        _raise(replace(needed, argument="balance"))
        _raise(account.at_once_refusal(account.entry))
        return account

    def _margins_taken(self) -> Account:
        """Return the account once its margins have left what each position settles in, where they must be."""
        after, settles = self.paid(-self.margin), self.assets.settles_in
        for row, contract in enumerate(self.contracts) if self.collateral else ():
            held, needed = self.pocket(row), self.margin[..., settles == settles[row]].sum(axis=-1)
            if ((needed > 0) & np.less(after.pocket(row), 0)).any():
                asked = f"must cover the margins set aside in it ({np.max(needed):,.10g}), not {np.min(held):,.10g}"
                if settles[row] < 0:
                    raise ArgumentError("balance", asked)
                raise ArgumentError("collateral", f"of {contract.currency} {asked}")
        return after

    def order_refusals(self) -> Iterator[opening.Refusals]:
        """Yield what a venue refuses of each position, were it ordered at its entry.

        Yields
        ------
        Refusals
            Of leverages, sizes and isolated margins, with an entry a position.
        """
        entry, tables = self.entry, [contract.tiers for contract in self.contracts]
        limit, maintenance = self._leverage_limit(entry), self.maintenance_margin(entry)
        yield opening.leverage_refusal(self.leverage, limit, self.notional(entry), maintenance)
        caps, units = np.array([one.cap for one in tables]), np.array([one.measured_in for one in tables])
        cut_off = np.array([one.cut_off for one in tables])
        yield opening.size_refusal(self.bracket_amount(entry), caps, units, cut_off)
        fee = self.closing_fee(entry)
        margins = opening.margin_refusal(
            self.margin,
            maintenance + fee,
            fee,
            self.convention,
            at_stake=self._at_stake(self.as_marks(entry)),
        )
        yield replace(margins, where=margins.where & self.isolated & (self.size != 0))

    def needed_to_open(self) -> Numbers:
        """Return what the cross positions tie up to be opened at their entries.

        Returns
        -------
        float or array
            In the contracts' currency, shape (...).

        Raises
        ------
        ArgumentError
            For a cross position with neither a leverage nor a limit in its bracket.
        """
        entry, cross = self.entry, ~self.isolated
        leverage, limit = self._leverage(entry, cross), self._leverage_limit(entry)
        fee, required = self._fee_in_initial(entry), self.requirement(entry)
        needed = opening.needed_to_open(self._charged(entry), leverage, limit, required, fee)
        needed = self._required(needed, self.as_marks(entry))
        return _checks.plain(np.where(cross, needed, 0.0).sum(axis=-1))

    def at_once_refusal(self, marks: ArrayLike) -> opening.Refusals:
        """Return which positions a venue would liquidate at once.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        Refusals
            With an entry a position.
        """
        left, needed = self.position_equity(marks), self.position_requirement(marks)
        refusal = opening.at_once_refusal(left, needed, self.convention, at_stake=self._at_stake(self.as_marks(marks)))
        return replace(refusal, where=refusal.where & (self.size != 0))

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading dimensions, () for one account and (K,) for K of them."""
        columns = (self.size, self.entry, self.margin, self.leverage)
        amounts = (np.shape(one.amount) for one in self.collateral)
        return np.broadcast_shapes(np.shape(self.wallet), *amounts, *(column.shape[:-1] for column in columns))

    def notional(self, marks: ArrayLike) -> Floats:
        """Return the value of each position at the marks.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n), 0 or more, in the contracts' currency.
        """
        return self._notional(self.as_marks(marks))

    def unrealized_pnl(self, marks: ArrayLike) -> Floats:
        """Return each position's profit or loss at the marks.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n), profit positive, loss negative.
        """
        return self._pnl(self.as_marks(marks))

    def maintenance_margin(self, marks: ArrayLike) -> Floats:
        """Return each position's maintenance margin, at the marks, or at entry where the venue freezes it there.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n).
        """
        return self._maintenance(self.as_marks(marks))

    def bracket_amount(self, marks: ArrayLike) -> Floats:
        """Return what decides the bracket of each position at the marks.

        Its notional, or its size where brackets count contracts; where the venue counts the cross legs of a market
        together, what they are together.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n), 0 or more.
        """
        return self._bracket_amount(self.as_marks(marks))

    def initial_margin(self, marks: ArrayLike) -> Floats:
        """Return notional / leverage of each position, as far as its market's legs are charged.

        At the marks, or at entry where the venue takes it there; with the closing fee where that counts in it.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n).

        Raises
        ------
        ArgumentError
            For a position with neither a leverage nor a limit in its bracket.
        """
        return self._initial_margin(marks, np.full_like(self.isolated, True))

    def closing_fee(self, marks: ArrayLike) -> Floats:
        """Return the fee for closing each position, as far as the venue counts it as required.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n).
        """
        return self._closing_fee(self.as_marks(marks))

    def requirement(self, marks: ArrayLike) -> Floats:
        """Return maintenance margin plus the closing fee where the venue counts it.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n).
        """
        return self._requirement(self.as_marks(marks))

    def equity(self, marks: ArrayLike) -> Numbers:
        """Return what the whole account is worth: wallet, margins and unrealized PnL, and collateral at its price.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        float or array
            Shape (...).
        """
        prices = self.as_marks(marks)
        held = self._worth(self.margin + self._pnl(prices), prices).sum(axis=-1)
        if self.collateral:
            held = held + (self.amounts * self.assets.prices(prices)).sum(axis=-1)
        return _checks.plain(self.wallet + held)

    def position_equity(self, marks: ArrayLike) -> Floats:
        """Return the equity each position's fate hangs on.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n): its own margin and PnL in isolated mode; in cross that of the pool, the same for all, with
            collateral as far as it counts.
        """
        return self._equity_of_unit(self.as_marks(marks))

    def position_requirement(self, marks: ArrayLike) -> Floats:
        """Return what that equity must cover.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n): its own requirement, or the pool's.
        """
        prices = self.as_marks(marks)
        return self.pooled(self._required(self._requirement(prices), prices))

    def backing(self, marks: ArrayLike, *, requirement: Numbers | None = None) -> Floats:
        """Return what stands behind each position, apart from its own PnL.

        The margin set aside in isolated mode; in cross the wallet, plus the PnL of the cross positions in other
        markets, less what those must themselves hold: the same for both sides of one market; with collateral, in the
        account's currency, what the pool would have without its market.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.
        requirement
            What each must hold: its requirement at the marks if left out; 0 as a bankruptcy price takes it.

        Returns
        -------
        array
            Shape (..., n).
        """
        prices = self.as_marks(marks)
        needed = self._requirement(prices) if requirement is None else _checks.numbers("requirement", requirement)
        _checks.broadcastable(marks=(*prices.shape[:-1], len(self.contracts)), requirement=needed.shape)
        if self.collateral:
            return np.where(self.isolated, self.margin, self._without_market(prices, needed))
        spare = self._pnl(prices) - needed
        return np.where(self.isolated, self.margin, self._cash + self.pooled(spare) - self.of_market(spare))

    def free_margin(self, marks: ArrayLike) -> Numbers:
        """Return what is left to open with, as the venue counts it: what backs new positions, less what is tied up.

        The wallet and what the cross positions have lost, or made where profit opens, less their initial margins, or
        where those are less than that their requirements, and less what open orders tie up.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        float or array
            Shape (...); negative by how much it is short, where nothing can be opened.

        Raises
        ------
        ArgumentError
            For a cross position with neither a leverage nor a limit in its bracket.
        """
        prices = self.as_marks(marks)
        tied = self._required(self._tied(prices), prices).sum(axis=-1)
        return _checks.plain(self.opening_equity(prices) - tied - self.order_margin(prices))

    def opening_equity(self, marks: ArrayLike) -> Numbers:
        """Return what backs new cross positions, as the venue counts it: the pool, with its profits where they open.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        float or array
            In the account's currency, shape (...).
        """
        prices = self.as_marks(marks)
        pnl = np.where(self.isolated, 0.0, self._pnl(prices))
        if self.collateral:
            return self._pool_equity(pnl, prices, profit=self.convention.profit_opens)
        return opening.backing(self.wallet, pnl.sum(axis=-1), self.convention)

    def order_margin(self, marks: ArrayLike) -> Numbers:
        """Return what open orders tie up beside the positions.

        Each order its initial margin at its price. Where the venue charges the larger side of a market alone, by as
        much as the larger of both, with what is held on it, comes to more than the positions tie up.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        float or array
            Shape (...), 0 or more.

        Raises
        ------
        ArgumentError
            For an order or a cross position with neither a leverage nor a limit in its bracket.
        """
        prices = self.as_marks(marks)
        if not self.collateral:
            return _checks.plain(self._waiting_margin(prices, waiting(self.orders, self.convention)))
        total = np.zeros(prices.shape[:-1])
        for currency, price in self._currencies(prices):
            orders = [order for order in self.orders if order.contract.currency == currency]
            total = total + price * self._waiting_margin(prices, waiting(orders, self.convention))
        return _checks.plain(total)

    def margin_ratio(self, marks: ArrayLike) -> Floats:
        """Return requirement / equity; liquidation is at 1.

        Each isolated position has its own; the cross positions share that of the pool.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n); ``inf`` where nothing is left.
        """
        return self._of_equity(self.position_requirement(marks), marks)

    def effective_leverage(self, marks: ArrayLike) -> Floats:
        """Return notional / equity: isolated positions alone, cross as one pool.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n); ``inf`` where nothing is left.
        """
        prices = self.as_marks(marks)
        return self._of_equity(self.pooled(self.in_unit(self._notional(prices), prices)), prices)

    def liquidatable(self, marks: ArrayLike) -> Bools:
        """Return whether each position is liquidated at the marks.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array of bool
            Shape (..., n); False once closed.
        """
        failing = self.convention.liquidates(self.position_equity(marks), self.position_requirement(marks))
        return np.asarray(failing & (self.size != 0))

    def liquidation_price(self, marks: ArrayLike | None = None, *, toward: str | None = None) -> Floats:
        """Return the price at which each position is liquidated while the other markets stand still.

        In cross that price belongs to the market: all its cross legs move together, and have one answer. With both
        sides of it held, a pool may fail below, above, or both ways. For all markets moving together, see
        :func:`marginlab.liquidation_move`.

        Parameters
        ----------
        marks
            Shape (..., n), above 0; the entries if left out.
        toward
            ``"down"`` or ``"up"``; the nearer by price if left out.

        Returns
        -------
        array
            Shape (..., n). ``nan`` where there is no such price, as in :func:`marginlab.liquidation_price`. What is
            liquidatable already is given the boundary that it has crossed.

        Raises
        ------
        ArgumentError
            For marks that differ between open legs of one market, or none where their entries do; another direction.

        Examples
        --------
        Long and short of 1 BTC from 60,000 in cross, with 5,000 behind them: nothing happens below.

        >>> from marginlab import Tiers
        >>> btc = Contract("BTCUSDT", Tiers.flat(0.005))
        >>> hedged = Account.of([Position(btc, 1, 60_000), Position(btc, -1, 60_000)], wallet=5_000)
        >>> hedged.liquidation_price([60_000, 60_000]), hedged.liquidation_price([60_000, 60_000], toward="down")
        (array([500000., 500000.]), array([nan, nan]))
        """
        prices, way = self.as_marks(self.entry if marks is None else marks), legs.way_of(toward)
        own, settings = self.convention, {}
        backing = self.margin if self.collateral else self.backing(prices)
        if own.fee_at("leverage"):
            settings["leverage"] = self._leverage(self.entry, self._pays_to_close)
        asked = partial(liquidation.liquidation_price, toward=way)
        answers = self._by_mode(asked, self.entry, backing, mark=prices, **settings)
        if self.collateral:
            return np.where(self.isolated, answers, self._of_coins(prices, way))
        for contract, rows in self._markets:
            needed = self.closing_fee(prices)[..., rows] if own.closing_fee_at in ("bankruptcy", "leverage") else 0.0
            market = self._market(contract, rows, prices, backing, fixed=needed)
            answers[..., rows] = np.where(self.size[..., rows] != 0, market.liquidation_price(way)[..., None], np.nan)
        return answers

    def bankruptcy_price(self, marks: ArrayLike | None = None, *, toward: str | None = None) -> Floats:
        """Return the price at which each position has used up all that stands behind it.

        Parameters
        ----------
        marks, toward
            As in `liquidation_price`.

        Returns
        -------
        array
            Shape (..., n), in cross the same for both sides of a market. For ``nan`` see
            :func:`marginlab.liquidation_price`.

        Raises
        ------
        ArgumentError
            As in `liquidation_price`.
        """
        prices, way = self.as_marks(self.entry if marks is None else marks), legs.way_of(toward)
        backing = self.margin if self.collateral else self.backing(prices, requirement=0.0)
        answers = self._by_mode(liquidation.bankruptcy_price, self.entry, backing)
        answers = legs.if_that_way(way, self.size, answers)
        if self.collateral:
            return np.where(self.isolated, answers, self._of_coins(prices, way, bankrupt=True))
        for contract, rows in self._markets:
            found = self._market(contract, rows, prices, backing).bankruptcy_price(way)[..., None]
            answers[..., rows] = np.where(self.size[..., rows] != 0, found, np.nan)
        return answers

    def pooled(self, column: Floats) -> Floats:
        """Return each position's own value in isolated mode, and the sum over the pool in cross, shape (..., n)."""
        return np.where(self.isolated, column, np.where(self.isolated, 0.0, column).sum(axis=-1, keepdims=True))

    def as_marks(self, marks: ArrayLike) -> Floats:
        """Return marks whose last axis is the positions'; for one position a number will do.

        A market has one mark, so that its open legs must agree; only the entries themselves may differ.
        """
        prices, n = _checks.positive("marks", marks), len(self.contracts)
        prices = prices[None] if prices.ndim == 0 and n == 1 else prices
        own = self.assets.own
        if own.size and prices.ndim and prices.shape[-1] == n:
            prices = np.concatenate([prices, np.broadcast_to(own, (*prices.shape[:-1], own.size))], axis=-1)
        if not prices.ndim or prices.shape[-1] != n + own.size:
            also = f", and may have one an asset with a mark of its own ({own.size} more)" if own.size else ""
            raise ArgumentError(
                "marks", f"must have one value a position in the last axis ({n}){also}, not shape {prices.shape}"
            )
        prices = np.ascontiguousarray(prices)  # sums come out the same whatever order they lie in
        _checks.broadcastable(marks=prices.shape, account=(*self.lead, prices.shape[-1]))
        for rows in self.rows_of.values() if marks is not self.entry else ():
            if len(rows) > 1:
                legs.one_mark(self.size[..., rows], prices[..., rows])
        return prices

    # What follows is asked with marks that `as_marks` has returned: nothing is checked again.

    def _notional(self, prices: Floats) -> Floats:
        return self.columns.notional(self.size, self._of_positions(prices))

    def _pnl(self, prices: Floats) -> Floats:
        return self.columns.unrealized_pnl(self.size, self.entry, self._of_positions(prices))

    def _maintenance(self, prices: Floats) -> Floats:
        # Sizes and prices may each be right, and what they make together be beyond all numbers.
        notional = _checks.numbers("notional", self._notional(self._taken_at(self.convention.maintenance_at, prices)))
        needed = self.in_tables(Tiers.maintenance_unchecked, notional, self.own_amount(notional))
        for contract, rows in self._markets:
            size = np.broadcast_to(self.size, needed.shape)[..., rows]
            needed[..., rows] = legs.maintenance_margin(contract, size, notional[..., rows], self.convention)
        return needed

    def _closing_fee(self, prices: Floats) -> Floats:
        convention = self.convention
        if convention.fee_at("bankruptcy"):
            backing = self.backing(prices, requirement=0.0)
            fee = np.asarray(liquidation.bankruptcy_fee(self.columns, self.size, self.entry, backing, convention))
            for contract, rows in self._markets:
                fee[..., rows] = self._market(contract, rows, prices, backing).bankruptcy_fee()
        elif convention.fee_at("leverage"):
            leverage = self._leverage(self.entry, self._pays_to_close)
            fee = liquidation.leverage_fee(self.columns, self.size, self.entry, leverage, convention)
            fee = 0 * self._of_positions(prices) + fee
        else:
            fee = convention.fee_at("liquidation") * self._notional(prices)
        return fee if convention.closing_fee_in == "both" else np.where(self.isolated, 0.0, fee)

    def _requirement(self, prices: Floats) -> Floats:
        return self._maintenance(prices) + self._closing_fee(prices)

    def _equity_of_unit(self, prices: Floats) -> Floats:
        pnl = self._pnl(prices)
        if not self.collateral:
            return np.where(self.isolated, self.margin, self._cash) + self.pooled(pnl)
        counted = self._pool_equity(np.where(self.isolated, 0.0, pnl), prices)
        return np.where(self.isolated, self.margin + pnl, counted[..., None])

    def own_amount(self, notional: Floats) -> Floats:
        """Return what decides the bracket of each position by itself.

        Parameters
        ----------
        notional
            Of shape (..., n).

        Returns
        -------
        array
            Of that shape: the sizes, where brackets count contracts.
        """
        return np.where(self._by_size, np.abs(self.size), notional) if self._by_size.any() else notional

    def _bracket_amount(self, prices: Floats) -> Floats:
        own = self.own_amount(self._notional(prices))
        amount = own.copy() if self._markets else own
        for _, rows in self._markets:
            size = np.broadcast_to(self.size, own.shape)[..., rows]
            amount[..., rows] = legs.counted(self.convention.brackets_count, size, own[..., rows])
        return amount

    def _of_equity(self, amount: Floats, marks: ArrayLike) -> Floats:
        """Return amount / equity; ``inf`` where nothing is left of it, and 0 where nothing is held."""
        equity, held = self.position_equity(marks), self.pooled(np.abs(self.size)) > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(held, np.where(equity > 0, amount / equity, np.inf), 0.0)

    def _at_stake(self, prices: Floats) -> Floats:
        """Return the money each position's fate hangs on, without signs, shape (..., n)."""
        notional = self.pooled(self.in_unit(self._notional(prices), prices))
        cash = self._cash
        if self.collateral:
            cash = np.abs(cash) + np.abs(self.amounts * self.assets.prices(prices)).sum(axis=-1, keepdims=True)
        return np.abs(np.where(self.isolated, self.margin, cash)) + notional

    @property
    def _cash(self) -> Floats:
        return np.asarray(self.wallet)[..., None]

    @property
    def amounts(self) -> Floats:
        """What is held of each asset of the collateral, shape (..., assets)."""
        return np.stack(np.broadcast_arrays(*(np.asarray(one.amount) for one in self.collateral)), axis=-1)

    def _required(self, column: Floats, marks: Floats) -> Floats:
        """Return what positions require (..., n), that of the cross ones in the account's currency, given all marks."""
        if not self.collateral:
            return column
        return np.where(self.isolated, column, self._worth(column, marks) * self.assets.owed)

    def _worth(self, column: Floats, marks: Floats) -> Floats:
        """Return money in what the positions settle in (..., n) in the account's currency, given all marks."""
        return column * self.assets.settlement_prices(marks) if self.collateral else column

    def changed(
        self, *, wallet: Numbers | None = None, collateral: Sequence[Collateral] | None = None, **columns: Floats
    ) -> Account:
        """Return the account with other numbers in it, and all else as it is, which is not gone through again.

        Parameters
        ----------
        wallet
            Of shape (...).
        collateral
            The same assets, with other amounts.
        columns
            Sizes, entries, margins and leverages by name, of shape (..., n).

        Returns
        -------
        Account
            The same positions, in the same modes.
        """
        # With what is cached: that hangs on contracts, modes and venue alone, and none of these changes.
        after = copy(self)
        set_to: dict[str, object] = {name: COLUMN_CHECKS[name](name, value) for name, value in columns.items()}
        if wallet is not None:
            set_to["wallet"] = _checks.plain(_checks.numbers("wallet", wallet))
        if collateral is not None:
            set_to["collateral"] = tuple(collateral)
        for name, value in set_to.items():
            # Nobody changes this one from outside either.
            kept = np.broadcast_to(value, value.shape) if isinstance(value, np.ndarray) else value
            object.__setattr__(after, name, kept)
        return after

    def paid(self, amounts: Floats) -> Account:
        """Return the account once so much (..., n) has come into what each position settles in.

        Parameters
        ----------
        amounts
            Below 0 where it has left.

        Returns
        -------
        Account
            With another wallet, and other amounts of collateral.
        """
        settles = self.assets.settles_in
        held = [
            one.holding(one.amount + amounts[..., settles == i].sum(axis=-1)) for i, one in enumerate(self.collateral)
        ]
        return self.changed(wallet=self.wallet + amounts[..., settles < 0].sum(axis=-1), collateral=held)

    def pocket(self, position: int | Integers) -> Numbers:
        """Return how much there is of what a position settles in, positions apart, (...).

        Parameters
        ----------
        position
            Which one; or which one each, of shape (...).

        Returns
        -------
        float or array
            The wallet, or the amount of an asset.
        """
        if not self.collateral:
            return self.wallet
        cash = np.stack(np.broadcast_arrays(self.wallet, *(one.amount for one in self.collateral)), axis=-1)
        settles = np.asarray(self.assets.settles_in[position] + 1)
        shape = np.broadcast_shapes(cash.shape[:-1], settles.shape)
        cash, settles = np.broadcast_to(cash, (*shape, cash.shape[-1])), np.broadcast_to(settles, shape)
        return _checks.plain(np.take_along_axis(cash, settles[..., None], axis=-1)[..., 0])

    def in_unit(self, column: Floats, marks: Floats) -> Floats:
        """Return money (..., n) in what each position's fate is counted in.

        Parameters
        ----------
        column
            In what each settles in.
        marks
            As `as_marks` returns them.

        Returns
        -------
        array
            Shape (..., n): of cross positions in the account's currency.
        """
        return np.where(self.isolated, column, self._worth(column, marks)) if self.collateral else column

    def _of_positions(self, column: Floats) -> Floats:
        """Return a column without what assets with a mark of their own add to it."""
        return column[..., : len(self.contracts)]

    def _pool_equity(self, pnl: Floats, marks: Floats, *, profit: bool = True) -> Floats:
        """Return what the pool counts for, (...), given the PnL of its positions (..., n), profit counted or not."""
        per_asset = [pnl[..., rows].sum(axis=-1) for rows in self.assets.of_asset]
        own = pnl[..., self.assets.settles_in < 0].sum(axis=-1)
        gained = np.stack(np.broadcast_arrays(*per_asset), axis=-1)
        if not profit:
            gained, own = np.minimum(gained, 0.0), np.minimum(own, 0.0)
        amounts, prices = np.broadcast_arrays(self.amounts + gained, self.assets.prices(marks))
        return np.asarray(self.wallet + own + self.assets.counted(amounts, prices).sum(axis=-1))

    def pool_cash(self, marks: ArrayLike) -> Numbers:
        """Return what the wallet and the collateral count for, positions apart.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        float or array
            In the account's currency, shape (...).
        """
        prices = self.as_marks(marks)
        if not self.collateral:
            return self.wallet
        return _checks.plain(self._pool_equity(np.zeros(len(self.contracts)), prices))

    def _without_market(self, marks: Floats, needed: Numbers) -> Floats:
        """Return what the pool would have to spare without each position's market, (..., n)."""
        pnl = np.where(self.isolated, 0.0, self._pnl(marks))
        required = self._required(np.where(self.isolated, 0.0, needed + 0 * pnl), marks)
        spare = np.empty(np.broadcast_shapes(pnl.shape, (*self.lead, pnl.shape[-1])))
        for rows in self.rows_of.values():
            others = np.ones(len(self.contracts), dtype=bool)
            others[rows] = False
            left = self._pool_equity(np.where(others, pnl, 0.0), marks) - np.where(others, required, 0.0).sum(axis=-1)
            spare[..., rows] = left[..., None]
        return spare

    def spare(
        self, marks: Floats, *, maintenance_at: Floats | None = None, bankrupt: bool = False, own: bool = False
    ) -> Floats:
        """Return equity less requirement of what each position hangs on, (..., n), given all marks.

        Parameters
        ----------
        marks
            As `as_marks` returns them.
        maintenance_at
            Where the maintenance margin is taken, if not there.
        bankrupt
            Whether nothing is required.
        own
            Whether that of an isolated position is told in what it settles in, and not in the account's currency.

        Returns
        -------
        array
            Shape (..., n), the same for all of the pool.
        """
        left = self._equity_of_unit(marks)
        if not bankrupt:
            at = marks if maintenance_at is None else maintenance_at
            needed = self._maintenance(at) + self._closing_fee(marks)
            left = np.asarray(left - self.pooled(self._required(needed, marks)))
        if own:
            return left
        # In the account's currency what an isolated inverse position has is straight along a line of prices too.
        return np.where(self.isolated, self._worth(left, marks), left)

    def beside_pieces(self) -> Account:
        """Return the account with an axis for pieces of a line before that of the positions.

        Returns
        -------
        Account
            Whose leading dimensions end with one of length 1.
        """
        columns = {name: getattr(self, name)[..., None, :] for name in COLUMN_CHECKS}
        held = [one.holding(np.asarray(one.amount)[..., None]) for one in self.collateral]
        return self.changed(wallet=np.asarray(self.wallet)[..., None], collateral=held, **columns)

    def _of_coins(self, marks: Floats, way: str | None, *, bankrupt: bool = False) -> Floats:
        """Return where the pool fails, or is bankrupt, as all that follows each position's coin moves, (..., n)."""
        found = np.full((*np.broadcast_shapes(marks.shape[:-1], self.lead), len(self.contracts)), np.nan)
        failing = self.spare(marks, bankrupt=bankrupt) <= 0
        for rows in self.moving_together:
            held = [row for row in rows if row < found.shape[-1] and not self.isolated[row]]
            if not held:
                continue
            line, coin = np.zeros(marks.shape[-1]), self.assets.coin_of[rows[0]]
            line[[column for column, name in enumerate(self.assets.coin_of) if name == coin]] = 1.0
            ask = partial(first_failing, self, marks, bankrupt=bankrupt)
            down, up = 1 - ask(-line), 1 + ask(line)
            if failing[..., held].any():
                # What fails already is given the boundary that it has crossed.
                above, below = 1 + ask(line, recovers=True), 1 - ask(-line, recovers=True)
                down, up = np.where(failing, above, down), np.where(failing, below, up)
            down, up = (np.where((part > 0) & (part < np.inf), part, np.nan)[..., held] for part in (down, up))
            nearer = np.isnan(up) | (np.abs(down - 1) <= np.abs(up - 1))
            chosen = {"down": down, "up": up}.get(way or "", np.where(nearer, down, up))
            found[..., held] = np.where(self.size[..., held] != 0, chosen * marks[..., held], np.nan)
        return found

    @cached_property
    def moving_together(self) -> list[list[int]]:
        """Which columns of marks go together, the legs of one market; with collateral all that follows one coin."""
        if not self.collateral:
            return list(self.rows_of.values())
        columns: dict[str, list[int]] = {}
        for column, coin in enumerate(self.assets.coin_of):
            columns.setdefault(coin, []).append(column)
        return list(columns.values())

    def _waiting_margin(self, prices: Floats, wait: Waiting) -> Floats:
        """Return what orders in one currency tie up, in that currency."""
        more = np.zeros(prices.shape[:-1])
        if wait.sides:
            tied, each = self._tied(prices), self._initial_of_each(prices)
        for contract, (bought, sold) in wait.sides.items():
            rows = [row for row in self.rows_of.get(contract, []) if not self.isolated[row]]
            own, side = each[..., rows], self.size[..., rows]
            long, short = (np.where(way, own, 0.0).sum(axis=-1) for way in (side > 0, side < 0))
            more = more + beyond(long, short, tied[..., rows].sum(axis=-1), bought, sold)
        return np.asarray(wait.apart + more)

    def _currencies(self, marks: Floats) -> Iterator[tuple[str, Numbers]]:
        """Yield what contracts may settle in, and at which price in the account's currency it is required."""
        yield self.currency, 1.0
        prices = self.assets.prices(marks)
        for i, (name, ratio) in enumerate(zip(self.assets.names, self.assets.ratios, strict=True)):
            yield name, prices[..., i] * ratio.owed

    def _tied(self, prices: Floats) -> Floats:
        """Return what each cross position ties up, shape (..., n): initial margin, and at least its requirement."""
        cross = ~self.isolated
        tied = np.maximum(self._initial_margin(prices, cross), self._requirement(prices))
        return np.where(cross & (self.size != 0), tied, 0.0)

    def _initial_of_each(self, prices: Floats) -> Floats:
        """Return the initial margin that each leg would have were it charged whole, by its own bracket, (..., n)."""
        limit = self.in_tables(Tiers.limit_unchecked, self.own_amount(self._notional(prices)))
        value = self._notional(self._taken_at(self.convention.initial_at, prices))
        return value / np.minimum(self.leverage, limit) + self._fee_in_initial(prices)

    def _initial_margin(self, marks: ArrayLike, asked: Bools) -> Floats:
        """Return initial margins; only the positions asked for must have a leverage or a limit."""
        prices = self.as_marks(marks)
        at = self._taken_at(self.convention.initial_at, prices)
        return self._charged(at) / self._leverage(prices, asked) + self._fee_in_initial(prices)

    def _taken_at(self, where: str, prices: Floats) -> Floats:
        """Return the prices at which a margin is taken: the entries where the venue freezes it there."""
        return self.entry + 0 * self._of_positions(prices) if where == "entry" else prices

    def _fee_in_initial(self, prices: Floats) -> Numbers:
        """Return the closing fee that counts in the initial margin."""
        return self._closing_fee(prices) if self.convention.fee_in_initial else 0.0

    def _charged(self, prices: Floats) -> Floats:
        """Return the notional that each position is charged on, shape (..., n)."""
        notional = self._notional(prices)
        for _, rows in self._markets:
            size = np.broadcast_to(self.size, notional.shape)[..., rows]
            notional[..., rows] = legs.charged(self.convention.charged, size, notional[..., rows])
        return notional

    def _leverage_limit(self, prices: Floats) -> Floats:
        """Return the highest leverage of each position's bracket, shape (..., n)."""
        return self.in_tables(Tiers.limit_unchecked, _checks.numbers("amount", self._bracket_amount(prices)))

    def _leverage(self, prices: Floats, asked: Bools) -> Floats:
        """Return the leverage set, at most the bracket's limit."""
        leverage = np.minimum(self.leverage, self._leverage_limit(prices))
        if (np.isinf(leverage) & asked & (self.size != 0)).any():
            raise ArgumentError(
                "leverage", "must be given where the brackets set no limit, to work out an initial margin"
            )
        return leverage

    def in_tables(self, question: Callable[..., Floats], *columns: Floats) -> Floats:
        """Return the answers (..., n) to ``question(tiers, *columns)``, asked of each table once for all its positions.

        Parameters
        ----------
        question
            One that checks nothing.
        columns
            Of shape (..., n).

        Returns
        -------
        array
            Of that shape.
        """
        answers = np.empty(columns[0].shape)
        for tiers, rows in self._tables:
            answers[..., rows] = question(tiers, *(column[..., rows] for column in columns))
        return answers

    @cached_property
    def _tables(self) -> list[tuple[Tiers, slice | list[int]]]:
        """The tables, and the positions of each: a slice where that will do, which copies nothing."""
        rows: dict[Tiers, list[int]] = {}
        for i, contract in enumerate(self.contracts):
            rows.setdefault(contract.tiers, []).append(i)
        together = {one[0]: slice(one[0], one[-1] + 1) for one in rows.values() if one[-1] - one[0] == len(one) - 1}
        return [(tiers, together.get(one[0], one)) for tiers, one in rows.items()]

    @cached_property
    def columns(self) -> Columns:
        """What its contracts are, in columns."""
        return Columns(self.contracts)

    @cached_property
    def _by_size(self) -> Bools:
        """Whose brackets count contracts."""
        return np.array([contract.tiers.measured_in == "contracts" for contract in self.contracts])

    def _each(self, question: Callable[..., Numbers], *columns: Floats, **named: Floats | Convention) -> Floats:
        """Ask ``question(contract, size, *columns, **named)`` of each contract once, for all its positions."""
        columns = tuple(map(self._of_positions, columns))
        named = {k: self._of_positions(v) if isinstance(v, np.ndarray) else v for k, v in named.items()}
        values = np.broadcast_arrays(self.size, *columns, *(v for v in named.values() if isinstance(v, np.ndarray)))
        answers = np.empty(values[0].shape)
        for contract, rows in self.rows_of.items():
            own = {k: v[..., rows] if isinstance(v, np.ndarray) else v for k, v in named.items()}
            answers[..., rows] = question(contract, *(v[..., rows] for v in (self.size, *columns)), **own)
        return answers

    def of_market(self, column: Floats) -> Floats:
        """Return each position's own value, and for the cross legs of one market their sum, shape (..., n)."""
        if not self._markets:
            return column
        together = column.copy()
        for _, rows in self._markets:
            together[..., rows] = column[..., rows].sum(axis=-1, keepdims=True)
        return together

    def _market(
        self, contract: Contract, rows: list[int], prices: Floats, backing: Floats, fixed: Numbers = 0.0
    ) -> legs.Market:
        """Return the cross legs of a contract, with `backing` behind them and `fixed` to be held whatever happens."""
        columns = np.broadcast_arrays(self.size, self.entry, self._of_positions(prices), backing)
        size, entry, marks, behind = (column[..., rows] for column in columns)
        held = np.broadcast_to(fixed, size.shape).sum(axis=-1)
        return legs.Market(contract, size, entry, behind[..., 0] - held, legs.one_mark(size, marks), self.convention)

    @cached_property
    def _pays_to_close(self) -> Bools:
        """Whose closing fee counts."""
        return np.asarray(~self.isolated | (self.convention.closing_fee_in == "both"))

    @cached_property
    def _markets(self) -> list[tuple[Contract, list[int]]]:
        """Contracts with more than one cross leg, which stand and fall together, and the rows of those."""
        cross = [(contract, [i for i in rows if not self.isolated[i]]) for contract, rows in self.rows_of.items()]
        return [(contract, rows) for contract, rows in cross if len(rows) > 1]

    def _by_mode(self, question: Callable[..., Numbers], *columns: Floats, **named: Floats) -> Floats:
        """Ask as `_each` does, of each position by the convention as it meets its mode."""
        own = self.convention
        answers = self._each(question, *columns, convention=own, **named)
        if own.closing_fee_in == "both":
            return answers
        return np.where(self.isolated, self._each(question, *columns, convention=own.of_isolated, **named), answers)

    @cached_property
    def rows_of(self) -> dict[Contract, list[int]]:
        """Which positions are in each contract."""
        rows: dict[Contract, list[int]] = {}
        for i, contract in enumerate(self.contracts):
            rows.setdefault(contract, []).append(i)
        return rows


def _modes(given: object, n: int) -> tuple[str, ...]:
    """Return the mode of each of n positions: one for all, or one each."""
    one = isinstance(given, str) or not isinstance(given, Iterable)
    modes: tuple[object, ...] = (given,) * n if one else _checks.instances("mode", given, str)
    if len(modes) != n:
        raise ArgumentError("mode", f"must be one, or one a contract ({n}), not {len(modes)}")
    return tuple(_checks.one_of("mode", mode, MODES) for mode in modes)


def _raise(refusal: opening.Refusals) -> None:
    """Raise for the first entry that is refused, if any is."""
    if refusal.where.any():
        raise ArgumentError(refusal.argument, refusal.reason())
