"""`--calibrate`: scores less those under a second model, measured and from stored references, and its refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mia_viz import reference
from mia_viz.cli import main

NAME = "loss less its score under toy-b"


def evaluated(tmp_path, *flags: str) -> dict:
    out = tmp_path / "out"
    arguments = ["evaluate", "--target", "toy-a", "--attack", "loss", "--controls", "none", "--out", str(out)]
    assert main([*arguments, *flags]) == 0
    return json.loads((out / "evaluation.json").read_text())


@pytest.fixture
def stored(world, capsys):
    """The toy world with references of all its targets."""
    assert main(["reference", "bundled", "--attack", "loss"]) == 0
    capsys.readouterr()
    return world


def test_evaluation_against_numbers_picked_by_hand(stored, tmp_path, capsys):
    content = evaluated(tmp_path, "--from-reference", "--calibrate", "toy-b")
    printed = capsys.readouterr().out
    own, other = (reference.load(stored / "references" / f"toy-{x}.safetensors") for x in "ab")
    scores = [dict(zip(r.names, r.columns["loss"].score, strict=True)) for r in (own, other)]

    def less(numbers: range) -> list[float]:
        return [scores[0][f"{i:04d}.png"] - scores[1][f"{i:04d}.png"] for i in numbers]

    members, holdouts = less(range(4, 10)), less(range(28, 34))  # group C only, never group B
    plain, row = content["attacks"]
    assert (plain["key"], plain["less"], plain["holdouts"]) == ("loss", None, 12)
    assert (row["key"], row["less"]) == (NAME, "toy-b")
    assert (row["members"], row["holdouts"], row["nfe"]) == (6, 6, 2)
    truth = [1] * 6 + [0] * 6
    assert row["auc"]["value"] == pytest.approx(roc_auc_score(truth, members + holdouts))
    threshold = np.nextafter(max(less(range(20, 28))), np.inf)  # 5 % of 8 calibration hold-outs: none
    assert row["tpr_at_5"] == np.mean(np.array(members) >= threshold)
    assert row["fpr_at_5"] == np.mean(np.array(holdouts) >= threshold)
    assert row["asr_calibrated"] is None
    own_scores = [scores[0][f"{i:04d}.png"] for i in (*range(4, 10), *range(28, 34))]
    expected = roc_auc_score(truth, members + holdouts) - roc_auc_score(truth, own_scores)
    assert content["auc_differences"][f"{NAME}, over loss on the same pictures"]["value"] == pytest.approx(expected)
    assert "6 hold-outs that neither model saw" in printed
    assert NAME in printed


def test_measuring_gives_what_is_stored(stored, tmp_path):
    kept = evaluated(tmp_path, "--from-reference", "--calibrate", "toy-b")["attacks"][1]
    fresh = evaluated(tmp_path, "--calibrate", "toy-b")["attacks"][1]
    assert fresh["auc"] == pytest.approx(kept["auc"])
    assert fresh["fpr_at_5"] == kept["fpr_at_5"]
    assert fresh["ms_per_image"] > 0


def test_a_second_model_that_saw_the_members_is_named(stored, tmp_path, capsys):
    evaluated(tmp_path, "--from-reference", "--calibrate", "toy-a-0002")
    assert "toy-a-0002 was trained on 6 of the 6 members too" in capsys.readouterr().out


def test_scores_of_pictures(stored, tmp_path, capsys):
    pictures = [str(stored / "toy" / "pictures" / f"{i:04d}.png") for i in (5, 21)]
    file = tmp_path / "scores.json"
    arguments = ["score", *pictures, "--target", "toy-a", "--attack", "loss,sima", "--json", str(file)]
    assert main([*arguments, "--calibrate", "toy-b"]) == 0
    rows = json.loads(file.read_text())
    assert [row["attack"] for row in rows[:4]] == ["loss", NAME, "sima", "sima less its score under toy-b"]
    assert main(["score", *pictures, "--target", "toy-b", "--attack", "loss,sima", "--json", str(file)]) == 0
    under = json.loads(file.read_text())
    own, other = (reference.load(stored / "references" / f"toy-{x}.safetensors") for x in "ab")
    first = other.columns["loss"].score[[other.names.index(f"{i:04d}.png") for i in range(20, 28)]]
    holdouts = own.columns["loss"].score[[own.names.index(f"{i:04d}.png") for i in range(20, 28)]] - first
    for i, n in ((0, 8), (1, 7)):  # the second picture is a calibration hold-out and leaves itself out
        row = rows[4 * i + 1]
        assert row["score"] == pytest.approx(rows[4 * i]["score"] - under[2 * i]["score"])
        assert row["raw"] == pytest.approx(-row["score"])
        assert row["nfe"] == 2
        others = np.delete(holdouts, 1) if i else holdouts
        assert row["p_value"] == (1 + np.sum(others >= row["score"] - 1e-9)) / (n + 1)
        assert rows[4 * i + 3]["p_value"] is None  # sima has no stored scores
    assert "assumes a second model" in capsys.readouterr().out


def test_own_folders(model, make_model, files, tmp_path, capsys):
    other = make_model(tmp_path / "other", seed=9)
    for name, some in (("in", files[:10]), ("out", files[10:])):
        (tmp_path / name).mkdir()
        for file in some:
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    folders = ["--members", str(tmp_path / "in"), "--holdouts", str(tmp_path / "out"), "--test-share", "0.5"]
    out = ["--controls", "none", "--out", str(tmp_path / "o")]
    common = ["--target", str(model), "--attack", "loss", "--calibrate", str(other)]
    assert main(["evaluate", *common, *folders, *out]) == 0
    printed = capsys.readouterr().out
    assert "loss less its score under other" in printed
    assert "taken to have seen none" in printed
    row = json.loads((tmp_path / "o" / "evaluation.json").read_text())["attacks"][1]
    assert row["asr_calibrated"] is not None  # all pictures were put to both models


def refused(capsys, *arguments: object) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_refusals(stored, make_model, files, tmp_path, capsys):
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    wide = tmp_path / "wide"
    unet = UNet2DModel(
        sample_size=32,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        norm_num_groups=8,
    )
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler()).save_pretrained(wide)
    score = ("score", files[0], "--target", "toy-a", "--attack", "loss")
    assert "1 x 32 x 32" in refused(capsys, *score, "--calibrate", wide)
    assert "its own scores" in refused(capsys, *score, "--calibrate", "toy-a")
    assert "no model called" in refused(capsys, *score, "--calibrate", "nothing")
    assert "needs --calibrate" in refused(capsys, *score, "--calibrate-reference", "x.safetensors")
    evaluate = ("evaluate", "--target", "toy-a", "--from-reference", "--out", tmp_path / "e", "--calibrate")
    assert "its own scores" in refused(capsys, *evaluate, "toy-a")
    assert "no reference" in refused(capsys, *evaluate, make_model(tmp_path / "stranger", seed=9))
    (stored / "references" / "toy-b.safetensors").unlink()
    assert "toy-b: There is no reference" in refused(capsys, *evaluate, "toy-b")
