"""The diffusion model under audit, reduced to what attacks ask of it.

A target knows its space, its noise schedule and one answer: the predicted noise eps_hat(x_t, t). Networks that
predict v, x0 or a flow are converted to noise at this border and nowhere else (Salimans & Ho 2022, appendix D).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.targets.errors import TargetError

__all__ = ["Card", "Target", "TargetError", "noise_from_prediction"]


@dataclass(frozen=True)
class Card:
    """What a person should know about a target before trusting any number about it."""

    title: str
    description: str = ""
    trained_on: str = "unknown"
    parameters: int = 0
    epoch: int | None = None
    assumed: tuple[str, ...] = ()
    source: str = ""
    members: dict[str, str] = field(default_factory=dict)


class Target(ABC):
    """Interface of every audited model.

    Attributes:
        name: short identifier. shape: (C, H, W) of x_0. schedule: gains of the trained levels.
        card: facts for people. space: "pixel" or "latent".
    """

    name: str
    shape: tuple[int, int, int]
    schedule: Schedule
    card: Card
    space: str = "pixel"

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the network lives."""

    @abstractmethod
    def predict_noise(self, x_t: Tensor, timesteps: Tensor) -> Tensor:
        """eps_hat, float32 of x_t's shape (B, C, H, W), for levels `timesteps` (B,) int64 on the same device."""

    def encode(self, pixels: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] to x_0; the identity for pixel models."""
        return pixels.to(self.device)

    def decode(self, x_0: Tensor) -> Tensor:
        """x_0 back to pictures (B, C, H, W) in [-1, 1]; the identity for pixel models."""
        return x_0

    @property
    def has_gradients(self) -> bool:
        """Whether `loss_gradients` can be asked for (white-box attacks)."""
        return False

    def loss_gradients(self, x_t: Tensor, timesteps: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Of one image at K levels, (K, C, H, W): eps_hat of the same shape, and the squared norm of the gradient of
        the mean squared error with respect to every weight tensor, (L,)."""
        raise TargetError("This model does not give its gradients.")

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights file, or an empty string for a target without one."""
        return ""


def noise_from_prediction(
    output: Tensor, x_t: Tensor, kind: str, alpha: Tensor | float, sigma: Tensor | float
) -> Tensor:
    """Predicted noise from a network output of the given kind.

    epsilon: the output itself. v_prediction: eps = alpha v + sigma x_t. sample: eps = (x_t - alpha x0) / sigma.
    Raises TargetError for any other kind.
    """
    if kind == "epsilon":
        return output
    if kind == "v_prediction":
        return alpha * output + sigma * x_t
    if kind == "sample":
        return (x_t - alpha * output) / sigma
    raise TargetError(f'This model predicts "{kind}", which MIA-Viz does not know.')
