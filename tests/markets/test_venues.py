"""Venues: everything they state has a source, their brackets fit together, and unknown ones are refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from marginlab import (
    MODES,
    Account,
    Contract,
    Convention,
    Conversion,
    Position,
    Rules,
    Switch,
    Tiers,
    Venue,
    simulate,
    venue,
    venue_names,
)
from marginlab.markets import venues
from marginlab.markets.venues import TOPICS, Practice, practices

from ..refusals import assert_refused

STATED = ("convention", "fees", "switching", "rules", "liquidation_fees", "out_of_service")
SOURCED = [(name, what) for name in venue_names() for what in STATED if getattr(venue(name), what) is not None]
WITH_SYMBOLS = tuple(name for name in venue_names() if venue(name).symbols)
TABLES = {
    f"{name}-{table.contract.symbol}-{table.date}": (venue(name), table)
    for name in venue_names()
    for table in venue(name).tables
}
every_table = pytest.mark.parametrize("table", [table for _, table in TABLES.values()], ids=list(TABLES))


def is_sourced(statement):
    """Say whether a statement tells where it is from, when, and how sure it is."""
    return bool(statement.source.strip() and statement.date.strip() and statement.confidence in ("A", "B", "C"))


def edges(tiers):
    """Return amounts at, just under and just over every bound up to the largest that may be opened."""
    bounds = [*tiers.floors[1:], tiers.cap if np.isfinite(tiers.cap) else 2 * tiers.floors[-1] + 1e6]
    return [bound * by for bound in bounds for by in (0.5, 1 - 1e-9, 1, 1 + 1e-9) if bound * by <= tiers.cap]


# --- sources --------------------------------------------------------------------------------------------------


def test_the_venues_are_these_and_know_their_names():
    first = ("binance", "bybit", "okx", "hyperliquid", "dydx", "bitget", "gate", "kucoin", "mexc", "krakenfutures")
    then = ("bitmex", "bingx", "htx", "deribit", "phemex", "aster", "lighter", "gmx", "coinbase", "drift")
    assert venue_names() == first + then
    for name in venue_names():
        assert isinstance(venue(name), Venue)
        assert (venue(name).name, bool(venue(name).title)) == (name, True)


@pytest.mark.parametrize(("name", "what"), SOURCED)
def test_what_a_venue_states_has_a_source_a_date_and_a_confidence(name, what):
    assert is_sourced(getattr(venue(name), what))


@every_table
def test_every_bracket_table_has_a_source_a_date_and_a_confidence(table):
    assert is_sourced(table)
    assert table.contract.currency


@pytest.mark.parametrize("name", venue_names())
def test_a_venue_states_how_it_counts_what_it_charges_and_when_it_switches(name):
    one = venue(name)
    assert isinstance(one.convention.value, Convention)
    if one.fees is not None:
        assert 0 <= one.fees.value["maker"] <= one.fees.value["taker"] < 0.001
    if one.switching is not None:
        assert one.switching.value.endswith(".")


def test_twelve_venues_and_more_state_what_they_charge_and_eighteen_how_they_switch():
    assert sum(venue(name).fees is not None for name in venue_names()) == 11
    switching = {name for name in venue_names() if venue(name).switching is not None}
    assert set(venue_names()) - switching == {"krakenfutures", "bingx", "deribit", "lighter"}


def test_a_venue_whose_service_has_ended_says_so():
    ended = {name: venue(name).out_of_service for name in venue_names() if venue(name).out_of_service is not None}
    assert list(ended) == ["drift"]
    assert ended["drift"].value.startswith("Paused since the theft of 1 April 2026")
    assert venue("drift").rules.until == venue("drift").convention.until == "2026-04-01"


def test_a_venue_has_both_modes_or_says_which():
    assert {name: venue(name).modes for name in venue_names() if venue(name).modes != MODES} == {
        "deribit": ("cross",),
        "gmx": ("isolated",),
    }


def test_a_closing_fee_that_is_counted_is_the_fee_that_is_charged():
    counted = venue("okx").convention.value
    assert counted.fee_at("liquidation") == venue("okx").fees.value["taker"] == 0.0005


# --- brackets -------------------------------------------------------------------------------------------------


@every_table
def test_stated_deductions_are_those_that_leave_no_jump(table):
    stated = table.contract.tiers
    if stated.measured_in == "contracts":
        # One rate on the whole position: no deductions, whatever the venue's notice does not say.
        assert set(stated.deductions) == {0.0}
        return
    derived = Tiers(stated.floors, stated.rates, deductions=None).deductions
    for given, expected in zip(stated.deductions, derived, strict=True):
        assert abs(given - expected) <= max(0.02, 1e-6 * expected)


@every_table
def test_initial_margin_is_never_below_maintenance(table):
    contract = table.contract
    tiers, price = contract.tiers, 50.0
    for amount in edges(tiers):
        size = amount if tiers.measured_in == "contracts" else amount / contract.notional(1, price)
        limit = contract.leverage_limit(size, price)
        if np.isfinite(limit):
            assert contract.initial_margin(size, price, limit) >= contract.maintenance_margin(size, price)
            assert Position(contract, size, price, mode="isolated", leverage=limit).margin > 0


@every_table
def test_a_larger_position_never_has_a_higher_limit_or_a_lower_rate(table):
    tiers = table.contract.tiers
    assert list(tiers.rates) == sorted(set(tiers.rates))
    assert list(tiers.max_leverage) == sorted(tiers.max_leverage, reverse=True)


@pytest.mark.parametrize("name", venue_names())
def test_the_newest_table_of_a_symbol_comes_first_and_is_returned_unless_the_collection_has_a_newer(name):
    one = venue(name)
    for symbol in {table.contract.symbol for table in one.tables}:
        # Dates are of unequal precision ("2021", "2024-11-28"), but all begin with the year and sort as text.
        dates = [table.date for table in one.tables if table.contract.symbol == symbol]
        assert dates == sorted(set(dates), reverse=True)
        assert one.table(symbol).date >= dates[0]
        assert one.contract(symbol) is one.table(symbol).contract


@pytest.mark.parametrize(("one", "table"), TABLES.values(), ids=list(TABLES))
def test_a_table_is_found_by_its_symbol_and_date(one, table):
    assert one.table(table.contract.symbol, date=table.date) is table
    assert one.contract(table.contract.symbol, date=table.date) is table.contract
    assert isinstance(table.contract, Contract)


# Symbol, date, amount in the bracket's own measure, maintenance rate there, leverage limit there.
#   Binance 2026-09: leverageBracket as shipped in freqtrade 2026.9. Binance 2021-03-18: the venue's announcement.
#   Bybit 2026-09-25: v5 risk-limit payload. OKX 2021: the notice of 2021-06-11, one contract 0.1 ETH.
#   Hyperliquid: mainnet meta of 2026-09-27; maintenance is half the initial margin at 40x.
#   dYdX: replies of the mainnet indexer, and the genesis of the chain.
@pytest.mark.parametrize(
    ("name", "symbol", "date", "amount", "rate", "limit"),
    [
        ("binance", "BTCUSDT", "2026-09", 1, 0.004, 150),
        ("binance", "BTCUSDT", "2026-09", 300_000, 0.004, 150),
        ("binance", "BTCUSDT", "2026-09", 300_001, 0.005, 100),
        ("binance", "ETHUSDT", "2026-09", 60_000_000, 0.025, 20),
        ("binance", "BTCUSDT", "2021-03-18", 50_000, 0.004, 125),
        ("binance", "BTCUSDT", "2021-03-18", 250_001, 0.01, 50),
        ("bybit", "BTCUSDT", "2026-09-25", 300_000, 0.0033, 150),
        ("okx", "ETH-USDT-SWAP", "2021-06-11", 3_000, 0.004, 125),
        ("okx", "ETH-USDT-SWAP", "2021-06-11", 3_001, 0.005, 100),
        ("okx", "ETH-USDT-SWAP", None, 5_000, 0.004, 100),
        ("okx", "ETH-USDT-SWAP", None, 5_001, 0.005, 66.66),
        ("hyperliquid", "BTC", "2026-09-27", 1_000_000, 1 / 40 / 2, 40),
        ("hyperliquid", "ETH", "2026-09-27", 1_000_000, 1 / 25 / 2, 25),
        ("dydx", "BTC-USD", "2025-12-08", 1_000_000, 0.012, 50),
        ("dydx", "ETH-USD", "2025-12-08", 1_000_000, 0.012, 50),
        ("dydx", "BTC-USD", None, 1_000_000, 0.012, 50),
        ("dydx", "ETH-USD", None, 1_000_000, 0.012, 50),
        ("dydx", "SOL-USD", None, 1_000_000, 0.03, 20),
        ("dydx", "BTC-USD", "2024", 1_000_000, 0.03, 20),
        # On the day of the crash, as the presets of that day have it.
        ("binance", "BTCUSDT", "2025-10-10", 300_000, 0.004, 150),
        ("bitget", "BTCUSDT", None, 1, 0.004, 125),
        ("kucoin", "XBTUSDTM", None, 100_001, 0.005, 100),
    ],
)
def test_known_brackets(name, symbol, date, amount, rate, limit):
    tiers = venue(name).contract(symbol, date=date).tiers
    assert tiers.rates[tiers.bracket(amount)] == pytest.approx(rate, rel=1e-12)
    assert tiers.leverage_limit(amount) == limit


def test_hyperliquid_asks_half_the_initial_margin_at_the_highest_leverage_in_every_bracket():
    for table in venue("hyperliquid").tables:
        tiers = table.contract.tiers
        assert np.multiply(tiers.rates, tiers.max_leverage) == pytest.approx(0.5, rel=1e-12)


def test_okx_has_its_own_names_and_two_former_ones_are_still_understood():
    okx = venue("okx")
    assert okx.contract("ETHUSDT") is okx.contract("ETH-USDT-SWAP")
    assert okx.contract("BTCUSD") is okx.contract("BTC-USD-SWAP")
    assert not {"ETHUSDT", "BTCUSD"} & set(okx.symbols)


def test_known_conventions():
    # Binance's worked example takes maintenance at the price being solved for.
    assert venue("binance").convention.value.maintenance_at == "liquidation"
    # dYdX liquidates only below maintenance, OKX at it.
    assert not venue("dydx").convention.value.at_equality
    assert venue("okx").convention.value.at_equality


@pytest.mark.parametrize(
    ("name", "count", "charged"),
    [
        ("binance", "leg", "each"),
        ("okx", "both", None),
        ("bitget", "both", "larger"),
        ("krakenfutures", None, "larger"),
        ("kucoin", None, "larger"),
        ("htx", "net", None),
        ("hyperliquid", "net", "net"),
        ("dydx", "net", "net"),
        ("bybit", None, None),
        ("gate", None, None),
    ],
)
def test_what_brackets_count_and_what_is_charged_is_stated_or_assumed(name, count, charged):
    said, usual = venue(name).convention, Convention()
    assert said.value.brackets_count == (count or usual.brackets_count)
    assert said.value.charged == (charged or usual.charged)
    assert ("brackets_count" in said.assumed, "charged" in said.assumed) == (count is None, charged is None)


# --- what changed ---------------------------------------------------------------------------------------------


def isolated_at(name, symbol, rate, size, entry, leverage, *, date=None):
    """Return the liquidation price of an isolated position at one rate, as a venue counted at a date."""
    contract = Contract(symbol, Tiers.flat(rate, max_leverage=100))
    position = Position(contract, size, entry, mode="isolated", leverage=leverage)
    return Account.of([position], convention=venue(name, date=date).convention.value).liquidation_price()[0]


# Worked out by hand: today (E - E / L) / (1 - r), before 2 September 2025 E - E / L + r E.
@pytest.mark.parametrize(
    ("date", "price"), [(None, 0.50370), ("2025-09-02", 0.50370), ("2025-09-01", 0.50566), ("2023", 0.50566)]
)
def test_bybit_takes_maintenance_at_the_liquidation_price_since_september_2025(date, price):
    assert isolated_at("bybit", "IMXUSDT", 0.008, 7, 0.7495, 3, date=date) == pytest.approx(price, abs=5e-6)


@pytest.mark.parametrize(("leverage", "price"), [(2, 38_627.47), (10, 69_529.45)])
def test_the_closing_fee_of_bybit_cancels_in_an_isolated_liquidation_price(leverage, price):
    assert isolated_at("bybit", "BTCUSDT", 0.0033, 1, 77_000, leverage) == pytest.approx(price, abs=0.006)


def test_the_closing_fee_of_bybit_counts_in_cross_and_never_did_in_its_standard_account():
    today, before, standard = (venue("bybit", date=date).convention.value for date in (None, "2025-08", "2023"))
    for one in (today, before):
        assert (one.closing_fee, one.closing_fee_at, one.closing_fee_in) == (0.00055, "leverage", "cross")
    assert today.closing_fee == venue("bybit").fees.value["taker"]
    assert (standard.closing_fee, standard.closing_fee_at) == (0.0, "none")
    assert (today.maintenance_at, before.maintenance_at, standard.maintenance_at) == ("liquidation", "entry", "entry")


@pytest.mark.parametrize(
    ("date", "since", "until"),
    [
        (None, "2025-09-02", ""),
        ("2025", "2025-09-02", ""),
        ("2025-09", "2025-09-02", ""),
        ("2025-09-01", "2024", "2025-09-01"),
        ("2024-01-01", "2024", "2025-09-01"),
        ("2023", "", "2023"),
        ("2020-03-12", "", "2023"),
    ],
)
def test_a_year_or_a_month_means_its_last_day(date, since, until):
    said = venue("bybit", date=date).convention
    assert (said.since, said.until) == (since, until)


def test_a_date_before_all_that_is_known_gets_the_oldest_and_is_told_so():
    assert venue("gate", date="2020").convention.note.endswith("The oldest that is known; asked for was that of 2020.")
    assert "oldest" not in venue("gate", date="2025").convention.note
    assert "oldest" not in venue("gate").convention.note


def test_rules_change_as_conventions_do():
    assert [venue("okx", date=date).rules.value.isolated_funding for date in ("2024-06-30", "2024-07-01", None)] == [
        "wallet",
        "margin",
        "margin",
    ]
    until, since = (venue("krakenfutures", date=date).rules for date in ("2026-03-25", "2026-03-26"))
    assert "liquidation_fee" not in until.assumed
    assert "liquidation_fee" in since.assumed


def test_the_brackets_of_a_venue_at_a_date_are_those_of_the_date():
    then = venue("binance", date="2025-10-10")
    assert then.contract("BTCUSDT") is venue("binance").contract("BTCUSDT", date="2025-10-10")
    assert then.contract("BTCUSDT", date="2021-03-18").note.startswith("Brackets of 2021-03-18")


@pytest.mark.parametrize("name", venue_names())
def test_periods_follow_one_another_with_the_newest_first(name):
    for periods in (venues._rows()[name]["convention"], venues._rows()[name]["rules"]):
        for newer, older in itertools.pairwise(periods):
            assert newer["since"] > older["until"]
            assert older.get("since", "") < older["until"]
        if name != "drift":
            assert "until" not in periods[0]


# --- fees by symbol -------------------------------------------------------------------------------------------


def test_binance_charges_a_liquidation_fee_by_symbol():
    # liquidationFee of exchangeInfo.
    fees = {"BTC": 0.0125, "ETH": 0.0125, "XRP": 0.0125, "SOL": 0.015, "BCH": 0.015, "LTC": 0.015, "EOS": 0.01}
    binance = venue("binance")
    for coin, fee in fees.items():
        assert binance.liquidation_fee(f"{coin}USDT") == binance.rules_for([f"{coin}USDT"]).liquidation_fee == fee


def test_a_liquidation_fee_that_nobody_states_is_unknown_and_the_rules_take_that_of_btc():
    binance = venue("binance")
    assert binance.liquidation_fee("DOGEUSDT") is binance.liquidation_fee("WIFUSDT") is None
    assert binance.rules_for(["DOGEUSDT"]) == binance.rules.value
    assert venue("gate").liquidation_fee("BTC_USDT") is None
    assert venue("gate").rules_for(["BTC_USDT"]) is venue("gate").rules.value


def test_a_pool_pays_the_highest_of_the_fees_that_are_known():
    symbols = ["BTCUSDT", "SOLUSDT", "DOGEUSDT"]
    assert venue("binance").rules_for(symbols) == replace(venue("binance").rules.value, liquidation_fee=0.015)
    assert venue("dydx").rules_for(["BTC-USD"]).liquidation_fee == venue("dydx").liquidation_fee("NEW-USD") == 0.015


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["ftx", "Binance", "", None, 1, ["binance"]])
def test_an_unknown_venue_is_refused_with_the_known_ones(bad):
    listed = ", ".join(repr(name) for name in venue_names())
    with pytest.raises(ValueError, match=r"^name must be one of ") as refusal:
        venue(bad)
    assert str(refusal.value) == f"name must be one of {listed}, not {bad!r}"


def test_a_venue_of_which_no_brackets_are_known_says_that():
    assert set(venue_names()) - set(WITH_SYMBOLS) >= {"gate", "htx", "gmx"}
    with pytest.raises(ValueError, match=r"^symbol must be one of your own brackets: gate has none here, not 'X'$"):
        venue("gate").contract("X")


@pytest.mark.parametrize("name", WITH_SYMBOLS)
@pytest.mark.parametrize("bad", ["NOUSDT", "btcusdt", "", None, 5, ["BTCUSDT"]])
def test_an_unknown_symbol_is_refused_with_some_of_the_known_ones(name, bad):
    one = venue(name)
    for ask in (one.table, one.contract):
        with pytest.raises(ValueError, match=r"^symbol must be one of ") as refusal:
            ask(bad)
        said = str(refusal.value)
        assert repr(one.symbols[0]) in said
        assert said.endswith(f", not {bad!r}")
        assert len(said) < 400


def test_a_symbol_that_is_nearly_right_is_told_what_it_is_like():
    with pytest.raises(ValueError, match=r"^symbol must be one of 'WIFUSDT', .* more, not 'WIF-USDT'$"):
        venue("binance").table("WIF-USDT")


@pytest.mark.parametrize(
    "bad", ["", "21", "2025-13", "2025-02-30", "2025-1-1", "2025-10-10 ", "newest", 2021, True, ["2021"]]
)
def test_what_is_no_date_is_refused(bad):
    with pytest.raises(ValueError, match=r"^date must be a day, a month or a year such as ") as refusal:
        venue("binance").table("ETHUSDT", date=bad)
    assert str(refusal.value).endswith(f", not {bad!r}")
    with pytest.raises(ValueError, match=r"^date must be a day, a month or a year such as "):
        venue("binance", date=bad)


# --- how they liquidate ---------------------------------------------------------------------------------------

RULES = {name: venue(name).rules.value for name in venue_names()}


@pytest.mark.parametrize("name", venue_names())
def test_a_venues_rules_charge_what_its_fees_say_and_tell_what_they_leave_out(name):
    assert isinstance(RULES[name], Rules)
    assert RULES[name].trading_fee == (0.0 if venue(name).fees is None else venue(name).fees.value["taker"])
    assert venue(name).rules.note.endswith(".")


def account_at(name, notional, *, mode="isolated", leverage=10, balance=None):
    """Return a long of so much notional in the venue's first linear contract, or at a flat rate where none is known."""
    one = venue(name)
    known = (one.contract(symbol) for symbol in one.symbols[:3])
    linear = (
        contract for contract in known if contract.kind == "linear" and contract.tiers.max_leverage[0] >= leverage
    )
    contract = next(linear, Contract("BTC", Tiers.flat(0.005, max_leverage=50)))
    size = notional / 50_000 / contract.multiplier
    position = Position(contract, size, 50_000.0, mode=mode, leverage=leverage)
    stake = notional / leverage * 1.5 if balance is None else balance
    return Account.open([position], balance=stake, convention=one.convention.value)


