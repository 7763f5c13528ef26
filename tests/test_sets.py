"""Sets of pictures: valid p-values for any size, and a power that the test really has."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.stats import binom, kstest, norm, ttest_ind

from mia_viz.sets import (
    ALPHA,
    DRAWS,
    PERMUTATIONS,
    Power,
    compare_sets,
    power,
    smallest_sentence,
    smallest_set,
)


def test_tiny_sets_are_tested_over_every_division():
    suspects, unseen = np.array([3.0, 5.0, 4.5]), np.array([1.0, 4.0, 2.0, 2.5])
    pooled = np.r_[suspects, unseen]
    sums = [pooled[list(chosen)].sum() for chosen in combinations(range(7), 3)]
    found = compare_sets(suspects, unseen)
    assert found.exact
    assert found.divisions == comb(7, 3)
    assert found.p_value == pytest.approx(np.mean(np.array(sums) >= suspects.sum() - 1e-12))
    assert found.p_welch == pytest.approx(ttest_ind(suspects, unseen, equal_var=False, alternative="greater").pvalue)
    assert found.above == pytest.approx(np.mean(suspects[:, None] > unseen))
    assert found.difference == pytest.approx(suspects.mean() - unseen.mean())


def test_larger_sets_count_the_set_itself():
    found = compare_sets(np.arange(100.0) + 1000, np.arange(100.0))
    assert not found.exact
    assert found.p_value == pytest.approx(1 / (PERMUTATIONS + 1))  # (1 + 0) / (1 + B): never zero


@pytest.mark.parametrize(("s", "u"), [(4, 5), (30, 20)])
def test_p_values_are_uniform_for_sets_the_model_never_saw(s, u):
    rng, trials = np.random.default_rng([0, s]), 150
    p_values, welch = np.empty(trials), np.empty(trials)
    for k in range(trials):
        scores = rng.gamma(0.8, size=s + u)  # skewed: nothing is assumed of the law
        found = compare_sets(scores[:s], scores[s:], seed=k)
        p_values[k] = found.p_value - rng.random() / (found.divisions + (not found.exact))
        welch[k] = found.p_welch
    assert kstest(p_values, "uniform").pvalue > 1e-3
    assert (p_values <= 0.05).sum() <= binom.ppf(0.999, trials, 0.05)
    assert (welch <= 0.05).sum() <= binom.ppf(0.9999, trials, 0.08)  # only nearly valid: why it is not the verdict


def test_the_effect_is_cohens_d():
    rng = np.random.default_rng(1)
    found = compare_sets(rng.normal(0.8, 1, 3000), rng.normal(0, 1, 2000))
    assert found.effect == pytest.approx(0.8, abs=0.1)
    assert found.above == pytest.approx(norm.cdf(0.8 / np.sqrt(2)), abs=0.02)


def test_sets_without_spread():
    found = compare_sets(np.ones(4), np.ones(4))
    assert (found.p_value, found.effect, found.p_welch, found.above) == (1.0, None, None, 0.5)
    assert compare_sets(np.ones(5), np.zeros(5)).p_value == pytest.approx(1 / comb(10, 5))


@pytest.mark.parametrize("size", [(5, 5), (6, 8), (15, 15), (20, 60)])
def test_the_power_is_what_the_test_reaches(size):
    """The figure against the test itself, run on as many fresh draws from the same reference."""
    rng = np.random.default_rng(2)
    holdouts, members = rng.standard_normal(256), 1.1 + rng.standard_normal(48)
    stated = power(holdouts, members, *size)
    trials = 120
    found = sum(
        compare_sets(rng.choice(members, size[0]), rng.choice(holdouts, size[1]), seed=k).p_value <= ALPHA
        for k in range(trials)
    )
    spread = np.sqrt(stated.power * (1 - stated.power) * (1 / trials + 1 / DRAWS))
    # 999 random divisions stand for 9,999, which changes the power by less than .02.
    assert abs(found / trials - stated.power) <= 3.3 * spread + 0.02
    assert stated.low <= stated.power <= stated.high


def test_the_power_nears_the_textbooks_for_normal_scores():
    rng = np.random.default_rng(3)
    holdouts, members = rng.standard_normal(20_000), 0.5 + rng.standard_normal(20_000)
    n = 60
    expected = norm.cdf(0.5 * np.sqrt(n / 2) - norm.ppf(1 - ALPHA))
    assert power(holdouts, members, n).power == pytest.approx(expected, abs=0.06)


def test_a_set_the_model_never_saw_is_found_no_more_often_than_stated():
    holdouts = np.random.default_rng(4).standard_normal(300)
    assert power(holdouts, holdouts, 40).power <= binom.ppf(0.999, DRAWS, ALPHA) / DRAWS


def test_training_on_a_part_is_harder_to_find():
    rng = np.random.default_rng(5)
    holdouts, members = rng.standard_normal(256), 1 + rng.standard_normal(64)
    whole, half = power(holdouts, members, 40), power(holdouts, members, 40, share=0.5)
    assert half.power < whole.power - 0.1
    assert "50 in 100 of them" in half.sentence


def test_sets_too_small_for_the_level_have_no_power():
    """Four against four have 70 divisions: no p-value of 1 in 100 exists."""
    assert power(np.zeros(50), np.full(50, 9.0) + np.arange(50) / 100, 4).power == 0
    assert power(np.zeros(50), np.full(50, 9.0) + np.arange(50) / 100, 5).power == 1


def test_the_smallest_set_has_the_power_and_one_less_has_not():
    rng = np.random.default_rng(6)
    holdouts, members = rng.standard_normal(256), 0.9 + rng.standard_normal(48)
    n = smallest_set(holdouts, members)
    assert power(holdouts, members, n).power >= 0.9 > power(holdouts, members, n - 1).power
    assert smallest_set(holdouts, holdouts - 1) is None
    assert f"About {n} pictures" in smallest_sentence(n)
    assert smallest_sentence(None).startswith("Even 5,000 pictures")


def test_sentences():
    assert Power(40, 40, 1.0, 0.93, 0.91, 0.95).sentence == (
        "With 40 pictures this test would find training on all of them 9 times out of 10."
    )
    assert Power(9, 9, 1.0, 0.04, 0.0, 0.1).sentence.endswith("less than once out of 10.")
    assert Power(9, 9, 1.0, 1.0, 0.9, 1.0).sentence.endswith("practically always.")
    clear = compare_sets(np.arange(20.0) + 30, np.arange(20.0))
    assert clear.sentence.startswith("The model's scores are higher on the 20 suspect pictures")
    assert "less than once in 1,000" in clear.sentence
    assert "not clearly higher" in compare_sets(np.arange(20.0), np.arange(20.0)).sentence
    assert json.loads(json.dumps(asdict(clear)))["exact"] is False


def test_errors_are_sentences():
    with pytest.raises(ValueError, match="at least two"):
        compare_sets(np.ones(1), np.ones(5))
    with pytest.raises(ValueError, match="finite"):
        compare_sets(np.array([1.0, np.nan]), np.ones(5))
    with pytest.raises(ValueError, match="two or more"):
        power(np.ones(5), np.ones(5), 1)
    with pytest.raises(ValueError, match="members"):
        power(np.ones(5), np.ones(0), 4)
