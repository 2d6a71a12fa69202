"""Islands: every state comes back from what the page stores, nothing is stored twice, and text stays text."""

from __future__ import annotations

import datetime
import json
import math
import os
import re
import subprocess
import sys
from copy import deepcopy
from html.parser import HTMLParser
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab.display import choices, explore, steps
from marginlab.display.page import DIGITS, HEIGHT, differences, plain, rows_of, state_of
from marginlab.formatting import Link, Table

from ..chapters import NAMES, controls_of, explorers_of, island_of
from ..examples import examples

NASTY = "Is <b>profit</b> & \"loss\" </script><script>alert('1')</script> <!-- below?"
EVERY = [(chapter, name) for chapter in NAMES for name in controls_of(chapter)]


def rebuilt(stored, places):
    """Put a state together again, as `state` in static/explorer.js does."""
    state = deepcopy(stored["base"])
    for varying in stored["varying"]:
        place = 0
        for length, where in zip(varying["shape"], places, strict=True):
            place = place * length + (0 if length == 1 else where)
        *way, last = varying["path"]
        part = state
        for key in way:
            if held(part, key) is None:
                put(part, key, {})
            part = held(part, key)
        put(part, last, stored["values"][varying["ids"][place]])
    return state


def held(part, key):
    """Return what JavaScript finds there: nothing, rather than an error, where there is nothing."""
    if isinstance(part, list):
        return part[key] if key < len(part) else None
    return part.get(key)


def put(part, key, value):
    """Set a part as JavaScript does, where an array grows as far as it must."""
    if isinstance(part, list):
        part.extend([None] * (key + 1 - len(part)))
    part[key] = value


