"""The walk over a source: what is found by its content, what is passed over and said, what is no file, what changed."""

from __future__ import annotations

import os
import tarfile
import zipfile

import fsspec
import pytest

from mia_viz.audit.source import Source
from tests.pictures.scans import dicom, ramp


def test_a_picture_replaced_by_one_of_its_size_shows_in_the_fingerprint(folder):
    first = Source(str(folder)).fingerprint()
    there = (folder / "0002.png").stat()
    (folder / "0002.png").write_bytes(b"\0" * there.st_size)
    os.utime(folder / "0002.png", ns=(there.st_atime_ns, there.st_mtime_ns + 1))
    assert Source(str(folder)).fingerprint() != first
    os.utime(folder / "0002.png", ns=(there.st_atime_ns, there.st_mtime_ns))
    assert Source(str(folder)).fingerprint() == first


def test_stores_are_asked_for_nothing_but_lists_of_folders(monkeypatch):
    """And what these say of a content (an ETag) is in the fingerprint."""
    store = fsspec.filesystem("memory")
    store.pipe({f"/stamped/{i}.png": b"x" for i in range(3)})
    listed, asked, tag = store.ls, [], ["a"]

    def ls(path, detail=True, **how):
        asked.append(path)
        return [{**entry, "ETag": tag[0]} for entry in listed(path, detail=True)]

    source = Source("memory://stamped")
    try:
        monkeypatch.setattr(type(store), "ls", lambda self, *given, **how: ls(*given, **how))
        for name in ("exists", "size", "open"):
            monkeypatch.setattr(type(store), name, None)
        first = source.fingerprint()
        assert source.fingerprint() == first
        tag[0] = "b"
        assert source.fingerprint() != first
        assert len(asked) <= 3 * 2
    finally:
        monkeypatch.undo()
        store.rm("/stamped", recursive=True)


@pytest.mark.parametrize("name", ["pipe.png", "pipe.zip", "pipe.parquet", "pipe.tar", "pipe.arrow"])
def test_a_pipe_is_a_row_and_no_wait_without_end(folder, name):
    os.mkfifo(folder / name)
    os.mkfifo(folder / "IM0001")  # would be opened to see whether it is DICOM
    os.unlink(folder / "0003.txt")
    os.mkfifo(folder / "0003.txt")
    source = Source(str(folder), told=True)
    assert source.count() == 13
    found = {item.id: item for item in source.items()}
    assert found[name].error == "This is not an ordinary file."
    assert (found["0003.png"].caption, found["0003.png"].error) == (None, "")
    (alone,) = Source(str(folder / name)).items()
    assert (alone.data, alone.error) == (None, "This is not an ordinary file.")


@pytest.fixture
def stack(tmp_path):
    """A DICOM folder as scanners write it, with other things in it."""
    place = tmp_path / "stack"
    place.mkdir()
    for i in range(3):
        (place / f"IM{i:06d}").write_bytes(dicom(ramp() + i))
    (place / "1.2.840.113619.2.5").write_bytes(dicom(ramp() + 9))
    (place / "slice.dcm").write_bytes(dicom(ramp() + 10))
    (place / "DICOMDIR").write_bytes(dicom(ramp()))
    (place / "VERSION").write_text("x" * 200)
    (place / "viewer.exe").write_bytes(b"MZ" * 200)
    return place


NAMES = ["1.2.840.113619.2.5", "IM000000", "IM000001", "IM000002", "slice.dcm"]


def packed_zip(place, out):
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(place.iterdir()):
            archive.write(file, file.name)


def packed_tar(mode):
    def pack(place, out):
        with tarfile.open(out, mode) as archive:
            for file in sorted(place.iterdir()):
                archive.add(file, file.name)

    return pack


@pytest.mark.parametrize(
    ("end", "pack"), [("", None), (".zip", packed_zip), (".tar", packed_tar("w")), (".tgz", packed_tar("w:gz"))]
)
def test_dicom_files_are_found_by_what_they_are(stack, tmp_path, end, pack):
    where = stack if pack is None else tmp_path / f"stack{end}"
    if pack is not None:
        pack(stack, where)
    source = Source(str(where))
    assert source.count() == 5
    items = list(source.items())
    assert [item.id.rpartition("/")[2] for item in items] == NAMES
    assert [item.data for item in items] == [(stack / name).read_bytes() for name in NAMES]
    assert source.passed_over() == {"": 2, ".exe": 1}
    assert source.passed_words() == (
        "3 files were passed over as no picture that is read here (no ending: 2, .exe: 1)."
    )


def test_nothing_passed_over_is_no_sentence(folder):
    assert Source(str(folder)).passed_words().startswith("13 files were passed over")  # captions nobody asked for
    (folder / "readme.md").unlink()
    assert Source(str(folder), told=True).passed_words() == ""


@pytest.mark.parametrize("kind", ["file", "zip", "tar", "tgz"])
def test_a_scan_may_be_larger_than_a_picture(tmp_path, monkeypatch, kind):
    from mia_viz.audit import reading

    monkeypatch.setattr(reading, "MAX_BYTES", 20_000)
    monkeypatch.setattr(reading, "MAX_SCAN_BYTES", 200_000)
    place = tmp_path / "in"
    place.mkdir()
    sizes = {"a.nii": 50_000, "b.png": 50_000, "c.nii": 300_000, "d.png": 10_000}
    for name, size in sizes.items():
        head = bytes(344) + b"n+1\0" if name.endswith("nii") else b"\x89PNG"
        (place / name).write_bytes(head.ljust(size, b"\7"))
    pack = {"file": None, "zip": packed_zip, "tar": packed_tar("w"), "tgz": packed_tar("w:gz")}[kind]
    if pack is not None:
        pack(place, tmp_path / f"all.{kind}")
    a, b, c, d = Source(str(place if pack is None else tmp_path / f"all.{kind}")).items()
    assert a.data == (place / "a.nii").read_bytes()
    assert d.data == (place / "d.png").read_bytes()
    if pack is None:  # cut, so that opening them says why
        assert (len(b.data), len(c.data)) == (20_001, 200_001)
    else:
        assert b.data is c.data is None
        assert "larger than" in b.error
        assert "larger than" in c.error


def test_an_address_says_what_must_be_installed(monkeypatch):
    def missing(where):
        raise ImportError('HTTPFileSystem requires "requests" and "aiohttp" to be installed')

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(ValueError, match="pip install aiohttp requests") as caught:
        Source("https://somewhere.org/pictures")
    assert str(caught.value).count(". ") == 0
