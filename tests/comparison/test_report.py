"""`compare`: an account in both modes, what is asked of it answered once, and all of it as text."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from marginlab import Account, Collateral, Contract, Position, Tiers, event_names, venue
from marginlab.comparison import compare, replay, results_csv, stress_map
from marginlab.portfolio import from_ccxt, preset, preset_names, reconcile

BTC = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50), currency="USDT")
ONE = Account.of([Position(BTC, 1, 10_000, leverage=5)], wallet=3_000)


def of(name):
    one = preset(name)
    return compare(one.account, one.marks, venue=one.venue)


@pytest.mark.long
@pytest.mark.parametrize("name", preset_names())
def test_everything_compared_is_what_the_parts_say_when_asked_themselves(name):
    found, one = of(name), preset(name)
    rules = venue(one.venue).rules_for(found.symbols)
    assert found.venue is venue(one.venue)
    assert found.accounts == {column.name: column.account for column in found.columns}
    stress = stress_map(found.accounts, one.marks, rules=rules)
    assert np.array_equal(found.stress.equity, stress.equity)
    assert [each.event for each in found.replays] == list(event_names())
    alone = replay(found.accounts, one.marks, "luna-2022", rules=rules)
    for column in found.accounts:
        assert found.replays[2].outcomes[column].equity == alone.outcomes[column].equity


def test_columns_are_asked_for_by_name():
    found = compare(ONE, 10_000, venue="binance")
    assert [found.column(name).name for name in ("as entered", "all cross", "all isolated")] == list(found.accounts)
    assert (found.symbols, found.currency, found.marks.tolist()) == (("BTCUSDT",), "USDT", [10_000])
    with pytest.raises(
        ValueError, match=r"^name must be one of 'as entered', 'all cross', 'all isolated', not 'cross'"
    ):
        found.column("cross")


def test_what_takes_long_is_worked_out_once():
    found = of("one-20x-bet")
    assert found.stress is found.stress
    assert all(one is again for one, again in zip(found.replays, found.replays, strict=True))
    assert found.findings is found.findings


def test_the_text_has_every_part_with_its_figures():
    found = of("october-2025")
    head, positions, account, needs, refused, events, sources, table = str(found).split("\n\n")
    assert head == "2 positions at Binance USD-M, equity 15,161.87 USDT"
    lines = positions.splitlines()
    assert lines[1].split()[:5] == ["as", "entered", "BTCUSDT", "+0.5", "123,237.40"]
    assert len(lines) == 1 + 3 * 2
    assert [line.split()[0] for line in account.splitlines()[1:]] == [
        "wallet", "margins", "free", "margin", "leverage", "fall", "fall", "rise", "rise", "may",
    ]  # fmt: skip
    assert [line.split()[-1] for line in needs.splitlines()] == [
        "payments", "961", "1,618", "1,269", "1,269", "961", "961",
    ]  # fmt: skip
    assert refused.splitlines()[1] == (
        "  all cross: Binance USD-M does not switch the mode of an open position: close it first"
    )
    assert len(events.splitlines()) == 1 + len(event_names())
    assert "15,161.87 (2 lost)" in events
    assert sources.splitlines()[1:] == [f"  {each.title}: {each.taken_from}" for each in found.replays]
    assert "June 2026 fall: Binance's mark is not on record: Bybit's stands in for it (BTC and ETH)." in sources
    assert len(table.splitlines()) == 1 + len(found.findings)
    assert all(line == line.rstrip() for line in str(found).splitlines())


def test_prices_and_moves_that_do_not_exist_are_said_in_words():
    text = str(of("funding-carry"))
    assert text.startswith("1 position at OKX, equity 1.00 BTC")
    assert "none" in text
    assert "never" in text
    assert not re.search(r"\bnan\b", text)


def test_both_sides_of_a_market_are_told_apart_in_all_results():
    legs = [Position(BTC, size, 10_000, leverage=10) for size in (1, -1)]
    found = compare(Account.of(legs, wallet=3_000), [10_000, 10_000], venue="binance")
    assert (found.symbols, found.names) == (("BTCUSDT",) * 2, ("BTCUSDT long", "BTCUSDT short"))
    rows = list(csv.reader(results_csv(found).splitlines()))
    assert {row[2] for row in rows if row[0] == "position"} == {"1 BTCUSDT long", "2 BTCUSDT short"}
    # Rows that stand for one thing stand there once.
    assert len({tuple(row[:4]) for row in rows}) == len(rows)
    assert any(row[0] == "closing" and row[3].endswith("BTCUSDT short") for row in rows)


def test_a_side_that_nothing_is_left_of_is_said_in_words():
    # Isolated, the short has 800 set aside, and has lost 2,000.
    legs = [Position(BTC, size, entry, leverage=10) for size, entry in ((1, 10_000), (-1, 8_000))]
    found = compare(Account.of(legs, wallet=2_000), [10_000, 10_000], venue="binance")
    assert np.isinf(found.columns[2].margin_ratio[1])
    assert found.position_table.rows[-1][-2:] == ("above 1,000x", "above 1,000%")
    assert "inf" not in str(found)


def test_an_account_that_is_refused_nothing_says_so():
    assert "What the venue would refuse:\n  nothing\n" in str(compare(ONE, [10_000], venue="bybit"))


@pytest.mark.parametrize(
    ("account", "marks", "where", "message"),
    [
        ("mine", [1.0], "binance", "account must be of the class Account, not 'mine'"),
        (
            Account([1.0, 2.0], [BTC], [1.0], [1.0]),
            [1.0],
            "binance",
            "account must be one account, not an array of them",
        ),
        (Account(1.0, [BTC], [[1.0]], [1.0]), [1.0], "binance", "account must be one account, not an array of them"),
        (Account(1.0, [BTC], [0.0], [1.0]), [1.0], "binance", r"account must hold open positions, .* not \[0.0\]"),
        (ONE, [1.0, 2.0], "binance", "marks must"),
        (ONE, [[1.0]], "binance", r"marks must be one a position \(1\), not of shape \(1, 1\)"),
        (ONE, [0.0], "binance", "marks must be greater than 0"),
        (ONE, [1.0], "nyse", "venue must be one of 'binance'"),
    ],
)
def test_what_is_not_one_account_at_a_known_venue_is_refused(account, marks, where, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        compare(account, marks, venue=where)


def test_a_position_without_leverage_or_limit_is_refused():
    bare = Contract("BTCUSDT", Tiers.flat(0.01))
    with pytest.raises(ValueError, match=r"^leverage must be given where the brackets set no limit"):
        compare(Account.of([Position(bare, 1, 10_000)], wallet=3_000), [10_000], venue="binance")


def test_a_comparison_charges_the_liquidation_fee_of_what_is_held():
    assert of("basket-of-longs").rules.liquidation_fee == 0.015
    assert of("hedged-pair").rules == venue("binance").rules.value


def test_what_collateral_is_worth_and_counts_for_is_said_where_there_is_any():
    coins = [Collateral("BTC", 0.2, 0.95)]
    held = Account.of([Position(BTC, 1, 10_000, leverage=5)], wallet=3_000, collateral=coins)
    found = compare(held, [12_000], venue="binance")
    assert (found.columns[0].collateral_worth, found.columns[0].collateral_counted) == (2_400, pytest.approx(2_280))
    head = str(found).splitlines()[0]
    assert head.endswith("equity 7,400.00 USDT; collateral 0.2 BTC, worth 2,400.00 and counted 2,280.00 USDT")
    rows = {row[0]: row[1:] for row in found.account_table.rows}
    assert rows["collateral, worth"] == ("2,400.00",) * 3
    assert rows["collateral, counted"] == ("2,280.00",) * 3
    assert "account,as entered,,collateral_counted,2280.0" in results_csv(found)


def test_of_collateral_nothing_is_said_where_there_is_none():
    found = compare(ONE, [10_000], venue="binance")
    assert (found.columns[0].collateral_worth, found.columns[0].collateral_counted) == (0, 0)
    assert "collateral" not in str(found) + results_csv(found)


# --- what the venue says, and what is not known -----------------------------------------------------------------

HELD = {"symbol": "NEW/USDT:USDT", "side": "long", "contracts": 5, "entryPrice": 100, "markPrice": 110, "leverage": 10}
HELD |= {"marginMode": "cross", "maintenanceMarginPercentage": 0.02, "liquidationPrice": 90.0}


def test_what_the_venue_says_stands_beside_what_we_say_in_text_and_in_results():
    one = from_ccxt([HELD], venue="bitfinex", wallet=100)
    told = reconcile(one)
    found = compare(one.account, one.marks, venue=one.venue, reconciled=told)
    assert str(told) in str(found)
    rows = [row for row in csv.reader(results_csv(found).splitlines()) if row[0] == "reconciliation"]
    assert [row[1] for row in rows] == ["venue", "as entered", "likely reason"] * 2
    assert rows[0][2:] == ["1 NEW/USDT:USDT*", "liquidation price", "90.0"]
    assert "reconciliation" not in results_csv(compare(one.account, one.marks, venue=one.venue))
    with pytest.raises(ValueError, match="reconciled must be of the class Reconciliation"):
        compare(one.account, one.marks, venue=one.venue, reconciled=str(told))


def test_what_is_assumed_is_marked_in_every_table():
    one = from_ccxt([HELD], venue="bitfinex", wallet=100)
    found = compare(one.account, one.marks, venue=one.venue)
    text = str(found)
    assert "plainest convention assumed*" in text
    assert "(* one rate for every size, which the position itself tells: brackets are not known)" in text
    assert all("NEW/USDT:USDT*" in row for row in [found.names, *(row[:2] for row in found.position_table.rows)])
    assert "(* one rate for every size" in found.position_table.caption
    assert "(* one rate for every size" in reconcile(one).table.caption
    assert "*" not in str(of("one-20x-bet"))
