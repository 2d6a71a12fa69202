"""Brackets of one's own: each reply is read as its venue means it; what cannot be is refused by market and field."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import ArgumentError, Brackets, Contract, Growth, Tiers, venue


def tier(low, high, rate, limit=None, **more):
    """Return a bracket in ccxt's words."""
    return {"minNotional": low, "maxNotional": high, "maintenanceMarginRate": rate, "maxLeverage": limit, **more}


TWO = [tier(0, 50_000, 0.004, 125), tier(50_000, 600_000, 0.005, 100)]
BINANCE = [
    {
        "symbol": "NEWUSDT",
        "notionalCoef": 1.5,
        "brackets": [
            {
                "bracket": 1,
                "initialLeverage": 75,
                "notionalCap": 5_000,
                "notionalFloor": 0,
                "maintMarginRatio": 0.01,
                "cum": 0.0,
            },
            {
                "bracket": 2,
                "initialLeverage": 50,
                "notionalCap": 10_000,
                "notionalFloor": 5_000,
                "maintMarginRatio": 0.015,
                "cum": 25.0,
            },
        ],
    }
]
BYBIT = {
    "retCode": 0,
    "result": {
        "category": "linear",
        "list": [
            {
                "id": 1,
                "symbol": "BTCUSDT",
                "riskLimitValue": "2000000",
                "maintenanceMargin": "0.005",
                "initialMargin": "0.01",
                "maxLeverage": "100.00",
                "mmDeduction": "",
            },
            {
                "id": 2,
                "symbol": "BTCUSDT",
                "riskLimitValue": "2600000",
                "maintenanceMargin": "0.0056",
                "initialMargin": "0.0111",
                "maxLeverage": "90.00",
                "mmDeduction": "1200",
            },
            {
                "id": 3,
                "symbol": "ETHUSDT",
                "riskLimitValue": "900000",
                "maintenanceMargin": "0.005",
                "initialMargin": "0.01",
                "maxLeverage": "100.00",
                "mmDeduction": "0",
            },
        ],
        "nextPageCursor": "",
    },
}


def okx(low, high, mmr, limit, **more):
    """Return a bracket in OKX's words, all of them text."""
    said = {"instId": "", "instFamily": "BTC-USDT", "uly": "BTC-USDT", "imr": "", "tier": "1"}
    return {**said, "minSz": str(low), "maxSz": str(high), "mmr": str(mmr), "maxLever": str(limit), **more}


OKX = {"code": "0", "msg": "", "data": [okx(0, 500, 0.004, 125), okx(501, 2_000, 0.005, 100)]}
HYPERLIQUID = {
    "universe": [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
        {"name": "NEW", "szDecimals": 0, "maxLeverage": 3, "marginTableId": 3},
    ],
    "marginTables": [
        [
            56,
            {
                "description": "tiered 40x",
                "marginTiers": [
                    {"lowerBound": "0.0", "maxLeverage": 40},
                    {"lowerBound": "150000000.0", "maxLeverage": 20},
                ],
            },
        ]
    ],
}


def only(payload, **more):
    """Return the one contract that a payload tells of."""
    (contract,) = Brackets.read(payload, **more).contracts
    return contract


def columns(tiers):
    return list(tiers.floors), list(tiers.rates), list(tiers.deductions), list(tiers.max_leverage), tiers.cap


# --- what is read -----------------------------------------------------------------------------------------------


def test_ccxts_brackets_of_all_markets_are_contracts_by_their_unified_symbols():
    own = Brackets.read({"BTC/USDT:USDT": TWO, "ETH/USD:ETH": [tier(0, 50, 0.01, 20)]})
    btc, eth = own.contracts
    assert own.symbols == ("BTC/USDT:USDT", "ETH/USD:ETH")
    assert columns(btc.tiers) == ([0, 50_000], [0.004, 0.005], [0, 50], [125, 100], 600_000)
    assert (btc.kind, btc.currency, btc.underlying, btc.multiplier) == ("linear", "USDT", "BTC", 1)
    assert (eth.kind, eth.currency, eth.underlying) == ("inverse", "ETH", "ETH")
    assert own.contract("ETH/USD:ETH") is eth


