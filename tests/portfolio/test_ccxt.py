"""What ccxt returns: five venues' shapes become the right account, and bad payloads are refused whole.

The shapes are those that the parsers of ccxt 4.5 fill in for each venue; the values are our own.
"""

from __future__ import annotations

import json

import pytest

from marginlab import ArgumentError, Order, Position, venue
from marginlab.portfolio import EntryError, from_ccxt, from_json, to_json

# What every position of ccxt has, where a venue says nothing of it.
UNTOLD = dict.fromkeys(
    (
        *(
            "id",
            "info",
            "timestamp",
            "datetime",
            "lastUpdateTimestamp",
            "contracts",
            "contractSize",
            "side",
            "notional",
        ),
        *("leverage", "unrealizedPnl", "realizedPnl", "positionMargin", "collateral", "entryPrice", "markPrice"),
        *("liquidationPrice", "marginMode", "hedged", "maintenanceMargin", "maintenanceMarginPercentage", "percentage"),
        *("initialMargin", "initialMarginPercentage", "marginRatio", "lastPrice", "stopLossPrice", "takeProfitPrice"),
    )
)


def told(symbol, **fields):
    return {**UNTOLD, "symbol": symbol, **fields}


# Without the maintenance margin from which its rate follows.
UNRATED = {"maintenanceMargin": None, "maintenanceMarginPercentage": None}
# Binance: an isolated long whose collateral has its profit in it, and a cross short.
BINANCE = [
    told(
        "BTC/USDT:USDT",
        info={"symbol": "BTCUSDT", "positionAmt": "0.5", "marginType": "isolated", "isolatedMargin": "4000.0"},
        timestamp=1_787_000_000_000,
        side="long",
        contracts=0.5,
        contractSize=1.0,
        entryPrice=70_000.0,
        markPrice=72_000.0,
        notional=36_000.0,
        leverage=10,
        unrealizedPnl=1_000.0,
        collateral=4_500.0,
        positionMargin=3_500.0,
        initialMargin=3_600.0,
        initialMarginPercentage=0.1,
        maintenanceMargin=144.0,
        marginMode="isolated",
        hedged=False,
    ),
    told(
        "ETH/USDT:USDT",
        side="short",
        contracts=4.0,
        contractSize=1.0,
        entryPrice=2_500.0,
        markPrice=2_400.0,
        notional=9_600.0,
        leverage=5,
        unrealizedPnl=400.0,
        collateral=8_000.0,
        initialMargin=1_920.0,
        marginMode="cross",
        hedged=False,
    ),
]
# Bybit, unified account: no position margin is told in cross; a closed position is listed with 0 contracts.
BYBIT = [
    told(
        "BTC/USDT:USDT",
        side="short",
        contracts=0.2,
        contractSize=1.0,
        entryPrice=71_000.0,
        markPrice=70_000.0,
        notional=14_000.0,
        leverage=20.0,
        unrealizedPnl=200.0,
        initialMargin=707.7,
        maintenanceMargin=60.0,
        marginMode="cross",
        hedged=False,
    ),
    told("ETH/USDT:USDT", contracts=0.0, contractSize=1.0, leverage=10.0, marginMode="cross"),
]
# OKX: sizes in contracts of a tenth of a coin; collateral in cross is the initial margin with the profit.
OKX = [
    told(
        "ETH/USDT:USDT",
        id="1234567890",
        side="long",
        contracts=150.0,
        contractSize=0.1,
        entryPrice=2_400.0,
        markPrice=2_380.0,
        notional=35_690.0,
        leverage=10.0,
        unrealizedPnl=-300.0,
        collateral=3_300.0,
        positionMargin=3_600.0,
        initialMargin=3_600.0,
        initialMarginPercentage=0.1,
        maintenanceMargin=142.8,
        marginMode="isolated",
        hedged=True,
    )
]
OKX_COIN = [
    told(
        "BTC/USD:BTC",
        side="short",
        contracts=700.0,
        contractSize=100.0,
        entryPrice=70_000.0,
        markPrice=77_000.0,
        notional=0.90909,
        leverage=3.0,
        initialMargin=0.30303,
        unrealizedPnl=-0.0909,
        marginMode="cross",
        hedged=False,
    )
]
# Hyperliquid: no contract size, collateral is the margin used, which has the profit in it in isolated mode.
HYPERLIQUID = [
    told(
        "ETH/USDC:USDC",
        isolated=True,
        side="long",
        contracts=2.0,
        entryPrice=2_300.0,
        markPrice=2_350.0,
        notional=4_700.0,
        leverage=20.0,
        collateral=330.0,
        initialMargin=230.0,
        unrealizedPnl=100.0,
        marginMode="isolated",
    )
]
# dYdX: neither mode nor mark nor margin; the mark follows from the profit.
DYDX = [
    told("BTC/USD:USDC", side="short", contracts=0.4, entryPrice=80_000.0, unrealizedPnl=-400.0),
]


