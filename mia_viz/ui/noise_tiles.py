"""What several parts of the noise step share: limits of its colour scales, and one answer as a picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mia_viz.case import Noises
from mia_viz.figures import images
from mia_viz.noises import ALL_DETAIL, COARSE, KnownNoises, counted, known_noises

NOISE_LIMIT = 3.0
DISTANCE_LIMIT = 0.25
PICTURE_LIMIT = 0.05
PICTURES, LATENT = "pictures", "latent"
COUNTING = [("coarse shapes most, as in the verdict", COARSE), ("every detail alike", ALL_DETAIL)]


def apart(pictures: np.ndarray, index: int) -> np.ndarray:
    """How far one picture of (k, C, H, W) lies from their mean, per pixel."""
    return images.unsigned(np.abs(pictures[index] - pictures.mean(axis=0)).mean(axis=0), 0, PICTURE_LIMIT)


def decoded(part: Noises, view: str) -> bool:
    """Whether answers are shown as the pictures they imply."""
    return part.pictures is not None and view == PICTURES


def answer(part: Noises, index: int, view: str) -> np.ndarray:
    """The answer at one level as uint8: noise, channels of a latent, or the picture it implies."""
    if decoded(part, view):
        return images.grey(part.pictures[index])
    if part.pictures is not None:
        return images.channels(part.predicted[index], NOISE_LIMIT)
    return images.signed(part.predicted[index], NOISE_LIMIT)


def offset_maps(part: Noises, view: str, counting: int, limit: float) -> list[np.ndarray]:
    """How far every answer lies from the centre as uint8 maps on one scale, whatever counts (see `counted`)."""
    if decoded(part, view):
        return [apart(part.pictures, i) for i in range(len(part.levels))]
    offsets = counted(part.offsets, counting)
    if part.pictures is not None:
        return [images.channels(offset, limit) for offset in offsets]
    return [images.unsigned(np.abs(offset).mean(axis=0), 0, limit) for offset in offsets]


def offset_scale(part: Noises, view: str, limit: float) -> str:
    """The legend of `offset_maps`."""
    if decoded(part, view):
        words = "distance from the mean picture, of a range of 2, one scale for all"
        return images.scale_bar(images.SEQUENTIAL, "0", words, f"{PICTURE_LIMIT:g}")
    if part.pictures is not None:
        words = "distance from the centre, per channel, one scale for all"
        return images.scale_bar(images.DIVERGING, f"-{limit:g}", words, f"+{limit:g}")
    words = "distance from the centre, in standard deviations of the noise, one scale for all"
    return images.scale_bar(images.SEQUENTIAL, "0", words, f"{limit:g}")


def level_distances(part: Noises, counting: int) -> np.ndarray:
    """Root-mean-square distance of every answer from the centre, (k,)."""
    return np.sqrt(np.square(counted(part.offsets, counting)).mean(axis=(1, 2, 3)))


def whole_distance(part: Noises, counting: int) -> float:
    """The distance behind the score: root mean square over all answers."""
    return float(np.sqrt(np.square(level_distances(part, counting)).mean()))


@lru_cache(maxsize=32)
def shared_limit(target: str, counting: int) -> float:
    """The end of the scale that the matrix of one target shares: 99 of 100 values of its known pictures lie below."""
    known = known_noises(target)
    sizes = [np.abs(counted(picture.noises.offsets, counting)) for picture in known.pictures]
    return float(f"{np.percentile(sizes, 99):.1g}")


def known_of(target: str, levels: tuple[int, ...] | None) -> KnownNoises | None:
    """Stored answers of a target, where they were asked at the same levels as those shown (None: not asked yet)."""
    known = known_noises(target)
    same = known is not None and (levels is None or levels == known.pictures[0].noises.levels)
    return known if same else None
