"""What every kind of source shares: how a picture's bytes are taken within limits, and the sentences where it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from mia_viz.pictures.files import kind_of_scan
from mia_viz.pictures.limits import MAX_BYTES, MAX_SCAN_BYTES

CAPTION_BYTES = 100_000
NOT_ORDINARY = "This is not an ordinary file."
TOO_LARGE = f"This file is larger than {MAX_BYTES // 10**6} MB; save a smaller copy and use that."
TOO_LARGE_SCAN = f"This file is larger than {MAX_SCAN_BYTES // 10**6} MB; save a smaller copy and use that."

Answer = tuple[bytes | None, str | None, str]
"""Data, caption and error of one picture; data is None where the error says why there are none."""
Reader = Callable[[], Answer]
"""Gives one picture; called only for places that are wanted."""
Passed = Callable[[str], None]
"""Told the name of every file that is passed over, because it holds no picture that is read here."""


def quiet(name: str) -> None:
    """A `Passed` that forgets."""


def broken(sentence: str) -> Reader:
    """A picture that is not there, and why."""
    return lambda: (None, None, sentence)


def hidden(name: str) -> bool:
    """Whether a name in an archive is one that systems put there for themselves."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def limited(file: BinaryIO, stated: int = -1, before: bytes = b"") -> tuple[bytes | None, str]:
    """A file's bytes, at most one more than is allowed for its kind: scans may be larger than ordinary pictures.

    stated: its size as an archive has it, -1 where unknown; of one that is too large next to nothing is read. before:
    what was read of it already. Returns (bytes, "") or (None, sentence).
    """
    if stated > MAX_SCAN_BYTES:
        return None, TOO_LARGE_SCAN
    first = 512 if stated > MAX_BYTES else MAX_BYTES + 1
    data = before + file.read(first - len(before))
    if len(data) < first:
        return data, ""
    if kind_of_scan(data):
        return data + file.read(MAX_SCAN_BYTES + 1 - first), ""
    return (None, TOO_LARGE) if stated > MAX_BYTES else (data, "")


def caption_text(data: bytes) -> str | None:
    """A caption as stored in a text file; None where it is no UTF-8."""
    try:
        return " ".join(data.decode("utf-8-sig").split())
    except UnicodeDecodeError:
        return None
