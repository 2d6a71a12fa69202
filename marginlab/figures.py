"""The book's look: one colour, dash and marker for each idea, the same in every figure.

Takes results and computes no margin. Figures are plotly's plain dict form: an explorer draws
hundreds of them, and validating each would take most of the time (a test validates them once).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

# Each colour has a contrast of at least 3:1 on white and on the dark theme's ground; dash and
# marker tell the ideas apart without colour.
CROSS = {"color": "#2f7ed8", "dash": "solid", "symbol": "circle"}
ISOLATED = {"color": "#d9730d", "dash": "dash", "symbol": "square"}
ISOLATED_TOO = {"color": "#d9730d", "dash": "dashdot", "symbol": "diamond"}
LIQUIDATION = {"color": "#d6336c", "dash": "solid", "symbol": "x"}
REQUIRED = {"color": "#808080", "dash": "dot", "symbol": "circle-open"}
FREE = {"color": "#2f9e6e", "dash": "longdash", "symbol": "triangle-up"}
MARK = {"color": "#808080", "dash": "longdashdot", "symbol": "line-ns-open"}

PERCENT = ".0%"
MONEY = ",.0f"


def line(look: dict[str, str], x: ArrayLike, y: ArrayLike, name: str, *, row: int = 1, **more: Any) -> dict[str, Any]:
    """Return a line in one of the looks; `row` 2 is the lower panel of :func:`panels`."""
    stroke = {"color": look["color"], "dash": look["dash"], "width": 2.5}
    return {**_trace(x, y, name, row), "mode": "lines", "line": stroke, **more}


def points(look: dict[str, str], x: ArrayLike, y: ArrayLike, name: str, *, row: int = 1, **more: Any) -> dict[str, Any]:
    """Return markers in one of the looks."""
    marker = {"color": look["color"], "symbol": look["symbol"], "size": 11}
    if look["symbol"].endswith("-open"):
        marker |= {"size": 15, "line": {"color": look["color"], "width": 2.5}}
    return {**_trace(x, y, name, row), "mode": "markers", "marker": marker, **more}


def area(look: dict[str, str], x: ArrayLike, y: ArrayLike, name: str, *, stack: str = "one") -> dict[str, Any]:
    """Return an area, stacked on the areas before it."""
    return line(look, x, y, name, stackgroup=stack, fillcolor=look["color"] + "55")


def chart(traces: list[dict[str, Any]], *, x: str, y: str, x_form: str = "", y_form: str = MONEY) -> dict[str, Any]:
    """Return a figure with one panel; `x` and `y` name the axes with their units."""
    layout = _layout(420)
    layout["xaxis"] = _axis(x, x_form)
    layout["yaxis"] = _axis(y, y_form)
    return {"data": traces, "layout": layout}


def panels(
    traces: list[dict[str, Any]],
    *,
    x: str,
    top: str,
    bottom: str,
    x_form: str = "",
    top_form: str = MONEY,
    bottom_form: str = MONEY,
) -> dict[str, Any]:
    """Return a figure with two panels, one above the other on one x axis."""
    layout = _layout(560)
    layout["xaxis"] = _axis(x, x_form) | {"anchor": "y2"}
    layout["yaxis"] = _axis(top, top_form) | {"domain": [0.54, 1]}
    layout["yaxis2"] = _axis(bottom, bottom_form) | {"domain": [0, 0.46]}
    return {"data": traces, "layout": layout}


def signed(amount: float) -> str:
    """Return an amount of money with its sign, as it is written in sentences.

    >>> signed(-1234.5)
    '−1,234'
    """
    whole = round(amount)
    return f"{whole:+,}".replace("-", "−") if whole else "0"


def _trace(x: ArrayLike, y: ArrayLike, name: str, row: int) -> dict[str, Any]:
    return {"type": "scatter", "x": x, "y": y, "name": name, "yaxis": "y" if row == 1 else "y2"}


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
