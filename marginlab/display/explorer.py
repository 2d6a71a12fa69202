"""A figure with controls: live widgets beside a kernel, an island that answers by itself on a page.

>>> from marginlab.display import explore
>>> def doubled(number):
...     return {"data": [{"type": "bar", "y": [2 * number]}], "layout": {}}, f"Twice {number} is {2 * number}."
>>> explore(doubled, title="What is twice the number?", number=[1, 2, 3])
Twice 1 is 2.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from .. import _checks
from .controls import Control, Draw, Tabulate, Value, controls, grid, starts
from .page import PAGE_VARIABLE, island
from .widgets import OPENS_STYLE, Live

if TYPE_CHECKING:
    import ipywidgets


def explore(
    draw: Draw, *, title: str, table: Tabulate | None = None, **settings: Control | Iterable[Value]
) -> Explorer:
    """Return a figure whose settings the reader can move.

    Parameters
    ----------
    draw
        A pure function of the settings. It returns a plotly figure (or its plain dict form), or a
        `Drawing`, and one sentence that says in words what it shows. It must return traces of the same
        number and types, or a drawing of the same parts, whatever the settings.
    title
        The question the figure answers.
    table
        A pure function of the same settings that returns a `Table` to stand below, with the
        same caption and head whatever they are.
    **settings
        A list of values for each argument of `draw`, or one of :func:`choices`, :func:`steps`. With
        none the figure stands still.

    Returns
    -------
    Explorer
        Shows itself in a notebook: ipywidgets and a ``FigureWidget`` or the drawing beside a kernel, an island of
        plain HTML in the book. Its text is the sentence at the starting values.
    """
    _checks.function("draw", draw if hasattr(draw, "__name__") else None)  # its name is that of the figure
    if table is not None:
        _checks.function("table", table)
    return Explorer(draw, _checks.words("title", title), controls(settings), table)


class Explorer:
    """A figure with controls; made by :func:`explore`."""

    def __init__(self, draw: Draw, title: str, settings: dict[str, Control], table: Tabulate | None = None) -> None:
        self.draw, self.title, self.controls, self.table = draw, title, settings, table
        self.name = re.sub(r"[\W_]+", "-", draw.__name__).strip("-")

    @property
    def start(self) -> dict[str, Value]:
        """The values it starts with."""
        return starts(self.controls)

    def states(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of values, the last control moving fastest.

        Yields
        ------
        dict
            A value for each argument of `draw`.
        """
        yield from grid(self.controls)

    def html(self) -> str:
        """Return what a page of the book gets: an island that answers without a kernel.

        Returns
        -------
        str
            One ``<figure>``, with all states in it.
        """
        return island(self.name, self.title, self.controls, self.draw, self.table)

    @cached_property
    def widget(self) -> ipywidgets.VBox:
        """The live form, stock ipywidgets around a ``FigureWidget`` that is changed in place."""
        import ipywidgets

        table = self.table
        live = Live(self.draw(**self.start), None if table is None else table(**self.start))
        inputs = {name: _input(control) for name, control in self.controls.items()}

        def redraw(_change: object) -> None:
            values = {name: one.value for name, one in inputs.items()}
            try:
                live.show(self.draw(**values), None if table is None else table(**values))
            except Exception:
                live.say_outdated()
                raise

        for one in inputs.values():
            one.observe(redraw, names="value")
        title = ipywidgets.HTML(f"{OPENS_STYLE}<strong>{escape(self.title)}</strong>")
        return ipywidgets.VBox([title, *inputs.values(), *live.parts])

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        if os.environ.get(PAGE_VARIABLE):
            return {"text/plain": repr(self), "text/html": self.html()}
        try:
            live = self.widget._repr_mimebundle_()
        except ImportError:
            live = {}
        return {**live, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return self.draw(**self.start)[1]


def _input(control: Control) -> ipywidgets.Dropdown | ipywidgets.SelectionSlider:
    """Return the stock widget for a control."""
    import ipywidgets

    kind = ipywidgets.Dropdown if control.is_menu else ipywidgets.SelectionSlider
    # On a phone the name stands above a slider, which has the whole width. A menu's height is that of its line.
    fit = {} if control.is_menu else {"height": "auto", "flex_flow": "row wrap"}
    return kind(
        options=list(zip(control.written, control.values, strict=True)),
        value=control.start,
        description=control.label,
        style={"description_width": "16em"},
        layout={"width": "min(100%, 42em)", **fit},
    )
