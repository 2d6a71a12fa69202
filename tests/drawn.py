"""What a drawing of the pool shows, read back from what a page has of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from marginlab.display.drawing import Drawing
from marginlab.display.vessels import FLOOR, LEFT, RIGHT, RIM, TOP


class Seen(NamedTuple):
    """What a drawing shows of a vessel: heights as a share of what was put in, words, and whether it is crossed out."""

    width: float
    level: float
    line: float | None
    equity: str
    maintenance: str | None
    results: list[str]
    gone: str
    lost: bool


def height(part: dict[str, str], rim: float, down: float) -> float:
    """Return how high something stands over the floor, put in being 1."""
    moved = re.fullmatch(r"translate\(0 ([\d.]+)\)", part["transform"])
    assert moved
    return (FLOOR - down - float(moved[1])) / (FLOOR - TOP) * rim


def seen(drawing: Drawing, mode: str, rim: float = RIM) -> list[Seen]:
    """Read the vessels of a mode back from what a page has of a drawing."""
    state = drawing.state
    cuts = {one.name: part.attributes for part in drawing.parts if part.tag == "svg" for one in part.inside}
    results = [part["text"] for name, part in state.items() if name.startswith(mode) and name.endswith("-result")]
    found: list[Seen] = []
    while f"{mode}-{len(found)}-level" in state:
        key = f"{mode}-{len(found)}"
        # What is above the mark of what was put in is profit, from the same level on.
        assert state[f"{key}-profit"] == state[f"{key}-level"]
        found.append(
            Seen(
                width=float(cuts[f"{key}-level"]["width"]) / (RIGHT - LEFT),
                level=height(state[f"{key}-level"], rim, TOP),
                line=height(state[f"{key}-line"], rim, 0) if f"{key}-line" in state else None,
                equity=state[f"{key}-equity"]["text"],
                maintenance=state.get(f"{key}-maintenance", {}).get("text"),
                results=results if mode == "cross" else results[len(found) : len(found) + 1],
                gone=state.get(f"{key}-gone", {"text": ""})["text"],
                lost=state.get(f"{key}-lost", {"opacity": "0"})["opacity"] == "1",
            )
        )
    return found
