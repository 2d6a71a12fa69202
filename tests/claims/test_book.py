"""The nineteen claims in the book: each is tried as promised, and no page of verdicts can be made without."""

from __future__ import annotations

import csv
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from marginlab import practices
from marginlab.comparison import compare
from marginlab.display import Explorer
from marginlab.portfolio import preset, preset_names

from ..chapters import BOOK, NAMES, controls_of, module_of, notebook_of, values_of

CLAIMS = module_of("claims")
ALL = CLAIMS.all_claims()
CHAPTERS = {"1": "structure", "2": "mechanics", "3": "volatility", "4": "questions"}
# Where the common wisdom leads astray, and the book says so.
TRAPS = ["1-1", "1-2", "1-4", "1-5", "2-1", "2-3", "2-4", "3-3", "3-4", "4-3"]
every_claim = pytest.mark.parametrize("claim", ALL, ids=[f"{claim.chapter}-{claim.id}" for claim in ALL])


def test_the_book_knows_nineteen_claims_in_four_chapters():
    ids = [claim.id for claim in ALL]
    assert ids == [
        f"{chapter}-{i}" for chapter, number in zip("1234", (5, 5, 5, 4), strict=True) for i in range(1, number + 1)
    ]
    assert [claim.chapter for claim in ALL] == [CHAPTERS[one[0]] for one in ids]
    assert all(claim.question.endswith("?") for claim in ALL)


@every_claim
def test_a_claim_is_tried_as_the_book_promises(claim):
    assert CLAIMS.missing(claim) == []


@every_claim
def test_a_claim_is_tried_in_an_explorer_that_is_shown(claim):
    own = [part.text for part in CLAIMS.section(claim)]
    cells = notebook_of(claim.chapter).cells
    shown = [cells[i].source for i, value in values_of(claim.chapter).items() if isinstance(value, Explorer)]
    assert set(own) & set(shown)


@pytest.mark.parametrize("one", TRAPS)
def test_a_claim_with_a_trap_shows_it(one):
    (claim,) = (claim for claim in ALL if claim.id == one)
    assert any(re.search(r"^### The trap: .*\?$", part.text, re.MULTILINE) for part in CLAIMS.section(claim))


@every_claim
def test_a_claim_is_thought_about_first_with_the_answer_folded(claim):
    text = "\n".join(part.text for part in CLAIMS.section(claim) if part.cell["cell_type"] == "markdown")
    asked, answer = text.index("*Think first.*"), text.index("<details>\n<summary>Show the answer</summary>")
    assert text.index("**The claim.**") < asked < answer


@pytest.mark.parametrize("name", NAMES)
def test_before_every_explorer_there_is_a_question_to_think_about(name):
    text = ""
    for i, cell in enumerate(notebook_of(name).cells):
        if cell.cell_type == "markdown":
            text += cell.source + "\n"
        elif isinstance(explorer := values_of(name)[i], Explorer):
            question, _, answer = text.partition("*Think first.*")[2].partition(
                "<details>\n<summary>Show the answer</summary>\n\n"
            )
            assert "?" in question, explorer.name
            assert answer.strip(), explorer.name
            text = ""


@pytest.mark.parametrize("chapter", CHAPTERS.values())
def test_a_chapter_takes_its_claims_in_order_and_gives_each_one_verdict(chapter):
    text = "\n".join(cell.source for cell in notebook_of(chapter).cells if cell.cell_type == "markdown")
    ids = [claim.id for claim in ALL if claim.chapter == chapter]
    assert re.findall(r"^\(claim-([\d-]+)\)=", text, re.MULTILINE) == ids
    assert text.count("**Verdict: ") == len(ids)


@pytest.mark.parametrize(("chapter", "name"), [(chapter, name) for chapter in NAMES for name in controls_of(chapter)])
def test_what_an_explorer_says_is_worked_out_once_more_in_a_test(chapter, name):
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py")]
    asked = rf'explorers_of\("{chapter}"\)|CHAPTER = "{chapter}"'
    assert any(re.search(asked, source) and f'"{name}"' in source for source in sources)


# --- a book that breaks its promises --------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    """Return a function that copies the book with a chapter's text changed, and gives the copy's module of claims."""

    def changed(chapter, old, new):
        for path in [BOOK / "claims.csv", BOOK / "claims.py", *BOOK.glob("*.ipynb")]:
            shutil.copy(path, tmp_path)
        path = tmp_path / chapter
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return module_of("claims", tmp_path)

    return changed


