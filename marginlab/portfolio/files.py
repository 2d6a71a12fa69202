"""Accounts as JSON and as CSV, there and back without loss, in files that say their version.

An account has these fields. Those in brackets may be left out, empty or ``null``; what stands for them then is
said in :meth:`marginlab.portfolio.Portfolio.of_rows`. Files of all older versions are read.

========================== =====================================================================================
[``version``]              of the file: 2, or 1, which had no fields below from ``held`` on
``venue``, ``wallet``      key of the venue; cash beside the margins of isolated positions
[``date``]                 of the bracket tables, and of how the venue counts
[``title``], [``note``]    words
[``brackets``]             of one's own, as :meth:`marginlab.Brackets.read` takes them
``positions``              one or more, each with what follows
``symbol``, ``side``       contract; ``long`` or ``short``
``size`` or ``notional``   above 0: in the venue's unit, or what that is worth at entry
``entry``, [``mark``]      prices; both sides of a market have one mark
[``mode``], [``margin``]   ``cross`` or ``isolated``; what is set aside in isolated mode, without profit
[``leverage``]             the setting
[``rate``]                 maintenance rate of a contract that nobody knows; written as ``brackets``
[``collateral``]           of the account: other assets behind it, by their names; in CSV as JSON. Of each an amount,
                           or ``amount``, [``ratio``], [``price``], [``quoted_in``]; without a ratio it counts for
                           nothing
[``held``]                 of the account: ``true`` if the positions were there already when it was written, so that
                           nothing is refused for what could not be opened today
[``orders``]               of the account: open orders, each with ``symbol``, ``side`` (``buy`` or ``sell``), ``size``,
                           ``price``, [``mode``], [``leverage``], [``reduce_only``]
[``remarks``]              of the account: how it was read, where an exchange did not say it plainly
[``told_liquidation``]     of a position: the liquidation price that the venue itself says,
[``told_maintenance``]     its maintenance margin,
[``told_ratio``]           its requirement to its equity,
[``told_leverage``]        and its leverage
========================== =====================================================================================

In JSON it is one object::

    {"version": 2,
     "venue": "binance",
     "wallet": 12000,
     "positions": [{"symbol": "BTCUSDT",
                    "side": "long",
                    "size": 0.4,
                    "entry": 77084.5}]}

In CSV it is one table with a row a position; the fields of the account stand in the first row, and are empty or the
same in the others. What is no number or word is JSON there::

    version,venue,wallet,symbol,side,size,entry
    2,binance,12000,BTCUSDT,long,0.4,77084.5
    ,,,ETHUSDT,short,9,2421.4
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import cast

from .. import _checks
from .._checks import ArgumentError, shown
from .._pasted import LONGEST
from ..formatting import as_csv, of_cell
from .assets import asset_rows
from .portfolio import MOST_POSITIONS, Portfolio
from .reading import FIELDS, MOST_TOLD, RATE, TOLD, EntryError, Problem, json_of, refused

VERSION = 2
VERSIONS = (1, 2)
ACCOUNT = ("venue", "date", "wallet", "title", "note")
# More columns than there are fields: each of them is told that it is none.
MOST_COLUMNS = 100
# Written where there is anything to say: in CSV as JSON.
MORE = ("brackets", "held", "orders", "collateral", "remarks")
CSV_COLUMNS = ("version", *ACCOUNT, *(name for name in FIELDS if name != "notional"))


def to_json(portfolio: Portfolio) -> str:
    """Return an account as JSON.

    Parameters
    ----------
    portfolio
        The account.

    Returns
    -------
    str
        One object, as at the top of this module.

    Examples
    --------
    >>> from marginlab.portfolio import preset
    >>> from_json(to_json(preset("market-maker"))) == preset("market-maker")
    True
    """
    _checks.instance("portfolio", portfolio, Portfolio)
    account = {"version": VERSION, **{name: getattr(portfolio, name) for name in ACCOUNT}, **_more(portfolio)}
    return json.dumps({**account, "positions": portfolio.rows()}, ensure_ascii=False, indent=1)


def from_json(text: str) -> Portfolio:
    """Return the account that is written in JSON.

    Parameters
    ----------
    text
        One object, as at the top of this module.

    Returns
    -------
    Portfolio
        The account.

    Raises
    ------
    EntryError
        With everything that is wrong, by position and field; nothing is kept of it.
    """
    _of_a_length(text)
    try:
        found = json_of(text)
    except EntryError:
        raise
    except (ValueError, RecursionError) as wrong:
        raise refused("file", f"must be JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise refused("file", f"must be one object with the fields {_listed(('version', *ACCOUNT, 'positions'))}")
    known = ("version", *ACCOUNT, *MORE)
    unknown = [name for name in found if name not in (*known, "positions")]
    if unknown:
        told = f"is no field: they are {_listed(known)}"
        problems = [Problem(None, name, told) for name in unknown[:MOST_TOLD]]
        raise EntryError(problems, more=len(unknown) - len(problems))
    _check_version(found.get("version"))
    if not isinstance(found.get("positions"), list):
        raise refused("positions", f"must be a list, not {shown(found.get('positions'))}")
    return _entered(found["positions"], found)


def to_csv(portfolio: Portfolio) -> str:
    """Return an account as CSV.

    Parameters
    ----------
    portfolio
        The account.

    Returns
    -------
    str
        One table with a row a position, as at the top of this module.

    Examples
    --------
    >>> from marginlab.portfolio import preset
    >>> print(to_csv(preset("funding-carry")).splitlines()[0])
    version,venue,date,wallet,title,note,symbol,side,size,entry,mark,mode,leverage,margin
    """
    _checks.instance("portfolio", portfolio, Portfolio)
    more = {name: json.dumps(value, ensure_ascii=False) for name, value in _more(portfolio).items()}
    account = {"version": VERSION, **{name: getattr(portfolio, name) for name in ACCOUNT}, **more}
    rows = [{**(account if i == 0 else {}), **row} for i, row in enumerate(portfolio.rows())]
    columns = (*CSV_COLUMNS, *(name for name in TOLD if any(name in row for row in rows)), *more)
    return as_csv(columns, ([row.get(name) for name in columns] for row in rows))


def from_csv(text: str) -> Portfolio:
    """Return the account that is written in CSV.

    Columns may come in any order, and those that may be left out of a row may be missing; a column ``notional`` may
    stand for ``size``.

    Parameters
    ----------
    text
        One table, as at the top of this module.

    Returns
    -------
    Portfolio
        The account.

    Raises
    ------
    EntryError
        With everything that is wrong, by position and field; nothing is kept of it.
    """
    _of_a_length(text)
    table = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        head, *lines = islice(filter(None, table), MOST_POSITIONS + 2)
    except (csv.Error, ValueError) as wrong:
        raise refused("file", f"must be CSV with a head of {_listed(CSV_COLUMNS)}: {wrong}") from None
    if len(head) > MOST_COLUMNS:
        raise refused("file", f"must have at most {MOST_COLUMNS} columns, not {len(head):,}")
    head = [name.strip() for name in head]
    known = (*CSV_COLUMNS, "notional", RATE, *TOLD, *MORE)
    told = f"is no column: they are {_listed(known)}"
    problems = [Problem(None, name, told) for name in head if name not in known]
    problems += [Problem(None, name, "must be one column, not several") for name in known if head.count(name) > 1]
    problems += [
        Problem(i, "row", f"must have {len(head)} cells, as the head has, not {len(line)}")
        for i, line in enumerate(lines)
        if len(line) != len(head)
    ]
    if problems:
        raise EntryError(problems)
    rows = [{name: of_cell(cell) for name, cell in zip(head, line, strict=True)} for line in lines]
    of_account = ("version", *ACCOUNT, *MORE)
    account: dict[str, object] = {name: rows[0].get(name) for name in of_account} if rows else {}
    differing = [
        Problem(i, name, f"must be empty or as in the first row ({shown(account[name])}), not {shown(row[name])}")
        for i, row in enumerate(rows)
        for name in of_account
        if row.get(name) and row[name] != account[name]
    ]
    if differing:
        raise EntryError(differing)
    version = account.get("version")
    _check_version({str(one): one for one in VERSIONS}.get(str(version), version or None))
    for name in ("held", "orders", "collateral", "remarks"):
        account[name] = _cell(name, cast("str | None", account.get(name)))
    return _entered([{name: row[name] for name in (*FIELDS, RATE, *TOLD) if name in row} for row in rows], account)


def _more(portfolio: Portfolio) -> dict[str, object]:
    """Return the fields of an account that have something to say, beside those that all have."""
    said = {
        "brackets": [] if portfolio.brackets is None else portfolio.brackets.rows(),
        "held": portfolio.held,
        "orders": portfolio.order_rows(),
        "collateral": asset_rows(portfolio.collateral),
        "remarks": list(portfolio.remarks),
    }
    return {name: value for name, value in said.items() if value}


def _check_version(version: object) -> None:
    if version is not None and (isinstance(version, bool) or version not in VERSIONS):
        raise refused("version", f"must be {' or '.join(map(str, VERSIONS))}, not {shown(version)}")


def _cell(field: str, text: str | None) -> object:
    """Return what a cell of CSV says in JSON."""
    if not text:
        return None
    try:
        return json_of(text)
    except EntryError as wrong:
        raise EntryError(Problem(None, f"{field}, {one.field}", one.reason) for one in wrong.problems) from None
    except (ValueError, RecursionError):
        raise refused(field, f"must be JSON, not {text!r:.60}") from None


def _entered(rows: Sequence[Mapping[str, object]], account: Mapping[str, object]) -> Portfolio:
    title, note = (_text(name, account.get(name)) for name in ("title", "note"))
    # Whatever stands there: asking for it says what is wrong with it.
    venue, wallet, date = (cast(str, account.get(name)) for name in ("venue", "wallet", "date"))
    return Portfolio.of_rows(
        rows,
        venue=venue,
        wallet=wallet,
        date=date,
        title=title,
        note=note,
        brackets=account.get("brackets"),
        collateral=account.get("collateral"),
        held=_held(account.get("held")),
        orders=cast("Sequence[Mapping[str, object]]", _list("orders", account.get("orders"))),
        remarks=[_text("remarks", one) for one in _list("remarks", account.get("remarks"))],
    )


def _held(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise refused("held", f"must be true or false, not {shown(value)}")
    return bool(value)


def _list(field: str, value: object) -> Sequence[object]:
    if value is not None and not isinstance(value, list):
        raise refused(field, f"must be a list, not {shown(value)}")
    return value or ()


def _text(field: str, value: object) -> str:
    try:
        return "" if value is None else _checks.words(field, value)
    except ArgumentError as refusal:
        raise refused(field, refusal.reason) from None


def _of_a_length(text: object) -> None:
    """Refuse what is no text, and text that is too long, before any of it is read."""
    if not isinstance(text, str):
        raise refused("file", f"must be text, not {shown(text)}")
    if len(text) > LONGEST:
        raise refused("file", f"must be text of at most {LONGEST:,} letters, not of {len(text):,}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
