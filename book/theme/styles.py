"""One stylesheet for all pages, with what they use of those that the theme brings, and a font of only their icons.

The theme styles every component it knows and draws from some thousand icons; the book uses few of either. Ten
files that a page waits for become one, a tenth of the weight. A rule is kept where a page or a script could meet
its selector: the classes and ids it asks for all occur as such in a page, or as words in a script.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import normpath
from typing import Any

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont

NAME = "styles.css"
# The one of the theme's fonts that the pages draw icons with.
ICONS = "fa-solid-900.woff2"
# Which tells of every table of a font.
logging.getLogger("fontTools").setLevel(logging.WARNING)
LINK = re.compile(r'\s*<link(?=[^>]*rel="stylesheet")[^>]*href="([^"?]*)[^>]*>')


def join(site: Path, pages: list[Path], before: Path) -> None:
    """Give all pages one stylesheet in place of theirs, in the order they ask for them, and icons their font.

    A page that is not written anew asks for the one stylesheet already: what it is made of is kept in `before`.
    """
    folder = site.resolve() / "_static"
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    asked = [[(page.parent / link).resolve() for link in LINK.findall(text)] for page, text in texts.items()]
    if all(file.name == NAME for several in asked for file in several):
        return
    kept = json.loads(before.read_text(encoding="utf-8")) if before.exists() else []
    asked.append([folder / name for name in kept if (folder / name).exists()])
    every = dict.fromkeys(file for several in sorted(asked, key=len, reverse=True) for file in several)
    files = [file for file in every if file.name != NAME]
    before.write_text(json.dumps([os.path.relpath(file, folder) for file in files]), encoding="utf-8")
    rules = [rule for file in files for rule in _rules(file, folder)]
    known = names(list(texts.values()), [file.read_text(encoding="utf-8") for file in folder.rglob("*.js")])
    style = tinycss2.serialize(list(used(rules, known)))
    style = _with_icons(style, folder)
    (folder / NAME).write_text(style, encoding="utf-8")
    version = hashlib.sha256(style.encode()).hexdigest()[:12]
    for page, text in texts.items():
        page.write_text(_linked(text, "../" * len(page.parent.relative_to(site).parts), version), encoding="utf-8")


def _linked(page: str, up: str, version: str) -> str:
    """Return a page that asks for the one stylesheet where it asked for its first."""
    link = f'\n<link rel="stylesheet" href="{up}_static/{NAME}?v={version}" />'
    first = LINK.search(page)
    return page if first is None else page[: first.start()] + link + LINK.sub("", page[first.start() :])


def names(pages: list[str], scripts: list[str]) -> set[str]:
    """Return every class and id of the pages, and every word of the scripts, which may set classes.

    >>> sorted(names(['<p class="one two" id="three">four</p>'], ["add('five-six')"]))
    ['add', 'five-six', 'one', 'three', 'two']
    """
    set_in_pages = (
        name for page in pages for said in re.findall(r'\s(?:class|id)="([^"]*)"', page) for name in said.split()
    )
    in_scripts = (word for script in scripts for word in re.findall(r"[\w-]+", script))
    return {*set_in_pages, *in_scripts}


def used(rules: list[Any], known: set[str]) -> Iterator[Any]:
    """Yield the rules that something of a page may match, with those of their selectors that may."""
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inside = list(used(tinycss2.parse_rule_list(rule.content), known))
            if inside:
                rule.content = inside
                yield rule
        elif rule.type == "at-rule":
            if rule.lower_at_keyword != "font-face" or ICONS in tinycss2.serialize(rule.content):
                yield rule
        elif rule.type == "qualified-rule":
            kept = [selector for selector in _selectors(rule.prelude) if asked_for(selector) <= known]
            if kept:
                rule.prelude = tinycss2.parse_component_value_list(",".join(tinycss2.serialize(one) for one in kept))
                yield rule


def _selectors(prelude: list[Any]) -> list[list[Any]]:
    found: list[list[Any]] = [[]]
    for token in prelude:
        if token == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def asked_for(selector: list[Any]) -> set[str]:
    """Return the classes and ids without which a selector matches nothing; what stands in brackets is no condition.

    >>> sorted(asked_for(tinycss2.parse_component_value_list("a.one > #two:not(.three)")))
    ['one', 'two']
    """
    after_dots = {b.value for a, b in itertools.pairwise(selector) if a == "." and b.type == "ident"}
    return after_dots | {token.value for token in selector if token.type == "hash"}


def _rules(file: Path, folder: Path) -> Iterator[Any]:
    """Yield the rules of a stylesheet and of those it imports, their addresses counted from the folder of all."""
    text = file.read_text(encoding="utf-8")
    here = file.parent.relative_to(folder)
    text = re.sub(
        r"url\((['\"]?)(?!data:|#)([^)'\"]+)\1\)", lambda found: f"url({normpath((here / found[2]).as_posix())})", text
    )
    for rule in tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True):
        if rule.type == "at-rule" and rule.lower_at_keyword == "import":
            (address,) = (token.value for token in rule.prelude if token.type in ("string", "url"))
            yield from _rules((file.parent / address).resolve(), folder)
        elif not (rule.type == "at-rule" and rule.lower_at_keyword == "charset"):
            yield rule


def _with_icons(style: str, folder: Path) -> str:
    """Write the font of the icons that a style names, and return the style that asks for it."""
    (whole,) = folder.rglob(ICONS)
    # Fonts of icons draw them for characters of the range that is left to private use.
    icons = {ord(character) for character in style if "\ue000" <= character <= "\uf8ff"}
    font = TTFont(whole)
    tool = subset.Subsetter(subset.Options(layout_features=[], notdef_outline=True))
    tool.populate(unicodes=icons)
    tool.subset(font)
    font.flavor = "woff2"
    made = io.BytesIO()
    font.save(made, reorderTables=None)
    (folder / "icons.woff2").write_bytes(made.getvalue())
    version = hashlib.sha256(made.getvalue()).hexdigest()[:12]
    return re.sub(rf"src:\s*url\([^)]*{ICONS}\)[^;}}]*", f'src:url(icons.woff2?v={version}) format("woff2")', style)
