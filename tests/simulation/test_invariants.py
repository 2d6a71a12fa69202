"""What holds on every path, random as it may be: money is conserved, modes keep their promises, the referee agrees.

Slower than what `test_engine` asks, so apart from it: mutants of the engine are tried by that alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marginlab import AddMargin, Close, Deleverage, Open, Tiers, TopUp, simulate
from marginlab.margin import contracts as maths
from marginlab.simulation import engine
from marginlab.simulation.results import RECORD

from .. import reference
from ..scenarios import (
    differences,
    draw_account,
    draw_funding,
    draw_prices,
    draw_rules,
    draw_starts,
    fitted,
    growing,
    judged,
    scenario,
)

FLOWS = ("realized", "funding", "fees", "impact")


def gains_of(account, outcome, prices):
    """Return what the sizes held made, from entry to the first mark and from mark to mark, (K,)."""
    kind, multipliers = account.contracts[0].kind, [contract.multiplier for contract in account.contracts]
    held = np.concatenate([np.broadcast_to(account.size, prices[:, 0].shape)[:, None], outcome.size_path], axis=1)
    before = np.concatenate([np.broadcast_to(account.entry, prices[:, 0].shape)[:, None], prices[:, :-1]], axis=1)
    return maths.profit_of(kind, held[:, :-1] * multipliers, before, prices)


def many(seed, paths, steps=16):
    """Return accounts, paths and rules drawn at random: each path has an account of its own."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    start, values = draw_starts(rng, n), 2 ** rng.uniform(10, 14, n)
    account = draw_account(rng, start, values)
    account = replace(
        account,
        wallet=account.wallet * rng.uniform(0.2, 3, paths),
        size=account.size * rng.uniform(0.2, 3, (paths, n)),
        entry=account.entry * rng.uniform(0.95, 1.05, (paths, n)),
        margin=account.margin * rng.uniform(0.2, 3, (paths, n)),
    )
    prices = np.stack([draw_prices(rng, start, steps) for _ in range(paths)])
    rules = draw_rules(rng, values)
    return fitted(account, rules), prices, rules, draw_funding(rng, n, steps), rng


# --- conservation ---------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("batch", range(10))
def test_what_leaves_the_accounts_is_what_others_receive_on_ten_thousand_random_paths(batch):
    for seed in range(20 * batch, 20 * batch + 20):
        account, prices, rules, funding, rng = many(seed, paths=50)
        n = prices.shape[-1]
        top_up = TopUp(every=3, target=float(rng.uniform(0.05, 0.2))) if rng.random() < 0.5 else None
        actions = (
            Close(step=2, position=0, share=0.5),
            AddMargin(step=3, position=n - 1, amount=float(account.margin.max() / 10 + 1)),
            Open(step=5, position=0, size=float(account.size[:, 0].mean() or 1.0)),
            Deleverage(step=6, position=0, share=0.5, paths=tuple(range(0, 50, 2))),
            Deleverage(step=9, position=n - 1, price=float(prices[:, 9, n - 1].mean())),
        )
        outcome = simulate(
            account,
            prices,
            rules=rules,
            funding=funding,
            top_up=top_up,
            actions=actions,
            record=RECORD,
            on_refusal="record",
        )
        gains = gains_of(account, outcome, prices)
        turnover = (
            np.abs(gains).sum(axis=(1, 2)) + outcome.balance + sum(np.abs(getattr(outcome, f)).sum(1) for f in FLOWS)
        )
        lost_to_others = (
            (outcome.fees + outcome.impact - outcome.funding).sum(axis=1)
            + outcome.forgone.sum(axis=1)
            + outcome.forfeited
            - outcome.shortfall
        )
        left = outcome.balance + gains.sum(axis=(1, 2)) - lost_to_others - outcome.equity
        assert (np.abs(left) <= 1e-9 * turnover).all()
        # The fund's own books, and who bore what went beyond the margins.
        borne = outcome.fund_paid + outcome.uncovered
        assert (np.abs(outcome.shortfall - borne) <= 1e-9 * turnover).all()
        if np.isfinite(rules.fund):
            fund = rules.fund + outcome.fund_received - outcome.fund_paid
            assert (np.abs(outcome.fund - fund) <= 1e-9 * (turnover + rules.fund)).all()
            assert (outcome.fund >= 0).all()
        by_force = (outcome.fund_received - outcome.forfeited) / (rules.fund_share or 1)
        assert (by_force <= outcome.fees.sum(axis=1) + 1e-9 * turnover).all()
        if rules.trading_fee == 0 and rules.fund_share:
            assert (np.abs(by_force - outcome.fees.sum(axis=1)) <= 1e-9 * turnover).all()
        np.testing.assert_allclose(outcome.equity, outcome.equity_path[:, -1], rtol=0, atol=1e-9 * turnover.max())


