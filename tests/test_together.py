"""The one combined score: its rule is fixed, it is valid, and a picture never judges itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from mia_viz.case import Finding
from mia_viz.combined import weigh
from mia_viz.reference import Column, Reference
from mia_viz.strength import strength
from mia_viz.together import RULES, of_scores, together
from mia_viz.verdict import judge, rank_sums


def crowd(members: int, holdouts: int, seed: int = 0, apart: float = 2.0, attacks=("a", "b", "c")) -> Reference:
    """Made-up columns of correlated scores; members score higher by `apart` on average."""
    rng, count = np.random.default_rng(seed), members + holdouts
    member = np.arange(count) < members
    shared = rng.standard_normal(count)
    columns = {
        name: Column(
            "{}", apart * member + shared + rng.standard_normal(count), np.zeros(count), np.zeros((count, 0, 8)), 1.0
        )
        for name in attacks
    }
    sha256 = tuple(f"{i:064x}" for i in range(count))
    return Reference("made-up", "ab" * 32, sha256, sha256, member, np.full(count, "calibration"), columns)


def findings(reference: Reference, scores: dict[str, float], left_out: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Findings with verdicts, but for attacks that the reference does not hold."""
    return tuple(
        Finding(k, k, k.upper(), s, -s, 1.0, 0.1, None if k in left_out else judge(s, reference.scores(k, False)))
        for k, s in scores.items()
    )


def test_members_let_attacks_be_weighed():
    known = crowd(40, 120)
    scores = {"a": 2.0, "b": 1.0, "c": 3.0}
    found = together(findings(known, scores), known, "none")
    groups = [{k: known.scores(k, m) for k in scores} for m in (False, True)]
    oracle = weigh(scores, *groups)
    assert found.rule == "weighed"
    assert found.score == oracle.score
    assert found.verdict == judge(oracle.score, oracle.holdouts, oracle.members)
    assert found.strength == strength(oracle.score, oracle.holdouts, oracle.members)
    np.testing.assert_array_equal(found.weights, oracle.weights)


@pytest.mark.parametrize("members", [0, 5])
def test_few_members_leave_ranks_and_no_likelihood_ratio(members):
    known = crowd(members, 60)
    scores = {"a": 2.0, "b": 1.0, "c": -1.0}
    found = together(findings(known, scores), known, "none")
    groups = [{k: known.scores(k, m) for k in scores} for m in (False, True)]
    assert (found.rule, found.strength, found.weights) == ("ranks", None, ())
    assert found.verdict == judge(*rank_sums(scores, *groups))
    assert found.verdict.members_below is None or members


def test_one_attack_is_its_own_score():
    known = crowd(20, 50)
    found = together(findings(known, {"b": 1.5}), known, "none")
    assert (found.rule, found.score) == ("single", 1.5)
    assert found.verdict == judge(1.5, known.scores("b", False), known.scores("b", True))
    assert set(RULES) == {"single", "ranks", "weighed"}


def test_what_the_reference_does_not_hold_takes_no_part():
    known = crowd(20, 50)
    some = together(findings(known, {"a": 1.0, "b": 1.0, "c": 9.0}, ("c",)), known, "none")
    assert some.methods == ("a", "b")
    assert some.score == together(findings(known, {"a": 1.0, "b": 1.0}), known, "none").score
    assert together(findings(known, {"a": 1.0}, ("a",)), known, "none") is None
    assert together(findings(known, {"a": 1.0}), None, "none") is None
    unspoken = (Finding("a", "a", "A", float("nan"), 0.0, 1.0, 0.1, None), *findings(known, {"b": 1.0}))
    assert together(unspoken, known, "none") is None


@pytest.mark.parametrize("row", [3, 45])
def test_a_picture_is_left_out_of_its_own_reference(row):
    known = crowd(20, 50)
    own = {k: float(known.columns[k].score[row]) for k in known.columns}
    found = together(findings(known, own), known, known.image_sha256[row])
    assert (len(found.members), len(found.holdouts)) == ((19, 50) if row < 20 else (20, 49))


def test_the_combined_score_is_valid_with_members():
    """Each hold-out in turn takes the picture's place, over fresh crowds: rejected no more often than said."""
    trials, rejected = 150, 0
    for trial in range(trials):
        known = crowd(12, 40, seed=trial)
        scores = {k: float(known.columns[k].score[12]) for k in known.columns}
        groups = [{k: known.scores(k, m, without=(known.image_sha256[12],)) for k in scores} for m in (False, True)]
        rejected += of_scores(scores, *groups).verdict.p_value <= 0.1
    assert rejected <= binom.ppf(0.999, trials, 0.1)
