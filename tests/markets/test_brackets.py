"""Brackets of every market: found by symbol and date, as the files have them, and what is not known is said."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from marginlab import Account, ArgumentError, Contract, Position, Tiers, venue, venue_names
from marginlab.markets import brackets
from marginlab.markets.brackets import symbol_named, symbols_like, symbols_of, table_of, tables_of

EXPECTED = json.loads(Path(__file__).with_name("expected_brackets.json").read_text(encoding="utf-8"))
EXPECTED_STATED = EXPECTED.pop("stated")
BINANCE = venue("binance")
LARGEST = 150_000


def packed(name):
    return brackets._packed(name)


def in_force(name):
    """Yield every table of a venue's collection with its symbol and date, as the file has them."""
    kept = packed(name)
    for symbol, (_, _, _, history) in kept["symbols"].items():
        for at, index in history:
            if index is not None:
                yield symbol, kept["snapshots"][at][0], brackets._all()["tables"][index]


# --- what there is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPECTED)
def test_every_symbol_and_every_table_of_the_collection_is_there(name):
    if name == "binance":  # its newest tables alone: the history holds them
        assert sum(table_of(name, symbol).note.find("left") < 0 for symbol in packed(name)["symbols"]) == 907
        return
    name, expected = name.removesuffix("_history"), EXPECTED[name]
    assert len(packed(name)["symbols"]) == expected["symbols"]
    assert len(list(in_force(name))) == expected["in_force"]
    assert set(packed(name)["symbols"]) <= set(symbols_of(name))


@pytest.mark.long
@pytest.mark.parametrize("name", brackets._all()["venues"])
def test_every_table_loads_and_is_found_by_its_symbol_and_date(name):
    for symbol, date, (floors, rates, limits, cap) in in_force(name):
        found = table_of(name, symbol, date)
        if found in tables_of(name):  # one set out by hand is of that day too, and goes before
            continue
        tiers = found.contract.tiers
        assert (found.date, found.asked) == (date, None)
        assert (list(tiers.floors), list(tiers.rates)) == (floors, rates)
        assert (list(tiers.max_leverage), tiers.cap) == (limits, np.inf if cap is None else cap)
        assert found.source
        assert found.confidence in ("A", "B", "C")


@pytest.mark.parametrize("name", EXPECTED)
def test_maintenance_is_what_it_is_by_fractions_at_five_sizes_and_dates(name):
    for case in EXPECTED[name]["cases"]:
        contract = table_of(name.removesuffix("_history"), case["symbol"], case["date"]).contract
        size, price, maintenance = (float(Fraction(case[one])) for one in ("size", "price", "maintenance"))
        assert contract.maintenance_margin(size, price) == pytest.approx(maintenance, rel=1e-12)
        assert contract.maintenance_margin(-size, price) == contract.maintenance_margin(size, price)


@pytest.mark.parametrize("name", EXPECTED)
def test_deductions_follow_from_the_recursion_or_there_are_none(name):
    name = name.removesuffix("_history")
    for symbol in list(packed(name)["symbols"])[::10]:
        tiers = table_of(name, symbol).contract.tiers
        if packed(name)["deductions"] == "none":
            assert set(tiers.deductions) == {0.0}
            continue
        rates, floors = ([Fraction(str(one)) for one in column] for column in (tiers.rates, tiers.floors))
        exact = Fraction(0)
        for n in range(1, len(rates)):
            exact += floors[n] * (rates[n] - rates[n - 1])
            assert tiers.deductions[n] == pytest.approx(float(exact), rel=1e-9)


def test_tables_set_out_by_hand_equal_those_of_the_collection_at_their_dates():
    compared = 0
    for name in venue_names():
        for table in tables_of(name):
            symbol, tiers = table.contract.symbol, table.contract.tiers
            last = brackets.last_day(table.date)
            there = [(date, row) for one, date, row in in_force(name) if one == symbol and date <= last]
            if name not in ("binance", "hyperliquid") or not there:
                continue
            floors, rates, limits, _ = there[-1][1]
            if table.date != "2024":  # Hyperliquid raised its limits since
                assert (list(tiers.floors), list(tiers.rates)) == (floors, rates)
                assert list(tiers.max_leverage) == limits
                assert tiers.deductions == pytest.approx(Tiers(floors, rates).deductions, rel=1e-9)
                assert tiers.deductions == pytest.approx(brackets._without_jumps(floors, rates), rel=1e-15)
                compared += 1
    assert compared == 17


@pytest.mark.parametrize("stated", EXPECTED_STATED, ids=lambda one: f"{one['symbol']}-{one['date']}")
def test_brackets_and_deductions_are_those_that_were_stated_elsewhere(stated):
    tiers = BINANCE.contract(stated["symbol"], date=stated["date"]).tiers
    assert (list(tiers.floors), list(tiers.rates)) == (stated["floors"], stated["rates"])
    assert list(tiers.max_leverage) == stated["max_leverage"]
    assert tiers.deductions == pytest.approx(stated["deductions"], rel=1e-9, abs=0.02)