def fall(account, share):
    """Return a path whose only step is this share of the way from entry to the liquidation price."""
    entry, limit = account.entry[0], account.liquidation_price()[0]
    return [[entry - share * (entry - limit)]]


@pytest.mark.parametrize("name", venue_names())
def test_a_position_lives_up_to_its_liquidation_price_and_not_beyond(name):
    account = account_at(name, 20_000)
    for share, lives in ((0.999, True), (1.001, False)):
        assert (simulate(account, fall(account, share), rules=RULES[name]).size[0] == account.size[0]) == lives


@pytest.mark.parametrize(
    ("name", "notional", "kinds"),
    [
        # Its liquidation fee is above the rate: closing in part cures nothing, and the fee takes what is left.
        ("binance", 20_000, ["taken over"]),
        ("bybit", 20_000, ["taken over", "fund received"]),
        ("okx", 20_000, ["taken over", "fund received"]),
        # In one go: up to 100,000 it is not closed in parts.
        ("hyperliquid", 20_000, ["liquidated"]),
        ("hyperliquid", 200_000, ["reduced"]),
    ],
)
def test_each_venue_liquidates_in_its_own_way(name, notional, kinds):
    account = account_at(name, notional)
    ledger = simulate(account, fall(account, 1.001), rules=RULES[name]).ledger
    assert [entry.kind for entry in ledger] == kinds


