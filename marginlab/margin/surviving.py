r"""The questions turned round: what it takes for a position to last up to a price.

The plain question gives a price for what stands behind a position. These give, for a price or a common move, what must
be added, what must be closed, or the size that goes with it. Money added counts one to one: what is to be added is
what is lacking where most is lacking on the way. What another size changes is straight in the size from one bound of a
bracket to the next. So the places are found where the answer changes, and each is narrowed down until no number lies
between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ROUNDING, ArgumentError
from .._typing import Floats, Integers, Numbers
from .account import Account
from .legs import TOWARD
from .market_move import spare_on_the_way
from .rules import Rules

# Of places and what is to spare there.
Spare = Callable[[Floats], Floats]
# Sizes are looked at from so many halvings of what is at stake, where rounding begins, up to so many doublings.
HALVINGS, DOUBLINGS = 40, 64
# In each round so many places between two, and ever closer to where a straight line meets zero.
PLACES, CLOSER = 24, np.outer([-1.0, 1.0], 2.0 ** -np.arange(12.0, 52.0, 4.0)).ravel()
# More than a secant ever takes on a curve of a few straight pieces.
STEPS = 100
# As far as two prices may lie apart that are the same.
EXACT = 1e-10


def margin_to_survive(
    account: Account,
    marks: ArrayLike,
    *,
    position: int,
    price: ArrayLike | None = None,
    move: ArrayLike | None = None,
) -> Numbers:
    """Return how much must be added for a position to last up to a price of its market, or up to a common move.

    To the margin of an isolated position; to the wallet in cross, where the whole pool lasts with it.

    Parameters
    ----------
    account, marks
        The account now; marks of shape (..., n).
    position
        Which one, from 0.
    price
        Of its market, the others standing still: above 0, any shape that broadcasts.
    move
        Or instead the common move of all markets, above -1: -0.3 takes all prices down by 30 %.

    Returns
    -------
    float or array
        In the contract's currency; with so much more the position is liquidated there and nowhere before. Negative by
        what there is too much.

    Raises
    ------
    ArgumentError
        For a position that is not open, both a price and a move or neither, one that is not above what it must be,
        and a closing fee that takes whatever is added.

    Notes
    -----
    Where brackets have no deductions, or both sides of a market are held, a price on the way may be the worst one:
    then that decides. A closing fee at bankruptcy moves with what stands behind a position; in cross so do those of
    the other positions, which their liquidation prices hold still: there equity meets requirement at the price asked.

    Examples
    --------
    A long with 1,000 of margin behind it, to last down to 44,000:

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01))
    >>> account = Account.of([Position(btc, 0.2, 50_000, mode="isolated", margin=1_000)])
    >>> print(f"{margin_to_survive(account, 50_000, position=0, price=44_000):.2f}")
    288.00
    """
    row, prices = open_row(account, position), account.as_marks(marks)
    course = Course.to(account, prices, row, price, move)

    def least(more: Floats) -> Floats:
        return course.least(_with_more_behind(account, row, more), prices)

    none = np.zeros(course.end.shape[:-1])
    lacking = -least(none)
    if account.convention.fee_at("bankruptcy"):
        money = np.abs(account.wallet) + (np.abs(account.margin) + account.notional(course.end)).sum(axis=-1)
        lacking = _secant(least, none, lacking, money)
    return _checks.plain(lacking)


def size_to_close(
    account: Account,
    marks: ArrayLike,
    *,
    position: int,
    price: ArrayLike | None = None,
    move: ArrayLike | None = None,
    rules: Rules | None = None,
) -> Numbers:
    """Return the order at the mark that closes as much of a position as it takes to last up to a price, or a move.

    In cross what is closed turns into cash, and what is left needs less. An isolated position gives back the same
    share of its margin, so that no more stands behind each unit that is left: only a lower bracket helps there.

    Parameters
    ----------
    account, marks
        The account now; marks of shape (n,).
    position, price, move
        As in :func:`margin_to_survive`.
    rules
        The venue's, whose trading fee is paid; :class:`~marginlab.Rules` as they stand if left out.

    Returns
    -------
    float or array
        The size of the order, signed, of the shape of price or move; 0 where nothing must be closed.

    Raises
    ------
    ArgumentError
        As in :func:`margin_to_survive`; and where it does not last, however much is closed, or where what stands
        behind it cannot pay for closing.

    Examples
    --------
    A long of 1 BTC with 5,000 behind it is lost at 55,556. How much must go for it to last down to 50,000?

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01))
    >>> account = Account.of([Position(btc, 1, 60_000)], wallet=5_000)
    >>> print(f"{size_to_close(account, 60_000, position=0, price=50_000):.6f}")
    -0.523810
    """
    row, prices, fee = open_row(account, position), one_set(account, marks), venue_rules(rules).trading_fee
    if account.position_equity(prices)[row] < account.in_unit(fee * account.notional(prices), prices)[row]:
        raise ArgumentError("position", "must have behind it what closing costs: its loss and the fee")
    held = float(account.size[row])

    def answer(price: float | None, move: float | None) -> float:
        course = Course.to(account, prices, row, price, move)

        def spare(left: Floats) -> Floats:
            return course.least(closed(account, prices, row, 1 - left, fee), prices)

        bounds = np.concatenate([size_bounds(account, row, at) for at in (prices, course.end)]) / abs(held)
        left = last_holding(spare, places_among(bounds, 1.0, most=1.0))
        if np.isnan(left):
            raise ArgumentError("price" if move is None else "move", _why_closing_is_no_help(account, row))
        return held * (float(left) - 1) + 0.0

    return _of_each(answer, price, move)


def size_for_liquidation_price(account: Account, marks: ArrayLike, *, position: int, price: ArrayLike) -> Numbers:
    """Return the size at which a position's liquidation price is exactly there, all else as it is.

    Parameters
    ----------
    account, marks
        The account now, with the position's side and entry and what stands behind it; marks of shape (n,).
    position
        Which one, from 0. It must be open, with whatever size.
    price
        Above 0, any shape.

    Returns
    -------
    float or array
        Signed as the position, of the price's shape.

    Raises
    ------
    ArgumentError
        As in :func:`margin_to_survive`; and where no size does: none fails up to there, or every one, or brackets
        let the liquidation price jump past it, or in cross a closing fee at bankruptcy that moves with it.

    Examples
    --------
    With 5,000 behind a long from 60,000, at which size is it lost at 50,000?

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01))
    >>> account = Account.of([Position(btc, 1, 60_000)], wallet=5_000)
    >>> print(f"{size_for_liquidation_price(account, 60_000, position=0, price=50_000):.6f}")
    0.476190
    """
    row, prices = open_row(account, position), one_set(account, marks)
    side, scale = float(np.sign(account.size[row])), at_stake(account, row, prices)

    def answer(price: float | None, _: float | None) -> float:
        course = Course.to(account, prices, row, price, None)

        def spare(size: Floats) -> Floats:
            return course.least(_of_size(account, row, side * size), prices)

        ends = course.end[row]
        found = changes(spare, places_among(size_bounds(account, row, course.end), scale))
        for size in (side * found).ravel().tolist():
            sized = _of_size(account, row, np.asarray(size))
            if any(abs(sized.liquidation_price(prices, toward=way)[row] - ends) <= EXACT * ends for way in TOWARD):
                return size
        why = (
            f"sizes above {found[-1][0]:,.6g} skip it" if found.size else "sizes of all kinds fail before, or none does"
        )
        raise ArgumentError("price", f"must be one at which a size is liquidated, not {ends:,.10g}: {why}")

    return _of_each(answer, _checks.positive("price", price), None)


class Course(NamedTuple):
    """The way from the marks to a price or a common move.

    Attributes
    ----------
    row
        Whose way it is.
    ways
        How fast each column of marks goes, and how far, (...): rising and falling, of which one is no way at all.
    end
        The marks at the end, shape (..., columns).
    """

    row: int
    ways: tuple[tuple[Floats, Floats], ...]
    end: Floats

    @classmethod
    def to(cls, account: Account, marks: Floats, row: int, price: ArrayLike | None, move: ArrayLike | None) -> Course:
        """Return the way to a price of a row's market, or to a common move of all."""
        if (price is None) == (move is None):
            both = f"{_checks.shown(price)} and {_checks.shown(move)}"
            raise ArgumentError("price", f"must be given, or move, and not both, not {both}")
        if move is None:
            asked, moving = _checks.positive("price", price if price is not None else 0.0), np.zeros(marks.shape[-1])
            _checks.broadcastable(marks=marks.shape[:-1], price=asked.shape)
            moving[next(columns for columns in account.moving_together if row in columns)] = 1.0
            factor = asked / marks[..., row]
            end = np.where(moving > 0, marks * factor[..., None], marks)
            end[..., account.rows_of[account.contracts[row]]] = asked[..., None]
        else:
            asked, moving = _checks.numbers("move", move), np.ones(marks.shape[-1])
            moving[len(account.contracts) :] = 0.0  # what has a mark of its own stands still
            _checks.broadcastable(marks=marks.shape[:-1], move=asked.shape)
            if (asked <= -1).any():
                raise ArgumentError("move", f"must be above -1, so that all prices stay above 0, not {asked.min()!r}")
            factor = 1 + asked + 0 * marks[..., row]
            end = np.where(moving > 0, marks * factor[..., None], marks)
        grown = 1 / factor if account.assets.all_inverse else factor
        ways = tuple((way * moving, np.maximum(way * (grown - 1), 0.0)) for way in (1.0, -1.0))
        return cls(row, ways, end)

    def least(self, account: Account, marks: Floats) -> Floats:
        """Return the least that the row of an account has to spare on the way, shape (...)."""
        spare = [spare_on_the_way(account, marks, *way)[..., self.row].min(axis=-1) for way in self.ways]
        return np.asarray(np.minimum(*spare))


