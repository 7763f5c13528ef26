"""What a bundled target answers about known pictures at falling noise levels: measured once, and stored.

Made by `python -m mia_viz.demo.noises`; free of torch, so that the app reads it at once. Distances are root mean
squares per number of the answer, in standard deviations of the noise, so that picture sizes compare.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mia_viz.case import Noises
from mia_viz.evaluation import Interval
from mia_viz.laboratory.sieve import EVERYTHING, Sieve, fremia
from mia_viz.targets.bundled import ASSETS
from mia_viz.whole import write_arrays

ALL_DETAIL, COARSE = 0, 1
"""What counts when answers are compared: every detail alike, or FreMIA's low-pass as in the walk's verdict."""
KEYS = ("noise_aggregation", "noise_aggregation lowpass:r=5,s=0.2")
"""Keys of the plans that score this way, in the order of ALL_DETAIL and COARSE."""


@dataclass(frozen=True, eq=False)
class KnownPicture:
    """A known picture (C, H, W) in [-1, 1] and the model's answers about it; caption: what the model was told."""

    name: str
    caption: str
    member: bool
    sha256: str
    values: np.ndarray
    noises: Noises


@dataclass(frozen=True, eq=False)
class Plane:
    """The two main axes (PCA) of the coarse offsets of n reference pictures.

    basis: (2, d) orthonormal. shares: (2,) of the reference's variance along each axis. points: (n, k, 2), offsets in
    the plane, see `project`. member: (n,) bool. image_sha256: of the prepared pixels.
    """

    basis: np.ndarray
    shares: np.ndarray
    points: np.ndarray
    member: np.ndarray
    image_sha256: tuple[str, ...]

    def project(self, noises: Noises) -> np.ndarray:
        """A picture's offsets in the plane, (k, 2), in root-mean-square units: an answer's distance bounds its own."""
        flat = coarse_offsets(noises).reshape(len(noises.levels), -1)
        return flat @ self.basis.T.astype(np.float64) / np.sqrt(flat.shape[1])

    def share(self, noises: Noises) -> float:
        """The part of a picture's own coarse variance that the plane shows, in [0, 1]."""
        whole = np.square(coarse_offsets(noises)).sum() / noises.predicted[0].size
        return float(np.square(self.project(noises)).sum() / max(whole, 1e-30))

    def group(self, member: bool, without: str = "") -> np.ndarray:
        """Points (n, k, 2) of members or hold-outs, leaving out the picture of one SHA-256."""
        return self.points[(self.member == member) & (np.array(self.image_sha256) != without)]


@dataclass(frozen=True, eq=False)
class SettingsGrid:
    """Noise aggregation of n known pictures under other settings than its own.

    strengths: (T,) levels the noise is injected at. counts: (K,) numbers of answers. scores: (2, T, K, n), oriented as
    ever, for ALL_DETAIL and COARSE; NaN where the walk would pass below level 0. auc: (2, T, K, 3), AUC with its 95 %
    interval. member: (n,) bool; image_sha256: of the prepared pixels.
    """

    strengths: tuple[int, ...]
    counts: tuple[int, ...]
    scores: np.ndarray
    auc: np.ndarray
    member: np.ndarray
    image_sha256: tuple[str, ...]

    def place(self, strength: int, count: int) -> tuple[int, int] | None:
        """Where a setting stands in the grid; None where it is not in it or cannot be walked."""
        if strength not in self.strengths or count not in self.counts:
            return None
        at = self.strengths.index(strength), self.counts.index(count)
        return None if np.isnan(self.scores[(0, *at)]).any() else at

    def distances(self, counting: int, strength: int, count: int, member: bool, without: str = "") -> np.ndarray:
        """Distances of a group's answers from their centre under one setting, (n,)."""
        rows = (self.member == member) & (np.array(self.image_sha256) != without)
        return distance_of(self.scores[(counting, *self.place(strength, count))][rows])

    def interval(self, counting: int, strength: int, count: int) -> Interval:
        """AUC of one setting with its 95 % interval."""
        return Interval(*(float(x) for x in self.auc[(counting, *self.place(strength, count))]))


@dataclass(frozen=True, eq=False)
class KnownNoises:
    """Everything stored about one target; pictures: members first, then hold-outs."""

    weights_sha256: str
    pictures: tuple[KnownPicture, ...]
    plane: Plane
    grid: SettingsGrid

    def group(self, member: bool) -> list[KnownPicture]:
        """The pictures of the matrix that the model was trained on, or those it never saw."""
        return [picture for picture in self.pictures if picture.member == member]


