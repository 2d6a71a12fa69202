"""The page of 10 October 2025: every figure worked out once more by hand, and what the record says of four claims."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from marginlab import MODES, Account, Position, event_record, simulate

from ..chapters import BOOK, explorers_of, module_of, namespace_of, notebook_of, states_of
from .by_hand import BINANCE, COUNTING, STAKE, slice_by_slice

RECORD = event_record("oct-2025")
LOWS = json.loads((Path(__file__).parents[1] / "markets" / "expected_events.json").read_text(encoding="utf-8"))["lows"]
# The crashes of which there are prices by the hour, in order of time.
CRASHES = {
    "March 2020": "covid-2020",
    "May 2021": "may-2021",
    "May 2022": "luna-2022",
    "November 2022": "ftx-2022",
    "August 2024": "aug-2024",
    "October 2025": "oct-2025",
    "February 2026": "feb-2026",
    "June 2026": "jun-2026",
}
COINS = [
    *("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "AVAX", "LINK", "LTC", "BCH", "DOT", "TRX"),
    *("NEAR", "AAVE", "SUI", "XLM", "HBAR", "ALGO", "ARB", "OP", "WLD", "KAS", "ZEC", "ENA"),
]


def sentence(name, state):
    return explorers_of("october")[name].draw(**state)[1].replace(",", "").replace("−", "-")


def numbers(text):
    return [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", text)]


def written(start):
    """Return what the cell wrote whose text begins so."""
    said = [
        output.data["text/markdown"]
        for cell in notebook_of("october").cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    ]
    (found,) = (one for one in said if one.startswith(start))
    return found.replace(",", "").replace("−", "-")


@cache
def hourly(name, coin):
    """Return open, low, high and close by the hour: the mark, else last trades kept above the lowest mark."""
    paths = [one for one in event_record(name).paths if (one.symbol, one.step) == (coin, "1h")]
    marks = [one for one in paths if one.kind == "mark"]
    path = (marks or paths)[0]
    floor = 0.0 if marks else path.lowest_mark or 0.0
    return path.times, np.maximum([path.open, path.low, path.high, path.close], floor)


@cache
def coins_of(name):
    hours = [one for one in event_record(name).paths if one.step == "1h" and one.venue != "binance-spot"]
    return list(dict.fromkeys(one.symbol for one in hours))


@cache
def steps(coins):
    """Return when the candle of each step opens and closes, its prices and its funding, as the page has them."""
    tape = namespace_of("october")["TAPE"].of(coins)
    return tape.begins, tape.ends, tape.prices, tape.funding


@cache
def tiers_of(coin, name="oct-2025"):
    day = str(event_record(name).paths[0].times[0])[:10]
    return BINANCE.contract(f"{coin}USDT", date=day).tiers


def minute(hhmm):
    return np.datetime64("2025-10-10T00:00") + np.timedelta64(hhmm // 100 * 60 + hhmm % 100, "m")


# --- the prices of the page -----------------------------------------------------------------------------------


def test_the_page_holds_every_coin_with_prices_by_the_hour():
    assert list(namespace_of("october")["COINS"]) == COINS
    assert coins_of("oct-2025") == COINS


@pytest.mark.parametrize("coin", COINS)
def test_every_hour_of_the_page_is_the_hour_on_record(coin):
    # By the quarter of an hour too: four quarters have the open, the low, the high and the close of their hour.
    begins, _, prices, _ = steps((coin,))
    times, (opens, lows, highs, closes) = hourly("oct-2025", coin)
    for hour in np.unique(begins.astype("datetime64[h]")):
        own = prices[begins.astype("datetime64[h]") == hour, 0]
        i = int((times == hour).argmax())
        assert [own[0], own.min(), own.max(), own[-1]] == [opens[i], lows[i], highs[i], closes[i]], hour


def test_btc_goes_by_its_own_mark_also_within_the_hour():
    begins, _, prices, _ = steps(("BTC",))
    mark = RECORD.path("BTC", step="5m")
    for quarter in range(12):
        own = prices[begins == mark.times[0] + np.timedelta64(15 * quarter, "m"), 0]
        five = slice(3 * quarter, 3 * quarter + 3)
        assert own.tolist() == [mark.open[five][0], mark.low[five].min(), mark.high[five].max(), mark.close[five][-1]]


def test_funding_falls_due_where_the_record_has_it():
    begins, _, _, funding = steps(tuple(COINS))
    for column, coin in enumerate(COINS):
        # Of ENA none is on record, of BNB that of Bybit.
        due = next((one for one in RECORD.fundings if one.symbol == coin), None)
        known = {} if due is None else dict(zip(due.times.tolist(), due.rates.tolist(), strict=True))
        opens = np.flatnonzero(np.r_[True, begins[1:] != begins[:-1]])
        assert funding[opens, column].tolist() == [known.get(begins[i].item(), 0.0) for i in opens], coin
        assert np.delete(funding[:, column], opens).tolist() == [0.0] * (len(begins) - len(opens))


def test_the_lows_of_all_coins_lie_in_one_quarter_of_an_hour():
    begins, _, prices, _ = steps(tuple(COINS))
    assert {str(begins[i]) for i in prices.argmin(axis=0)} == {"2025-10-10T21:15"}
    trades = [one for one in RECORD.paths if (one.kind, one.step, one.symbol in COINS) == ("last", "15m", True)]
    assert {str(one.times[one.low.argmin()]) for one in trades} == {"2025-10-10T21:15"}


# --- who fell -------------------------------------------------------------------------------------------------


def test_the_explorer_of_the_fall_says_where_all_coins_stand():
    for state in states_of(explorers_of("october")["who-fell"], 20):
        _, ends, prices, _ = steps(tuple(COINS))
        past = (prices / prices[0] - 1)[ends <= minute(state["time"])]
        now, low = past[-1], past.min(axis=0)
        said = sentence("who-fell", state)
        middle, least, most, deep, lost, deepest = numbers(said.split("coins", 1)[1])
        assert [middle, least, most] == pytest.approx(100 * np.array([np.median(now), now.min(), now.max()]), abs=0.051)
        assert [deep, lost] == [pytest.approx(-100 * np.median(low), abs=0.051), (low < -0.5).sum()]
        assert deepest == pytest.approx(100 * low.min(), abs=0.051)
        assert re.search(rf"from {COINS[now.argmin()]} at .*{COINS[now.argmax()]} at", said)


def test_the_explorer_of_minutes_says_when_the_low_was_and_when_half_was_won_back():
    for state in states_of(explorers_of("october")["by-minute"]):
        path = RECORD.path(state["coin"], kind="last", step="1m")
        times, (_, lows, _, _) = hourly("oct-2025", state["coin"])
        # Of DOGE the venue's own mark is known by its lowest alone.
        mark = {"DOGE": 0.08867096}.get(state["coin"], lows[times == minute(2100)][0])
        low = min(range(len(path.low)), key=lambda i: path.low[i])
        half = (path.open[0] + path.low[low]) / 2
        back = next(i for i in range(low, len(path.close)) if path.close[i] >= half)
        said = sentence("by-minute", state)
        clocks = re.findall(r"\d\d:\d\d", said)
        assert clocks == [str(path.times[i])[11:] for i in (0, low, back)]
        told = numbers(re.sub(r"\d\d:\d\d", "", said))
        expected = [path.open[0], path.low[low], 100 * (path.low[low] / path.open[0] - 1)]
        expected += [100 * (1 - path.low / path.open).max(), mark, 100 * (path.low[low] / mark - 1)]
        assert told == pytest.approx(expected, rel=1e-4, abs=0.051)


# --- trade or mark --------------------------------------------------------------------------------------------


def test_the_explorer_of_marks_and_trades_says_what_other_programs_found():
    for state in states_of(explorers_of("october")["trade-or-mark"]):
        name, gaps = CRASHES[state["crash"]], {}
        for row in LOWS:
            if row["event"] == name and row["mark_step"] == "1h" and row["last_low"]:
                gaps.setdefault(row["symbol"], float(row["last_low"]) / float(row["mark_low"]) - 1)
        count, middle, furthest, higher = numbers(sentence("trade-or-mark", state).split(" ", 2)[2])
        assert (count, higher) == (len(gaps), sum(gap > 0 for gap in gaps.values()))
        assert [middle, furthest] == pytest.approx(
            [100 * np.median(list(gaps.values())), 100 * min(gaps.values())], abs=0.051
        )
        assert f"furthest in {min(gaps, key=gaps.get)} with" in sentence("trade-or-mark", state)


# --- the basket -----------------------------------------------------------------------------------------------


@cache
def walk(coins, times, mode, leverage):
    """Walk a basket of longs through the day: equity and positions held after each step, and the closings."""
    _, _, prices, funding = steps(coins)
    value = times * STAKE / len(coins)
    sizes, entry = value / prices[0], prices[0]
    tiers = [tiers_of(coin) for coin in coins]
    cash = np.full(len(coins), value / leverage if mode == "isolated" else 0.0)
    wallet, held = STAKE - cash.sum(), np.ones(len(coins), dtype=bool)
    equity, count, closed = [], [], []
    for step, (marks, rates) in enumerate(zip(prices, funding, strict=True)):
        paid = held * sizes * marks * rates
        wallet, cash = (wallet, cash - paid) if mode == "isolated" else (wallet - paid.sum(), cash)
        pnl = held * sizes * (marks - entry)
        need = np.array([slice_by_slice(one, size * mark) for one, size, mark in zip(tiers, sizes, marks, strict=True)])
        before = wallet + cash.sum() + pnl.sum()
        if mode == "isolated":
            fails = held & (cash + pnl < need)
            missing, lost = -np.minimum(cash + pnl, 0)[fails].sum(), cash[fails].sum()
            cash, held = np.where(fails, 0.0, cash), held & ~fails
        else:
            fails = held & (wallet + pnl.sum() < (held * need).sum())
            missing, lost = max(-before, 0.0), wallet
            wallet, held = (0.0, held & ~fails) if fails.any() else (wallet, held)
        if fails.any():
            closed.append((step, mode, fails.sum(), lost, missing))
        equity.append(wallet + cash.sum() + (held * sizes * (marks - entry)).sum())
        count.append(held.sum())
    return equity, count, closed


BASKETS = {
    "BTC and ETH": ("BTC", "ETH"),
    "BTC, ETH, SOL and DOGE": ("BTC", "ETH", "SOL", "DOGE"),
    "all 25 coins": tuple(COINS),
}


def test_the_explorer_of_the_basket_says_what_a_walk_through_the_day_finds():
    for state in states_of(explorers_of("october")["basket"], 10):
        coins = BASKETS[state["basket"]]
        found = [walk(coins, state["times"], mode, state["leverage"] if mode == "isolated" else 5) for mode in MODES]
        now = int((steps(coins)[1] <= minute(state["time"])).nonzero()[0][-1])
        told = re.search(
            r"Cross has (\d+) USDT and (\d+) of \d+ positions isolated at \d+x has (\d+) USDT and (\d+) of "
            r"\d+ positions\. At noon of the next day (\d+) and (\d+) are left",
            sentence("basket", state),
        ).groups()
        for mode, (equity, count, _) in enumerate(found):
            assert float(told[2 * mode]) == pytest.approx(equity[now], abs=0.6), state
            assert int(told[2 * mode + 1]) == count[now], state
            assert float(told[4 + mode]) == pytest.approx(equity[-1], abs=0.6), state


def test_the_ledger_of_the_basket_says_in_which_order_and_who_paid():
    for state in states_of(explorers_of("october")["basket"], 10):
        coins = BASKETS[state["basket"]]
        begins, ends, _, _ = steps(coins)
        closed = [
            one
            for mode in MODES
            for one in walk(coins, state["times"], mode, state["leverage"] if mode == "isolated" else 5)[2]
            if ends[one[0]] <= minute(state["time"])
        ]
        rows = explorers_of("october")["basket"].table(**state).rows
        assert len(rows) == len(closed), state
        for row, (step, mode, number, lost, missing) in zip(rows, sorted(closed), strict=True):
            assert row[:2] == (f"{begins[step].item():%H:%M} to {ends[step].item():%H:%M}", mode)
            named = re.findall(r"\d*[A-Z]{2,}", row[2])
            assert (len(named) if named else int(row[2].split()[0])) == number
            assert float(row[3].replace(",", "")) == pytest.approx(lost, abs=0.6)
            assert float(row[4].replace(",", "")) == pytest.approx(missing, abs=0.6)


def test_the_order_within_a_quarter_decides_nothing_of_it():
    told = next(c for c in notebook_of("october").cells if c.source.startswith("tried = {key")).outputs[0].text
    assert told.startswith("baskets that keep other positions when the order is turned round: 0 of 12\n")


# --- the hedge ------------------------------------------------------------------------------------------------


@cache
def hedge(coin, times, mode, taken):
    """Walk a long and a short of BTC through the day, the short closed at one step; return who lived, what is left."""
    begins, _, prices, funding = steps((coin, "BTC"))
    sizes, cash = np.array([1, -1]) * times * STAKE / prices[0], np.full(2, STAKE / 2)
    tiers, entry, alive = [tiers_of(coin), tiers_of("BTC")], prices[0], [True, True]
    first = int((begins == minute(2115)).argmax())
    adl = None if taken is None else first + {"before the low": 0, "at the low": 1, "after the low": 3}[taken]
    for step, (marks, rates) in enumerate(zip(prices, funding, strict=True)):
        cash = cash - sizes * marks * rates
        pnl = sizes * (marks - entry)
        # A pool that is below zero pays nobody, so ADL passes it over.
        if step == adl and sizes[1] and pnl[1] > 0 and (mode == "isolated" or (cash + pnl).sum() >= 0):
            cash[1] += pnl[1]
            sizes, pnl = sizes * [1, 0], pnl * [1, 0]
        need = np.array([slice_by_slice(one, abs(q) * p) for one, q, p in zip(tiers, sizes, marks, strict=True)])
        if mode == "cross" and (sizes != 0).any() and (cash + pnl).sum() < need.sum():
            alive = [a and q == 0 for a, q in zip(alive, sizes, strict=True)]
            cash, sizes = np.zeros(2), np.zeros(2)
        elif mode == "isolated":
            fails = (sizes != 0) & (cash + pnl < need)
            alive = [a and not f for a, f in zip(alive, fails, strict=True)]
            cash, sizes = np.where(fails, 0.0, cash), np.where(fails, 0.0, sizes)
    return alive, (cash + sizes * (prices[-1] - entry)).sum()


def test_the_explorer_of_the_broken_hedge_says_what_a_walk_through_the_day_finds():
    for state in states_of(explorers_of("october")["broken-hedge"], 30):
        for mode, told in zip(MODES, re.split(r"(?=Isolated:)", sentence("broken-hedge", state)), strict=True):
            whole, (alive, left) = (
                hedge(state["coin"], state["times"], mode, taken) for taken in (None, state["taken"])
            )
            with_it, without = re.search(r"(\d+) USDT with the hedge (\d+) without", told).groups()
            assert [float(with_it), float(without)] == pytest.approx([whole[1], left], abs=0.6), (state, mode)
            assert ("the long" in told.split("without")[1]) == (not alive[0]), (state, mode)
            assert ("the short" in told.split("without")[1]) == (not alive[1]), (state, mode)


def test_adl_before_the_low_ends_pools_that_its_absence_or_a_later_one_does_not():
    kept = {
        taken: sum(hedge(c, n, "cross", taken)[0][0] for c in ("ETH", "SOL", "XRP", "LINK") for n in (1, 2, 3, 5))
        for taken in (None, "before the low", "at the low", "after the low")
    }
    assert kept == {None: 12, "before the low": 10, "at the low": 12, "after the low": 12}
    assert "ADL just before the low ended 2 more at the low or after it 0." in written("**What to notice.** Of 16")


# --- the peg --------------------------------------------------------------------------------------------------


def test_the_explorer_of_the_peg_says_whether_the_market_or_the_coin_takes_the_pool():
    for state in states_of(explorers_of("october")["depegged"], 40):
        begins, _, prices, _ = steps(("BTC", "ETH"))
        times, lost, share = state["times"], state["lost"], state["share"]
        weak = (begins == minute(2145)) | (begins == minute(2200))
        worth = STAKE * (1 - share * (1 - np.where(weak, state["price"], 1.0)))
        value = times * STAKE / 2 * prices / prices[0]
        spare = worth + value.sum(axis=1) - times * STAKE * (1 + lost / times)
        need = [[slice_by_slice(tiers_of(c), v) for c, v in zip(("BTC", "ETH"), row, strict=True)] for row in value]
        spare -= np.sum(need, axis=1)
        said = sentence("depegged", state)
        at_low = int((begins == minute(2115)).argmax()) + 1
        told = numbers(said.rsplit("requirement is", 1)[1])
        assert told == pytest.approx([spare[at_low], spare[weak].min()], abs=0.6)
        failing = np.flatnonzero(spare < 0)
        if not failing.size:
            assert "it fails nowhere" in said, state
        else:
            by = "coin" if weak[failing[0]] else "market"
            assert f"it fails by the {by} in the candle from {str(begins[failing[0]])[11:]}" in said, state


# --- all crashes ----------------------------------------------------------------------------------------------


def correlation(one, other):
    one, other = one - one.mean(), other - other.mean()
    return (one @ other) / np.sqrt((one @ one) * (other @ other))


@cache
def alike(name, measure):
    """Return the mean correlation of all pairs of coins before a crash and within a day of BTC's low."""
    rows = {coin: hourly(name, coin)[1] for coin in coins_of(name)}
    moves = {}
    for coin, (opens, lows, _, closes) in rows.items():
        before = np.r_[opens[0], closes[:-1]]
        moves[coin] = np.log(closes / before) if measure == "closes, hour by hour" else np.log(lows / opens)
    low = int(rows["BTC"][1].argmin())
    pairs = [(a, b) for a in moves for b in moves if a < b]
    return [
        np.mean([correlation(moves[a][span], moves[b][span]) for a, b in pairs])
        for span in (slice(None, low - 24), slice(low - 24, low + 25))
    ]


