"""One account goes through the chapters: a box says where another takes its place, and words are explained first."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

from marginlab import event_names, event_record

from ..chapters import BOOK, NAMES, controls_of, module_of, notebook_of

# As a reader comes to them.
READING = ["index", "structure", "mechanics", "volatility", "october", "questions", "workbench"]
TITLES = ["The account of this book", "The account changes", "The account comes back"]
BOX = r'<div class="admonition account-box">\n<p class="admonition-title">(.*?)</p>\n\n(.*?)\n\n</div>'
# BTC at its last price on record, and how many of it the account of the book is long; ETH beside it.
BTC, ETH, BALANCE = 77_084.5, 30 * 2_421.4, 30_000.0
RATE = 0.004  # of the first bracket of both


def outputs_of(cell):
    """Return what a cell has put out, as text; of Markdown its source."""
    found = [output.get("data", {}) | {"stream": output.get("text", "")} for output in cell.get("outputs", [])]
    return "\n".join(one.get("text/markdown", one.get("text/plain", one["stream"])) for one in found)


def boxes_of(name):
    """Return the boxes of a chapter in order: title, text, and the source of the cell that made it."""
    return [
        (title, text, cell.source)
        for cell in notebook_of(name).cells
        for title, text in re.findall(BOX, outputs_of(cell), re.DOTALL)
    ]


BOXES = [(name, *box) for name in READING for box in boxes_of(name)]


# --- the account ----------------------------------------------------------------------------------------------


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK))
    return module_of("one_account")


def test_the_account_is_long_of_both_coins_out_of_one_balance(module):
    for mode, tied in (("cross", 0.0), ("isolated", (BTC + ETH) / 10)):
        account = module.one_account(mode, 10)
        assert account.size.tolist() == [1, 30]
        assert account.wallet == pytest.approx(BALANCE - tied)
        assert account.notional(account.entry) == pytest.approx([BTC, ETH])
    times = module.TIMES
    assert times == pytest.approx((BTC + ETH) / BALANCE)


def test_it_may_hold_bitcoin_alone_or_be_short(module):
    alone, hedged = (module.one_account("isolated", 10, sizes) for sizes in ([1.0], [1.0, -15.0]))
    assert [one.symbol for one in alone.contracts] == ["BTCUSDT"]
    assert hedged.size.tolist() == [1, -15]


def test_as_many_falls_are_outlived_as_leave_more_than_the_maintenance_at_every_price(module):
    lived = []
    for name in event_names():
        prices = event_record(name).price_path(["BTC", "ETH"]).prices
        if prices[-1, 0] < prices[0, 0]:
            worth = np.array([BTC, ETH]) * prices / prices[0]
            lived.append((BALANCE + worth.sum(axis=1) - BTC - ETH >= RATE * worth.sum(axis=1)).all())
    assert module.falls_outlived() == (sum(lived), len(lived))


# --- the boxes ------------------------------------------------------------------------------------------------


def test_the_account_comes_in_once_and_before_any_other():
    assert [(name, text[:36]) for name, _, text, source in BOXES if "introduced()" in source] == [
        ("structure", "You have 30,000 USDT. You are long 1"),
    ]
    assert BOXES[0][:2] == ("structure", TITLES[0])


@pytest.mark.parametrize("name", READING[1:])
def test_a_chapter_says_which_account_it_begins_with_before_its_first_claim(name):
    place = next(i for i, cell in enumerate(notebook_of(name).cells) if re.search(BOX, outputs_of(cell), re.DOTALL))
    before = "\n".join(cell.source for cell in notebook_of(name).cells[:place])
    assert ("After this " in before, "(claim-" in before) == (True, False)


@pytest.mark.parametrize(("name", "title", "text"), [box[:3] for box in BOXES])
def test_a_box_says_what_changes_and_why(name, title, text):
    assert title in TITLES
    assert (title == "The account changes") == bool(re.search(r"^.+, because .+\.", text)), name
    assert text.endswith(".")


@pytest.mark.parametrize("name", READING[1:])
def test_an_account_comes_back_only_after_it_has_changed(name):
    titles = [title for title, *_ in boxes_of(name)]
    assert TITLES[0] not in titles[1:]
    for before, title in zip([None, *titles], titles, strict=False):
        assert title != TITLES[2] or before == TITLES[1]


@pytest.mark.parametrize("name", NAMES)
def test_boxes_are_made_in_one_way(name):
    assert not [cell.source for cell in notebook_of(name).cells if "admonition" in cell.source]
    made = [cell for cell in notebook_of(name).cells if "admonition" in outputs_of(cell)]
    assert all(re.search(r"^(introduced|goes_on|changes|comes_back)\(", cell.source, re.MULTILINE) for cell in made)
    told = "\n".join(cell.source + outputs_of(cell) for cell in notebook_of(name).cells)
    assert not re.search(r"\*\*The accounts? of this", told)


# --- one liquidation in five lines ----------------------------------------------------------------------------


def five_lines():
    """Return the place of the five lines in their chapter, and the lines."""
    texts = [outputs_of(cell) for cell in notebook_of("structure").cells]
    (place,) = (i for i, text in enumerate(texts) if "One liquidation, in five lines" in text)
    return place, re.findall(r"^\d\. (.*)$", texts[place], re.MULTILINE)


def test_one_liquidation_is_told_in_five_lines_with_the_numbers_found_by_hand():
    _, lines = five_lines()
    margin, lower = BTC / 10, 0.94 * BTC
    # The margin and what is lost leave the maintenance: margin + P − BTC = 0.4 % P.
    end = (BTC - margin) / (1 - RATE)
    by_hand = [
        [margin],
        [1, BTC, 10, 10],
        [0.06, 0.06 * BTC, margin - 0.06 * BTC],
        [RATE, RATE * lower],
        [end, 1 - end / BTC, BTC - end, RATE * end],
    ]
    for line, expected in zip(lines, by_hand, strict=True):
        told = re.sub(r"\]\([^)]*\)", "", line)
        found = [
            float(number.replace(",", "")) / (100 if unit else 1)
            for number, unit in re.findall(r"(\d[\d,]*(?:\.\d+)?)(%?)", told)
        ]
        assert len(found) == len(expected), line
        for shown, right in zip(found, expected, strict=True):
            assert shown == pytest.approx(right, abs=0.51 if right > 100 else 5e-4), line


def test_the_five_lines_come_right_after_the_first_drawing_and_before_their_words_are_used():
    place, lines = five_lines()
    cells = notebook_of("structure").cells
    assert "explore(" in cells[place - 1].source
    named = re.findall(r"\*\*\[([\w ]+)\]\(glossary\.md#term-([\w-]+)\)\*\*", "\n".join(lines))
    assert all(word.replace(" ", "-") == term for word, term in named)
    words = [word for word, _ in named]
    assert words == [
        "margin",
        "notional",
        "leverage",
        "equity",
        "maintenance margin",
        "liquidation",
        "liquidation price",
    ]
    before = re.sub(r"\]\([^)]*\)", "", "\n".join(cell.source for cell in cells[: place - 1]))
    assert not [word for word in words if re.search(rf"(?<!cross )(?<!isolated )\b{word}\b", before, re.IGNORECASE)]


# --- words are explained where they are first met -------------------------------------------------------------

# A word, as it is met, and its place in the glossary. Where it is explained it is bold and leads there.
WORDS = {
    "notional": (r"notionals?", "notional"),
    "mark": (r"marks?", "mark-price"),
    "bracket": (r"brackets?", "maintenance-bracket"),
    "USDT": (r"USDT", "USDT"),
    "free margin": (r"free margin", "free-margin"),
}
EXPLAINED = r"\*\*\[([^]]+)\]\(glossary\.md#term-([\w-]+)\)\*\*"


def words_of(cell):
    """Return what a reader meets in a cell: its text, the words of its figure, and what it has put out."""
    if cell.cell_type == "markdown":
        return cell.source
    folded = "hide-input" in cell.metadata.get("tags", [])
    return (drawn_words(cell.source) if folded else "") + "\n" + outputs_of(cell)


def drawn_words(source):
    """Return the strings of code, docstrings left out: among them are all words of a figure."""
    tree = ast.parse(source)
    described = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    docstrings = {id(node.body[0].value) for node in described if ast.get_docstring(node)}
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return "\n".join(node.value for node in strings if id(node) not in docstrings)


def met(texts):
    """Return texts as they are read, with where a word is explained as ``{its place in the glossary|the word}``."""
    text = re.sub(EXPLAINED, r"{\2|\1}", "\n".join(texts))
    return re.sub(r"\]\([^)]*\)|`[^`\n]+`|<[^>]+>|^\([\w-]+\)=$", "", text, flags=re.MULTILINE)


def explanation(text, word):
    """Return the sentence in which a word is met first, if it is the one that explains it."""
    pattern, term = WORDS[word]
    first = re.search(rf"(?<![\w-]){pattern}(?![\w-])", re.sub(r"\{[\w-]+\|", lambda m: "\0" * len(m[0]), text), re.I)
    (place,) = re.finditer(rf"\{{{term}\|[^}}]+\}}", text)
    if first is None or not place.start() < first.start() < place.end():
        return None
    begin = max(text.rfind(end, 0, place.start()) for end in (". ", "? ", "\n", "**")) + 1
    return text[begin : re.search(r"[.?](?!\d)|\n|$", text[place.end() :]).end() + place.end()]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_explained_where_a_reader_meets_it_first(word):
    sentence = explanation(met([words_of(cell) for name in READING for cell in notebook_of(name).cells]), word)
    assert sentence is not None, f"{word} is met before it is explained"
    assert len(sentence.split()) >= 10, sentence


@pytest.mark.parametrize(
    "before",
    ["Your notional is large.", "USDT", "[The marks](a.md) fell.", "Higher brackets ask more.", "Free margin, USDT"],
)
def test_a_word_that_is_met_too_early_is_found(before):
    told = "\n".join(
        f"What it is in many plain words: **[{word}](glossary.md#term-{t})**." for word, (_, t) in WORDS.items()
    )
    found = [word for word in WORDS if explanation(met([before, told]), word) is None]
    assert found == [word for word in WORDS if word.lower() in before.lower()]


def test_the_words_of_figures_are_met_as_well():
    cells = [cell for name in READING for cell in notebook_of(name).cells if "explore(" in cell.source]
    assert len(cells) == sum(len(controls_of(name)) for name in READING)
    assert any("free margin, USDT" in words_of(cell) for cell in cells)
