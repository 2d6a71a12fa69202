"""Prices go into the record as they were written, and candles that cannot be, or disagree, stay out."""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab.markets.events import funding_of, path_of

from ..examples import examples
from . import add_candles
from .event_table import FIELDS, disagreements, funding_row, path_row, rows_in, written

SAID = {"symbol": "BTC", "venue": "binance", "source": "Binance (a copy)", "confidence": "B"}
HOURLY = {**SAID, "kind": "last", "step": "1h"}
HEADING = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
# Invented: three hours in which a price of 100 falls by a tenth, and the quarters of the second of them.
HOURS = [("100", "101", "99.5", "100.5"), ("100.5", "100.6", "90", "91.25"), ("91.25", "95", "91", "94.0000001")]
QUARTERS = [
    ("100.5", "100.6", "98", "98"),
    ("98", "98", "90", "90"),
    ("90", "92", "90", "92"),
    ("92", "92", "91", "91.25"),
]
FUNDING = ["0.00010000", "-0.00301234", "0.00000000"]
ten_digits = st.integers(1, 10**10).map(lambda ticks: Decimal(ticks).scaleb(-8))


def at(hour, minute=0, day=5):
    return f"2024-08-0{day + hour // 24}T{hour % 24:02}:{minute:02}"


def of_hours(hours=HOURS, first=0):
    return [(at(first + i), four) for i, four in enumerate(hours)]


# --- how prices are kept -----------------------------------------------------------------------------------------


@examples(1)
@given(
    st.lists(st.tuples(ten_digits, ten_digits, ten_digits, ten_digits).map(sorted), min_size=1, max_size=6),
    st.booleans(),
)
def test_prices_come_out_as_the_very_numbers_that_were_written(candles, rises):
    inner = (1, 2) if rises else (2, 1)
    written_ = [tuple(f"{one:f}" for one in (four[inner[0]], four[3], four[0], four[inner[1]])) for four in candles]
    path = path_of(path_row(of_hours(written_), **HOURLY))
    for i, field in enumerate(FIELDS):
        assert getattr(path, field).tolist() == [float(four[i]) for four in written_]
    assert path.times.tolist() == [np.datetime64(at(i)).astype("datetime64[m]").item() for i in range(len(candles))]


def test_what_is_said_of_a_path_comes_out_with_it():
    row = path_row(of_hours(), **HOURLY, note="By hand.", lowest_mark=91.5)
    path = path_of(row)
    assert (path.symbol, path.venue, path.kind, path.step) == ("BTC", "binance", "last", "1h")
    assert (path.source, path.confidence, path.note, path.lowest_mark) == ("Binance (a copy)", "B", "By hand.", 91.5)
    nothing_said = path_of(path_row(of_hours(), **HOURLY, note="", lowest_mark=None))
    assert (nothing_said.note, nothing_said.lowest_mark) == ("", None)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    row = path_row(of_hours(), **HOURLY)
    assert written([row], [], ["a"]) == written([row], [], ["a"])
    file = tmp_path / "one.json.gz"
    file.write_bytes(written([row], [], ["a"]))
    assert rows_in(file) == {"notes": ["a"], "paths": [row], "funding": []}


@pytest.mark.parametrize(
    ("four", "fault"),
    [
        (("100", "99", "98", "98.5"), "open 100, high 99"),
        (("100", "101", "98", "97"), "low 98, close 97"),
        (("100", "101", "0", "100"), "low 0"),
        (("100", "101", "-1", "100"), "low -1"),
    ],
)
def test_a_candle_that_cannot_be_is_refused(four, fault):
    with pytest.raises(ValueError, match=rf"^BTC binance last 1h: 2024-08-05T01:00 has .*{fault}"):
        path_row(of_hours([HOURS[0], four]), **HOURLY)


def test_a_missing_hour_is_refused():
    with pytest.raises(ValueError, match=r"^BTC binance last 1h: 2024-08-05T00:00 is followed by 2024-08-05T02:00$"):
        path_row([of_hours()[0], of_hours()[2]], **HOURLY)


