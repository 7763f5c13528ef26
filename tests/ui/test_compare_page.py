"""The page "Compare" in a real Chromium: filled when it opens, scrubbed, revealed, and asked about what is new."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from mia_viz import engine
from mia_viz.probe import Progress
from mia_viz.targets import bundled
from mia_viz.ui.compare_cases import examples
from mia_viz.ui.pick import gallery_indices, pick_bundled
from tests.ui.conftest import copied, go, shoot

pytestmark = pytest.mark.ui


def serious(page: Page) -> list[str]:
    """Accessibility violations of weight on this page, by axe."""
    found = Axe().run(page, context="#compare-tabs").response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found if v["impact"] in ("serious", "critical")]


def turn_to_ages(page: Page) -> None:
    page.get_by_role("tab", name="As training goes on").click()
    page.wait_for_selector("#ages-charts svg >> visible=true")


def in_both_themes(page: Page, name: str) -> list[str]:
    """Violations by day and by night, and what the page looks like."""
    found = []
    for theme in ("light", "dark"):
        page.evaluate("theme => document.body.classList.toggle('dark', theme === 'dark')", theme)
        page.wait_for_timeout(700)  # colours fade over
        found += serious(page)
        shoot(page, f"{name}-{theme}")
    page.evaluate("document.body.classList.remove('dark')")
    return found


def test_it_opens_filled_and_every_control_moves_both_columns(watched):
    go(watched, "Compare", "#compare-scores svg")
    expect(watched.locator("#compare-heads h2")).to_have_count(2)
    expect(watched.locator("#compare-asking")).to_be_hidden()
    watched.get_by_text("Choose other pictures or models").click()
    expect(watched.locator("#compare-pick-left [aria-pressed=true]")).to_be_visible()
    watched.get_by_text("Each method on its own").last.click()
    assert in_both_themes(watched, "compare") == []
    watched.get_by_role("button", name="its twin B").click()
    heads = watched.locator("#compare-heads .cmp-who")
    expect(heads).to_contain_text(["asked of Brain MR model A", "asked of Brain MR model B"])
    watched.locator("#compare-level input[type=range]").focus()
    watched.keyboard.press("ArrowRight")
    expect(watched.locator("#compare-noises .cmp-now")).to_contain_text(["Level 70 (chosen)"] * 2)
    before = watched.locator("#compare-errors").inner_text()
    watched.locator("#compare-band").get_by_label("Fine").check()
    expect(watched.locator("#compare-errors")).not_to_have_text(before)
    watched.locator("#compare-task").get_by_label("3: busiest blocks hidden").check()
    expect(watched.locator("#compare-restored img[alt*='busiest blocks hidden']")).to_have_count(2)
    watched.locator("#compare-reveal").click()
    expect(watched.locator("#compare-heads .cmp-badge")).to_contain_text(["trained on", "never seen by this model"])
    expect(watched.locator("#compare-noises .cmp-now")).to_contain_text(["Level 70 (chosen)"] * 2)
    shoot(watched, "compare-twins")


def test_an_age_moves_every_panel(watched):
    go(watched, "Compare", "#compare-scores svg")
    turn_to_ages(watched)
    expect(watched.locator("#ages-film .cmp-now")).to_contain_text(["700 passes"] * 2)
    assert in_both_themes(watched, "ages") == []
    watched.locator("#ages-age").get_by_label("after 200 passes").check()
    expect(watched.locator("#ages-film .cmp-now")).to_contain_text(["200 passes"] * 2)
    expect(watched.locator("#ages-restored .cmp-who").first).to_contain_text("after 200 passes")
    before = watched.locator("#ages-charts svg").first.get_attribute("aria-label")
    watched.locator("#ages-method").get_by_label("Denoising loss").check()
    expect(watched.locator("#ages-charts svg").first).not_to_have_attribute("aria-label", before)
    shoot(watched, "ages-200")


def test_both_models_are_asked_about_what_is_new(watched):
    """The smallest family: what the page then says is what the engine says when called directly."""
    watched.locator("#family").get_by_label("handwritten digits").check()
    expect(watched.locator("#subject")).to_contain_text("Digit model A")
    go(watched, "Compare", "#compare-scores svg")
    new = [i for i in gallery_indices("digits") if i not in examples("digits")][:2]
    watched.get_by_text("Choose other pictures or models").click()
    for side, index in zip(("left", "right"), new, strict=True):
        watched.locator(f"#compare-pick-{side} [data-pick='digits:{index}']").click()
        expect(watched.locator("#compare-heads")).to_contain_text(f"digit {index:04d}")
    watched.get_by_role("button", name="Ask both models").click()
    expect(watched.locator("#compare-status")).to_contain_text("Done in", timeout=180_000)
    expect(watched.locator("#compare-heads h2")).to_have_count(2)
    expect(watched.locator("#compare-asking")).to_be_hidden()
    notes = watched.locator("#compare-restored .mv-note").all_inner_texts()
    for column, index in enumerate(new):
        picked = pick_bundled("digits", index)
        case = engine.examine_named("digits-a", picked.prepared, picked.name, None, Progress(), lambda found: None, "")
        assert notes[2 * column] == f"likeness {case.restoration.likeness[0]:.2f}"
        difference = (case.restoration.restored[0] - case.values) * case.restoration.hidden[0]
        size = np.sqrt((difference**2).mean(axis=0).sum() / max(1, case.restoration.hidden[0].sum()))
        assert notes[2 * column + 1] == f"size {size:.2f}"
    shoot(watched, "compare-asked")
    go(watched, "Choose", "#gallery")
    go(watched, "Compare", "#compare-scores svg")
    expect(watched.locator("#compare-heads")).to_contain_text(f"digit {new[1]:04d}")
    expect(watched.locator("#compare-asking")).to_be_hidden()


def test_asking_can_be_stopped(watched):
    go(watched, "Compare", "#compare-scores svg")
    new = next(i for i in gallery_indices("brain") if i not in examples("brain"))
    watched.get_by_text("Choose other pictures or models").click()
    watched.locator(f"#compare-pick-right [data-pick='brain:{new}']").click()
    expect(watched.locator("#compare-heads")).to_contain_text("has not been asked")
    watched.locator("#compare-ask").click()
    expect(watched.locator("#compare-status")).to_contain_text(re.compile(r"Asking the model: [1-9]"))
    watched.locator("#compare-cancel").click()
    expect(watched.locator("#compare-status")).to_contain_text("Stopped")
    expect(watched.locator("#compare-ask")).to_be_enabled()
    expect(watched.locator("#compare-heads")).to_contain_text("has not been asked")
    watched.wait_for_timeout(700)
    expect(watched.locator("#compare-status")).to_contain_text("Stopped")


def test_two_families_stand_side_by_side_and_a_link_opens_them(watched, arrived):
    go(watched, "Compare", "#compare-scores svg")
    watched.get_by_text("Choose other pictures or models").click()
    choose(watched, "right", "Emoji model A")
    expect(watched.locator("#compare-heads .cmp-who").last).to_contain_text("emoji")
    expect(watched.locator("#compare-heads h2")).to_have_count(2)
    expect(watched.locator("#compare-asking")).to_be_hidden()
    expect(watched.locator("#compare-errors svg")).to_have_count(4)
    expect(watched.locator("#compare-pick-right [aria-pressed=true]")).to_be_visible()
    assert in_both_themes(watched, "compare-families") == []
    link, heads = copied(watched), watched.locator("#compare-heads").inner_text()
    page = arrived(link)
    expect(page.locator("#compare-heads")).to_have_text(heads, use_inner_text=True, timeout=60_000)


def test_a_model_of_ones_own_is_asked_beside_a_bundled_one_and_goes(watched, my_digits):
    open_own(watched, my_digits)
    go(watched, "Compare", "#compare-scores svg")
    watched.get_by_role("button", name="asked of your model and of one").click()
    expect(watched.locator("#compare-heads .cmp-who")).to_contain_text(["of my-digits", "of Digit model A"])
    expect(watched.locator("#compare-heads")).to_contain_text("has not been asked")
    watched.locator("#compare-ask").click()
    expect(watched.locator("#compare-status")).to_contain_text("Done in", timeout=180_000)
    expect(watched.locator("#compare-heads h2")).to_contain_text(["There is evidence, but no verdict", ""])
    expect(watched.locator("#compare-asking")).to_be_hidden()
    watched.locator("#compare-reveal").click()
    expect(watched.locator("#compare-heads .cmp-badge")).to_contain_text(["nobody here knows", "trained on"])
    watched.get_by_text("Choose other pictures or models").click()
    expect(watched.locator("#compare-note-left")).to_contain_text("only about those of its own size")
    for part in watched.get_by_text("Each method on its own").all():
        part.click()
    assert in_both_themes(watched, "compare-own") == []
    watched.set_viewport_size({"width": 390, "height": 844})
    watched.wait_for_timeout(500)
    assert watched.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    shoot(watched, "phone-compare-own")
    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])
    assert "own" not in copied(watched)
    expect(watched.locator(".lk-said")).to_contain_text("Your own model is never part of a link")


def choose(page: Page, side: str, model: str) -> None:
    """Turn a column to another model."""
    page.locator(f"#compare-model-{side} input").click()
    page.get_by_role("option", name=model, exact=True).click()


def open_own(page: Page, folder: Path) -> None:
    """Open a model of one's own and wait until it was checked."""
    go(page, "Your model", "#own-open")
    page.locator("#own-where :is(textarea, input)").first.fill(str(folder))
    page.locator("#own-open").click()
    expect(page.locator("#own-status")).to_contain_text("Opened and checked", timeout=180_000)


@pytest.fixture(scope="module")
def my_digits(tmp_path_factory):
    """A copy of a bundled model that does not know it is one."""
    folder = tmp_path_factory.mktemp("place") / "my-digits"
    shutil.copytree(bundled.ASSETS / "targets" / "digits-a", folder)
    (folder / "manifest.json").unlink()
    return folder


def test_nothing_is_wider_than_a_phone(browser, playwright, url):
    context = browser.new_context(**playwright.devices["iPhone 13"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector("#hero img")
    go(page, "Compare", "#compare-scores svg")
    page.get_by_text("Choose other pictures or models").click()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    shoot(page, "phone-compare")
    turn_to_ages(page)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    shoot(page, "phone-ages")
    context.close()
