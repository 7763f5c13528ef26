"""The same weights under another noise schedule, or in another precision, are not judged by a reference."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mia_viz import reference
from mia_viz.cli import main
from mia_viz.own_models import SHELF
from mia_viz.own_reference import use
from tests.commands.conftest import write_pictures
from tests.targets.layout_oracle import random_state

OTHER = "the reference was computed with another noise schedule"


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    """A research checkpoint, the same file under beta_T = 0.006, pictures, and a reference of the first."""
    root = tmp_path_factory.mktemp("places")
    for name, beta in (("usual", "0.02"), ("other", "0.006")):
        (root / name).mkdir()
        (root / name / "flagfile.txt").write_text(f"--img_size=16\n--beta_T={beta}\n")
    found = {name: root / name / "ckpt-5.pt" for name in ("usual", "other")}
    torch.save({"ema_model": random_state()}, found["usual"])
    shutil.copy(found["usual"], found["other"])
    write_pictures(root / "in", 5, seed=1)
    write_pictures(root / "out", 6, seed=2)
    found |= {"members": root / "in", "holdouts": root / "out", "reference": root / "r.safetensors"}
    flags = ["--members", str(root / "in"), "--holdouts", str(root / "out"), "--out", str(found["reference"])]
    assert main(["reference", "build", "--target", str(found["usual"]), "--attack", "loss", *flags]) == 0
    return found


def said(capsys, *arguments: object) -> tuple[int, str]:
    """The exit code of a command and all it said."""
    capsys.readouterr()
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_every_command_refuses_a_reference_of_another_schedule(places, tmp_path, capsys):
    picture, known = next(places["members"].iterdir()), ["--reference", places["reference"]]
    score = ["score", picture, "--attack", "loss", *known, "--target"]
    assert "No p-values" not in said(capsys, *score, places["usual"])[1]
    assert f"No p-values: {OTHER}." in said(capsys, *score, places["other"])[1]
    target = ["--target", places["other"]]
    sets = ["sets", *target, *known, "--suspects", places["members"], "--unseen", places["holdouts"]]
    audit = ["audit", *target, *known, "--images", places["members"], "--attack", "loss"]
    audit += ["--out", tmp_path / "audit"]
    report = ["report", picture, *target, *known, "--out", tmp_path / "report"]
    evaluate = ["evaluate", *target, "--from-reference", places["reference"], "--out", tmp_path / "evaluation"]
    for code, words, command in ((2, OTHER, sets), (0, OTHER, audit), (2, OTHER, report), (2, OTHER[4:], evaluate)):
        left, printed = said(capsys, *command)
        assert left == code, printed
        assert words in printed, printed
    own = SHELF.open(str(places["other"]))
    try:
        with pytest.raises(ValueError, match="under another noise schedule"):
            use(own.name, str(places["reference"]))
    finally:
        SHELF.close()


def test_a_reference_of_another_precision_gives_no_p_value(places, capsys):
    picture = next(places["members"].iterdir())
    flags = ["--target", places["usual"], "--reference", places["reference"], "--precision", "bfloat16"]
    words = "the reference was computed in float32, and the model is opened in bfloat16"
    assert f"No p-values: {words}." in said(capsys, "score", picture, "--attack", "loss", *flags)[1]


def test_older_references_are_used_as_before(places, tmp_path, capsys):
    old = replace(reference.load(places["reference"]), provenance={}, parametrisation={})
    reference.save(old, tmp_path / "old.safetensors")
    flags = ["--reference", tmp_path / "old.safetensors", "--target", places["other"], "--attack", "loss"]
    assert "No p-values" not in said(capsys, "score", next(places["members"].iterdir()), *flags)[1]


def test_a_build_under_another_schedule_takes_nothing_over(places, tmp_path, capsys):
    file = tmp_path / "r.safetensors"
    shutil.copy(places["reference"], file)
    flags = ["--members", places["members"], "--holdouts", places["holdouts"], "--attack", "loss", "--out", file]
    assert "kept" in said(capsys, "reference", "build", "--target", places["usual"], *flags)[1]
    assert "kept" not in said(capsys, "reference", "build", "--target", places["other"], *flags)[1]
    one, two = reference.load(places["reference"]), reference.load(file)
    assert (one.columns["loss"].score != two.columns["loss"].score).all()


def test_the_report_of_a_checkpoint_is_made_again_by_its_command_and_verify_sees_the_schedule(places, tmp_path, capsys):
    picture = next(places["members"].iterdir())
    known = ["--reference", places["reference"]]
    assert said(capsys, "report", picture, "--target", places["usual"], *known, "--out", tmp_path)[0] == 0
    content = json.loads((tmp_path / "report.json").read_text())
    assert "--target ckpt-5.pt" in content["command"]
    assert content["target"]["parametrisation"]["beta"] == [0.0001, 0.02]
    page = (tmp_path / "report.html").read_text()
    assert "1000 levels, beta from 0.0001 to 0.02" in page
    assert "the noise (epsilon)" in page
    verify = ["verify", tmp_path / "report.json", *known, "--target"]
    code, words = said(capsys, *verify, places["usual"])
    assert code == 0
    assert "The model at hand has the report's noise schedule" in words
    assert "Scores were not computed again: give the picture with --image." in words
    code, words = said(capsys, *verify, places["other"], "--image", picture)
    assert code == 1
    assert "The model at hand has another noise schedule than the report." in words
    assert "Scores were not computed again" in words
