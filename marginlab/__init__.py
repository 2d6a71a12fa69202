"""marginlab: cross and isolated margin, worked out the way venues publish it."""

from .account import Account
from .actions import AddMargin, Close, Open, Switch
from .chances import Chances, Share, chances_of, chances_so_far
from .comparison import Comparison, compare
from .contracts import Contract, Convention
from .controls import choices, steps
from .engine import simulate
from .ensembles import run_many
from .explorer import Explorer, explore
from .files import from_csv, from_json, results_csv, to_csv, to_json
from .form import Workbench, workbench
from .history import Event, PricePath, event, event_names
from .joint import liquidation_move
from .ledger import Balance, Ledger, LedgerEntry
from .liquidation import bankruptcy_price, liquidation_price
from .outcome import Outcome
from .paths import (
    DAYS_PER_YEAR,
    FOUR_HOURS_PER_YEAR,
    HOURS_PER_YEAR,
    MINUTES_PER_YEAR,
    Bootstrap,
    Diffusion,
    FlashCrash,
    JumpDiffusion,
    MeanReversion,
    PriceModel,
)
from .payload import from_ccxt
from .portfolio import EntryError, Portfolio, Problem
from .positions import MODES, Position
from .presets import preset, preset_names
from .recommendation import Finding
from .replays import Loss, Replay, replay
from .rules import Rules, TopUp
from .standing import Refusal, Standing
from .stress import StressMap, stress_map
from .tables import Link, Table
from .tiers import Tiers
from .venues import Practice, Venue, practices, venue, venue_names

__version__ = "0.1.0"

__all__ = [
    "DAYS_PER_YEAR",
    "FOUR_HOURS_PER_YEAR",
    "HOURS_PER_YEAR",
    "MINUTES_PER_YEAR",
    "MODES",
    "Account",
    "AddMargin",
    "Balance",
    "Bootstrap",
    "Chances",
    "Close",
    "Comparison",
    "Contract",
    "Convention",
    "Diffusion",
    "EntryError",
    "Event",
    "Explorer",
    "Finding",
    "FlashCrash",
    "JumpDiffusion",
    "Ledger",
    "LedgerEntry",
    "Link",
    "Loss",
    "MeanReversion",
    "Open",
    "Outcome",
    "Portfolio",
    "Position",
    "Practice",
    "PriceModel",
    "PricePath",
    "Problem",
    "Refusal",
    "Replay",
    "Rules",
    "Share",
    "Standing",
    "StressMap",
    "Switch",
    "Table",
    "Tiers",
    "TopUp",
    "Venue",
    "Workbench",
    "bankruptcy_price",
    "chances_of",
    "chances_so_far",
    "choices",
    "compare",
    "event",
    "event_names",
    "explore",
    "from_ccxt",
    "from_csv",
    "from_json",
    "liquidation_move",
    "liquidation_price",
    "practices",
    "preset",
    "preset_names",
    "replay",
    "results_csv",
    "run_many",
    "simulate",
    "steps",
    "stress_map",
    "to_csv",
    "to_json",
    "venue",
    "venue_names",
    "workbench",
]
