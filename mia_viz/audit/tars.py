"""Pictures in tar files, also as WebDataset writes them; plain ones are skipped through, packed ones read through.

Headers come from strangers: what they state is held against limits before memory is taken.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from mia_viz.audit.reading import CAPTION_BYTES, Answer, Passed, Reader, broken, caption_text, hidden, limited
from mia_viz.pictures.limits import MAX_BYTES
from mia_viz.pictures.named import BESIDE, DICOM_HEAD, is_dicom, may_be_dicom, named_as_picture

DAMAGED = "The archive is damaged here, so what follows in it cannot be read."
CUT_OFF = "The archive has no end, so pictures may be missing here."
NOT_READ = "This file in the archive is damaged, protected by a password or packed in a way that is not known here."
GZIP = b"\x1f\x8b"
MOST_HEADER = 1_000_000
"""Bytes of one extended header, and of all that hold for the rest of an archive; usual are a few hundred."""
MOST_PICTURES = 1_000
"""Of one WebDataset key; more are taken as several samples, since all of them would be held at once."""
EXTENDED = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
EXTENDED += (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)


class Header(tarfile.TarInfo):
    """A member's header that refuses, as a TarError, what would take memory or time without end.

    The library reads extended headers whole, whatever size they state, and goes backwards at a negative size. Sparse
    files state their size without having it; no picture is stored so.
    """

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        extended = self.type in EXTENDED and self.size > MOST_HEADER
        kept = sum(len(key) + len(value) for key, value in archive.pax_headers.items()) > MOST_HEADER
        if self.size < 0 or extended or kept or self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("a header beyond all limits")
        return super()._proc_member(archive)

    def _refused(self, *_: Any) -> None:
        raise tarfile.ReadError("a sparse file")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refused


def of_tar(file: BinaryIO, name: str, near: bool, passed: Passed) -> Iterator[tuple[str, Reader]]:
    """Members in order; those of one key (all before the first dot of the file name) are a WebDataset sample.

    near: whether bytes can be looked at for nothing, to find DICOM files whose names say nothing.
    """
    packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    near = near or packed
    try:
        archive = tarfile.open(fileobj=file, mode="r|gz" if packed else "r:", tarinfo=Header)  # noqa: SIM115
    except OSError:
        raise
    except Exception:  # hostile headers raise nearly anything (TarError, ValueError, RecursionError, ...)
        yield name, broken("This tar file is damaged.")
        return
    sample, key, reached = _Sample(), None, 0
    while True:
        member, sound = _next(archive)
        if not sound or (member is not None and archive.offset <= reached):  # a size that leads backwards
            yield from sample.pictures()
            yield name, broken(DAMAGED)
            return
        reached = archive.offset
        if member is None:
            break
        place, _, last = member.name.rpartition("/")
        if (place, last.partition(".")[0]) != key or sample.full:
            yield from sample.pictures()
            sample, key = _Sample(), (place, last.partition(".")[0])
        if member.isfile() and not hidden(member.name):
            sample.add(archive, member, f"{name}/{member.name}", packed, near, passed)
    yield from sample.pictures()
    if not packed and not _ended(file, archive.offset):
        yield name, broken(CUT_OFF)


def _next(archive: tarfile.TarFile) -> tuple[tarfile.TarInfo | None, bool]:
    """The next member, None at the end, and whether its header is sound; OSError of the storage passes."""
    try:
        member = archive.next()
    except OSError:
        raise
    except Exception:
        return None, False
    archive.members.clear()  # else it keeps every header it has met
    return member, True


def _ended(file: BinaryIO, offset: int) -> bool:
    """Whether a tar ends with the empty block that every complete one has; packed ones have checksums instead."""
    file.seek(offset)
    return file.read(tarfile.BLOCKSIZE) == tarfile.NUL * tarfile.BLOCKSIZE


class _Sample:
    """The files of one key: its pictures, and the caption that may come before or after them."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Any]] = []
        self.held = 0
        self.caption: str | None = None

    @property
    def full(self) -> bool:
        """Whether no more should be held at once."""
        return self.held > MAX_BYTES or len(self.found) >= MOST_PICTURES

    def add(
        self,
        archive: tarfile.TarFile,
        member: tarfile.TarInfo,
        name: str,
        packed: bool,
        near: bool,
        passed: Passed,
    ) -> None:
        low = member.name.lower()
        if low.endswith((".txt", ".cls", ".json")):
            self._note(archive, member, low)
        elif named_as_picture(low) or (near and may_be_dicom(low)):
            only = not named_as_picture(low)
            # A packed archive cannot be gone back in, so what may be wanted is read now.
            content = _member(archive, member, only) if packed else None
            if only and (content if packed else _member(archive, member, only, head=True)) == NO_DICOM:
                passed(name)
                return
            self.held += len(content[0] or b"") if content else 0
            self.found.append((name, content or (lambda: _member(archive, member))))
        elif not low.endswith(BESIDE):
            passed(name)

    def _note(self, archive: tarfile.TarFile, member: tarfile.TarInfo, low: str) -> None:
        if member.size > CAPTION_BYTES:
            return
        data, _ = _member(archive, member)
        told = None if data is None else caption_text(data)
        self.caption = _of_json(told) or self.caption if low.endswith(".json") else told

    def pictures(self) -> Iterator[tuple[str, Reader]]:
        for name, content in self.found:

            def read(content: Any = content) -> Answer:
                data, error = content() if callable(content) else content
                return data, self.caption, error

            yield name, read


NO_DICOM = (None, "")
"""Of a member that could have been DICOM and is not."""


def _member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, only: bool = False, head: bool = False
) -> tuple[bytes | None, str]:
    """A member's bytes, or None and why there are none. only: of DICOM files; head: no more than their head."""
    try:
        opened = archive.extractfile(member)
        if opened is None:
            return None, NOT_READ
        before = opened.read(DICOM_HEAD) if only else b""
        if only and not is_dicom(before):
            return NO_DICOM
        if head:
            return before, ""
        data, error = limited(opened, member.size, before)
    except (tarfile.TarError, EOFError, zlib.error):
        return None, NOT_READ
    return (data, error) if data is None or len(data) == member.size else (None, NOT_READ)


def _of_json(text: str | None) -> str | None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    told = found.get("caption") if isinstance(found, dict) else None
    return told if isinstance(told, str) else None
