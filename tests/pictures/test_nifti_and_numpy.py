"""NIfTI in the body's own axes as nibabel turns it, arrays in the range they state, absurd headers refused unread."""

from __future__ import annotations

import gzip
import io

import nibabel
import numpy as np
import pytest

from mia_viz.pictures import limits
from mia_viz.pictures.files import load_picture, open_volume
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import View
from tests.pictures.samples import refusal
from tests.pictures.scans import NIFTI

RNG = np.random.default_rng(2)


def nifti(values: np.ndarray, codes: str = "RAS", kind: type = nibabel.Nifti1Image) -> bytes:
    """A file whose stored axes run in the given directions."""
    affine = nibabel.orientations.inv_ornt_aff(nibabel.orientations.axcodes2ornt(tuple(codes)), values.shape[:3])
    return kind(values, affine).to_bytes()


def npy(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SLP", "AIR", "PSR"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_slices_are_those_of_nibabels_canonical_volume(codes, kind):
    data = nifti(RNG.integers(0, 900, (5, 6, 7)).astype(np.int16), codes, kind)
    canonical = nibabel.as_closest_canonical(kind.from_bytes(data)).get_fdata()
    volume = open_volume(gzip.compress(data))
    assert volume.counts == canonical.shape
    for axis, name in enumerate(("sagittal", "coronal", "axial")):
        plane = volume.plane(volume.axis(name), 2).values
        np.testing.assert_array_equal(plane, np.rot90(canonical.take(2, axis=axis)))


@pytest.mark.parametrize("name", ["anatomical.nii", "example_nifti2.nii.gz", "functional.nii"])
def test_public_scans_equal_nibabel(name):
    canonical = nibabel.as_closest_canonical(nibabel.load(NIFTI / name)).get_fdata()
    first = canonical if canonical.ndim == 3 else canonical[..., 0]
    picture = load_picture(NIFTI / name, view=View(slice=1, axis="axial"))
    low, high = np.percentile(first, (0.5, 99.5))
    expected = np.clip((np.rot90(first[:, :, 1]) - low) / (high - low), 0, 1)
    np.testing.assert_allclose(picture.pixels[..., 0], expected, atol=1e-5)
    assert "percentiles" in picture.notes[-1]
    assert ("the first was read" in picture.notes[0]) == (canonical.ndim == 4)


def test_eight_bit_scans_keep_black_and_white_and_windows_can_be_chosen():
    values = RNG.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    picture = load_picture(nifti(values), view=View(slice=0))
    np.testing.assert_allclose(picture.pixels[..., 0], np.rot90(values[:, :, 0]) / 255, atol=1e-6)
    assert picture.bits == 8
    chosen = load_picture(nifti(values), view=View(window="brain", slice=0))
    assert "taking its values as Hounsfield units" in chosen.notes[-1]
    with pytest.raises(PictureError, match="sagittal, coronal or axial"):
        load_picture(nifti(values), view=View(axis="diagonal"))


def test_missing_values_are_told():
    values = np.ones((4, 4, 3), np.float32)
    values[0, 0, 0], values[1] = np.nan, 3
    picture = load_picture(nifti(values), view=View(slice=0))
    assert any("without a value" in note for note in picture.notes)
    assert picture.pixels.max() == 1
    assert "no values at all" in refusal(nifti(np.full((4, 4, 3), np.nan, np.float32)))


def edited(place: int, value: bytes) -> bytes:
    data = bytearray(nifti(np.zeros((4, 4, 3), np.int16)))
    data[place : place + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (42, b"\xff\x7f\xff\x7f\xff\x7f", "million values"),
        (42, b"\0\x04\0\x04\x04\0", "fewer values"),
        (42, b"\0\0", "without pixels"),
        (42, b"\xff\xff", "without pixels"),
        (40, b"\x01\0", "dimensions"),
        (40, b"\x63\0", "damaged"),
        (70, b"\x20\0", "complex"),
        (70, b"\x80\0", "colours"),
        (108, b"\0\0\x80\x4f", "cut off"),
    ],
)
def test_absurd_headers_are_refused(place, value, said):
    assert said in refusal(edited(place, value)) or "damaged" in refusal(edited(place, value))


def test_packed_bombs_and_other_packed_files_are_refused(monkeypatch):
    assert "not a NIfTI" in refusal(gzip.compress(b"words" * 100))
    assert "damaged" in refusal(gzip.compress(nifti(np.zeros((9, 9, 9))))[:-40])
    monkeypatch.setattr(limits, "MAX_SCAN_BYTES", 1_000_000)
    assert "unpacks to more" in refusal(gzip.compress(bytes(3_000_000)))


