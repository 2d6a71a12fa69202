"""What the built pages get besides their text: a Sphinx extension of this book.

* In their head: what they are about, for search engines and where an address is shared (`page_descriptions`),
  a picture, the notebook they come from, and a policy that lets nothing be asked of another host.
* Nothing they do not use: no Thebe, no script for icons (a font draws them), no search tools but on the search
  page, and no file that no page asks for.
* Figures before the code that draws them, the room that code takes before it is laid out, and tables of words that
  can be read on a phone, row by row.
* A search and an index in which the other names of a term lead to the term.
* Scripts that run after the text is there, a page for addresses that lead nowhere, and a map of the site.

The address the book is published at comes from the environment (`SITE_URL`), so that a copy of the repository
speaks of its own. Without one, what is said of addresses is relative.
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import escape as xml_escape

import policy
import runtime
import styles
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.transforms.references import SphinxDomains

HERE = Path(__file__).parent
CARD = "book/images/card.png"
CARD_SHOWS = "A chapter of the book: an explorer that answers to its sliders"

# Where a browser keeps nothing, asking it for what is kept is an error, which would end the theme's first script: then
# what is kept lasts as long as the page.
STORAGE = """<script>
for (const name of ["localStorage", "sessionStorage"]) {
  try {
    window[name].length;
  } catch {
    const kept = new Map();
    const value = {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, text) => void kept.set(key, text),
      removeItem: (key) => void kept.delete(key),
    };
    Object.defineProperty(window, name, { value });
  }
}
</script>"""
# Sphinx looks words up in objects, which have what all objects have: "constructor" was no list of pages.
BARE = (
    "Object.setPrototypeOf({}, Object.create(null, {{ hasOwnProperty: {{ value: Object.prototype.hasOwnProperty }} }}))"
)
LOOKED_UP = ("Search._index.terms", "Search._index.titleterms")
# In a column of words some cell has more letters than this, which no phone can show beside others.
WORDS = 40
# So many letters has a line of code on a desk's page, and on a phone's.
DESK, PHONE = 75, 35
# Must run at once: the next script inside a page writes into what it sets.
AT_ONCE = {"documentation_options.js"}
# Those of the search page use what these set.
AT_ONCE_TO_SEARCH = {*AT_ONCE, "doctools.js", "sphinx_highlight.js"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("page_descriptions", {}, "html", dict)
    # All pages are written again when something changes that goes into each of them.
    app.add_config_value("page_parts", "", "html", str)
    app.connect("config-inited", _configure, priority=90)
    app.add_transform(_NamesLeadToTerms)
    app.connect("doctree-resolved", _still)
    app.connect("doctree-resolved", _figure_first)
    app.connect("doctree-resolved", _words_in_rows)
    app.connect("doctree-resolved", _code_takes_room)
    app.add_node(_Code, html=(_begin_code, _end_code))
    app.connect("html-page-context", _head, priority=950)
    # After the theme has written the colours of code.
    app.connect("build-finished", _finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _configure(app: Sphinx, config: Config) -> None:
    config.templates_path += [os.path.relpath(HERE / "templates", app.confdir)]
    config.html_baseurl = os.environ.get("SITE_URL", config.html_baseurl)
    config.html_additional_pages["404"] = "404.html"
    parts = [HERE, *(Path(app.confdir, folder) for folder in config.html_static_path)]
    config.page_parts = _digest(file for part in parts for file in part.rglob("*") if "__pycache__" not in file.parts)
    # Jupyter Book brings Thebe along even where it is off, with the address of another host.
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")]


def _digest(files: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for file in sorted(files):
        whole.update(file.read_bytes() if file.is_file() else b"")
    return whole.hexdigest()


class _NamesLeadToTerms(SphinxTransform):
    """Let a name that is marked for the index within a term's definition lead to the term, which search shows then."""

    # Before Sphinx notes for the index where its names lead to.
    default_priority = SphinxDomains.default_priority - 10

    def apply(self, **_: object) -> None:
        for item in self.document.findall(nodes.definition_list_item):
            place = next(iter(item[0]["ids"]), None)
            for index in item[-1].findall(addnodes.index) if place else ():
                index["entries"] = [(kind, name, place, *rest) for kind, name, _, *rest in index["entries"]]


