"""What the properties are drawn from: brackets, contracts, conventions, positions, accounts, marks.

Sizes are drawn as notionals between 100 and 1,000,000 and brackets begin between 500 and 2,000,000 of
the same money, so that prices cross brackets often. Rates and fees stay below 1 in sum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from marginlab import Account, Collateral, CollateralRatio, Contract, Convention, Growth, Position, Tiers
from marginlab.margin.contracts import KINDS
from marginlab.margin.rules import BRACKETS_COUNT, CHARGED, CLOSING_FEE_AT, CLOSING_FEE_IN, MAINTENANCE_AT, MODES
from marginlab.margin.tiers import HOW

# Where a closing fee counts that asks for nothing but the position and its backing.
OF_POSITION = tuple(one for one in CLOSING_FEE_AT if one != "leverage")


def shares(low, high):
    """Draw a share of something, not so small that it vanishes in rounding."""
    return st.floats(low, high).map(lambda share: round(share, 9))


prices = st.floats(0.5, 50_000)
notionals = st.floats(100, 1_000_000)
sides = st.sampled_from([1.0, -1.0])
closing_fees = shares(0, 0.02)
# Powers of two: multiplying by them is exact, so that scaled answers can be compared to the last bit.
exact_scales = st.integers(-12, 12).map(lambda power: 2.0**power)


@st.composite
def rising_rates(draw, brackets):
    """Draw rates of so many brackets, not falling and below 0.45."""
    return np.cumsum(draw(st.lists(shares(0, 0.09), min_size=brackets, max_size=brackets))).tolist()


@st.composite
def continuous_tables(draw):
    """Draw brackets on notional with the deductions that leave no jump."""
    bounds = draw(st.lists(st.integers(1, 4_000), max_size=4, unique=True))
    floors = [0.0, *(500.0 * bound for bound in sorted(bounds))]
    return Tiers(floors, draw(rising_rates(len(floors))))


@st.composite
def jumping_tables(draw):
    """Draw brackets on notional whose deductions are missing, or too small to close the jump."""
    smooth = draw(continuous_tables())
    share = draw(st.sampled_from([0.0, 0.0, 0.5, 0.9]))
    return Tiers(smooth.floors, smooth.rates, [share * deduction for deduction in smooth.deductions])


@st.composite
def contract_counting_tables(draw):
    """Draw brackets on the size itself, which the price does not move."""
    bounds = draw(st.lists(st.integers(0, 12), max_size=4, unique=True))
    floors = [0.0, *(0.01 * 3.0**bound for bound in sorted(bounds))]
    return Tiers(floors, draw(rising_rates(len(floors))), 0, measured_in="contracts")


@st.composite
def growing_tables(draw):
    """Draw a rate that grows without steps, to some hundredths at the largest notionals."""
    power = draw(st.sampled_from([1.0, 1.0, 0.8, 0.5, 2.0]))
    growth = Growth(draw(shares(0.001, 0.15)) / 1e6**power, power, draw(st.sampled_from(HOW)))
    return Tiers([0], [draw(shares(0, 0.09))], growth=growth)


# Maintenance without a jump as the price moves: exactly one price solves the equation, if any does.
smooth_tables = continuous_tables() | contract_counting_tables()
tables = smooth_tables | jumping_tables()


def contracts(tables=tables, kinds=KINDS):
    """Draw a contract of one of these kinds with one of these tables."""
    return st.builds(
        Contract,
        symbol=st.sampled_from(["BTC", "ETH", "SOL", "DOGE"]),
        tiers=tables,
        kind=st.sampled_from(kinds),
        multiplier=st.sampled_from([1.0, 0.001, 0.01, 10.0]),
    )


def conventions(maintenance_at=MAINTENANCE_AT, closing_fee_at=OF_POSITION, fees=closing_fees):
    """Draw a venue's way of counting."""
    return st.builds(
        Convention,
        maintenance_at=st.sampled_from(maintenance_at),
        closing_fee=fees,
        closing_fee_at=st.sampled_from(closing_fee_at),
        at_equality=st.booleans(),
    )


leverages = st.sampled_from([1.0, 1.25, 2.0])
any_contract = contracts()
any_convention = conventions()
together = st.builds(
    Convention,
    maintenance_at=st.sampled_from(MAINTENANCE_AT),
    closing_fee=closing_fees,
    closing_fee_at=st.sampled_from(["none", "liquidation", "leverage", "margin"]),
    at_equality=st.booleans(),
    closing_fee_in=st.sampled_from(CLOSING_FEE_IN),
    brackets_count=st.sampled_from(BRACKETS_COUNT),
    charged=st.sampled_from(CHARGED),
)
any_share = shares(-0.2, 2.5)
# Where several assets back the pool; a fee on the value that a leverage implies needs no referee of its own there.
of_pools = st.builds(
    Convention,
    maintenance_at=st.sampled_from(MAINTENANCE_AT),
    closing_fee=closing_fees,
    closing_fee_at=st.sampled_from(["none", "liquidation"]),
    at_equality=st.booleans(),
)


