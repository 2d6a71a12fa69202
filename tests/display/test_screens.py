"""The screens: the same on the page, in the form and in a script; and what they say, worked out once more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import pytest

from marginlab import Account, Position, Trade, event_names, payments_to_liquidation, simulate, venue
from marginlab.comparison import chances_of, compare
from marginlab.comparison.modes import MODE_COLUMNS
from marginlab.comparison.scenarios import SHOCK_GRID
from marginlab.display import screens
from marginlab.display.form import AccountForm
from marginlab.display.page import rows_of, state_of
from marginlab.formatting import MINUS, Link, as_amount, as_move
from marginlab.markets.events import ORDERS
from marginlab.portfolio import Portfolio, from_ccxt, preset, preset_names, reconcile

from ..chapters import explorers_of, module_of
from ..threads import in_a_script

CHAPTER = "workbench"
TITLES = {name: preset(name).title for name in preset_names()}
FOUND = {name: compare(preset(name).account, preset(name).marks, venue=preset(name).venue) for name in TITLES}
SETTINGS = {"model": "jumps", "volatility": 0.9, "days": 7}
# Each screen as the page has it: its explorer, and the values beside the account.
ON_PAGE = {
    "liquidated": {},
    "freedom": {},
    "survived": {"move": -0.3},
    "room": {},
    "ordered": {"position": 2, "order": "close half"},
    "funded": {"rate": "0.05%"},
    "shocks": {"btc": -0.4, "rest": 0.2},
    "crash": {"event": "COVID crash, March 2020"},
    "chance": SETTINGS,
    "mode": {},
}
CLAIMS = {one.id: Link(f"{one.id} ({one.chapter})", one.link) for one in module_of("claims").all_claims()}
every_preset = pytest.mark.parametrize("name", preset_names())


def explained(name, screen):
    """Return the figure, the sentence and the rows of the page's screen for a preset."""
    explorer, values = explorers_of(CHAPTER)[screen], {"account": TITLES[name], **ON_PAGE[screen]}
    return state_of(explorer.draw(**values)), rows_of(explorer.table(**values))


def numbers(text):
    """Return the numbers of a text, in order; a percentage as what it says."""
    found = re.findall(rf"[{MINUS}+]?\d[\d,]*(?:\.\d+)?", text)
    return [float(one.replace(",", "").replace(MINUS, "-")) for one in found]


def in_form(desk, name, screen):
    """Return the parts of the form's screen for a preset: figure, sentence, table."""
    place = {
        "liquidated": ("Now", 0),
        "freedom": ("Now", 1),
        "survived": ("What it takes", 0),
        "room": ("What it takes", 1),
        "ordered": ("What it takes", 2),
        "funded": ("What it takes", 3),
        "shocks": ("Shocks", 0),
        "crash": ("Crashes", 0),
        "chance": ("Chance", 0),
        "mode": ("Which mode", 0),
    }
    tab, i = place[screen]
    desk.presets.value, desk.tabs.selected_index = name, list(desk.panels).index(tab)
    panel = desk.panels[tab]
    values = {**ON_PAGE[screen]}
    values |= {"crash": {"event": "covid-2020"}, "funded": {"rate": 0.0005}}.get(screen, {})
    values |= {"position": 1, "order": -0.5} if screen == "ordered" else {}
    for key, value in values.items():
        panel.inputs[key].value = value
    if screen != "chance":
        return panel.lives[i]
    panel.inputs["paths"].value = 5_000
    in_a_script(panel.begin)
    return panel.live


# --- one answer in three places -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk():
    return AccountForm(preset("hedged-pair"))


@pytest.mark.long
@every_preset
@pytest.mark.parametrize("screen", ON_PAGE)
def test_the_form_the_page_and_compare_show_the_same(desk, name, screen):
    found = FOUND[name]
    by_script = {
        "liquidated": lambda: screens.distances(found),
        "freedom": lambda: screens.free_margin(found),
        "survived": lambda: screens.survival(found, -0.3),
        "room": lambda: screens.room(found),
        "ordered": lambda: screens.next_order(found, -0.5, 1),
        "funded": lambda: screens.funded(found, 0.0005),
        "shocks": lambda: screens.shocked(found, **ON_PAGE["shocks"]),
        "crash": lambda: screens.crashed(found, "covid-2020"),
        "chance": lambda: screens.by_chance(found, chances_of(found, paths=5_000, **SETTINGS)),
        "mode": lambda: screens.which_mode(found),
    }[screen]()
    on_page, rows = explained(name, screen)
    assert on_page == state_of(by_script[:2])
    # Where the screen names a claim, the page leads to it.
    linked = by_script.table.with_links("claim", CLAIMS) if screen == "mode" else by_script.table
    assert rows == rows_of(linked)
    live = in_form(desk, name, screen)
    shown = state_of((go.Figure(live.figure), by_script.sentence))
    for trace in shown["data"]:
        trace.pop("uid", None)
    assert shown["data"] == state_of((go.Figure(by_script.figure), ""))["data"]
    assert by_script.table.html() in live.table.value
    assert by_script.sentence.replace("'", "&#x27;") in live.words.value


