"""Headers that would make a library take memory or time without end are refused before it sees the file."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mia_viz.targets.errors import TargetError
from mia_viz.targets.header import check_header


def written(file: Path, header: bytes, body: bytes = b"", length: int | None = None) -> Path:
    file.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + body)
    return file


def entry(start: int, end: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": [(end - start) // 4], "data_offsets": [start, end]}


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_what_the_library_writes_is_taken(metadata, tmp_path):
    save_file({"a": np.zeros((3, 4)), "b": np.zeros(0)}, tmp_path / "x.safetensors", metadata=metadata)
    check_header(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("header", "body", "length", "said"),
    [
        (b"{}", b"", 2**63, "damaged"),
        (b"{" + b" " * 21_000_000, b"", None, "absurd"),
        (b"[" * 100_000, b"", None, "damaged"),
        (b"[1]", b"", None, "damaged"),
        (b'{"a": 1}', b"", None, "damaged"),
        (b'{"a": {"data_offsets": ["x", "y"]}}', b"", None, "damaged"),
        (b"\xff\xfe", b"", None, "damaged"),
        (json.dumps({"a": entry(0, 8)}).encode(), b"1234", None, "damaged"),
        (json.dumps({"a": entry(0, 4)}).encode(), b"12345678", None, "damaged"),
        (json.dumps({f"t{i}": entry(0, 0) for i in range(60_000)}).encode(), b"", None, "absurd"),
    ],
)
def test_absurd_and_damaged_headers(header, body, length, said, tmp_path):
    with pytest.raises(TargetError, match=rf"x\.safetensors .*{said}.*\.$"):
        check_header(written(tmp_path / "x.safetensors", header, body, length))


def test_a_file_of_holes_is_not_read(tmp_path):
    """A sparse file of 20 GB takes no room on the disk; reading it would take the memory."""
    file = written(tmp_path / "x.safetensors", json.dumps({"a": entry(0, 4)}).encode(), b"1234")
    try:
        os.truncate(file, 20 * 2**30)
    except OSError:
        pytest.skip("This file system knows no such files.")
    with pytest.raises(TargetError, match="damaged"):
        check_header(file)
