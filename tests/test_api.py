"""The five lines for programmers give what the command line gives, and cost nothing until they are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mia_viz
from mia_viz.audit.run import Options
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


def test_run_audit_writes_the_same_scores(target, collected, three, tmp_path):
    end = mia_viz.run_audit(target, three, tmp_path / "out")
    table = part(tmp_path / "out", 0)
    assert end.done == 3
    np.testing.assert_allclose(table.column("loss.score").to_pylist(), mia_viz.score(collected), rtol=1e-6)
    assert table.column("loss.p_value").to_pylist() == [v.p_value for v in mia_viz.judge(collected)]


def part(folder: Path, number: int) -> pa.Table:
    return pq.read_table(folder / "parts" / f"part-{number:06d}.parquet")


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("three")
    for file in sorted(PICTURES.glob("*.png"))[:3]:
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_run_audit_opens_a_name_and_does_a_shard(three, tmp_path):
    small = Options(part=2, seed=4)
    first = mia_viz.run_audit("brain-a", three, tmp_path / "out", options=small, shard=(2, 2), device="cpu")
    assert (first.done, [file.name for file in (tmp_path / "out" / "parts").iterdir()]) == (1, ["part-000001.parquet"])
    rest = mia_viz.run_audit("brain-a", three, tmp_path / "out", options=small, device="cpu")
    assert (rest.done, rest.before) == (2, 1)


def test_run_audit_on_a_cluster_goes_on_with_the_same_table(target, three, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed; python -m pip install -r requirements-ray.txt")
    monkeypatch.setenv("MIA_VIZ_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    small = Options(part=2)
    mia_viz.run_audit(target, three, tmp_path / "here", options=small)
    mia_viz.run_audit(target, three, tmp_path / "both", options=small, shard=(1, 2))
    end = mia_viz.run_audit(
        "brain-a", three, tmp_path / "both", options=small, engine="ray", address="local", actors=1, device="cpu"
    )
    assert (end.done, end.before, end.total) == (1, 2, 3)
    for i in (0, 1):
        assert part(tmp_path / "both", i).equals(part(tmp_path / "here", i))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"engine": "ray"}, "each machine opens the model itself"),
        ({"engine": "spark"}, 'no engine "spark"'),
        ({"address": "auto"}, 'are for engine="ray"'),
        ({"actors": 2}, 'are for engine="ray"'),
        ({"shard": (3, 2)}, "no shard 3 of 2"),
    ],
)
def test_run_audit_refuses_in_one_sentence(target, three, tmp_path, asked, words):
    with pytest.raises(ValueError, match=words) as found:
        mia_viz.run_audit(target, three, tmp_path / "out", **asked)
    assert str(found.value).endswith(".")
    assert not (tmp_path / "out").exists()
