"""`audit` as a command: what it writes and prints, shards, thumbnails, refusals, and being killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mia_viz.audit.run import Tally
from mia_viz.cli import main
from mia_viz.commands.audit import line, shard
from tests.pictures.scans import dicom

ROOT = Path(__file__).resolve().parents[2]
LONG = pytest.mark.skipif(not os.environ.get("MIA_VIZ_LONG"), reason="only with MIA_VIZ_LONG=1")


def audit(model, images, out, *arguments) -> int:
    return main(["audit", "--target", str(model), "--images", str(images), "--out", str(out), *map(str, arguments)])


def table(out: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(file) for file in sorted((out / "parts").glob("*.parquet"))])


def test_scores_are_those_of_score(model, files, tmp_path, capsys):
    attacks = ("--attack", "loss,secmi", "--seed", "3")
    assert audit(model, files[0].parent, tmp_path / "out", *attacks, "--part", 7) == 0
    printed = capsys.readouterr().out
    assert main(["score", *map(str, files), "--target", str(model), *attacks, "--json", str(tmp_path / "s.json")]) == 0
    rows = {(row["image"], row["attack"]): row for row in json.loads((tmp_path / "s.json").read_text())}
    for row in table(tmp_path / "out").to_pylist():
        for attack in ("loss", "secmi"):
            other = rows[row["id"], attack]
            assert row[f"{attack}.raw"] == pytest.approx(other["raw"], rel=1e-4)
            assert (row["sha256"], row[f"{attack}.nfe"]) == (other["sha256"], other["nfe"])
    assert "The network was busy" in printed
    assert "No p-values: there is no reference for this model." in printed
    assert (tmp_path / "out" / "summary.html").is_file()


def test_shards_leave_the_summary_to_the_last_call(model, files, tmp_path, capsys):
    common = ("--part", 4, "--batch", 4)
    for i in (1, 2):
        assert audit(model, files[0].parent, tmp_path / "out", *common, "--shard", f"{i}/2") == 0
        assert "the same command without --shard" in capsys.readouterr().out
        assert not (tmp_path / "out" / "summary.html").exists()
    assert audit(model, files[0].parent, tmp_path / "out", *common) == 0
    assert "Nothing was left to do. 20 were there already." in capsys.readouterr().out
    assert audit(model, files[0].parent, tmp_path / "whole", *common) == 0
    assert table(tmp_path / "out").equals(table(tmp_path / "whole"))
    assert (tmp_path / "out" / "summary.html").is_file()


def test_pictures_are_shown_only_when_asked(model, files, tmp_path):
    assert audit(model, files[0].parent, tmp_path / "out") == 0
    without = (tmp_path / "out" / "summary.html").read_text()
    assert audit(model, files[0].parent, tmp_path / "out", "--thumbnails") == 0
    assert (tmp_path / "out" / "summary.html").read_text().count("<img") == without.count("<img") + 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--images", "/nowhere"], "There is nothing at /nowhere."),
        (["--shard", "3/2"], "needs i/n"),
        (["--actors", "2"], "need --engine ray"),
        (["--workers", "0"], "at least 1"),
        (["--attack", "nonsense"], "no attack called"),
        (["--captions", "none"], "takes no captions"),
        (["--caption-column", "text"], "takes no captions"),
    ],
)
def test_refusals_are_one_sentence(model, files, tmp_path, capsys, arguments, words):
    assert audit(model, files[0].parent, tmp_path / "out", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


def test_an_empty_source_is_one_sentence(model, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert audit(model, tmp_path / "empty", tmp_path / "out") == 2
    assert "no picture to ask about" in capsys.readouterr().err


def test_a_dicom_folder_is_audited_and_what_is_left_out_is_said(model, tmp_path, capsys):
    scan = np.random.default_rng(5).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    images = tmp_path / "images"
    images.mkdir()
    (images / "IM000001").write_bytes(dicom(scan))
    (images / "IM000002").write_bytes(dicom(scan[0]))
    (images / "viewer.exe").write_bytes(b"MZ")
    assert audit(model, images, tmp_path / "out", "--slice", 0, "--prepare", "fit") == 0
    printed = capsys.readouterr().out
    assert "1 file was passed over as no picture that is read here (.exe: 1)." in printed
    assert "Scans of which only one slice was looked at: 1." in printed
    stack, single = table(tmp_path / "out").to_pylist()
    assert "Slice 0 of 0 to 2 was read." in stack["notes"]
    assert stack["pixels_sha256"] == single["pixels_sha256"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["left out"] == [line for line in printed.splitlines() if "passed over" in line or "Scans of" in line]
    assert "passed over" in (tmp_path / "out" / "summary.html").read_text()


def test_a_second_window_of_a_file_can_be_chosen(model, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    scan = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
    (images / "0-two.dcm").write_bytes(dicom(scan, WindowCenter=[400, 700], WindowWidth=[300, 500]))
    (images / "1-one.dcm").write_bytes(dicom(scan, WindowCenter=700, WindowWidth=500))
    asked = ("--prepare", "fit", "--window")
    assert audit(model, images, tmp_path / "first", *asked, "file") == 0
    assert audit(model, images, tmp_path / "second", *asked, "file 2") == 0
    first, only = table(tmp_path / "first").to_pylist()
    second, missing = table(tmp_path / "second").to_pylist()
    assert "(level 400, width 300)" in first["notes"]
    assert "(level 700, width 500)" in second["notes"]
    assert second["pixels_sha256"] == only["pixels_sha256"] != first["pixels_sha256"]
    assert missing["error"] == "There is no window 2 in this file; it brings 1."


def test_nothing_but_other_files_is_one_sentence(model, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "letter.doc").write_text("words")
    assert audit(model, tmp_path / "in", tmp_path / "out") == 2
    said = "There was no picture to ask about: 1 file was passed over as no picture that is read here (.doc: 1)."
    assert said in capsys.readouterr().err


def test_shards_are_read():
    assert shard("2/8") == (2, 8)


def test_a_progress_line():
    words = line(Tally(200, 1000, 10_000, 10.0, 9.6, 0.1))
    assert words == "1,200 of 10,000 pictures, 20 per second, 7 min left, network busy 96 % of the time"
    assert line(Tally(10, 0, None, 1.0, 0.5, 0.1)) == "10 pictures, 10 per second, network busy 50 % of the time"


def descendants(pid: int) -> list[int]:
    """Of all threads: each child is listed under the one that started it."""
    children = [c for file in Path(f"/proc/{pid}/task").glob("*/children") for c in file.read_text().split()]
    return [int(child) for child in children] + [c for child in children for c in descendants(int(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux")
@pytest.mark.parametrize(("kills", "attacks"), [(1, "loss,secmi"), pytest.param(20, "loss", marks=LONG)])
def test_a_killed_command_goes_on_where_it_was(model, files, tmp_path, kills, attacks):
    """Twenty kills with as little work as they need: one question per picture."""
    images, out, count = tmp_path / "images", tmp_path / "out", 60 + 30 * kills
    images.mkdir()
    for i in range(count):
        (images / f"{i:05d}.png").write_bytes(files[i % 20].read_bytes() if i % 9 else b"words")
    arguments = ["--target", str(model), "--images", str(images), "--attack", attacks, "--part", "3"]
    command = [sys.executable, "-m", "mia_viz", "audit", *arguments, "--batch", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    rng, counted = random.Random(8), []
    for _ in range(kills):
        before = len(list(out.glob("parts/*.parquet")))
        process = subprocess.Popen([*command, "--out", str(out)], env=environment, stderr=subprocess.DEVNULL)
        enough = before + rng.randint(1, 4)
        while len(list(out.glob("parts/*.parquet"))) < enough and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.04))  # anywhere within a part
        assert process.poll() is None, "the kill must find it at work"
        workers = descendants(process.pid)
        assert workers, "something must be decoding"
        process.send_signal(signal.SIGKILL)
        process.wait()
        counted.append(len(list(out.glob("parts/*.parquet"))))
        deadline = time.monotonic() + 20
        while any(map(alive, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(alive, workers)), "no worker may outlive the audit"
    assert counted == sorted(counted)
    assert audit(model, images, out, *arguments[4:], "--batch", 2) == 0
    assert audit(model, images, tmp_path / "whole", *arguments[4:], "--batch", 2) == 0
    assert table(out).equals(table(tmp_path / "whole"))
    assert len(table(out)) == count
