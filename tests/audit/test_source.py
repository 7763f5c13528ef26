"""Every kind of source gives the same pictures with the same captions, at fixed places; damage is an item."""

from __future__ import annotations

import io

import fsspec
import pytest

from mia_viz.audit.source import Columns, Source
from mia_viz.pictures.limits import MAX_BYTES
from mia_viz.pictures.named import SUFFIXES


def contents(source: Source) -> list[tuple[bytes | None, str | None, str]]:
    return [(item.data, item.caption, item.error) for item in source.items()]


@pytest.fixture
def expected(pngs):
    return [(data, f"picture {i}", "") for i, data in enumerate(pngs)]


def test_a_folder_is_walked_in_the_order_of_names(folder, expected):
    source = Source(str(folder), told=True)
    assert contents(source) == expected
    assert [item.id for item in source.items()][7:9] == ["0007.png", "more/0008.png"]
    assert source.count() == 12
    assert {item.caption for item in Source(str(folder)).items()} == {None}


def test_a_container_holds_the_same(container, expected):
    source = Source(str(container), told=True)
    assert contents(source) == expected
    assert source.count() == 12
    assert len({item.id for item in source.items()}) == 12


def test_places_do_not_depend_on_what_is_wanted(container):
    every = list(Source(str(container)).items())
    for wanted in ({0}, {11}, {3, 4, 9}, set(range(6, 12))):
        some = list(Source(str(container)).items(wanted.__contains__))
        assert [item.place for item in some] == sorted(wanted)
        assert [(i.id, i.data) for i in some] == [(every[p].id, every[p].data) for p in sorted(wanted)]


def test_containers_in_a_folder_follow_one_another(tmp_path, make_container, pngs, expected):
    for i, kind in enumerate(("tar", "zip", "Hugging Face")):
        (tmp_path / str(i)).mkdir()
        make_container(kind, tmp_path / str(i), pngs)
    source = Source(str(tmp_path), told=True)
    assert contents(source) == expected * 3
    assert [item.place for item in source.items()] == list(range(36))


def test_an_address_of_another_file_system(pngs, container, expected):
    store = fsspec.filesystem("memory")
    store.pipe({f"/audit-test/{container.name}": container.read_bytes(), "/audit-test/z/last.png": pngs[3]})
    try:
        source = Source("memory://audit-test", told=True)
        assert contents(source) == [*expected, (pngs[3], None, "")]
        assert source.count() == (None if ".tar" in container.name else 13)
    finally:
        store.rm("/audit-test", recursive=True)


def test_given_captions_take_the_place_of_found_ones(folder, pngs):
    known = {f"{i:04d}.png": f"told {i}" for i in range(11)}
    found = contents(Source(str(folder), captions=known, told=True))
    assert found[:11] == [(data, f"told {i}", "") for i, data in enumerate(pngs[:11])]
    assert found[11] == (None, None, "There is no caption of this picture in the file given.")


def test_a_cut_off_archive_keeps_what_came_before(container, expected):
    whole = container.read_bytes()
    for share in (0.4, 0.8):
        container.write_bytes(whole[: int(len(whole) * share)])
        found = contents(Source(str(container), told=True))
        bad = [error for *_, error in found if error]
        good = [item for item in found if not item[2]]
        assert bad, "the damage must show"
        assert [data for data, *_ in good] == [data for data, *_ in expected[: len(good)]]
        assert Source(str(container)).count() == len(found)


def test_a_damaged_member_does_not_spoil_the_others(tmp_path, make_container, pngs, expected):
    file = make_container("zip", tmp_path, pngs)
    data = bytearray(file.read_bytes())
    start = data.index(pngs[4])
    data[start + 60 : start + 64] = b"\0\0\0\0"
    file.write_bytes(data)
    found = contents(Source(str(file), told=True))
    assert found[4][0] is None
    assert found[4][2].startswith("This file in the archive is damaged")
    assert found[:4] + found[5:] == expected[:4] + expected[5:]


