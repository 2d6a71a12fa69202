"""Many paths in chunks: the same whoever works them out, and in whatever order."""

from __future__ import annotations

import random
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from marginlab import (
    Account,
    AddMargin,
    Contract,
    Diffusion,
    Outcome,
    Position,
    Rules,
    Tiers,
    TopUp,
    run_many,
    simulate,
)

from ..refusals import assert_refused

CONTRACTS = [Contract(name, Tiers.flat(0.005, max_leverage=100)) for name in ("BTC", "ETH")]
ACCOUNT = Account.of(
    [
        Position(CONTRACTS[0], 0.2, 50_000.0, mode="isolated", leverage=20),
        Position(CONTRACTS[1], -3.0, 3_000.0, leverage=20),
    ],
    wallet=600.0,
)
HOURLY = Diffusion([50_000.0, 3_000.0], volatility_per_year=0.9, correlation=0.6, steps_per_year=365 * 24)
TASK = {"paths": 70, "steps": 48, "seed": 5, "chunk": 16}


def same(one: Outcome, other: Outcome) -> bool:
    return all(np.array_equal(value, getattr(other, name)) for name, value in vars(one).items() if value is not None)


@pytest.fixture(scope="module")
def alone():
    return run_many(ACCOUNT, HOURLY, **TASK)


class Shuffled(Executor):
    """Does what it is given in an order of its own, once everything has been asked for."""

    def __init__(self, expected: int) -> None:
        self.waiting, self.expected = [], expected

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        self.waiting.append((future, function, args, kwargs))
        if len(self.waiting) == self.expected:
            random.Random(3).shuffle(self.waiting)
            for done, call, given, named in self.waiting:
                done.set_result(call(*given, **named))
        return future


def test_the_order_of_completion_changes_nothing(alone):
    assert same(run_many(ACCOUNT, HOURLY, **TASK, executor=Shuffled(5)), alone)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_random_order_of_closing_does_not_depend_on_the_workers_and_leaves_the_prices_as_they_are(workers):
    pool, rules = replace(ACCOUNT, mode="cross", margin=0.0), {"close": "market"}
    drawn = [run_many(pool, HOURLY, **TASK, rules=Rules(**rules, order=order)) for order in ("random", "as given")]
    with ThreadPoolExecutor(workers) as executor:
        again = run_many(pool, HOURLY, **TASK, rules=Rules(**rules, order="random"), executor=executor)
    assert same(again, drawn[0])
    # On the same prices a pool fails at the same time, whoever goes first.
    first = [np.where(one.liquidated < 0, 99, one.liquidated).min(axis=1) for one in drawn]
    np.testing.assert_array_equal(*first)
    assert (drawn[0].liquidated != drawn[1].liquidated).any()


@pytest.mark.parametrize("workers", [1, 8])
def test_the_number_of_workers_changes_nothing(alone, workers):
    with ThreadPoolExecutor(workers) as executor:
        assert same(run_many(ACCOUNT, HOURLY, **TASK, executor=executor), alone)


def test_other_processes_change_nothing(alone):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert same(run_many(ACCOUNT, HOURLY, **TASK, executor=executor), alone)


def test_a_dask_cluster_changes_nothing(alone):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        assert same(run_many(ACCOUNT, HOURLY, **TASK, executor=executor), alone)


def test_each_chunk_draws_from_a_seed_of_its_own(alone):
    seeds = np.random.SeedSequence(5).spawn(5)
    sizes = [16, 16, 16, 16, 6]
    for seed, size, first in zip(seeds, sizes, range(0, 70, 16), strict=True):
        prices = HOURLY.sample(np.random.default_rng(seed), paths=size, steps=48)
        np.testing.assert_array_equal(simulate(ACCOUNT, prices).equity, alone.equity[first : first + size])
    assert np.unique(alone.equity).size > 60


def test_another_seed_gives_other_paths(alone):
    assert not same(run_many(ACCOUNT, HOURLY, **{**TASK, "seed": 6}), alone)


def test_one_chunk_will_do():
    outcome = run_many(ACCOUNT, HOURLY, paths=7, steps=5, seed=0)
    assert outcome.equity.shape == (7,)
    assert outcome.liquidated.shape == (7, 2)


def test_everything_an_account_may_go_through_is_handed_on():
    settings = {
        "rules": Rules(close="market", liquidation_fee=0.01),
        "funding": np.tile([0.0001, 0.0002], (48, 1)),
        "top_up": TopUp(every=4, target=0.05),
        "actions": [AddMargin(step=2, position=0, amount=10.0), AddMargin(step=3, position=1, amount=10.0)],
        "record": ["equity", "size"],
        "on_refusal": "record",
    }
    outcome = run_many(ACCOUNT, HOURLY, **{**TASK, "chunk": 70}, **settings)
    (seed,) = np.random.SeedSequence(5).spawn(1)
    prices = HOURLY.sample(np.random.default_rng(seed), paths=70, steps=48)
    assert same(outcome, simulate(ACCOUNT, prices, **settings))
    assert (outcome.refused == 1).any()
    assert outcome.size_path.shape == (70, 48, 2)


def test_a_bar_counts_the_paths(capsys):
    run_many(ACCOUNT, HOURLY, **TASK, progress=True)
    assert "70.0/70.0" in capsys.readouterr().err
    with ThreadPoolExecutor(2) as executor:
        run_many(ACCOUNT, HOURLY, **TASK, progress=True, executor=executor)
    assert "70.0/70.0" in capsys.readouterr().err
    # Where nobody watches, it keeps quiet; and where it is told to.
    run_many(ACCOUNT, HOURLY, **TASK)
    run_many(ACCOUNT, HOURLY, **TASK, progress=False)
    assert capsys.readouterr().err == ""


def test_what_goes_wrong_in_a_chunk_is_told_and_the_rest_is_not_begun():
    started = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function, /, *args, **kwargs):
            return super().submit(lambda: (started.append(1), function(*args, **kwargs))[1])

    actions = [AddMargin(step=48, position=0, amount=1.0)]
    with Counting(1) as executor, pytest.raises(ValueError, match="step must be one of 0 to 47"):
        run_many(ACCOUNT, HOURLY, **{**TASK, "paths": 20_000, "chunk": 100}, actions=actions, executor=executor)
    assert len(started) < 200


BAD = [
    ({"account": "mine"}, "account", "'mine'"),
    ({"account": Account(wallet=[1.0, 2.0], contracts=CONTRACTS, size=[1, 1], entry=[1, 1])}, "account", "array"),
    ({"account": Account(wallet=1.0, contracts=CONTRACTS, size=[[1, 1]], entry=[1, 1])}, "account", "array"),
    ({"model": None}, "model", "None"),
    ({"paths": 0}, "paths", "0"),
    ({"paths": 2.5}, "paths", "2.5"),
    ({"steps": 0}, "steps", "0"),
    ({"seed": -1}, "seed", "-1"),
    ({"seed": None}, "seed", "None"),
    ({"chunk": 0}, "chunk", "0"),
    ({"executor": 4}, "executor", "4"),
    ({"funding": [np.nan, 0.0]}, "funding", "nan"),
    ({"progress": "often"}, "progress", "'often'"),
    ({"rules": "kind"}, "rules", "'kind'"),
]


@pytest.mark.parametrize(("change", "name", "shown"), BAD, ids=lambda value: str(value)[:40])
def test_bad_input_is_refused_by_name(change, name, shown):
    given = {"account": ACCOUNT, "model": HOURLY, **TASK, **change}
    assert_refused(lambda: run_many(**given), name, shown)
