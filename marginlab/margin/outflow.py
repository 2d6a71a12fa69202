"""What may leave an account, and what leaves it by itself: withdrawals, and funding until it is too much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ROUNDING, ArgumentError
from .._typing import Bools, Floats, Numbers
from . import opening
from .account import Account
from .rules import Rules
from .surviving import last_holding, one_account, one_set, open_row, places_among, venue_rules

# More payments than this are never made.
MOST_PAYMENTS = 2**53


def withdrawable(
    account: Account, marks: ArrayLike, *, position: int | None = None, rules: Rules | None = None
) -> Numbers:
    """Return how much may be taken out of the wallet, or of the margin of an isolated position into the wallet.

    Of the wallet what is left of it after the losses of the cross positions, whose profits do not count, and after
    what positions and open orders tie up. Of a position what the venue's rule lets go.

    Parameters
    ----------
    account
        One account.
    marks
        Shape (..., n), above 0.
    position
        Which position, from 0; ``None`` for the wallet.
    rules
        The venue's, of which `withdrawal` and `withdrawal_leaves` say what must stay in a position;
        :class:`~marginlab.Rules` as they stand if left out.

    Returns
    -------
    float or array
        Shape (...), 0 where nothing may leave. The engine's :class:`~marginlab.AddMargin` takes so much out of a
        position and not a cent more.

    Raises
    ------
    ArgumentError
        For a position that is not open or not isolated, and where neither a leverage nor a limit of the bracket says
        what is tied up.

    Examples
    --------
    A long of 1 BTC from 60,000 with 10,000 of margin, at 10x, once the price is 62,000: where profits do not count,
    and where they do.

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    >>> long = Position(btc, 1, 60_000, mode="isolated", leverage=10, margin=10_000)
    >>> account = Account.of([long], wallet=500)
    >>> for rule in ("initial", "maintenance"):
    ...     print(f"{withdrawable(account, 62_000, position=0, rules=Rules(withdrawal=rule)):.2f}")
    3800.00
    5800.00
    """
    one_account(account)
    prices, rules = account.as_marks(marks), venue_rules(rules)
    if position is None:
        counts = replace(account, convention=replace(account.convention, profit_opens=False))
        if account.convention.fee_at("bankruptcy"):
            sets = prices.reshape(-1, prices.shape[-1])
            return _checks.plain(np.reshape([_most_out_of_wallet(counts, one) for one in sets], prices.shape[:-1]))
        free = counts.free_margin(prices)
        # What collateral counts for is no money in the wallet.
        return _checks.plain(np.maximum(np.minimum(free, account.wallet) if account.collateral else free, 0.0))
    row = open_row(account, position)
    if not account.isolated[row]:
        raise ArgumentError("position", "must be isolated: in cross nothing is set aside that could be taken out")
    alone, own = _alone(account, row), prices[..., row]
    answers = [_most_out_of(alone, np.array([mark]), rules) for mark in own.ravel().tolist()]
    return _checks.plain(np.reshape(answers, own.shape))


def payments_to_liquidation(
    account: Account, marks: ArrayLike, rate: ArrayLike, *, rules: Rules | None = None
) -> Floats:
    """Return after how many funding payments each position is liquidated, if the prices never move.

    Parameters
    ----------
    account, marks
        One account; marks of shape (n,).
    rate
        Of each payment, a fraction of notional that longs pay where it is positive; one, or one a position.
    rules
        The venue's: what an isolated position pays with, its margin or, as far as it goes, the wallet;
        :class:`~marginlab.Rules` as they stand if left out.

    Returns
    -------
    array
        Whole numbers, shape (n,): with this payment it is liquidated. 0 for what is due now already; ``nan`` where
        funding alone never gets there.

    Raises
    ------
    ArgumentError
        For more than one account, other shapes, and numbers that are not finite.

    Notes
    -----
    Payments are the same each time, so that so many are made at once as leave nothing failing and change no pocket. A
    position that is liquidated is gone, with its margin, and a pool is gone with the wallet, as by a takeover; the
    others pay on.

    Examples
    --------
    10x on a long of 10,000, at 1 % of maintenance and a rate of 0.01 % every eight hours: 900 payments, 300 days.

    >>> from marginlab import Contract, Position, Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.01))
    >>> account = Account.of([Position(btc, 0.2, 50_000, mode="isolated", margin=1_000)])
    >>> payments_to_liquidation(account, 50_000, 0.0001)
    array([900.])
    """
    one_account(account)
    prices, pocket, rates = one_set(account, marks), venue_rules(rules).isolated_funding, _checks.numbers("rate", rate)
    if rates.ndim > 1:
        raise ArgumentError("rate", f"must be one, or one a position, not of shape {rates.shape}")
    _checks.one_each(len(account.contracts), rate=rates)
    failing = _failing(account, prices)
    counts, paid, account = np.where(failing, 0.0, np.nan), 0, _without(account, failing)
    while account.size.any():
        wallet, margin, same = _paid(account, -np.sign(account.size) * account.notional(prices) * rates, pocket)
        if not np.any(wallet) and not margin.any():
            break
        count = _first_failing(account, prices, wallet, margin, min(same, MOST_PAYMENTS - paid))
        if count is None:
            if paid + same >= MOST_PAYMENTS:
                break
            account, paid = _after(account, wallet, margin, np.asarray(same)), paid + int(same)
            continue
        account, paid = _after(account, wallet, margin, np.asarray(count)), paid + count
        failing = _failing(account, prices)
        counts, account = np.where(failing, paid, counts), _without(account, failing)
    return counts


def _alone(account: Account, row: int) -> Account:
    """Return the account of one isolated position: nothing else stands behind it."""
    return replace(
        account,
        wallet=0.0,
        contracts=[account.contracts[row]],
        mode="isolated",
        orders=(),
        collateral=(),
        currency="",
        **{name: getattr(account, name)[row : row + 1] for name in ("size", "entry", "margin", "leverage")},
    )


def _most_out_of_wallet(account: Account, marks: Floats) -> float:
    """Return how much may leave the wallet where fees at bankruptcy, which move with it, are tied up."""
    money = float(np.abs(account.wallet) + account.notional(marks).sum())

    def free(amounts: Floats) -> Floats:
        return np.asarray(account.changed(wallet=account.wallet - amounts).free_margin(marks))

    return float(np.nan_to_num(last_holding(free, places_among(np.empty(0), money))))


def _most_out_of(alone: Account, mark: Floats, rules: Rules) -> float:
    """Return how much may be taken out of the only position, which is isolated."""
    pnl, notional, margin = (float(one[0]) for one in (alone.unrealized_pnl(mark), alone.notional(mark), alone.margin))
    money = abs(margin) + abs(pnl) + notional
    # So much less that a venue which counts in another order comes to the same.
    hair = 8 * np.finfo(float).eps * money

    def allowed(amounts: Floats) -> Floats:
        after = alone.changed(margin=(margin - amounts - hair)[..., None])
        initial = np.maximum(after.initial_margin(mark), after.requirement(mark))[..., 0]
        refusals = opening.withdrawal_refusals(
            rules,
            after.margin[..., 0],
            pnl,
            initial=initial,
            maintenance=after.maintenance_margin(mark)[..., 0],
            notional=notional,
        )
        return opening.spare(refusals)

    return float(np.nan_to_num(last_holding(allowed, places_among(np.empty(0), money))))


def _paid(account: Account, payments: Floats, pocket: str) -> tuple[Floats, Floats, float]:
    """Return what a payment of all does to pockets and margins, and how many in a row do the same.

    A pocket is the wallet, or an asset that contracts settle in. What comes into one is told of its first position.
    """
    cash, margin, same = np.zeros(len(payments)), np.zeros(len(payments)), np.inf
    for settles in np.unique(account.assets.settles_in).tolist():
        rows = np.flatnonzero(account.assets.settles_in == settles)
        there, isolated = float(account.pocket(int(rows[0]))), account.isolated[rows]
        cash[rows[0]], margin[rows], count = _paid_from(there, isolated, payments[rows], pocket)
        same = min(same, count)
    return cash, margin, same


def _paid_from(wallet: float, isolated: Bools, payments: Floats, pocket: str) -> tuple[float, Floats, float]:
    """Return the same of one pocket and its positions."""
    start, margin, before = wallet, np.zeros(len(payments)), []
    for row, payment in enumerate(payments.tolist()):
        before.append(wallet)
        if isolated[row]:
            lacking = payment if pocket == "margin" else payment + max(wallet, 0.0)
            margin[row] = payment if pocket == "margin" else min(lacking, 0.0)
        wallet += payment - margin[row]
    step = wallet - start
    money = abs(start) + np.abs(payments).sum()
    step = 0.0 if abs(step) <= ROUNDING * money else step
    there = np.array(before)
    asks = isolated & (payments < 0) & (pocket == "wallet")
    # The wallet pays all of it, or none: until that changes, every payment is like this one.
    room = np.where(there + payments >= 0, there + payments, np.where(there <= 0, -there, 0.0))
    toward = np.where(there + payments >= 0, -step, step)
    with np.errstate(divide="ignore", invalid="ignore"):
        more = np.where(asks & (step != 0), np.where(toward > 0, np.floor(room / toward), np.inf), np.inf)
    mixed = asks & (there > 0) & (there + payments < 0) & (step != 0)
    return step, margin, float(1 + np.where(mixed, 0.0, more).min())


def _after(account: Account, cash: Floats, margin: Floats, count: Floats) -> Account:
    """Return the account after so many payments (...) that each do this."""
    times = count[..., None]
    return account.paid(times * cash).changed(margin=account.margin + times * margin)


def _first_failing(account: Account, marks: Floats, wallet: Floats, margin: Floats, most: float) -> int | None:
    """Return with which payment the first position fails, up to a number of them; ``None`` for none of these."""

    def fails(counts: Floats) -> Bools:
        return np.asarray(_failing(_after(account, wallet, margin, counts), marks).any(axis=-1))

    counts = np.unique(np.minimum(2.0 ** np.arange(54), most))
    failing = np.flatnonzero(fails(counts))
    if not failing.size:
        return None
    high = int(counts[failing[0]])
    low = int(counts[failing[0] - 1]) if failing[0] else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(np.array(float(middle))) else (middle, high)
    return high


def _failing(account: Account, marks: Floats) -> Bools:
    """Return what is liquidated if rounding goes as it should: with round numbers a payment often hits equality."""
    return account.at_once_refusal(marks).where


def _without(account: Account, gone: Bools) -> Account:
    """Return the account without what was liquidated; with a pool goes the wallet."""
    pool = bool((gone & ~account.isolated).any())
    left = [one.holding(0.0) for one in account.collateral] if pool else account.collateral
    return replace(
        account,
        wallet=0.0 if pool else account.wallet,
        collateral=left,
        size=np.where(gone, 0.0, account.size),
        margin=np.where(gone, 0.0, account.margin),
    )
