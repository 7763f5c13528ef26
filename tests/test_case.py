"""A stored case comes back as it was, and needs no torch to be shown."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mia_viz.case import Case, Finding, Noises, Rebuilt, Restoration, load_case, save_case
from mia_viz.verdict import judge


def make_case() -> Case:
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float16).astype(np.float32)  # noqa: E731
    verdict = judge(0.4, rng.standard_normal(50), rng.standard_normal(20))
    return Case(
        "brain-a",
        "picture 0001",
        draw(1, 8, 8),
        "ab" * 32,
        ("Taken as it is.",),
        "member",
        True,
        Restoration(draw(3, 1, 8, 8), np.ones((3, 1, 8, 8), np.float32), ("centre", "blocks", "centre"), draw(3)),
        Rebuilt(200, draw(1, 8, 8), draw(1, 8, 8), np.ones((1, 8, 8), np.float32), 0.5),
        Noises((80, 70), draw(2, 1, 8, 8)),
        (
            Finding("loss", "loss", "Denoising loss", -1.5, 1.5, 1.0, 0.1, verdict),
            Finding("x", "x", "X", 0.0, 0.0, 2.0, 0.2, None),
        ),
        verdict,
        blind=(0.9,),
    )


@pytest.mark.parametrize("whole", [True, False])
def test_a_case_survives_storage(tmp_path, whole):
    case = make_case() if whole else Case("t", "n", np.zeros((3, 4, 4), np.float32), "")
    save_case(case, tmp_path / "case.npz")
    again = load_case(tmp_path / "case.npz")
    assert not again.live
    assert again.blind == ((0.9,) if whole else None)
    for name in ("target", "name", "sha256", "notes", "truth", "findings", "overall"):
        assert getattr(again, name) == getattr(case, name)
    np.testing.assert_array_equal(again.values, case.values)
    if whole:
        assert again.restoration.labels == case.restoration.labels
        np.testing.assert_array_equal(again.restoration.restored, case.restoration.restored)
        np.testing.assert_array_equal(again.noises.predicted, case.noises.predicted)
        assert again.noises.levels == case.noises.levels
        assert again.rebuilt.error_gain == case.rebuilt.error_gain


def test_distances_are_root_mean_squares_around_the_centre():
    predicted = np.stack([np.full((1, 4, 4), v, np.float32) for v in (0.0, 1.0, 5.0)])
    np.testing.assert_allclose(Noises((3, 2, 1), predicted).distances, [2.0, 1.0, 3.0])


def test_nothing_of_the_first_screen_loads_torch():
    """The first screen must come within seconds; torch and diffusers are opened behind it."""
    modules = "mia_viz.case, mia_viz.figures.bands, mia_viz.figures.images, mia_viz.engine"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
