"""Simulation: what happens to an account over time, on one path or on a million."""

from .actions import AddMargin, Close, Open, Switch, TopUp
from .deleveraging import Deleverage, draw_deleveraging
from .engine import simulate
from .ensembles import run_many
from .results import Balance, Ledger, LedgerEntry, Outcome

__all__ = [
    "AddMargin",
    "Balance",
    "Close",
    "Deleverage",
    "Ledger",
    "LedgerEntry",
    "Open",
    "Outcome",
    "Switch",
    "TopUp",
    "draw_deleveraging",
    "run_many",
    "simulate",
]
