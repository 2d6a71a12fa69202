"""The fields of an account beside a kernel; what is wrong is said beside the field that it is wrong in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape

import ipywidgets

from .._checks import ArgumentError
from ..margin.contracts import Contract
from ..margin.rules import MODES
from ..markets.brackets import symbols_like
from ..markets.own_brackets import Brackets, is_text
from ..markets.venues import UNLISTED, venue, venue_names
from ..portfolio.portfolio import Portfolio, contract_of
from ..portfolio.reading import SIDES, TOLD, EntryError, Problem, as_text
from .answers import MOST_IN_FORM

NEWEST = "newest"
# What is said of a position by the venue holds as long as these are as they were.
OF_THE_TOLD = ("symbol", "side", "size", "entry")
# What ipywidgets calls with the old and the new value of an input.
Changed = Callable[[Mapping[str, str]], None]
UNITS = {"size": "size", "worth at entry": "notional"}
WRONG = '<span role="alert" style="color: #d6336c; white-space: normal">{}</span>'

# A label above its input, which the layout of stock widgets has beside it.
STYLE = (
    "<style>.marginlab-field > .widget-inline-hbox {flex-direction: column; align-items: stretch}"
    ".marginlab-field > .widget-inline-hbox > * {flex: 0 0 auto; width: auto; text-align: left; line-height: 1.4}"
    ".marginlab-field select {min-height: 28px} .marginlab-field .widget-html-content {line-height: 1.3}</style>"
)


class Field:
    """One input, its label above it, and below it what is wrong with it."""

    def __init__(self, kind: type, label: str, changed: Changed, width: str = "9.5em", **options: object) -> None:
        self.input = kind(
            description=label,
            style={"description_width": "auto"},
            layout={"width": "auto", "height": "auto"},
            **options,
        )
        self.wrong = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([self.input, self.wrong], layout={"width": width, "margin": "0 0.5em 0 0"})
        self.widget.add_class("marginlab-field")
        self.input.observe(changed, names="value")

    def complain(self, reasons: Sequence[str]) -> None:
        """Say what is wrong, or that nothing is."""
        self.wrong.value = WRONG.format(escape("; ".join(reasons))) if reasons else ""


class Row:
    """The fields of one position."""

    def __init__(self, symbols: Sequence[str], changed: Changed, removed: Callable[[Row], None]) -> None:
        def menu(label: str, options: Sequence[str]) -> Field:
            return Field(ipywidgets.Dropdown, label, changed, options=options)

        def text(label: str) -> Field:
            return Field(ipywidgets.Text, label, changed, continuous_update=False)

        self.fields = {
            "symbol": menu("Contract", tuple(symbols)),
            "side": menu("Side", SIDES),
            "size": text("Amount"),
            "unit": menu("Amount is", tuple(UNITS)),
            "entry": text("Entry price"),
            "mark": text("Mark price"),
            "mode": menu("Mode", MODES),
            "leverage": text("Leverage"),
            "margin": text("Margin set aside"),
        }
        remove = ipywidgets.Button(
            description="Remove", tooltip="Remove this position", layout={"width": "7em", "margin": "1.7em 0 0"}
        )
        remove.on_click(lambda _: removed(self))
        self.rest = ipywidgets.HTML()
        self.told: dict[str, str | float | None] = {}
        self.told_of: dict[str, str] = {}
        fields = ipywidgets.Box(
            [*(field.widget for field in self.fields.values()), remove],
            layout={"flex_flow": "row wrap", "align_items": "flex-start"},
        )
        self.widget = ipywidgets.VBox(
            [fields, self.rest], layout={"border": "1px solid rgba(128, 128, 128, 0.4)", "padding": "0.5em"}
        )

    def read(self) -> dict[str, object]:
        """Return what the fields say, as `Portfolio.of_rows` takes it, and what the venue said of that position."""
        said = {name: field.input.value for name, field in self.fields.items()}
        told = self.told if {name: said[name] for name in OF_THE_TOLD} == self.told_of else {}
        amount, unit = said.pop("size"), UNITS[said.pop("unit")]
        return {**said, unit: amount, **told}

    def show(self, row: Mapping[str, str | float | None]) -> None:
        """Set the fields to a position, as `Portfolio.rows` gives it."""
        for name, field in self.fields.items():
            if name == "unit":
                field.input.value = "size"
            else:
                value = row[name]
                field.input.value = value if isinstance(value, str) else as_text(value)
        self.told = {name: row[name] for name in TOLD if name in row}
        self.told_of = {name: self.fields[name].input.value for name in OF_THE_TOLD}

    def complain(self, problems: Sequence[Problem]) -> None:
        """Say beside each field what is wrong with it."""
        shown_at = {"notional": "size"} | {name: name for name in self.fields}
        for name, field in self.fields.items():
            field.complain([one.reason for one in problems if shown_at.get(one.field) == name])
        others = [f"{one.field} {one.reason}" for one in problems if one.field not in shown_at]
        self.rest.value = WRONG.format(escape("; ".join(others))) if others else ""


class Entry:
    """The fields of a whole account.

    Parameters
    ----------
    start
        What they say at first.
    changed
        Called with what they say after each change, or with None where that cannot be.
    """

    def __init__(self, start: Portfolio, changed: Callable[[Portfolio | None], None]) -> None:
        self.changed, self.quiet, self.note = changed, True, ""
        self.origin: Portfolio | None = None
        self.own: Brackets | None = None
        named = [(venue(name).title, name) for name in (*venue_names(), UNLISTED)]
        self.fields = {
            "title": Field(ipywidgets.Text, "Name", self._edited, "15em", continuous_update=False),
            "venue": Field(ipywidgets.Dropdown, "Venue", self._moved, "12em", options=named),
            "wallet": Field(ipywidgets.Text, "Wallet", self._edited, "12em", continuous_update=False),
            "date": Field(ipywidgets.Dropdown, "Brackets of", self._edited, "12em", options=(NEWEST,)),
            "brackets": Field(
                ipywidgets.Textarea,
                "Your own brackets",
                self._brought,
                "24em",
                continuous_update=False,
                placeholder="NEWUSDT 0.02, or what ccxt's fetch_leverage_tiers returns",
            ),
        }
        self.rows: list[Row] = []
        self.held = ipywidgets.VBox([])
        self.rest = ipywidgets.HTML()
        self.add = ipywidgets.Button(description="Add a position", layout={"width": "10em"})
        self.add.on_click(lambda _: self._added())
        account = ipywidgets.Box(
            [field.widget for field in self.fields.values()],
            layout={"flex_flow": "row wrap", "align_items": "flex-start"},
        )
        self.widget = ipywidgets.VBox([ipywidgets.HTML(STYLE), account, self.held, self.add, self.rest])
        self.portfolio: Portfolio | None = None
        self.show(start)

    def show(self, portfolio: Portfolio) -> None:
        """Set all fields to an account, and read what they say then, whatever that is."""
        with self._as_one():
            self.note, self.origin = portfolio.note, portfolio
            for name, value in (
                ("title", portfolio.title),
                ("venue", portfolio.venue),
                ("wallet", as_text(portfolio.wallet)),
                ("brackets", "" if portfolio.brackets is None else json.dumps(portfolio.brackets.rows())),
            ):
                self.fields[name].input.value = value
            self._fit(portfolio.date)
            self.own = portfolio.brackets
            self.fields["date"].input.value = portfolio.date or NEWEST
            self._hold([self._row() for _ in portfolio.positions])
            for row, given in zip(self.rows, portfolio.rows(), strict=True):
                row.show(given)

    def read(self) -> None:
        """Read all fields, say what is wrong beside each, and hand on what they say."""
        said = {name: field.input.value for name, field in self.fields.items()}
        said["date"] = None if said["date"] == NEWEST else said["date"]
        said["brackets"] = self.own or said["brackets"]
        problems: Sequence[Problem] = ()
        try:
            origin = self.origin
            self.portfolio = Portfolio.of_rows(
                [row.read() for row in self.rows],
                note=self.note,
                held=origin is not None and origin.held,
                orders=() if origin is None else origin.orders,
                collateral=() if origin is None else origin.collateral,
                remarks=() if origin is None else origin.remarks,
                **said,
            )
        except EntryError as refusal:
            self.portfolio, problems = None, refusal.problems
        for name, field in self.fields.items():
            field.complain([one.reason for one in problems if one.row is None and one.field == name])
        for i, row in enumerate(self.rows):
            row.complain([one for one in problems if one.row == i])
        others = [str(one) for one in problems if one.row is None and one.field not in self.fields]
        self.rest.value = WRONG.format(escape("; ".join(others))) if others else ""
        self.changed(self.portfolio)

    @contextmanager
    def _as_one(self) -> Iterator[None]:
        """Take several changes for one: all fields are read once, after the last, even where one goes wrong."""
        self.quiet = True
        try:
            yield
        finally:
            self.quiet = False
            self.read()

    def _edited(self, _change: Mapping[str, str]) -> None:
        if not self.quiet:
            self.read()

    def _brought(self, _change: Mapping[str, str]) -> None:
        """Offer the symbols of brackets of one's own beside the venue's."""
        if self.quiet:
            return
        with self._as_one():
            self._know()
            for row in self.rows:
                field = row.fields["symbol"].input
                before = field.value
                field.options = self._symbols()
                field.value = before if before in field.options else None

    def _know(self) -> None:
        """Read brackets of one's own, None where there are none or what is there cannot be."""
        written = self.fields["brackets"].input.value
        try:
            self.own = Brackets.read(written, venue=self.fields["venue"].input.value) if is_text(written) else None
        except ArgumentError:
            self.own = None

    def _symbols(self) -> tuple[str, ...]:
        """Return what there are brackets of: the venue's, and those of one's own."""
        own = () if self.own is None else self.own.symbols
        return tuple(dict.fromkeys([*venue(self.fields["venue"].input.value).symbols, *own]))

    def _moved(self, change: Mapping[str, str]) -> None:
        """Go to another venue: its contracts, those of the same market where it has one, and its tables."""
        if self.quiet:
            return
        with self._as_one():
            self.origin = None
            self._fit()
            left, entered = venue(change["old"]), venue(change["new"])
            for row in self.rows:
                field = row.fields["symbol"].input
                before = field.value
                known, alike = self._symbols(), []
                if before:
                    market = contract_of(left.name, before, None, self.own)
                    likes = [one for one in (*symbols_like(entered.name, market.underlying), before) if one in known]
                    alike = sorted(likes, key=partial(self._unlike, entered.name, market))
                field.options = known
                field.value = next(iter(alike), None)
                row.told = {}

    def _unlike(self, name: str, market: Contract, symbol: str) -> tuple[bool, bool]:
        """Return how a contract differs from the one before: in its name, and in what it settles in."""
        there = contract_of(name, symbol, None, self.own)
        return there.symbol != market.symbol, there.currency != market.currency

    def _fit(self, asked: str | None = None) -> None:
        """Offer the dates of the tables that were set out by hand, and the one that is asked for."""
        known = {table.date for table in venue(self.fields["venue"].input.value).tables}
        dates = sorted(known | ({asked} if asked else set()), reverse=True)
        self.fields["date"].input.options = (NEWEST, *dates)

    def _row(self) -> Row:
        return Row(self._symbols(), self._edited, self._removed)

    def _added(self) -> None:
        self._hold([*self.rows, self._row()])
        self.read()

    def _removed(self, row: Row) -> None:
        self._hold([one for one in self.rows if one is not row])
        self.read()

    def _hold(self, rows: list[Row]) -> None:
        self.rows = rows
        self.held.children = [row.widget for row in rows]
        self.add.disabled = len(rows) >= MOST_IN_FORM
