"""Stored answers about known pictures: they come back as they were, and the model says the same when asked again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from mia_viz import engine, noises
from mia_viz.analysis import plan
from mia_viz.case import Noises
from mia_viz.commands.known import bundled_pictures
from mia_viz.demo.noises import COMPARED, FITTED, SHOWN, drawn, known_picture
from mia_viz.frequency import FREMIA, NONE
from mia_viz.noises import ALL_DETAIL, COARSE, KEYS, coarse_offsets, counted, distance_of, fit_plane, known_noises
from mia_viz.pictures.prepare import Prepared
from mia_viz.probe import Progress
from mia_viz.targets import bundled

NAMES = [name for name in bundled.bundled_names() if bundled.twin_of(name)]


def test_the_plane_is_that_of_scikit_learn():
    rows = np.random.default_rng(0).standard_normal((60, 40)) * np.linspace(3, 0.5, 40)
    rows -= rows.mean(axis=0)
    basis, shares = fit_plane(rows)
    known = PCA(2, svd_solver="full").fit(rows)
    np.testing.assert_allclose(shares, known.explained_variance_ratio_, atol=1e-12)
    np.testing.assert_allclose(np.abs((basis * known.components_).sum(axis=1)), 1, atol=1e-9)


def test_points_of_a_picture_in_the_plane_keep_the_distances_that_the_plane_holds():
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((64, 2)))[0].T
    plane = noises.Plane(basis, np.array([0.6, 0.4]), np.empty((0, 5, 2)), np.empty(0, bool), ())
    part = Noises((80, 70, 60, 50, 40), rng.standard_normal((5, 1, 8, 8)))
    coarse = coarse_offsets(part).reshape(5, 64)
    np.testing.assert_allclose(plane.project(part) @ basis * 8, coarse @ basis.T @ basis, atol=1e-12)
    np.testing.assert_allclose(plane.project(part).sum(axis=0), 0, atol=1e-12)  # the centroid is the origin
    inside = Noises(part.levels, np.stack([a * basis[0] for a in (1.0, 2.0, 3.0, 4.0, 5.0)]).reshape(5, 1, 8, 8))
    kept = coarse_offsets(inside).reshape(5, 64)
    share = np.square(kept @ basis.T).sum() / np.square(kept).sum()
    assert plane.share(inside) == pytest.approx(share)


def test_coarse_offsets_pass_the_filter_of_the_engine():
    offsets = np.random.default_rng(2).standard_normal((3, 4, 16, 16))
    wanted = FREMIA.apply(torch.from_numpy(offsets)).numpy()
    np.testing.assert_allclose(counted(offsets, COARSE), wanted, atol=1e-12)
    np.testing.assert_array_equal(counted(offsets, ALL_DETAIL), offsets)


def test_the_keys_are_those_of_the_plans():
    assert tuple(plan("noise_aggregation", {}, chosen).key for chosen in (NONE, FREMIA)) == KEYS


def test_a_fixed_seed_draws_as_many_of_both_groups_and_the_few_are_among_the_many():
    member = np.arange(300) % 3 == 0
    few, many = drawn(member, 4), drawn(member, 24)
    assert member[few].tolist() == [True] * 4 + [False] * 4
    assert set(few) <= set(many)
    assert len(set(many)) == 48


@pytest.mark.parametrize("name", NAMES)
def test_what_is_stored_fits_the_target_and_its_reference(name):
    """The usual setting in the grid is the attack's own score, as the bundled reference has it."""
    known, reference = known_noises(name), engine.reference(name)
    assert known.weights_sha256 == reference.weights_sha256
    assert [picture.member for picture in known.pictures] == [True] * SHOWN + [False] * SHOWN
    calibration = {
        s for s, split in zip(reference.image_sha256, reference.split, strict=True) if split == "calibration"
    }
    for part, count in ((known.grid, COMPARED), (known.plane, FITTED)):
        assert (int(part.member.sum()), len(part.member)) == (count, 2 * count)
        assert set(part.image_sha256) <= calibration
    assert {picture.sha256 for picture in known.pictures} <= set(known.grid.image_sha256)
    rows = [reference.image_sha256.index(sha256) for sha256 in known.grid.image_sha256]
    assert (reference.member[rows] == known.grid.member).all()
    for counting, key in enumerate(KEYS):
        usual = known.grid.scores[(counting, *known.grid.place(80, 5))]
        np.testing.assert_allclose(usual, reference.columns[key].score[rows], atol=2e-5)