def cleaned(value):
    """Drop what is set to nothing: plotly draws it as if it were not there. Not so in a list, where it counts."""
    if isinstance(value, dict):
        items = {key: cleaned(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not None and item != {}}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


def stored_of(drawn, first, shape):
    """Return what a page would read, after its way through text."""
    return json.loads(json.dumps(differences(drawn, first, shape), allow_nan=False))


class Page(HTMLParser):
    """The elements of a piece of HTML with their attributes and the text directly within them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append({"tag": tag, "text": "", **dict(attributes)})
        if tag != "input":
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        if self.open:
            self.open[-1]["text"] += data

    def find(self, tag, **attributes):
        """Return the elements of a tag that have these attributes."""
        return [one for one in self.elements if one["tag"] == tag and attributes.items() <= one.items()]

    @property
    def stored(self):
        (script,) = self.find("script")
        return json.loads(script["text"])


# --- what is stored -------------------------------------------------------------------------------------------

finite = st.floats(-1e12, 1e12)
times = st.integers(0, 10_000).map(lambda day: np.datetime64("2020-03-12") + np.timedelta64(day, "D"))
rows = st.lists(finite | st.sampled_from([math.nan, math.inf]), max_size=4)
leaves = st.one_of(
    finite,
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.text(max_size=5),
    st.none(),
    rows,
    rows.map(np.array),
    st.lists(st.none() | st.text(max_size=3), max_size=3),
    st.lists(times, min_size=1, max_size=3).map(np.array),
)


@st.composite
def moving(draw, shape):
    """Draw a leaf that depends on some of the controls, as a function of their places."""
    looks_at = draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    size = math.prod(length for length, looked in zip(shape, looks_at, strict=True) if looked)
    kinds = draw(st.lists(leaves, min_size=1, max_size=3))
    ids = draw(st.lists(st.integers(0, len(kinds) - 1), min_size=size, max_size=size))
    table = np.array(ids).reshape([length if looked else 1 for length, looked in zip(shape, looks_at, strict=True)])
    return lambda places: kinds[table[tuple(at * looked for at, looked in zip(places, looks_at, strict=True))]]


def trees(shape):
    """Draw nested dicts and lists of dicts with moving leaves."""
    keys = st.sampled_from("abc")
    return st.recursive(
        st.dictionaries(keys, moving(shape), min_size=1, max_size=3),
        lambda inner: st.dictionaries(
            keys, moving(shape) | inner | st.lists(inner, min_size=1, max_size=2), min_size=1, max_size=3
        ),
        max_leaves=5,
    )


def at(tree, places):
    """Return the state that a tree takes."""
    if isinstance(tree, dict):
        return {key: at(item, places) for key, item in tree.items()}
    return [at(item, places) for item in tree] if isinstance(tree, list) else tree(places)


@st.composite
def grids(draw):
    """Draw every state of one to three controls, and which of them comes first."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    tree = draw(trees(shape))
    drawn = [{"layout": plain(at(tree, places))} for places in product(*map(range, shape))]
    return drawn, draw(st.integers(0, len(drawn) - 1)), shape


@pytest.mark.long
@examples(5)
@given(grids())
def test_every_state_comes_back_from_what_is_stored(grid):
    drawn, first, shape = grid
    stored = stored_of(drawn, first, shape)
    assert stored["base"] == drawn[first]
    for places, expected in zip(product(*map(range, shape)), drawn, strict=True):
        assert cleaned(rebuilt(stored, places)) == cleaned(expected)


@pytest.mark.long
@examples(3)
@given(grids())
def test_equal_values_are_stored_once_and_none_is_stored_in_vain(grid):
    stored = stored_of(*grid)
    texts = [json.dumps(value) for value in stored["values"]]
    assert len(set(texts)) == len(texts)
    assert {i for varying in stored["varying"] for i in varying["ids"]} == set(range(len(texts)))


@pytest.mark.long
@examples(3)
@given(grids())
def test_a_part_is_stored_along_the_controls_it_depends_on_and_no_others(grid):
    drawn, first, shape = grid
    stored = stored_of(drawn, first, shape)
    for varying in stored["varying"]:
        ids = np.array(varying["ids"]).reshape(varying["shape"])
        assert ids.size > 1
        for axis, length in enumerate(ids.shape):
            assert length in (1, shape[axis])
            assert length == 1 or np.ptp(ids, axis=axis).any()


def test_a_part_that_depends_on_one_of_two_controls_is_stored_for_that_one():
    drawn = [{"both": 10 * i + j, "rows": i, "columns": [j, j], "none": 7} for i in range(3) for j in range(4)]
    stored = differences(drawn, 5, (3, 4))
    assert stored["base"] == drawn[5]
    assert {tuple(one["path"]): one["shape"] for one in stored["varying"]} == {
        ("both",): [3, 4],
        ("rows",): [3, 1],
        ("columns",): [1, 4],
    }


def test_a_number_that_two_parts_share_is_stored_once():
    stored = differences([{"data": [{"y": [1, 2]}, {"y": [3]}]}, {"data": [{"y": [3]}, {"y": [1, 2]}]}], 0, (2,))
    assert stored["values"] == [[1, 2], [3]]
    assert [one["ids"] for one in stored["varying"]] == [[0, 1], [1, 0]]


def test_a_single_state_has_nothing_that_varies():
    assert differences([{"y": [1, 2]}], 0, ()) == {"base": {"y": [1, 2]}, "varying": [], "values": []}


@pytest.mark.parametrize("first", [0, 1])
def test_a_part_that_some_states_lack_is_not_there(first):
    drawn = [{"data": [{"y": [1]}]}, {"data": [{"y": [1], "text": ["one"], "line": {"dash": "dot"}}]}]
    stored = stored_of(drawn, first, (2,))
    for places in ((0,), (1,), (0,)):
        assert cleaned(rebuilt(stored, places)) == drawn[places[0]]


@pytest.mark.parametrize("first", [0, 1])
def test_a_part_may_be_a_word_in_one_state_and_have_parts_in_another(first):
    # Plotly takes either for a title.
    drawn = [{"layout": {"title": "One"}}, {"layout": {"title": {"text": "Two", "x": 0.5}}}]
    stored = stored_of(drawn, first, (2,))
    assert [rebuilt(stored, (i,)) for i in range(2)] == drawn


@pytest.mark.parametrize("first", [0, 1, 2])
def test_shapes_that_some_states_lack_are_not_there(first):
    # Plotly draws a shape without attributes as a rectangle over half the figure: an empty one is not none.
    line = {"type": "line", "x0": 0.1, "x1": 0.2}
    drawn = [{"layout": {"shapes": [line] * number}} for number in range(3)]
    stored = stored_of(drawn, first, (3,))
    for places in ((0,), (2,), (1,), (0,)):
        assert cleaned(rebuilt(stored, places)) == drawn[places[0]]


@pytest.mark.long
@pytest.mark.parametrize(("chapter", "name"), EVERY)
def test_what_the_book_stores_comes_back_as_it_is_drawn(chapter, name):
    explorer = explorers_of(chapter)[name]
    stored = Page(island_of(chapter, name)).stored
    lengths = [range(len(control.values)) for control in explorer.controls.values()]
    for places, values in list(zip(product(*lengths), explorer.states(), strict=True))[::7]:
        expected = state_of(explorer.draw(**values))
        if explorer.table is not None:
            expected["table"] = rows_of(explorer.table(**values))
        assert cleaned(rebuilt(stored, places)) == cleaned(json.loads(json.dumps(expected)))


# --- how it is written ----------------------------------------------------------------------------------------


@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_numbers_keep_five_digits(number):
    # Half a unit of the fifth digit, relative to a first digit of at least 1: 0.5 / 10,000.
    assert abs(plain(number) - number) <= 0.5 * 10 ** (1 - DIGITS) * abs(number)
    assert float(f"{plain(number):.{DIGITS - 1}e}") == plain(number)


def test_five_digits_are_those_of_the_number():
    assert plain([69_654.67, 0.000123456, -1.00005e-7, 123_456_789.0]) == [69_655, 0.00012346, -1.0001e-07, 123_460_000]


def test_whole_numbers_are_kept_whole():
    assert plain([123_456_789, np.int64(123_456_789)]) == [123_456_789] * 2
    assert json.dumps(plain([2.0, -0.0, np.float64(3.0), True])) == "[2, 0, 3, true]"


def test_nothing_and_what_is_no_number_become_null():
    assert plain([math.nan, math.inf, -math.inf, None, np.float64("nan")]) == [None] * 5
    assert plain(np.array([1.0, math.nan])) == [1, None]
    assert plain({"y": [None], "text": None}) == {"y": [None]}


def test_times_become_iso_text():
    assert plain(np.array(["2020-03-12T20:00", "2020-03-13T00:00"], dtype="datetime64[m]")) == [
        "2020-03-12T20:00",
        "2020-03-13T00:00",
    ]
    assert plain([np.datetime64("2020-03-12T20:00"), None]) == ["2020-03-12T20:00", None]


def test_times_of_pythons_own_become_iso_text_too():
    assert plain([datetime.datetime(2020, 3, 12, 20), datetime.date(2020, 3, 12)]) == [
        "2020-03-12T20:00:00",
        "2020-03-12",
    ]


def test_arrays_become_lists_however_deep():
    assert plain({"z": (np.eye(2), [np.float32(0.5)])}) == {"z": [[[1, 0], [0, 1]], [0.5]]}


# --- the page -------------------------------------------------------------------------------------------------


def fall(fall, side):
    figure = {"data": [{"type": "scatter", "x": [0, fall], "y": [1.0, 1 / 3]}], "layout": {}}
    return figure, f"A {side} & a fall of {fall:.0%}: equity < maintenance."


def made(draw=fall, title="What does a fall cost?", side="Side"):
    return explore(
        draw,
        title=title,
        fall=steps(0, 0.9, 0.1, label="Fall", start=0.3, form="{:.0%}"),
        side=choices(["long", "short"], label=side),
    )


def nasty():
    def draw(**values):
        return {"data": [{"type": "bar", "y": [1], "name": NASTY}], "layout": {}}, f"{NASTY} {len(values['word'])}"

    words = [NASTY, "<i>", "&amp;", "'\"", "-->"]
    return explore(
        draw, title=NASTY, word=choices(words, label=NASTY, start="&amp;"), number=choices([1, 2], form=NASTY + "{}")
    )


@pytest.mark.parametrize("make", [made, nasty])
def test_every_input_has_a_label_and_ids_are_unique(make):
    page, explorer = Page(make().html()), make()
    ids = [one["id"] for one in page.elements if "id" in one]
    assert len(set(ids)) == len(ids)
    inputs = page.find("input") + page.find("select")
    assert len(inputs) == len(explorer.controls)
    for one in inputs:
        (label,) = page.find("label", **{"for": one["id"]})
        assert label["text"] == explorer.controls[one["name"]].label


def test_what_describes_the_figure_is_on_the_page():
    page = Page(made().html())
    (plot,) = page.find("div", **{"class": "explorer-plot"})
    assert [one["text"] for one in page.elements if one.get("id") == plot["aria-labelledby"]] == [
        "What does a fall cost?"
    ]
    (words,) = [one for one in page.elements if one.get("id") == plot["aria-describedby"]]
    assert words["text"] == repr(made())


@pytest.mark.parametrize(("layout", "height"), [({"height": 560}, 560), ({}, HEIGHT)])
def test_the_figures_place_is_as_high_as_the_figure_will_be(layout, height):
    explorer = explore(lambda: ({"data": [{"type": "bar", "y": [1]}], "layout": layout}, "One bar."), title="How many?")
    (plot,) = Page(explorer.html()).find("div", **{"class": "explorer-plot"})
    assert plot["style"] == f"min-height: {height}px"


def test_a_slider_says_its_value_and_a_menu_shows_its_choices():
    page = Page(made().html())
    (slider,) = page.find("input")
    assert (slider["type"], slider["min"], slider["max"], slider["value"]) == ("range", "0", "9", "3")
    assert slider["aria-valuetext"] == "30%"
    assert page.find("output", **{"for": slider["id"]})[0]["text"] == "30%"
    assert [one["text"] for one in page.find("option")] == ["long", "short"]
    assert [one["text"] for one in page.find("option") if "selected" in one] == ["long"]


def test_titles_labels_and_sentences_are_text_whatever_they_hold():
    explorer = nasty()
    page = Page(explorer.html())
    assert not page.open
    shown = "figure figcaption form div label select option input output button p"
    without_script = "noscript table thead tbody tr th td"
    assert {one["tag"] for one in page.elements} == {*shown.split(), *without_script.split(), "script"}
    assert page.find("figcaption")[0]["text"] == NASTY
    assert page.find("p")[0]["text"] == repr(explorer)
    assert [one["text"] for one in page.find("option")] == explorer.controls["word"].written
    assert page.find("input")[0]["aria-valuetext"] == explorer.controls["number"].written[0]
    assert page.find("th")[0]["text"] == NASTY


def test_what_is_stored_cannot_open_or_close_a_tag():
    # What the HTML standard forbids within a script element, in any case of letters.
    (stored,) = re.findall(r'<script type="application/json">(.*?)</script>', nasty().html(), re.DOTALL)
    assert not re.search("<!--|<script|</script", stored, re.IGNORECASE)
    assert json.loads(stored)["base"]["sentence"] == repr(nasty())


def test_what_is_stored_of_the_controls_is_what_the_address_holds():
    explorer = made()
    stored = Page(explorer.html()).stored
    assert [control["name"] for control in stored["controls"]] == ["fall", "side"]
    assert stored["controls"][0]["values"] == ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]
    assert stored["controls"][1]["values"] == ["long", "short"]
    assert [control["written"] for control in stored["controls"]] == [c.written for c in explorer.controls.values()]


