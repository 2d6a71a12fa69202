"""Scenarios: what is left of an account after a shock to BTC and another to the rest, and after the real events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Bools, Floats, Integers, Times
from ..formatting import listed
from ..margin.account import Account
from ..margin.contracts import Contract
from ..margin.rules import Rules
from ..markets.events import (
    ORDERS,
    TITLES,
    VENUES,
    WITH_PERPETUALS,
    Followed,
    PricePath,
    event_names,
    event_record,
)
from ..markets.venues import Venue
from ..simulation.engine import simulate
from ..simulation.results import Outcome
from ..simulation.state import check_same

SHOCK_GRID = tuple(round(0.1 * tenth, 1) for tenth in range(-6, 7))
# A shock is walked to in so many steps, so that what fails on the way is closed near the price at which it does.
SHOCK_STEPS = 32
# Entries of a ledger that are closings by force.
BY_FORCE = ("netted", "reduced", "liquidated", "taken over")


@dataclass(frozen=True, eq=False)
class StressMap:
    """What is left after each pair of shocks.

    Attributes
    ----------
    btc, rest
        The shocks, shares of today's marks: shape (B,) and (R,).
    columns
        The C accounts compared.
    equity
        What each is worth after them, shape (C, B, R).
    liquidated
        Which positions were closed as a whole by force on the way, shape (C, B, R, n).
    """

    btc: Floats
    rest: Floats
    columns: tuple[str, ...]
    equity: Floats
    liquidated: Bools


def stress_map(
    accounts: Mapping[str, Account],
    marks: ArrayLike,
    *,
    rules: Rules | None = None,
    btc: ArrayLike = SHOCK_GRID,
    rest: ArrayLike = SHOCK_GRID,
) -> StressMap:
    """Return what becomes of accounts when BTC makes one move and all other markets another.

    Parameters
    ----------
    accounts
        Accounts of the same positions, by name.
    marks
        Where prices start, shape (n,).
    rules
        How the venue liquidates.
    btc, rest
        Moves as shares of the marks, above -1. Contracts that follow BTC make the first, all others the second; an
        asset with a mark of its own stands still.

    Returns
    -------
    StressMap
        Prices go there in a straight line of 32 steps in the logarithm, without funding.

    Raises
    ------
    ArgumentError
        For moves of -1 or below, accounts that hold other positions than each other, and marks of another shape.

    Examples
    --------
    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> account = Account.of([Position(btc, 1, 10_000, mode="isolated", leverage=5)], wallet=500)
    >>> stress_map({"isolated": account}, [10_000.0], btc=[-0.1, -0.3], rest=[0]).equity.ravel()
    array([1500.,  500.])
    """
    btc, rest = (np.atleast_1d(_above_minus_one(name, value)) for name, value in (("btc", btc), ("rest", rest)))
    moves = np.stack(np.broadcast_arrays(btc[:, None], rest), axis=-1).reshape(-1, 2)
    first, start = _alike(accounts, marks)
    each, way = moves[:, markets_of(first)], np.arange(1, SHOCK_STEPS + 1) / SHOCK_STEPS
    paths = marks_along(first, start, np.exp(way[:, None] * np.log1p(each)[:, None, :]))
    outcomes = outcomes_of(accounts, paths, rules=rules).values()
    shape = (len(outcomes), btc.size, rest.size)
    return StressMap(
        btc=btc,
        rest=rest,
        columns=tuple(accounts),
        equity=np.stack([outcome.equity for outcome in outcomes]).reshape(shape),
        liquidated=np.stack([~outcome.survived for outcome in outcomes]).reshape(*shape, -1),
    )


@dataclass(frozen=True)
class Loss:
    """One closing by force.

    Attributes
    ----------
    time
        When, UTC; the candle is known, the minute within it is not.
    step
        Which step of the prices.
    position, symbol, kind, size, price
        As in the :class:`~marginlab.LedgerEntry`.
    amount
        What it cost, negative: profit or loss realised, less fee and impact, in what the position settles in.
    """

    time: np.datetime64
    step: int
    position: int
    symbol: str
    kind: str
    size: float
    price: float
    amount: float


@dataclass(frozen=True, eq=False)
class Replay:
    """One event on several accounts of the same positions.

    Attributes
    ----------
    event, title
        Its name, and what it is called.
    accounts
        As they are counted here, by name: with the brackets of that day, where these are taken.
    rules
        How the venue liquidates.
    order
        Which of low and high is taken first within a candle.
    times, prices, funding
        Shape (T,), (T, columns of marks) and (T, n): the marks of today, moved as the event moved.
    followed
        What each position's prices are taken from, and behind them those of assets with a mark of their own, ``None``
        for one that stands still.
    brackets
        Of which day each position's brackets are, in words; ``""`` where those it came with are kept.
    start
        Equity before the first step, by name of the account.
    equity
        Equity after each step (T,), by name of the account.
    gone
        Which positions were closed as a whole by force (n,), by name of the account.
    venue
        Where the account is, ``None`` where that was not said.
    """

    event: str
    title: str
    accounts: dict[str, Account]
    rules: Rules
    order: str
    times: Times
    prices: Floats
    funding: Floats
    followed: tuple[Followed | None, ...]
    brackets: tuple[str, ...]
    start: dict[str, float]
    equity: dict[str, Floats]
    gone: dict[str, Bools]
    venue: Venue | None = None

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        """What became of each account, with its ledger, by name; worked out when it is first asked for."""
        return outcomes_of(self.accounts, self.prices, rules=self.rules, funding=self.funding)

    def losses(self, column: str) -> tuple[Loss, ...]:
        """Return what an account lost by force, in the order in which it happened.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        tuple of Loss
            One a closing.
        """
        ledger = self.outcomes[self._named(column)].ledger or ()
        return tuple(
            Loss(
                time=self.times[entry.step],
                step=entry.step,
                position=int(entry.position or 0),
                symbol=entry.symbol,
                kind=entry.kind,
                size=entry.size,
                price=float(entry.price or np.nan),
                amount=entry.amount - entry.fee - entry.impact,
            )
            for entry in ledger
            if entry.kind in BY_FORCE
        )

    def loss(self, column: str) -> float:
        """Return by how much the account is worth less at the end than before; negative for a gain.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        float
            In the account's currency.
        """
        return self.start[self._named(column)] - float(self.equity[column][-1])

    def lost(self, column: str) -> int:
        """Return how many positions were closed as a whole by force.

        Parameters
        ----------
        column
            Name of the account.

        Returns
        -------
        int
            Of all its positions.
        """
        return int(self.gone[self._named(column)].sum())

    @property
    def taken_from(self) -> str:
        """What prices and brackets it rests on, in sentences.

        Examples
        --------
        >>> from marginlab.portfolio import preset
        >>> basket = preset("basket-of-longs")
        >>> print(replay({"as entered": basket.account}, basket.marks, "oct-2025").taken_from)
        Hourly marks of Binance (BTC, ETH and SOL). Binance's mark is not on record: OKX's stands in for it (DOGE).
        """
        return " ".join([*_of_prices(self), *_of_funding(self), *_of_brackets(self)])

    def _named(self, column: str) -> str:
        return _checks.one_of("column", column, self.accounts)


def replay(
    accounts: Mapping[str, Account],
    marks: ArrayLike,
    name: str,
    *,
    rules: Rules | None = None,
    lows: Mapping[str, float] | None = None,
    venue: Venue | None = None,
    order: str = "low first",
) -> Replay:
    """Return what an event would have done to accounts that hold the same positions.

    Each mark makes the moves that the coin's mark made, from its first open on, with the funding that fell
    due. What is taken where a mark is not on record, :meth:`~marginlab.EventRecord.price_path` says, and
    `Replay.taken_from` of this account.

    Parameters
    ----------
    accounts
        Accounts of the same positions, by name.
    marks
        Where prices start, shape (n,).
    name
        One of :func:`~marginlab.event_names`.
    rules
        How the venue liquidates.
    lows
        Marks of assets that have one of their own, by name, at the step at which BTC is at its lowest. Otherwise those
        on record move as they did, such as coins, and the others stand still. Lows on record are
        :attr:`~marginlab.Event.depegs`.
    venue
        Where the account is: whose marks come first, and by whose brackets of that day it is counted, where these are
        on record. ``None`` for Binance's marks and the brackets that the positions came with.
    order
        ``"low first"`` or ``"high first"``: which of the two is taken first within a candle.

    Returns
    -------
    Replay
        With an outcome for each account.

    Raises
    ------
    ArgumentError
        For another name or order, accounts that hold other positions than each other, marks of another shape, and for
        lows of what has no mark of its own.

    Examples
    --------
    >>> from marginlab.portfolio import preset
    >>> bet = preset("one-20x-bet")
    >>> covid = replay({"as entered": bet.account}, bet.marks, "covid-2020")
    >>> [(loss.symbol, loss.kind, str(loss.time)) for loss in covid.losses("as entered")]
    [('BTCUSDT', 'taken over', '2020-03-12T06:19')]
    """
    _checks.one_of("name", name, event_names())
    _checks.one_of("order", order, ORDERS)
    (found,) = replays(accounts, marks, names=[name], rules=rules, lows=lows, venue=venue, orders=[order])
    return found


def replays(
    accounts: Mapping[str, Account],
    marks: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    rules: Rules | None = None,
    lows: Mapping[str, float] | None = None,
    venue: Venue | None = None,
    orders: Sequence[str] = ORDERS[:1],
) -> tuple[Replay, ...]:
    """Return what several events would have done, all of them gone through at once.

    Parameters
    ----------
    accounts, marks, rules, lows, venue
        As for :func:`replay`.
    names
        Which events, of :func:`~marginlab.event_names`; ``None`` for all.
    orders
        Which of low and high is taken first within a candle: ``"low first"``, ``"high first"``, or both.

    Returns
    -------
    tuple of Replay
        Order by order, and in each all events in the order of their names.

    Raises
    ------
    ArgumentError
        As for :func:`replay`.

    Examples
    --------
    In how many of the events is the bet lost?

    >>> from marginlab.portfolio import preset
    >>> bet = preset("one-20x-bet")
    >>> sum(one.lost("as entered") for one in replays({"as entered": bet.account}, bet.marks))
    8
    """
    asked = _checks.listed("names", event_names() if names is None else names, "of events", len(event_names()))
    chosen = [_checks.one_of("names", name, event_names()) for name in asked]
    both = [_checks.one_of("orders", one, ORDERS) for one in _checks.listed("orders", orders, "of orders", len(ORDERS))]
    venue = venue if venue is None else _checks.instance("venue", venue, Venue)
    first, start = _alike(accounts, marks)
    rules = _checks.instance("rules", Rules() if rules is None else rules, Rules)
    along = partial(_Walk.of, first, start, lows=_lows(first, lows), venue=venue)
    walks = [along(name, order) for order in both for name in chosen]
    worth = {column: float(account.equity(start)) for column, account in accounts.items()}
    done = {contracts: _holding(accounts, contracts) for contracts in {walk.contracts for walk in walks}}
    held = [done[walk.contracts] for walk in walks]
    return tuple(
        Replay(
            event=walk.name,
            title=TITLES[walk.name],
            accounts=those,
            rules=rules,
            order=walk.path.order,
            times=walk.path.times,
            prices=walk.prices,
            funding=walk.funding,
            followed=walk.followed,
            brackets=walk.dates,
            start=worth,
            equity=equity,
            gone=gone,
            venue=venue,
        )
        for walk, those, (equity, gone) in zip(walks, held, _gone_through(held, walks, rules), strict=True)
    )


@dataclass(frozen=True, eq=False)
class _Walk:
    """What an event makes of marks, in one order; and which contracts are held in it."""

    name: str
    path: PricePath
    prices: Floats
    funding: Floats
    followed: tuple[Followed | None, ...]
    contracts: tuple[Contract, ...]
    dates: tuple[str, ...]

    @classmethod
    def of(
        cls, account: Account, marks: Floats, name: str, order: str, lows: dict[int, float], venue: Venue | None
    ) -> _Walk:
        """Return the walk of an account's marks."""
        record, n = event_record(name), len(account.contracts)
        priced = [one for one in account.collateral if one.price is not None]
        coins = [*(contract.underlying for contract in account.contracts), *(one.asset for one in priced)]
        path = record.price_path(["BTC", *coins], venue=_marks_at(venue), order=order)
        moves, followed = (path.prices / path.prices[0])[:, 1:], list[Followed | None](path.followed[1:])
        for column, one in enumerate(priced, n):
            # Beside its coin, or off the record, it stands still.
            if one.quoted_in or one.asset not in record.symbols:
                moves[:, column], followed[column] = 1.0, None
        prices = marks * moves
        for column, low in lows.items():
            prices[path.prices[:, 0].argmin(), column] = low
        day = str(path.times[0])[:10]
        contracts, dates = zip(*(_of_the_day(one, venue, day) for one in account.contracts), strict=True)
        return cls(name, path, prices, path.funding[:, 1 : n + 1], tuple(followed), contracts, dates)


