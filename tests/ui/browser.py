"""Find a Chromium, the system's or the one Playwright has installed, and hear what it complains about.

Run as a script it prints the path of the Chromium or fails.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Path of a Chromium that can be started, or None."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


LEAVING = "this page is being left"
CUT_OFF = ("AbortError: signal is aborted", "Unexpected error Connection errored out")
"""What gradio's script says when it ends its own connection because the page is being left; nobody can read it."""


def complaints_of(page: Page) -> list[str]:
    """A list that fills with every error that the page meets or logs; to be called before the page is opened."""
    complaints: list[str] = []
    leaving = False

    def hear(kind: str, text: str) -> None:
        nonlocal leaving
        if text == LEAVING:
            leaving = True
        elif kind == "error" and not (leaving and text.startswith(CUT_OFF)):
            complaints.append(text)

    def arrived(frame) -> None:
        nonlocal leaving
        leaving = leaving and frame != page.main_frame

    page.add_init_script(f"addEventListener('beforeunload', () => console.info('{LEAVING}'))")
    page.on("console", lambda message: hear(message.type, message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("framenavigated", arrived)
    return complaints


if __name__ == "__main__":
    path = find_chromium()
    print(path or "no Chromium")
    sys.exit(0 if path else 1)
