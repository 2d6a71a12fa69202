"""Prices that could have been: models that draw paths for an ensemble of accounts.

Each model is a frozen value (comparable, picklable) with two methods: `PriceModel.stream` gives one step after
another, `PriceModel.sample` all of them; the same numbers to the last bit. All chance comes from the generator
handed in: a seed is all it takes to see a path again, and many processes take one each out of ``rng.spawn``.

*K* paths of *T* steps in *n* markets; step 0 is the first price after the start. A parameter is one number, or one
a market. Deviations, jumps and returns are those of the log price. Crypto markets never close: a year has 365 days.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Floats, Numbers
from .events import SYMBOLS, event

if TYPE_CHECKING:
    # Half of what importing the package takes in a browser, and needed only once paths are drawn.
    from numpy.random import Generator

DAYS_PER_YEAR, FOUR_HOURS_PER_YEAR = 365, 365 * 6
HOURS_PER_YEAR, MINUTES_PER_YEAR = 365 * 24, 365 * 24 * 60
# So many prices are held at a time, 8 GB.
MOST_PRICES = 2**30
_WIDE = 1e6  # what may be as large as this can take a price beyond a float, and is named then


class _Allowed(NamedTuple):
    """What a parameter may be: from `low` to `high`, of one of these shapes in `axes` (any if empty), whole or not."""

    low: float
    high: float
    axes: tuple[int, ...] = ()
    whole: bool = False


# Along how many axes a parameter may have one value a market: (0,) is one number, (0, 1) one number or one a market.
_COUNT = _Allowed(1, 10**9, (0,), whole=True)
_RATE, _SHARE = _Allowed(0.0, 1e4, (0, 1)), _Allowed(0.0, 1.0, (0, 1))
_DEVIATION, _MEAN = _Allowed(0.0, _WIDE, (0, 1)), _Allowed(-_WIDE, _WIDE, (0, 1))
_LEVEL = _Allowed(1e-50, 1e50, (0, 1))
_ALLOWED = {
    "start": _Allowed(1e-50, 1e50, (1,)),
    "paths": _COUNT,
    "steps": _COUNT,
    "steps_per_year": _Allowed(1.0, 1e12, (0,)),
    "volatility_per_year": _DEVIATION,
    "drift_per_year": _MEAN,
    "correlation": _Allowed(-1 - 1e-8, 1 + 1e-8, (0, 2)),
    "common_jumps_per_year": _Allowed(0.0, 1e4, (0,)),
    "common_jump_mean": _Allowed(-_WIDE, _WIDE, (0,)),
    "common_jump_deviation": _Allowed(0.0, _WIDE, (0,)),
    "beta": _Allowed(-1e3, 1e3, (0, 1)),
    "own_jumps_per_year": _RATE,
    "own_jump_mean": _MEAN,
    "own_jump_deviation": _DEVIATION,
    "level": _LEVEL,
    "speed_per_year": _LEVEL,
    "fall": _Allowed(0.0, 0.999999, (0, 1)),
    "at_step": _Allowed(0, 10**9, (0,), whole=True),
    "down_steps": _COUNT,
    "back_steps": _COUNT,
    "recovery": _SHARE,
    "log_returns": _Allowed(-_WIDE, _WIDE),
    "block_steps": _COUNT,
}


@dataclass(frozen=True)
class PriceModel(ABC):
    """What all models share: a `start`, the price of each market before the first step, and two ways to draw.

    Most take `volatility_per_year`, the deviation of a year's log return; `steps_per_year`, such as ``HOURS_PER_YEAR``;
    and the `correlation` of normal shocks: ``None``, one number for all pairs, or a matrix of shape (n, n), which may
    be singular: at 1 or −1 two markets move as one.
    """

    start: ArrayLike

    def __post_init__(self) -> None:
        n = _checks.numbers("start", self.start).size or 1
        for name, value in list(vars(self).items()):
            if name == "correlation":
                _matrix(value, n)
            else:
                _check(name, value, n)
            object.__setattr__(self, name, _frozen(np.asarray(value).tolist()))  # nobody can change it afterwards

    def stream(self, rng: Generator, *, paths: int, steps: int) -> Iterator[Floats]:
        """Return an iterator over the steps, few of them held at a time.

        Parameters
        ----------
        rng
            It is drawn from as steps are taken: nothing else should draw from it in between.
        paths, steps
            *K* and *T*, 1 or more.

        Returns
        -------
        iterator of array
            The prices of one step after another, above 0, shape (K, n).

        Raises
        ------
        ArgumentError
            For malformed arguments, at once; for a price beyond what a float holds, at its step.
        """
        _check_draw(rng, paths, steps)
        return self._fill((np.empty((np.size(self.start), paths)) for _ in range(steps)), rng, paths)

    def sample(self, rng: Generator, *, paths: int, steps: int) -> Floats:
        """Return all steps of a `stream` as one array.

        Parameters
        ----------
        rng
            Left as the whole stream would leave it.
        paths, steps
            *K* and *T*, 1 or more.

        Returns
        -------
        array
            Prices above 0, shape (K, T, n), with ``prices[:, t].T`` in one piece.

        Raises
        ------
        ArgumentError
            For malformed arguments, and for a price beyond what a float holds.
        """
        _check_draw(rng, paths, steps)
        _check_room(paths, np.size(self.start) * int(steps))
        blocks = np.empty((steps, np.size(self.start), paths))
        for _ in self._fill(blocks, rng, paths):
            pass  # a step is in its block as soon as it is drawn
        return blocks.transpose(2, 0, 1)

    @abstractmethod
    def _logs(self, rng: Generator, log: Floats) -> Iterator[Floats]:
        """Yield log(price / start) of shape (n, K) without end; `log` is 0 at first, and may be written to."""

    def _fill(self, blocks: Iterable[Floats], rng: Generator, paths: int) -> Iterator[Floats]:
        """Write a step into each block of shape (n, K), and yield it as (K, n)."""
        start, logs = self._column("start"), self._logs(rng, np.zeros((np.size(self.start), paths)))
        for step, prices in enumerate(blocks):
            with np.errstate(all="ignore"):
                np.exp(next(logs), out=prices)
                prices *= start
                low, high = prices.min(), prices.max()
            if not (low >= np.finfo(float).tiny and high <= np.finfo(float).max):  # asked so that nan is refused too
                wide = {name: np.abs(value).max() for name, value in vars(self).items() if _ALLOWED[name].high == _WIDE}
                listed = " or ".join(f"{name} (up to {most:g})" for name, most in wide.items() if most)
                raise ArgumentError(
                    listed, f"must be nearer to 0: step {step} would take prices to {low:g} and {high:g}"
                )
            yield prices.T

    def _column(self, name: str) -> Floats:
        """Return a parameter as one number a market, shape (n, 1)."""
        return np.broadcast_to(np.asarray(getattr(self, name), dtype=float), np.shape(self.start))[:, None]


@dataclass(frozen=True, kw_only=True)
class Diffusion(PriceModel):
    r"""Geometric diffusion: log returns that are normal, and independent from step to step.

    .. math:: \ln P_{t+1} = \ln P_t + (\mu - \sigma^2 / 2)\, dt + \sigma \sqrt{dt}\, Z_t

    The drift :math:`\mu` is the growth rate of the expected price, :math:`P_0 e^{\mu t}`.

    Examples
    --------
    >>> model = Diffusion([6e4, 2e3], volatility_per_year=0.5, correlation=0.8, steps_per_year=HOURS_PER_YEAR)
    >>> model.sample(np.random.default_rng(1), paths=1, steps=1).round(1)
    array([[[60216.4,  2009.5]]])
    """

    volatility_per_year: ArrayLike
    steps_per_year: float
    drift_per_year: ArrayLike = 0.0
    correlation: ArrayLike | None = None

    def _logs(self, rng: Generator, log: Floats) -> Iterator[Floats]:
        volatility, dt = self._column("volatility_per_year"), 1 / self.steps_per_year
        drift = (self._column("drift_per_year") - volatility**2 / 2) * dt
        return _walk(rng, log, 1.0, drift, volatility * np.sqrt(dt), _matrix(self.correlation, len(log)))


@dataclass(frozen=True, kw_only=True)
class JumpDiffusion(Diffusion):
    r"""A diffusion with jumps: common ones hit all markets in the same step, own ones one market alone.

    A step adds :math:`\beta \sum_{i=1}^{N} J_i + \sum_{i=1}^{N'} J'_i - \kappa\, dt` to that of a `Diffusion`: *J* are
    common jumps (one number each), *J'* own ones, normal (a mean of −0.1 is a fall of 9.5 %), in Poisson counts (rate
    :math:`\lambda`, up to 10,000 a year). The drift is compensated: with :math:`\kappa = \lambda (E e^{\beta J} - 1) +
    \lambda' (E e^{J'} - 1)` the expected price is :math:`P_0 e^{\mu t}`; where jumps go down, the rest drifts up.
    """

    common_jumps_per_year: float = 0.0
    common_jump_mean: float = 0.0
    common_jump_deviation: float = 0.0
    beta: ArrayLike = 1.0
    own_jumps_per_year: ArrayLike = 0.0
    own_jump_mean: ArrayLike = 0.0
    own_jump_deviation: ArrayLike = 0.0

    def _logs(self, rng: Generator, log: Floats) -> Iterator[Floats]:
        names = ("jumps_per_year", "jump_mean", "jump_deviation")
        # A row for each market's own jumps, and the last for the common ones, which reach all markets.
        rates, means, deviations = (np.vstack([self._column(f"own_{n}"), getattr(self, f"common_{n}")]) for n in names)
        reach = np.hstack([np.eye(len(log)), self._column("beta")])
        expected, paths, diffused = rates / self.steps_per_year, log.shape[1], super()._logs(rng, log)
        growth = np.expm1(reach * means.T + (reach * deviations.T) ** 2 / 2) @ expected
        while True:
            moved = next(diffused)
            # One Poisson count for all paths, dealt out evenly, makes Poisson counts again, at the cost of the jumps.
            counts = rng.poisson(expected * paths).ravel().astype(np.intp)  # 32 bits in a browser
            place = np.repeat(np.arange(counts.size) * paths, counts) + rng.integers(paths, size=counts.sum())
            sizes = np.repeat(means, counts) + np.repeat(deviations, counts) * rng.standard_normal(place.size)
            moved += reach @ np.bincount(place.astype(np.intp), sizes, counts.size * paths).reshape(-1, paths) - growth
            yield moved


@dataclass(frozen=True, kw_only=True)
class MeanReversion(PriceModel):
    r"""Prices drawn back to a level: the log price is an Ornstein-Uhlenbeck process, with exact steps.

    .. math:: x_{t+1} = e^{-k\, dt} x_t + \sigma \sqrt{(1 - e^{-2 k\, dt}) / 2k}\, Z_t

    Here :math:`x = \ln(P / L)`, and *k* is the speed: half of the way back, in logs, takes :math:`\ln 2 / k` years. In
    the long run *x* has mean 0 and deviation :math:`\sigma / \sqrt{2k}`: the level *L* is the median. The correlation
    is that of shocks that come all the time; where speeds differ, the *Z* have a little less.
    """

    level: ArrayLike
    speed_per_year: ArrayLike
    volatility_per_year: ArrayLike
    steps_per_year: float
    correlation: ArrayLike | None = None

    def _logs(self, rng: Generator, log: Floats) -> Iterator[Floats]:
        speed = self._column("speed_per_year") / self.steps_per_year
        pull = -np.expm1(-speed) * np.log(self._column("level") / self._column("start"))
        # What a step's end keeps of the shocks that came during the step, times those of another market.
        kept = -np.expm1(-speed - speed.T) / (speed + speed.T)
        root = np.sqrt(kept.diagonal())[:, None]
        deviation = self._column("volatility_per_year") / np.sqrt(self.steps_per_year) * root
        alike = _matrix(self.correlation, len(log)) * kept / root / root.T
        return _walk(rng, log, np.exp(-speed), pull, deviation, alike)


@dataclass(frozen=True, kw_only=True)
class FlashCrash(Diffusion):
    """A fall that is won back, all or in part: straight lines in the log price, on top of a diffusion.

    Without noise unless asked for. Prices lose the fraction `fall`: `at_step` is the first step that is lower,
    ``at_step + down_steps - 1`` the lowest; `back_steps` later, the share `recovery` of the fall is won back for good.
    """

    volatility_per_year: ArrayLike = 0.0
    fall: ArrayLike
    at_step: int
    down_steps: int
    back_steps: int = 1
    recovery: ArrayLike = 0.0

    def _logs(self, rng: Generator, log: Floats) -> Iterator[Floats]:
        low, end = np.log1p(-self._column("fall")), np.log1p(self._column("fall") * (self._column("recovery") - 1))
        step, diffused = -self.at_step, super()._logs(rng, log)
        while True:
            step += 1
            down, back = np.clip([step / self.down_steps, (step - self.down_steps) / self.back_steps], 0, 1)
            yield next(diffused) + (down * low + back * (end - low))


@dataclass(frozen=True, kw_only=True)
class Bootstrap(PriceModel):
    """Returns that were, in another order: blocks of consecutive returns, drawn with replacement.

    `log_returns` has a row a step and a column a market. A block of `block_steps` takes all markets at the same times,
    so what fell together still does; all paths change blocks together. None runs over from the record's end to its
    start: each happened. So both ends come up less often, and the record's drift (a crash, mostly) comes along.
    """

    log_returns: ArrayLike
    block_steps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        shape, least = np.shape(self.log_returns), (self.block_steps, np.size(self.start))
        if shape[1:] != least[1:] or shape[0] < least[0]:
            raise ArgumentError(
                "log_returns", f"must have block_steps rows or more, a column a market: {least}, not {shape}"
            )

    @classmethod
    def of_event(cls, name: str, *, start: ArrayLike, block_steps: int, symbols: Sequence[str] = SYMBOLS) -> Bootstrap:
        """Return the bootstrap of a real event's four-hour returns, from close to close, in these markets.

        Not those of its `PricePath`, whose lows and highs come in an order that is assumed.

        Parameters
        ----------
        name
            One of `event_names`.
        start
            The price of each market before the first step, shape (n,).
        block_steps
            How many returns a block has, from 1 to as many as the event has.
        symbols
            Whose returns each market makes, one of ``SYMBOLS`` a market; one may come up twice.

        Returns
        -------
        Bootstrap
            Its steps are four hours each.

        Raises
        ------
        ArgumentError
            For another name or symbol, for a start that is not one price a symbol, and for blocks out of their range.

        Examples
        --------
        >>> model = Bootstrap.of_event("covid-2020", start=[6e4, 2e3], block_steps=6)
        >>> model.sample(np.random.default_rng(1), paths=100, steps=42).shape
        (100, 42, 2)
        """
        named = (
            [symbols] if isinstance(symbols, str) else _checks.listed("symbols", symbols, "of symbols", _checks.MANY)
        )
        columns = [SYMBOLS.index(_checks.one_of("symbols", symbol, SYMBOLS)) for symbol in named]
        return cls(start, log_returns=np.diff(np.log(event(name).close[:, columns]), axis=0), block_steps=block_steps)

    def _logs(self, rng: Generator, log: Floats) -> Iterator[Floats]:
        returns = np.array(self.log_returns).T
        while True:
            first = rng.integers(returns.shape[1] - self.block_steps + 1, size=log.shape[1])
            for step in range(self.block_steps):
                log += returns[:, first + step]
                yield log


def _walk(
    rng: Generator, log: Floats, keep: Numbers, mean: Floats, deviation: Floats, alike: Floats
) -> Iterator[Floats]:
    """Yield `log` after each step: what is kept of it, plus normal changes that are as much alike as markets are."""
    values, vectors = np.linalg.eigh(alike)
    # The symmetric root: eigenvectors differ between machines. Rounding is made 0, or markets at 1 would part.
    shock = deviation * (vectors * np.sqrt(np.where(values > 1e-12, values, 0)) @ vectors.T)
    change, drawn = np.empty((2, *log.shape))
    while True:
        np.matmul(shock, rng.standard_normal(out=drawn), out=change)
        log *= keep
        log += change
        log += mean
        yield log


def _check_draw(rng: Generator, paths: int, steps: int) -> None:
    if not isinstance(rng, np.random.Generator):
        wanted = "must be a numpy.random.Generator, as numpy.random.default_rng(seed) makes"
        raise ArgumentError("rng", f"{wanted}, not {shown(rng)}")
    _check("paths", paths, 1)
    _check("steps", steps, 1)


def _check_room(paths: int, held: int) -> None:
    """Refuse more paths than fit into memory, each of which holds so many prices."""
    if int(paths) * held > MOST_PRICES:
        raise ArgumentError("paths", f"must be at most {MOST_PRICES // held:,} of {held:,} prices each, not {paths:,}")


def _check(name: str, value: ArrayLike, n: int) -> Floats:
    """Return an argument for n markets as floats, or refuse it."""
    array, allowed = _checks.numbers(name, value), _ALLOWED[name]
    whole = np.asarray(value).dtype.kind in "iu"
    if not ((array >= allowed.low) & (array <= allowed.high)).all() or (allowed.whole and not whole):
        wanted = "must be whole and lie" if allowed.whole else "must lie"
        raise ArgumentError(name, f"{wanted} between {allowed.low:g} and {allowed.high:g}, not {shown(value)}")
    shapes = [(n,) * axis for axis in allowed.axes]
    if shapes and array.shape not in shapes:
        wanted = " or ".join(f"of shape {shape}" if shape else "one number" for shape in shapes)
        raise ArgumentError(name, f"must be {wanted}, not {shown(value)}")
    return array


def _matrix(correlation: ArrayLike | None, n: int) -> Floats:
    """Return the correlation matrix that a matrix, one number or None stands for."""
    given = _check("correlation", 0.0 if correlation is None else correlation, n)
    matrix = given if given.ndim else np.where(np.eye(n, dtype=bool), 1.0, given)
    if np.abs([matrix - matrix.T, np.diag(matrix.diagonal() - 1)]).max() > 1e-8:
        raise ArgumentError("correlation", f"must be symmetric, with 1 on its diagonal, not {shown(correlation)}")
    if (least := np.linalg.eigvalsh(matrix)[0]) < -1e-8:
        raise ArgumentError(
            "correlation", f"must have no eigenvalue below 0, not {shown(correlation)}, whose least is {least:g}"
        )
    return matrix


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
