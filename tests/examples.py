"""How often a property is tried: sizes are multiples of what the profile says, which `conftest` loads."""

from __future__ import annotations

from hypothesis import settings


def examples(times: float) -> settings:
    """Try a property with so many times the examples of one that asks for nothing."""
    return settings(max_examples=round(times * settings.default.max_examples))
