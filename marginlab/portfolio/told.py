"""One position of ccxt, read: what its fields say outright, what follows from others, and which of two readings fits.

ccxt fills in what an exchange tells, leaves the rest ``None``, and has changed what some fields hold. So a field that
may hold two things is tried on the others of the same position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from .. import _checks
from ..formatting import as_amount, listed
from ..margin.account import Account, Position
from ..margin.contracts import Contract, price_of
from ..margin.rules import MODES, Convention
from ..margin.tiers import Tiers
from ..markets.venues import Venue
from .exchanges import (
    INFO_FIRST,
    LEVERAGE_ALONE,
    MARGIN_AS_INITIAL,
    MARGIN_AS_MAINTENANCE,
    ONE_MODE,
    SIDE_WORDS,
    SIGNED,
    WITH_PROFIT,
    mode_in,
    side_in,
)
from .portfolio import Told
from .reading import SIDES, TOLD, Asked

MONEY = (
    *("notional", "unrealizedPnl", "positionMargin", "collateral", "initialMargin", "initialMarginPercentage"),
    *("maintenanceMargin", "maintenanceMarginPercentage", "marginRatio", "liquidationPrice"),
)
# So far, as a share, may a price be from another for both to be the same: that of a mark, worked out of rounded money.
ROUNDED = 1e-4
# And that of a liquidation price, of which the venue knows more than the position tells.
FITS = 2e-3
# So far must it be for its reading to be given up.
FAR = 6e-3
# So far, as a share, must a size be from another for them not to be the same.
ANOTHER = 0.05
# So near to a whole number, as a share, is a leverage that number: it was worked out of rounded money.
WHOLE = 1e-2


class Remarks:
    """How positions were read where that was not said plainly, each way once with the positions it was taken for."""

    def __init__(self) -> None:
        self.said: dict[str, list[int]] = {}

    def add(self, row: int | None, words: str) -> None:
        """Note how a position was read, or the account."""
        rows = self.said.setdefault(words, [])
        if row is not None:
            rows.append(row + 1)

    def lines(self) -> tuple[str, ...]:
        """Return a sentence for each."""
        return tuple(words + _of(rows) for words, rows in self.said.items())


class Exchange(NamedTuple):
    """Where positions come from: ccxt's name of it, the venue here, and the mode that the caller knows."""

    id: str
    venue: Venue
    margin_mode: str | None

    @property
    def convention(self) -> Convention:
        """How it counts."""
        return self.venue.convention.value


@dataclass(frozen=True)
class Fields:
    """What a position tells in numbers, with what is certain of it; ``nan`` is nothing that could be told.

    Attributes
    ----------
    contract, size
        What is held, the size signed and in the contract's unit.
    money
        Its other numbers by ccxt's names, ``None`` where nothing is told.
    entry, mark
        Prices, told or worked out.
    """

    contract: Contract
    size: float
    money: Mapping[str, float | None]
    entry: float = field(default=np.nan)
    mark: float = field(default=np.nan)

    def profit(self) -> float:
        """Return the unrealized profit as the marks have it."""
        return float(self.contract.unrealized_pnl(self.size, self.entry, self.mark))

    def price(self, notional: float) -> float:
        """Return the price at which it is worth that much; nan for none."""
        return float(price_of(self.contract, np.asarray(self.size), np.asarray(notional)))


def number_of_contracts(ask: Asked) -> float | None:
    """Return how many contracts are held, negative for a short that says so by its sign; None, or noted, for none."""
    if ask.given("contracts") is None:
        notional, price = ask.given("notional"), ask.number("markPrice", _checks.positive, needed=False)
        if notional in (0, "0"):
            return None
        worth = ask.number("notional", _checks.numbers, needed=False)
        if worth is None or price is None:
            ask.refuse("contracts", "must be given, or a notional and a markPrice that tell it")
        return None if worth is None or price is None else np.nan
    found = ask.number("contracts", _checks.numbers)
    if found is not None and found < 0 and ask.given("side") == "long":
        ask.refuse("contracts", f"must be 0 or more, not {found!r}")
        return None
    return found


