"""Pictures in the rows of Parquet and Arrow files, also as Hugging Face data sets write them.

A cell holds a picture's bytes, or {bytes, path}; a path is followed where there are no bytes, within the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from mia_viz.audit.pages import Chunk, directory, largest_page
from mia_viz.audit.reading import CAPTION_BYTES, Answer, Reader, broken
from mia_viz.audit.walk import Found, is_local
from mia_viz.pictures.limits import MAX_BYTES, MAX_SCAN_BYTES

if TYPE_CHECKING:
    from mia_viz.audit.source import Columns, Source

IMAGE_COLUMNS = ("image", "img", "picture", "jpg", "png")
CAPTION_COLUMNS = ("caption", "text", "prompt")
ROWS = 16
TOGETHER = 2 * MAX_BYTES
"""Bytes of pictures that are unpacked together, where the file leaves a choice."""
MOST_PAGE = MAX_SCAN_BYTES
BUFFER = 1 << 20
TOO_LARGE = (
    f"This row can only be unpacked with others, more than {MOST_PAGE // 10**6} MB at once; "
    "save the file in smaller groups of rows."
)
DAMAGED_ROW = "This row of the Parquet file is damaged."
ARROW_DAMAGED = "This Arrow file is damaged here, compressed or of a rare kind, so what follows in it cannot be read."
ARROW_FILE = b"ARROW1\0\0"
"""Beginning of an Arrow file; a stream without it follows."""


def of_parquet(file: BinaryIO, found: Found, source: Source) -> Iterator[tuple[str, Reader]]:
    """One picture per row; a group of rows is opened only when one of its pictures is asked for."""
    try:
        table = ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
        columns = _columns(table.schema_arrow, source.columns)
        sizes = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
        chunks = _chunks(file, len(sizes))
        if min(sizes, default=0) < 0 or 0 <= found.size < sum(sizes):  # a row takes a byte at least
            raise pa.ArrowInvalid("more rows than bytes")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        yield found.name, broken("This Parquet file is damaged.")
        return
    row = 0
    for group, size in enumerate(sizes):
        wanted = [chunk for chunk in chunks[group] if chunk.column in columns]
        rows = _Rows(table, group, size, columns, wanted, file if is_local(source.system) else None)
        for place in range(size):
            yield f"{found.name}#{row}", _reader(rows.row, place, found, source)
            row += 1


def _chunks(file: BinaryIO, groups: int) -> list[list[Chunk]]:
    try:
        found = directory(file)
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from error
    if len(found) != groups:
        raise pa.ArrowInvalid("another directory")
    return found


class TooLargeError(ValueError):
    """Rows that cannot be unpacked within limits."""


class _Rows:
    """One group of `size` rows, read forward a few rows at a time.

    chunks: what the directory says of the columns in this group.
    file: to look at its pages before they are unpacked; None where that would be slow, and the directory is believed.
    """

    def __init__(
        self, table: ParquetFile, group: int, size: int, columns: list[str], chunks: list[Chunk], file: BinaryIO | None
    ) -> None:
        self.table, self.group, self.size, self.columns = table, group, size, columns
        self.chunks, self.file = chunks, file
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._batch: pa.RecordBatch | None = None
        self._start = 0
        self._error: Exception | None = None

    def row(self, place: int) -> list[Any]:
        """The values of a row, one per column; rows must be asked for in order. Raises TooLargeError, and for
        damage pa.ArrowException, OSError, ValueError and StopIteration."""
        if self._error is not None:  # found once, not again for every row
            raise self._error
        if self._batches is None:
            try:
                self._batches = self._opened()
            except (pa.ArrowException, TooLargeError) as error:
                self._error = error
                raise
        while self._batch is None or place >= self._start + self._batch.num_rows:
            self._start += 0 if self._batch is None else self._batch.num_rows
            self._batch = next(self._batches)
        # By name: a column picked from a struct or given twice keeps its place in the file.
        return [self._batch.column(name)[place - self._start].as_py() for name in self.columns]

    def _opened(self) -> Iterator[pa.RecordBatch]:
        largest = max(self._at_once(), 1)
        if largest > MOST_PAGE:
            raise TooLargeError(TOO_LARGE)
        # One value may be as large as its page, and a page may give the same value again and again.
        few = min(ROWS, max(1, TOGETHER // largest))
        return self.table.iter_batches(batch_size=few, row_groups=[self.group], columns=self.columns)

    def _at_once(self) -> int:
        """Bytes that the columns' largest page unpacks to; where pages are not looked at, those of a mean row."""
        if self.file is None:
            return max((chunk.unpacked // max(1, self.size) for chunk in self.chunks), default=0)
        try:
            return max((largest_page(self.file, chunk) for chunk in self.chunks), default=0)
        except ValueError as error:
            raise pa.ArrowInvalid(str(error)) from error


def of_arrow(file: BinaryIO, found: Found, source: Source) -> Iterator[tuple[str, Reader]]:
    """One picture per row of an Arrow stream or file. Here it is mapped, so only rows that are asked for are read."""
    near = is_local(source.system)
    try:
        opened = pa.memory_map(found.path) if near else pa.PythonFile(file, "r")
        if opened.read(len(ARROW_FILE)) != ARROW_FILE:
            opened.seek(0)
        messages = pa.ipc.MessageReader.open_stream(opened)
        first = messages.read_next_message()
        if first.type != "schema":  # read as one all the same, which ends the program
            raise pa.ArrowInvalid("no schema")
        schema = pa.ipc.read_schema(first)
        columns = _columns(schema, source.columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError, StopIteration) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        yield found.name, broken("This Arrow file is damaged.")
        return
    row = 0
    while True:
        batch, sound = _next_batch(messages, schema, columns, max(found.size, 0))
        if not sound:
            yield found.name, broken(ARROW_DAMAGED)
        if batch is None:
            return

        def cells(place: int, batch: pa.RecordBatch = batch) -> list[Any]:
            return [batch.column(name)[place].as_py() for name in columns]

        for place in range(batch.num_rows):
            yield f"{found.name}#{row}", _reader(cells, place, found, source)
            row += 1


def _next_batch(
    messages: pa.ipc.MessageReader, schema: pa.Schema, columns: list[str], size: int
) -> tuple[pa.RecordBatch | None, bool]:
    """The next rows, None at the end, and whether they are sound: nothing checks offsets in them but this."""
    try:
        message = messages.read_next_message()
        if message.type != "record batch" or is_compressed(bytes(message.metadata)):
            return None, False
        batch = pa.ipc.read_record_batch(message, schema)
        if size and batch.num_rows > size:
            return None, False
        for name in columns:
            batch.column(name).validate(full=True)
    except StopIteration:
        return None, True
    except (pa.ArrowException, OSError, ValueError, IndexError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return None, False
    return batch, True


def is_compressed(metadata: bytes) -> bool:
    """Whether the buffers of a record batch's message are compressed, so that their size says nothing about memory.

    Data sets are not written so. metadata: a flatbuffer (Apache Arrow format, Message.fbs). Raises ValueError and
    IndexError for a damaged one.
    """

    def number(place: int, size: int) -> int:
        if not 0 <= place <= len(metadata) - size:
            raise ValueError("outside the message")
        return int.from_bytes(metadata[place : place + size], "little")

    def field(table: int, which: int) -> int:
        """Where a field of a table lies, 0 where it has none: the table begins with the way back to its directory."""
        directory = table - int.from_bytes(metadata[table : table + 4], "little", signed=True)
        inside = 4 + 2 * which < number(directory, 2)
        offset = number(directory + 4 + 2 * which, 2) if inside else 0
        return table + offset if offset else 0

    header = field(number(0, 4), 2)
    return bool(header) and bool(field(header + number(header, 4), 3))


def _reader(cells: Callable[[int], list[Any]], place: int, found: Found, source: Source) -> Reader:
    """Reads one row, whose cells are the picture and, where there is such a column, the caption."""

    def read() -> Answer:
        try:
            values = cells(place)
        except TooLargeError as error:
            return None, None, str(error)
        except (pa.ArrowException, OSError, ValueError, StopIteration) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            return None, None, DAMAGED_ROW
        told = None if len(values) == 1 or values[1] is None else str(values[1])[:CAPTION_BYTES]
        data, path = (values[0].get("bytes"), values[0].get("path")) if isinstance(values[0], dict) else (values[0], "")
        if isinstance(data, bytes):
            return data, told, ""
        if not isinstance(path, str) or not path:
            return None, told, "This row holds no bytes of a picture."
        data, error = source.named(found, path)
        return data, told, error

    return read


def _columns(schema: pa.Schema, asked: Columns) -> list[str]:
    """Names of the columns of pictures and, where there is one, of captions. Raises ValueError."""
    caption = _caption_column(schema, asked.caption)
    return [_image_column(schema, asked.image)] + [caption] * (caption is not None)


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
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _caption_column(schema: pa.Schema, asked: str | None) -> str | None:
    if asked is None:
        return next((name for name in CAPTION_COLUMNS if name in schema.names), None)
    if asked not in schema.names:
        raise ValueError(f"There is no column {asked}; there are {', '.join(schema.names)}.")
    return asked