def test_a_book_that_keeps_its_promises_has_its_verdicts(copy):
    assert [claim.id for claim in copy("claims.csv", "1-1", "1-1").tried()] == [claim.id for claim in ALL]


@pytest.mark.parametrize(
    ("chapter", "old", "new", "lacking"),
    [
        ("structure.ipynb", "(claim-1-2)=", "(claim-1-9)=", "claim 1-2 lacks a label"),
        ("structure.ipynb", "explore(", "show(", "claim 1-1 lacks an explorer or a figure;"),
        ("structure.ipynb", "**What to notice.**", "**See.**", "claim 1-1 lacks what to notice;"),
        ("structure.ipynb", "**Check.**", "**Look.**", "claim 1-1 lacks a check that prints its numbers;"),
        ("structure.ipynb", "**Verdict: ", "**Result: ", "claim 1-1 lacks that verdict at its end;"),
        ("structure.ipynb", "; elsewhere, not documented", "", "claim 1-3 lacks that verdict at its end"),
        ("claims.csv", "1-1,Does a healthy position carry a sick one?", "1-1,Does it?", "claim 1-1 lacks a label"),
    ],
)
def test_a_claim_that_is_not_tried_stops_the_page_of_verdicts(copy, chapter, old, new, lacking):
    with pytest.raises(ValueError, match=re.escape(lacking)):
        copy(chapter, old, new).tried()


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": ""},
        {"verdict": "true"},
        {"verdict": "holds"},
        {"condition": ""},
        {"whom": ""},
        {"date": ""},
        {"date": "any date"},
        {"date": "lately"},
        {"whom": "any venue"},
    ],
    ids=str,
)
def test_a_verdict_is_one_of_five_and_names_its_condition_whom_it_speaks_of_and_when(wrong):
    right = CLAIMS.Verdict("", "depends on the venue", "which says so", "Bybit", "2024 to 2026-09", "")
    promise = "one of the five verdicts, of whom and when"
    for verdict, kept in ((right, True), (replace(right, **wrong), False)):
        claim = CLAIMS.Claim("1-1", ALL[0].question, "structure", (verdict,))
        assert (promise not in CLAIMS.missing(claim)) == kept


def test_what_follows_from_arithmetic_is_true_of_any_venue_at_any_date():
    timeless = [one for claim in ALL for one in claim.verdicts if "any" in (one.whom + one.date).split()]
    assert timeless
    # A rule of the venues', or the lack of one, is never that.
    assert not {"depends on the venue", "not documented"} & {one.verdict for one in timeless}


@pytest.mark.parametrize("one", ["1-5", "2-2", "3-3", "3-4"])
def test_a_claim_that_says_several_things_has_a_verdict_for_each(one):
    (claim,) = (claim for claim in ALL if claim.id == one)
    parts = [verdict.part for verdict in claim.verdicts]
    assert len(parts) > 1
    assert all(parts)
    assert len(set(parts)) == len(parts)


def test_only_a_claim_of_several_parts_names_them():
    assert all((len(claim.verdicts) > 1) == bool(one.part) for claim in ALL for one in claim.verdicts)


# --- no two contradict each other -----------------------------------------------------------------------------

MATTERS: dict[str, list[tuple[str, Any]]] = {}
for _claim in ALL:
    for _one in _claim.verdicts:
        if _one.matter:
            MATTERS.setdefault(_one.matter, []).append((_claim.id, _one))
VENUES = re.compile(
    r"\b(Aster|Binance|BingX|Bitget|BitMEX|Bybit|Coinbase|dYdX|Gate|GMX|HTX|Hyperliquid|Kraken|KuCoin|Lighter|MEXC|OKX"
    r"|Phemex)\b"
)
every_matter = pytest.mark.parametrize("matter", MATTERS)


@every_matter
def test_verdicts_that_rest_on_one_matter_say_one_thing_of_each_venue(matter):
    said: dict[str, set[tuple[str, str]]] = {}
    for _, one in MATTERS[matter]:
        for name in VENUES.findall(one.whom):
            said.setdefault(name, set()).add((one.verdict, one.date))
    assert {name: verdicts for name, verdicts in said.items() if len(verdicts) > 1} == {}


