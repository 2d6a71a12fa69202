"""What backs a pool besides its currency: what assets count for, and what becomes of the pool as they fall."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    Account,
    Collateral,
    CollateralRatio,
    Contract,
    Convention,
    Growth,
    Order,
    Position,
    Tiers,
    liquidation_move,
)

from .. import oracle, oracle_collateral
from ..examples import examples
from ..refusals import assert_refused
from ..strategies import accounts, growing_tables, pooled_accounts

BTC = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=100), currency="USDT")
ETH = Contract("ETHUSDT", Tiers.flat(0.01, max_leverage=50), currency="USDT")
BTCUSDC = Contract("BTCUSDC", Tiers.flat(0.004, max_leverage=100), currency="USDC")
COIN = Contract("BTCUSD", Tiers.flat(0.005, max_leverage=100), kind="inverse", currency="BTC")
ETHBTC = Contract("ETHBTC", Tiers.flat(0.01, max_leverage=20), currency="BTC", follows="ETH")
STEPS = CollateralRatio((0, 10, 20), (0.98, 0.95, 0.90))
LONG = Position(BTC, 1, 60_000, leverage=10)
FARTHEST = 1e5


def pool(*positions, wallet=0.0, collateral=(), currency="USDT", **more):
    """Return an account in dollars."""
    return Account.of(positions or (LONG,), wallet=wallet, collateral=collateral, currency=currency, **more)


# --- what an asset counts for ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "amount", "price", "counted"),
    [
        (STEPS, 10, 100, 980),
        (STEPS, 15, 100, 980 + 475),
        (STEPS, 25, 100, 980 + 950 + 450),
        (STEPS, 0, 100, 0),
        (STEPS, -3, 100, -300),
        # Bitunix, multi-assets mode: 10 BTC at 60,000 by tiers of value
        (CollateralRatio((0, 100_000, 500_000), (0.975, 0.97, 0.965), "value"), 10, 60_000, 582_000),
        # OKX, discount rates of 2021 and later: tiers of value are marginal
        (CollateralRatio((0, 5e6, 1e7), (1, 0.975, 0.95), "value"), 11e6, 1, 10_825_000),
        # MEXC, by coins: the second BTC counts at 80 %
        (CollateralRatio((0, 1), (0.9, 0.8)), 2, 1, 1.7),
        (CollateralRatio.flat(0.95), 2, 60_000, 114_000),
        # Binance, USDT at 0.99 with buffers of 1 % and 0.5 %
        (CollateralRatio((0,), (0.99,), owed=1.005), 200, 0.99, 196.02),
        (CollateralRatio((0,), (0.99,), owed=1.005), -200, 0.99, -198.99),
    ],
)
def test_each_slice_of_an_asset_counts_at_its_own_ratio_and_what_is_owed_in_full(ratio, amount, price, counted):
    assert ratio.counted(amount, price) == pytest.approx(counted, rel=1e-12)


def test_collateral_counts_at_its_ratio_and_is_worth_its_price():
    account = pool(wallet=4_000, collateral=[Collateral("BTC", 0.1, 0.95)])
    assert account.equity([60_000]) == 10_000
    np.testing.assert_allclose(account.position_equity([60_000]), [4_000 + 5_700])
    assert account.pool_cash([60_000]) == 9_700
    assert pool(wallet=4_000).pool_cash([60_000]) == 4_000
    assert account.free_margin([60_000]) == pytest.approx(9_700 - 6_000)
    np.testing.assert_allclose(account.margin_ratio([60_000]), [240 / 9_700])
    np.testing.assert_allclose(account.effective_leverage([60_000]), [60_000 / 9_700])


@pytest.mark.parametrize(
    ("dollars", "coins", "price"),
    [
        # 9,700 + P - 60,000 = 0.4 % of P
        (9_700, 0.0, 50_300 / 0.996),
        # 4,850 + 0.95 a P + P - 60,000 = 0.4 % of P, with 0.95 a worth 4,850 at 60,000
        (4_850, 4_850 / 60_000 / 0.95, 55_150 / (0.996 + 4_850 / 60_000)),
        (0, 9_700 / 60_000 / 0.95, 60_000 / (0.996 + 9_700 / 60_000)),
    ],
    ids=["by dollars", "by half", "by coins"],
)
def test_the_more_of_the_pool_is_in_the_coin_it_is_long_of_the_sooner_it_fails(dollars, coins, price):
    account = pool(wallet=dollars, collateral=[Collateral("BTC", coins, 0.95)])
    np.testing.assert_allclose(account.liquidation_price([60_000]), [price], rtol=1e-12)
    np.testing.assert_allclose(liquidation_move(account, [60_000]), [price / 60_000 - 1], rtol=1e-12)


def test_an_inverse_contract_pays_into_the_coin_it_is_settled_in():
    # 0.5 BTC that counts whole, and 30,000 dollars sold from 60,000: in dollars the coin is hedged to that amount.
    account = pool(Position(COIN, -30_000, 60_000), collateral=[Collateral("BTC", 0.5)], currency="USD")
    for price in (20_000, 60_000, 90_000):
        np.testing.assert_allclose(account.position_equity([price]), [30_000])
        np.testing.assert_allclose(account.position_requirement([price]), [150])
    assert np.isnan(account.liquidation_price([60_000])).all()


def test_profit_and_loss_belong_to_the_asset_they_are_settled_in():
    # Losses of 2,000 USDC are owed, and count in full; the same profit counts at 90 %.
    account = pool(Position(BTCUSDC, 1, 60_000), wallet=5_000, collateral=[Collateral("USDC", 0, 0.9, price=1.0)])
    np.testing.assert_allclose(account.position_equity([58_000]), [3_000])
    np.testing.assert_allclose(account.position_equity([62_000]), [6_800])
    assert account.equity([62_000]) == 7_000


def test_all_that_follows_a_coin_moves_with_it():
    held = [Position(BTC, 1, 60_000), Position(COIN, -60_000, 60_000), Position(ETHBTC, 1, 0.05)]
    account = pool(*held, wallet=1_000, collateral=[Collateral("BTC", 0.0)])
    prices = account.liquidation_price([60_000, 60_000, 0.05], toward="down")
    assert np.isnan(prices[:2]).all()  # long and short of one coin
    assert prices[2] < 0.05


def test_staked_coins_fall_with_the_coin_and_may_lose_their_peg_besides():
    staked = Collateral("WBETH", 10, 0.9, price=1.08, quoted_in="ETH")
    account = pool(Position(ETH, 1, 3_000), collateral=[staked])
    assert account.equity([3_000]) == pytest.approx(10 * 1.08 * 3_000)
    assert account.equity([2_000]) == pytest.approx(10 * 1.08 * 2_000 - 1_000)
    assert account.equity([3_000, 0.5]) == pytest.approx(10 * 0.5 * 3_000)
    # 0.9 x 10 x p x 3,000 = 1 % of 3,000
    np.testing.assert_allclose(liquidation_move(account, [3_000], beta=[0, 1]), [30 / 27_000 / 1.08 - 1])


def test_an_asset_may_fall_alone_and_take_the_pool_along():
    # 13,000 USDe at 95 % behind a requirement of 240 and a loss of 5,000
    account = pool(collateral=[Collateral("USDE", 13_000, 0.95, price=1.0)])
    np.testing.assert_allclose(liquidation_move(account, [55_000], beta=[0, 1]), [5_220 / 12_350 - 1])
    assert not account.liquidatable([55_000]).any()
    assert account.liquidatable([55_000, 0.42]).all()


def test_isolated_positions_do_not_feel_collateral():
    alone = Position(BTC, 1, 60_000, mode="isolated", margin=6_000)
    account = pool(alone, LONG, wallet=100, collateral=[Collateral("BTC", 1, 0.95)])
    np.testing.assert_allclose(account.liquidation_price([60_000] * 2)[0], 54_000 / 0.996)
    np.testing.assert_allclose(account.position_equity([60_000] * 2)[0], 6_000)
    np.testing.assert_allclose(account.backing([60_000] * 2), [6_000, 100 + 57_000])
    in_coin = Position(COIN, 30_000, 60_000, mode="isolated", margin=0.05)
    mixed = pool(in_coin, LONG, wallet=6_000, collateral=[Collateral("BTC", 0, 0.95)])
    by_itself = Account.of([in_coin]).liquidation_price([60_000])
    np.testing.assert_allclose(mixed.liquidation_price([60_000] * 2)[0], by_itself[0])
    move = liquidation_move(mixed, [60_000] * 2)[0]
    np.testing.assert_allclose(60_000 * (1 + move), by_itself[0])


def test_where_the_pool_fails_already_it_is_told_where_it_would_stand_again():
    account = pool(collateral=[Collateral("BTC", 0.1, 0.95)])
    price = 60_000 / (0.996 + 0.095)
    np.testing.assert_allclose(account.liquidation_price([50_000], toward="down"), [price])
    assert np.isnan(account.liquidation_price([50_000], toward="up")).all()
    short = pool(Position(BTC, -1, 60_000), wallet=5_000, collateral=[Collateral("ETH", 0.0, price=3_000.0)])
    np.testing.assert_allclose(short.liquidation_price([70_000]), [65_000 / 1.004])


def test_bankruptcy_is_where_what_collateral_counts_is_used_up():
    account = pool(wallet=4_000, collateral=[Collateral("BTC", 0.1, 0.95)])
    np.testing.assert_allclose(account.bankruptcy_price([60_000]), [56_000 / 1.095])


def test_orders_tie_up_margin_in_what_their_contract_settles_in():
    bids = [Order(BTC, 1, 50_000, leverage=10), Order(COIN, 50_000, 50_000, leverage=10)]
    account = pool(wallet=20_000, collateral=[Collateral("BTC", 1, 0.95)], orders=bids)
    assert account.order_margin([60_000]) == pytest.approx(5_000 + 0.1 * 60_000)
    by_side = pool(
        wallet=20_000, collateral=[Collateral("BTC", 1)], orders=bids, convention=Convention(orders_tie="larger")
    )
    assert by_side.order_margin([60_000]) == pytest.approx(5_000 + 0.1 * 60_000)


def test_profit_backs_new_positions_where_the_venue_lets_it():
    held = {"wallet": 10_000, "collateral": [Collateral("USDC", 1_000, price=1.0)]}
    for opens, free in ((True, 14_000 - 6_300), (False, 11_000 - 6_300)):
        account = pool(convention=Convention(profit_opens=opens), **held)
        assert account.free_margin([63_000]) == pytest.approx(free)


# --- opening ---------------------------------------------------------------------------------------------------


def test_collateral_lets_a_cross_position_be_opened_and_sets_nothing_aside_for_an_isolated_one():
    coins = [Collateral("BTC", 0.2, 0.95)]
    assert Account.open([LONG], balance=0, collateral=coins).wallet == 0
    with pytest.raises(ValueError, match=r"balance must cover the initial margins \(6,000"):
        Account.open([LONG], balance=0, collateral=[Collateral("BTC", 0.1, 0.95)])
    alone = Position(BTC, 1, 60_000, mode="isolated", leverage=10)
    with pytest.raises(ValueError, match="balance must cover the margins set aside"):
        Account.open([alone], balance=1_000, collateral=coins)
    in_coin = Position(COIN, 30_000, 60_000, mode="isolated", leverage=10)
    opened = Account.open([in_coin, LONG], balance=0, collateral=coins, currency="USDT")
    np.testing.assert_allclose(opened.amounts, [0.15])
    with pytest.raises(ValueError, match="collateral of BTC must cover the margins set aside in it"):
        Account.open([in_coin], balance=9_000, collateral=[Collateral("BTC", 0.01)], currency="USDT")


def test_an_account_is_opened_with_an_asset_that_has_a_mark_of_its_own():
    pegged = [Collateral("USDE", 10_000, 0.9, price=1.0)]
    opened = Account.open([LONG], balance=0, collateral=pegged)
    np.testing.assert_allclose(opened.liquidation_price(), [51_000 / 0.996])


# --- properties ------------------------------------------------------------------------------------------------


def gross(account, marks):
    """Return the money of an account, without signs."""
    assets = account.assets
    held = np.abs(account.amounts) * assets.prices(marks)
    values = account.notional(marks) + account.notional(account.entry)
    return float(abs(account.wallet) + held.sum() + (values * assets.settlement_prices(marks)).sum())


def as_fractions(marks):
    return [Fraction(mark) for mark in marks.tolist()]


@examples(1)
@given(pooled_accounts())
def test_the_oracle_agrees_on_what_a_pool_counts_and_requires(held):
    account, marks = held
    cross = np.flatnonzero(~account.isolated & (account.size != 0))
    assume(cross.size)
    left = oracle_collateral.pool_spare(account, as_fractions(marks), as_fractions(marks))
    own = account.position_equity(marks) - account.position_requirement(marks)
    assert abs(own[cross[0]] - float(left)) <= 1e-9 * gross(account, marks)


@pytest.mark.long
@examples(2)
@given(pooled_accounts())
def test_the_oracle_agrees_on_the_price_of_each_coin_down_and_up(held):
    account, marks = held
    left = oracle_collateral.pool_spare(account, as_fractions(marks), as_fractions(marks))
    assume(abs(float(left)) > 1e-9 * gross(account, marks))  # else the price is the mark, whichever way
    told = [account.liquidation_price(marks, toward=way) for way in ("down", "up")]
    for coin in dict.fromkeys(contract.underlying for contract in account.contracts):
        rows = [i for i, one in enumerate(account.contracts) if one.underlying == coin and not account.isolated[i]]
        for prices, factor in zip(told, oracle_collateral.liquidation_prices(account, marks, coin), strict=True):
            for i in rows:
                # What a pool has lost but for rounding it has lost nowhere near.
                right = np.nan if factor is None or factor > FARTHEST else float(factor) * marks[i]
                found = np.nan if prices[i] > FARTHEST * marks[i] else prices[i]
                np.testing.assert_allclose(found, right, rtol=1e-9)


@pytest.mark.long
@examples(2)
@given(pooled_accounts())
def test_at_every_price_given_equity_is_the_requirement(held):
    account, marks = held
    now, exact = marks, as_fractions(marks)
    for way in ("down", "up"):
        for i, price in enumerate(account.liquidation_price(marks, toward=way).tolist()):
            if account.isolated[i] or np.isnan(price):
                continue
            coin, factor = account.contracts[i].underlying, Fraction(price) / exact[i]
            at = [mark * factor if of == coin else mark for mark, of in zip(exact, account.assets.coin_of, strict=True)]
            left = oracle_collateral.pool_spare(account, at, exact)
            money = gross(account, now) + gross(account, np.array([float(mark) for mark in at]))
            # Where brackets jump it is the jump that liquidates: just short of it nothing fails, at it all does.
            before, after = (
                oracle_collateral.pool_spare(
                    account, [mark * (1 + (to / mark - 1) * step) for mark, to in zip(exact, at, strict=True)], exact
                )
                for step in (1 - Fraction(1, 10**9), 1 + Fraction(1, 10**9))
            )
            assert abs(float(left)) <= 1e-9 * money or (before > 0) != (after > 0)


@pytest.mark.long
@examples(1)
@given(pooled_accounts(), st.data())
def test_the_oracle_agrees_on_the_common_move(held, data):
    account, marks = held
    coins = list(dict.fromkeys(account.assets.coin_of))
    speed = {coin: data.draw(st.sampled_from([0.0, 0.5, 1.0, 1.5])) for coin in coins}
    # An asset that contracts settle in must not move while they do.
    for one in account.collateral:
        settling = [contract for contract in account.contracts if contract.currency == one.asset]
        moving = any(speed[contract.underlying] for contract in settling if contract.underlying != one.asset)
        speed |= {one.asset: 0.0} if moving or one.quoted_in else {}
    beta = np.array([speed[coin] for coin in account.assets.coin_of])
    cross = np.flatnonzero(~account.isolated & (account.size != 0))
    assume(cross.size and any(beta))
    try:
        account.assets.moving(beta)
    except ValueError:
        assume(False)
    for toward, sign in (("down", -1), ("up", 1)):
        found = liquidation_move(account, marks, beta=beta, toward=toward)[cross[0]]
        changes, failing = oracle_collateral.changes(account, marks, (sign * beta).tolist())
        if failing:
            assert found == 0
        else:
            np.testing.assert_allclose(found, sign * float(changes[0]) if changes else np.nan, rtol=1e-9, atol=1e-12)


@pytest.mark.long
@examples(1)
@given(accounts(kinds=["linear"]))
def test_a_pool_whose_other_assets_are_nothing_is_the_plain_one(held):
    account, marks = held
    assume(account.convention.closing_fee_at not in ("bankruptcy", "leverage"))
    coins = [replace(one, symbol=f"{one.symbol}USDT", currency="USDT") for one in account.contracts]
    plain, mixed = (
        replace(account, contracts=coins, collateral=more, currency="")
        for more in ((), [Collateral("USDE", 0, 0.9, price=1.0)])
    )
    scale = held.scale
    for question in ("position_equity", "position_requirement", "requirement", "liquidatable"):
        np.testing.assert_allclose(getattr(mixed, question)(marks), getattr(plain, question)(marks), atol=1e-12 * scale)
    assert mixed.equity(marks) == pytest.approx(plain.equity(marks), abs=1e-12 * scale)
    for way in ("down", "up"):
        np.testing.assert_allclose(
            mixed.liquidation_price(marks, toward=way), plain.liquidation_price(marks, toward=way), rtol=1e-8
        )
        moves = [liquidation_move(one, marks, toward=way) for one in (mixed, plain)]
        np.testing.assert_allclose(*moves, rtol=1e-9, atol=1e-12)


@pytest.mark.long
@examples(0.5)
@given(pooled_accounts(tables=growing_tables()))
def test_rates_that_grow_without_steps_are_met_as_well(held):
    account, marks = held
    prices = account.liquidation_price(marks, toward="down")
    for i, price in enumerate(prices.tolist()):
        coin, factor = account.contracts[i].underlying, price / marks[i]
        if account.isolated[i] or not factor > 1e-3:
            continue
        at = np.array(
            [mark * factor if of == coin else mark for mark, of in zip(marks, account.assets.coin_of, strict=True)]
        )
        frozen = marks if account.convention.maintenance_at == "mark" else None
        assert abs(account.spare(at, maintenance_at=frozen)[i]) <= 1e-9 * (gross(account, at) + gross(account, marks))


@pytest.mark.long
@examples(0.3)
@given(pooled_accounts())
def test_many_marks_and_many_accounts_are_asked_at_once(held):
    account, marks = held
    steps = np.array([0.9, 1.0, 1.1])[:, None]
    path = marks * steps
    for question in ("position_equity", "liquidation_price", "bankruptcy_price", "backing"):
        one_by_one = [getattr(account, question)(each) for each in path]
        np.testing.assert_allclose(getattr(account, question)(path), one_by_one, rtol=1e-9, equal_nan=True)
    amounts = np.array([0.5, 1.0, 2.0])
    many = replace(account, collateral=[one.holding(one.amount * amounts) for one in account.collateral])
    assert many.lead == (3,)
    np.testing.assert_allclose(many.liquidation_price(marks)[1], account.liquidation_price(marks), rtol=1e-12)
    np.testing.assert_allclose(many.equity(marks)[1], account.equity(marks), rtol=1e-12)
    assert many.free_margin(marks).shape == (3,)


# --- refusals --------------------------------------------------------------------------------------------------

USDE = Collateral("USDE", 1_000, price=1.0)


@pytest.mark.parametrize(
    ("call", "name", "shown"),
    [
        (lambda: CollateralRatio((), ()), "floors", "()"),
        (lambda: CollateralRatio((0, 1), (1,)), "ratios", "1"),
        (lambda: CollateralRatio((1,), (1,)), "floors", "[1.0]"),
        (lambda: CollateralRatio((0, 0), (1, 1)), "floors", "[0.0, 0.0]"),
        (lambda: CollateralRatio((0, 2, 1), (1, 1, 1)), "floors", "[0.0, 2.0, 1.0]"),
        (lambda: CollateralRatio((0, 1), (0.5, 0.9)), "ratios", "[0.5, 0.9]"),
        (lambda: CollateralRatio((0,), (1.1,)), "ratios", "[1.1]"),
        (lambda: CollateralRatio((0,), (-0.1,)), "ratios", "[-0.1]"),
        (lambda: CollateralRatio((0,), (np.nan,)), "ratios", "nan"),
        (lambda: CollateralRatio((0,), (1,), "weight"), "measured_in", "'weight'"),
        (lambda: CollateralRatio((0,), (1,), owed=0.9), "owed", "0.9"),
        (lambda: CollateralRatio((0,), (1,), owed=np.inf), "owed", "inf"),
        (lambda: CollateralRatio(0, 1), "floors", "0"),
        (lambda: CollateralRatio.flat("a"), "ratio", "'a'"),
        (lambda: STEPS.counted(1, 0), "price", "0"),
        (lambda: STEPS.counted(np.nan, 1), "amount", "nan"),
        (lambda: STEPS.counted([1, 2], [1, 2, 3]), "amount", "(2,)"),
        (lambda: Collateral("", 1), "asset", "''"),
        (lambda: Collateral(5, 1), "asset", "5"),
        (lambda: Collateral("BTC", "much"), "amount", "'much'"),
        (lambda: Collateral("BTC", np.inf), "amount", "inf"),
        (lambda: Collateral("BTC", 1, 2), "ratio", "2"),
        (lambda: Collateral("BTC", 1, None), "ratio", "None"),
        (lambda: Collateral("BTC", 1, price=0), "price", "0"),
        (lambda: Collateral("BTC", 1, price=[1, 2]), "price", "[1, 2]"),
        (lambda: Collateral("WBETH", 1, quoted_in="ETH"), "price", "ETH"),
        (lambda: Collateral("WBETH", 1, price=1, quoted_in=5), "quoted_in", "5"),
        (lambda: Account(wallet=0, contracts=[], size=[], entry=[], collateral=[USDE]), "contracts", "none"),
        (lambda: pool(collateral=5), "collateral", "5"),
        (lambda: pool(collateral="BTC"), "collateral", "'BTC'"),
        (lambda: pool(collateral=["BTC"]), "collateral", "'BTC'"),
        (lambda: pool(collateral=[USDE, USDE]), "collateral", "USDE"),
        (lambda: pool(collateral=[Collateral("USDT", 1, price=1)]), "collateral", "USDT"),
        (lambda: pool(collateral=[Collateral("SOL", 1)]), "price", "SOL"),
        (lambda: pool(collateral=[Collateral("BTC", 1, price=60_000)]), "price", "BTCUSDT"),
        (lambda: pool(collateral=[Collateral("X", 1, price=1, quoted_in="SOL")]), "price", "SOL"),
        (
            lambda: pool(
                collateral=[
                    Collateral("X", 1, price=1, quoted_in="Y"),
                    Collateral("Y", 1, price=1, quoted_in="X"),
                ]
            ),
            "quoted_in",
            "X in Y",
        ),
        (lambda: pool(currency="USDC"), "currency", "'USDC'"),
        (lambda: pool(currency=5), "currency", "5"),
        (lambda: pool(LONG, Position(COIN, 1, 60_000), collateral=[USDE], currency=""), "currency", "BTC"),
        (lambda: pool(Position(COIN, 1, 60_000), collateral=[USDE], currency="BTC"), "currency", "'BTC'"),
        (lambda: pool(LONG, Position(BTCUSDC, 1, 60_000), collateral=[USDE]), "collateral", "USDC"),
        (
            lambda: pool(
                Position(Contract("BTCUSD", Tiers.flat(0.01), "inverse", currency="ETH"), 1, 60_000),
                collateral=[Collateral("ETH", 1, price=3_000.0)],
            ),
            "contracts",
            "BTCUSD",
        ),
        (
            lambda: pool(
                Position(Contract("BTCUSD", Tiers.flat(0.01), currency="BTC"), 1, 60_000),
                collateral=[Collateral("BTC", 1)],
            ),
            "contracts",
            "BTCUSD",
        ),
        (lambda: pool(collateral=[USDE], orders=[Order(BTCUSDC, 1, 50_000)]), "collateral", "USDC"),
        (
            lambda: pool(collateral=[USDE], convention=Convention(closing_fee=0.01, closing_fee_at="bankruptcy")),
            "closing_fee_at",
            "'bankruptcy'",
        ),
        (lambda: pool(wallet=[1, 2], collateral=[Collateral("BTC", [1, 2, 3])]), "shapes", "(3,)"),
        (lambda: pool(collateral=[USDE]).equity([60_000, 1, 1]), "marks", "(3,)"),
        (lambda: pool(collateral=[USDE]).equity([60_000, 0]), "marks", "0"),
        (lambda: pool(collateral=[USDE], wallet=1).liquidation_price(60_000, toward="left"), "toward", "'left'"),
        (lambda: liquidation_move(pool(collateral=[USDE]), [60_000], beta=[1, 1, 1]), "beta", "(3,)"),
        (
            lambda: liquidation_move(
                pool(LONG, Position(BTCUSDC, 1, 60_000), collateral=[Collateral("USDC", 1, price=1)]),
                [60_000, 60_000],
                beta=[1, 2],
            ),
            "beta",
            "[1.0, 2.0]",
        ),
    ],
)  # fmt: skip
def test_malformed_calls_are_refused_by_name(call, name, shown):
    assert_refused(call, name, shown)


@pytest.mark.parametrize(
    ("account", "beta", "shown"),
    [
        (
            pool(Position(BTCUSDC, 1, 60_000), collateral=[Collateral("USDC", 1, price=1)], currency="USDT"),
            [1, 1],
            "USDC",
        ),
        (
            pool(Position(ETH, 1, 3_000), collateral=[Collateral("WBETH", 1, price=1, quoted_in="ETH")]),
            [1, 1],
            "WBETH",
        ),
        (pool(LONG, Position(ETHBTC, 1, 0.05), collateral=[Collateral("BTC", 1)]), [1, 1], "ETHBTC"),
    ],
)
def test_a_move_along_which_a_price_and_what_is_paid_in_it_both_go_is_no_straight_line(account, beta, shown):
    marks = [1.0 if one == "BTCUSDC" else 60_000.0 for one in range(len(account.contracts))]
    with pytest.raises(ValueError, match=f"beta must be 0 for .*{shown}"):
        liquidation_move(account, marks, beta=beta)


def test_a_growing_rate_in_a_pool_of_several_assets_is_solved_by_halving():
    growing = Contract("BTCUSDT", Tiers.flat(0.01, growth=Growth(1e-6)), currency="USDT")
    account = pool(Position(growing, 1, 60_000), wallet=4_000, collateral=[Collateral("BTC", 0.1, 0.95)])
    price = account.liquidation_price([60_000])[0]
    left = 4_000 + 0.095 * price + price - 60_000 - (0.01 + 1e-6 * price) * price
    assert left == pytest.approx(0, abs=1e-6)
    assert oracle.maintenance(growing, 1, price) == pytest.approx((0.01 + 1e-6 * price) * price)
