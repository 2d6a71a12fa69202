"""Claims 4-1 to 4-4: what is left in the pool, switching, funding, and the leverage of each mode."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marginlab import MODES, Account, Close, Open, Position, Rules, Switch, event, simulate, venue
from marginlab.markets.venues import practices

from ..chapters import explorers_of, notebook_of, states_of

BINANCE, DYDX = venue("binance"), venue("dydx")
BTC = BINANCE.contract("BTCUSDT")
MARKS = event("rally-aug-2026").close[-1]
PRICE = float(MARKS[0])
# As the chapter has it: dYdX by the brackets it began with, each position in one go, the largest loss first.
BEGAN, WHOLE = "2023-10-24", replace(DYDX.rules.value, part="whole", order="largest loss")
sides = st.sampled_from([1.0, -1.0])
rates = st.floats(0.00001, 0.003)


def told(name):
    """Yield the values and the sentence of each of those states."""
    explorer = explorers_of("questions")[name]
    for values in states_of(explorer):
        yield values, explorer.draw(**values)[1]


def numbers(text):
    """Return the numbers of a sentence, in order; a percentage as what it says."""
    found = re.findall(r"[−+]?\d[\d,]*(?:\.\d+)?", text)
    return [float(one.replace(",", "").replace("−", "-")) for one in found]


def stored(label):
    """Return what the solution of an exercise printed."""
    cells = notebook_of("questions").cells
    (start,) = (i for i, cell in enumerate(cells) if f"{{solution-start}} {label}\n" in cell.source)
    return "".join(output.text for output in cells[start + 1].outputs)


# --- 4-1: floating profit after a liquidation -----------------------------------------------------------------


@st.composite
def failing_pools(draw):
    """Draw a cross pool at dYdX of two positions, and marks at which it is liquidated."""
    entry = np.array([draw(st.floats(5_000, 120_000)), draw(st.floats(100, 5_000))])
    notional = np.array([draw(st.floats(2_000, 500_000)), draw(st.floats(2_000, 500_000))])
    size = notional / entry * [draw(sides), draw(sides)]
    contracts = [DYDX.contract(symbol, date=BEGAN) for symbol in ("BTC-USD", "ETH-USD")]
    positions = [Position(c, q, e, leverage=10) for c, q, e in zip(contracts, size, entry, strict=True)]
    marks = entry * [draw(st.floats(0.6, 1.6)), draw(st.floats(0.6, 1.6))]
    # Less than the 3 % it must hold, more than the fee takes.
    equity = (np.abs(size) * marks).sum() * draw(st.floats(0.016, 0.0299))
    wallet = equity - (size * (marks - entry)).sum()
    return Account.of(positions, wallet=wallet, convention=DYDX.convention.value), marks


@given(failing_pools())
def test_claim_4_1_a_closing_costs_the_pool_the_fee_and_nothing_else(pool):
    account, marks = pool
    first = simulate(account, [marks], rules=WHOLE).ledger[0]
    fee = 0.015 * account.notional(marks)[first.position]
    tiny = 1e-9 * account.notional(marks).sum()
    assert first.fee == pytest.approx(fee)
    assert first.after.equity == pytest.approx(first.before.equity - fee, abs=tiny)
    # What floated is realised: the wallet takes it, to the last cent.
    realised = account.size[first.position] * (marks - account.entry)[first.position]
    assert first.after.wallet == pytest.approx(account.wallet + realised - fee, abs=tiny)


@given(failing_pools())
def test_claim_4_1_what_is_free_afterwards_counts_the_floating_profit_of_the_rest(pool):
    account, marks = pool
    outcome = simulate(account, [marks], rules=WHOLE)
    assume(len(outcome.ledger) == 1)
    left = 1 - outcome.ledger[0].position
    floating = account.size[left] * (marks - account.entry)[left]
    held = abs(account.size[left]) * marks[left]
    assert outcome.equity == pytest.approx(outcome.wallet + floating)
    assert outcome.ledger[0].after.requirement == pytest.approx(0.03 * held)
    after = replace(account, wallet=outcome.wallet, size=outcome.size)
    assert after.free_margin(marks) == pytest.approx(
        outcome.wallet + floating - held / 10, abs=1e-9 * account.notional(marks).sum()
    )


@given(failing_pools())
def test_claim_4_1_closing_one_position_leaves_the_other_as_it_was(pool):
    account, marks = pool
    outcome = simulate(account, [marks], rules=WHOLE)
    assume(len(outcome.ledger) == 1)
    left = 1 - outcome.ledger[0].position
    assert outcome.size[left] == account.size[left]
    assert outcome.entry[left] == account.entry[left]


@given(failing_pools())
def test_claim_4_1_where_the_pool_is_taken_over_the_floating_profit_goes_too(pool):
    account, marks = pool
    outcome = simulate(account, [marks], rules=Rules(close="takeover"))
    assert not outcome.size.any()
    assert outcome.equity == 0


def closed_by_hand(fall, follow):
    """Walk the chapter's pair down in tenths of a per cent, and close what must be, one position at a time."""
    wallet, held, closed = 25_000.0, {0: 2.0, 1: -20.0}, []
    for step in range(round(fall * 1000) + 1):
        down = step / 1000
        now = MARKS * [1 - down, 1 - follow * down]
        while held:
            floating = {i: size * (now[i] - MARKS[i]) for i, size in held.items()}
            equity, required = wallet + sum(floating.values()), sum(0.03 * abs(q) * now[i] for i, q in held.items())
            if equity >= required:
                break
            worst = min(floating, key=floating.get)
            fee = min(0.015 * abs(held[worst]) * now[worst], equity)
            wallet += floating[worst] - fee
            closed.append((worst, down, -floating[worst], fee))
            del held[worst]
    floating = [held.get(i, 0.0) * (now[i] - MARKS[i]) for i in (0, 1)]
    value = [abs(held.get(i, 0.0)) * now[i] for i in (0, 1)]
    equity = wallet + sum(floating)
    return closed, [wallet, *floating, equity, 0.03 * sum(value), equity - sum(value) / 10]


