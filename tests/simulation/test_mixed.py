"""Accounts backed by several assets, through time: the referee agrees, and each asset is conserved."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marginlab import (
    Account,
    AddMargin,
    Collateral,
    CollateralRatio,
    Contract,
    Conversion,
    Deleverage,
    Open,
    Position,
    Rules,
    SetLeverage,
    Switch,
    Tiers,
    TopUp,
    Trade,
    draw_deleveraging,
    simulate,
)
from marginlab.simulation.results import RECORD
from marginlab.simulation.state import State

from .. import reference
from ..mixed_scenarios import mixed
from ..refusals import assert_refused
from ..scenarios import differences

TIERS = Tiers.flat(0.01, max_leverage=50)
BTC = Contract("BTCUSDT", TIERS, currency="USDT")
ETH = Contract("ETHUSDT", TIERS, currency="USDT")
COIN = Contract("BTCUSD", TIERS, kind="inverse", currency="BTC")
ETH_IN_USDC = Contract("ETHUSDC", TIERS, currency="USDC")


def held(*positions, wallet=0.0, collateral=(), **settings):
    """Return an account counted in USDT."""
    return Account.of(positions, wallet=wallet, collateral=collateral, currency="USDT", **settings)


# --- what a thousand random accounts say ----------------------------------------------------------------------


@cache
def lived(seed):
    """Return a mixed account with its path and what becomes of it, gone through once for all who ask."""
    case = mixed(seed)
    return case, simulate(case.account, case.prices, **case.options, record=RECORD)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 300, 30))
def test_engine_and_exact_referee_agree_event_by_event_on_mixed_accounts(first):
    for seed in range(first, first + 30):
        case, outcome = lived(seed)
        exact = reference.run(case.account, case.prices, **case.options)
        assert differences(outcome, exact) == [], f"scenario {seed}"


@pytest.mark.parametrize("seed", range(300, 320))
def test_engine_and_exact_referee_agree_on_some_mixed_accounts_at_once(seed):
    case, outcome = lived(seed)
    assert differences(outcome, reference.run(case.account, case.prices, **case.options)) == []


@pytest.mark.long
def test_mixed_accounts_go_through_all_that_can_happen():
    kinds = set()
    for seed in range(200):
        _, outcome = lived(seed)
        kinds |= {entry.kind for entry in outcome.ledger}
    forced = {"converted", "netted", "reduced", "liquidated", "taken over", "fund received", "fund paid", "uncovered"}
    chosen = {"opened", "closed", "switched", "margin added", "margin removed", "topped up", "replenished", "stopped"}
    assert forced | chosen | {"auto-deleveraged", "leverage changed", "funding"} <= kinds


def moved_with_others(ledger, position):
    """Return what an isolated position, or with None the pool, got from the fund and others, less what it left."""
    sign = {"fund paid": 1, "uncovered": 1, "fund received": -1}
    return sum(sign[one.kind] * one.amount for one in ledger.of(*sign) if one.position == position)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(120))
def test_each_asset_is_conserved_conversions_included(seed):
    case, outcome = lived(seed)
    account, assets = case.account, case.account.assets
    own = outcome.realized + outcome.funding - outcome.fees - outcome.impact - outcome.forgone
    own = own - (outcome.margin - account.margin)
    own = own + [moved_with_others(outcome.ledger, row) for row in range(len(own))]
    flows = sum(np.abs(getattr(outcome, name)) for name in ("realized", "funding", "fees", "impact", "margin"))
    for pocket in range(-1, len(assets.names)):
        rows = assets.settles_in == pocket
        if pocket < 0:
            gained = outcome.wallet - account.wallet - outcome.proceeds - moved_with_others(outcome.ledger, None)
            turnover = abs(account.wallet) + abs(outcome.proceeds) + outcome.conversion_cost + outcome.shortfall
        else:
            before, change = account.amounts[pocket], outcome.converted[pocket]
            gained, turnover = outcome.assets[pocket] - before - change, abs(before) + abs(change)
        turnover = turnover + flows[rows].sum() + account.margin[rows].sum()
        assert abs(gained - own[rows].sum()) <= 1e-9 * turnover


@pytest.mark.long
@pytest.mark.parametrize("seed", range(60))
def test_what_conversions_brought_and_cost_is_what_they_sold_and_bought(seed):
    case, outcome = lived(seed)
    entries = outcome.ledger.of("converted")
    for one in entries:
        assert one.symbol in case.account.assets.names
        assert one.position is None
        assert one.amount + one.fee == pytest.approx(-one.size * one.price, rel=1e-9, abs=1e-9)
        assert one.fee >= 0
        assert one.fee == 0 or one.size < 0
    assert sum(one.amount for one in entries) == pytest.approx(outcome.proceeds, rel=1e-9, abs=1e-6)
    assert sum(one.fee for one in entries) == pytest.approx(outcome.conversion_cost, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(80))
def test_the_engine_counts_as_the_account_does(seed):
    case = mixed(seed)
    account, marks = case.account, case.account.as_marks(case.prices[0])
    state = State(account, Rules(), 1)
    valued = state.valuation(np.arange(1), marks[:, None], np.zeros(1, dtype=int))
    close = {"rtol": 1e-12, "atol": 1e-9}
    np.testing.assert_allclose(valued.equity[:, 0], account.position_equity(marks), **close)
    np.testing.assert_allclose(valued.need[:, 0], account.position_requirement(marks), **close)
    np.testing.assert_array_equal(valued.fails[:, 0], account.liquidatable(marks))
    np.testing.assert_allclose(state.recorded(valued)["equity"], account.equity(marks), **close)
    open_ones = np.isfinite(np.minimum(account.leverage, [one.tiers.max_leverage[-1] for one in account.contracts]))
    if open_ones.all():
        free = state.there(valued, profit=account.convention.profit_opens) - state.tied(valued)
        np.testing.assert_allclose(free[0], account.free_margin(marks), **close)


@pytest.mark.parametrize("seed", range(20))
def test_one_mixed_path_alone_goes_as_in_an_ensemble(seed):
    case = mixed(seed)
    rules = replace(case.rules, order="as given")
    prices = np.stack([case.prices * scale for scale in (1.0, 1.01, 0.97)])
    options = {"rules": rules, "funding": case.funding, "record": RECORD}
    whole = simulate(case.account, prices, **options)
    streamed = simulate(case.account, iter(np.moveaxis(prices, 1, 0)), **{**options, "record": ()})
    for path in range(3):
        alone = simulate(case.account, prices[path], **options)
        for name in ("wallet", "assets", "converted", "equity", "size", "margin", "fees", "equity_path", "balance"):
            np.testing.assert_array_equal(getattr(whole, name)[path], getattr(alone, name), err_msg=name)
            if not name.endswith("path"):
                np.testing.assert_array_equal(getattr(streamed, name)[path], getattr(alone, name), err_msg=name)


# --- by hand --------------------------------------------------------------------------------------------------


def test_profit_and_funding_go_where_a_contract_settles():
    account = held(
        Position(BTC, 1, 60_000),
        Position(COIN, 6_000, 60_000),
        Position(ETH_IN_USDC, 10, 3_000),
        wallet=1_000,
        collateral=[Collateral("BTC", 0.5), Collateral("USDC", 2_000, price=0.5)],
    )
    outcome = simulate(account, [[60_000, 60_000, 3_000]], funding=[0.001, 0.001, 0.001])
    # 60 USDT, 0.0001 BTC and 30 USDC.
    assert outcome.wallet == 940
    np.testing.assert_allclose(outcome.assets, [0.4999, 1_970])
    # 1,000 + 30,000 + 1,000 put in.
    assert outcome.balance == 32_000
    assert outcome.equity == pytest.approx(32_000 - 60 - 6 - 15)
    assert [entry.after.assets for entry in outcome.ledger][-1] == pytest.approx((0.4999, 1_970))


def test_an_asset_without_a_column_stands_still_and_with_one_follows_it():
    account = held(Position(BTC, 1, 60_000), wallet=2_000, collateral=[Collateral("USDE", 8_000, 0.9, price=1.0)])
    fall = [[60_000], [59_000]]
    assert simulate(account, fall).survived.all()
    # 2,000 − 1,000 + 0.9 × 8,000 × 0.65 covers 590; below 4,000 × 0.9 it does not.
    lows = [[60_000, 1.0], [59_000, 0.65]]
    assert simulate(account, lows).survived.all()
    assert simulate(replace(account, wallet=-3_100), lows).liquidated == [1]
    assert simulate(account, lows).equity == pytest.approx(2_000 - 1_000 + 8_000 * 0.65)


def test_a_long_backed_by_its_coin_is_lost_before_one_backed_by_dollars():
    dollars = held(Position(BTC, 1, 60_000), wallet=12_000)
    coins = held(Position(BTC, 1, 60_000), collateral=[Collateral("BTC", 0.2)])
    path = [[price] for price in range(60_000, 40_000, -500)]
    steps = [int(simulate(account, path).liquidated[0]) for account in (dollars, coins)]
    # 12,000 + P − 60,000 = 0.01 P at 48,484.85; 1.2 P − 60,000 = 0.01 P at 50,420.17.
    assert [path[step][0] for step in steps] == [48_000, 50_000]


def test_a_takeover_takes_the_collateral_too_and_isolated_margins_not():
    account = held(
        Position(BTC, 1, 60_000),
        Position(COIN, -6_000, 60_000, mode="isolated", margin=0.02),
        wallet=1_000,
        collateral=[Collateral("BTC", 0.1), Collateral("USDC", 1_000, 0.9, price=1.0)],
    )
    rules = Rules(conversion=Conversion(fee=0.1, fees={"USDC": 0.5}), fund=0.0)
    outcome = simulate(account, [[52_000, 60_000]], rules=rules)
    # 1,000 + 5,200 + 900 − 8,000 fails. Sold: 0.1 × 52,000 × 0.9 + 1,000 × 0.5, of which 7,000 are owed.
    assert outcome.liquidated.tolist() == [0, -1]
    assert outcome.proceeds == pytest.approx(4_680 + 500)
    assert outcome.conversion_cost == pytest.approx(520 + 500)
    assert outcome.uncovered == pytest.approx(7_000 - 5_180)
    assert outcome.assets.tolist() == [0, 0]
    assert outcome.margin.tolist() == [0, 0.02]


def test_in_the_market_what_is_left_of_the_collateral_stays_with_the_trader():
    account = held(Position(BTC, 1, 60_000), wallet=1_000, collateral=[Collateral("BTC", 0.2, 0.5)])
    outcome = simulate(account, [[54_000]], rules=Rules(close="market"))
    # 1,000 + 5,400 − 6,000 < 540: 5,000 are owed, for which 5,000 / 54,000 BTC are sold.
    assert [entry.kind for entry in outcome.ledger] == ["liquidated", "converted"]
    assert outcome.assets[0] == pytest.approx(0.2 - 5_000 / 54_000)
    assert outcome.wallet == 0
    assert outcome.shortfall == 0
    assert outcome.equity == pytest.approx(1_000 + 0.2 * 54_000 - 6_000)


def test_a_debt_in_an_asset_is_paid_too_and_what_is_missing_is_a_shortfall_in_the_account_s_currency():
    account = held(Position(ETH_IN_USDC, 10, 3_000), wallet=500, collateral=[Collateral("USDC", 0, price=0.5)])
    outcome = simulate(account, [[2_800]], rules=Rules(close="market", fund=100.0))
    # 2,000 USDC are owed, 1,000 USDT, of which there are 500.
    assert outcome.converted[0] == pytest.approx(2_000)
    assert outcome.proceeds == pytest.approx(-1_000)
    assert outcome.shortfall == pytest.approx(500)
    assert (outcome.fund_paid, outcome.uncovered) == pytest.approx((100, 400))
    assert (outcome.wallet, outcome.assets[0], outcome.equity) == (0, 0, 0)


def test_an_isolated_loss_in_a_coin_is_borne_in_the_account_s_currency():
    account = held(
        Position(COIN, 60_000, 60_000, mode="isolated", margin=0.1),
        collateral=[Collateral("BTC", 1)],
    )
    outcome = simulate(account, [[48_000]], rules=Rules(fund=3_000.0, liquidation_fee=0.01, fund_share=0.5))
    # 60,000 / 48,000 − 1 = 0.25 BTC lost, 0.15 beyond the margin, worth 7,200.
    assert outcome.shortfall == pytest.approx(7_200)
    assert (outcome.fund_paid, outcome.uncovered) == pytest.approx((3_000, 4_200))
    assert outcome.assets[0] == 1
    taken, paid, uncovered = outcome.ledger
    assert (taken.amount, paid.amount, uncovered.amount) == pytest.approx((-0.25, 3_000 / 48_000, 4_200 / 48_000))


def test_a_liquidation_fee_and_what_is_forfeited_reach_the_fund_in_the_account_s_currency():
    account = held(Position(COIN, 60_000, 60_000, mode="isolated", margin=0.1), collateral=[Collateral("BTC", 1)])
    rules = Rules(fund=0.0, liquidation_fee=0.01, fund_share=0.5, flat_liquidation_fee=48.0)
    outcome = simulate(account, [[55_000]], rules=rules)
    # 1.0909 BTC: 0.0909 lost, 0.00909 left, less than the fee of 0.0109 and 48 USDT, all of which goes.
    assert outcome.fees[0] == pytest.approx(0.1 - 5 / 55)
    assert outcome.fund == pytest.approx(0.5 * outcome.fees[0] * 55_000)


def test_each_of_many_accounts_may_hold_its_own_amount():
    amounts = np.array([0.0, 0.05, 0.2])
    many = held(Position(BTC, 1, 60_000), wallet=5_000, collateral=[Collateral("BTC", amounts, 0.9)])
    whole = simulate(many, [[55_000], [52_000]])
    assert whole.liquidated[:, 0].tolist() == [0, 1, -1]
    for amount, liquidated, left in zip(amounts, whole.liquidated, whole.assets, strict=True):
        alone = simulate(replace(many, collateral=[many.collateral[0].holding(amount)]), [[55_000], [52_000]])
        assert (alone.liquidated, alone.assets) == (liquidated, left)


# --- what a venue converts ------------------------------------------------------------------------------------

THREE = [
    Collateral("BTC", 0.1, 0.95),
    Collateral("USDC", 5_000, 0.99, price=1.0),
    Collateral("GOLD", 10, 0.8, price=100),
]


def converting(conversion, wallet=-6_000.0, mark=50_000.0, collateral=THREE):
    """Return what becomes of an account that owes some of its own currency."""
    account = held(Position(BTC, 0.01, 50_000), wallet=wallet, collateral=collateral)
    return simulate(account, [[mark]], rules=Rules(conversion=conversion))


def test_nothing_is_converted_before_a_liquidation_unless_the_venue_says_so():
    assert converting(Conversion()).wallet == -6_000
    assert converting(Conversion(above=6_000)).wallet == -6_000
    assert converting(Conversion(above=5_999)).wallet == pytest.approx(0)


@pytest.mark.parametrize(
    ("order", "sold"),
    [
        # 5,000 USDC, 5,000 in BTC and 1,000 in gold: 6 of 11 parts of each.
        ("proportional", [0.1 * 6 / 11, 5_000 * 6 / 11, 10 * 6 / 11]),
        ("lowest haircut", [0.02, 5_000, 0]),
        ("as given", [0.1, 1_000, 0]),
    ],
)
def test_collateral_is_sold_in_the_order_of_the_venue(order, sold):
    outcome = converting(Conversion(above=0, order=order))
    np.testing.assert_allclose(outcome.converted, [-one for one in sold], rtol=1e-12)
    assert outcome.wallet == pytest.approx(0)


def test_what_is_sold_loses_the_cut_of_its_asset():
    outcome = converting(Conversion(above=0, fee=0.25, fees={"USDC": 0.2}))
    # 4,000 of the dollars, and 2,000 of BTC at three quarters.
    assert outcome.converted.tolist() == pytest.approx([-2_000 / 37_500, -5_000, 0])
    assert outcome.conversion_cost == pytest.approx(1_000 + 2_000 / 3)


def test_what_cannot_be_paid_stays_owed_while_positions_are_open():
    outcome = converting(Conversion(above=0), wallet=-20_000.0, mark=2_000_000.0, collateral=THREE[1:])
    # 6,000 are there; the profit of 19,500 keeps the pool alive.
    assert outcome.survived.all()
    assert outcome.assets.tolist() == [0, 0]
    assert outcome.wallet == pytest.approx(-14_000)


def test_several_debts_are_paid_the_same_part_where_it_is_not_enough():
    collateral = [Collateral("USDC", -2_000, price=1.0), Collateral("GOLD", 10, price=100)]
    outcome = converting(Conversion(above=0), wallet=-2_000.0, mark=2_000_000.0, collateral=collateral)
    assert outcome.wallet == pytest.approx(-1_500)
    assert outcome.assets == pytest.approx([-1_500, 0])


def test_unrealized_losses_are_owed_where_the_venue_says_so():
    account = held(Position(BTC, 1, 60_000), wallet=3_000, collateral=[Collateral("GOLD", 100, price=100)])
    for with_losses, wallet in ((False, 3_000), (True, 5_000)):
        rules = Rules(conversion=Conversion(above=1_000, with_losses=with_losses))
        assert simulate(account, [[55_000]], rules=rules).wallet == pytest.approx(wallet)


def test_the_wallet_pays_for_debts_in_an_asset_first():
    collateral = [Collateral("USDC", -2_000, price=1.0), Collateral("GOLD", 10, price=100)]
    outcome = converting(Conversion(above=0), wallet=1_500.0, collateral=collateral)
    assert outcome.wallet == 0
    assert outcome.converted == pytest.approx([2_000, -5])


# --- what the trader does -------------------------------------------------------------------------------------


def both(btc=1.0, **settings):
    """Return an account with a cross and an isolated position, of which the second settles in BTC."""
    positions = (
        Position(BTC, 0.1, 60_000, leverage=10),
        Position(COIN, 6_000, 60_000, mode="isolated", leverage=10),
    )
    return held(*positions, wallet=5_000, collateral=[Collateral("BTC", btc, 0.5)], **settings)


def after(account, *actions, marks=(60_000, 60_000), **settings):
    """Return what becomes of it when this is done at once, refusals recorded."""
    return simulate(account, [list(marks)], actions=actions, on_refusal="record", **settings)


def test_a_margin_comes_out_of_what_the_position_settles_in():
    outcome = after(both(), AddMargin(step=0, position=1, amount=0.25))
    assert outcome.refused == 0
    assert outcome.assets[0] == pytest.approx(0.75)
    assert outcome.margin[1] == pytest.approx(0.26)
    assert outcome.wallet == 5_000


def test_no_margin_is_borrowed_however_much_the_pool_can_spare():
    rich = replace(both(btc=0.1), wallet=1_000_000)
    assert after(rich, AddMargin(step=0, position=1, amount=0.1)).refused == 0
    for action in (
        AddMargin(step=0, position=1, amount=0.11),
        Open(step=0, position=1, size=60_000, leverage=5),
        Trade(step=0, position=1, size=60_000, leverage=5),
        SetLeverage(step=0, position=1, leverage=0.5),
    ):
        outcome = after(rich, action)
        assert (outcome.refused, outcome.assets[0]) == (1, 0.1), action
    free = Rules(switching="open")
    in_coins = held(Position(COIN, 60_000, 60_000, leverage=5), wallet=1e6, collateral=[Collateral("BTC", 0.1)])
    assert after(in_coins, Switch(step=0, mode="isolated"), marks=[60_000], rules=free).refused == 1


def test_the_pool_must_have_what_it_needs_when_a_margin_has_left():
    # 5,000 and half of 0.02 BTC carry 600; without it 5,000 do as well; with a larger position they do not.
    tight = replace(both(btc=0.1), size=np.array([0.8, 6_000.0]))
    assert after(tight, AddMargin(step=0, position=1, amount=0.09)).refused == 0
    assert after(replace(tight, wallet=3_000), AddMargin(step=0, position=1, amount=0.09)).refused == 1


def test_a_refill_takes_what_the_pool_can_spare_of_that_asset_and_counts_its_budget_in_the_account_s_currency():
    account = both()
    outcome = simulate(account, [[60_000, 60_000]], top_up=TopUp(every=1, target=0.9, budget=1_200))
    assert outcome.margin[1] == pytest.approx(0.01 + 0.02)
    # 0.1 BTC of notional: 0.09 wanted. 600 are tied up, 500 in the wallet: half of what is held may go but for 100.
    poor = replace(account, wallet=500.0, collateral=[Collateral("BTC", 0.05, 0.5)])
    outcome = simulate(poor, [[60_000, 60_000]], top_up=TopUp(every=1, target=0.9))
    assert outcome.assets[0] == pytest.approx(100 / 30_000)


def test_what_counts_for_nothing_may_leave_as_long_as_the_pool_is_not_short():
    nothing = [Collateral("BTC", 0.05, 0)]
    fine, short = (replace(both(), wallet=wallet, collateral=nothing) for wallet in (700.0, 500.0))
    outcome = simulate(fine, [[60_000, 60_000]], top_up=TopUp(every=1, target=0.9))
    assert outcome.assets[0] == pytest.approx(0)
    assert simulate(short, [[60_000, 60_000]], top_up=TopUp(every=1, target=0.9)).assets[0] == 0.05


def test_adl_pays_out_in_what_the_position_settles_in():
    account = held(Position(COIN, -60_000, 60_000), wallet=0, collateral=[Collateral("BTC", 0.5)])
    outcome = simulate(account, [[50_000]], actions=[Deleverage(step=0, position=0, price=55_000.0)])
    assert outcome.assets[0] == pytest.approx(0.5 + 60_000 / 55_000 - 1)


def test_it_prints_what_came_from_collateral():
    shown = str(converting(Conversion(above=0, fee=0.25)))
    assert "from collateral" in shown
    assert "realised" not in shown
    assert "converted  USDC" in str(converting(Conversion(above=0)).ledger)


# --- parts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["amount", "value"])
def test_just_so_much_is_closed_that_the_pool_is_restored(measure):
    unit = 1.0 if measure == "amount" else 50_000.0
    ratio = CollateralRatio((0, 0.02 * unit, 0.035 * unit), (0.9, 0.5, 0.1), measure)
    account = held(Position(COIN, 200_000, 55_000), collateral=[Collateral("BTC", 0.42, ratio)])
    rules = Rules(close="market", part="restore", liquidation_fee=0.01, restore_to=1.5)
    outcome = simulate(account, [[50_000]], rules=rules, record=["requirement"])
    left = replace(account, size=outcome.size, collateral=[account.collateral[0].holding(outcome.assets[0])])
    assert 0 < outcome.size[0] < 200_000
    assert left.position_equity([50_000])[0] == pytest.approx(1.5 * left.position_requirement([50_000])[0])


# --- what is refused ------------------------------------------------------------------------------------------

ONE = held(Position(BTC, 1, 60_000), wallet=9_000, collateral=[Collateral("USDE", 10, 0.9, price=1.0)])
PLAIN = Account.of([Position(BTC, 1, 60_000)], wallet=9_000)


@pytest.mark.parametrize(
    ("argument", "shown", "call"),
    [
        ("prices", "(3,)", lambda: simulate(ONE, [[60_000, 1.0, 1.0]])),
        ("prices", "(2,)", lambda: simulate(ONE, [60_000, 1.0])),
        ("prices", "0.0", lambda: simulate(ONE, [[60_000, 0.0]])),
        ("prices", "-1.0", lambda: simulate(ONE, [[60_000, -1.0]])),
        ("prices", "nan", lambda: simulate(ONE, [[60_000, np.nan]])),
        ("prices", "(2,)", lambda: simulate(PLAIN, [[60_000, 1.0]])),
        ("prices", "(1,)", lambda: simulate(ONE, iter([[60_000, 1.0], [60_000]]))),
        ("prices", "(2,)", lambda: simulate(ONE, iter([[60_000], [60_000, 1.0]]))),
        ("funding", "2", lambda: simulate(ONE, [[60_000, 1.0]], funding=[0.1, 0.1])),
        ("rules", "Conversion", lambda: simulate(ONE, [[60_000]], rules=Conversion())),
        ("conversion", "None", lambda: Rules(conversion=None)),
        ("conversion", "above", lambda: Rules(conversion={"above": 0})),
        ("above", "-1", lambda: Conversion(above=-1)),
        ("above", "nan", lambda: Conversion(above=np.nan)),
        ("above", "much", lambda: Conversion(above="much")),
        ("with_losses", "1", lambda: Conversion(with_losses=1)),
        ("order", "highest haircut", lambda: Conversion(order="highest haircut")),
        ("fee", "1", lambda: Conversion(fee=1)),
        ("fee", "-0.1", lambda: Conversion(fee=-0.1)),
        ("fee", "None", lambda: Conversion(fee=None)),
        ("fees", "0.1", lambda: Conversion(fees=0.1)),
        ("fees", "BTC", lambda: Conversion(fees=[("BTC", 0.1)])),
        ("fees", "1.5", lambda: Conversion(fees={"BTC": 1.5})),
        ("fees", "1", lambda: Conversion(fees={1: 0.1})),
        ("fees", "inf", lambda: Conversion(fees={"BTC": np.inf})),
        (
            "prices",
            "(1, 3)",
            lambda: draw_deleveraging(ONE, [[60_000, 1.0, 1.0]], position=0, chance=0.5, most=1, seed=1),
        ),
        ("position", "1", lambda: simulate(ONE, [[60_000]], actions=[Open(step=0, position=1, size=1)])),
    ],
)
def test_malformed_calls_are_refused_by_name(argument, shown, call):
    assert_refused(call, argument, shown)


def test_adl_is_drawn_of_mixed_accounts_too():
    drawn = [
        [draw_deleveraging(ONE, prices, position=0, chance=1, most=1, seed=seed) for seed in range(9)]
        for prices in ([[70_000.0]], [[70_000.0, 1.0]])
    ]
    assert drawn[0] == drawn[1]
    assert any(drawn[0])


def test_the_same_conversion_is_the_same_rule():
    one, other = Conversion(fees={"A": 0.1, "B": 0.2}), Conversion(fees={"B": 0.2, "A": 0.1})
    assert one == other
    assert hash(one) == hash(other)
    assert len({Rules(conversion=one), Rules(conversion=other), Rules()}) == 2
