"""A full disk, and folders that must not be written to: one sentence, nothing half-written, nothing lost."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mia_viz.cli import main
from tests.reliability.test_killed import hashes

DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: writing fails in the middle, as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def ordinary_rights() -> Iterator[None]:
    """Without root's right to write where nobody may (capabilities of this thread, given back afterwards)."""
    if os.geteuid() != 0:
        yield
        return
    if not sys.platform.startswith("linux"):
        pytest.skip("As root, rights of folders can be tested on Linux only.")
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    rights = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    assert libc.capget(head, rights) == 0
    effective = rights[0]
    rights[0] = effective & ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH)
    assert libc.capset(head, rights) == 0
    try:
        yield
    finally:
        rights[0] = effective
        assert libc.capset(head, rights) == 0


def refused(capsys, arguments: list[str]) -> str:
    """The one sentence a command ends with."""
    capsys.readouterr()
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("mia-viz: ")
    assert err.count("\n") == 1, err
    assert err.endswith(".\n")
    return err


@pytest.fixture
def commands(model, reference, known, build, train, tmp_path) -> dict[str, tuple[list[str], Path]]:
    """Everything that writes: its arguments, and the folder it writes to, in which an older result lies."""
    picture = str(next(Path(known[1]).iterdir()))
    target = ["--target", str(model)]
    folders = {name: tmp_path / name for name in ("reference", "report", "score", "train", "users")}
    for folder in folders.values():
        folder.mkdir()
    arguments = {
        "reference": [*build, "--fresh", "--out", str(folders["reference"] / "own.safetensors")],
        "report": ["report", picture, *target, "--reference", str(reference), "--out", str(folders["report"])],
        "score": ["score", picture, *target, "--attack", "loss", "--json", str(folders["score"] / "scores.json")],
        "train": [*train, "--out", str(folders["train"])],
    }
    return {name: (line, folders[name]) for name, line in arguments.items()}


@pytest.mark.parametrize(
    ("name", "most", "old"),
    [
        ("reference", 900, "own.safetensors"),
        ("report", 20_000, "report.html"),
        ("score", 100, "scores.json"),
        ("train", 10_000, "state.pt.keep"),
    ],
)
def test_a_full_disk(name, most, old, commands, capsys):
    arguments, folder = commands[name]
    (folder / old).write_text("what was there before")
    before = hashes(folder)
    with full_disk(most):
        sentence = refused(capsys, arguments)
    assert hashes(folder) == before
    assert any(word in sentence for word in ("File too large", "disk may be full", "No space")), sentence
    assert main(arguments) == 0


def test_an_audit_on_a_full_disk_goes_on_when_there_is_room(model, known, tmp_path, capsys):
    out = tmp_path / "audit"
    arguments = ["audit", "--images", known[1], "--target", str(model), "--attack", "loss", "--out", str(out)]
    with full_disk(5_000):  # room for its settings, not for a part
        sentence = refused(capsys, arguments)
    assert "File too large" in sentence
    assert [f.name for f in (out / "parts").iterdir()] == []
    assert main(arguments) == 0
    assert [f.name for f in (out / "parts").iterdir()] == ["part-000000.parquet"]


@pytest.mark.parametrize("name", ["reference", "report", "score", "train"])
def test_a_folder_that_must_not_be_written_to(name, commands, capsys):
    arguments, folder = commands[name]
    folder.chmod(0o500)
    try:
        with ordinary_rights():
            sentence = refused(capsys, arguments)
    finally:
        folder.chmod(0o700)
    assert "Permission denied" in sentence
    assert list(folder.iterdir()) == []
