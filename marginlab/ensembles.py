"""More paths than one processor or one machine likes: in chunks, on any executor, always the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future, as_completed
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .account import Account
from .actions import Action
from .engine import simulate
from .outcome import Outcome
from .paths import PriceModel
from .rules import Rules, TopUp


def run_many(
    account: Account,
    model: PriceModel,
    *,
    paths: int,
    steps: int,
    seed: int,
    chunk: int = 10_000,
    executor: Executor | None = None,
    progress: bool | None = None,
    rules: Rules | None = None,
    funding: ArrayLike | None = None,
    top_up: TopUp | None = None,
    actions: Sequence[Action] = (),
    record: Sequence[str] = (),
    on_refusal: str = "raise",
) -> Outcome:
    """Return what becomes of an account on many paths drawn from a model.

    Parameters
    ----------
    account, rules, funding, top_up, actions, record, on_refusal
        As for :func:`simulate`; one account, and funding the same for all paths: () or (n,) or (T, n).
    model
        What prices are drawn from.
    paths, steps
        How many paths K, and steps of each.
    seed
        Whole number of 0 or more. Each chunk draws from a seed spawned from it, so that the paths depend on
        `seed` and `chunk`, but neither on the executor nor on which chunk is done first.
    chunk
        Paths at a time. Their prices are streamed, never all in memory.
    executor
        Any ``concurrent.futures.Executor``: a pool of processes, or ``Client.get_executor()`` of a Dask cluster.
        ``None`` stays in this process.
    progress
        Whether to show a bar; ``None`` for one in a terminal only.

    Returns
    -------
    Outcome
        Of all K paths, in the order of the chunks.

    Examples
    --------
    How often does a 20x long not live to see the next day, at 60 % volatility a year, looked at every hour?

    >>> from marginlab import Contract, Diffusion, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.005, max_leverage=100))
    >>> account = Account.open([Position(btc, 1, 50_000, mode="isolated", leverage=20)], balance=2_500)
    >>> hourly = Diffusion([50_000.0], volatility_per_year=0.6, steps_per_year=365 * 24)
    >>> outcome = run_many(account, hourly, paths=20_000, steps=24, seed=1)
    >>> print(f"{1 - outcome.survived.mean():.2f}")
    0.12
    """
    for name, value, kind in (("account", account, Account), ("model", model, PriceModel)):
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be of the class {kind.__name__}, not {value!r}")
    if np.ndim(account.wallet) or account.size.ndim > 1:
        raise ValueError("account must be one account, not an array of them")
    if executor is not None and not isinstance(executor, Executor):
        raise ValueError(f"executor must be a concurrent.futures.Executor, not {executor!r}")
    if progress is not None:
        checks.truth("progress", progress)
    paths, chunk = checks.count("paths", paths), checks.count("chunk", chunk)
    seeds = np.random.SeedSequence(checks.count("seed", seed, least=0)).spawn(-(-paths // chunk))
    sizes = [min(chunk, paths - chunk * i) for i in range(len(seeds))]
    settings = {
        "rules": rules,
        "funding": None if funding is None else checks.numbers("funding", funding),
        "top_up": top_up,
        "actions": tuple(actions),
        "record": tuple(record),
        "on_refusal": on_refusal,
    }
    jobs = [(account, model, size, steps, own, settings) for size, own in zip(sizes, seeds, strict=True)]
    return Outcome.joined(_all(jobs, executor, progress))


def _all(jobs: list[Any], executor: Executor | None, progress: bool | None) -> list[Outcome]:
    """Return the outcome of each job, in the order of the jobs."""
    from tqdm.auto import tqdm  # here, so that importing the package does not wait for it

    disable = None if progress is None else not progress
    with tqdm(total=sum(job[2] for job in jobs), unit=" paths", unit_scale=True, disable=disable) as bar:
        if executor is None:
            done = []
            for job in jobs:
                done.append(_one(*job))
                bar.update(job[2])
            return done
        places: dict[Future[Outcome], int] = {executor.submit(_one, *job): i for i, job in enumerate(jobs)}
        found: dict[int, Outcome] = {}
        try:
            for future in as_completed(places):
                found[places[future]] = future.result()
                bar.update(jobs[places[future]][2])
        finally:
            for future in places:
                future.cancel()
        return [found[i] for i in range(len(jobs))]


def _one(account: Account, model: PriceModel, paths: int, steps: int, seed: Any, settings: dict[str, Any]) -> Outcome:
    """Return the outcome of one chunk; as a function of its own, so that it can be sent to another process."""
    rng = np.random.default_rng(seed)
    return simulate(account, model.stream(rng, paths=paths, steps=steps), **settings)
