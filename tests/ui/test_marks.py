"""What is drawn is seen and what is pressed is named: answers, focus, small pictures and edges on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import go

pytestmark = pytest.mark.ui
LEAST = 3.0
"""Contrast of controls and of focus, WCAG 2.2, 1.4.11."""


def light(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def style(page: Page, selector: str, name: str) -> str:
    return page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{name}")


def test_the_measure_of_contrast_is_that_of_the_standard():
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_answers_and_the_place_of_the_keyboard_can_be_seen(watched, url, theme):
    watched.goto(f"{url}?__theme={theme}")
    go(watched, "Quiz", "#quiz-form")
    ground = style(watched, "gradio-app", "backgroundColor")
    for box in ("#quiz-form .qz-ten input", "#quiz-form .qz-show"):
        assert float(style(watched, box, "borderWidth").removesuffix("px")) >= 2
        assert contrast(style(watched, box, "borderColor"), ground) >= LEAST
    go(watched, "Choose", "#target")
    for part, ringed in (("#target input:checked", "#target label:has(input:checked)"), ("#analyse", "#analyse")):
        watched.locator(part).focus()
        watched.keyboard.press("Shift+Tab")
        watched.keyboard.press("Tab")
        expect(watched.locator(part)).to_be_focused()
        watched.wait_for_timeout(500)  # the ring comes up slowly
        assert float(style(watched, ringed, "outlineWidth").removesuffix("px")) >= 3
        assert contrast(style(watched, ringed, "outlineColor"), ground) >= 4.5


def test_pictures_are_called_by_their_names(watched):
    expect(watched.get_by_role("button", name=re.compile(r"^picture \d{4}$"))).to_have_count(18)
    expect(watched.get_by_role("button", name=re.compile("Thumbnail"))).to_have_count(0)
    watched.locator("#language button[lang=de]").click()
    expect(watched.get_by_role("button", name=re.compile(r"^Bild \d{4}$"))).to_have_count(18)
    watched.locator("#language button[lang=en]").click()
    watched.locator("#family").get_by_label("Captioned emoji").check()
    expect(watched.get_by_role("button", name=re.compile(r"^emoji \d{4}$"))).to_have_count(18)


def test_on_a_phone_buttons_stand_in_line_and_small_print_is_not_too_small(browser, playwright, url):
    context = browser.new_context(**playwright.devices["iPhone 13"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector("#hero img")
    page.wait_for_selector(".lk-copy")
    edges = [page.locator(part).bounding_box()["x"] for part in (".ls-open", ".lk-copy", ".mv-head h1")]
    assert edges == pytest.approx([edges[0]] * 3, abs=1)
    go(page, "Noise", "#noise-matrix img")
    assert float(style(page, "#noise-matrix td", "fontSize").removesuffix("px")) >= 12
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()


def test_what_can_be_given_stands_above_the_sign_to_press(watched):
    watched.get_by_role("button", name="Use a picture of your own").click()
    for width in (1280, 390):
        watched.set_viewport_size({"width": width, "height": 900})
        said = watched.locator("#upload [data-testid=block-label]").bounding_box()
        sign = watched.locator("#upload [data-testid=upload-icon]").bounding_box()
        assert said["y"] + said["height"] <= sign["y"]
