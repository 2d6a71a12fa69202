"""What happens over time: an account, step by step through prices, on one path or a million.

At every step, in this order: funding falls due; the trader acts; margins are topped up, and replenished where a
liquidation is due; stops are carried out; each isolated position is checked alone; the cross pool is checked as one.
Between such scheduled moments a path is only looked at when a price passes the level beyond which something of it
might happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Bools, Floats, Integers
from ..margin.account import Account
from ..margin.opening import Refusals
from ..margin.rules import Rules
from .actions import Action, TopUp, set_aside
from .conversion import convert_owed
from .forced_closing import liquidate_failing
from .orders import AutoMargin, replenish, stop_out
from .results import Outcome
from .schedule import Plan, Prices, bounds, one_price
from .state import Noted, State, Valuation, check_same

# Paths that are gone through together.
PATHS_AT_ONCE = 65_536
ON_REFUSAL = ("raise", "record")
# What a state holds of an outcome under the same name.
OF_STATE = [
    one.name for one in fields(Outcome) if one.name not in ("equity", "ledger") and not one.name.endswith("_path")
]


def simulate(
    account: Account | Sequence[Account],
    prices: ArrayLike | Iterable[ArrayLike],
    *,
    rules: Rules | None = None,
    funding: ArrayLike | Iterable[ArrayLike] | None = None,
    top_up: TopUp | None = None,
    auto_margin: AutoMargin | None = None,
    actions: Sequence[Action] = (),
    record: Sequence[str] = (),
    on_refusal: str = "raise",
    seed: int | Sequence[int] = 0,
) -> Outcome:
    """Return what becomes of an account along prices.

    Parameters
    ----------
    account
        What is held before the first step: n positions, or K accounts of n positions each, be it a list of K that
        hold the same positions in other modes. A size of 0 is a place for a position to be opened later. Its open
        orders tie up margin on the way; they are not filled.
        With collateral every step is looked at; a margin then comes out of what its position settles in, and as much
        as there is of that, for it is not borrowed.
    prices
        Marks, above 0: one path (T, n), an ensemble (K, T, n), or an iterator of steps of shape (n,) or (K, n),
        of which only a few are in memory at a time. Step 0 is the first price after the start. Of an account with
        collateral they may have a column more for each asset with a mark of its own, which stands still if left out.
    rules
        How the venue liquidates and charges. What triggers is the account's convention.
    funding
        Rates, fractions of notional a settlement, 0 where none is due; longs pay a positive one.
        Shape (n,) or () for every step, (T, n) or (K, T, n); or an iterator of (n,) or (K, n), one item a step.
    top_up
        Refilling of isolated margins, every so many steps.
    auto_margin
        Replenishing of isolated margins by the venue, instead of a liquidation.
    actions
        What the trader does, and ADL of what is held here, in this order where the steps are the same.
    record
        What to keep of every step: ``"equity"``, ``"requirement"``, ``"size"``.
    on_refusal
        ``"raise"`` where the venue refuses an action on any path, or ``"record"`` it and go on.
    seed
        Whole number of 0 or more, for each path with its number. Where closings have a random order, it is drawn
        from that. Or a list with one a path: each then draws what it would if it were the only one.

    Returns
    -------
    Outcome
        With a ledger for one path of one account.

    Raises
    ------
    ValueError
        For arguments that are not as above, and for refused actions.

    Examples
    --------
    1,000 behind ten times as much. The price falls by 5 % and then, in one step, by a further 10 %:

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> long = Position(btc, 0.2, 50_000, mode="isolated", leverage=10)
    >>> outcome = simulate(Account.open([long], balance=5_000), [[47_500.0], [42_500.0]])
    >>> outcome.liquidated, outcome.equity, outcome.shortfall
    (array([1], dtype=int32), 4000.0, 500.0)
    >>> [(entry.kind, entry.amount) for entry in outcome.ledger]
    [('taken over', -1500.0), ('fund paid', 500.0)]
    """
    rules = Rules() if rules is None else rules
    account, each = _one_or_several(account)
    _checks.instance("rules", rules, Rules)
    if top_up is not None:
        _checks.instance("top_up", top_up, TopUp)
    if auto_margin is not None:
        _checks.instance("auto_margin", auto_margin, AutoMargin)
    _checks.one_of("on_refusal", on_refusal, ON_REFUSAL)
    given = Prices(account, prices, len(each))
    seeds = _seeds(seed, given.paths)
    plan = Plan(account, funding, top_up, actions, record, auto_margin)
    plan.check(given.count, given.paths)
    ledger: list[Noted] | None = [] if given.single else None
    state = State(account, rules, given.paths, seed=seeds, ledger=ledger, stops=plan.stops, each=each)
    runs = [_Run(state, first, plan, on_refusal) for first in range(0, given.paths, PATHS_AT_ONCE)]
    for start, block in given.blocks(plan):
        rates = plan.rates(start)
        for run in runs:
            run.go(start, block, rates)
        steps = start + len(block)
    plan.check(steps, given.paths)
    plan.ended(steps)
    equity = np.concatenate([run.equity() for run in runs])
    recorded = {name: np.concatenate([np.concatenate(run.recorded[name]) for run in runs], -1) for name in plan.record}
    return _outcome(state, equity, recorded, single=given.single)


def _one_or_several(given: Account | Sequence[Account]) -> tuple[Account, Sequence[Account]]:
    """Return the account that says what is held, and all of them where there are several, one a path."""
    if not isinstance(given, list | tuple) or not given:
        return _checks.instance("account", given, Account), ()
    several = _checks.instances("account", given, Account)
    check_same("account", several)
    return several[0], several


def _seeds(given: object, paths: int) -> int | list[int]:
    """Return the seed of all paths, or one each, checked."""
    if not isinstance(given, list | tuple):
        return _checks.count("seed", given, least=0)
    if len(given) != paths:
        raise ArgumentError("seed", f"must be one, or one a path ({paths}), not {len(given)} of them")
    return [_checks.count("seed", one, least=0) for one in given]


class _Run:
    """One run of the engine, through some neighbouring paths: as many as stay near the processor."""

    def __init__(self, state: State, first: int, plan: Plan, on_refusal: str) -> None:
        self.part = slice(first, first + PATHS_AT_ONCE)
        self.state, self.plan, self.on_refusal = state.part(self.part), plan, on_refusal
        self.markets = plan.markets(state.account)
        self.recorded: dict[str, list[Floats]] = {name: [] for name in plan.record}
        self.paths = np.arange(self.state.cash.shape[-1])
        self.budget = np.full(self.paths.shape, np.inf if plan.top_up is None else float(plan.top_up.budget))

    def go(self, start: int, block: Floats, rates: Floats | None) -> None:
        """Go through a block of steps (B, n, K), of which only the first may have something due."""
        block = block[:, :, self.part]
        if not start:
            self.state.begin(block[0])
        lowest, highest = bounds(block, start, self.part.start)
        one_price(block, start, self.part.start, self.markets)
        first = int(self.plan.due(start))
        if first:
            self._scheduled(start, block[0], rates if rates is None or rates.shape[-1] == 1 else rates[:, self.part])
        if len(block) > first:
            leaving = ((lowest < self.state.low) | (highest > self.state.high)).any(axis=0)
            kept = _Kept(self.state, block[first:], start + first, self.plan.record)
            self._look_when_passed(block[first:], start + first, np.flatnonzero(leaving), kept)
            kept.up_to(len(block) - first, self.paths)
            for name, values in kept.recorded.items():
                self.recorded[name].append(values)
        self.marks = block[-1]

    def equity(self) -> Floats:
        """Return what each path is worth at its last marks."""
        return self.state.recorded(self.state.valuation(self.paths, self.marks, self.paths))["equity"]

    def _scheduled(self, step: int, marks: Floats, rates: Floats | None) -> None:
        state, plan, steps = self.state, self.plan, np.full(self.paths.shape, step)
        if rates is not None:
            _settle_funding(state, state.valuation(self.paths, marks, steps), rates)
        for action in plan.actions:
            if action.step == step:
                _perform(action, state, marks, steps, self.on_refusal)
        valued = state.valuation(self.paths, marks, steps)
        if plan.top_up is not None and step % plan.top_up.every == 0:
            valued = _refill(state, valued, plan.top_up.target, self.budget)
        valued = self._settle(valued)
        state.watch(valued)
        now = state.recorded(valued)
        for name, values in self.recorded.items():
            values.append(now[name][None])

    def _settle(self, valued: Valuation) -> Valuation:
        """Do what these marks ask for: margins replenished, stops carried out, debts paid, and then liquidations."""
        state, auto_margin = self.state, self.plan.auto_margin
        if auto_margin is not None:
            valued = replenish(state, valued, auto_margin)
        if state.stops:
            valued = stop_out(state, valued)
        if state.mixed:
            valued = convert_owed(state, valued)
        return liquidate_failing(state, valued)

    def _look_when_passed(self, block: Floats, start: int, paths: Integers, kept: _Kept) -> None:
        """Settle these paths where a watched price is passed, each at its own step, all at once."""
        state, later, block = self.state, True, block.take(paths, axis=-1)
        while paths.size:
            passed = np.asarray(((block < state.low[:, paths]) | (block > state.high[:, paths])).any(axis=1)) & later
            step = passed.argmax(axis=0)
            hit = np.flatnonzero(passed[step, np.arange(paths.size)])
            if not hit.size:
                return
            paths, step, block = paths[hit], step[hit], block.take(hit, axis=-1)
            kept.up_to(step, paths)
            marks = np.ascontiguousarray(block[step, :, np.arange(paths.size)].T)
            state.watch(self._settle(state.valuation(paths, marks, start + step)))
            later = np.arange(len(block))[:, None] > step


class _Kept:
    """What is recorded of a block of steps (B, n, K): between two looks at a path nothing is changed of it."""

    def __init__(self, state: State, block: Floats, start: int, record: Sequence[str]) -> None:
        self.state, self.block, self.start = state, block, start
        shape = {"size": block[:, : len(state.size)].shape}
        self.recorded = {name: np.empty(shape.get(name, block[:, 0].shape)) for name in record}
        self.done = np.zeros(block.shape[-1], dtype=np.intp)

    def up_to(self, step: int | Integers, paths: Integers) -> None:
        """Record these paths as they stand, at all steps before one, as far as that has not been done."""
        if not self.recorded:
            return
        steps = np.arange(len(self.block))[:, None]
        at, who = np.nonzero((steps >= self.done[paths]) & (steps < step))
        self.done[paths] = step
        for first in range(0, at.size, PATHS_AT_ONCE):
            some, own = at[first : first + PATHS_AT_ONCE], paths[who[first : first + PATHS_AT_ONCE]]
            marks = np.ascontiguousarray(self.block[some, :, own].T)
            now = self.state.recorded(self.state.valuation(own, marks, self.start + some))
            for name, values in self.recorded.items():
                values[some, ..., own] = now[name].T


def _settle_funding(state: State, valued: Valuation, rates: Floats) -> None:
    """Let every position pay or receive, one after the other."""
    for row in range(len(state.contracts)):
        payment = -np.sign(valued.size[row]) * valued.notional[row] * rates[row]
        before = state.balance_of(row, valued)
        from_margin = np.where(valued.isolated[row], payment, 0.0)
        if state.rules.isolated_funding == "wallet":
            from_margin = np.minimum(from_margin + np.maximum(state.pocket(row, valued.paths), 0.0), 0.0)
        state.margin[row] += from_margin
        state.pay(row, valued.paths, payment - from_margin)
        state.funding[row] += payment
        if payment.any():
            state.note("funding", row, valued, before, amount=payment)


def _perform(action: Action, state: State, marks: Floats, step: Integers, on_refusal: str) -> None:
    """Carry out an action on every path that allows it; raise or record where one does not."""
    held = [state.cash, state.size, state.entry, state.margin, state.leverage, state.isolated]
    columns = [*held, state.realized, state.fees, *((state.stop, state.stop_share) if state.stops else ())]
    saved, written = [column.copy() for column in columns], len(state.ledger or ())
    valued = state.valuation(np.arange(state.cash.shape[-1]), marks, step)
    refused = _refused(action, action.blocked(state, valued), valued, on_refusal)
    if not refused.all():
        action.carry_out(state, valued.only(~refused))
        after = state.valuation(valued.paths, marks, step)
        undone = _refused(action, action.refused(state, valued, after), after, on_refusal)
        for column, old in zip(columns, saved, strict=True):
            column[..., undone] = old[..., undone]
        refused |= undone
    state.refused[refused] += 1
    if state.ledger is not None and refused.any():
        del state.ledger[written:]
        state.note("refused", action.position, valued, state.balance_of(action.position, valued))


def _refused(action: Action, refusals: Iterable[Refusals], valued: Valuation, on_refusal: str) -> Bools:
    """Return which paths refuse, or raise with the first reason."""
    refused = np.full(valued.paths.shape, False)
    for one in refusals:
        if on_refusal == "raise" and one.where.any():
            paths = one.where.size
            where = "" if paths == 1 else f", on {one.where.sum():,} of {paths:,} paths"
            raise ValueError(f"{action!r} is refused{where}: the {one.argument} {one.reason()}")
        refused |= one.where
    return refused


def _refill(state: State, valued: Valuation, target: float, budget: Floats) -> Valuation:
    """Top up isolated positions, one after the other, out of the wallet and the budget; return how all stands."""
    for row in range(len(state.contracts)):
        wanted = target * valued.notional[row] - (valued.margin[row] + valued.pnl[row])
        price = state.pockets.price(row, valued.marks)
        wanted = np.where(valued.isolated[row], np.minimum(wanted, budget / price), 0.0)
        if not (wanted > 0).any():
            continue
        amount = np.maximum(np.minimum(wanted, state.spare(valued, row)), 0.0)
        before = state.balance_of(row, valued)
        set_aside(state, valued, row, amount)
        budget -= amount * price
        if amount.any():
            state.note("topped up", row, valued, before, amount=amount)
            valued = state.valuation(valued.paths, valued.marks, valued.step)
    return valued


def _outcome(state: State, equity: Floats, recorded: dict[str, Floats], *, single: bool) -> Outcome:
    """Return what a state has come to, given what was recorded of each step, (T, K) or (T, n, K)."""
    columns = {name: getattr(state, name).T for name in OF_STATE}
    columns["equity"] = equity
    for name, path in recorded.items():
        columns[f"{name}_path"] = np.moveaxis(path, -1, 0)
    if single:
        columns = {name: value[0] if value.ndim > 1 else value[0].item() for name, value in columns.items()}
    return Outcome(**columns, ledger=state.written())