def test_dydx_closes_a_tenth_at_a_time_and_as_its_fee_is_above_the_rate_goes_on_to_the_end():
    ledger = simulate(account_at("dydx", 20_000), fall(account_at("dydx", 20_000), 1.001), rules=RULES["dydx"]).ledger
    assert [entry.kind for entry in ledger] == ["reduced"] * 8 + ["taken over"]
    assert RULES["dydx"].liquidation_fee > venue("dydx").contract("BTC-USD").tiers.rates[0]


@pytest.mark.parametrize(("name", "down"), [("bybit", 1), ("okx", 2)])
def test_large_positions_go_down_the_brackets_first(name, down):
    symbols = {"bybit": ["BTCUSDT"], "okx": ["BTC-USDT-SWAP", "ETH-USDT-SWAP"]}[name]
    linear = [venue(name).contract(symbol, date="2025") for symbol in symbols]
    contract = max(linear, key=lambda contract: len(contract.tiers.floors))
    tiers = contract.tiers
    amount = tiers.floors[-1] * 1.2
    size = amount if tiers.measured_in == "contracts" else amount / 50_000 / contract.multiplier
    leverage = tiers.leverage_limit(amount)
    position = Position(contract, size, 50_000.0, mode="isolated", leverage=leverage)
    account = Account.of([position], convention=venue(name).convention.value)
    first = simulate(account, fall(account, 1.0001), rules=RULES[name]).ledger[0]
    brackets = [
        tiers.bracket(contract.bracket_amount(balance.size, price))
        for balance, price in ((first.before, first.price), (first.after, first.price))
    ]
    assert (first.kind, brackets[0] - brackets[1]) == ("reduced", down)


