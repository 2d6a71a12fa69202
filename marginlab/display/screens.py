"""What the workbench shows of an account: a figure, one sentence and a table for each question.

The page shows them for the presets, the form for what its reader entered. Every screen takes results and works
out no margin of its own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _checks
from .._checks import ArgumentError, shown
from .._typing import Bools, Floats
from ..comparison.findings import Finding
from ..comparison.modes import MODE_COLUMNS, Snapshot, names_of
from ..comparison.monte_carlo import Chances
from ..comparison.needs import RATE, Needs, to_add_at
from ..comparison.report import (
    OF_FUNDING,
    OF_ROOM,
    OF_SURVIVAL,
    Comparison,
    both,
    funding_rows,
    room_rows,
    survival_rows,
)
from ..comparison.scenarios import Replay
from ..comparison.switching import CLOSED, NEVER, Switching
from ..formatting import (
    Table,
    as_amount,
    as_leverage,
    as_move,
    as_price,
    as_ratio,
    as_size,
    day,
    listed,
    moved,
    percent,
)
from ..margin.next_order import Standing, WhatIf
from ..margin.open_orders import Order
from ..margin.rules import MODES
from ..portfolio.reconciled import Reconciliation
from . import figures

# In the order in which they are drawn: the account as entered lies on top of the one it equals.
STYLES = dict(
    zip((*MODE_COLUMNS[1:], MODE_COLUMNS[0]), (figures.CROSS, figures.ISOLATED, figures.MEASURED), strict=True)
)
# Common moves at which it is asked what must be added.
MOVES = np.linspace(-0.6, 0.6, 49)
# Funding rates and orders that are offered, by what they are called.
RATES = {percent(rate, 2): rate for rate in (0.0001, 0.0005, 0.001, -0.0001)}
ORDERS = {"as much again": 1.0, "half as much again": 0.5, "close half": -0.5, "close it": -1.0, "turn it round": -2.0}
# Losses at which it is asked how likely more is, as shares of the equity.
LOSSES = np.linspace(-0.5, 1, 61)
# Of a chart that says something of each of several names, one below the other.
NAMES_DOWN: dict[str, Any] = {
    "x_form": figures.PERCENT,
    "y_form": "",
    "hovermode": "closest",
    "yaxis": {"type": "category", "autorange": "reversed"},
}
# A candle is taken as its open, low, high and close.
STEPS_A_CANDLE = 4
# So wide may the name of a bar be on a phone, in letters, and so wide what stands below the bars.
NARROW, BELOW = 24, 20


class Screen(NamedTuple):
    """One answer, in a figure (plotly's plain dict form), in a sentence, and in a table."""

    figure: figures.Figure
    sentence: str
    table: Table


def summary(found: Comparison) -> Screen:
    """Return in a few lines where it ends, whether modes may be switched, which one loses less, and what funding does.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.

    Returns
    -------
    Screen
        The figure is that of :func:`distances`. Which mode loses less is said without the real events, which take
        longer: :func:`which_mode` has all cases.
    """
    _checks.instance("found", found, Comparison)
    needs, cases = found.needs(), found.first_findings
    rows = [
        (name, *(both(as_price, one.liquidation_price[i], one.other_liquidation_price[i]) for one in found.columns))
        for i, name in enumerate(found.names)
    ]
    rows += [
        ("common fall", *(as_move(one.first_fall) for one in found.columns)),
        ("common rise", *(as_move(one.first_rise) for one in found.columns)),
        (f"funding of {percent(RATE, 2)}", *(_payments(need) for need in needs)),
        ("switching", "", *(_switched(one) for one in found.switching)),
        ("better in", f"{len(cases)} cases", *(str(_count(cases, mode)) for mode in MODES)),
    ]
    paid = [f"{named}, {_first_paid(found, _of(needs)[name])}" for name, named in _distinct(found)]
    parts = (
        f"As entered, {_nearest(found.columns[0])}.",
        _common(*found.columns[1:]),
        *(_switch_told(found, one) for one in found.switching),
        _better(found, cases),
        _given_up(cases),
        f"At {percent(RATE, 2)} of funding a payment: {'; '.join(paid)}.",
    )
    caption = "Where each position is liquidated, the moves and payments that take the first, and what a switch takes"
    table = Table(caption, ("liquidation", *MODE_COLUMNS), rows, names=("liquidation",))
    return Screen(distances(found).figure, " ".join(filter(None, parts)), table)


def distances(found: Comparison) -> Screen:
    """Return how far each position is from its liquidation price.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.

    Returns
    -------
    Screen
        The figure has no point where a position has no liquidation price, and two where the pool fails both below
        and above; the table is that of all positions.
    """
    _checks.instance("found", found, Comparison)
    names = [figures.as_label(name) for name in found.names]
    traces = [figures.points(figures.MARK, [0.0] * len(names), names, "mark", gaps=True)]
    for name, style in STYLES.items():
        one = found.column(name)
        ways = [one.distance] if np.isnan(one.other_distance).all() else [one.distance, one.other_distance]
        traces.append(
            figures.points(style, np.concatenate(ways), [*names] * len(ways), name, gaps=True, cliponaxis=False)
        )
    figure = figures.chart(
        traces,
        x=_wrapped("from the mark to the liquidation price", BELOW),
        y="position",
        height=240 + 40 * len(names),
        **NAMES_DOWN,
    )
    _, cross, isolated = found.columns
    parts = [f"in {mode} {_nearest(one)}" for mode, one in zip(MODES, (cross, isolated), strict=True)]
    sentence = (
        f"Equity {as_amount(cross.equity)} {found.currency} behind {_worth(cross)}: {parts[0]}; {parts[1]}. "
        + _common(cross, isolated)
    )
    return Screen(figure, sentence, found.position_table)


def free_margin(found: Comparison) -> Screen:
    """Return what is tied to positions, what is free, and what the venue would refuse.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.

    Returns
    -------
    Screen
        Bars in the account's currency, a pair a column; the table is that of the account as a whole.
    """
    _checks.instance("found", found, Comparison)
    used = [float(one.margin_used.sum()) for one in found.columns]
    traces = [
        figures.bars(figures.MEASURED, MODE_COLUMNS, used, "margin used"),
        figures.bars(figures.FREE, MODE_COLUMNS, [one.free_margin for one in found.columns], "free margin"),
    ]
    figure = figures.chart(traces, x="account", y=found.currency, barmode="group", height=340)
    refused = [f"{one.name}: {refusal}" for one in found.columns for refusal in one.refusals]
    free = [f"{as_amount(one.free_margin)} {one.name}" for one in found.columns]
    ratios = [f"{as_ratio(one.worst_margin_ratio)} {one.name}" for one in found.columns]
    sentence = (
        f"Of an equity of {as_amount(found.columns[0].equity)} {found.currency} this is free: {listed(free)}. "
        f"The margin ratio, which ends a position when it is full, is {listed(ratios)}. The venue would refuse "
        f"{'this: ' if refused else ''}{'; '.join(refused) or 'nothing'}."
    )
    return Screen(figure, sentence, found.account_table)


def survival(found: Comparison, move: float) -> Screen:
    """Return what must be added, or closed, for everything to last through a common move.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.
    move
        The common move, above -1.

    Returns
    -------
    Screen
        The figure goes through all moves, beside the one given; the table is for that one.

    Raises
    ------
    ArgumentError
        For a move of -1 or below.
    """
    _checks.instance("found", found, Comparison)
    needs, marks = found.needs(move=move), found.marks
    added = {one.name: to_add_at(one.account, marks, MOVES) for one in found.columns}
    traces = [figures.line(style, MOVES, added[name], name) for name, style in STYLES.items()]
    traces.append(figures.points(figures.MARK, [move] * len(needs), [one.to_add for one in needs], "here"))
    figure = figures.chart(
        traces, x="common move of all markets", y=f"to be added, {found.currency}", x_form=figures.PERCENT
    )
    of = _of(needs)
    parts = [f"{named}, {_added(found, of[name])}" for name, named in _distinct(found)]
    sentence = f"To last through a common move of {moved(move)} this must be added: {'; '.join(parts)}."
    caption = "What it takes to last through the move; below 0 is to spare"
    return Screen(figure, sentence, Table(caption, OF_SURVIVAL, survival_rows(found, needs), names=OF_SURVIVAL[:2]))


def room(found: Comparison) -> Screen:
    """Return how much more may be held, and what may be taken out.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.

    Returns
    -------
    Screen
        The figure has what can be added to each position at its mark, in money.
    """
    _checks.instance("found", found, Comparison)
    needs = found.needs()
    of = _of(needs)
    names = list(found.names)
    traces = [
        figures.bars(style, names, of[name].largest_notional, name, flat=True)
        for style, name in ((figures.CROSS, "all cross"), (figures.ISOLATED, "all isolated"))
    ]
    figure = figures.chart(
        traces,
        x=_wrapped(f"largest addition, {found.currency} of notional", BELOW),
        y="position",
        height=200 + 60 * len(names),
        barmode="group",
        **NAMES_DOWN | {"x_form": figures.MONEY},
    )
    wallets = [f"{named}, {as_amount(of[name].wallet_withdrawable)}" for name, named in _distinct(found)]
    most = max(range(len(names)), key=lambda i: of["as entered"].largest_notional[i])
    sentence = (
        f"At most {as_amount(of['as entered'].largest_notional[most])} {found.currency} of {names[most]} can be added "
        f"as entered. So much of the wallet may be taken out, in {found.currency}: {'; '.join(wallets)}."
    )
    return Screen(
        figure, sentence, Table("What there is room for", OF_ROOM, room_rows(found, needs), names=OF_ROOM[:2])
    )


def funded(found: Comparison, rate: float) -> Screen:
    """Return how long it takes until funding alone liquidates each position.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.
    rate
        Of each payment, a fraction of notional that longs pay where it is positive.

    Returns
    -------
    Screen
        The figure has no point where that never happens.
    """
    _checks.instance("found", found, Comparison)
    needs = found.needs(rate=rate)
    of, names = _of(needs), list(found.names)
    traces = [
        figures.points(style, of[name].payments_to_liquidation, names, name, gaps=True, cliponaxis=False)
        for name, style in STYLES.items()
    ]
    figure = figures.chart(
        traces,
        x="payments until it is liquidated",
        y="position",
        height=240 + 40 * len(names),
        **NAMES_DOWN | {"x_form": figures.MONEY, "xaxis": {"rangemode": "tozero"}},
    )
    parts = [f"{named}, {_first_paid(found, of[name])}" for name, named in _distinct(found)]
    sentence = f"At {percent(rate, 2)} of funding a payment, while no price moves: {'; '.join(parts)}."
    caption = "With which payment each position is liquidated"
    return Screen(figure, sentence, Table(caption, OF_FUNDING, funding_rows(found, needs), names=OF_FUNDING[:2]))


def next_order(found: Comparison, times: float, position: int = 0) -> Screen:
    """Return what an order at the mark does to a position, before and after.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.
    times
        How much is ordered, as a multiple of what is held: 1 doubles it, -1 closes it, -2 turns it round.
    position
        Which position, from 0; the last one where there are fewer.

    Returns
    -------
    Screen
        The figure has the way to the liquidation price before and after.
    """
    _checks.instance("found", found, Comparison)
    row = min(_checks.count("position", position, 0), len(found.names) - 1)
    held = _checks.single("times", times) * float(found.account.size[row])
    order = Order(found.account.contracts[row], held, float(found.marks[row]))
    fills = found.what_if(order, position=row)
    mark = order.price
    traces = [figures.points(figures.MARK, [0.0] * len(fills), MODE_COLUMNS, "mark", gaps=True)]
    for style, name in ((figures.REQUIRED, "before"), (figures.LIQUIDATION, "after")):
        away = [getattr(fill, name).liquidation_price / mark - 1 for fill in fills]
        traces.append(figures.points(style, away, MODE_COLUMNS, name, gaps=True, cliponaxis=False))
    figure = figures.chart(
        traces, x=_wrapped("from the mark to the liquidation price", BELOW), y="account", height=360, **NAMES_DOWN
    )
    of = dict(zip(MODE_COLUMNS, fills, strict=True))
    parts = [f"{named}, {_ordered(of[name])}" for name, named in _distinct(found)]
    done = f"{as_size(order.size)[1:]} of {found.names[row]} {'bought' if order.size > 0 else 'sold'}"
    sentence = f"{done} at {as_amount(mark)}: {'; '.join(parts)}."
    head = ("account", "what", "before", "after")
    rows = [
        (name if i == 0 else "", what, shown(fill.before), shown(fill.after))
        for name, fill in of.items()
        for i, (what, shown) in enumerate(OF_STANDING.items())
    ]
    return Screen(figure, sentence, Table("What the order does", head, rows, names=head[:2]))


def shocked(found: Comparison, btc: float, rest: float) -> Screen:
    """Return what is left after BTC has made one move and the rest another.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.
    btc, rest
        Moves as shares of the marks, both on the comparison's stress map.

    Returns
    -------
    Screen
        The figure goes through all moves of BTC on the map, beside the one move of the rest; the table is for both
        moves as given.

    Raises
    ------
    ArgumentError
        For a move that is not on the map.
    """
    _checks.instance("found", found, Comparison)
    stress = found.stress
    i, j = _index("btc", stress.btc, btc), _index("rest", stress.rest, rest)
    left = {name: stress.equity[c, :, j] for c, name in enumerate(stress.columns)}
    lost = {name: stress.liquidated[c, :, j].any(axis=-1) for c, name in enumerate(stress.columns)}
    traces = [figures.line(style, stress.btc, left[name], name) for name, style in STYLES.items()]
    for name in STYLES:
        gone = np.where(lost[name], left[name], np.nan)
        traces.append(
            figures.points(
                figures.LIQUIDATION,
                stress.btc,
                gone,
                "a position is lost",
                gaps=True,
                showlegend=name == MODE_COLUMNS[0],
            )
        )
    traces.append(figures.points(figures.MARK, [btc] * len(MODE_COLUMNS), stress.equity[:, i, j], "here"))
    figure = figures.chart(traces, x="move of BTC", y=f"equity, {found.currency}", x_form=figures.PERCENT)
    rows = [
        (
            name,
            as_amount(stress.equity[c, i, j]),
            as_amount(stress.equity[c, i, j] - found.columns[c].equity),
            listed(_lost(found, stress.liquidated[c, i, j])) or "none",
        )
        for c, name in enumerate(stress.columns)
    ]
    told = {name: f"{left}" + (f" ({gone} lost)" if gone != "none" else "") for name, left, _, gone in rows}
    parts = [f"{named} {told[name]}" for name, named in _distinct(found)]
    sentence = (
        f"BTC {moved(btc)}, all other markets {moved(rest)}: of {as_amount(found.columns[0].equity)} "
        f"{found.currency} this is left: {'; '.join(parts)}."
    )
    head = ("account", "left", "gain or loss", "positions lost")
    return Screen(figure, sentence, Table("What is left after both shocks", head, rows, names=(head[0], head[-1])))


def crashed(found: Comparison, event: str) -> Screen:
    """Return what a real event would have done to the account, with the ledger of what was closed by force.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.
    event
        One of :func:`~marginlab.event_names`.

    Returns
    -------
    Screen
        The figure is the lowest equity of each candle in the course of the event, its last point the end; the table is
        the ledger. The sentence says what prices and brackets that rests on, and where it matters that the high of
        each candle came before its low.

    Raises
    ------
    ArgumentError
        For another event.
    """
    _checks.instance("found", found, Comparison)
    one, other = found.replayed(event), found.replayed(event, order="high first")
    times = np.append(one.times[::STEPS_A_CANDLE], one.times[-1])
    traces = [figures.line(style, times, _lowest(one.equity[name]), name, gaps=True) for name, style in STYLES.items()]
    for name in STYLES:
        steps = np.array([loss.step for loss in one.losses(name)], dtype=int)
        # A point that is nowhere keeps the trace where nothing was lost.
        when, then = times[np.append(steps // STEPS_A_CANDLE, 0)], np.append(one.equity[name][steps], np.nan)
        traces.append(
            figures.points(
                figures.LIQUIDATION, when, then, "closed by force", gaps=True, showlegend=name == MODE_COLUMNS[0]
            )
        )
    figure = figures.chart(traces, x="time, UTC", y=f"lowest equity of each candle, {found.currency}")
    parts = [f"{named}, {_told(found, one, name)}" for name, named in _distinct(found)]
    turned = [f"{named}, {_told(found, other, name)}" for name, named in _distinct(found) if _differs(one, other, name)]
    also = f" With the high of each candle before its low: {'; '.join(turned)}." if turned else ""
    return Screen(figure, f"{one.title}: {'; '.join(parts)}.{also} {one.taken_from}", _ledger(found, one))


def by_chance(found: Comparison, known: Chances) -> Screen:
    """Return how likely losses of every size are, on the paths drawn so far.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.
    known
        What :func:`~marginlab.comparison.chances_of` says of the same account.

    Returns
    -------
    Screen
        The figure has losses as shares of the equity, negative for a gain; the table is that of `known`.
    """
    _checks.instance("found", found, Comparison)
    _checks.instance("known", known, Chances)
    traces = [
        figures.line(style, LOSSES, _exceeded(known.losses(name) / known.equity), name)
        for name, style in STYLES.items()
    ]
    figure = figures.chart(
        traces,
        x="loss, as a share of the equity",
        y="paths that lose as much or more",
        x_form=figures.PERCENT,
        y_form=figures.PERCENT,
        yaxis={"range": [-0.02, 1.02]},
    )
    parts = [_likely(known, name) for name in known.columns[1:]]
    sentence = (
        f"On {known.done:,} paths: {'; '.join(parts)}. Ruin is to have {percent(known.ruin_at)} or less of the "
        f"{as_amount(known.equity)} {found.currency} left; in brackets, the {percent(0.95)} confidence interval."
    )
    return Screen(figure, sentence, known.table)


def which_mode(found: Comparison) -> Screen:
    """Return which mode loses less in which case.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.

    Returns
    -------
    Screen
        The figure shows the findings in money, as shares of the equity if there is any, a gain negative; the table all
        findings.
    """
    _checks.instance("found", found, Comparison)
    rows = _in_money(found.findings)
    names = [_wrapped(one.question) for one in rows]
    # Of nothing there are no shares: then losses are shown as money.
    equity = found.columns[0].equity
    unit, form = (equity, figures.PERCENT) if equity > 0 else (1.0, figures.MONEY)
    traces = [
        figures.bars(style, names, np.array(losses) / unit, name, flat=True)
        for style, name, losses in (
            (figures.CROSS, "all cross", [one.cross for one in rows]),
            (figures.ISOLATED, "all isolated", [one.isolated for one in rows]),
        )
    ]
    figure = figures.chart(
        traces,
        x=_wrapped("loss, as a share of the equity", BELOW) if equity > 0 else f"loss, {found.currency}",
        y="in which case",
        height=170 + 42 * len(rows),
        barmode="group",
        **{**NAMES_DOWN, "x_form": form},
    )
    sentence = f"{_better(found, found.findings)} This is no advice."
    return Screen(figure, sentence, found.finding_table)


def _better(found: Comparison, cases: Sequence[Finding]) -> str:
    """Say in how many cases which mode is better, and where it matters most."""
    counts = [_count(cases, mode) for mode in (*MODES, "neither")]
    sentence = (
        f"Of {len(cases)} cases cross is better in {counts[0]}, isolated in {counts[1]}, and "
        f"in {counts[2]} there is no difference."
    )
    most = _most(cases)
    if most.better != "neither":
        sentence += (
            f" The largest difference is {as_amount(most.by)} {found.currency}, in favour of {most.better}: "
            f"{most.question.rstrip('?')}."
        )
    return sentence


def _count(cases: Sequence[Finding], better: str) -> int:
    return [one.better for one in cases].count(better)


def _most(cases: Sequence[Finding]) -> Finding:
    """Return the case in money in which the modes differ most."""
    return max(_in_money(cases), key=lambda one: one.by if one.better != "neither" else -1.0)


def _in_money(cases: Sequence[Finding]) -> list[Finding]:
    return [one for one in cases if one.unit == "money"]


def _given_up(cases: Sequence[Finding]) -> str:
    """Say what the mode that is better where it matters most gives up for that."""
    most = _most(cases)
    return f"What {most.better} gives up for it: {most.gives_up}." if most.gives_up else ""


def _of(needs: Sequence[Needs]) -> dict[str, Needs]:
    """Return what each column needs, by its name."""
    return dict(zip(MODE_COLUMNS, needs, strict=True))


def _payments(need: Needs) -> str:
    """Say with which payment of funding the first position is lost."""
    counts = need.payments_to_liquidation
    return "never" if np.isnan(counts).all() else f"payment {np.nanmin(counts):,.0f}"


def _switched(one: Switching) -> str:
    """Say in a few words whether everything can be switched to a mode."""
    if not one.moved:
        return "as it is"
    return f"{one.way}, as assumed" if one.assumed else one.way


def _switch_told(found: Comparison, one: Switching) -> str:
    """Say whether everything can be switched to a mode, and what that would take; nothing where it is in it."""
    if not one.moved:
        return ""
    whole = f"To {one.to}, {found.venue.title}"
    if one.way == NEVER:
        return f"{whole} does not switch: it has no such mode."
    told = f"{whole} switches {one.way}"
    if one.assumed:
        told += ", which is assumed and not known"
    if one.way == CLOSED and not np.isnan(one.fee):
        told += f": closing and opening again costs {as_amount(one.fee)} {found.currency} at its taker fee"
    way = "sets aside" if one.set_aside >= 0 else "frees"
    told += f"; it {way} {as_amount(abs(one.set_aside))} {found.currency}"
    refused = "; ".join(map(str, one.refusals))
    return f"{told}. It would refuse it: {refused}." if refused else f"{told}."


def _worth(one: Snapshot) -> str:
    """Say what the positions are worth beside the equity, or where there is none, by themselves."""
    if one.equity > 0:
        return f"positions worth {one.account_leverage:,.1f} times as much"
    return f"positions worth {as_amount(float(one.account.notional(one.marks).sum()))}"


def reconciled(found: Comparison) -> Screen:
    """Return what the venue itself says of the account, beside what we say.

    Parameters
    ----------
    found
        What :func:`~marginlab.comparison.compare` found.

    Returns
    -------
    Screen
        The figure shows by how much each figure differs, as a share of the venue's; the table has them all with the
        likely reason.
    """
    _checks.instance("found", found, Comparison)
    said = found.reconciled or Reconciliation(())
    names = [_wrapped(f"{line.name}, {line.figure}") for line in said.lines]
    off = np.array([line.difference for line in said.lines])
    differs = np.array([line.differs for line in said.lines], dtype=bool)
    traces = [
        figures.bars(style, names, np.where(which, off, 0.0).tolist(), name, flat=True)
        for style, name, which in (
            (figures.MEASURED, "agrees", ~differs),
            (figures.LIQUIDATION, "differs", differs & np.isfinite(off)),
        )
    ]
    figure = figures.chart(
        traces,
        x=_wrapped("what we say, from what the venue says", BELOW),
        y="figure",
        height=200 + 42 * len(names),
        barmode="overlay",
        **NAMES_DOWN,
    )
    return Screen(figure, said.sentence, said.table)


def _added(found: Comparison, need: Needs) -> str:
    """Say what must be added, and what could be closed instead."""
    if not need.to_add:
        return "nothing"
    helps = np.nan_to_num(need.size_to_close) != 0
    isolated = need.account.isolated
    instead = [
        f"closing a part of {listed([found.names[i] for i in np.flatnonzero(which)], last='or')} would do for {whom}"
        for whom, which in (("the pool", helps & ~isolated), ("itself", helps & isolated))
        if which.any()
    ] or ["closing helps nowhere"]
    return f"{as_amount(need.to_add)} {found.currency} ({', '.join(instead)})"


def _first_paid(found: Comparison, need: Needs) -> str:
    """Say which position funding takes first, and when."""
    counts = need.payments_to_liquidation
    if np.isnan(counts).all():
        return "nothing is ever liquidated"
    return f"{found.names[int(np.nanargmin(counts))]} is liquidated first, with payment {np.nanmin(counts):,.0f}"


def _ordered(fill: WhatIf) -> str:
    """Say where the liquidation price and the free margin go."""
    prices = [as_price(one.liquidation_price) for one in (fill.before, fill.after)]
    free = [as_amount(one.free_margin) for one in (fill.before, fill.after)]
    refused = f" (the venue would refuse it: {'; '.join(fill.refusals)})" if fill.refusals else ""
    return f"liquidation goes from {prices[0]} to {prices[1]} and free margin from {free[0]} to {free[1]}{refused}"


# What is shown of how a position stands, line by line.
OF_STANDING: dict[str, Callable[[Standing], str]] = {
    "size": lambda one: as_size(one.size) if one.size else "none",
    "average entry": lambda one: as_amount(one.entry) if one.size else "none",
    "margin set aside": lambda one: as_amount(one.margin),
    "liquidation": lambda one: as_price(one.liquidation_price),
    "common fall": lambda one: as_move(one.fall),
    "common rise": lambda one: as_move(one.rise),
    "free margin": lambda one: as_amount(one.free_margin),
    "margin ratio": lambda one: as_ratio(one.margin_ratio),
    "leverage": lambda one: as_leverage(one.effective_leverage),
}


def _nearest(one: Snapshot) -> str:
    """Say which position, or which market with all its legs, is nearest to its liquidation, and in which directions."""
    away = np.abs(one.distance)
    if np.isnan(away).all():
        return "no position can be liquidated while the other marks stand still"
    i, names, account = int(np.nanargmin(away)), names_of(one.account), one.account
    ways = " and ".join(as_move(way[i]) for way in (one.distance, one.other_distance) if not np.isnan(way[i]))
    legs = [leg for leg in account.rows_of[account.contracts[i]] if not account.isolated[leg]]
    if i in legs and len(legs) > 1:
        return f"{listed([names[leg] for leg in legs])} are nearest to their liquidation, {ways} from their mark"
    return f"{names[i]} is nearest to its liquidation, {ways} from its mark"


def _common(cross: Snapshot, isolated: Snapshot) -> str:
    """Say which common moves take the first position."""
    fall, rise = (
        _taken({mode: getattr(one, name) for mode, one in zip(MODES, (cross, isolated), strict=True)})
        for name in ("first_fall", "first_rise")
    )
    if not fall and not rise:
        return "No common move of all markets takes a position in either mode."
    nothing = "no position in either mode"
    return f"A common fall of all markets takes {fall or nothing}; a common rise takes {rise or nothing}."


def _taken(moves: dict[str, float]) -> str:
    """Say at which move of each mode a first position is taken; nothing where none is in any."""
    taken = [f"at {as_move(move)} in {mode}" for mode, move in moves.items() if not np.isnan(move)]
    spared = [f"none in {mode}" for mode, move in moves.items() if np.isnan(move)]
    # What is too far to be written down is "above" something.
    return f"a first position {listed(taken + spared)}".replace("at above", "above") if taken else ""


def _distinct(found: Comparison) -> list[tuple[str, str]]:
    """Return the columns that differ, each by its name and by the names of all that are the same account."""
    same: dict[int, list[str]] = {}
    for one in found.columns:
        same.setdefault(id(one.account), []).append(one.name)
    return [(names[0], listed(names)) for names in same.values()]


def _index(name: str, values: Floats, value: float) -> int:
    near = np.flatnonzero(np.isclose(values, _checks.single(name, value)))
    if not near.size:
        raise ArgumentError(name, f"must be one of {np.asarray(values).tolist()}, not {shown(value)}")
    return int(near[0])


def _lost(found: Comparison, gone: Bools) -> list[str]:
    return [name for name, lost in zip(found.names, gone, strict=True) if lost]


def _told(found: Comparison, one: Replay, name: str) -> str:
    lost, loss = one.losses(name), one.loss(name)
    told = f"a {'loss' if loss > 0 else 'gain'} of {as_amount(abs(loss))} {found.currency}"
    if not lost:
        return f"{told} and nothing closed by force"
    return f"{told} and {found.names[lost[0].position]} the first to be {lost[0].kind}, on {day(lost[0].time)}"


def _lowest(equity: Floats) -> Floats:
    """Return the lowest of the steps of each candle, and the last of all."""
    return np.append(equity.reshape(-1, STEPS_A_CANDLE).min(axis=1), equity[-1])


def _differs(one: Replay, other: Replay, name: str) -> bool:
    """Return whether the order of low and high matters to an account by more than rounding, or to what it loses."""
    apart = abs(one.loss(name) - other.loss(name))
    return one.lost(name) != other.lost(name) or apart > 1e-9 * abs(one.start[name])


def _ledger(found: Comparison, one: Replay) -> Table:
    rows = [
        (
            name,
            f"{loss.time.item():%Y-%m-%d %H:%M}",
            found.names[loss.position],
            loss.kind,
            as_size(loss.size),
            "" if np.isnan(loss.price) else as_amount(loss.price),
            as_amount(loss.amount),
        )
        for name in one.accounts
        for loss in one.losses(name)
    ]
    head = ("account", "when, UTC", "position", "what", "size", "price", "result at that price")
    return Table("What was closed by force, in order", head, rows, names=head[:4])


def _exceeded(losses: Floats) -> Floats:
    """Return on which share of the paths the loss is as large as each of ``LOSSES``."""
    return 1 - np.searchsorted(np.sort(losses), LOSSES - 1e-9) / len(losses)


def _likely(known: Chances, name: str) -> str:
    lost, ruin = known.lost(name), known.ruin(name)
    return (
        f"{name} a position is lost on {percent(lost.share, 1)} of paths and the account ruined on "
        f"{percent(ruin.share, 1)} ({percent(ruin.low, 1)} to {percent(ruin.high, 1)})"
    )


def _wrapped(text: str, letters: int = NARROW) -> str:
    return "<br>".join(textwrap.wrap(text, letters))