def imported(payload, venue="binance", **options):
    money = {} if {"balance", "wallet", "equity"} & set(options) else {"wallet": 10_000.0}
    return from_ccxt(payload, venue=venue, **money, **options)


def problems(payload, **options):
    """Return what is wrong with a payload, each as (row, field, reason)."""
    with pytest.raises(EntryError) as refusal:
        imported(payload, **options)
    return [(one.row, one.field, one.reason) for one in refusal.value.problems]


def contract(name, symbol, date=None):
    return venue(name).contract(symbol, date=date)


# --- what is imported -----------------------------------------------------------------------------------------


def test_binance_an_isolated_position_brings_its_margin_without_its_profit():
    found = imported(BINANCE)
    assert found.positions == (
        Position(contract("binance", "BTCUSDT"), 0.5, 70_000.0, "isolated", 10, 3_500.0),
        Position(contract("binance", "ETHUSDT"), -4.0, 2_500.0, "cross", 5),
    )
    assert (found.marks, found.wallet, found.venue) == ((72_000.0, 2_400.0), 10_000.0, "binance")
    # 10,000 + 3,500 + 1,000 + 400
    assert found.account.equity(found.marks) == 14_900


def test_bybit_closed_positions_are_passed_over():
    found = imported(BYBIT, venue="bybit")
    assert found.positions == (Position(contract("bybit", "BTCUSDT"), -0.2, 71_000.0, "cross", 20),)


def test_okx_contracts_are_counted_in_the_venues_own_size():
    (position,) = imported(OKX, venue="okx").positions
    assert (position.size, position.margin) == (150, 3_600)
    # 150 contracts of 0.1 ETH
    assert position.contract.notional(position.size, 2_380.0) == pytest.approx(35_700)


def test_contracts_of_another_size_are_counted_over():
    # 1,500 contracts of a hundredth of a coin are 150 of a tenth.
    assert imported([{**OKX[0], "contracts": 1_500, "contractSize": 0.01}], venue="okx").positions[0].size == 150


def test_five_hundred_positions_are_imported():
    assert len(imported(BINANCE * 250).positions) == 500


def test_okx_coin_margined_contracts_settle_in_the_coin():
    found = imported(OKX_COIN, venue="okx", wallet=1.0)
    assert (found.currency, found.positions[0].size) == ("BTC", -700)
    assert found.account.unrealized_pnl(found.marks) == pytest.approx([-70_000 * (1 / 70_000 - 1 / 77_000)])


def test_hyperliquid_margin_is_the_collateral_less_the_profit():
    found = imported(HYPERLIQUID, venue="hyperliquid")
    assert found.positions == (Position(contract("hyperliquid", "ETH"), 2, 2_300.0, "isolated", 20, 230.0),)


def test_dydx_has_one_mode_and_the_mark_follows_from_the_profit():
    found = imported(DYDX, venue="dydx")
    assert found.marks == (81_000.0,)
    assert found.positions == (Position(contract("dydx", "BTC-USD"), -0.4, 80_000.0),)


def test_a_mode_that_is_told_is_not_replaced():
    assert imported(BINANCE, margin_mode="cross").account.mode == ("isolated", "cross")


@pytest.mark.parametrize(
    ("fields", "margin"),
    [
        ({"positionMargin": 1_200.0}, 1_200),
        ({"positionMargin": 0.0}, 0),
        # Profit was taken out, or funding paid from it: with the profit of 500 there are 375.
        ({"positionMargin": -125.0}, -125),
        ({"positionMargin": None, "collateral": 375.0, "unrealizedPnl": 500.0}, -125),
        ({"positionMargin": None, "collateral": 1_300.0, "unrealizedPnl": 100.0}, 1_200),
        # 0.5 from 70,000 to 72,000
        ({"positionMargin": None, "collateral": 2_300.0, "unrealizedPnl": None}, 1_300),
        ({"positionMargin": None, "collateral": 1_300.0, "initialMargin": 1_300.0, "unrealizedPnl": 100.0}, 1_200),
        ({"positionMargin": None, "collateral": None, "initialMargin": 900.0}, 900),
    ],
)
def test_the_margin_is_taken_from_the_first_field_that_tells_it(fields, margin):
    assert imported([{**BINANCE[0], **fields}]).positions[0].margin == margin


