"""Which margin mode loses less with an account, by how much, and what it gives up; each row with its claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .._typing import Bools
from ..formatting import amount, as_amount, as_move, listed
from ..margin.rules import Rules
from .modes import Snapshot, names_of
from .scenarios import Replay, markets_of, marks_along, outcomes_of, stress_map

# Moves tried besides the real events, of BTC and of the rest, each with the claim it bears on.
SHOCKS_TRIED = (
    ("All markets fall by 30%", -0.3, -0.3, "3-2"),
    ("BTC falls by 20%, the rest stands still", -0.2, 0.0, "1-3"),
    ("All but BTC fall by 20%, BTC stands still", 0.0, -0.2, "1-3"),
    ("All markets rise by 20%", 0.2, 0.2, "1-5"),
)
THERE_AND_BACK = (("All markets fall by 20% and come back", -0.2), ("All markets rise by 20% and come back", 0.2))
_WAY = np.concatenate([np.arange(1, 17), np.arange(15, -1, -1)]) / 16
CLAIM_OF_EVENT = {"oct-2025": "3-5", "rally-aug-2026": "1-5"}


@dataclass(frozen=True)
class Finding:
    """One row: the account all cross beside the account all isolated.

    Attributes
    ----------
    question
        What is compared.
    cross, isolated
        The figure in each mode. A loss is positive and a gain negative; ``nan`` stands for a move that does not exist.
    unit
        ``"money"``, or ``"move"`` for a share of the marks.
    better
        ``"cross"``, ``"isolated"`` or ``"neither"``.
    gives_up
        What the better one gives up for it, in words.
    claim
        The claim it rests on, such as ``"3-1"``.
    """

    question: str
    cross: float
    isolated: float
    unit: str
    better: str
    gives_up: str
    claim: str

    @property
    def by(self) -> float:
        """By how much the better one is better; ``nan`` beside a move that does not exist."""
        return abs(self.cross - self.isolated)

    def shown(self) -> tuple[str, ...]:
        """Return the row in words: question, cross, isolated, better, by, gives up, claim.

        Returns
        -------
        tuple of str
            By how much is empty where neither is better, and beside a move that does not exist.
        """
        figures = (self.cross, self.isolated, self.by)
        if self.unit == "money":
            cross, isolated, by = map(as_amount, figures)
        else:
            cross, isolated, by = (as_move(one) for one in figures)
        by = "" if self.better == "neither" or np.isnan(self.by) else by.lstrip("+")
        return self.question, cross, isolated, self.better, by, self.gives_up, self.claim


def findings(columns: Sequence[Snapshot], replays: Sequence[Replay], rules: Rules) -> tuple[Finding, ...]:
    """Return what speaks for the account all cross, and what for it all isolated.

    The columns are those of `columns_of`, the replays of all of them; the shocks are tried here.
    """
    _, cross, isolated = columns
    both = _Both(cross, isolated)
    return (*both.now(), *both.events(replays), *both.shocks(rules))


@dataclass(frozen=True)
class _Both:
    """The account in both modes, compared question by question."""

    cross: Snapshot
    isolated: Snapshot

    def now(self) -> Iterator[Finding]:
        """Yield what is known before any price moves."""
        free = [one.equity - one.free_margin for one in (self.cross, self.isolated)]
        yield self.less(
            "What can be lost at most?", (self.cross.at_stake, self.isolated.margins), "1-4", ("", self.tied)
        )
        yield self.less("How much of it is not free to open with?", free, "1-1", (self.stake, ""))
        for way, name in (("fall", "first_fall"), ("rise", "first_rise")):
            moves = [getattr(one, name) for one in (self.cross, self.isolated)]
            if not np.isnan(moves).all():
                far = [-np.inf if np.isnan(move) else -abs(move) for move in moves]
                better = self.better(far)
                gives_up = {"cross": self.stake, "isolated": self.tied}.get(better, "")
                question = f"At which {way} of all markets is a position lost?"
                yield Finding(question, moves[0], moves[1], "move", better, gives_up, "2-1")

    def events(self, replays: Sequence[Replay]) -> Iterator[Finding]:
        """Yield what each real event would have cost."""
        offsetting = self.cross.account.size.min() < 0 < self.cross.account.size.max()
        for one in replays:
            claim = "2-3" if offsetting else CLAIM_OF_EVENT.get(one.event, "3-1")
            names = [side.name for side in (self.cross, self.isolated)]
            left = [float(one.equity[name][-1]) for name in names]
            yield self.lost(one.title, left, [one.gone[name] for name in names], claim)

    def shocks(self, rules: Rules) -> Iterator[Finding]:
        """Yield what made-up moves would cost: there, and there and back."""
        accounts, marks = {one.name: one.account for one in (self.cross, self.isolated)}, self.cross.marks
        several = len(set(markets_of(self.cross.account))) > 1
        for question, btc, rest, claim in SHOCKS_TRIED:
            if btc == rest or several:
                after = stress_map(accounts, marks, rules=rules, btc=btc, rest=rest)
                yield self.lost(question, after.equity[:, 0, 0].tolist(), list(after.liquidated[:, 0, 0]), claim)
        for question, move in THERE_AND_BACK:
            prices = marks_along(self.cross.account, marks, np.exp(_WAY * np.log1p(move))[:, None])
            ends = outcomes_of(accounts, prices, rules=rules).values()
            yield self.lost(question, [float(end.equity) for end in ends], [~end.survived for end in ends], "2-1")

    def lost(self, question: str, left: Sequence[float], gone: Sequence[Bools], claim: str) -> Finding:
        """Return what both lose, given what is left and which positions are gone."""
        losses = [self.cross.equity - equity for equity in left]
        names = names_of(self.cross.account)
        alone = [
            [name for name, lost, kept in zip(names, own, other, strict=True) if lost and not kept]
            for own, other in (gone, gone[::-1])
        ]
        closed = [f"{listed(names)}, which the other mode keeps" if names else "" for names in alone]
        return self.less(question, losses, claim, (closed[0] or self.stake, closed[1] or self.tied))

    def less(self, question: str, figures: Sequence[float], claim: str, gives_up: tuple[str, str]) -> Finding:
        """Return the finding on two amounts, of which the smaller is better."""
        better = self.better(figures)
        given = dict(zip(("cross", "isolated"), gives_up, strict=True)).get(better, "")
        return Finding(question, float(figures[0]), float(figures[1]), "money", better, given, claim)

    def better(self, figures: Sequence[float]) -> str:
        """Return which figure is smaller by more than rounding."""
        one, other = figures
        if np.isclose(one, other, rtol=0, atol=1e-9 * abs(self.cross.equity)):
            return "neither"
        return "cross" if one < other else "isolated"

    @property
    def stake(self) -> str:
        """What cross puts at stake."""
        return f"all {amount(self.cross.at_stake)} stand behind every position"

    @property
    def tied(self) -> str:
        """What isolated ties up."""
        return f"{amount(self.isolated.margins)} are tied to single positions"
