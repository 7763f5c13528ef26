"""Every attack on a latent text-to-image model: what stays latent, what is compared as pictures, what never leaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from mia_viz.analysis import plan, run
from mia_viz.attacks import get, names
from mia_viz.attacks.pfami import crop, window
from mia_viz.commands.common import open_target
from mia_viz.frequency import FREMIA, NONE, patch_mask
from mia_viz.grid import cell_size, on_grid
from mia_viz.probe import Probe
from mia_viz.restoration import build_task, for_latents, restore
from mia_viz.scoring import correlation, masked_rms, sum_squares
from mia_viz.targets.target import Wrapper
from tests.targets import tiny_pipelines

CAPTIONS = ("a red cat on a mat", "two dogs run far away", "grey sea under rain")
QUICK = {"drc": {"levels": "5", "resamplings": "2"}}
CASES = [(name, QUICK.get(name, {})) for name in names() if get(name).access != "white-box"] + [
    ("loss", {"space": "x0"}),
    ("pia", {"space": "x0"}),
    ("fcre", {"variant": "v2", "depth": "20"}),
    ("fcre", {"variant": "v3"}),
    ("pfami", {"crops": "3"}),
    ("rediffuse", {"n": "2", "distance": "ssim"}),
    ("smia", {"interval": "30", "window": "grey"}),
    ("clid", {"draws": "2", "reduce": "clip", "combine": "sum"}),
    ("drc", {**QUICK["drc"], "tasks": "blocks+denoise", "restorations": "2"}),
]
WALK = {"levels": 6, "start": 980, "resamplings": 2}


class Counter(Wrapper):
    """Counts the questions a target is asked."""

    asked = 0

    def predict_noise(self, x_t, timesteps, condition=None):
        self.asked += len(x_t)
        assert len(condition) == len(x_t)
        return super().predict_noise(x_t, timesteps, condition)


def probe_of(target, pictures, captions=CAPTIONS, **others) -> Probe:
    return Probe.of(target, pictures, captions=captions[: len(pictures)], **others)


@pytest.fixture
def x(pictures):
    return pictures(3, side=32, channels=3)


def ssim_of(a: torch.Tensor, b: torch.Tensor) -> float:
    return structural_similarity(
        a.double().numpy(),
        b.double().numpy(),
        data_range=2.0,
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_cost_and_evidence_are_whole(make_murmur, x, name, settings):
    target = Counter(make_murmur())
    probe, chosen = probe_of(target, x), plan(name, settings)
    result = run(probe, chosen)
    assert result.nfe == chosen.evaluations == target.asked / 3
    evidence = result.evidence
    assert evidence.observed.shape == evidence.expected.shape
    assert evidence.observed.shape[:2] == (3, len(evidence.labels))
    shape = (3, 32, 32) if evidence.space == "picture" else (4, 8, 8)
    assert evidence.observed.shape[2:] == shape
    assert evidence.mask is None or evidence.mask.shape[2:] == (1, *shape[1:])
    assert np.isfinite(result.score).all()
    again = chosen.attack.statistic(evidence.cpu(), chosen.params, NONE)
    np.testing.assert_array_equal(again.numpy(), result.raw)
    assert torch.isfinite(chosen.attack.statistic(evidence, chosen.params, FREMIA)).all()


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_scores_depend_on_the_picture_and_its_caption_alone(make_murmur, x, name, settings):
    chosen = plan(name, settings)
    together = run(probe_of(make_murmur(), x), chosen).raw
    for i in range(3):
        alone = Probe.of(make_murmur(), x[i : i + 1], captions=[CAPTIONS[i]], batch=2)
        np.testing.assert_allclose(run(alone, chosen).raw, together[i : i + 1], rtol=1e-6)
    other = run(probe_of(make_murmur(), x, CAPTIONS[::-1]), chosen).raw
    assert not np.isclose(other[0], together[0], rtol=1e-6)
    assert other[1] == pytest.approx(together[1], rel=1e-6)


@pytest.mark.parametrize(("name", "space"), [("loss", "latent"), ("pia", "latent")])
def test_clean_latents_are_not_called_pictures(make_murmur, x, name, space):
    assert run(probe_of(make_murmur(), x), plan(name, {"space": "x0"})).evidence.space == space


def test_rediffuse_compares_the_decoded_mean_with_the_picture(make_murmur, x):
    target = make_murmur()
    latents = run(probe_of(target, x), plan("rediffuse", {"n": "3"})).evidence
    assert latents.space == "latent"
    raw = run(probe_of(target, x), plan("rediffuse", {"n": "3", "distance": "ssim"})).raw
    decoded = target.decode(latents.observed[:, 0])
    for i in range(3):
        assert raw[i] == pytest.approx(1 - ssim_of(decoded[i], x[i]), abs=1e-9)


def test_pfami_crops_the_picture_before_it_is_encoded(make_murmur, x):
    target = make_murmur()
    probe = probe_of(target, x)
    raw = run(probe, plan("pfami", {"t_max": "50", "relative": "false"})).raw
    cropped = target.encode(crop(x, window(32, 32, 0.7 + 0.25 * 4 / 9)))
    rises = []
    for j, t in enumerate((0, 50)):
        alpha, sigma = target.schedule.gains(t)
        losses = []
        for x_0, draw in ((probe.x_0, j), (cropped, 2 + j)):
            eps = probe.noise(draw)
            told = target.condition(CAPTIONS)
            eps_hat = target.predict_noise(alpha * x_0 + sigma * eps, torch.full((3,), t), told)
            losses.append((eps_hat - eps).double().square().mean((1, 2, 3)).numpy())
        rises.append(losses[1] - losses[0])
    np.testing.assert_allclose(raw, np.mean(rises, axis=0), rtol=1e-4)


@pytest.mark.parametrize("ssim", [True, False])
def test_fcre_masks_cells_and_compares_decoded_pictures(make_murmur, x, ssim):
    target = make_murmur()
    probe = probe_of(target, x)
    result = run(probe, plan("fcre", {"ssim": str(ssim).lower()}))
    evidence = result.evidence
    chosen = patch_mask(x, 0.15, 0.85, 8)
    mask = evidence.mask[:, :1]
    assert torch.equal(mask[:, 0].repeat_interleave(4, -1).repeat_interleave(4, -2), chosen)
    raw = masked_rms(evidence.residual[:, :1], mask)[:, 0].numpy()
    if ssim:
        rebuilt = target.decode(evidence.observed[:, 1])
        raw = raw + [1 - ssim_of(rebuilt[i], x[i]) for i in range(3)]
    np.testing.assert_allclose(result.raw, raw, atol=1e-9)


def test_without_its_picture_a_probe_decodes_its_latents(make_murmur, x):
    target = make_murmur()
    x_0 = target.encode(x)
    assert torch.equal(Probe(target, x_0).pictures, target.decode(x_0))


@pytest.mark.parametrize("name", ["centre", "blocks", "salient"])
def test_hidden_pixels_cannot_leak_through_the_encoder(make_murmur, x, pictures, name):
    target, keys = make_murmur(), [5, 6, 7]
    task = build_task(name, x, 0.25, 0, keys, 0, cell=4)
    assert 0.15 < float(task.hidden.mean()) < 0.35
    changed = torch.where(task.hidden > 0, pictures(3, side=32, channels=3, seed=9), x)
    cells = on_grid(task.hidden, target)
    visible = (cells == 0).expand(-1, 4, -1, -1)
    # The encoder does carry hidden pixels to visible cells, so hiding latents alone would leak.
    assert not torch.equal(target.encode(x)[visible], target.encode(changed)[visible])
    found = []
    for picture in (x, changed):
        probe = probe_of(target, picture, keys=keys)
        walked = for_latents(task, probe)
        assert torch.equal(walked.hidden, cells)
        found.append((walked.visible, restore(probe, [walked], **WALK)))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    kept = (1 - cells)[:, None]
    assert torch.equal(found[0][1] * kept, found[0][0][:, None] * kept)


def test_hidden_pixels_do_not_leak_through_a_real_encoder(pictures, tmp_path):
    """A VAE with attention and group norms, in which every latent sees every pixel."""
    target = open_target(str(tiny_pipelines.save("sd", tmp_path / "sd")))
    x, found = pictures(2, channels=3), []
    hidden = build_task("centre", x, 0.3, 0, [1, 2], 0, cell=2).hidden
    changed = torch.where(hidden > 0, -x, x)
    outside = (on_grid(hidden, target) == 0).expand(-1, 4, -1, -1)
    assert not torch.allclose(target.encode(x)[outside], target.encode(changed)[outside], atol=1e-4)
    for picture in (x, changed):
        probe = Probe.of(target, picture, keys=[1, 2], captions=["a cat", ""])
        found.append(run(probe, plan("drc", {**QUICK["drc"], "tasks": "centre", "ratio": "0.3"})).evidence.observed)
    assert torch.equal(*found)


def test_drc_of_changed_hidden_pixels_restores_the_same(make_murmur, x):
    target, settings = make_murmur(), {**QUICK["drc"], "tasks": "centre", "restorations": "2"}
    first = run(probe_of(target, x, keys=range(3)), plan("drc", settings)).evidence
    hidden = first.mask[:, 0] > 0
    second = run(probe_of(target, torch.where(hidden, -x, x), keys=range(3)), plan("drc", settings)).evidence
    assert torch.equal(first.observed, second.observed)
    third = run(probe_of(target, torch.where(hidden, x, -x), keys=range(3)), plan("drc", settings)).evidence
    assert not torch.equal(first.observed, third.observed)


def test_drc_is_judged_on_decoded_pictures_inside_the_hidden_pixels(make_murmur, x):
    target = make_murmur()
    probe, chosen = probe_of(target, x), plan("drc", {**QUICK["drc"], "restorations": "3"})
    result = run(probe, chosen)
    mask = result.evidence.mask
    assert result.evidence.space == "picture"
    assert torch.equal(result.evidence.expected[:, 0], x)
    # Decoding repeats every cell, so pictures must be constant on cells of 4 x 4 pixels.
    blocks = result.evidence.observed.unfold(-2, 4, 4).unfold(-2, 4, 4)
    assert (blocks.amax((-2, -1)) == blocks.amin((-2, -1))).all()
    cells = mask.unfold(-2, 4, 4).unfold(-2, 4, 4)
    assert (cells.amax((-2, -1)) == cells.amin((-2, -1))).all()
    expected = correlation(result.evidence.expected, result.evidence.observed, mask).mean(1)
    np.testing.assert_allclose(result.raw, expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("task", ["sr2", "colour"])
def test_linear_tasks_are_for_pixel_models(make_murmur, x, task):
    with pytest.raises(ValueError, match="works on latents"):
        run(probe_of(make_murmur(), x), plan("drc", {**QUICK["drc"], "tasks": f"centre+{task}"}))


def test_models_too_small_say_so(make_murmur, pictures):
    small = Probe.of(make_murmur(12), pictures(1, side=12, channels=3))
    for name in ("fcre", "drc"):
        with pytest.raises(ValueError, match="too small"):
            run(small, plan(name, QUICK.get(name, {})))


def test_gradients_are_refused_where_a_latent_model_has_none(make_murmur, x):
    with pytest.raises(ValueError, match="need the weights"):
        run(probe_of(make_murmur(), x), plan("gradient"))


def test_the_loss_is_that_of_the_latents_under_the_caption(make_murmur, x):
    target = make_murmur()
    probe = probe_of(target, x)
    alpha, sigma = target.schedule.gains(200)
    eps = probe.noise(0)
    x_t = alpha * target.encode(x) + sigma * eps
    eps_hat = target.predict_noise(x_t, torch.full((3,), 200), target.condition(CAPTIONS))
    np.testing.assert_allclose(run(probe, plan("loss")).raw, sum_squares(eps_hat - eps).numpy(), rtol=1e-6)


def test_an_uneven_grid_is_refused(make_murmur):
    assert cell_size(make_murmur()) == 4

    class Uneven(make_murmur):
        picture_shape = (3, 32, 28)

    with pytest.raises(ValueError, match="even squares"):
        cell_size(Uneven())