def test_the_explorer_of_likeness_says_in_how_many_crashes_it_rose():
    for state in states_of(explorers_of("october")["together"]):
        found = {name: alike(name, state["measure"]) for name in CRASHES.values()}
        before, during = np.array(list(found.values())).T
        told = numbers(sentence("together", state).split("correlation rose", 1)[1].replace("10 October", ""))
        expected = [(during > before).sum(), 8, before.min(), before.max(), during.min(), during.max()]
        assert told == pytest.approx([*expected, *found["oct-2025"]], abs=0.0051)


@cache
def needs(name):
    """Return what longs in all coins needed behind them, each alone and all in a pool, as shares of their value."""
    if name == "oct-2025":
        _, _, prices, _ = steps(tuple(COINS))
    else:
        rows = [hourly(name, coin)[1] for coin in coins_of(name)]
        prices = np.array([row.T.ravel() for row in rows]).T
    kept = prices / prices[0]
    asked = [
        [slice_by_slice(tiers_of(coin, name), 10_000 * part) / 10_000 for part in column]
        for coin, column in zip(coins_of(name), kept.T, strict=True)
    ]
    lacking = 1 - kept + np.transpose(asked)
    return lacking.max(axis=0), lacking.mean(axis=1).max(), kept, np.transpose(asked)


