"""Stored curves of known pictures come back as they were, and fit the walk they stand beside."""

from __future__ import annotations

import numpy as np
import pytest

from mia_viz import engine, structure
from mia_viz.case import Structure
from mia_viz.shown import STRUCTURE_END
from mia_viz.structure import Example, KnownStructure, known_structure
from mia_viz.targets import bundled


def example(rng: np.random.Generator) -> Example:
    pictures = rng.uniform(-1, 1, (3, 3, 8, 8)).astype(np.float32)
    part = Structure((0, 50, 100), pictures, rng.uniform(0, 1, (3, 8, 8)), rng.uniform(0, 1, 3), 100)
    return Example(pictures[0], "tea, 3d emoji", part)


def test_stored_curves_come_back_and_leave_out_the_picture_in_question(tmp_path):
    rng = np.random.default_rng(0)
    member, similarity = np.array([True, True, False, False]), rng.uniform(0, 1, (4, 3))
    known = KnownStructure("abc", (0, 50, 100), similarity, member, tuple("wxyz"), example(rng), example(rng))
    structure.save(known, tmp_path / "deep" / "known.npz")
    loaded = structure.load(tmp_path / "deep" / "known.npz")
    assert (loaded.weights_sha256, loaded.levels, loaded.image_sha256) == ("abc", (0, 50, 100), tuple("wxyz"))
    np.testing.assert_allclose(loaded.group(False), similarity[2:], atol=1e-6)
    np.testing.assert_allclose(loaded.group(True, without="w"), similarity[1:2], atol=1e-6)
    for one, other in ((loaded.typical_member, known.typical_member), (loaded.typical_holdout, known.typical_holdout)):
        assert (one.caption, one.structure.levels, one.structure.scored) == ("tea, 3d emoji", (0, 50, 100), 100)
        np.testing.assert_allclose(one.values, other.values, atol=0.005)
        np.testing.assert_allclose(one.structure.corrupted, other.structure.corrupted, atol=0.005)
        np.testing.assert_allclose(one.structure.maps, other.structure.maps, atol=0.003)
        np.testing.assert_allclose(one.structure.similarity, other.structure.similarity, atol=1e-6)


@pytest.mark.parametrize("name", bundled.captioned_names())
def test_every_captioned_target_has_curves_of_its_calibration_pictures(name):
    known, population = known_structure(name), bundled.population_of(name)
    own = bundled.trained_group(name)
    assert known.levels == tuple(range(0, STRUCTURE_END + 1, 50))
    assert known.group(True).shape == (len(population.indices(own, "calibration")), len(known.levels))
    assert known.group(False).shape == (len(population.indices("C", "calibration")), len(known.levels))
    assert known.weights_sha256 == engine.reference(name).weights_sha256
    place = known.levels.index(100)
    for shown, member in ((known.typical_member, True), (known.typical_holdout, False)):
        median = np.median(known.group(member)[:, place])
        assert abs(shown.structure.similarity[place] - median) < 0.01
        assert shown.caption in population.captions


def test_a_target_without_curves_has_none():
    assert known_structure("brain-a") is None
