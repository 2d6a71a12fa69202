"""What a venue does with a unit that fails, an isolated position or the cross pool: round after round.

Works on many paths at once, each at its own step, and records where every cent goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .._checks import ROUNDING
from .._typing import Bools, Floats, Integers, Numbers
from .conversion import convert_all, convert_debts
from .state import STRIDE, State, Valuation, mixed, total

# A share this close to the whole is the whole; a part smaller than the other is none.
WHOLE, NOTHING = 1 - 1e-9, 1e-12
# Closed down to a bracket's bound, a position must not be left above it by rounding.
JUST_BELOW = 1 - 2.0**-40


def liquidate_failing(state: State, valued: Valuation) -> Valuation:
    """Liquidate what fails, isolated positions each alone and then the pool; return how things stand after it."""
    if not valued.fails.any():
        return valued
    changed = np.full(valued.paths.shape, False)

    def renew() -> None:
        valued.renew(changed, state.valuation(valued.paths[changed], valued.marks[:, changed], valued.step[changed]))
        changed[:] = False

    units: Sequence[int | None] = [*range(len(state.contracts)), None]
    for row in units:
        # Isolated positions do not reach each other; the pool gets what they leave.
        if changed.any() and row is None:
            renew()
        failing = valued.fails & (valued.pool if row is None else valued.isolated & (state.rows == row))
        hit = np.asarray(failing.any(axis=0))
        if hit.any():
            _liquidate(state, valued.only(hit), row)
            changed |= hit
    if changed.any():
        renew()
    return valued


def _liquidate(state: State, valued: Valuation, row: int | None) -> None:
    """Close an isolated row, or with ``None`` the pool, until it no longer fails or nothing is left of it."""
    rules, rounds = state.rules, 0
    if row is None and rules.net_first:
        valued = _net(state, valued)
    begun, at_once = np.abs(valued.size), row is None and rules.order == "all at once"
    while valued.paths.size:
        unit = valued.pool if row is None else valued.isolated & (state.rows == row)
        if rules.close == "takeover" and rules.part == "whole":
            # Nothing to choose, and the most common case.
            _take_over(state, valued, row, _nothing(state, valued, unit))
            return
        shares = np.ones(begun.shape) if at_once else _shares(state, valued, begun)
        chosen, share = _next(state, valued, unit, shares)
        own, nothing = (chosen, np.arange(chosen.size)), _nothing(state, valued, unit)
        over = state.left(valued)[own] <= nothing
        if rules.takeover_below:
            over |= valued.equity[own] <= rules.takeover_below * valued.need[own]
        if rules.close == "takeover":
            over |= share == 1
        if over.any():
            _take_over(state, valued.only(over), row, nothing[over])
        going = ~over & (share > NOTHING)
        if (rounds == rules.rounds and not at_once) or not going.any():
            return
        valued, begun, chosen, share = valued.only(going), begun[:, going], chosen[going], share[going]
        unit, own = unit[:, going], (chosen, np.arange(chosen.size))
        _close_in_market(state, valued, chosen, share)
        rounds += 1
        valued = state.valuation(valued.paths, valued.marks, valued.step)
        unit = valued.pool if row is None else valued.isolated & (state.rows == row)
        failing = np.asarray((unit if at_once else valued.fails & unit).any(axis=0))
        if rules.part == "restore":
            # This ends on the very edge, where rounding would decide: it is only looked at again if impact ruined it.
            failing &= (share == 1) | (state.left(valued)[own] <= _nothing(state, valued, unit))
        valued, begun = valued.only(failing), begun[:, failing]


def _nothing(state: State, valued: Valuation, unit: Bools) -> Floats:
    """Return what counts as nothing, (k,): a fee may take all there is, and rounding leave a little of it."""
    money = state.pockets.worth(valued.notional + np.abs(valued.pnl), valued.marks)
    return ROUNDING * (total(np.where(unit, money, 0.0)) + (state.money_of(valued) if state.mixed else 0.0))


def _net(state: State, valued: Valuation) -> Valuation:
    """Close long and short of each contract in the pool against each other, at the mark; return what still fails."""
    contracts = state.contracts
    for contract in dict.fromkeys(contracts):
        legs = [row for row, other in enumerate(contracts) if other == contract]
        size = np.where(valued.pool, valued.size, 0.0)
        long, short = total(size[legs].clip(min=0)), -total(size[legs].clip(max=0))
        both = np.minimum(long, short)
        for row in legs if both.any() else []:
            some = (both > 0) & (size[row] != 0)
            if some.any():
                side = np.where(size[row] > 0, long, short)[some]
                _close_netted(state, valued.only(some), row, both[some] / side)
    valued = state.valuation(valued.paths, valued.marks, valued.step)
    return valued.only(np.asarray((valued.fails & valued.pool).any(axis=0)))


def _close_netted(state: State, valued: Valuation, row: int, share: Floats) -> None:
    """Close a share of a leg of the pool against its other side."""
    before, paths, size = state.balance_of(row, valued), valued.paths, valued.size[row]
    profit, left = share * valued.pnl[row], np.where(share == 1, 0.0, size * (1 - share))
    state.size[row, paths] = left
    state.pay(row, paths, profit)
    rows = np.full(paths.shape, row)
    _book(state, valued, rows, profit=profit, fee=np.zeros(paths.shape))
    _mark_ended(state, rows, valued, share == 1)
    state.note("netted", row, valued, before, size=left - size, amount=profit)


def _turn(state: State, valued: Valuation) -> Floats:
    """Return what the positions are put in order by, the first to be closed the smallest: shape (n, k)."""
    if state.rules.order == "largest loss":
        return state.pockets.worth(valued.pnl, valued.marks)
    if state.rules.order == "random":
        count = valued.step * len(state.rows) + state.rows
        return mixed(state.seed[valued.paths] + count.astype(np.uint64) * STRIDE).astype(float)
    return state.rows + 0 * valued.pnl


def _next(state: State, valued: Valuation, unit: Bools, shares: Floats) -> tuple[Integers, Floats]:
    """Return which row of the unit is closed next and how much of it, in part before as a whole: shapes (k,)."""
    shares = np.where(shares > WHOLE, 1.0, shares)
    key = np.where(unit, _turn(state, valued), np.inf)
    partly = np.where(shares < 1, key, np.inf)
    chosen = np.where((partly < np.inf).any(axis=0), partly.argmin(axis=0), key.argmin(axis=0))
    return chosen, shares[chosen, np.arange(chosen.size)]


def _shares(state: State, valued: Valuation, begun: Floats) -> Floats:
    """Return what the rules would close of each position, a share of its size up to 1, shape (n, k)."""
    rules = state.rules
    if rules.part == "whole":
        return np.ones(valued.size.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        if rules.part == "share":
            small = state.pockets.worth(valued.notional, valued.marks) <= rules.share_above
            return np.where(small, 1.0, rules.share * begun / np.abs(valued.size))
        if rules.part == "bracket":
            amount = state.counted(valued.size, valued.isolated, valued.notional)
            bracket, first = state.bracket(amount, valued.paths), state.first[valued.paths]
            target = state.in_bracket(state.floors, np.maximum(bracket - rules.brackets + 1, first)) * JUST_BELOW
            return np.where(bracket - first >= rules.brackets, state.share_to_reach(valued, amount, target), 1.0)
        return _restoring(state, valued)


def _restoring(state: State, valued: Valuation) -> Floats:
    r"""Return the smallest share of each position whose closing lets equity cover the requirement, 1 where none does.

    Closing *x* costs the liquidation fee :math:`x V f` and the flat one, and leaves the requirement of
    :math:`1 - x` of the position. In each bracket both are linear in *x*, so each is solved for itself;
    entering a lower bracket may already be enough where maintenance jumps.
    """
    rules, price = state.rules, state.pockets.each_price(valued.marks)
    amount = np.where(state.by_size, np.abs(valued.size), valued.basis)
    weight = np.where(valued.isolated, 1.0, price * state.pockets.owed) if state.mixed else 1.0
    flat, others = rules.flat_liquidation_fee / price, valued.need - weight * valued.required
    best, highest = np.ones(amount.shape), (valued.bracket - state.first[valued.paths]).max()
    for number in range(int(highest) + 1):
        bracket = state.nth(number, valued.paths)
        rate, deduction, floor = (t[:, bracket] for t in (state.rates, state.deductions, state.floors))
        # The first bracket above is the position's own: nothing closed yet.
        begin = np.where(bracket == valued.bracket, 0.0, 1 - state.uppers[:, bracket] * JUST_BELOW / amount)
        needed = rules.restore_to * (others + weight * rate * valued.basis - weight * deduction + weight * valued.fee)
        freed = rules.restore_to * weight * (rate * valued.basis + valued.fee)
        found, lines = begin, []
        for there, cost in _lines(state, valued):
            left, gain = there - needed - cost * flat, freed - cost * (valued.notional * rules.liquidation_fee)
            lines.append((left, gain))
            solved = np.where(gain > 0, -left / gain, np.inf)
            found = np.maximum(found, np.where(left + gain * begin >= 0, begin, solved))
        for left, gain in lines if len(lines) > 1 else ():
            # Where closing costs more than it frees, what was enough may be so no longer.
            found = np.where((gain > 0) | (left + gain * found >= 0), found, np.inf)
        found = np.where((bracket <= valued.bracket) & (found < 1 - floor / amount), found, np.inf)
        best = np.minimum(best, found)
    return best


def _lines(state: State, valued: Valuation) -> Iterator[tuple[Floats, Numbers]]:
    """Yield straight lines of which each row's unit has the lowest left: as it is, less so much a unit of cost."""
    if not state.mixed:
        yield valued.equity, 1.0
        return
    held = state.held(valued)
    each = [state.pockets.lines(held, valued.marks, row) for row in range(len(state.contracts))]
    for number in range(max(map(len, each))):
        lines = [lines[min(number, len(lines) - 1)] for lines in each]
        there, cost = (np.stack(column) for column in zip(*lines, strict=True))
        yield np.where(valued.isolated, valued.equity, there), np.where(valued.isolated, 1.0, cost)


