"""Stress maps: one move of BTC, another of all else, and what is left of the account after both."""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import Account, Contract, Position, Rules, Tiers, simulate, venue
from marginlab.comparison import stress_map
from marginlab.comparison.modes import columns_of
from marginlab.comparison.scenarios import SHOCK_GRID, SHOCK_STEPS, markets_of, outcomes_of
from marginlab.portfolio import preset, preset_names

BTC, ETH = (Contract(name, Tiers.flat(0.01, max_leverage=50)) for name in ("BTCUSDT", "ETHUSDT"))
MARKS = [10_000.0, 1_000.0]


def pair(mode, wallet=4_000.0):
    return Account.of(
        [Position(BTC, 1, 10_000, mode, 5), Position(ETH, 10, 1_000, mode, 5)],
        wallet=wallet if mode == "cross" else 0.0,
    )


def test_the_map_goes_from_sixty_per_cent_down_to_sixty_up_in_tens():
    assert SHOCK_GRID == (-0.6, -0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    found = stress_map({"cross": pair("cross")}, MARKS)
    assert (found.btc.tolist(), found.rest.tolist()) == (list(SHOCK_GRID), list(SHOCK_GRID))
    assert (found.equity.shape, found.liquidated.shape) == ((1, 13, 13), (1, 13, 13, 2))


def test_where_nothing_fails_equity_is_that_at_the_moved_marks():
    account = pair("cross", wallet=40_000)
    found = stress_map({"rich": account}, MARKS)
    for i, btc in enumerate(SHOCK_GRID):
        for j, rest in enumerate(SHOCK_GRID):
            moved = np.multiply(MARKS, [1 + btc, 1 + rest])
            assert found.equity[0, i, j] == pytest.approx(account.equity(moved))
    assert not found.liquidated.any()


def test_a_shock_to_one_market_takes_one_isolated_position_or_the_pool():
    # Down by 30 %, BTC has lost 3,000: more than its margin of 2,000, less than the pool of 4,000.
    both = {mode: pair(mode) for mode in ("cross", "isolated")}
    found = stress_map(both, MARKS, btc=[-0.3, -0.45], rest=0.0)
    assert found.columns == ("cross", "isolated")
    assert found.equity[:, :, 0] == pytest.approx(np.array([[1_000, 0], [2_000, 2_000]]))
    assert found.liquidated[:, :, 0].tolist() == [[[False] * 2, [True] * 2], [[True, False]] * 2]


def test_what_fails_on_the_way_is_closed_near_its_price_and_not_at_the_end():
    # It fails at 8,081; the step beyond that is 8,062, where 62 of its margin are left.
    rules = Rules(close="market")
    left = stress_map({"isolated": pair("isolated")}, MARKS, rules=rules, btc=-0.35, rest=0.0).equity[0, 0, 0]
    assert left == pytest.approx(2_000 + 10_000 * 0.65 ** (16 / 32) - 8_000)
    assert simulate(pair("isolated"), [[6_500.0, 1_000.0]], rules=rules).shortfall == 1_500


def test_the_way_is_a_straight_line_in_the_logarithm():
    account = pair("cross")
    moves = np.log1p([-0.5, -0.2])
    prices = MARKS * np.exp(np.arange(1, SHOCK_STEPS + 1)[:, None] / SHOCK_STEPS * moves)
    found = stress_map({"cross": account}, MARKS, btc=-0.5, rest=-0.2)
    assert found.equity[0, 0, 0] == simulate(account, prices).equity


def test_contracts_on_btc_make_its_move_and_all_others_that_of_the_rest():
    names = ("BTCUSDT", "BTC-USD", "BTC", "ETHUSDT", "WBTC", "BTCDOMUSDT")
    held = Account(0, [Contract(name, Tiers.flat(0.01)) for name in names], [1] * 6, [1] * 6)
    assert markets_of(held) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("name", preset_names())
def test_the_same_account_under_two_names_is_gone_through_once(name):
    one = preset(name)
    columns = columns_of(one.account, np.array(one.marks), venue(one.venue))
    accounts = {column.name: column.account for column in columns}
    outcomes = outcomes_of(accounts, [one.marks])
    same = [accounts[a] is accounts[b] for a in accounts for b in accounts]
    assert same == [outcomes[a] is outcomes[b] for a in accounts for b in accounts]
    assert sum(same) > 3 or name == "october-2025"


@pytest.mark.parametrize(("argument", "bad"), [("btc", [-1.0, 0.0]), ("rest", -2), ("btc", "down"), ("rest", np.nan)])
def test_a_fall_of_everything_or_more_is_refused(argument, bad):
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        stress_map({"cross": pair("cross")}, MARKS, **{argument: bad})
