"""What exchanges are called in ccxt, and what their own rows tell."""

from __future__ import annotations

import pytest

from marginlab import venue, venue_names
from marginlab.portfolio import from_ccxt
from marginlab.portfolio.exchanges import MONEY_FIELDS, ONE_MODE, WITH_PROFIT, mode_in, side_in, venue_named

HELD = {
    "symbol": "BTC/USDT:USDT",
    "side": "long",
    "contracts": 0.1,
    "entryPrice": 60_000.0,
    "markPrice": 60_000.0,
    "marginMode": "cross",
    "maintenanceMarginPercentage": 0.01,
}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *(("binanceusdm", "binance"), ("binancecoinm", "binance"), ("gateio", "gate"), ("kucoinfutures", "kucoin")),
        *(("huobi", "htx"), ("krakenfutures", "krakenfutures"), ("okx", "okx"), ("myokx", "okx"), ("dydx", "dydx")),
        *(("bitfinex", "other"), ("woo", "other"), ("other", "other"), ("nyse", None), (5, None), ("", None)),
    ],
)
def test_an_exchange_is_found_by_its_name_in_ccxt(name, key):
    assert venue_named(name) == key


@pytest.mark.parametrize("name", venue_names())
def test_every_venue_is_found_by_its_key(name):
    assert venue_named(name) == name


@pytest.mark.parametrize("table", [MONEY_FIELDS, ONE_MODE, WITH_PROFIT])
def test_what_is_said_of_exchanges_is_said_of_ones_that_exist(table):
    assert [name for name in table if venue_named(name) is None] == []


def test_an_exchange_without_a_row_takes_the_plainest_convention_and_says_so():
    found = from_ccxt([HELD], venue="bitfinex", wallet=1_000)
    assert found.venue == "other"
    assert found.account.convention == venue("other").convention.value
    assert "assumed" in venue("other").title
    assert found.remarks[-1] == "bitfinex is not listed here: it is counted by the plainest convention."
    assert set(venue("other").convention.assumed) >= {"maintenance_at", "closing_fee_at"}


@pytest.mark.parametrize(
    ("info", "mode"),
    [
        ({"marginMode": "crossed"}, "cross"),
        ({"mgnMode": "ISOLATED"}, "isolated"),
        ({"openType": 2}, "cross"),
        ({"tradeMode": 0}, None),
        ({"crossMode": False}, "isolated"),
        ({"isIsolated": True}, "isolated"),
        ({"isolated": "maybe"}, None),
        ({"isolatedMargin": "0", "positionAmt": "1"}, None),
        (None, None),
        ([1], None),
    ],
)
def test_the_mode_is_read_from_what_the_exchange_says_itself(info, mode):
    found = mode_in(info)
    assert (found and found[0]) == mode


@pytest.mark.parametrize(
    ("info", "side"),
    [({"holdSide": "long"}, "long"), ({"direction": "sell"}, "short"), ({"positionSide": "BOTH"}, None), (None, None)],
)
def test_so_is_the_side(info, side):
    assert side_in(info) == side
