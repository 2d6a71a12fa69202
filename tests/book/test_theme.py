"""What the build makes of the theme: one stylesheet, a policy, a map, and the same bytes every time."""

from __future__ import annotations

import doctest
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tinycss2
from docutils import nodes
from docutils.utils import new_document

from ..chapters import BOOK, module_of

ROOT = BOOK.parent
THEME = BOOK / "theme"


@pytest.fixture(autouse=True)
def _beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the extension import its other half, as Sphinx does."""
    monkeypatch.syspath_prepend(str(THEME))


@pytest.mark.parametrize("name", ["pages", "policy", "styles"])
def test_examples_hold(name):
    failed, tried = doctest.testmod(module_of(name, THEME))
    assert tried > 0
    assert failed == 0


def kept(style: str, known: set[str]) -> str:
    """Return what stays of a stylesheet for pages of these classes and ids, without its spaces."""
    rules = tinycss2.parse_stylesheet(style, skip_comments=True, skip_whitespace=True)
    return "".join(tinycss2.serialize(list(module_of("styles", THEME).used(rules, known))).split())


@pytest.mark.parametrize(
    ("style", "stays"),
    [
        ("p { margin: 0 }", "p{margin:0}"),
        (".seen { margin: 0 }", ".seen{margin:0}"),
        (".unseen { margin: 0 }", ""),
        (".unseen, .seen { margin: 0 }", ".seen{margin:0}"),
        (".seen .unseen { margin: 0 }", ""),
        ("#unseen { margin: 0 }", ""),
        ("p:not(.unseen) { margin: 0 }", "p:not(.unseen){margin:0}"),
        ("@media print { .unseen { margin: 0 } .seen { margin: 0 } }", "@mediaprint{.seen{margin:0}}"),
        ("@media print { .unseen { margin: 0 } }", ""),
        ("@keyframes turn { to { rotate: 1turn } }", "@keyframesturn{to{rotate:1turn}}"),
        ("@font-face { src: url(brands.woff2) }", ""),
    ],
)
def test_a_rule_stays_where_a_page_could_meet_it(style, stays):
    assert kept(style, {"seen"}) == stays


def test_a_page_that_is_not_written_anew_keeps_the_rules_it_uses(tmp_path, monkeypatch):
    styles = module_of("styles", THEME)
    monkeypatch.setattr(styles, "_with_icons", lambda style, _: style)
    site, before = tmp_path / "site", tmp_path / "stylesheets.json"
    (site / "_static").mkdir(parents=True)
    for name in ("common", "own"):
        (site / "_static" / f"{name}.css").write_text(f".{name} {{ margin: 0 }}")
    plain, rich = pages = [site / "plain.html", site / "rich.html"]
    link = '<link rel="stylesheet" href="_static/{}.css?v=1" />'
    written = '<head><meta charset="utf-8" />' + link.format("common") + '</head><p class="common own">'
    plain.write_text(written)
    rich.write_text(written.replace("</head>", link.format("own") + "</head>"))
    styles.join(site, pages, before)
    whole = (site / "_static" / styles.NAME).read_text()
    assert [name in whole for name in (".common", ".own")] == [True, True]
    # The next build writes one of them only, and Sphinx has put all stylesheets there again.
    plain.write_text(written)
    styles.join(site, pages, before)
    assert (site / "_static" / styles.NAME).read_text() == whole
    texts = [page.read_text() for page in pages]
    styles.join(site, pages, before)
    assert [page.read_text() for page in pages] == texts
    assert all(text.count("<link") == 1 for text in texts)


def test_a_policy_names_every_script_inside_a_page_and_those_of_its_elements():
    policy = module_of("policy", THEME)
    assert policy.allowed("<script>1</script><script>1</script>").count("sha256-") == 1
    assert policy.allowed('<script src="a.js"></script><script type="application/json">{}</script>') == ""
    named = policy.allowed('<a href="#" onclick="go(&quot;on&quot;)">x</a>').split()
    assert named == ["'unsafe-hashes'", policy._hash('go("on")')]
    assert policy.allowed("<p>", "later()") == policy._hash("later()")


class App:
    """As much of Sphinx as says where the sources are."""

    def __init__(self, folder):
        self.srcdir = self.outdir = folder
        self.builder = type("Builder", (), {"name": "html"})


@pytest.mark.parametrize("made", [True, False])
def test_only_a_page_with_a_form_says_where_python_starts_and_only_where_it_was_put_together(tmp_path, made):
    runtime = module_of("runtime", THEME)
    if made:
        (tmp_path / "_build" / "runtime").mkdir(parents=True)
        (tmp_path / "_build" / "runtime" / "made-from.txt").write_text("0123456789abcdef")
    plain, form = {}, {"metatags": '<meta name="marginlab-account-script" />', "pathto": lambda place, _: f"../{place}"}
    for context in (plain, form):
        runtime._head(App(tmp_path), "book/index", "", context, None)
    assert plain == {}
    told = '<meta name="marginlab-account-python" content="../runtime/account-python.js?v=0123456789ab" />'
    assert (told in form["metatags"]) == made


def test_python_of_the_pages_becomes_part_of_the_site_without_its_stamp_and_nothing_old_stays(tmp_path):
    runtime = module_of("runtime", THEME)
    made, out = tmp_path / "_build" / "runtime", tmp_path / "runtime"
    for folder, names in ((made, ("made-from.txt", "python.data")), (out, ("old.data",))):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).touch()
    runtime._copy(App(tmp_path), None)
    assert [path.name for path in out.iterdir()] == ["python.data"]
    (made / "made-from.txt").unlink()
    runtime._copy(App(tmp_path), None)
    assert not out.exists()


class Writer:
    """As much of Sphinx's writer as begins and ends an element."""

    def __init__(self):
        self.body = []

    def starttag(self, node, name, **attributes):
        return f"<{name} {' '.join(node['classes'])} {attributes['STYLE']}>"


