"""The same questions answered exactly: textbook formulas in fractions, one position and one bracket at a time.

Slow and plain on purpose. A contract or a convention is read as data; no formula is taken from marginlab.
``None`` stands for a price that does not exist.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal, localcontext
from functools import cache, lru_cache
from itertools import pairwise
from operator import itemgetter

from quicktions import Fraction

INFINITY = float("inf")


@cache
def brackets(tiers):
    """Return (floor, upper bound, rate, deduction) of each bracket, worked out once for each table."""
    floors = [Fraction(floor) for floor in tiers.floors]
    rates, deductions = map(Fraction, tiers.rates), map(Fraction, tiers.deductions)
    return list(zip(floors, [*floors[1:], INFINITY], rates, deductions, strict=True))


def marginal_slices(floors, rates, notional):
    """Return the maintenance of a notional when each slice of it pays its own bracket's rate."""
    bounds = [*map(Fraction, floors), INFINITY]
    total = Fraction(0)
    for (floor, upper), rate in zip(pairwise(bounds), rates, strict=True):
        if notional > floor:
            total += Fraction(rate) * (min(Fraction(notional), upper) - floor)
    return total


def bracket_number(tiers, amount):
    """Return the number of the bracket an amount falls into; a bound belongs to the bracket below it."""
    return max(bisect_left(brackets(tiers), amount, key=itemgetter(0)) - 1, 0)


def bracket_of(tiers, amount):
    """Return the bracket an amount falls into."""
    return brackets(tiers)[bracket_number(tiers, amount)]


def rate_at(tiers, counted):
    """Return the maintenance rate of what counts: its bracket's, and what one without steps has grown to."""
    return grown(tiers.growth, bracket_of(tiers, counted)[2], counted)


def grown(growth, start, counted, factor=None):
    """Return what a rate has grown to from where it starts."""
    if growth is None:
        return start
    more = Fraction(factor or growth.factor) * power(Fraction(counted), growth.power)
    return start + more if growth.how == "added" else max(start, more)


@lru_cache(maxsize=4096)
def power(base, exponent):
    """Return a power: exactly where the exponent is whole, else to sixty digits.

    That takes longer than all else at a look, and a value stays the same from one look to the next.
    """
    if exponent == int(exponent):
        return base ** int(exponent)
    with localcontext() as digits:
        digits.prec = 60
        return Fraction((Decimal(base.numerator) / Decimal(base.denominator)) ** decimal(exponent))


def decimal(fraction):
    """Return a fraction, or a number, as a decimal to as many digits as are counted with."""
    exactly = Fraction(fraction)
    return Decimal(exactly.numerator) / Decimal(exactly.denominator)


def amount(contract, size):
    """Return size times multiplier, signed."""
    return Fraction(size) * Fraction(contract.multiplier)


def notional(contract, size, price):
    """Return |q| P, or |q| / P for an inverse contract."""
    q = abs(amount(contract, size))
    return q * Fraction(price) if contract.kind == "linear" else q / Fraction(price)


def pnl(contract, size, entry, price):
    """Return q (P - E), or q (1/E - 1/P) for an inverse contract."""
    q, entry, price = amount(contract, size), Fraction(entry), Fraction(price)
    return q * (price - entry) if contract.kind == "linear" else q * (1 / entry - 1 / price)


def maintenance(contract, size, price):
    """Return r V - c in the bracket the position is in at a price."""
    value = notional(contract, size, price)
    counted = abs(Fraction(size)) if contract.tiers.measured_in == "contracts" else value
    return rate_at(contract.tiers, counted) * value - bracket_of(contract.tiers, counted)[3]


def bankruptcy_price(contract, size, entry, backing, convention):
    """Return the price at which the backing is used up, with the closing fee where it is charged there."""
    fee = _fee(convention, "bankruptcy")
    return _price(contract, size, entry, Fraction(backing), Fraction(0), Fraction(0), fee)


def liquidation_price(contract, size, entry, backing, mark, convention):
    """Return the price at which backing and profit no longer cover the requirement; the first one met from the mark."""
    backing = Fraction(backing) - _bankruptcy_fee(contract, size, entry, backing, convention)
    fee = _fee(convention, "liquidation")
    if convention.maintenance_at != "liquidation":
        frozen = maintenance(contract, size, entry if convention.maintenance_at == "entry" else mark)
        return _price(contract, size, entry, backing - frozen, Fraction(0), Fraction(0), fee)
    found = _crossings(contract, size, entry, backing, fee)
    ahead = [price for price in found if (price <= mark if size > 0 else price >= mark)]
    behind = [price for price in found if (price >= mark if size > 0 else price <= mark)]
    if fails(contract, size, entry, backing, mark, convention):
        return min(behind, default=None) if size > 0 else max(behind, default=None)
    return max(ahead, default=None) if size > 0 else min(ahead, default=None)


