"""The noun of this room: a decoded picture that still holds what a model may not be able to take."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np


class PictureError(ValueError):
    """A picture cannot be opened or used; the message is one sentence: what is wrong and what to do."""


@dataclass(frozen=True)
class View:
    """What of a scan is looked at.

    slice: counted from 0; the middle one where None. axis: a name or number of the volume's axes; its last one where
    None. window: a preset's name, "file", or "LEVEL,WIDTH"; what suits the file where None.
    """

    slice: int | None = None
    axis: str | None = None
    window: str | None = None

    @property
    def asks(self) -> bool:
        """Whether anything was chosen."""
        return self != View()

    @property
    def flags(self) -> tuple[str, ...]:
        """The command line's flags that choose the same view."""
        chosen = (("--slice", self.slice), ("--axis", self.axis), ("--window", self.window))
        return tuple(f"{flag}={shlex.quote(str(value))}" for flag, value in chosen if value is not None)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as its file holds it: decoded and upright, not yet adapted to any model.

    pixels: float32 (H, W, C) in [0, 1], read-only. C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha;
        the four inks, 1 = full, where mode is "CMYK"). Palettes are looked up; nothing else is converted.
    name: short file name, without folders. sha256, byte_size: of the original bytes.
    mode: how the file stores it, in Pillow's words: "1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F", ...
    bits: per stored value; above 8, exact use is not possible. Colours of 16 bits arrive with their upper 8.
    notes: plain sentences about what was done or ignored while decoding.
    view: what of a scan this is; None for what is no scan.
    """

    pixels: np.ndarray
    name: str
    sha256: str
    byte_size: int
    mode: str
    bits: int
    notes: tuple[str, ...] = ()
    view: View | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From another process; what numpy sends could be written to."""
        self.__dict__.update(state)
        self.pixels.flags.writeable = False

    @property
    def is_cmyk(self) -> bool:
        """Whether the four channels are printing inks."""
        return self.mode == "CMYK"

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is opacity, 0 = see-through."""
        return self.pixels.shape[2] in (2, 4) and not self.is_cmyk
