"""What happens over time: in which order, to which path, at which step, and out of whose pocket."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from marginlab import Account, AddMargin, Close, Contract, Convention, Open, Position, Rules, Tiers, TopUp, simulate

from .. import reference
from ..refusals import assert_refused
from ..scenarios import differences, growing, scenario

FLAT = Tiers.flat(0.01, max_leverage=50)
BTC, ETH, SOL = (Contract(name, FLAT) for name in ("BTC", "ETH", "SOL"))


def long(size=0.2, entry=50_000.0, contract=BTC, **terms):
    """Return an isolated 10x long of 10,000, unless told otherwise."""
    terms = {"mode": "isolated", "leverage": 10, **terms}
    return Position(contract, size, entry, **terms)


# --- one path, many paths -------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [*map(scenario, range(500, 520)), *map(growing, range(500, 520))])
def test_the_referee_says_the_same_of_one_path_looked_at_where_needed_at_every_step_and_streamed(of):
    case = of
    exact = reference.run(case.account, case.prices, **case.options)
    watched = simulate(case.account, case.prices, **case.options)
    recorded = simulate(case.account, case.prices, **case.options, record=["equity", "requirement", "size"])
    streamed = simulate(case.account, iter(case.prices), **case.options)
    assert differences(watched, exact) == []
    assert differences(recorded, exact) == []
    assert list(watched.ledger) == list(recorded.ledger) == list(streamed.ledger)


def test_each_path_is_settled_at_its_own_step_and_again_when_something_else_of_it_fails():
    # Two isolated longs fail at 45,454.55 and 2,727.27. Prices that are streamed come in blocks of 32 steps.
    account = Account.open([long(), Position(ETH, 5.0, 3_000.0, mode="isolated", leverage=10)], balance=10_000)
    falls = {
        0: [(0, 3), (1, 3)],
        1: [(0, 5), (1, 7)],
        2: [(1, 4), (0, 40)],
        3: [],
        4: [(0, 0), (1, 49)],
        5: [(0, 31), (1, 32)],
    }
    prices = np.full((6, 50, 2), [50_000.0, 3_000.0])
    for path, steps in falls.items():
        for row, step in steps:
            # Only for a moment: what was missed then would not be seen later.
            prices[path, step, row] *= 0.9
    expected = [[dict(steps).get(row, -1) for row in (0, 1)] for steps in falls.values()]
    for record in ((), ["equity"]):
        assert simulate(account, prices, record=record).liquidated.tolist() == expected
        assert simulate(account, iter(prices.swapaxes(0, 1)), record=record).liquidated.tolist() == expected
    due = np.outer(np.arange(50) % 6 == 5, [1e-9, 1e-9])
    funded = simulate(account, prices, funding=due)
    assert funded.liquidated.tolist() == expected
    for path, row in enumerate(expected):
        for alone in (simulate(account, prices[path]), simulate(account, iter(prices[path]))):
            assert alone.liquidated.tolist() == row
            assert [(entry.position, entry.step) for entry in alone.ledger.of("taken over")] == falls[path]


def test_shorts_are_watched_as_they_rise():
    account = Account.open([long(-0.2), Position(ETH, -5.0, 3_000.0)], balance=2_000)
    prices = np.full((3, 40, 2), [50_000.0, 3_000.0])
    # The first fails at 11,000 / 1.01 / 0.2 = 54,455, the second with a wallet of 1,000 at 16,000 / 1.01 / 5 = 3,168.
    prices[0, 35, 0], prices[1, 35, 0], prices[1, 38, 1] = 54_500.0, 54_400.0, 3_170.0
    for given in (prices, iter(prices.swapaxes(0, 1))):
        assert simulate(account, given).liquidated.tolist() == [[35, -1], [-1, 38], [-1, -1]]


def test_of_one_path_a_ledger_is_kept_and_of_an_ensemble_none():
    account = Account.open([long()], balance=5_000)
    assert [entry.kind for entry in simulate(account, [[45_000.0]]).ledger] == ["taken over"]
    assert simulate(account, [[[45_000.0]]]).ledger is None
    assert simulate(account, iter([[[45_000.0]]])).ledger is None


def test_what_is_left_is_worth_what_the_last_marks_say():
    account = Account.open([long()], balance=5_000)
    for prices in ([[51_000.0]], [[49_000.0], [51_000.0]], [[49_000.0]] * 32 + [[51_000.0]]):
        for given in (prices, iter(prices)):
            outcome = simulate(account, given)
            assert (outcome.equity, outcome.balance) == (pytest.approx(5_200.0), 5_000.0)
        assert simulate(account, prices, funding=0.0, record=["equity"]).equity_path[-1] == pytest.approx(5_200.0)


def test_what_is_recorded_is_recorded_once_a_step():
    account = Account.open([long()], balance=5_000)
    prices = [[51_000.0], [45_000.0], [52_000.0]]
    outcome = simulate(account, prices, record=["size", "equity", "requirement"])
    assert outcome.size_path.tolist() == [[0.2], [0.0], [0.0]]
    assert outcome.equity_path.tolist() == [pytest.approx(5_200.0), 4_000.0, 4_000.0]
    assert outcome.requirement_path.tolist() == [pytest.approx(102.0), 0.0, 0.0]


def test_one_path_serves_many_accounts():
    sizes = np.array([[0.1], [0.2], [0.4]])
    accounts = Account(wallet=1_000.0, contracts=[BTC], size=sizes, entry=[50_000.0])
    prices = np.array([[49_000.0], [47_500.0], [45_000.0]])
    outcome = simulate(accounts, prices)
    alone = [simulate(replace(accounts, size=size), prices) for size in sizes]
    assert outcome.liquidated.tolist() == [one.liquidated.tolist() for one in alone]
    assert outcome.equity.tolist() == [one.equity for one in alone]


# --- order within a step --------------------------------------------------------------------------------------


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


def test_a_budget_in_whole_units_is_spent_to_the_last_and_no_further():
    # As above 828 are missing, but only 500 may be added.
    account = Account.open([long()], balance=5_000)
    outcome = simulate(account, [[45_400.0]], top_up=TopUp(every=1, target=0.1, budget=500))
    assert outcome.margin.tolist() == [pytest.approx(1_500.0)]


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
    account = Account.open([long(), long(-0.1, contract=ETH, leverage=20)], balance=10_000)
    down, up = account.liquidation_price()
    just = 1e-9
    prices = np.array([[[50_000.0, 50_000.0], [down * (1 + just), up * (1 - just)]]] * 3)
    prices[1, 1, 0], prices[2, 1, 1] = down * (1 - just), up * (1 + just)
    assert simulate(account, prices).liquidated.tolist() == [[-1, -1], [1, -1], [-1, 1]]


# --- funding --------------------------------------------------------------------------------------------------


def funded(rate, *, wallet=1_000.0, rule="margin", positions=None, **options):
    """Return what becomes of 10,000 of BTC isolated and 3,000 of ETH in cross, after one step at the entries."""
    held = positions or [long(), Position(ETH, -1.0, 3_000.0)]
    account = Account.of(held, wallet=wallet)
    rules = Rules(isolated_funding=rule)
    return simulate(account, [[50_000.0, 3_000.0][: len(held)]], rules=rules, funding=rate, **options)


def test_longs_pay_a_positive_rate_and_shorts_receive_it_out_of_margin_and_wallet():
    outcome = funded([0.001, 0.002])
    assert outcome.funding.tolist() == [pytest.approx(-10.0), pytest.approx(6.0)]
    assert (outcome.margin[0], outcome.wallet) == (pytest.approx(990.0), pytest.approx(1_006.0))
    pays, receives = outcome.ledger
    assert (pays.kind, pays.position, pays.amount, pays.price) == ("funding", 0, pytest.approx(-10.0), 50_000.0)
    assert (pays.before.margin, pays.after.margin) == (1_000.0, pytest.approx(990.0))
    assert (receives.kind, receives.position, receives.amount) == ("funding", 1, pytest.approx(6.0))
    assert (receives.before.wallet, receives.after.wallet) == (1_000.0, pytest.approx(1_006.0))


def test_what_is_not_due_is_not_written_down():
    assert [entry.position for entry in funded([0.0, 0.002]).ledger] == [1]
    assert [entry.position for entry in funded([0.002, 0.0]).ledger] == [0]
    # Nothing is due where nothing is held.
    closed = Account(wallet=1_000.0, contracts=[BTC, ETH], size=[0.0, -1.0], entry=[50_000.0, 3_000.0])
    assert [entry.position for entry in simulate(closed, [[50_000.0, 3_000.0]], funding=0.001).ledger] == [1]


@pytest.mark.parametrize(
    ("rate", "wallet", "paid_by_wallet", "paid_by_margin"),
    [
        (0.001, 1_000.0, 10.0, 0.0),
        # The wallet pays as far as it goes, the margin the rest.
        (0.001, 4.0, 4.0, 6.0),
        (0.001, 0.0, 0.0, 10.0),
        # A wallet that is in debt pays nothing, and is not asked for more.
        (0.001, -5.0, 0.0, 10.0),
        # What is received goes to the wallet, whatever is in it.
        (-0.001, 1_000.0, -10.0, 0.0),
        (-0.001, -5.0, -10.0, 0.0),
    ],
)
def test_funding_of_an_isolated_position_may_come_out_of_the_wallet(rate, wallet, paid_by_wallet, paid_by_margin):
    outcome = funded(rate, wallet=wallet, rule="wallet", positions=[long()])
    assert outcome.wallet == pytest.approx(wallet - paid_by_wallet)
    assert outcome.margin.tolist() == [pytest.approx(1_000 - paid_by_margin)]
    assert outcome.funding.tolist() == [pytest.approx(-paid_by_wallet - paid_by_margin)]


def test_one_position_s_funding_leaves_the_next_what_is_left_of_the_wallet():
    held = [long(), Position(ETH, 1.0, 3_000.0, mode="isolated", leverage=10)]
    outcome = funded([0.001, 0.001], wallet=12.0, rule="wallet", positions=held)
    # 10 and then 2 of 3.
    assert (outcome.wallet, outcome.margin.tolist()) == (0.0, [pytest.approx(1_000.0), pytest.approx(299.0)])


def test_a_cross_position_s_funding_may_take_the_wallet_below_nothing():
    held = [Position(BTC, 0.2, 50_000.0), Position(ETH, 1.0, 3_000.0)]
    account = Account.of(held, wallet=5.0)
    outcome = simulate(account, [[52_000.0, 3_000.0]], rules=Rules(isolated_funding="wallet"), funding=0.001)
    assert (outcome.wallet, outcome.margin.tolist()) == (pytest.approx(5 - 10.4 - 3), [0.0, 0.0])


def test_each_path_is_funded_by_its_own_rate_and_size():
    account = Account(wallet=[100.0, 200.0], contracts=[BTC], size=[[0.2], [-0.4]], entry=[50_000.0])
    outcome = simulate(account, [[50_000.0]] * 2, funding=[[[0.001], [0.0]], [[0.002], [0.003]]], rules=Rules())
    assert outcome.funding.tolist() == [[pytest.approx(-10.0)], [pytest.approx(40.0 + 60.0)]]


# --- topping up -----------------------------------------------------------------------------------------------


def test_positions_are_topped_up_one_after_the_other_out_of_what_the_wallet_still_has():
    # A closed place, one that has enough, then two that have lost 200 and 150 and want 180 and 135 of 200.
    held = [Position(ETH, 5.0, 3_000.0, mode="isolated", leverage=10) for _ in range(2)]
    first = replace(long(), margin=2_000.0)
    account = Account.of([first, long(), *held[:1]], wallet=200.0)
    ledger = simulate(account, [[49_000.0, 49_000.0, 2_970.0]], top_up=TopUp(every=1, target=0.1)).ledger
    assert [(entry.kind, entry.position, entry.amount) for entry in ledger] == [
        ("topped up", 1, pytest.approx(180.0)),
        ("topped up", 2, pytest.approx(20.0)),
    ]
    assert (ledger[0].before.margin, ledger[0].after.margin) == (1_000.0, pytest.approx(1_180.0))
    assert (ledger[0].before.wallet, ledger[0].after.wallet) == (200.0, pytest.approx(20.0))


def test_a_wallet_that_is_short_tops_nothing_up_and_takes_nothing_back():
    # The cross long of 3,000 at 10x needs 294 and has lost 60 of the 300 in the wallet.
    account = Account.of([long(), Position(ETH, 1.0, 3_000.0, leverage=10)], wallet=300.0)
    outcome = simulate(account, [[49_000.0, 2_940.0]], top_up=TopUp(every=1, target=0.1))
    assert (outcome.wallet, outcome.margin.tolist(), len(outcome.ledger)) == (300.0, [1_000.0, 0.0], 0)


def test_neither_cross_nor_closed_nor_well_backed_positions_are_topped_up():
    positions = [Position(BTC, 0.2, 50_000.0), long(leverage=5)]
    account = Account.of([*positions, long()], wallet=5_000.0)
    account = replace(account, size=[0.2, 0.2, 0.0], margin=[0.0, 2_000.0, 0.0])
    outcome = simulate(account, [[50_000.0] * 3], top_up=TopUp(every=1, target=0.2))
    assert (outcome.margin.tolist(), len(outcome.ledger)) == ([0.0, 2_000.0, 0.0], 0)


def test_a_single_contract_is_topped_up_by_small_parts_of_a_coin():
    # 100 dollars from 50,000 are worth 0.002 coins with a tenth of it behind; at 49,000 it is a 49th more, all lost.
    coins = Contract("BTCUSD", FLAT, kind="inverse", multiplier=100.0)
    account = Account.of([Position(coins, 1.0, 50_000.0, mode="isolated", margin=0.0002)], wallet=0.001)
    outcome = simulate(account, [[49_000.0]], top_up=TopUp(every=1, target=0.1))
    added = 0.0002 * 50 / 49 - (0.0002 - 0.002 / 49)
    assert (outcome.margin[0], outcome.wallet) == (pytest.approx(0.0002 + added), pytest.approx(0.001 - added))


def test_each_path_has_its_own_budget_for_all_its_positions():
    # At 49,000 a long of 10,000 wants 180, at 50,000 nothing, at 48,000 360 and at 48,500 270.
    account = Account.open([long(), long(contract=ETH)], balance=10_000)
    prices = [[[49_000.0, 48_000.0]] * 2, [[50_000.0, 48_000.0], [48_500.0, 48_000.0]]]
    outcome = simulate(account, prices, top_up=TopUp(every=1, target=0.1, budget=500.0))
    assert outcome.margin.tolist() == [
        [pytest.approx(1_180.0), pytest.approx(1_320.0)],
        [pytest.approx(1_140.0), pytest.approx(1_360.0)],
    ]
    assert outcome.wallet.tolist() == [pytest.approx(7_500.0)] * 2


# --- what the venue refuses -----------------------------------------------------------------------------------


def three(**terms):
    """Return three accounts of an isolated long, of which the second has little in its wallet and the third no long."""
    return Account(
        wallet=[1_000.0, 10.0, 1_000.0], contracts=[BTC], size=[[0.2], [0.2], [0.0]], entry=[[50_000.0]] * 3,
        margin=[[1_000.0], [1_000.0], [0.0]], mode="isolated", leverage=[10.0], **terms,
    )  # fmt: skip


def test_an_action_is_carried_out_where_it_is_allowed_and_leaves_no_trace_where_not():
    # 5,000 more at 20x: 250 of margin and 5 of fee. From the one without a long it is a new one.
    action = Open(step=0, position=0, size=0.1, leverage=20)
    rules = Rules(trading_fee=0.001)
    outcome = simulate(three(), [[[50_000.0]]] * 3, rules=rules, actions=[action], on_refusal="record")
    assert outcome.refused.tolist() == [0, 1, 0]
    assert outcome.size[:, 0].tolist() == [pytest.approx(0.3), 0.2, pytest.approx(0.1)]
    assert outcome.margin[:, 0].tolist() == [pytest.approx(1_250.0), 1_000.0, pytest.approx(250.0)]
    assert outcome.wallet.tolist() == [pytest.approx(745.0), 10.0, pytest.approx(745.0)]
    assert outcome.fees[:, 0].tolist() == [pytest.approx(5.0), 0.0, pytest.approx(5.0)]


def test_what_cannot_be_tried_and_what_is_taken_back_are_each_refused_once():
    # 200 more than the second wallet has, and nothing to add to on the third path; twice.
    actions = [AddMargin(step=0, position=0, amount=200.0)] * 2
    outcome = simulate(three(), [[[50_000.0]]] * 3, actions=actions, on_refusal="record")
    assert outcome.refused.tolist() == [0, 2, 2]
    assert outcome.margin[:, 0].tolist() == [1_400.0, 1_000.0, 0.0]
    assert outcome.wallet.tolist() == [600.0, 10.0, 1_000.0]


def test_where_all_paths_refuse_nothing_is_tried():
    outcome = simulate(three(), [[[50_000.0]]] * 3, actions=[Close(step=0, position=0)], on_refusal="record")
    assert outcome.refused.tolist() == [0, 0, 1]
    nobody = replace(three(), size=[[0.0]] * 3, margin=[[0.0]] * 3)
    outcome = simulate(nobody, [[[50_000.0]]] * 3, actions=[Close(step=0, position=0)], on_refusal="record")
    assert outcome.refused.tolist() == [1, 1, 1]


def test_of_a_refused_action_the_ledger_keeps_that_it_was_refused():
    account = Account.of([long()], wallet=10.0)
    actions = [AddMargin(step=1, position=0, amount=amount) for amount in (4.0, 200.0, 6.0)]
    outcome = simulate(account, [[50_000.0], [49_000.0]], actions=actions, on_refusal="record")
    assert [(entry.step, entry.kind) for entry in outcome.ledger] == [
        (1, "margin added"),
        (1, "refused"),
        (1, "margin added"),
    ]
    entry = outcome.ledger[1]
    assert (entry.position, entry.price, entry.amount, entry.size, entry.fee) == (0, 49_000.0, 0.0, 0.0, 0.0)
    assert entry.before == entry.after
    assert (entry.before.wallet, entry.before.margin) == (6.0, 1_004.0)
    assert (outcome.wallet, outcome.refused) == (0.0, 1)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (
            AddMargin(step=0, position=0, amount=5.0),
            "position=0, amount=5.0) is refused, on 1 of 3 paths: the position",
        ),
        (
            Open(step=0, position=0, size=0.1),
            "size=0.1, leverage=None, margin=None) is refused, on 1 of 3 paths: the wallet",
        ),
        (AddMargin(step=0, position=0, amount=-50.0), "amount=-50.0) is refused, on 1 of 3 paths: the position must"),
    ],
)
def test_unless_told_otherwise_a_refusal_is_an_error_that_says_on_how_many_paths_and_why(action, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        simulate(three(), [[[50_000.0]]] * 3, actions=[action])


def test_of_one_path_a_refusal_need_not_say_where():
    with pytest.raises(ValueError, match=r"^AddMargin\(step=0, position=0, amount=200.0\) is refused: the amount"):
        simulate(Account.of([long()], wallet=10.0), [[50_000.0]], actions=[AddMargin(step=0, position=0, amount=200.0)])


# --- what may be asked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "name", "shown"),
    [
        ({"account": None}, "account", "must be of the class Account, not None"),
        ({"account": "mine"}, "account", "must be of the class Account, not 'mine'"),
        ({"rules": "lax"}, "rules", "must be of the class Rules, not 'lax'"),
        ({"top_up": 5}, "top_up", "must be of the class TopUp, not 5"),
        ({"on_refusal": "ignore"}, "on_refusal", "'raise', 'record', not 'ignore'"),
        ({"record": ["profit"]}, "record", "'profit'"),
        ({"funding": [[0.0]] * 3}, "funding", "(2), not 3"),
        ({"funding": np.zeros((3, 2, 1))}, "funding", "(1), not 3"),
        ({"actions": [Close(step=2, position=0)]}, "step", "0 to 1 for an action, not 2"),
        ({"actions": [Close(step=2, position=1)]}, "position", "0 to 0, not 1"),
        ({"prices": [50_000.0]}, "prices", "(1,)"),
        ({"rules": Rules(depth=[1.0, 2.0])}, "depth", "2"),
    ],
)
def test_malformed_arguments_are_refused_by_name_and_shown(terms, name, shown):
    given = {"account": Account.open([long()], balance=5_000), "prices": [[50_000.0]] * 2, **terms}
    assert_refused(lambda: simulate(**given), name, shown)


def test_rules_and_top_ups_may_be_left_out():
    account, prices = Account.open([long()], balance=5_000), [[45_400.0]]
    outcome = simulate(account, prices, rules=None, top_up=None, funding=None)
    assert list(outcome.ledger) == list(simulate(account, prices, rules=Rules()).ledger)
    assert outcome.liquidated.tolist() == [0]


def test_an_action_that_streamed_prices_never_come_to_is_refused_when_they_have_ended():
    account, actions = Account.open([long()], balance=5_000), [Close(step=2, position=0)]
    given = iter([[50_000.0]] * 2)
    assert_refused(lambda: simulate(account, given, actions=actions), "step", "0 to 1 for an action, not 2")
    assert next(given, None) is None
    assert simulate(account, iter([[50_000.0]] * 3), actions=actions).size.tolist() == [0.0]
