"""A market has one price: what its legs need together in cross, and at which price they fail together."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import Account, Contract, Convention, Growth, Position, Tiers, liquidation_move, liquidation_price, venue

from .. import oracle
from ..examples import examples
from ..refusals import assert_refused
from ..strategies import growing_tables, hedged_accounts, moves, smooth_tables

NAN = np.nan
BTC = Contract("BTCUSDT", Tiers.flat(0.005, max_leverage=100), currency="USDT")
PLAIN = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=100), currency="USDT")
FREE = Contract("BTCUSDT", Tiers.flat(0.0, max_leverage=100), currency="USDT")
ETH = Contract("ETHUSDT", Tiers.flat(0.01, max_leverage=50), currency="USDT")
COIN = Contract("BTCUSD", Tiers.flat(0.01), kind="inverse", currency="BTC")
STEPS = Contract("BTCUSDT", Tiers([0, 100_000], [0.01, 0.02], 0, max_leverage=[50, 25]), currency="USDT")
BY_SIZE = Contract("BTCUSDT", Tiers([0, 3], [0.01, 0.02], 0, measured_in="contracts"), currency="USDT")
# 1 %, and for every 10,000 of notional 1 % more
GROWING = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50, growth=Growth(1e-6, initial=2e-6)), currency="USDT")
BINANCE = venue("binance")


def hedged(contract, long, short, wallet, convention=None):
    """Return a long and a short of a contract in cross, each given as size and entry."""
    held = [Position(contract, long[0], long[1]), Position(contract, -short[0], short[1])]
    return Account.of(held, wallet=wallet, convention=convention)


def prices_of(account, mark, question="liquidation_price"):
    """Return what each leg is told: nearest, down and up."""
    marks = [mark] * len(account.contracts)
    ask = getattr(account, question)
    return [ask(marks, toward=toward).tolist() for toward in (None, "down", "up")]


@pytest.mark.parametrize(
    ("account", "mark", "down", "up"),
    [
        # 5,000 = 0.5 % of twice the price
        (hedged(BTC, (1, 60_000), (1, 60_000), 5_000), 60_000, NAN, 500_000),
        # 8,000 + 2 (P − 60,000) − (P − 61,000) = 0.4 % of 3 P
        (hedged(PLAIN, (2, 60_000), (1, 61_000), 8_000), 60_500, 51_000 / 0.988, NAN),
        # The pair has lost 2,000 for good, and nothing that is asked makes it worse
        (hedged(FREE, (2, 10_000), (2, 9_000), 10_000), 9_500, NAN, NAN),
        # 8,000 = 0.4 % of 4 P
        (hedged(PLAIN, (2, 10_000), (2, 9_000), 10_000), 9_500, NAN, 500_000),
        # 0.5 + 10,000 (1/50,000 − x) − 5,000 (1/40,000 − x) = 1 % of 15,000 x
        (hedged(COIN, (10_000, 50_000), (5_000, 40_000), 0.5), 40_000, 5_150 / 0.575, NAN),
        # Two longs of one market are one: 1,000 + (P − 10,000) + (P − 12,000) = 0.5 % of 2 P
        (
            Account.of([Position(BTC, 1, 10_000), Position(BTC, 1, 12_000)], wallet=1_000),
            12_000,
            21_000 / 1.99,
            NAN,
        ),
    ],
    ids=["equal legs", "more long than short", "nothing asked", "a lost pair", "inverse", "two longs"],
)
def test_all_cross_legs_of_a_market_have_its_one_price(account, mark, down, up):
    nearest = up if np.isnan(down) else down
    expected = [[price] * 2 for price in (nearest, down, up)]
    np.testing.assert_allclose(prices_of(account, mark), expected, rtol=1e-12)


def test_what_fails_already_is_given_the_boundary_it_has_crossed_in_one_position_and_in_two():
    # 16 P − 16 = 1/16 of 16 P at 16/15; above 17.5 of notional 1/8 of it is asked, and met again from 8/7 on
    tiers = Tiers([0, 17.5], [1 / 16, 1 / 8], 0)
    contract = Contract("BTCUSDT", tiers, currency="USDT")
    net = Convention(brackets_count="net")
    for sizes in ([16], [8, 8]):
        failing = Account.of([Position(contract, size, 1) for size in sizes], wallet=0, convention=net)
        assert failing.liquidation_price() == pytest.approx([16 / 15] * len(sizes))
        # Seen from above it is 8/7 that is met first.
        assert failing.liquidation_price([1.2] * len(sizes)) == pytest.approx([8 / 7] * len(sizes))
        assert failing.liquidation_price([1.12] * len(sizes)) == pytest.approx([8 / 7] * len(sizes))


def test_the_published_brackets_of_binance_let_an_equal_pair_fail_at_560_000_and_nowhere_below():
    btc = BINANCE.contract("BTCUSDT", date="2026-09")
    account = hedged(btc, (1, 60_000), (1, 60_000), 5_000, BINANCE.convention.value)
    np.testing.assert_allclose(prices_of(account, 60_000), [[560_000] * 2, [NAN] * 2, [560_000] * 2], rtol=1e-9)


def test_a_hedge_in_part_fails_where_the_net_does():
    account = hedged(BINANCE.contract("BTCUSDT", date="2026-09"), (1, 80_000), (0.6, 81_000), 10_000)
    found = account.liquidation_price([82_000, 82_000])
    assert np.round(found).tolist() == [54_370, 54_370]


def test_the_bankruptcy_price_is_the_market_s_as_well():
    # 8,000 + 2 (P − 60,000) − (P − 61,000) = 0
    account = hedged(PLAIN, (2, 60_000), (1, 61_000), 8_000)
    np.testing.assert_allclose(
        prices_of(account, 60_500, "bankruptcy_price"), [[51_000] * 2, [51_000] * 2, [NAN] * 2], rtol=1e-12
    )
    # With 0.1 % of the value there for closing each leg: 51,000 = P − 0.1 % of 3 P
    fee = Convention(closing_fee=0.001, closing_fee_at="bankruptcy")
    charged = hedged(PLAIN, (2, 60_000), (1, 61_000), 8_000, fee)
    assert charged.bankruptcy_price([60_500] * 2) == pytest.approx([51_000 / 0.997] * 2)
    assert charged.closing_fee([60_500] * 2) == pytest.approx([102 / 0.997, 51 / 0.997])
    # Those 153 / 0.997 are held whatever the price
    assert charged.liquidation_price([60_500] * 2) == pytest.approx([(51_000 + 153 / 0.997) / 0.988] * 2)
    # An equal pair uses up nothing: there is no such price, and no fee on it
    pair = hedged(PLAIN, (1, 60_000), (1, 60_000), 5_000, Convention())
    assert np.isnan(pair.bankruptcy_price([60_000] * 2)).all()
    # Nor does a net that is outweighed by the fee on both sides: 0.001 of P for 0.1 % of 1.999 P
    little = hedged(PLAIN, (1, 60_000), (0.999, 60_000), 5_000, fee)
    assert np.isnan(little.bankruptcy_price([60_000] * 2)).all()
    assert little.closing_fee([60_000] * 2).tolist() == [0, 0]


def test_a_pool_may_fail_both_ways_and_the_nearer_is_told():
    # Up to 100,000 a leg: +1.5 and −1 of P bring P / 2 and need 1 % of 2.5 P. Beyond, the long needs 2 %.
    steep = Contract("BTCUSDT", Tiers([0, 90_000], [0.01, 0.6]), currency="USDT")
    account = hedged(steep, (1.5, 50_000), (1, 50_000), 5_000)
    nearest, down, up = prices_of(account, 50_000)
    # 5,000 + (P − 50,000) / 2 = 1 % of 2.5 P; and 5,000 + (P − 50,000) / 2 = (60 % of 1.5 P − 53,100) + 1 % of P
    assert down == pytest.approx([20_000 / 0.475] * 2)
    assert up == pytest.approx([(53_100 - 20_000) / 0.41] * 2)
    assert nearest == down
    assert prices_of(account, 75_000)[0] == up


def test_what_fails_already_is_told_the_boundary_it_has_crossed():
    account = hedged(PLAIN, (2, 60_000), (1, 61_000), 8_000)
    assert account.liquidation_price([40_000, 40_000]) == pytest.approx([51_000 / 0.988] * 2)
    assert account.liquidatable([40_000, 40_000]).all()
    pair = hedged(BTC, (1, 60_000), (1, 60_000), 5_000)
    assert pair.liquidation_price([600_000, 600_000]) == pytest.approx([500_000] * 2)
    # With nothing to begin with there is no price at which it would not fail.
    assert np.isnan(hedged(BTC, (1, 60_000), (1, 60_000), -5_000).liquidation_price([60_000, 60_000])).all()


@pytest.mark.parametrize(
    ("count", "charge", "needed"),
    [
        # Long 2 and short 1 at 60,000: 1 % up to 100,000, 2 % of everything above
        ("leg", "each", [2_400, 600]),
        ("both", "each", [2_400, 1_200]),
        ("larger", "each", [2_400, 1_200]),
        ("net", "each", [1_200, 600]),
        ("both", "larger", [2_400, 0]),
        ("leg", "larger", [2_400, 0]),
        ("net", "net", [600, 0]),
        ("both", "net", [1_200, 0]),
    ],
)
def test_what_the_bracket_counts_and_what_is_charged_are_the_venue_s(count, charge, needed):
    convention = Convention(brackets_count=count, charged=charge)
    account = hedged(STEPS, (2, 60_000), (1, 60_000), 20_000, convention)
    assert account.maintenance_margin([60_000] * 2).tolist() == needed
    initial = {"each": [120_000, 60_000], "larger": [120_000, 0], "net": [60_000, 0]}[charge]
    limit = 50 if count == "net" else 25
    limits = [limit, 50 if count == "leg" else limit]
    assert account.initial_margin([60_000] * 2) == pytest.approx(np.divide(initial, limits))
    # An isolated leg stands for itself.
    apart = Account.of(
        [Position(STEPS, 2, 60_000), Position(STEPS, -1, 60_000, mode="isolated", margin=9_000)],
        wallet=20_000,
        convention=convention,
    )
    assert apart.maintenance_margin([60_000] * 2).tolist() == [2_400, 600]


@pytest.mark.parametrize(
    ("count", "charge", "needed"),
    [
        # Long 2 and short 1 at 60,000: 13 % of 120,000 and 7 % of 60,000; of both together, 19 %
        ("leg", "each", [15_600, 4_200]),
        ("both", "each", [22_800, 11_400]),
        ("larger", "each", [15_600, 7_800]),
        ("net", "each", [8_400, 4_200]),
        ("both", "larger", [22_800, 0]),
        ("net", "net", [4_200, 0]),
    ],
)
def test_what_a_rate_grows_with_is_what_the_venue_counts(count, charge, needed):
    convention = Convention(brackets_count=count, charged=charge)
    account = hedged(GROWING, (2, 60_000), (1, 60_000), 100_000, convention)
    assert account.maintenance_margin([60_000] * 2) == pytest.approx(needed)
    counts = {"leg": [120_000, 60_000], "both": [180_000] * 2, "larger": [120_000] * 2, "net": [60_000] * 2}[count]
    charged = {"each": [120_000, 60_000], "larger": [120_000, 0], "net": [60_000, 0]}[charge]
    rates = 0.02 + 2e-6 * np.array(counts)
    assert account.initial_margin([60_000] * 2) == pytest.approx(charged * rates)


@pytest.mark.parametrize(
    ("count", "charge", "share"),
    # Times P² / 1,000,000: 2² + 1² each, 3 (2 + 1) together, 2 (2 + 1) the larger, 1 (2 + 1) the net; 2 · 2, and 1 · 1
    [
        ("leg", "each", 5),
        ("both", "each", 9),
        ("larger", "each", 6),
        ("net", "each", 3),
        ("larger", "larger", 4),
        ("net", "net", 1),
    ],
)
def test_both_legs_of_a_market_are_liquidated_at_the_roots_of_one_quadratic(count, charge, share):
    # 40,000 + 2 (P − 60,000) − (P − 60,000) = 1 % of what is charged + share P² / 1,000,000
    convention = Convention(brackets_count=count, charged=charge)
    on = {"each": 3, "larger": 2, "net": 1}[charge]
    half, square = (1 - 0.01 * on) / 2, share / 1e6
    root = np.sqrt(half**2 - square * 20_000)
    account = hedged(GROWING, (2, 60_000), (1, 60_000), 40_000, convention)
    down, up = (half - root) / square, (half + root) / square
    nearest = min(down, up, key=lambda price: abs(price - 60_000))
    np.testing.assert_allclose(prices_of(account, 60_000), [[one] * 2 for one in (nearest, down, up)], rtol=1e-12)


def test_a_lone_leg_of_a_rate_that_grows_may_fail_both_ways_in_either_mode():
    # As one alone: 20,000 and 970,000
    pooled = Account.of([Position(GROWING, 1, 21_000)], wallet=1_600)
    apart = Account.of([Position(GROWING, 1, 21_000, mode="isolated", margin=1_600)])
    for account in (pooled, apart):
        assert np.ravel(prices_of(account, 21_000)) == pytest.approx([20_000, 20_000, 970_000], rel=1e-12)
    in_cross_alone = Convention(closing_fee=0.001, closing_fee_at="liquidation", closing_fee_in="cross")
    apart = Account.of([Position(GROWING, 1, 21_000, mode="isolated", margin=1_600)], convention=in_cross_alone)
    assert np.ravel(prices_of(apart, 21_000)) == pytest.approx([20_000, 20_000, 970_000], rel=1e-12)


def test_what_has_grown_too_large_is_told_the_boundary_it_has_crossed():
    account = Account.of([Position(GROWING, 1, 21_000)], wallet=1_600)
    assert account.liquidatable([980_000]).all()
    assert np.ravel(prices_of(account, 980_000)) == pytest.approx([970_000, NAN, 970_000], rel=1e-12, nan_ok=True)
    assert np.ravel(prices_of(account, 15_000)) == pytest.approx([20_000, 20_000, NAN], rel=1e-12, nan_ok=True)
    # Where it only ever just touches, or fails throughout, there is no boundary.
    assert np.isnan(prices_of(Account.of([Position(GROWING, 1, 21_000)], wallet=-300_000), 21_000)).all()


def test_legs_of_one_size_that_grow_with_their_contracts_need_a_share_of_the_price():
    tiers = Tiers([0], [0.01], measured_in="contracts", growth=Growth(0.01))
    counts = hedged(Contract("BTC", tiers), (2, 60_000), (2, 60_000), 5_000, Convention(brackets_count="both"))
    # 4 contracts: 5 % of 4 P are 5,000 at 25,000
    assert counts.liquidation_price([20_000] * 2) == pytest.approx([25_000] * 2)
    alone = hedged(Contract("BTC", tiers), (2, 60_000), (2, 60_000), 5_000)
    assert alone.liquidation_price([20_000] * 2) == pytest.approx([5_000 / 0.12] * 2)


@pytest.mark.long
@given(hedged_accounts(tables=growing_tables()))
def test_the_oracle_agrees_on_the_prices_of_markets_whose_rates_grow(held):
    account, marks = held
    for i, (down, up) in exact_prices(account, marks).items():
        assume(not on_an_edge(account, marks, i))
        for toward, exact in (("down", down), ("up", up)):
            found = account.liquidation_price(marks, toward=toward)[i]
            assert_same_price(found, exact, marks[i])


@given(hedged_accounts(tables=growing_tables()))
def test_at_the_price_of_a_market_whose_rate_grows_equity_is_the_requirement_and_up_to_it_nothing_fails(held):
    account, marks = held
    cross = np.flatnonzero(~account.isolated)
    assume(cross.size and account.convention.maintenance_at == "liquidation")
    for toward in ("down", "up"):
        price = account.liquidation_price(marks, toward=toward)
        for i in cross[np.isfinite(price[cross])]:
            own = [contract == account.contracts[i] for contract in account.contracts]
            there = np.where(own, price[i], marks)
            left = account.position_equity(there)[i] - account.position_requirement(there)[i]
            assert abs(left) <= 1e-12 * (held.scale + account.notional(there).sum())
            if not account.liquidatable(marks)[i]:
                between = np.where(own, marks + (price[i] - marks) * np.linspace(0, 0.999, 17)[:, None], marks)
                assert not account.liquidatable(between)[:, i].any()


def test_equal_legs_that_are_netted_need_nothing():
    pair = hedged(STEPS, (1, 60_000), (1, 50_000), 1_000, Convention(brackets_count="net", charged="net"))
    assert pair.maintenance_margin([60_000] * 2).tolist() == [0, 0]
    assert np.isnan(prices_of(pair, 60_000)).all()


def test_brackets_that_count_contracts_count_those_of_both_legs():
    account = hedged(BY_SIZE, (2, 60_000), (2, 60_000), 5_000, Convention(brackets_count="both"))
    # 4 contracts: 2 % of 4 P are 5,000 at 62,500; each by its own, 1 % of 4 P at 125,000.
    assert account.maintenance_margin([60_000] * 2).tolist() == [2_400, 2_400]
    assert account.liquidation_price([60_000] * 2) == pytest.approx([62_500] * 2)
    alone = hedged(BY_SIZE, (2, 60_000), (2, 60_000), 5_000)
    assert alone.liquidation_price([60_000] * 2) == pytest.approx([125_000] * 2)


def test_a_lone_leg_fails_in_one_direction():
    long = Account.of([Position(BTC, 1, 60_000)], wallet=5_000)
    assert np.isnan(prices_of(long, 60_000)[2]).all()
    assert prices_of(long, 60_000)[0] == prices_of(long, 60_000)[1] == [pytest.approx(55_000 / 0.995)]
    short = Account.of([Position(BTC, -1, 60_000, mode="isolated", margin=5_000)])
    assert np.isnan(prices_of(short, 60_000)[1]).all()
    assert prices_of(short, 60_000, "bankruptcy_price")[2] == [pytest.approx(65_000)]


def test_isolated_legs_of_one_market_stand_each_alone():
    held = [
        Position(BTC, 1, 60_000, mode="isolated", margin=6_000),
        Position(BTC, -1, 62_000, mode="isolated", margin=6_200),
    ]
    account = Account.of(held)
    # Without marks each is asked at its own entry.
    assert account.liquidation_price() == pytest.approx([54_000 / 0.995, 68_200 / 1.005])


def test_a_closing_fee_in_cross_alone_is_none_for_an_isolated_position():
    convention = Convention(closing_fee=0.001, closing_fee_at="bankruptcy", closing_fee_in="cross")
    apart = Account.of([Position(BTC, 1, 60_000, mode="isolated", margin=6_000)], convention=convention)
    assert apart.closing_fee([60_000]).tolist() == [0]
    assert apart.liquidation_price([60_000]) == pytest.approx([54_000 / 0.995])
    assert apart.bankruptcy_price([60_000]) == pytest.approx([54_000])
    pooled = Account.of([Position(BTC, 1, 60_000)], wallet=6_000, convention=convention)
    assert pooled.bankruptcy_price([60_000]) == pytest.approx([54_000 / 0.999])


def test_a_closing_fee_on_the_value_that_the_leverage_implies_is_held_whatever_stands_behind():
    convention = Convention(closing_fee=0.001, closing_fee_at="leverage")
    long = Account.of([Position(BTC, 1, 60_000, leverage=10)], wallet=20_000, convention=convention)
    # 0.1 % of 54,000, and of 66,000 for a short
    assert long.closing_fee([70_000]) == pytest.approx([54])
    assert long.liquidation_price([60_000]) == pytest.approx([40_054 / 0.995])
    pair = [Position(BTC, 1, 60_000, leverage=10), Position(BTC, -1, 60_000, leverage=10)]
    both = Account.of(pair, wallet=5_000, convention=convention)
    assert both.closing_fee([60_000] * 2) == pytest.approx([54, 66])
    assert both.liquidation_price([60_000] * 2) == pytest.approx([488_000] * 2)
    # Of a coin contract: 10,000 / 50,000 coins, and at 2x as many and a half at the price that uses them up
    coin = Account.of([Position(COIN, 10_000, 50_000, leverage=2)], wallet=0.5, convention=convention)
    assert coin.closing_fee([50_000]) == pytest.approx([0.0003])


@pytest.mark.long
@examples(8)
@given(hedged_accounts())
def test_the_oracle_agrees_on_the_prices_of_every_market(held):
    account, marks = held
    for i, (down, up) in exact_prices(account, marks).items():
        assume(not on_an_edge(account, marks, i))
        for toward, exact in (("down", down), ("up", up)):
            found = account.liquidation_price(marks, toward=toward)[i]
            assert_same_price(found, exact, marks[i])


@given(hedged_accounts(tables=smooth_tables))
def test_at_a_market_s_price_equity_is_the_requirement_and_up_to_it_nothing_fails(held):
    account, marks = held
    cross = np.flatnonzero(~account.isolated & (account.size != 0))
    assume(cross.size and account.convention.maintenance_at != "mark")
    for toward in ("down", "up"):
        price = account.liquidation_price(marks, toward=toward)
        for i in cross[np.isfinite(price[cross])]:
            own = [contract == account.contracts[i] for contract in account.contracts]
            there = np.where(own, price[i], marks)
            left = account.position_equity(there)[i] - account.position_requirement(there)[i]
            assert left == pytest.approx(0, abs=1e-9 * (held.scale + account.notional(there).sum()))
            if not account.liquidatable(marks)[i]:
                between = np.where(own, marks + (price[i] - marks) * np.linspace(0, 0.999, 7)[:, None], marks)
                assert not account.liquidatable(between)[:, i].any()


@given(hedged_accounts(), st.data())
def test_a_path_of_a_hedged_account_is_answered_like_each_of_its_rows(held, data):
    account, marks = held
    path = marks * data.draw(moves(account, (3,)))[:, :1]
    for question in ("liquidation_price", "bankruptcy_price", "maintenance_margin", "backing", "closing_fee"):
        together = getattr(account, question)(path)
        rows = [getattr(account, question)(row) for row in path]
        np.testing.assert_array_equal(together, rows, err_msg=question)


@pytest.mark.long
@given(hedged_accounts(modes=("cross",)))
def test_a_common_move_that_one_market_makes_alone_ends_at_that_market_s_price(held):
    account, marks = held
    assume(account.contracts[0].kind == "linear" and account.convention.maintenance_at != "mark")
    assume(not account.liquidatable(marks).any() and account.convention.closing_fee_at != "bankruptcy")
    beta = np.array([float(contract == account.contracts[0]) for contract in account.contracts])
    for toward in ("down", "up"):
        move = liquidation_move(account, marks, beta=beta, toward=toward)[0]
        price = account.liquidation_price(marks, toward=toward)[0]
        if np.isfinite(price):
            assert marks[0] * (1 + move) == pytest.approx(price, rel=1e-8)


REFUSED = {
    "two marks for one market": (
        lambda pair: pair.liquidation_price([60_000, 61_000]),
        "marks must be one for all legs of a market",
        "60,000 and 61,000",
    ),
    "two marks on a path": (
        lambda pair: pair.equity([[60_000, 60_000], [1, 2]]),
        "marks must be one for all legs",
        "2",
    ),
    "two marks where liquidation is asked": (lambda pair: pair.liquidatable([1, 2]), "marks must be one", "1 and 2"),
    "no mark where the entries differ": (
        lambda pair: pair.liquidation_price(),
        "marks must be one",
        "60,000 and 61,000",
    ),
    "no mark for bankruptcy": (lambda pair: pair.bankruptcy_price(), "marks must be one", "60,000 and 61,000"),
    "a direction that is none": (
        lambda pair: pair.liquidation_price([1, 1], toward="sideways"),
        "toward must be one of 'down', 'up'",
        "'sideways'",
    ),
    "a direction for bankruptcy": (
        lambda pair: pair.bankruptcy_price([1, 1], toward=1),
        "toward must be one of 'down', 'up'",
        "1",
    ),
    "two marks for a common move": (lambda pair: liquidation_move(pair, [1, 2]), "marks must be one", "1 and 2"),
    "two betas for one market": (
        lambda pair: liquidation_move(pair, [1, 1], beta=[1, 2]),
        "beta must be one for all legs of a market",
        "[1.0, 2.0]",
    ),
}


@pytest.mark.parametrize(("call", "says", "shown"), REFUSED.values(), ids=REFUSED)
def test_a_market_that_is_given_two_prices_is_refused(call, says, shown):
    assert_refused(lambda: call(hedged(BTC, (1, 60_000), (1, 61_000), 5_000)), says, shown)


def test_a_closed_leg_has_no_say_in_the_mark():
    account = Account(5_000, [BTC, BTC], [1, 0], [60_000, 50_000])
    assert account.liquidation_price([60_000, 1])[0] == pytest.approx(55_000 / 0.995)
    assert np.isnan(account.liquidation_price([60_000, 1])[1])


def test_orders_of_both_sides_are_refused_by_what_they_are_together():
    held = [Position(STEPS, 1.5, 60_000, leverage=50), Position(STEPS, -1.5, 60_000, leverage=50)]
    Account.open(held, balance=10_000)
    assert_refused(
        lambda: Account.open(held, balance=10_000, convention=Convention(brackets_count="both")),
        "leverage must be at most 25 at this size",
        "not 50",
    )


def exact_prices(account, marks):
    """Return the exact prices below and above the mark of each cross leg, as the oracle says."""
    legs = list(zip(account.contracts, account.size.tolist(), account.entry.tolist(), strict=True))
    leverages = account.leverage.tolist()
    cross = [i for i in range(len(legs)) if not account.isolated[i] and account.size[i]]
    markets = {}
    for i in cross:
        markets.setdefault(legs[i][0], []).append(i)

    def asked(rows):
        return [legs[i] for i in rows], [leverages[i] for i in rows]

    found = {}
    for contract, rows in markets.items():
        cash = Fraction(float(account.wallet))
        for other, its in markets.items():
            if other != contract:
                cash += oracle.market_spare(0, *asked(its), marks[its[0]], marks[its[0]], account.convention)
        prices = oracle.market_prices(cash, *asked(rows), Fraction(float(marks[rows[0]])), account.convention)
        found |= dict.fromkeys(rows, prices)
    return found


def assert_same_price(found, exact, mark):
    """Compare to 1e-8; so far from the mark that rounding decides whether there is a price, all are none."""
    found, exact = (
        float(price) if price is not None and 1e-7 < price / mark < 1e7 else NAN for price in (found, exact)
    )
    assert found == pytest.approx(exact, rel=1e-8, nan_ok=True)


def on_an_edge(account, marks, i):
    """Return whether rounding could decide on which side of a bracket, or of its price, a market stands."""
    amount = account.bracket_amount(marks)
    edges = any(np.isclose(amount[k], one.tiers.floors[1:], rtol=1e-7).any() for k, one in enumerate(account.contracts))
    left = account.position_equity(marks)[i] - account.position_requirement(marks)[i]
    return edges or abs(left) < 1e-7 * account.notional(marks).sum()


def test_a_price_with_the_fee_by_leverage_asks_for_the_leverage():
    convention = Convention(closing_fee=0.001, closing_fee_at="leverage")
    # 0.1 % of the 54,000 that a 10x long leaves: 60,000 − 20,000 + 54 = 99.5 % of P
    found = liquidation_price(BTC, 1, 60_000, 20_000, leverage=10, convention=convention)
    assert found == pytest.approx(40_054 / 0.995)
    assert_refused(
        lambda: liquidation_price(BTC, 1, 60_000, 20_000, convention=convention),
        "leverage must be given where the closing fee is on the value that it implies",
        "leverage",
    )
    # Of an isolated position the fee is in the margin.
    of_isolated = Convention(closing_fee=0.001, closing_fee_at="leverage", closing_fee_in="cross").of_isolated
    assert liquidation_price(BTC, 1, 60_000, 6_000, convention=of_isolated) == pytest.approx(54_000 / 0.995)
