"""Damaged files of every format, thousands of them: no crash, no hang, no flood of memory, one sentence each.

    python -m tests.fuzz --count 5000 [--what files|models] [--seed 0] [--keep FOLDER]

Files are pictures and scans, as the app and the command line open them, and archives of pictures, as an audit goes
through them: the test files that pydicom and nibabel ship, and others written here (`tests.fuzz_seeds`). Models are a
tiny model's folder, a research checkpoint and a reference. Each case changes one of them in one of several ways (see
`mutated`) and is a function of --what, --seed and its number. A second process opens them, so that a crash of a native
decoder is counted instead of ending the run. Prints, for every format, cases, how many opened, how many were refused,
the longest time and the most memory on top of what the process needs by itself; each failure with its number; exit
code 1 where there was any. --keep writes the files that failed to a folder.
"""

from __future__ import annotations

import argparse
import gzip
import multiprocessing
import re
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from mia_viz.audit.source import Source
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, PictureError
from tests import fuzz_seeds
from tests.fuzz_seeds import ARCHIVES, CHECKPOINT, DICOM, MODEL, REFERENCE

MOST_SECONDS = 10.0
MOST_MEMORY = 2**30
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WAYS = ("byte", "head", "number", "cut", "splice", "double", "insert", "bits")
MOST_ITEMS = 500
"""Pictures of an archive that are read; a damaged one may state any number."""
FILES, MODELS = "files", "models"


@dataclass(frozen=True)
class Outcome:
    """What became of one case: "opened", "refused" or a failure in words; memory in bytes above the process's own."""

    case: int
    kind: str
    result: str
    seconds: float
    memory: int

    @property
    def failed(self) -> bool:
        return self.result not in ("opened", "refused") or self.seconds > MOST_SECONDS or self.memory > MOST_MEMORY


def seeds(what: str = FILES) -> dict[str, list[bytes]]:
    """Whole files by format."""
    return fuzz_seeds.models() if what == MODELS else {**fuzz_seeds.pictures(), **fuzz_seeds.archives()}


def case(seed: int, number: int, what: str = FILES) -> tuple[str, bytes]:
    """The format and the bytes of one case."""
    rng = np.random.default_rng([seed, number])
    kinds = [*seeds(what), *(["DICOM", "DICOM"] if what == FILES else [])]  # many formats in one
    kind = kinds[number % len(kinds)]
    files = seeds(what)[kind]
    data = files[rng.integers(len(files))]
    inside = kind in ("NIfTI packed", "tar packed") and rng.random() < 0.5
    data = gzip.decompress(data) if inside else data
    for _ in range(1 + rng.integers(3)):
        data = mutated(data, files[rng.integers(len(files))], WAYS[rng.integers(len(WAYS))], rng)
    return kind, gzip.compress(data, 1) if inside else data


def mutated(data: bytes, other: bytes, way: str, rng: np.random.Generator) -> bytes:
    """byte, bits: a few anywhere. head: a few among the first 600. number: 1, 2 or 4 bytes set to an extreme. cut: ends
    early. splice: goes on as another file. double: a piece twice. insert: random bytes between."""
    if len(data) < 8:
        return data
    changed, end = bytearray(data), len(data)
    start, stop = sorted(int(k) for k in rng.integers(0, end, 2))
    if way in ("byte", "head"):
        for place in rng.integers(0, end if way == "byte" else min(end, 600), 1 + rng.integers(8)):
            changed[place] = int(rng.integers(256))
    elif way == "bits":
        changed[start] ^= 1 << int(rng.integers(8))
    elif way == "number":
        size = int(rng.choice([1, 2, 4]))
        value = int(rng.choice(INTERESTING)) & (256**size - 1)
        place = int(rng.integers(0, min(end, 2000) - size))
        changed[place : place + size] = value.to_bytes(size, str(rng.choice(["little", "big"])))
    elif way == "cut":
        del changed[max(1, stop) :]
    elif way == "splice":
        changed[start:] = other[min(start, len(other)) :]
    elif way == "double":
        changed[start:start] = changed[start : min(stop, start + 5000)]
    else:
        changed[start:start] = rng.bytes(int(rng.integers(1, 64)))
    return bytes(changed)


