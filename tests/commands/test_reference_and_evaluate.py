"""`reference`, `evaluate` and `train` from folder to file."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mia_viz import reference
from mia_viz.cli import main
from mia_viz.targets import bundled


@pytest.fixture
def two_folders(files, tmp_path) -> list[str]:
    for name, some in (("in", files[:10]), ("out", files[10:])):
        (tmp_path / name).mkdir()
        for file in some:
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    return ["--members", str(tmp_path / "in"), "--holdouts", str(tmp_path / "out")]


def test_bundled_reference_holds_the_documented_pictures(world, capsys):
    assert main(["reference", "bundled", "--attack", "loss,sima"]) == 0
    for name, group in (("toy-a", range(0, 10)), ("toy-b", range(10, 20)), ("toy-a-0002", range(0, 10))):
        stored = reference.load(world / "references" / f"{name}.safetensors")
        assert stored.weights_sha256 == bundled.open_target(name).weights_sha256
        numbers = [int(Path(file).stem) for file in stored.names]
        assert {n for n, m in zip(numbers, stored.member, strict=True) if m} == set(group)
        test = {n for n, s in zip(numbers, stored.split, strict=True) if s == "test"}
        assert test == {*range(4, 10), *range(14, 20), *range(28, 34)}
        calibration = {n for n, s in zip(numbers, stored.split, strict=True) if s == "calibration"}
        assert calibration == {*range(group[0], group[0] + 4), *range(20, 28)}
        assert list(stored.columns) == [f"{n}{f}" for n in ("loss", "sima") for f in ("", " lowpass:r=5,s=0.2")]


def test_an_interrupted_reference_goes_on(world, capsys):
    assert main(["reference", "bundled", "toy-a", "--attack", "loss"]) == 0
    first = reference.load(world / "references" / "toy-a.safetensors")
    capsys.readouterr()
    assert main(["reference", "bundled", "toy-a", "--attack", "loss,pia"]) == 0
    assert "toy-a loss | loss lowpass:r=5,s=0.2: kept" in capsys.readouterr().out
    second = reference.load(world / "references" / "toy-a.safetensors")
    np.testing.assert_array_equal(first.columns["loss"].score, second.columns["loss"].score)
    assert (second.columns["loss"].nfe, second.columns["pia"].nfe) == (1, 2)
    assert main(["reference", "bundled", "toy-a", "--attack", "loss", "--fresh"]) == 0
    assert "kept" not in capsys.readouterr().out


def test_evaluation_of_a_bundled_model(world, tmp_path, capsys):
    assert main(["reference", "bundled", "--attack", "loss,sima"]) == 0
    assert main(["evaluate", "--target", "toy-a", "--from-reference", "--out", str(tmp_path / "all")]) == 0
    everything = json.loads((tmp_path / "all" / "evaluation.json").read_text())
    filtered = "lowpass:r=5,s=0.2"
    assert [row["key"] for row in everything["attacks"]] == ["loss", f"loss {filtered}", "sima", f"sima {filtered}"]
    pairs = {f"loss {filtered} less loss", "sima less loss", f"sima {filtered} less sima"}
    keys = [row["key"] for row in everything["attacks"]]
    assert set(everything["auc_differences"]) == pairs | {f"{key} less the same under toy-a-0002" for key in keys}
    stored = ["evaluate", "--target", "toy-a", "--from-reference", "--attack", "loss,sima"]
    assert main([*stored, "--out", str(tmp_path / "stored")]) == 0
    live = ["evaluate", "--target", "toy-a", "--attack", "loss,sima", "--out", str(tmp_path / "live")]
    assert main(live) == 0
    stored, fresh = (json.loads((tmp_path / d / "evaluation.json").read_text()) for d in ("stored", "live"))
    known = reference.load(world / "references" / "toy-a.safetensors")
    test = known.split == "test"
    for row, again in zip(stored["attacks"], fresh["attacks"], strict=True):
        expected = roc_auc_score(known.member[test], known.columns[row["attack"]].score[test])
        assert row["auc"]["value"] == pytest.approx(expected)
        assert again["auc"] == pytest.approx(row["auc"])
        assert (row["members"], row["holdouts"]) == (6, 12)
        assert row["tpr_1"] is None
        assert row["ms_per_image"] is None
        assert again["ms_per_image"] > 0
    assert [c["kind"] for c in stored["controls"]] == [c["kind"] for c in fresh["controls"]]
    kinds = {c["kind"] for c in stored["controls"]}
    wanted = {"shuffled labels", "eps_hat = 0", "eps_hat = fresh noise", "no model: small file"}
    assert wanted | {"no model: little fine detail", "earlier age: toy-a-0002"} <= kinds
    wrong = [c for c in stored["controls"] if c["kind"] == "members of the two twins, wrong model"]
    assert len(wrong) == 2
    twin = reference.load(world / "references" / "toy-b.safetensors")
    groups = np.array([(4 <= int(n[:4]) < 10) - (14 <= int(n[:4]) < 20) for n in twin.names])
    chosen = (groups != 0) & (twin.split == "test")
    expected = roc_auc_score(groups[chosen] > 0, twin.columns["loss"].score[chosen])
    assert wrong[0]["auc"]["value"] == pytest.approx(expected)


def test_an_attack_is_compared_with_the_one_it_builds_on_and_ages_on_what_both_hold(world, tmp_path):
    assert main(["reference", "bundled", "--attack", "loss"]) == 0
    assert main(["reference", "bundled", "toy-a", "--attack", "loss,secmi,fcre"]) == 0
    chosen = ["evaluate", "--target", "toy-a", "--from-reference", "--attack", "loss,secmi,fcre"]
    assert main([*chosen, "--out", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    rows, differences = {row["key"]: row["auc"]["value"] for row in content["attacks"]}, content["auc_differences"]
    assert set(differences) == {
        "secmi less loss",
        "fcre less loss",
        "fcre less secmi",
        "loss less the same under toy-a-0002",
    }
    assert differences["fcre less secmi"]["value"] == pytest.approx(rows["fcre"] - rows["secmi"])
    young, old = (reference.load(world / "references" / f"{name}.safetensors") for name in ("toy-a-0002", "toy-a"))
    aucs = [
        roc_auc_score(t.member[t.split == "test"], t.columns["loss"].score[t.split == "test"]) for t in (old, young)
    ]
    assert differences["loss less the same under toy-a-0002"]["value"] == pytest.approx(aucs[0] - aucs[1])
    missing = [r for r in content["remarks"] if "that control is missing there" in r]
    assert [r.split(" has ")[0] for r in missing] == ["toy-b", "toy-a-0002"]
    assert all("no stored scores of secmi, fcre," in r for r in missing)


def test_evaluation_writes_the_same_in_three_forms(world, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["evaluate", "--target", "toy-a", "--attack", "loss,pia", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert (out / "evaluation.md").read_text() == printed
    content = json.loads((out / "evaluation.json").read_text())
    rows = list(csv.DictReader((out / "evaluation.csv").open()))
    assert len(rows) == len(content["attacks"]) + len(content["controls"])
    assert float(rows[0]["auc"]) == content["attacks"][0]["auc"]["value"]
    assert f"{content['attacks'][0]['auc']['value']:.3f} [" in printed
    grown = {f"{key} less the same under toy-a-0002" for key in ("loss", "pia")}
    assert set(content["auc_differences"]) == {"pia less loss"} | grown
    assert {file.name for file in out.iterdir()} == {f"evaluation.{kind}" for kind in ("json", "csv", "md")}


def test_evaluation_of_own_folders(model, two_folders, tmp_path, capsys):
    common = ["--target", str(model), "--attack", "loss"]
    out = ["--out", str(tmp_path / "out")]
    assert main(["evaluate", *common, *two_folders, "--test-share", "0.5", *out]) == 0
    live = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    file = tmp_path / "own.safetensors"
    build = ["reference", "build", *common, *two_folders, "--test-share", "0.5", "--out", str(file)]
    assert main(build) == 0
    assert main(["evaluate", *common, "--from-reference", str(file), *out]) == 0
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert stored["attacks"][0]["auc"] == pytest.approx(live["attacks"][0]["auc"])
    assert any("no twin" in remark for remark in live["remarks"])
    assert any("left out" in remark for remark in stored["remarks"])
    capsys.readouterr()
    assert main(["evaluate", *common, "--set", "loss.t=9", "--from-reference", str(file), *out]) == 2


def test_train_then_score(files, tmp_path, capsys):
    common = [
        "train",
        "--images",
        str(files[0].parent),
        "--epochs",
        "2",
        "--batch",
        "5",
        "--channels",
        "8,16",
    ]
    for name, extra in (("alone", []), ("watched", ["--members", "0:10", "--holdouts", "10:20"])):
        out = tmp_path / name
        assert main([*common, "--out", str(out), "--measure-every", "1", "--device", "cpu", *extra]) == 0
        manifest = json.loads((out / "target" / "manifest.json").read_text())
        assert len(manifest["members"]) == (20 if name == "alone" else 10)
        assert manifest["epoch"] == 2
        assert (manifest["losses"]["auc"] is None) == (name == "alone")
    assert main(["score", str(files[0]), "--target", str(out / "target"), "--attack", "loss"]) == 0


def test_bundled_references_tell_how_they_came_about(world, capsys):
    build = ["reference", "bundled", "toy-a", "--attack", "loss,pia"]
    assert main(build) == 0
    file = world / "references" / "toy-a.safetensors"
    whole = reference.load(file)
    target = bundled.open_target("toy-a")
    assert whole.provenance["precision"] == "float32"
    assert whole.parametrisation == target.parametrisation
    assert "computed earlier" not in whole.provenance
    assert main(build) == 0
    assert reference.load(file).provenance == whole.provenance  # nothing new, nothing newly dated
    # A file from before either was kept, with a column that is in no plan of this run.
    more = {**whole.columns, "sima": replace(whole.columns["loss"], settings=whole.columns["pia"].settings)}
    reference.save(replace(whole, columns=more, provenance={}, parametrisation={}), file)
    capsys.readouterr()
    assert main(build) == 0
    assert " s\n" not in capsys.readouterr().out  # every column was kept
    again = reference.load(file)
    assert again.parametrisation == whole.parametrisation
    assert again.provenance["computed earlier"] == "all columns (when is not known)"
    assert set(again.columns) == set(more)
    for key, column in more.items():
        np.testing.assert_array_equal(again.columns[key].score, column.score)
    assert main(["reference", "bundled", "toy-a", "--attack", "rediffuse"]) == 0
    later = reference.load(file).provenance["computed earlier"]
    assert later == f"{', '.join(again.columns)} (not after {again.provenance['utc']})"


def test_equal_pictures_count_once_and_small_references_say_what_they_cannot_give(model, files, tmp_path, capsys):
    for name, some in (("in", files[:3]), ("out", [*files[4:8], *files[4:7], files[4]])):
        (tmp_path / name).mkdir()
        for k, file in enumerate(some):
            (tmp_path / name / f"{k}.png").write_bytes(file.read_bytes())
    file = tmp_path / "r.safetensors"
    known = ["--members", str(tmp_path / "in"), "--holdouts", str(tmp_path / "out"), "--out", str(file)]
    assert main(["reference", "build", "--target", str(model), "--attack", "loss", *known]) == 0
    printed = capsys.readouterr().out
    assert "reference of 3 members and 4 hold-outs" in printed
    assert "4 repeated pictures were left out, because a copy is no further evidence." in printed
    assert "with only 4 never-trained pictures: its p-value is 0.200 at the least" in printed
    assert "it needs 10 members and 10 hold-outs at least" in printed
    assert reference.load(file).names == tuple(f"picture {k + 1}" for k in range(7))
    evaluate = ["evaluate", "--target", str(model), "--attack", "loss", *known[:4], "--controls", "none"]
    assert main([*evaluate, "--test-share", "0.9", "--out", str(tmp_path / "e")]) == 0
    assert "4 repeated pictures were left out" in capsys.readouterr().out


def test_features_are_added_without_asking_the_model(world, capsys):
    assert main(["reference", "bundled", "toy-a", "--attack", "loss"]) == 0
    file = world / "references" / "toy-a.safetensors"
    whole = reference.load(file)
    reference.save(replace(whole, difficulty=None, description=None, blind=None), file)
    capsys.readouterr()
    assert main(["reference", "features"]) == 0
    assert capsys.readouterr().out == "toy-a: features of 30 pictures\n"
    again = reference.load(file)
    np.testing.assert_array_equal(again.difficulty, whole.difficulty)
    np.testing.assert_array_equal(again.description, whole.description)
    assert again.blind.shape == (30, 1)
    np.testing.assert_array_equal(again.blind, whole.blind)
    np.testing.assert_array_equal(again.columns["loss"].score, whole.columns["loss"].score)
    reference.save(replace(whole, blind=None), file)  # every column is kept, and the file is written all the same
    assert main(["reference", "bundled", "toy-a", "--attack", "loss"]) == 0
    assert capsys.readouterr().out == "toy-a loss | loss lowpass:r=5,s=0.2: kept\n"
    np.testing.assert_array_equal(reference.load(file).blind, whole.blind)
    reference.save(replace(whole, image_sha256=("0" * 64, *whole.image_sha256[1:])), file)
    assert main(["reference", "features", "toy-a"]) == 2
