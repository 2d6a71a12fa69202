"""The records of what ccxt's parsers return, read as accounts: what comes in, what is refused, and what agrees.

The records are facts of their own (`ccxt_positions.json`, `ccxt_balances.json`); the values by hand come from the raw
examples and owe nothing to the reader.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from marginlab.portfolio import EntryError, from_ccxt, reconcile

HERE = Path(__file__).parent
POSITIONS, BALANCES = (
    json.loads((HERE / f"ccxt_{name}.json").read_text(encoding="utf-8"))["records"]
    for name in ("positions", "balances")
)
COUNTED = [one for one in POSITIONS if one["kind"] == "perpetual" and "contradicts" not in one]
# Each output of each version counts.
OUTPUTS = [(one, version, output) for one in COUNTED for versions, output in one["parsed"] for version in versions]
# Refused, and rightly: what the row does not tell, and what to pass instead.
REFUSED = {"bydfi-1": "marginMode", "toobit-1": "marginMode", "vertex-2": "contracts"}
# Read otherwise than by hand: a profit that holds funding, and a collateral that one release had with the profit.
OTHERWISE = {"paradex-1": "mark", "gate-7": "margin"}
# What a wallet by hand leaves aside is an isolated position there, and elsewhere the profit of the pool.
ALONE = ("hyperliquid-2",)


def brackets(record, symbol):
    """Return what ``fetch_leverage_tiers`` would say: the brackets on record, or the rate that follows from the row."""
    true, size = record["true"], record["true"]["size"]
    found = record["market"].get("brackets")
    if not found and true["maintenance_margin"] and true["mark"]:
        value = abs(size / true["mark"] if record["market"].get("inverse") else size * true["mark"])
        found = [["0", str(true["maintenance_margin"] / value)]]
    found = found or [["0", "0.005"]]
    ends = [*(float(floor) for floor, _ in found[1:]), None]
    rows = zip(found, ends, strict=True)
    keys = ("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage")
    return {
        symbol: [dict(zip(keys, (float(floor), end, float(rate), None), strict=True)) for (floor, rate), end in rows]
    }


def account(record, output):
    """Return the account of one position, with brackets and a balance; and the mode, where only the owner knows it."""
    symbol = output["symbol"]
    money = {"total": {symbol.partition(":")[2].partition("-")[0] or "USDT": 10_000.0}}
    held = {**output, "info": record["raw"]}
    return from_ccxt(
        [held],
        venue=record["exchange"],
        balance=money,
        brackets=brackets(record, symbol) if "true" in record else None,
        margin_mode="cross" if "true" in record and record["true"]["mode_from"] == "account" else None,
    )


def read(record, output):
    """Return what the reader makes of it by the names of the record, or the field that it refuses."""
    try:
        found = account(record, output)
    except EntryError as refusal:
        return refusal.problems[0].field
    (one,) = found.positions
    size = one.size * one.contract.multiplier
    return {"size": size, "side": "short" if size < 0 else "long", "mode": one.mode, "margin": one.margin} | {
        "mark": found.marks[0]
    }


def as_by_hand(record, found):
    """Return the fields that differ from the values by hand; what nothing tells is not compared."""
    true, wrong = record["true"], []
    for name, value in found.items():
        stated = true[name]
        if stated is None and not (name == "margin" and true["mode"] == "cross"):
            continue
        alike = (
            value == stated if stated is None or isinstance(stated, str) else value == pytest.approx(stated, rel=1e-3)
        )
        wrong += [] if alike else [name]
    return wrong


def test_nineteen_of_twenty_perpetual_positions_come_in_as_they_are_by_hand(capsys):
    came: Counter[str] = Counter()
    for record, _, output in OUTPUTS:
        found = read(record, output)
        if isinstance(found, str):
            assert (record["id"], found) == (record["id"], REFUSED.get(record["id"]))
        else:
            wrong = as_by_hand(record, found)
            assert (record["id"], wrong) == (record["id"], [OTHERWISE.get(record["id"])] if wrong else [])
            came[record["exchange"]] += not wrong
    with capsys.disabled():
        n, exchanges = len(OUTPUTS), len({record["exchange"] for record, _, _ in OUTPUTS})
        print(f"\n{came.total()} of {n} outputs of {len(COUNTED)} positions of {exchanges} exchanges come in")
    assert came.total() >= 0.95 * len(OUTPUTS)


@pytest.mark.parametrize("record", [one for one in POSITIONS if one["kind"] in ("spot", "dated", "option", "closed")])
def test_what_is_no_open_perpetual_is_passed_over(record):
    for _, output in record["parsed"]:
        with pytest.raises(EntryError, match=r"must hold 1 to 500 open ones, not 0|contracts must be given"):
            account(record, output)


# Everything is told: the margin, the brackets of its day, and a liquidation price.
TOLD_ALL = [
    (record, output)
    for record, _, output in OUTPUTS
    if all(record["true"][name] for name in ("margin", "liquidation_price"))
    and (record["market"].get("brackets") or record["true"]["maintenance_margin"])
]


def off(record, output):
    """Return how far our liquidation price is from the venue's own, as a share."""
    found = account(record, output)
    return abs(found.account.liquidation_price(found.marks)[0] / record["true"]["liquidation_price"] - 1)


def test_the_liquidation_price_is_the_venues_own_where_everything_is_told(capsys):
    farthest: dict[str, float] = {}
    for record, output in TOLD_ALL:
        farthest[record["id"]] = max(farthest.get(record["id"], 0.0), off(record, output))
    near = {name: far <= 0.002 for name, far in farthest.items()}
    with capsys.disabled():
        print(f"\n{sum(near.values())} of {len(near)} positions are liquidated within 0.2 % of the venue's own price")
    assert sum(near.values()) >= 0.9 * len(near), farthest


def test_the_others_are_explained():
    (record, output) = next(one for one in TOLD_ALL if one[0]["id"] == "phemex-2")
    (line,) = (one for one in reconcile(account(record, output)).differing if one.figure == "liquidation price")
    assert line.reason.startswith("maintenance is taken at the ")


@pytest.mark.parametrize("record", [one for one in BALANCES if "contradicts" not in one], ids=lambda one: one["id"])
def test_the_wallet_is_that_by_hand(record):
    true = record["true"]
    if true["wallet"] is None:
        pytest.skip("nothing tells the wallet")
    currency = true["currency"]
    # A position whose profit is what the equity has beside the wallet.
    profit = (true["equity"] or true["wallet"]) - true["wallet"]
    held = {"symbol": f"X/{currency}:{currency}", "side": "long", "contracts": 1e-3, "entryPrice": 1e9}
    held |= {"markPrice": 1e9 + profit / 1e-3, "marginMode": "cross", "maintenanceMarginPercentage": 0.01}
    if record["id"] in ALONE:
        held |= {"markPrice": 1e9, "marginMode": "isolated", "positionMargin": profit}
    for _, output in record["parsed"]:
        if "raises" in output:
            continue
        found = from_ccxt([held], venue=record["exchange"], balance={**output, "info": record["raw"]})
        assert found.wallet == pytest.approx(true["wallet"], rel=1e-6, abs=1e-6), output
        others = {one.asset: one.amount for one in found.collateral}
        assert {name: others.get(name) for name in true["other"]} == true["other"]
