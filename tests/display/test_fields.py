"""An account as it stands in fields: what an edit leaves of what else was said of it, and what a move does."""

from __future__ import annotations

import json

import pytest

from marginlab import venue, venue_names
from marginlab.display.entry import Entry
from marginlab.display.fields import ABOUT, WrongEntryError, entry_of, moved, own_of, portfolio_of, rows_of, sizes_in
from marginlab.portfolio import Portfolio, preset, preset_names

POSITION = {"symbol": "BTCUSDT", "side": "long", "size": "0.5", "entry": "60000", "mode": "cross", "leverage": "10"}
ASSET = {"asset": "BTC", "amount": "0.1"}
ORDER = {"symbol": "ETHUSDT", "side": "sell", "size": "2", "price": "3300", "leverage": "5"}
# What else was said of each when it came.
SAID = {
    "positions": {"told_liquidation": "51000", "told_leverage": "9"},
    "collateral": {"ratio": "0.5"},
    "orders": {"mode": "isolated", "reduce_only": True},
}
ROWS = {"positions": POSITION, "collateral": ASSET, "orders": ORDER}
ACCOUNT = {
    "title": "",
    "venue": "binance",
    "wallet": "9000",
    "date": "",
    "note": "mine",
    "brackets": "",
    "held": True,
    "remarks": ["as it was read"],
} | {part: [{**row, "was": {**row, **SAID[part]}}] for part, row in ROWS.items()}


def edited(part, **change):
    """Return what holds of the one row of a part after an edit of it."""
    (row,) = rows_of({part: [{**ACCOUNT[part][0], **change}]}, part)
    return row


# --- edited ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ABOUT)
def test_what_else_was_said_of_a_row_holds_while_the_row_is_as_it_came(part):
    assert edited(part) == {**ROWS[part], **SAID[part]}


@pytest.mark.parametrize(("part", "field"), [(part, field) for part, fields in ABOUT.items() for field in fields])
def test_it_holds_no_more_once_the_row_is_about_something_else(part, field):
    assert edited(part, **{field: "other"}) == {**ROWS[part], field: "other"}


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("positions", "leverage"),
        ("positions", "mode"),
        ("collateral", "amount"),
        ("orders", "price"),
        ("orders", "size"),
    ],
)
def test_a_field_of_its_own_goes_before_what_was_said_and_leaves_the_rest(part, field):
    assert edited(part, **{field: "7"}) == {**ROWS[part], **SAID[part], field: "7"}


def test_blanks_around_a_value_make_no_other_row_of_it():
    assert "told_liquidation" in edited("positions", size=" 0.5 ")


def test_an_order_that_only_closes_still_does_at_another_price():
    order = portfolio_of({**ACCOUNT, "orders": [{**ACCOUNT["orders"][0], "price": "3400"}]}).orders[0]
    assert (order.price, order.mode, order.reduce_only) == (3_400, "isolated", True)


@pytest.mark.parametrize("part", ABOUT)
@pytest.mark.parametrize("was", ["before", 5, ["symbol"], None])
def test_a_row_that_came_without_names_is_refused_as_what_it_is(part, was):
    with pytest.raises(WrongEntryError) as refusal:
        portfolio_of({**ACCOUNT, part: [{**ROWS[part], "was": was}]})
    (problem,) = refusal.value.problems
    assert (problem.part, problem.row) == (part, 0)
    assert "is no field" in problem.reason
    assert str(problem).startswith(f"{part} 1, ")


def test_what_is_said_beside_the_fields_is_refused_like_a_field():
    with pytest.raises(WrongEntryError) as refusal:
        portfolio_of({**ACCOUNT, "positions": [{**POSITION, "was": {**POSITION, "told_ratio": "high"}}]})
    assert refusal.value.problems[0][:3] == ("positions", 0, "told_ratio")


@pytest.mark.parametrize("name", preset_names())
def test_an_account_comes_back_from_the_fields_with_how_it_was_read(name):
    kept = (
        Portfolio.of_rows(preset(name).rows(), venue="binance", wallet=5_000, remarks=["as it was read"], held=True)
        if preset(name).venue == "binance"
        else preset(name)
    )
    assert portfolio_of(entry_of(kept)) == kept


