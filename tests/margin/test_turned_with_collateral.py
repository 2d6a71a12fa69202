"""The questions turned round, of pools that several assets back: put back, each gives what was asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    Account,
    Collateral,
    Contract,
    Open,
    Order,
    Position,
    Rules,
    Tiers,
    ladder,
    largest_size,
    liquidation_move,
    margin_to_survive,
    payments_to_liquidation,
    simulate,
    size_for_liquidation_price,
    size_to_close,
    what_if,
    withdrawable,
)

from ..examples import examples
from ..strategies import continuous_tables, pooled_accounts

BTC = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=100), currency="USDT")
COIN = Contract("BTCUSD", Tiers.flat(0.005, max_leverage=100), kind="inverse", currency="BTC")
LONG = Position(BTC, 1, 60_000, leverage=10)
COINS = [Collateral("BTC", 0.2, 0.95)]
BACKED = Account.of([LONG], wallet=1_000, collateral=COINS)
pools = pooled_accounts(tables=continuous_tables())


def with_more(account, row, more):
    """Return the account with more money behind a position."""
    if not account.isolated[row]:
        return replace(account, wallet=account.wallet + more)
    own = np.arange(len(account.contracts)) == row
    return replace(account, margin=account.margin + np.where(own, more, 0.0))


@pytest.mark.long
@examples(1)
@given(pools, st.floats(0.4, 0.95), st.data())
def test_with_what_was_to_be_added_the_liquidation_price_is_there(held, share, data):
    account, marks = held
    row = data.draw(st.sampled_from(np.flatnonzero(account.size).tolist()))
    price = marks[row] * (share if account.size[row] > 0 else 1 / share)
    more = margin_to_survive(account, marks, position=row, price=price)
    prices = [with_more(account, row, more).liquidation_price(marks, toward=way)[row] for way in ("down", "up")]
    # The worst may lie at the mark itself, where nothing has moved yet.
    assert any(np.isclose(found, [price, marks[row]], rtol=1e-7).any() for found in prices if not np.isnan(found))


@examples(0.5)
@given(pools, st.floats(-0.5, -0.05))
def test_with_what_was_to_be_added_the_pool_fails_at_the_common_move(held, move):
    account, marks = held
    cross = np.flatnonzero(~account.isolated & (account.size != 0))
    assume(cross.size)
    try:
        more = margin_to_survive(account, marks, position=cross[0], move=move)
    except ValueError as refusal:
        assert "must be 0 for" in str(refusal)  # noqa: PT017  where nothing goes straight
        return
    hair = 1e-9 * float(
        np.abs(account.pool_cash(marks)) + np.abs(more) + account.in_unit(account.notional(marks), marks).sum()
    )
    less, enough = (
        liquidation_move(with_more(account, cross[0], more + way * hair), marks)[cross[0]] for way in (-1, 1)
    )
    assert less >= move * (1 + 1e-6)
    assert not enough > move


def test_what_is_closed_turns_into_what_the_position_settles_in():
    order = size_to_close(BACKED, [60_000], position=0, price=45_000)
    left = what_if(BACKED, Order(BTC, order, 60_000), [60_000]).account
    np.testing.assert_allclose(left.liquidation_price([60_000]), [45_000], rtol=1e-9)
    short = Account.of([Position(COIN, 30_000, 50_000)], wallet=500, collateral=COINS, currency="USD")
    sold = what_if(short, Order(COIN, -10_000, 60_000), [60_000])
    np.testing.assert_allclose(sold.account.amounts, [0.2 + 10_000 * (1 / 50_000 - 1 / 60_000)])
    assert sold.account.wallet == 500


def test_the_size_that_is_liquidated_at_a_price_is_liquidated_there():
    size = size_for_liquidation_price(BACKED, [60_000], position=0, price=50_000)
    sized = replace(BACKED, size=np.array([size]))
    np.testing.assert_allclose(sized.liquidation_price([60_000]), [50_000], rtol=1e-9)


@pytest.mark.parametrize("mode", ["cross", "isolated"])
@pytest.mark.parametrize("contract", [BTC, COIN], ids=["linear", "inverse"])
def test_the_largest_size_is_what_the_engine_opens_and_nothing_above(contract, mode):
    account = Account(
        wallet=3_000,
        contracts=[contract, BTC],
        size=np.array([0.0, 0.1]),
        entry=np.array([60_000.0, 58_000.0]),
        mode=[mode, "cross"],
        leverage=np.array([20.0, 10.0]),
        collateral=COINS,
        currency="USDT",
    )
    rules = Rules(trading_fee=0.0005)
    most = largest_size(account, [60_000, 60_000], position=0, side="long", rules=rules)
    path = [[60_000.0, 60_000.0]]
    opened = simulate(account, path, rules=rules, actions=[Open(step=0, position=0, size=most)])
    assert opened.size[0] == most
    with pytest.raises(ValueError, match="is refused"):
        simulate(account, path, rules=rules, actions=[Open(step=0, position=0, size=most * (1 + 1e-9))])


def test_a_ladder_of_bids_in_a_pool_of_coins():
    fills = ladder(BACKED, [Order(BTC, 0.1, price, leverage=50) for price in (58_000, 56_000)], [60_000])
    assert [round(fill.after.entry, 2) for fill in fills] == [59_818.18, 59_500.0]
    assert fills[1].after.liquidation_price > fills[0].after.liquidation_price > BACKED.liquidation_price([60_000])[0]


def test_a_new_contract_gets_a_place_beside_assets_with_a_mark_of_their_own():
    account = Account.of([LONG], wallet=20_000, collateral=[Collateral("USDE", 1_000, 0.9, price=1.0)])
    eth = Contract("ETHUSDT", Tiers.flat(0.01, max_leverage=50), currency="USDT")
    fills = ladder(account, [Order(eth, 1_000, 3_000, leverage=50), Order(eth, 1, 3_000, leverage=10)], [60_000, 0.98])
    assert fills[0].refusals
    assert not fills[1].refusals
    np.testing.assert_allclose(fills[1].marks, [60_000, 3_000, 0.98])


def test_no_more_leaves_the_wallet_than_is_in_it():
    assert withdrawable(BACKED, [60_000]) == 1_000
    assert withdrawable(replace(BACKED, wallet=-2_000.0), [60_000]) == 0
    assert withdrawable(replace(BACKED, collateral=[]), [60_000]) == 0


def test_funding_takes_a_pool_through_what_it_settles_in():
    account = Account.of([Position(COIN, 60_000, 60_000)], collateral=[Collateral("BTC", 0.1)], currency="USD")
    # 0.1 BTC less 0.0001 BTC a payment, down to 0.005
    assert payments_to_liquidation(account, [60_000], 0.0001).tolist() == [950]
    pool = Account.of([LONG], wallet=240, collateral=[Collateral("BTC", 0.01, 0.95)])
    found = payments_to_liquidation(pool, [60_000], 0.001)[0]
    assert found == 10  # 810 at 60 a payment, and 240 of it is required
    outcome = simulate(pool, np.full((12, 1), 60_000.0), funding=0.001)
    assert outcome.liquidated[0] == found - 1


def test_funding_comes_out_of_what_each_contract_settles_in_as_far_as_that_goes():
    rules = Rules(isolated_funding="wallet")
    held = [
        Position(BTC, 1, 60_000, mode="isolated", margin=1_500, leverage=50),
        Position(COIN, 60_000, 60_000, mode="isolated", margin=0.02, leverage=50),
    ]
    account = Account.of(held, wallet=300, collateral=[Collateral("BTC", 0.002)], currency="USDT")
    found = payments_to_liquidation(account, [60_000] * 2, 0.001, rules=rules)
    # 300 + 1,500 - 240 at 60 a payment; 0.002 + 0.02 - 0.005 at 0.001
    assert found.tolist() == [26, 17]
    outcome = simulate(account, np.full((30, 2), 60_000.0), rules=rules, funding=0.001)
    assert np.abs(outcome.liquidated + 1 - found).max() <= 1  # where equality is met, rounding decides in the engine


def test_no_margin_is_set_aside_that_is_not_there():
    alone = Order(BTC, 1, 60_000, mode="isolated", leverage=10)
    assert any("at most what there is" in one for one in what_if(BACKED, alone, [60_000]).refusals)