def fails(contract, size, entry, backing, price, convention):
    """Return whether backing and profit are at or below the requirement at a price, apart from fees at bankruptcy."""
    left = Fraction(backing) + pnl(contract, size, entry, price)
    return left <= _requirement(contract, size, entry, price, convention)


def backing(wallet, legs, marks, convention, i):
    """Return what stands behind cross position `i`: wallet, others' profit, less what those must hold."""
    total = Fraction(wallet)
    for j, ((contract, size, entry), mark) in enumerate(zip(legs, marks, strict=True)):
        if j != i:
            total += pnl(contract, size, entry, mark) - _requirement(contract, size, entry, mark, convention)
    return total


def sides(legs, values):
    """Return the sums of the values of the long and of the short legs."""
    long = sum((value for (_, size, _), value in zip(legs, values, strict=True) if size > 0), Fraction(0))
    return long, sum(values, Fraction(0)) - long


def together(how, long, short, own):
    """Return what counts where a venue looks at a leg of its own, at the net, the larger side, or both added."""
    return {"leg": own, "net": abs(long - short), "larger": max(long, short), "both": long + short}[how]


def market_maintenance(legs, prices, convention):
    """Return what the open cross legs of one contract must hold together, each valued at a price of its own."""
    legs, prices = zip(*[pair for pair in zip(legs, prices, strict=True) if pair[0][1] != 0], strict=True)
    contract = legs[0][0]
    values = [notional(contract, size, price) for (_, size, _), price in zip(legs, prices, strict=True)]
    amounts = [abs(Fraction(size)) for _, size, _ in legs] if contract.tiers.measured_in == "contracts" else values
    return sum(
        leg_maintenance(contract.tiers, size, value, amount_, sides(legs, values), sides(legs, amounts), convention)
        for (_, size, _), value, amount_ in zip(legs, values, amounts, strict=True)
    )


def leg_maintenance(tiers, size, value, amount_, both_values, both_amounts, convention):
    """Return the part of a market's maintenance that is one open leg's, given what both sides come to."""
    counted = together(convention.brackets_count, *both_values, value)
    on = charged_on(size, value, both_values, convention)
    where = together(convention.brackets_count, *both_amounts, amount_)
    rate, deduction = rate_at(tiers, where), bracket_of(tiers, where)[3]
    return rate * on - (deduction * on / counted if counted else 0)


def charged_on(size, value, both_values, convention):
    """Return how much of a leg's value is charged."""
    long, short = both_values
    if convention.charged == "each":
        return value
    if (size > 0) != (long >= short):
        return Fraction(0)
    return value if convention.charged == "larger" else value * abs(long - short) / max(long, short)


def leverage_fee(contract, size, entry, leverage, convention):
    """Return the closing fee at the price at which a position's initial margin alone would be used up."""
    q, entry = amount(contract, size), Fraction(entry)
    if convention.closing_fee_at != "leverage" or q == 0:
        return Fraction(0)
    if leverage == INFINITY:
        return Fraction(convention.closing_fee) * notional(contract, size, entry)
    leverage = Fraction(leverage)
    if contract.kind == "linear":
        price = entry - entry / leverage * (1 if q > 0 else -1)
        return Fraction(convention.closing_fee) * abs(q) * max(price, Fraction(0))
    coins = 1 / entry + 1 / (entry * leverage) * (1 if q > 0 else -1)
    return Fraction(convention.closing_fee) * abs(q) * max(coins, Fraction(0))


def market_spare(cash, legs, leverages, price, mark, convention):
    """Return equity less requirement of a pool of which one market is at a price; `cash` is all the rest of it."""
    at = {"liquidation": [price] * len(legs), "mark": [mark] * len(legs), "entry": [leg[2] for leg in legs]}
    left = Fraction(cash) - market_maintenance(legs, at[convention.maintenance_at], convention)
    for leg, leverage in zip(legs, leverages, strict=True):
        left += pnl(*leg, price) - _fee(convention, "liquidation") * notional(leg[0], leg[1], price)
        left -= leverage_fee(*leg, leverage, convention)
    return left


