"""What collateral of several assets is worth and counts, and how debts are paid out of it, for the referee.

An account has pockets: its wallet, under the name of its currency, and one an asset. Written from the rules alone.
"""

from __future__ import annotations

import math

from quicktions import Fraction

# Amounts that had to be divided for are cut to so many binary digits, upwards; the books are kept with them as cut.
DIGITS = 2**80


def prices_at(account, marks):
    """Return the price of each pocket, given all marks, those of assets with one of their own last."""
    own = [one for one in account.collateral if one.price is not None]
    told = [Fraction(mark) for mark in marks]
    if len(told) == len(account.contracts):
        told += [Fraction(one.price) for one in own]
    of_own = {one.asset: (mark, one.quoted_in) for one, mark in zip(own, told[len(account.contracts) :], strict=True)}

    def price(asset):
        """Return the price of one asset, by way of others where it is quoted in them."""
        if asset == account.currency:
            return Fraction(1)
        if asset in of_own:
            mark, quoted_in = of_own[asset]
            return mark * price(quoted_in or account.currency)
        market = [(one, mark) for one, mark in zip(account.contracts, told, strict=False) if one.underlying == asset]
        for one, mark in market:
            if one.kind == "linear" and one.currency == account.currency:
                return mark
        for one, mark in market:
            if one.kind == "inverse":
                return mark
        one, mark = market[0]
        return mark * price(one.currency)

    return {name: price(name) for name in [account.currency, *(one.asset for one in account.collateral)]}


def counted(ratio, amount, price):
    """Return what an amount counts: slice by slice, and what is owed in full, or at what the venue asks for it."""
    if amount < 0:
        return amount * price * Fraction(ratio.owed)
    left, unit = (amount * price, 1) if ratio.measured_in == "value" else (amount, price)
    floors = [Fraction(floor) for floor in ratio.floors]
    ends = [*floors[1:], None]
    slices = zip(floors, ends, ratio.ratios, strict=True)
    parts = (
        (min(left, left if end is None else end) - floor) * Fraction(part)
        for floor, end, part in slices
        if left > floor
    )
    return sum(parts, Fraction(0)) * unit


