"""What happens to pictures on their way: noise, a turn, other colours; to see which scores survive it.

The four distortions of the SMIA paper (Li Q. et al. 2024, arXiv 2407.13252, section 4). It gives only the share of
salt-and-pepper noise, so the other amounts here are choices, named in every result. All act on values (C, H, W) in
[-1, 1] and round to 8 bits as a saved file would; what is random depends on (seed, picture) alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from skimage.transform import rotate

GREY = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601 weights of red, green and blue, as Pillow's."""


@dataclass(frozen=True)
class Kind:
    """One distortion: its usual amount, the amounts allowed, and what the amount is."""

    usual: float
    low: float
    high: float
    unit: str


KINDS = {
    "salt-and-pepper": Kind(0.1, 0.0, 1.0, "share of pixels turned white or black"),
    "rotation": Kind(10.0, -180.0, 180.0, "degrees anticlockwise, bilinear, borders repeated"),
    "saturation": Kind(1.5, 0.0, 10.0, "times the distance from grey"),
    "brightness": Kind(1.3, 0.0, 10.0, "times as bright"),
}


@dataclass(frozen=True)
class Distortion:
    """A distortion with its amount, in the unit of its Kind."""

    name: str
    amount: float

    @classmethod
    def parse(cls, text: str) -> Distortion:
        """From "rotation" or "rotation=15". Raises ValueError with a sentence."""
        name, equals, number = text.strip().partition("=")
        if name not in KINDS:
            raise ValueError(f'There is no distortion called "{name}"; there are {", ".join(KINDS)}.')
        kind = KINDS[name]
        try:
            amount = float(number) if equals else kind.usual
        except ValueError:
            raise ValueError(f'{name} needs a number ({kind.unit}), not "{number}".') from None
        if not kind.low <= amount <= kind.high:
            raise ValueError(f"{name} must lie between {kind.low:g} and {kind.high:g} ({kind.unit}).")
        return cls(name, amount)

    def __str__(self) -> str:
        return f"{self.name}={self.amount:g}"

    def apply(self, values: np.ndarray, seed: int = 0) -> np.ndarray:
        """The distorted picture, float32 (C, H, W) in [-1, 1]. values: the same. Raises ValueError for grey ones that
        have no colours to change."""
        pixels = (np.asarray(values, dtype=np.float64) + 1) / 2
        if self.name == "salt-and-pepper":
            changed = _salt_and_pepper(pixels, self.amount, _generator(values, seed))
        elif self.name == "rotation":
            turned = rotate(np.moveaxis(pixels, 0, 2), self.amount, order=1, mode="edge", preserve_range=True)
            changed = np.moveaxis(turned, 2, 0)
        elif self.name == "saturation":
            changed = _saturated(pixels, self.amount)
        else:
            changed = pixels * self.amount
        levels = np.rint(np.clip(changed, 0, 1) * 255).astype(np.float32)
        # To the bit what a file of these levels would be prepared to, since noise is named by content.
        return np.ascontiguousarray(levels / np.float32(255) * np.float32(2) - np.float32(1))


def _generator(values: np.ndarray, seed: int) -> np.random.Generator:
    """Random numbers named by the seed and the picture's float32 values, as the noise of attacks is."""
    content = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(content).digest()[:8], "big")])


def _salt_and_pepper(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """About `share` of the pixels white or black in all channels, half of them each."""
    chance = rng.random(pixels.shape[1:])
    return np.where(chance < share / 2, 0.0, np.where(chance < share, 1.0, pixels))


def _saturated(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Colours moved away from (or, below 1, towards) the grey of equal luma."""
    if len(pixels) != 3:
        raise ValueError("Grey pictures have no saturation to change; leave that distortion out.")
    grey = np.tensordot(GREY, pixels, axes=1)
    return grey + factor * (pixels - grey)
