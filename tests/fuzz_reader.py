"""Opening damaged files for `tests.fuzz` in a second process, so that a crash of a native decoder is counted."""

from __future__ import annotations

import multiprocessing
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

import numpy as np

from mia_viz.audit import containers
from mia_viz.audit.source import Source
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, PictureError
from tests import fuzz_seeds
from tests.fuzz_cases import Case
from tests.fuzz_seeds import ARCHIVES, CHECKPOINT, DICOM, MODEL, REFERENCE

MOST_SECONDS = 10.0
MOST_MEMORY = 2**30
MOST_ITEMS = 500
"""Pictures of an archive that are read; a damaged one may state any number."""
START_SECONDS = 180
FILES, MODELS = "files", "models"
Opener = Callable[[bytes, str, Path], str]


@dataclass(frozen=True)
class Outcome:
    """What became of one case: "opened", "refused" or a failure in words; memory in bytes above the process's own;
    alive: whether the process that opened it can go on."""

    kind: str
    result: str
    seconds: float
    memory: int
    alive: bool = True

    @property
    def failure(self) -> str:
        """What is wrong, in words without numbers, so that two cases of one weakness say the same; empty if nothing."""
        if self.result not in ("opened", "refused"):
            return re.sub(r"\d+", "#", self.result)[:80]
        if self.seconds > MOST_SECONDS:
            return f"took longer than {MOST_SECONDS:.0f} s"
        return f"took more than {MOST_MEMORY >> 20} MiB" if self.memory > MOST_MEMORY else ""


@lru_cache
def seeds(what: str = FILES) -> dict[str, tuple[bytes, ...]]:
    """Whole files by kind."""
    found = fuzz_seeds.models() if what == MODELS else {**fuzz_seeds.pictures(), **fuzz_seeds.archives()}
    return {kind: tuple(files) for kind, files in found.items()}


def opened(data: bytes, kind: str, place: Path) -> str:
    """ "opened", "refused", or what is wrong with the answer. place: an empty folder for kinds that are not opened from
    bytes, whose files are replaced the next time."""
    try:
        if kind in ARCHIVES:
            return _gone_through(data, place / f"a{ARCHIVES[kind]}")
        if kind in (*MODEL, CHECKPOINT, REFERENCE):
            return _model(data, kind, place)
        picture = load_picture(data)
    except PictureError as error:
        return _refusal(str(error))
    except ValueError as error:
        if kind in ARCHIVES:
            return _refusal(str(error))
        # Of a model the name of the file comes first, which may begin with a small letter and has points in it.
        sentence = re.sub(r"^[\w./-]+\.\w+ ", "It ", str(error))
        return _refusal(sentence) if kind in (*MODEL, CHECKPOINT, REFERENCE) else f"ValueError: {error}"[:200]
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return _wrong(picture) or "opened"


def _refusal(text: str) -> str:
    one = text[:1].isupper() and text.endswith(".") and "\n" not in text and len(text) < 300
    return "refused" if one and ". " not in text else f"not one sentence: {text[:200]}"


def _gone_through(data: bytes, file: Path) -> str:
    """What an audit's walk makes of an archive: opened where there is any picture in it."""
    file.write_bytes(data)
    # Tables too are read in this process, whose end, time and memory are what is looked at.
    with patch.object(containers, "_seen_by_others", lambda system: False):
        found = list(islice(Source(str(file), told=True).items(), MOST_ITEMS))
    file.unlink()
    said = {item.error for item in found if item.data is None}
    wrong = [answer for answer in map(_refusal, said) if answer != "refused"]
    return wrong[0] if wrong else "opened" if len(said) < len(found) and any(i.data for i in found) else "refused"


def _model(data: bytes, kind: str, place: Path) -> str:
    from mia_viz.commands.common import open_target
    from mia_viz.reference import load

    if kind == REFERENCE:
        (place / "reference.safetensors").write_bytes(data)
        load(place / "reference.safetensors")
        return "opened"
    if kind == CHECKPOINT:
        (place / "checkpoint.pt").write_bytes(data)
        open_target(str(place / "checkpoint.pt"), "cpu")
        return "opened"
    for other, name in MODEL.items():
        (place / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "model" / name).write_bytes(data if other == kind else seeds(MODELS)[other][0])
    open_target(str(place / "model"), "cpu")
    return "opened"


def _wrong(picture: Picture) -> str:
    pixels = picture.pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or pixels.dtype != np.float32:
        return f"pixels of shape {pixels.shape} and type {pixels.dtype}"
    if not pixels.size or not (pixels.min() >= 0 and pixels.max() <= 1):
        return "pixels outside 0 to 1"
    return ""


class Reader:
    """The second process: started when needed, and again after a crash or a hang. Use as a context manager."""

    def __init__(self, what: str = FILES, opener: Opener = opened) -> None:
        self.what, self.opener, self.process = what, opener, None
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self.folder.cleanup()

    def __call__(self, case: Case) -> Outcome:
        if self.process is None:
            self._start()
        try:
            self.pipe.send((case.data, case.kind))
            told = self.pipe.recv() if self.pipe.poll(2 * MOST_SECONDS) else None
        except (EOFError, OSError):
            self.process.join(1)  # what died by itself tells why by its exit code
            told = Outcome(case.kind, f"the process died, exit code {self.process.exitcode}", 0.0, 0, alive=False)
        if told is None:
            told = Outcome(case.kind, "no answer", 2 * MOST_SECONDS, 0, alive=False)
        if not told.alive:
            self._stop()
        return told

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = self.what, self.opener, Path(self.folder.name), theirs
        self.process = context.Process(target=_answer, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        try:
            ready = self.pipe.poll(START_SECONDS) and self.pipe.recv()
        except EOFError:
            ready = False
        if not ready:
            self._stop()
            raise RuntimeError("The second process could not be started.")

    def _stop(self) -> None:
        if self.process is not None:
            self.pipe.close()
            self.process.kill()
            self.process.join()
            self.process = None


def _answer(what: str, opener: Opener, place: Path, pipe: Connection) -> None:
    """In the second process: open what comes and tell each outcome."""
    for kind, files in seeds(what).items():  # so that every library is loaded
        opened(files[0], kind, place)
    load_picture((DICOM / "MR_small_jp2klossless.dcm").read_bytes())
    own = _most_memory()
    pipe.send(True)
    while True:
        try:
            data, kind = pipe.recv()
        except EOFError:
            return
        _forget_most_memory()
        began = time.perf_counter()
        result = opener(data, kind, place)
        pipe.send(Outcome(kind, result, time.perf_counter() - began, max(0, _most_memory() - own)))


def _forget_most_memory() -> None:
    """So that each case tells its own; where the system cannot, a case tells the most so far."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _most_memory() -> int:
    """The most memory this process has held, in bytes."""
    with suppress(OSError):
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
