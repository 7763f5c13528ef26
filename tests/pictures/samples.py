"""Real files for the tests of this room, written by Pillow or by hand."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

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
    assert len(message) < 200
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
