"""A model of one's own from its folder to a verdict, in words and in a real Chromium."""

from __future__ import annotations

import re
import shutil
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mia_viz.health import check_health
from mia_viz.own_models import SHELF
from mia_viz.own_reference import Looked, Named
from mia_viz.targets import bundled
from mia_viz.ui import own_model, own_model_opening
from mia_viz.ui import own_model_words as words
from tests.commands.conftest import write_model, write_pictures
from tests.ui.conftest import PHONE_THEMES, go, shoot
from tests.ui.test_scan import stack
from tests.ui.test_walk import serious


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A tiny untrained model that is open."""
    yield SHELF.open(str(write_model(tmp_path_factory.mktemp("own") / "<b>tiny", seed=0)))
    SHELF.close()


def test_the_card_says_what_it_is_and_what_it_costs_and_escapes_names(own):
    html = words.card(own)
    assert "<b>tiny" not in html
    assert "&lt;b&gt;tiny: a diffusion model of grey pictures of 16 x 16 pixels" in html
    assert "Pictures were scaled to the range -1 to 1 in training." in html
    assert "Those that cannot" in html


def test_the_check_is_heard_level_by_level(own):
    heard = []
    found = check_health(SHELF.target(own.name), tell=heard.append)
    assert [len(news.levels) for news in heard] == [*range(1, 9), 8]
    assert np.isnan(heard[0].clean_rms)
    assert heard[-1].clean_rms == found.clean_rms
    assert "root mean square at level 0" not in words.health_words(heard[0], False, True)
    assert "root mean square at level 0" in words.health_words(found, True, True)
    assert found.problems
    assert found.problems[0] in words.health_words(found, True, True)
    lines = {trace.name: trace for trace in words.health_chart(heard[3], 1000).data}
    assert len(lines["this model"].y) == 4
    assert list(lines["best plain filter"].y) == [level.expected for level in found.levels[:4]]


def test_costs_and_progress_are_said_in_plain_numbers():
    assert "26 pictures with 40 questions each: 1,040 questions." in words.cost(26, 40, None)
    assert "At the 10 a second measured above that takes about 2 minutes." in words.cost(26, 40, 10.0)
    assert "Building the reference: 25 %, 50 questions a second, about 30 s left." in words.building(0.25, 500, 10)
    assert [words.duration(s) for s in (0.2, 40, 720, 12_600)] == ["1 s", "40 s", "12 minutes", "3.5 hours"]


def test_without_members_the_page_says_that_there_is_no_ratio():
    html = words.looked(Looked(Named(), 0, 14, None))
    assert "there is a p-value but no likelihood ratio" in html


def test_a_wrong_name_costs_nothing_and_a_broken_model_costs_the_one_before(own, tmp_path):
    (tmp_path / "broken" / "unet").mkdir(parents=True)
    with gr.Blocks():
        page = own_model.build()
        walk = SimpleNamespace(choose=SimpleNamespace(family=gr.Radio([])))
    changed = []
    for name in ("none", "broken"):
        news = own_model_opening.opened(page, walk, str(tmp_path / name), "", "auto")
        changed.append({component: value for part in news for component, value in part.items()})
    assert all("mv-error" in part[page.status] for part in changed)
    assert page.held not in changed[0]
    assert changed[1][page.held] == ""
    with pytest.raises(ValueError, match="no longer open"):
        SHELF.target(own.name)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A copy of a bundled model that does not know it is one, and folders of its members and of hold-outs."""
    root = tmp_path_factory.mktemp("place")
    shutil.copytree(bundled.ASSETS / "targets" / "digits-a", root / "my-digits")
    (root / "my-digits" / "manifest.json").unlink()
    known = bundled.population("digits")
    for name, group in (("trained", "A"), ("unseen", "C")):
        (root / name).mkdir()
        for i in known.indices(group, "calibration")[:14]:
            shutil.copy(known.path(i), root / name)
    shutil.copy(known.path(known.indices("A", "shown")[0]), root / "question.png")
    write_pictures(root / "small", 2)
    return root


def fill(page: Page, name: str, text: object) -> None:
    page.locator(f"#own-{name} :is(textarea, input)").first.fill(str(text))


