"""What others say, with its source and how sure it is: of the crashes, of correlations then, of what venues do."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from marginlab import Practice, formatting
from marginlab.markets import BracketTable, Sourced

BOOK = Path(__file__).parent


@dataclass(frozen=True)
class Fact:
    """One reported figure.

    Attributes
    ----------
    when, what
        In words.
    value, unit
        The figure, in this unit.
    source, confidence
        Its key in `references.bib`; and A for the venue's own page, B for a faithful copy or for press quoting the
        venue, C for one page, one tracker or an estimate.
    note
        What else to know of it.
    """

    when: str
    what: str
    value: float
    unit: str
    source: str
    confidence: str
    note: str

    @property
    def figure(self) -> str:
        """The value with its unit."""
        return f"{self.value:,g} {self.unit}"

    @property
    def cited(self) -> str:
        """A link to the source, and how sure it is."""
        return f"[{self.source.split('-')[0].capitalize()}](references.md#{self.source}), {self.confidence}"


@dataclass(frozen=True)
class Correlation:
    """How BTC and ETH moved together, by hourly log returns: in the core days of an event and in the 30 days before.

    Attributes
    ----------
    event
        Its name in `marginlab.event_names`.
    before, during, low, high
        The correlation, and the 95 % interval of the one during the event.
    calm, wild
        Volatility of BTC a year, before and during.
    """

    event: str
    before: float
    during: float
    low: float
    high: float
    calm: float
    wild: float

    @property
    def rose(self) -> bool:
        """Whether it was higher in the event."""
        return self.during > self.before

    @property
    def surely_rose(self) -> bool:
        """Whether it was higher by more than chance explains."""
        return self.low > self.before


def facts() -> list[Fact]:
    """Return all reported figures, in order of time."""
    return [Fact(**{**row, "value": float(row["value"])}) for row in _rows("facts.csv")]


def fact(what: str) -> Fact:
    """Return the one figure of this name."""
    (found,) = (one for one in facts() if one.what == what)
    return found


def correlations() -> list[Correlation]:
    """Return the correlations of the crashes of which hourly returns are on record, in order of time."""
    return [
        Correlation(row["event"], *(float(value) for name, value in row.items() if name != "event"))
        for row in _rows("correlations.csv")
    ]


def cited(one: Practice | BracketTable | Sourced) -> str:
    """Return where something is said, when, and how sure it is."""
    return f"*{one.source}; {one.date}; {one.confidence}*"


def practices_table(
    practices: Iterable[Practice],
    *,
    said: str = "What it does",
    asked: str = "In short",
    answers: Mapping[str, str] | None = None,
) -> str:
    """Return what venues do as a Markdown table, each row with its source.

    Parameters
    ----------
    said
        The head of what they do in words.
    asked, answers
        The head of another column, and what stands in it for each rule; without answers there is none.
    """
    head = ["Venue", *([asked] if answers else []), f"{said}, and *source; date; how sure*"]
    return formatting.table(
        head,
        [[one.venue, *([answers[one.rule]] if answers else []), f"{one.value}<br>{cited(one)}"] for one in practices],
    )


def _rows(file: str) -> list[dict[str, str]]:
    with (BOOK / file).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
