"""The command line as a process: help at once, exit codes, one sentence instead of a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import mia_viz
from mia_viz import cli

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "mia_viz"]
QUIET = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=QUIET, cwd=cwd)


def test_version_is_the_package_version():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert mia_viz.__version__ == stated


@pytest.mark.parametrize("command", [(), ("score",), ("audit",), ("train",), ("evaluate",), ("reference", "build")])
def test_help_loads_neither_torch_nor_numpy(command, tmp_path):
    code = (
        "import sys\n"
        "from mia_viz.cli import main\n"
        f"try: main([*{command!r}, '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'torch', 'diffusers', 'numpy', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=QUIET, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "usage: mia-viz" in done.stdout


def test_a_bad_picture_ends_with_one_sentence_and_exit_code_2(tmp_path):
    (tmp_path / "words.png").write_text("no picture")
    checkpoint = ROOT / "tests/data/parity/checkpoint.pt"
    done = run("score", "words.png", "--target", str(checkpoint), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("mia-viz: words.png: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


WRONG = """
nonsense
score
score x.png --seed -1
score x.png --seed a
score x.png --prepare twist
bench --batch 0
reference
train --out x
train --images x --out y --members 5:2
train --images x --out y --epochs 0
evaluate --test-share 2
"""


@pytest.mark.parametrize("line", WRONG.splitlines())
def test_wrong_arguments_end_with_one_sentence_and_exit_code_2(line, capsys):
    assert cli.main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith(".\n")


def test_an_interrupt_is_quiet(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("mia_viz.commands.attacks.run", interrupted)
    assert cli.main(["attacks"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_real_interrupt_is_quiet(tmp_path):
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job starts with it ignored
        "from mia_viz import cli\n"
        "def slow(arguments):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "cli.attacks.run = slow\n"
        "sys.exit(cli.main(['attacks']))\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code], env=QUIET, cwd=tmp_path, **pipes)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 130


def test_a_closed_pipe_is_quiet(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    pipes = {"stdout": writer, "stderr": subprocess.PIPE, "text": True}
    done = subprocess.run([*COMMAND, "attacks"], env=QUIET, cwd=tmp_path, **pipes)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_programming_error_is_not_hidden(monkeypatch):
    def broken(arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr("mia_viz.commands.attacks.run", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(["attacks"])
