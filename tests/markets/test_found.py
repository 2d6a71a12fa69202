"""What was found out of venues is in the data, or left out for a reason; and nothing is there that nobody found.

``found_fields.json`` says of which account of which venue something was found about which topic, in November 2026.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from marginlab import venue, venue_names
from marginlab.markets.venues import TOPICS, practices

FOUND = json.loads(Path(__file__).with_name("found_fields.json").read_text(encoding="utf-8"))
# Under which name the data have what was found of an account.
TITLES = {
    "binance-usdm-single": "Binance USD-M",
    "binance-usdm-multi": "Binance USD-M",
    "binance-usdm-hedge": "Binance USD-M",
    "binance-coinm": "Binance COIN-M",
    "bybit-uta-isolated": "Bybit",
    "bybit-uta-cross": "Bybit",
    "bybit-uta-hedge": "Bybit",
    "okx-futures": "OKX",
    "okx-multi": "OKX",
    "hyperliquid-standard": "Hyperliquid",
    "hyperliquid-hip3": "Hyperliquid",
    "dydx-v4": "dYdX v4",
    "bitget": "Bitget",
    "gate": "Gate",
    "kucoin": "KuCoin",
    "mexc": "MEXC",
    "kraken-futures": "Kraken Futures",
    "bitmex": "BitMEX",
    "deribit": "Deribit",
    "bingx": "BingX",
    "htx": "HTX",
    "phemex": "Phemex",
    "coinbase-intx": "Coinbase International",
    "lighter": "Lighter",
    "aster": "Aster",
    "drift-v2": "Drift v2 (paused)",
    "gmx-v2": "GMX v2",
}
# Portfolio margin is a stress test of the whole account, which is not worked out here.
LEFT_OUT = ("bybit-uta-portfolio", "okx-portfolio", "hyperliquid-portfolio")
SAME = "as at Binance USD-M"
NOT_USED = {
    **{("binance-coinm", topic): SAME for topic in ("trigger", "liquidation", "takeover", "ADL trigger", "ADL side")},
    ("bybit-uta-isolated", "cross funding"): "an isolated account has none",
}
# What the data have beyond it, each with a source of its own.
BEYOND = {
    ("Aster", "trigger"): "docs.asterdex.com",
    ("Kraken Futures", "funding"): "support.kraken.com 360022835911",
}
STATED = {(one.venue, topic): one for topic in TOPICS for one in practices(topic)}
WHOLE = (resources.files("marginlab.markets") / "data" / "venues.json").read_text(encoding="utf-8")
# Which topic a field of a convention or of rules rests on.
RESTS_ON = {
    "maintenance_at": "maintenance",
    "closing_fee_at": "closing fee",
    "at_equality": "trigger",
    "close": "liquidation",
    "part": "liquidation",
    "order": "order",
    "liquidation_fee": "fee",
    "isolated_funding": "funding",
    "switching": "switching",
}


def test_the_record_has_30_accounts_and_548_fields():
    assert len(FOUND) == 30
    assert sum(map(len, FOUND.values())) == 548
    assert {topic for topics in FOUND.values() for topic in topics} == set(TOPICS)
    assert set(FOUND) == {*TITLES, *LEFT_OUT}


@pytest.mark.parametrize("account", TITLES)
def test_every_field_that_was_found_is_in_the_data_or_listed_as_not_used(account):
    for topic in FOUND[account]:
        used = (TITLES[account], topic) in STATED
        assert used or (account, topic) in NOT_USED, (account, topic)


def test_what_is_listed_as_not_used_was_found_and_is_not_there():
    for account, topic in NOT_USED:
        assert topic in FOUND[account]
        assert (TITLES[account], topic) not in STATED


def test_nothing_that_nobody_found_has_a_value_without_a_source_of_its_own():
    found = {(title, topic) for account, title in TITLES.items() for topic in FOUND[account]}
    of_these = {key for key in STATED if key[0] in TITLES.values()}
    assert of_these - found == set(BEYOND)
    for key, source in BEYOND.items():
        assert source in STATED[key].source


@pytest.mark.parametrize("name", venue_names())
def test_conventions_and_rules_state_only_what_was_found_and_assume_the_rest(name):
    one = venue(name)
    assumed = {*one.convention.assumed, *one.rules.assumed}
    for field, topic in RESTS_ON.items():
        assert field in assumed or (one.title, topic) in STATED


def test_no_source_is_a_file_that_nobody_can_name():
    assert not re.search(r"unnamed|public file|\bfile \d{6,}", WHOLE)
    assert all(re.search(r"[a-z]\w*[./ -]", one.source, re.IGNORECASE) for one in STATED.values())


def test_every_source_is_cited_and_named_once():
    data = json.loads(WHOLE)
    assert len(set(data["sources"].values())) == len(data["sources"])
    cited = set(re.findall(r'"([^"]+)"', " ".join(re.findall(r'"source": \[([^\]]*)\]', WHOLE))))
    assert cited == set(data["sources"])


def test_the_file_is_small():
    assert len(WHOLE.encode()) < 120_000
