"""A digit drawn on a pad -> a picture made the way the pictures of MNIST were.

MNIST's makers scaled each black-and-white digit to fit a box of 20 x 20 pixels, its aspect kept, with grey levels from
anti-aliasing, and put its centre of mass into the middle of 28 x 28 pixels (LeCun, Bottou, Bengio, Haffner 1998,
section III-A). The bundled digits have a black border of 2 around that. In those pictures the longer side of the ink
is 20 pixels and the centre of mass lies within half a pixel of pixel 14, counted from 0; so it does here.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.pictures.prepare import prepare

BOX, SIDE, BORDER = 20, 28, 2
MIDDLE = 14
MAX_CHARACTERS = 1_000_000
NAME = "your drawing"
PREFIX = "data:image/png;base64,"
UNSEEN = "Drawn by you: no model has seen it."
MADE = "Scaled to 20 x 20 pixels and centred by its ink, as the digits of MNIST were."
EMPTY = "There is nothing on the pad yet; draw a digit with a finger or the mouse."
NOT_A_DRAWING = "The drawing did not arrive; draw it again."


def draw_digit(uri: str | None) -> Picture:
    """What a pad holds, as a PNG data URI, as a picture of 32 x 32 pixels.

    Raises PictureError for an empty pad and for anything that is no drawing.
    """
    if not isinstance(uri, str) or not uri.startswith(PREFIX) or len(uri) > MAX_CHARACTERS:
        raise PictureError(NOT_A_DRAWING)
    try:
        pad = load_picture(base64.b64decode(uri[len(PREFIX) :], validate=True), NAME)
    except (binascii.Error, PictureError):
        raise PictureError(NOT_A_DRAWING) from None
    colours = pad.pixels[..., :3] if pad.pixels.shape[2] > 2 else pad.pixels[..., :1]
    ink = colours.mean(axis=2) * (pad.pixels[..., -1] if pad.has_alpha else 1)
    pixels = as_mnist(ink)[..., np.newaxis]
    pixels.setflags(write=False)
    return Picture(pixels, NAME, pad.sha256, pad.byte_size, "L", 8, (UNSEEN, MADE))


def as_mnist(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) in [0, 1], 1 = white stroke, as (32, 32) float32 in steps of 1/255. Raises PictureError when empty."""
    box = _fitted(ink)
    mass = box.sum()
    if mass == 0:
        raise PictureError(EMPTY)
    canvas = np.zeros((SIDE, SIDE), dtype=np.float32)
    # Only the part of the box that holds ink has to fit: in a square box the digit's own side may be as short as 1.
    rows, columns = (np.nonzero(box.any(axis=axis))[0] for axis in (1, 0))
    part = box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    places = []
    for axis, length in enumerate(part.shape):
        centre = float(part.sum(axis=1 - axis) @ np.arange(length) / mass)
        places.append(int(np.clip(np.ceil(MIDDLE - 0.5 - centre), 0, SIDE - length)))
    top, left = places
    canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return np.pad(canvas, BORDER)


def _fitted(ink: np.ndarray) -> np.ndarray:
    """The ink's bounding box scaled into 20 x 20 by area means, rounded to 8 bits."""
    rows, columns = (np.nonzero(ink.any(axis=axis))[0] for axis in (1, 0))
    if len(rows) == 0:
        raise PictureError(EMPTY)
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, np.newaxis].astype(np.float32)
    scaled = prepare(Picture(cut, NAME, "", 0, "L", 8), (BOX, BOX), 1, "fit").values[0]
    return (np.rint((scaled + 1) * 127.5) / 255).astype(np.float32)
