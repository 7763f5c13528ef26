"""How the report's figures are drawn: paper, markers and lines that read in grey too. Plain arrays in, PNG bytes out.

Members are blue filled circles and solid lines, hold-outs vermilion open squares and dashed lines, the picture in
question a black diamond.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter

from mia_viz.figures.distributions import spread
from mia_viz.figures.images import grey
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.language import Say, as_it_is

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET = "#1d2126", "#6b727b"
DPI = 200
WIDTH = 6.9
"""Inches; the width of the text on A4."""
TITLE = 19
"""Letters in a line over a picture."""
STYLE = {"markeredgewidth": 0.8, "linestyle": "none"}


@dataclass(frozen=True)
class Drawn:
    """A figure: PNG bytes, its caption, and a text for those who cannot see it."""

    png: bytes
    caption: str
    alt: str


def blank(
    height: float, columns: int = 1, rows: int = 1, width: float = WIDTH, **options: object
) -> tuple[Figure, np.ndarray]:
    """A figure, as wide as the text unless told otherwise, with a grid of axes (rows, columns). Inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


class Told(Formatter):
    """An axis' own marks in another language; formulae stay."""

    def __init__(self, own: Formatter, say: Say) -> None:
        self.own, self.say = own, say

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.say(self.own(x, pos))

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        return [text if "$" in text else self.say(text) for text in self.own.format_ticks(values)]

    def get_offset(self) -> str:
        return self.say(self.own.get_offset())


def told(figure: Figure, say: Say) -> None:
    """Put all words and numbers of a figure in another language, before it is laid out."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(Told(axis.get_major_formatter(), say))
    for text in figure.findobj(Text):
        text.set_text(say(text.get_text()))


def png(figure: Figure, say: Say = as_it_is) -> bytes:
    """The figure as PNG without date or program name, so that equal figures are equal bytes."""
    if say is not as_it_is:
        told(figure, say)
    for axes in figure.axes:
        if axes.images:  # titles of pictures side by side must not run into each other
            axes.title.set_text(fill(axes.title.get_text(), TITLE))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def calm(axes: Axes) -> None:
    """Quiet frame and grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b9bec5")
    axes.tick_params(length=0, labelsize=8, colors=INK)
    axes.grid(color="#e4e7ea", linewidth=0.6)
    axes.set_axisbelow(True)


def strip(axes: Axes, score: float, members: np.ndarray, holdouts: np.ndarray, counts: bool = True) -> None:
    """Two strips of points, the query as a diamond across both."""
    calm(axes)
    axes.grid(axis="y", visible=False)
    axes.plot(holdouts, spread(len(holdouts)), "s", ms=3, mfc="none", mec=HOLDOUT, alpha=0.8, **STYLE)
    axes.plot(members, 1 + spread(len(members)), "o", ms=3.4, mfc=MEMBER, mec=MEMBER, alpha=0.8, **STYLE)
    axes.axvline(score, color=INK, linewidth=1)
    axes.plot([score], [0.5], "D", ms=7, color=INK, **STYLE)
    names = (f"never seen ({len(holdouts)})", f"in training ({len(members)})")
    axes.set_yticks([0, 1], names if counts else ["never seen", "in training"])
    axes.set_ylim(-0.5, 1.5)
    axes.set_xlabel("more like a training picture \N{RIGHTWARDS ARROW}", fontsize=8, color=INK)


def groups(axes: Axes, x: np.ndarray, members: np.ndarray, holdouts: np.ndarray) -> None:
    """Medians and middle halves of both groups (n, len(x))."""
    for rows, colour, line, hatch, label in (
        (members, MEMBER, "o-", "", "seen in training"),
        (holdouts, HOLDOUT, "s--", "////", "never seen"),
    ):
        if len(rows):
            low, middle, high = np.percentile(rows, (25, 50, 75), axis=0)
            axes.fill_between(x, low, high, facecolor=colour, alpha=0.15, hatch=hatch, edgecolor=colour, linewidth=0)
            face = colour if line.startswith("o") else "white"
            axes.plot(x, middle, line, color=colour, ms=3, mfc=face, linewidth=1.2, label=f"typical, {label}")


def query(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    axes.plot(x, y, "D:", color=INK, ms=4, linewidth=1, label="this picture")


def show(axes: Axes, values: np.ndarray, title: str = "") -> None:
    """A picture (C, H, W) in [-1, 1], without smoothing."""
    show_pixels(axes, grey(values), title)


def show_pixels(axes: Axes, pixels: np.ndarray, title: str = "") -> None:
    """A picture as uint8, (H, W) or (H, W, 3), without smoothing."""
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=8, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
