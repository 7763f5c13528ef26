"""How well the methods work on a model, without a browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mia_viz import engine
from mia_viz.ui import quality


@pytest.fixture
def with_likeness(monkeypatch):
    """Gives brain-a's reference likenesses of 4 restorations: members .9, hold-outs .5, the third always .1."""
    known = engine.reference("brain-a")
    likeness = np.where(known.member[:, None], 0.9, 0.5) * np.ones(4)
    likeness[:, 2] = 0.1
    columns = {**known.columns, "drc": replace(known.columns["drc"], likeness=likeness)}
    monkeypatch.setattr(engine, "reference", lambda name: replace(known, columns=columns))
    quality.agreed.cache_clear()
    yield
    quality.agreed.cache_clear()


def test_the_vote_of_restorations_finds_all_members_until_one_more_must_agree_than_can(with_likeness):
    figure, words = quality.agreed("brain-a")
    lines = {trace.name: list(trace.y) for trace in figure.data}
    precision, recall = lines["precision"], lines["recall"]
    assert recall == [1.0, 1.0, 1.0, 0.0]
    assert precision == [1.0, 1.0, 1.0, None]
    assert "its 4 restorations" in words
    assert "0.70" in words  # halfway between the two groups


def test_without_stored_likenesses_nothing_is_said_about_votes(monkeypatch):
    known = engine.reference("brain-a")
    columns = {**known.columns, "drc": replace(known.columns["drc"], likeness=None)}
    monkeypatch.setattr(engine, "reference", lambda name: replace(known, columns=columns))
    quality.agreed.cache_clear()
    assert quality.agreed("brain-a") == (None, "")
    quality.agreed.cache_clear()


def test_the_table_holds_every_measured_method_and_the_figure_no_more_curves_than_can_be_told_apart():
    figure, html = quality.measured("brain-a")
    assert html.count("<tr>") == len(engine.reference("brain-a").columns) + 1
    named = [trace.name for trace in figure.data if trace.name]
    assert len(named) <= quality.CURVES + 1
    assert named[:2] == ["guessing", "Denoising loss"]
