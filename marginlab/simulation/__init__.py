"""Simulation: what happens to an account over time, on one path or on a million."""

from .actions import AddMargin, Close, Open, Switch, TopUp
from .deleveraging import Deleverage, draw_deleveraging
from .engine import simulate
from .ensembles import run_many
from .orders import AutoMargin, SetLeverage, Stop, Trade
from .results import Balance, Ledger, LedgerEntry, Outcome

__all__ = [
    "AddMargin",
    "AutoMargin",
    "Balance",
    "Close",
    "Deleverage",
    "Ledger",
    "LedgerEntry",
    "Open",
    "Outcome",
    "SetLeverage",
    "Stop",
    "Switch",
    "TopUp",
    "Trade",
    "draw_deleveraging",
    "run_many",
    "simulate",
]
