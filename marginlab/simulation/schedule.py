"""What comes when: prices in blocks, and between them funding, actions and top-ups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Floats
from ..margin.account import Account
from .actions import Action, AtTheMark, TopUp
from .deleveraging import Deleverage
from .orders import AutoMargin, Stop
from .results import RECORD

# Prices are taken in blocks of so many steps, and so many numbers: small enough to stay near the processor. Of few
# paths that lie there as a whole, more are taken as long as they stay near: what happens then costs fewer rounds.
BLOCK_STEPS, BLOCK_NUMBERS = 32, 16_000_000
MOST_STEPS, NEAR_NUMBERS = 256, 2**18
# Paths turned from rows to columns at a time, so that what is read stays in the cache until all of it is used.
TILE = 256


def actions_of(given: object) -> tuple[Action, ...]:
    """Return what the trader does, or refuse what is no list of that."""
    actions = _checks.listed("actions", given, "of actions such as Open or Close", _checks.MANY)
    for action in actions:
        if not isinstance(action, Action):
            raise ArgumentError("actions", f"must be actions such as Open or Close, not {action!r}")
    return cast(tuple[Action, ...], actions)


class Plan:
    """What is scheduled, checked: funding, actions, top-ups, and what is recorded."""

    def __init__(
        self,
        account: Account,
        funding: ArrayLike | Iterable[ArrayLike] | None,
        top_up: TopUp | None,
        actions: Sequence[Action],
        record: Sequence[str],
        auto_margin: AutoMargin | None = None,
    ) -> None:
        n = len(account.contracts)
        self.n, self.top_up, self.paths = n, top_up, 1
        self.actions = actions_of(actions)
        self.auto_margin, self.stops = auto_margin, any(isinstance(action, Stop) for action in self.actions)
        for row in auto_margin.positions or () if auto_margin else ():
            if row >= n:
                raise ArgumentError("positions", f"must be among 0 to {n - 1}, not {row!r}, in {auto_margin!r}")
        for action in self.actions:
            if action.position is not None and action.position >= n:
                raise ArgumentError("position", f"must be one of 0 to {n - 1}, not {action.position!r}, in {action!r}")
        what = f"of names out of {', '.join(RECORD)}"
        names = _checks.listed("record", record, what, len(RECORD))
        self.record = tuple(_checks.one_of("record", name, RECORD) for name in names)
        self.acts = {action.step for action in self.actions}
        self._stream: Iterator[ArrayLike] | None = funding if isinstance(funding, Iterator) else None
        self.funding: Floats | None = None
        if funding is not None and self._stream is None:
            self.funding = _checks.numbers("funding", cast(ArrayLike, funding))
            _checks.one_each(n, funding=self.funding)
            if self.funding.ndim > 3:
                raise ArgumentError(
                    "funding", f"must have at most three axes (K, T, n), not shape {self.funding.shape}"
                )

    def check(self, steps: int | None, paths: int) -> None:
        """Refuse rates of another number of steps or paths than the prices, and actions beyond them."""
        rates, self.paths = self.funding, paths
        for action in self.actions:
            if isinstance(action, Deleverage):
                action.check(paths)
        if rates is not None and rates.ndim > 1 and steps is not None and rates.shape[-2] != steps:
            raise ArgumentError("funding", f"must have one rate a step ({steps}), not {rates.shape[-2]}")
        if rates is not None and rates.ndim == 3 and rates.shape[0] not in (1, paths):
            raise ArgumentError(
                "funding", f"must have one path or as many as there are ({paths}), not {rates.shape[0]}"
            )
        if steps is not None:
            self.check_actions(steps)

    def check_actions(self, steps: int) -> None:
        """Refuse actions that come after the last step."""
        if self.acts and max(self.acts) >= steps:
            raise ArgumentError("step", f"must be one of 0 to {steps - 1} for an action, not {max(self.acts)}")

    def rates(self, step: int) -> Floats | None:
        """Return the funding rates due at a step as (n, 1) or (n, K), or ``None``."""
        if self._stream is not None:
            try:
                rates = _checks.numbers("funding", next(self._stream))
            except StopIteration:
                raise ArgumentError("funding", f"must have one item a step, but ended after {step}") from None
            _checks.one_each(self.n, funding=rates)
            if rates.ndim > 2 or (rates.ndim == 2 and rates.shape[0] not in (1, self.paths)):
                raise ArgumentError(
                    "funding",
                    f"must have shape ({self.n},) or ({self.paths}, {self.n}), not {rates.shape} at step {step}",
                )
        elif self.funding is None:
            return None
        elif self.funding.ndim < 2:
            rates = self.funding
        elif step < self.funding.shape[-2]:
            rates = self.funding[..., step, :]
        else:
            raise ArgumentError("funding", f"must have one rate a step, but has only {self.funding.shape[-2]}")
        rates = np.broadcast_to(rates, (*rates.shape[:-1], self.n))
        return np.atleast_2d(rates).T if rates.any() else None

    def ended(self, steps: int) -> None:
        """Refuse a stream of rates that goes on after the last step."""
        for _ in self._stream or ():
            raise ArgumentError("funding", f"must have one item a step ({steps}), but goes on")

    def markets(self, account: Account) -> list[list[int]]:
        """Return the rows of each contract that several positions are in, those left out that are never open."""
        ever = np.asarray(np.broadcast_to(account.size, (*account.lead, self.n)).reshape(-1, self.n).any(axis=0))
        ever[[action.position for action in self.actions if isinstance(action, AtTheMark)]] = True
        markets = [[row for row in rows if ever[row]] for rows in account.rows_of.values()]
        return [rows for rows in markets if len(rows) > 1]

    def due(self, step: int) -> bool:
        """Return whether anything besides prices happens at a step."""
        return bool(
            self._stream is not None
            or self._funded(step)
            or step in self.acts
            or (self.top_up is not None and step % self.top_up.every == 0)
        )

    def _funded(self, step: int) -> bool:
        rates = self.funding
        if rates is None:
            return False
        late = rates.ndim > 1 and step >= rates.shape[-2]
        return late or bool((rates if rates.ndim < 2 else rates[..., step, :]).any())


class Prices:
    """Prices as they were given, checked as they are taken.

    Attributes
    ----------
    single
        Whether it is one path of one account.
    paths
        How many paths there are.
    count
        How many steps; ``None`` where they are streamed.
    """

    def __init__(self, account: Account, prices: ArrayLike | Iterable[ArrayLike], each: int = 0) -> None:
        self.n = n = len(account.contracts)
        lead = (each,) if each else account.lead
        if len(lead) > 1:
            raise ArgumentError("account", f"must have at most one leading axis, not shape {lead}")
        if 0 in lead:
            raise ArgumentError("account", "must be one or more, not an array of none")
        self._stream: Iterator[ArrayLike] | None = None
        if isinstance(prices, Iterator):
            first = list(islice(prices, 1))
            if not first:
                raise ArgumentError("prices", "must have at least one step, not an iterator that is exhausted")
            first = [self._numbers(first[0], " at step 0")]
            self._stream, shape, self.count = chain(first, prices), first[0].shape, None
        else:
            self._whole = self._numbers(cast(ArrayLike, prices), "")
            if self._whole.ndim not in (2, 3) or not self._whole.size:
                raise ArgumentError(
                    "prices", f"must have shape (T, {n}) or (K, T, {n}) and not be empty, not {self._whole.shape}"
                )
            shape, self.count = (*self._whole.shape[:-2], self._whole.shape[-1]), self._whole.shape[-2]
        # Assets with a mark of their own stand still where that is left out.
        self.own = account.assets.own
        self.columns = n + self.own.size
        if len(shape) not in (1, 2) or shape[-1] not in (n, self.columns) or 0 in shape:
            also = f", and may have one an asset with a mark of its own ({self.own.size} more)" if self.own.size else ""
            raise ArgumentError(
                "prices", f"must have one column a position in the last axis ({n}){also}, not steps of shape {shape}"
            )
        self.given = shape[-1]
        lead = _checks.broadcastable(prices=shape[:-1], account=lead)
        self.single, self.paths = not lead, lead[0] if lead else 1

    def blocks(self, plan: Plan) -> Iterator[tuple[int, Floats]]:
        """Yield the number of the first step and a block (B, n, K) of prices; what is due begins a block.

        The block is used again for the next one.
        """
        numbers = self.columns * self.paths
        most = BLOCK_STEPS if self._stream is not None else max(BLOCK_STEPS, min(MOST_STEPS, NEAR_NUMBERS // numbers))
        size = max(1, min(most, BLOCK_NUMBERS // numbers))
        block = np.empty((size, self.columns, self.paths))
        block[:, self.n :] = self.own[:, None]
        if self._stream is None:
            yield from self._of_whole(plan, block)
        else:
            yield from self._of_stream(self._stream, plan, block)

    def _of_whole(self, plan: Plan, block: Floats) -> Iterator[tuple[int, Floats]]:
        start, count = 0, self._whole.shape[-2]
        while start < count:
            stop = start + 1
            while stop < min(start + len(block), count) and not plan.due(stop):
                stop += 1
            part = block[: stop - start, : self.given]
            if self._whole.ndim == 2:
                part[:] = self._whole[start:stop, :, None]
            else:
                steps = self._whole[:, start:stop].transpose(1, 2, 0)
                for tile in range(0, self.paths, TILE):
                    paths = slice(tile, tile + TILE)
                    part[:, :, paths] = steps[..., paths if steps.shape[-1] > 1 else slice(None)]
            yield start, block[: stop - start]
            start = stop

    def _of_stream(self, stream: Iterator[ArrayLike], plan: Plan, block: Floats) -> Iterator[tuple[int, Floats]]:
        start, filled = 0, 0
        for number, prices in enumerate(stream):
            if filled and (filled == len(block) or plan.due(number)):
                yield start, block[:filled]
                start, filled = number, 0
            step = self._numbers(prices, f" at step {number}")
            given = self.given
            if step.shape not in ((given,), (1, given), (self.paths, given)):
                raise ArgumentError(
                    "prices",
                    f"must have shape ({given},) or ({self.paths}, {given}), not {step.shape} at step {number}",
                )
            block[filled, :given] = step[:, None] if step.ndim == 1 else step.T
            filled += 1
        yield start, block[:filled]

    @staticmethod
    def _numbers(given: ArrayLike, where: str) -> Floats:
        array = given if isinstance(given, np.ndarray) else _checks.numbers(f"prices{where}", given)
        if array.dtype.kind not in "iuf":
            raise ArgumentError("prices", f"must be numbers, not {array.dtype}{where}")
        return array


def one_price(block: Floats, start: int, number: int, markets: list[list[int]]) -> None:
    """Refuse prices (B, n, k) at which a market has more than one; the first path is that of this number."""
    for first, *others in markets:
        differs = block[:, others] != block[:, [first]]
        if differs.any():
            step, other, path = (int(axis[0]) for axis in np.nonzero(differs))
            shown = [f"{block[step, row, path]:,.10g}" for row in (first, others[other])]
            where = f"step {start + step}, path {number + path}"
            raise ArgumentError("prices", f"must be one for all legs of a market, not {' and '.join(shown)} at {where}")


def bounds(block: Floats, start: int, first: int) -> tuple[Floats, Floats]:
    """Return the lowest and highest of prices (B, n, k), (n, k), all finite and above 0."""
    lowest, highest = block.min(axis=0), block.max(axis=0)
    if not (lowest.min() > 0 and highest.max() < np.inf):
        step, position, path = (int(axis[0]) for axis in np.nonzero(~((block > 0) & (block < np.inf))))
        price = float(block[step, position, path])
        where = f"step {start + step}, position {position}, path {first + path}"
        raise ArgumentError("prices", f"must be finite and greater than 0, not {shown(price)} at {where}")
    return lowest, highest
