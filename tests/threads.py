"""Work in a thread of its own: in the first one the browser of other tests may have left its event loop running."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor


def in_a_script(work):
    """Return what `work` returns where no event loop runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def beside_a_kernel(work):
    """Return what the coroutine function `work` returns in an event loop that runs for it."""
    return in_a_script(lambda: asyncio.run(work()))
