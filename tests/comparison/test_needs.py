"""What it would take in each mode: asked of the account of each column, worked out once where they are one."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from marginlab import (
    Account,
    Contract,
    Order,
    Position,
    Rules,
    Tiers,
    largest_size,
    margin_to_survive,
    payments_to_liquidation,
    size_to_close,
    what_if,
    withdrawable,
)
from marginlab.comparison import compare, results_csv
from marginlab.comparison.needs import to_add_at
from marginlab.portfolio import preset, preset_names

BTC = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50), currency="USDT")
ETH = Contract("ETHUSDT", Tiers.flat(0.01, max_leverage=50), currency="USDT")
MARKS = [10_000, 1_000]
MIXED = compare(
    Account.of(
        [Position(BTC, 1, 10_000, leverage=5), Position(ETH, 5, 1_000, mode="isolated", leverage=5)], wallet=2_500
    ),
    MARKS,
    venue="binance",
)


@pytest.mark.long
@pytest.mark.parametrize("name", preset_names())
def test_every_need_is_what_the_questions_say_when_asked_themselves(name):
    one = preset(name)
    found = compare(one.account, one.marks, venue=one.venue)
    for column, need in zip(found.columns, found.needs(move=-0.2, rate=0.001), strict=True):
        held = column.account, one.marks
        for i, size in enumerate(one.account.size):
            more = margin_to_survive(*held, position=i, move=-0.2)
            assert need.margin_to_survive[i] == more
            closed = need.size_to_close[i]
            if more <= 0:
                assert closed == 0
            elif not np.isnan(closed):
                assert closed == size_to_close(*held, position=i, move=-0.2, rules=found.rules)
            side = "long" if size > 0 else "short"
            if need.largest_size[i]:
                assert need.largest_size[i] == largest_size(*held, position=i, side=side, rules=found.rules)
            if column.account.isolated[i]:
                assert need.withdrawable[i] == withdrawable(*held, position=i, rules=found.rules)
            else:
                assert need.withdrawable[i] == 0
        assert need.wallet_withdrawable == withdrawable(*held)
        payments = payments_to_liquidation(*held, 0.001, rules=found.rules)
        np.testing.assert_array_equal(need.payments_to_liquidation, payments)


def test_a_pool_is_saved_once_and_isolated_positions_one_by_one():
    entered, cross, isolated = MIXED.needs()
    # Down by 30 % the pool has lost 3,000 and must hold 70; ETH has lost 1,500, must hold 35 and has 1,000.
    assert entered.margin_to_survive == pytest.approx([570, 535])
    assert entered.to_add == pytest.approx(570 + 535)
    # All in one pool there are 3,500 for 4,500 and 105; apart BTC has 2,000 of its own.
    assert cross.margin_to_survive == pytest.approx([1_105, 1_105])
    assert cross.to_add == pytest.approx(1_105)
    assert isolated.to_add == pytest.approx(1_070 + 535)
    both = to_add_at(MIXED.account, MIXED.marks, [-0.3, 0.3])
    assert both.tolist() == pytest.approx([1_105, 0])


def test_where_closing_is_no_help_and_nothing_may_be_added_it_says_so():
    isolated = MIXED.needs()[2]
    assert np.isnan(isolated.size_to_close).all()
    full = Account.of([Position(BTC, 1, 10_000, leverage=5)], wallet=2_000)
    found = compare(full, [10_000], venue="binance")
    assert found.needs()[0].largest_size.tolist() == [0]
    # Selling pays a fee of 5: 1,995 = x 3,065, with x left.
    assert found.need_table.rows[0][3:5] == (f"−{1 - 1_995 / 3_065:.6f}", "nothing")
    assert MIXED.need_table.rows[-1][3] == "no help"
    assert isolated.largest_notional == pytest.approx(np.abs(isolated.largest_size) * MARKS)


def test_columns_that_are_one_account_are_worked_out_once():
    cross = compare(Account.of([Position(BTC, 1, 10_000, leverage=5)], wallet=3_000), [10_000], venue="binance")
    entered, all_cross, all_isolated = cross.needs()
    assert entered is all_cross
    assert entered is not all_isolated


def test_an_order_is_asked_of_each_column_in_its_mode():
    order = Order(BTC, 0.5, 9_000)
    fills = MIXED.what_if(order, position=0)
    assert [fill.order.mode for fill in fills] == ["cross", "cross", "isolated"]
    alone = what_if(MIXED.account, order, MARKS, position=0, rules=MIXED.rules)
    assert repr(fills[0].after) == repr(alone.after)
    assert isinstance(MIXED.rules, Rules)


def test_needs_go_out_as_csv_beside_what_they_are_asked_of():
    rows = [row for row in csv.reader(results_csv(MIXED).splitlines()) if row[0] == "need"]
    told = {tuple(row[1:4]): row[4] for row in rows}
    assert len(told) == len(rows) == 3 * (2 * 5 + 1)
    assert float(told["as entered", "1 BTCUSDT", "margin_to_survive at -0.3"]) == pytest.approx(570)
    assert told["all isolated", "1 BTCUSDT", "size_to_close at -0.3"] == ""
    assert float(told["as entered", "", "withdrawable"]) == pytest.approx(500)
    assert ("all cross", "2 ETHUSDT", "payments_to_liquidation at +0.0001") in told


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"move": -1}, "move must be above -1, .* not -1"),
        ({"move": "down"}, "move must be a number"),
        ({"move": [-0.1, -0.2]}, "move must be one number"),
        ({"rate": np.inf}, "rate must be finite"),
        ({"rate": [0.1, 0.2]}, "rate must be one number"),
    ],
)
def test_a_move_or_a_rate_that_makes_no_sense_is_refused(terms, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        MIXED.needs(**terms)
