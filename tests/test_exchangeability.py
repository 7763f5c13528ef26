"""The guard: it lets exchangeable pictures pass 99 times in 100 and stops what is unlike the reference."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from scipy.stats import binom

from mia_viz.blind import blind_scores
from mia_viz.exchangeability import BANDS, FEATURES, OUTSIDE, compared, coverage, describe
from mia_viz.targets.bundled import open_target, population

BRAIN = Path(__file__).parent.parent / "assets" / "brain"


def brain(start: int, stop: int) -> np.ndarray:
    """Bundled brain pictures start..stop-1, (N, 1, 64, 64) in [-1, 1]."""
    files = [BRAIN / "pictures" / f"{k:04d}.png" for k in range(start, stop)]
    return np.stack([np.asarray(Image.open(file).convert("L"), dtype=np.float64)[None] / 127.5 - 1 for file in files])


@pytest.fixture(scope="module")
def groups() -> dict[str, list[int]]:
    return json.loads((BRAIN / "population.json").read_text())["groups"]["C"]


@pytest.fixture(scope="module")
def holdouts(groups) -> np.ndarray:
    return describe(brain(*groups["calibration"]))


LAWS = {
    "normal": lambda rng, n: rng.standard_normal((n, 4)) @ np.triu(np.ones((4, 4))),
    "heavy tails": lambda rng, n: rng.standard_t(2, (n, 4)),
    "two kinds": lambda rng, n: rng.standard_normal((n, 4)) + 6 * rng.integers(0, 2, (n, 1)),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [99, 250])
def test_one_in_a_hundred_exchangeable_pictures_falls_outside(law, n):
    rng, trials = np.random.default_rng([0, n]), 1500
    outside = 0
    for _ in range(trials):
        table = LAWS[law](rng, n + 1)
        outside += not coverage(table[0], table[1:]).covered
    level = np.floor(OUTSIDE * (n + 1) + 1e-9) / (n + 1)  # the nearest share that n + 1 ranks can have: 1 or 0.8 %
    low, high = binom.interval(0.999, trials, level)
    assert low <= outside <= high


def test_among_the_bundled_holdouts_exactly_the_outermost_fall_outside(holdouts):
    """Each of the 256 against the other 255: the region leaves out ranks 1 and 2."""
    rows = np.arange(len(holdouts))
    found = [coverage(holdouts[k], holdouts[rows != k]) for k in rows]
    assert sum(not f.covered for f in found) == int(OUTSIDE * len(holdouts))
    np.testing.assert_allclose(sorted(f.p_value for f in found), (rows + 1) / len(holdouts))


@pytest.mark.parametrize("group", ["test", "choose", "shown"])
def test_never_trained_brain_pictures_are_covered(groups, holdouts, group):
    features = describe(brain(*groups[group]))
    outside = sum(not coverage(row, holdouts).covered for row in features)
    assert outside <= binom.ppf(0.999, len(features), OUTSIDE)


def test_pictures_unlike_the_reference_are_not(groups, holdouts):
    picture = brain(groups["test"][0], groups["test"][0] + 1)
    rng = np.random.default_rng(1)
    strange = {
        "noise": rng.uniform(-1, 1, picture.shape),
        "flat": np.zeros_like(picture),
        "inverted": -picture,
        "very soft": ndimage.gaussian_filter(picture, (0, 0, 3, 3)),
        "grainy": picture + 0.3 * rng.standard_normal(picture.shape),
    }
    for name, values in strange.items():
        found = coverage(describe(values)[0], holdouts)
        assert found.covered is False, name
        assert found.sentence.startswith("The reference does not cover this picture")
        assert found.distance > 2 * found.typical


def test_distance_equals_the_textbook_formula_without_shrinkage():
    """With many pictures Ledoit-Wolf shrinks hardly at all, and the distance nears that of the true covariance."""
    rng = np.random.default_rng(2)
    mixing = np.array([[2.0, 0, 0], [1, 1, 0], [0.5, 0.2, 0.3]])
    table = rng.standard_normal((20_000, 3)) @ mixing
    point = np.array([1.0, -2.0, 0.5])
    exact = np.sqrt(point @ np.linalg.inv(mixing.T @ mixing) @ point)
    assert coverage(point, table).distance == pytest.approx(exact, rel=0.03)


def test_units_of_features_do_not_matter():
    rng = np.random.default_rng(3)
    table = rng.standard_normal((150, 4))
    plain = coverage(table[0], table[1:])
    scaled = coverage(table[0] * [1e6, 1, 1e-6, 3] + 5, table[1:] * [1e6, 1, 1e-6, 3] + 5)
    assert scaled.p_value == plain.p_value
    assert scaled.nearest == plain.nearest
    assert scaled.distance == pytest.approx(plain.distance, rel=1e-6)


def test_a_copy_is_its_own_nearest_reference(holdouts):
    found = coverage(holdouts[17], holdouts, nearest=3)
    assert found.nearest[0] == 17
    assert len(set(found.nearest)) == 3


def test_few_holdouts_cannot_draw_a_region():
    rng = np.random.default_rng(4)
    small = rng.standard_normal((98, 3))
    assert coverage(np.full(3, 50.0), small).covered is None
    assert "cannot be said" in coverage(np.full(3, 50.0), small).sentence
    assert coverage(np.full(3, 50.0), rng.standard_normal((99, 3))).covered is False


def test_extra_columns_can_tell_what_the_others_do_not(holdouts):
    rng = np.random.default_rng(5)
    extra = rng.standard_normal((len(holdouts), 1))
    picture = holdouts[0]
    assert coverage(picture, holdouts[1:]).covered
    assert not coverage(np.r_[picture, 9.0], np.hstack([holdouts, extra])[1:]).covered


def test_features_by_hand():
    half = np.full((1, 1, 32, 32), -1.0)
    half[..., 16:] = 0.5
    values = dict(zip(FEATURES, describe(half)[0], strict=True))
    assert values["mean"] == pytest.approx(-0.25)
    assert values["spread"] == pytest.approx(0.75)
    assert values["dark share"] == pytest.approx(0.5)
    assert values["bright level"] == pytest.approx(0.5)
    wave = 0.5 * np.cos(2 * np.pi * 14 * np.arange(32) / 32) * np.ones((1, 1, 32, 32))
    assert describe(wave)[0, :BANDS].argmax() == BANDS - 1
    assert describe(half, np.array([[7.0]])).shape == (1, len(FEATURES) + 1)
    assert np.isfinite(describe(np.zeros((1, 3, 32, 32)))).all()


def test_results_can_be_stored_and_errors_are_sentences(holdouts):
    found = coverage(holdouts[3], holdouts[4:])
    assert json.loads(json.dumps(asdict(found)))["covered"] is found.covered
    assert found.sentence.endswith("at least as unusual.")
    with pytest.raises(ValueError, match="finite"):
        coverage(np.full(2, np.nan), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="two or more"):
        coverage(np.zeros(2), np.zeros((1, 2)))


@pytest.fixture(scope="module")
def digits() -> tuple[object, np.ndarray, np.ndarray]:
    """The bundled digits' model, never-trained pictures to compare with, and others."""
    target, known = open_target("digits-a", "cpu"), population("digits")
    groups = (known.indices("C", split) for split in ("calibration", "test"))
    shown = [np.stack([Image.open(known.path(k)).convert("L") for k in group]) for group in groups]
    return target, *(part[:, None].astype(np.float32) / 127.5 - 1 for part in shown)


