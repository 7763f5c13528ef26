"""Blind scores: a function of the picture alone, that no network is asked for; and why only one attack gives any."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from mia_viz.analysis import plan, run
from mia_viz.blind import blind_scores
from mia_viz.controls import BlindTarget
from mia_viz.frequency import FREMIA
from mia_viz.probe import Probe


def test_it_is_the_similarity_of_a_picture_and_its_faded_self(make_wavy, pictures):
    target, shown = make_wavy((1, 32, 32)), pictures(20, side=32)
    gain = target.schedule.gains(100)[0] / target.schedule.gains(0)[0]  # clean pictures count as level 0
    grey, faded = ((part[:, 0].double().numpy() + 1) / 2 for part in (shown, gain * shown))
    theirs = [
        structural_similarity(a, b, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for a, b in zip(grey, faded, strict=True)
    ]
    np.testing.assert_allclose(blind_scores(target, shown), np.array(theirs)[:, None], atol=1e-6)


def test_no_network_is_asked_and_none_is_told_anything(make_murmur, pictures, monkeypatch):
    target, shown = make_murmur(), pictures(3, side=32, channels=3)

    def refuse(*given):
        raise AssertionError("the model was asked")

    monkeypatch.setattr(target, "predict_noise", refuse)
    monkeypatch.setattr(target, "condition", refuse)
    whole = blind_scores(target, shown)
    assert whole.shape == (3, 1)
    assert whole.std() > 1e-3
    encoded = target.encode(shown)
    monkeypatch.setattr(target, "encode", refuse)
    np.testing.assert_array_equal(blind_scores(target, shown, encoded), whole)
    # Neither on the pictures beside it nor on noise.
    np.testing.assert_allclose(blind_scores(target, shown[1:2], encoded[1:2]), whole[1:2], atol=1e-9)


def test_a_picture_too_small_for_it_has_none(make_wavy, pictures):
    assert blind_scores(make_wavy((1, 8, 8)), pictures(2, side=8)) is None


@pytest.mark.parametrize("name", ["loss", "noise_aggregation", "fcre", "secmi", "pia", "sima"])
def test_attacks_on_errors_say_nothing_of_the_picture_then(make_wavy, pictures, name):
    """The same noise for all: their blind scores do not tell twelve different pictures apart."""
    shown = pictures(12, side=16)
    probe = Probe.of(BlindTarget(make_wavy(), "zero"), shown, keys=[7] * len(shown))
    chosen = plan(name, {"variant": "v2", "ssim": "false"} if name == "fcre" else {}, FREMIA)
    raw = run(probe, chosen).raw
    assert np.ptp(raw) <= 1e-6 * max(1, np.abs(raw).max())
    scale = float(shown.square().mean())
    assert scale > 0.01  # while the pictures are anything but faint
    assert torch.pdist(shown.flatten(1)).min() > 0.1
