"""The book's look: one colour, dash, marker and pattern for each idea, the same in every figure.

Takes results and computes no margin. Figures are plotly's plain dict form: an explorer draws
hundreds of them, and validating each would take most of the time (a test validates them once).
A figure has no title of its own: its question stands above it, its sentence below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Look = dict[str, str]
Trace = dict[str, Any]

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


def line(look: Look, x: ArrayLike, y: ArrayLike, name: str, *, row: int = 1, gaps: bool = False, **more: Any) -> Trace:
    """Return a line in one of the looks.

    Parameters
    ----------
    row
        2 for the lower panel of :func:`panels`.
    gaps
        Whether it may break off: only then may a value be nan.
    **more
        Anything else a trace of plotly takes.
    """
    stroke = {"color": look["color"], "dash": look["dash"], "width": 2.5}
    return {**_trace(x, y, name, row, gaps), "mode": "lines", "line": stroke, **more}


def points(
    look: Look, x: ArrayLike, y: ArrayLike, name: str, *, row: int = 1, gaps: bool = False, **more: Any
) -> Trace:
    """Return markers in one of the looks; `gaps` as for :func:`line`."""
    marker: dict[str, Any] = {"color": look["color"], "symbol": look["symbol"], "size": 11}
    if look["symbol"].endswith("-open"):
        marker |= {"size": 15, "line": {"color": look["color"], "width": 2.5}}
    return {**_trace(x, y, name, row, gaps), "mode": "markers", "marker": marker, **more}


def area(look: Look, x: ArrayLike, y: ArrayLike, name: str, *, stack: str = "one", **more: Any) -> Trace:
    """Return an area, stacked on the areas before it."""
    return line(look, x, y, name, stackgroup=stack, fillcolor=look["color"] + "55", **more)


def band(look: Look, x: ArrayLike, low: ArrayLike, high: ArrayLike, name: str, *, row: int = 1) -> list[Trace]:
    """Return the space between two lines, as two traces of which the legend names one."""
    faint = {"color": look["color"], "dash": look["dash"], "width": 1}
    under = line(look, x, low, f"{name}, low", row=row, showlegend=False) | {"line": faint}
    over = line(look, x, high, name, row=row, fill="tonexty", fillcolor=look["color"] + "33") | {"line": faint}
    return [under, over]


def bars(look: Look, names: ArrayLike, values: ArrayLike, name: str, *, row: int = 1, flat: bool = False) -> Trace:
    """Return a bar a name, upright, or `flat` for long names: then the x axis has the values."""
    pattern = {"shape": look["pattern"], "fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.75)", "size": 8}
    x, y = (values, names) if flat else (names, values)
    marker = {"color": look["color"], "pattern": pattern}
    shown = {"type": "bar", "orientation": "h" if flat else "v", "marker": marker}
    return {**_trace(x, y, name, row, gaps=False), **shown}


def modes(x: ArrayLike, cross: ArrayLike, isolated: ArrayLike, *, row: int = 1, gaps: bool = False) -> list[Trace]:
    """Return a line for each mode; in the lower panel the legend of the upper one serves."""
    kept: dict[str, Any] = {"row": row, "gaps": gaps} | ({"showlegend": False} if row > 1 else {})
    return [line(CROSS, x, cross, "cross", **kept), line(ISOLATED, x, isolated, "isolated", **kept)]


def here(x: Any, cross: Any, isolated: Any, *, row: int = 1, gaps: bool = False) -> list[Trace]:
    """Return where the reader stands on the two lines of :func:`modes`."""
    kept: dict[str, Any] = {"row": row, "gaps": gaps, "showlegend": False}
    return [
        points(CROSS, [x], [cross], "cross, here", **kept),
        points(ISOLATED, [x], [isolated], "isolated, here", **kept),
    ]


def until(
    look: Look, x: Any, equity: ArrayLike, required: ArrayLike, end: int, name: str, *, row: int = 1
) -> list[Trace]:
    """Return an equity, what it must cover, and where they meet: there both lines break off.

    Parameters
    ----------
    x, equity, required
        Shape (T,).
    end
        The step of liquidation; -1 for none.
    """
    left, need = np.array(equity, dtype=float), np.array(required, dtype=float)
    where: tuple[list[Any], list[Any]] = ([None], [None])
    if end >= 0:
        left[end] = need[end]
        left[end + 1 :] = need[end + 1 :] = np.nan
        where = ([x[end]], [need[end]])
    kept: dict[str, Any] = {"row": row, "gaps": True}
    once = kept | {"showlegend": row == 1}
    return [
        line(look, x, left, name, **kept),
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
    **layout: Any,
) -> dict[str, Any]:
    """Return a figure with one panel.

    Parameters
    ----------
    x, y
        What the axes show, with units.
    x_form, y_form
        How their numbers are written, in d3's format.
    direct
        Whether each line is named at its right end rather than in a legend; for up to four lines that end apart.
    **layout
        More of plotly's layout; what is given of an axis is added to what is set here.
    """
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
    **layout: Any,
) -> dict[str, Any]:
    """Return a figure with two panels, one above the other on one x axis; the rest as for :func:`chart`."""
    axes = {
        "xaxis": _axis(x, x_form) | {"anchor": "y2"},
        "yaxis": _axis(top, top_form) | {"domain": [0.54, 1]},
        "yaxis2": _axis(bottom, bottom_form) | {"domain": [0, 0.46]},
    }
    return _figure(traces, 560, axes, direct, layout)


def _trace(x: ArrayLike, y: ArrayLike, name: str, row: int, gaps: bool) -> Trace:
    found = {"type": "scatter", "x": x, "y": y, "name": name, "yaxis": "y" if row == 1 else "y2"}
    return found | ({"connectgaps": False} if gaps else {})


def _figure(
    traces: list[Trace], height: int, axes: dict[str, Any], direct: bool, more: dict[str, Any]
) -> dict[str, Any]:
    layout = _layout(height) | axes
    if direct:
        layout |= {"showlegend": False, "annotations": _names(traces)}
    for key, value in more.items():
        layout[key] = {**layout[key], **value} if isinstance(value, dict) and key in layout else value
    return {"data": traces, "layout": layout}


def _names(traces: list[Trace]) -> list[dict[str, Any]]:
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


def _end(trace: Trace) -> tuple[Any, float, bool, str]:
    """Return where a line ends, whether it falls towards its end, and its name if it is to be named."""
    y = np.asarray(trace["y"], dtype=float)
    last = np.flatnonzero(~np.isnan(y))[-1]
    falls = bool(y[max(last - max(len(y) // 8, 1), 0)] > y[last])
    return trace["x"][last], float(y[last]), falls, trace["name"] if trace.get("showlegend", True) else ""


def _axis(title: str, form: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        "tickformat": form,
        "automargin": True,
        "gridcolor": "rgba(128,128,128,0.25)",
        "zerolinecolor": "rgba(128,128,128,0.6)",
    }


def _layout(height: int) -> dict[str, Any]:
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