def test_the_explorer_of_needs_says_which_longs_broke_and_what_the_pool_needed():
    for state in states_of(explorers_of("october")["needed"], 40):
        name, leverage = CRASHES[state["crash"]], state["leverage"]
        each, pool, _, _ = needs(name)
        said = sentence("needed", state)
        count, times, behind, broken = numbers(said.split("of ", 1)[1])[:4]
        assert (count, times, broken) == (len(each), leverage, (each > 1 / leverage).sum()), state
        assert behind == pytest.approx(100 / leverage, abs=0.51)
        least, most = re.search(r"Alone they needed (\d+)% to (\d+)%", said).groups()
        assert [float(least), float(most)] == pytest.approx([100 * each.min(), 100 * each.max()], abs=0.51)
        share, reach = re.search(r"pool of all needed ([\d.]+)% .* up to ([\d.]+) times", said).groups()
        assert [float(share), float(reach)] == pytest.approx([100 * pool, 1 / pool], abs=0.051)


@cache
def pairs(name):
    """Return what a long and a short of the same value needed in one pool, of every pair of coins, of both."""
    _, _, kept, asked = needs(name)
    coins = range(kept.shape[1])
    return [(kept[:, j] - kept[:, i] + asked[:, i] + asked[:, j]).max() / 2 for i, j in permutations(coins, 2)]


