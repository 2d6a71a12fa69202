"""ADL: what a venue closes of yours because others of the opposite side were liquidated, given or drawn."""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import (
    Account,
    ArgumentError,
    Contract,
    Deleverage,
    Diffusion,
    Position,
    Rules,
    Tiers,
    draw_deleveraging,
    run_many,
    simulate,
)

from .. import reference
from ..scenarios import differences

BTC = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
SHORT = Position(BTC, -1, 10_000, mode="isolated", margin=2_000)
LONG = Position(BTC, 1, 10_000, mode="isolated", margin=1_500)
COIN = Contract("BTCUSD", Tiers.flat(0.01, max_leverage=50), kind="inverse")


def adl(position=0, step=0, **terms):
    return Deleverage(step=step, position=position, **terms)


def after(positions, prices, *actions, wallet=500.0, **rules):
    account = Account.of(positions, wallet=wallet)
    return simulate(account, prices, rules=Rules(**rules), actions=actions)


# --- what it does ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_a_winner_is_closed_at_the_mark_and_loses_nothing_but_its_position(mode):
    short = Position(BTC, -1, 10_000, mode=mode, margin=2_000 if mode == "isolated" else None)
    outcome = after([short], [[8_000.0], [6_000.0]], adl(), wallet=3_000)
    # From 8,000 on there is no short that would gain.
    assert outcome.profit == 2_000
    assert (outcome.size, outcome.deleveraged, outcome.forgone, outcome.liquidated) == (0, 1, 0, -1)
    assert outcome.fees == 0


def test_at_the_bankruptcy_price_of_those_liquidated_the_difference_to_the_mark_is_forgone():
    outcome = after([SHORT], [[8_000.0]], adl(price=8_500.0))
    [entry] = outcome.ledger
    assert (entry.kind, entry.size, entry.price, entry.amount, entry.impact) == (
        *("auto-deleveraged", 1.0, 8_500.0),
        *(2_000.0, 500.0),
    )
    assert (outcome.profit, outcome.realized, outcome.forgone) == (1_500, 2_000, 500)
    # Nothing is left of the position, and no sign of a zero.
    assert not np.signbit(outcome.size).any()


def test_a_part_gives_back_its_share_of_the_margin_and_keeps_the_entry():
    outcome = after([SHORT], [[8_000.0]], adl(share=0.25))
    assert (outcome.size, outcome.margin, outcome.entry) == (-0.75, 1_500, 10_000)
    assert outcome.wallet == 500 + 500 + 500
    assert outcome.deleveraged == 0.25


def test_the_other_leg_of_a_hedge_stays_and_is_bare():
    # Long and short of one market cost nothing, wherever it goes; without the short the fall takes the long.
    prices = [[8_600.0] * 2, [8_000.0] * 2]
    hedged, bare = (after([LONG, SHORT], prices, *actions) for actions in ((), (adl(1),)))
    assert hedged.liquidated.tolist() == [1, -1]
    assert bare.liquidated.tolist() == [1, -1]
    assert bare.size.tolist() == [0, 0]
    assert hedged.equity - bare.equity == pytest.approx(600)


def test_in_cross_a_pool_that_has_lost_its_winning_leg_fails_in_the_further_fall():
    legs = [Position(BTC, 1, 10_000), Position(BTC, -1, 10_000)]
    prices = [[9_000.0] * 2, [7_000.0] * 2]
    hedged, bare = (after(legs, prices, *actions, wallet=1_000) for actions in ((), (adl(1),)))
    assert (hedged.equity, hedged.survived.tolist()) == (1_000, [True, True])
    assert (bare.equity, bare.survived.tolist()) == (0, [False, True])


def test_a_price_that_eats_the_pools_equity_ends_the_rest_in_the_same_step():
    legs = [Position(BTC, 1, 10_000), Position(BTC, -1, 10_000)]
    outcome = after(legs, [[9_000.0] * 2], adl(1, price=9_950.0), wallet=1_000)
    assert [entry.kind for entry in outcome.ledger] == ["auto-deleveraged", "taken over", "fund received"]


