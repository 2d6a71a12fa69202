"""Display: how it is shown."""

from . import figures, screens, vessels
from .controls import choices, steps
from .explorer import Explorer, explore
from .workbench import Workbench, workbench

__all__ = [
    "Explorer",
    "Workbench",
    "choices",
    "explore",
    "figures",
    "screens",
    "steps",
    "vessels",
    "workbench",
]
