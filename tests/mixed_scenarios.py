"""Random accounts backed by two to four assets, with contracts that settle in any of them, on rough paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marginlab import Account, AutoMargin, Collateral, CollateralRatio, Conversion
from marginlab.margin.collateral import RATIO_MEASURES
from marginlab.margin.rules import CONVERSION_ORDERS

from .scenarios import (
    INF,
    Scenario,
    between,
    draw_account,
    draw_action,
    draw_contract,
    draw_funding,
    draw_order,
    draw_prices,
    draw_rules,
    draw_top_up,
    draw_waiting,
    fitted,
    pick,
    short,
)
from .strategies import size_of


def mixed(seed):
    """Return the scenario of this number, the same every time."""
    rng = np.random.default_rng([seed, 7])
    n, steps = pick(rng, 2, 3, 3, 4, 4, 5), int(rng.integers(8, 25))
    coins = rng.integers(0, min(n, 3), n)
    coin_prices, values = short(2 ** rng.uniform(0, 14, 3)), short(2 ** rng.uniform(10, 14, n))
    start = coin_prices[coins]
    collateral = draw_collateral(rng, coins, coin_prices, float(values.sum()))
    contracts, worth = draw_contracts(rng, coins, start, values, collateral)
    account = draw_mixed(rng, contracts, start, values, worth, collateral)
    rules = replace(draw_rules(rng, values), conversion=draw_conversion(rng, collateral, float(values.mean())))
    rules = replace(rules, flat_liquidation_fee=pick(rng, 0.0, between(rng, 0.001, 0.03) * float(short(values.mean()))))
    account, drained = fitted(account, rules), rng.random() < 0.4
    if drained:
        account = replace(account, leverage=np.minimum(account.leverage, 5))
    own = values / worth
    actions = [draw_action(rng, account, own, steps) for _ in range(rng.integers(0, 8))]
    actions += [draw_order(rng, account, own, steps, drained) for _ in range(rng.integers(0, 6))]
    return Scenario(
        account,
        draw_marks(rng, account, coins, coin_prices, steps),
        rules,
        draw_funding(rng, n, steps),
        draw_top_up(rng, values) if drained and rng.random() < 0.5 else None,
        tuple(actions),
        auto_margin=AutoMargin() if drained and rng.random() < 0.5 else None,
    )


def draw_collateral(rng, coins, coin_prices, money):
    """Draw two to four assets: coins with a market, a dollar of another name, a staked coin, and one without market."""
    held = sorted(set(coins.tolist()))
    kinds = [*(f"C{coin}" for coin in held), "USDC", f"st{held[0]}", "GOLD"]
    names = rng.permutation(kinds)[: rng.integers(2, 5)].tolist()
    return [draw_asset(rng, name, coin_prices, money, f"C{held[0]}") for name in names]


def draw_asset(rng, name, coin_prices, money, coin):
    """Draw an amount worth some hundredths of the money, owed in some, with tiers around it."""
    own = {"USDC": between(rng, 0.95, 1.05), "GOLD": between(rng, 100, 200)}
    quoted_in = coin if name.startswith("st") else ""
    price = own.get(name, between(rng, 0.9, 1.1) if quoted_in else None)
    at = price if price and not quoted_in else float(coin_prices[int((coin if quoted_in else name)[1:])])
    amount = float(short(money * rng.uniform(0.002, 0.05) / at))
    measure = pick(rng, *RATIO_MEASURES)
    unit = amount if measure == "amount" else amount * at
    floors = short(unit * np.cumsum([0.0, *rng.uniform(0.2, 0.8, rng.integers(0, 3))]))
    ratios = np.sort(short(rng.uniform(0, 1, len(floors))))[::-1]
    ratio = CollateralRatio(floors, ratios, measure, owed=pick(rng, 1.0, 1.0, between(rng, 1, 1.1)))
    return Collateral(name, amount * pick(rng, 1, 1, 1, 0, -0.25), ratio, price=price, quoted_in=quoted_in)


def draw_contracts(rng, coins, start, values, collateral):
    """Draw what each position is in, one contract a coin and currency; and what one of that currency is worth."""
    names, drawn, contracts, worth = [one.asset for one in collateral], {}, [], []
    for coin, price, value in zip(coins, start, values, strict=True):
        currency = pick(rng, *["USD"] * 2, *({f"C{coin}", "USDC"} & set(names)))
        kind, at = ("inverse", price) if currency == f"C{coin}" else ("linear", 1.0)
        if (coin, currency) not in drawn:
            contract = draw_contract(rng, kind, f"P{coin}-{currency}", price, value / at)
            drawn[coin, currency] = replace(contract, follows=f"C{coin}", currency=currency)
        contracts.append(drawn[coin, currency])
        worth.append(at)
    # A coin that only a staked one leads to has to have a market of its own.
    return contracts, np.array(worth)


def draw_mixed(rng, contracts, start, values, worth, collateral):
    """Draw positions in these contracts, and how the venue counts; no closing fee at bankruptcy."""
    sides, isolated = rng.choice([-1, -1, 0, 1, 1], len(values)), rng.random(len(values)) < pick(rng, 0.0, 0.3, 0.6)
    own = values / worth
    model = draw_account(rng, start, values)
    at = model.convention.closing_fee_at
    leverage = model.leverage if at != "leverage" else np.minimum(model.leverage, 50.0)
    counts = replace(model.convention, closing_fee_at="liquidation" if at == "bankruptcy" else at)
    size = [size_of(*of) for of in zip(contracts, own, start, strict=True)] * sides
    account = Account(
        wallet=float(short(values.sum() * rng.uniform(-0.02, 0.08))),
        contracts=contracts,
        size=short(size),
        entry=short(start * rng.uniform(0.97, 1.03, len(values))),
        mode=np.where(isolated, "isolated", "cross").tolist(),
        margin=short(own * isolated * rng.uniform(0.02, 0.2, len(values))),
        leverage=leverage,
        convention=counts,
        collateral=collateral,
        currency="USD",
    )
    return replace(account, orders=draw_waiting(account, start))


def draw_conversion(rng, collateral, value):
    """Draw when and how debts are paid."""
    fees = {one.asset: between(rng, 0, 0.05) for one in collateral if rng.random() < 0.5}
    return Conversion(
        above=pick(rng, INF, INF, 0.0, between(rng, 0.001, 0.05) * float(short(value))),
        with_losses=bool(rng.random() < 0.5),
        order=pick(rng, *CONVERSION_ORDERS),
        fee=pick(rng, 0.0, between(rng, 0, 0.03)),
        fees=fees,
    )


def draw_marks(rng, account, coins, coin_prices, steps):
    """Draw one path a coin, and of assets with a mark of their own often one too; or leave that out."""
    held = coin_prices[sorted(set(coins.tolist()))]
    paths = draw_prices(rng, held * (1 + np.arange(len(held)) / 1024), steps)
    of_coin = dict(zip(sorted(set(coins.tolist())), paths.T, strict=True))
    marks = np.stack([of_coin[coin] for coin in coins.tolist()], axis=-1)
    own = account.assets.own
    if not own.size or rng.random() < 0.3:
        return marks
    moves = np.exp(np.cumsum(rng.normal(0, 0.004, (steps, own.size)), axis=0))
    moves *= np.where(rng.random((steps, own.size)) < 0.05, 0.7, 1.0)
    return np.concatenate([marks, short(own * moves)], axis=-1)
