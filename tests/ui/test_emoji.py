"""A captioned emoji through the whole walk, its caption, and turning to another family in the middle of an analysis."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from mia_viz import engine
from mia_viz.targets import bundled
from mia_viz.ui import pick
from tests.ui.conftest import PHONE_THEMES, go, shoot
from tests.ui.test_walk import analyse, serious

pytestmark = pytest.mark.ui

FIRST = 4
"""Which picture of the gallery is pressed."""


def choose_emoji(page: Page, place: int = FIRST) -> str:
    """Turn to the emoji, press one and return its caption."""
    page.locator("#family").get_by_label("Captioned emoji").check()
    expect(page.locator("#card")).to_contain_text("Emoji model A")
    page.locator("#gallery button").nth(place).click()
    index = pick.gallery_indices("emoji")[place]
    caption = bundled.population("emoji").captions[index]
    expect(page.locator("#chosen")).to_contain_text(f"emoji {index:04d}")
    expect(page.locator("#caption input")).to_have_value(caption)
    return caption


def tabs(page: Page) -> list[str]:
    return [t for t in page.locator("#steps button[role=tab]").all_inner_texts() if t[0].isdigit()]


def test_an_emoji_goes_through_the_whole_walk(watched):
    assert len(tabs(watched)) == 5
    expect(watched.locator("#caption-area")).to_be_hidden()
    told = choose_emoji(watched)
    assert tabs(watched)[-2:] == ["5 Structure", "6 Verdict"]
    watched.get_by_label("It was not", exact=True).check()
    analyse(watched)
    expect(watched.locator("#subject")).to_contain_text(f'with the caption "{told}"')
    expect(watched.locator("#hero img")).to_have_count(3)
    violations = serious(watched)
    go(watched, "Restore", "#trio img")
    shoot(watched, "emoji-restore")
    go(watched, "Noise", "#noise-rebuilt img")
    expect(watched.locator("#noise-now")).to_contain_text("Picture implied at level 80")
    watched.locator("#view").get_by_label("as latents").check()
    expect(watched.locator("#noise-now")).to_contain_text("Answer at level 80")
    watched.locator("#scrub input[type=range]").focus()
    watched.keyboard.press("ArrowRight")
    expect(watched.locator("#noise-now")).to_contain_text("Answer at level 70")
    violations += serious(watched)
    shoot(watched, "emoji-noise")
    watched.locator("#next-4").click()
    watched.wait_for_selector("#structure-curve .main-svg")
    expect(watched.locator("#structure-now")).to_contain_text("Taken to level 100")
    watched.locator("#structure-level input[type=range]").focus()
    watched.keyboard.press("ArrowRight")
    expect(watched.locator("#structure-now")).to_contain_text("Taken to level 150")
    expect(watched.locator("#structure-examples")).to_contain_text("Taken to level 150")
    violations += serious(watched)
    shoot(watched, "emoji-structure")
    go(watched, "Verdict", "#answer")
    watched.locator("#reveal").click()
    expect(watched.locator("#truth")).to_contain_text("training set")
    watched.locator("#twin").click()
    expect(watched.locator("#subject")).to_contain_text(f'Emoji model B with the caption "{told}"')
    expect(watched.locator("#verdict-status")).to_contain_text("Done in", timeout=180_000)
    assert violations == []


def test_a_caption_can_be_emptied_typed_and_set_back(watched):
    own = choose_emoji(watched)
    field = watched.locator("#caption input")
    kinds = watched.locator("#caption-kind")
    kinds.get_by_label("none").check()
    expect(field).to_have_value("")
    analyse(watched)
    expect(watched.locator("#subject")).to_contain_text("without a caption")
    expect(watched.locator("#subject")).to_contain_text("the scores have no scale")
    kinds.get_by_label("the picture's own").check()
    expect(field).to_have_value(own)
    field.fill("a tree in winter")
    expect(kinds.get_by_label("your words")).to_be_checked()
    analyse(watched)
    expect(watched.locator("#subject")).to_contain_text('with the caption "a tree in winter"')
    expect(watched.locator("#subject")).to_contain_text("rough guide")
    go(watched, "All methods", "#roc .main-svg")
    expect(watched.locator("#methods-subject")).to_contain_text('with the caption "a tree in winter"')
    expect(watched.locator("#methods")).to_contain_text("CLiD")
    shoot(watched, "emoji-typed")


def test_turning_to_another_family_stops_the_analysis_and_keeps_its_evidence_away(watched):
    choose_emoji(watched)
    target, calls = engine.opened("emoji-a"), []
    original = target.predict_noise
    target.predict_noise = lambda *asked: calls.append(len(asked[0])) or original(*asked)
    try:
        watched.locator("#analyse").click()
        expect(watched.locator("#status")).to_contain_text(re.compile(r"Asking the model: [1-9]"))
        watched.locator("#family").get_by_label("Handwritten digits").check()
        expect(watched.locator("#card")).to_contain_text("Digit model A")
        watched.wait_for_timeout(700)
        asked = len(calls)
        watched.wait_for_timeout(1500)
        assert len(calls) == asked
    finally:
        del target.predict_noise
    expect(watched.locator("#subject")).not_to_contain_text("emoji")
    expect(watched.locator("#status")).not_to_contain_text("Asking")
    expect(watched.locator("#analyse")).to_be_enabled()
    expect(watched.locator("#cancel")).to_be_disabled()
    assert tabs(watched)[-1] == "5 Verdict"
    analyse(watched)
    expect(watched.locator("#subject")).to_contain_text("Digit model A")
    expect(watched.locator("#hero")).to_contain_text("Made 2 times coarser")


@pytest.mark.parametrize("theme", PHONE_THEMES)
def test_no_part_of_an_emojis_walk_is_wider_than_a_phone(browser, playwright, url, theme):
    context = browser.new_context(**playwright.devices["iPhone 13"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={theme}")
    page.wait_for_selector("#hero img")
    choose_emoji(page)
    analyse(page)
    shoot(page, f"phone-emoji-{theme}")
    steps = {"Restore": "#trio img", "Noise": "#cloud .main-svg", "Structure": "#structure-curve .main-svg"}
    for step, ready in steps.items():
        go(page, step, ready)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        shoot(page, f"phone-emoji-{step.lower()}-{theme}")
    context.close()
