"""Margin: what must be held, and when it is lost."""

from .account import Account, Position
from .collateral import Collateral, CollateralRatio
from .contracts import Contract
from .liquidation import bankruptcy_price, liquidation_price
from .market_move import liquidation_move
from .next_order import Standing, WhatIf, ladder, largest_size, what_if
from .open_orders import Order
from .outflow import payments_to_liquidation, withdrawable
from .rules import MODES, Convention, Conversion, Rules
from .surviving import margin_to_survive, size_for_liquidation_price, size_to_close
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
    "Standing",
    "Tiers",
    "WhatIf",
    "bankruptcy_price",
    "ladder",
    "largest_size",
    "liquidation_move",
    "liquidation_price",
    "margin_to_survive",
    "payments_to_liquidation",
    "size_for_liquidation_price",
    "size_to_close",
    "what_if",
    "withdrawable",
]
