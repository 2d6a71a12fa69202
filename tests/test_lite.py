"""What Python in the browser is put together from: nothing that is not as locked, and nothing half done."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from lite import assemble, runtime, site
from lite import compile as compiling
from lite.assemble import Locked
from lite.node import AssemblyError

from .test_package import ORDER, TREES

ROOT = Path(__file__).parents[1]


def entry(content: bytes, file: str = "one-1.0-py3-none-any.whl", inside: str = "") -> Locked:
    return Locked(file, "pip", "one==1.0", hashlib.sha256(content).hexdigest(), inside)


def wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def registry(monkeypatch):
    """Stand in for the clients: what they bring, by package, and what they were asked for."""
    known, asked = {}, []

    def bring(client, package, folder):
        asked.append((client, package))
        if package not in known:
            raise AssemblyError(f"{client} did not bring {package}: it is not there")
        path = folder / "brought"
        path.write_bytes(known[package])
        return path

    monkeypatch.setattr(assemble, "bring", bring)
    return known, asked


def test_what_is_fetched_is_kept_and_not_fetched_again(tmp_path, registry):
    known, asked = registry
    known["one==1.0"] = b"content"
    for _ in range(2):
        assemble.fetch([entry(b"content")], tmp_path / "fetched")
    assert (tmp_path / "fetched" / entry(b"").file).read_bytes() == b"content"
    assert asked == [("pip", "one==1.0")]


def test_after_an_interruption_only_the_rest_is_fetched(tmp_path, registry):
    known, asked = registry
    known["one==1.0"] = b"content"
    second = Locked("two.tgz", "npm", "two@2", hashlib.sha256(b"more").hexdigest())
    with pytest.raises(AssemblyError, match="two@2"):
        assemble.fetch([entry(b"content"), second], tmp_path / "fetched")
    known["two@2"] = b"more"
    assemble.fetch([entry(b"content"), second], tmp_path / "fetched")
    assert asked == [("pip", "one==1.0"), ("npm", "two@2"), ("npm", "two@2")]


def test_a_file_that_is_not_as_locked_is_refused_and_not_kept(tmp_path, registry):
    known, _ = registry
    known["one==1.0"] = b"other"
    with pytest.raises(AssemblyError) as refused:
        assemble.fetch([entry(b"content")], tmp_path / "fetched")
    for told in (entry(b"").file, entry(b"content").sha256, hashlib.sha256(b"other").hexdigest()):
        assert told in str(refused.value)
    assert list((tmp_path / "fetched").iterdir()) == []


def test_a_file_that_was_damaged_since_is_refused_by_name_and_hash(tmp_path, registry):
    _, asked = registry
    (tmp_path / entry(b"").file).write_bytes(b"conte")
    with pytest.raises(AssemblyError, match=re.escape(entry(b"").file)) as refused:
        assemble.fetch([entry(b"content")], tmp_path)
    assert entry(b"content").sha256 in str(refused.value)
    assert asked == []


def test_one_file_of_a_wheel_is_taken_out_of_it(tmp_path, registry):
    known, _ = registry
    known["one==1.0"] = wheel(tmp_path / "outer", {"deep/inner.whl": "inner"}).read_bytes()
    assemble.fetch([entry(b"inner", "inner.whl", "deep/inner.whl")], tmp_path / "fetched")
    assert (tmp_path / "fetched" / "inner.whl").read_bytes() == b"inner"
    with pytest.raises(AssemblyError, match=r"holds no deep/gone\.whl.*sha256"):
        assemble.fetch([entry(b"gone", "gone.whl", "deep/gone.whl")], tmp_path / "fetched")


@pytest.mark.parametrize(("client", "package"), [("npm", "pyodide@1"), ("pip", "no-such-package-here==1")])
def test_a_client_that_fails_says_what_is_missing(tmp_path, monkeypatch, client, package):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(AssemblyError, match=re.escape(package)):
        assemble.bring(client, package, tmp_path)


@pytest.mark.parametrize("lost", [True, False])
def test_assembling_stops_at_a_bad_file_and_leaves_what_was_there(tmp_path, monkeypatch, lost):
    fetched, out = tmp_path / "fetched", tmp_path / "pyodide"
    fetched.mkdir()
    out.mkdir()
    (out / "whole").touch()
    if not lost:
        (fetched / entry(b"").file).write_bytes(b"damaged")
    monkeypatch.setattr(assemble, "locked", lambda: [entry(b"content")])
    with pytest.raises(AssemblyError, match=entry(b"content").sha256):
        assemble.assemble(fetched, tmp_path / "own.whl", out)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and path.parent != fetched) == ["whole"]


FILES = {
    "one/__init__.py": '"""Said."""\nVALUE = 1\n',
    "one/terse.py": '"""At length."""\n',
    "one/wrong.py": "this is no Python\n",
    "one/data.csv": "a,b\n",
    "one/tests/test_one.py": "",
    "one-1.0.dist-info/RECORD": "",
    "one-1.0.dist-info/METADATA": "Name: one\n",
}


def compiled(tmp_path: Path, **options) -> zipfile.ZipFile:
    source, target = wheel(tmp_path / "source.whl", FILES), tmp_path / "target.whl"
    compiling.compiled(source, target, "/home", **{"keep": False, **options})
    return zipfile.ZipFile(target)


def test_sources_become_what_python_makes_of_them_and_the_rest_stays(tmp_path):
    with compiled(tmp_path, drop=["/tests/"], swap={"one/data.csv": "c\n"}, terse=["one/terse"]) as made:
        assert sorted(made.namelist()) == [
            "one-1.0.dist-info/METADATA",
            "one/__init__.pyc",
            "one/data.csv",
            "one/terse.pyc",
            "one/wrong.py",
        ]
        assert made.read("one/data.csv") == b"c\n"
        assert b"Said." in made.read("one/__init__.pyc")
        assert b"At length." not in made.read("one/terse.pyc")


def test_a_compiled_module_is_imported_without_its_source(tmp_path, monkeypatch):
    compiled(tmp_path).extractall(tmp_path / "there")
    monkeypatch.syspath_prepend(str(tmp_path / "there"))
    import one

    assert one.VALUE == 1
    assert one.__file__.endswith(".pyc")
    sys.modules.pop("one")


def test_kept_sources_lie_beside_what_is_made_of_them(tmp_path):
    with compiled(tmp_path, keep=True) as made:
        assert {"one/__init__.py", f"one/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"} <= set(
            made.namelist()
        )


def test_compiling_twice_gives_the_same_bytes(tmp_path):
    first = compiled(tmp_path).filename
    before = Path(first).read_bytes()
    compiled(tmp_path)
    assert Path(first).read_bytes() == before


def test_all_that_is_installed_lies_in_one_archive(tmp_path):
    deep = f"{'d' * 70}/{'e' * 70}/{'f' * 60}.py"  # too long for the field of a name alone
    two = wheel(tmp_path / "two-2.0-py3-none-any.whl", {"two.py": "TWO = 2\n", deep: "", "two/data.bin": "x" * 512})
    wheels = [wheel(tmp_path / "one-1.0-py3-none-any.whl", FILES), two]
    out = tmp_path / "all.data"
    assemble.pack(assemble.installed(wheels), out)
    with tarfile.open(out, "r:gz") as archive:
        found = {member.name: archive.extractfile(member).read().decode() for member in archive}
    assert found == {**FILES, "two.py": "TWO = 2\n", deep: "", "two/data.bin": "x" * 512}
    before = out.read_bytes()
    assemble.pack(assemble.installed(wheels), out)
    assert out.read_bytes() == before


def test_chapters_lie_in_the_folders_of_the_repository_with_the_kernel_that_is_there(tmp_path):
    site.contents(tmp_path)
    for path in (ROOT / "book").glob("*.ipynb"):
        copy = json.loads((tmp_path / "book" / path.name).read_text(encoding="utf-8"))
        assert copy["metadata"]["kernelspec"] == site.KERNEL
        assert all(isinstance(cell["source"], str) for cell in copy["cells"])
    assert (tmp_path / "book" / "claims.py").exists()


def test_scripts_of_every_start_are_put_into_the_page_s_own(tmp_path, monkeypatch):
    listed = tmp_path / "first.json"
    monkeypatch.setattr(site, "FIRST", listed)
    bundle = tmp_path / "build" / "notebooks" / "bundle.js"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("last();")
    (tmp_path / "build" / "1.abc.js").write_text('"use strict";first(); // said')
    listed.write_text('["build/1.abc.js"]')
    site.gather(tmp_path)
    assert bundle.read_text() == '(() => {"use strict";first(); // said\n})();\nlast();'
    assert not (tmp_path / "build" / "1.abc.js").exists()
    with pytest.raises(AssemblyError, match=r"no 1\.abc\.js: run `make first`"):
        site.gather(tmp_path)


def test_only_fonts_that_have_a_newer_form_are_left_out(tmp_path):
    for name in ("new/one.woff2", "new/one.woff", "new/one.ttf", "old/two.woff"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(path.name for path in site.never_asked_for(tmp_path)) == ["one.ttf", "one.woff"]


def test_every_locked_file_has_a_hash_and_the_version_that_the_book_is_built_with():
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    files = assemble.locked()
    assert len({one.file for one in files}) == len(files) > 20
    for one in files:
        assert re.fullmatch("[0-9a-f]{64}", one.sha256)
        name, equals, version = one.package.partition("==")
        if equals and name in pinned:
            assert version == pinned[name], name
        if one.file.startswith("numpy-"):
            assert one.file.split("-")[1] == pinned["numpy"]


# --- Python on the pages --------------------------------------------------------------------------------------

LEAN = json.loads(runtime.LEAN.read_text(encoding="utf-8"))
# Python has these inside, whatever lies beside it.
INSIDE = {"abc", "collections.abc", "io", "itertools", "math", "os", "zlib"}
# Beside a kernel, on the command line, and for runs that nobody asks for on a page.
NOT_ON_A_PAGE = ("display.entry", "display.explorer", "display.form", "display.widgets", "__main__")
NEVER_ASKED_FOR = {"tqdm.auto"}


def imported_by(module: str) -> set[str]:
    """Return what a module imports of others, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("module", [one for one in ORDER if one not in NOT_ON_A_PAGE])