def _marks_at(venue: Venue | None) -> str:
    """Return whose marks come first for an account at a venue."""
    return venue.name if venue is not None and venue.name in WITH_PERPETUALS else WITH_PERPETUALS[0]


def _of_the_day(contract: Contract, venue: Venue | None, day: str) -> tuple[Contract, str]:
    """Return a contract with the brackets its venue had on a day, and since when; as it is where they are not known."""
    if venue is None or contract.symbol not in venue.symbols:
        return contract, ""
    if contract.tiers not in [table.contract.tiers for table in venue.history(contract.symbol)]:
        return contract, ""  # brackets of one's own
    try:
        then = venue.table(contract.symbol, date=day)
    except ArgumentError:  # it was not listed on that day
        return contract, ""
    told = then.date if then.asked is None else f"{then.date}, the oldest on record"
    return replace(contract, tiers=then.contract.tiers, note=then.contract.note), told


def _holding(accounts: Mapping[str, Account], contracts: tuple[Contract, ...]) -> dict[str, Account]:
    """Return accounts in contracts with other brackets, without their open orders, which are not filled here.

    The same one under two names stays one.
    """
    done = {
        key: one if contracts == one.contracts and not one.orders else replace(one, contracts=contracts, orders=())
        for key, one in {id(one): one for one in accounts.values()}.items()
    }
    return {name: done[id(one)] for name, one in accounts.items()}


