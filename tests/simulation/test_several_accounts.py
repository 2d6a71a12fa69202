"""Several accounts of the same positions at once: what becomes of each is what becomes of it alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from marginlab import Account, Collateral, Contract, Convention, Growth, Order, Position, Rules, Tiers, simulate

TABLES = (
    Tiers((0, 40_000, 90_000), (0.01, 0.02, 0.05), (0, 400, 3_100), (50, 20, 10)),
    Tiers((0, 60_000), (0.005, 0.03), (0, 1_500), (100, 10)),
    Tiers.flat(0.02, max_leverage=25),
)
CONVENTIONS = {
    "plain": Convention(),
    "at entry": Convention(maintenance_at="entry"),
    "fee at bankruptcy": Convention(closing_fee=0.001, closing_fee_at="bankruptcy"),
    "fee by leverage": Convention(closing_fee=0.001, closing_fee_at="leverage"),
    "both sides of a market together": Convention(brackets_count="net", charged="larger"),
}
RULES = {
    "taken over": Rules(),
    "a share": Rules(close="market", part="share", share=0.3, depth=10_000_000, liquidation_fee=0.005),
    "a bracket": Rules(close="market", part="bracket", brackets=1),
    "until it is enough": Rules(close="market", part="restore", liquidation_fee=0.002, fund=1_000),
}
FIELDS = ("equity", "wallet", "margin", "size", "liquidated", "fees", "funding", "shortfall", "fund", "equity_path")


def held(mode, tiers, convention, wallet=18_000.0):
    """Return long and short of one market, and a short of another."""
    btc, eth = Contract("BTCUSDT", tiers), Contract("ETHUSDT", tiers)
    rows = [(btc, 2.0, 50_000.0), (btc, -0.5, 50_000.0), (eth, -20.0, 2_000.0)]
    modes = {"cross": ["cross"] * 3, "isolated": ["isolated"] * 3, "some": ["isolated", "cross", "isolated"]}[mode]
    positions = [Position(*row, one, 8, held=True) for row, one in zip(rows, modes, strict=True)]
    return Account.of(positions, wallet=wallet, convention=convention)


def walks(paths, steps=40):
    rng = np.random.default_rng(7)
    moves = np.exp(np.cumsum(rng.normal(-0.004, 0.02, (paths, steps, 2)), axis=1))
    return moves[..., [0, 0, 1]] * [50_000.0, 50_000.0, 2_000.0], rng.normal(0, 0.001, (paths, steps, 3))


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_accounts_that_differ_in_modes_and_brackets_fare_together_as_they_do_alone(convention, rules):
    if convention.charged != "each" and rules.part == "restore":
        return  # refused where the legs of a market are counted together
    accounts = [held(mode, tiers, convention) for mode, tiers in product(("cross", "isolated", "some"), TABLES)]
    prices, funding = walks(len(accounts))
    together = simulate(accounts, prices, rules=rules, funding=funding, record=("equity",))
    assert together.equity.shape == (9,)
    assert together.ledger is None
    for i, account in enumerate(accounts):
        alone = simulate(account, prices[i], rules=rules, funding=funding[i], record=("equity",))
        for name in FIELDS:
            assert np.array_equal(getattr(together, name)[i], getattr(alone, name)), (i, name)
    assert (together.liquidated >= 0).any()
    assert (together.liquidated < 0).any()


def test_several_accounts_go_along_one_path_too():
    accounts = [held(mode, TABLES[0], Convention()) for mode in ("cross", "isolated")]
    prices, _ = walks(1)
    together = simulate(accounts, prices[0])
    assert together.equity.tolist() == [simulate(account, prices[0]).equity for account in accounts]


def test_collateral_may_lie_in_another_place_in_each():
    btc = Contract("BTCUSDT", TABLES[2], currency="USDT")
    accounts = [
        Account.of([Position(btc, 1, 50_000)], wallet=cash, collateral=[Collateral("BTC", coins, 0.9)])
        for cash, coins in ((4_000, 0.1), (1_000, 0.2), (-2_000, 0.3))
    ]
    prices = walks(3)[0][..., :1]
    together = simulate(accounts, prices)
    alone = [simulate(account, path) for account, path in zip(accounts, prices, strict=True)]
    assert together.equity.tolist() == [one.equity for one in alone]
    assert together.assets[:, 0].tolist() == [one.assets[0] for one in alone]


FIRST = held("cross", TABLES[0], Convention())
BTC, ETH = FIRST.contracts[0], FIRST.contracts[2]
GROWING = Tiers.flat(0.01, growth=Growth(0.00005))


def other(**changes):
    return replace(FIRST, **changes)


@pytest.mark.parametrize(
    "second",
    [
        other(size=FIRST.size * 2),
        other(entry=FIRST.entry * 1.1),
        other(convention=CONVENTIONS["at entry"]),
        other(orders=[Order(BTC, 1, 40_000)]),
        other(contracts=[BTC, BTC, Contract("SOLUSDT", TABLES[0])]),
        other(contracts=[BTC, BTC, replace(ETH, tiers=replace(TABLES[2], measured_in="contracts"))]),
        other(contracts=[BTC, BTC, replace(ETH, tiers=GROWING)]),
        Account.of([Position(BTC, 2, 50_000)], wallet=1),
    ],
    ids=["size", "entry", "convention", "orders", "market", "measure", "growth", "number"],
)
def test_accounts_that_hold_something_else_are_refused(second):
    with pytest.raises(ValueError, match=r"^account must hold the same positions in the same order"):
        simulate([FIRST, second], walks(2)[0])


def test_what_is_no_account_or_an_array_of_them_is_refused():
    with pytest.raises(ValueError, match=r"^account must be .*Account"):
        simulate([FIRST, None], walks(2)[0])
    with pytest.raises(ValueError, match=r"^account must each be one account, not an array of them"):
        simulate([FIRST, other(wallet=np.ones(2))], walks(2)[0])
    with pytest.raises(ValueError, match=r"^account must be of the class Account, not \[\]"):
        simulate([], walks(2)[0])
    with pytest.raises(ValueError, match=r"prices"):
        simulate([FIRST] * 3, walks(2)[0])
