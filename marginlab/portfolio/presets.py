"""Accounts to look at when there is none of your own: what each holds, where, and at which day's marks.

The marks of August 2026 are the last trades on record in :mod:`marginlab.markets.events` (22 August 2026), those of
October 2025 its opens of the day before the crash. The basket's are the opens of Binance's perpetuals on 10 October
2025, those of SOL and DOGE from a public collection of its candles; both accounts of October are held to the brackets
of that day. The sizes are made up.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .. import _checks
from ..formatting import day
from ..markets.events import event
from .portfolio import Portfolio

DAY_OF_THE_CRASH = "2025-10-10"
OPENS = {"SOLUSDT": 220.81, "DOGEUSDT": 0.24843}


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets.

    Returns
    -------
    tuple of str
        What :func:`preset` takes.

    Examples
    --------
    >>> preset_names()
    ('hedged-pair', 'basket-of-longs', 'one-20x-bet', 'funding-carry', 'market-maker', 'october-2025')
    """
    return tuple(_PRESETS)


def preset(name: str) -> Portfolio:
    """Return an account by its name.

    Its note says what it is for and how it was made.

    Parameters
    ----------
    name
        One of `preset_names`.

    Returns
    -------
    Portfolio
        The account.

    Raises
    ------
    ArgumentError
        For another name.

    Examples
    --------
    >>> one = preset("one-20x-bet")
    >>> one.title, one.venue, one.wallet
    ('One 20x bet', 'binance', 3500.0)
    """
    return _preset(_checks.one_of("name", name, _PRESETS))


@cache
def _preset(name: str) -> Portfolio:
    return _PRESETS[name]()


def _row(symbol: str, side: str, size: float, mark: float, leverage: float, **others: float | str) -> dict[str, object]:
    """Return a position that was entered at its mark, unless another entry is given."""
    return {"symbol": symbol, "side": side, "size": size, "entry": mark, "mark": mark, "leverage": leverage, **others}


def _in_august() -> tuple[float, float, str]:
    """Return the last trades on record of BTC and ETH, and what they are in words."""
    rally = event("rally-aug-2026")
    btc, eth = rally.close[-1].tolist()
    return btc, eth, f" Marks: Binance's last trades of {day(rally.times[-1])}."


def _in_october(candle: int) -> tuple[float, float, str]:
    """Return the open of a candle of BTC and ETH, and what it is in words."""
    crash = event("oct-2025")
    btc, eth = crash.open[candle].tolist()
    brackets = f"the brackets are those in force on {day(np.datetime64(DAY_OF_THE_CRASH))}, the day of the crash"
    return btc, eth, f" Marks: opens of Binance's perpetuals on {day(crash.times[candle])}; {brackets}."


def _hedged_pair() -> Portfolio:
    btc, eth, marks = _in_august()
    return Portfolio.of_rows(
        [_row("BTCUSDT", "long", 0.4, btc, 5), _row("ETHUSDT", "short", 9, eth, 5)],
        venue="binance",
        wallet=12_000.0,
        title="Hedged pair",
        note="Long BTC and short ETH: a bet that BTC does better than ETH, whichever way both go." + marks,
    )


def _basket_of_longs() -> Portfolio:
    btc, eth, dated = _in_october(6)  # the seventh candle of four hours begins the second day
    marks = {"BTCUSDT": btc, "ETHUSDT": eth, **OPENS}
    sizes = {"BTCUSDT": 0.1, "ETHUSDT": 2.75, "SOLUSDT": 55, "DOGEUSDT": 48_000}
    return Portfolio.of_rows(
        [_row(symbol, "long", size, marks[symbol], 5) for symbol, size in sizes.items()],
        venue="binance",
        wallet=12_000.0,
        date=DAY_OF_THE_CRASH,
        title="Basket of longs",
        note="Four longs of about the same value. They look spread out, and fall together." + dated,
    )


def _one_20x_bet() -> Portfolio:
    btc, _, marks = _in_august()
    return Portfolio.of_rows(
        [_row("BTCUSDT", "long", 0.4, btc, 20, mode="isolated")],
        venue="binance",
        wallet=3_500.0,
        title="One 20x bet",
        note="A single long with a twentieth of its value behind it, and a wallet that stays out of it." + marks,
    )


def _funding_carry() -> Portfolio:
    btc, _, marks = _in_august()
    return Portfolio.of_rows(
        [_row("BTC-USD-SWAP", "short", 770, btc, 10)],
        venue="okx",
        wallet=1.0,
        title="Funding carry",
        note="One bitcoin, and a coin-margined short worth as much in dollars. The price cancels out; funding remains."
        + marks,
    )


def _market_maker() -> Portfolio:
    btc, eth, marks = _in_august()
    return Portfolio.of_rows(
        [
            _row("BTC", "long", 1.5, btc, 20, entry=77_150.0),
            _row("ETH", "short", 50, eth, 20, entry=2_418.0),
        ],
        venue="hyperliquid",
        wallet=22_000.0,
        title="Market maker's inventory",
        note="What quoting two markets leaves over: large for its money, on both sides, a little under water." + marks,
    )


def _october_2025() -> Portfolio:
    btc, eth, marks = _in_october(0)
    return Portfolio.of_rows(
        [_row("BTCUSDT", "long", 0.5, btc, 10, mode="isolated"), _row("ETHUSDT", "long", 12, eth, 10)],
        venue="binance",
        wallet=9_000.0,
        date=DAY_OF_THE_CRASH,
        title="October 2025 victim",
        note="Two longs as they stood on the day before the largest liquidation day: one isolated, one cross." + marks,
    )


_PRESETS = {
    "hedged-pair": _hedged_pair,
    "basket-of-longs": _basket_of_longs,
    "one-20x-bet": _one_20x_bet,
    "funding-carry": _funding_carry,
    "market-maker": _market_maker,
    "october-2025": _october_2025,
}
