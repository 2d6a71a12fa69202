"""The package as a whole: what imports what, how large its parts are, and versions that agree."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import marginlab

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "marginlab"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# From the bottom up: each room with its files, and what they may import of others. Imports only go down,
# from room to room and from file to file, for types too.
ROOMS = {
    "": ("_typing _checks _pasted formatting", {"numpy"}),
    "margin": (
        "tiers contracts collateral rules legs liquidation opening open_orders market_move account "
        "surviving next_order outflow",
        {"numpy"},
    ),
    "markets": ("brackets own_brackets events finer_steps price_models venues", {"numpy"}),
    "simulation": (
        "results pockets state conversion forced_closing actions orders deleveraging schedule engine ensembles",
        {"numpy", "tqdm"},
    ),
    "portfolio": ("reading assets portfolio exchanges told balances ccxt files presets reconciled", {"numpy"}),
    "comparison": ("modes switching needs scenarios findings report monte_carlo", {"numpy"}),
    "display": (
        "figures controls drawing vessels page widgets explorer screens fields answers entry form workbench",
        {"numpy", "plotly", "ipywidgets", "anywidget"},
    ),
}
# Files that need a kernel; all others draw pages without plotly's and ipywidgets' packages.
BESIDE_A_KERNEL = {"display.entry", "display.form"}
ORDER = [f"{room}.{file}".lstrip(".") for room, (files, _) in ROOMS.items() for file in files.split()]
# Above all rooms: the command line.
ORDER += ["__main__"]


def path_of(module):
    return PACKAGE / f"{module.replace('.', '/')}.py"


TREES = {module: ast.parse(path_of(module).read_text(encoding="utf-8")) for module in ORDER}
every_module = pytest.mark.parametrize("module", ORDER)


def imported(module):
    """Return what a module imports, anywhere in it: modules of the package, and packages of others."""
    own, others = set(), set()
    here = module.split(".")
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            above = [*here[: len(here) - node.level], *(node.module or "").split(".")]
            base = ".".join(filter(None, above))
            # `from .. import _checks` names modules, `from .tiers import Tiers` what is in one.
            own |= {base} if base in ORDER else {f"{base}.{alias.name}".lstrip(".") for alias in node.names}
    return own, others - set(sys.stdlib_module_names)


def pins(file):
    """Return the versions a requirements file pins, and every line that pins none."""
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    wanted = [line for line in lines if line and not line.startswith("-")]
    exact = [re.fullmatch(r"([a-z0-9][a-z0-9-]*)==([\w.]+)( ;.*)?", line) for line in wanted]
    found = [match.group(1, 2) for match in exact if match]
    return found, [line for line, match in zip(wanted, exact, strict=True) if not match]


# --- imports --------------------------------------------------------------------------------------------------


def loaded_by(statement):
    """Return the modules that a statement loads in a fresh Python."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_brings_numpy_and_nothing_else_that_is_heavy():
    loaded = {name.split(".")[0] for name in loaded_by("import marginlab")}
    assert {"marginlab", "numpy"} <= loaded
    heavy = {"plotly", "tqdm", "distributed", "ipywidgets", "anywidget", "IPython", "sphinx", "docutils", "nbformat"}
    assert loaded & heavy == set()


def test_importing_the_package_loads_the_three_lower_rooms_and_no_other():
    loaded = {name for name in loaded_by("import marginlab") if name.split(".")[0] == "marginlab"}
    # Collateral and the questions turned round took the last seven.
    assert len(loaded) <= 38
    rooms = {name.split(".")[1] for name in loaded if name.count(".")}
    assert rooms == {"_checks", "_pasted", "_typing", "formatting", "margin", "markets", "simulation"}


def test_every_file_has_its_place_in_a_room():
    found = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    inits = {f"{room}.__init__".lstrip(".") for room in ROOMS}
    assert found == {*ORDER, *inits}
    assert len(ORDER) == len(set(ORDER))


@every_module
def test_a_module_imports_only_what_lies_below_it(module):
    own, others = imported(module)
    below = set(ORDER[: ORDER.index(module)])
    assert own <= below, f"{module} may not import {sorted(own - below)}"
    room = module.rpartition(".")[0]
    assert others <= ROOMS[room][1]


@every_module
def test_what_draws_is_imported_only_when_it_is_needed(module):
    at_once = {ast.unparse(node) for node in TREES[module].body if isinstance(node, ast.Import | ast.ImportFrom)}
    assert module in BESIDE_A_KERNEL or not any(re.search("plotly|ipywidgets", line) for line in at_once)


def test_the_rooms_stand_in_the_readme_in_their_order():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    places = [text.index(f"`{room}/`") for room in reversed(ROOMS) if room]
    assert places == sorted(places)


# --- size and words -------------------------------------------------------------------------------------------


@every_module
def test_a_function_is_short(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, FUNCTIONS):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            assert lines <= 40, f"{module}.{node.name} has {lines} lines"


