"""The glossary and the references: in order, without typed numbers, and of use to the book."""

from __future__ import annotations

import re

import pytest
from pybtex.database import parse_file
from pybtex.richtext import Text

from ..chapters import BOOK, notebook_of

# The first page, the five chapters, and the two pages that explain what these use.
PAGES = ["index", "structure", "mechanics", "volatility", "october", "questions", "workbench", "venues", "formulas"]
GLOSSARY = (BOOK / "glossary.md").read_text(encoding="utf-8")
# A term stands at the margin, its definition is indented below it.
BLOCK = GLOSSARY.split("```{glossary}\n")[1].split("```")[0]
TERMS = re.findall(r"^(\S.*)\n((?:    .+\n)+)", BLOCK, re.MULTILINE)
# What the screens of venues call a term, and what it is called here: search leads from one to the other.
NAMES = {
    "LP": "liquidation price",
    "liq price": "liquidation price",
    "MMR": "maintenance rate",
    "IMR": "initial margin",
    "UPNL": "unrealized PnL",
    "ROE": "unrealized PnL",
    "ADL": "ADL",
    "hedge mode": "hedge mode",
    "multi-assets mode": "multi-assets mode",
}
SOURCES = parse_file(str(BOOK / "references.bib")).entries
every_term = pytest.mark.parametrize(("term", "definition"), TERMS, ids=[term for term, _ in TERMS])
every_source = pytest.mark.parametrize("key", SOURCES)


def words_of(name):
    """Return all that a reader of a page sees: its text, and what its cells say."""
    cells = notebook_of(name).cells
    said = [
        output.get("text", "") + "".join(output.get("data", {}).values())
        for cell in cells
        for output in cell.get("outputs", [])
    ]
    return "\n".join([cell.source for cell in cells] + said)


def is_used(term, text):
    """Whether a text has a term, in the plural too, whatever its capitals."""
    forms = re.escape(term).replace(r"\ ", r"[\s-]+")
    return re.search(rf"\b{forms}(e?s)?\b", text, re.IGNORECASE) is not None


# --- glossary -------------------------------------------------------------------------------------------------


def test_terms_are_sorted_and_each_is_defined_once():
    names = [term.lower() for term, _ in TERMS]
    assert names == sorted(set(names))
    assert len(names) >= 40
    # None is lost for being written otherwise.
    assert [line for line in BLOCK.splitlines() if line and not line.startswith("    ")] == [term for term, _ in TERMS]


@every_term
def test_a_term_is_defined_in_whole_sentences_without_a_number(term, definition):
    text = definition.strip()
    assert text[0].isupper()
    assert text.endswith(".")
    assert not re.search(r"\d", term + text)


@every_term
def test_a_term_is_not_defined_by_itself(term, definition):
    first = re.split(r"[.:;]", definition)[0]
    assert not is_used(term, first)


@pytest.mark.parametrize("term", [term for term, _ in TERMS])
def test_a_term_is_one_that_the_book_uses(term):
    assert any(is_used(term, words_of(page)) for page in PAGES)


@pytest.mark.parametrize(("name", "term"), NAMES.items())
def test_what_screens_call_a_term_is_the_term_or_marked_in_its_definition(name, term):
    assert name == term or f"{{index}}`!{name}`" in dict(TERMS)[term]


def test_terms_are_found_in_the_plural_and_within_no_other_word():
    assert is_used("maintenance bracket", "Of maintenance\nbrackets there are many.")
    assert is_used("ADL", "By ADL.")
    assert not is_used("beta", "alphabetamax")
    assert not is_used("ruin", "A bruin in ruins?".replace("ruins", "rains"))


# --- references -----------------------------------------------------------------------------------------------


@every_source
def test_a_source_says_who_what_when_where_and_how_sure(key):
    fields = SOURCES[key].fields
    assert SOURCES[key].persons["author"]
    assert {"title", "year", "note"} <= set(fields)
    assert "url" in fields or "howpublished" in fields


@every_source
def test_a_key_is_as_it_stands_in_links(key):
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", key)


@every_source
def test_a_title_keeps_its_capitals(key):
    # The plain style writes all but the first small, unless a second pair of braces protects them.
    title = Text.from_latex(SOURCES[key].fields["title"])
    assert str(title.capitalize()) == str(title)


def test_every_link_to_a_source_leads_to_one():
    pages = [path for kind in ("*.ipynb", "*.md") for path in BOOK.glob(kind)]
    links = {
        link for path in pages for link in re.findall(r"references\.md#([\w-]+)", path.read_text(encoding="utf-8"))
    }
    assert links
    assert links <= set(SOURCES)


def test_the_page_of_references_lists_every_source():
    page = (BOOK / "references.md").read_text(encoding="utf-8")
    assert re.search(r"```\{bibliography\}\n(:\w+:.*\n)*:all:\n", page)
