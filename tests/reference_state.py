"""What is true of an account at given marks, for the referee: textbook formulas in fractions, and the books."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

from quicktions import Fraction

from .oracle import (
    INFINITY,
    bankruptcy_price,
    bracket_number,
    bracket_of,
    charged_on,
    grown,
    leg_maintenance,
    leverage_fee,
    notional,
    pnl,
    rate_at,
    together,
)
from .reference_collateral import Books

NOTHING = Fraction(0)
Balance = namedtuple("Balance", "wallet margin size equity requirement fund")
MixedBalance = namedtuple("MixedBalance", [*Balance._fields, "assets"])
LedgerEntry = namedtuple("LedgerEntry", "step kind position size price amount fee impact before after")


def exact(number):
    """Return a number as a fraction; infinity stays what it is."""
    return number if number == INFINITY else Fraction(number)


@dataclass
class Row:
    """One position, with what has flowed through it."""

    index: int
    contract: object
    size: Fraction
    entry: Fraction
    isolated: bool
    margin: Fraction
    leverage: object
    mark: Fraction = None
    realized: Fraction = NOTHING
    funding: Fraction = NOTHING
    fees: Fraction = NOTHING
    impact: Fraction = NOTHING
    deleveraged: Fraction = NOTHING
    forgone: Fraction = NOTHING
    liquidated: int = -1
    # The price and the share of a stop that stands.
    stop: tuple = None

    @property
    def side(self):
        """Return 1 for a long, -1 for a short, 0 for none."""
        return (self.size > 0) - (self.size < 0)

    @property
    def notional(self):
        """Return the value at the mark."""
        return notional(self.contract, self.size, self.mark)

    @property
    def pnl(self):
        """Return the unrealized profit or loss at the mark."""
        return pnl(self.contract, self.size, self.entry, self.mark)

    def counted(self, value):
        """Return what the brackets count of a position of this value."""
        return abs(self.size) if self.contract.tiers.measured_in == "contracts" else value

    def bracket(self, amount):
        """Return the number of the bracket of an amount."""
        return bracket_number(self.contract.tiers, amount)

    def maintenance_on(self, value):
        """Return r V - c of a position of this value."""
        counted = self.counted(value)
        return rate_at(self.contract.tiers, counted) * value - bracket_of(self.contract.tiers, counted)[3]

    def limit(self, amount):
        """Return the highest leverage of the bracket that an amount is in, or that a rate without steps leaves."""
        tiers = self.contract.tiers
        stated = exact(tiers.max_leverage[self.bracket(amount)])
        if tiers.growth is None or stated == INFINITY:
            return stated
        if tiers.growth.initial is None:
            return min(stated, 1 / rate_at(tiers, amount)) if amount else stated
        return 1 / grown(tiers.growth, 1 / stated, amount, tiers.growth.initial)


class State(Books):
    """An account at the marks of a step, and what has flowed so far."""

    def __init__(self, account, rules):
        columns = (account.contracts, account.size, account.entry, account.isolated, account.margin, account.leverage)
        self.rows = [
            Row(i, contract, Fraction(size), Fraction(entry), bool(isolated), Fraction(margin), exact(leverage))
            for i, (contract, size, entry, isolated, margin, leverage) in enumerate(zip(*columns, strict=True))
        ]
        self.convention, self.rules, self.orders = account.convention, rules, account.orders
        self.wallet, self.fund = Fraction(account.wallet), exact(rules.fund)
        self.open_books(account)
        self.forfeited = self.shortfall = self.fund_received = self.fund_paid = Fraction(0)
        self.uncovered = Fraction(0)
        self.refused, self.step, self.ledger = 0, 0, []
        self.money, self.largest = abs(self.wallet), [abs(row.size) for row in self.rows]

    # What is true at the marks.

    def open_rows(self, isolated):
        """Return the open positions of one mode, in row order."""
        return [row for row in self.rows if row.size and row.isolated == isolated]

    def cross_pnl(self):
        """Return the unrealized profit or loss of the cross pool."""
        return sum((row.pnl for row in self.open_rows(isolated=False)), Fraction(0))

    def market_of(self, row):
        """Return the open legs that are counted together with this one: itself, or its contract's in the pool."""
        pool = [one for one in self.rows if one.size and not one.isolated and one.contract == row.contract]
        return [row] if row.isolated or not row.size else pool

    def both(self, row, value_of):
        """Return what the long and what the short legs of a row's market come to."""
        legs = self.market_of(row)
        return tuple(sum((value_of(one) for one in legs if one.side == side), Fraction(0)) for side in (1, -1))

    def counted(self, row):
        """Return what decides the bracket of a row at the mark."""
        own = row.counted(row.notional)
        both = self.both(row, lambda one: one.counted(one.notional))
        return together(self.convention.brackets_count, *both, own) if row.size else own

    def leverage_limit(self, row):
        """Return the highest leverage of the bracket that a row is in at the mark."""
        return row.limit(self.counted(row))

    def maintenance(self, row):
        """Return r V - c, at the mark or frozen at entry, of what the venue counts and charges."""
        value = self.value_for_maintenance(row)
        if not row.size:
            return row.maintenance_on(value)
        return leg_maintenance(
            row.contract.tiers,
            row.size,
            value,
            row.counted(value),
            self.both(row, self.value_for_maintenance),
            self.both(row, lambda one: one.counted(self.value_for_maintenance(one))),
            self.convention,
        )

    def value_for_maintenance(self, row):
        """Return the value that the maintenance margin is counted on."""
        frozen = self.convention.maintenance_at == "entry"
        return notional(row.contract, row.size, row.entry) if frozen else row.notional

    def closing_fee(self, row):
        """Return the fee for closing as far as it is required: on the value at the mark or at bankruptcy."""
        rate, at = Fraction(self.convention.closing_fee), self.convention.closing_fee_at
        if not rate or (row.isolated and self.convention.closing_fee_in == "cross"):
            return Fraction(0)
        if at == "liquidation":
            return rate * row.notional
        if at == "leverage":
            legs = self.market_of(row)
            amounts = [one.counted(notional(one.contract, one.size, one.entry)) for one in legs]
            both = [sum(a for one, a in zip(legs, amounts, strict=True) if one.side == side) for side in (1, -1)]
            own = row.counted(notional(row.contract, row.size, row.entry))
            counted = together(self.convention.brackets_count, *both, own)
            return leverage_fee(
                row.contract, row.size, row.entry, min(row.leverage, row.limit(counted)), self.convention
            )
        price = self.bankruptcy(row) if at == "bankruptcy" else None
        return Fraction(0) if price is None else rate * notional(row.contract, row.size, price)

    def bankruptcy(self, row):
        """Return the price at which nothing is left behind a row: of an isolated one its own, in cross its market's."""
        legs = self.market_of(row)
        if len(legs) < 2:
            backing = row.margin if row.isolated else self.wallet + self.cross_pnl() - row.pnl
            return bankruptcy_price(row.contract, row.size, row.entry, backing, self.convention)
        rate, m = Fraction(self.convention.closing_fee), Fraction(row.contract.multiplier)
        cash = self.wallet + self.cross_pnl() - sum(one.pnl for one in legs)
        net, gross = m * sum(one.size for one in legs), m * sum(abs(one.size) for one in legs)
        if row.contract.kind == "linear":
            above, below = m * sum(one.size * one.entry for one in legs) - cash, net - rate * gross
        else:
            above, below = net + rate * gross, cash + m * sum(one.size / one.entry for one in legs)
        outweighed = net * (below if row.contract.kind == "linear" else above) <= 0
        return above / below if below and above / below > 0 and not outweighed else None

    def requirement(self, row):
        """Return maintenance and the closing fee where it counts; nothing for a closed position."""
        return self.maintenance(row) + self.closing_fee(row) if row.size else Fraction(0)

    def initial_margin(self, row):
        """Return value / leverage, the bracket's limit on leverage kept, and at least the requirement."""
        leverage = min(row.leverage, self.leverage_limit(row))
        at_entry = self.convention.initial_at == "entry"

        def value_of(one):
            return notional(one.contract, one.size, one.entry) if at_entry else one.notional

        value = value_of(row)
        if row.size and not row.isolated:
            value = charged_on(row.size, value, self.both(row, value_of), self.convention)
        at_leverage = Fraction(0) if leverage == INFINITY else value / leverage
        if row.size and self.convention.fee_in_initial:
            at_leverage += self.closing_fee(row)
        return max(at_leverage, self.requirement(row)) if row.size else Fraction(0)

    def initial_alone(self, row):
        """Return the initial margin at the mark of a row that stood for itself."""
        if not row.size:
            return Fraction(0)
        leverage = min(row.leverage, row.limit(row.counted(row.notional)))
        fee = self.closing_fee(row) if self.convention.closing_fee_in == "both" else Fraction(0)
        needed = row.maintenance_on(self.value_for_maintenance(row)) + fee
        return max(Fraction(0) if leverage == INFINITY else row.notional / leverage, needed)

    def free_to_open(self, row):
        """Return what a row can be opened with: profit backs cross positions where the venue lets it."""
        return self.free(profit=self.convention.profit_opens and not row.isolated)

    def free(self, profit=False):
        """Return what the pool holds beyond cross losses and cross initial margins; negative if it is short."""
        initial = sum(self.initial_margin(row) * self.weight(row.contract) for row in self.open_rows(isolated=False))
        return self.pool_equity(profit) - initial - self.ordered()

    def ordered(self):
        """Return what open orders tie up beside the positions."""
        more, sides = Fraction(0), {}
        for order in self.orders:
            if order.reduce_only:
                continue
            needed = self.order_margin(order) * self.weight(order.contract)
            if order.mode == "isolated" or self.convention.orders_tie == "both":
                more += needed
            else:
                sides.setdefault(order.contract, [Fraction(0), Fraction(0)])[order.size < 0] += needed
        for contract, orders in sides.items():
            held = [row for row in self.open_rows(isolated=False) if row.contract == contract]
            weight = self.weight(contract)
            own = [sum(self.initial_of_each(row) for row in held if row.side == side) * weight for side in (1, -1)]
            tied = sum(self.initial_margin(row) for row in held) * weight
            more += max(0, own[0] + orders[0] - tied, own[1] + orders[1] - tied)
        return more

    def initial_of_each(self, row):
        """Return the initial margin of a leg charged whole, by its own bracket."""
        leverage = min(row.leverage, row.limit(row.counted(row.notional)))
        at_entry = self.convention.initial_at == "entry"
        value = notional(row.contract, row.size, row.entry) if at_entry else row.notional
        fee = self.closing_fee(row) if self.convention.fee_in_initial else 0
        return (Fraction(0) if leverage == INFINITY else value / leverage) + fee

    def order_margin(self, order):
        """Return what one order ties up of its own."""
        value = notional(order.contract, order.size, order.price)
        as_row = Row(-1, order.contract, Fraction(order.size), Fraction(order.price), False, Fraction(0), INFINITY)
        limit = as_row.limit(as_row.counted(value))
        leverage = limit if order.leverage is None else min(exact(order.leverage), limit)
        rate, at = Fraction(self.convention.closing_fee), self.convention.closing_fee_at
        fee = rate * value if at == "liquidation" else Fraction(0)
        fee += leverage_fee(order.contract, order.size, order.price, leverage, self.convention)
        if order.mode == "isolated" and self.convention.closing_fee_in == "cross":
            fee = Fraction(0)
        initial = value / leverage + (fee if self.convention.fee_in_initial else 0)
        return max(initial, as_row.maintenance_on(value) + fee)

    def available(self, row):
        """Return what may leave what a position settles in: what the pool can spare, and is there of it."""
        free = self.free()
        return max(Fraction(0), self.most(row, free) if self.mixed else free)

    def most(self, row, free):
        """Return with how much less of what a position settles in the pool still has what it must."""
        name, there = row.contract.currency, max(self.pocket(row), Fraction(0))
        if free <= 0 or name not in self.assets:
            return min(free, there)
        ratio, held = self.ratios[name], self.held(profit=False)[name]
        unit, has = (self.prices[name] if ratio.measured_in == "value" else 1), self.pool_equity(profit=False)
        kinks = [held - Fraction(floor) / unit for floor in ratio.floors]
        points = [Fraction(0), *sorted(kink for kink in kinks if 0 < kink < there), there]
        left = [free + self.pool_equity(profit=False, **{name: gone}) - has for gone in points]
        for at, after, gone, more in zip(left, left[1:], points, points[1:], strict=False):
            if after < 0:
                return gone + at * (more - gone) / (at - after)
        return there

    def carries(self, row):
        """Return whether the pool has what it must, and nothing of what a position has been given was borrowed."""
        return self.free() >= 0 and not (self.mixed and self.pocket(row) < 0)

    def unit_of(self, row):
        """Return the positions that live and die with this one: itself, or the cross pool."""
        return [row] if row.isolated else self.open_rows(isolated=False)

    def equity_of(self, row):
        """Return the equity of the position's unit."""
        return row.margin + row.pnl if row.isolated else self.pool_equity()

    def too_little(self, equity, need):
        """Return whether equity does not cover what it must, by the venue's way of counting."""
        return equity <= need if self.convention.at_equality else equity < need

    def need_of(self, row):
        """Return the requirement of the position's unit."""
        return self.requirement(row) if row.isolated else self.need_of_pool()

    def need_of_pool(self):
        """Return what the pool must hold."""
        pool = self.open_rows(isolated=False)
        return sum((self.requirement(one) * self.weight(one.contract) for one in pool), Fraction(0))

    def equity(self):
        """Return what the whole account is worth."""
        cash = sum(amount * self.prices[name] for name, amount in self.cash().items())
        return cash + sum((row.margin + row.pnl) * self.unit(row) for row in self.rows)

    def total_requirement(self):
        """Return the requirements of all positions."""
        alone = (self.requirement(row) * self.unit(row) for row in self.rows if row.isolated)
        return self.need_of_pool() + sum(alone, Fraction(0))

    # The books.

    def balance(self, row):
        """Return the state of a position and its unit, or of the whole account for None."""
        if row is None:
            margins = sum(one.margin * self.unit(one) for one in self.rows)
            equity = self.pool_equity() + sum(self.left(one) for one in self.rows if one.isolated)
            shown = self.wallet, margins, Fraction(0), equity, self.total_requirement(), self.fund
        else:
            shown = self.wallet, row.margin, row.size, self.equity_of(row), self.need_of(row), self.fund
        return MixedBalance(*shown, tuple(self.assets.values())) if self.mixed else Balance(*shown)

    def enter(self, kind, row, before, amount=0, size=0, price=None, fee=0, impact=0):
        """Write an entry of what has just happened to a position, or to the whole account for None."""
        if row is not None:
            price = row.mark if price is None else price
        index = None if row is None else row.index
        entry = (self.step, kind, index, Fraction(size), price, Fraction(amount), Fraction(fee), Fraction(impact))
        self.ledger.append(LedgerEntry(*entry, before, self.balance(row)))

    def measure(self):
        """Keep the most money that has been involved, and the largest size of each position."""
        cash = sum(abs(amount) * self.prices[name] for name, amount in self.cash().items())
        self.money = max(self.money, cash + sum((row.notional + abs(row.pnl)) * self.unit(row) for row in self.rows))
        self.largest = [max(largest, abs(row.size)) for largest, row in zip(self.largest, self.rows, strict=True)]

    def add_cash(self, row, amount):
        """Put money where the position's cash is: its own margin, or the wallet."""
        if row is None:
            self.wallet += amount
        elif row.isolated:
            row.margin += amount
        else:
            self.pay(row, amount)

    def return_margin(self, row):
        """Give the margin of an isolated position back to the wallet; return it."""
        returned, row.margin = row.margin, Fraction(0)
        self.pay(row, returned)
        return returned


def result_of(path, recorded):
    """Return the final numbers under the names that an outcome has for them.

    Beside them what rounding is measured against: the money involved, and the largest size of each position.
    """
    totals = "wallet fund forfeited shortfall fund_received fund_paid uncovered refused proceeds"
    totals += " conversion_cost"
    each = "margin size entry isolated liquidated realized funding fees impact deleveraged forgone"
    equity_path, requirement_path, size_path = (list(column) for column in zip(*recorded, strict=True))
    return SimpleNamespace(
        **{name: getattr(path, name) for name in [*totals.split(), "ledger", "money", "largest"]},
        **{name: [getattr(row, name) for row in path.rows] for name in each.split()},
        balance=path.balance_at_start,
        assets=list(path.assets.values()),
        converted=list(path.converted.values()),
        prices=[path.prices[name] for name in path.assets],
        units=[path.unit(row) for row in path.rows],
        equity=path.equity(),
        unrealized=[row.pnl for row in path.rows],
        equity_path=equity_path,
        requirement_path=requirement_path,
        size_path=size_path,
    )
