"""The referee of the margin engine: one path, one position and one rule at a time, in exact fractions.

Slow and plain on purpose, and written from the rules alone: accounts, contracts, conventions and rules are read
as data, and no formula is taken from marginlab. Here is what happens at a step, in this order: funding, what the
user does (`reference_actions`), top-ups, replenishments, stops, liquidations. `reference_state` says what is true at
given marks.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from quicktions import Fraction

from .oracle import INFINITY, brackets, notional
from .reference_actions import act, can_pay, close
from .reference_collateral import cut_up, prices_at
from .reference_state import State, exact, result_of

# How far below a bound a position is brought to be surely in the bracket below it.
BELOW = 1 - Fraction(1, 2**40)
# The odd number next to 2^64 divided by the golden ratio.
GOLDEN = 0x9E3779B97F4A7C15


class Path(State):
    """An account on its way along one path of prices."""

    def settle_funding(self, rates):
        """Pay or receive -sign(q) V rate on each open position."""
        for row, rate in zip(self.rows, rates, strict=True):
            received = -row.side * row.notional * Fraction(rate)
            if not received:
                continue
            before = self.balance(row)
            from_margin = received
            if row.isolated and self.rules.isolated_funding == "wallet":
                to_wallet = received if received > 0 else -min(-received, max(self.pocket(row), 0))
                self.pay(row, to_wallet)
                from_margin = received - to_wallet
            self.add_cash(row, from_margin)
            row.funding += received
            self.enter("funding", row, before, amount=received)

    def top_up(self, target, budget):
        """Bring isolated positions to a target equity, out of the wallet; return what is left of the budget."""
        for row in self.open_rows(isolated=True):
            wanted = target * row.notional - self.equity_of(row)
            amount = min(wanted, budget if budget == INFINITY else budget / self.unit(row), self.available(row))
            if amount > 0:
                before = self.balance(row)
                self.pay(row, -amount)
                row.margin += amount
                budget -= amount * self.unit(row)
                self.enter("topped up", row, before, amount=amount)
        return budget

    def replenish(self, auto):
        """Help isolated positions out of a liquidation with one initial margin at entry after the other."""
        for index in range(len(self.rows)) if auto.positions is None else auto.positions:
            row = self.rows[index]
            while row.isolated and self.fails(self.together(row)) and self.available(row) > 0:
                before, amount = self.balance(row), min(self.initial_at_entry(row), self.available(row))
                if not amount:
                    break
                self.pay(row, -amount)
                row.margin += amount
                self.enter("replenished", row, before, amount=amount)

    def initial_at_entry(self, row):
        """Return the initial margin at the entry price, and at least what is required now."""
        value = notional(row.contract, row.size, row.entry)
        limit = row.limit(row.counted(value))
        leverage = min(row.leverage, limit)
        return max(Fraction(0) if leverage == INFINITY else value / leverage, self.requirement(row))

    def stop_out(self):
        """Close what has reached its stop, where the venue does not come first and the loss can be paid."""
        for row in self.rows:
            if not row.size or row.stop is None:
                continue
            price, share = row.stop
            if row.side * (row.mark - price) <= 0 and not self.fails(self.together(row)) and can_pay(self, row, share):
                row.stop = None
                close(self, row, share, "stopped")

    # Liquidation.

    def liquidate_where_due(self):
        """Look at each isolated position alone, then at the cross pool."""
        for owner in [*(row for row in self.rows if row.isolated), None]:
            self.liquidate(owner)

    def together(self, owner):
        """Return the open positions that are liquidated together: an isolated one alone, or the cross pool for None."""
        return self.open_rows(isolated=False) if owner is None else [owner] if owner.size else []

    def fails(self, unit):
        """Return whether the equity of a unit no longer covers what it must."""
        if not unit:
            return False
        return self.too_little(self.equity_of(unit[0]), self.need_of(unit[0]))

    def liquidate(self, owner):
        """Reduce or close a unit until it no longer fails, as far as the rules go."""
        rules, closings = self.rules, 0
        if owner is None and rules.net_first and self.fails(self.together(None)):
            self.net()
        began = {row.index: abs(row.size) for row in self.together(owner)}
        at_once, begun = owner is None and rules.order == "all at once", False
        while (unit := self.together(owner)) and (self.fails(unit) or (at_once and begun)):
            begun = True
            below = Fraction(rules.takeover_below)
            if self.left(unit[0]) <= 0 or (below and self.equity_of(unit[0]) <= below * self.need_of(unit[0])):
                return self.take_over(unit, owner)
            shares = {row.index: 1 if at_once else self.share_to_close(row, began[row.index]) for row in unit}
            row = min(unit, key=lambda row: (shares[row.index] == 1, self.rank(row), row.index))
            share = shares[row.index]
            if share == 1 and rules.close == "takeover":
                return self.take_over(unit, owner)
            if (closings == rules.rounds and not at_once) or share <= Fraction(1e-12):
                return None
            self.close_in_market(row, share)
            closings += 1
            if rules.part == "restore" and share < 1 and self.left(row) > 0:
                return None
        return None

    def rank(self, row):
        """Return what the position is put in order by, the first to be closed the smallest."""
        if self.rules.order == "largest loss":
            return row.pnl * self.unit(row)
        return self.drawn(self.step * len(self.rows) + row.index) if self.rules.order == "random" else row.index

    def drawn(self, count):
        """Return a whole number of 64 bits: the one with this count of the numbers that belong to the path."""
        own = splitmix((self.seed + self.number * GOLDEN) % 2**64)
        return splitmix((own + count * GOLDEN) % 2**64)

    def net(self):
        """Close longs and shorts of one contract in the pool against each other, each side its share of the overlap."""
        pool = self.open_rows(isolated=False)
        for first in pool:
            legs = [row for row in pool if row.contract == first.contract]
            if first is not legs[0]:
                continue
            long, short = (sum(abs(row.size) for row in legs if row.side == side) for side in (1, -1))
            shares = {row.index: min(long, short) / (long if row.side == 1 else short) for row in legs}
            for row in legs:
                if shares[row.index]:
                    before, held = self.balance(row), row.size
                    realized = self.close_by_force(row, shares[row.index], Fraction(0))
                    self.enter("netted", row, before, realized, row.size - held)

    def share_to_close(self, row, began):
        """Return the share of a position that the rules close at a time."""
        share = getattr(self, "close_" + self.rules.part)(row, began)
        return Fraction(1) if share > 1 - Fraction(1e-9) else share

    def close_whole(self, _row, _began):
        """Close all of it."""
        return Fraction(1)

    def close_share(self, row, began):
        """Close a share of what it was when its liquidation began; a small position at once."""
        if row.notional * self.unit(row) <= Fraction(self.rules.share_above):
            return Fraction(1)
        return Fraction(self.rules.share) * began / abs(row.size)

    def close_bracket(self, row, _began):
        """Close down to the top of a lower bracket."""
        amount, own = self.counted(row), row.counted(row.notional)
        lower = row.bracket(amount) - self.rules.brackets
        long, short = self.both(row, lambda one: one.counted(one.notional))
        smaller = self.convention.brackets_count in ("net", "larger") and (row.side > 0) != (long >= short)
        if lower < 0 or smaller:
            return Fraction(1)
        return min(Fraction(1), (amount - brackets(row.contract.tiers)[lower + 1][0] * BELOW) / own)

    def close_restore(self, row, _began):
        """Close the smallest share after which equity covers what is then required, `restore_to` times.

        In each bracket, from that of the whole position downwards, what is covered beyond need is room + slope x.
        """
        rules, weight = self.rules, 1 if row.isolated else self.weight(row.contract)
        target = Fraction(rules.restore_to)
        others = self.need_of(row) - self.requirement(row) * weight
        fee, value = self.closing_fee(row), self.value_for_maintenance(row)
        amount = row.counted(value)
        flat, per_share = (
            Fraction(rules.flat_liquidation_fee) / self.unit(row),
            Fraction(rules.liquidation_fee) * row.notional,
        )
        for floor, upper, rate, deduction in reversed(brackets(row.contract.tiers)):
            if floor >= amount:
                continue
            start, end = (0 if amount <= upper else 1 - upper * BELOW / amount), 1 - floor / amount

            def beyond(x, rate=rate, deduction=deduction):
                """Return what is left beyond need once a share is closed."""
                needed = target * (others + weight * ((rate * value + fee) * (1 - x) - deduction))
                return self.equity_less(row, x * per_share + flat) - needed

            points = [start, *sorted(x for x in self.kinks(row, flat, per_share) if start < x < end), end]
            if beyond(start) >= 0:
                return cut_up(start)
            for low, high in pairwise(points):
                at_low, at_high = beyond(low), beyond(high)
                if at_low < 0 < at_high or (at_low < 0 and at_high == 0 and high < end):
                    return cut_up(low - at_low * (high - low) / (at_high - at_low))
        return Fraction(1)

    def equity_less(self, row, paid):
        """Return the equity of a row's unit once it has paid something."""
        if row.isolated:
            return self.equity_of(row) - paid
        return self.pool_equity(**{row.contract.currency if self.mixed else self.currency: paid})

    def kinks(self, row, flat, per_share):
        """Return at which shares, as fees are paid for them, what is held of an asset enters another slice."""
        ratio = self.ratios.get(row.contract.currency)
        if row.isolated or ratio is None or not per_share:
            return []
        price = self.unit(row) if ratio.measured_in == "value" else 1
        held = self.held()[row.contract.currency]
        return [(held - flat - Fraction(floor) / price) / per_share for floor in ratio.floors]

    def liquidation_fee(self, row, value, left):
        """Return the fee on a value closed by force and the flat one, at most what is left."""
        unit = self.unit(row)
        fee = Fraction(self.rules.liquidation_fee) * value + Fraction(self.rules.flat_liquidation_fee) / unit
        return min(fee, max(left, Fraction(0)) / unit)

    def impact(self, row, value):
        """Return the cost of closing a value in the market, as a share of it."""
        depths = self.rules.depth
        depth = exact(depths if np.ndim(depths) == 0 else depths[row.index])
        return Fraction(0) if depth == INFINITY else min(value * self.unit(row) / (200 * depth), Fraction(1, 2))

    def close_by_force(self, row, share, fee, impact=0):
        """Book the closing of a share of a position: profit, fee and impact; return the profit."""
        realized = share * row.pnl
        self.add_cash(row, realized - impact - fee)
        row.realized += realized
        row.fees += fee
        row.impact += impact
        to_fund = Fraction(self.rules.fund_share) * fee * self.unit(row)
        self.fund += to_fund
        self.fund_received += to_fund
        row.size = row.size * (1 - share)
        if not row.size and row.liquidated < 0:
            row.liquidated = self.step
        return realized

    def close_in_market(self, row, share):
        """Close a share of a position in the market; what the fund must add if cash runs out, it adds."""
        before, held = self.balance(row), row.size
        value = share * row.notional
        worse = self.impact(row, value)
        fee = self.liquidation_fee(row, value, self.left(row) - worse * value * self.unit(row))
        price = fill_price(row, share, worse)
        realized = self.close_by_force(row, share, fee, worse * value)
        if row.isolated and share == 1 and row.margin >= 0:
            self.return_margin(row)
        kind = "liquidated" if share == 1 else "reduced"
        self.enter(kind, row, before, realized, row.size - held, price, fee, worse * value)
        if row.isolated and row.margin < 0 and share == 1:
            self.cover(row, -row.margin)
        if not row.isolated and not self.open_rows(isolated=False):
            if self.mixed:
                self.convert_debts()
            if self.wallet < 0:
                self.cover(None, -self.wallet)

    def take_over(self, unit, owner):
        """Hand a unit over at the marks, with all the cash behind it."""
        left = self.left(unit[0])
        for row in unit:
            before, held = self.balance(row), row.size
            fee = self.liquidation_fee(row, row.notional, left)
            left -= fee * self.unit(row)
            realized = self.close_by_force(row, Fraction(1), fee)
            self.enter("taken over", row, before, realized, -held, fee=fee)
        if owner is None:
            self.convert_all()
        cash = self.wallet if owner is None else owner.margin
        if cash > 0:
            before, worth = self.balance(owner), cash * (1 if owner is None else self.unit(owner))
            self.add_cash(owner, -cash)
            self.fund += worth
            self.fund_received += worth
            self.forfeited += worth
            self.enter("fund received", owner, before, amount=cash)
        elif cash < 0:
            self.cover(owner, -cash)

    # Shortfalls.

    def cover(self, owner, shortfall):
        """Make up for cash below 0: the insurance fund does as far as it can, and others bear the rest."""
        unit = Fraction(1) if owner is None else self.unit(owner)
        self.shortfall += shortfall * unit
        paid = shortfall if self.fund == INFINITY else min(self.fund / unit, shortfall)
        if paid > 0:
            before = self.balance(owner)
            self.add_cash(owner, paid)
            self.fund -= paid * unit
            self.fund_paid += paid * unit
            self.enter("fund paid", owner, before, amount=paid)
        rest = shortfall - paid
        if rest > 0:
            before = self.balance(owner)
            self.add_cash(owner, rest)
            self.uncovered += rest * unit
            self.enter("uncovered", owner, before, amount=rest)


