"""The page of formulas: each is tried in plain arithmetic and by the package, and both give the same."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

import marginlab

from ..chapters import code_of, namespace_of, notebook_of

PAGE = "formulas"
# A section begins with its label; what stands before the first one is the introduction.
SECTION = re.compile(r"^\((formula-[a-z-]+)\)=\n## (.+)$", re.MULTILINE)
PLAIN = {"min", "max"}


def sections():
    """Return the cells of each section by its label: the text below the heading, then the code."""
    found = {}
    for cell in notebook_of(PAGE).cells:
        if cell.cell_type == "markdown" and (heading := SECTION.match(cell.source)):
            found[heading[1]] = [cell.source]
        elif found:
            list(found.values())[-1].append(cell.source)
    return found


SECTIONS = sections()
every_section = pytest.mark.parametrize("label", SECTIONS)


def tried(label):
    """Run a section's example after all that the page defines before it, and return both answers."""
    names = dict(namespace_of(PAGE)) | {"compare": lambda *_: None, "print": lambda *_: None}
    for source in code_of(PAGE).values():
        exec(source, names)
        if source == SECTIONS[label][1]:
            by_hand = {name: float(value) for name, value in names["by_hand"].items()}
            return by_hand, np.ravel(names["by_marginlab"]).astype(float)
    raise AssertionError(f"{label} has no example")


def printed(label):
    """Return the rows that are stored below a section's example: a name, and two numbers as written."""
    (cell,) = (cell for cell in notebook_of(PAGE).cells if cell.source == SECTIONS[label][1])
    text = "".join(output.text for output in cell.outputs)
    return re.findall(r"^(\S.*?) +([\d,.-]+) +([\d,.-]+)$", text, re.MULTILINE)


def documented(target):
    """Return what a place on the page of the package stands for: a function, a class, or one of its members."""
    place = marginlab
    for name in target.split(".")[1:]:
        place = getattr(place, name)
    return place


def test_every_heading_below_the_title_is_a_question_with_a_label():
    text = "\n".join(cell.source for cell in notebook_of(PAGE).cells if cell.cell_type == "markdown")
    assert len(re.findall(r"^#{2,} ", text, re.MULTILINE)) == len(SECTIONS) == len(SECTION.findall(text))
    assert all(question.endswith("?") for _, question in SECTION.findall(text))


@every_section
def test_a_formula_is_shown_and_links_to_the_function_that_works_it_out(label):
    text = SECTIONS[label][0]
    # What venues differ in is no formula of its own.
    assert "$$" in text or label == "formula-conventions"
    links = re.findall(r"\[`([\w.]+)`\]\(api\.md#(marginlab\.[\w.]+)\)", text)
    assert links
    for shown, target in links:
        assert target == f"marginlab.{shown}"
        assert documented(target).__doc__
        assert shown.split(".")[0] in marginlab.__all__


@every_section
def test_the_formula_and_the_package_give_the_same(label):
    by_hand, by_marginlab = tried(label)
    assert list(by_hand.values()) == pytest.approx(by_marginlab.tolist(), rel=1e-9, abs=1e-9)


@every_section
def test_what_the_reader_sees_are_these_pairs(label):
    by_hand, by_marginlab = tried(label)
    rows = printed(label)[: len(by_hand)]
    assert [(name, float(one.replace(",", "")), float(other.replace(",", ""))) for name, one, other in rows] == [
        (name, pytest.approx(one, abs=5e-5), pytest.approx(other, abs=5e-5))
        for (name, one), other in zip(by_hand.items(), by_marginlab, strict=True)
    ]


@every_section
def test_the_formula_is_worked_out_without_the_package(label):
    for statement in ast.parse(SECTIONS[label][1]).body:
        called = {ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)}
        read = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        assert called <= PLAIN
        assert not read & set(marginlab.__all__)
        if "by_hand" in read:
            return
    raise AssertionError(f"{label} is not tried by hand")


# --- known values, with the hand calculation -------------------------------------------------------------------


def test_the_examples_of_frozen_maintenance_are_those_that_a_venue_published():
    # Bybit's help centre, 1 BTC from 20,000 at 50x and 0.5 %: 19,700, against 19,600 / 0.995 = 19,698.49 where
    # maintenance is taken at the liquidation price.
    assert [float(row[2].replace(",", "")) for row in printed("formula-frozen")] == [19_700, 19_705, 19_698.4925]


def test_the_example_of_a_linear_liquidation_price_lies_in_the_second_bracket():
    # (60,000 - 6,000 - 50) / 0.995 and (60,000 + 6,000 + 50) / 1.005, both above the floor of 50,000.
    assert [row[2] for row in printed("formula-liquidation-price")] == ["54,221.1055", "65,721.3930"]


def test_the_examples_of_both_sides_of_a_market_fail_where_they_do_by_hand():
    # 50,900 / 0.985; 5,100 / 0.01; 80 / 0.00204, and above (80 - 1,900) / (0.01 - 0.012935).
    shown = [value for _, _, value in printed("formula-both-sides")]
    assert shown == ["51,675.1269", "510,000.0000", "39,215.6863", "620,102.2147"]


def test_the_examples_of_the_insurance_fund_split_what_is_left_and_what_is_missing():
    # 1,000 - 0.2 x 4,600 = 80 less 0.5 % of 9,080; and 0.2 x 7,500 - 1,000 beyond bankruptcy.
    found = {name: float(value) for name, value, _ in printed("formula-insurance-fund")}
    assert found["fee"] + found["forfeited"] == pytest.approx(80)
    assert (found["shortfall"], found["gap: shortfall"]) == (0, 500)


def test_the_table_says_how_each_venue_counts():
    table = "".join(
        output.data["text/markdown"]
        for cell in notebook_of(PAGE).cells
        for output in cell.get("outputs", ())
        if "text/markdown" in output.get("data", {})
    )
    rows = {cells[0]: cells[1:] for cells in (re.split(r" ?\| ?", line)[1:-1] for line in table.splitlines()[2:])}
    assert set(rows) == {marginlab.venue(name).title for name in marginlab.venue_names()}
    # From the venues' own pages: see the sources in marginlab/data/venues.json. A star is for what is assumed.
    assert rows["Bybit"] == ["at the liquidation price", "at that of the leverage, in cross alone", "yes"]
    assert rows["OKX"] == ["at the liquidation price", "at the liquidation price", "yes"]
    assert rows["dYdX v4"] == ["at the liquidation price", "not counted", "no"]
    assert rows["MEXC"] == [r"at the liquidation price \*", r"rate not known \*", "yes"]
    assert rows["Bitget"] == ["at the liquidation price", r"not counted \*", "yes"]


def test_the_example_of_a_pool_of_several_assets_is_the_one_that_a_venue_published():
    # Binance, margin in Multi-Assets Mode: 416.02 USD, 199.596 required, 47.98 %.
    assert [row[2] for row in printed("formula-pool-of-assets")][:3] == ["416.0200", "199.5960", "0.4798"]


def test_the_example_of_a_coin_that_backs_itself_fails_where_it_does_by_hand():
    # 48,000 / 0.996; 54,000 / 1.091; 60,000 / 1.186; 60,000 / 0.814; and 0.95 x 60,000 at any price.
    shown = [value for _, _, value in printed("formula-own-coin")]
    assert shown[:3] == ["48,192.7711", "49,495.8753", "50,590.2192"]
    assert shown[3:] == ["73,710.0737", "57,000.0000"]
