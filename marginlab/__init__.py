"""marginlab: cross and isolated margin, worked out the way venues publish it.

Here are the names of `marginlab.margin`, `marginlab.markets` and `marginlab.simulation`. Accounts of one's own, both
modes side by side, and figures are asked of their rooms: `marginlab.portfolio`, `marginlab.comparison`,
`marginlab.display`.
"""

from . import margin, markets, simulation
from ._checks import ArgumentError
from .margin import *  # noqa: F403  each room lists its names
from .markets import *  # noqa: F403
from .simulation import *  # noqa: F403

__version__ = "0.1.0"

__all__ = ["ArgumentError", *margin.__all__, *markets.__all__, *simulation.__all__]
