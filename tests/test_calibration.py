"""Calibrated scores: the plain difference, and never a hold-out that either model was trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mia_viz.analysis import plan, run
from mia_viz.calibration import calibrated, calibrated_rows, calibrated_scores
from mia_viz.commands.calibrate import calibrated_name
from mia_viz.probe import Probe
from mia_viz.reference import Column, Reference
from mia_viz.targets.analytic import Memoriser


def stored(names: list[str], member: str, split: dict[str, str], scores: dict[str, float]) -> Reference:
    """A reference of pictures called by one letter; those of `member` were trained on."""
    column = Column("{}", *(np.array([scores[n] for n in names]),) * 2, np.zeros((len(names), 0, 32)), 2.0)
    trained = np.array([n in member for n in names])
    parts = (trained, np.array([split.get(n, "test") for n in names]))
    return Reference("toy", "ab", tuple(names), tuple(names), *parts, {"loss": column})


@pytest.fixture
def twins() -> tuple[Reference, Reference]:
    """Members a, b of one and m, n of the other; x, y, z of neither, z for calibration; other order; w held by one."""
    split = {"z": "calibration"}
    own = {"a": 5.0, "b": 4.0, "m": 1.0, "n": 2.0, "x": 3.0, "y": 6.0, "z": 7.0, "w": 0.0}
    other = {"a": 1.0, "b": 2.0, "m": 9.0, "n": 8.0, "x": 0.5, "y": 5.0, "z": 3.0}
    return stored(list("abmnxyzw"), "ab", split, own), stored(list("zyxnmba"), "mn", split, other)


def test_only_pictures_neither_saw_serve_as_holdouts(twins):
    rows, others = calibrated_rows(*twins, member=False, split="test")
    assert [twins[0].names[i] for i in rows] == [twins[1].names[i] for i in others] == ["x", "y"]
    np.testing.assert_array_equal(calibrated_scores(*twins, "loss", False, "test"), [2.5, 1.0])
    np.testing.assert_array_equal(calibrated_scores(*twins, "loss", False, "calibration"), [4.0])
    np.testing.assert_array_equal(calibrated_scores(*twins, "loss", False, "test", without="x"), [1.0])
    np.testing.assert_array_equal(calibrated_scores(*twins, "loss", True, "test"), [4.0, 2.0])
    assert len(calibrated_scores(*twins, "loss", True, "calibration")) == 0
    assert len(calibrated_scores(*twins, "loss", False, "calibration", without="z")) == 0


def test_from_the_other_side_the_twins_change_places(twins):
    np.testing.assert_array_equal(calibrated_scores(*twins[::-1], "loss", True, "test"), [6.0, 8.0])


def test_difference_of_scores():
    np.testing.assert_array_equal(calibrated(np.array([1.0, 2.0]), np.array([0.5, 3.0])), [0.5, -1.0])
    assert calibrated_name("loss", "brain-b") == "loss less its score under brain-b"
    with pytest.raises(ValueError, match="same pictures"):
        calibrated(np.zeros(3), np.zeros(2))


def test_what_two_memories_share_cancels(pictures):
    """The loss under a memory of x* is (alpha/sigma)^2 |x_0 - x*|^2, so the difference is that of the distances."""
    x_0, a, b = pictures(4), pictures(1, seed=7), pictures(1, seed=8)
    score = [run(Probe(Memoriser(point), x_0), plan("loss")).score for point in (a, b)]
    alpha, sigma = Memoriser(a).schedule.gains(200)
    gaps = [torch.sum((x_0 - point).double() ** 2, (1, 2, 3)).numpy() for point in (a, b)]
    expected = (alpha / sigma) ** 2 * (gaps[1] - gaps[0])
    np.testing.assert_allclose(calibrated(*score), expected, rtol=1e-4)
