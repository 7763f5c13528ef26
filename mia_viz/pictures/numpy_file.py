"""Numpy's `.npy` files: one picture (H, W), (H, W, 1 | 3 | 4) or (1 | 3, H, W), or a stack of grey ones (D, H, W).

Read without pickle, so no code can come with them. Whole numbers of 8 or 16 bits run from 0 to the largest of their
type; longer ones, which numpy makes by default, are an 8-bit picture's where none is above 255. Floating-point values
in [0, 1] are taken as they are, those in [-1, 1] as a model's own range. Others are shown from their lowest to their
highest value unless a window is chosen.
"""

from __future__ import annotations

import ast
import struct

import numpy as np

from mia_viz.pictures.limits import check_slice, check_voxels, guarded, sha256_of
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import EXACT, Plane, Volume, Window, spanning

LONGEST_HEADER = 4096
COLOURS = (1, 3, 4)
SHORT = 2
"""Bytes of the longest whole numbers that are stored to fill their range."""
EIGHT_BIT = 255


def open_numpy(data: bytes, name: str) -> Volume:
    """A .npy file as a Volume. Raises PictureError with one sentence."""
    with guarded("numpy"):
        stored = _array(data)
        stack, colour = _stack(stored)
        alpha, stack = (stack[..., 3], stack[..., :3]) if colour and stack.shape[3] == 4 else (None, stack)
        low, high = (0.0, 1.0) if stored.dtype.kind == "b" else (float(stack.min()), float(stack.max()))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise PictureError("This array has values that are no numbers (NaN or infinite); fill them first.")
        window, sentence = window_of(stored.dtype, low, high)
        if colour and window.name == "full range":
            raise PictureError(
                "The colours of this array do not say what black and white are; use 8- or 16-bit whole numbers, or "
                "values between 0 and 1."
            )
        if alpha is not None and (alpha != window.level + window.width / 2).any():
            raise PictureError("This array is partly transparent; put it on black and leave the fourth channel out.")
    notes = (sentence,) if alpha is None else (sentence, "The alpha channel is fully opaque and was dropped.")

    def plane(_axis: int, index: int) -> Plane:
        values = stack[index].astype(np.float32)
        return Plane(window.apply(values), notes) if colour else Plane(values)

    whole = stored.dtype.kind != "f" and (stored.dtype.itemsize == 1 or window.name == "8 bit")
    bits = 8 if whole else stored.dtype.itemsize * 8
    shown = (window, sentence)
    return Volume("numpy", name, sha256_of(data), len(data), bits, ("slice",), (len(stack),), plane, shown)


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
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise PictureError("This array must hold whole or floating-point numbers of at most 64 bits.")
    if not 2 <= len(shape) <= 3 or not all(isinstance(side, int) for side in shape):
        raise PictureError("This array must have two or three dimensions.")
    check_voxels(shape)
    if len(data) - start - length != int(np.prod(shape)) * dtype.itemsize:
        raise PictureError("This array holds more or fewer values than its header says.")
    order = "F" if header["fortran_order"] else "C"
    return np.frombuffer(data, dtype, offset=start + length).reshape(shape, order=order)


def _stack(stored: np.ndarray) -> tuple[np.ndarray, bool]:
    """(D, H, W) grey or (1, H, W, 3 | 4) colour, and whether it is colour."""
    if stored.ndim == 2:
        stored = stored[np.newaxis]
    elif stored.shape[2] == 2:
        raise PictureError("This array has two channels; save grey as (height, width), colour as (height, width, 3).")
    elif stored.shape[2] in COLOURS:
        stored = stored[np.newaxis, ..., 0] if stored.shape[2] == 1 else stored[np.newaxis]
    elif stored.shape[0] == 3:
        stored = np.moveaxis(stored, 0, 2)[np.newaxis]
    check_slice(*stored.shape[1:3])
    return stored, stored.ndim == 4


def window_of(dtype: np.dtype, low: float, high: float) -> tuple[Window, str]:
    """Black and white of values of a type between low and high, and the sentence that says so."""
    if dtype.kind == "b":
        return spanning("bits", 0, 1), "False is black and true is white."
    if dtype.kind in "ui" and low >= 0 and dtype.itemsize <= SHORT:
        white = float(np.iinfo(dtype).max)
        return Window("type", white / 2, white, EXACT), f"Black is 0 and white {white:.0f}, the largest of its type."
    if dtype.kind in "ui" and low >= 0 and high <= EIGHT_BIT:
        sentence = f"No value is above {EIGHT_BIT}, so black is 0 and white {EIGHT_BIT}, as in any 8-bit picture."
        return spanning("8 bit", 0, EIGHT_BIT), sentence
    if dtype.kind == "f" and low >= 0 and high <= 1:
        return spanning("unit", 0, 1), "The values run from 0 to 1 and were taken as they are."
    if dtype.kind == "f" and low >= -1 and high <= 1:
        return spanning("model", -1, 1), "The values run from -1 to 1 and were taken as a model sees them."
    sentence = f"The file does not say what black and white are, so it is shown from {low:.6g} to {high:.6g}."
    return spanning("full range", low, high), sentence
