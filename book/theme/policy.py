"""What a page may ask for: nothing of another host, and no script that it does not name.

Pages of the book and those of the JupyterLite beside it have one policy; of the latter it holds in the kernel too.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html import unescape

# Only what the site itself has. Styles inside a page are plotly's and the theme's; scripts inside a page are
# named by their hash.
POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'"
)
_META = '<meta http-equiv="Content-Security-Policy" content="{}" />'
TAG = _META.format(POLICY)
# Where Python runs: its WebAssembly too, and what JupyterLab makes of the forms of its settings, which is script; and a
# worker, but none that is started from an address, for that would have a policy of its own, which is none. One that is
# started from a blob has that of the page.
# Figures beside a kernel have their script from a blob.
_RUNS = POLICY.replace("script-src 'self'", "script-src 'self' blob: 'unsafe-eval'")
PYTHON_TAG = _META.format(f"{_RUNS}; worker-src blob:")
# Where Python answers for an account: its WebAssembly, and a worker that has the page's policy too.
_ANSWERS = POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
ACCOUNT_TAG = _META.format(f"{_ANSWERS}; worker-src blob:")


def allowed(page: str, late: str | None = None) -> str:
    """Return what a policy must name of the scripts inside a page, one that is put there later among them.

    >>> allowed("<p>Text.</p>")
    ''
    >>> allowed("<script>1</script>")
    "'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"
    """
    inside = re.findall(r"<script(?![^>]*\s(?:src|type)=)[^>]*>(.*?)</script>", page, re.DOTALL)
    events = [unescape(text) for text in re.findall(r'<[a-z][^<>]*?\son[a-z]+="([^"]*)"', page)]
    hashes = dict.fromkeys(_hash(text) for text in [*inside, *events, *([late] if late else [])])
    return " ".join([*(["'unsafe-hashes'"] if events else []), *hashes])


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
