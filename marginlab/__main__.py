"""An account on the command line: what `compare` says of it, and what the venue says beside what we say.

``python -m marginlab positions.json --venue binance --balance balance.json`` reads what ccxt's ``fetch_positions`` and
``fetch_balance`` return, or an account's own file. Nothing is sent anywhere, and nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from ._checks import ArgumentError
from .comparison.report import RESULTS, Comparison, compared, results_csv, results_rows
from .portfolio.ccxt import from_ccxt
from .portfolio.files import from_csv, from_json
from .portfolio.portfolio import Portfolio
from .portfolio.reading import EntryError, refused

# So many characters of a file are read.
MOST_TEXT = 10_000_000
STANDARD_INPUT = "-"


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the command."""

    def error(self, message: str) -> NoReturn:
        """End with what is wrong."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is found of an account.

    Parameters
    ----------
    arguments
        Of the command line; ``None`` for its own.

    Returns
    -------
    int
        The exit status: 0, or 1 where what was given is refused, which one line on standard error says. A wrong
        command ends with 2.
    """
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        portfolio = _portfolio(asked)
        print(_shown(asked, portfolio, compared(portfolio)))
    except OSError as wrong:
        return _failed(f"{wrong.filename}: {wrong.strerror}")
    except (EntryError, ArgumentError, UnicodeDecodeError) as wrong:
        return _failed(str(wrong))
    return 0


def _failed(words: str) -> int:
    """Say in one line what is wrong, and return the exit status."""
    print(f"marginlab: {' '.join(words.split())}", file=sys.stderr)
    return 1


def _parser() -> _Parser:
    parser = _Parser(prog="marginlab", description="What an account is in cross and in isolated margin.")
    add = parser.add_argument
    add("positions", help="what fetch_positions returns, or an account as JSON or CSV; - for standard input")
    add("--venue", help="ccxt's id of the exchange; not needed for an account's own file")
    add("--balance", help="a file of what fetch_balance returns, or the wallet as a number")
    add("--wallet", help="the cash beside isolated margins, without unrealized profit")
    add("--equity", help="what the whole account is worth")
    add("--brackets", help="a file of what fetch_leverage_tiers returns")
    add("--orders", help="a file of what fetch_open_orders returns")
    add("--margin-mode", help="cross or isolated, where a position tells none")
    add("--settle", help="the currency in which the positions to take settle")
    add("--multi-asset", action="store_true", help="the venue counts several assets in one pool")
    add("--skip", action="append", default=[], help="a position to leave out: its symbol, or its number from 1")
    add("--date", help="of the brackets and of how the venue counts")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print every figure as JSON")
    form.add_argument("--csv", action="store_true", help="print every figure as CSV")
    return parser


def _portfolio(asked: argparse.Namespace) -> Portfolio:
    """Return the account that the files tell."""
    text = _read(asked.positions)
    if asked.venue is None:
        first = text.lstrip("\ufeff \r\n\t")[:1]
        if first == "[":
            raise refused("--venue", "must be given, for what fetch_positions returns")
        return from_json(text) if first == "{" else from_csv(text)
    return from_ccxt(
        text,
        venue=asked.venue,
        balance=_file_or_number(asked.balance),
        wallet=asked.wallet,
        equity=asked.equity,
        brackets=None if asked.brackets is None else _read(asked.brackets),
        orders=() if asked.orders is None else _read(asked.orders),
        margin_mode=asked.margin_mode,
        settle=asked.settle,
        multi_asset=asked.multi_asset,
        skip=[int(one) if one.isdecimal() else one for one in asked.skip],
        date=asked.date,
    )


def _read(path: str) -> str:
    """Return what a file says, or standard input; no more than anybody has positions for."""
    if path == STANDARD_INPUT:
        text = sys.stdin.read(MOST_TEXT + 1)
    else:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MOST_TEXT + 1)
    if len(text) > MOST_TEXT:
        raise ArgumentError(path, f"must have at most {MOST_TEXT:,} characters")
    return text


def _file_or_number(said: str | None) -> str | None:
    """Return a number as it is, and what a file says."""
    if said is None:
        return None
    try:
        float(said)
    except ValueError:
        return _read(said)
    return said


def _shown(asked: argparse.Namespace, portfolio: Portfolio, found: Comparison) -> str:
    """Return what is printed."""
    if asked.csv:
        return results_csv(found).rstrip("\r\n")
    if asked.json:
        rows = [dict(zip(RESULTS, map(_plain, row), strict=True)) for row in results_rows(found)]
        return json.dumps({"version": 1, "remarks": portfolio.remarks, "results": rows}, ensure_ascii=False, indent=1)
    return "\n".join([*portfolio.remarks, *([""] if portfolio.remarks else []), str(found)])


def _plain(value: object) -> object:
    """Return what JSON can hold: a figure that does not exist is null."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


if __name__ == "__main__":
    sys.exit(main())
