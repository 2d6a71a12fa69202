"""Where a page's notebook can be run: buttons that lead to this copy of the book, and none that lead nowhere."""

from __future__ import annotations

import doctest

import pytest

from ..chapters import BOOK, module_of

THEME = BOOK / "theme"
PAGE = "book/structure.ipynb"


def launch():
    return module_of("launch", THEME)


def test_examples_hold():
    failed, tried = doctest.testmod(launch())
    assert tried > 0
    assert failed == 0


def test_without_an_address_there_is_no_button_that_needs_one():
    assert launch().buttons(PAGE, "", "", "main") == {}
    assert list(launch().buttons(PAGE, "../python", "", "main")) == ["Run in your browser"]


def test_a_fork_leads_to_the_fork():
    environment = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "someone/fork",
        "GITHUB_REF_NAME": "main",
    }
    address, branch = launch().repository(environment)
    found = launch().buttons(PAGE, "", address, branch)
    assert found["Source"] == "https://github.com/someone/fork/blob/main/book/structure.ipynb"
    assert (
        found["Open on Binder"] == "https://mybinder.org/v2/gh/someone/fork/main?urlpath=lab/tree/book/structure.ipynb"
    )


def test_a_pull_request_leads_to_its_own_branch():
    environment = {"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_NAME": "7/merge", "GITHUB_HEAD_REF": "fix/typo"}
    assert launch().repository(environment)[1] == "fix/typo"


@pytest.mark.parametrize("address", ["https://git.example/a/b", "https://example.org/a/b"])
def test_binder_is_offered_only_where_its_address_is_known(address):
    assert list(launch().buttons(PAGE, "", address, "main")) == ["Source"]


def test_a_notebook_opens_in_the_python_of_the_site():
    assert launch().buttons(PAGE, "../python", "", "")["Run in your browser"] == (
        "../python/notebooks/index.html?path=book/structure.ipynb&run"
    )
