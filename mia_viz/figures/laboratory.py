"""Laboratory figures as inline SVG: what a learned filter listens to, and filters side by side.

Text and lines take the page's own colour, so light, dark and print need nothing of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mia_viz.evaluation import Interval

LEARNED = "#009E73"
WIDTH, LEFT, RIGHT = 480, 92, 14


def learned_weights(edges: np.ndarray, weights: np.ndarray) -> str:
    """Weights (bands,) >= 0 as bars between the bands' edges (bands + 1,), shares of Nyquist."""
    top, floor = 46, 192
    x = _scale(0, float(edges[-1]), 44, WIDTH - RIGHT)
    y = _scale(0, max(float(weights.max()), 1e-9), floor, top)
    parts = [_line(44, floor, WIDTH - RIGHT, floor), _text(0, 16, "weight (0: this band does not count)", "start")]
    for low, high, weight in zip(edges[:-1], edges[1:], weights, strict=True):
        words = f"{low:.0%} to {high:.0%}: {weight:.2f}"
        parts.append(
            f'<rect x="{x(low) + 1:.1f}" y="{y(weight):.1f}" width="{x(high) - x(low) - 2:.1f}" '
            f'height="{floor - y(weight):.1f}" fill="{LEARNED}"><title>{words}</title></rect>'
        )
        if weight > 0.005:
            parts.append(_text((x(low) + x(high)) / 2, y(weight) - 5, f"{weight:.1f}"))
    parts += [_text(x(share), floor + 18, f"{share:.0%}") for share in (0, 0.5, 1)]
    parts.append(_text((44 + WIDTH - RIGHT) / 2, floor + 38, "fineness of detail (share of Nyquist)"))
    strongest = int(np.argmax(weights))
    alt = f"Weights per band; the largest at {edges[strongest]:.0%} to {edges[strongest + 1]:.0%} of Nyquist."
    return _svg(236, alt, parts)


def forest(found: Mapping[str, Interval]) -> str:
    """AUC of filters by name with 95 % intervals, the first on top; a dashed line marks guessing."""
    lowest = min(0.4, *(interval.low - 0.02 for interval in found.values()))
    x = _scale(lowest, 1.0, LEFT, WIDTH - RIGHT)
    bottom = 22 + 40 * len(found)
    parts = [
        f'<line x1="{x(0.5):.1f}" y1="4" x2="{x(0.5):.1f}" y2="{bottom - 14}" stroke="currentColor" '
        'stroke-dasharray="4 4" opacity=".6"/>'
    ]
    for row, (name, interval) in enumerate(found.items()):
        height, colour = 24 + 40 * row, LEARNED if name == "learned" else "currentColor"
        middle = x(interval.value)
        parts += [
            _text(0, height + 5, name, "start"),
            f'<line x1="{x(interval.low):.1f}" y1="{height}" x2="{x(interval.high):.1f}" y2="{height}" '
            f'stroke="{colour}" stroke-width="3"/>',
            f'<path d="M{middle:.1f} {height - 8}l8 8l-8 8l-8 -8z" fill="{colour}"/>',
            _text(min(middle, WIDTH - 30), height - 11, f"{interval.value:.3f}"),
        ]
    parts += [_text(x(share), bottom + 4, f"{share:g}") for share in (0.5, 0.75, 1.0)]
    parts.append(_text((LEFT + WIDTH) / 2, bottom + 24, "AUC on the pictures kept aside"))
    alt = "AUC on the pictures kept aside: " + ", ".join(f"{name} {interval}" for name, interval in found.items()) + "."
    return _svg(bottom + 32, alt, parts)


def _scale(low: float, high: float, start: float, end: float):
    """The linear map from [low, high] to [start, end]."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="currentColor" opacity=".5"/>'


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'


def _svg(height: int, alt: str, parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(alt)}" '
        f'style="width:100%;max-width:{WIDTH}px;font-size:13px">{"".join(parts)}</svg>'
    )
