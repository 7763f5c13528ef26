"""How much a column of a Parquet file unpacks to at once, found from the heads of its pages before any is unpacked.

A page is unpacked whole, and nothing that the file's directory says limits its size. The directory is read here too,
because pyarrow ends the program when it is asked for a column whose part of the directory contradicts itself (Apache
Parquet format, parquet.thrift: FileMetaData and PageHeader).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from mia_viz.audit.thrift import Thrift

HEAD, LONGEST_HEAD = 256, 1 << 20
"""Bytes read of a page at first, and at most: a header may hold the smallest and largest value of its page."""
UNPACKED, PACKED = 2, 3
"""Fields of a page header."""
MARK = b"PAR1"
LONGEST_DIRECTORY = 1 << 26
PATH, VALUES, ALL_UNPACKED, ALL_PACKED, DATA, DICTIONARY = 3, 5, 6, 7, 9, 11
"""Fields of what the directory says of a column chunk."""
DIRECTORY = {
    4: [{1: [{3: {PATH: [bytes], VALUES: int, ALL_UNPACKED: int, ALL_PACKED: int, DATA: int, DICTIONARY: int}}]}]
}


@dataclass(frozen=True)
class Chunk:
    """The values of one column in one group of rows: name of the top-level column, place of the first page in the file,
    bytes as stored and unpacked, number of values."""

    column: str
    start: int
    packed: int
    unpacked: int
    values: int


def directory(file: BinaryIO) -> list[list[Chunk]]:
    """The chunks of every group of rows. Raises ValueError for a directory that cannot be read or is too long."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != MARK or length > min(size - 8, LONGEST_DIRECTORY):
        raise ValueError("no directory")
    file.seek(size - 8 - length)
    try:
        groups = Thrift(file.read(length)).fields(DIRECTORY).get(4, [])
        return [[_chunk(chunk[3]) for chunk in group[1]] for group in groups]
    except (IndexError, KeyError) as error:
        raise ValueError("no directory") from error


def _chunk(stated: dict[int, int | list[bytes]]) -> Chunk:
    start = stated[DATA]
    if 0 < stated.get(DICTIONARY, 0) < start:
        start = stated[DICTIONARY]
    name = stated[PATH][0].decode()
    return Chunk(name, start, stated[ALL_PACKED], stated[ALL_UNPACKED], stated[VALUES])


def largest_page(file: BinaryIO, chunk: Chunk) -> int:
    """Bytes of a column chunk's largest page once unpacked. Raises ValueError for a chunk that contradicts itself."""
    start, end, largest, pages = chunk.start, chunk.start + chunk.packed, 0, 0
    while start < end:
        unpacked, packed, used = _header(file, start)
        pages += 1
        if min(unpacked, packed) < 0 or pages > chunk.values + 2:
            raise ValueError("pages that cannot be")
        largest, start = max(largest, unpacked), start + used + packed
    return largest


def _header(file: BinaryIO, place: int) -> tuple[int, int, int]:
    """Bytes of the page at a place in the file: unpacked, as stored, and of its header."""
    size = HEAD
    while True:
        file.seek(place)
        head = Thrift(file.read(size))
        try:
            found = head.fields({UNPACKED: int, PACKED: int})
            return found[UNPACKED], found[PACKED], head.place
        except KeyError as error:
            raise ValueError("no page header") from error
        except IndexError:
            size *= 16
        if size > LONGEST_HEAD:
            raise ValueError("no page header")
