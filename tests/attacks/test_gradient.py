"""Gradient norms equal those of an ordinary backward pass, and are refused where there are no weights to look at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mia_viz.analysis import in_turn, plan, run
from mia_viz.diffusion import Schedule
from mia_viz.frequency import FREMIA
from mia_viz.memory import is_out_of_memory
from mia_viz.probe import Probe
from mia_viz.targets.analytic import Population
from mia_viz.targets.pixel import PixelTarget
from mia_viz.targets.target import Card


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
            eps = probe.noise(2 * draw + 1)[i : i + 1]
            eps_hat = target.unet(alpha * x_0[i : i + 1] + sigma * eps, torch.tensor([t])).sample
            losses.append((eps_hat - eps).square().mean())
        torch.stack(losses).mean().backward()
        expected = sum(float(w.grad.double().square().sum()) for w in target.unet.parameters())
        target.unet.requires_grad_(False)
        assert result.raw[i] == pytest.approx(expected, rel=1e-4)
        assert result.score[i] == -result.raw[i]


def test_the_answers_are_kept_for_others_where_others_would_get_the_same(tiny_target, make_unet, pictures):
    """PFAMI asks about the whole picture at ten levels, and five of them are those of the gradients."""
    x_0, plans = pictures(2), [plan("pfami"), plan("gradient")]
    assert [chosen.attack.name for chosen in in_turn(plans)] == ["gradient", "pfami"]
    probe = Probe(tiny_target, x_0)
    results = [run(probe, chosen) for chosen in in_turn(plans)]
    assert [result.nfe for result in results] == [10, 15]
    alone = run(Probe(tiny_target, x_0), plan("pfami"))
    np.testing.assert_allclose(results[1].raw, alone.raw, rtol=1e-6)

    lower = PixelTarget(make_unet(), Schedule.linear(), "lower", Card("Lower"), precision="bfloat16")
    probe = Probe(lower, x_0)
    assert [run(probe, chosen).nfe for chosen in in_turn(plans)] == [10, 20]


def test_no_weights_no_gradient_and_no_filter(tiny_target, pictures):
    with pytest.raises(ValueError, match="need the weights"):
        run(Probe(Population((1, 16, 16)), pictures(1)), plan("gradient"))
    with pytest.raises(ValueError, match="filter"):
        run(Probe(tiny_target, pictures(1)), plan("gradient", {"steps": "1"}, FREMIA))


@pytest.mark.parametrize("largest", [1, 3])
def test_gradients_of_fewer_levels_at_once_are_the_same_when_memory_runs_out(
    tiny_target, make_unet, pictures, largest, full
):
    """Ten levels on a network that has no memory for more than `largest`; 1e-5 covers sums in another order."""
    x_0 = pictures(2)
    whole = run(Probe(tiny_target, x_0), plan("gradient"))
    short, tried = PixelTarget(make_unet(), Schedule.linear(), "short", Card("Short")), []

    def before(network, given, named) -> None:
        tried.append(len(given[0]))
        if len(given[0]) > largest:
            full()

    short.unet.register_forward_pre_hook(before, with_kwargs=True)
    probe = Probe(short, x_0)
    parts = run(probe, plan("gradient"))
    assert probe.nfe == 10
    sizes = {1: [10, 5, 2] + [1] * 20, 3: [10, 5] + [2] * 10}[largest]
    assert tried == sizes  # the second picture is asked about in small parts at once
    np.testing.assert_allclose(parts.raw, whole.raw, rtol=1e-5)
    assert (parts.evidence.observed - whole.evidence.observed).abs().max() < 1e-5


def test_gradients_of_one_level_that_do_not_fit_are_an_error(make_unet, pictures, full):
    target = PixelTarget(make_unet(), Schedule.linear(), "full", Card("Full"))
    target.unet.register_forward_pre_hook(lambda *given: full())
    with pytest.raises(RuntimeError) as caught:
        run(Probe(target, pictures(1)), plan("gradient"))
    assert is_out_of_memory(caught.value)
