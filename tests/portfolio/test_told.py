"""One position as ccxt returns it: what is told, what follows from the rest, and which of two readings fits."""

from __future__ import annotations

import pytest

from marginlab import Convention, liquidation_price
from marginlab.comparison.modes import all_isolated
from marginlab.portfolio import EntryError, from_ccxt


def position(**fields):
    """Return a long of 0.1 BTC from 60,000 in cross, with other fields."""
    plain = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 0.1, "contractSize": 1.0, "entryPrice": 60_000.0}
    return {**plain, "markPrice": 60_000.0, "marginMode": "cross", **fields}


def held(*, venue="binance", money=None, **fields):
    return from_ccxt([position(**fields)], venue=venue, **(money or {"wallet": 1_000}))


def refusal(**fields):
    with pytest.raises(EntryError) as wrong:
        held(**fields)
    return str(wrong.value)


# --- right values, worked out by hand -------------------------------------------------------------------------------


def test_a_leverage_that_is_not_told_follows_from_the_initial_margin():
    told = {"contracts": 0.05, "entryPrice": 80_000.0, "markPrice": 80_000.0, "leverage": None}
    found = held(money={"wallet": 700}, **told, initialMargin=160.0, initialMarginPercentage=0.04)
    assert found.positions[0].leverage == 25
    alone = all_isolated(found.account)
    # (80,000 - 160 / 0.05) / 0.996
    assert (alone.margin, alone.wallet) == (160, 540)
    assert alone.liquidation_price(found.marks) == pytest.approx([77_108.43], abs=0.005)


OKX = {"symbol": "ETH/USDT:USDT", "contracts": 30, "contractSize": 0.1, "entryPrice": 2_000.0, "marginMode": "isolated"}


def test_okx_has_no_profit_in_the_collateral_of_an_isolated_position():
    found = held(venue="okx", **OKX, markPrice=1_700.0, unrealizedPnl=-900.0, collateral=1_500.0, initialMargin=1_275.0)
    assert found.positions[0].margin == 1_500
    # (6,000 - 1,500) / 3 / (1 - 0.4 % - 0.05 %)
    assert found.account.liquidation_price(found.marks) == pytest.approx([1_506.78], abs=0.005)


@pytest.mark.parametrize("mark", [2_300.0, 2_500.0, 2_700.0])
def test_the_mark_does_not_move_the_liquidation_price_of_an_isolated_position(mark):
    told = {**OKX, "contracts": 150, "entryPrice": 2_400.0, "markPrice": mark, "leverage": 10, "notional": 15 * mark}
    found = held(venue="okx", **told, unrealizedPnl=15 * (mark - 2_400), collateral=3_600.0, initialMargin=1.5 * mark)
    assert found.account.liquidation_price(found.marks) == pytest.approx([2_169.76], abs=0.005)


def test_bybit_has_no_profit_in_it_either():
    found = held(
        venue="bybit", markPrice=None, unrealizedPnl=900.0, collateral=1_205.0, marginMode="isolated", leverage=5
    )
    (one,) = found.positions
    assert (one.margin, found.marks) == (1_205, (69_000,))
    # 0.33 %: (6,000 - 1,205) / 0.1 / 0.9967, and with maintenance at entry (6,000 - 1,205 + 19.8) / 0.1
    assert found.account.liquidation_price(found.marks) == pytest.approx([48_108.76], abs=0.005)
    frozen = liquidation_price(one.contract, 0.1, 60_000, 1_205, convention=Convention(maintenance_at="entry"))
    assert frozen == pytest.approx(48_148)


def test_hyperliquid_has_it_and_calls_it_the_initial_margin():
    told = {"symbol": "BTC/USDC:USDC", "contracts": 0.01, "contractSize": None, "entryPrice": 100_000.0}
    money = {"collateral": 200.0, "initialMargin": 200.0, "notional": 1_100.0, "unrealizedPnl": 100.0}
    found = held(venue="hyperliquid", money={"wallet": 50}, **told, **money, markPrice=None, marginMode="isolated")
    assert (found.positions[0].margin, found.positions[0].leverage) == (100, 10)
    assert found.account.equity(found.marks) == pytest.approx(250)
    # (1,000 - 100) / 0.01 / 0.9875
    assert found.account.liquidation_price(found.marks) == pytest.approx([91_139.24], abs=0.005)


