"""Picture -> what a model looks at: size, channels and values in [-1, 1], with every change said in words.

"exact" changes nothing and refuses what would need it: membership shows in fine detail, and a resampled
picture is a different one. "crop" and "fit" resample, and their notes say what that did.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from mia_viz.pictures.picture import Picture, PictureError

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601 weights of red, green and blue."""
HOW = ("exact", "crop", "fit")
ADVICE = 'choose "crop" or "fit" to have it'


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture in the form a model takes.

    values: float32 (C, H, W) in [-1, 1], contiguous; -1 is black.
    notes: what was changed, one sentence each; empty when the model sees the picture just as it is.
    sha256: of the values as little-endian float32 in C order: equal values, equal hash on every machine.
    stretch: new pixels per old one where it was resampled, above 1 enlarged; 1 where it was not.
    """

    values: np.ndarray
    notes: tuple[str, ...]
    sha256: str
    stretch: float = 1.0


def prepare(picture: Picture, size: tuple[int, int], channels: int, how: str = "exact") -> Prepared:
    """Bring a picture to (channels, *size).

    size: (height, width) of the model, channels: 1 or 3.
    how: "exact": no pixel may change; grey is repeated for a colour model, an opaque alpha channel dropped,
        and colour with three equal channels taken as grey. "crop": the largest centred window of the model's
        aspect, resampled. "fit": the whole picture, resampled and padded with black.
    Raises PictureError where "exact" would need a change; ValueError for another `how` or channel count.
    """
    if how not in HOW or channels not in (1, 3):
        raise ValueError(f"how must be one of {HOW} and channels 1 or 3, not {how!r} and {channels}")
    pixels, notes = picture.pixels, []
    if how == "exact":
        _refuse_changes(picture, size)
    elif picture.mode.startswith("I;16"):
        white = 2**picture.bits - 1
        notes.append(f"The {picture.bits}-bit values were divided by {white}, without rounding.")
    elif picture.mode == "F":
        notes.append("The values are floating-point numbers from 0 to 1 and were taken as they are.")
    if how == "crop":
        pixels = _window(pixels, size, notes)
    pixels = _colours(picture, pixels, channels, how, notes)
    stretch = 1.0
    if how != "exact":
        inner = size if how == "crop" else _inner_size(pixels.shape[:2], size)
        stretch = min(side / full for side, full in zip(inner, pixels.shape[:2], strict=True))
        stretch = max(inner[0] / pixels.shape[0], inner[1] / pixels.shape[1]) if stretch >= 1 else stretch
        pixels = _pad(_resample(pixels, inner, notes), size, notes)

    values = np.ascontiguousarray(np.moveaxis(pixels, 2, 0) * np.float32(2) - np.float32(1))
    digest = hashlib.sha256(values.astype("<f4", copy=False).tobytes()).hexdigest()
    return Prepared(values, tuple(notes), digest, stretch)


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Values (C, H, W) in [-1, 1], C 1 or 3, for display: uint8 (H, W) or (H, W, 3), clipped and rounded."""
    shown = np.rint((np.clip(values, -1, 1) + 1) * 127.5).astype(np.uint8)
    return shown[0] if len(shown) == 1 else np.ascontiguousarray(np.moveaxis(shown, 0, 2))


def _refuse_changes(picture: Picture, size: tuple[int, int]) -> None:
    """Raise PictureError where a size, inks or depth cannot be kept."""
    shape = picture.pixels.shape[:2]
    if shape != tuple(size):
        raise PictureError(
            f"This picture is {_text(shape)} pixels and the model looks at {_text(size)}; {ADVICE} resampled."
        )
    if picture.is_cmyk:
        raise PictureError(f"This picture is stored in printing inks (CMYK); {ADVICE} converted to RGB.")
    if picture.bits > 8:
        raise PictureError(f"This picture has {picture.bits} bits per value, the model 8; {ADVICE} converted.")


def _text(shape: tuple[int, ...]) -> str:
    """(height, width) as people write it."""
    return f"{shape[1]} x {shape[0]}"


