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
            measure_laboratory(page)
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


WATCH = """() => {
  const bench = document.querySelector('#laboratory .lab').parentElement;
  let since = null; window.moves = [];
  bench.addEventListener('pointermove', e => { since = since ?? e.timeStamp; }, true);
  bench.addEventListener('lab:drawn', () => {
    const start = since; since = null;
    // A message posted in the frame that drew arrives after that frame was painted.
    if (start === null) return;
    const painted = new MessageChannel();
    painted.port1.onmessage = () => moves.push(performance.now() - start);
    painted.port2.postMessage(0);
  });
}"""


def measure_laboratory(page, moves: int = 60) -> list[float]:
    """Time from opening the frequency step to its laboratory, and from a drag's event to the painted picture.

    Returns the milliseconds of every move that was painted, in rising order, and prints what they come to.
    """
    page.evaluate("window.scrollTo(0, 0)")
    start = time.perf_counter()
    page.get_by_role("tab", name="Frequency").click()
    page.wait_for_function("() => document.querySelector('#laboratory .lab')?.parentElement.lab")
    page.wait_for_timeout(1500)  # its first figures from the server are not part of a drag
    print(f"laboratory opened after at most {time.perf_counter() - start - 1.5:.1f} s")
    page.evaluate(WATCH)
    page.locator(".lab-handle[data-edge=hi]").scroll_into_view_if_needed()
    box = page.locator(".lab-handle[data-edge=hi]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(moves):
        page.mouse.move(x - 5 * step, y)
        page.wait_for_timeout(30)
    page.mouse.up()
    taken = sorted(page.evaluate("window.moves"))
    print(
        f"drag to redrawn picture: {taken[len(taken) // 2]:.0f} ms (median of {len(taken)} moves), "
        f"slowest {taken[-1]:.0f} ms; budget 150 ms"
    )
    print(f"    of it the page's own work: {page.evaluate(OWN):.0f} ms")
    return taken


OWN = "() => document.querySelector('#laboratory .lab').parentElement.lab.milliseconds"


if __name__ == "__main__":
    main()
