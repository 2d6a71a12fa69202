"""What a venue does with collateral where money is owed: sells some of it, in its order, and pays.

Everything goes through the account's currency. What is sold loses its cut; what is owed is bought at its price.
"""

from __future__ import annotations

import numpy as np

from .._typing import Floats
from .pockets import Pockets
from .state import State, Valuation, total


def convert_owed(state: State, valued: Valuation) -> Valuation:
    """Pay what is owed in a currency beyond what the venue lets be owed, as far as the collateral goes.

    Return how things stand after it.
    """
    conversion = state.rules.conversion
    if conversion.above == np.inf:
        return valued
    held, prices = valued.cash, state.pockets.prices(valued.marks)
    if conversion.with_losses:
        held = state.pockets.held(held, np.where(valued.pool, valued.pnl, 0.0), profit=False)
    beyond = -held * prices > conversion.above
    some = np.asarray(beyond.any(axis=0))
    if not some.any():
        return valued
    now = valued.only(some)
    owed = np.where(beyond, np.maximum(-held, 0.0), 0.0)[:, some]
    _book(state, now, valued.cash[:, some] + _changes(state.pockets, now, held[:, some], owed))
    return state.valuation(valued.paths, valued.marks, valued.step)


def convert_debts(state: State, valued: Valuation) -> None:
    """Pay all that is owed, when a pool is closed; what cannot be paid is left as one debt, in the wallet."""
    if not state.mixed or not valued.paths.size:
        return
    cash = state.cash[:, valued.paths]
    now = cash + _changes(state.pockets, valued, cash, np.maximum(-cash, 0.0))
    missing = np.minimum(now, 0.0)
    now = now - missing
    now[0] += total(missing * state.pockets.prices(valued.marks))
    _book(state, valued, now)


def convert_all(state: State, valued: Valuation) -> None:
    """Sell all collateral and buy what is owed of it."""
    if state.mixed:
        cash = state.cash[:, valued.paths]
        now = np.zeros(cash.shape)
        now[0] = state.pockets.sold(cash, valued.marks)
        _book(state, valued, now)


def _changes(pockets: Pockets, valued: Valuation, held: Floats, owed: Floats) -> Floats:
    """Return by how much each pocket changes as what is owed (1 + m, k) is paid, as far as what is held goes."""
    prices = pockets.prices(valued.marks)
    brings = prices * (1 - pockets.cut)
    debt, most = total(owed * prices), np.maximum(held, 0.0) * brings
    supply = total(most)
    paid = np.minimum(debt, supply)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(supply > paid, paid / supply, 1.0)
        settled = np.where(debt > paid, paid / debt, 1.0)
    used, rest = most * part, paid
    for pocket in pockets.order:
        used[pocket] = np.minimum(most[pocket], rest)
        rest = rest - used[pocket]
    sold = np.where((used < most) & (supply > debt), used / brings, np.maximum(held, 0.0))
    return np.asarray(owed * settled - sold)


def _book(state: State, valued: Valuation, now: Floats) -> None:
    """Write down that each pocket holds so much now (1 + m, k)."""
    paths, prices, pockets = valued.paths, state.pockets.prices(valued.marks), state.pockets
    for pocket in range(1, len(now)):
        change = now[pocket] - state.cash[pocket, paths]
        if not change.any():
            continue
        before = state.balance_of(None, valued)
        cost = pockets.cut[pocket] * np.maximum(-change, 0.0) * prices[pocket]
        brought = -change * prices[pocket] - cost
        state.cash[pocket, paths] = now[pocket]
        state.cash[0, paths] += brought
        state.converted[pocket - 1, paths] += change
        state.conversion_cost[paths] += cost
        state.proceeds[paths] += brought
        told = {"size": change, "price": prices[pocket], "amount": brought, "fee": cost}
        state.note("converted", None, valued, before, asset=pockets.names[pocket], **told)
    state.cash[0, paths] = now[0]  # to the last bit
