"""What is entered: good rows become an account, bad ones are refused as a whole, each with its field and reason."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import ArgumentError, Brackets, Contract, Position, Tiers, venue, venue_names
from marginlab.comparison import compare
from marginlab.portfolio import Asset, EntryError, Portfolio, Problem
from marginlab.portfolio.portfolio import FIELDS, MOST_POSITIONS, Told

BTC = {"symbol": "BTCUSDT", "side": "long", "size": 0.5, "entry": 60_000, "leverage": 10}
ETH = {
    "symbol": "ETHUSDT",
    "side": "short",
    "size": 10,
    "entry": 3_000,
    "mark": 2_900,
    "mode": "isolated",
    "leverage": 5,
}
HELD = {"venue": "binance", "wallet": 5_000}


def entered(*rows, **account):
    return Portfolio.of_rows(rows, **{**HELD, **account})


def problems(*rows, **account):
    """Return what is wrong with rows, each as (row, field, reason)."""
    with pytest.raises(EntryError) as refusal:
        entered(*rows, **account)
    return [(one.row, one.field, one.reason) for one in refusal.value.problems]


# --- what is entered ------------------------------------------------------------------------------------------


def test_a_row_becomes_a_position_and_the_mark_is_the_entry_unless_one_is_given():
    held = entered(BTC, ETH)
    btc, eth = venue("binance").contract("BTCUSDT"), venue("binance").contract("ETHUSDT")
    assert held.positions == (
        Position(btc, 0.5, 60_000, leverage=10),
        Position(eth, -10, 3_000, mode="isolated", leverage=5, margin=6_000),
    )
    assert held.marks == (60_000, 2_900)
    assert (held.wallet, held.currency, held.date) == (5_000, "USDT", None)


def test_the_account_counts_as_its_venue_does():
    assert entered(BTC).account.convention == venue("binance").convention.value
    account = entered(BTC, ETH).account
    assert (account.wallet, account.margin.tolist(), account.mode) == (5_000, [0, 6_000], ("cross", "isolated"))


LONG, SHORT = (
    {"symbol": "BTCUSDT", "side": side, "size": size, "entry": entry, "leverage": 20}
    for side, size, entry in (("long", 0.2, 64_000), ("short", 0.15, 58_000))
)


def test_both_sides_of_a_market_share_a_mark_wherever_it_is_told():
    for rows in (
        ({**LONG, "mark": 60_000}, {**SHORT, "mark": "60000"}),
        ({**LONG, "mark": 60_000}, SHORT),
        (LONG, {**SHORT, "mark": 60_000}),
    ):
        held = entered(*rows, wallet=3_000)
        assert held.marks == (60_000, 60_000)
        # 3,000 - 4,100 + 0.05 P = 0.004 x 0.35 P
        assert held.account.liquidation_price(held.marks) == pytest.approx([1_100 / (0.05 - 0.0014)] * 2)


def test_from_one_entry_no_mark_is_needed():
    rows = [{**BTC, "size": 1, "leverage": 20, "side": side} for side in ("long", "short")]
    held = entered(*rows)
    assert held.marks == (60_000, 60_000)
    down, up = (held.account.liquidation_price(held.marks, toward=way).tolist() for way in ("down", "up"))
    assert (str(down), up) == ("[nan, nan]", [560_000, 560_000])


def test_two_marks_of_one_market_are_refused_beside_the_second():
    reason = "must be 60000, as for the other position in BTCUSDT, not 61000.5"
    assert problems({**LONG, "mark": 60_000}, ETH, {**SHORT, "mark": 61_000.5}) == [(2, "mark", reason)]


def test_where_entries_differ_a_mark_is_needed():
    reason = "must be given, where BTCUSDT is held from more than one entry"
    assert problems(LONG, ETH, SHORT) == [(2, "mark", reason)]


def test_two_marks_of_one_market_are_refused_of_positions_as_well():
    btc = venue("binance").contract("BTCUSDT")
    held = (Position(btc, 1, 60_000), Position(btc, -1, 60_000))
    with pytest.raises(ArgumentError, match=r"^marks must be one for all legs of a market, not 60,000 and 61,000"):
        Portfolio("binance", 5_000, held, (60_000, 61_000))


@pytest.mark.parametrize("mode", ["portfolio", "Portfolio margin", "portfolio_margin"])
def test_portfolio_margin_is_refused_by_its_name_and_not_taken_for_cross(mode):
    ((row, field, reason),) = problems({**BTC, "mode": mode})
    assert (row, field) == (0, "mode")
    assert reason.startswith("must be cross or isolated: portfolio margin is set by scenarios of the whole book")


def test_a_size_may_be_given_by_its_notional_at_entry():
    row = {**BTC, "size": None, "notional": 30_000}
    assert entered(row) == entered(BTC)
    inverse = {"symbol": "BTCUSD", "side": "short", "notional": 0.5, "entry": 50_000, "leverage": 2}
    # Half a coin at 50,000 is 25,000 USD, 250 contracts of 100.
    assert entered(inverse, venue="okx").positions[0].size == -250


def test_numbers_may_stand_there_as_text_and_empty_text_is_nothing():
    row = {
        "symbol": " BTCUSDT ",
        "side": "long",
        "size": "0.5",
        "entry": "6e4",
        "leverage": " 10",
        "margin": "",
        "mark": "",
    }
    assert entered(row, wallet="5000", date="") == entered(BTC)


def test_without_leverage_a_position_is_opened_at_the_limit_of_its_bracket():
    row = {**ETH, "leverage": None}
    # Up to 300,000 at 150x.
    assert entered(row).positions[0].margin == 30_000 / 150
    assert entered({**BTC, "leverage": None}).positions[0].leverage is None


def test_an_isolated_position_without_leverage_or_limit_needs_a_margin():
    row = {**ETH, "leverage": None}
    assert problems(row, date="2021") == [
        (0, "margin", "must be given, or the leverage, where the brackets set no limit")
    ]
    assert entered({**row, "margin": 500}, date="2021").positions[0].margin == 500


def test_older_tables_are_asked_for_by_their_date():
    held = entered(BTC, date="2021-03-18")
    assert held.positions[0].contract == venue("binance").contract("BTCUSDT", date="2021-03-18")


@pytest.mark.parametrize("name", venue_names())
def test_every_contract_of_every_venue_can_be_entered_and_its_rows_give_it_again(name):
    for symbol in venue(name).symbols:
        row = {"symbol": symbol, "side": "short", "size": 3, "entry": 1_234.5, "mode": "isolated", "leverage": 2}
        held = entered(row, venue=name, title="Mine", note="All of it")
        again = Portfolio.of_rows(held.rows(), venue=name, wallet=5_000, title="Mine", note="All of it")
        assert again == held
        assert set(held.rows()[0]) == set(FIELDS) - {"notional"}


@given(
    st.floats(1e-6, 1e6),
    st.floats(1e-3, 1e6),
    st.floats(1e-3, 1e6),
    st.sampled_from(["long", "short"]),
    st.none() | st.floats(0.1, 1),
    st.none() | st.floats(-1e9, 1e9),
)
def test_rows_of_a_portfolio_enter_it_again_without_loss(size, entry, mark, side, leverage, margin):
    row = {"symbol": "ETHUSDT", "side": side, "size": size, "entry": entry, "mark": mark, "leverage": leverage}
    if margin is not None:
        row |= {"mode": "isolated", "margin": margin}
    held = entered(row)
    assert entered(*held.rows()) == held


def test_what_is_not_said_of_an_account_is_empty():
    assert (entered(BTC).title, entered(BTC).note) == ("", "")


def test_positions_and_marks_are_kept_as_they_were_given_whatever_they_came_in():
    held, positions, marks = entered(BTC), list(entered(BTC).positions), [60_000]
    portfolio = Portfolio("binance", 5_000, positions, marks)
    positions.clear()
    marks.clear()
    assert portfolio == held


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"symbol": "NOUSDT"}, "symbol", "must be one of "),
        ({"symbol": None}, "symbol", "must be one of"),
        ({"side": "buy"}, "side", "must be one of 'long', 'short', not 'buy'"),
        ({"side": ""}, "side", "must be one of 'long', 'short', not None"),
        ({"size": -1}, "size", "must be greater than 0, not -1.0"),
        ({"size": 0}, "size", "must be greater than 0, not 0.0"),
        ({"size": "1,5"}, "size", "must be a number such as 1500 or 0.25, without separators, not '1,5'"),
        ({"size": "1_000"}, "size", "must be a number such as"),
        ({"size": "nan"}, "size", "must be a number such as"),
        ({"size": float("inf")}, "size", "must be finite, not inf"),
        ({"size": True}, "size", "must be a number"),
        ({"size": [1, 2]}, "size", "must be one number, not [1, 2]"),
        ({"size": None}, "size", "must be given, or the notional"),
        ({"notional": 100}, "size", "must be given, or the notional, and not both"),
        ({"entry": None}, "entry", "must be given"),
        ({"entry": "-5"}, "entry", "must be greater than 0, not -5.0"),
        ({"mark": 0}, "mark", "must be greater than 0, not 0.0"),
        ({"mode": "portfolio"}, "mode", "must be cross or isolated: portfolio margin is set by scenarios"),
        ({"leverage": 500}, "leverage", "must be at most 150 at this size, not 500"),
        ({"leverage": "ten"}, "leverage", "must be a number such as"),
        ({"margin": 100}, "margin", "must be left out in cross mode, where none is set aside, not 100.0"),
        ({"mode": "isolated", "margin": "-inf"}, "margin", "must be a number such as"),
        ({"margin": -100}, "margin", "must be left out in cross mode, where none is set aside, not -100.0"),
        ({"price": 3}, "price", "is no field: they are symbol, side, size"),
    ],
)
def test_a_bad_field_is_refused_beside_its_name_with_what_is_allowed(changed, field, reason):
    assert [(row, name) for row, name, _ in problems(ETH, {**BTC, **changed})] == [(1, field)]
    assert problems({**BTC, **changed})[0][2].startswith(reason)


def test_everything_that_is_wrong_is_said_at_once():
    found = problems({**BTC, "size": "x"}, ETH, {**ETH, "side": "up", "entry": None}, wallet="much")
    assert [(row, field) for row, field, _ in found] == [(None, "wallet"), (0, "size"), (2, "side"), (2, "entry")]


def test_a_refusal_reads_as_one_text():
    with pytest.raises(EntryError, match=r"^position 1, entry must be given; position 2, side must be one of"):
        entered({**BTC, "entry": ""}, {**ETH, "side": 1})
    assert str(Problem(None, "wallet", "must be given")) == "wallet must be given"


@pytest.mark.parametrize(
    ("account", "field", "reason"),
    [
        ({"venue": "nyse"}, "venue", f"must be one of {', '.join(map(repr, venue_names()))}, not 'nyse'"),
        ({"wallet": None}, "wallet", "must be given"),
        ({"wallet": "5,000"}, "wallet", "must be a number such as 1500 or 0.25, without separators, not '5,000'"),
        ({"wallet": float("nan")}, "wallet", "must be finite, not nan"),
    ],
)
def test_a_bad_account_is_refused_without_blaming_a_position(account, field, reason):
    assert problems(BTC, **account) == [(None, field, reason)]


def test_what_is_no_date_is_refused():
    assert problems(BTC, date="soon") == [
        (0, "date", "must be a day, a month or a year such as '2025-10-10' or '2025', not 'soon'")
    ]


def test_where_no_brackets_are_as_old_the_contract_says_so():
    contract = entered(BTC, date="1999").positions[0].contract
    assert contract.note.endswith("The oldest that are known; asked for were those of 1999.")


def test_a_date_at_which_a_contract_was_not_listed_is_refused_beside_the_date():
    row = {"symbol": "1000BTTCUSDT", "side": "long", "size": 1, "entry": 1}
    ((_, field, reason),) = problems(row, date="2024")
    assert (field, reason) == (
        "date",
        "must be one at which 1000BTTCUSDT was listed: it had left by 2022-05-21, not '2024'",
    )


def test_contracts_that_settle_differently_cannot_share_an_account():
    ((row, field, reason),) = problems(BTC, {**BTC, "symbol": "BTCUSDC"})
    assert (row, field) == (None, "contracts")
    assert reason.startswith("must be one or more of one kind and currency, not BTCUSDT (linear, USDT), BTCUSDC")


@pytest.mark.parametrize("count", [0, MOST_POSITIONS + 1])
def test_an_account_holds_one_to_five_hundred_positions(count):
    assert problems(*[BTC] * count) == [(None, "positions", f"must be 1 to 500, not {count}")]
    assert len(entered(*[BTC] * MOST_POSITIONS).positions) == 500


def test_a_size_that_is_missing_or_given_twice_is_asked_for_as_such():
    assert problems({**BTC, "size": None}) == [(0, "size", "must be given, or the notional")]
    assert problems({**BTC, "notional": 5}) == [(0, "size", "must be given, or the notional, and not both")]


def test_a_row_without_named_fields_is_refused():
    assert problems("BTCUSDT") == [(0, "position", "must have named fields, not 'BTCUSDT'")]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"positions": ()}, "positions must be 1 to 500, not 0"),
        ({"positions": ("BTC",)}, "positions must be of the class Position, not 'BTC'"),
        ({"marks": (1.0, 2.0)}, r"marks must be one a position \(1\), not 2"),
        ({"marks": (0.0,)}, "marks must be greater than 0"),
        ({"told": (Told(),) * 2}, r"told must be one a position \(1\), not 2"),
        ({"orders": ("buy",)}, "orders must be of the class Order, not 'buy'"),
        ({"wallet": "5"}, "wallet must be a number"),
        ({"title": None}, "title must be text, not None"),
        ({"note": 5}, "note must be text, not 5"),
        ({"venue": "nyse"}, "venue must be one of 'binance'"),
        ({"positions": entered(BTC, ETH).positions}, r"marks must be one a position \(2\), not 1"),
        (
            {"positions": (*entered(BTC).positions, *entered({**BTC, "symbol": "BTCUSDC"}).positions), "marks": (1, 1)},
            "contracts must be one or more of one kind and currency",
        ),
        ({"venue": "bybit"}, "positions must be in contracts of bybit, which BTCUSDT as given is not"),
    ],
)
def test_a_portfolio_that_does_not_fit_together_is_refused(changed, message):
    held = entered(BTC)
    with pytest.raises(ValueError, match=f"^{message}"):
        Portfolio(**{"venue": "binance", "wallet": 5.0, "positions": held.positions, "marks": held.marks, **changed})


# --- brackets of one's own --------------------------------------------------------------------------------------

NEW = {"symbol": "NEWUSDT", "side": "long", "size": 1_000, "entry": 2.0}
TIERS = [
    {"minNotional": 0, "maxNotional": 5_000, "maintenanceMarginRate": 0.01, "maxLeverage": 50},
    {"minNotional": 5_000, "maxNotional": 50_000, "maintenanceMarginRate": 0.02, "maxLeverage": 25},
]


def test_a_contract_that_nobody_knows_is_entered_by_a_symbol_and_a_rate():
    held = entered({**NEW, "rate": "0.02"}, BTC)
    contract = held.positions[0].contract
    assert (contract.symbol, contract.tiers, contract.currency) == ("NEWUSDT", Tiers.flat(0.02), "USDT")
    assert held.brackets.symbols == ("NEWUSDT",)
    # 1,000 at 2 % of what they are worth.
    assert held.account.maintenance_margin(held.marks)[0] == pytest.approx(40)
    assert Portfolio.of_rows(held.rows(), venue="binance", wallet=5_000, brackets=held.brackets) == held
    assert (
        entered(NEW, brackets={"symbol": "NEWUSDT", "rate": 0.02, "currency": "USDT"}).positions[0].contract == contract
    )


def test_a_rate_settles_in_what_the_venue_settles_in():
    assert entered({**NEW, "rate": 0.02}, venue="dydx").currency == "USDC"


@pytest.mark.parametrize("way", [{"NEWUSDT": TIERS}, Brackets.read({"NEWUSDT": TIERS}), json.dumps({"NEWUSDT": TIERS})])
def test_brackets_of_ones_own_come_in_as_they_were_fetched(way):
    held = entered(NEW, brackets=way)
    assert held.positions[0].contract.tiers.deductions == (0, 50)
    assert compare(held.account, held.marks, venue="binance").symbols == ("NEWUSDT",)


def test_brackets_of_ones_own_stand_for_the_venues():
    held = entered(BTC, ETH, brackets="BTCUSDT 0.03")
    assert held.positions[0].contract.tiers == Tiers.flat(0.03)
    assert held.positions[1].contract == venue("binance").contract("ETHUSDT")


def test_brackets_that_do_not_say_it_settle_in_what_the_venue_settles_in():
    meta = {"universe": [{"name": "NEW", "maxLeverage": 3}]}
    assert entered({**NEW, "symbol": "NEW"}, venue="hyperliquid", brackets=meta).currency == "USDC"


def test_two_rows_of_one_contract_may_tell_one_rate_and_not_two():
    row = {**NEW, "rate": 0.02}
    assert entered(row, {**row, "side": "short", "rate": ""}).brackets == entered(row).brackets
    assert problems(row, {**row, "rate": 0.03}) == [
        (1, "rate", "must be left out, or say what is said of NEWUSDT elsewhere")
    ]


@pytest.mark.parametrize(
    ("rate", "reason"),
    [(-0.1, "must be 0 or more"), ("much", "must be a number"), (1.5, "rates must lie in [0, 1)")],
)
def test_a_rate_that_cannot_be_is_refused_beside_the_rate(rate, reason):
    found = problems({**NEW, "rate": rate})
    assert (found[0][1], found[0][2].startswith(reason)) == ("rate", True)


def test_a_rate_without_a_symbol_is_refused_for_the_symbol():
    assert [field for _, field, _ in problems({**NEW, "symbol": "", "rate": 0.02})] == ["symbol"]
    assert [field for _, field, _ in problems(5, {**NEW, "rate": 0.02})] == ["position"]
    assert [field for _, field, _ in problems({**NEW, "rate": 0.02}, venue="nyse")] == ["venue"]


@pytest.mark.parametrize(
    ("brackets", "reason"),
    [
        ({"NEWUSDT": []}, "are refused: NEWUSDT: brackets must be a list of one or more, not []"),
        ("somewhere.json", "must be JSON, or a symbol and a rate a line, not 'somewhere.json'"),
        (5, "are refused: brackets must be a reply of ccxt or of a venue, not 5"),
    ],
)
def test_brackets_that_cannot_be_are_refused_as_a_whole(brackets, reason):
    assert (None, "brackets", reason) in problems(BTC, brackets=brackets)


def test_a_portfolio_is_in_contracts_of_its_brackets():
    held = entered({**NEW, "rate": 0.02})
    for bad, named in ((None, "symbol"), ("NEWUSDT 0.02", "brackets"), (Brackets.read("NEWUSDT 0.03"), "positions")):
        with pytest.raises(ArgumentError) as refusal:
            dataclasses.replace(held, brackets=bad)
        assert refusal.value.argument == named


def test_an_account_with_a_date_is_counted_as_its_venue_counted_then():
    row = {"symbol": "BTCUSDT", "side": "long", "size": 1, "entry": 20_000, "mode": "isolated", "margin": 400}
    then, now = (Portfolio.of_rows([row], venue="bybit", wallet=0, date=date) for date in ("2023", None))
    assert then.account.convention == venue("bybit", date="2023").convention.value
    assert (then.account.convention.maintenance_at, now.account.convention.maintenance_at) == ("entry", "liquidation")


# --- collateral -----------------------------------------------------------------------------------------------

COINS = {"BTC": {"amount": 0.1, "ratio": 0.95}, "USDE": {"amount": "2000", "ratio": "0.9", "price": 1}, "DOGE": 500}
SLICES = {"floors": [0, 10, 20], "ratios": [0.98, 0.95, 0.9]}


def test_other_assets_stand_behind_the_cross_positions_as_far_as_they_count():
    held = entered(BTC, collateral=COINS)
    np.testing.assert_allclose(held.account.position_equity([60_000]), [5_000 + 5_700 + 1_800])
    assert held.account.equity([60_000]) == 5_000 + 6_000 + 2_000
    # 12,500 - 5,700 stand still: 6,800 + 0.095 P + 0.5 (P - 60,000) = 0.4 % of 0.5 P
    np.testing.assert_allclose(held.account.liquidation_price(), [23_200 / (0.5 * 0.996 + 0.095)])
    assert [one.asset for one in held.account.collateral] == ["BTC", "USDE"]


def test_an_amount_of_which_no_ratio_is_known_is_kept_and_counts_for_nothing():
    held = entered(BTC, collateral={"DOGE": 500})
    assert held.collateral == (Asset("DOGE", 500),)
    assert held.account.liquidation_price() == entered(BTC).account.liquidation_price()


def test_assets_may_be_given_as_they_were_read():
    held = entered(BTC, collateral=COINS)
    assert entered(BTC, collateral=held.collateral) == held
    assert entered(BTC, collateral=None) == entered(BTC, collateral="") == entered(BTC)


def test_a_ratio_may_fall_by_slices_of_the_amount():
    held = entered(BTC, collateral={"BTC": {"amount": 15, "ratio": SLICES}})
    assert held.account.pool_cash([100_000]) == 5_000 + 1_455_000


def test_contracts_may_settle_in_an_asset_of_the_collateral():
    coin = {"symbol": "BTCUSD", "side": "short", "size": 30_000, "entry": 60_000}
    own = Brackets((Contract("BTCUSD", Tiers.flat(0.005), kind="inverse", currency="BTC"),))
    held = entered(coin, wallet=0, brackets=own, collateral={"BTC": {"amount": 0.5, "ratio": 1}})
    assert held.currency == "USD"
    assert np.isnan(held.account.liquidation_price()).all()
    both = entered(coin, BTC, brackets=own, collateral={"BTC": {"amount": 0, "ratio": 0.95}})
    assert (both.currency, both.account.currency) == ("USDT", "USDT")


@pytest.mark.parametrize(
    ("collateral", "expected"),
    [
        (5, [("collateral", "must be amounts by the names of assets, not 5")]),
        ("BTC", [("collateral", "must be amounts by the names of assets, not 'BTC'")]),
        ([Asset("BTC", 1), "ETH"], [("collateral", "must be amounts by the names of assets")]),
        ({"BTC": "half"}, [("collateral, BTC: amount", "must be a number such as 1500")]),
        ({"BTC": None}, [("collateral, BTC: amount", "must be given")]),
        ({"BTC": {"ratio": 0.9}}, [("collateral, BTC: amount", "must be given")]),
        ({"BTC": {"amount": float("inf")}}, [("collateral, BTC: amount", "must be finite")]),
        ({"BTC": {"amount": [1, 2]}}, [("collateral, BTC: amount", "must be one number")]),
        ({"BTC": {"amount": 1, "haircut": 0.1}}, [("collateral, BTC: haircut", "is no field: they are amount, ratio")]),
        ({"BTC": {"amount": 1, "ratio": 1.2}}, [("collateral, BTC: ratio", "must lie in [0, 1], not 1.2")]),
        ({"BTC": {"amount": 1, "ratio": "most"}}, [("collateral, BTC: ratio", "must be a number such as")]),
        ({"BTC": {"amount": 1, "ratio": [0.9]}}, [("collateral, BTC: ratio", "must be one number, not [0.9]")]),
        ({"BTC": {"amount": 1, "ratio": {"floors": [0]}}}, [("collateral, BTC: ratio", "must be a number, or have")]),
        (
            {"BTC": {"amount": 1, "ratio": {**SLICES, "step": 1}}},
            [("collateral, BTC: ratio", "must be a number, or have floors and ratios out of floors, ratios, measured")],
        ),
        (
            {"BTC": {"amount": 1, "ratio": {**SLICES, "floors": [0, 20, 10]}}},
            [("collateral, BTC: ratio", "floors must start at 0 and rise, not [0.0, 20.0, 10.0]")],
        ),
        (
            {"BTC": {"amount": 1, "ratio": {**SLICES, "measured_in": "coins"}}},
            [("collateral, BTC: ratio", "measured_in must be one of 'amount', 'value', not 'coins'")],
        ),
        (
            {"BTC": {"amount": 1, "ratio": {**SLICES, "owed": 0.5}}},
            [("collateral, BTC: ratio", "owed must lie in [1, inf), not 0.5")],
        ),
        ({"USDE": {"amount": 1, "price": 0}}, [("collateral, USDE: price", "must be greater than 0")]),
        (
            {"USDE": {"amount": 1, "quoted_in": "USD"}},
            [("collateral, USDE: price", "must be given where it is quoted")],
        ),
        (
            {"USDE": {"amount": 1, "price": 1, "quoted_in": 5}},
            [("collateral, USDE: quoted_in", "must be the name of an asset, not 5")],
        ),
        ({"": 1}, [("collateral, : asset", "must be a name, not ''")]),
        ({"USDE": {"amount": 1, "ratio": 1}}, [("collateral", "price must be given for USDE, which no contract")]),
        ({"USDT": {"amount": 1, "ratio": 1}}, [("collateral", "price must be given for USDT")]),
        (
            {"BTC": {"amount": 1, "ratio": 1, "price": 60_000}},
            [("collateral", "price must be left out for BTC, whose price BTCUSDT tells")],
        ),
        (
            {"BTC": {"amount": "1,5"}, "USDE": {"amount": 1, "ratio": 2, "price": -1}},
            [
                ("collateral, BTC: amount", "must be a number such as"),
                ("collateral, USDE: price", "must be greater than 0"),
                ("collateral, USDE: ratio", "must lie in [0, 1], not 2"),
            ],
        ),
    ],
)
def test_collateral_that_makes_no_sense_is_refused_by_its_asset_and_field(collateral, expected):
    found = [(row, field) for row, field, _ in problems(BTC, collateral=collateral)]
    assert found == [(None, field) for field, _ in expected]
    for (_, _, reason), (_, start) in zip(problems(BTC, collateral=collateral), expected, strict=True):
        assert reason.startswith(start)


def test_what_is_wrong_with_collateral_is_said_beside_what_is_wrong_with_positions():
    found = problems({**BTC, "side": "up"}, collateral={"BTC": "half"})
    assert [field for _, field, _ in found] == ["side", "collateral, BTC: amount"]


def test_a_contract_settles_in_what_the_account_or_its_collateral_holds():
    own = Brackets((Contract("BTCUSDC", Tiers.flat(0.005), currency="USDC"),))
    other = {**BTC, "symbol": "BTCUSDC"}
    assert [field for _, field, _ in problems(BTC, other, brackets=own)] == ["contracts"]
    ((_, field, reason),) = problems(BTC, other, brackets=own, collateral={"BTC": {"amount": 1, "ratio": 0.9}})
    assert field == "collateral"
    assert reason.startswith("must hold what BTCUSDC settles in (USDC)")
    usdc = {"USDC": {"amount": 0, "ratio": 0.99, "price": 1}}
    assert entered(BTC, other, brackets=own, collateral=usdc).currency == "USDT"


def test_what_only_the_account_as_a_whole_can_refuse_is_told_too():
    with pytest.raises(EntryError, match=r"^remarks must be of the class str, not 5$"):
        Portfolio.of_rows([BTC], venue="binance", wallet=5_000, remarks=[5])
