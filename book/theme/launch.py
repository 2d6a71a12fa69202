"""Where a reader can run a page's notebook: in the browser, on Binder, or from its source.

The address of the repository and its branch are in ``_config.yml`` (`repository_address`, `repository_branch`); on
GitHub Actions the environment names those of the copy that is being built. Where JupyterLite lies below the site's
root is named by `PYTHON_FOLDER`, which ``make site`` sets. What has no address gets no button.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

PYTHON_FOLDER = "MARGINLAB_PYTHON_FOLDER"
BINDER = "https://mybinder.org/v2/gh"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("repository_address", "", "html", str)
    app.add_config_value("repository_branch", "main", "html", str)
    app.add_config_value("python_folder", "", "html", str)
    app.connect("config-inited", _configure)
    app.connect("html-page-context", _row, priority=940)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _configure(_app: Sphinx, config: Config) -> None:
    config.python_folder = os.environ.get(PYTHON_FOLDER, "")
    address, branch = repository(os.environ)
    config.repository_address = address or config.repository_address
    config.repository_branch = branch or config.repository_branch


def repository(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the address and branch of the copy that GitHub Actions builds, empty elsewhere.

    >>> repository({"GITHUB_REPOSITORY": "reader/fork", "GITHUB_REF_NAME": "main"})
    ('https://github.com/reader/fork', 'main')
    >>> repository({})
    ('', '')
    """
    name = environment.get("GITHUB_REPOSITORY", "")
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    # Of a pull request the name is that of the merge, which nobody else can fetch.
    branch = environment.get("GITHUB_HEAD_REF") or environment.get("GITHUB_REF_NAME", "")
    return (f"{server}/{name}", branch) if name else ("", "")


def buttons(notebook: str, python: str, address: str, branch: str) -> dict[str, str]:
    """Return what a reader can do with a notebook, and where each leads.

    Parameters
    ----------
    notebook
        Its path in the repository.
    python
        The way from the page to the JupyterLite of the site; empty without one.
    address, branch
        Of the repository; an empty address for none.

    >>> list(buttons("book/structure.ipynb", "", "", "main"))
    []
    >>> buttons("book/structure.ipynb", "../python", "https://github.com/reader/fork", "a/b")["Open on Binder"]
    'https://mybinder.org/v2/gh/reader/fork/a%2Fb?urlpath=lab/tree/book/structure.ipynb'
    """
    path, found = quote(notebook), {}
    if python:
        found["Run in your browser"] = f"{python}/notebooks/index.html?path={path}&run"
    if address:
        where = urlsplit(address)
        if where.hostname == "github.com":  # Binder knows other hosts by other addresses
            found["Open on Binder"] = f"{BINDER}{where.path}/{quote(branch, safe='')}?urlpath=lab/tree/{path}"
        found["Source"] = f"{address}/blob/{quote(branch)}/{path}"
    return found


def python_of(context: Mapping[str, Any], folder: str) -> str:
    """Return the way from a page to the JupyterLite of the site; empty without one."""
    way: Callable[[str, int], str] = context["pathto"]
    return way(folder, 1) if folder else ""


def _row(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Put the buttons below the heading of a page that comes from a notebook."""
    if not context.get("sourcename", "").endswith(".ipynb"):
        return
    config = app.config
    python = python_of(context, config.python_folder)
    found = buttons(f"{page}.ipynb", python, config.repository_address, config.repository_branch)
    if python:
        context["metatags"] = context.get("metatags", "")
        context["metatags"] += f'<meta name="marginlab-python" content="{escape(found["Run in your browser"])}" />\n'
    if found:
        links = "\n".join(f'<a href="{escape(address)}">{escape(label)}</a>' for label, address in found.items())
        head, end, rest = context["body"].partition("</h1>")
        row = f'\n<nav class="launch" aria-label="Run this page">\n{links}\n</nav>'
        context["body"] = f"{head}{end}{row}{rest}"
