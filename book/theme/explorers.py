"""What the book's build needs of Sphinx: explorers as islands, and nothing from another host.

* Kernels started by the build write islands instead of widgets.
* The plotly script and the explorers' own files are copied into the site, and asked for only by
  pages that hold an explorer. The smaller one that ``book/plotly_script.py`` fetches is taken if it is there.
* Formulas become MathML, which browsers draw by themselves, instead of asking for MathJax.
* Stored results of notebooks count only for the `marginlab` and the book's own data that made them.
* Pages made from other files (``marginlab_made_from``) are made anew when those change.
* Links in Markdown, which JupyterLab follows to the file, reach the very term, function or source.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from docutils import nodes
from jupyter_cache.executors import utils as execution
from nbclient import execute as executenb
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config

import marginlab
from marginlab.display.page import PAGE_VARIABLE

PACKAGE = Path(marginlab.__file__).parent
# What the explorers' script draws: they themselves, and the answers for an account.
DRAWN = ('class="explorer"', 'class="account-screen"')
STATIC = (Path(__file__).parent / "static", PACKAGE / "display" / "static")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("marginlab_made_from", {}, "env", dict)
    app.connect("config-inited", _configure, priority=100)
    app.connect("doctree-read", _note_files)
    app.connect("doctree-read", _link_labels)
    app.connect("html-page-context", _scripts, priority=900)
    app.add_css_file("book.css", priority=900)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    return {"version": marginlab.__version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _configure(app: Sphinx, config: Config) -> None:
    os.environ[PAGE_VARIABLE] = "1"
    # Paths from the book on, so that two copies of it in two places are built alike.
    config.html_static_path += [os.path.relpath(path, app.confdir) for path in (*STATIC, _plotly(app))]
    config.html_math_renderer = "mathml"
    # What a cell prints may come in pieces, cut at another place each time.
    execution.executenb = partial(executenb, coalesce_streams=True)
    # Beside the built book, wherever else it is built to: the results are the same.
    config.nb_execution_cache_path = str(Path(app.srcdir) / "_build" / ".results" / results(Path(app.srcdir) / "book"))


def _plotly(app: Sphinx) -> Path:
    """Return the script that draws figures: the small one where it was fetched, else that of the Python package."""
    import plotly

    small = Path(app.srcdir) / "_build" / "plotly" / "plotly.min.js"
    return small if small.exists() else Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def results(book: Path) -> str:
    """Return what changes when the package or the book's data do: pages made with others are made again."""
    data = [path for kind in ("*.csv", "*.py") for path in book.glob(kind)]
    return digest(*sorted(path for path in [*PACKAGE.rglob("*"), *data] if path.is_file() and path.suffix != ".pyc"))


def digest(*files: Path) -> str:
    """Return what changes when one of the files does."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _note_files(app: Sphinx, _tree: nodes.document) -> None:
    """Note which files a page is made from besides its own."""
    for pattern in app.config.marginlab_made_from.get(app.env.docname, ()):
        for path in sorted(Path(app.srcdir).glob(pattern)):
            app.env.note_dependency(str(path))


def _link_labels(app: Sphinx, tree: nodes.document) -> None:
    """Let ``[text](page.ipynb#place)`` reach any place with a name, as it reaches headings."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for place in _places(app, tree):
        slugs.setdefault(place, (0, place, place))
    for name, explicit in tree.nametypes.items():
        if explicit and tree.nameids.get(name):
            slugs.setdefault(name, (0, tree.nameids[name], name))


def _places(app: Sphinx, tree: nodes.document) -> Iterator[str]:
    """Yield the ids of the glossary's terms, of documented functions, and of sources."""
    for kind in (nodes.term, addnodes.desc_signature):
        for node in tree.findall(kind):
            yield from node["ids"]
    if any(node.tagname == "bibliography" for node in tree.findall()):
        # The list itself is only written once all pages are read.
        sources: Any = app.env.get_domain("cite")
        yield from sources.bibdata.data.entries


def _scripts(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: nodes.document | None) -> None:
    if any(drawn in context.get("body", "") for drawn in DRAWN):
        app.add_css_file("explorer.css", priority=900)
        app.add_js_file("explorer.js", loading_method="defer")
        # The explorers' script asks for plotly's when the first figure is near.
        address = context["pathto"](f"_static/plotly.min.js?v={digest(_plotly(app))}", 1)
        context["metatags"] += f'<meta name="marginlab-plotly" content="{address}" />\n'


def _inline_math(translator: Any, node: nodes.math) -> None:
    translator.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block_math(translator: Any, node: nodes.math_block) -> None:
    # What is wider than a phone is scrolled, with the keyboard too.
    start = '<div class="math-block" tabindex="0" role="group" aria-label="Formula">'
    translator.body.append(f"{start}{_mathml(node.astext(), 'block')}</div>\n")
    raise nodes.SkipNode


def _mathml(latex: str, display: str) -> str:
    from latex2mathml.converter import convert

    return str(convert(latex, display=display))
