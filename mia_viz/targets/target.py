"""The diffusion model under audit, reduced to what attacks ask of it.

A target knows its space, its noise schedule and one answer: the predicted noise eps_hat(x_t, t). Networks that
predict v, x0 or a flow are converted to noise at this border and nowhere else (Salimans & Ho 2022, appendix D).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mia_viz import parametrisation
from mia_viz.diffusion import Schedule
from mia_viz.targets.errors import TargetError

__all__ = ["Card", "Condition", "Target", "TargetError", "Wrapper", "noise_from_prediction"]


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


@dataclass(frozen=True, eq=False)
class Condition:
    """What a conditional network is told beside (x_t, t): named tensors with one row per image."""

    tensors: dict[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def rows(self, chosen: slice) -> Condition:
        """The condition of some of the images."""
        return Condition({name: tensor[chosen] for name, tensor in self.tensors.items()})

    def tiled(self, count: int) -> Condition:
        """All rows, `count` times over: for a batch of `count` stacked copies of the images."""
        repeats = {name: (count, *[1] * (tensor.ndim - 1)) for name, tensor in self.tensors.items()}
        return Condition({name: tensor.repeat(repeats[name]) for name, tensor in self.tensors.items()})

    @staticmethod
    def joined(parts: Sequence[Condition]) -> Condition:
        """Several conditions of one kind, one after the other."""
        return Condition({name: torch.cat([p.tensors[name] for p in parts]) for name in parts[0].tensors})


class Target(ABC):
    """Interface of every audited model.

    Attributes:
        name: short identifier. shape: (C, H, W) of x_0. schedule: gains of the trained levels.
        card: facts for people. space: "pixel" or "latent". takes: what the network is told beside the picture:
        "" (nothing), "caption" or "class". x0_range: bounds of every value of x_0, None where there are none.
        passes: network passes per question (2 under classifier-free guidance). precision: of the network.
        prediction: what the network itself gives, before it is converted (see `noise_from_prediction`).
    """

    name: str
    shape: tuple[int, int, int]
    schedule: Schedule
    card: Card
    space: str = "pixel"
    takes: str = ""
    x0_range: tuple[float, float] | None = (-1.0, 1.0)
    passes: int = 1
    precision: str = "float32"
    prediction: str = "epsilon"

    @property
    def parametrisation(self) -> dict[str, Any]:
        """How the weights are asked, as plain values: a score holds for these only (`mia_viz.parametrisation`)."""
        gains = (self.schedule.alpha.tolist(), self.schedule.sigma.tolist())
        bounds = {} if self.x0_range is None else {"picture_values": list(self.x0_range)}
        return parametrisation.parametrisation(*gains, self.prediction, **bounds)

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the pictures `encode` takes and `decode` gives; that of x_0 for pixel models."""
        return self.shape

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the network lives."""

    @abstractmethod
    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        """eps_hat, float32 of x_t's shape (B, C, H, W), for levels `timesteps` (B,) int64 on the same device.

        condition: B rows made by `condition`; models that take none are asked without it.
        """

    def condition(self, captions: Sequence[str]) -> Condition | None:
        """What the network is told for each caption (or class), one row each; None for models that take none."""
        return None

    def encode(self, pixels: Tensor) -> Tensor:
        """Pictures (B, *picture_shape) in [-1, 1] to x_0 (B, *shape); the identity for pixel models."""
        return pixels.to(self.device)

    def decode(self, x_0: Tensor) -> Tensor:
        """x_0 back to pictures (B, C, H, W) in [-1, 1]; the identity for pixel models."""
        return x_0

    @property
    def has_gradients(self) -> bool:
        """Whether `loss_gradients` can be asked for (white-box attacks)."""
        return False

    def loss_gradients(
        self, x_t: Tensor, timesteps: Tensor, eps: Tensor, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor]:
        """Of one image at K levels, (K, C, H, W): eps_hat of the same shape, and the squared norm of the gradient of
        the mean squared error with respect to every weight tensor, (L,)."""
        raise TargetError("This model does not give its gradients.")

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights file, or an empty string for a target without one."""
        return ""


class Wrapper(Target):
    """A target seen through another: everything is passed on, and subclasses change what they are about."""

    def __init__(self, inner: Target) -> None:
        self.inner = inner
        shared = "name shape schedule card space takes x0_range passes precision prediction"
        for name in shared.split():
            setattr(self, name, getattr(inner, name))

    @property
    def parametrisation(self) -> dict[str, Any]:
        return self.inner.parametrisation

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        return self.inner.picture_shape

    @property
    def device(self) -> torch.device:
        return self.inner.device

    def encode(self, pixels: Tensor) -> Tensor:
        return self.inner.encode(pixels)

    def decode(self, x_0: Tensor) -> Tensor:
        return self.inner.decode(x_0)

    def condition(self, captions: Sequence[str]) -> Condition | None:
        return self.inner.condition(captions)

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        told = () if condition is None else (condition,)
        return self.inner.predict_noise(x_t, timesteps, *told)


def noise_from_prediction(
    output: Tensor, x_t: Tensor, kind: str, alpha: Tensor | float, sigma: Tensor | float
) -> Tensor:
    """Predicted noise from a network output of the given kind.

    epsilon: the output itself. v_prediction: eps = alpha v + sigma x_t. sample: eps = (x_t - alpha x0) / sigma.
    velocity (rectified flow, v = eps - x0 and alpha = 1 - sigma): eps = x_t + alpha v.
    Raises TargetError for any other kind.
    """
    if kind == "epsilon":
        return output
    if kind == "v_prediction":
        return alpha * output + sigma * x_t
    if kind == "sample":
        return (x_t - alpha * output) / sigma
    if kind == "velocity":
        return x_t + alpha * output
    raise TargetError(f'This model predicts "{kind}", which MIA-Viz does not know.')
