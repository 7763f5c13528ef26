"""One running app and one Chromium for all browser flows; every flow leaves a screenshot in build/screenshots."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mia_viz.ui.launch import build, launch_options
from tests.ui.browser import complaints_of, find_chromium

expect.set_options(timeout=20_000)
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
LONG = bool(os.environ.get("MIA_VIZ_LONG"))
PHONE_THEMES = ["light", "dark"] if LONG else ["dark"]
"""Of long flows on a phone: how wide things are does not depend on the theme, and colours are seen on a desktop."""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": list(QUIET)}


@pytest.fixture(scope="session")
def url():
    demo = build()
    demo.queue(default_concurrency_limit=8)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield address
    demo.close()


@pytest.fixture
def watched(page: Page, url: str):
    """A page on the app that must neither ask another machine for anything nor log an error."""
    complaints = complaints_of(page)
    page.on("request", lambda r: complaints.append(f"asked {r.url}") if not r.url.startswith(LOCAL) else None)
    page.set_default_timeout(60_000)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(url)
    page.wait_for_selector("#hero img")
    yield page
    assert not complaints


LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


def shoot(page: Page, name: str) -> None:
    """Keep what the page looks like."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def go(page: Page, step: str, ready: str) -> None:
    """Move to a step of the walk and wait for a part of it."""
    page.get_by_role("tab", name=re.compile(step)).click()
    page.wait_for_selector(ready)


def soon(found: Callable[[], object], wanted: object, seconds: float = 20) -> object:
    """What is found, once it is what is wanted and stays so for half a second; at the latest after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found() == wanted:
            time.sleep(0.5)
            if (now := found()) == wanted:
                return now
        time.sleep(0.1)
    return found()


def copied(page: Page) -> str:
    """The link that the button copies."""
    page.locator(".lk-copy").click()
    expect(page.locator(".lk-said")).to_contain_text("copied")
    return page.evaluate("navigator.clipboard.readText()")


@pytest.fixture
def arrived(browser, watched):
    """Opens a link as the one who was sent it does: in a browser that was never here."""
    contexts = []

    def arrive(link: str) -> Page:
        for context in contexts:
            context.close()
        contexts[:] = [browser.new_context(viewport={"width": 1280, "height": 900})]
        page = contexts[0].new_page()
        page.set_default_timeout(60_000)
        page.goto(link)
        return page

    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield arrive
    for context in contexts:
        context.close()