def size_of(contract, notional, price):
    """Return the size that has this notional at this price."""
    amount = notional / price if contract.kind == "linear" else notional * price
    return amount / contract.multiplier


class Backed(NamedTuple):
    """A position with what stands behind it, as `liquidation_price` takes it."""

    contract: Contract
    size: float
    entry: float
    backing: float
    mark: float
    convention: Convention

    def liquidation(self, function, **changes):
        """Ask `liquidation_price` about it, some things changed."""
        case = self._replace(**changes)
        return function(case.contract, case.size, case.entry, case.backing, mark=case.mark, convention=case.convention)

    def bankruptcy(self, function, **changes):
        """Ask `bankruptcy_price` about it, some things changed."""
        case = self._replace(**changes)
        return function(case.contract, case.size, case.entry, case.backing, convention=case.convention)

    @property
    def scale(self):
        """The money involved, against which rounding is measured."""
        return abs(self.backing) + sum(self.contract.notional(self.size, price) for price in (self.entry, self.mark))

    def value_at(self, price):
        """Return the notional at a price, 0 for none: `nan` stands for the price that is never reached."""
        return 0.0 if np.isnan(price) else self.contract.notional(self.size, price)


@st.composite
def backed(draw, contracts=any_contract, conventions=any_convention, backing=any_share):
    """Draw a position whose backing is this share of its notional at entry."""
    contract, entry, notional = draw(contracts), draw(prices), draw(notionals)
    return Backed(
        contract,
        size=draw(sides) * size_of(contract, notional, entry),
        entry=entry,
        backing=notional * draw(backing),
        mark=entry * draw(st.floats(0.5, 2)),
        convention=draw(conventions),
    )


@st.composite
def positions(draw, contracts=any_contract, modes=MODES):
    """Draw a position as it is held; isolated ones with a margin from -0.3 to 1.5 times their notional."""
    contract, entry, notional = draw(contracts), draw(prices), draw(notionals)
    mode = draw(st.sampled_from(modes))
    margin = notional * draw(shares(-0.3, 1.5)) if mode == "isolated" else None
    return Position(contract, draw(sides) * size_of(contract, notional, entry), entry, mode=mode, margin=margin)


class Held(NamedTuple):
    """An account and the marks it stands at."""

    account: Account
    marks: np.ndarray

    @property
    def scale(self):
        """The money involved, against which rounding is measured."""
        account, marks = self
        values = account.notional(account.entry) + account.notional(marks) + account.margin
        return float(np.max(np.abs(account.wallet)) + values.sum())


@st.composite
def accounts(draw, *, tables=tables, kinds=KINDS, modes=MODES, conventions=any_convention, legs=(1, 4)):
    """Draw an account of so many positions of one kind, and marks between half and twice their entries."""
    kind = draw(st.sampled_from(kinds))
    held = draw(
        st.lists(positions(contracts(tables, [kind]), modes), min_size=legs[0], max_size=legs[1]),
    )
    value = sum(position.contract.notional(position.size, position.entry) for position in held)
    wallet = value * draw(shares(-0.05, 1.5))
    # One position a market: what several legs of one do is asked of `hedged_accounts`.
    held = [
        replace(one, contract=replace(one.contract, symbol=f"{one.contract.symbol}{i}")) for i, one in enumerate(held)
    ]
    account = Account.of(held, wallet=wallet, convention=draw(conventions))
    moves = draw(st.lists(st.floats(0.5, 2), min_size=len(held), max_size=len(held)))
    return Held(account, account.entry * moves)


@st.composite
def hedged_accounts(draw, *, tables=tables, kinds=KINDS, modes=("cross", "cross", "isolated"), conventions=None):
    """Draw an account with two to three legs in a first market, and up to two in another; each market has one mark."""
    kind = draw(st.sampled_from(kinds))
    held, marks = [], []
    for symbol, count in (("BTC", draw(st.integers(2, 3))), ("ETH", draw(st.integers(0, 2)))):
        contract = replace(draw(contracts(tables, [kind])), symbol=symbol)
        price = draw(prices)
        for _ in range(count):
            notional, entry = draw(notionals), price * draw(st.floats(0.7, 1.4))
            size, mode = draw(sides) * size_of(contract, notional, entry), draw(st.sampled_from(modes))
            margin = notional * draw(st.floats(0.001, 1.5)) if mode == "isolated" else None
            held.append(Position(contract, size, entry, mode=mode, margin=margin, leverage=draw(leverages)))
            marks.append(price)
    value = sum(position.contract.notional(position.size, position.entry) for position in held)
    ways = together if conventions is None else conventions
    account = Account.of(held, wallet=value * draw(shares(-0.05, 1.5)), convention=draw(ways))
    return Held(account, np.array(marks))


