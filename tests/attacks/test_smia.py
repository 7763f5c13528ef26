"""SMIA: closed forms of the inversion, scikit-image's SSIM, and what its controls are told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity
from torch import Tensor

from mia_viz.analysis import plan, run
from mia_viz.attacks.smia import structure
from mia_viz.controls import structure_alone, structure_kept
from mia_viz.diffusion import Schedule
from mia_viz.evaluation import Interval
from mia_viz.probe import Probe
from mia_viz.scoring import ssim_grey
from mia_viz.targets.analytic import Memoriser
from mia_viz.targets.target import Condition, Wrapper

LINEAR = Schedule.linear()


class Fixed(Wrapper):
    """Always answers with the same noise, whatever it is asked."""

    eps: Tensor

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        return self.eps.expand_as(x_t)


def unit(x: Tensor) -> np.ndarray:
    """(C, H, W) in [-1, 1] as float64 in [0, 1]."""
    return (x.double().numpy() + 1) / 2


def gaussian(a: np.ndarray, b: np.ndarray) -> float:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return structural_similarity(a, b, data_range=1.0, channel_axis=0, **options)


def grey(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (x[0] if len(x) == 1 else rgb2gray(x, channel_axis=0) for x in (a, b))
    return structural_similarity(a, b, data_range=1.0)


@pytest.mark.parametrize(("window", "theirs"), [("gaussian", gaussian), ("grey", grey)])
@pytest.mark.parametrize("channels", [1, 3])
def test_both_windows_equal_scikit_image(pictures, window, theirs, channels):
    a, b = pictures(2, channels=channels), pictures(2, channels=channels, seed=3)
    ours = structure(a, b, window).numpy()
    for i in range(2):
        assert ours[i] == pytest.approx(theirs(unit(a[i]), unit(b[i])), abs=1e-9)
    assert structure(a, a, window).numpy() == pytest.approx(1)


def test_the_grey_window_needs_seven_pixels():
    assert ssim_grey(torch.ones(1, 1, 7, 7), torch.ones(1, 1, 7, 7)) == pytest.approx(1)
    with pytest.raises(ValueError, match="more than 6"):
        ssim_grey(torch.ones(1, 1, 6, 7), torch.ones(1, 1, 6, 7))


@pytest.mark.parametrize(("window", "theirs"), [("gaussian", gaussian), ("grey", grey)])
@pytest.mark.parametrize("total", [100, 200])
def test_a_known_noise_leaves_a_known_picture(make_murmur, pictures, window, theirs, total):
    """With one eps at every level, z_T = a_T (z_0 - s_0 eps) / a_0 + s_T eps, whatever the stops between."""
    target = Fixed(make_murmur())
    target.eps = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    x = pictures(3, side=32, channels=3)
    chosen = plan("smia", {"total": str(total), "window": window, "interval": "40"})
    result = run(Probe.of(target, x, captions=["some words"] * 3), chosen)
    (alpha_0, sigma_0), (alpha, sigma) = LINEAR.gains(0), LINEAR.gains(total)
    z_t = alpha * (target.encode(x) - sigma_0 * target.eps) / alpha_0 + sigma * target.eps
    noisy = target.decode(z_t)
    for i in range(3):
        assert result.raw[i] == pytest.approx(theirs(unit(x[i]), unit(noisy[i])), abs=1e-5)


def test_on_a_pixel_model_of_one_picture_the_noisy_picture_itself_is_compared(pictures):
    x_star = pictures(1, seed=99)
    x = torch.cat([pictures(2), x_star])
    raw = run(Probe(Memoriser(x_star), x), plan("smia")).raw
    (alpha_0, sigma_0), (alpha, sigma) = LINEAR.gains(0), LINEAR.gains(100)
    noisy = alpha * x_star + sigma * (x - alpha_0 * x_star) / sigma_0
    for i in range(3):
        assert raw[i] == pytest.approx(gaussian(unit(x[i]), unit(noisy[i])), abs=1e-4)
    assert raw[2] > 0.9 > 0.5 > raw[:2].max()


def test_every_stop_is_kept_for_the_curve(make_murmur, pictures):
    x = pictures(2, side=32, channels=3)
    probe, chosen = Probe.of(make_murmur(), x, captions=["", ""]), plan("smia", {"total": "120", "interval": "50"})
    result = run(probe, chosen)
    assert result.evidence.timesteps == (50, 100, 120)
    assert (result.nfe, chosen.evaluations) == (3, 3)
    curve = chosen.attack.curve(result.evidence, chosen.params).numpy()
    np.testing.assert_array_equal(curve[:, -1], result.raw)
    shorter = run(probe, plan("smia"))
    assert shorter.nfe == 0  # its stops lie on the same path
    np.testing.assert_array_equal(shorter.raw, curve[:, 1])


def test_the_first_question_is_about_level_zero_under_the_caption(make_murmur, make_recorder, make_wavy, pictures):
    target = make_recorder(make_wavy())
    run(Probe(target, pictures(1)), plan("smia"))
    assert [t for _, t in target.questions] == [0, 50]
    told = make_murmur()
    run(Probe.of(told, pictures(1, side=32, channels=3), captions=["a cat"]), plan("smia"))
    assert told.told == ["a cat"]


def test_pictures_too_small_for_the_window_are_refused(pictures):
    with pytest.raises(ValueError, match="at least 11 pixels"):
        run(Probe(Memoriser(pictures(1, side=8)), pictures(1, side=8)), plan("smia"))


@pytest.mark.parametrize("total", [None, 100])
def test_its_controls_keep_the_encoder_and_leave_out_the_model(make_murmur, pictures, total):
    target, x = make_murmur(), pictures(5, side=32, channels=3)
    target.predict_noise = None  # must not be asked
    scores = structure_kept(target, x, "gaussian", total, batch=2)
    z = target.encode(x)
    if total is not None:
        alpha, sigma = LINEAR.gains(total)
        z = alpha * z + sigma * Probe.of(target, x).noise(0)
    back = target.decode(z)
    for i in range(5):
        assert scores[i] == pytest.approx(gaussian(unit(x[i]), unit(back[i])), abs=1e-6)


def test_structure_alone_is_said_to_explain_a_score_its_controls_reach():
    own = Interval(0.80, 0.72, 0.88)
    weak, strong = Interval(0.55, 0.45, 0.65), Interval(0.74, 0.66, 0.81)
    clear = structure_alone(own, {"encoder and decoder only": weak, "eps_hat = 0": None})
    assert clear.startswith("Structure alone does not explain")
    assert "encoder and decoder only" in clear
    explained = structure_alone(own, {"eps_hat = fresh noise": strong, "encoder and decoder only": weak})
    assert explained.startswith("Structure alone explains the SMIA score")
    assert "eps_hat = fresh noise" in explained
    assert "0.740 [0.660, 0.810]" in explained
    assert structure_alone(weak, {"eps_hat = 0": strong}).startswith("SMIA does not tell members from hold-outs")
    assert "no control" in structure_alone(own, {"eps_hat = 0": None})
