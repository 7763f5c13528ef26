"""Targets with closed-form denoisers: the oracles every attack is tested on.

Memoriser: a data set of N points. Its best denoiser is x0_hat = sum_i w_i x_i with softmax weights
w_i ~ exp(-|x_t - alpha_t x_i|^2 / (2 sigma_t^2)); for N = 1 it always answers with that point.
Population: x_0 ~ Normal(mean, scale^2) per pixel, for which x0_hat is linear in x_t and nothing is memorised.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.targets.target import Card, Target


class _Analytic(Target):
    """Shared plumbing: a posterior mean in closed form, turned into predicted noise."""

    def __init__(self, name: str, shape: tuple[int, int, int], schedule: Schedule, title: str) -> None:
        self.name, self.shape, self.schedule = name, shape, schedule
        self.card = Card(title=title, description="A denoiser known in closed form, used to test attacks.")
        self._alpha, self._sigma = schedule.alpha.double(), schedule.sigma.double()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def predict_noise(self, x_t: Tensor, timesteps: Tensor) -> Tensor:
        alpha = self._alpha[timesteps].view(-1, 1, 1, 1)
        sigma = self._sigma[timesteps].view(-1, 1, 1, 1)
        x_t = x_t.double()
        return ((x_t - alpha * self._posterior_mean(x_t, alpha, sigma)) / sigma).float()

    @abstractmethod
    def _posterior_mean(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """E[x_0 | x_t] of the population, float64 of x_t's shape."""


class Memoriser(_Analytic):
    """Best denoiser of the empirical distribution of `points` (N, C, H, W): perfect memory."""

    def __init__(self, points: Tensor, schedule: Schedule | None = None) -> None:
        super().__init__("memoriser", tuple(points.shape[1:]), schedule or Schedule.linear(), "Perfect memoriser")
        self.points = points.double()

    def _posterior_mean(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        flat = self.points.flatten(1)
        gap = torch.cdist(x_t.flatten(1) / alpha.flatten()[:, None], flat).square()
        weight = torch.softmax(-gap * (alpha / sigma).flatten()[:, None].square() / 2, dim=1)
        return (weight @ flat).view_as(x_t)


class Population(_Analytic):
    """Best denoiser of independent Gaussian pixels with `mean` and standard deviation `scale`: no memory at all."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        mean: float = 0.0,
        scale: float = 0.5,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__("population", shape, schedule or Schedule.linear(), "Gaussian population")
        self.mean, self.scale = mean, scale

    def _posterior_mean(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        gain = alpha * self.scale**2 / (alpha**2 * self.scale**2 + sigma**2)
        return self.mean + gain * (x_t - alpha * self.mean)
