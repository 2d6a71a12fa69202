"""Tables: as text, as HTML on a page and beside a kernel, and what is no table."""

from __future__ import annotations

import pytest

from marginlab.formatting import Link, Table

KNOWN = Table(
    "What <is> left",
    ("mode", "left", "claim"),
    [("cross", "0", Link("3-1 (volatility)", "volatility.ipynb#claim-3-1")), ("isolated & more", "1,500", "")],
    names=("mode", "claim"),
)


def test_a_table_reads_in_a_terminal():
    assert str(KNOWN).splitlines() == [
        "mode              left  claim",
        "cross                0  3-1 (volatility)",
        "isolated & more  1,500",
    ]


def test_on_a_page_cells_are_text_and_links_lead_to_built_pages():
    html = KNOWN.html(linked=True)
    assert "<caption>What &lt;is&gt; left</caption>" in html
    assert '<th scope="col">mode</th><th scope="col" class="number">left</th>' in html
    assert '<td><a href="volatility.html#claim-3-1">3-1 (volatility)</a></td></tr>' in html
    assert '<td>isolated &amp; more</td><td class="number">1,500</td><td></td>' in html


def test_beside_a_kernel_where_no_page_is_a_link_is_its_text():
    assert "<td>3-1 (volatility)</td>" in KNOWN.html()
    assert "href" not in KNOWN.html()


@pytest.mark.parametrize(
    ("head", "rows", "names", "message"),
    [
        (("a", "b"), [("1",)], (), r"rows must be as long as the head \(2\), not 1: \('1',\)"),
        (("a", "a"), [], (), r"head must name each column once, not \['a', 'a'\]"),
        (("a",), [], ("b",), r"names must be among the columns \['a'\], not \['b'\]"),
    ],
)
def test_what_is_no_table_is_refused(head, rows, names, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Table("", head, rows, names)
