"""Python on the pages themselves: what `lite.runtime` has put together becomes part of the site.

A page that has a form of an account, or what leads to one, gets in its head where the script lies that starts Python.
Without it (the build had neither node nor npm) a page has no such line, and says so where the form would be.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

# In the site, and below `_build`.
FOLDER = "runtime"
STARTER = "account-python.js"
STAMP = "made-from.txt"
# Begins what stands in the head of a page that has a form of an account.
ACCOUNT = 'name="marginlab-account'
# Stands in the head of a page that can ask Python.
ASKED = 'name="marginlab-account-python"'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # After what puts the form there.
    app.connect("html-page-context", _head, priority=895)
    app.connect("build-finished", _copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def made(app: Sphinx) -> Path | None:
    """Return the folder that holds Python for the pages, None where it was not put together."""
    folder = Path(app.srcdir) / "_build" / FOLDER
    return folder if (folder / STAMP).exists() else None


def _head(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    folder = made(app)
    if folder is None or ACCOUNT not in context.get("metatags", ""):
        return
    version = (folder / STAMP).read_text(encoding="utf-8")[:12]
    address = context["pathto"](f"{FOLDER}/{STARTER}?v={version}", 1)
    context["metatags"] += f'<meta {ASKED} content="{address}" />\n'


def _copy(app: Sphinx, failed: Exception | None) -> None:
    if failed or app.builder.name != "html":
        return
    out, folder = Path(app.outdir) / FOLDER, made(app)
    shutil.rmtree(out, ignore_errors=True)
    if folder is not None:
        shutil.copytree(folder, out, ignore=shutil.ignore_patterns(STAMP))
