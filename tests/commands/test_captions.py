"""Captions through the command line, on a real (untrained) Stable Diffusion pipeline of 16 x 16 pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mia_viz import reference
from mia_viz.analysis import plan, run, to_pictures
from mia_viz.attacks.clid import robust
from mia_viz.cli import main
from mia_viz.commands.captions import of_files, read_captions
from mia_viz.commands.common import open_target
from mia_viz.commands.score import prepare_file
from mia_viz.evaluation import Scores, auc
from mia_viz.probe import Probe
from tests.targets import tiny_pipelines

EMPTY = "asked under an empty one"
COUNT = 16


@pytest.fixture(scope="module")
def text_model(tmp_path_factory) -> Path:
    return tiny_pipelines.save("sd", tmp_path_factory.mktemp("sd") / "tiny")


@pytest.fixture(scope="module")
def coloured(tmp_path_factory) -> list[Path]:
    """in/00.png to in/07.png and out/00.png to out/07.png, of random smooth colours."""
    root, rng = tmp_path_factory.mktemp("coloured"), np.random.default_rng(3)
    files = [root / folder / f"{i:02d}.png" for folder in ("in", "out") for i in range(COUNT // 2)]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        coarse.resize((16, 16), Image.Resampling.BICUBIC).save(file)
    return files


@pytest.fixture(scope="module")
def caption_file(coloured, tmp_path_factory) -> Path:
    rows = [f"{file.parent.name}/{file.name}\t{'abcdefgh'[i % 8]} {'xyz'[i % 3]}" for i, file in enumerate(coloured)]
    file = tmp_path_factory.mktemp("captions") / "captions.tsv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def score(files, *arguments, out: Path) -> list[dict]:
    assert main(["score", *map(str, files), *map(str, arguments), "--json", str(out)]) == 0
    return json.loads(out.read_text())


def folders(files) -> list[str]:
    return ["--members", str(files[0].parent), "--holdouts", str(files[-1].parent)]


def test_a_caption_reaches_the_model_and_is_stated(text_model, coloured, tmp_path):
    def asked(*flags: str) -> list[dict]:
        arguments = ("--target", text_model, "--attack", "loss", *flags)
        return score(coloured[:2], *arguments, out=tmp_path / "s.json")

    empty, none, one, two = (
        asked(),
        asked("--caption", "none"),
        asked("--caption", "a b"),
        asked("--caption", "a b", "--caption", "c"),
    )
    assert [row["caption"] for row in empty + none] == [""] * 4
    assert [row["raw"] for row in empty] == [row["raw"] for row in none]
    assert all(any(EMPTY in note for note in row["notes"]) for row in empty)
    assert [row["caption"] for row in one] == ["a b", "a b"]
    assert not any(EMPTY in note for row in one for note in row["notes"])
    assert one[0]["raw"] != empty[0]["raw"]
    assert two[0]["raw"] == one[0]["raw"]
    assert two[1]["raw"] != one[1]["raw"]
    target = open_target(str(text_model))
    values = to_pictures([prepare_file(file, target, "exact") for file in coloured[:2]])
    by_hand = run(Probe.of(target, values, captions=["a b", "c"]), plan("loss")).raw
    np.testing.assert_allclose([row["raw"] for row in two], by_hand, rtol=1e-5)


def test_captions_from_a_file(text_model, coloured, caption_file, tmp_path):
    files = [coloured[0], coloured[8]]  # the same name in two folders
    arguments = ("--target", text_model, "--attack", "loss", "--captions")
    rows = score(files, *arguments, caption_file, out=tmp_path / "s.json")
    assert [row["caption"] for row in rows] == ["a x", "a z"]
    as_json = tmp_path / "c.json"
    as_json.write_text(json.dumps({"00.png": "b"}))
    assert score(files[:1], *arguments, as_json, out=tmp_path / "s.json")[0]["caption"] == "b"
    assert score(files[:1], *arguments, "none", out=tmp_path / "s.json")[0]["caption"] == ""


def test_files_of_captions_are_read_or_refused(tmp_path):
    file = tmp_path / "c.txt"
    file.write_text("a.png\tone, two\n\nb.png\t\n")
    known = read_captions(file)
    assert known == {"a.png": "one, two", "b.png": ""}
    assert of_files([tmp_path / "b.png", tmp_path / "a.png"], known) == ("", "one, two")
    with pytest.raises(ValueError, match=r"no caption of c\.png"):
        of_files([tmp_path / "c.png"], known)
    for content in (b"a.png one", b"{", b'{"a.png": 3}', b"a.png\t\xff"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"c\.txt"):
            read_captions(file)
    with pytest.raises(ValueError, match="no file of captions"):
        read_captions(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--caption", "a", "--captions", "none"], "not by both"),
        (["--caption", "a", "--caption", "b", "--caption", "c"], "3 captions were given for 2"),
        (["--attack", "clid"], "every picture needs one"),
        (["--captions", "/nowhere"], "no file of captions"),
    ],
)
def test_captions_that_do_not_fit_are_refused(text_model, coloured, flags, said, capsys):
    command = ["score", *map(str, coloured[:2]), "--target", str(text_model), "--attack", "loss", *flags]
    assert main(command) == 2
    assert said in capsys.readouterr().err


def test_models_without_captions_refuse_them(model, files, capsys):
    assert main(["score", str(files[0]), "--target", str(model), "--attack", "loss", "--caption", "a"]) == 2
    assert "takes no captions" in capsys.readouterr().err
    assert main(["score", str(files[0]), "--target", str(model), "--attack", "clid"]) == 2
    assert "nothing to shorten" in capsys.readouterr().err


def test_all_attacks_leave_clid_out_without_a_caption(text_model, coloured, tmp_path, capsys):
    fast = ["--set", "drc.levels=5", "--set", "drc.resamplings=1", "--set", "gradient.steps=1"]
    arguments = ("--target", text_model, "--attack", "all", *fast)
    rows = score(coloured[:1], *arguments, out=tmp_path / "s.json")
    assert "clid was left out" in capsys.readouterr().out
    assert "smia" in {row["attack"] for row in rows}
    assert "clid" not in {row["attack"] for row in rows}
    rows = score(coloured[:1], *arguments, "--caption", "a b c", out=tmp_path / "s.json")
    assert "clid" in {row["attack"] for row in rows}
    assert all(np.isfinite(row["score"]) for row in rows)


def test_p_values_only_under_captions_of_the_same_kind(text_model, coloured, caption_file, tmp_path):
    base = ["--target", str(text_model), "--attack", "loss"]
    for name, flags in (("given", ["--captions", str(caption_file)]), ("empty", [])):
        out = ["--out", str(tmp_path / f"{name}.safetensors")]
        assert main(["reference", "build", *base, *folders(coloured), *flags, *out]) == 0
        stored = reference.load(tmp_path / f"{name}.safetensors")
        assert stored.columns["loss"].told == name
        for asked, caption in (("given", "a x"), ("empty", "none")):
            known = ["--caption", caption, "--reference", str(tmp_path / f"{name}.safetensors")]
            row = score(coloured[:1], *base, *known, out=tmp_path / "s.json")[0]
            assert (row["p_value"] is not None) == (asked == name)
            assert any("captions of another kind" in note for note in row["notes"]) == (asked != name)
    again = ["reference", "build", *base, *folders(coloured), "--out", str(tmp_path / "given.safetensors")]
    assert main(again) == 0  # other captions: the column is computed anew
    assert reference.load(tmp_path / "given.safetensors").columns["loss"].told == "empty"


def test_evaluation_with_captions_controls_and_distortions(text_model, coloured, caption_file, tmp_path, capsys):
    attacks = ["--attack", "smia,clid,loss", "--set", "clid.combine=robust", "--set", "clid.draws=1"]
    flags = ["--captions", str(caption_file), "--test-share", "0.6", "--distort", "brightness,rotation=90"]
    out = ["--out", str(tmp_path / "out")]
    assert main(["evaluate", "--target", str(text_model), *attacks, *folders(coloured), *flags, *out]) == 0
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert found["captions"] == "given"
    assert "Every picture was shown with its caption." in found["remarks"]
    assert sum("SMIA" in remark for remark in found["remarks"]) == 1
    of_structure = [c["kind"] for c in found["controls"] if c["attack"] == "smia"]
    wanted = {"white noise instead of the model", "encoder and decoder only", "eps_hat = fresh noise"}
    assert wanted <= set(of_structure)

    parts = ["clid draws=1 combine=gap", "clid draws=1 combine=loss"]
    keys = [row["key"] for row in found["attacks"]]
    assert keys == ["smia", *parts, "loss", "clid draws=1 combine=robust"]
    file = tmp_path / "own.safetensors"
    sets = ["--attack", "clid", "--set", "clid.draws=1"]
    own = ["reference", "build", "--target", str(text_model), *folders(coloured), *flags[:4], "--out", str(file)]
    columns = []
    for combine in ("gap", "loss"):
        assert main([*own, *sets, "--set", f"clid.combine={combine}"]) == 0
        columns.append(reference.load(file).columns[f"clid draws=1 combine={combine}"].raw)
    stored = reference.load(file)
    test = stored.split == "test"
    values = robust(*columns, ~test, 0.4)[test]
    expected = auc(Scores(values[stored.member[test]], values[~stored.member[test]]))
    assert found["attacks"][-1]["auc"]["value"] == pytest.approx(expected)

    names = [(row["distortion"], row["attack"]) for row in found["distorted"]]
    assert names == [(d, a) for d in ("brightness=1.3", "rotation=90") for a in ("smia", *parts, "loss")]
    plain = {row["key"]: row["auc"]["value"] for row in found["attacks"]}
    for row in found["distorted"]:
        assert row["change"]["value"] == pytest.approx(row["auc"]["value"] - plain[row["attack"]])
    assert "## Distorted pictures" in capsys.readouterr().out
    assert "distorted: rotation=90" in (tmp_path / "out" / "evaluation.csv").read_text()


def test_distorted_scores_are_those_of_pictures_distorted_beforehand(model, files, tmp_path):
    """Rotated by the command, and rotated as files: the same AUC on the test split of all pictures."""
    common = ["evaluate", "--target", str(model), "--attack", "loss", "--controls", "none"]
    for kind in ("plain", "turned"):
        for i, file in enumerate(files):
            folder = tmp_path / kind / ("in" if i < 10 else "out")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.asarray(Image.open(file))
            Image.fromarray(np.rot90(pixels) if kind == "turned" else pixels).save(folder / file.name)

    def evaluation(kind: str, *more: str) -> dict:
        where = ["--members", str(tmp_path / kind / "in"), "--holdouts", str(tmp_path / kind / "out")]
        out = ["--test-share", "0.999999", "--out", str(tmp_path / "out")]
        assert main([*common, *where, *out, *more]) == 0
        return json.loads((tmp_path / "out" / "evaluation.json").read_text())

    distorted = evaluation("plain", "--distort", "rotation=90")["distorted"][0]
    assert distorted["auc"]["value"] == pytest.approx(evaluation("turned")["attacks"][0]["auc"]["value"])


def test_stored_scores_keep_their_captions_and_cannot_be_distorted_without_pictures(
    text_model, coloured, caption_file, tmp_path, capsys
):
    file = tmp_path / "own.safetensors"
    own = [*folders(coloured), "--captions", str(caption_file), "--test-share", "0.6"]
    sets = ["--target", str(text_model), "--attack", "clid", "--set", "clid.draws=1"]
    assert main(["reference", "build", *sets, *own, "--out", str(file)]) == 0
    stored = ["evaluate", *sets, "--from-reference", str(file), "--out", str(tmp_path / "out")]
    assert main(stored) == 0
    capsys.readouterr()
    assert main([*stored, "--distort", "rotation"]) == 2
    assert "Distortions need the pictures" in capsys.readouterr().err
    assert main([*stored, "--captions", "none"]) == 2
    assert "leave --captions out" in capsys.readouterr().err


def test_levels_can_be_given_by_their_share_of_signal_power(text_model, model, coloured, files, tmp_path):
    def level(file: Path, where: Path) -> int:
        arguments = ("--target", where, "--attack", "loss", "--set", "loss.t=abar:0.6563")
        return score([file], *arguments, out=tmp_path / "s.json")[0]["params"]["t"]

    assert level(files[0], model) == 200
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2  # the schedule of Stable Diffusion
    nearest = int(np.abs(np.cumprod(1 - betas) - 0.6563).argmin())
    assert level(coloured[0], text_model) == nearest
    bad = ["score", str(files[0]), "--target", str(model), "--attack", "loss", "--set", "loss.t=abar:2"]
    assert main(bad) == 2
