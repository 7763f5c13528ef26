"""A series in a folder or a zip: in the order of space, hashed as a whole; tricks with archives are refused."""

from __future__ import annotations

import hashlib
import io
import zipfile

import numpy as np
import pytest

from mia_viz.pictures import limits, series
from mia_viz.pictures.files import load_picture, open_volume
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import View
from tests.pictures.samples import GREY, encode, refusal
from tests.pictures.scans import PUBLIC, dicom, ramp

LYING = [1, 0, 0, 0, 1, 0]


def slices(count: int = 3, **tags: object) -> list[bytes]:
    """Files whose values are all 10, 11, ... and whose positions fall while their numbers rise."""
    return [
        dicom(
            np.full((8, 8), 10 + k, np.uint16),
            ImageOrientationPatient=LYING,
            ImagePositionPatient=[0, 0, -5 * k],
            InstanceNumber=k,
            SeriesNumber=4,
            **tags,
        )
        for k in range(count)
    ]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def test_a_folder_and_a_zip_are_one_scan_in_the_order_of_space(tmp_path):
    files = slices()
    for k, data in enumerate(files):
        (tmp_path / f"{k}").write_bytes(data)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "preview.png").write_bytes(encode(GREY))
    (tmp_path / "report").write_bytes((PUBLIC / "reportsi.dcm").read_bytes())
    archive = zipped({f"scan/{k}": data for k, data in enumerate(files)} | {"readme": b"words"})
    for volume in (open_volume(tmp_path), open_volume(archive)):
        assert volume.counts == (3,)
        assert [volume.plane(0, k).values[0, 0] for k in range(3)] == [12, 11, 10]
    hashes = sorted(hashlib.sha256(data).hexdigest() for data in files)
    assert open_volume(archive).sha256 == hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    assert "Slice 2 of 0 to 2" in load_picture(tmp_path, view=View(slice=2)).notes[0]


def test_two_series_in_one_folder_are_refused():
    files = {str(k): data for k, data in enumerate(slices())}
    assert "several series" in refusal(zipped(files | {"x": dicom(ramp(8), SeriesNumber=5)}))
    assert "more than one slice" in refusal(
        zipped({"a": dicom(np.stack([ramp(8)] * 2)), "b": dicom(np.stack([ramp(8)] * 3))})
    )


def test_a_file_that_changes_afterwards_is_noticed(tmp_path):
    for k, data in enumerate(slices()):
        (tmp_path / f"{k}").write_bytes(data)
    volume = open_volume(tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(dicom(ramp(8)))
    with pytest.raises(PictureError, match="has changed"):
        volume.picture()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "..\\x", "C:\\x"])
def test_names_that_point_outside_are_refused(name):
    assert "outside itself" in refusal(zipped({name: slices(1)[0]}))


def test_links_and_passwords_are_refused():
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, "elsewhere")
    assert "links" in refusal(file.getvalue())
    locked = bytearray(zipped({"a": slices(1)[0]}))
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal(bytes(locked))


def test_zip_bombs_are_refused_by_what_they_state_and_by_what_they_hold(monkeypatch):
    bomb = zipped({"zeros": bytes(2_000_000)})
    assert len(bomb) < 10_000
    monkeypatch.setattr(series, "MAX_SCAN_BYTES", 1_000_000)
    assert "unpacks to more" in refusal(bomb)
    monkeypatch.setattr(series, "MAX_SCAN_BYTES", limits.MAX_SCAN_BYTES)
    monkeypatch.setattr(series, "MAX_BYTES", 1_000_000)
    assert "unpacks to more" in refusal(bomb)
    monkeypatch.setattr(series, "MAX_FILES", 2)
    assert "more than 2 files" in refusal(zipped({str(k): b"" for k in range(3)}))


def test_archives_without_a_scan_are_refused():
    assert "no DICOM files" in refusal(zipped({"a.png": encode(GREY)}))
    assert "no pictures" in refusal(zipped({"a": (PUBLIC / "reportsi.dcm").read_bytes()}))
    whole = zipped({"a": slices(1)[0]})
    assert "damaged" in refusal(whole[:-30])
