"""Asks the parsers of one version of ccxt; run by ``make_ccxt_positions`` with the Python of its environment.

From standard input come the records; to standard output goes, of each whose raw example stands in the sources of this
version or was reported, in which functions it stands, and what the parser returns. Needs ccxt and nothing else, and
asks nobody: what an exchange would answer are the raw examples.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

FUNCTIONS = re.compile(r"(fetch|parse)_(\w*position\w*|\w*balance\w*)|custom_parse_balance")
# Answers about positions that are closed, and about other things.
PASSED_OVER = re.compile(r"history|mode|adl|close|transfer")
# Examples are nearly JSON: with comments in them, commas that are missing, keys without quotes, lines cut off by dots.
TOKEN = re.compile(
    r"""\s+ | , | \.\.[^\n]* | (?://|\#)[^\n]*
    | (?P<bracket>[\[\]{}]) | (?P<colon>:)
    | (?P<text>"[^"\n]*" | '[^'\n]*')
    | (?P<number>-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\w))
    | (?P<word>\w+"?) | .""",
    re.VERBOSE,
)
WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
# A slip of OKX's example: "28 .21006347".
BLANK = re.compile(r"(?<=\d) (?=\.\d)")


class Reader:
    """Reads what is nearly JSON; numbers stay text, as ccxt takes them from an answer."""

    def __init__(self, text: str) -> None:
        kinds = ((match.lastgroup, match.group()) for match in TOKEN.finditer(text))
        self.tokens = [(kind, token) for kind, token in kinds if kind]
        self.at = 0

    def examples(self) -> Iterator[Any]:
        """Yield the objects and lists that stand between words."""
        while self.at < len(self.tokens):
            if self.peek() in "{[":
                yield self.value()
            else:
                self.at += 1

    def peek(self, ahead: int = 0) -> str:
        """Return the token that comes, without reading it."""
        return self.tokens[self.at + ahead][1] if self.at + ahead < len(self.tokens) else "}"

    def value(self) -> Any:
        """Read what a key holds."""
        kind, token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            return self.mapping()
        if token == "[":
            return self.sequence()
        return BLANK.sub("", token[1:-1]) if kind == "text" else WORDS.get(token, token)

    def mapping(self) -> dict[str, Any]:
        """Read an object; one that is not closed ends where something begins that is no key."""
        found = {}
        while self.peek(1) == ":":
            key = self.peek().strip("\"'")
            self.at += 2
            found[key] = self.value()
        self.at += self.peek() in "}]"
        return found

    def sequence(self) -> list[Any]:
        """Read a list."""
        found = []
        while self.peek() not in "}]":
            found.append(self.value())
        self.at += 1
        return found


@cache
def examples(path: Path) -> list[tuple[str, Any]]:
    """Return the examples in the comments of an exchange's functions, with the function."""
    text = path.read_text(encoding="utf-8")
    lines, found = text.split("\n"), []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and FUNCTIONS.fullmatch(node.name) and not PASSED_OVER.search(node.name):
            comments: list[str] = [""]
            for line in lines[node.lineno - 1 : node.end_lineno]:
                comment = re.fullmatch(r"\s*#(.*)", line)
                if comment:
                    comments[-1] += comment[1] + "\n"
                else:
                    comments.append("")
            found += [(node.name, example) for comment in comments for example in Reader(comment).examples()]
    return found


def within(example: Any) -> Iterator[Any]:
    """Yield an example and all that it holds."""
    yield example
    for value in example.values() if isinstance(example, dict) else example if isinstance(example, list) else ():
        yield from within(value)


def stands(record: dict[str, Any], example: Any) -> bool:
    """Say whether an example holds the record's raw one, or the parts it is put together of."""
    if "put_together" not in record:
        return record["raw"] in within(example)
    pairs = [pair for held in within(example) if isinstance(held, dict) for pair in held.items()]
    return all(pair in pairs for pair in record["raw"].items())


def exchange_of(record: dict[str, Any], ccxt: Any) -> type | None:
    """Return the class of an exchange in this version, under its old name where it had one."""
    return getattr(ccxt, record.get("was", ""), None) or getattr(ccxt, record["exchange"], None)