@st.composite
def moves(draw, account, shape):
    """Draw factors for the marks of an account, with these leading dimensions."""
    seed = draw(st.integers(0, 2**16))
    return np.random.default_rng(seed).uniform(0.3, 3, (*shape, len(account.contracts)))


# What may be in a pool of several assets: what each contract follows, its kind, and what it settles in.
POOLED = {
    "BTCUSDT": ("linear", "USDT"),
    "ETHUSDT": ("linear", "USDT"),
    "BTCUSD": ("inverse", "BTC"),
    "ETHUSD": ("inverse", "ETH"),
    "ETHUSDC": ("linear", "USDC"),
    "BTCUSDC": ("linear", "USDC"),
    "ETHBTC": ("linear", "BTC"),
}
COINS = {"BTC": 60_000.0, "ETH": 3_000.0}


@st.composite
def collateral_ratios(draw, unit=1.0):
    """Draw a collateral ratio of one to three slices, with floors of some such unit."""
    measure = draw(st.sampled_from(["amount", "value"]))
    size = 10_000.0 / (unit if measure == "amount" else 1.0)
    bounds = sorted(draw(st.lists(st.integers(1, 60), max_size=2, unique=True)))
    steps = draw(st.lists(shares(0, 0.2), min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    ratios = (1 - np.cumsum(steps)).tolist()
    owed = draw(st.sampled_from([1.0, 1.0, 1.005]))
    return CollateralRatio([0.0, *(size * bound / 4 for bound in bounds)], ratios, measure, owed)


@st.composite
def pooled_accounts(draw, *, tables=tables, modes=("cross", "cross", "isolated")):
    """Draw an account of two to four markets backed by two to four assets, and its marks, own ones included."""
    symbols = draw(st.lists(st.sampled_from(list(POOLED)), min_size=2, max_size=4, unique=True))
    price = {coin: usual * draw(st.floats(0.7, 1.4)) for coin, usual in COINS.items()}
    dollar = draw(st.floats(0.9, 1.02))
    held, marks = [], []
    for symbol in symbols:
        kind, currency = POOLED[symbol]
        coin = symbol[:3]
        quoted = {"USDC": dollar, "BTC": price["BTC"]}.get(currency, 1.0) if kind == "linear" else 1.0
        contract = Contract(symbol, draw(tables), kind, currency=currency, follows="ETH" if symbol == "ETHBTC" else "")
        mark = price[coin] / quoted
        notional, entry = (
            draw(notionals) / (quoted if kind == "linear" else price[coin]),
            mark * draw(st.floats(0.6, 1.5)),
        )
        size, mode = draw(sides) * size_of(contract, notional, entry), draw(st.sampled_from(modes))
        margin = notional * draw(st.floats(0.01, 1)) if mode == "isolated" else None
        held.append(Position(contract, size, entry, mode=mode, margin=margin, leverage=draw(leverages)))
        marks.append(mark)
    value = sum(
        draw(st.just(1)) * abs(one.size) * (1 if one.contract.kind == "inverse" else mark)
        for one, mark in zip(held, marks, strict=True)
    )
    followed = {symbol[:3] for symbol in symbols}
    needed = [name for name in ("BTC", "ETH", "USDC") if name in {POOLED[symbol][1] for symbol in symbols}]
    others = [name for name in ("BTC", "ETH", "WBETH", "USDE") if name not in needed]
    extra = draw(st.permutations(others))[: max(2 - len(needed), draw(st.integers(0, 1)))]
    worth = {"USDC": dollar, "USDE": 0.98, "WBETH": 1.08 * price["ETH"], **price}
    collateral, own = [], []
    for name in [*needed, *extra]:
        if name == "WBETH" and not ({"ETH"} & (followed | set(needed))):
            name = "USDE2"
        own_mark = {"USDC": dollar, "USDE": 0.98, "USDE2": 0.97, "WBETH": 1.08}.get(name)
        if own_mark is None and name not in followed:
            own_mark = price[name]
        amount = value * draw(shares(-0.1, 0.6)) / worth.get(name, 1.0)
        ratio = draw(collateral_ratios(worth.get(name, 1.0)))
        collateral.append(Collateral(name, amount, ratio, price=own_mark, quoted_in="ETH" if name == "WBETH" else ""))
        own += [] if own_mark is None else [own_mark]
    account = Account.of(
        held, wallet=value * draw(shares(-0.05, 0.6)), convention=draw(of_pools), collateral=collateral, currency="USDT"
    )
    return Held(account, np.array([*marks, *own]))
