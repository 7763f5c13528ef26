"""Pictures made ready for a model, compared with closed forms and with scikit-image."""

from __future__ import annotations

import hashlib
import io
import struct

import numpy as np
import pytest
from PIL import Image

from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.pictures.prepare import prepare, to_uint8

RNG = np.random.default_rng(11)
ALL_BYTES = np.arange(256, dtype=np.uint8).reshape(16, 16)
RGB = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
BOTH = pytest.mark.parametrize("how", ["crop", "fit"])


def picture_of(image: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> Picture:
    """A picture that went through a real file."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return load_picture(buffer.getvalue())


def plain(pixels: np.ndarray) -> Picture:
    """A picture straight from values (H, W, C) in [0, 1]."""
    return Picture(pixels.astype(np.float32), "picture", "", 0, "L" if pixels.shape[2] == 1 else "RGB", 8)


def unit(values: np.ndarray) -> np.ndarray:
    """Prepared values (C, H, W) in [-1, 1] back to (H, W, C) in [0, 1]."""
    return (np.moveaxis(values.astype(np.float64), 0, 2) + 1) / 2


def refusal(*args: object) -> str:
    """The sentence with which prepare refuses."""
    with pytest.raises(PictureError) as caught:
        prepare(*args)
    message = str(caught.value)
    assert message[0].isupper()
    assert message.endswith(".")
    assert message.count(". ") == 0
    assert '"crop" or "fit"' in message
    return message


# exact


def test_eight_bit_values_are_exact_to_the_last_bit():
    prepared = prepare(picture_of(ALL_BYTES), (16, 16), 1)
    assert prepared.values.dtype == np.float32
    assert prepared.values.flags.c_contiguous
    assert prepared.notes == ()
    np.testing.assert_array_equal(prepared.values[0], np.float32(ALL_BYTES / 255) * 2 - 1)
    # What torchvision's ToTensor and Normalize(0.5, 0.5), the usual training input, compute.
    np.testing.assert_array_equal(prepared.values[0], (np.float32(ALL_BYTES) / np.float32(255) - 0.5) / 0.5)


def test_colour_is_exact_and_channels_come_first():
    prepared = prepare(picture_of(RGB), (16, 16), 3)
    np.testing.assert_array_equal(prepared.values, np.float32(RGB.transpose(2, 0, 1) / 255) * 2 - 1)
    assert prepared.notes == ()


def test_the_hash_is_of_little_endian_floats():
    prepared = prepare(picture_of(RGB), (16, 16), 3)
    packed = struct.pack("<768f", *prepared.values.ravel().tolist())
    assert prepared.sha256 == hashlib.sha256(packed).hexdigest()


def test_the_hash_is_of_the_picture_and_not_of_its_file():
    hashes = {prepare(picture_of(RGB, kind), (16, 16), 3).sha256 for kind in ("PNG", "TIFF", "BMP")}
    assert len(hashes) == 1
    assert prepare(picture_of(255 - RGB), (16, 16), 3).sha256 not in hashes


@pytest.mark.parametrize("image", [Image.fromarray(RGB).quantize(9), Image.fromarray(ALL_BYTES > 99)], ids=["P", "1"])
def test_palette_and_one_bit_are_exact(image):
    prepared = prepare(picture_of(image), (16, 16), 3)
    np.testing.assert_array_equal(to_uint8(prepared.values), np.array(image.convert("RGB")))


def test_grey_is_repeated_for_a_colour_model():
    prepared = prepare(picture_of(ALL_BYTES), (16, 16), 3)
    np.testing.assert_array_equal(prepared.values, np.repeat(np.float32(ALL_BYTES / 255)[None] * 2 - 1, 3, axis=0))
    assert "repeated" in prepared.notes[0]


def test_equal_channels_are_grey():
    prepared = prepare(picture_of(np.dstack([ALL_BYTES] * 3)), (16, 16), 1)
    np.testing.assert_array_equal(to_uint8(prepared.values), ALL_BYTES)
    assert "taken as grey" in prepared.notes[0]


@pytest.mark.parametrize(("array", "channels"), [(ALL_BYTES[..., None], 1), (RGB, 3)], ids=["LA", "RGBA"])
def test_opaque_alpha_is_dropped(array, channels):
    picture = picture_of(np.concatenate([array, np.full((16, 16, 1), 255, np.uint8)], axis=2))
    assert picture.has_alpha
    prepared = prepare(picture, (16, 16), channels)
    np.testing.assert_array_equal(to_uint8(prepared.values), array.squeeze())
    assert "opaque" in prepared.notes[0]


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (picture_of(np.zeros((20, 30), np.uint8)), "30 x 20 pixels and the model looks at 16 x 16"),
        (picture_of(np.zeros((16, 17), np.uint8)), "17 x 16 pixels"),
        (picture_of(Image.new("CMYK", (16, 16)), "JPEG"), "printing inks"),
        (picture_of(np.dstack([RGB, ALL_BYTES])), "partly transparent"),
        (picture_of(np.dstack([ALL_BYTES, ALL_BYTES])), "partly transparent"),
        (picture_of(Image.fromarray(ALL_BYTES % 3).convert("P"), transparency=1), "partly transparent"),
        (picture_of(np.uint16(ALL_BYTES) * 200), "16 bits"),
        (picture_of(np.uint16(ALL_BYTES) * 200, "TIFF"), "16 bits"),
        (picture_of(np.float32(ALL_BYTES / 255), "TIFF"), "32 bits"),
        (picture_of(RGB), "grey only"),
    ],
    ids=["size", "one-off", "CMYK", "RGBA", "LA", "P-alpha", "png-16", "tiff-16", "float", "colour"],
)
def test_exact_refuses_what_would_change_a_pixel(picture, words):
    assert words in refusal(picture, (16, 16), 1)
    assert prepare(picture, (16, 16), 1, "crop").notes
    assert prepare(picture, (16, 16), 1, "fit").notes


def test_unknown_requests_are_errors_of_the_program():
    for channels, how in ((1, "stretch"), (2, "exact")):
        with pytest.raises(ValueError, match="how must be") as caught:
            prepare(picture_of(ALL_BYTES), (16, 16), channels, how)
        assert not isinstance(caught.value, PictureError)


# crop and fit


@BOTH
@pytest.mark.parametrize("factor", [2, 3, 8])
def test_shrinking_by_whole_numbers_is_the_mean_of_blocks(how, factor):
    transform = pytest.importorskip("skimage.transform")
    pixels = RNG.random((5 * factor, 7 * factor, 3), dtype=np.float32)
    prepared = prepare(plain(pixels), (5, 7), 3, how)
    expected = transform.downscale_local_mean(pixels.astype(np.float64), (factor, factor, 1))
    np.testing.assert_allclose(unit(prepared.values), expected, atol=1e-6)
    assert prepared.notes == (
        f"Shrunk {factor} times ({7 * factor} x {5 * factor} to 7 x 5 pixels): "
        f"detail finer than {factor} of its pixels is averaged away.",
    )


def test_shrinking_by_a_fraction_counts_parts_of_pixels():
    prepared = prepare(plain(np.array([[0, 0.3, 0.9]] * 3)[..., None]), (2, 2), 1, "crop")
    np.testing.assert_allclose(unit(prepared.values)[0, :, 0], [0.15 / 1.5, (0.15 + 0.9) / 1.5], atol=1e-7)


def test_shrinking_equals_enlarging_then_averaging():
    pixels = RNG.random((13, 13, 1), dtype=np.float32)
    blown_up = np.kron(pixels[..., 0].astype(np.float64), np.ones((5, 5)))
    expected = blown_up.reshape(5, 13, 5, 13).mean(axis=(1, 3))
    np.testing.assert_allclose(unit(prepare(plain(pixels), (5, 5), 1, "fit").values)[..., 0], expected, atol=1e-6)


@BOTH
@pytest.mark.parametrize("side", [16, 21])
def test_enlarging_is_bilinear(how, side):
    transform = pytest.importorskip("skimage.transform")
    pixels = RNG.random((8, 8, 1), dtype=np.float32)
    prepared = prepare(plain(pixels), (side, side), 1, how)
    expected = transform.resize(pixels, (side, side), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(unit(prepared.values), expected, atol=1e-6)
    assert "no true fine detail" in prepared.notes[0]
    assert f"Enlarged {side / 8:.3g} times (8 x 8 to {side} x {side} pixels)" in prepared.notes[0]


@BOTH
@pytest.mark.parametrize("shape", [(64, 64), (37, 91), (5, 3), (1, 1), (1, 400), (401, 2)])
@pytest.mark.parametrize("size", [(16, 16), (9, 24)])
def test_every_shape_arrives_in_size_and_keeps_a_flat_tone(how, shape, size):
    prepared = prepare(plain(np.full((*shape, 1), 0.75)), size, 1, how)
    assert prepared.values.shape == (1, *size)
    inside = prepared.values[prepared.values > -1]
    assert inside.size > 0
    np.testing.assert_allclose(inside, 0.5, atol=1e-6)
    assert how == "fit" or inside.size == prepared.values.size


@BOTH
def test_the_right_size_is_left_alone(how):
    exact = prepare(picture_of(RGB), (16, 16), 3)
    prepared = prepare(picture_of(RGB), (16, 16), 3, how)
    assert (prepared.sha256, prepared.notes) == (exact.sha256, ())


@pytest.mark.parametrize(("shape", "rows", "columns"), [((8, 14), (0, 8), (3, 11)), ((15, 8), (3, 11), (0, 8))])
def test_crop_takes_the_centre(shape, rows, columns):
    pixels = RNG.random((*shape, 1), dtype=np.float32)
    prepared = prepare(plain(pixels), (8, 8), 1, "crop")
    np.testing.assert_allclose(unit(prepared.values), pixels[slice(*rows), slice(*columns)], atol=1e-7)
    assert prepared.notes == (f"Only the central 8 x 8 of {shape[1]} x {shape[0]} pixels are looked at.",)


def test_crop_follows_the_aspect_of_the_model():
    pixels = RNG.random((40, 40, 1), dtype=np.float32)
    prepared = prepare(plain(pixels), (10, 20), 1, "crop")
    expected = pixels[10:30, :, 0].reshape(10, 2, 20, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(unit(prepared.values)[..., 0], expected, atol=1e-6)
    assert "central 40 x 20 of 40 x 40" in prepared.notes[0]


def test_fit_shows_everything_between_black_bars():
    pixels = RNG.random((8, 16, 3), dtype=np.float32)
    prepared = prepare(plain(pixels), (16, 16), 3, "fit")
    np.testing.assert_allclose(unit(prepared.values)[4:12], pixels, atol=1e-7)
    assert (prepared.values[:, :4] == -1).all()
    assert (prepared.values[:, 12:] == -1).all()
    assert prepared.notes == ("Padded with black from 16 x 8 to 16 x 16 pixels.",)


@BOTH
def test_sixteen_bits_keep_their_precision(how):
    deep = np.arange(30_000, 30_256, dtype=np.uint16).reshape(16, 16)
    prepared = prepare(picture_of(deep), (16, 16), 1, how)
    np.testing.assert_allclose(unit(prepared.values)[..., 0] * 65535, deep, atol=0.01)
    assert len(np.unique(prepared.values)) == 256
    assert prepared.notes == ("The 16-bit values were divided by 65535, without rounding.",)


@BOTH
def test_inks_become_light(how):
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[...] = [0, 255, 102, 51]
    picture = picture_of(Image.fromarray(inks, "CMYK"), "TIFF")
    prepared = prepare(picture, (16, 16), 3, how)
    np.testing.assert_allclose(unit(prepared.values)[0, 0], [0.8, 0, 0.6 * 0.8], atol=1e-6)
    assert "CMYK" in prepared.notes[0]


@BOTH
def test_transparency_is_put_on_black_before_averaging(how):
    half = np.zeros((16, 16, 4), np.uint8)
    half[:, :, :3] = 255
    half[:, ::2, 3] = 255
    prepared = prepare(picture_of(half), (8, 8), 3, how)
    np.testing.assert_allclose(unit(prepared.values), 0.5, atol=1e-6)
    assert "on black" in prepared.notes[0]


@BOTH
def test_colour_becomes_luma(how):
    image = Image.fromarray(RGB)
    prepared = prepare(picture_of(image), (16, 16), 1, how)
    luma = np.array(image.convert("L"), dtype=np.float64)
    np.testing.assert_allclose(unit(prepared.values)[..., 0] * 255, luma, atol=0.51)
    assert "Rec. 601" in prepared.notes[0]


def test_notes_are_whole_sentences_in_the_order_of_the_work():
    wide = picture_of(np.dstack([RGB.repeat(2, axis=1), np.full((16, 32), 9, np.uint8)]))
    notes = prepare(wide, (8, 8), 1, "crop").notes
    assert [note.split()[0] for note in notes] == ["Only", "Transparent", "Colour", "Shrunk"]
    assert all(note.endswith(".") and note.count(". ") <= 1 for note in notes)


@pytest.mark.parametrize(
    ("shape", "word"),
    [((1001, 1001), "Shrunk slightly"), ((1, 2_000_000), "Shrunk 2000 times"), ((1000, 3), "padded")],
)
def test_factors_are_readable(shape, word):
    notes = prepare(plain(np.zeros((*shape, 1))), (1000, 1000), 1, "fit").notes
    assert any(word.lower() in note.lower() for note in notes)
    assert not any("e+" in note for note in notes)


# display


def test_display_inverts_preparation():
    np.testing.assert_array_equal(to_uint8(prepare(picture_of(ALL_BYTES), (16, 16), 1).values), ALL_BYTES)
    np.testing.assert_array_equal(to_uint8(prepare(picture_of(RGB), (16, 16), 3).values), RGB)


def test_display_clips_and_rounds():
    values = np.array([[[-7.0, -1.0, -0.0001, 0.0079, 1.0, 7.0]]])
    assert to_uint8(values).tolist() == [[0, 0, 127, 129, 255, 255]]
    assert to_uint8(values).dtype == np.uint8
