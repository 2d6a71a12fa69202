"""The book's look: every figure is one that plotly knows, and every idea can be told from the others."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest

from marginlab.display import figures

LOOKS = {
    name: look for name, look in vars(figures).items() if name.isupper() and isinstance(look, dict) and "color" in look
}
# Two isolated positions are one idea; grey is what is not yours to choose: the mark, and what is required.
ONE_HUE = [{"ISOLATED", "ISOLATED_TOO"}, {"REQUIRED", "MARK"}]
LIGHT, DARK = "#ffffff", "#121212"

X, Y = np.array([0.0, 0.5, 1.0]), [3.0, np.nan, 1.0]


def chart(**more):
    traces = [
        figures.line(figures.CROSS, X, Y, "cross"),
        figures.points(figures.MARK, [0.5], [None], "mark", showlegend=False),
        figures.area(figures.ISOLATED, X, [1.0, 2.0, 3.0], "isolated"),
    ]
    return figures.chart(traces, x="move of BTC", y="loss, USDT", x_form=figures.PERCENT, **more)


def panels(**more):
    traces = [figures.line(figures.CROSS, X, Y, "cross"), figures.line(figures.FREE, X, Y, "free", row=2)]
    return figures.panels(
        traces,
        x="move of BTC",
        top="price, USDT",
        bottom="margin, USDT",
        x_form=figures.PERCENT,
        bottom_form=".1f",
        **more,
    )


def contrast(one, other):
    """Return the contrast of two colours as WCAG 2.2 defines it, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


# --- looks ----------------------------------------------------------------------------------------------------


def test_contrast_is_the_one_of_the_standard():
    # Black on white is 21:1, and #767676 the lightest grey that reaches 4.5:1 on white.
    assert contrast("#000000", LIGHT) == pytest.approx(21)
    assert contrast("#767676", LIGHT) >= 4.5 > contrast("#777777", LIGHT)


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_every_colour_stands_out_on_light_and_on_dark(name, ground):
    assert contrast(LOOKS[name]["color"], ground) >= 3


@pytest.mark.parametrize("pair", list(combinations(LOOKS, 2)), ids="-".join)
def test_any_two_ideas_differ_without_colour_and_in_colour(pair):
    one, other = (LOOKS[name] for name in pair)
    assert (one["dash"], one["symbol"]) != (other["dash"], other["symbol"])
    assert (one["color"] == other["color"]) == (set(pair) in ONE_HUE)


@pytest.mark.parametrize("pair", [("CROSS", "ISOLATED"), ("CROSS", "LIQUIDATION"), ("ISOLATED", "LIQUIDATION")])
def test_the_two_modes_and_liquidation_differ_as_markers(pair):
    one, other = (LOOKS[name] for name in pair)
    assert one["symbol"] != other["symbol"]


def test_the_two_modes_differ_as_lines():
    assert len({LOOKS[name]["dash"] for name in ("CROSS", "ISOLATED", "ISOLATED_TOO", "REQUIRED", "MARK")}) == 5


# --- traces ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("make", [figures.line, figures.points, figures.area])
def test_every_look_is_one_that_plotly_knows(name, make):
    (trace,) = go.Figure([make(LOOKS[name], X, [1.0, 2.0, 3.0], "an idea")]).data
    assert (trace.type, trace.name) == ("scatter", "an idea")
    assert list(trace.x) == X.tolist()
    assert list(trace.y) == [1, 2, 3]


def test_a_line_and_its_markers_show_one_look():
    line = figures.line(figures.ISOLATED, X, Y, "isolated")
    marks = figures.points(figures.ISOLATED, X, Y, "isolated")
    assert (line["mode"], line["line"]["color"], line["line"]["dash"]) == ("lines", "#d9730d", "dash")
    assert (marks["mode"], marks["marker"]["color"], marks["marker"]["symbol"]) == ("markers", "#d9730d", "square")


