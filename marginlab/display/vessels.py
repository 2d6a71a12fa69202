"""The pool, drawn: what was put in, what is in it now, and the line it must not fall to.

One vessel holds the whole of a cross pool. In isolated mode the same money has walls in it: a vessel for each margin,
and one for the cash that is left. Widths are in proportion to what was put in, so that all vessels stand equally
full when the positions are opened, and equal areas are equal money.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from .._checks import ArgumentError
from .._typing import Bools, Floats
from ..formatting import MINUS, listed, money, moved, signed
from ..margin.account import Account
from ..margin.market_move import liquidation_move
from . import figures
from .drawing import Attributes, Drawing, Part, picture

# In pixels: a picture, and in it the vessels, with a margin on the left where words name the lines.
WIDTH, HEIGHT = 340, 250
LEFT, RIGHT, TOP, FLOOR = 96, 337, 28, 160
NAMES_AT = 178
ROWS = {"put in": 194, "profit, loss": 210, "equity": 226, "maintenance": 242}
# How many times what was put in has room in a vessel, unless it is said; what is beyond is told by the number below.
RIM = 1.25
MOST_FULL = 100
# A vessel narrower than this has the word "liquidated" upright.
WIDE = 72
# In a column narrower than this numbers are smaller, and a name that its letters do not fit into is shortened.
ROOMY, LETTER = 52, 7
# The level as it was filled, and the line that it must not fall to.
THIN: Attributes = {"stroke": "currentColor", "stroke-width": 1, "stroke-opacity": 0.6}
DOTTED: Attributes = {"stroke": "currentColor", "stroke-width": 2, "stroke-dasharray": "2 3"}
HEADS = {"cross": "Cross: one pool", "isolated": "Isolated: a wall around each"}


@dataclass(frozen=True)
class Vessel:
    """A pocket of an account: a cross pool, the margin of an isolated position, or cash that backs none.

    Parameters
    ----------
    names
        The positions in it.
    profits
        Of each of them, since it was opened.
    put_in
        The cash behind them.
    maintenance
        What its equity must cover; 0 where nothing is held.
    lost
        Whether it has been liquidated.

    Raises
    ------
    ArgumentError
        For another number of profits than of names, and where nothing was put in.

    Examples
    --------
    >>> margin = Vessel(("BTC",), (-700.0,), put_in=1_000.0, maintenance=40.0)
    >>> margin.equity, margin.level, margin.line
    (300.0, 0.3, 0.04)
    """

    names: Sequence[str]
    profits: Sequence[float]
    put_in: float
    maintenance: float = 0.0
    lost: bool = False

    def __post_init__(self) -> None:
        names = tuple(
            _checks.words("names", one) for one in _checks.listed("names", self.names, "of positions", _checks.MANY)
        )
        given = cast(Sequence[float], _checks.listed("profits", self.profits, "of amounts", _checks.MANY))
        profits = _checks.numbers("profits", list(given))
        if profits.shape != (len(names),):
            raise ArgumentError(
                "profits", f"must be one for each of {len(names)} names, not {_checks.shown(self.profits)}"
            )
        kept = {
            "names": names,
            "profits": tuple(profits.tolist()),
            "put_in": _checks.single("put_in", self.put_in, _checks.positive),
            "maintenance": _checks.single("maintenance", self.maintenance, _checks.not_negative),
            "lost": _checks.truth("lost", self.lost),
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    @property
    def equity(self) -> float:
        """What is in it now; nothing, once it has been taken over."""
        return 0.0 if self.lost else self.put_in + sum(self.profits)

    @property
    def level(self) -> float:
        """How high it stands over its floor, 1 as it was filled."""
        return max(self.equity / self.put_in, 0.0)

    @property
    def line(self) -> float:
        """How high the line is that the level must not fall to."""
        return 0.0 if self.lost else self.maintenance / self.put_in


def vessels_of(account: Account, marks: ArrayLike, lost: ArrayLike | None = None) -> tuple[Vessel, ...]:
    """Return the pockets of an account at some marks.

    Parameters
    ----------
    account
        All cross, or all isolated, without collateral beside its wallet.
    marks
        Shape (n,).
    lost
        Of each position whether it has been liquidated; what would be liquidated at these marks if left out.

    Returns
    -------
    tuple of Vessel
        The pool; or that of each isolated position, and that of the wallet if anything is in it.

    Raises
    ------
    ArgumentError
        For both modes in one account, and a pocket with nothing in it.
    """
    _checks.instance("account", account, Account)
    if len(set(account.mode)) != 1 or account.lead or account.collateral:
        raise ArgumentError("account", "must be one account in one mode, without other assets in it")
    prices = account.as_marks(marks)
    if prices.ndim != 1:
        raise ArgumentError("marks", f"must be one for each position, not of shape {prices.shape}")
    gone = account.liquidatable(prices) if lost is None else _lost(lost, len(account.contracts))
    names, profits = _names(account), account.unrealized_pnl(prices).tolist()
    need, wallet = account.position_requirement(prices).tolist(), float(account.wallet)
    pooled = account.mode[0] == "cross"
    put_in = [wallet] if pooled else [*account.margin.tolist(), *([wallet] if wallet else [])]
    if min(put_in) <= 0:
        raise ArgumentError("account", f"must have money in each pocket, not {money(min(put_in))}")
    if pooled:
        return (Vessel(names, profits, wallet, need[0], bool(gone.any())),)
    each = zip(names, profits, put_in, need, gone.tolist(), strict=False)
    margins = tuple(Vessel((name,), (profit,), *rest) for name, profit, *rest in each)
    return (*margins, Vessel((), (), wallet)) if wallet else margins


def side_by_side(cross: Sequence[Vessel], isolated: Sequence[Vessel], *, rim: float = RIM) -> Drawing:
    """Return a drawing of the same positions in both modes.

    Parameters
    ----------
    cross
        The pool, as :func:`vessels_of` gives it.
    isolated
        The vessels of the positions and of the wallet.
    rim
        How many times what was put in has room in a vessel.

    Returns
    -------
    Drawing
        With as many parts as positions ask for, whatever has become of them.

    Raises
    ------
    ArgumentError
        For other positions in one than in the other, and a rim that is not above 1 and up to 100.
    """
    pools, apart = _checks.instances("cross", cross, Vessel), _checks.instances("isolated", isolated, Vessel)
    named = [tuple(name for one in vessels for name in one.names) for vessels in (pools, apart)]
    if len(pools) != 1 or named[0] != named[1]:
        raise ArgumentError("cross", f"must be one pool of the positions that isolated has, not {named[0]}")
    rim = _checks.between("rim", rim, 1, MOST_FULL, open_below=True)
    total = sum(one.put_in for one in apart)
    walls = [LEFT + (RIGHT - LEFT) * share for share in accumulate((one.put_in / total for one in apart), initial=0.0)]
    edges = np.linspace(LEFT, RIGHT, len(named[0]) + 1).tolist()
    return Drawing(
        (
            _picture("cross", figures.CROSS, pools, [LEFT, RIGHT], edges, rim),
            _picture("isolated", figures.ISOLATED, apart, walls, walls, rim),
        )
    )


def pools(
    cross: Account,
    isolated: Account,
    marks: ArrayLike,
    move: float,
    beta: ArrayLike = 1.0,
    *,
    rim: float = RIM,
) -> tuple[Drawing, str]:
    """Return what a move of all markets leaves in the vessels of both modes, and say it.

    Parameters
    ----------
    cross, isolated
        The same positions in both modes, out of the same balance.
    marks
        Where they were opened, shape (n,).
    move
        How far the markets go from there, straight; -0.2 is a fall by a fifth.
    beta
        How far each of them goes when the move is 1, as for :func:`marginlab.liquidation_move`.
    rim
        As for :func:`side_by_side`.

    Returns
    -------
    tuple of Drawing and str
        What :func:`marginlab.display.explore` takes from a draw.

    Raises
    ------
    ArgumentError
        As :func:`vessels_of` and :func:`side_by_side` do, and for a move that takes a price to 0 or below.
    """
    for name, account in (("cross", cross), ("isolated", isolated)):
        if set(_checks.instance(name, account, Account).mode) != {name}:
            raise ArgumentError(name, f"must be an account all of whose positions are {name}")
    move, far = _checks.single("move", move), _checks.numbers("beta", beta)
    start = cross.as_marks(marks)
    ends = [_ends(account, start, move, far) for account in (cross, isolated)]
    steps = 1 + far * move
    if np.min(steps) <= 0:
        raise ArgumentError("move", f"must leave all prices above 0, not {move}")
    held = [
        vessels_of(account, start * steps, _reached(end, move))
        for account, end in zip((cross, isolated), ends, strict=True)
    ]
    said = _pool_said(cross, start, held[0][0], ends[0][0], far), _said(held[1], ends[1], move)
    return side_by_side(*held, rim=rim), " ".join(said)


def _lost(given: ArrayLike, n: int) -> Bools:
    lost = [_checks.truth("lost", one) for one in _checks.listed("lost", given, "of True and False", _checks.MANY)]
    if len(lost) != n:
        raise ArgumentError("lost", f"must be one for each of {n} positions, not {len(lost)}")
    return np.array(lost)


def _names(account: Account) -> tuple[str, ...]:
    return tuple(
        f"{'short ' if size < 0 else ''}{contract.underlying}"
        for contract, size in zip(account.contracts, account.size.tolist(), strict=True)
    )


# --- what is said ---------------------------------------------------------------------------------------------


def _ends(account: Account, marks: Floats, move: float, beta: Floats) -> Floats:
    """Return the move that ends each position: the one on the way, and where none is, the nearer one from there."""
    down, up = (liquidation_move(account, marks, beta=beta, toward=toward) for toward in ("down", "up"))
    nearer = np.where(np.fmin(np.abs(down - move), np.abs(up - move)) == np.abs(down - move), down, up)
    on_the_way = down if move < 0 else up
    return np.where(_reached(on_the_way, move), on_the_way, nearer)


def _reached(ends: Floats, move: float) -> Bools:
    """Return whether a straight way to a move leads past these; where it begins at one, it does."""
    past: Bools = (ends == 0) | ((np.sign(ends) == np.sign(move)) & (np.abs(ends) <= abs(move)))
    return past


def _pool_said(account: Account, marks: Floats, pool: Vessel, end: float, beta: Floats) -> str:
    if np.isnan(end):
        meets = "no move brings it to its line"
    else:
        there = marks * (1 + beta * end)
        need, result = account.position_requirement(there)[0], account.unrealized_pnl(there).sum()
        meets = (
            f"at {moved(float(end), 1)} its equity is its maintenance margin: {money(pool.put_in)} "
            f"{signed(float(result))[0]} {money(abs(float(result)))} = {money(float(need))}"
        )
    if pool.lost:
        return f"Cross has been liquidated, and all {money(pool.put_in)} are gone: {meets}."
    return f"Cross has {money(pool.equity)} and must keep {money(pool.maintenance)}; {meets}."


def _said(vessels: Sequence[Vessel], ends: Floats, move: float) -> str:
    """Say which isolated positions are gone, in the order in which they went, or which would be the next."""
    left = money(sum(one.equity for one in vessels))
    ending = [int(i) for i in np.argsort(np.abs(ends)) if not np.isnan(ends[i])]
    told = {i: f"{vessels[i].names[0]} at {moved(float(ends[i]), 1)}" for i in ending}
    gone = [told[i] for i in ending if vessels[i].lost]
    if gone:
        return f"Isolated has lost {listed(gone)}, and {left} are left."
    if not ending:
        return f"Isolated has {left}, and no move brings a level to its line."
    return f"Isolated has {left}, and would first lose {told[min(ending, key=lambda i: abs(ends[i] - move))]}."


# --- how it is drawn ------------------------------------------------------------------------------------------


def _height(level: float, rim: float) -> float:
    """Return where a level stands in a picture."""
    return FLOOR - (FLOOR - TOP) * min(level / rim, 1.0)


def _picture(
    mode: str,
    look: figures.Style,
    vessels: Sequence[Vessel],
    walls: Sequence[float],
    edges: Sequence[float],
    rim: float,
) -> Part:
    """Return one mode: its vessels between their walls, and below them columns of numbers between edges."""
    bodies = [
        part
        for i, (vessel, left, right) in enumerate(zip(vessels, walls, walls[1:], strict=False))
        for part in _body(f"{mode}-{i}", look, vessel, left, right, rim)
    ]
    wall: Attributes = {"fill": "none", "stroke": "currentColor", "stroke-width": 2.5, "stroke-linecap": "round"}
    drawn = "".join(f"M{x:.1f} {TOP}V{FLOOR}" for x in walls) + f"M{LEFT} {FLOOR}H{RIGHT}"
    return picture(
        WIDTH,
        HEIGHT,
        Part("rect", {"x": LEFT, "y": 7, "width": 12, "height": 12, "rx": 2, "fill": look["color"]}),
        _text(LEFT + 18, 18, HEADS[mode], anchor="start", size=13, weight="bold"),
        *bodies,
        Part("path", {"d": f"M{LEFT} {_height(1.0, rim):.1f}H{RIGHT}", **THIN}),
        Part("path", {"d": drawn, **wall}),
        *_legend(look),
        *_numbers(mode, vessels, walls, edges),
    )


def _body(name: str, look: figures.Style, vessel: Vessel, left: float, right: float, rim: float) -> Iterator[Part]:
    """Yield what is in a vessel: cash up to its level, profit above what was put in, its line, its end."""
    width, deep, full = right - left, FLOOR - TOP, _height(1.0, rim)
    level = {"transform": f"translate(0 {_height(vessel.level, rim) - TOP:.2f})"}
    water = Part("rect", {"width": width, "height": deep, "fill": look["color"], "fill-opacity": 0.42})
    above = Part("rect", {"width": width, "height": deep, "fill": figures.FREE["color"], "fill-opacity": 0.75})
    surface = Part("path", {"d": f"M0 1.5H{width:.1f}", **_stroke(look)})
    # A picture within the picture cuts off what is below the floor, and what is no profit.
    for what, floor, inside in (("level", FLOOR, (water, surface)), ("profit", full, (above,))):
        cut = {"x": left, "y": TOP, "width": width, "height": floor - TOP, "overflow": "hidden"}
        yield Part("svg", cut, inside=(Part("g", level, inside=inside, name=f"{name}-{what}"),))
    if vessel.names:
        at = {"transform": f"translate(0 {_height(vessel.line, rim):.2f})"}
        line = Part("path", {"d": f"M{left:.1f} 0H{right:.1f}", **DOTTED})
        yield Part("g", at, inside=(line,), name=f"{name}-line")
        yield _end(name, vessel.lost, (left + right) / 2, width)


def _end(name: str, lost: bool, x: float, width: float) -> Part:
    """Return the mark of a vessel that has been liquidated, seen or not."""
    y, arm = TOP + 40, 9
    strokes = f"M{x - arm:.1f} {y - arm}l{2 * arm} {2 * arm}M{x - arm:.1f} {y + arm}l{2 * arm} {-2 * arm}"
    look: Attributes = {"stroke": figures.LIQUIDATION["color"], "stroke-width": 5, "stroke-linecap": "round"}
    below = y + 29 if width >= WIDE else y + 52
    turned = f"rotate({0 if width >= WIDE else -90} {x:.1f} {below - 4})"
    inside = (Part("path", {"d": strokes, **look}), _text(x, below, "liquidated", transform=turned))
    return Part("g", {"opacity": int(lost)}, inside=inside, name=f"{name}-lost")


def _legend(look: figures.Style) -> Iterator[Part]:
    """Yield the names of the rows below, with the line that each of them is in the picture."""
    lines = {"put in": THIN, "equity": _stroke(look), "maintenance": DOTTED}
    for row, y in ROWS.items():
        yield _text(LEFT - 22, y, row, anchor="end", size=11)
        if row in lines:
            yield Part("path", {"d": f"M{LEFT - 17} {y - 4}h13", **lines[row]})


def _numbers(mode: str, vessels: Sequence[Vessel], walls: Sequence[float], edges: Sequence[float]) -> Iterator[Part]:
    """Yield the columns below: the name and the profit of each position, and the rest of each vessel."""
    held = [(name, told) for vessel in vessels for name, told in zip(vessel.names, _profits(vessel), strict=True)]
    for i, (name, told) in enumerate(held):
        x, width = (edges[i] + edges[i + 1]) / 2, edges[i + 1] - edges[i]
        size, short = 12 if width >= ROOMY else 11, name.replace("short ", MINUS)
        label = name if LETTER * len(name) <= width else short
        yield _text(x, NAMES_AT, label, name=f"{mode}-{i}-name", size=size, weight="bold")
        yield _text(x, ROWS["profit, loss"], told, name=f"{mode}-{i}-result", size=size)
    for i, (vessel, left, right) in enumerate(zip(vessels, walls, walls[1:], strict=False)):
        x, need = (left + right) / 2, "" if vessel.lost else money(vessel.maintenance)
        if not vessel.names:
            yield _text(x, NAMES_AT, "wallet", weight="bold")
        yield _text(x, ROWS["put in"], money(vessel.put_in), name=f"{mode}-{i}-put-in")
        yield _text(x, ROWS["equity"], money(vessel.equity), name=f"{mode}-{i}-equity", weight="bold")
        if vessel.names:
            yield _text(x, ROWS["maintenance"], need, name=f"{mode}-{i}-maintenance")
        if len(vessel.names) > 1:
            gone = signed(-vessel.put_in) if vessel.lost else ""
            yield _text(x, ROWS["profit, loss"], gone, name=f"{mode}-{i}-gone")


def _profits(vessel: Vessel) -> list[str]:
    """Return what is told of each profit: of what was lost alone, all that was put in; a lost pool tells it once."""
    if vessel.lost:
        return [signed(-vessel.put_in)] if len(vessel.names) == 1 else [""] * len(vessel.names)
    return [signed(profit) for profit in vessel.profits]


def _text(
    x: float,
    y: float,
    words: str,
    *,
    name: str = "",
    anchor: str = "middle",
    size: int = 12,
    weight: str = "normal",
    **more: str,
) -> Part:
    place: Attributes = {"x": x, "y": y, "text-anchor": anchor, "font-size": size, "font-weight": weight, **more}
    return Part("text", place, words, name=name)


def _stroke(look: figures.Style) -> Attributes:
    dash = {"stroke-dasharray": "9 5"} if look["dash"] == "dash" else {}
    return {"stroke": look["color"], "stroke-width": 3, **dash}
