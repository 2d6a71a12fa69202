"""The claims: the book tries each one that it judges, and each holds as far as its verdict says."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from marginlab import MODES, Account, Explorer, Position, event, venue
from marginlab.history import ORDERS

from .chapters import BOOK, explorers_of, notebook_of, values_of

CLAIMS = list(csv.DictReader((BOOK / "claims.csv").read_text(encoding="utf-8").splitlines()))
JUDGED = [claim for claim in CLAIMS if claim["verdict"]]
VERDICTS = {"holds", "holds with a condition", "depends on the venue", "does not hold"}
CHAPTERS = {"1": "structure", "2": "mechanics", "3": "volatility", "4": "questions"}
every_judged = pytest.mark.parametrize("claim", JUDGED, ids=[claim["id"] for claim in JUDGED])


def section(claim):
    """Return a claim's part of its chapter, cell by cell: the text or source, and what the cell gives.

    From the claim's label to the next label of a claim, or the next heading of its rank.
    """
    label, rank = f"(claim-{claim['id']})=", r"^(\(claim-[\d-]+\)=|## )"
    found, inside = [], False
    for i, cell in enumerate(notebook_of(claim["chapter"]).cells):
        value = values_of(claim["chapter"]).get(i)
        if cell.cell_type == "code":
            found += [(cell, cell.source, value)] if inside else []
            continue
        text = cell.source
        if not inside and label in text:
            # Its own label and heading stay behind.
            inside, text = True, re.sub(rank, "", text.split(label)[1].lstrip(), count=1, flags=re.MULTILINE)
        if inside:
            ends = re.search(rank, text, re.MULTILINE)
            found.append((cell, text[: ends.start()] if ends else text, None))
            if ends:
                break
    return found


def names_of_tests(start):
    """Return the names of all tests that begin so."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("test_*.py"))
    return [node.name for tree in trees for node in tree.body if getattr(node, "name", "").startswith(start)]


# --- the book -------------------------------------------------------------------------------------------------


def test_the_book_knows_nineteen_claims_in_four_chapters():
    ids = [claim["id"] for claim in CLAIMS]
    assert ids == [
        f"{chapter}-{i}" for chapter, number in zip("1234", (5, 5, 5, 4), strict=True) for i in range(1, number + 1)
    ]
    assert [claim["chapter"] for claim in CLAIMS] == [CHAPTERS[one[0]] for one in ids]
    assert all(claim["question"].endswith("?") for claim in CLAIMS)


@every_judged
def test_a_verdict_is_one_of_four_and_names_its_condition(claim):
    assert claim["verdict"] in VERDICTS
    assert bool(claim["condition"]) == (claim["verdict"] != "holds")


@every_judged
def test_a_judged_claim_has_a_place_of_its_own_with_its_question(claim):
    text = "\n".join(cell.source for cell in notebook_of(claim["chapter"]).cells if cell.cell_type == "markdown")
    assert text.count(f"(claim-{claim['id']})=\n## {claim['question']}\n") == 1


@every_judged
def test_a_judged_claim_is_tried_in_an_explorer(claim):
    assert any(isinstance(value, Explorer) for _, _, value in section(claim))


@every_judged
def test_a_judged_claim_says_what_to_notice(claim):
    said = [value.data for _, _, value in section(claim) if hasattr(value, "data")]
    assert any(text.startswith("**What to notice.**") for text in said)


@every_judged
def test_a_judged_claim_has_a_check_that_prints_its_numbers_in_sight(claim):
    cells = section(claim)
    (place,) = (i for i, (_, text, _) in enumerate(cells) if "**Check." in text)
    check = cells[place + 1][0]
    assert check.cell_type == "code"
    assert not check.metadata.get("tags")
    assert re.search(r"\d", "".join(output.get("text", "") for output in check.outputs))


@every_judged
def test_a_judged_claim_ends_with_the_verdict_of_the_list(claim):
    verdicts = re.findall(r"^\*\*Verdict: (.*?)\.\*\*$", "\n".join(text for _, text, _ in section(claim)), re.MULTILINE)
    assert verdicts == [claim["verdict"]]


@every_judged
def test_a_judged_claim_is_asserted_by_a_test(claim):
    assert names_of_tests(f"test_claim_{claim['id'].replace('-', '_')}_")


