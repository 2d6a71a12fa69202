"""What a trader does on the way: what it comes to, when a venue refuses it, and that nothing remains of it then.

Rates, fees and leverages are powers of two, so that what is worked out by hand is exact.
"""

from __future__ import annotations

import dataclasses
import pickle
from typing import NamedTuple

import numpy as np
import pytest

from marginlab import Account, AddMargin, Close, Contract, Convention, Open, Outcome, Rules, Switch, Tiers, simulate
from marginlab.simulation.actions import Action

NAN, INF = float("nan"), float("inf")
FEE = 0.0078125  # 1 / 128

BTC = Contract("BTC", Tiers.flat(0.0625, max_leverage=8))
TENS = Contract("TENS", Tiers.flat(0.0625, max_leverage=8), multiplier=10)
UNLIMITED = Contract("UNLIMITED", Tiers.flat(0.0625))
COIN = Contract("COIN", Tiers.flat(0.0625, max_leverage=8), kind="inverse")
STEPS = Contract("STEPS", Tiers([0, 512], [0.03125, 0.0625], 0, max_leverage=[16, 8], cap=1_024))
COUNTED = Contract("COUNTED", Tiers([0, 4], [0.03125, 0.0625], 0, max_leverage=[16, 8], cap=8, measured_in="contracts"))


def holding(*legs, contract=BTC, wallet=100.0, leverage=INF, **convention):
    """Return an account of legs (size, entry) in cross or (size, entry, margin) isolated, each in its own market."""
    return Account(
        wallet=wallet,
        contracts=[dataclasses.replace(contract, symbol=contract.symbol + "'" * i) for i in range(len(legs))],
        size=[leg[0] for leg in legs],
        entry=[leg[1] for leg in legs],
        mode=["isolated" if len(leg) > 2 else "cross" for leg in legs],
        margin=[leg[2] if len(leg) > 2 else 0.0 for leg in legs],
        leverage=leverage,
        convention=Convention(at_equality=False, **convention),
    )


def add(amount, position=0, step=0):
    """Return a moving of margin."""
    return AddMargin(step=step, position=position, amount=amount)


def buy(size, step=0, **terms):
    """Return an opening of the first position, or an adding to it."""
    return Open(step=step, position=0, size=size, **terms)


def close(share=1.0, step=0):
    """Return a closing of the first position."""
    return Close(step=step, position=0, share=share)


def switch(mode, position=0, step=0, **terms):
    """Return a change of mode."""
    return Switch(step=step, mode=mode, position=position, **terms)


FLAT, WHOLE = (0, 100), None
ISOLATED, CROSS = "isolated", "cross"


def run(account, *actions, marks=(100.0,), on_refusal="raise", **rules):
    """Return what becomes of an account in one step, at a venue where modes may be switched at any time."""
    rules = Rules(**{"switching": "open", **rules})
    return simulate(account, [list(marks)], rules=rules, actions=actions, on_refusal=on_refusal)


def same(one, other, *, but=()):
    """Check that two outcomes agree in every figure."""
    for name in {field.name for field in dataclasses.fields(Outcome)} - {"ledger", *but}:
        theirs, ours = getattr(one, name), getattr(other, name)
        if theirs is not None:
            np.testing.assert_array_equal(theirs, ours, strict=True, err_msg=name)


# What each action comes to


class Effect(NamedTuple):
    """An action on an account at its marks, how things stand after it, and (kind, size, amount, fee) in the ledger."""

    account: Account
    action: Action
    marks: tuple
    expected: dict
    entry: tuple


