"""What comes when: blocks of prices, what is due between them, and what may be given at all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import Account, AddMargin, Close, Contract, Open, Position, Rules, Switch, Tiers, TopUp, simulate
from marginlab.simulation import schedule
from marginlab.simulation.schedule import Plan, Prices

from ..examples import examples
from ..refusals import assert_refused

NAN, INF = float("nan"), float("inf")

BTC = Contract("BTCUSDT", Tiers.flat(0.0625, max_leverage=8))
ONE = Account(1_000, [BTC], [1], [100])
ETH = dataclasses.replace(BTC, symbol="ETHUSDT")
TWO = Account(1_000, [BTC, ETH], [1, -1], [100, 50])
THREE_OF_TWO = Account([1_000, 2_000, 3_000], [BTC, ETH], [1, -1], [100, 50])
BOTH_SIDES = Account(1_000, [BTC, BTC, BTC], [1, -1, 0], [100, 50, 50])
PATH = np.array([[100.0], [101.0], [102.0]])


def plan_of(account=TWO, *, funding=None, top_up=None, actions=(), record=(), steps=None, paths=1):
    """Return a plan checked against so many steps and paths."""
    plan = Plan(account, funding, top_up, actions, record)
    plan.check(steps, paths)
    return plan


def closing_at(*steps):
    """Return actions at these steps."""
    return [Close(step=step, position=0) for step in steps]


def taken(account, prices, plan=None):
    """Return the first steps of the blocks, and all blocks one after the other, (T, n, K)."""
    found = [(start, block.copy()) for start, block in Prices(account, prices).blocks(plan or plan_of(account))]
    starts = [start for start, _ in found]
    assert starts == np.cumsum([0, *(len(block) for _, block in found)]).tolist()[:-1]
    return starts, np.concatenate([block for _, block in found])


def ensemble(paths, steps, positions):
    """Return prices of which no two are the same, (K, T, n)."""
    return np.arange(1.0, paths * steps * positions + 1).reshape(paths, steps, positions)


@pytest.fixture
def small_blocks(monkeypatch):
    """Take five steps and four paths at a time."""
    for name in ("BLOCK_STEPS", "MOST_STEPS"):
        monkeypatch.setattr(schedule, name, 5)
    monkeypatch.setattr(schedule, "TILE", 4)


# What is due when


def due(plan, steps=7):
    """Return the steps at which something is due."""
    return [step for step in range(steps) if plan.due(step)]


RATES = np.zeros((7, 2))
RATES[[2, 5]] = [[0, 0.01], [-0.01, 0]]
ALL = list(range(7))


@pytest.mark.parametrize(
    ("planned", "steps"),
    [
        ({}, []),
        ({"funding": 0.0}, []),
        ({"funding": [0, 0]}, []),
        ({"funding": 0.01}, ALL),
        ({"funding": [0, -0.01]}, ALL),
        ({"funding": RATES}, [2, 5]),
        ({"funding": np.stack([0 * RATES, RATES])}, [2, 5]),
        ({"funding": RATES[:4]}, [2, 4, 5, 6]),
        ({"funding": iter(RATES)}, ALL),
        ({"top_up": TopUp(1, 0.1)}, ALL),
        ({"top_up": TopUp(3, 0.1)}, [0, 3, 6]),
        ({"actions": closing_at(4, 1, 4)}, [1, 4]),
        ({"record": ["equity"]}, []),
        ({"funding": RATES, "top_up": TopUp(4, 0.1), "actions": closing_at(6)}, [0, 2, 4, 5, 6]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_a_step_is_looked_at_where_something_is_due(planned, steps):
    assert due(plan_of(**planned, paths=2)) == steps


def test_to_ask_what_is_due_does_not_use_up_what_is_streamed():
    rates = iter([[0.01, 0.02]])
    plan = plan_of(funding=rates)
    assert due(plan) == ALL
    assert next(rates) == [0.01, 0.02]


@pytest.mark.parametrize(
    ("funding", "rates"),
    [
        (None, None),
        (0.0, None),
        (0.25, [[0.25], [0.25]]),
        ([0.25, -0.5], [[0.25], [-0.5]]),
        ([[9, 9], [0.25, 0], [9, 9]], [[0.25], [0]]),
        ([[9, 9], [0, 0], [9, 9]], None),
        ([[[9, 9], [0.25, 0.5], [9, 9]]], [[0.25], [0.5]]),
        ([[[9, 9], [k, -k], [9, 9]] for k in range(3)], [[0, 1, 2], [0, -1, -2]]),
    ],
    ids=repr,
)
def test_rates_are_those_of_the_step_for_each_position_and_path(funding, rates):
    found = plan_of(funding=funding, steps=3, paths=3).rates(1)
    if rates is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, np.array(rates, dtype=float), strict=True)


def test_streamed_rates_are_taken_one_a_step():
    plan = plan_of(funding=iter([0.5, [0.25, -0.5], [0, 0], [[1, 2], [3, 4], [5, 6]]]), paths=3)
    np.testing.assert_array_equal(plan.rates(0), [[0.5], [0.5]])
    np.testing.assert_array_equal(plan.rates(1), [[0.25], [-0.5]])
    assert plan.rates(2) is None
    np.testing.assert_array_equal(plan.rates(3), [[1, 3, 5], [2, 4, 6]])
    with pytest.raises(ValueError, match="funding must have one item a step, but ended after 4"):
        plan.rates(4)


def test_rates_that_end_before_streamed_prices_do_are_refused_when_they_are_missed():
    plan = plan_of(funding=np.zeros((2, 2)))
    assert plan.rates(1) is None
    with pytest.raises(ValueError, match="funding must have one rate a step, but has only 2"):
        plan.rates(2)
    # Though none was due so far, the step is looked at, so that it is missed at all.
    assert due(plan, 4) == [2, 3]


def test_a_list_of_rates_is_all_there_is_and_an_iterator_of_it_is_taken_as_it_comes():
    rates = [[0.01, 0.02], [0.03, 0.04]]
    listed, streamed = plan_of(funding=rates, steps=2), plan_of(funding=iter(rates), steps=2)
    for step in range(2):
        np.testing.assert_array_equal(listed.rates(step), streamed.rates(step))


def test_an_action_may_come_at_the_last_step_but_no_later():
    plan = plan_of(actions=closing_at(0, 4))
    plan.check_actions(5)
    with pytest.raises(ValueError, match="step must be one of 0 to 3 for an action, not 4"):
        plan.check_actions(4)
    plan_of().check_actions(0)


def test_a_plan_keeps_what_it_was_given_in_order():
    actions = closing_at(3, 1)
    plan = plan_of(actions=iter(actions), record=iter(["size", "equity"]))
    assert plan.actions == tuple(actions)
    assert plan.record == ("size", "equity")


# Blocks of prices


@pytest.mark.parametrize("paths", [1, 2, 3, 4, 5, 8, 9, 11])
@pytest.mark.parametrize("steps", [1, 4, 5, 6, 10, 13])
@pytest.mark.usefixtures("small_blocks")
def test_however_prices_are_cut_into_blocks_and_tiles_they_are_the_same(paths, steps):
    prices = ensemble(paths, steps, 2)
    starts, blocks = taken(TWO, prices)
    assert starts == list(range(0, steps, 5))
    np.testing.assert_array_equal(blocks, prices.transpose(1, 2, 0))
    streamed = taken(TWO, iter(prices.transpose(1, 0, 2)))
    assert streamed[0] == starts
    np.testing.assert_array_equal(streamed[1], blocks)


@pytest.mark.usefixtures("small_blocks")
def test_one_path_is_that_of_all_accounts_however_it_is_written():
    path = ensemble(1, 7, 2)[0]
    expected = np.broadcast_to(path[:, :, None], (7, 2, 3))
    for prices in (path, path[None], iter(path), iter(path[:, None]), (step for step in path.tolist())):
        np.testing.assert_array_equal(taken(THREE_OF_TWO, prices)[1], expected)


@pytest.mark.usefixtures("small_blocks")
def test_steps_of_a_stream_may_be_written_for_all_paths_or_for_each():
    prices = ensemble(3, 4, 2)
    steps = [prices[:, 0], prices[0, 1], prices[:1, 2], prices[:, 3]]
    blocks = taken(TWO, iter(steps))[1]
    for step, expected in enumerate(steps):
        np.testing.assert_array_equal(blocks[step], np.broadcast_to(expected, (3, 2)).T)


def test_blocks_of_many_paths_are_put_together_from_tiles():
    prices = ensemble(2 * schedule.TILE + 17, schedule.MOST_STEPS + 3, 1)
    starts, blocks = taken(ONE, prices)
    assert starts == [0, schedule.MOST_STEPS]
    np.testing.assert_array_equal(blocks, prices.transpose(1, 2, 0))


@pytest.mark.parametrize(
    "prices",
    [
        np.array([[100, 7], [101, 8]]),
        np.array([[100, 7], [101, 8]], dtype=np.uint8),
        np.array([[100, 7], [101, 8]], dtype=np.float32),
        [[100, 7], [101, 8]],
        ((100.0, 7), (101, 8.0)),
        np.asfortranarray([[100.0, 7.0], [101.0, 8.0]]),
        np.array([[101.0, 8.0], [100.0, 7.0]])[::-1],
    ],
    ids=["whole", "bytes", "single", "lists", "tuples", "columns first", "backwards"],
)
def test_prices_of_any_kind_of_number_are_taken_as_they_are(prices):
    for given_as in (prices, iter(prices), (step for step in prices)):
        blocks = taken(TWO, given_as)[1]
        assert blocks.dtype == float
        np.testing.assert_array_equal(blocks[:, :, 0], [[100, 7], [101, 8]])


def test_single_precision_is_not_rounded_again():
    prices = np.array([[0.1], [1 / 3]], dtype=np.float32)
    np.testing.assert_array_equal(taken(ONE, prices)[1].ravel(), prices.astype(float).ravel())


@examples(2)
@given(
    steps=st.integers(1, 23),
    paths=st.integers(1, 6),
    at=st.sets(st.integers(0, 22)),
    every=st.none() | st.integers(2, 9),
    size=st.integers(1, 7),
)
def test_what_is_due_begins_a_block_and_nothing_else_does_until_it_is_full(steps, paths, at, every, size):
    actions = closing_at(*(step for step in at if step < steps))
    plan = plan_of(top_up=every and TopUp(every, 0.1), actions=actions)
    prices = ensemble(paths, steps, 2)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BLOCK_STEPS", "MOST_STEPS"):
            patch.setattr(schedule, name, size)
        patch.setattr(schedule, "TILE", 4)
        starts, blocks = taken(TWO, prices, plan)
        streamed = taken(TWO, iter(prices.transpose(1, 0, 2)), plan)
    expected = [0]
    for step in range(1, steps):
        if plan.due(step) or step - expected[-1] == size:
            expected.append(step)
    assert starts == streamed[0] == expected
    np.testing.assert_array_equal(blocks, prices.transpose(1, 2, 0))
    np.testing.assert_array_equal(streamed[1], blocks)


def lengths(account, prices):
    """Return how many steps the blocks have."""
    return [len(block) for _, block in Prices(account, prices).blocks(plan_of(account))]


def test_a_block_has_at_most_32_steps_and_sixteen_million_numbers():
    assert lengths(ONE, iter(np.broadcast_to(100.0, (70, 1)))) == [32, 32, 6]
    assert lengths(TWO, np.broadcast_to(100.0, (4_096, 70, 2))) == [32, 32, 6]
    # 16,000,000 / 1,600,000 paths, and half of that for two positions
    assert lengths(ONE, np.broadcast_to(100.0, (1_600_000, 11, 1))) == [10, 1]
    assert lengths(TWO, iter(np.broadcast_to(100.0, (6, 1_600_000, 2)))) == [5, 1]


def test_a_block_of_few_paths_that_lie_there_as_a_whole_has_up_to_256_steps():
    assert lengths(ONE, np.broadcast_to(100.0, (600, 1))) == [256, 256, 88]
    # 2^18 / 4,096 paths, and half of that for two positions
    assert lengths(ONE, np.broadcast_to(100.0, (4_096, 70, 1))) == [64, 6]
    assert lengths(TWO, np.broadcast_to(100.0, (2_048, 70, 2))) == [64, 6]


@pytest.mark.parametrize(("numbers", "steps"), [(1, 1), (5, 1), (11, 1), (12, 2), (17, 2), (18, 3)])
def test_a_block_has_at_least_one_step_however_many_paths_there_are(monkeypatch, numbers, steps):
    monkeypatch.setattr(schedule, "BLOCK_NUMBERS", numbers)
    assert lengths(TWO, np.full((3, 6, 2), 100.0)) == [steps] * (6 // steps)


def test_memory_is_used_again_for_the_next_block():
    blocks = [block for _, block in Prices(ONE, np.full((300, 1), 100.0)).blocks(plan_of(ONE))]
    assert np.shares_memory(blocks[0], blocks[1])


class Watched:
    """Prices that remember how many steps of them were asked for."""

    def __init__(self, steps):
        self.asked = 0
        self.steps = steps

    def __iter__(self):
        return self

    def __next__(self):
        if self.asked == self.steps:
            raise StopIteration
        self.asked += 1
        return [100.0]


def test_a_stream_is_read_as_it_is_needed():
    stream = Watched(100)
    prices = Prices(ONE, stream)
    assert stream.asked == 1
    asked = [(start, stream.asked) for start, _ in prices.blocks(plan_of(ONE, actions=closing_at(3, 50)))]
    # One step beyond each block, whose turn then ends it; at the end there is none.
    assert asked == [(0, 4), (3, 36), (35, 51), (50, 83), (82, 100)]


def test_a_stream_without_end_ends_where_the_engine_refuses():
    def forever():
        while True:
            yield [100.0]

    with pytest.raises(ValueError, match="funding must have one item a step, but ended after 5"):
        simulate(ONE, forever(), funding=iter([[0.0]] * 5))


@pytest.mark.parametrize(
    ("account", "prices", "single", "paths", "count"),
    [
        (ONE, PATH, True, 1, 3),
        (ONE, iter(PATH), True, 1, None),
        (ONE, PATH[None], False, 1, 3),
        (ONE, iter(PATH[:, None]), False, 1, None),
        (TWO, np.full((4, 5, 2), 100.0), False, 4, 5),
        (THREE_OF_TWO, np.full((5, 2), 100.0), False, 3, 5),
        (THREE_OF_TWO, np.full((3, 5, 2), 100.0), False, 3, 5),
        (THREE_OF_TWO, np.full((1, 5, 2), 100.0), False, 3, 5),
        (THREE_OF_TWO, iter([[1, 2]]), False, 3, None),
        (Account(1_000, [BTC], [[1], [2]], [100]), PATH, False, 2, 3),
        (Account([1_000], [BTC], [1], [100]), PATH, False, 1, 3),
    ],
)
def test_how_many_paths_there_are_follows_from_prices_and_account(account, prices, single, paths, count):
    found = Prices(account, prices)
    assert (found.single, found.paths, found.count, found.n) == (single, paths, count, len(account.contracts))


@pytest.mark.parametrize("name", ["wallet", "size", "entry", "margin", "leverage"])
def test_accounts_may_differ_in_anything_but_their_contracts_and_modes(name):
    one = Account(1_000, [BTC], [1], [100], "isolated", [50], leverage=[4])
    given_as = getattr(one, name)
    three = dataclasses.replace(one, **{name: np.multiply.outer([0.5, 0.75, 1.0], given_as)})
    outcome = simulate(three, PATH, actions=[Open(step=1, position=0, size=1)])
    assert outcome.equity.shape == (3,)
    for k in range(3):
        alone = dataclasses.replace(one, **{name: getattr(three, name)[k]})
        expected = simulate(alone, PATH, actions=[Open(step=1, position=0, size=1)])
        assert (outcome.equity[k], outcome.wallet[k]) == (expected.equity, expected.wallet)
        np.testing.assert_array_equal(outcome.margin[k], expected.margin)


# What may not come


def sim(*given_as, **named):
    """Return the call of `simulate` that is to be refused."""
    return lambda: simulate(*given_as, **named)


def streamed(*steps):
    """Return the call of `simulate` with one account and these steps of prices."""
    return lambda: simulate(ONE, iter(steps))


def at_40(last):
    """Return forty good steps and a bad one, as arrays."""
    return [np.array([100.0])] * 40 + [np.array([last])]


NOT_NUMBERS = "prices must be a number or an array of numbers, not "
LATER = "prices at step {} must be a number or an array of numbers, not "
FINITE = "prices must be finite and greater than 0, not "
SHAPE = "prices must have shape (T, 1) or (K, T, 1) and not be empty, not "
COLUMNS = "prices must have one column a position in the last axis"
DEEP = Account(1_000, [BTC], np.ones((2, 3, 1)), [100])
SHOWN_CLOSE = "Close(step=0, position=1, share=1.0)"

MALFORMED = {
    "prices that are None": (sim(ONE, None), NOT_NUMBERS + "None"),
    "prices that are a word": (sim(ONE, "up"), NOT_NUMBERS + "'up'"),
    "a price that is a word": (sim(ONE, [[100], ["up"]]), NOT_NUMBERS + "[[100], ['up']]"),
    "an array of words": (sim(ONE, np.array([["up"]])), "prices must be numbers, not <U2"),
    "an array of truths": (sim(ONE, np.array([[True]])), "prices must be numbers, not bool"),
    "an array of objects": (sim(ONE, np.array([[None]])), "prices must be numbers, not object"),
    "complex prices": (sim(ONE, np.array([[1j]])), "prices must be numbers, not complex128"),
    "a price that is None": (sim(ONE, [[None]]), NOT_NUMBERS + "[[None]]"),
    "ragged prices": (sim(TWO, [[1, 2], [3]]), NOT_NUMBERS + "[[1, 2], [3]]"),
    "prices by name": (sim(ONE, {"BTC": 1}), NOT_NUMBERS + "{'BTC': 1}"),
    "no prices": (sim(ONE, []), SHAPE + "(0,)"),
    "no steps": (sim(ONE, np.ones((0, 1))), SHAPE + "(0, 1)"),
    "no paths": (sim(ONE, np.ones((0, 5, 1))), SHAPE + "(0, 5, 1)"),
    "one price": (sim(ONE, 100.0), SHAPE + "()"),
    "prices in one axis": (sim(ONE, [100, 101]), SHAPE + "(2,)"),
    "prices in four axes": (sim(ONE, np.ones((1, 1, 1, 1))), SHAPE + "(1, 1, 1, 1)"),
    "one column for two positions": (sim(TWO, PATH), f"{COLUMNS} (2), not steps of shape (1,)"),
    "three columns for two positions": (
        sim(TWO, np.ones((4, 5, 3))),
        f"{COLUMNS} (2), not steps of shape (4, 3)",
    ),
    "nan in a list": (sim(ONE, [[100], [NAN]]), "prices must be finite, not nan (at index (1, 0))"),
    "nan in an array": (sim(ONE, np.array([[100], [NAN]])), FINITE + "nan at step 1, position 0, path 0"),
    "infinity in an array": (sim(ONE, np.array([[INF], [1]])), FINITE + "inf at step 0, position 0, path 0"),
    "0 in a list": (sim(ONE, [[100], [0]]), FINITE + "0.0 at step 1, position 0, path 0"),
    "0 in a later block": (
        sim(TWO, np.where(np.arange(140).reshape(70, 2) == 135, 0, 100)),
        FINITE + "0.0 at step 67, position 1, path 0",
    ),
    "below 0 on one of many paths": (
        sim(TWO, np.where(np.arange(24).reshape(3, 4, 2) == 13, -1.5, 100)),
        FINITE + "-1.5 at step 2, position 1, path 1",
    ),
    "an exhausted iterator": (
        sim(ONE, iter([])),
        "prices must have at least one step, not an iterator that is exhausted",
    ),
    "a first step that is None": (streamed(None), LATER.format(0) + "None"),
    "a first step that is a word": (streamed("up"), LATER.format(0) + "'up'"),
    "a first step of words": (streamed(["up"]), LATER.format(0) + "['up']"),
    "a ragged first step": (sim(TWO, iter([[[1, 2], [1]]])), LATER.format(0) + "[[1, 2], [1]]"),
    "a later step of words": (streamed([100], ["up"]), LATER.format(1) + "['up']"),
    "a later step that is None": (streamed([100], None), LATER.format(1) + "None"),
    "nan in a list at a later step": (
        streamed(*[[100.0]] * 40, [NAN]),
        "prices at step 40 must be finite, not nan (at index 0)",
    ),
    "truths in a list": (sim(ONE, [[True]]), NOT_NUMBERS + "[[True]]"),
    "a first step without paths": (streamed(np.ones((0, 1))), f"{COLUMNS} (1), not steps of shape (0, 1)"),
    "a first step in three axes": (streamed(np.ones((1, 1, 1))), f"{COLUMNS} (1), not steps of shape (1, 1, 1)"),
    "a first step without an axis": (streamed(100.0), f"{COLUMNS} (1), not steps of shape ()"),
    "a first step of two prices": (streamed([100, 101]), f"{COLUMNS} (1), not steps of shape (2,)"),
    "a later step of two prices": (
        streamed([100], [100, 101]),
        "prices must have shape (1,) or (1, 1), not (2,) at step 1",
    ),
    "a later step without an axis": (streamed([100], 100), "prices must have shape (1,) or (1, 1), not () at step 1"),
    "a later step of more paths": (
        streamed(np.ones((2, 1)), np.ones((3, 1))),
        "prices must have shape (1,) or (2, 1), not (3, 1) at step 1",
    ),
    "a later step of truths": (
        streamed(np.array([1.0]), np.array([True])),
        "prices must be numbers, not bool at step 1",
    ),
    "0 at a later step": (sim(ONE, iter(at_40(0))), FINITE + "0.0 at step 40, position 0, path 0"),
    "nan at a later step": (sim(ONE, iter(at_40(NAN))), FINITE + "nan at step 40, position 0, path 0"),
    "infinity at a later step": (sim(ONE, iter(at_40(INF))), FINITE + "inf at step 40, position 0, path 0"),
    "below 0 at the second step": (streamed([1.0], [-1.0]), FINITE + "-1.0 at step 1, position 0, path 0"),
    "paths and accounts of different numbers": (
        sim(THREE_OF_TWO, np.ones((4, 5, 2))),
        "shapes must broadcast against each other, not prices (4,), account (3,)",
    ),
    "streamed paths and accounts of different numbers": (
        sim(THREE_OF_TWO, iter([np.ones((4, 2))])),
        "shapes must broadcast against each other, not prices (4,), account (3,)",
    ),
    "an account in two leading axes": (
        sim(DEEP, PATH),
        "account must have at most one leading axis, not shape (2, 3)",
    ),
    "wallets in two leading axes": (
        sim(Account(np.ones((2, 1)), [BTC], [1], [100]), PATH),
        "account must have at most one leading axis, not shape (2, 1)",
    ),
    "nan funding": (sim(ONE, PATH, funding=NAN), "funding must be finite, not nan"),
    "infinite funding": (sim(ONE, PATH, funding=[INF]), "funding must be finite, not inf (at index 0)"),
    "funding that is a word": (
        sim(ONE, PATH, funding="high"),
        "funding must be a number or an array of numbers, not 'high'",
    ),
    "funding of three positions for two": (
        sim(TWO, np.ones((1, 2)), funding=[0, 0, 0]),
        "funding must have one value a position in the last axis (2), not shape (3,)",
    ),
    "funding of more steps": (sim(ONE, PATH, funding=[[0.1]] * 4), "funding must have one rate a step (3), not 4"),
    "funding of fewer steps": (sim(ONE, PATH, funding=[[0.1]]), "funding must have one rate a step (3), not 1"),
    "funding of fewer steps on each path": (
        sim(ONE, PATH, funding=np.zeros((1, 2, 1))),
        "funding must have one rate a step (3), not 2",
    ),
    "funding of no steps": (sim(ONE, PATH, funding=np.ones((0, 1))), "funding must have one rate a step (3), not 0"),
    "funding of other paths": (
        sim(ONE, np.ones((4, 3, 1)), funding=np.zeros((2, 3, 1))),
        "funding must have one path or as many as there are (4), not 2",
    ),
    "funding of two paths for one": (
        sim(ONE, PATH, funding=np.zeros((2, 3, 1))),
        "funding must have one path or as many as there are (1), not 2",
    ),
    "funding of two paths for one that is streamed": (
        sim(ONE, iter(PATH), funding=np.zeros((2, 3, 1))),
        "funding must have one path or as many as there are (1), not 2",
    ),
    "funding in four axes": (
        sim(ONE, PATH, funding=np.zeros((1, 1, 3, 1))),
        "funding must have at most three axes (K, T, n), not shape (1, 1, 3, 1)",
    ),
    "funding that ends before the stream": (
        sim(ONE, iter(PATH), funding=np.zeros((2, 1))),
        "funding must have one rate a step, but has only 2",
    ),
    "an exhausted iterator of funding": (
        sim(ONE, iter(PATH), funding=iter([])),
        "funding must have one item a step, but ended after 0",
    ),
    "streamed funding that ends before the stream": (
        sim(ONE, iter(PATH), funding=iter([[0.0], [0.1]])),
        "funding must have one item a step, but ended after 2",
    ),
    "streamed funding that ends before the prices": (
        sim(ONE, PATH, funding=iter([[0.0], [0.1]])),
        "funding must have one item a step, but ended after 2",
    ),
    "streamed funding of three positions for two": (
        sim(TWO, np.ones((1, 2)), funding=iter([[0, 0, 0]])),
        "funding must have one value a position in the last axis (2), not shape (3,)",
    ),
    "streamed funding of other paths": (
        sim(ONE, iter(np.ones((2, 4, 1))), funding=iter([np.ones((3, 1))])),
        "funding must have shape (1,) or (4, 1), not (3, 1) at step 0",
    ),
    "streamed funding of two paths for one": (
        sim(ONE, iter(PATH), funding=iter([[0.0], [[0.1], [0.2]]])),
        "funding must have shape (1,) or (1, 1), not (2, 1) at step 1",
    ),
    "streamed funding in three axes": (
        sim(ONE, iter(PATH), funding=iter([[[[0.1]]]])),
        "funding must have shape (1,) or (1, 1), not (1, 1, 1) at step 0",
    ),
    "funding that is true": (
        sim(ONE, PATH, funding=True),
        "funding must be a number or an array of numbers, not True",
    ),
    "funding that ends after the stream": (
        sim(ONE, iter(PATH), funding=np.zeros((5, 1))),
        "funding must have one rate a step (3), not 5",
    ),
    "streamed funding that is nan": (
        sim(ONE, iter(PATH), funding=iter([[NAN]])),
        "funding must be finite, not nan (at index 0)",
    ),
    "streamed funding that is None": (
        sim(ONE, iter(PATH), funding=iter([None])),
        "funding must be a number or an array of numbers, not None",
    ),
    "an action that is none": (
        sim(ONE, PATH, actions=["close"]),
        "actions must be actions such as Open or Close, not 'close'",
    ),
    "an action beside one that is none": (
        sim(ONE, PATH, actions=[Close(step=0, position=0), Close]),
        "actions must be actions such as Open or Close, not <class 'marginlab.simulation.actions.Close'>",
    ),
    "two prices of one market": (
        sim(BOTH_SIDES, [[100, 100, 1], [90, 90, 1], [90, 91, 1]]),
        "prices must be one for all legs of a market, not 90 and 91 at step 2, path 0",
    ),
    "two prices of one market on a later path": (
        sim(BOTH_SIDES, np.array([[[100, 100, 1]], [[100, 99.5, 1]]])),
        "prices must be one for all legs of a market, not 100 and 99.5 at step 0, path 1",
    ),
    "two prices of a market in which a leg is opened": (
        sim(BOTH_SIDES, [[100, 100, 1]], actions=[Open(step=0, position=2, size=1)]),
        "prices must be one for all legs of a market, not 100 and 1 at step 0, path 0",
    ),
    "an action at a position that there is not": (
        sim(ONE, PATH, actions=[Close(step=0, position=1)]),
        f"position must be one of 0 to 0, not 1, in {SHOWN_CLOSE}",
    ),
    "an action at a third position of two": (
        sim(TWO, np.ones((1, 2)), actions=[Switch(step=0, position=2, mode="cross")]),
        "position must be one of 0 to 1, not 2, in Switch(step=0, position=2, mode='cross', margin=None)",
    ),
    "an action after the last step": (
        sim(ONE, PATH, actions=[AddMargin(step=3, position=0, amount=1), Close(step=0, position=0)]),
        "step must be one of 0 to 2 for an action, not 3",
    ),
    "an action after the last step of a stream": (
        sim(ONE, iter(PATH), actions=[Open(step=3, position=0, size=1)]),
        "step must be one of 0 to 2 for an action, not 3",
    ),
    "an action that is no sequence": (
        sim(ONE, PATH, actions=Close(step=0, position=1)),
        f"actions must be a list of actions such as Open or Close, not {SHOWN_CLOSE}",
    ),
    "no sequence of actions": (
        sim(ONE, PATH, actions=None),
        "actions must be a list of actions such as Open or Close, not None",
    ),
    "no record": (
        sim(ONE, PATH, record=None),
        "record must be a list of names out of equity, requirement, size, not None",
    ),
    "a record that is a word": (
        sim(ONE, PATH, record="equity"),
        "record must be a list of names out of equity, requirement, size, not 'equity'",
    ),
    "a record of what is none": (
        sim(ONE, PATH, record=["equity", "profit"]),
        "record must be one of 'equity', 'requirement', 'size', not 'profit'",
    ),
    "a record of a number": (
        sim(ONE, PATH, record=[1]),
        "record must be one of 'equity', 'requirement', 'size', not 1",
    ),
    "an account that is a position": (
        sim(Position(BTC, 1, 100), PATH),
        f"account must be of the class Account, not {Position(BTC, 1, 100)!r}",
    ),
    "no account": (sim(None, PATH), "account must be of the class Account, not None"),
    "rules that are a word": (sim(ONE, PATH, rules="mild"), "rules must be of the class Rules, not 'mild'"),
    "a top-up that is a number": (sim(ONE, PATH, top_up=0.1), "top_up must be of the class TopUp, not 0.1"),
    "a top-up that is False": (sim(ONE, PATH, top_up=False), "top_up must be of the class TopUp, not False"),
    "unknown treatment of refusals": (
        sim(ONE, PATH, on_refusal="ignore"),
        "on_refusal must be one of 'raise', 'record', not 'ignore'",
    ),
    "no treatment of refusals": (
        sim(ONE, PATH, on_refusal=None),
        "on_refusal must be one of 'raise', 'record', not None",
    ),
    "depths of three positions for one": (
        sim(ONE, PATH, rules=Rules(depth=[1, 2, 3])),
        "depth must have one value a position in the last axis (1), not shape (3,)",
    ),
}


@pytest.mark.parametrize(("call", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_input_is_refused_by_name_and_shown(call, message):
    with pytest.raises(ValueError, match="must") as refusal:
        call()
    assert str(refusal.value) == message


def test_prices_that_are_no_function_are_refused_like_any_other_thing():
    assert_refused(sim(ONE, max), "prices", "built-in function max")


def test_options_that_do_not_exist_are_refused_by_name():
    with pytest.raises(TypeError, match="unexpected keyword argument 'fees'"):
        simulate(ONE, PATH, fees=0.1)
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        simulate(ONE, PATH, Rules())
