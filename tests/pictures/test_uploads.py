"""Uploads are opened in processes apart: the same objects to the last bit, and no file ends the app."""

from __future__ import annotations

import gc
import io
import os
import re
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mia_viz.pictures import uploads
from mia_viz.pictures.apart import CRASHED, TOO_LONG, Helpers
from mia_viz.pictures.files import load_picture, open_volume
from mia_viz.pictures.picture import Picture, PictureError, View
from mia_viz.pictures.volume import Volume
from tests.pictures.samples import GREY, encode
from tests.pictures.scans import NIFTI, PUBLIC, dicom, ramp
from tests.pictures.test_series import slices, zipped

BREAKS = """
import os, re
from mia_viz.pictures import files, dicom
decode, frame = files._decode, dicom.decode
def breaking(data, kind):
    if data.endswith(b"deadly"):
        os.abort()
    if data.endswith(b"endless"):
        re.match(r"(a+)+$", "a" * 60 + "b")
    return decode(data, kind)
def broken(scan, index):
    if index == 2:
        os.abort()
    return frame(scan, index)
files._decode, dicom.decode = breaking, broken
"""
"""Run by every Python program that finds it as `sitecustomize`: decoders that some files and one slice end."""


@pytest.fixture(scope="module", autouse=True)
def own():
    """Processes of these tests alone."""
    uploads.helpers.cache_clear()
    yield
    uploads.helpers().close()
    uploads.helpers.cache_clear()


@pytest.fixture
def breaks(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BREAKS)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with Helpers(2) as fresh:
        monkeypatch.setattr(uploads, "helpers", lambda: fresh)
        yield


def pictures() -> dict[str, bytes]:
    """A file of every form of picture that is stored in its own way."""
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (9, 7), dtype=np.uint16)
    colour = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    turned = Image.Exif()
    turned[274] = 6
    return {
        "grey.png": encode(GREY),
        "deep.png": encode(deep),
        "alpha.webp": encode(np.dstack([colour, colour[..., :1]]), "WEBP", lossless=True),
        "turned.jpg": encode(colour, "JPEG", exif=turned),
        "ink.jpg": encode(Image.fromarray(colour).convert("CMYK"), "JPEG"),
        "float.tif": encode(deep.astype(np.float32) / 65535, "TIFF"),
        "palette.png": encode(Image.fromarray(colour).convert("P")),
    }


def scans() -> dict[str, bytes]:
    array = io.BytesIO()
    np.save(array, np.random.default_rng(1).normal(0, 400, (4, 6, 5)).astype(np.float32))
    return {
        "frames.dcm": dicom(np.stack([ramp(8) * k for k in range(1, 4)]), WindowCenter=[9, 40], WindowWidth=[8, 20]),
        "packed.dcm": (PUBLIC / "MR_small_jp2klossless.dcm").read_bytes(),
        "colour.dcm": (PUBLIC / "examples_rgb_color.dcm").read_bytes(),
        "brain.nii.gz": (NIFTI / "example4d.nii.gz").read_bytes(),
        "stack.npy": array.getvalue(),
        "series.zip": zipped({str(k): data for k, data in enumerate(slices())}),
    }


def assert_same(here: Picture, apart: Picture) -> None:
    for part in fields(Picture):
        if part.name != "pixels":
            assert getattr(here, part.name) == getattr(apart, part.name)
    assert (here.pixels.dtype, here.pixels.shape) == (apart.pixels.dtype, apart.pixels.shape)
    assert here.pixels.tobytes() == apart.pixels.tobytes()
    assert not apart.pixels.flags.writeable


