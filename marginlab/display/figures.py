"""The book's look: one colour, dash, marker and pattern for each idea, the same in every figure.

Takes results and computes no margin. Figures are plotly's plain dict form: an explorer draws
hundreds of them, and validating each would take most of the time (a test validates them once).
A figure has no title of its own: its question stands above it, its sentence below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Floats, Times

# One idea's colour, dash, marker and pattern.
Style = dict[str, str]
# Plotly's plain dict form.
Trace = dict[str, object]
Figure = dict[str, object]
# What an axis shows: numbers, times or names, None where there is a gap.
Column = ArrayLike | Sequence[object]

# Each colour has a contrast of at least 3:1 on white and on the dark theme's ground; dash, marker and
# pattern tell the ideas apart without colour.
CROSS = {"color": "#2f7ed8", "dash": "solid", "symbol": "circle", "pattern": ""}
ISOLATED = {"color": "#d9730d", "dash": "dash", "symbol": "square", "pattern": "/"}
ISOLATED_TOO = {"color": "#d9730d", "dash": "dashdot", "symbol": "diamond", "pattern": "\\"}
LIQUIDATION = {"color": "#d6336c", "dash": "solid", "symbol": "x", "pattern": "x"}
REQUIRED = {"color": "#808080", "dash": "dot", "symbol": "circle-open", "pattern": "."}
FREE = {"color": "#2f9e6e", "dash": "longdash", "symbol": "triangle-up", "pattern": "+"}
MARK = {"color": "#808080", "dash": "longdashdot", "symbol": "line-ns-open", "pattern": "-"}
# What is on record or was entered, beside what is worked out.
MEASURED = {"color": "#8a63d2", "dash": "dashdot", "symbol": "star", "pattern": "|"}

PERCENT = ".0%"
MONEY = ",.0f"
# Line ends nearer to each other than this share of a panel would write their labels across each other.
APART = 0.1


def as_label(words: str) -> str:
    """Return words that a figure shows as they are: plotly takes some signs for markup, even for links.

    Parameters
    ----------
    words
        What somebody entered, such as a symbol.

    Returns
    -------
    str
        With these signs as entities.

    Examples
    --------
    >>> as_label("BTCUSDT"), as_label("<b>&")
    ('BTCUSDT', '&lt;b&gt;&amp;')
    """
    return escape(_checks.words("words", words), quote=False)


def line(style: Style, x: Column, y: Column, name: str, *, row: int = 1, gaps: bool = False, **more: object) -> Trace:
    """Return a line in one of the styles.

    Parameters
    ----------
    style
        What idea it stands for, such as ``CROSS``.
    x, y
        Its points, as many values each.
    name
        What the legend or its label says.
    row
        2 for the lower panel of :func:`panels`.
    gaps
        Whether it may break off: only then may a value be nan.
    **more
        Anything else a trace of plotly takes.

    Returns
    -------
    Trace
        In plotly's plain dict form, as are all others here.
    """
    _check_style(style)
    stroke = {"color": style["color"], "dash": style["dash"], "width": 2.5}
    return {**_trace(x, y, name, row, gaps), "mode": "lines", "line": stroke, **more}


def points(style: Style, x: Column, y: Column, name: str, *, row: int = 1, gaps: bool = False, **more: object) -> Trace:
    """Return markers in one of the styles.

    Parameters
    ----------
    style, x, y, name, row, gaps, **more
        As for :func:`line`.

    Returns
    -------
    Trace
        Without a line between them.
    """
    _check_style(style)
    marker: dict[str, object] = {"color": style["color"], "symbol": style["symbol"], "size": 11}
    if style["symbol"].endswith("-open"):
        marker |= {"size": 15, "line": {"color": style["color"], "width": 2.5}}
    return {**_trace(x, y, name, row, gaps), "mode": "markers", "marker": marker, **more}


def area(style: Style, x: Column, y: Column, name: str, *, stack: str = "one", **more: Any) -> Trace:
    """Return an area, stacked on the areas before it.

    Parameters
    ----------
    style, x, y, name
        As for :func:`line`; y is the height of this area alone.
    stack
        Areas of one stack lie on each other.
    **more
        Anything else :func:`line` takes.

    Returns
    -------
    Trace
        Its upper edge, filled down to the area below.
    """
    _check_style(style)
    return line(style, x, y, name, stackgroup=stack, fillcolor=style["color"] + "55", **more)


def bars(style: Style, names: Column, values: Column, name: str, *, row: int = 1, flat: bool = False) -> Trace:
    """Return a bar a name.

    Parameters
    ----------
    style, row
        As for :func:`line`.
    names
        What the bars stand for.
    values
        How long they are, one a name.
    name
        What the legend says of all of them.
    flat
        Whether they lie, for long names: then the x axis has the values.

    Returns
    -------
    Trace
        With the style's pattern on its colour.
    """
    _check_style(style)
    _checks.truth("flat", flat)
    pattern = {"shape": style["pattern"], "fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.75)", "size": 8}
    x, y = (values, names) if flat else (names, values)
    marker = {"color": style["color"], "pattern": pattern}
    shown = {"type": "bar", "orientation": "h" if flat else "v", "marker": marker}
    return {**_trace(x, y, name, row, gaps=False), **shown}


def modes(x: Column, cross: Column, isolated: Column, *, row: int = 1, gaps: bool = False) -> list[Trace]:
    """Return a line for each mode; in the lower panel the legend of the upper one serves.

    Parameters
    ----------
    x, row, gaps
        As for :func:`line`.
    cross, isolated
        What each mode's line shows, as many values as x.

    Returns
    -------
    list of Trace
        Cross, isolated.
    """
    kept: dict[str, Any] = {"row": row, "gaps": gaps} | ({"showlegend": False} if _row(row) > 1 else {})
    return [line(CROSS, x, cross, "cross", **kept), line(ISOLATED, x, isolated, "isolated", **kept)]


def here(x: object, cross: object, isolated: object, *, row: int = 1, gaps: bool = False) -> list[Trace]:
    """Return where the reader stands on the two lines of :func:`modes`.

    Parameters
    ----------
    x, cross, isolated
        One value each: the place, and what the lines show there.
    row, gaps
        As for :func:`line`.

    Returns
    -------
    list of Trace
        A marker for cross and one for isolated, not in the legend.
    """
    kept: dict[str, Any] = {"row": row, "gaps": gaps, "showlegend": False}
    return [
        points(CROSS, [x], [cross], "cross, here", **kept),
        points(ISOLATED, [x], [isolated], "isolated, here", **kept),
    ]


def until(
    style: Style,
    x: Sequence[object] | Floats | Times,
    equity: Column,
    required: Column,
    end: int,
    name: str,
    *,
    row: int = 1,
) -> list[Trace]:
    """Return an equity, what it must cover, and where they meet: there both lines break off.

    Parameters
    ----------
    style
        Of the equity; what it must cover has its own.
    x, equity, required
        Shape (T,).
    end
        The step of liquidation; -1 for none.
    name
        What the legend calls the equity.
    row
        2 for the lower panel of :func:`panels`, where the legend of the upper one serves for the rest.

    Returns
    -------
    list of Trace
        Equity, maintenance margin, and a marker where they meet, which is nowhere without a liquidation.

    Raises
    ------
    ArgumentError
        For another number of places than values, and an end beyond them.
    """
    left, need = (_course(name, what) for name, what in (("equity", equity), ("required", required)))
    x = _checks.listed("x", x, "of places", _checks.MANY)
    if not len(x) == left.size == need.size:
        raise ArgumentError("x", f"must be as many as equity and required, not {len(x)}, {left.size} and {need.size}")
    _checks.count("end", end, least=-1, most=left.size - 1)
    where: tuple[list[object], list[object]] = ([None], [None])
    if end >= 0:
        left[end] = need[end]
        left[end + 1 :] = need[end + 1 :] = np.nan
        where = ([x[end]], [need[end]])
    kept: dict[str, Any] = {"row": row, "gaps": True}
    once = kept | {"showlegend": _row(row) == 1}
    return [
        line(style, x, left, name, **kept),
        line(REQUIRED, x, need, "maintenance margin", **once),
        points(LIQUIDATION, *where, "liquidated", cliponaxis=False, **once),
    ]


def chart(
    traces: list[Trace],
    *,
    x: str,
    y: str,
    x_form: str = "",
    y_form: str = MONEY,
    direct: bool = False,
    **layout: object,
) -> Figure:
    """Return a figure with one panel.

    Parameters
    ----------
    traces
        What is drawn, in this order.
    x, y
        What the axes show, with units.
    x_form, y_form
        How their numbers are written, in d3's format.
    direct
        Whether each line is named at its right end rather than in a legend; for up to four lines that end apart.
    **layout
        More of plotly's layout; what is given of an axis is added to what is set here.

    Returns
    -------
    Figure
        The traces as ``"data"``, and the ``"layout"``.
    """
    for name, words in (("x", x), ("y", y)):
        _checks.words(name, words)
    return _figure(traces, 420, {"xaxis": _axis(x, x_form), "yaxis": _axis(y, y_form)}, direct, layout)


def panels(
    traces: list[Trace],
    *,
    x: str,
    top: str,
    bottom: str,
    x_form: str = "",
    top_form: str = MONEY,
    bottom_form: str = MONEY,
    direct: bool = False,
    **layout: object,
) -> Figure:
    """Return a figure with two panels, one above the other on one x axis.

    Parameters
    ----------
    traces
        What is drawn, in this order, each in the panel of its row.
    x, top, bottom
        What the shared x axis and the two y axes show, with units.
    x_form, top_form, bottom_form
        How their numbers are written, in d3's format.
    direct, **layout
        As for :func:`chart`; ``yaxis`` is that of the upper panel, ``yaxis2`` that of the lower one.

    Returns
    -------
    Figure
        As :func:`chart` does.
    """
    for name, words in (("x", x), ("top", top), ("bottom", bottom)):
        _checks.words(name, words)
    axes = {
        "xaxis": _axis(x, x_form) | {"anchor": "y2"},
        "yaxis": _axis(top, top_form) | {"domain": [0.54, 1]},
        "yaxis2": _axis(bottom, bottom_form) | {"domain": [0, 0.46]},
    }
    return _figure(traces, 560, axes, direct, layout)


def _trace(x: Column, y: Column, name: str, row: int, gaps: bool) -> Trace:
    shown: Trace = {"type": "scatter", "x": x, "y": y, "name": _checks.words("name", name)}
    shown["yaxis"] = "y" if _row(row) == 1 else "y2"
    return shown | ({"connectgaps": False} if _checks.truth("gaps", gaps) else {})


def _row(row: int) -> int:
    return _checks.count("row", row, most=2)


def _check_style(style: Style) -> None:
    if not isinstance(style, dict) or not CROSS.keys() <= style.keys():
        raise ArgumentError("style", f"must be one of the book's, such as CROSS, not {_checks.shown(style)}")


def _course(name: str, values: Column) -> Floats:
    """Return a copy of values along a line."""
    line = np.array(_checks.floats(name, cast(ArrayLike, values)))
    if line.ndim != 1:
        raise ArgumentError(name, f"must be values along a line, not of shape {line.shape}")
    return line


def _figure(
    traces: list[Trace], height: int, axes: Mapping[str, object], direct: bool, more: dict[str, object]
) -> Figure:
    layout = {**_layout(height), **axes}
    _checks.instances("traces", traces, dict)
    if _checks.truth("direct", direct):
        layout |= {"showlegend": False, "annotations": _names(traces)}
    for key, value in more.items():
        before = layout.get(key)
        layout[key] = {**before, **value} if isinstance(value, dict) and isinstance(before, dict) else value
    return {"data": traces, "layout": layout}


def _names(traces: list[Trace]) -> list[dict[str, object]]:
    """Return a label at the right end of every named line, on the side where no line runs."""
    found = []
    for panel in ("y", "y2"):
        ends = sorted((_end(trace) for trace in traces if _is_line(trace, panel)), key=lambda end: -end[1])
        values = [value for trace in traces if _is_line(trace, panel) for value in np.asarray(trace["y"], dtype=float)]
        heights = np.array([np.inf, *(y for _, y, _, _ in ends), -np.inf])
        near = -np.diff(heights) < APART * (np.nanmax(values) - np.nanmin(values)) if values else []
        for i, (x, y, falls, name) in enumerate(ends):
            below = near[i] or (falls and not near[i + 1])
            if name:
                place = {"x": x, "y": y, "yref": panel, "xanchor": "right", "yanchor": "top" if below else "bottom"}
                found.append({**place, "text": name, "showarrow": False})
    return found


def _is_line(trace: Trace, panel: str) -> bool:
    shown = trace["yaxis"] == panel and trace.get("mode") == "lines"
    return shown and not np.isnan(np.asarray(trace["y"], dtype=float)).all()


def _end(trace: Trace) -> tuple[object, float, bool, str]:
    """Return where a line ends, whether it falls towards its end, and its name if it is to be named."""
    y = np.asarray(trace["y"], dtype=float)
    last = np.flatnonzero(~np.isnan(y))[-1]
    falls = bool(y[max(last - max(len(y) // 8, 1), 0)] > y[last])
    x: Any = trace["x"]
    return x[last], float(y[last]), falls, str(trace["name"]) if trace.get("showlegend", True) else ""


def _axis(title: str, form: str) -> dict[str, object]:
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        "tickformat": form,
        "automargin": True,
        "gridcolor": "rgba(128,128,128,0.25)",
        "zerolinecolor": "rgba(128,128,128,0.6)",
    }


def _layout(height: int) -> dict[str, object]:
    return {
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 13, "color": "#767676"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
            "traceorder": "normal",
        },
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "rgba(255,255,255,0.9)", "font": {"color": "#222"}},
        "dragmode": False,
    }
