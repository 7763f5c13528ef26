"""How each architecture is asked: from (x_t, time, condition) to its raw output of x_t's shape.

One small class per network of diffusers. `ask` is the network or a stand-in with other weights (for gradients).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

Ask = Callable[..., tuple[Tensor, ...]]


class Backbone(ABC):
    """A network with the size of its latents.

    shape: (C, H, W) of x_t. passes: network passes per question. convolutional: whether channels-last helps.
    """

    convolutional = False

    def __init__(self, network: nn.Module, shape: tuple[int, int, int], guidance: float = 1.0) -> None:
        self.network = network.eval().requires_grad_(False)
        self.shape, self.guidance = shape, guidance

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network is asked in."""
        return self.network.dtype

    @property
    def guided_inside(self) -> bool:
        """Whether the guidance scale is told to the network instead of asked for with a second pass."""
        return False

    @property
    def tokens(self) -> int:
        """Patches of one latent, on which the schedule of some flow models depends."""
        patch = self.network.config.get("patch_size") or 1
        return (self.shape[1] // patch) * (self.shape[2] // patch)

    @abstractmethod
    def answer(self, ask: Ask, x_t: Tensor, times: Tensor, told: Mapping[str, Tensor]) -> Tensor:
        """The raw output (B, C, H, W) at times (B,), for condition tensors of B rows in the network's precision."""


class PlainUNet(Backbone):
    """UNet2DModel: told nothing but the time (latent diffusion without captions)."""

    convolutional = True

    def answer(self, ask: Ask, x_t: Tensor, times: Tensor, told: Mapping[str, Tensor]) -> Tensor:
        return ask(x_t, times, return_dict=False)[0]


class CaptionUNet(Backbone):
    """UNet2DConditionModel of Stable Diffusion 1.x and 2.x, and of SDXL with its pooled embedding and sizes."""

    convolutional = True

    def answer(self, ask: Ask, x_t: Tensor, times: Tensor, told: Mapping[str, Tensor]) -> Tensor:
        added = {name: told[name] for name in ("text_embeds", "time_ids") if name in told} or None
        text = told["encoder_hidden_states"]
        return ask(x_t, times, encoder_hidden_states=text, added_cond_kwargs=added, return_dict=False)[0]


class StableDiffusion3(Backbone):
    """SD3Transformer2DModel."""

    def answer(self, ask: Ask, x_t: Tensor, times: Tensor, told: Mapping[str, Tensor]) -> Tensor:
        return ask(
            hidden_states=x_t,
            timestep=times,
            encoder_hidden_states=told["encoder_hidden_states"],
            pooled_projections=told["pooled_projections"],
            return_dict=False,
        )[0]


class Flux(Backbone):
    """FluxTransformer2DModel: 2 x 2 patches in a row, with the place of each; some are told the guidance scale."""

    @property
    def guided_inside(self) -> bool:
        return bool(self.network.config.guidance_embeds)

    @property
    def tokens(self) -> int:
        return (self.shape[1] // 2) * (self.shape[2] // 2)

    def answer(self, ask: Ask, x_t: Tensor, times: Tensor, told: Mapping[str, Tensor]) -> Tensor:
        text = told["encoder_hidden_states"]
        rows, columns = x_t.shape[2] // 2, x_t.shape[3] // 2
        guidance = None
        if self.guided_inside:
            guidance = torch.full((len(x_t),), self.guidance, device=x_t.device, dtype=torch.float32)
        output = ask(
            hidden_states=packed(x_t),
            timestep=times.to(x_t.dtype) / 1000,  # the network multiplies by 1000 again
            guidance=guidance,
            pooled_projections=told["pooled_projections"],
            encoder_hidden_states=text,
            txt_ids=torch.zeros(text.shape[1], 3, device=x_t.device, dtype=x_t.dtype),
            img_ids=places(rows, columns, x_t),
            return_dict=False,
        )[0]
        return unpacked(output, rows, columns)


class DiT(Backbone):
    """DiTTransformer2DModel: told a class number; the channels of a learned variance are dropped."""

    def answer(self, ask: Ask, x_t: Tensor, times: Tensor, told: Mapping[str, Tensor]) -> Tensor:
        output = ask(x_t, timestep=times, class_labels=told["class_labels"], return_dict=False)[0]
        return output[:, : x_t.shape[1]]


def packed(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, H/2 W/2, 4 C): each 2 x 2 patch a row, channels first within it."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(batch, (height // 2) * (width // 2), channels * 4)


def unpacked(x: Tensor, rows: int, columns: int) -> Tensor:
    """The inverse of `packed` for rows x columns patches."""
    x = x.reshape(len(x), rows, columns, -1, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return x.reshape(len(x), -1, rows * 2, columns * 2)


def places(rows: int, columns: int, like: Tensor) -> Tensor:
    """(rows * columns, 3): a zero, the row and the column of every patch."""
    row = torch.arange(rows, device=like.device, dtype=like.dtype).repeat_interleave(columns)
    column = torch.arange(columns, device=like.device, dtype=like.dtype).repeat(rows)
    return torch.stack([torch.zeros_like(row), row, column], dim=1)
