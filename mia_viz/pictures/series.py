"""A DICOM series in a folder or a zip archive: to one Volume, its slices in the order in which they lie.

Nothing of an archive is written to disk; names in it are only read. Files are told apart by their content, so reports,
previews and other files between the slices do no harm.
"""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from mia_viz.pictures import dicom
from mia_viz.pictures.limits import (
    MAX_BYTES,
    MAX_FILES,
    MAX_SCAN_BYTES,
    TOO_LARGE_INSIDE,
    check_voxels,
    guarded,
    joint_sha256,
    sha256_of,
)
from mia_viz.pictures.named import DICOM_HEAD, is_dicom
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import Plane, Volume

ENCRYPTED = 0x1
Read = Callable[[], bytes]


@dataclass(frozen=True, eq=False)
class Slice:
    """One file of a series: how to read it again, its tags without pixels, and its hash."""

    read: Read
    scan: dicom.Scan
    sha256: str
    byte_size: int


def open_folder(folder: Path, name: str) -> Volume:
    """The DICOM series of a folder (not of folders inside it). Raises PictureError."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.is_symlink())
        if len(files) > MAX_FILES:
            raise PictureError(f"This folder holds more than {MAX_FILES} files; choose a smaller part of it.")
        if sum(file.stat().st_size for file in files if file.stat().st_size <= MAX_BYTES) > MAX_SCAN_BYTES:
            raise PictureError(f"The files of this folder hold more than {MAX_SCAN_BYTES // 10**6} MB.")
        reads = [_reader(file) for file in files if file.stat().st_size <= MAX_BYTES and is_dicom(_head(file))]
        if not reads:
            raise PictureError("This folder holds no DICOM files; choose a single picture inside it.")
        return _volume(reads, name)
    except OSError:
        raise PictureError("This folder cannot be read; please check that you may open it.") from None


def open_zip(data: bytes, name: str) -> Volume:
    """The DICOM series of a zip archive. Raises PictureError for a damaged, hostile or encrypted one."""
    with guarded("zip"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _check_entries(entries)
        reads = [_unpacker(archive, entry) for entry in entries]
        reads = [read for read in reads if is_dicom(read()[:DICOM_HEAD])]
    if not reads:
        raise PictureError("This archive holds no DICOM files; unpack it and choose a single picture.")
    return _volume(reads, name)


def _check_entries(entries: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse archives that unpack to too much, point outside themselves, or hold links. Raises PictureError."""
    if len(entries) > MAX_FILES:
        raise PictureError(f"This archive holds more than {MAX_FILES} files; choose a smaller part of it.")
    if sum(entry.file_size for entry in entries) > MAX_SCAN_BYTES:
        raise PictureError(TOO_LARGE_INSIDE)
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in entry.filename:
            raise PictureError("This archive names files outside itself, which is a trick; it was not opened.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise PictureError("This archive holds links to other files, which are not followed.")
        if entry.flag_bits & ENCRYPTED:
            raise PictureError("This archive is locked with a password; unpack it first.")


def _unpacker(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Read:
    def read() -> bytes:
        with archive.open(entry) as file:
            data = file.read(MAX_BYTES + 1)  # whatever size the directory states
        if len(data) > MAX_BYTES:
            raise PictureError(TOO_LARGE_INSIDE)
        return data

    return read


def _reader(file: Path) -> Read:
    def read() -> bytes:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)

    return read


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(DICOM_HEAD)


def _volume(reads: Sequence[Read], name: str) -> Volume:
    slices = [found for found in map(_slice, reads) if found is not None]
    if not slices:
        raise PictureError("The DICOM files here hold no pictures.")
    if len({_kind(s.scan) for s in slices}) > 1:
        raise PictureError("These DICOM files belong to several series; choose the files of one of them.")
    if any(s.scan.count > 1 for s in slices) and len(slices) > 1:
        raise PictureError("Several of these files hold more than one slice; choose a single one of them.")
    with guarded("DICOM"):
        slices.sort(key=_place)
        first = slices[0].scan.tags
        count = slices[0].scan.count if len(slices) == 1 else len(slices)
        check_voxels((count, int(first.Rows), int(first.Columns)))

    def plane(index: int) -> Plane:
        chosen, frame = (slices[0], index) if len(slices) == 1 else (slices[index], 0)
        with guarded("DICOM"):
            data = chosen.read()
        if sha256_of(data) != chosen.sha256:
            raise PictureError("A file of this series has changed since it was opened; open it again.")
        return dicom.decode(dicom.read_scan(data), frame)

    middle = slices[len(slices) // 2].scan
    sha256 = slices[0].sha256 if len(slices) == 1 else joint_sha256([s.sha256 for s in slices])
    size = sum(s.byte_size for s in slices)
    return dicom.as_volume(slices[0].scan, middle.of_frame(middle.count // 2), name, sha256, size, count, plane)


def _slice(read: Read) -> Slice | None:
    """One file without its pixels; None for a DICOM file that is no picture (a report, a directory)."""
    with guarded("DICOM"):
        data = read()
    try:
        return Slice(read, dicom.read_scan(data, pixels=False), sha256_of(data), len(data))
    except PictureError as error:
        if "holds no picture" in str(error):
            return None
        raise


def _kind(scan: dicom.Scan) -> tuple[object, ...]:
    """What slices of one series share; no identifier is needed for it."""
    tags = scan.tags
    direction = tuple(round(float(x), 2) for x in tags.get("ImageOrientationPatient") or ())
    return (
        tags.get("Modality"),
        str(tags.get("SeriesNumber")),
        tags.Rows,
        tags.Columns,
        tags.PhotometricInterpretation,
        direction,
    )


def _place(found: Slice) -> tuple[float, float, str]:
    """Order along the normal of the slices where positions are given, else by the number of each picture."""
    tags = found.scan.tags
    number = float(tags.get("InstanceNumber") or 0)
    position, direction = tags.get("ImagePositionPatient"), tags.get("ImageOrientationPatient")
    if not position or not direction or len(position) != 3 or len(direction) != 6:
        return 0.0, number, found.sha256
    normal = np.cross([float(x) for x in direction[:3]], [float(x) for x in direction[3:]])
    return round(float(np.dot(normal, [float(x) for x in position])), 3), number, found.sha256