@pytest.mark.parametrize(
    ("payload", "where", "mark"),
    [
        ([{**BINANCE[0], "markPrice": None}], "binance", 72_000),
        ([{**BINANCE[0], "markPrice": None, "notional": -36_000.0}], "binance", 72_000),
        ([{**BINANCE[0], "markPrice": None, "notional": None}], "binance", 72_000),
        ([{**OKX_COIN[0], "markPrice": None}], "okx", 70_000 / 0.90909),
        ([{**OKX_COIN[0], "markPrice": None, "notional": None}], "okx", 70_000 / (1 - 0.0909)),
    ],
)
def test_the_mark_follows_from_the_notional_or_the_profit(payload, where, mark):
    assert imported(payload, venue=where).marks == (pytest.approx(mark),)


def test_text_may_be_json_or_what_python_prints():
    assert imported(json.dumps(BINANCE)) == imported(BINANCE)
    assert imported(f" {BINANCE!r}\n") == imported(BINANCE)
    assert imported(tuple(BINANCE)) == imported(BINANCE)


def test_numbers_may_be_text():
    words = {**BINANCE[0], "contracts": "0.5", "entryPrice": "70000", "leverage": "10.0"}
    assert imported([words]) == imported(BINANCE[:1])


def test_older_brackets_may_be_asked_for():
    found = imported(BINANCE, date="2024-11-28")
    assert found.positions[0].contract == venue("binance").contract("BTCUSDT", date="2024-11-28")


# --- what is refused ------------------------------------------------------------------------------------------

