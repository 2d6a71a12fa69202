"""An account as it stands in the fields of a form, on a page or beside a kernel.

It is one mapping, with every value as it stands in its field: ``title``, ``venue``, ``wallet``, ``date``, ``note``,
``brackets`` (text), ``held``, ``remarks``, and the rows of ``positions`` (fields as in files), ``collateral``
(``asset``, ``amount``) and ``orders`` (as in files).

A form has no field for all that a file or a venue says of a row. It keeps the row as it came in ``was``, beside what
the fields say now: the rest of it counts as long as the row is still about the same thing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from .. import _checks
from .._checks import ArgumentError
from ..margin.contracts import Contract
from ..markets.brackets import symbols_like
from ..markets.own_brackets import Brackets
from ..markets.venues import UNLISTED, venue, venue_names
from ..portfolio.assets import ASSET_FIELDS, Asset, asked_assets, asset_rows, counted_at
from ..portfolio.portfolio import Portfolio, contract_of, own_brackets
from ..portfolio.reading import TOLD, Asked, EntryError, Problem, as_number, as_text

Message = dict[str, object]
Row = Mapping[str, object]

# So many positions fit in a form; a file and a program hold more.
MOST_IN_FORM = 20
# What a row is about: while these stay as they were, so does what else was said of it.
ABOUT = {"positions": ("symbol", "side", "size", "entry"), "collateral": ("asset",), "orders": ("symbol",)}
# What the venue says of a row, or counts it by: not another's.
BY_THE_VENUE = {"positions": TOLD, "collateral": ("ratio", "price", "quoted_in"), "orders": ()}


class Wrong(NamedTuple):
    """One thing that is wrong with what stands in the fields.

    Attributes
    ----------
    part
        ``"account"``, or which rows.
    row
        Number of the row, from 0; ``None`` where it concerns the part as a whole.
    field, reason
        What is wrong, and why.
    """

    part: str
    row: int | None
    field: str
    reason: str

    def __str__(self) -> str:
        where = "" if self.row is None else f"{self.part} {self.row + 1}, "
        return f"{where}{self.field} {self.reason}"


class WrongEntryError(ValueError):
    """What stands in the fields is no account; `problems` says why, part by part."""

    def __init__(self, problems: Sequence[Wrong]) -> None:
        self.problems = problems
        super().__init__(problems)


def entry_of(portfolio: Portfolio) -> Message:
    """Return an account as fields have it.

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
        "remarks": list(portfolio.remarks),
    }


def portfolio_of(entry: Row) -> Portfolio:
    """Return the account that stands in the fields.

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
    rows, own = rows_of(entry, "positions"), own_of(entry)
    assets, remarks, wrong = _collateral(entry, _contracts(entry, rows, own))
    try:
        kept = Portfolio.of_rows(
            rows,
            venue=cast(str, entry.get("venue")),
            wallet=cast(str, entry.get("wallet")),
            date=cast(str, entry.get("date")),
            title=cast(str, entry.get("title") or ""),
            note=cast(str, entry.get("note") or ""),
            brackets=own or stripped(entry.get("brackets")),
            held=bool(entry.get("held")),
            orders=rows_of(entry, "orders"),
            collateral=assets,
            remarks=_with_more(entry.get("remarks"), remarks),
        )
        if not wrong:
            return kept
    except EntryError as refusal:
        wrong = [*map(where_it_stands, refusal.problems), *wrong]
    raise WrongEntryError(list(dict.fromkeys(wrong)))


def moved(entry: Row, to: str) -> Message:
    """Return an account as it would stand at another venue.

    Parameters
    ----------
    entry
        As at the top of this module; it need not be one that can be answered for.
    to
        Key of the venue.

    Returns
    -------
    dict
        Each position and order in the contract there that is most alike, of the same size in coins, or as it is where
        there is none alike. What the venue before said of it is gone.

    Raises
    ------
    ArgumentError
        For another venue than there are.
    """
    entered, own = venue(to), own_of(entry)
    found: Message = {**entry, "venue": to, "held": False, "remarks": []}
    for part, gone in BY_THE_VENUE.items():
        rows = [{name: value for name, value in row.items() if name not in gone} for row in rows_of(entry, part)]
        markets = _contracts({**entry, "date": ""}, rows, own)
        found[part] = [_there(*one, entered.name, own) for one in zip(rows, markets, strict=True)]
    return found


def rows_of(entry: Row, part: str) -> list[Message]:
    """Return the rows of an account as they are now: what their fields say, and what else still holds of them.

    Parameters
    ----------
    entry
        As at the top of this module.
    part
        A key of ``ABOUT``.

    Returns
    -------
    list of dict
        Without ``was``, but where it has no names: then it is refused as a field that is none.
    """
    return [_now(part, row) for row in cast("Sequence[Message]", entry.get(part) or ())]


def own_of(entry: Row) -> Brackets | None:
    """Return the brackets of one's own that were entered, None where there are none that can be read."""
    return own_brackets(Asked(None, {}, []), stripped(entry.get("brackets")), _key(entry.get("venue")))


