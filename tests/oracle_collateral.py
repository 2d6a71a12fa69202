"""A pool backed by several assets, answered exactly: fractions, one asset and one position at a time.

As in `oracle`, contracts and accounts are read as data, and no formula is taken from marginlab.
"""

from __future__ import annotations

from itertools import pairwise

from quicktions import Fraction

from . import oracle
from .oracle import INFINITY

ZERO = Fraction(0)


def asset_price(account, marks, asset):
    """Return what one unit of an asset is worth in the account's currency, given marks and own marks in columns."""
    if asset == account.currency:
        return Fraction(1)
    own = [one for one in account.collateral if one.price is not None]
    for i, one in enumerate(own):
        if one.asset == asset:
            at = Fraction(marks[len(account.contracts) + i])
            return at * asset_price(account, marks, one.quoted_in or account.currency)
    follows = [i for i, contract in enumerate(account.contracts) if contract.underlying == asset]
    for i in follows:
        if account.contracts[i].currency == account.currency:
            return Fraction(marks[i])
    for i in follows:
        if account.contracts[i].kind == "inverse":
            return Fraction(marks[i])
    return Fraction(marks[follows[0]]) * asset_price(account, marks, account.contracts[follows[0]].currency)


def counted(ratio, amount, price):
    """Return what an amount counts as collateral: each slice at its ratio, what is owed in full."""
    measure = amount * price if ratio.measured_in == "value" else amount
    unit = 1 if ratio.measured_in == "value" else price
    if measure < 0:
        return Fraction(ratio.owed) * measure * unit
    parts = zip(slices(ratio), ratio.ratios, strict=True)
    return unit * sum((Fraction(r) * (min(measure, upper) - low) for (low, upper), r in parts if measure > low), ZERO)


def slices(ratio):
    """Return from where to where each slice of a collateral ratio goes."""
    return list(pairwise([*map(Fraction, ratio.floors), INFINITY]))


def legs_by_contract(account):
    """Return the open cross legs of each contract, as numbers of rows."""
    found = {}
    for i, contract in enumerate(account.contracts):
        if not account.isolated[i] and account.size[i] != 0:
            found.setdefault(contract, []).append(i)
    return found


def leg(account, i):
    """Return a position as the oracle takes it."""
    return account.contracts[i], float(account.size[i]), float(account.entry[i])


def gained(account, marks, currency):
    """Return the profit and loss of the cross positions that settle in a currency, in that currency."""
    return sum(
        (
            oracle.pnl(*leg(account, i), marks[i])
            for i, contract in enumerate(account.contracts)
            if not account.isolated[i] and contract.currency == currency
        ),
        ZERO,
    )


def pool_equity(account, marks):
    """Return what the pool counts for."""
    total = Fraction(account.wallet) + gained(account, marks, account.currency)
    for one in account.collateral:
        amount = Fraction(one.amount) + gained(account, marks, one.asset)
        total += counted(one.ratio, amount, asset_price(account, marks, one.asset))
    return total


def pool_requirement(account, marks, now):
    """Return what the pool requires at marks, with maintenance frozen where the venue freezes it."""
    convention, total = account.convention, ZERO
    owed = {one.asset: Fraction(one.ratio.owed) for one in account.collateral}
    for contract, rows in legs_by_contract(account).items():
        legs = [leg(account, i) for i in rows]
        where = {"liquidation": marks, "mark": now, "entry": account.entry}[convention.maintenance_at]
        needed = oracle.market_maintenance(legs, [Fraction(where[i]) for i in rows], convention)
        if convention.closing_fee_at == "liquidation":
            fee = Fraction(convention.closing_fee)
            needed += fee * sum(oracle.notional(one[0], one[1], marks[i]) for one, i in zip(legs, rows, strict=True))
        price = asset_price(account, marks, contract.currency)
        total += needed * price * owed.get(contract.currency, 1)
    return total


def pool_spare(account, marks, now):
    """Return equity less requirement of the pool."""
    return pool_equity(account, marks) - pool_requirement(account, marks, now)


def along(marks, speeds, t):
    """Return all marks after a move: each by as much as its speed times t."""
    return [Fraction(mark) * (1 + Fraction(speed) * t) for mark, speed in zip(marks, speeds, strict=True)]


def kinks(account, marks, speeds, end):
    """Return where along a move the pool's line bends: at bounds of brackets, and at slices of collateral ratios."""
    found = set()
    for contract, rows in legs_by_contract(account).items():
        speed = Fraction(speeds[rows[0]])
        if contract.tiers.measured_in == "contracts" or not speed:
            continue
        legs = [leg(account, i) for i in rows]
        values = [oracle.notional(one[0], one[1], marks[i]) for one, i in zip(legs, rows, strict=True)]
        for own in values:
            what = oracle.together(account.convention.brackets_count, *oracle.sides(legs, values), own)
            for floor in map(Fraction, contract.tiers.floors[1:]):
                if what:
                    grown = floor / what if contract.kind == "linear" else what / floor
                    found.add((grown - 1) / speed)
    for one in account.collateral:
        found |= set(slice_edges(account, marks, speeds, one, min(end, Fraction(2))))
    return sorted(t for t in found if 0 < t < end)


def slice_edges(account, marks, speeds, one, far):
    """Yield where what is held of an asset meets a floor of its ratio: its worth and the floor's are both straight."""

    def worth(t):
        at = along(marks, speeds, t)
        price = asset_price(account, at, one.asset)
        return (Fraction(one.amount) + gained(account, at, one.asset)) * price, price

    half = far / 2
    (value, price), (value_there, price_there) = worth(ZERO), worth(half)
    for floor in map(Fraction, one.ratio.floors):
        here, there = (floor, floor) if one.ratio.measured_in == "value" else (floor * price, floor * price_there)
        rise = (value_there - there) - (value - here)
        if rise:
            yield (here - value) / rise * half


def changes(account, marks, speeds):
    """Return each distance along a move at which the pool begins to fail or stand again, and whether it fails now."""
    falling = [-1 / Fraction(speed) for speed in speeds if speed < 0]
    end = min(falling, default=INFINITY)
    edges = [ZERO, *kinks(account, marks, speeds, end), end]

    def spare(t):
        return pool_spare(account, along(marks, speeds, t), marks)

    steps = set(edges[1:-1])
    for start, stop in pairwise(edges):
        one, two = oracle.middle(start, oracle.middle(start, stop)), oracle.middle(oracle.middle(start, stop), stop)
        steep = (spare(two) - spare(one)) / (two - one)
        if steep and start <= (root := one - spare(one) / steep) <= stop and root < end:
            steps.add(root)
    steps = sorted(steps)
    inside = [oracle.middle(*pair) for pair in pairwise([ZERO, *(t for t in steps if t > 0), end])]
    fails = [spare(t) <= 0 for t in inside]
    ways = zip([t for t in steps if t > 0], pairwise(fails), strict=True)
    return [t for t, (before, after) in ways if before != after], spare(ZERO) <= 0


def liquidation_prices(account, marks, coin):
    """Return the factors of a coin's price below and above now at which the pool begins to fail, ``None`` for none.

    Where it fails already, these are the ends of that: above what fell too far, below what rose too far.
    """
    columns = [*(contract.underlying for contract in account.contracts)]
    columns += [one.asset for one in account.collateral if one.price is not None]
    rising = [1 if name == coin else 0 for name in columns]
    (up, failing), (down, _) = (changes(account, marks, [way * one for one in rising]) for way in (1, -1))
    below, above = (1 - down[0] if down else None), (1 + up[0] if up else None)
    return (above, below) if failing else (below, above)
