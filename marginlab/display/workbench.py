"""The workbench as a notebook shows it: a form beside a kernel, and on a page the place of its form."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from .. import _checks
from ..comparison.report import compared
from ..portfolio.portfolio import Portfolio
from ..portfolio.presets import preset, preset_names
from . import screens
from .page import PAGE_VARIABLE

if TYPE_CHECKING:
    from .form import AccountForm

# Where a page of the book has the form, which its build puts there.
PLACE = '<div class="account-place"></div>'


def workbench(start: str | Portfolio = "october-2025") -> Workbench:
    """Return a form for an account of your own, with everything that :func:`~marginlab.comparison.compare` finds of it.

    Parameters
    ----------
    start
        What it holds at first: a :class:`~marginlab.portfolio.Portfolio`, or one of
        :func:`~marginlab.portfolio.preset_names`.

    Returns
    -------
    Workbench
        Shows itself in a notebook. Its text is how the account stands at the start.

    Raises
    ------
    ArgumentError
        For another name.

    Examples
    --------
    >>> print(str(workbench("one-20x-bet"))[:60])
    Equity 5,041.69 USDT behind positions worth 6.1 times as muc
    """
    if isinstance(start, Portfolio):
        return Workbench(start)
    return Workbench(preset(_checks.one_of("start", start, preset_names())))


class Workbench:
    """A form for an account; made by :func:`workbench`."""

    def __init__(self, start: Portfolio) -> None:
        self.start = start

    @cached_property
    def form(self) -> AccountForm:
        """The live form, of stock ipywidgets."""
        from .form import AccountForm

        return AccountForm(self.start)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        if os.environ.get(PAGE_VARIABLE):
            return {"text/plain": repr(self), "text/html": PLACE}
        try:
            live = self.form.widget._repr_mimebundle_()
        except ImportError:
            live = {}
        return {**live, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return screens.distances(compared(self.start)).sentence
