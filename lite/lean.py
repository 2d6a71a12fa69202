"""Runs inside Pyodide: asks everything that a page can ask, and lists the modules that it took."""

import json
import sys

from marginlab.display.answers import PASTED, SCREENS, WAYS, replies
from marginlab.display.fields import entry_of
from marginlab.portfolio import preset, preset_names, to_csv, to_json

HOME = "/lean/"
# What ccxt returns, as Python prints it.
TOLD = (
    "[{'symbol': 'BTC/USDT:USDT', 'side': 'long', 'contracts': 0.3, 'contractSize': 1.0, 'entryPrice': 70000.0, "
    "'markPrice': 71000.0, 'marginMode': 'cross', 'leverage': 5, 'liquidationPrice': 50000.0}]"
)


def ask(**message):
    """Return all that a message is answered."""
    return [json.loads(one) for one in replies(json.dumps({"id": 1, **message}))]


def everything():
    """Ask for every screen of every preset, for files, pasted accounts, markets, and for what is refused."""
    screens = [{"name": name} for name in SCREENS]
    for name in preset_names():
        account = entry_of(preset(name))
        ask(kind="answer", account=account, screens=screens)
        ask(kind="files", account=account)
        ask(kind="markets", venue=account["venue"])
    pasted = {"JSON": to_json(preset("market-maker")), "CSV": to_csv(preset("market-maker")), PASTED: TOLD}
    for way in (*WAYS, PASTED):
        for text in (pasted[way], "{", ""):
            ask(kind="read", way=way, text=text, balance="", mode="", account=account)
    read = ask(
        kind="read", way=PASTED, text=TOLD, balance="{'total': {'USDT': 900, 'BTC': 1}}", mode="", account=account
    )
    ask(kind="answer", account=read[0]["account"], screens=screens)
    own = {**account, "brackets": "NEWUSDT 0.02", "date": "2024-02-30"}
    wrong = [{**one, "symbol": "BTCUSDX", "size": "much"} for one in account["positions"]]
    ask(kind="answer", account={**own, "positions": wrong}, screens=screens)
    ask(kind="answer", account={**account, "date": "2022"}, screens=[{"name": "nothing"}])


def modules():
    """Return the modules that came from a file of the archive, without the package's own and what Python has inside."""
    found = {name for name, one in sys.modules.items() if (getattr(one, "__file__", None) or "").startswith(HOME)}
    return {name for name in found if not name.startswith(("marginlab", "_frozen_importlib"))}


def listed():
    """Return as JSON what is always imported, and what chance adds."""
    everything()
    always = modules()
    ask(kind="chance", account=entry_of(preset("hedged-pair")), settings={"days": 1, "paths": 5_000})
    for name in preset_names():
        ask(kind="chance", account=entry_of(preset(name)), settings={"days": 1, "paths": 5_000, "model": "jumps"})
    return json.dumps({"always": sorted(always), "by chance": sorted(modules() - always)})
