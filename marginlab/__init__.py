"""marginlab: cross and isolated margin, worked out the way venues publish it."""

from .account import Account
from .contracts import Contract, Convention
from .controls import choices, steps
from .explorer import Explorer, explore
from .history import Event, PricePath, event, event_names
from .joint import liquidation_move
from .liquidation import bankruptcy_price, liquidation_price
from .positions import MODES, Position
from .tiers import Tiers
from .venues import Venue, venue, venue_names

__version__ = "0.1.0"

__all__ = [
    "MODES",
    "Account",
    "Contract",
    "Convention",
    "Event",
    "Explorer",
    "Position",
    "PricePath",
    "Tiers",
    "Venue",
    "bankruptcy_price",
    "choices",
    "event",
    "event_names",
    "explore",
    "liquidation_move",
    "liquidation_price",
    "steps",
    "venue",
    "venue_names",
]
