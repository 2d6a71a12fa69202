"""What stands beside a kernel: figure, sentence and table, changed in place."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from marginlab.display.widgets import Live, times_as_text
from marginlab.formatting import Table


def drawn(height, kind="scatter"):
    return {"data": [{"type": kind, "x": [1, 2], "y": [0, height]}], "layout": {}}, f"It is {height} high & <wide>."


def table(height):
    return Table("How high", ("height",), [(str(height),)])


def test_what_is_shown_changes_in_place():
    live = Live(drawn(3), table(3))
    place, words, below = live.parts
    figure = place.children[0]
    assert isinstance(figure, go.FigureWidget)
    live.show(drawn(5), table(5))
    assert live.parts == [place, words, below]
    assert live.figure is figure
    assert list(figure.data[0].y) == [0, 5]
    assert "It is 5 high &amp; &lt;wide&gt;." in words.value
    assert '<td class="number">5</td>' in below.value


def test_without_a_table_there_is_a_figure_and_a_sentence():
    live = Live(drawn(3))
    live.show(drawn(4))
    assert len(live.parts) == 2


@pytest.mark.parametrize("picture", ["png", "svg"])
def test_a_figure_is_saved_in_the_format_asked_for(picture):
    assert Live(drawn(3), picture=picture).figure._config["toImageButtonOptions"]["format"] == picture


def test_another_kind_of_trace_is_refused():
    with pytest.raises(ValueError, match=r"^draw must return the same traces .*: first \['scatter'\], now \['bar'\]"):
        Live(drawn(3)).show(drawn(3, "bar"))


def test_a_template_of_ones_own_is_shown_until_the_next_figure_has_another():
    (figure, sentence), own = drawn(3), {"layout": {"paper_bgcolor": "beige"}}
    usual = go.Figure().layout.template
    live = Live((figure, sentence))
    assert live.figure.layout.template == usual
    for template in (own, {"layout": {"paper_bgcolor": "linen"}}, own):
        other = figure | {"layout": {"template": template}}, sentence
        live.show(other)
        for shown in (live, Live(other)):
            assert shown.figure.layout.template.to_plotly_json() == template
    live.show((figure, sentence))
    assert live.figure.layout.template == usual


def test_times_are_handed_on_as_text():
    when = np.array(["2020-03-12T05:19"], "M8[m]")
    assert times_as_text({"x": when, "y": [when[0]]}) == {"x": ["2020-03-12T05:19"], "y": ["2020-03-12T05:19"]}
