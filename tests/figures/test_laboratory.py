"""The laboratory's SVG figures say what they show and put it in the right place."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from mia_viz.evaluation import Interval
from mia_viz.figures.laboratory import forest, learned_weights


def test_bars_are_as_high_as_their_weights():
    weights = np.array([1.0, 2.0, 0.0])
    root = ElementTree.fromstring(learned_weights(np.array([0.0, 0.4, 0.8, 1.4]), weights))
    heights = np.array([float(bar.get("height")) for bar in root.iter("rect")])
    np.testing.assert_allclose(heights / heights[0], weights, atol=0.01)
    assert "40% to 80%" in root.get("aria-label")
    words = {text.text: text for text in root.iter("text")}
    assert any(text.startswith("weight") for text in words)
    for bar, weight in zip(root.iter("rect"), ("1.0", "2.0"), strict=False):  # each number stands above its bar
        assert float(words[weight].get("y")) < float(bar.get("y"))


def test_intervals_lie_where_their_values_are():
    found = {"learned": Interval(0.9, 0.8, 1.0), "a < b": Interval(0.5, 0.4, 0.6)}
    root = ElementTree.fromstring(forest(found))
    lines = [line for line in root.iter("line") if line.get("stroke-width")]
    ends = [[float(line.get(name)) for name in ("x1", "x2")] for line in lines]
    assert ends[0][1] - ends[0][0] == pytest.approx(ends[1][1] - ends[1][0], abs=0.2)
    middles = [float(re.match(r"M([\d.]+)", path.get("d"))[1]) for path in root.iter("path")]
    for middle, (low, high) in zip(middles, ends, strict=True):
        assert middle == pytest.approx((low + high) / 2, abs=0.2)
    assert "learned 0.900 [0.800, 1.000]" in root.get("aria-label")
