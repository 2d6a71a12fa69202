"""What happens over time: money is conserved, modes keep their promises, and the referee agrees event by event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marginlab import Account, AddMargin, Close, Contract, Convention, Open, Position, Rules, Tiers, TopUp, simulate
from marginlab import contracts as maths
from marginlab.outcome import RECORD

from . import reference
from .scenarios import differences, draw_account, draw_funding, draw_prices, draw_rules, scenario

FLOWS = ("realized", "funding", "fees", "impact")
FLAT = Tiers.flat(0.01, max_leverage=50)
BTC, ETH, SOL = (Contract(name, FLAT) for name in ("BTC", "ETH", "SOL"))


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
    start, values = 2 ** rng.uniform(0, 14, n), 2 ** rng.uniform(10, 14, n)
    account = draw_account(rng, start, values)
    account = replace(
        account,
        wallet=account.wallet * rng.uniform(0.2, 3, paths),
        size=account.size * rng.uniform(0.2, 3, (paths, n)),
        entry=account.entry * rng.uniform(0.95, 1.05, (paths, n)),
        margin=account.margin * rng.uniform(0.2, 3, (paths, n)),
    )
    prices = np.stack([draw_prices(rng, start, steps) for _ in range(paths)])
    return account, prices, draw_rules(rng, values), draw_funding(rng, n, steps), rng


# --- conservation ---------------------------------------------------------------------------------------------


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
            + outcome.forfeited
            + outcome.deleveraged
            - outcome.shortfall
        )
        left = outcome.balance + gains.sum(axis=(1, 2)) - lost_to_others - outcome.equity
        assert (np.abs(left) <= 1e-9 * turnover).all()
        # The fund's own books, and who bore what went beyond the margins.
        borne = outcome.fund_paid + outcome.deleveraged + outcome.uncovered
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


def test_the_random_accounts_go_through_every_kind_of_loss():
    totals = dict.fromkeys(("fees", "impact", "forfeited", "shortfall", "fund_paid", "deleveraged", "uncovered"), 0)
    for seed in range(60):
        account, prices, rules, funding, _ = many(seed, paths=20)
        outcome = simulate(account, prices, rules=rules, funding=funding)
        for name in totals:
            totals[name] += int((getattr(outcome, name) > 0).sum())
    assert min(totals.values()) >= 20, totals


# --- the referee ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, 500, 50))
def test_engine_and_exact_referee_agree_event_by_event(first):
    for seed in range(first, first + 50):
        case = scenario(seed)
        outcome = simulate(case.account, case.prices, **case.options, record=RECORD)
        exact = reference.run(case.account, case.prices, **case.options)
        assert differences(outcome, exact) == [], f"scenario {seed}"


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


@pytest.mark.parametrize("seed", range(20))
def test_streamed_prices_and_rates_go_as_whole_ones(seed):
    account, prices, rules, funding, _ = many(seed, paths=5, steps=50)
    whole = simulate(account, prices, rules=rules, funding=funding)
    rates = None if funding is None else iter(np.broadcast_to(funding, prices.shape[1:]))
    streamed = simulate(account, iter(np.moveaxis(prices, 1, 0)), rules=rules, funding=rates)
    assert same(streamed, whole)


def test_one_path_serves_many_accounts():
    sizes = np.array([[0.1], [0.2], [0.4]])
    accounts = Account(wallet=1_000.0, contracts=[BTC], size=sizes, entry=[50_000.0])
    prices = np.array([[49_000.0], [47_500.0], [45_000.0]])
    outcome = simulate(accounts, prices)
    alone = [simulate(replace(accounts, size=size), prices) for size in sizes]
    assert outcome.liquidated.tolist() == [one.liquidated.tolist() for one in alone]
    assert outcome.equity.tolist() == [one.equity for one in alone]


# --- what the modes promise -----------------------------------------------------------------------------------


def holding(seed, mode, rules, paths=40):
    """Return accounts held in one mode only, with prices and funding, and these rules changed."""
    account, prices, drawn, funding, rng = many(seed, paths)
    mark = account.entry
    margin = rng.uniform(0.02, 0.3, account.size.shape) * account.notional(mark) if mode == "isolated" else 0.0
    held = replace(account, mode=mode, margin=margin, wallet=np.abs(account.wallet) + 1.0)
    return held, prices, replace(drawn, **rules), funding


@pytest.mark.parametrize("seed", range(60))
def test_an_isolated_loss_never_exceeds_the_margin_and_what_was_added(seed):
    # What a loss could still take from elsewhere is ruled out: funding out of the wallet, and ADL of winners.
    rules = {"isolated_funding": "margin", "deleveraging": False}
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
    small = account.entry[:, None, :] * (prices / prices[:, :1]) ** 0.05
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


# --- order within a step --------------------------------------------------------------------------------------


def long(size=0.2, entry=50_000.0, **terms):
    """Return an isolated 10x long of 10,000, unless told otherwise."""
    terms = {"mode": "isolated", "leverage": 10, **terms}
    return Position(BTC, size, entry, **terms)


def test_funding_falls_due_before_the_position_is_checked():
    # 10,000 at 45,500: 1,000 of margin - 900 of loss = 100, and 91 are required. Funding of 0.1 % takes 9.1.
    account = Account.open([long()], balance=5_000)
    assert simulate(account, [[45_500.0]]).survived.all()
    assert simulate(account, [[45_500.0]], funding=0.001).liquidated.tolist() == [0]


def test_margin_is_topped_up_before_the_position_is_checked():
    # At 45,400: 80 left, 90.8 required. Refilled to a tenth of 9,080 = 908.
    account = Account.open([long()], balance=5_000)
    outcome = simulate(account, [[45_400.0]], top_up=TopUp(every=1, target=0.1))
    assert outcome.survived.all()
    assert outcome.margin.tolist() == [pytest.approx(1_828.0)]
    assert outcome.wallet == pytest.approx(3_172.0)


def test_the_trader_acts_before_the_position_is_checked_and_after_funding():
    account = Account.open([long()], balance=5_000)
    outcome = simulate(account, [[45_400.0]], funding=0.001, actions=[AddMargin(step=0, position=0, amount=50.0)])
    # 1,000 + 50 - 9.08 - 920 = 120.92, and 90.8 are required.
    assert outcome.survived.all()
    assert [entry.kind for entry in outcome.ledger] == ["funding", "margin added"]


def test_isolated_positions_go_before_the_pool_which_gets_what_a_market_closing_leaves():
    # Isolated 0.1 from 50,000 with 500: at 45,400 it is worth 40, needs 45.4, and is closed in the market.
    # Cross long of 1 ETH from 3,000 with a wallet of 300: at 2,720 worth 20, needs 27.2; with the 40 it holds.
    account = Account.of([long(0.1), Position(ETH, 1.0, 3_000.0)], wallet=300.0)
    outcome = simulate(account, [[45_400.0, 2_720.0]], rules=Rules(close="market"))
    assert outcome.liquidated.tolist() == [0, -1]
    assert outcome.wallet == pytest.approx(340.0)
    taken = simulate(account, [[45_400.0, 2_720.0]])
    assert taken.liquidated.tolist() == [0, 0]
    assert taken.forfeited == pytest.approx(60.0)


def test_after_each_closing_the_pool_is_worked_out_anew():
    # Three longs of 10,000 and a wallet of 1,000; BTC falls by 7.3 %, ETH by 1 %, SOL stands still.
    # Equity 1,000 - 730 - 100 = 170, required 92.7 + 99 + 100 = 291.7. Closing BTC costs 1 % of 9,270:
    # equity 77.3, required 199. Closing ETH: 77.3 - 99 < 0, so the fee takes what is left.
    wallet, prices = 1_000.0, [[46_350.0, 2_970.0, 100.0]]
    held = [Position(BTC, 0.2, 50_000.0), Position(ETH, 10 / 3, 3_000.0), Position(SOL, 100.0, 100.0)]
    rules = Rules(close="market", liquidation_fee=0.01)
    outcome = simulate(Account.of(held, wallet=wallet), prices, rules=rules)
    first, second, *_ = outcome.ledger.of("liquidated")
    assert (first.symbol, first.amount, first.fee) == ("BTC", pytest.approx(-730.0), pytest.approx(92.7))
    assert (first.before.equity, first.before.requirement) == (pytest.approx(170.0), pytest.approx(291.7))
    assert (first.after.equity, first.after.requirement) == (pytest.approx(77.3), pytest.approx(199.0))
    assert (second.symbol, second.fee) == ("ETH", pytest.approx(77.3))
    # Without the fee the first closing cures: 170 against 199 does not, so the second goes too: 170 against 100.
    cured = simulate(Account.of(held, wallet=wallet), prices, rules=Rules(close="market"))
    assert [entry.symbol for entry in cured.ledger] == ["BTC", "ETH"]
    assert cured.survived.tolist() == [False, False, True]


def test_top_ups_come_every_so_many_steps_and_end_with_the_budget():
    account = Account.open([long()], balance=5_000)
    prices = [[49_000.0], [48_000.0], [47_000.0], [46_000.0], [45_500.0]]
    ledger = simulate(account, prices, top_up=TopUp(every=2, target=0.1, budget=500.0)).ledger
    # At 49,000: equity 800, wanted 980. At 47,000: equity 580, wanted 940, but the budget has only 320 left.
    assert [(entry.step, entry.amount) for entry in ledger] == [(0, pytest.approx(180.0)), (2, pytest.approx(320.0))]


def test_top_ups_take_no_more_than_the_wallet_can_spare():
    # A cross long of 3,000 at 10x needs 300 of the 350 in the wallet and has lost 30.
    account = Account.of([long(), Position(ETH, 1.0, 3_000.0, leverage=10)], wallet=350.0)
    outcome = simulate(account, [[49_000.0, 2_970.0]], top_up=TopUp(every=1, target=0.1))
    # 350 - 30 - 297 = 23.
    assert outcome.margin.tolist() == [pytest.approx(1_023.0), 0.0]


def test_a_trigger_may_be_strict_or_inclusive():
    # At 45,454.5454...: equity 1,000 - 10,000 (1 - s) equals 1 % of 10,000 s at s = 10/11; in powers of two:
    tiers = Tiers.flat(0.125)
    position = Position(Contract("X", tiers), 1.0, 64.0, mode="isolated", margin=15.0)
    for at_equality, liquidated in ((True, [0]), (False, [-1])):
        account = Account.of([position], convention=Convention(at_equality=at_equality))
        # At 56: 15 - 8 = 7 = 56 / 8.
        assert simulate(account, [[56.0]]).liquidated.tolist() == liquidated


def test_a_path_is_compared_with_the_price_at_which_its_position_is_liquidated():
    account = Account.open([long(), long(-0.1, leverage=20)], balance=10_000)
    down, up = account.liquidation_price()
    just = 1e-9
    prices = np.array([[[50_000.0, 50_000.0], [down * (1 + just), up * (1 - just)]]] * 3)
    prices[1, 1, 0], prices[2, 1, 1] = down * (1 - just), up * (1 + just)
    assert simulate(account, prices).liquidated.tolist() == [[-1, -1], [1, -1], [-1, 1]]
