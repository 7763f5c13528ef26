"""What a cheaper precision does to an attack: whether it still ranks pictures as the first precision does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from torch import Tensor

from mia_viz.analysis import run
from mia_viz.bench import Job
from mia_viz.evaluation import Scores, auc
from mia_viz.probe import Probe
from mia_viz.targets.target import Target

CHUNK = 16
RANKS_KEPT = 0.99
"""Least rank correlation at which ranks count as unchanged."""
AUC_KEPT = 0.005
"""Largest change of an AUC that counts as none."""


@dataclass(frozen=True)
class Kept:
    """A precision's scores against the first precision's; of a job with several rows, the row that differs most.

    spearman: rank correlation over pictures. auc: of members against hold-outs, with its value in the first precision;
    both None where membership is unknown. unchanged: within RANKS_KEPT and AUC_KEPT.
    """

    spearman: float
    auc: float | None
    auc_first: float | None
    unchanged: bool


def scores(
    target: Target, jobs: Sequence[Job], pictures: Tensor, report: Callable[[int, int], None] = lambda done, total: None
) -> list[np.ndarray]:
    """Scores (rows, N) of every job for pictures (N, *picture_shape) in [-1, 1], with the noise named by content."""
    parts: list[list[np.ndarray]] = [[] for _ in jobs]
    for start in range(0, len(pictures), CHUNK):
        probe = Probe.of(target, pictures[start : start + CHUNK])
        for i, job in enumerate(jobs):
            parts[i].append(np.stack([run(probe, chosen).score for chosen in job.plans]))
        report(min(start + CHUNK, len(pictures)), len(pictures))
    return [np.concatenate(chunks, axis=1) for chunks in parts]


def compare(first: np.ndarray, other: np.ndarray, member: np.ndarray | None = None) -> Kept:
    """Scores (rows, N) of the same pictures in two precisions; member: (N,) bool or None where unknown.

    Scores that are not finite count as changed.
    """
    spearman = min(rank_correlation(a, b) for a, b in zip(first, other, strict=True))
    pair: tuple[float | None, float | None] = (None, None)
    if member is not None and np.isfinite(first).all() and np.isfinite(other).all():
        pairs = [tuple(auc(Scores(x[member], x[~member])) for x in (a, b)) for a, b in zip(first, other, strict=True)]
        pair = max(pairs, key=lambda p: abs(p[0] - p[1]))
    same = spearman >= RANKS_KEPT and (pair[0] is None or abs(pair[0] - pair[1]) <= AUC_KEPT)
    return Kept(spearman, pair[1], pair[0], bool(same))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation, ties sharing a rank.

    1 for two constants; 0 where only one of the two varies, and where a number is not finite.
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0
    ranks = [rankdata(x) - (len(x) + 1) / 2 for x in (a, b)]
    spread = [float(r @ r) for r in ranks]
    if min(spread) == 0:
        return 1.0 if max(spread) == 0 else 0.0
    return float(ranks[0] @ ranks[1]) / (spread[0] * spread[1]) ** 0.5
