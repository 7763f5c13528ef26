"""The UNet of improved-diffusion and guided-diffusion (Nichol & Dhariwal 2021, arXiv 2102.09672; Dhariwal & Nichol
2021, arXiv 2105.05233, section 3 and appendix), under the tensor names of its published checkpoints.

Every level has n residual blocks on the way down and n + 1 on the way up; levels in between are joined by strided
convolutions, by residual blocks that resample inside, or by plain pooling. All norms have 32 groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 32
LONGEST_PERIOD = 10_000
CONVOLUTION, BLOCK, POOLING = "convolution", "residual block", "pooling"


@dataclass(frozen=True)
class Architecture:
    """What the shapes tell.

    base: channels that the widths are multiples of, and of the sinusoids of the level. widths: channels of each level.
    res_blocks: n. attention: the levels that have it, ascending. channels: C of the pictures. outputs: C, or 2C with a
    learned variance. classes: 0 for none. scale_shift: whether the level scales each norm or is only added.
    resampling: between the levels: CONVOLUTION, BLOCK or POOLING.
    """

    base: int
    widths: tuple[int, ...]
    res_blocks: int
    attention: tuple[int, ...]
    channels: int
    outputs: int
    classes: int
    scale_shift: bool
    resampling: str


@dataclass(frozen=True)
class Heads:
    """What the shapes do not tell of attention: `count` heads (`count_up` on the way up), or as many as have `channels`
    channels each where that is stated; head by head (q, k, v of one head side by side) or, in the new order, q, k and v
    of all heads one after the other."""

    count: int
    count_up: int
    channels: int | None
    new_order: bool

    def of(self, width: int, up: bool = False) -> int:
        """How many heads an attention of so many channels has. Raises ValueError where they do not divide it."""
        count = width // self.channels if self.channels else (self.count_up if up else self.count)
        if count < 1 or width % count or (self.channels and width % self.channels):
            raise ValueError(f"{width} channels cannot be split into heads.")
        return count


class ResBlock(nn.Module):
    """A residual block told the level; `resample` acts on both branches, after the first norm in the inner one."""

    def __init__(self, inside: int, outside: int, told: int, scale_shift: bool, resample: nn.Module | None = None):
        super().__init__()
        self.scale_shift, self.resample = scale_shift, resample or nn.Identity()
        self.in_layers = nn.Sequential(nn.GroupNorm(GROUPS, inside), nn.SiLU(), _convolution(inside, outside))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(told, outside * (2 if scale_shift else 1)))
        # The third is the place of dropout, which only acts in training.
        last = _convolution(outside, outside)
        self.out_layers = nn.Sequential(nn.GroupNorm(GROUPS, outside), nn.SiLU(), nn.Identity(), last)
        self.skip_connection = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        norm, activation, convolution = self.in_layers
        h = convolution(self.resample(activation(norm(x))))
        norm, activation, _, convolution = self.out_layers
        shift = self.emb_layers(told)[:, :, None, None]
        if self.scale_shift:
            scale, shift = shift.chunk(2, dim=1)
            h = norm(h) * (1 + scale) + shift
        else:
            h = norm(h + shift)
        return self.skip_connection(self.resample(x)) + convolution(activation(h))


class Attention(nn.Module):
    """Self-attention over all places of a picture, added to it."""

    def __init__(self, width: int, heads: int, new_order: bool) -> None:
        super().__init__()
        self.heads, self.new_order = heads, new_order
        self.norm = nn.GroupNorm(GROUPS, width)
        self.qkv = nn.Conv1d(width, 3 * width, 1)
        self.proj_out = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, height, breadth = x.shape
        parts = self.qkv(self.norm(x).flatten(2))
        split = (3, self.heads) if self.new_order else (self.heads, 3)
        parts = parts.reshape(batch, *split, width // self.heads, height * breadth).transpose(-1, -2)
        q, k, v = parts.unbind(1 if self.new_order else 2)
        h = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(batch, width, -1)
        return x + self.proj_out(h).reshape(x.shape)


class Smaller(nn.Module):
    """A strided convolution to half the sides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Larger(nn.Module):
    """Every pixel doubled along both sides, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = _convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class GuidedUNet(nn.Module):
    """The whole network. timestep_scale: what a level is multiplied with before its sinusoids are taken."""

    def __init__(self, architecture: Architecture, heads: Heads, timestep_scale: float = 1.0) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.heads, self.timestep_scale, self.told = heads, timestep_scale, 4 * a.base
        self.time_embed = nn.Sequential(nn.Linear(a.base, self.told), nn.SiLU(), nn.Linear(self.told, self.told))
        if a.classes:
            self.label_emb = nn.Embedding(a.classes, self.told)
        kept = self._build_down()
        width, deepest = a.widths[-1], a.widths[-1]
        self.middle_block = nn.ModuleList(
            [self._block(width, width), self._attention(width), self._block(width, width)]
        )
        self._build_up(kept, deepest)
        self.out = nn.Sequential(nn.GroupNorm(GROUPS, a.widths[0]), nn.SiLU(), _convolution(a.widths[0], a.outputs))

    def _block(self, inside: int, outside: int, resample: nn.Module | None = None) -> ResBlock:
        return ResBlock(inside, outside, self.told, self.architecture.scale_shift, resample)

    def _attention(self, width: int, up: bool = False) -> Attention:
        return Attention(width, self.heads.of(width, up), self.heads.new_order)

    def _build_down(self) -> list[int]:
        """The way down; the channels of every state that is kept for the way up."""
        a = self.architecture
        blocks = [nn.ModuleList([_convolution(a.channels, a.widths[0])])]
        kept = [a.widths[0]]
        for level, width in enumerate(a.widths):
            for _ in range(a.res_blocks):
                layers = [self._block(kept[-1], width)]
                blocks.append(nn.ModuleList(layers + [self._attention(width)] * (level in a.attention)))
                kept.append(width)
            if level < len(a.widths) - 1:
                blocks.append(nn.ModuleList([self._resampler(width, nn.AvgPool2d(2), Smaller)]))
                kept.append(width)
        self.input_blocks = nn.ModuleList(blocks)
        return kept

    def _build_up(self, kept: list[int], width: int) -> None:
        a, blocks = self.architecture, []
        for level in reversed(range(len(a.widths))):
            for place in range(a.res_blocks + 1):
                layers: list[nn.Module] = [self._block(width + kept.pop(), a.widths[level])]
                width = a.widths[level]
                if level in a.attention:
                    layers.append(self._attention(width, up=True))
                if level and place == a.res_blocks:
                    layers.append(self._resampler(width, nn.Upsample(scale_factor=2.0, mode="nearest"), Larger))
                blocks.append(nn.ModuleList(layers))
        self.output_blocks = nn.ModuleList(blocks)

    def _resampler(self, width: int, plain: nn.Module, learned: type[nn.Module]) -> nn.Module:
        """What joins two levels, from the plain way to resample and the learned one."""
        if self.architecture.resampling == CONVOLUTION:
            return learned(width)
        return self._block(width, width, plain) if self.architecture.resampling == BLOCK else plain

    def forward(self, x: Tensor, timesteps: Tensor, class_labels: Tensor | None = None) -> Tensor:
        """(B, outputs, H, W) from x (B, C, H, W), levels (B,) and, for models of classes, their numbers (B,)."""
        told = self.time_embed(sinusoids(timesteps * self.timestep_scale, self.architecture.base).to(x.dtype))
        if class_labels is not None:
            told = told + self.label_emb(class_labels)
        kept = []
        for block in self.input_blocks:
            x = _run(block, x, told)
            kept.append(x)
        x = _run(self.middle_block, x, told)
        for block in self.output_blocks:
            x = _run(block, torch.cat([x, kept.pop()], dim=1), told)
        return self.out(x)


def sinusoids(values: Tensor, size: int) -> Tensor:
    """(B, size): cosines, then sines of values (B,) at size // 2 frequencies from 1 down to 1 / LONGEST_PERIOD; zero
    last where size is odd."""
    half = size // 2
    places = torch.arange(half, device=values.device, dtype=torch.float32)
    angles = values[:, None].float() * torch.exp(-math.log(LONGEST_PERIOD) * places / half)
    return F.pad(torch.cat([angles.cos(), angles.sin()], dim=1), (0, size % 2))


def _convolution(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)


def _run(block: nn.ModuleList, x: Tensor, told: Tensor) -> Tensor:
    for layer in block:
        x = layer(x, told) if isinstance(layer, ResBlock) else layer(x)
    return x