def _gone_through(
    held: Sequence[dict[str, Account]], walks: Sequence[_Walk], rules: Rules
) -> list[tuple[dict[str, Floats], dict[str, Bools]]]:
    """Return equity after each step, and which positions are gone, walk by walk and by name of the account.

    All walks and accounts are gone through at once, but where their brackets are of kinds that cannot.
    """
    found: dict[int, tuple[dict[str, Floats], dict[str, Bools]]] = {}
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, walk in enumerate(walks):
        kinds = (one.tiers if one.tiers.growth else one.tiers.measured_in for one in walk.contracts)
        groups.setdefault(tuple(kinds), []).append(number)
    for numbers in groups.values():
        each = [list({id(one): one for one in held[number].values()}.values()) for number in numbers]
        equity, liquidated = _together(each, [walks[number] for number in numbers], rules)
        rows = iter(range(len(equity)))
        for number, distinct in zip(numbers, each, strict=True):
            own = {id(one): next(rows) for one in distinct}
            # What a path was filled up with after its last step has not happened.
            steps = len(walks[number].prices)
            gone = (liquidated >= 0) & (liquidated < steps)
            found[number] = (
                {name: equity[own[id(one)], :steps] for name, one in held[number].items()},
                {name: gone[own[id(one)]] for name, one in held[number].items()},
            )
    return [found[number] for number in range(len(walks))]


