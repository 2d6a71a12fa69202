"""The script that draws the pages' figures: the small one, of the right version, or else the whole one."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import plotly.offline
import pytest

from ..chapters import NAMES, drawings_of, explorers_of, module_of

plotly_script = module_of("plotly_script")

VERSION = plotly.offline.get_plotlyjs_version()
SCRIPT = f"/**\n* plotly.js (basic - minified) v{VERSION}\n".encode()


@pytest.fixture
def npm(monkeypatch):
    """Return a function that makes npm hand out a script; the hash of `SCRIPT` is the known one."""
    monkeypatch.setattr(plotly_script.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(plotly_script, "KNOWN", {VERSION: hashlib.sha256(SCRIPT).hexdigest()})

    def has(script):
        def pack(command, *, cwd, **_):
            assert command[1:] == ["pack", "--silent", f"plotly.js-basic-dist-min@{VERSION}"]
            with tarfile.open(Path(cwd) / "one.tgz", "w:gz") as archive:
                member = tarfile.TarInfo("package/plotly-basic.min.js")
                member.size = len(script)
                archive.addfile(member, io.BytesIO(script))

        monkeypatch.setattr(plotly_script.subprocess, "run", pack)

    return has


def test_the_hash_of_the_installed_version_is_known():
    assert VERSION in plotly_script.KNOWN


def test_the_small_script_is_put_in_place(npm, tmp_path):
    npm(SCRIPT)
    plotly_script.main(tmp_path / "plotly")
    assert (tmp_path / "plotly" / "plotly.min.js").read_bytes() == SCRIPT


def test_a_script_with_another_hash_stops_the_build(npm, tmp_path):
    npm(SCRIPT + b"!")
    with pytest.raises(ValueError, match=r"plotly-basic\.min\.js of plotly\.js-basic-dist-min .* must have the hash"):
        plotly_script.main(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_version_without_a_known_hash_is_refused():
    with pytest.raises(ValueError, match=r"version must be one whose hash is known \(.*\), not 0\.0\.1"):
        plotly_script.basic("0.0.1")


def failing(*_, **__):
    raise subprocess.CalledProcessError(1, "npm")


@pytest.mark.parametrize(("where", "name", "missing"), [
    ("shutil", "which", lambda _: None),
    ("subprocess", "run", failing),
])  # fmt: skip
def test_without_npm_the_whole_script_serves(npm, monkeypatch, capsys, tmp_path, where, name, missing):
    npm(SCRIPT)
    monkeypatch.setattr(getattr(plotly_script, where), name, missing)
    plotly_script.main(tmp_path)
    assert (tmp_path / "plotly.min.js").read_bytes() == plotly_script.WHOLE.read_bytes()
    assert "Pages get the whole plotly script" in capsys.readouterr().out


def test_a_script_that_states_no_version_is_refused():
    with pytest.raises(ValueError, match="must state plotly's version"):
        plotly_script.version_of("alert(1)")


@pytest.mark.long
@pytest.mark.parametrize("chapter", NAMES)
def test_figures_hold_only_what_the_small_script_draws(chapter):
    for name in explorers_of(chapter).keys() - drawings_of(chapter):
        explorer = explorers_of(chapter)[name]
        kinds = {trace["type"] for trace in explorer.draw(**explorer.start)[0]["data"]}
        assert kinds <= {"scatter", "bar", "pie"}
