"""The walk as a visitor takes it, in a real Chromium against the real app and the bundled models."""

from __future__ import annotations

import io
import re
import time

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from mia_viz import engine
from mia_viz.attacks import names
from mia_viz.ui import pick
from tests.ui.conftest import PHONE_THEMES, go, shoot

pytestmark = pytest.mark.ui

STEPS = {
    "Restore": "#trio img",
    "Frequency": "#laboratory :is(.lab-curve, .lab-waiting) >> visible=true",
    "Noise": "#cloud .main-svg",
    "Verdict": "#answer",
}


WAYS = ("heading-order", "landmark-unique")


def analyse(page: Page) -> None:
    """Press Analyse and wait for the end."""
    page.locator("#analyse").click()
    expect(page.locator("#status")).to_contain_text("Done in", timeout=180_000)


def serious(page: Page) -> list[str]:
    """Accessibility violations of weight, and those that mislead who goes by headings and landmarks, by axe."""
    page.wait_for_function(
        "!document.getAnimations().some(one => one instanceof CSSTransition)"
    )  # colours on their way
    found = Axe().run(page).response["violations"]
    grave = [v for v in found if v["impact"] in ("serious", "critical") or v["id"] in WAYS]
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in grave]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_opens_on_an_analysed_case_and_every_step_can_be_read(watched, url, theme):
    watched.goto(f"{url}?__theme={theme}")
    watched.wait_for_selector("#hero img")
    expect(watched.locator("#hero img")).to_have_count(3)
    expect(watched.locator("#subject")).to_contain_text("computed beforehand")
    shoot(watched, f"choose-{theme}")
    violations = serious(watched)
    for step, ready in STEPS.items():
        go(watched, step, ready)
        violations += serious(watched)
        shoot(watched, f"{step.lower()}-{theme}")
    assert violations == []


def test_analyse_reveal_and_the_twin_turns_the_truth_around(watched):
    watched.locator("#gallery button").nth(2).click()
    # Picture 115 is of group A, so exactly one of the twins was trained on it.
    expect(watched.locator("#chosen")).to_contain_text("picture 0115")
    watched.get_by_label("I cannot tell").check()
    analyse(watched)
    expect(watched.locator("#subject")).to_contain_text("computed just now")
    go(watched, "Verdict", "#plot-combined .main-svg")
    expect(watched.locator("#truth")).to_be_empty()
    watched.locator("#reveal").click()
    expect(watched.locator("#truth")).to_contain_text("training set")
    first = watched.locator("#truth").inner_text()
    watched.locator("#twin").click()
    expect(watched.locator("#subject")).to_contain_text("Brain MR model B")
    expect(watched.locator("#truth")).to_be_empty()
    expect(watched.locator("#verdict-status")).to_contain_text("Done in", timeout=180_000)
    expect(watched.locator("#plot-combined .main-svg").first).to_be_visible()
    expect(watched.locator("#beside")).to_contain_text("Brain MR model A, the twin")
    watched.locator("#reveal").click()
    expect(watched.locator("#truth")).to_contain_text("training set")
    second = watched.locator("#truth").inner_text()
    shoot(watched, "twin")
    assert ("was not in" in first) != ("was not in" in second)


def test_a_quick_hand_analyses_the_picture_it_pressed(watched, monkeypatch):
    """Analyse pressed while the choice is still on its way waits for it."""
    original = pick.pick_bundled
    monkeypatch.setattr(pick, "pick_bundled", lambda *a: time.sleep(1.5) or original(*a))
    watched.locator("#gallery button").nth(3).click()
    expect(watched.locator("#analyse")).to_be_disabled()
    watched.locator("#analyse").click()  # waits until it can be pressed
    expect(watched.locator("#subject")).to_contain_text("just now")
    picked = watched.locator("#chosen figcaption").inner_text().splitlines()[0]
    assert picked in watched.locator("#subject").inner_text()
    watched.locator("#cancel").click()
    shoot(watched, "quick-hand")


def test_cancel_stops_the_work_itself(watched):
    target = engine.opened("brain-a")
    calls: list[int] = []
    original = target.predict_noise
    target.predict_noise = lambda x_t, t: calls.append(len(x_t)) or original(x_t, t)
    try:
        watched.locator("#analyse").click()
        expect(watched.locator("#status")).to_contain_text(re.compile(r"Asking the model: [1-9]"))
        watched.locator("#cancel").click()
        expect(watched.locator("#status")).to_contain_text("Stopped")
        watched.wait_for_timeout(700)
        asked = len(calls)
        watched.wait_for_timeout(1500)
        assert len(calls) == asked
        expect(watched.locator("#status")).to_contain_text("Stopped")
        assert 0 < sum(calls) < 419
    finally:
        del target.predict_noise
    shoot(watched, "cancelled")
    expect(watched.locator("#analyse")).to_be_enabled()


