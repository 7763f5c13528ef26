"""The walk over a source's files, local or remote, in the order of their names; what holds no picture is passed by."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mia_viz.audit.reading import Passed
from mia_viz.pictures.named import SUFFIXES, is_picture_file, may_be_dicom

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CONTAINERS = {
    "zip": (".zip",),
    "tar": (".tar", ".tar.gz", ".tgz"),
    "parquet": (".parquet",),
    "arrow": (".arrow",),
}
KNOWN = (*SUFFIXES, *(end for ends in CONTAINERS.values() for end in ends))
CACHE = "cache-"
"""Beginning of the Arrow files in which Hugging Face datasets keep intermediate results; the data are in others."""
STAMPS = ("ETag", "etag", "md5Hash", "blob_id", "sha256", "mtime", "LastModified", "last_modified", "updated")
"""What file systems tell beside a size that changes with the content, those that depend on nothing else first."""


@dataclass(frozen=True)
class Found:
    """One file of the source: its name within the source, its path in the file system, its bytes (-1 if unknown).

    stamp: tells two contents of one size apart: time of change here, elsewhere what the storage has for it, "" for
    nothing. ordinary: no pipe or device, which could go on for ever.
    """

    name: str
    path: str
    size: int
    stamp: str = ""
    ordinary: bool = True


def kind_of(name: str) -> str:
    """What a file is by the end of its name: "zip", "tar", "parquet", "arrow", or else "picture"."""
    low = name.lower()
    return next((kind for kind, ends in CONTAINERS.items() if low.endswith(ends)), "picture")


def is_local(system: Any) -> bool:
    """Whether a file system is this machine's."""
    return "file" in ([system.protocol] if isinstance(system.protocol, str) else system.protocol)


def one(system: AbstractFileSystem, path: str) -> Found:
    """A source that is a single file."""
    name = path.rstrip("/").rpartition("/")[2]
    return _here(name, path) if is_local(system) else _there(name, {**system.info(path), "name": path})


def walk_remote(system: AbstractFileSystem, folder: str, prefix: str, first: str, passed: Passed) -> Iterator[Found]:
    """The files below a folder that hold pictures, from the one named `first` on, by nothing but lists of folders."""
    head, _, rest = first.partition("/")
    entries = {entry["name"].rstrip("/").rpartition("/")[2]: entry for entry in system.ls(folder, detail=True)}
    for name in sorted(entries):
        entry = entries[name]
        if name.startswith(".") or not name or name < head:
            continue
        if entry["type"] == "directory":
            inner = rest if name == head else ""
            yield from walk_remote(system, entry["name"].rstrip("/"), f"{prefix}{name}/", inner, passed)
        elif _known(name):
            yield _there(prefix + name, entry)
        else:
            passed(prefix + name)


def walk_local(folder: str, prefix: str, first: str, passed: Passed) -> Iterator[Found]:
    """Like `walk_remote`, holding nothing but the names of one folder; folders behind links are not entered.

    Files whose name says nothing are opened to see whether they are DICOM.
    """
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    head, _, rest = first.partition("/")
    for name, is_folder in names:
        path = f"{folder}/{name}"
        if name.startswith(".") or name < head:
            continue
        if is_folder:
            yield from walk_local(path, f"{prefix}{name}/", rest if name == head else "", passed)
        elif not (_known(name) or (may_be_dicom(name) and is_picture_file(path))):
            passed(prefix + name)
        elif not os.path.isdir(path):
            yield _here(prefix + name, path)


def _known(name: str) -> bool:
    """Whether a file holds pictures by its name."""
    low = name.lower()
    return low.endswith(KNOWN) and not (low.startswith(CACHE) and low.endswith(CONTAINERS["arrow"]))


def _here(name: str, path: str) -> Found:
    """One file of this machine; nothing is known of what a broken link leads to, and reading it will say so."""
    try:
        facts = os.stat(path)
    except OSError:
        return Found(name, path, -1)
    return Found(name, path, facts.st_size, str(facts.st_mtime_ns), stat.S_ISREG(facts.st_mode))


def _there(name: str, entry: Mapping[str, Any]) -> Found:
    stamp = next((str(entry[key]) for key in STAMPS if entry.get(key)), "")
    return Found(name, entry["name"], entry.get("size") or -1, stamp)
