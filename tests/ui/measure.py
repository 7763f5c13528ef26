"""Measure what a visitor waits for, and print it. Not a test: run it on an idle machine.

python -m tests.ui.measure
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.ui.browser import find_chromium
from tests.ui.conftest import QUIET

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, limit: float = 60.0) -> None:
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError("the app did not start")


def main() -> None:
    port = free_port()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
        page = browser.new_page()
        page.set_default_timeout(120_000)
        start = time.perf_counter()
        environment = {**os.environ, "GRADIO_SERVER_PORT": str(port)}
        app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            listening = time.perf_counter() - start
            page.goto(f"http://127.0.0.1:{port}")
            page.wait_for_selector("#hero img")
            print(
                f"start to first screen       {time.perf_counter() - start:6.1f} s (listening after {listening:.1f} s)"
            )
            for attempt in ("first Analyse", "second Analyse"):
                page.locator("#gallery button").nth(3 if attempt.startswith("first") else 5).click()
                page.wait_for_timeout(300)
                # Analyse rests until the choice has arrived; only then does the page name the picture.
                page.wait_for_function("() => !document.querySelector('#analyse').disabled")
                measure_analysis(page, attempt)
        finally:
            app.terminate()
            browser.close()


def measure_analysis(page, name: str) -> None:
    """Times from the press to the first new evidence and to the end."""
    picture = page.locator("#chosen figcaption").inner_text().splitlines()[0]
    start = time.perf_counter()
    page.locator("#analyse").click()
    fresh = "() => ['just now', NAME].every(t => document.querySelector('#subject').innerText.includes(t))"
    page.wait_for_function(fresh.replace("NAME", repr(picture)))
    before = time.perf_counter() - start
    page.wait_for_function("() => document.querySelector('#status').innerText.startsWith('Done')")
    total = time.perf_counter() - start
    print(f"{name}: first evidence {before:.1f} s, everything {total:.1f} s")
    print(f"    {page.locator('#status').inner_text()}")


if __name__ == "__main__":
    main()
