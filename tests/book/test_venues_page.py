"""The page of venues: every row has its source, and the same position is liquidated where the venue would do it."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from marginlab import event, venue, venue_names
from marginlab.markets.venues import TOPICS, practices

from ..chapters import explorers_of, namespace_of, notebook_of, values_of

BTC = float(event("rally-aug-2026").close[-1][0])
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

# Topics with a heading of their own, and where it is; the others are behind folds at the end.
HEADED = ("hedge", "trigger", "liquidation", "order", "ADL trigger", "ADL side", "funding", "leverage")
HEADED += ("initial margin", "profit", "withdrawal", "switching")
PLACES = {"ADL trigger": "ADL", "ADL side": "ADL", "profit": "initial-margin", "initial margin": "initial-margin"}
PLACES["withdrawal"] = "initial-margin"
SHOWN = [(topic, PLACES.get(topic, topic) if topic in HEADED else "else") for topic in TOPICS]


@pytest.mark.parametrize(("topic", "section"), SHOWN)
def test_every_practice_is_on_the_page_with_source_date_and_confidence(topic, section):
    rows = rows_of(markdown_of(f"venues-{section}"))
    for one in practices(topic):
        cited = f"{one.value}<br>*{one.source}; {one.date}; {one.confidence}*"
        assert any(row[0] == one.venue and row[-1] == cited for row in rows), one


def test_a_section_holds_nothing_but_its_topics():
    for section in {section for _, section in SHOWN}:
        told = sum(len(practices(topic)) for topic, place in SHOWN if place == section)
        assert len(rows_of(markdown_of(f"venues-{section}"))) == told


def test_who_says_nothing_is_named_as_not_known():
    silent = {venue(name).title for name in venue_names()} - {one.venue for one in practices("order")}
    text = markdown_of("venues-order").split("Not known of ")[1]
    assert all(title in text for title in silent)
    assert "Not known of Kraken Futures, BingX, Deribit and Lighter." in markdown_of("venues-switching")


def test_switching_is_told_both_ways():
    text = markdown_of("venues-switching")
    told = dict(re.findall(r"^\* (.+): ([^:]+)\.$", text, re.MULTILINE))
    assert told["No: close first"].startswith("Binance USD-M, Hyperliquid, dYdX v4, Gate, Aster")
    assert told["The whole account at once"] == "Bybit"
    assert told["Yes"] == "BitMEX, Phemex and MEXC Coin-M"
    assert told["Not said, or there is one mode only"] == "Bitget and GMX v2"
    assert text.endswith("but for MEXC Coin-M (into cross: Yes; into isolated: No: close first).")


def test_every_convention_has_a_row_with_its_dates_and_what_is_assumed():
    rows = rows_of(markdown_of("venues-counting"))
    said = [(venue(name), one) for name in venue_names() for one in venue(name).conventions]
    assert len(rows) == len(said) == 23
    for row, (one, convention) in zip(rows, said, strict=True):
        assert row[0].startswith(one.title)
        assert row[-1].split(". ")[0].startswith("Maintenance ")
        assert CONFIDENCE.search(row[-1])
        assert row[-1].count("\\*") == len(convention.assumed)
    assert [row[0] for row in rows if row[0].startswith("Bybit")] == [
        "Bybit, since 2025-09-02",
        "Bybit, since 2024, until 2025-09-01",
        "Bybit, until 2023",
    ]
    assert "0.055% at the bankruptcy price of the leverage in cross alone" in rows[1][-1]


def test_what_the_engine_does_at_every_venue_marks_what_is_assumed():
    cells = notebook_of("venues").cells
    (at,) = (i for i, cell in enumerate(cells) if "def worked_out" in cell.source)
    rows = rows_of(values_of("venues")[at].data)
    assert [row[0].split(", ")[0] for row in rows] == [venue(name).title for name in venue_names()]
    shown = ("close", "part", "liquidation_fee", "isolated_funding", "order")
    for row, name in zip(rows, venue_names(), strict=True):
        assert row[-1].count("\\*") == len(set(shown) & set(venue(name).rules.assumed))


def test_fees_are_those_that_are_known_and_the_others_are_named():
    text = markdown_of("venues-fees")
    trading, forced = text.split("On what is closed by force")
    known = [venue(name).title for name in venue_names() if venue(name).fees is not None]
    assert [row[0] for row in rows_of(trading)] == known
    assert all(CONFIDENCE.search(row[-1]) for row in rows_of(text))
    assert "SOLUSDT 1.50%" in forced
    assert "DOGEUSDT not known" in forced


def test_the_page_says_which_venue_is_out_of_service():
    (place,) = (i for i, cell in enumerate(notebook_of("venues").cells) if "ended = " in cell.source)
    assert "Drift v2 (paused): Paused since the theft of 1 April 2026" in values_of("venues")[place].data


def test_some_symbols_have_their_newest_brackets_behind_a_fold():
    written = markdown_of("venues-brackets")
    newest = {(name, table.contract.symbol) for name in venue_names() for table in venue(name).tables}
    newest |= set(namespace_of("venues")["MARKETS"].items())
    assert written.count("<details>") == written.count("</details>") == len(newest)
    for name, symbol in newest:
        table = venue(name).table(symbol)
        fold = written.split(f"<summary>{venue(name).title}, {symbol}, {table.date}: ")[1].split("</details>")[0]
        assert f"*{table.source}; {table.date}; {table.confidence}*" in fold
        shown = [float(row[1].rstrip("%")) for row in rows_of(fold)]
        rates = table.contract.tiers.rates
        assert shown == pytest.approx([100 * rate for rate in rates[:12]], abs=0.0051)
        assert ("more brackets up to" in fold) == (len(rates) > 12)


# --- the same position everywhere -----------------------------------------------------------------------------


def falls_by_hand(notional, leverage, backed=1):
    """Return by venue the fall that liquidates a long of so much bitcoin: its backing less what the venue asks.

    With x the part of the price that is left, and what stands behind it a multiple of 1/leverage:
    backed/leverage - (1 - x) = what is asked, as a share of the notional at entry. In cross it is backed twice.
    """
    share = backed / leverage

    def at(floors, rates, amount):
        return rates[max(i for i, floor in enumerate(floors) if floor < amount or i == 0)]

    def sliced(name, symbol, value):
        tiers = venue(name).table(symbol).contract.tiers
        slices = zip(tiers.floors, [*tiers.floors[1:], np.inf], tiers.rates, strict=True)
        return sum(rate * (min(value, top) - floor) for floor, top, rate in slices if value > floor) / notional

    def bisected(asked):
        """Return the fall at which what is left is what is asked."""
        low, high = 1 - share, 1.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (low, middle) if share - (1 - middle) > asked(middle) else (middle, high)
        return 1 - low

    okx, mexc = venue("okx").contract("BTC-USDT-SWAP").tiers, venue("mexc").contract("BTC_USDT").tiers
    okx_rate = at(okx.floors, okx.rates, notional / BTC / 0.01)
    mexc_rate = at(mexc.floors, mexc.rates, notional / BTC / 0.0001)
    bitget, kucoin = (0, 150_000, 900_000), (0, 100_000, 500_000)
    # The fee for closing at the bankruptcy price of the leverage; in isolated the margin contains it.
    bybit_fee = 0.00055 * (1 - 1 / leverage) if backed == 2 else 0.0
    return {
        "Binance USD-M": bisected(lambda x: sliced("binance", "BTCUSDT", x * notional)),
        "Bybit": bisected(lambda x: sliced("bybit", "BTCUSDT", x * notional) + bybit_fee),
        # One rate of the bracket by contracts, and 0.05 % for closing.
        "OKX": bisected(lambda x: (okx_rate + 0.0005) * x),
        # Half the initial margin at 40x, and 1.2 %, on what it is worth then.
        "Hyperliquid": bisected(lambda x: x / 80),
        "dYdX v4": bisected(lambda x: 0.012 * x),
        "Bitget *": bisected(lambda x: at(bitget, (0.004, 0.005, 0.01), x * notional) * x),
        "KuCoin": bisected(lambda x: (at(kucoin, (0.004, 0.005, 0.007), x * notional) + 0.0006) * x),
        "MEXC *": bisected(lambda x: mexc_rate * x),
        # Frozen at entry: of the whole notional, whatever the price.
        "Kraken Futures *": share - 0.01,
        "BitMEX": share - 0.005,
    }


def states():
    every = list(explorers_of("venues")[EXPLORER].states())
    corners = [every[0], every[-1], {"notional": 10_000, "leverage": 20}, {"notional": 1_000_000, "leverage": 3}]
    return [*corners, explorers_of("venues")[EXPLORER].start, *random.Random(1).sample(every, 10)]


def by_hand(values):
    """Return the falls in isolated and in cross."""
    return [falls_by_hand(values["notional"], values["leverage"], backed) for backed in (1, 2)]


def test_the_bars_are_the_falls_at_each_venue_as_they_are_by_hand_in_both_modes():
    for values in states():
        drawn, _ = explorers_of("venues")[EXPLORER].draw(**values)
        for trace, falls in zip(drawn["data"], by_hand(values), strict=True):
            assert dict(zip(trace["y"], trace["x"], strict=True)) == pytest.approx(falls, abs=1e-9), values


def test_the_table_below_tells_the_prices():
    for values in states():
        rows = explorers_of("venues")[EXPLORER].table(**values).rows
        isolated, cross = by_hand(values)
        assert [row[0] for row in rows] == list(isolated)
        for falls, column in ((isolated, 1), (cross, 2)):
            told = [float(row[column].replace(",", "")) for row in rows]
            assert told == pytest.approx([BTC * (1 - fall) for fall in falls.values()], abs=0.51)


def test_the_page_tells_who_liquidates_first_and_last():
    for values in states():
        said = explorers_of("venues")[EXPLORER].draw(**values)[1]
        pattern = (
            r"(?:\. Isolated|behind it), (.+?) is the first, at a fall of ([\d.]+)%, and (.+?) the last, at ([\d.]+)%"
        )
        told = re.findall(pattern, said)
        assert len(told) == 2
        for (first, least, last, most), falls in zip(told, by_hand(values), strict=True):
            assert falls[first] == pytest.approx(min(falls.values()), abs=1e-9)
            assert falls[last] == pytest.approx(max(falls.values()), abs=1e-9)
            assert [float(least), float(most)] == pytest.approx([100 * falls[first], 100 * falls[last]], abs=0.0051)


def test_a_star_stands_where_something_is_assumed_and_below_is_what():
    (place,) = (i for i, cell in enumerate(notebook_of("venues").cells) if "def rests_on" in cell.source)
    rows = rows_of(values_of("venues")[place].data)
    starred = [row[0].removesuffix(" \\*") for row in rows if row[0].endswith("\\*")]
    assert starred == ["Bitget", "MEXC", "Kraken Futures"]
    assert [("Assumed: " in row[-1]) for row in rows] == [row[0].endswith("\\*") for row in rows]
    for name, row in zip(namespace_of("venues")["MARKETS"], rows, strict=True):
        table = namespace_of("venues")["TABLES"][name]
        assert f"{table.source}; {table.date}; {table.confidence}" in row[-1]
        assert venue(name).convention.source in row[-1]


# --- why ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notional", [10_000, 300_000, 1_000_000])
@pytest.mark.parametrize("leverage", [3, 10, 20])
def test_the_parts_that_conventions_take_add_up_to_the_whole_fall(notional, leverage):
    names = namespace_of("venues")
    falls = dict(zip(names["MARKETS"], falls_by_hand(notional, leverage).values(), strict=True))
    for name in names["MARKETS"]:
        *parts, whole = names["decomposed"](name, notional, leverage)
        assert parts[0] == pytest.approx(1 / leverage)
        assert sum(parts) == pytest.approx(whole, abs=1e-12) == pytest.approx(falls[name], abs=1e-9)


def test_each_convention_counts_only_where_a_venue_has_it():
    names = namespace_of("venues")
    parts = {name: names["decomposed"](name, 1_000_000, 10) for name in names["MARKETS"]}
    rate, deduction, fee, where = (np.array([one[i] for one in parts.values()]) for i in (1, 2, 3, 4))
    assert (rate < 0).all()
    assert [name for name, part in zip(parts, deduction, strict=True) if abs(part) > 1e-12] == ["binance", "bybit"]
    assert [name for name, part in zip(parts, fee, strict=True) if abs(part) > 1e-12] == ["okx", "kucoin"]
    assert [name for name, part in zip(parts, where, strict=True) if abs(part) > 1e-12] == ["krakenfutures", "bitmex"]
    assert deduction.max() > 0 > max(fee.min(), where.min())
