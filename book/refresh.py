"""Run the notebooks and keep of each output what reads as text, so that a notebook's changes can be read.

``python book/refresh.py`` runs and rewrites all notebooks of the book; with ``--check`` it runs nothing
and only says which hold more than text.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).parent
KEPT = ("text/plain", "text/markdown")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def as_text(notebook: Any) -> Any:
    """Strip outputs of all but text, and the metadata of all but what the book needs."""
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("jupyter", "tags") if key in cell.metadata}
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if "data" in output:
                output.data = {kind: text for kind, text in output.data.items() if kind in KEPT}
                output.metadata = {}
    # Beside the kernel: how the book's build runs it.
    notebook.metadata = METADATA | {key: notebook.metadata[key] for key in ("mystnb",) if key in notebook.metadata}
    return notebook


def main() -> None:
    """Refresh or check every notebook of the book."""
    wrong = []
    for path in sorted(BOOK.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        if "--check" not in sys.argv:
            NotebookClient(
                notebook, timeout=300, coalesce_streams=True, resources={"metadata": {"path": str(BOOK)}}
            ).execute()
        after = nbformat.writes(as_text(notebook))
        if "--check" not in sys.argv:
            nbformat.write(notebook, path)
        elif after != before:
            wrong.append(path.name)
    if wrong:
        sys.exit(f"more than text in {', '.join(wrong)}: run `make notebooks`")


if __name__ == "__main__":
    main()