def test_an_older_ccxt_had_no_collateral_there():
    told = {"symbol": "BTC/USDC:USDC", "contracts": 0.01, "contractSize": None, "entryPrice": 100_000.0, "side": None}
    money = {"initialMargin": 200.0, "notional": 1_100.0, "unrealizedPnl": 100.0}
    found = held(venue="hyperliquid", money={"wallet": 50}, **told, **money, markPrice=None, marginMode="isolated")
    assert (found.positions[0].margin, found.positions[0].size) == (100, 0.01)


# --- the leverage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "leverage"),
    [
        ({"leverage": 7}, 7),
        ({"leverage": 0, "initialMarginPercentage": 0.1}, 10),
        ({"initialMargin": 600.6}, 10),
        ({"initialMargin": 600.6, "notional": 6_006.0}, 10),
        # In hundredths, as some state it.
        ({"initialMarginPercentage": 10.0, "initialMargin": 600.0}, 10),
        ({"initialMarginPercentage": 1.0, "initialMargin": 6_000.0}, 1),
        ({"initialMargin": 800.0}, 7.5),
        ({"initialMargin": 0.0}, None),
        ({}, None),
    ],
)
def test_the_leverage_is_that_told_or_follows(fields, leverage):
    assert held(**fields).positions[0].leverage == leverage


def test_a_leverage_that_nothing_tells_or_limits_ties_up_twice_the_maintenance():
    found = held(symbol="NEW/USDT:USDT", maintenanceMarginPercentage=0.02)
    assert found.positions[0].leverage == 25
    assert found.remarks[0].endswith("taken so that it ties up twice the maintenance (position 1).")
    free = held(symbol="NEW/USDT:USDT", maintenanceMarginPercentage=0.0)
    assert free.positions[0].leverage == 1


def test_a_leverage_that_could_not_be_set_today_is_a_state():
    found = held(leverage=500)
    assert (found.positions[0].leverage, found.held) == (500, True)
    # It ties up what the highest allowed today does.
    assert found.account.initial_margin(found.marks) == pytest.approx([6_000 / 150])


# --- size, side and prices ----------------------------------------------------------------------------------------


def test_a_short_may_say_so_by_its_sign():
    assert held(contracts=-0.1, side="short").positions[0].size == -0.1
    assert held(contracts=-0.1, side=None).positions[0].size == -0.1
    assert held(contracts=-0.1, side="sell").positions[0].size == -0.1
    assert held(venue="whitebit", side=None, maintenanceMarginPercentage=0.01).positions[0].size == 0.1


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"info": {"positionSide": "SHORT"}}, -0.1),
        ({"info": {"side": "Buy"}}, 0.1),
        ({"markPrice": 61_000.0, "unrealizedPnl": 100.0}, 0.1),
        ({"markPrice": 61_000.0, "unrealizedPnl": -100.0}, -0.1),
    ],
)
def test_a_side_that_is_not_told_follows_from_info_or_the_profit(fields, size):
    found = held(side=None, **fields)
    assert found.positions[0].size == size
    assert found.remarks[0].startswith("side is not told: ")


def test_contracts_that_are_not_told_follow_from_the_notional():
    assert held(contracts=None, notional=-9_000.0).positions[0].size == pytest.approx(0.15)


def test_contracts_that_are_dollars_already_are_not_counted_by_their_size():
    coin = {"symbol": "BTC/USD:BTC", "contractSize": 10.0, "contracts": 600.0, "entryPrice": 60_000.0}
    found = held(venue="deribit", **coin, notional=0.01, maintenanceMarginPercentage=0.01)
    assert found.positions[0].size == 600
    assert "contracts are coins or dollars already" in found.remarks[0]
    assert held(venue="deribit", **coin, notional=0.1, maintenanceMarginPercentage=0.01).positions[0].size == 6_000
    # A notional that fits neither decides nothing.
    assert held(venue="deribit", **coin, notional=0.05, maintenanceMarginPercentage=0.01).positions[0].size == 6_000


@pytest.mark.parametrize(
    ("fields", "entry"),
    [
        ({"markPrice": 61_000.0, "unrealizedPnl": 100.0}, 60_000),
        ({"markPrice": None, "notional": 6_100.0, "unrealizedPnl": 100.0}, 60_000),
        ({"side": "short", "markPrice": 61_000.0, "unrealizedPnl": 100.0}, 62_000),
    ],
)
def test_an_entry_that_is_not_told_follows_from_the_profit(fields, entry):
    assert held(entryPrice=None, **fields).positions[0].entry == pytest.approx(entry)


