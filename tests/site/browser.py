"""Which browser the page tests drive; run as a script, whether there is one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

# Without these a headless Chromium asks hosts of its own at every start.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def system_chromium() -> str | None:
    """Return the path of a Chromium that the system has, if any."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


def launch(playwright: Any) -> Any:
    """Start the system's Chromium, or Playwright's own where the system has none; Firefox if that is asked for."""
    if os.environ.get("MARGINLAB_BROWSER") == "firefox":
        return playwright.firefox.launch()
    return playwright.chromium.launch(executable_path=system_chromium(), args=QUIET)


def kept(browser: Any, profile: str | Path) -> Any:
    """Start a second browser of a kind, with a profile on disk that keeps what a reader's keeps between visits."""
    return browser.browser_type.launch_persistent_context(profile, executable_path=system_chromium(), args=QUIET)


def has_browser() -> bool:
    """Say whether `launch` will find something to start."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return system_chromium() is not None or Path(playwright.chromium.executable_path).exists()


if __name__ == "__main__":
    sys.exit(0 if has_browser() else "no Chromium on this system yet")