def opened(data: bytes, kind: str = "", place: Path | None = None) -> str:
    """ "opened", "refused", or what is wrong with the answer. place: an empty folder for kinds that are not opened from
    bytes, which is emptied again."""
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
        named = re.sub(r"^[\w./-]+\.\w+ ", "It ", str(error))
        return _refusal(named) if kind in (*MODEL, CHECKPOINT, REFERENCE) else f"ValueError: {error}"[:200]
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return _wrong(picture) or "opened"


def _refusal(text: str) -> str:
    one = text[:1].isupper() and text.endswith(".") and "\n" not in text and len(text) < 300
    return "refused" if one and ". " not in text else f"not one sentence: {text[:200]}"


def _gone_through(data: bytes, file: Path) -> str:
    """What an audit's walk makes of an archive: opened where there is any picture in it."""
    file.write_bytes(data)
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


def answer(what: str, seed: int, first: int, last: int, pipe: Connection) -> None:
    """In the second process: open the cases from `first` on and tell each outcome."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for kind, files in seeds(what).items():  # so that every library is loaded
            opened(files[0], kind, place)
        load_picture((DICOM / "MR_small_jp2klossless.dcm").read_bytes())
        own = _memory()
        pipe.send("ready")
        for number in range(first, last):
            kind, data = case(seed, number, what)
            began = time.perf_counter()
            result = opened(data, kind, place)
            pipe.send(Outcome(number, kind, result, time.perf_counter() - began, max(0, _memory() - own)))
    pipe.close()


def _memory() -> int:
    """The most memory this process has held so far, in bytes."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def run(count: int, seed: int = 0, what: str = FILES) -> list[Outcome]:
    """All outcomes, the second process started again after a crash or a hang."""
    context, outcomes = multiprocessing.get_context("spawn"), []
    while len(outcomes) < count:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=answer, args=(what, seed, len(outcomes), count, theirs))
        process.start()
        theirs.close()
        ready = ours.poll(180) and _received(ours)
        problem = _listen(ours, outcomes, count) if ready else ""
        process.join(1)  # what died by itself tells why by its exit code
        process.kill()
        process.join()
        if not ready:
            raise RuntimeError("The second process could not be started.")
        if problem:
            number = len(outcomes)
            reason = f"{problem} (exit code {process.exitcode})"
            outcomes.append(Outcome(number, case(seed, number, what)[0], reason, 0.0, 0))
    return outcomes


def _listen(pipe: Connection, outcomes: list[Outcome], count: int) -> str:
    """Collect outcomes until all are there, empty, or the process is silent or gone: what happened then."""
    while len(outcomes) < count:
        if not pipe.poll(2 * MOST_SECONDS):
            return f"no answer for {2 * MOST_SECONDS:.0f} s"
        if not (told := _received(pipe)):
            return "the process died"
        outcomes.append(told)
    return ""


def _received(pipe: Connection) -> Outcome | str | None:
    """What the second process tells next; None when it is gone."""
    try:
        return pipe.recv()
    except EOFError:
        return None


def table(outcomes: list[Outcome], what: str = FILES) -> str:
    """A line for every format and one for all."""
    lines = [f"{'format':16}{'cases':>7}{'opened':>8}{'refused':>9}{'failed':>8}{'longest s':>11}{'memory MiB':>12}"]
    for kind in (*seeds(what), "all"):
        rows = [o for o in outcomes if kind in (o.kind, "all")]
        counts = [sum(o.result == word for o in rows) for word in ("opened", "refused")]
        worst = max((o.seconds for o in rows), default=0), max((o.memory for o in rows), default=0) / 2**20
        failed = sum(o.failed for o in rows)
        lines.append(f"{kind:16}{len(rows):7}{counts[0]:8}{counts[1]:9}{failed:8}{worst[0]:11.2f}{worst[1]:12.0f}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--what", choices=(FILES, MODELS), default=FILES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    outcomes = run(arguments.count, arguments.seed, arguments.what)
    print(table(outcomes, arguments.what))
    failures = [outcome for outcome in outcomes if outcome.failed]
    for outcome in failures:
        print(f"case {outcome.case} ({outcome.kind}): {outcome.result}, {outcome.seconds:.1f} s")
        if arguments.keep is not None:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / f"case-{outcome.case}").write_bytes(case(arguments.seed, outcome.case, arguments.what)[1])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
