"""The private folder: its owner's alone, cleaned up after runs that were killed; and a log that names nothing."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from mia_viz.private import remove_left_behind
from mia_viz.serving.visitors import Visitors
from mia_viz.ui import housekeeping, log
from mia_viz.ui.housekeeping import GRACE_SECONDS, IDLE_SECONDS, Housekeeping

ROOT = Path(__file__).resolve().parents[2]
HOLDS = "import time; from mia_viz.private import private_folder; print(private_folder(), flush=True); time.sleep(60)"


def holder(parent: Path) -> tuple[subprocess.Popen, Path]:
    """A process with a private folder, in which something lies."""
    environment = {**os.environ, "TMPDIR": str(parent)}
    environment.pop("GRADIO_TEMP_DIR", None)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    folder = Path(process.stdout.readline().strip())
    (folder / "upload.png").write_text("a picture")
    return process, folder


def test_what_a_killed_run_left_is_removed_and_what_a_running_one_has_is_not(tmp_path):
    process, folder = holder(tmp_path)
    (tmp_path / "mia-viz-others").mkdir(mode=0o755)
    try:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        remove_left_behind(tmp_path)
        assert (folder / "upload.png").exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "upload.png").exists()
        remove_left_behind(tmp_path)
        assert [f.name for f in tmp_path.iterdir()] == ["mia-viz-others"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_pages_end_when_they_are_closed_or_left_alone(tmp_path):
    now = [0.0]
    house = Housekeeping(Visitors(tmp_path, lambda: now[0]))
    for page in ("open", "closed", "back again", "left alone"):
        house.seen(page)
    with house.watching("open"):
        for page in ("closed", "back again"):
            with house.watching(page):
                pass
        with house.watching("back again"):
            now[0] = GRACE_SECONDS + 1
            assert house.over() == ["closed"]
        house.seen("open")
        now[0] = IDLE_SECONDS + 1
        assert set(house.over()) == {"closed", "back again", "left alone"}


def test_the_log_says_where_but_not_what(capsys, caplog):
    name = "Patient Mueller.dcm"
    try:
        try:
            Path(f"/nowhere/{name}").read_bytes()
        except OSError as error:
            raise RuntimeError(f"cannot read {name}") from error
    except RuntimeError as error:
        log.failure("a job failed", error)
        said = log.told(error)
    assert "RuntimeError at test_private.py:" in said
    assert "after FileNotFoundError at pathlib" in said
    assert "Mueller" not in said + caplog.text + "".join(capsys.readouterr())


def test_a_failing_handler_leaves_no_name_in_the_log(visit, own, caplog, capfd):
    """The small app's handler cannot read this as text; gradio would print the whole message."""
    from tests.serving.visit import file_data

    one = visit()
    path = one.upload("Patient Mueller.dcm", b"\xff\xfe\x00nonsense").json()[0]
    event_id = one.join(one.event("upload", "upload"), [file_data(path)]).json()["event_id"]
    ended = [m for m in one.messages() if m.get("event_id") == event_id and m["msg"] == "process_completed"]
    assert not ended[0]["success"]
    time.sleep(0.1)
    out, err = capfd.readouterr()
    assert "a handler failed: UnicodeDecodeError at" in caplog.text
    assert "Mueller" not in out + err + caplog.text
    assert "Mueller" not in str(ended)


def test_a_round_of_housekeeping_that_fails_is_not_the_last(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", 0.01)
    house, rounds, second = Housekeeping(Visitors(tmp_path)), [], threading.Event()

    def round_(blocks):
        rounds.append(blocks)
        if len(rounds) == 1:
            raise ValueError("mother.png")
        second.set()

    monkeypatch.setattr(house, "round", round_)
    house.start(None)
    assert second.wait(20)
    assert "a round of housekeeping ended early: ValueError at test_private.py" in caplog.text
    assert "mother" not in caplog.text
