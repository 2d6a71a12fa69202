"""Accounts as JSON and CSV: there and back without loss, and what is wrong is named by position and field."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import venue, venue_names
from marginlab.comparison import compare, results_csv
from marginlab.portfolio import (
    EntryError,
    Portfolio,
    files,
    from_ccxt,
    from_csv,
    from_json,
    preset,
    preset_names,
    to_csv,
    to_json,
)

WAYS = {"json": (to_json, from_json), "csv": (to_csv, from_csv)}
every_way = pytest.mark.parametrize(("write", "read"), WAYS.values(), ids=WAYS)
BET = preset("one-20x-bet")
HEAD = "version,venue,date,wallet,title,note,symbol,side,size,entry,mark,mode,leverage,margin"


BID = {"symbol": "BTCUSDT", "side": "buy", "size": 0.1, "price": 50_000}


def problems(read, text):
    """Return what is wrong with a file, each as (row, field, reason)."""
    with pytest.raises(EntryError) as refusal:
        read(text)
    return [(one.row, one.field, one.reason) for one in refusal.value.problems]


def changed(**fields):
    """Return the bet as JSON with fields of the account changed."""
    return json.dumps({**json.loads(to_json(BET)), **fields})


def positioned(**fields):
    """Return the bet as JSON with fields of its position changed."""
    (row,) = json.loads(to_json(BET))["positions"]
    return changed(positions=[{**row, **fields}])


# --- there and back -------------------------------------------------------------------------------------------


@st.composite
def portfolios(draw):
    """Draw an account of up to eight positions in contracts of one venue that settle alike."""
    name = draw(st.sampled_from([one for one in venue_names() if venue(one).symbols]))
    first = draw(st.sampled_from(venue(name).symbols))
    currency = venue(name).contract(first).currency
    symbols = [one for one in venue(name).symbols if venue(name).contract(one).currency == currency]
    price = st.floats(1e-3, 1e6)
    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "symbol": st.sampled_from(symbols),
                    "side": st.sampled_from(["long", "short"]),
                    "size": st.floats(1e-9, 1e3),
                }
                | {"entry": price, "mark": price, "leverage": st.none() | st.floats(0.1, 1)}
                | {"mode": st.just("cross"), "margin": st.none()}
            )
            | st.fixed_dictionaries(
                {
                    "symbol": st.sampled_from(symbols),
                    "side": st.sampled_from(["long", "short"]),
                    "size": st.floats(1e-9, 1e3),
                }
                | {"entry": price, "mark": price, "leverage": st.none() | st.floats(0.1, 1)}
                | {"mode": st.just("isolated"), "margin": st.floats(-1e9, 1e9)}
            ),
            min_size=1,
            max_size=8,
        )
    )
    # A market has one mark.
    marks = {row["symbol"]: row["mark"] for row in rows}
    rows = [{**row, "mark": marks[row["symbol"]]} for row in rows]
    words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    wallet = draw(st.floats(-1e9, 1e9))
    return Portfolio.of_rows(rows, venue=name, wallet=wallet, title=draw(words), note=draw(words))


@every_way
@given(portfolios())
def test_a_round_trip_loses_nothing(write, read, portfolio):
    again = read(write(portfolio))
    assert again == portfolio
    assert write(again) == write(portfolio)


@every_way
@pytest.mark.parametrize("sign", ["\r", "\n", "\r\n", ",", ";", '"', "'", "\0", "\t", "\ufeff", "\u2028", " "])
@pytest.mark.parametrize("around", ["{}", "a{}", "{}a", "a{}a"])
def test_no_sign_is_lost_wherever_it_stands(write, read, sign, around):
    words = around.format(sign)
    noted = replace(BET, title=words, note=words)
    assert read(write(noted)) == noted


@every_way
def test_words_keep_their_signs_and_line_ends(write, read):
    words = ' =Zürich, "7 − 2"\r\nand\rmore\n'
    noted = replace(BET, title=words, note=words)
    assert read(write(noted)) == noted
    assert "Zürich" in write(noted)


@every_way
@pytest.mark.parametrize("name", preset_names())
def test_presets_come_back_as_they_are(write, read, name):
    assert read(write(preset(name))) == preset(name)


def test_json_is_one_object_for_people_to_read():
    text = to_json(BET)
    found = json.loads(text)
    assert list(found) == ["version", "venue", "date", "wallet", "title", "note", "positions"]
    assert found["wallet"] == 3_500
    assert list(found["positions"][0]) == ["symbol", "side", "size", "entry", "mark", "mode", "leverage", "margin"]
    assert text.splitlines()[1] == ' "version": 2,'


def test_csv_has_a_row_a_position_and_says_once_whose_they_are():
    text = to_csv(preset("hedged-pair"))
    assert (text.count("\r\n"), text.count("\n")) == (3, 3)
    head, first, second = csv.reader(io.StringIO(text))
    assert ",".join(head) == HEAD
    assert first[:5] == ["2", "binance", "", "12000.0", "Hedged pair"]
    assert second[:6] == [""] * 6
    assert second[6:9] == ["ETHUSDT", "short", "9.0"]


def test_csv_may_leave_out_what_has_a_meaning_when_left_out():
    lines = ["symbol, side,entry,notional,wallet,venue", "", "BTCUSDT,long,60000,30000,5000,binance"]
    text = "\ufeff" + "\n".join([*lines, "ETHUSDT,short,3000,3000,,binance", ""])
    found = from_csv(text)
    assert [position.size for position in found.positions] == [0.5, -1]
    assert (found.marks, found.account.mode) == ((60_000, 3_000), ("cross", "cross"))


def test_json_may_leave_out_what_has_a_meaning_when_left_out():
    row = {"symbol": "BTCUSDT", "side": "long", "entry": 60_000, "notional": 30_000}
    found = from_json(json.dumps({"venue": "binance", "wallet": 5_000, "positions": [row]}))
    assert found.positions[0].size == 0.5
    assert (found.title, found.note, found.date) == ("", "", None)


def test_the_examples_of_the_page_are_accounts():
    json_text, csv_text = (dedent(block) for block in re.findall(r"::\n\n((?:    .*\n)+)", files.__doc__))
    assert from_json(json_text).positions == from_csv(csv_text).positions[:1]
    assert len(from_csv(csv_text).positions) == 2


COINS = {
    "BTC": {"amount": 0.5, "ratio": {"floors": [0, 1], "ratios": [0.95, 0.9], "measured_in": "value", "owed": 1.005}},
    "USDE": {"amount": 2_000, "ratio": 0.99, "price": 0.65},
    "WBETH": {"amount": 1.5, "price": 1.08, "quoted_in": "ETH"},
    "DOGE": -5,
}


@every_way
def test_collateral_comes_back_as_it_is(write, read):
    held = from_json(changed(collateral=COINS))
    again = read(write(held))
    assert again == held
    assert write(again) == write(held)
    assert [one.asset for one in again.account.collateral] == ["BTC", "USDE"]
    assert again.account.liquidation_price() == held.account.liquidation_price()


def test_json_has_collateral_by_the_names_of_assets_and_an_amount_alone_as_a_number():
    said = json.loads(to_json(from_json(changed(collateral=COINS))))["collateral"]
    assert said == COINS
    assert said["DOGE"] == -5
    assert "collateral" not in json.loads(to_json(BET))


# An account as an exchange returned it: with an order, other assets, and a leverage that is no longer given.
BTC = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 0.5, "entryPrice": 60_000, "leverage": 500}
NEW = {"symbol": "NEW/USDT:USDT", "side": "short", "contracts": 5, "entryPrice": 10, "markPrice": 9}
HELD = from_ccxt(
    [
        {**BTC, "marginMode": None, "liquidationPrice": 50_000, "maintenanceMargin": 120, "marginRatio": 0.02},
        {**NEW, "marginMode": "isolated", "positionMargin": 7, "maintenanceMarginPercentage": 0.01},
    ],
    venue="bybit",
    balance={"total": {"USDT": 5_000, "BTC": 0.25}},
    orders=[{"symbol": "BTC/USDT:USDT", "side": "sell", "price": 70_000, "amount": 0.5, "reduceOnly": True}],
)


@every_way
def test_an_account_as_an_exchange_returned_it_comes_back_without_loss(write, read):
    again = read(write(HELD))
    assert again == HELD
    assert (again.held, again.positions[0].leverage, again.orders[0].reduce_only) == (True, 500, True)
    assert write(again) == write(HELD)
    assert len(again.remarks) == 4
    assert again.positions[1].contract.note == HELD.positions[1].contract.note != ""


# As version 1 wrote them.
FIRST_JSON = """{"version": 1, "venue": "binance", "date": "2025-10-10", "wallet": 5000.0, "title": "T", "note": "N",
 "positions": [{"symbol": "BTCUSDT", "side": "short", "size": 0.5, "entry": 60000.0, "mark": 61000.0,
 "mode": "isolated", "leverage": 10.0, "margin": 3000.0}]}"""
FIRST_CSV = """venue,date,wallet,title,note,symbol,side,size,entry,mark,mode,leverage,margin
binance,2025-10-10,5000.0,T,N,BTCUSDT,short,0.5,60000.0,61000.0,isolated,10.0,3000.0
"""


@pytest.mark.parametrize(("read", "text"), [(from_json, FIRST_JSON), (from_csv, FIRST_CSV)])
def test_files_of_version_1_are_read(read, text):
    found = read(text)
    assert (found.title, found.note, found.date, found.wallet) == ("T", "N", "2025-10-10", 5_000)
    assert (found.marks, found.positions[0].size, found.positions[0].margin) == ((61_000,), -0.5, 3_000)
    assert (found.held, found.orders, found.collateral, found.told, found.remarks) == (False, (), (), (), ())


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("", "file", "must be JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{", "file", "must be JSON: Expecting property name"),
        ("[" * 100_000, "file", "must be JSON: "),
        ("[]", "file", "must be one object with the fields version, venue, date, wallet, title, note, positions"),
        (None, "file", "must be text, not None"),
        ('{"venue": "binance", "venue": "okx"}', "venue", "must be given once"),
        (changed(version=3), "version", "must be 1 or 2, not 3"),
        (changed(version=True), "version", "must be 1 or 2, not True"),
        (changed(version="2"), "version", "must be 1 or 2, not '2'"),
        (changed(held=1), "held", "must be true or false, not 1"),
        (changed(held="yes"), "held", "must be true or false, not 'yes'"),
        (changed(orders={}), "orders", "must be a list, not {}"),
        (changed(orders=[{**BID, "symbol": "BTCUSDC"}]), "contracts", "must be one or more of one kind and currency"),
        (changed(orders=[5]), "orders, 1: order", "must have named fields, not 5"),
        (changed(orders=[{**BID, "price": 0}]), "orders, 1: price", "must be greater than 0"),
        (changed(orders=[{**BID, "kind": "limit"}]), "orders, 1: kind", "is no field: they are symbol, side"),
        (changed(orders=[{**BID, "symbol": "NO"}]), "orders, 1: symbol", "must be one of"),
        (changed(orders=[{**BID, "reduce_only": 5}]), "orders, 1: order", "reduce_only must be True or False"),
        (changed(collateral={"BTC": "half"}), "collateral, BTC: amount", "must be a number such as"),
        (changed(remarks="read"), "remarks", "must be a list, not 'read'"),
        (changed(remarks=[5]), "remarks", "must be text, not 5"),
        (changed(positions={}), "positions", "must be a list, not {}"),
        (changed(positions=[]), "positions", "must be 1 to 500, not 0"),
        (changed(owner="me"), "owner", "is no field: they are version, venue"),
        (changed(wallet=None), "wallet", "must be given"),
        (changed(wallet=float("nan")), "wallet", "must be finite, not nan"),
        (changed(wallet=True), "wallet", "must be a number"),
        (changed(wallet=10**400), "wallet", "must be a number"),
        (
            changed(wallet=0).replace('"wallet": 0', '"wallet": ' + "9" * 5_000),
            "file",
            "must be JSON: Exceeds the limit",
        ),
        (changed(venue="nyse"), "venue", "must be one of"),
        (changed(title=5), "title", "must be text, not 5"),
        (changed(note=["a"]), "note", "must be text, not ['a']"),
        (changed(collateral=[1]), "collateral", "must be amounts by the names of assets, not [1]"),
        (changed(collateral={"BTC": {"amount": "much"}}), "collateral, BTC: amount", "must be a number such as"),
    ],
)
def test_json_that_is_no_account_is_refused_with_the_field_and_the_reason(text, field, reason):
    ((row, name, why),) = problems(from_json, text)
    assert (row, name) == (None, field)
    assert why.startswith(reason)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"size": "1,5"}, "size", "must be a number such as"),
        ({"size": -1}, "size", "must be greater than 0"),
        ({"entry": None}, "entry", "must be given"),
        ({"leverage": 1_000}, "leverage", "must be at most 150"),
        ({"hedge": True}, "hedge", "is no field"),
    ],
)
def test_a_position_in_json_is_refused_with_its_number(fields, field, reason):
    ((row, name, why),) = problems(from_json, positioned(**fields))
    assert (row, name) == (0, field)
    assert why.startswith(reason)


ROW = "2,binance,,5000,,,BTCUSDT,long,0.5,60000,,,10,"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, "file", "must be CSV with a head of version, venue, date")),
        (None, (None, "file", "must be text, not None")),
        (f'{HEAD}\n"{ROW}', (None, "file", "must be CSV with a head of")),
        (HEAD, (None, "venue", "must be one of 'binance'")),
        (f"{HEAD},owner\n{ROW},me", (None, "owner", f"is no column: they are {HEAD.replace(',', ', ')}, notional")),
        (f"{HEAD},size\n{ROW},1", (None, "size", "must be one column, not several")),
        (f"{HEAD}\n{ROW},5", (0, "row", "must have 14 cells, as the head has, not 15")),
        (
            f"{HEAD}\n{ROW}\n,okx,,,,,BTCUSDT,long,1,60000,,,10,",
            (1, "venue", "must be empty or as in the first row ('binance'), not 'okx'"),
        ),
        (f"{HEAD}\n{ROW}\n,,,,,,BTCUSDT,long,x,60000,,,10,", (1, "size", "must be a number such as")),
        (f"{HEAD}\n{ROW.replace('2', '3', 1)}", (None, "version", "must be 1 or 2, not '3'")),
        (f"{HEAD},orders\n{ROW},5 bids", (None, "orders", "must be JSON, not '5 bids'")),
        (f"{HEAD},held\n{ROW},yes", (None, "held", "must be JSON, not 'yes'")),
        (f"{HEAD},told_ratio\n{ROW},high", (0, "told_ratio", "must be a number such as")),
        (f"{HEAD},collateral\n{ROW},half", (None, "collateral", "must be JSON, not 'half'")),
        (f'{HEAD},collateral\n{ROW},"{{""A"":1,""A"":2}}"', (None, "collateral, A", "must be given once")),
        (f"{HEAD}\n{ROW.replace('0.5', '')}", (0, "size", "must be given, or the notional")),
        (f"{HEAD}\n{ROW.replace(',', ';')}", (0, "row", "must have 14 cells, as the head has, not 1")),
    ],
)
def test_csv_that_is_no_account_is_refused_with_row_field_and_reason(text, expected):
    row, field, reason = expected
    found = problems(from_csv, text)
    assert found[0][:2] == (row, field)
    assert found[0][2].startswith(reason)


def test_all_that_is_wrong_in_a_file_is_said_at_once():
    text = f"{HEAD}\n{ROW.replace('long', 'up')}\n,,,,,,BTCUSDT,long,1,,,,0,"
    assert [(row, field) for row, field, _ in problems(from_csv, text)] == [(0, "side"), (1, "entry"), (1, "leverage")]


# --- results --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    one = preset("october-2025")
    return compare(one.account, one.marks, venue=one.venue)


@pytest.fixture
def rows(found):
    return list(csv.DictReader(io.StringIO(results_csv(found))))


def values(rows, **fields):
    return [row["value"] for row in rows if all(row[name] == value for name, value in fields.items())]


def test_results_have_every_figure_with_all_its_digits(found, rows):
    for column in found.columns:
        prices = values(rows, part="position", column=column.name, figure="liquidation_price")
        assert list(map(float, prices)) == column.liquidation_price.tolist()
        assert values(rows, part="account", column=column.name, figure="free_margin") == [repr(column.free_margin)]
        reasons = values(rows, part="refusal", column=column.name)
        assert reasons == [refusal.reason for refusal in column.refusals]
    for replayed in found.replays:
        (loss,) = values(rows, part="event", column="all cross", of=replayed.title, figure="loss")
        assert float(loss) == replayed.loss("all cross")
        (other,) = values(rows, part="event", column="all cross", of=replayed.title, figure="loss_high_first")
        assert float(other) == found.replayed(replayed.event, order="high first").loss("all cross")
        closings = values(rows, part="closing", column="as entered", of=replayed.title)
        assert list(map(float, closings)) == [loss.amount for loss in replayed.losses("as entered")]
    shocks = values(rows, part="shock", column="all isolated")
    assert np.array(shocks, dtype=float).tolist() == found.stress.equity[2].ravel().tolist()
    assert values(rows, part="shock", column="all cross", of="BTC -0.6, rest +0.6") == [
        repr(float(found.stress.equity[1, 0, -1]))
    ]
    claims = values(rows, part="finding", figure="claim")
    assert claims == [finding.claim for finding in found.findings]


def test_what_does_not_exist_is_empty(rows):
    assert set(values(rows, part="account", figure="first_rise")) == {""}
    assert "nan" not in {row["value"] for row in rows}


def test_a_row_says_what_its_figure_is_of(found, rows):
    first = rows[0]
    assert first == {
        "part": "position",
        "column": "as entered",
        "of": "1 BTCUSDT",
        "figure": "liquidation_price",
        "value": repr(float(found.columns[0].liquidation_price[0])),
    }
    figures = {part: {row["figure"] for row in rows if row["part"] == part} for part in ("event", "refusal", "shock")}
    of_events = {"loss", "positions_lost", "loss_high_first", "positions_lost_high_first"}
    assert figures == {"event": of_events, "refusal": {"reason"}, "shock": {"equity"}}
    assert {row["of"] for row in rows if row["part"] == "account"} == {""}
    assert {row["column"] for row in rows if row["part"] == "finding"} == {""}


def test_every_part_is_there_in_order(rows):
    parts = list(dict.fromkeys(row["part"] for row in rows))
    assert parts == ["position", "account", "refusal", "need", "event", "closing", "shock", "finding"]


# --- brackets of one's own --------------------------------------------------------------------------------------

OWN = Portfolio.of_rows(
    [{"symbol": "NEWUSDT", "side": "long", "size": 3, "entry": 2.5, "rate": 0.02}], venue="binance", wallet=100
)


@every_way
def test_an_account_in_brackets_of_ones_own_comes_back_without_loss(write, read):
    again = read(write(OWN))
    assert again == OWN
    assert again.brackets.contract("NEWUSDT").tiers.rates == (0.02,)


def test_an_account_without_them_is_written_as_before():
    assert set(json.loads(to_json(BET))) == {"version", "venue", "date", "wallet", "title", "note", "positions"}
    assert to_csv(BET).splitlines()[0] == HEAD


def test_a_file_may_say_a_rate_or_hold_what_was_fetched():
    head, row = "venue,wallet,symbol,side,size,entry,rate", "binance,100,NEWUSDT,long,3,2.5,0.02"
    assert from_csv(f"{head}\n{row}") == OWN
    told = json.loads(to_json(OWN))
    told["brackets"] = {"NEWUSDT": [{"minNotional": 0, "maxNotional": None, "maintenanceMarginRate": 0.02}]}
    assert from_json(json.dumps(told)).positions == OWN.positions


def test_a_file_names_no_other_file():
    told = {**json.loads(to_json(OWN)), "brackets": "other.json"}
    ((row, field, reason), *_) = problems(from_json, json.dumps(told))
    assert (row, field, reason) == (
        None,
        "brackets",
        "must be JSON, or a symbol and a rate a line, not 'other.json'",
    )