@every_module
def test_what_is_public_says_what_it_is(module):
    assert ast.get_docstring(TREES[module]), module
    # Within functions nothing is public; within classes, what their readers call.
    holders = [TREES[module], *(node for node in TREES[module].body if isinstance(node, ast.ClassDef))]
    public = [
        node
        for holder in holders
        for node in holder.body
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


# --- names ----------------------------------------------------------------------------------------------------


ROOMS_WITH_NAMES = [importlib.import_module(f"marginlab.{room}") for room in ROOMS if room]


def exported():
    """Return every public name with the object it stands for, and where it is exported."""
    named = {f"{room.__name__}.{name}": getattr(room, name) for room in ROOMS_WITH_NAMES for name in room.__all__}
    return {**named, "marginlab.ArgumentError": marginlab.ArgumentError}


@pytest.mark.parametrize("room", ROOMS_WITH_NAMES, ids=lambda room: room.__name__)
def test_a_rooms_names_are_listed_constants_first_then_classes_then_functions(room):
    def place(name):
        return (not name.isupper(), not name[0].isupper(), name)

    assert room.__all__ == sorted(set(room.__all__), key=place)


@pytest.mark.parametrize("room", ROOMS_WITH_NAMES, ids=lambda room: room.__name__)
def test_a_room_lists_every_name_it_takes_from_its_files(room):
    tree = ast.parse(Path(room.__file__).read_text(encoding="utf-8"))
    taken = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(room.__all__) == taken


def test_the_package_has_the_names_of_the_lower_rooms():
    lower = [marginlab.margin, marginlab.markets, marginlab.simulation]
    assert sorted(marginlab.__all__) == sorted(["ArgumentError", *(name for room in lower for name in room.__all__)])
    assert all(hasattr(marginlab, name) for name in marginlab.__all__)


def functions():
    """Yield the public functions and methods by their full names."""
    for name, value in exported().items():
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and not issubclass(value, Exception):
            for own, member in vars(value).items():
                called = member.__func__ if isinstance(member, classmethod | staticmethod) else member
                if not own.startswith("_") and inspect.isfunction(called):
                    yield f"{name}.{own}", called
        elif inspect.ismodule(value):
            for own, member in vars(value).items():
                if not own.startswith("_") and inspect.isfunction(member) and member.__module__ == value.__name__:
                    yield f"{name}.{own}", member


PUBLIC = dict(functions())
# What takes part in a simulation only, and is called by the engine.
INNER = re.compile(
    r"\.(AddMargin|Open|Close|Switch|Trade|SetLeverage|Stop|Deleverage|Action)\."
    r"|\.Account\.(pooled|as_marks|in_unit|of_market|paid|pocket|rows_of)$"
    r"|\.Tiers\.\w+_unchecked$|\.Growth\.(rate|amount)$"
)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_has_a_type_for_every_argument_and_for_what_it_returns(name):
    known = inspect.get_annotations(PUBLIC[name])
    asked = [one for one in inspect.signature(PUBLIC[name]).parameters if one not in ("self", "cls")]
    assert all("Any" not in re.findall(r"\w+", str(known[one])) for one in [*asked, "return"] if one not in LEFT_OPEN)


# What plotly takes besides, which it alone knows.
LEFT_OPEN = {"more"}


@pytest.mark.parametrize("name", [name for name in PUBLIC if not INNER.search(name)])
def test_a_public_function_says_what_goes_in_what_comes_out_and_what_it_refuses(name):
    text, function = inspect.getdoc(PUBLIC[name]), PUBLIC[name]
    asked = [one for one in inspect.signature(function).parameters if one not in ("self", "cls")]
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    told = re.findall(r"^[*\w][\w*, ]*$", section.group(1), re.MULTILINE) if section else []
    assert sorted(asked) == sorted(word.strip("* ") for line in told for word in line.split(","))
    assert re.search(r"^(Returns|Yields)\n-", text, re.MULTILINE)
    raises = any(
        isinstance(node, ast.Raise) for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function))))
    )
    assert not raises or re.search(r"^Raises\n-", text, re.MULTILINE)


def test_any_is_the_exception():
    used = sum(len(re.findall(r"\bAny\b", path.read_text(encoding="utf-8"))) for path in PACKAGE.rglob("*.py"))
    assert used < 100


def test_the_readmes_examples_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2
    assert "taken over" in capsys.readouterr().out


# --- versions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file", ["requirements.txt", "requirements-dev.txt", "constraints.txt", "benchmarks/requirements.txt"]
)
def test_every_requirement_is_pinned_exactly(file):
    found, others = pins(file)
    assert others == []
    assert found


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_agrees_with_the_constraints(file):
    constraints, _ = pins("constraints.txt")
    assert [pin for pin in pins(file)[0] if pin not in constraints] == []


def test_the_benchmarks_use_the_numpy_and_tqdm_of_the_book():
    pinned = dict(pins("requirements.txt")[0])
    theirs = dict(pins("benchmarks/requirements.txt")[0])
    assert {name: theirs[name] for name in ("numpy", "tqdm")} == {name: pinned[name] for name in ("numpy", "tqdm")}


def test_no_requirement_is_pinned_twice():
    names = [name for file in ("requirements.txt", "requirements-dev.txt") for name, _ in pins(file)[0]]
    assert len(set(names)) == len(names)


def test_the_citation_names_the_packages_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [marginlab.__version__]
