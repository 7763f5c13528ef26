"""Attacks on denoisers known in closed form: what theory says each of them must measure (methods.md, section 10.4)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from skimage.metrics import structural_similarity

from mia_viz.analysis import plan, run
from mia_viz.attacks import get, names
from mia_viz.attacks.noise_aggregation import DELTA, FUNCTIONS, dispersion
from mia_viz.attacks.pfami import crop, window
from mia_viz.attacks.pia import unit_noise
from mia_viz.diffusion import Schedule
from mia_viz.probe import Probe
from mia_viz.targets.analytic import Memoriser, Population
from mia_viz.targets.target import Card, Target

LINEAR = Schedule.linear()
GREY_BOX = [name for name in names() if get(name).access != "white-box" and not get(name).needs_caption]
QUICK = {"drc": {"levels": "6", "resamplings": "2"}, "pfami": {"crops": "3"}}


@pytest.fixture
def memory(pictures) -> tuple[Probe, torch.Tensor, torch.Tensor]:
    """A memoriser of one point x*, asked about three other pictures and about x* itself: (probe, gap, x*)."""
    x_star = pictures(1, seed=99)
    x_0 = torch.cat([pictures(3), x_star])
    return Probe(Memoriser(x_star), x_0, keys=range(4)), (x_0 - x_star).double(), x_star


def summed(values: torch.Tensor) -> np.ndarray:
    return values.sum((1, 2, 3)).numpy()


@pytest.mark.parametrize("t", [100, 200, 500])
def test_loss_of_a_one_point_memory(memory, t):
    probe, gap, _ = memory
    alpha, sigma = LINEAR.gains(t)
    noise = run(probe, plan("loss", {"t": str(t)})).raw
    expected = (alpha / sigma) ** 2 * summed(gap**2)
    np.testing.assert_allclose(noise, expected, rtol=1e-5, atol=1e-9)
    picture = run(probe, plan("loss", {"t": str(t), "space": "x0"})).raw
    np.testing.assert_allclose(picture, summed(gap**2), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["pia", "pian"])
def test_pia_of_a_one_point_memory(memory, name):
    """eps_hat_t moves by (alpha/sigma)(x_0 - x*) whatever noise was put in, so PIAN measures the same."""
    probe, gap, _ = memory
    alpha, sigma = LINEAR.gains(200)
    result = run(probe, plan(name))
    np.testing.assert_allclose(result.raw, summed((alpha / sigma * gap) ** 4), rtol=1e-5, atol=1e-9)
    l2 = result.evidence.residual.double().square().sum((1, 2, 3, 4)).sqrt().numpy()
    np.testing.assert_allclose(l2, alpha / sigma * np.sqrt(summed(gap**2)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("t", [0, 100, 300])
def test_sima_of_a_one_point_memory(memory, t):
    probe, _, x_star = memory
    alpha, sigma = LINEAR.gains(t)
    raw = run(probe, plan("sima", {"t": str(t)})).raw
    expected = summed(((probe.x_0.double() - alpha * x_star.double()) / sigma) ** 4)
    np.testing.assert_allclose(raw, expected, rtol=1e-5)
    assert raw[3] == pytest.approx(float(((1 - alpha) / sigma * x_star.double()).pow(4).sum()), rel=1e-5)


def test_secmi_and_noise_aggregation_see_no_curvature_in_a_one_point_memory(memory):
    """eps is constant along any DDIM path, for members and others alike."""
    probe, _, _ = memory
    secmi = run(probe, plan("secmi"))
    size = secmi.evidence.expected.double().square().sum((1, 2, 3, 4)).numpy()
    assert (secmi.raw / size).max() < 1e-10
    noise = run(probe, plan("noise_aggregation"))
    power = noise.evidence.observed.double().square().mean((1, 2, 3, 4)).numpy()
    np.testing.assert_allclose(noise.raw, -np.log(DELTA * power), atol=1e-2)


def test_fcre_of_a_one_point_memory_is_what_is_unlike_its_point(memory):
    probe, _, x_star = memory
    raw = run(probe, plan("fcre")).raw
    for i in range(4):
        likeness = structural_similarity(
            probe.x_0[i, 0].double().numpy(),
            x_star[0, 0].double().numpy(),
            data_range=2.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert raw[i] == pytest.approx(1 - likeness, abs=1e-5)


@pytest.mark.parametrize("t", [200, 250])
def test_rediffuse_of_a_one_point_memory(memory, t):
    """The walk ends at level 0, not at the clean picture, so a share sigma_0 of the noise stays."""
    probe, gap, x_star = memory
    (alpha, sigma), (alpha_0, sigma_0) = LINEAR.gains(t), LINEAR.gains(0)
    raw = run(probe, plan("rediffuse", {"n": "4", "t": str(t)})).raw
    mean = torch.stack([probe.noise(draw) for draw in range(4)]).double().mean(0)
    left = alpha_0 * x_star + sigma_0 * (mean + alpha / sigma * gap)
    np.testing.assert_allclose(raw, summed((left - probe.x_0) ** 2), rtol=1e-5)


def test_pfami_of_a_one_point_memory_compares_distances_to_the_point(memory):
    probe, gap, x_star = memory
    shares = np.linspace(0.95, 0.70, 10)
    cropped = [crop(probe.x_0, window(16, 16, s)).double() - x_star for s in shares]
    rise = np.mean([summed(c**2) for c in cropped], axis=0) - summed(gap**2)
    relative = run(probe, plan("pfami", {"crops": "10"})).raw[:3]
    np.testing.assert_allclose(relative, (rise / summed(gap**2).clip(1e-9))[:3], rtol=1e-5)
    ratio = np.mean([np.divide(*LINEAR.gains(t)) ** 2 for t in range(0, 451, 50)])
    absolute = run(probe, plan("pfami", {"relative": "false", "crops": "10"})).raw
    np.testing.assert_allclose(absolute, rise * ratio / 256, rtol=1e-5)


def test_the_central_window_of_a_ramp_is_a_flatter_ramp():
    ramp = torch.arange(32, dtype=torch.float64).expand(1, 1, 32, 32)
    zoomed = crop(ramp, (8, 8, 16, 16))[0, 0, 5]
    np.testing.assert_allclose(zoomed[1:-1].numpy(), 8 + (np.arange(32) + 0.5)[1:-1] / 2 - 0.5)
    assert window(32, 32, 0.7) == (5, 5, 22, 22)
    assert [window(32, 32, 0.81, corner)[0] for corner in ("round", "floor")] == [4, 3]


def test_drc_of_a_one_point_memory_correlates_with_its_point(memory):
    probe, _, x_star = memory
    result = run(probe, plan("drc", {"levels": "5", "resamplings": "2"}))
    mask = result.evidence.mask.numpy() > 0
    truth, point = probe.x_0.double().numpy(), x_star[0].double().numpy()
    for i in range(4):
        each = [np.corrcoef(truth[i][m], point[m])[0, 1] for m in mask[i]]
        assert result.raw[i] == pytest.approx(np.mean(each), abs=1e-5)


class Oracle(Target):
    """Knows the noise of every picture's draw 0 and always answers with it."""

    name, card, schedule, shape = "oracle", Card("Oracle"), LINEAR, (1, 16, 16)
    eps: torch.Tensor

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def predict_noise(self, x_t, timesteps):
        return self.eps[: len(x_t)]


