"""The fields of an account beside a kernel; what is wrong is said beside the field that it is wrong in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import cast

import ipywidgets

from ..margin.rules import MODES
from ..markets.venues import UNLISTED, venue, venue_names
from ..portfolio.portfolio import Portfolio
from ..portfolio.reading import SIDES
from .fields import MOST_IN_FORM, Message, Wrong, WrongEntryError, entry_of, moved, own_of, portfolio_of, sizes_in

NEWEST = "newest"
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
        self.hint, self.wrong = ipywidgets.HTML(), ipywidgets.HTML()
        self.widget = ipywidgets.VBox(
            [self.input, self.hint, self.wrong], layout={"width": width, "margin": "0 0.5em 0 0"}
        )
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
        self.was: Message = {}
        fields = ipywidgets.Box(
            [*(field.widget for field in self.fields.values()), remove],
            layout={"flex_flow": "row wrap", "align_items": "flex-start"},
        )
        self.widget = ipywidgets.VBox(
            [fields, self.rest], layout={"border": "1px solid rgba(128, 128, 128, 0.4)", "padding": "0.5em"}
        )

    def read(self) -> Message:
        """Return what the fields say, and the row as it came."""
        said = {name: field.input.value for name, field in self.fields.items()}
        amount, unit = said.pop("size"), UNITS[said.pop("unit")]
        return {**said, unit: amount, "was": self.was}

    def show(self, row: Message, symbols: Sequence[str]) -> None:
        """Set the fields to a row, of which a symbol that is not offered is asked for; keep all of it."""
        self.was = cast(Message, row.get("was", row))
        unit = next((name for name, amount in UNITS.items() if amount in row), "size")
        for name, value in {**row, "unit": unit, "size": row.get(UNITS[unit])}.items():
            if name in self.fields and name != "symbol":
                self.fields[name].input.value = value
        self.offer(symbols, row.get("symbol"))

    def offer(self, symbols: Sequence[str], chosen: object) -> None:
        """Offer these symbols, with one of them chosen or none."""
        field = self.fields["symbol"].input
        field.options = symbols
        field.value = chosen if chosen in symbols else None

    def complain(self, problems: Sequence[Wrong]) -> None:
        """Say beside each field what is wrong with it."""
        for name, field in self.fields.items():
            field.complain([one.reason for one in problems if one.field == name])
        others = [f"{one.field} {one.reason}" for one in problems if one.field not in self.fields]
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
        self.changed, self.quiet = changed, True
        self.beyond: Message = {}  # of the account: what there are no fields for
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
        self.rows = []
        self._put(entry_of(portfolio))

    def said(self) -> Message:
        """Return the account as it stands in the fields, with what there are no fields for."""
        said = {name: field.input.value for name, field in self.fields.items()}
        said["date"] = "" if said["date"] == NEWEST else said["date"]
        return {**self.beyond, **said, "positions": [row.read() for row in self.rows]}

    def read(self) -> None:
        """Read all fields, say what is wrong beside each, and hand on what they say."""
        entry = self.said()
        problems: Sequence[Wrong] = ()
        try:
            self.portfolio = portfolio_of(entry)
        except WrongEntryError as refusal:
            self.portfolio, problems = None, refusal.problems
        rows = [one for one in problems if one.part == "positions" and one.row is not None]
        account = [one for one in problems if one.part == "account" and one.field in self.fields]
        for name, field in self.fields.items():
            field.complain([one.reason for one in account if one.field == name])
        for i, (row, unit) in enumerate(zip(self.rows, sizes_in(entry), strict=True)):
            row.complain([one for one in rows if one.row == i])
            row.fields["size"].hint.value = f"In {unit}" if unit and row.fields["unit"].input.value == "size" else ""
        others = [str(one) for one in problems if one not in (*rows, *account)]
        self.rest.value = WRONG.format(escape("; ".join(others))) if others else ""
        self.changed(self.portfolio)

    def _put(self, entry: Message) -> None:
        """Set all fields to an account as it stands in fields, and keep what there are none for."""
        with self._as_one():
            self.beyond = {name: said for name, said in entry.items() if name not in (*self.fields, "positions")}
            for name in ("title", "venue", "wallet", "brackets"):
                self.fields[name].input.value = entry[name]
            self._offer_dates(cast(str, entry["date"]))
            rows, symbols = cast("Sequence[Message]", entry["positions"]), self._symbols()
            self._hold([*self.rows[: len(rows)], *(self._row() for _ in rows[len(self.rows) :])])
            for row, said in zip(self.rows, rows, strict=True):
                row.show(said, symbols)

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
            symbols = self._symbols()
            for row in self.rows:
                row.offer(symbols, row.fields["symbol"].input.value)

    def _symbols(self) -> tuple[str, ...]:
        """Return what there are brackets of: the venue's, and those of one's own."""
        own = own_of({name: self.fields[name].input.value for name in ("venue", "brackets")})
        known = venue(self.fields["venue"].input.value).symbols
        return tuple(dict.fromkeys([*known, *(own.symbols if own else ())]))

    def _moved(self, change: Mapping[str, str]) -> None:
        """Go to another venue."""
        if not self.quiet:
            self._put(moved({**self.said(), "venue": change["old"]}, change["new"]))

    def _offer_dates(self, chosen: str) -> None:
        """Offer the dates of the tables that were set out by hand, and the one that is chosen."""
        known = {table.date for table in venue(self.fields["venue"].input.value).tables} - {""}
        field = self.fields["date"].input
        field.options = (NEWEST, *sorted(known | ({chosen} if chosen else set()), reverse=True))
        field.value = chosen or NEWEST

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
