"""What a venue refuses: orders that are too large or have too little behind them, and switches of mode.

Said once, for all who ask: an account that is opened, an order on many paths at once, a comparison of modes. They
ask in columns, one entry a position or a path, and get one `Refusals` a rule: where it refuses, and why there.
Differences smaller than rounding of `at_stake`, the money that the figures are made of, decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .._checks import ROUNDING
from .._typing import Bools, Floats, Numbers
from ..formatting import amount
from .rules import Convention, Rules

Words = NDArray[np.str_]
# Said wherever a margin is asked for.
NO_MARGIN_IN_CROSS = "must be left out in cross mode, where none is set aside"
MARGIN_OR_LEVERAGE = "must be given, or the leverage, where the brackets set no limit"
# What is refused lies at least so far beyond.
LEAST = np.finfo(float).tiny


@dataclass(frozen=True, eq=False)
class Refusals:
    """What one rule refuses.

    Attributes
    ----------
    where
        Which entries of the columns.
    argument
        What is too much or too little, such as ``"leverage"`` or ``"wallet"``; ``"position"`` where it is all of it
        together, and ``"venue"`` where the reason says what that does not do.
    told, figures
        How the reason reads, given what stands in these columns where it refuses.
    apart
        How far what is asked for lies from where it begins to be refused, without a sign; 1 where that is no number.
    """

    where: Bools
    argument: str
    told: Callable[..., str]
    figures: tuple[Numbers | Words | Bools, ...] = ()
    apart: Numbers = 1.0

    def reason(self, at: int | None = None) -> str:
        """Return why an entry is refused, to be read after the argument; the first that is, if none is named."""
        first = int(np.flatnonzero(self.where)[0]) if at is None else at
        return self.told(*(np.broadcast_to(column, self.where.shape).ravel()[first] for column in self.figures))


def spare(refusals: Iterable[Refusals]) -> Floats:
    """Return how far everything is from being refused, and below 0 how far beyond that: whichever rule has the least.

    Parameters
    ----------
    refusals
        One or more, of shapes that broadcast.

    Returns
    -------
    array
        Their common shape: 0 or more where nothing is refused, and only there.
    """
    return np.asarray(
        reduce(np.minimum, (np.where(one.where, -np.maximum(one.apart, LEAST), one.apart) for one in refusals))
    )


def leverage_refusal(leverage: Numbers, limit: Numbers, notional: Numbers, maintenance: Numbers) -> Refusals:
    """Refuse a leverage above the bracket's limit, or one whose initial margin is below maintenance.

    ``inf`` stands for no setting, which takes the limit.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        covered = np.where(np.asarray(maintenance) > 0, np.divide(notional, maintenance), np.inf)
    most = np.minimum(limit, covered)
    asked, allowed = np.where(np.isfinite(leverage), leverage, 0.0), most * (1 + ROUNDING)
    told = "must be at most {:,.10g} at this size, not {:g}".format
    return Refusals(np.asarray(asked > allowed), "leverage", told, (most, leverage), np.abs(allowed - asked))


def size_refusal(counted: Numbers, cap: Numbers, unit: str | Words, cut_off: bool | Bools = False) -> Refusals:
    """Refuse a position larger than its brackets allow; `counted` is what they count.

    Where the brackets are `cut_off`, the venue may allow more: what it asks there is not known.
    """

    def told(most: float, what: str, given: float, unknown: bool) -> str:
        end = ", where the brackets that are known end: what the venue asks beyond is not known" if unknown else ""
        return f"must be at most {most:,.10g} {what}{end}, not {given:,.10g}"

    figures = (cap, np.asarray(unit), counted, np.asarray(cut_off))
    return Refusals(np.asarray(counted > cap), "size", told, figures, np.abs(cap - np.asarray(counted)))


def margin_refusal(
    margin: Numbers, requirement: Numbers, fee: Numbers, convention: Convention, *, at_stake: Numbers
) -> Refusals:
    """Refuse an isolated margin that would not cover the requirement, of which `fee` is for closing."""

    def told(needed: float, charged: float, given: float) -> str:
        least = "at least" if not convention.at_equality else "more than"
        what = "its maintenance margin and closing fee" if charged else "its maintenance margin"
        return f"must be {least} {amount(needed)}, {what}, not {amount(given)}"

    short, apart = _fails(margin, requirement, convention, at_stake)
    return Refusals(short, "margin", told, (requirement, fee, margin), apart)


def at_once_refusal(equity: Numbers, requirement: Numbers, convention: Convention, *, at_stake: Numbers) -> Refusals:
    """Refuse what would be liquidated at once, given the equity it hangs on and what that must cover."""

    def told(left: float, needed: float) -> str:
        return f"is liquidated at once: equity {amount(left)}, required {amount(needed)}"

    failing, apart = _fails(equity, requirement, convention, at_stake)
    return Refusals(failing, "position", told, (equity, requirement), apart)


