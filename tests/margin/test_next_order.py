"""What the next order does is what the engine makes of it, and the largest one is the largest the engine takes."""

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
    Order,
    Position,
    Rules,
    Tiers,
    Trade,
    ladder,
    largest_size,
    simulate,
    what_if,
)
from marginlab.margin.next_order import largest_additions

from ..examples import examples
from ..refusals import assert_refused_by_name
from ..strategies import accounts, conventions, hedged_accounts, prices, size_of, together

LIMITED = [
    Tiers([0, 20_000, 100_000], [0.01, 0.02, 0.05], max_leverage=[50, 20, 10], cap=500_000),
    Tiers([0, 20_000, 100_000], [0.01, 0.02, 0.05], 0, max_leverage=[50, 20, 10], cap=500_000),
    Tiers([0, 3, 40], [0.01, 0.02, 0.05], 0, max_leverage=[50, 20, 10], cap=90, measured_in="contracts"),
]
any_account = accounts() | hedged_accounts() | hedged_accounts(tables=st.sampled_from(LIMITED))
counted = st.builds(
    dict,
    initial_at=st.sampled_from(["mark", "entry"]),
    fee_in_initial=st.booleans(),
    profit_opens=st.booleans(),
    orders_tie=st.sampled_from(["both", "larger"]),
)


@st.composite
def settings_of(draw):
    """Draw an account with a leverage everywhere, open orders, and a venue's way of counting what opens."""
    account, marks = draw(any_account)
    leverage = np.array(
        draw(st.lists(st.sampled_from([1.0, 2.0, 4.0, 10.0]), min_size=len(marks), max_size=len(marks)))
    )
    own = draw(st.integers(0, len(marks) - 1))
    waiting = []
    for _ in range(draw(st.integers(0, 2))):
        worth = float(account.notional(marks)[own]) * draw(st.floats(0.01, 0.5))
        size = draw(st.sampled_from([1, -1])) * size_of(account.contracts[own], worth, marks[own])
        waiting.append(Order(account.contracts[own], size, marks[own], leverage=2, mode=account.mode[own]))
    convention = replace(account.convention, **draw(counted))
    wallet = abs(account.wallet) + draw(st.floats(0, 3)) * account.notional(marks).sum()
    return replace(account, leverage=leverage, orders=waiting, convention=convention, wallet=wallet), marks, own


def filled(account, marks, action, **rules):
    """Return what the engine makes of an action, and whether it refuses it."""
    outcome = simulate(account, [list(marks)], rules=Rules(**rules), actions=[action], on_refusal="record")
    return outcome, bool(outcome.refused)


@pytest.mark.long
@given(settings_of(), st.floats(-3, 3), st.sampled_from([0.0, 0.0005]), st.sampled_from([None, 1.0, 5.0]))
def test_an_order_does_what_the_engine_makes_of_it(drawn, times, fee, leverage):
    account, marks, own = drawn
    assume(abs(times) > 1e-3)
    size = float(account.size[own] * times)
    asked = Order(account.contracts[own], size, marks[own], mode=account.mode[own], leverage=leverage)
    found = what_if(account, asked, marks, position=own, rules=Rules(trading_fee=fee))
    terms = {} if leverage is None else {"leverage": leverage}
    outcome, refused = filled(account, marks, Trade(step=0, position=own, size=size, **terms), trading_fee=fee)
    assert refused == bool(found.refusals), found.refusals
    if refused or (outcome.liquidated >= 0).any():
        return
    scale = abs(account.wallet) + account.notional(marks).sum() + np.abs(account.margin).sum()
    assert found.account.wallet == pytest.approx(outcome.wallet, rel=1e-12, abs=1e-12 * scale)
    for name in ("size", "entry", "margin", "leverage"):
        held = found.account.size != 0 if name == "entry" else np.full(len(marks), True)
        ours, theirs = getattr(found.account, name)[held], getattr(outcome, name)[held]
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.long
@given(
    settings_of(),
    st.sampled_from([0.0, 0.0005]),
    st.sampled_from([None, 1.0, 5.0, np.inf]),
    st.sampled_from(["long", "short"]),
    st.booleans(),
)
def test_the_largest_size_is_the_largest_that_the_engine_opens(drawn, fee, leverage, side, empty):
    account, marks, own = drawn
    if empty:
        gone = np.arange(len(marks)) == own
        account = replace(account, size=np.where(gone, 0, account.size), margin=np.where(gone, 0, account.margin))
    rules = Rules(trading_fee=fee)
    try:
        size = largest_size(account, marks, position=own, side=side, leverage=leverage, rules=rules)
    except ArgumentError as refusal:
        assume("no limit" not in str(refusal) and "an end" not in str(refusal))
        size = 0.0

    def refused(order):
        return filled(account, marks, Open(step=0, position=own, size=order, leverage=leverage), trading_fee=fee)[1]

    money = abs(account.wallet) + account.notional(marks).sum() + 1e-3
    more = size_of(account.contracts[own], 1e-9 * money, marks[own]) * (1 if side == "long" else -1)
    assert size == 0 or not refused(size)
    assert all(refused(size + more * times) for times in (1, 1e3, 1e6, 1e9))
    assert all(refused(2 * size + more * times) for times in (1, 1e9))


