"""Files and folders are written whole or not at all, also by several at once and after a kill."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mia_viz.audit.table import Manifest
from mia_viz.whole import whole_file, whole_folder, write_bytes, write_new

WAITS = """
import sys, time
from pathlib import Path
from mia_viz.whole import whole_file
with whole_file(Path(sys.argv[1])) as partial:
    print(partial, flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir())


def test_what_fails_leaves_nothing_and_what_was_there_stays(tmp_path):
    file = tmp_path / "scores.json"
    file.write_text("before")
    with pytest.raises(KeyError), whole_file(file) as partial:  # noqa: PT012
        partial.write_text("half")
        raise KeyError
    assert (names(tmp_path), file.read_text()) == (["scores.json"], "before")
    with pytest.raises(OSError, match="No such file"), whole_file(tmp_path / "none" / "x"):
        pass


def test_several_write_one_file_each_beside_the_others(tmp_path):
    file = tmp_path / "scores.json"
    with whole_file(file) as one, whole_file(file) as other:
        one.write_text("one")
        other.write_text("other")
        assert names(tmp_path) == sorted([one.name, other.name])
    assert (names(tmp_path), file.read_text()) == (["scores.json"], "one")


def test_only_what_a_killed_writer_left_is_removed(tmp_path):
    file = tmp_path / "scores.json"
    writers = [
        subprocess.Popen([sys.executable, "-c", WAITS, str(file)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        dead, alive = (Path(writer.stdout.readline().strip()) for writer in writers)
        writers[0].kill()
        writers[0].wait()
        write_bytes(file, b"third")
        assert (dead.exists(), alive.exists()) == (False, True)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            writer.stdout.close()


def test_the_first_of_several_new_files_stays(tmp_path):
    assert write_new(tmp_path / "a", b"first")
    assert not write_new(tmp_path / "a", b"second")
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"first")


def test_a_folder_killed_between_its_two_renames_is_not_lost(tmp_path):
    folder = tmp_path / "target"
    (tmp_path / "target.old").mkdir()
    (tmp_path / "target.old" / "weights").write_text("good")
    with pytest.raises(OSError, match="full"), whole_folder(folder):
        raise OSError(28, "full")
    assert (folder / "weights").read_text() == "good"
    assert names(tmp_path) == ["target"]


def _agree(folder: Path, start, said) -> None:
    start.wait()
    try:
        Manifest("pictures", {"attacks": ["loss"]}).agree(folder)
        said.put("agreed")
    except Exception as error:
        said.put(repr(error))


def test_shards_that_start_together_agree(tmp_path):
    """Four at once, ten times: one writes what is asked, the others compare with it."""
    start, said = multiprocessing.Barrier(4), multiprocessing.Queue()
    for k in range(10):
        folder = tmp_path / str(k)
        shards = [multiprocessing.Process(target=_agree, args=(folder, start, said)) for _ in range(4)]
        for shard in shards:
            shard.start()
        assert [said.get(timeout=60) for _ in shards] == ["agreed"] * 4
        for shard in shards:
            shard.join()
        assert os.listdir(folder) == ["audit.json"]
    with pytest.raises(ValueError, match="other attacks"):
        Manifest("pictures", {"attacks": ["pia"]}).agree(folder)
