"""Comparison: which margin mode loses less."""

from .findings import Finding
from .modes import Refusal, Snapshot
from .monte_carlo import MODELS, Chances, Share, chances_of, chances_so_far
from .needs import Needs
from .report import Comparison, compare, results_csv
from .scenarios import SHOCK_GRID, Loss, Replay, StressMap, replay, replays, stress_map
from .switching import Switching

__all__ = [
    "MODELS",
    "SHOCK_GRID",
    "Chances",
    "Comparison",
    "Finding",
    "Loss",
    "Needs",
    "Refusal",
    "Replay",
    "Share",
    "Snapshot",
    "StressMap",
    "Switching",
    "chances_of",
    "chances_so_far",
    "compare",
    "replay",
    "replays",
    "results_csv",
    "stress_map",
]
