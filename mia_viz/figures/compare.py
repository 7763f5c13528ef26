"""Figures that stand beside one another: their limits are given, never found, so that two of them share one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mia_viz.figures.compare_svg import (
    LEFT,
    RIGHT,
    WIDTH,
    Scale,
    curve,
    diamond,
    dots,
    number,
    ribbon,
    rule,
    svg,
    text,
)
from mia_viz.figures.distributions import spread
from mia_viz.figures.palette import HOLDOUT, MEMBER

GROUPS = ((MEMBER, "circle"), (HOLDOUT, "square"))
TOP, FLOOR = 10, 200


@dataclass(frozen=True, eq=False)
class Errors:
    """Mean squared error per frequency of one picture, and of known ones; 1 would be an answer of zero.

    centres: (b,), middles of the rings as shares of Nyquist. query: (b,), or None. members, holdouts: (n, b).
    """

    centres: np.ndarray
    query: np.ndarray | None
    members: np.ndarray
    holdouts: np.ndarray

    @property
    def shown(self) -> list[np.ndarray]:
        """Everything a figure draws, for finding limits that serve several."""
        quartiles = [np.percentile(rows, (25, 75), axis=0) for rows in (self.members, self.holdouts) if len(rows)]
        return [*quartiles, *([] if self.query is None else [self.query])]


def band_errors(found: Errors, limits: tuple[float, float], band: tuple[float, float], who: str) -> str:
    """The error from coarse to fine: known groups as medians with their middle half, the picture as diamonds.

    limits: of the error, on a logarithmic scale. band: (low, high) shares of Nyquist that count, shaded. who: for the
    text that stands for the figure.
    """
    x, y = Scale(0, float(found.centres[-1]) * 1.02, LEFT, WIDTH - RIGHT), Scale(*limits, FLOOR, TOP, log=True)
    low, high = (float(x(edge)) for edge in band)
    parts = [
        f'<rect x="{low:.1f}" y="{TOP}" width="{max(high - low, 0):.1f}" height="{FLOOR - TOP}" fill="currentColor" '
        'opacity=".07"/>'
    ]
    for tick in y.ticks():
        parts += [
            rule(LEFT, float(y(tick)), WIDTH - RIGHT, float(y(tick))),
            text(LEFT - 6, y(tick) + 4, number(tick), "end"),
        ]
    parts += [text(float(x(share)), FLOOR + 18, f"{share:.0%}") for share in (0, 0.5, 1) if share <= x.high]
    parts.append(text((LEFT + WIDTH) / 2, FLOOR + 38, "fineness of detail (share of Nyquist)"))
    parts.append(text(12, (TOP + FLOOR) / 2, "squared error", turned=True))
    places = x(found.centres)
    for rows, (colour, symbol) in zip((found.members, found.holdouts), GROUPS, strict=True):
        if len(rows):
            lower, middle, upper = (y(part) for part in np.percentile(rows, (25, 50, 75), axis=0))
            parts += [ribbon(places, lower, upper, colour), curve(places, middle, colour)]
            parts.append(dots(places[::3], middle[::3], colour, symbol, 6))
    if found.query is not None:
        heights = y(found.query)
        parts.append(curve(places, heights, "currentColor", 2, "2 3"))
        parts += [diamond(a, b, 5) for a, b in zip(places[1::3], heights[1::3], strict=True)]
    scale = f"on a scale from {number(limits[0])} to {number(limits[1])}"
    alt = f"Squared error from coarse to fine detail for {who}, {scale}."
    return svg(FLOOR + 46, alt, parts, f'data-low="{limits[0]:g}" data-high="{limits[1]:g}"')


def score_strip(
    score: float | None, members: np.ndarray, holdouts: np.ndarray, limits: tuple[float, float], who: str
) -> str:
    """A score among those of known pictures: members (m,) in the upper lane, hold-outs (n,) in the lower."""
    x, lanes, floor = Scale(*limits, 10, WIDTH - 10), (20, 54), 74
    parts = [rule(10, floor, WIDTH - 10, floor, 0.5)]
    for tick in x.ticks():
        parts += [rule(float(x(tick)), floor, float(x(tick)), floor + 4, 0.5), text(x(tick), floor + 18, number(tick))]
    for values, lane, (colour, symbol) in zip((members, holdouts), lanes, GROUPS, strict=True):
        parts.append(dots(x(values), lane + 26 * spread(len(values)), colour, symbol, 5, 0.65))
    if score is not None:
        place = float(x(score))
        parts += [rule(place, 2, place, floor, 1, width=2), diamond(place, 37, 8)]
    where = "" if score is None else f", its score {number(score)}"
    alt = (
        f"Scores of {len(members)} training pictures and {len(holdouts)} never-seen ones from {number(limits[0])} to "
        f"{number(limits[1])}; the diamond is {who}{where}."
    )
    return svg(floor + 24, alt, parts, f'data-low="{limits[0]:g}" data-high="{limits[1]:g}"')
