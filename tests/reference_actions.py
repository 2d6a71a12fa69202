"""What the user does to an account on its way, for the referee: each action as a venue would take or refuse it."""

from __future__ import annotations

from dataclasses import replace

from quicktions import Fraction

from marginlab import AddMargin, Close, Deleverage, Open, SetLeverage, Stop, Switch, Trade

from .oracle import INFINITY, notional, pnl
from .reference_state import exact


class RefusedError(Exception):
    """An action that the venue does not take, and why."""


def act(path, action, on_refusal):
    """Do what the user asks at this step, or leave everything as it was and count a refusal; or what ADL does."""
    if isinstance(action, Deleverage):
        return deleverage(path, action, path.rows[action.position])
    take = {
        AddMargin: add_margin,
        Open: open_position,
        Close: close_position,
        Trade: trade,
        SetLeverage: set_leverage,
        Stop: place_stop,
        Switch: switch,
    }[type(action)]
    row = None if action.position is None else path.rows[action.position]
    wallet, rows, entries = path.wallet, [replace(one) for one in path.rows], len(path.ledger)
    assets = dict(path.assets)
    try:
        take(path, action, row)
    except RefusedError as refusal:
        if on_refusal == "raise":
            raise ValueError(f"{action} at step {path.step} is refused: {refusal}") from None
        path.wallet, path.rows, path.assets = wallet, rows, assets
        del path.ledger[entries:]
        path.refused += 1
        row = None if row is None else rows[row.index]
        path.enter("refused", row, path.balance(row))
    return None


def demand(condition, reason):
    """Refuse unless a condition holds."""
    if not condition:
        raise RefusedError(reason)


def add_margin(path, action, row):
    """Move money between the wallet and the margin of an isolated position."""
    amount, before = Fraction(action.amount), path.balance(row)
    demand(row.size and row.isolated, "only an open isolated position has a margin")
    demand(amount > 0 or -amount <= removable(path, row), "what must stay would not stay")
    path.pay(row, -amount)
    row.margin += amount
    demand(amount < 0 or path.carries(row), "the wallet has less to spare")
    path.enter("margin added" if amount > 0 else "margin removed", row, before, abs(amount))


def removable(path, row):
    """Return how much margin the venue lets out of an open isolated position."""
    rule, profit = path.rules.withdrawal, row.pnl
    if rule == "none":
        return Fraction(0)
    least = max(path.initial_margin(row), Fraction(path.rules.withdrawal_leaves) * row.notional)
    if rule == "initial":
        return row.margin + min(profit, 0) - least
    own = {"maintenance": row.margin - path.maintenance(row), "zero": row.margin, "profit": INFINITY}[rule]
    return min(own, row.margin + profit - least)


def open_position(path, action, row):
    """Open a position, or add to one, at the mark."""
    demand(row.size * Fraction(action.size) >= 0, "it is open in the other direction")
    add(path, action, row, Fraction(action.size))


def trade(path, action, row):
    """Buy or sell: what goes against the position closes it, and what is left of the order opens another."""
    size = Fraction(action.size)
    if row.size * size < 0:
        share = min(Fraction(1), -size / row.size)
        size += share * row.size
        demand(can_pay(path, row, share), "its loss could not be paid")
        close(path, row, share, "closed")
    if size:
        add(path, action, row, size)


def set_leverage(path, action, row):
    """Change the setting of a position, where the venue does, and set aside what a lower one asks for."""
    before, limit = path.balance(row), path.leverage_limit(row)
    old, wanted = min(row.leverage, limit), exact(action.leverage)
    new = min(wanted, limit)
    allowed = path.rules.leverage_in_isolated if row.isolated else path.rules.leverage_in_cross
    if row.size and new != old:
        demand(allowed == "any" or (allowed == "raise" and new > old), "the venue does not")
    demand(wanted == INFINITY or wanted <= limit, "the bracket allows less leverage")
    demand(wanted == INFINITY or wanted * row.maintenance_on(row.notional) <= row.notional, "too little initial")
    free, tied = path.free_to_open(row), path.initial_margin(row)
    row.leverage = wanted
    more = path.initial_margin(row) - tied
    amount = Fraction(0)
    if row.isolated and more > 0:
        amount = more = max(Fraction(0), path.initial_margin(row) - row.margin - min(row.pnl, 0))
    demand(more <= 0 or more * path.weight(row.contract) <= free, "the wallet has less to spare")
    demand(not amount or not path.mixed or amount <= path.pocket(row), "there is less of it")
    path.pay(row, -amount)
    row.margin += amount
    path.enter("leverage changed", row, before, amount)


def place_stop(path, action, row):
    """Leave an order to close at a price, in place of the one there was."""
    demand(row.size, "nothing is open")
    row.stop = Fraction(action.price), Fraction(action.share)
    path.enter("stop placed", row, path.balance(row), price=Fraction(action.price))


