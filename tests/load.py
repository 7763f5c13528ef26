"""Many visitors at once, through the real queue: does everybody get the right answer, and does the app come to rest?

    python -m tests.load --visitors 20 --minutes 5

Starts the app in a process of its own and lets visitors come and go over HTTP as browsers do: of five, two wait for
their answer, one cancels, one closes the page without a word, one uploads rubbish first. Every answer that arrives is
compared, to the last byte of its pictures and numbers, with the same analysis made directly in this process. Prints
what was accepted, answered, cancelled and refused, how long answers took, how many steps of the denoiser ended after
their analysis had been told to stop, how soon the app rests when all have gone, and its memory after a first wave of as
many visitors and at the end; exit code 1 where an answer was wrong, lost or mixed up, a cancelled analysis took more
than the step it was in, work went on for nobody, or memory did not return to its level.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.load_visitors import TARGET, Expected, Tally, filled, visitor
from tests.serving.visit import Visit
from tests.ui.measure import ROOT, free_port, wait_for_port

PICTURES = 6
MORE_MEMORY = 0.10
MOST_LATE = 1
"""Steps of the denoiser: the one that was under way when the analysis was told to stop."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__.split("\n")[0])
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0)
    arguments = parser.parse_args()
    return run(arguments.visitors, 60 * arguments.minutes)


def run(visitors: int, seconds: float, pictures: int = PICTURES, patient: bool = True) -> int:
    """The whole test; prints its figures and returns the exit code.

    patient: wait until closed pages have been forgotten, so that memory can be judged.
    """
    expected = answers(pictures)
    first, tally = Tally(), Tally()
    with app() as (process, url, notes):
        wave(visitors, 1, url, expected, first)  # everything that is loaded or kept once is there afterwards
        before = settled(process) if patient else None
        begin = time.monotonic()
        wave(visitors, seconds, url, expected, tally)
        took = time.monotonic() - begin
        idle = comes_to_rest(process)
        stopped = after_cancel(url, notes)
        late = late_steps(notes)
        after = settled(process) if patient else None
        tally.wrong += first.wrong
        alive = process.poll() is None
    return report(tally, took, before, after, idle, stopped, late, alive)


def answers(count: int) -> dict[int, Expected]:
    """What the analysis of each picture must show, computed here without the app, with as many threads."""
    os.environ["MIA_VIZ_THREADS"] = "1"
    from mia_viz import engine
    from mia_viz.probe import Progress
    from mia_viz.ui.pick import gallery_indices, pick_bundled, truth
    from mia_viz.ui.walk import evidence_values

    found = {}
    for place in range(count):
        picked = pick_bundled("brain", gallery_indices("brain")[place])
        case = engine.examine_named(
            TARGET, picked.prepared, picked.name, truth(picked.group, TARGET), Progress(), lambda case: None, ""
        )
        values = enumerate(evidence_values(case))
        found[place] = Expected(picked.name, {k: text for k, text in values if isinstance(text, str) and text})
    return found


@contextmanager
def app() -> Iterator[tuple[subprocess.Popen, str, Path]]:
    """The app in a process of its own, with one thread for its sums; its address, and its notes (`load_app`)."""
    port, folder = free_port(), tempfile.TemporaryDirectory()
    notes = Path(folder.name) / "notes"
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "MIA_VIZ_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.load_app", str(notes)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port, 180)
        time.sleep(5)  # gradio first asks itself whether it can be reached, and gives up when that takes long
        yield process, f"http://127.0.0.1:{port}", notes
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        folder.cleanup()


def wave(visitors: int, seconds: float, url: str, expected: dict[int, Expected], tally: Tally) -> None:
    """So many visitors who come and go for a while; ends when the last one has gone."""
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=visitor, args=(k, url, expected, end, tally)) for k in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def memory(process: subprocess.Popen) -> float:
    """Memory of a process and of those it has started, in MiB; what they share counts once (PSS)."""
    return sum(_share(pid) for pid in [process.pid, *children(process.pid)]) / 1024


