"""The size that a compressed picture inside a scan states for itself, read before a decoder believes it.

JPEG and JPEG-LS: ITU-T T.81 annex B and T.87 annex C, frame headers. JPEG 2000: ITU-T T.800 annex A, SIZ marker.
"""

from __future__ import annotations

import struct

from mia_viz.pictures.picture import PictureError

FRAME_HEADERS = {*range(0xC0, 0xD0), 0xDE, 0xF7} - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15, DHP (a hierarchy's full size) and JPEG-LS; not the tables between them."""
START_OF_SCAN = 0xDA
ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length."""
JPEG_2000 = b"\xff\x4f\xff\x51"


def check_size(stream: bytes, rows: int, columns: int) -> None:
    """Raise PictureError unless a JPEG, JPEG-LS or JPEG 2000 stream states `rows` x `columns` pixels throughout.

    Decoders take memory for the size in the stream, whatever the scan around it says.
    """
    sizes = _jpeg_2000(stream) if JPEG_2000 in stream[:4096] else _jpeg(stream)
    if not sizes:
        raise PictureError("The compressed picture in this scan does not state its size, so it is damaged.")
    if any(size != (rows, columns) for size in sizes):
        raise PictureError("The compressed picture in this scan has another size than the scan says.")


def _jpeg_2000(stream: bytes) -> list[tuple[int, int]]:
    """(rows, columns) of every SIZ marker that follows a start of codestream; several could be nested in boxes."""
    found, place = [], stream.find(JPEG_2000)
    while place >= 0:
        right, low, left, top = struct.unpack(">4I", stream[place + 8 : place + 24])
        found.append((low - top, right - left))
        place = stream.find(JPEG_2000, place + 4)
    return found


def _jpeg(stream: bytes) -> list[tuple[int, int]]:
    """(rows, columns) of every frame header before the first scan."""
    found, place = [], 2
    while stream[:2] == b"\xff\xd8" and place + 4 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker == START_OF_SCAN:
            break
        if marker in FRAME_HEADERS:
            found.append(struct.unpack(">HH", stream[place + 5 : place + 9]))
        if marker == 0xFF:  # padding before a marker
            place += 1
        elif marker in ALONE:
            place += 2
        else:
            place += 2 + max(2, int.from_bytes(stream[place + 2 : place + 4], "big"))
    return found