def size_of(ask: Asked, contract: Contract, contracts: float, remarks: Remarks) -> float:
    """Return the size in the contract's unit, without its sign, as the notional has it where only that fits."""
    of_one, mark = (ask.number(name, _checks.positive, needed=False) for name in ("contractSize", "markPrice"))
    times = 1.0 if of_one is None else of_one / contract.multiplier
    size, notional = abs(contracts) * times, abs(ask.number("notional", _checks.numbers, needed=False) or 0.0)
    if mark is None or not notional:
        return size
    unit = float(contract.notional(1.0, mark))
    if np.isnan(size):
        remarks.add(ask.row, "contracts are not told: the size follows from notional and markPrice")
        return notional / unit
    plain = abs(contracts) / contract.multiplier
    entry = ask.number("entryPrice", _checks.positive, needed=False) or mark
    worth = [size * float(contract.notional(1.0, price)) for price in (entry, mark)]
    fits = any(abs(one / notional - 1) <= ANOTHER for one in worth)
    if not fits and abs(plain * unit / notional - 1) <= WHOLE:
        remarks.add(ask.row, "contracts are coins or dollars already, as the notional tells: contractSize is left out")
        return plain
    return size


def side_of(
    ask: Asked, contracts: float, money: Mapping[str, float | None], exchange: str, remarks: Remarks
) -> str | None:
    """Return ``"long"`` or ``"short"``: as told, or as the sign of the size, ``info``, or the profit tells it."""
    said = ask.given("side")
    if said is not None:
        return SIDE_WORDS.get(said) if said in ("buy", "sell") else ask.word("side", SIDES)
    if contracts < 0 or exchange in SIGNED:
        return "short" if contracts < 0 else "long"
    entry, mark = (ask.number(name, _checks.positive, needed=False) for name in ("entryPrice", "markPrice"))
    profit, found = money["unrealizedPnl"], side_in(ask.values.get("info"))
    if found is None and profit and entry and mark and mark != entry:
        found = "long" if (profit > 0) == (mark > entry) else "short"
    if found is None:
        return ask.word("side", SIDES)
    remarks.add(ask.row, f"side is not told: {found}, as info or the profit tells")
    return found


def mode_of(ask: Asked, where: Exchange, isolated_fits: Callable[[], bool | None], remarks: Remarks) -> str | None:
    """Return the mode: as told, as ``info`` tells it, as the caller does, or the only one of the exchange.

    Where nothing tells it, the liquidation price may: that of an isolated position fits, or does not.
    """
    inside = mode_in(ask.values.get("info")) or mode_in(
        {name: ask.values.get(name) for name in ("isolated", "marginType")}
    )
    if ask.given("marginMode") is not None:
        told = ask.mode("marginMode")
        if told is None or where.id not in INFO_FIRST or inside is None or inside[0] == told:
            return told
    only = where.venue.modes[0] if len(where.venue.modes) == 1 else ONE_MODE.get(where.id)
    if inside:
        mode, how = inside[0], f"as info.{inside[1]} says"
    elif where.margin_mode is not None:
        mode, how = where.margin_mode, "as margin_mode says"
    elif isolated_fits():
        mode, how = "isolated", "as the liquidation price is that of an isolated position"
    elif only is not None:
        mode, how = only, f"which is what {where.id} has unless it is told otherwise; margin_mode says otherwise"
    elif isolated_fits() is False:
        mode, how = "cross", "as the liquidation price is not that of an isolated position; margin_mode says otherwise"
    else:
        words = ", ".join(map(repr, MODES))
        ask.refuse("marginMode", f"must be one of {words}, not None: {where.id} does not tell it, so pass margin_mode")
        return None
    remarks.add(ask.row, f"marginMode is not told: {mode}, {how}")
    return mode


