"""The fields of an account: what they say, what is wrong said beside the field, and nothing lost on the way."""

from __future__ import annotations

import dataclasses
import re

import pytest

from marginlab import venue, venue_names
from marginlab.display.entry import NEWEST, Entry
from marginlab.markets.brackets import symbols_like
from marginlab.portfolio import Portfolio, preset, preset_names

PAIR = preset("hedged-pair")


@pytest.fixture
def entry():
    return Entry(PAIR, print)


def written(field):
    """Return what a field says is wrong with it, as it is read."""
    return re.sub("<[^>]+>", "", field.wrong.value)


def put(entry, row, field, value):
    entry.rows[row].fields[field].input.value = value


@pytest.mark.parametrize("name", preset_names())
def test_an_account_comes_back_from_the_fields_as_it_went_in(entry, name):
    entry.show(preset(name))
    assert entry.portfolio == preset(name)


def test_every_change_is_handed_on_once():
    seen = []
    entry = Entry(PAIR, seen.append)
    put(entry, 0, "size", "0.5")
    assert len(seen) == 2
    assert [one.positions[0].size for one in seen] == [0.4, 0.5]


def test_a_margin_may_stand_below_0(entry):
    put(entry, 0, "mode", "isolated")
    put(entry, 0, "margin", "-125")
    assert entry.portfolio.positions[0].margin == -125


