"""The one account that goes through the chapters, and the box that says where another takes its place."""

from __future__ import annotations

from functools import cache

import numpy as np
from coins import AS_OF, BINANCE, MARKS, NAMES, Numbers, open_account
from IPython.display import Markdown

from marginlab import Account, event_names, event_record, simulate
from marginlab.formatting import listed, money

SIZES, BALANCE = (1.0, 30.0), 30_000.0
# What its positions are worth when they are opened, and how many times what it has that is.
VALUES = np.multiply(SIZES, MARKS)
TIMES = VALUES.sum() / BALANCE


def one_account(mode: str, leverage: float, sizes: Numbers = SIZES) -> Account:
    """Return the account of this book: long bitcoin and ether out of one balance.

    Parameters
    ----------
    sizes
        Of BTC and ETH, or of BTC alone; a size below 0 is short.
    """
    return open_account(mode, leverage, sizes, MARKS[: len(sizes)], balance=BALANCE)


@cache
def falls_outlived() -> tuple[int, int]:
    """Return how many of the falls on record the pool of this account lives through, and how many there are.

    It is opened anew at the first prices of each, its positions worth as much as they are here.
    """
    paths = [event_record(name).price_path(NAMES[: len(SIZES)]).prices for name in event_names()]
    falls = [prices for prices in paths if prices[-1, 0] < prices[0, 0]]
    pools = [open_account("cross", 10, VALUES / prices[0], prices[0], balance=BALANCE) for prices in falls]
    lived = [simulate(pool, prices).survived.all() for pool, prices in zip(pools, falls, strict=True)]
    return sum(map(bool, lived)), len(falls)


def holding() -> str:
    """Return what the account has and holds."""
    return f"{money(BALANCE)} USDT, long {listed([f'{size:g} {n}' for size, n in zip(SIZES, NAMES, strict=False)])}"


def introduced() -> Markdown:
    """Return the box with which the account comes in."""
    opened = [f"{size:g} {name} at {mark:,.1f}" for size, name, mark in zip(SIZES, NAMES, MARKS, strict=False)]
    return _box(
        "The account of this book",
        f"You have {money(BALANCE)} USDT. You are long {listed(opened)}: {money(VALUES.sum())} USDT of notional, "
        f"{TIMES:.1f} times what you have. It goes with you through the chapters; where a question needs "
        f"another one, a box like this says which, and why. The prices are those of {AS_OF}, the brackets those of "
        f"{BINANCE.title} as of {BINANCE.table('BTCUSDT').date}.",
    )


def goes_on(besides: str) -> Markdown:
    """Return the box that says that a chapter goes on with the account; what is new of it comes in whole sentences."""
    return _box("The account of this book", f"It is still {holding()}. {besides}")


def changes(to: str, because: str, besides: str = "") -> Markdown:
    """Return the box that says which account takes the place of the one before, and why.

    Parameters
    ----------
    to
        What you have and hold now, as a sentence without its full stop.
    because
        The reason, as the end of that sentence.
    besides
        What else there is to know of it: whole sentences.
    """
    return _box("The account changes", f"{to}, because {because}. {besides}")


def comes_back(whose: str = "the account of this book", *, what: str | None = None) -> Markdown:
    """Return the box that says that an account is back, that of this book unless another one is named.

    Parameters
    ----------
    what
        What it has and holds; if left out, what the account of this book does.
    """
    return _box("The account comes back", f"It is {whose} again: {what or holding()}.")


def _box(title: str, text: str) -> Markdown:
    """Return a box that a page draws, and that reads as text where nothing draws it."""
    return Markdown(
        f'<div class="admonition account-box">\n<p class="admonition-title">{title}</p>\n\n{text.strip()}\n\n</div>'
    )
