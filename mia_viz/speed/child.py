"""`python -m mia_viz.speed.child TARGET SOURCE OUT [options]`: one audit in a process of its own, told in JSON.

Its peak memory and its rate are then those of the audit alone. The rate counts from the first report to the last, so
that starting up (which for Ray takes long) stays out of it.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import time
from contextlib import suppress
from functools import partial
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("source")
    parser.add_argument("out", type=Path)
    parser.add_argument("--attack", default="loss")
    parser.add_argument("--part", type=int, default=512)
    parser.add_argument("--shard", type=int, nargs=2, default=(1, 1))
    parser.add_argument("--actors", type=int, default=0)
    parser.add_argument("--no-spectra", action="store_true")
    print(json.dumps(audited(parser.parse_args())))


def audited(asked: argparse.Namespace) -> dict[str, float | None]:
    """Run the audit; seconds, pictures per second, peak memory in MiB and bytes of the table."""
    from mia_viz.audit.run import Options, audit

    options = Options(part=asked.part, shard=tuple(asked.shard), spectra=not asked.no_spectra)
    seen: list[tuple[float, int]] = []
    if asked.actors:
        from mia_viz.audit import cluster

        opener = cluster.opener_of(asked.target, "auto", None, 1.0)
        with cluster.connected("local", "cpu") as machines:
            target = cluster.planned(opener, machines)
            seconds = run(partial(cluster.audit, opener, machines, actors=asked.actors), target, asked, options, seen)
    else:
        from mia_viz.commands.common import open_target

        seconds = run(audit, open_target(asked.target, "cpu"), asked, options, seen)
    (first, some), (last, every) = seen[0], seen[-1]
    return {
        "pictures": every,
        "seconds": seconds,
        "rate": (every - some) / (last - first) if every > some else None,
        "peak": peak_memory(),
        "table": sum(file.stat().st_size for file in (asked.out / "parts").glob("*.parquet")),
    }


def peak_memory() -> float:
    """The most memory that this program has had, in MiB.

    Linux tells it in /proc; what getrusage says may be the memory of the program that started this one.
    """
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(work, target, asked: argparse.Namespace, options, seen: list[tuple[float, int]]) -> float:
    """Seconds of an audit; seen: (time, pictures done) of every report."""
    from mia_viz.analysis import plan
    from mia_viz.audit.source import Source

    plans = [plan(name) for name in asked.attack.split(",")]
    start = time.perf_counter()
    source = Source(asked.source)
    work(target, source, plans, asked.out, options, report=lambda t: seen.append((time.perf_counter(), t.done)))
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