@pytest.mark.parametrize("chapter", sorted({claim["chapter"] for claim in JUDGED}))
def test_a_chapter_has_labels_and_verdicts_of_judged_claims_only(chapter):
    text = "\n".join(cell.source for cell in notebook_of(chapter).cells if cell.cell_type == "markdown")
    ids = [claim["id"] for claim in JUDGED if claim["chapter"] == chapter]
    assert re.findall(r"^\(claim-([\d-]+)\)=", text, re.MULTILINE) == ids
    assert text.count("**Verdict: ") == len(ids)


# --- accounts -------------------------------------------------------------------------------------------------

BINANCE = venue("binance")
COUNTING = BINANCE.convention.value
BTC, ETH = BINANCE.contract("BTCUSDT"), BINANCE.contract("ETHUSDT")
sides = st.sampled_from([1.0, -1.0])
# From a hundredth of a bitcoin to brackets of 25x; leverage within what every such bracket allows.
notionals = st.floats(1_000, 20_000_000)
leverages = st.sampled_from([2, 3, 5, 10, 20, 25])
entries = st.tuples(st.floats(3_000, 120_000), st.floats(80, 5_000))
spare = st.floats(0, 2)


class Trade:
    """A long or short in BTC and one in ETH, to be opened in either mode out of the same balance."""

    def __init__(self, entry, notional, side, leverage, spare):
        self.entry = np.array(entry)
        self.size = np.array(side) * notional / self.entry
        self.leverage = leverage
        self.balance = float(sum(value / by for value, by in zip(notional, leverage, strict=True)) * (1 + spare))

    def opened(self, mode, leverage=None):
        rows = zip((BTC, ETH), self.size, self.entry, leverage or self.leverage, strict=True)
        positions = [Position(c, size, entry, mode=mode, leverage=by) for c, size, entry, by in rows]
        return Account.open(positions, balance=self.balance, convention=COUNTING)


trades = st.builds(
    Trade,
    entry=entries,
    notional=st.tuples(notionals, notionals),
    side=st.tuples(sides, sides),
    leverage=st.tuples(leverages, leverages),
    spare=spare,
)
btc_alone = st.builds(
    lambda entry, notional, side, leverage: Account.open(
        [Position(BTC, side * notional / entry, entry, mode="isolated", leverage=leverage)],
        balance=notional,
        convention=COUNTING,
    ),
    entry=st.floats(3_000, 120_000),
    notional=notionals,
    side=sides,
    leverage=leverages,
)


def far(price, side):
    """Return how far down (for a long) or up (for a short) a liquidation price lies, as something that only grows.

    No price, ``nan``: a long so well backed that it outlives a price of 0, or a short that fails at every price.
    """
    return -side * np.nan_to_num(price, nan=0.0)


# --- 1-1: a healthy position carries a sick one ---------------------------------------------------------------


@given(trades)
def test_claim_1_1_on_opening_both_modes_tie_up_and_leave_free_the_same(trade):
    cross, isolated = (trade.opened(mode) for mode in MODES)
    assert cross.initial_margin(trade.entry) == pytest.approx(isolated.initial_margin(trade.entry), rel=1e-12)
    assert cross.free_margin(trade.entry) == pytest.approx(isolated.free_margin(trade.entry), abs=1e-9 * trade.balance)


@given(trades, st.floats(0.3, 3))
def test_claim_1_1_a_gain_frees_margin_in_cross_and_none_in_isolated(trade, move):
    cross, isolated = (trade.opened(mode) for mode in MODES)
    marks = trade.entry * [1, move]
    rise, size, leverage = trade.entry[1] * (move - 1), trade.size[1], trade.leverage[1]
    # What a larger position ties up comes off the gain: at 2x and more, never more than half of it.
    gain, tied = size * rise, abs(size) * rise / leverage
    freed = cross.free_margin(marks) - cross.free_margin(trade.entry)
    assert freed == pytest.approx(gain - tied, abs=1e-9 * cross.notional(marks).sum())
    assert freed * gain >= 0
    assert isolated.free_margin(marks) == isolated.free_margin(trade.entry)