# Malformed positions, each with what it names: field, and how the reason begins.
NAN, ENDLESS = float("nan"), float("inf")
CHANGED = [
    ({"symbol": None}, "symbol", "must be a unified one such as 'BTC/USDT:USDT', not None"),
    ({"symbol": ""}, "symbol", "must be a unified one"),
    ({"symbol": 5}, "symbol", "must be a unified one"),
    ({"symbol": ["BTC/USDT:USDT"]}, "symbol", "must be a unified one"),
    ({"symbol": "BTCUSDT"}, "symbol", "must be a unified one"),
    ({"symbol": "BTC / USDT : USDT"}, "symbol", "must be a unified one"),
    ({"symbol": "BTC/USDT:"}, "symbol", "must be a unified one"),
    (
        {"symbol": "NO/USDT:USDT", **UNRATED},
        "symbol",
        "must be one whose brackets are known at Binance USD-M, not 'NO/U",
    ),
    ({"symbol": "BTC/USDT:BTC", **UNRATED}, "symbol", "must be one whose brackets are known"),
    ({"symbol": "btc/usdt:usdt", **UNRATED}, "symbol", "must be one whose brackets are known"),
    ({"symbol": "ETH/USD:SOL"}, "symbol", "must settle in what it is quoted in, or in its coin"),
    ({"side": None, "unrealizedPnl": None}, "side", "must be one of 'long', 'short', not None"),
    ({"side": "up"}, "side", "must be one of 'long', 'short', not 'up'"),
    ({"side": "LONG"}, "side", "must be one of"),
    ({"side": 1}, "side", "must be one of"),
    ({"side": ["long"]}, "side", "must be one of"),
    ({"contracts": None, "markPrice": None}, "contracts", "must be given, or a notional and a markPrice that tell it"),
    ({"contracts": None, "notional": None}, "contracts", "must be given"),
    ({"contracts": -0.5}, "contracts", "must be 0 or more, not -0.5"),
    ({"contracts": "half"}, "contracts", "must be a number such as"),
    ({"contracts": "0,5"}, "contracts", "must be a number such as"),
    ({"contracts": NAN}, "contracts", "must be finite, not nan"),
    ({"contracts": ENDLESS}, "contracts", "must be finite, not inf"),
    ({"contracts": True}, "contracts", "must be a number"),
    ({"contracts": False}, "contracts", "must be a number"),
    ({"contracts": [0.5]}, "contracts", "must be one number"),
    ({"contracts": {"amount": 1}}, "contracts", "must be a number"),
    ({"contractSize": 0}, "contractSize", "must be greater than 0, not 0.0"),
    ({"contractSize": -1}, "contractSize", "must be greater than 0, not -1.0"),
    ({"contractSize": "one"}, "contractSize", "must be a number such as"),
    ({"entryPrice": None, "unrealizedPnl": None}, "entryPrice", "must be given, or a notional or markPrice"),
    ({"entryPrice": None, "unrealizedPnl": 36_000.0}, "entryPrice", "must be given"),
    ({"entryPrice": 0}, "entryPrice", "must be greater than 0, not 0.0"),
    ({"entryPrice": -70_000}, "entryPrice", "must be greater than 0"),
    ({"entryPrice": "70,000"}, "entryPrice", "must be a number such as"),
    ({"entryPrice": NAN}, "entryPrice", "must be finite"),
    ({"markPrice": 0.0}, "markPrice", "must be greater than 0, not 0.0"),
    ({"markPrice": "?"}, "markPrice", "must be a number such as"),
    ({"markPrice": None, "notional": None, "unrealizedPnl": -1e6}, "markPrice", "must be given, or a notional"),
    ({"markPrice": None, "notional": 0, "unrealizedPnl": -1e6}, "markPrice", "must be given, or a notional"),
    ({"marginMode": "Cross"}, "marginMode", "must be one of"),
    ({"marginMode": 1}, "marginMode", "must be one of"),
    ({"marginMode": "portfolio"}, "marginMode", "must be cross or isolated: portfolio margin is set by scenarios"),
    (
        {"marginMode": None, "info": None},
        "marginMode",
        "must be one of 'cross', 'isolated', not None: binance does not",
    ),
    ({"leverage": -10}, "leverage", "must be 0 or more"),
    ({"leverage": "10x"}, "leverage", "must be a number such as"),
    ({"leverage": ENDLESS}, "leverage", "must be finite"),
    ({"positionMargin": -ENDLESS}, "positionMargin", "must be finite, not -inf"),
    ({"positionMargin": None, "collateral": None, "initialMargin": None}, "positionMargin", "must be given"),
    ({"positionMargin": None, "collateral": "much"}, "collateral", "must be a number such as"),
    ({"collateral": [1]}, "collateral", "must be one number"),
    ({"initialMargin": "10 %"}, "initialMargin", "must be a number such as"),
    ({"initialMarginPercentage": NAN}, "initialMarginPercentage", "must be finite"),
    ({"maintenanceMargin": {}}, "maintenanceMargin", "must be a number"),
    ({"maintenanceMarginPercentage": "low"}, "maintenanceMarginPercentage", "must be a number such as"),
    ({"marginRatio": ENDLESS}, "marginRatio", "must be finite"),
    ({"liquidationPrice": "soon"}, "liquidationPrice", "must be a number such as"),
    ({"notional": NAN}, "notional", "must be finite"),
    ({"unrealizedPnl": NAN}, "unrealizedPnl", "must be finite, not nan"),
    ({"unrealizedPnl": True}, "unrealizedPnl", "must be a number"),
]
SPOT = told("BTC/USDT", side="long", contracts=1.0)
WHOLE = [
    ("", {}, "positions", "must be JSON, or what Python prints: Expecting value"),
    ("[{'symbol': undefined}]", {}, "positions", "must be JSON, or what Python prints"),
    ("{}", {}, "positions", "must be the list that fetch_positions returns, not {}"),
    ("5", {}, "positions", "must be the list that fetch_positions returns, not '5'"),
    (None, {}, "positions", "must be the list that fetch_positions returns, not None"),
    ([], {}, "positions", "must hold 1 to 500 open ones, not 0"),
    ([{}] * 10_001, {}, "positions", "must be at most 10,000 rows, not 10,001"),
    (BINANCE[:1] * 501, {}, "positions", "must hold 1 to 500 open ones, not 501"),
    ('[{"symbol": "BTC/USDT:USDT", "symbol": "ETH/USDT:USDT"}]', {}, "symbol", "must be given once"),
    (BYBIT[1:], {}, "positions", "must hold 1 to 500 open ones, not 0"),
    ([SPOT], {}, "positions", "must hold 1 to 500 open ones, not 0 (passed over: spot (position 1).)"),
    (BINANCE, {"venue": "nyse"}, "venue", "must be one of 'binance'"),
    (BINANCE, {"venue": None}, "venue", "must be one of 'binance'"),
    (BINANCE, {"venue": "binnance"}, "venue", "must be one of 'binance'"),
    (BINANCE, {"margin_mode": "both"}, "margin_mode", "must be one of 'cross', 'isolated', not 'both'"),
    (BINANCE, {"date": "last year"}, "date", "must be a day, a month or a year"),
    (BINANCE, {"date": "2025-13"}, "date", "must be a day, a month or a year"),
    (BINANCE, {"date": "2025-02-30"}, "date", "must be a day, a month or a year"),
    (BINANCE, {"skip": 3}, "skip", "must name positions by symbol, or by number from 1, not 3"),
    (BINANCE, {"skip": [0]}, "skip", "must name positions"),
    (BINANCE, {"skip": [True]}, "skip", "must name positions"),
    (BINANCE, {"skip": ["BTCUSDT"]}, "skip", "must name positions"),
    (BINANCE, {"skip": 1.5}, "skip", "must name positions"),
    (
        BINANCE,
        {"settle": "EUR"},
        "positions",
        "must hold 1 to 500 open ones, not 0 (passed over: does not settle in EUR",
    ),
    (BINANCE, {"brackets": "BTCUSDT five"}, "brackets", "must be JSON"),
    (BINANCE, {"marks": [1]}, "marks", "must be prices by symbol, not [1]"),
    (BINANCE, {"orders": {}}, "orders", "must be the list that fetch_open_orders returns, not {}"),
    (BINANCE, {"orders": "["}, "orders", "must be JSON, or what Python prints"),
    (BINANCE, {"orders": ["buy"]}, "orders, 1: order", "must have named fields"),
]
ASKED = {"symbol": "BTC/USDT:USDT", "side": "buy", "price": 60_000, "amount": 0.1, "remaining": 0.1}
ORDERS = [
    ({"symbol": None}, "symbol", "must be a unified one"),
    ({"symbol": "NO/USDT:USDT"}, "symbol", "must be one whose brackets are known"),
    ({"side": "long"}, "side", "must be one of 'buy', 'sell'"),
    ({"price": 0}, "price", "must be greater than 0"),
    ({"price": "high"}, "price", "must be a number such as"),
    ({"remaining": -1}, "remaining", "must be 0 or more"),
    ({"remaining": None, "amount": "some"}, "amount", "must be a number such as"),
    ({"marginMode": ["cross"]}, "marginMode", "must be one of"),
]
BALANCES = [
    ({}, "balance", "must be given, what fetch_balance returns, or else wallet or equity"),
    ({"wallet": None}, "balance", "must be given"),
    ({"wallet": 1, "equity": 1}, "wallet", "must be given, and not both"),
    ({"balance": 1, "wallet": 1}, "balance", "must be given, and not both"),
    ({"wallet": "a lot"}, "wallet", "must be a number such as"),
    ({"wallet": NAN}, "wallet", "must be finite"),
    ({"wallet": True}, "wallet", "must be a number"),
    ({"wallet": {"USDT": 5}}, "wallet", "must be a number, not {'USDT': 5}; what fetch_balance returns is balance"),
    ({"equity": "1,000"}, "equity", "must be a number such as"),
    ({"equity": ENDLESS}, "equity", "must be finite"),
    ({"equity": [1]}, "equity", "must be one number"),
    ({"balance": "money"}, "balance", "must be JSON, or what Python prints"),
    ({"balance": "[1"}, "balance", "must be JSON, or what Python prints"),
    ({"balance": [1, 2]}, "balance", "must be one number"),
    ({"balance": {}}, "balance", "must tell USDT, in which the positions settle: it does not"),
    ({"balance": {"total": None}}, "balance", "must tell USDT"),
    ({"balance": {"total": 5}}, "balance", "must have totals by currency, not 5"),
    ({"balance": {"total": [5]}}, "balance", "must have totals by currency"),
    ({"balance": {"total": {"USDT": "much"}}}, "balance", "is refused: total of USDT must be a number such as"),
    ({"balance": {"total": {"USDT": NAN}}}, "balance", "is refused: total of USDT must be finite"),
    ({"balance": {"total": {"USDT": True}}}, "balance", "is refused: total of USDT must be a number"),
    ({"balance": {"total": {"USDT": 5, "BTC": {}}}}, "balance", "is refused: total of BTC must be a number"),
    ({"balance": {"total": {"USDT": 0, "BTC": "?"}}}, "balance", "is refused: total of BTC"),
    ({"balance": {"USDT": {"total": []}}}, "balance", "is refused: total of USDT must be one number"),
    ({"balance": {"info": [{"asset": "USDT", "walletBalance": "?"}]}}, "balance", "is refused: info.walletBalance"),
    ({"balance": {"info": {"asset": "USDT", "crossWalletBalance": NAN}}}, "balance", "is refused: info.crossWallet"),
    ({"balance": '{"total": {"USDT": 1}, "total": {"USDT": 2}}'}, "total", "must be given once"),
]