def _still(_app: Sphinx, tree: nodes.document, _page: str) -> None:
    """Leave out of the table of runs what two builds of one state would not agree on: when, how, how long."""
    for table in tree.findall(nodes.table):
        rows = list(table.findall(nodes.row))
        if [cell.astext() for cell in rows[0]] != ["Document", "Modified", "Method", "Run Time (s)", "Status"]:
            continue
        rows[0][-1] = nodes.entry("", nodes.paragraph(text="Result"))
        for row in rows[1:]:
            done = row[-1].astext() == "✅"
            row[-1] = nodes.entry("", nodes.paragraph(text="ran to its end" if done else "failed"))
        for row in rows:
            del row[1:-1]
        (group,) = table.findall(nodes.tgroup)
        group["cols"] = 2
        columns = list(group.findall(nodes.colspec))
        for column in columns[2:]:
            group.remove(column)


def _figure_first(_app: Sphinx, tree: nodes.document, _page: str) -> None:
    """Let the code that a reader can open come after what it shows."""
    for cell in tree.findall(nodes.container):
        if cell.get("hide_mode") == "input" and len(cell) > 1:
            code = cell.pop(0)
            code["classes"] = ["below-input"]
            cell.append(code)


class _Code(nodes.container):
    """The code of a cell, which says how many lines it has."""


def _code_takes_room(_app: Sphinx, tree: nodes.document, _page: str) -> None:
    """Let the style know how long code is that is not laid out yet, so that no page becomes longer while it is read."""
    for cell in list(tree.findall(nodes.container)):
        if "cell_input" in cell["classes"]:
            code = _Code(cell.rawsource, *cell.children, classes=cell["classes"], code=cell.astext())
            cell.replace_self(code)


def _begin_code(writer: Any, code: _Code) -> None:
    room = f"--lines: {lines(code['code'], DESK)}; --lines-phone: {lines(code['code'], PHONE)}"
    writer.body.append(writer.starttag(code, "div", CLASS="docutils container", STYLE=room))


def _end_code(writer: Any, _code: _Code) -> None:
    writer.body.append("</div>\n")


def lines(code: str, columns: int) -> int:
    """Return how many lines code has where one that is longer than a page is wide goes on in the next.

    >>> lines("first = 1", 20), lines("second = first + first", 20)
    (1, 2)
    """
    return sum(len(wrap(line, columns, drop_whitespace=False)) or 1 for line in code.splitlines())


def _words_in_rows(_app: Sphinx, tree: nodes.document, _page: str) -> None:
    """Mark tables of words; on a phone each row is a paragraph, in which a short cell says what column it is of."""
    for group in tree.findall(nodes.tgroup):
        head = next(iter(group.findall(nodes.thead)), None)
        rows = [row.children for body in group.findall(nodes.tbody) for row in body.findall(nodes.row)]
        columns = list(zip(*rows, strict=False))
        wordy = [any(len(cell.astext()) > WORDS for cell in column) for column in columns]
        if head is None or not any(wordy):
            continue
        group.parent["classes"].append("words")
        names = [cell.astext() for cell in head.children[0]]
        for name, long, column in list(zip(names, wordy, columns, strict=False))[1:]:
            for paragraph in (cell[0] for cell in column if name and not long and cell.astext()):
                paragraph.insert(0, nodes.inline("", f"{name}: ", classes=["column"]))


def _head(app: Sphinx, page: str, _template: str, context: dict[str, Any], tree: nodes.document | None) -> None:
    """Say in the head of a page what it is about, and let its scripts wait for its text."""
    if page not in app.config.page_descriptions:
        raise ExtensionError(f"page_descriptions in _config.yml must say what {page} is about")
    told, book = escape(app.config.page_descriptions[page]), app.config.html_title
    heading = next(tree.findall(nodes.title)).astext() if tree else context.get("title", "Index")
    named = escape(book if page == app.config.root_doc else f"{heading} · {book}")
    base = app.config.html_baseurl
    context["metatags"] = (
        f"\n{policy.ACCOUNT_TAG if runtime.ASKED in context.get('metatags', '') else policy.TAG}\n{STORAGE}\n"
        + context.get("metatags", "")
        + (
            f'<meta name="description" content="{told}" />\n<meta property="og:type" content="article" />\n'
            f'<meta property="og:site_name" content="{escape(book)}" />\n'
            f'<meta property="og:title" content="{named}" />\n<meta property="og:description" content="{told}" />\n'
            f'<meta property="og:image" content="{_from(base, page, CARD)}" />\n'
            f'<meta property="og:image:alt" content="{CARD_SHOWS}" />\n'
            '<meta name="twitter:card" content="summary_large_image" />\n'
        )
    )
    if base:
        context["metatags"] += f'<meta property="og:url" content="{urljoin(base, page + ".html")}" />\n'
    source = context.get("sourcename", "")
    if source.endswith(".ipynb") and "marginlab-python" not in context["metatags"]:
        context["metatags"] += (
            f'<meta name="marginlab-python" content="{context["pathto"]("_sources/" + source, 1)}" />\n'
        )
    context["css_files"] = [file for file in context["css_files"] if "thebe" not in str(file.filename)]
    context["base_path"] = urlsplit(base).path
    context["icon"] = b64encode((Path(app.srcdir) / app.config.html_favicon).read_bytes()).decode()
    at_once = AT_ONCE_TO_SEARCH if page == "search" else AT_ONCE
    # Sphinx gives one list of scripts to all pages, so that what one was given is taken back for the next.
    for script in context["script_files"]:
        if script.filename and Path(script.filename).name not in at_once:
            script.attributes["defer"] = "defer"
        elif script.attributes.get("defer"):
            del script.attributes["defer"]