FOLLOW = {"rises half as much": -0.5, "stands still": 0.0, "falls half as much": 0.5, "falls as much": 1.0}


def test_claim_4_1_the_chapter_tells_what_is_left_and_free_as_it_is_by_hand():
    for values, said in told("recomputed"):
        closed, left = closed_by_hand(values["fall"], FOLLOW[values["follow"]])
        head, tail = said.split(". Wallet ")
        by_hand = [100 * values["fall"] * -1, 100 * -values["fall"] * FOLLOW[values["follow"]]]
        by_hand += [number for _, down, loss, fee in closed for number in (100 * down, loss, fee)]
        assert numbers(head) == pytest.approx(by_hand, abs=0.51), said
        assert re.findall(r"(BTC|ETH) was liquidated", head) == [("BTC", "ETH")[i] for i, *_ in closed]
        assert numbers(tail) == pytest.approx(left, abs=0.51), said


def test_claim_4_1_drawn_at_random_the_winner_goes_first_on_half_of_the_draws():
    falls = np.arange(401)[:, None] / 1000
    coins = [DYDX.contract(symbol, date=BEGAN) for symbol in ("BTC-USD", "ETH-USD")]
    rows = zip(coins, (2.0, -20.0), MARKS, strict=True)
    account = Account.open(
        [Position(*row, leverage=10) for row in rows], balance=25_000, convention=DYDX.convention.value
    )
    way = np.broadcast_to(MARKS * (1 - falls), (200, 401, 2))
    outcome = simulate(account, way, rules=replace(WHOLE, order="random"))
    spared, gone = outcome.survived[:, 1], ~outcome.survived[:, 1]
    # Whoever is spared still floats; a winner that goes has its profit in the wallet, and the long goes after it.
    assert outcome.realized[spared, 1].max() == 0 < outcome.realized[gone, 1].min()
    assert (outcome.liquidated[gone, 1] <= outcome.liquidated[gone, 0]).all()
    outputs = [output for cell in notebook_of("questions").cells for output in cell.get("outputs", ())]
    notices = [output.get("data", {}).get("text/markdown", "") for output in outputs]
    assert any(f"survives the fall of 40% on {spared.mean():.0%} of 200 draws" in notice for notice in notices)


