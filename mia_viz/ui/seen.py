"""What was given beside what the model sees of it: size, colour, depth and range in plain words.

Needs neither gradio nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from mia_viz.figures import images
from mia_viz.pictures.picture import Picture
from mia_viz.pictures.prepare import Prepared
from mia_viz.pictures.resampling import band_note
from mia_viz.subjects import subject

LONGEST = 384
"""Pixels of the given picture's longer side that are kept to be looked at."""
SQUARE, LIGHT, DARK = 8, 235, 205
"""Side and greys of the chequers behind what is transparent."""


@dataclass(frozen=True, eq=False)
class Given:
    """A picture as it was given, small enough to be kept for the length of a visit.

    name: of the file. shown: uint8 (h, w) or (h, w, 3), at most LONGEST a side. size: (width, height) of the file's
    picture. colour: more than greys. bits: per stored value. low, high: its darkest and brightest value in [0, 1].
    notes: of its decoding. of_scan: whether it is a slice of a scan.
    """

    name: str
    shown: np.ndarray
    size: tuple[int, int]
    colour: bool
    bits: int
    low: float
    high: float
    notes: tuple[str, ...]
    of_scan: bool


def given(picture: Picture) -> Given:
    """What is kept of a picture to show what was given."""
    height, width, _ = picture.pixels.shape
    light = _light(picture)
    channels = light.shape[2]
    facts = (channels == 3, picture.bits, float(light.min()), float(light.max()))
    return Given(picture.name, _small(picture), (width, height), *facts, picture.notes, picture.view is not None)


def pair(what: Given, prepared: Prepared, target: str) -> str:
    """The given picture beside what a model sees of it, and what was done in between."""
    touched = on_pixels(target) and band_note(prepared.stretch, 0.0, 1.5)
    done = dict.fromkeys([*what.notes, *prepared.notes, *([touched] if touched else [])])
    return beside([given_tile(what), seen_tile(prepared)], [*done] or ["Taken as it is, pixel for pixel."])


def beside(tiles: list[str], notes: list[str]) -> str:
    """Tiles side by side, on a phone one below the other, and sentences under them."""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<div class="mv-beside">{images.strip(tiles)}<ul class="mv-list mv-note">{items}</ul></div>'


def on_pixels(target: str) -> bool:
    """Whether a model works on the pixels themselves, so that its frequencies are the picture's."""
    known = subject(target)
    return known.shape == known.picture_shape


def given_tile(what: Given) -> str:
    """The picture that was given, with its size, colour, depth and range."""
    width, height = what.size
    if what.colour:
        size = f"{what.name}: {width} x {height} pixels, colour, {what.bits}-bit values."
    else:
        size = f"{what.name}: {width} x {height} pixels, grey, {what.bits}-bit values."
    words = f"{size} {brightness(what.low, what.high)}"
    if what.of_scan:
        return images.tile(what.shown, "The slice under this window", "the slice of the scan under this window", words)
    return images.tile(what.shown, "The picture you gave", "the picture as it was given", words)


def seen_tile(prepared: Prepared) -> str:
    """What the model sees, with its size, colour and range."""
    channels, height, width = prepared.values.shape
    kind = "grey" if channels == 1 else "colour"
    size = f"{width} x {height} pixels, grey." if kind == "grey" else f"{width} x {height} pixels, colour."
    low, high = ((float(end) + 1) / 2 for end in (prepared.values.min(), prepared.values.max()))
    words = f"{size} {brightness(low, high)}"
    return images.tile(images.grey(prepared.values), "What the model sees", "what the model sees", words)


def brightness(low: float, high: float) -> str:
    """A range within [0, 1], where 0 is black, in words."""
    dark, bright = (f"{100 * end:.0f}" for end in (low, high))
    if (dark, bright) == ("0", "100"):
        return "Brightness from black to white."
    return f"Brightness from {dark} % to {bright} %; 0 % is black, 100 % white."


def _light(picture: Picture) -> np.ndarray:
    """The picture's colours in [0, 1], (H, W, 1 or 3): without its opacity, inks as light."""
    if picture.is_cmyk:
        return (1 - picture.pixels[..., :3]) * (1 - picture.pixels[..., 3:])
    return picture.pixels[..., :-1] if picture.has_alpha else picture.pixels


def _small(picture: Picture) -> np.ndarray:
    """The picture to be looked at: area means where it is larger than LONGEST, chequers where it is transparent."""
    light = _bytes(_light(picture))
    times = -(-max(light.shape[:2]) // LONGEST)
    shown = np.asarray(_reduced(light, times))
    if not picture.has_alpha or (picture.pixels[..., -1] == 1).all():
        return shown
    opaque = np.asarray(_reduced(_bytes(picture.pixels[..., -1:]), times)) / 255
    y, x = np.indices(opaque.shape) // SQUARE
    behind = np.where((x + y) % 2, LIGHT, DARK)
    if shown.ndim == 3:
        opaque, behind = opaque[..., np.newaxis], behind[..., np.newaxis]
    return np.rint(shown * opaque + behind * (1 - opaque)).astype(np.uint8)


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) in [0, 1] as uint8 (H, W) or (H, W, 3)."""
    stored = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored)


def _reduced(pixels: np.ndarray, times: int) -> Image.Image:
    image = Image.fromarray(pixels)
    return image if times == 1 else image.reduce(times)
