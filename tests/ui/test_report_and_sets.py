"""The verdict's three layers, the report in one press and a set of pictures, in a real Chromium."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from mia_viz.report.verify import seals
from mia_viz.targets import bundled
from tests.ui.conftest import LOCAL, go, shoot, soon
from tests.ui.test_language import missing
from tests.ui.test_walk import serious

pytestmark = pytest.mark.ui

PARTS = ("methods-alone", "pictures-alike", "trusted", "what-changes", "appendix-part")


def saved(page: Page, press) -> bytes:
    """The bytes of what a press downloads."""
    with page.expect_download() as download:
        press()
    return Path(download.value.path()).read_bytes()


def stored() -> set[Path]:
    """Files with something in them in the app's private folder; gradio leaves empty ones behind after an upload."""
    return {f for f in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if f.is_file() and f.stat().st_size}


def report(page: Page) -> dict[str, bytes]:
    """Make the report and save its three files."""
    page.locator("#make-report").click()
    expect(page.locator("#report-links a")).to_have_count(3, timeout=120_000)
    links = page.locator("#report-links a").all()
    return {link.inner_text()[:4].strip(",").lower(): saved(page, link.click) for link in links}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_verdict_opens_layer_by_layer(watched, url, theme):
    watched.goto(f"{url}?__theme={theme}")
    go(watched, "Verdict", "#plot-combined .main-svg")
    expect(watched.locator("#answer h2")).to_contain_text("The model behaves as if")
    expect(watched.locator("#answer")).to_contain_text("never-trained pictures")
    expect(watched.locator("#ratio")).to_contain_text("times more probable if the image was in the training set")
    assert serious(watched) == []
    for part in PARTS:
        watched.locator(f"#{part} button").first.click()
    expect(watched.locator("#appendix")).to_contain_text("python -m mia_viz report IMAGE --target brain-a")
    expect(watched.locator("#alike img")).to_have_count(9)
    for name in ("combined", "methods", "calibration"):
        assert watched.locator(f"#plot-{name} .main-svg").first.bounding_box()["height"] > 100
    assert serious(watched) == []
    shoot(watched, f"layers-{theme}")


def test_the_report_is_handed_over_and_nothing_of_it_stays(watched, page, context):
    before = stored()
    go(watched, "Verdict", "#plot-combined .main-svg")
    files = report(watched)
    content = json.loads(files["json"])
    assert all(check.agrees for check in seals(content))
    assert content["answer"]["sentence"] == watched.locator("#answer h2").inner_text()
    assert len(PdfReader(io.BytesIO(files["pdf"])).pages) >= 3
    assert b"0112.png" not in b"".join(files.values())
    watched.get_by_label("Write the picture's file name").check()
    expect(watched.locator("#report-links a")).to_have_count(0)
    named = report(watched)
    assert json.loads(named["json"])["picture"]["name"] == "0112.png"
    assert stored() == before

    other, asked = context.new_page(), []
    other.on("request", lambda request: asked.append(request.url))
    other.set_content(files["html"].decode())
    expect(other.locator("h1")).to_contain_text("Was this picture in the training set")
    assert other.locator("img").first.evaluate("e => e.naturalWidth") > 100
    assert [address for address in asked if not address.startswith(LOCAL)] == []
    other.emulate_media(media="print")
    other.screenshot(path=Path("build/screenshots/report-print.png"), full_page=True)


def test_a_set_is_tested_and_cancelled(watched):
    known = bundled.population("brain")
    pictures = [str(known.path(i)) for i in known.indices("A", "test")]
    go(watched, "Many pictures", "#many-subject p")
    watched.locator("#many-ask").click()
    expect(watched.locator("#many-status .mv-error")).to_contain_text("at least 5")
    field = watched.locator("#suspects-files input[type=file]")
    field.wait_for(state="attached")
    before = stored()
    field.set_input_files([*pictures[:6], str(Path("README.md").resolve())])
    expect(watched.locator("#suspects-words")).to_contain_text("6 pictures taken. 1 could not be used")
    assert stored() == before
    assert serious(watched) == []
    watched.locator("#many-ask").click()
    expect(watched.locator("#many-answer h2")).to_contain_text("taken together", timeout=180_000)
    expect(watched.locator("#many-answer")).to_contain_text("With 6 pictures this test would find")
    expect(watched.locator("#many-table tbody tr")).to_have_count(6)
    expect(watched.locator("#many-table")).to_contain_text("A row is not a verdict")
    table = saved(watched, watched.locator("#many-table a").click).decode("utf-8-sig")
    assert table.count("\r\n") == 7
    assert serious(watched) == []
    shoot(watched, "many")
    field.set_input_files(pictures)
    expect(watched.locator("#suspects-words")).to_contain_text("48 pictures taken. 6 repeated")
    watched.locator("#many-ask").click()
    expect(watched.locator("#many-status")).to_contain_text("Asking the model")
    watched.locator("#many-stop").click()
    expect(watched.locator("#many-status")).to_contain_text("Stopped")
    expect(watched.locator("#many-answer h2")).to_have_count(0)
    expect(watched.locator("#many-ask")).to_be_enabled()


def test_a_german_page_hands_over_a_german_report(watched, context):
    watched.get_by_role("button", name="Deutsch", exact=True).click()
    go(watched, "Bewertung", "#plot-combined .main-svg")
    expect(watched.locator("#report-part")).to_contain_text("in der Sprache dieser Seite, auf Deutsch")
    watched.locator("#appendix-part button").first.click()
    expect(watched.locator("#appendix")).to_contain_text("Was gemessen wurde")
    expect(watched.locator("#appendix")).to_contain_text("IMAGE --target brain-a --no-twin --language de --out DIR")
    expect(watched.locator("#appendix")).to_contain_text("2.488.689 Gewichte")
    files = report(watched)
    expect(watched.locator("#report-links")).to_contain_text("Dieser Bericht ist auf Deutsch.")
    assert soon(lambda: missing(watched), []) == []
    assert serious(watched) == []
    shoot(watched, "german-report-part")
    content = json.loads(files["json"])
    assert content["language"] == "de"
    assert content["answer"]["sentence"] == "The model behaves as if it had been trained on this picture."
    assert PdfReader(io.BytesIO(files["pdf"])).trailer["/Root"]["/Lang"] == "de"
    other = context.new_page()
    for name, size in (("desktop", (1280, 900)), ("phone", (390, 844))):
        other.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
        other.set_content(files["html"].decode())
        expect(other.locator("h1")).to_have_text("War dieses Bild in den Trainingsdaten von MR-Hirnmodell A?")
        assert other.evaluate("document.documentElement.lang") == "de"
        assert other.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert serious(other) == []
        shoot(other, f"german-report-{name}")
    watched.get_by_role("button", name="English", exact=True).click()
    expect(watched.locator("#report-part")).to_contain_text("in the language of this page, English")
    expect(watched.locator("#report-links")).to_contain_text("This report is in German.")
