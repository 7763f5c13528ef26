"""Files that people bring to a running app, opened in processes apart (see `apart`), so that none of them ends it.

What comes back is what `files` gives, to the last bit. A scan stays open in a process of its own, which ends when
nobody holds the scan any more; of pictures nothing is left there.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mia_viz.pictures.apart import CrashedError, Helpers, Process, TooLongError
from mia_viz.pictures.files import HEAD, kind_of_scan, load_picture, open_volume
from mia_viz.pictures.picture import Picture, PictureError, View
from mia_viz.pictures.volume import Plane, Volume

AT_ONCE = 4
"""Files that are opened at the same time."""
SECONDS, SCAN_SECONDS = 30.0, 60.0
"""That opening an ordinary picture may take (the largest take ten on a busy machine), and a scan or one slice of it."""
IDLE_SECONDS = 30.0
"""Without work after which a process ends, unless it is the only one."""
MOST_SCANS = 32
"""Scans that are open at the same time."""
MANY = "Many scans are open here at the moment; please try again in a few minutes."
GONE = "The scan is no longer kept here; please open its file again."
SLICE_FAILED = "This slice could not be decoded, and the scan was closed; open its file again and choose another slice."


@lru_cache(maxsize=1)
def helpers() -> Helpers:
    """The processes that all visitors share."""
    return Helpers(AT_ONCE)


def warm() -> None:
    """Have a process at hand that has loaded what opens files, so that the next one does not wait for it."""
    with suppress(PictureError):
        apart(_load_libraries)


def thin() -> None:
    """End processes that nobody has needed for a while, but for one; to be called now and then."""
    helpers().thin(IDLE_SECONDS)


def apart(work: Callable[..., Any], *asked: Any, seconds: float = SCAN_SECONDS) -> Any:
    """work(*asked), a function that can be named, in a process apart. Raises what it raises, and PictureError."""
    try:
        return helpers().ask(work, *asked, seconds=seconds)
    except OSError as error:
        raise PictureError(str(error)) from error


def load_upload(source: str | os.PathLike[str] | bytes, name: str | None = None, view: View | None = None) -> Picture:
    """Like `mia_viz.pictures.files.load_picture`."""
    return apart(load_picture, source, name, view, seconds=SCAN_SECONDS if _is_scan(source) else SECONDS)


def open_upload(file: str | os.PathLike[str], name: str | None = None) -> Picture | Volume:
    """A picture, or a scan of which slices and windows can be chosen. The file may be removed afterwards.

    Raises PictureError, as every later look at a slice may.
    """
    if not _is_scan(file):
        return load_upload(file, name)
    if len(_opened()) >= MOST_SCANS:
        raise PictureError(MANY)
    try:
        volume, process = helpers().keep(_open_scan, file, name, seconds=SCAN_SECONDS)
    except OSError as error:
        raise PictureError(str(error)) from error

    def plane(axis: int, index: int) -> Plane:
        if not process.sound:
            raise PictureError(GONE)
        try:
            return process.ask(_plane, axis, index, seconds=SCAN_SECONDS)
        except (CrashedError, TooLongError) as error:
            raise PictureError(SLICE_FAILED) from error

    opened = replace(volume, plane=plane)
    weakref.finalize(opened, Process.end, process)
    _opened().add(opened)
    threading.Thread(target=warm, daemon=True, name="next-upload").start()
    return opened


@lru_cache(maxsize=1)
def _opened() -> weakref.WeakSet[Volume]:
    """The scans that somebody holds."""
    return weakref.WeakSet()


def _is_scan(source: str | os.PathLike[str] | bytes) -> bool:
    """Whether a file is a scan by its first bytes; what cannot be read is none."""
    if isinstance(source, bytes):
        return bool(kind_of_scan(source))
    try:
        if not Path(source).is_file():  # a pipe could go on for ever
            return False
        with open(source, "rb") as file:
            return bool(kind_of_scan(file.read(HEAD)))
    except OSError:
        return False


def _load_libraries() -> None:
    """In the process apart."""
    from mia_viz.pictures import dicom, nifti, numpy_file, series  # noqa: F401


_scan: list[Volume] = []
"""In the process apart: the scan that it was given to."""


def _open_scan(file: str | os.PathLike[str], name: str | None) -> Volume:
    """In the process apart: open a scan for good, and all of it that is no function."""
    volume = open_volume(file, name)
    _scan[:] = [volume]
    return replace(volume, plane=None)


def _plane(axis: int, index: int) -> Plane:
    """In the process apart: a slice of its scan."""
    return _scan[0].plane(axis, index)
