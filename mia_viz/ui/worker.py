"""Run an examination in a thread and follow it from a generator.

Gradio closes a generator when its event is cancelled or the visitor leaves; closing it here sets the cancel flag, which
the engine reads between two network calls. A plain function would go on computing for nobody.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.pictures.prepare import Prepared

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Update:
    """News from a running examination: share done in [0, 1], seconds so far, and a grown case or None."""

    share: float
    seconds: float
    case: Case | None = None
    finished: bool = False


def follow(target: str, prepared: Prepared, name: str, truth: str | None) -> Iterator[Update]:
    """Updates of one examination until it is finished; re-raises what went wrong in the thread."""
    from mia_viz.probe import Cancelled, Progress

    progress, news = Progress(), queue.SimpleQueue()

    def work() -> None:
        try:
            engine.examine_bundled(target, prepared, name, truth, progress, news.put)
            news.put(None)
        except Cancelled:
            news.put(None)
        except Exception as error:  # handed to the visitor's own thread, which words it
            news.put(error)

    start = time.perf_counter()
    thread = threading.Thread(target=work, daemon=True, name="examination")
    thread.start()
    try:
        while True:
            share = progress.done / progress.expected if progress.expected else 0.0
            try:
                item = news.get(timeout=POLL_SECONDS)
            except queue.Empty:
                yield Update(min(share, 1.0), time.perf_counter() - start)
                continue
            if isinstance(item, Exception):
                raise item
            if item is None:
                return
            share = progress.done / progress.expected
            yield Update(min(share, 1.0), time.perf_counter() - start, item, item.overall is not None or share >= 1)
    finally:
        progress.cancel.set()