@pytest.mark.parametrize(
    ("array", "expected", "said"),
    [
        (np.array([[0, 51], [255, 102]], np.uint8), [[0, 0.2], [1, 0.4]], "white 255"),
        (np.array([[0, 65535]], ">u2"), [[0, 1]], "white 65535"),
        (np.array([[0, 0.25], [1, 0.5]]), [[0, 0.25], [1, 0.5]], "0 to 1"),
        (np.array([[-1, 0], [1, 0.5]], np.float32), [[0, 0.5], [1, 0.75]], "as a model sees them"),
        (np.array([[True, False]]), [[1, 0]], "true is white"),
        (np.array([[-100, 0], [100, 300]], np.int16), [[0, 0.25], [0.5, 1]], "from -100 to 300"),
        (np.array([[0, 51], [255, 102]], np.int64), [[0, 0.2], [1, 0.4]], "white 255"),
        (np.array([[0, 51], [255, 102]], ">i4"), [[0, 0.2], [1, 0.4]], "white 255"),
        (np.array([[0, 500], [1000, 250]], np.int64), [[0, 0.5], [1, 0.25]], "from 0 to 1000"),
        (np.array([[-100, 300]], np.int32), [[0, 1]], "from -100 to 300"),
    ],
)
def test_arrays_say_what_black_and_white_are(array, expected, said):
    for order in ("C", "F"):
        picture = load_picture(npy(np.asarray(array, order=order)))
        np.testing.assert_allclose(picture.pixels[..., 0], expected, atol=1e-6)
        assert said in picture.notes[-1]


def test_shapes_of_arrays():
    colour = RNG.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    np.testing.assert_allclose(load_picture(npy(colour)).pixels, colour / 255, atol=1e-6)
    np.testing.assert_allclose(load_picture(npy(np.moveaxis(colour, 2, 0))).pixels, colour / 255, atol=1e-6)
    stack = RNG.random((4, 5, 6))
    np.testing.assert_allclose(load_picture(npy(stack), view=View(slice=3)).pixels[..., 0], stack[3], atol=1e-6)
    assert load_picture(npy(stack[:1])).pixels.shape == (5, 6, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_a_fourth_channel_is_opacity_and_no_stack_of_narrow_slices(dtype):
    white = 1 if dtype is np.float64 else 255
    array = np.concatenate([RNG.integers(0, white + 1, (64, 64, 3)), np.full((64, 64, 1), white)], axis=2).astype(dtype)
    picture = load_picture(npy(array))
    np.testing.assert_allclose(picture.pixels, array[..., :3] / white, atol=1e-6)
    assert any("opaque" in note for note in picture.notes)
    assert picture.view.slice is None


def test_numpys_own_whole_numbers_can_be_used_exactly():
    from mia_viz.pictures.prepare import prepare

    values = RNG.integers(0, 256, (8, 8))
    assert values.dtype == np.int64
    prepared = prepare(load_picture(npy(values)), (8, 8), 1, "exact")
    np.testing.assert_allclose(prepared.values[0], values / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (npy(np.array([[{}]]), allow_pickle=True), "must hold"),
        (npy(np.array([["a"]])), "must hold"),
        (npy(np.ones((2, 2), complex)), "must hold"),
        (npy(np.ones((2, 2), "M8[s]")), "must hold"),
        (npy(np.ones((8, 8, 2))), "two channels"),
        (npy(np.full((8, 8, 4), 254, np.uint8)), "partly transparent"),
        (npy(np.ones(4)), "two or three dimensions"),
        (npy(np.ones((0, 4))), "without pixels"),
        (npy(np.array([[np.nan, 1]])), "no numbers"),
        (npy(np.full((4, 4, 3), 7.0)), "colours of this array"),
        (npy(np.full((4, 4, 3), 256)), "colours of this array"),
        (npy(np.ones((2, 2)))[:-1], "more or fewer"),
        (npy(np.ones((2, 2))).replace(b"(2, 2)", b"(9**9,"), "damaged"),
        (npy(np.ones((20, 20))).replace(b"(20, 20), }", b"(90000,80000),}"), "million values"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{", "absurdly long"),
    ],
)
def test_arrays_that_cannot_be_pictures_are_refused(data, said):
    assert said in refusal(data)


def test_views_are_for_scans_only():
    from tests.pictures.samples import GREY, encode

    with pytest.raises(PictureError, match="DICOM, NIfTI and numpy"):
        load_picture(encode(GREY), view=View(slice=0))
