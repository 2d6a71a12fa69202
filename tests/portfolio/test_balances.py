"""What stands behind the positions: the wallet without profits and isolated margins, other assets beside it."""

from __future__ import annotations

import json

import pytest

from marginlab.portfolio import from_ccxt
from marginlab.portfolio.portfolio import Asset

# A cross position with 1,000 of profit, and an isolated one with 300 of margin and 50 of loss.
CROSS = {
    "symbol": "BTC/USDT:USDT",
    "side": "long",
    "contracts": 0.2,
    "contractSize": 1.0,
    "entryPrice": 60_000.0,
    "markPrice": 65_000.0,
    "marginMode": "cross",
    "maintenanceMarginPercentage": 0.01,
}
ALONE = {**CROSS, "symbol": "ETH/USDT:USDT", "contracts": 1.0, "entryPrice": 3_000.0, "markPrice": 2_950.0} | {
    "marginMode": "isolated",
    "positionMargin": 300.0,
}


def wallet(positions, venue="binance", **money):
    return from_ccxt(positions, venue=venue, **money).wallet


def test_binance_counts_the_profit_in_its_total_and_not_in_its_wallet():
    balance = {"info": {"assets": [{"asset": "USDT", "walletBalance": "800"}]}, "total": {"USDT": 1_800.0}}
    found = from_ccxt([CROSS], venue="binance", balance=balance)
    assert found.wallet == 800
    # (12,000 - 800) / 0.2 / 0.996; with the profit counted twice it would be 51,205.
    assert found.account.liquidation_price(found.marks) == pytest.approx([56_224.90], abs=0.005)
    assert wallet([CROSS], balance={"total": {"USDT": 1_800.0}}) == 800


@pytest.mark.parametrize("balance", [500, "500", 500.0])
def test_a_plain_number_is_the_wallet(balance):
    assert wallet([CROSS, ALONE], balance=balance) == wallet([CROSS, ALONE], wallet=balance) == 500


def test_the_equity_has_margins_and_profits_in_it():
    found = from_ccxt([CROSS, ALONE], venue="binance", equity=2_000)
    assert found.wallet == 2_000 - 1_000 - 300 + 50
    assert found.account.equity(found.marks) == pytest.approx(2_000)


def usdt(**fields):
    return {"total": {"USDT": 99.0}, "info": {"data": [{"list": [{"coin": "BTC"}, {"coin": "USDT", **fields}]}]}}


@pytest.mark.parametrize(
    ("venue", "balance", "cash"),
    [
        ("binance", usdt(crossWalletBalance="700", walletBalance="1000"), 700),
        ("binance", usdt(walletBalance="1000"), 700),
        ("bybit", usdt(walletBalance="1000", equity="1950"), 700),
        ("okx", usdt(cashBal="700", eq="1950"), 700),
        ("okx", {"total": {"USDT": 1_950.0}}, 700),
        ("bitget", usdt(accountEquity="1950"), 700),
        ("gate", usdt(total="1000"), 700),
        ("kucoinfutures", usdt(accountEquity="1950", marginBalance=""), 700),
        ("bingx", usdt(balance="1000"), 700),
        ("mexc", usdt(equity="1950"), 700),
        ("bybit", {"USDT": {"total": 1_000.0}, "BTC": {"total": None}, "free": {}}, 700),
        ("bitfinex", {"total": {"USDT": 1_000.0}}, 700),
    ],
)
def test_the_wallet_is_what_each_exchange_has_beside_profits_and_isolated_margins(venue, balance, cash):
    assert wallet([CROSS, ALONE], venue=venue, balance=balance) == pytest.approx(cash)


@pytest.mark.parametrize(
    ("info", "cash"),
    [
        ({"crossMarginSummary": {"accountValue": "1700"}, "marginSummary": {"accountValue": "1950"}}, 700),
        ({"marginSummary": {"accountValue": "1950"}}, 700),
        ({}, 700),
        ([], 700),
    ],
)
def test_hyperliquid_tells_the_equity_of_the_pool(info, cash):
    both = [{**one, "symbol": one["symbol"].replace("USDT", "USDC")} for one in (CROSS, ALONE)]
    balance = {"info": info, "total": {"USDC": 1_950.0}}
    assert wallet(both, venue="hyperliquid", balance=balance) == pytest.approx(cash)


def test_other_assets_are_kept_beside_the_wallet():
    balance = {"total": {"USDT": 800.0, "BTC": 0.5, "ETH": 0.0, "BNB": None}}
    found = from_ccxt([CROSS], venue="bybit", balance=json.dumps(balance))
    assert (found.wallet, found.collateral) == (800, (Asset("BTC", 0.5),))


def test_a_wallet_of_nothing_but_other_assets_is_said():
    found = from_ccxt([CROSS], venue="bybit", balance={"total": {"BTC": 0.5}})
    assert found.wallet == 0
    assert found.remarks == ("balance: no USDT, in which the positions settle, so the wallet is 0.",)


def test_what_the_total_is_taken_for_is_said_where_nothing_is_known_of_the_exchange():
    found = from_ccxt([CROSS], venue="bitfinex", balance={"total": {"USDT": 800.0}})
    assert "balance: the total of USDT is taken as it is without unrealized profit." in found.remarks
    found = from_ccxt([CROSS], venue="blofin", balance={"total": {"USDT": 1_800.0}})
    assert "balance: the total of USDT is taken as it is with unrealized profit." in found.remarks
    assert found.wallet == 800


def test_a_reply_is_not_searched_without_end():
    deep = {"asset": "USDT", "walletBalance": "5"}
    for _ in range(10):
        deep = [deep]
    assert wallet([CROSS], balance={"info": deep, "total": {"USDT": 1_800.0}}) == 800