def add(path, action, row, size):
    """Buy or sell what adds to a position, or opens one."""
    before = path.balance(row)
    demand(row.isolated or action.margin is None, "a cross position has no margin of its own")
    value = notional(row.contract, size, row.mark)
    fee = Fraction(path.rules.trading_fee) * value
    if action.leverage is not None:
        row.leverage = INFINITY if action.leverage == INFINITY else Fraction(action.leverage)
    row.entry = average_entry(row, size)
    row.size += size
    demand(path.counted(row) <= row.contract.tiers.cap, "it would be above the cap")
    limit = path.leverage_limit(row)
    demand(row.leverage == INFINITY or row.leverage <= limit, "the bracket allows less leverage")
    demand(
        row.leverage == INFINITY or row.leverage * row.maintenance_on(row.notional) <= row.notional,
        "too little initial",
    )
    path.pay(row, -fee)
    row.fees += fee
    margin = Fraction(0)
    if row.isolated:
        leverage = min(row.leverage, limit)
        demand(action.margin is not None or leverage != INFINITY, "no leverage says how much margin it needs")
        margin = value / leverage if action.margin is None else Fraction(action.margin)
        path.pay(row, -margin)
        row.margin += margin
        demand(path.carries(row), "the wallet has less to spare")
    else:
        demand(path.free_to_open(row) >= 0, "the wallet does not cover the initial margins")
    demand(not path.too_little(path.equity_of(row), path.need_of(row)), "it would be liquidated at once")
    path.enter("opened", row, before, margin, size, fee=fee)


def average_entry(row, added):
    """Return the entry after adding at the mark, at which the notionals at entry add up."""
    if row.contract.kind == "linear":
        return (row.size * row.entry + added * row.mark) / (row.size + added)
    return (row.size + added) / (row.size / row.entry + added / row.mark)


def close_position(path, action, row):
    """Close a share of a position at the mark; an isolated one gives that share of its margin back."""
    demand(row.size, "nothing is open")
    demand(can_pay(path, row, Fraction(action.share)), "its loss could not be paid")
    close(path, row, Fraction(action.share), "closed")


def can_pay(path, row, share):
    """Return whether a position, with the margin that is set free, or its pool can pay for closing a share of it."""
    fee = Fraction(path.rules.trading_fee) * share * row.notional
    return share * path.equity_of(row) >= fee if row.isolated else path.equity_of(row) >= fee * path.unit(row)


def close(path, row, share, kind):
    """Sell or buy back a share of a position."""
    held, before = row.size, path.balance(row)
    realized, fee = share * row.pnl, Fraction(path.rules.trading_fee) * share * row.notional
    returned = share * row.margin
    path.pay(row, returned + realized - fee)
    row.margin -= returned
    row.size -= share * row.size
    row.stop = row.stop if row.size else None
    row.realized += realized
    row.fees += fee
    path.enter(kind, row, before, realized, row.size - held, fee=fee)


def switch(path, action, row):
    """Change the mode of one position or, where no row is named, of the whole account; an entry for each changed."""
    to_isolated = action.mode == "isolated"
    changing = [one for one in path.rows if (row is None or row is one) and one.isolated != to_isolated]
    open_ones = [one for one in changing if one.size]
    demand(changing, f"it is in {action.mode} mode already")
    demand(path.rules.switching != "account" or row is None, "only the whole account has a mode")
    demand(path.rules.switching not in ("flat", "order") or not open_ones, "a position is open")
    given = None if action.margin is None else Fraction(action.margin)
    # All as they stand before the first of them changes.
    margins = [path.initial_alone(one) if given is None or not one.size else given for one in changing]
    for one, margin in zip(changing, margins, strict=True):
        before = path.balance(one)
        if to_isolated:
            one.isolated, one.margin = True, margin
            path.pay(one, -margin)
        else:
            one.isolated, margin = False, path.return_margin(one)
        path.enter("switched", one, before, margin)
    if to_isolated and open_ones:
        for one in open_ones:
            demand(path.carries(one), "what is left in cross mode would not cover its initial margins")
        for one in open_ones:
            demand(not path.too_little(path.equity_of(one), path.need_of(one)), "it would be liquidated at once")


def deleverage(path, action, row):
    """Close a share of a winner at the price of those liquidated, without a fee; pass over who has not won."""
    if action.paths is not None and path.number not in action.paths:
        return
    share, before, held = Fraction(action.share), path.balance(row), row.size
    if not row.size or row.pnl <= 0:
        path.enter("passed over", row, before)
        return
    price = row.mark if action.price is None else Fraction(action.price)
    paid = share * pnl(row.contract, row.size, row.entry, price)
    forgone, returned = share * row.pnl - paid, share * row.margin
    # What is closed must leave no debt: to an isolated position's margin, or to the pool.
    if (returned + paid if row.isolated else path.equity_of(row) - forgone * path.unit(row)) < 0:
        path.enter("passed over", row, before)
        return
    path.pay(row, returned + paid)
    row.margin -= returned
    row.size -= share * row.size
    row.realized += paid + forgone
    row.forgone += forgone
    row.deleveraged += abs(row.size - held)
    path.enter("auto-deleveraged", row, before, paid + forgone, row.size - held, price, impact=forgone)
