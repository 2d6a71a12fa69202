"""Ask marginlab what a published worked example asks.

The schema of an example is described in ``README.md`` beside this file. Nothing here looks at an
example's ``id``, ``venue`` or expected values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marginlab import Account, Contract, Convention, Position, Tiers


def evaluate(example: dict[str, Any]) -> list[dict[str, Any]]:
    """Return symbol, quantity and value for everything the example expects an answer to."""
    return [
        {
            "symbol": asked["symbol"],
            "quantity": asked["quantity"],
            "value": _answer(example, asked["symbol"], asked["quantity"], asked.get("extra") or {}),
        }
        for asked in example["expect"]
    ]


def _answer(example: dict[str, Any], symbol: str | None, quantity: str, extra: dict[str, Any]) -> Any:
    account = _account(example, at_equality=extra.get("at_equality", True))
    marks = np.array([leg["entry"] if leg["mark"] is None else leg["mark"] for leg in example["legs"]])
    legs = [i for i, leg in enumerate(example["legs"]) if symbol in (None, leg["symbol"])]
    if quantity == "liquidatable":
        return bool(account.liquidatable(marks)[legs].any())
    if quantity == "equity" and symbol is None:
        return float(account.equity(marks))
    values = _per_leg(example, account, marks, quantity, extra)[legs]
    # A price belongs to one leg and a ratio to the weakest; amounts of several legs add up.
    value = float(values.max() if quantity == "margin_ratio" else values.sum())
    return None if np.isnan(value) else value


def _per_leg(example: dict[str, Any], account: Account, marks: Any, quantity: str, extra: dict[str, Any]) -> Any:
    if quantity in ("liquidation_price", "bankruptcy_price", "unrealized_pnl", "margin_ratio"):
        return getattr(account, quantity)(marks)
    if quantity == "equity":
        return account.position_equity(marks)
    if quantity == "funding_payment":
        return np.array([_funding(contract, size, extra["events"]) for contract, size in _held(account)])
    places = {"entry": account.entry, "mark": marks, "liquidation": account.liquidation_price(marks)}
    at = places[extra.get("at", "mark")]
    if quantity == "initial_margin":
        leverage = [leg["leverage"] for leg in example["legs"]]
        rows = zip(_held(account), at, leverage, strict=True)
        return np.array([contract.initial_margin(size, price, times) for (contract, size), price, times in rows])
    rows = zip(_held(account), at, strict=True)
    return np.array([getattr(contract, quantity)(size, price) for (contract, size), price in rows])


def _funding(contract: Contract, size: float, events: list[dict[str, float]]) -> float:
    return sum(contract.funding_payment(size, event["mark"], event["rate"]) for event in events)


def _held(account: Account) -> list[tuple[Contract, float]]:
    return list(zip(account.contracts, account.size, strict=True))


def _account(example: dict[str, Any], *, at_equality: bool) -> Account:
    positions = [
        Position(
            Contract(
                leg["symbol"],
                Tiers.flat(leg["maintenance_rate"], deduction=leg["maintenance_deduction"]),
                kind=example["contract"]["kind"],
                multiplier=example["contract"]["multiplier"],
            ),
            size=leg["size"],
            entry=leg["entry"],
            mode=leg["mode"],
            # Where a source gives no margin, nothing it asks depends on one.
            margin=(leg["margin"] or 0.0) if leg["mode"] == "isolated" else None,
        )
        for leg in example["legs"]
    ]
    convention = Convention(**example["rule"], at_equality=at_equality)
    return Account.of(positions, wallet=example["wallet"] or 0.0, convention=convention)
