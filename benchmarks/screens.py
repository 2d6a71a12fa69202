"""What the workbench shows of an account, screen by screen.

The eight positions of `replays`, with the settings that each screen begins with. Every time is that of a comparison
which has answered nothing yet: what two screens share, each has to find for itself. The Python of a browser takes about
three times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from marginlab.comparison import compare
from marginlab.display import screens
from marginlab.display.answers import SCREENS

from .measure import Result, in_turns
from .replays import MARKS, account

MOST = 0.16


def measure() -> Iterator[Result]:
    """Yield the time of each screen, that of the comparison before it in it."""
    held = account()

    def shown(name: str) -> screens.Screen:
        screen = SCREENS[name]
        return screen.draw(compare(held, MARKS, venue="binance"), **screen.start)

    # Nothing was pasted that could be reconciled.
    for name in [one for one in SCREENS if one != "reconciled"]:
        taken = in_turns(partial(shown, name), lambda: None)
        seconds = sorted(taken.first)
        middle = seconds[len(seconds) // 2]
        yield Result(f"screen {name}", middle, "seconds", most=MOST, spread=(seconds[0], seconds[-1]))