def share_outside(target, pictures: np.ndarray, known: np.ndarray, blind: bool) -> float:
    own, theirs = (blind_scores(target, torch.from_numpy(p)) if blind else None for p in (pictures, known))
    table, holdouts, count = compared(pictures, own, describe(known), theirs)
    assert count == int(blind)
    return float(np.mean([not coverage(row, holdouts).covered for row in table]))


def test_a_blind_score_shows_what_brightness_and_detail_do_not(digits):
    """Faint noise on digits, and digits moved sideways."""
    target, known, others = digits
    others = others[:60]
    noisy = (others + 0.05 * np.random.default_rng(0).standard_normal(others.shape)).clip(-1, 1).astype(np.float32)
    for strange in (noisy, np.roll(others, 6, axis=3)):
        assert share_outside(target, strange, known, blind=False) < 0.1
        assert share_outside(target, strange, known, blind=True) > 0.2


def test_with_a_blind_score_never_trained_pictures_are_still_covered(digits):
    target, known, others = digits
    assert share_outside(target, others, known, blind=True) * len(others) <= binom.ppf(0.999, len(others), OUTSIDE)


def test_blind_scores_are_left_out_where_one_side_has_none(holdouts):
    picture, blind = brain(0, 1), np.zeros((len(holdouts), 1))
    for own, theirs in ((None, blind), (np.zeros((1, 1)), None), (np.zeros((1, 2)), blind)):
        table, known, count = compared(picture, own, holdouts, theirs)
        assert (table.shape[1], known.shape[1], count) == (len(FEATURES), len(FEATURES), 0)
    table, known, count = compared(picture, np.ones((1, 1)), holdouts, blind)
    assert (table[0, -1], known[0, -1], count) == (1, 0, 1)
    assert "knowledge taken out" in coverage(known[0], known[1:], blind=1).sentence
    assert "knowledge taken out" not in coverage(known[0], known[1:]).sentence
