"""How hard a picture is to rebuild, and what a score says beyond that.

Error-based attacks take simple pictures for members. Three measures of detail that need no model are regressed out of
a score by least squares over hold-outs; what is left, the residual, gains nothing from a picture being simple.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

FEATURES = ("fine detail", "total variation", "spectrum slope")
LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601 weights of red, green and blue."""
FAINT = 1e-4
"""Added before taking logarithms: far below one grey level (0.008), so that a flat picture has a finite value."""


@dataclass(frozen=True, eq=False)
class Residuals:
    """Scores less what difficulty predicts, in the score's unit: the picture's, of hold-outs (n,), of members (m,).

    explained: share of the hold-outs' variance that difficulty explains, 0 to 1.
    """

    score: float
    holdouts: np.ndarray
    members: np.ndarray
    explained: float


def difficulty(pictures: np.ndarray) -> np.ndarray:
    """FEATURES of pictures (N, C, H, W) in [-1, 1], (N, 3) float64; colour is taken as luminance.

    Fine detail: log10 of the mean absolute 4-neighbour Laplacian. Total variation: log10 of the mean of |dx| + |dy|
    (anisotropic, per pixel). Spectrum slope: see `spectrum_slope`. Larger = more detail = harder.
    """
    grey = luminance(pictures)
    laplacian = np.abs(ndimage.laplace(grey, axes=(1, 2), mode="nearest")).mean(axis=(1, 2))
    pixels = grey.shape[1] * grey.shape[2]
    variation = (np.abs(np.diff(grey, axis=1)).sum((1, 2)) + np.abs(np.diff(grey, axis=2)).sum((1, 2))) / pixels
    return np.stack([np.log10(laplacian + FAINT), np.log10(variation + FAINT), spectrum_slope(grey)], axis=1)


def luminance(pictures: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (N, H, W) float64: BT.601 luminance of three channels, else the mean over channels."""
    pictures = np.asarray(pictures, dtype=np.float64)
    if pictures.ndim != 4:
        raise ValueError("Pictures are expected as an array of shape (N, C, H, W).")
    return np.tensordot(pictures, LUMA, axes=(1, 0)) if pictures.shape[1] == 3 else pictures.mean(axis=1)


def spectrum_slope(grey: np.ndarray) -> np.ndarray:
    """Exponent b of power ~ frequency^b, least squares over log-log radial means, of pictures (N, H, W), (N,).

    Rings are one bin wide, from 1 cycle per picture to Nyquist; natural pictures have about -2, white noise has 0.
    """
    centres, power = radial_power(grey)
    centred = np.log10(centres) - np.log10(centres).mean()
    return np.log10(power + FAINT**2) @ centred / (centred @ centred)


def radial_power(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ring radii in cycles per picture (R,) and mean power per ring (N, R) of pictures (N, H, W), without DC."""
    height, width = grey.shape[1:]
    if len(grey) == 0 or min(height, width) < 4:
        raise ValueError("A spectrum needs at least one picture of 4 x 4 pixels or more.")
    power = np.abs(np.fft.fft2(grey)) ** 2 / (height * width)
    shorter = min(height, width)
    shares = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    ring = np.rint(shares * shorter).astype(int)
    kept = (ring >= 1) & (ring <= shorter // 2)
    sums = np.stack([np.bincount(ring[kept], row[kept])[1:] for row in power])
    return np.arange(1, shorter // 2 + 1, dtype=np.float64), sums / np.bincount(ring[kept])[1:]


def residuals(
    score: float,
    features: np.ndarray,
    holdouts: np.ndarray,
    holdout_features: np.ndarray,
    members: np.ndarray | None = None,
    member_features: np.ndarray | None = None,
) -> Residuals:
    """Residual scores after regressing on difficulty over hold-outs; features (F,), (n, F) and (m, F).

    The picture joins the hold-outs, and each of the n + 1 gets its leave-one-out residual: its score less what a
    least-squares fit to the other n predicts. Picture and hold-outs are so treated alike, and the rank p-value of the
    residual stays valid. Members are predicted from the n hold-outs. Raises ValueError with too few hold-outs.
    """
    table = np.vstack([features, holdout_features]).astype(np.float64)
    values = np.r_[score, holdouts].astype(np.float64)
    if len(values) < 2 * table.shape[1] + 4:
        raise ValueError("There are too few never-trained pictures to take difficulty out of a score.")
    if not (np.isfinite(table).all() and np.isfinite(values).all()):
        raise ValueError("Taking difficulty out of a score needs finite numbers.")
    centre, spread = table.mean(axis=0), table.std(axis=0)
    usable = spread > 1e-12  # a feature on which all agree says nothing

    def design(rows: np.ndarray) -> np.ndarray:
        return np.c_[np.ones(len(rows)), ((rows - centre) / np.where(usable, spread, 1.0))[:, usable]]

    deleted = _leave_one_out(design(table), values)
    coefficients = np.linalg.lstsq(design(table[1:]), values[1:], rcond=None)[0]
    left_over = np.var(values[1:] - design(table[1:]) @ coefficients)
    total = np.var(values[1:])
    inside = np.zeros(0)
    if members is not None and len(members):
        inside = np.asarray(members) - design(np.asarray(member_features)) @ coefficients
    return Residuals(float(deleted[0]), deleted[1:], inside, float(1 - left_over / total) if total > 0 else 0.0)


def _leave_one_out(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Each value less the prediction of a fit to all others, from one fit: residual / (1 - leverage)."""
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    left = left[:, singular > 1e-10 * singular[0]]  # features that repeat one another count once
    leverage = np.minimum((left**2).sum(axis=1), 1 - 1e-9)
    return (values - left @ (left.T @ values)) / (1 - leverage)
