"""How scores change as training goes on: two pictures among their groups, and how well the groups part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_viz.figures.compare import FLOOR, GROUPS, TOP
from mia_viz.figures.compare_svg import (
    LEFT,
    RIGHT,
    WIDTH,
    Scale,
    curve,
    dots,
    limits,
    number,
    ribbon,
    rule,
    svg,
    text,
)

LOWEST_AUC = 0.4


@dataclass(frozen=True, eq=False)
class Growth:
    """One method's scores at k training ages.

    passes: (k,), through the training pictures. member, holdout: (k,), of the two pictures. members, holdouts:
    (3, k), quartiles of the known groups. auc: (3, k), AUC with the ends of its 95 % interval; NaN where not measured.
    """

    passes: tuple[int, ...]
    member: np.ndarray
    holdout: np.ndarray
    members: np.ndarray
    holdouts: np.ndarray
    auc: np.ndarray


def score_growth(found: Growth, current: int) -> str:
    """Scores over passes: lines for the two pictures, ribbons for the middle half of their groups."""
    low, high = limits([found.member, found.holdout, found.members, found.holdouts])
    x, y = _across(found.passes), Scale(low, high, FLOOR, TOP)
    places, parts = x(found.passes), _frame(x, y, found.passes, current)
    for rows, own, (colour, symbol) in zip(
        (found.members, found.holdouts), (found.member, found.holdout), GROUPS, strict=True
    ):
        parts += [ribbon(places, y(rows[0]), y(rows[2]), colour), curve(places, y(rows[1]), colour, 1.5, "5 4")]
        parts += [curve(places, y(own), colour, 2.5), dots(places, y(own), colour, symbol, 9)]
    alt = f"Scores after {_listed(found.passes)} passes: {_pairs('the training picture', found.member)}; "
    alt += f"{_pairs('the never-seen picture', found.holdout)}."
    return svg(FLOOR + 46, alt, parts, f'data-low="{low:g}" data-high="{high:g}"')


def auc_growth(found: Growth, current: int) -> str:
    """AUC over passes with its interval; the dashed line is guessing."""
    x, y = _across(found.passes), Scale(LOWEST_AUC, 1.0, FLOOR, TOP)
    parts = _frame(x, y, found.passes, current)
    parts.append(rule(LEFT, float(y(0.5)), WIDTH - RIGHT, float(y(0.5)), 0.8, "5 4"))
    parts.append(text((LEFT + WIDTH) / 2, float(y(0.5)) + 16, "guessing"))
    measured = np.isfinite(found.auc[0])
    places, (value, lower, upper) = x(found.passes)[measured], y(found.auc)[:, measured]
    for a, b, c in zip(places, lower, upper, strict=True):
        parts += [
            rule(a, b, a, c, 1, width=2.5),
            rule(a - 5, b, a + 5, b, 1, width=2),
            rule(a - 5, c, a + 5, c, 1, width=2),
        ]
    parts += [curve(places, value, "currentColor", 1.5), dots(places, value, "currentColor", "circle", 9)]
    alt = f"AUC after {_listed(found.passes)} passes: {_pairs('members against others', found.auc[0])}."
    return svg(FLOOR + 46, alt, parts)


def _across(passes: Sequence[int]) -> Scale:
    low, high = limits([np.array(passes)], 0.06)
    return Scale(low, high, LEFT, WIDTH - RIGHT)


def _frame(x: Scale, y: Scale, passes: Sequence[int], current: int) -> list[str]:
    """Grid, axis words and the bar that marks the age in view."""
    here = float(x(passes[current]))
    parts = [f'<rect x="{here - 9:.1f}" y="{TOP}" width="18" height="{FLOOR - TOP}" fill="currentColor" opacity=".1"/>']
    for tick in y.ticks():
        parts += [
            rule(LEFT, float(y(tick)), WIDTH - RIGHT, float(y(tick))),
            text(LEFT - 6, y(tick) + 4, number(tick), "end"),
        ]
    parts += [text(x(age), FLOOR + 18, str(age)) for age in passes]
    parts.append(text((LEFT + WIDTH) / 2, FLOOR + 38, "passes through the training pictures"))
    return parts


def _listed(values: Sequence[int]) -> str:
    return ", ".join(str(value) for value in values)


def _pairs(name: str, values: np.ndarray) -> str:
    return f"{name} " + ", ".join(number(value) for value in values)
