"""Are members and hold-outs of one kind? What must hold before any attack's AUC on them means something.

A score can only show memory where nothing else tells the two groups apart. So: no picture may be in both, sizes,
formats and brightness must agree, and a classifier that never sees the model must not separate them. The blind
classifier is a logistic regression on features that need no model (`difficulty`, `exchangeability`) and, where a target
is known, on a score with its knowledge taken out (`blind`), each picture scored by a fit without its fold; such blind
baselines beat most published attacks on mismatched data (Das et al. 2024, arXiv 2406.16201).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mia_viz.difficulty import FEATURES as DIFFICULTY
from mia_viz.difficulty import difficulty
from mia_viz.duplicates import NEAR_DUPLICATE, correlate, fine_structure, usual_correlation
from mia_viz.evaluation import Interval, Scores, auc_interval
from mia_viz.exchangeability import FEATURES as DESCRIPTION
from mia_viz.exchangeability import describe
from mia_viz.pictures.picture import Picture
from mia_viz.pictures.prepare import prepare

if TYPE_CHECKING:
    from mia_viz.targets.target import Target

SIDE = 64
"""Pixels per side at which pictures are compared with one another."""
SHIFTS = 2
FOLDS, REPEATS = 5, 5
LEAST = 10
"""Pictures per group that a blind classifier needs."""
RARE = 0.01
"""p-value, divided among all measures, from which a shift is reported."""
BLIND = "structure kept without the model"
MEASURES = ("width", "height", "bytes per pixel", "brightness", "contrast", "fine detail")


@dataclass(frozen=True)
class Pair:
    """A member and a hold-out that are the same picture (exact) or nearly so, with their correlation."""

    member: str
    holdout: str
    exact: bool
    correlation: float


@dataclass(frozen=True)
class Shift:
    """One measure: medians of both groups, share of pairs in which the member's is larger, and its p-value.

    share: the AUC of this measure alone, ties one half. p_value: Mann-Whitney, two-sided. shifted: whether it is below
    RARE after division by the number of measures.
    """

    measure: str
    members: float
    holdouts: float
    share: float
    p_value: float
    shifted: bool


@dataclass(frozen=True)
class DataCheck:
    """What was found about two groups.

    formats: stored form ("L 8 bit") with its count among members and hold-outs. blind: AUC of the classifier without
    the model and its 95 % interval; None with fewer than LEAST pictures in a group. weights: features that weigh most.
    """

    members: int
    holdouts: int
    pairs: tuple[Pair, ...]
    formats: tuple[tuple[str, int, int], ...]
    shifts: tuple[Shift, ...]
    blind: Interval | None
    weights: tuple[str, ...]

    @property
    def separated(self) -> bool:
        """Whether the two groups can be told apart without any model."""
        return self.blind is not None and self.blind.low > 0.5

    @property
    def usable(self) -> bool:
        """Whether nothing was found that forbids an evaluation."""
        return not self.pairs and not self.separated and self.blind is not None

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if self.separated:
            return (
                f"Without any model the two groups can be told apart (AUC {self.blind}), so an attack's AUC on them "
                "means nothing: it may only see that the pictures differ."
            )
        if self.pairs:
            return "Some pictures are in both groups, or nearly so; take them out before anything is measured."
        if self.blind is None:
            return f"With fewer than {LEAST} pictures in a group it cannot be said whether the two are of one kind."
        return (
            f"Without a model the two groups cannot be told apart (AUC {self.blind}); "
            f"an attack has to exceed {max(self.blind.high, 0.5):.2f} before it says anything about the model."
        )


def check_data(
    members: Sequence[Picture], holdouts: Sequence[Picture], seed: int = 0, target: Target | None = None
) -> DataCheck:
    """Compare two groups of opened pictures. Raises ValueError where one is empty.

    target: the model they are for; its network is not asked.
    """
    if not members or not holdouts:
        raise ValueError("Both folders need at least one picture.")
    everything = [*members, *holdouts]
    small = np.stack([prepare(picture, (SIDE, SIDE), 1, "fit").values for picture in everything])
    inside = np.arange(len(everything)) < len(members)
    measures = np.column_stack([_measures(everything), _looks(small)])
    blind, weights = blind_classifier(features(small, _blind_scores(target, everything)), inside, seed)
    return DataCheck(
        len(members),
        len(holdouts),
        pairs_between(members, holdouts, small[inside], small[~inside]),
        _formats(members, holdouts),
        tuple(_shift(name, column, inside) for name, column in zip(MEASURES, measures.T, strict=True)),
        blind,
        weights,
    )


def features(pictures: np.ndarray, blind: np.ndarray | None = None) -> np.ndarray:
    """What is known of pictures (N, C, H, W) in [-1, 1] without a model, (N, 13), and any blind scores (N, E)."""
    return np.hstack([difficulty(pictures), describe(pictures, blind)])


def _blind_scores(target: Target | None, pictures: Sequence[Picture]) -> np.ndarray | None:
    """Scores (N, E) of pictures with a target's knowledge taken out, fitted into its size; None where it has none."""
    if target is None:
        return None
    from mia_viz.blind import blind_scores

    channels, *size = target.picture_shape
    fitted = np.stack([prepare(picture, tuple(size), channels, "fit").values for picture in pictures])
    return blind_scores(target, fitted)


