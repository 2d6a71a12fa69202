"""Run a script of this folder by node, read npm's packages, and the error that tells of all that goes wrong here."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class AssemblyError(Exception):
    """The distribution cannot be put together; says which file is at fault and why."""


def members(package: Path, names: Iterable[str]) -> Iterator[bytes]:
    """Yield the content of some files of a package as npm brings it, in the order of their names given."""
    with tarfile.open(package) as archive:
        for name in names:
            member = archive.extractfile(f"package/{name}")
            assert member is not None
            yield member.read()


def node(script: str, *given: Any, wanted: str) -> None:
    """Run a script beside this file; raise with what it said if it fails, `wanted` being what it was to do."""
    try:
        done = subprocess.run(["node", HERE / script, *given], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise AssemblyError(f"{wanted} needs node, which is not on this machine") from error
    if done.returncode:
        raise AssemblyError(f"{wanted} failed: {done.stderr.strip()}")