@every_matter
def test_a_condition_names_no_venue_that_its_verdict_does_not_speak_of(matter):
    for id_, one in MATTERS[matter]:
        if "," in one.whom:
            assert set(VENUES.findall(one.condition)) <= set(VENUES.findall(one.whom)), id_


def test_the_order_of_closing_is_told_alike_by_every_claim_that_hangs_on_it():
    told = {(one.verdict, one.whom, one.date, one.condition) for _, one in MATTERS["order of closing"]}
    assert len(told) == 2
    assert {"1-3", "3-1", "3-3"} == {id_ for id_, _ in MATTERS["order of closing"]}
    assert {one[0] for one in told} == {"depends on the venue", "not documented"}


def test_what_is_closed_in_parts_in_cross_alone_is_closed_whole_in_isolated():
    (across, alone) = (one.condition for _, one in MATTERS["closing in parts"])
    in_both, only_cross = across.split(", in cross alone ")
    whole, in_parts = alone.split("; ")
    assert VENUES.findall(only_cross) == VENUES.findall(whole)
    assert set(VENUES.findall(in_both)) == set(VENUES.findall(in_parts))


def test_no_chapter_says_that_all_of_a_pool_is_always_closed():
    for chapter in CHAPTERS.values():
        verdicts = re.findall(
            r"^\*\*Verdict: .*?(?=\n\n)", "\n\n".join(cell.source for cell in notebook_of(chapter).cells), re.M | re.S
        )
        assert not [one for one in verdicts if re.search(r"\ball of them (go|are closed)\b", one)]


# --- and none contradicts what is on record of the venues ------------------------------------------------------


def condition_of(matter, verdict="depends on the venue"):
    """Return the condition of the verdict that rests on a matter."""
    (found,) = {one.condition for _, one in MATTERS[matter] if one.verdict == verdict}
    return found


def test_the_venues_that_let_a_position_or_an_account_change_its_mode_are_those_on_record():
    kept, *others = condition_of("switching").split("; ")
    named = VENUES.findall(" ".join(others))
    for one in practices("switching"):
        known = VENUES.findall(one.venue)
        if one.rule in ("open", "account"):
            assert set(known) <= set(named), one
        if one.rule == "flat":
            assert not set(known) & set(named), one
    assert not VENUES.findall(kept)


def test_the_pocket_that_pays_is_the_one_on_record():
    margin, wallet = (VENUES.findall(part) for part in condition_of("pocket for funding").split("; "))
    for one in practices("funding"):
        for name in VENUES.findall(one.venue):
            if one.rule in ("margin", "wallet"):
                assert name not in (wallet if one.rule == "margin" else margin), one


def test_who_asks_more_of_both_directions_is_on_record():
    condition = condition_of("leverage by mode")
    stricter = re.search(r"both directions held (\w+) is stricter in cross, (.*) in isolated$", condition)
    in_cross, in_isolated = (VENUES.findall(part) for part in stricter.groups())
    rules = {name: one.rule for one in practices("leverage") for name in VENUES.findall(one.venue)}
    assert [rules[name] for name in in_cross] == ["sum"]
    assert {rules[name] for name in in_isolated} == {"larger"}


def test_a_claim_without_a_test_is_told(copy, tmp_path):
    module = copy("claims.csv", "1-1", "1-1")
    module.TESTS = tmp_path
    assert all(module.missing(claim) == ["a test"] for claim in module.all_claims())


def test_the_list_of_claims_is_a_table_with_a_row_each():
    rows = list(csv.reader((BOOK / "claims.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["id", "question", "chapter", "part", "verdict", "condition", "whom", "date", "matter"]
    assert {len(row) for row in rows} == {9}
    # A further part of a claim stands right below it, without the question again.
    for before, row in pairwise(rows[1:]):
        assert bool(row[1]) == bool(row[2]) == (row[0] != before[0])


@pytest.mark.parametrize("name", preset_names())
def test_every_row_of_a_recommendation_links_to_the_claim_it_rests_on(name):
    one = preset(name)
    links = {claim.id: claim.link for claim in ALL}
    for finding in compare(one.account, one.marks, venue=one.venue).findings:
        assert links[finding.claim].endswith(f"#claim-{finding.claim}")
