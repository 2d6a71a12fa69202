"""Many paths of one account as they go: what is held, what it is worth, and when to look again.

The engine's workbench. Rows are positions and columns are paths, (n, K), so that one step of a
million paths is a handful of passes over memory. Nothing is checked here; `simulate` has done that.
The formulas are those of :class:`~marginlab.Account`.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import liquidation
from .account import Account
from .contracts import profit_of, value_of
from .ledger import Balance, Ledger, LedgerEntry
from .rules import Rules, depths

# What rounding may move, in units of the money involved: watched prices keep this far from the edge.
ROUNDING = 1e-12
ALL = slice(None)


@dataclass(slots=True)
class Look:
    """What is true of some paths at their marks: arrays of shape (n, k), or (k,) for `paths`, `step` and `wallet`.

    `equity` and `need` are those of the unit a position belongs to: itself if isolated, else the
    cross pool. `held` is the maintenance margin, `fee` the closing fee that counts beside it.
    """

    paths: Any
    step: Any
    marks: Any
    wallet: Any
    size: Any
    margin: Any
    isolated: Any
    notional: Any
    basis: Any
    pnl: Any
    place: Any
    held: Any
    fee: Any
    equity: Any
    need: Any
    fails: Any

    @property
    def required(self) -> Any:
        """Maintenance margin and closing fee of each position."""
        return self.held + self.fee

    @property
    def pool(self) -> Any:
        """Which rows are open cross positions."""
        return (self.size != 0) & ~self.isolated

    def only(self, chosen: Any) -> Look:
        """Return what is true of the chosen ones among these paths."""
        if chosen.all():
            return self
        at = np.flatnonzero(chosen)
        return Look(*(getattr(self, name).take(at, axis=-1) for name in self.__slots__))

    def renew(self, chosen: Any, now: Look) -> None:
        """Put in what is true `now` of the chosen ones."""
        for name in self.__slots__[3:]:  # paths, steps and marks stay
            getattr(self, name)[..., chosen] = getattr(now, name)


class State:
    """Wallets (K,), positions (n, K), and what has flowed since the start."""

    def __init__(self, account: Account, rules: Rules, paths: int, *, ledger: Ledger | None = None) -> None:
        contracts, n = account.contracts, len(account.contracts)
        self.account, self.rules, self.ledger, self.convention = account, rules, ledger, account.convention
        self.contracts, self.kind = contracts, contracts[0].kind
        self.sign = 1.0 if self.kind == "linear" else -1.0
        self.multiplier = np.array([[contract.multiplier] for contract in contracts])
        self.depth = depths(rules, n)
        self.rows = np.arange(n)[:, None]
        self._stack_brackets()

        def rows(values: Any) -> Any:
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

        def stacked(column: int) -> Any:
            return np.array([np.pad(table[column], (0, longest - len(table[column])), "edge") for table in tables])

        self.floors, self.rates, self.deductions, self.limits = (stacked(column) for column in range(4))
        uppers = [np.append(table[0][1:], np.inf) for table in tables]
        self.uppers = np.array([np.pad(upper, (0, longest - len(upper)), "edge") for upper in uppers])
        self.alike = len({contract.tiers for contract in self.contracts}) == 1
        by_size = [contract.tiers.measured_in == "contracts" for contract in self.contracts]
        self.by_size = np.array(by_size)[:, None]

    def at(self, table: Any, place: Any) -> Any:
        """Return what a stacked table holds for each row in its bracket."""
        if table.shape[1] == 1:
            return table
        return table[0].take(place) if self.alike else table[self.rows, place]

    def look(self, paths: Any, marks: Any, step: Any) -> Look:
        """Return what is true of these paths at these marks (n, k)."""
        size, margin, isolated = self.size[:, paths], self.margin[:, paths], self.isolated[:, paths]
        entry, wallet = self.entry[:, paths], self.wallet[paths]
        amount = size * self.multiplier
        notional = value_of(self.kind, np.abs(amount), marks)
        pnl = profit_of(self.kind, amount, entry, marks)
        frozen = self.convention.maintenance_at == "entry"
        basis = value_of(self.kind, np.abs(amount), entry) if frozen else notional
        place = self.bracket(np.where(self.by_size, np.abs(size), basis))
        held = np.where(size != 0, self.at(self.rates, place) * basis - self.at(self.deductions, place), 0.0)
        pool = ~isolated
        cash = wallet + total(np.where(pool, pnl, 0.0))
        fee = self._closing_fee(size, entry, notional, np.where(isolated, margin, cash - pnl))
        required = held + fee
        equity = np.where(isolated, margin + pnl, cash)
        need = np.where(isolated, required, total(np.where(pool, required, 0.0)))
        fails = (equity <= need if self.convention.at_equality else equity < need) & (size != 0)
        return Look(
            paths, step, marks, wallet, size, margin, isolated,
            notional, basis, pnl, place, held, fee, equity, need, fails,
        )  # fmt: skip

    def bracket(self, amount: Any) -> Any:
        """Return the number of the bracket each row's amount falls into."""
        place = np.zeros(amount.shape, dtype=np.intp)
        if self.floors.shape[1] > 1:
            if self.alike:
                return self.contracts[0].tiers.place(amount)
            for row, contract in enumerate(self.contracts):
                place[row] = contract.tiers.place(amount[row])
        return place

    def _closing_fee(self, size: Any, entry: Any, notional: Any, backing: Any) -> Any:
        if not self.convention.fee_at("bankruptcy"):
            return self.convention.fee_at("liquidation") * notional
        return np.stack(
            [
                liquidation.bankruptcy_fee(contract, size[row], entry[row], backing[row], self.convention)
                for row, contract in enumerate(self.contracts)
            ]
        )

    def initial_margin(self, look: Look) -> Any:
        """Return what each position needs to be opened, at least its requirement, shape (n, k)."""
        place = self.bracket(np.where(self.by_size, np.abs(look.size), look.notional))
        leverage = np.minimum(self.leverage[:, look.paths], self.at(self.limits, place))
        return np.maximum(look.notional / leverage, look.required)

    def spare(self, look: Look) -> Any:
        """Return what may leave the wallet, negative where it is short: profits not counted, shape (k,)."""
        pool = look.pool
        loss = np.minimum(total(np.where(pool, look.pnl, 0.0)), 0.0)
        return look.wallet + loss - total(np.where(pool, self.initial_margin(look), 0.0))

    def watch(self, look: Look) -> None:
        """Set the prices between which nothing can fail, so that no path is looked at before one is passed.

        Within its bracket what a unit has to spare is linear in each notional. An isolated position may use all
        of it; in the pool each may use its share by notional, so that together they use no more than there is.
        """
        if self.convention.fee_at("bankruptcy"):
            return  # these fees depend on the other marks as well: every step is looked at
        loose = self.convention.maintenance_at != "entry"
        rate = self.at(self.rates, look.place) if loose else 0.0
        slope = np.sign(look.size) * self.sign - rate - self.convention.fee_at("liquidation")
        pool = look.pool
        value = np.where(pool, total(np.where(pool, look.notional, 0.0)), look.notional)
        with np.errstate(divide="ignore", invalid="ignore"):
            money = value + np.abs(look.equity) + np.abs(np.where(pool, total(np.where(pool, look.pnl, 0)), look.pnl))
            spare = (look.equity - look.need - ROUNDING * money) * np.where(pool, look.notional / value, 1.0)
            edge = look.notional - spare / slope
            low, high = np.where(slope > 0, edge, 0.0), np.where(slope < 0, edge, np.inf)
            if loose and self.floors.shape[1] > 1:
                fixed = self.by_size
                low = np.maximum(low, np.where(fixed, 0.0, self.at(self.floors, look.place) * (1 + ROUNDING)))
                high = np.minimum(high, np.where(fixed, np.inf, self.at(self.uppers, look.place) * (1 - ROUNDING)))
            amount = np.abs(look.size) * self.multiplier
            low, high = (low / amount, high / amount) if self.kind == "linear" else (amount / high, amount / low)
        closed = look.size == 0
        self.low[:, look.paths] = np.where(closed, 0.0, low)
        self.high[:, look.paths] = np.where(closed, np.inf, high)

    def standing(self, row: int | None, look: Look) -> Balance | None:
        """Return how a row, or with ``None`` the whole account, stands now; only where a ledger is kept."""
        if self.ledger is None:
            return None
        now = self.look(look.paths, look.marks, look.step)
        if row is None:
            equity, size = now.wallet + total(now.margin + now.pnl), 0.0
            shown = (now.wallet, total(now.margin), size, equity, total(now.required))
        else:
            shown = (now.wallet, now.margin[row], now.size[row], now.equity[row], now.need[row])
        return Balance(*map(one, (*shown, self.fund)))

    def note(self, kind: str, row: int | None, look: Look, before: Balance | None, **numbers: Any) -> None:
        """Write what happened into the ledger, where one is kept."""
        if self.ledger is None or before is None:
            return
        told: dict[str, Any] = {"size": 0.0, "amount": 0.0, "fee": 0.0, "impact": 0.0}
        told |= {name: one(value) for name, value in numbers.items()}
        if row is not None:
            told.setdefault("price", one(look.marks[row]))
        self.ledger.append(
            LedgerEntry(
                step=int(one(look.step)),
                kind=kind,
                position=row,
                symbol="" if row is None else self.contracts[row].symbol,
                price=told.pop("price", None),
                before=before,
                after=self.standing(row, look) or before,
                **told,
            )
        )


_OF_PATHS = (
    *("wallet", "size", "entry", "margin", "leverage", "isolated", "balance", "liquidated", "refused", "low", "high"),
    *("realized", "funding", "fees", "impact", "fund", "fund_received", "fund_paid"),
    *("forfeited", "shortfall", "deleveraged", "uncovered"),
)


def one(value: Any) -> float:
    """Return the only number there is."""
    return float(np.ravel(value)[0])


def total(rows: Any) -> Any:
    """Return the sum over positions, one after the other: the same to the last bit for one path or for many."""
    result = rows[0]
    for row in rows[1:]:
        result = result + row
    return result