@pytest.mark.parametrize(("code", "desk", "phone"), [("a = 1", 1, 1), ("a = 1\n\nb = 2\n", 3, 3), ("x + " * 20, 2, 3)])
def test_code_says_how_many_lines_it_will_take(code, desk, phone):
    pages, tree, writer = module_of("pages", THEME), new_document("page"), Writer()
    shown = nodes.literal_block(code, code)
    tree += nodes.container("", nodes.container("", shown, classes=["cell_input"]), classes=["cell"])
    pages._code_takes_room(None, tree, "page")
    (told,) = tree.findall(pages._Code)
    assert told.children == [shown]
    assert told.parent["classes"] == ["cell"]
    pages._begin_code(writer, told)
    pages._end_code(writer, told)
    assert "".join(writer.body) == f"<div cell_input --lines: {desk}; --lines-phone: {phone}></div>\n"


def test_the_search_has_its_own_words_once_however_often_a_book_is_built():
    pages = module_of("pages", THEME)
    script = "".join(f"const found = {name};\n" for name in pages.LOOKED_UP)
    once = pages.own_words(script)
    assert once != script
    assert pages.own_words(once) == once
    for other in ("const found = Elsewhere.terms;", script * 2, once + script):
        with pytest.raises(pages.ExtensionError, match="no longer looks words up"):
            pages.own_words(other)


def test_files_that_no_page_asks_for_are_found_and_those_a_style_asks_for_are_not(tmp_path):
    static = tmp_path / "_static"
    static.mkdir()
    for name in ("asked.js", "unasked.js", "font.woff2"):
        (static / name).write_text("")
    (static / "asked.css").write_text("@font-face { src: url(font.woff2?v=1) }")
    page = tmp_path / "page.html"
    page.write_text('<link href="_static/asked.css?v=2" /><script src="_static/asked.js"></script>')
    assert module_of("pages", THEME).unused(tmp_path, [page]) == [static / "unasked.js"]


@pytest.mark.long
@pytest.mark.weekly
def test_a_book_built_elsewhere_from_nothing_is_the_same_to_the_byte_and_speaks_of_its_address(tmp_path):
    """One build is here already, perhaps made step by step; a copy of its sources is built afresh, twice.

    At first it runs the notebooks itself.
    """
    html = ROOT / "_build" / "html"
    assert (html / "index.html").exists(), "run `make book` first"
    copy = tmp_path / "elsewhere"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "_build", "tests", "__pycache__", "*.egg-info"))
    for part in ("plotly", "runtime"):
        if (ROOT / "_build" / part).exists():
            shutil.copytree(ROOT / "_build" / part, copy / "_build" / part)
    assert digests(built(copy)) == digests(html)
    # Where it is published, and nothing else, is said from the environment; results are not worked out again.
    told = built(copy, SITE_URL="https://book.example/lab/")
    assert "<loc>https://book.example/lab/book/structure.html</loc>" in (told / "sitemap.xml").read_text()
    page = (told / "book" / "structure.html").read_text(encoding="utf-8")
    assert 'property="og:image" content="https://book.example/lab/book/images/card.png"' in page
    assert 'property="og:url" content="https://book.example/lab/book/structure.html"' in page


def built(copy: Path, **environment: str) -> Path:
    """Build a copy of the book as `make book` does, with the date of the last commit."""
    git = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    date = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.check_output(git, text=True).strip()
    own = {"SOURCE_DATE_EPOCH": date, "PYTHONPATH": str(copy), "PYTHONHASHSEED": "random"}
    run = [str(Path(sys.executable).with_name("jupyter-book")), "build", "-q", "-n", "-W", "--keep-going", "."]
    done = subprocess.run(run, cwd=copy, env={**os.environ, **own, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy / "_build" / "html"


def digests(site: Path) -> dict[str, str]:
    """Return every file of a site by its name, with what is in it."""
    return {
        str(path.relative_to(site)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }
