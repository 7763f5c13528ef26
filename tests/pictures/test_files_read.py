"""What is a picture is read with every value it holds, and its oddities are told."""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from mia_viz.pictures.files import load_picture
from tests.pictures.samples import DEEP, ENCODINGS, GREY, LOSSLESS, ORIENTATION, RGB, RGBA, encode, png, refusal, tiff


@pytest.mark.parametrize("array", [GREY, RGB, RGBA], ids=["L", "RGB", "RGBA"])
@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_lossless_files_give_back_every_value(array, kind, options):
    if (kind, array.shape[-1]) in (("WEBP", 13), ("BMP", 4)):
        pytest.skip("the format has no such pictures")
    picture = load_picture(encode(array, kind, **options))
    assert picture.pixels.dtype == np.float32
    np.testing.assert_array_equal(picture.pixels, np.float32(array.reshape(11, 13, -1) / 255))
    assert picture.bits == 8


def test_a_picture_knows_its_file(tmp_path):
    path = tmp_path / "scan of a patient.png.txt"
    path.write_bytes(data := encode(GREY))
    picture = load_picture(path)
    assert picture.name == "scan of a patient.png.txt"
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.byte_size == len(data)
    assert (picture.mode, picture.notes) == ("L", ())
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "picture"),
        ("/tmp/x/a.png", "a.png"),
        ("C:\\x\\b.png", "b.png"),
        ("a\nb\x1b.png", "ab.png"),
        ("/", "picture"),
    ],
)
def test_names_are_short_and_printable(given, name):
    assert load_picture(encode(GREY), given).name == name


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_files_are_close_to_what_was_written(kind):
    smooth = np.dstack([*np.meshgrid(np.arange(0, 256, 8), np.arange(0, 256, 8)), np.full((32, 32), 90)])
    picture = load_picture(encode(smooth.astype(np.uint8), kind, quality=95))
    assert np.abs(picture.pixels * 255 - smooth).mean() < 3


def test_palette_is_looked_up():
    image = Image.fromarray(RGB).quantize(7)
    picture = load_picture(encode(image))
    palette = np.array(image.getpalette()).reshape(-1, 3)
    np.testing.assert_array_equal(picture.pixels, np.float32(palette[np.array(image)] / 255))
    assert picture.mode == "P"


def test_transparent_palette_entry_becomes_alpha():
    image = Image.fromarray(GREY % 3).convert("P")
    picture = load_picture(encode(image, transparency=2))
    assert picture.has_alpha
    np.testing.assert_array_equal(picture.pixels[..., 3] == 0, np.array(image) == 2)


@pytest.mark.parametrize(
    ("data", "alpha"),
    [
        (png(4, 1, 8, 0, bytes([0, 5, 6, 5, 7]), (b"tRNS", b"\0\5")), [0, 1, 0, 1]),
        (png(4, 1, 1, 0, b"\0\xa0", (b"tRNS", b"\0\1")), [0, 1, 0, 1]),
        (png(2, 1, 8, 2, bytes([0, 1, 2, 3, 1, 2, 4]), (b"tRNS", b"\0\1\0\2\0\3")), [0, 1]),
    ],
)
def test_one_transparent_colour_becomes_alpha(data, alpha):
    picture = load_picture(data)
    assert picture.has_alpha
    assert picture.pixels[0, :, -1].tolist() == alpha


@pytest.mark.parametrize(("bits", "byte", "values"), [(1, 0xA0, [1, 0, 1]), (2, 0x1B, [0, 1 / 3, 2 / 3, 1])])
def test_few_bits_reach_black_and_white(bits, byte, values):
    picture = load_picture(png(len(values), 1, bits, 0, bytes([0, byte])))
    assert picture.bits == bits
    np.testing.assert_allclose(picture.pixels[0, :, 0], values, atol=1e-7)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_all_kept(kind):
    picture = load_picture(encode(DEEP, kind))
    np.testing.assert_array_equal(np.rint(picture.pixels[..., 0] * 65535).astype(np.uint16), DEEP)
    assert (picture.mode, picture.bits) == ("I;16", 16)


@pytest.mark.parametrize(
    ("data", "values", "bits"),
    [
        (tiff(2, 12, 1, b"\xff\xf8\x00"), [1, 2048 / 4095], 12),
        (tiff(2, 16, 0, struct.pack("<2H", 0, 13107)), [1, 0.8], 16),
        (tiff(2, 8, 0, b"\x00\x33"), [1, 0.8], 8),
        (tiff(2, 32, 1, struct.pack("<2f", 0.25, 1.0), 3), [0.25, 1], 32),
        (tiff(2, 64, 1, struct.pack("<2d", 0.25, 1.0), 3), [0.25, 1], 64),
        (tiff(2, 16, 1, struct.pack("<2h", 0, 32767), 2), [0, 1], 16),
        (tiff(3, 16, 1, struct.pack("<3h", -1000, 0, 1000), 2), [0, 0.5, 1], 16),
    ],
    ids=["12-bit", "16-bit-white-is-zero", "8-bit-white-is-zero", "float", "double", "signed", "below-zero"],
)
def test_tiff_variants_put_black_and_white_where_they_belong(data, values, bits):
    picture = load_picture(data)
    assert picture.bits == bits
    np.testing.assert_allclose(picture.pixels[0, :, 0], values, atol=1e-7)