@pytest.mark.parametrize(
    ("positions", "price", "wallet"),
    [
        ([Position(BTC, 1, 10_000, mode="isolated", margin=3_000)], None, 0),
        ([SHORT], 12_001.0, 0),
        ([Position(BTC, -1, 10_000)], 10_501.0, 500),
    ],
    ids=["in loss", "beyond what stands behind it", "beyond what the pool has"],
)
def test_who_has_not_won_or_cannot_carry_the_price_is_passed_over(positions, price, wallet):
    outcome = after(positions, [[8_000.0]], adl(price=price), wallet=wallet)
    [entry] = outcome.ledger
    assert (entry.kind, entry.before) == ("passed over", entry.after)
    assert outcome.refused == 0
    assert outcome.deleveraged == 0


def test_who_is_gone_is_passed_over():
    outcome = after([SHORT], [[8_000.0], [7_000.0]], adl(), adl(step=1))
    assert [entry.kind for entry in outcome.ledger] == ["auto-deleveraged", "passed over"]
    assert outcome.deleveraged == 1


def test_it_happens_on_the_paths_it_names():
    account = Account.of([SHORT])
    prices = np.full((4, 1, 1), 8_000.0)
    outcome = simulate(account, prices, actions=[adl(paths=(1, 3)), adl(paths=())])
    assert outcome.deleveraged.ravel().tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(outcome.equity, 4_000)
    alone = simulate(account, prices[0], actions=[adl(paths=())])
    assert (alone.deleveraged, list(alone.ledger)) == (0, [])


def test_a_chance_of_other_paths_is_refused():
    account = Account.of([SHORT])
    for prices, chance in (((4, 1), (5, 1)), ((3, 4, 1), (2, 1, 4))):
        with pytest.raises(ArgumentError, match=r"chance must be one number, or go with prices|shapes must broadcast"):
            draw_deleveraging(account, np.ones(prices), position=0, chance=np.ones(chance), most=1, seed=1)
    with pytest.raises(ArgumentError, match="share must lie in"):
        draw_deleveraging(account, np.ones((4, 1)), position=0, chance=0.0, most=1, share=-5, seed=1)


def test_paths_keep_their_numbers_when_they_are_gone_through_in_parts(monkeypatch):
    monkeypatch.setattr("marginlab.simulation.engine.PATHS_AT_ONCE", 3)
    outcome = simulate(Account.of([SHORT]), np.full((8, 1, 1), 8_000.0), actions=[adl(paths=(2, 3, 7))])
    assert np.flatnonzero(outcome.deleveraged).tolist() == [2, 3, 7]


@pytest.mark.parametrize("price", [None, 8_500.0])
@pytest.mark.parametrize("margin", [None, 0.1])
def test_coins_are_counted_as_the_referee_counts_them(price, margin):
    mode = "cross" if margin is None else "isolated"
    account = Account.of([Position(COIN, -1_000, 10_000, mode=mode, margin=margin)], wallet=0.1)
    actions, rules = [adl(share=0.5, price=price)], Rules()
    outcome = simulate(account, [[8_000.0]], actions=actions)
    assert outcome.forgone == pytest.approx(0 if price is None else 500 / 8_000 - 500 / 8_500)
    assert differences(outcome, reference.run(account, [[8_000.0]], rules, actions=actions)) == []


# --- drawn ----------------------------------------------------------------------------------------------------

FALL = np.broadcast_to(np.linspace(9_900, 8_000, 20)[:, None], (400, 20, 1))
OTHERS = np.linspace(0, 2, 101)


def drawn(account=None, prices=FALL, **terms):
    terms = {"position": 0, "chance": 0.1, "most": 1, "others": OTHERS, "seed": 3} | terms
    return draw_deleveraging(Account.of([SHORT]) if account is None else account, prices, **terms)


