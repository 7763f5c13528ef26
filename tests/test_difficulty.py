"""Difficulty: features equal those of other libraries and closed forms; residuals owe nothing to simplicity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binom
from skimage.color import rgb2yiq
from skimage.filters import laplace

from mia_viz.difficulty import FAINT, difficulty, luminance, radial_power, residuals, spectrum_slope
from mia_viz.frequency import patch_laplacian


@pytest.fixture
def textures() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (3, 1, 24, 40)) * np.array([1.0, 0.3, 0.02])[:, None, None, None]


def test_fine_detail_equals_scikit_images_laplacian(textures):
    theirs = [np.log10(np.abs(laplace(picture[0])).mean() + FAINT) for picture in textures]
    np.testing.assert_allclose(difficulty(textures)[:, 0], theirs, rtol=1e-12)


def test_fine_detail_equals_the_patch_laplacian_of_the_attacks(textures):
    patches = patch_laplacian(torch.from_numpy(textures), patch=8).mean(dim=(1, 2)).numpy()
    np.testing.assert_allclose(difficulty(textures)[:, 0], np.log10(patches + FAINT), rtol=1e-9)


def test_total_variation_of_a_ramp_and_a_step():
    ramp = np.broadcast_to(np.linspace(-1, 1, 16), (1, 1, 16, 16))
    assert 10 ** difficulty(ramp)[0, 1] - FAINT == pytest.approx(2 * 16 / 256)  # every row climbs by 2
    step = np.where(np.arange(16)[:, None] < 8, -1.0, 1.0) * np.ones((1, 1, 16, 16))
    assert 10 ** difficulty(step)[0, 1] - FAINT == pytest.approx(2 * 16 / 256)


@pytest.mark.parametrize("exponent", [0.0, -1.0, -2.0, -3.0])
def test_spectrum_slope_of_pictures_made_with_a_known_one(exponent):
    rng = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(64)[:, None] * 64, np.fft.rfftfreq(64)[None, :] * 64)
    gain = np.where(frequency > 0, np.maximum(frequency, 1e-9) ** (exponent / 2), 0)
    noise = np.fft.rfft2(rng.standard_normal((20, 64, 64)))
    slope = spectrum_slope(np.fft.irfft2(noise * gain, s=(64, 64)))
    assert slope.mean() == pytest.approx(exponent, abs=0.1)  # rings mix frequencies half a bin apart


def test_rings_hold_the_power_of_a_single_wave():
    wave = np.cos(2 * np.pi * 5 * np.arange(32) / 32) * np.ones((1, 32, 32))
    centres, power = radial_power(wave)
    assert centres[power[0].argmax()] == 5
    assert power[0, np.arange(len(centres)) != 4].max() < 1e-20


def test_a_flat_picture_has_finite_features():
    assert np.isfinite(difficulty(np.zeros((1, 1, 16, 16)))).all()


def test_colour_is_taken_as_luminance():
    rng = np.random.default_rng(2)
    colour = rng.uniform(0, 1, (2, 3, 8, 8))
    grey = luminance(colour)
    assert grey.shape == (2, 8, 8)
    np.testing.assert_allclose(grey[0], rgb2yiq(colour[0], channel_axis=0)[0], atol=1e-9)
    np.testing.assert_allclose(luminance(np.repeat(colour[:, :1], 3, axis=1)), colour[:, 0])
    with pytest.raises(ValueError, match="shape"):
        luminance(colour[0])
    with pytest.raises(ValueError, match="at least one picture"):
        difficulty(colour[:0])


def simulated(rng: np.random.Generator, count: int, gain: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    features = rng.standard_normal((count, 3)) @ np.array([[1, 0.8, 0.3], [0, 0.6, 0.1], [0, 0, 1]])
    return gain - 3 * features[:, 0] + features[:, 2] + 0.5 * rng.standard_normal(count), features


def test_leave_one_out_residuals_equal_refitting_without_each():
    rng = np.random.default_rng(3)
    scores, features = simulated(rng, 30)
    found = residuals(scores[0], features[0], scores[1:], features[1:])
    for k, residual in enumerate(np.r_[found.score, found.holdouts]):
        rest = np.arange(30) != k
        design = np.c_[np.ones(30), features]
        coefficients = np.linalg.lstsq(design[rest], scores[rest], rcond=None)[0]
        assert residual == pytest.approx(scores[k] - design[k] @ coefficients, abs=1e-9)


def test_a_simple_picture_gains_nothing():
    """Pictures with less detail than nearly all: their raw scores stand out nearly always, residuals as they should."""
    rng, trials, n = np.random.default_rng(4), 400, 99
    raw, left = 0, 0
    for _ in range(trials):
        scores, features = simulated(rng, n)
        simple = np.array([-3.0, -2.0, -0.5])
        score = -3 * simple[0] + simple[2] + 0.5 * rng.standard_normal()
        found = residuals(score, simple, scores, features)
        raw += (1 + (scores >= score).sum()) / (n + 1) <= 0.05
        left += (1 + (found.holdouts >= found.score).sum()) / (n + 1) <= 0.05
    assert raw > 0.9 * trials
    assert left <= binom.ppf(0.9999, trials, 0.05)


def test_membership_survives_the_regression():
    rng = np.random.default_rng(5)
    outside, inside = simulated(rng, 200), simulated(rng, 80, gain=2.0)
    picture = simulated(rng, 1, gain=2.0)
    found = residuals(picture[0][0], picture[1][0], *outside, *inside)
    assert found.explained > 0.9
    assert found.members.mean() == pytest.approx(2.0, abs=0.25)
    assert found.holdouts.mean() == pytest.approx(0.0, abs=0.15)
    assert residuals(picture[0][0], picture[1][0], *outside).members.shape == (0,)


def test_features_without_information_do_no_harm():
    rng = np.random.default_rng(6)
    scores, features = simulated(rng, 60)
    doubled = np.c_[features, features[:, :1], np.full(60, 7.0)]
    plain = residuals(scores[0], features[0], scores[1:], features[1:])
    again = residuals(scores[0], doubled[0], scores[1:], doubled[1:])
    np.testing.assert_allclose(again.holdouts, plain.holdouts, atol=1e-8)


def test_errors_are_sentences():
    rng = np.random.default_rng(7)
    scores, features = simulated(rng, 40)
    with pytest.raises(ValueError, match="too few"):
        residuals(scores[0], features[0], scores[1:6], features[1:6])
    with pytest.raises(ValueError, match="finite"):
        residuals(np.nan, features[0], scores[1:], features[1:])
