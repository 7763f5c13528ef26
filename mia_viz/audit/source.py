"""Where an audit's pictures come from: a walk over files, local or remote, that never holds more than one of them.

A folder is walked in the order of its names; in it, and given alone, a zip, tar (WebDataset) or Parquet file stands for
the pictures inside. Every picture has a *place*, its number in this walk: the same source gives the same places.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mia_viz.audit import containers
from mia_viz.audit.reading import (
    CAPTION_BYTES,
    NOT_ORDINARY,
    Answer,
    Passed,
    Reader,
    broken,
    caption_text,
    limited,
    quiet,
)
from mia_viz.audit.walk import Found, is_local, kind_of, one, walk_local, walk_remote

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PACKAGES = {
    "http": "aiohttp requests",
    "https": "aiohttp requests",
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
}
"""What must be installed to read addresses that begin so."""
READ_THROUGH = ("tar", "arrow")
"""Kinds of containers that tell what they hold only to those who read them from end to end."""
OUTSIDE = "This row names a file outside the folder of the pictures, which is not followed."
MOST_ENDS = 5


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
            needed = PACKAGES.get(kind, "")
            how = f"python -m pip install {needed}" if needed else str(error)
            raise ValueError(f"Pictures at {kind}: need a further package: {how}.") from error
        except ValueError as error:
            raise ValueError(f"{self.where} is no address of pictures that can be read here.") from error
        if not there:
            raise ValueError(f"There is nothing at {self.where}.")
        object.__setattr__(self, "system", system)
        object.__setattr__(self, "root", root)

    def files(self, first: str = "", passed: Passed = quiet) -> Iterator[Found]:
        """The files that hold pictures, in the order of their names, from the one named `first` on.

        passed: told the names of the others.
        """
        root = self.root.rstrip("/")
        if not self.system.isdir(self.root):
            yield one(self.system, self.root)
        elif is_local(self.system):
            yield from walk_local(root, "", first, passed)
        else:
            yield from walk_remote(self.system, root, "", first, passed)

    def holds(self, folder: Path) -> bool:
        """Whether a folder of this machine lies among the pictures."""
        return is_local(self.system) and folder.resolve().is_relative_to(Path(self.root).resolve())

    def fingerprint(self) -> str:
        """SHA-256 of the names, sizes and stamps of all files, and of all that decides what is read from them."""
        decided = (self.columns, self.told, sorted((self.captions or {}).items()))
        digest = hashlib.sha256(repr(decided).encode())
        for found in self.files():
            digest.update(f"{found.name}\t{found.size}\t{found.stamp}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def count(self) -> int | None:
        """How many pictures there are; None where finding out would mean reading a remote archive through."""
        total = 0
        for found in self.files():
            if kind_of(found.name) in READ_THROUGH and not is_local(self.system):
                return None
            total += sum(1 for _ in self._pictures(found))
        return total

    def passed_over(self) -> Counter[str]:
        """How many files were passed over, in folders and archives, by the ends of their names in small letters.

        Captions are not counted where they are told, nor what lies in archives that would be read through for it.
        """
        ends: Counter[str] = Counter()

        def passed(name: str) -> None:
            last = name.rpartition("/")[2].lower()
            if not (self.told and last.endswith(".txt")):
                ends[posixpath.splitext(last)[1]] += 1

        for found in self.files(passed=passed):
            kind = kind_of(found.name)
            if kind in ("zip", "tar") and is_local(self.system):
                for _ in containers.pictures(self, found, passed):
                    pass
        return ends

    def passed_words(self) -> str:
        """What was passed over, in one sentence; empty for nothing."""
        ends = self.passed_over()
        if not ends:
            return ""
        kinds = [f"{end or 'no ending'}: {count:,}" for end, count in ends.most_common(MOST_ENDS)]
        kinds += ["and others"] if len(ends) > MOST_ENDS else []
        files = "file was" if ends.total() == 1 else "files were"
        return f"{ends.total():,} {files} passed over as no picture that is read here ({', '.join(kinds)})."

    def starts(self, size: int) -> tuple[list[Start], int]:
        """The first picture of every `size` ones, and how many pictures there are; no picture is read.

        A remote archive is walked through for it.
        """
        found_starts: list[Start] = []
        place = 0
        for found in self.files():
            number = sum(1 for _ in self._pictures(found))
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
        Raises OSError when an archive's storage fails in the middle, and PictureError when a table ends its process
        (see `tables_apart`), since places after it would be wrong; a damaged archive is an item with an error.
        """
        start = start or Start(0)
        place = start.place - start.inside
        for found in self.files(start.file):
            for name, read in self._pictures(found):
                if stop is not None and place >= stop:
                    return
                if place >= start.place and wanted(place):
                    data, caption, error = read()
                    yield self._item(place, name, data, caption, error)
                place += 1

    def _pictures(self, found: Found) -> Iterator[tuple[str, Reader]]:
        if kind_of(found.name) == "picture":
            yield found.name, self._reader(found)
        else:
            yield from containers.pictures(self, found)

    def _item(self, place: int, name: str, data: bytes | None, caption: str | None, error: str) -> Item:
        if self.captions is None:
            return Item(place, name, data, caption, error)
        told = self.captions.get(name, self.captions.get(name.rpartition("/")[2]))
        if told is None and not error:
            data, error = None, "There is no caption of this picture in the file given."
        return Item(place, name, data, told, error)

    def _reader(self, found: Found) -> Reader:
        if not found.ordinary:
            return broken(NOT_ORDINARY)

        def read() -> Answer:
            data, error = self._bytes(found.path)
            try:
                return data, None if data is None else self._beside(found.path), error
            except OSError as error:
                return None, None, _cannot(error)

        return read

    def _bytes(self, path: str) -> tuple[bytes | None, str]:
        try:
            with self.open(path) as file:
                return limited(file)
        except OSError as error:
            return None, _cannot(error)

    def named(self, found: Found, path: str) -> tuple[bytes | None, str]:
        """The picture that a row of the file `found` names by its path, seen from that file, or why there is none.

        Nothing outside the source's folder (for a single file the folder it lies in) is ever opened.
        """
        folder = posixpath.dirname(found.path)
        root = self.root.rstrip("/") if self.system.isdir(self.root) else folder
        try:
            there = posixpath.normpath(posixpath.join(folder, path))
            if is_local(self.system):
                inside = Path(there).resolve().is_relative_to(Path(root).resolve())
            else:
                inside = f"{there}/".startswith(f"{root}/")
            if not inside:
                return None, OUTSIDE
            if not self.system.isfile(there):
                return None, "The file that this row names is not there."
        except (OSError, ValueError):  # names that no file can have
            return None, "The file that this row names is not there."
        return self._bytes(there)

    def _beside(self, path: str) -> str | None:
        """The caption in a text file of the picture's name, if there is one."""
        text = path[: path.rfind(".")] + ".txt"
        there = os.path.isfile if is_local(self.system) else self.system.exists
        if not self.told or not there(text):
            return None
        with self.open(text) as file:
            return caption_text(file.read(CAPTION_BYTES))

    def open(self, path: str) -> BinaryIO:
        """A file of the source, for reading."""
        return self.system.open(path, "rb")


def _cannot(error: OSError) -> str:
    return f"This file cannot be read: {error.strerror or type(error).__name__}."
