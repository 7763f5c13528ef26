"""Sections measured in processes of their own: number of pictures, two workers, start-up. Plain numbers come out."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mia_viz.speed import toys
from mia_viz.speed.scale import Scale
from mia_viz.targets import bundled

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180.0
HEAVY = 8


def number(scale: Scale, work: Path) -> dict[str, Any]:
    """Time and peak memory of whole audits of more and more pictures, with the smallest model there is."""
    model = toys.write_model(work / "toy")
    rows = []
    for count in scale.counts:
        source = toys.write_pictures(work / f"{count}.parquet", count)
        rows.append(_child(model, source, work / f"number-{count}"))
    plain = _child(model, source, work / "number-plain", "--no-spectra")
    return {"rows": rows, "side": toys.SIDE, "row_bytes": plain["table"] / plain["pictures"]}


def workers(scale: Scale, work: Path) -> dict[str, Any]:
    """Pictures per second of one and of two processes that share an audit: shards, and Ray where it is installed."""
    model = bundled.ASSETS / "targets" / scale.target
    source = work / "shared"
    source.mkdir(exist_ok=True)
    known = bundled.population_of(scale.target)
    for i in range(scale.shared):
        if not (source / f"{i:05d}.png").exists():
            (source / f"{i:05d}.png").symlink_to(known.path(i % len(known.files)).resolve())
    usual, short = scale.parts
    asked = (model, source)
    _child(*asked, work / "shards-1", "--part", str(usual))
    both = [_start(*asked, work / "shards-2", "--part", str(usual), "--shard", str(i), "2") for i in (1, 2)]
    for process in both:
        _said(process)
    engines = [("shards", usual, "shards")]
    if importlib.util.find_spec("ray") is not None:
        for part in (usual, short):
            for n in (1, 2):
                _child(*asked, work / f"Ray-{part}-{n}", "--part", str(part), "--actors", str(n))
            engines.append(("Ray", part, f"Ray-{part}"))
    rows = [
        {"engine": name, "part": part, **{n: at_work(work / f"{at}-{k}", k, part) for k, n in ((1, "one"), (2, "two"))}}
        for name, part, at in engines
    ]
    return {"target": scale.target, "pictures": scale.shared, "rows": rows}


def at_work(out: Path, count: int, part: int) -> float:
    """Pictures per second between the first and the last part that was written, of equal parts and `count` workers.

    Every worker's first part was begun before that, so as many parts are not counted.
    """
    times = sorted(file.stat().st_mtime for file in (out / "parts").glob("*.parquet"))
    return part * (len(times) - count) / (times[-1] - times[0])


def startup(scale: Scale, work: Path) -> dict[str, Any]:
    """Seconds until help, an imported package, a first score and the app's page are there; what imports take."""
    program = (sys.executable, "-m", "mia_viz")
    known = bundled.population_of(scale.target)
    first = (*program, "score", str(known.path(0)), "--target", scale.target, "--attack", "loss", "--device", "cpu")
    rows = {
        "python -m mia_viz --help": _median([(*program, "--help")] * scale.starts),
        "import mia_viz": _median([(sys.executable, "-c", "import mia_viz")] * scale.starts),
        "score one picture with loss": _median([first] * max(1, scale.starts // 2)),
        "the app, until its page answers": statistics.median(_app() for _ in range(max(1, scale.starts // 2))),
    }
    return {"target": scale.target, "rows": rows, "imports": _imports(first[2:])}


def _command(model: Path, source: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "mia_viz.speed.child", str(model), str(source), str(out), *options]


def _start(*asked: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(_command(*asked), stdout=subprocess.PIPE, text=True, env=_environment())


def _said(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a child wrote. Raises RuntimeError where it failed; its own words are on the error stream."""
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("A measurement failed; see above.")
    return json.loads(out.splitlines()[-1])


def _child(*asked: Any) -> dict[str, Any]:
    return _said(_start(*asked))


def _environment(**more: str) -> dict[str, str]:
    """One thread per process, so that processes can be compared."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "MIA_VIZ_THREADS": "1", "OMP_NUM_THREADS": "1", **more}


def _median(commands: Sequence[Sequence[str]]) -> float:
    taken = []
    for command in commands:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_environment(), cwd=ROOT)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _app() -> float:
    """Seconds from starting the app to the first answer of its page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    command = [sys.executable, str(ROOT / "app.py")]
    quiet = {"stdout": subprocess.DEVNULL, "start_new_session": True}
    app = subprocess.Popen(command, env=_environment(GRADIO_SERVER_PORT=str(port)), cwd=ROOT, **quiet)
    try:
        while time.perf_counter() - start < PATIENCE and app.poll() is None:
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer,
            ):
                answer.read()
                return time.perf_counter() - start
            time.sleep(0.02)
    finally:
        os.killpg(app.pid, signal.SIGTERM)
        app.wait(timeout=60)
    raise RuntimeError("The app did not answer.")


def _imports(command: Sequence[str]) -> list[list[Any]]:
    """[package, seconds] of the packages whose own modules take longest to import for a first score."""
    timed = [sys.executable, "-X", "importtime", "-m", *command]
    told = subprocess.run(timed, check=True, capture_output=True, text=True, env=_environment(), cwd=ROOT).stderr
    return heaviest(told)


def heaviest(told: str) -> list[list[Any]]:
    """[package, seconds] from the text of `python -X importtime`, the HEAVY largest, their modules' own times added."""
    own: Counter[str] = Counter()
    for micros, module in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", told, re.MULTILINE):
        own[module.partition(".")[0]] += int(micros)
    return [[name, micros / 1e6] for name, micros in own.most_common(HEAVY)]
