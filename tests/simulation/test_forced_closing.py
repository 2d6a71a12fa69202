"""What a venue does with a unit that fails: figures published by protocols, and rounds worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marginlab import Account, Contract, Open, Position, Rules, Tiers, simulate

from .. import reference
from ..scenarios import differences, scenario

FLAT = Tiers.flat(0.01, max_leverage=100)


def contract(rate=0.01, symbol="X", **terms):
    return Contract(symbol, Tiers.flat(rate), **terms)


def held(*legs, wallet=0.0, **terms):
    """Return an account of legs (contract, size, entry) in cross, or (contract, size, entry, margin) isolated."""
    positions = [Position(*leg[:3], **({"mode": "isolated", "margin": leg[3]} if len(leg) > 3 else {})) for leg in legs]
    return Account.of(positions, wallet=wallet, **terms)


def run(account, *marks, **rules):
    return simulate(account, [marks], rules=Rules(**rules))


def approx(value, **terms):
    return pytest.approx(value, **{"rel": 1e-12, **terms})


# --- the referee ----------------------------------------------------------------------------------------------

EVERYTHING = (
    "wallet",
    "margin",
    "size",
    "equity",
    "liquidated",
    "realized",
    "fees",
    "impact",
    "forfeited",
    "shortfall",
)
EVERYTHING += ("fund_paid", "fund_received", "uncovered")


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_the_exact_referee_agrees_event_by_event(first):
    for seed in range(first, first + 20):
        case = scenario(seed)
        exact = reference.run(case.account, case.prices, **case.options)
        assert differences(simulate(case.account, case.prices, **case.options), exact) == [], f"scenario {seed}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1_000, 1_024))
def test_of_many_paths_at_once_each_goes_as_the_referee_says(seed):
    case, rng = scenario(seed), np.random.default_rng(seed)
    # The same account on paths that fall and rise more or less: some fail at the same step, some never.
    by = np.array([0.25, 0.5, 1.0, 1.0, 2.0, -1.0])[:, None, None]
    prices = case.prices[0] * (case.prices / case.prices[0]) ** by * rng.uniform(0.99, 1.01, (6, 1, 1))
    together = simulate(case.account, prices, rules=case.rules)
    for path, alone in enumerate(prices):
        exact = reference.run(case.account, alone, case.rules, number=path)
        for name in EVERYTHING:
            mine, theirs = getattr(together, name)[path], np.array(getattr(exact, name), dtype=float)
            allowed = 1e-9 * (np.array(exact.largest, dtype=float) if name == "size" else float(exact.money))
            assert (np.abs(mine - theirs) <= allowed).all(), f"path {path}: {name}"


# --- published figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fee", "quote_price", "closed"),
    [(0.0, 1.0, 1.0), (0.0, 0.99, 1.01010101), (0.01, 1.0, 1.1111111111111112)],
    ids=["drift-partial-nofee", "drift-partial-usdc-0.99", "drift-partial-fee1pct"],
)
def test_a_cure_closes_what_drift_publishes(fee, quote_price, closed):
    """drift-labs/protocol-v2 at 0ae3e3b, math/liquidation/tests.rs: a shortage of 10 at a rate of 10 %, oracle 100."""
    # Ten units are worth 1,000 (or 990) and require 100 (99); equity is 10 short of it.
    x = contract(0.1, multiplier=quote_price)
    account = held((x, 10.0, 100.0), wallet=100 * quote_price - 10)
    outcome = run(account, 100.0, close="market", part="restore", liquidation_fee=fee)
    assert 10 - outcome.size[0] == pytest.approx(closed, rel=1e-8)


def test_half_a_position_closed_costs_what_curie_publishes():
    """perp-curie-contract at d520bd8, ClearingHouse.takeOver.test.ts: at most half while the ratio is above 3.125 %."""
    size = 0.989984344318166945
    # Ratio 4.5 % of the value at the mark before, 6.25 % are required.
    value = size * 900
    account = held((contract(0.0625), size, 1_000 / size), wallet=0.045 * value + 1_000 - value)
    rules = {"close": "market", "part": "share", "share": 0.5, "rounds": 1, "takeover_below": 0.5}
    outcome = run(account, 900.0, **rules, liquidation_fee=0.025, fund_share=0.5, fund=0.0)
    entry, exchanged = outcome.ledger[0], 445.4929549431751248
    assert (entry.kind, entry.size) == ("reduced", approx(-0.494992172159083472))
    assert -entry.size * entry.price == approx(exchanged)
    assert entry.amount == approx(-54.5070450568248742)
    assert entry.fee == approx(11.13732387357937812)
    assert outcome.fund_received == approx(5.56866193678968906)
    # The liquidator pays what is exchanged less the other half of the penalty.
    assert exchanged - (entry.fee - outcome.fund_received) == approx(439.92429300638543574)


def test_a_quarter_of_a_position_closed_leaves_the_margin_that_perpetual_protocol_publishes():
    """perpetual-protocol at bf5adf6, ClearingHouseTest.ts 'partially liquidate a short position'.

    Its pool fills a quarter at 44.26 and the whole at 211.26; an order book does not, so the mark is that of
    the whole, and the penalty, 2.5 % of the smaller fill, is given as a rate of the larger.
    """
    margin, size, open_notional, penalty = 20.0, -25.0, 200.0, 1.106468859547235141
    profit = -2.813925976359071101 - 8.441777929077213306
    mark = (open_notional - profit) / -size
    account = held((contract(0.0625), size, open_notional / -size, margin))
    rules = {"close": "market", "part": "share", "share": 0.25, "rounds": 1, "fund_share": 0.5, "fund": 0.0}
    outcome = run(account, mark, **rules, liquidation_fee=penalty / (-size * mark / 4))
    assert outcome.realized[0] == approx(-2.813925976359071101)
    assert outcome.equity - outcome.margin[0] == approx(-8.441777929077213306)
    assert outcome.margin[0] == approx(16.079605164093693758)
    assert outcome.fund_received == approx(0.553234429773617570)


@pytest.mark.parametrize(
    ("size", "fill", "bankruptcy", "fee", "to_fund"),
    [
        (0.1, 5_610.0, 5_100.0, 0.005, 28.05),
        (0.1, 5_610.0, 5_100.0, 0.025, 140.25),
        (0.1, 5_105.1, 5_100.0, 0.005, 5.1),
        (-0.1, 4_895.1, 4_900.0, 0.005, 4.9),
        (0.1, 5_049.0, 5_100.0, 0.005, -51.0),
        (-0.1, 4_949.0, 4_900.0, 0.005, -49.0),
    ],
)
def test_the_fund_receives_and_pays_what_dydx_publishes(size, fill, bankruptcy, fee, to_fund):
    """v4-chain at 84d4664, TestGetLiquidationInsuranceFundFee: up to the fee goes to the fund, a deficit it pays."""
    # What backs the position is used up at the bankruptcy price, and it fails at the fill.
    wallet = 5_000.0 - bankruptcy if size > 0 else bankruptcy - 5_000.0
    account = held((contract(0.3), size, 50_000.0), wallet=wallet)
    outcome = run(account, fill / abs(size), close="market", liquidation_fee=fee, fund_share=1.0, fund=1_000.0)
    assert outcome.fund - 1_000 == approx(to_fund, rel=1e-9)


# --- as a whole -----------------------------------------------------------------------------------------------


def test_a_takeover_leaves_the_fund_what_the_fee_does_not_take():
    # 1,000 - 900 = 100 left of the margin, and 1 % of 9,100 for the fee: 91.
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0), wallet=50.0)
    outcome = run(account, 9_100.0, liquidation_fee=0.01, fund=7.0, fund_share=0.5)
    assert (outcome.forfeited, outcome.fees.tolist()) == (approx(9.0), [approx(91.0)])
    assert (outcome.fund_received, outcome.fund) == (approx(54.5), approx(61.5))
    assert (outcome.wallet, outcome.margin.tolist(), outcome.shortfall) == (50.0, [0.0], 0.0)


def test_a_fee_takes_no_more_than_is_left():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    outcome = run(account, 9_050.0, liquidation_fee=0.01)
    assert (outcome.fees.tolist(), outcome.forfeited, outcome.shortfall) == ([approx(50.0)], approx(0.0, abs=1e-9), 0.0)


def test_a_market_closing_returns_what_is_left_to_the_wallet():
    # 100 left; a fee of 1 % of 9,100; a book of 91,000 within 1 %: 9,100 / (200 x 91,000) = 0.05 % of 9,100.
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0), wallet=50.0)
    outcome = run(account, 9_100.0, close="market", liquidation_fee=0.01, depth=91_000.0)
    entry = outcome.ledger[0]
    assert (entry.kind, entry.impact, entry.fee) == ("liquidated", approx(4.55), approx(91.0))
    assert entry.price == approx(9_100 * (1 - 0.0005))
    assert outcome.wallet == approx(50 + 100 - 91 - 4.55)


@pytest.mark.parametrize(("kind", "size", "worse"), [("linear", 1.0, -1), ("linear", -1.0, 1)])
def test_a_linear_position_is_filled_on_the_worse_side_of_the_mark(kind, size, worse):
    mark = 9_100.0 if size > 0 else 10_900.0
    account = held((contract(0.02, kind=kind), size, 10_000.0, 1_000.0))
    entry = run(account, mark, close="market", depth=mark / 2).ledger[0]
    assert entry.price == approx(mark * (1 + worse * 0.01))


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_an_inverse_position_is_filled_on_the_worse_side_of_the_mark(side):
    # 10,000 dollars from 100: worth 100 coins; at 90 (or 112) about 111 (89), so that 12 coins no longer do.
    mark = 90.0 if side > 0 else 112.0
    account = held((contract(0.02, kind="inverse"), side * 10_000.0, 100.0, 12.0))
    value = 10_000 / mark
    entry = run(account, mark, close="market", depth=value / 2).ledger[0]
    # The fill's notional is 1 % larger than the mark's where the position loses with its notional, smaller where not.
    assert 10_000 / entry.price == approx(value * (1 + side * 0.01))
    assert entry.impact == approx(0.01 * value)


@pytest.mark.parametrize(("margin", "wallet"), [([0.053], 0.0), ([], 0.053)], ids=["isolated", "cross"])
def test_what_a_market_closing_leaves_in_coins_goes_to_the_wallet_however_little(margin, wallet):
    # 10,000 dollars from 50,000 lose 0.05 coins at 40,000: 0.003 left, where 2 % of 0.25 are required.
    account = held((contract(0.02, kind="inverse"), 10_000.0, 50_000.0, *margin), wallet=wallet)
    outcome = run(account, 40_000.0, close="market")
    assert (outcome.wallet, outcome.shortfall, outcome.margin.tolist()) == (approx(0.003, rel=1e-9), 0.0, [0.0])
    assert [entry.kind for entry in outcome.ledger] == ["liquidated"]


def test_impact_is_at_most_half_of_what_is_sold():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    outcome = run(account, 9_100.0, close="market", depth=1.0)
    assert outcome.impact.tolist() == [approx(4_550.0)]
    assert outcome.shortfall == approx(4_450.0)


def test_each_position_sells_into_its_own_book():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0), (contract(0.02, "Y"), 1.0, 10_000.0, 1_000.0))
    outcome = run(account, 9_100.0, 9_100.0, close="market", depth=[91_000.0, 45_500.0])
    assert outcome.impact.tolist() == [approx(4.55), approx(9.1)]


def test_a_bankrupt_position_is_taken_over_even_where_positions_are_closed_in_the_market():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    outcome = run(account, 8_900.0, close="market", liquidation_fee=0.01, depth=1e6)
    assert [entry.kind for entry in outcome.ledger] == ["taken over", "fund paid"]
    assert (outcome.shortfall, outcome.impact.tolist(), outcome.fees.tolist()) == (approx(100.0), [0.0], [0.0])


@pytest.mark.parametrize(("mark", "kind"), [(9_150.0, "liquidated"), (9_130.0, "taken over")])
def test_below_a_share_of_the_requirement_a_position_is_taken_over(mark, kind):
    # Two thirds of 2 % are met at 1,000 - (10,000 - P) = 2/3 x 2 % x P, P = 9,121.62 for 1.3333 %, and 75 %: 9,137.06.
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    assert run(account, mark, close="market", takeover_below=0.75).ledger[0].kind == kind


@pytest.mark.parametrize(("below", "kind"), [(0.5, "taken over"), (0.499, "liquidated")])
def test_exactly_a_share_of_the_requirement_is_taken_over(below, kind):
    # At 64: 20 - 16 = 4, half of 64 / 8.
    account = held((contract(0.125), 1.0, 80.0, 20.0))
    assert run(account, 64.0, close="market", takeover_below=below).ledger[0].kind == kind


def test_what_a_pool_forfeits_and_lacks_belongs_to_no_position():
    account = held((contract(0.02), 1.0, 10_000.0), wallet=1_000.0)
    for mark, kind in ((9_100.0, "fund received"), (8_900.0, "fund paid")):
        entry = run(account, mark).ledger[-1]
        assert (entry.kind, entry.position, entry.symbol, entry.price) == (kind, None, "", None)


def test_a_pool_is_taken_over_with_all_it_holds():
    # Wallet 1,000; BTC has lost 900 of 10,000, ETH gained 50: equity 150 against 182 + 181.
    account = held((contract(0.02), 1.0, 10_000.0), (contract(0.02, "Y"), -1.0, 9_100.0), wallet=1_000.0)
    outcome = run(account, 9_100.0, 9_050.0, liquidation_fee=0.01)
    assert [(entry.kind, entry.symbol) for entry in outcome.ledger.of("taken over")] == [
        ("taken over", "X"),
        ("taken over", "Y"),
    ]
    # The fee of the first is 91; of the 59 left the second takes all, though it would be 90.5.
    assert outcome.fees.tolist() == [approx(91.0), approx(59.0)]
    assert outcome.liquidated.tolist() == [0, 0]
    assert (outcome.wallet, outcome.equity) == (0.0, 0.0)


# --- in parts -------------------------------------------------------------------------------------------------


def test_shares_are_of_the_size_held_when_the_liquidation_began():
    # Equity stays 100 without fee or impact, and 2 % of 9,100 = 182 are required: half of it can be held.
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    outcome = run(account, 9_100.0, close="market", part="share", share=0.25)
    assert [entry.size for entry in outcome.ledger] == [approx(-0.25), approx(-0.25)]
    assert outcome.size.tolist() == [approx(0.5)]
    assert outcome.liquidated.tolist() == [-1]
    assert outcome.margin[0] == approx(1_000 - 450)


def test_the_last_share_closes_what_is_left():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    ledger = run(account, 9_100.0, close="market", part="share", share=1 / 3, liquidation_fee=0.01).ledger
    assert [(entry.kind, entry.size) for entry in ledger] == [
        ("reduced", approx(-1 / 3)),
        ("reduced", approx(-1 / 3)),
        ("liquidated", approx(-1 / 3)),
    ]
    assert ledger[-1].after.size == 0.0


def test_a_small_position_is_not_closed_in_shares():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    for above, kind in ((9_099.0, "reduced"), (9_100.0, "liquidated")):
        ledger = run(account, 9_100.0, close="market", part="share", share_above=above).ledger
        assert ledger[0].kind == kind


def test_rounds_are_counted_anew_at_every_step():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0))
    rules = Rules(close="market", part="share", share=0.1, rounds=2)
    ledger = simulate(account, [[9_100.0], [9_100.0], [9_100.0]], rules=rules).ledger
    # The second step's shares are a tenth of the 0.8 left: 0.64; half is enough (see above), so a third step is needed.
    assert [(entry.step, entry.after.size) for entry in ledger] == [
        (0, approx(0.9)),
        (0, approx(0.8)),
        (1, approx(0.72)),
        (1, approx(0.64)),
        (2, approx(0.576)),
        (2, approx(0.512)),
    ]


@pytest.mark.parametrize(
    ("brackets", "values"),
    [(1, [5_000.0, 2_000.0]), (2, [2_000.0]), (3, [])],
)
def test_brackets_are_gone_down_by_so_many(brackets, values):
    # At 9,000: 2 % + 4 % jumps; equity 100 against 4 %, 3 %, 2 % of the value: 360, 150, 40.
    tiers = Tiers([0, 2_000, 5_000], [0.02, 0.03, 0.04], 0)
    account = held((Contract("X", tiers), 1.0, 10_000.0, 1_100.0))
    outcome = run(account, 9_000.0, close="market", part="bracket", brackets=brackets)
    reduced = outcome.ledger.of("reduced")
    assert [entry.after.size * 9_000 for entry in reduced] == [pytest.approx(value, rel=1e-9) for value in values]
    # Just below the bound, so that it is the lower bracket's rate that counts.
    assert all(entry.after.size * 9_000 < value for entry, value in zip(reduced, values, strict=True))
    assert (outcome.liquidated[0] == 0) == (brackets == 3)


def test_brackets_that_count_contracts_are_gone_down_by_contracts():
    tiers = Tiers([0, 0.25], [0.01, 0.04], 0, measured_in="contracts")
    account = held((Contract("X", tiers), 1.0, 10_000.0, 1_100.0))
    outcome = run(account, 9_000.0, close="market", part="bracket")
    assert outcome.size.tolist() == [pytest.approx(0.25)]


def test_a_cure_may_go_through_a_bracket():
    # Smooth brackets: 2 % to 4,000, 6 % above. At 9,000 with 200: 80 + 300 required.
    # To v: 80 + 6 % (v - 4,000) = 200 at v = 6,000. With 100 of equity: 80 + 6 % (v - 4,000) = 100 at 4,333.33.
    # With 50: 2 % v = 50 at 2,500.
    tiers = Tiers([0, 4_000], [0.02, 0.06])
    for equity, value in ((200.0, 6_000.0), (100.0, 4_333 + 1 / 3), (50.0, 2_500.0)):
        account = held((Contract("X", tiers), 1.0, 10_000.0, 1_000.0 + equity))
        outcome = run(account, 9_000.0, close="market", part="restore")
        assert outcome.size[0] * 9_000 == approx(value)
        assert outcome.liquidated.tolist() == [-1]


def test_a_cure_stops_at_the_bound_where_maintenance_jumps_there():
    # 2 % to 4,000, 6 % of all above: at 4,000 80 or 240 are required; 100 are there.
    tiers = Tiers([0, 4_000], [0.02, 0.06], 0)
    account = held((Contract("X", tiers), 1.0, 10_000.0, 1_100.0))
    outcome = run(account, 9_000.0, close="market", part="restore")
    assert outcome.size[0] * 9_000 == pytest.approx(4_000, rel=1e-9)
    assert outcome.size[0] * 9_000 < 4_000


def test_a_cure_at_a_bound_goes_below_it():
    # All to 4,096 requires 1/32 of itself, all above 1/16. 256 of equity would just do for 4,096 in the upper
    # bracket; the bound itself belongs to the lower one.
    tiers = Tiers([0, 4_096], [1 / 32, 1 / 16], 0)
    account = held((Contract("X", tiers), 1.0, 8_192.0, 256.0))
    outcome = run(account, 8_192.0, close="market", part="restore")
    assert outcome.size[0] * 8_192 == pytest.approx(4_096, rel=1e-9)
    assert outcome.size[0] * 8_192 < 4_096


def test_at_equality_there_is_nothing_to_cure():
    # At 56: 15 - 8 = 7 = 56 / 8, which fails, and is as much as is required.
    account = held((contract(0.125), 1.0, 64.0, 15.0))
    outcome = run(account, 56.0, close="market", part="restore")
    assert (list(outcome.ledger), outcome.size.tolist(), outcome.margin.tolist()) == ([], [1.0], [15.0])
    # Half as much again is required as a cure is to leave: a third goes.
    assert run(account, 56.0, close="market", part="restore", restore_to=1.5).size.tolist() == [approx(2 / 3)]


def test_a_cure_in_coins_goes_as_one_in_dollars():
    # 10,000 dollars from 50,000 are worth 0.2 coins; at 40,000 it is 0.25, so 0.05 are lost.
    coin = {"kind": "inverse"}
    # 0.0025 left and 0.005 required: half.
    half = held((contract(0.02, **coin), 10_000.0, 50_000.0, 0.0525))
    assert run(half, 40_000.0, close="market", part="restore").size.tolist() == [approx(5_000.0)]
    # 0.003 left; 2 % of 0.1 are less, 6 % of 0.1 more: down to the bound.
    jump = Contract("X", Tiers([0, 0.1], [0.02, 0.06], 0), **coin)
    down = run(held((jump, 10_000.0, 50_000.0, 0.053)), 40_000.0, close="market", part="restore")
    assert down.size.tolist() == [pytest.approx(4_000.0, rel=1e-9)]


def test_a_cure_can_leave_room():
    # 100 of equity, twice the requirement of 2 %: 2,500 may stay.
    account = held((contract(0.02), 1.0, 10_000.0, 1_100.0))
    outcome = run(account, 9_000.0, close="market", part="restore", restore_to=2.0)
    assert outcome.size[0] * 9_000 == approx(2_500.0)


def test_where_the_fee_eats_what_closing_frees_nothing_cures():
    account = held((contract(0.02), 1.0, 10_000.0, 1_100.0))
    kinds = [entry.kind for entry in run(account, 9_000.0, part="restore", liquidation_fee=0.02).ledger]
    assert kinds == ["taken over"]


def test_a_cure_that_impact_spoils_is_looked_at_again_only_if_nothing_is_left():
    account = held((contract(0.02), 1.0, 10_000.0, 1_100.0))
    spoilt = run(account, 9_000.0, close="market", part="restore", depth=9_000.0)
    assert [entry.kind for entry in spoilt.ledger] == ["reduced"]
    assert spoilt.ledger[0].after.equity < spoilt.ledger[0].after.requirement
    ruined = run(account, 9_000.0, close="market", part="restore", depth=50.0)
    assert [entry.kind for entry in ruined.ledger] == ["reduced", "taken over", "fund paid"]


@pytest.mark.parametrize(
    ("margin", "entry", "mark", "depth"),
    [(1_005.9, 10_030.3, 9_155.1, 1_821.0), (1_056.8, 9_901.4, 8_960.1, 3_176.0)],
)
def test_a_fee_that_takes_all_that_impact_leaves_leaves_nothing_whatever_rounding_says(margin, entry, mark, depth):
    # 131 or 116 of equity; impact on what is closed costs most of it, and the fee of 1.2 % would be more than the rest.
    account = held((contract(0.02), 1.0, entry, margin))
    outcome = run(account, mark, close="market", part="restore", depth=depth, liquidation_fee=0.012)
    assert [entry.kind for entry in outcome.ledger] == ["reduced", "taken over"]
    assert (outcome.forfeited, outcome.shortfall, outcome.equity) == (0.0, 0.0, 0.0)


def test_a_position_that_has_lost_more_than_it_is_worth_may_have_exactly_nothing_left():
    # From 64 to 16 with a margin of 48.
    for terms, wallet in (((48.0,), 0.0), ((), 48.0)):
        outcome = run(held((contract(0.02), 1.0, 64.0, *terms), wallet=wallet), 16.0, close="market")
        assert [entry.kind for entry in outcome.ledger] == ["taken over"]


def test_in_a_pool_what_cures_alone_goes_before_what_must_be_closed_whole():
    # X is too small to cure (it frees 2 % of 100), Y is not: it goes first although X has lost more.
    account = held((contract(0.02), 1.0, 1_000.0), (contract(0.02, "Y"), 1.0, 9_100.0), wallet=1_050.0)
    outcome = run(account, 100.0, 9_000.0, close="market", part="restore")
    assert [(entry.kind, entry.symbol) for entry in outcome.ledger] == [("reduced", "Y")]


# --- order in a pool ------------------------------------------------------------------------------------------


# Profit and loss 0, -300, -100; maintenance 20, 14, 118: 152 are required of the 100 there are.
THREE = [
    (contract(0.02, "X"), 1.0, 1_000.0),
    (contract(0.02, "Y"), 1.0, 1_000.0),
    (contract(0.02, "Z"), 1.0, 6_000.0),
]


@pytest.mark.parametrize(("order", "first"), [("largest loss", "Y"), ("as given", "X")])
def test_the_rules_say_which_position_of_a_pool_goes_first(order, first):
    ledger = run(held(*THREE, wallet=500.0), 1_000.0, 700.0, 5_900.0, close="market", order=order).ledger
    assert ledger[0].symbol == first


@pytest.mark.parametrize("order", ["largest loss", "as given"])
def test_of_equals_the_one_given_first_goes_first(order):
    legs = [(contract(0.02, "X"), 1.0, 1_000.0), (contract(0.02, "Y"), 1.0, 1_000.0)]
    ledger = run(held(*legs, wallet=230.0), 900.0, 900.0, close="market", order=order).ledger
    assert ledger[0].symbol == "X"


def at_random(paths, seed=0, steps=1):
    """Return what a random order closes first of the three, on paths that stand still at their marks."""
    prices = np.broadcast_to([1_000.0, 700.0, 5_900.0], (paths, steps, 3))
    return simulate(held(*THREE, wallet=500.0), prices, rules=Rules(close="market", order="random"), seed=seed)


def test_a_random_order_takes_each_position_first_about_as_often():
    # Only of Z is one enough; X and Y set 20 and 14 of the 52 free that are lacking.
    closed = ~at_random(6_000).survived
    first = [(closed.sum(axis=1) == 1).mean(), closed[:, 0].mean(), closed[:, 1].mean()]
    # Z first in a third of all orders; X before Z in half of them, and so is Y.
    assert closed[:, 2].all()
    assert first == approx([1 / 3, 1 / 2, 1 / 2], rel=0.05)


def test_a_random_order_is_that_of_the_seed_and_of_the_path_whoever_goes_with_it():
    some, more, other = at_random(50), at_random(80), at_random(50, seed=1)
    np.testing.assert_array_equal(some.liquidated, more.liquidated[:50])
    assert (some.liquidated != other.liquidated).any()


def test_with_a_seed_of_its_own_a_path_draws_what_it_would_alone():
    seeds = [4, 0, 4, 7, 2**80]
    together = at_random(5, seed=seeds).liquidated
    assert together.tolist() == [at_random(1, seed=seed).liquidated[0].tolist() for seed in seeds]
    assert together[0].tolist() == together[2].tolist()
    # One seed for all is another for each.
    assert not at_random(400, seed=[0] * 400).liquidated.std(axis=0).any()
    assert at_random(400, seed=0).liquidated.std(axis=0).any()


def test_a_random_order_is_drawn_anew_in_each_step():
    # One closing a step; what went first at one step says nothing of who goes first at the next.
    prices = np.broadcast_to([1_000.0, 700.0, 5_900.0], (400, 2, 3))
    rules = Rules(close="market", order="random", part="share", share=0.01, rounds=1)
    sizes = simulate(held(*THREE, wallet=500.0), prices, rules=rules, record=["size"]).size_path
    first, second = (1 - sizes[:, 0]).argmax(axis=1), (sizes[:, 0] - sizes[:, 1]).argmax(axis=1)
    assert 0.2 < (first == second).mean() < 0.47


@pytest.mark.parametrize("part", ["whole", "share", "bracket", "restore"])
def test_all_at_once_closes_the_whole_pool_at_the_same_marks_though_one_would_do(part):
    outcome = run(
        held(*THREE, wallet=500.0), 1_000.0, 700.0, 5_900.0, close="market", order="all at once", part=part, rounds=1
    )
    assert [(entry.kind, entry.symbol) for entry in outcome.ledger] == [("liquidated", name) for name in "XYZ"]
    assert outcome.wallet == approx(100.0)


def test_all_at_once_is_said_of_the_pool_and_leaves_an_isolated_position_its_parts():
    account = held((contract(0.02), 10.0, 1_000.0, 1_000.0), wallet=500.0)
    outcome = run(account, 910.0, close="market", order="all at once", part="restore")
    assert [entry.kind for entry in outcome.ledger] == ["reduced"]


def test_all_at_once_takes_over_what_is_left_where_a_fee_has_used_up_the_pool():
    rules = {"close": "market", "order": "all at once", "liquidation_fee": 0.1}
    outcome = run(held(*THREE, wallet=500.0), 1_000.0, 700.0, 5_900.0, **rules)
    assert [entry.kind for entry in outcome.ledger] == ["liquidated", "taken over", "taken over"]


# --- long against short ---------------------------------------------------------------------------------------


def hedged(*sizes, wallet, rate=0.02, mode=()):
    """Return legs of one contract from 1,000, in cross but for those that have a margin."""
    legs = [(contract(rate), size, 1_000.0, *mode[i : i + 1]) for i, size in enumerate(sizes)]
    return held(*legs, wallet=wallet)


def test_the_overlap_of_long_and_short_is_closed_first_and_may_be_enough():
    # At 900: +3 has lost 300, -2 has won 200; 90 are required of the 80 left, and 18 once 2 of each are gone.
    account = hedged(3.0, -2.0, wallet=180.0)
    without, netted = (run(account, 900.0, 900.0, close="market", net_first=first) for first in (False, True))
    assert [entry.kind for entry in without.ledger] == ["liquidated"]
    assert [(entry.kind, entry.position, entry.size) for entry in netted.ledger] == [
        ("netted", 0, approx(-2.0)),
        ("netted", 1, 2.0),
    ]
    assert (netted.size.tolist(), netted.liquidated.tolist()) == ([approx(1.0), 0.0], [-1, 0])
    assert (netted.equity, netted.wallet) == (approx(80.0), approx(180.0))


def test_no_order_reaches_the_market_so_netting_costs_neither_impact_nor_fee():
    rules = {"close": "market", "depth": 1.0, "liquidation_fee": 0.01, "net_first": True}
    outcome = run(hedged(3.0, -2.0, wallet=180.0), 900.0, 900.0, **rules)
    assert (outcome.fees.tolist(), outcome.impact.tolist()) == ([0.0, 0.0], [0.0, 0.0])


def test_each_leg_of_a_side_gives_its_share_of_the_overlap():
    outcome = run(hedged(3.0, 1.0, -2.0, wallet=260.0), *[900.0] * 3, close="market", net_first=True)
    assert outcome.size.tolist() == [approx(1.5), approx(0.5), 0.0]


def test_an_isolated_leg_beside_a_hedged_pair_of_its_market_is_left_alone():
    account = hedged(1.0, 3.0, -2.0, wallet=180.0, mode=(500.0,))
    outcome = run(account, *[900.0] * 3, close="market", net_first=True)
    assert outcome.size.tolist() == [1.0, approx(1.0), 0.0]
    assert [entry.position for entry in outcome.ledger] == [1, 2]


def test_what_netting_does_not_cure_goes_on_as_the_rules_say():
    taken = run(hedged(3.0, -2.0, wallet=110.0), 900.0, 900.0, net_first=True)
    assert [entry.kind for entry in taken.ledger] == ["netted", "netted", "taken over", "fund received"]
    assert taken.forfeited == approx(10.0)


def test_only_cross_legs_of_one_contract_are_netted():
    apart = [
        hedged(3.0, -2.0, wallet=300.0, mode=(300.0,)),  # the long is isolated
        held((contract(0.02), 3.0, 1_000.0), (contract(0.02, "Y"), -2.0, 1_000.0), wallet=180.0),
        hedged(3.0, 2.0, wallet=500.0),
    ]
    for account in apart:
        outcome = run(account, 900.0, 900.0, close="market", net_first=True)
        assert "netted" not in [entry.kind for entry in outcome.ledger]
        assert (outcome.liquidated >= 0).any()


def test_netting_is_done_on_each_path_for_itself():
    account = hedged(3.0, -2.0, wallet=180.0)
    prices = np.array([[[900.0] * 2], [[1_000.0] * 2], [[905.0] * 2]])
    outcome = simulate(account, prices, rules=Rules(close="market", net_first=True))
    assert outcome.size.tolist() == [[approx(1.0), 0.0], [3.0, -2.0], [approx(1.0), 0.0]]


# --- who bears a shortfall ------------------------------------------------------------------------------------


def bankrupt(*others, wallet=0.0):
    """Return an account with a long of 10,000 and 1,000 of margin, which lacks 500 at 8,500, and others."""
    return held((contract(0.02), 1.0, 10_000.0, 1_000.0), *others, wallet=wallet)


@pytest.mark.parametrize(("fund", "paid"), [(np.inf, 500.0), (200.0, 200.0), (0.0, 0.0)])
def test_a_shortfall_is_paid_by_the_fund_as_far_as_it_goes_and_others_bear_the_rest(fund, paid):
    outcome = run(bankrupt(), 8_500.0, fund=fund)
    assert (outcome.shortfall, outcome.fund_paid, outcome.uncovered) == (
        approx(500.0),
        approx(paid, abs=1e-9),
        approx(500.0 - paid, abs=1e-9),
    )
    assert outcome.fund == approx(fund - paid, abs=1e-9)


@pytest.mark.parametrize("winner", [(-1.0, 10_000.0, 100.0), (-1.0, 10_000.0)], ids=["isolated", "cross"])
def test_ones_own_winner_never_pays_for_ones_own_isolated_loss(winner):
    # The same market, the same step, an empty fund: the short keeps the 1,500 it has made.
    outcome = run(bankrupt((contract(0.02), *winner)), 8_500.0, 8_500.0, fund=0.0)
    assert (outcome.size.tolist(), outcome.uncovered) == ([0.0, -1.0], approx(500.0))
    assert (outcome.deleveraged.tolist(), outcome.realized[1]) == ([0.0, 0.0], 0.0)
    assert [entry.kind for entry in outcome.ledger] == ["taken over", "uncovered"]


def test_ones_own_isolated_winner_never_pays_for_ones_own_broken_pool():
    account = held((contract(0.02), 1.0, 10_000.0), (contract(0.02, "Y"), -0.1, 10_000.0, 100.0), wallet=1_000.0)
    outcome = run(account, 8_500.0, 8_500.0, fund=0.0)
    assert (outcome.wallet, outcome.uncovered) == (0.0, approx(500.0))
    assert (outcome.size.tolist(), outcome.margin.tolist()) == ([0.0, -0.1], [0.0, 100.0])


def test_a_short_that_is_closed_is_held_at_zero_without_a_sign():
    short = held((contract(0.02), -1.0, 10_000.0, 1_000.0))
    closed = run(short, 10_900.0, close="market")
    netted = run(
        held((contract(0.02), 1.0, 10_000.0), (contract(0.02), -1.0, 9_000.0), wallet=1_000.0),
        *[9_000.0] * 2,
        net_first=True,
    )
    for outcome in (closed, netted):
        assert not outcome.size.any()
        assert not np.signbit(outcome.size).any()


def test_whether_a_pool_is_at_its_end_is_asked_on_each_path_for_itself():
    # X has lost 900 and leaves 100 of the wallet, 182 are required; half of 9,100 is lost to an empty book.
    # On the first path nothing else is held, on the second a Y, which is taken over then.
    contracts = [contract(0.02), contract(0.02, "Y")]
    account = Account(wallet=1_000.0, contracts=contracts, size=[[1.0, 0.0], [1.0, 1.0]], entry=[10_000.0, 100.0])
    outcome = run(account, 9_100.0, 100.0, close="market", depth=1.0)
    assert outcome.shortfall.tolist() == [approx(4_450.0), approx(4_450.0)]
    assert outcome.wallet.tolist() == [0.0, 0.0]
    assert outcome.liquidated.tolist() == [[0, -1], [0, 0]]


def test_the_fund_of_each_path_is_its_own_and_goes_from_one_shortfall_to_the_next():
    account = held((contract(0.02), 1.0, 10_000.0, 1_000.0), (contract(0.02, "Y"), 1.0, 10_000.0, 1_000.0))
    prices = np.array([[[8_500.0, 10_000.0], [8_500.0, 8_900.0]], [[10_000.0, 10_000.0], [10_000.0, 8_900.0]]])
    outcome = simulate(account, prices, rules=Rules(fund=550.0))
    assert outcome.fund_paid.tolist() == [approx(550.0), approx(100.0)]
    assert outcome.uncovered.tolist() == [approx(50.0), 0.0]


def test_a_position_liquidated_again_keeps_the_step_of_its_first_end():
    account = replace(held((Contract("X", FLAT), 1.0, 10_000.0, 500.0), wallet=5_000.0), leverage=[20.0])
    actions = [Open(step=1, position=0, size=1.0)]
    outcome = simulate(account, [[9_000.0], [9_000.0], [8_000.0]], actions=actions)
    assert [entry.kind for entry in outcome.ledger] == ["taken over", "fund paid", "opened", "taken over", "fund paid"]
    assert outcome.liquidated.tolist() == [0]
