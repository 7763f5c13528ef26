"""The frequency laboratory in a real Chromium: the browser's numbers are the engine's, all hands move it."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mia_viz.case import load_case
from mia_viz.laboratory.reading import read
from mia_viz.laboratory.sieve import HIGHEST, Sieve
from mia_viz.laboratory.subject import query_energy, residual
from mia_viz.sensitivity import ring_energy
from mia_viz.targets import bundled
from mia_viz.ui.lab_data import RINGS, known_spectra, presets
from tests.ui.conftest import go, shoot
from tests.ui.test_walk import serious

pytestmark = pytest.mark.ui

READY = "#laboratory .lab-curve"
NUMBERS = """() => {
  const lab = document.querySelector('#laboratory .lab').parentElement.lab, r = lab.reading;
  const plain = a => a && [a.value, a.low, a.high];
  return {...lab.state, weights: [...lab.weights], calibration: plain(r.calibration), test: plain(r.test),
    found: r.found, testFound: r.testFound, testAccused: r.testAccused, query: r.query, atLeast: r.atLeast,
    scores: [...r.scores], picture: [...lab.filtered.picture], residual: [...lab.filtered.residual]};
}"""


def opened(page: Page) -> None:
    """Go to the step and wait until the laboratory has drawn."""
    go(page, "Frequency", READY)
    page.wait_for_function("() => document.querySelector('#laboratory .lab').parentElement.lab?.reading")


def settled(page: Page) -> dict:
    """The browser's numbers after the next frame."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(NUMBERS)


def unfold(page: Page, name: str) -> None:
    """Open one of the server's folds."""
    page.locator("#laboratory-more summary", has_text=name).click()


def close(found: object, expected: object) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-4)


def same_as_the_engine(found: dict, key: str) -> None:
    """Every number of the page against the engine's own for the same band."""
    case = load_case(bundled.case_file("brain"))
    known, maps = known_spectra(case, key), residual(case, key)
    sieve = Sieve(found["lo"], min(found["hi"], HIGHEST), found["shape"], found["rest"])
    expected = read(known, sieve, query_energy(maps, RINGS))
    close(found["weights"], known.weights(sieve))
    close(found["scores"], expected.scores)
    for interval, name in ((expected.calibration, "calibration"), (expected.test, "test")):
        close(found[name], (interval.value, interval.low, interval.high))
    close(found["found"], expected.found)
    close([found["testFound"], found["testAccused"]], [expected.test_found, expected.test_accused])
    close(found["query"], expected.query)
    assert found["atLeast"] == expected.verdict.at_least
    close(found["picture"], sieve.apply(case.values[0].astype(np.float64)).ravel())
    close(found["residual"], sieve.apply(maps[0, 0].astype(np.float64)).ravel())


def test_the_browser_computes_what_the_engine_computes(watched):
    opened(watched)
    for preset in ("Coarse", "Middling", "Fine", "FreMIA", "FCRE", "Everything"):
        watched.locator(".lab-presets button", has_text=preset).click()
        found = settled(watched)
        same_as_the_engine(found, "pia")
    shoot(watched, "laboratory")
    watched.locator(".lab-presets button", has_text="FCRE").click()
    for shape in ("gaussian", "butterworth", "ideal"):
        watched.locator(".lab-shape").select_option(shape)
        found = settled(watched)
        assert found["shape"] == shape
        same_as_the_engine(found, "pia")


def test_no_verdict_where_the_method_guesses_or_points_the_wrong_way(watched):
    """PIA with everything does not tell the groups apart here, and with fine detail alone it points the wrong way."""
    opened(watched)
    heights, sentence = set(), watched.locator(".lab-sentence")
    case = load_case(bundled.case_file("brain"))
    known, query = known_spectra(case, "pia"), query_energy(residual(case, "pia"), RINGS)
    expect(watched.locator(".lab-makes")).to_have_text("What PIA makes of it")
    words = {"all": "cannot tell training pictures from others", "high": "points the wrong way"}
    for preset, _, lo, hi, rest, _ in presets(64):
        watched.locator(f"[data-preset={preset}]").click()
        settled(watched)
        reading = read(known, Sieve(lo, hi, "ideal", rest), query)
        guessing = reading.calibration.low <= 0.5
        assert guessing == (preset in words)
        zone = "" if guessing else reading.verdict.zone
        expect(watched.locator(".lab-verdict")).to_have_attribute("data-zone", zone)
        if guessing:
            expect(sentence).to_contain_text(words[preset])
            expect(sentence).to_contain_text("means nothing")
            expect(watched.locator(".lab-frequency")).to_contain_text(f"AUC {reading.calibration.value:.2f}")
        heights.add(watched.locator(".lab-verdict").bounding_box()["height"])
    assert len(heights) == 1  # what stands below does not jump


