"""Accounts backed by several assets, held in three ways, through shocks, events and chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marginlab import Account, Collateral, Contract, Position, Tiers, event, venue
from marginlab.comparison import chances_of, compare
from marginlab.comparison.modes import all_cross, all_isolated, columns_of
from marginlab.comparison.scenarios import marks_along, replay, stress_map

from ..refusals import assert_refused

TIERS = Tiers.flat(0.01, max_leverage=50)
BTC = Contract("BTCUSDT", TIERS, currency="USDT")
COIN = Contract("BTCUSD", TIERS, kind="inverse", currency="BTC")
ETH = Contract("ETHUSDT", TIERS, currency="USDT")
STAKED = Collateral("BETH", 2, 0.9, price=0.98, quoted_in="ETH")
DOLLAR = Collateral("USDe", 10_000, 0.9, price=1.0)
MARKS = [60_000.0, 60_000.0, 3_000.0]


@pytest.fixture
def account():
    """Return one cross linear, one isolated inverse and one cross short, backed by coins and others."""
    positions = (
        Position(BTC, 0.5, 60_000, leverage=10),
        Position(COIN, 12_000, 60_000, mode="isolated", leverage=10),
        Position(ETH, -2, 3_000, leverage=10),
    )
    return Account.of(
        positions, wallet=2_000, currency="USDT", collateral=[Collateral("BTC", 0.2, 0.95), STAKED, DOLLAR]
    )


def test_all_cross_puts_margins_back_into_the_asset_they_came_from(account):
    pooled = all_cross(account)
    assert pooled.wallet == 2_000
    assert pooled.amounts == pytest.approx([0.22, 2, 10_000])
    assert not pooled.isolated.any()
    assert pooled.equity(MARKS) == pytest.approx(account.equity(MARKS))


def test_all_isolated_takes_each_margin_out_of_its_own_asset(account):
    alone = all_isolated(all_cross(account))
    # 3,000 and 600 are wanted of 2,000 USDT, 0.02 of 0.22 BTC.
    assert alone.wallet == pytest.approx(0)
    assert alone.margin == pytest.approx([3_000 / 1.8, 0.02, 600 / 1.8])
    assert alone.amounts == pytest.approx([0.2, 2, 10_000])
    assert alone.isolated.all()
    assert alone.equity(MARKS) == pytest.approx(account.equity(MARKS))


def test_what_a_wallet_in_debt_cannot_give_is_not_set_aside(account):
    alone = all_isolated(replace(account, wallet=-100.0))
    assert alone.wallet == -100
    assert alone.margin.tolist() == pytest.approx([0, 0.02, 0])


def test_figures_of_the_account_are_in_its_currency(account):
    entered, cross, _ = columns_of(account, account.as_marks(MARKS), venue("bybit"))
    assert entered.margins == pytest.approx(0.02 * 60_000)
    assert entered.at_stake == pytest.approx(2_000 + 12_000 + 2 * 0.98 * 3_000 + 10_000)
    assert cross.at_stake == pytest.approx(entered.at_stake + 1_200)
    assert entered.account_leverage == pytest.approx((30_000 + 12_000 + 6_000) / entered.equity)
    assert entered.distance.shape == entered.other_distance.shape == (3,)


def test_the_pool_may_open_with_what_its_collateral_counts(account):
    poor = replace(account, wallet=0.0)
    reasons = [
        str(one) for one in columns_of(poor, poor.as_marks(MARKS), venue("bybit"))[0].refusals if "wallet" in str(one)
    ]
    assert reasons == []
    bare = replace(poor, collateral=[one.holding(0.0) for one in poor.collateral])
    (reason,) = (
        str(one) for one in columns_of(bare, bare.as_marks(MARKS), venue("bybit"))[0].refusals if "wallet" in str(one)
    )
    assert "must cover the initial margins (3,600.00)" in reason


def test_an_asset_with_a_mark_of_its_own_stands_still_and_a_staked_coin_follows_its_coin(account):
    moved = marks_along(account, MARKS, np.array([[0.5, 0.5, 0.5]]))
    assert moved.tolist() == [[30_000, 30_000, 1_500, 0.98, 1.0]]
    assert account.assets.prices(moved).tolist() == [[30_000, 1_470, 1.0]]
    assert marks_along(account, [*MARKS, 0.9, 0.8], np.array([[0.5]])).tolist() == [[30_000, 30_000, 1_500, 0.9, 0.8]]


def test_shocks_reach_the_collateral(account):
    quiet = stress_map({"all cross": all_cross(account)}, MARKS, btc=[0.0, -0.1], rest=[0.0])
    start = account.equity(MARKS)
    assert quiet.equity[0, 0, 0] == pytest.approx(start)
    # 0.5 BTC long, 0.22 BTC held, and 12,000 USD long in BTC: the last loses 0.0222 BTC.
    lost = 0.5 * 6_000 + 0.22 * 6_000 + (1 / 54_000 - 1 / 60_000) * 12_000 * 54_000
    assert quiet.equity[0, 1, 0] == pytest.approx(start - lost)


def test_a_depeg_is_a_setting_beside_the_prices_of_that_day(account):
    # The dollars that fell carry the pool: without them it is short.
    lean = replace(account, wallet=-8_000.0, collateral=[DOLLAR], contracts=[BTC, ETH], size=[0.05, 0.1],
                   entry=[60_000.0, 3_000.0], mode="cross", margin=0.0, leverage=10.0)  # fmt: skip
    marks, lows = [60_000.0, 3_000.0], event("oct-2025").depegs
    assert lows == {"USDe": 0.65}
    calm = replay({"as entered": lean}, marks, "oct-2025")
    fallen = replay({"as entered": lean}, marks, "oct-2025", lows=lows)
    assert calm.lost("as entered") == 0
    assert fallen.lost("as entered") == 2
    column = fallen.prices[:, 2]
    assert sorted(set(column.tolist())) == [0.65, 1.0]
    at = int(column.argmin())
    assert fallen.prices[at, 0] == fallen.prices[:, 0].min()
    # Steps of 79 minutes: the candle of 20:00 has the record's time, 21:36 to 22:16, within it.
    assert np.datetime64("2025-10-10T20:00") <= fallen.times[at] < np.datetime64("2025-10-11T00:00")


@pytest.mark.parametrize(
    ("shown", "lows"), [("USDC", {"USDC": 0.9}), ("BTC", {"BTC": 1.0}), ("0", {"USDe": 0}), ("low", {"USDe": "low"})]
)
def test_lows_of_what_has_no_mark_of_its_own_are_refused(account, shown, lows):
    assert_refused(lambda: replay({"as entered": account}, MARKS, "oct-2025", lows=lows), "lows", shown)


def test_an_account_without_other_assets_has_no_lows():
    plain = Account.of([Position(BTC, 1, 60_000)], wallet=9_000)
    call = lambda: replay({"as entered": plain}, [60_000], "oct-2025", lows={"USDe": 0.65})  # noqa: E731
    assert_refused(call, "lows", "of none here")


@pytest.mark.long
def test_a_mixed_account_is_compared_as_a_whole(account):
    found = compare(account, MARKS, venue="bybit")
    assert found.currency == "USDT"
    assert "USDT" in str(found)
    assert len(found.findings) > 10
    chances = chances_of(found, days=3, paths=200, volatility=[0.5, 0.9])
    assert chances.equity == pytest.approx(account.equity(MARKS))
    assert chances.left.shape == (3, 200)


def test_by_chance_what_follows_one_coin_goes_along_one_path(account, monkeypatch):
    from marginlab.comparison import monte_carlo

    seen = []
    ends = monte_carlo.outcomes_of
    monkeypatch.setattr(monte_carlo, "outcomes_of", lambda *a, **k: seen.append(a[1]) or ends(*a, **k))
    found = compare(account, [60_000, 60_300, 3_000], venue="bybit")
    chances_of(found, days=1, paths=5, volatility=[0.5, 0.9])
    prices = seen[0]
    assert prices.shape == (5, 6, 5)
    np.testing.assert_allclose(prices[..., 1] / prices[..., 0], 60_300 / 60_000)
    assert (prices[..., 3:] == [0.98, 1.0]).all()