@pytest.mark.ui
def test_a_model_of_ones_own_is_opened_checked_judged_and_walked_through(watched, place):
    page = watched
    go(page, "Your model", "#own-open")
    fill(page, "where", place / "none")
    page.locator("#own-open").click()
    expect(page.locator("#own-status .mv-error")).to_contain_text("There is no file or folder of that name")
    fill(page, "where", place / "my-digits")
    page.locator("#own-open").click()
    expect(page.locator("#own-status")).to_contain_text("Opened and checked", timeout=180_000)
    expect(page.locator("#own-card")).to_contain_text("my-digits: a diffusion model of grey pictures")
    expect(page.locator("#own-health")).to_contain_text("The model removes noise as a trained one should.")
    expect(page.locator("#own-sample img")).to_have_count(1)
    assert page.locator("#own-chart .main-svg").first.bounding_box()["height"] > 100
    fill(page, "members", place / "trained")
    page.locator("#own-look").click()
    expect(page.locator("#own-found .mv-error")).to_contain_text("that the model never saw")
    fill(page, "holdouts", place / "small")
    page.locator("#own-look").click()
    expect(page.locator("#own-found .mv-error")).to_contain_text("16 x 16")
    fill(page, "holdouts", place / "unseen")
    page.locator("#own-look").click()
    expect(page.locator("#own-found")).to_contain_text("14 pictures it was trained on and 14 that it never saw")
    expect(page.locator("#own-cost")).to_contain_text("questions")
    page.locator("#own-check button, button#own-check").first.click()
    expect(page.locator("#own-health")).to_contain_text("14 of your pictures that it never saw", timeout=60_000)
    expect(page.locator("#own-status")).to_contain_text("Checked in", timeout=180_000)
    expect(page.locator("#own-health")).to_contain_text("The model removes noise as a trained one should.")
    assert serious(page) == []
    for box in page.locator("#own-methods label").all():  # keep it short
        if re.match(r"Degrade|FCRE", box.inner_text().strip()):
            box.locator("input").uncheck()
    page.locator("#own-build").click()
    expect(page.locator("#own-result")).to_contain_text("a reference of 14 pictures it was trained on", timeout=180_000)
    with page.expect_download() as download:
        page.locator("#own-result a").click()
    assert download.value.suggested_filename == "mia-viz-reference.safetensors"
    shoot(page, "own-model")
    page.locator("#own-ask input[type=file]").set_input_files(str(place / "question.png"))
    expect(page.locator("#subject")).to_contain_text("my-digits has not been asked about")
    expect(page.locator("#chosen")).to_contain_text("question.png: 32 x 32 pixels, grey, 8-bit values.")
    page.locator("#analyse").click()
    expect(page.locator("#status")).to_contain_text("Done in", timeout=180_000)
    linked = page.evaluate("document.querySelector('#links').mvState")  # names neither the model nor the picture
    assert {linked["target"], linked["picture"], linked["about"]["target"], linked["about"]["picture"]} == {None}
    go(page, "Verdict", "#plot-combined .main-svg")
    expect(page.locator("#answer")).to_contain_text("of the 14 never-trained pictures", timeout=60_000)
    shoot(page, "own-verdict")
    a_slice_of_a_scan_can_be_chosen(page)


def a_slice_of_a_scan_can_be_chosen(page: Page) -> None:
    """A scan given here is turned over in the walk's first step."""
    go(page, "Your model", "#own-ask")
    page.locator("#own-ask-how input").nth(2).check()
    scan = {"name": "scan.dcm", "mimeType": "application/dicom", "buffer": stack()}
    page.locator("#own-ask input[type=file]").set_input_files(scan)
    expect(page.locator("#chosen")).to_contain_text("Slice 2 of 0 to 4 was read.")
    expect(page.locator("#how input").nth(2)).to_be_checked()
    page.locator(".scan-slice").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#scan-preview")).to_contain_text("Slice 3 of 0 to 4")
    shoot(page, "own-scan")
    page.locator("#use-slice").click()
    expect(page.locator("#chosen")).to_contain_text("Slice 3 of 0 to 4 was read.")


@pytest.mark.ui
@pytest.mark.parametrize("theme", PHONE_THEMES)
def test_the_page_fits_a_phone(browser, playwright, url, place, theme):
    context = browser.new_context(**playwright.devices["iPhone 13"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={theme}")
    page.wait_for_selector("#hero img")
    go(page, "Your model", "#own-open")
    fill(page, "where", place / "my-digits")
    page.locator("#own-open").click()
    expect(page.locator("#own-status")).to_contain_text("Opened and checked", timeout=180_000)
    expect(page.locator("#own-chart .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert serious(page) == []
    shoot(page, f"phone-own-{theme}")
    context.close()
