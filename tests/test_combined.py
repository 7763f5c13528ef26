"""One score from several attacks: valid for the picture in question, out of fold for everyone."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import binom, kstest

from mia_viz.combined import Combined, asked, cross_fitted, fit_weigher, weigh
from mia_viz.evaluation import Scores, auc
from mia_viz.strength import FEWEST
from mia_viz.verdict import judge


def draw(rng: np.random.Generator, count: int, gain: float = 0.0) -> dict[str, np.ndarray]:
    """Three attacks: two share noise, the third is a count that ties."""
    shared = rng.standard_normal(count)
    return {
        "a": gain + shared + 0.5 * rng.standard_normal(count),
        "b": 1e-4 * np.exp(0.5 * gain + shared),
        "c": np.clip(np.rint(2 + 1.5 * gain + rng.standard_normal(count)), 0, 5),
    }


def one(rng: np.random.Generator, gain: float = 0.0) -> dict[str, float]:
    return {name: float(values[0]) for name, values in draw(rng, 1, gain).items()}


def test_p_values_of_the_combined_score_are_valid():
    rng, trials, n = np.random.default_rng(0), 150, 39
    p_values = np.empty(trials)
    for k in range(trials):
        combined = weigh(one(rng), draw(rng, n), draw(rng, 20, 1.0))
        p_values[k] = judge(combined.score, combined.holdouts).p_value
    for level in (0.05, 0.1, 0.25):
        assert (p_values <= level).sum() <= binom.ppf(0.999, trials, level)
        assert (p_values <= level).sum() >= binom.ppf(0.001, trials, level)
    assert kstest(p_values - rng.random(trials) / (n + 1), "uniform").pvalue > 1e-3


def test_fitting_on_the_holdouts_alone_would_not_be_valid():
    """The reason for the construction: in-sample hold-outs look too low next to a picture the fit never saw."""
    rng, trials, n = np.random.default_rng(1), 300, 39
    names = [f"m{k}" for k in range(12)]
    rejected = 0
    for _ in range(trials):
        outside = {name: rng.standard_normal(n) for name in names}
        inside = {name: rng.standard_normal(12) for name in names}
        weigher = fit_weigher(outside, inside)
        own = weigher.score({name: rng.standard_normal(1) for name in names})[0]
        rejected += judge(own, weigher.score(outside)).p_value <= 0.05
    assert rejected > binom.ppf(0.999, trials, 0.05)


def test_the_combination_beats_its_parts_on_fresh_pictures():
    rng = np.random.default_rng(2)
    names = ("a", "b")
    outside = {name: rng.standard_normal(300) for name in names}
    inside = {name: 1 + rng.standard_normal(100) for name in names}
    fresh = [{name: gain + rng.standard_normal(4000) for name in names} for gain in (0, 1)]
    weigher = fit_weigher(outside, inside)
    together = auc(Scores(weigher.score(fresh[1]), weigher.score(fresh[0])))
    assert together == pytest.approx(0.8413, abs=0.015)  # Phi(sqrt(2) / sqrt(2)): two independent shifts of one sd
    assert together > auc(Scores(fresh[1]["a"], fresh[0]["a"])) + 0.04


def test_no_reference_picture_is_scored_by_a_fit_on_itself():
    """With pure noise and many methods an in-sample fit separates; out of fold nothing is left to find."""
    rng = np.random.default_rng(3)
    names = [f"m{k}" for k in range(25)]
    outside = {name: rng.standard_normal(80) for name in names}
    inside = {name: rng.standard_normal(80) for name in names}
    out_of_fold = cross_fitted(outside, inside)
    weigher = fit_weigher(outside, inside)
    assert auc(Scores(weigher.score(inside), weigher.score(outside))) > 0.7
    assert auc(Scores(out_of_fold[1], out_of_fold[0])) < 0.65
    assert (len(out_of_fold[0]), len(out_of_fold[1])) == (80, 80)


def test_one_method_keeps_its_order():
    rng = np.random.default_rng(4)
    outside, inside = {"a": rng.standard_normal(100)}, {"a": 2 + rng.standard_normal(40)}
    high, low = (weigh({"a": v}, outside, inside) for v in (4.0, -3.0))
    assert judge(high.score, high.holdouts).p_value == pytest.approx(1 / 101)
    assert judge(low.score, low.holdouts).p_value > 0.9
    assert high.weights[0] > 0
    assert high.methods == ("a",)


def test_the_same_question_gets_the_same_answer():
    rng = np.random.default_rng(5)
    own, outside, inside = one(rng, 1.0), draw(rng, 60), draw(rng, 30, 1.0)
    first, second = weigh(own, outside, inside), weigh(own, outside, inside)
    assert first.score == second.score
    np.testing.assert_array_equal(first.holdouts, second.holdouts)
    assert isinstance(first, Combined)
    assert set(asdict(first)) == {"score", "holdouts", "members", "methods", "weights"}


def test_one_wild_score_does_not_spoil_the_weights():
    rng = np.random.default_rng(6)
    outside, inside = draw(rng, 100), draw(rng, 50, 1.5)
    plain = fit_weigher(outside, inside)
    outside["a"] = np.r_[1e9, outside["a"][1:]]
    wild = fit_weigher(outside, inside)
    np.testing.assert_allclose(wild.weights, plain.weights, atol=0.5)


def test_too_little_to_combine():
    rng = np.random.default_rng(7)
    few = {name: values[: FEWEST - 1] for name, values in draw(rng, 50).items()}
    assert weigh(one(rng), draw(rng, 50), few) is None
    with pytest.raises(ValueError, match="at least 10"):
        fit_weigher(draw(rng, 50), few)
    with pytest.raises(ValueError, match="more than 10"):
        cross_fitted(draw(rng, FEWEST), draw(rng, 50))
    with pytest.raises(ValueError, match="finite"):
        weigh({**one(rng), "a": np.nan}, draw(rng, 50), draw(rng, 50))


def test_several_questions_are_owned_up_to():
    assert asked(1) == "One method was asked."
    assert asked(8).startswith("8 methods were asked.")
    assert "up to 80 in 1,000" in asked(8)
    assert asked(3, 5).startswith("5 methods were asked. The scores of 3 of them were combined")
    assert "up to 50 in 1,000" in asked(3, 5)
    assert "up to 1000 in 1,000" in asked(200)
