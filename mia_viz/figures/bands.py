"""The three bands of a picture that are shown to people."""

from __future__ import annotations

import numpy as np

from mia_viz.bands import nyquist_shares

NAMES = {"low": "Coarse shapes", "mid": "Middling detail", "high": "Fine detail"}
EDGES = {"low": (0.0, 0.1), "mid": (0.1, 0.4), "high": (0.4, 1.5)}
"""Shares of the finest detail a picture can hold (Nyquist); they tile all frequencies, corners included."""


def band(picture: np.ndarray, low: float, high: float) -> np.ndarray:
    """The part of a picture (C, H, W) whose frequencies lie in [low, high), shares of Nyquist."""
    rho = nyquist_shares(*picture.shape[-2:])
    keep = (rho >= low) & (rho < high)
    return np.fft.ifft2(np.fft.fft2(picture) * keep).real
