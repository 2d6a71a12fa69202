"""What is true now: an account, and what its mode makes of every position in it.

An account is a handful of arrays, one entry a position. Every question broadcasts over
leading dimensions of the marks: one set of marks has shape (n,), a path (T, n), an
ensemble (K, T, n), for an account of n positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks, liquidation
from .checks import Floats
from .contracts import Contract, Convention, check_alike
from .positions import MODES, Position


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
        What is set aside for each isolated position, shape (..., n); 0 in cross.
    leverage
        Setting of each position for its initial margin; ``inf`` takes the limit of its bracket.
    convention
        How the venue counts.
    """

    wallet: Any
    contracts: Sequence[Contract]
    size: Any
    entry: Any
    mode: Any = "cross"
    margin: Any = 0.0
    leverage: Any = np.inf
    convention: Convention = field(default_factory=Convention)
    isolated: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        contracts = tuple(self.contracts)
        check_alike(contracts)
        if not isinstance(self.convention, Convention):
            raise ValueError(f"convention must be a Convention, not {self.convention!r}")
        n, named = len(contracts), isinstance(self.mode, str) or not isinstance(self.mode, Iterable)
        modes = (self.mode,) * n if named else tuple(self.mode)
        if len(modes) != n:
            raise ValueError(f"mode must be one, or one a contract ({n}), not {len(modes)}")
        isolated = np.array([checks.one_of("mode", mode, MODES) == "isolated" for mode in modes])
        wallet = checks.numbers("wallet", self.wallet)
        columns = {
            "size": checks.numbers("size", self.size),
            "entry": checks.positive("entry", self.entry),
            "margin": checks.not_negative("margin", self.margin),
            "leverage": checks.leverages("leverage", self.leverage),
        }
        checks.one_each(n, **columns)
        checks.broadcastable(wallet=wallet.shape, **{name: value.shape[:-1] for name, value in columns.items()})
        columns = {name: np.broadcast_to(value, (*value.shape[:-1], n)) for name, value in columns.items()}
        if columns["margin"][..., ~isolated].any():
            raise ValueError(f"margin must be 0 for cross positions, which set none aside, not {self.margin!r}")
        set_to = {
            **columns,
            "wallet": checks.plain(wallet),
            "contracts": contracts,
            "mode": modes,
            "isolated": isolated,
        }
        for name, value in set_to.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls, positions: Sequence[Position], *, wallet: ArrayLike = 0.0, convention: Convention | None = None
    ) -> Account:
        """Return the account that holds these positions beside this wallet, as it stands.

        Nothing is refused for being under water: this is a state, not an order.
        """
        return cls(
            wallet=wallet,
            contracts=[position.contract for position in positions],
            size=[position.size for position in positions],
            entry=[position.entry for position in positions],
            mode=[position.mode for position in positions],
            margin=[position.margin or 0.0 for position in positions],
            leverage=[position.leverage or np.inf for position in positions],
            convention=convention or Convention(),
        )

    @classmethod
    def open(cls, positions: Sequence[Position], *, balance: float, convention: Convention | None = None) -> Account:
        """Return the account after opening positions at their entries out of one balance.

        Isolated margins leave the balance; what remains is the wallet, and must cover the
        initial margins of the cross positions.

        Raises
        ------
        ValueError
            If the balance is too small, a position larger than its brackets allow, or its margin below
            maintenance.

        Examples
        --------
        >>> from marginlab import Tiers
        >>> btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=125))
        >>> Account.open([Position(btc, 1, 60_000, mode="isolated", leverage=10)], balance=10_000).wallet
        4000.0
        """
        for position in positions:
            position.check_opening()
        balance = checks.single("balance", balance, checks.not_negative)
        set_aside = sum(position.margin or 0.0 for position in positions)
        account = cls.of(positions, wallet=balance - set_aside, convention=convention)
        needed = balance - account.free_margin(account.entry)
        if needed > balance * (1 + 1e-12):
            raise ValueError(f"balance must cover the initial margins ({needed:,.2f}), not {balance:,.2f}")
        return account

    def notional(self, marks: ArrayLike) -> Any:
        """Return the value of each position at the marks, shape (..., n)."""
        return self._each(Contract.notional, self.as_marks(marks))

    def unrealized_pnl(self, marks: ArrayLike) -> Any:
        """Return each position's profit (positive) or loss (negative) at the marks, shape (..., n)."""
        return self._each(Contract.unrealized_pnl, self.entry, self.as_marks(marks))

    def maintenance_margin(self, marks: ArrayLike) -> Any:
        """Return each position's maintenance margin, shape (..., n).

        At the marks, or at entry where the venue freezes it there.
        """
        marks = self.as_marks(marks)
        at_entry = self.convention.maintenance_at == "entry"
        return self._each(Contract.maintenance_margin, self.entry + 0 * marks if at_entry else marks)

    def initial_margin(self, marks: ArrayLike) -> Any:
        """Return notional / leverage of each position at the marks, shape (..., n).

        Raises
        ------
        ValueError
            For a position with neither a leverage nor a limit in its bracket.
        """
        return self._initial_margin(marks, np.full_like(self.isolated, True))

    def closing_fee(self, marks: ArrayLike) -> Any:
        """Return the fee for closing each position, as far as the venue counts it as required, shape (..., n)."""
        if not self.convention.fee_at("bankruptcy"):
            return self.convention.fee_at("liquidation") * self.notional(marks)
        return self._each(
            liquidation.bankruptcy_fee, self.entry, self.backing(marks, requirement=0.0), convention=self.convention
        )

    def requirement(self, marks: ArrayLike) -> Any:
        """Return maintenance margin plus the closing fee where the venue counts it, shape (..., n)."""
        return self.maintenance_margin(marks) + self.closing_fee(marks)

    def equity(self, marks: ArrayLike) -> Any:
        """Return what the whole account is worth: wallet, margins and unrealized PnL, shape (...)."""
        return checks.plain(self.wallet + (self.margin + self.unrealized_pnl(marks)).sum(axis=-1))

    def position_equity(self, marks: ArrayLike) -> Any:
        """Return the equity each position's fate hangs on, shape (..., n).

        Its own margin and PnL in isolated mode; in cross that of the pool, the same for all.
        """
        return np.where(self.isolated, self.margin, self._cash) + self.pooled(self.unrealized_pnl(marks))

    def position_requirement(self, marks: ArrayLike) -> Any:
        """Return what that equity must cover, shape (..., n): its own requirement, or the pool's."""
        return self.pooled(self.requirement(marks))

    def backing(self, marks: ArrayLike, *, requirement: Any = None) -> Any:
        """Return what stands behind each position, apart from its own PnL, shape (..., n).

        The margin set aside in isolated mode; in cross the wallet, plus the PnL of the other
        cross positions, less what those must themselves hold: their `requirement` at the marks,
        or 0 to leave it out, as a bankruptcy price does.
        """
        spare = self.unrealized_pnl(marks) - (self.requirement(marks) if requirement is None else requirement)
        return np.where(self.isolated, self.margin, self._cash + self.pooled(spare) - spare)

    def free_margin(self, marks: ArrayLike) -> Any:
        """Return what is left to open with: pool equity less cross initial margins, shape (...).

        Negative by how much it is short, where nothing can be opened.
        """
        spare = self.unrealized_pnl(marks) - self._initial_margin(marks, ~self.isolated)
        return checks.plain(self.wallet + np.where(self.isolated, 0.0, spare).sum(axis=-1))

    def margin_ratio(self, marks: ArrayLike) -> Any:
        """Return requirement / equity, shape (..., n); liquidation is at 1.

        Each isolated position has its own; the cross positions share that of the pool.
        ``inf`` where nothing is left.
        """
        return self._of_equity(self.position_requirement(marks), marks)

    def effective_leverage(self, marks: ArrayLike) -> Any:
        """Return notional / equity, shape (..., n): isolated positions alone, cross as one pool.

        ``inf`` where nothing is left.
        """
        return self._of_equity(self.pooled(self.notional(marks)), marks)

    def liquidatable(self, marks: ArrayLike) -> Any:
        """Return whether each position is liquidated at the marks, shape (..., n); False once closed."""
        equity, need = self.position_equity(marks), self.position_requirement(marks)
        failing = equity <= need if self.convention.at_equality else equity < need
        return failing & (self.size != 0)

    def liquidation_price(self, marks: ArrayLike | None = None) -> Any:
        """Return the price at which each position is liquidated while the other marks stand still.

        Shape (..., n). Marks default to the entries. For ``nan`` see
        :func:`marginlab.liquidation_price`; for all marks moving together,
        :func:`marginlab.liquidation_move`.
        """
        marks = self.as_marks(self.entry if marks is None else marks)
        return self._each(
            liquidation.liquidation_price, self.entry, self.backing(marks), mark=marks, convention=self.convention
        )

    def bankruptcy_price(self, marks: ArrayLike | None = None) -> Any:
        """Return the price at which each position has used up all that stands behind it, shape (..., n)."""
        marks = self.as_marks(self.entry if marks is None else marks)
        return self._each(
            liquidation.bankruptcy_price, self.entry, self.backing(marks, requirement=0.0), convention=self.convention
        )

    def pooled(self, column: Any) -> Any:
        """Return each position's own value in isolated mode, and the sum over the pool in cross, shape (..., n)."""
        return np.where(self.isolated, column, np.where(self.isolated, 0.0, column).sum(axis=-1, keepdims=True))

    def _of_equity(self, amount: Any, marks: ArrayLike) -> Any:
        """Return amount / equity; ``inf`` where nothing is left of it, and 0 where nothing is held."""
        equity, held = self.position_equity(marks), self.pooled(np.abs(self.size)) > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(held, np.where(equity > 0, amount / equity, np.inf), 0.0)

    @cached_property
    def _cash(self) -> Floats:
        return np.asarray(self.wallet)[..., None]

    def _initial_margin(self, marks: ArrayLike, asked: NDArray[np.bool_]) -> Any:
        """Return initial margins; only the positions asked for must have a leverage or a limit."""
        marks = self.as_marks(marks)
        leverage = np.where(self.leverage == np.inf, self._each(Contract.leverage_limit, marks), self.leverage)
        if (np.isinf(leverage) & asked & (self.size != 0)).any():
            raise ValueError("leverage must be given where the brackets set no limit, to work out an initial margin")
        return self.notional(marks) / leverage

    def as_marks(self, marks: ArrayLike) -> Floats:
        """Return marks whose last axis is the positions'; for one position a number will do."""
        marks = checks.positive("marks", marks)
        n = len(self.contracts)
        marks = marks[None] if marks.ndim == 0 and n == 1 else marks
        if not marks.ndim or marks.shape[-1] != n:
            raise ValueError(f"marks must have one value a position in the last axis ({n}), not shape {marks.shape}")
        checks.broadcastable(marks=marks.shape, account=(self._cash + self.size).shape)
        return marks

    def _each(self, question: Callable[..., Any], *columns: Any, **named: Any) -> Any:
        """Ask ``question(contract, size, *columns, **named)`` of each contract once, for all its positions."""
        values = np.broadcast_arrays(self.size, *columns, *(v for v in named.values() if isinstance(v, np.ndarray)))
        answers = np.empty(values[0].shape)
        for contract, places in self._places.items():
            own = {k: v[..., places] if isinstance(v, np.ndarray) else v for k, v in named.items()}
            answers[..., places] = question(contract, *(v[..., places] for v in (self.size, *columns)), **own)
        return answers

    @cached_property
    def _places(self) -> dict[Contract, list[int]]:
        places: dict[Contract, list[int]] = {}
        for i, contract in enumerate(self.contracts):
            places.setdefault(contract, []).append(i)
        return places
