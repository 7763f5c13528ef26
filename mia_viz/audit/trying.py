"""Which file is being decoded just now, noted so that one that ends the program is known when the audit goes on.

A decoder's crash takes its process with it, note and all that is in memory lost; only what was written stays. So the
place is written before each file is decoded, and on going on that file is decoded in a process of its own, whose end is
a row of the table. A note says no more than where a run was when it ended: a file that is sound gives its usual row.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType

PREFIX, DIGITS = ".trying-", 19
NOTHING = "-" * DIGITS


class Trying:
    """The notes of all runs in an audit's folder, and this run's own. Use as a context: a run that ends leaves none.

    suspects: places at which other runs are, or ended without a word.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.suspects = frozenset(place for file in folder.glob(f"{PREFIX}*") if (place := _read(file)) is not None)
        self._file: int | None = None
        self._path = folder / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"

    def note(self, place: int | None) -> None:
        """Write down what is decoded next, None for nothing. It outlives this process, not a loss of power."""
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.pwrite(self._file, (NOTHING if place is None else f"{place:0{DIGITS}d}").encode(), 0)

    def __enter__(self) -> Trying:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
            with suppress(OSError):
                self._path.unlink()


def forget(folder: Path, shard: tuple[int, int]) -> None:
    """Remove the notes of runs that ended without a word, from an audit that is complete: not after one shard of
    several, since others may be at work."""
    if shard[1] == 1:
        for file in folder.glob(f"{PREFIX}*"):
            file.unlink(missing_ok=True)


def _read(file: Path) -> int | None:
    """The place in a note; None where there is none."""
    with suppress(OSError, ValueError):
        text = file.read_text(encoding="ascii")
        return int(text) if len(text) == DIGITS and text != NOTHING else None
    return None
