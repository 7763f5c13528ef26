"""Drawn digits: real MNIST digits, enlarged onto a pad, come back as they were; empty ones get a sentence."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mia_viz.pictures import drawing
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.prepare import prepare
from mia_viz.targets.bundled import population

SOME = range(0, 512, 8)


def digit(index: int) -> np.ndarray:
    """A bundled digit, (32, 32) in [0, 1]."""
    known = population("digits")
    return np.asarray(Image.open(known.path(index)), dtype=np.float32) / 255


def uri(ink: np.ndarray, mode: str = "RGBA") -> str:
    """A pad that holds `ink` (H, W) in [0, 1], as a browser hands it over."""
    buffer = io.BytesIO()
    Image.fromarray(np.rint(ink * 255).astype(np.uint8)).convert(mode).save(buffer, "PNG")
    return drawing.PREFIX + base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("index", SOME)
def test_a_real_digit_drawn_ten_times_as_large_anywhere_on_the_pad_comes_back(index):
    """Its makers scaled and centred it already, so scaling and centring it again changes nothing."""
    real = digit(index)
    large = np.kron(real[2:30, 2:30], np.ones((10, 10), dtype=np.float32))
    rows, columns = (np.nonzero(large.any(axis=axis))[0] for axis in (1, 0))
    pad = np.zeros((320, 320), dtype=np.float32)
    cut = large[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    pad[320 - cut.shape[0] :, : cut.shape[1]] = cut
    np.testing.assert_array_equal(drawing.as_mnist(pad), real)


@pytest.mark.parametrize("shape", [(200, 30), (30, 200), (90, 90), (320, 320)])
def test_the_longer_side_is_20_and_the_ink_is_centred_on_pixel_14(shape):
    pad = np.zeros((320, 320), dtype=np.float32)
    pad[: shape[0], : shape[1]] = np.random.default_rng(0).random(shape) > 0.5
    pad[0, : shape[1]] = pad[: shape[0], 0] = pad[shape[0] - 1, : shape[1]] = pad[: shape[0], shape[1] - 1] = 1
    made = drawing.as_mnist(pad)
    assert made.shape == (32, 32)
    np.testing.assert_array_equal(np.pad(made[2:30, 2:30], 2), made)
    extent = [np.ptp(np.nonzero(made.any(axis=axis))[0]) + 1 for axis in (1, 0)]
    assert max(extent) == 20
    for axis in (0, 1):
        centre = made.sum(axis=1 - axis) @ np.arange(32) / made.sum()
        assert abs(centre - (2 + drawing.MIDDLE)) <= 0.5


def test_a_lopsided_digit_stays_inside():
    """All weight in a corner would push the rest over the edge; it stops there."""
    pad = np.zeros((200, 200), dtype=np.float32)
    pad[:30, :30] = 1
    pad[199, 199] = 1
    made = drawing.as_mnist(pad)
    np.testing.assert_array_equal(np.pad(made[2:30, 2:30], 2), made)
    assert made[2, 2] == 0
    assert made[12, 12] > 0.9


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "L"])
def test_what_a_browser_hands_over_becomes_a_picture_the_model_takes_as_it_is(mode):
    pad = np.kron(digit(3), np.ones((10, 10), dtype=np.float32))
    picture = drawing.draw_digit(uri(pad, mode))
    prepared = prepare(picture, (32, 32), 1)
    np.testing.assert_allclose((prepared.values[0] + 1) / 2, digit(3), atol=1e-6)
    assert picture.name == "your drawing"
    assert picture.notes[0] == "Drawn by you: no model has seen it."


def test_a_see_through_pad_counts_as_black():
    pad = Image.new("RGBA", (320, 320), (255, 255, 255, 0))
    pad.paste((255, 255, 255, 255), (100, 60, 140, 260))
    buffer = io.BytesIO()
    pad.save(buffer, "PNG")
    picture = drawing.draw_digit(drawing.PREFIX + base64.b64encode(buffer.getvalue()).decode())
    assert picture.pixels.sum() == pytest.approx(20 * 4, abs=0.1)


def test_an_empty_pad_gets_a_sentence():
    with pytest.raises(PictureError, match="nothing on the pad"):
        drawing.draw_digit(uri(np.zeros((320, 320))))


@pytest.mark.parametrize("bad", [None, "", 7, "data:image/png;base64,???", "data:text/html,hello", drawing.PREFIX])
def test_what_is_no_drawing_gets_a_sentence(bad):
    with pytest.raises(PictureError, match="did not arrive"):
        drawing.draw_digit(bad)


def test_an_endless_drawing_is_refused_unread():
    with pytest.raises(PictureError, match="did not arrive"):
        drawing.draw_digit(drawing.PREFIX + "A" * (drawing.MAX_CHARACTERS + 1))
