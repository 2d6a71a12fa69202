"""Run a script of this folder by node, and the error that all of this folder tells its troubles with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class AssemblyError(Exception):
    """The distribution cannot be put together; says which file is at fault and why."""


def node(script: str, *given: Any, wanted: str) -> None:
    """Run a script beside this file; raise with what it said if it fails, `wanted` being what it was to do."""
    try:
        done = subprocess.run(["node", HERE / script, *given], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise AssemblyError(f"{wanted} needs node, which is not on this machine") from error
    if done.returncode:
        raise AssemblyError(f"{wanted} failed: {done.stderr.strip()}")
