"""`python -m mia_viz.speed --page docs/speed.md`: measure what is missing, draw it, write the page."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mia_viz.commands.common import write_file, write_json
from mia_viz.speed.scale import FULL, QUICK, Scale

SECTIONS = ("attacks", "loop", "number", "nfe", "size", "workers", "laboratory", "startup")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mia_viz.speed", description=__doc__)
    parser.add_argument("--page", type=Path, required=True, metavar="FILE", help="Markdown; speed.json lies beside it")
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that everything works")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--again", nargs="+", choices=SECTIONS, default=[], metavar="SECTION", help="measure anew")
    asked = parser.parse_args(argv)
    os.environ["MIA_VIZ_THREADS"] = "1"  # the page says so: processes can only be compared at one thread each
    scale = QUICK if asked.quick else FULL
    kept = asked.page.parent / "speed.json"
    try:
        measured = measure(kept, scale, asked.only or SECTIONS, asked.again)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"mia-viz: {error}", file=sys.stderr)
        return 2
    write(measured, asked.page)
    return 0


def measure(kept: Path, scale: Scale, wanted: tuple[str, ...] | list[str], again: list[str]) -> dict[str, Any]:
    """All sections of this scale by name; those that are wanted and not kept yet are measured, and kept one by one."""
    from mia_viz.speed.machine import load, machine

    stored = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    if any(section["scale"] != scale.name for section in stored.values()):
        raise ValueError(f"{kept} holds a page of another scale; choose another place for this one.")
    measured = dict(stored)
    for name in SECTIONS:
        if name not in wanted or (name in measured and name not in again):
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        before, start = load(), time.perf_counter()
        with tempfile.TemporaryDirectory() as work:
            found = section(name)(scale, Path(work))
        told = {"scale": scale.name, "machine": machine(), "load": before, "seconds": time.perf_counter() - start}
        measured[name] = {**told, "found": found}
        write_json(kept, {name: measured[name] for name in SECTIONS if name in measured})
    return {name: measured[name] for name in SECTIONS if name in measured}


def section(name: str) -> Callable[[Scale, Path], dict[str, Any]]:
    """What measures a section."""
    from mia_viz.speed import engine, processes

    return getattr(engine, name, None) or getattr(processes, name)


def write(measured: dict[str, Any], page: Path) -> None:
    """Draw the figures into images/speed beside the page, and write the page."""
    from mia_viz.speed import page as words
    from mia_viz.speed import plots

    folder = page.parent / "images" / "speed"
    for name, kept in measured.items():
        plots.draw(name, kept["found"], folder)
    write_file(page, words.page(measured, "images/speed"))


if __name__ == "__main__":
    sys.exit(main())