def test_ccxts_brackets_of_one_market_are_named_by_themselves_or_by_the_caller():
    named = [{**one, "symbol": "NEW/USDC:USDC"} for one in TWO]
    assert only(named) == only(TWO, symbol="NEW/USDC:USDC")
    assert only(named).currency == "USDC"
    assert only(named[0]).tiers.cap == 50_000


def test_binances_brackets_have_the_deductions_that_it_states():
    contract = only(BINANCE)
    assert columns(contract.tiers) == ([0, 5_000], [0.01, 0.015], [0, 25], [75, 50], 10_000)
    assert (contract.symbol, contract.currency) == ("NEWUSDT", "USDT")
    assert only(BINANCE[0]) == contract


def test_bybits_brackets_begin_where_the_last_one_ends():
    own = Brackets.read(BYBIT)
    assert own.symbols == ("BTCUSDT", "ETHUSDT")
    tiers = own.contract("BTCUSDT").tiers
    # One deduction is not stated: then all follow from the rates.
    assert columns(tiers) == ([0, 2_000_000], [0.005, 0.0056], [0, pytest.approx(1_200)], [100, 90], 2_600_000)
    assert Brackets.read(BYBIT["result"]["list"]) == own
    inverse = {"result": {**BYBIT["result"], "category": "inverse", "list": [{**BYBIT["result"]["list"][0]}]}}
    inverse["result"]["list"][0] |= {"symbol": "BTCUSD", "riskLimitValue": "150"}
    assert (only(inverse).kind, only(inverse).currency) == ("inverse", "BTC")


def test_okx_counts_contracts_leaves_gaps_and_takes_one_rate_on_the_whole_position():
    contract = only(OKX)
    assert (contract.symbol, contract.multiplier, contract.currency) == ("BTC-USDT-SWAP", 0.01, "USDT")
    assert columns(contract.tiers) == ([0, 500], [0.004, 0.005], [0, 0], [125, 100], 2_000)
    assert contract.tiers.measured_in == "contracts"
    # 500 contracts are 5 BTC: 300,000 at 0.4 %, and a hundredth of one more at 0.5 %.
    assert contract.maintenance_margin(500, 60_000) == pytest.approx(1_200)
    assert contract.maintenance_margin(501, 60_000) == pytest.approx(300_600 * 0.005)
    assert only(OKX["data"]) == contract


def test_okx_through_ccxt_counts_contracts_under_a_name_that_says_notional():
    rows = [tier(0, 500, 0.004, 125, info=OKX["data"][0]), tier(501, 2_000, 0.005, 100, info=OKX["data"][1])]
    contract = only({"BTC/USDT:USDT": rows})
    assert contract.tiers == only(OKX).tiers
    assert contract.multiplier == 0.01
    without = [{**one, "info": {}} for one in rows]
    assert only({"BTC/USDT:USDT": without}, venue="okx") == contract
    assert only({"NEW/USDT:USDT": without}, venue="okx", multiplier=10).multiplier == 10


def test_kucoin_through_ccxt_counts_contracts_too_unless_told_otherwise():
    rows = [
        tier(0, 500, 0.005, 100, info={"minRiskLimit": 0, "maxRiskLimit": 500}),
        tier(500, 900, 0.01, 50, info={"minRiskLimit": 500, "maxRiskLimit": 900}),
    ]
    contract = only({"BTC/USDT:USDT": rows}, multiplier={"BTC/USDT:USDT": 0.001})
    assert (contract.tiers.measured_in, contract.tiers.deductions, contract.multiplier) == ("contracts", (0, 0), 0.001)
    told = only({"BTC/USDT:USDT": rows}, measured_in="notional", deductions="continuous")
    assert (told.tiers.measured_in, told.tiers.deductions) == ("notional", (0, 2.5))


def test_hyperliquids_maintenance_is_half_the_initial_margin_at_the_limit():
    own = Brackets.read(HYPERLIQUID, currency="USDC")
    btc, new = own.contracts
    assert btc.tiers == venue("hyperliquid").contract("BTC", date="2026-03-10").tiers
    assert columns(new.tiers) == ([0], [0.5 / 3], [0], [3], float("inf"))
    assert {one.currency for one in own.contracts} == {"USDC"}
    assert Brackets.read([HYPERLIQUID, [{"funding": "0.0"}]], currency="USDC") == own


