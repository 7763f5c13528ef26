"""The noise step in a real Chromium: one scrubber for every panel, and the picture really asked again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from mia_viz import engine
from mia_viz.probe import Progress
from mia_viz.ui.pick import opening_case
from tests.ui.conftest import go, shoot
from tests.ui.test_walk import serious

pytestmark = pytest.mark.ui


def test_the_scrubber_moves_every_panel_and_asking_again_really_asks(watched):
    go(watched, "Noise", "#noise-matrix img")
    watched.wait_for_selector("#noise-plane .main-svg")
    watched.wait_for_selector("#noise-chart .main-svg")
    current = watched.locator("#noise-matrix thead [aria-current]")
    expect(current).to_have_text("Level 80")
    plane = "e => JSON.stringify(e.data[0].x)"
    before = watched.locator("#noise-plane .js-plotly-plot").evaluate(plane)
    watched.locator("#scrub input[type=range]").focus()
    watched.keyboard.press("ArrowRight")
    expect(current).to_have_text("Level 70")
    expect(watched.locator("#noise-matrix td[aria-current]")).to_have_count(9)
    expect(watched.locator("#noise-pair")).to_contain_text("Answer at level 70")
    expect(watched.locator("#noise-now")).to_contain_text("level 70")
    expect(watched.locator("#noise-maps")).to_contain_text("Level 70 (chosen)")
    watched.wait_for_function(
        f"before => ({plane})(document.querySelector('#noise-plane .js-plotly-plot')) !== before", arg=before
    )
    asked_again(watched)
    assert serious(watched) == []
    shoot(watched, "noise-asked-again")


def asked_again(page) -> None:
    """Another setting, then the button; what comes back is what the engine says when asked directly."""
    told = page.locator("#noise-told").inner_text()
    page.locator("#noise-strength").get_by_label(re.compile("much .level 200")).check()
    expect(page.locator("#noise-told")).not_to_have_text(told)
    expect(page.locator("#noise-grid td[aria-current]")).to_have_count(1)
    page.wait_for_function("() => document.querySelector('#noise-chart .js-plotly-plot').data.length === 2")
    page.locator("#noise-ask").click()
    expect(page.locator("#noise-again img")).to_have_count(10, timeout=120_000)
    case, picked = opening_case("brain")
    direct = engine.ask_noises_named(case.target, picked.prepared, 200, 5, Progress())
    expect(page.locator("#noise-status")).to_contain_text("Asked 5 questions")
    expect(page.locator("#noise-status")).to_contain_text(f"score {direct.findings[0].score:.3f}")
    expect(page.locator("#noise-again")).to_contain_text("Asked again: 5 answers from level 200 down")
    page.wait_for_function("() => document.querySelector('#noise-chart .js-plotly-plot').data.length === 3")
    page.locator("#noise-strength").get_by_label(re.compile("little")).check()
    page.locator("#noise-count input[type=range]").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#noise-told")).to_contain_text("no room for so many answers")
    expect(page.locator("#noise-ask")).to_be_disabled()


def test_a_model_that_fails_is_answered_with_a_sentence(watched, monkeypatch):
    def broken(*asked) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(engine, "ask_noises_named", broken)
    go(watched, "Noise", "#noise-matrix img")
    watched.locator("#noise-ask").click()
    expect(watched.locator("#noise-status .mv-error")).to_contain_text("The model failed on this picture")
    expect(watched.locator("#noise-ask")).to_be_enabled()
    expect(watched.locator("#noise-again img")).to_have_count(0)
