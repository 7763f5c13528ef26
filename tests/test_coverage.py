"""Do the stated error rates hold? On simulated scores, and on the bundled references' own pictures.

On a bundled reference the 144 test hold-outs are placed among the 256 calibration hold-outs. They share one
calibration set, so their p-values depend on one another; the tolerances below are exact for that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import betabinom, binom, ks_2samp, kstest

from mia_viz.combined import weigh
from mia_viz.difficulty import residuals
from mia_viz.reference import Reference, load
from mia_viz.strength import bounds, calibrate
from mia_viz.together import Together, of_scores
from mia_viz.verdict import judge

FOLDER = Path(__file__).parent.parent / "assets" / "references"
TWINS = ("brain-a", "brain-b")
REFERENCES = {name: load(FOLDER / f"{name}.safetensors") for name in TWINS}
COLUMNS = [(name, key) for name in TWINS for key in REFERENCES[name].columns]
WALK = ("noise_aggregation", "loss", "fcre", "drc")


@pytest.mark.parametrize(
    "law",
    [
        lambda rng, n: rng.standard_normal(n),
        lambda rng, n: rng.standard_cauchy(n),
        lambda rng, n: np.exp(3 * rng.standard_normal(n)),
        lambda rng, n: rng.standard_normal(n) + 20 * (rng.random(n) < 0.01),
    ],
    ids=["normal", "cauchy", "lognormal", "outliers"],
)
@pytest.mark.parametrize("n", [19, 256])
def test_rank_p_values_are_uniform_and_err_as_often_as_stated(law, n):
    rng, trials = np.random.default_rng([1, n]), 4000
    scores = law(rng, trials * (n + 1)).reshape(trials, n + 1)
    p_values = np.array([judge(row[0], row[1:]).p_value for row in scores])
    # A rank is discrete; spread evenly over its step it is uniform exactly.
    assert kstest(p_values - rng.random(trials) / (n + 1), "uniform").pvalue > 1e-3
    for level in (0.01, 0.05, 0.1):
        exact = np.floor(level * (n + 1) + 1e-9) / (n + 1)
        low, high = binom.interval(0.999, trials, exact)
        assert low <= (p_values <= level).sum() <= high


def split(reference: Reference, key: str) -> tuple[np.ndarray, np.ndarray]:
    return reference.scores(key, False), reference.scores(key, False, "test")


@pytest.mark.parametrize(("name", "key"), COLUMNS)
def test_bundled_holdouts_of_both_splits_follow_one_law(name, key):
    """Two-sample KS: 144 and 256 pictures would show a gap of .20 between the two laws at this level."""
    calibration, test = split(REFERENCES[name], key)
    assert (len(calibration), len(test)) == (256, 144)
    assert ks_2samp(test, calibration).pvalue > 1e-3


def expected_alarms(n: int, fresh: int, level: float, chance: float) -> tuple[float, float]:
    """Central interval for how many of `fresh` exchangeable pictures have p <= level among n shared hold-outs.

    p <= level when at most k - 1 hold-outs score as high, k = floor(level (n + 1)); the chance of that is a
    Beta(k, n + 1 - k) over calibration sets, so the number is beta-binomial.
    """
    k = int(np.floor(level * (n + 1) + 1e-9))
    return betabinom(fresh, k, n + 1 - k).interval(chance)


def test_the_tolerance_for_a_shared_calibration_set_is_right():
    rng, trials = np.random.default_rng(2), 500
    low, high = expected_alarms(64, 40, 0.05, 0.9)
    inside = 0
    for _ in range(trials):
        calibration, test = rng.standard_normal(64), rng.standard_normal(40)
        alarms = sum(judge(score, calibration).p_value <= 0.05 for score in test)
        inside += low <= alarms <= high
    assert inside >= binom.ppf(0.001, trials, 0.9)


@pytest.mark.parametrize(("name", "key"), COLUMNS)
def test_false_alarms_at_5_percent_on_the_bundled_references(name, key):
    """144 pictures: 7 expected; 99.9 % of exchangeable splits give between 0 and 20."""
    calibration, test = split(REFERENCES[name], key)
    alarms = sum(judge(score, calibration).p_value <= 0.05 for score in test)
    low, high = expected_alarms(len(calibration), len(test), 0.05, 0.999)
    assert low <= alarms <= high


@pytest.mark.parametrize("name", TWINS)
def test_false_alarms_of_the_combined_score_on_the_bundled_references(name):
    """Every second test hold-out, for speed: 72 pictures, 4 expected."""
    reference = REFERENCES[name]
    outside, inside = ({key: reference.scores(key, member) for key in WALK} for member in (False, True))
    test = {key: reference.scores(key, False, "test")[::2] for key in WALK}
    alarms = 0
    for k in range(len(test["loss"])):
        combined = weigh({key: test[key][k] for key in WALK}, outside, inside)
        alarms += judge(combined.score, combined.holdouts).p_value <= 0.05
    low, high = expected_alarms(len(outside["loss"]), len(test["loss"]), 0.05, 0.999)
    assert low <= alarms <= high


@pytest.mark.parametrize(("name", "other"), [TWINS, TWINS[::-1]])
def test_with_the_twins_score_taken_out_known_pictures_still_stand_out_and_unseen_ones_do_not(name, other):
    """Test pictures of the group that neither twin saw, and of this twin's own: a few, for speed."""
    own, twin = REFERENCES[name], REFERENCES[other]
    place = {sha256: row for row, sha256 in enumerate(twin.image_sha256)}

    def p_value(row: int) -> float:
        sha256 = own.image_sha256[row]
        here, there = (at(known, k, sha256) for known, k in ((own, row), (twin, place[sha256])))
        rows = own.choose(False, "calibration", (sha256,))
        table = np.c_[own.difficulty[rows], there.holdouts]
        names = [[r.image_sha256[k] for k in np.flatnonzero(r.choose(False, "calibration"))] for r in (own, twin)]
        assert names[0] == names[1]
        found = residuals(here.score, np.r_[own.difficulty[row], there.score], here.holdouts, table)
        return judge(found.score, found.holdouts).p_value

    seen_by_twin = np.array([twin.member[place[sha256]] if sha256 in place else False for sha256 in own.image_sha256])
    unseen = np.flatnonzero(own.choose(False, "test") & ~seen_by_twin)[::4]
    alarms = sum(p_value(row) <= 0.05 for row in unseen)
    low, high = expected_alarms(256, len(unseen), 0.05, 0.999)
    assert low <= alarms <= high
    members = np.flatnonzero(own.choose(True, "test"))[::24]
    assert np.mean([p_value(row) <= 0.05 for row in members]) > 0.9


def at(known: Reference, row: int, sha256: str) -> Together:
    """The combined score of a picture of a reference, left out of it first."""
    scores = {key: float(known.columns[key].score[row]) for key in WALK}
    return of_scores(scores, *({k: known.scores(k, m, without=(sha256,)) for k in WALK} for m in (False, True)))


@pytest.mark.parametrize(("name", "key"), COLUMNS)
def test_capped_ratios_of_bundled_test_holdouts_are_as_rare_as_theory_allows(name, key):
    """P(LR > k | hold-out) <= 1/k, within the 99.9 % binomial tolerance of 144 pictures."""
    reference = REFERENCES[name]
    groups = reference.scores(key, False), reference.scores(key, True)
    calibrator = calibrate(*groups)
    low, high = bounds(*(calibrator.log10(group) for group in groups))
    ratios = 10 ** np.clip(calibrator.log10(reference.scores(key, False, "test")), low, high)
    for limit in (1.5, 2, 4, 8, 16, 32):
        assert (ratios > limit).sum() <= binom.ppf(0.999, len(ratios), 1 / limit)
