"""How the report's figures are drawn: paper, markers and lines that read in grey too. Plain arrays in, PNG bytes out.

Members are blue filled circles and solid lines, hold-outs vermilion open squares and dashed lines, the picture in
question a black diamond.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from mia_viz.figures.distributions import spread
from mia_viz.figures.images import grey, hide
from mia_viz.figures.palette import HOLDOUT, MEMBER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET = "#1d2126", "#6b727b"
DPI = 200
WIDTH = 6.9
"""Inches; the width of the text on A4."""
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


def png(figure: Figure) -> bytes:
    """The figure as PNG without date or program name, so that equal figures are equal bytes."""
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


def show(axes: Axes, values: np.ndarray, title: str = "", hidden: np.ndarray | None = None) -> None:
    """A picture (C, H, W) in [-1, 1], without smoothing; hidden (1, H, W) of 1 hatched in grey."""
    shown = grey(values) if hidden is None else hide(values, hidden)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=8, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
