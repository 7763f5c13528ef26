"""Numpy's `.npy` files: one picture (H, W), (H, W, 1 | 3) or (1 | 3, H, W), or a stack of grey ones (D, H, W).

Read without pickle, so no code can come with them. Whole numbers run from 0 to the largest of their type (8 or 16 bit).
Floating-point values in [0, 1] are taken as they are, those in [-1, 1] as a model's own range; others are shown from
their lowest to their highest value unless a window is chosen.
"""

from __future__ import annotations

import ast
import struct

import numpy as np

from mia_viz.pictures.limits import check_slice, check_voxels, guarded, sha256_of
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import EXACT, Plane, Volume, Window, spanning

LONGEST_HEADER = 4096
COLOURS = (1, 3)


def open_numpy(data: bytes, name: str) -> Volume:
    """A .npy file as a Volume. Raises PictureError with one sentence."""
    with guarded("numpy"):
        stored = _array(data)
        stack, colour = _stack(stored)
        low, high = (0.0, 1.0) if stored.dtype.kind == "b" else (float(stack.min()), float(stack.max()))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise PictureError("This array has values that are no numbers (NaN or infinite); fill them first.")
        window, sentence = _window(stored.dtype, low, high)
        if colour and window.name == "full range":
            raise PictureError("Colours in an array need whole numbers, or values between 0 and 1 or -1 and 1.")

    def plane(_axis: int, index: int) -> Plane:
        values = stack[index].astype(np.float32)
        return Plane(window.apply(values), (sentence,)) if colour else Plane(values)

    exact = stored.dtype.kind != "f" and stored.dtype.itemsize == 1
    bits = 8 if exact else stored.dtype.itemsize * 8
    shown = (window, sentence)
    return Volume("numpy", name, sha256_of(data), len(data), bits, ("slice",), (len(stack),), plane, lambda _: shown)


def _array(data: bytes) -> np.ndarray:
    """The array as a view of the bytes, after its header was found sane. Raises PictureError."""
    version = tuple(data[6:8])
    start = 10 if version == (1, 0) else 12
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError("an unknown version")
    length = struct.unpack("<H", data[8:10])[0] if start == 10 else struct.unpack("<I", data[8:12])[0]
    if length > LONGEST_HEADER:
        raise PictureError("This array has an absurdly long header.")
    header = ast.literal_eval(data[start : start + length].decode("latin-1").strip())
    shape, dtype = header["shape"], np.dtype(header["descr"])
    if dtype.kind not in "buif" or (dtype.kind in "ui" and dtype.itemsize > 2) or dtype.itemsize > 8:
        raise PictureError("This array must hold 8- or 16-bit whole numbers, or floating-point numbers.")
    if not 2 <= len(shape) <= 3 or not all(isinstance(side, int) for side in shape):
        raise PictureError("This array must have two or three dimensions.")
    check_voxels(shape)
    if len(data) - start - length != int(np.prod(shape)) * dtype.itemsize:
        raise PictureError("This array holds more or fewer values than its header says.")
    order = "F" if header["fortran_order"] else "C"
    return np.frombuffer(data, dtype, offset=start + length).reshape(shape, order=order)


def _stack(stored: np.ndarray) -> tuple[np.ndarray, bool]:
    """(D, H, W) grey or (1, H, W, 3) colour, and whether it is colour."""
    if stored.ndim == 2:
        stored = stored[np.newaxis]
    elif stored.shape[2] in COLOURS:
        stored = stored[np.newaxis] if stored.shape[2] == 3 else stored[np.newaxis, ..., 0]
    elif stored.shape[0] == 3:
        stored = np.moveaxis(stored, 0, 2)[np.newaxis]
    check_slice(*stored.shape[1:3])
    return stored, stored.ndim == 4


def _window(dtype: np.dtype, low: float, high: float) -> tuple[Window, str]:
    if dtype.kind == "b":
        return spanning("bits", 0, 1), "False is black and true is white."
    if dtype.kind in "ui" and low >= 0:
        white = float(np.iinfo(dtype).max)
        return Window("type", white / 2, white, EXACT), f"Black is 0 and white {white:.0f}, the largest of its type."
    if dtype.kind == "f" and low >= 0 and high <= 1:
        return spanning("unit", 0, 1), "The values run from 0 to 1 and were taken as they are."
    if dtype.kind == "f" and low >= -1 and high <= 1:
        return spanning("model", -1, 1), "The values run from -1 to 1 and were taken as a model sees them."
    sentence = f"The array does not say what black and white are, so it is shown from {low:.6g} to {high:.6g}."
    return spanning("full range", low, high), sentence