# --- by symbol and date -----------------------------------------------------------------------------------------


def test_any_market_of_a_venue_can_be_asked_for():
    contract = BINANCE.contract("WIFUSDT")
    assert isinstance(contract, Contract)
    assert (contract.currency, contract.underlying, contract.kind) == ("USDT", "WIF", "linear")
    assert BINANCE.contract("BTCBUSD").underlying == "BTC"
    assert len(BINANCE.symbols) == 1_024
    assert [len(venue(name).symbols) for name in ("bybit", "okx", "hyperliquid", "dydx")] == [507, 4, 229, 33]


@pytest.mark.parametrize(
    ("name", "symbol", "date", "amount", "rate", "limit"),
    [
        # On the day of the crash, three weeks after the notice that raised the first bracket was in force.
        ("binance", "BTCUSDT", "2025-10-10", 300_000, 0.004, 150),
        ("binance", "BTCUSDT", "2025-10-10", 300_001, 0.005, 100),
        # The venue's announcement of 15 September 2025, found in the list of three days later.
        ("binance", "HIVEUSDT", "2025-09-18", 5_000, 0.015, 50),
        ("binance", "HIVEUSDT", "2025-09-18", 4_500_000, 0.1667, 3),
        ("binance", "BNTUSDT", "2025-09-18", 250_001, 0.1667, 3),
        # Reply of the mainnet indexer.
        ("dydx", "BTC-USD", "2025-12-08", 1_000_000, 0.012, 50),
        ("dydx", "BTC-USD", "2023-10-24", 1_000_000, 0.03, 20),
        # A year is its last day, a month its last.
        ("binance", "BTCUSDT", "2024", 50_001, 0.005, 100),
        ("binance", "BTCUSDT", "2025", 50_001, 0.004, 150),
        ("binance", "BTCUSDT", "2025-06", 300_000, 0.004, 125),
        ("binance", "BTCUSDT", "2025-05", 300_000, 0.005, 100),
    ],
)
def test_known_brackets_of_a_date(name, symbol, date, amount, rate, limit):
    tiers = venue(name).contract(symbol, date=date).tiers
    assert (tiers.rates[tiers.bracket(amount)], tiers.leverage_limit(amount)) == (rate, limit)


def test_a_table_counts_from_its_day_until_the_next():
    days = {"2025-06-18": 50_000, "2025-06-19": 300_000, "2025-08-20": 300_000, "2025-08-21": 300_000}
    assert {day: BINANCE.contract("BTCUSDT", date=day).tiers.floors[1] for day in days} == days
    assert [BINANCE.contract("BTCUSDT", date=day).tiers.max_leverage[0] for day in days] == [125, 125, 125, 150]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "TRBUSDT", "LUNAUSDT"])
def test_the_history_of_a_market_is_what_was_in_force_on_each_of_its_days(symbol):
    history = venue("binance").history(symbol)
    assert [table.date for table in history] == sorted(table.date for table in history)
    assert all(table_of("binance", symbol, table.date) == table for table in history)
    # The newest says so where the market has left; the table of its day does not.
    assert history[-1].contract.tiers == table_of("binance", symbol).contract.tiers


def test_a_market_that_nobody_knows_has_no_history():
    with pytest.raises(ArgumentError, match="symbol must be one of"):
        venue("dydx").history("NONE-USD")


def test_where_no_table_is_as_old_the_oldest_is_given_and_says_so():
    table = BINANCE.table("BTCUSDT", date="2019")
    assert (table.date, table.asked) == ("2021-03-18", "2019")
    assert table.contract.note == "Brackets of 2021-03-18. The oldest that are known; asked for were those of 2019."
    # What is of a list that is whole says until when it was seen.
    assert BINANCE.contract("BTCUSDT", date="2025-10-10").note == "Brackets of 2025-08-21, seen until 2026-09-29."
    # The note plays no part in what a contract is.
    plain = BINANCE.contract("BTCUSDT", date="2021-03-18")
    assert (table.contract, hash(table.contract)) == (plain, hash(plain))
    assert "note" not in repr(table.contract)
    assert BINANCE.table("BTCUSDT").asked is None


def test_a_market_younger_than_the_date_says_that_the_lists_of_then_lack_it():
    for date, lacks in (("2023", True), ("2020", False)):
        table = BINANCE.table("WIFUSDT", date=date)
        assert (table.date, table.asked) == ("2024-02-03", date)
        assert table.contract.note.endswith("The venue's lists of that time do not have it.") == lacks


def test_a_market_that_has_left_is_refused_after_it_left_and_known_before():
    for date in ("2022-05-21", "2024", "2026-09-29"):
        with pytest.raises(ArgumentError, match=r"^date must be one at which 1000BTTCUSDT was listed: it had "):
            BINANCE.table("1000BTTCUSDT", date=date)
    assert BINANCE.table("1000BTTCUSDT", date="2022-05-20").date == "2022-02-05"
    # Without a date, the newest that there is.
    newest = BINANCE.table("1000BTTCUSDT")
    assert (newest.date, newest.asked) == ("2022-02-05", None)
    assert newest.contract.note == (
        "Brackets of 2022-02-05, seen until 2022-04-16. It had left the venue's list by 2022-05-21."
    )


