"""The recommendation: figures of both modes side by side, the better one, what it gives up, and the claim behind it."""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import Account, Contract, Position, Tiers, event, event_names, simulate
from marginlab.comparison import Finding, compare, stress_map
from marginlab.comparison.findings import findings
from marginlab.formatting import as_move
from marginlab.portfolio import preset, preset_names

BTC, ETH = (Contract(name, Tiers.flat(0.01, max_leverage=50), currency="USDT") for name in ("BTCUSDT", "ETHUSDT"))
COMPARED = {
    name: compare(preset(name).account, preset(name).marks, venue=preset(name).venue) for name in preset_names()
}
every_preset = pytest.mark.parametrize("name", preset_names())


def rows_of(comparison):
    """Work the findings out anew, from replays that are kept."""
    return findings(comparison.columns, comparison.replays, comparison.rules)


def found(comparison, question):
    (one,) = [finding for finding in rows_of(comparison) if finding.question == question]
    return one


def of(*positions, wallet, marks):
    return compare(Account.of(positions, wallet=wallet), marks, venue="binance")


TWO = of(
    Position(BTC, 1, 10_000, leverage=5), Position(ETH, 10, 1_000, leverage=5), wallet=6_000, marks=[10_000, 1_000]
)


@every_preset
def test_the_better_mode_is_the_one_that_loses_less_or_stands_further_away(name):
    for finding in rows_of(COMPARED[name]):
        figures = np.array([finding.cross, finding.isolated])
        if finding.unit == "move":
            figures = -np.abs(np.where(np.isnan(figures), np.inf, figures))
        if finding.better == "neither":
            assert figures[0] == pytest.approx(figures[1])
        else:
            assert finding.better == ("cross", "isolated")[int(np.argmin(figures))]


def test_of_two_legs_of_one_market_the_one_that_is_lost_is_named():
    legs = [Position(BTC, size, 10_000, leverage=10) for size in (1, -1)]
    pair = of(*legs, wallet=3_000, marks=[10_000, 10_000])
    row = found(pair, "All markets fall by 30%")
    assert (row.cross, row.better) == (0, "isolated")
    assert row.gives_up == "BTCUSDT long, which the other mode keeps"


@every_preset
def test_a_better_mode_says_what_it_gives_up_unless_it_is_free(name):
    free = "How much of it is not free to open with?"
    for finding in rows_of(COMPARED[name]):
        assert bool(finding.gives_up) == (finding.better != "neither") or finding.question == free


@every_preset
def test_the_rows_of_events_are_the_losses_of_the_replays(name):
    comparison = COMPARED[name]
    for replayed in comparison.replays:
        finding = found(comparison, replayed.title)
        assert finding.cross == pytest.approx(replayed.loss("all cross"))
        assert finding.isolated == pytest.approx(replayed.loss("all isolated"))


def test_the_most_that_can_be_lost_is_the_pool_or_the_margins():
    finding = found(TWO, "What can be lost at most?")
    assert (finding.cross, finding.isolated, finding.better, finding.by) == (6_000, 4_000, "isolated", 2_000)
    assert (finding.gives_up, finding.claim) == ("4,000.00 are tied to single positions", "1-4")


def test_what_is_not_free_is_the_initial_margins_at_the_marks_in_cross_and_margins_with_their_profit_in_isolated():
    moved = of(Position(BTC, 1, 10_000, leverage=5), wallet=6_000, marks=[11_000])
    finding = found(moved, "How much of it is not free to open with?")
    # 11,000 / 5 against 2,000 + 1,000: profit cannot be used elsewhere in isolated mode.
    assert (finding.cross, finding.isolated, finding.better) == (2_200, 3_000, "cross")
    assert (finding.gives_up, finding.claim) == ("all 6,000.00 stand behind every position", "1-1")


def test_a_fall_is_asked_for_the_first_loss_in_each_mode():
    finding = found(TWO, "At which fall of all markets is a position lost?")
    # Margin of 0.2 and 0.3 of the value: 1 - 0.8 / 0.99 and 1 - 0.7 / 0.99.
    assert finding.isolated == pytest.approx(0.8 / 0.99 - 1)
    assert finding.cross == pytest.approx(0.7 / 0.99 - 1)
    assert finding.better == "cross"
    assert finding.shown() == (
        "At which fall of all markets is a position lost?",
        "−29.3%",
        "−19.2%",
        "cross",
        "10.1%",
        "all 6,000.00 stand behind every position",
        "2-1",
    )
    assert not [one for one in rows_of(TWO) if "At which rise" in one.question]


def test_a_move_that_does_not_exist_is_further_away_than_any():
    finding = found(COMPARED["hedged-pair"], "At which fall of all markets is a position lost?")
    assert np.isnan(finding.cross)
    assert (finding.better, *finding.shown()[1:5]) == ("cross", "never", "−19.7%", "cross", "")
    rise = found(COMPARED["hedged-pair"], "At which rise of all markets is a position lost?")
    assert rise.shown()[1:5] == ("above +1,000%", "+19.5%", "cross", "above +1,000%")


def test_a_shock_to_one_market_costs_a_margin_in_isolated_and_may_cost_all_in_cross():
    thin = of(
        Position(BTC, 1, 10_000, leverage=10),
        Position(ETH, 10, 1_000, leverage=10),
        wallet=2_000,
        marks=[10_000, 1_000],
    )
    finding = found(thin, "BTC falls by 20%, the rest stands still")
    assert (finding.cross, finding.isolated, finding.better) == (2_000, 1_000, "isolated")
    assert finding.claim == "1-3"
    other = found(thin, "All but BTC fall by 20%, BTC stands still")
    assert (other.cross, other.isolated) == (2_000, 1_000)


