"""How an account might fare by chance: ruin and losses in both margin modes, on the same drawn prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Bools, Floats, Numbers
from ..formatting import Table, as_amount, percent
from ..markets.price_models import DAYS_PER_YEAR, Diffusion, JumpDiffusion, MeanReversion, PriceModel
from .report import Comparison
from .scenarios import marks_along, outcomes_of

MODELS = ("diffusion", "jumps", "mean reversion")
# Twelve common jumps a year, down by 5 % in the mean, on top of the volatility; half of the way back takes a week.
JUMPS = {"common_jumps_per_year": 12.0, "common_jump_mean": -0.05, "common_jump_deviation": 0.1}
SPEED_PER_YEAR = float(np.log(2) / 7 * DAYS_PER_YEAR)
QUANTILES = (0.5, 0.95, 0.99)
MOST_PATHS = 10**9


@dataclass(frozen=True)
class Share:
    """On how many of the paths something happened, and what that says of its probability.

    Attributes
    ----------
    hits, paths
        On how many, of how many.
    low, high
        Wilson interval: the probabilities that would not be surprising, at the confidence asked for.
    """

    hits: int
    paths: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of the paths."""
        return self.hits / self.paths

    @classmethod
    def of(cls, hits: int, paths: int, *, confidence: float = 0.95) -> Share:
        r"""Return a count with its interval.

        The ends are those *p* at which the count is :math:`z` deviations from its expectation,
        :math:`|\hat p - p| = z \sqrt{p (1 - p) / n}` (Wilson 1927).

        Parameters
        ----------
        hits, paths
            On how many, of how many.
        confidence
            Of the interval, in [0, 1).

        Returns
        -------
        Share
            The count with the ends of its interval.

        Raises
        ------
        ArgumentError
            For a confidence out of its range, and counts that are none.

        Examples
        --------
        >>> one = Share.of(10, 100)
        >>> round(one.low, 4), round(one.high, 4)
        (0.0552, 0.1744)
        """
        from statistics import NormalDist  # a page fetches it with what else chance needs

        _checks.count("hits", hits, least=0, most=_checks.count("paths", paths, most=MOST_PATHS))
        z = NormalDist().inv_cdf((1 + _checks.between("confidence", confidence, 0, 1, open_above=True)) / 2)
        share, spread = hits / paths, z * z / paths
        middle = (share + spread / 2) / (1 + spread)
        half = z * np.sqrt(share * (1 - share) / paths + spread / paths / 4) / (1 + spread)
        # Rounding must not leave the share itself outside.
        return cls(hits, paths, min(share, max(0.0, float(middle - half))), max(share, min(1.0, float(middle + half))))


