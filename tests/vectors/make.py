"""Write the test vectors for other programs: ``python -m tests.vectors.make`` (`make vectors` calls it).

What is asked comes from the tables and rules of the package and from the published examples beside these tests; what is
expected comes from the package, or is what was published. `test_vectors` answers every vector again, in exact fractions
and from the file alone. How the file is read, `guide.json` says, and with it the file itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from marginlab import (
    Account,
    Contract,
    Convention,
    Position,
    Rules,
    Tiers,
    Venue,
    __version__,
    simulate,
    venue,
    venue_names,
)
from marginlab.margin.rules import CLOSE, ISOLATED_FUNDING, MAINTENANCE_AT

HERE = Path(__file__).parent
FILE = HERE.parents[1] / "book" / "vectors.json"
PUBLISHED = HERE.parent / "published"

Vector = dict[str, Any]

# Tables beside the newest of every venue: what brackets were before and after they changed.
OLDER = [
    ("binance", "BTCUSDT", "2021-03-18"),
    ("binance", "BTCUSDT", "2022-11-25"),
    ("binance", "BTCUSDT", "2025-10-10"),
    ("binance", "DOGEUSDT", "2022-07-10"),
    ("binance", "SOLUSDT", "2023-10-30"),
    ("binance", "TRBUSDT", "2023-09-28"),
    ("binance", "WIFUSDT", "2025-02-27"),
    ("bybit", "BTCUSDT", "2025"),
    ("okx", "BTCUSD", "2024"),
]
# Several markets in one pool: venue, then symbol, share of the notional, entry and mark of each. What comes to know
# both legs of one market adds them here, and to the evaluator.
POOLS = [
    ("binance", [("BTCUSDT", 1.0, 60_000.0, 58_000.0), ("ETHUSDT", 0.5, 2_500.0, 2_600.0)]),
    ("binance", [("BTCUSDT", 1.0, 60_000.0, 61_500.0), ("ETHUSDT", -1.0, 2_500.0, 2_450.0)]),
    ("binance", [("BTCUSDT", -1.0, 60_000.0, 63_000.0), ("SOLUSDT", 0.4, 150.0, 155.0), ("DOGEUSDT", 0.2, 0.2, 0.21)]),
    ("hyperliquid", [("BTC", 1.0, 60_000.0, 57_000.0), ("ETH", -0.8, 2_500.0, 2_400.0)]),
    ("dydx", [("BTC-USD", 1.0, 60_000.0, 59_000.0), ("ETH-USD", 1.0, 2_500.0, 2_400.0)]),
]
# A price at which notionals are round, and how far from a bound just below and just above it are.
ROUND, NEAR = 1_000.0, Decimal("0.00001")
# What doubles give is written with fewer digits than they have, so that every machine writes the same file.
DIGITS = 12
# Where a closing fee may count, as far as the exact evaluator knows.
FEE_AT = ("none", "liquidation", "bankruptcy", "margin")


# --- how things are written -----------------------------------------------------------------------------------


def stated(value: object) -> object:
    """Return a setting as JSON has it: what has no limit is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def told(settings: Convention | Rules) -> Vector:
    """Return a convention or rules with all their fields."""
    return {name: stated(value) for name, value in asdict(settings).items()}


def brackets_row(tiers: Tiers) -> Vector:
    """Return a bracket table, column by column."""
    return {
        "measured_in": tiers.measured_in,
        "floors": list(tiers.floors),
        "rates": list(tiers.rates),
        "deductions": list(tiers.deductions),
        "max_leverage": [stated(limit) for limit in tiers.max_leverage],
        "cap": stated(float(tiers.cap)),
        "cut_off": tiers.cut_off,
    }


def answer(quantity: str, value: Any, symbol: str | None = None) -> Vector:
    """Return what is expected of one question, of one position where its symbol is given."""
    asked = {"quantity": quantity} if symbol is None else {"symbol": symbol, "quantity": quantity}
    if isinstance(value, bool | int):
        return {**asked, "value": value}
    if not math.isfinite(value):
        return {**asked, "value": None}
    return {**asked, "value": float(f"{value:.{DIGITS}g}") + 0.0}


def position_row(position: Position, mark: float, table: str | None = None) -> Vector:
    """Return a position as the file states it: its contract by the name of a table, or as a whole."""
    contract = position.contract
    whole = {"kind": contract.kind, "multiplier": contract.multiplier, "brackets": brackets_row(contract.tiers)}
    return {
        "symbol": contract.symbol,
        **({"table": table} if table else whole),
        "size": position.size,
        "entry": position.entry,
        "mark": mark,
        "mode": position.mode,
        "margin": position.margin,
    }