def test_there_are_a_hundred_and_twenty_of_them():
    assert len(CHANGED) + len(WHOLE) + len(ORDERS) + len(BALANCES) >= 120


# Both sides of one market in hedge mode, as Binance's parser gives them; the mark of each is told, or follows.
HEDGED = [
    told(
        "BTC/USDT:USDT", side=side, contracts=size, contractSize=1.0, entryPrice=entry, leverage=20, marginMode="cross"
    )
    for side, size, entry in (("long", 0.2, 64_000.0), ("short", 0.15, 58_000.0))
]


def hedged(*fields):
    return [{**one, **more} for one, more in zip(HEDGED, fields, strict=True)]


def test_both_sides_of_a_market_are_one_account_with_one_liquidation_price():
    held = from_ccxt(hedged({"markPrice": 60_000.0}, {"markPrice": 60_000.0}), venue="binance", wallet=3_000)
    # 3,000 - 4,100 + 0.05 P = 0.004 x 0.35 P
    assert held.account.liquidation_price(held.marks) == pytest.approx([1_100 / (0.05 - 0.0014)] * 2)


@pytest.mark.parametrize(
    "fields",
    [
        ({"notional": 12_000.3}, {"markPrice": 60_000.0}),
        ({"markPrice": 60_000.0}, {"notional": 9_000.2}),
        ({"notional": 12_000.0}, {"notional": 9_000.4}),
        ({"unrealizedPnl": -800.0}, {"unrealizedPnl": -300.01}),
    ],
)
def test_a_mark_that_follows_from_rounded_money_is_that_of_its_market(fields):
    assert from_ccxt(hedged(*fields), venue="binance", wallet=3_000).marks == (60_000, 60_000)


