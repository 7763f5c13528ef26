"""`sets`: a collection against unseen pictures, given or stored."""

from __future__ import annotations

import json

from mia_viz.cli import main


def test_sets_on_the_command_line(model, folders, tmp_path, world, capsys):
    out = tmp_path / "sets.json"
    common = ["sets", "--target", str(model), "--out", str(out)]
    assert main([*common, "--suspects", str(folders[0]), "--unseen", str(folders[1])]) == 0
    printed = capsys.readouterr().out
    content = json.loads(out.read_text())
    assert content["answer"] in printed
    assert (len(content["suspects"]), len(content["unseen"])) == (12, 16)
    assert content["power"] is None
    assert main([*common, "--suspects", str(folders[0])]) == 2
    assert main([*common, "--suspects", str(folders[0]), "--unseen", str(folders[1]), "--attack", "gradient"]) == 2
    assert main([*common, "--suspects", str(folders[0]), "--unseen", str(folders[0])]) == 2
    capsys.readouterr()
    assert main(["reference", "bundled", "toy-a", "--attack", "loss,noise_aggregation,fcre"]) == 0
    assert main(["sets", "--suspects", str(folders[0]), "--target", "toy-a", "--out", str(out)]) == 0
    assert len(json.loads(out.read_text())["unseen"]) == 12
