"""What a refusal owes to whoever gets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from marginlab import ArgumentError


def assert_refused(call: Callable[[], Any], name: str, shown: str) -> None:
    """Check that a call ends in a ValueError that names the argument, shows what was given and says what is allowed."""
    with pytest.raises(ValueError, match=r"must|above|allow") as refusal:
        call()
    assert re.search(rf"(?<!\w){re.escape(name)}", str(refusal.value))
    assert shown in str(refusal.value)


def assert_refused_by_name(call: Callable[[], Any], argument: str, shown: str) -> None:
    """Check the same, and that the error carries the name of the argument."""
    assert_refused(call, argument, shown)
    with pytest.raises(ArgumentError) as refusal:
        call()
    assert refusal.value.argument == argument
