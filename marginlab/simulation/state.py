"""Many paths of one account as they go: what is held, what it is worth, and when to look again.

Rows are positions and columns are paths, (n, K), so that one step of a
million paths is a handful of passes over memory. Nothing is checked here; `simulate` has done that.
The formulas are those of :class:`~marginlab.Account`.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _checks
from .._checks import ROUNDING
from .._typing import Bools, Floats, Integers, Numbers
from ..margin import liquidation, opening
from ..margin.account import Account
from ..margin.contracts import profit_of, value_of
from ..margin.rules import Rules
from .results import Balance, Ledger, LedgerEntry

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(slots=True)
class Valuation:
    """What some paths are worth at their marks: arrays of shape (n, k), or (k,) for `paths`, `step` and `wallet`.

    `equity` and `need` are those of the unit a position belongs to: itself if isolated, else the
    cross pool. `maintenance` is each position's own, on the notional `basis` in its `bracket`; `fee` is the
    closing fee that counts beside it.
    """

    paths: Integers
    step: Integers
    marks: Floats
    wallet: Floats
    size: Floats
    margin: Floats
    isolated: Bools
    notional: Floats
    basis: Floats
    pnl: Floats
    bracket: Integers
    maintenance: Floats
    fee: Floats
    equity: Floats
    need: Floats
    fails: Bools

    @property
    def required(self) -> Floats:
        """Maintenance margin and closing fee of each position."""
        return self.maintenance + self.fee

    @property
    def pool(self) -> Bools:
        """Which rows are open cross positions."""
        return np.asarray((self.size != 0) & ~self.isolated)

    def only(self, chosen: Bools) -> Valuation:
        """Return what is true of the chosen ones among these paths."""
        if chosen.all():
            return self
        at = np.flatnonzero(chosen)
        return Valuation(**{name: getattr(self, name).take(at, axis=-1) for name in OF_VALUATION})

    def renew(self, chosen: Bools, now: Valuation) -> None:
        """Put in what is true `now` of the chosen ones, at the same marks."""
        for name in OF_VALUATION:
            if name not in ("paths", "step", "marks"):
                getattr(self, name)[..., chosen] = getattr(now, name)


OF_VALUATION = tuple(one.name for one in fields(Valuation))


class State:
    """Wallets (K,), positions (n, K), and what has flowed since the start."""

    def __init__(
        self, account: Account, rules: Rules, paths: int, *, ledger: Ledger | None = None, stops: bool = False
    ) -> None:
        contracts, n = account.contracts, len(account.contracts)
        self.account, self.rules, self.ledger, self.convention = account, rules, ledger, account.convention
        self.contracts, self.kind = contracts, contracts[0].kind
        self.sign = 1.0 if self.kind == "linear" else -1.0
        self.multiplier = np.array([[contract.multiplier] for contract in contracts])
        self.depth = depths(rules, n)
        self.rows = np.arange(n)[:, None]
        self._stack_brackets()

        def rows(values: NDArray[Kind]) -> NDArray[Kind]:
            return np.array(np.broadcast_to(values, (paths, n)).T, order="C")

        self.wallet = np.array(np.broadcast_to(account.wallet, paths))
        self.size, self.entry, self.margin = rows(account.size), rows(account.entry), rows(account.margin)
        self.leverage, self.isolated = rows(account.leverage), rows(account.isolated)
        self.balance = self.wallet + total(self.margin)
        self.liquidated = np.full((n, paths), -1, dtype=np.int32)
        self.realized, self.funding, self.fees, self.impact = np.zeros((4, n, paths))
        self.fund = np.full(paths, float(rules.fund))
        self.forfeited, self.shortfall, self.deleveraged, self.uncovered = np.zeros((4, paths))
        self.fund_received, self.fund_paid = np.zeros((2, paths))
        self.refused = np.zeros(paths, dtype=np.int32)
        # At which price the trader gets out, and with which share; nan for none, and no room where none is planned.
        self.stops, none = stops, np.broadcast_to(np.nan, (n, paths))
        self.stop, self.stop_share = (none.copy(), none.copy()) if stops else (none, none)
        # Until a path is looked at, any price is one to look at.
        self.low, self.high = np.full((n, paths), np.inf), np.zeros((n, paths))

    def part(self, paths: slice) -> State:
        """Return the state of some neighbouring paths, in the same memory: what happens to one happens to the other."""
        part = copy(self)
        for name in _OF_PATHS:
            setattr(part, name, getattr(self, name)[..., paths])
        return part

    def _stack_brackets(self) -> None:
        """Put the brackets of all contracts side by side, padded to the longest table: shape (n, brackets)."""
        tables = [contract.tiers.table for contract in self.contracts]
        longest = max(len(table[0]) for table in tables)

        def stacked(column: int) -> Floats:
            return np.array([np.pad(table[column], (0, longest - len(table[column])), "edge") for table in tables])

        self.floors, self.rates, self.deductions, self.limits = (stacked(column) for column in range(4))
        uppers = [np.append(table[0][1:], np.inf) for table in tables]
        self.uppers = np.array([np.pad(upper, (0, longest - len(upper)), "edge") for upper in uppers])
        self.alike = len({contract.tiers for contract in self.contracts}) == 1
        by_size = [contract.tiers.measured_in == "contracts" for contract in self.contracts]
        self.by_size = np.array(by_size)[:, None]

    def in_bracket(self, table: Floats, bracket: Integers) -> Floats:
        """Return what a stacked table holds for each row in its bracket."""
        if table.shape[1] == 1:
            return table
        return table[0].take(bracket) if self.alike else table[self.rows, bracket]

    def valuation(self, paths: Integers, marks: Floats, step: Integers) -> Valuation:
        """Return what these paths are worth at these marks (n, k)."""
        size, margin, isolated = self.size[:, paths], self.margin[:, paths], self.isolated[:, paths]
        entry, wallet = self.entry[:, paths], self.wallet[paths]
        amount = size * self.multiplier
        notional = value_of(self.kind, np.abs(amount), marks)
        pnl = profit_of(self.kind, amount, entry, marks)
        frozen = self.convention.maintenance_at == "entry"
        basis = value_of(self.kind, np.abs(amount), entry) if frozen else notional
        bracket = self.bracket(np.where(self.by_size, np.abs(size), basis))
        rate, deduction = self.in_bracket(self.rates, bracket), self.in_bracket(self.deductions, bracket)
        maintenance = np.where(size != 0, rate * basis - deduction, 0.0)
        pool = ~isolated
        cash = wallet + total(np.where(pool, pnl, 0.0))
        fee = self._closing_fee(size, entry, notional, np.where(isolated, margin, cash - pnl))
        required = maintenance + fee
        equity = np.where(isolated, margin + pnl, cash)
        need = np.where(isolated, required, total(np.where(pool, required, 0.0)))
        fails = self.convention.liquidates(equity, need) & (size != 0)
        return Valuation(
            paths, step, marks, wallet, size, margin, isolated,
            notional, basis, pnl, bracket, maintenance, fee, equity, need, fails,
        )  # fmt: skip

    def bracket(self, amount: Floats) -> Integers:
        """Return the number of the bracket each row's amount falls into."""
        bracket = np.zeros(amount.shape, dtype=np.intp)
        if self.floors.shape[1] > 1:
            if self.alike:
                return self.contracts[0].tiers.bracket_unchecked(amount)
            for row, contract in enumerate(self.contracts):
                bracket[row] = contract.tiers.bracket_unchecked(amount[row])
        return bracket

    def _closing_fee(self, size: Floats, entry: Floats, notional: Floats, backing: Floats) -> Floats:
        if not self.convention.fee_at("bankruptcy"):
            return self.convention.fee_at("liquidation") * notional
        return np.stack(
            [
                liquidation.bankruptcy_fee(contract, size[row], entry[row], backing[row], self.convention)
                for row, contract in enumerate(self.contracts)
            ]
        )

    def needed_to_open(self, valued: Valuation) -> Floats:
        """Return what each position ties up to be opened, shape (n, k)."""
        bracket = self.bracket(np.where(self.by_size, np.abs(valued.size), valued.notional))
        limit = self.in_bracket(self.limits, bracket)
        return opening.needed_to_open(valued.notional, self.leverage[:, valued.paths], limit, valued.required)

    def tied(self, valued: Valuation) -> Floats:
        """Return what the cross positions tie up, shape (k,)."""
        return total(np.where(valued.pool, self.needed_to_open(valued), 0.0))

    def there(self, valued: Valuation) -> Floats:
        """Return what there is for it, the wallet less losses, profits not counted, shape (k,)."""
        return valued.wallet + np.minimum(total(np.where(valued.pool, valued.pnl, 0.0)), 0.0)

    def spare(self, valued: Valuation) -> Floats:
        """Return what may leave the wallet, negative where it is short, shape (k,)."""
        return self.there(valued) - self.tied(valued)

    def watch(self, valued: Valuation) -> None:
        """Set the prices between which nothing can fail, so that no path is looked at before one is passed.

        Within its bracket what a unit has to spare is linear in each notional. An isolated position may use all
        of it; in the pool each may use its share by notional, so that together they use no more than there is.
        """
        closed = valued.size == 0
        if self.stops:
            self.stop[:, valued.paths] = np.where(closed, np.nan, self.stop[:, valued.paths])
        if self.convention.fee_at("bankruptcy"):
            return  # these fees depend on the other marks as well: every step is looked at
        loose = self.convention.maintenance_at != "entry"
        rate = self.in_bracket(self.rates, valued.bracket) if loose else 0.0
        slope = np.sign(valued.size) * self.sign - rate - self.convention.fee_at("liquidation")
        pool = valued.pool
        value = np.where(pool, total(np.where(pool, valued.notional, 0.0)), valued.notional)
        with np.errstate(divide="ignore", invalid="ignore"):
            money = (
                value + np.abs(valued.equity) + np.abs(np.where(pool, total(np.where(pool, valued.pnl, 0)), valued.pnl))
            )
            spare = (valued.equity - valued.need - ROUNDING * money) * np.where(pool, valued.notional / value, 1.0)
            edge = valued.notional - spare / slope
            low, high = np.where(slope > 0, edge, 0.0), np.where(slope < 0, edge, np.inf)
            if loose and self.floors.shape[1] > 1:
                fixed = self.by_size
                low = np.maximum(
                    low, np.where(fixed, 0.0, self.in_bracket(self.floors, valued.bracket) * (1 + ROUNDING))
                )
                high = np.minimum(
                    high, np.where(fixed, np.inf, self.in_bracket(self.uppers, valued.bracket) * (1 - ROUNDING))
                )
            amount = np.abs(valued.size) * self.multiplier
            low, high = (low / amount, high / amount) if self.kind == "linear" else (amount / high, amount / low)
        if self.stops:
            stop = self.stop[:, valued.paths]
            low = np.fmax(low, np.where(valued.size > 0, stop * (1 + ROUNDING), np.nan))
            high = np.fmin(high, np.where(valued.size < 0, stop * (1 - ROUNDING), np.nan))
        self.low[:, valued.paths] = np.where(closed, 0.0, low)
        self.high[:, valued.paths] = np.where(closed, np.inf, high)

    def balance_of(self, row: int | None, valued: Valuation) -> Balance | None:
        """Return how a row, or with ``None`` the whole account, stands now; only where a ledger is kept."""
        if self.ledger is None:
            return None
        now = self.valuation(valued.paths, valued.marks, valued.step)
        if row is None:
            equity, size = now.wallet + total(now.margin + now.pnl), 0.0
            shown = (now.wallet, total(now.margin), size, equity, total(now.required))
        else:
            shown = (now.wallet, now.margin[row], now.size[row], now.equity[row], now.need[row])
        return Balance(*(one(value) for value in (*shown, self.fund)))

    def note(self, kind: str, row: int | None, valued: Valuation, before: Balance | None, **numbers: Numbers) -> None:
        """Write what happened into the ledger, where one is kept."""
        if self.ledger is None or before is None:
            return
        told: dict[str, float] = {"size": 0.0, "amount": 0.0, "fee": 0.0, "impact": 0.0}
        told |= {name: one(value) for name, value in numbers.items()}
        if row is not None:
            told.setdefault("price", one(valued.marks[row]))
        self.ledger.append(
            LedgerEntry(
                step=int(one(valued.step)),
                kind=kind,
                position=row,
                symbol="" if row is None else self.contracts[row].symbol,
                price=told.pop("price", None),
                before=before,
                after=self.balance_of(row, valued) or before,
                **told,
            )
        )


_OF_PATHS = (
    *("wallet", "size", "entry", "margin", "leverage", "isolated", "balance", "liquidated", "refused", "low", "high"),
    *("stop", "stop_share"),
    *("realized", "funding", "fees", "impact", "fund", "fund_received", "fund_paid"),
    *("forfeited", "shortfall", "deleveraged", "uncovered"),
)


def depths(rules: Rules, positions: int) -> Floats:
    """Return the depth of each position's book, shape (n, 1)."""
    depth = np.asarray(rules.depth, dtype=float)
    _checks.one_each(positions, depth=depth)
    return np.broadcast_to(depth, positions)[:, None]


def recorded_of(valued: Valuation) -> dict[str, Floats]:
    """Return what may be recorded of a step: shapes (K,), (K,) and (n, K)."""
    return {
        "equity": valued.wallet + total(valued.margin + valued.pnl),
        "requirement": total(valued.required),
        "size": valued.size,
    }


def one(value: Numbers | Integers) -> float:
    """Return the only number there is."""
    return float(np.ravel(value)[0])


def total(rows: Floats) -> Floats:
    """Return the sum over positions, one after the other: the same to the last bit for one path or for many."""
    result = rows[0]
    for row in rows[1:]:
        result = result + row
    return np.asarray(result)