def named(convention: Convention) -> str:
    """Return a convention by what differs from the plainest one."""
    plain = told(Convention())
    other = [f"{name} {stated(value)}" for name, value in told(convention).items() if value != plain[name]]
    return ", ".join(other) or "plain"


# --- the published examples -----------------------------------------------------------------------------------


def published() -> Iterator[Vector]:
    """Yield what venues, protocols and libraries publish, word for word in its numbers."""
    for path in sorted(PUBLISHED.glob("*.json")):
        for example in json.loads(path.read_text(encoding="utf-8")):
            (at_equality,) = {(one.get("extra") or {}).get("at_equality", True) for one in example["expect"]}
            convention = Convention(**example["rule"], at_equality=at_equality)
            yield {
                "id": example["id"],
                "about": "published",
                **{name: example[name] for name in ("venue", "provenance", "source", "note")},
                "input": {
                    "wallet": example["wallet"],
                    "positions": [published_row(leg, example["contract"]) for leg in example["legs"]],
                },
                "convention": convention,
                "expected": [published_answer(one) for one in example["expect"]],
            }


def published_row(leg: Vector, contract: Vector) -> Vector:
    """Return a published leg as the file states a position."""
    tiers = Tiers.flat(leg["maintenance_rate"], deduction=leg["maintenance_deduction"])
    named = {name: leg[name] for name in ("size", "entry", "mark", "mode", "margin", "leverage")}
    return {"symbol": leg["symbol"], **contract, "brackets": brackets_row(tiers), **named}


def published_answer(one: Vector) -> Vector:
    """Return what a published example expects, with the tolerance that its printed digits leave."""
    extra = {name: value for name, value in (one.get("extra") or {}).items() if name in ("at", "events")}
    named = {"symbol": one["symbol"]} if one["symbol"] else {}
    exact = one["value"] is None or isinstance(one["value"], bool)
    tolerance = {} if exact else {name: one[name] or 0.0 for name in ("rel_tol", "abs_tol")}
    return {**named, "quantity": one["quantity"], "value": one["value"], **tolerance, **extra}


# --- brackets -------------------------------------------------------------------------------------------------


@cache
def chosen() -> dict[str, tuple[Venue, Contract, Vector]]:
    """Return each table by its name in the file: whose it is, its contract, and what is written of it."""
    newest = dict.fromkeys(
        (name, table.contract.symbol, None) for name in venue_names() for table in venue(name).tables
    )
    found = {}
    for name, symbol, date in [*newest, *OLDER]:
        one = venue(name)
        table = one.table(symbol, date=date)
        contract = table.contract
        row = {
            "venue": one.title,
            "symbol": symbol,
            "date": table.date,
            "source": table.source,
            "confidence": table.confidence,
            "kind": contract.kind,
            "multiplier": contract.multiplier,
            "currency": contract.currency,
            "brackets": brackets_row(contract.tiers),
        }
        found[f"{name} {symbol} {table.date}"] = one, contract, row
    return found


def size_of(contract: Contract, amount: Decimal, price: float) -> float:
    """Return the size whose notional at a price, or number of contracts, is this amount."""
    if contract.tiers.measured_in == "contracts":
        return float(amount)
    multiplier, price_ = Decimal(repr(contract.multiplier)), Decimal(repr(price))
    return float(amount / price_ / multiplier if contract.kind == "linear" else amount * price_ / multiplier)


def at_bounds() -> Iterator[Vector]:
    """Yield, of every table, positions just below, at and just above each bound, long and short by turns."""
    for name, (one, contract, _) in chosen().items():
        tiers = contract.tiers
        for n, bound in enumerate([*tiers.floors[1:], tiers.cap]):
            if not math.isfinite(bound):
                continue
            exact = Decimal(repr(float(bound)))
            step = Decimal(1) if tiers.measured_in == "contracts" else exact * NEAR
            near = {"just below": exact - step, "at": exact, "just above": exact + step}
            if bound == tiers.cap:
                # Nothing may be opened beyond it.
                del near["just above"]
            for where, amount in near.items():
                size = (-1) ** n * size_of(contract, amount, ROUND)
                yield at_bound(f"{name}, {where} {bound:,.12g}", one, name, contract, size)


def at_bound(id_: str, one: Venue, table: str, contract: Contract, size: float) -> Vector:
    """Return one position with its bracket, and what that asks and allows."""
    return {
        "id": id_,
        "about": "brackets",
        "venue": one.title,
        "input": {"wallet": 0.0, "positions": [position_row(Position(contract, size, ROUND), ROUND, table)]},
        "convention": one.convention.value,
        "expected": [
            answer("bracket", int(contract.tiers.bracket(contract.bracket_amount(size, ROUND)))),
            answer("maintenance_margin", contract.maintenance_margin(size, ROUND)),
            answer("max_leverage", contract.leverage_limit(size, ROUND)),
        ],
    }


