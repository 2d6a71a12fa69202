"""Each kind of fault that was found at the doors of the package, in a small example or two of it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from marginlab import (
    Account,
    Brackets,
    Contract,
    Convention,
    Position,
    Rules,
    Tiers,
    liquidation_price,
    simulate,
    venue,
)
from marginlab.comparison import compare, replay, results_csv, stress_map
from marginlab.display import explore, screens, steps, workbench
from marginlab.display.page import MOST_STATES
from marginlab.portfolio import EntryError, Portfolio, from_ccxt, from_csv, from_json, preset, to_csv, to_json
from marginlab.portfolio.reading import MOST_TOLD

from ..refusals import assert_refused
from . import calls
from .calls import BTC, ETH, SENT

LONG = Position(BTC, 1, 10_000, mode="isolated", leverage=5)
ONE = Account.of([LONG], wallet=500)
TWO = Account.of([LONG, Position(ETH, 1, 1_000, leverage=5)], wallet=5_000)
PAIR = preset("hedged-pair")
ROW = {"symbol": "BTCUSDT", "side": "long", "size": 1, "entry": 60_000}
BINANCE_BTC = venue("binance").contract("BTCUSDT")


def changed(**fields):
    """Return an account as JSON with some fields changed."""
    return json.dumps({**json.loads(to_json(PAIR)), **fields})


def marked(at):
    """Return the same account with its first position marked anywhere."""
    account = json.loads(to_json(PAIR))
    account["positions"][0]["mark"] = at
    return json.dumps(account)


# --- an answer that belongs to another entry ------------------------------------------------------------------------


def pasted(text):
    """Return a form that has read a text, and what it says of it."""
    form = workbench().form
    form.pasted["text"].value = text
    form.pasted["read"].click()
    return form, form.pasted["said"].value


@pytest.mark.parametrize("text", [changed(note="\ud800"), marked(1e-300), marked(1e308), changed(wallet=1e200)])
def test_what_is_not_shown_is_not_taken_over(text):
    form, said = pasted(text)
    assert "Nothing is taken over" in said
    assert form.found.account.size.tolist() == list(preset("october-2025").account.size)


def test_a_form_says_that_it_shows_another_account_where_it_cannot_show_this_one(monkeypatch):
    form = workbench().form
    monkeypatch.setattr("marginlab.display.form.compared", lambda *_, **__: 1 / 0)
    before = form.found
    with pytest.raises(ZeroDivisionError):
        form.entry.show(PAIR)
    assert "the last account that could" in form.status.value
    assert form.found is before


def test_what_a_comparison_refuses_is_said_above_the_last_account(monkeypatch):
    form = workbench().form

    def refuse(*_, **__):
        raise ValueError("no <b>mode</b>")

    monkeypatch.setattr("marginlab.display.form.compared", refuse)
    form.pasted["text"].value = to_json(PAIR)
    form.pasted["read"].click()
    assert "no &lt;b&gt;mode" in form.status.value
    assert "the last account that could" in form.pasted["said"].value


def test_fields_are_read_even_where_setting_one_of_them_goes_wrong(monkeypatch):
    form = workbench().form
    monkeypatch.setattr("marginlab.display.entry.Row.show", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        form.entry.show(PAIR)
    assert not form.entry.quiet
    assert "the last account that could" in form.status.value


# --- time and memory without bound: see also `test_large` -----------------------------------------------------------


def test_a_position_closed_in_parts_is_gone_after_a_thousand_of_them():
    assert_refused(lambda: Rules(close="market", part="share", share=1e-7), "share", "1e-07")
    assert Rules(part="whole", share=1e-7).share == 1e-7
    held = Account.of([Position(BINANCE_BTC, 1, 10_000)], wallet=800)
    ended = simulate(held, [[9_230.0]], rules=Rules(close="market", part="share", share=0.001))
    assert len(ended.ledger) <= 1_001


def test_no_more_paths_are_drawn_at_once_than_fit_into_memory():
    rng = np.random.default_rng(1)
    assert_refused(lambda: calls.MODEL.sample(rng, paths=10**9, steps=1_000), "paths", "1,000,000,000")


def test_at_most_twenty_things_that_are_wrong_are_told():
    rows = "\n".join(["x,y"] * 3)
    with pytest.raises(EntryError) as refusal:
        from_csv(",".join(f"c{i}" for i in range(40)) + "\n" + rows)
    assert (len(refusal.value.problems), refusal.value.more) == (MOST_TOLD, 23)
    assert str(refusal.value).endswith("; and 23 more")


def test_a_form_says_how_many_more_things_are_wrong():
    _, said = pasted(json.dumps(dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 1)))
    assert "<li>and 6 more</li>" in said


def test_an_explorer_has_as_many_states_as_a_page_can_hold():
    assert_refused(lambda: steps(0, 1, 1e-9), "step", "1e-09")
    many = explore(calls.drawn, title="What is it?", number=range(200), other=range(200))
    assert_refused(many.html, "settings", f"{MOST_STATES:,} states together, not 40,000")


# --- not checked ----------------------------------------------------------------------------------------------------


def test_shocks_ask_for_one_mark_a_position():
    assert_refused(lambda: stress_map({"a": TWO}, [10_000.0]), "marks", "(1,)")
    assert_refused(lambda: stress_map({"a": ONE}, [True]), "marks", "True")
    assert_refused(lambda: stress_map({"a": ONE}, [[9_000.0], [8_000.0]]), "marks", "(2, 1)")
    assert_refused(lambda: TWO.equity([10_000.0, True]), "marks", "True")


@pytest.mark.parametrize("ask", [stress_map, lambda accounts, marks: replay(accounts, marks, "may-2021")])
def test_accounts_that_are_compared_hold_the_same_positions(ask):
    turned = Account.of([Position(ETH, 1, 1_000, leverage=5), LONG], wallet=1)
    later = Account.of([Position(BTC, 1, 11_000, leverage=5), Position(ETH, 1, 1_000, leverage=5)], wallet=1)
    for other in (turned, later):
        assert_refused(lambda other=other: ask({"a": TWO, "b": other}, [1e4, 1e3]), "accounts", "same positions")
    assert_refused(lambda: ask({}, [1e4]), "accounts", "{}")
    several = Account(np.ones(2), [BTC], [1], [1e4])
    assert_refused(lambda: ask({"a": several}, [1e4]), "accounts", "'a'")


# --- kept instead of copied -----------------------------------------------------------------------------------------


def test_nobody_changes_what_was_checked_from_outside():
    size, price, wallet, depth, marks = (
        np.array(1.0),
        np.array(10_000.0),
        np.array([5.0]),
        np.array(3.0),
        np.array([1e4]),
    )
    position, rules = Position(BTC, size, price, leverage=5), Rules(depth=depth, share=np.array(0.5))
    account, found = Account.of([LONG], wallet=wallet), compare(ONE, marks, venue="binance")
    for given in (size, price, wallet, depth, marks):
        given[...] = -1
    assert (position.size, position.entry, rules.depth, rules.share) == (1, 10_000, 3, 0.5)
    assert account.wallet.tolist() == [5]
    assert found.marks.tolist() == [10_000]
    for column in (account.wallet, account.size, account.isolated):
        with pytest.raises(ValueError, match="read-only"):
            column[...] = 9


def test_an_exact_number_is_kept_as_the_number_it_is():
    position = Position(BTC, Decimal("0.1"), Fraction(10_000), leverage=np.float32(5))
    assert [type(one) for one in (position.size, position.entry, position.leverage)] == [float] * 3
    assert (position.size, position.entry, position.leverage) == (0.1, 10_000, 5)
    assert_refused(lambda: Position(BTC, Decimal("NaN"), 10_000), "size", "nan")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (np.ma.array([1.0], mask=[True]), "mask"),
        (np.ma.masked, "mask"),
        ([np.ma.masked], "masked"),
        (bytearray(b"5"), "bytearray"),
        (memoryview(b"5"), "memory"),
        ({5.0}, "{5.0}"),
        (iter([5.0]), "iterator"),
        (np.array([None]), "None"),
        (calls.Frame(["a"]), "Frame"),
    ],
)
def test_what_holds_no_numbers_is_refused_by_name(given, shown):
    assert_refused(lambda: ONE.equity(given), "marks", shown)


def test_a_mask_that_hides_nothing_and_an_array_inside_of_something_are_taken():
    assert ONE.equity(np.ma.array([9_000.0], mask=[False])) == ONE.equity(calls.Frame([9_000.0])) == 1_500
    assert simulate(ONE, calls.Frame([[9_000.0], [9_500.0]])).equity == 2_000


def test_positions_come_in_an_order():
    assert Account.of(one for one in [LONG]).size.tolist() == [1]
    assert_refused(lambda: Account(1, {BTC}, [1], [1e4]), "contracts", "{")
    assert_refused(lambda: Account.of(LONG), "positions", "Position")
    assert_refused(lambda: Account.of(iter(int, 1)), "positions", "0")


# --- raw errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: liquidation_price("BTC", 1, 2, 3), "contract"),
        (lambda: to_json(ONE), "portfolio"),
        (lambda: to_csv(None), "portfolio"),
        (lambda: results_csv(None), "comparison"),
        (lambda: simulate(Account(np.zeros(0), [BTC], 1, 1), [[1e4]]), "account"),
        (lambda: screens.distances(None), "found"),
        (lambda: explore(5, title="What is it?"), "draw"),
        (lambda: Portfolio.of_rows(ROW, venue="binance", wallet=1), "positions"),
        (lambda: Portfolio.of_rows(None, venue="binance", wallet=1), "positions"),
        (lambda: Account.of([LONG], orders=np.array(5)), "orders"),
        (lambda: Convention().fee_at("noon"), "price"),
    ],
)
def test_an_object_of_another_class_is_refused_by_name(call, name):
    with pytest.raises(ValueError, match=rf"^{name} must be"):
        call()


# --- falsy arguments, fields given twice, other digits, streams that go on ------------------------------------------


def test_what_counts_as_nothing_is_not_left_out():
    assert_refused(lambda: liquidation_price(BTC, 1, 1e4, 100, convention={}), "convention", "{}")
    for field, given in (("title", []), ("note", 0), ("title", False)):
        assert_refused(lambda field=field, given=given: from_json(changed(**{field: given})), field, repr(given))


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_field_is_given_once_however_it_is_written(quote):
    twice = "[{'symbol': 'NEWUSDT', 'rate': 0.01, 'rate': 0.02}]".replace("'", quote)
    assert_refused(lambda: Brackets.read(twice), "rate", "once")
    positions = repr([SENT]).replace("'side'", "'side': 'long', 'side'", 1).replace("'", quote)
    assert_refused(lambda: from_ccxt(positions, venue="binance", wallet=1), "side", "once")


@pytest.mark.parametrize("said", [repr, str, json.dumps, lambda one: f" {one!r}\n"])
def test_what_python_prints_is_read(said):
    given = [{"symbol": "NEW'USDT", "rate": 0.02, "cap": None}, {"symbol": 'A"B\\', "rate": 1e-05, "cut_off": False}]
    own = Brackets.read(said(given))
    assert own.symbols == ("NEW'USDT", 'A"B\\')
    assert [one.tiers.rates for one in own.contracts] == [(0.02,), (1e-05,)]


@pytest.mark.parametrize("text", ["['", "['a", "[(]", "[{1: 2}]", "[b'a']", "['\\x']", "[nan", "[1,]x", "[True"])
def test_what_python_does_not_print_is_refused(text):
    assert_refused(lambda: Brackets.read(text), "brackets", "JSON")


def test_only_the_digits_that_everybody_reads_are_digits():
    assert_refused(lambda: Portfolio.of_rows([{**ROW, "size": "١"}], venue="binance", wallet=1), "size", "١")
    assert_refused(lambda: Brackets.read([{"symbol": "A", "rate": "٠.01"}]), "rate", "٠.01")


def test_rates_that_go_on_after_the_last_price_are_refused():
    assert simulate(ONE, [[1e4]], funding=iter([[0.0]])).equity == 2_500
    assert_refused(lambda: simulate(ONE, [[1e4]], funding=iter([[0.0], [0.5]])), "funding", "goes on")


# --- out of range ---------------------------------------------------------------------------------------------------


def test_no_deduction_takes_off_more_than_is_asked_for():
    tiers = Tiers.flat(0.01, deduction=5)
    assert tiers.maintenance_margin([100, 500, 600]).tolist() == [0, 0, 1]
    assert liquidation_price(Contract("A", tiers), 1, 400, 40) == 360
    assert_refused(lambda: Tiers([0, 100], [0.01, 0.02], [0, 50]), "deductions", "50")
    assert_refused(lambda: Tiers([0], [0.01], [5], measured_in="contracts"), "deductions", "[5]")


@pytest.mark.parametrize("size", [1e308, -1e308, 1e101])
def test_a_size_beyond_all_money_is_refused_by_its_name(size):
    assert_refused(lambda: Position(BTC, size, 1e4), "size", repr(size))
    assert_refused(lambda: BTC.notional(size, 1e5), "size", repr(size))


@pytest.mark.parametrize("wallet", [0, -3_000])
def test_an_account_without_equity_is_told_and_drawn_in_money(wallet):
    found = compare(Account.of([Position(BINANCE_BTC, 1, 1e4, leverage=5)], wallet=wallet), [1e4], venue="binance")
    drawn = [screens.distances(found), screens.free_margin(found), screens.which_mode(found)]
    text = " ".join(one.sentence + str(one.table) for one in drawn)
    assert "behind positions worth 10,000.00:" in text
    assert not re.search(r"\binf|\bnan", text)
    shares, money = drawn[-1].figure["data"][0]["x"], [one.cross for one in found.findings if one.unit == "money"]
    assert shares.tolist() == money
    assert drawn[-1].figure["layout"]["xaxis"]["title"]["text"] == "loss, USDT"


# --- carried outside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["=HYPERLINK(1)", "+1", "-1", "@a", "\tx", "\rx", "'=1", "''-1", "'a", "a=1", ""])
def test_a_spreadsheet_runs_nothing_that_somebody_wrote(words):
    kept = Portfolio.of_rows([ROW], venue="binance", wallet=1e5, title=words, note=words)
    title = re.split(r",(?=[^\d])", to_csv(kept).splitlines()[1])[2].strip('"')
    assert not title.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert from_csv(to_csv(kept)) == kept


def test_text_that_no_file_can_hold_is_refused():
    for field in ("title", "note"):
        with pytest.raises(EntryError, match=rf"^{field} must be text of whole characters"):
            Portfolio.of_rows([ROW], venue="binance", wallet=1, **{field: "\ud800"})


def test_a_symbol_is_no_markup_of_a_figure():
    link = '<a href="http://elsewhere">B</a>'
    rows = [{**ROW, "symbol": link, "rate": 0.01, "leverage": 5}, ROW]
    own = Portfolio.of_rows(rows, venue="binance", wallet=1e5)
    figure = screens.distances(compare(own.account, own.marks, venue="binance")).figure
    assert figure["data"][0]["y"][0] == '&lt;a href="http://elsewhere"&gt;B&lt;/a&gt;'


def test_a_control_cannot_leave_its_attribute():
    html = explore(lambda **_: calls.drawn(), title="What is it?", **{'a"><b>': [1, 2]})
    html.name = "it"
    assert "<b>" not in html.html()


def test_a_date_that_is_none_is_refused_beside_brackets_of_ones_own():
    own = {**ROW, "symbol": "NEW", "rate": 0.01, "leverage": 5}
    with pytest.raises(EntryError, match=r"^date must be"):
        Portfolio.of_rows([own], venue="binance", wallet=1, date="x")
