"""What a trader leaves to orders: what each comes to, when a venue refuses it, and what comes first.

As in `test_actions`: rates, fees and leverages are powers of two, so that what is worked out by hand is exact.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from marginlab import (
    Account,
    AddMargin,
    AutoMargin,
    Close,
    Contract,
    Convention,
    Diffusion,
    Open,
    Position,
    Rules,
    SetLeverage,
    Stop,
    Switch,
    Tiers,
    Trade,
    run_many,
    simulate,
)
from marginlab.margin.rules import LEVERAGE_CHANGE, WITHDRAWAL
from marginlab.simulation.results import RECORD

from .. import reference
from ..refusals import assert_refused
from ..scenarios import differences, scenario, traded
from .test_actions import (
    COIN,
    COUNTED,
    FEE,
    FLAT,
    INF,
    NAN,
    STEPS,
    UNLIMITED,
    Refusal,
    add,
    each,
    holding,
    run,
    same,
)


def trade(size, step=0, **terms):
    """Return an order in the first position."""
    return Trade(step=step, position=0, size=size, **terms)


def lever(leverage, position=0, step=0):
    """Return a change of leverage."""
    return SetLeverage(step=step, position=position, leverage=leverage)


def stop(price, step=0, **terms):
    """Return a stop for the first position."""
    return Stop(step=step, position=0, price=price, **terms)


def told(outcome, *names):
    """Return what the ledger says, entry by entry."""
    return [tuple(getattr(entry, name) for name in ("kind", *names)) for entry in outcome.ledger]


# A trade through zero


def test_an_order_through_zero_closes_what_is_held_and_opens_the_rest_the_other_way():
    outcome = run(holding((1, 96, 20)), trade(-3), marks=(128,), trading_fee=FEE)
    assert told(outcome, "size", "amount", "fee") == [("closed", -1, 32, 1), ("opened", -2, 32, 2)]
    # 100 + 20 + 32 − 1, then 256 / 8 and 2: as closed and opened one after the other.
    assert (outcome.wallet, outcome.margin.tolist(), outcome.size.tolist()) == (117, [32], [-2])
    assert (outcome.entry.tolist(), outcome.realized.tolist(), outcome.fees.tolist()) == ([128], [32], [3])
    apart = run(
        holding((1, 96, 20)),
        Close(step=0, position=0),
        Open(step=0, position=0, size=-2),
        marks=(128,),
        trading_fee=FEE,
    )
    same(outcome, apart)


def test_an_order_against_a_position_reduces_it_and_keeps_its_entry():
    outcome = run(holding((-4, 128, 64)), trade(3), marks=(96,), trading_fee=FEE)
    # Three quarters of the profit of 128 and of the margin; 288 / 128
    assert told(outcome, "size", "amount", "fee") == [("closed", 3, 96, 2.25)]
    assert (outcome.size.tolist(), outcome.entry.tolist(), outcome.margin.tolist()) == ([-1], [128], [16])


def test_an_order_of_the_same_size_against_a_position_closes_it():
    outcome = run(holding((2, 128)), trade(-2, leverage=4), marks=(128,))
    assert told(outcome, "size") == [("closed", -2)]
    # What was not opened has no new leverage.
    assert (outcome.size.tolist(), outcome.leverage.tolist()) == ([0], [INF])


def test_what_rounding_leaves_of_a_closed_position_is_nothing():
    outcome = run(holding((0.1 + 0.2, 128)), trade(-0.3), marks=(128,))
    assert told(outcome, "size") == [("closed", -(0.1 + 0.2))]
    assert outcome.size.tolist() == [0]


@pytest.mark.parametrize("account", [holding(FLAT), holding((2, 96, 64)), holding((1, 100), contract=COIN)])
def test_an_order_for_a_position_opens_or_adds_as_opening_does(account):
    terms = {"leverage": 4}
    ordered = run(account, trade(1, **terms), marks=(128,), trading_fee=FEE)
    same(ordered, run(account, Open(step=0, position=0, size=1, **terms), marks=(128,), trading_fee=FEE))
    assert told(ordered, "size") == [("opened", 1)]


def test_adding_to_a_position_averages_its_entry():
    assert run(holding((1, 96)), trade(3), marks=(128,)).entry.tolist() == [120]


def test_what_is_opened_the_other_way_has_the_leverage_and_the_margin_of_the_order():
    outcome = run(holding((1, 128, 20)), trade(-2, leverage=4), marks=(128,))
    assert (outcome.margin.tolist(), outcome.leverage.tolist()) == ([32], [4])
    assert run(holding((1, 128, 20)), trade(-2, margin=50), marks=(128,)).margin.tolist() == [50]


NOT_PAID = "the position must have behind it what closing costs: its loss and the fee"
NOT_SPARED = "the wallet must cover the margins and the fee ("
TRADES_REFUSED = {
    "a closing that cannot be paid": Refusal(holding((1, 128, 31)), trade(-1), NOT_PAID, (96,)),
    "beyond the cap on the other side": Refusal(
        holding((1, 128), contract=STEPS),
        trade(-9.001),
        "the size must be at most 1,024 notional, not 1,024.128",
        (128,),
    ),
    "leverage beyond the bracket on the other side": Refusal(
        holding((2, 128), contract=STEPS), trade(-6.5, leverage=16), "the leverage must be at most 8 ", (128,)
    ),
    "leverage beyond the bracket in contracts": Refusal(
        holding((2, 1), contract=COUNTED), trade(-6.5, leverage=16), "the leverage must be at most 8 ", (1,)
    ),
    "no margin can be told": Refusal(
        holding((1, 100, 50), contract=UNLIMITED), trade(-2), "the margin must be given, or the leverage", (100,)
    ),
    "a margin in cross": Refusal(holding((1, 100)), trade(-2, margin=5), "the margin must be left out in cross mode"),
    # 100 + 20, of which 8 × 128 / 8 would be set aside
    "more than the wallet and what is set free": Refusal(holding((1, 128, 20)), trade(-9), NOT_SPARED, (128,)),
    "more in cross than the wallet has": Refusal(holding((1, 128)), trade(-7.75), NOT_SPARED, (128,)),
    "what would be liquidated at once": Refusal(
        holding((1, 128, 20)),
        trade(-2, margin=7),
        "the position is liquidated at once: equity 7.00, required 8.00",
        (128,),
    ),
}


@pytest.mark.parametrize("refusal", TRADES_REFUSED.values(), ids=TRADES_REFUSED)
def test_an_order_is_refused_as_a_whole_where_a_part_of_it_would_be(refusal):
    account, action, reason, marks, _ = refusal
    with pytest.raises(ValueError, match="is refused: ") as raised:
        run(account, action, marks=marks)
    assert f"is refused: {reason}" in str(raised.value)
    recorded = run(account, action, marks=marks, on_refusal="record")
    same(recorded, run(account, marks=marks), but=["refused"])
    assert told(recorded)[0] == ("refused",)


def test_a_position_may_be_reduced_where_its_wallet_is_short_of_initial_margins():
    # 12 behind 2 × 96: an eighth of it is 24.
    outcome = run(holding((2, 96), wallet=12.5), trade(-1), marks=(96,))
    assert (outcome.refused, outcome.size.tolist()) == (0, [1])


# Another leverage


def test_in_cross_a_lower_leverage_ties_up_more_and_moves_nothing_else():
    account = holding((1, 128), (0, 128), wallet=64)
    outcome = run(account, lever(2), marks=(128, 128))
    assert told(outcome, "amount", "size") == [("leverage changed", 0, 0)]
    assert (outcome.wallet, outcome.leverage.tolist(), outcome.size.tolist()) == (64, [2, INF], [1, 0])
    # 64 are all that there are: nothing more can be opened.
    more = Open(step=0, position=1, size=0.0625)
    assert run(account, lever(2), more, marks=(128, 128), on_refusal="record").refused == 1
    assert run(account, more, marks=(128, 128)).refused == 0


@pytest.mark.parametrize(
    ("leg", "mark", "leverage", "amount"),
    [
        # 128 / 2 less the 16 there are
        ((1, 128, 16), 128, 2, 48),
        # 96 / 2 less 40 of which 32 are lost
        ((1, 128, 40), 96, 2, 40),
        # 160 / 2 less 16: the profit does not count.
        ((1, 128, 16), 160, 2, 64),
        # What is there is enough.
        ((1, 128, 80), 128, 2, 0),
        # Raised, it keeps its margin; 8 is where the bracket ends.
        ((1, 128, 40), 128, 8, 0),
        ((1, 128, 40), 128, INF, 0),
    ],
)
def test_an_isolated_position_gets_what_a_lower_leverage_asks_for_and_keeps_what_a_higher_one_frees(
    leg, mark, leverage, amount
):
    outcome = run(holding(leg, leverage=4), lever(leverage), marks=(mark,))
    assert told(outcome, "amount") == [("leverage changed", amount)]
    assert (outcome.wallet, outcome.margin.tolist()) == (100 - amount, [leg[2] + amount])
    assert outcome.leverage.tolist() == [leverage]


def test_a_leverage_may_be_set_before_anything_is_held():
    account = holding((0, 100, 0))
    for rules in ({}, {"leverage_in_isolated": "none"}):
        outcome = run(account, lever(2), Open(step=0, position=0, size=1), marks=(128,), **rules)
        assert outcome.margin.tolist() == [64]
    assert told(run(account, lever(2), marks=(128,)), "amount") == [("leverage changed", 0)]


LEVERAGES_REFUSED = {
    "beyond the bracket": Refusal(
        holding((1, 100)), lever(8.5), "the leverage must be at most 8 at this size, not 8.5"
    ),
    "beyond the bracket in contracts": Refusal(
        holding((-5, 1), contract=COUNTED), lever(9), "the leverage must be at most 8 at this size, not 9", (1,)
    ),
    "beyond the first bracket while nothing is held": Refusal(
        holding(FLAT, contract=STEPS), lever(17), "the leverage must be at most 16 at this size, not 17"
    ),
    # A sixteenth is maintenance.
    "an initial margin below maintenance": Refusal(
        holding((1, 100), contract=UNLIMITED), lever(16.5), "the leverage must be at most 16 at this size, not 16.5"
    ),
    "more than the wallet in cross": Refusal(
        holding((1, 128), wallet=63.999, leverage=8),
        lever(2),
        "the wallet must cover the initial margins (64.00), not 64.00",
        (128,),
    ),
    "more than the wallet in cross at a loss": Refusal(
        holding((1, 128), wallet=79, leverage=8),
        lever(2),
        "the wallet must cover the initial margins (48.00), not 47.00",
        (96,),
    ),
    "more than the wallet isolated": Refusal(
        holding((1, 128, 16), wallet=47, leverage=8),
        lever(2),
        "the wallet must cover the initial margins (48.00), not 47.00",
        (128,),
    ),
    "lowered isolated at Binance": Refusal(
        holding((1, 128, 16), leverage=8),
        lever(4),
        "the venue does not lower the leverage of an open isolated position",
        (128,),
        {"leverage_in_isolated": "raise"},
    ),
    "lowered in cross at Hyperliquid": Refusal(
        holding((1, 128), leverage=8),
        lever(4),
        "the venue does not lower the leverage of an open cross position",
        (128,),
        {"leverage_in_cross": "raise"},
    ),
    "raised in cross at MEXC": Refusal(
        holding((1, 128), leverage=4),
        lever(8),
        "the venue does not change the leverage of an open cross position",
        (128,),
        {"leverage_in_cross": "none"},
    ),
    "changed isolated where nothing may": Refusal(
        holding((1, 128, 64), leverage=4),
        lever(8),
        "the venue does not change the leverage of an open isolated position",
        (128,),
        {"leverage_in_isolated": "none"},
    ),
}


@pytest.mark.parametrize("refusal", LEVERAGES_REFUSED.values(), ids=LEVERAGES_REFUSED)
def test_a_leverage_is_refused_by_the_venue_its_brackets_or_the_wallet(refusal):
    account, action, reason, marks, rules = refusal
    with pytest.raises(ValueError, match="is refused: ") as raised:
        run(account, action, marks=marks, **(rules or {}))
    assert str(raised.value).endswith(f"is refused: {reason}")
    recorded = run(account, action, marks=marks, on_refusal="record", **(rules or {}))
    same(recorded, run(account, marks=marks, **(rules or {})), but=["refused"])


@pytest.mark.parametrize(
    ("account", "action", "rules"),
    [
        # Raised, in both modes; the same again; lowered in the other mode.
        (holding((1, 128), leverage=4), lever(8), {"leverage_in_cross": "raise"}),
        (holding((1, 128, 16), leverage=4), lever(8), {"leverage_in_isolated": "raise"}),
        (holding((1, 128), leverage=4), lever(4), {"leverage_in_cross": "none"}),
        (holding((1, 128)), lever(8), {"leverage_in_cross": "none"}),
        (holding((1, 128, 16), leverage=8), lever(4), {"leverage_in_cross": "none"}),
        (holding((1, 128), leverage=8), lever(4), {"leverage_in_isolated": "none"}),
        # A pool that is short of initial margins is asked for no more.
        (holding((1, 128), leverage=4, wallet=20), lever(8), {}),
    ],
)
def test_what_a_venue_does_not_refuse_is_changed(account, action, rules):
    outcome = run(account, action, marks=(128,), **rules)
    assert (outcome.refused, outcome.leverage.tolist()) == (0, [action.leverage])


# Each path of an ensemble as if it were alone

SEVERAL = Account(
    wallet=[100, 100, 12, 100, 100],
    contracts=[STEPS],
    size=[[0], [-1], [0.5], [2], [4]],
    entry=[128],
    margin=[[0], [20], [16], [64], [100]],
    mode="isolated",
    leverage=8,
    convention=Convention(at_equality=False),
)
ORDERED = {
    # Opened, through zero, refused for want of money, added to and added to; then half of it out again.
    "trades": ([trade(1.5, leverage=4), trade(-0.75, step=1)], {}, [0, 0, 1, 0, 0]),
    # Opened, gone through and reduced; the short has lost more than it would have behind it.
    "trades at another price": ([trade(-1, step=2, leverage=16)], {}, [0, 1, 0, 0, 0]),
    "leverages": ([lever(2), lever(16, step=2)], {"leverage_in_isolated": "raise"}, [0, 1, 1, 1, 2]),
    "margin taken out": ([add(-60.0, step=2)], {"withdrawal": "profit"}, [1, 1, 1, 0, 0]),
}


@pytest.mark.parametrize(("actions", "rules", "refused"), ORDERED.values(), ids=ORDERED)
def test_where_some_paths_refuse_an_order_each_goes_on_as_if_it_were_alone(actions, rules, refused):
    prices = np.array([[[128.0], [120], [192]]] * 5)
    together, alone = each(SEVERAL, prices, actions, trading_fee=FEE, **rules)
    assert together.refused.tolist() == refused
    for k, one in enumerate(alone):
        for field in dataclasses.fields(one):
            ours = getattr(together, field.name)
            if ours is not None:
                np.testing.assert_array_equal(ours[k], getattr(one, field.name), err_msg=field.name)


# Margin taken out, by the venue's rule

# 1 from 128 with 64 set aside, at 160: an eighth is 20, a sixteenth 10, and the profit 32.
WINNER, LOSER = holding((1, 128, 64)), holding((1, 128, 64))


@pytest.mark.parametrize(
    ("rule", "mark", "most"),
    [
        # 64 − 20, whatever the profit; 64 − 32 − 12 at a loss.
        ("initial", 160, 44),
        ("initial", 96, 20),
        # The margin keeps 10, with the profit more than 20.
        ("maintenance", 160, 54),
        # Down to nothing.
        ("zero", 160, 64),
        # 64 + 32 − 20
        ("profit", 160, 76),
        ("none", 160, 0),
        # At a loss, or with little profit, it is the initial margin that must stay: 64 + 4 − 16.5.
        ("maintenance", 132, 51.5),
        ("zero", 132, 51.5),
        ("profit", 132, 51.5),
        ("maintenance", 96, 20),
        ("zero", 96, 20),
        ("profit", 96, 20),
        ("none", 96, 0),
    ],
)
def test_how_much_margin_may_be_taken_out_is_the_venues_rule(rule, mark, most):
    if most:
        outcome = run(WINNER, add(-most), marks=(mark,), withdrawal=rule)
        assert (outcome.wallet, outcome.margin.tolist()) == (100 + most, [64 - most])
        assert told(outcome, "amount") == [("margin removed", most)]
    assert run(WINNER, add(-(most + 0.001)), marks=(mark,), withdrawal=rule, on_refusal="record").refused == 1


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("initial", "the margin that is left must cover the initial margin"),
        ("maintenance", "the margin that is left must cover the maintenance margin"),
        ("zero", "the margin that is left must be 0 or more"),
        ("profit", "the margin that is left must with its profit cover the initial margin"),
        ("none", "the venue lets no margin be taken out of a position"),
    ],
)
def test_a_withdrawal_that_is_refused_says_by_which_rule(rule, reason):
    # The profit of 64 leaves 24 of an initial margin, and 12 of maintenance, to be covered.
    with pytest.raises(ValueError, match="is refused: ") as raised:
        run(holding((1, 128, 64)), add(-105 if rule == "profit" else -65), marks=(192,), withdrawal=rule)
    assert str(raised.value).endswith(f"is refused: {reason}")


@pytest.mark.parametrize(("leaves", "most"), [(0.0, 76), (0.25, 56), (0.0625, 76)])
def test_a_venue_may_ask_for_a_share_of_notional_where_that_is_more_than_the_initial_margin(leaves, most):
    # 64 + 32 less a quarter of 160
    rules = {"withdrawal": "profit", "withdrawal_leaves": leaves}
    assert run(WINNER, add(-most), marks=(160,), **rules).margin.tolist() == [64 - most]
    assert run(WINNER, add(-most - 0.001), marks=(160,), on_refusal="record", **rules).refused == 1


def test_at_hyperliquid_three_quarters_of_a_profit_may_leave_the_margin_below_0():
    # ETH +1.5 from 2,166.67 with 375 set aside, at 2,500: of the profit of 500 all but a tenth of the value may go.
    eth = Contract("ETH", Tiers.flat(0.02, max_leverage=25))
    account = Account.of([Position(eth, 1.5, 3_250 / 1.5, mode="isolated", leverage=25, margin=375)])
    rules = Rules(withdrawal="profit", withdrawal_leaves=0.1)
    outcome = simulate(account, [[2_500.0]], rules=rules, actions=[add(-500.0)])
    assert (outcome.margin[0], outcome.wallet) == (pytest.approx(-125), 500)
    left = again(account, outcome)
    assert left.liquidation_price(2_500.0) == pytest.approx([2_295.918367], abs=5e-7)
    # And the engine agrees on where that ends: nothing happens above, and all of it is lost below.
    assert simulate(left, [[2_296.0]], rules=rules).survived.all()
    assert not simulate(left, [[2_295.9]], rules=rules).survived.any()


def test_whoever_has_taken_profit_out_owes_it_when_the_price_gaps():
    account = holding((1, 128, -20))
    outcome = simulate(account, [[160.0], [140.0]], rules=Rules(fund=0.0))
    # −20 + 12 at the second: 8 are missing, and the wallet is not touched.
    assert (outcome.liquidated.tolist(), outcome.shortfall, outcome.wallet) == ([1], 8, 100)


# A stop, and the liquidation that may come first


def test_a_stop_closes_at_the_first_mark_at_or_beyond_its_price():
    account = holding((1, 128, 32))
    outcome = simulate(account, [[128], [112.5], [112], [64]], actions=[stop(112)], rules=Rules(trading_fee=FEE))
    assert told(outcome, "step", "price", "size", "amount", "fee") == [
        ("stop placed", 0, 112, 0, 0, 0),
        ("stopped", 2, 112, -1, -16, 0.875),
    ]
    # 100 + 32 − 16 − 112 / 128
    assert (outcome.wallet, outcome.margin.tolist(), outcome.survived.tolist()) == (115.125, [0], [True])


def test_a_short_is_stopped_from_below():
    outcome = simulate(holding((-1, 128, 32)), [[136], [143.5], [144]], actions=[stop(144)])
    assert told(outcome, "step", "amount")[1:] == [("stopped", 2, -16)]


def test_a_gap_fills_a_stop_worse_than_its_price():
    outcome = simulate(holding((1, 128, 32)), [[128], [104]], actions=[stop(120)])
    assert told(outcome, "price", "amount")[1:] == [("stopped", 104, -24)]


def test_where_a_gap_takes_a_position_beyond_its_requirement_the_venue_comes_before_the_stop():
    # 32 − 26 at 102 are less than a sixteenth.
    outcome = simulate(holding((1, 128, 32)), [[128], [102]], actions=[stop(120)])
    assert told(outcome, "step")[1:] == [("taken over", 1), ("fund received", 1)]
    assert outcome.wallet == 100


def test_in_cross_a_stop_comes_too_late_where_the_pool_fails_and_first_where_it_does_not():
    # Another position loses beside it: at 112 and 64 the pool has 100 − 16 − 64 of what (112 + 64) / 16 asks.
    account = holding((1, 128), (1, 128))
    rules = Rules(close="market")
    together = simulate(account, [[112.0, 64]], actions=[stop(120)], rules=rules)
    assert told(together, "position")[1:] == [("stopped", 0)]
    failing = simulate(account, [[112.0, 40]], actions=[stop(120)], rules=rules)
    # 100 − 16 − 88 are nothing: both are taken over.
    assert told(failing, "position")[1:3] == [("taken over", 0), ("taken over", 1)]


def test_a_stop_whose_loss_cannot_be_paid_is_left_to_the_venue():
    # Without maintenance 0.5 are left, which do not pay for 104.5 / 128 of a fee.
    free = Contract("FREE", Tiers.flat(0.0, max_leverage=8))
    account = holding((1, 128, 24), contract=free)
    outcome = simulate(account, [[104.5], [103]], actions=[stop(120)], rules=Rules(trading_fee=FEE))
    assert told(outcome, "step")[1:] == [("taken over", 1), ("fund paid", 1)]


def test_a_stop_for_a_share_closes_that_once():
    outcome = simulate(holding((2, 128, 64)), [[128], [112], [111], [110]], actions=[stop(112, share=0.5)])
    assert told(outcome, "step", "size")[1:] == [("stopped", 1, -1)]
    assert (outcome.size.tolist(), outcome.margin.tolist()) == ([1], [32])


def test_a_further_stop_replaces_the_first():
    outcome = simulate(holding((1, 128, 64)), [[128], [112], [96]], actions=[stop(112), stop(100)])
    assert told(outcome, "step", "price")[2:] == [("stopped", 2, 96)]


def test_a_stop_stands_from_its_step_on():
    outcome = simulate(holding((1, 128, 64)), [[112], [128], [111]], actions=[stop(112, step=1)])
    assert told(outcome, "step") == [("stop placed", 1), ("stopped", 2)]


@pytest.mark.parametrize("closing", [Close(step=1, position=0), trade(-2, step=1)])
def test_a_stop_goes_with_its_position(closing):
    prices = [[128.0], [128], [128], [96], [160]]
    outcome = simulate(holding((1, 128, 64)), prices, actions=[stop(112), closing])
    assert "stopped" not in {entry.kind for entry in outcome.ledger}
    reopened = [stop(112), Close(step=1, position=0), Open(step=1, position=0, size=1)]
    outcome = simulate(holding((1, 128, 64)), prices, actions=reopened)
    assert "stopped" not in {entry.kind for entry in outcome.ledger}


def test_a_stop_goes_with_a_position_that_is_liquidated():
    # Lost at 96 before its stop at 80; bought again, it falls below that price without being closed.
    actions = [stop(80), Open(step=2, position=0, size=1, margin=60)]
    outcome = simulate(holding((1, 128, 16)), [[128], [96], [100], [78]], actions=actions)
    assert told(outcome)[1:] == [("taken over",), ("fund paid",), ("opened",)]
    assert outcome.size.tolist() == [1]


def test_a_stop_that_is_refused_or_taken_back_does_not_stand():
    outcome = simulate(holding(FLAT), [[100], [90]], actions=[stop(95)], on_refusal="record")
    assert told(outcome) == [("refused",)]
    # The closing of a trade that is refused as a whole takes no stop with it.
    actions = [stop(112), trade(-100, step=1)]
    outcome = simulate(holding((1, 128, 64)), [[128], [128], [111]], actions=actions, on_refusal="record")
    assert told(outcome) == [("stop placed",), ("refused",), ("stopped",)]


@pytest.mark.parametrize("kind", ["linear", "inverse"])
@pytest.mark.parametrize("convention", [{}, {"closing_fee": 0.0078125, "closing_fee_at": "bankruptcy"}])
def test_each_path_of_an_ensemble_has_its_own_stop(kind, convention):
    contract = Contract("C", Tiers.flat(0.0625, max_leverage=8), kind=kind)
    size = 1.0 if kind == "linear" else 128.0
    account = holding((size, 128, 32 if kind == "linear" else 0.5), contract=contract, **convention)
    prices = np.array([[[128.0], [112], [130]], [[128], [113], [90]], [[128], [127], [126]], [[128], [60], [70]]])
    together, alone = each(account, prices, [stop(112, step=0)])
    for k, one in enumerate(alone):
        for name in ("equity", "wallet", "size", "realized", "liquidated"):
            np.testing.assert_array_equal(getattr(together, name)[k], getattr(one, name), err_msg=name)
    assert (together.size[:, 0] == 0).tolist() == [True, True, False, True]
    assert together.survived[:, 0].tolist() == [True, bool(together.survived[1, 0]), True, False]


def test_without_a_stop_no_room_is_taken_for_any():
    with_none = simulate(holding((1, 128, 32)), [[128]], actions=[add(1)])
    assert told(with_none) == [("margin added",)]


# Margin that replenishes itself

BYBIT = Account.of(
    [Position(Contract("BTC", Tiers.flat(0.005, max_leverage=100)), 5, 8_000, mode="isolated", leverage=10)],
    wallet=6_000,
    convention=Convention(maintenance_at="entry"),
)


def test_one_initial_margin_is_added_whenever_a_liquidation_is_due_until_the_wallet_is_empty():
    marks = [[7_240.01], [7_240], [6_440.01], [6_440], [6_040.01], [6_040]]
    outcome = simulate(BYBIT, marks, auto_margin=AutoMargin())
    assert told(outcome, "step", "amount")[:2] == [("replenished", 1, 4_000), ("replenished", 3, 2_000)]
    assert told(outcome, "step")[2:] == [("taken over", 5), ("fund received", 5)]
    assert outcome.wallet == 0
    # The same by the liquidation price of what is there before and after each.
    margins, prices = [4_000, 8_000, 10_000], []
    for margin in margins:
        prices.append(dataclasses.replace(BYBIT, margin=[margin]).liquidation_price().item())
    assert prices == pytest.approx([7_240, 6_440, 6_040])


def test_without_it_the_first_liquidation_price_is_the_last():
    outcome = simulate(BYBIT, [[7_240]])
    assert (outcome.liquidated.tolist(), outcome.wallet) == ([0], 6_000)


def test_a_gap_is_answered_by_as_many_initial_margins_as_it_takes():
    outcome = simulate(BYBIT, [[6_440.5]], auto_margin=AutoMargin())
    assert told(outcome, "amount") == [("replenished", 4_000)]
    outcome = simulate(BYBIT, [[6_400]], auto_margin=AutoMargin())
    assert told(outcome, "amount") == [("replenished", 4_000), ("replenished", 2_000)]
    # Where all of it is not enough, it is lost all the same.
    outcome = simulate(BYBIT, [[6_000]], auto_margin=AutoMargin())
    assert told(outcome)[:3] == [("replenished",), ("replenished",), ("taken over",)]
    assert outcome.equity == 0


def test_only_what_the_cross_positions_spare_is_added_and_only_where_it_is_switched_on():
    # 100 behind a cross position that needs an eighth of 128: 84 are spared, and a share of 128 / 8 is 16.
    account = holding((1, 128, 16), (1, 128), (-1, 128, 16))
    marks = [[110.0, 128, 146]]
    outcome = simulate(account, marks, auto_margin=AutoMargin())
    # At 110 equity −2 of 6.875, at 146 −2 of 9.125: one initial margin each, and both are out of danger.
    assert told(outcome, "position", "amount") == [("replenished", 0, 16), ("replenished", 2, 16)]
    for positions, kept in (([0], [1, 1, 0]), ([2], [0, 1, -1]), ([], [0, 1, 0]), ([1], [0, 1, 0])):
        outcome = simulate(account, marks, auto_margin=AutoMargin(positions))
        assert outcome.size.tolist() == kept
    poor = dataclasses.replace(account, wallet=20.0)
    outcome = simulate(poor, marks, auto_margin=AutoMargin())
    # Of 20 four are spared, which do not save the first, and are gone when the third is looked at.
    assert told(outcome, "position", "amount")[0] == ("replenished", 0, 4)
    assert outcome.size.tolist() == [0, 1, 0]


def test_an_initial_margin_is_that_at_entry_and_at_least_what_is_required():
    # 128 / 8 at the limit of the bracket, 128 / 4 at the setting.
    for leverage, amount in ((INF, 16), (4, 32)):
        outcome = simulate(holding((1, 128, 16), leverage=leverage), [[117.0]], auto_margin=AutoMargin())
        assert told(outcome, "amount") == [("replenished", amount)]
    # Without a limit: a sixteenth of 117; of an inverse position in coin; of one counted in contracts.
    outcome = simulate(holding((1, 128, 16), contract=UNLIMITED), [[117.0]], auto_margin=AutoMargin())
    assert told(outcome, "amount") == [("replenished", 117 / 16)]
    outcome = simulate(holding((128, 128, 0.125), contract=COIN), [[117.0]], auto_margin=AutoMargin())
    assert told(outcome, "amount") == [("replenished", 0.125)]
    outcome = simulate(holding((5, 128, 80), contract=COUNTED, wallet=1_000), [[119.0]], auto_margin=AutoMargin())
    assert told(outcome, "amount") == [("replenished", 80)]


def test_where_nothing_is_tied_up_nothing_is_added():
    free = Contract("FREE", Tiers.flat(0.0))
    outcome = simulate(holding((1, 128, 16), contract=free), [[111.0]], auto_margin=AutoMargin())
    assert told(outcome)[0] == ("taken over",)


def test_a_stop_beside_it_is_carried_out_once_the_margin_is_there():
    outcome = simulate(holding((1, 128, 16)), [[117.0]], actions=[stop(120)], auto_margin=AutoMargin())
    assert told(outcome) == [("stop placed",), ("replenished",), ("stopped",)]
    assert outcome.wallet == 100 + 16 - 11


@pytest.mark.parametrize("start", [5, 17])
def test_each_path_of_an_ensemble_is_replenished_as_if_alone(start):
    account = holding((1, 128, 16), (-1, 128, 16), (1, 128), leverage=4)
    rng = np.random.default_rng(start)
    prices = 128 * np.exp(np.cumsum(rng.normal(0, 0.08, (40, 12, 3)), axis=1))
    together = simulate(account, prices, auto_margin=AutoMargin([0, 1]), record=RECORD)
    looked = simulate(account, prices, auto_margin=AutoMargin([0, 1]))
    np.testing.assert_array_equal(together.equity, looked.equity)
    kinds = set()
    for k in range(len(prices)):
        alone = simulate(account, prices[k], auto_margin=AutoMargin([0, 1]))
        kinds |= {entry.kind for entry in alone.ledger}
        for name in ("equity", "wallet", "margin", "liquidated", "forfeited", "shortfall"):
            np.testing.assert_array_equal(getattr(together, name)[k], getattr(alone, name), err_msg=name)
    assert {"replenished", "taken over"} <= kinds


def test_paths_in_chunks_are_replenished_and_stopped_alike():
    account = holding((1, 128, 16), wallet=50.0, leverage=8)
    model = Diffusion([128.0], volatility_per_year=1.0, steps_per_year=365)
    options = {"paths": 60, "steps": 30, "seed": 3, "chunk": 20}
    orders = {"auto_margin": AutoMargin(), "actions": [stop(100)]}
    here = run_many(account, model, **options, **orders)
    with ThreadPoolExecutor(2) as executor:
        there = run_many(account, model, **options, **orders, executor=executor)
    np.testing.assert_array_equal(here.equity, there.equity)
    assert here.survived.sum() > run_many(account, model, **options).survived.sum()


# A flat fee


@pytest.mark.parametrize(
    ("rules", "mark", "fees", "wallet"),
    [
        # 160 − 100 = 60 against 93.75: a sixteenth of 1,500 and 5 are more than there is.
        ({"close": "takeover"}, 1_500, 5, 500),
        ({"close": "market"}, 1_500, 5, 555),
        ({"close": "market", "liquidation_fee": 0.0078125}, 1_500, 5 + 1_500 / 128, 560 - 5 - 1_500 / 128),
        # Of 3 nothing more can be had.
        ({"close": "market"}, 1_443, 3, 500),
        ({"close": "takeover"}, 1_443, 3, 500),
        ({"close": "takeover"}, 1_400, 0, 500),
    ],
)
def test_a_flat_fee_is_charged_a_liquidation_and_never_more_than_is_left(rules, mark, fees, wallet):
    account = holding((1, 1_600, 160), wallet=500.0)
    outcome = simulate(account, [[mark]], rules=Rules(flat_liquidation_fee=5, fund_share=1.0, **rules))
    assert (outcome.fees.tolist(), outcome.wallet) == ([fees], wallet)
    assert outcome.fund_received - outcome.forfeited == fees


def test_what_is_closed_to_restore_an_account_pays_for_the_flat_fee_as_well():
    account = holding((1, 1_600, 160), wallet=0.0)
    rules = Rules(close="market", part="restore", flat_liquidation_fee=6.0)
    outcome = simulate(account, [[1_520.0]], rules=rules)
    # 80 of 95: with the fee 74 are left, as much as 1,184 need.
    assert told(outcome, "fee") == [("reduced", 6)]
    assert outcome.size.tolist() == pytest.approx([1_184 / 1_520])
    assert outcome.equity == pytest.approx(1_184 / 16)


# The referee, and what the engine leaves


def again(account, outcome, path=None):
    """Return the account that a path has ended with."""
    at = () if path is None else (path,)
    columns = {name: getattr(outcome, name)[at] for name in ("size", "entry", "margin", "leverage")}
    modes = np.where(outcome.isolated[at], "isolated", "cross").tolist()
    wallet = outcome.wallet if path is None else outcome.wallet[path]
    return dataclasses.replace(account, wallet=wallet, mode=modes, **columns)


@cache
def lived(seed):
    """Return a scenario with orders and what becomes of it, gone through once for all who ask."""
    case = traded(seed)
    return case, simulate(case.account, case.prices, **case.options, record=RECORD)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_engine_and_exact_referee_agree_on_every_order_event_by_event(first):
    for seed in range(first, first + 50):
        case, outcome = lived(seed)
        exact = reference.run(case.account, case.prices, **case.options)
        assert differences(outcome, exact) == [], f"scenario {seed}"
        # What the account has not is what others received, to a billionth of what went back and forth.
        flows = [outcome.realized, outcome.funding, -outcome.fees, -outcome.impact]
        unrealized = outcome.equity - outcome.wallet - outcome.margin.sum()
        kept = outcome.balance + unrealized + sum(flow.sum() for flow in flows)
        kept += outcome.shortfall - outcome.forfeited - outcome.forgone.sum()
        turnover = (
            abs(outcome.balance) + abs(unrealized) + sum(np.abs(flow).sum() for flow in flows) + outcome.shortfall
        )
        assert abs(kept - outcome.equity) <= 1e-9 * turnover, f"scenario {seed}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(0, 500, 10))
def test_with_orders_a_path_looked_at_only_when_a_watched_price_is_passed_goes_as_if_looked_at_every_step(seed):
    case = traded(seed)
    watched = simulate(case.account, case.prices, **case.options)
    every_step = simulate(case.account, case.prices, **case.options, record=["equity"])
    assert list(watched.ledger) == list(every_step.ledger)
    assert watched.equity == every_step.equity


@pytest.mark.long
@pytest.mark.parametrize("seed", range(0, 500, 4))
@pytest.mark.parametrize("drawn", [scenario, traded])
def test_an_account_that_the_engine_ends_with_is_an_account_again(drawn, seed):
    case = drawn(seed)
    outcome = simulate(case.account, case.prices, **case.options)
    account = again(case.account, outcome)
    assert account.equity(case.prices[-1]) == pytest.approx(
        outcome.equity, rel=1e-9, abs=1e-9 * case.account.notional(case.prices[0]).sum() + 1e-9
    )
    # And it can go on from there.
    options = {**case.options, "actions": (), "auto_margin": None, "funding": None}
    assert np.isfinite(simulate(account, case.prices[-1:], **options).equity)


@pytest.mark.long
def test_the_scenarios_with_orders_are_lively():
    happened, below = Counter(), 0
    for seed in range(0, 500, 2):
        _, outcome = lived(seed)
        happened.update(entry.kind for entry in outcome.ledger)
        through = zip(outcome.ledger, outcome.ledger[1:], strict=False)
        happened.update(
            "through zero"
            for one, other in through
            if (one.kind, other.kind) == ("closed", "opened")
            and (one.step, one.position) == (other.step, other.position)
        )
        below += sum(entry.position is not None and entry.after.margin < -1e-9 for entry in outcome.ledger)
    wanted = {"stop placed": 100, "stopped": 50, "replenished": 20, "leverage changed": 50, "margin removed": 10}
    wanted |= {"refused": 100, "closed": 100, "opened": 100, "through zero": 20}
    assert {kind: happened[kind] for kind, least in wanted.items() if happened[kind] < least} == {}
    assert below > 10


# What may not be asked

MALFORMED = {
    "a trade of 0": (lambda: trade(0), "size must not be 0"),
    "a nan trade": (lambda: trade(NAN), "size must be finite, not nan"),
    "an endless trade": (lambda: trade(-INF), "size must be finite, not -inf"),
    "a trade that is true": (lambda: trade(True), "size must be a number or an array of numbers, not True"),
    "a trade in words": (lambda: trade("all"), "size must be a number or an array of numbers, not 'all'"),
    "no trade": (lambda: trade(None), "size must be a number or an array of numbers, not None"),
    "several trades": (lambda: trade([1, -1]), "size must be one number, not [1, -1]"),
    "a trade at a leverage of 0": (lambda: trade(1, leverage=0), "leverage must be greater than 0, not 0.0"),
    "a trade at a leverage below 0": (lambda: trade(1, leverage=-2), "leverage must be greater than 0, not -2.0"),
    "a trade at a nan leverage": (lambda: trade(1, leverage=NAN), "leverage must be finite, not nan"),
    "a trade with a margin of 0": (lambda: trade(1, margin=0), "margin must be greater than 0, not 0.0"),
    "a trade with a margin below 0": (lambda: trade(1, margin=-5), "margin must be greater than 0, not -5.0"),
    "a trade with an endless margin": (lambda: trade(1, margin=INF), "margin must be finite, not inf"),
    "a trade with several margins": (lambda: trade(1, margin=[1, 2]), "margin must be one number, not [1, 2]"),
    "a trade before the start": (lambda: trade(1, step=-1), "step must be a whole number of 0 or more, not -1"),
    "a trade in no position": (
        lambda: Trade(step=0, position=None, size=1),
        "position must be a whole number of 0 or more, not None",
    ),
    "a trade in half a position": (
        lambda: Trade(step=0, position=0.5, size=1),
        "position must be a whole number of 0 or more, not 0.5",
    ),
    "a leverage of 0": (lambda: lever(0), "leverage must be greater than 0, not 0.0"),
    "a leverage below 0": (lambda: lever(-3), "leverage must be greater than 0, not -3.0"),
    "a nan leverage": (lambda: lever(NAN), "leverage must be finite, not nan"),
    "no leverage": (lambda: lever(None), "leverage must be a number or an array of numbers, not None"),
    "a leverage that is true": (lambda: lever(True), "leverage must be a number or an array of numbers, not True"),
    "several leverages": (lambda: lever([5, 10]), "leverage must be one number, not [5, 10]"),
    "a leverage of no position": (lambda: lever(5, None), "position must be a whole number of 0 or more, not None"),
    "a leverage by name": (lambda: lever(5, "BTC"), "position must be a whole number of 0 or more, not 'BTC'"),
    "a leverage at half a step": (lambda: lever(5, step=0.5), "step must be a whole number of 0 or more, not 0.5"),
    "a stop at 0": (lambda: stop(0), "price must be greater than 0, not 0.0"),
    "a stop below 0": (lambda: stop(-100), "price must be greater than 0, not -100.0"),
    "a nan stop": (lambda: stop(NAN), "price must be finite, not nan"),
    "an endless stop": (lambda: stop(INF), "price must be finite, not inf"),
    "no stop": (lambda: stop(None), "price must be a number or an array of numbers, not None"),
    "several stops": (lambda: stop([90, 80]), "price must be one number, not [90, 80]"),
    "a stop for nothing": (lambda: stop(90, share=0), "share must lie in (0, 1], not 0"),
    "a stop for more than all": (lambda: stop(90, share=1.5), "share must lie in (0, 1], not 1.5"),
    "a stop for a nan share": (lambda: stop(90, share=NAN), "share must lie in (0, 1], not nan"),
    "a stop for no position": (
        lambda: Stop(step=0, position=None, price=90),
        "position must be a whole number of 0 or more, not None",
    ),
    "a replenishing by name": (
        lambda: AutoMargin("BTC"),
        "positions must be a sequence of numbers of positions, not 'BTC'",
    ),
    "a replenishing of a number": (
        lambda: AutoMargin(0),
        "positions must be a sequence of numbers of positions, not 0",
    ),
    "a replenishing below 0": (lambda: AutoMargin([-1]), "positions must be a whole number of 0 or more, not -1"),
    "a replenishing of half": (lambda: AutoMargin([0.5]), "positions must be a whole number of 0 or more, not 0.5"),
    "a replenishing that is true": (
        lambda: AutoMargin([True]),
        "positions must be a whole number of 0 or more, not True",
    ),
    "a replenishing of none": (lambda: AutoMargin([None]), "positions must be a whole number of 0 or more, not None"),
    "a replenishing beyond the account": (
        lambda: simulate(holding((1, 100, 20)), [[100]], auto_margin=AutoMargin([0, 1])),
        "positions must be among 0 to 0, not 1, in AutoMargin(positions=(0, 1))",
    ),
    "a replenishing that is a word": (
        lambda: simulate(holding((1, 100, 20)), [[100]], auto_margin="on"),
        "auto_margin must be of the class AutoMargin, not 'on'",
    ),
    "a trade beyond the account": (
        lambda: simulate(holding((1, 100)), [[100]], actions=[Trade(step=0, position=1, size=1)]),
        "position must be one of 0 to 0, not 1, in Trade(step=0, position=1, size=1, leverage=None, margin=None)",
    ),
    "a stop after the end": (
        lambda: simulate(holding((1, 100)), [[100]], actions=[stop(90, step=1)]),
        "step must be one of 0 to 0 for an action, not 1",
    ),
}


@pytest.mark.parametrize(("call", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_orders_are_refused_by_name_and_shown(call, message):
    with pytest.raises(ValueError, match="must") as refusal:
        call()
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("withdrawal", "all", "'initial', 'maintenance', 'zero', 'profit', 'none', not 'all'"),
        ("withdrawal", None, "not None"),
        ("withdrawal", ["profit"], "not ['profit']"),
        ("withdrawal_leaves", -0.1, "[0, 1], not -0.1"),
        ("withdrawal_leaves", 1.1, "[0, 1], not 1.1"),
        ("withdrawal_leaves", NAN, "not nan"),
        ("withdrawal_leaves", True, "True"),
        ("withdrawal_leaves", "tenth", "'tenth'"),
        ("leverage_in_cross", "lower", "'any', 'raise', 'none', not 'lower'"),
        ("leverage_in_cross", None, "not None"),
        ("leverage_in_isolated", "lower", "'any', 'raise', 'none', not 'lower'"),
        ("leverage_in_isolated", 1, "not 1"),
        ("flat_liquidation_fee", -5, "-5.0"),
        ("flat_liquidation_fee", INF, "inf"),
        ("flat_liquidation_fee", NAN, "nan"),
        ("flat_liquidation_fee", True, "True"),
        ("flat_liquidation_fee", "five", "'five'"),
        ("flat_liquidation_fee", [5, 5], "[5, 5]"),
    ],
)
def test_malformed_rules_for_orders_are_refused_by_name_and_shown(name, given, shown):
    assert_refused(lambda: Rules(**{name: given}), f"{name} must", shown)


@pytest.mark.parametrize(
    "made",
    [trade(-2, leverage=3), lever(4), stop(90, share=0.5), AutoMargin([0, 2]), AutoMargin()],
    ids=repr,
)
def test_an_order_does_not_change_and_can_be_sent_to_another_process(made):
    first = dataclasses.fields(made)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, first, 1)
    copy = pickle.loads(pickle.dumps(made))
    assert (copy, hash(copy), repr(copy)) == (made, hash(made), repr(made))


def test_unless_told_otherwise_a_venue_lets_every_leverage_change_and_only_surplus_margin_leave():
    assert (Rules().withdrawal, Rules().withdrawal_leaves, Rules().flat_liquidation_fee) == ("initial", 0, 0)
    assert (Rules().leverage_in_cross, Rules().leverage_in_isolated) == ("any", "any")
    assert set(WITHDRAWAL) == {"initial", "maintenance", "zero", "profit", "none"}
    assert set(LEVERAGE_CHANGE) == {"any", "raise", "none"}


def test_a_stop_holds_through_a_change_of_mode():
    actions = [stop(112), Switch(step=1, position=0, mode="isolated")]
    outcome = simulate(
        holding((1, 128), leverage=2), [[128], [128], [112]], actions=actions, rules=Rules(switching="open")
    )
    assert told(outcome)[2:] == [("stopped",)]


def test_a_withdrawal_needs_an_open_isolated_position_under_every_rule():
    for rule in WITHDRAWAL:
        for account in (holding((0, 100, 0)), holding((1, 100))):
            outcome = run(account, AddMargin(step=0, position=0, amount=-1.0), withdrawal=rule, on_refusal="record")
            assert outcome.refused == 1
