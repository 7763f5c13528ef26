"""Which files hold pictures: by the end of their names, and DICOM, which often has none, by its first bytes."""

from __future__ import annotations

import os
from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".dcm", ".nii", ".nii.gz", ".npy")
BESIDE = (".txt", ".json", ".cls", ".csv", ".tsv", ".md", ".xml", ".html", ".yaml", ".yml", ".log", ".pdf", ".lock")
"""Ends of names of what often lies beside pictures and is never opened to find out what it is."""
INDEX = "DICOMDIR"
"""The table of contents of a DICOM medium: DICOM itself, and no picture."""
MAGIC, MAGIC_PLACE = b"DICM", 128
DICOM_HEAD = MAGIC_PLACE + len(MAGIC)
"""Bytes that tell a DICOM file: a preamble of any content, then MAGIC (DICOM PS3.10, 7.1)."""


def named_as_picture(name: str) -> bool:
    """Whether a file's name ends as that of a picture or scan does."""
    return name.lower().endswith(SUFFIXES)


def may_be_dicom(name: str) -> bool:
    """Whether only its first bytes can tell if a file with this name is a DICOM file, such as IM000001 or 1.2.840.5."""
    return not name.lower().endswith((*SUFFIXES, *BESIDE)) and name.rpartition("/")[2].upper() != INDEX


def is_dicom(head: bytes) -> bool:
    """Whether the first DICOM_HEAD bytes are those of a DICOM file with its preamble, as stored series have it."""
    return head[MAGIC_PLACE:DICOM_HEAD] == MAGIC


def is_picture_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file of this machine holds a picture or scan: known by its name, else an ordinary file that is DICOM.

    What cannot be read is none.
    """
    name = os.path.basename(os.fspath(path))
    if named_as_picture(name):
        return True
    return may_be_dicom(name) and os.path.isfile(path) and _begins_as_dicom(Path(path))


def _begins_as_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(DICOM_HEAD))
    except OSError:
        return False