def test_the_explorer_of_the_pairs_says_which_share_broke():
    for state in states_of(explorers_of("october")["offset"]):
        part = 1 / state["leverage"]
        alone = [100 * (needs(name)[0] > part).mean() for name in CRASHES.values()]
        paired = [100 * np.mean(np.array(pairs(name)) > part) for name in CRASHES.values()]
        told = numbers(sentence("offset", state).replace("10 October", ""))
        october = list(CRASHES).index("October 2025")
        expected = [min(alone), max(alone), min(paired), max(paired), alone[october], paired[october]]
        assert told == pytest.approx([state["leverage"], *expected], abs=0.51)


# --- what the record says of the claims -----------------------------------------------------------------------

every_crash = pytest.mark.parametrize("name", CRASHES.values(), ids=str)


@every_crash
def test_claim_2_3_longs_in_many_coins_offset_each_other_next_to_nothing(name):
    each, pool, _, _ = needs(name)
    assert 0.9 < pool / each.mean() <= 1 + 1e-12


@every_crash
def test_claim_2_3_most_pairs_of_a_long_and_a_short_lived_where_most_longs_broke(name):
    each, _, _, _ = needs(name)
    assert (each > 1 / 5).mean() > 0.75
    assert np.mean(np.array(pairs(name)) > 1 / 5) < 0.17


