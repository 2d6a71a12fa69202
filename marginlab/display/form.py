"""The workbench's form beside a kernel: an account to enter, and a panel for every screen of it.

Most panels draw at once what a comparison found; the Monte Carlo has its settings, its progress and a button that
stops it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets

from ..comparison.monte_carlo import MODELS, Chances, chances_so_far
from ..comparison.report import Comparison, compared, results_csv
from ..comparison.scenarios import SHOCK_GRID
from ..margin.rules import MODES
from ..markets.events import event, event_names
from ..portfolio.files import to_csv, to_json
from ..portfolio.portfolio import MOST_POSITIONS, Portfolio
from ..portfolio.presets import preset, preset_names
from ..portfolio.reading import EntryError
from . import screens
from .answers import CHANCE, PASTED, PATHS, SCREENS, WAYS, pasted
from .entry import WRONG, Entry
from .widgets import Live

PRIVATE = "Nothing that you enter leaves the machine that Python runs on here."
STALE = "What stands above cannot be shown. Below stands the last account that could."
EARLIER = "The settings have changed: what stands below was drawn with those before."
SHOCKS = SCREENS["shocked"].start
# Between two chunks of paths other buttons are heard; so many seconds are enough for that.
BREATH = 0.02


class Panel:
    """Some screens of one question, under the inputs that they share."""

    def __init__(self, draws: list[Callable[..., screens.Screen]], inputs: dict[str, ipywidgets.ValueWidget]) -> None:
        self.draws, self.inputs = draws, inputs
        self.lives: list[Live] = []
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


class MonteCarloPanel:
    """Draws paths for the account in `draw`, chunk after chunk; `known` is what is known so far."""

    def __init__(self) -> None:
        self.found: Comparison | None = None
        self.known: Chances | None = None
        self.task: asyncio.Task[None] | None = None
        self.picture = "png"
        self.live: Live | None = None
        common: dict[str, Any] = {"style": {"description_width": "9em"}, "layout": {"width": "min(100%, 32em)"}}
        shares: dict[str, Any] = {"step": 0.05, "readout_format": ".0%", "continuous_update": False, **common}
        self.inputs = {
            "model": ipywidgets.Dropdown(options=MODELS, description="Prices follow", **common),
            "volatility": ipywidgets.FloatSlider(
                CHANCE["volatility"], min=0.05, max=2, description="Volatility a year", **shares
            ),
            "correlation": ipywidgets.FloatSlider(
                CHANCE["correlation"], min=-1, max=1, description="Correlation", **shares
            ),
            "days": ipywidgets.IntSlider(
                CHANCE["days"], min=1, max=180, description="Days", continuous_update=False, **common
            ),
            "paths": ipywidgets.Dropdown(
                options=[(f"{paths:,}", paths) for paths in PATHS], value=PATHS[-1], description="Paths", **common
            ),
        }
        self.run = ipywidgets.Button(description="Draw paths", button_style="primary")
        self.stop = ipywidgets.Button(description="Stop", disabled=True)
        self.progress = ipywidgets.IntProgress(0, min=0, max=PATHS[-1], layout={"width": "min(100%, 20em)"})
        self.said = ipywidgets.HTML()
        self.shown = ipywidgets.VBox([])
        for one in self.inputs.values():
            one.observe(lambda _: self.changed(), names="value")
        self.run.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.end("Stopped: what follows is of the paths drawn so far."))
        line = ipywidgets.Box([self.run, self.stop, self.progress], layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([*self.inputs.values(), line, self.said, self.shown])

    def draw(self, found: Comparison, picture: str = "png") -> None:
        """Take another account, or another format of the figure; what is known of the account before goes."""
        if found is not self.found:
            self.end("")
            self.found, self.known, self.live = found, None, None
            self.shown.children = []
            self.progress.value = 0
        if picture != self.picture:
            self.picture, self.live = picture, None
            if self.known is not None:
                self.show(found, self.known)

    def changed(self) -> None:
        """Say that what is shown, or still being drawn, is not of the settings that stand there now."""
        if self.known is not None or self.task is not None:
            self.end(WRONG.format(EARLIER))

    def begin(self) -> None:
        """Begin to draw paths: beside a kernel between its other work, in a script at once."""
        self.end("")
        settings = {name: one.value for name, one in self.inputs.items()}
        found = self.found
        if found is None:
            self.said.value = WRONG.format("an account must be entered first")
            return
        try:
            chunks = chances_so_far(found, **settings)
        except ValueError as refusal:
            self.said.value = WRONG.format(escape(str(refusal)))
            return
        self.progress.value, self.progress.max = 0, settings["paths"]
        self.stop.disabled = False
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for known in chunks:
                self.show(found, known)
            self.end("")
        else:
            self.task = loop.create_task(self._follow(found, chunks))

    def end(self, words: str) -> None:
        """Draw no more paths."""
        if self.task is not None:
            self.task.cancel()
        self.task, self.stop.disabled, self.said.value = None, True, words

    def show(self, found: Comparison, known: Chances) -> None:
        """Show what is known of an account so far."""
        self.known, self.progress.value = known, known.done
        screen = screens.by_chance(found, known)
        if self.live is None:
            self.live = Live(screen[:2], screen.table, picture=self.picture)
            self.shown.children = self.live.parts
        else:
            self.live.show(screen[:2], screen.table)

    async def _follow(self, found: Comparison, chunks: Iterator[Chances]) -> None:
        await asyncio.sleep(BREATH)
        for known in chunks:
            self.show(found, known)
            await asyncio.sleep(BREATH)
        self.task = None
        self.end("")


class AccountForm:
    """The form: `entry` above, `panels` below; `found` is what is shown of the account entered."""

    def __init__(self, start: Portfolio) -> None:
        self.found: Comparison | None = None
        self.monte_carlo = MonteCarloPanel()
        self.panels: dict[str, Panel | MonteCarloPanel] = {
            "In short": Panel([screens.summary], {}),
            "Now": Panel([screens.distances, screens.free_margin], {}),
            "What it takes": _what_it_takes(),
            "Shocks": Panel(
                [screens.shocked], {"btc": _moves("BTC", SHOCKS["btc"]), "rest": _moves("All others", SHOCKS["rest"])}
            ),
            "Crashes": Panel([screens.crashed], {"event": _menu("Crash", _events())}),
            "Chance": self.monte_carlo,
            "Which mode": Panel([screens.which_mode], {}),
            "Venue says": Panel([screens.reconciled], {}),
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
        """Compare what was entered, if it can be; until it is all shown, say that what is shown is not of it."""
        self.status.value = WRONG.format(STALE)
        if portfolio is None:
            return
        try:
            found = compared(portfolio)
            files = [
                _file("account.json", "application/json", to_json(portfolio)),
                _file("account.csv", "text/csv", to_csv(portfolio)),
            ]
            self._draw(found)
        except ValueError as refusal:
            self.status.value = WRONG.format(f"{STALE} {escape(str(refusal))}")
            return
        self.found, self.results.value, self.files.value, self.status.value = found, "", " · ".join(files), ""

    def _draw(self, found: Comparison | None = None) -> None:
        """Draw the panel in sight; the others wait until they are."""
        found = found or self.found
        if found is not None:
            before, self.status.value = self.status.value, WRONG.format(STALE)
            list(self.panels.values())[self.tabs.selected_index or 0].draw(found, self.picture.value)
            self.status.value = before

    def _paste(self) -> ipywidgets.Accordion:
        """Return the place to paste an account."""
        way = _menu("It is", (*WAYS, PASTED))
        mode = _menu("Mode, where it tells none", {"refuse it": None, **{mode: mode for mode in MODES}})
        text = _area("Text", "8em", '[{"symbol": "BTC/USDT:USDT", …')
        balance = _area("Balance", "4em", '{"info": …, "total": {"USDT": …')
        read, said = ipywidgets.Button(description="Read it"), ipywidgets.HTML()

        def taken(_button: ipywidgets.Button) -> None:
            said.value = ""
            try:
                kept = pasted(way.value, text.value, self.entry.said(), balance=balance.value, mode=mode.value)
            except EntryError as refusal:
                wrong = "".join(f"<li>{escape(one)}</li>" for one in refusal.told())
                said.value = WRONG.format(f"Nothing is taken over:<ul>{wrong}</ul>")
                return
            self.entry.show(kept)
            shown = self.entry.portfolio == kept and not self.status.value
            remarks = "".join(f"<li>{escape(one)}</li>" for one in kept.remarks)
            taken_over = f"Taken over.{f'<ul>{remarks}</ul>' if remarks else ''}"
            said.value = taken_over if shown else WRONG.format(STALE)

        read.on_click(taken)
        self.pasted = {"way": way, "mode": mode, "text": text, "balance": balance, "read": read, "said": said}
        note = ipywidgets.HTML(
            "<p>Of ccxt's positions the venue is that of the fields below, and the wallet too where no balance is "
            "pasted.</p>"
        )
        inside = ipywidgets.VBox([way, mode, note, text, balance, read, said])
        return ipywidgets.Accordion([inside], titles=("Paste an account",), selected_index=None)

    def _out(self) -> ipywidgets.Box:
        """Return what can be taken away."""
        make = ipywidgets.Button(description="Results as CSV")

        def made(_button: ipywidgets.Button) -> None:
            if self.found is not None:
                self.results.value = _file("results.csv", "text/csv", results_csv(self.found))

        make.on_click(made)
        self.make = make
        line = {"flex_flow": "row wrap", "align_items": "center"}
        return ipywidgets.Box([self.files, make, self.results, self.picture], layout=line)


def _area(label: str, height: str, example: str) -> ipywidgets.Textarea:
    """Return a place for text that is pasted."""
    return ipywidgets.Textarea(description=label, layout={"width": "100%", "height": height}, placeholder=example)


def _what_it_takes() -> Panel:
    """Return the panel of what to add or close, what there is room for, and what the next order does."""
    places = {f"position {i + 1}": i for i in range(MOST_POSITIONS)}
    return Panel(
        [
            lambda found, move, **_: screens.survival(found, move),
            lambda found, **_: screens.room(found),
            lambda found, position, order, **_: screens.next_order(found, order, position),
            lambda found, rate, **_: screens.funded(found, rate),
        ],
        {
            "move": _moves("all markets", SCREENS["survival"].start["move"]),
            "position": _choice("Next order in", places),
            "order": _choice("Next order", screens.ORDERS),
            "rate": _choice("Funding a payment", screens.RATES),
        },
    )


def _choice(label: str, options: Mapping[str, float]) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(
        options=list(options.items()),
        description=label,
        style={"description_width": "9em"},
        layout={"width": "min(100%, 30em)"},
    )


def _menu(
    label: str, options: Mapping[str, str | None] | Sequence[str], start: str | None = None
) -> ipywidgets.Dropdown:
    pairs = list(options.items()) if isinstance(options, Mapping) else [(one, one) for one in options]
    value = next((value for name, value in pairs if start in (name, value)), pairs[0][1])
    return ipywidgets.Dropdown(
        options=pairs,
        value=value,
        description=label,
        style={"description_width": "auto"},
        layout={"width": "min(100%, 30em)"},
    )


def _moves(label: str, start: float | str) -> ipywidgets.SelectionSlider:
    return ipywidgets.SelectionSlider(
        options=[(f"{move:+.0%}", move) for move in SHOCK_GRID],
        value=start,
        description=label if label == "All others" else f"Move of {label}",
        style={"description_width": "9em"},
        layout={"width": "min(100%, 30em)"},
    )


def _events() -> dict[str, str]:
    return {event(name).title: name for name in event_names()}


def _file(name: str, kind: str, text: str) -> str:
    """Return a link that saves a file; it is in the link itself, and comes from nowhere."""
    packed = base64.b64encode(text.encode()).decode()
    return f'<a download="{name}" href="data:{kind};charset=utf-8;base64,{packed}">{name}</a>'