def hits(events):
    return sum(len(event.paths) for event in events)


def test_the_higher_profit_times_leverage_the_likelier_it_is_taken():
    # Less margin is more leverage.
    often = [
        hits(drawn(Account.of([Position(BTC, -1, 10_000, "isolated", margin=m)]))) for m in (8_000, 4_000, 2_000, 500)
    ]
    assert often == sorted(often)
    assert often[0] < often[-1] / 2


def test_how_often_it_is_taken_is_its_chance_and_how_far_the_queue_is_gone_through():
    # At 8,000: a profit of a fifth, at 8,000 / 4,000: 0.4; four fifths of the others stand before it.
    still = np.full((20_000, 1, 1), 8_000.0)
    for most, reached in ((1.0, 0.2), (0.9, 1 - 0.8 / 0.9), (0.8, 0.0)):
        share = hits(drawn(prices=still, chance=0.5, most=most)) / 20_000
        assert share == pytest.approx(0.5 * reached, abs=0.01)


def test_at_random_neither_profit_nor_leverage_counts_but_a_loser_is_never_taken():
    still = np.full((20_000, 1, 1), 8_000.0)
    assert hits(drawn(prices=still, others=None, chance=1, most=0.5)) / 20_000 == pytest.approx(0.25, abs=0.01)
    assert drawn(prices=still + 3_000, others=None, chance=1, most=1) == ()


def test_a_position_with_nothing_left_behind_it_stands_first():
    account = Account.of([Position(BTC, -1, 10_000), Position(BTC, 1, 14_000)], wallet=1_000)
    events = drawn(account, np.full((50, 1, 2), 8_000.0), chance=1)
    assert hits(events) == 50


def test_events_are_those_of_the_seed_and_the_first_paths_are_drawn_alike():
    assert drawn() == drawn()
    assert drawn() != drawn(seed=4)
    few = drawn(prices=FALL[:100])
    cut = [(event.step, tuple(path for path in event.paths if path < 100)) for event in drawn()]
    assert [(event.step, event.paths) for event in few] == [(step, paths) for step, paths in cut if paths]


def test_a_chance_may_be_one_a_step_or_one_a_path_and_step():
    at_last = np.zeros(20)
    at_last[-1] = 1
    by_step = drawn(chance=at_last, others=None)
    assert {event.step for event in by_step} == {19}
    by_path = drawn(chance=np.where(np.arange(400)[:, None] < 7, 1.0, 0.0), others=None, share=0.5)
    assert {path for event in by_path for path in event.paths} <= set(range(7))
    assert {event.share for event in by_path} == {0.5}


def test_what_is_drawn_is_what_simulate_takes():
    prices = FALL * np.linspace(0.9, 1.02, 400)[:, None, None]
    events = drawn(prices=prices)
    outcome = simulate(Account.of([SHORT]), prices, actions=events)
    taken = {path for event in events for path in event.paths}
    assert set(np.flatnonzero(outcome.deleveraged).tolist()) == taken
    one = drawn(prices=prices[0], chance=1, most=1, others=None)
    assert simulate(Account.of([SHORT]), prices[0], actions=one).deleveraged == 1


# --- what is refused ------------------------------------------------------------------------------------------

