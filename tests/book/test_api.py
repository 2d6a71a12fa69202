"""The page that lists the package: every public name once, under a question, and nothing that does not exist."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

import marginlab.comparison
import marginlab.display
import marginlab.portfolio

from ..chapters import BOOK

TEXT = (BOOK / "api.md").read_text(encoding="utf-8")
DIRECTIVE = re.compile(r"^\.\. (auto\w+|py:data):: ([\w.]+)\n((?:   :.*\n)*)", re.MULTILINE)
UPPER = [marginlab.portfolio, marginlab.comparison, marginlab.display]
# Explained as a whole: what each says of itself, or lists.
MODULES = ["marginlab.markets.events", "marginlab.portfolio.files", "marginlab.formatting"]


def entries():
    """Return every entry of the page: its directive, its full name, and its options."""
    found = []
    for kind, name, lines in DIRECTIVE.findall(TEXT):
        options = dict(re.findall(r":([\w-]+): ?(.*)", lines))
        found.append((kind, f"{options['module']}.{name}" if "module" in options else name, options))
    return found


ENTRIES = entries()
CLASSES = [(name, options) for kind, name, options in ENTRIES if kind == "autoclass"]
every_class = pytest.mark.parametrize(("name", "options"), CLASSES, ids=[name for name, _ in CLASSES])


def object_of(name):
    """Return what a full name stands for."""
    place, _, last = name.rpartition(".")
    # A room may have a name that is also one of its files', whose name then stands for the former.
    return getattr(object_of(place), last) if place else importlib.import_module(name)


def listed(text):
    return [one for one in re.split(r",\s*", text) if one]


def shown(name, options):
    """Return the members of a class or module that the page shows."""
    if "members" not in options:
        return []
    owner = object_of(name)
    own = vars(owner)
    public = [one for one, value in own.items() if not one.startswith("_") and is_own(value, name)]
    return listed(options["members"]) or sorted(set(public) - set(listed(options.get("exclude-members", ""))))


def is_own(value, owner):
    """Whether a value of a class or module is documented as a member: what it defines and explains itself."""
    value = inspect.unwrap(value) if inspect.isfunction(value) else value
    if isinstance(object_of(owner), type):
        return isinstance(value, (property, classmethod, staticmethod)) or inspect.isfunction(value)
    return inspect.isfunction(value) and value.__module__ == owner


def anchors():
    """Return every place on the page that a link can lead to."""
    members = {f"{name}.{member}" for _, name, options in ENTRIES for member in shown(name, options)}
    return {name for kind, name, _ in ENTRIES if kind != "automodule"} | members


def test_every_public_name_is_on_the_page_once():
    of_rooms = [f"{room.__name__}.{name}" for room in UPPER for name in room.__all__]
    lower = [f"marginlab.{name}" for name in marginlab.__all__]
    assert sorted(name for _, name, _ in ENTRIES) == sorted([*lower, *of_rooms, *MODULES])


def test_the_page_goes_through_the_rooms_from_the_bottom_up():
    rooms = ["margin", "markets", "simulation", "portfolio", "comparison", "display"]
    places = [TEXT.index(f"`marginlab.{room}`: ") for room in rooms]
    assert places == sorted(places)


def test_every_entry_is_what_its_directive_says():
    kinds = {"autoclass": inspect.isclass, "autofunction": inspect.isfunction, "automodule": inspect.ismodule}
    for kind, name, _ in ENTRIES:
        is_kind = kinds.get(kind, lambda value: isinstance(value, int | tuple))
        assert is_kind(object_of(name)), name


def test_names_stand_under_questions():
    headings = re.findall(r"^#{2,} (.+)$", TEXT, re.MULTILINE)
    assert all(heading.endswith("?") for heading in headings)
    assert TEXT.index("\n## ") < DIRECTIVE.search(TEXT).start()
    # None stands empty: below each heading there are entries, or for a room the questions it is divided into.
    for part in re.split(r"^#{2,3} (?=.+$)", TEXT, flags=re.MULTILINE)[1:]:
        assert DIRECTIVE.search(part) or "\n`marginlab." in part


@every_class
def test_every_member_that_is_named_exists_and_says_what_it_is(name, options):
    members = shown(name, options)
    for member in [*members, *listed(options.get("exclude-members", ""))]:
        assert inspect.getdoc(getattr(object_of(name), member)), f"{name}.{member}"
    assert ("members" in options) == bool(members)


# These help other modules of the package, and check nothing.
INNER = {
    "Account": {
        "as_marks",
        "of_market",
        "at_once_refusal",
        "beside_pieces",
        "changed",
        "in_tables",
        "in_unit",
        "needed_to_open",
        "order_refusals",
        "own_amount",
        "paid",
        "pocket",
        "pooled",
        "spare",
    },
    "Contract": set(),
    "Tiers": {"bracket_unchecked", "limit_unchecked", "maintenance_unchecked", "terms_unchecked"},
}


@pytest.mark.parametrize("name", INNER)
def test_every_question_an_account_or_a_contract_answers_is_on_the_page(name):
    ((full, options),) = [entry for entry in CLASSES if entry[0] == f"marginlab.{name}"]
    asked = {one for one, value in vars(object_of(full)).items() if inspect.isfunction(value) and one[0] != "_"}
    assert asked - INNER[name] <= set(shown(full, options))
    assert not INNER[name] & set(shown(full, options))


def test_no_property_begins_with_words_and_a_colon_which_the_page_takes_for_a_type():
    classes = [object_of(name) for name, _ in CLASSES]
    found = [
        f"{owner.__name__}.{name}"
        for owner in classes
        for name, value in vars(owner).items()
        if isinstance(value, property) or type(value).__name__ == "cached_property"
        if not name.startswith("_") and re.match(r"[^`\n]*:\s", inspect.getdoc(value) or "")
    ]
    assert found == []


def test_a_constant_is_explained_without_its_value():
    blocks = re.findall(r"^\.\. py:data:: .*\n(?:   .*\n|\n)+", TEXT, re.MULTILINE)
    assert len(blocks) == sum(name.isupper() for room in (marginlab, *UPPER) for name in room.__all__)
    assert not any(re.search(r"\d", block) for block in blocks)


def test_every_link_to_the_package_leads_to_a_name_on_the_page():
    pages = [path for kind in ("*.ipynb", "*.md") for path in BOOK.glob(kind)]
    links = {link for path in pages for link in re.findall(r"\(api\.md#([\w.]+)\)", path.read_text(encoding="utf-8"))}
    assert len(links) > 20
    assert links <= anchors()
