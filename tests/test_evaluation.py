"""Metrics against scikit-learn and brute force; intervals against repeated simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from mia_viz.evaluation import (
    Scores,
    accuracy,
    accuracy_interval,
    auc,
    auc_difference,
    auc_interval,
    best_threshold,
    measure,
    rates,
    resampled_aucs,
    roc,
    roc_band,
    shuffled_auc,
    threshold_at,
    tpr_at,
    tpr_interval,
)


def normal(m: int, n: int, shift: float = 1.0, seed: int = 0, digits: int | None = None) -> Scores:
    """Members shifted upwards; `digits` rounds, which makes ties."""
    rng = np.random.default_rng(seed)
    members, holdouts = rng.normal(shift, 1, m), rng.normal(0, 1, n)
    return Scores(members, holdouts) if digits is None else Scores(members.round(digits), holdouts.round(digits))


@pytest.mark.parametrize("digits", [None, 0])
def test_auc_counts_pairs(digits):
    scores = normal(13, 17, digits=digits)
    gaps = scores.members[:, None] - scores.holdouts
    assert auc(scores) == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())


@pytest.mark.parametrize("digits", [None, 0])
def test_resampled_auc_is_the_auc_of_the_resample(digits):
    scores = normal(9, 14, digits=digits)
    drawn = resampled_aucs([scores], 20, seed=4)[0]
    rng = np.random.default_rng(4)
    inside = rng.multinomial(9, np.full(9, 1 / 9), size=20)
    outside = rng.multinomial(14, np.full(14, 1 / 14), size=20)
    for i in range(20):
        members = np.repeat(scores.members, inside[i])
        holdouts = np.repeat(scores.holdouts, outside[i])
        truth = np.r_[np.ones(9), np.zeros(14)]
        assert drawn[i] == pytest.approx(roc_auc_score(truth, np.r_[members, holdouts]))


def test_resampling_in_chunks_is_random_and_complete(monkeypatch):
    monkeypatch.setattr("mia_viz.evaluation.CHUNK_VALUES", 70)
    drawn = resampled_aucs([normal(9, 14)], 20, seed=4)
    assert drawn.shape == (1, 20)
    assert len(np.unique(drawn)) > 10


def test_auc_interval_covers_the_truth():
    truth = 0.7602  # Phi(1 / sqrt 2)
    hits = [normal(40, 60, seed=i) for i in range(200)]
    covered = [interval.low <= truth <= interval.high for interval in (auc_interval(s, 400) for s in hits)]
    assert 0.90 <= np.mean(covered) <= 0.99


def test_paired_interval_is_narrower_and_covers():
    truth, covered = 0.0, []
    for i in range(150):
        rng = np.random.default_rng([i, 1])
        base = normal(40, 60, seed=i)
        first, second = (
            Scores(base.members + rng.normal(0, 0.2, 40), base.holdouts + rng.normal(0, 0.2, 60)) for _ in range(2)
        )
        gap = auc_difference(first, second, 300)
        covered.append(gap.low <= truth <= gap.high)
    assert np.mean(covered) >= 0.90
    alone = auc_interval(first, 300)
    assert gap.high - gap.low < 0.7 * (alone.high - alone.low)


def test_a_score_does_not_differ_from_itself():
    scores = normal(30, 30)
    gap = auc_difference(scores, Scores(2 * scores.members + 1, 2 * scores.holdouts + 1))
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)


@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize("fpr", [0.01, 0.05, 0.5])
def test_tpr_at_is_the_best_allowed_threshold(digits, fpr):
    scores = normal(50, 130, digits=digits)
    every = np.r_[scores.members, scores.holdouts, np.inf]
    allowed = [rates(scores, t)[0] for t in every if rates(scores, t)[1] <= fpr]
    assert tpr_at(scores, fpr) == max(allowed)


def test_the_interval_of_a_rate_covers_the_truth():
    """Of members and hold-outs one standard deviation apart: the share above the hold-outs' 99th percentile."""
    truth = norm.cdf(1.0 - norm.ppf(0.99))
    intervals = [tpr_interval(normal(150, 400, shift=1.0, seed=k), 0.01) for k in range(60)]
    assert np.mean([low <= truth <= high for low, high in intervals]) > 0.85
    assert tpr_interval(normal(50, 99), 0.01) is None
    apart = normal(50, 100, shift=9.0)
    assert tpr_interval(apart, 0.01) == (1.0, 1.0)