def market_prices(cash, legs, leverages, mark, convention):
    """Return the prices below and above the mark at which a market takes its pool along; ``None`` for none.

    Where it fails already, these are the ends of that: above what fell too far, below what rose too far.
    """
    legs, leverages = zip(*[pair for pair in zip(legs, leverages, strict=True) if pair[0][1] != 0], strict=True)

    def spare(price):
        return market_spare(cash, legs, leverages, price, mark, convention)

    edges = _market_edges(legs, convention)
    crossings = {edge for edge in edges if 0 < edge < INFINITY}
    solve = _roots if legs[0][0].tiers.growth is None else _roots_of_a_curve
    for start, stop in pairwise(edges):
        crossings |= set(solve(spare, start, stop, legs[0][0].kind))
    steps = sorted(crossings)
    inside = [middle(*pair) for pair in pairwise([Fraction(0), *steps, INFINITY])]
    fails = [spare(price) <= 0 for price in inside]
    changes = [price for price, before, after in zip(steps, fails, fails[1:], strict=False) if before != after]
    at = sum(price < mark for price in steps)
    below, above = [price for price in changes if price <= mark], [price for price in changes if price >= mark]
    down, up = max(below, default=None), min(above, default=None)
    return (up, down) if fails[at] else (down, up)


def middle(start, stop):
    """Return a price between two."""
    return 2 * start + 1 if stop == INFINITY else (start + stop) / 2


def _market_edges(legs, convention):
    """Return the prices at which some leg enters another bracket, with 0 and infinity."""
    contract, found = legs[0][0], set()
    amounts = [abs(amount(contract, size)) for _, size, _ in legs]
    if contract.tiers.measured_in != "contracts":
        for own in amounts:
            counted = together(convention.brackets_count, *sides(legs, amounts), own)
            for floor in [*map(Fraction, contract.tiers.floors[1:]), *_overtaken(contract.tiers)]:
                if counted:
                    found.add(floor / counted if contract.kind == "linear" else counted / floor)
    return [Fraction(0), *sorted(found), INFINITY]


def _overtaken(tiers):
    """Return from where on a rate that is at least what has grown is that, to some digits."""
    growth = tiers.growth
    if growth is not None and growth.how == "at least" and tiers.rates[0]:
        yield power(Fraction(tiers.rates[0]) / Fraction(growth.factor), 1 / Fraction(growth.power))


def _roots_of_a_curve(spare, start, stop, kind):
    """Return where what bends down in the price (inverse: in one over it) crosses zero, on each side of its top."""
    flipped = kind == "inverse"
    low, high = start, stop
    if flipped:
        low, high = Fraction(0) if stop == INFINITY else 1 / stop, 1 / start if start else INFINITY
    high = max(low, 1) * 2**60 if high == INFINITY else high
    low = max(low, high / 2**120)

    def height(x):
        return spare(1 / x if flipped else x)

    def rises(x):
        return height(x * (1 + Fraction(1, 2**40))) > height(x)

    top = halved(rises, low, high)
    for one, other in ((low, top), (top, high)):
        above = [height(x) > 0 for x in (one, other)]
        if above[0] != above[1]:
            x = halved(lambda x, side=above[0]: (height(x) > 0) == side, one, other)
            yield 1 / x if flipped else x


def halved(holds, low, high):
    """Return up to where something holds that holds from one place on up to another, to thirteen digits."""
    while high > low * (1 + 1e-13):
        # By ratio as long as they are far apart; and in few digits, to stay quick.
        x = Fraction(float(low * high) ** 0.5 if high > 2 * low else float(low + high) / 2)
        if not low < x < high:
            break
        low, high = (x, high) if holds(x) else (low, x)
    return (low + high) / 2


def _roots(spare, start, stop, kind):
    """Return where a line in the price (inverse: in one over it) crosses zero between two edges."""
    one, two = (middle(start, middle(start, stop)), middle(middle(start, stop), stop))
    flipped = kind == "inverse"
    x, y = (1 / one, 1 / two) if flipped else (one, two)
    steep = (spare(two) - spare(one)) / (y - x)
    if steep == 0 or (root := x - spare(one) / steep) <= 0:
        return
    price = 1 / root if flipped else root
    if start <= price <= stop:
        yield price


def equity(wallet, legs, marks):
    """Return wallet and profit and loss of all positions."""
    return Fraction(wallet) + sum(pnl(*leg, mark) for leg, mark in zip(legs, marks, strict=True))


