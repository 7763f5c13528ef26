"""The diffusion algebra against diffusers' schedulers and the closed forms of methods.md, section 0."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from mia_viz.diffusion import CLEAN, Schedule, ddim_move, noised, predicted_x0

LINEAR = Schedule.linear()


def test_linear_schedule_equals_diffusers():
    theirs = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear").alphas_cumprod.double()
    torch.testing.assert_close(LINEAR.alpha.square(), theirs, rtol=2e-5, atol=0)
    torch.testing.assert_close(LINEAR.alpha.square() + LINEAR.sigma.square(), torch.ones(1000).double())


@pytest.mark.parametrize(
    ("t", "abar", "sigma"),
    [(0, 0.9999, 0.0100), (100, 0.8951, 0.3238), (200, 0.6563, 0.5862), (500, 0.0778, 0.9603)],
)
def test_linear_schedule_has_the_published_levels(t, abar, sigma):
    alpha_t, sigma_t = LINEAR.gains(t)
    assert alpha_t**2 == pytest.approx(abar, abs=5e-5)
    assert sigma_t == pytest.approx(sigma, abs=5e-5)


def test_noising_equals_diffusers(pictures):
    x_0, eps = pictures(3), torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    scheduler = DDPMScheduler(beta_schedule="linear")
    for t in (0, 137, 999):
        theirs = scheduler.add_noise(x_0, eps, torch.full((3,), t))
        torch.testing.assert_close(noised(x_0, eps, LINEAR.gains(t)), theirs, rtol=1e-4, atol=1e-5)


def test_downward_move_equals_the_ddim_step_of_diffusers(pictures):
    scheduler = DDIMScheduler(beta_schedule="linear", clip_sample=False)
    scheduler.set_timesteps(100)
    x_t, eps_hat = pictures(2), pictures(2, seed=5)
    for t in (900, 400, 10):
        step = scheduler.step(eps_hat, t, x_t, eta=0.0)
        moved = ddim_move(x_t, eps_hat, LINEAR.gains(t), LINEAR.gains(t - 10))
        torch.testing.assert_close(moved, step.prev_sample, rtol=1e-4, atol=1e-5)
        x0_hat = predicted_x0(x_t, eps_hat, LINEAR.gains(t))
        torch.testing.assert_close(x0_hat, step.pred_original_sample, rtol=1e-4, atol=1e-4)


def test_a_move_with_one_noise_can_be_undone(pictures):
    x, eps_hat = pictures(2).double(), pictures(2, seed=3).double()
    here, there = LINEAR.gains(90), LINEAR.gains(300)
    back = ddim_move(ddim_move(x, eps_hat, here, there), eps_hat, there, here)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-13)


def test_in_rescaled_space_a_move_adds_the_difference_of_noise_to_signal(pictures):
    x, eps_hat = pictures(2).double(), pictures(2, seed=3).double()
    (a, s), (b, r) = LINEAR.gains(50), LINEAR.gains(120)
    moved = ddim_move(x, eps_hat, (a, s), (b, r))
    torch.testing.assert_close(moved / b, x / a + (r / b - s / a) * eps_hat, rtol=0, atol=1e-13)


def test_moving_to_the_clean_image_is_the_predicted_x0(pictures):
    x, eps_hat = pictures(1), pictures(1, seed=2)
    here = LINEAR.gains(200)
    assert LINEAR.gains(CLEAN) == (1.0, 0.0)
    torch.testing.assert_close(ddim_move(x, eps_hat, here, LINEAR.gains(CLEAN)), predicted_x0(x, eps_hat, here))


def test_the_level_of_a_given_noise():
    assert LINEAR.nearest_sigma(0.1) == 27  # methods.md 0.2
    assert all(LINEAR.nearest_sigma(float(LINEAR.sigma[t])) == t for t in (0, 80, 500, 900))


@pytest.mark.parametrize("t", [-2, 1000])
def test_levels_outside_are_refused(t):
    with pytest.raises(ValueError, match="0 to 999"):
        LINEAR.gains(t)


@pytest.mark.parametrize(
    ("alpha", "sigma"), [([], []), ([1.0], [0.0, 0.1]), ([1.0, math.nan], [0.0, 0.1]), ([[1.0]], [[0.0]])]
)
def test_broken_schedules_are_refused(alpha, sigma):
    with pytest.raises(ValueError, match="schedule"):
        Schedule(torch.tensor(alpha), torch.tensor(sigma))


def test_levels_are_found_by_their_share_of_signal_power():
    linear = Schedule.linear()
    for t in (0, 100, 440, 999):
        assert linear.level_of_abar(float(linear.alpha[t] ** 2)) == t
    times = torch.linspace(0.001, 1, 1000, dtype=torch.float64)
    flow = Schedule(1 - times, times)  # rectified flow: alpha = 1 - sigma, so half the power at sigma = 1/2
    assert flow.level_of_abar(0.5) == 499
    assert linear.level_of_abar(0.0) == 999
    for abar in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            linear.level_of_abar(abar)
