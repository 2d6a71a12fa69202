"""Put together the Python of the book's own pages: Pyodide, and as little more as `marginlab` needs to answer there.

``python -m lite.runtime`` leaves it in ``_build/runtime``, from what `lock.json` names; `make book` puts it into the
site, and the JupyterLite beside the pages takes Pyodide from there. One archive holds the modules that are named in
``lean.json``, without docstrings; what draws numbers by chance is another. Brackets and events are files of their own.
Where node or npm is not at hand the pages do without. ``--list`` writes ``lean.json`` anew.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .assemble import FETCHED, ROOT, RUNTIME, STANDARD, fetch, file_of, locked, made_from, make_compiled, pack, unpack
from .node import HERE, AssemblyError, node

OUT = ROOT / "_build" / "runtime"
LEAN = HERE / "lean.json"
PACKAGE = ROOT / "marginlab"
# What a page loads of it besides.
SCRIPTS = ("account-python.js", "account-worker.js", "unpack.mjs")
ARCHIVES = {"python.data": "always", "random.data": "by chance"}
# Fetched when an account asks for them; the brackets every account does. They have names that no server takes for what
# they are, to send them unpacked.
BRACKETS = "all_brackets"
KIND, SENT_AS = ".json.gz", ".data"
APART = (BRACKETS + KIND, f"events/*{KIND}")
# They hold docstrings of numpy's and nothing else.
EMPTIED = ("numpy/_core/_add_newdocs.py", "numpy/_core/_add_newdocs_scalars.py")
# What a server sends packed, and a page therefore gets so.
PACKED = (".wasm", ".mjs")
# What a kernel or a terminal needs, and no page.
ELSEWHERE = {PACKAGE / name for name in ("__main__.py", "display/entry.py", "display/form.py")}
# An archive of nothing: Pyodide asks for one with the standard library, which is in the lean one here.
EMPTY = "empty.zip"


def prepare() -> None:
    """Put it together, if what it is made of has changed since."""
    now, stamp = made_from(), OUT / "made-from.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == now:
        return
    shutil.rmtree(OUT, ignore_errors=True)
    fetch((entry for entry in locked() if needed(entry.package)), FETCHED)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT.parent) as name:
        work, out = Path(name), Path(name) / "runtime"
        everything = compiled(work)
        make(everything, work / "pyodide", out)
        (out / stamp.name).write_text(now, encoding="utf-8")
        out.replace(OUT)
    print(f"Python for the pages is in {OUT}", flush=True)


def needed(package: str) -> bool:
    """Return whether a locked package is part of it: Pyodide, and what numpy's wheel comes from.

    >>> needed("pyodide@1"), needed("open-webui==1"), needed("ipython==1")
    (True, True, False)
    """
    return package.startswith(("pyodide@", "open-webui=="))


def compiled(work: Path) -> dict[str, bytes]:
    """Return the standard library, numpy and the package as Python makes them, by path; Pyodide stays in `work`."""
    pyodide = work / "pyodide"
    pyodide.mkdir()
    unpack(FETCHED / file_of("pyodide"), pyodide)
    (numpy,) = FETCHED.glob("numpy-*.whl")
    own = zipped(PACKAGE, work / "marginlab.whl")
    swap = dict.fromkeys(EMPTIED, "")
    made = make_compiled(pyodide, [numpy, own], work / "work", keep=(), swap=swap, terse=("",), drop=("/tests/",))
    found: dict[str, bytes] = {}
    for path in [pyodide / STANDARD, *made]:
        with zipfile.ZipFile(path) as archive:
            found.update({name: archive.read(name) for name in archive.namelist()})
    return found


def zipped(folder: Path, out: Path) -> Path:
    """Put the modules and the data of a package into a zip, those apart and those for elsewhere left out."""
    apart = {path for pattern in APART for path in (folder / "markets" / "data").glob(pattern)} | ELSEWHERE
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and "static" not in path.parts and path not in apart:
                archive.write(path, str(path.relative_to(folder.parent)))
    return out


def make(everything: dict[str, bytes], pyodide: Path, out: Path) -> None:
    """Write all files of it into `out`."""
    (out / version()).mkdir(parents=True)
    for name in RUNTIME:
        shutil.copy(pyodide / name, out / version())
    lists = json.loads(LEAN.read_text(encoding="utf-8"))
    for name, when in ARCHIVES.items():
        own = (path for path in everything if path.startswith("marginlab/") and name == "python.data")
        paths = sorted({*own, *(path for module in lists[when] for path in paths_of(module, everything))})
        pack(((path, everything[path]) for path in paths), out / name)
    data = PACKAGE / "markets" / "data"
    for path in sorted(path for pattern in APART for path in data.glob(pattern)):
        target = out / str(path.relative_to(data)).replace(KIND, SENT_AS)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    with zipfile.ZipFile(out / EMPTY, "w"):
        pass
    for name in SCRIPTS:
        shutil.copy(HERE / name, out)
    (out / "files.mjs").write_text(described(out, pyodide), encoding="utf-8")


def version() -> str:
    """Return Pyodide's version, which names the folder that it lies in.

    >>> version().count(".")
    2
    """
    return file_of("pyodide").removeprefix("pyodide-").removesuffix(".tgz")


def paths_of(module: str, everything: Iterable[str]) -> Iterator[str]:
    """Yield the file of a module; raise if there is none.

    >>> list(paths_of("json.decoder", ["json/__init__.pyc", "json/decoder.pyc"]))
    ['json/decoder.pyc']
    """
    place = module.replace(".", "/")
    found = [path for path in everything if path in (f"{place}.pyc", f"{place}/__init__.pyc")]
    found = found or [path for path in everything if path.startswith(f"{place}.cpython-")]
    if not found:
        raise AssemblyError(f"{LEAN.name} names {module}, which is not there: run `python -m lite.runtime --list`")
    yield from found


def described(out: Path, pyodide: Path) -> str:
    """Return the script that says how large everything is that a worker may fetch, and which of it comes first."""
    info = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))["info"]
    first = {"python.data", "pyodide.asm.wasm", "pyodide.asm.mjs", BRACKETS + SENT_AS}
    sizes = {}
    for path in sorted(path for path in out.rglob("*") if path.suffix in (SENT_AS, *PACKED)):
        name = str(path.relative_to(out)).removeprefix(f"{version()}/")
        whole = path.read_bytes()
        packed = len(gzip.compress(whole, mtime=0)) if path.suffix in PACKED else len(whole)
        sizes[name] = {"whole": len(whole), "packed": packed, "first": name in first}
    lock = {"info": info, "packages": {}}
    return (
        f"export const VERSION = {json.dumps(version())};\n"
        f"export const LOCK = {json.dumps(lock)};\n"
        f"export const BYTES = {json.dumps(sizes)};\n"
    )


def write_list() -> None:
    """Write `lean.json`: what Python imports while it answers everything that a page can ask."""
    fetch((entry for entry in locked() if needed(entry.package)), FETCHED)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        everything = compiled(work)
        data = PACKAGE / "markets" / "data"
        apart = (path for pattern in APART for path in data.glob(pattern))
        inside = [(f"marginlab/markets/data/{path.relative_to(data)}", path.read_bytes()) for path in apart]
        pack([*everything.items(), *inside], work / "all.data")
        node("lean.mjs", work / "pyodide", work / "all.data", LEAN, wanted="listing what Python imports")


def main() -> None:
    """Put it together, or with ``--list`` write the list of modules."""
    parser = argparse.ArgumentParser(prog="python -m lite.runtime", description=__doc__)
    parser.add_argument("--list", action="store_true", help="write lean.json anew")
    listing = parser.parse_args().list
    if missing := [tool for tool in ("npm", "node") if shutil.which(tool) is None]:
        shutil.rmtree(OUT, ignore_errors=True)
        print(f"Pages get no Python: {' and '.join(missing)} not at hand.")
        return
    try:
        (write_list if listing else prepare)()
    except AssemblyError as error:
        if listing:
            sys.exit(f"lite: {error}")
        print(f"Pages get no Python: {error}.")


if __name__ == "__main__":
    main()
