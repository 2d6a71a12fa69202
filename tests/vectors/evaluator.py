"""A small risk engine that knows nothing but the file of vectors, in exact fractions.

Formulas are those of `tests.oracle`; numbers are read as the decimals they are written as. It is how an engine in
another language would take the file up, and imports nothing of marginlab.
"""

from __future__ import annotations

import json
from fractions import Fraction
from types import SimpleNamespace

from .. import oracle, oracle_collateral


def read(text):
    """Return the file with every number as the fraction that its decimals say, and its tables ready to be asked."""
    file = json.loads(text, parse_float=Fraction, parse_int=Fraction)
    for table in file["tables"].values():
        table["tiers"] = _tiers(table)
    return file


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
    account = (Pool if vector["about"] == "collateral" else State)(vector, file)
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
        if "position" in expected:
            rows = [self.rows[int(expected["position"])]]
        ask = getattr(self, expected["quantity"])
        if expected["quantity"] == "free_margin":
            return ask()
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

    def market(self, row):
        """Return the positions that have one price and are counted together: the cross legs of a symbol."""
        return [row] if row.mode == "isolated" else [one for one in self.pool() if one.symbol == row.symbol]

    def others(self, row):
        """Return the cross positions in other markets."""
        return [one for one in self.pool() if one.symbol != row.symbol]

    def counting(self, row):
        """Return how a position is counted: a fee in cross alone is none for an isolated one."""
        spared = row.mode == "isolated" and self.convention.closing_fee_in == "cross"
        return SimpleNamespace(**{**vars(self.convention), "closing_fee_at": "none"}) if spared else self.convention

    def backing(self, row):
        """Return what stands behind a market: its margin, or the pool less what other markets make and need."""
        if row.mode == "isolated":
            return row.margin
        return self.wallet + sum(other.pnl - self.requirement(other, {}) for other in self.others(row))

    def liquidation_price(self, row, expected):
        """Return the price at which a market fails: below, above, or the nearer of the two."""
        legs, toward = self.market(row), expected.get("toward")
        if len(legs) == 1:
            return self._alone(row) if toward in (None, "down" if row.size > 0 else "up") else None
        cash, convention = self.backing(row), self.counting(row)
        if convention.closing_fee_at == "bankruptcy":
            cash -= sum(self.closing_fee(leg) for leg in legs)
        # Where the fee does not rest on it, any will do.
        leverages = [leg.leverage or 1 for leg in legs]
        down, up = oracle.market_prices(cash, [leg.leg for leg in legs], leverages, row.mark, convention)
        if toward is not None:
            return down if toward == "down" else up
        found = [price for price in (down, up) if price is not None]
        return min(found, key=lambda price: abs(price - row.mark), default=None)

    def _alone(self, row):
        """Return the liquidation price of the only leg of a market."""
        convention, backing = self.counting(row), self.backing(row)
        if convention.closing_fee_at == "leverage":
            backing -= self.closing_fee(row)
        return oracle.liquidation_price(*row.leg, backing, row.mark, convention)

    def bankruptcy_price(self, row, _expected):
        """Return the price at which the net of a market's legs has used up what is behind them."""
        legs, convention = self.market(row), self.counting(row)
        backing = row.margin
        if row.mode == "cross":
            backing = self.wallet + sum(other.pnl for other in self.others(row))
        if len(legs) == 1:
            return oracle.bankruptcy_price(*row.leg, backing, convention)
        amounts = [oracle.amount(leg.contract, leg.size) for leg in legs]
        fee = convention.closing_fee if convention.closing_fee_at == "bankruptcy" else 0
        net, fees = sum(amounts), fee * sum(map(abs, amounts))
        if row.contract.kind == "linear":
            at_zero = sum(amount * leg.entry for amount, leg in zip(amounts, legs, strict=True)) - backing
            above, below, brings = at_zero, net - fees, net - fees
        else:
            at_zero = sum(amount / leg.entry for amount, leg in zip(amounts, legs, strict=True)) + backing
            above, below, brings = net + fees, at_zero, net + fees
        # Where the fee on both sides outweighs what the net brings, no move uses the backing up.
        return above / below if brings * net > 0 and below != 0 and above / below > 0 else None

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
        return self._counted_maintenance(row) + self.closing_fee(row)

    def _counted_maintenance(self, row):
        """Return the part of its market's maintenance that is a position's, by how the venue counts."""
        legs, tiers = [leg.leg for leg in self.market(row)], row.contract.tiers
        values, own = self._values(row, self.convention.maintenance_at)
        amounts = [abs(size) for _, size, _ in legs] if tiers.measured_in == "contracts" else values
        sides = oracle.sides(legs, values), oracle.sides(legs, amounts)
        return oracle.leg_maintenance(tiers, row.size, values[own], amounts[own], *sides, self.convention)

    def _values(self, row, place):
        """Return what the legs of a market are worth at entry or at the mark, and which of them a position is."""
        legs = self.market(row)
        values = [self._value_at(leg, leg.entry if place == "entry" else leg.mark) for leg in legs]
        return values, [leg is row for leg in legs].index(True)

    def closing_fee(self, row):
        """Return the fee for closing a position, where the venue requires it."""
        convention = self.counting(row)
        if convention.closing_fee_at == "leverage":
            return oracle.leverage_fee(*row.leg, row.leverage, convention)
        prices = {"liquidation": row.mark}
        if convention.closing_fee_at == "bankruptcy":
            prices["bankruptcy"] = self.bankruptcy_price(row, {})
        price = prices.get(convention.closing_fee_at)
        return Fraction(0) if price is None else convention.closing_fee * self._value_at(row, price)

    def free_margin(self):
        """Return what new cross positions may be opened with."""
        pnl = sum(row.pnl for row in self.pool())
        tied = sum(max(self._tied(row), self.requirement(row, {})) for row in self.pool())
        return self.wallet + (pnl if self.convention.profit_opens else min(pnl, 0)) - tied

    def _tied(self, row):
        """Return the initial margin of what is open, as the venue counts it."""
        values, own = self._values(row, self.convention.initial_at)
        sides = oracle.sides([leg.leg for leg in self.market(row)], values)
        initial = oracle.charged_on(row.size, values[own], sides, self.convention) / row.leverage
        return initial + (self.closing_fee(row) if self.convention.fee_in_initial else 0)

    def _value_at(self, row, price):
        return oracle.notional(row.contract, row.size, price)

    def funding_payment(self, row, expected):
        side = 1 if row.size > 0 else -1
        return sum(-side * self._value_at(row, event["mark"]) * event["rate"] for event in expected["events"])