def _together(each: list[list[Account]], walks: list[_Walk], rules: Rules) -> tuple[Floats, Integers]:
    """Return equity after each step (K, T) and the step of each loss (K, n) of the accounts of each walk."""
    steps = max(len(walk.prices) for walk in walks)
    last = np.minimum(np.arange(steps), [[len(walk.prices) - 1] for walk in walks])
    prices = np.stack([walk.prices[at] for walk, at in zip(walks, last, strict=True)])
    funding = np.zeros((*prices.shape[:2], walks[0].funding.shape[-1]))
    for rates, walk in zip(funding, walks, strict=True):
        rates[: len(walk.funding)] = walk.funding
    prices, funding = (np.repeat(one, [len(accounts) for accounts in each], axis=0) for one in (prices, funding))
    accounts = list(chain.from_iterable(each))
    # What is drawn, where a venue closes in random order, is what would be drawn of each alone: so a ledger shows it.
    seeds = [0] * len(accounts)
    done = simulate(accounts, prices, rules=rules, funding=funding, record=("equity",), seed=seeds)
    return np.asarray(done.equity_path), done.liquidated


def _of_prices(one: Replay) -> Iterator[str]:
    """Say whose marks, in which step, and what stands in for what."""
    of_words: dict[str, list[Followed]] = {}
    for followed in filter(None, one.followed):
        of_words.setdefault(followed.stands_in, []).append(followed)
    for words, alike in of_words.items():
        named = listed(list(dict.fromkeys(each.coin for each in alike)))
        yield f"{words.removesuffix('.') or f'Hourly marks of {VENUES[alike[0].venue]}'} ({named})."
    if one.venue is not None and one.venue.name not in WITH_PERPETUALS:
        others = VENUES[_marks_at(one.venue)]
        yield f"Marks of {one.venue.title} are not on record: those of {others} stand in for them."


