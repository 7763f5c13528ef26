"""The second family of pictures and a digit of one's own, with a mouse and with a finger."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import go, shoot
from tests.ui.test_walk import STEPS, analyse, serious

pytestmark = pytest.mark.ui

SEVEN = ((0.3, 0.25), (0.7, 0.25), (0.55, 0.5), (0.4, 0.85))
"""Corners of a stroke on the pad, as shares of its width and height."""


def choose_family(page: Page, kind: str) -> None:
    """Switch to another kind of picture and wait until its own are there."""
    page.locator("#family").get_by_label(kind).check()
    expect(page.locator("#chosen")).to_contain_text("digit" if "digits" in kind else "picture")


def stroke(page: Page) -> list[tuple[float, float]]:
    """Where SEVEN lies on the page now."""
    page.locator("#pad canvas").scroll_into_view_if_needed()
    box = page.locator("#pad canvas").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]


DRAWN = """side => {
  const {lab} = document.querySelector('#laboratory .lab').parentElement;
  return lab?.filtered.picture.length === side * side;
}"""


def curve(page: Page) -> object:
    """The picture's own number in the frequency step; empty where nothing was asked yet."""
    return page.locator("#laboratory .lab").evaluate("e => e.hidden ? '' : String(e.parentElement.lab.reading?.query)")


def test_another_family_changes_every_word_and_picture(watched):
    foreign = {"Handwritten digits": "brain|patient|slice|scan", "Simulated patients": "digit|mnist|handwrit"}
    curves = []
    for kind, words in foreign.items():
        choose_family(watched, kind)
        expect(watched.locator("#draw")).to_be_visible(visible=kind == "Handwritten digits")
        expect(watched.locator("#gallery img")).to_have_count(18)
        for _ in range(50):  # the last pieces of the new family may still be on their way
            text = watched.locator("body").inner_text()
            for label in foreign:  # the switch itself names both
                text = text.replace(label, "", 1)
            if not re.findall(words, text, re.IGNORECASE):
                break
            watched.wait_for_timeout(200)
        assert re.findall(words, text, re.IGNORECASE) == []
        for step, ready in STEPS.items():
            go(watched, step, ready)
            if step == "Frequency":
                watched.wait_for_function(DRAWN, arg=32 if kind == "Handwritten digits" else 64)
                curves.append(curve(watched))
            assert re.findall(words, watched.locator("body").inner_text(), re.IGNORECASE) == []
        go(watched, "Choose", "#gallery img")
        shoot(watched, f"family-{kind.split()[-1]}")
    assert curves[0] != curves[1]


def test_a_drawn_digit_goes_through_the_same_analysis_and_leaves_no_file(watched):
    choose_family(watched, "Handwritten digits")
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    files = set(folder.rglob("*"))
    watched.locator("#use-drawing").click()
    expect(watched.locator("#draw-status")).to_contain_text("There is nothing on the pad yet")
    first, *rest = stroke(watched)
    watched.mouse.move(*first)
    watched.mouse.down()
    for point in rest:
        watched.mouse.move(*point, steps=5)
    watched.mouse.up()
    watched.locator("#use-drawing").click()
    expect(watched.locator("#chosen")).to_contain_text("Drawn by you: no model has seen it.")
    assert serious(watched) == []
    shoot(watched, "drawn")
    analyse(watched)
    expect(watched.locator("#subject")).to_contain_text("your drawing")
    expect(watched.locator("#subject")).to_contain_text("no model has seen it")
    go(watched, "Verdict", "#answer")
    watched.locator("#reveal").click()
    expect(watched.locator("#truth")).to_contain_text("You drew this picture here")
    shoot(watched, "drawn-verdict")
    assert set(folder.rglob("*")) <= files  # what others left there may have been tidied away meanwhile
    go(watched, "Choose", "#pad canvas")
    watched.locator("#clear-drawing").click()
    watched.locator("#use-drawing").click()
    expect(watched.locator("#draw-status")).to_contain_text("There is nothing on the pad yet")


def test_a_finger_draws_on_a_phone_and_does_not_scroll(browser, playwright, url):
    context = browser.new_context(**playwright.devices["iPhone 13"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector("#hero img")
    choose_family(page, "Handwritten digits")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    points = stroke(page)
    assert page.locator("#pad canvas").bounding_box()["width"] >= 260
    before = page.evaluate("scrollY")
    finger = context.new_cdp_session(page)
    for kind, point in zip(("touchStart", "touchMove", "touchMove", "touchMove"), points, strict=True):
        touch = {"type": kind, "touchPoints": [{"x": point[0], "y": point[1]}]}
        finger.send("Input.dispatchTouchEvent", touch)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.evaluate("scrollY") == before
    page.locator("#use-drawing").click()
    expect(page.locator("#draw-status")).to_contain_text("Taken")
    expect(page.locator("#chosen")).to_contain_text("your drawing")
    shoot(page, "phone-drawn")
    context.close()