def test_claim_4_1_the_chapter_tells_what_each_venue_leaves_of_the_pool():
    symbols = {"binance": ("BTCUSDT", "ETHUSDT"), "hyperliquid": ("BTC", "ETH"), "dydx": ("BTC-USD", "ETH-USD")}
    for values, said in told("survives"):
        falls = np.arange(401) / 1000
        marks = MARKS * np.column_stack([1 - falls, 1 - FOLLOW[values["follow"]] * falls])
        expected = []
        for name, pair in symbols.items():
            coins = [venue(name).contract(symbol, date=BEGAN if name == "dydx" else None) for symbol in pair]
            rows = zip(coins, (2.0, -20.0), MARKS, strict=True)
            account = Account.open(
                [Position(*row, leverage=10) for row in rows], balance=25_000, convention=venue(name).convention.value
            )
            begun = np.argmax(account.liquidatable(marks)[:, 0])
            rules = WHOLE if name == "dydx" else replace(venue(name).rules.value, order="largest loss")
            outcome = simulate(account, marks, rules=rules, record=["equity", "size"])
            end = outcome.liquidated[0]
            expected += [outcome.equity_path[end], account.equity(marks[begun])]
            part = said.split(venue(name).title)[1].split(" leaves ")[1]
            assert part.split(" and ")[1].startswith("the short ETH") == bool(outcome.size_path[end, 1])
        assert numbers(said.replace("dYdX v4", "dYdX")) == pytest.approx(expected, abs=0.51), said


# --- 4-2: switching with a position open ----------------------------------------------------------------------

SWITCHING = {one.venue: one for one in practices("switching") if one.rule}
RULES = ("flat", "order", "account", "open")


def test_claim_4_2_at_most_of_the_venues_listed_an_open_position_keeps_its_mode():
    keeps = [one for one in SWITCHING.values() if one.rule in ("flat", "order")]
    assert len(keeps) > len(SWITCHING) / 2
    # Where it does not: the two that the condition names, one more, and one of an older page that goes one way only.
    others = [one.venue for one in SWITCHING.values() if one not in keeps]
    assert others == ["Bybit", "BitMEX", "Phemex", "MEXC Coin-M"]


@given(st.floats(0.01, 10), st.sampled_from([2, 5, 10, 20]), st.sampled_from(MODES), st.booleans())
def test_claim_4_2_an_open_position_changes_its_mode_only_where_the_rule_lets_it(size, leverage, mode, whole):
    other = MODES[1 - MODES.index(mode)]
    position = Position(BTC, size, PRICE, mode=mode, leverage=leverage)
    account = Account.open([position], balance=size * PRICE)
    switch = Switch(step=0, mode=other, position=None if whole else 0)
    for rule in RULES:
        outcome = simulate(account, [[PRICE]], rules=Rules(switching=rule), actions=[switch], on_refusal="record")
        allowed = rule == "open" or (rule == "account" and whole)
        assert outcome.refused == (not allowed)
        assert outcome.isolated[0] == ((other if allowed else mode) == "isolated")
        assert outcome.equity == account.equity([PRICE])


@given(st.floats(0.01, 10), st.floats(0.93, 1.5), st.floats(0, 0.002))
def test_claim_4_2_the_way_round_is_open_everywhere_and_costs_two_fees(size, move, fee):
    position = Position(BTC, size, PRICE, mode="isolated", leverage=10)
    account = Account.open([position], balance=size * PRICE)
    actions = [
        Close(step=0, position=0),
        Switch(step=0, mode="cross"),
        Open(step=0, position=0, size=size),
    ]
    for rule in RULES:
        rules = Rules(switching=rule, trading_fee=fee)
        outcome = simulate(account, [[PRICE * move]], rules=rules, actions=actions)
        assert not outcome.isolated[0]
        cost = account.equity([PRICE * move]) - outcome.equity
        assert cost == pytest.approx(2 * fee * size * PRICE * move, abs=1e-9 * size * PRICE)


def test_claim_4_2_the_chapter_tells_what_the_try_leaves():
    margin, fees = PRICE / 10, 2 * 0.0005 * PRICE * 0.93
    # Isolated: gone where margin and loss leave less than 0.4 % of the notional, looked at every half per cent.
    down = next(n / 200 for n in range(30) if margin - PRICE * n / 200 < 0.004 * PRICE * (1 - n / 200))
    in_cross = 30_000 - 0.04 * PRICE
    for values, said in told("switched"):
        rule, round_way = SWITCHING[values["name"]].rule, values["tried"].startswith("close")
        fine = round_way or rule == "open" or (rule == "account" and values["tried"] == "switch the whole account")
        assert (" is accepted" in said, " is refused" in said) == (fine, not fine)
        tail = said.split(": to ")[1]
        expected = [100 * down, 30_000 - margin, 30_000] if not fine else [14, in_cross - round_way * fees, 30_000]
        if round_way:
            expected = [fees, *expected]
        assert numbers(tail) == pytest.approx(expected, abs=0.51), said


