"""In a real Chromium: pictures are let go and the page says so; of two models one makes room and comes back."""

from __future__ import annotations

import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from mia_viz.own_models import LET_GO as MODEL_LET_GO
from mia_viz.own_models import SHELF
from mia_viz.ui import housekeeping
from mia_viz.ui.launch import build, launch_options
from mia_viz.ui.letting_go import LET_GO
from tests.commands.conftest import write_model
from tests.serving.asking import housekeeping_of, picture
from tests.ui.conftest import go, shoot
from tests.ui.test_walk import serious

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def hasty():
    """The address of an app that keeps pictures for three seconds only, and what keeps house in it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, seconds in (("KEPT", 3.0), ("MARGIN", 2.0), ("ROUND", 0.5)):
            patch.setattr(housekeeping, f"{name}_SECONDS", seconds)
        demo = build()
        demo.queue(default_concurrency_limit=8)
        _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options())
        httpx.get(address)
        yield address, housekeeping_of(demo)
        demo.close()


def opened(page: Page, url: str) -> list[str]:
    """Open the app; what goes wrong on the page is gathered."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector("#hero img")
    return complaints


def give(page: Page, name: str, seed: int = 1) -> None:
    if not page.locator("#upload").is_visible():
        page.get_by_role("button", name="Use a picture of your own").click()
    file = {"name": name, "mimeType": "image/png", "buffer": picture(seed)}
    page.locator("#upload input[type=file]").set_input_files(file)
    expect(page.locator("#chosen")).to_contain_text(name)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_a_picture_left_alone_is_let_go_and_another_can_be_chosen(hasty, browser, theme, width):
    context = browser.new_context(viewport={"width": width, "height": 900 if width > 400 else 844})
    page = context.new_page()
    complaints = opened(page, f"{hasty[0]}?__theme={theme}")
    give(page, "scan.png")
    page.get_by_role("tab", name="Restore").click()
    expect(page.locator("#status")).to_contain_text(LET_GO)
    expect(page.locator("#status")).to_be_in_viewport()
    expect(page.locator("#upload")).to_be_visible()
    expect(page.locator("#family input").first).to_be_checked()
    for part in ("#chosen", "#hero", "#subject"):
        expect(page.locator(part)).not_to_contain_text("scan.png")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    shoot(page, f"let-go-{theme}")
    give(page, "second.png", 2)
    expect(page.locator("#status")).not_to_contain_text(LET_GO)
    page.locator("#analyse").click()
    expect(page.locator("#subject")).to_contain_text("second.png")
    assert complaints == []
    context.close()


def test_whoever_comes_back_to_a_page_that_slept_is_told_at_the_first_press(hasty, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    address, house = hasty
    complaints = opened(page, address)
    before = set(house._gone)
    give(page, "scan.png")
    line = context.new_cdp_session(page)
    line.send("Page.setWebLifecycleState", {"state": "frozen"})
    end = time.monotonic() + 60
    while not set(house._gone) - before and time.monotonic() < end:
        time.sleep(0.1)
    line.send("Page.setWebLifecycleState", {"state": "active"})
    page.locator("#analyse").click()
    expect(page.locator("#status")).to_contain_text(LET_GO)
    expect(page.locator("#chosen")).not_to_contain_text("scan.png")
    page.wait_for_timeout(3000)
    expect(page.locator("#subject")).not_to_contain_text("scan.png")
    expect(page.locator("#status")).not_to_contain_text("Done in")  # nothing was asked about another picture
    assert complaints == []
    context.close()


def test_a_model_that_was_let_go_for_anothers_is_opened_again_with_one_press(url, browser, tmp_path, monkeypatch):
    monkeypatch.setattr(SHELF, "most", 1)
    pages = []
    for k, width in enumerate((1280, 390)):
        page = browser.new_context(viewport={"width": width, "height": 844}).new_page()
        opened(page, url)
        go(page, "Your model", "#own-open")
        page.locator("#own-where :is(textarea, input)").first.fill(str(write_model(tmp_path / f"mine-{k}", seed=k)))
        page.locator("#own-open").click()
        expect(page.locator("#own-status")).to_contain_text("Opened and checked", timeout=180_000)
        page.locator("#own-go").click()
        expect(page.locator("#subject")).to_contain_text(f"mine-{k} has not been asked")
        pages.append(page)
    first = pages[0]
    first.locator("#analyse").click()
    expect(first.locator("#status")).to_contain_text(MODEL_LET_GO)
    assert serious(first) == []
    shoot(first, "model-let-go")
    first.locator("#status .mv-again").click()
    expect(first.locator("#own-status")).to_contain_text("Your model is open again")
    shoot(first, "model-open-again")
    go(first, "Choose", "#analyse")
    first.locator("#analyse").click()
    expect(first.locator("#status")).to_contain_text("Done in", timeout=120_000)
    pages[1].locator("#analyse").click()
    expect(pages[1].locator("#status .mv-again")).to_be_visible()
    shoot(pages[1], "phone-model-let-go")
    for page in pages:
        page.context.close()
