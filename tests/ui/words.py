"""Walk through the app in another language and print what its catalogue lacks, as JSON ready to be filled in.

python -m tests.ui.words de                    everything, which takes some minutes
python -m tests.ui.words de first verdict      only these parts of the walk
python -m tests.ui.words de --sources          without a browser: the sentences in the sources alone
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from mia_viz.language import catalogue
from mia_viz.ui.launch import build, launch_options
from tests.ui.browser import find_chromium
from tests.ui.conftest import QUIET
from tests.ui.sentences import lacking

SETTLED_MS = 700
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
DONE = "!document.querySelector('#analyse').disabled && document.querySelector('#cancel').disabled"
FOLDS = """() => {
  const closed = 'details:not([open]), button.label-wrap:not(.open)';
  for (const fold of document.querySelectorAll(closed)) {
    if (!fold.checkVisibility()) continue;
    if (fold.tagName === 'DETAILS') fold.open = true; else fold.click();
  }
}"""


def settle(page: Page, wait: int = SETTLED_MS) -> None:
    """Open every fold in view and let what it loads arrive."""
    page.evaluate(FOLDS)
    page.wait_for_timeout(wait)


def tabs(page: Page) -> None:
    """Every tab with its folds open; on each, every slider moves and every choice of a small radio is made."""
    for tab in page.locator("#steps button[role=tab]").all():
        if tab.is_visible():
            tab.click()
            settle(page, 1800)
            choices(page)


def choices(page: Page) -> None:
    """The laboratory's presets and methods, the radios of the evidence and its sliders."""
    for button in page.locator(".lab-presets button").all():
        if button.is_visible():
            button.click()
    select = page.locator(".lab-method")
    if select.count() and select.is_visible():
        for index in range(select.locator("option").count()):
            select.select_option(index=index)
            page.wait_for_timeout(600)
    for name in ("which", "view"):
        for radio in page.locator(f"#{name} label").all():
            if radio.is_visible():
                radio.click()
                page.wait_for_timeout(200)
    for name in ("scrub", "structure-level"):
        slider = page.locator(f"#{name} input[type=range]")
        if slider.count() and slider.is_visible():
            slider.focus()
            page.keyboard.press("ArrowRight")
    page.wait_for_timeout(SETTLED_MS)


def open_tab(page: Page, name: str) -> None:
    page.locator(f"#tab-{name}-button").click()
    settle(page)


def analyse(page: Page) -> None:
    """Analyse what is chosen, wait for the end and cancel a second try."""
    open_tab(page, "choose")
    page.locator("#analyse").click()
    page.wait_for_timeout(1500)
    page.wait_for_function(DONE, timeout=240_000)
    settle(page)


def first(page: Page) -> None:
    """The example that was analysed beforehand, on every page."""
    settle(page)
    tabs(page)


def verdict(page: Page) -> None:
    """An analysis, the truth, the twin, the report and the appendix."""
    open_tab(page, "choose")
    page.locator("#gallery button").nth(2).click()
    page.locator("#guess label").first.click()
    page.wait_for_timeout(SETTLED_MS)
    analyse(page)
    open_tab(page, "verdict")
    page.wait_for_timeout(3000)
    page.locator("#reveal").click()
    settle(page, 2500)
    page.locator("#make-report").click()
    page.wait_for_selector("#report-links a", timeout=120_000)
    page.locator("#twin").click()
    page.wait_for_timeout(1500)
    page.wait_for_function(DONE, timeout=240_000)
    settle(page, 4000)


def cancel(page: Page) -> None:
    """An analysis that is stopped."""
    open_tab(page, "choose")
    page.locator("#analyse").click()
    page.wait_for_timeout(1200)
    page.locator("#cancel").click()
    page.wait_for_timeout(1500)


def files(page: Page) -> None:
    """Files that cannot be used, one that can, and its analysis."""
    open_tab(page, "choose")
    letter, half = b"this is a letter", png((64, 64))[:200]
    for name, data in {"a.png": letter, "b.png": half, "c.png": b"", "d.png": png((100, 80))}.items():
        upload(page, name, data)
    page.locator("#how label").nth(1).click()
    page.wait_for_timeout(SETTLED_MS)
    upload(page, "mine.png", png((64, 64)))
    analyse(page)
    open_tab(page, "verdict")
    page.locator("#reveal").click()
    settle(page, 3000)


