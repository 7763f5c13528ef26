"""Simulated patients: patient i depends on (seed, i) alone, and the shipped slices are what the code draws."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mia_viz.demo.patients import near_duplicates, render_patient
from mia_viz.demo.templates import TemplateMissingError, load_templates
from mia_viz.targets.bundled import population

SEED = 2026


@pytest.fixture(scope="module")
def templates():
    try:
        return load_templates()
    except TemplateMissingError as error:
        pytest.skip(str(error))


def test_the_shipped_slices_are_what_the_code_draws(templates):
    for index in (3, 300):
        drawn, facts = render_patient(SEED, index, templates)
        np.testing.assert_array_equal(drawn, np.asarray(Image.open(population("brain").path(index))))
        assert facts.index == index


def test_another_seed_draws_another_patient(templates):
    drawn, _ = render_patient(SEED + 1, 3, templates)
    assert (drawn != np.asarray(Image.open(population("brain").path(3)))).mean() > 0.2


def test_near_duplicates_see_mirrored_and_shifted_copies_but_not_strangers():
    rng = np.random.default_rng(0)
    blobs = rng.integers(0, 255, (4, 8, 8)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    images = np.concatenate([blobs, np.roll(blobs[1, :, ::-1], 2, axis=1)[None]])
    found = near_duplicates(images, np.array(list("AABBC")), 0.9)
    assert [(i, j) for i, j, _ in found] == [(1, 4)]
    assert found[0][2] > 0.9
    # Pairs within one group are nobody's concern.
    assert near_duplicates(images, np.array(list("AAAAA")), 0.9) == []
