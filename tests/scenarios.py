"""What engine and referee are both sent through: random accounts on rough paths, all rules mixed; and their comparison.

Numbers have few binary digits, so that the referee's fractions stay small, and no price stands still from one
step to the next, so that what was just cured is not asked again at equality.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise, zip_longest
from typing import NamedTuple

import numpy as np

from marginlab import (
    MODES,
    Account,
    AddMargin,
    AutoMargin,
    Close,
    Contract,
    Convention,
    Deleverage,
    Growth,
    Open,
    Order,
    Rules,
    SetLeverage,
    Stop,
    Switch,
    Tiers,
    TopUp,
    Trade,
)
from marginlab.margin.contracts import KINDS
from marginlab.margin.rules import (
    BRACKETS_COUNT,
    CHARGED,
    CLOSING_FEE_AT,
    CLOSING_FEE_IN,
    CLOSING_ORDERS,
    INITIAL_AT,
    LEVERAGE_CHANGE,
    MAINTENANCE_AT,
    ORDERS_TIE,
    WITHDRAWAL,
)

from . import reference
from .strategies import OF_POSITION, size_of

INF = float("inf")


class Scenario(NamedTuple):
    """An account, the path it is taken along, and what happens on the way: ``simulate(*scenario[:2], **options)``."""

    account: Account
    prices: np.ndarray
    rules: Rules
    funding: np.ndarray | None
    top_up: TopUp | None
    actions: tuple
    on_refusal: str = "record"
    auto_margin: AutoMargin | None = None

    @property
    def options(self):
        """Return all but account and prices, by name."""
        return dict(zip(self._fields[2:], self[2:], strict=True))


def scenario(seed):
    """Return the scenario of this number, the same every time."""
    rng = np.random.default_rng(seed)
    n, steps = pick(rng, 1, 2, 3, 4, 4, 5, 5, 5), int(rng.integers(10, 41))
    start = draw_starts(rng, n)
    values = short(2 ** rng.uniform(10, 14, n))
    account = draw_account(rng, start, values)
    prices, rules, funding = draw_prices(rng, start, steps), draw_rules(rng, values), draw_funding(rng, n, steps)
    account = fitted(account, rules)
    top_up = draw_top_up(rng, values) if rng.random() < 0.3 else None
    if top_up:
        # It may take all but the initial margins: were those the bare requirements, the pool would be at equality.
        account = replace(account, leverage=np.minimum(account.leverage, 5))
    return Scenario(
        account,
        prices,
        rules,
        funding,
        top_up,
        tuple(draw_action(rng, account, values, steps) for _ in range(rng.integers(0, 11))),
    )


@cache
def judged(seed):
    """Return the scenario of this number and what the referee makes of it, worked out once for all who ask."""
    case = scenario(seed)
    return case, reference.run(case.account, case.prices, **case.options)


def growing(seed):
    """Return the scenario of this number with rates that grow without steps, and rules that go with them."""
    case, rng = scenario(seed), np.random.default_rng(seed)
    account, part = case.account, case.rules.part
    tables = {one: growing_tiers(rng, one, case.prices[0, i]) for i, one in enumerate(account.contracts)}
    account = replace(account, contracts=[replace(one, tiers=tables[one]) for one in account.contracts])
    part = "share" if part in ("bracket", "restore") else part
    return case._replace(account=account, rules=replace(case.rules, part=part))


def growing_tiers(rng, contract, price):
    """Draw a rate that grows beside or beyond where a contract's begins, to some hundredths at a usual size."""
    start, limit = contract.tiers.rates[0], contract.tiers.max_leverage[0]
    usual = 2.0**12 if contract.tiers.measured_in == "notional" else size_of(contract, 2.0**12, price)
    power, how = pick(rng, 1.0, 1.0, 0.8, 0.5), pick(rng, "added", "at least")
    factor = float(short(rng.uniform(0.005, 0.05) / usual**power))
    initial = pick(rng, None, factor, 2 * factor) if limit < INF else None
    return Tiers(
        [0.0],
        [start],
        0,
        limit,
        measured_in=contract.tiers.measured_in,
        growth=Growth(factor, power, how, initial),
    )


def fitted(account, rules):
    """Return the account, its legs counted each by its own where rules restore: together, that is refused."""
    if rules.part != "restore":
        return account
    return replace(account, convention=replace(account.convention, brackets_count="leg", charged="each"))


