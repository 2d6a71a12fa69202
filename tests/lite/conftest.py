"""The whole site, served on this machine, and a browser that reaches nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..site.conftest import chromium as chromium  # the same browser
from ..site.server import served

SITE = Path(__file__).parents[2] / "_build" / "site"


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Serve the whole site; the address ends with a slash."""
    assert (SITE / "python").exists(), f"no site in {SITE}: run `make site` first"
    with served(SITE) as address:
        yield address
