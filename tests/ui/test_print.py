"""What the browser prints, as Ctrl+P does: every step whole and light, with its caveats, and the page unharmed."""

from __future__ import annotations

import io

import numpy as np
import pypdf
import pytest
from playwright.sync_api import expect

from tests.ui.conftest import go
from tests.ui.look import apart, sheets

pytestmark = pytest.mark.ui
WHITE, BLUE = 250, (0, 114, 178)


def words(page) -> str:
    """The text of the sheets."""
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    return " ".join(" ".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def near(picture: np.ndarray, colour: tuple[int, int, int], reach: int = 40) -> np.ndarray:
    """Where a picture (H, W, 3) has about a colour, (H, W) bool."""
    return (np.abs(picture.astype(int) - np.array(colour)) < reach).all(axis=2)


def test_a_verdict_printed_from_the_dark_has_its_chart_and_its_caveats(watched, url):
    watched.goto(f"{url}?__theme=dark")
    go(watched, "Verdict", "#plot-combined .main-svg")
    watched.wait_for_timeout(1000)
    text, paper = words(watched), sheets(watched)
    assert "It does not say who trained it" in text
    assert "Is a known picture nearly the same?" in text
    chart = np.asarray(next(one for one in paper if near(np.asarray(one), BLUE).sum() > 200))
    assert chart[:, -20:].min() > WHITE  # nothing is cut at the right margin
    blue = np.flatnonzero(near(chart, (80, 156, 201)).any(axis=0))  # the training pictures' dots, on the far right
    assert blue.max() > 0.7 * chart.shape[1]
    assert near(chart, (30, 30, 30)).any()  # the diamond
    expect(watched.locator("body")).to_have_class("dark")
    assert watched.locator("#answer details").get_attribute("open") is None
    width = "e => [e._fullLayout.width, e.getBoundingClientRect().width]"
    drawn, room = watched.locator("#plot-combined .js-plotly-plot").first.evaluate(width)
    assert drawn == pytest.approx(room, abs=2)


def test_long_steps_are_printed_to_their_end_and_alike_from_light_and_dark(watched, url):
    go(watched, "Noise", "#noise-chart .main-svg")
    watched.wait_for_timeout(1500)
    light = sheets(watched)
    text = words(watched)
    for part in ("typical spread, never seen", "AUC by noise added", "Each point is one known picture"):
        assert part in text
    watched.evaluate("document.body.classList.add('dark')")
    watched.wait_for_timeout(500)
    assert apart(light, sheets(watched)) < 0.002
    go(watched, "Frequency", "#laboratory .lab-curve")
    watched.wait_for_timeout(1500)
    assert "patches neither flat nor busiest" in words(watched)


def test_the_lesson_is_printed_as_text_and_the_glossary_to_its_last_word(watched):
    watched.locator(".ls-open").click()
    title = watched.locator(".ls-title").inner_text()
    task = watched.locator(".ls-tasks li span").first.inner_text()
    text = words(watched)
    assert title in text
    assert task in text
    watched.locator(".ls-leave").click()
    watched.locator(".gl-open").click()
    last = watched.locator(".gl-rest dt").last.inner_text()
    text = words(watched)
    assert last in text
    assert "Evidence shown" not in text
    expect(watched.locator(".gl-list:modal")).to_be_visible()  # as it was before
