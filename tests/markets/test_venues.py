"""Venues: everything they state has a source, their brackets fit together, and unknown ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import Account, Contract, Convention, Position, Rules, Switch, Tiers, Venue, simulate, venue, venue_names
from marginlab.markets.venues import TOPICS, Practice, practices

SOURCED = [(name, what) for name in venue_names() for what in ("convention", "fees", "switching", "rules")]
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
    assert venue_names() == ("binance", "bybit", "okx", "hyperliquid", "dydx")
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
    assert 0 <= one.fees.value["maker"] <= one.fees.value["taker"] < 0.001
    assert one.switching.value.endswith(".")


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
def test_the_newest_table_of_a_symbol_comes_first_and_is_the_one_returned(name):
    one = venue(name)
    for symbol in {table.contract.symbol for table in one.tables}:
        # Dates are of unequal precision ("2021", "2024-11-28"), but all begin with the year and sort as text.
        dates = [table.date for table in one.tables if table.contract.symbol == symbol]
        assert dates == sorted(set(dates), reverse=True)
        assert one.table(symbol).date == dates[0]
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
#   dYdX: the protocol's genesis.
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
        ("okx", "ETHUSDT", "2021-06-11", 3_000, 0.004, 125),
        ("okx", "ETHUSDT", "2021-06-11", 3_001, 0.005, 100),
        ("hyperliquid", "BTC", "2026-09-27", 1_000_000, 1 / 40 / 2, 40),
        ("hyperliquid", "ETH", "2026-09-27", 1_000_000, 1 / 25 / 2, 25),
        ("dydx", "BTC-USD", "2026-03-04", 1_000_000, 0.03, 20),
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


def test_known_conventions():
    # Binance's worked example takes maintenance at the price being solved for; Bybit's 2022 one froze it at entry.
    assert venue("binance").convention.value.maintenance_at == "liquidation"
    assert venue("bybit").convention.value.maintenance_at == "entry"
    # dYdX liquidates only below maintenance, OKX at it.
    assert not venue("dydx").convention.value.at_equality
    assert venue("okx").convention.value.at_equality


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["ftx", "Binance", "", None, 1, ["binance"]])
def test_an_unknown_venue_is_refused_with_the_known_ones(bad):
    listed = ", ".join(repr(name) for name in venue_names())
    with pytest.raises(ValueError, match=r"^name must be one of ") as refusal:
        venue(bad)
    assert str(refusal.value) == f"name must be one of {listed}, not {bad!r}"


@pytest.mark.parametrize("name", venue_names())
@pytest.mark.parametrize("bad", ["NOUSDT", "btcusdt", "", None, 5, ["BTCUSDT"]])
def test_an_unknown_symbol_is_refused_with_some_of_the_known_ones(name, bad):
    one = venue(name)
    for ask in (one.table, one.contract):
        with pytest.raises(ValueError, match=r"^symbol must be one of ") as refusal:
            ask(bad)
        said = str(refusal.value)
        assert repr(one.tables[0].contract.symbol) in said
        assert said.endswith(f", not {bad!r}")
        assert len(said) < 300


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


# --- how they liquidate ---------------------------------------------------------------------------------------

RULES = {name: venue(name).rules.value for name in venue_names()}


@pytest.mark.parametrize("name", venue_names())
def test_a_venues_rules_charge_what_its_fees_say_and_tell_what_they_leave_out(name):
    assert isinstance(RULES[name], Rules)
    assert RULES[name].trading_fee == venue(name).fees.value["taker"]
    assert venue(name).rules.note.endswith(".")


def account_at(name, notional, *, mode="isolated", leverage=10, balance=None):
    """Return a long of so much notional in the venue's first linear contract, and its entry."""
    one = venue(name)
    contract = next(table.contract for table in one.tables if table.contract.kind == "linear")
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
        ("dydx", 20_000, ["liquidated"]),
    ],
)
def test_each_venue_liquidates_in_its_own_way(name, notional, kinds):
    account = account_at(name, notional)
    ledger = simulate(account, fall(account, 1.001), rules=RULES[name]).ledger
    assert [entry.kind for entry in ledger] == kinds


@pytest.mark.parametrize(("name", "down"), [("bybit", 1), ("okx", 2)])
def test_large_positions_go_down_the_brackets_first(name, down):
    linear = [table.contract for table in venue(name).tables if table.contract.kind == "linear"]
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
        assert paid == pytest.approx((20.0, 0.0) if name == "bybit" else (0.0, 20.0))


@pytest.mark.parametrize("name", venue_names())
def test_modes_switch_with_a_position_open_as_the_venue_lets_them(name):
    account = account_at(name, 20_000)
    whole, one = Switch(step=0, mode="cross"), Switch(step=0, mode="cross", position=0)
    for action, allowed in ((one, False), (whole, name == "bybit")):
        if allowed:
            assert not simulate(account, [[50_000.0]], rules=RULES[name], actions=[action]).isolated.any()
        else:
            with pytest.raises(ValueError, match=r"Switch\(step=0.*is refused: the venue "):
                simulate(account, [[50_000.0]], rules=RULES[name], actions=[action])


# --- what venues do, in words ---------------------------------------------------------------------------------

PRACTICES = [one for topic in TOPICS for one in practices(topic)]
# What the rules of each topic may be called; "" where none is known.
CALLED = {
    "switching": {"flat", "order", "account", "open"},
    "liquidation": {""},
    "funding": {"margin", "wallet", "close", ""},
    "leverage": {"same", "sum", "net", "isolated only"},
    "trigger": {"mark", "oracle"},
}


@pytest.mark.parametrize("one", PRACTICES, ids=[f"{one.topic}-{one.venue}" for one in PRACTICES])
def test_every_practice_is_a_sentence_with_a_source_a_date_and_a_confidence(one):
    assert isinstance(one, Practice)
    assert is_sourced(one)
    assert one.value.endswith(".")
    assert one.rule in CALLED[one.topic]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_venue_is_listed_once_a_topic(topic):
    listed = [one.venue for one in practices(topic)]
    assert listed
    assert len(set(listed)) == len(listed)
    assert {one.topic for one in practices(topic)} == {topic}


def test_the_venues_with_brackets_switch_as_their_rules_say():
    stated = {one.venue: one for one in practices("switching")}
    for name in venue_names():
        one = venue(name)
        assert stated[one.title].rule == one.rules.value.switching
        assert stated[one.title].value == one.switching.value


def test_where_the_pocket_that_pays_funding_is_known_the_rules_take_it_from_there():
    pockets = {one.venue: one.rule for one in practices("funding")}
    for name in venue_names():
        if pockets.get(venue(name).title):
            assert RULES[name].isolated_funding == pockets[venue(name).title]


@pytest.mark.parametrize("bad", ["fees", "Switching", "", None])
def test_an_unknown_topic_is_refused_with_the_known_ones(bad):
    with pytest.raises(ValueError, match=r"^topic must be one of ") as refusal:
        practices(bad)
    assert str(refusal.value) == f"topic must be one of {', '.join(map(repr, TOPICS))}, not {bad!r}"
