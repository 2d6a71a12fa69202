"""List the scripts that a start in the browser asks for before its first widget: ``python -m tests.lite.first``.

`make first` calls it when the version of JupyterLite has changed. The list, ``lite/first.json``, is of use to
`lite.site`, which puts those scripts into one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from lite.site import FIRST, FOLDER, SITE

from ..site.browser import launch
from ..site.server import served

CHAPTER = "structure"
# What asks for the others is none of them, and neither is what runs beside the page.
OTHERS = ("/bundle.js", "/remoteEntry.", "/comlink.")
WORKS = "document.querySelector('.widget-slider') && document.querySelector('.js-plotly-plot .main-svg')"


def asked_for(browser: Browser | BrowserContext, site: str) -> list[str]:
    """Return the scripts that JupyterLite's loader fetches until a slider and a figure are there, in their order."""
    page = browser.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url.removeprefix(f"{site}{FOLDER}/")))
    page.goto(f"{site}{FOLDER}/notebooks/index.html?path=book/{CHAPTER}.ipynb&run")
    page.wait_for_function(WORKS, timeout=120_000)
    page.close()
    paths = dict.fromkeys(address.partition("?")[0] for address in seen)
    return [
        path
        for path in paths
        if re.match(r"(build|extensions)/.*\.js$", path) and not any(one in path for one in OTHERS)
    ]


def main() -> None:
    """Build a site whose scripts are all apart, and write down which of them were asked for."""
    FIRST.write_text("[]\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "lite.site"], check=True)
    with sync_playwright() as playwright, served(SITE) as site:
        paths = asked_for(launch(playwright), site)
    FIRST.write_text(json.dumps(paths, indent=0) + "\n", encoding="utf-8")
    print(f"{FIRST.name} names {len(paths)} scripts. Build the site anew.")


if __name__ == "__main__":
    main()
