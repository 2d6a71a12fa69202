"""Replays: the marks move as the event's did, and every closing is the one that the exact-fraction referee makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marginlab import (
    Account,
    Collateral,
    Contract,
    Order,
    Position,
    Rules,
    Tiers,
    event_names,
    event_record,
    simulate,
    venue,
)
from marginlab.comparison import compare, replay, replays
from marginlab.comparison.modes import all_cross, all_isolated
from marginlab.markets.events import ORDERS
from marginlab.portfolio import preset, preset_names

from ..reference import run
from ..scenarios import differences

BINANCE = venue("binance")
BTC, ETH, SOL = (Contract(name, Tiers.flat(0.01, max_leverage=50)) for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT"))
MARKS = [50_000.0, 2_000.0, 100.0]
COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "AVAX", "BNB", "LTC", "SUI", "WIF")


def three(mode="isolated", leverage=2, wallet=0.0):
    return Account.of(
        [
            Position(BTC, 1, 50_000, mode, leverage),
            Position(ETH, 20, 2_000, mode, leverage),
            Position(SOL, -400, 100, mode, leverage),
        ],
        wallet=wallet,
    )


def drawn(number):
    """Return an account of up to eight coins at Binance, as it is counted there, and the marks it was opened at."""
    rng = np.random.default_rng(number)
    coins = rng.choice(COINS, rng.integers(1, 9), replace=False)
    marks = np.round(2.0 ** rng.uniform(-2, 16, coins.size), 3)
    values, leverages = rng.uniform(1_000, 400_000, coins.size), rng.choice([2, 4, 8, 12], coins.size)
    sides, modes = rng.choice([1, -1], coins.size, p=[0.7, 0.3]), rng.choice(["cross", "isolated"], coins.size)
    held = [BINANCE.contract(f"{coin}USDT") for coin in coins]
    sizes = np.round(sides * values / marks, 3)
    rows = zip(held, sizes.tolist(), marks.tolist(), modes, leverages.tolist(), strict=True)
    positions = [Position(*row, held=True) for row in rows]
    wallet = float(np.round(rng.uniform(0.05, 0.5) * values.sum(), 2))
    return Account.of(positions, wallet=wallet, convention=BINANCE.convention.value), marks


# --- the referee ---------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", preset_names())
def test_replays_of_presets_agree_with_the_exact_fractions_event_by_event(name):
    one = preset(name)
    comparison = compare(one.account, one.marks, venue=one.venue, date=one.date)
    assert [replayed.event for replayed in comparison.replays] == list(event_names())
    for replayed in comparison.replays:
        for column, account in {id(one): (name, one) for name, one in replayed.accounts.items()}.values():
            exact = run(account, replayed.prices, comparison.rules, funding=replayed.funding)
            assert differences(replayed.outcomes[column], exact) == [], (replayed.event, column)
            assert replayed.equity[column][-1] == pytest.approx(float(exact.equity), abs=1e-9 * float(exact.money))
            assert replayed.gone[column].tolist() == [step >= 0 for step in exact.liquidated]


@pytest.mark.long
@pytest.mark.parametrize("number", range(50))
def test_replays_of_random_accounts_agree_with_the_exact_fractions(number):
    account, marks = drawn(number)
    name, order = event_names()[number % 9], ORDERS[number % 2]
    rules = BINANCE.rules_for(contract.symbol for contract in account.contracts)
    replayed = replay({"mine": account}, marks, name, rules=rules, venue=BINANCE, order=order)
    exact = run(replayed.accounts["mine"], replayed.prices, rules, funding=replayed.funding)
    assert differences(replayed.outcomes["mine"], exact) == []
    assert replayed.equity["mine"][-1] == pytest.approx(float(exact.equity), abs=1e-9 * float(exact.money))
    assert replayed.gone["mine"].tolist() == [step >= 0 for step in exact.liquidated]


# --- prices, funding and brackets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", event_names())
def test_the_marks_move_as_the_events_marks_did(name):
    replayed, path = replay({"mine": three()}, MARKS, name), event_record(name).price_path(["BTC", "ETH", "SOL"])
    assert replayed.title == event_record(name).title
    assert replayed.prices[0].tolist() == MARKS
    for i in range(3):
        assert replayed.prices[:, i] / MARKS[i] == pytest.approx(path.prices[:, i] / path.prices[0, i], rel=1e-12)
    assert np.array_equal(replayed.funding, path.funding)
    assert np.array_equal(replayed.times, path.times)
    assert replayed.followed == path.followed


def test_each_order_of_low_and_high_is_a_path_of_its_own():
    low, high = (replay({"mine": three()}, MARKS, "oct-2025", order=order) for order in ORDERS)
    assert (low.order, high.order) == ORDERS
    assert np.array_equal(low.prices[1::4], high.prices[2::4])
    assert np.array_equal(low.prices[2::4], high.prices[1::4])


def test_where_the_pool_is_closed_in_parts_the_order_decides_what_is_left_of_a_hedge():
    # Half of the long goes at a low, half of the short at a high: which was first says what stands there next.
    account = Account.of([Position(BTC, 1, 50_000), Position(ETH, -17.5, 2_000)], wallet=3_000)
    rules = Rules(close="market", part="share", share=0.5, rounds=1)
    low, high = replays({"mine": account}, MARKS[:2], names=["may-2021"], rules=rules, orders=ORDERS)
    assert (low.lost("mine"), low.loss("mine")) == (2, 3_000)
    assert high.lost("mine") == 0
    assert high.loss("mine") < 0


def test_an_account_is_counted_by_the_brackets_of_the_day():
    position = Position(BINANCE.contract("BTCUSDT"), 1, 50_000, leverage=5)
    account = Account.of([position], wallet=20_000, orders=[Order(position.contract, 1, 40_000)])
    then = BINANCE.table("BTCUSDT", date="2022-11-06")
    replayed = replay({"mine": account}, MARKS[:1], "ftx-2022", venue=BINANCE)
    (contract,) = replayed.accounts["mine"].contracts
    assert contract.tiers == then.contract.tiers != position.contract.tiers
    assert replayed.accounts["mine"].orders == ()  # they are not filled
    assert replayed.brackets == (then.date,)
    assert replayed.taken_from == "Hourly marks of Binance (BTC). Brackets of 2022-09-27 (BTCUSDT)."
    # Where no venue is named, those it came with are kept.
    held = replay({"mine": account}, MARKS[:1], "ftx-2022").accounts["mine"]
    assert (held.contracts, held.orders) == (account.contracts, ())


def test_the_oldest_brackets_stand_in_for_older_ones_and_say_so():
    account = Account.of([Position(BINANCE.contract("BTCUSDT"), 1, 50_000)], wallet=20_000)
    replayed = replay({"mine": account}, MARKS[:1], "covid-2020", venue=BINANCE)
    assert replayed.brackets == ("2021-03-18, the oldest on record",)


@pytest.mark.parametrize(
    ("contract", "why"),
    [
        (Contract("BTCUSDT", Tiers.flat(0.02)), "brackets of one's own"),
        (Contract("BTCEUR", Tiers.flat(0.02)), "a market the venue does not have"),
        (BINANCE.contract("1000BTTCUSDT"), "a market that had left its list"),
    ],
)
def test_brackets_are_kept_where_those_of_the_day_are_not_on_record(contract, why):
    account = Account.of([Position(contract, 1, 100)], wallet=50)
    replayed = replay({"mine": account}, [100], "ftx-2022", venue=BINANCE)
    assert replayed.accounts["mine"] is account, why
    assert f"Brackets of that day are not on record ({contract.symbol})." in replayed.taken_from


def test_what_it_rests_on_is_said_coin_by_coin():
    held = [Contract(f"{coin}USDT", Tiers.flat(0.01)) for coin in ("BTC", "DOGE", "MKR", "SOL", "GRT")]
    account = Account.of([Position(contract, 1, 100) for contract in held], wallet=1_000)
    assert replay({"mine": account}, [100.0] * 5, "ftx-2022", venue=venue("bybit")).taken_from == (
        "Bybit's mark is not on record: Binance's stands in for it (BTC). "
        "Bybit's mark is not on record: OKX's stands in for it (DOGE and SOL). "
        "Not on record: ETH stands in for it (MKR and GRT). "
        "No funding of DOGE and SOL is on record, and none is paid. "
        "Brackets of that day are not on record (BTCUSDT, DOGEUSDT, MKRUSDT, SOLUSDT and GRTUSDT)."
    )


def test_where_a_venue_is_not_on_record_binances_marks_stand_in_and_it_says_so_once():
    account = Account.of([Position(contract, 1, mark) for contract, mark in zip((BTC, ETH), MARKS, strict=False)])
    replayed = replay({"mine": account}, MARKS[:2], "oct-2025", venue=venue("hyperliquid"))
    assert replayed.taken_from.count("Marks of Hyperliquid are not on record: those of Binance stand in for them.") == 1
    assert [one.venue for one in replayed.followed] == ["binance", "binance"]
    bybit = replay({"mine": account}, MARKS[:2], "oct-2025", venue=venue("bybit"))
    assert bybit.taken_from.startswith("Hourly marks of Bybit (BTC and ETH).")


def test_collateral_moves_as_its_coin_did_and_what_is_off_the_record_stands_still():
    behind = [
        Collateral("ETH", 5, 0.9, price=2_000),
        Collateral("USDE", 1_000, 0.9, price=1.0),
        Collateral("BETH", 1, 0.9, price=0.98, quoted_in="ETH"),
    ]
    account = Account.of([Position(replace(BTC, currency="USDT"), 0.1, 50_000)], wallet=1_000, collateral=behind)
    replayed = replay({"mine": account}, [50_000.0, 2_000.0, 1.0, 0.98], "oct-2025")
    path = event_record("oct-2025").price_path(["ETH"])
    assert replayed.prices[:, 1] / 2_000 == pytest.approx(path.prices[:, 0] / path.prices[0, 0])
    assert (replayed.prices[:, 2:] == [1.0, 0.98]).all()
    assert replayed.followed[1].symbol == "ETH"
    assert replayed.followed[2:] == (None, None)
    assert replayed.funding.shape == (384, 1)


# --- losses --------------------------------------------------------------------------------------------------------


def test_losses_are_told_in_the_order_in_which_they_happened():
    replayed = replay({"mine": three(leverage=10)}, MARKS, "covid-2020")
    losses = replayed.losses("mine")
    # 10x loses its margin at about 9 %: the longs on the first days, BTC later than ETH; the short on no day.
    assert [loss.symbol for loss in losses] == ["ETHUSDT", "BTCUSDT"]
    assert [loss.kind for loss in losses] == ["taken over"] * 2
    assert losses[0].time < losses[1].time
    for loss in losses:
        assert loss.time == replayed.times[loss.step]
        assert loss.price == replayed.prices[loss.step, loss.position]
        assert loss.size == -three().size[loss.position]
        entry = three().entry[loss.position]
        assert loss.amount == pytest.approx(-loss.size * (loss.price - entry))
    assert replayed.lost("mine") == 2


def test_fees_and_impact_are_part_of_a_loss():
    rules = Rules(close="market", liquidation_fee=0.01, depth=1_000_000)
    account = Account.of([Position(BTC, 1, 50_000, "cross", 10)], wallet=5_000)
    replayed = replay({"mine": account}, MARKS[:1], "jun-2026", rules=rules)
    (loss,), outcome = replayed.losses("mine"), replayed.outcomes["mine"]
    assert outcome.fees[0] > 0
    # Selling X costs X / (200 D) of X.
    notional = replayed.prices[loss.step, 0]
    assert outcome.impact[0] == pytest.approx(notional**2 / (200 * 1_000_000))
    assert loss.price == pytest.approx(notional - outcome.impact[0])
    assert loss.amount == pytest.approx(notional - 50_000 - outcome.fees[0] - outcome.impact[0])


def test_a_loss_is_what_the_account_is_worth_less_at_the_end():
    account = three("cross", wallet=100_000)
    replayed = replay({"rich": account, "same": account}, MARKS, "jun-2026")
    paid = replayed.outcomes["rich"].funding.sum()
    assert replayed.loss("rich") == pytest.approx(account.equity(MARKS) - account.equity(replayed.prices[-1]) - paid)
    assert replayed.losses("rich") == ()
    assert replayed.lost("rich") == 0
    assert replayed.outcomes["same"] is replayed.outcomes["rich"]


def test_netting_counts_as_a_loss_by_force():
    # The pool fails in the fall; long and short of one contract are closed against each other before the rest goes.
    btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    account = Account.of([Position(btc, 2, 50_000), Position(btc, -1, 50_000)], wallet=10_000)
    losses = replay({"mine": account}, [50_000, 50_000], "covid-2020", rules=Rules(net_first=True)).losses("mine")
    assert [(loss.kind, loss.position) for loss in losses] == [("netted", 0), ("netted", 1), ("taken over", 0)]


# --- all at once ---------------------------------------------------------------------------------------------------


def modes_of(account):
    return {"as entered": account, "all cross": all_cross(account), "all isolated": all_isolated(account)}


RULES = {
    "taken over": Rules(),
    "in parts, with a pause between them": Rules(close="market", part="share", share=0.2, rounds=1),
    "at random": Rules(close="market", order="random", liquidation_fee=0.01),
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("which", [None, BINANCE], ids=["as held", "brackets of the day"])
def test_all_events_modes_and_orders_at_once_are_what_they_are_one_by_one(rules, which):
    account, marks = drawn(9)
    found = replays(modes_of(account), marks, rules=rules, venue=which, orders=ORDERS)
    assert [(one.order, one.event) for one in found] == [(order, name) for order in ORDERS for name in event_names()]
    for one in found:
        for column, held in one.accounts.items():
            alone = simulate(held, one.prices, rules=rules, funding=one.funding, record=("equity",))
            assert np.array_equal(one.equity[column], alone.equity_path)
            assert one.gone[column].tolist() == (~alone.survived).tolist()
            assert one.loss(column) == one.start[column] - alone.equity


def test_only_what_is_asked_for_is_replayed():
    (found,) = replays({"mine": three()}, MARKS, names=["feb-2026"])
    assert (found.event, found.order) == ("feb-2026", "low first")
    assert found.start == {"mine": three().equity(MARKS)}
    assert found.equity["mine"].shape == found.times.shape
    assert replays({"mine": three()}, MARKS, names=[]) == ()


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"names": ["1929"]}, "names must be one of 'covid-2020'"),
        ({"names": "covid-2020"}, "names must be a list of events"),
        ({"orders": ["last first"]}, "orders must be one of 'low first', 'high first', not 'last first'"),
        ({"venue": "binance"}, "venue must be of the class Venue, not 'binance'"),
        ({"lows": ["USDe"]}, "lows must be marks by the names of assets"),
    ],
)
def test_other_events_orders_and_venues_are_refused(asked, refusal):
    with pytest.raises(ValueError, match=f"^{refusal}"):
        replays({"mine": three()}, MARKS, **asked)


def test_an_unknown_event_or_order_is_refused():
    with pytest.raises(ValueError, match=r"^name must be one of 'covid-2020'"):
        replay({"mine": three()}, MARKS, "1929")
    with pytest.raises(ValueError, match=r"^order must be one of 'low first', 'high first', not 'low'"):
        replay({"mine": three()}, MARKS, "oct-2025", order="low")
    with pytest.raises(ValueError, match=r"^column must be one of 'mine', not 'yours'"):
        replay({"mine": three()}, MARKS, "oct-2025").loss("yours")
