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
    Collateral,
    CollateralRatio,
    Contract,
    Convention,
    Position,
    Rules,
    Tiers,
    Venue,
    __version__,
    liquidation_move,
    simulate,
    venue,
    venue_names,
)
from marginlab.margin.legs import TOWARD
from marginlab.margin.rules import (
    BRACKETS_COUNT,
    CHARGED,
    CLOSE,
    CLOSING_FEE_AT,
    CLOSING_FEE_IN,
    ISOLATED_FUNDING,
    MAINTENANCE_AT,
)
from marginlab.markets.venues import Sourced

HERE = Path(__file__).parent
FILE = HERE.parents[1] / "book" / "vectors.json"
PUBLISHED = HERE.parent / "published"

Vector = dict[str, Any]

# Markets of venues that have no table set out by hand; a venue that nothing is known of has none here either.
MARKETS = [
    ("dydx", "BTC-USD"),
    ("dydx", "ETH-USD"),
    ("bitget", "BTCUSDT"),
    ("kucoin", "XBTUSDTM"),
    ("mexc", "BTC_USDT"),
    ("krakenfutures", "PF_XBTUSD"),
    ("krakenfutures", "PI_XBTUSD"),
    ("bitmex", "XBTUSD"),
]
# Tables beside the newest of these and of those set out by hand: what brackets were before and after they changed.
OLDER = [
    ("binance", "BTCUSDT", "2021-03-18"),
    ("binance", "BTCUSDT", "2022-11-25"),
    ("binance", "BTCUSDT", "2025-10-10"),
    ("binance", "DOGEUSDT", "2022-07-10"),
    ("binance", "SOLUSDT", "2023-10-30"),
    ("binance", "TRBUSDT", "2023-09-28"),
    ("binance", "WIFUSDT", "2025-02-27"),
    ("bybit", "BTCUSDT", "2025"),
]
# Several markets in one pool: venue, then symbol, share of the notional, entry and mark of each.
POOLS = [
    ("binance", [("BTCUSDT", 1.0, 60_000.0, 58_000.0), ("ETHUSDT", 0.5, 2_500.0, 2_600.0)]),
    ("binance", [("BTCUSDT", 1.0, 60_000.0, 61_500.0), ("ETHUSDT", -1.0, 2_500.0, 2_450.0)]),
    ("binance", [("BTCUSDT", -1.0, 60_000.0, 63_000.0), ("SOLUSDT", 0.4, 150.0, 155.0), ("DOGEUSDT", 0.2, 0.2, 0.21)]),
    ("hyperliquid", [("BTC", 1.0, 60_000.0, 57_000.0), ("ETH", -0.8, 2_500.0, 2_400.0)]),
    ("dydx", [("BTC-USD", 1.0, 60_000.0, 59_000.0), ("ETH-USD", 1.0, 2_500.0, 2_400.0)]),
]
# Both legs of one market, by venues that count them differently: venue, symbol, entry of the long, of the short, mark;
# then the sizes of both and the wallet behind them, once small and once over several brackets.
HEDGES = [
    ("binance", "BTCUSDT", 80_000.0, 81_000.0, 82_000.0, [(1.0, -0.6, 10_000.0), (40.0, -25.0, 530_000.0)]),
    ("bybit", "BTCUSDT", 77_000.0, 78_000.0, 76_000.0, [(1.0, -0.5, 11_000.0), (10.0, -20.0, 230_000.0)]),
    ("okx", "ETH-USDT-SWAP", 2_500.0, 2_600.0, 2_450.0, [(400.0, -300.0, 17_000.0), (90_000.0, -120_000.0, 5e6)]),
    ("hyperliquid", "BTC", 60_000.0, 61_000.0, 59_000.0, [(2.0, -1.0, 18_000.0), (2_000.0, -5_000.0, 4e7)]),
    ("bitget", "BTCUSDT", 60_000.0, 58_000.0, 61_000.0, [(2.0, -3.0, 30_000.0), (60.0, -40.0, 600_000.0)]),
    ("krakenfutures", "PF_XBTUSD", 80_000.0, 81_000.0, 82_000.0, [(1.0, -0.6, 10_000.0), (30.0, -50.0, 650_000.0)]),
]
# A price at which notionals are round, and how far from a bound just below and just above it are.
ROUND, NEAR = 1_000.0, Decimal("0.00001")
# What doubles give is written with fewer digits than they have, so that every machine writes the same file.
DIGITS = 12


