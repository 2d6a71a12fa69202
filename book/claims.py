"""The nineteen claims: what `claims.csv` says of each, and whether its chapter tries it as the book promises."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

BOOK = Path(__file__).parent
TESTS = BOOK.parent / "tests" / "claims"
VERDICTS = ("holds", "holds with a condition", "depends on the venue", "does not hold")
# The end of a claim's part of its chapter: the label of another claim, or any heading of the same rank.
END = re.compile(r"^(\([\w-]+\)=\n)?## ", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """One claim of the source document, as a question, and what came of it.

    Attributes
    ----------
    id
        Section and number, as in ``"1-2"``.
    verdict, condition
        One of `VERDICTS`; and what it hangs on, empty for ``"holds"``.
    """

    id: str
    question: str
    chapter: str
    verdict: str
    condition: str

    @property
    def link(self) -> str:
        """Where it is tried."""
        return f"{self.chapter}.ipynb#claim-{self.id}"

    @property
    def judged(self) -> str:
        """The verdict with its condition, in Markdown."""
        return f"**{self.verdict}**" + (f", {self.condition}" if self.condition else "")


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
    """Return the claims in the order of the document."""
    with (BOOK / "claims.csv").open(encoding="utf-8") as lines:
        return [Claim(**row) for row in csv.DictReader(lines)]


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


# What the book promises of each claim, and how it shows.
PROMISES: dict[str, Callable[[Claim, list[Part]], bool]] = {
    "a label with its question": lambda _, parts: bool(parts),
    "an explorer or a figure": lambda _, parts: any(
        part.cell["cell_type"] == "code" and "explore(" in part.text for part in parts
    ),
    "what to notice": lambda _, parts: any(part.written.startswith("**What to notice.**") for part in parts),
    "a check that prints its numbers": lambda _, parts: bool(re.search(r"\d", _check_of(parts))),
    "one of the four verdicts": lambda claim, _: (
        claim.verdict in VERDICTS and bool(claim.condition) == (claim.verdict != "holds")
    ),
    "that verdict at its end": lambda claim, parts: (
        re.findall(r"^\*\*Verdict: (.*?)\.\*\*$", "\n".join(part.text for part in parts), re.MULTILINE)
        == [claim.verdict]
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