def children(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    found: list[int] = []
    with suppress(OSError):  # it has just ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *children(child)]
    return found


def _share(pid: int) -> int:
    """Kilobytes; none of a process that has just ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def settled(process: subprocess.Popen, patience: float = 120.0) -> float:
    """Memory once visits are over: the least within a while that covers the grace of closed pages."""
    from mia_viz.ui.housekeeping import GRACE_SECONDS, ROUND_SECONDS

    end = time.monotonic() + min(patience, GRACE_SECONDS + 2 * ROUND_SECONDS + 5)
    least = memory(process)
    while time.monotonic() < end:
        time.sleep(1)
        least = min(least, memory(process))
    return least


def processor(process: subprocess.Popen) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def comes_to_rest(process: subprocess.Popen, patience: float = 60.0) -> float | None:
    """Seconds after the last visitor has gone until the app computes nothing any more; None when it goes on."""
    begin = time.monotonic()
    while time.monotonic() - begin < patience:
        used = processor(process)
        time.sleep(0.5)
        if processor(process) - used < 0.1:
            return time.monotonic() - begin - 0.5
    return None


def after_cancel(url: str, notes: Path) -> float:
    """Seconds from Cancel to the last step of an analysis that was in full swing, alone with the app."""
    page = Visit(url).open()
    ask = page.event("analyse", "click")
    event_id = page.join(ask, filled(page, ask)).json()["event_id"]
    swings = (m for m in page.messages() if m["msg"] == "process_generating")
    for _ in range(5):
        next(swings)
    pressed = time.monotonic()
    assert page.cancel(ask, event_id).status_code == 200
    time.sleep(4)
    page.close()
    return max(0.0, float(notes.read_text().splitlines()[-1].split()[0]) - pressed)


def late_steps(notes: Path) -> tuple[int, int]:
    """Most steps that one analysis ended after it was told to stop, and how many analyses ended any so."""
    late = Counter(number for _, number, stop in map(str.split, notes.read_text().splitlines()) if stop == "1")
    return max(late.values(), default=0), len(late)


def report(
    tally: Tally,
    took: float,
    before: float | None,
    after: float | None,
    idle: float | None,
    stopped: float,
    late: tuple[int, int],
    alive: bool,
) -> int:
    """Print the figures; 0 when all is as it must be."""
    counts = tally.counts
    waits = sorted(tally.waits)
    print(f"{took:.0f} s; {counts['accepted']} analyses accepted: {counts['answered rightly']} answered rightly,")
    print(f"  {counts['cancelled']} cancelled, {counts['left']} left by their visitors, "
          f"{counts['done before it could be cancelled']} done before that; "
          f"{counts['told that the queue is full']} refused because the queue was full")  # fmt: skip
    print(f"{counts['rubbish refused']} damaged files refused in a sentence")
    if waits:
        print(f"an answer took {statistics.median(waits):.1f} s in the middle, {waits[-1]:.1f} s at most")
    rest = "never" if idle is None else f"after {idle:.1f} s"
    print(f"when all had gone the app came to rest {rest}")
    print(
        f"after it was told to stop, no analysis ended more than {late[0]} step of the denoiser (the one it was in; "
        f"{late[1]} did); from Cancel to the last step it took {stopped:.2f} s"
    )
    if before is not None:
        print(f"memory {before:.0f} MiB before, {after:.0f} MiB after ({100 * (after / before - 1):+.1f} %)")
    for line in tally.wrong[:20]:
        print(f"WRONG: {line}")
    accounted = sum(counts[k] for k in ("answered rightly", "cancelled", "left", "done before it could be cancelled"))
    if accounted != counts["accepted"]:
        print(f"LOST: {counts['accepted'] - accounted} analyses")
    rests = idle is not None and late[0] <= MOST_LATE and (before is None or after <= before * (1 + MORE_MEMORY))
    return 0 if rests and alive and not tally.wrong and accounted == counts["accepted"] else 1


if __name__ == "__main__":
    sys.exit(main())
