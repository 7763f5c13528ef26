"""References: what was saved comes back, nothing half-written is left, and a picture never judges itself."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from mia_viz import reference as module
from mia_viz.analysis import plan, run
from mia_viz.blind import blind_scores
from mia_viz.difficulty import difficulty
from mia_viz.exchangeability import describe
from mia_viz.frequency import Filter
from mia_viz.probe import Probe
from mia_viz.reference import (
    Reference,
    ReferenceFileError,
    build,
    captions_kind,
    evidence_energy,
    load,
    save,
    settings_text,
    with_features,
)

COUNT = 20
PLANS = [plan("secmi"), plan("fcre"), plan("loss", {"draws": "2"})]


@pytest.fixture(scope="module")
def known(make_wavy, pictures) -> Reference:
    facts = Reference(
        "wavy",
        "ab" * 32,
        tuple(f"{i:064x}" for i in range(COUNT)),
        tuple(f"{i:04d}.png" for i in range(COUNT)),
        np.arange(COUNT) < 10,
        np.where(np.arange(COUNT) % 2 == 0, "calibration", "test"),
        {},
    )
    heard = []
    built = build(make_wavy(), pictures(COUNT), PLANS, facts, lambda done, total: heard.append((done, total)))
    assert heard == [(16, COUNT), (COUNT, COUNT)]
    return built


def test_columns_are_what_the_attacks_say_about_each_picture(known, make_wavy, pictures):
    probe = Probe(make_wavy(), pictures(COUNT))
    for chosen in PLANS:
        result, column = run(probe, chosen), known.columns[chosen.key]
        np.testing.assert_allclose(column.score, result.score, rtol=1e-6)
        np.testing.assert_allclose(column.raw, result.raw, rtol=1e-6)
        pairs = 2 if chosen.attack.name == "loss" else 1
        assert column.energy.shape == (COUNT, pairs, 32)
        if chosen.attack.name != "fcre":  # rings add up to the squared error, here the statistic itself
            np.testing.assert_allclose(column.energy.sum(2).mean(1), column.raw, rtol=1e-6)
        assert column.settings == settings_text(chosen)


def test_energy_counts_the_compared_region_only(make_wavy, pictures):
    evidence = run(Probe(make_wavy(), pictures(2)), plan("fcre")).evidence
    inside = (evidence.residual[:, 0] * evidence.mask[:, 0]).double().square().sum((1, 2, 3))
    np.testing.assert_allclose(evidence_energy(evidence).sum((1, 2)), inside.numpy(), rtol=1e-6)


def test_many_pairs_are_stored_as_their_mean(make_wavy, pictures):
    evidence = run(Probe(make_wavy(), pictures(2)), plan("loss", {"draws": "9"})).evidence
    energy = evidence_energy(evidence)
    assert energy.shape == (2, 1, 32)
    norms = evidence.residual.double().square().sum((2, 3, 4)).mean(1)
    np.testing.assert_allclose(energy.sum((1, 2)), norms.numpy(), rtol=1e-6)


def test_a_reference_survives_its_file(known, tmp_path):
    file = tmp_path / "deep" / "wavy.safetensors"
    save(known, file)
    back = load(file)
    for name in ("target", "weights_sha256", "image_sha256", "names"):
        assert getattr(back, name) == getattr(known, name)
    np.testing.assert_array_equal(back.member, known.member)
    np.testing.assert_array_equal(back.split, known.split)
    assert back.columns.keys() == known.columns.keys()
    for name, column in known.columns.items():
        np.testing.assert_array_equal(back.columns[name].score, column.score)
        np.testing.assert_array_equal(back.columns[name].raw, column.raw)
        np.testing.assert_allclose(back.columns[name].energy, column.energy, rtol=1e-6)
        assert (back.columns[name].settings, back.columns[name].nfe) == (column.settings, column.nfe)
    assert [p.name for p in file.parent.iterdir()] == ["wavy.safetensors"]


def test_features_and_provenance_survive_and_may_be_absent(make_wavy, known, pictures, tmp_path):
    tensor = pictures(COUNT).numpy()
    full = replace(with_features(known, tensor, make_wavy()), provenance={"utc": "2026-01-01T00:00:00Z"})
    save(full, tmp_path / "full.safetensors")
    back = load(tmp_path / "full.safetensors")
    np.testing.assert_array_equal(back.difficulty, difficulty(tensor))
    np.testing.assert_array_equal(back.description, describe(tensor))
    np.testing.assert_array_equal(back.blind, blind_scores(make_wavy(), pictures(COUNT)))
    assert back.provenance == full.provenance
    rewritten(known, tmp_path / "old.safetensors", lambda f: {k: v for k, v in f.items() if k != "provenance"})
    old = load(tmp_path / "old.safetensors")
    assert (old.difficulty, old.description, old.blind, old.provenance) == (None, None, None, {})
    assert with_features(known, tensor).blind is None
    save(replace(full, difficulty=full.difficulty[1:]), tmp_path / "short.safetensors")
    with pytest.raises(ReferenceFileError, match="not equally long"):
        load(tmp_path / "short.safetensors")


def test_a_picture_can_be_left_out_of_its_own_reference(known):
    whole = known.scores("secmi", member=True)
    assert len(whole) == 5
    left = known.scores("secmi", member=True, without=[known.image_sha256[4]])
    np.testing.assert_array_equal(left, np.delete(whole, 2))
    assert len(known.scores("secmi", member=True, without=[known.image_sha256[5]])) == 5  # in another split
    assert not known.choose(True, "test")[::2].any()
    groups = [known.choose(m, s) for m in (True, False) for s in ("calibration", "test")]
    np.testing.assert_array_equal(np.sum(groups, axis=0), np.ones(COUNT))


def test_a_reference_fits_exactly_its_settings(known):
    assert known.fits(plan("secmi"))
    assert not known.fits(plan("secmi", {"t": "90"}))
    assert not known.fits(plan("secmi", {}, Filter.parse("lowpass:r=5")))
    assert not known.fits(plan("pia"))
    near = [plan("secmi", {}, Filter("band", lo=0.1, hi=0.4 + d)) for d in (0, 1e-9)]
    assert settings_text(near[0]) != settings_text(near[1])


def test_an_interrupted_save_keeps_the_old_file(known, tmp_path, monkeypatch):
    file = tmp_path / "wavy.safetensors"
    save(known, file)
    before = file.read_bytes()

    def half(tensors, path, metadata=None):
        path.write_bytes(before[: len(before) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "save_file", half)
    with pytest.raises(KeyboardInterrupt):
        save(replace(known, target="other"), file)
    assert file.read_bytes() == before
    assert load(file).target == "wavy"


def test_files_that_are_no_reference_are_refused_with_a_sentence(known, tmp_path):
    file = tmp_path / "wavy.safetensors"
    with pytest.raises(ReferenceFileError, match="no reference for this model"):
        load(file)
    save(known, file)
    whole = file.read_bytes()
    for damaged in (whole[:-8], whole[: len(whole) // 2], whole[:4], b"", b"\x80\x04garbage", whole[8:]):
        file.write_bytes(damaged)
        with pytest.raises(ReferenceFileError, match=r"^The reference file is damaged.*\.$"):
            load(file)


def rewritten(known: Reference, file, change) -> None:
    """Save, then write the file again with changed facts."""
    save(known, file)
    with module.safe_open(file, framework="numpy") as opened:
        facts = json.loads(opened.metadata()["reference"])
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    save_file(tensors, file, metadata={"reference": json.dumps(change(facts))})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: {**f, "format": 99, "attacks": None}, "another version"),
        (lambda f: {k: v for k, v in f.items() if k != "format"}, "damaged"),
        (lambda f: {k: v for k, v in f.items() if k != "member"}, "damaged"),
        (lambda f: {**f, "attacks": {"nosuch": {"settings": "", "nfe": 1}}}, "damaged"),
        (lambda f: {**f, "attacks": []}, "damaged"),
        (lambda f: {**f, "member": f["member"][:-1]}, "not equally long"),
        (lambda f: [f], "damaged"),
        (lambda f: 3, "damaged"),
    ],
)
def test_facts_that_do_not_fit_are_refused_with_a_sentence(known, tmp_path, change, said):
    file = tmp_path / "wavy.safetensors"
    rewritten(known, file, change)
    with pytest.raises(ReferenceFileError, match=said):
        load(file)


def test_safetensors_without_facts_are_no_reference(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(3).numpy()}, file)
    with pytest.raises(ReferenceFileError, match="not a MIA-Viz reference"):
        load(file)


def test_scores_under_captions_and_without_are_never_compared(make_murmur, pictures):
    target, x = make_murmur(), pictures(4, side=32, channels=3)
    sha256 = tuple("abcd")
    facts = Reference("murmur", "", sha256, sha256, np.arange(4) < 2, np.array(["calibration"] * 4), {})
    chosen = plan("loss")
    kinds = {"given": ["a cat", "rain", "sea", "two"], "empty": None, "mixed": ["a cat", "", "sea", "two"]}
    for kind, captions in kinds.items():
        assert captions_kind(target, captions) == kind
        built = build(target, x, [chosen], facts, captions=captions)
        assert built.columns["loss"].told == kind
        assert built.fits(chosen)
        assert [built.fits(chosen, told) for told in kinds] == [told == kind for told in kinds]
        assert [built.complete(chosen, told) for told in kinds] == [told == kind for told in kinds]
        told = captions or [""] * 4
        np.testing.assert_allclose(
            built.columns["loss"].raw, run(Probe.of(target, x, captions=told), chosen).raw, rtol=1e-6
        )


def test_models_that_take_no_captions_know_no_kinds_of_them(known, make_wavy):
    assert captions_kind(make_wavy(), ["a cat"]) == captions_kind(make_wavy(), None) == ""
    assert all(known.fits(chosen, "") and not known.fits(chosen, "given") for chosen in PLANS)