def _of_funding(one: Replay) -> Iterator[str]:
    n = len(one.brackets)
    unpaid = dict.fromkeys(each.coin for each in one.followed[:n] if each and not each.funding)
    if unpaid:
        yield f"No funding of {listed(list(unpaid))} is on record, and none is paid."


def _of_brackets(one: Replay) -> Iterator[str]:
    """Say of which day the brackets are, where those of the day of the event were asked for."""
    of_date: dict[str, list[str]] = {}
    for contract, date in zip(next(iter(one.accounts.values())).contracts, one.brackets, strict=True):
        of_date.setdefault(date, []).append(contract.symbol)
    known = {date: listed(list(dict.fromkeys(symbols))) for date, symbols in of_date.items()}
    kept = known.pop("", "")
    if one.venue is not None and known:
        yield f"Brackets of {'; '.join(f'{date} ({symbols})' for date, symbols in known.items())}."
    if one.venue is not None and kept:
        yield f"Brackets of that day are not on record ({kept})."


def _alike(accounts: Mapping[str, Account], marks: ArrayLike) -> tuple[Account, Floats]:
    """Return the first of accounts that hold the same positions, and one mark for each of these."""
    if not isinstance(accounts, Mapping) or not accounts:
        raise ArgumentError("accounts", f"must be one or more by name, not {shown(accounts)}")
    first, *others = _checks.instances("accounts", accounts.values(), Account)
    for name, one in accounts.items():
        if one.lead:
            raise ArgumentError("accounts", f"must each be one account, not an array of them as {shown(name)} is")
    check_same("accounts", (first, *others))
    at = first.as_marks(marks)
    if at.ndim > 1:
        raise ArgumentError("marks", f"must be one a position ({len(first.contracts)}), not of shape {at.shape}")
    return first, at


def outcomes_of(
    accounts: Mapping[str, Account],
    prices: Floats,
    *,
    rules: Rules | None = None,
    funding: Floats | None = None,
    record: Sequence[str] = (),
) -> dict[str, Outcome]:
    """Return what becomes of each account along the same prices, as `simulate` finds; the same one is done once."""
    done = {
        id(account): simulate(account, prices, rules=rules, funding=funding, record=record)
        for account in accounts.values()
    }
    return {name: done[id(account)] for name, account in accounts.items()}


def marks_along(account: Account, marks: ArrayLike, moves: Floats) -> Floats:
    """Return marks that make the moves of their markets (..., n); assets with a mark of their own stand still."""
    prices = account.as_marks(marks)
    if not account.assets.own.size:
        return np.asarray(prices * moves)
    n = len(account.contracts)
    moved = prices[:n] * moves
    return np.concatenate([moved, np.broadcast_to(prices[n:], (*moved.shape[:-1], prices.size - n))], axis=-1)


def _lows(account: Account, lows: Mapping[str, float] | None) -> dict[int, float]:
    """Return marks by the columns of the assets that they are of."""
    if lows is None:
        return {}
    if not isinstance(lows, Mapping):
        raise ArgumentError("lows", f"must be marks by the names of assets, not {shown(lows)}")
    own, n = account.assets.coin_of[len(account.contracts) :], len(account.contracts)
    for asset in lows:
        if asset not in own:
            named = ", ".join(own) or "of none here"
            raise ArgumentError("lows", f"must be of assets with a mark of their own ({named}), not of {shown(asset)}")
    return {n + own.index(asset): _checks.single("lows", low, _checks.positive) for asset, low in lows.items()}


def markets_of(account: Account) -> list[int]:
    """Return which market each position follows: 0 for BTC, 1 for the rest."""
    return [0 if contract.underlying == "BTC" else 1 for contract in account.contracts]


def _above_minus_one(name: str, value: ArrayLike) -> Floats:
    moves = _checks.numbers(name, value)
    if moves.ndim > 1 or not moves.size:
        raise ArgumentError(name, f"must be one move or a list of them, not of shape {moves.shape}")
    if not (moves > -1).all():
        raise ArgumentError(name, f"must be above -1, the loss of everything, not {shown(float(moves.min()))}")
    return moves
