"""The directory of a Parquet file and Thrift's compact protocol, beside what pyarrow reads from the same bytes."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mia_viz.audit.pages import Chunk, directory
from mia_viz.audit.thrift import Thrift


def written(table: pa.Table, **how: object) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, **how)
    return file


@pytest.fixture
def table() -> pa.Table:
    rng = np.random.default_rng(1)
    image = [{"bytes": rng.bytes(50), "path": f"{i}.png" if i % 3 else None} for i in range(40)]
    return pa.table({"image": image, "dotted.name": ["a"] * 40, "many": [[1, 2]] * 40, "yes": [True, None] * 20})


@pytest.mark.parametrize(
    "how",
    [
        {"row_group_size": 7},
        {"compression": "zstd", "use_dictionary": False, "data_page_version": "2.0"},
        {"write_page_index": True, "write_page_checksum": True, "store_schema": False, "version": "1.0"},
    ],
)
def test_the_directory_says_what_the_library_reads(table, how):
    file = written(table, **how)
    stated, found = pq.ParquetFile(file).metadata, directory(file)
    assert len(found) == stated.num_row_groups
    for group, chunks in enumerate(found):
        columns = [stated.row_group(group).column(k) for k in range(stated.num_columns)]
        assert [chunk.column for chunk in chunks] == ["image", "image", "dotted.name", "many", "yes"]
        assert chunks == [
            Chunk(
                chunk.column,
                min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset),
                c.total_compressed_size,
                c.total_uncompressed_size,
                c.num_values,
            )
            for chunk, c in zip(chunks, columns, strict=True)
        ]


def test_a_directory_that_ends_early_or_is_none_is_told(table):
    whole = written(table).getvalue()
    length = int.from_bytes(whole[-8:-4], "little")
    said = 0
    for cut in range(1, length):
        damaged = whole[: -8 - cut] + (length - cut).to_bytes(4, "little") + b"PAR1"
        try:
            directory(io.BytesIO(damaged))
        except ValueError:
            said += 1
    assert said > length * 0.5  # what was cut off may be something that is not read
    for data in (b"", b"PAR1", whole[:-4] + b"PARE", whole[:-8] + b"\xff\xff\xff\x7fPAR1", b"\x7f\0\0\0PAR1"):
        with pytest.raises(ValueError, match="no directory"):
            directory(io.BytesIO(data))


def test_fields_are_kept_or_skipped_by_number_and_type():
    """Field 1: -3; field 2: the list [7, 8]; field 3: true; field 20: {1: b"hi"}."""
    data = b"\x16\x05" + b"\x19\x26\x0e\x10" + b"\x11" + b"\x0c\x28" + b"\x18\x02hi\0" + b"\0"
    assert Thrift(data).fields({1: int, 2: [int], 20: {1: bytes}, 9: int}) == {1: -3, 2: [7, 8], 20: {1: b"hi"}}
    assert Thrift(data).fields({}) == {}
    for wanted in ({1: bytes}, {2: int}, {2: [bytes]}, {3: int}, {20: [int]}):
        with pytest.raises(ValueError, match="type"):
            Thrift(data).fields(wanted)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x16\x02\x06\x02\x04\0", "twice"),  # the second names its number in full
        (b"\x1c" * 40, "too deep"),
        (b"\x19" + b"\x19" * 40, "too deep"),
        (b"\x16" + b"\xff" * 11, "no number"),
        (b"\x1b\0", "no such type"),
        (b"\x19\xf5\xff\xff\xff\x7f" + b"\0" * 2_100_000, "too many"),
    ],
)
def test_what_could_cost_much_or_mislead_is_refused(data, said):
    with pytest.raises(ValueError, match=said):
        Thrift(data).fields({1: int})


def test_any_three_bytes_end_in_an_answer_or_one_of_two_errors():
    for data in itertools.product((0, 1, 0x15, 0x18, 0x19, 0x1C, 0x2B, 0x7F, 0xF5, 0xFF), repeat=3):
        try:
            Thrift(bytes(data)).fields({1: int, 2: [bytes], 3: {1: int}})
        except (ValueError, IndexError):
            continue
        assert 0 in data