def counted_in(contract: Contract) -> str:
    """Return what a size in a contract counts, where that is not coins; else nothing.

    >>> counted_in(venue("okx").contract("ETH-USDT-SWAP")), counted_in(venue("krakenfutures").contract("PI_XBTUSD"))
    ('contracts of 0.1 ETH', 'USD')
    >>> counted_in(venue("binance").contract("ETHUSDT"))
    ''
    """
    unit = contract.underlying if contract.kind == "linear" else "USD"
    if contract.multiplier != 1:
        return f"contracts of {_written(contract.multiplier)} {'x ' if unit[0].isdigit() else ''}{unit}"
    return "" if contract.kind == "linear" else unit


def sizes_in(entry: Row) -> list[str]:
    """Return what the size of each position counts, where that is known and not coins; else nothing."""
    found = _contracts(entry, rows_of(entry, "positions"), own_of(entry))
    return ["" if one is None else counted_in(one) for one in found]


def where_it_stands(problem: Problem) -> Wrong:
    """Return what is wrong with an account, with the part of the form that it is wrong in."""
    if problem.row is not None and problem.field != "date":  # which is that of the account
        # A notional stands where a size would.
        field = "size" if problem.field == "notional" else problem.field
        return Wrong("positions", problem.row, field, problem.reason)
    if of_order := re.fullmatch(r"orders, (\d+): (.*)", problem.field, re.DOTALL):
        return Wrong("orders", int(of_order[1]) - 1, of_order[2], problem.reason)
    part = problem.field if problem.field in ("positions", "collateral", "orders") else "account"
    return Wrong(part, None, problem.field, problem.reason)


def stripped(text: object) -> object:
    """Return what stands in a field without the blanks around it."""
    return text.strip() if isinstance(text, str) else text


def _now(part: str, row: Message) -> Message:
    """Return a row as it is now."""
    was = row.get("was")
    if not isinstance(was, Mapping):
        return row
    said = {name: value for name, value in row.items() if name != "was"}
    same = all(stripped(was.get(name)) == stripped(said.get(name)) for name in ABOUT[part])
    return {**was, **said} if same else said


def _there(row: Message, market: Contract | None, entered: str, own: Brackets | None) -> Message:
    """Return a row as it would stand at another venue."""
    there = None if market is None else _alike(market, entered, own)
    if market is None or there is None:
        return row
    size, price = (_number(row, name) for name in ("size", "price" if "price" in row else "entry"))
    counted = None if size is None else _size_in(there, market, size, price)
    return {**row, "symbol": there.symbol, **({} if counted is None else {"size": as_text(counted)})}


def _size_in(there: Contract, market: Contract, size: float, price: float | None) -> float | None:
    """Return as much of another contract as is the same in coins; None where that takes a price that is not known."""
    ratio = market.multiplier / there.multiplier
    if market.kind != there.kind:
        if not price:
            return None
        ratio *= price if market.kind == "linear" else 1 / price
    return size if ratio == 1 else float(f"{size * ratio:.12g}")


def _number(row: Message, name: str) -> float | None:
    try:
        return _checks.single(name, as_number(name, stripped(row.get(name))))
    except ArgumentError:
        return None


def _alike(market: Contract, entered: str, own: Brackets | None) -> Contract | None:
    """Return the contract of another venue that is most alike: in its market, its name, and what it settles in."""
    also = [market.symbol] if own and market.symbol in own.symbols else []
    known = dict.fromkeys([*symbols_like(entered, market.underlying), *also])
    likes = [contract_of(entered, symbol, None, own) for symbol in known]
    return min(likes, key=lambda one: (one.symbol != market.symbol, one.currency != market.currency), default=None)


def _with_more(said: object, more: Sequence[str]) -> Sequence[str]:
    """Return remarks with those that are not yet among them; what is no list is left for its reader to refuse."""
    said = said or []
    return [*said, *(one for one in more if one not in said)] if isinstance(said, list) else cast("list[str]", said)


def _collateral(entry: Row, named: Sequence[Contract | None]) -> tuple[list[Asset], list[str], list[Wrong]]:
    """Return the assets entered, what to remark of them, and what is wrong with them, row by row."""
    assets, remarks, wrong = [], [], []
    contracts = [one for one in named if one is not None]
    for i, row in enumerate(rows_of(entry, "collateral")):
        name, problems = str(row.get("asset") or "").strip(), list[Problem]()
        if not name and not stripped(row.get("amount")):
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
            wrong.append(Wrong("collateral", i, field, problem.reason))
    return assets, remarks, wrong


def _contracts(entry: Row, rows: Sequence[Row], own: Brackets | None) -> list[Contract | None]:
    """Return the contracts that rows name, None where one names none."""
    where, date = _key(entry.get("venue")), cast(str, stripped(entry.get("date")) or None)

    def named(symbol: object) -> Contract | None:
        try:
            return contract_of(where, cast(str, symbol), date, own) if where else None
        except ArgumentError:
            return None

    return [named(stripped(row.get("symbol"))) for row in rows]


def _written(number: float) -> str:
    """Return a number with all its digits and no power of ten."""
    return f"{number:,.12f}".rstrip("0").rstrip(".")


def _key(name: object) -> str | None:
    """Return the key of a venue, None for what is none."""
    return name if isinstance(name, str) and name in (*venue_names(), UNLISTED) else None


def _row(said: Row) -> Message:
    """Return a row with its numbers as they stand in fields."""
    return {key: as_text(value) if value is None or isinstance(value, float) else value for key, value in said.items()}
