"""Writing files and folders whole or not at all: what was there before stays until the new one is complete."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

NOT_WRITTEN = "could not be written; the disk may be full"


@contextmanager
def whole_file(file: Path, partial: Path | None = None) -> Iterator[Path]:
    """A path beside `file` to write to, which takes its place at the end of the block.

    The block should do nothing else: when it fails nothing of it stays, the file is as it was, and the errors that
    torch (RuntimeError) and safetensors have for a file that cannot be written become OSError, which is raised.
    """
    partial = partial or file.with_name(f"{file.name}.partial")
    try:
        partial.open("wb").close()  # so that what forbids it is said by the system, not by a library
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())  # else a power cut could leave the new name with nothing in it
        os.replace(partial, file)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise as_os_error(error, file) from error


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to write into, which takes its place at the end of the block; else as `whole_file`."""
    partial, old = (folder.with_name(f"{folder.name}.{word}") for word in ("partial", "old"))
    for left in (partial, old):
        shutil.rmtree(left, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
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