def blind_classifier(table: np.ndarray, inside: np.ndarray, seed: int = 0) -> tuple[Interval | None, tuple[str, ...]]:
    """AUC with its interval of a cross-validated logistic regression, features (N, F), and what weighs most in it.

    Scores are means over REPEATS stratified splits into FOLDS, each picture scored by fits without it. The interval
    resamples pictures, not fits, so it is somewhat narrow; groups that do not differ often come out a little below one
    half, as a picture left out moves the mean of its group away from it. None, and no names, with fewer than LEAST.
    """
    if min(inside.sum(), (~inside).sum()) < LEAST:
        return None, ()
    scores = np.zeros(len(table))
    for repeat in range(REPEATS):
        for fitted, left_out in StratifiedKFold(FOLDS, shuffle=True, random_state=seed + repeat).split(table, inside):
            model = _model().fit(table[fitted], inside[fitted])
            scores[left_out] += model.decision_function(table[left_out]) / REPEATS
    weights = _model().fit(table, inside)[-1].coef_[0]
    names = (*DIFFICULTY, *DESCRIPTION, BLIND)
    order = np.argsort(-np.abs(weights))[:3]
    return auc_interval(Scores(scores[inside], scores[~inside])), tuple(names[k] for k in order)


def _model() -> object:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))


def pairs_between(
    members: Sequence[Picture], holdouts: Sequence[Picture], inside: np.ndarray, outside: np.ndarray
) -> tuple[Pair, ...]:
    """Pictures that are in both groups: equal files or pixels, or fine structure that correlates at small shifts.

    inside (m, 1, H, W), outside (n, 1, H, W): the same pictures at a common size. The threshold of correlation is that
    of `duplicates`: NEAR_DUPLICATE, or higher where pictures of one group are alike. Flat pictures match exactly only.
    """
    structure = fine_structure(inside)
    threshold = max(NEAR_DUPLICATE, (1 + usual_correlation(structure)) / 2)
    by_pixels = {}
    for k, picture in enumerate(members):
        by_pixels.setdefault(_pixels(picture), k)
        by_pixels.setdefault(picture.sha256, k)
    found = []
    for picture, own in zip(holdouts, fine_structure(outside), strict=True):
        same = by_pixels.get(picture.sha256, by_pixels.get(_pixels(picture)))
        if same is not None:
            found.append(Pair(members[same].name, picture.name, True, 1.0))
            continue
        best, _ = correlate(own, structure, SHIFTS)
        k = int(best.argmax())
        if best[k] >= threshold:
            found.append(Pair(members[k].name, picture.name, False, float(best[k])))
    return tuple(found)


def _pixels(picture: Picture) -> bytes:
    """What two pictures with the same pixels share, whatever their file format."""
    return str(picture.pixels.shape).encode() + np.ascontiguousarray(picture.pixels).tobytes()


def _measures(pictures: Sequence[Picture]) -> np.ndarray:
    """Width, height, and bytes per pixel of the file, (N, 3)."""
    sizes = np.array([p.pixels.shape[:2] for p in pictures], dtype=np.float64)
    density = np.array([p.byte_size for p in pictures]) / sizes.prod(axis=1)
    return np.column_stack([sizes[:, 1], sizes[:, 0], density])


def _looks(small: np.ndarray) -> np.ndarray:
    """Brightness (0 to 1), contrast (standard deviation) and log10 fine detail at the common size, (N, 3)."""
    grey = (small + 1) / 2
    return np.column_stack([grey.mean(axis=(1, 2, 3)), grey.std(axis=(1, 2, 3)), difficulty(small)[:, 0]])


def _shift(name: str, values: np.ndarray, inside: np.ndarray) -> Shift:
    members, holdouts = values[inside], values[~inside]
    share, p_value = 0.5, 1.0
    if np.ptp(values) > 0:
        test = mannwhitneyu(members, holdouts)
        share, p_value = float(test.statistic / (len(members) * len(holdouts))), float(test.pvalue)
    medians = float(np.median(members)), float(np.median(holdouts))
    return Shift(name, *medians, share, p_value, p_value < RARE / len(MEASURES))


def _formats(members: Sequence[Picture], holdouts: Sequence[Picture]) -> tuple[tuple[str, int, int], ...]:
    groups = [[f"{p.mode} {p.bits} bit" for p in group] for group in (members, holdouts)]
    return tuple((name, groups[0].count(name), groups[1].count(name)) for name in sorted({*groups[0], *groups[1]}))
