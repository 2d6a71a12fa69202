"""Many paths of one account as they go: what is held, what it is worth, and when to look again.

Rows are positions and columns are paths, (n, K), so that one step of a
million paths is a handful of passes over memory. Nothing is checked here; `simulate` has done that.
The formulas are those of :class:`~marginlab.Account`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _checks
from .._checks import ROUNDING, ArgumentError
from .._typing import Bools, Floats, Integers, Numbers
from ..margin import legs, liquidation, opening
from ..margin.account import Account
from ..margin.contracts import Columns, Contract
from ..margin.open_orders import Waiting, beyond, waiting
from ..margin.rules import Rules
from .pockets import Pockets
from .results import Balance, Ledger, LedgerEntry

# By which numbers that are mixed lie apart, and the bits that are kept of a seed.
STRIDE, LOW_BITS = np.uint64(0x9E3779B97F4A7C15), 2**64 - 1


@dataclass(slots=True)
class Valuation:
    """What some paths are worth at their marks: arrays of shape (n, k), or (k,) for `paths` and `step`.

    `marks` have a row for each column of the prices, and `cash` one for each pocket. `equity` and `need` are those of
    the unit a position belongs to: itself if isolated, in what it settles in, else the cross pool, in the account's
    currency. `maintenance` is each position's own, on the notional `basis` in its `bracket`, which `counted`
    decides; `fee` is the closing fee that counts beside it.
    """

    paths: Integers
    step: Integers
    marks: Floats
    cash: Floats
    size: Floats
    margin: Floats
    isolated: Bools
    notional: Floats
    basis: Floats
    counted: Floats
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


class Look(NamedTuple):
    """How the one path of a ledger stood: of which row it is asked, when, at which marks, and what was held."""

    row: int | None
    step: Integers
    marks: Floats
    held: tuple[NDArray[Any], ...]
    fund: Floats


class Noted(NamedTuple):
    """What happened, as it is noted on the way: how things stood is worked out when all is over."""

    kind: str
    row: int | None
    symbol: str
    told: dict[str, float]
    before: Look
    after: Look


class State:
    """Wallets (K,), positions (n, K), and what has flowed since the start."""

    def __init__(
        self,
        account: Account,
        rules: Rules,
        paths: int,
        *,
        seed: int | Sequence[int] = 0,
        ledger: list[Noted] | None = None,
        stops: bool = False,
        each: Sequence[Account] = (),
    ) -> None:
        """Begin with the same on every path, with what an array of accounts holds, or with `each` account's own."""
        contracts, n = account.contracts, len(account.contracts)
        self.account, self.rules, self.ledger, self.convention = account, rules, ledger, account.convention
        self.contracts, self.pockets = contracts, Pockets(account, rules.conversion)
        self.mixed = self.pockets.mixed
        self.columns = Columns(contracts, down=True)
        self.multiplier = self.columns.multiplier
        self.depth = depths(rules, n)
        self.rows = np.arange(n)[:, None]
        self._stack_brackets(each or [account], paths)
        self._find_markets()
        self.orders = self._waiting()

        self._fill(each or [account], paths)
        self._open_books(n, paths)
        self.number = np.arange(paths)
        # What is drawn depends on the path, not on which others go with it or when it is looked at.
        seeds, apart = ([seed], self.number.astype(np.uint64)) if isinstance(seed, int) else (seed, np.uint64(0))
        self.seed = mixed(np.array([one & LOW_BITS for one in seeds], np.uint64) + apart * STRIDE)
        self._place_stops(stops, (n, paths))
        # Until a path is looked at, any price is one to look at.
        columns = n + account.assets.own.size
        self.low, self.high = np.full((columns, paths), np.inf), np.zeros((columns, paths))

    def _fill(self, accounts: Sequence[Account], paths: int) -> None:
        """Take what is held of one account or an array of them, or of several, one a path."""
        first, *others = accounts

        def rows(name: str) -> NDArray[Any]:
            values = np.stack([getattr(one, name) for one in accounts]) if others else getattr(first, name)
            return np.array(np.broadcast_to(values, (paths, len(first.contracts))).T, order="C")

        held = [(one.wallet, *(asset.amount for asset in one.collateral)) for one in accounts]
        cash = [np.array(one) if others else one[0] for one in zip(*held, strict=True)]
        self.cash = np.array([np.broadcast_to(one, paths) for one in cash], dtype=float)
        self.size, self.entry, self.margin = rows("size"), rows("entry"), rows("margin")
        self.leverage, self.isolated = rows("leverage"), rows("isolated")

    @property
    def wallet(self) -> Floats:
        """What is in the wallet, (K,)."""
        return np.asarray(self.cash[0])

    @property
    def assets(self) -> Floats:
        """What is held of each asset of the collateral, (m, K)."""
        return np.asarray(self.cash[1:])

    def begin(self, marks: Floats) -> None:
        """Count what was put in at the first marks."""
        if self.mixed:
            self.balance[:] = total(self.cash * self.pockets.prices(marks))
            self.balance += total(self.pockets.worth(self.margin, marks))

    def pay(self, rows: int | Integers, paths: Integers, amount: Numbers) -> None:
        """Put money in what these rows settle in on these paths, or take it from there where it is negative."""
        self.cash[self.pockets.of_row[rows], paths] += amount

    def pocket(self, row: int, paths: Integers) -> Floats:
        """Return what there is of what a row settles in, (k,)."""
        return np.asarray(self.cash[self.pockets.of_row[row], paths])

    def _waiting(self) -> list[tuple[int, Waiting]]:
        """Return what open orders tie up in each pocket."""
        account, names = self.account, self.pockets.names
        if not self.mixed:
            return [(0, waiting(account.orders, account.convention))]
        each = [[order for order in account.orders if order.contract.currency == name] for name in names]
        return [(pocket, waiting(orders, account.convention)) for pocket, orders in enumerate(each)]

    def _open_books(self, n: int, paths: int) -> None:
        """Begin to write down what flows."""
        # With collateral it is counted once its first price is known.
        self.balance = self.wallet + total(self.margin)
        self.liquidated = np.full((n, paths), -1, dtype=np.int32)
        self.realized, self.funding, self.fees, self.impact, self.deleveraged, self.forgone = np.zeros((6, n, paths))
        self.fund = np.full(paths, float(self.rules.fund))
        self.forfeited, self.shortfall, self.uncovered, self.fund_received, self.fund_paid = np.zeros((5, paths))
        self.proceeds, self.conversion_cost = np.zeros((2, paths))
        self.converted = np.zeros((len(self.cash) - 1, paths))
        self.refused = np.zeros(paths, dtype=np.int32)

    def _place_stops(self, stops: bool, shape: tuple[int, int]) -> None:
        """Leave room for where the trader gets out, and with which share: nan for none, no room without a plan."""
        self.stops, none = stops, np.broadcast_to(np.nan, shape)
        self.stop, self.stop_share = (none.copy(), none.copy()) if stops else (none, none)

    def _find_markets(self) -> None:
        """Find the markets that several positions are in, and refuse what cannot be told of them."""
        account, convention = self.account, self.convention
        self.growing = [row for row, one in enumerate(self.contracts) if one.tiers.growth is not None]
        self.markets = [(contract, rows) for contract, rows in account.rows_of.items() if len(rows) > 1]
        self.by_leg = not self.markets or (convention.brackets_count, convention.charged) == ("leg", "each")
        self._check_part(self.rules.part)
        if convention.fee_at("leverage"):
            account.closing_fee(account.entry)  # refused here where a leverage is missing

    def _check_part(self, part: str) -> None:
        """Refuse parts that are worked out bracket by bracket and leg by leg where these do not say it all."""
        if part == "restore" and not self.by_leg:
            raise ArgumentError(
                "part",
                "must be 'whole', 'share' or 'bracket' where the legs of a market are counted together, not 'restore'",
            )
        if part in ("bracket", "restore") and self.growing:
            raise ArgumentError("part", f"must be 'whole' or 'share' where a rate grows without steps, not {part!r}")

    def part(self, paths: slice) -> State:
        """Return the state of some neighbouring paths, in the same memory: what happens to one happens to the other."""
        part = copy(self)
        for name in _OF_PATHS:
            setattr(part, name, getattr(self, name)[..., paths])
        return part

    def _stack_brackets(self, each: Sequence[Account], paths: int) -> None:
        """Put the brackets of all contracts side by side, padded to the longest table: shape (n, brackets).

        Where accounts differ in their brackets, those of one account follow those of the other, and each path has the
        number of its first.
        """
        sets = list(dict.fromkeys(tuple(contract.tiers for contract in one.contracts) for one in each))
        tables = [[tiers.table for tiers in one] for one in sets]
        self.longest = max(len(table[0]) for one in tables for table in one)

        def stacked(columns: list[list[Floats]], fill: float | None = None) -> Floats:
            def padded(column: Floats) -> Floats:
                more = self.longest - len(column)
                return np.append(column, np.full(more, column[-1] if fill is None else fill))

            return np.concatenate([[padded(column) for column in one] for one in columns], axis=1)

        self.floors, self.rates, self.deductions, self.limits = (
            stacked([[table[column] for table in one] for one in tables]) for column in range(4)
        )
        self.uppers = stacked([[np.append(table[0][1:], np.inf) for table in one] for one in tables])
        # What decides the bracket, (n, accounts, brackets): nothing falls beyond the last.
        steps = stacked([[table[0] for table in one] for one in tables], np.inf)
        self.steps = steps.reshape(len(steps), -1, self.longest)
        self.several = len(sets) > 1
        number = [sets.index(tuple(contract.tiers for contract in one.contracts)) for one in each]
        self.first = np.array(np.broadcast_to(np.multiply(number, self.longest), paths))
        self.alike = len({tiers for one in sets for tiers in one}) == 1
        by_size = [contract.tiers.measured_in == "contracts" for contract in self.contracts]
        self.by_size = np.array(by_size)[:, None]

    def nth(self, number: int, paths: Integers) -> Integers:
        """Return where the bracket of a number, counted from 0, stands in the stacked tables: shape (1,) or (k,)."""
        return self.first[paths] + number if self.several else np.array([number])

    def in_bracket(self, table: Floats, bracket: Integers) -> Floats:
        """Return what a stacked table holds for each row in its bracket."""
        if table.shape[1] == 1:
            return table
        # All rows one after the other: a number for each is found faster than a pair.
        return np.asarray(table[0].take(bracket) if self.alike else table.take(bracket + self.rows * table.shape[1]))

    def valuation(self, paths: Integers, marks: Floats, step: Integers) -> Valuation:
        """Return what these paths are worth at these marks (n, k)."""
        columns = (self.size, self.margin, self.isolated, self.entry, self.cash)
        size, margin, isolated, entry, cash = (one.take(paths, axis=-1) for one in columns)
        pockets, amount, own = self.pockets, size * self.multiplier, marks[: len(size)]
        notional, pnl = self.columns.value(np.abs(amount), own), self.columns.profit(amount, entry, own)
        frozen = self.convention.maintenance_at == "entry"
        basis = self._value_at_entry(paths) if frozen else notional
        counted, pool, held, share = self.counted(size, isolated, basis), ~isolated, size != 0, np.ones(())
        if not self.by_leg:
            basis, share = self._charged(size, isolated, basis)
            held = basis > 0
        bracket = self.bracket(counted, paths)
        rate, deduction = self._rate(bracket, counted), self.in_bracket(self.deductions, bracket)
        maintenance = np.where(held, rate * basis - deduction * share, 0.0)
        backed = self._counted(cash, np.where(pool, pnl, 0.0), marks)
        if self.convention.fee_at("bankruptcy"):
            behind = np.where(isolated, margin, backed - self._of_market(pool, pnl))
            fee = self._fee_at_bankruptcy(size, entry, isolated, behind, own)
        elif self.convention.fee_at("leverage"):
            fee = self._fee_at_leverage(paths, size, entry, isolated)
        else:
            fee = self.convention.fee_at("liquidation") * notional
        fee = fee if self.convention.closing_fee_in == "both" else np.where(isolated, 0.0, fee)
        required = maintenance + fee
        equity = np.where(isolated, margin + pnl, backed)
        need = np.where(isolated, required, total(np.where(pool, pockets.required(required, marks), 0.0)))
        fails = self.convention.liquidates(equity, need) & (size != 0)
        return Valuation(
            paths, step, marks, cash, size, margin, isolated,
            notional, basis, counted, pnl, bracket, maintenance, fee, equity, need, fails,
        )  # fmt: skip

    def _counted(self, cash: Floats, pnl: Floats, marks: Floats, *, profit: bool = True) -> Floats:
        """Return what the pool counts for (k,), given the PnL of its positions (n, k), profit counted or not."""
        if not self.mixed:
            gained = total(pnl)
            return np.asarray(cash[0] + (gained if profit else np.minimum(gained, 0.0)))
        return self.pockets.counted(self.pockets.held(cash, pnl, profit=profit), marks)

    def held(self, valued: Valuation) -> Floats:
        """Return what each pocket holds with the PnL of the pool in it, (1 + m, k)."""
        return self.pockets.held(valued.cash, np.where(valued.pool, valued.pnl, 0.0))

    def left(self, valued: Valuation) -> Floats:
        """Return what closing all of each row's unit would leave, all of the collateral sold, (n, k).

        In the account's currency; without collateral it is the unit's equity.
        """
        if not self.mixed:
            return valued.equity
        own = self.pockets.worth(valued.equity, valued.marks)
        return np.where(valued.isolated, own, self.pockets.sold(self.held(valued), valued.marks))

    def money_of(self, valued: Valuation) -> Floats:
        """Return the money of the whole account, without signs, shape (k,)."""
        notional = total(self.pockets.worth(valued.notional, valued.marks))
        if not self.mixed:
            return np.asarray(np.abs(valued.cash[0]) + notional)
        return total(np.abs(valued.cash) * self.pockets.prices(valued.marks)) + notional

    def _value_at_entry(self, paths: Integers) -> Floats:
        """Return the notional of each row at its entry, shape (n, k)."""
        return self.columns.notional(self.size[:, paths], self.entry[:, paths])

    def _rate(self, bracket: Integers, counted: Floats) -> Floats:
        """Return the maintenance rate of each row in its bracket, and of one that grows what it has grown to."""
        rate = self.in_bracket(self.rates, bracket)
        if self.growing:
            rate = np.array(np.broadcast_to(rate, counted.shape))
            for row in self.growing:
                rate[row], _ = self.contracts[row].tiers.terms_unchecked(counted[row])
        return rate

    def bracket(self, amount: Floats, paths: Integers) -> Integers:
        """Return where the bracket that each row's amount falls into stands in the stacked tables, (n, k)."""
        bracket = np.zeros(amount.shape, dtype=np.intp)
        if self.several:
            first = self.first[paths]
            steps = self.steps.take(first // self.longest, axis=1)
            return np.asarray(first + np.maximum(np.count_nonzero(steps < amount[..., None], axis=-1) - 1, 0))
        if self.longest > 1:
            if self.alike:
                return self.contracts[0].tiers.bracket_unchecked(amount)
            for row, contract in enumerate(self.contracts):
                bracket[row] = contract.tiers.bracket_unchecked(amount[row])
        return bracket

    def _legs(
        self, size: Floats, isolated: Bools, *columns: Floats
    ) -> Iterator[tuple[Contract, list[int], list[Floats]]]:
        """Yield each market of several legs: rows, sizes in cross and columns, as `margin.legs` takes them."""
        for contract, rows in self.markets:
            yield contract, rows, [np.where(isolated[rows], 0.0, size[rows]).T, *(one[rows].T for one in columns)]

    def counted(self, size: Floats, isolated: Bools, value: Floats) -> Floats:
        """Return what decides each row's bracket (n, k): its value or size, or that of its market's cross legs."""
        amount = np.where(self.by_size, np.abs(size), value)
        for _, rows, (held, own) in self._legs(size, isolated, amount) if not self.by_leg else ():
            both = legs.counted(self.convention.brackets_count, held, own)
            amount[rows] = np.where(held != 0, both, own).T
        return amount

    def limit(self, counted: Floats, paths: Integers) -> Floats:
        """Return the highest leverage of the brackets of what is counted."""
        limit = self.in_bracket(self.limits, self.bracket(counted, paths))
        if self.growing:
            limit = np.array(np.broadcast_to(limit, counted.shape))
            for row in self.growing:
                limit[row] = self.contracts[row].tiers.limit_unchecked(counted[row])
        return limit

    def share_to_reach(self, valued: Valuation, counted: Floats, target: Floats) -> Floats:
        """Return the share of each row whose closing brings what is counted down to a target, 1 where none does."""
        share = 1 - target / counted
        own = np.where(self.by_size, np.abs(valued.size), valued.notional)
        for _, rows, (held, amount) in self._legs(valued.size, valued.isolated, own) if not self.by_leg else ():
            how = self.convention.brackets_count
            counts = held != 0 if how in ("leg", "both") else legs.charged("larger", held, amount) > 0
            of_market = np.minimum((counted[rows] - np.broadcast_to(target, counted.shape)[rows]) / own[rows], 1.0)
            apart = (held == 0).T | (own[rows] == counted[rows])
            share[rows] = np.where(apart, share[rows], np.where(counts.T, of_market, 1.0))
        return share

    def _charged(self, size: Floats, isolated: Bools, notional: Floats) -> tuple[Floats, Floats]:
        """Return the notional that each row is charged on, and its share of what the bracket counts."""
        basis, share = notional.copy(), np.ones(notional.shape)
        for _, rows, (held, own) in self._legs(size, isolated, notional):
            on, part = legs.charge(held, own, self.convention)
            basis[rows], share[rows] = np.where(held != 0, on, own).T, np.where(held != 0, part, 1.0).T
        return basis, share

    def _of_market(self, pool: Bools, column: Floats) -> Floats:
        """Return each row's own value, and for the cross legs of one market their sum."""
        if not self.markets:
            return column
        summed = column.copy()
        for _, rows in self.markets:
            summed[rows] = np.where(pool[rows], total(np.where(pool[rows], column[rows], 0.0)), column[rows])
        return summed

    def _fee_at_bankruptcy(
        self, size: Floats, entry: Floats, isolated: Bools, backing: Floats, marks: Floats
    ) -> Floats:
        """Return the fee for closing each row at the price at which its backing is used up."""
        fee = np.asarray(liquidation.bankruptcy_fee(self.columns, size, entry, backing, self.convention))
        for contract, rows, columns in self._legs(size, isolated, entry, backing, marks):
            held, since, behind, mark = columns
            # The pool stands behind all its legs alike: an isolated row, here of no size, says nothing of it.
            first = isolated[rows].argmin(axis=0)
            cash, at = behind[np.arange(len(first)), first], mark[:, 0]
            together = legs.Market(contract, held, since, cash, at, self.convention).bankruptcy_fee()
            fee[rows] = np.where(isolated[rows], fee[rows], together.T)
        return fee

    def _fee_at_leverage(self, paths: Integers, size: Floats, entry: Floats, isolated: Bools) -> Floats:
        """Return the fee for closing each row at the price at which its initial margin is used up."""
        limit = self.limit(self.counted(size, isolated, self._value_at_entry(paths)), paths)
        leverage = np.minimum(self.leverage[:, paths], limit)
        return liquidation.leverage_fee(self.columns, size, entry, leverage, self.convention)

    def needed_to_open(self, valued: Valuation, leverage: Floats | None = None) -> Floats:
        """Return what each position ties up at its leverage, or at these, shape (n, k)."""
        size, isolated = valued.size, valued.isolated
        leverage = self.leverage[:, valued.paths] if leverage is None else leverage
        limit = self.limit(self.counted(size, isolated, valued.notional), valued.paths)
        at, fee = self._of_initial_margin(valued)
        if not self.by_leg:
            at, _ = self._charged(size, isolated, at)
        return opening.needed_to_open(at, leverage, limit, valued.required, fee)

    def needed_alone(self, valued: Valuation) -> Floats:
        """Return what each position would tie up at the mark if it were isolated, shape (n, k)."""
        fee = valued.fee if self.convention.closing_fee_in == "both" else 0.0
        limit, required = self._limit_alone(valued), self._maintenance_alone(valued) + fee
        return opening.needed_to_open(valued.notional, self.leverage[:, valued.paths], limit, required)

    def _of_initial_margin(self, valued: Valuation) -> tuple[Floats, Numbers]:
        """Return the notional that initial margin is taken of, and the closing fee that counts in it."""
        at_entry = self.convention.initial_at == "entry"
        at = self._value_at_entry(valued.paths) if at_entry else valued.notional
        return at, valued.fee if self.convention.fee_in_initial else 0.0

    def _limit_alone(self, valued: Valuation) -> Floats:
        """Return the highest leverage of each row by its own bracket."""
        return self.limit(np.where(self.by_size, np.abs(valued.size), valued.notional), valued.paths)

    def _maintenance_alone(self, valued: Valuation) -> Floats:
        """Return the maintenance margin each position would have if it were isolated, shape (n, k)."""
        if self.by_leg:
            return valued.maintenance
        frozen = self.convention.maintenance_at == "entry"
        basis = self._value_at_entry(valued.paths) if frozen else valued.notional
        counted = np.where(self.by_size, np.abs(valued.size), basis)
        bracket = self.bracket(counted, valued.paths)
        rate, deduction = self._rate(bracket, counted), self.in_bracket(self.deductions, bracket)
        return np.where(valued.size != 0, rate * basis - deduction, 0.0)

    def tied(self, valued: Valuation) -> Floats:
        """Return what the cross positions and the open orders tie up, shape (k,)."""
        needed = np.where(valued.pool, self.needed_to_open(valued), 0.0)
        prices = self.pockets.prices(valued.marks)
        tied, each = total(self.pockets.required(needed, valued.marks)), needed
        if any(orders.sides for _, orders in self.orders):
            at, fee = self._of_initial_margin(valued)
            each = at / np.minimum(self.leverage[:, valued.paths], self._limit_alone(valued)) + fee
        for pocket, orders in self.orders:
            price = prices[pocket] * (self.account.assets.ratios[pocket - 1].owed if pocket else 1.0)
            tied = tied + price * orders.apart
            for contract, (bought, sold) in orders.sides.items():
                rows = self.account.rows_of.get(contract, [])
                own, side = each[rows], np.where(valued.pool[rows], valued.size[rows], 0.0)
                long, short = (np.where(way, own, 0.0).sum(axis=0) for way in (side > 0, side < 0))
                tied = tied + price * beyond(long, short, needed[rows].sum(axis=0), bought, sold)
        return np.asarray(tied)

    def there(self, valued: Valuation, *, profit: bool = False) -> Floats:
        """Return what the pool counts for but for that, losses deducted and profits counted or not, shape (k,)."""
        return self._counted(valued.cash, np.where(valued.pool, valued.pnl, 0.0), valued.marks, profit=profit)

    def backing(self, valued: Valuation, row: int) -> Floats:
        """Return what there is to open a row with, shape (k,): an isolated margin leaves the wallet."""
        backing = self.there(valued, profit=self.convention.profit_opens)
        return np.where(valued.isolated[row], self.there(valued), backing)

    def spare(self, valued: Valuation, row: int) -> Floats:
        """Return what may leave what a row settles in, negative where it is short, shape (k,).

        What the pool can spare, and of collateral at most what there is: a margin is not borrowed.
        """
        there, tied = self.there(valued), self.tied(valued)
        if not self.mixed:
            return there - tied
        held = self.pockets.held(valued.cash, np.where(valued.pool, valued.pnl, 0.0), profit=False)
        most = self.pocket(row, valued.paths)
        for counts, cost in self.pockets.lines(held, valued.marks, row):
            with np.errstate(divide="ignore", invalid="ignore"):
                most = np.where(cost > 0, np.minimum(most, (counts - tied) / cost), most)
        return np.where(there < tied, there - tied, most)

    def borrowed(self, valued: Valuation, row: int) -> Bools:
        """Return where an isolated row would have a margin, or pay a fee, out of what there is none of, shape (k,)."""
        short = valued.cash[self.pockets.of_row[row]] < -ROUNDING * (valued.notional[row] + valued.margin[row])
        return np.asarray(short & valued.isolated[row] & self.mixed)

    def watch(self, valued: Valuation) -> None:
        """Set the prices between which nothing can fail, so that no path is looked at before one is passed.

        Within its bracket what a unit has to spare is linear in each notional. An isolated position may use all
        of it; in the pool each may use its share by notional, so that together they use no more than there is.
        Where a rate grows without steps nothing is linear, and every step is looked at.
        """
        closed = valued.size == 0
        if self.stops:
            self.stop[:, valued.paths] = np.where(closed, np.nan, self.stop[:, valued.paths])
        if self.convention.fee_at("bankruptcy"):
            return  # these fees depend on the other marks as well: every step is looked at
        if self.mixed:
            return  # and what an asset counts changes with its own price
        loose = self.convention.maintenance_at != "entry"
        if loose and self.growing:
            return
        rate = self.in_bracket(self.rates, valued.bracket) if loose else 0.0
        charged, own = self._of_its_market(valued)
        slope = self.columns.direction(valued.size) - rate * charged - self.convention.fee_at("liquidation")
        pool = valued.pool
        value = np.where(pool, total(np.where(pool, valued.notional, 0.0)), valued.notional)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            money = (
                value + np.abs(valued.equity) + np.abs(np.where(pool, total(np.where(pool, valued.pnl, 0)), valued.pnl))
            )
            spare = (valued.equity - valued.need - ROUNDING * money) * np.where(pool, valued.notional / value, 1.0)
            edge = valued.notional - spare / slope
            low, high = np.where(slope > 0, edge, 0.0), np.where(slope < 0, edge, np.inf)
            if loose and self.longest > 1:
                floor, upper = (self.in_bracket(bound, valued.bracket) * own for bound in (self.floors, self.uppers))
                low = np.maximum(low, np.where(self.by_size, 0.0, floor * (1 + ROUNDING)))
                high = np.minimum(high, np.where(self.by_size, np.inf, upper * (1 - ROUNDING)))
            amount = np.abs(valued.size) * self.multiplier
            linear = self.columns.kind == "linear"
            low, high = (low / amount, high / amount) if linear else (amount / high, amount / low)
        if self.stops:
            stop = self.stop[:, valued.paths]
            low = np.fmax(low, np.where(valued.size > 0, stop * (1 + ROUNDING), np.nan))
            high = np.fmin(high, np.where(valued.size < 0, stop * (1 - ROUNDING), np.nan))
        self.low[:, valued.paths] = np.where(closed, 0.0, low)
        self.high[:, valued.paths] = np.where(closed, np.inf, high)

    def _of_its_market(self, valued: Valuation) -> tuple[Numbers, Numbers]:
        """Return which part of its notional a row is charged on, and how much of what its bracket counts it is."""
        if self.by_leg:
            return 1.0, 1.0
        counted = np.where(valued.counted > 0, valued.counted, np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            return valued.basis / valued.notional, valued.notional / counted

    def recorded(self, valued: Valuation) -> dict[str, Floats]:
        """Return what may be recorded of a step: shapes (K,), (K,) and (n, K)."""
        held, required = valued.margin + valued.pnl, valued.required
        if self.mixed:
            cash = total(valued.cash * self.pockets.prices(valued.marks))
            held, own = (self.pockets.worth(column, valued.marks) for column in (held, required))
            required = np.where(valued.isolated, own, self.pockets.required(required, valued.marks))
        else:
            cash = valued.cash[0]
        return {"equity": cash + total(held), "requirement": total(required), "size": valued.size}

    def balance_of(self, row: int | None, valued: Valuation) -> Look | None:
        """Return how a row, or with ``None`` the whole account, stands now; only where a ledger is kept."""
        if self.ledger is None:
            return None
        held = tuple(getattr(self, name)[..., valued.paths] for name in _HELD)
        # The prices lie in a block that is used again.
        return Look(row, valued.step.copy(), valued.marks.copy(), held, self.fund[valued.paths])

    def note(
        self,
        kind: str,
        row: int | None,
        valued: Valuation,
        before: Look | None,
        *,
        asset: str = "",
        **numbers: Numbers,
    ) -> None:
        """Write down what happened, where a ledger is kept."""
        if self.ledger is None or before is None:
            return
        told: dict[str, float] = {"size": 0.0, "amount": 0.0, "fee": 0.0, "impact": 0.0}
        symbol = asset if row is None else self.contracts[row].symbol
        told |= {name: one(value) for name, value in numbers.items()}
        if row is not None:
            told.setdefault("price", one(valued.marks[row]))
        self.ledger.append(Noted(kind, row, symbol, told, before, self.balance_of(row, valued) or before))

    def written(self) -> Ledger | None:
        """Return the ledger of what was noted, where one is kept."""
        if self.ledger is None:
            return None
        balances = iter(self._balances([look for noted in self.ledger for look in (noted.before, noted.after)]))
        return Ledger(
            LedgerEntry(
                step=int(one(noted.before.step)),
                kind=noted.kind,
                position=noted.row,
                symbol=noted.symbol,
                price=noted.told.pop("price", None),
                before=next(balances),
                after=next(balances),
                **noted.told,
            )
            for noted in self.ledger
        )

    def _balances(self, looks: Sequence[Look]) -> list[Balance]:
        """Return what was seen at each look, worked out for all at once as if each were a path of its own."""
        if not looks:
            return []
        then = copy(self)
        for name, columns in zip(_HELD, zip(*(look.held for look in looks), strict=True), strict=True):
            setattr(then, name, np.concatenate(columns, axis=-1))
        marks = np.concatenate([look.marks for look in looks], axis=-1)
        step = np.concatenate([look.step for look in looks])
        now = then.valuation(np.arange(len(looks)), marks, step)
        own = np.where(now.isolated, self.pockets.worth(now.margin + now.pnl, marks), 0.0)
        pool = self._counted(now.cash, np.where(now.isolated, 0.0, now.pnl), marks)
        whole = pool + total(own) if self.mixed else now.cash[0] + total(now.margin + now.pnl)
        margins, required = total(self.pockets.worth(now.margin, marks)), self.recorded(now)["requirement"]
        found = []
        for i, look in enumerate(looks):
            row = look.row
            if row is None:
                shown = (margins[i], 0.0, whole[i], required[i])
            else:
                shown = (now.margin[row, i], now.size[row, i], now.equity[row, i], now.need[row, i])
            margin, size, equity, need = map(float, shown)
            assets = tuple(now.cash[1:, i].tolist())
            found.append(Balance(float(now.cash[0, i]), margin, size, equity, need, one(look.fund), assets))
        return found


# What is held on each path, of which all else follows at given marks.
_HELD = ("cash", "size", "entry", "margin", "leverage", "isolated", "first")
_OF_PATHS = (
    *("cash", "size", "entry", "margin", "leverage", "isolated", "balance", "liquidated", "refused", "low", "high"),
    *("stop", "stop_share", "first"),
    *("realized", "funding", "fees", "impact", "fund", "fund_received", "fund_paid"),
    *("converted", "proceeds", "conversion_cost"),
    *("forfeited", "shortfall", "uncovered", "deleveraged", "forgone", "number", "seed"),
)


def check_same(argument: str, accounts: Sequence[Account]) -> None:
    """Refuse accounts of which not all are one, or that hold other positions than the first, or are counted otherwise.

    What they may differ in is the modes, where the money is, and the brackets.
    """
    first = accounts[0]
    for one in accounts:
        if one.lead:
            raise ArgumentError(argument, "must each be one account, not an array of them")
        alike = [getattr(one, name) == getattr(first, name) for name in ("convention", "orders", "currency")]
        alike += [np.array_equal(getattr(one, name), getattr(first, name)) for name in ("size", "entry")]
        assets = [[(a.asset, a.ratio, a.price, a.quoted_in) for a in held.collateral] for held in (one, first)]
        if not all(alike) or assets[0] != assets[1] or not _same_but_for_brackets(one.contracts, first.contracts):
            raise ArgumentError(argument, "must hold the same positions in the same order, counted in the same way")


def _same_but_for_brackets(some: Sequence[Contract], others: Sequence[Contract]) -> bool:
    """Return whether contracts are the same but for their brackets, none of whose rates grows without steps."""
    return len(some) == len(others) and all(
        one == other
        or (
            one == replace(other, tiers=one.tiers)
            and one.tiers.measured_in == other.tiers.measured_in
            and one.tiers.growth is other.tiers.growth is None
        )
        for one, other in zip(some, others, strict=True)
    )


def mixed(number: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers of 64 bits that look random, the same for the same ones (the last step of SplitMix64)."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


def depths(rules: Rules, positions: int) -> Floats:
    """Return the depth of each position's book, shape (n, 1)."""
    depth = np.asarray(rules.depth, dtype=float)
    _checks.one_each(positions, depth=depth)
    return np.broadcast_to(depth, positions)[:, None]


def one(value: Numbers | Integers) -> float:
    """Return the only number there is."""
    return float(np.ravel(value)[0])


def total(rows: Floats) -> Floats:
    """Return the sum over positions, one after the other: the same to the last bit for one path or for many."""
    result = rows[0]
    for row in rows[1:]:
        result = result + row
    return np.asarray(result)
