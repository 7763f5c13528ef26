"""Files that hold many pictures: zip, tar (WebDataset) and Parquet (also as Hugging Face writes it).

Each gives (name, reader) per picture, in the order of the file. What is damaged is one more picture whose reader says
so; only storage that fails in the middle raises OSError.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from mia_viz.audit.source import CAPTION_BYTES, Found, Reader, Source, caption_text
from mia_viz.commands.known import SUFFIXES
from mia_viz.pictures.files import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

TOO_LARGE = f"This file is larger than {MAX_BYTES // 10**6} MB; save a smaller copy and use that."
DAMAGED = "The archive is damaged here, so what follows in it cannot be read."
CUT_OFF = "The archive has no end, so pictures may be missing here."
NOT_READ = "This file in the archive is damaged, protected by a password or packed in a way that is not known here."
IMAGE_COLUMNS = ("image", "img", "picture", "jpg", "png")
CAPTION_COLUMNS = ("caption", "text", "prompt")
ROWS = 16
PAGE = 1 << 20


def pictures(kind: str, source: Source, found: Found) -> Iterator[tuple[str, Reader]]:
    """The pictures of a container, without reading them."""
    with source.open(found.path) as file:
        if kind == "zip":
            yield from _of_zip(file, found.name)
        elif kind == "tar":
            yield from _of_tar(file, found.name)
        else:
            yield from _of_parquet(file, found.name, source)


def _broken(sentence: str) -> Reader:
    return lambda: (None, None, sentence)


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _of_zip(file: BinaryIO, name: str) -> Iterator[tuple[str, Reader]]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        yield name, _broken("This zip file is damaged.")
        return
    with archive:
        for info in archive.infolist():
            if info.filename.lower().endswith(SUFFIXES) and not _hidden(info.filename):
                yield f"{name}/{info.filename}", _zip_reader(archive, info)


def _zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Reader:
    def read() -> tuple[bytes | None, str | None, str]:
        if info.file_size > MAX_BYTES:
            return None, None, TOO_LARGE
        try:
            with archive.open(info) as member:
                data = member.read(MAX_BYTES + 1)
            beside = info.filename[: info.filename.rfind(".")] + ".txt"
            if beside not in archive.NameToInfo:
                return data, None, ""
            with archive.open(beside) as member:
                return data, caption_text(member.read(CAPTION_BYTES)), ""
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            return None, None, NOT_READ

    return read


def _of_tar(file: BinaryIO, name: str) -> Iterator[tuple[str, Reader]]:
    """Members in order; those of one key (all before the first dot of the file name) are a WebDataset sample.

    A plain tar is skipped through by its headers; a packed one has to be read through.
    """
    packed = not name.lower().endswith(".tar")
    try:
        archive = tarfile.open(fileobj=file, mode="r|*" if packed else "r:")  # noqa: SIM115 -- closed with `file`
    except (tarfile.TarError, EOFError, zlib.error):
        yield name, _broken("This tar file is damaged.")
        return
    sample, key = _Sample(), None
    while True:
        try:
            member = archive.next()
        except (tarfile.TarError, EOFError, zlib.error):
            yield from sample.pictures()
            yield name, _broken(DAMAGED)
            return
        archive.members.clear()  # else it keeps every header it has met
        if member is None:
            break
        place, _, last = member.name.rpartition("/")
        if (place, last.partition(".")[0]) != key:
            yield from sample.pictures()
            sample, key = _Sample(), (place, last.partition(".")[0])
        if member.isfile() and not _hidden(member.name):
            sample.add(archive, member, f"{name}/{member.name}", packed)
    yield from sample.pictures()
    if not packed and not _ended(file, archive.offset):
        yield name, _broken(CUT_OFF)


def _ended(file: BinaryIO, offset: int) -> bool:
    """Whether a tar ends with the empty block that every complete one has; packed ones have checksums instead."""
    file.seek(offset)
    return file.read(tarfile.BLOCKSIZE) == tarfile.NUL * tarfile.BLOCKSIZE


class _Sample:
    """The files of one key: its pictures, and the caption that may come before or after them."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Any]] = []
        self.caption: str | None = None

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, packed: bool) -> None:
        low = member.name.lower()
        if low.endswith(SUFFIXES):
            content = _member(archive, member) if packed else None
            self.found.append((name, content or (lambda: _member(archive, member))))
        elif low.endswith((".txt", ".cls", ".json")) and member.size <= CAPTION_BYTES:
            data, _ = _member(archive, member)
            told = None if data is None else caption_text(data)
            self.caption = _of_json(told) or self.caption if low.endswith(".json") else told

    def pictures(self) -> Iterator[tuple[str, Reader]]:
        for name, content in self.found:

            def read(content: Any = content) -> tuple[bytes | None, str | None, str]:
                data, error = content() if callable(content) else content
                return data, self.caption, error

            yield name, read


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[bytes | None, str]:
    """A member's bytes, or None and why there are none."""
    if member.size > MAX_BYTES:
        return None, TOO_LARGE
    try:
        opened = archive.extractfile(member)
        data = None if opened is None else opened.read()
    except (tarfile.TarError, EOFError, zlib.error):
        return None, NOT_READ
    return (data, "") if data is not None and len(data) == member.size else (None, NOT_READ)