def test_claim_2_3_on_10_october_pairs_broke_whose_long_fell_much_further_or_whose_short_had_risen():
    broken = [pair for pair, need in zip(permutations(COINS, 2), pairs("oct-2025"), strict=True) if need > 1 / 5]
    fell = dict(zip(COINS, 1 - needs("oct-2025")[2].min(axis=0), strict=True))
    assert len(broken) > 50
    # ZEC stood a third higher before the crash.
    assert needs("oct-2025")[2].max(axis=0)[COINS.index("ZEC")] > 1.3
    assert all(fell[long] - fell[short] > 0.35 for long, short in broken if short != "ZEC")


@every_crash
def test_claim_3_1_nearly_all_longs_are_in_loss_when_the_pool_needs_most(name):
    _, _, kept, asked = needs(name)
    worst = (asked - kept).mean(axis=1).argmax()
    assert (kept[worst] < 1).sum() >= kept.shape[1] - 1


def test_claim_3_1_they_need_not_move_more_alike_for_that():
    found = [alike(name, "closes, hour by hour") for name in CRASHES.values()]
    assert sum(during < before for before, during in found) >= 3
    assert max(during for _, during in found) < 0.95


def test_claim_3_2_at_10x_every_breaker_tripped_in_all_crashes_but_one():
    whole = {by: sum((needs(name)[0] > 1 / by).all() for name in CRASHES.values()) for by in (5, 10)}
    assert whole == {5: 6, 10: 7}
    assert "At 10x every long on record broke in 7 of the 8 crashes at 5x in 6" in written("**What to notice.** At 10x")