@pytest.mark.long
def test_the_random_accounts_go_through_every_kind_of_loss():
    totals = dict.fromkeys(("fees", "impact", "forfeited", "shortfall", "fund_paid", "uncovered"), 0)
    for seed in range(60):
        account, prices, rules, funding, _ = many(seed, paths=20)
        outcome = simulate(account, prices, rules=rules, funding=funding)
        for name in totals:
            totals[name] += int((getattr(outcome, name) > 0).sum())
    assert min(totals.values()) >= 20, totals


# --- the referee ----------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_engine_and_exact_referee_agree_event_by_event(first):
    for seed in range(first, first + 50):
        case, exact = judged(seed)
        outcome = simulate(case.account, case.prices, **case.options, record=RECORD)
        assert differences(outcome, exact) == [], f"scenario {seed}"


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 300, 50))
def test_engine_and_exact_referee_agree_where_rates_grow_without_steps(first):
    for seed in range(first, first + 50):
        case = growing(seed)
        outcome = simulate(case.account, case.prices, **case.options, record=RECORD)
        exact = reference.run(case.account, case.prices, **case.options)
        assert differences(outcome, exact) == [], f"scenario {seed}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(0, 500, 5))
def test_a_path_looked_at_only_when_a_watched_price_is_passed_goes_as_if_looked_at_every_step(seed):
    case = scenario(seed)
    watched = simulate(case.account, case.prices, **case.options)
    every_step = simulate(case.account, case.prices, **case.options, record=["equity"])
    assert list(watched.ledger) == list(every_step.ledger)
    assert watched.equity == every_step.equity


# --- one path, many paths -------------------------------------------------------------------------------------


def same(one, other):
    """Return whether two outcomes are the same to the last bit."""
    names = [name for name in vars(one) if name != "ledger" and getattr(one, name) is not None]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("seed", range(40))
def test_one_path_alone_goes_as_in_an_ensemble_and_chunks_change_nothing(seed):
    account, prices, rules, funding, _ = many(seed, paths=9)
    # What is drawn belongs to the number of a path, which a part counts anew.
    rules = replace(rules, order="as given") if rules.order == "random" else rules
    options = {"rules": rules, "funding": funding, "top_up": TopUp(every=4, target=0.1), "record": RECORD}
    whole = simulate(account, prices, **options)

    def part(chosen):
        columns = {name: getattr(account, name)[chosen] for name in ("wallet", "size", "entry", "margin")}
        return simulate(replace(account, **columns), prices[chosen], **options)

    chunks = [part(slice(0, 4)), part(slice(4, 9))]
    assert same(type(whole).joined(chunks), whole)
    for path in (0, 5):
        alone = part(path)
        assert alone.ledger is not None
        assert alone.equity == whole.equity[path]
        for name in (*FLOWS, "size", "margin", "liquidated", "size_path"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(whole, name)[path], err_msg=name)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_paths_gone_through_in_parts_go_as_all_together(monkeypatch, seed):
    account, prices, rules, funding, _ = many(seed, paths=11, steps=40)
    for record in ((), RECORD):
        options = {"rules": rules, "funding": funding, "top_up": TopUp(every=7, target=0.1, budget=200.0)}
        monkeypatch.setattr(engine, "PATHS_AT_ONCE", 65_536)
        whole = simulate(account, prices, **options, record=record)
        monkeypatch.setattr(engine, "PATHS_AT_ONCE", 4)
        assert same(simulate(account, prices, **options, record=record), whole)


