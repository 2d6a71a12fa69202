"""What is said to be free can be opened, to the last cent, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    Account,
    ArgumentError,
    Contract,
    Convention,
    Open,
    Position,
    Rules,
    Tiers,
    simulate,
    venue,
    venue_names,
)

TIERS = Tiers.flat(0.004, max_leverage=100)
BTC, ETH = (Contract(symbol, TIERS, currency="USDT") for symbol in ("BTCUSDT", "ETHUSDT"))
MARKS = [60_000.0, 2_000.0]


def with_profit(convention=None, mark=60_000.0, wallet=1_000.0):
    """Return 0.1 BTC from 50,000 at 10x in cross, and a market of ETH in which nothing is held yet; and the marks."""
    account = Account(
        wallet, [BTC, ETH], [0.1, 0], [50_000, 2_000], leverage=[10, 10], convention=convention or Convention()
    )
    return account, np.array([mark, 2_000.0])


def opens(account, marks, size, rules=None, **terms):
    """Return whether a venue opens so much ETH."""
    order = Open(step=0, position=1, size=size, **terms)
    return simulate(account, [marks], rules=rules, actions=[order], on_refusal="record").refused == 0


@pytest.mark.parametrize(
    ("convention", "free", "opened"),
    [
        # 1,000 and 1,000 of profit, less a tenth of 6,000: enough for 600
        (Convention(), 1_400, True),
        # Without the profit 400 is too little
        (Convention(profit_opens=False), 400, False),
        # A tenth of 5,000 where the initial margin stays that of the entry
        (Convention(profit_opens=False, initial_at="entry"), 500, False),
        # With 0.1 % of 6,000 for closing beside it
        (Convention(closing_fee=0.001, closing_fee_at="liquidation", fee_in_initial=True), 1_394, True),
        (Convention(closing_fee=0.001, closing_fee_at="liquidation"), 1_400, True),
    ],
    ids=["profit opens", "profit does not", "initial margin at entry", "the fee beside it", "the fee apart"],
)
def test_three_eth_for_600_open_where_profit_backs_them(convention, free, opened):
    account, marks = with_profit(convention)
    assert account.free_margin(marks) == pytest.approx(free)
    assert opens(account, marks, 3) is opened


def test_an_isolated_margin_leaves_the_wallet_so_that_profit_does_not_pay_for_it():
    account, marks = with_profit()
    apart = replace(account, mode=["cross", "isolated"])
    assert opens(apart, marks, 2, leverage=10)
    assert not opens(apart, marks, 2.001, leverage=10)


def test_losses_count_whatever_the_venue_says_of_profits():
    for convention in (Convention(), Convention(profit_opens=False)):
        account, marks = with_profit(convention, mark=48_000.0)
        assert account.free_margin(marks) == pytest.approx(1_000 - 200 - 480)


@pytest.mark.long
@pytest.mark.parametrize("name", venue_names())
@given(
    size=st.floats(-0.3, 0.3).map(lambda size: round(size, 3)),
    mark=st.floats(30_000, 90_000),
    leverage=st.floats(1, 50),
    side=st.sampled_from([-1.0, 1.0]),
)
def test_what_is_free_opens_to_the_last_cent_by_every_venue_s_rules(name, size, mark, leverage, side):
    said = venue(name)
    rules = Rules(trading_fee=said.rules.value.trading_fee)
    account = Account(
        10_000, [BTC, ETH], [size, 0], [60_000, 2_000], leverage=[5, leverage], convention=said.convention.value
    )
    marks = np.array([mark, 2_000.0])
    free = float(account.free_margin(marks))
    assume(free > 100)
    # All that an order takes grows with its size: so much for one unit, and that often into what is free.
    after = simulate(account, [marks], rules=rules, actions=[Open(step=0, position=1, size=side / 100)])
    left = replace(account, wallet=after.wallet, size=after.size, entry=after.entry)
    most = free / (free - float(left.free_margin(marks))) / 100
    cent = 0.01 * leverage / 2_000
    assert opens(account, marks, side * (most - cent), rules)
    assert not opens(account, marks, side * (most + cent), rules)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"initial_at": "noon"}, "initial_at must be one of 'mark', 'entry', not 'noon'"),
        ({"profit_opens": 1}, "profit_opens must be True or False, not 1"),
        ({"fee_in_initial": "yes"}, "fee_in_initial must be True or False, not 'yes'"),
        ({"brackets_count": "all"}, "brackets_count must be one of 'leg', 'net', 'larger', 'both', not 'all'"),
        ({"charged": "both"}, "charged must be one of 'each', 'net', 'larger', not 'both'"),
        ({"closing_fee_in": "isolated"}, "closing_fee_in must be one of 'both', 'cross', not 'isolated'"),
    ],
)
def test_a_convention_refuses_what_it_does_not_know(settings, says):
    with pytest.raises(ArgumentError, match=says.replace("(", r"\(")):
        Convention(**settings)


def test_a_fee_by_leverage_needs_a_leverage():
    endless = Contract("X", Tiers.flat(0.004))
    fee = Convention(closing_fee=0.001, closing_fee_at="leverage")
    account = Account.of([Position(endless, 1, 100)], wallet=100, convention=fee)
    with pytest.raises(ArgumentError, match="leverage must be given where the brackets set no limit"):
        simulate(account, [[100.0]])


def test_parts_that_restore_are_refused_where_both_legs_are_counted_together():
    pair = [Position(BTC, 1, 60_000), Position(BTC, -1, 60_000)]
    account = Account.of(pair, wallet=5_000, convention=Convention(brackets_count="both"))
    with pytest.raises(ArgumentError, match="part must be 'whole', 'share' or 'bracket'"):
        simulate(account, [[60_000.0] * 2], rules=Rules(part="restore"))
    assert simulate(account, [[60_000.0] * 2], rules=Rules(part="share")).survived.all()


def test_a_leverage_above_that_of_the_bracket_grown_into_ties_up_by_the_bracket():
    # 5 BTC at 62,000 are 310,000: by the bracket of 20x they tie up 15,500, whatever was set when they were fewer.
    steps = Contract("BTCUSDT", Tiers([0, 300_000], [0.004, 0.01], max_leverage=[150, 20]), currency="USDT")
    account = Account(20_000, [steps, ETH], [5, 0], [60_000, 2_000], leverage=[150, 10])
    marks = np.array([62_000.0, 2_000.0])
    assert account.initial_margin(marks)[0] == pytest.approx(15_500)
    assert account.free_margin(marks) == pytest.approx(20_000 + 10_000 - 15_500)
    assert opens(account, marks, 14_500 / 200)
    assert not opens(account, marks, 14_501 / 200)
