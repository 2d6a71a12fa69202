"""Build the site: the pages of the book, and in a folder of it the JupyterLite that runs their notebooks.

``python -m lite.site`` leaves it in ``_build/site``, whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat

from book.theme.policy import PYTHON_TAG, allowed

from . import runtime
from .assemble import DISTRIBUTION, ROOT, pack, prepare
from .node import HERE, AssemblyError
from .widget import SERVED

SITE = ROOT / "_build" / "site"
# Where JupyterLite lies in it.
FOLDER = "python"
# A page of it with figures.
PAGE = Path("book") / "structure.html"
# Draws figures that are no widgets, with five megabytes of its own; those of the book are widgets.
UNUSED_EXTENSIONS = {"jupyterlab-plotly"}

# What chapters read besides the package, in the folders of the repository.
CONTENTS = ("book/*.ipynb", "book/*.py", "book/*.csv", "tests/claims/*.py")
CONTENTS_ARCHIVE = "contents.data"
# Scripts that a start asks for before its first widget; `make first` lists them anew.
FIRST = HERE / "first.json"
KERNEL = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}


def contents(folder: Path) -> None:
    """Copy what a reader opens, its notebooks with the kernel of the browser so that nobody is asked for one."""
    for pattern in CONTENTS:
        for path in ROOT.glob(pattern):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".ipynb":
                # Read so, texts of several lines are one string each, which is what the browser's side expects.
                notebook = nbformat.read(path, as_version=4)
                notebook.metadata.kernelspec = KERNEL
                copy.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
            else:
                shutil.copy(path, copy)


def pages(work: Path) -> Path:
    """Build the pages, with buttons that lead into the JupyterLite beside them; return their folder."""
    environment = {**os.environ, "MARGINLAB_PYTHON_FOLDER": FOLDER}
    run("jupyter-book", "build", "-q", "-n", "-W", "--keep-going", "--path-output", work, ROOT, env=environment)
    return work / "_build" / "html"


def jupyterlite(out: Path, work: Path) -> None:
    """Build a JupyterLite with the chapters, and put Pyodide into it."""
    contents(work / "contents")
    for file in ("jupyter-lite.json", "overrides.json"):
        shutil.copy(HERE / file, work)
    options = ["--apps", "notebooks", "--no-sourcemaps", "--no-unused-shared-packages"]
    folders = ["--lite-dir", work, "--contents", work / "contents", "--output-dir", out]
    # It tells of every file; what matters of that comes with an error.
    run("jupyter", "lite", "build", *options, *folders, "--settings-overrides", work / "overrides.json", cwd=work)
    without(out, UNUSED_EXTENSIONS)
    for path in never_asked_for(out):
        path.unlink()
    gather(out)
    start_early(out, work / "contents")
    for page in out.rglob("*.html"):
        page.write_text(guarded(page.read_text(encoding="utf-8")), encoding="utf-8")


def never_asked_for(out: Path) -> Iterator[Path]:
    """Yield the files that no browser asks for here: fonts in older forms, and what lays out one kind of diagram."""
    for new in {path.parent for path in out.rglob("*.woff2")}:
        stems = {path.name.partition(".")[0] for path in new.glob("*.woff2")}
        for path in new.iterdir():
            # All that run WebAssembly read the newest form, which stylesheets name first.
            if path.suffix in {".eot", ".svg", ".ttf"} or (
                path.suffix == ".woff" and path.name.partition(".")[0] in stems
            ):
                yield path
    yield from (path for path in out.glob("build/*.js") if "org.eclipse.elk" in path.read_text(encoding="utf-8"))


def without(out: Path, extensions: Collection[str]) -> None:
    """Take extensions of JupyterLab out that nothing here uses."""
    told = out / "jupyter-lite.json"
    whole = json.loads(told.read_text(encoding="utf-8"))
    config = whole["jupyter-config-data"]
    config["federated_extensions"] = [one for one in config["federated_extensions"] if one["name"] not in extensions]
    told.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    for name in extensions:
        shutil.rmtree(out / "extensions" / name)


def run(command: str, *options: Any, **settings: Any) -> None:
    """Run a command of this environment; raise with what it said if it fails."""
    path = Path(sys.executable).parent / command
    done = subprocess.run([path, *options], capture_output=True, text=True, check=False, **settings)
    if done.returncode:
        raise AssemblyError(f"{command} failed:\n{done.stdout}{done.stderr}")


def gather(out: Path) -> None:
    """Put the scripts that every start asks for into the page's own: one is there sooner than a hundred and forty."""
    paths = [out / name for name in json.loads(FIRST.read_text(encoding="utf-8"))]
    if gone := [path.name for path in paths if not path.exists()]:
        raise AssemblyError(f"{FIRST.name} is of another JupyterLite, this has no {gone[0]}: run `make first`")
    bundle = out / "build" / "notebooks" / "bundle.js"
    # A function each: what the first line of a script says holds for the whole of it.
    texts = [f"(() => {{{path.read_text(encoding='utf-8')}\n}})();\n" for path in paths]
    bundle.write_text("".join([*texts, bundle.read_text(encoding="utf-8")]), encoding="utf-8")
    for path in paths:
        path.unlink()


