"""Sphinx's side of the account on the page.

* Where a page has a `PLACE`, as ``workbench()`` leaves one, it gets the form of an account and the place of its answer.
* Below the verdict of each claim it gets *With your account*: ``book/account_screens.csv`` says which screen belongs to
  which claim, and of which preset it is shown until the reader has entered an account.
* Python answers, in a worker of the page, where the build has it. What can be said without is worked out here: the
  screens of the presets, and files of markets and last prices that the form asks for when it is touched.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import account_form
import numpy as np
from explorers import digest, results
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from marginlab.display.answers import SCREENS, replies
from marginlab.display.fields import counted_in, entry_of
from marginlab.display.workbench import PLACE
from marginlab.formatting import day
from marginlab.margin.contracts import Contract
from marginlab.markets.events import event_names, event_record
from marginlab.markets.venues import venue, venue_names
from marginlab.portfolio import preset, preset_names
from marginlab.portfolio.assets import DOLLARS

CLAIMS = Path(__file__).parents[1] / "account_screens.csv"
# A last price is offered as a mark for so long after it, seen from the newest on record.
RECENT = np.timedelta64(365, "D")
# The files that are worked out here, by the names of the tags in a page's head that say where they are.
FILES = {
    "account-markets": "account-markets.json",
    "account-presets": "account-presets.js",
    "account-claims": "account-claims.js",
}
SCRIPT = Path(__file__).parent / "static" / "account-answers.js"
SHORT = '<div class="account-short"></div>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", _configure, priority=85)
    # Before the explorers' side, which brings the script that draws.
    app.connect("html-page-context", _page, priority=890)
    app.add_css_file("account.css", priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


@cache
def claims() -> dict[str, dict[str, Any]]:
    """Return what ``account_screens.csv`` says, by claim: the screen, its settings, and the preset."""
    with CLAIMS.open(encoding="utf-8") as lines:
        return {row["claim"]: {**row, "settings": json.loads(row["settings"])} for row in csv.DictReader(lines)}


def states(name: str, asked: list[dict[str, Any]]) -> list[Any]:
    """Return screens of a preset as Python in the page answers for it."""
    message = {"kind": "answer", "account": entry_of(preset(name)), "screens": asked}
    answered = [json.loads(one) for one in replies(json.dumps(message))]
    if wrong := [one for one in answered if not {"state", "done"} & set(one)]:
        raise ExtensionError(f"{name} is not answered for: {wrong}")
    return [one["state"] for one in answered if "state" in one]


@cache
def of_claims() -> dict[str, Any]:
    """Return by claim the screen of its preset."""
    return {
        claim: states(one["preset"], [{"name": one["screen"], "settings": one["settings"]}])[0]
        for claim, one in claims().items()
    }


def of_presets() -> dict[str, Any]:
    """Return by preset all its screens, with the settings they start with."""
    names = [name for name in SCREENS if name != "reconciled"]
    return {
        one: dict(zip(names, states(one, [{"name": name} for name in names]), strict=True)) for one in preset_names()
    }


def markets() -> dict[str, Any]:
    """Return by venue its markets, and by coin the last price."""
    contracts = {name: [venue(name).contract(symbol) for symbol in venue(name).symbols] for name in venue_names()}
    return {
        "venues": {name: [_market(one) for one in of] for name, of in contracts.items()},
        "marks": last_prices(),
        "dollars": DOLLARS,
    }


def _market(contract: Contract) -> list[str]:
    """Return a market's name, its coin, what it settles in and, where that is not coins, what a size counts."""
    unit = counted_in(contract)
    return [contract.symbol, contract.underlying, contract.currency, *([unit] if unit else [])]


def last_prices() -> dict[str, tuple[str, str]]:
    """Return by coin the last price on record, and its day in words; without those that are long past."""
    paths = [path for name in event_names() for path in event_record(name).paths if path.symbol.isalnum()]
    paths.sort(key=lambda path: path.times[-1])
    newest = paths[-1].times[-1]
    return {
        path.symbol: (f"{path.close[-1]:.10g}", day(path.times[-1]))
        for path in paths
        if newest - path.times[-1] < RECENT
    }


def filled(body: str) -> str:
    """Return a page with the form where it has a place for it."""
    starts = json.dumps({name: entry_of(preset(name)) for name in preset_names()}, ensure_ascii=False)
    data = f'<script type="application/json" id="account-starts">{starts.replace("<", chr(92) + "u003c")}</script>'
    for place, whole in ((PLACE, True), (SHORT, False)):
        body = body.replace(place, f"{account_form.form(whole)}{account_form.answer()}{data}")
    return body


def with_claims(body: str, below: Mapping[str, str]) -> str:
    r"""Return a page that has below each claim's verdict what belongs there.

    >>> with_claims('<span id="claim-1-1"></span><p><strong>Verdict: holds.</strong> So.</p><p>', {"1-1": "HERE"})
    '<span id="claim-1-1"></span><p><strong>Verdict: holds.</strong> So.</p>\nHERE<p>'
    """
    for claim, html in below.items():
        found = re.search(rf'id="claim-{claim}".*?<strong>Verdict: .*?</p>', body, re.DOTALL)
        if found:
            body = f"{body[: found.end()]}\n{html}{body[found.end() :]}"
    return body


def below(claim: str) -> str:
    """Return what stands below a claim's verdict."""
    one = claims()[claim]
    title, sentence = preset(one["preset"]).title, of_claims()[claim]["sentence"]
    return account_form.below_claim(claim, one["screen"], one["settings"], title, sentence)


def _configure(app: Sphinx, config: Config) -> None:
    folder = Path(app.srcdir) / "_build" / "account"
    made = f"{results(Path(app.srcdir) / 'book')}-{digest(Path(__file__))}"
    if not (folder / made).exists():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        _write(folder / FILES["account-markets"], "{}", markets())
        _write(folder / FILES["account-presets"], "window.marginlabPresets = {};\n", of_presets())
        _write(folder / FILES["account-claims"], "window.marginlabClaims = {};\n", of_claims())
        (folder / made).touch()
    config.html_static_path += [os.path.relpath(folder / name, app.confdir) for name in FILES.values()]


def _page(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Put the form, or what stands below claims, into a page, and say in its head where its parts are."""
    body = context.get("body", "")
    with_form = filled(body)
    context["body"] = with_claims(
        with_form, {claim: below(claim) for claim in claims() if f'id="claim-{claim}"' in body}
    )
    if context["body"] == body:
        return
    for script in ("account-answers.js", "account.js") if with_form != body else ("account-open.js",):
        app.add_js_file(script, loading_method="defer", priority=900)  # after that which draws
    context["metatags"] = context.get("metatags", "")
    folder = Path(app.srcdir) / "_build" / "account"
    parts = {tag: folder / name for tag, name in FILES.items()} | {"account-script": SCRIPT}
    for tag, file in parts.items():
        address = context["pathto"](f"_static/{file.name}?v={digest(file)}", 1)
        context["metatags"] += f'<meta name="marginlab-{tag}" content="{address}" />\n'


def _write(file: Path, text: str, data: object) -> None:
    file.write_text(text.replace("{}", json.dumps(data, ensure_ascii=False, separators=(",", ":"))), encoding="utf-8")
