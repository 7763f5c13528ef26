"""Private folders of a run: what gradio has to put on the disk lies in one of them and nowhere else.

Only their owner can open them, and they go with the run. A run that was killed cannot clean up behind itself; the next
one does. Needs neither gradio nor torch.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from pathlib import Path

PREFIX = "mia-viz-"
VARIABLE = "GRADIO_TEMP_DIR"
LOCK = ".in-use"
_HELD: dict[str, int | None] = {}
"""Open locks by folder: as long as this process lives, nobody takes its folders for ones that were left behind."""


def private_folder() -> Path:
    """The folder of this run, made at the first call and named in GRADIO_TEMP_DIR for gradio.

    It is made in GRADIO_TEMP_DIR where that is set already, else among the system's temporary files.
    """
    named = os.environ.get(VARIABLE)
    if named in _HELD:
        return Path(named)
    folder = locked_folder(Path(named or tempfile.gettempdir()))
    os.environ[VARIABLE] = str(folder)
    return folder


def locked_folder(parent: Path) -> Path:
    """A new private folder, after those of killed runs were removed; a lock in it tells others that it is in use."""
    parent.mkdir(parents=True, exist_ok=True)
    remove_left_behind(parent)
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix=PREFIX, dir=parent)))  # mkdtemp: 0700
    _HELD[str(folder)] = _lock(folder / LOCK)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_left_behind(parent: Path) -> None:
    """Remove the folders of runs that were killed. Those of other users and of running apps stay."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            about = folder.lstat()
            own = stat.S_ISDIR(about.st_mode) and stat.S_IMODE(about.st_mode) == 0o700 and about.st_uid == os.getuid()
            held = _lock(folder / LOCK) if own and (folder / LOCK).is_file() else None
        except (OSError, AttributeError):  # gone in between; a system without users
            continue
        if held is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _lock(file: Path) -> int | None:
    """An open, locked file; None where another process holds it or locks are unknown here."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened
