"""A drawing of the book's own: pictures side by side, made of parts that a page can change.

>>> level = Part("rect", {"width": 40, "height": 25.0}, name="level")
>>> drawing = Drawing((picture(100, 50, level, Part("text", {"x": 10}, text="a < b")),))
>>> drawing.state["level"]
{'width': '40', 'height': '25'}
>>> drawing.html()[-48:]
'<text data-part="2" x="10">a &lt; b</text></svg>'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape

from .. import _checks
from .._checks import ArgumentError

# As SVG has them: words, and lengths in pixels of a picture in its own size.
Attributes = Mapping[str, str | float]


@dataclass(frozen=True)
class Part:
    """One element of SVG.

    Parameters
    ----------
    tag
        ``"rect"``, ``"text"`` and so on.
    attributes
        Words and lengths.
    text
        What it says.
    inside
        The elements within it, from the back to the front.
    name
        By which it is found; its number in the drawing if left out.
    """

    tag: str
    attributes: Attributes = field(default_factory=dict)
    text: str = ""
    inside: tuple[Part, ...] = ()
    name: str = ""

    @property
    def all(self) -> Iterator[Part]:
        """It and all that is within it."""
        yield self
        for one in self.inside:
            yield from one.all

    @property
    def state(self) -> dict[str, str]:
        """Its attributes as SVG has them, and what it says if it is text."""
        said = {"text": self.text} if self.tag == "text" else {}
        return {key: _short(value) for key, value in self.attributes.items()} | said


@dataclass(frozen=True)
class Drawing:
    """Pictures that stand side by side where there is room, and else one below the other.

    Parameters
    ----------
    pictures
        Each made by :func:`picture`.

    Raises
    ------
    ArgumentError
        For two parts of one name.
    """

    pictures: tuple[Part, ...]

    def __post_init__(self) -> None:
        if len(self.state) < len(self.parts):
            names = [part.name for part in self.parts if part.name]
            raise ArgumentError("pictures", f"must have parts with a name each of its own, not {_checks.shown(names)}")

    @cached_property
    def parts(self) -> list[Part]:
        """All parts, from the first to the last."""
        return [part for picture in self.pictures for part in picture.all]

    @cached_property
    def state(self) -> dict[str, dict[str, str]]:
        """What a page changes from one drawing to another of the same kind, by the name or number of the part."""
        return {part.name or f"{i}": part.state for i, part in enumerate(self.parts)}

    @property
    def kind(self) -> list[tuple[str, tuple[str, ...]]]:
        """What two drawings must share for a page to change one into the other: their parts and which attributes."""
        return [(part.tag, tuple(part.state)) for part in self.parts]

    def html(self) -> str:
        """Return the pictures as they stand in a page, one element each; what they show is said beside them.

        Returns
        -------
        str
            Text in it is text, whatever it holds.
        """
        names = iter(self.state)
        return "".join(_html(one, names) for one in self.pictures)


def picture(width: float, height: float, *inside: Part) -> Part:
    """Return a picture of a size.

    Parameters
    ----------
    width, height
        In pixels, as it is seen in its own size.
    *inside
        What is in it, from the back to the front.

    Returns
    -------
    Part
        For a :class:`Drawing`. What has no colour of its own has that of the text around it.
    """
    size: Attributes = {"viewBox": f"0 0 {_short(width)} {_short(height)}", "width": width, "height": height}
    look = {"style": "max-width: 100%; height: auto", "fill": "currentColor", "aria-hidden": "true"}
    return Part("svg", {**size, **look}, inside=inside)


def _html(part: Part, names: Iterator[str]) -> str:
    """Return a part as it stands in a page, under the next of the names; those within it follow."""
    written = {"data-part": next(names), **part.state}
    text = written.pop("text", "")
    told = "".join(f' {key}="{escape(value)}"' for key, value in written.items())
    return f"<{part.tag}{told}>{escape(text)}{''.join(_html(one, names) for one in part.inside)}</{part.tag}>"


def _short(value: str | float) -> str:
    """Return a number to a hundredth, as SVG has it; words as they are."""
    return value if isinstance(value, str) else f"{round(value, 2) + 0.0:g}"
