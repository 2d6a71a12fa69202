"""The account on a page as HTML: its form, the place of its answer, and *With your account* below a claim's verdict.

Fields have the names they have in files. ``static/account.js`` reads and fills them; until it runs they are hidden.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from html import escape

from marginlab.comparison import MODELS, SHOCK_GRID
from marginlab.display.answers import CHANCE, PASTED, PATHS, SCREENS, WAYS
from marginlab.display.screens import ORDERS, RATES
from marginlab.margin.rules import MODES
from marginlab.markets.events import event, event_names
from marginlab.markets.venues import UNLISTED, venue, venue_names
from marginlab.portfolio import preset, preset_names

Options = Iterable[tuple[str, str]]


# The fields of each part, by name: their label, and what may be chosen or how a number is typed.
POSITION: dict[str, tuple[str, Options | str]] = {
    "symbol": ("Market", "list"),
    "side": ("Side", [("long", "Long"), ("short", "Short")]),
    "mode": ("Mode", [("cross", "Cross"), ("isolated", "Isolated")]),
    "size": ("Size", "decimal"),
    "entry": ("Entry price", "decimal"),
    "mark": ("Mark price", "decimal"),
    "leverage": ("Leverage", "decimal"),
    "margin": ("Margin set aside", "decimal"),
}
COLLATERAL: dict[str, tuple[str, Options | str]] = {"asset": ("Asset", "text"), "amount": ("Amount", "decimal")}
ORDER: dict[str, tuple[str, Options | str]] = {
    "symbol": ("Market", "list"),
    "side": ("Side", [("buy", "Buy"), ("sell", "Sell")]),
    "size": ("Size", "decimal"),
    "price": ("Price", "decimal"),
    "leverage": ("Leverage", "decimal"),
}
# What may be left empty, and what stands for it then.
EMPTY = {"mark": "as entry", "leverage": "highest", "margin": "by leverage", "date": "newest"}


def field(name: str, label: str, kind: Options | str, *, start: str = "") -> str:
    """Return an input with its label above it; the script says below it what is wrong.

    >>> field("wallet", "Wallet", "decimal")[:74]
    '<div class="account-field" data-field="wallet"><label><span>Wallet</span><'
    """
    if not isinstance(kind, str):
        options = "".join(
            f'<option value="{escape(value)}"{" selected" if value == start else ""}>{escape(text)}</option>'
            for value, text in kind
        )
        inside = f'<select name="{name}">{options}</select>'
    elif kind == "long":
        inside = f'<textarea name="{name}" rows="4" spellcheck="false"></textarea>'
    else:
        more = ' inputmode="decimal"' if kind == "decimal" else ' list="account-markets"' if kind == "list" else ""
        told = f' placeholder="{EMPTY[name]}"' if name in EMPTY else ""
        inside = f'<input type="text" name="{name}"{more}{told} spellcheck="false" autocapitalize="off">'
    return f'<div class="account-field" data-field="{name}"><label><span>{escape(label)}</span>{inside}</label></div>'


def row(part: str, title: str, fields: Mapping[str, tuple[str, Options | str]]) -> str:
    """Return the fields of a position, an asset or an order, in a group that the script numbers."""
    inside = "".join(field(name, label, kind) for name, (label, kind) in fields.items())
    remove = '<button type="button" class="account-remove">Remove</button>'
    return (
        f'<fieldset class="account-row" data-{part}><legend>{title}</legend>'
        f'<div class="account-fields">{inside}{remove}</div><p class="account-rest" hidden></p></fieldset>'
    )


def several(part: str, title: str, add: str, fields: Mapping[str, tuple[str, Options | str]]) -> str:
    """Return a place for rows, what a row is made of, and the button that adds one."""
    return (
        f'<div class="account-rows" data-rows="{part}"><template>{row(part, title, fields)}</template></div>'
        f'<button type="button" class="account-add" data-add="{part}">{add}</button>'
    )


def venues() -> Options:
    """Return the venues as a menu has them, those without brackets of their own last."""
    named = [(name, venue(name).title) for name in venue_names()]
    known = [(name, title) for name, title in named if venue(name).symbols]
    return [*known, *((name, title) for name, title in named if (name, title) not in known), (UNLISTED, "Another one")]


def form(whole: bool) -> str:
    """Return the form of an account, hidden until its script runs: whole, or with what most readers need."""
    starts = [("", "an empty form"), *((name, preset(name).title) for name in preset_names())]
    account = field("venue", "Venue", venues()) + field("wallet", "Wallet", "decimal")
    parts = [
        f'<div class="account-fields account-head">{field("start", "Start from", starts)}{account}</div>',
        several("position", "Position", "Add a position", POSITION),
        _more() if whole else '<p class="account-beyond" hidden></p>',
        _paste() if whole else "",
        '<div class="account-tools"><button type="submit" class="account-go">Show the answer</button>'
        '<button type="button" class="account-undo" hidden>Undo</button>'
        '<button type="button" class="account-forget">Forget</button>'
        '<button type="button" class="account-link">Link with this account</button></div>'
        '<p class="account-told" role="note" hidden></p>',
        '<p class="account-private">What you enter stays in this tab, until you close it or press <em>Forget</em>. '
        "No request carries it.</p>",
    ]
    return (
        '<form id="account" class="account-form" autocomplete="off" novalidate hidden aria-label="Your account" '
        f'data-form="{"whole" if whole else "short"}">{"".join(parts)}<datalist id="account-markets"></datalist></form>'
        "<noscript><p>Your own account needs JavaScript, which is off here. For the accounts to start from, words and "
        'tables stand <a href="workbench.html">in the workbench</a>.</p></noscript>'
    )


def _more() -> str:
    """Return what only some accounts have: collateral, open orders, brackets of one's own, a date and a name."""
    rest = field("date", "Brackets of the day", "text") + field("title", "Name", "text")
    own = field("brackets", "Your own brackets: a market and a rate a line, or what ccxt returns", "long")
    return (
        '<details class="account-more"><summary>Collateral, open orders, and more</summary>'
        f"{several('collateral', 'Asset', 'Add an asset', COLLATERAL)}"
        f"{several('order', 'Open order', 'Add an open order', ORDER)}"
        f'<div class="account-fields">{rest}</div>{own}</details>'
    )