def test_an_amount_can_be_what_it_is_worth_at_entry(entry):
    put(entry, 0, "unit", "worth at entry")
    put(entry, 0, "size", "38542.25")
    assert entry.portfolio.positions[0].size == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("size", "a lot", "must be a number such as 1500 or 0.25, without separators, not 'a lot'"),
        ("size", "", "must be given, or the notional"),
        ("entry", "-5", "must be greater than 0"),
        ("entry", "1,500", "must be a number such as 1500"),
        ("mark", "nan", "must be a number such as"),
        ("leverage", "0", "must be greater than 0"),
        ("margin", "-1", "must"),
        ("margin", "<b>", "must be a number such as"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_goes_when_it_is_mended(entry, field, value, reason):
    before = entry.rows[1].fields[field].input.value
    put(entry, 1, field, value)
    assert entry.portfolio is None
    assert written(entry.rows[1].fields[field]).replace("&#x27;", "'").startswith(reason)
    others = [one for row in entry.rows for name, one in row.fields.items() if (row, name) != (entry.rows[1], field)]
    assert not [one.wrong.value for one in others if one.wrong.value]
    put(entry, 1, field, before)
    assert entry.portfolio == PAIR
    assert not entry.rows[1].fields[field].wrong.value


def test_a_wallet_that_is_no_number_is_said_beside_the_wallet(entry):
    entry.fields["wallet"].input.value = "much"
    assert "must be a number" in written(entry.fields["wallet"])


def test_what_belongs_to_no_one_field_is_said_below():
    # Two currencies in one account.
    entry = Entry(preset("funding-carry"), print)
    entry.add.click()
    put(entry, 1, "symbol", next(one for one in venue("okx").symbols if one.startswith("ETH")))
    put(entry, 1, "size", "1")
    put(entry, 1, "entry", "70000")
    assert entry.portfolio is None
    assert "currency" in entry.rest.value


def test_a_position_is_added_empty_and_can_be_removed(entry):
    entry.add.click()
    assert entry.portfolio is None
    assert written(entry.rows[2].fields["entry"]) == "must be given"
    entry.rows[2].widget.children[0].children[-1].click()
    assert entry.portfolio == PAIR


def test_a_form_has_room_for_twenty_positions(entry):
    while not entry.add.disabled:
        entry.add.click()
    assert len(entry.rows) == 20
    for _ in range(20):
        entry.rows[0].widget.children[0].children[-1].click()
    assert entry.portfolio is None
    assert "positions must be 1 to 500, not 0" in entry.rest.value


TOLD = {**dict.fromkeys(("told_liquidation", "told_maintenance"), 100.0), "symbol": "BTCUSDT", "side": "long"} | {
    "size": 0.5,
    "entry": 60_000.0,
    "leverage": 500,
}
HELD = Portfolio.of_rows([TOLD], venue="binance", wallet=5_000, held=True, remarks=["as it was read"])


def test_what_an_exchange_said_stays_until_the_position_is_another(entry):
    entry.show(HELD)
    assert entry.portfolio == HELD
    put(entry, 0, "mark", "61000")
    assert entry.portfolio.told == HELD.told
    put(entry, 0, "size", "0.4")
    assert (entry.portfolio.told, entry.portfolio.held) == ((), True)


def test_at_another_venue_nothing_that_was_said_holds(entry):
    entry.show(HELD)
    entry.fields["venue"].input.value = "okx"
    put(entry, 0, "leverage", "10")
    assert (entry.portfolio.told, entry.portfolio.held, entry.portfolio.remarks) == ((), False, ())


def test_collateral_and_open_orders_go_along_to_another_venue_and_so_does_the_date(entry):
    order = {"symbol": "ETHUSDT", "side": "buy", "size": 1, "price": 1_500, "leverage": 5, "reduce_only": False}
    start = Portfolio.of_rows(
        PAIR.rows(), venue="binance", wallet=PAIR.wallet, date="2026-08-22", orders=[order], collateral={"USDC": 100}
    )
    entry.show(start)
    entry.fields["venue"].input.value = "bybit"
    assert [one.contract.symbol for one in entry.portfolio.orders] == ["ETHUSDT"]
    assert [one.asset for one in entry.portfolio.collateral] == ["USDC"]
    assert entry.portfolio.date == "2026-08-22"


@pytest.mark.parametrize("name", venue_names())
def test_at_another_venue_a_position_takes_the_contract_that_is_most_alike(entry, name):
    entry.fields["venue"].input.value = name
    for row, market in zip(entry.rows, ("BTC", "ETH"), strict=True):
        symbol, known = row.fields["symbol"], symbols_like(name, market)
        assert (symbol.input.value in known) if known else (symbol.input.value is None)
        assert bool(symbol.wrong.value) == (not known)
    entry.fields["venue"].input.value = "binance"


def test_a_contract_that_a_venue_lacks_is_asked_for_rather_than_guessed():
    rows = [{"symbol": symbol, "side": "long", "size": 1, "entry": 2} for symbol in ("DOGEUSDT", "WIFUSDT")]
    entry = Entry(Portfolio.of_rows(rows, venue="binance", wallet=100), print)
    entry.fields["venue"].input.value = "dydx"
    assert [row.fields["symbol"].input.value for row in entry.rows] == ["DOGE-USD", None]
    assert "must be one of 'BTC-USD', 'ETH-USD'" in written(entry.rows[1].fields["symbol"]).replace("&#x27;", "'")
    assert entry.portfolio is None
    # DOGE-USD settles in USDC; and what is asked for stays so, since where it came from is forgotten.
    entry.fields["venue"].input.value = "binance"
    assert [row.fields["symbol"].input.value for row in entry.rows] == ["DOGEUSDC", None]


def test_of_two_contracts_of_a_market_the_one_that_settles_alike_is_taken(entry):
    entry.fields["venue"].input.value = "okx"
    assert [row.fields["symbol"].input.value for row in entry.rows] == ["BTC-USDT-SWAP", "ETH-USDT-SWAP"]
    assert entry.portfolio.currency == "USDT"
    # There a size counts contracts, and that is said; they are as many coins as before.
    hints = [row.fields["size"].hint.value for row in entry.rows]
    assert hints == ["In contracts of 0.01 BTC", "In contracts of 0.1 ETH"]
    put(entry, 0, "unit", "worth at entry")
    assert entry.rows[0].fields["size"].hint.value == ""
    put(entry, 0, "unit", "size")
    assert entry.portfolio.account.notional(entry.portfolio.marks) == pytest.approx(
        PAIR.account.notional(PAIR.marks), rel=1e-12
    )
    entry.fields["venue"].input.value = "binance"
    assert [row.fields["size"].hint.value for row in entry.rows] == ["", ""]


def test_brackets_are_of_a_date_that_the_venue_has(entry):
    assert entry.fields["date"].input.value == NEWEST
    dates = {table.date for table in venue("binance").tables}
    assert set(entry.fields["date"].input.options) == {NEWEST, *dates}
    entry.fields["date"].input.value = "2024-11-28"
    assert entry.portfolio.date == "2024-11-28"


def test_a_date_between_two_tables_is_kept_and_offered():
    entry = Entry(dataclasses.replace(PAIR, date="2026-08-22"), print)
    assert "2026-08-22" in entry.fields["date"].input.options
    assert entry.portfolio.date == "2026-08-22"


def test_a_problem_with_no_field_of_the_row_is_said_under_the_row(entry):
    from marginlab.portfolio import Problem

    entry.rows[0].complain([Problem(0, "contracts", "must be alike")])
    assert "contracts must be alike" in entry.rows[0].rest.value
    assert isinstance(entry.portfolio, Portfolio)


# --- brackets of one's own --------------------------------------------------------------------------------------


def test_brackets_of_ones_own_are_offered_beside_the_venues(entry):
    entry.fields["brackets"].input.value = "NEWUSDT 0.02"
    assert entry.portfolio.positions == PAIR.positions
    assert entry.rows[0].fields["symbol"].input.options[-1] == "NEWUSDT"
    put(entry, 0, "symbol", "NEWUSDT")
    assert entry.portfolio.positions[0].contract.tiers.rates == (0.02,)
    # They go along to another venue, and what is added offers them too.
    entry.fields["venue"].input.value = "bybit"
    assert entry.rows[0].fields["symbol"].input.value == "NEWUSDT"
    entry.add.click()
    assert "NEWUSDT" in entry.rows[-1].fields["symbol"].input.options


def test_brackets_that_cannot_be_are_said_beside_them_and_their_contracts_go(entry):
    entry.fields["brackets"].input.value = "NEWUSDT 0.02"
    put(entry, 0, "symbol", "NEWUSDT")
    for wrong in ("NEWUSDT 2", "other.json", '{"NEWUSDT": []}'):
        entry.fields["brackets"].input.value = wrong
        assert entry.portfolio is None
        assert entry.fields["brackets"].wrong.value
        assert entry.rows[0].fields["symbol"].input.value is None
    entry.fields["brackets"].input.value = ""
    assert not entry.fields["brackets"].wrong.value


def test_an_account_in_brackets_of_ones_own_is_shown_with_them(entry):
    row = {"symbol": "NEWUSDT", "side": "long", "size": 3, "entry": 2.5, "rate": 0.02}
    held = Portfolio.of_rows([row], venue="binance", wallet=100)
    entry.show(held)
    assert entry.portfolio == held
    entry.show(PAIR)
    assert entry.portfolio == PAIR
    assert entry.fields["brackets"].input.value == ""
