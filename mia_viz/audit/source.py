"""Where an audit's pictures come from: a walk over files, local or remote, that never holds more than one of them.

A folder is walked in the order of its names; in it, and given alone, a zip, tar (WebDataset) or Parquet file stands for
the pictures inside. Every picture has a *place*, its number in this walk: the same source gives the same places.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mia_viz.commands.known import SUFFIXES
from mia_viz.pictures.files import MAX_BYTES

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ZIPS, TARS, PARQUETS = (".zip",), (".tar", ".tar.gz", ".tgz"), (".parquet",)
CAPTION_BYTES = 100_000


@dataclass(frozen=True, eq=False)
class Item:
    """One picture as found: its place, a name, the bytes of its file, and the caption found beside it.

    data is None where error says in one sentence why there are none.
    """

    place: int
    id: str
    data: bytes | None
    caption: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Found:
    """One file of the source: its name within the source, its path in the file system, its bytes (-1 if unknown)."""

    name: str
    path: str
    size: int


@dataclass(frozen=True)
class Columns:
    """Names of Parquet columns; None for the usual ones."""

    image: str | None = None
    caption: str | None = None


@dataclass(frozen=True)
class Start:
    """Where a stretch of pictures begins: the place of its first one, the name of the file that holds it, and its
    number in that file."""

    place: int
    file: str = ""
    inside: int = 0


Reader = Callable[[], tuple[bytes | None, str | None, str]]
"""Gives (data, caption, error) of one picture; called only for places that are wanted."""


@dataclass(frozen=True)
class Source:
    """All pictures under a local path or an address that fsspec knows, such as s3://bucket/folder.

    captions: by name, told instead of those found beside the pictures; with them, every picture needs one.
    told: whether captions are looked for at all. Raises ValueError (one sentence) for an address that cannot be used.
    """

    where: str
    columns: Columns = Columns()
    captions: Mapping[str, str] | None = None
    told: bool = False
    system: AbstractFileSystem = field(init=False, repr=False, compare=False)
    root: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        import fsspec

        try:
            system, root = fsspec.core.url_to_fs(self.where)
            there = system.exists(root)
        except ImportError as error:
            kind = self.where.partition(":")[0]
            raise ValueError(f"Pictures at {kind}: need a further package: {error}.") from error
        except ValueError as error:
            raise ValueError(f"{self.where} is no address of pictures that can be read here.") from error
        if not there:
            raise ValueError(f"There is nothing at {self.where}.")
        object.__setattr__(self, "system", system)
        object.__setattr__(self, "root", root)

    def files(self, first: str = "") -> Iterator[Found]:
        """The files that hold pictures, in the order of their names, from the one named `first` on."""
        if not self.system.isdir(self.root):
            name = self.root.rstrip("/").rpartition("/")[2]
            yield Found(name, self.root, self.system.size(self.root) or -1)
            return
        walk = _walk_local if _is_local(self.system) else self._walk
        yield from walk(self.root.rstrip("/"), "", first)

    def _walk(self, folder: str, prefix: str, first: str) -> Iterator[Found]:
        head, _, rest = first.partition("/")
        entries = {entry["name"].rstrip("/").rpartition("/")[2]: entry for entry in self.system.ls(folder, detail=True)}
        for name in sorted(entries):
            entry = entries[name]
            if name.startswith(".") or not name or name < head:
                continue
            if entry["type"] == "directory":
                yield from self._walk(entry["name"].rstrip("/"), f"{prefix}{name}/", rest if name == head else "")
            elif _holds_pictures(name):
                yield Found(prefix + name, entry["name"], entry.get("size") or -1)

    def holds(self, folder: Path) -> bool:
        """Whether a folder of this machine lies among the pictures."""
        return _is_local(self.system) and folder.resolve().is_relative_to(Path(self.root).resolve())

    def fingerprint(self) -> str:
        """SHA-256 of the names and sizes of all files, and of all that decides what is read from them."""
        decided = (self.columns, self.told, sorted((self.captions or {}).items()))
        digest = hashlib.sha256(repr(decided).encode())
        for found in self.files():
            digest.update(f"{found.name}\t{found.size}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def count(self) -> int | None:
        """How many pictures there are; None where finding out would mean reading a remote archive through."""
        from mia_viz.audit import containers

        total = 0
        for found in self.files():
            kind = kind_of(found.name)
            if kind == "tar" and not _is_local(self.system):
                return None
            total += 1 if kind == "picture" else sum(1 for _ in containers.pictures(kind, self, found))
        return total

    def starts(self, size: int) -> tuple[list[Start], int]:
        """The first picture of every `size` ones, and how many pictures there are; no picture is read.

        A remote archive is walked through for it.
        """
        from mia_viz.audit import containers

        found_starts: list[Start] = []
        place = 0
        for found in self.files():
            kind = kind_of(found.name)
            number = 1 if kind == "picture" else sum(1 for _ in containers.pictures(kind, self, found))
            first = -(-place // size) * size
            found_starts += [Start(at, found.name, at - place) for at in range(first, place + number, size)]
            place += number
        return found_starts, place

    def items(
        self,
        wanted: Callable[[int], bool] = lambda place: True,
        start: Start | None = None,
        stop: int | None = None,
    ) -> Iterator[Item]:
        """The pictures whose place is wanted, in order; the bytes of others are not read.

        start: of these, the first one; files before it are passed over. stop: the place after the last one.
        Raises OSError when an archive's storage fails in the middle, since places after it would be wrong; a damaged
        archive is an item with an error.
        """
        from mia_viz.audit import containers

        start = start or Start(0)
        place = start.place - start.inside
        for found in self.files(start.file):
            kind = kind_of(found.name)
            alone = [(found.name, self._reader(found))]
            for name, read in alone if kind == "picture" else containers.pictures(kind, self, found):
                if stop is not None and place >= stop:
                    return
                if place >= start.place and wanted(place):
                    data, caption, error = read()
                    yield self._item(place, name, data, caption, error)
                place += 1

    def _item(self, place: int, name: str, data: bytes | None, caption: str | None, error: str) -> Item:
        if self.captions is None:
            return Item(place, name, data, caption, error)
        told = self.captions.get(name, self.captions.get(name.rpartition("/")[2]))
        if told is None and not error:
            data, error = None, "There is no caption of this picture in the file given."
        return Item(place, name, data, told, error)

    def _reader(self, found: Found) -> Reader:
        def read() -> tuple[bytes | None, str | None, str]:
            try:
                with self.open(found.path) as file:
                    data = file.read(MAX_BYTES + 1)
                return data, self._beside(found.path), ""
            except OSError as error:
                return None, None, f"This file cannot be read: {error.strerror or type(error).__name__}."

        return read

    def _beside(self, path: str) -> str | None:
        """The caption in a text file of the picture's name, if there is one."""
        text = path[: path.rfind(".")] + ".txt"
        if not self.told or not self.system.exists(text):
            return None
        with self.open(text) as file:
            return caption_text(file.read(CAPTION_BYTES))

    def open(self, path: str) -> BinaryIO:
        """A file of the source, for reading."""
        return self.system.open(path, "rb")


