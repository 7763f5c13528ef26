"""Files to Picture: PNG, JPEG, TIFF, WebP and BMP here, scans (DICOM, NIfTI, numpy) by the file of each format.

A file is known by its content, never by its name.
Limits are checked before memory is taken: bytes before reading, pixels from the header before decoding.
Whatever is wrong with a file, the answer is one PictureError with a sentence for a person.
"""

from __future__ import annotations

import io
import os
import re
import struct
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from mia_viz.pictures.depths import deep_values, float_values, long_floats, signed_values
from mia_viz.pictures.limits import MAX_BYTES, MAX_PIXELS, MAX_SCAN_BYTES, TOO_MANY_PIXELS, guarded, sha256_of
from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.pictures.volume import View, Volume

MAX_NAME = 60
HEAD = 348
"""Bytes that tell one format from another."""
SIGNATURES = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "WebP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "BMP": re.compile(rb"BM"),
}
SCANS = {
    "DICOM": re.compile(rb"\x08\0[\0\x05\x08\x16]\0|\x02\0\0\0", re.DOTALL),
    "zip": re.compile(rb"PK\x03\x04"),
    "NIfTI": re.compile(rb"\x1f\x8b|.{344}n[i+]1\0|.{4}n[i+]2\0", re.DOTALL),
    "numpy": re.compile(rb"\x93NUMPY"),
}
DECODED_MODES = {
    "1": "L",
    "P": "RGB",
    "PA": "RGBA",
    "RGBX": "RGB",
    "RGBa": "RGBA",
    "La": "LA",
    "YCbCr": "RGB",
}
"""Stored forms, and the form that holds the same picture without a palette or packing."""
WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
EIGHT_BIT_MODES = ("L", "LA", "RGB", "RGBA", "CMYK")
SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
TURNED = range(2, 9)
WHITE_IS_ZERO = 0

RESAVE = "open it in an image editor and save it again"


def load_picture(source: str | os.PathLike[str] | bytes, name: str | None = None, view: View | None = None) -> Picture:
    """Open a picture, or one slice of a scan, from a path or from the bytes of a file.

    name: what to call it, "picture" for bytes without one; folders and unprintable characters are removed.
    view: slice, axis and window of a scan; a folder is read as a DICOM series.
    Raises PictureError for a missing, empty, oversized (50 MB, 64 million pixels; scans: 300 MB), damaged or cut-off
    file, another file type, several pictures in one file, and values without a defined black and white.
    """
    data = source if isinstance(source, bytes) else _read(source)
    volume = open_volume(source if data is None else data, _name(source, name))
    if volume is not None:
        return volume.picture(view)
    if view is not None and view.asks:
        raise PictureError("Slices and windows can be chosen of DICOM, NIfTI and numpy files only.")
    _check_size(data, MAX_BYTES)
    kind = next((kind for kind, signature in SIGNATURES.items() if signature.match(data)), None)
    if kind is None:
        raise PictureError(
            "This file is not a picture that can be read here; "
            "please use PNG, JPEG, TIFF, WebP or BMP, or a scan as DICOM, NIfTI or numpy."
        )
    pixels, mode, bits, notes = _decode(data, kind)
    return Picture(pixels, _name(source, name), sha256_of(data), len(data), mode, bits, notes)


def open_volume(source: str | os.PathLike[str] | bytes, name: str | None = None) -> Volume | None:
    """A scan of which slices and windows can be chosen; None for an ordinary picture. Raises PictureError."""
    data = source if isinstance(source, bytes) else _read(source)
    name = _name(source, name)
    if data is None:
        from mia_viz.pictures.series import open_folder

        return open_folder(Path(source), name)
    if not data:
        raise PictureError("This file is empty; please choose another one.")
    kind = kind_of_scan(data)
    if not kind:
        return None
    _check_size(data, MAX_SCAN_BYTES)
    # The libraries of a format are loaded only where one of its files is opened.
    if kind == "DICOM":
        from mia_viz.pictures.dicom import open_dicom as opened
    elif kind == "zip":
        from mia_viz.pictures.series import open_zip as opened
    elif kind == "NIfTI":
        from mia_viz.pictures.nifti import open_nifti as opened
    else:
        from mia_viz.pictures.numpy_file import open_numpy as opened
    return opened(data, name)


def kind_of_scan(data: bytes) -> str:
    """The format of a scan from its first HEAD bytes or more; empty for anything else."""
    head = data[:HEAD]
    if head[128:132] == b"DICM":  # whose first 128 bytes may be another format's
        return "DICOM"
    if any(signature.match(head) for signature in SIGNATURES.values()):
        return ""
    return next((kind for kind, signature in SCANS.items() if signature.match(head)), "")


def _check_size(data: bytes, most: int) -> None:
    if len(data) > most:
        raise PictureError(f"This file is larger than {most // 10**6} MB; save a smaller copy and use that.")


def _name(source: str | os.PathLike[str] | bytes, name: str | None) -> str:
    if name is None:
        name = "picture" if isinstance(source, bytes) else os.fspath(source)
    return _short(name)


def _read(source: str | os.PathLike[str]) -> bytes | None:
    """The bytes of a regular file (a pipe or device could go on for ever), at most one more than allowed.

    None for a folder.
    """
    path = Path(source)
    try:
        if path.is_dir():
            return None
        if not path.exists():
            raise PictureError("There is no such file; please check the name.")
        if not path.is_file():
            raise PictureError("This is not an ordinary file; please choose a picture file.")
        with path.open("rb") as file:
            head = file.read(HEAD)
            most = MAX_SCAN_BYTES if kind_of_scan(head) else MAX_BYTES
            return head + file.read(most + 1 - len(head))
    except OSError:
        raise PictureError("This file cannot be read; please check that you may open it.") from None


