"""Scores, AUC, intervals and mistakes under a filter, against the evaluation and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from mia_viz.bands import Energies
from mia_viz.evaluation import Scores, auc, auc_interval, tpr_at
from mia_viz.laboratory.reading import Spectra, auc_map, delong, mistakes, read, score, spectra
from mia_viz.laboratory.sieve import EVERYTHING, FCRE, Sieve
from mia_viz.laboratory.timing import made_up
from mia_viz.reference import Column, Reference
from mia_viz.verdict import judge


@pytest.fixture(scope="module")
def known() -> Spectra:
    return made_up(400)


def groups(known: Spectra, test: bool) -> list[np.ndarray]:
    return [known.energy[known.group(member, test)] for member in (True, False)]


def test_a_reading_is_the_evaluation_of_the_filtered_error(known):
    weights = known.weights(FCRE)
    found = read(known, FCRE, known.energy[3])
    for interval, test in ((found.calibration, False), (found.test, True)):
        expected = auc(Energies(*groups(known, test)).scores(weights))
        assert interval.value == pytest.approx(expected, abs=1e-12)
    calibration = Scores(*(score(rows, weights) for rows in groups(known, False)))
    assert found.found == tpr_at(calibration, 0.05)
    assert (calibration.holdouts >= found.threshold).mean() <= 0.05
    assert found.verdict == judge(found.query, calibration.holdouts, calibration.members)
    assert found.query == found.scores[3]


def test_delong_agrees_with_the_bootstrap_and_with_a_known_variance():
    rng = np.random.default_rng(1)
    members, holdouts = rng.standard_normal(200) + 0.8, rng.standard_normal(300)
    found, drawn = delong(members, holdouts), auc_interval(Scores(members, holdouts))
    assert found.value == pytest.approx(drawn.value, abs=1e-12)
    assert found.low == pytest.approx(drawn.low, abs=0.006)
    assert found.high == pytest.approx(drawn.high, abs=0.006)
    # Two values each, placements 1, 1/2 and 1/2, 1: variances of 1/8 over two values, twice.
    small = delong(np.array([3.0, 1.5]), np.array([1.0, 2.0]))
    assert small.value == 0.75
    assert small.low == pytest.approx(max(0, 0.75 - 1.959964 * np.sqrt(1 / 8)))
    assert delong(np.ones(3), np.ones(4)).value == 0.5


def test_a_filter_that_lets_nothing_pass_tells_nothing(known):
    found = read(known, Sieve(1.4143, 1.4144), known.energy[0])
    assert found.calibration.value == 0.5
    assert found.found == 0.0


def test_the_map_holds_the_auc_of_every_band(known):
    found, rings = auc_map(known), np.arange(known.bands)
    assert found.shape == (32, 33)
    for first, end in ((0, 32), (4, 5), (10, 31)):
        weights = ((rings >= first) & (rings < end)).astype(float)
        assert found[first, end] == pytest.approx(auc(Energies(*groups(known, False)).scores(weights)), abs=1e-12)
    assert np.isnan(found[np.tril_indices(32)]).all()


def test_bands_without_a_single_frequency_are_left_out_of_the_map(known):
    small = Spectra(known.energy, known.member, known.test, 16, 16)
    found = auc_map(small)
    assert np.isnan(found[1, 2])  # on 16 x 16 the second ring holds no frequency
    assert np.isfinite(found[1, 4])


def test_mistakes_are_test_pictures_on_the_wrong_side(known):
    reading = read(known, EVERYTHING)
    wrong = mistakes(known, reading)
    assert wrong.missed.sum() == round((1 - reading.test_found) * known.group(True, True).sum())
    assert wrong.accused.sum() == round(reading.test_accused * known.group(False, True).sum())
    assert not (wrong.missed | wrong.accused)[~known.test].any()


def test_spectra_leave_out_the_picture_itself_and_other_splits():
    energy = np.random.default_rng(0).gamma(2, 1, (6, 2, 32))
    column = Column("{}", np.zeros(6), np.zeros(6), energy, 1.0)
    split = np.array(["calibration", "calibration", "test", "choose", "test", "calibration"])
    member = np.array([True, False, True, False, False, False])
    sha = tuple("abcdef")
    found = spectra(Reference("t", "w", sha, sha, member, split, {"x": column}), "x", (64, 64), ("f",))
    assert found.names == ("a", "b", "c", "e")
    assert found.test.tolist() == [False, False, True, True]
    np.testing.assert_allclose(found.energy, energy[[0, 1, 2, 4]].mean(axis=1), rtol=1e-6)
    assert found.detail is None
