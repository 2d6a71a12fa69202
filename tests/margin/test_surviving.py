"""What it takes to last up to a price: each answer, put back, makes the plain question give what was asked."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import (
    Account,
    ArgumentError,
    Close,
    Contract,
    Convention,
    Growth,
    Position,
    Rules,
    Tiers,
    liquidation_move,
    margin_to_survive,
    simulate,
    size_for_liquidation_price,
    size_to_close,
)

from .. import oracle
from ..refusals import assert_refused_by_name
from ..strategies import (
    accounts,
    continuous_tables,
    contract_counting_tables,
    conventions,
    growing_tables,
    hedged_accounts,
    smooth_tables,
)

no_fee_at_bankruptcy = conventions(closing_fee_at=["none", "liquidation", "margin"])
single_legs = accounts(tables=smooth_tables | growing_tables(), conventions=no_fee_at_bankruptcy)
any_accounts = accounts() | hedged_accounts() | accounts(tables=growing_tables())


def with_more(account, position, more):
    """Return the account with money added behind a position."""
    if account.isolated[position]:
        margin = account.margin.copy()
        margin[position] += more
        return replace(account, margin=margin)
    return replace(account, wallet=account.wallet + more)


def spare_at(account, marks, there, position):
    """Return what a position has to spare at other marks, its maintenance frozen where the venue freezes it."""
    frozen = account.convention.maintenance_at == "mark"
    need = account.maintenance_margin(marks if frozen else there) + account.closing_fee(there)
    return (account.position_equity(there) - account.pooled(need))[..., position]


def on_the_way(marks, account, position, price=None, move=None, steps=200):
    """Return marks on the way to a price or a move (steps, n)."""
    end = np.array(marks) * (1 + (move or 0))
    if price is not None:
        end = np.array(marks)
        end[account.rows_of[account.contracts[position]]] = price
    t = np.linspace(0, 1, steps)[:, None]
    return marks * (1 - t) + end * t


def price_toward(account, marks, position, price):
    """Return the liquidation price of a position in the direction of a price."""
    return account.liquidation_price(marks, toward="down" if price < marks[position] else "up")[position]


def losing(account, marks, position, factor):
    """Return a price as far from the mark, on the side on which the position loses."""
    return marks[position] * (factor if account.size[position] > 0 else 1 / factor)


@given(any_accounts, st.data(), st.floats(0.2, 4))
def test_with_what_is_lacking_a_position_lasts_just_up_to_there(held, data, factor):
    account, marks = held
    position = data.draw(st.integers(0, len(marks) - 1))
    price = marks[position] * factor
    more = margin_to_survive(account, marks, position=position, price=price)
    scale = held.scale + abs(more) + account.notional(on_the_way(marks, account, position, price=price)).sum(-1).max()
    course = on_the_way(marks, account, position, price=price)
    spare = spare_at(with_more(account, position, more), marks, course, position)
    assert spare.min() >= -1e-9 * scale
    # Where it jumps, the worst place lies between the steps; there and nowhere else it could be less.
    less = spare_at(with_more(account, position, more - 1e-6 * scale), marks, course, position)
    jumps = any(not contract.tiers.without_jumps for contract in account.contracts)
    assert (less < 0).any() or jumps or account.convention.brackets_count != "leg" or len(account.rows_of) < len(marks)


@given(single_legs, st.data(), st.floats(0.2, 0.99))
def test_the_margin_to_survive_puts_the_liquidation_price_there(held, data, factor):
    account, marks = held
    position = data.draw(st.integers(0, len(marks) - 1))
    price = losing(account, marks, position, factor)
    more = margin_to_survive(account, marks, position=position, price=price)
    there = price_toward(with_more(account, position, more), marks, position, price)
    assert account.notional(marks * there / marks[position])[position] == pytest.approx(
        account.notional(marks * price / marks[position])[position], rel=1e-9, abs=1e-9 * held.scale
    )


@given(
    accounts(tables=smooth_tables, conventions=conventions(["liquidation", "entry"])), st.data(), st.floats(-0.8, 1.5)
)
def test_the_margin_to_survive_a_move_makes_it_the_common_move(held, data, move):
    account, marks = held
    position = data.draw(st.integers(0, len(marks) - 1))
    more = margin_to_survive(account, marks, position=position, move=move)
    after = with_more(account, position, more + 1e-12 * held.scale)
    found = liquidation_move(after, marks, toward="down" if move < 0 else "up")[position]
    course = on_the_way(marks, account, position, move=move)
    scale = held.scale + abs(more) + account.notional(course).sum(-1).max()
    spare = spare_at(after, marks, course, position)
    assert spare.min() >= -1e-9 * scale
    # A pool may be worst on the way, and one that is not worse at the end may last beyond it.
    reached = spare_at(after, marks, marks * (1 + found), position) if np.isfinite(found) else spare[-1]
    assert np.isnan(found) or abs(reached) <= 1e-9 * scale
    if spare[-1] <= 1e-9 * scale < spare[:-1].min() and np.isfinite(found):
        assert found == pytest.approx(move, rel=1e-6, abs=1e-9)


@given(any_accounts, st.data(), st.floats(0.3, 3), st.sampled_from([0.0, 0.0006]))
def test_with_so_much_closed_the_rest_lasts_up_to_there(held, data, factor, fee):
    account, marks = held
    position = data.draw(st.integers(0, len(marks) - 1))
    price = marks[position] * factor
    try:
        size = size_to_close(account, marks, position=position, price=price, rules=Rules(trading_fee=fee))
    except ArgumentError:
        return
    held_size = account.size[position]
    assert size * held_size <= 0
    assert abs(size) <= abs(held_size)
    course = on_the_way(marks, account, position, price=price)
    scale = held.scale + account.notional(course).sum(-1).max()

    def spare(share):
        gone = np.where(np.arange(len(marks)) == position, share, 0.0)
        freed = (gone * (account.unrealized_pnl(marks) + account.margin - fee * account.notional(marks))).sum()
        after = replace(
            account, size=account.size * (1 - gone), margin=account.margin * (1 - gone), wallet=account.wallet + freed
        )
        return spare_at(after, marks, course, position).min()

    share = abs(size / held_size)
    assert spare(share) >= -1e-9 * scale
    if share > 1e-4:
        assert spare(share * (1 - 1e-4)) < 1e-9 * scale


@given(
    accounts(tables=continuous_tables() | contract_counting_tables(), conventions=no_fee_at_bankruptcy),
    st.data(),
    st.floats(0.2, 0.999),
)
def test_at_this_size_the_liquidation_price_is_exactly_there(held, data, factor):
    account, marks = held
    position = data.draw(st.integers(0, len(marks) - 1))
    price = losing(account, marks, position, factor)
    try:
        size = size_for_liquidation_price(account, marks, position=position, price=price)
    except ArgumentError:
        return
    sizes = account.size.copy()
    sizes[position] = size
    assert np.sign(size) == np.sign(account.size[position])
    assert price_toward(replace(account, size=sizes), marks, position, price) == pytest.approx(price, rel=1e-9)


# In exact fractions, by the oracle


def exact_need(account, i, price):
    """Return what an isolated position must hold to be worth its requirement at a price, as a fraction."""
    contract, size, entry = account.contracts[i], account.size[i], account.entry[i]
    at = entry if account.convention.maintenance_at == "entry" else price
    fee = Fraction(account.convention.fee_at("liquidation")) * oracle.notional(contract, size, price)
    return oracle.maintenance(contract, size, at) + fee - oracle.pnl(contract, size, entry, price)


@given(
    accounts(
        tables=smooth_tables,
        modes=["isolated"],
        conventions=conventions(["liquidation", "entry"], ["none", "liquidation", "margin"]),
    ),
    st.floats(0.2, 0.99),
)
def test_the_margin_to_survive_is_what_the_oracle_finds_lacking(held, factor):
    account, marks = held
    for i in range(len(marks)):
        price = losing(account, marks, i, factor)
        lacking = exact_need(account, i, price) - Fraction(account.margin[i])
        more = margin_to_survive(account, marks, position=i, price=price)
        assert float(Fraction(more) - lacking) == pytest.approx(0, abs=1e-12 * (held.scale + abs(float(lacking))))


@given(
    accounts(
        tables=continuous_tables(),
        modes=["isolated"],
        conventions=conventions(["liquidation"], ["none", "liquidation"]),
    ),
    st.floats(0.2, 0.99),
)
def test_the_size_for_a_liquidation_price_is_one_to_which_the_oracle_gives_that_price(held, factor):
    account, marks = held
    for i in range(len(marks)):
        price = losing(account, marks, i, factor)
        backing = Fraction(account.margin[i])
        if backing <= 0 or (account.entry[i] - price) * account.size[i] <= 0:
            continue
        size = size_for_liquidation_price(account, marks, position=i, price=price)
        found = oracle.liquidation_price(
            account.contracts[i], size, account.entry[i], backing, marks[i], account.convention
        )
        assert float(found) == pytest.approx(price, rel=1e-9)


@given(accounts() | hedged_accounts(), st.data(), st.floats(0.5, 1.6), st.sampled_from([0.0, 0.0006]))
def test_the_engine_lets_the_rest_live_up_to_there_once_so_much_is_closed(held, data, factor, fee):
    account, marks = held
    position = data.draw(st.integers(0, len(marks) - 1))
    rules = Rules(trading_fee=fee)
    try:
        size = size_to_close(account, marks, position=position, price=marks[position] * factor, rules=rules)
    except ArgumentError:
        return
    share = min(abs(size / account.size[position]) * (1 + 1e-9) + 1e-9, 1.0)
    course = on_the_way(marks, account, position, price=marks[position] * (1 + (factor - 1) * (1 - 1e-6)), steps=20)
    # A maintenance margin that is frozen at the mark is, in the engine, frozen at that of every step anew.
    assume(account.convention.maintenance_at != "mark")
    # Nor does it decide what becomes of what is just as much as is needed.
    hair = 1e-9 * held.scale
    more = replace(account, wallet=account.wallet + hair, margin=account.margin + np.where(account.isolated, hair, 0.0))
    outcome = simulate(more, course, rules=rules, actions=[Close(step=0, position=position, share=share)])
    assert outcome.liquidated[position] < 0


# By hand

BTC = Contract("BTC", Tiers.flat(0.0625))
STEPS = Contract("STEPS", Tiers([0, 512], [0.0625, 0.125], 0))


def isolated(size, entry, margin, contract=BTC):
    """Return an isolated position."""
    return Position(contract, size, entry, mode="isolated", margin=margin)


def test_what_an_isolated_long_lacks_is_its_loss_and_its_maintenance_margin():
    account = Account.of([isolated(2, 128, 64)])
    # At 96 it has lost 64 and must hold 12; at 112 it has lost 32 and must hold 14.
    assert margin_to_survive(account, 128, position=0, price=[96, 112, 128]).tolist() == [12, -18, -48]
    assert margin_to_survive(account, 128, position=0, move=[-0.25, -0.125]).tolist() == [12, -18]
    # One mark after another, and what a rise takes of a long, which is nothing beyond what it must hold now.
    assert margin_to_survive(account, [[128], [112]], position=0, price=96).tolist() == [12, 12]
    assert margin_to_survive(account, 128, position=0, price=160) == -48


def test_in_cross_the_whole_pool_is_carried_through_a_common_move():
    account = Account.of([Position(BTC, 2, 128), Position(replace(BTC, symbol="ETH"), 1, 64)], wallet=100)
    # Alone BTC loses 64 at 96 and 12 + 4 must be held; with ETH 80 and 12 + 3.
    assert margin_to_survive(account, [128, 64], position=0, price=96) == -20
    assert margin_to_survive(account, [128, 64], position=1, move=-0.25) == -5
    assert margin_to_survive(account, [128, 64], position=0, move=-0.25) == -5


def test_a_bracket_on_the_way_may_be_the_worst_place():
    # 4 from 160, at 160: 640 and a rate of an eighth down to 512, where a sixteenth is enough.
    account = Account.of([isolated(4, 160, 0, contract=STEPS)])
    # At 128 it has lost 128 and must hold 64 just before; at 124 it has lost 144 and must hold 31.
    assert margin_to_survive(account, 160, position=0, price=124) == pytest.approx(128 + 64)
    assert margin_to_survive(account, 160, position=0, price=112) == pytest.approx(192 + 28)


def test_closing_turns_a_part_of_a_cross_position_into_cash():
    account = Account.of([Position(BTC, 4, 128)], wallet=140)
    # At 96 what is left, x, has lost 32 x and must hold 6 x: 140 = 38 x
    assert size_to_close(account, 128, position=0, price=96) == pytest.approx(140 / 38 - 4)
    # Closing at a profit of 32, and a fee of one a unit: 140 + (4 - x) 31 = 38 x - 32 x
    later = size_to_close(account, 160, position=0, price=[128, 96], rules=Rules(trading_fee=1 / 160))
    assert later == pytest.approx([0, (140 + 4 * 31) / (31 + 38) - 4])
    assert size_to_close(account, 128, position=0, move=[-0.25, -0.125]) == pytest.approx([140 / 38 - 4, 0])


def test_closing_a_part_of_an_isolated_position_helps_by_a_lower_bracket_only():
    flat = Account.of([isolated(4, 128, 100)])
    with pytest.raises(ArgumentError, match="no more margin for its size"):
        size_to_close(flat, 128, position=0, price=96)
    # 8 from 128 with 320 behind them: at p each has p - 88 left, and must hold p / 8 above 512, p / 16 up to there.
    # So it has to be in the lower bracket before p is 88 / (7 / 8).
    stepped = Account.of([isolated(8, 128, 320, contract=STEPS)])
    assert size_to_close(stepped, 128, position=0, price=96) == pytest.approx(512 / (88 / 0.875) - 8)


def test_a_hedge_may_have_to_be_kept():
    account = Account.of([Position(BTC, 4, 128), Position(BTC, -4, 128)], wallet=80)
    # Both together lose nothing; without the short the long would, whatever else is closed of it.
    assert size_to_close(account, [128, 128], position=1, price=96) == 0
    with pytest.raises(ArgumentError, match="rest of the pool"):
        size_to_close(replace(account, size=[4, -2]), [128, 128], position=1, price=80)


def test_half_the_size_is_lost_twice_as_far_away():
    account = Account.of([isolated(4, 128, 100)])
    # 100 = 32 x + 6 x at 96, and 100 = 64 x + 4 x at 64
    sizes = size_for_liquidation_price(account, 128, position=0, price=[96, 64])
    assert sizes == pytest.approx([100 / 38, 100 / 68])
    short = Account.of([Position(BTC, -1, 128)], wallet=100)
    assert size_for_liquidation_price(short, 128, position=0, price=160) == pytest.approx(-100 / 42)


def test_where_brackets_jump_no_size_may_be_liquidated_exactly_there():
    account = Account.of([isolated(1, 128, 240, contract=STEPS)])
    # At 96 up to 512 / 96 units need 38 each, 203 in all, and above 44 each, 235 at least: 240 is reached at 5.45.
    assert size_for_liquidation_price(account, 128, position=0, price=96) == pytest.approx(240 / 44)
    between = replace(account, margin=[220])
    with pytest.raises(ArgumentError, match=r"sizes above 5\.\d+ skip it"):
        size_for_liquidation_price(between, 128, position=0, price=96)


def test_a_rate_that_grows_is_met_exactly_too():
    growing = Contract("BTC", Tiers.flat(0.0625, growth=Growth(2.0**-12)))
    account = Account.of([isolated(1, 128, 100, contract=growing)])
    size = size_for_liquidation_price(account, 128, position=0, price=96)
    # 100 = 38 x + 96 x times 96 x / 4096
    assert 38 * size + (96 * size) ** 2 / 4096 == pytest.approx(100)
    pool = Account.of([Position(growing, 4, 128)], wallet=100)
    left = 4 + size_to_close(pool, 128, position=0, price=96)
    assert left == pytest.approx(size)


def test_a_fee_at_bankruptcy_grows_and_shrinks_with_what_is_added():
    convention = Convention(closing_fee=1 / 128, closing_fee_at="bankruptcy")
    for size, price in ((1, 96), (-1, 160)):
        account = Account.of([isolated(size, 128, 10)], convention=convention)
        more = margin_to_survive(account, 128, position=0, price=[price, 128])
        for one, there in zip(more, (price, 128), strict=True):
            after = replace(account, margin=[10 + one])
            assert after.liquidation_price(128)[0] == pytest.approx(there)


@pytest.mark.parametrize(("count", "fee"), [(4, 0.4375), (5, 0.25)])
def test_shorts_whose_fees_take_all_that_is_added_can_never_be_saved(count, fee):
    names = [f"COIN{i}" for i in range(count)]
    convention = Convention(closing_fee=fee, closing_fee_at="bankruptcy")
    shorts = [Position(replace(BTC, symbol=name), -1, 128) for name in names]
    account = Account.of(shorts, wallet=10, convention=convention)
    with pytest.raises(ArgumentError, match="closing_fee must leave"):
        margin_to_survive(account, [128] * count, position=0, price=160)


LONG, POOL = Account.of([isolated(1, 128, 24)]), Account.of([Position(BTC, 1, 128)], wallet=50)
EMPTY, TWO = replace(POOL, size=[0.0]), replace(POOL, wallet=[1, 2])
QUESTIONS = {"margin": margin_to_survive, "close": size_to_close, "size": size_for_liquidation_price}
SENSELESS = {
    "an account of another kind": ((None, 128), {}, "account", "None"),
    "several accounts": ((TWO, 128), {}, "account", "(2,)"),
    "a position that is not there": ((LONG, 128), {"position": 1}, "position", "1"),
    "a negative position": ((LONG, 128), {"position": -1}, "position", "-1"),
    "half a position": ((LONG, 128), {"position": 0.5}, "position", "0.5"),
    "an empty place": ((EMPTY, 128), {}, "position", "0"),
    "marks of others": ((LONG, [128, 96]), {}, "marks", "(2,)"),
    "a mark of nothing": ((LONG, 0), {}, "marks", "0"),
    "a price of nothing": ((LONG, 128), {"price": 0}, "price", "0"),
    "a price in words": ((LONG, 128), {"price": "low"}, "price", "low"),
    "a price without end": ((LONG, 128), {"price": [96, np.inf]}, "price", "inf"),
}
OF_MOVES = {
    "neither a price nor a move": ({}, "price", "None"),
    "both a price and a move": ({"price": 96, "move": -0.5}, "price", "-0.5"),
    "a move to nothing": ({"move": -1}, "move", "-1"),
    "a move without end": ({"move": np.inf}, "move", "inf"),
}
REFUSED = {
    **{
        f"{question}: {case}": (lambda ask=ask, a=a, k=k: ask(*a, **{"position": 0, "price": 96, **k}), name, shown)
        for question, ask in QUESTIONS.items()
        for case, (a, k, name, shown) in SENSELESS.items()
    },
    **{
        f"{question}: {case}": (lambda ask=QUESTIONS[question], k=k: ask(LONG, 128, position=0, **k), name, shown)
        for question in ("margin", "close")
        for case, (k, name, shown) in OF_MOVES.items()
    },
    "closing: a path of marks": (lambda: size_to_close(LONG, [[128], [96]], position=0, price=64), "marks", "(2, 1)"),
    "size: a path of marks": (
        lambda: size_for_liquidation_price(LONG, [[128], [96]], position=0, price=64),
        "marks",
        "(2, 1)",
    ),
    "margin: prices for other marks": (
        lambda: margin_to_survive(LONG, [[128], [96]], position=0, price=[64, 65, 66]),
        "shapes",
        "(3,)",
    ),
    "margin: moves for other marks": (
        lambda: margin_to_survive(LONG, [[128], [96]], position=0, move=[-0.1, -0.2, -0.3]),
        "shapes",
        "(3,)",
    ),
    "closing: rules in words": (
        lambda: size_to_close(LONG, 128, position=0, price=96, rules="binance"),
        "rules",
        "binance",
    ),
    "closing: what cannot pay for it": (
        lambda: size_to_close(replace(LONG, margin=[32.5]), 96, position=0, price=90, rules=Rules(trading_fee=0.01)),
        "position",
        "the fee",
    ),
    "closing: what does not help": (lambda: size_to_close(LONG, 128, position=0, price=96), "price", "no more margin"),
    "closing: what does not help in a move": (
        lambda: size_to_close(LONG, 128, position=0, move=-0.5),
        "move",
        "no more margin",
    ),
    "size: a price at which it wins": (
        lambda: size_for_liquidation_price(LONG, 128, position=0, price=160),
        "price",
        "160",
    ),
    "size: nothing behind it": (
        lambda: size_for_liquidation_price(replace(LONG, margin=[-1]), 128, position=0, price=96),
        "price",
        "96",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_by_name(case):
    call, argument, shown = REFUSED[case]
    assert_refused_by_name(call, argument, shown)
