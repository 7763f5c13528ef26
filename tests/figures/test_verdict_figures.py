"""The verdict's figures: strips on their own axes, a scale of likelihood ratios, and the calibration plot."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mia_viz.figures.distributions import Strip, set_plot, strip_plots
from mia_viz.figures.palette import HOLDOUT, MEMBER, QUERY
from mia_viz.figures.ratio import calibration, ratio_scale


def test_every_method_has_its_own_axis_and_its_own_picture():
    strips = [Strip(f"method {k}", "few", float(k), np.arange(3.0) + k, np.arange(4.0) - k) for k in range(3)]
    figure = strip_plots(strips)
    queries = [trace for trace in figure.data if trace.name == "this picture"]
    assert [(trace.xaxis, trace.x[1]) for trace in queries] == [("x", 0.0), ("x2", 1.0), ("x3", 2.0)]
    assert [note.text for note in figure.layout.annotations] == [f"<b>method {k}</b><br>few" for k in range(3)]
    spans = [figure.layout[f"yaxis{k}"].domain for k in ("", "2", "3")]
    assert all(spans[k][0] > spans[k + 1][1] for k in range(2))


def test_a_set_is_drawn_in_the_pictures_own_colour_never_as_members():
    figure = set_plot(np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0]))
    points = {trace.marker.symbol: trace.marker.color for trace in figure.data if trace.mode == "markers"}
    assert points == {"square": HOLDOUT, "diamond": QUERY}
    assert MEMBER not in str(figure.to_dict())
    assert [trace.x[0] for trace in figure.data if trace.mode == "lines"] == [1.0, 2.0]


def place(html: str, tag: str) -> list[float]:
    """Percentages given to a tag of the scale."""
    return [float(value) for value in re.findall(r"[\d.]+(?=%)", re.search(rf"<{tag} style=\"([^\"]+)\"", html)[1])]


@pytest.mark.parametrize(("log10", "low", "high"), [(0.0, -1.5, 1.2), (1.2, -1.5, 1.2), (4.5, -1.0, 4.5), (-2, -2, 0)])
def test_the_scale_is_symmetrical_and_never_leaves_its_band(log10, low, high):
    html = ratio_scale(log10, low, high, 'a "sentence"')
    (mark,), (left, width) = place(html, "b"), place(html, "i")
    reach = max(3, np.ceil(max(-low, high)))
    assert mark == pytest.approx(50 + 50 * log10 / reach, abs=0.06)
    assert left - 0.11 <= mark <= left + width + 0.11
    assert "a &quot;sentence&quot;" in html
    numbers = re.findall(r">([\d,]+)</span>", html)
    assert numbers == numbers[::-1]
    assert numbers[len(numbers) // 2] == "1"


def test_the_calibration_plot_counts_every_picture_once():
    rng = np.random.default_rng(0)
    outside, inside = rng.normal(-1, 0.5, 40), rng.normal(1, 0.5, 25)
    curves = tuple(np.linspace(0, 1, 7) for _ in range(3))
    figure = calibration(0.4, outside, inside, np.linspace(-3, 3, 7), curves)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [sum(trace.y) for trace in bars] == pytest.approx([100, 100])
    flat = calibration(0.0, np.zeros(4), np.zeros(3), np.linspace(-3, 3, 7), curves)  # a reference that says nothing
    assert [max(trace.y) for trace in flat.data if trace.type == "bar"] == pytest.approx([100, 100])
