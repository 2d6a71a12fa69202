"""What venues, protocols and libraries publish as worked examples, marginlab answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .evaluate import evaluate

EXAMPLES = json.loads((Path(__file__).parent / "examples.json").read_text(encoding="utf-8"))
EXPECTED = [(example, i) for example in EXAMPLES for i in range(len(example["expect"]))]


@pytest.mark.parametrize(
    ("example", "i"),
    EXPECTED,
    ids=[
        f"{example['id']}:{example['expect'][i]['symbol']}:{example['expect'][i]['quantity']}"
        for example, i in EXPECTED
    ],
)
def test_marginlab_gives_the_published_value(example, i):
    expected, given = example["expect"][i], evaluate(example)[i]
    assert (given["symbol"], given["quantity"]) == (expected["symbol"], expected["quantity"])
    if expected["value"] is None or isinstance(expected["value"], bool):
        assert given["value"] is expected["value"]
    else:
        assert given["value"] == pytest.approx(
            expected["value"], rel=expected["rel_tol"] or 0, abs=expected["abs_tol"] or 0
        )