def _paste() -> str:
    """Return the place to paste an account."""
    ways = [(way, way) for way in (PASTED, *WAYS)]
    modes = [("", "refuse it"), *((mode, mode) for mode in MODES)]
    return (
        '<details class="account-paste"><summary>Paste an account</summary>'
        "<p>Of ccxt's positions the venue is that of the form, and the wallet too where no balance is pasted.</p>"
        '<div class="account-fields">'
        f"{field('way', 'It is', ways)}{field('pasted-mode', 'Mode, where it tells none', modes)}</div>"
        f"{field('text', 'Text', 'long')}{field('balance', 'Balance, as ccxt returns it', 'long')}"
        '<button type="button" class="account-read">Read it</button>'
        '<div class="account-said" hidden></div></details>'
    )


def _moves() -> Options:
    return [(f"{move:g}", f"{move:+.0%}".replace("-", "\N{MINUS SIGN}")) for move in SHOCK_GRID]


def _numbers(named: Mapping[str, float]) -> Options:
    return [(f"{value:g}", name) for name, value in named.items()]


# What can be set of each screen: its label, and what there is to choose.
SETTINGS: dict[str, dict[str, tuple[str, Callable[[], Options]]]] = {
    "distances": {},
    "shocked": {"btc": ("Move of BTC", _moves), "rest": ("All others", _moves)},
    "crashed": {"event": ("Crash", lambda: [(name, event(name).title) for name in event_names()])},
    "which_mode": {},
    "survival": {"move": ("Move of all markets", _moves)},
    "room": {},
    "next_order": {
        "position": ("Next order in", lambda: [("0", "position 1")]),
        "times": ("Next order", lambda: _numbers(ORDERS)),
    },
    "funded": {"rate": ("Funding a payment", lambda: _numbers(RATES))},
    "free_margin": {},
    "reconciled": {},
}
QUESTIONS = {
    "summary": "Where are you liquidated, and should you switch?",
    "distances": "How far is each position from its liquidation price?",
    "shocked": "What would a shock leave?",
    "crashed": "What would a real crash have left?",
    "which_mode": "Which mode loses less, and in which case?",
    "survival": "What must be added to last through a move?",
    "room": "How much more may you hold, or take out?",
    "next_order": "What does the next order do?",
    "funded": "How many payments until you are liquidated?",
    "free_margin": "How much of the account is free?",
    "reconciled": "Does your venue say the same?",
}


