"""The nineteen claims: what `claims.csv` says of each, and whether its chapter tries it as the book promises."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

BOOK = Path(__file__).parent
TESTS = BOOK.parent / "tests" / "claims"
VERDICTS = ("holds", "holds with a condition", "depends on the venue", "not documented", "does not hold")
# When a verdict is true: a year, a month, or from one to another.
DATES = re.compile(r"\d{4}(-\d\d)?( to \d{4}(-\d\d)?)?")
# The end of a claim's part of its chapter: the label of another claim, or any heading of the same rank.
END = re.compile(r"^(\([\w-]+\)=\n)?## ", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """What came of a claim, or of a part of one.

    Attributes
    ----------
    part
        What of the claim it is about, as in ``"of gains in cross"``; empty where it is about all of it.
    verdict, condition
        One of `VERDICTS`; and what it hangs on, empty for ``"holds"``.
    whom, date
        Of which venues it speaks, and when that was so: a year, a month, or from one to another. What follows from the
        arithmetic of the two modes is true of any venue at any date.
    matter
        The question of fact it rests on, the same word wherever another verdict rests on it too; empty where none does.
    """

    part: str
    verdict: str
    condition: str
    whom: str
    date: str
    matter: str

    @property
    def said(self) -> str:
        """What it is about, and the verdict: how it stands in a chapter."""
        return f"{self.part}, {self.verdict}" if self.part else self.verdict

    @property
    def judged(self) -> str:
        """The verdict with its condition, in Markdown."""
        about = f"{self.part[0].upper()}{self.part[1:]}: " if self.part else ""
        return f"{about}**{self.verdict}**" + (f", {self.condition}" if self.condition else "")


@dataclass(frozen=True)
class Claim:
    """One claim of the source document, as a question, and what came of it.

    Attributes
    ----------
    id
        Section and number, as in ``"1-2"``.
    verdicts
        One, or one for each part where a claim says several things.
    """

    id: str
    question: str
    chapter: str
    verdicts: tuple[Verdict, ...]

    @property
    def link(self) -> str:
        """Where it is tried."""
        return f"{self.chapter}.ipynb#claim-{self.id}"

    @property
    def said(self) -> str:
        """The verdict as its chapter has it, part by part."""
        return "; ".join(one.said for one in self.verdicts)

    @property
    def judged(self) -> str:
        """The verdicts with their conditions, in Markdown, a line each."""
        return "<br>".join(one.judged for one in self.verdicts)


@dataclass(frozen=True)
class Part:
    """One cell's share of a claim's section: the cell, and of its text what belongs to the claim."""

    cell: dict
    text: str

    @property
    def written(self) -> str:
        """What the cell put out as text or Markdown."""
        found = [
            output.get("text", "") or output.get("data", {}).get("text/markdown", "")
            for output in self.cell.get("outputs", [])
        ]
        return "\n".join("".join(text) for text in found)


def all_claims() -> list[Claim]:
    """Return the claims in the order of the document. A row without a question is a further part of the one above."""
    with (BOOK / "claims.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    own = [field.name for field in fields(Verdict)]
    found: dict[str, list[Verdict]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(Verdict(**{name: row[name] for name in own}))
    heads = [row for row in rows if row["question"]]
    return [Claim(row["id"], row["question"], row["chapter"], tuple(found[row["id"]])) for row in heads]


def section(claim: Claim) -> list[Part]:
    """Return a claim's part of its chapter, from its label to the next claim or heading; none without a label."""
    start = f"(claim-{claim.id})=\n## {claim.question}\n"
    cells = json.loads((BOOK / f"{claim.chapter}.ipynb").read_text(encoding="utf-8"))["cells"]
    found: list[Part] = []
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            if not found:
                _, label, text = text.partition(start)
                if not label:
                    continue
            end = END.search(text)
            found.append(Part(cell, text[: end.start()] if end else text))
            if end:
                break
        elif found:
            found.append(Part(cell, text))
    return found


def _check_of(parts: list[Part]) -> str:
    """Return what the cell in sight after the word "Check" printed."""
    for said, done in pairwise(parts):
        if "**Check.**" in said.text and done.cell["cell_type"] == "code" and not done.cell["metadata"].get("tags"):
            return done.written
    return ""


def _has_test(claim: Claim) -> bool:
    """Whether a test asserts it; where the book is read without its tests, as in a browser, that is not asked."""
    name = f"def test_claim_{claim.id.replace('-', '_')}_"
    return not TESTS.exists() or any(name in path.read_text(encoding="utf-8") for path in TESTS.glob("test_*.py"))


def _is_whole(one: Verdict) -> bool:
    """Whether a verdict is one of those there are, names its condition, and says of whom and when it is true."""
    arithmetic = (one.whom, one.date) == ("any venue", "any date")
    dated = bool(DATES.fullmatch(one.date)) and bool(one.whom) and one.whom != "any venue"
    return one.verdict in VERDICTS and bool(one.condition) == (one.verdict != "holds") and (arithmetic or dated)


# What the book promises of each claim, and how it shows.
PROMISES: dict[str, Callable[[Claim, list[Part]], bool]] = {
    "a label with its question": lambda _, parts: bool(parts),
    "an explorer or a figure": lambda _, parts: any(
        part.cell["cell_type"] == "code" and "explore(" in part.text for part in parts
    ),
    "what to notice": lambda _, parts: any(part.written.startswith("**What to notice.**") for part in parts),
    "a check that prints its numbers": lambda _, parts: bool(re.search(r"\d", _check_of(parts))),
    "one of the five verdicts, of whom and when": lambda claim, _: all(map(_is_whole, claim.verdicts)),
    "that verdict at its end": lambda claim, parts: (
        re.findall(r"^\*\*Verdict: (.*?)\.\*\*$", "\n".join(part.text for part in parts), re.MULTILINE) == [claim.said]
    ),
    "a test": lambda claim, _: _has_test(claim),
}


def missing(claim: Claim) -> list[str]:
    """Return what the book promises of every claim and does not keep for this one."""
    parts = section(claim)
    return [promise for promise, kept in PROMISES.items() if not kept(claim, parts)]


def tried() -> list[Claim]:
    """Return all claims.

    Raises
    ------
    ValueError
        If one is not tried as the book promises, with what each of those lacks.
    """
    claims = all_claims()
    lacking = {claim.id: missing(claim) for claim in claims}
    told = [f"claim {one} lacks {', '.join(what)}" for one, what in lacking.items() if what]
    if told:
        raise ValueError("; ".join(told))
    return claims
