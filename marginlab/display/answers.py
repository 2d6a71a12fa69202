"""What an account that is entered on a page is answered: JSON in, JSON out, for a Python that runs beside the page.

A page's account is one mapping, with every value as it stands in its field: ``title``, ``venue``, ``wallet``, ``date``,
``note``, ``brackets`` (text), ``held``, and the rows of ``positions`` (fields as in files), ``collateral`` (``asset``,
``amount``) and ``orders`` (as in files). :func:`replies` answers a message about it:

* ``{kind: "answer", account, screens: [{name, settings}]}``: a state of every screen, in the order asked;
* ``{kind: "read", way, text, balance, mode, account}``: the account that was pasted, with how it was read;
* ``{kind: "files", account}``: its files; ``{kind: "markets", venue}``: the symbols of a venue;
* ``{kind: "chance", account, settings}``: what is known after each chunk of paths.

What is wrong with an account is one message with ``problems``, each with its part, row and field; what cannot be
answered otherwise is one with ``failed``. :func:`reads` says beforehand which records of events an answer looks at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from .. import _checks
from .._checks import ArgumentError
from ..comparison.monte_carlo import chances_so_far
from ..comparison.needs import MOVE, RATE
from ..comparison.report import Comparison, compared, results_csv
from ..margin.contracts import Contract
from ..markets.events import event_names
from ..markets.own_brackets import Brackets
from ..markets.venues import UNLISTED, venue, venue_names
from ..portfolio.assets import ASSET_FIELDS, Asset, asked_assets, asset_rows, counted_at
from ..portfolio.ccxt import from_ccxt
from ..portfolio.files import from_csv, from_json, to_csv, to_json
from ..portfolio.portfolio import Portfolio, contract_of, own_brackets
from ..portfolio.reading import Asked, EntryError, Problem, as_number, as_text, refused
from . import screens
from .page import state_of

Message = dict[str, object]
Settings = Mapping[str, object]

# So many positions fit in a form; a file and a program hold more.
MOST_IN_FORM = 20
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


class WrongEntryError(ValueError):
    """What stands in the fields of a page is no account; `problems` says why, part by part."""

    def __init__(self, problems: Sequence[Message]) -> None:
        self.problems = problems
        super().__init__(problems)


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
        yield _as_json({"id": asked.get("id"), "problems": wrong.problems})
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


def entry_of(portfolio: Portfolio) -> Message:
    """Return an account as a page's fields have it.

    Parameters
    ----------
    portfolio
        The account.

    Returns
    -------
    dict
        As at the top of this module.
    """
    own, collateral = portfolio.brackets, asset_rows(portfolio.collateral)
    return {
        "title": portfolio.title,
        "venue": portfolio.venue,
        "wallet": as_text(portfolio.wallet),
        "date": portfolio.date or "",
        "note": portfolio.note,
        "brackets": "" if own is None else json.dumps(own.rows()),
        "positions": [_row(row) for row in portfolio.rows()],
        "collateral": [
            {"asset": name, **_row(said if isinstance(said, Mapping) else {"amount": said})}
            for name, said in collateral.items()
        ],
        "orders": [_row(row) for row in portfolio.order_rows()],
        "held": portfolio.held,
    }


def pasted(
    way: object, text: str, *, venue: object, wallet: object, balance: str = "", mode: object = None, own: object = None
) -> Portfolio:
    """Return the account that was pasted into a form.

    Parameters
    ----------
    way
        A key of ``WAYS``, or ``PASTED``.
    text
        What was pasted.
    venue, wallet
        What the form says: they hold for positions from ccxt, the wallet where there is no balance.
    balance
        What ``fetch_balance`` returns, or nothing.
    mode
        Of positions from ccxt that tell none; ``None`` or ``""`` refuses them.
    own
        Brackets of one's own.

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
            venue=cast(str, venue),
            balance=stated,
            wallet=None if stated else cast(str, wallet),
            margin_mode=cast("str | None", mode or None),
            brackets=own,
        )
    else:
        kept = WAYS[cast(str, way)](text)
    return _fitting(kept)


def portfolio_of(entry: Mapping[str, object]) -> Portfolio:
    """Return the account that stands in a page's fields.

    Parameters
    ----------
    entry
        As at the top of this module. Of an asset that says no ratio, as much counts as the venue is known to count.

    Returns
    -------
    Portfolio
        With what is to be known of its collateral among its remarks.

    Raises
    ------
    WrongEntryError
        With everything that is wrong, and nothing is kept of it.
    """
    rows, orders = (cast("list[Message]", entry.get(name) or []) for name in ("positions", "orders"))
    assets, remarks, wrong = _collateral(entry, rows)
    try:
        kept = Portfolio.of_rows(
            rows,
            venue=cast(str, entry.get("venue")),
            wallet=cast(str, entry.get("wallet")),
            date=cast(str, entry.get("date")),
            title=cast(str, entry.get("title") or ""),
            note=cast(str, entry.get("note") or ""),
            brackets=_stripped(entry.get("brackets")),
            held=bool(entry.get("held")),
            orders=orders,
            collateral=assets,
            remarks=remarks,
        )
        if not wrong:
            return _fitting(kept)
    except EntryError as refusal:
        wrong = [*map(_told, refusal.problems), *wrong]
    raise WrongEntryError([one for i, one in enumerate(wrong) if one not in wrong[:i]])