@pytest.mark.long
@given(
    st.sampled_from(LIMITED),
    st.sampled_from(["linear", "inverse"]),
    st.sampled_from(["cross", "isolated"]),
    st.sampled_from([1.0, 10.0, 20.0, 50.0]),
    st.floats(1, 200_000),
    prices,
    conventions() | together,
)
def test_the_largest_size_is_the_largest_that_opens_an_account(tiers, kind, mode, leverage, balance, price, convention):
    contract = Contract("BTC", tiers, kind=kind)
    place = Account(balance, [contract], [0.0], [price], mode=mode, convention=convention)
    try:
        size = largest_size(place, price, position=0, side="long", leverage=leverage)
    except ArgumentError:
        size = 0.0

    def opened(size):
        return Account.open(
            [Position(contract, size, price, mode=mode, leverage=leverage)], balance=balance, convention=convention
        )

    assert size == 0 or opened(size).size == [size]
    for more in (1e-9, 1e-3, 1.0):
        with pytest.raises(ArgumentError):
            opened(size + more * size_of(contract, balance * leverage, price))


# By hand: rates, fees and leverages are powers of two

BTC = Contract("BTC", Tiers.flat(0.0625, max_leverage=8))
COIN = Contract("COIN", Tiers.flat(0.0625, max_leverage=8), kind="inverse")
STEPS = Contract("STEPS", Tiers([0, 512], [0.03125, 0.0625], 0, max_leverage=[16, 8], cap=1_024))
FREE = Contract("FREE", Tiers.flat(0.0))
FEE = 1 / 128


def held(*positions, wallet=100.0, orders=(), **convention):
    """Return an account at a venue where equality is safe."""
    return Account.of(positions, wallet=wallet, orders=orders, convention=Convention(at_equality=False, **convention))


def empty(contract=BTC, mode="cross", wallet=100.0, price=128.0, **terms):
    """Return an account with one place for a position."""
    convention = Convention(at_equality=False)
    return Account(wallet, [contract], [0.0], [price], mode=mode, convention=convention, **terms)


def test_adding_averages_the_entry_and_moves_the_liquidation_price():
    account = held(Position(BTC, 1, 96, leverage=8))
    found = what_if(account, Order(BTC, 3, 128), 112, rules=Rules(trading_fee=FEE))
    assert (found.before.size, found.before.entry, found.before.wallet) == (1, 96, 100)
    assert (found.after.size, found.after.entry, found.after.wallet) == (4, 120, 97)
    # 97 behind 4 from 120: 97 + 4 (p - 120) = p / 4
    assert found.after.liquidation_price == pytest.approx((480 - 97) / 3.75)
    assert np.isnan(found.before.liquidation_price)
    # Both where the order is filled, at 128: a notional of 512 behind which there are 97 + 32, of which 64 are tied up.
    assert (found.before.effective_leverage, found.after.effective_leverage) == (128 / 132, 512 / 129)
    assert (found.before.free_margin, found.after.free_margin) == (132 - 16, 129 - 64)
    assert (found.before.margin_ratio, found.after.margin_ratio) == (8 / 132, 32 / 129)
    assert found.after.fall == pytest.approx(found.after.liquidation_price / 128 - 1)
    assert np.isnan(found.after.rise)
    assert found.refusals == ()
    assert found.marks.tolist() == [128]


def test_an_inverse_average_is_that_of_the_coins():
    account = held(Position(COIN, 96, 96))
    assert what_if(account, Order(COIN, 96, 48), 96).after.entry == 192 / 3