# --- worked out once more -------------------------------------------------------------------------------------


@every_preset
def test_every_position_is_shown_at_the_distance_of_its_liquidation_price(name):
    one, found = preset(name), FOUND[name]
    figure, _, table = screens.distances(found)
    traces = {trace["name"]: trace["x"] for trace in figure["data"]}
    accounts = {"as entered": one.account, **{column.name: column.account for column in found.columns[1:]}}
    for column, account in accounts.items():
        prices = account.liquidation_price(one.marks)
        assert np.allclose(traces[column], prices / np.array(one.marks) - 1, equal_nan=True)
    assert [row[2] for row in table.rows[: len(one.positions)]] == [
        f"{position.size:+,.10g}".replace("-", MINUS) for position in one.positions
    ]
    assert [row[4] for row in table.rows] == [
        "none" if np.isnan(price) else as_amount(price)
        for account in accounts.values()
        for price in account.liquidation_price(one.marks)
    ]


@every_preset
def test_what_is_free_is_equity_less_initial_margin(name):
    found = FOUND[name]
    figure, sentence, _ = screens.free_margin(found)
    used, free = (trace["y"] for trace in figure["data"])
    for i, column in enumerate(found.columns):
        account = column.account
        margins = np.where(account.isolated, account.margin, account.initial_margin(found.marks))
        assert used[i] == pytest.approx(margins.sum())
        assert free[i] == pytest.approx(float(account.free_margin(found.marks)))
    assert numbers(sentence)[0] == pytest.approx(float(found.account.equity(found.marks)), abs=0.01)
    assert ("refuse nothing" in sentence) == (not any(column.refusals for column in found.columns))


@every_preset
@pytest.mark.parametrize("move", [-0.5, 0.3])
def test_what_must_be_added_is_lacking_at_the_end_of_the_move_and_nothing_more(name, move):
    one, found = preset(name), FOUND[name]
    figure, sentence, table = screens.survival(found, move)
    shown = figure["data"][-1]
    assert [trace["name"] for trace in figure["data"][:-1]] == list(screens.STYLES)
    assert shown["x"] == [move] * 3
    for needed, column in zip(shown["y"], found.columns, strict=True):
        account, there = column.account, np.array(one.marks) * (1 + move)
        lacking = np.maximum(account.position_requirement(there) - account.position_equity(there), 0)
        pool = lacking[~account.isolated].max(initial=0)
        # On the way a pool of both sides may lack more than at its end.
        assert needed >= lacking[account.isolated].sum() + pool - 1e-6
        if needed:
            assert as_amount(needed) in sentence
    assert [row[0] for row in table.rows if row[0]] == list(MODE_COLUMNS)
    below = [row[2] for row in table.rows if row[3] == "nothing"]
    assert all(amount.startswith(MINUS) or amount == "0.00" for amount in below)


@pytest.mark.long
@every_preset
def test_what_may_be_added_is_shown_in_money_and_told_in_sizes(name):
    found = FOUND[name]
    figure, sentence, table = screens.room(found)
    for trace, need in zip(figure["data"], found.needs()[1:], strict=True):
        assert np.allclose(trace["x"], found.account.notional(found.marks) * need.largest_size / found.account.size)
    assert len(table.rows) == 3 * len(found.names)
    for need in found.needs():
        assert as_amount(need.wallet_withdrawable) in sentence


