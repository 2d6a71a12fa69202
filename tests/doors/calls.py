"""Calls as somebody makes them who means harm, or knows no better: every public function, with what it does not expect.

The functions are found, not listed: all that the page of the package shows. Each is called with arguments that are
right, one of which is replaced. What comes back is sorted: refused by name, taken rightly, or a fault.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import marginlab
from marginlab import comparison, display, formatting, portfolio
from marginlab.display import figures, vessels
from marginlab.markets.price_models import PriceModel
from marginlab.portfolio import EntryError

PAGE = Path(__file__).parents[2] / "book" / "api.md"
# So many seconds may one call take: what takes longer has no end.
PATIENCE = 10

BTC = marginlab.Contract("BTCUSDT", marginlab.Tiers([0, 50_000], [0.01, 0.02], max_leverage=[50, 25]), currency="USDT")
ETH = marginlab.Contract("ETHUSDT", marginlab.Tiers.flat(0.01, max_leverage=50), currency="USDT")
HELD = [
    marginlab.Position(BTC, 0.2, 60_000, leverage=10),
    marginlab.Position(ETH, -2, 3_000, mode="isolated", leverage=10),
]
ACCOUNT = marginlab.Account.of(HELD, wallet=5_000)
MARKS = [60_000.0, 3_000.0]
PAIR = portfolio.preset("hedged-pair")
FOUND = comparison.compare(PAIR.account, PAIR.marks, venue=PAIR.venue)
CHANCES = comparison.chances_of(FOUND, paths=20, days=1)
TABLE = formatting.Table("What is left", ("mode", "left"), [("cross", "0")], names=("mode",))
# The same position in both modes.
POOLED = marginlab.Account.of([marginlab.Position(BTC, 0.2, 60_000)], wallet=5_000)
APART = marginlab.Account.of([marginlab.Position(BTC, 0.2, 60_000, mode="isolated", margin=2_000)], wallet=3_000)
LINE = figures.line(figures.CROSS, [1, 2], [3, 4], "cross")
MODEL = marginlab.Diffusion(MARKS, volatility_per_year=0.5, steps_per_year=365)
ROW = {"symbol": "BTCUSDT", "side": "long", "size": 0.5, "entry": 60_000, "leverage": 10}
SENT = {
    "symbol": "BTC/USDT:USDT",
    "side": "short",
    "contracts": 0.2,
    "contractSize": 1.0,
    "leverage": 5,
    "entryPrice": 70_000.0,
    "markPrice": 69_000.0,
    "marginMode": "cross",
}


def drawn(number: float = 1) -> tuple[object, str]:
    """Draw something, as an explorer does."""
    return {"data": [{"type": "bar", "y": [number]}], "layout": {}}, f"It is {number}."


# What is right for an argument, by its name; and where that means something else, by the function's as well.
RIGHT: dict[str, Any] = {
    "account": ACCOUNT,
    "accounts": {"as entered": ACCOUNT},
    "amount": 500.0,
    "argument": "size",
    "asset": "BTC",
    "at_step": 1,
    "backing": 1_000.0,
    "balance": 9_000.0,
    "block_steps": 2,
    "caption": "What is left",
    "cell": "BTC",
    "chance": 0.5,
    "column": "all cross",
    "comparison": FOUND,
    "contract": BTC,
    "contracts": [BTC, ETH],
    "convention": marginlab.Convention(),
    "cross": [1, 2],
    "date": "2025-10-10",
    "down_steps": 1,
    "draw": drawn,
    "end": 1,
    "entry": 60_000.0,
    "equity": [3, 4],
    "event": "may-2021",
    "every": 6,
    "factor": 0.00005,
    "fall": 0.5,
    "first": 0.0,
    "floors": [0, 50_000],
    "found": FOUND,
    "head": ("mode", "left"),
    "hits": 3,
    "isolated": [1, 2],
    "known": CHANCES,
    "last": 1.0,
    "level": MARKS,
    "leverage": 10.0,
    "leverage_limit": 10.0,
    "links": {},
    "log_returns": [[0.1, 0.1], [-0.1, -0.1], [0.0, 0.1]],
    "margin": 900.0,
    "marks": MARKS,
    "mode": "isolated",
    "model": MODEL,
    "most": 0.5,
    "move": 0.1,
    "name": "binance",
    "names": ["BTC", "ETH"],
    "notional": 10_000.0,
    "order": "low first",
    "outcomes": [],
    "paths": 20,
    "payload": [{"symbol": "NEWUSDT", "rate": 0.02}],
    "portfolio": PAIR,
    "position": 0,
    "profits": [-100.0, 200.0],
    "put_in": 1_000.0,
    "positions": HELD,
    "price": 60_000.0,
    "prices": [MARKS, [59_000.0, 3_100.0]],
    "rate": 0.01,
    "rates": [0.01, 0.02],
    "ratio": 0.5,
    "reason": "must not be 0",
    "required": [1, 1],
    "requirement": 100.0,
    "rest": -0.1,
    "rng": lambda: np.random.default_rng(1),
    "rows": [("cross", "0")],
    "seed": 1,
    "share": 0.5,
    "side": "long",
    "size": 0.5,
    "sizes": [1, -1],
    "speed_per_year": 50.0,
    "start": MARKS,
    "step": 0,
    "steps": 2,
    "steps_per_year": 365.0,
    "style": figures.CROSS,
    "symbol": "BTCUSDT",
    "symbols": ["BTCUSDT"],
    "target": 0.1,
    "text": "",
    "tiers": BTC.tiers,
    "times": 0.5,
    "time": np.datetime64("2021-05-19T04:00"),
    "title": "What is it?",
    "to": "volatility.ipynb",
    "top": "equity",
    "bottom": "left",
    "topic": "switching",
    "traces": [LINE],
    "value": 1_234.5,
    "values": [1, 2],
    "venue": "binance",
    "volatility_per_year": 0.5,
    "wallet": 5_000.0,
    "words": "BTC",
    "x": [1, 2],
    "y": [3, 4],
    "btc": -0.1,
}
RIGHT_OF: dict[tuple[str, str], Any] = {
    ("Account", "entry"): MARKS,
    ("CollateralRatio", "floors"): [0, 10],
    ("CollateralRatio", "ratios"): [0.95, 0.9],
    ("EventRecord.path", "symbol"): "BTC",
    ("EventRecord.funding", "symbol"): "BTC",
    ("Account", "margin"): [0.0, 600.0],
    ("Account", "mode"): ["cross", "isolated"],
    ("Account", "size"): [0.2, -2],
    ("Bootstrap.of_event", "name"): "may-2021",
    ("BracketTable", "contract"): BTC,
    ("Brackets", "contracts"): (BTC, ETH),
    ("Brackets.contract", "symbol"): "BTCUSDT",
    ("Comparison.column", "name"): "all cross",
    ("Comparison.replayed", "name"): "may-2021",
    ("Convention.fee_at", "price"): "liquidation",
    ("Convention.liquidates", "equity"): 1.0,
    ("Event.path", "price"): "mark",
    ("FlashCrash", "recovery"): 0.5,
    ("Portfolio", "marks"): PAIR.marks,
    ("Portfolio", "positions"): PAIR.positions,
    ("Portfolio.of_rows", "rows"): [ROW],
    ("Share.of", "paths"): 20,
    ("Stop", "price"): 55_000.0,
    ("Tiers.maintenance_margin", "contracts"): 1.0,
    ("aligned", "names"): ["mode"],
    ("bars", "names"): ["a", "b"],
    ("bars", "values"): [1, 2],
    ("chart", "x"): "time",
    ("chart", "y"): "money",
    ("event", "name"): "may-2021",
    ("Table.with_links", "column"): "mode",
    ("from_ccxt", "positions"): [SENT],
    ("from_ccxt", "wallet"): 1_000.0,
    ("from_csv", "text"): portfolio.to_csv(PAIR),
    ("from_json", "text"): portfolio.to_json(PAIR),
    ("here", "cross"): 1,
    ("here", "isolated"): 2,
    ("here", "x"): 1,
    ("Account.paid", "amounts"): np.array([100.0, -50.0]),
    ("Comparison.what_if", "order"): marginlab.Order(FOUND.account.contracts[0], 0.1, FOUND.marks[0], leverage=10),
    ("event_record", "name"): "aug-2024",
    ("ladder", "orders"): [marginlab.Order(BTC, 0.1, 58_000, leverage=10)],
    ("listed", "names"): ["BTC", "ETH"],
    ("margin_to_survive", "price"): 55_000.0,
    ("size_to_close", "price"): 58_000.0,
    ("what_if", "order"): marginlab.Order(BTC, 0.1, 58_000, leverage=10),
    ("panels", "x"): "time",
    ("pools", "cross"): POOLED,
    ("pools", "isolated"): APART,
    ("pools", "marks"): [60_000.0],
    ("side_by_side", "cross"): vessels.vessels_of(POOLED, [60_000.0]),
    ("side_by_side", "isolated"): vessels.vessels_of(APART, [60_000.0]),
    ("vessels_of", "account"): POOLED,
    ("vessels_of", "marks"): [60_000.0],
    ("position_names", "symbols"): ["BTCUSDT", "ETHUSDT"],
    ("preset", "name"): "hedged-pair",
    ("replay", "name"): "may-2021",
    ("replay", "venue"): marginlab.venue("binance"),
    ("replays", "names"): ["may-2021"],
    ("replays", "venue"): marginlab.venue("binance"),
    ("replays", "orders"): ["low first"],
    ("EventRecord.price_path", "coins"): ["BTC", "DOGE"],
    ("screens.crashed", "event"): "may-2021",
    ("steps", "step"): 0.5,
    ("timed_by_trades", "marks"): marginlab.event_record("aug-2024").path("BTC"),
    ("timed_by_trades", "trades"): marginlab.event_record("aug-2024").path("BTC", kind="last", step="15m"),
    ("workbench", "start"): "hedged-pair",
}
INSTANCES: dict[str, Any] = {
    "Account": ACCOUNT,
    "Brackets": marginlab.Brackets((BTC, ETH)),
    "Chances": CHANCES,
    "Comparison": FOUND,
    "Contract": BTC,
    "Convention": marginlab.Convention(),
    "Conversion": marginlab.Conversion(),
    "CollateralRatio": marginlab.CollateralRatio.flat(0.95),
    "EventRecord": marginlab.event_record("aug-2024"),
    "Event": marginlab.event("may-2021"),
    "Explorer": display.explore(drawn, title="What is it?", number=[1, 2]),
    "Ledger": marginlab.Ledger(),
    "Order": marginlab.Order(BTC, 0.5, 58_000, leverage=10),
    "PriceModel": MODEL,
    "Replay": comparison.replay({"all cross": PAIR.account}, PAIR.marks, "may-2021"),
    "Table": TABLE,
    "Tiers": BTC.tiers,
    "Venue": marginlab.venue("binance"),
}


class Frame:
    """What other packages hand on: an array inside, and names of columns where a list would have rows."""

    def __init__(self, values: object) -> None:
        self.values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[str]:
        return iter(["open", "close"])


# What an argument is replaced by, each made anew for its call.
REPLACEMENTS: tuple[Callable[[], Any], ...] = (
    *(lambda one=one: one for one in (None, True, False, 0, 1, -1, 2, 7, 10**5000, 0.5, -0.5, 1.5, 1e9, 1e300, -1e300)),
    *(lambda one=one: one for one in (1e-300, float("nan"), float("inf"), -float("inf"), 1j, 1e99, 1e-99, -0.0)),
    *(lambda one=one: one for one in ("", "x", "1", "cross", "1" * 5_000, "\ud800", "<b>", "=1", "constructor")),
    *(lambda one=one: one for one in ("__class__", "\0", "a\nb", " ", "٣", b"x", "{0.__class__}", "{", "2020-13-45")),
    *(lambda one=one: one for one in (Decimal("1.5"), Decimal("NaN"), Decimal("sNaN"), Fraction(1, 3), range(3), int)),
    *(
        lambda one=one: one
        for one in (np.float32(1.5), np.int64(3), np.bool_(True), np.datetime64("NaT"), BTC, ACCOUNT)
    ),
    list,
    dict,
    set,
    lambda: {1.0},
    lambda: {"a": 1},
    lambda: {"BTCUSDT": ACCOUNT},
    lambda: [None],
    lambda: ["x"],
    lambda: [True],
    lambda: [1.0, True],
    lambda: [[1.0], [2.0, 3.0]],
    lambda: [float("nan"), 1.0],
    lambda: [1e300, 1.0],
    lambda: [-1.0, 2.0],
    lambda: [1, 2, 3],
    lambda: (60_000.0, 3_000.0),
    lambda: [object()],
    object,
    lambda: bytearray(b"ab"),
    lambda: memoryview(b"ab"),
    lambda: (number for number in (1.0, 2.0)),
    lambda: iter(()),
    lambda: lambda: 0,
    lambda: np.zeros(0),
    lambda: np.array(1.5),
    lambda: np.ones((2, 3)),
    lambda: np.array(["a", "b"]),
    lambda: np.array([None, 1.0]),
    lambda: np.ma.array([60_000.0, 3_000.0], mask=[True, False]),
    lambda: np.ma.array([60_000.0, 3_000.0], mask=False),
    lambda: np.ma.masked,
    lambda: Frame([60_000.0, 3_000.0]),
    lambda: Frame([[60_000.0, 3_000.0], [59_000.0, 3_000.0]]),
)
# Of these alone nan or inf may be an answer: a price or a move that does not exist, a limit that is none, nothing left.
WITHOUT_BOUND = re.compile(
    r"liquidation_price|bankruptcy_price|liquidation_move|price_at|leverage_limit|largest|margin_ratio"
    r"|effective_leverage|fee_at|^amount$|payments_to_liquidation"
)


class Door(NamedTuple):
    """One public function, with arguments that are right."""

    name: str
    call: Callable[..., Any]
    right: Mapping[str, Any]

    def arguments(self) -> dict[str, Any]:
        """Return right arguments, made anew where they are used up."""
        return {name: value() if value is RIGHT["rng"] else value for name, value in self.right.items()}


class Sorted(NamedTuple):
    """What became of a call."""

    kind: str
    told: str


def doors() -> dict[str, Door]:
    """Return every public function, class that is made by its users, and method, by its name."""
    found = {}
    for name, call in _shown():
        wanted = inspect.signature(call).parameters
        optional = {"leverage", "margin", "contracts", "mode", "price", "date", "convention"}
        right = {}
        for one in wanted.values():
            if one.name == "self" or one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
                continue
            told = (name, one.name) in RIGHT_OF
            if one.default is one.empty or told or (one.name in optional and name in {"Account", "Position", "Order"}):
                right[one.name] = RIGHT_OF[name, one.name] if told else RIGHT[one.name]
        found[name] = Door(name, call, right)
    return found


def _shown() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what the page of the package shows that can be called, methods bound to something."""
    text = PAGE.read_text(encoding="utf-8")
    for kind, name, more in re.findall(r"^\.\. auto(\w+):: (\S+)\n((?:   :.*\n)*)", text, re.MULTILINE):
        if kind == "module" and ":members:" in more:
            for one, function in vars(_at(name)).items():
                own = getattr(function, "__module__", "") == name and not one.startswith("_")
                if own and inspect.isfunction(function):
                    yield one, function
                elif own and _is_made(function):
                    yield one, function
                    yield from _methods(function, "all")
        elif kind == "function":
            yield name.rsplit(".", 1)[1], _at(name)
        elif kind == "class":
            if _is_made(_at(name)):
                yield name.rsplit(".", 1)[1], _at(name)
            members = re.search(r":members:(.*)", more)
            left_out = re.search(r":exclude-members:(.*)", more)
            if members:
                named = members.group(1).strip() or "all"
                yield from _methods(_at(name), named, left_out.group(1) if left_out else "")


