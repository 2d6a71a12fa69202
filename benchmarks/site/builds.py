"""How long a build takes, beside a stock build of the same notebooks without their grids of states."""

from __future__ import annotations

from collections.abc import Iterator

from ..measure import Result
from . import stock
from .visit import Visit


def measure(visit: Visit) -> Iterator[Result]:
    """Yield the first build over the stock one, and the second, with nothing changed, over the first."""
    plain = stock.build(stock.without_ours(visit.folder / "plain"))
    book = stock.sources(visit.folder / "book")
    first, second = stock.build(book), stock.build(book)
    parts = {"first, s": first, "second, s": second, "stock, s": plain}
    yield Result("a whole build over a stock one without grids", first / plain, "times", most=4, parts=parts)
    yield Result("a second build over the first", second / first, "times", most=0.3, parts=parts)