# --- how things are written -----------------------------------------------------------------------------------


def stated(value: object) -> object:
    """Return a setting as JSON has it: what has no limit is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def told(settings: Convention | Rules) -> Vector:
    """Return a convention or rules with all their fields, but what is done with collateral: there is none here."""
    return {name: stated(value) for name, value in asdict(settings).items() if name != "conversion"}


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


def answer(quantity: str, value: Any, symbol: str | None = None, **more: Any) -> Vector:
    """Return what is expected of one question, of one position where its symbol is given."""
    asked = {**({} if symbol is None else {"symbol": symbol}), **more, "quantity": quantity}
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
        **({} if position.leverage is None else {"leverage": position.leverage}),
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
    by_hand: dict[tuple[str, str], str | None] = {}
    for one in map(venue, venue_names()):
        for table in one.tables:
            by_hand.setdefault((one.name, table.contract.symbol), table.date)
    newest = [(*market, date) for market, date in (by_hand | dict.fromkeys(MARKETS)).items()]
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
            "note": table.note,
            "kind": contract.kind,
            "multiplier": contract.multiplier,
            "currency": contract.currency,
            "brackets": brackets_row(contract.tiers),
        }
        found[f"{name} {symbol} {table.date}"] = one, contract, row
    return found


def tables_by_symbol() -> dict[tuple[str, str], str]:
    """Return the name of the newest table of each market that is in the file."""
    return {(one.name, contract.symbol): name for name, (one, contract, _) in reversed(chosen().items())}


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
    tables: Sequence[str | None] | None = None,
    opens: bool = False,
    **more: str,
) -> Vector:
    """Return an account with everything that is expected of it, and what it may still open."""
    account = Account.of(positions, wallet=wallet, convention=convention)
    rows = zip(positions, marks, tables or [None] * len(positions), strict=True)
    free = [answer("free_margin", float(account.free_margin(marks)))] if opens else []
    return {
        "id": id_,
        "about": "account",
        **more,
        "input": {"wallet": wallet, "positions": [position_row(*row) for row in rows]},
        "convention": convention,
        "expected": [*asked_of(account, marks), *free],
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
    alone = len(set(account.contracts)) == len(account.contracts)
    directions = {} if alone else {way: account.liquidation_price(marks, toward=way) for way in TOWARD}
    for i, contract in enumerate(account.contracts):
        which = (contract.symbol,) if alone else (contract.symbol, i)
        for quantity, values in columns.items():
            yield of_position(quantity, float(values[i]), *which)
        for way, values in directions.items():
            yield of_position("liquidation_price", float(values[i]), *which, toward=way)
        yield of_position("liquidatable", bool(account.liquidatable(marks)[i]), *which)


def of_position(quantity: str, value: Any, symbol: str, position: int | None = None, **more: str) -> Vector:
    """Return what is expected of one position, by its number where its symbol is that of others too."""
    numbered = {} if position is None else {"position": position}
    return answer(quantity, value, symbol, **numbered, **more)


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
                [Position(contract, size, ROUND, mode="isolated", margin=margin, leverage=leverage)],
                [ROUND],
                one.convention.value,
                tables=[name],
                venue=one.title,
            )


def in_pools() -> Iterator[Vector]:
    """Yield cross pools of several markets, and the same beside an isolated position."""
    tables = tables_by_symbol()
    for (name, rows), value, leverage, apart in product(POOLS, (40_000, 4_000_000), (3, 10), (False, True)):
        one = venue(name)
        wallet = value * sum(abs(share) for _, share, *_ in rows) / leverage
        positions = [
            Position(chosen()[tables[name, symbol]][1], float(f"{share * value / entry:.6g}"), entry)
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
        for maintenance_at, fee_at in product(MAINTENANCE_AT, CLOSING_FEE_AT):
            position = Position(contract, side * size, ROUND, mode="isolated", margin=margin, **leverage_for(fee_at))
            yield account_vector(
                f"{kind}, {'no deduction' if deductions == 0 else 'deduction'}, size {side * size:,g}, maintenance at "
                f"{maintenance_at}, fee at {fee_at}",
                [position],
                [ROUND * (1 - side * 0.04)],
                Convention(maintenance_at, fee_for(fee_at), fee_at),
            )


def fee_for(fee_at: str) -> float:
    """Return a closing fee to count there."""
    return 0.0 if fee_at == "none" else 0.0006


def leverage_for(fee_at: str) -> Vector:
    """Return the leverage of a position where the closing fee depends on it."""
    return {"leverage": 10.0} if fee_at == "leverage" else {}


def fees_in_modes() -> Iterator[Vector]:
    """Yield a cross and an isolated position with every closing fee, counted in both modes or in cross alone."""
    markets = [Contract(symbol, Tiers.flat(0.005)) for symbol in ("ONE", "TWO")]
    for fee_at, fee_in, side in product(CLOSING_FEE_AT[1:], CLOSING_FEE_IN, (1, -1)):
        leverage = leverage_for(fee_at)
        yield account_vector(
            f"fee at {fee_at}, in {fee_in}, {'long' if side > 0 else 'short'}",
            [
                Position(markets[0], 2.0 * side, ROUND, **leverage),
                Position(markets[1], 2.0 * side, ROUND, mode="isolated", margin=200.0, **leverage),
            ],
            [ROUND * (1 - side * 0.02)] * 2,
            Convention(closing_fee=fee_for(fee_at), closing_fee_at=fee_at, closing_fee_in=fee_in),
            wallet=200.0,
        )


def hedged() -> Iterator[Vector]:
    """Yield both legs of one market in cross: worked out by hand, at venues, and by every way of counting them."""
    binance, newest = venue("binance"), tables_by_symbol()
    table, flat = newest["binance", "BTCUSDT"], Contract("BTCUSDT", Tiers.flat(0.004))
    pair = [Position(chosen()[table][1], side, 60_000.0) for side in (1.0, -1.0)]
    for mark in (60_000.0, 600_000.0):
        yield account_vector(
            f"binance, an equal pair, at {mark:,g}",
            pair,
            [mark] * 2,
            binance.convention.value,
            wallet=5_000.0,
            tables=[table] * 2,
            venue=binance.title,
        )
    uneven = [Position(flat, 2.0, 60_000.0), Position(flat, -1.0, 61_000.0)]
    yield account_vector("a pair, more long than short", uneven, [60_500.0] * 2, Convention(), wallet=8_000.0)
    others = [
        Position(flat, 0.5, 60_000.0, mode="isolated", margin=3_000.0),
        Position(Contract("ETHUSDT", Tiers.flat(0.01)), -5.0, 2_500.0),
    ]
    beside = "a pair, more long than short, beside another market and an isolated leg of its own"
    marks = [60_500.0, 60_500.0, 60_500.0, 2_450.0]
    yield account_vector(beside, uneven + others, marks, Convention(), wallet=8_000.0)
    little = [Position(flat, 1.0, 60_000.0), Position(flat, -0.999, 60_000.0)]
    fee = Convention(closing_fee=0.001, closing_fee_at="bankruptcy")
    name = "a pair whose closing fee outweighs what its net brings"
    yield account_vector(name, little, [60_000.0] * 2, fee, wallet=5_000.0)
    yield from hedged_at_venues()
    yield from hedged_by_conventions()


def hedged_at_venues() -> Iterator[Vector]:
    """Yield pairs as venues count them."""
    for name, symbol, *prices, mark, pairs in HEDGES:
        one, table = venue(name), tables_by_symbol()[name, symbol]
        contract, settings = chosen()[table][1], leverage_for(one.convention.value.closing_fee_at)
        for long, short, wallet in pairs:
            legs = zip((long, short), prices, strict=True)
            yield account_vector(
                f"{name}, {long:+,g} from {prices[0]:,g} and {short:+,g} from {prices[1]:,g}",
                [Position(contract, size, entry, **settings) for size, entry in legs],
                [mark] * 2,
                one.convention.value,
                wallet=wallet,
                tables=[table] * 2,
                venue=one.title,
            )


def hedged_by_conventions() -> Iterator[Vector]:
    """Yield a pair by what its brackets count and it is charged on, and by where maintenance and fee are taken."""
    counts: list[Vector] = [
        {"brackets_count": count, "charged": charge} for count, charge in product(BRACKETS_COUNT, CHARGED)
    ]
    fees: list[Vector] = [
        {"maintenance_at": place, "closing_fee_at": fee_at, "closing_fee": fee_for(fee_at)}
        for place, fee_at in product(MAINTENANCE_AT, ("liquidation", "bankruptcy", "leverage"))
    ]
    for kind, ways in (("linear", counts + fees), ("inverse", counts + fees[:3])):
        unit, floor, wallet = {"linear": (1.0, 500.0, 700.0), "inverse": (1_000.0, 2.5, 0.7)}[kind]
        contract = Contract("ANY", Tiers([0, floor], [0.01, 0.05]), kind=kind)
        for way in ways:
            settings = leverage_for(way.get("closing_fee_at", "none"))
            held = [
                Position(contract, size * unit, entry, **settings) for size, entry in ((3.0, ROUND), (-2.0, 1_050.0))
            ]
            name = ", ".join(f"{key} {value}" for key, value in way.items())
            yield account_vector(f"{kind}, a pair, {name}", held, [980.0] * 2, Convention(**way), wallet=wallet)


def at_dates() -> Iterator[Vector]:
    """Yield positions at Bybit, which took maintenance at the entry until 2 September 2025, before and after."""
    asked = [("IMXUSDT", 0.008, 7.0, 0.7495, 3.0), ("BTCUSDT", 0.0033, 1.0, 77_000.0, 2.0)]
    asked.append(("BTCUSDT", 0.0033, 1.0, 77_000.0, 10.0))
    for (symbol, rate, size, entry, leverage), date in product(asked, (None, "2025-09-01", "2023")):
        one = venue("bybit", date=date)
        contract = Contract(symbol, Tiers.flat(rate, max_leverage=100.0))
        for mode in ("isolated", "cross"):
            held = Position(contract, size, entry, mode=mode, leverage=leverage)
            yield account_vector(
                f"bybit, {symbol}, {mode}, {leverage:g}x, {date or 'today'}",
                [held],
                [entry],
                one.convention.value,
                wallet=0.0 if mode == "isolated" else float(contract.initial_margin(size, entry, leverage)),
                venue=one.title,
            )


def below_zero() -> Iterator[Vector]:
    """Yield isolated positions whose margin is below zero: profit was taken out, or funding paid from it."""
    contract = Contract("ETHUSDT", Tiers.flat(0.02))
    for side, entry, mark in ((1, 6_500 / 3, 2_500.0), (-1, 2_500.0, 6_500 / 3)):
        held = Position(contract, 1.5 * side, float(f"{entry:.15g}"), mode="isolated", margin=-125.0)
        name = f"a margin of -125, {'long' if side > 0 else 'short'}"
        yield account_vector(name, [held], [float(f"{mark:.15g}")], Convention())


def what_opens() -> Iterator[Vector]:
    """Yield what may still be opened beside a position, by what its venue ties up and lets back it."""
    contract = Contract("BTCUSDT", Tiers.flat(0.005))
    ways = product((60_000.0, 48_000.0), (True, False), ("mark", "entry"), (False, True))
    for mark, profit_opens, initial_at, fee_in_initial in ways:
        fee: Vector = {"closing_fee": 0.0006, "closing_fee_at": "liquidation"} if fee_in_initial else {}
        yield account_vector(
            f"at {mark:,g}, profit {'opens' if profit_opens else 'does not open'}, initial margin at {initial_at}"
            f"{' with the fee' if fee_in_initial else ''}",
            [Position(contract, 0.1, 50_000.0, leverage=10.0)],
            [mark],
            Convention(profit_opens=profit_opens, initial_at=initial_at, fee_in_initial=fee_in_initial, **fee),
            wallet=1_000.0,
            opens=True,
        )


def at_equality() -> Iterator[Vector]:
    """Yield positions whose equity is exactly what they must hold, and a little more and less."""
    contract = Contract("ANY", Tiers.flat(0.0625))
    for equal, more in product((True, False), (-0.5, 0.0, 0.5)):
        # Maintenance of 1 at 1,024 is 64: all of it exact in binary.
        position = Position(contract, 1.0, 1_024.0, mode="isolated", margin=64.0 + more)
        how = "liquidated" if equal else "safe"
        yield account_vector(f"equality is {how}, {more:+g}", [position], [1_024.0], Convention(at_equality=equal))


# --- pools of several assets ----------------------------------------------------------------------------------

LINEAR = Contract("BTCUSDT", Tiers([0, 50_000, 600_000], [0.004, 0.005, 0.0065]), currency="USDT")
ETHER = Contract("ETHUSDT", Tiers.flat(0.01), currency="USDT")
IN_USDC = Contract("BTCUSDC", Tiers.flat(0.008), currency="USDC")
INVERSE = Contract("BTCUSD", Tiers([0, 5], [0.005, 0.01]), kind="inverse", currency="BTC")
BY_AMOUNT = CollateralRatio([0, 0.1, 0.2], [0.98, 0.95, 0.85])
BY_VALUE = CollateralRatio([0, 5_000, 10_000], [0.975, 0.95, 0.9], "value")
BUFFERED = CollateralRatio([0], [0.99], owed=1.005)


def pool_vector(
    id_: str,
    positions: Sequence[Position],
    marks: Sequence[float],
    collateral: Sequence[Collateral],
    *,
    currency: str = "USDT",
    wallet: float = 0.0,
    convention: Convention | None = None,
    beta: Sequence[float] | None = None,
    **more: str,
) -> Vector:
    """Return a pool that several assets back, with what it counts, where its markets end it, and by which move."""
    counts = convention or Convention()
    held = {"wallet": wallet, "convention": counts, "collateral": collateral, "currency": currency}
    account = Account.of(positions, **held)
    rows = [
        {**position_row(one, mark), "currency": one.contract.currency, "follows": one.contract.underlying}
        for one, mark in zip(positions, marks, strict=True)
    ]
    speeds = [1.0] * len(rows) + [0.0] * len(account.assets.own) if beta is None else beta
    moves = {way: liquidation_move(account, marks, beta=speeds, toward=way) for way in TOWARD}
    cross = account.mode.index("cross")
    return {
        "id": id_,
        "about": "collateral",
        **more,
        "input": {
            "wallet": wallet,
            "currency": currency,
            "collateral": [asset_row(one) for one in collateral],
            "positions": rows,
        },
        "convention": counts,
        "expected": [
            *(one for one in asked_of(account, marks) if one["quantity"] != "bankruptcy_price"),
            answer("equity", float(account.position_equity(marks)[cross]), positions[cross].contract.symbol),
            *(answer("common_move", float(move[cross]), toward=way, beta=list(speeds)) for way, move in moves.items()),
        ],
    }


def asset_row(one: Collateral) -> Vector:
    """Return an asset as the file states it."""
    return {
        "asset": one.asset,
        "amount": one.amount,
        "floors": list(one.ratio.floors),
        "ratios": list(one.ratio.ratios),
        "measured_in": one.ratio.measured_in,
        "owed": one.ratio.owed,
        "price": one.price,
        "quoted_in": one.quoted_in or None,
    }


def of_several_assets() -> Iterator[Vector]:
    """Yield pools backed by dollars, coins and both, in which coins move with the positions or lose their peg."""
    for side, share, ratio in product((1, -1), (0.0, 0.5, 1.0), (0.95, BY_AMOUNT, BY_VALUE)):
        named = {0.95: "at 95 %", BY_AMOUNT: "by slices of amount", BY_VALUE: "by slices of value"}[ratio]
        yield pool_vector(
            f"{'long' if side > 0 else 'short'} of 1 BTC, {share:.0%} of 12,000 in BTC, {named}",
            [Position(LINEAR, float(side), 60_000.0)],
            [60_000.0],
            [Collateral("BTC", 0.2 * share, ratio)],
            wallet=12_000.0 * (1 - share),
        )
    yield from hedged_with_coins()
    yield from settled_in_assets()
    yield from with_marks_of_their_own()
    for way in pool_conventions():
        name = ", ".join(f"{key} {value}" for key, value in way.items())
        yield pool_vector(
            f"two markets, BTC by slices, {name}",
            [Position(LINEAR, 1.0, 60_000.0), Position(ETHER, -8.0, 2_500.0)],
            [57_000.0, 2_600.0],
            [Collateral("BTC", 0.25, BY_AMOUNT)],
            convention=Convention(**way),
        )


def pool_conventions() -> list[Vector]:
    """Return ways of counting that a pool of several assets may meet."""
    fee: Vector = {"closing_fee": 0.0006, "closing_fee_at": "liquidation"}
    return [*({"maintenance_at": place} for place in MAINTENANCE_AT), fee]


def hedged_with_coins() -> Iterator[Vector]:
    """Yield inverse positions beside coins, one of them as large as what backs it."""
    for size, coins, mark in ((-30_000.0, 0.5, 60_000.0), (-60_000.0, 0.5, 66_000.0), (60_000.0, 0.4, 55_000.0)):
        yield pool_vector(
            f"inverse {size:+,g} from 60,000, against {coins} BTC",
            [Position(INVERSE, size, 60_000.0)],
            [mark],
            [Collateral("BTC", coins, BY_AMOUNT)],
            currency="USD",
        )
    yield pool_vector(
        "inverse and linear, of one coin and another",
        [Position(INVERSE, -60_000.0, 60_000.0), Position(LINEAR, 1.5, 60_000.0), Position(ETHER, 10.0, 2_500.0)],
        [60_000.0, 60_000.0, 2_400.0],
        [Collateral("BTC", 0.1, 0.95)],
        wallet=9_000.0,
    )


def settled_in_assets() -> Iterator[Vector]:
    """Yield positions that pay in an asset of the pool: what is won there has a haircut, what is owed has none."""
    for mark in (58_000.0, 62_000.0):
        yield pool_vector(
            f"settled in USDC, at {mark:,g}",
            [Position(IN_USDC, 1.0, 60_000.0)],
            [mark],
            [Collateral("USDC", 0.0, 0.9, price=0.999)],
            wallet=5_000.0,
        )
    # binance.com, FAQ c983a9268cfa4e70a4916c276bb3b7bc: 416.02 counted, 199.596 required.
    usdt = Contract("BTCUSDT", Tiers.flat(0.008), currency="USDT")
    usdc = Contract("ETHUSDC", Tiers.flat(0.01), currency="USDC")
    yield pool_vector(
        "Binance's example of Multi-Assets Mode",
        [Position(usdt, 0.5, 20_000.0), Position(usdc, 20.0, 600.0)],
        [20_000.0, 600.0],
        [Collateral("USDT", 200.0, BUFFERED, price=0.99), Collateral("USDC", 220.0, price=1.0)],
        currency="USD",
        source="binance.com/en/support/faq/c983a9268cfa4e70a4916c276bb3b7bc",
    )
    yield pool_vector(
        "BTC owed, dollars held",
        [Position(LINEAR, 1.0, 60_000.0)],
        [60_000.0],
        [Collateral("BTC", -0.3, 0.95)],
        wallet=24_000.0,
    )


def with_marks_of_their_own() -> Iterator[Vector]:
    """Yield pools with an asset that has a mark of its own, in dollars or in a coin, at its peg and below it."""
    for price in (1.0, 0.65):
        yield pool_vector(
            f"USDE at {price:g} behind BTC and ETH",
            [Position(LINEAR, 0.2, 60_000.0), Position(ETHER, 4.0, 2_500.0)],
            [55_000.0, 2_300.0],
            [Collateral("USDE", 10_000.0, 0.95, price=price)],
            beta=[0.0, 0.0, 1.0],
        )
        apart = Position(ETHER, 4.0, 2_500.0, mode="isolated", margin=1_500.0)
        yield pool_vector(
            f"USDE at {price:g}, beside an isolated position",
            [Position(LINEAR, 0.2, 60_000.0), apart],
            [55_000.0, 2_300.0],
            [Collateral("USDE", 10_000.0, 0.95, price=price)],
        )
    for peg in (1.08, 0.8):
        yield pool_vector(
            f"staked ether at {peg:g} ETH",
            [Position(ETHER, 12.0, 2_500.0), Position(LINEAR, -0.1, 60_000.0)],
            [2_400.0, 61_000.0],
            [Collateral("WBETH", 3.0, 0.9, price=peg, quoted_in="ETH")],
        )


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
    """Return how each venue counts and liquidates, and counted before, with its source."""
    said = {}
    for one in map(venue, venue_names()):
        today, *before = one.conventions
        said[one.title] = {
            "convention": cited(today),
            "conventions_before": list(map(cited, before)),
            "rules": cited(one.rules),
        }
    return said


def cited(fact: Sourced[Any]) -> Vector:
    """Return a convention or rules, with who says so, when they held, and what of them is assumed."""
    keys = ("source", "date", "confidence", "note", "since", "until", "assumed")
    return {"value": told(fact.value), **{key: getattr(fact, key) for key in keys}}


def vectors() -> list[Vector]:
    """Return all vectors, in the order of the file."""
    positions = (at_venues, at_dates, below_zero, by_conventions, at_equality)
    pools = (in_pools, hedged, fees_in_modes, what_opens)
    makers = (published, at_bounds, *positions, *pools, of_several_assets, by_rules)
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
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