def test_what_is_closed_of_an_isolated_position_gives_back_its_share_of_the_margin():
    account = held(Position(BTC, 4, 96, mode="isolated", margin=64))
    found = what_if(account, Order(BTC, -3, 128, mode="isolated"), 96, rules=Rules(trading_fee=FEE))
    assert (found.after.size, found.after.entry, found.after.margin) == (1, 96, 16)
    assert found.after.wallet == 100 + 48 + 96 - 3
    # No more stands behind what is left, so that it is lost where it was.
    assert found.after.liquidation_price == pytest.approx(found.before.liquidation_price)


def test_an_order_may_go_through_zero_with_a_leverage_of_its_own():
    account = held(Position(BTC, 1, 96, mode="isolated", margin=16, leverage=8))
    found = what_if(account, Order(BTC, -3, 128, mode="isolated", leverage=4), 96)
    assert (found.after.size, found.after.entry, found.after.margin, found.after.wallet) == (-2, 128, 64, 100 + 48 - 64)


def test_a_position_that_is_closed_has_no_price_any_more():
    found = what_if(held(Position(BTC, 1, 96)), Order(BTC, -1, 128), 96)
    assert (found.after.size, found.after.wallet, found.after.free_margin) == (0, 132, 132)
    assert np.isnan([found.after.liquidation_price, found.after.fall, found.after.rise]).all()


def test_an_open_order_ties_up_nothing_more_once_it_is_filled():
    bid = Order(BTC, 1, 64, leverage=4)
    found = what_if(held(Position(BTC, 1, 128, leverage=8), orders=[bid, bid]), bid, 128)
    assert found.account.orders == (bid,)
    # 100 less 64 of losses; 8 for the position, and 16 for each bid. Then 8 more for a second one at the old setting.
    assert (found.before.free_margin, found.after.free_margin) == (36 - 8 - 32, 36 - 32 - 16)


def test_a_contract_that_is_not_held_gets_a_place():
    eth = replace(BTC, symbol="ETH")
    found = what_if(held(Position(BTC, 1, 128, leverage=8)), Order(eth, -2, 64, mode="isolated", leverage=4), 128)
    assert (found.position, found.account.mode, found.marks.tolist()) == (1, ("cross", "isolated"), [128, 64])
    assert (found.before.size, found.after.size, found.after.margin, found.after.wallet) == (0, -2, 32, 68)
    assert np.isnan(found.before.liquidation_price)


def test_where_both_sides_are_held_an_order_adds_to_its_own_and_reduces_the_other():
    account = held(Position(BTC, 2, 128, leverage=8), Position(BTC, -1, 128, leverage=8))
    for order, row, size in (
        (Order(BTC, 1, 128), 0, 3),
        (Order(BTC, -1, 128), 1, -2),
        (Order(BTC, -1, 128, reduce_only=True), 0, 1),
        (Order(BTC, 5, 128, reduce_only=True), 1, 0),
    ):
        found = what_if(account, order, [128, 128])
        assert (found.position, found.after.size) == (row, size)
    assert what_if(account, Order(BTC, -1, 128), [128, 128], position=0).after.size == 1
    place = replace(account, size=[2, 0])
    assert what_if(place, Order(BTC, -1, 128), [128, 128]).position == 1


def test_the_venue_s_refusals_are_told_and_what_would_have_been():
    tight = held(Position(BTC, 1, 128, leverage=8), wallet=20)
    found = what_if(tight, Order(BTC, 1, 128), 128)
    assert found.refusals == ("wallet must cover the margins and the fee (32.00), not 20.00",)
    assert found.after.size == 2
    large = what_if(empty(STEPS, wallet=2_000), Order(STEPS, 9, 128, leverage=16), 128)
    assert [one.split()[0] for one in large.refusals] == ["size", "leverage"]
    lost = held(Position(BTC, 1, 128, mode="isolated", margin=31))
    assert what_if(lost, Order(BTC, -1, 96, mode="isolated"), 128).refusals == (
        "position must have behind it what closing costs: its loss and the fee",
    )
    charged = empty(mode="isolated")
    charged = replace(charged, convention=Convention(closing_fee=0.125, closing_fee_at="liquidation"))
    at_once = what_if(charged, Order(BTC, 1, 64, mode="isolated", leverage=8), 64)
    assert at_once.refusals == ("position is liquidated at once: equity 8.00, required 12.00",)
    untold = what_if(empty(FREE, mode="isolated"), Order(FREE, 1, 64, mode="isolated"), 64)
    assert untold.refusals[0] == "margin must be given, or the leverage, where the brackets set no limit"


