"""The command line: what it prints of an account, from files or standard input, and one line for what is wrong."""

from __future__ import annotations

import csv
import io
import json
import runpy
import sys
from pathlib import Path

import pytest

from marginlab.__main__ import MOST_TEXT, main
from marginlab.comparison import compare, results_csv
from marginlab.portfolio import from_ccxt, from_json, preset, reconcile, to_csv, to_json

POSITION = {
    "symbol": "BTC/USDT:USDT",
    "side": "long",
    "contracts": 0.2,
    "contractSize": 1.0,
    "entryPrice": 60_000.0,
    "markPrice": 65_000.0,
    "marginMode": "cross",
    "leverage": 20,
    "liquidationPrice": 56_224.9,
}
BALANCE = {"info": {"assets": [{"asset": "USDT", "walletBalance": "800"}]}, "total": {"USDT": 1_800.0}}
ORDER = {"symbol": "BTC/USDT:USDT", "side": "buy", "price": 60_000, "amount": 0.1}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write files of ccxt's replies into a folder of their own, and go there."""
    monkeypatch.chdir(tmp_path)
    for name, said in {"positions": [POSITION], "balance": BALANCE, "orders": [ORDER]}.items():
        Path(f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
    tiers = [{"minNotional": 0, "maxNotional": None, "maintenanceMarginRate": 0.01, "maxLeverage": 50}]
    Path("tiers.json").write_text(json.dumps({"BTC/USDT:USDT": tiers}), encoding="utf-8")
    return tmp_path


def printed(capsys, *arguments):
    """Return what is printed, of a command that succeeds without a word on standard error."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys, *arguments):
    """Return the one line that says what is wrong."""
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


@pytest.mark.usefixtures("files")
def test_it_prints_what_compare_and_the_reconciliation_say(capsys):
    text = printed(capsys, "positions.json", "--venue", "binanceusdm", "--balance", "balance.json")
    held = from_ccxt([POSITION], venue="binance", balance=BALANCE)
    told = reconcile(held)
    assert text == f"{compare(held.account, held.marks, venue='binance', reconciled=told)}\n"
    assert str(told) in text


@pytest.mark.usefixtures("files")
def test_what_was_assumed_is_said_first(capsys):
    text = printed(capsys, "positions.json", "--venue", "bitfinex", "--wallet", "800", "--brackets", "tiers.json")
    assert text.startswith("bitfinex is not listed here: it is counted by the plainest convention.\n\n1 position at an")


@pytest.mark.usefixtures("files")
def test_every_figure_is_printed_for_programs(capsys):
    asked = ("positions.json", "--venue", "binance", "--balance", "800", "--orders", "orders.json")
    held = from_ccxt([POSITION], venue="binance", wallet=800, orders=[ORDER])
    found = compare(held.account, held.marks, venue="binance", reconciled=reconcile(held))
    as_csv = printed(capsys, *asked, "--csv")
    assert as_csv.splitlines() == results_csv(found).splitlines()
    told = json.loads(printed(capsys, *asked, "--json"))
    assert (told["version"], told["remarks"]) == (1, [])
    rows = list(csv.DictReader(io.StringIO(as_csv)))
    assert [row["figure"] for row in told["results"]] == [row["figure"] for row in rows]
    ours = [row["value"] for row in told["results"] if row["figure"] == "liquidation price"]
    assert ours == [56_224.9, pytest.approx(56_224.9), ""]
    # A price that does not exist.
    assert any(row["value"] is None for row in told["results"])


def test_positions_come_from_standard_input(capsys, monkeypatch, files):
    monkeypatch.setattr(sys, "stdin", io.StringIO((files / "positions.json").read_text()))
    text = printed(capsys, "-", "--venue", "binance", "--equity", "1800", "--date", "2025", "--margin-mode", "cross")
    assert "equity 1,800.00 USDT" in text


@pytest.mark.usefixtures("files")
def test_positions_may_be_left_out_or_chosen(capsys):
    both = [POSITION, {**POSITION, "symbol": "ETH/USDC:USDC", "contracts": 1.0}]
    Path("both.json").write_text(json.dumps(both), encoding="utf-8")
    for choice in (("--settle", "USDT"), ("--skip", "2"), ("--skip", "ETH/USDC:USDC")):
        assert "\n1 position at" in printed(capsys, "both.json", "--venue", "binance", "--wallet", "800", *choice)


@pytest.mark.parametrize("write", [to_json, to_csv])
def test_an_accounts_own_file_needs_no_venue(capsys, files, write):
    one = preset("hedged-pair")
    (files / "account").write_text(write(one), encoding="utf-8", newline="")
    text = printed(capsys, "account")
    assert text == f"{compare(one.account, one.marks, venue=one.venue)}\n"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.json",), "marginlab: nowhere.json: No such file or directory"),
        (("positions.json",), "marginlab: --venue must be given, for what fetch_positions returns"),
        (("empty",), "marginlab: file must be CSV with a head of"),
        (("positions.json", "--venue", "binance"), "marginlab: balance must be given, what fetch_balance returns"),
        (("positions.json", "--venue", "nyse", "--wallet", "1"), "marginlab: venue must be one of 'binance'"),
        (("balance.json", "--venue", "okx", "--wallet", "1"), "marginlab: positions must be the list"),
        (("bytes", "--venue", "okx", "--wallet", "1"), "marginlab: 'utf-8' codec can't decode"),
        (("large", "--venue", "okx", "--wallet", "1"), "marginlab: large must have at most 10,000,000 characters"),
        (("positions.json", "--venue", "okx", "--wallet", "1\n2"), "marginlab: wallet must be a number such as"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(capsys, arguments, words):
    Path("empty").write_text("")
    Path("bytes").write_bytes(b"\xff\xfe")
    Path("large").write_text(" " * (MOST_TEXT + 1))
    assert refused(capsys, *arguments).startswith(words)


@pytest.mark.parametrize("arguments", [(), ("a", "--json", "--csv"), ("a", "--nothing")])
def test_a_wrong_command_ends_with_2_and_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("marginlab: ")


def test_it_runs_as_a_module(monkeypatch, capsys, files):
    (files / "account.json").write_text(to_json(preset("one-20x-bet")), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["marginlab", "account.json", "--json"])
    monkeypatch.delitem(sys.modules, "marginlab.__main__")
    with pytest.raises(SystemExit) as end:
        runpy.run_module("marginlab", run_name="__main__")
    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    assert from_json((files / "account.json").read_text()) == preset("one-20x-bet")