def test_below_two_thirds_of_maintenance_hyperliquid_takes_over():
    account = account_at("hyperliquid", 200_000)
    entry, limit = account.entry[0], account.liquidation_price()[0]
    ruin = account.bankruptcy_price()[0]
    for share, kind in ((0.5, "taken over"), (0.9, "reduced")):
        mark = ruin + share * (limit - ruin)
        assert entry > mark
        assert simulate(account, [[mark]], rules=RULES["hyperliquid"]).ledger[0].kind == kind


def test_isolated_funding_comes_out_of_the_wallet_first_at_bybit_only():
    for name in venue_names():
        account = account_at(name, 20_000)
        outcome = simulate(account, [[50_000.0]], rules=RULES[name], funding=0.001)
        paid = (account.wallet - outcome.wallet, account.margin[0] - outcome.margin[0])
        assert paid == pytest.approx((20.0, 0.0) if name == "bybit" else (0.0, 20.0), abs=1e-6)


@pytest.mark.parametrize("name", venue_names())
def test_modes_switch_with_a_position_open_as_the_venue_lets_them(name):
    account = account_at(name, 20_000)
    whole, one = Switch(step=0, mode="cross"), Switch(step=0, mode="cross", position=0)
    rule = RULES[name].switching
    for action, allowed in ((one, rule == "open"), (whole, rule in ("open", "account"))):
        if allowed:
            assert not simulate(account, [[50_000.0]], rules=RULES[name], actions=[action]).isolated.any()
        else:
            with pytest.raises(ValueError, match=r"Switch\(step=0.*is refused: the venue "):
                simulate(account, [[50_000.0]], rules=RULES[name], actions=[action])