def start_early(out: Path, read: Path) -> None:
    """Put Pyodide and what notebooks read into a JupyterLite, and let its kernel start with the page, not after it."""
    static = out / "static"
    shutil.copytree(DISTRIBUTION, static / "pyodide")
    (static / "pyodide" / "start.mjs").write_text(starter(), encoding="utf-8")
    paths = sorted(path for path in read.rglob("*") if path.is_file())
    pack(((str(path.relative_to(read)), path.read_bytes()) for path in paths), static / "pyodide" / CONTENTS_ARCHIVE)
    worker = one(out.glob("extensions/@jupyterlite/pyodide-kernel-extension/static/comlink.worker.*.js"))
    imports = ("./pyodide/start.mjs", f"../{worker.relative_to(out)}")
    asked = ", ".join(f'import("{path}")' for path in imports)
    (static / "kernel.mjs").write_text(f"await Promise.all([{asked}]);\n", encoding="utf-8")
    shutil.copy(HERE / "early.js", static)
    page = out / "notebooks" / "index.html"
    page.write_text(_put(page.read_text(encoding="utf-8"), "</title>", f"</title>{head(out)}"), encoding="utf-8")


def starter() -> str:
    """Return the script that starts Pyodide, which the site has once, beside its pages."""
    text = (HERE / "start.mjs").read_text(encoding="utf-8")
    return text.replace("RUNTIME", f"../../../{runtime.OUT.name}").replace("VERSION", runtime.version())


def head(out: Path) -> str:
    """Return what a notebook's page begins with: what starts early, and what is fetched before it is asked for."""
    entries = sorted(out.glob("extensions/**/remoteEntry.*.js"))
    # Under the very address that the book's pages have it from, so that nobody fetches it twice.
    (plotly,) = set(re.findall(r"_static/plotly\.min\.js[^\"]*", (out.parent / PAGE).read_text(encoding="utf-8")))
    return f"""
    <link rel="icon" type="image/svg+xml" href="../../_static/favicon.svg">
    <script src="../static/early.js"></script>
    <script async src="../../{plotly}"></script>
    <link rel="modulepreload" href="../static/pyodide/{SERVED}">
    {"".join(f'<link rel="preload" as="script" href="../{path.relative_to(out)}">' for path in entries)}"""


def guarded(page: str) -> str:
    """Return a page with a policy that lets it, and Python in its kernel, ask nothing of another host.

    >>> guarded("<html><head></head></html>")[:51]
    '<html><head><meta http-equiv="Content-Security-Poli'
    """
    return _put(page, "<head>", "<head>" + PYTHON_TAG.format(scripts=allowed(page)))


def one(found: Iterable[Path]) -> Path:
    """Return the only file found."""
    (path,) = found
    return path


def _put(text: str, old: str, new: str) -> str:
    """Replace what must be there once."""
    if text.count(old) != 1:
        raise AssemblyError(f"{old!r} should be there once, and is {text.count(old)} times")
    return text.replace(old, new)


def main() -> None:
    """Build everything, and put it in its place in one step."""
    SITE.parent.mkdir(parents=True, exist_ok=True)
    try:
        prepare()
        runtime.prepare()
        with tempfile.TemporaryDirectory(dir=SITE.parent) as name:
            work = Path(name).resolve()
            print("building the pages", flush=True)
            built = pages(SITE.parent / "pages")
            print("building JupyterLite", flush=True)
            shutil.copytree(built, work / "site")
            jupyterlite(work / "site" / FOLDER, work)
            shutil.rmtree(SITE, ignore_errors=True)
            (work / "site").replace(SITE)
    except AssemblyError as error:
        sys.exit(f"lite: {error}")
    print(f"The site is ready in {SITE}. Serve it with any static file server.")


if __name__ == "__main__":
    main()
