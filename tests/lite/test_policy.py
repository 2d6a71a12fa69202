"""Python in the browser reaches the site and no other host, whichever way it tries; nor does what a notebook shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from ..site.python_page import NAMED_AT_ITS_TOP
from ..site.server import another_host
from .conftest import SITE
from .test_python import RUN, WRITTEN

# A script of the site, which a worker might be started from; all that it does is ask the other host.
REACHING = "python/static/reaching.js"
# What Python tries; OTHER is the other host, HERE the site.
ATTEMPTS = {
    "fetch": "from pyodide.http import pyfetch\nawait pyfetch(OTHER)",
    "a request that waits": "one = js.XMLHttpRequest.new()\none.open('GET', OTHER, False)\none.send()",
    "a socket": "js.WebSocket.new(OTHER.replace('http', 'ws'))",
    "a stream of events": "js.EventSource.new(OTHER)",
    "a script": "await js.eval(f'import({OTHER!r})')",
    "a worker from a blob": (
        "text = js.Blob.new([f'fetch({OTHER!r})'])\nstarted.append(js.Worker.new(js.URL.createObjectURL(text)))"
    ),
    "a worker from an address": f"started.append(js.Worker.new(HERE + {REACHING!r}))",
    "a module from an address": (
        f"started.append(js.eval('Worker').new(HERE + {REACHING!r}, js.eval('({{type: \"module\"}})')))"
    ),
    "what opens an address": "import urllib.request\nurllib.request.urlopen(OTHER)",
}
SHOWN = {
    "a picture": "from IPython.display import HTML, display\ndisplay(HTML(f'<img src={OTHER}>'))",
    "a frame": "from IPython.display import IFrame, display\ndisplay(IFrame(OTHER, 10, 10))",
    "a script": "from IPython.display import Javascript, display\ndisplay(Javascript(f'fetch({OTHER!r})'))",
    "a script in a page": "from IPython.display import HTML, display\ndisplay(HTML(f'<script src={OTHER}></script>'))",
}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    with another_host() as other:
        yield other


@pytest.fixture(scope="module")
def notebook(chromium: Browser, site: str, elsewhere: tuple[str, list[str]]) -> Iterator[Page]:
    """Open a notebook with its kernel, and nothing between it and other hosts but its own policy."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.route(
        f"{site}{REACHING}",
        lambda route: route.fulfill(body=f"fetch('{elsewhere[0]}')", content_type="text/javascript"),
    )
    page = context.new_page()
    page.goto(f"{site}python/notebooks/index.html?path=book/verdicts.ipynb")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady", timeout=120_000)
    told = page.evaluate(RUN, f"import js\nstarted = []\nOTHER, HERE = {elsewhere[0]!r}, {site!r}\nprint('begun')")
    assert told == "begun\n"
    yield page
    context.close()


@pytest.mark.parametrize("name", ["kernel.mjs", "pyodide/start.mjs"])
def test_no_module_of_the_kernel_needs_another_before_it_runs(name):
    text = (SITE / "python" / "static" / name).read_text(encoding="utf-8")
    assert "import(" in text
    assert not NAMED_AT_ITS_TOP.search(text)


def test_the_other_host_can_be_reached(elsewhere, chromium):
    other, asked = elsewhere
    page = chromium.new_page()
    page.evaluate("async (address) => (await fetch(address)).status", other)
    page.close()
    assert asked == ["/"]
    asked.clear()


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_python_reaches_no_other_host(notebook, elsewhere, attempt):
    elsewhere[1].clear()
    notebook.evaluate(RUN, ATTEMPTS[attempt])
    # Time enough for what comes later than it was asked for.
    assert notebook.evaluate(RUN, "import asyncio\nawait asyncio.sleep(0.7)\nprint('here')") == "here\n"
    assert elsewhere[1] == []


@pytest.mark.parametrize("what", SHOWN)
def test_what_a_notebook_shows_asks_no_other_host(notebook, elsewhere, what):
    elsewhere[1].clear()
    notebook.evaluate(WRITTEN, SHOWN[what])
    notebook.wait_for_timeout(1_500)
    assert elsewhere[1] == []


def test_python_reaches_the_site(notebook):
    told = "from pyodide.http import pyfetch\nprint((await pyfetch(HERE + 'sitemap.xml')).status)"
    assert notebook.evaluate(RUN, told) == "200\n"


def test_a_kernel_that_is_started_again_has_the_policy_too(chromium, site, elsewhere):
    page = chromium.new_page()
    page.goto(f"{site}python/notebooks/index.html?path=book/verdicts.ipynb")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady", timeout=120_000)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    assert page.evaluate(RUN, "import marginlab\nprint(marginlab.__name__)") == "marginlab\n"
    told = f"from pyodide.http import pyfetch\nawait pyfetch({elsewhere[0]!r})"
    assert "Failed to fetch" in page.evaluate(RUN, told)
    assert elsewhere[1] == []
    page.close()
