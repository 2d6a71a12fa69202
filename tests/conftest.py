"""How properties are tried."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

# Derandomised, so that a run today and a run tomorrow ask the same. How fast a machine draws is no property.
settings.register_profile(
    "marginlab",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("marginlab")