@pytest.mark.parametrize(
    "fields",
    [({"markPrice": 60_000.0}, {"markPrice": 60_100.0}), ({"markPrice": 60_000.0}, {"notional": 9_015.0})],
)
def test_two_marks_of_one_market_are_refused(fields):
    ((row, name, why),) = problems(hedged(*fields))
    assert (row, name) == (1, "markPrice")
    assert why.startswith("must be 60000, as for the other position in BTCUSDT, not 60100")


@pytest.mark.parametrize(("fields", "field", "reason"), CHANGED)
def test_a_malformed_position_is_refused_with_its_number_field_and_reason(fields, field, reason):
    # It stands between a closed position and a sound one; none of the three is kept.
    found = problems([BYBIT[1], {**BINANCE[0], **fields}, BINANCE[1]])
    assert [(row, name) for row, name, _ in found] == [(1, field)]
    assert found[0][2].startswith(reason)


@pytest.mark.parametrize(("payload", "options", "field", "reason"), WHOLE)
def test_a_malformed_payload_is_refused_as_a_whole(payload, options, field, reason):
    ((row, name, why),) = problems(payload, **options)
    assert (row, name) == (None, field)
    assert why.startswith(reason)


@pytest.mark.parametrize(("fields", "field", "reason"), ORDERS)
def test_a_malformed_order_is_refused_by_its_number(fields, field, reason):
    ((row, name, why),) = problems(BINANCE, orders=[ASKED, {**ASKED, **fields}])
    assert (row, name) == (None, f"orders, 2: {field}")
    assert why.startswith(reason)


@pytest.mark.parametrize(("options", "field", "reason"), BALANCES)
def test_a_malformed_balance_is_refused(options, field, reason):
    with pytest.raises(EntryError) as refusal:
        from_ccxt(BINANCE, venue="binance", **options)
    (problem,) = refusal.value.problems
    assert (problem.row, problem.field) == (None, field)
    assert problem.reason.startswith(reason)


@pytest.mark.parametrize("bad", [None, "BTC", 5, [1]])
def test_what_is_no_position_is_refused(bad):
    assert problems([BINANCE[0], bad]) == [(1, "position", f"must have named fields, not {bad!r}")]


@pytest.mark.parametrize("text", ["(" * 10_000, "[" * 100_000, "9" * 10_000, "lambda: 0", "[1,"])
def test_text_that_nobody_should_read_is_refused(text):
    ((row, field, _),) = problems(text)
    assert (row, field) == (None, "positions")


def test_a_market_is_found_by_its_unified_name_in_the_brackets_of_its_date():
    other = {**BINANCE[0], "symbol": "WIF/USDT:USDT", "contracts": 100, "entryPrice": 2.0, "markPrice": 2.0}
    (position,) = imported([other], date="2025-10-10").positions
    assert position.contract == contract("binance", "WIFUSDT", date="2025-10-10")
    # ETH-USDT-SWAP is known of 2025, and of 2021 by a table that was set out by hand.
    for date, limit in ((None, 100), ("2021-06-11", 125)):
        (position,) = imported(OKX, venue="okx", date=date).positions
        assert position.contract == contract("okx", "ETH-USDT-SWAP", date=date)
        assert position.contract.leverage_limit(1, 2_000) == limit


def test_positions_that_settle_differently_are_refused():
    other = {**BINANCE[0], "symbol": "BTC/USDC:USDC"}
    ((row, field, reason),) = problems([BINANCE[0], other])
    assert (row, field) == (None, "positions")
    assert reason.startswith("must settle in one currency, not in USDT (position 1), USDC (position 2): settle= says")
    found = imported([BINANCE[0], other], settle="USDC")
    assert found.currency == "USDC"
    assert found.remarks == ("passed over: does not settle in USDC (position 1).",)


def test_everything_that_is_wrong_is_said_at_once():
    found = problems([{**BINANCE[0], "side": "?", "entryPrice": 0}, BINANCE[1], {**BINANCE[1], "marginMode": "x"}])
    assert [(row, field) for row, field, _ in found] == [(0, "side"), (0, "entryPrice"), (2, "marginMode")]