def test_an_open_marker_has_a_rim_thick_enough_to_be_seen():
    assert figures.points(figures.MARK, X, Y, "mark")["marker"]["line"] == {
        "color": figures.MARK["color"],
        "width": 2.5,
    }
    assert "line" not in figures.points(figures.CROSS, X, Y, "cross")["marker"]


def test_areas_stack_on_each_other_only_where_they_are_told_to():
    one, two, other = (figures.area(figures.CROSS, X, Y, "", stack=stack) for stack in ("one", "one", "other"))
    assert one["stackgroup"] == two["stackgroup"] != other["stackgroup"]
    assert one["fillcolor"].startswith(figures.CROSS["color"])


@pytest.mark.parametrize("make", [figures.line, figures.points])
def test_a_trace_lies_in_the_upper_panel_unless_it_is_told_otherwise(make):
    assert make(figures.CROSS, X, Y, "")["yaxis"] == "y"
    assert make(figures.CROSS, X, Y, "", row=2)["yaxis"] == "y2"


@pytest.mark.parametrize("make", [figures.line, figures.points])
def test_a_trace_takes_any_other_attribute_of_plotlys(make):
    assert make(figures.CROSS, X, Y, "", showlegend=False, hovertemplate="%{x}")["showlegend"] is False


@pytest.mark.parametrize("make", [figures.line, figures.points])
def test_a_trace_breaks_off_only_where_it_says_so(make):
    # What has no gaps must have no nan: the page stores none (a test of the book sees to it).
    whole, broken = make(figures.CROSS, X, X, ""), make(figures.CROSS, X, Y, "", gaps=True)
    assert "connectgaps" not in whole
    assert go.Figure([broken]).data[0].connectgaps is False


@pytest.mark.parametrize("name", LOOKS)
def test_bars_show_a_look_by_colour_and_by_pattern(name):
    (bar,) = go.Figure([figures.bars(LOOKS[name], ["BTC", "ETH"], [1.0, 2.0], "an idea")]).data
    assert (bar.type, bar.name, bar.orientation) == ("bar", "an idea", "v")
    assert (bar.marker.color, bar.marker.pattern.shape) == (LOOKS[name]["color"], LOOKS[name]["pattern"])
    assert (list(bar.x), list(bar.y)) == (["BTC", "ETH"], [1, 2])


def test_flat_bars_have_their_values_on_the_x_axis():
    (bar,) = go.Figure([figures.bars(figures.CROSS, ["a long name"], [2.0], "", flat=True, row=2)]).data
    assert (bar.orientation, list(bar.x), list(bar.y), bar.yaxis) == ("h", [2], ["a long name"], "y2")


def test_bars_of_any_two_ideas_in_different_colours_differ_in_pattern():
    patterns = [LOOKS[name]["pattern"] for name in LOOKS]
    assert len(set(patterns)) == len(patterns)