# --- what venues do, in words ---------------------------------------------------------------------------------

PRACTICES = [one for topic in TOPICS for one in practices(topic)]
# What the rules of a topic may be called; "" where none is known or fits. The others are told in words alone.
CALLED = {
    "switching": {"flat", "order", "account", "open", ""},
    "funding": {"margin", "wallet", "close", ""},
    "leverage": {"same", "sum", "larger", "isolated only", ""},
    "trigger": {"mark", "oracle", ""},
    "order": {"random", "largest loss", "all at once", "futures first", "liquidator's choice", ""},
    "ADL trigger": {"fund", "fall", "equity", "unmatched", "socialised", "pool"},
}


@pytest.mark.parametrize("one", PRACTICES, ids=[f"{one.topic}-{one.venue}" for one in PRACTICES])
def test_every_practice_is_a_sentence_with_a_source_a_date_and_a_confidence(one):
    assert isinstance(one, Practice)
    assert is_sourced(one)
    assert one.value.endswith(".")
    assert one.rule in CALLED.get(one.topic, {""})


@pytest.mark.parametrize("topic", TOPICS)
def test_a_venue_is_listed_once_a_topic(topic):
    listed = [one.venue for one in practices(topic)]
    assert listed
    assert len(set(listed)) == len(listed)
    assert {one.topic for one in practices(topic)} == {topic}