def leverage_of(ask: Asked, said: Fields, remarks: Remarks) -> float | None:
    """Return the leverage that is set, or that follows from the initial margin; None where nothing tells it."""
    told = ask.number("leverage", _checks.not_negative, needed=False)
    if told:
        return told
    share, initial = said.money["initialMarginPercentage"], said.money["initialMargin"]
    # Some exchanges state a percentage, and some call the whole margin of an isolated position its initial margin.
    if share is None or not 0 < share < 1:
        notional = abs(said.money["notional"] or 0.0) or float(said.contract.notional(said.size, said.mark))
        share = initial / notional if initial and initial > 0 and initial != said.money["collateral"] else None
    return None if share is None else implied_leverage(ask, 1 / share, "the initial margin", remarks)


def implied_leverage(ask: Asked, leverage: float, what: str, remarks: Remarks) -> float:
    """Return a leverage that follows from something else: the whole number that it is near to, if any."""
    near = round(leverage)
    found = float(near) if near and abs(leverage / near - 1) <= WHOLE else leverage
    remarks.add(ask.row, f"leverage is not told: {found:.4g}x follows from {what}")
    return found


def assumed_leverage(ask: Asked, said: Fields, remarks: Remarks) -> float | None:
    """Return a leverage where nothing tells or limits it: that whose initial margin is twice the maintenance margin."""
    limit = float(said.contract.leverage_limit(said.size, said.mark))
    needed = float(said.contract.maintenance_margin(said.size, said.mark))
    if np.isfinite(limit):
        return None
    leverage = 0.5 * float(said.contract.notional(said.size, said.mark)) / needed if needed > 0 else 1.0
    remarks.add(ask.row, "leverage is not told, and nothing limits it: taken so that it ties up twice the maintenance")
    return leverage


def prices_of(ask: Asked, said: Fields, remarks: Remarks) -> Fields | None:
    """Return the position with its entry and its mark, told or worked out; None, and noted, where one cannot be."""
    entry = ask.number("entryPrice", _checks.positive, needed=False)
    mark = ask.number("markPrice", _checks.positive, needed=False)
    if entry is None and ask.given("entryPrice") is None:
        entry = _entry(ask, said, mark)
        if not entry > 0:
            ask.refuse("entryPrice", "must be given, or a notional or markPrice and an unrealizedPnl that tell it")
    if mark is not None and entry is not None and entry > 0 and _is_no_price(said, entry, mark):
        mark = said.price(abs(said.money["notional"] or 0.0))
        remarks.add(ask.row, "markPrice is another: the one that notional and unrealizedPnl agree on is taken")
    if mark is None and ask.given("markPrice") is None and entry is not None and entry > 0:
        mark = _mark(said, entry)
        if np.isnan(mark) and not said.money["notional"] and not said.money["unrealizedPnl"]:
            mark = entry
            remarks.add(ask.row, "markPrice is not told: taken as the entry, with no profit; marks= says it")
        if not mark > 0:
            ask.refuse("markPrice", "must be given, or a notional or an unrealizedPnl that tells it")
    if entry is None or mark is None or not (entry > 0 and mark > 0):
        return None
    return replace(said, entry=entry, mark=mark)


def _is_no_price(said: Fields, entry: float, mark: float) -> bool:
    """Whether a mark is far from the price that both the notional and the profit tell."""
    by_notional, by_profit = said.price(abs(said.money["notional"] or 0.0)), _by_profit(said, entry)
    return abs(by_notional / mark - 1) > ANOTHER and abs(by_notional / by_profit - 1) <= ROUNDED


def _by_profit(said: Fields, entry: float) -> float:
    """Return the mark that follows from the profit; nan for none."""
    profit = said.money["unrealizedPnl"]
    if profit is None:
        return np.nan
    at_entry = float(said.contract.notional(said.size, entry))
    return said.price(at_entry + float(said.contract.direction(said.size)) * profit)


def _entry(ask: Asked, said: Fields, mark: float | None) -> float:
    """Return the entry that follows from the value at entry or from the profit; nan for none."""
    value = ask.number("valueAtEntry", _checks.numbers, needed=False)
    if value:
        return said.price(abs(value))
    profit, notional = said.money["unrealizedPnl"], abs(said.money["notional"] or 0.0)
    if mark is not None:
        notional = float(said.contract.notional(said.size, mark))
    if profit is None or not notional:
        return np.nan
    return said.price(notional - float(said.contract.direction(said.size)) * profit)