# --- accounts -------------------------------------------------------------------------------------------------


def account_vector(
    id_: str,
    positions: Sequence[Position],
    marks: Sequence[float],
    convention: Convention,
    *,
    wallet: float = 0.0,
    tables: Sequence[str | None] = (None,),
    **more: str,
) -> Vector:
    """Return an account with everything that is expected of it."""
    account = Account.of(positions, wallet=wallet, convention=convention)
    rows = zip(positions, marks, tables, strict=True)
    return {
        "id": id_,
        "about": "account",
        **more,
        "input": {"wallet": wallet, "positions": [position_row(*row) for row in rows]},
        "convention": convention,
        "expected": list(asked_of(account, marks)),
    }


def asked_of(account: Account, marks: Sequence[float]) -> Iterator[Vector]:
    """Yield what is expected of each position, and of the account as a whole."""
    yield answer("equity", float(account.equity(marks)))
    columns = {
        "notional": account.notional(marks),
        "unrealized_pnl": account.unrealized_pnl(marks),
        "requirement": account.requirement(marks),
        "margin_ratio": account.margin_ratio(marks),
        "liquidation_price": account.liquidation_price(marks),
        "bankruptcy_price": account.bankruptcy_price(marks),
    }
    for i, contract in enumerate(account.contracts):
        for quantity, values in columns.items():
            yield answer(quantity, float(values[i]), contract.symbol)
        yield answer("liquidatable", bool(account.liquidatable(marks)[i]), contract.symbol)


def at_venues() -> Iterator[Vector]:
    """Yield isolated positions on every table, small and large, counted as its venue counts."""
    for name, (one, contract, _) in chosen().items():
        tiers = contract.tiers
        top = tiers.cap if math.isfinite(tiers.cap) else 10 * max(tiers.floors[-1], 10_000.0)
        for side, share, leverage in product((1, -1), (0.01, 0.5), (3, 20)):
            size = side * size_of(contract, Decimal(f"{share * min(top, 1e9):.3g}"), ROUND)
            if leverage > contract.leverage_limit(size, ROUND):
                continue
            margin = float(f"{contract.initial_margin(size, ROUND, leverage):.9g}")
            yield account_vector(
                f"{name}, isolated, {size:,.12g} at {leverage}x",
                [Position(contract, size, ROUND, mode="isolated", margin=margin)],
                [ROUND],
                one.convention.value,
                tables=[name],
                venue=one.title,
            )


def in_pools() -> Iterator[Vector]:
    """Yield cross pools of several markets, and the same beside an isolated position."""
    tables = {(one.name, contract.symbol): name for name, (one, contract, _) in reversed(chosen().items())}
    for (name, rows), value, leverage, apart in product(POOLS, (40_000, 4_000_000), (3, 10), (False, True)):
        one = venue(name)
        wallet = value * sum(abs(share) for _, share, *_ in rows) / leverage
        positions = [
            Position(one.contract(symbol), float(f"{share * value / entry:.6g}"), entry)
            for symbol, share, entry, _ in rows
        ]
        if apart:
            last = positions[-1]
            margin = float(f"{abs(last.size) * last.entry / leverage:.9g}")
            positions[-1] = Position(last.contract, last.size, last.entry, mode="isolated", margin=margin)
        yield account_vector(
            f"{name}, {' and '.join(f'{share:+g} {symbol}' for symbol, share, *_ in rows)}, {value:,} at {leverage}x"
            f"{', the last isolated' if apart else ''}",
            positions,
            [mark for *_, mark in rows],
            one.convention.value,
            wallet=float(f"{wallet:.9g}"),
            tables=[tables[name, symbol] for symbol, *_ in rows],
            venue=one.title,
        )


def by_conventions() -> Iterator[Vector]:
    """Yield one position under every convention, linear and inverse, long and short, with and without jumps."""
    kinds = {"linear": (2.0, 50.0), "inverse": (20_000.0, 0.5)}
    for kind, deductions, side in product(kinds, (None, 0), (1, -1)):
        size, floor = kinds[kind]
        contract = Contract("ANY", Tiers([0, 3 * floor * 10], [0.004, 0.01], deductions), kind=kind)
        margin = 200.0 if kind == "linear" else 2.0
        for maintenance_at, fee_at in product(MAINTENANCE_AT, FEE_AT):
            fee = 0.0 if fee_at == "none" else 0.0006
            position = Position(contract, side * size, ROUND, mode="isolated", margin=margin)
            yield account_vector(
                f"{kind}, {'no deduction' if deductions == 0 else 'deduction'}, size {side * size:,g}, maintenance at "
                f"{maintenance_at}, fee at {fee_at}",
                [position],
                [ROUND * (1 - side * 0.04)],
                Convention(maintenance_at, fee, fee_at),
            )


