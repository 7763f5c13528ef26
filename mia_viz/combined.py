"""One statement from several attacks: a score learnt from the reference, with the picture treated like a hold-out.

A logistic regression weighs the attacks' standardised scores. No picture is scored by a model that was fitted on it
(K-fold cross-fitting). The picture in question joins the hold-outs before anything is fitted, as one of n + 1 of them:
it is dealt into a fold like the others and counts as never trained where it helps to fit. If it really is
exchangeable with the hold-outs, so are the n + 1 combined scores, and the rank p-value is valid at any n (full
conformal prediction; Vovk et al. 2005, section 2.2). Fitting once on the reference and scoring the picture with that
would treat the two differently, and only be approximately valid. The price is a fit per picture, and a member's
score is a little lower for having been called a hold-out, by one label among n + 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from mia_viz.strength import FEWEST
from mia_viz.verdict import STANDS_OUT

FOLDS = 5
REPEATS = 4
"""Random divisions into folds over which scores are averaged, so that no single one decides."""
SEED = 20_260_101
LIMIT = 4.0
"""Standard deviations at which a score stops pulling at a fit."""


@dataclass(frozen=True, eq=False)
class Combined:
    """One score from several attacks, larger = more member-like, on the scale of log-odds.

    score: the picture's. holdouts (n,), members (m,): the reference's, none scored by a model fitted on it.
    methods: the attacks it rests on, in order. weights: their mean coefficients per standard deviation.
    """

    score: float
    holdouts: np.ndarray
    members: np.ndarray
    methods: tuple[str, ...]
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Weigher:
    """A logistic regression on standardised scores: for pictures that took no part in fitting it.

    methods: the attacks in order. centre, scale, weights: (A,). intercept: log-odds at the centre, classes balanced.
    """

    methods: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: float

    def score(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """Combined scores (N,) from each attack's scores (N,)."""
        return self.score_table(_table(scores, self.methods))

    def score_table(self, table: np.ndarray) -> np.ndarray:
        """Combined scores (N,) from a table (N, A) with the attacks in order."""
        return (table - self.centre) / self.scale @ self.weights + self.intercept


def weigh(
    scores: Mapping[str, float], holdouts: Mapping[str, np.ndarray], members: Mapping[str, np.ndarray]
) -> Combined | None:
    """Combine a picture's scores by attack with those of hold-outs (n,) and members (m,).

    All arrays of a group list the same pictures in the same order. `mia_viz.verdict.judge` and
    `mia_viz.strength.strength` take the result's score, holdouts and members. None with fewer than FEWEST members or
    hold-outs; `mia_viz.verdict.rank_sums` does without members. Raises ValueError for numbers that are not finite.
    """
    methods = tuple(scores)
    own = _table({name: [value] for name, value in scores.items()}, methods)
    outside, inside = _table(holdouts, methods), _table(members, methods)
    if min(len(outside), len(inside)) < FEWEST:
        return None
    table = np.concatenate([own, outside, inside])
    labels = np.r_[np.zeros(1 + len(outside)), np.ones(len(inside))]
    rng = np.random.default_rng(SEED)
    total, weights = np.zeros(len(table)), np.zeros(len(methods))
    for _ in range(REPEATS):
        folds = _deal(labels, rng)
        for fold in range(FOLDS):
            left_out = folds == fold
            weigher = _fit(table[~left_out], labels[~left_out], methods)
            total[left_out] += weigher.score_table(table[left_out]) / REPEATS
            weights += weigher.weights / (REPEATS * FOLDS)
    n = 1 + len(outside)
    return Combined(float(total[0]), total[1:n], total[n:], methods, weights)


def fit_weigher(holdouts: Mapping[str, np.ndarray], members: Mapping[str, np.ndarray]) -> Weigher:
    """Fit on the whole reference: to score many pictures that are compared with one another, not with the reference.

    For a set of pictures: the suspect and the certainly unseen ones are all strangers to this fit, hence treated alike.
    Raises ValueError with fewer than FEWEST members or hold-outs.
    """
    methods = tuple(holdouts)
    outside, inside = _table(holdouts, methods), _table(members, methods)
    if min(len(outside), len(inside)) < FEWEST:
        raise ValueError(f"Combining methods needs at least {FEWEST} members and {FEWEST} never-trained pictures.")
    labels = np.r_[np.zeros(len(outside)), np.ones(len(inside))]
    return _fit(np.concatenate([outside, inside]), labels, methods)


def cross_fitted(
    holdouts: Mapping[str, np.ndarray], members: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Combined scores of the reference's own hold-outs (n,) and members (m,), each from models not fitted on it."""
    first = {name: values[0] for name, values in holdouts.items()}
    rest = {name: values[1:] for name, values in holdouts.items()}
    combined = weigh(first, rest, members)  # a hold-out in the picture's place is just one of the n
    if combined is None:
        raise ValueError(f"Combining methods needs more than {FEWEST} never-trained pictures and {FEWEST} members.")
    return np.r_[combined.score, combined.holdouts], combined.members


def _table(scores: Mapping[str, Sequence[float]], methods: tuple[str, ...]) -> np.ndarray:
    """Scores by attack as a table (N, A) of finite numbers."""
    table = np.stack([np.asarray(scores[name], dtype=np.float64) for name in methods], axis=1)
    if not np.isfinite(table).all():
        raise ValueError("Some scores are not finite numbers, so they cannot be combined.")
    return table


def _deal(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fold for every picture at random, each class spread evenly; says nothing of a picture's place in the list."""
    folds = np.empty(len(labels), dtype=np.int64)
    for label in (0, 1):
        own = labels == label
        folds[own] = rng.permutation(np.arange(own.sum()) % FOLDS)
    return folds


def _fit(table: np.ndarray, labels: np.ndarray, methods: tuple[str, ...]) -> Weigher:
    """One balanced logistic regression with scikit-learn's ridge penalty (C = 1), robust to single wild scores."""
    low, centre, high = np.percentile(table, [25, 50, 75], axis=0)
    spread = (high - low) / 1.349  # of a normal law: its standard deviation
    spread = np.where(spread > 0, spread, table.std(axis=0))  # counts may have no interquartile range
    scale = np.where(spread > 0, spread, 1.0)
    bounded = np.clip((table - centre) / scale, -LIMIT, LIMIT)
    fitted = LogisticRegression(class_weight="balanced", solver="newton-cholesky").fit(bounded, labels)
    return Weigher(methods, centre, scale, fitted.coef_[0], float(fitted.intercept_[0]))


def asked(combined: int, methods: int | None = None) -> str:
    """What asking several methods about one picture does to error rates, for the report.

    combined: methods behind the statement. methods: all that were asked, the combined ones where None.
    """
    methods = combined if methods is None else methods
    if methods == 1:
        return "One method was asked."
    often = min(1000, round(1000 * STANDS_OUT * methods))
    scores = "Their scores were" if combined == methods else f"The scores of {combined} of them were"
    return (
        f"{methods} methods were asked. {scores} combined into one statement by a rule fixed beforehand, and "
        f"only that statement is the result. Read one by one, at least one of {methods} methods may stand out by "
        f"chance for up to {often} in 1,000 pictures the model never saw."
    )