def test_a_perfect_oracle_makes_no_error(pictures):
    oracle = Oracle()
    probe = Probe(oracle, pictures(3), keys=range(3))
    oracle.eps = probe.noise(0)
    assert run(probe, plan("loss")).raw.tolist() == [0, 0, 0]
    for function in FUNCTIONS:
        result = run(probe, plan("noise_aggregation", {"function": function}))
        assert dispersion(result.evidence.observed.flatten(2), function).max() <= DELTA
        assert np.isfinite(result.raw).all()


def test_secmi_of_a_population_without_memory_follows_its_linear_moves(pictures):
    """For Gaussian pixels D_{t->u} multiplies by (alpha_u alpha_t c^2 + sigma_u sigma_t) / var_t."""
    c, x_0 = 0.5, pictures(3)

    def variance(t: int) -> float:
        alpha, sigma = LINEAR.gains(t)
        return alpha**2 * c**2 + sigma**2

    def factor(t: int, u: int) -> float:
        (a, s), (b, r) = LINEAR.gains(t), LINEAR.gains(u)
        return (b * a * c**2 + r * s) / variance(t)

    probe = Probe(Population((1, 16, 16), scale=c), x_0)
    raw = run(probe, plan("secmi", {"t": "200", "stride": "100"})).raw
    up = factor(0, 100) * factor(100, 200)
    expected = summed(x_0.double() ** 2) * (up * (factor(200, 300) * factor(300, 200) - 1)) ** 2
    np.testing.assert_allclose(raw, expected, rtol=1e-5)
    sima = run(probe, plan("sima")).raw
    gain = LINEAR.gains(100)[1] / variance(100)
    np.testing.assert_allclose(sima, summed((x_0.double() * gain) ** 4), rtol=1e-5)


