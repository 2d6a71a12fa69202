"""How exchanges speak through ccxt: what they are called there, which mode they have, what a field of money holds.

Source: the parsers of ccxt 4.4.1 to 4.5.90 (MIT licence), read in November 2026, and the exchanges' own pages on their
fields. What a field holds is tried before it is believed, where a position tells enough (`told`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..markets.venues import UNLISTED, venue_names

# ccxt's names of the venues that have another one here.
_CALLED = {
    "binanceusdm": "binance",
    "binancecoinm": "binance",
    "bybiteu": "bybit",
    "bybitid": "bybit",
    "myokx": "okx",
    "okxus": "okx",
    "gateio": "gate",
    "gateeu": "gate",
    "kucoinfutures": "kucoin",
    "huobi": "htx",
    "coinbaseinternational": "coinbase",
}
# ccxt's names of exchanges with positions that are no venue here.
_UNLISTED = (
    *("apex", "arkham", "ascendex", "backpack", "bequant", "bitcoincom", "bitfinex", "bitfinex2", "bitflyer"),
    *("bitmart", "blofin", "btse", "bullish", "bydfi", "coinbaseadvanced", "coincatch", "coinex", "cryptocom"),
    *("currencycom", "deepcoin", "defx", "delta", "derive", "digifinex", "extended", "fmfwio", "grvt", "hashkey"),
    *("hibachi", "hitbtc", "kraken", "modetrade", "mudrex", "nado", "oxfun", "pacifica", "paradex", "poloniex"),
    *("poloniexfutures", "polymarket", "toobit", "vertex", "weex", "whitebit", "woo", "woofipro", "xt", "zebpay"),
)
# Exchanges that tell no mode with a position, and whose accounts have this one unless they are told otherwise.
ONE_MODE = dict.fromkeys(
    (
        *(
            "apex",
            "arkham",
            "backpack",
            "bullish",
            "bybit",
            "bybiteu",
            "bybitid",
            "coinbase",
            "coinbaseinternational",
            "cryptocom",
            "deribit",
            "derive",
            "dydx",
        ),
        *("extended", "hibachi", "krakenfutures", "modetrade", "nado", "paradex", "whitebit", "woo", "woofipro"),
    ),
    "cross",
) | {"mudrex": "isolated", "gmx": "isolated"}
# What ``collateral`` holds of an isolated position: its margin with the profit, or without.
WITH_PROFIT = {
    **dict.fromkeys(("binance", "aster", "hyperliquid", "bitget", "kucoin", "bingx", "htx", "poloniexfutures"), True),
    **dict.fromkeys(("bybit", "okx", "gate", "mexc", "phemex", "ascendex", "hitbtc", "whitebit", "xt"), False),
}
# Where a field that ccxt leaves empty stands in ``info``; the value at entry is no field of ccxt's.
IN_INFO: Mapping[str, Mapping[str, str]] = {
    "cryptocom": {"valueAtEntry": "open_pos_cost"},
    "whitebit": {"contracts": "amount"},
    "woo": {"positionMargin": "isolatedMarginAmount"},
}
# Exchanges that tell nothing of an isolated margin but its leverage.
LEVERAGE_ALONE = ("krakenfutures",)
# Exchanges whose ``initialMargin`` is the margin with the profit, where there is no ``collateral``.
MARGIN_AS_INITIAL = ("hyperliquid",)
# Exchanges whose ``maintenanceMargin`` is the margin with the profit: ccxt names it by its name there.
MARGIN_AS_MAINTENANCE = ("bitmex",)
# In what an exchange hands on as ``info``, where the mode of a position stands and how it reads. Bybit's trade mode of
# 0 tells nothing: a unified account has it in either.
_MODE_FIELDS = ("marginMode", "marginType", "mgnMode", "margin_mode", "margin_type", "tradeMode", "openType")
_MODE_WORDS = {"cross": "cross", "crossed": "cross", "isolated": "isolated", "fixed": "isolated"} | {
    "1": "isolated",
    "2": "cross",
}
_MODE_TRUTHS = {"isolated": "isolated", "isIsolated": "isolated", "crossMode": "cross", "crossMargin": "cross"}
_OPPOSITE = {"cross": "isolated", "isolated": "cross"}
# Exchanges of which ``info`` is right where an older ccxt reads another mode from it.
INFO_FIRST = ("mexc",)
# What a row of Binance tells of its mode; in a portfolio margin account, which has cross alone, it tells none of it.
_OF_BINANCE = ("marginType", "isolated", "isolatedMargin", "isolatedWallet")
# Exchanges that tell no side, but a size that is negative for a short.
SIGNED = ("bequant", "bitcoincom", "fmfwio", "hitbtc", "hyperliquid", "whitebit")
# In ``info``, the side.
_SIDE_FIELDS = ("positionSide", "posSide", "holdSide", "side", "direction", "positionDirection")
SIDE_WORDS = {
    **dict.fromkeys(("long", "buy", "bid"), "long"),
    **dict.fromkeys(("short", "sell", "ask"), "short"),
}


class Holds(NamedTuple):
    """What an amount of money holds beside the wallet: profits, and what is set aside for isolated positions."""

    profit: bool = False
    isolated: bool = False
    isolated_profit: bool = False


WALLET, BALANCE, CROSS_EQUITY = Holds(), Holds(isolated=True), Holds(profit=True)
EQUITY = Holds(profit=True, isolated=True, isolated_profit=True)
# Where an exchange's own reply says what of a currency, the plainest first; what stands nearer to the wallet first.
MONEY_FIELDS: Mapping[str, Mapping[str, Holds]] = {
    "binance": {
        "totalWalletBalance": WALLET,
        "crossWalletBalance": WALLET,
        "walletBalance": BALANCE,
        "balance": BALANCE,
    },
    "aster": {"crossWalletBalance": WALLET, "walletBalance": BALANCE, "balance": BALANCE},
    "bybit": {"walletBalance": BALANCE},
    "okx": {"cashBal": WALLET},
    "bitget": {"accountEquity": EQUITY, "equity": EQUITY},
    "gate": {"total": BALANCE},
    "kucoin": {"marginBalance": BALANCE, "accountEquity": EQUITY},
    "mexc": {"equity": EQUITY},
    "bingx": {"balance": BALANCE, "equity": EQUITY},
    "htx": {"margin_static": BALANCE, "margin_balance": EQUITY},
    "phemex": {"accountBalanceRv": BALANCE},
    "deribit": {"balance": BALANCE, "equity": EQUITY},
}
# Where it says what of the whole account, as fields within fields.
ACCOUNT_FIELDS: Mapping[str, Mapping[tuple[str, ...], Holds]] = {
    "hyperliquid": {("crossMarginSummary", "accountValue"): CROSS_EQUITY, ("marginSummary", "accountValue"): EQUITY},
    "dydx": {("equity",): EQUITY, ("subaccount", "equity"): EQUITY},
}
# What ccxt's ``total`` holds; elsewhere the balance.
TOTAL = dict.fromkeys(
    (
        *("binance", "aster", "okx", "hyperliquid", "dydx", "bitget", "kucoin", "mexc", "htx", "deribit"),
        *("derive", "paradex", "apex", "extended", "blofin", "hibachi"),
    ),
    EQUITY,
)


def venue_named(name: object) -> str | None:
    """Return the key of the venue of a ccxt id or of a key itself, ``"other"`` for an exchange without a row.

    Parameters
    ----------
    name
        Such as ``"binanceusdm"``.

    Returns
    -------
    str or None
        ``None`` for what is no exchange.

    Examples
    --------
    >>> [venue_named(name) for name in ("binanceusdm", "okx", "bitfinex", "nyse")]
    ['binance', 'okx', 'other', None]
    """
    if not isinstance(name, str):
        return None
    called = _CALLED.get(name, name)
    if called in (*venue_names(), UNLISTED):
        return called
    return UNLISTED if name in _UNLISTED else None


def filled(position: Mapping[str, object], exchange: str) -> Mapping[str, object]:
    """Return a position with what ccxt leaves empty and ``info`` tells.

    Parameters
    ----------
    position
        As ccxt returns it.
    exchange
        ccxt's id.

    Returns
    -------
    mapping
        The same, or a copy that tells more.
    """
    info, places = position.get("info"), IN_INFO.get(exchange, {})
    if not places or not isinstance(info, Mapping):
        return position
    more = {name: info.get(place) for name, place in places.items() if position.get(name) is None}
    return {**position, **more}


def side_in(info: object) -> str | None:
    """Return the side that an exchange's own row tells, ``None`` where it tells none."""
    said = [str(info.get(name)).lower() for name in _SIDE_FIELDS] if isinstance(info, Mapping) else []
    return next((SIDE_WORDS[word] for word in said if word in SIDE_WORDS), None)


def mode_in(info: object) -> tuple[str, str] | None:
    """Return the mode that an exchange's own row tells, and the field that tells it.

    Parameters
    ----------
    info
        What ccxt hands on of it.

    Returns
    -------
    tuple of str or None
        ``None`` where it tells none.

    Examples
    --------
    >>> mode_in({"tradeMode": 1}), mode_in({"isolated": "false"}), mode_in({"size": "1"})
    (('isolated', 'tradeMode'), ('cross', 'isolated'), None)
    """
    if not isinstance(info, Mapping):
        return None
    for name in _MODE_FIELDS:
        found = _MODE_WORDS.get(str(info.get(name)).lower())
        if found:
            return found, name
    for name, mode in _MODE_TRUTHS.items():
        said = str(info.get(name)).lower()
        if said in ("true", "false"):
            return (mode if said == "true" else _OPPOSITE[mode]), name
    if "positionAmt" in info and not any(name in info for name in _OF_BINANCE):
        return "cross", "positionAmt without a margin type, as of a portfolio margin account,"
    return None