def _short(name: str) -> str:
    """The last part of a path of any system, printable and short enough for a heading."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(character for character in last if character.isprintable())[:MAX_NAME] or "picture"


def _decode(data: bytes, kind: str) -> tuple[np.ndarray, str, int, tuple[str, ...]]:
    """Pixels (H, W, C) in [0, 1], stored mode, stored bits, notes; PictureError where there are none."""
    if kind == "WebP" and _webp_pixels(data) > MAX_PIXELS:
        raise PictureError(TOO_MANY_PIXELS)
    with guarded(kind, RESAVE):
        try:
            if kind == "PNG":
                # Decoding stops at the last row; only this looks at checksums and the end of the file.
                with Image.open(io.BytesIO(data), formats=[kind]) as image:
                    image.verify()
            elif kind == "TIFF" and (stored := long_floats(data)) is not None:
                pixels = float_values(stored)
                pixels.flags.writeable = False
                return pixels, "F", 64, ()
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                return _extract(image, data)
        except Image.DecompressionBombError as error:
            raise PictureError(TOO_MANY_PIXELS) from error


def _webp_pixels(data: bytes) -> int:
    """Pixels that a WebP header claims; Pillow takes a canvas of that size as soon as it opens the file."""
    chunk, head = data[12:16], data[20:30].ljust(10, b"\0")
    if chunk == b"VP8X":
        width, height = int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    elif chunk == b"VP8L":
        packed = int.from_bytes(head[1:5], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", head[6:10]))
    return width * height


def _extract(image: Image.Image, data: bytes) -> tuple[np.ndarray, str, int, tuple[str, ...]]:
    """What _decode returns, from an opened image whose pixels are not decoded yet; any exception may pass."""
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(TOO_MANY_PIXELS)
    notes = _check_frames(image)
    mode, bits, white_is_zero = image.mode, _bits(image, data), _is_inverted(image)
    if image.info.get("icc_profile"):
        notes += ("The colour profile in the file is ignored.",)
    image, turned = _upright(image)
    notes += turned

    pixels, deep = _values(image, bits)
    if white_is_zero:
        pixels = 1 - pixels
        notes += ("The file stores white as 0; black and white were put in their usual places.",)
    pixels.flags.writeable = False
    return pixels, mode, bits, notes + deep


def _check_frames(image: Image.Image) -> tuple[str, ...]:
    """Refuse animations and documents. A camera may store a preview behind its JPEG: noted, not refused."""
    frames = getattr(image, "n_frames", 1)
    if frames == 1:
        return ()
    if image.format == "MPO":
        return ("The file also holds a preview or second view; only its main picture was read.",)
    raise PictureError(f"This file holds {frames} pictures; save the one you mean as a file of its own.")


def _bits(image: Image.Image, data: bytes) -> int:
    """Bits of one stored value, before the decoder widens or narrows it."""
    if image.format == "PNG":
        return data[24]  # IHDR is always the first chunk
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))
    return 1 if image.mode == "1" else 8


def _is_inverted(image: Image.Image) -> bool:
    """Whether white is stored as 0, in a depth where Pillow leaves that to us."""
    deep = image.mode == "F" or image.mode in SIXTEEN_BIT_MODES
    return image.format == "TIFF" and deep and image.tag_v2.get(262) == WHITE_IS_ZERO


def _upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode fully and turn as EXIF asks; TIFF is turned by its decoder, which then drops the tag."""
    turned = image.format == "TIFF" and image.tag_v2.get(ExifTags.Base.Orientation) in TURNED
    # Not inside the try: a failure to decode must never pass as damaged EXIF, which costs no pixel.
    image.load()
    try:
        if image.getexif().get(ExifTags.Base.Orientation) in TURNED:
            image, turned = ImageOps.exif_transpose(image), True
    except (SyntaxError, struct.error, OSError, ValueError):
        return image, ("The EXIF data is unreadable, so the picture may lie on its side.",)
    return image, ("The picture was turned upright, as its EXIF data asks.",) if turned else ()


def _values(image: Image.Image, bits: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decoded image to float32 (H, W, C) in [0, 1], with notes about its depth."""
    if image.mode == "F":
        return float_values(np.array(image, dtype=np.float32)), ()
    if image.mode in SIXTEEN_BIT_MODES and "transparency" not in image.info:
        return deep_values(np.asarray(image), 2**bits - 1)
    if image.mode == "I" and bits == 16 and "transparency" not in image.info:
        return signed_values(np.asarray(image))
    image = _looked_up(image, bits)
    if image.mode not in EIGHT_BIT_MODES:
        raise PictureError(
            "This picture stores its values in a way that does not say what black and white are; "
            "save it as grey or RGB with 8 or 16 bits."
        )
    pixels = np.asarray(image).astype(np.float32)
    pixels /= 255
    pixels = pixels.reshape(image.height, image.width, -1)
    return pixels, () if bits <= 8 else (f"Of {bits} bits per colour the upper 8 were read.",)


def _looked_up(image: Image.Image, bits: int) -> Image.Image:
    """Palettes and packed forms as L, LA, RGB or RGBA; a transparent colour becomes an alpha channel."""
    if "transparency" not in image.info:
        return image.convert(DECODED_MODES.get(image.mode, image.mode))
    if image.mode != "P" and bits not in (1, 8):
        # At these depths Pillow compares the transparent colour with rescaled pixels and finds wrong ones.
        raise PictureError("This picture marks one colour as transparent; save it with an alpha channel or without.")
    decoded = DECODED_MODES.get(image.mode, image.mode)
    return image.convert(WITH_ALPHA.get(decoded, decoded))