def _mark(said: Fields, entry: float) -> float:
    """Return the mark that follows from the notional, or from the profit where the notional is that at entry."""
    by_notional, by_profit = said.price(abs(said.money["notional"] or 0.0)), _by_profit(said, entry)
    is_entry = abs(by_notional - entry) <= 1e-9 * entry
    return by_profit if np.isnan(by_notional) or (is_entry and by_profit > 0) else by_notional


def margin_of(
    ask: Asked, said: Fields, leverage: float | None, where: Exchange, told: Told, remarks: Remarks
) -> float | None:
    """Return what is set aside for an isolated position, without its profit.

    That is what the exchange's field means, unless another reading alone fits the liquidation price, and that one is
    far from it. Where nothing says which of two that differ it is, it is refused.
    """
    readings = readings_of(said, where, leverage)
    if not readings:
        ask.refuse("positionMargin", "must be given, or a collateral or an initialMargin that tells it")
        return None
    meant, left = _meant(readings, where), _distinct(readings, said)
    if "the leverage" in left:
        remarks.add(ask.row, "the margin is not told: taken as the initial margin at entry")
    if len(left) == 1:
        return next(iter(left.values()))
    off = {name: _off(said, margin, leverage, where, told) for name, margin in left.items()}
    fitting = [name for name in left if off[name] <= FITS]
    if not fitting and not meant:
        fitting = [name for name in left if _as_opened(said, left[name], leverage)]
    own = next((name for name in left if meant and _same(left[name], readings[meant], said)), None)
    if own is not None and (len(fitting) != 1 or off[own] <= FAR):
        return left[own]
    if len(fitting) == 1:
        if own is not None:
            remarks.add(ask.row, f"the margin is {fitting[0]}, which alone fits the liquidation price")
        return left[fitting[0]]
    ways = listed([f"{name} ({as_amount(value)})" for name, value in left.items()], last="or")
    ask.refuse("positionMargin", f"must be given: the margin may be {ways}, and nothing that is told says which")
    return None


def isolated_fits(said: Fields, leverage: float | None, where: Exchange, told: Told) -> bool | None:
    """Whether the liquidation price is that of an isolated position; None where that cannot be said."""
    readings = readings_of(said, where, leverage)
    if not readings and leverage:
        readings = {"the leverage": _opened(said, leverage)}
    if told.liquidation_price is None or not readings:
        return None
    return any(_off(said, margin, leverage, where, told) <= FITS for margin in readings.values())


def readings_of(said: Fields, where: Exchange, leverage: float | None) -> dict[str, float]:
    """Return what the margin may be, by what the fields would hold."""
    margin, collateral = said.money["positionMargin"], said.money["collateral"]
    if where.id in MARGIN_AS_MAINTENANCE:
        collateral = said.money["maintenanceMargin"]
    if where.id in MARGIN_AS_INITIAL and margin is None and collateral is None:
        collateral = said.money["initialMargin"]
    profit = said.money["unrealizedPnl"]
    profit = said.profit() if profit is None else profit
    found = {} if margin is None else {"the positionMargin": margin}
    if collateral is not None:
        found |= {"the collateral": collateral, "the collateral less the profit": collateral - profit}
    if not found and said.money["initialMargin"]:
        found = {"the initialMargin": said.money["initialMargin"]}
    if not found and leverage and where.id in LEVERAGE_ALONE:
        found = {"the leverage": _opened(said, leverage)}
    return found


def _meant(readings: Mapping[str, float], where: Exchange) -> str | None:
    """Return which of the readings is that of the exchange; None where that is not known."""
    for name in ("the positionMargin", "the initialMargin", "the leverage"):
        if name in readings:
            return name
    with_profit = WITH_PROFIT.get(where.id, WITH_PROFIT.get(where.venue.name))
    if where.id in MARGIN_AS_MAINTENANCE:
        with_profit = True
    if with_profit is None:
        return None
    return "the collateral less the profit" if with_profit else "the collateral"


