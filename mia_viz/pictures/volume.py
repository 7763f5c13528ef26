"""Scans: stacks of slices in the file's own unit, and the window that turns one slice into a Picture.

A format's file (`dicom`, `series`, `nifti`, `numpy_file`) opens a `Volume`; slices are decoded one at a time, when
they are asked for. Window formulas: DICOM PS3.3 C.11.2.1.2 (linear) and C.11.2.1.3 (sigmoid, exact linear).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mia_viz.pictures.picture import Picture, PictureError, View

FROM_FILE = "file"
"""The name under which a file's first own window is chosen; its next ones are "file 2", "file 3", ..."""
LINEAR, EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"
MOST_SETTING = 1e30


@dataclass(frozen=True)
class Window:
    """Which values are black and which white: those about level - width / 2 and level + width / 2, in the file's unit.

    function: LINEAR (DICOM's, half a unit narrower), LINEAR_EXACT or SIGMOID.
    """

    name: str
    level: float
    width: float
    function: str = LINEAR

    def __post_init__(self) -> None:
        least = 1.0 if self.function == LINEAR else 1e-30
        if not (abs(self.level) <= MOST_SETTING and least <= self.width <= MOST_SETTING):  # NaN fails too
            if self.function == LINEAR:
                raise PictureError("A window needs a level and a width of at least 1, both ordinary numbers.")
            raise PictureError("A window needs a level and a width above 0, both ordinary numbers.")

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Values of any shape to float32 brightness in [0, 1]."""
        x = values.astype(np.float32, copy=False)
        with np.errstate(over="ignore", under="ignore"):  # far outside a narrow window; clipped below
            if self.function == SIGMOID:
                return 1 / (1 + np.exp(np.clip(-4 * (x - np.float32(self.level)) / np.float32(self.width), -80, 80)))
            if self.function == LINEAR and self.width == 1:
                return (x > self.level - 0.5).astype(np.float32)
            half = 0.5 if self.function == LINEAR else 0.0
            shown = (x - np.float32(self.level - half)) / np.float32(self.width - 2 * half) + np.float32(0.5)
            return np.clip(shown, 0, 1, out=shown)

    @property
    def text(self) -> str:
        """Level and width for a note."""
        return f"level {self.level:.6g}, width {self.width:.6g}"


PRESETS = {
    "brain": Window("brain", 40, 80),
    "soft tissue": Window("soft tissue", 40, 400),
    "lung": Window("lung", -600, 1500),
    "bone": Window("bone", 300, 2000),
}
"""Usual windows for CT, in Hounsfield units."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One slice: float32 (H, W) in the file's unit, or (H, W, 3) colour in [0, 1]; notes: what was done to it.

    brightness: float32 (H, W) in [0, 1] by the file's own look-up table, where it has one.
    """

    values: np.ndarray
    notes: tuple[str, ...] = ()
    brightness: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Volume:
    """A stack of slices, decoded on demand.

    kind: "DICOM", "NIfTI", "numpy". name, sha256, byte_size: as in Picture; of a folder the SHA-256 of its files'
    hashes, sorted, one per line. axes: names, and counts: slices along each. plane: (axis number, slice) -> Plane.
    usual: the window where none is chosen, the same for all planes, and the sentence that says so; None for the first
    of the file's own, or else the range of each plane. windows: the file's own.
    hounsfield: whether values are Hounsfield units; None where the file does not say. inverted: whether high values
    are dark (MONOCHROME1). spacing: mm between rows and columns along the last axis, where the file says so.
    """

    kind: str
    name: str
    sha256: str
    byte_size: int
    bits: int
    axes: tuple[str, ...]
    counts: tuple[int, ...]
    plane: Callable[[int, int], Plane]
    usual: tuple[Window, str] | None = None
    windows: tuple[Window, ...] = ()
    hounsfield: bool | None = None
    inverted: bool = False
    spacing: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def picture(self, view: View | None = None) -> Picture:
        """One slice under one window. Raises PictureError for a slice, axis or window that is not there."""
        view = view or View()
        axis = self.axis(view.axis)
        index = self._index(axis, view.slice)
        window = None if view.window is None else self.window(view.window)
        plane = self.plane(axis, index)
        notes = [*self.notes, *self._place(axis, index), *plane.notes]
        if plane.values.ndim == 3:
            if window is not None:
                raise PictureError("This scan is in colour, so it has no window; leave the window out.")
            pixels = plane.values
        else:
            pixels = self._shown(plane, window, notes)[..., np.newaxis]
        pixels = np.ascontiguousarray(pixels, dtype=np.float32)
        pixels.flags.writeable = False
        seen = View(
            None if self.counts[axis] == 1 else index, None if len(self.axes) == 1 else self.axes[axis], view.window
        )
        return Picture(pixels, self.name, self.sha256, self.byte_size, self.kind, self.bits, tuple(notes), seen)

    def default(self, plane: Plane) -> tuple[Window, str]:
        """The window of a plane where none is chosen, and the sentence that says so."""
        if self.usual is not None:
            return self.usual
        if self.windows:
            return self.windows[0], f"Brightness follows the window in the file ({self.windows[0].text})."
        low, high = float(plane.values.min()), float(plane.values.max())
        sentence = f"The file names no window, so its slice runs from black at {low:.6g} to white at {high:.6g}."
        return spanning("full range", low, high), sentence

    def axis(self, asked: str | None) -> int:
        """The number of an axis given by name or number. Raises PictureError."""
        if asked is None:
            return len(self.axes) - 1
        names = {name: k for k, name in enumerate(self.axes)} | {str(k): k for k in range(len(self.axes))}
        if asked.strip().lower() not in names:
            raise PictureError(f"This scan can be cut along {_either(self.axes)} only.")
        return names[asked.strip().lower()]

    def window(self, asked: str) -> Window:
        """The window of a preset's name, "file", "file 2", or "LEVEL,WIDTH". Raises PictureError."""
        text = re.sub(r"[ _-]+", " ", asked.strip().lower()) if "," not in asked else asked
        own = re.fullmatch(rf"{FROM_FILE}(?: (\d{{1,3}}))?", text)
        if own:
            return self._own_window(int(own[1] or 1))
        if text in PRESETS:
            if self.hounsfield is False:
                raise PictureError(f'The window "{text}" is for CT; this scan is of another kind, so give two numbers.')
            return PRESETS[text]
        try:
            level, width = (float(part) for part in text.split(","))
        except ValueError:
            raise PictureError(
                f"A window is {_either((*PRESETS, FROM_FILE))}, or a level and a width such as 40,80."
            ) from None
        return Window("chosen", level, width, self.chosen_function(width))

    def chosen_function(self, width: float) -> str:
        """The function of a window of this width that is chosen by hand.

        DICOM's own (LINEAR) for DICOM, unless the file's window names the exact one; it is defined for widths from 1
        (PS3.3 C.11.2.1.2.1), so narrower ones, as small values need them, are exactly linear. So are those of all
        other files, whose units are not steps of 1.
        """
        dicom = self.kind == "DICOM" and not (self.windows and self.windows[0].function == EXACT)
        return LINEAR if dicom and width >= 1 else EXACT

    def _own_window(self, number: int) -> Window:
        """One of the file's own windows, counted from 1."""
        if not self.windows:
            raise PictureError("This file brings no window of its own; name another one.")
        if not 1 <= number <= len(self.windows):
            raise PictureError(f"There is no window {number} in this file; it brings {len(self.windows)}.")
        return self.windows[number - 1]

    def _index(self, axis: int, asked: int | None) -> int:
        count = self.counts[axis]
        if asked is None:
            return count // 2
        if not 0 <= asked < count:
            raise PictureError(
                f"There is no slice {asked}: this scan has {count} along that axis, counted from 0 to {count - 1}."
            )
        return asked

    def _place(self, axis: int, index: int) -> tuple[str, ...]:
        if self.counts[axis] == 1:
            return ()
        name = "" if len(self.axes) == 1 else f" along the {self.axes[axis]} axis"
        return (f"Slice {index} of 0 to {self.counts[axis] - 1}{name} was read.",)

    def _shown(self, plane: Plane, window: Window | None, notes: list[str]) -> np.ndarray:
        """Brightness (H, W) in [0, 1]; notes gain which values became black and white."""
        if window is None and plane.brightness is not None:
            shown = plane.brightness
            notes.append("Brightness follows the look-up table in the file.")
        else:
            why = ""
            if window is None:
                window, why = self.default(plane)
            elif window.name in PRESETS:
                unsure = "" if self.hounsfield else ", taking its values as Hounsfield units"
                why = f"Brightness follows the {window.name} window{unsure} ({window.text})."
            notes.append(why or f"Brightness follows the window that was chosen ({window.text}).")
            shown = window.apply(plane.values)
        if self.inverted:
            shown = 1 - shown
            notes.append("The file stores high values as dark; they were shown so.")
        return shown


def spanning(name: str, low: float, high: float) -> Window:
    """The exactly linear window with `low` black and `high` white; of a constant scan, one that shows mid-grey."""
    return Window(name, (low + high) / 2, high - low if high > low else 1.0, EXACT)


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
