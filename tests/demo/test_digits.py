"""The digit population: distinct, balanced and the same on every machine."""

from __future__ import annotations

import json

import numpy as np

from mia_viz.demo.digits import load_digits, select


def test_selection_is_balanced_distinct_and_bordered(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "src" / "digits"
    folder.mkdir(parents=True)
    original = rng.integers(0, 256, (10, 12, 28, 28))
    original[:, 1] = original[:, 0]  # a repeated picture must be taken once
    for digit in range(10):
        values = np.round(original[digit] / 255, 3).reshape(-1).tolist()
        (folder / f"{digit}.json").write_text(json.dumps({"data": values}))
    pictures = load_digits(tmp_path)
    np.testing.assert_array_equal(pictures[7], original[7])
    chosen, labels = select(pictures, count=100)
    assert chosen.shape == (100, 32, 32)
    assert np.bincount(labels).tolist() == [10] * 10
    assert len(np.unique(chosen, axis=0)) == 100
    border = chosen.copy()
    border[:, 2:30, 2:30] = 0
    assert not border.any()
    np.testing.assert_array_equal(select(pictures, count=100)[0], chosen)
