"""Put the plotly script of the book's pages in place: ``python book/plotly_script.py FOLDER`` (`make book` calls it).

The book draws lines, areas, markers and bars, which plotly's basic bundle does in a third of the weight.
It comes from the npm package of the version that the Python package carries, and its hash is known here.
Where npm is not at hand, the whole bundle inside the Python package serves.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import plotly

WHOLE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
PACKAGE, FILE = "plotly.js-basic-dist-min", "package/plotly-basic.min.js"
# SHA-256 of the script, by version.
KNOWN = {"4.1.1": "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"}


def version_of(script: str) -> str:
    r"""Return the version that a plotly script states in its first lines.

    >>> version_of("/**\n* plotly.js (basic - minified) v4.1.1")
    '4.1.1'
    """
    found = re.search(r"plotly\.js.*? v([\d.]+)", script[:300])
    if found is None:
        raise ValueError(f"script must state plotly's version in its first lines, not {script[:60]!r}")
    return found[1]


def basic(version: str) -> bytes:
    """Return the basic bundle of a version, as npm has it.

    Raises
    ------
    ValueError
        If its hash is not the known one, or none is known.
    OSError, subprocess.SubprocessError
        If npm is not there, or cannot fetch it.
    """
    if version not in KNOWN:
        raise ValueError(f"version must be one whose hash is known ({', '.join(KNOWN)}), not {version}")
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not at hand")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [npm, "pack", "--silent", f"{PACKAGE}@{version}"], cwd=folder, check=True, timeout=120, capture_output=True
        )
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            member = packed.extractfile(FILE)
            script = member.read() if member else b""
    found = hashlib.sha256(script).hexdigest()
    if found != KNOWN[version]:
        raise ValueError(f"{FILE} of {PACKAGE} {version} must have the hash {KNOWN[version]}, not {found}")
    return script


def main(folder: Path) -> None:
    """Write the script, and say which one it is."""
    whole = WHOLE.read_bytes()
    try:
        script = basic(version_of(whole[:300].decode()))
    except (OSError, subprocess.SubprocessError) as missing:
        print(f"Pages get the whole plotly script: {missing}.")
        script = whole
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WHOLE.name).write_bytes(script)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
