"""What the workbench shows of an account: a figure, one sentence and a table for each question.

The page shows them for the presets, the form for what its reader entered. Every screen takes results and works
out no margin of its own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import checks, figures, words
from .chances import Chances
from .comparison import Comparison
from .recommendation import as_amount, as_move, as_size
from .replays import Loss, Replay
from .standing import COLUMNS, Standing
from .tables import Table

# In the order in which they are drawn: the account as entered lies on top of the one it equals.
LOOKS = dict(zip((*COLUMNS[1:], COLUMNS[0]), (figures.CROSS, figures.ISOLATED, figures.MEASURED), strict=True))
# Losses at which it is asked how likely more is, as shares of the equity.
LOSSES = np.linspace(-0.5, 1, 61)
# Of a chart that says something of each of several names, one below the other.
NAMES_DOWN: dict[str, Any] = {
    "x_form": figures.PERCENT,
    "y_form": "",
    "hovermode": "closest",
    "yaxis": {"type": "category", "autorange": "reversed"},
}
# So wide may the name of a bar be on a phone, in letters.
NARROW = 24


class Screen(NamedTuple):
    """One answer, in a figure (plotly's plain dict form), in a sentence, and in a table."""

    figure: dict[str, Any]
    sentence: str
    table: Table


def standing(found: Comparison) -> Screen:
    """Return how far each position is from its liquidation price."""
    names = _named(found.symbols)
    traces = [figures.points(figures.MARK, [0.0] * len(names), names, "mark", gaps=True)]
    traces += [
        figures.points(look, found.column(name).distance, names, name, gaps=True, cliponaxis=False)
        for name, look in LOOKS.items()
    ]
    figure = figures.chart(
        traces,
        x="from the mark to the liquidation price",
        y="position",
        height=240 + 40 * len(names),
        **NAMES_DOWN,
    )
    _, cross, isolated = found.columns
    parts = [f"{one.name} {_nearest(one, names)}" for one in (cross, isolated)]
    sentence = (
        f"Equity {as_amount(cross.equity)} {found.currency} behind positions worth {cross.account_leverage:.1f} times "
        f"as much: {parts[0]}; {parts[1]}. {_common(cross, isolated)}"
    )
    return Screen(figure, sentence, found.position_table)


def tied(found: Comparison) -> Screen:
    """Return what is tied to positions, what is free, and what the venue would refuse."""
    used = [float(one.margin_used.sum()) for one in found.columns]
    traces = [
        figures.bars(figures.MEASURED, COLUMNS, used, "margin used"),
        figures.bars(figures.FREE, COLUMNS, [one.free_margin for one in found.columns], "free margin"),
    ]
    figure = figures.chart(traces, x="account", y=found.currency, barmode="group", height=340)
    refused = [f"{one.name}: {refusal}" for one in found.columns for refusal in one.refusals]
    free = [f"{as_amount(one.free_margin)} {one.name}" for one in found.columns]
    ratios = [f"{words.percent(one.worst_margin_ratio, 1)} {one.name}" for one in found.columns]
    sentence = (
        f"Of an equity of {as_amount(found.columns[0].equity)} {found.currency} this is free: {words.listed(free)}. "
        f"The margin ratio, which ends a position when it is full, is {words.listed(ratios)}. The venue would refuse "
        f"{'this: ' if refused else ''}{'; '.join(refused) or 'nothing'}."
    )
    return Screen(figure, sentence, found.account_table)


def shocked(found: Comparison, btc: float, rest: float) -> Screen:
    """Return what is left after BTC has made one move and the rest another; moves of the comparison's stress map."""
    stress = found.stress
    i, j = _place("btc", stress.btc, btc), _place("rest", stress.rest, rest)
    left = {name: stress.equity[c, :, j] for c, name in enumerate(stress.columns)}
    lost = {name: stress.liquidated[c, :, j].any(axis=-1) for c, name in enumerate(stress.columns)}
    traces = [figures.line(look, stress.btc, left[name], name) for name, look in LOOKS.items()]
    for name in LOOKS:
        gone = np.where(lost[name], left[name], np.nan)
        traces.append(
            figures.points(
                figures.LIQUIDATION, stress.btc, gone, "a position is lost", gaps=True, showlegend=name == COLUMNS[0]
            )
        )
    traces.append(figures.points(figures.MARK, [btc] * len(COLUMNS), stress.equity[:, i, j], "here"))
    figure = figures.chart(traces, x="move of BTC", y=f"equity, {found.currency}", x_form=figures.PERCENT)
    rows = [
        (
            name,
            as_amount(stress.equity[c, i, j]),
            as_amount(stress.equity[c, i, j] - found.columns[c].equity),
            words.listed(_lost(found, stress.liquidated[c, i, j])) or "none",
        )
        for c, name in enumerate(stress.columns)
    ]
    told = {name: f"{left}" + (f" ({gone} lost)" if gone != "none" else "") for name, left, _, gone in rows}
    parts = [f"{named} {told[name]}" for name, named in _distinct(found)]
    sentence = (
        f"BTC {words.moved(btc)}, all other markets {words.moved(rest)}: of {as_amount(found.columns[0].equity)} "
        f"{found.currency} this is left: {'; '.join(parts)}."
    )
    head = ("account", "left", "gain or loss", "positions lost")
    return Screen(figure, sentence, Table("What is left after both shocks", head, rows, names=(head[0], head[-1])))


def crashed(found: Comparison, event: str) -> Screen:
    """Return what a real event would have done to the account, with the ledger of what was closed by force."""
    one = next(each for each in found.replays if checks.one_of("event", event, _events(found)) == each.event)
    left = {name: outcome.equity_path for name, outcome in one.outcomes.items()}
    traces = [figures.line(look, one.times, left[name], name, gaps=True) for name, look in LOOKS.items()]
    for name in LOOKS:
        steps = [loss.step for loss in one.losses(name)]
        # A point that is nowhere keeps the trace where nothing was lost.
        when, then = one.times[[*steps, 0]], np.append(left[name][steps], np.nan)
        traces.append(
            figures.points(figures.LIQUIDATION, when, then, "closed by force", gaps=True, showlegend=name == COLUMNS[0])
        )
    figure = figures.chart(traces, x="time, UTC", y=f"equity, {found.currency}")
    parts = [f"{named}, {_told(one, name, found.currency)}" for name, named in _distinct(found)]
    return Screen(figure, f"{one.title}: {'; '.join(parts)}.", _ledger(one))


def by_chance(found: Comparison, known: Chances) -> Screen:
    """Return how likely losses of every size are, on the paths drawn so far."""
    traces = [
        figures.line(look, LOSSES, _exceeded(known.losses(name) / known.equity), name) for name, look in LOOKS.items()
    ]
    figure = figures.chart(
        traces,
        x="loss, as a share of the equity",
        y="paths that lose as much or more",
        x_form=figures.PERCENT,
        y_form=figures.PERCENT,
        yaxis={"range": [-0.02, 1.02]},
    )
    parts = [
        f"{name} a position is lost on {words.percent(known.lost(name).share, 1)} of paths and the account ruined on "
        f"{words.percent(ruin.share, 1)} ({words.percent(ruin.low, 1)} to {words.percent(ruin.high, 1)})"
        for name in known.columns[1:]
        for ruin in [known.ruin(name)]
    ]
    sentence = (
        f"On {known.done:,} paths: {'; '.join(parts)}. Ruin is to have {words.percent(known.ruin_at)} or less of the "
        f"{as_amount(known.equity)} {found.currency} left; in brackets, the {words.percent(0.95)} confidence interval."
    )
    return Screen(figure, sentence, known.table)


def weighed(found: Comparison) -> Screen:
    """Return which mode loses less in which case."""
    rows = [one for one in found.findings if one.unit == "money"]
    names = [_wrapped(one.question) for one in rows]
    equity = found.columns[0].equity
    traces = [
        figures.bars(look, names, np.array(losses) / equity, name, flat=True)
        for look, name, losses in (
            (figures.CROSS, "all cross", [one.cross for one in rows]),
            (figures.ISOLATED, "all isolated", [one.isolated for one in rows]),
        )
    ]
    figure = figures.chart(
        traces,
        x="loss, as a share of the equity",
        y="in which case",
        height=170 + 42 * len(rows),
        barmode="group",
        **NAMES_DOWN,
    )
    counts = {mode: [one.better for one in found.findings].count(mode) for mode in ("cross", "isolated", "neither")}
    most = max(rows, key=lambda one: one.by if one.better != "neither" else -1.0)
    sentence = (
        f"Of {len(found.findings)} cases cross is better in {counts['cross']}, isolated in {counts['isolated']}, and "
        f"in {counts['neither']} there is no difference. "
    )
    if most.better != "neither":
        sentence += (
            f"The largest difference is {as_amount(most.by)} {found.currency}, in favour of {most.better}: "
            f"{most.question.rstrip('?')}. "
        )
    return Screen(figure, sentence + "This is no advice.", found.finding_table)


def _named(symbols: Sequence[str]) -> list[str]:
    """Return a name for each position, with its number where one symbol is held more than once."""
    return [f"{i + 1} {one}" if symbols.count(one) > 1 else one for i, one in enumerate(symbols)]


def _nearest(one: Standing, names: Sequence[str]) -> str:
    far = np.abs(one.distance)
    if np.isnan(far).all():
        return "no position can be liquidated while the other marks stand still"
    i = int(np.nanargmin(far))
    return f"{names[i]} is nearest to its liquidation, {as_move(one.distance[i])} from its mark"


def _common(cross: Standing, isolated: Standing) -> str:
    """Say which common moves take the first position."""
    moves = [
        [
            "never" if np.isnan(move) else f"at {as_move(move)}"
            for move in (getattr(cross, name), getattr(isolated, name))
        ]
        for name in ("first_fall", "first_rise")
    ]
    fall, rise = (f"{one} in cross and {other} in isolated" for one, other in moves)
    return f"A common fall of all markets takes a first position {fall}, a common rise {rise}."


def _distinct(found: Comparison) -> list[tuple[str, str]]:
    """Return the columns that differ, each by its name and by the names of all that are the same account."""
    same: dict[int, list[str]] = {}
    for one in found.columns:
        same.setdefault(id(one.account), []).append(one.name)
    return [(names[0], words.listed(names)) for names in same.values()]


def _place(name: str, values: Any, value: float) -> int:
    near = np.flatnonzero(np.isclose(values, value))
    if not near.size:
        raise ValueError(f"{name} must be one of {np.asarray(values).tolist()}, not {value!r}")
    return int(near[0])


def _lost(found: Comparison, gone: Any) -> list[str]:
    return [name for name, lost in zip(_named(found.symbols), gone, strict=True) if lost]


def _events(found: Comparison) -> list[str]:
    return [each.event for each in found.replays]


def _told(one: Replay, name: str, currency: str) -> str:
    lost, loss = one.losses(name), one.loss(name)
    told = f"a {'loss' if loss > 0 else 'gain'} of {as_amount(abs(loss))} {currency}"
    if not lost:
        return f"{told} and nothing closed by force"
    return f"{told} and {lost[0].symbol} the first to be {lost[0].kind}, on {_day(lost[0])}"


def _ledger(one: Replay) -> Table:
    rows = [
        (
            name,
            f"{loss.time.item():%Y-%m-%d %H:%M}",
            loss.symbol,
            loss.kind,
            as_size(loss.size),
            "" if np.isnan(loss.price) else as_amount(loss.price),
            as_amount(loss.amount),
        )
        for name in one.outcomes
        for loss in one.losses(name)
    ]
    head = ("account", "when, UTC", "position", "what", "size", "price", "result at that price")
    return Table("What was closed by force, in order", head, rows, names=head[:4])


def _exceeded(losses: Any) -> Any:
    """Return on which share of the paths the loss is as large as each of ``LOSSES``."""
    return 1 - np.searchsorted(np.sort(losses), LOSSES - 1e-9) / len(losses)


def _wrapped(text: str) -> str:
    return "<br>".join(textwrap.wrap(text, NARROW))


def _day(loss: Loss) -> str:
    return f"{loss.time.item():%d %B %Y}".lstrip("0")