def screen(name: str) -> str:
    """Return the place of a screen: its settings, its words, its figure and its table."""
    settings = "".join(
        field(key, label, options(), start=_start(SCREENS[name].start[key]))
        for key, (label, options) in SETTINGS.get(name, {}).items()
    )
    return f'<div class="account-screen" data-screen="{name}">{_fields(settings)}{drawn(name)}</div>'


def drawn(name: str = "", sentence: str = "") -> str:
    """Return where a screen is drawn: of the first one the numbers come first."""
    plot, table = '<div class="account-plot" hidden></div>', '<div class="account-table explorer-table"></div>'
    words = f'<p class="account-words">{escape(sentence)}</p>'
    return "".join((table, words, plot) if name == "summary" else (plot, words, table))


def _fields(inside: str) -> str:
    return f'<div class="account-fields">{inside}</div>' if inside else ""


def _start(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def chance() -> str:
    """Return the place of what chance does: its settings, a progress, and buttons that begin and stop it."""
    offered: dict[str, tuple[str, Options]] = {
        "model": ("Prices follow", [(name, name) for name in MODELS]),
        "volatility": ("Volatility a year", [(f"{share / 100:g}", f"{share}%") for share in range(10, 210, 10)]),
        "correlation": ("Correlation", [(f"{tenth / 10:g}", f"{tenth / 10:g}") for tenth in range(-10, 11)]),
        "days": ("Days", [(str(days), str(days)) for days in (1, 7, 30, 90, 180)]),
        "paths": ("Paths", [(str(paths), f"{paths:,}") for paths in PATHS]),
    }
    fields = "".join(
        field(name, label, options, start=_start(CHANCE[name])) for name, (label, options) in offered.items()
    )
    return (
        '<details class="account-chance"><summary>What does chance do?</summary>'
        f'<div class="account-screen">{_fields(fields)}'
        '<div class="account-tools"><button type="button" class="account-run">Draw paths</button>'
        '<button type="button" class="account-stop" disabled>Stop</button>'
        f'<progress value="0" max="1" aria-label="Paths drawn"></progress></div>{drawn()}</div></details>'
    )


def answer() -> str:
    """Return the place of the answer: what is seen first, and the rest, to be opened one by one."""
    further = "".join(
        f'<details data-further="{name}"{" hidden" if name == "reconciled" else ""}>'
        f"<summary>{QUESTIONS[name]}</summary>{screen(name)}</details>"
        for name in SETTINGS
    )
    files = "".join(
        f'<button type="button" data-file="{name}">{name}</button>'
        for name in ("account.json", "account.csv", "results.csv")
    )
    return (
        '<section id="account-answer" class="account-answer" aria-busy="false" aria-label="The answer" hidden>'
        '<p class="account-status"></p>'
        f'<div class="account-found" hidden>{screen("summary")}'
        f'<div class="account-further">{further}{chance()}</div>'
        f'<div class="account-tools account-files"><span>Save</span>{files}</div></div></section>'
    )


def below_claim(claim: str, screen: str, settings: Mapping[str, str], title: str, sentence: str) -> str:
    """Return *With your account*, which is drawn once it is opened; without scripts it is the sentence of a preset."""
    asked = escape(json.dumps(dict(settings), separators=(",", ":")))
    return (
        f'<details class="account-claim" data-claim="{claim}" data-settings="{asked}">'
        "<summary>With your account</summary>"
        f'<p class="account-whose"><span>For the {escape(title)}, as long as you have entered nothing.</span> '
        '<a href="workbench.html#own-account">Enter your own account</a></p>'
        f'<div class="account-screen" data-screen="{screen}">{drawn(screen, sentence)}</div></details>'
    )
