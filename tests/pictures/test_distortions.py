"""Distortions do what they say, stay 8-bit pictures, and depend on the seed and the picture alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from mia_viz.commands.evaluate import add
from mia_viz.pictures.distortions import KINDS, Distortion
from mia_viz.pictures.prepare import to_uint8


def picture(channels: int = 3, side: int = 64, seed: int = 0) -> np.ndarray:
    """An 8-bit picture as values (C, H, W) in [-1, 1]."""
    levels = np.random.default_rng(seed).integers(0, 256, (channels, side, side))
    return levels.astype(np.float32) / np.float32(255) * np.float32(2) - np.float32(1)


def distort(values: np.ndarray, text: str, seed: int = 0) -> np.ndarray:
    return Distortion.parse(text).apply(values, seed)


@pytest.mark.parametrize("name", KINDS)
def test_results_are_pictures_of_8_bits_and_repeatable(name):
    x = picture()
    changed = distort(x, name)
    assert (changed.shape, changed.dtype) == (x.shape, np.float32)
    assert changed.min() >= -1
    assert changed.max() <= 1
    levels = (changed + 1) * 127.5
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert not np.array_equal(changed, x)
    np.testing.assert_array_equal(distort(x.copy(), name), changed)


def test_ten_percent_of_the_pixels_turn_white_or_black():
    x = picture(side=128)
    changed = distort(x, "salt-and-pepper")
    touched = (changed != x).any(axis=0)
    assert touched.mean() == pytest.approx(0.1, abs=0.01)
    values = changed[:, touched]
    assert set(np.unique(values)) == {-1.0, 1.0}
    assert (values == values[0]).all()  # all colours alike
    assert (values[0] > 0).mean() == pytest.approx(0.5, abs=0.06)


def test_noise_follows_seed_and_picture():
    x, other = picture(), picture(seed=1)
    where = [distort(v, "salt-and-pepper", seed) != v for v, seed in ((x, 0), (x, 1), (other, 0))]
    assert not np.array_equal(where[0], where[1])
    assert not np.array_equal(where[0], where[2])


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotation_is_anticlockwise(angle, turns):
    x = picture()
    np.testing.assert_allclose(distort(x, f"rotation={angle}"), np.rot90(x, turns, axes=(1, 2)), atol=1e-5)


def test_a_small_rotation_leaves_a_flat_picture_flat():
    flat = np.full((1, 32, 32), 0.2, dtype=np.float32)
    assert np.ptp(distort(flat, "rotation=7")) == 0


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.5])
@pytest.mark.parametrize(
    ("name", "theirs"), [("brightness", ImageEnhance.Brightness), ("saturation", ImageEnhance.Color)]
)
def test_colours_change_as_pillow_changes_them(name, theirs, factor):
    """Pillow cuts fractions of grey levels off and ours are rounded: one or two levels apart at most."""
    x = picture()
    expected = np.asarray(theirs(Image.fromarray(to_uint8(x))).enhance(factor)).astype(int)
    ours = to_uint8(distort(x, f"{name}={factor}")).astype(int)
    assert np.abs(ours - expected).max() <= 2


@pytest.mark.parametrize("text", ["saturation=1", "brightness=1", "rotation=0", "salt-and-pepper=0"])
def test_nothing_asked_nothing_changed(text):
    x = picture()
    np.testing.assert_allclose(distort(x, text), x, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blur", "no distortion called"),
        ("rotation=left", "needs a number"),
        ("rotation=nan", "between -180 and 180"),
        ("salt-and-pepper=1.5", "between 0 and 1"),
    ],
)
def test_bad_distortions_are_refused_with_a_sentence(text, said):
    with pytest.raises(ValueError, match=said):
        Distortion.parse(text)


def test_grey_pictures_have_no_saturation():
    with pytest.raises(ValueError, match="no saturation"):
        distort(picture(channels=1), "saturation")


def test_a_distortion_names_its_amount():
    assert [str(Distortion.parse(text)) for text in ("rotation", "rotation=15")] == ["rotation=10", "rotation=15"]


def test_the_help_of_evaluate_names_every_distortion(capsys):
    import argparse

    parser = argparse.ArgumentParser()
    add(parser.add_subparsers())
    with pytest.raises(SystemExit):
        parser.parse_args(["evaluate", "--help"])
    printed = "".join(capsys.readouterr().out.split())  # lines may break at hyphens
    assert all(name in printed for name in KINDS)
