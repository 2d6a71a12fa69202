"""Portfolio: how an account comes in and goes out."""

from .assets import Asset
from .ccxt import from_ccxt
from .files import from_csv, from_json, to_csv, to_json
from .portfolio import Portfolio
from .presets import preset, preset_names
from .reading import EntryError, Problem

__all__ = [
    "Asset",
    "EntryError",
    "Portfolio",
    "Problem",
    "from_ccxt",
    "from_csv",
    "from_json",
    "preset",
    "preset_names",
    "to_csv",
    "to_json",
]
