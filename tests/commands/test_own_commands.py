"""Own models and own data on the command line, and scans in `score`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from mia_viz.cli import main
from tests.commands.test_refusals import refused
from tests.pictures.scans import dicom, ramp


@pytest.fixture
def scan(tmp_path):
    file = tmp_path / "scan.dcm"
    file.write_bytes(dicom(np.stack([ramp(16), ramp(16) + 300]), RescaleSlope=1, RescaleIntercept=0))
    return file


def test_score_takes_a_slice_under_a_window(model, scan, tmp_path, capsys):
    out = tmp_path / "rows.json"
    flags = ["--target", str(model), "--prepare", "fit", "--attack", "loss", "--json", str(out)]
    assert main(["score", str(scan), *flags, "--slice", "0", "--window", "soft tissue"]) == 0
    row = json.loads(out.read_text())[0]
    assert any("Slice 0 of 0 to 1" in note for note in row["notes"])
    assert any("soft tissue window" in note for note in row["notes"])
    assert "SECRET" not in capsys.readouterr().out
    assert "There is no slice 2" in refused(capsys, "score", scan, *flags, "--slice", "2")


def test_resampling_says_what_it_does_to_the_band_in_use(model, tmp_path, capsys):
    file = tmp_path / "small.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(file)
    flags = ["score", str(file), "--target", str(model), "--prepare", "fit", "--attack", "loss"]
    assert main(flags) == 0
    assert "nothing true above 0.5" in capsys.readouterr().out
    assert main([*flags, "--filter", "band:lo=0.1,hi=0.4"]) == 0
    assert "nothing true above" not in capsys.readouterr().out


def test_targets_check_says_what_it_is_and_writes_a_sample(model, files, tmp_path, capsys):
    out, told = tmp_path / "sample.png", tmp_path / "told.json"
    images = [str(file) for file in files[:2]]
    assert main(["targets", "check", str(model), "--images", *images, "--out", str(out), "--json", str(told)]) == 1
    text = capsys.readouterr().out
    for words in ("grey pictures of 16 x 16", "1000 noise levels", "predicts the noise", "range -1 to 1", "clid: "):
        assert words in text
    assert Image.open(out).size == (16, 16)
    found = json.loads(told.read_text())
    assert found["healthy"] is False  # nobody trained it
    assert found["pictures"] == 2
    usable = {attack["name"]: not attack["reason"] for attack in found["attacks"]}
    assert usable["loss"]
    assert not usable["clid"]


def test_targets_check_refuses_in_one_sentence(model, tmp_path, capsys):
    assert "There is no model called" in refused(capsys, "targets", "check", "nowhere")
    assert ".png" in refused(capsys, "targets", "check", model, "--out", tmp_path / "x.txt")
    assert "takes no captions" in refused(capsys, "targets", "check", model, "--caption", "a cat")


def test_data_check_compares_two_folders(files, tmp_path, capsys):
    for name, part in (("in", files[:10]), ("out", files[9:])):
        (tmp_path / name).mkdir()
        for file in part:
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    out = tmp_path / "data.json"
    flags = ["data", "check", "--members", str(tmp_path / "in"), "--holdouts", str(tmp_path / "out")]
    assert main([*flags, "--json", str(out)]) == 0
    assert "0009.png and 0009.png: the same picture." in capsys.readouterr().out
    found = json.loads(out.read_text())
    assert found["usable"] is False
    assert len(found["pairs"]) == 1
    assert "There is no folder" in refused(capsys, *flags[:-1], tmp_path / "none")
    assert "data check" in refused(capsys, "data")