@every_crash
def test_claim_3_2_an_isolated_long_that_broke_leaves_what_was_not_set_aside(name):
    coins, (each, _, kept, _) = coins_of(name), needs(name)
    for leverage in (5, 10):
        rows = [
            Position(BINANCE.contract(f"{coin}USDT"), 10_000.0, 1.0, mode="isolated", leverage=leverage)
            for coin in coins
        ]
        account = Account.open(rows, balance=10_000.0 * len(coins), convention=COUNTING)
        outcome = simulate(account, kept)
        assert outcome.wallet == pytest.approx(account.wallet)
        assert (~outcome.survived).sum() == pytest.approx((each > 1 / leverage).sum(), abs=1)


def test_claim_3_5_on_10_october_isolated_margins_kept_what_the_pool_of_all_coins_lost():
    pool, apart = (walk(tuple(COINS), 2, mode, 5)[0][-1] for mode in MODES)
    assert pool == 0
    assert apart > STAKE * (1 - 2 / 5)
    # With everything set aside nearly all of it went.
    assert walk(tuple(COINS), 5, "isolated", 5)[0][-1] < STAKE / 10


def test_claim_3_5_and_a_pool_of_two_coins_lived_where_isolated_lost_one():
    pool, apart = (walk(("BTC", "ETH"), 5, mode, 5) for mode in MODES)
    assert (pool[1][-1], apart[1][-1]) == (2, 1)
    assert pool[0][-1] > apart[0][-1]


