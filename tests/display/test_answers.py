"""What a page is answered for its account: what the library says, and what is wrong beside the field it is wrong in."""

from __future__ import annotations

import json

import pytest

from marginlab import venue
from marginlab.comparison import chances_of, results_csv
from marginlab.comparison.report import compared
from marginlab.display import answers, screens
from marginlab.display.answers import CHANCE, PASTED, SCREENS, reads, replies
from marginlab.display.fields import MOST_IN_FORM, entry_of, moved, portfolio_of
from marginlab.display.page import state_of
from marginlab.markets import events
from marginlab.portfolio import Portfolio, from_ccxt, preset, preset_names, to_csv, to_json

PAIR = entry_of(preset("hedged-pair"))
LONG = {"symbol": "BTCUSDT", "side": "long", "size": "0.1", "entry": "60000", "mark": "60000", "leverage": "10"}
TOLD = {
    "symbol": "BTC/USDT:USDT",
    "side": "long",
    "contracts": 0.3,
    "contractSize": 1.0,
    "entryPrice": 70_000.0,
    "markPrice": 71_000.0,
    "marginMode": "cross",
    "leverage": 5,
    "liquidationPrice": 50_000.0,
    "info": {},
}
# What each screen shows for the settings it starts with.
STARTING = {
    "summary": screens.summary,
    "distances": screens.distances,
    "free_margin": screens.free_margin,
    "shocked": lambda found: screens.shocked(found, -0.3, -0.2),
    "crashed": lambda found: screens.crashed(found, "covid-2020"),
    "which_mode": screens.which_mode,
    "survival": lambda found: screens.survival(found, -0.3),
    "room": screens.room,
    "next_order": lambda found: screens.next_order(found, 1.0),
    "funded": lambda found: screens.funded(found, 0.0001),
    "reconciled": screens.reconciled,
}


def ask(**message):
    """Return all messages that one is answered, without the last, which ends it."""
    said = [json.loads(one) for one in replies(json.dumps({"id": 7, **message}))]
    assert all(one["id"] == 7 for one in said)
    assert said[-1] == {"id": 7, "done": True}
    return said[:-1]


def asked(account, name, **settings):
    """Return the state of one screen."""
    (answer,) = ask(kind="answer", account=account, screens=[{"name": name, "settings": settings}])
    return answer["state"]


def wrong(account):
    """Return what is wrong with an account, each by its place."""
    (answer,) = ask(kind="answer", account=account, screens=[{"name": "summary"}])
    return {(one["part"], one["row"], one["field"]): one["reason"] for one in answer["problems"]}


def as_state(screen):
    return {**state_of(screen[:2]), "table": screen.table.html()}


# --- screens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_an_account_in_the_fields_is_the_one_that_was_put_there(name):
    entry = entry_of(preset(name))
    assert portfolio_of(entry) == preset(name)
    assert all(isinstance(value, str) for row in entry["positions"] for value in row.values())
    assert json.loads(json.dumps(entry)) == entry


def test_every_screen_has_a_setting_to_start_with():
    assert list(STARTING) == list(SCREENS)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_that_of_the_library(screen):
    one = preset("october-2025")
    assert asked(entry_of(one), screen) == as_state(STARTING[screen](compared(one)))


def test_screens_come_in_the_order_in_which_they_are_asked_for():
    names = ["free_margin", "distances", "funded"]
    answers = ask(kind="answer", account=PAIR, screens=[{"name": name} for name in names])
    assert [one["name"] for one in answers] == names


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "files"},
        *({"kind": "answer", "screens": [{"name": name}]} for name in SCREENS),
        {"kind": "answer", "screens": [{"name": "crashed", "settings": {"event": "oct-2025"}}, {"name": "crashed"}]},
        {"kind": "answer", "screens": [{"name": "crashed", "settings": {"event": ["oct-2025"]}}]},
        {"kind": "answer", "screens": [{"name": "nothing"}]},
        {"kind": "chance", "settings": {"days": 1, "paths": 5_000}},
    ],
    ids=str,
)
def test_the_records_that_an_answer_looks_at_are_known_before(message, monkeypatch):
    opened, unpacked = [], events.unpacked
    monkeypatch.setattr(events, "unpacked", lambda *place: opened.append(place) or unpacked(*place))
    # Nobody has been answered before.
    events._record.cache_clear()
    answers._found.cache_clear()
    text = json.dumps({"id": 7, "account": PAIR, **message})
    list(replies(text))
    assert {place[-1] for place in opened} == {f"{name}.json.gz" for name in reads(text)}


