"""Hugging Face data sets as their library stores them: Arrow files, and rows that only name their picture."""

from __future__ import annotations

import io

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mia_viz.audit.source import OUTSIDE, Source
from mia_viz.audit.tables import ARROW_DAMAGED


def rows(pngs, data=True, path="{i:04d}.png") -> pa.Table:
    images = [{"bytes": png if data else None, "path": path.format(i=i)} for i, png in enumerate(pngs)]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return pa.table({"text": [f"picture {i}" for i in range(len(pngs))], "image": pa.array(images, kind)})


def arrow(table: pa.Table, kind="stream", compression=None) -> bytes:
    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    opened = {"stream": pa.ipc.new_stream, "file": pa.ipc.new_file}[kind](out, table.schema, options=options)
    with opened as writer:
        writer.write_table(table, max_chunksize=5)
    return out.getvalue()


@pytest.fixture
def stored(tmp_path, pngs):
    """A folder as save_to_disk leaves it, with a cache of an earlier step."""
    place = tmp_path / "dataset"
    place.mkdir()
    for part in (0, 1):
        (place / f"data-0000{part}-of-00002.arrow").write_bytes(arrow(rows(pngs[6 * part : 6 * part + 6])))
    (place / "cache-91ab.arrow").write_bytes(arrow(pa.table({"indices": [1, 2]})))
    (place / "state.json").write_text("{}")
    (place / "dataset_info.json").write_text("{}")
    return place


def test_a_saved_data_set_gives_its_pictures(stored, pngs):
    source = Source(str(stored), told=True)
    assert source.count() == 12
    found = list(source.items())
    assert [item.data for item in found] == pngs
    assert [item.caption for item in found] == [f"picture {i % 6}" for i in range(12)]
    starts, count = source.starts(5)
    assert count == 12
    again = [i.data for s in starts for i in source.items(start=s, stop=s.place + 5)]
    assert again == pngs


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_both_forms_of_arrow_here_and_elsewhere(tmp_path, pngs, kind):
    (tmp_path / "a.arrow").write_bytes(arrow(rows(pngs), kind))
    assert [item.data for item in Source(str(tmp_path)).items()] == pngs
    store = fsspec.filesystem("memory")
    store.pipe("/arrows/a.arrow", arrow(rows(pngs), kind))
    try:
        source = Source("memory://arrows")
        assert [item.data for item in source.items()] == pngs
        assert source.count() is None  # it would have to be read through
    finally:
        store.rm("/arrows", recursive=True)


def test_compressed_batches_are_not_unpacked(tmp_path, pngs):
    (tmp_path / "a.arrow").write_bytes(arrow(rows([bytes(1_000_000)] * 3), compression="zstd"))
    (item,) = Source(str(tmp_path)).items()
    assert (item.data, item.error) == (None, ARROW_DAMAGED)


def test_offsets_that_lead_outside_are_found_before_they_are_followed(tmp_path, pngs):
    whole = arrow(pa.table({"image": pngs}))
    offsets = pa.array(pngs[:5], pa.binary()).buffers()[1].to_pybytes()
    place = whole.index(offsets[:24])
    damaged = whole[: place + 4] + b"\xff\xff\xff\x7f" + whole[place + 8 :]
    (tmp_path / "a.arrow").write_bytes(damaged)
    (item,) = Source(str(tmp_path)).items()
    assert item.error == ARROW_DAMAGED


def test_a_cut_off_stream_keeps_what_came_before(tmp_path, pngs):
    whole = arrow(rows(pngs))
    (tmp_path / "a.arrow").write_bytes(whole[: len(whole) * 3 // 5])
    found = list(Source(str(tmp_path)).items())
    assert [item.data for item in found[:-1]] == pngs[:5]
    assert found[-1].error == ARROW_DAMAGED
    (tmp_path / "a.arrow").write_bytes(whole[:100])
    (item,) = Source(str(tmp_path)).items()
    assert item.error == "This Arrow file is damaged."


def test_a_stream_that_begins_with_something_else_is_damaged_and_no_crash(tmp_path, pngs):
    """The library reads any message as a schema when it is told to, and ends the program."""
    whole = bytearray(arrow(pa.table({"jpg": pngs})))
    message = 8 + int.from_bytes(whole[8:12], "little")
    directory = message - int.from_bytes(whole[message : message + 4], "little", signed=True)
    kind = message + int.from_bytes(whole[directory + 6 : directory + 8], "little")
    assert whole[kind] == 1, "a schema"
    whole[kind] = 0xF7
    (tmp_path / "a.arrow").write_bytes(whole)
    (item,) = Source(str(tmp_path)).items()
    assert item.error == "This Arrow file is damaged."


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_column_without_a_readable_name_is_damage(tmp_path, pngs, kind):
    table = pa.table({"jpg": pngs, "other": [1] * 12})
    pq.write_table(table, tmp_path / "a.parquet", store_schema=False)
    data = arrow(table) if kind == "arrow" else (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").unlink()
    (tmp_path / f"a.{kind}").write_bytes(data.replace(b"other", b"ot\xff\xfer"))
    (item,) = Source(str(tmp_path)).items()
    assert item.error.endswith("file is damaged.")


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_row_may_name_its_picture(tmp_path, pngs, kind):
    place = tmp_path / "set"
    (place / "train" / "images").mkdir(parents=True)
    for i, data in enumerate(pngs):
        (place / "train" / "images" / f"{i:04d}.bin").write_bytes(data)
    table = rows(pngs, data=False, path="images/{i:04d}.bin")
    if kind == "parquet":
        pq.write_table(table, place / "train" / "a.parquet")
    else:
        (place / "train" / "a.arrow").write_bytes(arrow(table))
    for where in (place, place / "train", place / "train" / f"a.{kind}"):
        found = list(Source(str(where), told=True).items())
        assert [item.data for item in found] == pngs
        assert found[3].caption == "picture 3"
    store = fsspec.filesystem("memory")
    store.put(str(place), "/named", recursive=True)
    try:
        assert [item.data for item in Source("memory://named").items()] == pngs
    finally:
        store.rm("/named", recursive=True)


def test_no_row_leads_out_of_the_folder(tmp_path, pngs):
    place = tmp_path / "set"
    place.mkdir()
    (tmp_path / "secret.png").write_bytes(pngs[0])
    (place / "link.png").symlink_to(tmp_path / "secret.png")
    names = ["../secret.png", str(tmp_path / "secret.png"), "link.png", "a/../../secret.png", "gone.png", "x\0y", ""]
    names += ["https://somewhere.org/a.png"]
    images = [{"bytes": None, "path": name} for name in names]
    pq.write_table(pa.table({"image": images}), place / "a.parquet")
    (place / "link.png").rename(place / "link.bin")  # so that the walk does not take it as a picture of its own
    errors = [item.error for item in Source(str(place / "a.parquet")).items()]
    assert errors[:2] == [OUTSIDE, OUTSIDE]
    assert errors[3] == OUTSIDE
    assert errors[4:6] == ["The file that this row names is not there."] * 2
    assert errors[6] == "This row holds no bytes of a picture."
    assert errors[7] == "The file that this row names is not there."
    (place / "link.bin").rename(place / "link.png")
    assert [item.error for item in Source(str(place / "a.parquet")).items()][2] == OUTSIDE
