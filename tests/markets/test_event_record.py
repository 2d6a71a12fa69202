"""The record of the events: what was found out of these prices is true of the table, and each path says what it is."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from marginlab import event, event_names, event_record
from marginlab.markets.events import STEPS, VENUES

from .event_table import EVENTS, columns, disagreements, gaps, impossible, summed

# What the collected prices were found to be, by other programs and before this table was made: of each coin its lows,
# and of coins at two venues how far their hourly closes were apart.
FOUND = json.loads(Path(__file__).with_name("expected_events.json").read_text(encoding="utf-8"))
MARKS = list(csv.DictReader((EVENTS.parent / "marks.csv").read_text(encoding="utf-8").splitlines()))
BYTES = 700_000
# First day, last day, coins with hourly marks at Binance, and the coins at other venues whose marks are known.
WINDOWS = {
    "covid-2020": ("2020-03-11", "2020-03-14", 5, {}),
    "may-2021": ("2021-05-17", "2021-05-21", 5, {}),
    "luna-2022": ("2022-05-07", "2022-05-14", 5, {"okx": 2}),
    "ftx-2022": ("2022-11-06", "2022-11-11", 5, {"okx": 2}),
    "aug-2024": ("2024-08-02", "2024-08-08", 6, {"okx": 1}),
    "oct-2025": ("2025-10-09", "2025-10-12", 21, {"bybit": 6, "okx": 1}),
    "feb-2026": ("2026-02-03", "2026-02-07", 13, {"bybit": 3}),
    "jun-2026": ("2026-06-01", "2026-06-06", 0, {"bybit": 8, "okx": 6}),
}
# The finest steps around the lows: how many coins, from when to when the candles open.
FINE = {
    ("may-2021", "binance", "last", "1m"): (2, "2021-05-19T12:40", "2021-05-19T13:59"),
    ("aug-2024", "binance", "last", "1m"): (2, "2024-08-05T00:45", "2024-08-05T06:59"),
    ("aug-2024", "binance", "last", "15m"): (3, "2024-08-05T00:00", "2024-08-05T15:45"),
    ("oct-2025", "binance", "last", "1m"): (4, "2025-10-10T20:50", "2025-10-10T21:59"),
    ("oct-2025", "binance", "mark", "5m"): (1, "2025-10-10T20:00", "2025-10-10T23:25"),
    ("oct-2025", "binance", "last", "5m"): (2, "2025-10-10T20:00", "2025-10-10T23:25"),
    ("oct-2025", "bybit", "last", "5m"): (8, "2025-10-10T20:00", "2025-10-10T23:25"),
    ("oct-2025", "binance", "last", "15m"): (45, "2025-10-10T20:00", "2025-10-10T23:15"),
    ("oct-2025", "binance-coin-m", "mark", "1m"): (1, "2025-10-10T20:45", "2025-10-10T22:29"),
}
# The one candle whose hourly trades differ from the four-hour table, which leaves a stray print out.
STRAY = ("covid-2020", "ETH", "2020-03-13T00:00", 323.0, 124.62)

every_event = pytest.mark.parametrize("name", event_names())


def hourly(row, side="venue", kind=None):
    """Return the hourly path that a found row speaks of, None where it is not on record."""
    wanted = (row["symbol"], row[side], kind or row["kind"], "1h")
    paths = event_record(row["event"]).paths
    return next((one for one in paths if (one.symbol, one.venue, one.kind, one.step) == wanted), None)


def per_cent(value, places):
    """Return a share as the number of per cent that is printed for it, without the sign of a zero."""
    return float(f"{100 * value:.{places}f}") + 0.0


def low_of(path):
    """Return the lowest low and when its candle opens."""
    return float(path.low.min()), str(path.times[path.low.argmin()]).replace("T", " ")


# --- what was found out elsewhere --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", FOUND["lows"], ids=lambda row: f"{row['event']} {row['symbol']} {row['venue']}")
def test_the_lows_are_those_that_were_found(row):
    mark, last = hourly(row, kind="mark"), hourly(row, kind="last")
    assert (mark is None) == (row["mark_step"] != "1h")
    assert (last is None) == (row["last_low"] == "")
    if last is not None:
        assert low_of(last) == (float(row["last_low"]), row["last_low_time"])
        assert last.lowest_mark == (float(row["mark_low"]) if row["mark_step"] == "8h" else None)
    if mark is not None:
        assert low_of(mark) == (float(row["mark_low"]), row["mark_low_time"])
        assert mark.open[0] == float(row["open"])
        assert per_cent(mark.low.min() / mark.open[0] - 1, 1) == float(row["fall_pct"])
        assert per_cent((mark.low / mark.open - 1).min(), 1) == float(row["worst_hour_pct"])


def test_a_low_is_found_of_every_hourly_price():
    paths = {
        (name, one.symbol, one.venue) for name in event_names() for one in event_record(name).paths if one.step == "1h"
    }
    assert {(row["event"], row["symbol"], row["venue"]) for row in FOUND["lows"]} == paths


COMPARED = [row for row in FOUND["checks"] if hourly(row, "venue_a") and hourly(row, "venue_b")]


def test_coins_at_two_venues_are_compared_in_calm_and_in_the_crash():
    assert len(COMPARED) == 21
    assert {row["event"] for row in COMPARED} == {"luna-2022", "ftx-2022", "oct-2025", "feb-2026"}


@pytest.mark.parametrize(
    "row", COMPARED, ids=lambda row: f"{row['event']} {row['symbol']} {row['kind']} {row['venue_b']}"
)
def test_two_venues_are_as_far_apart_as_was_found(row):
    one, other = hourly(row, "venue_a"), hourly(row, "venue_b")
    apart = np.abs(other.close / one.close - 1)
    assert np.array_equal(one.times, other.times)
    assert len(apart) == int(row["hours"])
    assert per_cent(apart.mean(), 3) == float(row["mean_abs_close_diff_pct"])
    assert per_cent(apart.max(), 2) == float(row["max_abs_close_diff_pct"])
    assert one.times[apart.argmax()] == np.datetime64(row["max_close_time"])


@pytest.mark.parametrize("side", ["a", "b"])
def test_each_side_of_a_comparison_has_the_low_that_was_found(side):
    known = [(row, hourly(row, f"venue_{side}")) for row in FOUND["checks"]]
    known = [(row, path) for row, path in known if path is not None]
    assert len(known) > 20
    for row, path in known:
        assert float(path.low.min()) == float(row[f"low_{side}"]), row


@pytest.mark.parametrize("row", MARKS, ids=lambda row: f"{row['event']} {row['symbol']} {row['side']}")
def test_the_known_extremes_of_the_mark_are_met(row):
    path = event_record(row["event"]).path(row["symbol"], kind="mark", venue="binance")
    begins, ends = (np.datetime64(row[side].removesuffix("Z")) for side in ("from_utc", "to_utc"))
    within = (path.times >= begins) & (path.times < ends)
    found = path.low[within].min() if row["side"] == "low" else path.high[within].max()
    assert round(float(found), 2) == float(row["price"])
    # The lowest of the whole event, not only of the hours in which it was looked for.
    assert row["side"] == "high" or path.low.min() == found


@pytest.mark.parametrize("name", ["covid-2020", "may-2021", "luna-2022", "ftx-2022", "oct-2025", "feb-2026"])
def test_hourly_trades_add_up_to_the_four_hour_candles_but_for_one_stray_print(name):
    known, differing = event(name), []
    for i, symbol in enumerate(known.symbols):
        of_hours = summed(event_record(name).path(symbol, kind="last", venue="binance"), "4h")
        assert list(of_hours) == list(known.times)
        candles = np.stack([known.open[:, i], known.high[:, i], known.low[:, i], known.close[:, i]], axis=1)
        for time, stated in zip(known.times, candles, strict=True):
            pairs = zip(of_hours[time], stated.tolist(), strict=True)
            differing += [(name, symbol, str(time), hour, four) for hour, four in pairs if hour != four]
    assert differing == ([STRAY] if name == STRAY[0] else [])


@pytest.mark.parametrize("name", event_names())
def test_funding_of_the_four_hour_table_is_that_of_the_record(name):
    known, record = event(name), event_record(name)
    for i, symbol in enumerate(known.symbols):
        funding = record.funding(symbol, venue="binance")
        assert np.array_equal(funding.times, known.funding_times)
        assert np.array_equal(funding.rates, known.funding[:, i])


# --- what is on record -------------------------------------------------------------------------------------------


def test_the_order_of_the_records_is_that_of_time():
    starts = [event_record(name).paths[0].times[0] for name in event_names()]
    assert starts == sorted(starts)


@pytest.mark.parametrize("name", WINDOWS)
def test_every_hour_of_an_event_is_on_record_until_trading_ends(name):
    first, last, *_ = WINDOWS[name]
    ends = {f"{last}T23:00", *(["2022-05-13T00:00"] if name == "luna-2022" else [])}
    paths = [one for one in event_record(name).paths if one.step == "1h"]
    assert {str(one.times[0]) for one in paths} == {f"{first}T00:00"}
    assert {str(one.times[-1]) for one in paths} == ends


@pytest.mark.parametrize("name", WINDOWS)
def test_so_many_coins_have_hourly_marks(name):
    *_, binance, others = WINDOWS[name]
    marks = [one.venue for one in event_record(name).paths if (one.kind, one.step) == ("mark", "1h")]
    assert {venue: marks.count(venue) for venue in set(marks)} == {
        **({"binance": binance} if binance else {}),
        **others,
    }


def test_the_finest_steps_are_those_around_the_lows():
    found = {}
    for name in event_names():
        for one in event_record(name).paths:
            if one.step not in ("1h", "4h"):
                found.setdefault((name, one.venue, one.kind, one.step), []).append(one)
    ends = {
        key: (len(paths), str(min(one.times[0] for one in paths)), str(max(one.times[-1] for one in paths)))
        for key, paths in found.items()
    }
    assert ends == FINE


def test_of_the_rally_there_are_four_hour_trades_and_nothing_else():
    record = event_record("rally-aug-2026")
    assert [(one.symbol, one.venue, one.kind, one.step) for one in record.paths] == [
        ("BTC", "binance", "last", "4h"),
        ("ETH", "binance", "last", "4h"),
    ]
    assert np.array_equal(record.path("ETH", kind="last", step="4h").high, event("rally-aug-2026").high[:, 1])
    assert len(record.notes) == 1
    assert record.notes[0].startswith("Only four-hour last trades of BTC and ETH are on record")


def test_where_hourly_trades_of_binance_are_on_record_the_four_hour_candles_are_not_repeated():
    with_candles = {name for name in event_names() if any(one.step == "4h" for one in event_record(name).paths)}
    assert with_candles == {"jun-2026", "rally-aug-2026"}


@pytest.mark.parametrize(
    ("name", "symbol", "venue", "hours"),
    [("oct-2025", "BTC", "binance", 8), ("oct-2025", "KAS", "binance", 4), ("jun-2026", "ENA", "okx", 4)],
)
def test_funding_fell_due_every_eight_hours_and_of_some_coins_every_four(name, symbol, venue, hours):
    assert set(np.diff(event_record(name).funding(symbol, venue=venue).times)) == {np.timedelta64(60 * hours, "m")}


@every_event
def test_funding_falls_due_within_the_event(name):
    record = event_record(name)
    first, last = min(one.times[0] for one in record.paths), max(one.times[-1] for one in record.paths)
    for one in record.fundings:
        assert first <= one.times[0] <= one.times[-1] <= last
        assert one.rates.shape == one.times.shape
        assert np.abs(one.rates).max() < 0.03


# --- prices that can be ------------------------------------------------------------------------------------------


@every_event
def test_no_candle_is_missing_and_each_can_be(name):
    for one in event_record(name).paths:
        assert one.step in STEPS
        assert columns(one).shape == (len(one.times), 4)
        assert gaps(list(one.times), one.step) + impossible(one.times, columns(one)) == []


@every_event
def test_finer_steps_add_up_to_coarser_ones(name):
    assert disagreements(event_record(name).paths) == []


def test_an_hour_that_its_minutes_do_not_add_up_to_is_found():
    # Bybit's hours were added up, Binance's were not: taken for each other's they disagree.
    record = event_record("oct-2025")
    other = record.path("BTC", kind="last", step="5m", venue="bybit")
    taken_for = type(other)(**{**vars(other), "venue": "binance"})
    found = disagreements([record.path("BTC", kind="last", venue="binance"), taken_for])
    assert len(found) == 3
    assert found[1].startswith("BTC binance last 2025-10-10T21:00: ")


def test_a_candle_opens_where_the_one_before_closed():
    # Within one per cent: the next price, in the fastest of markets. Of KAS, in the worst hour of all, a little more.
    far = {
        (name, one.symbol, one.kind)
        for name in event_names()
        for one in event_record(name).paths
        if one.step == "1h" and np.abs(one.open[1:] / one.close[:-1] - 1).max() > 0.01
    }
    assert far == {("oct-2025", "KAS", "last")}


@every_event
def test_nobody_can_change_the_record(name):
    record = event_record(name)
    assert event_record(name) is record
    arrays = [array for one in record.paths for array in (one.open, one.high, one.low, one.close)]
    arrays += [one.rates for one in record.fundings]
    assert not any(array.flags.writeable for array in arrays)


# --- what a path says of itself ----------------------------------------------------------------------------------


@every_event
def test_every_price_and_rate_says_where_it_is_from_and_how_sure_it_is(name):
    record = event_record(name)
    for one in [*record.paths, *record.fundings]:
        whose = one.source.split(" (")[0]
        assert whose == VENUES[one.venue].removesuffix("'s spot market").removesuffix(" COIN-M")
        assert "/" in one.source
        assert one.confidence in ("A", "B", "C")
    assert [one.venue for one in record.paths] == sorted((one.venue for one in record.paths), key=list(VENUES).index)


@pytest.mark.parametrize(
    ("asked", "venue", "said"),
    [
        ({"symbol": "BTC"}, "binance", ""),
        ({"symbol": "BTC", "kind": "last"}, "binance", ""),
        ({"symbol": "BTC", "venue": "bybit"}, "bybit", ""),
        ({"symbol": "DOGE"}, "okx", "Binance's mark is not on record in this step: OKX's stands in for it."),
        ({"symbol": "BNB"}, "bybit", "Binance's mark is not on record in this step: Bybit's stands in for it."),
        (
            {"symbol": "DOGE", "kind": "last"},
            "binance",
            "Binance's mark is not on record in this step: last trades stand in for it, or the mark of OKX.",
        ),
        (
            {"symbol": "SUI", "kind": "last"},
            "binance",
            "Binance's mark is not on record in this step: last trades stand in for it.",
        ),
        (
            {"symbol": "APE", "kind": "last", "step": "5m"},
            "bybit",
            "Bybit's mark is not on record in this step: last trades stand in for it.",
        ),
        ({"symbol": "BTCUSD_PERP", "step": "1m"}, "binance-coin-m", ""),
    ],
)
def test_a_path_says_what_it_stands_in_for(asked, venue, said):
    path = event_record("oct-2025").path(**asked)
    assert (path.venue, path.stands_in) == (venue, said)


def test_a_coin_without_a_perpetual_on_record_has_spot_trades_which_say_so():
    for name, symbol in (("luna-2022", "LUNA"), ("luna-2022", "UST"), ("ftx-2022", "FTT")):
        path = event_record(name).path(symbol, kind="last")
        assert path.venue == "binance-spot"
        assert path.stands_in == "No perpetual is on record: trades of the spot market stand in for it."


def test_the_stray_print_of_march_2020_is_in_the_hourly_trades_and_is_told():
    path = event_record("covid-2020").path("ETH", kind="last")
    assert (path.high.max(), str(path.times[path.high.argmax()])) == (323, "2020-03-13T02:00")
    assert "stray print" in path.note
    mark = event_record("covid-2020").path("ETH")
    assert f"{mark.high[path.high.argmax()]:.2f}" in path.note


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_what_a_note_says_of_lowest_marks_is_what_the_path_has(venue):
    path = event_record("oct-2025").path("SOL", venue=venue)
    assert f"{path.low.min():.2f} at {VENUES[venue]}" in path.note


def test_where_only_the_lowest_mark_is_known_it_is_beside_the_trades():
    sui = event_record("oct-2025").path("SUI", kind="last")
    assert sui.lowest_mark == 0.57936787
    assert "from the eight hours that began on 2025-10-10 at 16:00" in sui.note
    # The mark did not go as low as the trades.
    assert sui.low.min() < sui.lowest_mark


def test_minutes_that_were_copied_by_hand_say_so():
    for name in ("may-2021", "aug-2024", "oct-2025"):
        for one in event_record(name).paths:
            assert ("Copied page by page" in one.note) == ((one.venue, one.step) == ("binance", "1m"))


# --- asked for what is not there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["october", "", None, 0, ["oct-2025"]])
def test_an_unknown_event_is_refused_with_those_on_record(bad):
    with pytest.raises(ValueError, match=r"^name must be one of ") as refusal:
        event_record(bad)
    assert all(repr(name) in str(refusal.value) for name in event_names())


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"symbol": "SHIB"}, "symbol must be one of 'BTC', 'ETH', 'XRP', .* in may-2021, not 'SHIB'"),
        ({"symbol": None}, "symbol must be one of .* in may-2021, not None"),
        ({"symbol": "DOGE"}, "kind must be one of 'last' for DOGE in may-2021, not 'mark'"),
        ({"symbol": "BTC", "kind": "index"}, "kind must be one of 'mark', 'last' for BTC in may-2021, not 'index'"),
        ({"symbol": "BTC", "step": "1m"}, "step must be one of '1h' for BTC, mark in may-2021, not '1m'"),
        ({"symbol": "BTC", "step": ["1h"]}, r"step must be one of '1h' for BTC, mark in may-2021, not \['1h'\]"),
        ({"symbol": "BTC", "venue": "okx"}, "venue must be one of 'binance' for BTC, mark, 1h in may-2021, not 'okx'"),
    ],
)
def test_what_is_not_on_record_is_refused_with_what_is(asked, refusal):
    with pytest.raises(ValueError, match=f"^{refusal}$"):
        event_record("may-2021").path(**asked)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"symbol": "DOGE"}, "symbol must be one of 'BTC', 'ETH', 'XRP', 'LTC', 'ADA' in may-2021, not 'DOGE'"),
        ({"symbol": "BTC", "venue": "bybit"}, "venue must be one of 'binance' for BTC in may-2021, not 'bybit'"),
    ],
)
def test_funding_that_is_not_on_record_is_refused_with_what_is(asked, refusal):
    with pytest.raises(ValueError, match=f"^{refusal}$"):
        event_record("may-2021").funding(**asked)


# --- the files ---------------------------------------------------------------------------------------------------


def test_all_prices_of_events_take_few_bytes():
    tables = [EVENTS.parent / name for name in ("candles.csv", "funding.csv", "marks.csv")]
    assert sum(file.stat().st_size for file in [*EVENTS.iterdir(), *tables]) < BYTES


def test_there_is_a_file_for_every_event_on_record():
    assert sorted(file.name for file in EVENTS.iterdir()) == sorted(f"{name}.json.gz" for name in event_names())


def test_the_record_is_read_when_it_is_asked_for_and_one_event_at_a_time():
    code = """
import sys
opened = []
sys.addaudithook(lambda what, args: opened.append(str(args[0])) if what == "open" else None)
import marginlab
assert not any("data" in path and path.endswith(("gz", "csv")) for path in opened)
marginlab.event_record("may-2021")
print([path.rpartition("/")[2] for path in opened if path.endswith("gz")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['may-2021.json.gz']"


def test_a_record_is_known_by_its_name_and_title():
    record = event_record("aug-2024")
    assert (record.name, record.title) == ("aug-2024", "Yen carry unwind, August 2024")
