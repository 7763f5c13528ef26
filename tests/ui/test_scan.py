"""Scans in the app: the browser's window is the engine's, and what is used is what was looked at."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from mia_viz.pictures import uploads
from mia_viz.pictures.files import open_volume
from mia_viz.pictures.picture import PictureError, View
from mia_viz.pictures.volume import Window
from mia_viz.ui import scan
from tests.pictures.scans import dicom
from tests.pictures.test_nifti_and_numpy import nifti
from tests.ui.conftest import shoot
from tests.ui.test_walk import serious


def stack(side: int = 96, count: int = 5) -> bytes:
    """A CT of discs that grow from slice to slice, from -1000 to about 1000 Hounsfield units, with its own window."""
    y, x = np.mgrid[:side, :side] - side / 2
    radius = np.hypot(x, y)
    slices = [np.where(radius < 12 + 6 * k, 40 + 3 * radius + 200 * (radius < 5), -1000) for k in range(count)]
    stored = np.rint(np.array(slices) + 1024).astype(np.uint16)
    tags = {"RescaleIntercept": -1024, "RescaleSlope": 1, "RescaleType": "HU", "WindowCenter": 60, "WindowWidth": 300}
    return dicom(stored, **tags)


def test_a_slice_travels_in_the_files_own_values():
    volume = open_volume(stack())
    sent = json.loads(scan.payload(volume, View(slice=1)))
    values = volume.plane(0, 1).values
    assert (sent["index"], sent["count"], sent["size"], sent["unit"]) == (1, 5, [96, 96], " HU")
    steps = np.frombuffer(scan.base64.b64decode(sent["values"]), "<u2").reshape(96, 96)
    restored = sent["low"] + steps / 65535 * (sent["high"] - sent["low"])
    np.testing.assert_allclose(restored, values, atol=(sent["high"] - sent["low"]) / 65535)
    assert sent["start"] == {"level": 60, "width": 300, "function": "LINEAR"}
    assert [w["name"] for w in sent["windows"]] == ["file", "brain", "soft tissue", "lung", "bone"]


def test_all_windows_of_a_file_are_offered_and_which_function_a_dragged_one_has():
    volume = open_volume(dicom(np.arange(64, dtype=np.uint16).reshape(8, 8), WindowCenter=[9, 40], WindowWidth=[8, 20]))
    sent = json.loads(scan.payload(volume, View()))
    assert [(w["name"], w["label"], w["level"]) for w in sent["windows"][:2]] == [
        ("file", "from the file", 9),
        ("file 2", "from the file, 2", 40),
    ]
    assert scan.asked_view(volume, {"index": 0, "axis": "slice", "window": "file 2"}).window == "file 2"
    assert sent["chosen"] == "LINEAR"
    small = open_volume(nifti(np.linspace(0, 1, 64, dtype=np.float32).reshape(4, 4, 4)))
    assert json.loads(scan.payload(small, View()))["chosen"] == "LINEAR_EXACT"


def test_large_slices_are_thinned_for_the_eye_only():
    volume = open_volume(dicom(np.arange(2000 * 900, dtype=np.uint32).reshape(2000, 900).astype(np.uint16)))
    sent = json.loads(scan.payload(volume, View()))
    assert max(sent["size"]) <= scan.LONGEST
    assert volume.picture().pixels.shape[:2] == (2000, 900)


@pytest.mark.parametrize(
    "data", [{}, {"index": "x", "axis": "slice"}, {"index": 1, "axis": "slice", "window": "40;80"}, {"index": None}]
)
def test_a_view_that_makes_no_sense_is_refused(data):
    with pytest.raises(PictureError):
        scan.asked_view(open_volume(stack()), data)


def test_the_preview_says_what_was_uploaded_and_what_the_model_sees():
    volume = open_volume(stack())
    html = scan.preview(volume, View(slice=2, window="brain"), "fit", "brain-a")
    assert "96 x 96 pixels, grey, 16-bit values." in html
    assert "64 x 64 pixels, grey." in html
    assert "Shrinking weakened the finest detail in use" in html
    assert "brain window" in html
    assert "mv-error" in scan.preview(volume, View(), "exact", "brain-a")
    with pytest.raises(PictureError, match="open its file again"):
        scan.take(None, View())


CANVAS = """() => {
  const c = document.querySelector('.scan-slice'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  return Array.from(d).filter((_, i) => i % 4 === 0);
}"""


def canvas(page: Page) -> np.ndarray:
    """Brightness of the slice on the screen, (H, W), 0 to 255."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return np.array(page.evaluate(CANVAS)).reshape(96, 96)


def opened(page: Page) -> None:
    page.get_by_text("Use a picture of your own").click()
    page.get_by_label("fit: all of it").check()
    field = page.locator("#upload input[type=file]")
    field.wait_for(state="attached")
    field.set_input_files({"name": "scan.dcm", "mimeType": "application/dicom", "buffer": stack()})
    expect(page.locator(".scan-words")).to_contain_text("Slice 2 of 0 to 4")


@pytest.mark.ui
def test_a_clinician_turns_slices_sets_the_window_and_asks(watched):
    opened(watched)
    volume = open_volume(stack())
    shown = Window("file", 60, 300).apply(volume.plane(0, 2).values) * 255
    np.testing.assert_allclose(canvas(watched), shown, atol=2)
    slice_ = watched.locator(".scan-slice")
    slice_.scroll_into_view_if_needed()
    slice_.focus()
    watched.keyboard.press("ArrowUp")
    expect(watched.locator(".scan-words")).to_contain_text("Slice 3 of 0 to 4")
    slice_.hover()
    watched.mouse.wheel(0, 100)
    expect(watched.locator(".scan-words")).to_contain_text("Slice 4 of 0 to 4")
    watched.locator(".scan-presets button", has_text="brain").click()
    brain = Window("brain", 40, 80).apply(volume.plane(0, 4).values) * 255
    np.testing.assert_allclose(canvas(watched), brain, atol=4)  # 16-bit steps under a narrow window
    box = slice_.bounding_box()
    watched.mouse.move(box["x"] + 100, box["y"] + 100)
    watched.mouse.down()
    watched.mouse.move(box["x"] + 160, box["y"] + 120, steps=4)
    watched.mouse.up()
    words = watched.locator(".scan-words").inner_text()
    assert "Black up to" in words
    expect(watched.locator("#scan-preview")).to_contain_text("window that was chosen")
    expect(watched.locator("#scan-preview")).to_contain_text("Slice 4 of 0 to 4")
    watched.locator(".scan-presets button", has_text="soft tissue").click()
    expect(watched.locator("#scan-preview")).to_contain_text("soft tissue window")
    assert serious(watched) == []
    shoot(watched, "scan")
    watched.locator("#use-slice").click()
    expect(watched.locator("#chosen")).to_contain_text("soft tissue window")
    from mia_viz.pictures.prepare import prepare

    expected = prepare(volume.picture(View(4, None, "soft tissue")), (64, 64), 1, "fit").values[0]
    source = watched.locator("#chosen img").last.get_attribute("src").split(",", 1)[1]
    seen = np.asarray(Image.open(io.BytesIO(scan.base64.b64decode(source))).convert("L"), dtype=float)
    np.testing.assert_allclose(seen, (expected + 1) * 127.5, atol=1)


@pytest.mark.ui
def test_small_values_keep_their_greys_when_dragged_and_an_ordinary_picture_hides_the_viewer(watched):
    before = {id(volume) for volume in uploads._opened()}

    def mine() -> list[str]:
        """Scans of this visit that are still open."""
        return [volume.name for volume in uploads._opened() if id(volume) not in before]

    opened(watched)
    expect(watched.locator("#scan")).to_be_visible()
    assert mine() == ["scan.dcm"]
    y, x = np.mgrid[:96, :96] / 95
    unit = nifti(np.repeat((x * y)[..., np.newaxis], 3, axis=2).astype(np.float32))
    watched.locator("#upload input[type=file]").set_input_files(
        {"name": "unit.nii", "mimeType": "application/octet-stream", "buffer": unit}
    )
    expect(watched.locator(".scan-words")).to_contain_text("Slice 1 of 0 to 2")
    watched.locator(".scan-slice").focus()
    for _ in range(10):  # the contrast, by a fifth of the range
        watched.keyboard.press("ArrowLeft")
    values = open_volume(unit).plane(2, 1).values
    start = json.loads(scan.payload(open_volume(unit), View()))["start"]
    width = start["width"] - (values.max() - values.min()) / 5
    shown = np.clip((values - start["level"]) / width + 0.5, 0, 1) * 255
    assert len(np.unique(shown.round())) > 100
    np.testing.assert_allclose(canvas(watched), shown, atol=2)
    expect(watched.locator("#scan-preview")).to_contain_text("window that was chosen")
    source = watched.locator("#scan-preview img").first.get_attribute("src").split(",", 1)[1]
    seen = np.asarray(Image.open(io.BytesIO(scan.base64.b64decode(source))), dtype=float)
    np.testing.assert_allclose(seen, shown, atol=2)
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 90).save(buffer, "PNG")
    watched.locator("#upload input[type=file]").set_input_files(
        {"name": "plain.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    expect(watched.locator("#chosen")).to_contain_text("plain.png")
    expect(watched.locator("#scan")).to_be_hidden()
    deadline = time.monotonic() + 20
    while mine() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not mine(), "a scan that nobody looks at any more is let go, and its process with it"