def wallet_refusal(
    needed: Numbers, there: Numbers, *, at_stake: Numbers, what: str = "the initial margins"
) -> Refusals:
    """Refuse what the wallet cannot carry: `what` it must cover is more than there is."""

    def told(wanted: float, given: float) -> str:
        return f"must cover {what} ({amount(wanted)}), not {amount(given)}"

    lacking, rounding = needed - there, ROUNDING * at_stake
    apart = np.abs(rounding - lacking)
    return Refusals(np.asarray(lacking > rounding), "wallet", told, (needed, there), apart)


def closing_refusal(equity: Numbers, fee: Numbers, *, share: Numbers, isolated: Bools | bool) -> Refusals:
    """Refuse to close a share of a position where what backs it cannot pay for its loss and fee.

    An isolated position pays with the margin that is set free, a cross one with all that the pool has.
    """
    there = np.where(isolated, share, 1.0) * equity
    told = "must have behind it what closing costs: its loss and the fee".format
    return Refusals(np.asarray((np.asarray(share) > 0) & (there < fee)), "position", told)


def switch_refusals(switching: str, *, moved: Bools, mixed: Bools) -> Iterator[Refusals]:
    """Refuse a change of mode that a venue does not make.

    Parameters
    ----------
    switching
        The venue's rule, as in :class:`~marginlab.Rules`.
    moved
        Where an open position would change its mode.
    mixed
        Where an account would have both modes at once.
    """
    if switching in ("flat", "order"):
        yield Refusals(moved, "venue", "does not switch the mode of an open position: close it first".format)
    if switching == "account":
        yield Refusals(mixed, "venue", "has one mode for the whole account".format)


def withdrawal_refusals(
    rules: Rules, margin: Numbers, pnl: Numbers, *, initial: Numbers, maintenance: Numbers, notional: Numbers
) -> Iterator[Refusals]:
    """Refuse to take out of an isolated position what must stay there; `margin` is what would be left.

    Parameters
    ----------
    rules
        The venue's: `withdrawal` and `withdrawal_leaves`.
    margin, pnl
        What would be left of the margin, and the unrealized profit or loss.
    initial, maintenance, notional
        At the mark.
    """
    if rules.withdrawal == "none":
        yield Refusals(np.full(np.shape(margin), True), "venue", "lets no margin be taken out of a position".format)
        return
    counted = np.minimum(pnl, 0.0) if rules.withdrawal == "initial" else pnl
    needed = np.maximum(initial, rules.withdrawal_leaves * notional)
    what = "" if rules.withdrawal == "initial" else " with its profit"
    left, needed = margin + counted, needed * (1 - ROUNDING)
    reason = f"that is left must{what} cover the initial margin".format
    yield Refusals(np.asarray(left < needed), "margin", reason, apart=np.abs(left - needed))
    least, what = {
        "maintenance": (maintenance, "cover the maintenance margin"),
        "zero": (0.0, "be 0 or more"),
    }.get(rules.withdrawal, (-np.inf, ""))
    least = least - ROUNDING * notional
    reason = f"that is left must {what}".format
    yield Refusals(np.asarray(margin < least), "margin", reason, apart=np.abs(margin - least))


def leverage_change_refusals(rules: Rules, *, isolated: Bools, changed: Bools, lowered: Bools) -> Iterator[Refusals]:
    """Refuse a change of leverage that a venue does not make while a position is open.

    Parameters
    ----------
    rules
        The venue's: `leverage_in_cross` and `leverage_in_isolated`.
    isolated
        Where the position is isolated.
    changed, lowered
        Where the leverage of an open position would change, and where it would become lower.
    """
    for mode, where, allowed in (
        ("cross", ~isolated, rules.leverage_in_cross),
        ("isolated", isolated, rules.leverage_in_isolated),
    ):
        if allowed != "any":
            refused, what = (lowered, "lower") if allowed == "raise" else (changed, "change")
            yield Refusals(where & refused, "venue", f"does not {what} the leverage of an open {mode} position".format)


def needed_to_open(
    notional: Numbers, leverage: Numbers, limit: Numbers, requirement: Numbers, fee: Numbers = 0.0
) -> Floats:
    """Return what a position ties up: initial margin, with the fee that counts in it, and at least its requirement."""
    return np.maximum(notional / np.minimum(leverage, limit) + fee, requirement)


def backing(wallet: Numbers, pnl: Numbers, convention: Convention) -> Floats:
    """Return what backs new cross positions: the wallet, less losses, and profits where the venue lets them."""
    return np.asarray(wallet + (pnl if convention.profit_opens else np.minimum(pnl, 0.0)))


def _fails(equity: Numbers, requirement: Numbers, convention: Convention, at_stake: Numbers) -> tuple[Bools, Numbers]:
    """Return where equity would be too little at once, if rounding went as it should, and how far it is from that."""
    rounding = ROUNDING * at_stake
    there = equity - rounding if convention.at_equality else equity + rounding
    return convention.liquidates(there, requirement), np.abs(there - requirement)
