"""The five lines for programmers give what the command line gives, and cost nothing until they are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import mia_viz
from mia_viz.cli import main

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "assets" / "brain" / "pictures"


@pytest.fixture(scope="module")
def target():
    return mia_viz.open_target("brain-a", device="cpu")


@pytest.fixture(scope="module")
def collected(target):
    return mia_viz.collect(target, mia_viz.load_pictures(PICTURES, target, most=3), "loss")


def test_importing_loads_nothing_heavy(tmp_path):
    code = (
        "import sys, mia_viz\n"
        "assert not {'torch', 'numpy', 'diffusers', 'gradio', 'pyarrow'} & set(sys.modules)\n"
        "assert {'collect', 'run_audit'} <= set(dir(mia_viz))\n"
        "try: mia_viz.nonsense\n"
        "except AttributeError: pass\n"
        "else: raise SystemExit('nonsense was found')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_numbers_are_those_of_the_command_line(collected, tmp_path):
    files = sorted(PICTURES.glob("*.png"))[:3]
    out = tmp_path / "s.json"
    arguments = ["--target", "brain-a", "--device", "cpu", "--attack", "loss", "--json", str(out)]
    assert main(["score", *map(str, files), *arguments]) == 0
    rows = json.loads(out.read_text())
    np.testing.assert_allclose(mia_viz.score(collected), [row["score"] for row in rows], rtol=1e-5)
    assert [verdict.p_value for verdict in mia_viz.judge(collected)] == [row["p_value"] for row in rows]
    assert list(collected.pictures.names) == [file.name for file in files]


def test_a_filter_costs_no_question(collected, target):
    again = mia_viz.collect(target, collected.pictures, "loss", filter="lowpass:r=5,s=0.2")
    np.testing.assert_allclose(mia_viz.score(collected, "lowpass:r=5,s=0.2"), mia_viz.score(again), rtol=1e-6)
    assert mia_viz.judge(collected, filter="lowpass:r=5,s=0.2")[0] == mia_viz.judge(again)[0]


def test_settings_reach_the_attack(target, collected):
    other = mia_viz.collect(target, collected.pictures, "loss", t=300, draws=2)
    assert other.evidence.timesteps == (300, 300)
    with pytest.raises(ValueError, match="settings and captions"):
        mia_viz.judge(other)
    with pytest.raises(ValueError, match="seed 0"):
        mia_viz.judge(mia_viz.collect(target, collected.pictures, "loss", seed=1))


def test_lists_limits_and_bad_pictures(target, tmp_path):
    files = sorted(PICTURES.glob("*.png"))[4:6]
    assert mia_viz.load_pictures(files, target).names == tuple(file.name for file in files)
    assert len(mia_viz.load_pictures([PICTURES, PICTURES], target, most=2)) == 2
    (tmp_path / "words.png").write_text("words")
    with pytest.raises(ValueError, match=r"words\.png: .*not a picture"):
        mia_viz.load_pictures(tmp_path, target)
    with pytest.raises(ValueError, match="There is no picture"):
        mia_viz.load_pictures([], target)


def test_run_audit_writes_the_same_scores(target, collected, tmp_path):
    pictures = tmp_path / "three"
    pictures.mkdir()
    for file in sorted(PICTURES.glob("*.png"))[:3]:
        (pictures / file.name).write_bytes(file.read_bytes())
    end = mia_viz.run_audit(target, pictures, tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "parts" / "part-000000.parquet")
    assert end.done == 3
    np.testing.assert_allclose(table.column("loss.score").to_pylist(), mia_viz.score(collected), rtol=1e-6)
    assert table.column("loss.p_value").to_pylist() == [v.p_value for v in mia_viz.judge(collected)]
