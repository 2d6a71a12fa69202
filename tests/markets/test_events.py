"""The replays: the table's known figures, candles that fit together, and paths that say what they take."""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import event, event_names
from marginlab.markets.events import ORDERS, PRICES, SYMBOLS

# Size of each move, worked out from Binance's own record apart from this package (USDT, four-hour candles of last
# trades): candles, settlements; then for each symbol first open, highest high, lowest low, the candle of that low,
# last close, and lowest funding as a percentage. The ETH high of March 2020 is not the stray 323.00.
KNOWN = {
    "covid-2020": (24, 12, {
        "BTC": (7898.21, 7988.00, 3621.81, "2020-03-13T00:00", 5167.01, -0.3000),
        "ETH": (200.90, 203.26, 84.23, "2020-03-13T00:00", 122.55, -0.2818),
    }),
    "may-2021": (30, 15, {
        "BTC": (46429.28, 46655.00, 28688.00, "2021-05-19T12:00", 37211.02, -0.0897),
        "ETH": (3581.39, 3587.00, 1400.73, "2021-05-19T12:00", 2431.01, -0.3563),
    }),
    "luna-2022": (48, 24, {
        "BTC": (35995.20, 36138.00, 26631.00, "2022-05-12T04:00", 30079.80, -0.0420),
        "ETH": (2691.60, 2703.61, 1775.43, "2022-05-12T04:00", 2055.00, -0.0797),
    }),
    "ftx-2022": (36, 18, {
        "BTC": (21289.80, 21355.80, 15462.60, "2022-11-09T20:00", 17058.30, -0.1192),
        "ETH": (1626.11, 1638.50, 1071.14, "2022-11-09T20:00", 1288.64, -0.0601),
    }),
    "aug-2024": (42, 21, {
        "BTC": (65329.00, 65577.00, 48888.00, "2024-08-05T04:00", 61659.80, -0.0069),
        "ETH": (3201.66, 3217.06, 2112.00, "2024-08-05T00:00", 2681.59, -0.0107),
    }),
    "oct-2025": (24, 12, {
        "BTC": (123237.40, 123740.10, 101516.50, "2025-10-10T20:00", 114894.40, -0.0109),
        "ETH": (4523.66, 4529.15, 3400.00, "2025-10-10T20:00", 4149.99, -0.0131),
    }),
    "feb-2026": (30, 15, {
        "BTC": (78692.50, 79163.00, 59800.00, "2026-02-06T00:00", 69254.20, -0.0152),
        "ETH": (2345.56, 2358.60, 1736.02, "2026-02-06T00:00", 2085.93, -0.0277),
    }),
    "jun-2026": (36, 18, {
        "BTC": (73653.20, 74070.50, 59080.00, "2026-06-05T16:00", 60849.70, -0.0014),
        "ETH": (2006.30, 2020.90, 1503.60, "2026-06-06T04:00", 1568.60, -0.0079),
    }),
    "rally-aug-2026": (30, 15, {
        "BTC": (64504.10, 79555.50, 63979.20, "2026-08-18T12:00", 77084.50, 0.0016),
        "ETH": (1912.70, 2549.40, 1884.20, "2026-08-18T00:00", 2421.40, 0.0022),
    }),
}  # fmt: skip

# The lowest mark of each older event (one source for the mark): BTC, ETH. Of later events these candles have no marks.
LOWEST_MARK = {
    "covid-2020": (3801.83, 87.09),
    "may-2021": (29563.37, 1764.26),
    "luna-2022": (26730.07, 1788.12),
    "ftx-2022": (15542.88, 1073.42),
}

every_event = pytest.mark.parametrize("name", KNOWN)
every_path = pytest.mark.parametrize(("order", "price"), [(order, price) for order in ORDERS for price in PRICES])


def at(event, time):
    """Return the place of a candle by its open."""
    (place,) = np.flatnonzero(event.times == np.datetime64(time))
    return place


def by_candle(path):
    """Return a path's prices by what they were taken from, each of shape (candles, symbols)."""
    return {name: path.prices[path.taken == name] for name in ("open", "low", "high", "close")}


# --- the table ------------------------------------------------------------------------------------------------