def fill_price(row, share, worse):
    """Return the price at which the closed share is worth this much less to its holder than at the mark."""
    gains_with_notional = row.side if row.contract.kind == "linear" else -row.side
    filled = share * row.notional * (1 - gains_with_notional * worse)
    size = abs(share * row.size) * Fraction(row.contract.multiplier)
    return filled / size if row.contract.kind == "linear" else size / filled


def splitmix(number):
    """Return the last step of SplitMix64 (Steele, Lea, Flood 2014), on whole numbers."""
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
    return number ^ number >> 31


def run(
    account,
    prices,
    rules,
    funding=None,
    top_up=None,
    actions=(),
    on_refusal="raise",
    auto_margin=None,
    seed=0,
    number=0,
):
    """Take an account along one path of prices (T, n), the one of this number; return what became of it."""
    path = Path(account, rules)
    path.seed, path.number = seed, number
    budget = exact(top_up.budget) if top_up else None
    recorded = []
    for path.step, marks in enumerate(prices):
        for row, mark in zip(path.rows, marks, strict=False):
            row.mark = Fraction(mark)
        path.prices = prices_at(account, marks)
        if path.step == 0:
            path.balance_at_start = path.equity() - sum(row.pnl * path.unit(row) for row in path.rows)
        path.measure()
        if funding is not None:
            path.settle_funding(funding if np.ndim(funding) == 1 else funding[path.step])
        for action in actions:
            if action.step == path.step:
                act(path, action, on_refusal)
                path.measure()
        if top_up and path.step % top_up.every == 0:
            budget = path.top_up(Fraction(top_up.target), budget)
        if auto_margin:
            path.replenish(auto_margin)
        path.stop_out()
        path.convert_owed()
        path.liquidate_where_due()
        for row in path.rows:
            row.stop = row.stop if row.size else None
        recorded.append((path.equity(), path.total_requirement(), [row.size for row in path.rows]))
    return result_of(path, recorded)