@given(trades, st.floats(0.3, 3), st.floats(0.3, 3))
def test_claim_1_1_the_more_one_position_gains_the_further_the_others_cross_liquidation_price(trade, one, other):
    cross, sides = trade.opened("cross"), np.sign(trade.size)
    better, worse = sorted((one, other), key=lambda move: -sides[1] * move)
    assume(abs(one - other) > 1e-6)
    lucky, unlucky = (far(cross.liquidation_price(trade.entry * [1, move])[0], sides[0]) for move in (better, worse))
    # Strictly, unless both moves leave BTC without any price that liquidates it.
    assert lucky > unlucky or lucky == unlucky == 0


@given(trades, st.floats(0.3, 3))
def test_claim_1_1_no_position_moves_the_others_isolated_liquidation_price(trade, move):
    isolated = trade.opened("isolated")
    before, after = (isolated.liquidation_price(trade.entry * [1, by])[0] for by in (1, move))
    assert before == after


@given(trades, st.floats(0.3, 0.95))
def test_claim_1_1_what_one_position_loses_can_end_the_other_unmoved_in_cross_but_not_in_isolated(trade, move):
    # The condition of the verdict: long BTC stands still, long ETH falls.
    long = Trade(trade.entry, np.abs(trade.size) * trade.entry, (1, 1), trade.leverage, spare=0)
    marks = trade.entry * [1, move]
    cross, isolated = (long.opened(mode) for mode in MODES)
    assume(cross.equity(marks) < 0)
    assert cross.liquidatable(marks)[0]
    assert not isolated.liquidatable(marks)[0]


@given(trades, leverages)
def test_claim_1_1_leverage_leaves_a_cross_liquidation_price_alone(trade, leverage):
    # The same balance, so leverage must not rise beyond what it covers: it may only be set higher.
    higher = tuple(max(leverage, by) for by in trade.leverage)
    before, after = (trade.opened("cross", by).liquidation_price() for by in (trade.leverage, higher))
    assert np.array_equal(before, after, equal_nan=True)


@given(trades, leverages)
def test_claim_1_1_leverage_moves_an_isolated_liquidation_price_nearer(trade, leverage):
    higher = tuple(max(leverage, by) for by in trade.leverage)
    before, after = (trade.opened("isolated", by).liquidation_price() for by in (trade.leverage, higher))
    sides, raised = np.sign(trade.size), np.array(higher) > trade.leverage
    assert (far(after, sides) < far(before, sides))[raised].all()
    assert (after == before)[~raised].all()


# --- 1-2: isolated margin fixes the loss ----------------------------------------------------------------------


@settings(max_examples=200)
@given(btc_alone, st.floats(0.01, 4))
def test_claim_1_2_an_isolated_position_never_costs_more_than_its_margin(account, move):
    marks = account.entry * move
    loss = -account.unrealized_pnl(marks)[0]
    # Taken over, it costs all of the margin; until then the loss has not reached it, by more than maintenance.
    cost = account.margin[0] if account.liquidatable(marks)[0] else loss
    assert cost <= account.margin[0]
    assert account.liquidatable(marks)[0] or loss <= account.margin[0] - account.maintenance_margin(marks)[0]


@settings(max_examples=200)
@given(btc_alone, st.floats(1e-6, 0.99))
def test_claim_1_2_a_price_beyond_bankruptcy_leaves_exactly_the_rest_of_the_jump_unpaid(account, jump):
    side, bankruptcy = np.sign(account.size[0]), account.bankruptcy_price()[0]
    price = bankruptcy * (1 - side * jump)
    beyond = -account.unrealized_pnl([price])[0] - account.margin[0]
    assert account.liquidatable([price])[0]
    assert beyond > 0
    # Size times how far the price went past bankruptcy, and not a cent of maintenance.
    assert beyond == pytest.approx(
        abs(account.size[0]) * bankruptcy * jump, abs=1e-9 * account.notional(account.entry)[0]
    )


@settings(max_examples=200)
@given(btc_alone, st.floats(0.001, 0.999))
def test_claim_1_2_between_liquidation_and_bankruptcy_the_margin_pays_all(account, share):
    liquidation, bankruptcy = account.liquidation_price()[0], account.bankruptcy_price()[0]
    price = liquidation + share * (bankruptcy - liquidation)
    assert account.liquidatable([price])[0]
    assert 0 < -account.unrealized_pnl([price])[0] < account.margin[0]


