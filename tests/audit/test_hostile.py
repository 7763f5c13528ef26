"""Archives that ask for more memory or time than they are worth: refused before either is taken."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mia_viz.audit import containers, tables, tars
from mia_viz.audit.pages import directory, largest_page
from mia_viz.audit.source import Source

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import resource, sys
from mia_viz.audit import containers, tables
from mia_viz.audit.source import Source
containers._seen_by_others = lambda system: False  # read here, where the memory is measured
memory = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = memory()
for item in Source(sys.argv[1], told=True).items():
    print(item.error or len(item.data))
print(memory() - before)
"""


def asked(file: Path) -> tuple[list[str], float]:
    """What a fresh process says of each picture of a file, and MiB it took for that."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", ASK, str(file)], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    *said, memory = run.stdout.splitlines()
    return said, float(memory)


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_parquet_file_of_nothing_but_zeros_takes_no_more_than_one_of_its_rows(tmp_path, dictionary):
    """Twelve rows of 90 MB in a few kilobytes; as a dictionary, each batch of them is one value again and again."""
    rows = pa.table({"image": [bytes(90_000_000)] * 12})
    pq.write_table(rows, tmp_path / "a.parquet", compression="zstd", use_dictionary=dictionary)
    assert (tmp_path / "a.parquet").stat().st_size < 50_000
    said, memory = asked(tmp_path / "a.parquet")
    assert said == (["90000000"] * 12 if dictionary else [tables.TOO_LARGE] * 12)
    assert memory < 600


def test_a_point_in_the_name_of_a_column_hides_none_of_its_pages(tmp_path):
    rows = pa.table({"my.image": [bytes(90_000_000)] * 12})
    pq.write_table(rows, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    said, memory = asked(tmp_path / "a.parquet")
    assert said == [tables.TOO_LARGE] * 12
    assert memory < 600


def test_a_parquet_directory_that_contradicts_itself_is_damage_and_no_crash(tmp_path):
    """The column is said to have no empty cells, beside a count of them: pyarrow ends the program when asked for it."""
    pq.write_table(pa.table({"image": [b"x" * 99] * 3}), tmp_path / "a.parquet", store_schema=False)
    whole = (tmp_path / "a.parquet").read_bytes()
    optional, required = b"\x25\x02\x18\x05image", b"\x25\x00\x18\x05image"
    assert whole.count(optional) == 1
    (tmp_path / "a.parquet").write_bytes(whole.replace(optional, required))
    said, _ = asked(tmp_path / "a.parquet")
    assert said == [tables.DAMAGED_ROW] * 3


def test_a_member_of_a_zip_with_a_name_in_no_alphabet_is_damage(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("\u00e9.png", b"x" * 99)
        archive.writestr("b.png", b"y" * 99)
    whole = (tmp_path / "a.zip").read_bytes()
    assert whole.count("\u00e9.png".encode()) == 2  # before the member, and in the directory
    (tmp_path / "a.zip").write_bytes(whole.replace("\u00e9.png".encode(), b"\xa0\xa1.png", 1))
    said, _ = asked(tmp_path / "a.zip")
    assert said == [tars.NOT_READ, "99"]


def test_pages_are_as_large_as_the_library_says(tmp_path):
    """For every way of writing, the sum over one page per chunk is what the directory states, headers aside."""
    rng = np.random.default_rng(1)
    values = [rng.bytes(int(n)) for n in rng.integers(8, 5000, 300)]
    for version, compression, dictionary in (("1.0", "snappy", False), ("2.0", "zstd", False), ("1.0", "none", True)):
        pq.write_table(
            pa.table({"image": values}),
            tmp_path / "a.parquet",
            data_page_version=version,
            compression=compression,
            use_dictionary=dictionary,
            data_page_size=10**9,
            dictionary_pagesize_limit=10**9,
        )
        chunk = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(0)
        with (tmp_path / "a.parquet").open("rb") as file:
            found = largest_page(file, directory(file)[0][0])
        assert sum(map(len, values)) <= found <= chunk.total_uncompressed_size


def test_many_small_pages_are_read_many_rows_at_a_time(tmp_path, monkeypatch):
    taken, batches = [], pq.ParquetFile.iter_batches

    def watched(self, batch_size, **how):
        taken.append(batch_size)
        return batches(self, batch_size, **how)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    monkeypatch.setattr(containers, "_seen_by_others", lambda system: False)
    pq.write_table(pa.table({"image": [b"x" * 999] * 50}), tmp_path / "a.parquet")
    assert len(list(Source(str(tmp_path)).items())) == 50
    assert taken == [tables.ROWS]


def test_a_parquet_file_that_states_more_rows_than_bytes_is_damaged(tmp_path):
    pq.write_table(pa.table({"image": pa.array([None] * 100_000, pa.binary())}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    (item,) = Source(str(tmp_path)).items()
    assert item.error == "This Parquet file is damaged."


def header(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_long_header_of_a_tar_is_not_read(tmp_path, kind):
    with gzip.open(tmp_path / "a.tar.gz", "wb", 1) as file:
        file.write(header(kind, 120_000_000))
        for _ in range(120):
            file.write(bytes(1_000_000))
        file.write(header(tarfile.REGTYPE, 0) + bytes(1024))
    said, memory = asked(tmp_path / "a.tar.gz")
    assert said == ["This tar file is damaged."] or said == [tars.DAMAGED]
    assert memory < 100


def tar_of(*blocks: bytes) -> bytes:
    return b"".join(block + bytes(-len(block) % 512) for block in blocks) + bytes(1024)


def pax(*records: str) -> bytes:
    lines = b""
    for record in records:
        length = len(record) + 2
        length += len(str(length + len(str(length))))
        lines += f"{length} {record}\n".encode()
    return header(tarfile.XHDTYPE, len(lines)) + lines + bytes(-len(lines) % 512)


LAST = header(tarfile.REGTYPE, 0)


@pytest.mark.parametrize("end", [".tar", ".tar.gz"])
@pytest.mark.parametrize(
    "blocks",
    [
        (LAST, header(tarfile.REGTYPE, 0)[:124] + b"\xff" * 8 + b"\xff\xff\xfc\x00" + LAST[136:]),
        (LAST, pax("size=-2048") + LAST),
        (LAST, header(tarfile.GNUTYPE_LONGNAME, 512) * 3000),
        (LAST, pax("GNU.sparse.major=1", "GNU.sparse.minor=0") + LAST, b"99999999999\n"),
        (LAST, pax("hdrcharset=\xff") + LAST),
    ],
    ids=["negative", "backwards", "nested", "sparse", "charset"],
)
def test_headers_that_lead_astray_end_in_a_sentence(tmp_path, end, blocks):
    data = tar_of(*blocks)
    (tmp_path / f"a{end}").write_bytes(gzip.compress(data) if end.endswith("gz") else data)
    found = list(Source(str(tmp_path)).items())
    assert len(found) <= 2
    assert all(item.error.endswith(".") for item in found)
    assert Source(str(tmp_path)).count() == len(found)


def test_a_packed_tar_holds_few_pictures_of_one_key_at_once(tmp_path, monkeypatch):
    """img.000.png, img.001.png, ... are one key of WebDataset; all of them are there, and few at a time."""
    monkeypatch.setattr(tars, "MAX_BYTES", 5_000)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for i in range(40):
            info = tarfile.TarInfo(f"img.{i:03d}.png")
            info.size = 1000
            archive.addfile(info, io.BytesIO(bytes([i]) * 1000))
    most, add = [], tars._Sample.add

    def watched(self, *given):
        add(self, *given)
        most.append(self.held)

    monkeypatch.setattr(tars._Sample, "add", watched)
    assert [item.data[0] for item in Source(str(tmp_path)).items()] == list(range(40))
    assert max(most) <= 6_000
