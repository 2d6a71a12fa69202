"""Margin: what must be held, and when it is lost."""

from .account import Account, Position
from .collateral import Collateral, CollateralRatio
from .contracts import Contract
from .liquidation import bankruptcy_price, liquidation_price
from .market_move import liquidation_move
from .open_orders import Order
from .rules import MODES, Convention, Conversion, Rules
from .tiers import Growth, Tiers

__all__ = [
    "MODES",
    "Account",
    "Collateral",
    "CollateralRatio",
    "Contract",
    "Convention",
    "Conversion",
    "Growth",
    "Order",
    "Position",
    "Rules",
    "Tiers",
    "bankruptcy_price",
    "liquidation_move",
    "liquidation_price",
]