def test_an_explorer_that_can_be_moved_can_be_reset_and_shared():
    page = Page(made().html())
    buttons = [(one["text"], one["type"]) for one in page.find("button")]
    assert buttons == [("Reset", "reset"), ("Copy link", "button"), ("PNG", "button"), ("SVG", "button")]


def test_without_a_script_a_table_says_what_the_first_control_does():
    page = Page(made().html())
    cells = [one["text"] for one in page.find("td")]
    shown = {0.0, 0.2, 0.4, 0.7, 0.9}
    assert dict(zip(cells[::2], cells[1::2], strict=True)) == {f"{at:.0%}": fall(at, "long")[1] for at in shown}
    assert [one["text"] for one in page.find("th")] == ["Fall", "What it shows"]
    assert "hidden" in page.find("form")[0]


def test_a_table_never_says_a_state_twice():
    page = Page(
        explore(lambda number: ({"data": [], "layout": {}}, f"{number}."), title="Which?", number=[1, 2]).html()
    )
    assert [one["text"] for one in page.find("td")] == ["1", "1.", "2", "2."]


def counted(number, caption="How many"):
    return Table(caption, ("number", "where"), [(str(number), Link("there", "a.ipynb#b"))] * number, names=("where",))


def drawn(number):
    return {"data": [], "layout": {}}, f"It is {number}."


