"""More paths than one processor or one machine likes: in chunks, on any executor, always the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from ..margin.account import Account
from ..margin.rules import Rules
from ..markets.price_models import PriceModel
from .actions import Action, TopUp
from .deleveraging import Deleverage
from .engine import simulate
from .orders import AutoMargin
from .results import Outcome
from .schedule import actions_of


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
    auto_margin: AutoMargin | None = None,
    actions: Sequence[Action] = (),
    record: Sequence[str] = (),
    on_refusal: str = "raise",
) -> Outcome:
    """Return what becomes of an account on many paths drawn from a model.

    Parameters
    ----------
    account, rules, funding, top_up, auto_margin, actions, record, on_refusal
        As for :func:`simulate`; one account, and funding the same for all paths: () or (n,) or (T, n).
    model
        What prices are drawn from.
    paths, steps
        How many paths K, and steps of each.
    seed
        Whole number of 0 or more. Each chunk draws from a seed spawned from it, so that the paths depend on
        `seed` and `chunk`, but neither on the executor nor on which chunk is done first. From seeds of their own
        the closings are drawn that have a random order.
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

    Raises
    ------
    ValueError
        As :func:`simulate`; and for more than one account, another model than a `PriceModel`, counts that are not
        whole, and what is no executor.

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
    _checks.instance("account", account, Account)
    _checks.instance("model", model, PriceModel)
    if account.lead:
        raise ArgumentError("account", "must be one account, not an array of them")
    if executor is not None:
        _checks.instance("executor", executor, Executor)
    if progress is not None:
        _checks.truth("progress", progress)
    paths, chunk = _checks.count("paths", paths), _checks.count("chunk", chunk)
    seeds = np.random.SeedSequence(_checks.count("seed", seed, least=0)).spawn(-(-paths // chunk))
    sizes = [min(chunk, paths - chunk * i) for i in range(len(seeds))]
    rates = None if funding is None else _checks.numbers("funding", funding)
    along = partial(simulate, account, rules=rules, funding=rates, top_up=top_up, auto_margin=auto_margin)
    along = partial(along, actions=_of_all_paths(actions), record=record, on_refusal=on_refusal)
    jobs = [_Job(along, model, size, steps, own) for size, own in zip(sizes, seeds, strict=True)]
    return Outcome.joined(_all(jobs, executor, progress))


def _of_all_paths(actions: Sequence[Action]) -> tuple[Action, ...]:
    """Refuse what names paths: their numbers begin anew in each chunk."""
    taken = actions_of(actions)
    for action in taken:
        if isinstance(action, Deleverage) and action.paths is not None:
            raise ArgumentError("actions", f"must not name paths, which are drawn here, as {shown(action)} does")
    return taken


class _Job(NamedTuple):
    """One chunk, as it can be sent to another process."""

    along: Callable[..., Outcome]
    model: PriceModel
    paths: int
    steps: int
    seed: np.random.SeedSequence

    def outcome(self) -> Outcome:
        """Return what becomes of the account on this chunk's paths."""
        rng, (own,) = np.random.default_rng(self.seed), self.seed.spawn(1)
        prices = self.model.stream(rng, paths=self.paths, steps=self.steps)
        return self.along(prices, seed=int(own.generate_state(1, np.uint64)[0]))


def _all(jobs: list[_Job], executor: Executor | None, progress: bool | None) -> list[Outcome]:
    """Return the outcome of each job, in the order of the jobs."""
    from tqdm.auto import tqdm  # here, so that importing the package does not wait for it

    disable = None if progress is None else not progress
    with tqdm(total=sum(job.paths for job in jobs), unit=" paths", unit_scale=True, disable=disable) as bar:
        if executor is None:
            done = []
            for job in jobs:
                done.append(job.outcome())
                bar.update(job.paths)
            return done
        numbers: dict[Future[Outcome], int] = {executor.submit(job.outcome): i for i, job in enumerate(jobs)}
        found: dict[int, Outcome] = {}
        try:
            for future in as_completed(numbers):
                found[numbers[future]] = future.result()
                bar.update(jobs[numbers[future]].paths)
        finally:
            for future in numbers:
                future.cancel()
        return [found[i] for i in range(len(jobs))]
