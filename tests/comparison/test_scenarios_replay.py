"""Replays: the marks move as the event did, and every closing is the one that the exact-fraction referee makes."""

from __future__ import annotations

import pytest

from marginlab import Account, Contract, Position, Rules, Tiers, event, event_names
from marginlab.comparison import compare, replay
from marginlab.portfolio import preset, preset_names

from ..reference import run
from ..scenarios import differences

BTC, ETH, SOL = (Contract(name, Tiers.flat(0.01, max_leverage=50)) for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT"))
MARKS = [50_000.0, 2_000.0, 100.0]


def three(mode="isolated", leverage=2, wallet=0.0):
    return Account.of(
        [
            Position(BTC, 1, 50_000, mode, leverage),
            Position(ETH, 20, 2_000, mode, leverage),
            Position(SOL, -400, 100, mode, leverage),
        ],
        wallet=wallet,
    )


@pytest.mark.long
@pytest.mark.parametrize("name", preset_names())
def test_replays_of_presets_agree_with_the_exact_fractions_event_by_event(name):
    one = preset(name)
    comparison = compare(one.account, one.marks, venue=one.venue)
    assert [replayed.event for replayed in comparison.replays] == list(event_names())
    for replayed in comparison.replays:
        for column, account in comparison.accounts.items():
            exact = run(account, replayed.prices, comparison.rules, funding=replayed.funding)
            assert differences(replayed.outcomes[column], exact) == [], (replayed.event, column)


@pytest.mark.parametrize("name", event_names())
def test_the_marks_move_as_the_events_markets_did(name):
    replayed, path = replay({"mine": three()}, MARKS, name), event(name).path()
    assert replayed.title == event(name).title
    assert replayed.prices[0].tolist() == MARKS
    # BTC as BTC, all others as ETH.
    for i, market in enumerate((0, 1, 1)):
        moves = path.prices[:, market] / path.prices[0, market]
        assert replayed.prices[:, i] / MARKS[i] == pytest.approx(moves, rel=1e-12)
        assert (replayed.funding[:, i] == path.funding[:, market]).all()
    assert (replayed.times == path.times).all()


def test_losses_are_told_in_the_order_in_which_they_happened():
    replayed = replay({"mine": three(leverage=10)}, MARKS, "covid-2020")
    losses = replayed.losses("mine")
    # 10x loses its margin at about 9 %: the longs on the first day, BTC later than ETH; the short on no day.
    assert [loss.symbol for loss in losses] == ["ETHUSDT", "BTCUSDT"]
    assert [loss.kind for loss in losses] == ["taken over"] * 2
    assert losses[0].time < losses[1].time
    for loss in losses:
        assert loss.time == replayed.times[loss.step]
        assert loss.price == replayed.prices[loss.step, loss.position]
        assert loss.size == -three().size[loss.position]
        entry = three().entry[loss.position]
        assert loss.amount == pytest.approx(-loss.size * (loss.price - entry))
    assert replayed.lost("mine") == 2


def test_fees_and_impact_are_part_of_a_loss():
    rules = Rules(close="market", liquidation_fee=0.01, depth=1_000_000)
    account = Account.of([Position(BTC, 1, 50_000, "cross", 10)], wallet=5_000)
    replayed = replay({"mine": account}, MARKS[:1], "jun-2026", rules=rules)
    (loss,), outcome = replayed.losses("mine"), replayed.outcomes["mine"]
    assert outcome.fees[0] > 0
    # Selling X costs X / (200 D) of X.
    notional = replayed.prices[loss.step, 0]
    assert outcome.impact[0] == pytest.approx(notional**2 / (200 * 1_000_000))
    assert loss.price == pytest.approx(notional - outcome.impact[0])
    assert loss.amount == pytest.approx(notional - 50_000 - outcome.fees[0] - outcome.impact[0])


def test_a_loss_is_what_the_account_is_worth_less_at_the_end():
    account = three("cross", wallet=100_000)
    replayed = replay({"rich": account, "same": account}, MARKS, "jun-2026")
    paid = replayed.outcomes["rich"].funding.sum()
    assert replayed.loss("rich") == pytest.approx(account.equity(MARKS) - account.equity(replayed.prices[-1]) - paid)
    assert replayed.losses("rich") == ()
    assert replayed.lost("rich") == 0
    assert replayed.outcomes["same"] is replayed.outcomes["rich"]


def test_the_equity_after_every_step_is_kept():
    replayed = replay({"mine": three()}, MARKS, "feb-2026")
    outcome = replayed.outcomes["mine"]
    assert outcome.equity_path.shape == replayed.times.shape
    assert outcome.equity_path[-1] == outcome.equity
    assert replayed.start == {"mine": three().equity(MARKS)}


def test_netting_counts_as_a_loss_by_force():
    # The pool fails in the fall; long and short of one contract are closed against each other before the rest goes.
    btc = Contract("BTCUSDT", Tiers.flat(0.01, max_leverage=50))
    account = Account.of([Position(btc, 2, 50_000), Position(btc, -1, 50_000)], wallet=10_000)
    losses = replay({"mine": account}, [50_000, 50_000], "covid-2020", rules=Rules(net_first=True)).losses("mine")
    assert [(loss.kind, loss.position) for loss in losses] == [("netted", 0), ("netted", 1), ("taken over", 0)]


def test_an_unknown_event_is_refused():
    with pytest.raises(ValueError, match=r"^name must be one of 'covid-2020'"):
        replay({"mine": three()}, MARKS, "1929")