def test_each_rung_of_a_ladder_lowers_the_average():
    account = held(Position(BTC, 1, 128, leverage=8), wallet=200)
    fills = ladder(account, [Order(BTC, 1, 64), Order(BTC, 2, 32)], 128)
    assert [(one.after.size, one.after.entry, one.after.wallet) for one in fills] == [(2, 96, 200), (4, 64, 200)]
    # 200 + n (p - E) = n p / 16
    assert [one.after.liquidation_price for one in fills][1] == pytest.approx((256 - 200) / 3.75)
    assert [one.marks.tolist() for one in fills] == [[64], [32]]


def test_a_rung_that_the_venue_refuses_is_not_filled():
    eth = replace(BTC, symbol="ETH")
    orders = [Order(eth, 1_000, 32, leverage=8), Order(BTC, 100, 64), Order(BTC, 1, 32)]
    fills = ladder(held(Position(BTC, 1, 128, leverage=8), wallet=200), orders, 128)
    assert [bool(one.refusals) for one in fills] == [True, True, False]
    assert (fills[-1].before.size, fills[-1].after.size, fills[-1].after.entry) == (1, 2, 80)


def test_the_largest_size_is_bound_by_the_wallet_the_fee_the_bracket_and_the_cap():
    def largest(account, price=128.0, leverage=8.0, side="long", **terms):
        return largest_size(account, price, position=0, side=side, leverage=leverage, **terms)

    assert largest(empty()) == pytest.approx(100 * 8 / 128)
    assert largest(empty(), side="short") == pytest.approx(-100 * 8 / 128)
    # An eighth and a 128th of the notional
    assert largest(empty(), rules=Rules(trading_fee=FEE)) == pytest.approx(100 / (17 / 128) / 128)
    assert largest(empty(mode="isolated")) == pytest.approx(100 * 8 / 128)
    # At 16x no more than 512, at 8x no more than 1,024, however much there is.
    assert largest(empty(STEPS, wallet=1e6), leverage=16.0) == pytest.approx(4)
    assert largest(empty(STEPS, wallet=1e6)) == pytest.approx(8)
    assert largest(empty(STEPS, wallet=33), leverage=np.inf) == pytest.approx(4)
    assert largest(held(Position(STEPS, 3, 128, leverage=16), wallet=1e6), leverage=None) == pytest.approx(1)
    # What is tied up by a bid is not there.
    bid = Order(BTC, 1, 64, leverage=4)
    assert largest(empty(orders=[bid])) == pytest.approx(84 * 8 / 128)
    # A margin of one's own has to be there and to cover the maintenance margin.
    assert largest(empty(mode="isolated"), leverage=1.0, margin=100) == pytest.approx(100 * 16 / 128)


def test_a_hedge_may_need_a_least_size_and_still_have_a_largest():
    account = held(
        Position(BTC, 4, 128, leverage=8), Position(replace(BTC, symbol="ETH"), 1, 64, leverage=8), charged="net"
    )
    account = replace(account, wallet=60, size=[4, 1, 0], entry=[128, 64, 128], margin=0.0,
                      contracts=[*account.contracts, BTC], mode="cross", leverage=8.0)  # fmt: skip
    # 8 for ETH; 60 less that carry a net of 3.25 either way, so that the short may be 7.25.
    assert largest_size(account, [128, 64, 128], position=2, side="short") == pytest.approx(-7.25)
    # At 104 the long has lost 96: nothing can be added, and a hedge is as good as nothing while it is small.
    assert largest_size(replace(account, wallet=110), [104, 64, 104], position=2, side="short") < -4


MIXED = held(Position(BTC, 1, 128, leverage=8), Position(BTC, 1, 128, mode="isolated", margin=16))
HEDGED = held(Position(BTC, 1, 128, leverage=8), Position(BTC, -1, 128, leverage=8))
ORDER = Order(BTC, 1, 128)


def largest_of(account, price=128, **terms):
    """Ask for the largest size of the first place."""
    return largest_size(account, price, **{"position": 0, "side": "long", "leverage": 8, **terms})


