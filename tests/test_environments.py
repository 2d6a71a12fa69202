"""One source of versions: the book, Binder, Python in the browser and the workflows rest on the same."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
USES = re.compile(r"uses: ([\w./-]+)@(\S+)(?: # (v[\d.]+))?$", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return the versions that a list of requirements pins; each of its lines pins one, or names another list."""
    lines = (line.partition("#")[0].partition(";")[0].strip() for line in (ROOT / name).read_text().splitlines())
    found = {}
    for line in filter(None, lines):
        if not line.startswith("-"):
            package, equals, version = line.partition("==")
            assert equals, f"{name} must pin {line}"
            found[package.strip().lower()] = version.strip()
    return found


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "lite/requirements.txt", "binder/requirements.txt"]
)
def test_every_list_has_the_versions_of_constraints(name):
    constraints = pins("constraints.txt")
    for package, version in pins(name).items():
        assert constraints.get(package, version) == version, package
        if name != "binder/requirements.txt":
            assert package in constraints, f"{package}: run `make lock`"


def test_binder_has_what_the_notebooks_need_and_nothing_that_makes_it_copy_the_repository_first():
    binder, book = pins("binder/requirements.txt"), pins("requirements.txt")
    needed = {"anywidget", "ipywidgets", "jupyterlab", "jupyterlab-myst", "numpy", "plotly", "tqdm"}
    assert {package: binder[package] for package in needed} == {package: book[package] for package in needed}
    text = (ROOT / "binder" / "requirements.txt").read_text()
    assert not re.search(r"^\s*-|file:|\./", text, re.MULTILINE)


def test_binder_installs_the_package_last_and_stops_at_an_error():
    script = ROOT / "binder" / "postBuild"
    assert script.stat().st_mode & 0o111
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[:2] == ["set -e", "python -m pip install --no-cache-dir --no-deps ."]
    assert all(line.startswith("jupyter labextension ") for line in lines[2:])


def pythons() -> set[str]:
    """Return the Pythons that the package promises."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    assert "(3, 11) <= v <= (3, 13)" in (ROOT / "Makefile").read_text()
    return {"3.11", "3.12", "3.13"}


def test_every_python_that_is_promised_is_tested_and_no_other_used():
    tests = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    assert set(tests["jobs"]["test"]["strategy"]["matrix"]["python"]) == pythons()
    runtime = (ROOT / "binder" / "runtime.txt").read_text().strip()
    assert runtime.removeprefix("python-") in pythons()
    for workflow in WORKFLOWS:
        assert set(re.findall(r'python-version: "([\d.]+)"', workflow.read_text())) <= pythons()


def test_the_browser_has_the_kernel_and_numpy_of_the_book():
    asked = json.loads((ROOT / "lite" / "packages.json").read_text())
    files = json.loads((ROOT / "lite" / "lock.json").read_text())
    kernel = pins("lite/requirements.txt")["jupyterlite-pyodide-kernel"]
    assert any(one["package"] == f"jupyterlite-pyodide-kernel=={kernel}" for one in files)
    assert any(one["file"].startswith(f"numpy-{pins('requirements.txt')['numpy']}-") for one in files)
    assert {one["package"].partition("==")[0] for one in asked} == {one["package"].partition("==")[0] for one in files}


def test_jupyter_book_stays_below_two():
    assert pins("requirements.txt")["jupyter-book"].startswith("1.")
    (pip, *_) = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {"dependency-name": "jupyter-book", "versions": [">=2"]} in pip["ignore"]


def test_dependabot_looks_wherever_versions_are_pinned():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    looked = {one["package-ecosystem"]: set(one.get("directories", [one.get("directory")])) for one in updates}
    tracked = [path for path in ROOT.rglob("package.json") if not {"node_modules", "_build"} & set(path.parts)]
    tracked = [path for path in tracked if not any(part.startswith(".venv") for part in path.parts)]
    assert looked["npm"] == {f"/{path.parent.relative_to(ROOT)}" for path in tracked}
    assert {"/", "/benchmarks", "/lite"} <= looked["pip"]
    assert looked["github-actions"] == {"/"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_little_and_names_its_actions_by_hash(workflow):
    text = workflow.read_text()
    told = yaml.safe_load(text)
    assert told["permissions"] == {}
    assert "secrets." not in text
    uses = USES.findall(text)
    assert len(uses) == text.count("uses:")
    for action, commit, version in uses:
        assert re.fullmatch("[0-9a-f]{40}", commit), action
        assert version, f"{action} must say its version"
    for job in told["jobs"].values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_what_workflows_make_is_there_to_be_made():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for workflow in WORKFLOWS:
        text = workflow.read_text()
        assert set(re.findall(r"run: make ([a-z-]+)", text)) <= targets
        for tasks in re.findall(r"task: \[([^\]]+)\]", text):
            assert set(tasks.split(", ")) <= targets