def coarse_offsets(noises: Noises) -> np.ndarray:
    """Offsets from the centroid through FreMIA's filter, (k, C, H, W): what the walk's verdict compares."""
    return counted(noises.offsets, COARSE)


def counted(offsets: np.ndarray, counting: int) -> np.ndarray:
    """Offsets (..., H, W) with all detail, or through FreMIA's filter."""
    sieve: Sieve = EVERYTHING if counting == ALL_DETAIL else fremia(offsets.shape[-1])
    return offsets if counting == ALL_DETAIL else sieve.apply(offsets)


def distance_of(score: np.ndarray | float) -> np.ndarray:
    """The root-mean-square distance from the centre behind a score S = -log C with C = 2 d^2 (eq. 15)."""
    return np.sqrt(np.exp(-np.asarray(score, dtype=np.float64)) / 2)


def fit_plane(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two main axes of centred rows (m, d): basis (2, d) and their shares of the variance (2,)."""
    _, values, axes = np.linalg.svd(offsets, full_matrices=False)
    variance = values**2
    return axes[:2], variance[:2] / max(variance.sum(), 1e-30)


def noises_file(target: str) -> Path:
    """Where a bundled target's answers lie."""
    return ASSETS / "noises" / f"{target}.npz"


@lru_cache(maxsize=8)
def known_noises(target: str) -> KnownNoises | None:
    """The stored answers of a bundled target, or None where there are none."""
    file = noises_file(target)
    return load(file) if file.is_file() else None


def save(known: KnownNoises, file: Path) -> None:
    """Write a compressed .npz without pickles; answers in half precision, pictures in 8 bits."""
    plane, grid = known.plane, known.grid
    arrays = {
        "plane.basis": plane.basis.astype(np.float32),
        "plane.shares": plane.shares.astype(np.float32),
        "plane.points": plane.points.astype(np.float32),
        "plane.member": plane.member,
        "grid.scores": grid.scores.astype(np.float32),
        "grid.auc": grid.auc.astype(np.float32),
        "grid.member": grid.member,
        "values": np.stack([_to_bytes(picture.values) for picture in known.pictures]),
        "predicted": np.stack([picture.noises.predicted.astype(np.float16) for picture in known.pictures]),
    }
    if known.pictures[0].noises.pictures is not None:
        arrays["implied"] = np.stack([picture.noises.pictures.astype(np.float16) for picture in known.pictures])
    facts = {
        "weights_sha256": known.weights_sha256,
        "levels": known.pictures[0].noises.levels,
        "pictures": [[p.name, p.caption, p.member, p.sha256] for p in known.pictures],
        "plane_sha256": plane.image_sha256,
        "strengths": grid.strengths,
        "counts": grid.counts,
        "grid_sha256": grid.image_sha256,
    }
    write_arrays(file, arrays, facts)


def load(file: Path) -> KnownNoises:
    """Read stored answers. Raises OSError, ValueError or KeyError when the file is missing or damaged."""
    with np.load(file, allow_pickle=False) as stored:
        facts = json.loads(stored["facts"].tobytes())
        arrays = {name: stored[name] for name in stored.files if name != "facts"}
    plane = Plane(
        *(arrays[f"plane.{n}"] for n in ("basis", "shares", "points", "member")), tuple(facts["plane_sha256"])
    )
    grid = SettingsGrid(
        tuple(facts["strengths"]),
        tuple(facts["counts"]),
        *(arrays[f"grid.{name}"] for name in ("scores", "auc", "member")),
        tuple(facts["grid_sha256"]),
    )
    return KnownNoises(facts["weights_sha256"], _pictures(facts, arrays), plane, grid)


def _pictures(facts: dict, arrays: dict[str, np.ndarray]) -> tuple[KnownPicture, ...]:
    levels: Sequence[int] = tuple(facts["levels"])
    implied = arrays.get("implied")
    found = []
    for i, (name, caption, member, sha256) in enumerate(facts["pictures"]):
        pictures = None if implied is None else implied[i].astype(np.float32)
        noises = Noises(levels, arrays["predicted"][i].astype(np.float32), pictures)
        values = arrays["values"][i].astype(np.float32) / 127.5 - 1
        found.append(KnownPicture(name, caption, member, sha256, values, noises))
    return tuple(found)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.rint((np.clip(values, -1, 1) + 1) * 127.5).astype(np.uint8)