def methods(page: Page) -> None:
    """Every method on one picture."""
    open_tab(page, "methods")
    page.wait_for_timeout(2500)
    page.locator("#ask").click()
    page.wait_for_function("!document.querySelector('#ask').disabled", timeout=240_000)
    settle(page)


def many(page: Page) -> None:
    """A set of pictures, and one that is too small."""
    open_tab(page, "many")
    page.locator("#many-ask").click()
    page.wait_for_timeout(1000)
    given = [{"name": f"{i}.png", "mimeType": "image/png", "buffer": png((64, 64), i)} for i in (0, 1, 2, 3, 4, 5, 5)]
    page.locator("#suspects-files input[type=file]").set_input_files(given)
    page.wait_for_timeout(2500)
    page.locator("#many-ask").click()
    page.wait_for_timeout(1000)
    page.wait_for_function("!document.querySelector('#many-ask').disabled", timeout=240_000)
    settle(page)


def family(place: int) -> Callable[[Page], None]:
    """Another family of pictures: its example on every page, and an empty drawing where one can draw."""

    def walk(page: Page) -> None:
        open_tab(page, "choose")
        page.locator("#family label").nth(place).click()
        page.wait_for_timeout(2500)
        for label in page.locator("#target label").all():
            label.click()
            page.wait_for_timeout(300)
        page.locator("#target label").first.click()
        if page.locator("#use-drawing").is_visible():
            page.locator("#use-drawing").click()
            page.wait_for_timeout(SETTLED_MS)
        page.locator("#gallery button").nth(4).click()
        page.wait_for_timeout(SETTLED_MS)
        tabs(page)

    return walk


PARTS: dict[str, Callable[[Page], None]] = {
    "first": first,
    "files": files,
    "cancel": cancel,
    "methods": methods,
    "many": many,
    "verdict": verdict,
    "family-2": family(1),
    "family-3": family(2),
}


def png(size: tuple[int, int], seed: int = 3) -> bytes:
    """A picture of noise."""
    buffer = io.BytesIO()
    values = np.random.default_rng(seed).integers(0, 255, size[::-1], dtype=np.uint8)
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def upload(page: Page, name: str, data: bytes) -> None:
    field = page.locator("#upload input[type=file]")
    field.wait_for(state="attached")
    field.set_input_files({"name": name, "mimeType": "image/png", "buffer": data})
    page.wait_for_timeout(SETTLED_MS)


def ready(page: Page, language: str) -> None:
    """Wait until the page has come in the language."""
    page.wait_for_selector("#hero img", state="attached")  # the address may name a later step
    page.wait_for_function(f"document.documentElement.lang === '{language}'")
    page.wait_for_timeout(SETTLED_MS)


def as_entries(texts: Iterable[str]) -> dict[str, str]:
    """Texts as keys of a catalogue, numbers as #, with nothing to say for them yet."""
    return dict.fromkeys(sorted({NUMBER.sub("#", text) for text in texts}), "")


def walk(language: str, parts: list[str]) -> tuple[dict[str, str], list[str]]:
    """What the catalogue lacks on these parts of the walk, and what the browser complained about."""
    app = build()
    app.queue(default_concurrency_limit=8)
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    lacked: set[str] = set()
    complaints: list[str] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
            page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{url}?lang={language}")
            ready(page, language)
            for name in parts:
                try:
                    PARTS[name](page)
                except Exception as error:  # the other parts still have something to say
                    complaints.append(f"{name}: {str(error).splitlines()[0]}")
                lacked.update(page.evaluate("miaVizMissing()"))
                print(f"{name}: {len(lacked)} missing so far", file=sys.stderr)
            browser.close()
    finally:
        app.close(verbose=False)
    return as_entries(lacked), complaints


def main(arguments: list[str]) -> None:
    language = arguments[0] if arguments else "de"
    if "--sources" in arguments:
        print(json.dumps(dict.fromkeys(lacking(catalogue(language)), ""), indent=1, ensure_ascii=False))
        return
    entries, complaints = walk(language, arguments[1:] or list(PARTS))
    print(json.dumps(entries, indent=1, ensure_ascii=False))
    print("\n".join(complaints), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
