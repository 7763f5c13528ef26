"""Own data: twins of one population pass, shifted ones and duplicates do not."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mia_viz.own_data import BLIND, blind_classifier, check_data, features
from mia_viz.pictures.picture import Picture


def pictures(count: int, seed: int, grain: float = 0.05, side: int = 24) -> list[Picture]:
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        coarse = np.kron(rng.random((side // 4, side // 4)), np.ones((4, 4)))
        pixels = np.clip(coarse + grain * rng.standard_normal((side, side)), 0, 1).astype(np.float32)[..., None]
        sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
        found.append(Picture(pixels, f"{seed}-{k}", sha256, 500 + int(rng.integers(50)), "L", 8))
    return found


def test_groups_of_one_kind_cannot_be_told_apart():
    found = check_data(pictures(40, 1), pictures(40, 2))
    assert found.blind.low <= 0.5
    assert not found.separated
    assert found.usable
    assert not any(shift.shifted for shift in found.shifts)
    assert "cannot be told apart" in found.sentence


def test_another_grain_or_size_is_found_without_a_model():
    found = check_data(pictures(30, 1), pictures(30, 2, grain=0.09, side=32))
    assert found.separated
    assert found.blind.value > 0.95
    assert {"width", "fine detail"} <= {shift.measure for shift in found.shifts if shift.shifted}
    assert "means nothing" in found.sentence


def test_copies_are_found_by_pixels_and_near_copies_by_structure():
    members, holdouts = pictures(12, 1), pictures(12, 2)
    soft = np.clip(0.8 * members[3].pixels + 0.1, 0, 1)
    holdouts[5] = Picture(soft, "softer", "other", 1, "L", 8)
    holdouts[6] = Picture(members[4].pixels, "resaved", "another", 1, "L", 8)
    found = check_data(members, holdouts)
    assert [(p.member, p.holdout, p.exact) for p in found.pairs] == [("1-3", "softer", False), ("1-4", "resaved", True)]
    assert not found.usable


def test_the_blind_classifier_scores_chance_on_noise_and_one_on_a_copy_of_the_label():
    rng = np.random.default_rng(0)
    table, inside = rng.standard_normal((120, 13)), np.arange(120) < 60
    chance, _ = blind_classifier(table, inside)
    assert 0.3 < chance.value < 0.65
    table[:, 4] += 4 * inside
    sure, names = blind_classifier(table, inside)
    assert sure.value > 0.95
    assert names[0] == "detail 2 of 6"
    assert blind_classifier(table[50:70], inside[50:70])[0] is not None
    assert blind_classifier(table[55:65], inside[55:65]) == (None, ())


def test_empty_groups_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        check_data([], pictures(3, 1))


def test_with_a_model_its_blind_score_is_one_more_feature(make_wavy, monkeypatch):
    """Without asking the network; groups that differ in it alone are told apart by it."""
    target, groups = make_wavy((1, 24, 24)), (pictures(30, 1), pictures(30, 2))
    monkeypatch.setattr(target, "predict_noise", None)
    found = check_data(*groups, target=target)
    assert not found.separated
    table = features(np.zeros((60, 1, 8, 8)), np.r_[np.zeros(30), np.ones(30)][:, None])
    assert table.shape == (60, 14)
    sure, names = blind_classifier(table, np.arange(60) < 30)
    assert sure.value > 0.95
    assert names[0] == BLIND
    monkeypatch.setattr("mia_viz.blind.blind_scores", lambda target, shown: np.linspace(0, 9, len(shown))[:, None])
    apart = check_data(*groups, target=target)
    assert apart.separated
    assert apart.weights[0] == BLIND
