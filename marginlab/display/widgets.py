"""A figure, its sentence and perhaps a table, beside a kernel: stock widgets that are changed in place."""

from __future__ import annotations

import datetime
from copy import deepcopy
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from .._checks import ArgumentError
from ..formatting import Table
from .drawing import Drawing

if TYPE_CHECKING:
    import ipywidgets
    import plotly.graph_objects as go

# Live widgets have no style sheet of the book's.
DRAWING_STYLE = "display: flex; flex-wrap: wrap; gap: 0.75rem"
TABLE_STYLE = (
    "<style>.widget-html-content table :is(td, th) {padding: 0.15em 0.6em; white-space: nowrap; text-align: left}"
    ".widget-html-content table .number {text-align: right; font-variant-numeric: tabular-nums}"
    ".widget-html-content table caption {text-align: left; font-weight: bold}</style>"
)

# In JupyterLab what opens looks like a line of text: there is no triangle before it.
OPENS_STYLE = (
    "<style>.jp-RenderedHTMLCommon details > summary {display: list-item; list-style: inside disclosure-closed; "
    "width: fit-content; font-weight: 600; color: var(--jp-content-link-color); cursor: pointer}"
    ".jp-RenderedHTMLCommon details[open] > summary {list-style-type: disclosure-open; margin-bottom: 0.5em}</style>"
)
# A figure is drawn before it has its place, and follows the window alone: this follows the place, and asks the figure
# to do what it does for a window, once it is there, for which it is given half a minute. A figure whose height was told
# keeps the width that it had at that moment.
FITTED = """export default {
  render({ el }) {
    let width = 0;
    const fit = (tries) => {
      if (!el.isConnected) return;
      const plot = el.closest(".widget-vbox")?.querySelector(".js-plotly-plot");
      if (plot?._responsiveChartHandler) {
        delete plot.layout.width;
        plot._responsiveChartHandler();
      } else if (tries) setTimeout(fit, 100, tries - 1);
    };
    const watcher = new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === width) return;
      width = contentRect.width;
      if (width) fit(300);
    });
    watcher.observe(el);
    return () => watcher.disconnect();
  },
};
"""

OUTDATED = "This cannot be drawn with these settings: what stands here is of the settings before."


class Live:
    """What is shown of one drawing; `show` changes it into another with traces of the same number and types.

    Parameters
    ----------
    drawn
        A figure of plotly, its plain dict form or a `Drawing`, and its sentence.
    table
        What stands below, if anything.
    picture
        How the figure is saved from its own button: ``"png"`` or ``"svg"``.
    """

    def __init__(self, drawn: tuple[object, str], table: Table | None = None, *, picture: str = "png") -> None:
        import ipywidgets

        figure, sentence = drawn
        if isinstance(figure, Drawing):
            self.figure = self.place = ipywidgets.HTML(_drawing(figure, sentence))
        else:
            self.figure = _live(figure, picture)
            self.place = ipywidgets.VBox([self.figure, _fitted()])
        self.words = ipywidgets.HTML(paragraph(sentence))
        self.table = None if table is None else ipywidgets.HTML(scrolled(table))

    @property
    def parts(self) -> list[ipywidgets.DOMWidget]:
        """The widgets, from top to bottom."""
        return [self.place, self.words] + ([] if self.table is None else [self.table])

    def show(self, drawn: tuple[object, str], table: Table | None = None) -> None:
        """Show another drawing."""
        import plotly.graph_objects as go

        figure, sentence = drawn
        if isinstance(figure, Drawing):
            self.figure.value = _drawing(figure, sentence)
        else:
            _replace(self.figure, go.Figure(_with_text_times(_figure(figure))))
        self.words.value = paragraph(sentence)
        if self.table is not None and table is not None:
            self.table.value = scrolled(table)

    def say_outdated(self) -> None:
        """Say that what is shown is of other settings than those that stand there, which could not be drawn."""
        self.words.value = paragraph(OUTDATED)


