"""`report`: the same command gives the same JSON, the page and the PDF say the same, and nobody is named."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from pypdf import PdfReader

from mia_viz import __version__, engine, reference, report
from mia_viz.cli import main
from mia_viz.pictures.files import load_picture
from mia_viz.report.hashes import of_file
from tests.commands.conftest import ATTACKS, read


def test_a_reference_of_own_pictures_holds_what_a_report_needs(own, capsys):
    known = reference.load(own)
    keys = {"loss", "noise_aggregation", "noise_aggregation lowpass:r=5,s=0.2", "fcre", "fcre variant=v2 ssim=False"}
    assert set(known.columns) == keys
    assert known.difficulty.shape == (28, 3)
    assert known.description.shape == (28, 10)
    assert known.names[:2] == ("picture 1", "picture 2")
    assert known.provenance["version of mia-viz"] == __version__
    assert "no pictures" in known.provenance["reveals"]


def test_the_report_says_what_was_found(made, own, picture, model):
    content = read(made)
    assert content["picture"]["file_sha256"] == of_file(picture)
    assert content["reference"]["file_sha256"] == of_file(own)
    assert content["target"]["weights_sha256"] == reference.load(own).weights_sha256
    assert content["answer"]["combined"]["members"] == 12
    assert content["answer"]["combined"]["holdouts"] == 16
    assert content["answer"]["rank"]["n"] == 16
    assert content["answer"]["likelihood_ratio"]["members"] == 12
    assert [f["rank"] is not None for f in content["findings"]] == [True, True, True, False]
    assert any("reference does not hold it: Degrade" in note for note in content["notes"])
    assert content["nfe"] == sum(f["nfe"] for f in content["findings"]) == 276
    assert content["checks"]["coverage"]["covered"] is None
    assert content["settings"][0]["params"]["t"] == 80
    wanted = f"python -m mia_viz report IMAGE --target {model.name} --reference REFERENCE --out DIR"
    assert content["command"] == wanted
    assert {row["kind"] for row in content["changes"]["rows"]} >= {"one method alone", "band of the loss"}


def test_running_it_again_gives_the_same_json_but_for_time(made, tmp_path, model, own, picture):
    assert main(["report", str(picture), "--target", str(model), "--reference", str(own), "--out", str(tmp_path)]) == 0
    first, second = read(made), read(tmp_path)
    for content in (first, second):
        del content["time"], content["content_sha256"]
    assert first == second


def test_names_and_metadata_stay_out_unless_asked_for(made, tmp_path, model, picture):
    for file in made.iterdir():
        data = file.read_bytes()
        assert b"Jane" not in data
        assert b"Secret" not in data
        assert str(picture.parent).encode() not in data
    text = "".join(page.extract_text() for page in PdfReader(made / "report.pdf").pages)
    assert "Jane" not in text
    assert main(["report", str(picture), "--target", str(model), "--keep-name", "--out", str(tmp_path)]) == 0
    assert read(tmp_path)["picture"]["name"] == picture.name
    assert "Jane Doe" in (tmp_path / "report.html").read_text()
    assert b"Secret" not in (tmp_path / "report.html").read_bytes()


def test_the_page_needs_nothing_else(made):
    page = (made / "report.html").read_text()
    assert "<script" not in page
    assert not re.search(r'(src|href)\s*=\s*"(?!data:image/png;base64,)', page)
    assert not re.search(r"url\(|@import|<link|\son\w+=", page)
    content = read(made)
    for told in (content["answer"]["sentence"], content["content_sha256"], content["command"], *content["limits"]):
        assert told in page
    assert page.count("<img") == page.count('alt="') >= 5


def test_the_pdf_says_the_same(made):
    pages = PdfReader(made / "report.pdf").pages
    assert 3 <= len(pages) <= 8
    assert abs(float(pages[0].mediabox.height) * 25.4 / 72 - 297) < 1
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    content = read(made)
    for told in (content["answer"]["sentence"], content["result_sha256"], content["picture"]["file_sha256"]):
        assert told in text


def test_without_members_and_without_a_reference(model, folders, tmp_path, picture, capsys):
    file = tmp_path / "outside.safetensors"
    build = ["reference", "build", "--target", str(model), *ATTACKS, "--holdouts", str(folders[1]), "--out", str(file)]
    assert main(build) == 0
    assert "no likelihood ratio" in capsys.readouterr().out
    common = ["report", str(picture), "--target", str(model), "--out", str(tmp_path / "r")]
    assert main([*common, "--reference", str(file)]) == 0
    content = read(tmp_path / "r")
    assert content["answer"]["likelihood_ratio"] is None
    assert content["answer"]["rank"]["n"] == 16
    assert content["answer"]["sentences"][0].startswith("No likelihood ratio can be given")
    assert main(common) == 0
    content = read(tmp_path / "r")
    assert content["answer"]["zone"] == "no reference"
    assert content["answer"]["rank"] is None
    assert content["notes"][0] == "No reference was used: there is no reference for this model."
    assert main(["reference", "build", "--target", str(model), *ATTACKS, "--out", str(file)]) == 2


@pytest.mark.parametrize("steps", [105, 200])
def test_a_model_of_fewer_levels_gets_a_reference_a_report_and_its_check(
    make_model, folders, picture, tmp_path, steps, capsys
):
    short, file = make_model(tmp_path / "short", seed=0, steps=steps), tmp_path / "short.safetensors"
    known = ["--members", str(folders[0]), "--holdouts", str(folders[1])]
    assert main(["reference", "build", "--target", str(short), *ATTACKS, *known, "--out", str(file)]) == 0
    common = [str(picture), "--target", str(short), "--reference", str(file), "--out", str(tmp_path / "r")]
    assert main(["report", *common]) == 0
    content = read(tmp_path / "r")
    assert [finding["rank"] is not None for finding in content["findings"]] == [True, True, True, False]
    levels = {item["attack"]: item["params"].get("t") for item in content["settings"]}
    assert levels["loss"] == {105: 65, 200: 90}[steps]  # as noisy as level 200 of 1,000: abar .656
    again = ["--target", str(short), "--reference", str(file), "--image", str(picture)]
    assert main(["verify", str(tmp_path / "r" / "report.json"), *again]) == 0
    assert "asks about" not in capsys.readouterr().out


def test_near_duplicates_among_own_folders(model, own, folders, tmp_path):
    known = ["--members", str(folders[0]), "--holdouts", str(folders[1])]
    query = sorted(folders[0].iterdir())[3]
    common = ["report", str(query), "--target", str(model), "--reference", str(own), *known]
    assert main([*common, "--out", str(tmp_path)]) == 0
    content = read(tmp_path)
    assert content["checks"]["near_duplicates"] is not None
    assert any("was left out" in note for note in content["notes"])
    assert query.name not in (tmp_path / "report.json").read_text()
    assert content["command"].endswith("--members MEMBERS --holdouts HOLDOUTS --out DIR")


def test_bundled_twins_and_the_engine(world, tmp_path, monkeypatch, capsys):
    assert main(["reference", "bundled", "toy-a", "toy-b", "--attack", "loss,noise_aggregation,fcre"]) == 0
    for name in ("reference_bundled", "gallery_bundled", "opened_bundled"):
        getattr(engine, name).cache_clear()
    image = world / "toy" / "pictures" / "0005.png"
    assert main(["report", str(image), "--target", "toy-a", "--out", str(tmp_path / "command")]) == 0
    content = read(tmp_path / "command")
    assert content["checks"]["twin"]["target"] == "toy-b"
    assert content["checks"]["coverage"]["blind"] == 1
    assert content["checks"]["near_duplicates"] is not None
    assert any("known training pictures; it was left out" in note for note in content["notes"])
    assert main(["verify", str(tmp_path / "command" / "report.json"), "--image", str(image)]) == 0
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["verify", "command/report.json"]) == 0  # the picture is a bundled one, found by its hash
    printed = capsys.readouterr().out
    assert "The whole result is the same to the last digit." in printed
    assert "The SHA-256 of the picture file is that of the report." in printed
    assert "Nothing disagrees.\n" in printed

    from mia_viz.pictures.prepare import prepare
    from mia_viz.probe import Progress

    picture = load_picture(image)
    prepared = prepare(picture, (16, 16), 1)
    case, twin = (
        engine.examine_named(name, prepared, "a", None, Progress(), lambda c: None) for name in ("toy-a", "toy-b")
    )
    files = engine.report_named("toy-a", case, tmp_path / "engine", picture, twin)
    assert files == report.Files(*(tmp_path / "engine" / name for name in report.NAMES))
    assert read(tmp_path / "engine")["result_sha256"] == content["result_sha256"]
    engine.report_named("toy-a", case, tmp_path / "alone")
    alone = read(tmp_path / "alone")
    assert "--no-twin" in alone["command"]
    assert "file_sha256" not in alone["picture"]
    for name in ("reference_bundled", "gallery_bundled", "opened_bundled"):
        getattr(engine, name).cache_clear()


def test_figures_are_the_same_bytes_each_time(made):
    sources = re.findall(r"base64,([^\"]+)", (made / "report.html").read_text())
    assert len(set(sources)) == len(sources)
    import base64

    for source in sources:
        with Image.open(io.BytesIO(base64.b64decode(source))) as image:
            assert image.format == "PNG"
            assert "Software" not in image.info