def test_a_symbol_and_a_rate_are_a_contract():
    contract = only({"symbol": "NEWUSDT", "rate": 0.02, "max_leverage": 20})
    assert contract.tiers == Tiers.flat(0.02, max_leverage=20)
    assert only("NEWUSDT 0.02").tiers == Tiers.flat(0.02)
    assert Brackets.read("NEWUSDT 0.02\n\nOLD-USDC: 0.1\n").symbols == ("NEWUSDT", "OLD-USDC")
    assert contract.note == "Brackets of your own."


@pytest.mark.parametrize(
    "payload", [TWO, BINANCE, BYBIT, OKX, HYPERLIQUID], ids=["ccxt", "binance", "bybit", "okx", "hyperliquid"]
)
def test_objects_text_as_json_or_as_python_prints_it_and_files_tell_the_same(payload, tmp_path):
    own = Brackets.read(payload, symbol="NEWUSDT")
    file = tmp_path / "brackets.json"
    file.write_text(json.dumps(payload), encoding="utf-8")
    for way in (json.dumps(payload), str(payload), file, str(file)):
        assert Brackets.read(way, symbol="NEWUSDT") == own


def test_mexc_counts_contracts_and_bitget_takes_one_rate_on_the_whole_position():
    for key, name, measured_in in (("riskBaseVol", "mexc", "contracts"), ("keepMarginRate", "bitget", "notional")):
        rows = [{**one, "info": {key: 1}} for one in TWO]
        told, named = only(rows, symbol="A", multiplier=10), only(TWO, symbol="A", multiplier=10, venue=name)
        assert told == named
        assert (told.tiers.measured_in, told.tiers.deductions) == (measured_in, (0, 0))


# --- traps ------------------------------------------------------------------------------------------------------


def test_bounds_that_are_left_out_are_those_of_the_bracket_beside():
    without = [tier(None, None, 0.01, 50), tier(100, 200, 0.02, 25), tier(None, None, 0.03, 10)]
    assert columns(only(without, symbol="A").tiers) == (
        [0, 100, 200],
        [0.01, 0.02, 0.03],
        [0, 1, 3],
        [50, 25, 10],
        float("inf"),
    )


def test_a_limit_that_is_left_out_is_that_of_the_bracket_before():
    rows = [tier(0, 1, 0.01), tier(1, 2, 0.02, 25), tier(2, 3, 0.03), tier(3, None, 0.04, 10)]
    assert only(rows, symbol="A").tiers.max_leverage == (float("inf"), 25, 25, 10)
    assert only([tier(0, None, 0.01)], symbol="A").tiers == Tiers.flat(0.01)


def test_an_empty_bracket_is_passed_over():
    rows = [tier(0, 500_000, 0.01, 50), tier(500_000, 500_000, 0.02, 25), tier(500_000, 900_000, 0.03, 10)]
    tiers = only(rows, symbol="A").tiers
    assert (tiers.floors, tiers.rates) == ((0, 500_000), (0.01, 0.03))


def test_brackets_of_money_may_begin_one_unit_above_the_last_and_no_more():
    rows = [tier(0, 50_000, 0.01), tier(50_001, 90_000, 0.02)]
    assert only(rows, symbol="A").tiers.floors == (0, 50_000)
    rows[1]["minNotional"] = 50_002
    with pytest.raises(
        ArgumentError, match=r"^A, bracket 2: minNotional must be 50,000, where the last one ends, not "
    ):
        Brackets.read(rows, symbol="A")


# --- what is refused ----------------------------------------------------------------------------------------------