def test_the_events_are_the_known_nine_in_order_of_time():
    assert event_names() == tuple(KNOWN)
    starts = [event(name).times[0] for name in event_names()]
    assert starts == sorted(starts)


@every_event
def test_the_table_has_the_known_number_of_candles_and_settlements(name):
    candles, settlements, _ = KNOWN[name]
    one = event(name)
    for column in (one.open, one.high, one.low, one.close):
        assert column.shape == (candles, len(SYMBOLS))
    assert one.funding.shape == (settlements, len(SYMBOLS))
    assert (one.times.shape, one.funding_times.shape) == ((candles,), (settlements,))


@every_event
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_table_has_the_known_moves(name, symbol):
    first, high, low, candle, last, _ = KNOWN[name][2][symbol]
    one, i = event(name), SYMBOLS.index(symbol)
    assert one.symbols == SYMBOLS
    assert (one.open[0, i], one.high[:, i].max(), one.close[-1, i]) == (first, high, last)
    assert (one.low[:, i].min(), one.times[one.low[:, i].argmin()]) == (low, np.datetime64(candle))


@every_event
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_table_has_the_known_lowest_funding(name, symbol):
    lowest = event(name).funding[:, SYMBOLS.index(symbol)].min()
    assert round(100 * lowest, 4) == KNOWN[name][2][symbol][-1]


@pytest.mark.parametrize(
    ("name", "symbol", "time", "percent"),
    # The most that shorts ever paid in all events; for BTC it looks like a cap.
    [("covid-2020", "BTC", "2020-03-13T08:00", -0.3000), ("may-2021", "ETH", "2021-05-19T16:00", -0.3563)],
)
def test_funding_was_lowest_when_it_is_known_to_have_been(name, symbol, time, percent):
    one = event(name)
    rates = one.funding[:, SYMBOLS.index(symbol)]
    assert one.funding_times[rates.argmin()] == np.datetime64(time)
    assert round(100 * rates.min(), 4) == percent


def test_the_stray_high_of_march_2020_is_the_larger_of_open_and_close():
    covid = event("covid-2020")
    place = at(covid, "2020-03-13T00:00")
    assert covid.high[place, 1] == 124.62 == max(covid.open[place, 1], covid.close[place, 1])


# --- candles --------------------------------------------------------------------------------------------------


@every_event
def test_candles_follow_each_other_every_four_hours_and_settlements_every_eight(name):
    one = event(name)
    assert (np.diff(one.times) == np.timedelta64(4, "h")).all()
    assert (np.diff(one.funding_times) == np.timedelta64(8, "h")).all()
    assert one.times[0] <= one.funding_times[0] < one.funding_times[-1] <= one.times[-1]


@every_event
def test_open_and_close_lie_between_low_and_high(name):
    one = event(name)
    assert (one.low > 0).all()
    for price in (one.open, one.close):
        assert (one.low <= price).all()
        assert (price <= one.high).all()


@every_event
def test_a_candle_opens_where_the_one_before_closed(name):
    # Half a per cent apart at most: the next trade, in the fastest of markets.
    one = event(name)
    assert np.abs(one.open[1:] / one.close[:-1] - 1).max() < 0.005


# --- paths ----------------------------------------------------------------------------------------------------


@every_event
@pytest.mark.parametrize(
    ("order", "taken"),
    [("low first", ["open", "low", "high", "close"]), ("high first", ["open", "high", "low", "close"])],
)
def test_a_path_takes_every_candle_in_the_order_it_states(name, order, taken):
    one = event(name)
    path = one.path(order=order, price="last")
    assert (path.order, path.price) == (order, "last")
    assert path.prices.shape == (4 * len(one.times), 2)
    for i in range(len(one.times)):
        steps = slice(4 * i, 4 * i + 4)
        assert path.taken[steps].tolist() == taken
        assert path.candle[steps].tolist() == [i] * 4
        assert path.prices[steps].tolist() == [getattr(one, field)[i].tolist() for field in taken]


@every_event
@every_path
def test_the_steps_of_a_candle_are_spread_over_its_four_hours(name, order, price):
    one = event(name)
    path = one.path(order=order, price=price)
    assert (np.diff(path.times.reshape(-1, 4)) == np.timedelta64(79, "m")).all()
    # From its open to just before the next one opens.
    assert (path.times[::4] == one.times).all()
    assert (np.diff(path.times) > np.timedelta64(0, "m")).all()