def _from(base: str, page: str, file: str) -> str:
    """Return where a file of the site is: an address where the site has one, else the way from the page."""
    return urljoin(base, file) if base else "../" * page.count("/") + file


def _finish(app: Sphinx, failed: Exception | None) -> None:
    if failed or app.builder.name != "html":
        return
    site = Path(app.outdir)
    pages = [site / app.builder.get_target_uri(page) for page in sorted(app.config.page_descriptions)]
    card = site / CARD
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_bytes((Path(app.srcdir) / CARD).read_bytes())
    tools = site / "_static" / "searchtools.js"
    tools.write_text(own_words(tools.read_text(encoding="utf-8")), encoding="utf-8")
    styles.join(site, pages, Path(app.doctreedir) / "stylesheets.json")
    plotly = (site / "_static" / "plotly.min.js").read_text(encoding="utf-8")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for tag in (policy.TAG, policy.ACCOUNT_TAG):
            if tag in text:
                # A page that is printed before it has plotly's script takes it in.
                late = plotly if "marginlab-plotly" in text else None
                told = tag.format(scripts=policy.allowed(text, late))
                page.write_text(text.replace(tag, told), encoding="utf-8")
    places = [app.builder.get_target_uri(page) for page in sorted(app.env.found_docs)]
    (site / "sitemap.xml").write_text(sitemap(app.config.html_baseurl, places), encoding="utf-8")
    for file in unused(site, pages):
        file.unlink()


def own_words(search: str) -> str:
    """Return Sphinx's script of the search with lookups that find the words of the book alone.

    A build in which no page has changed finds the script that the one before has left.

    >>> own_words("a = Search._index.terms; b = Search._index.titleterms;")[:45]
    'a = Object.setPrototypeOf(Search._index.terms'
    """
    for name in LOOKED_UP:
        plain, own = f"= {name};", f"= {BARE.format(name)};"
        if search.count(plain) + search.count(own) != 1:
            raise ExtensionError(f"Sphinx's search no longer looks words up in {name}")
        search = search.replace(plain, own)
    return search


def sitemap(base: str, pages: list[str]) -> str:
    """Return a map of the site; without a base the places are relative to it, which only tolerant readers follow.

    >>> print(sitemap("https://book.example/", ["book/index.html"]))
    <?xml version="1.0" encoding="UTF-8"?>
    <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
    <url><loc>https://book.example/book/index.html</loc></url>
    </urlset>
    """
    places = "\n".join(f"<url><loc>{xml_escape(urljoin(base, page))}</loc></url>" for page in pages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}\n</urlset>'
    )


def unused(site: Path, pages: list[Path]) -> list[Path]:
    """Return the static files that no page asks for, nor any style that a page asks for."""
    wanted: set[Path] = set()
    looking = list(pages)
    while looking:
        file = looking.pop()
        found = set(_asked(file)) - wanted
        wanted |= found
        looking += [path for path in found if path.suffix == ".css"]
    return [path for path in sorted((site / "_static").rglob("*")) if path.is_file() and path.resolve() not in wanted]


def _asked(file: Path) -> Iterator[Path]:
    """Yield the files that a page or a style names."""
    text = file.read_text(encoding="utf-8")
    named = re.findall(r"""(?:\s(?:src|href|content)="|url\(["']?)([^"'()?#:]+)""", text)
    for path in {(file.parent / name).resolve() for name in named}:
        if path.is_file():
            yield path