FIRST, SECOND = TWO
BAD_TIERS = [
    ([], "brackets", "must be a list of one or more"),
    (None, "brackets", "must be a list"),
    ("tiers", "brackets", "must be a list"),
    (5, "brackets", "must be a list"),
    ({}, "brackets", "must be a list"),
    ([FIRST, None], "bracket 2", "must have named fields"),
    ([FIRST, [0, 1]], "bracket 2", "must have named fields"),
    ([tier(0, 0, 0.01)], "brackets", "must not all be empty"),
    ([tier(5, 10, 0.01)], "bracket 1: minNotional", "must be 0, where"),
    ([tier(-1, 10, 0.01)], "bracket 1: minNotional", "must be 0 or more"),
    ([tier("low", 10, 0.01)], "bracket 1: minNotional", "must be a number"),
    ([tier([0], 10, 0.01)], "bracket 1: minNotional", "must be one number"),
    ([tier({}, 10, 0.01)], "bracket 1: minNotional", "must be a number"),
    ([tier(True, 10, 0.01)], "bracket 1: minNotional", "must be a number"),
    ([tier(float("nan"), 10, 0.01)], "bracket 1: minNotional", "must be finite"),
    ([tier(0, -10, 0.01)], "bracket 1: maxNotional", "must be 0 or more"),
    ([tier(0, "1,000", 0.01)], "bracket 1: maxNotional", "must be a number"),
    ([tier(0, float("inf"), 0.01)], "bracket 1: maxNotional", "must be finite"),
    ([tier(0, False, 0.01)], "bracket 1: maxNotional", "must be a number"),
    ([FIRST, tier(50_000, 40_000, 0.005)], "bracket 2: maxNotional", "must not be below its floor"),
    ([FIRST, tier(40_000, 60_000, 0.005)], "bracket 2: minNotional", "must be 50,000"),
    ([FIRST, tier(60_000, 70_000, 0.005)], "bracket 2: minNotional", "must be 50,000"),
    ([SECOND, FIRST], "bracket 1: minNotional", "must be 0"),
    ([tier(0, None, 0.01), tier(None, 10, 0.02)], "bracket 1: maxNotional", "must be given, or the floor"),
    ([tier(0, None, 0.01), tier("x", 10, 0.02)], "bracket 2: minNotional", "must be a number"),
    ([tier(0, 10, None)], "bracket 1: maintenanceMarginRate", "must be given"),
    ([tier(0, 10, "")], "bracket 1: maintenanceMarginRate", "must be given"),
    ([tier(0, 10, "1.0%")], "bracket 1: maintenanceMarginRate", "must be a number"),
    ([tier(0, 10, -0.01)], "bracket 1: maintenanceMarginRate", "must be 0 or more"),
    ([tier(0, 10, 1)], "bracket 1: maintenanceMarginRate", "must be a fraction below 1"),
    ([tier(0, 10, 40)], "bracket 1: maintenanceMarginRate", "must be a fraction below 1"),
    ([tier(0, 10, [0.1])], "bracket 1: maintenanceMarginRate", "must be one number"),
    ([tier(0, 10, float("nan"))], "bracket 1: maintenanceMarginRate", "must be finite"),
    ([FIRST, tier(50_000, 60_000, 0.003)], "bracket 2: maintenanceMarginRate", "must not be below that"),
    ([tier(0, 10, 0.01, 0)], "bracket 1: maxLeverage", "must be above 0"),
    ([tier(0, 10, 0.01, -5)], "bracket 1: maxLeverage", "must be 0 or more"),
    ([tier(0, 10, 0.01, "x5")], "bracket 1: maxLeverage", "must be a number"),
    ([tier(0, 10, 0.01, float("inf"))], "bracket 1: maxLeverage", "must be finite"),
    ([tier(0, 10, 0.01, 101)], "bracket 1: maxLeverage", "must be at most 1 / 0.01"),
    ([FIRST, tier(50_000, 60_000, 0.005, 150)], "bracket 2: maxLeverage", "must not be above that"),
    ([tier(0, 10, 0.01, info={"cum": "a"})], "bracket 1: cum", "must be a number"),
    ([tier(0, 10, 0.01, info={"cum": 5})], "bracket 1: cum", "must leave a maintenance margin"),
    ([{**FIRST, "info": {"minSz": 0}}], "multiplier", "must be given, where brackets count contracts"),
]
BINANCE_ROW = BINANCE[0]["brackets"][0]
BYBIT_ROW = BYBIT["result"]["list"][0]
MARKET = HYPERLIQUID["universe"][0]
NEW = {"instFamily": "NEW-USDT", "uly": "NEW-USDT"}
BAD = [
    *(({"NEW/USDT:USDT": rows}, f"NEW/USDT:USDT, {field}" if "bracket " in field else f"NEW/USDT:USDT: {field}", why)
      for rows, field, why in BAD_TIERS),
    (None, "brackets", "must be a reply"),
    (5, "brackets", "must be a reply"),
    ([], "brackets", "must be a reply"),
    ({}, "brackets", "must be of one market or more"),
    ([1, 2], "brackets", "must be a reply"),
    ({"": TWO}, "symbol", "must be a name"),
    ({5: TWO}, "symbol", "must be a name"),
    (TWO, "symbol", "must be given"),
    ("{", "brackets", "must be JSON, or what Python prints"),
    ("[" * 100_000, "brackets", "must be JSON"),
    ('{"A": [], "A": []}', "A", "must be given once"),
    ("no such file", "brackets", "must be objects, text that holds them, or a file"),
    ("\0", "brackets", "must be objects"),
    ({"code": "50011", "data": []}, "brackets", "must be of one market or more"),
    ({"data": "none"}, "data", "must be a list"),
    ({"data": [{"minSz": 0}]}, "instId", "must be given"),
    ({"data": [5]}, "instId", "must be a field"),
    ({"data": [okx(0, 5, 0.01, 5, **NEW)]}, "NEW-USDT-SWAP: multiplier", "must be given"),
    ({"data": [okx(0, 5, "", 5)]}, "BTC-USDT-SWAP, bracket 1: mmr", "must be given"),
    ({"data": [okx(0, "many", 0.01, 5)]}, "BTC-USDT-SWAP, bracket 1: maxSz", "must be a number"),
    ({"data": [okx(0, 500, 0.01, 5), okx(502, 600, 0.02, 5)]}, "BTC-USDT-SWAP, bracket 2: minSz", "must be 500"),
    ({"result": None}, "list", "must be a field"),
    ({"result": {"list": {"a": 1}}}, "list", "must be a list"),
    ({"result": {"list": [{"riskLimitValue": 5}]}}, "symbol", "must be given"),
    ({"result": {"list": [{**BYBIT_ROW, "symbol": 5}]}}, "symbol", "must be a name"),
    ([BYBIT_ROW, BYBIT_ROW | {"riskLimitValue": "1"}], "BTCUSDT, bracket 2: riskLimitValue", "must not be below"),
    ([BYBIT_ROW | {"riskLimitValue": ""}, BYBIT_ROW], "BTCUSDT, bracket 1: riskLimitValue", "must be given"),
    ([BYBIT_ROW | {"mmDeduction": "-1"}], "BTCUSDT, bracket 1: mmDeduction", "must be 0 or more"),
    ([{"brackets": []}], "symbol", "must be given"),
    ([{"symbol": "A", "brackets": []}], "A: brackets", "must be a list of one"),
    ([{"symbol": "A", "brackets": [BINANCE_ROW | {"cum": 9}]}], "A, bracket 1: cum", "must leave a maintenance margin"),
    ([{"symbol": "A", "brackets": [{"notionalCap": 5}]}], "A, bracket 1: maintMarginRatio", "must be given"),
    ([BINANCE[0], BINANCE[0]], "contracts", "must have one of each symbol, not several of 'NEWUSDT'"),
    ({"universe": "all"}, "universe", "must be a list"),
    ({"universe": [{"maxLeverage": 5}]}, "name", "must be given"),
    ({"universe": [{"name": "A"}]}, "A, bracket 1: maxLeverage", "must be given and above 0"),
    ({"universe": [{"name": "A", "maxLeverage": 0}]}, "A, bracket 1: maxLeverage", "must be given and above 0"),
    ({"universe": [MARKET], "marginTables": [56]}, "marginTables", "must be pairs"),
    ({"universe": [MARKET], "marginTables": [[56, {}]]}, "marginTiers", "must be given"),
    ({"universe": [MARKET], "marginTables": [[56, {"marginTiers": "x"}]]}, "BTC: brackets", "must be a list"),
    ({"universe": [MARKET], "marginTables": [[[56], {"marginTiers": []}]]}, "marginTables", "must be pairs"),
    ({"universe": [MARKET], "marginTables": 7}, "marginTables", "must be a list"),
    ({"symbol": "A", "rate": 1.5}, "A: rates", "must lie in [0, 1)"),
    ({"symbol": "A", "rate": "much"}, "A: rate", "must be a number"),
    ({"symbol": "A", "rate": None}, "A: rate", "must be given"),
    ({"symbol": "A", "rate": 0.1, "floors": [0]}, "A: rate", "must be given, or floors and rates, and not both"),
    ({"symbol": "A", "rate": 0.1, "fee": 1}, "A: fee", "is no field"),
    ({"symbol": "A", "rate": 0.1, "kind": "quanto"}, "A: kind", "must be one of 'linear', 'inverse'"),
    ({"symbol": "A", "rate": 0.1, "multiplier": 0}, "A: multiplier", "must be greater than 0"),
    ({"symbol": "A", "rate": 0.1, "currency": 5}, "A: currency", "must be a name"),
    ({"symbol": "A", "rate": 0.1, "underlying": 5}, "A: underlying", "must be a name"),
    ({"symbol": "A", "floors": [0, 5], "rates": [0.1]}, "A: rates", "must have one value a bracket"),
    ({"symbol": "A", "floors": [1], "rates": [0.1]}, "A: floors", "must start at 0"),
    ({"symbol": "A", "floors": [0], "rates": [0.1], "cap": 0}, "A: cap", "must be greater than 0"),
    ({"symbol": "A", "floors": [0], "rates": [0.1], "max_leverage": [11]}, "A: max_leverage", "[11] allows"),
    ({"symbol": "A", "floors": [0], "rates": [0.1], "measured_in": "coins"}, "A: measured_in", "must be one of"),
    ({"symbol": "A", "floors": [0], "rates": [0.1], "cut_off": 1}, "A: cut_off", "must be True or False"),
    ({"symbol": "A", "rate": 0.1, "growth": 5}, "A: growth", "must be a factor"),
    ({"symbol": "A", "rate": 0.1, "growth": {"power": 1}}, "A: growth", "must be a factor"),
    ({"symbol": "A", "rate": 0.1, "growth": {"factor": 1, "speed": 1}}, "A: growth", "must be a factor"),
    ({"symbol": "A", "rate": 0.1, "growth": {"factor": 0}}, "A: growth: factor", "must be greater than 0"),
    ({"symbol": "A", "floors": [0, 1], "rates": [0.1, 0.2], "growth": {"factor": 1}}, "A: growth", "must be None"),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "argument", "reason"), BAD)
