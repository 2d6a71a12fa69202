"""What is true now: an account, and what its mode makes of every position in it.

An account is a handful of arrays, one entry a position. Every question broadcasts over
leading dimensions of the marks: one set of marks has shape (n,), a path (T, n), an
ensemble (K, T, n), for an account of n positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks, liquidation
from .checks import Floats
from .contracts import Contract, Convention
from .positions import MODES, Position


@dataclass(frozen=True, eq=False)
class Account:
    r"""A wallet and the positions it holds, as arrays with the position in the last axis.

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
        What is set aside for each isolated position, shape (..., n); ignored in cross.
    leverage
        Setting of each position for its initial margin; ``inf`` takes the limit of its bracket.
    convention
        How the venue counts.

    See Also
    --------
    Account.of : from positions.
    Account.open : from positions, taking their margins out of one balance and refusing what does not fit.
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
        if len({(contract.kind, contract.currency) for contract in contracts}) != 1:
            listed = ", ".join(f"{c.symbol} ({c.kind}, {c.currency or 'no currency'})" for c in contracts) or "none"
            raise ValueError(f"contracts must be one or more of one kind and currency, not {listed}")
        modes = [self.mode] * len(contracts) if isinstance(self.mode, str) else list(self.mode)
        if len(modes) != len(contracts):
            raise ValueError(f"mode must be one, or one a contract ({len(contracts)}), not {len(modes)}")
        isolated = np.array([checks.one_of("mode", mode, MODES) == "isolated" for mode in modes])
        columns = {
            "size": checks.numbers("size", self.size),
            "entry": checks.positive("entry", self.entry),
            "margin": checks.not_negative("margin", self.margin),
        }
        leverage = np.asarray(self.leverage, dtype=float)
        checks.positive("leverage", np.where(leverage == np.inf, 1.0, leverage))
        columns["leverage"] = leverage
        checks.broadcastable(contracts=isolated.shape, **{name: value.shape for name, value in columns.items()})
        for name, value in columns.items():
            object.__setattr__(self, name, np.broadcast_to(value, np.broadcast_shapes(value.shape, isolated.shape)))
        object.__setattr__(self, "margin", np.where(isolated, self.margin, 0.0))
        object.__setattr__(self, "wallet", checks.plain(checks.numbers("wallet", self.wallet)))
        object.__setattr__(self, "contracts", contracts)
        object.__setattr__(self, "mode", tuple(modes))
        object.__setattr__(self, "isolated", isolated)

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
            If the balance is too small, or a position larger than its brackets allow.

        Examples
        --------
        >>> from marginlab import Tiers
        >>> btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=125))
        >>> Account.open([Position(btc, 1, 60_000, mode="isolated", leverage=10)], balance=10_000).wallet
        4000.0
        """
        for position in positions:
            contract = position.contract
            if contract.bracket_amount(position.size, position.entry) > contract.tiers.cap:
                raise ValueError(
                    f"size {position.size:g} of {contract.symbol} is above what its brackets allow "
                    f"({contract.tiers.cap:,.10g} {contract.tiers.measured_in})"
                )
        set_aside = sum(position.margin or 0.0 for position in positions)
        balance = float(checks.not_negative("balance", balance))
        account = cls.of(positions, wallet=balance - set_aside, convention=convention)
        needed = set_aside + account.initial_margin(account.entry)[~account.isolated].sum()
        if needed > balance * (1 + 1e-12):
            raise ValueError(f"balance must cover the initial margins ({needed:,.2f}), not {balance:,.2f}")
        return account

    def notional(self, marks: ArrayLike) -> Any:
        """Return the value of each position at the marks, shape (..., n)."""
        return self._each(Contract.notional, self._marks(marks))

    def unrealized_pnl(self, marks: ArrayLike) -> Any:
        """Return each position's profit (positive) or loss (negative) at the marks, shape (..., n)."""
        return self._each(Contract.unrealized_pnl, self.entry, self._marks(marks))

    def maintenance_margin(self, marks: ArrayLike) -> Any:
        """Return each position's maintenance margin, shape (..., n).

        At the marks, or at entry where the venue freezes it there.
        """
        marks = self._marks(marks)
        frozen = self.convention.maintenance_at == "entry"
        return self._each(Contract.maintenance_margin, self.entry + 0 * marks if frozen else marks)

    def initial_margin(self, marks: ArrayLike) -> Any:
        """Return notional / leverage of each position at the marks, shape (..., n).

        Raises
        ------
        ValueError
            For a position with neither a leverage nor a limit in its bracket.
        """
        marks = self._marks(marks)
        limit = self._each(Contract.leverage_limit, marks)
        leverage = np.where(self.leverage == np.inf, limit, self.leverage)
        if (leverage == np.inf).any():
            raise ValueError("leverage must be given where the brackets set no limit, to work out an initial margin")
        return self.notional(marks) / leverage

    def requirement(self, marks: ArrayLike) -> Any:
        """Return maintenance margin plus the closing fee where the venue counts it, shape (..., n)."""
        fee = self.convention.fee_at("liquidation") * self.notional(marks)
        if self.convention.fee_at("bankruptcy"):
            fee = self._each(
                liquidation.bankruptcy_fee, self.entry, self._backing(marks, 0.0), convention=self.convention
            )
        return self.maintenance_margin(marks) + fee

    def equity(self, marks: ArrayLike) -> Any:
        """Return what the whole account is worth: wallet, margins and unrealized PnL, shape (...)."""
        return self.wallet + self.margin.sum(axis=-1) + self.unrealized_pnl(marks).sum(axis=-1)

    def position_equity(self, marks: ArrayLike) -> Any:
        """Return the equity each position's fate hangs on, shape (..., n).

        Its own margin and PnL in isolated mode; in cross that of the pool, the same for all.
        """
        pnl = self.unrealized_pnl(marks)
        return np.where(self.isolated, self.margin + pnl, self._cash + self._pooled(pnl))

    def position_requirement(self, marks: ArrayLike) -> Any:
        """Return what that equity must cover, shape (..., n): its own requirement, or the pool's."""
        need = self.requirement(marks)
        return np.where(self.isolated, need, self._pooled(need))

    def backing(self, marks: ArrayLike) -> Any:
        """Return what stands behind each position, apart from its own PnL, shape (..., n).

        The margin set aside in isolated mode; in cross the wallet, plus the PnL of the other
        cross positions, less what those must themselves hold.
        """
        return self._backing(marks, self.requirement(marks))

    def free_margin(self, marks: ArrayLike) -> Any:
        """Return what is left to open with: pool equity less cross initial margins, shape (...).

        Negative by how much it is short, where nothing can be opened.
        """
        spare = self.unrealized_pnl(marks) - self.initial_margin(marks)
        return self.wallet + np.where(self.isolated, 0.0, spare).sum(axis=-1)

    def margin_ratio(self, marks: ArrayLike) -> Any:
        """Return requirement / equity, shape (..., n); liquidation is at 1.

        Each isolated position has its own; the cross positions share that of the pool.
        ``inf`` where nothing is left.
        """
        return _over(self.position_requirement(marks), self.position_equity(marks))

    def effective_leverage(self, marks: ArrayLike) -> Any:
        """Return notional / equity, shape (..., n): isolated positions alone, cross as one pool.

        ``inf`` where nothing is left.
        """
        value = self.notional(marks)
        return _over(np.where(self.isolated, value, self._pooled(value)), self.position_equity(marks))

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
        marks = self._marks(self.entry if marks is None else marks)
        return self._each(
            liquidation.liquidation_price, self.entry, self.backing(marks), mark=marks, convention=self.convention
        )

    def bankruptcy_price(self, marks: ArrayLike | None = None) -> Any:
        """Return the price at which each position has used up all that stands behind it, shape (..., n)."""
        marks = self._marks(self.entry if marks is None else marks)
        return self._each(
            liquidation.bankruptcy_price, self.entry, self._backing(marks, 0.0), convention=self.convention
        )

    @cached_property
    def _cash(self) -> Floats:
        return np.asarray(self.wallet)[..., None]

    def _pooled(self, column: Any) -> Any:
        """Return the sum over the cross positions, shape (..., 1)."""
        return np.where(self.isolated, 0.0, column).sum(axis=-1, keepdims=True)

    def _backing(self, marks: ArrayLike, requirement: Any) -> Any:
        spare = self.unrealized_pnl(marks) - requirement
        return np.where(self.isolated, self.margin, self._cash + self._pooled(spare) - spare)

    def _marks(self, marks: ArrayLike) -> Floats:
        """Return marks whose last axis is the positions'."""
        marks = checks.positive("marks", marks)
        n = len(self.contracts)
        if marks.ndim == 0 and n == 1:
            return marks[None]
        if marks.ndim == 0 or marks.shape[-1] != n:
            raise ValueError(f"marks must have one value a position in the last axis ({n}), not shape {marks.shape}")
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


def _over(need: Any, equity: Any) -> Any:
    """Return need / equity, ``inf`` where there is no equity and 0 where nothing is needed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(need == 0, 0.0, np.where(equity > 0, need / equity, np.inf))
