"""How well scores tell members from hold-outs: ROC, AUC, low-FPR operating points, intervals. Pure numpy.

Scores are 1-D arrays, larger = more member-like; a picture counts as a member when its score is at least the
threshold. Everything is measured on one set of pictures (the test split); a threshold that claims to be
usable in practice is chosen on another (the calibration split), and what it then does on the test split is
reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
SEED = 20_260_101
CHUNK_VALUES = 4_000_000
"""Most numbers a bootstrap holds at once (32 MB of int64)."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of the members (m,) and the hold-outs (n,) of one split, float64, larger = more member-like."""

    members: np.ndarray
    holdouts: np.ndarray

    def __post_init__(self) -> None:
        if len(self.members) == 0 or len(self.holdouts) == 0:
            raise ValueError("Scores can only be evaluated with at least one member and one hold-out.")
        if not (np.isfinite(self.members).all() and np.isfinite(self.holdouts).all()):
            raise ValueError("Some scores are not finite numbers, so they cannot be evaluated.")

    @property
    def labels(self) -> np.ndarray:
        """1 for members, 0 for hold-outs, (m + n,), in the order of `pooled`."""
        return np.r_[np.ones(len(self.members)), np.zeros(len(self.holdouts))]

    @property
    def pooled(self) -> np.ndarray:
        """Members first, then hold-outs, (m + n,)."""
        return np.r_[self.members, self.holdouts]


@dataclass(frozen=True, eq=False)
class Roc:
    """Empirical ROC points from (0, 0) to (1, 1); a share tpr[i] of the members reaches threshold[i]."""

    fpr: np.ndarray
    tpr: np.ndarray
    threshold: np.ndarray


@dataclass(frozen=True)
class Metrics:
    """What one score achieves on the test split.

    tpr_1, tpr_01: TPR at an FPR of at most 1 % and 0.1 %, None with fewer than 100 and 1000 hold-outs.
    asr_oracle: best balanced accuracy over thresholds chosen on the test split itself. asr_calibrated:
    balanced accuracy at the threshold best on calibration. fpr_at_5, tpr_at_5: rates realised by the
    threshold that allows 5 % false positives on calibration. These three are None without a calibration
    split. tpr_1_interval, tpr_01_interval, asr_interval: of tpr_1, tpr_01 and asr_calibrated, central 95 % over
    pictures drawn again; the rates' threshold moves with the hold-outs drawn, the calibrated one stays.
    """

    auc: Interval
    tpr_1: float | None
    tpr_01: float | None
    asr_oracle: float
    asr_calibrated: float | None
    fpr_at_5: float | None
    tpr_at_5: float | None
    members: int
    holdouts: int
    tpr_1_interval: tuple[float, float] | None = None
    tpr_01_interval: tuple[float, float] | None = None
    asr_interval: tuple[float, float] | None = None


def roc(scores: Scores) -> Roc:
    """Every point of the empirical ROC curve."""
    from sklearn.metrics import roc_curve  # seconds to load, and the app needs this module before any curve is drawn

    fpr, tpr, threshold = roc_curve(scores.labels, scores.pooled, drop_intermediate=False)
    return Roc(fpr, tpr, threshold)


def auc(scores: Scores) -> float:
    """Area under the ROC curve: how often a member scores above a hold-out, ties counting one half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(scores.labels, scores.pooled))


def auc_interval(scores: Scores, resamples: int = RESAMPLES, seed: int = SEED) -> Interval:
    """AUC with its 95 % percentile bootstrap interval over pictures."""
    drawn = resampled_aucs([scores], resamples, seed)[0]
    return Interval(auc(scores), *_middle(drawn))


def auc_difference(first: Scores, second: Scores, resamples: int = RESAMPLES, seed: int = SEED) -> Interval:
    """AUC of `first` less that of `second` on the same pictures in the same order, with its paired interval.

    Both are recomputed on the same resampled pictures, so what makes a picture easy for both cancels out.
    Raises ValueError when the two do not hold equally many pictures.
    """
    if len(first.members) != len(second.members) or len(first.holdouts) != len(second.holdouts):
        raise ValueError("Two scores can only be compared on the same pictures.")
    drawn = resampled_aucs([first, second], resamples, seed)
    return Interval(auc(first) - auc(second), *_middle(drawn[0] - drawn[1]))


def resampled_aucs(columns: list[Scores], resamples: int, seed: int) -> np.ndarray:
    """AUC of every column under the same bootstrap resamples, (len(columns), resamples).

    Members and hold-outs are drawn separately, each as often as there are of them.
    """
    m, n = len(columns[0].members), len(columns[0].holdouts)
    rng = np.random.default_rng(seed)
    chunk = max(1, CHUNK_VALUES // (m + n))
    parts = []
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        counts = [rng.multinomial(k, np.full(k, 1 / k), size=size) for k in (m, n)]
        parts.append(np.stack([_weighted_auc(column, *counts) for column in columns]))
    return np.concatenate(parts, axis=1)


def _weighted_auc(scores: Scores, member_counts: np.ndarray, holdout_counts: np.ndarray) -> np.ndarray:
    """AUC with every picture counted as often as it was drawn; counts (R, m) and (R, n) -> (R,)."""
    order = np.argsort(scores.pooled, kind="stable")
    values = scores.pooled[order]
    groups = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])  # ties form one group
    nothing = [np.zeros_like(counts) for counts in (member_counts, holdout_counts)]
    inside = np.concatenate([member_counts, nothing[1]], axis=1)[:, order]
    outside = np.concatenate([nothing[0], holdout_counts], axis=1)[:, order]
    inside = np.add.reduceat(inside, groups, axis=1)
    outside = np.add.reduceat(outside, groups, axis=1)
    below = outside.cumsum(axis=1) - outside
    wins = (inside * (below + outside / 2)).sum(axis=1)
    return wins / (member_counts.sum(axis=1) * holdout_counts.sum(axis=1))


def _middle(values: np.ndarray) -> tuple[float, float]:
    """The central 95 % of values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def tpr_at(scores: Scores, fpr: float) -> float | None:
    """Largest TPR among thresholds of an FPR of at most `fpr`; None with fewer than 1/fpr hold-outs."""
    if len(scores.holdouts) < round(1 / fpr):
        return None
    return rates(scores, threshold_at(scores.holdouts, fpr))[0]