def requirement(legs, marks, convention):
    """Return what a cross pool must cover, without fees charged at bankruptcy."""
    return sum(_requirement(*leg, mark, convention) for leg, mark in zip(legs, marks, strict=True))


def joint_move(wallet, legs, marks, betas, convention, toward):
    """Return the common move at which a linear cross pool fails: the first, between -1 and 0 or above 0."""
    sign = -1 if toward == "down" else 1
    slopes = [sign * Fraction(beta) for beta in betas]
    end = min((-1 / slope for slope in slopes if slope < 0), default=INFINITY)
    values = [notional(leg[0], leg[1], mark) for leg, mark in zip(legs, marks, strict=True)]
    kinks = {Fraction(0), end}
    for (contract, _, _), value, slope in zip(legs, values, slopes, strict=True):
        for floor in contract.tiers.floors[1:]:
            if slope != 0 and 0 < (Fraction(floor) / value - 1) / slope < end:
                kinks.add((Fraction(floor) / value - 1) / slope)
    for start, stop in pairwise(sorted(kinks)):
        inside = start + 1 if stop == INFINITY else (start + stop) / 2
        constant, steep = _pool_line(wallet, legs, marks, slopes, convention, inside)
        if constant + steep * start <= 0:
            return sign * start
        if steep < 0 and -constant / steep <= stop and -constant / steep < end:
            return sign * -constant / steep
    return None


def _pool_line(wallet, legs, marks, slopes, convention, inside):
    """Return equity less requirement as constant + steep t, in the brackets that hold at `inside`."""
    constant, steep = Fraction(wallet), Fraction(0)
    fee = _fee(convention, "liquidation")
    for (contract, size, entry), mark, slope in zip(legs, marks, slopes, strict=True):
        value = notional(contract, size, mark)
        constant += pnl(contract, size, entry, mark) - fee * value
        steep += slope * (amount(contract, size) * Fraction(mark) - fee * value)
        if convention.maintenance_at == "entry":
            constant -= maintenance(contract, size, entry)
            continue
        moved = value * (1 + slope * inside)
        counted = abs(Fraction(size)) if contract.tiers.measured_in == "contracts" else moved
        _, _, rate, deduction = bracket_of(contract.tiers, counted)
        constant += deduction - rate * value
        steep -= slope * rate * value
    return constant, steep


def _requirement(contract, size, entry, mark, convention):
    held = maintenance(contract, size, entry if convention.maintenance_at == "entry" else mark)
    return held + _fee(convention, "liquidation") * notional(contract, size, mark)


def _fee(convention, place):
    return Fraction(convention.closing_fee) if convention.closing_fee_at == place else Fraction(0)


def _bankruptcy_fee(contract, size, entry, backing, convention):
    fee = _fee(convention, "bankruptcy")
    price = bankruptcy_price(contract, size, entry, backing, convention) if fee else None
    return Fraction(0) if price is None else fee * notional(contract, size, price)


def _price(contract, size, entry, backing, rate, deduction, fee):
    """Return the textbook solution in one bracket, whether or not it lies in that bracket."""
    q, entry = amount(contract, size), Fraction(entry)
    if contract.kind == "linear":
        above, below = q * entry - backing - deduction, q - abs(q) * (rate + fee)
    else:
        above, below = q + abs(q) * (rate + fee), backing + deduction + q / entry
    return above / below if below != 0 and above / below > 0 else None


def _crossings(contract, size, entry, backing, fee):
    """Return every price at which the position goes from covered to failing, walking the brackets."""
    found = []
    table = brackets(contract.tiers)
    if contract.tiers.measured_in == "contracts":
        _, _, rate, deduction = bracket_of(contract.tiers, abs(Fraction(size)))
        table = [(Fraction(0), INFINITY, rate, deduction)]
    for floor, upper, rate, deduction in table:
        price = _price(contract, size, entry, backing, rate, deduction, fee)
        if price is not None and floor < notional(contract, size, price) <= upper:
            found.append(price)
    loses_as_notional_rises = (size > 0) == (contract.kind == "inverse")
    for (_, bound, *below), (_, _, *above) in pairwise(table if loses_as_notional_rises else []):
        q = abs(amount(contract, size))
        price = bound / q if contract.kind == "linear" else q / bound
        left = backing + pnl(contract, size, entry, price) - fee * bound
        # Covered in the lower bracket and failing in the upper: the jump itself is what liquidates.
        if left > below[0] * bound - below[1] and left <= above[0] * bound - above[1]:
            found.append(price)
    return found
