"""The pool as the book draws it: levels, lines, words and who is lost first, worked out by hand in random states.

By hand is: what was put in, and size times what the price has moved; maintenance slice by slice; and a straight walk in
small steps, on which the first step that leaves no more than the maintenance margin is the end.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import numpy as np
import pytest

from marginlab import event, event_record, venue
from marginlab.formatting import listed, money, moved
from marginlab.portfolio import preset

from ..chapters import explorers_of
from ..drawn import seen
from .by_hand import FOUR, OPENS

BINANCE = venue("binance")
BTC, ETH = BINANCE.contract("BTCUSDT"), BINANCE.contract("ETHUSDT")
LAST = event("rally-aug-2026").close[-1]
DYDX = [venue("dydx").contract(symbol, date="2023-10-24") for symbol in ("BTC-USD", "ETH-USD")]
VICTIM = preset("october-2025")
FOLLOWS = {"as far": 1, "twice as far": 2, "not at all": 0, "the other way": -1}
FOLLOW = {"rises half as much": -0.5, "stands still": 0, "falls half as much": 0.5, "falls as much": 1}
FURTHER = {"as far": 1, "one and a half times as far": 1.5, "twice as far": 2}
OCTOBER = ("BTC", "ETH", "SOL", "XRP")


def in_slices(tiers, notional):
    """Return maintenance as the sum of what each bracket asks of the part of a notional within it."""
    bounds = zip(tiers.floors, [*tiers.floors[1:], np.inf], tiers.rates, strict=True)
    return sum(rate * np.clip(np.minimum(notional, top) - floor, 0, None) for floor, top, rate in bounds)


@dataclass(frozen=True)
class Hand:
    """Positions, what is set aside for each in isolated mode, and what is put in in all."""

    contracts: list
    sizes: np.ndarray
    opened: np.ndarray
    margins: np.ndarray
    balance: float

    @classmethod
    def at(cls, contracts, sizes, opened, leverage, balance):
        sizes, opened = np.array(sizes, dtype=float), np.array(opened, dtype=float)
        return cls(list(contracts), sizes, opened, np.abs(sizes) * opened / leverage, balance)

    @property
    def names(self):
        return [
            f"{'short ' if size < 0 else ''}{re.match('BTC|ETH|SOL|DOGE|XRP', contract.symbol)[0]}"
            for contract, size in zip(self.contracts, self.sizes, strict=True)
        ]

    def needs(self, marks):
        each = zip(self.contracts, (np.abs(self.sizes) * marks).T, strict=True)
        return np.array([in_slices(one.tiers, notionals) for one, notionals in each]).T

    def results(self, marks):
        return self.sizes * (marks - self.opened)

    def ends(self, marks):
        """Return the first step of a way at which the pool fails, and each of the margins; None for none."""
        results, needs = self.results(marks), self.needs(marks)
        pool = self.balance + results.sum(axis=-1) <= needs.sum(axis=-1)
        apart = self.margins + results <= needs
        return [int(one.argmax()) if one.any() else None for one in (pool, *apart.T)]


def structure(move, follows):
    return Hand.at([BTC, ETH], [1, 30], LAST, 10, 30_000), move, np.array([1, FOLLOWS[follows]])


def mechanics(move, pair):
    return Hand.at([BTC, ETH], [1, 30 if pair == "both long" else -15], LAST, 10, 30_000), move, np.ones(2)


def questions(fall, follow):
    return Hand.at(DYDX, [2, -20], LAST, 10, 25_000), -fall, np.array([1, FOLLOW[follow]])


def volatility(fall, others):
    return Hand.at(FOUR, 10_000 / OPENS, OPENS, 5, 10_000), -fall, np.array([1, *[FURTHER[others]] * 3])


def workbench(move):
    coins = [BINANCE.contract(symbol, date="2025-10-10") for symbol in ("BTCUSDT", "ETHUSDT")]
    sizes, opened = ([one.size for one in VICTIM.positions], [one.entry for one in VICTIM.positions])
    return Hand.at(coins, sizes, opened, 10, 9_000 + 6_161.87), move, np.ones(2)


POOLS = {
    "structure": (lambda: explorers_of("structure")["pool"], structure, 1.5),
    "mechanics": (lambda: explorers_of("mechanics")["pool"], mechanics, 1.5),
    "questions": (lambda: explorers_of("questions")["pool"], questions, 1.5),
    "volatility": (lambda: explorers_of("volatility")["pool"], volatility, 1.25),
    "workbench": (lambda: explorers_of("workbench")["pool"], workbench, 1.25),
}
STEPS = 4_000


def shows(drawing, hand, marks, gone, rim):
    """Assert that levels, lines, numbers and crosses are those worked out by hand."""
    results, needs = hand.results(marks), hand.needs(marks)
    spare = hand.balance - hand.margins.sum()
    pool = (hand.balance, results.sum(), needs.sum(), gone[0])
    apart = [
        *zip(hand.margins, results, needs, gone[1:], strict=True),
        *([(spare, 0, None, False)] if spare > 1 else []),
    ]
    for mode, expected in (("cross", [pool]), ("isolated", apart)):
        for one, (put_in, result, need, is_lost) in zip(seen(drawing, mode, rim), expected, strict=True):
            left = 0 if is_lost else put_in + result
            assert one.width == pytest.approx(put_in / hand.balance, abs=1e-4)
            assert one.level == pytest.approx(min(max(left / put_in, 0), rim), abs=2e-4)
            assert one.equity == money(left)
            assert one.lost == is_lost
            if need is not None:
                assert one.line == pytest.approx(0 if is_lost else min(need / put_in, rim), abs=2e-4)
                assert one.maintenance == ("" if is_lost else money(need))


@pytest.mark.long
@pytest.mark.parametrize("chapter", POOLS)
def test_the_pool_of_a_chapter_is_what_arithmetic_says(chapter):
    get, by_hand, rim = POOLS[chapter]
    explorer = get()
    states = list(explorer.states())
    for values in random.Random(chapter).sample(states, min(40, len(states))):
        drawing, sentence = explorer.draw(**values)
        hand, move, beta = by_hand(**values)
        way = np.linspace(0, move, STEPS + 1)
        ends = hand.ends(hand.opened * (1 + way[:, None] * beta))
        shows(drawing, hand, hand.opened * (1 + move * beta), [end is not None for end in ends], rim)
        when = {name: end for end, name in zip(ends[1:], hand.names, strict=True) if end is not None}
        told = re.findall(r"((?:short )?[A-Z]+) at ([−+][\d.]+)%", sentence.partition("Isolated has lost ")[2])
        assert {name for name, _ in told} == when.keys(), values
        assert [when[name] for name, _ in told] == sorted(when.values()), values
        for name, at in told:
            assert float(at.replace("−", "-")) / 100 == pytest.approx(way[when[name]], abs=1e-3), values
        assert sentence.count("Cross has been liquidated") == (ends[0] is not None)


@pytest.mark.long
@pytest.mark.parametrize("chapter", POOLS)
def test_where_the_pool_of_a_chapter_meets_its_line_equity_is_maintenance(chapter):
    explorer, by_hand = POOLS[chapter][0](), POOLS[chapter][1]
    for values in [explorer.start, *random.Random(chapter).sample(list(explorer.states()), 20)]:
        hand, _, beta = by_hand(**values)
        sentence = explorer.draw(**values)[1]
        if "no move brings it to its line" in sentence:
            # Nor is there any on a walk to where a first price is nothing, either way.
            ways = (hand.opened * (1 + np.linspace(0, end, STEPS)[:, None] * beta) for end in (-0.49, 0.49))
            assert [hand.ends(way)[0] for way in ways] == [None, None]
            continue
        pattern = r"at ([−+][\d.]+)% its equity.*?[\d,]+ [−+] ([\d,]+) = ([\d,]+)"
        at, result, need = re.search(pattern, sentence).groups()
        # The move is told to a tenth of a percent: what it costs is known to half of that.
        marks = hand.opened * (1 + float(at.replace("−", "-")) / 100 * beta)
        slack = 0.0006 * (np.abs(hand.sizes) * hand.opened * np.abs(beta)).sum() + 1
        assert abs(hand.results(marks).sum()) == pytest.approx(float(result.replace(",", "")), abs=slack)
        assert hand.needs(marks).sum() == pytest.approx(float(need.replace(",", "")), abs=slack)
        assert hand.balance - float(result.replace(",", "")) == pytest.approx(float(need.replace(",", "")), abs=1.1)


# --- the afternoon of 10 October 2025 ---------------------------------------------------------------------------


def october(leverage):
    """Return the basket of the front page and the lowest marks of its hours."""
    paths = [event_record("oct-2025").path(name) for name in OCTOBER]
    noon = list(paths[0].times).index(np.datetime64("2025-10-10T12:00"))
    opened = np.array([path.open[noon] for path in paths])
    coins = [BINANCE.contract(f"{name}USDT", date="2025-10-10") for name in OCTOBER]
    lows = np.column_stack([path.low[noon : noon + 12] for path in paths])
    return Hand.at(coins, leverage * 2_500 / opened, opened, leverage, 10_000), lows, paths, noon


@pytest.mark.long
def test_the_front_page_shows_what_the_record_and_arithmetic_say():
    explorer = explorers_of("index")["afternoon"]
    for values in explorer.states():
        drawing, sentence = explorer.draw(**values)
        hand, lows, *_ = october(values["leverage"])
        step = round(values["hour"]) - 12
        ends = hand.ends(lows[: step + 1])
        shows(drawing, hand, lows[step], [end is not None for end in ends], 1.25)
        left = np.where([end is None for end in ends[1:]], hand.margins + hand.results(lows[step]), 0).sum()
        gone = [name for name, end in zip(OCTOBER, ends[1:], strict=True) if end is not None]
        assert sentence.startswith(f"{12 + step}:00, {values['leverage']}x. ")
        assert f"Isolated {f'has lost {listed(gone)}' if gone else 'holds all four'} and has {money(left)}." in sentence
        # Where the pool went, what was left then; else what is left now.
        at = lows[step if ends[0] is None else ends[0]]
        result = hand.results(at).sum()
        assert f"10,000 {'−' if result < 0 else '+'} {money(abs(result))} = {money(10_000 + result)}" in sentence
        assert f" {money(hand.needs(at).sum())} " in sentence or f" {money(hand.needs(at).sum())} must" in sentence
        assert ("Cross was liquidated at " in sentence) == (ends[0] is not None)
        if ends[0] is not None:
            assert f"liquidated at {12 + ends[0]}:00" in sentence


def test_the_answer_turns_between_three_and_four_times():
    # What the text of the front page says: at 3x the pool carries all four, at 4x it takes two along.
    for leverage, pool_lives, kept in ((3, True, [True, True, False, False]), (4, False, [True, True, False, False])):
        hand, lows, paths, noon = october(leverage)
        ends = hand.ends(lows)
        assert (ends[0] is None) == pool_lives
        assert [end is None for end in ends[1:]] == kept
        morning = np.array([path.close[noon + 17] for path in paths])
        isolated = np.where(kept, hand.margins + hand.results(morning), 0).sum()
        cross = hand.balance + hand.results(morning).sum() if pool_lives else 0
        assert (cross > isolated) == pool_lives


def test_by_the_end_of_the_hour_much_of_the_fall_was_made_good():
    _, lows, paths, noon = october(3)
    worst = {int(row) for row in lows.argmin(axis=0)}
    assert worst == {9}
    opened = np.array([path.open[noon] for path in paths])
    assert ((1 - np.array([path.close[noon + 9] for path in paths]) / opened) < (1 - lows[9] / opened) / 2).all()


def test_a_move_is_told_as_the_controls_write_it():
    _, sentence = explorers_of("structure")["pool"].draw(move=-0.06, follows="twice as far")
    assert sentence.startswith(f"BTC {moved(-0.06)}, ETH {moved(-0.12)}. ")