def test_the_two_modes_are_two_lines_each_in_its_own_look():
    cross, isolated = figures.modes(X, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert cross == figures.line(figures.CROSS, X, [1.0, 2.0, 3.0], "cross")
    assert isolated == figures.line(figures.ISOLATED, X, [4.0, 5.0, 6.0], "isolated")


def test_the_two_modes_in_a_lower_panel_are_named_by_the_upper_ones_legend():
    for trace in figures.modes(X, Y, Y, row=2, gaps=True):
        assert (trace["yaxis"], trace["showlegend"], trace["connectgaps"]) == ("y2", False, False)


def test_where_the_reader_stands_is_a_marker_on_each_line_that_the_legend_leaves_out():
    cross, isolated = go.Figure(figures.here(0.5, 2.0, 5.0, row=2, gaps=True)).data
    assert (list(cross.x), list(cross.y), list(isolated.x), list(isolated.y)) == ([0.5], [2], [0.5], [5])
    assert (cross.marker.symbol, isolated.marker.symbol) == ("circle", "square")
    for trace in (cross, isolated):
        assert (trace.mode, trace.yaxis, trace.showlegend, trace.connectgaps) == ("markers", "y2", False, False)
    assert "connectgaps" not in figures.here(0.5, 2.0, 5.0)[0]


def test_no_figure_changes_a_look():
    before = {name: dict(look) for name, look in LOOKS.items()}
    go.Figure(chart())
    go.Figure(panels())
    go.Figure(figures.modes(X, Y, Y) + figures.here(0, 1, 2))
    go.Figure(figures.bars(figures.CROSS, X, Y, ""))
    assert before == LOOKS


# --- figures --------------------------------------------------------------------------------------------------


def test_a_chart_is_a_figure_with_a_title_on_each_axis():
    figure = go.Figure(chart())
    assert len(figure.data) == 3
    assert figure.layout.xaxis.title.text == "move of BTC"
    assert figure.layout.yaxis.title.text == "loss, USDT"
    assert (figure.layout.xaxis.tickformat, figure.layout.yaxis.tickformat) == (figures.PERCENT, figures.MONEY)


def test_two_panels_are_a_figure_with_a_title_on_each_axis():
    figure = go.Figure(panels())
    assert figure.layout.xaxis.title.text == "move of BTC"
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == ("price, USDT", "margin, USDT")
    assert (figure.layout.yaxis.tickformat, figure.layout.yaxis2.tickformat) == (figures.MONEY, ".1f")


def test_the_upper_panel_is_above_the_lower_and_they_share_the_x_axis():
    layout = go.Figure(panels()).layout
    assert layout.yaxis2.domain[0] == 0
    assert layout.yaxis2.domain[1] < layout.yaxis.domain[0]
    assert layout.yaxis.domain[1] == 1
    # Its ticks stand under the lower panel.
    assert layout.xaxis.anchor == "y2"


@pytest.mark.parametrize("make", [chart, panels])
def test_a_figure_has_no_title_and_no_ground_of_its_own(make):
    # The question stands above it in the page, and the page is light or dark.
    layout = go.Figure(make()).layout
    assert layout.title.text is None
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"


@pytest.mark.parametrize("make", [chart, panels])
def test_the_ink_of_a_figure_can_be_read_on_white(make):
    # Beside a kernel no theme replaces it.
    assert contrast(make()["layout"]["font"]["color"], LIGHT) >= 4.5


@pytest.mark.parametrize("make", [chart, panels])
def test_a_figure_takes_more_of_plotlys_layout_and_adds_it_to_the_axes_it_has(make):
    figure = go.Figure(make(barmode="stack", yaxis={"range": [0, 10]}, xaxis={"tickformat": ".2f"}))
    assert figure.layout.barmode == "stack"
    assert (figure.layout.yaxis.range, figure.layout.yaxis.title.text) == (
        (0, 10),
        make()["layout"]["yaxis"]["title"]["text"],
    )
    assert (figure.layout.xaxis.tickformat, figure.layout.xaxis.title.text) == (".2f", "move of BTC")


# --- names at the lines ---------------------------------------------------------------------------------------


def labels(*traces, **more):
    """Return the labels of a chart that names its lines directly, by name: where each stands, and on which side."""
    figure = figures.chart(list(traces), x="x", y="y", direct=True, **more)
    assert figure["layout"]["showlegend"] is False
    found = go.Figure(figure).layout.annotations
    return {label.text: (label.x, label.y, label.yanchor, label.yref) for label in found}


def test_a_line_is_named_where_it_ends_when_the_legend_is_left_out():
    low, high = (figures.line(figures.CROSS, X, [0.0, 1.0, end], name) for end, name in ((2.0, "low"), (9.0, "high")))
    assert labels(low, high) == {"low": (1.0, 2.0, "bottom", "y"), "high": (1.0, 9.0, "bottom", "y")}
    assert "annotations" not in figures.chart([low, high], x="x", y="y")["layout"]


def test_a_line_that_breaks_off_is_named_at_its_last_point():
    broken = figures.line(figures.CROSS, X, [1.0, 3.0, np.nan], "broken", gaps=True)
    assert labels(broken) == {"broken": (0.5, 3.0, "bottom", "y")}


def test_a_line_that_falls_to_its_end_is_named_below_it_where_it_does_not_run():
    falling = figures.line(figures.CROSS, X, [3.0, 2.0, 1.0], "falling")
    assert labels(falling) == {"falling": (1.0, 1.0, "top", "y")}
    # Unless another line ends just there.
    under = figures.line(figures.ISOLATED, X, [0.0, 0.5, 0.9], "under")
    assert labels(falling, under) == {"falling": (1.0, 1.0, "bottom", "y"), "under": (1.0, 0.9, "top", "y")}


def test_a_line_without_any_point_is_not_named():
    nowhere = figures.line(figures.CROSS, X, [np.nan] * 3, "nowhere", gaps=True)
    assert labels(nowhere, figures.line(figures.ISOLATED, X, X, "there")) == {"there": (1.0, 1.0, "bottom", "y")}


def test_of_two_lines_that_end_near_each_other_the_lower_is_named_below():
    # A tenth of the panel, from 0 to 10, is 1.
    ends = {"top": 10.0, "near": 9.1, "apart": 8.0}
    traces = [figures.line(figures.CROSS, X, [0.0, 0.0, end], name) for name, end in ends.items()]
    assert {name: side for name, (_, _, side, _) in labels(*traces).items()} == {
        "top": "bottom",
        "near": "top",
        "apart": "bottom",
    }


def test_only_lines_that_the_legend_would_name_are_named():
    traces = [
        figures.line(figures.CROSS, X, [0.0, 1.0, 2.0], "cross"),
        figures.line(figures.ISOLATED, X, [0.0, 1.0, 5.0], "isolated", showlegend=False),
        figures.points(figures.CROSS, [0.5], [1.0], "here"),
        figures.bars(figures.FREE, ["a"], [1.0], "free"),
    ]
    assert list(labels(*traces)) == ["cross"]


def test_each_panel_names_its_own_lines():
    upper = figures.line(figures.CROSS, X, [0.0, 1.0, 2.0], "upper")
    lower = figures.line(figures.CROSS, X, [0.0, 50.0, 100.0], "lower", row=2)
    figure = figures.panels([upper, lower], x="x", top="above", bottom="below", direct=True)
    assert {label["text"]: label["yref"] for label in figure["layout"]["annotations"]} == {"upper": "y", "lower": "y2"}


# --- equity until it is liquidated ----------------------------------------------------------------------------


def test_an_equity_breaks_off_where_it_meets_what_it_must_cover():
    equity, required = [10.0, 6.0, -3.0, 8.0], [1.0, 2.0, 3.0, 4.0]
    left, need, mark = figures.until(figures.CROSS, ["a", "b", "c", "d"], equity, required, 2, "pool")
    assert np.array_equal(left["y"], [10, 6, 3, np.nan], equal_nan=True)
    assert np.array_equal(need["y"], [1, 2, 3, np.nan], equal_nan=True)
    assert (mark["x"], mark["y"]) == (["c"], [3.0])
    assert equity == [10.0, 6.0, -3.0, 8.0]


def test_an_equity_that_is_never_liquidated_runs_to_its_end():
    left, need, mark = figures.until(figures.ISOLATED, [0, 1], [10.0, 6.0], [1.0, 2.0], -1, "isolated", row=2)
    assert (left["y"].tolist(), need["y"].tolist(), mark["y"]) == ([10, 6], [1, 2], [None])
    assert {trace["yaxis"] for trace in (left, need, mark)} == {"y2"}
    # The upper panel has named what both panels share.
    assert [trace.get("showlegend", True) for trace in (left, need, mark)] == [True, False, False]