@given(btc_alone)
def test_claim_1_2_liquidation_comes_before_bankruptcy(account):
    side = np.sign(account.size[0])
    mark, liquidation, bankruptcy = side * np.array(
        [account.entry[0], account.liquidation_price()[0], account.bankruptcy_price()[0]]
    )
    assert mark > liquidation > bankruptcy


@given(trades, st.floats(0.01, 4))
def test_claim_1_2_what_an_isolated_position_loses_leaves_the_rest_of_the_account_alone(trade, move):
    isolated = trade.opened("isolated")
    marks = trade.entry * [1, move]
    assert isolated.wallet == pytest.approx(trade.balance - isolated.margin.sum())
    assert isolated.position_equity(marks)[0] == isolated.margin[0]
    assert not isolated.liquidatable(marks)[0]


# --- the replay of March 2020 ---------------------------------------------------------------------------------

STAKE = 10_000.0
OLD = [BINANCE.contract("BTCUSDT", date="2021-03-18"), BINANCE.contract("ETHUSDT", date="2021")]


def slice_by_slice(tiers, notional):
    """Return the maintenance of a notional as the sum of what each bracket asks of the part within it."""
    bounds = zip(tiers.floors, [*tiers.floors[1:], float("inf")], tiers.rates, strict=True)
    return sum(rate * (min(notional, top) - floor) for floor, top, rate in bounds if notional > floor)


def pool_by_hand(sizes, order):
    """Walk the pool through the crash: the time of the candle it is lost in, or none, and what it is worth then."""
    covid = event("covid-2020")
    path = covid.path(order=order)
    equity = STAKE
    for step, prices in enumerate(path.prices):
        equity = STAKE + sum(q * (p - e) for q, p, e in zip(sizes, prices, covid.open[0], strict=True))
        needed = sum(slice_by_slice(c.tiers, abs(q) * p) for c, q, p in zip(OLD, sizes, prices, strict=True))
        if equity < needed:
            return str(covid.times[path.candle[step]]), equity
    return None, equity


def told(ether, leverage, order):
    """Return what the chapter says in the replay: of the cross pool, and of the isolated positions."""
    _, said = explorers_of("structure")["replay"].draw(ether=ether, leverage=leverage, order=order)
    cross, isolated = re.fullmatch(r"(Cross .*)\. (Isolated .*)\.", said).groups()
    return cross, isolated


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("leverage", [3, 5, 10, 20])
def test_claim_1_1_in_march_2020_a_pool_long_of_both_is_lost_whatever_its_leverage(order, leverage):
    time, equity = pool_by_hand((2.0, 50.0), order)
    assert time == "2020-03-12T20:00"
    assert equity < 0
    cross, _ = told("long", leverage, order)
    assert cross == "Cross loses both positions (12 March 20:00), and ends with 0 of 10,000 USDT"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("leverage", [3, 5, 10, 20])
def test_claim_1_1_in_march_2020_a_pool_hedged_with_ether_survives_whatever_its_leverage(order, leverage):
    time, equity = pool_by_hand((2.0, -50.0), order)
    assert time is None
    cross, _ = told("short", leverage, order)
    assert cross == f"Cross keeps both positions, and ends with {equity:,.0f} of 10,000 USDT"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("leverage", [3, 5, 10, 20])
def test_claim_1_1_in_march_2020_the_hedge_does_not_save_an_isolated_long(order, leverage):
    # Its margin alone stands behind it, whatever ETH earns: 2 BTC from 7,898.21 with a third of that or less.
    lowest = min(event("covid-2020").path(order=order).prices[:, 0])
    assert 2 * (7898.21 - lowest) > 2 * 7898.21 / leverage
    _, isolated = told("short", leverage, order)
    assert re.match(r"Isolated loses BTC \(12 March \d\d:00\) and keeps ETH, and ends with ", isolated)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("leverage", [3, 5, 10, 20])
def test_claim_1_2_in_march_2020_two_isolated_longs_cost_their_margins_and_no_more(order, leverage):
    margins = (2 * 7898.21 + 50 * 200.90) / leverage
    _, isolated = told("long", leverage, order)
    assert isolated.endswith(f" and ends with {STAKE - margins:,.0f} of 10,000 USDT")
