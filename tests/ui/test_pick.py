"""What a visitor has chosen, without a browser."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mia_viz.pictures.drawing import UNSEEN
from mia_viz.targets import bundled
from mia_viz.ui import pick
from mia_viz.ui.walk import subject
from tests.pictures.test_drawing import digit, uri

STROKE = uri(np.kron(digit(5), np.ones((10, 10), dtype=np.float32)))


def test_the_first_screen_needs_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from mia_viz.ui.launch import build; build(); "
        "print([m for m in ('torch', 'sklearn', 'diffusers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize("family", bundled.families())
def test_the_gallery_shows_only_pictures_that_nothing_else_uses_and_as_many_of_each_group(family):
    known, shown = bundled.population(family), pick.gallery_indices(family)
    assert len(set(shown)) == 18
    assert {known.split[i] for i in shown} == {"shown"}
    assert sorted(known.group[i] for i in shown) == sorted("ABC" * 6)


def test_a_drawn_digit_was_in_no_training_set():
    picked = pick.pick_drawing(STROKE, "digits-a")
    np.testing.assert_allclose((picked.prepared.values[0] + 1) / 2, digit(5), atol=1e-6)
    assert [pick.truth(picked.group, name) for name in ("digits-a", "digits-b")] == ["hold-out"] * 2
    assert picked.prepared.notes[0] == UNSEEN
    assert "no model has seen it" in subject(pick.blank_case(picked, "digits-a"))


def test_the_truth_turns_around_between_twins_and_nobody_knows_about_an_upload():
    assert [pick.truth("A", name) for name in ("brain-a", "brain-a-0200", "brain-b")] == ["member"] * 2 + ["hold-out"]
    assert pick.truth("C", "brain-a") == "hold-out"
    assert pick.truth(None, "brain-a") is None


def test_a_family_without_a_stored_case_opens_on_a_picture_nobody_has_asked_about(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "case_file", lambda family: tmp_path / "none.npz")
    case, picked = pick.opening_case("brain")
    assert case.findings == ()
    np.testing.assert_array_equal(case.values, picked.prepared.values)
    assert "has not been asked about" in subject(case)