def _distinct(readings: Mapping[str, float], said: Fields) -> dict[str, float]:
    """Return the readings that differ, each once under its first name."""
    left: dict[str, float] = {}
    for name, value in readings.items():
        if not any(_same(value, other, said) for other in left.values()):
            left[name] = value
    return left


def _same(one: float, other: float, said: Fields) -> bool:
    """Whether two margins are the same but for rounding of what the position is worth."""
    return abs(one - other) <= 1e-6 * float(said.contract.notional(said.size, said.entry))


def _as_opened(said: Fields, margin: float, leverage: float | None) -> bool:
    """Whether a margin is what was put up when the position was opened."""
    return leverage is not None and abs(margin / _opened(said, leverage) - 1) <= FITS


def _opened(said: Fields, leverage: float) -> float:
    """Return the initial margin at entry."""
    return float(said.contract.initial_margin(said.size, said.entry, leverage))


def _off(said: Fields, margin: float, leverage: float | None, where: Exchange, told: Told) -> float:
    """Return how far a margin's liquidation price is from the one that is told, as a share; endless without one.

    The nearest counts, of the brackets and the position's own rate, each as the venue takes it and frozen at entry.
    """
    if told.liquidation_price is None:
        return np.inf
    counts = where.convention
    prices = [
        # What the leverage is bears on no isolated position.
        Account.of(
            [Position(contract, said.size, said.entry, "isolated", leverage or 1.0, margin, True)], convention=way
        )
        .liquidation_price([said.mark])
        .item()
        for contract in _contracts(said)
        for way in (counts, replace(counts, maintenance_at="entry"))
    ]
    found = np.abs(np.array(prices) / told.liquidation_price - 1)
    return float(np.nanmin(found)) if np.isfinite(found).any() else np.inf


def _contracts(said: Fields) -> Iterator[Contract]:
    """Yield the contract by its brackets, and by the rate that the position tells."""
    yield said.contract
    rate = own_rate(said.money)
    if rate is not None:
        one = said.contract
        yield Contract(one.symbol, Tiers.flat(rate), one.kind, one.multiplier, one.currency, one.underlying)


def own_rate(money: Mapping[str, float | None]) -> float | None:
    """Return the maintenance rate that a position tells, which some exchanges state in hundredths."""
    share, needed, notional = (money[name] for name in ("maintenanceMarginPercentage", "maintenanceMargin", "notional"))
    implied = abs(needed / notional) if needed is not None and notional else None
    if share is None or (implied and share > 10 * implied):
        share = implied
    return share if share is not None and 0 <= share < 1 else None


def told_of(ask: Asked, said: Fields, where: Exchange) -> Told:
    """Return what the venue itself says of a position: what is 0 it does not say."""
    money = dict(said.money)
    if where.id in MARGIN_AS_MAINTENANCE:
        money |= {"maintenanceMargin": None, "marginRatio": None}
    return Told(
        liquidation_price=money["liquidationPrice"] or None,
        maintenance_margin=money["maintenanceMargin"] or None,
        margin_ratio=money["marginRatio"] or None,
        leverage=ask.number("leverage", _checks.numbers, needed=False) or None,
    )


Row = dict[str, str | float | None]


def row_of(said: Fields, side: str, mode: str, leverage: float | None, margin: float | None, told: Told) -> Row:
    """Return a position as it would be entered."""
    return {
        "symbol": said.contract.symbol,
        "side": side,
        "size": abs(said.size),
        "entry": said.entry,
        "mark": said.mark,
        "mode": mode,
        "leverage": leverage,
        "margin": margin,
        **dict(zip(TOLD, told, strict=True)),
    }


def _of(rows: list[int]) -> str:
    """Say of which positions something was said."""
    if not rows:
        return "."
    return f" (position{'s' if len(rows) > 1 else ''} {listed([str(row) for row in rows])})."