def test_what_passes_outside_stays_while_the_band_moves(watched):
    opened(watched)
    watched.locator("[data-preset=fremia]").click()
    watched.locator(".lab-handle[data-edge=hi]").focus()
    watched.keyboard.press("ArrowRight")
    found = settled(watched)
    assert (found["rest"], found["preset"]) == (0.2, "")
    same_as_the_engine(found, "pia")
    watched.locator(".lab-shape").select_option("gaussian")
    found = settled(watched)
    assert (found["rest"], found["shape"]) == (0.2, "gaussian")
    same_as_the_engine(found, "pia")
    expect(watched.locator(".lab-band")).to_contain_text("What lies outside counts 20 %.")


def test_the_papers_aucs_and_the_pictures_curve_are_the_engines(watched):
    opened(watched)
    papers, power = watched.evaluate(
        """() => { const {papers, radial} = document.querySelector('#laboratory .lab').parentElement.lab;
        return [papers, [...radial.power]]; }"""
    )
    case = load_case(bundled.case_file("brain"))
    known = known_spectra(case, "pia")
    bands = {preset: Sieve(lo, hi, "ideal", rest) for preset, _, lo, hi, rest, _ in presets(64)}
    for name in ("fremia", "fcre"):
        close(papers[name], read(known, bands[name]).calibration.value)
    np.testing.assert_allclose(power, ring_energy(case.values, RINGS), rtol=1e-5)


STROKES = """() => {
  const pen = CanvasRenderingContext2D.prototype, done = [], canvas = document.querySelector('.lab-scores');
  for (const name of ['stroke', 'clearRect', 'fillText']) {
    const usual = pen[name];
    pen[name] = function (...given) {
      if (this.canvas === canvas) done.push([name, typeof given[0] === 'string' ? given[0] : '']);
      return usual.apply(this, given);
    };
  }
  window.strokes = done;
}"""


def test_no_line_runs_through_the_names_of_the_groups(watched):
    """Each name is written after every line, on a place that was wiped clean."""
    opened(watched)
    watched.evaluate(STROKES)
    watched.locator("[data-preset=mid]").click()
    settled(watched)
    done = watched.evaluate("strokes")
    names = [i for i, (_, text) in enumerate(done) if text.startswith(("in training (", "never seen ("))]
    assert names
    assert all(done[i - 1][0] == "clearRect" for i in names)
    assert names[-2] > max(i for i, (name, _) in enumerate(done) if name == "stroke")


