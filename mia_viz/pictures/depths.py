"""Values that are no 8-bit ones, as pictures store them: up to 16 bits, signed, and floating-point."""

from __future__ import annotations

import io

import numpy as np
from PIL import TiffImagePlugin

from mia_viz.pictures.limits import MAX_PIXELS, TOO_MANY_PIXELS
from mia_viz.pictures.numpy_file import window_of
from mia_viz.pictures.picture import PictureError

DARK = 4096
BIG = (b"II+\0", b"MM\0+")
"""Beginning of a BigTIFF file, whose header is longer."""
WIDTH, HEIGHT, BITS, COMPRESSION, BLACK_IS_ZERO = 256, 257, 258, 259, 262
OFFSETS, TURN, SAMPLES, LENGTHS, FORMAT, FLOATING = 273, 274, 277, 279, 339, 3
PLAIN = {COMPRESSION: 1, BLACK_IS_ZERO: 1, TURN: 1, SAMPLES: 1}
"""Tags of a TIFF file that is stored plainly, with the values they have where they are missing."""


def deep_values(stored: np.ndarray, white: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Unsigned values (H, W) up to `white` to float32 (H, W, 1) in [0, 1], and notes."""
    brightest = int(stored.max())
    notes = ()
    if brightest < DARK <= white:
        notes = (f"The brightest value is {brightest} of {white}, so the picture is very dark.",)
    return (stored.astype(np.float32) / white)[..., np.newaxis], notes


def signed_values(stored: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Signed 16-bit values (H, W) to float32 (H, W, 1) in [0, 1], by the rules of arrays, and notes."""
    window, sentence = window_of(np.dtype(np.int16), float(stored.min()), float(stored.max()))
    return window.apply(stored)[..., np.newaxis], (sentence,)


def float_values(stored: np.ndarray) -> np.ndarray:
    """Floating-point values (H, W) to (H, W, 1); refused outside [0, 1], since no other range is agreed."""
    if not np.isfinite(stored).all():
        raise PictureError("This picture has pixels without a value (NaN or infinite); fill them and save it again.")
    if stored.min() < 0 or stored.max() > 1:
        raise PictureError(
            f"The values of this picture run from {stored.min():.4g} to {stored.max():.4g}; "
            "scale them to 0 (black) to 1 (white) and save it again."
        )
    return stored.astype(np.float32)[..., np.newaxis]


def long_floats(data: bytes) -> np.ndarray | None:
    """Values (H, W) of a TIFF file of 64-bit floating-point numbers, which Pillow does not know; None for any other.

    Raises PictureError for one that is not stored plainly.
    """
    head = data[: 16 if data[:4] in BIG else 8]
    tags = TiffImagePlugin.ImageFileDirectory_v2(head)
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    if _first(tags, BITS, 1) != 64 or _first(tags, FORMAT, 1) != FLOATING:
        return None
    if any(_first(tags, tag, usual) != usual for tag, usual in PLAIN.items()) or OFFSETS not in tags or tags.next:
        raise PictureError("This TIFF file holds 64-bit numbers in a form that is not read here; save it with 32 bits.")
    height, width = int(tags[HEIGHT]), int(tags[WIDTH])
    if height * width > MAX_PIXELS:
        raise PictureError(TOO_MANY_PIXELS)
    pieces = zip(tags[OFFSETS], tags[LENGTHS], strict=True)
    stored = b"".join(data[place : place + length] for place, length in pieces)
    if min(height, width) < 1 or len(stored) != 8 * height * width:
        raise ValueError("more or fewer values than the tags say")
    return np.frombuffer(stored, "<f8" if head[:2] == b"II" else ">f8").reshape(height, width)


def _first(tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, usual: int) -> int:
    value = tags.get(tag, usual)
    return int(value[0] if isinstance(value, tuple) else value)