EFFECTS = {
    "margin added": Effect(
        holding((1, 100, 20)),
        add(30),
        (100,),
        {"wallet": 70, "margin": [50]},
        ("margin added", 0, 30, 0),
    ),
    "a fraction of margin added": Effect(
        holding((1, 100, 20)),
        add(0.5),
        (100,),
        {"wallet": 99.5, "margin": [20.5]},
        ("margin added", 0, 0.5, 0),
    ),
    "all that the wallet has added": Effect(
        holding((1, 100, 20)),
        add(100),
        (100,),
        {"wallet": 0, "margin": [120]},
        ("margin added", 0, 100, 0),
    ),
    # 50 − 100 / 8
    "margin removed": Effect(
        holding((1, 100, 50)),
        add(-37.5),
        (100,),
        {"wallet": 137.5, "margin": [12.5]},
        ("margin removed", 0, 37.5, 0),
    ),
    # 50 − 4 − 96 / 8
    "margin removed at a loss": Effect(
        holding((1, 100, 50)),
        add(-34),
        (96,),
        {"wallet": 134, "margin": [16]},
        ("margin removed", 0, 34, 0),
    ),
    # 50 − 112 / 8; the profit of 12 does not count.
    "margin removed at a profit": Effect(
        holding((1, 100, 50)),
        add(-36),
        (112,),
        {"wallet": 136, "margin": [14]},
        ("margin removed", 0, 36, 0),
    ),
    # The initial margin is at least the requirement: frozen at entry, 100 / 16 is more than 40 / 8.
    "margin removed down to what is required": Effect(
        holding((-1, 100, 50), maintenance_at="entry"),
        add(-43.75),
        (40,),
        {"wallet": 143.75, "margin": [6.25]},
        ("margin removed", 0, 43.75, 0),
    ),
    # 2 × 100 / 128
    "a long opened in cross": Effect(
        holding(FLAT),
        buy(2),
        (128,),
        {"wallet": 98, "size": [2], "entry": [128], "fees": [2]},
        ("opened", 2, 0, 2),
    ),
    # 100 and 3 × 120 over 4; 360 / 128
    "a short added to in cross": Effect(
        holding((-1, 100)),
        buy(-3),
        (120,),
        {"wallet": 97.1875, "size": [-4], "entry": [115], "fees": [2.8125]},
        ("opened", -3, 0, 2.8125),
    ),
    # 1 coin and 1.5 coins for 400; 1.5 / 128
    "an inverse long added to in cross": Effect(
        holding((100, 100), contract=COIN),
        buy(300),
        (200,),
        {"wallet": 99.98828125, "size": [400], "entry": [160], "fees": [0.01171875]},
        ("opened", 300, 0, 0.01171875),
    ),
    # 10 × 3 × 16 / 128; the fee and 480 / 8 are all that the wallet has.
    "a multiplier counts": Effect(
        holding((0, 1), contract=TENS, wallet=63.75),
        buy(-3),
        (16,),
        {"wallet": 60, "size": [-3], "entry": [16], "fees": [3.75]},
        ("opened", -3, 0, 3.75),
    ),
    # 256 / 8 and 256 / 128
    "isolated at the bracket's limit": Effect(
        holding((0, 100, 0)),
        buy(2),
        (128,),
        {"wallet": 66, "margin": [32], "size": [2], "entry": [128], "fees": [2]},
        ("opened", 2, 32, 2),
    ),
    "isolated at the position's setting": Effect(
        holding((0, 100, 0), leverage=4),
        buy(2),
        (128,),
        {"wallet": 34, "margin": [64], "fees": [2]},
        ("opened", 2, 64, 2),
    ),
    "isolated at a setting of its own": Effect(
        holding((0, 100, 0), leverage=2),
        buy(2, leverage=8),
        (128,),
        {"wallet": 66, "margin": [32], "fees": [2]},
        ("opened", 2, 32, 2),
    ),
    "isolated with a margin of its own": Effect(
        holding((0, 100, 0), leverage=2),
        buy(2, margin=40),
        (128,),
        {"wallet": 58, "margin": [40], "fees": [2]},
        ("opened", 2, 40, 2),
    ),
    "isolated with all that the wallet has": Effect(
        holding((0, 100, 0), wallet=34),
        buy(2),
        (128,),
        {"wallet": 0, "margin": [32], "fees": [2]},
        ("opened", 2, 32, 2),
    ),
    # A sixteenth is required.
    "isolated with no more than is required": Effect(
        holding((0, 100, 0)),
        buy(2, margin=16),
        (128,),
        {"wallet": 82, "margin": [16], "fees": [2]},
        ("opened", 2, 16, 2),
    ),
    # What is new needs 128 / 8 beside the 20 that are there; 96 and 128 over 2.
    "isolated and added to": Effect(
        holding((1, 96, 20)),
        buy(1),
        (128,),
        {"wallet": 83, "margin": [36], "size": [2], "entry": [112], "fees": [1]},
        ("opened", 1, 16, 1),
    ),
    # 1 coin each: 4,800 / 2; 1 / 4 and 1 / 128
    "inverse, isolated and added to": Effect(
        holding((1_600, 1_600, 0.25), contract=COIN, wallet=1.0, leverage=4),
        buy(3_200),
        (3_200,),
        {"wallet": 0.7421875, "margin": [0.5], "size": [4_800], "entry": [2_400], "fees": [0.0078125]},
        ("opened", 3_200, 0.25, 0.0078125),
    ),
    "without a limit, with a leverage": Effect(
        holding((0, 100, 0), contract=UNLIMITED),
        buy(2, leverage=4),
        (128,),
        {"wallet": 34, "margin": [64], "fees": [2]},
        ("opened", 2, 64, 2),
    ),
    "without a limit, with a margin": Effect(
        holding((0, 100, 0), contract=UNLIMITED),
        buy(2, margin=98),
        (128,),
        {"wallet": 0, "margin": [98], "fees": [2]},
        ("opened", 2, 98, 2),
    ),
    # 256 and 256 are at the bound of the first bracket, which still holds: 256 / 16.
    "up to the bound of a bracket": Effect(
        holding((2, 128, 64), contract=STEPS),
        buy(2),
        (128,),
        {"wallet": 82, "margin": [80], "size": [4], "fees": [2]},
        ("opened", 2, 16, 2),
    ),
    # The brackets go by the mark, not by the entry: 3 × 128 and 256 are beyond the bound, 256 / 8.
    "beyond the bound of a bracket": Effect(
        holding((3, 64, 64), contract=STEPS),
        buy(2),
        (128,),
        {"wallet": 66, "margin": [96], "size": [5], "entry": [89.6], "fees": [2]},
        ("opened", 2, 32, 2),
    ),
    "up to the leverage of a bracket": Effect(
        holding((2, 128, 64), contract=STEPS, leverage=4),
        buy(2, leverage=16),
        (128,),
        {"wallet": 82, "margin": [80], "fees": [2]},
        ("opened", 2, 16, 2),
    ),
    # 1,024, at 8x
    "up to the cap": Effect(
        holding((4, 128, 64), contract=STEPS),
        buy(4),
        (128,),
        {"wallet": 32, "margin": [128], "size": [8], "fees": [4]},
        ("opened", 4, 64, 4),
    ),
    # Four contracts are at the bound whatever they are worth: 256 / 16.
    "up to the bound of a bracket in contracts": Effect(
        holding((-2, 128, 64), contract=COUNTED),
        buy(-2),
        (128,),
        {"wallet": 82, "margin": [80], "size": [-4], "fees": [2]},
        ("opened", -2, 16, 2),
    ),
    # Five are beyond it: 192 / 8.
    "beyond the bound of a bracket in contracts": Effect(
        holding((-2, 64, 64), contract=COUNTED),
        buy(-3),
        (64,),
        {"wallet": 74.5, "margin": [88], "size": [-5], "fees": [1.5]},
        ("opened", -3, 24, 1.5),
    ),
    "up to the cap in contracts": Effect(
        holding((4, 16, 64), contract=COUNTED),
        buy(4),
        (16,),
        {"wallet": 91.5, "margin": [72], "size": [8], "fees": [0.5]},
        ("opened", 4, 8, 0.5),
    ),
    # A loss of 32 and 512 / 8 are to be covered, and 256 / 128 paid.
    "cross with all that the wallet has": Effect(
        holding((2, 144), wallet=98),
        buy(2),
        (128,),
        {"wallet": 96, "entry": [136], "fees": [2]},
        ("opened", 2, 0, 2),
    ),
    # Half of 2 × 8, and 136 / 128
    "half of a cross position closed": Effect(
        holding((2, 128)),
        close(0.5),
        (136,),
        {"wallet": 106.9375, "size": [1], "entry": [128], "realized": [8], "fees": [1.0625]},
        ("closed", -1, 8, 1.0625),
    ),
    # −2 × 32, and 320 / 128
    "a cross short closed": Effect(
        holding((-2, 128)),
        close(),
        (160,),
        {"wallet": 33.5, "size": [0], "realized": [-64], "fees": [2.5]},
        ("closed", 2, -64, 2.5),
    ),
    # A quarter of the profit of 64 and of the margin of 40; 320 / 512
    "a quarter of an isolated position closed": Effect(
        holding((2, 128, 40)),
        close(0.25),
        (160,),
        {"wallet": 125.375, "margin": [30], "size": [1.5], "realized": [16], "fees": [0.625]},
        ("closed", -0.5, 16, 0.625),
    ),
    # 40 − 32 − 96 / 128
    "an isolated position closed at a loss": Effect(
        holding((1, 128, 40)),
        close(),
        (96,),
        {"wallet": 107.25, "margin": [0], "size": [0], "realized": [-32], "fees": [0.75]},
        ("closed", -1, -32, 0.75),
    ),
    # 32.75 − 32 − 96 / 128: beyond its requirement, yet it can just pay for itself.
    "an isolated position closed with nothing left": Effect(
        holding((1, 128, 32.75)),
        close(),
        (96,),
        {"wallet": 100, "margin": [0], "size": [0], "realized": [-32], "fees": [0.75]},
        ("closed", -1, -32, 0.75),
    ),
    # Half of 3,200 × (1 / 1,600 − 1 / 3,200), of the margin of 0.5, and 0.5 / 128
    "half of an inverse isolated position closed": Effect(
        holding((3_200, 1_600, 0.5), contract=COIN, wallet=1.0),
        close(0.5),
        (3_200,),
        {"wallet": 1.74609375, "margin": [0.25], "size": [1_600], "realized": [0.5], "fees": [0.00390625]},
        ("closed", -1_600, 0.5, 0.00390625),
    ),
    # 192 / 4
    "made isolated": Effect(
        holding((2, 100), leverage=4),
        switch(ISOLATED),
        (96,),
        {"wallet": 52, "margin": [48], "isolated": [True]},
        ("switched", 0, 48, 0),
    ),
    "made isolated with all that the wallet has": Effect(
        holding((2, 100), leverage=4, wallet=48),
        switch(ISOLATED),
        (96,),
        {"wallet": 0, "margin": [48], "isolated": [True]},
        ("switched", 0, 48, 0),
    ),
    # 192 / 16 and the loss of 8
    "made isolated with no more than is required": Effect(
        holding((2, 100)),
        switch(ISOLATED, margin=20),
        (96,),
        {"wallet": 80, "margin": [20], "isolated": [True]},
        ("switched", 0, 20, 0),
    ),
    # 100 / 16 rather than 40 / 8
    "made isolated with the requirement frozen at entry": Effect(
        holding((-1, 100), maintenance_at="entry"),
        switch(ISOLATED),
        (40,),
        {"wallet": 93.75, "margin": [6.25], "isolated": [True]},
        ("switched", 0, 6.25, 0),
    ),
    "made isolated while nothing is held": Effect(
        holding(FLAT),
        switch(ISOLATED),
        (100,),
        {"isolated": [True]},
        ("switched", 0, 0, 0),
    ),
    "made isolated with a margin while nothing is held": Effect(
        holding(FLAT),
        switch(ISOLATED, margin=500),
        (100,),
        {"isolated": [True]},
        ("switched", 0, 0, 0),
    ),
    "made cross": Effect(
        holding((-2, 100, 50)),
        switch(CROSS),
        (110,),
        {"wallet": 150, "margin": [0], "isolated": [False]},
        ("switched", 0, 50, 0),
    ),
    "made cross while nothing is held": Effect(
        holding((0, 100, 0)),
        switch(CROSS),
        (110,),
        {"isolated": [False]},
        ("switched", 0, 0, 0),
    ),
    # 1 coin of 3,200 at 4x
    "inverse made isolated": Effect(
        holding((3_200, 1_600), contract=COIN, wallet=1.0, leverage=4),
        switch(ISOLATED),
        (3_200,),
        {"wallet": 0.75, "margin": [0.25], "isolated": [True]},
        ("switched", 0, 0.25, 0),
    ),
}


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_an_action_comes_to_what_was_worked_out_by_hand(effect):
    account, (mark,) = effect.account, effect.marks
    outcome = run(account, effect.action, marks=effect.marks, trading_fee=FEE)
    kind, size, amount, fee = effect.entry
    unless_stated = {
        "wallet": account.wallet,
        "margin": account.margin,
        "size": account.size + size,
        "entry": [mark] if kind == "opened" else account.entry,
        "isolated": account.isolated,
        "refused": 0,
        "liquidated": [-1],
        **{name: [0] for name in ("realized", "fees", "funding", "impact")},
    }
    for name, value in {**unless_stated, **effect.expected}.items():
        np.testing.assert_array_equal(getattr(outcome, name), value, err_msg=name)
    (entry,) = outcome.ledger
    assert (entry.kind, entry.size, entry.amount, entry.fee) == (kind, size, amount, fee)
    assert (entry.step, entry.position, entry.symbol, entry.price) == (0, 0, account.contracts[0].symbol, mark)
    assert entry.impact == 0
    before, after = entry.before, entry.after
    assert (before.wallet, before.margin, before.size) == (account.wallet, account.margin[0], account.size[0])
    assert (after.wallet, after.margin, after.size) == (outcome.wallet, outcome.margin[0], outcome.size[0])
    # Nothing but the fee leaves the account.
    assert outcome.equity == account.equity([mark]) - fee