def test_whatever_the_package_imports_is_in_the_archive_of_the_pages(module):
    known = {*LEAN["always"], *LEAN["by chance"], *INSIDE, *NEVER_ASKED_FOR}
    assert imported_by(module) <= known, "run `python -m lite.runtime --list`"


def test_what_draws_by_chance_is_not_in_the_archive_that_comes_first():
    assert [name for name in LEAN["always"] if name.startswith("numpy.random")] == []
    assert "numpy.random" in LEAN["by chance"]


def test_brackets_and_events_are_no_part_of_the_archive(tmp_path):
    with zipfile.ZipFile(runtime.zipped(ROOT / "marginlab", tmp_path / "own.whl")) as made:
        names = made.namelist()
    assert "marginlab/display/answers.py" in names
    assert "marginlab/markets/data/venues.json" in names
    assert not [name for name in names if name.endswith((".gz", ".pyc")) or "static" in name]


def test_a_module_that_is_not_there_is_named():
    assert list(runtime.paths_of("one", ["one/__init__.pyc", "one/two.pyc"])) == ["one/__init__.pyc"]
    assert list(runtime.paths_of("one._two", ["one/_two.cpython-314-wasm32.so"])) == ["one/_two.cpython-314-wasm32.so"]
    with pytest.raises(AssemblyError, match=r"names two, .* --list"):
        list(runtime.paths_of("two", ["one.pyc"]))