def times_as_text(part: object) -> object:
    """Return a part of a figure with its times as text: a kernel in the browser cannot hand over Python's own.

    >>> times_as_text({"x": np.array(["2021-05-19"], "M8[s]"), "y": [1.5]})
    {'x': ['2021-05-19T00:00:00'], 'y': [1.5]}
    """
    if isinstance(part, dict):
        return {key: times_as_text(value) for key, value in part.items()}
    if isinstance(part, (np.ndarray, np.datetime64)) and part.dtype.kind == "M":
        return part.astype(str).tolist()
    if isinstance(part, (list, tuple)) or (isinstance(part, np.ndarray) and part.dtype.kind == "O"):
        return [times_as_text(value) for value in part]
    return part.isoformat() if isinstance(part, datetime.date) else part


def _live(figure: object, picture: str) -> go.FigureWidget:
    """Return a figure of plotly's that can be changed in place, with a button that saves it as such a picture."""
    import plotly.graph_objects as go

    shown = go.FigureWidget(_with_text_times(_figure(figure)))
    saved = {"format": picture, "filename": "marginlab"}
    shown._config = {"displaylogo": False, "responsive": True, "toImageButtonOptions": saved}
    return shown


def _fitted() -> ipywidgets.DOMWidget:
    """Return what cannot be seen and keeps the figure above it as wide as its place."""
    import anywidget

    return type("Fitted", (anywidget.AnyWidget,), {"_esm": FITTED})()


def _drawing(drawing: Drawing, sentence: str) -> str:
    """Return a drawing as it stands beside a kernel."""
    return f'<div role="img" aria-label="{escape(sentence)}" style="{DRAWING_STYLE}">{drawing.html()}</div>'


def _figure(drawn: object) -> go.Figure:
    """Return plotly's figure of a drawing, which stays as it is: plotly takes apart what it is given."""
    import plotly.graph_objects as go

    return go.Figure(deepcopy(drawn))


def _with_text_times(figure: go.Figure) -> dict[str, object]:
    """Return a figure as a dict with its times as text and its numbers as they are."""
    import plotly.graph_objects as go

    # Trace by trace: a whole figure's own dict form packs arrays into base64, which a live figure does not unpack.
    traces = [trace.to_plotly_json() for trace in figure.data]
    layout = figure.layout.to_plotly_json()
    # Plotly gives each figure its usual template unasked; of one handed over it checks every part.
    if figure.layout.template == go.Figure().layout.template:
        layout.pop("template", None)
    return {"data": times_as_text(traces), "layout": times_as_text(layout)}


def _replace(shown: go.FigureWidget, figure: go.Figure) -> None:
    """Give a shown figure the traces and layout of another, in one message to the browser."""
    kinds = [[trace.type for trace in one.data] for one in (shown, figure)]
    if kinds[0] != kinds[1]:
        raise ArgumentError("draw", f"must return the same traces for all settings: first {kinds[0]}, now {kinds[1]}")
    same = {"type", "uid"}
    if shown.layout.template == figure.layout.template:
        same.add("template")  # Every part of it would be checked anew.
    with shown.batch_update():
        for old, new in zip([*shown.data, shown.layout], [*figure.data, figure.layout], strict=True):
            before, after = old.to_plotly_json(), new.to_plotly_json()
            # What the new one does not have is set to None, which takes it away.
            old.update({key: after.get(key) for key in (before | after).keys() - same}, overwrite=True)


def paragraph(sentence: str) -> str:
    """Return a sentence as it stands below a live figure."""
    return f'<p style="line-height: 1.5">{escape(sentence)}</p>'


def scrolled(table: Table) -> str:
    """Return a table as it stands below a live figure: scrolled by itself where it is wider than the notebook."""
    return f'<div style="overflow-x: auto" tabindex="0">{TABLE_STYLE}{table.html()}</div>'