def _close_in_market(state: State, valued: Valuation, rows: Integers, share: Floats) -> None:
    """Close a share of one row a path at the mark, less impact and fee."""
    paths, own = valued.paths, (rows, np.arange(rows.size))
    isolated, marks, size = valued.isolated[own], valued.marks[own], valued.size[own]
    closed, profit = share * valued.notional[own], share * valued.pnl[own]
    price = state.pockets.each_price(valued.marks, own)
    slip = np.minimum(closed * price / (200 * state.depth[rows, 0]), 0.5)
    impact = closed * slip
    fee = _liquidation_fee(state, closed, state.left(valued)[own] - impact * price, price)
    row = int(rows[0])
    before = state.balance_of(row, valued)

    left = np.where(share == 1, 0.0, size * (1 - share))
    state.size[rows, paths] = left
    cash = profit - impact - fee
    margin = np.where(isolated, valued.margin[own] + cash, 0.0)
    released = np.where(isolated & (share == 1), np.maximum(margin, 0.0), 0.0)
    state.margin[rows, paths] = margin - released
    state.pay(rows, paths, np.where(isolated, released, cash))
    _book(state, valued, rows, profit=profit, fee=fee, impact=impact)
    _mark_ended(state, rows, valued, share == 1)

    worse = 1 - np.sign(size) * state.columns.sign[rows, 0] * slip
    fill = marks * np.where(state.columns.linear[rows, 0], worse, 1 / worse)
    kind = "liquidated" if share[0] == 1 else "reduced"
    state.note(kind, row, valued, before, size=left - size, price=fill, amount=profit, fee=fee, impact=impact)

    pool_left = ((state.size[:, paths] != 0) & ~state.isolated[:, paths]).any(axis=0)
    # One call never mixes units, so an isolated one's row is the row of all.
    owes = isolated & (share == 1) & (margin < 0)
    if owes.any():
        _cover(state, valued.only(owes), row, -margin[owes])
    owes = ~isolated & ~pool_left & (state.cash[:, paths] < 0).any(axis=0)
    if owes.any():
        convert_debts(state, valued.only(owes))
        owes &= state.wallet[paths] < 0
        _cover(state, valued.only(owes), None, -state.wallet[paths[owes]])