@pytest.mark.parametrize("seed", range(20))
def test_streamed_prices_and_rates_go_as_whole_ones(seed):
    account, prices, rules, funding, _ = many(seed, paths=5, steps=50)
    whole = simulate(account, prices, rules=rules, funding=funding)
    rates = None if funding is None else iter(np.broadcast_to(funding, prices.shape[1:]))
    streamed = simulate(account, iter(np.moveaxis(prices, 1, 0)), rules=rules, funding=rates)
    assert same(streamed, whole)


# --- what the modes promise -----------------------------------------------------------------------------------


def holding(seed, mode, rules, paths=40):
    """Return accounts held in one mode only, with prices and funding, and these rules changed."""
    account, prices, drawn, funding, rng = many(seed, paths)
    mark = account.entry
    margin = rng.uniform(0.02, 0.3, account.size.shape) * account.notional(mark) if mode == "isolated" else 0.0
    held = replace(account, mode=mode, margin=margin, wallet=np.abs(account.wallet) + 1.0)
    return held, prices, replace(drawn, **rules), funding


@pytest.mark.long
@pytest.mark.parametrize("seed", range(60))
def test_an_isolated_loss_never_exceeds_the_margin_and_what_was_added(seed):
    # What a loss could still take from elsewhere is ruled out: funding out of the wallet.
    rules = {"isolated_funding": "margin"}
    account, prices, rules, funding = holding(seed, "isolated", rules)
    budget = 0.05 * account.wallet.min()
    alone = simulate(account, prices, rules=rules, funding=funding)
    topped_up = simulate(
        account, prices, rules=rules, funding=funding, top_up=TopUp(every=1, target=0.2, budget=budget)
    )
    assert (alone.wallet >= account.wallet).all()
    assert (topped_up.wallet >= account.wallet - budget * (1 + 1e-12)).all()


@pytest.mark.parametrize("seed", range(60))
def test_a_cross_loss_never_exceeds_the_wallet(seed):
    account, prices, rules, funding = holding(seed, "cross", {"rounds": None})
    outcome = simulate(account, prices, rules=rules, funding=funding, record=["equity"])
    rounding = 1e-9 * account.notional(account.entry).max()
    assert (outcome.equity_path >= -rounding).all()
    assert (-outcome.profit <= account.wallet + rounding).all()


@pytest.mark.parametrize("seed", range(60))
def test_where_nothing_is_liquidated_both_modes_end_with_the_same_wealth(seed):
    account, prices, rules, funding = holding(seed, "isolated", {})
    rich = replace(account, margin=4 * account.notional(account.entry))
    pooled = replace(account, mode="cross", margin=0.0, wallet=rich.wallet + rich.margin.sum(axis=1))
    small = prices[:, :1] * (prices / prices[:, :1]) ** 0.05
    isolated, cross = (simulate(one, small, rules=rules, funding=funding) for one in (rich, pooled))
    assert isolated.survived.all()
    assert cross.survived.all()
    np.testing.assert_allclose(isolated.equity, cross.equity, rtol=1e-12)
    np.testing.assert_allclose(isolated.funding, cross.funding, rtol=1e-12)


@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("seed", range(30))
def test_a_higher_maintenance_rate_liquidates_at_least_as_early(seed, mode):
    # Whole units, so that nothing but the moment differs.
    account, prices, rules, funding = holding(seed, mode, {"part": "whole", "close": "takeover", "fund": np.inf})
    steps = []
    for rate in (0.0, 0.01, 0.03):
        contracts = [replace(contract, tiers=Tiers.flat(rate)) for contract in account.contracts]
        outcome = simulate(replace(account, contracts=contracts), prices, rules=rules, funding=funding)
        steps.append(np.where(outcome.survived, prices.shape[1], outcome.liquidated))
    assert (steps[0] >= steps[1]).all()
    assert (steps[1] >= steps[2]).all()
    assert (steps[0] > steps[2]).any() or (account.size == 0).all() or (steps[0] == steps[2]).all()
