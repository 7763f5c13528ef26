"""A filter learned from pictures of known membership: non-negative logistic regression on log band energies.

    logit P(member) = b - sum_i w_i z_i,   w_i >= 0,   z_i = standardised log10 energy in band i

No weight can be negative, so the regression may only say in which bands a small error counts, as the papers' filters
do, never that a large error does. It is our comparison, not a method of a paper. Weights and penalty are chosen on the
calibration pictures; the test pictures are only measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mia_viz.evaluation import Interval
from mia_viz.laboratory.reading import TINY, Spectra, delong, read
from mia_viz.laboratory.sieve import EVERYTHING, FCRE, Sieve, fremia, ring_of

GROUPS = 8
"""Bands the rings are joined into: few enough for some dozens of members."""
FOLDS = 5
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
SEED = 7


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted weights (bands,) >= 0, intercept, and the means and spreads (bands,) that standardise log energies."""

    weights: np.ndarray
    intercept: float
    means: np.ndarray
    spreads: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Log-odds of membership, (N, bands) log energies -> (N,)."""
        return self.intercept - ((features - self.means) / self.spreads) @ self.weights


@dataclass(frozen=True, eq=False)
class Learned:
    """A learned filter beside the papers' bands.

    edges: (bands + 1,) shares of Nyquist. weights: (bands,) per standard deviation of log energy. penalty: chosen.
    crossfitted: AUC on calibration pictures, each scored by a fit that did not see it. tests: AUC on the test pictures
    by name, "learned" first.
    """

    edges: np.ndarray
    weights: np.ndarray
    penalty: float
    crossfitted: Interval
    tests: dict[str, Interval]


def fit(features: np.ndarray, member: np.ndarray, penalty: float) -> Fit:
    """Minimise the class-balanced log loss + penalty * |w|^2 / 2 under w >= 0 (L-BFGS-B)."""
    from scipy.optimize import minimize

    means, spreads = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    table = (features - means) / spreads
    balance = np.where(member, 0.5 / member.sum(), 0.5 / (~member).sum())
    sign = np.where(member, 1.0, -1.0)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (values[0] - table @ values[1:])
        pull = -balance * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        slope = np.r_[pull.sum(), -(table.T @ pull) + penalty * values[1:]]
        return float(balance @ np.logaddexp(0, -margin) + penalty * values[1:] @ values[1:] / 2), slope

    bounds = [(None, None)] + [(0, None)] * table.shape[1]
    found = minimize(loss, np.zeros(1 + table.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Fit(found[1:], float(found[0]), means, spreads)


def crossfit(features: np.ndarray, member: np.ndarray, penalty: float, folds: int = FOLDS) -> np.ndarray:
    """Log-odds of every picture (N,) from a fit to the folds it is not in; folds are dealt within each group."""
    dealt = np.empty(len(member), dtype=int)
    rng = np.random.default_rng(SEED)
    for group in (member, ~member):
        dealt[group] = rng.permutation(np.arange(group.sum()) % folds)
    scores = np.empty(len(member))
    for fold in range(folds):
        held = dealt == fold
        scores[held] = fit(features[~held], member[~held], penalty).scores(features[held])
    return scores


def learn(known: Spectra) -> Learned:
    """Learn weights on the calibration pictures and compare them with the papers' bands on the test pictures.

    Raises ValueError with fewer than 2 * FOLDS members or hold-outs, or without test pictures.
    """
    calibration, test = ~known.test, known.test
    if min(known.group(m, False).sum() for m in (True, False)) < 2 * FOLDS or not test.any():
        raise ValueError("There are too few pictures of known membership to learn a filter from.")
    features, edges = band_features(known)
    inside, member = features[calibration], known.member[calibration]
    tried = [(crossfit(inside, member, penalty), penalty) for penalty in PENALTIES]
    scores, penalty = min(tried, key=lambda pair: _log_loss(pair[0], member))
    fitted = fit(inside, member, penalty)
    judged = fitted.scores(features)
    tests = {"learned": delong(judged[known.group(True, True)], judged[known.group(False, True)])}
    for name, sieve in compared(known).items():
        tests[name] = read(known, sieve).test
    return Learned(edges, fitted.weights, penalty, delong(scores[member], scores[~member]), tests)


def compared(known: Spectra) -> dict[str, Sieve]:
    """The filters a learned one is compared with."""
    return {"everything": EVERYTHING, "FreMIA": fremia(known.height), "FCRE": FCRE}


def band_features(known: Spectra, groups: int = GROUPS) -> tuple[np.ndarray, np.ndarray]:
    """log10 energy per group of rings (M, bands) and the groups' edges in shares of Nyquist; empty ones are joined."""
    edges = np.linspace(0, known.bands, groups + 1).round().astype(int)
    counts = np.r_[0, np.cumsum(ring_of(known.height, known.width, known.bands)[1])]
    kept = [0]
    for edge in edges[1:]:
        if counts[edge] > counts[kept[-1]]:
            kept.append(int(edge))
    kept[-1] = known.bands
    sums = np.add.reduceat(known.energy, kept[:-1], axis=1)
    shares = np.array(kept) / known.bands * np.hypot(*(2 * (n // 2) / n for n in (known.height, known.width)))
    return np.log10(np.maximum(sums, TINY)), shares


def _log_loss(scores: np.ndarray, member: np.ndarray) -> float:
    """Class-balanced log loss."""
    loss = np.logaddexp(0, np.where(member, -scores, scores))
    return float(loss[member].mean() + loss[~member].mean())
