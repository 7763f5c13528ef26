"""NIfTI-1 and NIfTI-2 files (.nii, .nii.gz) with nibabel: to a Volume that is cut along the body's own axes.

Voxels are taken in canonical orientation (RAS+: right, anterior, superior), whatever order the file stores them in.
A slice is drawn with superior (or anterior) up and the patient's left (or back) on the left. Values are what the file's
scale makes of them. The file says nothing about black and white, so unless a window is chosen they are the 0.5th and
99.5th percentile of the whole scan, the same for all its slices; unscaled 8-bit scans keep 0 and 255.
"""

from __future__ import annotations

import logging

import nibabel
import numpy as np
from nibabel.orientations import io_orientation

from mia_viz.pictures.limits import check_slice, check_voxels, guarded, inflate, sha256_of
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import EXACT, Plane, Volume, Window, spanning

AXES = ("sagittal", "coronal", "axial")
GZIP = b"\x1f\x8b"
PERCENTILES = (0.5, 99.5)
SAMPLE = 4_000_000
"""Values, spread evenly over a scan, of which percentiles are taken."""
MAGIC = {b"n+1\0": nibabel.Nifti1Image, b"n+2\0": nibabel.Nifti2Image}
PAIR = (b"ni1\0", b"ni2\0")

# It remarks on odd headers in the log; what is wrong with a file is said once, in one sentence.
nibabel.imageglobals.logger.setLevel(logging.CRITICAL)


def magic(head: bytes) -> bytes:
    """The magic word of a NIfTI header (its first 348 bytes), or nothing."""
    for word in (head[344:348], head[4:8]):
        if word in MAGIC or word in PAIR:
            return word
    return b""


def open_nifti(data: bytes, name: str) -> Volume:
    """A NIfTI file as a Volume. Raises PictureError with one sentence."""
    sha256, size = sha256_of(data), len(data)
    with guarded("NIfTI"):
        if data[:2] == GZIP:
            data = inflate(data, 31)
        word = magic(data[:348])
        if word in PAIR:
            raise PictureError("This is one half of a NIfTI pair; save the scan as a single .nii file.")
        if not word:
            raise PictureError("This packed file is not a NIfTI scan; unpack it first.")
        image = MAGIC[word].from_bytes(data)
        shape, dtype, notes = _checked(image, len(data))
        flips, known = _orientation(image.affine[:3, :3])
        if not known:
            notes += ("The file does not say how the scan lies in space, so its axes are taken as they are stored.",)
        plain = dtype == np.uint8 and image.dataobj.slope == 1 and image.dataobj.inter == 0
        chosen = (Window("8 bit", 127.5, 255, EXACT), "Black is 0 and white 255, as in any 8-bit picture.")
        default = chosen if plain else _percentile_window(image.dataobj, shape)
        return Volume(
            "NIfTI",
            name,
            sha256,
            size,
            dtype.itemsize * 8,
            AXES,
            tuple(shape[int(np.flatnonzero(flips[:, 0] == a)[0])] for a in range(3)),
            lambda axis, index: _plane(image.dataobj, shape, flips, axis, index),
            default,
            notes=notes,
        )


def _checked(image: nibabel.Nifti1Image, length: int) -> tuple[tuple[int, ...], np.dtype, tuple[str, ...]]:
    """Sides along the three stored axes, type of values, notes; PictureError for what is no ordinary scan."""
    stated, dtype = image.header.get_data_shape(), image.header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise PictureError("This NIfTI file holds colours, complex or very long numbers, which are not read here.")
    if not 2 <= len(stated) <= 7 or any(side != 1 for side in stated[4:]):
        raise PictureError("This NIfTI file does not hold a scan of two, three or four dimensions.")
    check_voxels(stated)
    shape = (*stated, 1)[:3] if len(stated) == 2 else stated[:3]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        check_slice(shape[a], shape[b])
    if image.dataobj.offset + int(np.prod([int(side) for side in stated])) * dtype.itemsize > length:
        raise PictureError("This NIfTI file is cut off: it holds fewer values than its header says.")
    series = stated[3] if len(stated) > 3 else 1
    notes = (f"Of {series} scans in the file the first was read.",) if series > 1 else ()
    return tuple(int(side) for side in shape), dtype, notes


def _orientation(affine: np.ndarray) -> tuple[np.ndarray, bool]:
    """For each stored axis its body axis and direction (3, 2), and whether the file states them."""
    stored = np.array([[0, 1], [1, 1], [2, 1]])
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
        return stored, False
    found = io_orientation(np.vstack([np.c_[affine, np.zeros(3)], [0, 0, 0, 1]]))
    return (found.astype(int), True) if np.isfinite(found).all() else (stored, False)


def _plane(dataobj: object, shape: tuple[int, ...], flips: np.ndarray, axis: int, index: int) -> Plane:
    """The canonical slice (rows, columns), last remaining body axis upwards and the other one to the right."""
    with guarded("NIfTI"):
        cut = int(np.flatnonzero(flips[:, 0] == axis)[0])
        place = index if flips[cut, 1] > 0 else shape[cut] - 1 - index
        values = _slice(dataobj, cut, place)
        left = [k for k in range(3) if k != cut]
        values = values[:: int(flips[left[0], 1]), :: int(flips[left[1], 1])]
        if flips[left[0], 0] > flips[left[1], 0]:
            values = values.T
        return _finite(np.ascontiguousarray(values.T[::-1]))


def _slice(dataobj: object, cut: int, place: int) -> np.ndarray:
    """One slice of the first scan across a stored axis, (a, b) float32, scaled as the file asks."""
    dimensions = len(dataobj.shape)
    if dimensions == 2:  # a single slice; its own third axis is not stored
        values = np.asarray(dataobj[:, :])[..., np.newaxis]
        values = np.take(values, place, axis=cut)
    else:
        chosen = [slice(None)] * 3 + [0] * (dimensions - 3)
        chosen[cut] = place
        values = np.asarray(dataobj[tuple(chosen)])
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32)


def _finite(values: np.ndarray) -> Plane:
    good = np.isfinite(values)
    if good.all():
        return Plane(values)
    if not good.any():
        raise PictureError("This slice has no values at all (NaN or infinite); choose another one.")
    note = "Pixels without a value (NaN or infinite) were set to the lowest value of their slice."
    return Plane(np.where(good, values, values[good].min()), (note,))


def _percentile_window(dataobj: object, shape: tuple[int, ...]) -> tuple[Window, str]:
    """The window between PERCENTILES of the first scan, and the sentence about it."""
    area = shape[0] * shape[1]
    count = max(1, min(shape[2], SAMPLE // area))
    step = max(1, area // SAMPLE)
    places = np.unique(np.linspace(0, shape[2] - 1, count).round().astype(int))
    values = np.concatenate([_slice(dataobj, 2, int(k)).ravel()[::step] for k in places])
    values = values[np.isfinite(values)]
    if not len(values):
        raise PictureError("This scan has no values at all (NaN or infinite).")
    low, high = (float(v) for v in np.percentile(values, PERCENTILES))
    sentence = (
        f"Black is {low:.6g} and white {high:.6g}, "
        f"the {PERCENTILES[0]} and {PERCENTILES[1]} percentiles of the scan's values."
    )
    return spanning("percentiles", low, high), sentence
