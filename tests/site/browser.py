"""Which browser the page tests drive; run as a script, see to it that there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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
# Python on a page is compiled twice: at once, and what runs often once more for speed. A test asks it a few questions,
# and the second time costs more than it gives back: only what runs very often is compiled so. Nothing else is changed
# by it; what is measured (`benchmarks.site`) is measured without.
BRIEF = ["--js-flags=--wasm-tiering-budget=1000000000"]
# What readers have, and what tests ask first: the same Chromium without a window, which takes a quarter less time.
WHOLE = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHELL = "chromium-headless-shell"
PLAYWRIGHT = (sys.executable, "-m", "playwright", "install")

Command = Sequence[str]


def starts(browser: str) -> bool:
    """Say whether a browser can be started: its libraries may be lacking, or it only says where another would be."""
    return Path(browser).exists() and not failure((browser, "--version"))


def system_chromium(*first: str) -> str | None:
    """Return the path of a Chromium that the system has, if any; one that is called so first, if it has it."""
    return next((found for name in (*first, *WHOLE) if (found := shutil.which(name)) and starts(found)), None)


def launch(playwright: Any) -> Any:
    """Start the system's Chromium, or Playwright's own where the system has none."""
    return playwright.chromium.launch(executable_path=system_chromium(), args=QUIET)


def launch_for_tests(playwright: Any) -> Any:
    """Start what tests drive; Firefox if that is asked for, and Chromium as readers have it for ``whole``."""
    asked = os.environ.get("MARGINLAB_BROWSER")
    if asked == "firefox":
        return playwright.firefox.launch()
    names = () if asked == "whole" else (SHELL,)
    return playwright.chromium.launch(executable_path=system_chromium(*names), args=[*QUIET, *BRIEF])


def kept(browser: Any, profile: str | Path) -> Any:
    """Start a second browser of a kind, with a profile on disk that keeps what a reader's keeps between visits."""
    return browser.browser_type.launch_persistent_context(profile, executable_path=system_chromium(), args=QUIET)


def there() -> bool:
    """Say whether `launch` will find something to start."""
    if system_chromium(SHELL):
        return True
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return starts(playwright.chromium.executable_path)


def ways(root: bool, sudo: bool, apt: bool) -> Iterator[list[Command]]:
    """Yield what can be run to get a Chromium, the surest first: as root, with a right to become it, on Debian."""
    if root and apt:
        install = (
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
        )
        yield [("apt-get", "update", "-qq"), (*install, "chromium", SHELL, "fonts-dejavu-core")]
        yield [(*install, "chromium", "fonts-dejavu-core")]
    if root or sudo:
        yield [(*PLAYWRIGHT, "--with-deps", "chromium")]
    yield [(*PLAYWRIGHT, "chromium")]


def failure(command: Command) -> str:
    """Run a command; return the last line that it said where it failed, and nothing where it did not."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError as error:
        return str(error)
    # What is indented says where in a program, not why.
    lines = [line for line in done.stdout.splitlines() if line.strip() and not line[0].isspace()]
    return (lines or ["it failed"])[-1] if done.returncode else ""


def provide(
    ways: Iterable[list[Command]],
    there: Callable[[], bool] = there,
    failure: Callable[[Command], str] = failure,
) -> None:
    """Try the ways to get a browser until there is one; where none leads to it, stop with what the reader can do."""
    if there():
        return
    for commands in ways:
        for command in commands:
            print(f"The page tests need a Chromium: {' '.join(command)}", flush=True)
            if told := failure(command):
                print(f"In vain: {told}", flush=True)
                break
        if there():
            return
    raise SystemExit("There is no Chromium and none can be fetched: install one (on Debian: apt-get install chromium).")


def may_become_root() -> bool:
    """Say whether sudo asks for no password."""
    return not failure(("sudo", "--non-interactive", "true"))


if __name__ == "__main__":
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    provide(ways(root, may_become_root(), shutil.which("apt-get") is not None))