# When a venue refuses


class Refusal(NamedTuple):
    """An action on an account at its marks, by some rules, and why it is refused."""

    account: Account
    action: Action
    reason: str
    marks: tuple = (100,)
    rules: dict | None = None


NOT_OPEN = "the position must be open"
NOT_ISOLATED = "the position must be isolated: in cross the wallet backs it already"
TOO_MUCH = "the amount must be at most what the wallet can spare"
TOO_LITTLE_LEFT = "the margin that is left must cover the initial margin"
OTHER_SIDE = "the size must have the position's sign: close that first"
TOO_LEVERED = "the leverage must be at most "
NO_LEVERAGE = "the margin must be given, or the leverage, where the brackets set no limit"
MARGIN_IN_CROSS = "the margin must be left out in cross mode, where none is set aside"
NOT_SPARED = "the wallet must cover the margins and the fee ("
NOT_COVERED = "the position is liquidated at once: equity "
LOST = "the position must have behind it what closing costs: its loss and the fee"
ONLY_FLAT = WITH_ORDER = "the venue does not switch the mode of an open position: close it first"
ONLY_ACCOUNT = "the venue has one mode for the whole account"
MARGINS_NOT_SPARED = "the margins must be at most what the wallet can spare"

# Beside an isolated position of 20 there is a cross position that needs an eighth and its loss.
BESIDE = holding((1, 100, 20), (1, 100))

