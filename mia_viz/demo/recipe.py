"""The settings of a training run, importable without torch so that the command line can list them at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def option(default: Any, help: str) -> Any:
    """A field with its default and the help text its command-line flag shows."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, apart from the images.

    Attributes:
        members, holdouts: half-open index ranges into the sorted images; hold-outs are watched, never trained
        on. epochs: passes over the members. batch: images per step. learning_rate: AdamW, after `warmup`
        steps; falls linearly to zero over the last `decay_share` of the run. ema: decay of the averaged
        weights. channels: UNet widths, finest level first. keep_epochs: training ages to keep as targets of
        their own.
    """

    members: tuple[int, int]
    holdouts: tuple[int, int]
    epochs: int = option(1400, "passes over the members")
    batch: int = option(16, "images per step")
    learning_rate: float = option(4e-4, "AdamW's, after the warm-up")
    warmup: int = option(200, "steps over which the learning rate rises")
    decay_share: float = option(0.3, "last share of the run over which it falls to zero")
    ema: float = option(0.999, "decay of the averaged weights")
    channels: tuple[int, ...] = option((16, 32, 64, 128), "UNet widths, finest level first")
    seed: int = option(0, "of weights, order and noise")
    keep_epochs: tuple[int, ...] = option((), "training ages to keep as targets of their own")

    @property
    def steps_per_epoch(self) -> int:
        return -(-(self.members[1] - self.members[0]) // self.batch)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def rate_at(self, step: int) -> float:
        """Learning rate of a step: linear warm-up, flat, linear decay to zero."""
        left = (self.steps - step) / max(1.0, self.decay_share * self.steps)
        return self.learning_rate * min(1.0, (step + 1) / self.warmup, left)