@dataclass(frozen=True, eq=False)
class Chances:
    """What became of an account on the paths drawn so far.

    Attributes
    ----------
    columns
        The C accounts compared, by the names of the columns.
    equity
        What the account was worth at the start, in each of them the same.
    left
        What is left at the end of each of K paths, shape (C, K).
    closed
        Whether any position was closed by force, in part or as a whole, shape (C, K).
    paths
        How many paths there will be in the end.
    ruin_at
        Ruin is to have no more left than this share of the equity at the start.
    """

    columns: tuple[str, ...]
    equity: float
    left: Floats
    closed: Bools
    paths: int
    ruin_at: float

    @property
    def done(self) -> int:
        """How many paths are drawn."""
        return int(self.left.shape[1])

    def ruin(self, column: str) -> Share:
        """Return how often the account was ruined.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        Share
            Of the paths drawn so far.

        Raises
        ------
        ArgumentError
            For another name.
        """
        return Share.of(int((self.left[self._index(column)] <= self.ruin_at * self.equity).sum()), self.done)

    def lost(self, column: str) -> Share:
        """Return how often any position was closed by force.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        Share
            Of the paths drawn so far.

        Raises
        ------
        ArgumentError
            For another name.
        """
        return Share.of(int(self.closed[self._index(column)].sum()), self.done)

    def losses(self, column: str) -> Floats:
        """Return what was lost on each path (K,), negative for a gain.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        array
            In the contracts' currency.

        Raises
        ------
        ArgumentError
            For another name.
        """
        return np.asarray(self.equity - self.left[self._index(column)])

    def loss_quantile(self, column: str, share: ArrayLike) -> Numbers:
        """Return the loss that this share of the paths does not exceed.

        Parameters
        ----------
        column
            Name of the account.
        share
            From 0 to 1; any shape.

        Returns
        -------
        float or array
            In the contracts' currency, negative for a gain; the shape of `share`.

        Raises
        ------
        ArgumentError
            For another name, and for shares below 0 or above 1.
        """
        wanted = _checks.not_negative("share", share)
        if (wanted > 1).any():
            raise ArgumentError("share", f"must be at most 1, not {shown(share)}")
        return _checks.plain(np.quantile(self.losses(column), wanted))

    @property
    def table(self) -> Table:
        """How often what happened in every column, with intervals, and what it cost."""
        shares = (
            ("a position is lost", map(self.lost, self.columns)),
            (f"ruin: {percent(self.ruin_at)} or less is left", map(self.ruin, self.columns)),
        )
        rows = [
            (name, *(f"{percent(one.share, 1)} ({percent(one.low, 1)} to {percent(one.high, 1)})" for one in ones))
            for name, ones in shares
        ]
        rows += [
            (
                f"loss on {percent(share)} of paths, at most",
                *(as_amount(float(self.loss_quantile(name, share))) for name in self.columns),
            )
            for share in QUANTILES
        ]
        head = (f"{self.done:,} of {self.paths:,} paths", *self.columns)
        return Table("How often, with a confidence interval, and at what cost", head, rows, names=head[:1])

    def __str__(self) -> str:
        return str(self.table)

    def _index(self, column: str) -> int:
        return self.columns.index(_checks.one_of("column", column, self.columns))


class Settings(TypedDict, total=False):
    """What :func:`chances_so_far` can be asked, by its names."""

    model: str
    volatility: ArrayLike
    correlation: float
    days: float
    steps_per_day: int
    paths: int
    seed: int
    chunk: int
    ruin_at: float


def chances_of(
    comparison: Comparison, *, progress: Callable[[Chances], object] | None = None, **settings: Unpack[Settings]
) -> Chances:
    """Return how an account might fare.

    Parameters
    ----------
    comparison
        What :func:`compare` found.
    progress
        Called with what is known after each chunk; what it returns cancels the rest if true.
    settings
        As for :func:`chances_so_far`.

    Returns
    -------
    Chances
        On all paths, or on those drawn until it was cancelled.

    Raises
    ------
    ArgumentError
        As :func:`chances_so_far`.

    Examples
    --------
    How often does the bet lose its margin within ten days, and how often the whole account?

    >>> from marginlab.comparison import compare
    >>> from marginlab.portfolio import preset
    >>> bet = preset("one-20x-bet")
    >>> found = chances_of(compare(bet.account, bet.marks, venue=bet.venue), days=10, paths=5_000)
    >>> [round(found.lost(column).share, 2) for column in ("all cross", "all isolated")]
    [0.08, 0.61]
    >>> [round(found.ruin(column).share, 2) for column in ("all cross", "all isolated")]
    [0.09, 0.0]
    """
    if progress is not None:
        _checks.function("progress", progress)
    for known in chances_so_far(comparison, **settings):
        if progress is not None and progress(known):
            break
    return known


