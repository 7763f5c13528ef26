"""The agree-number figure shows the numbers it is given and a gap where there is no precision."""

from __future__ import annotations

import subprocess
import sys

from mia_viz.figures.agree import agree_number


def test_lines_and_gaps():
    figure = agree_number([1, 2, 3], [0.6, 1.0, None], [0.75, 0.5, 0.0], current=2)
    precision, recall = figure.data
    assert list(precision.y) == [0.6, 1.0, None]
    assert not precision.connectgaps
    assert list(recall.y) == [0.75, 0.5, 0.0]
    assert list(recall.x) == [1, 2, 3]
    assert precision.marker.symbol != recall.marker.symbol
    assert figure.layout.shapes[0].x0 == 2
    assert len(agree_number([1], [1.0], [1.0]).layout.shapes) == 0


def test_figure_needs_no_torch():
    code = "import sys, mia_viz.figures.agree; sys.exit('torch' in sys.modules or 'gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
