"""A reader of Thrift's compact protocol, in which Parquet files keep their directory and the heads of their pages.

Only what is asked for is kept, and everything is bounded, so that a hostile file costs little (Apache Thrift
specification, compact protocol).
"""

from __future__ import annotations

from typing import Any

BOOLEANS, BYTE, INTEGERS, DOUBLE, BINARY, LISTS, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12
DEEPEST = 12
MOST_VALUES = 2_000_000

Wanted = dict[int, Any]
"""The fields of a struct to be kept, by number: int, bytes, {...} for a struct of these, [one] for a list of such."""


class Thrift:
    """Reads from the beginning of `data`. Raises IndexError at the end of the bytes, ValueError for what is none."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place, self.left = data, 0, MOST_VALUES

    def fields(self, wanted: Wanted, depth: int = 0) -> Wanted:
        """The wanted fields of a struct that are there. Two of one number, or one of another type, are damage: readers
        differ in which they believe."""
        found, number = {}, 0
        if depth > DEEPEST:
            raise ValueError("too deep")
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            asked = wanted.get(number)
            value = self._value(head & 15, asked, depth)
            if asked is None:
                continue
            if number in found or not isinstance(value, asked if isinstance(asked, type) else type(asked)):
                raise ValueError("a field twice or of another type")
            found[number] = value
        return found

    def _value(self, kind: int, asked: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many values")
        if kind in INTEGERS:
            return self._integer()
        if kind == STRUCT:
            return self.fields(asked if isinstance(asked, dict) else {}, depth + 1)
        if kind in LISTS:
            return self._items(asked[0] if isinstance(asked, list) else None, depth + 1)
        if kind in (BYTE, DOUBLE, BINARY):
            length = {BYTE: 1, DOUBLE: 8}.get(kind) or self._varint()
            self.place += length
            return self.data[self.place - length : self.place] if asked is bytes else None
        if kind in BOOLEANS:  # whose value is their kind
            return None
        raise ValueError("no such type")  # maps too, of which Parquet has none

    def _items(self, asked: Any, depth: int) -> list[Any]:
        """The values of a list if they are asked for, in which booleans have a byte each."""
        if depth > DEEPEST:
            raise ValueError("too deep")
        head = self._byte()
        size, kind = head >> 4, head & 15
        size, kind = self._varint() if size == 15 else size, BYTE if kind in BOOLEANS else kind
        found = []
        for _ in range(size):
            value = self._value(kind, asked, depth)
            if asked is not None:
                if not isinstance(value, asked if isinstance(asked, type) else type(asked)):
                    raise ValueError("a list of another type")
                found.append(value)
        return found

    def _integer(self) -> int:
        stored = self._varint()
        return (stored >> 1) ^ -(stored & 1)

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("no number")

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]