# --- 4-3: funding in the two modes ----------------------------------------------------------------------------


def long_or_short(mode, side, leverage, balance=2.0):
    """Return one BTC, long or short, with a balance that is a multiple of its margin."""
    position = Position(BTC, side, PRICE, mode=mode, leverage=leverage)
    return Account.open([position], balance=balance * PRICE / leverage, convention=BINANCE.convention.value)


@given(sides, st.sampled_from([2, 5, 10]), rates, sides, st.floats(0.95, 1.05))
def test_claim_4_3_funding_is_the_same_amount_in_both_modes(side, leverage, rate, sign, move):
    paid = [
        simulate(long_or_short(mode, side, leverage), [[PRICE * move]] * 3, funding=sign * rate).funding[0]
        for mode in MODES
    ]
    assert paid[0] == paid[1] == pytest.approx(-3 * side * sign * rate * PRICE * move)


@given(sides, st.sampled_from([5, 10, 20]), rates)
def test_claim_4_3_a_payment_moves_both_liquidation_prices_by_the_same_step(side, leverage, rate):
    moves = []
    for mode in MODES:
        before = long_or_short(mode, side, leverage)
        after = simulate(before, [[PRICE]], funding=side * rate)
        held = Account.of(
            [Position(BTC, side, PRICE, mode=mode, margin=after.margin[0] or None, leverage=leverage)],
            wallet=after.wallet,
        )
        moves.append(held.liquidation_price()[0] - before.liquidation_price()[0])
        assert side * moves[-1] > 0
    assert moves[0] == pytest.approx(moves[1], rel=1e-6)
    # Long, in the lowest bracket: the payment over one less the rate. A short's divides by one more.
    assert abs(moves[1]) == pytest.approx(rate * PRICE / (1 - side * 0.004), rel=1e-6)


@given(st.sampled_from([2, 5, 10]), rates)
def test_claim_4_3_isolated_funding_out_of_the_margin_leaves_the_wallet_alone(leverage, rate):
    account = long_or_short("isolated", 1.0, leverage)
    outcome = simulate(account, [[PRICE]], funding=rate)
    assert outcome.wallet == account.wallet
    assert outcome.margin[0] == pytest.approx(account.margin[0] - rate * PRICE)


@given(st.sampled_from([2, 5, 10]), rates)
def test_claim_4_3_with_the_wallet_first_the_margin_is_touched_only_when_it_is_empty(leverage, rate):
    rules = Rules(isolated_funding="wallet")
    rich, poor = (long_or_short("isolated", 1.0, leverage, balance) for balance in (2.0, 1.0))
    assert simulate(rich, [[PRICE]], rules=rules, funding=rate).margin[0] == rich.margin[0]
    assert simulate(poor, [[PRICE]], rules=rules, funding=rate).margin[0] == pytest.approx(
        poor.margin[0] - rate * PRICE
    )


def test_claim_4_3_with_the_wallet_first_an_isolated_position_costs_more_than_its_margin():
    account = long_or_short("isolated", 1.0, 20, 1.5)
    path = np.full((400, 1), PRICE)
    lost = {
        pocket: -simulate(account, path, rules=Rules(isolated_funding=pocket), funding=0.001).profit
        for pocket in ("margin", "wallet")
    }
    assert lost["margin"] == pytest.approx(account.margin[0])
    assert lost["wallet"] == pytest.approx(1.5 * account.margin[0])


def test_claim_4_3_venues_do_not_agree_on_the_pocket():
    pockets = {one.rule for one in practices("funding") if one.rule}
    assert {"margin", "wallet"} <= pockets
    assert [one.rule for one in practices("funding") if one.venue == "Bybit"] == ["wallet"]
    assert venue("bybit").rules.value.isolated_funding == "wallet"


