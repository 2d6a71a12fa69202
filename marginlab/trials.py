"""The Monte Carlo of the workbench: its settings, its progress, and a button that stops it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from html import escape
from typing import Any

import ipywidgets

from . import screens
from .chances import MODELS, Chances, chances_so_far
from .comparison import Comparison
from .entry import WRONG
from .live import Live

PATHS = (5_000, 20_000)
# Between two chunks of paths other buttons are heard; so many seconds are enough for that.
BREATH = 0.02


class Trials:
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
            "volatility": ipywidgets.FloatSlider(0.6, min=0.05, max=2, description="Volatility a year", **shares),
            "correlation": ipywidgets.FloatSlider(0.8, min=-1, max=1, description="Correlation", **shares),
            "days": ipywidgets.IntSlider(30, min=1, max=180, description="Days", continuous_update=False, **common),
            "paths": ipywidgets.Dropdown(
                options=[(f"{paths:,}", paths) for paths in PATHS], value=PATHS[-1], description="Paths", **common
            ),
        }
        self.run = ipywidgets.Button(description="Draw paths", button_style="primary")
        self.stop = ipywidgets.Button(description="Stop", disabled=True)
        self.progress = ipywidgets.IntProgress(0, min=0, max=PATHS[-1], layout={"width": "min(100%, 20em)"})
        self.said = ipywidgets.HTML()
        self.shown = ipywidgets.VBox([])
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

    def begin(self) -> None:
        """Begin to draw paths: beside a kernel between its other work, in a script at once."""
        self.end("")
        settings = {name: one.value for name, one in self.inputs.items()}
        found = self.found
        try:
            if found is None:
                raise ValueError("an account must be entered first")
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
