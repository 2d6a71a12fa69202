"""Assemble the Pyodide that the site carries, from pinned files whose hashes are known.

``python -m lite.assemble`` fetches what ``lock.json`` names by the ordinary clients of the package registries
(npm, pip), checks every hash, compiles the modules, and leaves a whole distribution in ``_build/lite/pyodide``:
Pyodide, and all packages in one archive, which a browser unpacks in a tenth of the time of as many wheels.
What was fetched before is not fetched again, and nothing half done is ever left in the place of the whole.
``--lock`` writes ``lock.json`` anew from the versions in ``constraints.txt``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from . import widget
from .node import HERE, AssemblyError, members, node

ROOT = HERE.parent
LOCK = HERE / "lock.json"
FETCHED = ROOT / "_build" / "lite" / "fetched"
DISTRIBUTION = ROOT / "_build" / "lite" / "pyodide"

# Of Pyodide's own package, what a browser loads.
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")
STANDARD = "python_stdlib.zip"
SITE_PACKAGES = "/lib/python3.14/site-packages"
# All that is installed: a gzipped tar under a name that no server takes for one, to send it unpacked.
ARCHIVE = "site-packages.data"
# Scripts for other hosts of widgets, examples, what completes code of packages that are not here, and tests.
UNUSED = (
    ".data/",
    "/labextension/",
    widget.WHOLE,
    "plotly/package_data/datasets/",
    "jedi/third_party/django-stubs/",
    "jedi/third_party/typeshed/stubs/",
    "numpy/f2py/",
    "numpy/_core/include/",
    "numpy/_core/lib/",
    "numpy/random/lib/",
    "/tests/",
)
# Written by a program, these say at length of each setting what plotly's reference says too.
TERSE = ("plotly/graph_objs/",)
# This book's own library can be looked at; the others' sources would only be more to load.
KEPT = ("marginlab-",)


@dataclass(frozen=True)
class Locked:
    """One file: where it comes from, and the hash it must have.

    Attributes
    ----------
    client
        ``"npm"`` or ``"pip"``.
    package
        What the client is asked for, with its version: ``"pyodide@314.0.6"``, ``"ipython==9.18.1"``.
    inside
        Path within what the client brings; empty where that is the file itself.
    """

    file: str
    client: str
    package: str
    sha256: str
    inside: str = ""


def locked() -> list[Locked]:
    """Return the files that `lock.json` names."""
    return [Locked(**entry) for entry in json.loads(LOCK.read_text(encoding="utf-8"))]


def file_of(package: str) -> str:
    """Return the name of the file that `lock.json` has of a package.

    >>> file_of("acorn").endswith(".tgz")
    True
    """
    (file,) = (entry.file for entry in locked() if re.split("[@=]", entry.package)[0] == package)
    return file


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(path: Path, entry: Locked) -> None:
    """Raise if a file is not there, or not the one that was locked."""
    where = f"{entry.file} (of {entry.package}, by {entry.client})"
    if not path.exists():
        raise AssemblyError(f"{where} is missing: {path} should have the sha256 {entry.sha256}")
    if (found := sha256(path)) != entry.sha256:
        raise AssemblyError(
            f"{where} is damaged: {path} has the sha256 {found}, not {entry.sha256}. Remove it to fetch it anew"
        )


def fetch(entries: Iterable[Locked], folder: Path) -> None:
    """Bring what `folder` does not hold yet; raise if anything there or fetched is not as locked."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[tuple[str, str], list[Locked]] = {}
    for entry in entries:
        if (folder / entry.file).exists():
            check(folder / entry.file, entry)
        else:
            wanted.setdefault((entry.client, entry.package), []).append(entry)
    for number, ((client, package), files) in enumerate(wanted.items(), 1):
        print(f"[{number}/{len(wanted)}] fetching {package} by {client}", flush=True)
        # Beside its place, so that it gets there by a rename: whole, or not at all.
        with tempfile.TemporaryDirectory(dir=folder.parent) as name:
            brought = bring(client, package, Path(name))
            for entry in files:
                found = taken_out(brought, entry, Path(name)) if entry.inside else brought
                check(found, entry)
                found.replace(folder / entry.file)


