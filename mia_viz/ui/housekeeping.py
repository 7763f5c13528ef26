"""Ends visits: what a closed or abandoned page left in memory and on the disk is removed.

gradio keeps the state of a closed page for an hour and what it showed for good; here a page that was closed, whose
visitor has signed out, or that was left alone for most of an hour, is forgotten as a whole, its model included, and
nothing may be asked in its name afterwards. The visitor's own pictures, and what was found about them, go earlier:
after a quarter of an hour in which nothing was asked and nothing was running.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mia_viz.own_models import SHELF
from mia_viz.pictures import uploads
from mia_viz.serving.visitors import Visitors, tidy
from mia_viz.ui import log
from mia_viz.ui.gate_queue import asking, at_work
from mia_viz.ui.heap import give_memory_back
from mia_viz.ui.letting_go import ASKING, files_held, let_go

if TYPE_CHECKING:
    import gradio as gr

ROUND_SECONDS = 15.0
GRACE_SECONDS = 60.0
"""After a page has lost its connection: it may come back, a phone from its pocket for example."""
IDLE_SECONDS = 3300.0
"""After the last sign of life of a page."""
KEPT_SECONDS = 870.0
"""For which pictures are kept where nothing is asked; with the pause between two rounds less than 15 minutes."""
MARGIN_SECONDS = 30.0
"""After which a page may be sure that its pictures were let go, if they were, and asks."""


class Housekeeping:
    """Which pages are open, when each was last used, and a thread that ends those that are over."""

    def __init__(self, visitors: Visitors) -> None:
        self.visitors, self._lock = visitors, threading.Lock()
        self._open: Counter[str] = Counter()
        self._closed: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._used: dict[str, float] = {}
        self._gone: dict[str, frozenset[int]] = {}
        self._told: set[str] = set()
        self._started = False

    def start(self, blocks: gr.Blocks) -> None:
        """Begin the rounds, once."""
        with self._lock:
            if self._started:
                return
            self._started = True
        threading.Thread(target=self._rounds, args=(blocks,), daemon=True, name="housekeeping").start()

    def seen(self, session: str) -> None:
        """A page has given a sign of life."""
        with self._lock:
            self._seen[session] = self.visitors.clock()

    def used(self, session: str) -> None:
        """A page is being used."""
        with self._lock:
            self._seen[session] = self._used[session] = self.visitors.clock()

    def use(self, blocks: gr.Blocks, session: str) -> bool:
        """Something is asked on a page; whether it may be answered, because nothing of it was let go."""
        with self._lock:
            if self._missing(blocks, session):
                return False
            self._seen[session] = self._used[session] = self.visitors.clock()
            return True

    def gone(self, blocks: gr.Blocks, session: str) -> frozenset[int]:
        """Which states of a page were let go, until the page has been given what to show instead."""
        with self._lock:
            return self._missing(blocks, session)

    def _missing(self, blocks: gr.Blocks, session: str) -> frozenset[int]:
        if session in self._told and not asking(blocks, session, ASKING):
            self._told.discard(session)
            self._gone.pop(session, None)
        return self._gone.get(session, frozenset())

    def told(self, session: str) -> None:
        """A page has asked what was let go, and its answer is on the way."""
        with self._lock:
            if session in self._gone:
                self._told.add(session)

    def let_go(self, blocks: gr.Blocks) -> bool:
        """Forget the pictures of pages that rest; returns whether there were any. What is in use is not tidied away."""
        for session in at_work(blocks):
            self.used(session)
        some = False
        with self._lock:  # so that nothing is asked on a page between the look at its clock and the end of this
            now = self.visitors.clock()
            for session, since in [*self._used.items()]:
                if now - since <= KEPT_SECONDS:
                    for file in files_held(blocks, session):
                        with suppress(OSError):
                            os.utime(file)
                    continue
                del self._used[session]
                gone = let_go(blocks, session)
                if gone:
                    self._gone[session], some = gone, True
        return some

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
            seen = [*self._seen]
        left = [session for session in seen if self.visitors.ended(session)]  # signed out
        return [*dict.fromkeys(closed + idle + left)]

    def end(self, blocks: gr.Blocks, session: str) -> None:
        """Forget a page."""
        self.visitors.end(session)
        with self._lock:
            self._told.discard(session)
            for known in (self._closed, self._seen, self._used, self._gone):
                known.pop(session, None)
        SHELF.leave(session)
        holder, queue = blocks.state_holder, blocks._queue
        holder.delete_state(session)  # calls what components want done with what they kept
        with holder.lock:
            holder.session_data.pop(session, None)
            holder.time_last_used.pop(session, None)
        queue.pending_messages_per_session.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)

    def round(self, blocks: gr.Blocks) -> None:
        """Let go what has rested for too long, and end what is over."""
        some = self.let_go(blocks)
        ending = self.over()
        for session in ending:
            self.end(blocks, session)
        tidy(self.visitors.root, time.time())
        uploads.thin()
        if ending or some:
            give_memory_back()

    def _rounds(self, blocks: gr.Blocks) -> None:
        while True:
            time.sleep(ROUND_SECONDS)
            try:
                self.round(blocks)
            except Exception as error:  # pictures must be let go in the next round all the same
                log.failure("a round of housekeeping ended early", error)
