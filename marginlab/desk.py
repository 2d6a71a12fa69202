"""The workbench beside a kernel: an account to enter, and every screen of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from . import screens
from .comparison import Comparison, compare
from .entry import WRONG, Entry
from .files import from_csv, from_json, results_csv, to_csv, to_json
from .history import event, event_names
from .live import Live
from .payload import from_ccxt
from .portfolio import EntryError, Portfolio
from .positions import MODES
from .presets import preset, preset_names
from .stress import SHOCKS
from .trials import Trials

PRIVATE = "Nothing that you enter leaves the machine that Python runs on here."
STALE = "What is marked above cannot be. Below stands the last account that could."
WAYS = {"JSON": from_json, "CSV": from_csv}
PASTED = "positions from ccxt"


class Panel:
    """Some screens of one question, under the inputs that they share."""

    def __init__(self, draws: list[Callable[..., screens.Screen]], inputs: dict[str, Any]) -> None:
        self.draws, self.inputs, self.lives = draws, inputs, []  # type: ignore[var-annotated]
        self.found: Comparison | None = None
        self.picture = "png"
        self.shown = ipywidgets.VBox([])
        self.widget = ipywidgets.VBox([*inputs.values(), self.shown])
        for one in inputs.values():
            one.observe(lambda _: self.draw(), names="value")

    def draw(self, found: Comparison | None = None, picture: str | None = None) -> None:
        """Draw what is found now, or again what was found before; figures are made once."""
        self.found = found or self.found
        if picture not in (None, self.picture):
            self.picture, self.lives = str(picture), []
        values = {name: one.value for name, one in self.inputs.items()}
        drawn = [draw(self.found, **values) for draw in self.draws]
        if not self.lives:
            self.lives = [Live(one[:2], one.table, picture=self.picture) for one in drawn]
            self.shown.children = [part for live in self.lives for part in live.parts]
            return
        for live, one in zip(self.lives, drawn, strict=True):
            live.show(one[:2], one.table)


class Desk:
    """The form: `entry` above, `panels` below; `found` is what is shown of the account entered."""

    def __init__(self, start: Portfolio) -> None:
        self.found: Comparison | None = None
        self.trials = Trials()
        self.panels: dict[str, Any] = {
            "Now": Panel([screens.standing, screens.tied], {}),
            "Shocks": Panel([screens.shocked], {"btc": _moves("BTC", -0.3), "rest": _moves("All others", -0.2)}),
            "Crashes": Panel([screens.crashed], {"event": _menu("Crash", _events())}),
            "Chance": self.trials,
            "Which mode": Panel([screens.weighed], {}),
        }
        self.status = ipywidgets.HTML()
        self.picture = _menu("Save figures as", ("png", "svg"))
        self.files, self.results = ipywidgets.HTML(), ipywidgets.HTML()
        self.tabs = ipywidgets.Tab([one.widget for one in self.panels.values()], titles=tuple(self.panels))
        self.entry = Entry(start, self._entered)
        self.tabs.observe(lambda _: self._draw(), names="selected_index")
        self.picture.observe(lambda _: self._draw(), names="value")
        self.presets = _menu("Start from", {preset(name).title: name for name in preset_names()}, start.title)
        self.presets.observe(lambda change: self.entry.show(preset(change["new"])), names="value")
        self.widget = ipywidgets.VBox(
            [
                ipywidgets.HTML(f"<p>{PRIVATE}</p>"),
                self.presets,
                self._paste(),
                self.entry.widget,
                self.status,
                self.tabs,
                self._out(),
            ],
            layout={"max_width": "100%"},
        )

    def _entered(self, portfolio: Portfolio | None) -> None:
        """Compare what was entered, if it can be."""
        self.status.value = "" if portfolio else WRONG.format(STALE)
        if portfolio is None:
            return
        self.found = compare(portfolio.account, portfolio.marks, venue=portfolio.venue)
        self.results.value = ""
        self.files.value = " · ".join(
            [
                _file("account.json", "application/json", to_json(portfolio)),
                _file("account.csv", "text/csv", to_csv(portfolio)),
            ]
        )
        self._draw()

    def _draw(self) -> None:
        """Draw the panel in sight; the others wait until they are."""
        if self.found is not None:
            list(self.panels.values())[self.tabs.selected_index or 0].draw(self.found, self.picture.value)

    def _paste(self) -> Any:
        """Return the place to paste an account."""
        way = _menu("It is", (*WAYS, PASTED))
        mode = _menu("Mode, where it tells none", {"refuse it": None, **{mode: mode for mode in MODES}})
        text = ipywidgets.Textarea(
            description="Text", layout={"width": "100%", "height": "8em"}, placeholder='[{"symbol": "BTC/USDT:USDT", …'
        )
        read, said = ipywidgets.Button(description="Read it"), ipywidgets.HTML()

        def taken(_button: Any) -> None:
            fields = {name: field.input.value for name, field in self.entry.fields.items()}
            try:
                if way.value == PASTED:
                    kept = from_ccxt(text.value, venue=fields["venue"], wallet=fields["wallet"], margin_mode=mode.value)
                else:
                    kept = WAYS[way.value](text.value)
            except EntryError as refusal:
                wrong = "".join(f"<li>{escape(str(one))}</li>" for one in refusal.problems)
                said.value = WRONG.format(f"Nothing is taken over:<ul>{wrong}</ul>")
                return
            said.value = "Taken over."
            self.entry.show(kept)

        read.on_click(taken)
        self.pasted = {"way": way, "mode": mode, "text": text, "read": read, "said": said}
        note = ipywidgets.HTML("<p>Venue and wallet of ccxt's positions are those of the fields below.</p>")
        inside = ipywidgets.VBox([way, mode, note, text, read, said])
        return ipywidgets.Accordion([inside], titles=("Paste an account",), selected_index=None)

    def _out(self) -> Any:
        """Return what can be taken away."""
        make = ipywidgets.Button(description="Results as CSV")

        def made(_button: Any) -> None:
            if self.found is not None:
                self.results.value = _file("results.csv", "text/csv", results_csv(self.found))

        make.on_click(made)
        self.make = make
        line = {"flex_flow": "row wrap", "align_items": "center"}
        return ipywidgets.Box([self.files, make, self.results, self.picture], layout=line)


def _menu(label: str, options: Any, start: Any = None) -> Any:
    pairs = list(options.items()) if isinstance(options, dict) else [(one, one) for one in options]
    value = next((value for name, value in pairs if start in (name, value)), pairs[0][1])
    return ipywidgets.Dropdown(
        options=pairs,
        value=value,
        description=label,
        style={"description_width": "auto"},
        layout={"width": "min(100%, 30em)"},
    )


def _moves(label: str, start: float) -> Any:
    return ipywidgets.SelectionSlider(
        options=[(f"{move:+.0%}", move) for move in SHOCKS],
        value=start,
        description=f"Move of {label}" if label == "BTC" else label,
        style={"description_width": "8em"},
        layout={"width": "min(100%, 30em)"},
    )


def _events() -> dict[str, str]:
    return {event(name).title: name for name in event_names()}


def _file(name: str, kind: str, text: str) -> str:
    """Return a link that saves a file; it is in the link itself, and comes from nowhere."""
    packed = base64.b64encode(text.encode()).decode()
    return f'<a download="{name}" href="data:{kind};charset=utf-8;base64,{packed}">{name}</a>'
