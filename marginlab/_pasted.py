"""What was pasted: text as JSON or as Python prints it, of a length that can be read, every field once."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter

from ._checks import ArgumentError

# A text may have so many letters: all markets of the largest venue, as ccxt prints them, have less.
LONGEST = 5_000_000
# What Python prints otherwise than JSON has it: strings, words, tuples, and a comma behind the last. A string that does
# not end goes on to the end of the text, so that no text is gone through twice.
_PRINTED = re.compile(
    r""" '(?:[^'\\]++|\\.)*+(?:'|\Z) | "(?:[^"\\]++|\\.)*+(?:"|\Z) | \w++ | [()] | ,(?=\s*+[)\]}]) """,
    re.DOTALL | re.VERBOSE,
)
_AS_JSON = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]"}


def json_of(name: str, text: str) -> object:
    """Return what is written in JSON.

    Raises
    ------
    ArgumentError
        For a text that is too long, named as given here, and for a field that is given twice.
    ValueError, RecursionError
        For text that is no JSON, or too deep.
    """
    if len(text) > LONGEST:
        raise ArgumentError(name, f"must be text of at most {LONGEST:,} letters, not of {len(text):,}")
    return json.loads(text, object_pairs_hook=_once)


def objects_of(name: str, text: str) -> object:
    """Return what is written in JSON or as Python prints it; what is neither is refused by the name given here.

    >>> objects_of("payload", "({'size': None}, )")
    [{'size': None}]
    """
    try:
        return json_of(name, text)
    except ArgumentError:
        raise
    except (ValueError, RecursionError) as wrong:
        no_json = ArgumentError(name, f"must be JSON, or what Python prints: {wrong}")
    if not any(sign in text for sign in ("'", *_AS_JSON)):
        raise no_json
    try:
        return json_of(name, _PRINTED.sub(_as_json, text))
    except ArgumentError:
        raise
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise no_json from None


def _as_json(found: re.Match[str]) -> str:
    part = found.group()
    if part[0] not in "'\"":
        return "" if part == "," else _AS_JSON.get(part, part)
    return json.dumps(part[1:-1] if "\\" not in part and part[-1] == part[0] else ast.literal_eval(part))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the fields of an object, or refuse the first that is given twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ArgumentError(Counter(name for name, _ in pairs).most_common(1)[0][0], "must be given once")
    return fields