def test_settings_may_come_as_they_stand_in_fields():
    found = compared(preset("hedged-pair"))
    assert asked(PAIR, "shocked", btc="-0.1", rest="0.2") == as_state(screens.shocked(found, -0.1, 0.2))
    assert asked(PAIR, "next_order", times="-0.5", position="1") == as_state(screens.next_order(found, -0.5, 1))
    assert asked(PAIR, "crashed", event="may-2021") == as_state(screens.crashed(found, "may-2021"))


@pytest.mark.parametrize(
    ("screen", "settings", "reason"),
    [
        ("shocked", {"btc": 0.11}, "btc must be one of"),
        ("shocked", {"btc": "much"}, "btc must be a number"),
        ("next_order", {"position": 0.5}, "position must be a whole number"),
        ("crashed", {"event": "yesterday"}, "event must be one of"),
        ("crashed", {"event": 1}, "event must be text"),
        ("summary", {"event": "may-2021"}, "settings must be among none, not event"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_the_other_screens_are_shown(screen, settings, reason):
    asked_for = [{"name": screen, "settings": settings}, {"name": "distances"}]
    shown, refused = ask(kind="answer", account=PAIR, screens=asked_for)
    assert shown["name"] == "distances"
    assert refused["name"] == screen
    assert refused["failed"].startswith(reason)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"kind": "think"}, "kind must be one of"),
        ({"kind": "answer", "account": PAIR, "screens": [{"name": "tomorrow"}]}, "screen must be one of"),
        ({"kind": "markets", "venue": "nowhere"}, "name must be one of"),
        ({"kind": "read", "way": "by hand", "text": "", "account": PAIR}, "way must be one of"),
        ({"kind": "chance", "account": PAIR, "settings": {"paths": 10**9}}, "paths must be a whole number"),
        ({"kind": "chance", "account": PAIR, "settings": {"days": 0}}, "days must"),
    ],
)
def test_what_nobody_can_answer_is_said(message, reason):
    (answer,) = ask(**message)
    assert answer["failed"].startswith(reason)


# --- what is wrong --------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_told_beside_its_field():
    first, second = PAIR["positions"]
    told = wrong(
        {
            **PAIR,
            "wallet": "much",
            "positions": [{**first, "size": "?", "entry": " "}, {**second, "symbol": "ETHUSDX"}],
            "collateral": [{"asset": "BTC", "amount": "a lot"}, {"asset": "", "amount": "1"}, {}],
            "orders": [{"symbol": "BTCUSDT", "side": "buy", "size": "1", "price": "0", "leverage": ""}],
        }
    )
    assert set(told) == {
        ("account", None, "wallet"),
        ("positions", 0, "size"),
        ("positions", 0, "entry"),
        ("positions", 1, "symbol"),
        ("collateral", 0, "amount"),
        ("collateral", 1, "asset"),
        ("orders", 0, "price"),
    }
    assert told["positions", 0, "entry"] == "must be given"
    assert "'ETHUSDT'" in told["positions", 1, "symbol"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"venue": "nowhere"}, ("account", None, "venue")),
        ({"date": "soon"}, ("account", None, "date")),
        ({"brackets": "{"}, ("account", None, "brackets")),
        ({"positions": []}, ("positions", None, "positions")),
        ({"positions": [LONG] * (MOST_IN_FORM + 1)}, ("positions", None, "positions")),
        ({"collateral": [{"asset": "BTC", "amount": "1"}] * 2}, ("collateral", None, "collateral")),
        ({"collateral": [{"asset": "BTC", "amount": "1", "colour": "1"}]}, ("collateral", 0, "asset")),
        ({"orders": [{"symbol": "BTCUSDT"}, {"symbol": "?"}]}, ("orders", 1, "symbol")),
    ],
)
def test_each_part_of_an_account_is_refused_where_it_stands(change, place):
    assert place in wrong({**PAIR, **change})


