"""Portfolio: how an account comes in and goes out."""

from .assets import Asset
from .ccxt import from_ccxt
from .files import from_csv, from_json, to_csv, to_json
from .portfolio import Portfolio, Told
from .presets import preset, preset_names
from .reading import EntryError, Problem
from .reconciled import Line, Reconciliation, reconcile

__all__ = [
    "Asset",
    "EntryError",
    "Line",
    "Portfolio",
    "Problem",
    "Reconciliation",
    "Told",
    "from_ccxt",
    "from_csv",
    "from_json",
    "preset",
    "preset_names",
    "reconcile",
    "to_csv",
    "to_json",
]
