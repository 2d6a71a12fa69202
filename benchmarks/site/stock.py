"""The yardstick: a stock Jupyter Book, of one page with a FigureWidget and two sliders, or of this book's notebooks."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).parents[2]
CELL = """import ipywidgets
import plotly.graph_objects as go

figure = go.FigureWidget(go.Scatter(x=list(range(50)), y=[0.0] * 50))

def redraw(slope, offset):
    figure.data[0].y = [slope * x + offset for x in range(50)]

sliders = ipywidgets.interactive(redraw, slope=(0, 10), offset=(-50, 50))
ipywidgets.VBox([sliders, figure])"""


def page(folder: Path) -> Path:
    """Build a stock book of one page, and return where it is."""
    folder.mkdir(parents=True)
    cells = [
        nbformat.v4.new_markdown_cell("# A stock page\n\nOne figure and two sliders."),
        nbformat.v4.new_code_cell(CELL),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "page.ipynb")
    (folder / "_config.yml").write_text("title: Stock\nexecute:\n  execute_notebooks: force\n", encoding="utf-8")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: page\n", encoding="utf-8")
    build(folder)
    return folder / "_build" / "html"


def sources(folder: Path) -> Path:
    """Copy what the book is built from, with the script for its figures, but nothing built."""
    left = shutil.ignore_patterns(".*", "_build", "tests", "benchmarks", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, folder, ignore=left)
    shutil.copytree(ROOT / "_build" / "plotly", folder / "_build" / "plotly")
    return folder


def without_ours(folder: Path) -> Path:
    """Copy the book's sources as a stock book: the notebooks as they are, live widgets instead of grids of states."""
    sources(folder)
    told = yaml.safe_load((folder / "_config.yml").read_text(encoding="utf-8"))
    del told["sphinx"]["local_extensions"]
    for name in ("page_descriptions", "marginlab_made_from", "nitpicky"):
        told["sphinx"]["config"].pop(name, None)
    (folder / "_config.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return folder


def build(folder: Path) -> float:
    """Build a book and return the seconds that processors worked on it, in all its processes."""
    jupyter_book = str(Path(sys.executable).with_name("jupyter-book"))
    before = _worked()
    done = subprocess.run(
        [jupyter_book, "build", "-q", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the build in {folder} failed:\n{done.stdout}{done.stderr}")
    return _worked() - before


def _worked() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime
