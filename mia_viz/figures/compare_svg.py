"""Small pieces of inline SVG that figures meant to be compared are made of: one scale object, marks and a frame.

Text and lines take the page's own colour, so light, dark and print need nothing of their own. A group's marks are one
path: zero-length strokes with round or square ends are circles and squares, and a thousand of them weigh a few bytes
each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, LEFT, RIGHT = 420, 52, 12
CAPS = {"circle": "round", "square": "butt"}


@dataclass(frozen=True)
class Scale:
    """A map from [low, high] to pixels [start, end], linear or, for values above 0, logarithmic; cut at both ends."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: object) -> np.ndarray:
        """Pixel positions of values, same shape."""
        low, high, values = self.low, self.high, np.asarray(values, dtype=np.float64)
        if self.log:
            low, high, values = np.log10(low), np.log10(high), np.log10(np.maximum(values, 1e-300))
        share = (values - low) / max(high - low, 1e-12)
        return self.start + np.clip(share, 0, 1) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers inside the limits: decades of a logarithmic scale, three to six steps of a linear one."""
        if self.log:
            decades = range(int(np.ceil(np.log10(self.low) - 1e-9)), int(np.floor(np.log10(self.high) + 1e-9)) + 1)
            return [10.0**power for power in decades]
        rough = (self.high - self.low) / 4
        size = 10 ** np.floor(np.log10(max(rough, 1e-12)))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
        first = int(np.ceil(self.low / step - 1e-9))
        return [float(k * step) for k in range(first, int(np.floor(self.high / step + 1e-9)) + 1)]


def limits(groups: Sequence[np.ndarray], room: float = 0.04) -> tuple[float, float]:
    """The least and the greatest of all finite values with a little room at both ends; (0, 1) where there are none."""
    values = np.concatenate([np.ravel(group) for group in groups]) if groups else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    edge = room * (high - low) or max(abs(high), 1.0) * room
    return low - edge, high + edge


def decades(groups: Sequence[np.ndarray], most: int = 5) -> tuple[float, float]:
    """Whole decades around all values above 0, the lowest of too many left out; (.1, 1) where there are none."""
    values = np.concatenate([np.ravel(group) for group in groups]) if groups else np.empty(0)
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return 0.1, 1.0
    low, high = np.floor(np.log10(values.min())), np.ceil(np.log10(values.max()))
    high = max(high, low + 1)
    return float(10 ** max(low, high - most)), float(10**high)


def dots(x: np.ndarray, y: np.ndarray, colour: str, symbol: str, size: float, opacity: float = 1.0) -> str:
    """Points as one path; symbol: "circle" or "square"."""
    if symbol == "circle":
        moves = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x, y, strict=True))
    else:  # a stroke as long as it is wide
        moves = "".join(f"M{a - size / 2:.1f} {b:.1f}h{size:g}" for a, b in zip(x, y, strict=True))
    return (
        f'<path d="{moves}" stroke="{colour}" stroke-width="{size:g}" stroke-linecap="{CAPS[symbol]}" fill="none" '
        f'opacity="{opacity:g}"/>'
    )


def curve(x: np.ndarray, y: np.ndarray, colour: str, width: float = 2, dash: str = "") -> str:
    """A line through points."""
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashed}/>'


def ribbon(x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> str:
    """The area between two lines."""
    pairs = [*zip(x, high, strict=True), *zip(x[::-1], low[::-1], strict=True)]
    return f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)}" fill="{colour}" opacity=".18"/>'


def diamond(x: float, y: float, size: float, colour: str = "currentColor") -> str:
    """The picture in question."""
    return (
        f'<path d="M{x:.1f} {y - size:.1f}l{size:g} {size:g}l-{size:g} {size:g}l-{size:g} -{size:g}z" fill="{colour}"/>'
    )


def rule(x1: float, y1: float, x2: float, y2: float, opacity: float = 0.25, dash: str = "", width: float = 1) -> str:
    """A straight line in the page's colour."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" '
        f'stroke-width="{width:g}" opacity="{opacity:g}"{dashed}/>'
    )


def text(x: float, y: float, words: str, anchor: str = "middle", turned: bool = False) -> str:
    """Words in the page's colour; turned: reading upwards."""
    place = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor"{place}>{escape(words)}</text>'


def number(value: float) -> str:
    """A tick's number, short."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def svg(height: float, alt: str, parts: Sequence[str], facts: str = "") -> str:
    """The figure; alt: what is seen in it; facts: further attributes, such as the limits it was drawn with."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(alt)}" {facts} '
        f'style="width:100%;max-width:{1.15 * WIDTH:.0f}px;font-size:13.5px">{"".join(parts)}</svg>'
    )