def _methods(kind: type, named: str, left_out: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for one, member in inspect.getmembers_static(kind):
        shown = not one.startswith("_") if named == "all" else one in re.split(r",\s*", named)
        if not shown or one in re.split(r",\s*", left_out.strip()) or isinstance(member, property):
            continue
        if isinstance(member, classmethod | staticmethod):
            yield f"{kind.__name__}.{one}", getattr(kind, one)
        elif inspect.isfunction(member) and len(inspect.signature(member).parameters) > 1:
            yield f"{kind.__name__}.{one}", getattr(INSTANCES[kind.__name__], one)


def _is_made(kind: Any) -> bool:
    """Whether users make one: then its docstring says of what, or it is a model of prices."""
    if not inspect.isclass(kind) or inspect.isabstract(kind) or issubclass(kind, Exception):
        return False
    return "Parameters\n" in (kind.__doc__ or "") or issubclass(kind, PriceModel)


def _at(name: str) -> Any:
    found: Any = marginlab
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Give up on what has no end, in the processor's time; a warning of numpy's is as bad as what it warns of."""

    def ring(*_: object) -> None:
        raise TimeoutError("no end")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def sort(call: Callable[[], Any], taken: Callable[[Any], str] = lambda _: "") -> Sorted:
    """Return what becomes of a call; `taken` says what is wrong with an answer, "" for nothing."""
    try:
        with _patient():
            wrong = taken(call())
    except (marginlab.ArgumentError, EntryError) as refusal:
        told = str(refusal)
        return Sorted("refused", told) if len(told) < 20 * 800 else Sorted("fault", f"told {len(told)} letters")
    except ValueError as refusal:
        # An action that the venue refuses, which is no argument that is wrong.
        kind = "refused" if " is refused" in str(refusal) else "fault"
        return Sorted(kind, f"{type(refusal).__name__}: {refusal}")
    except BaseException as fault:
        return Sorted("fault", "".join(traceback.format_exception_only(fault)).strip())
    return Sorted("fault", wrong) if wrong else Sorted("taken", "")


def knock(door: Door, argument: str, replacement: Any) -> Sorted:
    """Call a function with one argument replaced, and sort what becomes of it."""
    given = {**door.arguments(), argument: replacement}

    def taken(answer: Any) -> str:
        if isinstance(answer, Iterator):
            answer = next(answer, None)
        if not WITHOUT_BOUND.search(door.name) and not is_finite(answer):
            return f"answered {answer!r:.200}"
        kept = vars(answer).get(argument, replacement) if inspect.isclass(door.call) else replacement
        return "" if _same(kept, replacement) else f"kept {kept!r:.80}"

    return sort(lambda: door.call(**given), taken)


def is_finite(answer: Any) -> bool:
    """Whether a number, or an array, holds numbers alone."""
    if isinstance(answer, float | np.floating | np.ndarray) and np.asarray(answer).dtype.kind == "f":
        return bool(np.isfinite(answer).all())
    return not isinstance(answer, str) or not re.search(r"\b(nan|inf)(?!\w)", answer)


def _same(kept: Any, given: Any) -> bool:
    """Whether what is kept is what was given: the same words, the same numbers; what is left out is filled in."""
    if kept is given or isinstance(given, Iterator) or given is None or (isinstance(given, str) and not given):
        return True
    if isinstance(kept, marginlab.CollateralRatio):
        kept = kept.ratios[0]  # one number stands for the same ratio of any amount
    if isinstance(given, bool) or isinstance(kept, bool):
        return kept == given
    try:
        one, other = np.asarray(kept, dtype=float), np.asarray(given, dtype=float)
        return bool(np.all(np.isclose(one, other, rtol=1e-12) | (one == other)))
    except (TypeError, ValueError):
        return len(kept) == len(given) if hasattr(given, "__len__") and hasattr(kept, "__len__") else kept == given