def test_venues_switch_as_their_rules_say():
    stated = {one.venue: one for one in practices("switching")}
    for name in venue_names():
        one = venue(name)
        if one.switching is not None:
            assert stated[one.title].rule == ("" if "switching" in one.rules.assumed else one.rules.value.switching)
            assert stated[one.title].value == one.switching.value


def test_switching_goes_both_ways_alike_but_at_one_venue():
    ways = {one.venue: (one.rule, one.back) for one in practices("switching")}
    assert {venue: way for venue, way in ways.items() if way[0] != way[1]} == {"MEXC Coin-M": ("open", "flat")}
    assert {one.back for topic in TOPICS if topic != "switching" for one in practices(topic)} == {""}


def test_where_the_pocket_that_pays_funding_is_known_the_rules_take_it_from_there():
    pockets = {one.venue: one.rule for one in practices("funding")}
    for name in venue_names():
        known = pockets.get(venue(name).title)
        assert ("isolated_funding" in venue(name).rules.assumed) == (not known)
        if known:
            assert RULES[name].isolated_funding == known


def test_an_order_of_closing_is_in_the_rules_only_where_the_venue_documents_it():
    documented = [name for name in venue_names() if "order" not in venue(name).rules.assumed]
    assert documented == ["dydx", "bitmex", "bingx"]
    assert [venue(name).rules.value.order for name in documented] == ["random", "all at once", "largest loss"]
    assert [one.venue for one in practices("order") if one.rule == "largest loss"] == ["BingX"]


