"""Take a picture of every view in four contexts, so that a change of look is a change of a picture in review.

python -m tests.ui.look                   docs/images/look/VIEW-CONTEXT.webp and the page docs/look.md is made of
python -m tests.ui.look choose verdict    only these views
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from mia_viz.ui.launch import build, launch_options
from tests.ui.browser import find_chromium
from tests.ui.conftest import QUIET, go

OUT = Path(__file__).resolve().parents[2] / "docs" / "images" / "look"
CONTEXTS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True},
    "print": {"viewport": {"width": 794, "height": 1123}},
}
WIDTH, TALLEST, QUALITY = 640, 2600, 58
"""Pixels of a stored picture, at most, and WebP's quality: enough to read, small enough to keep."""


def step(name: str, ready: str) -> Callable[[Page], None]:
    """A view that is one press on a tab away."""
    return lambda page: go(page, name, ready)


VIEWS: dict[str, Callable[[Page], None]] = {
    "choose": lambda page: page.wait_for_selector("#hero img"),
    "restore": step("Restore", "#trio img"),
    "frequency": step("Frequency", "#laboratory .lab-curve"),
    "noise": step("Noise", "#cloud .main-svg"),
    "verdict": step("Verdict", "#plot-combined .main-svg"),
    "compare": step("Compare", "#compare-tabs img"),
    "training-age": lambda page: training_age(page),
    "all-methods": step("All methods", "#controls tbody tr"),
    "many-pictures": step("Many pictures", "#many-subject p"),
    "quiz": step("Quiz", "#quiz"),
    "your-model": step("Your model", "#own-where"),
    "lesson": lambda page: page.get_by_role("button", name=re.compile("lesson")).first.click(),
}


def training_age(page: Page) -> None:
    """The second part of the page that compares."""
    go(page, "Compare", "#compare-tabs img")
    page.get_by_role("tab", name="As training goes on").click()
    page.wait_for_selector("#ages-body img")


def take(browser: Browser, url: str, view: str, context: str) -> bytes:
    """PNG of a view from top to bottom."""
    visitor = browser.new_context(**CONTEXTS[context], locale="en-GB")
    page = visitor.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={'dark' if context == 'dark' else 'light'}")
    page.wait_for_selector("#hero img")
    VIEWS[view](page)
    page.wait_for_timeout(1500)
    if context == "print":
        page.emulate_media(media="print")
        page.wait_for_timeout(300)
    try:
        return page.screenshot(full_page=True)
    finally:
        visitor.close()


def keep(png: bytes, file: Path) -> None:
    """Store a picture small."""
    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB")
        small.thumbnail((WIDTH, 100_000), Image.Resampling.LANCZOS)
        small.crop((0, 0, small.width, min(small.height, TALLEST))).save(file, "WEBP", quality=QUALITY, method=6)


def main(wanted: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    demo = build()
    demo.queue(default_concurrency_limit=8)
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
        for view in wanted or VIEWS:
            for context in CONTEXTS:
                file = OUT / f"{view}-{context}.webp"
                keep(take(browser, url, view, context), file)
                print(f"{file.name}: {file.stat().st_size // 1024} KB", flush=True)
        browser.close()
    demo.close()


if __name__ == "__main__":
    main(sys.argv[1:])
