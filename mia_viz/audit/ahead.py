"""Reading and decoding ahead of the model: a thread reads, processes decode, a bounded queue waits.

Free of torch, so that those processes start quickly.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from mia_viz.audit.source import Item
from mia_viz.pictures.apart import Helpers
from mia_viz.pictures.files import kind_of_scan, load_picture
from mia_viz.pictures.limits import MAX_SCAN_BYTES
from mia_viz.pictures.picture import PictureError, View
from mia_viz.pictures.prepare import prepare

LONGEST = 120.0
"""Seconds that decoding one picture may take: generous, since a slow machine is no reason to lose a large scan."""
SECONDS = 0.2
"""How often a waiting reader looks whether it should stop."""


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

    decoders: processes that decode. work: what they do. longest: seconds that one picture may take. waited: seconds
    that were spent waiting for pictures. Use as a context, so that the thread ends with it.
    """

    def __init__(
        self,
        items: Iterable[Item],
        form: Form,
        decoders: Helpers,
        depth: int = 32,
        work: Callable[[Item, Form], Ready] = decode,
        longest: float = LONGEST,
    ) -> None:
        self.waited = 0.0
        self._items, self._form, self._decoders, self._depth, self._work = items, form, decoders, depth, work
        self._longest = longest
        self._queue: queue.Queue[Ready | BaseException | None] = queue.Queue(maxsize=max(1, depth))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True, name="audit-reader")

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

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
        begun: deque[tuple[Item, Future[Ready]]] = deque()
        held = 0
        for item in self._items:
            begun.append((item, self._decoders.submit(self._work, item, self._form, seconds=self._longest)))
            held += len(item.data or b"")
            while begun and (held > MAX_SCAN_BYTES or len(begun) >= min(self._depth, 4 * self._decoders.count)):
                held -= len(begun[0][0].data or b"")
                yield _result(*begun.popleft())
        while begun:
            yield _result(*begun.popleft())


def _result(item: Item, decoded: Future[Ready]) -> Ready:
    """What became of a picture, also of one that ended its process. Raises what decoding raised, and OSError where
    there could be no process."""
    try:
        return decoded.result()
    except PictureError as error:
        digest = hashlib.sha256(item.data or b"").hexdigest()
        return Ready(item.place, item.id, None, digest, caption=item.caption, error=str(error))