@pytest.mark.long
@every_preset
@pytest.mark.parametrize("rate", screens.RATES.values())
def test_with_the_payment_shown_the_engine_liquidates(name, rate):
    one, found = preset(name), FOUND[name]
    figure, sentence, _ = screens.funded(found, rate)
    shown = {trace["name"]: trace["x"] for trace in figure["data"]}
    for column in found.columns:
        counts = shown[column.name]
        first = np.nanmin(counts) if np.isfinite(counts).any() else 50
        assert (f"with payment {first:,.0f}" in sentence) == bool(np.isfinite(counts).any())
        # With round numbers a payment often leaves just as much as is needed: then the engine's rounding decides.
        less, more = (nearly(column.account, one.marks, share) for share in (-1e-9, 1e-9))
        earliest, latest = (
            np.nan_to_num(payments_to_liquidation(account, one.marks, rate, rules=found.rules), nan=np.inf).min()
            for account in (less, more)
        )
        steps = int(min(latest, 300))
        end = simulate(column.account, np.tile(one.marks, (steps, 1)), rules=found.rules, funding=rate)
        # Where the venue closes by parts the first of them is closed then.
        closed = [entry.step + 1 for entry in end.ledger if entry.kind != "funding"]
        assert earliest <= first <= latest or latest == np.inf
        assert earliest <= closed[0] <= latest if closed else latest > steps


def nearly(account, marks, share):
    """Return an account with a little more in each pocket, as a share of its notional."""
    more = share * account.notional(marks).sum()
    return replace(account, wallet=account.wallet + more, margin=np.where(account.isolated, account.margin + more, 0))


@every_preset
@pytest.mark.parametrize(("name_of_order", "times"), screens.ORDERS.items())
def test_the_next_order_is_shown_as_the_engine_fills_it(name, name_of_order, times):
    one, found = preset(name), FOUND[name]
    figure, sentence, table = screens.next_order(found, times)
    assert ("bought" in sentence) == (times * found.account.size[0] > 0), name_of_order
    for i, column in enumerate(found.columns):
        order = Trade(step=0, position=0, size=times * found.account.size[0])
        rules, taken = found.rules, {"on_refusal": "record"}
        end = simulate(column.account, [one.marks], rules=rules, actions=[order], **taken)
        after = dict(row[1:2] + row[3:] for row in table.rows[9 * i : 9 * i + 9])
        assert ("the venue would refuse it" in sentence) >= bool(end.refused)
        if not end.refused and (end.liquidated < 0).all():
            assert after["size"] == ("none" if end.size[0] == 0 else f"{end.size[0]:+,.10g}".replace("-", MINUS))
            assert after["margin set aside"] == as_amount(end.margin[0])
    away = [trace["x"] for trace in figure["data"]]
    assert away[0] == [0.0] * 3
    assert np.allclose(away[1], [column.distance[0] for column in found.columns], equal_nan=True)


@every_preset
@pytest.mark.parametrize(("btc", "rest"), [(-0.6, -0.6), (-0.2, 0.1), (0.5, 0.0)])
def test_what_is_left_after_shocks_is_what_the_engine_leaves(name, btc, rest):
    one, found = preset(name), FOUND[name]
    moves = np.array([btc if position.contract.symbol.startswith("BTC") else rest for position in one.positions])
    way = np.exp(np.arange(1, 33)[:, None] / 32 * np.log1p(moves))
    _, _, table = screens.shocked(found, btc, rest)
    for row, column in zip(table.rows, MODE_COLUMNS, strict=True):
        end = simulate(found.accounts[column], np.array(one.marks) * way, rules=found.rules)
        assert row[:2] == (column, as_amount(end.equity))
        assert (row[3] == "none") == bool(end.survived.all())


@pytest.mark.long
@every_preset
def test_a_crash_shows_the_lowest_of_every_candle_and_every_closing(name):
    found = FOUND[name]
    for key in event_names():
        one = found.replayed(key)
        figure, sentence, table = screens.crashed(found, key)
        assert sentence.startswith(one.title)
        assert sentence.endswith(one.taken_from)
        closed = 0
        for place, column in enumerate(screens.STYLES):
            end = simulate(one.accounts[column], one.prices, rules=found.rules, funding=one.funding, record=("equity",))
            lowest = [end.equity_path[at : at + 4].min() for at in range(0, len(one.times), 4)]
            assert np.array_equal(figure["data"][place]["y"], [*lowest, end.equity])
            marks = figure["data"][place + len(MODE_COLUMNS)]
            assert np.isnan(marks["y"][-1])
            closed += len(marks["y"]) - 1
        assert closed == len(table.rows)


