"""Every upload beside what the model sees of it: sizes, channels and ranges in plain words, and pictures that fit."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from mia_viz.case import load_case, save_case
from mia_viz.pictures.files import load_picture
from mia_viz.ui import choose, lab_data, pick, seen
from tests.ui.conftest import go, shoot
from tests.ui.test_walk import serious

RNG = np.random.default_rng(4)


def file(pixels: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def pictures(html: str) -> list[np.ndarray]:
    """The pictures in a piece of the page."""
    found = re.findall(r"base64,([^\"]+)", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]


def test_a_photograph_stands_beside_what_the_model_sees():
    photo = np.clip(RNG.integers(0, 256, (480, 640, 3)), 26, 230).astype(np.uint8)
    picked = pick.pick_upload(load_picture(file(photo), "holiday.png"), "fit", "brain-a")
    html = choose.chosen_tile(picked)
    assert "holiday.png: 640 x 480 pixels, colour, 8-bit values. Brightness from 10 % to 90 %; 0 % is black" in html
    assert "64 x 64 pixels, grey. Brightness from 0 %" in html
    for note in picked.prepared.notes:
        assert note in html
    assert "Shrinking weakened the finest detail in use to 64 %" in html
    given, shown = pictures(html)
    # Area means of whole pixels, two by two, as numpy takes them.
    np.testing.assert_allclose(given, photo.reshape(240, 2, 320, 2, 3).mean((1, 3)), atol=0.51)
    np.testing.assert_allclose(shown, (picked.prepared.values[0] + 1) * 127.5, atol=0.51)


def test_a_jpeg_of_the_models_size_is_said_to_be_taken_as_it_is():
    grey = file(np.tile(np.arange(0, 256, 4, np.uint8), (64, 1)), "JPEG")
    html = choose.chosen_tile(pick.pick_upload(load_picture(grey, "mine.jpg"), "exact", "brain-a"))
    assert "64 x 64 pixels, grey, 8-bit values." in html
    assert "Taken as it is, pixel for pixel." in html
    np.testing.assert_array_equal(*pictures(html))


def test_transparent_parts_are_shown_as_such_and_huge_pictures_made_small():
    pixels = np.zeros((300, 4000, 4), np.uint8)
    pixels[:, :2000] = (255, 0, 0, 255)
    what = seen.given(load_picture(file(pixels)))
    assert max(what.shown.shape[:2]) <= seen.LONGEST
    assert (what.shown[:, 10] == (255, 0, 0)).all()
    assert set(np.unique(what.shown[:, -10:])) == {seen.DARK, seen.LIGHT}
    assert (what.size, what.colour, what.low, what.high) == ((4000, 300), True, 0, 1)


def test_known_and_drawn_pictures_are_not_uploads():
    assert pick.pick_bundled("brain", 3).given is None
    white = "data:image/png;base64," + base64.b64encode(file(np.full((80, 80), 255, np.uint8))).decode()
    assert pick.pick_drawing(white, "digits-a").given is None


def test_a_case_knows_how_much_its_picture_was_enlarged(tmp_path):
    tiny = load_picture(file(RNG.integers(0, 256, (16, 16), np.uint8)), "tiny.png")
    for how, size, expected in (("fit", (64, 64), 4.0), ("crop", (64, 64), 4.0)):
        case = pick.blank_case(pick.pick_upload(tiny, how, "brain-a"), "brain-a")
        assert (case.stretch, lab_data.stretch(case, size)) == (expected, expected)
    assert lab_data.stretch(case, (8, 8)) == 1  # on a compressed picture fineness is another thing
    save_case(case, tmp_path / "case.npz")
    assert load_case(tmp_path / "case.npz").stretch == 4
    large = load_picture(file(RNG.integers(0, 256, (200, 200), np.uint8)), "large.png")
    case = pick.blank_case(pick.pick_upload(large, "fit", "brain-a"), "brain-a")
    assert lab_data.stretch(case, (64, 64)) == 1
    assert lab_data.stretch(pick.blank_case(pick.pick_bundled("brain", 3), "brain-a"), (64, 64)) == 1


@pytest.mark.ui
def test_a_visitor_sees_the_upload_and_hears_where_enlarging_left_a_band_empty(watched):
    watched.get_by_text("Use a picture of your own").click()
    watched.get_by_label("fit: all of it").check()
    field = watched.locator("#upload input[type=file]")
    field.wait_for(state="attached")
    tiny = file(RNG.integers(0, 256, (16, 16), np.uint8))
    field.set_input_files({"name": "tiny.png", "mimeType": "image/png", "buffer": tiny})
    chosen = watched.locator("#chosen")
    expect(chosen).to_contain_text("16 x 16 pixels, grey, 8-bit values.")
    expect(chosen).to_contain_text("What the model sees")
    expect(chosen.locator("img")).to_have_count(2)
    left, right = (chosen.locator("figure").nth(k).bounding_box() for k in (0, 1))
    assert right["x"] >= left["x"] + left["width"]
    watched.set_viewport_size({"width": 390, "height": 844})
    left, right = (chosen.locator("figure").nth(k).bounding_box() for k in (0, 1))
    assert right["y"] >= left["y"] + left["height"]
    shoot(watched, "phone-upload")
    watched.set_viewport_size({"width": 1280, "height": 900})
    assert serious(watched) == []
    watched.locator("#analyse").click()
    expect(watched.locator("#status")).to_contain_text("Done in", timeout=240_000)
    go(watched, "Frequency", "#laboratory .lab-curve >> visible=true")
    said = watched.locator(".lab-enlarged")
    expect(said).to_contain_text("This picture was enlarged 4 times and has hardly any true detail finer than 25 %")
    expect(said).to_contain_text("nearly empty above that")
    watched.locator("[data-preset=low]").click()
    expect(said).to_be_hidden()
    watched.locator("[data-preset=high]").click()
    expect(said).to_contain_text("the band chosen is nearly empty: what it shows comes from the enlarging")
    handle = watched.locator(".lab-handle[data-edge=lo]")
    handle.focus()
    for _ in range(4):  # from 40 % to 20 %
        watched.keyboard.press("PageDown")
    expect(said).to_contain_text("nearly empty above that")
    shoot(watched, "frequency-enlarged")
