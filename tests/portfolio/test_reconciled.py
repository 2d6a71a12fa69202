"""What the venue says beside what we say: only what was worked out anew, and gives what the venue says, is a reason."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from marginlab import ArgumentError, venue
from marginlab.portfolio import Told, from_ccxt, preset, reconcile
from marginlab.portfolio.reconciled import UNEXPLAINED

# 0.2 BTC long from 60,000 at 65,000 in cross, at Binance: 1,000 of profit, 0.4 % of maintenance.
LONG = {
    "symbol": "BTC/USDT:USDT",
    "side": "long",
    "contracts": 0.2,
    "contractSize": 1.0,
    "entryPrice": 60_000.0,
    "markPrice": 65_000.0,
    "marginMode": "cross",
    "leverage": 20,
}
# 2 ETH short from 3,000 at 2,900: 200 of profit.
SHORT = {**LONG, "symbol": "ETH/USDT:USDT", "side": "short", "contracts": 2.0, "entryPrice": 3_000.0} | {
    "markPrice": 2_900.0
}
# 0.1 BTC from 60,000 with 600 of its own: (60,000 - 6,000) / 0.996.
ALONE = {**LONG, "contracts": 0.1, "marginMode": "isolated", "positionMargin": 600.0}


def lines(*positions, where="binance", **money):
    """Return what differs, each as (figure, reason)."""
    held = from_ccxt(positions, venue=where, **(money or {"wallet": 800}))
    return [(line.figure, line.reason) for line in reconcile(held).differing]


def reason(*positions, **options):
    ((_, found),) = lines(*positions, **options)
    return found


def test_what_agrees_to_two_in_a_thousand_needs_no_reason():
    found = reconcile(from_ccxt([{**LONG, "liquidationPrice": 56_300.0}], venue="binance", wallet=800))
    assert [line.figure for line in found.lines] == ["liquidation price", "leverage"]
    assert found.differing == ()
    assert found.sentence == "2 of 2 figures that the venue tells agree with ours to within 0.2%."
    assert lines({**LONG, "liquidationPrice": 56_340.0}) == [("liquidation price", UNEXPLAINED)]


@pytest.mark.parametrize(
    ("money", "why"),
    [
        ({"wallet": 1_800}, "the wallet given holds the unrealized profit of 1,000.00"),
        (
            {"balance": {"total": {"USDT": 800.0, "BTC": 0.01}, "info": {"asset": "USDT", "crossWalletBalance": 150}}},
            "the other assets, worth 650.00, count beside the wallet",
        ),
    ],
)
def test_another_wallet_is_found(money, why):
    assert reason({**LONG, "liquidationPrice": 56_224.9}, **money) == why


def test_isolated_margins_in_the_wallet_are_found():
    # (60,000 - 800 / 0.2) / 0.996
    held = [{**LONG, "liquidationPrice": 56_224.9}, {**ALONE, "symbol": "ETH/USDT:USDT", "entryPrice": 65_000.0}]
    assert reason(*held, wallet=1_400) == "the wallet given holds the isolated margins of 600.00"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        # (60,000 - 11,000) / 0.996, and with nothing of the 500 that it has made: (60,000 - 1,000) / 0.996
        (49_196.79, "the margin given lacks the profit that was taken off"),
        (59_236.95, "the margin given holds the unrealized profit"),
    ],
)
def test_a_margin_read_otherwise_is_found(told, why):
    assert reason({**ALONE, "liquidationPrice": told}) == why


def test_a_closing_fee_that_counts_is_found():
    near = {**ALONE, "contracts": 0.1, "maintenanceMargin": 6_500 * 0.0045}
    assert lines(near) == [("maintenance margin", "a closing fee of 0.050% at the liquidation price counts")]


def test_a_closing_fee_that_does_not_count_is_found():
    okx = {**ALONE, "symbol": "ETH/USDT:USDT", "contracts": 30, "contractSize": 0.1, "entryPrice": 2_000.0}
    okx |= {"markPrice": 1_900.0, "positionMargin": 1_500.0}
    # 4,500 / 3 / 0.996 is 1,506.02, and 1,506.78 with the fee: too near. Of the margin ratio it is more.
    ratio = 5_700 * 0.004 / 1_200
    assert lines({**okx, "marginRatio": ratio}, where="okx") == [("margin ratio", "no closing fee counts")]
    told = lines({**okx, "maintenanceMargin": 5_700 * 0.0045}, where="okx")
    assert told == [("maintenance margin", "the closing fee is told with the maintenance margin")]


COARSE = [{"minNotional": 0, "maxNotional": None, "maintenanceMarginRate": 0.05, "maxLeverage": 20}]


@pytest.mark.parametrize(
    ("fields", "where"),
    # 60,000 - 6,000 + 3,000, and + 3,250, and not 54,000 / 0.95; of maintenance 5 % of 6,000 and not of 6,500.
    [
        ({"liquidationPrice": 57_000.0}, "entry"),
        ({"liquidationPrice": 57_250.0}, "mark"),
        ({"maintenanceMargin": 300.0}, "entry"),
    ],
)
def test_maintenance_that_is_taken_elsewhere_is_found(fields, where):
    found = reason({**ALONE, **fields}, wallet=0, brackets={"BTC/USDT:USDT": COARSE})
    assert found == f"maintenance is taken at the {where} price"


def test_rules_of_another_time_are_found():
    # Until September 2025 Bybit took it at entry; by those rules the liquidation price agrees.
    told = {**ALONE, "liquidationPrice": 57_000.0}
    one = {"where": "bybit", "wallet": 0, "brackets": {"BTC/USDT:USDT": COARSE}}
    assert lines(told, **one, date="2025-08") == []
    assert reason(told, **one) == "maintenance is taken at the entry price"


def test_brackets_of_another_date_are_found():
    old = venue("binance").contract("BTCUSDT", date="2024-11-28")
    large = {**LONG, "contracts": 300.0, "maintenanceMargin": float(old.maintenance_margin(300, 65_000))}
    found = reason(large, wallet=5_000_000)
    assert found.startswith("brackets of 202")
    then = venue("binance").contract("BTCUSDT", date=found.removeprefix("brackets of "))
    assert then.maintenance_margin(300, 65_000) == large["maintenanceMargin"]
    own = reason(large, wallet=5_000_000, brackets={"symbol": "BTCUSDT", "rate": 0.01, "max_leverage": 20})
    assert own.startswith("the venue’s own brackets of 202")


def test_the_rate_that_a_position_tells_of_itself_is_found():
    # 2 %: (60,000 - 6,000) / 0.98
    told = {**ALONE, "maintenanceMargin": 130.0, "liquidationPrice": 55_102.04}
    assert (
        "liquidation price",
        "the maintenance rate is another: what the positions tell of their maintenance margin fits",
    ) in lines(told)


def test_a_wallet_on_which_two_markets_agree_is_found():
    true = from_ccxt([LONG, SHORT], venue="binance", wallet=3_000)
    long, short = true.account.liquidation_price(true.marks)
    held = [{**LONG, "liquidationPrice": long}, {**SHORT, "liquidationPrice": short}]
    more = "1,000.00 more stand behind the pool, such as collateral that was not given"
    assert [why for _, why in lines(*held, wallet=2_000)] == [more] * 2
    less = "500.00 less stand behind the pool, such as orders, loans or positions that were not given"
    assert [why for _, why in lines(*held, wallet=3_500)] == [less] * 2
    # One figure alone is no evidence.
    assert reason(held[0], SHORT, wallet=2_000) == UNEXPLAINED


def test_a_price_and_a_ratio_of_one_market_are_two_figures():
    true = from_ccxt([LONG], venue="binance", wallet=800)
    (price,), (ratio,) = true.account.liquidation_price(true.marks), true.account.margin_ratio(true.marks)
    held = {**LONG, "liquidationPrice": price, "marginRatio": ratio}
    assert [why[:12] for _, why in lines(held, wallet=300)] == ["500.00 more "] * 2


def test_a_ratio_that_is_told_otherwise_is_found():
    # 52 to 650 of initial margin with 1,000 of profit; and to 1,800 of the pool.
    told = {**LONG, "marginRatio": 52 / 1_650}
    assert reason(told).startswith(
        "it is told of this position alone: its maintenance to its initial margin and profit"
    )
    both = [{**LONG, "marginRatio": 52 / 2_000}, SHORT]
    assert reason(*both, wallet=800).startswith("it is told of this position alone: its maintenance to the equity of")
    assert reason({**LONG, "marginRatio": 1_800 / 52}) == "it is told as equity to requirement"
    assert reason({**LONG, "marginRatio": 0.5}) == UNEXPLAINED


def test_of_a_pool_that_fails_both_ways_the_nearer_price_counts():
    both = [{**LONG, "contracts": 0.3}, {**LONG, "side": "short", "contracts": 0.28}]
    held = from_ccxt(both, venue="binance", wallet=3_000)
    for way in ("down", "up"):
        price = held.account.liquidation_price(held.marks, toward=way)[0]
        if np.isfinite(price):
            told = replace(held, told=(Told(liquidation_price=price), Told()))
            assert reconcile(told).differing == ()


def test_a_price_where_we_have_none_differs():
    ((figure, why),) = lines({**ALONE, "positionMargin": 7_000.0, "liquidationPrice": 100.0}, wallet=0)
    assert (figure, why) == ("liquidation price", UNEXPLAINED)
    (line,) = reconcile(
        from_ccxt(
            [{**ALONE, "positionMargin": 7_000.0, "liquidationPrice": 100.0, "leverage": None}],
            venue="binance",
            wallet=0,
        )
    ).differing
    assert line.shown()[2:5] == ("100.00", "none", "≠")


def test_it_prints_as_text_and_says_where_there_is_nothing():
    held = from_ccxt([{**LONG, "liquidationPrice": 56_224.9, "marginRatio": 0.029}], venue="binance", wallet=1_800)
    text = str(reconcile(held))
    assert text.startswith(
        "1 of 3 figures that the venue tells agree with ours to within 0.2%. A likely reason was found for "
    )
    assert "≠ −8.93%  the wallet given holds the unrealized profit of 1,000.00" in text
    assert str(reconcile(preset("hedged-pair"))) == (
        "The venue says nothing of these positions that could be compared."
    )


def test_only_a_portfolio_is_reconciled():
    with pytest.raises(ArgumentError, match="portfolio must be of the class Portfolio"):
        reconcile(json.loads("{}"))


def test_what_nothing_explains_is_said_to_be_so_wherever_it_was_tried():
    # At Bybit its older rules are tried as well; of maintenance, the rate that it tells is no reason.
    assert reason({**ALONE, "liquidationPrice": 40_000.0}, where="bybit") == UNEXPLAINED
    assert reason({**ALONE, "maintenanceMargin": 1_000.0}) == UNEXPLAINED
    plain = {**ALONE, "maintenanceMarginPercentage": 0.01, "liquidationPrice": 40_000.0}
    assert reason(plain, where="bitfinex") == UNEXPLAINED
    # A market without brackets has none of another date, nor one that was not listed then.
    new = {**LONG, "symbol": "NEW/USDT:USDT", "maintenanceMarginPercentage": 0.02}
    gone = {**LONG, "symbol": "1000BTTC/USDT:USDT", "entryPrice": 1.0, "markPrice": 1.0}
    assert reason({**LONG, "liquidationPrice": 40_000.0}, new, gone) == UNEXPLAINED


def test_what_cannot_be_worked_out_explains_nothing():
    # With a fee of 0.05 % beside such a rate nothing would be left.
    told = {**LONG, "symbol": "NEW/USDT:USDT", "maintenanceMarginPercentage": 0.9999, "leverage": 1}
    assert ("liquidation price", UNEXPLAINED) in lines({**told, "liquidationPrice": 100.0})
