"""Near-duplicates: copies are found and named, other patients are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from mia_viz.duplicates import NEAR_DUPLICATE, correlate, fine_structure, near_duplicates, usual_correlation

ASSETS = Path(__file__).parent.parent / "assets"


def pictures(family: str, start: int, stop: int) -> np.ndarray:
    """Bundled pictures start..stop-1, (N, 1, H, W) in [-1, 1]."""
    files = [ASSETS / family / "pictures" / f"{k:04d}.png" for k in range(start, stop)]
    return np.stack([np.asarray(Image.open(file).convert("L"), dtype=np.float64)[None] / 127.5 - 1 for file in files])


@pytest.fixture(scope="module")
def known() -> np.ndarray:
    return pictures("brain", 0, 160)


NAMES = [f"{k:04d}.png" for k in range(160)]
MEMBER = np.arange(160) < 128


def search(picture: np.ndarray, known: np.ndarray, **options):
    return near_duplicates(picture, known, NAMES, MEMBER, **options)


CHANGES = {
    "none": lambda x, rng: x,
    "noise": lambda x, rng: x + 0.06 * rng.standard_normal(x.shape),
    "gamma": lambda x, rng: 2 * ((x + 1) / 2) ** 1.4 - 1,
    "darker": lambda x, rng: 0.5 * x - 0.5,
    "blur": lambda x, rng: ndimage.gaussian_filter(x, (0, 1, 1)),
    "turned": lambda x, rng: ndimage.rotate(x, 2, axes=(1, 2), reshape=False, order=1, mode="nearest"),
    "shifted": lambda x, rng: ndimage.shift(x, (0, -2, 1.5), order=1, mode="nearest"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("row", [5, 77, 140])
def test_changed_copies_are_found(known, change, row):
    found = search(CHANGES[change](known[row], np.random.default_rng(row)), known)
    group = found.members if MEMBER[row] else found.holdouts
    assert group[0].name == NAMES[row]
    assert group[0].near_duplicate
    assert group[0].correlation >= found.threshold >= NEAR_DUPLICATE
    assert sum(m.near_duplicate for m in (*found.members, *found.holdouts)) == 1
    assert NAMES[row] in found.sentence
    assert ("never-trained" in found.sentence) is not MEMBER[row]


def test_other_patients_are_not_duplicates(known):
    for picture in pictures("brain", 560, 600):
        found = search(picture, known)
        assert not any(m.near_duplicate for m in (*found.members, *found.holdouts))
        assert found.sentence == "No known picture is nearly the same as this one."


@pytest.mark.skipif(not (ASSETS / "digits" / "pictures").is_dir(), reason="the digits are not bundled here")
def test_simple_pictures_need_more_likeness():
    """Digits resemble one another far more than heads do; the threshold follows."""
    known = pictures("digits", 0, 160)
    found = [search(picture, known) for picture in pictures("digits", 1000, 1060)]
    assert found[0].threshold > 0.8
    assert np.mean([f.members[0].near_duplicate or f.holdouts[0].near_duplicate for f in found]) <= 0.05
    assert search(known[3], known).members[0].near_duplicate


def test_correlation_without_shift_is_pearsons(known):
    structure = fine_structure(known[:6])
    best, shift = correlate(structure[0], structure, 0)
    theirs = np.corrcoef(structure.reshape(6, -1).astype(np.float64))[0]
    np.testing.assert_allclose(best, theirs, atol=1e-5)
    assert (shift == 0).all()


@pytest.mark.parametrize("moved", [(2, -1), (-3, 3), (0, 1)])
def test_shifts_equal_scikit_images_registration(known, moved):
    structure = fine_structure(known[:1])[0]
    other = np.roll(structure, moved, (0, 1))
    best, shift = correlate(structure, other[None], 3)
    assert tuple(shift[0]) == moved
    assert best[0] == pytest.approx(1, abs=1e-5)
    theirs = phase_cross_correlation(structure, other, normalization=None)[0]
    np.testing.assert_array_equal(shift[0], -theirs)  # theirs is how to move it back


def test_lists_are_sorted_and_as_long_as_asked(known):
    found = search(known[0], known, count=4, shifts=1)
    for group in (found.members, found.holdouts):
        values = [match.correlation for match in group]
        assert len(values) == 4
        assert values == sorted(values, reverse=True)
    assert all(m.member for m in found.members)
    assert not any(m.member for m in found.holdouts)


def test_flat_pictures_and_empty_lists_do_no_harm(known):
    flat = np.full((1, 64, 64), -1.0)
    assert search(flat, known).members[0].correlation == pytest.approx(0, abs=1e-6)
    nobody = near_duplicates(flat, known[:0], [], np.zeros(0, dtype=bool))
    assert nobody.members == nobody.holdouts == ()
    assert usual_correlation(fine_structure(known[:1])) == 0


def test_errors_are_sentences(known):
    with pytest.raises(ValueError, match="same size"):
        search(np.zeros((1, 32, 32)), known)
    with pytest.raises(ValueError, match="needs a name"):
        near_duplicates(known[0], known, NAMES[:3], MEMBER)
