"""Files that hold many pictures: zip here, tar in `tars`, Parquet and Arrow (Hugging Face data sets) in `tables`.

Each gives (name, reader) per picture, in the order of the file. What is damaged is one more picture whose reader says
so; only storage that fails in the middle raises OSError, and a table that ends its process PictureError.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from mia_viz.audit.reading import (
    CAPTION_BYTES,
    NOT_ORDINARY,
    Answer,
    Passed,
    Reader,
    broken,
    caption_text,
    hidden,
    limited,
    quiet,
)
from mia_viz.audit.tars import NOT_READ, of_tar
from mia_viz.audit.walk import Found, is_local, kind_of
from mia_viz.pictures.named import BESIDE, DICOM_HEAD, is_dicom, may_be_dicom, named_as_picture

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from mia_viz.audit.source import Source

TABLES = ("parquet", "arrow")
"""Read by native code, and so in a process apart; zip and tar are read by Python."""


def pictures(source: Source, found: Found, passed: Passed = quiet) -> Iterator[tuple[str, Reader]]:
    """The pictures of a container, without reading them."""
    if not found.ordinary:
        yield found.name, broken(NOT_ORDINARY)
        return
    kind, near = kind_of(found.name), is_local(source.system)
    if kind in TABLES and _seen_by_others(source.system):
        from mia_viz.audit import tables_apart

        yield from tables_apart.pictures(found, source)
        return
    with source.open(found.path) as file:
        if kind == "zip":
            yield from _of_zip(file, found.name, near, passed)
        elif kind == "tar":
            yield from of_tar(file, found.name, near, passed)
        else:
            from mia_viz.audit import tables  # pyarrow is loaded only where it is needed

            yield from (tables.of_parquet if kind == "parquet" else tables.of_arrow)(file, found, source)


def _seen_by_others(system: AbstractFileSystem) -> bool:
    """Whether another process sees the same files; not so those that this program keeps in its memory."""
    return "memory" not in ([system.protocol] if isinstance(system.protocol, str) else system.protocol)


def _of_zip(file: BinaryIO, name: str, near: bool, passed: Passed) -> Iterator[tuple[str, Reader]]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        yield name, broken("This zip file is damaged.")
        return
    with archive:
        for info in archive.infolist():
            if info.is_dir() or hidden(info.filename):
                continue
            if named_as_picture(info.filename) or (near and _is_dicom(archive, info)):
                yield f"{name}/{info.filename}", _zip_reader(archive, info)
            elif not info.filename.lower().endswith(BESIDE):
                passed(f"{name}/{info.filename}")


FAILS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)
"""What opening or reading a member raises where the archive is at fault; the last for a name in no alphabet."""


def _is_dicom(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Whether a member whose name does not say so is a DICOM file."""
    if not may_be_dicom(info.filename):
        return False
    try:
        with archive.open(info) as member:
            return is_dicom(member.read(DICOM_HEAD))
    except FAILS:
        return False


def _zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Reader:
    def read() -> Answer:
        try:
            with archive.open(info) as member:
                data, error = limited(member, info.file_size)
            beside = info.filename[: info.filename.rfind(".")] + ".txt"
            if data is None or beside not in archive.NameToInfo:
                return data, None, error
            with archive.open(beside) as member:
                return data, caption_text(member.read(CAPTION_BYTES)), ""
        except FAILS:
            return None, None, NOT_READ

    return read
