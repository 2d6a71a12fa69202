"""The workbench in a notebook: a form beside a kernel, words on a page, a sentence as text."""

from __future__ import annotations

import builtins

import pytest

from marginlab.comparison import compare
from marginlab.display import screens, workbench
from marginlab.display.page import PAGE_VARIABLE
from marginlab.display.workbench import PLACE
from marginlab.portfolio import Portfolio, preset

VIEW = "application/vnd.jupyter.widget-view+json"


def test_beside_a_kernel_it_is_a_form_that_starts_with_the_account():
    bench = workbench("market-maker")
    assert VIEW in bench._repr_mimebundle_()
    assert bench.form.entry.portfolio == preset("market-maker")
    assert bench.form.presets.value == "market-maker"


def test_it_starts_with_an_account_of_ones_own():
    row = {"symbol": "ETHUSDT", "side": "short", "size": 3, "entry": 2_400, "leverage": 10}
    own = Portfolio.of_rows([row], venue="okx", wallet=1_000)
    assert workbench(own).form.entry.portfolio == own


def test_its_text_says_how_the_account_stands():
    one = preset("october-2025")
    found = compare(one.account, one.marks, venue=one.venue)
    assert repr(workbench()) == screens.distances(found).sentence


def test_on_a_page_it_leaves_the_place_of_the_form(monkeypatch):
    monkeypatch.setenv(PAGE_VARIABLE, "1")
    shown = workbench()._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert shown["text/html"] == PLACE


def test_without_widgets_it_is_its_text(monkeypatch):
    importing = builtins.__import__

    def without(name, *rest, **more):
        if name == "form":
            raise ImportError(name)
        return importing(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert set(workbench()._repr_mimebundle_()) == {"text/plain"}


def test_an_unknown_start_is_refused():
    with pytest.raises(ValueError, match=r"^start must be one of 'hedged-pair'"):
        workbench("mine")
