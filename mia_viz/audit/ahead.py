"""Reading and decoding ahead of the model: a thread reads, it or worker processes decode, a bounded queue waits.

Free of torch, so that worker processes start quickly.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from mia_viz.audit.source import Item
from mia_viz.audit.trying import Trying
from mia_viz.pictures.files import kind_of_scan, load_picture
from mia_viz.pictures.limits import MAX_SCAN_BYTES
from mia_viz.pictures.picture import PictureError, View
from mia_viz.pictures.prepare import prepare

SECONDS = 0.2
"""How often a waiting reader looks whether it should stop."""
CRASHED = "Decoding this file ends the program that tries it, so it was left out."


@dataclass(frozen=True, eq=False)
class Ready:
    """A picture ready for the model, or why there is none.

    values: (C, H, W) float32 in [-1, 1], None where error says why. sha256: of the file, pixels_sha256: of the values;
    either "" where it could not be had. notes: what was done to the picture.
    """

    place: int
    id: str
    values: np.ndarray | None
    sha256: str = ""
    pixels_sha256: str = ""
    notes: tuple[str, ...] = ()
    caption: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Form:
    """What pictures are brought to: (C, H, W) of the model, and how (see `mia_viz.pictures.prepare`).

    view: what of scans is looked at; other pictures are whole.
    """

    shape: tuple[int, int, int]
    how: str = "exact"
    view: View = field(default_factory=View)


def decode(item: Item, form: Form) -> Ready:
    """Decode and prepare one picture; whatever is wrong with it becomes its error."""
    if item.data is None:
        return Ready(item.place, item.id, None, caption=item.caption, error=item.error)
    try:
        view = form.view if form.view.asks and kind_of_scan(item.data) else None
        picture = load_picture(item.data, item.id, view)
        prepared = prepare(picture, form.shape[1:], form.shape[0], form.how)
    except PictureError as error:
        digest = hashlib.sha256(item.data).hexdigest()
        return Ready(item.place, item.id, None, digest, caption=item.caption, error=str(error))
    notes = (*picture.notes, *prepared.notes)
    return Ready(item.place, item.id, prepared.values, picture.sha256, prepared.sha256, notes, item.caption)


class Ahead:
    """Iterates over decoded pictures in the order of `items`, at most about `depth` of them ahead of the reader.

    workers: processes that decode; 0 for none, when the reading thread decodes. work: what decodes. trying: notes what
    the thread decodes, and tells which places a process of their own has to decode. waited: seconds that were spent
    waiting for pictures. Use as a context, so that thread and processes end with it.
    """

    def __init__(
        self,
        items: Iterable[Item],
        form: Form,
        depth: int = 32,
        workers: int = 0,
        work: Callable[[Item, Form], Ready] = decode,
        trying: Trying | None = None,
    ) -> None:
        self.waited, self._trying = 0.0, trying
        self._items, self._form, self._depth, self._work = items, form, depth, work
        self._queue: queue.Queue[Ready | BaseException | None] = queue.Queue(maxsize=max(1, depth))
        self._stop = threading.Event()
        self._pool = _Pool(workers) if workers else None
        self._thread = threading.Thread(target=self._feed, daemon=True, name="audit-reader")

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=60)
        if self._pool is not None:
            self._pool.close()

    def __iter__(self) -> Iterator[Ready]:
        while True:
            start = time.perf_counter()
            found = self._queue.get()
            self.waited += time.perf_counter() - start
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            yield found

    def _feed(self) -> None:
        try:
            for ready in self._decoded():
                if not self._put(ready):
                    return
            self._put(None)
        except BaseException as error:  # whatever happens here must reach the one who waits
            self._put(error)

    def _put(self, value: Ready | BaseException | None) -> bool:
        """Hand over, unless asked to stop first."""
        while not self._stop.is_set():
            try:
                self._queue.put(value, timeout=SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def _decoded(self) -> Iterator[Ready]:
        if self._pool is None:
            yield from map(self._here, self._items)
            return
        begun: deque[tuple[Item, Future[Ready]]] = deque()
        held = 0
        for item in self._items:
            begun.append((item, self._pool.submit(self._work, item, self._form)))
            held += len(item.data or b"")
            while begun and (held > MAX_SCAN_BYTES or len(begun) >= min(self._depth, 4 * self._pool.workers)):
                held -= len(begun[0][0].data or b"")
                yield self._finish(self._pool, *begun.popleft())
        while begun:
            yield self._finish(self._pool, *begun.popleft())

    def _here(self, item: Item) -> Ready:
        """Decoded by this thread, or in a process of its own where that has ended a run before."""
        if self._trying is None or item.data is None:
            return self._work(item, self._form)
        if item.place not in self._trying.suspects:
            self._trying.note(item.place)
            ready = self._work(item, self._form)
            self._trying.note(None)
            return ready
        pool = _Pool(1)
        try:
            return self._finish(pool, item, pool.submit(self._work, item, self._form))
        finally:
            pool.close()

    def _finish(self, pool: _Pool, item: Item, future: Future[Ready]) -> Ready:
        """A worker's answer; where a worker died, the picture is tried once more alone, to find the guilty one."""
        try:
            return future.result()
        except BrokenProcessPool:
            pool.renew()
        try:
            return pool.submit(self._work, item, self._form).result()
        except BrokenProcessPool:
            pool.renew()
            digest = hashlib.sha256(item.data or b"").hexdigest()
            return Ready(item.place, item.id, None, digest, caption=item.caption, error=CRASHED)


class _Pool:
    """Worker processes that can be replaced when one has died."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.renew()

    def renew(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process that holds a GPU is unsafe
        self._pool = ProcessPoolExecutor(self.workers, context, initializer=_leave_with_parent)

    def submit(self, work: Callable[[Item, Form], Ready], item: Item, form: Form) -> Future[Ready]:
        try:
            return self._pool.submit(work, item, form)
        except BrokenProcessPool as error:  # found broken before its death was met by `_finish`
            failed: Future[Ready] = Future()
            failed.set_exception(error)
            return failed

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _leave_with_parent() -> None:
    """End this worker when the audit is killed, which leaves no other sign; an interrupt is the audit's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