def _take_over(state: State, valued: Valuation, row: int | None, nothing: Floats) -> None:
    """Hand an isolated row, or with ``None`` the whole pool, to the venue: nothing is left to the trader."""
    # Of the pool all that is in cross has the same left.
    left = state.left(valued)[valued.pool.argmax(axis=0) if row is None else row, np.arange(valued.paths.size)]
    for taken in range(len(state.contracts)) if row is None else [row]:
        held = valued.pool[taken] if row is None else np.full(valued.paths.shape, True)
        if not held.any():
            continue
        now, at = valued.only(held), np.flatnonzero(held)
        before = state.balance_of(taken, now)
        price = state.pockets.price(taken, now.marks)
        fee = _liquidation_fee(state, now.notional[taken], left[at], price)
        left[at] -= fee * price
        cash = now.pnl[taken] - fee
        if row is None:
            state.pay(taken, now.paths, cash)
        else:
            state.margin[row, now.paths] += cash
        state.size[taken, now.paths] = 0.0
        rows = np.full(at.shape, taken)
        _book(state, now, rows, profit=now.pnl[taken], fee=fee)
        _mark_ended(state, rows, now, held[held])
        state.note("taken over", taken, now, before, size=-now.size[taken], amount=now.pnl[taken], fee=fee)
    if row is None:
        convert_all(state, valued)
    rest = state.wallet[valued.paths] if row is None else state.margin[row, valued.paths]
    nothing = nothing if row is None else nothing / state.pockets.price(row, valued.marks)
    _empty(state, valued.paths[np.abs(rest) <= nothing], row)
    for settle, sign in ((_forfeit, 1), (_cover, -1)):
        some = sign * rest > nothing
        if some.any():
            settle(state, valued.only(some), row, sign * rest[some])