REFUSALS = {
    "margin for nothing": Refusal(holding((0, 100, 0)), add(10), NOT_OPEN),
    "margin out of nothing": Refusal(holding((0, 100, 0)), add(-10), NOT_OPEN),
    "margin in cross": Refusal(holding((1, 100)), add(10), NOT_ISOLATED),
    "margin out of cross": Refusal(holding((1, 100)), add(-10), NOT_ISOLATED),
    "more margin than there is": Refusal(holding((1, 100, 20)), add(100.001), TOO_MUCH),
    "a fraction more margin than there is": Refusal(holding((1, 100, 20), wallet=0.25), add(0.5), TOO_MUCH),
    # 100 − 100 / 8
    "more margin than is spared": Refusal(BESIDE, add(87.501), TOO_MUCH, (100, 100)),
    # 100 − 4 − 96 / 8
    "more margin than is spared at a loss": Refusal(BESIDE, add(84.001), TOO_MUCH, (100, 96)),
    # 100 − 104 / 8: the profit of 4 does not count.
    "more margin than is spared at a profit": Refusal(BESIDE, add(87.001), TOO_MUCH, (100, 104)),
    "less margin than the initial": Refusal(holding((1, 100, 50)), add(-37.501), TOO_LITTLE_LEFT),
    "less margin than the initial at a loss": Refusal(holding((1, 100, 50)), add(-34.001), TOO_LITTLE_LEFT, (96,)),
    "less margin than the initial at a profit": Refusal(holding((1, 100, 50)), add(-36.001), TOO_LITTLE_LEFT, (112,)),
    "less margin than the initial at the setting": Refusal(
        holding((1, 100, 50), leverage=4), add(-25.001), TOO_LITTLE_LEFT
    ),
    "a short added to a long": Refusal(holding((1, 100)), buy(-0.5), OTHER_SIDE),
    "a long added to a short": Refusal(holding((-1, 100, 20)), buy(2), OTHER_SIDE),
    "beyond the cap": Refusal(
        holding((4, 128, 64), contract=STEPS), buy(4.001), "the size must be at most 1,024 notional, not ", (128,)
    ),
    # 4 × 192 from 128, and 384
    "beyond the cap at the mark": Refusal(
        holding((4, 128, 64), contract=STEPS), buy(2), "the size must be at most 1,024 notional, not ", (192,)
    ),
    "beyond the cap in contracts": Refusal(
        holding((-4, 16, 64), contract=COUNTED), buy(-4.001), "the size must be at most 8 contracts, not 8.001", (16,)
    ),
    "leverage beyond the limit": Refusal(holding((0, 100, 0)), buy(1, leverage=8.001), TOO_LEVERED),
    "leverage beyond the limit in cross": Refusal(holding(FLAT), buy(1, leverage=8.001), TOO_LEVERED),
    "leverage beyond the limit of the next bracket": Refusal(
        holding((2, 128, 64), contract=STEPS), buy(2.001, leverage=16), TOO_LEVERED, (128,)
    ),
    "leverage beyond the limit of the next bracket in contracts": Refusal(
        holding((2, 1, 64), contract=COUNTED), buy(2.001, leverage=16), TOO_LEVERED, (1,)
    ),
    "a setting beyond the limit of the next bracket": Refusal(
        holding((2, 128, 64), contract=STEPS, leverage=16), buy(2.001), TOO_LEVERED, (128,)
    ),
    "leverage beyond the limit beside a margin": Refusal(
        holding((0, 100, 0)), buy(1, leverage=9, margin=50), TOO_LEVERED
    ),
    "neither leverage nor limit nor margin": Refusal(holding((0, 100, 0), contract=UNLIMITED), buy(1), NO_LEVERAGE),
    "margin for a cross position": Refusal(holding(FLAT), buy(1, margin=20), MARGIN_IN_CROSS),
    # 256 / 8 and 256 / 128
    "more than the wallet has": Refusal(
        holding((0, 100, 0), wallet=33.999), buy(2), NOT_SPARED, (128,), {"trading_fee": FEE}
    ),
    "more of a stated margin than the wallet has": Refusal(
        holding((0, 100, 0)), buy(2, margin=98.001), NOT_SPARED, (128,), {"trading_fee": FEE}
    ),
    "more in cross than the wallet has": Refusal(
        holding(FLAT, wallet=33.999), buy(2), NOT_SPARED, (128,), {"trading_fee": FEE}
    ),
    # 32 lost, 512 / 8 and 256 / 128
    "more in cross than the wallet can spare at a loss": Refusal(
        holding((2, 144), wallet=97.999), buy(2), NOT_SPARED, (128,), {"trading_fee": FEE}
    ),
    "more isolated than the cross positions spare": Refusal(
        holding((0, 100, 0), (1, 100), wallet=24.999), buy(1), NOT_SPARED, (100, 100)
    ),
    # A sixteenth of 256
    "less than is required": Refusal(holding((0, 100, 0)), buy(2, margin=15.999), NOT_COVERED, (128,)),
    # 32 of 40 are lost; 16 more leave 24 of the 24 that 3 × 128 need, less the fee that the wallet pays.
    "less than is required at a loss": Refusal(holding((1, 160, 40)), buy(2, margin=15.999), NOT_COVERED, (128,)),
    "nothing to close": Refusal(holding(FLAT), close(), NOT_OPEN),
    "nothing to close isolated": Refusal(holding((0, 100, 0)), close(0.5), NOT_OPEN),
    # 32 + 96 / 128
    "loss and fee beyond the margin": Refusal(
        holding((1, 128, 32.749)), close(), LOST, (96,), {"trading_fee": FEE, "fund": 0}
    ),
    "half of a loss beyond half of the margin": Refusal(holding((1, 128, 31.999)), close(0.5), LOST, (96,)),
    # 32 + 96 / 128, or half of the fee: a part is not backed by a part of the pool only.
    "loss and fee beyond the wallet": Refusal(
        holding((1, 128), wallet=32.749), close(), LOST, (96,), {"trading_fee": FEE, "fund": 0}
    ),
    "loss and half of the fee beyond the wallet": Refusal(
        holding((1, 128), wallet=32.374), close(0.5), LOST, (96,), {"trading_fee": FEE}
    ),
    "loss beyond the wallet and the others' profit": Refusal(
        holding((1, 128), (-1, 127.999), wallet=0), close(), LOST, (96, 96)
    ),
    "cross already": Refusal(holding((1, 100)), switch(CROSS), "the mode must change, but is cross already"),
    "isolated already": Refusal(
        holding((1, 100, 20), (1, 100)),
        switch(ISOLATED),
        "the mode must change, but is isolated already",
        (100, 100),
    ),
    "all cross already": Refusal(
        holding((1, 100), FLAT), switch(CROSS, WHOLE), "the mode must change, but is cross already", (100, 100)
    ),
    "all isolated already": Refusal(
        holding((0, 100, 0)), switch(ISOLATED, WHOLE), "the mode must change, but is isolated already"
    ),
    # 192 / 4
    "more margin made isolated than there is": Refusal(
        holding((2, 100), leverage=4, wallet=47.999), switch(ISOLATED), MARGINS_NOT_SPARED, (96,)
    ),
    "more of a stated margin made isolated than there is": Refusal(
        holding((2, 100)), switch(ISOLATED, margin=100.001), MARGINS_NOT_SPARED
    ),
    # 100 / 8 for what becomes isolated, and 4 + 96 / 8 for what stays
    "more margin made isolated than the others spare": Refusal(
        holding((1, 100), (1, 100), wallet=28.499), switch(ISOLATED), MARGINS_NOT_SPARED, (100, 96)
    ),
    # 100 / 8 twice
    "more margins made isolated than there is": Refusal(
        holding((1, 100), (1, 100), wallet=24.999), switch(ISOLATED, WHOLE), MARGINS_NOT_SPARED, (100, 100)
    ),
    # A sixteenth of 192, and 8 are lost
    "made isolated with less than is required": Refusal(
        holding((2, 100)), switch(ISOLATED, margin=19.999), NOT_COVERED, (96,)
    ),
    # 94 / 8 less 6 against 94 / 16
    "made isolated at a loss": Refusal(holding((1, 100)), switch(ISOLATED), NOT_COVERED, (94,)),
    # Only the second one is too far gone.
    "all made isolated, one at a loss": Refusal(
        holding((1, 100), (1, 100)), switch(ISOLATED, WHOLE), NOT_COVERED, (100, 94)
    ),
    "made cross while held": Refusal(holding((1, 100, 20)), switch(CROSS), ONLY_FLAT, rules={"switching": "flat"}),
    "made isolated while held": Refusal(holding((1, 100)), switch(ISOLATED), ONLY_FLAT, rules={"switching": "flat"}),
    "all made isolated while one is held": Refusal(
        holding(FLAT, (1, 100)), switch(ISOLATED, WHOLE), ONLY_FLAT, (100, 100), {"switching": "flat"}
    ),
    "made cross otherwise than by an order": Refusal(
        holding((1, 100, 20)), switch(CROSS), WITH_ORDER, rules={"switching": "order"}
    ),
    "one made cross where all must be": Refusal(
        holding((1, 100, 20)), switch(CROSS), ONLY_ACCOUNT, rules={"switching": "account"}
    ),
    "one made isolated where all must be": Refusal(
        holding(FLAT), switch(ISOLATED), ONLY_ACCOUNT, rules={"switching": "account"}
    ),
}
EVERY_REFUSAL = pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)


