"""Diffusion algebra over a noise schedule, as pure functions.

Everything is written over two arrays, alpha_t (signal gain) and sigma_t (noise gain), so that the same attack runs on
linear, cosine, scaled-linear and rectified-flow schedules:

    x_t     = alpha_t * x_0 + sigma_t * eps                      (forward draw; Ho et al. 2020, eq. 4)
    x0_hat  = (x_t - sigma_t * eps_hat) / alpha_t
    D_{t->u} = alpha_u * x0_hat + sigma_u * eps_hat              (deterministic DDIM move; Song et al. 2021, eq. 12)

Tensors are (B, C, H, W) in the target's own range; gains are scalars or (B,) tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

USUAL_STEPS = 1000
"""Levels of the schedule that published timesteps belong to."""
CLEAN = -1
"""The timestep index of the clean image: alpha = 1 and sigma = 0."""


@dataclass(frozen=True)
class Schedule:
    """Signal and noise gains of the trained levels.

    alpha, sigma: float64 tensors of shape (T,), on the CPU, level 0 being the least noisy.
    """

    alpha: Tensor
    sigma: Tensor

    def __post_init__(self) -> None:
        if self.alpha.shape != self.sigma.shape or self.alpha.ndim != 1 or len(self.alpha) == 0:
            raise ValueError("A schedule needs two equally long, non-empty lists of signal and noise gains.")
        if not (torch.isfinite(self.alpha).all() and torch.isfinite(self.sigma).all()):
            raise ValueError("The noise schedule holds numbers that are not finite.")

    @property
    def steps(self) -> int:
        """T, the number of trained levels."""
        return len(self.alpha)

    @classmethod
    def from_alphas_cumprod(cls, alphas_cumprod: Tensor) -> Schedule:
        """Variance-preserving schedule: alpha_t = sqrt(abar_t), sigma_t = sqrt(1 - abar_t)."""
        abar = alphas_cumprod.detach().to("cpu", torch.float64)
        return cls(abar.sqrt(), (1 - abar).sqrt())

    @classmethod
    def linear(cls, steps: int = USUAL_STEPS, beta_start: float = 1e-4, beta_end: float = 0.02) -> Schedule:
        """The linear DDPM schedule (Ho et al. 2020, section 4), computed in float64."""
        betas = torch.linspace(beta_start, beta_end, steps, dtype=torch.float64)
        return cls.from_alphas_cumprod(torch.cumprod(1 - betas, dim=0))

    def gains(self, t: int) -> tuple[float, float]:
        """(alpha_t, sigma_t) of one level; `CLEAN` gives (1, 0). Raises ValueError outside -1..T-1."""
        if t == CLEAN:
            return 1.0, 0.0
        if not 0 <= t < self.steps:
            raise ValueError(f"Timestep {t} is outside this model's range 0 to {self.steps - 1}.")
        return float(self.alpha[t]), float(self.sigma[t])

    def level_of_abar(self, abar: float) -> int:
        """The level whose share of signal power, alpha^2 / (alpha^2 + sigma^2), comes closest to `abar`.

        On variance-preserving schedules that share is abar itself; to ask models of different schedules about equally
        noisy pictures. Raises ValueError unless 0 <= abar <= 1.
        """
        if not 0 <= abar <= 1:
            raise ValueError(f"A share of signal power lies between 0 and 1, not at {abar}.")
        power = self.alpha.square()
        return int((power / (power + self.sigma.square()) - abar).abs().argmin())

    def matching(self, t: int) -> int:
        """The level as noisy as level t of the usual schedule, `linear()`; t itself where there are as many levels.

        The published timesteps belong to 1,000 levels whatever the shape of their schedule, so there they are kept.
        """
        if self.steps == USUAL_STEPS:
            return t
        alpha, sigma = Schedule.linear().gains(t)
        return self.level_of_abar(alpha**2 / (alpha**2 + sigma**2))

    def nearest_sigma(self, sigma: float) -> int:
        """The level whose noise-to-signal ratio comes closest to that of a unit-variance mix with this sigma."""
        ratio = sigma / max(1e-12, (1 - sigma**2) ** 0.5)
        return int((self.sigma / self.alpha - ratio).abs().argmin())


def noised(x_0: Tensor, eps: Tensor, gains: tuple[float, float]) -> Tensor:
    """x_t = alpha_t x_0 + sigma_t eps."""
    alpha, sigma = gains
    return alpha * x_0 + sigma * eps


def predicted_x0(x_t: Tensor, eps_hat: Tensor, gains: tuple[float, float]) -> Tensor:
    """x0_hat = (x_t - sigma_t eps_hat) / alpha_t, unclipped."""
    alpha, sigma = gains
    return (x_t - sigma * eps_hat) / alpha


def ddim_move(x_t: Tensor, eps_hat: Tensor, here: tuple[float, float], there: tuple[float, float]) -> Tensor:
    """Deterministic DDIM move D_{t->u} in either direction (u > t inverts, u < t denoises)."""
    alpha, sigma = there
    return alpha * predicted_x0(x_t, eps_hat, here) + sigma * eps_hat