def test_the_pages_say_how_much_there_is_to_come(tmp_path):
    (tmp_path / "out" / "events").mkdir(parents=True)
    for name, content in {
        "python.data": b"x" * 10,
        "events/one.data": b"y",
        "pyodide.asm.wasm": b"z" * 5_000,
    }.items():
        (tmp_path / "out" / name).write_bytes(content)
    (tmp_path / "pyodide-lock.json").write_text('{"info": {"python": "3.14"}, "packages": {"one": {}}}')
    _, lock, sizes = runtime.described(tmp_path / "out", tmp_path).splitlines()
    assert lock == 'export const LOCK = {"info": {"python": "3.14"}, "packages": {}};'
    told = json.loads(sizes.removeprefix("export const BYTES = ").rstrip(";"))
    assert told["python.data"] == {"whole": 10, "packed": 10, "first": True}
    assert told["events/one.data"]["first"] is False
    assert told["pyodide.asm.wasm"]["packed"] < 100


def test_without_node_the_pages_do_without_and_nothing_old_is_left(tmp_path, monkeypatch, capsys):
    out = tmp_path / "runtime"
    out.mkdir()
    monkeypatch.setattr(runtime, "OUT", out)
    monkeypatch.setattr(sys, "argv", ["runtime"])
    monkeypatch.setenv("PATH", "")
    runtime.main()
    assert capsys.readouterr().out == "Pages get no Python: npm and node not at hand.\n"
    assert not out.exists()


def test_what_cannot_be_fetched_is_said_and_the_book_is_built_without(tmp_path, monkeypatch, capsys):
    def broken(*_: object) -> None:
        raise AssemblyError("npm did not bring pyodide: it is not there")

    monkeypatch.setattr(runtime, "OUT", tmp_path / "runtime")
    monkeypatch.setattr(runtime, "fetch", broken)
    monkeypatch.setattr(runtime.shutil, "which", lambda tool: tool)
    monkeypatch.setattr(sys, "argv", ["runtime"])
    runtime.main()
    assert "npm did not bring pyodide" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["runtime", "--list"])
    with pytest.raises(SystemExit, match="did not bring"):
        runtime.main()


def test_what_was_put_together_before_is_not_put_together_again(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "OUT", tmp_path)
    (tmp_path / "made-from.txt").write_text(assemble.made_from())
    monkeypatch.setattr(runtime, "fetch", None)
    runtime.prepare()


def test_jupyterlite_takes_pyodide_from_where_the_pages_have_it():
    text = site.starter()
    assert f'import("../../../runtime/{runtime.version()}/pyodide.mjs")' in text
    assert f'here("../../../runtime/{runtime.version()}/")' in text
    assert "RUNTIME" not in text