def test_every_scale_beside_a_picture_has_its_ends(watched):
    opened(watched)
    ends = watched.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.lab-scale')].map(bar =>
        [bar.dataset.scale, [bar.firstElementChild.textContent, bar.lastElementChild.textContent]]))"""
    )
    expected = {"grey": ["-1", "+1"], "error": ["-0.3", "+0.3"], "judged": ["-2", "+2"], "mask": ["0", "1"]}
    assert ends == {**expected, "spectrum": ["10⁻⁶", "10²"]}
    watched.locator("[data-preset=mid]").click()
    settled(watched)
    expect(watched.locator("[data-scale=grey]").first).to_have_text("-0.5 +0.5".replace(" ", ""))
    expect(watched.locator(".lab-contrast")).to_have_text("contrast doubled")


def test_another_method_keeps_the_band(watched):
    opened(watched)
    watched.locator(".lab-presets button", has_text="FCRE").click()
    for key in ("secmi", "noise_aggregation", "fcre variant=v2 ssim=False"):
        watched.locator(".lab-method").select_option(key)
        watched.wait_for_function(f"document.querySelector('#laboratory .lab').parentElement.lab.state.key === '{key}'")
        words = {"secmi": "AUC", "noise_aggregation": "the first is shown", "fcre variant=v2 ssim=False": "patches"}
        expect(watched.locator("#laboratory")).to_contain_text(words[key])
        found = settled(watched)
        assert (found["lo"], found["hi"]) == (0.15, 0.85)
        same_as_the_engine(found, key)


def test_the_engine_answers_when_the_hand_rests_and_the_sentence_is_its_verdict(watched):
    opened(watched)
    watched.locator(".lab-presets button", has_text="FCRE").click()
    unfold(watched, "Numbers of this band")
    expect(watched.locator("#laboratory-more")).to_contain_text("--filter band:lo=0.15,hi=0.85")
    found = settled(watched)
    expect(watched.locator("#laboratory-more")).to_contain_text(f"{found['calibration'][0]:.3f}")
    case = load_case(bundled.case_file("brain"))
    known = known_spectra(case, "pia")
    verdict = read(known, Sieve(0.15, 0.85), query_energy(residual(case, "pia"), RINGS)).verdict
    expect(watched.locator(".lab-frequency")).to_have_text(verdict.frequency)
    expect(watched.locator(".lab-verdict")).to_have_attribute("data-zone", verdict.zone)
    unfold(watched, "See some of those")
    expect(watched.locator("#laboratory-more img").first).to_be_visible()
    watched.locator(".lab-presets button", has_text="FreMIA").click()
    expect(watched.locator("#laboratory-more")).to_contain_text("--filter lowpass:r=5,s=0.2")
    expect(watched.locator("#laboratory-more [data-part=wrong]")).to_be_visible()  # what was opened stays open
    shoot(watched, "laboratory-figures")


def test_the_mouse_drags_an_edge_and_nobody_is_asked(watched):
    opened(watched)
    watched.wait_for_timeout(1500)
    asked: list[str] = []
    watched.on("request", lambda request: asked.append(request.url))
    handle = watched.locator(".lab-handle[data-edge=hi]")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = settled(watched)["calibration"][0]
    watched.mouse.move(x, y)
    watched.mouse.down()
    for step in range(1, 9):
        watched.mouse.move(x - 25 * step, y)
    found = settled(watched)
    # A hand that rests for 300 ms is answered by the server (one request and its stream); a slow machine may rest once.
    assert sum("queue/join" in url for url in asked) <= 1
    watched.mouse.up()
    assert found["hi"] < 1
    assert found["calibration"][0] != before
    same_as_the_engine(found, "pia")
    assert handle.get_attribute("aria-valuenow") == f"{100 * found['hi']:.0f}"


def test_the_keyboard_moves_both_edges_and_they_never_cross(watched):
    opened(watched)
    low, high = (watched.locator(f".lab-handle[data-edge={edge}]") for edge in ("lo", "hi"))
    low.focus()
    watched.keyboard.press("PageUp")
    watched.keyboard.press("ArrowRight")
    expect(low).to_have_attribute("aria-valuetext", "6 %")
    high.focus()
    watched.keyboard.press("Home")
    expect(high).to_have_attribute("aria-valuetext", "7 %")
    low.focus()
    watched.keyboard.press("End")
    expect(low).to_have_attribute("aria-valuetext", "6 %")
    high.focus()
    watched.keyboard.press("End")
    expect(high).to_have_attribute("aria-valuetext", "the finest")
    same_as_the_engine(settled(watched), "pia")


def test_a_press_on_the_map_takes_that_band(watched):
    opened(watched)
    watched.locator(".lab-map").scroll_into_view_if_needed()
    box = watched.locator(".lab-map").bounding_box()
    watched.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.75 * box["height"])
    found = settled(watched)
    assert 0.05 < found["lo"] < found["hi"] < 1
    watched.mouse.click(box["x"] + 0.15 * box["width"], box["y"] + 0.2 * box["height"])  # no band begins after its end
    assert settled(watched)["lo"] == found["lo"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_learned_filter_stands_beside_the_papers_and_nothing_is_unreachable(watched, url, theme):
    watched.goto(f"{url}?__theme={theme}")
    watched.wait_for_selector("#hero img")
    opened(watched)
    unfold(watched, "A filter learned")
    expect(watched.locator("#laboratory-more")).to_contain_text("AUC of")
    alt = watched.locator("#laboratory-more svg").last.get_attribute("aria-label")
    assert all(name in alt for name in ("learned", "everything", "FreMIA", "FCRE"))
    assert serious(watched) == []
    shoot(watched, f"laboratory-{theme}")


def test_a_finger_drags_on_a_phone_and_the_page_stays_as_wide(browser, playwright, url):
    context = browser.new_context(**playwright.devices["iPhone 13"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector("#hero img")
    opened(page)
    handle = page.locator(".lab-handle[data-edge=hi]")
    handle.scroll_into_view_if_needed()
    box, before = handle.bounding_box(), page.evaluate("scrollY")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = context.new_cdp_session(page)
    for kind, at in (("touchStart", x), ("touchMove", x - 40), ("touchMove", x - 80), ("touchMove", x - 120)):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert settled(page)["hi"] < 1.1
    assert page.evaluate("scrollY") == before
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    shoot(page, "phone-laboratory")
    context.close()