def short(number, bits=11):
    """Return a number with so many binary digits."""
    mantissa, exponent = np.frexp(number)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def pick(rng, *choices):
    """Return one of some choices as it is."""
    return choices[rng.integers(len(choices))]


def between(rng, low, high):
    """Return a number between two bounds, with few digits."""
    return float(short(rng.uniform(low, high)))


def draw_starts(rng, n):
    """Draw the prices things start from; of two that are equal both positions are of one market."""
    start = short(2 ** rng.uniform(0, 14, n))
    if n > 1 and rng.random() < 0.5:
        start[1] = start[0]
    return start


def markets(start):
    """Return for each position the first of its market."""
    return [start.tolist().index(price) for price in start]


def draw_account(rng, start, values):
    """Draw an account whose positions are near their entries, and about a fifth of its rows closed."""
    n, kind = len(start), pick(rng, *KINDS)
    contracts = [draw_contract(rng, kind, f"C{i}", *of) for i, of in enumerate(zip(start, values, strict=True))]
    contracts = [contracts[first] for first in markets(start)]
    sides = rng.choice([-1, -1, 0, 1, 1], n)
    if len(set(start)) < n and rng.random() < 0.8:
        sides[:2] = 1, -1
    size = [size_of(*of) for of in zip(contracts, values, start, strict=True)] * sides
    isolated = rng.random(n) < pick(rng, 0.0, 0.0, 0.5, 0.5, 1.0)
    held = values * np.abs(sides)
    wallet = np.sum(held * ~isolated) * rng.uniform(0.02, 0.15) + np.sum(values) * pick(rng, 0.0, 0.0, 0.1, 0.2)
    at = pick(rng, *OF_POSITION, *CLOSING_FEE_AT)
    account = Account(
        wallet=float(short(wallet)),
        contracts=contracts,
        size=short(size),
        entry=short(start * rng.uniform(0.97, 1.03, n)),
        mode=np.where(isolated, "isolated", "cross").tolist(),
        margin=short(held * isolated * rng.uniform(0.02, 0.2, n)),
        leverage=[min(pick(rng, INF, 5.0, 10.0, 20.0), 50.0 if at == "leverage" else INF) for _ in range(n)],
        convention=Convention(
            maintenance_at=pick(rng, *MAINTENANCE_AT),
            closing_fee=between(rng, 0, 0.02),
            closing_fee_at=at,
            at_equality=bool(rng.random() < 0.5),
            closing_fee_in=pick(rng, *CLOSING_FEE_IN),
            brackets_count=pick(rng, "leg", *BRACKETS_COUNT),
            charged=pick(rng, "each", *CHARGED),
            initial_at=pick(rng, *INITIAL_AT),
            fee_in_initial=bool(rng.random() < 0.3),
            profit_opens=bool(rng.random() < 0.5),
            orders_tie=ORDERS_TIE[int(wallet * 1_000) % 2],
        ),
    )
    return replace(account, orders=draw_waiting(account, start))


def draw_waiting(account, start):
    """Draw open orders for some accounts, from numbers of their own, which the wallet decides."""
    rng = np.random.default_rng(int(abs(account.wallet) * 2**20) % 2**32)
    orders = []
    for _ in range(pick(rng, 0, 0, 0, 1, 2, 3)):
        row = int(rng.integers(len(start)))
        size = account.size[row] or 1.0
        orders.append(
            Order(
                account.contracts[row],
                float(short(size * rng.uniform(-0.3, 0.3))) or 1.0,
                between(rng, 0.9 * start[row], 1.1 * start[row]),
                mode=pick(rng, "cross", *MODES),
                leverage=pick(rng, 5.0, 20.0),
                reduce_only=bool(rng.random() < 0.2),
            )
        )
    return orders


def draw_contract(rng, kind, symbol, price, value):
    """Draw a contract with brackets around this value: without jumps, with jumps, or counting contracts."""
    multiplier = pick(rng, 1.0, 0.25, 16.0)
    counting, jumping = rng.random(2) < [0.3, 0.5]
    around = size_of(Contract(symbol, Tiers.flat(0), kind=kind, multiplier=multiplier), value, price)
    bounds = (around if counting else value) * np.cumsum(rng.uniform(0.1, 0.5, rng.integers(0, 5)))
    rates = short(np.cumsum(rng.uniform(0.004, 0.03, len(bounds) + 1)))
    limits = np.floor(1 / rates * rng.uniform(0.4, 1))
    smooth = np.concatenate([[0], np.cumsum(short(bounds) * np.diff(rates))])
    tiers = Tiers(
        [0.0, *short(bounds)],
        rates,
        0 if counting else smooth * pick(rng, 0.0, 0.5) if jumping else None,
        pick(rng, None, np.minimum.accumulate(limits)),
        cap=pick(rng, INF, float(short(3 * around if counting else 3 * value))),
        measured_in="contracts" if counting else "notional",
    )
    return Contract(symbol, tiers, kind=kind, multiplier=multiplier)


