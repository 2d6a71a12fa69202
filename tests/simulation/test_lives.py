"""Random lives: an account at a venue, step by step through whatever its trader and the market do.

After every step the exact referee, which begins it from the same account, has come to the same; and what must hold of
any account holds of this one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from marginlab import (
    Account,
    AddMargin,
    Close,
    Contract,
    Deleverage,
    Open,
    Order,
    Position,
    SetLeverage,
    Stop,
    Switch,
    Tiers,
    Trade,
    simulate,
    venue,
)

from ..reference import run
from ..scenarios import differences

TABLES = {
    "BTCUSDT": Tiers([0, 4_096, 16_384], [0.0078125, 0.015625, 0.03125], max_leverage=[64, 32, 16]),
    "ETHUSDT": Tiers([0, 8_192], [0.015625, 0.0625], 0, max_leverage=[32, 8]),
}
BTC, ETH = (Contract(symbol, tiers, currency="USDT") for symbol, tiers in TABLES.items())
# A market that is held twice, and one beside it.
HELD = (BTC, ETH, BTC)
VENUES = ("binance", "bybit", "okx", "hyperliquid", "dydx", "bingx")
START = {BTC: 1_024.0, ETH: 64.0}
rows = st.integers(0, len(HELD) - 1)
sixteenths = st.integers(1, 16).map(lambda part: part / 16)
signs = st.sampled_from([1.0, -1.0])
leverages = st.sampled_from([2.0, 4.0, 8.0, 16.0])


class Life(RuleBasedStateMachine):
    """An account, and what befalls it."""

    @initialize(name=st.sampled_from(VENUES), wallet=st.integers(1, 12).map(lambda part: 128.0 * part))
    def begin(self, name, wallet):
        self.rules, counts = venue(name).rules.value, venue(name).convention.value
        self.marks = [START[contract] for contract in HELD]
        held = [Position(BTC, 1.0, 1_024.0, leverage=8), Position(ETH, -8.0, 64.0, mode="isolated", leverage=4)]
        none = Account.of([*held, Position(BTC, -0.5, 1_024.0, leverage=8)], wallet=wallet, convention=counts)
        self.account, self.number = none, 0
        self.step()

    def step(self, *actions, funding=None):
        """Go one step, in the engine and beside it; what is left is the account of the next."""
        before, self.number = self.account, self.number + 1
        settings = {"actions": actions, "funding": funding, "on_refusal": "record", "seed": self.number}
        outcome = simulate(before, [self.marks], rules=self.rules, record=["equity", "requirement", "size"], **settings)
        assert differences(outcome, run(before, [self.marks], self.rules, **settings)) == []
        self.account = Account(
            outcome.wallet,
            HELD,
            outcome.size,
            outcome.entry,
            ["isolated" if alone else "cross" for alone in outcome.isolated],
            outcome.margin,
            outcome.leverage,
            before.convention,
            before.orders,
        )
        self.books_balance(before, outcome)

    def books_balance(self, before, outcome):
        """Check that what left the account is what others got, to rounding."""
        got = outcome.realized + outcome.funding - outcome.fees - outcome.impact - outcome.forgone
        others = got.sum() - outcome.forfeited + outcome.fund_paid + outcome.uncovered
        money = [one.wallet + one.margin.sum() for one in (before, self.account)]
        assert np.isclose(money[1] - money[0], others, atol=1e-9 * (1 + abs(money[0]) + abs(got).sum()))

    @rule(btc=st.integers(-40, 60), eth=st.integers(-40, 60))
    def move_the_market(self, btc, eth):
        """Let prices go elsewhere, also far."""
        moved = {BTC: 1 + btc / 128, ETH: 1 + eth / 128}
        self.marks = [round(mark * moved[contract] * 64) / 64 for contract, mark in zip(HELD, self.marks, strict=True)]
        self.step()

    @rule(fall=st.integers(16, 100), of=st.sampled_from([BTC, ETH]), way=signs)
    def crash(self, fall, of, way):
        """Let one market fall, or rise, farther than most that is held can bear."""
        move = 1 - fall / 128 if way < 0 else 1 + fall / 64
        self.marks = [mark * move if contract == of else mark for contract, mark in zip(HELD, self.marks, strict=True)]
        self.step()

    @rule(rate=st.integers(-8, 8))
    def fund(self, rate):
        """Let funding fall due."""
        self.step(funding=[rate / 1_024, -rate / 2_048, rate / 1_024])

    @rule(row=rows, size=sixteenths, sign=signs, leverage=leverages | st.none())
    def open(self, row, size, sign, leverage):
        """Open a position or add to it."""
        self.step(Open(step=0, position=row, size=sign * size * (32 if row == 1 else 2), leverage=leverage))

    @rule(row=rows, size=sixteenths, sign=signs)
    def flip(self, row, size, sign):
        """Trade through zero."""
        self.step(Trade(step=0, position=row, size=sign * size * (64 if row == 1 else 4)))

    @rule(row=rows, share=sixteenths)
    def close(self, row, share):
        """Close a position, or a part."""
        self.step(Close(step=0, position=row, share=share))

    @rule(row=rows, amount=st.integers(-64, 64).filter(bool))
    def withdraw(self, row, amount):
        """Take margin out of a position, or put some in."""
        self.step(AddMargin(step=0, position=row, amount=4.0 * amount))

    @rule(row=rows, mode=st.sampled_from(["cross", "isolated"]))
    def switch(self, row, mode):
        """Change the mode of a position."""
        self.step(Switch(step=0, position=row, mode=mode))

    @rule(row=rows, leverage=leverages)
    def set_leverage(self, row, leverage):
        """Change the leverage of a position."""
        self.step(SetLeverage(step=0, position=row, leverage=leverage))

    @rule(row=rows, share=sixteenths)
    def deleverage(self, row, share):
        """Lose a winner to the liquidation of others."""
        self.step(Deleverage(step=0, position=row, share=share))

    @rule(row=rows, below=st.booleans())
    def stop(self, row, below):
        """Leave a stop that is reached at once, or not in this step."""
        self.step(Stop(step=0, position=row, price=self.marks[row] * (0.875 if below else 1.125)))

    @precondition(lambda self: len(self.account.orders) < 2)
    @rule(row=rows, size=sixteenths, sign=signs, mode=st.sampled_from(["cross", "isolated"]))
    def order(self, row, size, sign, mode):
        """Leave an order, which ties up margin."""
        waiting = Order(HELD[row], sign * size, self.marks[row], mode=mode, leverage=8)
        self.account = replace(self.account, orders=[*self.account.orders, waiting])
        self.step()

    @precondition(lambda self: self.account.orders)
    @rule()
    def cancel(self):
        """Take all orders back."""
        self.account = replace(self.account, orders=())
        self.step()

    @invariant()
    def what_holds_of_any_account_holds_of_this_one(self):
        account = getattr(self, "account", None)
        if account is None:
            return
        marks = np.array(self.marks)
        for column in (account.size, account.entry, account.margin, account.equity(marks)):
            assert np.isfinite(column).all()
        assert not account.margin[~account.isolated].any()
        # What fails is closed in the step in which it fails, unless a round of parts is all that a venue closes then.
        assert (
            self.rules.rounds is not None
            or not (account.liquidatable(marks) & (account.size != 0)).any()
            or (self.rules.part == "restore")
        )
        prices = account.liquidation_price(marks)
        assert (prices[~np.isnan(prices)] > 0).all()


TestLife = pytest.mark.long(Life.TestCase)
TestLife.settings = settings(max_examples=max(settings.default.max_examples // 2, 1), stateful_step_count=20)