def _window(pixels: np.ndarray, size: tuple[int, int], notes: list[str]) -> np.ndarray:
    """The largest centred window (h, w, C) with the aspect of `size`, in whole pixels."""
    shape = pixels.shape[:2]
    scale = min(shape[0] / size[0], shape[1] / size[1])
    inner = [min(full, max(1, round(side * scale))) for full, side in zip(shape, size, strict=True)]
    top, left = ((full - side) // 2 for full, side in zip(shape, inner, strict=True))
    if tuple(inner) != shape:
        notes.append(f"Only the central {_text(inner)} of {_text(shape)} pixels are looked at.")
    return pixels[top : top + inner[0], left : left + inner[1]]


def _colours(picture: Picture, pixels: np.ndarray, channels: int, how: str, notes: list[str]) -> np.ndarray:
    """Stored channels (H, W, C) to the model's, float32 (H, W, channels); notes gain what was done."""
    if picture.is_cmyk:
        pixels = (1 - pixels[..., :3]) * (1 - pixels[..., 3:])
        notes.append("Printing inks (CMYK) were converted to RGB without a colour profile.")
    elif picture.has_alpha:
        pixels = _without_alpha(pixels, how, notes)
    stored = pixels.shape[2]
    if stored < channels:
        notes.append("The grey picture was repeated in all three colour channels.")
        return np.repeat(pixels, channels, axis=2)
    if stored == channels:
        return pixels
    if (pixels == pixels[..., :1]).all():
        notes.append("The three colour channels are equal and were taken as grey.")
        return pixels[..., :1]
    if how == "exact":
        raise PictureError(f"This picture is in colour and the model sees grey only; {ADVICE} converted.")
    notes.append("Colour was converted to grey (Rec. 601 luma).")
    return (pixels @ LUMA)[..., np.newaxis]


def _without_alpha(pixels: np.ndarray, how: str, notes: list[str]) -> np.ndarray:
    """(H, W, C + 1) with opacity last to (H, W, C), flattened on black where it is not opaque."""
    alpha = pixels[..., -1:]
    if (alpha == 1).all():
        notes.append("The alpha channel is fully opaque and was dropped.")
        return pixels[..., :-1]
    if how == "exact":
        raise PictureError(f"This picture is partly transparent; {ADVICE} put on black.")
    notes.append("Transparent parts were put on black.")
    return pixels[..., :-1] * alpha


def _inner_size(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int]:
    """The size a picture of `shape` takes inside `size`, its aspect kept up to rounding to whole pixels."""
    scale = min(size[0] / shape[0], size[1] / shape[1])
    return tuple(min(side, max(1, round(full * scale))) for full, side in zip(shape, size, strict=True))


def _pad(pixels: np.ndarray, size: tuple[int, int], notes: list[str]) -> np.ndarray:
    """Black around (h, w, C) up to (*size, C), the odd pixel below and to the right."""
    shape = pixels.shape[:2]
    if shape == tuple(size):
        return pixels
    notes.append(f"Padded with black from {_text(shape)} to {_text(size)} pixels.")
    before = [(side - inner) // 2 for inner, side in zip(shape, size, strict=True)]
    after = [side - inner - first for inner, side, first in zip(shape, size, before, strict=True)]
    return np.pad(pixels, [*zip(before, after, strict=True), (0, 0)])


def _resample(pixels: np.ndarray, size: tuple[int, int], notes: list[str]) -> np.ndarray:
    """(H, W, C) to (*size, C), float32 in [0, 1]: area means where it shrinks, linear where it grows."""
    shape = pixels.shape[:2]
    if shape == tuple(size):
        return pixels
    change = f"({_text(shape)} to {_text(size)} pixels)"
    shrink = max(full / side for full, side in zip(shape, size, strict=True))
    if shrink > 1:
        notes.append(
            f"Shrunk {_times(shrink)} {change}: detail finer than {_number(shrink)} of its pixels is averaged away."
        )
    else:
        grow = max(side / full for full, side in zip(shape, size, strict=True))
        notes.append(
            f"Enlarged {_times(grow)} {change}: there is no true fine detail in it, "
            "so the highest frequency bands are nearly empty."
        )
    for axis, side in enumerate(size):
        pixels = _area_means(pixels, side, axis) if side < pixels.shape[axis] else _between(pixels, side, axis)
    return np.clip(pixels, 0, 1).astype(np.float32)


def _times(factor: float) -> str:
    """A factor above 1 in words: "8 times", "1.5 times", or "slightly" where it would read as 1."""
    return "slightly" if factor < 1.005 else f"{_number(factor)} times"


def _number(value: float) -> str:
    """Three digits are enough for a person, and no exponent for large numbers."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _area_means(pixels: np.ndarray, side: int, axis: int) -> np.ndarray:
    """Shrink one axis to `side`: each new pixel is the float64 mean of the stretch it covers."""
    full = pixels.shape[axis]
    edges = np.linspace(0, full, side + 1)
    first = np.floor(edges).astype(np.intp)
    part = (edges - first).reshape([-1 if a == axis else 1 for a in range(pixels.ndim)])
    sums = np.add.reduceat(pixels, first[:-1], axis=axis, dtype=np.float64)
    cut = pixels.take(np.minimum(first, full - 1), axis=axis) * part
    return (sums + np.diff(cut, axis=axis)) * (side / full)


def _between(pixels: np.ndarray, side: int, axis: int) -> np.ndarray:
    """Enlarge one axis to `side`, or keep it: linear between pixel centres, constant outside them."""
    full = pixels.shape[axis]
    place = np.clip((np.arange(side) + 0.5) * (full / side) - 0.5, 0, full - 1)
    lower = np.floor(place).astype(np.intp)
    part = (place - lower).reshape([-1 if a == axis else 1 for a in range(pixels.ndim)])
    upper = np.minimum(lower + 1, full - 1)
    return pixels.take(lower, axis=axis) * (1 - part) + pixels.take(upper, axis=axis) * part
