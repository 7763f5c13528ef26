"""The restore step says when a likeness means nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mia_viz.ui import restore
from mia_viz.ui.pick import opening_case


def test_a_hidden_part_that_holds_nothing_has_no_likeness():
    case, _ = opening_case("brain")
    assert f"<b>{case.restoration.likeness[0]:.2f}</b>" in restore.trio(case, 0)
    corner = np.zeros_like(case.restoration.hidden)
    corner[..., :4, :4] = 1
    values = case.values.copy()
    values[..., :4, :4] = -1
    blank = replace(case, values=values, restoration=replace(case.restoration, hidden=corner))
    assert "nothing to see in the hidden part" in restore.trio(blank, 0)
    assert restore.gallery(blank).count("flat, no likeness") == len(case.restoration.labels)
