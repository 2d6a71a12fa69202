"""The package as a whole: what imports what, how large its parts are, and versions that agree."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import marginlab

ROOT = Path(__file__).parents[1]
MODULES = {path.stem: path for path in sorted((ROOT / "marginlab").glob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# From the bottom up: what each module may import of the package, and of others.
LAYERS = {
    "checks": (set(), {"numpy"}),
    "tiers": ({"checks"}, {"numpy"}),
    "contracts": ({"checks", "tiers"}, {"numpy"}),
    "positions": ({"checks", "contracts"}, set()),
    "liquidation": ({"checks", "contracts"}, {"numpy"}),
    "account": ({"checks", "contracts", "positions", "liquidation"}, {"numpy"}),
    "joint": ({"checks", "account"}, {"numpy"}),
    "rules": ({"checks"}, {"numpy"}),
    "words": (set(), set()),
    "tables": ({"words"}, set()),
    "ledger": ({"words"}, set()),
    "state": ({"account", "contracts", "ledger", "liquidation", "rules"}, {"numpy"}),
    "liquidations": ({"state"}, {"numpy"}),
    "actions": ({"checks", "contracts", "positions", "state"}, {"numpy"}),
    "outcome": ({"ledger", "state"}, {"numpy"}),
    "schedule": ({"account", "actions", "checks", "outcome", "rules", "state"}, {"numpy"}),
    "engine": (
        {"account", "actions", "checks", "ledger", "liquidations", "outcome", "rules", "schedule", "state"},
        {"numpy"},
    ),
    "history": ({"checks"}, {"numpy"}),
    "paths": ({"checks", "history"}, {"numpy"}),
    "ensembles": ({"account", "actions", "checks", "engine", "outcome", "paths", "rules"}, {"numpy", "tqdm"}),
    "venues": ({"checks", "contracts", "rules", "tiers"}, set()),
    "portfolio": ({"account", "checks", "contracts", "positions", "venues"}, set()),
    "presets": ({"checks", "history", "portfolio"}, {"numpy"}),
    "standing": ({"account", "checks", "joint", "venues", "words"}, {"numpy"}),
    "stress": ({"account", "checks", "engine", "outcome", "rules"}, {"numpy"}),
    "replays": ({"account", "checks", "history", "outcome", "rules", "stress"}, {"numpy"}),
    "recommendation": ({"replays", "rules", "standing", "stress", "words"}, {"numpy"}),
    "comparison": (
        {
            "account",
            "checks",
            "history",
            "recommendation",
            "replays",
            "standing",
            "stress",
            "tables",
            "venues",
            "words",
        },
        {"numpy"},
    ),
    "chances": ({"checks", "comparison", "paths", "recommendation", "stress", "tables", "words"}, {"numpy"}),
    "files": ({"comparison", "portfolio"}, {"numpy"}),
    "payload": ({"checks", "contracts", "files", "portfolio", "positions", "venues"}, set()),
    "controls": ({"checks"}, set()),
    "island": ({"tables"}, {"numpy"}),
    "live": ({"tables"}, {"ipywidgets", "numpy", "plotly"}),
    "explorer": ({"controls", "island", "live", "tables"}, {"ipywidgets"}),
    "figures": (set(), {"numpy"}),
    "screens": (
        {"chances", "checks", "comparison", "figures", "recommendation", "replays", "standing", "tables", "words"},
        {"numpy"},
    ),
    "entry": ({"portfolio", "positions", "venues"}, {"ipywidgets"}),
    "trials": ({"chances", "comparison", "entry", "live", "screens"}, {"ipywidgets"}),
    "desk": (
        {
            *("comparison", "entry", "files", "history", "live", "payload", "portfolio", "positions", "presets"),
            *("screens", "stress", "trials"),
        },
        {"ipywidgets"},
    ),
    "form": ({"checks", "comparison", "desk", "explorer", "portfolio", "presets", "screens"}, set()),
    "sphinxext": (
        {"__init__", "explorer"},
        {"docutils", "jupyter_cache", "latex2mathml", "nbclient", "plotly", "sphinx"},
    ),
}
every_module = pytest.mark.parametrize("name", MODULES)


def imported(tree):
    """Return the modules a module imports, anywhere but for type checkers: of the package, and of others."""
    own, others = set(), set()
    for node in nodes_at_run_time(tree):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            # `from . import checks` names modules, or else what the package itself defines.
            names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
            own |= {name if name in MODULES else "__init__" for name in names}
    return own, others - set(sys.stdlib_module_names)


def nodes_at_run_time(tree):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from nodes_at_run_time(node)


def pins(file):
    """Return the versions a requirements file pins, and every line that pins none."""
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    wanted = [line for line in lines if line and not line.startswith("-")]
    exact = [re.fullmatch(r"([a-z0-9][a-z0-9-]*)==([\w.]+)( ;.*)?", line) for line in wanted]
    found = [match.group(1, 2) for match in exact if match]
    return found, [line for line, match in zip(wanted, exact, strict=True) if not match]


# --- imports --------------------------------------------------------------------------------------------------


def test_importing_the_package_brings_numpy_and_nothing_else_that_is_heavy():
    code = "import json, sys, marginlab; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {"marginlab", "numpy"} <= loaded
    heavy = {"plotly", "tqdm", "distributed", "ipywidgets", "anywidget", "IPython", "sphinx", "docutils", "nbformat"}
    assert loaded & heavy == set()


def test_every_module_has_its_place_in_the_layers():
    assert set(MODULES) == {*LAYERS, "__init__"}


def test_the_layers_have_no_way_round():
    below = set()
    for name, (own, _) in LAYERS.items():
        assert own <= {*below, "__init__"}, f"{name} may import what comes later"
        below.add(name)


@pytest.mark.parametrize("name", LAYERS)
def test_a_module_imports_only_what_lies_below_it(name):
    own, others = imported(TREES[name])
    assert own <= LAYERS[name][0]
    assert others <= LAYERS[name][1]


@pytest.mark.parametrize("name", ["explorer", "live", "sphinxext"])
def test_what_draws_is_imported_only_when_it_is_needed(name):
    at_once = {ast.unparse(node) for node in TREES[name].body if isinstance(node, ast.Import | ast.ImportFrom)}
    assert not any(re.search("plotly|ipywidgets", line) for line in at_once)


# --- size and words -------------------------------------------------------------------------------------------


@every_module
def test_a_module_is_short(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) < 310


@every_module
def test_a_function_is_short(name):
    for node in ast.walk(TREES[name]):
        if isinstance(node, FUNCTIONS):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            assert lines <= 40, f"{name}.{node.name} has {lines} lines"


@every_module
def test_what_is_public_says_what_it_is(name):
    assert ast.get_docstring(TREES[name]), name
    # Within functions nothing is public; within classes, what their readers call.
    holders = [TREES[name], *(node for node in TREES[name].body if isinstance(node, ast.ClassDef))]
    public = [
        node
        for holder in holders
        for node in holder.body
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


# --- names ----------------------------------------------------------------------------------------------------


def test_the_packages_names_are_listed_constants_first_then_classes_then_functions():
    def place(name):
        return (not name.isupper(), not name[0].isupper(), name)

    assert marginlab.__all__ == sorted(set(marginlab.__all__), key=place)


def test_the_package_lists_every_name_it_takes_from_its_modules():
    taken = {
        alias.asname or alias.name
        for node in TREES["__init__"].body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert set(marginlab.__all__) == taken
    assert all(hasattr(marginlab, name) for name in marginlab.__all__)


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
