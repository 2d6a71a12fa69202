"""What the book's build needs of Sphinx: explorers as islands, and nothing from another host.

* Kernels started by the build write islands instead of widgets.
* The plotly script and the explorers' own files are copied into the site, and asked for only by
  pages that hold an explorer.
* Formulas become MathML, which browsers draw by themselves, instead of asking for MathJax.
* Stored results of notebooks count only for the `marginlab` that made them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from . import __version__
from .explorer import PAGE_VARIABLE

PACKAGE = Path(__file__).parent


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", _configure, priority=100)
    app.connect("doctree-read", _link_labels)
    app.connect("html-page-context", _scripts, priority=900)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _configure(app: Sphinx, config: Config) -> None:
    import plotly

    os.environ[PAGE_VARIABLE] = "1"
    plotly_script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    config.html_static_path += [str(PACKAGE / "static"), str(plotly_script)]
    config.html_math_renderer = "mathml"
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".results" / _digest())


def _digest() -> str:
    """Return what changes when the package does: pages made with another one are made again."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _link_labels(app: Sphinx, tree: nodes.document) -> None:
    """Let ``[text](chapter.ipynb#label)`` reach labels as it reaches headings: such links work in JupyterLab too."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for name, explicit in tree.nametypes.items():
        if explicit and tree.nameids.get(name):
            slugs.setdefault(name, (0, tree.nameids[name], name))


def _scripts(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: nodes.document | None) -> None:
    if 'class="explorer"' in context.get("body", ""):
        app.add_css_file("explorer.css")
        app.add_js_file("plotly.min.js", loading_method="defer")
        app.add_js_file("explorer.js", loading_method="defer")
    # Jupyter Book brings Thebe along even where it is off, with the address of another host.
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if "thebe" not in f"{file} {vars(file)}".lower()]


def _inline_math(translator: Any, node: nodes.math) -> None:
    translator.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block_math(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math-block">{_mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def _mathml(latex: str, display: str) -> str:
    from latex2mathml.converter import convert

    return str(convert(latex, display=display))