def where(record: dict[str, Any], exchange: type) -> list[str]:
    """Return the functions in whose comments the raw example stands."""
    paths = [Path(inspect.getfile(kind)) for kind in exchange.__mro__[:-1]]
    own = [path for path in paths if path.parent.name == "ccxt"]
    return sorted({function for path in own for function, example in examples(path) if stands(record, example)})


def market_of(facts: dict[str, Any], exchange: Any) -> dict[str, Any]:
    """Return a market as an exchange's ``load_markets`` would, from the few facts that parsers ask for."""
    base, quote, settle = re.match(r"(\w+)/(\w+):?(\w+)?", facts["symbol"]).groups()  # type: ignore[union-attr]
    kind, inverse = facts.get("type", "swap"), facts.get("inverse", False)
    contract = kind != "spot"
    kinds = {name: name == kind for name in ("spot", "swap", "future", "option")}
    names = {"base": base, "quote": quote, "settle": settle, "baseId": base, "quoteId": quote, "settleId": settle}
    return {
        **exchange.safe_market_structure({}),
        **names,
        **kinds,
        "id": facts["id"],
        "symbol": facts["symbol"],
        "type": kind,
        "contract": contract,
        "margin": not contract,
        "active": True,
        "info": {},
        "linear": not inverse if contract else None,
        "inverse": inverse if contract else None,
        "contractSize": facts.get("contractSize", 1.0) if contract else None,
        "precision": {"amount": 0.001, "price": 0.01, "base": 8, "quote": 8},
    }


def currency_of(code: str, exchange: str) -> dict[str, Any]:
    """Return a currency; BitMEX counts in its smallest parts."""
    parts = {"USDT": 1e-6}.get(code, 1e-8) if exchange == "bitmex" else 1e-8
    return {"id": code, "code": code, "precision": parts, "info": {"valueScale": 8}}


def position(record: dict[str, Any], exchange: Any) -> dict[str, Any]:
    """Return a position as its parser does."""
    market = market_of(record["market"], exchange)
    symbol = market["symbol"]
    codes = {market[name] for name in ("base", "quote", "settle")} - {None}
    exchange.set_markets([market], {code: currency_of(code, record["exchange"]) for code in codes})
    if "brackets" in record["market"]:
        exchange.options["leverageBrackets"] = {symbol: record["market"]["brackets"]}
    name = next(name for name in record["call"].split(" or ") if hasattr(exchange, name))
    found: dict[str, Any] = getattr(exchange, name)(record["raw"], exchange.markets[symbol])
    return found


def balance(record: dict[str, Any], exchange: Any) -> dict[str, Any]:
    """Return a balance as ``fetch_balance`` does when the exchange answers with the raw example."""
    codes = {record["true"]["currency"], *record["true"]["other"]}
    exchange.set_markets([], {code: currency_of(code, record["exchange"]) for code in codes})
    exchange.load_markets = lambda *_, **__: {}
    exchange.request = lambda *_, **__: json.loads(json.dumps(record["raw"]))
    for asked_first in ("load_unified_status", "initialize_client"):
        setattr(exchange, asked_first, lambda *_, **__: None)
    found: dict[str, Any] = exchange.fetch_balance(record["params"])
    return found


def answered(record: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return what a parser says, without what is nothing, and without the raw example in it."""
    keys = {"apiKey": "a", "secret": "b", "password": "c", "uid": "1", "accountId": 1, "privateKey": "0x" + "1" * 64}
    exchange = kind({**keys, "walletAddress": "0x" + "1" * 40, "options": {"accountIndex": 1, "apiKeyIndex": 1}})
    left_out = {"info", "timestamp", "datetime"} | (set() if "market" in record else {"free", "used", "total"})
    try:
        found = position(record, exchange) if "market" in record else balance(record, exchange)
    except Exception as refusal:  # whatever a parser raises is its answer
        return {"raises": f"{type(refusal).__name__}: {refusal}"}
    return {key: value for key, value in found.items() if value is not None and key not in left_out}


def main() -> None:
    """Answer the records on standard input."""
    ccxt, answers = importlib.import_module("ccxt"), {}
    for record in json.load(sys.stdin):
        kind = exchange_of(record, ccxt)
        functions = where(record, kind) if kind else []
        if kind and (functions or "reported" in record):
            answers[record["id"]] = [functions, answered(record, kind)]
    json.dump({"version": ccxt.__version__, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
