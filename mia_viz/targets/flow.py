"""The schedule of rectified-flow models: alpha_t = 1 - sigma_t (Liu et al. 2023; Esser et al. 2024, section 2)."""

from __future__ import annotations

import math

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.targets.errors import TargetError

FLOW = "FlowMatchEulerDiscreteScheduler"
MAX_STEPS = 100_000


def read_flow(config: dict, tokens: int, max_shift: float = 1.15) -> tuple[Schedule, Tensor]:
    """(schedule, the time the network is told at each level (T,) float32) of a flow-matching configuration.

    Level k of T = num_train_timesteps has the k-th smallest sigma of the scheduler, and is told sigma T. Where the
    shift depends on the resolution (use_dynamic_shifting), `tokens` is the number of patches of one latent, and
    `max_shift` what the pipeline takes where the configuration is silent. Raises TargetError.
    """
    steps = config.get("num_train_timesteps", 1000)
    if not isinstance(steps, int) or not 1 <= steps <= MAX_STEPS:
        raise TargetError(f"The noise schedule states no usable number of steps (1 to {MAX_STEPS} are supported).")
    if config.get("invert_sigmas"):
        raise TargetError("The noise schedule counts its noise backwards, which MIA-Viz does not know.")
    try:
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(config)
        if config.get("use_dynamic_shifting"):
            sigmas = np.linspace(1.0, 1 / steps, steps)
            scheduler.set_timesteps(sigmas=sigmas, mu=resolution_shift(config, tokens, max_shift))
            sigma = scheduler.sigmas[:-1]
        else:
            sigma = scheduler.sigmas
    except (ValueError, TypeError, LookupError, RuntimeError, ArithmeticError) as error:
        raise TargetError("The model's noise schedule cannot be read.") from error
    sigma = sigma.double().flip(0).clone()
    if sigma.shape != (steps,) or not (sigma[0] > 0 and sigma[-1] <= 1 and (sigma.diff() > 0).all()):  # NaN fails too
        raise TargetError("The model's noise schedule does not go from little noise to much.")
    return Schedule(1 - sigma, sigma), (sigma.float() * steps)


def resolution_shift(config: dict, tokens: int, max_shift: float) -> float:
    """mu of the dynamic shift: linear in the number of patches between two given resolutions. Raises ValueError."""
    few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    low, high = config.get("base_shift", 0.5), config.get("max_shift", max_shift)
    mu = low + (high - low) * (tokens - few) / (many - few)
    if not math.isfinite(mu):
        raise ValueError("the shift is not finite")
    return mu


def beta_times(schedule: Schedule) -> Tensor:
    """What a network of discrete levels is told: the level itself, (T,) int64."""
    return torch.arange(schedule.steps)