def paid_by_hand(wallet, margin, rate, settled, pool):
    """Pay settlement after settlement out of the wallet, then the margin: how many are paid, and the backing left."""
    for count in range(1, settled + 1):
        from_wallet = rate * PRICE if pool else min(rate * PRICE, max(wallet, 0.0))
        wallet, margin = wallet - from_wallet, margin - (rate * PRICE - from_wallet)
        if (wallet if pool else margin) < 0.004 * PRICE:
            return count, True, wallet, margin
    return settled, False, wallet, margin


def test_claim_4_3_the_chapter_tells_where_the_liquidation_price_goes():
    for values, said in told("funded"):
        rate, margin = values["rate"], PRICE / values["leverage"]
        parts = said.split(": ", 1)[1].split("; ")
        for kind, part in zip(("cross", "isolated", "wallet first"), parts, strict=True):
            pool = kind == "cross"
            # A purse of 9,000; without the wallet's help what is unused does not count.
            unused = 9_000.0 if pool else 9_000 - margin if kind == "wallet first" else 0.0
            start = 9_000.0 if pool else margin
            if rate < 0 and not pool:
                # The pocket that pays is the pocket that receives.
                count, gone, left = 90, False, margin - 90 * rate * PRICE * (kind == "isolated")
            else:
                count, gone, wallet, rest = paid_by_hand(unused, 0.0 if pool else margin, rate, 90, pool)
                left = wallet if pool else rest
            prices = [] if gone else [(PRICE - one) / (1 - 0.004) for one in (start, left)]
            if not gone and round(prices[0]) == round(prices[1]):
                prices = prices[:1]
            assert numbers(part) == pytest.approx([abs(rate) * PRICE * count, count, *prices], abs=0.51), said
            assert ("is then liquidated" in part) == gone


def test_claim_4_3_the_chapter_tells_what_an_isolated_position_can_cost():
    for values, said in told("pocketed"):
        margin, unused = PRICE / values["leverage"], values["unused"]
        expected = [values["leverage"], margin, unused, 0.1]
        for wallet in (0.0, float(unused)):
            count, gone, *_ = paid_by_hand(wallet, margin, 0.001, 180, pool=False)
            expected += [count, margin + wallet if gone else 180 * 0.001 * PRICE]
        assert numbers(said) == pytest.approx(expected, abs=0.51), said


# --- 4-4: how large a position ---------------------------------------------------------------------------------

MARKETS = {
    "Binance USD-M": venue("binance").table("BTCUSDT"),
    "Bybit": venue("bybit").table("BTCUSDT", date="2025"),
    "OKX": venue("okx").table("ETH-USDT-SWAP"),
    "Hyperliquid": venue("hyperliquid").table("BTC"),
    "dYdX v4": venue("dydx").table("BTC-USD"),
}


def accepted(mode, contract, notional, price, margin):
    """Say whether an account with this balance may open so much, at the highest leverage allowed."""
    size = notional / contract.notional(1.0, price)
    try:
        leverage = contract.leverage_limit(size, price)
        Account.open([Position(contract, size, price, mode=mode, leverage=leverage)], balance=margin)
    except ValueError:
        return False
    return True


def most_opened(mode, contract, price, margin):
    """Return the largest notional that is accepted, by halving."""
    low, high = 1.0, 1e10
    while high / low > 1 + 1e-9:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if accepted(mode, contract, middle, price, margin) else (low, middle)
    return low


@given(st.sampled_from(list(MARKETS)), st.floats(100, 1e8), st.floats(100, 1e7))
def test_claim_4_4_one_position_is_accepted_in_both_modes_or_in_neither(name, notional, margin):
    contract = MARKETS[name].contract
    price = float(MARKS[1] if name == "OKX" else MARKS[0])
    assert len({accepted(mode, contract, notional, price, margin) for mode in MODES}) == 1


@given(st.floats(1, 48_000), st.floats(0, 48_000))
def test_claim_4_4_adding_both_directions_up_never_allows_more(long, short):
    okx = MARKETS["OKX"].contract
    assert okx.leverage_limit(long + short, 2_000) <= okx.leverage_limit(long, 2_000)


