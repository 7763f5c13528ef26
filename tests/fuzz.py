"""Damaged files of every format, thousands of them: no crash, no hang, no flood of memory, one sentence each.

    python -m tests.fuzz --count 5000 [--seed 0] [--keep FOLDER]

Seeds are the test files that pydicom and nibabel ship, pictures written by Pillow, and arrays, packed scans and zipped
series written here. Each case changes one of them in one of several ways (see `mutated`) and is a function of --seed
and its number. A second process opens them, so that a crash of a native decoder is counted instead of ending the run.
Prints, for every format, cases, how many opened, how many were refused, the longest time and the most memory on top of
what the process needs by itself; each failure with its number; exit code 1 where there was any. --keep writes the files
that failed to a folder.
"""

from __future__ import annotations

import argparse
import gzip
import io
import multiprocessing
import resource
import sys
import time
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from PIL import Image

from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, PictureError

MOST_SECONDS = 10.0
MOST_MEMORY = 2**30
LARGEST_SEED = 200_000
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WAYS = ("byte", "head", "number", "cut", "splice", "double", "insert", "bits")
DICOM, NIFTI = Path(pydicom.__file__).parent / "data" / "test_files", Path(nibabel.__file__).parent / "tests" / "data"


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


@lru_cache(maxsize=1)
def seeds() -> dict[str, list[bytes]]:
    """Whole files by format, at most LARGEST_SEED bytes each."""
    rng = np.random.default_rng(1)
    found: dict[str, list[bytes]] = defaultdict(list)
    colour, grey = rng.integers(0, 256, (23, 19, 3), dtype=np.uint8), rng.integers(0, 65536, (23, 19), dtype=np.uint16)
    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP"):
        for options in ({}, {"lossless": True} if kind == "WEBP" else {"progressive": True}):
            found[kind].append(_saved(Image.fromarray(colour), kind, **options))
        if kind in ("PNG", "TIFF"):
            found[kind].append(_saved(Image.fromarray(grey), kind))
    scans = [file.read_bytes() for file in sorted(DICOM.glob("*.dcm")) if file.stat().st_size < LARGEST_SEED]
    found["DICOM"] = [scan for scan in scans if opened(scan) == "opened"] + scans[-5:]
    scans = [file.read_bytes() for file in sorted(NIFTI.glob("*.nii*")) if file.stat().st_size < LARGEST_SEED]
    found["NIfTI"] = [gzip.decompress(scan) if scan[:2] == b"\x1f\x8b" else scan for scan in scans]
    found["NIfTI packed"] = [gzip.compress(scan, 1) for scan in found["NIfTI"] if len(scan) < LARGEST_SEED]
    for array in (grey, colour, rng.random((5, 9, 7), dtype=np.float32), grey.astype(">u2"), grey > 9):
        file = io.BytesIO()
        np.save(file, array)
        found["numpy"].append(file.getvalue())
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for k in range(3):
                archive.writestr(f"slice{k}.dcm", (DICOM / "MR_small.dcm").read_bytes())
            archive.writestr("report.txt", "three slices")
        found["zip"].append(file.getvalue())
    return dict(found)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def case(seed: int, number: int) -> tuple[str, bytes]:
    """The format and the bytes of one case."""
    rng = np.random.default_rng([seed, number])
    kinds = [*seeds(), "DICOM", "DICOM"]  # many formats in one
    kind = kinds[number % len(kinds)]
    files = seeds()[kind]
    data = files[rng.integers(len(files))]
    inside = kind == "NIfTI packed" and rng.random() < 0.5
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


def opened(data: bytes) -> str:
    """ "opened", "refused", or what is wrong with the answer."""
    try:
        picture = load_picture(data)
    except PictureError as error:
        text = str(error)
        one = text[:1].isupper() and text.endswith(".") and ". " not in text and "\n" not in text and len(text) < 200
        return "refused" if one else f"not one sentence: {text[:200]}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return _wrong(picture) or "opened"


def _wrong(picture: Picture) -> str:
    pixels = picture.pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or pixels.dtype != np.float32:
        return f"pixels of shape {pixels.shape} and type {pixels.dtype}"
    if not pixels.size or not (pixels.min() >= 0 and pixels.max() <= 1):
        return "pixels outside 0 to 1"
    return ""


def answer(seed: int, first: int, last: int, pipe: Connection) -> None:
    """In the second process: open the cases from `first` on and tell each outcome."""
    seeds()
    load_picture((DICOM / "MR_small_jp2klossless.dcm").read_bytes())
    load_picture(seeds()["NIfTI"][0])
    own = _memory()
    pipe.send("ready")
    for number in range(first, last):
        kind, data = case(seed, number)
        began = time.perf_counter()
        result = opened(data)
        pipe.send(Outcome(number, kind, result, time.perf_counter() - began, max(0, _memory() - own)))
    pipe.close()


def _memory() -> int:
    """The most memory this process has held so far, in bytes."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def run(count: int, seed: int = 0) -> list[Outcome]:
    """All outcomes, the second process started again after a crash or a hang."""
    context, outcomes = multiprocessing.get_context("spawn"), []
    while len(outcomes) < count:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=answer, args=(seed, len(outcomes), count, theirs))
        process.start()
        theirs.close()
        ready = ours.poll(60) and _received(ours)
        problem = _listen(ours, outcomes, count) if ready else ""
        process.join(1)  # what died by itself tells why by its exit code
        process.kill()
        process.join()
        if not ready:
            raise RuntimeError("The second process could not be started.")
        if problem:
            number = len(outcomes)
            reason = f"{problem} (exit code {process.exitcode})"
            outcomes.append(Outcome(number, case(seed, number)[0], reason, 0.0, 0))
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


def table(outcomes: list[Outcome]) -> str:
    """A line for every format and one for all."""
    lines = [f"{'format':14}{'cases':>7}{'opened':>8}{'refused':>9}{'failed':>8}{'longest s':>11}{'memory MiB':>12}"]
    for kind in (*seeds(), "all"):
        rows = [o for o in outcomes if kind in (o.kind, "all")]
        counts = [sum(o.result == word for o in rows) for word in ("opened", "refused")]
        worst = max((o.seconds for o in rows), default=0), max((o.memory for o in rows), default=0) / 2**20
        failed = sum(o.failed for o in rows)
        lines.append(f"{kind:14}{len(rows):7}{counts[0]:8}{counts[1]:9}{failed:8}{worst[0]:11.2f}{worst[1]:12.0f}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    outcomes = run(arguments.count, arguments.seed)
    print(table(outcomes))
    failures = [outcome for outcome in outcomes if outcome.failed]
    for outcome in failures:
        print(f"case {outcome.case} ({outcome.kind}): {outcome.result}, {outcome.seconds:.1f} s")
        if arguments.keep is not None:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / f"case-{outcome.case}").write_bytes(case(arguments.seed, outcome.case)[1])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