def test_the_interval_of_an_accuracy_is_that_of_its_two_shares():
    scores = normal(200, 300, shift=1.0)
    (tpr, fpr), (low, high) = rates(scores, 0.5), accuracy_interval(scores, 0.5)
    spread = 1.96 * np.sqrt(tpr * (1 - tpr) / 200 + fpr * (1 - fpr) / 300) / 2
    assert high - low == pytest.approx(2 * spread, rel=0.1)
    assert (low + high) / 2 == pytest.approx(accuracy(scores, 0.5), abs=0.005)


def test_tpr_at_needs_enough_holdouts():
    assert tpr_at(normal(50, 99), 0.01) is None
    assert tpr_at(normal(50, 100), 0.01) is not None
    assert tpr_at(normal(50, 999), 0.001) is None
    assert tpr_at(normal(50, 1000), 0.001) is not None


def test_threshold_keeps_its_promise_with_ties():
    holdouts = np.array([0.0] * 90 + [1.0] * 10)
    assert (holdouts >= threshold_at(holdouts, 0.05)).mean() == 0
    assert (holdouts >= threshold_at(holdouts, 0.10)).mean() == 0.10
    assert (holdouts >= threshold_at(holdouts, 1.0)).mean() == 1


@pytest.mark.parametrize("digits", [None, 1])
def test_oracle_accuracy_is_the_maximum(digits):
    scores = normal(25, 35, digits=digits)
    every = np.r_[scores.members, scores.holdouts, np.inf]
    assert accuracy(scores, best_threshold(scores)) == max(accuracy(scores, t) for t in every)


def test_roc_runs_from_corner_to_corner():
    curve = roc(normal(20, 20))
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(auc(normal(20, 20)))


def test_shuffled_labels_are_chance():
    chance = shuffled_auc(normal(40, 60, shift=3.0))
    assert chance.value == pytest.approx(0.5, abs=0.01)
    # Wilcoxon's variance of the AUC under chance: (m + n + 1) / (12 m n).
    spread = 1.96 * np.sqrt(101 / (12 * 40 * 60))
    assert chance.high - chance.low == pytest.approx(2 * spread, rel=0.1)


def test_thresholds_come_from_calibration():
    test, calibration = normal(40, 200, seed=1), normal(40, 200, seed=2)
    found = measure(test, calibration)
    assert found.asr_calibrated == accuracy(test, best_threshold(calibration)) <= found.asr_oracle
    assert found.fpr_at_5 == rates(test, threshold_at(calibration.holdouts, 0.05))[1]
    assert (found.members, found.holdouts, found.tpr_01) == (40, 200, None)
    alone = measure(test)
    assert (alone.asr_calibrated, alone.fpr_at_5, alone.tpr_at_5) == (None, None, None)


def test_what_cannot_be_evaluated_is_refused():
    for members, holdouts in (([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([1.0], [np.inf])):
        with pytest.raises(ValueError, match=r"finite|at least one"):
            Scores(np.array(members), np.array(holdouts))
    with pytest.raises(ValueError, match="same pictures"):
        auc_difference(normal(5, 5), normal(5, 6))


def test_the_roc_band_holds_the_true_curve():
    """Binormal scores with a known ROC: the 95 % band covers TPR(10 %) in at least 85 of 100 samples."""
    truth = norm.cdf(1.5 + norm.ppf(0.1))
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        sample = Scores(rng.standard_normal(80) + 1.5, rng.standard_normal(300))
        low, high = roc_band(sample, np.array([0.1]), resamples=200)
        covered += low[0] <= truth <= high[0]
    assert covered >= 85