def test_a_table_below_is_on_the_page_at_the_start_and_stored_for_every_state():
    page = Page(explore(drawn, title="Which?", table=counted, number=[1, 2]).html())
    (region,) = page.find("div", **{"class": "explorer-table"})
    assert (region["tabindex"], region["aria-label"]) == ("0", "How many")
    assert [one["text"] for one in page.find("th")][:2] == ["number", "where"]
    assert [one["href"] for one in page.find("a")] == ["a.html#b"]
    for number in (1, 2):
        assert rebuilt(page.stored, (number - 1,))["table"] == [[str(number), ["there", "a.html#b"]]] * number


def test_a_table_whose_head_changes_is_refused():
    explorer = explore(drawn, title="Which?", table=lambda number: counted(number, f"{number}"), number=[1, 2])
    with pytest.raises(ValueError, match=r"^table must have the same caption, head and names in all states"):
        explorer.html()


def test_an_explorer_without_controls_is_a_figure_and_a_sentence():
    explorer = explore(lambda: ({"data": [{"type": "bar", "y": [1]}], "layout": {}}, "One bar."), title="How many?")
    page = Page(explorer.html())
    assert page.find("input") + page.find("select") + page.find("table") == []
    assert [one["text"] for one in page.find("button")] == ["Copy link", "PNG", "SVG"]
    assert page.find("p")[0]["text"] == "One bar."
    assert (page.stored["controls"], page.stored["varying"]) == ([], [])
    assert rebuilt(page.stored, ()) == {"data": [{"type": "bar", "y": [1]}], "layout": {}, "sentence": "One bar."}


def test_numbers_are_stored_short_in_a_figure_of_plotlys_own_too():
    import plotly.graph_objects as go

    def draw(number):
        return go.Figure(
            {"data": [{"type": "scatter", "y": np.array([number / 3, math.nan])}]}
        ), f"A third of {number}."

    stored = Page(explore(draw, title="What is a third?", number=[1, 2]).html()).stored
    assert [rebuilt(stored, (i,))["data"][0]["y"] for i in range(2)] == [[0.33333, None], [0.66667, None]]


def test_two_islands_of_one_explorer_are_the_same_to_the_byte():
    assert made().html() == made().html()


def test_an_island_does_not_depend_on_the_run_that_made_it():
    code = """if True:
        from marginlab.display import explore
        def draw(word):
            return {"data": [{"type": "bar", "y": [len(word)]}], "layout": {key: key for key in word}}, f"{word}."
        print(explore(draw, title="Which word?", word=["long", "short", "flat"]).html())
    """
    # What sets and hashes leave to chance differs from run to run with this seed.
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