def kind_of(name: str) -> str:
    """What a file is by the end of its name: "zip", "tar", "parquet", or else "picture"."""
    low = name.lower()
    kinds = (("zip", ZIPS), ("tar", TARS), ("parquet", PARQUETS))
    return next((kind for kind, ends in kinds if low.endswith(ends)), "picture")


def caption_text(data: bytes) -> str | None:
    """A caption as stored in a text file; None where it is no UTF-8."""
    try:
        return " ".join(data.decode("utf-8-sig").split())
    except UnicodeDecodeError:
        return None


def _holds_pictures(name: str) -> bool:
    return name.lower().endswith((*SUFFIXES, *ZIPS, *TARS, *PARQUETS))


def _is_local(system: Any) -> bool:
    return "file" in ([system.protocol] if isinstance(system.protocol, str) else system.protocol)


def _walk_local(folder: str, prefix: str, first: str) -> Iterator[Found]:
    """Like Source._walk, holding nothing but the names of one folder; folders behind links are not entered."""
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    head, _, rest = first.partition("/")
    for name, is_folder in names:
        path = f"{folder}/{name}"
        if name.startswith(".") or name < head:
            continue
        if is_folder:
            yield from _walk_local(path, f"{prefix}{name}/", rest if name == head else "")
        elif _holds_pictures(name) and not os.path.isdir(path):
            yield Found(prefix + name, path, _size(path))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # a broken link; reading it will say so
        return -1