def test_the_table_of_the_record_says_the_same():
    rows = [re.split(r" *\| *", line)[1:-1] for line in written("| Crash | Coins").splitlines() if line.startswith("|")]
    for row, (title, name) in zip(rows[2:], CRASHES.items(), strict=True):
        each, pool, _, _ = needs(name)
        counted = [len(each), *((each > 1 / by).sum() for by in (5, 10, 20))]
        assert [row[0], *map(int, row[1:5])] == [title, *counted]
        assert float(row[5][:-1]) == pytest.approx(1 / pool, abs=0.051)
        assert float(row[6][:-1]) == pytest.approx(100 * np.mean(np.array(pairs(name)) > 1 / 5), abs=0.51)
        likeness = [x for m in ("closes, hour by hour", "how deep each hour went") for x in alike(name, m)]
        assert numbers(" ".join(row[7:])) == pytest.approx(likeness, abs=0.0051)


def test_the_table_of_who_paid_shows_every_fact_of_that_month_with_its_source():
    known = [one for one in module_of("facts").facts() if one.when == "October 2025"]
    text = written("| What | Figure")
    rows = [re.split(r" *\| *", line)[1:-1] for line in text.splitlines()[2:]]
    assert [row[0] for row in rows] == [one.what.replace(",", "") for one in known]
    for row, one in zip(rows, known, strict=True):
        assert float(row[1].split()[0]) == one.value
        assert row[2].endswith(f"(references.md#{one.source}) {one.confidence}")


def test_the_perpetuals_of_that_day_are_those_of_the_reported_median():
    # Of the 45 with trades by the quarter of an hour: the lows are in the same quarter as those of nearly all.
    lows = [one.times[one.low.argmin()] for one in RECORD.paths if (one.kind, one.step) == ("last", "15m")]
    assert np.mean([str(low) == "2025-10-10T21:15" for low in lows]) > 0.9
    assert BOOK.joinpath("facts.csv").read_text(encoding="utf-8").count("binance-2025-perpetuals") == 2
