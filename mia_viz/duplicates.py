"""Near-duplicates: known pictures so like the one in question that a finding may be about them.

"The model was trained on this picture" and "on a picture almost like it" are different claims. Pictures are compared
by the normalised correlation of their fine structure (less a Gaussian blur), at the best of small shifts: plain
pixels of two different heads already correlate at .95, their fine structure at no more than .58.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mia_viz.difficulty import luminance

NEAR_DUPLICATE = 0.7
"""Correlation from which a picture may count as a near-duplicate.

Measured on the bundled pictures (96 against 560 others, shifts up to 3 pixels): different brain slices reach at most
.58; copies with 3 % noise, gamma 1.4, blur of 1 pixel, 2 degrees of rotation or 1.5 pixels of shift all exceed .74.
"""
USUAL = 0.95
"""Simple pictures look alike: this quantile of the known pictures' nearest correlations is what is usual among them."""
BLUR = 2.0
SHIFTS = 3
SAMPLE = 500
CHUNK_VALUES = 4_000_000


@dataclass(frozen=True)
class Match:
    """A known picture like the one in question.

    correlation: -1 to 1, at the best shift (dy, dx) in pixels: how far the known picture lies down and right of the
    one in question. near_duplicate: whether it reaches the threshold.
    """

    name: str
    member: bool
    correlation: float
    shift: tuple[int, int]
    near_duplicate: bool


@dataclass(frozen=True)
class Matches:
    """The most similar known members and hold-outs, best first, and the correlation that makes a near-duplicate."""

    members: tuple[Match, ...]
    holdouts: tuple[Match, ...]
    threshold: float

    @property
    def sentence(self) -> str:
        """The finding in words."""
        found = [m for m in (*self.members, *self.holdouts) if m.near_duplicate]
        if not found:
            return "No known picture is nearly the same as this one."
        best = max(found, key=lambda match: match.correlation)
        kind = "known training picture" if best.member else "known never-trained picture"
        return (
            f"This picture is nearly the same as the {kind} {best.name} (correlation {best.correlation:.2f}), "
            "so what is found may be due to that one."
        )


def near_duplicates(
    picture: np.ndarray,
    known: np.ndarray,
    names: Sequence[str],
    member: np.ndarray,
    count: int = 3,
    shifts: int = SHIFTS,
) -> Matches:
    """The `count` members and hold-outs most like a picture (C, H, W) among known ones (M, C, H, W), all in [-1, 1].

    member: (M,) bool. shifts: largest shift tried, in pixels, either way. The threshold is NEAR_DUPLICATE, or where
    the known pictures are simple and alike, half-way between what is usual among them and 1. Raises ValueError when
    sizes differ.
    """
    if known.shape[1:] != picture.shape:
        raise ValueError("Near-duplicates can only be looked for among pictures of the same size.")
    if not len(known) == len(names) == len(member):
        raise ValueError("Every known picture needs a name and a membership.")
    structure = fine_structure(known)
    own = fine_structure(picture[None])[0]
    best, shift = correlate(own, structure, shifts)
    threshold = max(NEAR_DUPLICATE, (1 + usual_correlation(structure)) / 2)
    order = np.argsort(-best, kind="stable")
    groups = []
    for kind in (True, False):
        rows = [k for k in order if bool(member[k]) is kind][:count]
        groups.append(
            tuple(
                Match(names[k], kind, float(best[k]), (int(shift[k, 0]), int(shift[k, 1])), bool(best[k] >= threshold))
                for k in rows
            )
        )
    return Matches(groups[0], groups[1], float(threshold))


def fine_structure(pictures: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (N, H, W) float32: luminance less its Gaussian blur, mean 0, squares summing to 1 (0 if flat)."""
    grey = luminance(pictures)
    sigma = max(BLUR, min(grey.shape[1:]) / 32)
    fine = grey - ndimage.gaussian_filter(grey, (0, sigma, sigma), mode="nearest")
    fine -= fine.mean(axis=(1, 2), keepdims=True)
    size = np.sqrt((fine**2).sum(axis=(1, 2), keepdims=True))
    return np.divide(fine, size, out=np.zeros_like(fine), where=size > 1e-6).astype(np.float32)


def correlate(own: np.ndarray, structure: np.ndarray, shifts: int) -> tuple[np.ndarray, np.ndarray]:
    """Best circular correlation (M,) of one fine structure (H, W) with others (M, H, W), and its shift (M, 2) int."""
    height, width = own.shape
    conjugate = np.conj(np.fft.rfft2(own))
    steps = np.arange(-shifts, shifts + 1)
    chunk = max(1, CHUNK_VALUES // own.size)
    parts = []
    for start in range(0, len(structure), chunk):
        spectrum = np.fft.rfft2(structure[start : start + chunk]) * conjugate
        parts.append(np.fft.irfft2(spectrum, s=(height, width))[:, steps][:, :, steps].reshape(-1, len(steps) ** 2))
    table = np.concatenate(parts) if parts else np.zeros((0, len(steps) ** 2))
    place = table.argmax(axis=1)
    shift = np.stack([steps[place // len(steps)], steps[place % len(steps)]], axis=1)
    return table[np.arange(len(table)), place], shift


def usual_correlation(structure: np.ndarray) -> float:
    """The USUAL quantile of each picture's highest correlation with another, unshifted; of SAMPLE spread-out ones."""
    if len(structure) < 2:
        return 0.0
    rows = np.unique(np.linspace(0, len(structure) - 1, min(SAMPLE, len(structure))).astype(int))
    flat = structure.reshape(len(structure), -1)
    table = flat[rows] @ flat.T
    table[np.arange(len(rows)), rows] = -1
    return float(np.quantile(table.max(axis=1), USUAL))
