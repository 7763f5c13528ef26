"""An independent forward pass of the published layout, written on the state dict alone, and random checkpoints."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

TABLE = "time_embedding.timembedding.0.weight"


def conv(state: dict[str, Tensor], name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], stride, weight.shape[-1] // 2)


def linear(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.group_norm(x, 32, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-5)


def attention(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    h = norm(state, f"{name}.group_norm", x)
    q, k, v = (conv(state, f"{name}.proj_{part}", h).flatten(2) for part in "qkv")
    share = torch.softmax(torch.einsum("bci,bcj->bij", q, k) * q.shape[1] ** -0.5, dim=-1)
    return x + conv(state, f"{name}.proj", torch.einsum("bij,bcj->bci", share, v).view_as(x))


def res_block(state: dict[str, Tensor], name: str, x: Tensor, temb: Tensor) -> Tensor:
    h = conv(state, f"{name}.block1.2", F.silu(norm(state, f"{name}.block1.0", x)))
    h = h + linear(state, f"{name}.temb_proj.1", F.silu(temb))[:, :, None, None]
    h = conv(state, f"{name}.block2.3", F.silu(norm(state, f"{name}.block2.0", h)))
    h = h + (conv(state, f"{name}.shortcut", x) if f"{name}.shortcut.weight" in state else x)
    return attention(state, f"{name}.attn", h) if f"{name}.attn.proj.weight" in state else h


def blocks(state: dict[str, Tensor], way: str) -> list[str]:
    count = 1 + max(int(name.split(".")[1]) for name in state if name.startswith(way))
    return [f"{way}.{number}" for number in range(count)]


@torch.no_grad()
def oracle(state: dict[str, Tensor], x: Tensor, timesteps: Tensor) -> Tensor:
    """eps_hat (B, C, H, W) of the layout's network."""
    temb = linear(state, "time_embedding.timembedding.1", state[TABLE][timesteps])
    temb = linear(state, "time_embedding.timembedding.3", F.silu(temb))
    h = conv(state, "head", x)
    skips = [h]
    for name in blocks(state, "downblocks"):
        sampler = f"{name}.main.weight" in state
        h = conv(state, f"{name}.main", h, stride=2) if sampler else res_block(state, name, h, temb)
        skips.append(h)
    for name in blocks(state, "middleblocks"):
        h = res_block(state, name, h, temb)
    for name in blocks(state, "upblocks"):
        if f"{name}.main.weight" in state:
            h = conv(state, f"{name}.main", F.interpolate(h, scale_factor=2, mode="nearest"))
        else:
            h = res_block(state, name, torch.cat((h, skips.pop()), dim=1), temb)
    assert not skips
    return conv(state, "tail.2", F.silu(norm(state, "tail.0", h)))


# --- Checkpoints with random weights. ---


def sinusoids(steps: int, ch: int) -> Tensor:
    """The training code's float32 table: row t alternates sin(t w_k), cos(t w_k); w_k = 10000^(-2k/ch)."""
    angles = torch.arange(steps)[:, None] * torch.exp(-math.log(10000) * torch.arange(0, ch, 2) / ch)
    return torch.stack((angles.sin(), angles.cos()), dim=2).view(steps, ch)


def layer(name: str, *weight: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def block(name: str, width: int, out: int, ch: int, attends: bool) -> dict[str, tuple[int, ...]]:
    found = layer(f"{name}.block1.0", width) | layer(f"{name}.block1.2", out, width, 3, 3)
    found |= layer(f"{name}.temb_proj.1", out, 4 * ch)
    found |= layer(f"{name}.block2.0", out) | layer(f"{name}.block2.3", out, out, 3, 3)
    if width != out:
        found |= layer(f"{name}.shortcut", out, width, 1, 1)
    if attends:
        found |= layer(f"{name}.attn.group_norm", out)
        for part in ("proj_q", "proj_k", "proj_v", "proj"):
            found |= layer(f"{name}.attn.{part}", out, out, 1, 1)
    return found


def shapes(ch, mult, attn, n, channels, outputs) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a network with n ResBlocks per level, numbered as in the training code."""
    found = layer("time_embedding.timembedding.1", 4 * ch, ch) | layer("head", ch, channels, 3, 3)
    found |= layer("time_embedding.timembedding.3", 4 * ch, 4 * ch)
    width, skips, number = ch, [ch], itertools.count()
    for level, factor in enumerate(mult):
        for _ in range(n):
            found |= block(f"downblocks.{next(number)}", width, ch * factor, ch, level in attn)
            width = ch * factor
            skips.append(width)
        if level < len(mult) - 1:
            found |= layer(f"downblocks.{next(number)}.main", width, width, 3, 3)
            skips.append(width)
    found |= block("middleblocks.0", width, width, ch, True) | block("middleblocks.1", width, width, ch, False)
    number = itertools.count()
    for level, factor in reversed(list(enumerate(mult))):
        for _ in range(n + 1):
            found |= block(f"upblocks.{next(number)}", width + skips.pop(), ch * factor, ch, level in attn)
            width = ch * factor
        if level > 0:
            found |= layer(f"upblocks.{next(number)}.main", width, width, 3, 3)
    return found | layer("tail.0", width) | layer("tail.2", outputs, width, 3, 3)


def random_state(ch=32, mult=(1, 2), attn=(1,), n=1, channels=1, outputs=None, steps=1000) -> dict[str, Tensor]:
    """Random weights that keep the scale of the signal, with the standard time table."""
    random, state = torch.Generator().manual_seed(0), {TABLE: sinusoids(steps, ch)}
    for name, shape in shapes(ch, mult, attn, n, channels, outputs or channels).items():
        scale = 0.1 if len(shape) == 1 else math.prod(shape[1:]) ** -0.5
        is_gain = len(shape) == 1 and name.endswith("weight")
        state[name] = is_gain + scale * torch.randn(shape, generator=random)
    return state