def bring(client: str, package: str, folder: Path) -> Path:
    """Fetch a package into an empty folder by its client; return the one file it consists of."""
    if client == "npm":
        command = ["npm", "pack", package, "--silent", "--pack-destination", str(folder)]
    else:
        # Of wheels for several systems, the one for all. What only wraps a file may be for other Pythons.
        system = ["--platform=any", "--implementation=py", "--abi=none", "--python-version=3.14"]
        command = [sys.executable, "-m", "pip", "download", package, "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--ignore-requires-python", *system, "--dest", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise AssemblyError(f"{package} needs {client}, which is not on this machine") from error
    if done.returncode or not (files := list(folder.iterdir())):
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise AssemblyError(f"{client} did not bring {package}: {said[-1] if said else 'it brought nothing'}")
    return files[0]


def taken_out(archive: Path, entry: Locked, folder: Path) -> Path:
    """Unpack the one file of a wheel that is wanted."""
    with zipfile.ZipFile(archive) as wheel:
        if entry.inside not in wheel.namelist():
            raise AssemblyError(f"{entry.package} holds no {entry.inside}, which should have the sha256 {entry.sha256}")
        return Path(wheel.extract(entry.inside, folder))


def assemble(fetched: Path, wheel: Path, out: Path) -> None:
    """Make the distribution `out` of what was fetched and the wheel of `marginlab`, in one step at the end."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        folder = Path(name) / "pyodide"
        folder.mkdir()
        entries = locked()
        for entry in entries:
            check(fetched / entry.file, entry)
        unpack(fetched / file_of("pyodide"), folder)
        original = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
        wheels = [fetched / entry.file for entry in entries if entry.file.endswith(".whl")]
        made = make_compiled(folder, [*wheels, wheel], Path(name) / "work")
        pack(installed(made), folder / ARCHIVE)
        # Nothing is left to be loaded package by package.
        lock = {"info": original["info"], "packages": {}}
        (folder / "pyodide-lock.json").write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")
        for file in RUNTIME:  # the site has these beside its pages
            (folder / file).unlink()
        widget.serve(fetched / file_of("plotly"), fetched / file_of("acorn"), folder)
        shutil.rmtree(out, ignore_errors=True)
        folder.replace(out)
    print(f"assembled {len(made)} packages in {out}", flush=True)


def unpack(archive: Path, folder: Path) -> None:
    """Take out of Pyodide's package what a browser loads, and its list of packages."""
    names = (*RUNTIME, STANDARD, "pyodide-lock.json")
    for name, content in zip(names, members(archive, names), strict=True):
        (folder / name).write_bytes(content)


def make_compiled(
    folder: Path,
    wheels: list[Path],
    work: Path,
    *,
    drop: Sequence[str] = UNUSED,
    swap: Mapping[str, str] = widget.SWAPPED,
    terse: Sequence[str] = TERSE,
    keep: Sequence[str] = KEPT,
) -> list[Path]:
    """Compile the standard library in `folder`, and all wheels, with the Python there; return the wheels made.

    What has a part of `drop` in its path is left out; `swap` gives other texts; what has a part of `terse` in its path
    loses its docstrings; of wheels whose names begin as one of `keep`, the sources stay.
    """
    (work / "made").mkdir(parents=True)
    jobs = []
    for path in [folder / STANDARD, *wheels]:
        shutil.copy(path, work)
        home = "/lib/python314.zip" if path.name == STANDARD else SITE_PACKAGES
        kept = path.name.startswith(tuple(keep))
        jobs.append({"source": path.name, "target": f"made/{path.name}", "home": home, "keep": kept})
    told = {"drop": drop, "swap": swap, "terse": terse, "jobs": jobs}
    (work / "jobs.json").write_text(json.dumps(told), encoding="utf-8")
    node("compile.mjs", folder, work / "jobs.json", wanted="compiling the modules")
    (work / "made" / STANDARD).replace(folder / STANDARD)
    return sorted((work / "made").iterdir())


def installed(wheels: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file of some wheels."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)


def pack(files: Iterable[tuple[str, bytes]], out: Path) -> None:
    """Put files into a gzipped tar; the same files give the same bytes."""
    with (
        out.open("wb") as bare,
        gzip.GzipFile("", "wb", fileobj=bare, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def own_wheel(folder: Path) -> Path:
    """Build the wheel of `marginlab` as it is here, from a copy: building leaves things behind."""
    copy = folder / "copy"
    shutil.copytree(ROOT / "marginlab", copy / "marginlab", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "pip", "wheel", str(copy), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)], check=True)
    return next(folder.glob("marginlab-*.whl"))


def lock() -> None:
    """Write `lock.json`: the versions of `constraints.txt`, with the hashes of what the registries bring today."""
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    versions = dict(re.findall(r"^([\w.-]+)==([\w.]+)", constraints, re.MULTILINE))
    asked = json.loads((HERE / "packages.json").read_text(encoding="utf-8"))
    written = []
    for one in asked:
        name = one["package"]
        package = name if "=" in name or "@" in name else f"{name}=={versions[name]}"
        with tempfile.TemporaryDirectory() as folder:
            brought = bring(one["client"], package, Path(folder))
            for inside in one.get("inside", [""]):
                entry = Locked(Path(inside).name or brought.name, one["client"], package, "", inside)
                found = taken_out(brought, entry, Path(folder)) if inside else brought
                written.append({**asdict(entry), "sha256": sha256(found)})
                print(f"locked {entry.file}", flush=True)
    LOCK.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def prepare() -> None:
    """Fetch and assemble, if what the distribution was made from has changed since."""
    fetch(locked(), FETCHED)
    stamp, now = DISTRIBUTION.with_name("made-from.txt"), made_from()
    if DISTRIBUTION.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == now:
        print(f"assembled before: {DISTRIBUTION}", flush=True)
        return
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        assemble(FETCHED, own_wheel(Path(folder)), DISTRIBUTION)
    stamp.write_text(now, encoding="utf-8")


def made_from() -> str:
    """Return what changes when the lock, the way of assembling or the package does."""
    whole = hashlib.sha256()
    for folder in (HERE, ROOT / "marginlab"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                whole.update(path.read_bytes())
    return whole.hexdigest()


def main() -> None:
    """Assemble, or with ``--lock`` write the lock."""
    parser = argparse.ArgumentParser(prog="python -m lite.assemble", description=__doc__)
    parser.add_argument("--lock", action="store_true", help="write lock.json anew")
    write = parser.parse_args().lock
    try:
        (lock if write else prepare)()
    except AssemblyError as error:
        sys.exit(f"lite: {error}")


if __name__ == "__main__":
    main()
