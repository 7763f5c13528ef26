"""The app of the load test, with a note of every answer of a network: when, in which analysis, and whether it was told
to stop before.

    python -m tests.load_app NOTES
"""

from __future__ import annotations

import itertools
import sys
import time

from mia_viz.probe import Progress
from mia_viz.ui import launch


def note_in(file: str) -> None:
    """Write a line at every answer: the moment in seconds, the analysis, 1 if its cancel flag was set already."""
    numbers = itertools.count(1)
    notes = open(file, "a", buffering=1, encoding="utf-8")  # noqa: SIM115
    advance = Progress.advance

    def noted(progress: Progress, evaluations: int) -> None:
        if evaluations:
            progress.number = getattr(progress, "number", None) or next(numbers)
            notes.write(f"{time.monotonic()} {progress.number} {int(progress.cancel.is_set())}\n")
        advance(progress, evaluations)

    Progress.advance = noted


if __name__ == "__main__":
    note_in(sys.argv[1])
    launch.launch(launch.build())
