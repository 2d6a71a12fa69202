"""What became of a maintenance rate: the figure on the page of venues, worked out once more from the tables by date."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import numpy as np
import pytest

from marginlab import formatting, venue

from ..chapters import explorers_of, namespace_of, values_of

BINANCE = venue("binance")
# Every day on which brackets were looked at is in one of these months.
MONTHS = [f"{year}-{month:02}" for year in range(2021, 2027) for month in range(1, 13)]


@pytest.fixture(scope="module")
def became():
    return explorers_of("venues")["became"]


def states(explorer, number=24):
    """Return some states, the same each time."""
    return random.Random(7).sample(list(explorer.states()), number)


def slices_by_hand(tiers, notional):
    """Return what brackets ask of a notional, slice by slice."""
    slices = zip(tiers.floors, [*tiers.floors[1:], np.inf], tiers.rates, strict=True)
    return sum(rate * (min(notional, top) - floor) for floor, top, rate in slices if notional > floor)


def asked_by_hand(tiers, notional):
    """Return that as a share of the position; None where it is too large."""
    return None if notional > tiers.cap else slices_by_hand(tiers, notional) / notional


def price_by_hand(tiers, notional, leverage):
    """Return where a long from 100 is liquidated, by halving; None where it could not be opened."""
    limit = tiers.max_leverage[max(n for n, floor in enumerate(tiers.floors) if floor < notional)]
    if notional > tiers.cap or leverage > limit or asked_by_hand(tiers, notional) >= 1 / leverage:
        return None
    low, high = 0.0, 100.0
    for _ in range(80):
        price = (low + high) / 2
        value = notional * price / 100
        short = notional / leverage + value - notional < asked_by_hand(tiers, value) * value
        low, high = (price, high) if short else (low, price)
    return high


@pytest.mark.long
def test_the_figure_tells_what_it_was_and_is_as_it_is_by_hand(became):
    for values in states(became):
        history, said = BINANCE.history(values["symbol"]), became.draw(**values)[1]
        told = re.findall(r"ask(?:ed)? ([\d.]+)% of it and|(none as large)|(nothing has changed)", said)
        for table, (share, none, unchanged) in zip((history[0], history[-1]), told, strict=True):
            asked = asked_by_hand(table.contract.tiers, values["notional"])
            assert (asked is None) == bool(none)
            if share:
                assert float(share) == pytest.approx(100 * asked, abs=0.0051), said
            if unchanged:
                assert asked == pytest.approx(asked_by_hand(history[0].contract.tiers, values["notional"])), said


def test_the_figure_tells_where_a_long_is_liquidated_as_it_is_by_hand(became):
    for values in states(became):
        size, said = (values["notional"], values["leverage"]), became.draw(**values)[1]
        told = said.split(f"A long from 100 at {values['leverage']}x ")[1]
        prices = [price_by_hand(table.contract.tiers, *size) for table in _ends(values["symbol"])]
        known = [price for price in prices if price is not None]
        found = [float(one) for one in re.findall(r"at (\d+\.\d\d)", told)]
        assert found == pytest.approx(known, abs=0.0051), said
        assert told.startswith("could not") == (prices[0] is None), said
        assert ("cannot be" in told) == (prices[1] is None), said
        if len(known) == 2 and abs(prices[1] - prices[0]) > 0.01:
            assert told.endswith(f"{'sooner' if prices[1] > prices[0] else 'later'}."), said


def _ends(symbol):
    history = BINANCE.history(symbol)
    return history[0], history[-1]


def test_the_line_has_what_was_in_force_at_the_end_of_every_month(became):
    for values in states(became, 12):
        _, asked, fall = became.draw(**values)[0]["data"]
        for month in MONTHS:
            day = (np.datetime64(month) + 1).astype("datetime64[D]") - 1
            if not asked["x"][0] <= day <= asked["x"][-1]:
                continue
            tiers = BINANCE.table(values["symbol"], date=month).contract.tiers
            at = np.flatnonzero(asked["x"] <= day)[-1]
            share = asked_by_hand(tiers, values["notional"])
            price = price_by_hand(tiers, values["notional"], values["leverage"])
            assert asked["y"][at] == pytest.approx(np.nan if share is None else share, abs=1e-4, nan_ok=True), (
                values,
                month,
            )
            assert fall["y"][at] == pytest.approx(np.nan if price is None else 1 - price / 100, abs=1e-4, nan_ok=True)


def test_the_table_has_a_row_for_each_change_and_no_two_alike(became):
    for values in states(became, 12):
        rows = became.table(**values).rows
        assert all(before[1:] != after[1:] for before, after in pairwise(rows))
        line = became.draw(**values)[0]["data"][1]
        assert [row[0] for row in rows] == [formatting.day(day) for day in line["x"][::2]]


def test_the_page_counts_the_markets_that_ask_less_and_more_than_at_first():
    (written,) = (
        value.data for value in values_of("venues").values() if "asks less than at first" in getattr(value, "data", "")
    )
    ends = [_ends(symbol) for symbol in BINANCE.symbols if len(BINANCE.history(symbol)) > 1]
    held = namespace_of("venues")["HELD"]
    rates = [[slices_by_hand(table.contract.tiers, held) for table in two] for two in ends]
    turned = np.sign(np.round([last - first for first, last in rates], 6))
    numbers = [int(one) for one in re.findall(r"(?<![\d,])\d+(?![\d,]*,)", written.replace(f"{held:,}", ""))]
    assert numbers == [len(ends), (turned < 0).sum(), (turned > 0).sum()]
