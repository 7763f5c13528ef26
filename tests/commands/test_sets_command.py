"""`sets`: a collection against unseen pictures, given or stored."""

from __future__ import annotations

import json
import shutil

from mia_viz.cli import main
from mia_viz.pictures import limits


def test_sets_on_the_command_line(model, folders, tmp_path, world, capsys):
    out = tmp_path / "sets.json"
    common = ["sets", "--target", str(model), "--out", str(out)]
    assert main([*common, "--suspects", str(folders[0]), "--unseen", str(folders[1])]) == 0
    printed = capsys.readouterr().out
    content = json.loads(out.read_text())
    assert content["answer"] in printed
    assert (len(content["suspects"]), len(content["unseen"])) == (12, 16)
    assert content["power"] is None
    assert main([*common, "--suspects", str(folders[0])]) == 2
    assert main([*common, "--suspects", str(folders[0]), "--unseen", str(folders[1]), "--attack", "gradient"]) == 2
    assert main([*common, "--suspects", str(folders[0]), "--unseen", str(folders[0])]) == 2
    capsys.readouterr()
    assert main(["reference", "bundled", "toy-a", "--attack", "loss,noise_aggregation,fcre"]) == 0
    assert main(["sets", "--suspects", str(folders[0]), "--target", "toy-a", "--out", str(out)]) == 0
    assert len(json.loads(out.read_text())["unseen"]) == 12


def refused(capsys, *arguments: object) -> str:
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 2
    return capsys.readouterr().err


def test_a_reference_that_cannot_be_used_is_refused(model, make_model, folders, tmp_path, capsys):
    known = ["--members", str(folders[0]), "--holdouts", str(folders[1])]
    file = tmp_path / "r.safetensors"
    assert main(["reference", "build", "--target", str(model), "--attack", "loss", *known, "--out", str(file)]) == 0
    asked = ["sets", "--suspects", folders[0], "--unseen", folders[1], "--reference", file, "--target"]
    assert "belongs to other weights" in refused(capsys, *asked, make_model(tmp_path / "other", seed=7))
    assert main([str(a) for a in (*asked, model)]) == 0
    assert "cannot be said: the reference lacks scores of these methods." in capsys.readouterr().out


def test_sets_are_neither_tiny_nor_huge(model, files, folders, tmp_path, monkeypatch, capsys):
    (tmp_path / "few").mkdir()
    for name, file in (("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 3)):
        shutil.copy(files[file], tmp_path / "few" / f"{name}.png")
    asked = ["sets", "--target", model, "--unseen", folders[1], "--suspects"]
    assert "at least 5 different pictures" in refused(capsys, *asked, tmp_path / "few")
    monkeypatch.setattr(limits, "MOST_IN_SET", 11)
    assert "at most 11 pictures" in refused(capsys, *asked, folders[0])
