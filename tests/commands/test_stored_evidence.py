"""`evaluate` from a reference's likenesses and ring energies: the agree number and the chosen band."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mia_viz import reference
from mia_viz.agreement import agree_threshold
from mia_viz.analysis import plan, run, to_pictures
from mia_viz.cli import main
from mia_viz.commands.stored_evidence import band_choices
from mia_viz.frequency import Filter
from mia_viz.probe import Probe
from mia_viz.targets import bundled

QUICK = ["--set", "drc.levels=5", "--set", "drc.resamplings=1"]


def content(tmp_path, *flags: str) -> dict:
    arguments = ["evaluate", "--target", "toy-a", "--controls", "none", "--out", str(tmp_path / "out")]
    assert main([*arguments, *flags]) == 0
    return json.loads((tmp_path / "out" / "evaluation.json").read_text())


def test_agree_number_of_drc(world, tmp_path, capsys):
    found = content(tmp_path, "--attack", "drc,loss", *QUICK)["agreement"]
    printed = capsys.readouterr().out
    assert "Agree number of drc" in printed
    assert len(found) == 1
    assert [p["at_least"] for p in found[0]["points"]] == [1, 2, 3, 4]

    from mia_viz.commands.known import bundled_pictures

    target = bundled.open_target("toy-a")
    known = bundled_pictures(target)
    chosen = plan("drc", {"levels": "5", "resamplings": "1"})
    result = run(Probe.of(target, known.pictures), chosen)
    likeness = chosen.attack.likeness(result.evidence, chosen.params).numpy()
    groups = {
        (split, member): likeness[(known.split == split) & (known.member == member)]
        for split in ("calibration", "test")
        for member in (True, False)
    }
    agree_at = agree_threshold(groups["calibration", True], groups["calibration", False])
    assert found[0]["agree_at"] == pytest.approx(agree_at, abs=1e-4)
    for point in found[0]["points"]:
        votes = (groups["test", True] > found[0]["agree_at"]).sum(axis=1) >= point["at_least"]
        assert point["members"] == votes.sum()
        assert point["recall"] == pytest.approx(votes.mean())


def test_a_reference_without_likenesses_still_serves_and_is_completed(world, tmp_path, capsys, monkeypatch):
    drc = plan("drc", {"levels": "5", "resamplings": "1"})
    monkeypatch.setattr("mia_viz.plans.bundled_plans", lambda attacks, target: [drc, plan("loss")])
    assert main(["reference", "bundled", "toy-a"]) == 0
    file = world / "references" / "toy-a.safetensors"
    whole = reference.load(file)
    assert whole.complete(drc)
    np.testing.assert_allclose(whole.columns[drc.key].likeness.mean(axis=1), whole.columns[drc.key].score)

    settings = json.loads(whole.columns[drc.key].settings)
    del settings["params"]["level"]  # as written before the parameter and the likenesses were there
    older = replace(whole.columns[drc.key], likeness=None, settings=json.dumps(settings))
    reference.save(replace(whole, columns={**whole.columns, drc.key: older}), file)
    old = reference.load(file)
    assert old.fits(drc)
    assert not old.complete(drc)
    assert not old.fits(plan("drc", {"levels": "5", "resamplings": "1", "level": "310"}))
    capsys.readouterr()
    assert content(tmp_path, "--from-reference")["agreement"] == []
    assert "before likenesses were kept" in capsys.readouterr().out

    assert main(["reference", "bundled", "toy-a"]) == 0
    printed = capsys.readouterr().out
    assert "toy-a loss: kept" in printed
    assert f"toy-a {drc.key}: kept" not in printed
    np.testing.assert_array_equal(reference.load(file).columns[drc.key].likeness, whole.columns[drc.key].likeness)


def test_chosen_band(world, tmp_path, capsys):
    assert main(["reference", "bundled", "toy-a", "--attack", "loss,pia,sima"]) == 0
    found = content(tmp_path, "--from-reference", "--choose-band")
    assert [band["key"] for band in found["bands"]] == ["loss", "pia"]
    assert "Frequency band chosen" in capsys.readouterr().out
    stored = reference.load(world / "references" / "toy-a.safetensors")
    known = json.loads((tmp_path / "out" / "evaluation.json").read_text())["attacks"]
    plain = {row["key"]: row["auc"]["value"] for row in known}
    assert found["bands"][0]["unfiltered"]["value"] == plain["loss"]  # the loss is the sum over all rings

    # The band's AUC is that of the loss asked for with this filter.
    band = found["bands"][0]
    cut = Filter("band", lo=band["lo"], hi=band["hi"])
    target = bundled.open_target("toy-a")
    from mia_viz.commands.score import prepare_file

    test = np.flatnonzero(stored.split == "test")
    files = [world / "toy" / "pictures" / stored.names[i] for i in test]
    pictures = to_pictures([prepare_file(file, target, "exact") for file in files])
    direct = run(Probe.of(target, pictures), plan("loss", {}, cut)).score
    from sklearn.metrics import roc_auc_score

    assert band["test"]["value"] == pytest.approx(roc_auc_score(stored.member[test], direct))


def test_no_band_without_energies(world, tmp_path, capsys):
    assert main(["reference", "bundled", "toy-a", "--attack", "sima"]) == 0
    capsys.readouterr()
    flags = ["--target", "toy-a", "--from-reference", "--choose-band", "--out", str(tmp_path / "o")]
    assert main(["evaluate", *flags]) == 2
    assert "--choose-band needs" in capsys.readouterr().err
    stored = reference.load(world / "references" / "toy-a.safetensors")
    empty = replace(stored, split=np.full(len(stored.split), "test"), columns={"loss": stored.columns["sima"]})
    with pytest.raises(ValueError, match="calibration split"):
        band_choices(empty, [plan("loss")], 16, 16)
