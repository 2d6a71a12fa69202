"""marginlab: cross and isolated margin, worked out the way venues publish it."""

from .account import Account
from .actions import AddMargin, Close, Open, Switch
from .contracts import Contract, Convention
from .controls import choices, steps
from .engine import simulate
from .ensembles import run_many
from .explorer import Explorer, explore
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
from .positions import MODES, Position
from .rules import Rules, TopUp
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
    "Close",
    "Contract",
    "Convention",
    "Diffusion",
    "Event",
    "Explorer",
    "FlashCrash",
    "JumpDiffusion",
    "Ledger",
    "LedgerEntry",
    "MeanReversion",
    "Open",
    "Outcome",
    "Position",
    "Practice",
    "PriceModel",
    "PricePath",
    "Rules",
    "Switch",
    "Tiers",
    "TopUp",
    "Venue",
    "bankruptcy_price",
    "choices",
    "event",
    "event_names",
    "explore",
    "liquidation_move",
    "liquidation_price",
    "practices",
    "run_many",
    "simulate",
    "steps",
    "venue",
    "venue_names",
]
