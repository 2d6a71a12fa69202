"""What arrays hold, by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int_]
Times = NDArray[np.datetime64]
# What a function of numbers or arrays gives back: a number for numbers, an array for arrays.
Numbers = float | Floats