def _liquidation_fee(state: State, closed: Floats, left: Floats, price: Numbers) -> Floats:
    """Return the fee for closing so much by force, in what that is in, never more than is left in the account's."""
    fee = state.rules.liquidation_fee * closed + state.rules.flat_liquidation_fee / price
    return np.minimum(fee, np.maximum(left, 0.0) / price)


def _book(
    state: State, valued: Valuation, rows: Integers, *, profit: Floats, fee: Floats, impact: Floats | float = 0.0
) -> None:
    """Write down what a closing by force realised and cost, and give the fund its share of the fee."""
    paths = valued.paths
    state.realized[rows, paths] += profit
    state.fees[rows, paths] += fee
    state.impact[rows, paths] += impact
    price = state.pockets.each_price(valued.marks, (rows, np.arange(rows.size)))
    _give(state, paths, state.rules.fund_share * fee * price)


def _mark_ended(state: State, rows: Integers, valued: Valuation, ended: Bools) -> None:
    first = ended & (state.liquidated[rows, valued.paths] < 0)
    state.liquidated[rows[first], valued.paths[first]] = valued.step[first]


def _give(state: State, paths: Integers, amount: Floats) -> None:
    state.fund[paths] += amount
    state.fund_received[paths] += amount


def _forfeit(state: State, valued: Valuation, row: int | None, rest: Floats) -> None:
    """Give what a takeover leaves to the insurance fund."""
    before = state.balance_of(row, valued)
    worth = rest * _price(state, valued, row)
    _empty(state, valued.paths, row)
    state.forfeited[valued.paths] += worth
    _give(state, valued.paths, worth)
    state.note("fund received", row, valued, before, amount=rest)


def _cover(state: State, valued: Valuation, row: int | None, owed: Floats) -> None:
    """Make good what is missing: out of the insurance fund; the rest is borne by others, and recorded."""
    if not owed.size:
        return
    paths, price = valued.paths, _price(state, valued, row)
    state.shortfall[paths] += owed * price
    paid = np.minimum(state.fund[paths] / price, owed)
    before = state.balance_of(row, valued)
    state.fund[paths] -= np.minimum(paid * price, state.fund[paths])
    state.fund_paid[paths] += paid * price
    _add(state, paths, row, paid)
    if (paid > 0).any():
        state.note("fund paid", row, valued, before, amount=paid)
    owed = owed - paid
    before = state.balance_of(row, valued)
    state.uncovered[paths] += owed * price
    _empty(state, paths, row)
    if (owed > 0).any():
        state.note("uncovered", row, valued, before, amount=owed)


def _price(state: State, valued: Valuation, row: int | None) -> Numbers:
    """Return the price of what a unit's cash is in: the pool's is in the account's currency."""
    return 1.0 if row is None else state.pockets.price(row, valued.marks)


def _add(state: State, paths: Integers, row: int | None, amount: Floats) -> None:
    if row is None:
        state.wallet[paths] += amount
    else:
        state.margin[row, paths] += amount


def _empty(state: State, paths: Integers, row: int | None) -> None:
    """Leave nothing of the unit's cash, to the last bit."""
    if row is None:
        state.wallet[paths] = 0.0
    else:
        state.margin[row, paths] = 0.0