def chances_so_far(
    comparison: Comparison,
    *,
    model: str = "diffusion",
    volatility: ArrayLike = 0.6,
    correlation: float = 0.8,
    days: float = 30,
    steps_per_day: int = 6,
    paths: int = 20_000,
    seed: int = 1,
    chunk: int = 5_000,
    ruin_at: float = 0.1,
) -> Iterator[Chances]:
    """Return an iterator over what is known after each chunk of paths; to cancel, take no more.

    Parameters
    ----------
    comparison
        What :func:`compare` found: its columns go along the same paths, under its venue's rules, without funding.
    model
        ``"diffusion"``; ``"jumps"``: with common jumps, a dozen a year, mostly down; ``"mean reversion"``: to the
        marks of today, half of the way in a week.
    volatility
        A year's deviation of log returns, apart from the jumps: one for all, or one a market. Markets are the
        different contracts, in order; both sides of one go along one path. With collateral they are the coins, and
        assets with a mark of their own stand still.
    correlation
        Of all pairs of markets.
    days, steps_per_day
        How long, and how often prices are looked at: rarer looks miss what comes back in between.
    paths, seed, chunk
        How many paths, from which seed, and how many at a time.
    ruin_at
        Ruin is to have no more left than this share of the equity at the start.

    Returns
    -------
    iterator of Chances
        One a chunk, each on all paths drawn so far.

    Raises
    ------
    ArgumentError
        At once, for arguments that are not as above, and for an account without equity.
    """
    _checks.instance("comparison", comparison, Comparison)
    equity = comparison.columns[0].equity
    if equity <= 0:
        raise ArgumentError(
            "comparison", f"must be of an account with something left, not of one with an equity of {equity:,.2f}"
        )
    account = comparison.account
    follows = [one.underlying if account.collateral else one for one in account.contracts]
    markets = list(dict.fromkeys(follows))
    of_position = [markets.index(one) for one in follows]
    start = [float(comparison.marks[of_position.index(i)]) for i in range(len(markets))]
    drawn = _model(model, start, volatility, correlation, _checks.count("steps_per_day", steps_per_day))
    steps = max(1, round(_checks.between("days", days, 0, 3650, open_below=True) * steps_per_day))
    _checks.between("ruin_at", ruin_at, 0, 1)
    paths, chunk = _checks.count("paths", paths), _checks.count("chunk", chunk)
    seeds = np.random.SeedSequence(_checks.count("seed", seed, least=0))
    empty = np.empty((len(comparison.columns), 0))
    known = Chances(tuple(comparison.accounts), equity, empty, empty.astype(bool), paths, ruin_at)
    return _chunks(comparison, known, drawn, of_position, steps, seeds, chunk)


def _chunks(
    comparison: Comparison,
    known: Chances,
    model: PriceModel,
    of_position: list[int],
    steps: int,
    seeds: np.random.SeedSequence,
    chunk: int,
) -> Iterator[Chances]:
    accounts, rules = comparison.accounts, comparison.rules
    while known.done < known.paths:
        count = min(chunk, known.paths - known.done)
        prices = model.sample(np.random.default_rng(*seeds.spawn(1)), paths=count, steps=steps)
        if of_position != list(range(prices.shape[-1])):
            prices = prices[..., of_position]
        if comparison.account.collateral:
            first = comparison.marks[[of_position.index(market) for market in of_position]]
            prices = marks_along(comparison.account, comparison.marks, prices / first)
        ends = outcomes_of(accounts, prices, rules=rules)
        left = np.stack([ends[name].equity for name in accounts])
        closed = np.stack([(ends[name].size != account.size).any(axis=-1) for name, account in accounts.items()])
        left, closed = np.hstack([known.left, left]), np.hstack([known.closed, closed])
        known = replace(known, left=left, closed=closed)
        yield known


def _model(name: str, start: list[float], volatility: ArrayLike, correlation: float, steps_per_day: int) -> PriceModel:
    _checks.one_of("model", name, MODELS)
    kinds: dict[str, Callable[..., PriceModel]] = {
        "diffusion": Diffusion,
        "jumps": partial(JumpDiffusion, **JUMPS),
        "mean reversion": partial(MeanReversion, level=start, speed_per_year=SPEED_PER_YEAR),
    }
    return kinds[name](
        start,
        volatility_per_year=volatility,
        steps_per_year=steps_per_day * DAYS_PER_YEAR,
        correlation=_checks.between("correlation", correlation, -1, 1) if len(start) > 1 else None,
    )
