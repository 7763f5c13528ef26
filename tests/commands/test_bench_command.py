"""`bench`: a table for people, figures for programs, published times and precisions beside one another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mia_viz.bench import Cost
from mia_viz.cli import main
from mia_viz.commands.bench_report import Bench, BenchRow, fastest
from mia_viz.precision import Kept

PARITY = Path(__file__).resolve().parents[1] / "data" / "parity"


def bench(*arguments: object) -> int:
    return main(["bench", "--device", "cpu", "--repeats", "1", *map(str, arguments)])


def test_bench_command(model, tmp_path, capsys):
    file, out = tmp_path / "bench.json", tmp_path / "out"
    arguments = ["--batch", 3, "--attack", "loss,sima", "--json", file, "--out", out]
    assert bench("--target", model, *arguments) == 0
    content = json.loads(file.read_text())
    assert (content["batch"], content["threads"], content["precision"]) == (3, 1, "float32")
    assert [cost["attack"] for cost in content["costs"]] == ["loss", "sima"]
    assert content["costs"][0]["ratio"] is None
    printed = capsys.readouterr().out
    assert "overhead" in printed
    assert "ratio" not in printed
    assert json.loads((out / "bench.json").read_text()) == content
    assert "| loss " in (out / "bench.md").read_text()


def test_every_attack_can_be_measured(model, capsys):
    quick = ["--set", "drc.levels=5", "--set", "drc.restorations=1", "--set", "pfami.crops=1"]
    assert bench("--target", model, "--batch", 1, *quick) == 0
    assert "gradient" in capsys.readouterr().out


def test_published_times_beside_ours(tmp_path, capsys):
    arguments = ["--compare", PARITY / "scores.json", "--attack", "sima", "--batch", 2, "--json", tmp_path / "b.json"]
    assert bench("--target", PARITY / "checkpoint.pt", *arguments) == 0
    costs = json.loads((tmp_path / "b.json").read_text())["costs"]
    published = json.loads((PARITY / "scores.json").read_text())["attacks"]
    assert [cost["attack"] for cost in costs] == ["sima.sima_sweep", "sima.sima_t100"]
    for cost in costs:
        theirs = published[cost["attack"]]
        assert cost["nfe"] == theirs["nfe_per_image"]
        assert cost["published_cpu"] == theirs["cpu_seconds_per_image"]
        assert cost["ratio"] == pytest.approx(cost["cpu"] / cost["published_cpu"])
    assert "published CPU ms" in capsys.readouterr().out


def test_precisions_on_bundled_pictures(world, tmp_path, capsys):
    arguments = ["--attack", "loss,secmi", "--precisions", "float32,bfloat16", "--pictures", 8]
    assert bench("--target", "toy-a", "--batch", 2, *arguments, "--out", tmp_path) == 0
    content = json.loads((tmp_path / "bench.json").read_text())
    assert [(c["attack"], c["precision"]) for c in content["costs"]] == [
        (name, precision) for precision in ("float32", "bfloat16") for name in ("loss", "secmi")
    ]
    first, other = content["costs"][0]["kept"], content["costs"][2]["kept"]
    assert (first["spearman"], first["unchanged"]) == (1, True)
    assert first["auc"] == first["auc_first"] == other["auc_first"]
    assert set(content["fastest"]) == {"loss", "secmi"}
    assert "Fastest unchanged precision" in (tmp_path / "bench.md").read_text()


def test_pictures_of_ones_own_are_ranked_without_auc(model, files, tmp_path, capsys):
    arguments = ["--target", model, "--attack", "loss", "--batch", 2, "--precisions", "float32,bfloat16"]
    found = []
    np.savez(tmp_path / "p.npz", images=np.stack([np.asarray(Image.open(f))[..., None] for f in files]))
    for place in (files[0].parent, tmp_path / "p.npz"):
        assert bench(*arguments, "--images", place, "--out", tmp_path) == 0
        kept = json.loads((tmp_path / "bench.json").read_text())["costs"][1]["kept"]
        assert kept["auc"] is None
        found.append(kept["spearman"])
    assert found[0] == found[1]  # the same pictures, the same noise
    assert bench(*arguments) == 0
    assert "Ranks were not compared" in capsys.readouterr().out


def test_the_fastest_precision_is_one_that_changes_nothing():
    def row(precision: str, cpu: float, unchanged: bool) -> BenchRow:
        kept = Kept(1.0, None, None, unchanged)
        return BenchRow(Cost("loss", 1, cpu, cpu, cpu, 0.0), precision, None, kept)

    rows = [row("float32", 3, True), row("bfloat16", 1, False), row("float16", 2, True)]
    for some, best in ((rows, "float16"), (rows[:2], "float32")):
        assert fastest(Bench("toy", {"clock": "CPU"}, tuple(some), ())) == {"loss": best}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--compare", "nowhere.json"), "There is no file"),
        (("--compare", PARITY / "flagfile.txt"), "--compare needs"),
        (("--compare", PARITY / "scores.json", "--attack", "drc"), "no entry"),
        (("--compare", PARITY / "scores.json", "--filter", "lowpass"), "published settings"),
        (("--precisions", "float32,float64"), "needs some of"),
        (("--precisions", "float32,float32"), "each once"),
        (("--precisions", "float32,float16", "--attack", "loss"), "CUDA"),
        (("--precisions", "float32,bfloat16", "--attack", "loss", "--images", PARITY / "images16.npz"), "8-bit"),
        (("--precisions", "float32,bfloat16", "--attack", "loss", "--images", "nowhere"), "no folder"),
        (("--out", PARITY / "scores.json"), "is a file"),
    ],
)
def test_refusals(arguments, said, model, capsys):
    assert bench("--target", model, "--batch", 1, *arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