@pytest.mark.parametrize("name", ["digits-a", "emoji-b"])
def test_the_model_asked_again_says_what_is_stored(name):
    known, target = known_noises(name), engine.opened(name)
    pictures = bundled_pictures(target, ("calibration",))
    stored = known.pictures[SHOWN]
    again = known_picture(target, pictures, pictures.sha256.index(stored.sha256))
    assert (again.name, again.caption, again.member) == (stored.name, stored.caption, False)
    np.testing.assert_allclose(again.noises.predicted, stored.noises.predicted, atol=3e-3)  # float16 up to 4
    np.testing.assert_allclose(again.values, stored.values, atol=1e-6)
    place = known.plane.image_sha256.index(stored.sha256)
    np.testing.assert_allclose(known.plane.project(stored.noises), known.plane.points[place], atol=1e-4)
    score = known.grid.scores[(COARSE, *known.grid.place(80, 5))][known.grid.image_sha256.index(stored.sha256)]
    coarse = np.sqrt(np.square(coarse_offsets(again.noises)).mean())
    assert distance_of(score) == pytest.approx(coarse, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_auc_and_order_of_the_grid(name):
    grid = known_noises(name).grid
    assert grid.place(40, 8) is None  # would walk below level 0
    assert grid.place(81, 5) is None
    for counting in (ALL_DETAIL, COARSE):
        for at in ((80, 5), (300, 8), (40, 2)):
            distances = [grid.distances(counting, *at, member) for member in (True, False)]
            found = grid.interval(counting, *at)
            labels = np.r_[np.ones(COMPARED), np.zeros(COMPARED)]
            assert found.value == pytest.approx(roc_auc_score(labels, -np.concatenate(distances)), abs=1e-6)
            assert found.low <= found.value <= found.high
    without = grid.image_sha256[0]
    assert len(grid.distances(COARSE, 80, 5, True, without)) == COMPARED - 1


@pytest.mark.parametrize(("strength", "count"), [(200, 7), (80, 5)])
def test_asking_again_equals_the_grid_of_a_known_picture(strength, count):
    """Through the engine, as the button does it, and stored: one score."""
    name, target = "digits-a", engine.opened("digits-a")
    pictures = bundled_pictures(target, ("calibration",))
    grid, progress = known_noises(name).grid, Progress()
    row = pictures.sha256.index(grid.image_sha256[3])
    given = Prepared(pictures.pictures[row].numpy(), (), pictures.sha256[row])
    case = engine.ask_noises_named(name, given, strength, count, progress)
    assert case.findings[0].nfe == progress.done == progress.expected == count
    assert case.noises.levels == tuple(strength - 10 * i for i in range(count))
    stored = grid.scores[(COARSE, *grid.place(strength, count))][3]
    assert case.findings[0].score == pytest.approx(stored, abs=1e-4)
    with pytest.raises(ValueError, match="below level 0"):
        engine.ask_noises_named(name, given, 40, 8, progress)


def test_a_target_without_stored_answers_has_none():
    assert known_noises("brain-a-0200") is None
    assert known_noises("own:1") is None


def test_stored_answers_come_back(tmp_path):
    known = known_noises("emoji-a")
    noises.save(known, tmp_path / "deep" / "known.npz")
    loaded = noises.load(tmp_path / "deep" / "known.npz")
    np.testing.assert_array_equal(loaded.grid.scores, known.grid.scores)
    np.testing.assert_array_equal(loaded.plane.points, known.plane.points)
    for one, other in zip(loaded.pictures, known.pictures, strict=True):
        np.testing.assert_array_equal(one.noises.predicted, other.noises.predicted)
        np.testing.assert_array_equal(one.noises.pictures, other.noises.pictures)
        np.testing.assert_array_equal(one.values, other.values)
        assert (one.name, one.caption, one.member, one.sha256) == (
            other.name,
            other.caption,
            other.member,
            other.sha256,
        )
    assert all(a > b for a, b in pairwise(loaded.pictures[0].noises.levels))
