"""The pictures of a case agree with the scores they stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from mia_viz.analysis import plan, run
from mia_viz.case import Case, load_case, save_case
from mia_viz.plans import walk_plans
from mia_viz.probe import Probe
from mia_viz.shown import STRUCTURE_END, structures, with_pictures
from mia_viz.structure import typical
from mia_viz.targets import bundled
from mia_viz.targets.bundled import open_target
from mia_viz.ui.pick import pick_bundled

CAPTION = "banana, flat emoji"


@pytest.fixture(scope="module")
def probe():
    picked = pick_bundled("emoji", bundled.population("emoji").indices("A", "shown")[0])
    return Probe.of(open_target("emoji-a"), torch.from_numpy(picked.prepared.values)[None], captions=[CAPTION])


@pytest.fixture(scope="module")
def case(probe):
    made = Case("emoji-a", "emoji 0272", probe.pictures[0].numpy(), "", caption=CAPTION)
    plans = [plan("noise_aggregation"), plan("loss"), plan("smia")]
    plans.append(plan("drc", {"tasks": "sr4+colour+denoise+centre", "levels": "5", "resamplings": "1"}))
    for chosen in plans[:3]:
        made = with_pictures(made, probe, run(probe, chosen))
    with pytest.raises(ValueError, match="latents"):
        run(probe, plans[3])  # coarser and colourless pictures are no linear task of a latent
    denoised = plan("drc", {"tasks": "centre+denoise", "restorations": "2", "levels": "5", "resamplings": "1"})
    return with_pictures(made, probe, run(probe, denoised))


def test_the_structure_curve_passes_through_smias_score(probe, case):
    part = case.structure
    scored = float(run(probe, plan("smia")).raw[0])
    assert part.levels == tuple(range(0, STRUCTURE_END + 1, 50))
    assert part.similarity[part.levels.index(part.scored)] == pytest.approx(scored, abs=1e-6)


def test_the_structure_map_is_that_of_scikit_image(case):
    part = case.structure
    pair = [np.moveaxis((x.astype(np.float64) + 1) / 2, 0, 2) for x in (case.values, part.corrupted[2])]
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    mean, full = structural_similarity(*pair, data_range=1.0, full=True, **settings)
    np.testing.assert_allclose(part.maps[2], full.mean(axis=2), atol=1e-5)
    assert part.similarity[2] == pytest.approx(mean, abs=1e-5)


def test_level_zero_is_the_encoder_and_decoder_alone(probe, case):
    alone = probe.target.decode(probe.target.encode(probe.pictures))[0].numpy()
    np.testing.assert_allclose(case.structure.corrupted[0], alone, atol=1e-5)


def test_a_batch_is_followed_as_its_pictures_are_one_by_one(probe, case):
    other = torch.flip(probe.pictures, dims=(3,))
    both = structures(
        Probe.of(probe.target, torch.cat([other, probe.pictures]), captions=["", CAPTION]), plan("smia").params
    )
    np.testing.assert_allclose(both[1].similarity, case.structure.similarity, atol=1e-4)
    assert not np.allclose(both[0].similarity, both[1].similarity, atol=1e-4)


def test_implied_pictures_and_latents_are_what_the_model_said(probe, case):
    state = probe.noised(80)
    implied = probe.target.decode(probe.x0_hat(state))[0].numpy()
    np.testing.assert_allclose(case.noises.pictures[0], implied, atol=1e-5)
    x_0, x_t, guess = case.rebuilt.latents
    alpha, sigma = probe.target.schedule.gains(case.rebuilt.timestep)
    np.testing.assert_allclose(x_0, probe.x_0[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(x_t, alpha * x_0 + sigma * probe.noise(0)[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(probe.target.decode(torch.from_numpy(guess)[None])[0], case.rebuilt.rebuilt, atol=1e-5)


def test_what_the_model_was_given_is_shown(probe, case):
    masked, noised = case.restoration.given
    hidden = case.restoration.hidden[0, 0] > 0
    np.testing.assert_allclose(masked[:, ~hidden], case.values[:, ~hidden])
    assert (masked[:, hidden] == 0).all()
    assert 0.05 < np.sqrt(((noised - case.values) ** 2).mean()) < 1


def test_digits_are_given_the_coarse_picture():
    picked = pick_bundled("digits", bundled.population("digits").indices("A", "shown")[0])
    probe = Probe.of(open_target("digits-a"), torch.from_numpy(picked.prepared.values)[None])
    walked = next(p for p in walk_plans("digits-a") if p.attack.name == "drc")
    chosen = replace(walked, params=replace(walked.params, levels=5, resamplings=1))
    part = with_pictures(Case("digits-a", "", picked.prepared.values, ""), probe, run(probe, chosen)).restoration
    assert part.labels[0] == "sr2"
    means = picked.prepared.values.reshape(1, 16, 2, 16, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(part.given[0], np.kron(means[0], np.ones((2, 2)))[None], atol=1e-6)


def test_a_stored_case_keeps_its_caption_and_structure(case, tmp_path):
    save_case(case, tmp_path / "case.npz")
    loaded = load_case(tmp_path / "case.npz")
    assert loaded.caption == CAPTION
    assert loaded.structure.levels == case.structure.levels
    assert loaded.structure.scored == 100
    np.testing.assert_allclose(loaded.noises.pictures, case.noises.pictures, atol=2e-3)
    np.testing.assert_allclose(loaded.restoration.given, case.restoration.given, atol=5e-3)
    np.testing.assert_allclose(loaded.structure.maps, case.structure.maps, atol=1e-3)


def test_typical_is_the_value_closest_to_the_median():
    assert typical(np.array([0.0, 9.0, 2.0, 1.0])) == 2
