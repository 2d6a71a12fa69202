"""What a venue does when a position fails, and what the trader does meanwhile: rules as data.

What *triggers* a liquidation belongs to how a venue counts, :class:`~marginlab.Convention`:
the maintenance margin, a closing fee beside it, and whether equality is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import checks

CLOSE = ("takeover", "market")
PART = ("whole", "share", "bracket", "cure")
ORDER = ("largest loss", "largest maintenance", "as given")
ISOLATED_FUNDING = ("margin", "wallet")
SWITCHING = ("open", "flat", "account", "order")


@dataclass(frozen=True)
class Rules:
    r"""How a venue liquidates, charges, and lets modes be switched.

    An isolated position is liquidated alone, the cross positions as one pool. While it fails,
    one closing follows another, and everything is worked out anew after each.

    Parameters
    ----------
    close
        How a position is closed as a whole. ``"takeover"``: the venue takes it over at the
        bankruptcy price, so the trader forfeits what is left of the margin; the insurance fund
        keeps it or pays what is missing. In cross that means the pool: all of its positions and
        the wallet. ``"market"``: it is closed in the market, and the trader keeps what is left.
    part
        What is tried first, in the market. ``"whole"``: nothing. ``"share"``: `share` of the size
        held when this liquidation began, again and again. ``"bracket"``: down by `brackets`
        maintenance brackets. ``"cure"``: just so much that equity covers the requirement, impact
        left out. A position for which this would close everything is closed as a whole.
    share, share_above
        For ``"share"``: the fraction a round, and the notional up to which a position is not
        worth closing in parts.
    brackets
        For ``"bracket"``: how many brackets down a round goes.
    cure_to
        For ``"cure"``: the multiple of the requirement that equity is brought back to.
    rounds
        Most market closings of one position or pool in one step; ``None`` for no limit.
    order
        In cross, which position goes first: the one with the ``"largest loss"``, with the ``"largest
        maintenance"``, or ``"as given"``.
    takeover_below
        Equity at or below this share of the requirement is taken over even where `close` says market,
        and forfeited. At 0 or below a position is taken over in any case.
    liquidation_fee, fund_share
        Fee on notional closed by force, a fraction of it, never more than is left; and the share of
        the fee that goes to the insurance fund rather than to the venue.
    fund
        What the insurance fund holds at the start, for each path its own; ``inf`` for a bottomless one.
    deleveraging
        Whether, once the fund is empty, the account's winning positions are closed and their profit
        taken (ADL). A venue takes it from whoever wins; here there is one account only, so that an
        isolated loss may reach its winners. What is missing then still is recorded as uncovered.
    depth
        Notional that the order book takes within 1 % of the mark, on one side; one number or one
        a position. Selling *X* into a book of even depth *D* fills at :math:`X / (200 D)`
        below the mark on average, at most half of it. ``inf`` for no impact.
    isolated_funding
        Where an isolated position's funding is paid from: its ``"margin"``, or the ``"wallet"`` as
        far as that goes.
    trading_fee
        Fee on what the trader opens and closes, a fraction of notional.
    switching
        When the mode may be changed. ``"open"``: at any time. ``"flat"``: only without a position.
        ``"account"``: for the whole account at once. ``"order"``: chosen with each order, so a
        position keeps the mode it was opened with.

    Examples
    --------
    >>> Rules(part="cure", close="market", liquidation_fee=0.01).fund
    inf
    >>> Rules(close="gently")
    Traceback (most recent call last):
        ...
    ValueError: close must be one of 'takeover', 'market', not 'gently'
    """

    close: str = "takeover"
    part: str = "whole"
    share: float = 0.25
    share_above: float = 0.0
    brackets: int = 1
    cure_to: float = 1.0
    rounds: int | None = None
    order: str = "largest loss"
    takeover_below: float = 0.0
    liquidation_fee: float = 0.0
    fund_share: float = 0.0
    fund: float = np.inf
    deleveraging: bool = True
    depth: float | Sequence[float] = np.inf
    isolated_funding: str = "margin"
    trading_fee: float = 0.0
    switching: str = "flat"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("close", CLOSE),
            ("part", PART),
            ("order", ORDER),
            ("isolated_funding", ISOLATED_FUNDING),
            ("switching", SWITCHING),
        ):
            checks.one_of(name, getattr(self, name), allowed)
        for name in ("liquidation_fee", "trading_fee"):
            checks.between(name, getattr(self, name), 0, 0.5, open_above=True)
        for name in ("fund_share", "takeover_below"):
            checks.between(name, getattr(self, name), 0, 1)
        checks.between("share", self.share, 0, 1, open_below=True)
        checks.between("cure_to", self.cure_to, 1, np.inf, open_above=True)
        checks.single("share_above", self.share_above, checks.not_negative)
        checks.count("brackets", self.brackets)
        if self.rounds is not None:
            checks.count("rounds", self.rounds)
        checks.truth("deleveraging", self.deleveraging)
        checks.between("fund", self.fund, 0, np.inf)
        depth = checks.leverages("depth", self.depth)
        if depth.ndim > 1 or not depth.size:
            raise ValueError(f"depth must be one number or one a position, not of shape {depth.shape}")
        object.__setattr__(self, "depth", tuple(depth.tolist()) if depth.ndim else float(depth))


@dataclass(frozen=True)
class TopUp:
    """Refill isolated margins out of the wallet, as far as the cross positions leave it free.

    Parameters
    ----------
    every
        Looked at in steps 0, every, 2 every, ...
    target
        Equity to refill to, a fraction of notional: 0.1 keeps the effective leverage at 10 or less.
    budget
        Most that is added in all, over all positions.

    Examples
    --------
    >>> TopUp(every=6, target=0.1, budget=1_000)
    TopUp(every=6, target=0.1, budget=1000)
    """

    every: int
    target: float
    budget: float = np.inf

    def __post_init__(self) -> None:
        checks.count("every", self.every)
        checks.between("target", self.target, 0, 1, open_below=True)
        checks.between("budget", self.budget, 0, np.inf)


def depths(rules: Rules, positions: int) -> Any:
    """Return the depth of each position's book, shape (n, 1)."""
    depth = np.asarray(rules.depth, dtype=float)
    checks.one_each(positions, depth=depth)
    return np.broadcast_to(depth, positions)[:, None]
