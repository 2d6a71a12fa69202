"""A small risk engine that knows nothing but the file of vectors, in exact fractions.

Formulas are those of `tests.oracle`; numbers are read as the decimals they are written as. It is how an engine in
another language would take the file up, and imports nothing of marginlab.
"""

from __future__ import annotations

import json
from fractions import Fraction
from types import SimpleNamespace

from .. import oracle


def read(text):
    """Return the file with every number as the fraction that its decimals say."""
    return json.loads(text, parse_float=Fraction, parse_int=Fraction)


def agrees(answer, expected, file):
    """Return whether an answer is the expected one, to its tolerance."""
    value = expected["value"]
    if value is None or isinstance(value, bool) or answer is None:
        return answer is value
    tolerance = {**file["tolerance"], **{name: expected[name] for name in ("rel_tol", "abs_tol") if name in expected}}
    return abs(answer - value) <= max(tolerance["abs_tol"], tolerance["rel_tol"] * abs(value))


def answers(vector, file):
    """Return the answer to everything that a vector expects, in its order."""
    if vector["about"] == "rules":
        found = Step(vector, file).after()
        return [found[one["quantity"]] for one in vector["expected"]]
    account = State(vector, file)
    return [account.answer(one) for one in vector["expected"]]


class State:
    """An account at its marks."""

    def __init__(self, vector, file):
        given = vector["input"]
        self.wallet = given["wallet"] or Fraction(0)
        self.convention = SimpleNamespace(**file["conventions"][vector["convention"]])
        self.rows = [_position(row, file) for row in given["positions"]]

    def answer(self, expected):
        """Answer one question, of one position or of the account."""
        rows = [row for row in self.rows if expected.get("symbol") in (None, row.symbol)]
        ask = getattr(self, expected["quantity"])
        if expected["quantity"] == "equity" and "symbol" not in expected:
            return self.wallet + sum(row.margin + row.pnl for row in self.rows)
        found = [ask(row, expected) for row in rows]
        if expected["quantity"] == "liquidatable":
            return any(found)
        if expected["quantity"] == "margin_ratio":
            return max(found)
        return found[0] if len(found) == 1 else sum(found)

    def at(self, row, expected):
        """Return the price that a quantity is asked at."""
        prices = {"entry": row.entry, "mark": row.mark}
        place = expected.get("at", "mark")
        return prices[place] if place in prices else self.liquidation_price(row, expected)

    def notional(self, row, expected):
        return self._value_at(row, self.at(row, expected))

    def unrealized_pnl(self, row, _expected):
        return row.pnl

    def initial_margin(self, row, expected):
        return self.notional(row, expected) / row.leverage

    def bracket(self, row, _expected):
        return oracle.brackets(row.contract.tiers).index(self._bracket(row))

    def max_leverage(self, row, expected):
        return row.contract.tiers.max_leverage[self.bracket(row, expected)]

    def _bracket(self, row):
        tiers = row.contract.tiers
        value = self._value_at(row, row.mark)
        return oracle.bracket_of(tiers, abs(row.size) if tiers.measured_in == "contracts" else value)

    def maintenance_margin(self, row, expected):
        return oracle.maintenance(row.contract, row.size, self.at(row, expected))

    def equity(self, row, _expected):
        if row.mode == "isolated":
            return row.margin + row.pnl
        return self.wallet + sum(other.pnl for other in self.pool())

    def pool(self):
        """Return the cross positions."""
        return [row for row in self.rows if row.mode == "cross"]

    def backing(self, row):
        """Return what stands behind a position: its margin, or the pool less what its others make and need."""
        if row.mode == "isolated":
            return row.margin
        pool = self.pool()
        legs, marks = [one.leg for one in pool], [one.mark for one in pool]
        return oracle.backing(self.wallet, legs, marks, self.convention, pool.index(row))

    def liquidation_price(self, row, _expected):
        return oracle.liquidation_price(*row.leg, self.backing(row), row.mark, self.convention)

    def bankruptcy_price(self, row, _expected):
        backing = row.margin
        if row.mode == "cross":
            backing = self.wallet + sum(other.pnl for other in self.pool() if other is not row)
        return oracle.bankruptcy_price(*row.leg, backing, self.convention)

    def needed(self, row):
        """Return what the equity behind a position must cover: its own requirement, or that of its pool."""
        unit = [row] if row.mode == "isolated" else self.pool()
        return sum(self.requirement(one, {}) for one in unit)

    def margin_ratio(self, row, expected):
        equity = self.equity(row, expected)
        return self.needed(row) / equity if equity > 0 else None

    def liquidatable(self, row, expected):
        need, equity = self.needed(row), self.equity(row, expected)
        return equity <= need if self.convention.at_equality else equity < need

    def requirement(self, row, _expected):
        need = oracle.requirement([row.leg], [row.mark], self.convention)
        price = self.bankruptcy_price(row, {}) if self.convention.closing_fee_at == "bankruptcy" else None
        return need if price is None else need + self.convention.closing_fee * self._value_at(row, price)

    def _value_at(self, row, price):
        return oracle.notional(row.contract, row.size, price)

    def funding_payment(self, row, expected):
        side = 1 if row.size > 0 else -1
        return sum(-side * self._value_at(row, event["mark"]) * event["rate"] for event in expected["events"])


class Step(State):
    """One step of an isolated position: funding at the mark, then the venue's look at it."""

    def __init__(self, vector, file):
        super().__init__(vector, file)
        (self.row,) = self.rows
        self.rate, self.rules = vector["input"]["funding_rate"], SimpleNamespace(**vector["rules"])

    def after(self):
        """Return everything that may be asked after the step."""
        value = self._value_at(self.row, self.row.mark)
        received = (-1 if self.row.size > 0 else 1) * value * self.rate
        from_wallet = received if received > 0 else max(received, -max(self.wallet, 0))
        if self.rules.isolated_funding == "margin":
            from_wallet = 0
        self.wallet += from_wallet
        self.row.margin += received - from_wallet
        closed, left = self.liquidatable(self.row, {}), self.equity(self.row, {})
        sold = closed and self.rules.close == "market" and left > 0
        fee = min(self.rules.liquidation_fee * value, left) if sold else 0
        return {
            "wallet_after": self.wallet + (left - fee if sold else 0),
            "margin_after": 0 if closed else self.row.margin,
            "size_after": 0 if closed else self.row.size,
            "funding_payment": received,
            "liquidation_fee": fee,
            "forfeited": left if closed and not sold and left > 0 else 0,
            "shortfall": -left if closed and left < 0 else 0,
        }


def _position(row, file):
    """Return a position with its contract, from the table that it names or from what it states itself."""
    stated = file["tables"][row["table"]] if "table" in row else row
    tiers = SimpleNamespace(**stated["brackets"])
    contract = SimpleNamespace(kind=stated["kind"], multiplier=stated["multiplier"], tiers=tiers)
    mark = row["entry"] if row["mark"] is None else row["mark"]
    return SimpleNamespace(
        contract=contract,
        leg=(contract, row["size"], row["entry"]),
        mark=mark,
        pnl=oracle.pnl(contract, row["size"], row["entry"], mark),
        margin=row["margin"] or Fraction(0),
        leverage=row.get("leverage"),
        **{name: row[name] for name in ("symbol", "size", "entry", "mode")},
    )