def test_what_only_the_comparison_can_refuse_is_told_of_the_account():
    row = {**LONG, "symbol": "X", "leverage": "", "mode": "cross"}
    assert wrong({**PAIR, "venue": "other", "brackets": "X 0.01", "positions": [row]}).keys() == {
        ("account", None, "leverage")
    }


def test_an_account_may_hold_as_many_positions_as_the_form_has_room_for():
    assert len(portfolio_of({**PAIR, "positions": [LONG] * MOST_IN_FORM}).positions) == MOST_IN_FORM


# --- collateral and orders ------------------------------------------------------------------------------------


def test_an_asset_counts_as_much_as_the_venue_is_known_to_count():
    rich = {**PAIR, "collateral": [{"asset": "BTC", "amount": "0.1"}]}
    (one,) = portfolio_of(rich).collateral
    assert (one.amount, one.price) == (0.1, None)
    assert one.ratio == venue("binance").collateral_ratio("BTC").value


@pytest.mark.parametrize(
    ("change", "asset", "remark"),
    [
        ({}, "DOGE", "DOGE counts for nothing: no position tells its price"),
        ({"positions": [{**LONG, "symbol": "SOLUSDT"}]}, "SOL", "SOL counts for nothing: its collateral ratio is"),
        ({"venue": "other", "brackets": "BTCUSDT 0.01", "positions": [LONG]}, "BTC", "BTC counts for nothing: its"),
    ],
)
def test_an_asset_of_which_too_little_is_known_counts_for_nothing_and_that_is_remarked(change, asset, remark):
    kept = portfolio_of({**PAIR, **change, "collateral": [{"asset": asset, "amount": "5"}]})
    assert kept.collateral[0].ratio is None
    assert kept.remarks[0].startswith(remark)


def test_what_is_said_of_an_asset_goes_before_what_the_venue_says():
    own = {"asset": "BTC", "amount": "0.1", "ratio": "0.5"}
    kept = portfolio_of({**PAIR, "collateral": [own]})
    assert kept.collateral[0].ratio.ratios == (0.5,)
    assert portfolio_of(entry_of(kept)) == kept


def test_orders_and_assets_survive_the_way_into_the_fields_and_out():
    waiting = {"symbol": "BTCUSDT", "side": "buy", "size": "0.1", "price": "50000", "leverage": "5"}
    kept = portfolio_of({**PAIR, "orders": [waiting], "collateral": [{"asset": "DOGE", "amount": "5"}]})
    assert len(kept.orders) == 1
    again = portfolio_of(entry_of(kept))
    assert (again.orders, again.collateral) == (kept.orders, kept.collateral)


# --- pasted, saved, listed ------------------------------------------------------------------------------------


def read(way, text, account=PAIR, balance="", mode=""):
    (answer,) = ask(kind="read", way=way, text=text, balance=balance, mode=mode, account=account)
    return answer


@pytest.mark.parametrize(("way", "write"), [("JSON", to_json), ("CSV", to_csv)])
def test_an_account_is_read_as_it_was_saved(way, write):
    assert read(way, write(preset("market-maker")))["account"] == entry_of(preset("market-maker"))


def test_positions_from_ccxt_come_in_with_what_the_venue_says_of_them():
    answer = read(PASTED, json.dumps([TOLD]), balance="900")
    kept = from_ccxt([TOLD], venue="binance", balance=900)
    assert answer["account"]["remarks"] == list(kept.remarks)
    assert answer["account"]["positions"][0]["told_liquidation"] == "50000"
    assert compared(portfolio_of(answer["account"])).reconciled == compared(kept).reconciled


