"""An explorer as plain HTML: drawn over all its values once, so that a page answers without a kernel.

What the page gets is the first state whole, and for every part of it that changes (a trace's
``y``, a shape's position, the sentence) the different values it takes, each stored once, with a
table of which state has which. A part that depends on one of two controls is stored for that
one only. ``static/explorer.js`` puts a state together again. A `Drawing` is in the page as it is in
the first state; of the others what its parts have is stored.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from math import prod
from typing import Any, TypeGuard

import numpy as np

from .._checks import ArgumentError
from ..formatting import Link, Table
from .controls import Control, Draw, Tabulate, grid, starts
from .drawing import Drawing

# Set by the book's build, so that the kernel it starts writes pages rather than widgets.
PAGE_VARIABLE = "MARGINLAB_PAGE"
# Figures are drawn some hundreds of pixels wide: five digits place a point to a hundredth of one.
DIGITS = 5
# What a figure can be saved as.
PICTURES = ("png", "svg")
# Of a figure that does not say its own, in pixels: plotly's.
HEIGHT = 450
# All states are drawn and in the page: more than so many take minutes, and megabytes.
MOST_STATES = 20_000


def island(name: str, title: str, controls: Mapping[str, Control], draw: Draw, table: Tabulate | None = None) -> str:
    """Return the HTML of an explorer: labelled inputs, figure, sentence, data, and a table without JavaScript.

    Parameters
    ----------
    name
        What its address and the ids of its parts are made of.
    title, controls, draw, table
        As those of an explorer.

    Returns
    -------
    str
        One ``<figure>``.

    Raises
    ------
    ArgumentError
        For too many states, drawings of other parts in some of them, and tables whose caption, head or names depend
        on the settings.
    """
    name = f"explorer-{escape(name)}"
    if (count := prod(_shape(controls))) > MOST_STATES:
        raise ArgumentError("settings", f"must have at most {MOST_STATES:,} states together, not {count:,}")
    states = list(grid(controls))
    figures = [draw(**values) for values in states]
    _check_kinds(figure for figure, _ in figures)
    drawn = [state_of(one) for one in figures]
    tables = [] if table is None else [table(**values) for values in states]
    for state, one in zip(drawn, tables, strict=False):
        state["table"] = rows_of(one)
    first = states.index(starts(controls))
    data = {"controls": _described(controls), **differences(drawn, first, _shape(controls))}
    stored = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<figure class="explorer" id="{name}">\n'
        f'<figcaption id="{name}-title">{escape(title)}</figcaption>\n'
        f"{_form(controls, name)}"
        f"{_plot(name, figures[first][0], drawn[first])}\n"
        f'<p class="explorer-words" id="{name}-words">{escape(str(drawn[first]["sentence"]))}</p>\n'
        f"{_below(tables, first)}"
        f"<noscript>{_table(controls, draw)}</noscript>\n"
        f'<script type="application/json">{stored}</script>\n'
        "</figure>"
    )


def differences(drawn: Sequence[object], first: int, shape: tuple[int, ...]) -> dict[str, object]:
    """Return the first state whole, and what differs in the others, each value once.

    Parameters
    ----------
    drawn
        Every state as nested dicts and lists, in the order of the grid.
    first
        Which of them the page starts with.
    shape
        Length of each control; their product is the number of states.

    Returns
    -------
    dict
        ``base``, the first state; ``varying``, where states differ, with the number of the value that each has
        there; and ``values``.
    """
    known: dict[str, int] = {}
    varying = []
    for path, parts in _changing(drawn):
        keys = (json.dumps(part, allow_nan=False) for part in parts)
        numbers = np.array([known.setdefault(key, len(known)) for key in keys]).reshape(shape)
        for axis in range(numbers.ndim):
            one = numbers.take([0], axis=axis)
            if (numbers == one).all():
                numbers = one
        varying.append({"path": list(path), "shape": list(numbers.shape), "ids": numbers.ravel().tolist()})
    return {"base": drawn[first], "varying": varying, "values": [json.loads(key) for key in known]}


def plain(value: object) -> object:
    """Return what JSON can hold: lists for arrays, text for times, five digits for numbers, null for nan."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == "M":
            value = np.where(np.isnat(value), np.array(None), value.astype(str).astype(object))
        return plain(value.tolist())
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float):
        if not np.isfinite(value):
            return None
        short = float(f"{value:.{DIGITS}g}")
        return int(short) if short.is_integer() else short
    return value


def state_of(drawn: tuple[object, str]) -> dict[str, object]:
    """Return what a draw returned as the page holds it."""
    figure: Any
    figure, sentence = drawn
    if isinstance(figure, Drawing):
        return {"parts": figure.state, "sentence": sentence}
    if not isinstance(figure, dict):
        # Part by part: a figure as a whole would hand out its arrays packed.
        figure = {"data": [trace.to_plotly_json() for trace in figure.data], "layout": figure.layout.to_plotly_json()}
    return {"data": plain(figure["data"]), "layout": plain(figure["layout"]), "sentence": sentence}


def rows_of(table: Table) -> list[list[object]]:
    """Return the rows of a table as the page holds them: a cell that leads somewhere is its text and its address."""
    return [[[cell.text, cell.address] if isinstance(cell, Link) else cell for cell in row] for row in table.rows]


