"""What it would take to hold an account in the other margin mode, at its venue and with its positions open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..margin.rules import MODES
from ..markets.venues import Venue
from .modes import Refusal, Snapshot, names_of, switch_refused, worth_of

# How a mode is changed: with positions open, one by one or all at once; after closing; or not at all.
OPEN, AT_ONCE, CLOSED, NEVER = "with positions open", "for the whole account", "after closing", "never"


@dataclass(frozen=True)
class Switching:
    """What it would take to hold everything in one mode.

    Attributes
    ----------
    to
        ``"cross"`` or ``"isolated"``.
    moved
        Names of the positions that would change their mode; none where all are in it already.
    way
        How the venue does it: ``"with positions open"``, ``"for the whole account"``, ``"after closing"``, or
        ``"never"`` where it has no such mode.
    assumed
        Whether that is assumed, because the venue was not found to say it.
    set_aside
        How much more would be set aside for single positions; below 0 what would go back to the wallet.
    fee
        What closing and opening again would cost at the taker's fee, 0 where nothing needs closing; ``nan`` where the
        fee is not known.
    refusals
        What else stands in the way, which the account as entered does not have.
    """

    to: str
    moved: tuple[str, ...]
    way: str
    assumed: bool
    set_aside: float
    fee: float
    refusals: tuple[Refusal, ...]


def switching_of(columns: Sequence[Snapshot], venue: Venue) -> tuple[Switching, ...]:
    """Return what it would take to hold everything in cross, and everything isolated.

    The columns are those of `columns_of`, at the same venue.
    """
    entered, *both = columns
    return tuple(_switching(mode, entered, one, venue) for mode, one in zip(MODES, both, strict=True))


def _switching(mode: str, entered: Snapshot, one: Snapshot, venue: Venue) -> Switching:
    changed = one.account.isolated != entered.account.isolated
    moved = tuple(name for name, concerned in zip(names_of(one.account), changed, strict=True) if concerned)
    by_rule = tuple(switch_refused(one.account, entered.account, venue))
    way = _way(mode, venue, by_rule)
    fee = 0.0
    if way == CLOSED and moved:
        rate = np.nan if venue.fees is None else venue.fees.value["taker"]
        fee = 2 * rate * worth_of(entered, np.where(changed, entered.account.notional(entered.marks), 0.0))
    return Switching(
        to=mode,
        moved=moved,
        way=way,
        assumed=way != NEVER and "switching" in venue.rules.assumed,
        set_aside=one.margins - entered.margins,
        fee=fee,
        # For another reason than the switch, and not of the account entered.
        refusals=tuple(each for each in one.refusals if each not in (*by_rule, *entered.refusals)),
    )


def _way(mode: str, venue: Venue, by_rule: Sequence[Refusal]) -> str:
    if mode not in venue.modes:
        return NEVER
    if by_rule:
        return CLOSED
    return AT_ONCE if venue.rules.value.switching == "account" else OPEN
