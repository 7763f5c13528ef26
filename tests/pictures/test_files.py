"""Files of every kind a person may bring: read back as they were written, or refused in one sentence."""

from __future__ import annotations

import hashlib
import io
import struct
import sys
import threading
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from mia_viz.pictures import files
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import PictureError

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (11, 13), dtype=np.uint8)
RGB = RNG.integers(0, 256, (11, 13, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (11, 13, 4), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (11, 13), dtype=np.uint16)
ORIENTATION = 0x0112
LOSSLESS = [
    ("PNG", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True, "exact": True}),
    ("BMP", {}),
]
ENCODINGS = [*LOSSLESS, ("JPEG", {}), ("JPEG", {"progressive": True})]


def encode(image: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of a real file of this kind."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, bits: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG written by hand: header, extra chunks, pixels as given."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(width: int, bits: int, photometric: int, row: bytes, sample_format: int = 1) -> bytes:
    """A TIFF of one row written by hand, for depths that Pillow reads and does not write."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: 1, 279: len(row)}
    tags[339] = sample_format
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, v) for tag, v in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + row


def webp_of_zeros(side: int) -> bytes:
    """A valid lossless WebP of side x side black pixels in some 40 bytes: five codes with one symbol each."""
    bits, position = (side - 1) | (side - 1) << 14, 35
    for _ in range(5):
        bits |= 1 << position
        position += 4
    body = b"\x2f" + bits.to_bytes(9, "little")
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBPVP8L" + struct.pack("<I", len(body)) + body


def refusal(source: object) -> str:
    """The sentence with which a source is refused; fails unless it is one sentence for a person."""
    with pytest.raises(PictureError) as caught:
        load_picture(source)
    message = str(caught.value)
    assert message[0].isupper()
    assert message.endswith(".")
    assert message.count(". ") == 0
    assert len(message) < 160
    for word in (
        "\n",
        "/",
        "<",
        "Error",
        "Exception",
        "Traceback",
        "PIL",
        "Pillow",
        "BytesIO",
        "decoder",
        "secret",
    ):
        assert word not in message
    return message


# What is refused


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


# What is read


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
    ],
    ids=["12-bit", "16-bit-white-is-zero", "8-bit-white-is-zero", "float"],
)
def test_tiff_variants_put_black_and_white_where_they_belong(data, values, bits):
    picture = load_picture(data)
    assert picture.bits == bits
    np.testing.assert_allclose(picture.pixels[0, :, 0], values, atol=1e-7)


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