def _check_kinds(figures: Iterable[object]) -> None:
    """Refuse drawings that are not made of the same parts: a page changes what is there."""
    kinds = [figure.kind if isinstance(figure, Drawing) else None for figure in figures]
    if any(kind != kinds[0] for kind in kinds):
        raise ArgumentError("draw", "must return a figure for all settings, or drawings made of the same parts")


def _plot(name: str, figure: object, state: Mapping[str, object]) -> str:
    """Return the place of the figure: a drawing is there already, any other is drawn by plotly."""
    told = f'role="img" aria-labelledby="{name}-title" aria-describedby="{name}-words"'
    if isinstance(figure, Drawing):
        return f'<div class="explorer-plot explorer-drawing" {told}>{figure.html()}</div>'
    layout = state["layout"]
    height = layout.get("height", HEIGHT) if isinstance(layout, dict) else HEIGHT
    return f'<div class="explorer-plot" {told} style="min-height: {height}px"></div>'


def _below(tables: list[Table], first: int) -> str:
    """Return the table below an explorer, in its first state."""
    if not tables:
        return ""
    heads = {(table.caption, table.head, table.names) for table in tables}
    if len(heads) > 1:
        raise ArgumentError("table", f"must have the same caption, head and names in all states, not {sorted(heads)!r}")
    # What is wider than a phone is scrolled, with the keyboard too.
    scrolled = f'class="explorer-table" tabindex="0" role="group" aria-label="{escape(tables[first].caption)}"'
    return f"<div {scrolled}>{tables[first].html(linked=True)}</div>\n"


def _changing(
    parts: Sequence[Any], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Sequence[object]]]:
    """Yield the smallest parts that differ between states, with their value in each state.

    Lists are taken apart where all states have the same number of items. What a state does not have is
    None there, which plotly takes as not set.
    """
    if any(isinstance(part, dict) for part in parts) and all(part is None or isinstance(part, dict) for part in parts):
        for key in dict.fromkeys(key for part in parts for key in part or {}):
            yield from _changing([(part or {}).get(key) for part in parts], (*path, key))
    elif all(_is_list_of_parts(part) and len(part) == len(parts[0]) for part in parts):
        for i in range(len(parts[0])):
            yield from _changing([part[i] for part in parts], (*path, i))
    elif any(part != parts[0] for part in parts):
        yield path, parts


def _is_list_of_parts(part: object) -> TypeGuard[list[object]]:
    return isinstance(part, list) and any(isinstance(item, dict) for item in part)


def _shape(controls: Mapping[str, Control]) -> tuple[int, ...]:
    return tuple(len(control.values) for control in controls.values())


def _described(controls: Mapping[str, Control]) -> list[dict[str, object]]:
    """Return what the script must know of the controls: values as the address holds them, and as written."""
    return [
        {
            "name": name,
            "values": [value if isinstance(value, str) else f"{value:.12g}" for value in control.values],
            "written": control.written,
        }
        for name, control in controls.items()
    ]


def _form(controls: Mapping[str, Control], name: str) -> str:
    """Return the labelled inputs and the buttons, hidden until the script that answers them runs."""
    rows = []
    for key, control in controls.items():
        key, label = escape(key), escape(control.label)
        field_id = f"{name}-{key}"
        written = [escape(text) for text in control.written]
        if control.is_menu:
            options = "".join(
                f'<option value="{i}"{" selected" if i == control.start_index else ""}>{text}</option>'
                for i, text in enumerate(written)
            )
            field = f'<select id="{field_id}" name="{key}">{options}</select>'
        else:
            field = (
                f'<input type="range" id="{field_id}" name="{key}" min="0" max="{len(written) - 1}" step="1" '
                f'value="{control.start_index}" aria-valuetext="{written[control.start_index]}">'
                f'<output for="{field_id}">{written[control.start_index]}</output>'
            )
        rows.append(f'<div class="explorer-control"><label for="{field_id}">{label}</label>{field}</div>\n')
    tools = (
        ('<button type="reset">Reset</button>' if rows else "")
        + '<button type="button" class="explorer-copy">Copy link</button>'
        + "".join(
            f'<button type="button" class="explorer-save" value="{kind}" aria-label="Save as {kind.upper()}">'
            f"{kind.upper()}</button>"
            for kind in PICTURES
        )
    )
    return (
        f'<form class="explorer-form" autocomplete="off" hidden>\n{"".join(rows)}'
        f'<div class="explorer-tools">{tools}</div>\n</form>\n'
    )


def _table(controls: Mapping[str, Control], draw: Draw) -> str:
    """Return a few states in words, for a reader without JavaScript: the first control moves."""
    if not controls:
        return ""
    key, control = next(iter(controls.items()))
    last = len(control.values) - 1
    shown = sorted({round(last * part / 4) for part in range(5)})
    rows = "".join(
        f"<tr><td>{escape(control.written[i])}</td>"
        f"<td>{escape(draw(**{**starts(controls), key: control.values[i]})[1])}</td></tr>"
        for i in shown
    )
    head = f"<tr><th>{escape(control.label)}</th><th>What it shows</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
