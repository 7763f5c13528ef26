"""The learned filter: against scikit-learn, on data with a known answer, and without looking at test pictures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mia_viz.laboratory.learned import GROUPS, band_features, crossfit, fit, learn
from mia_viz.laboratory.reading import Spectra


def made(count: int = 600, middle: float = 0.6, side: int = 64, seed: int = 0) -> Spectra:
    """Energies where members differ by a factor `middle` in rings 8 to 15 only; other rings vary from picture to
    picture."""
    rng = np.random.default_rng(seed)
    member = np.arange(count) % 3 == 0
    energy = rng.gamma(8.0, 1.0, (count, 32)) * np.exp(rng.standard_normal((count, 1)))
    energy[:, 8:16] = rng.gamma(30.0, 1.0, (count, 8)) * np.where(member, middle, 1.0)[:, None]
    return Spectra(energy, member, np.arange(count) % 2 == 0, side, side)


def test_free_weights_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    member = np.arange(300) % 4 == 0
    features = rng.standard_normal((300, 3)) - member[:, None] * np.array([1.0, 0.5, 0.7])
    found = fit(features, member, 0.1)
    table = (features - features.mean(axis=0)) / features.std(axis=0)
    # Their loss is C times the sum of weighted losses plus |w|^2 / 2; balanced weights add up to the count.
    oracle = LogisticRegression(C=1 / (0.1 * 300), class_weight="balanced", tol=1e-8).fit(-table, member)
    np.testing.assert_allclose(found.weights, oracle.coef_[0], atol=1e-3)
    assert (found.weights > 0).all()


def test_a_band_in_which_members_err_more_gets_no_weight():
    member = np.arange(200) % 2 == 0
    features = np.random.default_rng(1).standard_normal((200, 2)) + member[:, None] * np.array([2.0, -1.0])
    found = fit(features, member, 1e-2)
    assert found.weights[0] == 0
    assert found.weights[1] > 0


def test_it_finds_the_band_that_tells_and_beats_everything_together():
    found = learn(made())
    assert found.edges[0] == 0
    assert len(found.weights) == GROUPS
    assert np.argsort(found.weights)[-2:].tolist() in ([2, 3], [3, 2])
    assert found.tests["learned"].value > 0.95 > found.tests["everything"].value
    assert list(found.tests) == ["learned", "everything", "FreMIA", "FCRE"]


def test_crossfitting_scores_noise_as_noise():
    rng = np.random.default_rng(2)
    member = np.arange(120) % 3 == 0
    scores = crossfit(rng.standard_normal((120, 8)), member, 1e-3)
    wins = (scores[member][:, None] > scores[~member][None]).mean()
    assert 0.3 < wins < 0.65


def test_test_pictures_change_no_weight():
    known = made()
    energy = known.energy.copy()
    energy[known.test] *= np.random.default_rng(3).uniform(0.1, 10, (known.test.sum(), 32))
    first, second = learn(known), learn(dataclasses.replace(known, energy=energy))
    np.testing.assert_array_equal(first.weights, second.weights)
    assert first.crossfitted == second.crossfitted


def test_rings_without_a_frequency_are_joined_to_their_neighbours():
    features, edges = band_features(made(side=16))
    assert np.isfinite(features).all()
    assert len(edges) == features.shape[1] + 1
    assert edges[-1] == pytest.approx(np.sqrt(2))


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="too few"):
        learn(made(20))
