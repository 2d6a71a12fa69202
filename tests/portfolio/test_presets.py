"""The presets: each is what its name says, stands at its day's marks, and could have been opened."""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import Account, event, venue
from marginlab.portfolio import preset, preset_names

every_preset = pytest.mark.parametrize("name", preset_names())


def test_there_are_six_presets():
    titles = [preset(name).title for name in preset_names()]
    assert titles == [
        "Hedged pair",
        "Basket of longs",
        "One 20x bet",
        "Funding carry",
        "Market maker's inventory",
        "October 2025 victim",
    ]


@every_preset
def test_a_preset_says_what_it_is_for_and_whose_marks_it_stands_at(name):
    what, marks = preset(name).note.split(" Marks: ")
    assert what.endswith(".")
    opens = "opens of Binance's perpetuals on {} October 2025; the brackets are those in force on 10 October 2025, "
    known = {"october-2025": opens.format(9), "basket-of-longs": opens.format(10)}
    assert marks.startswith(known.get(name, "Binance's last trades of 22 August 2026."))


@every_preset
def test_a_preset_could_have_been_opened_at_its_entries(name):
    one = preset(name)
    margins = sum(position.margin or 0 for position in one.positions)
    account = Account.open(one.positions, balance=one.wallet + margins, convention=one.account.convention)
    assert account.wallet == pytest.approx(one.wallet)
    assert not account.liquidatable(one.marks).any()


def test_marks_are_those_of_the_days_they_name():
    august, october = event("rally-aug-2026"), event("oct-2025")
    assert august.times[-1] == np.datetime64("2026-08-22T20:00")
    for name in ("hedged-pair", "market-maker"):
        assert preset(name).marks == tuple(august.close[-1])
    assert preset("one-20x-bet").marks == preset("funding-carry").marks == (august.close[-1, 0],)
    assert preset("october-2025").marks == tuple(october.open[0])
    # The seventh candle of the October record opens on the 10th: BTC 121,579.4, ETH 4,365.83.
    assert october.times[6] == np.datetime64("2025-10-10T00:00")
    assert preset("basket-of-longs").marks == (121_579.4, 4_365.83, 220.81, 0.24843)


def test_the_hedged_pair_is_long_one_market_and_short_the_other():
    one = preset("hedged-pair")
    assert [np.sign(position.size) for position in one.positions] == [1, -1]
    assert set(one.account.mode) == {"cross"}


def test_the_basket_is_four_longs_of_about_the_same_value():
    one = preset("basket-of-longs")
    values = one.account.notional(one.marks)
    assert (one.account.size > 0).all()
    assert values.max() < 1.03 * values.min()


def test_the_bet_is_one_isolated_position_at_twenty_times_its_margin():
    one = preset("one-20x-bet")
    (position,) = one.positions
    assert (position.mode, position.leverage) == ("isolated", 20)
    assert one.account.notional(one.marks)[0] == pytest.approx(20 * position.margin)


def test_the_carry_keeps_its_value_in_dollars_whatever_the_price():
    one = preset("funding-carry")
    start = one.account.equity(one.marks) * one.marks[0]
    for factor in (0.5, 0.8, 1.2, 2.0, 5.0):
        mark = factor * one.marks[0]
        # What is not covered is a tenth of a per cent of the price's move: the coin is worth a little more.
        left_over = one.marks[0] - 77_000
        assert one.account.equity([mark]) * mark - start == pytest.approx((factor - 1) * left_over)


def test_the_market_maker_holds_both_sides_at_a_loss_and_ten_times_its_equity():
    one = preset("market-maker")
    account = one.account
    assert sorted(np.sign(account.size)) == [-1, 1]
    assert -0.02 * one.wallet < account.unrealized_pnl(one.marks).sum() < 0
    assert 10 < account.notional(one.marks).sum() / account.equity(one.marks) < 12


def test_the_victim_of_october_holds_one_long_in_each_mode_in_the_brackets_of_its_time():
    one = preset("october-2025")
    assert one.account.mode == ("isolated", "cross")
    tiers = one.positions[0].contract.tiers
    assert one.positions[0].contract == venue("binance").contract("BTCUSDT", date="2025-10-10")
    assert (tiers.floors[1], tiers.rates[0]) == (300_000, 0.004)


@pytest.mark.parametrize("bad", ["Hedged pair", "", None])
def test_an_unknown_preset_is_refused_with_the_known_ones(bad):
    with pytest.raises(ValueError, match=r"^name must be one of 'hedged-pair', .* not "):
        preset(bad)
