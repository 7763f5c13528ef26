"""Figures that stand beside one another: positions against their own formulas, and limits that are kept to."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mia_viz.figures.ages import Growth, auc_growth, score_growth
from mia_viz.figures.compare import FLOOR, TOP, Errors, band_errors, score_strip
from mia_viz.figures.compare_svg import WIDTH, Scale, decades, dots, limits, number


def test_a_scale_is_linear_or_logarithmic_and_cuts_at_its_ends():
    assert Scale(0, 10, 100, 200)([0, 5, 10, 20, -3]).tolist() == [100, 150, 200, 200, 100]
    assert Scale(0.01, 100, 0, 4, log=True)([0.01, 1, 10, 0]) == pytest.approx([0, 2, 3, 0])


def test_ticks_are_round_and_inside():
    assert Scale(0.01, 100, 0, 1, log=True).ticks() == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert Scale(-0.3, 9.7, 0, 1).ticks() == pytest.approx([0, 5])
    for low, high in ((-363, -30), (7.1, 9.2), (-0.0042, -0.0011)):
        ticks = Scale(low, high, 0, 1).ticks()
        assert 2 <= len(ticks) <= 6
        assert low <= min(ticks) <= max(ticks) <= high
    assert number(-2.5) == "\N{MINUS SIGN}2.5"


def test_limits_hold_every_value():
    groups = [np.array([1.0, np.nan]), np.array([[3.0], [-1.0]])]
    assert limits(groups, 0.25) == (-2.0, 4.0)
    assert limits([]) == (0.0, 1.0)
    assert limits([np.array([2.0])], 0.5) == (1.0, 3.0)
    assert decades([np.array([0.003, 0.0, 7.0])]) == (0.001, 10.0)
    assert decades([np.array([1e-9, 7.0])], most=5) == pytest.approx((1e-4, 10.0))
    assert decades([np.zeros(2)]) == (0.1, 1.0)


def test_circles_and_squares_differ_in_shape():
    circle, square = (dots(np.array([10.0]), np.array([5.0]), "#000000", kind, 4) for kind in ("circle", "square"))
    assert [words in circle for words in ("round", "M10.0 5.0h0")] == [True, True]
    assert [words in square for words in ("butt", "M8.0 5.0h4")] == [True, True]


def test_the_strip_draws_every_known_picture_and_the_score_in_place():
    members, holdouts = np.linspace(6, 9, 5), np.linspace(0, 4, 7)
    text = score_strip(5.0, members, holdouts, (0, 10), "picture <1>")
    paths = re.findall(r'd="((?:M[\d.]+ [\d.]+h[\d.]+)+)"', text)
    assert [path.count("M") for path in paths] == [5, 7]
    place = re.search(r'd="M([\d.]+) [\d.]+l8', text)[1]
    assert float(place) == pytest.approx(WIDTH / 2)
    assert 'data-low="0" data-high="10"' in text
    assert "picture &lt;1&gt;" in text
    assert "l8 8" not in score_strip(None, members, holdouts, (0, 10), "nobody")


def test_error_curves_lie_where_their_values_say():
    centres = np.linspace(0.05, 1.35, 14)
    groups = [np.full((4, 14), value) for value in (0.01, 1.0)]
    found = Errors(centres, np.full(14, 0.1), *groups)
    text = band_errors(found, (0.001, 10.0), (0.1, 0.4), "a picture")
    heights = [float(line.split(",")[1].split()[0]) for line in re.findall(r'polyline points="([^"]+)"', text)]
    room = (FLOOR - TOP) / 4
    assert heights == pytest.approx([TOP + 3 * room, TOP + room, TOP + 2 * room])
    bare = band_errors(Errors(centres, None, *[np.empty((0, 14))] * 2), (0.001, 10.0), (0.1, 0.4), "a picture")
    assert "polyline" not in bare
    assert len(found.shown) == 3


def test_growth_marks_the_age_in_view_and_skips_what_was_not_measured():
    auc = np.array([[np.nan, 0.9], [np.nan, 0.85], [np.nan, 0.95]])
    rows = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    grown = Growth((100, 400), np.array([1.0, 4.0]), np.array([1.0, 0.0]), rows + 1, rows, auc)
    first, second = (re.search(r'<rect x="([\d.]+)"', score_growth(grown, age))[1] for age in (0, 1))
    assert float(first) < float(second)
    assert auc_growth(grown, 1).count("h0") == 1
    assert "0.9" in auc_growth(grown, 1)
