"""What is reported of a run: figures of the right shape, which balance to the last cent."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from marginlab import Account, Close, Contract, Deleverage, Ledger, Outcome, Rules, Tiers, simulate
from marginlab.simulation.results import RECORD

INF = float("inf")

# Maintenance of one sixteenth; fees and rates are powers of two as well, so that what is worked out by hand is exact.
BTC = Contract("BTCUSDT", Tiers.flat(0.0625, max_leverage=8))
ETH = Contract("ETHUSDT", Tiers.flat(0.0625, max_leverage=8))
LONG = Account(500, [BTC], [1], [1_600], mode="isolated", margin=160)
PAIR = Account(500, [BTC, ETH], [1, -1], [1_600, 1_600], mode=["isolated", "cross"], margin=[160, 0])

PER_PATH = (
    "balance",
    "wallet",
    "equity",
    "forfeited",
    "shortfall",
    "fund_paid",
    "uncovered",
    "fund",
    "fund_received",
    "refused",
    "profit",
)
PER_POSITION = (
    "margin",
    "size",
    "entry",
    "isolated",
    "liquidated",
    "realized",
    "funding",
    "fees",
    "impact",
    "deleveraged",
    "forgone",
    "survived",
)
PATHS = ("equity_path", "requirement_path", "size_path")


class Run(NamedTuple):
    """A run worked out by hand: what goes in, and what is to come out."""

    account: Account
    prices: list
    options: dict
    expected: dict

    @property
    def outcome(self):
        return simulate(self.account, self.prices, **self.options)


RUNS = {
    # 160 − 200 = −40: the fund has 25, and 15 stay uncovered.
    "taken over with a loss": Run(
        LONG,
        [[1_600], [1_400]],
        {"rules": Rules(fund=25)},
        {
            "balance": 660,
            "wallet": 500,
            "margin": [0],
            "size": [0],
            "entry": [1_600],
            "isolated": [True],
            "equity": 500,
            "profit": -160,
            "liquidated": [1],
            "survived": [False],
            "realized": [-200],
            "shortfall": 40,
            "fund_paid": 25,
            "uncovered": 15,
            "fund": 0,
        },
    ),
    # 160 − 120 − 1,480 / 128 = 28.4375 are left; the fund gets them and half of the fee.
    "taken over with something left": Run(
        LONG,
        [[1_480]],
        {"rules": Rules(liquidation_fee=0.0078125, fund_share=0.5, fund=100)},
        {
            "balance": 660,
            "wallet": 500,
            "equity": 500,
            "profit": -160,
            "liquidated": [0],
            "realized": [-120],
            "fees": [11.5625],
            "forfeited": 28.4375,
            "fund_received": 34.21875,
            "fund": 134.21875,
        },
    ),
    # 40 are missing, 15 come from the fund, others bear 25; half of the short is closed for others, 100 above the mark.
    "borne by others, and deleveraged for others": Run(
        PAIR,
        [[1_400, 1_400]],
        {"rules": Rules(fund=15), "actions": [Deleverage(step=0, position=1, share=0.5, price=1_500)]},
        {
            "balance": 660,
            "wallet": 550,
            "size": [0, -0.5],
            "isolated": [True, False],
            "equity": 650,
            "profit": -10,
            "liquidated": [0, -1],
            "survived": [False, True],
            "realized": [-200, 100],
            "shortfall": 40,
            "fund_paid": 15,
            "uncovered": 25,
            "deleveraged": [0, 0.5],
            "forgone": [0, 50],
            "fund": 0,
        },
    ),
    # The book takes 1,400 at 1 % below the mark, 14; the fee is 1,400 / 64, half of it the fund's.
    "liquidated in the market": Run(
        Account(250, [BTC], [1], [1_600]),
        [[1_400]],
        {"rules": Rules(close="market", depth=700, liquidation_fee=0.015625, fund_share=0.5)},
        {
            "balance": 250,
            "wallet": 14.125,
            "isolated": [False],
            "equity": 14.125,
            "profit": -235.875,
            "liquidated": [0],
            "realized": [-200],
            "fees": [21.875],
            "impact": [14],
            "fund": INF,
            "fund_received": 10.9375,
        },
    ),
    # 1,600 / 128 of funding, half of it closed 128 higher less 864 / 128, the other half 64 higher in the end.
    "closed by half": Run(
        Account(1_000, [BTC], [1], [1_600]),
        [[1_600], [1_728], [1_664]],
        {
            "rules": Rules(trading_fee=0.0078125),
            "funding": [[0.0078125], [0], [0]],
            "actions": [Close(step=1, position=0, share=0.5)],
        },
        {
            "balance": 1_000,
            "wallet": 1_044.75,
            "size": [0.5],
            "equity": 1_076.75,
            "profit": 76.75,
            "liquidated": [-1],
            "survived": [True],
            "realized": [64],
            "funding": [-12.5],
            "fees": [6.75],
        },
    ),
    "refused": Run(
        LONG,
        [[1_600]],
        {"actions": [Close(step=0, position=0)] * 3, "on_refusal": "record"},
        {"balance": 660, "wallet": 660, "equity": 660, "profit": 0, "refused": 2, "liquidated": [-1]},
    ),
}
WORKED_OUT = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@WORKED_OUT
def test_a_run_comes_to_what_was_worked_out_by_hand(run):
    outcome = run.outcome
    for name, value in run.expected.items():
        np.testing.assert_array_equal(getattr(outcome, name), value, err_msg=name)
    # What is not listed did not happen.
    flows = {"realized", "funding", "fees", "impact", "forfeited", "shortfall", "fund_paid", "uncovered"}
    for name in (flows | {"fund_received", "refused", "deleveraged", "forgone"}) - set(run.expected):
        assert not np.any(getattr(outcome, name)), name


@WORKED_OUT
def test_no_money_is_lost(run):
    outcome, account = run.outcome, run.account
    marks = zip(account.contracts, outcome.size, outcome.entry, run.prices[-1], strict=True)
    unrealized = sum(contract.unrealized_pnl(*of) for contract, *of in marks)
    gained = outcome.realized.sum() + unrealized + outcome.funding.sum()
    spent = (outcome.fees + outcome.impact + outcome.forgone).sum() + outcome.forfeited - outcome.shortfall
    assert outcome.equity == outcome.balance + gained - spent
    assert outcome.shortfall == outcome.fund_paid + outcome.uncovered
    rules = run.options.get("rules", Rules())
    assert outcome.fund == rules.fund + outcome.fund_received - outcome.fund_paid
    assert outcome.balance == account.wallet + account.margin.sum()


def test_one_path_is_told_in_numbers_and_one_array_entry_a_position():
    outcome = simulate(PAIR, [[1_600, 1_600]] * 3, record=RECORD)
    for name in PER_PATH:
        assert type(getattr(outcome, name)) is (int if name == "refused" else float), name
    for name in PER_POSITION:
        assert getattr(outcome, name).shape == (2,), name
    assert [getattr(outcome, name).shape for name in PATHS] == [(3,), (3,), (3, 2)]
    assert isinstance(outcome.ledger, Ledger)
    assert [getattr(outcome, name).dtype for name in ("isolated", "survived", "liquidated")] == [bool, bool, np.int32]


@pytest.mark.parametrize("paths", [1, 4])
def test_an_ensemble_has_the_path_in_the_first_axis(paths):
    outcome = simulate(PAIR, iter(np.full((3, paths, 2), 1_600.0)), record=RECORD)
    for name in PER_PATH:
        assert getattr(outcome, name).shape == (paths,), name
    for name in PER_POSITION:
        assert getattr(outcome, name).shape == (paths, 2), name
    assert [getattr(outcome, name).shape for name in PATHS] == [(paths, 3), (paths, 3), (paths, 3, 2)]
    assert outcome.ledger is None


@pytest.mark.parametrize("record", [(), ("size",), ["requirement", "equity"]])
def test_only_what_is_asked_for_is_recorded(record):
    outcome = simulate(PAIR, [[1_600, 1_600]] * 3, record=record)
    assert {name for name in RECORD if getattr(outcome, f"{name}_path") is not None} == set(record)


def test_what_is_recorded_is_how_things_stand_after_each_step():
    path = [[1_600, 1_600], [1_552, 1_664], [1_400, 1_400], [1_200, 1_600]]
    outcome = simulate(PAIR, path, rules=Rules(fund=0), record=RECORD)
    # 660; 660 − 48 − 64; then 40 are missing and borne by others, and the short keeps what it won: 500 + 200; 500 + 0
    assert outcome.equity_path.tolist() == [660, 548, 700, 500]
    # A sixteenth of 3,200, of 3,216, of 1,400 and of 1,600
    assert outcome.requirement_path == pytest.approx([200, 201, 87.5, 100], rel=1e-15)
    assert outcome.size_path.tolist() == [[1, -1], [1, -1], [0, -1], [0, -1]]
    assert outcome.equity == outcome.equity_path[-1]


def test_each_path_of_an_ensemble_is_recorded_for_itself():
    prices = np.array([[[1_600.0], [1_552.0]], [[1_552.0], [1_400.0]]])
    outcome = simulate(LONG, prices, record=RECORD)
    # 160 − 48 is enough, 160 − 200 is not.
    assert outcome.equity_path.tolist() == [[660, 612], [612, 500]]
    assert outcome.requirement_path.tolist() == [[100, 97], [97, 0]]
    np.testing.assert_array_equal(outcome.size_path, [[[1], [1]], [[1], [0]]])
    assert outcome.liquidated.tolist() == [[-1], [1]]


def test_profit_is_what_is_left_beyond_what_was_put_in():
    outcome = simulate(LONG, np.array([[[1_700.0]], [[1_560.0]]]))
    assert outcome.balance.tolist() == [660, 660]
    assert outcome.profit.tolist() == [100, -40]


def test_a_position_survives_if_it_was_never_closed_as_a_whole_by_force():
    outcome = simulate(LONG, np.array([[[1_600.0]], [[1_400.0]]]))
    assert outcome.liquidated.tolist() == [[-1], [0]]
    assert outcome.survived.tolist() == [[True], [False]]


def test_an_outcome_in_words_adds_up_to_what_is_left():
    text = str(RUNS["closed by half"].outcome)
    assert text.splitlines()[1:] == [
        "put in                      1,000.00",
        "realised                       64.00",
        "unrealised                     32.00",
        "funding                       -12.50",
        "fees and impact                -6.75",
        "forgone by ADL                  0.00",
        "forfeited                       0.00",
        "borne by others                 0.00",
        "left                        1,076.75",
    ]
    assert text.splitlines()[0] == "1 path, 1 position"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        (
            "borne by others, and deleveraged for others",
            {"realised": -100, "unrealised": 100, "forgone by ADL": -50, "borne by others": 40, "left": 650},
        ),
        ("liquidated in the market", {"realised": -200, "fees and impact": -35.875, "left": 14.125}),
        ("taken over with something left", {"fees and impact": -11.5625, "forfeited": -28.4375, "left": 500}),
    ],
)
def test_each_row_in_words_is_money_that_came_or_went(name, rows):
    lines = {line[:16].rstrip(): line[16:] for line in str(RUNS[name].outcome).splitlines()[1:]}
    assert {row: float(shown.replace(",", "")) for row, shown in lines.items() if row in rows} == {
        row: round(value, 2) for row, value in rows.items()
    }
    *parts, left = (float(shown.replace(",", "")) for shown in lines.values())
    assert sum(parts) == pytest.approx(left, abs=0.03)


def test_an_ensemble_in_words_is_told_in_means():
    outcome = simulate(PAIR, np.array([[[1_600.0, 1_500.0]], [[1_600.0, 1_700.0]], [[1_540.0, 1_600.0]]]))
    assert str(outcome).splitlines() == [
        "3 paths, 2 positions (means)",
        "put in                        660.00",
        "realised                        0.00",
        "unrealised                    -20.00",
        "funding                         0.00",
        "fees and impact                 0.00",
        "forgone by ADL                  0.00",
        "forfeited                       0.00",
        "borne by others                 0.00",
        "left                          640.00",
    ]
    # Half of the long is closed 0, 80 and 160 above its entry; what the other half gains, the short loses.
    prices = 1_600 + np.array([[[0.0, 0]], [[80, 80]], [[160, 160]]])
    held = Account(1_000, [BTC, ETH], [2, -1], [1_600, 1_600])
    close = [Close(step=0, position=0, share=0.5)]
    outcome = simulate(held, prices, rules=Rules(trading_fee=0.0078125), funding=0.0078125, actions=close)
    # In the mean 80, 80 − 80, 1,680 / 128 received and twice that paid, and 1,680 / 128.
    assert str(outcome).splitlines()[2:6] == [
        "realised                       80.00",
        "unrealised                      0.00",
        "funding                       -13.12",
        "fees and impact               -13.12",
    ]
    alone = simulate(PAIR, iter([[[1_600.0, 1_500.0]]]))
    assert str(alone).splitlines()[0] == "1 path, 2 positions"
    many = simulate(PAIR, iter([np.full((1_200, 2), 1_600.0)]))
    assert str(many).startswith("1,200 paths, 2 positions (means)\n")


PRICES = 1_600 * np.array([[1.0, 1], [0.875, 1.125], [1.25, 0.75], [0.75, 0.5], [1.5, 1.5]])[:, None]


def same(one, other):
    """Check that two outcomes agree in every figure."""
    for field in dataclasses.fields(Outcome):
        theirs, ours = getattr(one, field.name), getattr(other, field.name)
        if theirs is None:
            assert ours is None
        else:
            np.testing.assert_array_equal(theirs, ours, strict=True, err_msg=field.name)


@pytest.mark.parametrize("record", [(), RECORD])
@pytest.mark.parametrize("cuts", [[2], [1, 3], [1, 2, 3, 4]])
def test_ensembles_joined_are_as_one(record, cuts):
    rules = Rules(fund=100, liquidation_fee=0.01)
    parts = [
        simulate(PAIR, iter(part.transpose(1, 0, 2)), rules=rules, record=record) for part in np.split(PRICES, cuts)
    ]
    joined = Outcome.joined(parts)
    same(joined, simulate(PAIR, PRICES, rules=rules, record=record))
    assert joined.ledger is None
    assert joined.balance.shape == (5,)


def test_one_outcome_joined_is_itself():
    outcome = RUNS["closed by half"].outcome
    assert Outcome.joined([outcome]) is outcome


def test_outcomes_are_compared_figure_by_figure_and_not_as_a_whole():
    one, other = RUNS["refused"].outcome, RUNS["refused"].outcome
    assert one != other
    assert len({one, other}) == 2


def test_an_outcome_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RUNS["refused"].outcome.equity = 0