# --- looking for the place -------------------------------------------------------------------------------------


def changes(spare: Spare, places: Floats) -> Floats:
    """Return between which two neighbouring numbers something comes to hold, or holds no more: it does from 0 up.

    Parameters
    ----------
    spare
        Of places (...), what is to spare at each.
    places
        In order (k,), so close that it changes once at most between two.

    Returns
    -------
    array
        The pairs in order, shape (changes, 2).
    """
    there = spare(places)
    holds = there >= 0
    pairs = np.flatnonzero(holds[1:] != holds[:-1])[:, None] + [0, 1]
    return _narrowed(spare, places[pairs], there[pairs]) if pairs.size else np.empty((0, 2))


def last_holding(spare: Spare, places: Floats) -> Floats:
    """Return up to where something holds, as `changes` takes it, (...) for places (..., k); ``nan`` for nowhere."""
    there = spare(places)
    holds, last = there >= 0, places.shape[-1] - 1
    pair = np.minimum(last - holds[..., ::-1].argmax(axis=-1)[..., None] + [0, 1], last)
    found = _narrowed(spare, *(np.take_along_axis(column, pair, axis=-1) for column in (places, there)))[..., 0]
    return np.where(holds.any(axis=-1), found, np.nan)


def _narrowed(spare: Spare, ends: Floats, there: Floats) -> Floats:
    """Return two neighbours between which it changes, out of two places between which it does, (..., 2).

    Two places that are one stay as they are.
    """
    while True:
        low, high = ends[..., :1], ends[..., 1:]
        with np.errstate(invalid="ignore"):
            root = low + (high - low) * there[..., :1] / (there[..., :1] - there[..., 1:])
        root = np.where(high > low, root, low)
        grid = np.linspace(low[..., 0], high[..., 0], PLACES, axis=-1)
        near = np.concatenate([ends, grid, root + (high - low) * CLOSER, root], axis=-1)
        places = np.sort(np.clip(near, low, high), axis=-1)
        if ((places == low) | (places == high)).all():
            return ends
        found = spare(places)
        holds = found >= 0
        turn = (holds[..., 1:] != holds[..., :-1]).argmax(axis=-1)[..., None] + [0, 1]
        ends, there = (np.take_along_axis(column, turn, axis=-1) for column in (places, found))