def draw_prices(rng, start, steps):
    """Draw a path that moves by some percent a step, in part together, with gaps that go through bankruptcies."""
    n = len(start)
    moves = rng.normal(0, 0.015, (steps, 1)) + rng.normal(0, 0.01, (steps, n)) + rng.normal(0, 0.02, n)
    gaps = rng.random(steps) < 0.1
    moves[gaps] += rng.normal(0, 0.15, (gaps.sum(), 1)) + rng.normal(0, 0.1, (gaps.sum(), n))
    prices = short(start * np.exp(np.cumsum(moves, axis=0)))
    for before, now in pairwise(prices):
        # The next number up with as many digits.
        now[now == before] = short(now[now == before] * (1 + 2.0**-10))
    return prices[:, markets(start)]


def draw_rules(rng, values):
    """Draw rules, every one of them with all its choices."""
    value = float(values.mean())
    return Rules(
        close=pick(rng, "takeover", "market", "market"),
        part=pick(rng, "whole", *("share", "bracket", "restore") * 3),
        share=pick(rng, 0.25, 0.375, 0.5),
        share_above=pick(rng, 0.0, *[between(rng, 0.5, 3) * value] * 4),
        brackets=pick(rng, 1, 1, 2, 3),
        restore_to=pick(rng, 1.0, 1.25, 1.5, 2.0),
        rounds=pick(rng, None, None, None, 1, 2, 3),
        order=pick(rng, *CLOSING_ORDERS),
        net_first=bool(rng.random() < 0.5),
        takeover_below=pick(rng, 0.0, 0.0, 0.25, 0.5),
        liquidation_fee=pick(rng, 0.0, between(rng, 0.001, 0.02), between(rng, 0.01, 0.06)),
        fund_share=pick(rng, 0.0, 0.5, 1.0),
        fund=pick(rng, INF, 0.0, 0.0, 0.0, float(short(value * rng.uniform(0, 0.2)))),
        depth=draw_depth(rng, values),
        isolated_funding=pick(rng, "margin", "wallet"),
        trading_fee=pick(rng, 0.0, between(rng, 0.0001, 0.002)),
        switching=pick(rng, "open", "open", "flat", "account", "account", "order"),
    )


def draw_depth(rng, values):
    """Draw how much the book takes: all, one number, or one a position; at times so little that cost is capped."""
    depths = short(values * rng.choice([0.005, 0.05, 0.5], len(values)))
    return pick(rng, INF, float(depths[0]), depths)


def draw_funding(rng, n, steps):
    """Draw no funding, a rate that is due at every step, or rates that are due at some."""
    rates = short(rng.normal(0, 0.002, (steps, n)))
    due = rng.random((steps, 1)) < 0.2
    return pick(rng, None, rates[0], rates * due, rates * due)


def draw_top_up(rng, values):
    """Draw a plan for topping isolated positions up."""
    budget = pick(rng, INF, between(rng, 0.02, 0.2) * float(values.mean()))
    return TopUp(every=int(rng.integers(1, 6)), target=between(rng, 0.02, 0.15), budget=budget)


def draw_action(rng, account, values, steps):
    """Draw an action that suits the account as it starts; on the way it may no longer do."""
    step, i = int(rng.integers(steps)), int(rng.integers(len(values)))
    if rng.random() < 0.25:
        return draw_switch(rng, account, values, step, i)
    if rng.random() < 0.15:
        return draw_deleverage(rng, account, step, i)
    money, held, isolated = float(values[i]), account.size[i], account.isolated[i]
    if not held:
        return draw_open(rng, account, values, step, i)
    if isolated and rng.random() < 0.5:
        return AddMargin(step=step, position=i, amount=pick(rng, 1, -1) * between(rng, 0.005, 0.05) * money)
    if rng.random() < 0.5:
        return draw_open(rng, account, values, step, i)
    return Close(step=step, position=i, share=pick(rng, 0.25, 0.5, 1.0))