def at_equality() -> Iterator[Vector]:
    """Yield positions whose equity is exactly what they must hold, and a little more and less."""
    contract = Contract("ANY", Tiers.flat(0.0625))
    for equal, more in product((True, False), (-0.5, 0.0, 0.5)):
        # Maintenance of 1 at 1,024 is 64: all of it exact in binary.
        position = Position(contract, 1.0, 1_024.0, mode="isolated", margin=64.0 + more)
        how = "liquidated" if equal else "safe"
        yield account_vector(f"equality is {how}, {more:+g}", [position], [1_024.0], Convention(at_equality=equal))


# --- rules ----------------------------------------------------------------------------------------------------


def by_rules() -> Iterator[Vector]:
    """Yield one step of an isolated position: funding out of either pocket, then closed in either way."""
    contract = Contract("ANY", Tiers.flat(0.01))
    for side, pocket, (close, fee) in product((1, -1), ISOLATED_FUNDING, zip(CLOSE, (0.0, 0.005), strict=True)):
        rules = Rules(close=close, liquidation_fee=fee, isolated_funding=pocket)
        for wallet, mark, rate in product((500.0, 5.0), (1_000.0, 908.0, 880.0), (0.0, 0.003, -0.003)):
            # The same distance against a short.
            mark = mark if side > 0 else 2 * ROUND - mark
            position = Position(contract, 10.0 * side, ROUND, mode="isolated", margin=1_000.0)
            account = Account.of([position], wallet=wallet)
            after = simulate(account, [[mark]], rules=rules, funding=side * rate)
            yield {
                "id": f"{'long' if side > 0 else 'short'}, {pocket} pays, {close}, fee {fee:g}, wallet {wallet:g}, "
                f"mark {mark:g}, rate {side * rate:g}",
                "about": "rules",
                "input": {"wallet": wallet, "positions": [position_row(position, mark)], "funding_rate": side * rate},
                "convention": account.convention,
                "rules": {name: told(rules)[name] for name in ("close", "liquidation_fee", "isolated_funding")},
                "expected": [
                    answer("wallet_after", float(after.wallet)),
                    answer("margin_after", float(after.margin[0]), "ANY"),
                    answer("size_after", float(after.size[0]), "ANY"),
                    answer("funding_payment", float(after.funding[0]), "ANY"),
                    answer("liquidation_fee", float(after.fees[0]), "ANY"),
                    answer("forfeited", float(after.forfeited)),
                    answer("shortfall", float(after.shortfall)),
                ],
            }


# --- the file -------------------------------------------------------------------------------------------------


def venues() -> Vector:
    """Return how each venue counts and liquidates, with its source."""
    said = {}
    for one in map(venue, venue_names()):
        cited = {
            name: {
                "value": told(fact.value),
                **{key: getattr(fact, key) for key in ("source", "date", "confidence", "note")},
            }
            for name, fact in (("convention", one.convention), ("rules", one.rules))
        }
        said[one.title] = cited
    return said


def vectors() -> list[Vector]:
    """Return all vectors, in the order of the file."""
    makers = (published, at_bounds, at_venues, in_pools, by_conventions, at_equality, by_rules)
    return [vector for maker in makers for vector in maker()]


def text() -> str:
    """Return the file: what it says of itself a line each, then venues, tables and vectors, a line each."""
    guide = json.loads((HERE / "guide.json").read_text(encoding="utf-8"))
    found = vectors()
    parts = {
        "venues": venues(),
        "conventions": {named(one["convention"]): told(one["convention"]) for one in found},
        "tables": {name: row for name, (*_, row) in chosen().items()},
        "vectors": [{**one, "convention": named(one["convention"])} for one in found],
    }
    head = json.dumps({"marginlab": __version__, **guide}, ensure_ascii=False, indent=1)
    return head.removesuffix("\n}") + ",\n" + ",\n".join(map(_part, parts, parts.values())) + "\n}\n"


def _part(name: str, rows: Any) -> str:
    """Return a part of the file with each of its rows on a line."""
    if isinstance(rows, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {_line(row)}" for key, row in rows.items()]
        return f' "{name}": {{\n  ' + ",\n  ".join(lines) + "\n }"
    return f' "{name}": [\n  ' + ",\n  ".join(map(_line, rows)) + "\n ]"


def _line(row: Vector) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
