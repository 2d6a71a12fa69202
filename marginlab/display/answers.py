"""What an account that is entered on a page is answered: JSON in, JSON out, for a Python that runs beside the page.

The account is as :mod:`marginlab.display.fields` has it. :func:`replies` answers a message about it:

* ``{kind: "answer", account, screens: [{name, settings}]}``: a state of every screen, in the order asked, and whether
  the venue itself has ``told`` anything of its positions;
* ``{kind: "read", way, text, balance, mode, account}``: the account that was pasted;
* ``{kind: "move", account, venue}``: the account as it would stand at that venue;
* ``{kind: "files", account}``: its files; ``{kind: "markets", venue}``: the symbols of a venue;
* ``{kind: "chance", account, settings}``: what is known after each chunk of paths.

What is wrong with an account is one message with ``problems``, each with its part, row and field; what cannot be
answered otherwise is one with ``failed``. :func:`reads` says beforehand which records of events an answer looks at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from .. import _checks
from .._checks import ArgumentError
from ..comparison.monte_carlo import chances_so_far
from ..comparison.needs import MOVE, RATE
from ..comparison.report import Comparison, compared, results_csv
from ..markets.events import event_names
from ..markets.venues import UNLISTED, venue
from ..portfolio.ccxt import from_ccxt
from ..portfolio.files import from_csv, from_json, to_csv, to_json
from ..portfolio.portfolio import Portfolio
from ..portfolio.reading import EntryError, as_number, refused
from . import screens
from .fields import (
    MOST_IN_FORM,
    Message,
    Wrong,
    WrongEntryError,
    entry_of,
    moved,
    own_of,
    portfolio_of,
    where_it_stands,
)
from .page import state_of

Settings = Mapping[str, object]

# How an account can be pasted.
WAYS = {"JSON": from_json, "CSV": from_csv}
PASTED = "positions from ccxt"
# Of how many paths a form draws a chance.
PATHS = (5_000, 20_000)


class Shown(NamedTuple):
    """A screen that can be asked for: what draws it, its settings where none are given, and which records it reads."""

    draw: Callable[..., screens.Screen]
    start: Mapping[str, str | float]
    reads: Callable[[Settings], Iterable[object]] = lambda _: ()


SCREENS = {
    "summary": Shown(screens.summary, {}),
    "distances": Shown(screens.distances, {}),
    "free_margin": Shown(screens.free_margin, {}),
    "shocked": Shown(screens.shocked, {"btc": -0.3, "rest": -0.2}),
    "crashed": Shown(screens.crashed, {"event": event_names()[0]}, lambda settings: [settings["event"]]),
    "which_mode": Shown(screens.which_mode, {}, lambda _: event_names()),
    "survival": Shown(screens.survival, {"move": MOVE}),
    "room": Shown(screens.room, {}),
    "next_order": Shown(screens.next_order, {"times": 1.0, "position": 0}),
    "funded": Shown(screens.funded, {"rate": RATE}),
    "reconciled": Shown(screens.reconciled, {}),
}
CHANCE: Mapping[str, str | float] = {
    "model": "diffusion",
    "volatility": 0.6,
    "correlation": 0.8,
    "days": 30,
    "paths": PATHS[-1],
}


def replies(text: str) -> Iterator[str]:
    """Return an iterator over what a message of a page is answered, one text of JSON each.

    Parameters
    ----------
    text
        The message, with its ``id``.

    Returns
    -------
    iterator of str
        The last is ``{id, done: true}``.
    """
    asked = cast(Message, json.loads(text))
    try:
        answers = _KINDS[_checks.one_of("kind", asked.get("kind"), _KINDS)](asked)
        for one in answers:
            yield _as_json({"id": asked.get("id"), **one})
    except WrongEntryError as wrong:
        yield _as_json({"id": asked.get("id"), "problems": [one._asdict() for one in wrong.problems]})
    except ArgumentError as refusal:
        yield _as_json({"id": asked.get("id"), "failed": str(refusal)})
    yield _as_json({"id": asked.get("id"), "done": True})


def reads(text: str) -> list[str]:
    """Return which records of events a message's answer looks at, for a page that fetches them together before.

    Parameters
    ----------
    text
        The message.

    Returns
    -------
    list of str
        Names of events. What is wrong with the message, its answer says.
    """
    asked = cast(Message, json.loads(text))
    found: list[object] = [*event_names()] if asked.get("kind") == "files" else []
    for one in cast("Sequence[Message]", asked.get("screens") or ()):
        if known := SCREENS.get(cast(str, one.get("name"))):
            found += known.reads({**known.start, **cast(Settings, one.get("settings") or {})})
    return [name for name in event_names() if name in found]


def pasted(way: object, text: str, entry: Mapping[str, object], *, balance: str = "", mode: object = None) -> Portfolio:
    """Return the account that was pasted into a form.

    Parameters
    ----------
    way
        A key of ``WAYS``, or ``PASTED``.
    text
        What was pasted.
    entry
        What the form says: its venue and brackets hold for positions from ccxt, the wallet where there is no balance.
    balance
        What ``fetch_balance`` returns, or nothing.
    mode
        Of positions from ccxt that tell none; ``None`` or ``""`` refuses them.

    Returns
    -------
    Portfolio
        With no more positions than a form has room for.

    Raises
    ------
    EntryError
        With everything that is wrong.
    """
    if _checks.one_of("way", way, (*WAYS, PASTED)) == PASTED:
        stated = balance.strip() or None
        kept = from_ccxt(
            text,
            venue=cast(str, entry.get("venue")),
            balance=stated,
            wallet=None if stated else cast(str, entry.get("wallet")),
            margin_mode=cast("str | None", mode or None),
            brackets=own_of(entry),
        )
    else:
        kept = WAYS[cast(str, way)](text)
    return _fitting(kept)


def _answer(asked: Message) -> Iterator[Message]:
    """Yield the screens asked for, and at the end those whose settings are refused."""
    found, refused = _found(_as_json(asked["account"])), list[Message]()
    for one in cast("Sequence[Message]", asked["screens"]):
        name = _checks.one_of("screen", one.get("name"), SCREENS)
        try:
            settings = _settings(SCREENS[name].start, cast(Settings, one.get("settings") or {}))
            state = _state(SCREENS[name].draw(found, **settings))
            yield {"name": name, "state": state, "told": found.reconciled is not None}
        except ArgumentError as refusal:
            refused.append({"name": name, "failed": str(refusal)})
    yield from refused


def _read(asked: Message) -> Iterator[Message]:
    """Yield the account that was pasted."""
    try:
        kept = pasted(
            asked.get("way"),
            cast(str, asked.get("text")),
            cast(Message, asked["account"]),
            balance=cast(str, asked.get("balance") or ""),
            mode=asked.get("mode"),
        )
    except EntryError as refusal:
        told = [*map(where_it_stands, refusal.problems)]
        more = [Wrong("account", None, "file", f"has {refusal.more:,} more that are wrong")] if refusal.more else []
        raise WrongEntryError([*told, *more]) from None
    yield {"account": entry_of(kept)}


def _move(asked: Message) -> Iterator[Message]:
    """Yield the account as it would stand at another venue."""
    yield {"account": moved(cast(Message, asked["account"]), cast(str, asked.get("venue")))}


def _files(asked: Message) -> Iterator[Message]:
    """Yield the files that a reader may save."""
    entry = cast(Message, asked["account"])
    kept = _entered(entry)
    results = results_csv(_found(_as_json(entry)))
    yield {"files": {"account.json": to_json(kept), "account.csv": to_csv(kept), "results.csv": results}}


def _markets(asked: Message) -> Iterator[Message]:
    """Yield the symbols of a venue."""
    yield {"markets": [] if asked.get("venue") == UNLISTED else list(venue(cast(str, asked.get("venue"))).symbols)}


def _chance(asked: Message) -> Iterator[Message]:
    """Yield what is known after each chunk of paths."""
    found = _found(_as_json(asked["account"]))
    settings = _settings(CHANCE, cast(Settings, asked.get("settings") or {}))
    _checks.count("paths", settings["paths"], most=PATHS[-1])
    for known in chances_so_far(found, **settings):  # type: ignore[arg-type] # it says itself what is wrong
        yield {"chance": {"done": known.done, "of": known.paths, "state": _state(screens.by_chance(found, known))}}


_KINDS: dict[str, Callable[[Message], Iterator[Message]]] = {
    "answer": _answer,
    "read": _read,
    "move": _move,
    "files": _files,
    "markets": _markets,
    "chance": _chance,
}


@lru_cache(maxsize=2)
def _found(entry: str) -> Comparison:
    """Return what is found of an account, which is asked again and again while one thing of a page changes."""
    kept = _entered(json.loads(entry))
    try:
        return compared(kept)
    except ArgumentError as refusal:
        raise WrongEntryError([Wrong("account", None, refusal.argument, refusal.reason)]) from None


def _entered(entry: Message) -> Portfolio:
    """Return the account that stands in the fields of a form."""
    try:
        return _fitting(portfolio_of(entry))
    except EntryError as refusal:
        raise WrongEntryError([*map(where_it_stands, refusal.problems)]) from None


def _state(screen: screens.Screen) -> Message:
    """Return a screen as a page draws it."""
    return {**state_of(screen[:2]), "table": screen.table.html(linked=True)}


def _settings(start: Mapping[str, str | float], given: Settings) -> dict[str, str | float]:
    """Return all settings of a screen; a number may come as text, as it stands in a field."""
    if unknown := sorted(set(given) - set(start)):
        raise ArgumentError("settings", f"must be among {', '.join(start) or 'none'}, not {', '.join(unknown):.60}")
    return {name: _setting(name, first, given.get(name, first)) for name, first in start.items()}


def _setting(name: str, first: str | float, given: object) -> str | float:
    if isinstance(first, str):
        return _checks.words(name, given)
    number = _checks.single(name, as_number(name, given))
    return int(number) if isinstance(first, int) and number.is_integer() else number


def _fitting(kept: Portfolio) -> Portfolio:
    """Return an account, or refuse it where it has more positions than a form has room for."""
    if len(kept.positions) > MOST_IN_FORM:
        many = f"must be 1 to {MOST_IN_FORM} in the form, not {len(kept.positions)}"
        raise refused("positions", f"{many}; the library and the command line take more")
    return kept


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