def test_funding_is_kept_with_how_often_it_falls_due():
    row = funding_row([(at(8 * i), rate) for i, rate in enumerate(FUNDING)], **SAID)
    funding = funding_of(row)
    assert funding.rates.tolist() == [0.0001, -0.00301234, 0.0]
    assert [str(time) for time in funding.times] == [at(0), at(8), at(16)]


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        ((0, 8, 24), "08:00 is followed by 2024-08-06T00:00"),
        ((0,), "must lie a step apart"),
        ((0, 7), "must lie a step apart"),
    ],
)
def test_funding_that_is_not_regular_is_refused(hours, fault):
    with pytest.raises(ValueError, match=rf"^BTC binance funding: .*{fault}$"):
        funding_row([(at(hour), "0.0001") for hour in hours], **SAID)


def test_whole_candles_of_finer_steps_must_add_up_to_the_coarser_ones():
    quarters = [(at(1, 15 * i), four) for i, four in enumerate(QUARTERS)]
    hours = path_of(path_row(of_hours(), **HOURLY))
    fine = path_of(path_row(quarters, **{**HOURLY, "step": "15m"}))
    assert disagreements([hours, fine]) == []
    deeper = [*quarters[:3], (at(1, 45), ("92", "92", "89", "91.25"))]
    (found,) = disagreements([hours, path_of(path_row(deeper, **{**HOURLY, "step": "15m"}))])
    assert found == (
        "BTC binance last 2024-08-05T01:00: [100.5, 100.6, 90.0, 91.25] in 1h, [100.5, 100.6, 89.0, 91.25] of 15m"
    )
    # Three quarters make no hour, and prices of another kind or venue are others.
    assert disagreements([hours, path_of(path_row(deeper[1:], **{**HOURLY, "step": "15m"}))]) == []
    assert disagreements([hours, path_of(path_row(deeper, **{**HOURLY, "step": "15m", "kind": "mark"}))]) == []
    assert disagreements([hours, path_of(path_row(deeper, **{**HOURLY, "step": "15m", "venue": "okx"}))]) == []


# --- the venue's own files ---------------------------------------------------------------------------------------