def test_a_malformed_reply_is_refused_by_market_and_field(payload, argument, reason):
    with pytest.raises(ArgumentError) as refusal:
        Brackets.read(payload)
    assert refusal.value.argument == argument
    assert refusal.value.reason.startswith(reason)


def test_there_are_sixty_malformed_replies():
    assert len(BAD) >= 60


def test_of_several_markets_one_that_is_bad_refuses_all():
    with pytest.raises(ArgumentError, match=r"^B, bracket 1: maintenanceMarginRate must be given$"):
        Brackets.read({"A": TWO, "B": [tier(0, 5, None)]})


@pytest.mark.parametrize(
    ("asked", "argument"),
    [
        ({"kind": "spot"}, "kind"),
        ({"measured_in": "coins"}, "measured_in"),
        ({"deductions": "some"}, "deductions"),
        ({"multiplier": -1}, "A: multiplier"),
        ({"multiplier": {"A": "x"}}, "A: multiplier"),
    ],
)
def test_what_the_caller_says_of_the_markets_is_checked(asked, argument):
    with pytest.raises(ArgumentError) as refusal:
        Brackets.read({"A": TWO}, **asked)
    assert refusal.value.argument == argument


@pytest.mark.parametrize("bad", [["BTCUSDT"], [None], [Contract("A", Tiers.flat(0.01)), 5]])
def test_brackets_are_of_contracts(bad):
    with pytest.raises(ArgumentError, match=r"^contracts must be of the class Contract"):
        Brackets(bad)