def _of_json(text: str | None) -> str | None:
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    told = found.get("caption") if isinstance(found, dict) else None
    return told if isinstance(told, str) else None


def _of_parquet(file: BinaryIO, name: str, source: Source) -> Iterator[tuple[str, Reader]]:
    """One picture per row; a group of rows is opened only when one of its pictures is asked for."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(file, buffer_size=PAGE, pre_buffer=False)
        image = _image_column(table.schema_arrow, source.columns.image)
        caption = _caption_column(table.schema_arrow, source.columns.caption)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        yield name, _broken("This Parquet file is damaged.")
        return
    row = 0
    for group in range(table.num_row_groups):
        rows = _Rows(table, group, [image] + [caption] * (caption is not None))
        for place in range(table.metadata.row_group(group).num_rows):
            yield f"{name}#{row}", _row_reader(rows, place)
            row += 1


class _Rows:
    """One group of rows, read forward a few rows at a time."""

    def __init__(self, table: ParquetFile, group: int, columns: list[str]) -> None:
        self._open = lambda: table.iter_batches(batch_size=ROWS, row_groups=[group], columns=columns)
        self.columns = columns
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._batch: pa.RecordBatch | None = None
        self._start = 0

    def row(self, place: int) -> list[Any]:
        """The values of a row, one per column; rows must be asked for in order."""
        if self._batches is None:
            self._batches, self._batch, self._start = iter(self._open()), None, 0
        while self._batch is None or place >= self._start + self._batch.num_rows:
            self._start += 0 if self._batch is None else self._batch.num_rows
            self._batch = next(self._batches)
        # By name: a column picked from a struct or given twice keeps its place in the file.
        return [self._batch.column(name)[place - self._start].as_py() for name in self.columns]


def _row_reader(rows: _Rows, place: int) -> Reader:
    import pyarrow as pa

    def read() -> tuple[bytes | None, str | None, str]:
        try:
            values = rows.row(place)
        except (pa.ArrowException, OSError, StopIteration) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            return None, None, "This row of the Parquet file is damaged."
        found = values[0].get("bytes") if isinstance(values[0], dict) else values[0]
        told = None if len(values) == 1 or values[1] is None else str(values[1])
        if not isinstance(found, bytes):
            return None, told, "This row holds no bytes of a picture."
        return found, told, ""

    return read


def _image_column(schema: pa.Schema, asked: str | None) -> str:
    """The column of pictures: bytes, or a struct with bytes. Raises ValueError where there is none."""
    usable = [item.name for item in schema if _is_image(item.type)]
    if asked is not None and asked in usable:
        return asked
    if asked is None:
        for name in (*IMAGE_COLUMNS, *(usable if len(usable) == 1 else ())):
            if name in usable:
                return name
    there = ", ".join(usable) or "none"
    raise ValueError(f"No column of pictures is known; name it with --image-column (columns with bytes: {there}).")


def _is_image(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _caption_column(schema: pa.Schema, asked: str | None) -> str | None:
    if asked is None:
        return next((name for name in CAPTION_COLUMNS if name in schema.names), None)
    if asked not in schema.names:
        raise ValueError(f"There is no column {asked}; there are {', '.join(schema.names)}.")
    return asked
