"""From pictures to latents and back, as the pipelines do it: the mode of the VAE, scaled and shifted."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, VQModel
from torch import Tensor

from mia_viz.targets.memory import Batches

SLICED_FROM = 512
"""Pictures of this side or more pass the VAE one at a time."""


class Autoencoder:
    """A VAE (AutoencoderKL) or VQ model, always in float32: some overflow in half precision.

    latents = (mode - shift) * factor, where factor is the scaling factor of its configuration (over the standard
    deviation per channel where one is stated) and shift its shift factor (or the mean per channel).
    """

    def __init__(self, vae: AutoencoderKL | VQModel) -> None:
        self.vae, config = vae.float().eval().requires_grad_(False), vae.config
        self.scale = 2 ** (len(config.block_out_channels) - 1)
        self.pictures, self.latents = config.in_channels, config.latent_channels
        mean, std = config.get("latents_mean"), config.get("latents_std")
        by_channel = mean is not None and std is not None
        self._shift = _column(mean if by_channel else config.get("shift_factor"), 0.0)
        self._factor = config.get("scaling_factor", 1.0) / _column(std if by_channel else None, 1.0)
        self.tiled = False
        self._batches = Batches(16, self._tile)

    @property
    def scaling(self) -> dict[str, list[float]]:
        """Shift and factor of the latents, one number or one per channel."""
        return {"latent_shift": self._shift.flatten().tolist(), "latent_factor": self._factor.flatten().tolist()}

    def encode(self, pixels: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] on the VAE's device to latents (B, C', H / scale, W / scale), float32."""
        self._slice(pixels.shape[-1])
        mode = self._batches.run(self._mode, pixels.float())
        return (mode - self._shift.to(mode.device)) * self._factor.to(mode.device)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents back to pictures clamped to [-1, 1]; a VQ model first snaps them to its code book."""
        self._slice(latents.shape[-1] * self.scale)
        latents = latents.float() / self._factor.to(latents.device) + self._shift.to(latents.device)
        return self._batches.run(lambda z: self.vae.decode(z, return_dict=False)[0], latents).clamp(-1, 1)

    def _mode(self, pixels: Tensor) -> Tensor:
        found = self.vae.encode(pixels)
        return found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latents

    def _slice(self, side: int) -> None:
        if side >= SLICED_FROM and hasattr(self.vae, "use_slicing"):
            self.vae.enable_slicing()

    def _tile(self) -> bool:
        """Work in overlapping tiles from now on; False when that is impossible or done already."""
        if self.tiled or not hasattr(self.vae, "use_tiling"):
            return False
        self.vae.enable_tiling()
        self.tiled = True
        return True


def _column(values: list[float] | float | None, default: float) -> Tensor:
    """(1, C, 1, 1) or (1, 1, 1, 1), float32."""
    return torch.tensor(default if values is None else values, dtype=torch.float32).reshape(1, -1, 1, 1)
