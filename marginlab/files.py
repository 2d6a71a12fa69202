"""Accounts as JSON and as CSV, there and back without loss; and results as CSV.

An account has these fields. Those in brackets may be left out, empty or ``null``; what stands for them then is
said in :meth:`marginlab.Portfolio.of_rows`.

========================== =====================================================================================
``venue``, ``wallet``      key of the venue; cash beside the margins of isolated positions
[``date``]                 of the bracket tables
[``title``], [``note``]    words
``positions``              one to eight, each with what follows
``symbol``, ``side``       contract; ``long`` or ``short``
``size`` or ``notional``   above 0: in the venue's unit, or what that is worth at entry
``entry``, [``mark``]      prices
[``mode``], [``margin``]   ``cross`` or ``isolated``; what is set aside in isolated mode
[``leverage``]             the setting
========================== =====================================================================================

In JSON it is one object::

    {"venue": "binance",
     "wallet": 12000,
     "positions": [{"symbol": "BTCUSDT",
                    "side": "long",
                    "size": 0.4,
                    "entry": 77084.5}]}

In CSV it is one table with a row a position; the fields of the account stand in the first row, and are empty or the
same in the others::

    venue,wallet,symbol,side,size,entry
    binance,12000,BTCUSDT,long,0.4,77084.5
    ,,ETHUSDT,short,9,2421.4
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from .comparison import Comparison
from .portfolio import FIELDS, EntryError, Portfolio, Problem

VERSION = 1
ACCOUNT = ("venue", "date", "wallet", "title", "note")
COLUMNS = (*ACCOUNT, *(name for name in FIELDS if name != "notional"))
RESULTS = ("part", "column", "of", "figure", "value")
OF_POSITIONS = (
    *("liquidation_price", "bankruptcy_price", "distance", "margin_used", "effective_leverage", "margin_ratio"),
    *("fall", "rise"),
)
OF_ACCOUNT = ("equity", "free_margin", "worst_margin_ratio", "account_leverage", "first_fall", "first_rise")


def to_json(portfolio: Portfolio) -> str:
    """Return an account as JSON.

    >>> from marginlab import preset
    >>> from_json(to_json(preset("market-maker"))) == preset("market-maker")
    True
    """
    account = {name: getattr(portfolio, name) for name in ACCOUNT}
    return json.dumps({"version": VERSION, **account, "positions": portfolio.rows()}, ensure_ascii=False, indent=1)


def from_json(text: str) -> Portfolio:
    """Return the account that is written in JSON.

    Raises
    ------
    EntryError
        With everything that is wrong, by position and field; nothing is kept of it.
    """
    _check_text("file", text)
    try:
        found = json.loads(text, object_pairs_hook=once)
    except EntryError:
        raise
    except (ValueError, RecursionError) as wrong:
        raise _refused("file", f"must be JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise _refused("file", f"must be one object with the fields {_listed(('version', *ACCOUNT, 'positions'))}")
    unknown = [name for name in found if name not in ("version", *ACCOUNT, "positions")]
    if unknown:
        raise EntryError(Problem(None, name, f"is no field: they are version, {_listed(ACCOUNT)}") for name in unknown)
    if found.get("version", VERSION) != VERSION:
        raise _refused("version", f"must be {VERSION}, not {found['version']!r}")
    if not isinstance(found.get("positions"), list):
        raise _refused("positions", f"must be a list, not {found.get('positions')!r}")
    return _entered(found["positions"], found)


def to_csv(portfolio: Portfolio) -> str:
    """Return an account as CSV, with one row a position.

    >>> from marginlab import preset
    >>> print(to_csv(preset("funding-carry")).splitlines()[0])
    venue,date,wallet,title,note,symbol,side,size,entry,mark,mode,leverage,margin
    """
    account = {name: getattr(portfolio, name) for name in ACCOUNT}
    rows = [{**(account if i == 0 else {}), **row} for i, row in enumerate(portfolio.rows())]
    return _written(COLUMNS, ([row.get(name) for name in COLUMNS] for row in rows))


def from_csv(text: str) -> Portfolio:
    """Return the account that is written in CSV.

    Columns may come in any order, and those that may be left out of a row may be missing; a column ``notional`` may
    stand for ``size``.

    Raises
    ------
    EntryError
        With everything that is wrong, by position and field; nothing is kept of it.
    """
    _check_text("file", text)
    try:
        head, *lines = [
            line for line in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True) if line
        ]
    except (csv.Error, ValueError) as wrong:
        raise _refused("file", f"must be CSV with a head of {_listed(COLUMNS)}: {wrong}") from None
    head = [name.strip() for name in head]
    problems = [
        Problem(None, name, f"is no column: they are {_listed((*COLUMNS, 'notional'))}")
        for name in head
        if name not in (*ACCOUNT, *FIELDS)
    ]
    problems += [
        Problem(None, name, "must be one column, not several") for name in dict.fromkeys(head) if head.count(name) > 1
    ]
    problems += [
        Problem(i, "row", f"must have {len(head)} cells, as the head has, not {len(line)}")
        for i, line in enumerate(lines)
        if len(line) != len(head)
    ]
    if problems:
        raise EntryError(problems)
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    account = {name: rows[0].get(name) for name in ACCOUNT} if rows else {}
    differing = [
        Problem(i, name, f"must be empty or as in the first row ({account[name]!r}), not {row[name]!r}")
        for i, row in enumerate(rows)
        for name in ACCOUNT
        if row.get(name) and row[name] != account[name]
    ]
    if differing:
        raise EntryError(differing)
    return _entered([{name: row[name] for name in FIELDS if name in row} for row in rows], account)


def results_csv(comparison: Comparison) -> str:
    """Return what a comparison found as CSV, one figure a row; empty where a price or a move does not exist.

    The part is ``position``, ``account``, ``refusal``, ``event``, ``closing`` (by force), ``shock`` or ``finding``.
    """
    return _written(RESULTS, chain(*(part(comparison) for part in (_standings, _events, _shocks, _findings))))


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an object in JSON, or refuse one that is given twice."""
    names = [name for name, _ in pairs]
    problems = [Problem(None, name, "must be given once") for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise EntryError(problems)
    return dict(pairs)


def _entered(rows: list[Any], account: Any) -> Portfolio:
    words = {name: account.get(name) or "" for name in ("title", "note")}
    for name, value in words.items():
        _check_text(name, value)
    return Portfolio.of_rows(rows, **{name: account.get(name) for name in ("venue", "wallet", "date")}, **words)


def _standings(found: Comparison) -> Iterator[tuple[Any, ...]]:
    for one in found.columns:
        for i, symbol in enumerate(found.symbols):
            for name in OF_POSITIONS:
                yield "position", one.name, f"{i + 1} {symbol}", name, getattr(one, name)[i]
        for name in OF_ACCOUNT:
            yield "account", one.name, "", name, getattr(one, name)
        for refusal in one.refusals:
            yield "refusal", one.name, refusal.symbol, "reason", refusal.reason


def _events(found: Comparison) -> Iterator[tuple[Any, ...]]:
    for each in found.replays:
        for column in each.outcomes:
            yield "event", column, each.title, "loss", each.loss(column)
            yield "event", column, each.title, "positions_lost", each.lost(column)
            for loss in each.losses(column):
                yield "closing", column, each.title, f"{loss.time} {loss.kind} {loss.symbol}", loss.amount


def _shocks(found: Comparison) -> Iterator[tuple[Any, ...]]:
    stress = found.stress
    for (c, i, j), equity in np.ndenumerate(stress.equity):
        yield "shock", stress.columns[c], f"BTC {stress.btc[i]:+g}, rest {stress.rest[j]:+g}", "equity", equity


def _findings(found: Comparison) -> Iterator[tuple[Any, ...]]:
    for finding in found.findings:
        for name in ("cross", "isolated", "by", "better", "gives_up", "claim"):
            yield "finding", "", finding.question, name, getattr(finding, name)


def _written(head: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")  # as RFC 4180 has it; with less, a lone \r would not be quoted
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Return what is written: all digits of a number, and nothing for one that does not exist."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else repr(float(value))
    return value


def _check_text(field: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _refused(field, f"must be text, not {value!r}")


def _refused(field: str, reason: str) -> EntryError:
    return EntryError([Problem(None, field, reason)])


def _listed(names: Any) -> str:
    return ", ".join(names)
