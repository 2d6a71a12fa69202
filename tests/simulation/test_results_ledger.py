"""What is written down of an account's life, and how it is shown."""

from __future__ import annotations

import dataclasses
import pickle
import re

import pytest

from marginlab import Account, AddMargin, Close, Contract, Ledger, LedgerEntry, Open, Rules, Tiers, simulate
from marginlab.simulation.results import LEDGER_COLUMNS, Balance

INF = float("inf")

BTC = Contract("BTCUSDT", Tiers.flat(0.0625, max_leverage=8))
START = Balance(wallet=1_000.0, margin=0.0, size=0.0, equity=1_000.0, requirement=0.0, fund=INF)
OPENED = LedgerEntry(
    step=3,
    kind="opened",
    position=0,
    symbol="BTCUSDT",
    size=2.0,
    price=1_234.5,
    amount=300.0,
    fee=1.5,
    impact=0.0,
    before=START,
    after=Balance(wallet=698.5, margin=300.0, size=2.0, equity=300.0, requirement=154.3125, fund=INF),
)
SHORT_OF = LedgerEntry(
    step=12,
    kind="uncovered",
    position=None,
    symbol="",
    size=0.0,
    price=None,
    amount=0.000125,
    fee=0.0,
    impact=0.0,
    before=Balance(wallet=-0.000125, margin=0.0, size=0.0, equity=-0.000125, requirement=0.0, fund=0.0),
    after=Balance(wallet=0.0, margin=0.0, size=0.0, equity=0.0, requirement=0.0, fund=0.0),
)
REDUCED = dataclasses.replace(OPENED, step=11, kind="reduced", size=-0.5, amount=-40.0, fee=0.25, impact=1.5)
THREE = Ledger([OPENED, REDUCED, SHORT_OF])


def changed(**values):
    """Return an entry in which only what is stated differs from another."""
    return dataclasses.replace(OPENED, **values)


def shown(entry):
    """Return what is shown of an entry, by column."""
    cells = re.findall("<td>(.*?)</td>", Ledger([entry])._repr_html_())
    return dict(zip(LEDGER_COLUMNS, cells, strict=True))


def test_a_ledger_is_a_sequence_of_entries_in_the_order_they_were_made():
    assert len(THREE) == 3
    assert list(THREE) == [OPENED, REDUCED, SHORT_OF]
    assert (THREE[0], THREE[-1]) == (OPENED, SHORT_OF)
    assert REDUCED in THREE
    assert THREE.index(REDUCED) == 1
    assert list(reversed(THREE)) == [SHORT_OF, REDUCED, OPENED]
    with pytest.raises(IndexError):
        THREE[3]


def test_a_part_of_a_ledger_is_a_ledger():
    part = THREE[1:]
    assert isinstance(part, Ledger)
    assert list(part) == [REDUCED, SHORT_OF]
    assert list(THREE[::-2]) == [SHORT_OF, OPENED]
    assert str(THREE[:0]) == "Nothing happened."


def test_entries_are_found_by_kind_in_their_order():
    ledger = Ledger([REDUCED, OPENED, REDUCED, SHORT_OF])
    assert isinstance(ledger.of("reduced"), Ledger)
    assert list(ledger.of("reduced")) == [REDUCED, REDUCED]
    assert list(ledger.of("uncovered", "opened")) == [OPENED, SHORT_OF]
    assert list(ledger.of("funding")) == []
    assert list(ledger.of()) == []
    assert len(ledger) == 4


def test_a_ledger_is_its_own_and_not_the_list_it_was_made_from():
    entries = [OPENED]
    ledger = Ledger(entries)
    entries.append(REDUCED)
    assert list(ledger) == [OPENED]
    assert list(ledger[:]) == [OPENED]
    assert isinstance(ledger[:], Ledger)


def test_an_entry_and_a_balance_do_not_change_and_can_be_sent_to_another_process():
    for made in (OPENED, START):
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.fund = 0.0
    assert list(pickle.loads(pickle.dumps(THREE))) == list(THREE)


def test_a_table_in_text_has_words_to_the_left_and_numbers_to_the_right():
    assert str(THREE).splitlines() == [
        "step  what       position  size     price    amount  cost             wallet         margin"
        "             equity       required  fund",
        "   3  opened     BTCUSDT     +2  1,234.50    300.00  1.50  1,000.00 → 698.50  0.00 → 300.00"
        "  1,000.00 → 300.00  0.00 → 154.31   inf",
        "  11  reduced    BTCUSDT   -0.5  1,234.50    -40.00  1.75  1,000.00 → 698.50  0.00 → 300.00"
        "  1,000.00 → 300.00  0.00 → 154.31   inf",
        "  12  uncovered                            0.000125         -0.000125 → 0.00           0.00"
        "   -0.000125 → 0.00           0.00  0.00",
    ]


def test_a_line_ends_with_its_last_word():
    lines = str(Ledger([changed(after=dataclasses.replace(START, fund=0.0)), OPENED])).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[1].endswith("inf → 0.00")


def test_a_ledger_is_written_the_same_wherever_it_is_written():
    assert repr(THREE) == str(THREE)


def test_an_empty_ledger_says_so():
    assert str(Ledger()) == repr(Ledger()) == "Nothing happened."
    assert Ledger()._repr_html_() == "<p>Nothing happened.</p>"


def test_an_entry_is_shown_with_what_was_there_before_and_after():
    assert shown(OPENED) == {
        "step": "3",
        "what": "opened",
        "position": "BTCUSDT",
        "size": "+2",
        "price": "1,234.50",
        "amount": "300.00",
        "cost": "1.50",
        "wallet": "1,000.00 → 698.50",
        "margin": "0.00 → 300.00",
        "equity": "1,000.00 → 300.00",
        "required": "0.00 → 154.31",
        "fund": "inf",
    }


