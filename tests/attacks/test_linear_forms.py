"""Attacks on a Gaussian population, whose best denoiser is linear: every state and answer is a known multiple of the
picture, so whole statistics follow from the schedule alone. Tolerance 1e-5, in the logarithm where the score is one.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.ndimage import laplace
from skimage.metrics import structural_similarity

from mia_viz.analysis import plan, run
from mia_viz.attacks.noise_aggregation import DELTA
from mia_viz.diffusion import Schedule
from mia_viz.probe import Probe
from mia_viz.targets.analytic import Population

LINEAR = Schedule.linear()
SCALE = 0.5


def variance(t: int) -> float:
    """Of a pixel of x_t."""
    alpha, sigma = LINEAR.gains(t)
    return alpha**2 * SCALE**2 + sigma**2


def answer(t: int) -> float:
    """eps_hat of x_t, as a multiple of x_t."""
    return LINEAR.gains(t)[1] / variance(t)


def walked(*levels: int) -> float:
    """What DDIM moves along these levels multiply a state by: (alpha_u alpha_t c^2 + sigma_u sigma_t) / var_t each."""
    product = 1.0
    for t, u in itertools.pairwise(levels):
        (a, s), (b, r) = LINEAR.gains(t), LINEAR.gains(u)
        product *= (b * a * SCALE**2 + r * s) / variance(t)
    return product


def spread(function: str, multiples: np.ndarray, x: np.ndarray) -> np.ndarray:
    """C(E), eq. 14-18, of points that are multiples of pictures x (N, d); the hull's for two points."""
    gaps, length = np.abs(multiples[:, None] - multiples), np.linalg.norm(x, axis=1) / math.sqrt(x.shape[1])
    if function == "l2":
        return (gaps**2).mean() * length**2
    if function == "l1":
        return gaps.mean() * np.abs(x).mean(axis=1)
    if function == "centroid":
        return np.abs(multiples - multiples.mean()).mean() * length
    if function == "hull":
        return gaps[0, 1] * length
    nearest = (gaps + np.diag(np.full(len(multiples), np.inf))).min(axis=1)
    return 1 / np.mean([1 / (gap * length + DELTA) for gap in nearest], axis=0)


@pytest.mark.parametrize("inject", ["schedule", "fixed"])
@pytest.mark.parametrize(("t", "step"), [(80, 10), (400, 60)])
@pytest.mark.parametrize(("function", "k"), [("l2", 5), ("l1", 5), ("centroid", 5), ("density", 5), ("hull", 2)])
def test_noise_aggregation_of_a_population(pictures, function, k, t, step, inject):
    probe = Probe(Population((1, 16, 16), scale=SCALE), pictures(3))
    settings = {"t": str(t), "k": str(k), "step": str(step), "function": function, "inject": inject, "draws": "2"}
    raw = run(probe, plan("noise_aggregation", settings)).raw

    levels = [t - i * step for i in range(k)]
    multiples = np.array([walked(*levels[: i + 1]) * answer(level) for i, level in enumerate(levels)])
    alpha, sigma = LINEAR.gains(t)
    gain = 0.1 if inject == "fixed" else sigma
    shown = [(alpha * probe.x_0 + gain * probe.noise(draw)).double().flatten(1).numpy() for draw in (0, 1)]
    power = np.mean([(multiples**2).mean() * (x**2).mean(axis=1) for x in shown], axis=0)
    delta = DELTA * (power if function == "l2" else np.sqrt(power))
    expected = -np.mean([np.log(spread(function, multiples, x) + delta) for x in shown], axis=0)
    np.testing.assert_allclose(raw, expected, rtol=0, atol=1e-5)


def test_the_hull_of_answers_in_a_line_has_no_volume(pictures):
    probe = Probe(Population((1, 16, 16), scale=SCALE), pictures(3))
    result = run(probe, plan("noise_aggregation", {"function": "hull", "k": "3"}))
    power = result.evidence.observed.double().square().mean((1, 2, 3, 4)).numpy()
    assert (result.raw > -np.log(1e-5 * power)).all()  # (k - 1)-volume of float32 points, over a scale of power^1


def middling(picture: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Pixels in 8 x 8 patches whose mean absolute Laplacian lies between two quantiles of the picture's own."""
    rows, columns = (side // 8 for side in picture.shape)
    scores = np.abs(laplace(picture, mode="nearest")).reshape(rows, 8, columns, 8).mean(axis=(1, 3))
    low, high = np.quantile(scores, [lo, hi])
    return np.kron((scores > low) & (scores <= high), np.ones((8, 8))) > 0


def annulus(picture: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """A picture's part between two shares of Nyquist."""
    radius = np.hypot(*np.meshgrid(*(2 * np.fft.fftfreq(side) for side in picture.shape), indexing="ij"))
    return np.fft.ifft2(np.fft.fft2(picture) * ((radius >= lo) & (radius < hi))).real


BACK = {  # settings, the levels walked to x_t, and from there and back
    "v1": ({"variant": "v1"}, range(0, 101, 10), (100, 110, 100)),
    "v1 shortened": ({"variant": "v1", "t": "95", "stride": "20"}, (0, 20, 40, 60, 80, 95), (95, 115, 95)),
    "v2": ({"variant": "v2"}, range(0, 101, 10), (*range(100, 201, 10), *range(190, 99, -10))),
    "v2 shortened": (
        {"variant": "v2", "stride": "40", "depth": "50", "lo": "0.3", "hi": "0.7"},
        (0, 40, 80, 100),
        (100, 140, 150, 140, 100),
    ),
    "v3": ({"variant": "v3"}, range(0, 101, 10), (100, 110, 100)),
    "v3 narrow": ({"variant": "v3", "lo": "0.03", "hi": "0.25"}, range(0, 101, 10), (100, 110, 100)),
}


@pytest.mark.parametrize("similarity", [True, False])
@pytest.mark.parametrize("label", BACK)
def test_fcre_of_a_population(pictures, label, similarity):
    settings, up, back = BACK[label]
    x_0 = pictures(3, side=32)
    chosen = plan("fcre", {**settings, "ssim": str(similarity).lower()})
    raw = run(Probe(Population((1, 32, 32), scale=SCALE), x_0), chosen).raw

    params, t = chosen.params, back[0]
    residual = walked(*up) * (walked(*back) - 1)
    rebuilt = walked(*up) * walked(*back) * LINEAR.gains(t)[0] * SCALE**2 / variance(t)
    for value, picture in zip(raw, x_0[:, 0].double().numpy(), strict=True):
        if params.variant == "v3":
            part = annulus(picture, params.lo, params.hi)
        else:
            part = picture[middling(picture, params.lo, params.hi)]
        expected = abs(residual) * np.sqrt((part**2).mean())
        if similarity:
            kind = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 2.0}
            expected += 1 - structural_similarity(rebuilt * picture, picture, **kind)
        assert value == pytest.approx(expected, rel=1e-5)
