"""Controls know nothing, and know it independently of batch and order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mia_viz.controls import BlindTarget, fine_detail, flipped_share
from mia_viz.evaluation import Scores


def test_blind_answers(make_wavy):
    x_t = torch.randn(6, 1, 16, 16)
    timesteps = torch.tensor([1, 1, 5, 9, 9, 9])
    assert (BlindTarget(make_wavy(), "zero").predict_noise(x_t, timesteps) == 0).all()
    noisy = BlindTarget(make_wavy(), "noise")
    together = noisy.predict_noise(x_t, timesteps)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    torch.testing.assert_close(noisy.predict_noise(x_t[order], timesteps[order]), together[order], rtol=0, atol=0)
    assert together.std() == pytest.approx(1, abs=0.1)
    assert not torch.equal(noisy.predict_noise(x_t[:1], timesteps[3:4]), together[:1])
    with pytest.raises(ValueError, match="zero or noise"):
        BlindTarget(make_wavy(), "oracle")


def test_fine_detail_is_the_energy_above_its_cut():
    row = torch.arange(64)
    coarse, fine = (torch.cos(2 * torch.pi * k * row / 64).expand(1, 1, 64, 64) for k in (2, 28))
    scores = [fine_detail(x)[0] for x in (coarse, fine, coarse + fine)]
    assert scores[0] == pytest.approx(0, abs=1e-6)
    assert scores[1] == pytest.approx(-64 * 64 / 2, rel=1e-6)
    assert scores[2] == pytest.approx(scores[1], rel=1e-6)


def test_memory_flips_under_the_twin_and_difficulty_does_not():
    rng = np.random.default_rng(0)
    easy = rng.normal(size=(2, 50))  # members of one twin, of the other
    memory = 3.0
    own, twin = Scores(easy[0] + memory, easy[1]), Scores(easy[0], easy[1] + memory)
    assert flipped_share(own, twin) == 1
    noise = rng.normal(size=(2, 2, 50)) * 0.1
    blind = [Scores(easy[0] + noise[i, 0], easy[1] + noise[i, 1]) for i in range(2)]
    assert 0.35 < flipped_share(*blind) < 0.65
    assert flipped_share(Scores(easy[0], easy[1]), Scores(easy[0], easy[1])) == 0.5
