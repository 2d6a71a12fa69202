"""How fast and how large: the engine beside other ways to the same numbers. ``make bench`` runs it.

Times are taken in one process, in turns (A, B, A, B, ...), so that whatever else the machine does falls on
both sides. They are processor time, except where several processes share the work. A ratio is the median of
those of neighbouring turns. What is compared must first agree.
"""

import os

# One thread for everybody, set before numpy reads it: what is compared is the work, not who gets which core.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_name] = "1"
