"""Markets: what venues and prices look like."""

from .brackets import BracketTable
from .events import (
    Event,
    EventRecord,
    Followed,
    PricePath,
    RecordedFunding,
    RecordedPath,
    event,
    event_names,
    event_record,
)
from .finer_steps import timed_by_trades
from .own_brackets import Brackets
from .price_models import (
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
from .venues import Practice, Sourced, Venue, practices, venue, venue_names

__all__ = [
    "DAYS_PER_YEAR",
    "FOUR_HOURS_PER_YEAR",
    "HOURS_PER_YEAR",
    "MINUTES_PER_YEAR",
    "Bootstrap",
    "BracketTable",
    "Brackets",
    "Diffusion",
    "Event",
    "EventRecord",
    "FlashCrash",
    "Followed",
    "JumpDiffusion",
    "MeanReversion",
    "Practice",
    "PriceModel",
    "PricePath",
    "RecordedFunding",
    "RecordedPath",
    "Sourced",
    "Venue",
    "event",
    "event_names",
    "event_record",
    "practices",
    "timed_by_trades",
    "venue",
    "venue_names",
]