@EVERY_REFUSAL
def test_what_a_venue_does_not_take_is_refused_with_its_reason(refusal):
    with pytest.raises(ValueError, match="is refused") as raised:
        run(refusal.account, refusal.action, marks=refusal.marks, **(refusal.rules or {}))
    assert str(raised.value).startswith(f"{refusal.action!r} is refused: {refusal.reason}")


@EVERY_REFUSAL
def test_of_what_was_refused_nothing_remains_but_the_record(refusal):
    account, action, marks = refusal.account, refusal.action, refusal.marks
    outcome = run(account, action, marks=marks, on_refusal="record", **(refusal.rules or {}))
    untouched = run(account, marks=marks, **(refusal.rules or {}))
    same(outcome, untouched, but=["refused"])
    assert (outcome.refused, untouched.refused) == (1, 0)
    entry, *others = outcome.ledger
    assert others == list(untouched.ledger)
    assert (entry.step, entry.kind, entry.position) == (0, "refused", action.position)
    assert (entry.size, entry.amount, entry.fee, entry.impact) == (0, 0, 0, 0)
    assert entry.before == entry.after
    assert entry.price == (None if action.position is None else marks[action.position])


# Each is beside a refusal: as much, and no more, is taken.
ALLOWED = {
    "all that is spared": (BESIDE, add(87.5), (100, 100)),
    "all that is spared at a loss": (BESIDE, add(84), (100, 96)),
    "all that is spared at a profit": (BESIDE, add(87), (100, 104)),
    "all but the initial margin at the setting": (holding((1, 100, 50), leverage=4), add(-25), (100,)),
    "the same side": (holding((-1, 100)), buy(-0.5), (100,)),
    "the leverage of the bracket in cross": (holding(FLAT), buy(1, leverage=8), (100,)),
    "the leverage of the last contract in the bracket": (
        holding((2, 1, 64), contract=COUNTED),
        buy(2, leverage=16),
        (1,),
    ),
    "a setting beyond the limit in what is held already": (
        holding((2, 128, 64), contract=STEPS, leverage=16),
        buy(2),
        (128,),
    ),
    "without a limit in cross": (holding(FLAT, contract=UNLIMITED, leverage=4), buy(1), (100,)),
    "all that the cross positions spare": (holding((0, 100, 0), (1, 100), wallet=25), buy(1), (100, 100)),
    "no more than is required at a loss": (holding((1, 160, 40)), buy(2, margin=16), (128,)),
    "half of the loss with half of the margin": (holding((1, 128, 32)), close(0.5), (96,)),
    "all that backs the pool": (holding((1, 128), wallet=32), close(), (96,)),
    "what the others' profit backs": (holding((1, 128), (-1, 128), wallet=0), close(), (96, 96)),
    "all that the others spare": (holding((1, 100), (1, 100), wallet=28.5), switch(ISOLATED), (100, 96)),
    "all margins that there are": (holding((1, 100), (1, 100), wallet=25), switch(ISOLATED, WHOLE), (100, 100)),
    # 95 / 8 less 5 against 95 / 16
    "made isolated at a loss that is covered": (holding((1, 100)), switch(ISOLATED), (95,)),
    "made isolated with nothing to spare while nothing is held": (
        holding(FLAT, (1, 100), wallet=8),
        switch(ISOLATED),
        (100, 100),
    ),
    "made cross under water": (holding((1, 100, 20), (1, 100), wallet=8), switch(CROSS), (100, 100)),
}


@pytest.mark.parametrize(("account", "action", "marks"), ALLOWED.values(), ids=ALLOWED)
def test_as_much_as_is_allowed_is_taken(account, action, marks):
    outcome = run(account, action, marks=marks)
    assert outcome.refused == 0
    assert [entry.kind for entry in outcome.ledger if entry.position == 0][:1] != ["refused"]
    assert len(outcome.ledger.of("margin added", "margin removed", "opened", "closed", "switched")) >= 1


@pytest.mark.parametrize(
    ("rule", "one_held", "one_flat", "all_held", "all_flat"),
    [
        ("open", None, None, None, None),
        ("flat", ONLY_FLAT, None, ONLY_FLAT, None),
        ("order", WITH_ORDER, None, WITH_ORDER, None),
        ("account", ONLY_ACCOUNT, ONLY_ACCOUNT, None, None),
    ],
)
def test_when_the_mode_may_be_changed_is_the_venue_s_rule(rule, one_held, one_flat, all_held, all_flat):
    held, flat = holding((1, 100), FLAT), holding(FLAT, FLAT)
    asked = [(held, 0, one_held), (held, 1, one_flat), (held, WHOLE, all_held), (flat, 0, one_flat)]
    for account, position, reason in [*asked, (flat, WHOLE, all_flat)]:
        action = switch(ISOLATED, position)
        outcome = run(account, action, marks=(100, 100), switching=rule, on_refusal="record")
        assert outcome.refused == (reason is not None)
        if reason is not None:
            with pytest.raises(ValueError, match="is refused: ") as raised:
                run(account, action, marks=(100, 100), switching=rule)
            assert str(raised.value).endswith(f"refused: {reason}")


def test_unless_told_otherwise_the_mode_may_only_be_changed_without_a_position():
    with pytest.raises(ValueError, match=ONLY_FLAT):
        simulate(holding((1, 100)), [[100]], actions=[switch(ISOLATED)])


def test_the_positions_of_others_do_not_keep_one_from_being_switched():
    outcome = run(holding(FLAT, (1, 100)), switch(ISOLATED), marks=(100, 100), switching="flat")
    assert outcome.isolated.tolist() == [True, False]


def test_the_whole_account_is_made_isolated_but_for_what_is_already():
    account = holding((1, 100), FLAT, (-2, 100, 60), (-1, 100))
    outcome = run(account, switch(ISOLATED, WHOLE), marks=(104, 104, 104, 104))
    # 104 / 8 twice
    assert outcome.margin.tolist() == [13, 0, 60, 13]
    assert outcome.wallet == 74
    assert outcome.isolated.all()
    assert [(entry.kind, entry.position, entry.amount) for entry in outcome.ledger] == [
        ("switched", 0, 13),
        ("switched", 1, 0),
        ("switched", 3, 13),
    ]
    # The pool's equity before, its own after: 100 + 4 − 4 and 13 + 4; requirements 2 × 6.5 and 6.5
    first, _, last = outcome.ledger
    assert dataclasses.astuple(first.before) == (100, 0, 1, 100, 13, INF, ())
    assert dataclasses.astuple(first.after) == (87, 13, 1, 17, 6.5, INF, ())
    assert dataclasses.astuple(last.after) == (74, 13, -1, 9, 6.5, INF, ())


