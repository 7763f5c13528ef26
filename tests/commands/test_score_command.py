"""`score`: documented JSON, published numbers, p-values, and scores that depend on the picture alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mia_viz import reference
from mia_viz.attacks import get, names
from mia_viz.cli import main
from mia_viz.targets.analytic import Population

PARITY = Path(__file__).resolve().parents[1] / "data" / "parity"
KEYS = ["image", "sha256", "attack", "params", "filter", "score", "raw", "nfe", "seconds", "p_value"]
MORE_KEYS = ["target", "notes", "seed", "version", "caption"]
FAST = ["--set", "drc.levels=5", "--set", "drc.resamplings=1"]


def score(images, *arguments, out: Path) -> list[dict]:
    code = main(["score", *map(str, images), *map(str, arguments), "--json", str(out)])
    assert code == 0
    return json.loads(out.read_text())


def test_json_has_the_documented_keys(model, files, tmp_path, capsys):
    chosen = files[:2]
    rows = score(chosen, "--target", model, "--attack", "loss,fcre", "--seed", 3, out=tmp_path / "s.json")
    assert [(row["image"], row["attack"]) for row in rows] == [
        (file.name, attack) for file in chosen for attack in ("loss", "fcre")
    ]
    for row in rows:
        assert list(row) == KEYS + MORE_KEYS
        assert row["score"] == -row["raw"]
        assert (row["target"], row["seed"], row["filter"], row["p_value"]) == ("tiny", 3, "none", None)
    assert rows[0]["sha256"] == hashlib.sha256(chosen[0].read_bytes()).hexdigest()
    assert rows[0]["params"] == {"t": 200, "draws": 1, "space": "noise"}
    assert [row["nfe"] for row in rows[:2]] == [1, 13]
    assert "no reference for this model" in capsys.readouterr().out


def test_published_secmi_numbers(tmp_path):
    array = np.load(PARITY / "images16.npz")["images"]
    files = []
    for i, picture in enumerate(array):
        files.append(tmp_path / f"{i:02d}.png")
        Image.fromarray(picture).save(files[-1])
    checkpoint = PARITY / "checkpoint.pt"
    arguments = ("--target", checkpoint, "--attack", "secmi", "--set", "secmi.t=90")
    rows = score(files, *arguments, out=tmp_path / "s.json")
    published = json.loads((PARITY / "scores.json").read_text())["attacks"]["secmi.stat"]["scores"]
    np.testing.assert_allclose([row["raw"] for row in rows], published, rtol=1e-3)
    assert {row["nfe"] for row in rows} == {11}


def test_scores_depend_on_the_picture_alone(model, files, tmp_path):
    attacks = ("--target", model, "--attack", "loss,drc,noise_aggregation", *FAST)
    together = score(files, *attacks, out=tmp_path / "a.json")  # 20 files: two batches
    backwards = score(files[::-1], *attacks, out=tmp_path / "b.json")
    alone = score(files[18:19], *attacks, out=tmp_path / "c.json")
    by_key = {(row["image"], row["attack"]): row["raw"] for row in together}
    for row in backwards + alone:
        assert row["raw"] == pytest.approx(by_key[row["image"], row["attack"]], rel=1e-4, abs=1e-4)


def test_noise_by_position_follows_the_place_in_the_list(model, files, tmp_path):
    arguments = ("--target", model, "--attack", "loss", "--noise-key", "position")
    twice = score([files[0], files[0]], *arguments, out=tmp_path / "a.json")
    assert twice[0]["raw"] != twice[1]["raw"]
    late = score([files[1]] * 17 + [files[0]], *arguments, out=tmp_path / "b.json")
    again = score([files[1]] * 17 + [files[0]], *arguments, out=tmp_path / "c.json")
    assert late[17]["raw"] == again[17]["raw"] != twice[0]["raw"]


def test_settings_and_filter_reach_the_attack(model, files, tmp_path):
    base = ("--target", model, "--attack", "loss")
    plain = score(files[:1], *base, out=tmp_path / "a.json")[0]
    other = score(files[:1], *base, "--set", "loss.t=300", out=tmp_path / "b.json")[0]
    filtered = score(files[:1], *base, "--filter", "lowpass:r=2,s=0", out=tmp_path / "c.json")[0]
    assert other["params"]["t"] == 300
    assert other["raw"] != plain["raw"]
    assert filtered["filter"] == "lowpass:r=2,s=0"
    assert filtered["raw"] < plain["raw"]


@pytest.fixture
def known(model, files, tmp_path) -> Path:
    """A reference of 8 members and 12 hold-outs."""
    for name, some in (("in", files[:8]), ("out", files[8:])):
        (tmp_path / name).mkdir()
        for file in some:
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    file = tmp_path / "known.safetensors"
    folders = ["--members", str(tmp_path / "in"), "--holdouts", str(tmp_path / "out")]
    assert main(["reference", "build", "--target", str(model), *folders, "--attack", "loss", "--out", str(file)]) == 0
    return file


def test_p_value_is_the_rank_among_other_holdouts(model, files, known, tmp_path):
    rows = score(files, "--target", model, "--attack", "loss", "--reference", known, out=tmp_path / "s.json")
    values = np.array([row["score"] for row in rows])
    for i, row in enumerate(rows):
        others = values[[j for j in range(8, 20) if j != i]]  # a picture is never in its own reference
        expected = (1 + (others >= values[i]).sum()) / (len(others) + 1)
        assert row["p_value"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "change",
    [("--seed", 1), ("--noise-key", "position"), ("--set", "loss.t=201"), ("--filter", "band:lo=0.1,hi=1")],
)
def test_no_p_value_without_exactly_these_settings(model, files, known, change, tmp_path):
    arguments = ("--target", model, "--attack", "loss", "--reference", known, *change)
    assert score(files[:1], *arguments, out=tmp_path / "s.json")[0]["p_value"] is None


def test_no_p_value_for_other_weights(files, make_model, known, tmp_path, capsys):
    other = make_model(tmp_path / "other", seed=9)
    arguments = ("--target", other, "--attack", "loss", "--reference", known)
    assert score(files[:1], *arguments, out=tmp_path / "s.json")[0]["p_value"] is None
    assert "other weights" in capsys.readouterr().out


def test_p_values_of_a_bundled_model_need_no_flag(world, tmp_path):
    assert main(["reference", "bundled", "toy-a", "--attack", "loss"]) == 0
    file = world / "toy" / "pictures" / "0028.png"
    row = score([file], "--target", "toy-a", "--attack", "loss", out=tmp_path / "s.json")[0]
    stored = reference.load(world / "references" / "toy-a.safetensors")
    holdouts = stored.scores("loss", member=False)
    assert row["p_value"] == pytest.approx((1 + (holdouts >= row["score"]).sum()) / (len(holdouts) + 1))
    lower = ("--attack", "loss", "--precision", "bfloat16")
    assert score([file], "--target", "toy-a", *lower, out=tmp_path / "s.json")[0]["p_value"] is None


def test_all_leaves_out_what_cannot_be_used_and_says_so(files, make_model, tmp_path, capsys):
    short = make_model(tmp_path / "short", seed=0, steps=15)
    rows = score(files[:1], "--target", short, "--attack", "all", out=tmp_path / "s.json")
    assert {"loss", "secmi", "pia", "sima", "rediffuse"} <= {row["attack"] for row in rows}
    assert "drc" not in {row["attack"] for row in rows}
    assert (
        "drc was left out: It asks about noise level 20, and this model's levels end at 14." in capsys.readouterr().out
    )
    assert main(["score", str(files[0]), "--target", str(short), "--attack", "drc"]) == 2
    assert main(["score", str(files[0]), "--target", str(short), "--attack", "loss", "--set", "loss.t=15"]) == 2
    assert capsys.readouterr().err.endswith("loss: It asks about noise level 15, and this model's levels end at 14.\n")


@pytest.mark.parametrize("steps", [105, 200, 600])
def test_models_of_fewer_levels_are_asked_by_every_attack(files, make_model, tmp_path, steps):
    short, fast = make_model(tmp_path / "short", seed=0, steps=steps), ("--set", "drc.levels=5")
    rows = score(files[:1], "--target", short, "--attack", "all", *fast, out=tmp_path / "s.json")
    assert {row["attack"] for row in rows} == set(names()) - {"clid"}
    deepest = [get(row["attack"]).deepest(get(row["attack"]).Params(**row["params"])) for row in rows]
    assert max(deepest) < steps


def test_changes_to_a_picture_are_noted(model, tmp_path):
    Image.new("RGB", (40, 20), (200, 10, 10)).save(tmp_path / "red.png")
    arguments = ("--target", model, "--attack", "loss", "--prepare", "fit")
    row = score([tmp_path / "red.png"], *arguments, out=tmp_path / "s.json")[0]
    assert any("Shrunk" in note for note in row["notes"])


def test_attacks_and_targets_as_json(world, capsys):
    assert main(["attacks", "--json"]) == 0
    attacks = {attack["name"]: attack for attack in json.loads(capsys.readouterr().out)}
    assert attacks["drc"]["nfe"] == 240
    ratio = next(p for p in attacks["drc"]["parameters"] if p["name"] == "ratio")
    assert (ratio["default"], ratio["low"], ratio["high"]) == (0.15, 0.05, 0.6)
    assert main(["targets", "--json"]) == 0
    targets = json.loads(capsys.readouterr().out)
    assert [(t["name"], t["twin"]) for t in targets] == [
        ("toy-a", "toy-b"),
        ("toy-b", "toy-a"),
        ("toy-a-0002", None),
    ]


def test_attacks_are_listed_with_what_they_assume_and_what_they_suit(capsys):
    assert main(["attacks"]) == 0
    printed = capsys.readouterr().out
    assert main(["attacks", "--json"]) == 0
    listed = {attack["name"]: attack for attack in json.loads(capsys.readouterr().out)}
    assert set(listed) == set(names())
    for name, attack in listed.items():
        part = printed.split(f"{name}: {attack['title']}")[1].split("\n\n")[0]
        assert f"  Assumes {attack['assumes']}.\n" in part
        assert f"  Suits {attack['suits']}.\n" in part
    assert "pixels a side" in listed["fcre"]["suits"]
    assert "captions" in listed["clid"]["suits"]
    assert "weights" in listed["gradient"]["suits"]


@pytest.mark.parametrize("name", names())
def test_an_attack_that_suits_any_model_refuses_none_and_the_others_refuse_the_smallest(name):
    """4 x 4 pixels, no captions, no weights at hand."""
    refused = get(name).unusable(Population((1, 4, 4)))
    assert bool(refused) == (get(name).suits != "any diffusion model")


def test_a_filtered_score_is_placed_among_filtered_scores(world, files, tmp_path):
    assert main(["reference", "bundled", "toy-a", "--attack", "loss"]) == 0
    out = tmp_path / "out.json"
    common = ["score", str(files[0]), "--target", "toy-a", "--attack", "loss", "--json", str(out)]
    known = reference.load(world / "references" / "toy-a.safetensors")
    for key, extra in (("loss", []), ("loss lowpass:r=5,s=0.2", ["--filter", "lowpass:r=5,s=0.2"])):
        assert main([*common, *extra]) == 0
        row = json.loads(out.read_text())[0]
        holdouts = known.scores(key, member=False)
        assert row["p_value"] == (1 + (holdouts >= row["score"]).sum()) / (len(holdouts) + 1)


def test_nfe_of_a_run_add_up_to_what_was_asked(model, files, tmp_path):
    out = tmp_path / "out.json"
    assert main(["score", str(files[0]), "--target", str(model), "--attack", "pia,pian,secmi", "--json", str(out)]) == 0
    assert [row["nfe"] for row in json.loads(out.read_text())] == [2, 1, 11]


def test_what_shares_most_goes_first_and_rows_stay_in_the_order_asked_for(model, files, tmp_path):
    arguments = ("--target", model, "--attack", "loss,pfami,gradient")
    rows = score(files[:2], *arguments, out=tmp_path / "s.json")
    assert [(row["attack"], row["nfe"]) for row in rows] == [("loss", 1), ("pfami", 15), ("gradient", 10)] * 2