# --- brackets of one's own --------------------------------------------------------------------------------------

FETCHED = [
    {"minNotional": 0, "maxNotional": 5_000, "maintenanceMarginRate": 0.01, "maxLeverage": 50},
    {"minNotional": 5_000, "maxNotional": None, "maintenanceMarginRate": 0.02, "maxLeverage": 25},
]


@pytest.mark.parametrize("symbol", ["NEW/USDT:USDT", "NEWUSDT"])
def test_a_market_that_is_not_known_comes_with_its_brackets(symbol):
    held = {**BINANCE[0], "symbol": "NEW/USDT:USDT", "contracts": 100, "entryPrice": 2.0, "markPrice": 2.0}
    found = imported([held, BINANCE[1]], brackets={symbol: FETCHED})
    assert found.positions[0].contract.tiers.rates == (0.01, 0.02)
    assert found.positions[1].contract == contract("binance", "ETHUSDT")
    assert problems([held], brackets={symbol: []})[0][:2] == (None, "brackets")


@pytest.mark.parametrize("text", [json.dumps({"NEW/USDT:USDT": FETCHED, "OTHER/USDT:USDT": []}), "NEWUSDT 0.01"])
def test_of_brackets_in_text_those_that_are_held_count(text):
    held = {**BINANCE[0], "symbol": "NEW/USDT:USDT", "contracts": 100, "entryPrice": 2.0, "markPrice": 2.0}
    assert imported([held], brackets=text).positions[0].contract.tiers.rates[0] == 0.01


def test_brackets_of_other_markets_change_nothing():
    assert imported(BINANCE, brackets={"OTHER/USDT:USDT": FETCHED}) == imported(BINANCE)


def test_brackets_that_count_contracts_are_worth_what_a_contract_of_the_position_is():
    held = told("NEW/USDT:USDT", side="long", contracts=50, contractSize=0.01, entryPrice=2.0, marginMode="cross")
    found = imported([held], venue="kucoinfutures", brackets={"NEW/USDT:USDT": FETCHED})
    (one,) = found.positions
    assert (one.size, one.contract.multiplier, one.contract.tiers.measured_in) == (50, 0.01, "contracts")


# --- what is passed over, left out, and waits -------------------------------------------------------------------------

SOUND = {**BINANCE[1], "contracts": 2.0}


def test_spot_and_dated_contracts_are_passed_over_and_counted():
    other = [SPOT, told("BTC/USDT:USDT-261225", contracts=1.0), told("BTC/USDT:USDT-261225-90000-C", contracts="1")]
    found = imported([*other, SOUND, told("ETH/USDT:USDT", contracts="0.000"), told("ETH/USDT:USDT", notional=0)])
    assert len(found.positions) == 1
    assert found.remarks == (
        "passed over: spot (position 1).",
        "passed over: a delivery date or an option (positions 2 and 3).",
    )


@pytest.mark.parametrize("skip", ["BAD/USDT:USDT", ["BAD/USDT:USDT"], 2, [2], (2, "BAD/USDT:USDT")])
def test_a_bad_position_is_left_out_on_purpose(skip):
    bad = told("BAD/USDT:USDT", contracts="many")
    assert {row for row, _, _ in problems([SOUND, bad])} == {1}
    found = imported([SOUND, bad], skip=skip)
    assert len(found.positions) == 1
    assert found.remarks == ("left out, as skip says (position 2).",)


def test_what_is_wrong_keeps_the_number_of_its_position_among_those_passed_over():
    assert problems([SPOT, SOUND, {**SOUND, "markPrice": 2_500.0}])[0][:2] == (2, "markPrice")


def test_open_orders_tie_up_margin_by_what_is_held_in_their_market():
    orders = [
        ASKED,
        {**ASKED, "side": "sell", "remaining": None, "reduceOnly": True},
        {**ASKED, "symbol": "ETH/USDT:USDT", "price": 2_000, "marginMode": "isolated"},
        {**ASKED, "remaining": 0},
        {**ASKED, "price": None},
        {**ASKED, "triggerPrice": 55_000},
        {**ASKED, "symbol": "BTC/USDT"},
        {**ASKED, "symbol": "BTC/USDC:USDC"},
        {**ASKED, "symbol": "BTC/USDT:USDT-261225"},
    ]
    found = imported([{**BINANCE[0], "marginMode": "cross"}, BINANCE[1]], orders=json.dumps(orders))
    btc, eth = contract("binance", "BTCUSDT"), contract("binance", "ETHUSDT")
    assert found.orders == (
        Order(btc, 0.1, 60_000, leverage=10),
        Order(btc, -0.1, 60_000, leverage=10, reduce_only=True),
        Order(eth, 0.1, 2_000, mode="isolated"),
    )
    assert found.account.order_margin(found.marks) == pytest.approx(600 + 200 / 150)
    assert found.remarks == (
        "orders that wait for a trigger or have no price are passed over.",
        "orders that are no perpetual's, or settle otherwise, are passed over.",
    )