def test_doubles_are_read_as_another_library_writes_them():
    tifffile = pytest.importorskip("tifffile")
    values = np.random.default_rng(3).random((9, 7))
    for options in ({}, {"byteorder": ">"}, {"bigtiff": True}, {"rowsperstrip": 2}):
        file = io.BytesIO()
        tifffile.imwrite(file, values, **options)
        np.testing.assert_array_equal(load_picture(file.getvalue()).pixels[..., 0], values.astype(np.float32))
    tifffile.imwrite(file := io.BytesIO(), values, compression="zlib")
    assert "64-bit numbers" in refusal(file.getvalue())
    assert "from 0 to 2" in refusal(tiff(2, 64, 1, struct.pack("<2d", 0.0, 2.0), 3))
    assert "damaged" in refusal(tiff(2, 64, 1, struct.pack("<1d", 0.0), 3))


def test_signed_values_say_how_they_are_shown():
    assert "from -5 to 300" in load_picture(tiff(2, 16, 1, struct.pack("<2h", -5, 300), 2)).notes[0]


def test_sixteen_bit_colour_says_that_only_eight_are_read():
    picture = load_picture(png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 0xFF00, 0x8034, 0)))
    np.testing.assert_array_equal(picture.pixels[0, 0], np.float32(np.array([255, 128, 0]) / 255))
    assert picture.bits == 16
    assert "upper 8" in picture.notes[0]


def test_twelve_bits_in_sixteen_are_noticed():
    assert "very dark" in load_picture(encode(DEEP >> 4)).notes[0]
    assert load_picture(encode(DEEP)).notes == ()


def test_cmyk_jpeg_keeps_its_inks():
    inks = np.full((8, 8, 4), [255, 0, 0, 51], np.uint8)
    picture = load_picture(encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=100))
    assert picture.is_cmyk
    assert not picture.has_alpha
    np.testing.assert_allclose(picture.pixels, np.float32(inks / 255), atol=3 / 255)


@pytest.mark.parametrize(("kind", "options"), [e for e in ENCODINGS if e[0] != "BMP"])
@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, 3), (8, 1)])
def test_exif_rotation_is_applied_once(kind, options, orientation, turn):
    image = Image.fromarray(RGB)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if kind == "JPEG":
        options = {**options, "quality": 95, "subsampling": 0}
    stored = load_picture(encode(image, kind, **options))
    picture = load_picture(encode(image, kind, exif=exif, **options))
    np.testing.assert_array_equal(picture.pixels, np.rot90(stored.pixels, turn))
    assert ["turned upright" in note for note in picture.notes] == [True]


def test_exif_behind_the_pixels_of_a_png_counts():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    data = encode(GREY)
    late = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    picture = load_picture(data[:-12] + late + data[-12:])
    np.testing.assert_array_equal(picture.pixels[..., 0], np.rot90(np.float32(GREY / 255), 3))
    assert "turned upright" in picture.notes[0]


def test_damaged_exif_costs_a_note_and_no_pixel():
    picture = load_picture(encode(RGB, exif=b"Exif\0\0nonsense"))
    np.testing.assert_array_equal(picture.pixels, np.float32(RGB / 255))
    assert "EXIF data is unreadable" in picture.notes[0]


def test_a_colour_profile_is_ignored_and_said():
    cms = pytest.importorskip("PIL.ImageCms")
    profile = cms.ImageCmsProfile(cms.createProfile("sRGB")).tobytes()
    picture = load_picture(encode(RGB, icc_profile=profile))
    np.testing.assert_array_equal(picture.pixels, np.float32(RGB / 255))
    assert picture.notes == ("The colour profile in the file is ignored.",)


def test_a_preview_behind_a_camera_jpeg_is_no_second_picture():
    main, preview = Image.fromarray(RGB), Image.fromarray(RGB[:4, :4])
    picture = load_picture(encode(main, "MPO", save_all=True, append_images=[preview]))
    assert picture.pixels.shape == (11, 13, 3)
    assert "only its main picture" in picture.notes[0]


def test_threads_leave_the_warning_filters_as_they_were():
    filters = list(warnings.filters)
    data = encode(RGB)
    threads = [threading.Thread(target=load_picture, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == filters