REFUSED = {
    "an order in words": (lambda: what_if(MIXED, "buy 1", [128, 128]), "order", "buy 1"),
    "an account of another kind": (lambda: what_if(None, ORDER, 128), "account", "None"),
    "several accounts": (lambda: what_if(replace(MIXED, wallet=[1, 2]), ORDER, [128, 128]), "account", "(2,)"),
    "a position in another mode": (lambda: what_if(MIXED, ORDER, [128, 128], position=1), "position", "1"),
    "a position that is not there": (lambda: what_if(MIXED, ORDER, [128, 128], position=2), "position", "2"),
    "no whole position": (lambda: what_if(MIXED, ORDER, [128, 128], position=0.0), "position", "0.0"),
    "a path of marks": (lambda: what_if(MIXED, ORDER, [[128, 128], [96, 96]]), "marks", "(2, 2)"),
    "marks of others": (lambda: what_if(MIXED, ORDER, [128]), "marks", "(1,)"),
    "nothing to reduce": (
        lambda: what_if(MIXED, replace(ORDER, reduce_only=True), [128, 128]),
        "order",
        "not 1 held and 1 ordered",
    ),
    "one of two on a side": (
        lambda: what_if(replace(HEDGED, size=[1, 1]), ORDER, [128, 128]),
        "position",
        "None",
    ),
    "rules in words": (lambda: what_if(MIXED, ORDER, [128, 128], rules="okx"), "rules", "okx"),
    "coins among dollars": (lambda: what_if(MIXED, Order(COIN, 1, 128), [128, 128]), "contracts", "inverse"),
    "no setting and no limit": (lambda: what_if(MIXED, Order(FREE, 1, 128), [128, 128]), "leverage", "limit"),
    "no orders": (lambda: ladder(MIXED, [], [128, 128]), "orders", "[]"),
    "an order without a ladder": (lambda: ladder(MIXED, ORDER, [128, 128]), "orders", "Order("),
    "a rung in words": (lambda: ladder(MIXED, ["buy 1"], [128, 128]), "orders", "buy 1"),
    "a side that is none": (lambda: largest_of(empty(), side="up"), "side", "up"),
    "the other side": (lambda: largest_of(HEDGED, [128, 128], side="short"), "side", "short"),
    "no leverage at all": (lambda: largest_of(empty(), leverage=0), "leverage", "0"),
    "a leverage above the limit": (lambda: largest_of(empty(), leverage=16), "leverage", "16"),
    "a margin in cross": (lambda: largest_of(empty(), margin=10), "margin", "10"),
    "a margin of nothing": (lambda: largest_of(empty(mode="isolated"), margin=0), "margin", "0"),
    "nothing in the wallet": (lambda: largest_of(empty(wallet=0)), "wallet", "0.00"),
    "a position that is full": (
        lambda: largest_of(held(Position(STEPS, 8, 128, leverage=8), wallet=1e6), leverage=8),
        "size",
        "1,024",
    ),
    "a size without end": (lambda: largest_of(empty(FREE, mode="isolated"), margin=10), "leverage", "end"),
    "no place": (lambda: largest_of(empty(), position=1), "position", "1"),
    "a price of nothing": (lambda: largest_of(empty(), 0), "marks", "0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_by_name(case):
    call, argument, shown = REFUSED[case]
    assert_refused_by_name(call, argument, shown)


def largest_or_none(account, marks, position):
    """Return the largest size that can be added to a position on its side, 0 where none can or nobody knows."""
    side = "long" if account.size[position] > 0 else "short"
    try:
        return largest_size(account, marks, position=position, side=side)
    except ArgumentError:
        return 0.0


@pytest.mark.long
@examples(0.5)
@given(settings_of())
def test_what_can_be_added_to_all_positions_is_what_can_be_added_to_each(drawn):
    account, marks, _ = drawn
    each = [largest_or_none(account, marks, position) for position in range(len(marks))]
    assert largest_additions(account, marks).tolist() == each


def test_a_place_of_which_nothing_tells_what_it_ties_up_leaves_the_others_their_answers():
    btc = Contract("BTC", Tiers.flat(0.01, max_leverage=50))
    eth = Contract("ETH", Tiers.flat(0.01))
    account = Account(1_000, [btc, btc, eth], [1, 0, 0], [100, 100, 10], ["cross", "isolated", "cross"])
    # 1,000, of which the long ties up 2, at 50x; beside it a short ties up 2 as well.
    added = largest_additions(account, [100, 100, 10])
    assert added.tolist() == [largest_or_none(account, [100, 100, 10], position) for position in range(3)]
    assert added == pytest.approx([499, -499, 0])
    # Once the last one is held, nobody knows what is left for the others.
    assert largest_additions(replace(account, size=[1, 0, 1]), [100, 100, 10]).tolist() == [0, 0, 0]
