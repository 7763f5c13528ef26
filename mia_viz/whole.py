"""Writing files and folders whole or not at all: what was there before stays until the new one is complete."""

from __future__ import annotations

import errno
import glob
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

NOT_WRITTEN = "could not be written; the disk may be full"


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to, which takes its place at the end of the block.

    The block should do nothing else: when it fails nothing of it stays, the file is as it was, and the errors that
    torch (RuntimeError) and safetensors have for a file that cannot be written become OSError, which is raised.
    Several may write one file at once, each beside the others. The path's name begins with a dot, so that readers of a
    whole folder pass it over, and what writers of this file left behind when they were killed is removed.
    """
    try:
        held, partial = _beside(file)
    except OSError as error:
        raise as_os_error(error, file) from error
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())  # else a power cut could leave the new name with nothing in it
        os.replace(partial, file)
    except BaseException as error:
        raise as_os_error(error, file) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        os.close(held)
    _remove_left_behind(file)


def _beside(file: Path) -> tuple[int, Path]:
    """An open, locked, empty file of a new name beside another, and its path."""
    while True:
        partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}.partial")
        held = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        _lock(held, wait=True)
        if partial.exists():  # else somebody took it for one that was left behind, before it was locked
            return held, partial
        os.close(held)


def _remove_left_behind(file: Path) -> None:
    """Remove what writers of a file left who were killed: a living one holds a lock on its own."""
    for partial in file.parent.glob(f".{glob.escape(file.name)}.*.partial"):
        try:
            held = os.open(partial, os.O_RDWR)
        except OSError:  # gone in between, or another user's
            continue
        with suppress(OSError):
            if _lock(held, wait=False):
                partial.unlink(missing_ok=True)
        os.close(held)


def _lock(held: int, wait: bool) -> bool:
    """Lock an open file until it is closed; False where another process holds it, or where locks are unknown."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held by another; or a file system without locks, where nothing is ever taken for left behind
        return False
    return True


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to write into, which takes its place at the end of the block; else as `whole_file`."""
    partial, old = (folder.with_name(f"{folder.name}.{word}") for word in ("partial", "old"))
    if old.exists() and not folder.exists():  # killed between the two renames below
        os.replace(old, folder)
    for left in (partial, old):
        shutil.rmtree(left, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        for file in (file for file in partial.rglob("*") if file.is_file()):
            with file.open("rb") as written:
                os.fsync(written.fileno())
        if folder.exists():
            os.replace(folder, old)
        os.replace(partial, folder)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        raise as_os_error(error, folder) from error
    shutil.rmtree(old, ignore_errors=True)


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file so that no reader ever sees half of it."""
    with whole_file(file) as partial:
        partial.write_bytes(content)


def write_new(file: Path, content: bytes) -> bool:
    """Write a file that is not there yet, whole; False where somebody else wrote one first, which stays."""
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", suffix=".partial", dir=file.parent) as folder:
        new = Path(folder) / file.name
        write_bytes(new, content)
        try:
            os.link(new, file)
        except FileExistsError:
            return False
        except OSError:  # a file system without links: of two that come at the same moment the later one stays
            if file.exists():
                return False
            os.replace(new, file)
    return True


def write_arrays(file: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write arrays as a compressed .npz without pickles, with `facts` as JSON under the name "facts"."""
    import numpy as np  # here, since the command line writes files whole before anything heavy is needed

    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as partial, partial.open("wb") as opened:
        np.savez_compressed(opened, facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), **arrays)


def as_os_error(error: BaseException, file: Path) -> BaseException:
    """What a failed write is reported as: an OSError that names the file; anything that is no failed write as it is."""
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror or NOT_WRITTEN, str(file))
    if type(error) is RuntimeError or type(error).__name__ == "SafetensorError":
        return OSError(errno.EIO, NOT_WRITTEN, str(file))
    return error