def test_what_is_remarked_is_remarked_once():
    entry = {**ACCOUNT, "collateral": [{"asset": "DOGE", "amount": "5"}]}
    kept = portfolio_of(entry)
    assert kept.remarks == ("as it was read", "DOGE counts for nothing: no position tells its price")
    assert portfolio_of(entry_of(kept)).remarks == kept.remarks


@pytest.mark.parametrize("remarks", [5, [5]])
def test_remarks_that_are_no_words_are_refused(remarks):
    with pytest.raises(WrongEntryError, match="remarks"):
        portfolio_of({**ACCOUNT, "remarks": remarks})


@pytest.mark.parametrize(
    ("where", "symbol", "unit"),
    [
        ("binance", "BTCUSDT", ""),
        ("okx", "ETH-USDT-SWAP", "contracts of 0.1 ETH"),
        ("okx", "BTC-USD-SWAP", "contracts of 100 USD"),
        ("bitmex", "XBTUSD", "USD"),
        ("bitmex", "XBTUSDT", "contracts of 0.000001 BTC"),
        ("mexc", "1000BONK_USDC", "contracts of 100 x 1000BONK"),
        ("mexc", "CAT_USDT", "contracts of 100,000 CAT"),
        ("okx", "", ""),
        ("nowhere", "BTCUSDT", ""),
    ],
)
def test_what_a_size_counts_is_said_where_that_is_not_coins(where, symbol, unit):
    entry = {**ACCOUNT, "venue": where, "positions": [{**POSITION, "symbol": symbol}]}
    assert sizes_in(entry) == [unit]


def test_what_is_wrong_with_a_notional_is_said_where_a_size_would_stand():
    row = {name: value for name, value in POSITION.items() if name != "size"}
    with pytest.raises(WrongEntryError) as refusal:
        portfolio_of({**ACCOUNT, "positions": [{**row, "notional": "-1"}]})
    assert [one[:3] for one in refusal.value.problems] == [("positions", 0, "size")]
    assert refusal.value.problems[0].reason.startswith("must be greater than 0")


# --- at another venue -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", venue_names())
def test_at_another_venue_each_market_keeps_its_coin(to):
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    there = moved({**ACCOUNT, "positions": [{**POSITION, "symbol": one} for one in symbols]}, to)
    for row, symbol, coin in zip(there["positions"], symbols, ("BTC", "ETH", "SOL"), strict=True):
        if row["symbol"] in venue(to).symbols:
            assert venue(to).contract(row["symbol"]).underlying == coin
        else:
            assert row["symbol"] == symbol


@pytest.mark.parametrize(
    ("here", "symbol", "to", "there"),
    [
        ("binance", "BTCUSDT", "okx", "BTC-USDT-SWAP"),  # settles alike
        ("okx", "BTC-USDT-SWAP", "hyperliquid", "BTC"),
        ("hyperliquid", "BTC", "binance", "BTCUSDC"),  # settles alike
        ("binance", "BTCUSDT", "bybit", "BTCUSDT"),  # is called alike
        ("binance", " DOGEUSDT ", "dydx", "DOGE-USD"),
        ("binance", "WIFUSDT", "dydx", "WIFUSDT"),  # there is none
        ("binance", "NOSUCHUSDT", "okx", "NOSUCHUSDT"),
        ("binance", "", "okx", ""),
        ("nowhere", "BTCUSDT", "okx", "BTCUSDT"),
        ("binance", "BTCUSDT", "other", "BTCUSDT"),
    ],
)
def test_the_contract_that_is_most_alike_takes_its_place(here, symbol, to, there):
    entry = {
        **ACCOUNT,
        "venue": here,
        "positions": [{**POSITION, "symbol": symbol}],
        "orders": [{**ORDER, "symbol": symbol}],
    }
    found = moved(entry, to)
    assert [row["symbol"].strip() for part in ("positions", "orders") for row in found[part]] == [there] * 2


