"""What resampling does to a frequency: the closed form against stripes that `prepare` resamples."""

from __future__ import annotations

import numpy as np
import pytest

from mia_viz.pictures.picture import Picture
from mia_viz.pictures.prepare import prepare
from mia_viz.pictures.resampling import band_note, kept


def picture(grey: np.ndarray) -> Picture:
    return Picture(grey[..., None].astype(np.float32), "x", "", 1, "L", 8)


@pytest.mark.parametrize("cycles", [2, 8, 20])
def test_area_means_weaken_stripes_as_the_formula_says(cycles):
    side, small = 1024, 64  # so fine that each new pixel's mean is nearly an integral
    stripes = 0.5 + 0.4 * np.sin(2 * np.pi * cycles * (np.arange(side) + 0.5) / side)
    shrunk = prepare(picture(np.tile(stripes, (side, 1))), (small, small), 1, "fit")
    amplitude = np.abs(np.fft.rfft(shrunk.values[0, 0]))[cycles] / (small / 2) / 2
    assert amplitude / 0.4 == pytest.approx(kept(cycles / (small / 2)), rel=1e-3)
    assert shrunk.stretch == small / side


def test_notes_only_where_the_band_in_use_is_touched():
    assert kept(0) == 1
    assert kept(1) == pytest.approx(2 / np.pi)
    assert band_note(1.0, 0, 1.5) == ""
    assert "above 0.5" in band_note(2.0, 0, 1.5)
    assert band_note(2.0, 0.1, 0.4) == ""
    assert "64 %" in band_note(0.5, 0, 1.5)
    assert band_note(0.5, 0.1, 0.4) == ""
    assert "from 0.15 to 0.85" in band_note(0.5, 0.15, 0.85)
