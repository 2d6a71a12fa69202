"""What draws figures in the browser's Python: the script of plotly's widget, without the plotly it carries.

The widget comes with all of plotly, five megabytes that a page needs most of a second to set up. The pages of
the book draw with a quarter of that, which the site has anyway: the widget takes its drawing from there, and only
a figure of another kind loads the whole.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from .node import members, node

WIDGET = "plotly/package_data/widgetbundle.js"
WHOLE = "plotly/package_data/plotly.min.js"
# Under which names the site serves them.
SERVED, SERVED_WHOLE = "plotly-widget.js", "plotly-whole.js"
# Too large to pass through the kernel with each figure, which then names where the site has it.
SWAPPED = {
    WIDGET: f"""\
// The page is one folder below the root of what is served.
const address = new URL("../static/pyodide/{SERVED}", document.baseURI);
export default (await import(address)).default;
"""
}


def serve(plotly: Path, acorn: Path, folder: Path) -> None:
    """Put both scripts of plotly's wheel into a folder, the widget's cut by the parser in acorn's package."""
    with zipfile.ZipFile(plotly) as wheel, tempfile.TemporaryDirectory() as name:
        parser, widget = Path(name) / "acorn.mjs", Path(name) / "widget.js"
        (content,) = members(acorn, ["dist/acorn.mjs"])
        parser.write_bytes(content)
        widget.write_bytes(wheel.read(WIDGET))
        node("split.mjs", parser, widget, folder / SERVED, wanted="cutting plotly's widget")
        (folder / SERVED_WHOLE).write_bytes(wheel.read(WHOLE))
