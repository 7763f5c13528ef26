"""Ends visits: what a closed or abandoned page left in memory and on the disk is removed.

gradio keeps the state of a closed page for an hour and what it showed for good; here a page that was closed, or left
alone for most of an hour, is forgotten as a whole, and nothing may be asked in its name afterwards.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mia_viz.serving.visitors import Visitors, tidy
from mia_viz.ui.gate_queue import at_work

if TYPE_CHECKING:
    import gradio as gr

M_ARENA_MAX = -8
"""glibc, malloc.h."""
ROUND_SECONDS = 15.0
GRACE_SECONDS = 60.0
"""After a page has lost its connection: it may come back, a phone from its pocket for example."""
IDLE_SECONDS = 3300.0
"""After the last thing that was asked on a page."""


class Housekeeping:
    """Which pages are open, when each was last used, and a thread that ends those that are over."""

    def __init__(self, visitors: Visitors) -> None:
        self.visitors, self._lock = visitors, threading.Lock()
        self._open: Counter[str] = Counter()
        self._closed: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._started = False

    def start(self, blocks: gr.Blocks) -> None:
        """Begin the rounds, once."""
        with self._lock:
            if self._started:
                return
            self._started = True
        keep_memory_together()
        threading.Thread(target=self._rounds, args=(blocks,), daemon=True, name="housekeeping").start()

    def seen(self, session: str) -> None:
        """A page has been used now."""
        with self._lock:
            self._seen[session] = self.visitors.clock()

    @contextmanager
    def watching(self, session: str) -> Iterator[None]:
        """While a page holds its connection."""
        with self._lock:
            self._open[session] += 1
            self._closed.pop(session, None)
        try:
            yield
        finally:
            with self._lock:
                self._open[session] -= 1
                if self._open[session] <= 0:
                    del self._open[session]
                    self._closed[session] = self.visitors.clock()

    def over(self) -> list[str]:
        """Pages that were closed or left alone."""
        now = self.visitors.clock()
        with self._lock:
            closed = [session for session, since in self._closed.items() if now - since > GRACE_SECONDS]
            idle = [session for session, since in self._seen.items() if now - since > IDLE_SECONDS]
        return [*dict.fromkeys(closed + idle)]

    def end(self, blocks: gr.Blocks, session: str) -> None:
        """Forget a page."""
        self.visitors.end(session)
        with self._lock:
            self._closed.pop(session, None)
            self._seen.pop(session, None)
        holder, queue = blocks.state_holder, blocks._queue
        holder.delete_state(session)  # calls what components want done with what they kept
        with holder.lock:
            holder.session_data.pop(session, None)
            holder.time_last_used.pop(session, None)
        queue.pending_messages_per_session.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)

    def _rounds(self, blocks: gr.Blocks) -> None:
        while True:
            time.sleep(ROUND_SECONDS)
            for session in at_work(blocks):
                self.seen(session)
            ending = self.over()
            for session in ending:
                self.end(blocks, session)
            tidy(self.visitors.root, time.time())
            if ending:
                give_memory_back()


def keep_memory_together() -> None:
    """Have all threads share a few heaps: in one heap per thread, pieces left over add up to hundreds of MB."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def give_memory_back() -> None:
    """Have the system get back what ended visits held; the C library would keep much of it for later."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
