"""What a file may ask for before memory is taken, how decoders are called, and the hashes that name a file."""

from __future__ import annotations

import hashlib
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mia_viz.pictures.picture import PictureError

MAX_BYTES = 50_000_000
"""Of an ordinary picture, and of one file of a series."""
MAX_SCAN_BYTES = 300_000_000
"""Of a scan, of an archive, and of what either holds once unpacked."""
MAX_PIXELS = 64_000_000
MAX_SLICE_PIXELS = 32_000_000
MAX_VOXELS = 256_000_000
MAX_FILES = 2_000
FEWEST_IN_SET, MOST_IN_SET = 5, 5_000
"""Of a set that is asked about as a whole: fewer say too little, more take too long."""

TOO_MANY_PIXELS = f"This picture has more than {MAX_PIXELS // 10**6} million pixels; save a smaller copy and use that."
NO_MEMORY = "There is not enough memory for this picture; save a smaller copy."
TOO_LARGE_INSIDE = f"This file unpacks to more than {MAX_SCAN_BYTES // 10**6} MB; save a smaller part of it."
CHUNK = 1 << 20
DAMAGED = "This {} file is damaged, incomplete or of a rare kind; {}."
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def guarded(kind: str, advice: str = "export it again") -> Iterator[None]:
    """Around a decoder: its warnings stay quiet, and whatever it raises becomes one PictureError."""
    # The filter of warnings belongs to the whole process: one thread at a time may change and restore it.
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except PictureError:
            raise
        except MemoryError as error:
            raise PictureError(NO_MEMORY) from error
        # Decoders answer hostile bytes with nearly every built-in exception (SyntaxError, struct.error,
        # TypeError, zlib.error, ...), other ones in each release, so a list could only be incomplete.
        except Exception as error:
            raise PictureError(DAMAGED.format(kind, advice)) from error


def check_slice(height: int, width: int) -> None:
    """Raise PictureError for a slice without pixels or with too many."""
    if height < 1 or width < 1:
        raise PictureError("This scan states a size without pixels, so it is damaged.")
    if height * width > MAX_SLICE_PIXELS:
        raise PictureError(f"A slice of this scan has more than {MAX_SLICE_PIXELS // 10**6} million pixels.")


def check_voxels(shape: Sequence[int]) -> None:
    """Raise PictureError for a volume without voxels or with too many; product in Python's unbounded integers."""
    voxels = 1
    for side in shape:
        if side < 1:
            raise PictureError("This scan states a size without pixels, so it is damaged.")
        voxels *= int(side)
    if voxels > MAX_VOXELS:
        raise PictureError(f"This scan has more than {MAX_VOXELS // 10**6} million values; save a smaller part of it.")


def inflate(data: bytes, wbits: int, most: int | None = None) -> bytes:
    """Unpack a deflate, zlib (wbits < 0, > 0) or gzip (31) stream, at most `most` bytes of it.

    Raises PictureError beyond that, zlib.error for a damaged stream, EOFError for one that is cut off.
    """
    most = MAX_SCAN_BYTES if most is None else most
    parts, total, rest = [], 0, data
    unpack = zlib.decompressobj(wbits)
    while not unpack.eof:
        part = unpack.decompress(rest, CHUNK)
        rest = unpack.unconsumed_tail
        total += len(part)
        if total > most:
            raise PictureError(TOO_LARGE_INSIDE)
        if not part and not rest and not unpack.eof:
            raise EOFError
        parts.append(part)
    return b"".join(parts)


def sha256_of(data: bytes) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def joint_sha256(hashes: Sequence[str]) -> str:
    """The hash of many files: of their hashes, sorted, one per line."""
    return sha256_of("\n".join(sorted(hashes)).encode())
