"""Parquet and Arrow files are read in a process apart: the same pictures, and no end of the program that asks."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mia_viz.analysis import plan
from mia_viz.audit import containers, tables_apart
from mia_viz.audit.run import Options, audit
from mia_viz.audit.source import Source
from mia_viz.audit.table import Parts, schema
from tests.audit.conftest import write_parquet

PLANS = (plan("loss"),)
SMALL = Options(part=3, batch=2)
ENDS = """
import ctypes, os, re
from mia_viz.audit import tables
row, named = tables._Rows.row, tables.of_parquet
def ending(self, place):
    cells = row(self, place)
    data = cells[0]["bytes"] if isinstance(cells[0], dict) else cells[0]
    if data.endswith(b"abort"):
        os.abort()
    if data.endswith(b"endless"):
        re.match(r"(a+)+$", "a" * 60 + "b")
    return cells
tables._Rows.row = ending
def opening(file, found, source):
    if found.name.startswith("deadly"):
        ctypes.string_at(0)
    return named(file, found, source)
tables.of_parquet = opening
"""
"""Run by every Python program that finds it as `sitecustomize`: a library that some files and some rows end."""


@pytest.fixture
def ends(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ENDS)
    monkeypatch.syspath_prepend(tmp_path / "site")
    tables_apart.helpers.cache_clear()  # so that the next process finds it
    yield
    tables_apart.helpers().close()
    tables_apart.helpers.cache_clear()


def children() -> set[str]:
    """Processes that this one has started."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_the_pictures_are_those_that_are_read_here(tmp_path, pngs, suffix, monkeypatch):
    rows = pa.table({"image": (pngs * 10) + [b"words", None], "caption": ["a"] * 122})
    file = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(rows, file, row_group_size=7)
    else:
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows, max_chunksize=7)
    source = Source(str(tmp_path), told=True)
    wanted = {0, 1, 40, 41, 42, 90, 121}.__contains__
    apart = list(source.items()), list(source.items(wanted)), source.count(), source.starts(50)
    assert "mia_viz.audit.tables_apart" in sys.modules
    monkeypatch.setattr(containers, "_seen_by_others", lambda system: False)
    here = list(source.items()), list(source.items(wanted)), source.count(), source.starts(50)
    assert here[2:] == apart[2:] == (122, source.starts(50))
    for ours, theirs in zip(apart[:2], here[:2], strict=True):
        assert [vars(item) for item in ours] == [vars(item) for item in theirs]
    assert len(apart[1]) == 7


def test_one_process_reads_file_after_file_and_one_that_is_left_early(tmp_path, pngs):
    for name in "abc":
        write_parquet(tmp_path / f"{name}.parquet", pngs)
    source = Source(str(tmp_path))
    assert source.count() == 36
    before = children()
    for _ in range(3):
        items = source.items()
        assert [next(items).id for _ in range(2)] == ["a.parquet#0", "a.parquet#1"]
        del items
        assert len(list(source.items())) == 36
    assert children() == before


def test_a_row_that_ends_its_reader_ends_the_audit_with_a_sentence_and_it_can_go_on(tmp_path, pngs, wavy, ends):
    pngs = pngs * 8
    pngs[80] += b"abort"
    (tmp_path / "in").mkdir()
    write_parquet(tmp_path / "in" / "a.parquet", pngs)
    source, parts = Source(str(tmp_path / "in")), Parts(tmp_path / "out", schema(PLANS, True), 3)
    assert source.count() == 96
    with pytest.raises(ValueError, match=r"^a\.parquet crashed the program that tried to read it; .*\.$"):
        audit(wavy, source, PLANS, tmp_path / "out", SMALL)
    done = parts.done()
    assert 10 < len(done) < 27
    assert not list(parts.folder.glob("*.partial"))
    (tmp_path / "site" / "sitecustomize.py").unlink()  # a newer library, say
    end = audit(wavy, source, PLANS, tmp_path / "out", SMALL)
    assert (end.before, end.done) == (3 * len(done), 96 - 3 * len(done))
    assert [row["place"] for row in parts.rows(["place"])] == list(range(96))


def test_a_file_that_ends_its_reader_at_once_is_named(tmp_path, pngs, ends):
    write_parquet(tmp_path / "deadly.parquet", pngs)
    for asked in (Source.count, lambda source: list(source.items()), lambda source: source.starts(3)):
        with pytest.raises(ValueError, match=r"^deadly\.parquet crashed the program that tried to read it; .*\.$"):
            asked(Source(str(tmp_path)))


def test_a_reader_that_never_returns_is_ended(tmp_path, pngs, ends, monkeypatch):
    monkeypatch.setattr(tables_apart, "SECONDS", 1)
    write_parquet(tmp_path / "a.parquet", [*pngs[:3], pngs[3] + b"endless"])
    start, found = time.monotonic(), []
    with pytest.raises(ValueError, match=r"^Reading a\.parquet took longer than 1 seconds; .*\.$"):
        found += Source(str(tmp_path)).items()
    assert time.monotonic() - start < 30
    assert len(list(Source(str(write_parquet(tmp_path / "b.parquet", pngs))).items())) == 12


def test_what_storage_says_comes_through(tmp_path, pngs):
    file = write_parquet(tmp_path / "a.parquet", pngs)
    source = Source(str(tmp_path))
    found = next(source.files())
    file.unlink()
    with pytest.raises(FileNotFoundError):
        list(containers.pictures(source, found))
    pq.write_table(pa.table({"number": [1, 2]}), file)
    with pytest.raises(ValueError, match="name it with --image-column"):
        list(source.items())
