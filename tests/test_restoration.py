"""Restorations: what is hidden stays hidden, what is visible stays, linear tasks keep their measurements."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from torch.nn import functional

from mia_viz import restoration
from mia_viz.analysis import plan, run
from mia_viz.diffusion import CLEAN, Schedule
from mia_viz.probe import Probe
from mia_viz.restoration import FIRST_DRAW, LINEAR_TASKS, MASK_TASKS, TASKS, Task, build_task, ladder, restore
from mia_viz.targets.analytic import Memoriser, Population

WALK = {"levels": 8, "start": 980, "resamplings": 2}
KEYS = [5, 6, 7]


def tasks_for(names, x_0, ratio=0.2):
    return [build_task(name, x_0, ratio, 0, KEYS, i) for i, name in enumerate(names)]


@pytest.mark.parametrize("name", ["centre", "blocks"])
def test_hidden_pixels_never_leak(make_wavy, pictures, name):
    x_0 = pictures(3)
    task = build_task(name, x_0, 0.25, 0, KEYS, 0)
    changed = torch.where(task.hidden > 0, pictures(3, seed=9), x_0)
    assert not torch.equal(changed, x_0)
    again = build_task(name, changed, 0.25, 0, KEYS, 0)
    assert torch.equal(again.hidden, task.hidden)
    first, second = (restore(Probe(make_wavy(), x, keys=KEYS), [t], **WALK) for x, t in ((x_0, task), (changed, again)))
    assert torch.equal(first, second)


def test_given_its_mask_the_salient_task_does_not_leak_either(make_wavy, pictures):
    x_0 = pictures(3)
    task = build_task("salient", x_0, 0.25, 0, KEYS, 0)
    changed = torch.where(task.hidden > 0, -x_0, x_0)
    first, second = (restore(Probe(make_wavy(), x, keys=KEYS), [task], **WALK) for x in (x_0, changed))
    assert torch.equal(first, second)


def test_changing_a_visible_pixel_does_change_the_restoration(make_wavy, pictures):
    x_0 = pictures(3)
    task = build_task("centre", x_0, 0.25, 0, KEYS, 0)
    changed = torch.where(task.hidden > 0, x_0, -x_0)
    first, second = (restore(Probe(make_wavy(), x, keys=KEYS), [task], **WALK) for x in (x_0, changed))
    assert not torch.equal(first * task.hidden[:, None], second * task.hidden[:, None])


@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.6])
def test_visible_pixels_are_kept_exactly(make_wavy, pictures, ratio):
    x_0 = pictures(3)
    tasks = tasks_for(("centre", "blocks", "salient"), x_0, ratio)
    restored = restore(Probe(make_wavy(), x_0, keys=KEYS), tasks, **WALK)
    for k, task in enumerate(tasks):
        visible = 1 - task.hidden
        assert torch.equal(restored[:, k] * visible, x_0 * visible)
        assert not torch.equal(restored[:, k], x_0)


def test_hiding_nothing_gives_the_picture_back(make_wavy, pictures):
    x_0 = pictures(3)
    nothing = Task("blocks", torch.zeros(3, 1, 16, 16))
    assert torch.equal(restore(Probe(make_wavy(), x_0, keys=KEYS), [nothing], **WALK)[:, 0], x_0)


def test_linear_tasks_agree_with_what_was_measured(make_wavy, pictures):
    x_0 = pictures(3, channels=3)
    tasks = tasks_for(("sr2", "sr4", "colour"), x_0)
    restored = restore(Probe(make_wavy((3, 16, 16)), x_0, keys=KEYS), tasks, **WALK)
    for k, measure in enumerate(
        (
            lambda x: functional.avg_pool2d(x, 2),
            lambda x: functional.avg_pool2d(x, 4),
            lambda x: x.mean(1),
        )
    ):
        torch.testing.assert_close(measure(restored[:, k]), measure(x_0), rtol=0, atol=1e-6)
        assert (restored[:, k] - x_0).abs().max() > 0.01


@pytest.mark.parametrize("name", [*MASK_TASKS, *LINEAR_TASKS])
def test_linear_degradations_are_projections(pictures, name):
    x_0 = pictures(3, channels=3)
    task = build_task(name, x_0, 0.2, 0, KEYS, 0)
    once = task.known(x_0)
    torch.testing.assert_close(task.known(once), once, rtol=0, atol=1e-6)
    assert once.shape == x_0.shape


def test_a_perfect_memory_restores_its_picture(pictures):
    x_0 = pictures(1, channels=3)
    probe = Probe(Memoriser(x_0), x_0, keys=[1])
    tasks = [build_task(name, x_0, 0.3, 0, [1], i) for i, name in enumerate(TASKS)]
    restored = restore(probe, tasks, **WALK)
    torch.testing.assert_close(restored, x_0[:, None].expand_as(restored), rtol=0, atol=2e-5)
    result = run(probe, plan("drc", {"tasks": "+".join(TASKS), "restorations": "7", "levels": "8"}))
    assert result.raw[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.05, 0.15, 0.3, 0.6])
@pytest.mark.parametrize(("side", "block"), [(16, 4), (32, 8), (40, 8)])
def test_masks_hide_the_share_asked_for(pictures, ratio, side, block):
    x_0 = pictures(3, side=side)
    centre, blocks, salient = tasks_for(("centre", "blocks", "salient"), x_0, ratio)
    for task in (blocks, salient):
        hidden = task.hidden.sum((1, 2, 3)) / block**2
        assert (hidden - ratio * side**2 / block**2).abs().max() <= 1
        cells = functional.avg_pool2d(task.hidden, block)
        assert set(cells.unique().tolist()) == {0.0, 1.0}
    share = centre.hidden.mean().sqrt()
    assert abs(float(share) - ratio**0.5) <= 0.5 / side + 1e-6
    assert torch.equal(centre.hidden[0], centre.hidden[2])
    assert not torch.equal(blocks.hidden[0], blocks.hidden[1])


def test_salient_blocks_are_where_the_texture_is():
    x_0 = torch.zeros(1, 1, 32, 32)
    x_0[..., 8:16, 16:24] = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    hidden = build_task("salient", x_0, 1 / 16, 0, [1], 0).hidden
    assert hidden[..., 8:16, 16:24].min() == 1
    assert hidden.sum() == 64


def test_random_blocks_follow_seed_image_and_turn(pictures):
    x_0 = pictures(1)

    def hidden(seed: int, key: int, index: int) -> torch.Tensor:
        return build_task("blocks", x_0, 0.3, seed, [key], index).hidden

    assert torch.equal(hidden(0, 1, 0), hidden(0, 1, 0))
    others = (hidden(1, 1, 0), hidden(0, 2, 0), hidden(0, 1, 1))
    assert not any(torch.equal(hidden(0, 1, 0), other) for other in others)


def test_taking_images_in_groups_changes_nothing(make_wavy, pictures, monkeypatch):
    x_0 = pictures(3)
    tasks = tasks_for(("centre", "blocks", "sr2"), x_0)
    together = restore(Probe(make_wavy(), x_0, keys=KEYS), tasks, **WALK)
    assert torch.equal(restore(Probe(make_wavy(), x_0, keys=KEYS, batch=1), tasks, **WALK), together)
    assert torch.equal(restore(Probe(make_wavy(), x_0, keys=KEYS, batch=6), tasks, **WALK), together)
    monkeypatch.setattr(restoration, "NOISE_BYTES", 1)
    assert torch.equal(restore(Probe(make_wavy(), x_0, keys=KEYS), tasks, **WALK), together)


def test_what_is_visible_carries_fresh_unit_noise_at_every_question(make_recorder, make_wavy, pictures):
    x_0 = pictures(3)
    task = build_task("centre", x_0, 0.2, 0, KEYS, 0)
    target = make_recorder(make_wavy())
    restore(Probe(target, x_0, keys=KEYS), [task], **WALK)
    visible, noises = (task.hidden == 0).numpy(), []
    for i in range(0, len(target.questions), 3):
        t = target.questions[i][1]
        x_t = np.stack([np.frombuffer(q[0], np.float32).reshape(1, 16, 16) for q in target.questions[i : i + 3]])
        alpha, sigma = target.schedule.gains(t)
        noises.append(((x_t - alpha * x_0.numpy()) / sigma)[visible])
    assert len(noises) == 16
    # 618 pixels: 5 standard errors are 0.2 for means and correlations and 0.14 for spreads.
    assert max(abs(z.mean()) for z in noises[1:]) < 0.2
    assert max(abs(z.std() - 1) for z in noises[1:]) < 0.14
    between = np.corrcoef(noises[1:]) - np.eye(15)
    assert np.abs(between).max() < 0.2


def test_denoising_follows_the_closed_form_of_gaussian_pixels():
    """D_{t->u} multiplies by (alpha_u alpha_t c^2 + sigma_u sigma_t) / (alpha_t^2 c^2 + sigma_t^2), noise included."""
    c, schedule = 0.2, Schedule.linear()
    x_0 = 0.2 * torch.from_numpy(np.random.default_rng(3).standard_normal((3, 1, 16, 16))).float()
    tasks = [build_task("denoise", x_0, 0.2, 0, KEYS, k, level=400) for k in range(2)]
    probe = Probe(Population((1, 16, 16), scale=c), x_0, keys=KEYS)
    restored = restore(probe, tasks, **WALK)
    factor = 1.0
    for t, u in itertools.pairwise(ladder(400, WALK["levels"])):
        (a, s), (b, r) = schedule.gains(t), schedule.gains(u)
        factor *= (b * a * c**2 + r * s) / (a**2 * c**2 + s**2)
    alpha, sigma = schedule.gains(400)
    for k in range(2):
        noise = probe.noise_sequence(FIRST_DRAW + k, 1)[0]
        torch.testing.assert_close(restored[:, k], factor * (alpha * x_0 + sigma * noise), rtol=1e-4, atol=1e-5)
    assert probe.nfe == 2 * WALK["levels"]


def test_denoising_shares_batches_and_leaves_other_restorations_alone(make_recorder, make_wavy, pictures):
    x_0 = pictures(3)
    names = ("centre", "denoise", "sr2", "denoise")
    tasks = tasks_for(names, x_0)
    target = make_recorder(make_wavy())
    mixed = restore(Probe(target, x_0, keys=KEYS, batch=64), tasks, **WALK)
    assert target.calls == [6] * (8 * 2) + [6] * 8
    without = [tasks[0], Task("centre", torch.zeros(3, 1, 16, 16)), tasks[2]]
    alone = restore(Probe(make_wavy(), x_0, keys=KEYS), without, **WALK)
    assert torch.equal(mixed[:, 0], alone[:, 0])
    assert torch.equal(mixed[:, 2], alone[:, 2])
    assert not torch.equal(mixed[:, 1], mixed[:, 3])
    one_by_one = restore(Probe(make_wavy(), x_0, keys=KEYS, batch=1), tasks, **WALK)
    assert torch.equal(one_by_one, mixed)


def test_denoising_is_compared_everywhere_and_starts_from_the_noised_picture(make_recorder, make_wavy, pictures):
    x_0 = pictures(2)
    target = make_recorder(make_wavy())
    probe = Probe(target, x_0)
    settings = {"tasks": "denoise", "restorations": "2", "levels": "5", "level": "250"}
    evidence = run(probe, plan("drc", settings)).evidence
    assert evidence.timesteps == (250, 250)
    assert evidence.mask.min() == 1
    alpha, sigma = target.schedule.gains(250)
    first = alpha * x_0 + sigma * probe.noise_sequence(FIRST_DRAW, 1)[0]
    assert target.questions[0] == (first[0].numpy().tobytes(), 250)
    with pytest.raises(ValueError, match="at least levels"):
        plan("drc", {"tasks": "denoise", "level": "100", "levels": "150"})


def test_a_perfect_memory_denoises_its_own_pictures_only():
    x_0 = 0.5 * torch.from_numpy(np.random.default_rng(1).standard_normal((40, 1, 16, 16))).float()
    chosen = plan("drc", {"tasks": "denoise", "restorations": "2", "levels": "6"})
    score = run(Probe(Memoriser(x_0[:20]), x_0), chosen).score
    assert score[:20].min() > score[20:].max()
    score = run(Probe(Population((1, 16, 16), scale=0.5), x_0), chosen).score
    assert mannwhitneyu(score[:20], score[20:]).pvalue > 0.001


def test_restorations_differ_by_their_noise_only(make_wavy, pictures):
    x_0 = pictures(3)
    task = build_task("centre", x_0, 0.2, 0, KEYS, 0)
    probe = Probe(make_wavy(), x_0, keys=KEYS)
    restored = restore(probe, [task, task], **WALK)
    assert not torch.equal(restored[:, 0], restored[:, 1])
    assert torch.equal(restore(probe, [task], **WALK)[:, 0], restored[:, 0])
    assert probe.nfe == 3 * 8 * 2


def test_the_ladder_falls_evenly_to_the_clean_picture():
    assert ladder(980, 5) == [980, 784, 588, 392, 196, CLEAN]
    steps = ladder(999, 200)
    assert len(steps) == 201
    assert all(a > b for a, b in itertools.pairwise(steps))
