"""The page of venues: every row has its source, and the same position is liquidated where the venue would do it."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from marginlab import event, venue, venue_names
from marginlab.markets.venues import TOPICS, practices

from ..chapters import explorers_of, namespace_of, notebook_of, values_of

BTC, ETH = (float(mark) for mark in event("rally-aug-2026").close[-1])
CONFIDENCE = re.compile(r"; [ABC]\*")
EXPLORER = "fallen"


def rows_of(text):
    """Return the rows of the tables in a text, cell by cell, without heads and rules."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    rules = {i for i, line in enumerate(lines) if set("".join(line)) <= set("-:| ")}
    return [line for i, line in enumerate(lines) if not {i, i + 1} & rules]


def markdown_of(start):
    """Return what the first code cell after a label wrote as Markdown."""
    cells = notebook_of("venues").cells
    (place,) = (i for i, cell in enumerate(cells) if f"({start})=" in cell.source)
    written = [value.data for i, value in values_of("venues").items() if i > place and hasattr(value, "data")]
    return written[0]


# --- the tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", TOPICS)
def test_every_practice_is_on_the_page_with_source_date_and_confidence(topic):
    written = markdown_of(f"venues-{topic}")
    for one in practices(topic):
        cited = f"{one.value}<br>*{one.source}; {one.date}; {one.confidence}*"
        assert any(row[0] == one.venue and row[-1] == cited for row in rows_of(written)), one
    assert len(rows_of(written)) == len(practices(topic))


@pytest.mark.parametrize("section", ["counting", "fees"])
def test_every_venue_with_brackets_has_a_row_with_its_source(section):
    rows = rows_of(markdown_of(f"venues-{section}"))
    assert [row[0] for row in rows] == [venue(name).title for name in venue_names()]
    assert all(CONFIDENCE.search(row[-1]) for row in rows)


def test_every_symbol_has_its_newest_brackets_behind_a_fold():
    written = markdown_of("venues-brackets")
    newest = {(name, table.contract.symbol) for name in venue_names() for table in venue(name).tables}
    assert written.count("<details>") == written.count("</details>") == len(newest)
    for name, symbol in newest:
        table = venue(name).table(symbol)
        fold = written.split(f"<summary>{venue(name).title}, {symbol}, {table.date}: ")[1].split("</details>")[0]
        assert f"*{table.source}; {table.date}; {table.confidence}*" in fold
        shown = [float(row[1].rstrip("%")) for row in rows_of(fold)]
        assert shown == pytest.approx([100 * rate for rate in table.contract.tiers.rates], abs=0.0051)


# --- the same position everywhere -----------------------------------------------------------------------------


def falls_by_hand(notional, leverage):
    """Return by venue the fall that liquidates an isolated long of so much: margin less what the venue asks.

    With x the part of the price that is left: 1/leverage - (1 - x) = what is asked, as a share of the notional.
    """
    share = 1 / leverage

    def sliced(name, symbol, value, date=None):
        tiers = venue(name).table(symbol, date=date).contract.tiers
        tops = [*tiers.floors[1:], np.inf]
        slices = zip(tiers.floors, tops, tiers.rates, strict=True)
        return sum(rate * (min(value, top) - floor) for floor, top, rate in slices if value > floor) / notional

    def bisected(asked):
        """Return the x at which the margin left is what is asked at x."""
        low, high = 1 - share, 1.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (low, middle) if share - (1 - middle) > asked(middle) else (middle, high)
        return 1 - low

    okx = venue("okx").contract("ETHUSDT").tiers
    contracts = notional / ETH / 0.1
    rate = okx.rates[max(i for i, floor in enumerate(okx.floors) if floor < contracts)]
    return {
        "Binance USD-M": bisected(lambda x: sliced("binance", "BTCUSDT", x * notional)),
        # Frozen at entry: of the whole notional, whatever the price.
        "Bybit": share - sliced("bybit", "BTCUSDT", notional, date="2025"),
        # One rate of the bracket by contracts, and 0.05 % for closing.
        "OKX": bisected(lambda x: (rate + 0.0005) * x),
        # Half the initial margin at 40x, and 3 %, on what it is worth then.
        "Hyperliquid": bisected(lambda x: x / 80),
        "dYdX v4": bisected(lambda x: 0.03 * x),
    }


def states():
    every = list(explorers_of("venues")[EXPLORER].states())
    corners = [every[0], every[-1], {"notional": 10_000, "leverage": 20}, {"notional": 10_000_000, "leverage": 2}]
    return [*corners, explorers_of("venues")[EXPLORER].start, *random.Random(1).sample(every, 10)]


def test_the_page_tells_the_fall_at_each_venue_as_it_is_by_hand():
    for values in states():
        said = explorers_of("venues")[EXPLORER].draw(**values)[1]
        falls = falls_by_hand(values["notional"], values["leverage"])
        told = {title: float(fall) for fall, title in re.findall(r"([\d.]+)% at ([\w -]+?)(?:,| and |\. )", said)}
        assert told == pytest.approx({title: 100 * fall for title, fall in falls.items()}, abs=0.0051), said


def test_the_page_tells_who_liquidates_first_and_last():
    for values in states():
        said = explorers_of("venues")[EXPLORER].draw(**values)[1]
        falls = falls_by_hand(values["notional"], values["leverage"])
        first, last, later = re.search(r"\. (.+) is the first, (.+) the last, ([\d.]+)%", said).groups()
        assert falls[first] == pytest.approx(min(falls.values()), abs=1e-9)
        assert falls[last] == pytest.approx(max(falls.values()), abs=1e-9)
        assert float(later) == pytest.approx(100 * (max(falls.values()) - min(falls.values())), abs=0.0051)


def test_what_the_bars_show_is_the_fall_and_above_it_what_the_requirement_takes():
    drawn, _ = explorers_of("venues")[EXPLORER].draw(notional=1_000_000, leverage=10)
    falls, taken = (trace["y"] for trace in drawn["data"])
    assert falls == pytest.approx(list(falls_by_hand(1_000_000, 10).values()))
    assert np.add(falls, taken) == pytest.approx(0.1)


# --- why ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notional", [10_000, 300_000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("leverage", [2, 10, 20])
def test_the_parts_that_conventions_take_add_up_to_the_whole_fall(notional, leverage):
    names = namespace_of("venues")
    falls = dict(zip(names["TABLES"], falls_by_hand(notional, leverage).values(), strict=True))
    for name in names["TABLES"]:
        *parts, whole = names["decomposed"](name, notional, leverage)
        assert parts[0] == pytest.approx(1 / leverage)
        assert sum(parts) == pytest.approx(whole, abs=1e-12) == pytest.approx(falls[name], abs=1e-12)


def test_each_convention_counts_only_where_a_venue_has_it():
    decomposed = namespace_of("venues")["decomposed"]
    parts = {name: decomposed(name, 1_000_000, 10) for name in ("binance", "bybit", "okx", "hyperliquid", "dydx")}
    rate, deduction, fee, where = (np.array([one[i] for one in parts.values()]) for i in (1, 2, 3, 4))
    assert (rate < 0).all()
    assert [name for name, part in zip(parts, deduction, strict=True) if abs(part) > 1e-12] == ["binance"]
    assert [name for name, part in zip(parts, fee, strict=True) if abs(part) > 1e-12] == ["okx"]
    assert [name for name, part in zip(parts, where, strict=True) if abs(part) > 1e-12] == ["bybit"]
    assert deduction.max() > 0 > max(fee.min(), where.min())
