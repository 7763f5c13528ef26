"""kill -9 in the middle of training, of building a reference and of writing a report: nothing whole is lost."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from mia_viz.cli import main
from mia_viz.reference import load

ROOT = Path(__file__).resolve().parents[2]
DIES = """
import os, signal, sys
left, replace = int(sys.argv[1]), os.replace
def dying(*places):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*places)
os.replace = dying
from mia_viz.cli import main
main(sys.argv[2:])
"""
"""A run that is killed at the moment when a file that is complete would take its place, after so many others."""


def killed(after: int, arguments: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", DIES, str(after), *arguments]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == -signal.SIGKILL, run.stderr


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def whole(folder: Path) -> list[str]:
    return [name for name in hashes(folder) if "partial" not in name]


def test_training_goes_on_where_it_was_and_ends_with_the_same_weights(train, tmp_path, capsys):
    undisturbed, broken = tmp_path / "undisturbed", tmp_path / "broken"
    assert main([*train, "--out", str(undisturbed)]) == 0
    killed(2, [*train, "--out", str(broken)])
    assert whole(broken) == ["state.pt"]
    capsys.readouterr()
    assert main([*train, "--out", str(broken)]) == 0
    assert "resumed at step 4 of 12" in capsys.readouterr().out
    weights = "target/unet/diffusion_pytorch_model.safetensors"
    assert hashes(broken)[weights] == hashes(undisturbed)[weights]
    assert whole(broken) == list(hashes(broken))


def test_a_reference_keeps_the_attacks_that_were_done(build, reference, tmp_path, capsys):
    file = tmp_path / "own.safetensors"
    killed(1, [*build, "--out", str(file)])
    kept = load(file)
    assert [key.split()[0] for key in kept.columns] == ["loss"]
    capsys.readouterr()
    assert main([*build, "--out", str(file)]) == 0
    assert "loss: kept" in capsys.readouterr().out
    done, undisturbed = load(file), load(reference)
    assert {k: c.score.tolist() for k, c in done.columns.items()} == {
        k: c.score.tolist() for k, c in undisturbed.columns.items()
    }
    assert whole(tmp_path) == list(hashes(tmp_path))


def test_an_older_report_stays_whole(model, reference, known, tmp_path, capsys):
    picture = next(Path(known[1]).iterdir())
    arguments = ["report", str(picture), "--target", str(model), "--reference", str(reference), "--out", str(tmp_path)]
    assert main(arguments) == 0
    before = hashes(tmp_path)
    other = next(Path(known[3]).iterdir())
    killed(0, [arguments[0], str(other), *arguments[2:]])
    assert {name: h for name, h in hashes(tmp_path).items() if name in before} == before
    verify = ["verify", str(tmp_path / "report.json"), "--target", str(model), "--reference", str(reference)]
    assert main(verify) == 0
    killed(2, [arguments[0], str(other), *arguments[2:]])  # the PDF and the page are new, the JSON is not
    assert main(verify) == 1
    assert "report.html beside it is of another report" in capsys.readouterr().out
    assert main([arguments[0], str(other), *arguments[2:]]) == 0
    assert main(verify) == 0
    after = hashes(tmp_path)
    assert list(after) == list(before)
    assert all(after[name] != before[name] for name in before)
