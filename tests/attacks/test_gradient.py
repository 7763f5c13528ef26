"""Gradient norms equal those of an ordinary backward pass, and are refused where there are no weights to look at."""

from __future__ import annotations

import pytest
import torch

from mia_viz.analysis import plan, run
from mia_viz.frequency import FREMIA
from mia_viz.probe import Probe
from mia_viz.targets.analytic import Population


def test_the_statistic_is_the_squared_gradient_of_the_mean_loss(tiny_target, pictures):
    target, x_0 = tiny_target, pictures(3)
    probe = Probe(target, x_0)
    result = run(probe, plan("gradient", {"steps": "4"}))
    assert probe.nfe == 4
    assert [int(t) for t in result.evidence.timesteps] == [125, 375, 625, 875]
    for i in range(3):
        target.unet.requires_grad_(True)
        target.unet.zero_grad()
        losses = []
        for draw, t in enumerate(result.evidence.timesteps):
            alpha, sigma = target.schedule.gains(t)
            eps = probe.noise(draw)[i : i + 1]
            eps_hat = target.unet(alpha * x_0[i : i + 1] + sigma * eps, torch.tensor([t])).sample
            losses.append((eps_hat - eps).square().mean())
        torch.stack(losses).mean().backward()
        expected = sum(float(w.grad.double().square().sum()) for w in target.unet.parameters())
        target.unet.requires_grad_(False)
        assert result.raw[i] == pytest.approx(expected, rel=1e-4)
        assert result.score[i] == -result.raw[i]


def test_no_weights_no_gradient_and_no_filter(tiny_target, pictures):
    with pytest.raises(ValueError, match="need the weights"):
        run(Probe(Population((1, 16, 16)), pictures(1)), plan("gradient"))
    with pytest.raises(ValueError, match="filter"):
        run(Probe(tiny_target, pictures(1)), plan("gradient", {"steps": "1"}, FREMIA))