class Pool(State):
    """An account whose cross positions several assets back."""

    def __init__(self, vector, file):
        super().__init__(vector, file)
        given, contracts = vector["input"], {}
        for row, stated in zip(self.rows, given["positions"], strict=True):
            contract = contracts.setdefault(row.symbol, _Itself(**vars(row.contract)))
            contract.currency, contract.underlying = stated["currency"], stated["follows"]
            row.contract, row.leg = contract, (contract, row.size, row.entry)
        assets = [_asset(one) for one in given["collateral"]]
        self.marks = [*(row.mark for row in self.rows), *(one.price for one in assets if one.price is not None)]
        self.account = SimpleNamespace(
            wallet=self.wallet,
            currency=given["currency"],
            convention=self.convention,
            collateral=assets,
            contracts=[row.contract for row in self.rows],
            isolated=[row.mode == "isolated" for row in self.rows],
            size=[row.size for row in self.rows],
            entry=[row.entry for row in self.rows],
        )

    def answer(self, expected):
        """Return the worth of the whole account, and the move that ends its pool; the rest as of any account."""
        if expected["quantity"] == "common_move":
            return self.common_move(expected)
        if expected["quantity"] == "equity" and "symbol" not in expected:
            own = sum(one.amount * self.price_of(one.asset) for one in self.account.collateral)
            return (
                self.wallet
                + own
                + sum((row.margin + row.pnl) * self.price_of(row.contract.currency) for row in self.rows)
            )
        return super().answer(expected)

    def price_of(self, asset):
        """Return what one unit of an asset is worth in the account's currency."""
        return oracle_collateral.asset_price(self.account, self.marks, asset)

    def equity(self, row, expected):
        if row.mode == "isolated":
            return super().equity(row, expected)
        return oracle_collateral.pool_equity(self.account, self.marks)

    def needed(self, row):
        if row.mode == "isolated":
            return super().needed(row)
        return oracle_collateral.pool_requirement(self.account, self.marks, self.marks)

    def liquidation_price(self, row, expected):
        """Return the price at which the pool fails, as all that follows the coin moves by one factor."""
        if row.mode == "isolated":
            return super().liquidation_price(row, expected)
        found = oracle_collateral.liquidation_prices(self.account, self.marks, row.contract.underlying)
        ways = dict(zip(("down", "up"), found, strict=True))
        told = ways.values() if "toward" not in expected else [ways[expected["toward"]]]
        nearest = min((one for one in told if one is not None), key=lambda factor: abs(factor - 1), default=None)
        return None if nearest is None else nearest * row.mark

    def common_move(self, expected):
        """Return the first move at which the pool fails, every mark by as much as its beta says."""
        sign = 1 if expected["toward"] == "up" else -1
        found, failing = oracle_collateral.changes(self.account, self.marks, [sign * one for one in expected["beta"]])
        return Fraction(0) if failing else sign * found[0] if found else None


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


class _Itself(SimpleNamespace):
    """A contract or a table of brackets, known again as the one that it is: legs of one market share their contract."""

    __hash__ = object.__hash__


def _tiers(stated):
    """Return the brackets of a table, or those that a position states itself."""
    # No table of the file has a rate that grows between bounds.
    return _Itself(**stated["brackets"], growth=None)


def _asset(row):
    """Return an asset with its ratio."""
    ratio = SimpleNamespace(**{name: row[name] for name in ("floors", "ratios", "measured_in", "owed")})
    return SimpleNamespace(ratio=ratio, **{name: row[name] for name in ("asset", "amount", "price", "quoted_in")})


def _position(row, file):
    """Return a position with its contract, from the table that it names or from what it states itself."""
    stated = file["tables"][row["table"]] if "table" in row else row
    tiers = stated.get("tiers") or _tiers(stated)
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