def test_an_entry_follows_from_what_the_position_cost():
    bought = {"symbol": "BTC/USD:USD", "entryPrice": None, "markPrice": None, "unrealizedPnl": 100.0}
    found = held(venue="cryptocom", **bought, info={"open_pos_cost": "6000"}, maintenanceMarginPercentage=0.01)
    assert (found.positions[0].entry, found.marks) == (60_000, (61_000,))


def test_a_notional_at_entry_is_not_taken_for_one_at_the_mark():
    assert held(markPrice=None, notional=6_000.0, unrealizedPnl=100.0).marks == (61_000,)
    assert held(markPrice=None, notional=6_000.0).marks == (60_000,)


def test_a_mark_that_is_no_price_gives_way_to_the_one_that_the_money_tells():
    value = held(contracts=1, contractSize=0.001, markPrice=61.0, notional=61.0, unrealizedPnl=1.0)
    assert value.marks == (61_000,)
    assert value.remarks == (
        "markPrice is another: the one that notional and unrealizedPnl agree on is taken (position 1).",
    )
    # Where these two do not agree on one, the mark is what it says.
    assert held(contracts=1, contractSize=0.001, markPrice=61.0, notional=61.0, unrealizedPnl=5.0).marks == (61,)
    assert held(contracts=1, contractSize=0.001, markPrice=61.0, notional=61.0).marks == (61,)


def test_a_mark_that_nothing_tells_is_the_entry_or_comes_from_the_caller():
    found = held(markPrice=None)
    assert found.marks == (60_000,)
    assert found.remarks == ("markPrice is not told: taken as the entry, with no profit; marks= says it (position 1).",)
    marked = held(markPrice=None, money={"wallet": 1, "marks": {"BTC/USDT:USDT": 61_000}})
    assert (marked.marks, marked.remarks) == ((61_000,), ())
    assert held(money={"wallet": 1, "marks": {"BTC/USDT:USDT": 61_000}}).marks == (60_000,)


# --- the mode -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("venue", "fields", "mode"),
    [
        ("bybit", {"info": {"tradeMode": 1}, "positionMargin": 600.0}, "isolated"),
        ("bybit", {"info": {"tradeMode": "0"}}, "cross"),
        ("binance", {"info": {"isolated": "false"}}, "cross"),
        ("binance", {"isolated": True, "positionMargin": 600.0}, "isolated"),
        ("binance", {"info": {"crossMargin": True}}, "cross"),
        ("binance", {"info": {"positionAmt": "0.1"}}, "cross"),
        ("dydx", {"symbol": "BTC/USDC:USDC"}, "cross"),
        ("deribit", {"symbol": "BTC/USDC:USDC", "maintenanceMarginPercentage": 0.01}, "cross"),
        # (60,000 - 6,000) / 0.996 alone; far from it in a pool.
        ("binance", {"liquidationPrice": 54_216.87, "leverage": 10}, "isolated"),
        ("binance", {"liquidationPrice": 40_000.0, "leverage": 10, "positionMargin": 600.0}, "cross"),
    ],
)
def test_a_mode_that_is_not_told_follows_and_is_said(venue, fields, mode):
    money = {"positionMargin": 600.0} if mode == "isolated" else {}
    found = held(venue=venue, marginMode=None, **{**money, **fields})
    assert found.positions[0].mode == mode
    assert found.remarks[0].startswith(f"marginMode is not told: {mode}, ")


def test_the_caller_may_say_the_mode_and_is_not_believed_where_it_is_told():
    said = {"wallet": 1, "margin_mode": "isolated"}
    assert held(venue="bybit", marginMode=None, positionMargin=600.0, money=said).positions[0].mode == "isolated"
    assert held(money=said).positions[0].mode == "cross"


def test_mexcs_info_is_right_where_ccxt_reads_another_mode():
    found = held(venue="mexc", info={"openType": 1}, initialMargin=600.0, contractSize=0.0001, contracts=1_000)
    assert (found.positions[0].mode, found.positions[0].margin) == ("isolated", 600)


# --- the margin of an isolated position -----------------------------------------------------------------------------

