"""What the book's build needs of Sphinx: explorers as islands, and nothing from another host.

* Kernels started by the build write islands instead of widgets.
* The plotly script and the explorers' own files are copied into the site, and asked for only by
  pages that hold an explorer. The smaller one that ``book/plotly_script.py`` fetches is taken if it is there.
* The theme's script for icons is left out: its font draws them.
* Formulas become MathML, which browsers draw by themselves, instead of asking for MathJax.
* Stored results of notebooks count only for the `marginlab` and the book's own data that made them.
* Pages made from other files (``marginlab_made_from``) are made anew when those change.
* Every page says in its head what it is about (``marginlab_descriptions``).
* Links in Markdown, which JupyterLab follows to the file, reach the very term, function or source.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from . import __version__
from .explorer import PAGE_VARIABLE

PACKAGE = Path(__file__).parent


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("marginlab_made_from", {}, "env", dict)
    app.add_config_value("marginlab_descriptions", {}, "html", dict)
    app.connect("config-inited", _configure, priority=100)
    app.connect("doctree-read", _note_files)
    app.connect("doctree-read", _link_labels)
    app.connect("html-page-context", _scripts, priority=900)
    app.connect("html-page-context", _describe)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _configure(app: Sphinx, config: Config) -> None:
    import plotly

    os.environ[PAGE_VARIABLE] = "1"
    whole = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    small = Path(app.srcdir) / "_build" / "plotly" / "plotly.min.js"
    config.html_static_path += [str(PACKAGE / "static"), str(small if small.exists() else whole)]
    config.templates_path += [str(PACKAGE / "templates")]
    config.html_math_renderer = "mathml"
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".results" / _digest(Path(app.srcdir) / "book"))


def _digest(book: Path) -> str:
    """Return what changes when the package or the book's data do: pages made with others are made again."""
    data = [path for kind in ("*.csv", "*.py") for path in book.glob(kind)]
    files = sorted(path for path in [*PACKAGE.rglob("*"), *data] if path.is_file() and path.suffix != ".pyc")
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
    app.add_css_file("book.css")
    if 'class="explorer"' in context.get("body", ""):
        app.add_css_file("explorer.css")
        app.add_js_file("plotly.min.js", loading_method="defer")
        app.add_js_file("explorer.js", loading_method="defer")
    # Jupyter Book brings Thebe along even where it is off, with the address of another host.
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if "thebe" not in f"{file} {vars(file)}".lower()]


def _describe(app: Sphinx, page: str, _template: str, context: dict[str, Any], tree: nodes.document | None) -> None:
    """Say in the head of a page what it is about, for search engines and for where its address is shared."""
    if tree is None:
        return
    if page not in app.config.marginlab_descriptions:
        raise ExtensionError(f"marginlab_descriptions in _config.yml must say what {page} is about")
    told, book = escape(app.config.marginlab_descriptions[page]), app.config.html_title
    heading = next(tree.findall(nodes.title)).astext()
    named = escape(book if page == app.config.root_doc else f"{heading} · {book}")
    context["metatags"] += (
        f'<meta name="description" content="{told}" />\n<meta property="og:type" content="article" />\n'
        f'<meta property="og:title" content="{named}" />\n<meta property="og:description" content="{told}" />\n'
    )


def _inline_math(translator: Any, node: nodes.math) -> None:
    translator.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block_math(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math-block">{_mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def _mathml(latex: str, display: str) -> str:
    from latex2mathml.converter import convert

    return str(convert(latex, display=display))
