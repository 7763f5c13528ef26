"""`report --language`: another language of the page and the PDF for own models, with any reference or none."""

from __future__ import annotations

import pytest
from pypdf import PdfReader

from mia_viz.cli import main
from mia_viz.language import answer
from tests.commands.conftest import ATTACKS, read
from tests.report.reading import texts


@pytest.fixture(scope="module")
def outside(tmp_path_factory, model, folders):
    """A reference of hold-outs only."""
    file = tmp_path_factory.mktemp("outside") / "outside.safetensors"
    build = ["reference", "build", "--target", str(model), *ATTACKS, "--holdouts", str(folders[1]), "--out", str(file)]
    assert main(build) == 0
    return file


@pytest.fixture(params=["members and hold-outs", "hold-outs only", "no reference"])
def flags(request, own, outside, folders):
    """The flags of a report by what is known of the model."""
    known = ["--members", str(folders[0]), "--holdouts", str(folders[1])]
    return {
        "members and hold-outs": ["--reference", str(own), *known],
        "hold-outs only": ["--reference", str(outside)],
        "no reference": [],
    }[request.param]


def test_nothing_of_an_own_report_is_left_in_english(flags, model, picture, tmp_path, capsys):
    common = ["report", str(picture), "--target", str(model), "--prepare", "crop", *flags]
    assert main([*common, "--out", str(tmp_path / "en")]) == 0
    assert main([*common, "--language", "de", "--keep-name", "--out", str(tmp_path / "de")]) == 0
    english = texts((tmp_path / "en" / "report.html").read_text())
    assert [gap for text in english for gap in answer("de", text).gaps if gap != model.name] == []
    german = (tmp_path / "de" / "report.html").read_text()
    assert f"War dieses Bild in den Trainingsdaten von {model.name}?" in german
    assert "Jane Doe 1970" in german
    content = read(tmp_path / "de")
    assert content["answer"] == read(tmp_path / "en")["answer"]
    assert content["command"].endswith("--language de --out DIR")
    first = PdfReader(tmp_path / "de" / "report.pdf").pages[0].extract_text()
    assert answer("de", content["answer"]["sentence"]).text in " ".join(first.split())


def test_a_german_report_is_verified_like_an_english_one(made, own, model, picture, tmp_path, capsys):
    common = [str(picture), "--target", str(model), "--reference", str(own)]
    assert main(["report", *common, "--language", "de", "--out", str(tmp_path)]) == 0
    assert read(tmp_path)["result_sha256"] == read(made)["result_sha256"]
    check = ["verify", str(tmp_path / "report.json"), "--image", *common]
    assert main(check) == 0
    assert "The whole result is the same to the last digit." in capsys.readouterr().out


def test_a_language_without_a_catalogue_is_refused(picture, model, tmp_path, capsys):
    asked = ["report", str(picture), "--target", str(model), "--language", "tlh", "--out", str(tmp_path / "r")]
    assert main(asked) == 2
    assert "invalid choice: 'tlh'" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
