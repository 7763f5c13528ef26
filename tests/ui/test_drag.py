"""The laboratory follows the hand: how long a drag takes to be painted, told and not judged.

How fast a machine is says nothing about the code, so a slow one does not fail; that every move is painted does.
"""

from __future__ import annotations

import pytest

from tests.ui.measure import measure_laboratory

pytestmark = pytest.mark.ui
MOVES, BUDGET = 25, 150


def test_a_drag_is_painted_and_its_latency_is_told(watched, capsys):
    taken = measure_laboratory(watched, MOVES)
    with capsys.disabled():
        print(f"\ndrag to painted: median {taken[len(taken) // 2]:.0f} ms of {len(taken)} moves, budget {BUDGET} ms")
    assert len(taken) >= MOVES // 2  # moves that come within one frame are painted together
    assert watched.locator(".lab-handle[data-edge=hi]").get_attribute("aria-valuenow") != "142"