# 0.1 BTC from 60,000 with 600 of its own, at 64,000: 400 of profit.
ALONE = {"marginMode": "isolated", "markPrice": 64_000.0, "unrealizedPnl": 400.0}


@pytest.mark.parametrize(
    ("venue", "fields", "margin"),
    [
        ("binance", {"collateral": 1_000.0}, 600),
        ("okx", {"symbol": "BTC/USDT:USDT", "collateral": 600.0}, 600),
        # The liquidation price of 600 alone, 54,216.87, overrules what the exchange means.
        ("binance", {"collateral": 600.0, "liquidationPrice": 54_216.87}, 600),
        ("bybit", {"collateral": 1_000.0, "liquidationPrice": 54_180.0}, 600),
        ("binance", {"positionMargin": 1_400.0, "collateral": 1_000.0, "liquidationPrice": 54_216.87}, 600),
        # With the position's own rate of 5 %: (60,000 - 6,000) / 0.95.
        ("binance", {"collateral": 600.0, "liquidationPrice": 56_842.1, "maintenanceMarginPercentage": 0.05}, 600),
        # A price that fits nothing decides nothing.
        ("binance", {"collateral": 1_000.0, "liquidationPrice": 30_000.0}, 600),
        # Of an exchange that nothing is known of: what was put up at entry, or what the liquidation price says.
        ("blofin", {"collateral": 600.0, "leverage": 10}, 600),
        ("blofin", {"collateral": 1_000.0, "leverage": 10}, 600),
        ("blofin", {"collateral": 1_000.0, "liquidationPrice": 54_545.45}, 600),
        ("blofin", {"collateral": 600.0, "unrealizedPnl": 0.0}, 600),
        ("bitmex", {"maintenanceMargin": 1_000.0}, 600),
        ("krakenfutures", {"leverage": 10}, 600),
        ("woo", {"info": {"isolatedMarginAmount": "600"}}, 600),
    ],
)
def test_the_margin_is_what_the_field_means_there_or_what_alone_fits(venue, fields, margin):
    found = held(venue=venue, **{**ALONE, "maintenanceMarginPercentage": 0.01, **fields})
    assert found.positions[0].margin == pytest.approx(margin, abs=0.1)


def test_a_reading_that_overrules_is_said():
    found = held(**ALONE, collateral=600.0, liquidationPrice=54_216.87)
    assert "the margin is the collateral, which alone fits the liquidation price (position 1)." in found.remarks


def test_two_readings_that_differ_are_refused_with_both():
    said = refusal(venue="blofin", **ALONE, collateral=1_000.0, maintenanceMarginPercentage=0.01)
    assert said == (
        "position 1, positionMargin must be given: the margin may be the collateral (1,000.00) or the collateral less "
        "the profit (600.00), and nothing that is told says which"
    )


# --- the brackets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "rate"),
    [
        ({"maintenanceMarginPercentage": 0.02}, 0.02),
        ({"maintenanceMargin": 60.0, "notional": 6_000.0}, 0.01),
        # In hundredths, as some state it.
        ({"maintenanceMarginPercentage": 1.0, "maintenanceMargin": 60.0, "notional": 6_000.0}, 0.01),
        ({"maintenanceMarginPercentage": 0.02, "maintenanceMargin": 60.0, "notional": 6_000.0}, 0.02),
    ],
)
def test_a_market_without_brackets_takes_the_positions_own_rate_and_says_so(fields, rate):
    found = held(symbol="NEW/USDT:USDT", **fields)
    assert found.positions[0].contract.tiers.rates == (rate,)
    assert found.positions[0].contract.note.startswith("one rate for every size, which the position itself tells")
    assert "(*)" in found.remarks[-1]


def test_of_two_rates_of_one_market_the_higher_counts():
    long, short = (
        position(symbol="NEW/USDT:USDT", side=side, maintenanceMarginPercentage=rate)
        for side, rate in (("long", 0.01), ("short", 0.02))
    )
    for both in ([long, short], [short, long]):
        assert from_ccxt(both, venue="binance", wallet=1).brackets.contract("NEW/USDT:USDT").tiers.rates == (0.02,)


def test_a_coin_margined_market_without_brackets_counts_dollars():
    found = held(symbol="NEW/USD:NEW", contractSize=10.0, contracts=6, maintenanceMarginPercentage=0.02)
    (one,) = found.positions
    assert (one.contract.kind, one.contract.currency, one.size) == ("inverse", "NEW", 60)