def test_the_whole_account_is_made_cross_but_for_what_is_already():
    outcome = run(holding((1, 100, 20), (0, 100, 0), (1, 100)), switch(CROSS, WHOLE), marks=(100, 100, 100))
    assert (outcome.wallet, outcome.margin.tolist()) == (120, [0, 0, 0])
    assert not outcome.isolated.any()
    assert [(entry.position, entry.amount) for entry in outcome.ledger] == [(0, 20), (1, 0)]


def test_a_margin_that_funding_has_eaten_up_is_paid_back_by_the_wallet():
    rules = Rules(switching="open")
    outcome = simulate(holding((1, 64, 2)), [[96]], rules=rules, funding=0.0625, actions=[switch(CROSS)])
    # 2 − 96 / 16 = −4
    assert (outcome.wallet, outcome.margin.tolist(), outcome.isolated.tolist()) == (96, [0], [False])
    assert [entry.amount for entry in outcome.ledger.of("switched")] == [-4]


def test_a_part_of_a_cross_position_may_be_closed_with_the_last_that_backs_the_pool():
    outcome = run(holding((1, 128), wallet=32.375), close(0.5), marks=(96,), trading_fee=FEE)
    # 32.375 − 32 = 0.5 × 96 / 128: nothing is left for the other half.
    assert [(entry.kind, entry.size, entry.amount) for entry in outcome.ledger] == [
        ("closed", -0.5, -16),
        ("taken over", -0.5, -16),
    ]
    assert (outcome.wallet, outcome.fees.tolist(), outcome.shortfall) == (0, [0.375], 0)


def test_funding_comes_before_what_the_trader_does():
    # A short of 100 receives 100 / 16, and all of it can be added.
    account = holding((-1, 100, 20), wallet=0)
    rules = Rules(isolated_funding="wallet")
    outcome = simulate(account, [[100]], rules=rules, funding=0.0625, actions=[add(6.25)])
    assert (outcome.wallet, outcome.margin.tolist()) == (0, [26.25])
    with pytest.raises(ValueError, match=TOO_MUCH):
        simulate(account, [[100]], rules=rules, actions=[add(6.25)])


def test_actions_of_one_step_are_taken_in_the_order_given():
    # There is nothing to close before it is open.
    assert run(holding(FLAT), buy(1), close(0.5)).size.tolist() == [0.5]
    outcome = run(holding(FLAT), close(0.5), buy(1), on_refusal="record")
    assert (outcome.size.tolist(), outcome.refused) == ([1], 1)
    assert [entry.kind for entry in outcome.ledger] == ["refused", "opened"]


def test_actions_are_taken_at_the_marks_of_their_step():
    actions = [close(0.5, step=2), buy(1, step=1)]
    outcome = simulate(holding(FLAT), [[100], [128], [144], [160]], actions=actions)
    # Half of 144 − 128
    assert (outcome.entry.tolist(), outcome.realized.tolist(), outcome.size.tolist()) == ([128], [8], [0.5])
    assert [(entry.step, entry.kind) for entry in outcome.ledger] == [(1, "opened"), (2, "closed")]


def test_a_new_leverage_holds_for_what_comes_after():
    account = holding((0, 100, 0), leverage=2)
    outcome = run(account, buy(1, leverage=8), buy(1))
    assert outcome.margin.tolist() == [25]
    kept = run(account, buy(1), buy(1))
    assert kept.margin.tolist() == [100]


def test_an_infinite_leverage_is_that_of_the_bracket():
    outcome = run(holding((0, 100, 0), leverage=2), buy(1, leverage=INF))
    # 100 / 8
    assert outcome.margin.tolist() == [12.5]


@pytest.mark.parametrize("refused", [buy(-1, leverage=8), buy(1_000, leverage=8), buy(1, leverage=9)])
def test_a_leverage_that_was_refused_is_the_old_one_again(refused):
    account = holding((1, 100), leverage=4)
    outcome = run(account, refused, switch(ISOLATED), on_refusal="record")
    # 100 / 4
    assert (outcome.margin.tolist(), outcome.refused) == ([25], 1)


def test_a_position_that_was_closed_may_be_opened_on_the_other_side():
    outcome = run(holding((1, 96, 20)), close(), buy(-2), marks=(128,), trading_fee=FEE)
    # 100 + 20 + 32 − 1, then 256 / 8 and 2
    assert (outcome.wallet, outcome.margin.tolist(), outcome.size.tolist()) == (117, [32], [-2])
    assert (outcome.entry.tolist(), outcome.fees.tolist(), outcome.realized.tolist()) == ([128], [3], [32])


def test_a_position_on_its_edge_is_opened_where_equality_is_not_liquidated():
    edge = holding((0, 128, 0))
    failing = dataclasses.replace(edge, convention=Convention(at_equality=True))
    assert run(edge, buy(2, margin=16), marks=(128,)).survived.all()
    with pytest.raises(ValueError, match=NOT_COVERED + "16.00, required 16.00"):
        run(failing, buy(2, margin=16), marks=(128,))


# Rounding is no refusal, but money is.


@pytest.mark.parametrize(
    ("account", "action", "marks", "taken"),
    [
        (holding((1, 100, 20), wallet=0.3), add(0.1 + 0.2), (100,), True),
        # A millionth of a millionth of the 1,048,576 at stake
        (holding((1, 2**20, 2**18)), add(100 + 8e-7), (2**20,), True),
        (holding((1, 2**20, 2**18)), add(100 + 1.2e-6), (2**20,), False),
        # … or of the wallet, of which a loss of 2^20 − 64 and 64 / 8 must stay.
        (holding((1, 64, 20), (1, 2**20), wallet=2**20), add(56 + 8e-7), (64, 64), True),
        (holding((1, 64, 20), (1, 2**20), wallet=2**20), add(56 + 1.2e-6), (64, 64), False),
        # … or of the initial margin, 131,072
        (holding((1, 2**20, 2**18)), add(-(2**17) - 1e-7), (2**20,), True),
        (holding((1, 2**20, 2**18)), add(-(2**17) - 2e-7), (2**20,), False),
    ],
)
def test_what_rounding_may_move_is_not_refused_but_what_is_more_than_that_is(account, action, marks, taken):
    assert run(account, action, marks=marks, on_refusal="record").refused == (not taken)


@pytest.mark.parametrize("contract", [BTC, COIN], ids=["linear", "inverse"])
def test_what_is_newly_opened_is_opened_at_the_mark_to_the_last_digit(contract):
    marks = 100 + 0.37 * np.arange(100)
    account = holding((0, 1), contract=contract, wallet=1_000)
    outcome = simulate(account, marks[:, None, None], actions=[buy(0.3)])
    np.testing.assert_array_equal(outcome.entry[:, 0], marks)


def test_a_position_may_be_opened_with_just_its_requirement_at_any_price():
    # 1 / 20 = 5 %, but for rounding
    edge = Contract("EDGE", Tiers.flat(0.05, max_leverage=20))
    marks = 100 + 0.37 * np.arange(300)
    outcome = simulate(holding((0, 1, 0), contract=edge), marks[:, None, None], actions=[buy(0.3)], on_refusal="record")
    assert not outcome.refused.any()


