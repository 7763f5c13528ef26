"""`verify`: it agrees with an honest report, and finds whatever was changed afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mia_viz import reference
from mia_viz.cli import main
from mia_viz.report.hashes import sealed
from tests.commands.conftest import read


def test_verify_agrees_with_an_honest_report(made, model, own, picture, capsys):
    common = ["verify", str(made / "report.json"), "--target", str(model), "--reference", str(own)]
    capsys.readouterr()
    assert main([*common, "--image", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "The whole result is the same to the last digit." in printed
    assert "Nothing disagrees." in printed
    assert main(common) == 0  # without the picture: the answer is worked out from the scores written down
    printed = capsys.readouterr().out
    assert "The likelihood ratio comes out again" in printed
    assert "Scores were not computed again: give the picture with --image." in printed
    assert "Not at hand, so not compared: the picture file." in printed
    assert "Nothing disagrees; 2 checks could not be made." in printed


def change(made: Path, out: Path, edit, seal: bool) -> Path:
    content = read(made)
    edit(content)
    if seal:
        content = sealed({k: v for k, v in content.items() if not k.endswith("_sha256")})
    out.write_text(json.dumps(content))
    return out


def edit_sentence(content: dict) -> None:
    content["answer"]["sentence"] = "The model has never seen this picture."


def edit_score(content: dict) -> None:
    content["findings"][1]["score"] += 1.0


def edit_ratio(content: dict) -> None:
    content["answer"]["likelihood_ratio"]["lr"] *= 10


def edit_seconds(content: dict) -> None:
    content["time"]["utc"] = "2020-01-01T00:00:00Z"


@pytest.mark.parametrize("edit", [edit_sentence, edit_score, edit_ratio, edit_seconds])
def test_verify_finds_a_changed_report_by_its_hash(made, tmp_path, edit, capsys):
    file = change(made, tmp_path / "changed.json", edit, seal=False)
    assert main(["verify", str(file)]) == 1
    assert "was changed afterwards" in capsys.readouterr().out


@pytest.mark.parametrize("edit", [edit_sentence, edit_score, edit_ratio])
def test_verify_finds_a_changed_report_although_its_hashes_were_made_again(
    made, tmp_path, edit, model, own, picture, capsys
):
    file = change(made, tmp_path / "changed.json", edit, seal=True)
    common = ["verify", str(file), "--target", str(model), "--reference", str(own)]
    assert main([*common, "--image", str(picture)]) == 1
    assert "DIFFERS" in capsys.readouterr().out
    if edit is not edit_sentence:
        assert main(common) == 1  # numbers are found without the picture, too


def test_verify_finds_another_picture_other_weights_and_another_reference(
    made, model, own, files, make_model, tmp_path, capsys
):
    common = ["verify", str(made / "report.json"), "--target"]
    assert main([*common, str(model), "--reference", str(own), "--image", str(files[0])]) == 1
    printed = capsys.readouterr().out
    assert "The SHA-256 of the picture file is not that of the report." in printed
    assert "The decoded pixels are not those of the report." in printed
    other = make_model(tmp_path / "other", seed=7)
    assert main([*common, str(other)]) == 1
    assert "The SHA-256 of the model's weights is not that of the report." in capsys.readouterr().out
    copy = tmp_path / "copy.safetensors"
    known = reference.load(own)
    known.columns["loss"].score[:] += 1
    reference.save(known, copy)
    assert main([*common, str(model), "--reference", str(copy)]) == 1
    assert "The SHA-256 of the reference is not that of the report." in capsys.readouterr().out


def test_what_is_no_report_is_refused_in_one_sentence(tmp_path, picture, model, own, make_model, capsys):
    for text in ("", "[]", '{"kind": "MIA-Viz report"}', '{"kind": "MIA-Viz report", "format": 9}'):
        (tmp_path / "x.json").write_text(text)
        assert main(["verify", str(tmp_path / "x.json")]) == 2
    (tmp_path / "x.json").write_text('{"kind": "MIA-Viz report", "format": 1}')
    assert main(["verify", str(tmp_path / "x.json")]) == 2
    assert main(["verify", str(tmp_path / "none.json")]) == 2
    other = make_model(tmp_path / "other", seed=7)
    capsys.readouterr()
    refused = ["report", str(picture), "--target", str(other), "--reference", str(own), "--out", str(tmp_path / "r")]
    assert main(refused) == 2
    assert "belongs to other weights" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
