"""Events as one path of several coins: each by its own marks, or by what stands in for them, which it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from marginlab import event, event_names, event_record
from marginlab.markets.events import OHLC, ORDERS

# Lowest marks and trades, found by other programs before the package had the record.
LOWS = json.loads(Path(__file__).with_name("expected_events.json").read_text(encoding="utf-8"))["lows"]
HOUR = np.timedelta64(60, "m")

every_event = pytest.mark.parametrize("name", event_names())
every_order = pytest.mark.parametrize("order", ORDERS)


def walked(name, *coins, **asked):
    return event_record(name).price_path(coins, **asked)


def what(path):
    """Return whose prices, where and of which kind, column by column."""
    return [(one.symbol, one.venue, one.kind) for one in path.followed]


def moves(prices):
    return prices[1:] / prices[:-1]


@pytest.mark.parametrize(
    "row",
    [row for row in LOWS if row["venue"] == "binance" and row["mark_step"] == "1h"],
    ids=lambda row: f"{row['event']}-{row['symbol']}",
)
@every_order
def test_each_coin_falls_to_its_own_lowest_mark_in_the_hour_in_which_it_did(row, order):
    path = walked(row["event"], row["symbol"], order=order)
    at = int(path.prices[:, 0].argmin())
    # The file has eight digits of a price and the table all of them.
    assert path.prices[at, 0] == pytest.approx(float(row["mark_low"]), rel=1e-8)
    assert path.taken[at] == "low"
    assert path.times[at - at % 4] == np.datetime64(row["mark_low_time"])
    assert path.followed[0].stands_in == ""


@every_event
@every_order
def test_every_candle_is_taken_in_the_order_it_states(name, order):
    path, record = walked(name, "BTC", order=order), event_record(name)
    (followed,) = path.followed
    known = record.path("BTC", kind=followed.kind, step=record.step, venue=followed.venue)
    low_first = ["open", "low", "high", "close"]
    fields = low_first if order == "low first" else ["open", "high", "low", "close"]
    assert path.taken[:4].tolist() == fields
    assert np.array_equal(path.prices[:, 0], np.stack([getattr(known, field) for field in fields], axis=1).ravel())
    assert np.array_equal(path.times[::4], known.times)
    assert (np.diff(path.times) > np.timedelta64(0, "m")).all()
    assert path.order == order


@every_event
def test_the_step_is_an_hour_and_of_the_rally_four(name):
    path = walked(name, "BTC", "ETH", "DOGE")
    assert path.followed[0].step == ("4h" if name == "rally-aug-2026" else "1h")
    assert {path.times[4] - path.times[0]} == {HOUR * (4 if name == "rally-aug-2026" else 1)}


@every_event
def test_funding_is_paid_as_it_fell_due_and_at_no_other_time(name):
    path, record = walked(name, "BTC", "XRP"), event_record(name)
    for column, one in enumerate(path.followed):
        known = record.funding(one.symbol, venue=one.funding)
        due = np.isin(path.times, known.times)
        assert np.array_equal(path.funding[due, column], known.rates)
        assert not path.funding[~due, column].any()


def test_what_stands_in_for_what_is_not_on_record():
    assert what(walked("ftx-2022", "SOL", "BNB", "SUI")) == [
        ("SOL", "okx", "mark"),
        ("BNB", "binance", "last"),
        ("ETH", "binance", "mark"),
    ]
    assert what(walked("luna-2022", "LUNA")) == [("LUNA", "binance-spot", "last")]
    assert what(walked("jun-2026", "BTC", "XRP", "DOGE")) == [
        ("BTC", "bybit", "mark"),
        ("XRP", "okx", "mark"),
        ("ETH", "bybit", "mark"),
    ]
    assert what(walked("rally-aug-2026", "BTC", "SOL")) == [("BTC", "binance", "last"), ("ETH", "binance", "last")]


@pytest.mark.parametrize(
    ("name", "coin", "words"),
    [
        ("ftx-2022", "SOL", "Binance's mark is not on record: OKX's stands in for it."),
        ("ftx-2022", "BNB", "The mark is not on record: last trades at Binance stand in for it."),
        ("ftx-2022", "SUI", "Not on record: ETH stands in for it."),
        ("luna-2022", "LUNA", "No perpetual is on record: trades of the spot market stand in for it."),
        ("rally-aug-2026", "BTC", "last trades at Binance of four hours each stand in for it."),
        ("oct-2025", "SUI", "kept above its lowest mark, 0.579368."),
        ("oct-2025", "WIF", "Only last trades at Binance from 20:00 to 23:00 UTC on 10 October 2025 are on record"),
    ],
)
def test_it_says_so_in_words(name, coin, words):
    assert words in walked(name, coin).followed[0].stands_in


def test_the_marks_of_the_accounts_own_venue_come_first():
    path = walked("oct-2025", "SOL", "XRP", venue="bybit")
    assert what(path) == [("SOL", "bybit", "mark"), ("XRP", "binance", "mark")]
    # The same minute at two venues: 5.7 % apart.
    assert path.prices[:, 0].min() == 152.023
    assert [one.stands_in for one in path.followed] == [
        "",
        "Bybit's mark is not on record: Binance's stands in for it.",
    ]
    assert [one.funding for one in path.followed] == ["bybit", "binance"]


def test_a_coin_without_funding_on_record_pays_none_and_one_that_follows_another_pays_that_ones():
    path = walked("ftx-2022", "SOL", "SUI", "ETH")
    assert [one.funding for one in path.followed] == ["", "binance", "binance"]
    assert not path.funding[:, 0].any()
    assert np.array_equal(path.funding[:, 1], path.funding[:, 2])


def test_a_coin_whose_trading_ended_keeps_its_last_price():
    path = walked("luna-2022", "LUNA")
    last = event_record("luna-2022").path("LUNA", kind="last")
    ended = np.searchsorted(path.times, last.times[-1] + HOUR)
    assert set(path.prices[ended:, 0]) == {last.close[-1]}
    assert len(path.prices) == 4 * 192


def test_trades_are_kept_above_the_lowest_mark_where_that_alone_is_known():
    record = event_record("oct-2025")
    assert walked("oct-2025", "SUI").prices.min() == 0.57936787
    assert record.path("SUI", kind="last").low.min() < 0.57936787


def test_a_coin_on_record_for_hours_alone_is_pieced_together_with_another():
    path = walked("oct-2025", "WIF", "ETH")
    known = event_record("oct-2025").path("WIF", kind="last", step="15m")
    first = int(np.searchsorted(path.times, known.times[0]))
    own = slice(first, first + 12)  # three whole hours
    assert path.prices[own, 0].reshape(3, 4).tolist() == [
        [known.open[at], known.low[at : at + 4].min(), known.high[at : at + 4].max(), known.close[at + 3]]
        for at in (0, 4, 8)
    ]
    # It fell by more than ETH did, and moves with it outside these hours.
    assert path.prices[own, 0].min() / path.prices[first, 0] < 0.4
    for rest in (slice(None, first), slice(first + 12, None)):
        assert moves(path.prices[rest, 0]) == pytest.approx(moves(path.prices[rest, 1]))
    assert np.array_equal(path.funding[:, 0], path.funding[:, 1])


@pytest.mark.parametrize("coin", ["1000PEPE", "PEPE", "kPEPE"])
def test_a_thousand_of_a_coin_moves_as_the_coin_does(coin):
    path, thousand = walked("oct-2025", coin), walked("oct-2025", "1000PEPE")
    assert path.followed[0].symbol == "1000PEPE"
    assert path.followed[0].coin == coin
    assert np.array_equal(path.prices, thousand.prices)


def test_the_four_hour_candles_of_august_2024_are_the_sums_of_its_hours():
    hours = event_record("aug-2024").path("BTC", kind="last")
    four = event("aug-2024")
    for at in (0, 17, 41):
        mine = slice(4 * at, 4 * at + 4)
        candle = [hours.open[mine][0], hours.high[mine].max(), hours.low[mine].min(), hours.close[mine][-1]]
        assert [float(getattr(four, field)[at, 0]) for field in OHLC] == candle


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"coins": []}, "coins must be one or more, not none"),
        ({"coins": "BTC"}, "coins must be a list of coins such as 'BTC', not 'BTC'"),
        ({"coins": [3]}, "coins must be a name, not 3"),
        ({"coins": ["BTC"], "venue": "mexc"}, "venue must be one of 'binance', 'bybit', 'okx', not 'mexc'"),
        ({"coins": ["BTC"], "order": "low"}, "order must be one of 'low first', 'high first', not 'low'"),
    ],
)
def test_other_coins_venues_and_orders_are_refused(asked, refusal):
    with pytest.raises(ValueError, match=f"^{refusal}$"):
        event_record("oct-2025").price_path(**asked)
