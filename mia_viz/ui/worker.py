"""Run a job of the engine in a thread and follow it from a generator.

Gradio closes a generator when its event is cancelled or the visitor leaves; closing it here sets the cancel flag, which
the engine reads between two network calls. A plain function would go on computing for nobody.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from mia_viz.own_models import SHELF

if TYPE_CHECKING:  # the engine, and torch with it, is loaded behind the first screen
    from mia_viz.probe import Progress

T = TypeVar("T")

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Update(Generic[T]):
    """News from a running job: share done in [0, 1], seconds so far, what has newly been found, if anything.

    asked: evaluations of the network so far.
    """

    share: float
    seconds: float
    found: T | None = None
    asked: int = 0


def follow(job: Callable[[Progress, Callable[[T], None]], object]) -> Iterator[Update[T]]:
    """Updates of a job until it is finished; re-raises what went wrong in its thread.

    job(progress, tell): does the work, counts it in `progress` and hands over every finding with `tell`.
    """
    from mia_viz.probe import Cancelled, Progress

    progress, news = Progress(), queue.SimpleQueue()

    def work() -> None:
        try:
            with SHELF.in_use():  # a model that is being asked is not let go to make room for another
                job(progress, news.put)
            news.put(None)
        except Cancelled:
            news.put(None)
        except Exception as error:  # handed to the visitor's own thread, which words it
            news.put(error)

    start = time.perf_counter()
    threading.Thread(target=work, daemon=True, name="examination").start()
    try:
        while True:
            try:
                item = news.get(timeout=POLL_SECONDS)
            except queue.Empty:
                yield Update(_share(progress), time.perf_counter() - start, None, progress.done)
                continue
            if isinstance(item, Exception):
                raise item
            if item is None:
                return
            yield Update(_share(progress), time.perf_counter() - start, item, progress.done)
    finally:
        progress.cancel.set()


def _share(progress: Progress) -> float:
    return min(1.0, progress.done / progress.expected) if progress.expected else 0.0