def draw_switch(rng, account, values, step, i):
    """Draw a change of mode of one position, or of all."""
    other = "cross" if account.isolated[i] else "isolated"
    mode, position = pick(rng, other, other, "cross", "isolated"), pick(rng, i, None)
    stated = mode == "isolated" and position is not None and rng.random() < 0.5
    margin = between(rng, 0.02, 0.2) * float(values[i]) if stated else None
    return Switch(step=step, mode=mode, position=position, margin=margin)


def draw_deleverage(rng, account, step, i):
    """Draw that ADL comes to a position, which it takes if that has won: at the mark, or at a price near its entry."""
    price = pick(rng, None, float(short(account.entry[i] * rng.uniform(0.9, 1.1))))
    return Deleverage(step=step, position=i, share=pick(rng, 0.25, 0.5, 1.0), price=price)


def draw_open(rng, account, values, step, i):
    """Draw a position to open, or to add to one: as a rule in its direction and at a leverage its bracket allows."""
    contract, held = account.contracts[i], account.size[i]
    side = np.sign(held) if held and rng.random() < 0.9 else pick(rng, 1.0, -1.0)
    value = float(values[i]) * between(rng, 0.05, 0.5)
    size = float(short(side * size_of(contract, value, account.entry[i])))
    stated = rng.random() < (0.4 if account.isolated[i] else 0.05)
    margin = value * between(rng, 0.03, 0.3) if stated else None
    return Open(step=step, position=i, size=size, leverage=pick(rng, None, 3.0, 8.0, 20.0), margin=margin)


def traded(seed):
    """Return the scenario of this number with orders of every kind besides, and what a venue may rule about them.

    Drawn from numbers of their own, so that `scenario` stays what it is.
    """
    rng, case = np.random.default_rng([seed, 1]), scenario(seed)
    account = case.account
    values = np.abs(account.notional(account.entry)) + 1_000.0
    auto_margin = AutoMargin(pick(rng, None, [0])) if rng.random() < 0.4 else None
    drained = auto_margin is not None or case.top_up is not None
    if drained:
        # As in `scenario`: what is left of the wallet is more than the bare requirements.
        account = replace(account, leverage=np.minimum(account.leverage, 5))
    rules = replace(
        case.rules,
        flat_liquidation_fee=pick(rng, 0.0, between(rng, 0.001, 0.03) * float(short(values.mean()))),
        withdrawal=pick(rng, "profit", *WITHDRAWAL),
        withdrawal_leaves=pick(rng, 0.0, 0.125),
        leverage_in_cross=pick(rng, "any", *LEVERAGE_CHANGE),
        leverage_in_isolated=pick(rng, "any", *LEVERAGE_CHANGE),
    )
    orders = [draw_order(rng, account, values, len(case.prices), drained) for _ in range(rng.integers(3, 10))]
    actions = [*case.actions, *orders]
    rng.shuffle(actions)
    return case._replace(account=account, rules=rules, actions=tuple(actions), auto_margin=auto_margin)


def draw_order(rng, account, values, steps, drained):
    """Draw a trade, another leverage, a stop, or margin to be taken out."""
    step, i = int(rng.integers(steps)), int(rng.integers(len(values)))
    contract, entry, held = account.contracts[i], account.entry[i], float(account.size[i])
    kind = pick(rng, "trade", "trade", "leverage", "stop", "stop", "withdrawal")
    if kind == "trade":
        beside = float(size_of(contract, float(values[i]), entry)) * pick(rng, 1.0, -1.0)
        size = float(short(-held * pick(rng, 0.25, 0.75, 1.5, 2.25) if held else beside * between(rng, 0.1, 0.5)))
        margin = float(short(values[i] * 0.25)) if account.isolated[i] and rng.random() < 0.3 else None
        return Trade(step=step, position=i, size=size, leverage=pick(rng, None, None, 4.0, 16.0), margin=margin)
    if kind == "leverage":
        return SetLeverage(step=step, position=i, leverage=pick(rng, 2.0, 4.0, 8.0, 20.0, 4.0 if drained else INF))
    if kind == "stop":
        side = np.sign(held) or pick(rng, 1.0, -1.0)
        price = float(short(entry * (1 - side * between(rng, -0.02, 0.1))))
        return Stop(step=step, position=i, price=price, share=pick(rng, 0.5, 1.0, 1.0))
    alone = np.flatnonzero(account.isolated & (account.size != 0))
    i = int(alone[0]) if alone.size else i
    return AddMargin(step=step, position=i, amount=-between(rng, 0.005, 0.15) * float(short(values[i])))