@pytest.mark.parametrize(
    ("margin", "taken"),
    [
        # A sixteenth of 1,048,576; a millionth of a millionth of that and of 65,536 is 1.1e-6.
        (2**16 - 1e-6, True),
        (2**16 - 1.2e-6, False),
    ],
)
def test_what_rounding_may_miss_of_a_requirement_is_that_of_all_the_money(margin, taken):
    account = holding((0, 1, 0), wallet=2**20)
    assert run(account, buy(1, margin=margin), marks=(2**20,), on_refusal="record").refused == (not taken)


# Ensembles: each path as if it were alone


def each(account, prices, actions, **rules):
    """Return the outcome of an ensemble, and that of each of its paths alone."""
    rules = Rules(**{"switching": "open", **rules})
    options = {"rules": rules, "actions": actions, "on_refusal": "record", "record": ["equity", "size"]}
    paths = len(prices)
    columns = {
        name: np.broadcast_to(getattr(account, name), (paths, len(account.contracts)))
        for name in ("size", "entry", "margin", "leverage")
    }
    wallets = np.broadcast_to(account.wallet, paths)
    alone = [
        simulate(
            dataclasses.replace(account, wallet=wallets[k], **{name: column[k] for name, column in columns.items()}),
            prices[k],
            **options,
        )
        for k in range(paths)
    ]
    return simulate(account, prices, **options), alone


SIDES = Account(
    wallet=[100, 100, 12, 100, 100],
    contracts=[BTC],
    size=[[0], [-1], [0], [2], [0.5]],
    entry=[100],
    convention=Convention(at_equality=False),
)
ISOLATED_PAIR = holding((1, 100, 20), (1, 100))

ENSEMBLES = {
    # Refused beforehand, refused afterwards, and taken, in one.
    "openings": (SIDES, np.full((5, 2, 1), 100.0), [buy(1, leverage=4)], [0, 1, 1, 0, 0]),
    "openings that change the margin of the next": (
        SIDES,
        np.full((5, 2, 1), 100.0),
        [buy(1, leverage=4), switch(ISOLATED, step=1)],
        [0, 1, 1, 0, 0],
    ),
    "openings at prices of their own": (
        holding((0, 100, 0), contract=STEPS, wallet=40),
        np.array([[[64.0]], [[128.0]], [[256.0]], [[300.0]], [[512.0]]]),
        [buy(4)],
        # 256 / 16, 512 / 16, 1,024 / 8, and two beyond the cap
        [0, 0, 1, 1, 1],
    ),
    "margin from wallets of their own": (
        dataclasses.replace(holding((1, 100, 20)), wallet=[29.9, 30, 40]),
        np.full((3, 2, 1), 100.0),
        [add(30), add(-10, step=1)],
        # Where nothing was added, 20 − 10 are less than 100 / 8.
        [2, 0, 0],
    ),
    "margin taken out at prices of their own": (
        holding((1, 100, 50)),
        np.array([[[96.0]], [[90.0]], [[100.0]], [[140.0]]]),
        [add(-33)],
        # 50 − 33 = 17 against 12 + 4, 11.25 + 10, 12.5 and 17.5
        [0, 1, 0, 1],
    ),
    "closings at prices of their own": (
        holding((1, 100, 20)),
        np.array([[[90.0], [95]], [[79.0], [95]], [[82.0], [95]], [[70.0], [95]]]),
        [close(0.5), close(step=1)],
        # Beyond bankruptcy it cannot be closed; and where it was taken over there is nothing to close a step later.
        [0, 2, 1, 2],
    ),
    "switches at prices of their own": (
        ISOLATED_PAIR,
        np.array([[[100.0, 100], [90, 100]], [[100, 92], [100, 100]], [[100, 94], [95, 97]]]),
        [switch(ISOLATED, 1), switch(CROSS, WHOLE, step=1), switch(ISOLATED, WHOLE, step=1)],
        # A sixteenth is not covered at first on two of them, and in the end on the other.
        [1, 1, 1],
    ),
    "switches where the mode is another already": (
        dataclasses.replace(holding((1, 100)), wallet=[12, 100, 12.5]),
        np.full((3, 3, 1), 100.0),
        [switch(ISOLATED), switch(CROSS, step=1), switch(ISOLATED, WHOLE, step=2)],
        # 100 / 8 cannot be spared on the first.
        [3, 0, 0],
    ),
    "everything refused on every path": (
        holding((1, 100)),
        np.full((3, 2, 1), 100.0),
        [add(10), switch(CROSS)],
        [2, 2, 2],
    ),
}


@pytest.mark.parametrize(("account", "prices", "actions", "refused"), ENSEMBLES.values(), ids=ENSEMBLES)
def test_where_some_paths_are_refused_each_goes_on_as_if_it_were_alone(account, prices, actions, refused):
    together, alone = each(account, prices, actions, trading_fee=FEE)
    assert together.refused.tolist() == refused
    for k, one in enumerate(alone):
        for field in dataclasses.fields(Outcome):
            ours = getattr(together, field.name)
            if ours is not None:
                np.testing.assert_array_equal(ours[k], getattr(one, field.name), err_msg=field.name)


@pytest.mark.parametrize("rule", ["flat", "order"])
def test_where_a_mode_may_only_be_switched_while_nothing_is_held_that_is_asked_of_each_path(rule):
    together, alone = each(SIDES, np.full((5, 1, 1), 100.0), [switch(ISOLATED)], switching=rule)
    assert together.refused.tolist() == [one.refused for one in alone] == [0, 1, 0, 1, 1]
    assert together.isolated.tolist() == [[True], [False], [True], [False], [False]]


def test_on_how_many_paths_an_action_is_refused_is_said():
    prices = np.array([[[90.0]], [[79.0]], [[70.0]]])
    with pytest.raises(ValueError, match="refused") as raised:
        simulate(holding((1, 100, 20)), prices, actions=[close()])
    assert str(raised.value) == f"{close()!r} is refused, on 2 of 3 paths: {LOST}"
    with pytest.raises(ValueError, match="refused, on 1,200 of 1,200 paths: the position must be open"):
        simulate(holding(FLAT), np.full((1_200, 1, 1), 100.0), actions=[close()])


def test_an_action_of_one_s_own_need_only_say_what_it_does():
    class Deposit(Action):
        def carry_out(self, state, look):
            state.wallet[look.paths] += 10

    assert simulate(holding(FLAT), [[100]], actions=[Deposit(step=0, position=None)]).wallet == 110


def test_an_action_that_does_nothing_is_none():
    with pytest.raises(TypeError, match="abstract"):
        Action(step=0, position=0)


# What may not be asked

