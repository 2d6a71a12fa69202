"""How much is tried: sizes are multiples of what the profile says, which `conftest` loads; more of it once a week."""

from __future__ import annotations

import os

from hypothesis import settings

PROFILE = os.environ.get("MARGINLAB_EXAMPLES", "marginlab")
WEEKLY = PROFILE == "weekly"


def examples(times: float) -> settings:
    """Try a property with so many times the examples of one that asks for nothing."""
    return settings(max_examples=round(times * settings.default.max_examples))