@pytest.mark.parametrize("bad", ["fees", "Switching", "", None])
def test_an_unknown_topic_is_refused_with_the_known_ones(bad):
    with pytest.raises(ValueError, match=r"^topic must be one of ") as refusal:
        practices(bad)
    assert str(refusal.value) == f"topic must be one of {', '.join(map(repr, TOPICS))}, not {bad!r}"


# --- collateral -----------------------------------------------------------------------------------------------

# What venues' pages say, by hand: what counts of so much, at a price.
COUNTED = [
    ("binance", None, "BTC", 2, 50_000, 95_000),
    ("binance", None, "FDUSD", 1_000, 1, 989),
    ("bybit", None, "BTC", 15, 100_000, 1_455_000),
    ("bybit", None, "BTC", 60, 1, 44.8),
    ("okx", None, "USDT", 11_000_000, 1, 10_300_000),
    ("okx", "2024-07-17", "BETH", 3_000, 1_000, 2_050_000),
    ("okx", "2024-07-18", "BETH", 3_000, 1_000, 2_750_000),
    ("bitget", None, "BTC", 10, 60_000, 582_000),
    ("mexc", None, "BTC", 2, 1, 1.945),
    ("krakenfutures", "2024", "BTC", 0.5, 35_000, 16_975),
    ("krakenfutures", None, "USDT", 100, 1, 99),
    ("bitmex", None, "XBT", 1, 100, 98),
    ("htx", None, "BTC", 1, 1_000, 950),
    ("aster", None, "WBETH", 1, 1_000, 900),
]