def test_a_crash_says_what_the_other_order_of_low_and_high_would_have_cost_where_that_differs():
    where = venue("hyperliquid")
    row = zip(("BTC", "ETH"), (10.0, -125.0), (50_000.0, 2_000.0), strict=True)
    positions = [Position(where.contract(coin), size, mark, leverage=20) for coin, size, mark in row]
    found = compare(
        Account.of(positions, wallet=20_000, convention=where.convention.value), [50_000, 2_000], venue="hyperliquid"
    )
    low, high = (as_amount(-found.replayed("jun-2026", order=order).loss("all cross")) for order in ORDERS)
    sentence, cells = screens.crashed(found, "jun-2026").sentence, found.event_table.rows[-2]
    first, second = sentence.split(" With the high of each candle before its low: ")
    assert f"as entered and all cross, a gain of {low} USDC" in first
    assert f"as entered and all cross, a gain of {high} USDC" in second
    assert cells[2] == f"\u2212{low} (0 lost), high first \u2212{high} (0 lost)"
    # Where it makes no difference nothing is said of it.
    assert "high of each candle" not in screens.crashed(found, "aug-2024").sentence


@every_preset
def test_the_curve_of_losses_counts_paths(name):
    found = FOUND[name]
    known = chances_of(found, paths=500, days=10)
    figure, sentence, table = screens.by_chance(found, known)
    for trace in figure["data"]:
        share = known.losses(trace["name"]) / known.equity
        assert np.allclose(trace["y"], [(share >= loss - 1e-9).mean() for loss in trace["x"]])
    assert numbers(sentence)[0] == 500
    assert table.rows == known.table.rows


@every_preset
def test_the_table_of_findings_counts_what_it_says(name):
    found = FOUND[name]
    figure, sentence, table = screens.which_mode(found)
    better = [row[3] for row in table.rows]
    counted = [len(better), *(better.count(mode) for mode in ("cross", "isolated", "neither"))]
    assert numbers(sentence)[:4] == counted
    assert sentence.endswith("This is no advice.")
    money = [finding for finding in found.findings if finding.unit == "money"]
    assert figure["data"][0]["x"].tolist() == [finding.cross / found.columns[0].equity for finding in money]
    assert [row[-1] for row in table.rows] == [finding.claim for finding in found.findings]


@pytest.mark.long
def test_the_book_leads_from_each_finding_to_the_claim_behind_it():
    links = {one.text: one.to for one in CLAIMS.values()}
    explorer = explorers_of("workbench")["mode"]
    cells = [row[-1] for values in explorer.states() for row in explorer.table(**values).rows]
    assert len(cells) > 50
    assert all(links[cell.text] == cell.to for cell in cells)


# --- words ----------------------------------------------------------------------------------------------------


def test_positions_in_one_symbol_are_told_apart():
    rows = [{"symbol": "BTCUSDT", "side": side, "size": 1, "entry": 70_000} for side in ("long", "short")]
    both = Portfolio.of_rows(rows, venue="binance", wallet=50_000)
    found = compare(both.account, both.marks, venue="binance")
    figure, sentence, table = screens.distances(found)
    assert figure["data"][0]["y"] == ["BTCUSDT long", "BTCUSDT short"]
    assert "BTCUSDT long and BTCUSDT short are nearest to their liquidation" in sentence
    assert [row[1] for row in table.rows] == ["BTCUSDT long", "BTCUSDT short"] * 3
    _, sentence, table = screens.shocked(found, -0.3, 0.0)
    assert "(BTCUSDT long lost)" in sentence
    assert [row[-1] for row in table.rows] == ["none", "none", "BTCUSDT long"]
    _, sentence, table = screens.crashed(found, "covid-2020")
    assert "BTCUSDT long the first to be" in sentence
    assert {row[2] for row in table.rows} == {"BTCUSDT long", "BTCUSDT short"}


def test_a_pool_that_fails_both_ways_is_shown_and_told_in_both_the_nearer_first():
    row = {"symbol": "BTCUSDT", "mark": 60_000, "leverage": 20}
    long, short = {"side": "long", "size": 1, "entry": 60_000}, {"side": "short", "size": 0.99, "entry": 58_000}
    held = Portfolio.of_rows([row | long, row | short], venue="binance", wallet=2_500)
    found = compare(held.account, held.marks, venue="binance")
    figure, sentence, table = screens.distances(found)
    cross = found.column("all cross")
    down, up = cross.distance[0], cross.other_distance[0]
    shown = next(trace for trace in figure["data"] if trace["name"] == "all cross")
    assert shown["y"] == ["BTCUSDT long", "BTCUSDT short"] * 2
    assert np.array_equal(shown["x"], [down, down, up, up])
    assert f"are nearest to their liquidation, {as_move(down)} and {as_move(up)} from their mark" in sentence
    prices = [as_amount(one[0]) for one in (cross.liquidation_price, cross.other_liquidation_price)]
    assert table.rows[2][4:6] == (" or ".join(prices), f"{as_move(down)} or {as_move(up)}")
    # Isolated, a position has one price, and stands for itself.
    assert len(next(trace for trace in figure["data"] if trace["name"] == "all isolated")["y"]) == 2
    assert re.search(r"in isolated BTCUSDT (long|short) is nearest to its liquidation, \S+ from its mark", sentence)