def test_an_unknown_symbol_is_refused_with_those_there_are():
    with pytest.raises(ArgumentError, match=r"^symbol must be one of 'NEWUSDT', not 'OLDUSDT'$"):
        Brackets.read(BINANCE).contract("OLDUSDT")


REPLIES = [{"NEW/USDT:USDT": TWO}, TWO[0] | {"symbol": "A"}, BINANCE, BYBIT, OKX, HYPERLIQUID]
REPLIES += [Brackets.read(reply).rows() for reply in REPLIES]
GROWN = {"symbol": "BTC", "rate": 0.01, "growth": {"factor": 5e-5, "power": 1.0, "how": "added", "initial": None}}
REPLIES += [[GROWN], [GROWN | {"max_leverage": 50, "growth": GROWN["growth"] | {"initial": 1e-4}}]]
JUNK = [None, "", "x", -1, 0, 1.5, float("nan"), True, [], {}, [[]], [{}], {"a": 1}, 10**400, "1e999", b"", {1: 2}]


def places(value):
    """Yield the way to every part of a reply."""
    yield ()
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from ((key, *rest) for rest in places(part))


def put(value, place, junk):
    """Return a reply with something else in a place."""
    if not place:
        return junk
    copy = value.copy()
    copy[place[0]] = put(value[place[0]], place[1:], junk)
    return copy


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: str(reply)[:20])
def test_whatever_stands_in_a_reply_is_read_or_refused_and_nothing_else(reply):
    for place in places(reply):
        for junk in JUNK:
            with contextlib.suppress(ArgumentError):
                assert Brackets.read(put(reply, place, junk)).contracts


