"""Verdicts: valid p-values, exact intervals, an honest combination, and sentences that fit the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest, kstest

from mia_viz.verdict import CAVEAT, SENTENCES, ZONES, Verdict, judge, rank_sums, zone


def combine(scores, holdouts, members) -> Verdict:
    """The verdict over all attacks by their ranks."""
    return judge(*rank_sums(scores, holdouts, members))


def test_p_values_are_uniform_when_the_picture_is_like_the_holdouts():
    rng, n = np.random.default_rng(0), 49
    p_values = []
    for _ in range(3000):
        scores = rng.gamma(0.5, size=n + 1)  # a skewed law: only ranks may matter
        p_values.append(judge(scores[0], scores[1:]).p_value - rng.random() / (n + 1))
    assert kstest(p_values, "uniform").pvalue > 1e-3


def simulate(trials: int, n: int, ties: bool) -> np.ndarray:
    """p-values of `combine` over three correlated attacks for a picture that is one of the crowd."""
    rng, p_values = np.random.default_rng(1), np.empty(trials)
    for k in range(trials):
        shared = rng.standard_normal(n + 1)
        table = {name: np.exp(shared + 0.7 * rng.standard_normal(n + 1)) for name in ("a", "b", "c")}
        if ties:
            table["c"] = np.floor(2 * table["c"]).clip(max=4)  # counts of agreeing restorations tie a lot
        own = {name: values[0] for name, values in table.items()}
        p_values[k] = combine(own, {m: v[1:] for m, v in table.items()}, {m: [] for m in table}).p_value
    return p_values


@pytest.mark.parametrize("ties", [False, True])
def test_the_combination_of_attacks_rejects_no_more_than_it_says(ties):
    trials = 2000
    p_values = simulate(trials, 99, ties)
    for level in (0.01, 0.05, 0.2):
        low, high = binom.interval(0.999, trials, level)
        rejected = (p_values <= level).sum()
        assert rejected <= high
        assert rejected >= (low if not ties else 0.5 * low)  # ties make it careful, not powerless


def test_picking_the_best_attack_afterwards_would_not_be_valid():
    """The reason for `rank_sums`: the smallest of three p-values rejects far too often."""
    rng, trials, n = np.random.default_rng(2), 1000, 99
    draws = rng.standard_normal((trials, 3, n + 1))
    smallest = ((draws[:, :, 1:] >= draws[:, :, :1]).sum(2).min(1) + 1) / (n + 1)
    assert (smallest <= 0.05).sum() > binom.interval(0.999, trials, 0.05)[1]


def test_combination_of_one_attack_is_that_attack():
    rng = np.random.default_rng(3)
    holdouts, members = rng.standard_normal(80), rng.standard_normal(30) + 1
    single, combined = judge(0.8, holdouts, members), combine({"a": 0.8}, {"a": holdouts}, {"a": members})
    assert combined == single


def test_combination_follows_ranks_and_not_scales():
    rng = np.random.default_rng(4)
    table = {name: rng.standard_normal(60) for name in "ab"}
    plain = combine({"a": 1.0, "b": 0.5}, table, table)
    stretched = combine({"a": np.exp(9), "b": 0.5}, {"a": np.exp(9 * table["a"]), "b": table["b"]}, table)
    assert stretched.p_value == plain.p_value
    assert combine({"a": 9.0, "b": 9.0}, table, table).p_value == pytest.approx(1 / 61)
    assert combine({"a": -9.0, "b": -9.0}, table, table).p_value == 1.0


def test_a_member_with_the_very_scores_of_the_picture_scores_no_higher():
    holdouts = {"a": np.array([1.0, 2, 2, 2, 3]), "b": np.array([0.0, 0, 1, 1, 1])}
    same = {"a": np.array([2.0]), "b": np.array([1.0])}
    assert combine({"a": 2.0, "b": 1.0}, holdouts, same).members_below == 1.0


@pytest.mark.parametrize(("at_least", "n"), [(0, 40), (1, 40), (7, 300), (299, 300), (300, 300)])
def test_intervals_equal_scipys_exact_ones(at_least, n):
    holdouts = np.r_[np.ones(at_least), np.zeros(n - at_least)]
    verdict = judge(0.5, holdouts)
    theirs = binomtest(at_least, n).proportion_ci(confidence_level=0.95, method="exact")
    assert verdict.at_least == at_least
    assert verdict.low == pytest.approx(1000 * theirs.low, abs=1e-9)
    assert verdict.high == pytest.approx(1000 * theirs.high)
    assert verdict.per_thousand == pytest.approx(1000 * at_least / n)
    assert verdict.p_value == pytest.approx((at_least + 1) / (n + 1))


def test_holdouts_with_the_same_score_count_against_a_finding():
    assert judge(1.0, np.ones(9)).p_value == 1.0
    assert judge(1.0, np.ones(9)).at_least == 9


def test_members_tell_when_a_score_is_low_for_one():
    verdict = judge(2.0, np.zeros(5), np.array([1.0, 2.0, 3.0, 4.0]))
    assert verdict.members_below == 0.5
    assert judge(2.0, np.zeros(5)).members_below is None
    assert judge(2.0, np.zeros(5), np.array([])).members_below is None


@pytest.mark.parametrize(
    ("p_value", "expected"),
    [
        (1 / 100, "stands out"),
        (3 / 300, "stands out"),
        (2 / 199, "inconclusive"),
        (10 / 100, "inconclusive"),
        (11 / 100, "ordinary"),
        (1.0, "ordinary"),
    ],
)
def test_zones(p_value, expected):
    assert zone(p_value) == expected
    assert expected in SENTENCES


def test_few_holdouts_can_never_make_a_picture_stand_out():
    assert judge(1e9, np.zeros(98)).zone == "inconclusive"
    assert judge(1e9, np.zeros(99)).zone == "stands out"
    assert judge(1e9, np.zeros(8)).zone == "inconclusive"


def test_sentences_say_what_the_numbers_say():
    none = judge(1.0, np.zeros(300))
    assert none.frequency.startswith("None of the 300 never-trained pictures")
    assert "fewer than 13." in none.frequency  # exact upper bound 12.2 in 1,000
    some = judge(1.0, np.r_[np.ones(6), np.zeros(294)])
    assert some.frequency == (
        "Of 1,000 pictures this model never saw, about 20 score this high (6 of the 300 we tried; 95 % interval "
        "7 to 43)."
    )
    assert set(SENTENCES) == set(ZONES)
    for text in (*SENTENCES.values(), CAVEAT, none.frequency, some.frequency):
        assert text.endswith(".")
        assert "probab" not in text


@pytest.mark.parametrize(
    ("score", "holdouts"),
    [(1.0, []), (float("nan"), [0.0]), (float("inf"), [0.0]), (1.0, [0.0, float("nan")])],
)
def test_no_verdict_without_finite_numbers(score, holdouts):
    with pytest.raises(ValueError, match="finite score"):
        judge(score, np.array(holdouts))


def test_a_score_above_all_of_a_few_pictures_is_not_called_ordinary():
    few = np.arange(5.0)
    assert judge(9.0, few).p_value == pytest.approx(1 / 6)
    assert judge(9.0, few).zone == "inconclusive"
    assert judge(2.5, few).zone == "ordinary"
    assert judge(999.0, np.arange(99.0)).zone == "stands out"