# What is paid out of what is left can leave a speck in floating point where the referee has nothing.
SPECKS = ("topped up", "replenished", "fund received", "fund paid", "uncovered", "converted")
MONEY = ("wallet", "balance", "equity", "forfeited", "shortfall", "fund", "fund_received", "fund_paid")
MONEY += ("uncovered", "proceeds", "conversion_cost")
OF_POSITIONS = ("margin", "forgone", "realized", "funding", "fees", "impact")


def differences(outcome, result, tolerance=1e-9):
    """Return in words where an outcome of one path departs from the referee's result; [] if nowhere.

    What happened, when and to whom must agree exactly. Money may differ by `tolerance` of the money involved, a size
    by that share of the largest the position had, a price by that share of itself. Ledger entries of less money
    than that are passed over where they are mere leftovers, and so is the entry of a position that is closed.
    """
    money, largest = tolerance * float(result.money), tolerance * np.array(result.largest, dtype=float)
    entries = [tolerance * float(entry) if size else INF for entry, size in zip(result.entry, result.size, strict=True)]
    allowed = {
        **dict.fromkeys(("refused", "liquidated", "isolated"), 0.0),
        **dict.fromkeys(MONEY, money),
        # In what a position settles in, and in amounts of the assets.
        **dict.fromkeys(OF_POSITIONS, money / np.array(result.units, dtype=float)),
        **dict.fromkeys(("assets", "converted"), money / np.array(result.prices, dtype=float)),
        "size": largest,
        "deleveraged": largest,
        "entry": np.array(entries),
        "equity_path": money,
        "requirement_path": money,
        "size_path": largest,
    }
    found = []
    for name, by in allowed.items():
        theirs = getattr(outcome, name)
        # Paths are there only if they were asked for.
        if theirs is not None or not name.endswith("_path"):
            found += unlike(name, theirs, getattr(result, name), by)
    return found if outcome.ledger is None else found + ledger_differences(outcome.ledger, result, tolerance)


def ledger_differences(ledger, result, tolerance):
    """Return where a ledger departs from the referee's, up to the first entry that is of something else."""
    whole, found = tolerance * float(result.money), []
    pairs = zip_longest(*([one for one in of if not is_speck(one, whole)] for of in (ledger, result.ledger)))
    for number, (theirs, ours) in enumerate(pairs):
        what, expected = (one and (one.step, one.kind, one.position) for one in (theirs, ours))
        if what != expected:
            return [*found, f"ledger[{number}]: {what} instead of {expected}"]
        where = f"ledger[{number}] {expected}"
        if ours.position is None:
            money, size = whole, whole / float(ours.price or INF)
        else:
            money, size = (float(one[ours.position]) for one in (result.units, result.largest))
            money, size = whole / money, tolerance * size
        allowed = {"size": size, "price": tolerance * float(ours.price or 0), "amount": money, "fee": money}
        for name, by in {**allowed, "impact": money}.items():
            found += unlike(f"{where} {name}", getattr(theirs, name), getattr(ours, name), by)
        for side in ("before", "after"):
            for name in ours.before._fields:
                pair = (getattr(getattr(one, side), name) for one in (theirs, ours))
                by = {"size": size, "assets": whole / np.array(result.prices, dtype=float), "margin": money}
                found += unlike(f"{where} {side}.{name}", *pair, by.get(name, whole))
    return found


def is_speck(entry, money):
    """Return whether an entry is of so little money that rounding could have made it."""
    return entry.kind in SPECKS and abs(float(entry.amount)) <= money


def unlike(where, theirs, ours, allowed):
    """Return where two numbers or columns of numbers are further apart than allowed, in a list of one or none."""
    if theirs is None or ours is None:
        return [] if theirs is ours else [f"{where}: {theirs} instead of {ours}"]
    theirs, ours = np.asarray(theirs, dtype=float), np.asarray(ours, dtype=float)
    with np.errstate(invalid="ignore"):
        same = theirs.shape == ours.shape and ((theirs == ours) | (np.abs(theirs - ours) <= allowed)).all()
    return [] if same else [f"{where}: {theirs.tolist()} instead of {ours.tolist()}"]