@pytest.mark.parametrize(("name", "date", "asset", "amount", "price", "counted"), COUNTED)
def test_collateral_counts_as_the_venue_says(name, date, asset, amount, price, counted):
    said = venue(name, date=date).collateral_ratio(asset)
    assert said.value.counted(amount, price) == pytest.approx(counted)
    assert said.confidence in ("A", "B", "C")
    assert said.date
    assert said.source


def test_every_ratio_that_is_stated_is_one():
    stated = {(name, asset) for name in venue_names() for asset in venue(name).collateral_assets}
    assert len(stated) == 44
    lost = {("krakenfutures", "BTC"), ("krakenfutures", "ETH")}
    for name, asset in stated - lost:
        assert 0 < venue(name).collateral_ratio(asset).value.ratios[0] <= 1
    for name, asset in lost:
        assert_refused(lambda name=name, asset=asset: venue(name).collateral_ratio(asset), "asset", "2025-02-27")


@pytest.mark.parametrize(("name", "asset", "known"), [("binance", "DOGE", "FDUSD"), ("dydx", "BTC", "of none")])
def test_a_ratio_that_is_not_known_is_refused_by_name(name, asset, known):
    call = lambda: venue(name).collateral_ratio(asset)  # noqa: E731
    assert_refused(call, "asset", repr(asset))
    assert_refused(call, "asset", known)


def test_venues_convert_collateral_as_they_say_and_others_only_when_they_liquidate():
    said = {name: venue(name).rules.value.conversion for name in venue_names()}
    assert {name for name, one in said.items() if one != Conversion()} == {"binance", "krakenfutures", "aster"}
    assert (said["binance"].above, said["aster"].above) == (5_000, 10_000)
    assert said["binance"].fee_of("BTC") == 0.025
    kraken = said["krakenfutures"]
    assert (kraken.above, kraken.with_losses, kraken.order) == (30_000, True, "lowest haircut")
    assert [kraken.fee_of(asset) for asset in ("USDT", "BTC")] == [0.0005, 0.005]
    assert venue("binance").rules_for(["SOLUSDT"]).conversion == said["binance"]
