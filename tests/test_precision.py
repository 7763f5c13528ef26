"""Whether a precision keeps ranks and AUC: against SciPy and scikit-learn, and on a real network."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from mia_viz.analysis import plan, run
from mia_viz.bench import Job
from mia_viz.precision import compare, rank_correlation, scores
from mia_viz.probe import Probe


@pytest.mark.parametrize("digits", [None, 0])
def test_rank_correlation_is_spearmans(digits):
    rng = np.random.default_rng(0)
    a = rng.normal(size=40)
    b = a + rng.normal(size=40)
    a, b = (x if digits is None else x.round(digits) for x in (a, b))
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_edges_of_rank_correlation():
    assert rank_correlation(np.ones(4), np.ones(4)) == 1
    assert rank_correlation(np.ones(4), np.arange(4.0)) == 0
    assert rank_correlation(np.arange(4.0), np.array([0, 1, 2, np.nan])) == 0


def test_the_row_that_differs_most_decides():
    rng = np.random.default_rng(1)
    first = rng.normal(size=(3, 50))
    other = first.copy()
    other[1] += rng.normal(size=50)
    member = np.arange(50) < 25
    kept = compare(first, other, member)
    assert kept.spearman == pytest.approx(spearmanr(first[1], other[1]).statistic)
    assert kept.auc_first == pytest.approx(roc_auc_score(member, first[1]))
    assert kept.auc == pytest.approx(roc_auc_score(member, other[1]))
    assert not kept.unchanged
    assert compare(first, 2 * first + 1, member).unchanged
    assert compare(first, first).auc is None
    assert not compare(first, np.where(first > 1, np.nan, first), member).unchanged


def test_an_auc_may_move_although_ranks_hardly_do():
    """One swap in the middle of 400: rank correlation near 1, AUC of two members and two hold-outs there by 1/4."""
    first = np.arange(400.0)[None]
    other = first.copy()
    other[0, [199, 200]] = [200, 199]
    member = np.array([True, False])
    assert compare(first, other).unchanged
    few = compare(first[:, [199, 200]], other[:, [199, 200]], member)
    assert not few.unchanged


def test_scores_are_those_of_the_attacks(tiny_target, pictures):
    x_0 = pictures(18)
    jobs = [Job("pia", (plan("pia"), plan("pia", {"t": "300"}))), Job("loss", (plan("loss"),))]
    found = scores(tiny_target, jobs, x_0)
    assert [f.shape for f in found] == [(2, 18), (1, 18)]
    probe = Probe(tiny_target, x_0)
    np.testing.assert_allclose(found[0][1], run(probe, plan("pia", {"t": "300"})).score, rtol=1e-4)
    np.testing.assert_allclose(found[1][0], run(probe, plan("loss")).score, rtol=1e-4)
