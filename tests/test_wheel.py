"""The package as others install it: its wheel alone, in an environment that has nothing but what it depends on."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

from lite.assemble import own_wheel

NEEDED = ("numpy", "tqdm")
LARGEST = 700_000
ROOMS = ("margin", "markets", "simulation", "portfolio", "comparison", "display")
ASKED = """
import importlib, json
import marginlab
from marginlab import event, event_names, event_record, practices, venue, venue_names

found = {
    "from": marginlab.__file__,
    "rooms": [importlib.import_module(f"marginlab.{name}").__name__ for name in %r],
    "brackets": [len(venue(name).tables) for name in venue_names()],
    "contracts": [len([venue(name).contract(one) for one in venue(name).symbols[:3]]) for name in venue_names()],
    "symbols": [len(venue(name).symbols) for name in venue_names()],
    "candles": [len(event(name).times) for name in event_names()],
    "records": [len(event_record(name).paths) for name in event_names()],
    "practices": len(practices("funding")),
    "static": (importlib.resources.files("marginlab.display") / "static" / "explorer.js").stat().st_size,
}
print(json.dumps(found))
"""


def installed_in(folder, wheel):
    """Return the Python of a new environment with a wheel in it, and what it needs from the one that runs this."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in NEEDED:
        for part in {file.parts[0] for file in distribution(name).files or () if file.parts[0] != ".."}:
            (site / part).symlink_to(Path(distribution(name).locate_file(part)).resolve())
    return python


@pytest.mark.long
def test_the_wheel_alone_brings_every_room_and_the_data(tmp_path):
    wheel = own_wheel(tmp_path)
    assert wheel.stat().st_size < LARGEST
    python = installed_in(tmp_path / "new", wheel)
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", "import importlib.resources\n" + ASKED % (ROOMS,)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert Path(found["from"]).is_relative_to(tmp_path)
    assert found["rooms"] == [f"marginlab.{name}" for name in ROOMS]
    assert sum(map(bool, found["contracts"])) == 10
    assert any(found["brackets"])
    assert max(found["symbols"]) > 1_000
    assert all(found["candles"])
    assert all(found["records"])
    assert min(found["practices"], found["static"]) > 0
