"""Accounts as JSON and as CSV, there and back without loss.

An account has these fields. Those in brackets may be left out, empty or ``null``; what stands for them then is
said in :meth:`marginlab.portfolio.Portfolio.of_rows`.

========================== =====================================================================================
``venue``, ``wallet``      key of the venue; cash beside the margins of isolated positions
[``date``]                 of the bracket tables
[``title``], [``note``]    words
[``brackets``]             of one's own, as :meth:`marginlab.Brackets.read` takes them; in CSV as JSON
``positions``              one or more, each with what follows
``symbol``, ``side``       contract; ``long`` or ``short``
``size`` or ``notional``   above 0: in the venue's unit, or what that is worth at entry
``entry``, [``mark``]      prices; both sides of a market have one mark
[``mode``], [``margin``]   ``cross`` or ``isolated``; what is set aside in isolated mode
[``leverage``]             the setting
[``rate``]                 maintenance rate of a contract that nobody knows; written as ``brackets``
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
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import cast

from .. import _checks
from .._checks import ArgumentError, shown
from .._pasted import LONGEST
from ..formatting import as_csv, of_cell
from .portfolio import MOST_POSITIONS, Portfolio
from .reading import FIELDS, MOST_TOLD, RATE, EntryError, Problem, json_of, refused

VERSION = 1
ACCOUNT = ("venue", "date", "wallet", "title", "note")
# Written where there are any, and taken by both.
BRACKETS = "brackets"
# More columns than there are fields: each of them is told that it is none.
MOST_COLUMNS = 100
CSV_COLUMNS = (*ACCOUNT, *(name for name in FIELDS if name != "notional"))


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
    account = {name: getattr(portfolio, name) for name in ACCOUNT}
    if portfolio.brackets is not None:
        account[BRACKETS] = portfolio.brackets.rows()
    return json.dumps({"version": VERSION, **account, "positions": portfolio.rows()}, ensure_ascii=False, indent=1)


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
    known = ("version", *ACCOUNT, BRACKETS)
    unknown = [name for name in found if name not in (*known, "positions")]
    if unknown:
        told = f"is no field: they are {_listed(known)}"
        problems = [Problem(None, name, told) for name in unknown[:MOST_TOLD]]
        raise EntryError(problems, more=len(unknown) - len(problems))
    if found.get("version", VERSION) != VERSION:
        raise refused("version", f"must be {VERSION}, not {shown(found['version'])}")
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
    venue,date,wallet,title,note,symbol,side,size,entry,mark,mode,leverage,margin
    """
    _checks.instance("portfolio", portfolio, Portfolio)
    account = {name: getattr(portfolio, name) for name in ACCOUNT}
    columns = CSV_COLUMNS
    if portfolio.brackets is not None:
        columns = (*CSV_COLUMNS, BRACKETS)
        account[BRACKETS] = json.dumps(portfolio.brackets.rows(), ensure_ascii=False)
    rows = [{**(account if i == 0 else {}), **row} for i, row in enumerate(portfolio.rows())]
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
    known = (*CSV_COLUMNS, "notional", RATE, BRACKETS)
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
    of_account = (*ACCOUNT, BRACKETS)
    account = {name: rows[0].get(name) for name in of_account} if rows else {}
    differing = [
        Problem(i, name, f"must be empty or as in the first row ({shown(account[name])}), not {shown(row[name])}")
        for i, row in enumerate(rows)
        for name in of_account
        if row.get(name) and row[name] != account[name]
    ]
    if differing:
        raise EntryError(differing)
    return _entered([{name: row[name] for name in (*FIELDS, RATE) if name in row} for row in rows], account)


def _entered(rows: Sequence[Mapping[str, object]], account: Mapping[str, object]) -> Portfolio:
    title, note = (_text(name, account.get(name)) for name in ("title", "note"))
    # Whatever stands there: asking for it says what is wrong with it.
    venue, wallet, date = (cast(str, account.get(name)) for name in ("venue", "wallet", "date"))
    own = account.get(BRACKETS)
    return Portfolio.of_rows(rows, venue=venue, wallet=wallet, date=date, title=title, note=note, brackets=own)


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