@pytest.mark.parametrize(
    ("name", "symbol", "reason"),
    [
        ("okx", "WIF-USDT-SWAP", "known: of WIF-USDT-SWAP only the size of a contract is$"),
        ("bingx", "BTC-USDT", "known: of BTC-USDT only the limits of leverage are$"),
        ("bitmex", "ADAUSD", "settled in what it is counted in: ADAUSD is a quanto contract$"),
        ("bitmex", "XBTU22", "perpetual: XBTU22 has expired, or is a kind of its own$"),
    ],
)
def test_what_is_known_in_part_is_refused_with_what_is_missing(name, symbol, reason):
    with pytest.raises(ArgumentError, match=f"^symbol must be .*{reason}"):
        table_of(name, symbol)


def test_bitmex_base_levels_count_in_what_the_contract_settles_in():
    xbt, ada = (table_of("bitmex", symbol).contract for symbol in ("XBTUSD", "ADAUSDT"))
    assert (xbt.kind, xbt.currency, xbt.notional(20_000, 20_000), xbt.tiers.cap) == ("inverse", "BTC", 1.0, 200)
    assert (ada.kind, ada.currency, ada.notional(100, 0.5), ada.tiers.cap) == ("linear", "USDT", 0.5, 1_000_000)
    assert ada.tiers.cut_off


def test_of_okx_the_size_of_a_contract_is_known_where_its_brackets_are_not():
    sizes = {"BTC-USDT-SWAP": 0.01, "1INCH-USDT-SWAP": 1, "SOL-USDT-SWAP": 1, "NO-USDT-SWAP": None}
    assert {symbol: brackets.size_named("okx", symbol) for symbol in sizes} == sizes


def test_a_venue_that_nothing_was_collected_of_has_no_symbols():
    assert symbols_of("nowhere") == ()
    assert brackets.symbol_named("nowhere", "BTC/USDT:USDT") is None
    with pytest.raises(ArgumentError, match=r"^symbol must be one of your own brackets: nowhere has none here, not "):
        table_of("nowhere", "BTCUSDT")


# --- where they end ---------------------------------------------------------------------------------------------


def test_a_table_that_is_cut_off_says_beyond_its_end_that_what_follows_is_not_known():
    contract = venue("bybit").contract("BTCUSDT")
    assert contract.note == (
        "Brackets of 2026-09-25. They end at 2,000,000: what the venue asks beyond is not known, but no less."
    )
    with pytest.raises(ArgumentError) as refusal:
        Account.open([Position(contract, 100, 60_000, leverage=10)], balance=1e7)
    assert str(refusal.value) == (
        "size must be at most 2,000,000 notional, where the brackets that are known end: what the venue asks beyond "
        "is not known, not 6,000,000"
    )
    # As a state it is counted by the last bracket.
    account = Account.of([Position(contract, 100, 60_000, leverage=10)], wallet=1e6)
    assert account.maintenance_margin([60_000.0]) == contract.tiers.maintenance_margin(6e6)


def test_the_cap_of_a_venue_is_refused_as_its_cap():
    contract = BINANCE.contract("WIFUSDT")
    with pytest.raises(ArgumentError, match=r"^size must be at most [\d,]+ notional, not 1,000,000,000$"):
        Account.open([Position(contract, 1e9, 1.0)], balance=1e10)


# --- what it costs ----------------------------------------------------------------------------------------------


def test_importing_the_package_and_asking_for_a_venue_does_not_open_the_collection():
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import marginlab\n"
        "marginlab.venue('binance').convention\n"
        "print(any('all_brackets' in name for name in opened))\n"
        "marginlab.venue('binance').contract('WIFUSDT')\n"
        "print(any('all_brackets' in name for name in opened))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_collection_is_small():
    file = resources.files("marginlab.markets") / "data" / "all_brackets.json.gz"
    assert len(file.read_bytes()) < LARGEST


def test_what_linear_contracts_settle_in_is_told_by_what_is_known_of_the_venue():
    currencies = {"binance": "USDT", "hyperliquid": "USDC", "dydx": "USDC", "bitget": "USDT", "krakenfutures": "USD"}
    assert {name: brackets.usual_currency(name) for name in currencies} == currencies
    assert brackets.usual_currency("gate") == ""


def test_bitmex_calls_bitcoin_by_a_name_of_its_own_and_it_is_bitcoin_all_the_same():
    assert symbols_like("bitmex", "BTC") == ("XBTUSD", "XBTUSDT")
    coin, dollars = (table_of("bitmex", symbol).contract for symbol in ("XBTUSD", "XBTUSDT"))
    assert (coin.underlying, coin.kind, coin.currency) == ("BTC", "inverse", "BTC")
    assert (dollars.underlying, dollars.kind, dollars.currency) == ("BTC", "linear", "USDT")
    assert symbol_named("bitmex", "BTC/USD:BTC") == "XBTUSD"