def test_where_there_is_no_balance_the_wallet_is_that_of_the_fields():
    assert read(PASTED, json.dumps([TOLD]))["account"]["wallet"] == PAIR["wallet"]


def test_a_mode_that_is_not_told_is_the_one_asked_for():
    bare = json.dumps([{**TOLD, "marginMode": None, "liquidationPrice": None}])
    assert "problems" in read(PASTED, bare)
    assert read(PASTED, bare, mode="cross")["account"]["positions"][0]["mode"] == "cross"


def test_positions_in_brackets_of_ones_own_are_read_with_them():
    own = {**PAIR, "brackets": "NEWUSDT 0.02"}
    answer = read(PASTED, json.dumps([{**TOLD, "symbol": "NEW/USDT:USDT"}]), account=own)
    assert "NEWUSDT" in answer["account"]["brackets"]
    assert portfolio_of(answer["account"]).brackets.contract("NEWUSDT").tiers.rates == (0.02,)


def test_whether_the_venue_says_anything_of_the_positions_is_told_with_every_screen():
    account = read(PASTED, json.dumps([TOLD]), balance="900")["account"]
    (row,) = account["positions"]
    changed = {"symbol": "BTCUSDT", "side": "long", "size": "1", "entry": row["entry"], "was": row}
    for rows, told in (([row], True), ([changed], False)):
        answers = ask(kind="answer", account={**account, "positions": rows}, screens=[{"name": "summary"}])
        assert [one["told"] for one in answers] == [told]


def test_an_account_moves_to_another_venue_as_the_library_moves_it():
    assert ask(kind="move", account=PAIR, venue="okx") == [{"id": 7, "account": moved(PAIR, "okx")}]
    assert "must be one of" in ask(kind="move", account=PAIR, venue="nowhere")[0]["failed"]


def test_what_cannot_be_read_says_why():
    assert read("JSON", "{")["problems"][0]["field"] == "file"
    many = json.dumps([{**TOLD, "entryPrice": "?"}] * 30)
    problems = read(PASTED, many)["problems"]
    assert (problems[0]["part"], problems[0]["row"]) == ("positions", 0)
    assert problems[-1]["reason"].endswith("more that are wrong")


def test_a_long_account_is_not_taken_into_the_form():
    long = Portfolio.of_rows([LONG] * (MOST_IN_FORM + 1), venue="binance", wallet=50_000)
    assert "21" in read("JSON", to_json(long))["problems"][0]["reason"]


def test_files_hold_the_account_and_what_is_found_of_it():
    one = preset("one-20x-bet")
    (answer,) = ask(kind="files", account=entry_of(one))
    assert answer["files"] == {
        "account.json": to_json(one),
        "account.csv": to_csv(one),
        "results.csv": results_csv(compared(one)),
    }


def test_the_markets_of_a_venue_are_all_that_it_has_brackets_of():
    assert ask(kind="markets", venue="dydx") == [{"id": 7, "markets": list(venue("dydx").symbols)}]
    assert ask(kind="markets", venue="other") == [{"id": 7, "markets": []}]


def test_chance_says_what_is_known_after_each_chunk():
    settings = {"model": "jumps", "days": "2", "paths": "10000"}
    answers = [one["chance"] for one in ask(kind="chance", account=PAIR, settings=settings)]
    assert [(one["done"], one["of"]) for one in answers] == [(5_000, 10_000), (10_000, 10_000)]
    found = compared(preset("hedged-pair"))
    known = chances_of(found, model="jumps", days=2, paths=10_000)
    assert answers[-1]["state"] == as_state(screens.by_chance(found, known))


def test_chance_starts_as_the_library_does():
    found = compared(preset("one-20x-bet"))
    assert chances_of(found, **CHANCE).left.tolist() == chances_of(found).left.tolist()