def _answer(asked: Message) -> Iterator[Message]:
    """Yield the screens asked for, and at the end those whose settings are refused."""
    found, refused = _found(_as_json(asked["account"])), list[Message]()
    for one in cast("Sequence[Message]", asked["screens"]):
        name = _checks.one_of("screen", one.get("name"), SCREENS)
        try:
            settings = _settings(SCREENS[name].start, cast(Settings, one.get("settings") or {}))
            yield {"name": name, "state": _state(SCREENS[name].draw(found, **settings))}
        except ArgumentError as refusal:
            refused.append({"name": name, "failed": str(refusal)})
    yield from refused


def _read(asked: Message) -> Iterator[Message]:
    """Yield the account that was pasted."""
    entry = cast(Message, asked["account"])
    own = _own(entry)
    try:
        kept = pasted(
            asked.get("way"),
            cast(str, asked.get("text")),
            venue=entry.get("venue"),
            wallet=entry.get("wallet"),
            balance=cast(str, asked.get("balance") or ""),
            mode=asked.get("mode"),
            own=own,
        )
    except EntryError as refusal:
        told = [*map(_told, refusal.problems)]
        more = [_problem("account", None, "file", f"has {refusal.more:,} more that are wrong")] if refusal.more else []
        raise WrongEntryError([*told, *more]) from None
    yield {"account": entry_of(kept), "remarks": list(kept.remarks)}


def _files(asked: Message) -> Iterator[Message]:
    """Yield the files that a reader may save."""
    entry = cast(Message, asked["account"])
    kept = portfolio_of(entry)
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
    "files": _files,
    "markets": _markets,
    "chance": _chance,
}


@lru_cache(maxsize=2)
def _found(entry: str) -> Comparison:
    """Return what is found of an account, which is asked again and again while one thing of a page changes."""
    kept = portfolio_of(json.loads(entry))
    try:
        return compared(kept)
    except ArgumentError as refusal:
        raise WrongEntryError([_problem("account", None, refusal.argument, refusal.reason)]) from None


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


def _collateral(entry: Mapping[str, object], rows: list[Message]) -> tuple[list[Asset], list[str], list[Message]]:
    """Return the assets entered, what to remark of them, and what is wrong with them, row by row."""
    assets, remarks, wrong = [], [], []
    contracts = list(_contracts(entry, rows))
    for i, row in enumerate(cast("list[Message]", entry.get("collateral") or [])):
        name, problems = str(row.get("asset") or "").strip(), list[Problem]()
        if not name and not _stripped(row.get("amount")):
            continue
        found = asked_assets({name: {key: value for key, value in row.items() if key != "asset"}}, problems)
        for one in found:
            if one.ratio is None and (where := _key(entry.get("venue"))):
                one, remark = counted_at(venue(where), one.asset, one.amount, contracts)
                remarks += [remark] if remark else []
            assets.append(one)
        for problem in problems:
            field = problem.field.rpartition(": ")[2]
            field = field if name and field in ASSET_FIELDS else "asset"
            wrong.append(_problem("collateral", i, field, problem.reason))
    return assets, remarks, wrong


def _contracts(entry: Mapping[str, object], rows: list[Message]) -> Iterator[Contract]:
    """Yield the contracts of the rows that name one."""
    where, date = _key(entry.get("venue")), cast(str, _stripped(entry.get("date")) or None)
    own = _own(entry)
    for row in rows:
        try:
            if where is not None:
                yield contract_of(where, cast(str, _stripped(row.get("symbol"))), date, own)
        except ArgumentError:
            continue


def _own(entry: Mapping[str, object]) -> Brackets | None:
    """Return the brackets of one's own that were entered, None where there are none that can be read."""
    return own_brackets(Asked(None, {}, []), _stripped(entry.get("brackets")), _key(entry.get("venue")))


def _key(name: object) -> str | None:
    """Return the key of a venue, None for what is none."""
    return name if isinstance(name, str) and name in (*venue_names(), UNLISTED) else None


def _fitting(kept: Portfolio) -> Portfolio:
    """Return an account, or refuse it where it has more positions than a form has room for."""
    if len(kept.positions) > MOST_IN_FORM:
        many = f"must be 1 to {MOST_IN_FORM} in the form, not {len(kept.positions)}"
        raise refused("positions", f"{many}; the library and the command line take more")
    return kept


def _told(problem: Problem) -> Message:
    """Return what is wrong, with the part of the page that it is wrong in."""
    if problem.row is not None and problem.field != "date":  # which is that of the account
        return _problem("positions", problem.row, problem.field, problem.reason)
    if of_order := re.fullmatch(r"orders, (\d+): (.*)", problem.field, re.DOTALL):
        return _problem("orders", int(of_order[1]) - 1, of_order[2], problem.reason)
    part = problem.field if problem.field in ("positions", "collateral", "orders") else "account"
    return _problem(part, None, problem.field, problem.reason)


def _problem(part: str, row: int | None, field: str, reason: str) -> Message:
    return {"part": part, "row": row, "field": field, "reason": reason}


def _row(said: Mapping[str, object]) -> Message:
    """Return a row with its numbers as they stand in fields."""
    return {key: as_text(value) if value is None or isinstance(value, float) else value for key, value in said.items()}


def _stripped(text: object) -> object:
    return text.strip() if isinstance(text, str) else text


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
