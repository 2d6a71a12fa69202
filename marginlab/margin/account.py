"""What is true now: an account, and what its mode makes of every position in it.

An account is a handful of arrays, one entry a position. Every question broadcasts over
leading dimensions of the marks: one set of marks has shape (n,), a path (T, n), an
ensemble (K, T, n), for an account of n positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Bools, Floats, Numbers
from . import legs, liquidation, opening
from .contracts import Contract, check_alike
from .open_orders import Order, beyond, waiting
from .rules import MODES, Convention


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
                raise ArgumentError("margin", f"{opening.NO_MARGIN_IN_CROSS}, not {self.margin!r}")
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
        One contract a position. All of one kind and one currency.
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
    isolated: Bools = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.orders, Iterable):
            raise ArgumentError("orders", f"must be a sequence of orders, not {self.orders!r}")
        contracts, orders = tuple(self.contracts), tuple(self.orders)
        for order in orders:
            _checks.instance("orders", order, Order)
        check_alike([*contracts, *(order.contract for order in orders)])
        _checks.instance("convention", self.convention, Convention)
        n, named = len(contracts), isinstance(self.mode, str) or not isinstance(self.mode, Iterable)
        modes = (self.mode,) * n if named else tuple(self.mode)
        if len(modes) != n:
            raise ArgumentError("mode", f"must be one, or one a contract ({n}), not {len(modes)}")
        isolated = np.array([_checks.one_of("mode", mode, MODES) == "isolated" for mode in modes])
        wallet = np.array(_checks.numbers("wallet", self.wallet))
        columns = {
            "size": _checks.numbers("size", self.size),
            "entry": _checks.positive("entry", self.entry),
            "margin": _checks.numbers("margin", self.margin),
            "leverage": _checks.positive_or_endless("leverage", self.leverage),
        }
        _checks.one_each(n, **columns)
        _checks.broadcastable(wallet=wallet.shape, **{name: value.shape[:-1] for name, value in columns.items()})
        # Copied: nobody changes an account from outside.
        columns = {name: np.broadcast_to(value.copy(), (*value.shape[:-1], n)) for name, value in columns.items()}
        if columns["margin"][..., ~isolated].any():
            raise ArgumentError("margin", f"must be 0 for cross positions, which set none aside, not {self.margin!r}")
        set_to = {
            **columns,
            "wallet": _checks.plain(wallet),
            "contracts": contracts,
            "orders": orders,
            "mode": modes,
            "isolated": isolated,
        }
        for name, value in set_to.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls,
        positions: Sequence[Position],
        *,
        wallet: ArrayLike = 0.0,
        convention: Convention | None = None,
        orders: Sequence[Order] = (),
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

        Returns
        -------
        Account
            With one entry a position, in their order.
        """
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
        )

    @classmethod
    def open(cls, positions: Sequence[Position], *, balance: float, convention: Convention | None = None) -> Account:
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
        set_aside = sum(position.margin or 0.0 for position in positions)
        account = cls.of(positions, wallet=cash - set_aside, convention=convention)
        for refusal in account.order_refusals():
            _raise(refusal)
        needed = opening.wallet_refusal(set_aside + account.needed_to_open(), cash, at_stake=cash)
        _raise(replace(needed, argument="balance"))
        _raise(account.at_once_refusal(account.entry))
        return account

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
            at_stake=self._at_stake(entry),
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
        return np.broadcast_shapes(np.shape(self.wallet), *(column.shape[:-1] for column in columns))

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
        return self._each(Contract.notional, self.as_marks(marks))

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
        return self._each(Contract.unrealized_pnl, self.entry, self.as_marks(marks))

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
        prices = self.as_marks(marks)
        at = self._taken_at(self.convention.maintenance_at, prices)
        needed = self._each(Contract.maintenance_margin, at)
        for contract, rows in self._markets:
            size = np.broadcast_to(self.size, needed.shape)[..., rows]
            notional = np.asarray(contract.notional(size, at[..., rows]))
            needed[..., rows] = legs.maintenance_margin(contract, size, notional, self.convention)
        return needed

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
        amount = self._each(Contract.bracket_amount, self.as_marks(marks))
        for _, rows in self._markets:
            size = np.broadcast_to(self.size, amount.shape)[..., rows]
            amount[..., rows] = legs.counted(self.convention.brackets_count, size, amount[..., rows])
        return amount

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
        prices, convention = self.as_marks(marks), self.convention
        if convention.fee_at("bankruptcy"):
            backing = self.backing(prices, requirement=0.0)
            fee = self._each(liquidation.bankruptcy_fee, self.entry, backing, convention=convention)
            for contract, rows in self._markets:
                fee[..., rows] = self._market(contract, rows, prices, backing).bankruptcy_fee()
        elif convention.fee_at("leverage"):
            leverage = self._leverage(self.entry, self._pays_to_close)
            fee = 0 * prices + self._each(liquidation.leverage_fee, self.entry, leverage, convention=convention)
        else:
            fee = convention.fee_at("liquidation") * self.notional(prices)
        return fee if convention.closing_fee_in == "both" else np.where(self.isolated, 0.0, fee)

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
        return self.maintenance_margin(marks) + self.closing_fee(marks)

    def equity(self, marks: ArrayLike) -> Numbers:
        """Return what the whole account is worth: wallet, margins and unrealized PnL.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        float or array
            Shape (...).
        """
        return _checks.plain(self.wallet + (self.margin + self.unrealized_pnl(marks)).sum(axis=-1))

    def position_equity(self, marks: ArrayLike) -> Floats:
        """Return the equity each position's fate hangs on.

        Parameters
        ----------
        marks
            Shape (..., n), above 0.

        Returns
        -------
        array
            Shape (..., n): its own margin and PnL in isolated mode; in cross that of the pool, the same for all.
        """
        return np.where(self.isolated, self.margin, self._cash) + self.pooled(self.unrealized_pnl(marks))

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
        return self.pooled(self.requirement(marks))

    def backing(self, marks: ArrayLike, *, requirement: Numbers | None = None) -> Floats:
        """Return what stands behind each position, apart from its own PnL.

        The margin set aside in isolated mode; in cross the wallet, plus the PnL of the cross positions in other
        markets, less what those must themselves hold: the same for both sides of one market.

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
        spare = self.unrealized_pnl(marks) - (self.requirement(marks) if requirement is None else requirement)
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
        prices, cross = self.as_marks(marks), ~self.isolated
        pnl = np.where(cross, self.unrealized_pnl(prices), 0.0).sum(axis=-1)
        backing = opening.backing(self.wallet, pnl, self.convention)
        return _checks.plain(backing - self._tied(prices).sum(axis=-1) - self.order_margin(prices))

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
        wait = waiting(self.orders, self.convention)
        more = np.zeros(prices.shape[:-1])
        if wait.sides:
            tied, each = self._tied(prices), self._initial_of_each(prices)
        for contract, (bought, sold) in wait.sides.items():
            rows = [row for row in self.rows_of.get(contract, []) if not self.isolated[row]]
            own, side = each[..., rows], self.size[..., rows]
            long, short = (np.where(way, own, 0.0).sum(axis=-1) for way in (side > 0, side < 0))
            more = more + beyond(long, short, tied[..., rows].sum(axis=-1), bought, sold)
        return _checks.plain(wait.apart + more)

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
        return self._of_equity(self.pooled(self.notional(marks)), marks)

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
        backing, own, settings = self.backing(prices), self.convention, {}
        if own.fee_at("leverage"):
            settings["leverage"] = self._leverage(self.entry, self._pays_to_close)
        asked = partial(liquidation.liquidation_price, toward=way)
        answers = self._by_mode(asked, self.entry, backing, mark=prices, **settings)
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
        backing = self.backing(prices, requirement=0.0)
        answers = self._by_mode(liquidation.bankruptcy_price, self.entry, backing)
        answers = legs.if_that_way(way, self.size, answers)
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
        if not prices.ndim or prices.shape[-1] != n:
            raise ArgumentError(
                "marks", f"must have one value a position in the last axis ({n}), not shape {prices.shape}"
            )
        _checks.broadcastable(marks=prices.shape, account=(self._cash + self.size).shape)
        for rows in self.rows_of.values() if marks is not self.entry else ():
            if len(rows) > 1:
                legs.one_mark(self.size[..., rows], prices[..., rows])
        return prices

    def _of_equity(self, amount: Floats, marks: ArrayLike) -> Floats:
        """Return amount / equity; ``inf`` where nothing is left of it, and 0 where nothing is held."""
        equity, held = self.position_equity(marks), self.pooled(np.abs(self.size)) > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(held, np.where(equity > 0, amount / equity, np.inf), 0.0)

    def _at_stake(self, prices: Floats) -> Floats:
        """Return the money each position's fate hangs on, without signs, shape (..., n)."""
        return np.abs(np.where(self.isolated, self.margin, self._cash)) + self.pooled(self.notional(prices))

    @cached_property
    def _cash(self) -> Floats:
        return np.asarray(self.wallet)[..., None]

    def _tied(self, prices: Floats) -> Floats:
        """Return what each cross position ties up, shape (..., n): initial margin, and at least its requirement."""
        cross = ~self.isolated
        tied = np.maximum(self._initial_margin(prices, cross), self.requirement(prices))
        return np.where(cross & (self.size != 0), tied, 0.0)

    def _initial_of_each(self, prices: Floats) -> Floats:
        """Return the initial margin that each leg would have were it charged whole, by its own bracket, (..., n)."""
        limit, at = self._each(Contract.leverage_limit, prices), self._taken_at(self.convention.initial_at, prices)
        return self._each(Contract.notional, at) / np.minimum(self.leverage, limit) + self._fee_in_initial(prices)

    def _initial_margin(self, marks: ArrayLike, asked: Bools) -> Floats:
        """Return initial margins; only the positions asked for must have a leverage or a limit."""
        prices = self.as_marks(marks)
        at = self._taken_at(self.convention.initial_at, prices)
        return self._charged(at) / self._leverage(prices, asked) + self._fee_in_initial(prices)

    def _taken_at(self, where: str, prices: Floats) -> Floats:
        """Return the prices at which a margin is taken: the entries where the venue freezes it there."""
        return self.entry + 0 * prices if where == "entry" else prices

    def _fee_in_initial(self, prices: Floats) -> Numbers:
        """Return the closing fee that counts in the initial margin."""
        return self.closing_fee(prices) if self.convention.fee_in_initial else 0.0

    def _charged(self, prices: Floats) -> Floats:
        """Return the notional that each position is charged on, shape (..., n)."""
        notional = self._each(Contract.notional, prices)
        for _, rows in self._markets:
            size = np.broadcast_to(self.size, notional.shape)[..., rows]
            notional[..., rows] = legs.charged(self.convention.charged, size, notional[..., rows])
        return notional

    def _leverage_limit(self, prices: Floats) -> Floats:
        """Return the highest leverage of each position's bracket, shape (..., n)."""
        if not self._markets:
            return self._each(Contract.leverage_limit, prices)
        amount = self.bracket_amount(prices)
        limits = [contract.tiers.leverage_limit(amount[..., i]) for i, contract in enumerate(self.contracts)]
        return np.stack([np.asarray(limit) for limit in limits], axis=-1)

    def _leverage(self, prices: Floats, asked: Bools) -> Floats:
        """Return the leverage set, at most the bracket's limit."""
        leverage = np.minimum(self.leverage, self._leverage_limit(prices))
        if (np.isinf(leverage) & asked & (self.size != 0)).any():
            raise ArgumentError(
                "leverage", "must be given where the brackets set no limit, to work out an initial margin"
            )
        return leverage

    def _each(self, question: Callable[..., Numbers], *columns: Floats, **named: Floats | Convention) -> Floats:
        """Ask ``question(contract, size, *columns, **named)`` of each contract once, for all its positions."""
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
        columns = np.broadcast_arrays(self.size, self.entry, prices, backing)
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


def _raise(refusal: opening.Refusals) -> None:
    """Raise for the first entry that is refused, if any is."""
    if refusal.where.any():
        raise ArgumentError(refusal.argument, refusal.reason())
