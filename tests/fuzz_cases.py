"""How whole files are damaged. Hypothesis makes every choice, so that a failure can be reduced to a smaller one.

Choices are put so that the simplest comes first: the smallest file, one change, cut short, near the beginning.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WAYS = ("cut", "bit", "byte", "head", "number", "double", "insert", "splice")
LONGEST_PIECE = 5000


@dataclass(frozen=True)
class Case:
    """A damaged file of a kind, and in words what was done to which whole one."""

    kind: str
    data: bytes = field(repr=False)
    how: str


@st.composite
def cases(draw: DrawFn, kind: str, files: tuple[bytes, ...]) -> Case:
    """One of `files` changed in one to three ways, as of LONGEST_PIECE and WAYS above; see `damaged`."""
    files = sorted(files, key=len)
    whole = draw(st.sampled_from(files))
    how, data, packed = f"file of {len(whole)} bytes", whole, None
    if kind in INSIDE and draw(st.booleans()):
        data, packed = INSIDE[kind](whole)
        how += ", behind its checksums"
    for way in draw(st.lists(st.sampled_from(WAYS), min_size=1, max_size=3)):
        data, what = damaged(draw, data, way, files)
        how += f", {what}"
    return Case(kind, packed(data) if packed else data, how)


def damaged(draw: DrawFn, data: bytes, way: str, others: list[bytes]) -> tuple[bytes, str]:
    """cut: ends early. bit: one turned. byte: up to eight anywhere; head: the same among the first 600. number: 1, 2 or
    4 bytes of the first 2000 set to an extreme. double: a piece twice. insert: bytes between. splice: goes on as
    another of `others`. Returns the bytes and what was done."""
    changed, end = bytearray(data), len(data)
    if end < 8:
        return data, "too short to change"
    place = draw(st.integers(0, end - 1))
    if way == "cut":
        del changed[place + 1 :]
    elif way == "bit":
        changed[place] ^= 1 << draw(st.integers(0, 7))
    elif way in ("byte", "head"):
        last = end - 1 if way == "byte" else min(end, 600) - 1
        spots = draw(st.lists(st.tuples(st.integers(0, last), st.integers(0, 255)), min_size=1, max_size=8))
        for place, value in spots:
            changed[place] = value
    elif way == "number":
        place, size = draw(st.integers(0, min(end, 2000) - 4)), draw(st.sampled_from([1, 2, 4]))
        value = draw(st.sampled_from(INTERESTING)) & (256**size - 1)
        changed[place : place + size] = value.to_bytes(size, draw(st.sampled_from(["little", "big"])))
    elif way == "double":
        length = draw(st.integers(1, min(LONGEST_PIECE, end - place)))
        changed[place:place] = changed[place : place + length]
    elif way == "insert":
        changed[place:place] = draw(st.binary(min_size=1, max_size=64))
    else:
        changed[place:] = draw(st.sampled_from(others))[place:]
    return bytes(changed), f"{way} at {place}"


def _in_gzip(whole: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    return gzip.decompress(whole), lambda data: gzip.compress(data, 1, mtime=0)


def _in_zip(whole: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The first member, and the archive with it in another form."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]

    def packed(data: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in [(members[0][0], data), *members[1:]]:
                archive.writestr(zipfile.ZipInfo(name), content)
        return file.getvalue()

    return members[0][1], packed


def _in_png(whole: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The same bytes, and the checksum of each part put right, as far as parts can be told apart."""

    def right(data: bytes) -> bytes:
        changed, place = bytearray(data), 8
        while place + 12 <= len(data):
            end = place + 8 + struct.unpack_from(">I", data, place)[0]
            if end + 4 <= len(data):
                struct.pack_into(">I", changed, end, zlib.crc32(data[place + 4 : end]))
            place = end + 4
        return bytes(changed)

    return whole, right


INSIDE = {"NIfTI packed": _in_gzip, "tar packed": _in_gzip, "zip": _in_zip, "zip of pictures": _in_zip, "PNG": _in_png}
"""Kinds whose checksums would reveal almost every change, and the way behind them: bytes to damage, and back."""