# --- there and back -----------------------------------------------------------------------------------------------

finite = st.floats(1e-3, 1e6)


@st.composite
def contracts(draw):
    """Draw a contract with brackets of any kind."""
    n = draw(st.integers(1, 5))
    floors = [0.0, *sorted(draw(st.lists(finite, min_size=n - 1, max_size=n - 1, unique=True)))]
    rates = sorted(draw(st.lists(st.floats(0, 0.5), min_size=n, max_size=n)))
    limits = sorted(draw(st.lists(st.floats(0.5, 2) | st.just(float("inf")), min_size=n, max_size=n)), reverse=True)
    endless = draw(st.booleans())
    tiers = Tiers(
        floors,
        rates,
        draw(st.sampled_from([None, 0])) if draw(st.booleans()) else 0,
        limits,
        cap=float("inf") if endless else floors[-1] + draw(finite),
        cut_off=not endless and draw(st.booleans()),
    )
    grown = Growth(draw(finite), draw(st.floats(0.1, 2)), draw(st.sampled_from(["added", "at least"])))
    tiers = draw(st.just(tiers) | st.just(Tiers(floors[:1], rates[:1], measured_in="contracts", growth=grown)))
    kind, currency = draw(st.sampled_from(["linear", "inverse"])), draw(st.sampled_from(["", "USDT", "BTC"]))
    symbol = draw(st.text(min_size=1, max_size=5).filter(lambda name: name.strip().splitlines() == [name]))
    return Contract(symbol, tiers, kind, draw(finite), currency, draw(st.sampled_from(["", "BTC"])))


@given(st.lists(contracts(), min_size=1, max_size=3, unique_by=lambda one: one.symbol))
def test_what_is_written_is_read_again_without_loss(some):
    own = Brackets(some)
    rows = own.rows()
    assert Brackets.read(json.loads(json.dumps(rows))) == own
    assert Brackets.read(json.dumps(rows)) == own


def test_a_rate_that_grows_is_written_with_how_it_grows():
    own = Brackets([Contract("NEWUSDT", Tiers([0], [0.02], growth=Growth(0.5, 1, "added")), currency="USDT")])
    (row,) = own.rows()
    assert (row["rate"], row["growth"]["factor"]) == (0.02, 0.5)
    assert Brackets.read([row]) == own