CALLS = {
    "no position": (lambda: adl(None), "position must be a whole number of 0 or more, not None"),
    "a step below 0": (lambda: adl(step=-1), "step must be a whole number of 0 or more, not -1"),
    "a share of nothing": (lambda: adl(share=0), "share must lie in (0, 1], not 0"),
    "more than there is": (lambda: adl(share=1.5), "share must lie in (0, 1], not 1.5"),
    "a price of 0": (lambda: adl(price=0), "price must be greater than 0, not 0.0"),
    "two prices": (lambda: adl(price=[1, 2]), "price must be one number, not [1, 2]"),
    "a list of paths": (lambda: adl(paths=[1]), "paths must be a tuple of numbers or None, not [1]"),
    "a path below 0": (lambda: adl(paths=(-1,)), "paths must be a whole number of 0 or more, not -1"),
    "half a path": (lambda: adl(paths=(0.5,)), "paths must be a whole number of 0 or more, not 0.5"),
    "a path that there is not": (
        lambda: simulate(Account.of([SHORT]), FALL, actions=[adl(paths=(1, 400))]),
        "paths must be of 0 to 399, not 400",
    ),
    "a position that there is not": (
        lambda: simulate(Account.of([SHORT]), FALL, actions=[adl(1)]),
        "position must be one of 0 to 0, not 1, in Deleverage(step=0, position=1, share=1.0, price=None, paths=None)",
    ),
    "paths of an ensemble that is drawn in chunks": (
        lambda: run_many(
            Account.of([SHORT]),
            Diffusion([9_000.0], volatility_per_year=1, steps_per_year=365),
            paths=4,
            steps=2,
            seed=1,
            actions=[adl(paths=(1,))],
        ),
        "actions must not name paths, which are drawn here, as "
        "Deleverage(step=0, position=0, share=1.0, price=None, paths=(1,)) does",
    ),
    "a seed below 0": (
        lambda: simulate(Account.of([SHORT]), FALL, seed=-1),
        "seed must be a whole number of 0 or more, not -1",
    ),
    "a seed too many": (
        lambda: simulate(Account.of([SHORT]), FALL, seed=[0] * (len(FALL) + 1)),
        f"seed must be one, or one a path ({len(FALL)}), not {len(FALL) + 1} of them",
    ),
    "a seed below 0 among others": (
        lambda: simulate(Account.of([SHORT]), FALL, seed=[-1] * len(FALL)),
        "seed must be a whole number of 0 or more, not -1",
    ),
    "drawn for no account": (lambda: drawn(SHORT), f"account must be of the class Account, not {SHORT!r}"),
    "drawn for several accounts": (
        lambda: drawn(Account(0.0, [BTC], [[1.0], [2.0]], [9_000.0])),
        "account must be one account, not an array of them",
    ),
    "drawn at one price": (lambda: drawn(prices=[8_000]), "prices must have shape (T, 1) or (K, T, 1), not (1,)"),
    "drawn for another number of positions": (
        lambda: drawn(prices=[[1, 2]]),
        "prices must have shape (T, 1) or (K, T, 1), not (1, 2)",
    ),
    "drawn at a price of 0": (lambda: drawn(prices=[[0]]), "prices must be greater than 0, not 0.0 (at index (0, 0))"),
    "drawn for a position that there is not": (lambda: drawn(position=1), "position must be one of 0 to 0, not 1"),
    "a chance above 1": (lambda: drawn(chance=[0.5, 1.5]), "chance must be at most 1, not 1.5"),
    "a chance below 0": (lambda: drawn(chance=-0.5), "chance must be 0 or more, not -0.5"),
    "chances of another number of steps": (
        lambda: drawn(chance=[0.5, 0.5]),
        "shapes must broadcast against each other, not chance (2,), prices (400, 20)",
    ),
    "nothing of the queue": (lambda: drawn(most=0), "most must lie in (0, 1], not 0"),
    "no others": (lambda: drawn(others=[]), "others must be one or more"),
    "others that are words": (
        lambda: drawn(others="many"),
        "others must be a number or an array of numbers, not 'many'",
    ),
    "a share drawn of nothing": (lambda: drawn(share=0, others=None, chance=1), "share must lie in (0, 1], not 0"),
    "drawn from a seed below 0": (lambda: drawn(seed=-1), "seed must be a whole number of 0 or more, not -1"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_malformed_adl_is_refused_by_name(call, message):
    with pytest.raises(ArgumentError) as refusal:
        call()
    assert str(refusal.value) == message
