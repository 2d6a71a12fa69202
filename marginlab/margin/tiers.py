"""Maintenance brackets: what a venue asks you to keep, by the size of the position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Floats, Integers, Numbers

MEASURES = ("notional", "contracts")
HOW = ("added", "at least")


@dataclass(frozen=True)
class Growth:
    r"""How a maintenance rate grows with size without steps.

    At an amount *A* the rate that starts at *r* is :math:`r + f A^p` where the growth is added, as Deribit does it
    with *p* = 1, and :math:`\max(r, f A^p)` where it is at least that, as Orderly does it with *p* = 0.8.

    Parameters
    ----------
    factor
        *f*, above 0: what one unit of the amount brings.
    power
        *p*, above 0 and at most 2.
    how
        ``"added"`` to the rate, or the rate is ``"at least"`` that.
    initial
        The factor of the initial margin rate, which starts at 1 / `max_leverage` and grows in the same way; not below
        `factor`. ``None`` where that rate does not grow: then maintenance bounds the leverage of a large position.

    Examples
    --------
    >>> Growth(0.00005, power=0)
    Traceback (most recent call last):
        ...
    marginlab.ArgumentError: power must lie in (0, 2], not 0
    """

    factor: float
    power: float = 1.0
    how: str = "added"
    initial: float | None = None

    def __post_init__(self) -> None:
        _checks.keep(self)
        _checks.single("factor", self.factor, _checks.positive)
        _checks.between("power", self.power, 0, 2, open_below=True)
        _checks.one_of("how", self.how, HOW)
        if self.initial is not None and _checks.single("initial", self.initial) < self.factor:
            raise ArgumentError("initial", f"must be at least the factor ({self.factor:g}), not {shown(self.initial)}")

    def rate(self, start: Numbers, amount: Numbers, *, factor: float | None = None) -> Floats:
        """Return the rate at an amount, given where it starts. Unchecked.

        Parameters
        ----------
        start
            The rate that it grows from.
        amount
            0 or more; any shape.
        factor
            Another than that of the maintenance rate.

        Returns
        -------
        array
            The amount's shape.
        """
        grown = (self.factor if factor is None else factor) * np.power(amount, self.power)
        return np.asarray(start + grown if self.how == "added" else np.maximum(start, grown))

    def amount(self, start: float, rate: Numbers, *, factor: float | None = None) -> Floats:
        """Return the amount up to which the rate is no more than this, 0 for none; the inverse of `rate`. Unchecked.

        Parameters
        ----------
        start
            The rate that it grows from.
        rate
            0 or more; any shape.
        factor
            Another than that of the maintenance rate.

        Returns
        -------
        array
            The rate's shape.
        """
        grown = np.maximum(rate - start, 0.0) if self.how == "added" else np.where(np.less(rate, start), 0.0, rate)
        with np.errstate(over="ignore"):
            return np.asarray(np.power(grown / (self.factor if factor is None else factor), 1 / self.power))


@dataclass(frozen=True)
class Tiers:
    r"""Maintenance brackets: the larger the position, the higher the rate.

    In bracket *n* the maintenance margin is :math:`M = r_n V - c_n` with notional *V*.

    Parameters
    ----------
    floors
        Lower bound of each bracket, the first 0, rising. A position exactly at a
        bound belongs to the bracket below it.
    rates
        Maintenance rate of each bracket, a fraction of notional in [0, 1), not falling.
    deductions
        What is taken off in each bracket, in the contract's currency, never more than is asked for. ``None`` derives
        it so that *M* has no jumps, :math:`c_n = c_{n-1} + f_n (r_n - r_{n-1})`;
        ``0`` is for venues that charge one rate on the whole position, where *M* jumps.
    max_leverage
        Highest leverage of each bracket; ``None`` for no limit.
    cap
        Largest position that may be opened.
    measured_in
        What floors and cap count: ``"notional"``, or ``"contracts"`` where the bracket
        depends on the size alone and does not move with the price.
    cut_off
        Whether only a part of the venue's brackets is known: they go on beyond the cap, and nobody here knows how.
        An order there is refused for that reason; a position that is there is counted by the last bracket, and the
        venue asks no less.
    growth
        How the rate grows with what floors count, where a venue has no steps: the one bracket's rate is where it
        starts, without a deduction, and :math:`M = r(A) V`.

    Examples
    --------
    What maintenance does a venue ask of 300,000 USDT, at 0.4 % up to 50,000 and 0.5 % above?

    >>> Tiers([0, 50_000], [0.004, 0.005]).maintenance_margin(300_000)
    1450.0

    And of 25 BTC at 1 %, to which each BTC adds 0.005 %?

    >>> Tiers.flat(0.01, growth=Growth(0.00005)).maintenance_margin(25)
    0.28125
    """

    floors: Sequence[float]
    rates: Sequence[float]
    deductions: Sequence[float] | float | None = None
    max_leverage: Sequence[float] | float | None = None
    cap: float = np.inf
    measured_in: str = "notional"
    cut_off: bool = field(default=False, repr=False)
    growth: Growth | None = None

    def __post_init__(self) -> None:
        _checks.keep(self)
        floors = _checks.not_negative("floors", self.floors)
        rates = _checks.not_negative("rates", self.rates)
        if floors.ndim != 1 or floors.size == 0 or floors[0] != 0 or (np.diff(floors) <= 0).any():
            raise ArgumentError("floors", f"must start at 0 and rise, not {shown(self.floors)}")
        if rates.shape != floors.shape:
            raise ArgumentError("rates", f"must have one value a bracket ({floors.size}), not {rates.shape}")
        if (rates >= 1).any() or (np.diff(rates) < 0).any():
            raise ArgumentError("rates", f"must lie in [0, 1) and not fall, not {shown(self.rates)}")
        _checks.one_of("measured_in", self.measured_in, MEASURES)
        if not _checks.single("cap", self.cap, _checks.positive_or_endless) > floors[-1]:
            raise ArgumentError("cap", f"must be a number above the last floor ({floors[-1]:g}), not {shown(self.cap)}")
        if _checks.truth("cut_off", self.cut_off) and self.cap == np.inf:
            raise ArgumentError("cut_off", "must be False where there is no cap at which the brackets could end")
        if self.growth is not None:
            self._check_growth(_checks.instance("growth", self.growth, Growth), floors)
        for name, value in (
            ("floors", floors),
            ("rates", rates),
            ("deductions", self._deductions(floors, rates)),
            ("max_leverage", self._max_leverage(rates)),
        ):
            object.__setattr__(self, name, tuple(value.tolist()))

    def _check_growth(self, growth: Growth, floors: Floats) -> None:
        """Refuse what does not go with a rate that grows without steps."""
        if floors.size > 1:
            raise ArgumentError("growth", f"must be None where the rate rises in steps ({floors.size} brackets)")
        if self.deductions is not None and _checks.numbers("deductions", self.deductions).any():
            raise ArgumentError("deductions", f"must be 0 where the rate grows without steps, not {self.deductions!r}")
        if growth.initial is not None and self.max_leverage is None:
            raise ArgumentError("max_leverage", "must be given where the initial margin rate grows, not None")

    def _deductions(self, floors: Floats, rates: Floats) -> Floats:
        """Return the stated deductions, or those that leave no jump."""
        if self.deductions is not None:
            return self._stated_deductions(floors, rates, self.deductions)
        if self.measured_in == "contracts" and self.growth is None:
            raise ArgumentError("deductions", "must be given (0 for none) where brackets count contracts, not None")
        return np.concatenate([[0.0], np.cumsum(floors[1:] * np.diff(rates))])

    def _stated_deductions(self, floors: Floats, rates: Floats, given: ArrayLike) -> Floats:
        """Return deductions, none of which takes off more than its bracket asks for.

        Only at the beginning of the first one it may: there no maintenance margin is asked for, see `table`.
        """
        stated = _one_a_bracket("deductions", _checks.not_negative("deductions", given), rates)
        if self.measured_in == "contracts" and stated.any():
            raise ArgumentError("deductions", f"must be 0 where brackets count contracts, not {shown(given)}")
        most = rates * np.append(floors[1:], _checks.LARGEST)[[0, *range(floors.size - 1)]]
        large = stated > most * (1 + 1e-9)
        if large.any():
            i = int(large.argmax())
            raise ArgumentError(
                "deductions",
                f"must leave a maintenance margin, so be at most {most[i]:,.10g} in bracket {i + 1}, "
                f"not {stated[i]:,.10g}",
            )
        return stated

    def _max_leverage(self, rates: Floats) -> Floats:
        """Return the stated limits; the initial margin they imply may not undercut maintenance."""
        if self.max_leverage is None:
            return np.full(rates.shape, np.inf)
        stated = _one_a_bracket("max_leverage", _checks.positive_or_endless("max_leverage", self.max_leverage), rates)
        if (stated[1:] > stated[:-1]).any():
            raise ArgumentError("max_leverage", f"must not rise from bracket to bracket, not {self.max_leverage!r}")
        if (np.isfinite(stated) & (1 / stated < rates)).any():
            raise ArgumentError(
                "max_leverage",
                f"{shown(self.max_leverage)} allows an initial margin below maintenance: "
                f"1 / max_leverage must be at least the rate in every bracket ({rates.tolist()})",
            )
        return stated

    @classmethod
    def flat(
        cls,
        rate: float,
        *,
        deduction: float = 0.0,
        max_leverage: float | None = None,
        growth: Growth | None = None,
    ) -> Tiers:
        """Return one bracket for every size.

        Parameters
        ----------
        rate
            Maintenance rate, a fraction of notional in [0, 1).
        deduction
            What is taken off, in the contract's currency.
        max_leverage
            Highest leverage; ``None`` for no limit.
        growth
            How the rate grows with the notional.

        Returns
        -------
        Tiers
            A table of one bracket.
        """
        return cls([0.0], [rate], [deduction], None if max_leverage is None else [max_leverage], growth=growth)

    @cached_property
    def table(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Floors, rates, deductions and leverage limits as arrays.

        A rate that is at least what has grown has two brackets: up to where that is more, and from there on, where
        it is all there is. So has a first bracket with a deduction: where it would take off more than is asked for,
        nothing is.
        """
        columns = (self.floors, self.rates, self.deductions, self.max_leverage)
        floors, rates, deductions, limits = (np.asarray(column, dtype=float) for column in columns)
        if self.growth is not None and self.growth.how == "at least":
            floors = np.append(floors, self.growth.amount(0.0, rates[0]))
            rates, deductions, limits = np.append(rates, 0.0), np.append(deductions, 0.0), np.append(limits, limits)
        if deductions[0] > 0:
            free = np.minimum(deductions[0] / rates[0], np.append(floors, np.inf)[1])
            floors, limits = np.insert(floors, 1, free), np.insert(limits, 0, limits[0])
            rates, deductions = np.insert(rates, 0, 0.0), np.insert(deductions, 0, 0.0)
        return floors, rates, deductions, limits

    @cached_property
    def factors(self) -> Floats:
        """What the rate grows by in each bracket of `table`, for each unit to the power; 0 where it stands still."""
        if self.growth is None:
            return np.zeros(len(self.table[0]))
        return np.array([self.growth.factor] if self.growth.how == "added" else [0.0, self.growth.factor])

    @cached_property
    def without_jumps(self) -> bool:
        """Whether maintenance goes on where one bracket ends and the next begins."""
        if self.growth is not None:
            return True
        floors, rates, deductions, _ = self.table
        return bool(np.allclose(np.diff(deductions), floors[1:] * np.diff(rates), rtol=1e-12, atol=0))

    def bracket(self, amount: ArrayLike) -> Integers:
        """Return the number of the bracket, from 0, that an amount falls into.

        Parameters
        ----------
        amount
            What floors and cap count, 0 or more; any shape.

        Returns
        -------
        array of int
            The amount's shape.

        Raises
        ------
        ArgumentError
            For an amount below 0.
        """
        return self.bracket_unchecked(_checks.not_negative("amount", amount))

    def bracket_unchecked(self, amount: Floats) -> Integers:
        """Return the number of the bracket of amounts that have been checked already."""
        return np.maximum(np.searchsorted(self.table[0], amount, side="left") - 1, 0)

    def terms_unchecked(self, amount: Floats) -> tuple[Floats, Floats]:
        """Return rate and deduction at amounts that have been checked already."""
        _, rates, deductions, _ = self.table
        bracket = self.bracket_unchecked(amount)
        if self.growth is None:
            return rates[bracket], deductions[bracket]
        return self.growth.rate(self.rates[0], amount), deductions[bracket]

    def maintenance_margin(self, notional: ArrayLike, *, contracts: ArrayLike | None = None) -> Numbers:
        """Return r V - c for a notional, 0 for none.

        Parameters
        ----------
        notional
            Value of a position, 0 or more, in the contract's currency; any shape.
        contracts
            Its size, 0 or more; needed where brackets count contracts.

        Returns
        -------
        float or array
            In the contract's currency, the notional's shape.

        Raises
        ------
        ArgumentError
            For a notional or contracts below 0, and where contracts are needed and not given.
        """
        value = _checks.not_negative("notional", notional)
        if self.measured_in == "notional":
            amount = value
        elif contracts is None:
            raise ArgumentError("contracts", "must be given where brackets count contracts, not None")
        else:
            amount = _checks.not_negative("contracts", contracts)
        return _checks.plain(self.maintenance_unchecked(value, amount))

    def maintenance_unchecked(self, notional: Floats, amount: Floats) -> Floats:
        """Return r V - c of notionals that have been checked already, and of what floors count of them."""
        rate, deduction = self.terms_unchecked(amount)
        return np.where(notional > 0, rate * notional - deduction, 0.0)

    def leverage_limit(self, amount: ArrayLike) -> Numbers:
        """Return the highest leverage a position may be opened with.

        Parameters
        ----------
        amount
            What floors and cap count, 0 or more; any shape.

        Returns
        -------
        float or array
            The amount's shape; ``inf`` where the bracket sets no limit.

        Raises
        ------
        ArgumentError
            For an amount below 0.
        """
        return _checks.plain(self.limit_unchecked(_checks.not_negative("amount", amount)))

    def limit_unchecked(self, amount: Floats) -> Floats:
        """Return the highest leverage of amounts that have been checked already."""
        stated = np.asarray(self.table[3][self.bracket_unchecked(amount)])
        if self.growth is None or self.table[3][0] == np.inf:
            return stated
        start, factor = self._opened_at(self.growth)
        with np.errstate(divide="ignore"):
            return np.minimum(stated, 1 / self.growth.rate(start, amount, factor=factor))

    def _opened_at(self, growth: Growth) -> tuple[float, float]:
        """Return where the rate that bounds the leverage starts, and its factor: the initial one, or maintenance."""
        if growth.initial is None:
            return self.rates[0], growth.factor
        return float(1 / self.table[3][0]), growth.initial

    def largest(self, leverage: ArrayLike) -> Numbers:
        """Return the largest amount that may be opened at a leverage.

        Parameters
        ----------
        leverage
            Above 0; any shape.

        Returns
        -------
        float or array
            What floors and cap count, the leverage's shape; 0 where none may be opened.

        Raises
        ------
        ArgumentError
            For a leverage of 0 or below.

        Examples
        --------
        >>> Tiers([0, 50_000], [0.004, 0.005], max_leverage=[125, 100], cap=250_000).largest([125, 100])
        array([ 50000., 250000.])
        """
        wanted = _checks.positive("leverage", leverage)
        if self.growth is not None and np.isfinite(self.table[3][0]):
            start, factor = self._opened_at(self.growth)
            most = np.minimum(self.growth.amount(start, 1 / wanted, factor=factor), self.cap)
            return _checks.plain(np.where(wanted <= self.table[3][0], most, 0.0))
        bounds = np.array([0.0, *self.floors[1:], self.cap])
        return _checks.plain(bounds[(wanted[..., None] <= np.array(self.max_leverage)).sum(axis=-1)])


def _one_a_bracket(name: str, stated: Floats, rates: Floats) -> Floats:
    if stated.shape not in ((), rates.shape):
        raise ArgumentError(name, f"must be one number or one a bracket ({rates.size}), not {stated.shape}")
    return np.broadcast_to(stated, rates.shape)