def test_functions_of_dispersion_equal_their_definitions():
    points = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 5, 40)))
    for row, (l2, l1, centroid, density, hull) in enumerate(
        zip(*(dispersion(points, f).numpy() for f in FUNCTIONS), strict=True)
    ):
        e = points[row].numpy()
        gaps = e[:, None] - e[None]
        assert l2 == pytest.approx((gaps**2).sum(2).mean() / 40)
        assert l1 == pytest.approx(np.abs(gaps).sum(2).mean() / 40)
        assert centroid == pytest.approx(np.linalg.norm(e - e.mean(0), axis=1).mean() / math.sqrt(40))
        nearest = [min(np.linalg.norm(e[i] - e[j]) for j in range(5) if j != i) / math.sqrt(40) for i in range(5)]
        assert density == pytest.approx(1 / np.mean([1 / d for d in nearest]), rel=1e-6)
        basis = np.linalg.qr((e[1:] - e[0]).T)[1]  # the simplex seen in its own four dimensions
        volume = abs(np.prod(np.diag(basis))) / math.factorial(4)
        assert hull == pytest.approx(volume / 40**2)


def test_pian_scales_noise_to_its_mean_absolute_value():
    e_0 = torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 7
    means = unit_noise(e_0).abs().mean((1, 2, 3))
    torch.testing.assert_close(means, torch.full((3,), math.sqrt(2 / math.pi)))
    assert torch.isfinite(unit_noise(torch.zeros(1, 1, 4, 4))).all()


def auc(scores: np.ndarray, half: int) -> float:
    return mannwhitneyu(scores[:half], scores[half:]).statistic / (half * (len(scores) - half))


@pytest.mark.parametrize("name", GREY_BOX)
def test_a_perfect_memory_of_many_points_gives_its_members_away(name):
    x_0 = 0.5 * torch.from_numpy(np.random.default_rng(1).standard_normal((80, 1, 16, 16))).float()
    result = run(Probe(Memoriser(x_0[:40]), x_0), plan(name, QUICK.get(name, {})))
    print(f"{name}: AUC {auc(result.score, 40):.3f}")
    assert auc(result.score, 40) == 1.0


@pytest.mark.parametrize("name", GREY_BOX)
def test_where_nothing_is_memorised_no_attack_finds_anything(name):
    """A random half of draws from one population against the other half: AUC .5 within its 99.9 % interval."""
    x_0 = 0.5 * torch.from_numpy(np.random.default_rng(2).standard_normal((200, 1, 16, 16))).float()
    result = run(Probe(Population((1, 16, 16), scale=0.5), x_0), plan(name, QUICK.get(name, {})))
    p_value = mannwhitneyu(result.score[:100], result.score[100:]).pvalue
    print(f"{name}: AUC {auc(result.score, 100):.3f}")
    assert p_value > 0.001