def picture(mode: str = "L", size: tuple[int, int] = (64, 64), form: str = "PNG") -> bytes:
    """A real image file."""
    values = np.random.default_rng(3).integers(0, 255, (*size[::-1], len(Image.new(mode, (1, 1)).getbands())))
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8).squeeze(), mode).save(buffer, form)
    return buffer.getvalue()


def test_bad_uploads_get_a_sentence_and_good_ones_still_work(watched):
    watched.get_by_text("Use a picture of your own").click()
    bad = {
        "letter.png": (b"this is a letter", "not a picture"),
        "half.png": (picture()[:200], "damaged"),
        "empty.png": (b"", "empty"),
        "inks.jpg": (picture("CMYK", form="JPEG"), "CMYK"),
        "glass.png": (picture("RGBA"), "transparent"),
        "large.png": (picture(size=(100, 80)), "100 x 80"),
    }
    before = watched.locator("#chosen img").get_attribute("src")
    for name, (data, words) in bad.items():
        upload(watched, name, data)
        expect(watched.locator("#status .mv-error")).to_contain_text(words)
        sentence = watched.locator("#status").inner_text()
        assert sentence.strip().endswith(".")
        assert "Traceback" not in sentence
        assert watched.locator("#chosen img").get_attribute("src") == before
    upload(watched, "wide.png", picture(size=(128, 64)))
    expect(watched.locator("#status .mv-error")).to_contain_text("128 x 64")
    watched.get_by_label("crop").check()  # the refused picture is not lost: choosing how to fit it is enough
    expect(watched.locator("#chosen")).to_contain_text("wide.png")
    watched.get_by_label("exact").check()
    upload(watched, "mine.png", picture())
    expect(watched.locator("#chosen")).to_contain_text("mine.png")
    analyse(watched)
    go(watched, "Verdict", "#answer")
    watched.locator("#reveal").click()
    expect(watched.locator("#truth")).to_contain_text("Nobody but its maker")
    shoot(watched, "own-picture")


def upload(page: Page, name: str, data: bytes) -> None:
    """Give the app a file; the field empties itself and is ready for the next."""
    field = page.locator("#upload input[type=file]")
    field.wait_for(state="attached")
    field.set_input_files({"name": name, "mimeType": "image/png", "buffer": data})


def test_the_keyboard_moves_the_divider_and_the_scrubber(watched):
    go(watched, "Restore", "#pair input[type=range]")
    divider = watched.locator("#pair input[type=range]")
    divider.focus()
    for _ in range(10):
        watched.keyboard.press("ArrowRight")
    assert watched.locator("#pair .mv-compare").evaluate("e => e.style.getPropertyValue('--p')") == "60%"
    go(watched, "Noise", "#noise-now img")
    expect(watched.locator("#noise-now")).not_to_contain_text(re.compile(r"\d\.\ds"))  # opening the step is over
    before = watched.locator("#noise-now").inner_text()
    watched.locator("#scrub input[type=range]").focus()
    watched.keyboard.press("ArrowRight")
    expect(watched.locator("#noise-now")).not_to_have_text(before)
    expect(watched.locator("#noise-now")).to_contain_text("level 70")
    expect(watched.locator("#noise-maps")).to_contain_text("Level 70 (chosen)")
    shoot(watched, "scrubbed")


@pytest.mark.parametrize("theme", PHONE_THEMES)
def test_nothing_is_wider_than_a_phone(browser, playwright, url, theme):
    context = browser.new_context(**playwright.devices["iPhone 13"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={theme}")
    page.wait_for_selector("#hero img")
    shoot(page, f"phone-choose-{theme}")
    for step, ready in {**STEPS, "All methods": "#controls tbody tr", "Many pictures": "#many-subject p"}.items():
        go(page, step, ready)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        shoot(page, f"phone-{step.lower()}-{theme}")
    context.close()


def test_every_method_can_be_asked_and_is_judged(watched):
    go(watched, "All methods", "#roc .main-svg")
    expect(watched.locator("#metrics tbody tr").first).to_be_visible()
    curves = watched.locator("#roc .js-plotly-plot").evaluate("e => e.data.filter(t => t.name).map(t => t.name)")
    assert {"guessing", "Denoising loss"} <= set(curves)
    chosen = watched.locator("#methods input:checked").count()
    assert chosen == watched.locator("#methods input").count() - 1  # all but the slow one
    watched.locator("#ask").click()
    expect(watched.locator("#ask-status")).to_contain_text("Done", timeout=180_000)
    expect(watched.locator("#findings")).to_contain_text("About picture 0112, asked of Brain MR model A")
    rows = watched.locator("#findings tbody tr").all_inner_texts()
    assert len(rows) == chosen
    known = set(engine.reference("brain-a").columns) & set(names())  # the columns of attacks at their defaults
    assert sum("of 256" in row for row in rows) == len(known - {"drc"})
    expect(watched.locator("#controls tbody tr").filter(has_text="asked of the wrong twin")).to_have_count(1)
    watched.get_by_text("What each method does").click()
    expect(watched.locator("#needs")).to_contain_text("the model's weights (white-box)")
    assert serious(watched) == []
    shoot(watched, "methods")