@pytest.mark.parametrize(
    ("here", "symbol", "size", "to", "there"),
    [
        ("okx", "ETH-USDT-SWAP", "30", "bybit", "3"),  # contracts of 0.1 coins
        ("binance", "BTCUSDT", "0.4", "okx", "40"),  # contracts of 0.01 coins
        ("okx", "BTC-USDT-SWAP", " 7 ", "bitmex", "70000"),  # contracts of a millionth
        ("krakenfutures", "PI_XBTUSD", "30000", "bybit", "0.5"),  # dollars, at 60,000
        ("binance", "BTCUSDT", "0.5", "krakenfutures", "30000"),
        ("okx", "BTC-USD-SWAP", "3", "krakenfutures", "300"),  # both in dollars
        ("binance", "BTCUSDT", "0.1000000000001", "bybit", "0.1000000000001"),  # nothing to count
        ("okx", "ETH-USDT-SWAP", "a lot", "bybit", "a lot"),
        ("okx", "ETH-USDT-SWAP", "", "bybit", ""),
    ],
)
@pytest.mark.parametrize(("part", "price"), [("positions", "entry"), ("orders", "price")])
def test_it_stays_as_large_in_coins(here, symbol, size, to, there, part, price):
    row = {**ROWS[part], "symbol": symbol, "size": size, price: "60000"}
    (found,) = moved({**ACCOUNT, "venue": here, part: [row]}, to)[part]
    assert (found["size"], found["symbol"]) == (there, found["symbol"])
    assert found["symbol"] in venue(to).symbols


def test_dollars_are_no_coins_without_a_price():
    row = {**POSITION, "size": "0.5", "entry": "soon"}
    assert moved({**ACCOUNT, "positions": [row]}, "krakenfutures")["positions"][0]["size"] == "0.5"


def test_brackets_of_ones_own_go_along():
    entry = {**ACCOUNT, "brackets": "NEWUSDT 0.02", "positions": [{**POSITION, "symbol": "NEWUSDT"}]}
    assert own_of(entry).symbols == ("NEWUSDT",)
    assert moved(entry, "bybit")["positions"][0]["symbol"] == "NEWUSDT"


def test_at_another_venue_nothing_holds_that_the_venue_before_said():
    found = moved(ACCOUNT, "bybit")
    assert (found["venue"], found["held"], found["remarks"]) == ("bybit", False, [])
    assert found["positions"] == [POSITION]
    assert found["collateral"] == [ASSET]
    # An order is the reader's own, and so is what the account is called.
    assert found["orders"] == [{**ORDER, **SAID["orders"]}]
    assert {name: found[name] for name in ("wallet", "note", "date")} == {"wallet": "9000", "note": "mine", "date": ""}
    kept = portfolio_of(found)
    assert kept.told == ()
    assert kept.collateral[0].ratio == venue("bybit").collateral_ratio("BTC").value


def test_what_cannot_be_answered_for_moves_as_it_is():
    wrong = {**ACCOUNT, "wallet": "much", "positions": [{**POSITION, "size": "?"}, {}], "orders": [{"symbol": 5}]}
    found = moved(wrong, "okx")
    assert found["positions"] == [{**POSITION, "symbol": "BTC-USDT-SWAP", "size": "?"}, {}]
    assert (found["wallet"], found["orders"]) == ("much", [{"symbol": 5}])


def test_there_is_no_way_to_what_is_no_venue():
    with pytest.raises(ValueError, match="name must be one of"):
        moved(ACCOUNT, "nowhere")


@pytest.mark.parametrize("to", [name for name in venue_names() if venue(name).symbols and name != "binance"])
def test_beside_a_kernel_an_account_moves_as_its_entry_does(to):
    start = portfolio_of({**ACCOUNT, "positions": [{**POSITION, "told_liquidation": "51000"}]})
    entry = Entry(start, print)
    entry.fields["venue"].input.value = to
    there = moved(entry_of(start), to)
    offered = there["positions"][0]["symbol"] in venue(to).symbols
    assert (entry.rows[0].fields["symbol"].input.value is not None) == offered
    if entry.portfolio is not None:
        assert entry.portfolio == portfolio_of(there)
        return
    with pytest.raises(WrongEntryError):
        portfolio_of(there)


def test_an_entry_can_be_written_down():
    assert json.loads(json.dumps(moved(ACCOUNT, "okx"))) == moved(ACCOUNT, "okx")
