"""What a refusal owes to whoever gets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest


def assert_refused(call: Callable[[], Any], name: str, shown: str) -> None:
    """Check that a call ends in a ValueError that names the argument, shows what was given and says what is allowed."""
    with pytest.raises(ValueError, match=r"must|above|allow") as refusal:
        call()
    assert re.search(rf"(?<!\w){re.escape(name)}", str(refusal.value))
    assert shown in str(refusal.value)
