"""The referee is tried itself: paths worked out by hand, books that balance to the last digit, lively scenarios.

Rates and shares are powers of two, so that what is worked out by hand is exact.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from marginlab import Account, AddMargin, Close, Contract, Convention, Deleverage, Open, Rules, Switch, Tiers, TopUp

from ..oracle import brackets, notional, pnl
from ..reference import run
from ..scenarios import differences, judged, scenario

INF = float("inf")
SEEDS = range(500)

# Maintenance of one sixteenth of the value.
FLAT = Tiers.flat(0.0625)
STEPS = Tiers([0, 512, 1_024], [0.03125, 0.0625, 0.125], 0)
CURED = Rules(close="market", part="restore")


def account(*legs, wallet=0.0, tiers=FLAT, kind="linear", leverage=INF, **convention):
    """Return an account of legs (size, entry) in cross or (size, entry, margin) isolated."""
    return Account(
        wallet=wallet,
        contracts=[Contract(f"C{i}", tiers, kind=kind) for i in range(len(legs))],
        size=[leg[0] for leg in legs],
        entry=[leg[1] for leg in legs],
        mode=["isolated" if len(leg) > 2 else "cross" for leg in legs],
        margin=[leg[2] if len(leg) > 2 else 0.0 for leg in legs],
        leverage=leverage,
        convention=Convention(**convention),
    )


def add(amount, step=0):
    """Return the adding of margin to the first position."""
    return AddMargin(step=step, position=0, amount=amount)


def buy(size, **terms):
    """Return the opening of the first position, or the adding to it."""
    return Open(step=0, position=0, size=size, **terms)


def close(share=1.0):
    """Return the closing of a share of the first position."""
    return Close(step=0, position=0, share=share)


def switch(mode, **terms):
    """Return a change of mode."""
    return Switch(step=0, mode=mode, **terms)


def kinds(result):
    """Return what happened, in order."""
    return [(entry.kind, entry.position) for entry in result.ledger]


def test_an_isolated_long_beyond_bankruptcy_is_taken_over_and_the_fund_pays_what_it_can():
    held = account((1, 1_600, 160), wallet=500)
    result = run(held, [[1_600], [1_400]], Rules(fund=25))
    # 160 − 200 = −40: the fund has 25, 15 stay uncovered, and the wallet is not touched.
    assert kinds(result) == [("taken over", 0), ("fund paid", 0), ("uncovered", 0)]
    taken = result.ledger[0]
    assert (taken.step, taken.size, taken.price, taken.amount, taken.fee) == (1, -1, 1_400, -200, 0)
    # 1,400 / 16 = 87.5
    assert taken.before == (500, 160, 1, -40, 87.5, 25)
    assert taken.after == (500, -40, 0, -40, 0, 25)
    assert result.ledger[1].after == (500, -15, 0, -15, 0, 0)
    assert (result.shortfall, result.fund_paid, result.uncovered, result.fund) == (40, 25, 15, 0)
    assert (result.equity, result.wallet, result.margin, result.liquidated) == (500, 500, [0], [1])
    assert (result.equity_path, result.requirement_path, result.size_path) == ([660, 500], [100, 0], [[1], [0]])


def test_what_is_left_at_a_takeover_goes_to_the_fund_after_the_fee():
    result = run(account((1, 1_600, 160)), [[1_480]], Rules(liquidation_fee=0.0078125, fund_share=0.5))
    # 160 − 120 = 40 is below 1,480 / 16 = 92.5. The fee is 1,480 / 128 = 11.5625, half of it the fund's.
    assert kinds(result) == [("taken over", 0), ("fund received", 0)]
    assert (result.fees, result.forfeited, result.equity) == ([11.5625], 28.4375, 0)
    assert result.fund_received == 28.4375 + 5.78125


def test_a_fee_takes_no_more_than_is_left():
    result = run(account((1, 1_600, 160)), [[1_450]], Rules(liquidation_fee=0.0078125))
    # 160 − 150 = 10, the fee would be 1,450 / 128 = 11.33: all 10 are fee, nothing is forfeited and nothing is short.
    assert kinds(result) == [("taken over", 0)]
    assert (result.fees, result.forfeited, result.shortfall) == ([10], 0, 0)


def test_a_cross_pool_is_taken_over_as_a_whole_and_leaves_isolated_positions_alone():
    result = run(account((1, 1_600), (-2, 400), (1, 1_600, 400), wallet=150), [[1_500, 420, 1_500]], Rules())
    # 150 − 100 − 40 = 10 against (1,500 + 840) / 16: 10 are forfeited; the isolated one keeps 400 − 100.
    assert kinds(result) == [("taken over", 0), ("taken over", 1), ("fund received", None)]
    assert (result.wallet, result.size, result.equity, result.forfeited) == (0, [0, 0, 1], 300, 10)
    # Seen from the whole account: wallet 10 and margins 400, equity 310, requirement 1,500 / 16; the fund is endless.
    assert result.ledger[-1].before == (10, 400, 0, 310, 93.75, INF)


POOL = account((1, 1_600), (2, 400), (-1, 800), wallet=250)
FALLEN = [[1_400, 350, 680]]


def test_the_largest_loss_is_closed_in_the_market_first_and_the_pool_is_looked_at_again():
    result = run(POOL, FALLEN, Rules(close="market", depth=700))
    # PnL −200, −100, +120: equity 70 against (1,400 + 700 + 680) / 16 = 173.75. The first costs 1,400 / 140,000 = 1 %,
    # 14: equity 56 against 1,380 / 16 = 86.25. The second costs 0.5 %, 3.5: equity 52.5 covers 680 / 16 = 42.5.
    assert kinds(result) == [("liquidated", 0), ("liquidated", 1)]
    first, second = result.ledger
    assert (first.price, first.amount, first.impact, first.size) == (1_386, -200, 14, -1)
    assert (second.price, second.amount, second.impact, second.size) == (348.25, -100, 3.5, -2)
    assert second.before == (36, 0, 2, 56, 86.25, INF)
    assert (result.wallet, result.equity, result.liquidated) == (-67.5, 52.5, [0, 0, -1])


def test_no_more_rounds_are_made_in_a_step_than_allowed():
    result = run(POOL, FALLEN * 2, Rules(close="market", rounds=1))
    assert [(entry.step, entry.position) for entry in result.ledger] == [(0, 0), (1, 1)]


@pytest.mark.parametrize(("order", "first"), [("largest loss", 0), ("as given", 0)])
def test_the_order_decides_what_is_closed_first(order, first):
    # PnL −100, 0; requirements 62.5 and 125.
    result = run(account((1, 1_100), (2, 1_000), wallet=200), [[1_000, 1_000]], Rules(close="market", order=order))
    assert result.ledger[0].position == first


def test_an_empty_pool_with_a_wallet_below_zero_is_short():
    result = run(account((1, 1_600), wallet=205), [[1_400]], Rules(close="market", depth=700))
    # Equity 5, impact 14: nothing is left for a fee, and 9 are short.
    assert kinds(result) == [("liquidated", 0), ("fund paid", None)]
    assert (result.shortfall, result.wallet) == (9, 0)


def test_what_remains_of_the_margin_after_a_market_closing_goes_to_the_wallet():
    result = run(account((1, 1_600, 160)), [[1_480]], Rules(close="market", liquidation_fee=0.0078125))
    # 160 − 120 − 11.5625
    assert kinds(result) == [("liquidated", 0)]
    assert (result.wallet, result.margin, result.forfeited) == (28.4375, [0], 0)


def test_the_impact_is_at_most_half_the_value():
    result = run(account((-1, 1_600, 160)), [[1_700]], Rules(close="market", depth=1))
    # A short buys back at 1,700 × 1.5; 60 − 850 are short.
    assert result.ledger[0].price == 2_550
    assert (result.impact, result.shortfall) == ([850], 790)


def test_an_inverse_fill_is_worse_by_the_same_share_of_its_value():
    result = run(account((3_200, 1_600, 0.25), kind="inverse"), [[1_600]], Rules(close="market", depth=1))
    assert result.ledger == []
    # 3,200 (1/1,600 − 1/1,280) = −0.5 is beyond the margin; margin 0.6 leaves 0.1 of the 2.5 / 16 that it must.
    result = run(account((3_200, 1_600, 0.6), kind="inverse"), [[1_280]], Rules(close="market", depth=0.5))
    # 2.5 coins of depth 0.5 cost 2.5 / 100 = 2.5 %: the long is sold for 2.5 × 1.025 coins.
    assert result.ledger[0].price == Fraction(3_200) / (Fraction(2.5) * Fraction(1025, 1000))


def test_an_account_just_above_a_share_of_its_requirement_may_be_taken_over_all_the_same():
    rules = {"close": "market", "part": "share"}
    # Equity 40 of 92.5 is below a half.
    assert kinds(run(account((1, 1_600, 160)), [[1_480]], Rules(takeover_below=0.5, **rules)))[0] == ("taken over", 0)
    assert kinds(run(account((1, 1_600, 160)), [[1_480]], Rules(takeover_below=0.25, **rules)))[0] == ("reduced", 0)


def test_equity_equal_to_the_requirement_fails_only_where_the_convention_says_so():
    held = {"tiers": FLAT, "wallet": 0.0}
    # 160 − 64 = 96 = 1,536 / 16
    assert run(account((1, 1_600, 160), at_equality=True, **held), [[1_536]], Rules()).ledger
    assert not run(account((1, 1_600, 160), at_equality=False, **held), [[1_536]], Rules()).ledger


@pytest.mark.parametrize(
    ("convention", "need"),
    [
        # Frozen at entry: 1,600 / 16
        ({"maintenance_at": "entry"}, 100),
        ({"maintenance_at": "mark"}, 96),
        # 1,536 / 16 + 1,536 / 32
        ({"closing_fee": 0.03125, "closing_fee_at": "liquidation"}, 96 + 48),
        # With 961 behind it bankruptcy is at 639, with the fee at 639 / (1 − 1/64); the fee is 1/64 of that.
        ({"closing_fee": 0.015625, "closing_fee_at": "bankruptcy"}, 96 + Fraction(639, 63)),
        ({"closing_fee": 0.015625, "closing_fee_at": "margin"}, 96),
    ],
)
@pytest.mark.parametrize("leg", [(1, 1_600, 961), (1, 1_600)])
def test_what_is_required_follows_the_convention(leg, convention, need):
    result = run(account(leg, wallet=961, **convention), [[1_536]], Rules())
    assert result.requirement_path == [need]


def test_a_cross_position_s_fee_at_bankruptcy_counts_the_others_profits_as_backing():
    held = account((1, 1_600), (-1, 1_600), wallet=961, closing_fee=0.015625, closing_fee_at="bankruptcy")
    result = run(held, [[1_536, 1_500]], Rules())
    # The long has 961 + 100 behind it: 539 / 63. The short 961 − 64 = 897: (1,600 + 897) / 65.
    assert result.requirement_path == [Fraction(3_036, 16) + Fraction(539, 63) + Fraction(2_497, 65)]


def test_a_closed_position_requires_nothing():
    assert run(account((0, 100), tiers=Tiers.flat(0.0625, deduction=5)), [[100]], Rules()).requirement_path == [0]


def test_all_fees_of_a_pool_taken_over_together_take_no_more_than_is_left():
    held = account((1, 1_600), (-2, 400), wallet=150)
    result = run(held, [[1_500, 420]], Rules(liquidation_fee=0.0078125))
    # 10 are left; the first fee would be 1,500 / 128 = 11.7.
    assert (result.fees, result.forfeited, result.shortfall) == ([10, 0], 0, 0)


def test_a_fee_takes_no_more_than_the_impact_has_left():
    result = run(account((1, 1_600, 160)), [[1_480]], Rules(close="market", depth=370, liquidation_fee=0.0078125))
    # 160 − 120 = 40, of which selling 1,480 into a depth of 370 costs 2 %: 10.4 are left for a fee of 11.56.
    assert (result.fees, result.impact, result.wallet) == ([Fraction(52, 5)], [Fraction(148, 5)], 0)


def test_what_isolated_closings_give_back_may_save_the_pool():
    # The isolated one gives 40 back; the pool needs 100 and has 70 before.
    held = account((1, 1_600), (1, 1_600, 160), wallet=70)
    assert kinds(run(held, [[1_600, 1_480]], Rules(close="market"))) == [("liquidated", 1)]


def test_positions_that_can_be_reduced_come_before_those_that_must_be_closed():
    # The first has lost more, but is in the lowest bracket; the second goes from 1,200 down to 1,024 first.
    held = account((1, 600), (12, 105), wallet=320, tiers=STEPS)
    result = run(held, [[500, 100]], Rules(close="market", part="bracket", rounds=1))
    assert kinds(result) == [("reduced", 1)]


def close_to(share):
    return pytest.approx(float(share), rel=1e-15)


@pytest.mark.parametrize(
    ("margin", "rules", "share"),
    [
        # Equity 50, need 59.375 (1 − x): x = 1 − 50 / 59.375
        (100, CURED, Fraction(3, 19)),
        # Need times 1.25
        (100, Rules(part="restore", restore_to=1.25), 1 - Fraction(50) / Fraction(59.375) / Fraction(1.25)),
        # 50 − x 950 / 64 = 59.375 (1 − x): x = 9.375 / (59.375 − 14.84375)
        (100, Rules(part="restore", liquidation_fee=0.015625), Fraction(4, 19)),
    ],
)
def test_a_cure_closes_as_much_as_makes_equity_cover_the_requirement(margin, rules, share):
    result = run(account((10, 100, margin)), [[95]], rules)
    assert kinds(result) == [("reduced", 0)]
    assert float(-result.ledger[0].size / 10) == close_to(share)
    # Cured from above, and by no more than the digits that were cut.
    after = result.ledger[0].after
    assert 0 <= after.equity - Fraction(rules.restore_to) * after.requirement < Fraction(1, 10**12)


def test_a_cure_counts_maintenance_frozen_at_entry_and_the_closing_fee():
    # Value 950: need 1,000 / 16 + 950 / 32 = 92.1875 for equity 50.
    convention = {"maintenance_at": "entry", "closing_fee": 0.03125, "closing_fee_at": "liquidation"}
    result = run(account((10, 100, 100), **convention), [[95]], CURED)
    assert float(-result.ledger[0].size / 10) == close_to(1 - Fraction(50) / Fraction(92.1875))


def test_a_cure_counts_the_deduction_of_its_bracket():
    # 950 at 1/16 less 16 is 43.375 for equity 30: 46 / (1/16) = 736 may remain.
    result = run(account((10, 100, 80), tiers=Tiers([0, 512], [0.03125, 0.0625])), [[95]], CURED)
    assert result.ledger[0].before.requirement == 43.375
    assert float(result.size[0] * 95) == pytest.approx(736, rel=1e-15)


def test_a_cure_that_the_book_made_dearer_is_not_repeated_in_the_same_step():
    result = run(account((10, 100, 100)), [[95], [95]], Rules(close="market", part="restore", depth=100))
    assert [(entry.kind, entry.step) for entry in result.ledger] == [("reduced", 0), ("reduced", 1)]
    assert result.ledger[0].after.equity < result.ledger[0].after.requirement
    assert result.liquidated == [-1]


def test_a_cure_that_eats_up_what_was_left_ends_in_a_takeover():
    # Value 950, equity 5 of 59.375: all but 8 % is sold at half its value.
    result = run(account((10, 100, 55)), [[95]], Rules(close="market", part="restore", depth=1))
    assert kinds(result) == [("reduced", 0), ("taken over", 0), ("fund paid", 0)]


def test_a_cure_counts_contracts_where_the_brackets_do():
    # 12 at 1/8 need 142.5 for equity 50, enough for 400; but 8 at 1/32 need only 23.75.
    counting = Tiers([0, 8], [0.03125, 0.125], 0, measured_in="contracts")
    result = run(account((12, 100, 110), tiers=counting), [[95]], CURED)
    assert float(result.size[0]) == pytest.approx(8, rel=1e-11)


def test_a_cure_of_one_cross_position_leaves_the_others_requirement():
    # PnL −50 and 0: equity 100 against 59.375 + 62.5. Of the loser may remain (100 − 62.5) / 59.375.
    result = run(account((10, 100), (10, 100), wallet=150), [[95, 100]], CURED)
    assert kinds(result) == [("reduced", 0)]
    assert float(result.size[0] / 10) == close_to(Fraction(37.5) / Fraction(59.375))


def test_a_cure_stops_where_a_lower_bracket_s_jump_is_enough():
    # 950 at 1/16 is 59.375 for equity 20, which would be enough for 320; but 512 at 1/32 is only 16.
    result = run(account((10, 100, 70), tiers=STEPS), [[95]], CURED)
    assert float(result.size[0] * 95) == pytest.approx(512, rel=1e-11)
    assert result.size[0] * 95 < 512


def test_what_no_part_could_cure_is_closed_as_a_whole():
    # The fee of 1/8 takes more than the maintenance of 1/16 that closing sets free.
    assert kinds(run(account((10, 100, 100)), [[95]], Rules(part="restore", liquidation_fee=0.125))) == [
        ("taken over", 0)
    ]
    result = run(account((10, 100, 100)), [[95]], Rules(part="restore", close="market", liquidation_fee=0.125))
    assert kinds(result) == [("liquidated", 0)]


def test_what_fails_at_equality_needs_no_cure():
    # 160 − 64 = 96 = 1,536 / 16
    assert run(account((1, 1_600, 160)), [[1_536]], CURED).ledger == []
    assert kinds(run(account((1, 1_600, 160)), [[1_536]], Rules(part="restore", restore_to=1.25))) == [("reduced", 0)]


@pytest.mark.parametrize(("brackets", "left"), [(1, 1_024), (2, 512), (3, 0)])
def test_brackets_are_gone_down_one_or_more_at_a_time(brackets, left):
    # 1,200 in the third bracket: 150 required, 140 there. Of 1,024 a sixteenth, of 512 a thirty-second.
    result = run(account((12, 100, 140), tiers=STEPS), [[100]], Rules(part="bracket", brackets=brackets))
    assert float(result.size[0] * 100) == pytest.approx(left, rel=1e-11)
    assert result.size[0] * 100 < left or left == 0
    assert len([entry for entry in result.ledger if entry.kind == "reduced"]) == (left > 0)


def test_brackets_that_count_contracts_are_gone_down_in_contracts():
    counting = Tiers([0, 8], [0.03125, 0.125], 0, measured_in="contracts")
    result = run(account((12, 100, 140), tiers=counting), [[100]], Rules(part="bracket"))
    assert float(result.size[0]) == pytest.approx(8, rel=1e-11)


def test_shares_are_of_the_size_when_the_liquidation_began():
    # Equity 40 against V / 16: 8 of 1,600 − 2 × 200 still need 75, then 50, then 25.
    result = run(account((8, 200, 40)), [[200]], Rules(part="share", share=0.25))
    assert [(entry.kind, entry.size) for entry in result.ledger] == [("reduced", -2)] * 3
    # 800 are closed at once where less than 1,000 may not be split.
    result = run(account((8, 200, 40)), [[200]], Rules(part="share", share=0.25, share_above=1_000, close="market"))
    assert [entry.size for entry in result.ledger] == [-2, -2, -4]


def test_a_share_that_only_rounding_keeps_from_being_the_last_is_the_last():
    result = run(account((8, 200, 1)), [[200]], Rules(part="share", share=1 / 3, close="market"))
    assert [entry.kind for entry in result.ledger] == ["reduced", "reduced", "liquidated"]


def test_a_rest_that_is_no_full_share_is_closed_with_the_last():
    result = run(account((8, 200, 1)), [[200]], Rules(part="share", share=0.375, close="market"))
    assert [entry.size for entry in result.ledger] == [-3, -3, -2]


FUNDING = [[0.0625]]


@pytest.mark.parametrize(
    ("leg", "wallet", "paid_from", "left"),
    [
        ((1, 1_600, 800), 60, "margin", (60, 700)),
        ((1, 1_600, 800), 60, "wallet", (0, 760)),
        ((1, 1_600, 800), 160, "wallet", (60, 800)),
        ((1, 1_600, 800), -10, "wallet", (-10, 700)),
        # A short receives what a long pays.
        ((-1, 1_600, 800), 60, "margin", (60, 900)),
        ((-1, 1_600, 800), 60, "wallet", (160, 800)),
        ((1, 1_600), 800, "margin", (700, 0)),
    ],
)
def test_funding_of_a_sixteenth_of_1600_is_settled_between_wallet_and_margin(leg, wallet, paid_from, left):
    result = run(account(leg, wallet=wallet), [[1_600]], Rules(isolated_funding=paid_from), funding=FUNDING)
    assert (result.wallet, result.margin[0]) == left
    assert result.funding == [-100 if leg[0] > 0 else 100]
    assert kinds(result) == [("funding", 0)]


def test_funding_comes_before_liquidation_and_only_where_it_is_due():
    # 160 + 100 covers only after the short has received: 1,700 / 16 = 106.25 against 60 + 106.25.
    assert kinds(run(account((-1, 1_600, 160)), [[1_700]], Rules(), funding=[0.0625])) == [("funding", 0)]
    assert kinds(run(account((-1, 1_600, 160)), [[1_700]], Rules(), funding=[[0.0]]))[0] == ("taken over", 0)


@pytest.mark.parametrize(
    ("wallet", "budget", "amounts"),
    [
        # Equity 200 − 80 = 120, wanted 1,520 / 8 = 190.
        (500, INF, [70]),
        (50, INF, [50]),
        (500, 30, [30]),
        # The second time 1,440 / 8 = 180 is wanted of 190 − 80 = 110.
        (500, 100, [70, 30]),
    ],
)
def test_a_top_up_brings_equity_to_its_target_as_far_as_wallet_and_budget_go(wallet, budget, amounts):
    plan = TopUp(every=2, target=0.125, budget=budget)
    prices = [[1_520], [1_500], [1_440 if len(amounts) > 1 else 1_600]]
    result = run(account((1, 1_600, 200), wallet=wallet), prices, Rules(), top_up=plan)
    assert [(entry.kind, entry.step, entry.amount) for entry in result.ledger] == [
        ("topped up", step, amount) for step, amount in zip((0, 2), amounts, strict=False)
    ]


def test_a_top_up_leaves_the_cross_pool_its_initial_margin_and_its_losses():
    # 500 less a loss of 100 and a tenth of 1,500; profits would not count.
    held = account((1, 1_600), (1, 1_600, 100), wallet=500, leverage=10)
    result = run(held, [[1_500, 1_600]], Rules(), top_up=TopUp(every=1, target=0.5))
    assert result.ledger[0].amount == 500 - 100 - 150


def test_others_bear_what_the_fund_cannot_and_ones_own_winners_pay_nothing():
    held = account((1, 1_600, 160), (-1, 425), (-1, 430, 50), wallet=500)
    result = run(held, [[1_400, 400, 400]], Rules(fund=10.0))
    assert kinds(result) == [("taken over", 0), ("fund paid", 0), ("uncovered", 0)]
    assert (result.shortfall, result.fund_paid, result.uncovered, result.size) == (40, 10, 30, [0, -1, -1])


def taken(price=None, share=0.5, **others):
    """Return ADL of half of the first position."""
    return Deleverage(step=0, position=0, share=share, price=price, **others)


@pytest.mark.parametrize(
    ("held", "price", "wallet", "forgone"),
    [
        # A short of 2 from 1,600 has won 200 each; half is closed at the mark, or 50 above it
        (account((-2, 1_600), wallet=500), None, 700, 0),
        (account((-2, 1_600), wallet=500), 1_450, 650, 50),
        # Half of the margin comes back with it
        (account((-2, 1_600, 400), wallet=500), 1_450, 850, 50),
        # Better than the mark
        (account((-2, 1_600), wallet=500), 1_300, 800, -100),
    ],
)
def test_adl_closes_a_winner_at_the_price_of_those_liquidated(held, price, wallet, forgone):
    result = run(held, [[1_400]], Rules(), actions=[taken(price)])
    [entry] = result.ledger
    assert (entry.kind, entry.price, entry.amount, entry.impact) == ("auto-deleveraged", price or 1_400, 200, forgone)
    assert (result.wallet, result.size, result.deleveraged, result.forgone) == (wallet, [-1], [1], [forgone])
    assert (result.realized, result.liquidated, result.fees) == ([200], [-1], [0])


@pytest.mark.parametrize(
    ("held", "price"),
    [
        (account((0, 1_600), wallet=500), None),
        (account((2, 1_600), wallet=500), None),  # a long has lost
        (account((2, 1_400), wallet=500), None),  # neither won nor lost
        # At 1,900 the short has lost 300 each, and 100 or 199 stand behind half of it
        (account((-2, 1_600, 200), wallet=500), 1_900),
        (account((-2, 1_600), wallet=99), 1_900.5),
    ],
)
def test_adl_passes_over_who_is_gone_or_has_not_won_or_cannot_carry_the_price(held, price):
    result = run(held, [[1_400]], Rules(), actions=[taken(price)])
    assert result.ledger[0].kind == "passed over"
    assert result.ledger[0].before == result.ledger[0].after
    assert (result.deleveraged, result.refused) == ([0], 0)


def test_adl_comes_to_the_paths_it_names():
    held = account((-2, 1_600), wallet=500)
    results = [run(held, [[1_400]], Rules(), actions=[taken(paths=(3,))], number=number) for number in (2, 3)]
    assert [kinds(result) for result in results] == [[], [("auto-deleveraged", 0)]]


def test_opening_adds_to_the_entry_and_charges_a_fee():
    rules = Rules(trading_fee=0.015625)
    # 2 from 1,600 and 1 at 1,900 are 3 from 1,700; margin 1,900 / 10 and fee 1,900 / 64 leave the wallet.
    opened = run(account((2, 1_600, 800), wallet=500, leverage=10), [[1_900]], rules, actions=[buy(1)])
    assert (opened.entry, opened.margin, opened.wallet) == ([1_700], [990], 500 - 190 - 29.6875)
    # Inverse: 1,600 from 1,600 and 1,600 at 800 are 3,200 in 1 + 2 coins.
    held = account((1_600, 1_600), wallet=9, kind="inverse", leverage=10)
    assert run(held, [[800]], Rules(), actions=[buy(1_600)]).entry == [Fraction(3_200, 3)]
    # Into a closed row, with its own leverage.
    opened = run(account((0, 1_600), wallet=500), [[1_900]], rules, actions=[buy(-1, leverage=8)])
    assert (opened.size, opened.entry, opened.wallet) == ([-1], [1_900], 500 - 29.6875)
    assert (opened.ledger[0].kind, opened.ledger[0].amount, opened.ledger[0].fee) == ("opened", 0, 29.6875)


def test_closing_pays_out_a_share():
    rules = Rules(trading_fee=0.015625)
    # A quarter of 2 at 1,900: margin 200, PnL 0.5 × 100 and a fee of 950 / 64.
    closed = run(account((2, 1_800, 800), wallet=5), [[1_900]], rules, actions=[close(0.25)])
    assert (closed.size, closed.margin, closed.wallet) == ([1.5], [600], 5 + 200 + 50 - 950 / 64)
    closed = run(account((2, 1_800), wallet=900), [[1_900]], rules, actions=[close()])
    assert (closed.size, closed.wallet, closed.realized) == ([0], 900 + 200 - 3_800 / 64, [200])
    assert closed.liquidated == [-1]


def test_margin_is_added_and_removed():
    actions = [add(100), add(-250, step=1)]
    result = run(account((1, 1_600, 400), wallet=100, leverage=8), [[1_600], [1_600]], Rules(), actions=actions)
    assert [(entry.kind, entry.amount) for entry in result.ledger] == [("margin added", 100), ("margin removed", 250)]
    assert (result.wallet, result.margin) == (250, [250])


def test_a_mode_is_switched_with_the_margin_it_takes():
    rules, held = Rules(switching="open"), account((1, 1_600), (0, 50), wallet=1_000, leverage=8)
    # 1,600 / 8, whether one is switched or all
    for position, changed in ((0, [0]), (None, [0, 1])):
        result = run(held, [[1_600, 50]], rules, actions=[switch("isolated", position=position)])
        assert (result.wallet, result.margin, result.isolated) == (800, [200, 0], [True, position is None])
        assert kinds(result) == [("switched", one) for one in changed]
        assert [entry.amount for entry in result.ledger] == [200, 0][: len(changed)]
    result = run(held, [[1_600, 50]], rules, actions=[switch("isolated", position=0, margin=300)])
    assert result.margin == [300, 0]
    back = run(account((1, 1_600, 300)), [[1_600]], rules, actions=[switch("cross")])
    assert (back.wallet, back.margin, back.isolated, back.ledger[0].amount) == (300, [0], [False], 300)


def test_what_is_open_in_the_mode_already_does_not_keep_the_rest_from_joining_it():
    held = account((1, 1_600), (0, 50, 0), wallet=1_000)
    result = run(held, [[1_600, 50]], Rules(switching="flat"), actions=[switch("cross")])
    assert (result.refused, result.isolated) == (0, [False, False])


def test_a_closed_position_changes_its_mode_even_beside_a_pool_that_is_short():
    # 150 are more than the 100 required, but less than the initial margin of 200.
    held = account((1, 1_600), (0, 50), wallet=150, leverage=8)
    for margin in (None, 50):
        result = run(held, [[1_600, 50]], Rules(), actions=[switch("isolated", position=1, margin=margin)])
        assert (result.refused, result.isolated, result.margin) == (0, [False, True], [0, 0])


@pytest.mark.parametrize(
    ("mark", "available"),
    [
        # 250 less an eighth of 1,760; the profit of 160 does not count
        (1_760, 30),
        # 250 less an eighth of 1,584 and the loss of 16
        (1_584, 36),
    ],
)
def test_profits_of_the_pool_cannot_be_spent_and_its_losses_are_kept_back(mark, available):
    held = account((1, 1_600), (0, 100, 0), wallet=250, leverage=8)
    for margin, refused in [(available, 0), (available + 1, 1)]:
        asked = Open(step=0, position=1, size=1, margin=margin)
        assert run(held, [[mark, 100]], Rules(), actions=[asked], on_refusal="record").refused == refused


@pytest.mark.parametrize(
    ("mark", "leverage", "limit", "removable"),
    [
        # 400 less an eighth of 1,760; the profit of 160 does not count
        (1_760, 8, None, 180),
        # 400 less an eighth of 1,520 and the loss of 80
        (1_520, 8, None, 130),
        # The requirement of 100 is more than 1,600 / 32
        (1_600, 32, None, 300),
        # A limit of 10 holds for whoever sets none
        (1_600, INF, 10, 240),
    ],
)
def test_losses_and_the_initial_margin_stay_with_an_isolated_position(mark, leverage, limit, removable):
    held = account((1, 1_600, 400), leverage=leverage, tiers=Tiers.flat(0.0625, max_leverage=limit))
    for amount, refused in [(removable, 0), (removable + 1, 1)]:
        assert run(held, [[mark]], Rules(), actions=[add(-amount)], on_refusal="record").refused == refused


def test_a_position_opened_without_a_leverage_takes_the_limit_of_its_bracket():
    held = account((0, 1_600, 0), wallet=200, tiers=Tiers.flat(0.0625, max_leverage=10))
    assert run(held, [[1_600]], Rules(), actions=[buy(1)]).margin == [160]


LONG = account((1, 1_600, 400), wallet=100, leverage=8)
CROSS = account((1, 1_600), wallet=250, leverage=8)
CAPPED = Tiers([0, 2_000], [0.0625, 0.125], max_leverage=[10, 4], cap=4_000)


@pytest.mark.parametrize(
    ("held", "action", "rules"),
    [
        # 100.5 of 100; 200 must stay of 400
        (LONG, add(100.5), {}),
        (LONG, add(-200.5), {}),
        (CROSS, add(1), {}),
        (account((0, 1_600, 0), wallet=100), add(1), {}),
        # Against its direction; with less than 1/8 in the wallet, with a fee beside it, with too little to live
        (LONG, buy(-0.5), {}),
        (LONG, buy(0.75), {}),
        (LONG, buy(0.5), {"trading_fee": 0.015625}),
        (account((0, 1_600, 0), wallet=100, leverage=8), buy(1, margin=99), {}),
        (account((0, 1_600, 0), wallet=100), buy(0.5), {}),
        # A cross position takes no margin; 200 of 250 are taken, then 75 more
        (CROSS, buy(0.25, margin=50), {}),
        (CROSS, buy(0.375), {}),
        # Above the cap; above the bracket's leverage
        (account((1, 1_600), wallet=9_000, tiers=CAPPED), buy(1.75), {}),
        (account((1, 1_600), wallet=9_000, tiers=CAPPED, leverage=8), buy(0.5), {}),
        (account((0, 1_600)), close(), {}),
        # 6.25 of margin do not pay the fee of 25
        (account((1, 1_600, 6.25), wallet=100), close(), {"trading_fee": 0.015625}),
        (LONG, switch("isolated"), {"switching": "open"}),
        (LONG, switch("cross"), {"switching": "flat"}),
        (LONG, switch("cross"), {"switching": "order"}),
        (LONG, switch("cross", position=0), {"switching": "account"}),
        # 300 of 250; 99 of 100 required
        (CROSS, switch("isolated", position=0, margin=300), {"switching": "open"}),
        (CROSS, switch("isolated", position=0, margin=99), {"switching": "open"}),
    ],
)
def test_what_a_venue_would_not_do_is_refused_and_leaves_everything_as_it_was(held, action, rules):
    rules = Rules(close="market", part="restore", **rules)
    with pytest.raises(ValueError, match="at step 0 is refused"):
        run(held, [[1_600]], rules, actions=[action])
    # Recorded before the account is looked at.
    result = run(held, [[1_600]], rules, actions=[action], on_refusal="record")
    entry = result.ledger[0]
    assert (entry.kind, entry.position, entry.amount, result.refused) == ("refused", action.position, 0, 1)
    assert entry.before == entry.after
    assert result.isolated == held.isolated.tolist()


@pytest.mark.parametrize(
    ("held", "action", "rules"),
    [
        (LONG, add(100), {}),
        (LONG, add(-200), {}),
        (LONG, buy(0.5), {}),
        (account((0, 1_600, 0), wallet=101, leverage=8), buy(1, margin=101), {}),
        (CROSS, buy(0.25), {}),
        (account((1, 1_600), wallet=9_000, tiers=CAPPED), buy(1.5), {}),
        (account((1, 1_600), wallet=9_000, tiers=CAPPED, leverage=8), buy(0.25), {}),
        (account((1, 1_600, 25), wallet=100), close(), {"trading_fee": 0.015625}),
        (LONG, switch("cross"), {"switching": "account"}),
        (account((0, 1_600, 0)), switch("cross"), {"switching": "flat"}),
        (CROSS, switch("isolated", position=0, margin=250), {"switching": "open"}),
    ],
)
def test_what_is_just_allowed_is_done(held, action, rules):
    rules = Rules(close="market", part="restore", **rules)
    assert run(held, [[1_600]], rules, actions=[action]).refused == 0


@pytest.fixture(scope="module")
def tried():
    """Return all scenarios and what the referee makes of them."""
    return [judged(seed) for seed in SEEDS]


@pytest.mark.long
def test_the_books_balance_to_the_last_digit(tried):
    for drawn, result in tried:
        gained = sum(result.realized) + sum(result.unrealized) + sum(result.funding)
        lost = sum(result.fees) + sum(result.impact) + sum(result.forgone) + result.forfeited
        assert result.equity - result.balance == gained - lost + result.shortfall
        assert result.shortfall == result.fund_paid + result.uncovered
        forced = sum(one.fee for one in result.ledger if one.kind in ("reduced", "liquidated", "taken over"))
        assert result.fund_received == result.forfeited + Fraction(drawn.rules.fund_share) * forced
        if drawn.rules.fund < INF:
            assert result.fund == Fraction(drawn.rules.fund) + result.fund_received - result.fund_paid


@pytest.mark.long
def test_all_gains_are_those_of_the_sizes_held_from_mark_to_mark(tried):
    for drawn, result in tried:
        account = drawn.account
        marks = [account.entry, *drawn.prices]
        sizes = [account.size, *result.size_path]
        for i, contract in enumerate(account.contracts):
            # What is closed or opened in a step is so at its mark, which gains and loses nothing.
            moves = zip(pairwise(mark[i] for mark in marks), sizes, strict=False)
            gains = sum(pnl(contract, held[i], before, now) for (before, now), held in moves)
            assert gains == result.realized[i] + result.unrealized[i]


@pytest.mark.long
def test_each_entry_takes_up_where_the_last_of_its_step_left_off(tried):
    for _, result in tried:
        for last, entry in pairwise(result.ledger):
            assert entry.before.fund == last.after.fund
            assert entry.before.wallet == last.after.wallet
            if entry.step == last.step and entry.position == last.position:
                assert entry.before == last.after


def test_scenarios_are_the_same_every_time():
    first, again = scenario(7), scenario(7)
    np.testing.assert_array_equal(first.prices, again.prices)
    assert (first.rules.part, first.actions) == (again.rules.part, again.actions)


@pytest.mark.long
def test_scenarios_are_lively(tried):
    happened = Counter()
    for drawn, result in tried:
        for entry in result.ledger:
            happened.update({entry.kind})
            if entry.kind in FORCED:
                happened.update(about_forced(drawn, entry))
            elif entry.kind == "auto-deleveraged":
                happened.update({f"{entry.kind} {'in part' if entry.after.size else 'whole'}"})
            elif entry.kind in ("fund received", "fund paid", "uncovered"):
                happened.update({f"{entry.kind} {'pool' if entry.position is None else 'isolated'}"})
            elif entry.kind in ("switched", "refused"):
                happened.update({f"{entry.kind} {drawn.rules.switching}"})
    of_users = ["opened", "closed", "switched", "refused", "margin added", "margin removed"]
    of_others = ["fund received", "fund paid", "uncovered", "auto-deleveraged", "passed over", "netted"]
    kinds = [*of_users, *FORCED, *of_others, "funding", "topped up"]
    assert set(kinds) == {entry.kind for _, result in tried for entry in result.ledger}
    parts = [
        f"{close} reduced by {part}" for close in ("takeover", "market") for part in ("share", "bracket", "restore")
    ]
    whole = [f"market liquidated by {part}" for part in ("whole", "share", "bracket", "restore")]
    orders = ["largest loss", "random", "all at once", "as given"]
    rounds = [f"{most} rounds" for most in (None, 1, 2, 3)]
    said = ["linear", "inverse", "notional", "contracts", "liquidation", "entry", "mark", "no jumps", "jumps"]
    said += ["fee at none", "fee at liquidation", "fee at bankruptcy", "fee at margin"]
    said += ["gone through bankruptcy", "taken over early", "fee capped", "impact", "no impact", "impact capped"]
    ends = [f"{kind} {of}" for kind in ("fund received", "fund paid", "uncovered") for of in ("pool", "isolated")]
    ends += ["auto-deleveraged in part", "auto-deleveraged whole", "switched open", "switched account", "refused order"]
    expected = [*kinds, *parts, *whole, *orders, *rounds, *said, *ends]
    assert {what: happened[what] for what in expected if happened[what] < 20} == {}


FORCED = ("reduced", "liquidated", "taken over")


def about_forced(drawn, entry):
    """Return words for what a closing by force shows at work."""
    rules, convention = drawn.rules, drawn.account.convention
    contract = drawn.account.contracts[entry.position]
    value = notional(contract, entry.size, drawn.prices[entry.step][entry.position])
    # At the floor between two brackets.
    jumps = any(r * f - c != below[2] * f - below[3] for below, (f, _, r, c) in pairwise(brackets(contract.tiers)))
    words = {
        contract.kind: True,
        contract.tiers.measured_in: True,
        "jumps" if jumps else "no jumps": True,
        convention.maintenance_at: True,
        f"fee at {convention.closing_fee_at}": True,
        f"{rules.close} {entry.kind} by {rules.part}": True,
        "fee capped": 0 < entry.fee < Fraction(rules.liquidation_fee) * value,
    }
    if entry.kind == "taken over":
        gone = entry.before.equity <= 0
        words |= {"gone through bankruptcy": gone, "taken over early": not gone and rules.close == "market"}
    else:
        words |= {rules.order: True, f"{rules.rounds} rounds": True}
        words |= {"impact" if entry.impact else "no impact": True, "impact capped": entry.impact == value / 2}
    return {word for word, so in words.items() if so}


def changed(result, **changes):
    """Return a result with some things changed."""
    return SimpleNamespace(**{**vars(result), **changes})


@pytest.fixture(scope="module")
def compared():
    """Return a result with many kinds of entries to compare with."""
    held = account((1, 1_600, 160), (-2, 425), (-1, 430, 50), wallet=500)
    adl = Deleverage(step=1, position=1, share=0.5, price=410)
    return run(held, [[1_600, 420, 420], [1_400, 400, 400]], Rules(fund=10.0), funding=[0.0078125, 0, 0], actions=[adl])


def test_a_result_does_not_differ_from_itself(compared):
    results = [compared, *(result for _, result in map(judged, SEEDS[:20]))]
    assert [one for one in results if differences(one, one)] == []


SINGLE = ["wallet", "balance", "equity", "forfeited", "shortfall", "fund", "fund_received", "fund_paid"]
SINGLE += ["uncovered"]
EACH = ["deleveraged", "forgone", "margin", "realized", "funding", "fees", "impact", "size", "entry"]


@pytest.mark.parametrize("name", [*SINGLE, *EACH, "equity_path", "requirement_path"])
def test_a_number_that_is_off_is_told_and_rounding_is_not(compared, name):
    def off(by):
        value = getattr(compared, name)
        return value + by if name in SINGLE else [one + by for one in value]

    assert differences(changed(compared, **{name: off(1e-9)}), compared) == []
    [told] = differences(changed(compared, **{name: off(1e-2)}), compared)
    assert told.startswith(f"{name}: ")
    assert " instead of " in told


def test_counts_and_modes_and_shapes_must_be_the_same(compared):
    for name, value in [("refused", 1), ("liquidated", [0, -1, -1]), ("isolated", [True] * 3), ("margin", [0.0])]:
        assert len(differences(changed(compared, **{name: value}), compared)) == 1


def test_paths_and_ledgers_that_are_not_there_are_not_compared(compared):
    absent = changed(compared, equity_path=None, requirement_path=None, size_path=None, ledger=None)
    assert differences(absent, compared) == []
    sizes = [list(sizes) for sizes in compared.size_path]
    sizes[0][2] += 1
    assert len(differences(changed(compared, size_path=sizes), compared)) == 1


@pytest.mark.parametrize(
    "change",
    [
        *({"step": 0}, {"kind": "closed"}, {"position": 2}, {"size": 0.5}, {"price": 9}, {"price": None}),
        *({"amount": 9}, {"fee": 9}, {"impact": 9}),
    ],
)
def test_every_entry_of_the_ledger_counts(compared, change):
    at = next(i for i, entry in enumerate(compared.ledger) if entry.kind == "auto-deleveraged")
    ledger = list(compared.ledger)
    ledger[at] = ledger[at]._replace(**change)
    [told] = differences(changed(compared, ledger=ledger), compared)
    assert told.startswith(f"ledger[{at}]")
    for side in ("before", "after"):
        for name in ledger[at].before._fields:
            balance = getattr(compared.ledger[at], side)._replace(**{name: 77})
            ledger[at] = compared.ledger[at]._replace(**{side: balance})
            [told] = differences(changed(compared, ledger=ledger), compared)
            assert f"{side}.{name}" in told


def test_an_entry_that_is_missing_or_too_many_is_told_and_a_speck_is_not(compared):
    assert len(differences(changed(compared, ledger=compared.ledger[:-1]), compared)) == 1
    assert len(differences(changed(compared, ledger=[*compared.ledger, compared.ledger[-1]]), compared)) == 1
    speck = compared.ledger[-1]._replace(kind="uncovered", amount=1e-12)
    assert differences(changed(compared, ledger=[*compared.ledger, speck]), compared) == []
    assert len(differences(changed(compared, ledger=[*compared.ledger, speck._replace(kind="closed")]), compared)) == 1