def test_one_market_alone_is_not_asked_about_the_rest():
    questions = [finding.question for finding in rows_of(COMPARED["one-20x-bet"])]
    assert not [question for question in questions if "rest" in question or "but BTC" in question]


def test_what_comes_back_is_lost_to_whoever_was_closed_on_the_way():
    finding = found(TWO, "All markets fall by 20% and come back")
    assert (finding.cross, finding.isolated, finding.better) == (pytest.approx(0), 4_000, "cross")
    down = 10_000 * np.exp(np.arange(1, 17) / 16 * np.log(0.8))
    way = np.concatenate([down, down[-2::-1], [10_000]])
    assert simulate(TWO.column("all cross").account, np.stack([way, way / 10], axis=1)).survived.all()


def test_positions_on_both_sides_rest_on_the_claim_about_offsetting_and_one_sided_ones_on_that_about_crashes():
    title = event("may-2021").title
    assert found(COMPARED["hedged-pair"], title).claim == "2-3"
    assert found(COMPARED["basket-of-longs"], title).claim == "3-1"
    assert found(COMPARED["basket-of-longs"], event("oct-2025").title).claim == "3-5"
    assert found(COMPARED["basket-of-longs"], event("rally-aug-2026").title).claim == "1-5"


def test_what_is_given_up_names_the_positions_that_the_other_mode_keeps():
    carry = found(COMPARED["funding-carry"], "All markets rise by 20%")
    assert (carry.better, carry.gives_up) == ("isolated", "BTC-USD-SWAP, which the other mode keeps")


def test_figures_that_differ_by_rounding_alone_are_the_same():
    finding = Finding("?", 1.0, 1.0 + 1e-12, "money", "neither", "", "1-1")
    assert finding.shown() == ("?", "1.00", "1.00", "neither", "", "", "1-1")
    assert found(COMPARED["funding-carry"], event("covid-2020").title).better == "neither"


def test_gains_are_shown_with_a_minus_sign():
    finding = Finding("?", -1_500.0, 20.0, "money", "cross", "nothing", "1-1")
    assert finding.shown()[1:5] == ("−1,500.00", "20.00", "cross", "1,520.00")


def test_shocks_follow_the_venues_rules():
    # Hyperliquid sells in the market and gives back what is left, where a takeover would keep it.
    account = Account.of([Position(BTC, 1, 10_000, "isolated", margin=2_060)], wallet=0)
    sold = compare(account, [10_000], venue="hyperliquid")
    rules, marks = sold.rules, sold.marks
    left = stress_map({"mine": account}, marks, rules=rules, btc=-0.3, rest=-0.3).equity[0, 0, 0]
    finding = found(sold, "All markets fall by 30%")
    assert 0 < left < 100
    assert finding.cross == finding.isolated == pytest.approx(2_060 - left)
    down = np.exp(np.arange(1, 17) / 16 * np.log(0.8))
    way = np.concatenate([down, down[-2::-1], [1.0]])[:, None]
    back = simulate(account, way * marks, rules=rules)
    assert 0 < back.equity < 100
    assert found(sold, "All markets fall by 20% and come back").isolated == pytest.approx(2_060 - back.equity)


FALL_AND_BACK = "All markets fall by 20% and come back"


@pytest.mark.parametrize(
    ("name", "question", "better", "gives_up", "claim"),
    [
        ("hedged-pair", "covid-2020", "isolated", "BTCUSDT, which the other mode keeps", "2-3"),
        ("hedged-pair", "luna-2022", "cross", "all 12,000.00 stand behind every position", "2-3"),
        ("hedged-pair", "oct-2025", "neither", "", "2-3"),
        ("basket-of-longs", "covid-2020", "isolated", "9,646.63 are tied to single positions", "3-1"),
        ("hedged-pair", FALL_AND_BACK, "cross", "all 12,000.00 stand behind every position", "2-1"),
        ("october-2025", FALL_AND_BACK, "isolated", "11,590.26 are tied to single positions", "2-1"),
        ("october-2025", "All markets fall by 30%", "isolated", "11,590.26 are tied to single positions", "3-2"),
    ],
)
def test_a_row_says_which_is_better_what_that_gives_up_and_why(name, question, better, gives_up, claim):
    title = event(question).title if question in event_names() else question
    finding = found(COMPARED[name], title)
    assert (finding.unit, finding.better, finding.gives_up, finding.claim) == ("money", better, gives_up, claim)


def test_a_wallet_below_zero_pulls_the_pool_down_before_any_isolated_position():
    rich = (Position(BTC, 1, 10_000, "isolated", margin=5_000), Position(ETH, 10, 1_000, "isolated", margin=5_000))
    finding = found(of(*rich, wallet=-4_000, marks=[10_000, 1_000]), "At which fall of all markets is a position lost?")
    # 6,000 behind 20,000, or 5,000 behind 10,000.
    assert (finding.cross, finding.isolated) == (pytest.approx(0.7 / 0.99 - 1), pytest.approx(0.5 / 0.99 - 1))
    assert (finding.better, finding.gives_up) == ("isolated", "10,000.00 are tied to single positions")
    assert (finding.unit, finding.claim) == ("move", "2-1")


def test_where_both_modes_end_at_the_same_move_neither_gives_anything_up():
    alone = of(Position(BTC, 1, 10_000, leverage=5), wallet=1_000, marks=[10_000])
    finding = found(alone, "At which fall of all markets is a position lost?")
    assert (finding.better, finding.gives_up) == ("neither", "")


def test_moves_up_to_tenfold_are_shown_as_they_are():
    assert [as_move(move) for move in (10.0, 10.5, np.nan, -0.25)] == ["+1000.0%", "above +1,000%", "never", "−25.0%"]