def test_a_file_that_cannot_be_read_is_an_item(folder):
    (folder / "0003.png").unlink()
    (folder / "0003.png").symlink_to(folder / "nowhere.png")
    items = list(Source(str(folder)).items())
    assert len(items) == 12
    assert items[3].data is None
    assert items[3].error.startswith("This file cannot be read: ")


def test_no_more_than_the_limit_is_read(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(MAX_BYTES * 3)
    (item,) = Source(str(tmp_path)).items()
    assert len(item.data) == MAX_BYTES + 1


def test_the_fingerprint_follows_names_sizes_and_columns(folder, pngs):
    first = Source(str(folder)).fingerprint()
    assert Source(str(folder)).fingerprint() == first
    assert Source(str(folder), Columns(image="x")).fingerprint() != first
    (folder / "new.png").write_bytes(pngs[0])
    assert Source(str(folder)).fingerprint() != first


def test_columns_are_found_or_asked_for(tmp_path, pngs):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": pngs, "b": pngs[::-1], "said": ["x"] * 12}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="columns with bytes: a, b"):
        list(Source(str(tmp_path)).items())
    items = list(Source(str(tmp_path), Columns("b", "said"), told=True).items())
    assert [item.data for item in items] == pngs[::-1]
    assert {item.caption for item in items} == {"x"}
    with pytest.raises(ValueError, match="There is no column nothing"):
        list(Source(str(tmp_path), Columns("b", "nothing")).items())


@pytest.mark.parametrize("where", ["/nowhere/at/all", "nonsense://x", "memory://nothing-there"])
def test_an_address_without_pictures_is_one_sentence(where):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        Source(where)


def test_a_storage_failure_inside_an_archive_is_not_taken_for_damage(tmp_path, make_container, pngs, monkeypatch):
    file = make_container("tar", tmp_path, pngs)

    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 2000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    monkeypatch.setattr(Source, "open", lambda self, path: Failing(file.read_bytes()))
    with pytest.raises(OSError, match="Input/output"):
        list(Source(str(file)).items())


def test_suffixes_are_those_of_the_other_commands(folder):
    assert all(item.id.endswith(SUFFIXES) for item in Source(str(folder)).items())


def test_a_stretch_can_be_read_from_its_start(folder, make_container, pngs):
    """A folder with a folder and three containers in it; every stretch is what the whole walk has there."""
    for i, kind in enumerate(("zip", "tar", "Parquet")):
        (folder / f"b{i}").mkdir()
        make_container(kind, folder / f"b{i}", pngs[: 5 + i])
    source = Source(str(folder), told=True)
    whole = list(source.items())
    for size in (1, 5, 7, 100):
        starts, count = source.starts(size)
        assert count == len(whole) == source.count()
        assert [start.place for start in starts] == list(range(0, count, size))
        for start in starts:
            some = list(source.items(start=start, stop=start.place + size))
            expected = whole[start.place : start.place + size]
            assert [vars(item) for item in some] == [vars(item) for item in expected]


def test_a_stretch_of_a_remote_folder(folder):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/stretch", recursive=True)
    source = Source("memory://stretch")
    whole = [item.id for item in source.items()]
    starts, _ = source.starts(5)
    found = [item.id for start in starts for item in source.items(start=start, stop=start.place + 5)]
    assert found == whole
    assert len(whole) == 12
    memory.rm("/stretch", recursive=True)


def test_files_before_a_start_are_not_looked_at(folder, monkeypatch):
    from mia_viz.audit import walk

    looked = []
    here = walk._here
    monkeypatch.setattr(walk, "_here", lambda name, path: looked.append(path) or here(name, path))
    names = [found.name for found in Source(str(folder)).files("more/0009.png")]
    assert names == ["more/0009.png", "more/0010.png", "more/0011.png"]
    assert len(looked) == 3