def test_an_entry_of_the_whole_account_has_no_symbol_no_size_no_price_and_no_cost():
    cells = shown(SHORT_OF)
    assert [cells[name] for name in ("position", "size", "price", "cost")] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("fee", "impact", "cost"),
    [(0.0, 0.0, ""), (2.0, 0.0, "2.00"), (0.0, 3.0, "3.00"), (2.0, 3.5, "5.50"), (0.0, 0.000001, "0.000001")],
)
def test_the_cost_is_fee_and_impact(fee, impact, cost):
    assert shown(changed(fee=fee, impact=impact))["cost"] == cost


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0.0, ""),
        (0.125, "+0.125"),
        (-3.0, "-3"),
        (-0.000012, "-1.2e-05"),
        (12_500.0, "+12,500"),
        (-123_456.0, "-123,456"),
        (1_234_567.0, "+1,234,567"),
        (-2_000_000.5, "-2,000,000.5"),
    ],
)
def test_the_change_of_a_size_has_a_sign(size, text):
    assert shown(changed(size=size))["size"] == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "0.00"),
        (-0.0, "0.00"),
        (1.0, "1.00"),
        (-1.0, "-1.00"),
        (1.005001, "1.01"),
        (1_234_567.891, "1,234,567.89"),
        (-1_000.0, "-1,000.00"),
        (0.5, "0.500000"),
        (-0.25, "-0.250000"),
        (0.0123456789, "0.012346"),
        (0.000001, "0.000001"),
        (-0.000001, "-0.000001"),
        (0.0000004, "0.00"),
        (-0.0000004, "0.00"),
        (INF, "inf"),
    ],
)
def test_money_has_two_digits_and_small_amounts_of_a_coin_have_more(amount, text):
    assert shown(changed(amount=amount))["amount"] == text
    assert shown(changed(price=amount))["price"] == text


@pytest.mark.parametrize("name", ["wallet", "margin", "equity", "requirement", "fund"])
@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (5.0, 5.0, "5.00"),
        (5.0, 4.0, "5.00 → 4.00"),
        (4.0, -0.5, "4.00 → -0.500000"),
        (5.0, 5.001, "5.00"),
        (0.0, 0.0000001, "0.00"),
        (INF, INF, "inf"),
        (INF, 7.0, "inf → 7.00"),
    ],
)
def test_an_arrow_leads_from_before_to_after_only_where_a_difference_shows(name, before, after, text):
    entry = changed(
        before=dataclasses.replace(START, **{name: before}), after=dataclasses.replace(START, **{name: after})
    )
    shown_as = "required" if name == "requirement" else name
    cells, still = shown(entry), shown(changed(before=START, after=START))
    assert cells.pop(shown_as) == text
    assert cells.items() <= still.items()


def test_a_table_for_the_browser_has_headings_for_its_columns_and_nothing_that_a_symbol_could_break():
    html = Ledger([changed(symbol="<b>&\"'", kind="a<b")])._repr_html_()
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in (
            "step",
            "what",
            "position",
            "size",
            "price",
            "amount",
            "cost",
            "wallet",
            "margin",
            "equity",
            "required",
            "fund",
        )
    )
    assert html == (
        f'<table class="ledger"><thead><tr>{head}</tr></thead><tbody><tr><td>3</td><td>a&lt;b</td>'
        "<td>&lt;b&gt;&amp;&quot;&#x27;</td><td>+2</td><td>1,234.50</td><td>300.00</td><td>1.50</td>"
        "<td>1,000.00 → 698.50</td><td>0.00 → 300.00</td><td>1,000.00 → 300.00</td><td>0.00 → 154.31</td>"
        "<td>inf</td></tr></tbody></table>"
    )
    rows = THREE._repr_html_()
    assert rows.count("<tr>") == rows.count("</tr>") == 4
    assert rows.count("<td>") == rows.count("</td>") == 3 * len(LEDGER_COLUMNS)


def test_the_ledger_of_a_run_tells_what_was_opened_closed_and_refused_and_how_things_stood():
    account = Account(1_000, [BTC, BTC], [0, 0], [100, 100], mode=["isolated", "cross"])
    actions = [
        Open(step=0, position=0, size=2, leverage=4),
        AddMargin(step=1, position=1, amount=5),
        Close(step=1, position=0),
    ]
    rules = Rules(trading_fee=0.0078125, fund=50)
    ledger = simulate(account, [[100, 10], [110, 10]], rules=rules, actions=actions, on_refusal="record").ledger
    # 200 / 128 = 1.5625 and 200 / 4 = 50; then 220 / 128 = 1.71875 and a profit of 20.
    assert list(ledger) == [
        LedgerEntry(
            0, "opened", 0, "BTCUSDT", 2, 100, 50, 1.5625, 0,
            Balance(1_000, 0, 0, 0, 0, 50), Balance(948.4375, 50, 2, 50, 12.5, 50),
        ),
        LedgerEntry(
            1, "refused", 1, "BTCUSDT", 0, 10, 0, 0, 0,
            Balance(948.4375, 0, 0, 948.4375, 0, 50), Balance(948.4375, 0, 0, 948.4375, 0, 50),
        ),
        LedgerEntry(
            1, "closed", 0, "BTCUSDT", -2, 110, 20, 1.71875, 0,
            Balance(948.4375, 50, 2, 70, 13.75, 50), Balance(1_016.71875, 0, 0, 0, 0, 50),
        ),
    ]  # fmt: skip