def places_among(bounds: Floats, scale: float, *, most: float = np.inf) -> Floats:
    """Return where to look: on either side of each bound, and from nothing to far beyond a scale, or the most."""
    beside = np.concatenate([bounds * (1 - ROUNDING), bounds, bounds * (1 + ROUNDING)])
    grid = scale * 2.0 ** np.arange(-HALVINGS, DOUBLINGS + 1)
    every = np.concatenate([beside, grid, np.linspace(0, 1, PLACES)[1:] * min(scale, most)])
    return np.unique(every[np.isfinite(every) & (every >= grid[0]) & (every <= most)])


def size_bounds(account: Account, row: int, marks: Floats) -> Floats:
    """Return sizes of a row, without a sign, at which it or its market enters another bracket, or meets its cap."""
    contract = account.contracts[row]
    of_one = float(np.asarray(contract.bracket_amount(1.0, marks[row])))
    bounds = np.append(contract.tiers.table[0], contract.tiers.cap) / of_one
    others = np.where(np.arange(len(account.size)) == row, 0.0, account.size)[account.rows_of[contract]]
    long, short = np.maximum(others, 0).sum(), np.maximum(-others, 0).sum()
    # By itself, with what is held on its side or on the other, with both, or beside the other side.
    beside = np.array([0.0, -long, -short, -long - short, long, short, long - short, short - long])
    return np.asarray((bounds[:, None] + beside).ravel())