MALFORMED = {
    "a step below 0": (lambda: add(1, step=-1), "step must be a whole number of 0 or more, not -1"),
    "half a step": (lambda: close(step=0.5), "step must be a whole number of 0 or more, not 0.5"),
    "a step that is true": (lambda: close(step=True), "step must be a whole number of 0 or more, not True"),
    "no step": (lambda: close(step=None), "step must be a whole number of 0 or more, not None"),
    "a step that is a word": (lambda: switch(CROSS, step="1"), "step must be a whole number of 0 or more, not '1'"),
    "a nan step": (lambda: buy(1, step=NAN), "step must be a whole number of 0 or more, not nan"),
    "a position below 0": (lambda: add(1, position=-1), "position must be a whole number of 0 or more, not -1"),
    "half a position": (lambda: switch(CROSS, 1.5), "position must be a whole number of 0 or more, not 1.5"),
    "a position that is true": (
        lambda: Close(step=0, position=True),
        "position must be a whole number of 0 or more, not True",
    ),
    "a position by name": (
        lambda: Open(step=0, position="BTC", size=1),
        "position must be a whole number of 0 or more, not 'BTC'",
    ),
    "margin at no position": (lambda: add(1, None), "position must be a whole number of 0 or more, not None"),
    "an opening at no position": (
        lambda: Open(step=0, position=None, size=1),
        "position must be a whole number of 0 or more, not None",
    ),
    "a closing at no position": (
        lambda: Close(step=0, position=None),
        "position must be a whole number of 0 or more, not None",
    ),
    "an amount that is true": (lambda: add(True), "amount must be a number or an array of numbers, not True"),
    "a size that is true": (lambda: buy(True), "size must be a number or an array of numbers, not True"),
    "a share that is true": (lambda: close(True), "share must be a number or an array of numbers, not True"),
    "a leverage that is true": (
        lambda: buy(1, leverage=True),
        "leverage must be a number or an array of numbers, not True",
    ),
    "a margin that is true": (
        lambda: switch(ISOLATED, margin=True),
        "margin must be a number or an array of numbers, not True",
    ),
    "an amount of 0": (
        lambda: add(0),
        "amount must be positive (to add) or negative (to take out), not 0",
    ),
    "a nan amount": (lambda: add(NAN), "amount must be finite, not nan"),
    "an infinite amount": (lambda: add(-INF), "amount must be finite, not -inf"),
    "an amount in words": (lambda: add("all"), "amount must be a number or an array of numbers, not 'all'"),
    "no amount": (lambda: add(None), "amount must be a number or an array of numbers, not None"),
    "several amounts": (lambda: add([1, 2]), "amount must be one number, not [1, 2]"),
    "a size of 0": (lambda: buy(0), "size must not be 0"),
    "a nan size": (lambda: buy(NAN), "size must be finite, not nan"),
    "an infinite size": (lambda: buy(INF), "size must be finite, not inf"),
    "several sizes": (lambda: buy([1]), "size must be one number, not [1]"),
    "a leverage of 0": (lambda: buy(1, leverage=0), "leverage must be greater than 0, not 0.0"),
    "a leverage below 0": (lambda: buy(1, leverage=-1), "leverage must be greater than 0, not -1.0"),
    "a nan leverage": (lambda: buy(1, leverage=NAN), "leverage must be finite, not nan"),
    "several leverages": (lambda: buy(1, leverage=[1, 2]), "leverage must be one number, not [1, 2]"),
    "a margin of 0": (lambda: buy(1, margin=0), "margin must be greater than 0, not 0.0"),
    "a margin below 0": (lambda: buy(1, margin=-1), "margin must be greater than 0, not -1.0"),
    "an infinite margin": (lambda: buy(1, margin=INF), "margin must be finite, not inf"),
    "a margin in words": (
        lambda: buy(1, margin="much"),
        "margin must be a number or an array of numbers, not 'much'",
    ),
    "a share of 0": (lambda: close(0), "share must lie in (0, 1], not 0"),
    "a share below 0": (lambda: close(-0.5), "share must lie in (0, 1], not -0.5"),
    "a share above 1": (lambda: close(1.001), "share must lie in (0, 1], not 1.001"),
    "a nan share": (lambda: close(NAN), "share must lie in (0, 1], not nan"),
    "no share": (lambda: close(None), "share must be a number or an array of numbers, not None"),
    "several shares": (lambda: close([0.5, 0.5]), "share must be one number, not [0.5, 0.5]"),
    "an unknown mode": (lambda: switch("portfolio"), "mode must be one of 'cross', 'isolated', not 'portfolio'"),
    "no mode": (lambda: switch(None), "mode must be one of 'cross', 'isolated', not None"),
    "several modes": (lambda: switch(["cross"]), "mode must be one of 'cross', 'isolated', not ['cross']"),
    "a switch with a margin of 0": (
        lambda: switch(ISOLATED, margin=0),
        "margin must be greater than 0, not 0.0",
    ),
    "a switch with a nan margin": (lambda: switch(ISOLATED, margin=NAN), "margin must be finite, not nan"),
    "a switch to cross with a margin": (
        lambda: switch(CROSS, margin=5),
        "margin must be left out but for one position made isolated, not 5",
    ),
    "a switch of all with a margin": (
        lambda: switch(ISOLATED, WHOLE, margin=5),
        "margin must be left out but for one position made isolated, not 5",
    ),
}


@pytest.mark.parametrize(("call", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_actions_are_refused_by_name_and_shown(call, message):
    with pytest.raises(ValueError, match="must") as refusal:
        call()
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: AddMargin(0, position=0, amount=1), "takes 1 positional argument"),
        (lambda: AddMargin(0, 1, step=0), "takes 1 positional argument"),
        (lambda: Open(0, 1, step=0), "takes 1 positional argument"),
        (lambda: Close(0, step=0), "takes 1 positional argument"),
        (lambda: Switch(0, step=0, mode="cross"), "takes 1 positional argument"),
        (lambda: Open(step=0, position=0, size=1, price=100), "unexpected keyword argument 'price'"),
        (lambda: Close(step=0), "missing 1 required keyword-only argument: 'position'"),
        (lambda: Switch(step=0), "missing 1 required keyword-only argument: 'mode'"),
    ],
    ids=["step", "margin", "opening", "closing", "switch", "unknown", "no position", "no mode"],
)
def test_an_action_says_by_name_what_it_is(call, match):
    with pytest.raises(TypeError, match=match):
        call()


def test_unless_told_otherwise_all_is_closed_all_is_switched_and_the_setting_stays():
    assert Close(step=0, position=0) == Close(step=0, position=0, share=1.0)
    assert Switch(step=0, mode=CROSS) == Switch(step=0, mode=CROSS, position=None, margin=None)
    assert Open(step=0, position=0, size=1) == Open(step=0, position=0, size=1, leverage=None, margin=None)
    assert Close(step=0, position=0, share=1e-9).share == 1e-9


@pytest.mark.parametrize("action", [add(1), buy(1, leverage=2, margin=3), close(0.5), switch(ISOLATED, margin=2)])
def test_an_action_does_not_change_and_can_be_sent_to_another_process(action):
    with pytest.raises(dataclasses.FrozenInstanceError):
        action.step = 1
    again = pickle.loads(pickle.dumps(action))
    assert again == action
    assert hash(again) == hash(action)
    assert repr(again) == repr(action)