def test_moves_that_do_not_exist_are_said_in_words():
    _, sentence, _ = screens.distances(FOUND["funding-carry"])
    assert "in cross no position can be liquidated while the other marks stand still" in sentence
    rise = as_move(FOUND["funding-carry"].column("all isolated").first_rise)
    assert sentence.endswith(
        "A common fall of all markets takes no position in either mode; "
        f"a common rise takes a first position at {rise} in isolated and none in cross."
    )


class Column(NamedTuple):
    """As much of a snapshot as says which common moves take a first position."""

    first_fall: float
    first_rise: float


@pytest.mark.parametrize(
    ("cross", "isolated", "said"),
    [
        (
            (-0.2, 0.3),
            (-0.1, 0.15),
            "A common fall of all markets takes a first position at −20.0% in cross and at −10.0% in isolated; "
            "a common rise takes a first position at +30.0% in cross and at +15.0% in isolated.",
        ),
        (
            (-0.2, np.nan),
            (-0.1, np.nan),
            "A common fall of all markets takes a first position at −20.0% in cross and at −10.0% in isolated; "
            "a common rise takes no position in either mode.",
        ),
        (
            (np.nan, 0.3),
            (np.nan, np.nan),
            "A common fall of all markets takes no position in either mode; "
            "a common rise takes a first position at +30.0% in cross and none in isolated.",
        ),
        (
            (np.nan, 20.0),
            (-0.1, 0.2),
            "A common fall of all markets takes a first position at −10.0% in isolated and none in cross; "
            "a common rise takes a first position above +1,000% in cross and at +20.0% in isolated.",
        ),
        ((np.nan, np.nan), (np.nan, np.nan), "No common move of all markets takes a position in either mode."),
    ],
)
def test_common_moves_are_said_in_whole_words_wherever_one_is_missing(cross, isolated, said):
    assert screens._common(Column(*cross), Column(*isolated)) == said


def test_where_no_case_differs_none_is_named():
    row = {"symbol": "BTCUSDT", "side": "long", "size": 0.1, "entry": 70_000, "mode": "isolated", "leverage": 1}
    unlevered = Portfolio.of_rows([row], venue="binance", wallet=0)
    _, sentence, _ = screens.which_mode(compare(unlevered.account, unlevered.marks, venue="binance"))
    assert sentence.endswith("isolated in 0, and in 15 there is no difference. This is no advice.")


def test_a_move_or_an_event_that_is_not_there_is_refused():
    found = FOUND["hedged-pair"]
    with pytest.raises(ValueError, match=r"^btc must be one of \[-0.6, .*\], not 0.05"):
        screens.shocked(found, 0.05, SHOCK_GRID[0])
    with pytest.raises(ValueError, match=r"^event must be one of 'covid-2020'"):
        screens.crashed(found, "covid-2021")


# --- what the venue says --------------------------------------------------------------------------------------------

HELD = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 0.2, "entryPrice": 60_000.0, "markPrice": 65_000.0}
HELD |= {"marginMode": "cross", "leverage": 20, "liquidationPrice": 56_224.9, "maintenanceMargin": 52.0}


def test_what_the_venue_says_is_drawn_as_what_ours_is_from_it():
    one = from_ccxt([HELD], venue="binance", wallet=1_800)
    told = reconcile(one)
    screen = screens.reconciled(compare(one.account, one.marks, venue="binance", reconciled=told))
    assert (screen.sentence, screen.table.rows) == (told.sentence, told.table.rows)
    agrees, differs = screen.figure["data"]
    assert (agrees["name"], differs["name"]) == ("agrees", "differs")
    assert list(differs["x"]) == pytest.approx([told.lines[0].difference, 0, 0])
    assert list(agrees["x"]) == pytest.approx([0, 0, 0])


def test_of_an_account_that_no_venue_speaks_of_it_says_that():
    screen = screens.reconciled(FOUND["hedged-pair"])
    assert screen.sentence == "The venue says nothing of these positions that could be compared."
    assert list(screen.table.rows) == []
