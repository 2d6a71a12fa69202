"""Drawings: parts with names, text that stays text, and what a page changes."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from marginlab.display import explore
from marginlab.display.drawing import Drawing, Part, picture
from marginlab.display.page import state_of

from .test_page import NASTY, Page, rebuilt


def level(number):
    said = Part("text", {"x": 10}, f"{number} & {NASTY}", name="said")
    return Drawing((picture(100, 50, Part("g", {"transform": f"translate(0 {number})"}, inside=(said,))),))


def drawn(number):
    return level(number), f"The level is {number} & <no more>."


class Parts(HTMLParser):
    """The elements of a drawing by their names, with their attributes and their own text, as a browser reads them."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.open.append(tag)
        self.name = given.pop("data-part")
        self.found[self.name] = given | ({"text": ""} if tag == "text" else {})

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.found[self.name]["text"] += data


def test_a_browser_reads_what_the_state_says():
    # HTML knows no capitals in attributes; SVG's viewBox comes back all the same.
    assert Parts(level(3).html()).found == {
        name: {key.lower(): value for key, value in part.items()} for name, part in level(3).state.items()
    }


def test_text_in_a_drawing_is_text_whatever_it_holds():
    html = Drawing((picture(9, 9, Part("text", {"x": NASTY}, NASTY)),)).html()
    assert Parts(html).found["1"] == {"x": NASTY, "text": NASTY}
    assert not re.search("<b|<script", html)


def test_lengths_are_written_to_a_hundredth_and_no_zero_has_a_sign():
    written = Part("rect", {"x": 1 / 3, "y": -0.001, "width": 40.0, "height": "auto"}).state
    assert written == {"x": "0.33", "y": "0", "width": "40", "height": "auto"}


def test_a_part_is_found_by_its_name_or_its_number():
    drawing = Drawing((picture(10, 5, Part("rect"), Part("g", name="water", inside=(Part("path"),))), picture(10, 5)))
    assert list(drawing.state) == ["0", "1", "water", "3", "4"]
    assert [part.tag for part in drawing.parts] == ["svg", "rect", "g", "path", "svg"]


def test_two_parts_of_one_name_are_refused():
    with pytest.raises(
        ValueError, match=r"^pictures must have parts with a name each of its own, not \['one', 'one'\]"
    ):
        Drawing((picture(10, 5, Part("rect", name="one"), Part("path", name="one")),))


# --- in an explorer -------------------------------------------------------------------------------------------


def test_a_page_has_the_drawing_from_the_start_and_of_the_rest_what_differs():
    html = explore(drawn, title="How high?", number=[1, 2, 3]).html()
    page = Page(html)
    (plot,) = page.find("div", **{"class": "explorer-plot explorer-drawing"})
    assert (plot["role"], plot["aria-labelledby"]) == ("img", "explorer-drawn-title")
    assert level(1).html() in html
    assert [one["path"] for one in page.stored["varying"]] == [
        ["parts", "1", "transform"],
        ["parts", "said", "text"],
        ["sentence"],
    ]
    for i in range(3):
        assert rebuilt(page.stored, (i,)) == state_of(drawn(i + 1))


def more_parts(number):
    return Drawing((picture(10, 5, *[Part("rect")] * number),)), f"{number} parts."


def other_attributes(number):
    return Drawing((picture(10, 5, Part("rect", {"xy"[number - 1]: 1})),)), "A part."


def no_drawing(number):
    return (level(1) if number == 1 else {"data": [], "layout": {}}), "Perhaps a drawing."


@pytest.mark.parametrize("draw", [more_parts, other_attributes, no_drawing])
def test_a_draw_that_changes_what_it_is_made_of_is_refused(draw):
    with pytest.raises(ValueError, match=r"^draw must return a figure for all settings, or drawings made of the same"):
        explore(draw, title="Which?", number=[1, 2]).html()


def test_beside_a_kernel_the_drawing_is_the_widget_and_says_what_it_shows():
    explorer = explore(drawn, title="How high?", number=[1, 2])
    _, number, shown, words = explorer.widget.children
    for value in (1, 2, 1):
        number.value = value
        assert level(value).html() in shown.value
        assert 'role="img" aria-label="The level is ' + f'{value} &amp; &lt;no more&gt;."' in shown.value
        assert f"The level is {value} &amp;" in words.value
        assert explorer.widget.children[2] is shown
