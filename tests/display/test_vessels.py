"""The pool, drawn: levels and lines stand where equity and maintenance margin are, and words say who is lost first."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import Account, Collateral, Contract, Position, Tiers
from marginlab.display import vessels
from marginlab.display.vessels import Vessel, pools, side_by_side, vessels_of
from marginlab.formatting import money, signed

from ..drawn import seen
from ..examples import examples
from ..strategies import continuous_tables, notionals, prices, shares, sides

NAMES = ("BTC", "ETH", "SOL")
BTC, ETH = (Contract(f"{name}USDT", Tiers.flat(0.01), currency="USDT") for name in NAMES[:2])


class Held(NamedTuple):
    """Positions in both modes out of one balance, where they were opened, and how far each market goes with a move."""

    cross: Account
    isolated: Account
    marks: np.ndarray
    beta: np.ndarray


def held(sizes, marks, margins, spare, tables=None, beta=1.0):
    """Open positions in both modes; in isolated so much is left in the wallet."""
    tables = tables or [Tiers.flat(0.01)] * len(sizes)
    coins = [Contract(f"{name}USDT", table) for name, table in zip(NAMES, tables, strict=False)]
    rows = list(zip(coins, sizes, marks, margins, strict=True))
    cross = Account.of([Position(coin, size, mark) for coin, size, mark, _ in rows], wallet=sum(margins) + spare)
    apart = [Position(coin, size, mark, mode="isolated", margin=margin) for coin, size, mark, margin in rows]
    return Held(cross, Account.of(apart, wallet=spare), np.array(marks, dtype=float), np.array(beta, dtype=float))


@st.composite
def holdings(draw):
    """Draw one to three positions, long and short, at 2x to 20x, some of which may be liquidated from the start."""
    n = draw(st.integers(1, 3))
    each = {"min_size": n, "max_size": n}
    marks, worth = draw(st.lists(prices, **each)), draw(st.lists(notionals, **each))
    sizes = np.array(draw(st.lists(sides, **each))) * worth / marks
    margins = np.array(worth) * draw(st.lists(shares(0.05, 0.5), **each))
    beta = draw(st.lists(st.sampled_from([-0.5, 0.5, 1.0, 1.0, 1.5]), **each))
    spare = float(margins.sum() * draw(st.sampled_from([0.0, 0.2, 1.0])))
    tables = draw(st.lists(continuous_tables(), **each))
    return held(sizes.tolist(), marks, margins.tolist(), spare, tables, beta)


moves = shares(-0.6, 0.6)


def lost_on_the_way(account, marks, beta, move, steps=400):
    """Return at which of so many steps of a straight way each position could first be liquidated, -1 for none."""
    way = marks * (1 + np.linspace(0, move, steps + 1)[:, None] * beta)
    # Equal to the last digits at one of its ends is a matter of rounding.
    ends = way[[0, -1]]
    assume((np.abs(account.position_equity(ends) - account.position_requirement(ends)) > 1e-6).all())
    failing = account.liquidatable(way)
    return np.where(failing.any(axis=0), failing.argmax(axis=0), -1)


@examples(2)
@given(holdings(), moves)
def test_levels_lines_and_numbers_are_those_of_the_account(found, move):
    drawing, _ = pools(*found[:3], move, found.beta, rim=2)
    there = found.marks * (1 + move * found.beta)
    for mode, account in (("cross", found.cross), ("isolated", found.isolated)):
        gone = lost_on_the_way(account, found.marks, found.beta, move) >= 0
        pockets = [0] if mode == "cross" else range(len(found.marks))
        equity, need = account.position_equity(there), account.position_requirement(there)
        filled = [account.wallet] if mode == "cross" else account.margin
        for i, one in zip(pockets, seen(drawing, mode, 2), strict=False):
            has = 0 if gone[i] else equity[i]
            # A hundredth of a pixel of 132.
            assert one.level == pytest.approx(min(max(has / filled[i], 0), 2), abs=2e-4)
            assert one.line == pytest.approx(0 if gone[i] else min(need[i] / filled[i], 2), abs=2e-4)
            assert one.lost == gone[i]
            assert one.equity == money(float(has))
            assert one.maintenance == ("" if gone[i] else money(float(need[i])))
            alone = mode == "isolated" or len(found.marks) == 1
            assert one.gone == ("" if alone or not gone[i] else signed(-filled[i]))
        profits = [text for one in seen(drawing, mode, 2) for text in one.results]
        for i, pnl in enumerate(account.unrealized_pnl(there)):
            assert profits[i] == (signed(float(pnl)) if not gone[i] else signed(-filled[i]) if alone else "")


@given(holdings(), moves)
def test_areas_are_money(found, move):
    drawing, _ = pools(*found[:3], move, found.beta)
    (pool,), apart = seen(drawing, "cross"), seen(drawing, "isolated")
    put_in = [*found.isolated.margin, *([found.isolated.wallet] if found.isolated.wallet else [])]
    assert pool.width == 1
    assert [one.width for one in apart] == pytest.approx(np.divide(put_in, found.cross.wallet))
    # What a wallet has, nothing takes.
    assert [one.level for one in apart[len(found.marks) :]] == pytest.approx(
        [1] * (len(apart) - len(found.marks)), abs=1e-3
    )


@given(holdings(), moves)
def test_what_is_lost_is_said_in_the_order_in_which_it_goes(found, move):
    _, sentence = pools(*found[:3], move, found.beta)
    when = lost_on_the_way(found.isolated, found.marks, found.beta, move)
    gone = np.flatnonzero(when >= 0)
    # Two that go within a step may come in either order.
    assume(len({when[i] for i in gone}) == len(gone))
    cross_says, isolated_says = re.split(r" (?=Isolated )", sentence)
    told = re.findall(r"(BTC|ETH|SOL) at ", isolated_says)
    if gone.size:
        assert told == [NAMES[i] for i in sorted(gone, key=lambda i: when[i])]
        assert isolated_says.startswith("Isolated has lost ")
    else:
        assert len(told) <= 1
        assert "has lost" not in isolated_says
    pooled = lost_on_the_way(found.cross, found.marks, found.beta, move)[0] >= 0
    assert cross_says.startswith("Cross has been liquidated") == pooled


@given(holdings(), moves)
def test_the_line_written_down_is_where_equity_is_maintenance(found, move):
    _, sentence = pools(*found[:3], move, found.beta)
    written = re.search(
        r"at ([+−]?[\d.]+)% its equity is its maintenance margin: (\S+) ([−+]) (\S+) = (\S+?)[.;]? ", sentence
    )
    assume(written)
    amounts = [float(text.replace(",", "").replace("−", "-")) for text in written.group(2, 4, 5)]
    put_in, result, need = amounts
    # Each is rounded to the unit.
    assert put_in + (result if written[3] == "+" else -result) == pytest.approx(need, abs=1.5)


def test_a_gain_in_one_pocket_helps_the_other_where_there_are_no_walls():
    # Long 10 at 100 and short 10 at 100, 100 behind each: at 111 the short has lost 110, the long has gained 110.
    both = held([10, -10], [100, 100], [100, 100], 0)
    drawing, sentence = pools(*both[:3], 0.11)
    (pool,), (btc, eth) = seen(drawing, "cross"), seen(drawing, "isolated")
    assert (pool.lost, pool.equity, pool.results) == (False, "200", ["+110", "−110"])
    assert (btc.lost, btc.equity, btc.results) == (False, "210", ["+110"])
    assert (eth.lost, eth.equity, eth.results) == (True, "0", ["−100"])
    assert "Isolated has lost short ETH at +8.9%, and 210 are left." in sentence


def test_one_liquidation_by_hand():
    # Long 10 at 100, 100 behind it, 1 %: 100 + 10 (P - 100) = 0.01 x 10 P at P = 900 / 9.9 = 90.909.
    one = held([10], [100], [100], 0)
    _, before = pools(*one[:3], -0.05)
    _, after = pools(*one[:3], -0.1)
    line = "at −9.1% its equity is its maintenance margin: 100 − 91 = 9"
    assert before == f"Cross has 50 and must keep 10; {line}. Isolated has 50, and would first lose BTC at −9.1%."
    assert (
        after
        == f"Cross has been liquidated, and all 100 are gone: {line}. Isolated has lost BTC at −9.1%, and 0 are left."
    )


def test_what_comes_next_is_what_is_nearest_from_here():
    # The short is lost at +8.9 %, the long at -9.1 %: from -5 % on the long is nearer.
    both = held([10, -10], [100, 100], [100, 100], 50)
    assert "would first lose short ETH at +8.9%" in pools(*both[:3], 0)[1]
    assert "would first lose BTC at −9.1%" in pools(*both[:3], -0.05)[1]


def test_what_no_move_ends_is_said_to_have_no_end():
    # Long 1 at 100 with 200 behind it: at a price of 0 there are 100 left.
    safe = held([1], [100], [200], 0)
    assert pools(*safe[:3], -0.5)[1] == (
        "Cross has 150 and must keep 0; no move brings it to its line. "
        "Isolated has 150, and no move brings a level to its line."
    )


def test_what_is_lost_from_the_start_is_lost_whatever_the_move():
    gone = held([10], [100], [9], 0)
    for move in (-0.01, 0.0, 0.01):
        assert [one.lost for one in seen(pools(*gone[:3], move)[0], "isolated")] == [True]


def test_a_loss_that_came_and_went_can_be_given():
    one = held([10], [100], [100], 20)
    margin, wallet = vessels_of(one.isolated, [100], [True])
    assert (margin.lost, margin.equity, margin.level, margin.line) == (True, 0, 0, 0)
    assert (wallet.names, wallet.equity, wallet.lost) == ((), 20, False)
    assert vessels_of(one.cross, [100], [False])[0].equity == 120


def test_a_vessel_that_runs_over_is_full_to_its_rim_and_its_number_says_how_much():
    one = held([10], [100], [100], 0)
    (pool,) = seen(pools(*one[:3], 0.5)[0], "cross")
    assert (pool.level, pool.equity) == (pytest.approx(vessels.RIM), "600")


def test_the_word_stands_upright_where_a_vessel_is_narrow():
    two = held([1, 1], [100, 100], [10, 90], 0)
    drawing, _ = pools(*two[:3], -0.2)
    words = [part for part in drawing.parts if part.text == "liquidated"]
    assert [word.attributes["transform"].split("(")[1].split()[0] for word in words] == ["0", "-90", "0"]


@pytest.mark.parametrize(("margin", "label"), [(100, "short ETH"), (10, "−ETH")])
def test_a_short_in_a_narrow_column_is_named_by_its_sign(margin, label):
    both = held([1, -1], [100, 100], [110 - margin, margin], 0)
    assert pools(*both[:3], 0)[0].state["isolated-1-name"]["text"] == label


# --- what is refused ------------------------------------------------------------------------------------------


def mixed():
    return Account.of([Position(BTC, 1, 100), Position(ETH, 1, 100, mode="isolated", margin=10)], wallet=10)


def with_collateral():
    return Account.of([Position(BTC, 1, 100)], wallet=10, collateral=[Collateral("ETH", 1, price=100.0)])


def two_at_once():
    return Account.of([Position(BTC, 1, 100)], wallet=[10, 20])


@pytest.mark.parametrize("make", [mixed, with_collateral, two_at_once])
def test_an_account_with_other_pockets_is_refused(make):
    account = make()
    with pytest.raises(ValueError, match=r"^account must be one account in one mode"):
        vessels_of(account, [100] * len(account.contracts))


@pytest.mark.parametrize(("margin", "spare"), [(0, 10), (10, -1)])
def test_a_pocket_without_money_is_refused(margin, spare):
    with pytest.raises(ValueError, match=r"^account must have money in each pocket"):
        vessels_of(held([1], [100], [margin], spare).isolated, [100])


def test_what_does_not_fit_is_refused_by_name():
    one, two = held([1], [100], [10], 0), held([1, 1], [100, 100], [10, 10], 0)
    with pytest.raises(ValueError, match=r"^marks must be one for each position, not of shape \(2, 1\)"):
        vessels_of(one.cross, [[100], [90]])
    with pytest.raises(ValueError, match=r"^lost must be True or False, not 1.0"):
        vessels_of(one.cross, [100], [1.0])
    with pytest.raises(ValueError, match=r"^lost must be one for each of 1 positions, not 2"):
        vessels_of(one.cross, [100], [True, False])
    with pytest.raises(ValueError, match=r"^profits must be one for each of 2 names"):
        Vessel(("BTC", "ETH"), (1.0,), 10.0)
    with pytest.raises(ValueError, match=r"^cross must be one pool of the positions that isolated has"):
        side_by_side(vessels_of(one.cross, [100]), vessels_of(two.isolated, [100, 100]))
    with pytest.raises(ValueError, match=r"^cross must be one pool"):
        side_by_side(vessels_of(two.isolated, [100, 100]), vessels_of(two.isolated, [100, 100]))
    with pytest.raises(ValueError, match=r"^rim must lie in \(1, 100\], not 1"):
        pools(*one[:3], 0, rim=1)
    with pytest.raises(ValueError, match=r"^move must leave all prices above 0, not -1"):
        pools(*one[:3], -1)
    with pytest.raises(ValueError, match=r"^isolated must be an account all of whose positions are isolated"):
        pools(one.cross, one.cross, one.marks, 0)