def test_orders_count_contracts_as_the_positions_in_their_market_do():
    order = {**ASKED, "symbol": "NEW/USDT:USDT", "price": 2, "amount": 5, "remaining": 5}
    held = told("NEW/USDT:USDT", side="long", contracts=50, contractSize=10.0, entryPrice=2.0, marginMode="cross")
    found = imported([{**held, "maintenanceMarginPercentage": 0.01}], orders=[order])
    assert (found.positions[0].size, found.orders[0].size) == (500, 50)


def test_both_kinds_of_contract_are_taken_one_at_a_time():
    linear, coin = {**OKX[0], "leverage": 10}, OKX_COIN[0]
    for settle, symbol in (("USDT", "ETH-USDT-SWAP"), ("BTC", "BTC-USD-SWAP")):
        found = imported([linear, coin], venue="okx", settle=settle, balance={"total": {"USDT": 9_000, "BTC": 0.5}})
        assert [one.contract.symbol for one in found.positions] == [symbol]


def test_a_position_that_could_not_be_kept_is_told_by_its_own_field():
    # A margin in cross is none, whatever it says; a mark that two positions do not share is.
    ((row, field, _),) = problems([SPOT, *hedged({"markPrice": 60_000.0}, {"markPrice": 61_000.0})])
    assert (row, field) == (2, "markPrice")


# --- several assets in one pool ----------------------------------------------------------------------------------

TWO_SETTLED = [
    {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 1, "entryPrice": 60_000, "markPrice": 60_000},
    {"symbol": "BTC/USD:BTC", "side": "short", "contracts": 30_000, "entryPrice": 60_000, "markPrice": 60_000},
]
TWO_SETTLED = [
    {**one, "contractSize": 1, "marginMode": "cross", "leverage": 10, "maintenanceMarginPercentage": 0.005}
    for one in TWO_SETTLED
]
POOL = {"total": {"USDT": 1_000, "BTC": 0.2, "XRP": 5, "USDC": 10}}


def test_in_a_pool_of_several_assets_they_count_at_the_venues_ratio_and_positions_settle_in_any_of_them():
    found = from_ccxt(TWO_SETTLED, venue="bybit", balance=POOL, multi_asset=True)
    assert (found.wallet, found.currency) == (1_000, "USDT")
    btc, xrp, usdc = found.collateral
    assert (btc.amount, btc.ratio) == (0.2, venue("bybit").collateral_ratio("BTC").value)
    assert (xrp.ratio, usdc.ratio) == (None, None)
    assert "XRP counts for nothing: no position tells its price." in found.remarks
    assert "USDC counts for nothing: its collateral ratio is not known here." in found.remarks
    assert found.account.equity(found.marks) == pytest.approx(13_000)
    # The coin that is left after the short has paid counts at 98 %, and what is owed of it in full.
    price = found.account.liquidation_price(found.marks)[0]
    held = 0.2 + -30_000 * (1 / 60_000 - 1 / price)
    counted = held * price * (0.98 if held > 0 else 1)
    required = found.account.requirement([price, price]) @ [1, price]
    assert 1_000 + (price - 60_000) + counted == pytest.approx(required)
    assert from_json(to_json(found)) == found


def test_where_all_contracts_are_a_coins_own_the_pool_is_counted_in_dollars():
    found = from_ccxt(TWO_SETTLED[1:], venue="bybit", balance=POOL, multi_asset=True)
    assert (found.wallet, found.account.currency) == (0, "USD")
    assert {one.asset: one.amount for one in found.collateral}["USDT"] == 1_000


def test_a_currency_that_positions_settle_in_counts_in_full_where_its_ratio_is_not_known():
    found = from_ccxt(TWO_SETTLED, venue="bitfinex", balance={"total": {"USDT": 1_000}}, multi_asset=True)
    assert found.collateral[0].ratio.ratios == (1,)
    assert "BTC counts in full: its collateral ratio is not known here." in found.remarks


def test_what_settles_in_several_currencies_is_refused_unless_they_are_one_pool():
    with pytest.raises(EntryError, match="must settle in one currency, not in USDT"):
        from_ccxt(TWO_SETTLED, venue="bybit", balance=POOL)
    with pytest.raises(ArgumentError, match="multi_asset must be True or False, not 'yes'"):
        from_ccxt(TWO_SETTLED, venue="bybit", balance=POOL, multi_asset="yes")
    with pytest.raises(EntryError, match="balance must be given"):
        from_ccxt(TWO_SETTLED, venue="bybit", multi_asset=True)