def test_a_path_takes_the_low_first_and_the_mark_if_nothing_else_is_said():
    path, same = event("may-2021").path(), event("may-2021").path(order="low first", price="mark")
    assert (path.order, path.price) == ("low first", "mark")
    assert (path.prices == same.prices).all()


@every_event
@every_path
def test_candles_stay_consistent_on_every_path(name, order, price):
    taken = by_candle(event(name).path(order=order, price=price))
    assert (taken["low"] <= np.minimum(taken["open"], taken["close"])).all()
    assert (taken["high"] >= np.maximum(taken["open"], taken["close"])).all()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", LOWEST_MARK)
def test_a_mark_path_reaches_the_lowest_mark_and_never_goes_below_it(name, order):
    assert tuple(event(name).path(order=order, price="mark").prices.min(axis=0)) == LOWEST_MARK[name]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", [name for name in KNOWN if name not in LOWEST_MARK])
def test_where_no_marks_are_known_a_mark_path_is_the_last_trade(name, order):
    one = event(name)
    assert (one.path(order=order, price="mark").prices == one.path(order=order, price="last").prices).all()


@every_event
@pytest.mark.parametrize("order", ORDERS)
def test_mark_and_last_trade_differ_in_extremes_only(name, order):
    mark, last = (event(name).path(order=order, price=price) for price in PRICES)
    same = (mark.taken == "open") | (mark.taken == "close")
    assert (mark.prices[same] == last.prices[same]).all()
    assert (mark.prices >= last.prices).all()


def test_the_ether_high_of_13_march_2020_is_the_marks_own_and_never_the_stray_print():
    covid = event("covid-2020")
    place = at(covid, "2020-03-13T00:00")
    highs = {price: by_candle(covid.path(price=price))["high"][place, 1] for price in PRICES}
    assert highs == {"mark": 137.71, "last": 124.62}
    assert all(covid.path(order=order, price=price).prices[:, 1].max() < 204 for order in ORDERS for price in PRICES)


def test_the_ether_low_of_19_may_2021_is_a_fifth_higher_as_a_mark():
    may = event("may-2021")
    place = at(may, "2021-05-19T12:00")
    lows = {price: by_candle(may.path(price=price))["low"][place, 1] for price in PRICES}
    assert lows == {"mark": 1764.26, "last": 1400.73}


def test_asking_for_a_path_leaves_the_table_as_it_is():
    may = event("may-2021")
    before = may.low.copy()
    may.path(price="mark").prices[:] = 0
    assert (may.low == before).all()


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["covid", "COVID-2020", "", None, 0, ["covid-2020"]])
def test_an_unknown_event_is_refused_with_the_known_ones(bad):
    with pytest.raises(ValueError, match=r"^name must be one of ") as refusal:
        event(bad)
    assert all(repr(name) in str(refusal.value) for name in event_names())
    assert repr(bad) in str(refusal.value)


@pytest.mark.parametrize(("argument", "allowed"), [("order", ORDERS), ("price", PRICES)])
@pytest.mark.parametrize("bad", ["low", "first", "", None, 1])
def test_an_unknown_order_or_price_is_refused_with_the_known_ones(argument, allowed, bad):
    listed = ", ".join(repr(value) for value in allowed)
    with pytest.raises(ValueError, match=f"^{argument} must be one of {listed}, not {bad!r}$"):
        event("covid-2020").path(**{argument: bad})


# --- funding on a path ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KNOWN)
def test_a_path_has_every_settlement_at_the_open_of_its_candle_and_none_elsewhere(name):
    one = event(name)
    path = one.path()
    due = np.isin(path.times, one.funding_times)
    assert (path.taken[due] == "open").all()
    assert np.array_equal(path.funding[due], one.funding)
    assert not path.funding[~due].any()


def test_what_lost_its_peg_is_on_record_where_it_is_known():
    depegs = {name: event(name).depegs for name in event_names()}
    assert {name for name, lows in depegs.items() if lows} == {"oct-2025"}
    assert depegs["oct-2025"] == {"USDe": 0.65}