def threshold_at(holdouts: np.ndarray, fpr: float) -> float:
    """The lowest threshold that at most a share `fpr` of these hold-outs reaches."""
    allowed = int(np.floor(fpr * len(holdouts) + 1e-9))
    if allowed >= len(holdouts):
        return float(holdouts.min())
    return float(np.nextafter(np.sort(holdouts)[::-1][allowed], np.inf))


def rates(scores: Scores, threshold: float) -> tuple[float, float]:
    """(TPR, FPR) of a threshold."""
    return float((scores.members >= threshold).mean()), float((scores.holdouts >= threshold).mean())


def accuracy(scores: Scores, threshold: float) -> float:
    """Balanced accuracy (TPR + 1 - FPR) / 2 of a threshold: the attack success rate (ASR)."""
    tpr, fpr = rates(scores, threshold)
    return (tpr + 1 - fpr) / 2


def best_threshold(scores: Scores) -> float:
    """The threshold of the largest balanced accuracy on these scores; the strictest of several."""
    curve = roc(scores)
    return float(curve.threshold[np.argmax(curve.tpr - curve.fpr)])


def shuffled_auc(scores: Scores, shuffles: int = RESAMPLES, seed: int = SEED) -> Interval:
    """Mean AUC and central 95 % when membership is dealt out at random: what these scores reach by chance."""
    rng = np.random.default_rng(seed)
    m, n = len(scores.members), len(scores.holdouts)
    chunk, parts = max(1, CHUNK_VALUES // (m + n)), []
    both = Scores(scores.pooled, scores.pooled)  # every picture may be drawn as either
    for start in range(0, shuffles, chunk):
        size = min(chunk, shuffles - start)
        chosen = rng.permuted(np.tile(np.arange(m + n) < m, (size, 1)), axis=1).astype(np.int64)
        parts.append(_weighted_auc(both, chosen, 1 - chosen))
    drawn = np.concatenate(parts)
    return Interval(float(drawn.mean()), *_middle(drawn))


def measure(test: Scores, calibration: Scores | None = None) -> Metrics:
    """All metrics of one score on the test split, with thresholds from the calibration split, if any."""
    calibrated, around, at_5 = None, None, (None, None)
    if calibration is not None:
        threshold = best_threshold(calibration)
        calibrated, around = accuracy(test, threshold), accuracy_interval(test, threshold)
        at_5 = rates(test, threshold_at(calibration.holdouts, 0.05))
    return Metrics(
        auc_interval(test),
        tpr_at(test, 0.01),
        tpr_at(test, 0.001),
        accuracy(test, best_threshold(test)),
        calibrated,
        at_5[1],
        at_5[0],
        len(test.members),
        len(test.holdouts),
        tpr_interval(test, 0.01),
        tpr_interval(test, 0.001),
        around,
    )


def tpr_interval(scores: Scores, fpr: float) -> tuple[float, float] | None:
    """Central 95 % of `tpr_at` under resampling of pictures; None where that is."""
    if len(scores.holdouts) < round(1 / fpr):
        return None
    low, high = roc_band(scores, np.array([fpr]), RESAMPLES)
    return float(low[0]), float(high[0])


def accuracy_interval(
    scores: Scores, threshold: float, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Central 95 % of `accuracy` under resampling of pictures, the threshold staying where it is."""
    rng = np.random.default_rng(seed)
    tpr, fpr = rates(scores, threshold)  # pictures drawn again exceed a fixed threshold as binomials do
    m, n = len(scores.members), len(scores.holdouts)
    return _middle((rng.binomial(m, tpr, resamples) / m + 1 - rng.binomial(n, fpr, resamples) / n) / 2)


def roc_band(scores: Scores, fpr: np.ndarray, resamples: int = 500, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Central 95 % of the TPR at given false-positive rates under resampling of pictures, two arrays (len(fpr),).

    At every rate the threshold is the one that at most this share of the resampled hold-outs exceeds.
    """
    rng = np.random.default_rng(seed)
    n = len(scores.holdouts)
    outside = -np.sort(-rng.choice(scores.holdouts, (resamples, n)), axis=1)
    inside = rng.choice(scores.members, (resamples, len(scores.members)))
    allowed = np.minimum((fpr * n + 1e-9).astype(int), n - 1)
    tpr = np.stack([(inside > outside[:, k, None]).mean(axis=1) for k in allowed])
    low, high = np.percentile(tpr, [2.5, 97.5], axis=1)
    return low, high