@pytest.mark.parametrize("name", pictures())
def test_a_picture_is_the_same_to_the_last_bit(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(pictures()[name])
    for found in (uploads.open_upload(file, name), uploads.load_upload(file.read_bytes(), name)):
        assert_same(load_picture(file, name), found)


@pytest.mark.parametrize("name", scans())
def test_a_scan_is_the_same_to_the_last_bit_after_its_file_is_gone(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(scans()[name])
    here, apart = open_volume(file.read_bytes(), name), uploads.open_upload(file, name)
    assert_same(here.picture(), uploads.load_upload(file, name))
    assert_same(here.picture(View(slice=0)), uploads.load_upload(file, name, View(slice=0)))
    file.unlink()
    for part in fields(Volume):
        if part.name != "plane":
            assert getattr(here, part.name) == getattr(apart, part.name)
    for axis, count in enumerate(here.counts):
        for index in {0, count // 2, count - 1}:
            ours, theirs = here.plane(axis, index), apart.plane(axis, index)
            assert ours.values.tobytes() == theirs.values.tobytes()
            assert (ours.notes, here.default(ours)) == (theirs.notes, apart.default(theirs))
            assert_same(here.picture(View(index, str(axis))), apart.picture(View(index, str(axis))))


@pytest.mark.parametrize("data", [b"", b"words", encode(GREY)[:50], dicom(ramp(8))[:300], zipped({"../x": b""})])
def test_what_cannot_be_opened_says_the_same(tmp_path, data):
    file = tmp_path / "a"
    file.write_bytes(data)
    sentences = set()
    for opened in (load_picture, uploads.open_upload, uploads.load_upload):
        with pytest.raises(PictureError) as caught:
            opened(file, "a")
        sentences.add(str(caught.value))
    assert len(sentences) == 1


def test_a_view_of_what_is_no_scan_and_a_pipe_are_refused(tmp_path):
    with pytest.raises(PictureError, match="Slices and windows can be chosen of"):
        uploads.load_upload(encode(GREY), "a", View(slice=1))
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", tmp_path / "nowhere"):
        with pytest.raises(PictureError):
            uploads.open_upload(file)


def test_files_that_end_their_decoder_end_nothing_else(breaks, monkeypatch):
    monkeypatch.setattr(uploads, "SECONDS", 1.0)
    for end, sentence in ((b"deadly", CRASHED), (b"endless", TOO_LONG.format(1))):
        with pytest.raises(PictureError, match=f"^{re.escape(sentence)}$"):
            uploads.load_upload(encode(GREY) + end)
    assert_same(load_picture(encode(GREY)), uploads.load_upload(encode(GREY)))


def test_a_slice_that_ends_its_decoder_closes_this_scan_and_no_other(breaks, tmp_path):
    file = tmp_path / "a.dcm"
    file.write_bytes(dicom(np.stack([ramp(8) * k for k in range(1, 8)])))
    one, other = uploads.open_upload(file), uploads.open_upload(file)
    assert one.picture(View(slice=1)).pixels.shape == (8, 8, 1)
    with pytest.raises(PictureError, match=f"^{re.escape(uploads.SLICE_FAILED)}$"):
        one.picture(View(slice=2))
    with pytest.raises(PictureError, match=f"^{re.escape(uploads.GONE)}$"):
        one.picture(View(slice=1))
    assert other.picture(View(slice=1)).pixels.shape == (8, 8, 1)
    assert uploads.load_upload(encode(GREY)).mode == "L"


def test_a_scan_and_its_process_end_together(tmp_path, monkeypatch):
    file, taken = tmp_path / "a.dcm", []
    file.write_bytes(dicom(ramp(8)))
    keep = Helpers.keep

    def watched(self, *asked, **how):
        answer, process = keep(self, *asked, **how)
        taken.append(process)
        return answer, process

    monkeypatch.setattr(Helpers, "keep", watched)
    volume = uploads.open_upload(file)
    process = taken[0]
    uploads.warm()
    assert volume.picture().pixels.shape == (8, 8, 1)
    assert process.sound
    del volume
    gc.collect()
    assert not process.sound


def test_there_are_only_so_many_scans_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_SCANS", 2)
    gc.collect()
    file = tmp_path / "a.dcm"
    file.write_bytes(dicom(ramp(8)))
    held = [uploads.open_upload(file) for _ in range(2)]
    with pytest.raises(PictureError, match=f"^{re.escape(uploads.MANY)}$"):
        uploads.open_upload(file)
    held.pop()
    gc.collect()
    assert uploads.open_upload(file).counts == (1,)


def test_the_first_upload_finds_a_process_at_work(monkeypatch):
    with Helpers(1) as fresh:
        monkeypatch.setattr(uploads, "helpers", lambda: fresh)
        uploads.warm()
        first = fresh.ask(os.getpid, seconds=20)
        start = time.monotonic()
        uploads.load_upload(encode(GREY))
        assert time.monotonic() - start < 5
        assert fresh.ask(os.getpid, seconds=20) == first


def test_where_no_process_can_start_there_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("mia_viz.pictures.apart.START", "raise SystemExit")
    monkeypatch.setattr(uploads, "helpers", lambda: Helpers(1))
    (tmp_path / "a.dcm").write_bytes(dicom(ramp(8)))
    for asked in (lambda: uploads.load_upload(encode(GREY)), lambda: uploads.open_upload(Path(tmp_path / "a.dcm"))):
        with pytest.raises(PictureError, match=r"could not be started\.$"):
            asked()
    uploads.warm()