def test_claim_4_4_adding_both_directions_up_puts_10_000_and_15_000_contracts_into_the_bracket_of_25_000():
    # The example of OKX itself: long 10,000 and short 15,000 are in the bracket of 25,000 contracts.
    tiers = venue("okx").contract("ETH-USDT-SWAP", date="2021-06-11").tiers
    assert tiers.floors[tiers.bracket(25_000)] == 24_000
    assert tiers.leverage_limit(25_000) < tiers.leverage_limit(15_000) < tiers.leverage_limit(5_000)


def test_claim_4_4_the_modes_differ_at_some_venues_and_in_both_directions():
    by_rule = {
        rule: [one.venue for one in practices("leverage") if one.rule == rule] for rule in ("same", "sum", "larger")
    }
    assert by_rule == {
        "same": ["Binance USD-M", "Bybit", "dYdX v4"],
        "sum": ["OKX"],
        "larger": ["Bitget", "Kraken Futures"],
    }


def test_claim_4_4_the_chapter_tells_the_largest_position_that_is_accepted():
    for values, said in told("opens"):
        table = MARKETS[values["name"]]
        price = float(MARKS[1] if values["name"] == "OKX" else MARKS[0])
        most = {most_opened(mode, table.contract, price, values["margin"]) for mode in MODES}
        assert len(most) == 1
        tail = said.split(f"brackets of {table.date}: ")[1]
        expected = [values["margin"], *most, *(one / values["margin"] for one in most)]
        assert numbers(tail) == pytest.approx(expected, rel=1e-6, abs=0.06), said


def leg_by_hand(contracts, in_bracket_of):
    """Return the margin of a leg: OKX's brackets of December 2025, one every 25,000 contracts from the third on."""
    if not contracts:
        return 0.0
    floors = [0, 5_000, 10_000, *range(25_000, 100_000, 25_000)]
    initial = [1 / limit for limit in (100, 66.66, 50, 40, 33.33, 28.57)]
    number = max(n for n, floor in enumerate(floors) if floor < in_bracket_of)
    return contracts * 0.1 * MARKS[1] * initial[number]


def test_claim_4_4_the_chapter_tells_what_both_directions_tie_up():
    for values, said in told("hedged"):
        long, short = values["long"], values["long"] * values["short"]
        alone = [leg_by_hand(leg, leg) for leg in (long, short)]
        together = long + short
        added = sum(leg_by_hand(leg, together) for leg in (long, short))
        larger = max(leg_by_hand(leg, together) for leg in (long, short))
        cross = {"OKX": added, "Kraken": max(alone), "Bitget": larger}[values["rule"].split(":")[0]]
        isolated = sum(alone)
        found = numbers(said)
        assert found[:4] == pytest.approx([long, short, cross, isolated], abs=1.01), said
        assert ("the same" in said) == (abs(cross / isolated - 1) < 1e-6)
        if "the same" not in said:
            assert found[4] == pytest.approx(100 * abs(cross / isolated - 1), abs=0.051)
            assert (" more in cross" in said) == (cross > isolated)


# --- exercises ------------------------------------------------------------------------------------------------


def test_exercise_what_is_free_after_the_liquidation():
    # 12,000 - 11,500 - 1.5 % of 68,500 = -527.5; with 2,000 on ETH 1,472.5; less a tenth of 23,000: -827.5.
    assert re.findall(r"-?[\d,]+\.\d", stored("questions-free-after")) == [
        "2,500.0",
        "2,745.0",
        "-527.5",
        "1,472.5",
        "-827.5",
    ]


def test_exercise_what_the_way_round_costs():
    # Twice 0.05 % of 120,000; the margin is a twentieth of it.
    assert stored("questions-way-round").startswith("120.00 USDT, 2.0% of a margin of 6,000.00")


def test_exercise_how_long_an_isolated_long_lives_on_a_price_that_stands_still():
    # 2 % less 0.4 % is 1.6 %; at 0.03 % a settlement 53 payments leave 0.41 %, the 54th 0.38 %. 54 times 18 is 972.
    assert numbers(stored("questions-slow-death")) == [54, 972]


def test_exercise_which_bracket_you_are_in():
    # Alone both legs are in the first bracket, 100x: 1 % of 1,800,000. Together 9,000 contracts: 66.66x.
    lines = stored("questions-which-bracket").splitlines()
    assert lines[1].endswith("100.00x, 100.00x: 18,000 USDT")
    assert lines[2].endswith("66.66x, 66.66x: 27,003 USDT")
