"""The agree number: counts by hand, a threshold from the calibration split, and the attack's own aggregate."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from mia_viz.agreement import agree_threshold, agreement
from mia_viz.analysis import plan, run
from mia_viz.probe import Probe


def test_counts_by_hand():
    members = np.array([[0.9, 0.9, 0.9], [0.9, 0.9, 0.1], [0.9, 0.1, 0.1], [0.5, 0.1, 0.1]])
    holdouts = np.array([[0.9, 0.1, 0.1], [0.1, 0.1, 0.1]])
    points = agreement(members, holdouts, 0.5)  # a likeness of exactly 0.5 does not agree
    assert [p.at_least for p in points] == [1, 2, 3]
    assert [p.recall for p in points] == [0.75, 0.5, 0.25]
    assert [p.false_alarms for p in points] == [0.5, 0, 0]
    assert [p.precision for p in points] == [0.6, 1, 1]
    assert [(p.members, p.holdouts) for p in points] == [(3, 1), (2, 0), (1, 0)]
    assert agreement(members, holdouts, 0.95)[0].precision is None


def test_agrees_with_scikit_learn_where_there_are_as_many_of_each():
    rng = np.random.default_rng(0)
    members, holdouts = rng.normal(0.6, 0.3, (50, 5)), rng.normal(0.3, 0.3, (50, 5))
    truth = np.r_[np.ones(50), np.zeros(50)]
    for point in agreement(members, holdouts, 0.4):
        called = (np.concatenate([members, holdouts]) > 0.4).sum(axis=1) >= point.at_least
        assert point.recall == pytest.approx(recall_score(truth, called))
        assert point.precision == pytest.approx(precision_score(truth, called))


def test_precision_does_not_hang_on_how_many_holdouts_there_are():
    rng = np.random.default_rng(1)
    members, holdouts = rng.normal(0.6, 0.3, (20, 4)), rng.normal(0.3, 0.3, (30, 4))
    few, many = (agreement(members, h, 0.5) for h in (holdouts, np.tile(holdouts, (3, 1))))
    assert [p.precision for p in few] == pytest.approx([p.precision for p in many])


def test_the_threshold_lies_between_what_it_separates():
    assert agree_threshold(np.array([[0.8, 0.9]]), np.array([[0.2, 0.4]])) == pytest.approx(0.6)
    upside_down = agree_threshold(np.array([[0.1, 0.2]]), np.array([[0.3, 0.4]]))
    assert upside_down == 0.4
    assert agreement(np.array([[0.4]]), np.array([[0.4]]), upside_down)[0].recall == 0
    rng = np.random.default_rng(2)
    members, holdouts = rng.normal(0.6, 0.2, (40, 3)), rng.normal(0.4, 0.2, (60, 3))
    chosen = agree_threshold(members, holdouts)
    gain = lambda at: (members > at).mean() - (holdouts > at).mean()  # noqa: E731
    assert gain(chosen) == pytest.approx(max(gain(at) for at in np.linspace(-0.5, 1.5, 4001)))


def test_the_attack_counts_the_same_restorations(make_wavy, pictures):
    settings = {"levels": "5", "resamplings": "1", "aggregate": "agree", "agree_at": "0.1"}
    chosen = plan("drc", settings)
    result = run(Probe(make_wavy(), pictures(6)), chosen)
    likeness = chosen.attack.likeness(result.evidence, chosen.params).numpy()
    for point in agreement(likeness, likeness, 0.1):
        assert point.members == (result.raw >= point.at_least).sum()


def test_unlike_counts_of_restorations_are_refused():
    with pytest.raises(ValueError, match="same number of restorations"):
        agreement(np.zeros((2, 3)), np.zeros((2, 4)), 0.5)
    with pytest.raises(ValueError, match="at least one member"):
        agreement(np.zeros((0, 3)), np.zeros((2, 3)), 0.5)
