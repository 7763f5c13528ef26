"""How much a column of a Parquet file unpacks to at once, found from the heads of its pages before any is unpacked.

A page is unpacked whole, and nothing that the file's own directory says limits its size. Page headers are in Thrift's
compact protocol (Apache Parquet format, parquet.thrift, PageHeader).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData

HEAD, LONGEST_HEAD = 256, 1 << 20
"""Bytes read of a page at first, and at most: a header may hold the smallest and largest value of its page."""
BOOLEANS, BYTE, INTEGERS, DOUBLE, BINARY, LISTS, MAP, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 11, 12
UNPACKED, PACKED = 2, 3
"""Fields of a page header."""
DEEPEST = 8


def largest_page(file: BinaryIO, chunk: ColumnChunkMetaData) -> int:
    """Bytes of a column chunk's largest page once unpacked. Raises ValueError for a chunk that contradicts itself."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    end, largest, pages = start + chunk.total_compressed_size, 0, 0
    while start < end:
        unpacked, packed, used = _header(file, start)
        pages += 1
        if min(unpacked, packed) < 0 or pages > chunk.num_values + 2:
            raise ValueError("pages that cannot be")
        largest, start = max(largest, unpacked), start + used + packed
    return largest


def _header(file: BinaryIO, place: int) -> tuple[int, int, int]:
    """Bytes of the page at a place in the file: unpacked, as stored, and of its header."""
    size = HEAD
    while True:
        file.seek(place)
        try:
            return Thrift(file.read(size)).page()
        except IndexError:
            size *= 16
        if size > LONGEST_HEAD:
            raise ValueError("no page header")


class Thrift:
    """A reader of Thrift's compact protocol; IndexError at the end of the bytes, ValueError for what is none."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def page(self) -> tuple[int, int, int]:
        """(unpacked, packed, bytes of the header) of a page header."""
        found = self.fields(0)
        if UNPACKED not in found or PACKED not in found:
            raise ValueError("no page header")
        return found[UNPACKED], found[PACKED], self.place

    def fields(self, depth: int) -> dict[int, int]:
        """The integers of a struct by the numbers of their fields; everything else is skipped."""
        found, number = {}, 0
        if depth > DEEPEST:
            raise ValueError("too deep")
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            if head & 15 in INTEGERS:
                found[number] = self.integer()
            else:
                self.skip(head & 15, depth)
        return found

    def skip(self, kind: int, depth: int) -> None:
        if kind in BOOLEANS:  # whose value is their kind
            return
        if kind in INTEGERS:
            self.integer()
        elif kind == STRUCT:
            self.fields(depth + 1)
        elif kind in (BYTE, DOUBLE, BINARY):
            length = {BYTE: 1, DOUBLE: 8}.get(kind) or self.varint()
            self.place += length
        else:  # lists and maps, of which page headers have none
            raise ValueError("no page header")

    def integer(self) -> int:
        stored = self.varint()
        return (stored >> 1) ^ -(stored & 1)

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("no number")

    def byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]