def venue_file(candles, *, heading=False, unit="ms"):
    """Return candles as the venue writes them: when they open, prices, and what is not kept."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for time, four in candles:
        opens = np.datetime64(time, unit).astype(int)
        lines.writerow([opens, *four, "12.5", opens + 1, "1250", "7", "6", "600", "0"])
    return (HEADING + "\n" if heading else "") + text.getvalue()


def put_files(folder, hours=HOURS, marks=HOURS):
    """Put an invented coin's files below a folder as the venue's own lie there."""
    for kind, name, text in (
        ("klines", "BTCUSDT-1h-2024-08-05.csv", venue_file(of_hours(hours), heading=True)),
        ("markPriceKlines", "BTCUSDT-1h-2024-08-05.csv", venue_file(of_hours(marks), unit="us")),
    ):
        place = folder / "futures" / "um" / "daily" / kind / "BTCUSDT" / "1h"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    place = folder / "futures" / "um" / "monthly" / "fundingRate" / "BTCUSDT"
    place.mkdir(parents=True, exist_ok=True)
    # Settled some thousandths of a second late, and in a file of the whole month.
    rows = [f"{np.datetime64(at(8 * i), 'ms').astype(int) + 3},8,{rate}" for i, rate in enumerate([*FUNDING, "0.5"])]
    with zipfile.ZipFile(place / "BTCUSDT-fundingRate-2024-08.zip", "w") as archive:
        archive.writestr("month.csv", "\n".join(["calc_time,funding_interval_hours,last_funding_rate", *rows]))
    (folder / "CHECKSUM").write_text("of no kind that is read", encoding="utf-8")


def added(file, folder, first="2024-08-05", last="2024-08-05", notes=()):
    return add_candles.add(file, first, last, folder, list(notes))


def test_a_venues_files_come_into_the_record_as_they_are(tmp_path):
    put_files(tmp_path)
    file = tmp_path / "new.json.gz"
    assert added(file, tmp_path, notes=["Invented."]) == [
        "BTC last 1h: 3 candles from 2024-08-05T00:00, -10.0% from first open to low",
        "BTC mark 1h: 3 candles from 2024-08-05T00:00, -10.0% from first open to low",
        "BTC funding: 3 from 2024-08-05T00:00",
    ]
    rows = rows_in(file)
    assert rows["notes"] == ["Invented."]
    last, mark = map(path_of, rows["paths"])
    assert (last.kind, mark.kind) == ("last", "mark")
    for path in (last, mark):
        assert (path.venue, path.step, path.confidence) == ("binance", "1h", "A")
        assert path.close.tolist() == [100.5, 91.25, 94.0000001]
        assert [str(time) for time in path.times] == [at(0), at(1), at(2)]
    (funding,) = map(funding_of, rows["funding"])
    assert funding.rates.tolist() == [0.0001, -0.00301234, 0.0]


def test_what_comes_again_takes_the_place_of_what_was_there_and_the_rest_stays(tmp_path):
    file = tmp_path / "event.json.gz"
    others = [path_row(of_hours(), **{**HOURLY, "symbol": "ETH"}), path_row(of_hours(), **HOURLY)]
    file.write_bytes(written(others, [], ["Known."]))
    put_files(tmp_path, hours=[HOURS[0], HOURS[1], ("91.25", "96", "91", "95")])
    added(file, tmp_path, notes=["Known.", "New."])
    rows = rows_in(file)
    assert rows["notes"] == ["Known.", "New."]
    assert [(row["symbol"], row["kind"]) for row in rows["paths"]] == [
        ("ETH", "last"),
        ("BTC", "last"),
        ("BTC", "mark"),
    ]
    assert rows["paths"][0] == others[0]
    assert path_of(rows["paths"][1]).close[-1] == 95


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        ([HOURS[0], ("100.5", "100", "90", "91.25")], "has open 100.5, high 100"),
        ([HOURS[0], ("100.5", "100.6", "89.9", "91.25")], r"90.0, 91.25\] of 15m"),
    ],
)
def test_files_that_cannot_be_or_disagree_with_the_record_leave_it_as_it_is(tmp_path, hours, fault):
    file = tmp_path / "event.json.gz"
    quarters = [(at(1, 15 * i), four) for i, four in enumerate(QUARTERS)]
    file.write_bytes(written([path_row(quarters, **{**HOURLY, "step": "15m"})], [], []))
    before = file.read_bytes()
    put_files(tmp_path, hours=hours)
    with pytest.raises(ValueError, match=fault):
        added(file, tmp_path)
    assert file.read_bytes() == before


def test_days_without_candles_and_files_of_other_contracts_or_steps_are_refused(tmp_path):
    put_files(tmp_path)
    with pytest.raises(ValueError, match=r"^there are no candles from 2025-01-01 to 2025-01-02 below "):
        added(tmp_path / "new.json.gz", tmp_path, "2025-01-01", "2025-01-02")
    (tmp_path / "klines").mkdir()
    for name, fault in (
        ("BTCUSD_PERP-1h-2024-08-05.csv", "must be of a perpetual in USDT"),
        ("BTCUSDT-3m-2024-08-05.csv", "must have a step among 1m, 5m, 15m, 1h, 4h, 8h"),
    ):
        file = tmp_path / "klines" / name
        file.write_text(venue_file(of_hours()), encoding="utf-8")
        with pytest.raises(ValueError, match=rf"^{name} {fault}$"):
            added(tmp_path / "new.json.gz", tmp_path)
        file.unlink()


def test_the_script_says_what_it_did_or_why_it_did_nothing(tmp_path, monkeypatch, capsys):
    put_files(tmp_path)
    monkeypatch.setattr(add_candles, "EVENTS", tmp_path)
    given_ = ["add_candles", "invented", "2024-08-05", "2024-08-05", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*given_, "--note", "Invented."])
    add_candles.main()
    assert "BTC last 1h: 3 candles" in capsys.readouterr().out
    assert rows_in(tmp_path / "invented.json.gz")["notes"] == ["Invented."]
    monkeypatch.setattr(sys, "argv", [*given_[:2], "2025-01-01", "2025-01-01", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^Nothing was written: there are no candles"):
        add_candles.main()
