"""Windows that are chosen by hand: DICOM's own formula for DICOM, exact ones for values that are small."""

from __future__ import annotations

import numpy as np
import pytest

from mia_viz.pictures.files import load_picture, open_volume
from mia_viz.pictures.picture import PictureError, View
from tests.pictures.scans import dicom
from tests.pictures.test_nifti_and_numpy import nifti, npy

UNIT = np.linspace(0, 1, 8 * 7 * 6, dtype=np.float32).reshape(8, 7, 6)


@pytest.mark.parametrize("window", [(0.5, 1.0), (0.5, 0.8), (0.3, 0.01)])
@pytest.mark.parametrize("kind", ["nifti", "numpy"])
def test_small_values_are_shown_linearly_between_black_and_white(window, kind):
    level, width = window
    data, values = (nifti(UNIT), np.rot90(UNIT[:, :, 2])) if kind == "nifti" else (npy(UNIT), UNIT[2])
    shown = load_picture(data, view=View(slice=2, window=f"{level},{width}")).pixels[..., 0]
    np.testing.assert_allclose(shown, np.clip((values - level) / width + 0.5, 0, 1), atol=1e-4)


def test_dicom_keeps_its_formula_where_that_is_defined():
    stored = np.arange(256, dtype=np.uint16).reshape(16, 16)
    volume = open_volume(dicom(stored))
    shown = volume.picture(View(window="100,20")).pixels[..., 0]
    np.testing.assert_allclose(shown, np.clip((stored - 99.5) / 19 + 0.5, 0, 1), atol=1e-6)  # PS3.3 C.11.2.1.2.1
    scaled = open_volume(dicom(stored, RescaleSlope=1 / 255, RescaleIntercept=0))
    shown = scaled.picture(View(window="0.5,0.8")).pixels[..., 0]
    np.testing.assert_allclose(shown, np.clip((stored / 255 - 0.5) / 0.8 + 0.5, 0, 1), atol=1e-5)
    exact = {"WindowCenter": 100, "WindowWidth": 20, "VOILUTFunction": "LINEAR_EXACT"}
    shown = open_volume(dicom(stored, **exact)).picture(View(window="100,20")).pixels[..., 0]
    np.testing.assert_allclose(shown, np.clip((stored - 100.0) / 20 + 0.5, 0, 1), atol=1e-6)


@pytest.mark.parametrize("window", ["0.5,0", "0.5,-1"])
def test_a_window_without_width_is_refused(window):
    with pytest.raises(PictureError, match="a width above 0"):
        load_picture(nifti(UNIT), view=View(window=window))


def test_every_window_of_a_file_can_be_chosen():
    stored = np.arange(256, dtype=np.uint16).reshape(16, 16)
    volume = open_volume(dicom(stored, WindowCenter=[40, 200], WindowWidth=[80, 50]))
    first, second = (volume.picture(View(window=name)).pixels for name in ("file", "file 2"))
    np.testing.assert_array_equal(first, volume.picture(View(window="40,80")).pixels)
    np.testing.assert_array_equal(second, volume.picture(View(window="200,50")).pixels)
    with pytest.raises(PictureError, match="There is no window 3 in this file; it brings 2"):
        volume.picture(View(window="file 3"))