def at_stake(account: Account, row: int, marks: Floats) -> float:
    """Return the size of a row that is worth as much as there is money in the account, without signs."""
    money = np.abs(account.pool_cash(marks)) + (np.abs(account.margin) + account.notional(marks)).sum()
    worth = float(np.asarray(account.contracts[row].notional(1.0, marks[row])))
    return float(money) / worth or 1.0


# --- what is asked about ---------------------------------------------------------------------------------------


def open_row(account: Account, position: int) -> int:
    """Return the number of an open position of one account, checked."""
    row = any_row(account, position)
    if account.size[row] == 0:
        raise ArgumentError("position", f"must be open, not one of size 0 ({position})")
    return row


def any_row(account: Account, position: int) -> int:
    """Return the number of a place for a position in one account, checked."""
    one_account(account)
    row, n = _checks.count("position", position, least=0), len(account.contracts)
    if row >= n:
        raise ArgumentError("position", f"must be among 0 to {n - 1}, not {_checks.shown(position)}")
    return row


def one_account(account: Account) -> None:
    """Refuse what is not one account."""
    _checks.instance("account", account, Account)
    if account.lead:
        raise ArgumentError("account", f"must be one account, not an array of shape {account.lead}")


def one_set(account: Account, marks: ArrayLike) -> Floats:
    """Return one set of marks, checked."""
    prices = account.as_marks(marks)
    if prices.ndim > 1:
        raise ArgumentError("marks", f"must be one a position ({len(account.contracts)}), not of shape {prices.shape}")
    return prices


def venue_rules(rules: Rules | None) -> Rules:
    """Return the rules given, checked, or those that hold where none are."""
    return Rules() if rules is None else _checks.instance("rules", rules, Rules)


def closed(account: Account, marks: Floats, row: int | Integers, share: Floats, fee: float) -> Account:
    """Return the account after shares (...) of a row, or of a row each, have been closed at the mark, with the fee.

    An isolated position gives back the same share of its margin.
    """
    own = np.arange(len(account.contracts)) == np.asarray(row)[..., None]
    gone = np.where(own, np.asarray(share)[..., None], 0.0)
    freed = account.unrealized_pnl(marks) + account.margin - fee * account.notional(marks)
    return account.paid(gone * freed).changed(size=account.size * (1 - gone), margin=account.margin * (1 - gone))


def _of_size(account: Account, row: int, size: Floats) -> Account:
    """Return the account with other sizes (...) of a row."""
    own = np.arange(len(account.contracts)) == row
    return account.changed(size=np.where(own, size[..., None], account.size))


def _with_more_behind(account: Account, row: int, more: Floats) -> Account:
    """Return the account with more money (...) behind a row."""
    if not account.isolated[row]:
        return account.changed(wallet=account.wallet + more)
    own = np.arange(len(account.contracts)) == row
    return account.changed(margin=account.margin + np.where(own, more[..., None], 0.0))


def _secant(least: Spare, before: Floats, now: Floats, money: Floats) -> Floats:
    """Return where a curve of straight pieces that bends down, through two places, is 0, where so much is at stake."""
    at_before, at_now = least(before), least(now)
    for _ in range(STEPS):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(at_now == 0, 0.0, -at_now * (now - before) / (at_now - at_before))
        moves = np.abs(step) > ROUNDING / 64 * money
        if not (np.abs(step) < money / ROUNDING).all():
            break
        if not moves.any():
            return now
        before, at_before, now = np.where(moves, now, before), np.where(moves, at_now, at_before), now + step
        at_now = least(now)
    raise ArgumentError("closing_fee", "must leave something of what is added, which this one takes altogether")


def _why_closing_is_no_help(account: Account, row: int) -> str:
    if account.isolated[row]:
        return "must be one that closing helps to reach: what is left has no more margin for its size than before"
    return "must be one that closing helps to reach: the rest of the pool does not last so far"


def _of_each(
    answer: Callable[[float | None, float | None], float], price: ArrayLike | None, move: ArrayLike | None
) -> Numbers:
    """Return the answer for each price, or for each move."""
    if price is not None and move is None:
        asked = _checks.positive("price", price)
        return _checks.plain(np.reshape([answer(one, None) for one in asked.ravel().tolist()], asked.shape))
    if move is not None and price is None:
        asked = _checks.numbers("move", move)
        return _checks.plain(np.reshape([answer(None, one) for one in asked.ravel().tolist()], asked.shape))
    return answer(price, move)  # type: ignore[arg-type]  # which refuses both, and neither
