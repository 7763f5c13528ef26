"""`bench`: a table for people and figures for programs."""

from __future__ import annotations

import json

from mia_viz.cli import main


def test_bench_command(model, tmp_path, capsys):
    file = tmp_path / "bench.json"
    arguments = ["--batch", "3", "--attack", "loss,sima", "--repeats", "2", "--json", str(file)]
    assert main(["bench", "--target", str(model), "--device", "cpu", *arguments]) == 0
    content = json.loads(file.read_text())
    assert (content["batch"], content["threads"], content["precision"]) == (3, 1, "float32")
    assert [cost["attack"] for cost in content["costs"]] == ["loss", "sima"]
    assert "overhead" in capsys.readouterr().out
