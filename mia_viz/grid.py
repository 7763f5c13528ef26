"""Where the pixels of a picture lie on the latent grid of a target: whole cells of `cell_size` pixels a side."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from mia_viz.targets.target import Target


def cell_size(target: Target) -> int:
    """Pixels per side that one position of x_0 covers; 1 for pixel models. Raises ValueError for uneven grids."""
    sizes = {full / side for full, side in zip(target.picture_shape[1:], target.shape[1:], strict=True)}
    size = sizes.pop()
    if sizes or size != int(size):
        raise ValueError("This model's latents do not cover its pictures in even squares, so no part can be hidden.")
    return int(size)


def on_grid(mask: Tensor, target: Target) -> Tensor:
    """A mask of pixels (N, 1, *picture sides) that is constant on every cell, on the grid of x_0; itself for pixels."""
    if mask.shape[-2:] == target.shape[1:]:
        return mask
    return functional.interpolate(mask, size=target.shape[1:], mode="nearest")