class Books:
    """The pockets of an account, what flows between them, and the conversions a venue makes."""

    def open_books(self, account):
        """Begin with what is there."""
        self.account, self.currency = account, account.currency
        self.ratios = {one.asset: one.ratio for one in account.collateral}
        self.assets = {one.asset: Fraction(one.amount) for one in account.collateral}
        self.converted = dict.fromkeys(self.assets, Fraction(0))
        self.proceeds = self.conversion_cost = Fraction(0)
        self.prices = dict.fromkeys([self.currency, *self.assets], Fraction(1))

    @property
    def mixed(self):
        """Return whether there is more than a wallet."""
        return bool(self.assets)

    def unit(self, row):
        """Return the price of what a position settles in."""
        return self.prices[row.contract.currency] if self.mixed else Fraction(1)

    def weight(self, contract):
        """Return at how much what a contract requires is counted in the pool."""
        if not self.mixed:
            return Fraction(1)
        ratio = self.ratios.get(contract.currency)
        return self.prices[contract.currency] * (1 if ratio is None else Fraction(ratio.owed))

    def pocket(self, row):
        """Return what there is of what a position settles in."""
        return self.assets.get(row.contract.currency, self.wallet) if self.mixed else self.wallet

    def pay(self, row, amount):
        """Put money in what a position settles in."""
        self.put(row.contract.currency if self.mixed else self.currency, amount)

    def put(self, name, amount):
        """Put money into a pocket."""
        if name in self.assets:
            self.assets[name] += amount
        else:
            self.wallet += amount

    def cash(self):
        """Return what is in each pocket."""
        return {self.currency: self.wallet, **self.assets}

    def held(self, profit=True):
        """Return each pocket with what the pool has made in it, profit counted or not."""
        held = self.cash()
        for name in held:
            made = sum(
                row.pnl for row in self.open_rows(isolated=False) if not self.mixed or row.contract.currency == name
            )
            held[name] += made if profit else min(made, 0)
        return held

    def pool_equity(self, profit=True, **less):
        """Return what the pool counts for, less something of a pocket."""
        held = self.held(profit)
        for name, amount in less.items():
            held[name] -= amount
        counts = [counted(self.ratios[name], held[name], self.prices[name]) for name in self.assets]
        return held[self.currency] + sum(counts, Fraction(0))

    def cut(self, name):
        """Return which share of what is sold is lost."""
        return Fraction(0) if name == self.currency else Fraction(self.rules.conversion.fee_of(name))

    def left(self, row):
        """Return what a unit would leave, sold to the last, in the account's currency."""
        if row.isolated:
            return (row.margin + row.pnl) * self.unit(row)
        return sum(self.brings(name, held) for name, held in self.held().items())

    def brings(self, name, amount):
        """Return what selling an amount brings, or what buying it costs."""
        return amount * self.prices[name] * (1 - self.cut(name) if amount > 0 else 1)

    # Conversions.

    def convert_owed(self):
        """Pay each debt that is larger than the venue lets it be."""
        rule = self.rules.conversion
        if not self.mixed or rule.above == math.inf:
            return
        held = self.held(profit=False) if rule.with_losses else self.cash()
        owed = {name: -has for name, has in held.items() if -has * self.prices[name] > Fraction(rule.above)}
        self.change(self.paying(held, owed))

    def convert_debts(self):
        """Pay all debts; what is missing is one debt in the end, in the wallet."""
        cash = self.cash()
        changes = self.paying(cash, {name: -has for name, has in cash.items() if has < 0})
        for name in self.assets:
            if cash[name] + changes[name] < 0:
                changes[name] = -cash[name]
        self.change(changes)

    def convert_all(self):
        """Sell everything and buy what is owed."""
        self.change({name: -amount for name, amount in self.assets.items()})

    def paying(self, held, owed):
        """Return how each pocket changes as debts are paid, each the same part where it is not enough for all."""
        debt = sum(amount * self.prices[name] for name, amount in owed.items())
        supply = {name: self.brings(name, has) for name, has in held.items() if has > 0}
        whole = sum(supply.values())
        changes = dict.fromkeys(held, Fraction(0))
        if not debt:
            return changes
        rest = min(debt, whole)
        for name in self.in_order(supply):
            use = (
                supply[name] * rest / whole
                if self.rules.conversion.order == "proportional"
                else min(supply[name], rest)
            )
            if self.rules.conversion.order != "proportional":
                rest -= use
            all_of_it = use == supply[name] or debt >= whole
            changes[name] -= held[name] if all_of_it else cut_up(use / (self.prices[name] * (1 - self.cut(name))))
        for name, amount in owed.items():
            changes[name] += amount if debt <= whole else cut_up(amount * whole / debt)
        return changes

    def in_order(self, supply):
        """Return the pockets in the order in which they are sold."""
        if self.rules.conversion.order != "lowest haircut":
            return list(supply)
        return sorted(
            supply, key=lambda name: -1 if name == self.currency else 1 - Fraction(self.ratios[name].ratios[0])
        )

    def change(self, changes):
        """Convert: each asset by so much, the wallet by what that brings."""
        for name in self.assets:
            amount = changes[name]
            if not amount:
                continue
            before, price = self.balance(None), self.prices[name]
            cost = max(-amount, 0) * price * self.cut(name)
            self.put(name, amount)
            self.put(self.currency, -amount * price - cost)
            self.converted[name] += amount
            self.proceeds += -amount * price - cost
            self.conversion_cost += cost
            self.enter("converted", None, before, -amount * price - cost, amount, price, cost)


def cut_up(number):
    """Return a number cut to a bounded number of digits, upwards."""
    return Fraction(math.ceil(number * DIGITS), DIGITS)
