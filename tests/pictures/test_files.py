"""What cannot be a picture, or not safely, is refused in one sentence."""

from __future__ import annotations

import struct
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from mia_viz.pictures import files
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import PictureError
from tests.pictures.samples import ENCODINGS, GREY, RGB, RNG, encode, png, refusal, webp_of_zeros


@pytest.mark.parametrize(
    "data",
    [
        b"hello, I am a text",
        b"<html><body>not found</body></html>",
        RNG.bytes(4096),
        b"%PDF-1.7\n",
        b"\0" * 500,
        b"\x89",
    ],
)
def test_what_is_no_picture_is_refused(data, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(data)
    assert "not a picture" in refusal(path)
    assert "not a picture" in refusal(data)


def test_a_picture_of_an_unlisted_type_is_refused():
    assert "PNG, JPEG, TIFF, WebP or BMP" in refusal(encode(GREY, "GIF"))


def test_empty_missing_folder_and_device_are_refused(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"")
    assert "empty" in refusal(tmp_path / "secret.png")
    assert "empty" in refusal(b"")
    assert "folder" in refusal(tmp_path)
    assert "no such file" in refusal(str(tmp_path / "secret" / "gone.png"))
    assert "no such file" in refusal("secret\0.png")
    refusal("secret" * 1000)
    assert "ordinary" in refusal("/dev/zero")


@pytest.mark.parametrize(("kind", "options"), ENCODINGS)
def test_a_file_cut_anywhere_is_refused(kind, options, capfd):
    data = encode(RGB, kind, **options)
    load_picture(data)
    for end in range(12, len(data), 7):
        assert "damaged" in refusal(data[:end])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("cut", [5, 12])
def test_a_png_without_its_last_bytes_is_refused_though_its_pixels_are_complete(cut):
    assert "damaged" in refusal(encode(RGB)[:-cut])


def test_a_png_with_a_changed_byte_is_refused():
    data = bytearray(encode(GREY))
    data[60] ^= 1
    assert "damaged" in refusal(bytes(data))


@pytest.mark.parametrize(("kind", "options"), ENCODINGS)
def test_scrambled_files_give_a_picture_or_a_sentence(kind, options):
    data = np.frombuffer(encode(RGB, kind, **options), np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(60):
        hurt = data.copy()
        places = rng.integers(4, min(len(hurt), 120), 3)
        hurt[places] = rng.integers(0, 256, 3)
        try:
            load_picture(hurt.tobytes())
        except PictureError:
            refusal(hurt.tobytes())


@pytest.mark.parametrize("rows", [b"\0" * 9, bytes(5 * 6 - 1), b""])
def test_a_png_with_too_few_pixels_is_refused_though_its_checksums_are_right(rows):
    assert load_picture(png(5, 5, 8, 0, bytes(5 * 6))).pixels.shape == (5, 5, 1)
    assert "damaged" in refusal(png(5, 5, 8, 0, rows))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
def test_a_header_without_pixels_is_refused(width, height):
    assert "damaged" in refusal(png(width, height, 8, 0, b""))


def bmp_header(side: int) -> bytes:
    """The header of a BMP that claims side x side colour pixels, and a few of them."""
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 200, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(64)


@pytest.mark.parametrize(
    "data",
    [
        png(100_000, 100_000, 8, 0, b"\0" * 9),
        png(10_000, 9_000, 8, 0, b"\0" * 9),
        png(8_001, 8_000, 8, 2, b"\0" * 9),
        webp_of_zeros(16_383),
        webp_of_zeros(9_000),
        bmp_header(9_000),
    ],
    ids=["png-bomb", "png-at-pillow-warning", "png-just-above", "webp-bomb", "webp", "bmp"],
)
def test_too_many_pixels_are_refused_before_memory_is_taken(data, recwarn):
    resource = pytest.importorskip("resource")
    scale = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    tracemalloc.start()
    message = refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "64 million pixels" in message
    assert peak < 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale - before < 20_000_000
    assert not recwarn.list


@pytest.mark.parametrize("side", [9_000, 16_383])
def test_too_large_a_webp_is_not_even_opened(side, monkeypatch):
    monkeypatch.delattr(files.Image, "open")
    assert "64 million pixels" in refusal(webp_of_zeros(side))


def test_webp_written_by_hand_is_valid():
    assert load_picture(webp_of_zeros(30)).pixels.shape == (30, 30, 3)


@pytest.mark.parametrize("options", [{"lossless": True}, {}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}])
def test_webp_headers_tell_the_size_before_opening(options):
    data = encode(RNG.integers(0, 256, (37, 1029, 3), dtype=np.uint8), "WEBP", **options)
    assert files._webp_pixels(data) == 37 * 1029


def test_too_many_bytes_are_refused_and_not_all_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 2_000)
    path = tmp_path / "secret.bmp"
    path.write_bytes(b"BM" + b"\0" * 50_000)
    assert "larger" in refusal(path)
    assert len(files._read(path)) == 2_001


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_several_pictures_in_one_file_are_refused_with_their_number(kind, options):
    frames = [Image.fromarray(np.full((8, 8, 3), shade, np.uint8)) for shade in (0, 90, 200)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert "holds 3 pictures" in refusal(data)


@pytest.mark.parametrize(
    ("values", "word"),
    [([0, np.nan], "NaN"), ([np.inf, 1], "infinite"), ([-1, 0.5], "-1 to 0.5"), ([0, 900], "900")],
)
def test_float_values_without_a_meaning_are_refused(values, word):
    assert word in refusal(encode(np.array([values], np.float32), "TIFF"))


def test_whole_numbers_without_a_white_are_refused():
    assert "black and white" in refusal(encode(np.array([[0, 70_000]], np.int32), "TIFF"))


@pytest.mark.parametrize(
    "data",
    [
        png(2, 1, 16, 2, bytes(13), (b"tRNS", bytes(6))),
        png(2, 1, 16, 0, bytes(5), (b"tRNS", bytes(2))),
        png(2, 1, 2, 0, b"\0\x1b", (b"tRNS", b"\0\1")),
    ],
)
def test_a_transparent_colour_that_the_decoder_would_miss_is_refused(data):
    assert "transparent" in refusal(data)


def test_the_decoder_running_out_of_memory_is_told(monkeypatch):
    def full(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr(files, "_extract", full)
    assert "memory" in refusal(encode(GREY))
